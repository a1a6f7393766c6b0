/**
 * @file test_wheel.c  The timer wheel against a plain array
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"


enum { TIMERS = 100000, ROUNDS = 300, CHANGES = 3000 };


/** What the wheel should do, kept the simple way */
struct model {
	struct wheel_tmr tmr;
	uint64_t due_ms;
	bool running;
	bool fresh;                /* started with delay 0 since the advance
				      began: fires in the next one */
};


static struct model *modelv;
static struct wheel *wheel;
static uint64_t seed;
static uint64_t now_ms;
static uint64_t last_due_ms;
static size_t fired;
static bool advancing;


/** xorshift64: the same run every time */
static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;

	return seed % below;
}


/** From this very millisecond to 49 days, short ones more often */
static uint64_t draw_delay(void)
{
	return draw(UINT64_C(1) << draw(33));
}


static void fire_h(void *arg);


static void start(struct model *m, uint64_t delay_ms)
{
	m->due_ms  = now_ms + delay_ms;
	m->running = true;
	m->fresh   = advancing && !delay_ms;
	wheel_start(wheel, &m->tmr, delay_ms, fire_h, m);
}


static void cancel(struct model *m)
{
	m->running = false;
	m->fresh   = false;
	wheel_cancel(&m->tmr);
}


static void fire_h(void *arg)
{
	struct model *m = arg;

	assert_true(advancing);
	assert_true(m->running);
	assert_false(m->fresh);
	assert_true(m->due_ms <= now_ms);
	assert_true(m->due_ms >= last_due_ms);
	assert_false(wheel_is_running(&m->tmr));
	assert_int_equal(wheel_now(wheel), now_ms);

	last_due_ms = m->due_ms;
	m->running = false;
	++fired;

	switch (draw(6)) {

	case 0:
		start(m, draw_delay());
		break;

	case 1:
		start(&modelv[draw(TIMERS)], draw_delay());
		break;

	case 2:
		cancel(&modelv[draw(TIMERS)]);
		break;

	default:
		break;
	}
}


static void advance(uint64_t to_ms)
{
	advancing = true;
	last_due_ms = 0;
	if (to_ms > now_ms)
		now_ms = to_ms;

	wheel_advance(wheel, to_ms);
	advancing = false;
}


static void check_all(void)
{
	uint64_t first_ms = UINT64_MAX;

	for (size_t i = 0; i < TIMERS; i++) {
		struct model *m = &modelv[i];

		assert_int_equal(wheel_is_running(&m->tmr), m->running);

		if (!m->running)
			continue;

		assert_true(m->due_ms > now_ms || m->fresh);
		assert_int_equal(wheel_left(&m->tmr), m->due_ms - now_ms);

		m->fresh = false;
		if (m->due_ms - now_ms < first_ms)
			first_ms = m->due_ms - now_ms;
	}

	assert_true(wheel_next(wheel) <= first_ms);
	if (first_ms == UINT64_MAX)
		assert_true(wheel_next(wheel) == UINT64_MAX);
}


static void change_some(void)
{
	for (size_t i = 0; i < CHANGES; i++) {
		struct model *m = &modelv[draw(TIMERS)];

		if (draw(4))
			start(m, draw_delay());
		else
			cancel(m);
	}
}


static uint64_t draw_step(void)
{
	static const uint64_t stepv[] = {
		0, 1, 1, 2, 10, 63, 64, 65, 1000, 4096, 20000,
		600000,                   /* frozen for ten minutes */
		UINT64_C(3) << 30,        /* and for a month        */
	};

	return stepv[draw(sizeof(stepv) / sizeof(stepv[0]))];
}


static void run_from(uint64_t begin_ms)
{
	seed = 88172645463325252u;
	now_ms = begin_ms;
	fired = 0;
	modelv = calloc(TIMERS, sizeof(*modelv));
	assert_non_null(modelv);
	assert_int_equal(wheel_alloc(&wheel, now_ms), 0);

	for (size_t i = 0; i < TIMERS; i++)
		start(&modelv[i], draw_delay());

	for (size_t i = 0; i < ROUNDS; i++) {
		advance(now_ms + draw_step());
		check_all();
		change_some();
	}

	/* Every timer goes off within the range */
	advance(now_ms + (UINT64_C(1) << 32));
	assert_true(fired > TIMERS);

	mem_deref(wheel);
	free(modelv);
}


static void fires_what_a_plain_array_would(void **state)
{
	(void)state;
	run_from(0);
}


static void works_wherever_the_clock_stands(void **state)
{
	(void)state;

	/* Carries run through all levels */
	run_from((UINT64_C(1) << 42) - 5000);
	run_from((UINT64_C(1) << 63) - 5000);
}


struct note {
	struct wheel_tmr tmr;
	int *orderv;
	size_t *c;
	int id;
};


static void note_h(void *arg)
{
	struct note *note = arg;

	note->orderv[(*note->c)++] = note->id;
}


