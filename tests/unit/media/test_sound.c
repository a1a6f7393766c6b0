/**
 * @file test_sound.c  WAV files good and bad; our tune; tones
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bridge/base/libre.h"
#include "bridge/media/noise.h"
#include "bridge/media/player.h"
#include "bridge/media/sound.h"
#include "tone.h"


enum { HEAD = 44, SIZE = 400000 };

static char why[160];


static void put(uint8_t *p, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}


/** A WAV file of one second of 1000 Hz. @return its size */
static size_t wav(uint8_t *p, uint32_t rate, unsigned channels,
		  unsigned bits)
{
	const uint32_t frame = channels * bits / 8, size = rate * frame;

	assert_true(HEAD + size <= SIZE);
	memcpy(p, "RIFF    WAVEfmt ", 16);
	put(p + 4, 36 + size, 4);
	put(p + 16, 16, 4);
	put(p + 20, 1, 2);
	put(p + 22, channels, 2);
	put(p + 24, rate, 4);
	put(p + 28, rate * frame, 4);
	put(p + 32, frame, 2);
	put(p + 34, bits, 2);
	memcpy(p + 36, "data", 4);
	put(p + 40, size, 4);

	for (uint32_t i = 0; i < rate * channels; i++) {
		const double v = 0.4 * sin(2 * M_PI * 1000 *
					   (double)(i / channels) / rate);

		if (bits == 8)
			p[HEAD + i] = (uint8_t)lround(128 + 127 * v);
		else
			put(p + HEAD + i * bits / 8, (uint32_t)(int32_t)
			    lround(v * ((1u << (bits - 1)) - 1)), bits / 8);
	}

	return HEAD + size;
}


static void plays(uint8_t *p, uint32_t rate, unsigned channels,
		  unsigned bits)
{
	const size_t n = wav(p, rate, channels, bits);
	struct sound *sound;

	assert_int_equal(sound_decode(&sound, p, n, why, sizeof(why)), 0);
	for (uint32_t out = 8000; out <= 16000; out += 8000) {
		size_t count;
		const int16_t *v = sound_samples(sound, out, &count);
		const size_t tenth = out / 10;

		assert_in_range(count, out - 1, out);
		assert_true(fabs(tone_level(v + tenth, out / 2, 1000, out) -
				 0.4) < 0.02);
		assert_true(tone_level(v + tenth, out / 2, 3000, out) <
			    0.01);
	}
	mem_deref(sound);
}


static void test_all_usual_files_play(void **state)
{
	static const uint32_t ratev[] = { 8000, 11025, 16000, 22050, 32000,
					  44100, 48000 };
	uint8_t *p = malloc(SIZE);
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(ratev); i++) {
		plays(p, ratev[i], 1, 16);
		plays(p, ratev[i], 2, 16);
	}
	plays(p, 8000, 1, 8);
	plays(p, 48000, 1, 24);
	plays(p, 44100, 2, 32);
	free(p);
}


static void test_nothing_above_half_the_rate_folds_back(void **state)
{
	uint8_t *p = malloc(SIZE);
	const size_t n = wav(p, 48000, 1, 16);
	struct sound *sound;
	const int16_t *v;
	size_t count;
	(void)state;

	for (uint32_t i = 0; i < 48000; i++)
		put(p + HEAD + 2 * i, (uint32_t)(int32_t)lround(12000 *
			sin(2 * M_PI * 9000 * (double)i / 48000)), 2);
	assert_int_equal(sound_decode(&sound, p, n, why, sizeof(why)), 0);
	v = sound_samples(sound, 16000, &count);
	assert_true(tone_rms(v, count) < 0.005);
	mem_deref(sound);
	free(p);
}


static void refuse(const uint8_t *p, size_t n, const char *words)
{
	struct sound *sound = NULL;

	why[0] = '\0';
	assert_int_equal(sound_decode(&sound, p, n, why, sizeof(why)),
			 EBADMSG);
	assert_null(sound);
	if (!strstr(why, words))
		fail_msg("\"%s\" does not say \"%s\"", why, words);
}


static void test_a_bad_file_is_told_plainly(void **state)
{
	uint8_t *p = malloc(SIZE);
	size_t n;
	struct sound *sound = NULL;
	(void)state;

	n = wav(p, 8000, 1, 16);
	refuse((const uint8_t *)"ID3 and so on", 13, "another kind");
	refuse(p, 30, "format");
	refuse(p, HEAD + 100, "tenth of a second");
	put(p + 20, 85, 2);
	refuse(p, n, "want PCM samples, found format 85");
	n = wav(p, 8000, 1, 16);
	put(p + 22, 6, 2);
	refuse(p, n, "channels, found 6");
	n = wav(p, 8000, 1, 16);
	put(p + 24, 96000, 4);
	refuse(p, n, "found 96000");
	n = wav(p, 8000, 1, 16);
	put(p + 34, 12, 2);
	refuse(p, n, "found 12");

	assert_int_equal(sound_load(&sound, "/nowhere/x.wav", why,
				    sizeof(why)), ENOENT);
	assert_string_equal(why, "No such file or directory");
	assert_int_equal(sound_load(&sound, "/dev/null", why, sizeof(why)),
			 EBADMSG);
	free(p);
}


