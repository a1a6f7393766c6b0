/**
 * @file wheel.h  Hierarchical timer wheel
 *
 * Starting and cancelling a timer costs the same with ten timers or a
 * million. Resolution is 1 ms, range 2^32 ms. Time is whatever monotonic
 * millisecond count the owner passes to wheel_advance(), so tests make their
 * own, or the clock where the owner wants to be woken only when there is
 * something to do. A wheel belongs to one thread; a timer is embedded in its
 * owner.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdint.h>
#include <stdbool.h>

struct wheel;

/** The timer has fired and is no longer running; it may be started again */
typedef void (wheel_h)(void *arg);

/**
 * The wheel is to be advanced at another time than was told before; it must
 * not be called from here
 *
 * @param at_ms  When, 0: at once, UINT64_MAX: no timer runs. May be earlier
 *               than the first timer, never later
 */
typedef void (wheel_wake_h)(uint64_t at_ms, void *arg);

/** One timer; zeroed memory is a timer that is not running */
struct wheel_tmr {
	struct wheel_tmr *next;    /* borrowed, slot list                 */
	struct wheel_tmr **prevp;  /* borrowed, NULL while not running    */
	struct wheel *wheel;       /* borrowed, the wheel it hangs on     */
	uint64_t due_ms;
	wheel_h *h;
	void *arg;
};

/**
 * @param wheelp  Wheel, a libre memory object (mem_deref)
 * @param now_ms  Present time [ms]
 *
 * @return 0, ENOMEM
 */
int wheel_alloc(struct wheel **wheelp, uint64_t now_ms);

/**
 * Start a timer, or start it again if it runs
 *
 * @param delay_ms  From the wheel's present time [ms]; 0 fires on the next
 *                  advance. At most 2^32 - 1.
 */
void wheel_start(struct wheel *wheel, struct wheel_tmr *tmr,
		 uint64_t delay_ms, wheel_h *h, void *arg);

/**
 * The same where nobody waits for the very millisecond: if the owner is woken
 * for it (wheel_wake_set()) up to 128 ms later, together with others, for a
 * wake-up costs more than a timer
 */
void wheel_start_lazily(struct wheel *wheel, struct wheel_tmr *tmr,
			uint64_t delay_ms, wheel_h *h, void *arg);

/**
 * Go by CLOCK_MONOTONIC between two calls of wheel_advance(), however far they
 * are apart, and tell when the next one has to be: at the end of each, and
 * when a timer is started that is due before what was told. A timer that is
 * cancelled is not told of.
 */
void wheel_wake_set(struct wheel *wheel, wheel_wake_h *wakeh, void *arg);

/** Stop a timer; one that does not run is left alone */
void wheel_cancel(struct wheel_tmr *tmr);

bool wheel_is_running(const struct wheel_tmr *tmr);

/** Milliseconds until a running timer fires, 0 if due or not running */
uint64_t wheel_left(const struct wheel_tmr *tmr);

/** The wheel's present time [ms]: as last told to wheel_advance(), or the
    clock's (wheel_wake_set()); it stands still while timers are fired */
uint64_t wheel_now(struct wheel *wheel);

/**
 * Move the wheel to now_ms and fire what is due, in order of time
 *
 * Handlers may start and cancel any timer, their own included. A timer
 * started with delay 0 by a handler fires in the next call, so that a call
 * always ends. Time never runs backwards: an earlier now_ms is ignored.
 */
void wheel_advance(struct wheel *wheel, uint64_t now_ms);

/** Milliseconds from the wheel's time to the next timer; UINT64_MAX: none.
    May be earlier than the timer itself, never later */
uint64_t wheel_next(const struct wheel *wheel);

/** CLOCK_MONOTONIC in milliseconds */
uint64_t clock_ms(void);

/** CLOCK_MONOTONIC in microseconds */
uint64_t clock_us(void);

/** CLOCK_REALTIME in milliseconds since 1970: for what people see and what is
    stored, never for waiting */
int64_t clock_wall_ms(void);

#endif
