/**
 * @file pacer.c  How many registrations a second a PBX gets
 */
#include "pacer.h"


enum {
	TOGETHER_MS = 256,          /* turns of all PBXs that are so close
				      come together                        */
};


static void run(void *arg);


static void fill(struct pacer *pacer)
{
	bucket_fill(&pacer->bucket, pacer->per_second, pacer->burst,
		    wheel_now(pacer->wheel));
}


/**
 * One wake-up for ten registrations costs little more than for one: who has to
 * wait, waits until the clock shows a multiple of 256 ms, or of as much less
 * as the burst of its PBX allows without being paced slower. Powers of two:
 * those of other PBXs are among the turns of the one that has most
 */
static uint64_t together(const struct pacer *pacer, uint64_t wait)
{
	const uint64_t due = wheel_now(pacer->wheel) + wait;
	const uint64_t burst_ms = (uint64_t)pacer->burst * BUCKET_TOKEN /
		pacer->per_second;
	uint64_t step = TOGETHER_MS;

	while (step > burst_ms && step > 1)
		step /= 2;

	return wait + (step - due % step) % step;
}


/** Milliseconds until the next turn, UINT64_MAX: wait for pacer_back() */
static uint64_t next_turn(const struct pacer *pacer)
{
	const uint64_t now = wheel_now(pacer->wheel);

	if (pacer->silent && pacer->outc)
		return UINT64_MAX;

	if (pacer->silent && pacer->probe_ms > now)
		return pacer->probe_ms - now;

	if (bucket_has(&pacer->bucket, 0))
		return 0;

	return together(pacer, (BUCKET_TOKEN - pacer->bucket.tokens +
				pacer->per_second - 1) / pacer->per_second);
}


static void schedule(struct pacer *pacer)
{
	uint64_t wait;

	if (list_isempty(&pacer->waitl)) {
		wheel_cancel(&pacer->tmr);
		return;
	}

	fill(pacer);
	wait = next_turn(pacer);
	if (wait == UINT64_MAX)
		wheel_cancel(&pacer->tmr);
	else if (!wheel_is_running(&pacer->tmr) ||
		 wheel_left(&pacer->tmr) != wait)
		wheel_start(pacer->wheel, &pacer->tmr, wait, run, pacer);
}


static void run(void *arg)
{
	struct pacer *pacer = arg;

	fill(pacer);

	while (!list_isempty(&pacer->waitl) && !next_turn(pacer)) {
		struct pace *pace = list_ledata(list_head(&pacer->waitl));

		list_unlink(&pace->le);
		(void)bucket_take(&pacer->bucket, 0);
		++pacer->outc;
		pace->h(pace->arg);
	}

	schedule(pacer);
}


void pacer_init(struct pacer *pacer, struct wheel *wheel,
		uint32_t per_second, uint32_t burst)
{
	memset(pacer, 0, sizeof(*pacer));

	pacer->wheel      = wheel;
	pacer->per_second = per_second ? per_second : 1;
	pacer->burst      = burst ? burst : 1;
	bucket_init(&pacer->bucket, pacer->burst, wheel_now(wheel));
}


void pacer_close(struct pacer *pacer)
{
	wheel_cancel(&pacer->tmr);
	list_clear(&pacer->waitl);
}


void pacer_wait(struct pacer *pacer, struct pace *pace, pace_h *h,
		void *arg)
{
	if (pacer_is_waiting(pace))
		return;

	pace->h   = h;
	pace->arg = arg;
	list_append(&pacer->waitl, &pace->le, pace);

	schedule(pacer);
}


void pacer_forget(struct pace *pace)
{
	list_unlink(&pace->le);
}


bool pacer_is_waiting(const struct pace *pace)
{
	return pace->le.list != NULL;
}


void pacer_back(struct pacer *pacer)
{
	if (pacer->outc)
		--pacer->outc;

	schedule(pacer);
}


void pacer_silent_set(struct pacer *pacer, bool silent, uint64_t quiet_ms)
{
	pacer->silent   = silent;
	pacer->probe_ms = wheel_now(pacer->wheel) + quiet_ms;

	schedule(pacer);
}