static void same_time_fires_in_the_order_of_starting(void **state)
{
	struct note notev[4] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3}};
	int orderv[4];
	size_t c = 0;

	(void)state;
	assert_int_equal(wheel_alloc(&wheel, 0), 0);

	for (size_t i = 0; i < 4; i++) {
		notev[i].orderv = orderv;
		notev[i].c = &c;
	}

	/* Started at different levels, all due at 5000 */
	wheel_start(wheel, &notev[0].tmr, 5000, note_h, &notev[0]);
	wheel_start(wheel, &notev[1].tmr, 5000, note_h, &notev[1]);
	wheel_advance(wheel, 4900);
	wheel_start(wheel, &notev[2].tmr, 100, note_h, &notev[2]);
	wheel_advance(wheel, 4999);
	wheel_start(wheel, &notev[3].tmr, 1, note_h, &notev[3]);

	/* The last of a slot goes, another comes: the order holds */
	wheel_start(wheel, &notev[3].tmr, 1, note_h, &notev[3]);
	assert_int_equal(wheel_next(wheel), 1);
	wheel_advance(wheel, 5000);

	assert_int_equal(c, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(orderv[i], i);

	mem_deref(wheel);
}


static unsigned repeats;


static void repeat_h(void *arg)
{
	++repeats;
	wheel_start(wheel, arg, 0, repeat_h, arg);
}


static void delay_zero_from_a_handler_waits_for_the_next_call(void **state)
{
	struct wheel_tmr tmr;

	(void)state;
	memset(&tmr, 0, sizeof(tmr));
	repeats = 0;
	assert_int_equal(wheel_alloc(&wheel, 100), 0);

	wheel_start(wheel, &tmr, 0, repeat_h, &tmr);
	assert_int_equal(wheel_next(wheel), 0);
	assert_int_equal(repeats, 0);

	wheel_advance(wheel, 100);
	assert_int_equal(repeats, 1);
	wheel_advance(wheel, 100);
	assert_int_equal(repeats, 2);
	wheel_advance(wheel, 5000);
	assert_int_equal(repeats, 3);

	mem_deref(wheel);
}


static void period_h(void *arg)
{
	++repeats;
	wheel_start(wheel, arg, 1000, period_h, arg);
}


static void a_frozen_process_does_not_make_up_for_lost_periods(void **state)
{
	struct wheel_tmr tmr;

	(void)state;
	memset(&tmr, 0, sizeof(tmr));
	repeats = 0;
	assert_int_equal(wheel_alloc(&wheel, 0), 0);

	wheel_start(wheel, &tmr, 1000, period_h, &tmr);
	wheel_advance(wheel, 600000);
	assert_int_equal(repeats, 1);
	assert_int_equal(wheel_left(&tmr), 1000);

	mem_deref(wheel);
}


static void time_does_not_run_backwards(void **state)
{
	struct wheel_tmr tmr;

	(void)state;
	memset(&tmr, 0, sizeof(tmr));
	repeats = 0;
	assert_int_equal(wheel_alloc(&wheel, 1000), 0);

	wheel_start(wheel, &tmr, 10, period_h, &tmr);
	wheel_advance(wheel, 5);
	assert_int_equal(wheel_now(wheel), 1000);
	assert_int_equal(wheel_left(&tmr), 10);
	wheel_advance(wheel, 1010);
	assert_int_equal(repeats, 1);

	mem_deref(wheel);
}


static void a_timer_may_outlive_its_wheel(void **state)
{
	struct wheel_tmr soon, later;

	(void)state;
	memset(&soon, 0, sizeof(soon));
	memset(&later, 0, sizeof(later));
	assert_int_equal(wheel_alloc(&wheel, 0), 0);
	wheel_start(wheel, &soon, 0, period_h, &soon);
	wheel_start(wheel, &later, 77777, period_h, &later);
	mem_deref(wheel);

	assert_false(wheel_is_running(&soon));
	assert_false(wheel_is_running(&later));
	wheel_cancel(&soon);
	wheel_cancel(&later);
}


static void the_clock_moves_forward(void **state)
{
	const uint64_t ms = clock_ms(), us = clock_us();

	(void)state;
	assert_true(us / 1000 >= ms);
	assert_true(us / 1000 - ms < 60000);
	assert_true(clock_us() >= us);
}


static void count_h(void *arg)
{
	++*(unsigned *)arg;
}


/** When the wheel wants to be advanced, and how often it said so */
struct wish {
	uint64_t at_ms;
	unsigned c;
};


static void wish_h(uint64_t at_ms, void *arg)
{
	struct wish *wish = arg;

	wish->at_ms = at_ms;
	++wish->c;
}


