/**
 * @file node_clock.c  What moves the wheel: a timer of the kernel's
 */
#include <sys/timerfd.h>
#include <unistd.h>

#include "bridge/base/wheel.h"
#include "node_core.h"


enum {
	TICK_MS      = 4,          /* timers so close fire together; divides
				      the steps of those who wait for each
				      other (pacer.c, wheel.c)              */
	SOON_ROUNDS  = 3,          /* in one tick                           */
};


/** The kernel's timer fires when the wheel has something to do, and not
    before */
static void tick_set(const struct node *node)
{
	const uint64_t at_ms = (node->wake_ms + TICK_MS - 1) / TICK_MS
		* TICK_MS;
	struct itimerspec at = { .it_value.tv_sec = 0 };

	if (!node->wake_ms) {
		at.it_value.tv_nsec = 1;           /* of the past */
	}
	else if (node->wake_ms != UINT64_MAX) {
		at.it_value.tv_sec  = (time_t)(at_ms / 1000);
		at.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000;
	}

	(void)timerfd_settime(node->tick_fd, TFD_TIMER_ABSTIME, &at, NULL);
}


static void wake_h(uint64_t at_ms, void *arg)
{
	struct node *node = arg;

	node->wake_ms = at_ms;
	if (!node->ticking)
		tick_set(node);
}


/** What shall happen at once does not wait for the next turn of the loop if
    it is a timer that wants it */
static void tick_h(int flags, void *arg)
{
	struct node *node = arg;
	unsigned rounds = 0;
	uint64_t n;
	(void)flags;

	if (read(node->tick_fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;

	node->ticking = true;
	do {
		wheel_advance(node->wheel, clock_ms());
	}
	while (!node->wake_ms && ++rounds < SOON_ROUNDS);
	node->ticking = false;

	tick_set(node);
}


int node_clock_start(struct node *node)
{
	int err;

	err = wheel_alloc(&node->wheel, clock_ms());
	if (err)
		return err;

	/* a timer of the kernel's, not of libre's: those of old versions
	   follow the wall clock and stop when it is set back */
	node->tick_fd = timerfd_create(CLOCK_MONOTONIC,
				       TFD_NONBLOCK | TFD_CLOEXEC);
	if (node->tick_fd < 0)
		return errno;

	wheel_wake_set(node->wheel, wake_h, node);

	return loop_listen(&node->tick, node->tick_fd, FD_READ, tick_h, node);
}
