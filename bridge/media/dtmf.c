/**
 * @file dtmf.c  Telephone events (RFC 4733 section 2)
 */
#include <string.h>
#include "dtmf.h"


enum {
	END        = 0x80,
	VOLUME     = 10,           /* -10 dBm0, as phones send it */
	PER_SECOND = 20,
	LONGEST    = 0xffff,       /* duration of a full segment  */
	EVENTS     = 17,
	PAIR_US    = 2000000,
};


static const char digits[] = "0123456789*#ABCD!";


/** An event too long for its duration field goes on under a new time stamp
    (section 2.5.1.3) */
static bool is_segment(const struct dtmf_in *in, const struct packet *pkt)
{
	return pkt->payload[0] == in->event && !in->ended && !pkt->marker &&
		pkt->ts - in->ts == LONGEST;
}


static bool too_many(struct dtmf_in *in, uint64_t now_us)
{
	if (now_us - in->second_us >= 1000000) {
		in->second_us = now_us;
		in->in_second = 0;
	}

	return in->in_second++ >= PER_SECOND;
}


bool dtmf_begins(struct dtmf_in *in, const struct packet *pkt,
		 uint64_t now_us, char *digit)
{
	bool end, segment;

	if (pkt->size < DTMF_PAYLOAD || pkt->payload[0] >= EVENTS)
		return false;

	end = pkt->payload[1] & END;

	if (in->heard && pkt->ssrc == in->ssrc) {
		const int32_t ahead = (int32_t)(pkt->ts - in->ts);

		if (ahead == 0 && end)
			in->ended = true;
		if (ahead <= 0)
			return false;
	}

	segment = in->heard && pkt->ssrc == in->ssrc && is_segment(in, pkt);

	in->heard = true;
	in->ended = end;
	in->ssrc  = pkt->ssrc;
	in->ts    = pkt->ts;
	in->event = pkt->payload[0];

	if (segment || too_many(in, now_us))
		return false;

	*digit = digits[in->event];

	return true;
}


bool dtmf_is_new(struct dtmf_pairs *pairs, enum dtmf_way way, char digit,
		 uint64_t now_us)
{
	for (unsigned i = 0; i < DTMF_PAIRS; i++) {
		const unsigned at = (pairs->next + i) % DTMF_PAIRS;

		if (pairs->v[at].digit != digit || pairs->v[at].way == way ||
		    now_us - pairs->v[at].us >= PAIR_US)
			continue;

		pairs->v[at].digit = '\0';     /* it has its second */
		return false;
	}

	pairs->v[pairs->next].digit = digit;
	pairs->v[pairs->next].way   = way;
	pairs->v[pairs->next].us    = now_us;
	pairs->next = (pairs->next + 1) % DTMF_PAIRS;

	return true;
}


void dtmf_ended(struct dtmf_pairs *pairs, char digit, uint64_t now_us)
{
	const unsigned at = (pairs->next + DTMF_PAIRS - 1) % DTMF_PAIRS;

	if (pairs->v[at].digit == digit && pairs->v[at].way == DTMF_VOICE)
		pairs->v[at].us = now_us;
}


int dtmf_event(char digit)
{
	const char *at;

	if (digit >= 'a' && digit <= 'd')
		digit = (char)(digit - 'a' + 'A');

	at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}


void dtmf_encode(uint8_t *p, uint8_t event, bool end, uint16_t duration)
{
	p[0] = event;
	p[1] = (uint8_t)((end ? END : 0) | VOLUME);
	put_u16(p + 2, duration);
}
