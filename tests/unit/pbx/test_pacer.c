/**
 * @file test_pacer.c  Turns: how many, and when
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/pbx/pacer.h"


enum { WAITERS = 3000 };


/** A PBX and those who wait for it */
struct pbx {
	struct pacer pacer;
	struct wheel *wheel;
	struct pace pacev[WAITERS];
	uint64_t turnv[WAITERS];   /* when they had it */
	unsigned turnc;
};


static void turn(void *arg)
{
	struct pbx *pbx = arg;

	pbx->turnv[pbx->turnc++] = wheel_now(pbx->wheel);
}


static struct pbx *pbx_make(struct wheel *wheel, uint32_t per_second,
			    uint32_t burst, unsigned waiters)
{
	struct pbx *pbx = mem_zalloc(sizeof(*pbx), NULL);

	assert_non_null(pbx);
	pbx->wheel = wheel;
	pacer_init(&pbx->pacer, wheel, per_second, burst);
	for (unsigned i = 0; i < waiters; i++)
		pacer_wait(&pbx->pacer, &pbx->pacev[i], turn, pbx);

	return pbx;
}


static void pbx_end(struct pbx *pbx)
{
	pacer_close(&pbx->pacer);
	mem_deref(pbx);
}


static void run_until(struct wheel *wheel, uint64_t end_ms)
{
	while (wheel_now(wheel) < end_ms)
		wheel_advance(wheel, wheel_now(wheel) + 1);
}


static const struct { uint32_t per_second, burst; } pacev[] = {
	{ 4, 1 }, { 4, 4 }, { 7, 2 }, { 50, 1 }, { 60, 5 },
	{ 130, 1 }, { 400, 400 }, { 700, 3 }, { 1000, 1 },
};


static void as_many_a_second_as_are_allowed(void **state)
{
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(pacev); i++) {
		const unsigned in_time = pacev[i].burst + pacev[i].per_second;
		const unsigned a_turn = pacev[i].per_second / 4;
		struct wheel *wheel;
		struct pbx *pbx;

		assert_int_equal(0, wheel_alloc(&wheel, 12345));
		pbx = pbx_make(wheel, pacev[i].per_second, pacev[i].burst,
			       WAITERS);

		/* with a burst at the beginning; the next turn may be due */
		run_until(wheel, 12345 + 1000);
		assert_in_range(pbx->turnc, in_time - 1 -
				(a_turn < pacev[i].burst ? a_turn :
				 pacev[i].burst), in_time);
		pbx_end(pbx);
		mem_deref(wheel);
	}
}


/** Not faster for having waited, nor slower for waiting together */
static void a_long_time_evens_out(void **state)
{
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(pacev); i++) {
		const uint32_t per_second = pacev[i].per_second;
		const uint32_t in_time = pacev[i].burst + 20 * per_second;
		struct wheel *wheel;
		struct pbx *pbx;

		if (in_time > WAITERS)
			continue;

		assert_int_equal(0, wheel_alloc(&wheel, 7));
		pbx = pbx_make(wheel, per_second, pacev[i].burst, WAITERS);
		run_until(wheel, 7 + 20000);
		assert_in_range(pbx->turnc, in_time - 1 - per_second / 4,
				in_time);
		pbx_end(pbx);
		mem_deref(wheel);
	}
}


static void turns_of_several_pbxs_come_together(void **state)
{
	struct wheel *wheel;
	struct pbx *a, *b;
	(void)state;

	assert_int_equal(0, wheel_alloc(&wheel, 1001));
	a = pbx_make(wheel, 50, 5, 20);
	run_until(wheel, 1008);
	b = pbx_make(wheel, 30, 5, 20);
	run_until(wheel, 3000);

	assert_int_equal(20, a->turnc);
	assert_int_equal(20, b->turnc);
	for (unsigned i = 5; i < 20; i++) {
		assert_int_equal(0, a->turnv[i] % 64);
		assert_int_equal(0, b->turnv[i] % 128);
	}

	pbx_end(a);
	pbx_end(b);
	mem_deref(wheel);
}


static void after_a_quiet_time_a_burst_and_no_more(void **state)
{
	struct wheel *wheel;
	struct pbx *pbx;
	(void)state;

	assert_int_equal(0, wheel_alloc(&wheel, 1));
	pbx = pbx_make(wheel, 10, 3, 0);
	run_until(wheel, 60000);
	for (unsigned i = 0; i < 6; i++)
		pacer_wait(&pbx->pacer, &pbx->pacev[i], turn, pbx);

	assert_int_equal(0, pbx->turnc);
	run_until(wheel, 60001);
	assert_int_equal(3, pbx->turnc);
	run_until(wheel, 60050);
	assert_in_range(pbx->turnc, 3, 4);
	run_until(wheel, 61000);
	assert_int_equal(6, pbx->turnc);
	pbx_end(pbx);
	mem_deref(wheel);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_a_second_as_are_allowed),
		cmocka_unit_test(a_long_time_evens_out),
		cmocka_unit_test(turns_of_several_pbxs_come_together),
		cmocka_unit_test(after_a_quiet_time_a_burst_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
