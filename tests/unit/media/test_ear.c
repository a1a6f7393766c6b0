/**
 * @file test_ear.c  Packets in any order, or not at all; an even flow out
 *
 * Time is ours: a sender of 20 ms packets, each late by what the test says,
 * and a reader each 20 ms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bridge/base/libre.h"
#include "bridge/media/conceal.h"
#include "bridge/media/ear.h"
#include "bridge/media/noise.h"
#include "bridge/media/player.h"
#include "tone.h"


enum { N = 160, HZ = 700, FRAMES = 500, STEP_US = 20000, LOST = 1 << 30,
       FIRST_SEQ = 65500 };

#define FIRST_TS 0xfffff000u


/** When packet i comes after it was sent [us]; LOST: never */
typedef int32_t (way_h)(unsigned i);

struct scene {
	struct ear *ear;
	struct encoder *enc;
	enum codec codec;
	way_h *way;
	double skew;               /* the sender's clock, 1: like ours     */
	unsigned frames;
	int16_t out[FRAMES * N];
	size_t outc;               /* samples heard                        */
	unsigned silent;           /* reads without any                    */
	unsigned digits, offs, faxes;
	char digit;
};


static void on_tone(enum ear_tone tone, char digit, void *arg)
{
	struct scene *s = arg;

	s->digits += tone == EAR_DIGIT_ON;
	s->offs   += tone == EAR_DIGIT_OFF;
	s->faxes  += tone == EAR_FAX;
	if (digit)
		s->digit = digit;
}


static struct scene *scene_open(enum codec codec, way_h *way)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->codec  = codec;
	s->way    = way;
	s->skew   = 1;
	s->frames = FRAMES;
	assert_int_equal(ear_alloc(&s->ear, 8000, 1u << codec), 0);
	assert_int_equal(encoder_alloc(&s->enc, codec, 8000), 0);

	return s;
}


static void scene_close(struct scene *s)
{
	mem_deref(s->ear);
	mem_deref(s->enc);
	free(s);
}


/** What the sender says in packet i; NULL: HZ */
typedef void (say_h)(unsigned i, int16_t *pcm);

struct flying { uint8_t p[CODEC_OCTETS]; size_t size; uint64_t at; };


/** Send all, read all, in the order of time */
static void play(struct scene *s, say_h *say)
{
	struct flying *v = calloc(s->frames, sizeof(*v));
	int16_t pcm[N];
	unsigned next = 0;

	for (unsigned i = 0; i < s->frames; i++) {
		const int32_t way = s->way(i);

		tone_make(pcm, N, (size_t)i * N, HZ, 8000, 0.3);
		if (say)
			say(i, pcm);
		v[i].size = encoder_encode(s->enc, pcm, N, v[i].p,
					   CODEC_OCTETS);
		v[i].at = way == LOST ? 0 : 1000000 + (uint64_t)
			(i * STEP_US * s->skew) + (uint64_t)way;
	}

	/* each millisecond: what has arrived, then perhaps a read */
	for (uint64_t us = 1000000; next < s->frames; us += 1000) {
		for (unsigned i = 0; i < s->frames; i++) {
			struct packet pkt = {
				.payload = v[i].p, .size = v[i].size,
				.seq = (uint16_t)(FIRST_SEQ + i),
				.ts = FIRST_TS + i * N, .ssrc = 7,
			};

			if (!v[i].at || v[i].at > us)
				continue;
			v[i].at = 0;
			if (pkt.size)
				ear_put(s->ear, &pkt, s->codec, 8000, us);
		}

		if (us % STEP_US != 7000)
			continue;
		next++;
		if (ear_read(s->ear, s->out + s->outc, N, us))
			s->outc += N;
		else
			s->silent++;
	}

	free(v);
}


/** Share of 20 ms blocks, from the second 1 on, that hold the tone */
static double heard(const struct scene *s, double level)
{
	unsigned good = 0, all = 0;

	for (size_t at = 8000; at + N <= s->outc; at += N, all++)
		good += tone_level(s->out + at, N, HZ, 8000) > level;

	return all ? (double)good / all : 0;
}


/** Is any 20 ms from the second 1 on quieter? */
static bool quieter(const struct scene *s, double rms)
{
	for (size_t at = 8000; at + N <= s->outc; at += N) {
		if (tone_rms(s->out + at, N) < rms)
			return true;
	}

	return false;
}


