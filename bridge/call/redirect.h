/**
 * @file redirect.h  A PBX that answers a call with 3xx
 *
 * Followed at the same PBX, within limits of number, class of number and
 * loops; handed to Teams; or the end of the call, as the profile says
 * (call.redirects). What it names elsewhere is never called.
 */
#ifndef CALL_REDIRECT_H
#define CALL_REDIRECT_H

#include "bridge/base/libre.h"

struct call;
struct leg;
struct redirects;

/** leg_handlers.redirecth */
bool redirect_follow(struct leg *leg, const struct sip_msg *msg, char *ruri,
		     size_t size, void *arg);

/** Contact for a 302 to Teams, where the profile passes redirects on.
    @return false: end the call otherwise */
bool redirect_pass(struct call *call, const struct sip_msg *msg, char *hdr,
		   size_t size);

#endif
