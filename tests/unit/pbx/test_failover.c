/**
 * @file test_failover.c  A PBX whose name has two addresses
 */
#include "world.h"


#define OTHER_HOST "127.0.74.3"


static struct registrar other;     /* the second address of the name */


static int open_both(void **state)
{
	struct sa sa;
	int err = setup(state);

	registrar_open(&other, &loop, OTHER_HOST);
	proxy = "two.example";
	assert_int_equal(0, sa_set_str(&sa, PBX_HOST, 0));
	assert_int_equal(0, resolver_host_add(resolver, proxy, &sa));
	assert_int_equal(0, sa_set_str(&sa, OTHER_HOST, 0));
	assert_int_equal(0, resolver_host_add(resolver, proxy, &sa));

	return err;
}


static int close_both(void **state)
{
	other.us = mem_deref(other.us);

	return teardown(state);
}


static bool other_has_seen(void *arg)
{
	return other.seenc >= *(unsigned *)arg;
}


static void silence_goes_on_to_the_next_address(void **state)
{
	unsigned n = 1;
	(void)state;

	loop_speed(&loop, 50);
	pbx.script = SILENT;
	pbx.grant_s = other.grant_s = 60;
	start("expires: 60s", USER("18", "p"));
	until("18", REG_GREEN);
	assert_int_equal(other.seenc, 1);
	assert_int_equal(pbx.seenc, 1);

	/* within 8 s, not within the 32 of Timer F */
	assert_in_range(other.seenv[0].at_ms - pbx.seenv[0].at_ms, 7000,
			12000);

	/* the first address is remembered as down: a refresh does not wait */
	n = 3;
	loop_until(&loop, other_has_seen, &n);
	assert_int_equal(pbx.seenc, 1);
	assert_int_equal(status("18")->flaps, 0);
}


static void the_better_address_is_used_again(void **state)
{
	unsigned n = 1, asked;
	(void)state;

	loop_speed(&loop, 50);
	pbx.script = SILENT;
	pbx.grant_s = other.grant_s = 60;
	start("expires: 60s", USER("18", "p"));
	until("18", REG_GREEN);
	loop_until(&loop, other_has_seen, &n);

	/* answers again: not at once, and not for one answer */
	pbx.script = ACCEPTS;
	asked = pbx.optionc;
	until_seen(2);
	assert_true(pbx.optionc >= asked + 3);
	assert_int_equal(status("18")->state, REG_GREEN);
	assert_int_equal(status("18")->flaps, 0);

	n = other.seenc;
	until_seen(3);
	assert_int_equal(other.seenc, n);
}


int main(void)
{
#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_both, close_both)
	const struct CMUnitTest testv[] = {
		TEST(silence_goes_on_to_the_next_address),
		TEST(the_better_address_is_used_again),
	};
	int failed;

	if (libre_init())
		return 1;

	failed = cmocka_run_group_tests(testv, NULL, NULL);
	libre_close();

	return failed;
}
