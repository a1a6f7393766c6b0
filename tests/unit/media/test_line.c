/**
 * @file test_line.c  The line we send on, and how a source arrives
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "bridge/media/line.h"
#include "bridge/media/reception.h"


enum { START_US = 1000000, STEP_US = 20000 };


static struct packet packet(uint16_t seq, uint32_t ts, uint32_t ssrc)
{
	return (struct packet){ .seq = seq, .ts = ts, .ssrc = ssrc };
}


static void starts_low_and_random(void **state)
{
	struct line a, b;

	(void)state;
	assert_int_equal(line_init(&a, START_US), 0);
	assert_int_equal(line_init(&b, START_US), 0);
	assert_true(a.out_seq < 0x8000 && b.out_seq < 0x8000);
	assert_int_not_equal(a.ssrc, b.ssrc);
	assert_int_not_equal(a.out_ts, b.out_ts);
}


static void keeps_gaps_and_order(void **state)
{
	static const uint16_t inv[] = { 65533, 65534, 1, 65535, 0, 2 };
	static const int outv[] = { 0, 1, 4, 2, 3, 5 };
	struct line line;
	uint16_t base = 0;
	uint32_t ts = 0;

	(void)state;
	assert_int_equal(line_init(&line, START_US), 0);

	for (unsigned i = 0; i < 6; i++) {
		struct packet p = packet(inv[i],
			160u * (uint16_t)(inv[i] - 65533), 77);

		assert_true(line_put(&line, &p, 8000,
				     START_US + i * STEP_US));
		if (!i) {
			base = p.seq;
			ts   = p.ts;
			assert_true(p.marker);
		}
		assert_int_equal((uint16_t)(p.seq - base), outv[i]);
		assert_int_equal(p.ts - ts, 160 * outv[i]);
		assert_int_equal(p.ssrc, line.ssrc);
	}
}


static void new_source_goes_on(void **state)
{
	struct packet a = packet(100, 5000, 1), b = packet(103, 9, 2),
		late = packet(99, 4840, 1), jump = packet(20000, 169, 2);
	struct line line;

	(void)state;
	assert_int_equal(line_init(&line, START_US), 0);
	assert_true(line_put(&line, &a, 8000, START_US));
	assert_true(line_put(&line, &b, 8000, START_US + 5 * STEP_US));
	assert_int_equal((uint16_t)(b.seq - a.seq), 1);
	assert_int_equal(b.ts - a.ts, 5 * 160);
	assert_true(b.marker);

	/* a wild jump in the sequence of one source */
	assert_true(line_put(&line, &jump, 8000, START_US + 6 * STEP_US));
	assert_int_equal((uint16_t)(jump.seq - b.seq), 1);
	assert_int_equal(jump.ts - b.ts, 160);

	/* of before a change: there is no place for it */
	late.ssrc = 2;
	late.seq  = 19990;
	assert_false(line_put(&line, &late, 8000, START_US + 6 * STEP_US));
}


static void clock_jump_follows_the_wall(void **state)
{
	struct packet a = packet(1, 1000, 1), b = packet(2, 0x70000000, 1),
		c = packet(3, 0x70000000 + 160, 1);
	struct line line;

	(void)state;
	assert_int_equal(line_init(&line, START_US), 0);
	assert_true(line_put(&line, &a, 8000, START_US));
	assert_true(line_put(&line, &b, 8000, START_US + STEP_US));
	assert_int_equal(b.ts - a.ts, 160);
	assert_true(b.marker);
	assert_true(line_put(&line, &c, 8000, START_US + 2 * STEP_US));
	assert_int_equal(c.ts - b.ts, 160);
	assert_false(c.marker);
}


/** A hold of ten minutes: the sender's clock went on, or stood still */
static void time_passes_on_hold(void **state)
{
	static const uint32_t inv[] = { 600 * 8000, 160 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct packet before = packet(65535, 1000, 1),
			after = packet(0, 1000 + inv[i], 1),
			next = packet(1, 1160 + inv[i], 1);
		const uint64_t us = START_US + 600000000ull;
		struct line line;

		assert_int_equal(line_init(&line, START_US), 0);
		assert_true(line_put(&line, &before, 8000, START_US));
		assert_true(line_put(&line, &after, 8000, us));
		assert_int_equal((uint16_t)(after.seq - before.seq), 1);
		assert_int_equal(after.ts - before.ts, 600 * 8000);
		assert_true(line_put(&line, &next, 8000, us + STEP_US));
		assert_int_equal(next.ts - after.ts, 160);
		assert_int_equal((uint16_t)(next.seq - after.seq), 1);
	}
}


