/**
 * @file noise.h  Comfort noise: so that a quiet line does not sound dead
 */
#ifndef MEDIA_NOISE_H
#define MEDIA_NOISE_H

#include <stddef.h>
#include <stdint.h>

enum { NOISE_LEVEL = 65 };         /* [-dBm0], where nobody says another */

struct noise {
	uint32_t random;
	int32_t low;               /* state of the low pass                */
	int32_t gain;              /* of the random numbers, 16.16         */
};

void noise_init(struct noise *noise);

/** @param level  [-dBm0], 0..127 as RFC 3389 section 3.1 has it; louder than
                  30 is taken for 30 */
void noise_set(struct noise *noise, uint8_t level);

void noise_read(struct noise *noise, int16_t *pcm, size_t n);

#endif
