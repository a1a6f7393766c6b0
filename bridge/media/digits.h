/**
 * @file digits.h  Digits of a side: heard, and sent in its peer's way
 *
 * A part of relay.h. A digit that is passed on begins when it began and lasts
 * as long; it takes the place of the voice.
 */
#ifndef MEDIA_DIGITS_H
#define MEDIA_DIGITS_H

#include "bridge/base/wheel.h"
#include "dtmf.h"
#include "media.h"

struct side;

/** A digit that comes */
struct digits_in {
	struct dtmf_in event;      /* of RFC 4733                          */
	struct dtmf_pairs pairs;   /* with those told by signalling        */
	bool doubled;              /* the event was told by it already     */
	char digit;                /* being heard, '\0': none              */
	uint32_t ms;               /* so far                               */
	uint32_t before_ms;        /* in earlier segments of it            */
	uint64_t began_us;
	bool relayed;              /* the other side hears it from us      */
	struct wheel_tmr tmr;      /* no more packets of it come           */
};

/** Digits on their way out */
struct digits_out {
	struct { char digit; uint8_t pt; uint32_t ms; bool open; }
		queuev[DTMF_QUEUE];    /* open: its length is not known yet */
	unsigned head, count;
	bool busy;                 /* the head is being sent               */
	bool tones;                /* in the voice: pace.c makes them      */
	uint32_t ts;               /* of its event                         */
	uint32_t rate;
	uint32_t sent_ms;
	uint32_t tone_us;          /* samples of it that were made         */
	unsigned ends;             /* end packets sent, then pauses        */
	float phasev[2];           /* of the tones                         */
	struct wheel_tmr tmr;
};

/** A telephone-event has come. @return false if its digit came by signalling
    before: then it is not passed on */
bool digits_hear(struct side *side, const struct packet *pkt,
		 const struct stream_map *map);

/** The peer has told a digit by signalling; STREAM_DTMF_TOLD, if it is none
    that was heard */
void digits_told(struct side *side, char digit, uint32_t duration_ms);

/** A DTMF tone has begun in its voice; '\0': has ended */
void digits_tone(struct side *side, char digit);

/** Send a digit to a side. @param pt  0: as stream_out says */
void digits_send(struct side *side, char digit, uint8_t pt,
		 uint32_t duration_ms);

/** The samples of the digit that is being sent as tones */
void digits_samples(struct side *side, uint32_t rate, int16_t *pcm, size_t n);

/** Timers stop */
void digits_end(struct side *side);

#endif
