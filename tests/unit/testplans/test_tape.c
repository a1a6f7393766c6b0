/**
 * @file test_tape.c  Listening: tones, silence, gaps, and how long a tape is
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "testplans/tape.h"


enum { HZ = 620, RATE = 8000, HEAD = 44 };


/** A tape of two seconds of a tone, in a file that is gone */
static struct tape *tape_make(char *path)
{
	struct tape *tape;
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(tape_write_tone(path, HZ, 2), 0);
	assert_int_equal(tape_alloc(&tape, path), 0);

	return tape;
}


/** Write zeros over a stretch */
static void erase(const char *path, unsigned from_ms, unsigned ms)
{
	static const char zeros[2 * RATE];
	FILE *f = fopen(path, "r+b");
	const size_t size = ms * RATE / 1000 * 2;

	assert_non_null(f);
	assert_true(size <= sizeof(zeros));
	assert_int_equal(fseek(f, HEAD + (long)from_ms * RATE / 1000 * 2,
			       SEEK_SET), 0);
	assert_int_equal(fwrite(zeros, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}


static void a_tone_is_heard_and_no_other(void **state)
{
	char path[] = "/tmp/callbridge-tape-XXXXXX";
	struct tape *tape = tape_make(path);
	struct tape_view view;

	(void)state;

	assert_int_equal(tape_length_ms(tape), 2000);
	assert_int_equal(tape_look(tape, 100, 600, &view), 0);
	assert_true(view.level_dbfs > -11 && view.level_dbfs < -7);
	assert_true(tape_tone_dbfs(tape, 100, 600, HZ) > -11);
	assert_true(tape_tone_dbfs(tape, 100, 600, 830) < -50);
	assert_int_equal(tape_strongest(tape, 100, 200), HZ);
	assert_int_equal(tape_look(tape, 2000, 600, &view), ENODATA);
	mem_deref(tape);
	(void)unlink(path);
}


static void gaps_are_found_where_they_are(void **state)
{
	char path[] = "/tmp/callbridge-tape-XXXXXX";
	struct tape *tape = tape_make(path);
	struct tape_run run;

	(void)state;

	tape_steadiness(tape, 0, 2000, HZ, &run);
	assert_int_equal(run.ms, 2000);
	assert_int_equal(run.gaps, 0);
	assert_true(run.loss < 0.001);

	erase(path, 300, 100);
	tape_steadiness(tape, 0, 2000, HZ, &run);
	assert_int_equal(run.gaps, 0);
	assert_int_equal(run.gap_ms, 100);
	assert_true(run.loss > 0.04 && run.loss < 0.06);

	/* It goes over the edge of the seconds that are read at a time */
	erase(path, 900, 300);
	tape_steadiness(tape, 0, 2000, HZ, &run);
	assert_int_equal(run.gaps, 1);
	assert_int_equal(run.gap_ms, 300);
	assert_int_equal(run.gap_at_ms, 900);

	tape_steadiness(tape, 0, 2000, 1810, &run);
	assert_true(run.loss > 0.99);
	mem_deref(tape);
	(void)unlink(path);
}


static void a_tone_that_begins_is_found(void **state)
{
	char path[] = "/tmp/callbridge-tape-XXXXXX";
	struct tape *tape = tape_make(path);
	uint64_t at = 0;

	(void)state;

	erase(path, 0, 500);
	assert_int_equal(tape_onset(tape, 100, HZ, &at), 0);
	assert_true(at >= 490 && at <= 510);
	assert_int_equal(tape_onset(tape, 100, 1810, &at), ENODATA);
	assert_int_equal(tape_strongest(tape, 0, 200), 0);
	mem_deref(tape);
	(void)unlink(path);
}


static void a_tape_that_is_not_there_yet_is_empty(void **state)
{
	char path[] = "/tmp/callbridge-tape-XXXXXX";
	const int fd = mkstemp(path);
	struct tape *tape;

	(void)state;

	(void)close(fd);
	(void)unlink(path);
	assert_int_equal(tape_alloc(&tape, path), 0);
	assert_int_equal(tape_length_ms(tape), 0);
	assert_int_equal(tape_write_tone(path, HZ, 1), 0);
	assert_int_equal(tape_length_ms(tape), 1000);
	mem_deref(tape);
	(void)unlink(path);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(a_tone_is_heard_and_no_other),
		cmocka_unit_test(gaps_are_found_where_they_are),
		cmocka_unit_test(a_tone_that_begins_is_found),
		cmocka_unit_test(a_tape_that_is_not_there_yet_is_empty),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
