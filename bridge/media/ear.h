/**
 * @file ear.h  From the packets of one side to an even flow of samples
 *
 * An adaptive jitter buffer, the decoders behind it, and concealment. Used
 * where voice is transcoded; where it is passed on packet by packet the
 * receiver has a buffer of its own and ours would only delay.
 *
 * Packets are put in as they come, in any order; samples are read by our own
 * clock. The buffer is as long as 97 of 100 of the last packets would have
 * needed. It is made longer and shorter by whole pitch periods, which also
 * makes up for a sender whose clock is not ours. What comes after its time is
 * counted and forgotten.
 */
#ifndef MEDIA_EAR_H
#define MEDIA_EAR_H

#include "codec.h"
#include "packet.h"

struct ear;                        /* a libre memory object */

enum ear_tone {
	EAR_DIGIT_ON,              /* a DTMF tone has begun                */
	EAR_DIGIT_OFF,
	EAR_FAX,                   /* CNG (1100 Hz) or CED (2100 Hz)       */
};

/** A tone was heard; runs from ear_read() */
typedef void (ear_tone_h)(enum ear_tone tone, char digit, void *arg);

struct ear_figures {
	uint32_t late;             /* packets after their time             */
	uint32_t lost;             /* packets that were to be heard and had
				      not come                             */
	uint32_t depth_ms;         /* in the buffer, on average            */
	uint32_t target_ms;        /* wanted                               */
};

/**
 * @param rate    Of the samples, 8000 or 16000 Hz
 * @param codecs  The codecs that may come: bit 1 << enum codec
 *
 * @return 0, EINVAL a codec that is not at that rate, ENOMEM
 */
int ear_alloc(struct ear **earp, uint32_t rate, unsigned codecs);

uint32_t ear_rate(const struct ear *ear);

/**
 * Listen for DTMF tones, and let none through, for which the voice is
 * delayed by 40 ms; or for fax tones
 *
 * @return 0, ENOMEM
 */
int ear_listen(struct ear *ear, bool digits, bool fax, ear_tone_h *toneh,
	       void *arg);

/** A buffer of fixed length without stretching: what modems want */
void ear_fix(struct ear *ear, uint32_t ms);

/** @param rate  Clock rate of the packet's time stamp [Hz] */
void ear_put(struct ear *ear, const struct packet *pkt, enum codec codec,
	     uint32_t rate, uint64_t now_us);

/**
 * @param n  At most 60 ms
 *
 * @return false while nothing comes: pcm is untouched
 */
bool ear_read(struct ear *ear, int16_t *pcm, size_t n, uint64_t now_us);

/** The next packet is the first */
void ear_flush(struct ear *ear);

void ear_figures(const struct ear *ear, struct ear_figures *figures);

#endif
