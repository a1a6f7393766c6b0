/**
 * @file test_ring.c  Values between two threads
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/ring.h"
#include "oom.h"


enum { VALUES = 300000, WAIT_MS = 30000 };


struct value {
	uint64_t n;
	uint64_t inverse;          /* torn values show */
};


static bool rings(const struct ring *ring, int wait_ms)
{
	struct pollfd pfd = { .fd = ring_fd(ring), .events = POLLIN };

	return poll(&pfd, 1, wait_ms) == 1;
}


static void *produce(void *arg)
{
	struct ring *ring = arg;

	for (uint64_t n = 0; n < VALUES; n++) {
		const struct value value = { n, ~n };

		while (ring_push(ring, &value) == EAGAIN)
			(void)sched_yield();
	}

	return NULL;
}


static void nothing_is_lost_and_the_bell_always_rings(void **state)
{
	struct ring *ring;
	pthread_t thread;
	uint64_t next = 0;

	(void)state;
	assert_int_equal(ring_alloc(&ring, sizeof(struct value), 64), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, ring), 0);

	/* The consumer sleeps on the bell alone: one that did not ring where
	   it had to would end this by the deadline */
	while (next < VALUES) {
		struct value value;

		assert_true(rings(ring, WAIT_MS));
		ring_bell_clear(ring);

		while (ring_pop(ring, &value)) {
			assert_int_equal(value.n, next);
			assert_int_equal(value.inverse, ~next);
			++next;
		}
	}

	assert_int_equal(pthread_join(thread, NULL), 0);
	mem_deref(ring);
}


static void full_says_so(void **state)
{
	struct ring *ring;
	uint32_t n;

	(void)state;
	assert_int_equal(ring_alloc(&ring, sizeof(n), 5), 0);

	/* 5 becomes 8 */
	for (n = 0; n < 8; n++)
		assert_int_equal(ring_push(ring, &n), 0);
	assert_int_equal(ring_push(ring, &n), EAGAIN);

	assert_true(ring_pop(ring, &n));
	assert_int_equal(n, 0);
	n = 8;
	assert_int_equal(ring_push(ring, &n), 0);

	for (uint32_t i = 1; i <= 8; i++) {
		assert_true(ring_pop(ring, &n));
		assert_int_equal(n, i);
	}
	assert_false(ring_pop(ring, &n));

	mem_deref(ring);
}


static void bell_rings_for_the_first_only(void **state)
{
	struct ring *ring;
	char c = 'x';

	(void)state;
	assert_int_equal(ring_alloc(&ring, sizeof(c), 8), 0);
	assert_false(rings(ring, 0));

	assert_int_equal(ring_push(ring, &c), 0);
	assert_true(rings(ring, 0));
	ring_bell_clear(ring);
	assert_false(rings(ring, 0));

	/* Not empty: the consumer is busy and needs no bell */
	assert_int_equal(ring_push(ring, &c), 0);
	assert_false(rings(ring, 0));

	while (ring_pop(ring, &c))
		;
	assert_int_equal(ring_push(ring, &c), 0);
	assert_true(rings(ring, 0));

	mem_deref(ring);
}


static void wrong_use_is_refused(void **state)
{
	struct ring *ring = NULL;

	(void)state;
	assert_int_equal(ring_alloc(NULL, 4, 4), EINVAL);
	assert_int_equal(ring_alloc(&ring, 0, 4), EINVAL);
	assert_int_equal(ring_alloc(&ring, 4, 0), EINVAL);
	assert_int_equal(ring_alloc(&ring, 4, SIZE_MAX), EINVAL);
	assert_null(ring);
}


static int alloc_once(void *arg)
{
	struct ring *ring;
	int err;

	(void)arg;
	err = ring_alloc(&ring, 8, 16);
	if (!err)
		mem_deref(ring);

	return err;
}


static void survives_failing_allocations(void **state)
{
	(void)state;
	oom_walk(alloc_once, NULL);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_and_the_bell_always_rings),
		cmocka_unit_test(full_says_so),
		cmocka_unit_test(bell_rings_for_the_first_only),
		cmocka_unit_test(wrong_use_is_refused),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
