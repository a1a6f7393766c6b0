/**
 * @file test_sessions.c  Who tries too often
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "portal-api/sessions.h"


static struct sessions *s;


static int setup(void **state)
{
	(void)state;

	return sessions_alloc(&s);
}


static int teardown(void **state)
{
	(void)state;
	sessions_free(s);

	return 0;
}


/** Names differ, so that it is the address that counts */
static void failures(unsigned times, const char *address)
{
	static unsigned n;
	char name[32];

	while (times--) {
		(void)re_snprintf(name, sizeof(name), "n%u", n++);
		sessions_tried(s, name, address, false);
	}
}


static void test_an_address_is_slowed_down(void **state)
{
	(void)state;

	failures(4, "192.0.2.1");
	assert_int_equal(sessions_wait(s, "ann", "192.0.2.1"), 0);
	failures(1, "192.0.2.1");
	assert_true(sessions_wait(s, "ann", "192.0.2.1") > 0);
	assert_int_equal(sessions_wait(s, "ann", "192.0.2.2"), 0);
}


/** Whoever has a network of IPv6 has all the addresses in it */
static void test_a_network_of_ipv6_is_one_source(void **state)
{
	(void)state;

	for (unsigned i = 0; i < 5; i++) {
		char address[64];

		(void)re_snprintf(address, sizeof(address),
				  "2001:db8:1:2:%x::%x", i + 1, i);
		failures(1, address);
	}

	assert_true(sessions_wait(s, "ann", "2001:db8:1:2::9") > 0);
	assert_int_equal(sessions_wait(s, "ann", "2001:db8:1:3::9"), 0);

	/* of IPv4 written so each is one */
	failures(5, "::ffff:192.0.2.1");
	assert_true(sessions_wait(s, "ann", "::ffff:192.0.2.1") > 0);
	assert_int_equal(sessions_wait(s, "ann", "::ffff:192.0.2.2"), 0);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_an_address_is_slowed_down, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_network_of_ipv6_is_one_source, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