static struct ear_figures figures(const struct scene *s)
{
	struct ear_figures f;

	ear_figures(s->ear, &f);

	return f;
}


static int32_t even(unsigned i)
{
	(void)i;

	return 0;
}


static int32_t jittery(unsigned i)
{
	return (int32_t)(i * 7919 % 60) * 1000;
}


static int32_t swapped(unsigned i)
{
	return i % 5 == 3 ? 25000 : 0;
}


static int32_t one_in_ten(unsigned i)
{
	return i % 10 == 9 ? LOST : 0;
}


static int32_t three_together(unsigned i)
{
	return i % 50 >= 40 && i % 50 < 43 ? LOST : 0;
}


static int32_t half_then_late(unsigned i)
{
	return i < 250 ? 0 : 100000;
}


static void test_even_packets_are_heard_soon_and_whole(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, even);
	(void)state;

	play(s, NULL);
	assert_true(heard(s, 0.25) > 0.99);
	assert_int_equal(figures(s).lost, 0);
	assert_int_equal(figures(s).late, 0);
	assert_in_range(figures(s).depth_ms, 10, 50);
	scene_close(s);
}


static void test_jitter_of_60_ms_loses_nothing_once_it_is_known(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, jittery);
	(void)state;

	play(s, NULL);
	assert_true(heard(s, 0.2) > 0.97);
	assert_in_range(figures(s).late, 0, 8);
	assert_in_range(figures(s).depth_ms, 40, 110);
	scene_close(s);
}


static void test_packets_in_the_wrong_order_are_put_right(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, swapped);
	(void)state;

	play(s, NULL);
	assert_true(heard(s, 0.2) > 0.98);
	assert_in_range(figures(s).late, 0, 3);
	scene_close(s);
}


static void test_loss_of_one_in_ten_is_hardly_heard(void **state)
{
	static const enum codec codecv[] = { CODEC_PCMA, CODEC_G722,
					     CODEC_OPUS, CODEC_G729 };
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(codecv); i++) {
		struct scene *s;

		/* G.729 may have been left out of this build */
		if (codecv[i] == CODEC_G729 &&
		    codec_find("G729") == CODEC_NONE)
			continue;

		s = scene_open(codecv[i], one_in_ten);
		play(s, NULL);
		/* Opus and G.729 make up speech, and this is none */
		if (i < 2)
			assert_true(heard(s, 0.1) > 0.97);
		assert_false(quieter(s, codecv[i] == CODEC_G729 ?
				     0.01 : 0.03));
		assert_in_range(figures(s).lost, FRAMES / 10 - 4,
				FRAMES / 10);
		assert_int_equal(figures(s).late, 0);
		/* the delay does not grow with each loss */
		assert_in_range(figures(s).depth_ms, 10, 60);
		scene_close(s);
	}
}


static void test_a_burst_of_losses_fades_and_comes_back(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, three_together);
	(void)state;

	play(s, NULL);
	assert_in_range(figures(s).lost, 25, 30);
	assert_true(heard(s, 0.05) > 0.97);
	assert_in_range(figures(s).depth_ms, 10, 60);
	scene_close(s);
}


static void test_a_longer_way_is_followed(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, half_then_late);
	(void)state;

	play(s, NULL);
	/* all that is later later is heard; only the step is made up for */
	assert_true(heard(s, 0.2) > 0.95);
	assert_in_range(figures(s).late, 0, 5);
	scene_close(s);
}


static void clock_of(double skew)
{
	struct scene *s = scene_open(CODEC_PCMA, even);

	s->skew = skew;
	play(s, NULL);
	assert_true(heard(s, 0.2) > 0.97);
	assert_int_equal(figures(s).late, 0);
	assert_in_range(figures(s).depth_ms, 5, 70);
	scene_close(s);
}


static void test_a_clock_that_is_not_ours(void **state)
{
	(void)state;

	clock_of(1.005);           /* too slow: 50 ms in ten seconds       */
	clock_of(0.990);           /* too fast by twice that               */
}


static int32_t pauses(unsigned i)
{
	return i % 100 >= 60 ? LOST : 0;
}


