/**
 * @file alive.h  Keepalives to a PBX, and what they tell
 *
 * As the profile says: empty lines (RFC 5626 section 4.4.1), OPTIONS, or
 * STUN on the SIP socket (RFC 5626 section 4.4.2, RFC 5389). One for each
 * flow, however many users it carries. Private to this room.
 */
#ifndef PBX_ALIVE_H
#define PBX_ALIVE_H

#include "site.h"

/** Keep a flow of this PBX open for as long as somebody else holds it */
void alive_keep(struct site *site, struct flow *flow);

/** Ask addresses that are down now and then, so that the PBX is reached by
    its preferred one again */
void alive_probe_start(struct site *site);

/** The site goes */
void alive_close(struct site *site);

#endif
