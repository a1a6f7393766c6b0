/**
 * @file pool.c  Every account of the node and its registration
 *
 * The pool owns the accounts; each refers to its site, which goes with the
 * last of them. Accounts that were removed stay a moment among those that
 * leave, until the PBX has let their bindings go.
 */
#include "bridge/base/log.h"
#include "bridge/sip/stack.h"
#include "pool_core.h"


enum {
	BUCKETS     = 4096,        /* of each table                        */
	GROUPS      = 256,         /* of the table of tenants              */
	LEAVE_BATCH = 20,          /* un-REGISTERs in one go               */
	LEAVE_MS    = 10,          /* between two of them                  */
	CHECKS      = 2,           /* users that find out, when a PBX does
				      not answer keepalives                */
};


static void pool_destructor(void *data)
{
	struct pool *pool = data;

	wheel_cancel(&pool->leave_tmr);
	wheel_cancel(&pool->queue_tmr);
	list_flush(&pool->leavel);
	list_flush(&pool->accountl);
	list_flush(&pool->sitel);
	hash_flush(pool->groups);
	mem_deref(pool->groups);
	mem_deref(pool->tokens);
	mem_deref(pool->usernames);
	mem_deref(pool->upns);
	mem_deref(pool->numbers);
}


int pool_alloc(struct pool **poolp, const struct pool_conf *conf,
	       pool_status_h *statush, void *arg)
{
	struct pool *pool;
	int err;

	if (!poolp || !conf || !conf->stack || !statush)
		return EINVAL;

	pool = mem_zalloc(sizeof(*pool), pool_destructor);
	if (!pool)
		return ENOMEM;

	pool->conf    = *conf;
	pool->statush = statush;
	pool->arg     = arg;

	err = hash_alloc(&pool->tokens, BUCKETS);
	if (!err)
		err = hash_alloc(&pool->groups, GROUPS);
	if (!err)
		err = hash_alloc(&pool->usernames, BUCKETS);
	if (!err)
		err = hash_alloc(&pool->upns, BUCKETS);
	if (!err)
		err = hash_alloc(&pool->numbers, BUCKETS);

	if (err)
		mem_deref(pool);
	else
		*poolp = pool;

	return err;
}


/** Time until so many had their turn at the PBX's pace */
static uint32_t storm_s(const struct pbx *pbx, unsigned userc)
{
	const int64_t per_second = pbx->registration.per_second;

	return (uint32_t)((userc + per_second - 1) / per_second);
}


/** Those who heard nothing come back, and are told when */
static void site_wake(struct pool *pool, const struct site *site)
{
	unsigned userc = 0;
	uint32_t wait_s;

	for (struct le *le = pool->accountl.head; le; le = le->next) {
		const struct account *acc = le->data;

		userc += acc->site == site && reg_is_unheard(acc->reg);
	}

	wait_s = storm_s(site->pbx, userc);
	if (userc)
		info("pbx", site->pbx->name, "%s: all %u users back in %u s",
		     site->tenant, userc, wait_s);

	for (struct le *le = pool->accountl.head; le; le = le->next) {
		struct account *acc = le->data;

		if (acc->site == site)
			reg_wake(acc->reg, userc, wait_s);
	}
}


/** It shows elsewhere, or no more: all may have moved, two are enough to
    find out whether the PBX is silent */
void pool_site_flow(struct site *site, struct flow *flow,
		    const struct sa *mapped, void *arg)
{
	struct pool *pool = arg;
	unsigned n = 0;

	if (mapped)
		site->mapped = *mapped;

	for (struct le *le = pool->accountl.head; le; le = le->next) {
		struct account *acc = le->data;

		if (acc->site != site)
			continue;

		if (mapped)
			reg_remap(acc->reg, flow, mapped);
		else if (n < CHECKS && reg_check(acc->reg, flow))
			++n;
	}
}


void pool_site_silent(struct site *site, bool silent, void *arg)
{
	struct pool *pool = arg;

	if (!silent) {
		site_wake(pool, site);
		return;
	}

	for (struct le *le = pool->accountl.head; le; le = le->next) {
		struct account *acc = le->data;

		if (acc->site == site)
			reg_hold(acc->reg);
	}
}


/* ------------------------------------------------------------------ */
/* Leaving                                                             */


static void done_check(struct pool *pool)
{
	pool_done_h *doneh = pool->doneh;

	if (!doneh || !list_isempty(&pool->leavel))
		return;

	pool->doneh = NULL;
	doneh(pool->done_arg);     /* it may free us */
}


static void account_left(void *arg)
{
	struct account *acc = arg;
	struct pool *pool = acc->pool;

	mem_deref(acc);
	done_check(pool);
}


/** A few at a time: un-REGISTERs of a large PBX at once would drown it */
static void leave_some(void *arg)
{
	struct pool *pool = arg;
	unsigned n = 0;

	for (struct le *le = pool->leavel.head; le; le = le->next) {
		struct account *acc = le->data;

		if (acc->leaving)
			continue;

		if (n++ == LEAVE_BATCH) {
			wheel_start(stack_wheel(pool->conf.stack),
				    &pool->leave_tmr, LEAVE_MS, leave_some,
				    pool);
			return;
		}

		acc->leaving = true;
		reg_leave(acc->reg, account_left, acc);
	}

	done_check(pool);
}


/** Out of sight at once, out of the PBX soon */
void account_end(struct account *acc, bool tell)
{
	struct pool *pool = acc->pool;

	if (tell)
		account_tell(acc, true);

	account_hide(acc);
	acc->mwisub = mem_deref(acc->mwisub);
	list_unlink(&acc->queue_le);
	list_unlink(&acc->group_le);
	list_unlink(&acc->le);
	list_append(&pool->leavel, &acc->le, acc);

	if (!wheel_is_running(&pool->leave_tmr))
		wheel_start(stack_wheel(pool->conf.stack), &pool->leave_tmr,
			    0, leave_some, pool);
}


void pool_unregister_all(struct pool *pool, pool_done_h *doneh, void *arg)
{
	if (!pool)
		return;

	pool->closing  = true;
	pool->doneh    = doneh;
	pool->done_arg = arg;

	while (!list_isempty(&pool->accountl))
		account_end(list_ledata(pool->accountl.head), false);

	wheel_start(stack_wheel(pool->conf.stack), &pool->leave_tmr, 0,
		    leave_some, pool);
}
