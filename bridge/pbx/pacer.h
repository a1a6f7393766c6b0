/**
 * @file pacer.h  How many registrations a second a PBX gets
 *
 * A token bucket: `burst` may go at once after a quiet time, then
 * `per_second`. Who waits is let through in order. While the PBX is silent
 * one probe at a time goes out, and none for a while after one that failed,
 * so that a PBX that comes back meets one phone and not all of them.
 */
#ifndef PBX_PACER_H
#define PBX_PACER_H

#include "bridge/base/bucket.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"

/** Your turn: you are out until pacer_back() */
typedef void (pace_h)(void *arg);

/** One that waits; embedded in its owner, zero before use */
struct pace {
	struct le le;
	pace_h *h;
	void *arg;
};

struct pacer {
	struct wheel *wheel;       /* borrowed                             */
	struct wheel_tmr tmr;
	struct list waitl;         /* struct pace, borrowed                */
	struct bucket bucket;
	uint64_t probe_ms;         /* silent: no probe before              */
	uint32_t per_second, burst;
	unsigned outc;             /* under way                            */
	bool silent;
};

void pacer_init(struct pacer *pacer, struct wheel *wheel,
		uint32_t per_second, uint32_t burst);

/** Forget who waits, stop the timer */
void pacer_close(struct pacer *pacer);

/** Wait for a turn; the handler is never called from inside. One that waits
    already keeps its place */
void pacer_wait(struct pacer *pacer, struct pace *pace, pace_h *h,
		void *arg);

/** Wait no longer */
void pacer_forget(struct pace *pace);

bool pacer_is_waiting(const struct pace *pace);

/** One that had its turn has its result */
void pacer_back(struct pacer *pacer);

/**
 * The PBX has fallen silent, or answers again
 *
 * @param quiet_ms  Silent: time until the next probe
 */
void pacer_silent_set(struct pacer *pacer, bool silent, uint64_t quiet_ms);

#endif