/** The sender pauses without losing a number: silence suppression */
static void test_a_pause_is_not_a_loss(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, even);
	uint8_t p[N];
	int16_t pcm[N];
	uint16_t seq = 1;
	uint64_t us = 1000000;
	(void)state;

	for (unsigned i = 0; i < FRAMES; i++, us += STEP_US) {
		struct packet pkt = { .payload = p, .size = N, .ts = i * N,
				      .ssrc = 7 };

		if (!pauses(i)) {
			tone_make(pcm, N, (size_t)i * N, HZ, 8000, 0.3);
			(void)encoder_encode(s->enc, pcm, N, p,
					     CODEC_OCTETS);
			pkt.seq = seq++;
			ear_put(s->ear, &pkt, CODEC_PCMA, 8000, us);
		}
		if (ear_read(s->ear, s->out, N, us + 7000))
			s->outc += N;
	}

	assert_int_equal(figures(s).lost, 0);
	assert_int_equal(figures(s).late, 0);
	assert_in_range(figures(s).depth_ms, 10, 60);
	scene_close(s);
}


static void test_comfort_noise_is_as_loud_as_it_is_told(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, even);
	uint8_t p[1] = { 40 };
	int16_t pcm[N];
	struct packet pkt = { .payload = p, .size = 1, .seq = 9, .ssrc = 7 };
	double level = 0;
	uint64_t us = 1000000;
	(void)state;

	ear_put(s->ear, &pkt, CODEC_CN, 8000, us);
	for (unsigned i = 0; i < 15; i++, us += STEP_US) {
		if (ear_read(s->ear, pcm, N, us))
			level = tone_rms(pcm, N);
	}

	/* -40 dBm0 is an RMS of 0.005 of full scale */
	assert_true(level > 0.0025 && level < 0.01);
	scene_close(s);
}


static void say_five(unsigned i, int16_t *pcm)
{
	static float phasev[2];
	float hzv[2];

	if (i % 25 >= 5)
		return;

	assert_true(player_digit('5', hzv));
	if (i % 25 == 0)
		phasev[0] = phasev[1] = 0;
	player_tones(phasev, hzv, 0.2f, 8000, pcm, N);
}


static void test_a_digit_is_heard_and_not_let_through(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, even);
	double worst = 0;
	(void)state;

	assert_int_equal(ear_listen(s->ear, true, false, on_tone, s), 0);
	play(s, say_five);
	assert_int_equal(s->digits, FRAMES / 25);
	assert_in_range(s->offs, FRAMES / 25 - 1, FRAMES / 25);
	assert_int_equal(s->digit, '5');

	for (size_t at = 0; at + N <= s->outc; at += N / 2) {
		const double level = tone_level(s->out + at, N, 1336, 8000);

		worst = level > worst ? level : worst;
	}
	/* the tone was 0.2: what is left of its edges is no digit */
	assert_true(worst < 0.08);
	scene_close(s);
}


/** Held for 200 ms, and let go for 300 */
static void say_long_five(unsigned i, int16_t *pcm)
{
	static float phasev[2];
	float hzv[2];

	if (i % 25 >= 10)
		return;

	assert_true(player_digit('5', hzv));
	if (i % 25 == 0)
		phasev[0] = phasev[1] = 0;
	player_tones(phasev, hzv, 0.2f, 8000, pcm, N);
}


static int32_t two_in_the_middle_lost(unsigned i)
{
	return i % 25 == 4 || i % 25 == 5 ? LOST : 0;
}


static int32_t three_in_the_middle_lost(unsigned i)
{
	return i % 25 >= 4 && i % 25 <= 6 ? LOST : 0;
}


static int32_t five_in_the_middle_late(unsigned i)
{
	return i % 25 >= 4 && i % 25 <= 8 ? 90000 : 0;
}


static void test_a_digit_with_a_hole_is_one_digit(void **state)
{
	way_h *const wayv[] = { even, two_in_the_middle_lost,
				three_in_the_middle_lost,
				five_in_the_middle_late };
	(void)state;

	for (unsigned i = 0; i < 4; i++) {
		struct scene *s = scene_open(CODEC_PCMA, wayv[i]);

		assert_int_equal(ear_listen(s->ear, true, false, on_tone, s),
				 0);
		play(s, say_long_five);
		assert_int_equal(s->digits, FRAMES / 25);
		assert_in_range(s->offs, FRAMES / 25 - 1, FRAMES / 25);
		scene_close(s);
	}
}


