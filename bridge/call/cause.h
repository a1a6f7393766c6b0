/**
 * @file cause.h  SIP failures from one side to the other, with their cause
 *
 * One table for both directions. Towards Teams 408, 503 and 504 mean "try
 * the next trunk", 603 "do not try again"; towards a PBX a 6xx stops all
 * other phones of a group, so it is softened. What a failure means for people
 * is told by failure.h.
 */
#ifndef CALL_CAUSE_H
#define CALL_CAUSE_H

#include "bridge/base/libre.h"

struct cause {
	uint16_t scode;            /* as it came                            */
	uint16_t to_teams, to_pbx; /* as it goes on                         */
	uint16_t q850;             /* RFC 3398 section 8.2.6.1, ITU-T Q.850 */
	const char *reason;        /* phrase of what goes on                */
};

/** Never NULL: an unknown code is taken as the x00 of its class (RFC 3261
    section 8.1.3.2) */
const struct cause *cause_find(uint16_t scode);

/**
 * Reason header for the other side (RFC 3326; in responses RFC 6432). The
 * Q.850 and SIP causes that the peer told are kept, its texts stay: they may
 * hold names of its network.
 *
 * @param buf     Takes the header with CRLF, "" if there is nothing to tell
 * @param reason  Value of the peer's Reason header, may be unset
 * @param q850    For a peer that tells no cause; 0: nothing is told then
 *
 * @return Q.850 cause that the header tells, 0: none
 */
uint16_t cause_reason(char *buf, size_t size, const struct pl *reason,
		      uint16_t q850);

/** The Q.850 cause in a Reason header's value, 0: none */
uint16_t cause_q850(const struct pl *reason);

/** Q.850's words for a cause, "" if it has none */
const char *cause_q850_name(uint16_t q850);

#endif
