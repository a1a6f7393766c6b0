/**
 * @file reception.h  How well a source arrives (RFC 3550 appendix A)
 */
#ifndef MEDIA_RECEPTION_H
#define MEDIA_RECEPTION_H

#include "packet.h"

struct reception {
	uint32_t ssrc;
	uint32_t cycles;           /* of the sequence number, << 16        */
	uint32_t base_seq;         /* first of this source                 */
	uint32_t received;
	uint32_t expected_prior, received_prior;
	uint64_t lost_before;      /* by earlier sources and before jumps  */
	uint32_t transit;
	uint32_t jitter;           /* [timestamp units], times 16          */
	uint32_t rate;             /* clock rate [Hz]                      */
	uint16_t max_seq;
	bool running;
};

/**
 * Take note of a packet
 *
 * @param timed  False where the time stamp does not tell the sending time
 *               (telephone-event)
 *
 * @return false if it came late or twice
 */
bool reception_note(struct reception *rec, const struct packet *pkt,
		    uint32_t rate, bool timed, uint64_t now_us);

/** Nothing is expected for a while, as on hold: what the source says meanwhile
    is not missed when it is heard again */
void reception_pause(struct reception *rec);

/** Lost since the beginning, all sources together (appendix A.3) */
uint64_t reception_lost(const struct reception *rec);

uint32_t reception_jitter_us(const struct reception *rec);

/** Lost of 256 since the last call (appendix A.3) */
uint8_t reception_fraction(struct reception *rec);

#endif
