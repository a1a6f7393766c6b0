/**
 * @file conceal.h  Voice that never came, and voice that comes too fast
 *
 * In place of lost samples the last pitch period is repeated and fades away
 * within 60 ms, as appendix I of G.711 does; the next real samples are
 * blended in. The same periods are taken out or put in, without a click, when
 * a jitter buffer is to become shorter or longer.
 */
#ifndef MEDIA_CONCEAL_H
#define MEDIA_CONCEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONCEAL_HISTORY = 800 };    /* samples: 50 ms at 16 kHz */

struct conceal {
	uint32_t rate;             /* [Hz], 8000 or 16000                  */
	int16_t historyv[CONCEAL_HISTORY];   /* newest last                */
	unsigned period;           /* being repeated                       */
	unsigned at;               /* next sample of it                    */
	unsigned missing;          /* samples made up so far, 0: none      */
};

void conceal_init(struct conceal *conceal, uint32_t rate);

/** Samples that came: noted, and blended with what was made up before */
void conceal_real(struct conceal *conceal, int16_t *pcm, size_t n);

/** Samples made up by other means (the codec's): only noted */
void conceal_note(struct conceal *conceal, const int16_t *pcm, size_t n);

/** Make up samples */
void conceal_fill(struct conceal *conceal, int16_t *pcm, size_t n);

/** Take one pitch period out of pcm, if it is long enough.
    @return samples left */
size_t conceal_shorten(const struct conceal *conceal, int16_t *pcm, size_t n);

/** Put one more in. @param max  Room of pcm [samples].
    @return samples now */
size_t conceal_lengthen(const struct conceal *conceal, int16_t *pcm,
			size_t n, size_t max);

#endif
