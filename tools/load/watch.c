/**
 * @file watch.c  The event loop: descriptors, one tick, a condition
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "watch.h"


enum { EVENTS = 64 };


static struct {
	int epoll_fd;
	struct watch tick;
	watch_tick_h *tickh;
	void *arg;
} loop = { .epoll_fd = -1, .tick.fd = -1 };


uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}


static void tick_handler(uint32_t events, void *arg)
{
	uint64_t count;
	(void)events;
	(void)arg;

	if (read(loop.tick.fd, &count, sizeof(count)) == sizeof(count))
		loop.tickh(count, loop.arg);
}


static int control(int op, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	return epoll_ctl(loop.epoll_fd, op, w->fd, &ev) ? errno : 0;
}


int watch_add(struct watch *w, uint32_t events)
{
	return control(EPOLL_CTL_ADD, w, events);
}


int watch_set(struct watch *w, uint32_t events)
{
	return control(EPOLL_CTL_MOD, w, events);
}


void watch_remove(struct watch *w)
{
	(void)control(EPOLL_CTL_DEL, w, 0);
}


int watch_init(watch_tick_h *tickh, void *arg)
{
	const struct itimerspec every = {
		.it_interval.tv_nsec = TICK_US * 1000,
		.it_value.tv_nsec    = TICK_US * 1000,
	};

	loop.tickh = tickh;
	loop.arg = arg;
	loop.tick.h = tick_handler;

	loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop.epoll_fd < 0)
		return errno;

	loop.tick.fd = timerfd_create(CLOCK_MONOTONIC,
				      TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop.tick.fd < 0 ||
	    timerfd_settime(loop.tick.fd, 0, &every, NULL))
		return errno;

	return watch_add(&loop.tick, EPOLLIN);
}


void watch_close(void)
{
	if (loop.tick.fd >= 0)
		(void)close(loop.tick.fd);
	if (loop.epoll_fd >= 0)
		(void)close(loop.epoll_fd);
}


int watch_run(watch_until_h *untilh, void *arg, unsigned deadline_ms)
{
	const uint64_t end = now_us() + deadline_ms * 1000ULL;
	struct epoll_event evv[EVENTS];

	/* the tick wakes us often enough to see the deadline */
	while (!untilh(arg)) {
		const int n = epoll_wait(loop.epoll_fd, evv, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			return errno;

		for (int i = 0; i < n; i++) {
			const struct watch *w = evv[i].data.ptr;

			w->h(evv[i].events, w->arg);
		}

		if (now_us() >= end)
			return untilh(arg) ? 0 : ETIMEDOUT;
	}

	return 0;
}
