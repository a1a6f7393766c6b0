/**
 * @file noise.c  Comfort noise (RFC 3389)
 *
 * White noise through a gentle low pass, as loud as is said. The spectrum
 * that RFC 3389 may describe is not followed.
 */
#include <math.h>
#include "noise.h"


enum {
	LOUDEST = 30,
	SEED    = 0x2545f491,
};


void noise_set(struct noise *noise, uint8_t level)
{
	const double db = level < LOUDEST ? LOUDEST : level;
	/* 0 dBm0 is a sine whose RMS is 3.14 dB below full scale's; the low
	   pass leaves a third of the power of evenly spread numbers */
	const double rms = 32768 * 0.7071 * pow(10, -(db + 3.14) / 20);

	noise->gain = (int32_t)lround(rms * 3 * 65536 / 32768);
}


void noise_init(struct noise *noise)
{
	noise->random = SEED;
	noise->low    = 0;
	noise_set(noise, NOISE_LEVEL);
}


void noise_read(struct noise *noise, int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int32_t white;

		noise->random = noise->random * 1664525u + 1013904223u;
		white = (int32_t)(noise->random >> 16) - 32768;
		white = (int32_t)((int64_t)white * noise->gain >> 14);

		/* four bits below the sample, or the quietest were nothing */
		noise->low += (white - noise->low) / 2;
		pcm[i] = (int16_t)(noise->low / 4);
	}
}
