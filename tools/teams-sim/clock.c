/**
 * @file clock.c  Monotonic time and deadlines
 */
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "clock.h"


enum {
	LAG_MAX_MS = 400, /* after a longer pause frames are skipped */
};

static struct {
	int fd;
	struct list deadlinel;
	uint64_t frame_at_ms;
	frame_h *frameh;
	void *arg;
} tick = {.fd = -1};


uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}


static struct deadline *due(uint64_t now)
{
	struct le *le;

	LIST_FOREACH(&tick.deadlinel, le)
	{
		struct deadline *dl = le->data;

		if (dl->at_ms <= now)
			return dl;
	}

	return NULL;
}


static void run_deadlines(uint64_t now)
{
	struct deadline *dl;

	/* A handler may cancel or free any other deadline: look again
	 * from the start after each. */
	while ((dl = due(now))) {
		list_unlink(&dl->le);
		dl->h(dl->arg);
	}
}


static void tick_handler(int flags, void *arg)
{
	uint64_t expirations, now;
	(void)flags;
	(void)arg;

	if (read(tick.fd, &expirations, sizeof(expirations)) < 0)
		return;

	now = clock_ms();
	if (now > tick.frame_at_ms + LAG_MAX_MS)
		tick.frame_at_ms = now;

	while (tick.frame_at_ms <= now) {
		tick.frame_at_ms += CLOCK_FRAME_MS;
		tick.frameh(now, tick.arg);
	}

	run_deadlines(now);
}


int clock_open(frame_h *frameh, void *arg)
{
	const struct itimerspec every = {
		.it_interval.tv_nsec = CLOCK_TICK_MS * 1000000,
		.it_value.tv_nsec = CLOCK_TICK_MS * 1000000,
	};
	int err;

	tick.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (tick.fd < 0)
		return errno;

	tick.frameh = frameh;
	tick.arg = arg;
	tick.frame_at_ms = clock_ms() + CLOCK_FRAME_MS;

	if (timerfd_settime(tick.fd, 0, &every, NULL))
		err = errno;
	else
		err = fd_listen(tick.fd, FD_READ, tick_handler, NULL);

	if (err)
		clock_close();

	return err;
}


void clock_close(void)
{
	if (tick.fd < 0)
		return;

	fd_close(tick.fd);
	close(tick.fd);
	tick.fd = -1;
	list_clear(&tick.deadlinel);
}


void deadline_start(struct deadline *dl, uint64_t ms, deadline_h *h,
		    void *arg)
{
	list_unlink(&dl->le);
	dl->at_ms = clock_ms() + ms;
	dl->h = h;
	dl->arg = arg;
	list_append(&tick.deadlinel, &dl->le, dl);
}


void deadline_cancel(struct deadline *dl)
{
	list_unlink(&dl->le);
}