static void say_ced(unsigned i, int16_t *pcm)
{
	tone_make(pcm, N, (size_t)i * N, 2100, 8000, 0.2);
}


static void test_a_fax_is_noticed_once(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, even);
	struct scene *t = scene_open(CODEC_PCMA, even);
	(void)state;

	assert_int_equal(ear_listen(s->ear, false, true, on_tone, s), 0);
	play(s, say_ced);
	assert_int_equal(s->faxes, 1);

	assert_int_equal(ear_listen(t->ear, false, true, on_tone, t), 0);
	play(t, NULL);
	assert_int_equal(t->faxes, 0);
	scene_close(s);
	scene_close(t);
}


static void test_a_modem_gets_a_buffer_of_fixed_length(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, jittery);
	(void)state;

	ear_fix(s->ear, 120);
	play(s, NULL);
	assert_true(heard(s, 0.25) > 0.995);
	assert_int_equal(figures(s).late, 0);
	assert_int_equal(figures(s).lost, 0);
	scene_close(s);
}


/** Whatever numbers a peer writes: no crash, and no loop without an end */
static void test_hostile_packets(void **state)
{
	struct scene *s = scene_open(CODEC_PCMA, even);
	uint8_t p[CODEC_OCTETS];
	int16_t pcm[960];
	uint64_t us = 1000000;
	(void)state;

	srand(2);
	memset(p, 0x55, sizeof(p));
	for (unsigned i = 0; i < 20000; i++) {
		struct packet pkt = {
			.payload = p, .size = (size_t)rand() % sizeof(p),
			.seq  = (uint16_t)(rand() % 3 ? (int)i : rand()),
			.ts   = rand() % 3 ? i * N : (uint32_t)rand() * 3u,
			.ssrc = rand() % 50 ? 7 : 8,
		};

		ear_put(s->ear, &pkt, rand() % 9 ? CODEC_PCMA : CODEC_CN,
			rand() % 99 ? 8000 : 48000, us);
		us += (uint64_t)rand() % 30000;
		(void)ear_read(s->ear, pcm, 80 * (1 + (size_t)rand() % 6),
			       us);
	}
	scene_close(s);
}


static void test_a_period_less_or_more_makes_no_click(void **state)
{
	static int16_t pcm[1000];
	struct conceal c;
	size_t n;
	(void)state;

	for (unsigned longer = 0; longer < 2; longer++) {
		conceal_init(&c, 8000);
		for (unsigned i = 0; i < 6; i++) {
			tone_make(pcm, N, (size_t)i * N, 200, 8000, 0.5);
			conceal_real(&c, pcm, N);
		}
		n = longer ? conceal_lengthen(&c, pcm, N, 1000) :
			conceal_shorten(&c, pcm, N);
		assert_int_equal(n, longer ? 200 : 120);

		/* a sine of 200 Hz and 0.5 moves at most 2574 a sample */
		for (size_t i = 1; i < n; i++)
			assert_true(abs(pcm[i] - pcm[i - 1]) < 3200);
	}
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(test_even_packets_are_heard_soon_and_whole),
		cmocka_unit_test(
			test_jitter_of_60_ms_loses_nothing_once_it_is_known),
		cmocka_unit_test(
			test_packets_in_the_wrong_order_are_put_right),
		cmocka_unit_test(test_loss_of_one_in_ten_is_hardly_heard),
		cmocka_unit_test(test_a_burst_of_losses_fades_and_comes_back),
		cmocka_unit_test(test_a_longer_way_is_followed),
		cmocka_unit_test(test_a_clock_that_is_not_ours),
		cmocka_unit_test(test_a_pause_is_not_a_loss),
		cmocka_unit_test(test_comfort_noise_is_as_loud_as_it_is_told),
		cmocka_unit_test(test_a_digit_is_heard_and_not_let_through),
		cmocka_unit_test(test_a_digit_with_a_hole_is_one_digit),
		cmocka_unit_test(test_a_fax_is_noticed_once),
		cmocka_unit_test(test_a_modem_gets_a_buffer_of_fixed_length),
		cmocka_unit_test(test_hostile_packets),
		cmocka_unit_test(test_a_period_less_or_more_makes_no_click),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
