/**
 * @file test_errors.c  Error lists, and "did you mean"
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/errors.h"
#include "oom.h"


static void check_print(const struct errors *errs, const char *want)
{
	char *text;

	assert_int_equal(re_sdprintf(&text, "%H", errors_print, errs), 0);
	assert_string_equal(text, want);
	mem_deref(text);
}


static void prints_a_line_each(void **state)
{
	const struct place at = { "acme.yaml", 31, 14 };
	const struct place line = { "acme.yaml", 7, 0 };
	const struct place file = { "acme.yaml", 0, 0 };
	const struct place nowhere = { NULL, 0, 0 };
	struct errors *errs;

	(void)state;
	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(errors_count(errs), 0);

	errors_add(errs, &at, "registration.expires",
		   "want %s, found \"%s\"", "60s..7200s", "1x");
	errors_add(errs, &line, NULL, "bad line");
	errors_add(errs, &file, NULL, "cannot be read: %m", ENOENT);
	errors_add(errs, &nowhere, "name", "want a text");
	errors_add(errs, NULL, NULL, "plain");

	check_print(errs,
		    "acme.yaml:31:14: registration.expires: want 60s..7200s,"
		    " found \"1x\"\n"
		    "acme.yaml:7: bad line\n"
		    "acme.yaml: cannot be read: No such file or directory\n"
		    "name: want a text\n"
		    "plain\n");

	assert_int_equal(errors_get(errs, 0)->line, 31);
	assert_int_equal(errors_get(errs, 0)->column, 14);
	assert_string_equal(errors_get(errs, 0)->field,
			    "registration.expires");
	assert_null(errors_get(errs, 5));

	mem_deref(errs);
}


static void cannot_forge_a_line(void **state)
{
	const struct place at = { "a\nb.yaml", 1, 1 };
	struct errors *errs;

	(void)state;
	assert_int_equal(errors_alloc(&errs), 0);
	errors_add(errs, &at, "x\x1b[2J", "found \"%s\"", "a\nb\xff");
	check_print(errs, "a\\x0ab.yaml:1:1: x\\x1b[2J:"
		    " found \"a\\x0ab\\xff\"\n");
	mem_deref(errs);
}


static void keeps_a_hundred_and_counts_all(void **state)
{
	struct errors *errs;
	char *text;

	(void)state;
	assert_int_equal(errors_alloc(&errs), 0);

	for (int i = 0; i < 150; i++)
		errors_add(errs, NULL, NULL, "%d", i);

	assert_int_equal(errors_count(errs), 150);
	assert_string_equal(errors_get(errs, 99)->message, "99");
	assert_null(errors_get(errs, 100));

	assert_int_equal(re_sdprintf(&text, "%H", errors_print, errs), 0);
	assert_non_null(strstr(text, "\n99\nand 50 more\n"));
	mem_deref(text);
	mem_deref(errs);
}


static void suggests_the_nearest_word(void **state)
{
	static const char *const wordv[] = {
		"registration", "transfer", "name", "per_second", "expires",
	};
	static const struct {
		const char *word, *nearest;
	} v[] = {
		{ "registraton",   "registration" },
		{ "regsitration",  "registration" },  /* swapped: one step */
		{ "Registration",  "registration" },
		{ "transferr",     "transfer"     },
		{ "nmae",          "name"         },
		{ "expire",        "expires"      },
		{ "per-second",    "per_second"   },
		{ "re_istr_ti_n",  "registration" },  /* three steps       */
		{ "re_istr_ti__",  NULL           },  /* four              */
		{ "naxx",          NULL           },  /* half of the word  */
		{ "zzz",           NULL           },
		{ "",              NULL           },
		{ "a very long word that nobody would ever write as the key of"
		  " a setting in a file", NULL    },
	};

	(void)state;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const char *nearest = errors_nearest(v[i].word, wordv, 5);

		if (v[i].nearest)
			assert_string_equal(nearest, v[i].nearest);
		else
			assert_null(nearest);
	}
}


static void without_memory_an_error_still_counts(void **state)
{
	struct errors *errs;

	(void)state;
	oom_left = 0;
	assert_int_equal(errors_alloc(&errs), ENOMEM);
	oom_left = -1;

	assert_int_equal(errors_alloc(&errs), 0);
	oom_left = 0;
	errors_add(errs, NULL, "field", "lost");
	oom_left = -1;
	assert_int_equal(errors_count(errs), 1);
	assert_null(errors_get(errs, 0));
	check_print(errs, "and 1 more\n");
	mem_deref(errs);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_a_line_each),
		cmocka_unit_test(cannot_forge_a_line),
		cmocka_unit_test(keeps_a_hundred_and_counts_all),
		cmocka_unit_test(suggests_the_nearest_word),
		cmocka_unit_test(without_memory_an_error_still_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
