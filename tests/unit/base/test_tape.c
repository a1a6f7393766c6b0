/**
 * @file test_tape.c  Voice that somebody asked to keep
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bridge/base/tape.h"
#include "bridge/base/wheel.h"


enum { RTP = 172, MIB = 1 << 20 };


struct fixture {
	struct tapes *tapes;
	struct sa localv[TAPE_SIDES], peer;
	uint32_t left_s;
};


static struct fixture fixture_open(size_t limit)
{
	struct fixture f;

	assert_int_equal(tapes_alloc(&f.tapes, limit), 0);
	assert_int_equal(sa_set_str(&f.localv[0], "192.0.2.1", 30000), 0);
	assert_int_equal(sa_set_str(&f.localv[1], "192.0.2.2", 30002), 0);
	assert_int_equal(sa_set_str(&f.peer, "198.51.100.7", 4000), 0);

	return f;
}


static struct tape *take(struct fixture *f, const char *id, const char *upn)
{
	return tapes_take(f->tapes, "acme", id, upn, f->localv, &f->left_s);
}


static void add(struct fixture *f, struct tape *tape, uint8_t mark,
		uint64_t us)
{
	uint8_t p[RTP];

	memset(p, mark, sizeof(p));
	tape_add(tape, 1, false, &f->peer, p, sizeof(p), 0, us);
}


static void nothing_without_being_asked(void **state)
{
	struct fixture f = fixture_open(0);
	(void)state;

	assert_false(tapes_are_on(f.tapes));
	assert_int_equal(tapes_order(f.tapes, "acme", "x", 1), ENOTSUP);
	assert_null(take(&f, "c1", "ann@acme"));
	mem_deref(f.tapes);

	f = fixture_open(MIB);
	assert_null(take(&f, "c1", "ann@acme"));
	assert_int_equal(tapes_order(f.tapes, "acme", "x", 0), EINVAL);
	assert_int_equal(tapes_order(f.tapes, "acme", "x",
				     TAPE_SECONDS_MAX + 1), EINVAL);
	assert_int_equal(tapes_cancel(f.tapes, "acme", "x"), ENOENT);

	/* another customer's call of that id, another user's call */
	assert_int_equal(tapes_order(f.tapes, "other", "c1", 5), 0);
	assert_false(tapes_are_asked(f.tapes, "acme", "ben@acme"));
	assert_int_equal(tapes_order(f.tapes, "acme", "ben@acme", 5), 0);
	assert_true(tapes_are_asked(f.tapes, "acme", "Ben@acme"));
	assert_false(tapes_are_asked(f.tapes, "acme", "c1"));
	assert_null(take(&f, "c1", "ann@acme"));
	mem_deref(f.tapes);
}


static void packets_come_back_as_they_were(void **state)
{
	struct fixture f = fixture_open(MIB);
	struct tape_packet pkt;
	uint8_t event[16] = { 0x80, 101, [12] = 5, 0x80, 0, 160 };
	struct tape *tape, *read;
	size_t at = 0;
	uint64_t us;
	(void)state;

	assert_int_equal(tapes_order(f.tapes, "acme", "Ann@acme", 10), 0);
	tape = take(&f, "c1", "ann@acme");
	assert_non_null(tape);
	assert_in_range(f.left_s, 9, 10);
	assert_null(take(&f, "c1", "ann@acme"));       /* it has one       */

	read = tapes_find(f.tapes, "acme", "c1", 0);
	assert_ptr_equal(read, tape);
	assert_null(tapes_find(f.tapes, "acme", "c1", 1));
	assert_null(tapes_find(f.tapes, "other", "c1", 0));
	assert_false(tape_next(read, &at, &pkt));

	us = clock_us();
	add(&f, tape, 0x55, us);
	tape_add(tape, 0, true, &f.peer, event, sizeof(event), 12, us + 20);

	assert_true(tape_next(read, &at, &pkt));
	assert_int_equal(pkt.size, RTP);
	assert_int_equal(pkt.p[RTP - 1], 0x55);
	assert_int_equal(pkt.side, 1);
	assert_false(pkt.tx);
	assert_true(sa_cmp(&pkt.local, &f.localv[1], SA_ALL));
	assert_true(sa_cmp(&pkt.peer, &f.peer, SA_ALL));

	/* a digit's packet, without its digit */
	us = pkt.time_us;
	assert_true(tape_next(read, &at, &pkt));
	assert_int_equal(pkt.time_us - us, 20);
	assert_true(pkt.tx);
	assert_int_equal(pkt.p[12], 0xff);
	assert_int_equal(pkt.p[13], 0x80);
	assert_false(tape_next(read, &at, &pkt));

	/* after its end nothing is added */
	add(&f, tape, 1, clock_us() + 10000000);
	assert_false(tape_next(read, &at, &pkt));
	assert_int_equal(tapes_cancel(f.tapes, "acme", "ann@acme"), 0);
	add(&f, tape, 1, clock_us());
	assert_false(tape_next(read, &at, &pkt));
	assert_null(tapes_find(f.tapes, "acme", "c1", 0));
	assert_null(take(&f, "c1", "ann@acme"));

	tape_unref(read);
	tape_unref(tape);
	mem_deref(f.tapes);
}


static void memory_is_bounded(void **state)
{
	struct fixture f = fixture_open(5 * 65536);
	struct tape_packet pkt;
	struct tape *one, *two;
	size_t at = 0, n = 0;
	(void)state;

	/* room for one of 3 s, not for two */
	assert_int_equal(tapes_order(f.tapes, "acme", "ann@acme", 3), 0);
	one = take(&f, "c1", "ann@acme");
	assert_non_null(one);
	assert_null(take(&f, "c2", "ann@acme"));

	for (unsigned i = 0; i < 5000; i++)
		add(&f, one, (uint8_t)i, clock_us());
	while (tape_next(one, &at, &pkt))
		assert_int_equal(pkt.p[0], (uint8_t)n++);
	assert_in_range(n, 500, 5 * 65536 / RTP);

	/* thrown away, but a stream still has it: its memory counts */
	assert_int_equal(tapes_cancel(f.tapes, "acme", "c1"), 0);
	assert_int_equal(tapes_order(f.tapes, "acme", "c2", 3), 0);
	assert_null(take(&f, "c2", "ann@acme"));
	tape_unref(one);
	two = take(&f, "c2", "ann@acme");
	assert_non_null(two);
	tape_unref(two);
	tapes_sweep(f.tapes);
	assert_non_null(two = tapes_find(f.tapes, "acme", "c2", 0));
	tape_unref(two);
	mem_deref(f.tapes);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(nothing_without_being_asked),
		cmocka_unit_test(packets_come_back_as_they_were),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
