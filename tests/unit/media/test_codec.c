/**
 * @file test_codec.c  A tone through each codec; payloads of any length
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bridge/base/libre.h"
#include "bridge/media/codec.h"
#include "tone.h"


enum { FRAMES = 30 };


static const enum codec voicev[] = {
	CODEC_PCMU, CODEC_PCMA, CODEC_G722, CODEC_OPUS, CODEC_G729,
};


/** G.729 may have been left out of this build */
static bool is_here(enum codec codec)
{
	return codec != CODEC_G729 || codec_find("G729") == CODEC_G729;
}


/** A second and more of a tone, there and back, in packets of that time */
static void there_and_back(enum codec codec, uint32_t rate, uint32_t ms)
{
	static int16_t in[CODEC_SAMPLES], out[FRAMES * CODEC_SAMPLES];
	const size_t n = rate / 1000 * ms;
	struct encoder *enc;
	struct decoder *dec;
	uint8_t p[CODEC_OCTETS];
	size_t got = 0;

	assert_int_equal(encoder_alloc(&enc, codec, rate), 0);
	assert_int_equal(decoder_alloc(&dec, codec, rate), 0);

	for (size_t i = 0; i < FRAMES; i++) {
		size_t size, count;

		tone_make(in, n, i * n, 440, rate, 0.3);
		size = encoder_encode(enc, in, n, p, sizeof(p));
		assert_in_range(size, 1, CODEC_OCTETS);
		count = decoder_decode(dec, p, size, out + got);
		assert_int_equal(count, n);
		got += count;
	}

	/* the codecs' own delay passes first */
	assert_true(tone_level(out + 4 * n, got - 4 * n, 440, rate) > 0.2);
	assert_true(tone_level(out + 4 * n, got - 4 * n, 1234, rate) < 0.02);

	mem_deref(enc);
	mem_deref(dec);
}


static void test_a_tone_comes_through_each_codec(void **state)
{
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(voicev); i++) {
		for (uint32_t ms = 10; ms <= 60; ms += 10) {
			if (!is_here(voicev[i]) ||
			    codec_ptime(voicev[i], ms) != ms)
				continue;
			there_and_back(voicev[i], codec_pcm_rate(voicev[i]),
				       ms);
			there_and_back(voicev[i], 8000, ms);
		}
	}
}


static void test_wideband_is_wide(void **state)
{
	static const enum codec widev[] = { CODEC_G722, CODEC_OPUS };
	static int16_t in[320], out[FRAMES * 320];
	uint8_t p[CODEC_OCTETS];
	(void)state;

	for (size_t k = 0; k < RE_ARRAY_SIZE(widev); k++) {
		struct encoder *enc;
		struct decoder *dec;

		assert_int_equal(encoder_alloc(&enc, widev[k], 16000), 0);
		assert_int_equal(decoder_alloc(&dec, widev[k], 16000), 0);
		for (size_t i = 0; i < FRAMES; i++) {
			tone_make(in, 320, i * 320, 5500, 16000, 0.3);
			assert_int_equal(decoder_decode(dec, p,
				encoder_encode(enc, in, 320, p, sizeof(p)),
				out + i * 320), 320);
		}
		assert_true(tone_level(out + 3200, 3200, 5500, 16000) > 0.1);
		mem_deref(enc);
		mem_deref(dec);
	}
}


/** A peer may change between wide and narrow: both at 16000 Hz */
static void test_narrowband_is_made_wide(void **state)
{
	static const enum codec narrowv[] = { CODEC_PCMA, CODEC_G729 };
	static int16_t in[160], out[FRAMES * 320];
	uint8_t p[CODEC_OCTETS];
	(void)state;

	for (size_t k = 0; k < RE_ARRAY_SIZE(narrowv); k++) {
		struct encoder *enc;
		struct decoder *dec;

		if (!is_here(narrowv[k]))
			continue;

		assert_int_equal(encoder_alloc(&enc, narrowv[k], 8000), 0);
		assert_int_equal(decoder_alloc(&dec, narrowv[k], 16000), 0);
		for (size_t i = 0; i < FRAMES; i++) {
			tone_make(in, 160, i * 160, 1000, 8000, 0.3);
			assert_int_equal(decoder_decode(dec, p,
				encoder_encode(enc, in, 160, p, sizeof(p)),
				out + i * 320), 320);
		}
		assert_true(tone_level(out + 1600, 3200, 1000, 16000) > 0.2);
		/* no mirror image above 4000 Hz */
		assert_true(tone_level(out + 1600, 3200, 7000, 16000) < 0.01);
		mem_deref(enc);
		mem_deref(dec);
	}
}


