/**
 * @file watch.c  Running calls, looked at now and then
 *
 * Every WATCH_S a call's voice is measured and its record told anew, to the
 * live state alone: what goes to the journal says what happened, not how it
 * is going. Calls come up one after the other, a slice of them each second.
 */
#include "bridge/base/tape.h"
#include "bridge/sip/stack.h"
#include "call_core.h"


enum {
	TICK_MS = 1000,
	WATCH_S = 5,               /* how often a call comes up             */
};


static void tick_h(void *arg)
{
	struct calls *calls = arg;
	const uint64_t now_us = clock_us();
	struct le *le;

	wheel_start(stack_wheel(calls->conf.stack), &calls->watch_tmr,
		    TICK_MS, tick_h, calls);

	tapes_sweep(calls->conf.tapes);
	for (le = list_head(&calls->calll); le; le = le->next) {
		struct call *call = le->data;

		taping_look(call);
		if (call->state != CALL_ANSWERED ||
		    now_us - call->watched_us < (uint64_t)WATCH_S * 1000000)
			continue;

		call->watched_us = now_us;
		record_watch(call);
	}
}


void watch_start(struct calls *calls)
{
	if (calls->conf.liveh)
		wheel_start(stack_wheel(calls->conf.stack),
			    &calls->watch_tmr, TICK_MS, tick_h, calls);
}


void watch_stop(struct calls *calls)
{
	wheel_cancel(&calls->watch_tmr);
}
