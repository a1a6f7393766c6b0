/**
 * @file conceal.c  Voice that never came, and voice that comes too fast
 */
#include <string.h>
#include "conceal.h"


enum {
	PITCH_MIN_HZ = 66,         /* longest and shortest period that     */
	PITCH_MAX_HZ = 400,        /* speech has                           */
	WINDOW_MS    = 20,         /* compared when looking for it         */
	FULL_MS      = 10,         /* as loud as before, then fading       */
	FADE_MS      = 60,         /* silent from here on                  */
	BLEND_MS     = 4,
};


static unsigned samples(uint32_t rate, unsigned ms)
{
	return rate * ms / 1000;
}


void conceal_init(struct conceal *conceal, uint32_t rate)
{
	memset(conceal, 0, sizeof(*conceal));
	conceal->rate = rate;
}


/** How alike are a window and the one `lag` before it? -1..1 */
static float likeness(const int16_t *window, unsigned n, unsigned lag,
		      unsigned step)
{
	const int16_t *before = window - lag;
	float cross = 0, energy = 1, own = 1;

	for (unsigned i = 0; i < n; i += step) {
		const float a = window[i], b = before[i];

		cross  += a * b;
		own    += a * a;
		energy += b * b;
	}

	return cross > 0 ? cross * cross / (own * energy) : 0;
}


/**
 * Pitch period at the end of v
 *
 * @param n  Samples before v's end, at least window and longest period
 */
static unsigned find_period(const int16_t *v, size_t n, uint32_t rate)
{
	const unsigned longest  = rate / PITCH_MIN_HZ;
	const unsigned shortest = rate / PITCH_MAX_HZ;
	const unsigned size = samples(rate, WINDOW_MS);
	const unsigned step = rate / 4000;
	const int16_t *window = v + n - size;
	unsigned best = shortest;
	float most = -1;

	/* coarse at 4 kHz, then to the sample around it */
	for (unsigned lag = shortest; lag <= longest; lag += step) {
		const float now = likeness(window, size, lag, step);

		if (now > most) {
			most = now;
			best = lag;
		}
	}

	most = -1;
	for (unsigned lag = best - step, last = best + step, found = best;
	     lag <= last; lag++) {
		const float now = likeness(window, size, lag, 1);

		if (now > most) {
			most  = now;
			found = lag;
		}
		best = found;
	}

	return best;
}


void conceal_note(struct conceal *conceal, const int16_t *pcm, size_t n)
{
	int16_t *v = conceal->historyv;

	if (n >= CONCEAL_HISTORY) {
		memcpy(v, pcm + n - CONCEAL_HISTORY,
		       CONCEAL_HISTORY * sizeof(*v));
		return;
	}

	memmove(v, v + n, (CONCEAL_HISTORY - n) * sizeof(*v));
	memcpy(v + CONCEAL_HISTORY - n, pcm, n * sizeof(*v));
}


/** The next sample of the repeated period */
static int16_t repeat(struct conceal *conceal)
{
	const unsigned period = conceal->period, edge = period / 4;
	const int16_t *end = conceal->historyv + CONCEAL_HISTORY;
	const unsigned at = conceal->at;
	int32_t sample = end[(int)at - (int)period];

	/* the last quarter blends into the samples before the period, so
	   that its end fits its beginning */
	if (at >= period - edge) {
		const int32_t w = (int32_t)(at - (period - edge)) + 1;
		const int32_t before = end[(int)at - 2 * (int)period];

		sample = (sample * ((int32_t)edge + 1 - w) + before * w) /
			((int32_t)edge + 1);
	}

	conceal->at = (at + 1) % period;

	return (int16_t)sample;
}


static int32_t fade(const struct conceal *conceal, int32_t sample)
{
	const unsigned full = samples(conceal->rate, FULL_MS);
	const unsigned end  = samples(conceal->rate, FADE_MS);

	if (conceal->missing < full)
		return sample;
	if (conceal->missing >= end)
		return 0;

	return sample * (int32_t)(end - conceal->missing) /
		(int32_t)(end - full);
}


static void begin(struct conceal *conceal)
{
	conceal->period = find_period(conceal->historyv, CONCEAL_HISTORY,
				      conceal->rate);
	conceal->at = 0;
}


/* While samples are missing the history stays as it was */
void conceal_fill(struct conceal *conceal, int16_t *pcm, size_t n)
{
	if (!conceal->missing)
		begin(conceal);

	for (size_t i = 0; i < n; i++) {
		pcm[i] = (int16_t)fade(conceal, repeat(conceal));
		conceal->missing++;
	}
}


void conceal_real(struct conceal *conceal, int16_t *pcm, size_t n)
{
	const unsigned blend = samples(conceal->rate, BLEND_MS);

	if (conceal->missing) {
		for (unsigned i = 0; i < blend && i < n; i++) {
			const int32_t made = fade(conceal, repeat(conceal));

			pcm[i] = (int16_t)((pcm[i] * (int32_t)i + made *
					    (int32_t)(blend - i)) /
					   (int32_t)blend);
			conceal->missing++;
		}
		conceal->missing = 0;
	}

	conceal_note(conceal, pcm, n);
}


static bool long_enough(const struct conceal *conceal, size_t n)
{
	return n >= samples(conceal->rate, WINDOW_MS);
}


/* pcm is already the end of the history */
size_t conceal_shorten(const struct conceal *conceal, int16_t *pcm, size_t n)
{
	unsigned period;

	if (!long_enough(conceal, n))
		return n;

	period = find_period(conceal->historyv, CONCEAL_HISTORY,
			     conceal->rate);
	if (2 * period > n)
		return n;

	for (unsigned i = 0; i < period; i++)
		pcm[i] = (int16_t)((pcm[i] * (int32_t)(period - i) +
				    pcm[i + period] * (int32_t)i) /
				   (int32_t)period);

	memmove(pcm + period, pcm + 2 * period,
		(n - 2 * period) * sizeof(*pcm));

	return n - period;
}


size_t conceal_lengthen(const struct conceal *conceal, int16_t *pcm,
			size_t n, size_t max)
{
	unsigned period;

	if (!long_enough(conceal, n))
		return n;

	period = find_period(conceal->historyv, CONCEAL_HISTORY,
			     conceal->rate);
	if (2 * period > n || n + period > max)
		return n;

	/* first period, then the second blending back into the first, then
	   on from the second */
	memmove(pcm + 2 * period, pcm + period, (n - period) * sizeof(*pcm));
	for (unsigned i = 0; i < period; i++) {
		const int32_t second = pcm[2 * period + i];

		pcm[period + i] = (int16_t)
			((second * (int32_t)(period - i) +
			  pcm[i] * (int32_t)i) / (int32_t)period);
	}

	return n + period;
}
