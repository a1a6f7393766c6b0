/**
 * @file test_phone_ports.c  Ports for a telephone of our own
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "testplans/phone_ports.h"


enum { DRAWS = 50, TAKEN = 800 };


static int occupy(const struct sa *sa, int type)
{
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &sa->u.sa, sa->len), 0);

	return fd;
}


/** baresip listens at the next port for TLS, too, and ends if it cannot */
static void neighbours_of_a_sip_port_are_free(void **state)
{
	int taken[TAKEN], fdv[DRAWS][3];
	struct sa sa;
	(void)state;

	for (unsigned i = 0; i < TAKEN; i++) {
		assert_int_equal(sa_set_str(&sa, "127.0.0.1",
					    (uint16_t)(10001 + 2 * i)), 0);
		taken[i] = occupy(&sa, SOCK_STREAM);
	}

	for (int i = 0; i < DRAWS; i++) {
		assert_int_equal(sa_set_str(&sa, "127.0.0.1", 0), 0);
		assert_int_equal(phone_port_sip(&sa), 0);
		assert_in_range(sa_port(&sa), 10000, 16382);

		fdv[i][0] = occupy(&sa, SOCK_DGRAM);
		fdv[i][1] = occupy(&sa, SOCK_STREAM);
		sa_set_port(&sa, (uint16_t)(sa_port(&sa) + 1));
		fdv[i][2] = occupy(&sa, SOCK_STREAM);
	}

	for (int i = 0; i < DRAWS; i++)
		for (int j = 0; j < 3; j++)
			(void)close(fdv[i][j]);
	for (int i = 0; i < TAKEN; i++)
		(void)close(taken[i]);
}


static void an_address_that_is_not_ours_is_told(void **state)
{
	struct sa sa;
	(void)state;

	assert_int_equal(sa_set_str(&sa, "192.0.2.1", 0), 0);
	assert_int_equal(phone_port_sip(&sa), EADDRNOTAVAIL);
}


static void a_process_has_an_address_for_control(void **state)
{
	struct sa first, sa;
	(void)state;

	assert_int_equal(phone_port_control(&first), 0);
	assert_int_equal(sa_in(&first) >> 24, 127);

	for (int i = 0; i < DRAWS; i++) {
		int fd;

		assert_int_equal(phone_port_control(&sa), 0);
		assert_true(sa_cmp(&first, &sa, SA_ADDR));
		assert_false(sa_cmp(&first, &sa, SA_ALL));
		fd = occupy(&sa, SOCK_STREAM);
		(void)close(fd);
	}
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_of_a_sip_port_are_free),
		cmocka_unit_test(an_address_that_is_not_ours_is_told),
		cmocka_unit_test(a_process_has_an_address_for_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
