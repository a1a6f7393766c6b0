/**
 * @file test_dnd.c  Who does not want to be disturbed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/call/dnd.h"


static void set(struct dnd *dnd, const char *tenant, uint16_t scode,
		const char *first, const char *second, uint64_t until_ms)
{
	struct strings upns = {NULL, 0};

	if (first)
		assert_int_equal(strings_add(&upns, first), 0);
	if (second)
		assert_int_equal(strings_add(&upns, second), 0);
	assert_int_equal(dnd_set(dnd, tenant, scode, &upns, until_ms), 0);
	strings_clear(&upns);
}


static void who_is_told_is_known_for_a_time(void **state)
{
	struct dnd *dnd;
	(void)state;

	assert_int_equal(dnd_alloc(&dnd), 0);
	assert_int_equal(dnd_find(dnd, "acme", "ann@acme.example", 1), 0);

	set(dnd, "acme", 486, "ann@acme.example", "bo@acme.example", 100);
	set(dnd, "other", 480, "ann@acme.example", NULL, 1000);
	assert_int_equal(dnd_find(dnd, "acme", "Ann@acme.example", 99), 486);
	assert_int_equal(dnd_find(dnd, "acme", "bo@acme.example", 99), 486);
	assert_int_equal(dnd_find(dnd, "acme", "cy@acme.example", 99), 0);
	assert_int_equal(dnd_find(dnd, "other", "ann@acme.example", 99), 480);

	/* nobody has said anything for too long: phones ring again */
	assert_int_equal(dnd_find(dnd, "acme", "ann@acme.example", 100), 0);
	assert_int_equal(dnd_find(dnd, "other", "ann@acme.example", 100),
			 480);
	mem_deref(dnd);
}


static void the_next_telling_is_all(void **state)
{
	struct dnd *dnd;
	(void)state;

	assert_int_equal(dnd_alloc(&dnd), 0);
	set(dnd, "acme", 486, "ann@acme.example", "bo@acme.example", 100);
	set(dnd, "acme", 480, "bo@acme.example", NULL, 100);
	assert_int_equal(dnd_find(dnd, "acme", "ann@acme.example", 1), 0);
	assert_int_equal(dnd_find(dnd, "acme", "bo@acme.example", 1), 480);
	set(dnd, "acme", 480, NULL, NULL, 100);
	assert_int_equal(dnd_find(dnd, "acme", "bo@acme.example", 1), 0);
	mem_deref(dnd);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_told_is_known_for_a_time),
		cmocka_unit_test(the_next_telling_is_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
