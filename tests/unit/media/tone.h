/**
 * @file tone.h  Sines, and how much of one is in some samples
 */
#ifndef TEST_TONE_H
#define TEST_TONE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/** Samples from `at` on of a sine of hz */
static inline void tone_make(int16_t *pcm, size_t n, size_t at, double hz,
			     uint32_t rate, double level)
{
	for (size_t i = 0; i < n; i++)
		pcm[i] = (int16_t)lround(32767 * level *
			sin(2 * M_PI * hz * (double)(at + i) / rate));
}


/** Level of hz in the samples, 0..1, by Goertzel's algorithm */
static inline double tone_level(const int16_t *pcm, size_t n, double hz,
				uint32_t rate)
{
	const double c = 2 * cos(2 * M_PI * hz / rate);
	double a = 0, b = 0;

	for (size_t i = 0; i < n; i++) {
		const double now = pcm[i] / 32767.0 + c * a - b;

		b = a;
		a = now;
	}

	return 2 * sqrt(fabs(a * a + b * b - c * a * b)) / (double)n;
}


/** Root of the mean square, 0..1 */
static inline double tone_rms(const int16_t *pcm, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += pcm[i] / 32767.0 * (pcm[i] / 32767.0);

	return sqrt(sum / (double)n);
}

#endif
