/**
 * @file test_health.c  Which of a hop's addresses answer
 */
#include <setjmp.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/base/wheel.h"
#include "bridge/sip/health.h"


static struct wheel *wheel;
static struct health *health;
static struct sa one, two;


static int setup(void **state)
{
	(void)state;

	assert_int_equal(0, sa_set_str(&one, "192.0.2.1", 5060));
	assert_int_equal(0, sa_set_str(&two, "192.0.2.2", 5060));
	assert_int_equal(0, wheel_alloc(&wheel, 1000));

	return health_alloc(&health, wheel);
}


static int teardown(void **state)
{
	(void)state;

	health = mem_deref(health);
	wheel = mem_deref(wheel);

	return 0;
}


/** Answers it takes until it is back */
static unsigned comes_back(const struct sa *addr)
{
	for (unsigned n = 1; n < 100; n++)
		if (health_answered(health, SIP_TRANSP_UDP, addr))
			return n;

	return 0;
}


static void comes_back_after_several_answers(void **state)
{
	(void)state;

	assert_false(health_is_down(health, SIP_TRANSP_UDP, &one));
	assert_false(health_answered(health, SIP_TRANSP_UDP, &one));
	health_failed(health, SIP_TRANSP_UDP, &one);
	assert_true(health_is_down(health, SIP_TRANSP_UDP, &one));
	assert_false(health_is_down(health, SIP_TRANSP_TCP, &one));
	assert_false(health_is_down(health, SIP_TRANSP_UDP, &two));

	assert_false(health_answered(health, SIP_TRANSP_UDP, &one));
	assert_false(health_answered(health, SIP_TRANSP_UDP, &one));
	health_failed(health, SIP_TRANSP_UDP, &one);       /* in a row */
	assert_int_equal(3, comes_back(&one));
	assert_false(health_is_down(health, SIP_TRANSP_UDP, &one));
}


static void who_falls_again_soon_is_watched_longer(void **state)
{
	unsigned last = 3;
	(void)state;

	health_failed(health, SIP_TRANSP_UDP, &one);
	assert_int_equal(3, comes_back(&one));

	for (unsigned i = 0; i < 5; i++) {
		unsigned n;

		health_failed(health, SIP_TRANSP_UDP, &one);
		n = comes_back(&one);
		assert_int_equal(n, last * 2 > 24 ? 24 : last * 2);
		last = n;
	}

	/* and no longer than others after ten good minutes */
	wheel_advance(wheel, wheel_now(wheel) + 600001);
	health_failed(health, SIP_TRANSP_UDP, &one);
	assert_int_equal(3, comes_back(&one));
}


static void all_that_are_down_are_listed(void **state)
{
	enum sip_transp tp;
	size_t at = 0;
	struct sa addr;
	(void)state;

	health_failed(health, SIP_TRANSP_UDP, &one);
	health_failed(health, SIP_TRANSP_TLS, &two);
	assert_int_equal(3, comes_back(&one));

	assert_true(health_next_down(health, &at, &tp, &addr));
	assert_int_equal(SIP_TRANSP_TLS, tp);
	assert_true(sa_cmp(&addr, &two, SA_ALL));
	assert_false(health_next_down(health, &at, &tp, &addr));
}


static void the_oldest_are_forgotten(void **state)
{
	struct sa addr;
	(void)state;

	for (unsigned i = 0; i <= HEALTH_MAX; i++) {
		assert_int_equal(0, sa_set_str(&addr, "192.0.2.3",
					       (uint16_t)(6000 + i)));
		health_failed(health, SIP_TRANSP_UDP, &addr);
	}

	assert_true(health_is_down(health, SIP_TRANSP_UDP, &addr));
	sa_set_port(&addr, 6000);
	assert_false(health_is_down(health, SIP_TRANSP_UDP, &addr));
	assert_false(health_is_down(NULL, SIP_TRANSP_UDP, &addr));
}


int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest testv[] = {
		TEST(comes_back_after_several_answers),
		TEST(who_falls_again_soon_is_watched_longer),
		TEST(all_that_are_down_are_listed),
		TEST(the_oldest_are_forgotten),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