static void test_a_file_cut_anywhere_is_survived(void **state)
{
	uint8_t *p = malloc(SIZE);
	const size_t n = wav(p, 8000, 2, 16);
	(void)state;

	srand(3);
	for (unsigned i = 0; i < 3000; i++) {
		const size_t size = (size_t)rand() % (i % 2 ? 64 : n);
		uint8_t *q = malloc(size ? size : 1);
		struct sound *sound = NULL;

		memcpy(q, p, size);
		/* and one octet of its head another one */
		if (size)
			q[(size_t)rand() % (size < HEAD ? size : HEAD)] =
				(uint8_t)rand();
		if (!sound_decode(&sound, q, size, why, sizeof(why)))
			mem_deref(sound);
		free(q);
	}
	free(p);
}


static void test_our_tune_is_neither_too_loud_nor_dumb(void **state)
{
	struct sound *sound;
	const int16_t *v;
	size_t n;
	int peak = 0;
	(void)state;

	assert_int_equal(sound_tune(&sound), 0);
	v = sound_samples(sound, 8000, &n);
	assert_int_equal(n, 24 * 8000);
	for (size_t i = 0; i < n; i++)
		peak = abs(v[i]) > peak ? abs(v[i]) : peak;
	assert_in_range(peak, 3000, 26000);
	for (size_t i = 0; i + 8000 <= n; i += 8000)
		assert_true(tone_rms(v + i, 8000) > 0.02);
	mem_deref(sound);
}


static void test_music_goes_round(void **state)
{
	static int16_t out[16000];
	uint8_t *p = malloc(SIZE);
	const size_t n = wav(p, 8000, 1, 16);
	struct player *player;
	struct sound *sound;
	(void)state;

	assert_int_equal(sound_decode(&sound, p, n, why, sizeof(why)), 0);
	assert_int_equal(player_music(&player, sound), 0);
	mem_deref(sound);
	for (size_t i = 0; i < 16000; i += 160)
		player_read(player, 8000, out + i, 160);
	assert_memory_equal(out, out + 8000, 16000);
	assert_true(tone_level(out, 16000, 1000, 8000) > 0.38);
	mem_deref(player);
	free(p);
}


/** Is it sounding, each 10 ms, for so long? */
static void cadence(const char *country, double hz, const char *want)
{
	struct player *player;
	int16_t v[160];
	char heard[128] = "";
	size_t at = 0;

	assert_int_equal(player_ringback(&player, country), 0);
	/* each 200 ms at its middle: x is a tone */
	for (unsigned i = 0; i < 20 * strlen(want); i++) {
		player_read(player, 16000, v, 160);
		if (i % 20 == 10)
			heard[at++] = tone_rms(v, 160) > 0.01 ? 'x' : '.';
		if (i == 3)
			assert_true(tone_level(v, 160, hz, 16000) > 0.05);
	}
	assert_string_equal(heard, want);
	mem_deref(player);
}


static void test_each_country_rings_its_own_way(void **state)
{
	(void)state;

	cadence("GB", 400, "xx.xx..........xx.xx..........");
	cadence("us", 440, "xxxxxxxxxx....................xxxx");
	cadence("DE", 425, "xxxxx....................xxxxx");
	cadence("FR", 440, "xxxxxxx..................xxxxxxx");
	cadence(NULL, 425, "xxxxx....................xxxxx");
}


static void test_noise_has_the_level_it_is_told(void **state)
{
	static int16_t v[16000];
	struct noise noise;
	(void)state;

	noise_init(&noise);
	for (uint8_t level = 40; level <= 65; level += 5) {
		/* 0 dBm0 is 3.14 dB below a full sine's 0.707 */
		const double rms = 0.7071 * pow(10, -(level + 3.14) / 20);

		noise_set(&noise, level);
		noise_read(&noise, v, 16000);
		assert_true(tone_rms(v, 16000) > rms / 1.5);
		assert_true(tone_rms(v, 16000) < rms * 1.5);
	}
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(test_all_usual_files_play),
		cmocka_unit_test(test_nothing_above_half_the_rate_folds_back),
		cmocka_unit_test(test_a_bad_file_is_told_plainly),
		cmocka_unit_test(test_a_file_cut_anywhere_is_survived),
		cmocka_unit_test(test_our_tune_is_neither_too_loud_nor_dumb),
		cmocka_unit_test(test_music_goes_round),
		cmocka_unit_test(test_each_country_rings_its_own_way),
		cmocka_unit_test(test_noise_has_the_level_it_is_told),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
