/**
 * @file identity.h  What each side is told of who calls
 *
 * Towards a PBX From is the phone that it knows, as the profile says; the
 * number that Teams wants to show goes into a header beside it, and who
 * forwarded into Diversion or History-Info. Towards Teams From is the party
 * that shall be shown, in E.164.
 */
#ifndef CALL_IDENTITY_H
#define CALL_IDENTITY_H

#include "callerid.h"
#include "history.h"

struct route;

/** Who is shown in Teams for a call from the PBX: route->caller */
void identity_shown(struct route *route, const struct sip_msg *msg);

/** From of the INVITE to the PBX (URI and name), and the headers beside it.
    @return 0, ENOMEM no room for the headers */
int identity_to_pbx(struct route *route, const struct sip_msg *msg);

/** Headers beside From towards Teams. @return 0, ENOMEM */
int identity_to_teams(struct route *route);

#endif