static void test_g711_goes_there_and_back_unchanged(void **state)
{
	static const enum codec bothv[] = { CODEC_PCMU, CODEC_PCMA };
	int16_t pcm[256];
	uint8_t p[256], again[CODEC_OCTETS];
	(void)state;

	for (size_t k = 0; k < 2; k++) {
		struct encoder *enc;
		struct decoder *dec;

		assert_int_equal(encoder_alloc(&enc, bothv[k], 8000), 0);
		assert_int_equal(decoder_alloc(&dec, bothv[k], 8000), 0);
		for (unsigned i = 0; i < 256; i++)
			p[i] = (uint8_t)i;
		assert_int_equal(decoder_decode(dec, p, 256, pcm), 256);
		assert_int_equal(encoder_encode(enc, pcm, 256, again,
						sizeof(again)), 256);
		/* but for mu-law's second zero */
		if (bothv[k] == CODEC_PCMU)
			p[0x7f] = again[0x7f] = 0xff;
		assert_memory_equal(p, again, 256);
		mem_deref(enc);
		mem_deref(dec);
	}
}


static void test_payloads_of_any_length_are_survived(void **state)
{
	static int16_t pcm[CODEC_SAMPLES];
	uint8_t p[CODEC_OCTETS + 8];
	(void)state;

	srand(1);
	for (size_t k = 0; k < RE_ARRAY_SIZE(voicev); k++) {
		struct decoder *dec;

		if (!is_here(voicev[k]))
			continue;

		assert_int_equal(decoder_alloc(&dec, voicev[k],
			codec_pcm_rate(voicev[k])), 0);

		for (size_t size = 0; size <= sizeof(p); size++) {
			/* a buffer of its own: reading on would be seen */
			uint8_t *q = malloc(size ? size : 1);
			size_t n;

			for (size_t i = 0; i < size; i++)
				q[i] = (uint8_t)rand();
			n = decoder_decode(dec, q, size, pcm);
			assert_in_range(n, 0, CODEC_SAMPLES);
			if (!size || size > CODEC_OCTETS)
				assert_int_equal(n, 0);
			free(q);
		}
		mem_deref(dec);
	}
}


static void test_g729_reads_noise_frames(void **state)
{
	static const uint8_t p[13] = { 0 };
	int16_t pcm[CODEC_SAMPLES];
	struct decoder *dec;
	(void)state;

	if (!is_here(CODEC_G729))
		skip();

	assert_int_equal(decoder_alloc(&dec, CODEC_G729, 8000), 0);
	assert_int_equal(decoder_decode(dec, p, 10, pcm), 80);
	assert_int_equal(decoder_decode(dec, p, 12, pcm), 160);
	assert_int_equal(decoder_decode(dec, p, 2, pcm), 80);
	assert_int_equal(decoder_decode(dec, p, 13, pcm), 0);
	mem_deref(dec);
}


static void test_what_cannot_be_is_refused(void **state)
{
	struct encoder *enc = NULL;
	struct decoder *dec = NULL;
	(void)state;

	assert_int_equal(encoder_alloc(&enc, CODEC_PCMA, 16000), EINVAL);
	assert_int_equal(encoder_alloc(&enc, CODEC_OPUS, 48000), EINVAL);
	assert_int_equal(encoder_alloc(&enc, CODEC_NONE, 8000), EINVAL);
	assert_int_equal(decoder_alloc(&dec, CODEC_CN, 8000), EINVAL);
	assert_null(enc);
	assert_null(dec);
	assert_int_equal(codec_find("OPUS"), CODEC_OPUS);
	assert_int_equal(codec_find("SILK"), CODEC_NONE);
	assert_int_equal(codec_ptime(CODEC_PCMA, 0), 20);
	assert_int_equal(codec_ptime(CODEC_PCMA, 35), 30);
	assert_int_equal(codec_ptime(CODEC_PCMA, 200), 60);
	assert_int_equal(codec_ptime(CODEC_OPUS, 30), 20);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(test_a_tone_comes_through_each_codec),
		cmocka_unit_test(test_wideband_is_wide),
		cmocka_unit_test(test_narrowband_is_made_wide),
		cmocka_unit_test(test_g711_goes_there_and_back_unchanged),
		cmocka_unit_test(test_payloads_of_any_length_are_survived),
		cmocka_unit_test(test_g729_reads_noise_frames),
		cmocka_unit_test(test_what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
