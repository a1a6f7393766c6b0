/**
 * @file test_music.c  Files that a profile names: read whole, or none of them
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/call/music.h"
#include "bridge/media/sound.h"
#include "bridge/model/tenant.h"


enum { SAMPLES = 1600 };

struct scene {
	struct tenant tenant;
	struct pbx pbx;
	struct errors *errs;
	char path[64];
};


static void write_wav(const char *path, uint8_t channels)
{
	uint8_t head[44] = "RIFF....WAVEfmt \x10\0\0\0\1\0.\0"
		"\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\x80\x0c\0\0";
	static const int16_t zeros[SAMPLES];
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	head[22] = channels;
	assert_int_equal(1, fwrite(head, sizeof(head), 1, f));
	assert_int_equal(1, fwrite(zeros, sizeof(zeros), 1, f));
	assert_int_equal(0, fclose(f));
}


static void scene_open(struct scene *s, uint8_t channels)
{
	const char *folder = getenv("TMPDIR");

	memset(s, 0, sizeof(*s));
	re_snprintf(s->path, sizeof(s->path), "%s/music-%d.wav",
		    folder ? folder : "/tmp", (int)getpid());
	write_wav(s->path, channels);
	assert_int_equal(0, errors_alloc(&s->errs));
	s->tenant.tenant = (char *)(uintptr_t)"contoso";
	s->pbx.name = (char *)(uintptr_t)"hq";
	s->pbx.hold.music = PBX_MUSIC_BRIDGE;
	s->pbx.hold.file = s->path;
	list_append(&s->tenant.pbxl, &s->pbx.le, &s->pbx);
}


static void scene_close(struct scene *s)
{
	mem_deref(s->errs);
	(void)unlink(s->path);
	music_close();
}


static void a_file_is_found_once_it_is_loaded(void **state)
{
	struct scene s;
	struct sound *sound;
	(void)state;

	scene_open(&s, 1);
	assert_null(music_find(s.path));
	assert_int_equal(0, music_load(&s.tenant, s.errs));
	sound = music_find(s.path);
	assert_non_null(sound);
	assert_null(music_find(NULL));     /* nobody wants our tune */

	/* read anew; who plays the old one keeps it */
	assert_int_equal(0, music_load(&s.tenant, s.errs));
	mem_deref(sound);
	scene_close(&s);
}


static void our_tune_is_there_where_no_file_is_named(void **state)
{
	struct scene s;
	struct sound *sound;
	(void)state;

	scene_open(&s, 1);
	s.pbx.hold.file = NULL;
	assert_int_equal(0, music_load(&s.tenant, s.errs));
	sound = music_find(NULL);
	assert_non_null(sound);
	mem_deref(sound);
	scene_close(&s);
}


static void a_bad_file_is_named_and_changes_nothing(void **state)
{
	struct scene s;
	struct sound *sound;
	char text[512];
	(void)state;

	scene_open(&s, 1);
	assert_int_equal(0, music_load(&s.tenant, s.errs));
	write_wav(s.path, 7);
	assert_int_equal(EBADMSG, music_load(&s.tenant, s.errs));
	re_snprintf(text, sizeof(text), "%H", errors_print, s.errs);
	assert_non_null(strstr(text, s.path));
	assert_non_null(strstr(text, "contoso.pbx.hq.hold.file"));
	assert_non_null(strstr(text, "want one or two channels, found 7"));

	sound = music_find(s.path);
	assert_non_null(sound);
	mem_deref(sound);
	scene_close(&s);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_found_once_it_is_loaded),
		cmocka_unit_test(our_tune_is_there_where_no_file_is_named),
		cmocka_unit_test(a_bad_file_is_named_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
