/**
 * @file pump.c  Waiting for conditions while sockets are read
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "pump.h"


struct pump {
	struct pollfd fdv[PUMP_SOURCES];
	struct {
		pump_read_h *readh;
		void *arg;             /* borrowed */
	} sourcev[PUMP_SOURCES];
	size_t c;
	int pipe[2];
	volatile sig_atomic_t cancelled;
	bool lingers;
	char token;
	uint64_t late_ms;          /* at worst                      */
};


static void pump_destructor(void *arg)
{
	struct pump *pump = arg;

	if (pump->pipe[0] >= 0)
		(void)close(pump->pipe[0]);
	if (pump->pipe[1] >= 0)
		(void)close(pump->pipe[1]);
}


static void pipe_read(void *arg)
{
	struct pump *pump = arg;
	char text[16];
	ssize_t n;

	while ((n = read(pump->pipe[0], text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (text[i])
				pump->token = text[i];
}


int pump_alloc(struct pump **pumpp)
{
	struct pump *pump = mem_zalloc(sizeof(*pump), pump_destructor);
	int err;

	if (!pump)
		return ENOMEM;

	pump->pipe[0] = pump->pipe[1] = -1;

	if (pipe2(pump->pipe, O_CLOEXEC | O_NONBLOCK)) {
		err = errno;
		mem_deref(pump);
		return err;
	}

	(void)pump_add(pump, pump->pipe[0], pipe_read, pump);
	*pumpp = pump;

	return 0;
}


int pump_add(struct pump *pump, int fd, pump_read_h *readh, void *arg)
{
	if (pump->c == PUMP_SOURCES)
		return ENOSPC;

	pump->fdv[pump->c].fd         = fd;
	pump->fdv[pump->c].events     = POLLIN;
	pump->sourcev[pump->c].readh  = readh;
	pump->sourcev[pump->c++].arg  = arg;

	return 0;
}


void pump_remove(struct pump *pump, int fd)
{
	for (size_t i = 0; i < pump->c; i++) {
		if (pump->fdv[i].fd != fd)
			continue;

		--pump->c;
		memmove(&pump->fdv[i], &pump->fdv[i + 1],
			(pump->c - i) * sizeof(pump->fdv[0]));
		memmove(&pump->sourcev[i], &pump->sourcev[i + 1],
			(pump->c - i) * sizeof(pump->sourcev[0]));
		return;
	}
}


/** One wait, and one reading of each that has something. A reader may remove
    sources, so the vector is looked at anew after each */
static void turn(struct pump *pump, int ms)
{
	const uint64_t due = pump_ms() + (uint64_t)ms;
	int n = poll(pump->fdv, pump->c, ms);
	const uint64_t now = pump_ms();

	if (now > due)
		pump->late_ms = max(pump->late_ms, now - due);

	for (size_t i = 0; i < pump->c && n > 0; i++) {
		if (!pump->fdv[i].revents)
			continue;

		--n;
		pump->fdv[i].revents = 0;
		pump->sourcev[i].readh(pump->sourcev[i].arg);
	}
}


int pump_until(struct pump *pump, uint64_t ms, pump_done_h *doneh, void *arg)
{
	const uint64_t end = pump_ms() + ms;

	for (;;) {
		uint64_t now;

		if (pump_is_cancelled(pump) && !pump->lingers)
			return ECANCELED;

		turn(pump, 0);
		if (doneh && doneh(arg))
			return 0;

		now = pump_ms();
		if (now >= end)
			return ETIMEDOUT;

		turn(pump, (int)min(end - now, (uint64_t)PUMP_FINE_MS));
	}
}


int pump_for(struct pump *pump, uint64_t ms)
{
	const int err = pump_until(pump, ms, NULL, NULL);

	return err == ETIMEDOUT ? 0 : err;
}


void pump_cancel(struct pump *pump)
{
	pump->cancelled = 1;
	pump_post(pump, '\0');
}


bool pump_is_cancelled(const struct pump *pump)
{
	return pump->cancelled;
}


void pump_linger(struct pump *pump)
{
	pump->lingers = true;
}


void pump_post(struct pump *pump, char token)
{
	/* A full pipe holds enough tokens to wake it */
	const ssize_t n = write(pump->pipe[1], &token, 1);

	(void)n;
}


char pump_token(struct pump *pump)
{
	const char token = pump->token;

	pump->token = '\0';

	return token;
}


uint32_t pump_late_ms(struct pump *pump)
{
	const uint64_t late_ms = pump->late_ms;

	pump->late_ms = 0;

	return (uint32_t)min(late_ms, (uint64_t)UINT32_MAX);
}


uint64_t pump_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);

	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
