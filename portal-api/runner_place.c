/**
 * @file runner_place.c  Places for tests on this node
 */
#include <assert.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <unistd.h>

#include "bridge/base/wheel.h"
#include "run_live.h"
#include "runner_core.h"


/** One door: what may follow each */
static const unsigned successors[] = {
	[TESTRUN_PLACE] = 1u << TESTRUN_RUNS,
	[TESTRUN_RUNS]  = 1u << TESTRUN_ENDS | 1u << TESTRUN_OVER,
	[TESTRUN_ENDS]  = 1u << TESTRUN_OVER,
	[TESTRUN_OVER]  = 0,
};


void testrun_state_set(struct testrun *tr, enum testrun_state next)
{
	assert(successors[tr->state] & (1u << next));

	tr->state = next;
}


/** The lock is held, or nobody else knows of it */
static void destructor(void *data)
{
	struct testrun *tr = data;

	list_unlink(&tr->le);
	list_unlink(&tr->place_le);
	if (tr->out_ev)
		event_free(tr->out_ev);
	if (tr->out)
		evbuffer_free(tr->out);
	run_process_close(&tr->process);
	strings_clear(&tr->who);
	mem_deref(tr->live);
	mem_deref(tr->summary);
	mem_deref(tr->folder);
	mem_deref(tr->verdict);
}


static void bell_ring(const struct runner *r)
{
	const uint64_t one = 1;

	while (write(r->bell, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}


/** The first who is in both. The lock is held. @return NULL: nobody */
static const char *busy(const struct testrun *tr, const struct strings *who)
{
	for (size_t i = 0; i < who->c; i++)
		for (size_t n = 0; n < tr->who.c; n++)
			if (!strcasecmp(who->v[i], tr->who.v[n]))
				return who->v[i];

	return NULL;
}


/** The lock is held. @return 0, EBUSY */
static int collisions_find(const struct runner *r,
			   const struct booking *booking,
			   struct collision *collision)
{
	struct le *le;

	LIST_FOREACH(&r->placel, le) {
		const struct testrun *tr = le->data;
		const char *who = busy(tr, booking->who);

		if (!who)
			continue;

		str_ncpy(collision->who, who, sizeof(collision->who));
		str_ncpy(collision->id, tr->id, sizeof(collision->id));
		collision->same_tenant = !strcmp(tr->tenant,
						 booking->tenant);
		return EBUSY;
	}

	return 0;
}


int runner_reserve(struct runner *r, const struct booking *booking,
		   struct testrun **trp, struct collision *collision)
{
	const unsigned max = portal_conf(r->portal)->tests.at_once;
	struct testrun *tr;
	int err;

	if (!max)
		return ENOSYS;

	tr = mem_zalloc(sizeof(*tr), destructor);
	if (!tr)
		return ENOMEM;

	tr->runner = r;
	tr->process.in = tr->process.out = -1;
	str_ncpy(tr->tenant, booking->tenant, sizeof(tr->tenant));
	str_ncpy(tr->pbx, booking->pbx, sizeof(tr->pbx));

	(void)pthread_mutex_lock(&r->lock);

	err = collisions_find(r, booking, collision);
	if (!err && (list_count(&r->placel) >= max || r->closing))
		err = EAGAIN;
	if (!err) {
		tr->who = *booking->who;
		memset(booking->who, 0, sizeof(*booking->who));
		list_append(&r->placel, &tr->place_le, tr);
	}

	(void)pthread_mutex_unlock(&r->lock);

	if (err)
		mem_deref(tr);
	else
		*trp = tr;

	return err;
}


void runner_release(struct testrun *tr)
{
	struct runner *r = tr->runner;

	(void)pthread_mutex_lock(&r->lock);
	mem_deref(tr);
	(void)pthread_mutex_unlock(&r->lock);
}


int runner_launch(struct testrun *tr, const struct launch *launch)
{
	struct runner *r = tr->runner;
	int err;

	(void)pthread_mutex_lock(&r->lock);
	str_ncpy(tr->id, launch->id, sizeof(tr->id));
	(void)pthread_mutex_unlock(&r->lock);

	err = str_dup(&tr->summary, launch->summary);
	if (!err)
		err = str_dup(&tr->folder, launch->folder);
	if (!err)
		err = run_live_alloc(&tr->live);
	if (!err) {
		tr->out = evbuffer_new();
		err = tr->out ? 0 : ENOMEM;
	}
	if (!err)
		err = run_process_start(&tr->process, launch->folder,
					launch->argv, launch->text);
	if (err)
		return err;

	tr->began_ms = clock_ms();
	testrun_state_set(tr, TESTRUN_RUNS);

	(void)pthread_mutex_lock(&r->lock);
	list_append(&r->freshl, &tr->le, tr);
	(void)pthread_mutex_unlock(&r->lock);
	bell_ring(r);

	return 0;
}
