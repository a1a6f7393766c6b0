/**
 * @file queueing.c  Users who wait for their turn, remembered when it lasts
 *
 * When 100,000 users start each of them queues, and is registered soon
 * after. To write down the first, only to replace it at once, would cost as
 * much as all the rest. So who queues is shown, but remembered only when
 * nobody's turn has come for a moment, or when it has taken long.
 */
#include "bridge/base/wheel.h"
#include "bridge/sip/stack.h"
#include "pool_core.h"


enum {
	REST_MS  = 2000,           /* nobody came or went: it lasts         */
	LONG_MS  = 300000,         /* ... or whoever comes and goes         */
	LOOK_MS  = 1024,           /* between two looks                     */
	BATCH    = 500,            /* users in one go                       */
	BATCH_MS = 128,            /* between two of them                   */
};


static struct wheel *wheel_of(const struct pool *pool)
{
	return stack_wheel(pool->conf.stack);
}


/** From the one who has waited for longest. @return false: enough for now */
static bool tell_some(struct pool *pool, bool all)
{
	const uint64_t now = wheel_now(wheel_of(pool));
	unsigned n = 0;

	while (!list_isempty(&pool->queuel)) {
		struct account *acc = list_ledata(pool->queuel.head);

		if (!all && now - acc->queued_ms < LONG_MS)
			return true;
		if (n++ == BATCH)
			return false;

		list_unlink(&acc->queue_le);
		acc->queue_told = true;
		account_tell(acc, false);
	}

	return true;
}


static void look(void *arg)
{
	struct pool *pool = arg;
	const bool rest = wheel_now(wheel_of(pool)) - pool->queue_ms >=
		REST_MS;
	const bool done = tell_some(pool, rest);

	if (!list_isempty(&pool->queuel))
		wheel_start(wheel_of(pool), &pool->queue_tmr,
			    done ? LOOK_MS : BATCH_MS, look, pool);
}


static void queueing_end(struct account *acc)
{
	acc->queue_told = false;
	if (!acc->queue_le.list)
		return;

	list_unlink(&acc->queue_le);
	acc->pool->queue_ms = wheel_now(wheel_of(acc->pool));
}


static void queueing_begin(struct account *acc)
{
	struct pool *pool = acc->pool;

	acc->queued_ms = pool->queue_ms = wheel_now(wheel_of(pool));
	list_append(&pool->queuel, &acc->queue_le, acc);

	if (!wheel_is_running(&pool->queue_tmr))
		wheel_start(wheel_of(pool), &pool->queue_tmr, LOOK_MS, look,
			    pool);
}


bool queueing_note(struct account *acc, const struct reg_status *st)
{
	if (st->state != REG_QUEUED || st->removed || st->away) {
		queueing_end(acc);
		return false;
	}

	if (!acc->queue_told && !acc->queue_le.list)
		queueing_begin(acc);

	return !acc->queue_told;
}
