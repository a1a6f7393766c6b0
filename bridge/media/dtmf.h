/**
 * @file dtmf.h  Telephone events (RFC 4733 section 2)
 */
#ifndef MEDIA_DTMF_H
#define MEDIA_DTMF_H

#include "packet.h"

enum { DTMF_PAYLOAD = 4, DTMF_QUEUE = 32 };

/** Digits that arrive */
struct dtmf_in {
	uint32_t ssrc, ts;         /* of the newest event                  */
	uint8_t event;
	bool heard, ended;
	uint64_t second_us;        /* when the present second began        */
	unsigned in_second;        /* events in it                         */
};

/**
 * Look at a telephone-event packet
 *
 * @param digit  0-9 * # A-D, ! for flash
 *
 * @return true when it is the first of an event: once a digit, at most 20 a
 *         second. It may be the end, when all before it was lost: that is
 *         sent thrice for it (RFC 4733 section 2.5.1.4).
 */
bool dtmf_begins(struct dtmf_in *in, const struct packet *pkt,
		 uint64_t now_us, char *digit);

/** Event number of a digit, -1 if there is none */
int dtmf_event(char digit);

/** Write DTMF_PAYLOAD octets. @param duration  [timestamp units] */
void dtmf_encode(uint8_t *p, uint8_t event, bool end, uint16_t duration);

#endif
