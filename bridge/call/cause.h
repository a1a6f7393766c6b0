/**
 * @file cause.h  SIP failures from one side to the other, and in words
 *
 * One table for both directions. Towards Teams 408, 503 and 504 mean "try
 * the next trunk", 603 "do not try again"; towards a PBX a 6xx stops all
 * other phones of a group, so it is softened.
 */
#ifndef CALL_CAUSE_H
#define CALL_CAUSE_H

#include <stdint.h>

struct cause {
	uint16_t scode;            /* as it came                            */
	uint16_t to_teams, to_pbx; /* as it goes on                         */
	uint16_t q850;             /* RFC 4497, ITU-T Q.850                 */
	const char *reason;        /* phrase of what goes on                */
	const char *advice;        /* plain words for the record            */
};

/** Never NULL: an unknown code is taken as the x00 of its class */
const struct cause *cause_find(uint16_t scode);

#endif