static void own_packets_take_a_place(void **state)
{
	struct packet a = packet(1, 1000, 1), own = packet(0, 0, 0),
		skipped = packet(2, 1160, 1), b = packet(3, 1320, 1),
		late = packet(1, 1000, 1);
	struct line line;

	(void)state;
	assert_int_equal(line_init(&line, START_US), 0);
	assert_true(line_put(&line, &a, 8000, START_US));
	line_inject(&line, &own, START_US + STEP_US);
	assert_int_equal((uint16_t)(own.seq - a.seq), 1);
	assert_int_equal(own.ssrc, line.ssrc);
	assert_int_equal(line.out_ts - a.ts, 160);

	/* would fall on our own packet's number */
	assert_false(line_put(&line, &late, 8000, START_US + STEP_US));

	line_skip(&line, &skipped, START_US + STEP_US);
	assert_true(line_put(&line, &b, 8000, START_US + 2 * STEP_US));
	assert_int_equal((uint16_t)(b.seq - own.seq), 1);
	assert_int_equal(b.ts - a.ts, 320);
}


static void a_digit_keeps_its_time(void **state)
{
	struct packet voice = packet(1, 1000, 1), a = packet(2, 1160, 1),
		b = packet(3, 1160, 1), c = packet(4, 1160, 1),
		next = packet(6, 3000, 1), late = packet(5, 1160, 1), own;
	struct line line;
	uint32_t ts;

	(void)state;
	assert_int_equal(line_init(&line, START_US), 0);
	assert_true(line_put(&line, &voice, 8000, START_US));
	assert_true(line_put_event(&line, &a, 8000, START_US + STEP_US));
	assert_int_equal(a.ts - voice.ts, 160);

	/* something of ours came between; and 12 s have passed */
	line_own(&line, &own, 8000, 160, START_US + 5 * STEP_US);
	assert_true(line_put_event(&line, &b, 8000, START_US + 6 * STEP_US));
	assert_int_equal((uint16_t)(b.seq - own.seq), 1);
	assert_int_equal(b.ts, a.ts);
	assert_false(b.marker);
	assert_true(line_put_event(&line, &c, 8000, START_US + 12000000));
	assert_int_equal(c.ts, a.ts);

	/* another one; then an end of the first, late: to its own place */
	assert_true(line_put_event(&line, &next, 8000, START_US + 12100000));
	assert_true((int32_t)(next.ts - own.ts) > 0);
	ts = next.ts;
	assert_true(line_put_event(&line, &late, 8000, START_US + 12100000));
	next = packet(7, 3000, 1);
	assert_true(line_put_event(&line, &next, 8000, START_US + 12120000));
	assert_int_equal(next.ts, ts);
}


static void rekey_steps_across_the_wrap(void **state)
{
	struct packet a = packet(1, 1000, 1), b = packet(2, 1160, 1);
	struct line line;

	(void)state;
	assert_int_equal(line_init(&line, START_US), 0);
	line.out_seq = 0xfff0;
	assert_true(line_put(&line, &a, 8000, START_US));
	line_rekeyed(&line);
	assert_true(line_put(&line, &b, 8000, START_US + STEP_US));
	assert_int_equal(b.seq, 1);
}


static void loss_late_and_jitter(void **state)
{
	struct reception rec = { 0 };
	uint64_t now = START_US;
	struct packet p;

	(void)state;

	/* 65530..65535, 0..: 3 of 100 lost, one of them comes late */
	for (uint32_t i = 0; i < 100; i++, now += STEP_US) {
		if (i == 10 || i == 20 || i == 30)
			continue;
		p = packet((uint16_t)(65530 + i), i * 160, 9);
		assert_true(reception_note(&rec, &p, 8000, true, now));
	}
	assert_int_equal(reception_lost(&rec), 3);

	p = packet((uint16_t)(65530 + 90), 90 * 160, 9);
	assert_false(reception_note(&rec, &p, 8000, true, now));
	assert_int_equal(reception_lost(&rec), 2);
	assert_int_equal(reception_jitter_us(&rec), 0);
	assert_int_equal(reception_fraction(&rec), 2 * 256 / 100);
	assert_int_equal(reception_fraction(&rec), 0);

	/* a new source keeps what was lost before */
	p = packet(7, 0, 10);
	assert_true(reception_note(&rec, &p, 8000, true, now));
	assert_int_equal(reception_lost(&rec), 2);

	/* every second packet 4 ms late: |D| is 4 ms each time */
	for (uint32_t i = 1; i < 500; i++) {
		p = packet((uint16_t)(7 + i), i * 160, 10);
		assert_true(reception_note(&rec, &p, 8000, true,
			now + i * STEP_US + (i & 1 ? 4000 : 0)));
	}
	assert_in_range(reception_jitter_us(&rec), 3500, 4100);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_low_and_random),
		cmocka_unit_test(keeps_gaps_and_order),
		cmocka_unit_test(new_source_goes_on),
		cmocka_unit_test(clock_jump_follows_the_wall),
		cmocka_unit_test(time_passes_on_hold),
		cmocka_unit_test(own_packets_take_a_place),
		cmocka_unit_test(a_digit_keeps_its_time),
		cmocka_unit_test(rekey_steps_across_the_wrap),
		cmocka_unit_test(loss_late_and_jitter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
