/**
 * @file dtmf.h  Telephone events (RFC 4733 section 2)
 */
#ifndef MEDIA_DTMF_H
#define MEDIA_DTMF_H

#include "packet.h"

enum { DTMF_PAYLOAD = 4, DTMF_QUEUE = 32, DTMF_PAIRS = 8 };

/** How a peer tells a digit: in its voice's place, or by signalling */
enum dtmf_way { DTMF_VOICE, DTMF_SIGNAL };

/** Digits that arrive */
struct dtmf_in {
	uint32_t ssrc, ts;         /* of the newest event                  */
	uint8_t event;
	bool heard, ended;
	uint64_t second_us;        /* when the present second began        */
	unsigned in_second;        /* events in it                         */
};

/** Digits that were told in one way, and may be told again in the other */
struct dtmf_pairs {
	struct { char digit; enum dtmf_way way; uint64_t us; } v[DTMF_PAIRS];
	unsigned next;             /* the oldest one                       */
};

/**
 * Some phones tell a digit twice, as an event and by INFO, in any order: of
 * the two that are within two seconds of each other the first one counts
 *
 * @return true if it is none that was told in the other way already
 */
bool dtmf_is_new(struct dtmf_pairs *pairs, enum dtmf_way way, char digit,
		 uint64_t now_us);

/** A digit has ended that was told in its voice: INFO may come at its end */
void dtmf_ended(struct dtmf_pairs *pairs, char digit, uint64_t now_us);

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
