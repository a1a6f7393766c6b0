/**
 * @file node_clock.c  What moves the wheel: a timer, and a bell for "at once"
 */
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bridge/base/wheel.h"
#include "bridge/sip/stack.h"
#include "node_core.h"


enum {
	TICK_MS      = 4,          /* timers so close fire together; divides
				      the steps of those who wait for each
				      other (pacer.c, wheel.c)              */
	SOON_ROUNDS  = 3,          /* in one tick                           */
};


/** When the kernel's timer shall fire; 0 stops it */
static void tick_set(struct node *node, uint64_t at_ms)
{
	const struct itimerspec at = {
		.it_value.tv_sec  = (time_t)(at_ms / 1000),
		.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000,
	};

	if (at_ms == node->tick_ms)
		return;

	node->tick_ms = at_ms;
	(void)timerfd_settime(node->tick_fd, TFD_TIMER_ABSTIME, &at, NULL);
}


/** What is due at once is told by another descriptor: a timer that fires and
    is set again costs as much as all else that a turn of the loop does */
static void soon(struct node *node)
{
	const uint64_t one = 1;

	/* fails only with the counter at its limit, when it rings anyway */
	(void)!write(node->soon_fd, &one, sizeof(one));
}


static void wake(struct node *node)
{
	if (!node->wake_ms)
		soon(node);
	else if (node->wake_ms == UINT64_MAX)
		tick_set(node, 0);
	else
		tick_set(node, (node->wake_ms + TICK_MS - 1) / TICK_MS
			 * TICK_MS);
}


static void wake_h(uint64_t at_ms, void *arg)
{
	struct node *node = arg;

	node->wake_ms = at_ms;
	if (!node->ticking)
		wake(node);
}


/** What shall happen at once does not wait for the next turn of the loop if
    it is a timer that wants it */
static void advance(struct node *node)
{
	struct stack *stack = mem_ref(node->stack);
	unsigned rounds = 0;

	node->ticking = true;
	stack_cork(stack);
	do {
		wheel_advance(node->wheel, clock_ms());
	}
	while (!node->wake_ms && ++rounds < SOON_ROUNDS);
	node->ticking = false;

	/* tells of errors, which may set timers */
	stack_uncork(stack);
	mem_deref(stack);

	wake(node);
}


static void tick_h(int flags, void *arg)
{
	struct node *node = arg;
	uint64_t n;
	(void)flags;

	if (read(node->tick_fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;

	node->tick_ms = 0;
	advance(node);
}


static void soon_h(int flags, void *arg)
{
	struct node *node = arg;
	uint64_t n;
	(void)flags;

	if (read(node->soon_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		advance(node);
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

	node->soon_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (node->soon_fd < 0)
		return errno;

	wheel_wake_set(node->wheel, wake_h, node);

	err = loop_listen(&node->tick, node->tick_fd, FD_READ, tick_h, node);
	if (err)
		return err;

	return loop_listen(&node->soon, node->soon_fd, FD_READ, soon_h, node);
}


void node_clock_stop(struct node *node)
{
	loop_close(&node->tick);
	if (node->tick_fd >= 0)
		(void)close(node->tick_fd);

	loop_close(&node->soon);
	if (node->soon_fd >= 0)
		(void)close(node->soon_fd);
}
