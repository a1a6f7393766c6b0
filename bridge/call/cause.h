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

/** What a peer told by Reason (RFC 3326; in responses RFC 6432) */
struct cause_heard {
	uint16_t q850;             /* 0: none                               */
	uint16_t sip;              /* 0: none                               */
};

/** @param msg  BYE, CANCEL or final answer; NULL: nothing is heard */
void cause_hear(struct cause_heard *heard, const struct sip_msg *msg);

/**
 * Reason header for the other side. The causes that the peer told are kept,
 * its texts stay: they may hold names of its network.
 *
 * @param buf   Takes the header with CRLF, "" if there is nothing to tell
 * @param q850  For a peer that told no cause; 0: nothing is told then
 */
void cause_reason(char *buf, size_t size, const struct cause_heard *heard,
		  uint16_t q850);

/** Q.850's words for a cause, "" if it has none */
const char *cause_q850_name(uint16_t q850);

#endif