static void the_owner_is_told_when_there_is_something_to_do(void **state)
{
	struct wheel_tmr a, b, c;
	struct wish wish = { 0, 0 };
	struct wheel *own;
	unsigned count = 0;
	uint64_t now;
	(void)state;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&c, 0, sizeof(c));
	now = clock_ms();
	assert_int_equal(0, wheel_alloc(&own, now));
	wheel_wake_set(own, wish_h, &wish);

	/* the first, and whatever comes before it */
	wheel_start(own, &a, 500000, count_h, &count);
	assert_int_equal(1, wish.c);
	assert_in_range(wish.at_ms, now + 500000, clock_ms() + 500000);
	wheel_start(own, &b, 600000, count_h, &count);
	assert_int_equal(1, wish.c);
	wheel_start(own, &b, 400000, count_h, &count);
	assert_int_equal(2, wish.c);
	assert_in_range(wish.at_ms, now + 400000, clock_ms() + 400000);

	/* at once, told once */
	wheel_start(own, &c, 0, count_h, &count);
	wheel_start(own, &a, 0, count_h, &count);
	assert_int_equal(3, wish.c);
	assert_int_equal(0, wish.at_ms);
	wheel_advance(own, clock_ms());
	assert_int_equal(2, count);

	/* what is left: no later than it is due, and nothing in the end */
	assert_in_range(wish.at_ms, now + 1, clock_ms() + 400000);
	assert_int_equal(4, wish.c);
	wheel_advance(own, clock_ms() + 400001);
	assert_int_equal(3, count);
	assert_true(wish.at_ms == UINT64_MAX);

	mem_deref(own);
}


/** Timers count from the present, not from when the wheel moved last */
static void time_goes_on_while_nothing_is_due(void **state)
{
	const uint64_t behind = 30000;
	struct wish wish = { 0, 0 };
	struct wheel_tmr tmr;
	struct wheel *own;
	unsigned count = 0;
	uint64_t now;
	(void)state;

	memset(&tmr, 0, sizeof(tmr));
	now = clock_ms();
	assert_int_equal(0, wheel_alloc(&own, now - behind));
	wheel_wake_set(own, wish_h, &wish);

	assert_in_range(wheel_now(own), now, clock_ms());
	wheel_start(own, &tmr, behind, count_h, &count);
	assert_in_range(wish.at_ms, now + behind, clock_ms() + behind);
	wheel_advance(own, clock_ms());
	assert_int_equal(0, count);
	assert_in_range(wheel_left(&tmr), 1, behind);

	wheel_cancel(&tmr);
	wheel_advance(own, clock_ms());
	assert_true(wish.at_ms == UINT64_MAX);

	mem_deref(own);
}


/** Due within 40 ms, and so in two steps at most, which begin a block */
static void who_has_time_waits_for_others(void **state)
{
	struct wish wish = { 0, 0 };
	struct wheel_tmr tmrv[40];
	unsigned count = 0;
	struct wheel *own;
	uint64_t due;
	(void)state;

	memset(tmrv, 0, sizeof(tmrv));
	assert_int_equal(0, wheel_alloc(&own, clock_ms()));
	wheel_wake_set(own, wish_h, &wish);
	due = clock_ms() + 500000;

	for (unsigned i = 0; i < 40; i++) {
		wheel_start_lazily(own, &tmrv[i], due + i - wheel_now(own),
				   count_h, &count);
		assert_int_equal(tmrv[i].due_ms % 128, 0);
		assert_in_range(tmrv[i].due_ms, due + i, due + i + 129);
	}
	wheel_advance(own, tmrv[0].due_ms - 1);
	assert_int_equal(0, count);
	wheel_advance(own, tmrv[39].due_ms);
	assert_int_equal(40, count);
	assert_in_range(tmrv[39].due_ms - tmrv[0].due_ms, 0, 256);

	mem_deref(own);
}


static void without_a_clock_nobody_waits_longer(void **state)
{
	struct wheel_tmr tmr;
	unsigned count = 0;
	struct wheel *own;
	(void)state;

	memset(&tmr, 0, sizeof(tmr));
	assert_int_equal(0, wheel_alloc(&own, 1000));
	wheel_start_lazily(own, &tmr, 5001, count_h, &count);
	wheel_advance(own, 6000);
	assert_int_equal(0, count);
	wheel_advance(own, 6001);
	assert_int_equal(1, count);

	mem_deref(own);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_owner_is_told_when_there_is_something_to_do),
		cmocka_unit_test(time_goes_on_while_nothing_is_due),
		cmocka_unit_test(who_has_time_waits_for_others),
		cmocka_unit_test(without_a_clock_nobody_waits_longer),
		cmocka_unit_test(fires_what_a_plain_array_would),
		cmocka_unit_test(works_wherever_the_clock_stands),
		cmocka_unit_test(same_time_fires_in_the_order_of_starting),
		cmocka_unit_test(
			delay_zero_from_a_handler_waits_for_the_next_call),
		cmocka_unit_test(
			a_frozen_process_does_not_make_up_for_lost_periods),
		cmocka_unit_test(time_does_not_run_backwards),
		cmocka_unit_test(a_timer_may_outlive_its_wheel),
		cmocka_unit_test(the_clock_moves_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
