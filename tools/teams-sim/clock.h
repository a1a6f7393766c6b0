/**
 * @file clock.h  Monotonic time and deadlines
 *
 * libre's timers count in wall-clock time before 2.1 and sit in one sorted
 * list. A simulator holds a few hundred deadlines: an unsorted list, looked
 * through every 10 ms, is simpler and never wrong about the time.
 */
#ifndef TEAMS_SIM_CLOCK_H
#define TEAMS_SIM_CLOCK_H

#include "lib.h"

enum {
	CLOCK_TICK_MS = 10,   /* resolution of deadlines */
	CLOCK_FRAME_MS = 20,  /* one frame of audio */
};

typedef void(deadline_h)(void *arg);
typedef void(frame_h)(uint64_t now_ms, void *arg);

/** One thing to do later. Zeroed: not running. */
struct deadline {
	struct le le;
	uint64_t at_ms;
	deadline_h *h;
	void *arg;
};

/** @return milliseconds of CLOCK_MONOTONIC */
uint64_t clock_ms(void);

/**
 * Start ticking inside the current libre loop
 *
 * @param frameh  Called every 20 ms, late ticks made up for
 * @param arg     Its argument
 *
 * @return 0 or errno of timerfd_create and friends
 */
int clock_open(frame_h *frameh, void *arg);

/** Stop ticking; running deadlines are forgotten */
void clock_close(void);

/** (Re)start a deadline: h(arg) runs once, in ms milliseconds */
void deadline_start(struct deadline *dl, uint64_t ms, deadline_h *h,
		    void *arg);

/** Stop a deadline; harmless if it is not running */
void deadline_cancel(struct deadline *dl);

#endif
