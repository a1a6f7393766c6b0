/**
 * @file watch.h  The event loop: descriptors, one tick, a condition
 *
 * One process, one thread, one loop: everything runs from watch_run().
 */
#ifndef LOAD_WATCH_H
#define LOAD_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum { TICK_US = 250 };

/** A descriptor is ready. @param events  EPOLLIN and the like */
typedef void (watch_h)(uint32_t events, void *arg);

/** Time has passed. @param count  Ticks of TICK_US since the last one */
typedef void (watch_tick_h)(uint64_t count, void *arg);

/** Is what we wait for there? */
typedef bool (watch_until_h)(void *arg);

/** A descriptor in the loop; lives with its owner */
struct watch {
	int fd;
	watch_h *h;
	void *arg;
};

/** @return 0, errno */
int watch_init(watch_tick_h *tickh, void *arg);
void watch_close(void);

/** @return 0, errno */
int watch_add(struct watch *w, uint32_t events);
int watch_set(struct watch *w, uint32_t events);
void watch_remove(struct watch *w);

/**
 * Run until the condition holds; it is looked at after every event
 *
 * @return 0, ETIMEDOUT, errno
 */
int watch_run(watch_until_h *untilh, void *arg, unsigned deadline_ms);

/** CLOCK_MONOTONIC [us] */
uint64_t now_us(void);

#endif
