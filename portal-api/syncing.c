/**
 * @file syncing.c  Microsoft 365 of each customer, asked when it is time
 */
#include <event2/event.h>

#include "api.h"
#include "bridge/base/log.h"
#include "sync_run.h"
#include "syncing.h"


enum {
	LOOK_S   = 5,              /* is it somebody's time?               */
	BEAT_S   = 5,
	RUNS_MAX = 4,              /* at once on this node                 */
};


struct syncing {
	struct portal *portal;     /* borrowed                             */
	struct event_base *base;   /* borrowed                             */
	struct event *timer;       /* owned                                */
	struct list runl;          /* struct sync_run, owned               */
	bool claiming;             /* a run looks whether it is one        */
	bool closing;
};


/** A run says that it still runs */
struct beat {
	struct desk_task task;     /* first member */
	struct syncing *syncing;   /* borrowed */
	char *tenant, *node, *progress;    /* owned */
};


/* Beats */


static void beat_destructor(void *data)
{
	struct beat *beat = data;

	mem_deref(beat->tenant);
	mem_deref(beat->node);
	mem_deref(beat->progress);
}


static struct sync_run *run_find(const struct syncing *s, const char *tenant)
{
	struct le *le;

	LIST_FOREACH(&s->runl, le) {
		struct sync_run *run = le->data;

		if (run->job.tenant && run->step != SYNC_CLAIMING &&
		    !strcmp(run->job.tenant, tenant))
			return run;
	}

	return NULL;
}


/** It is nobody's any more, as soon as nobody works at it */
static void run_drop(struct sync_run *run)
{
	run->over = true;
	if (!run->working)
		mem_deref(run);
}


static void beaten(struct desk_task *task)
{
	struct beat *beat = (struct beat *)task;
	struct sync_run *run = run_find(beat->syncing, beat->tenant);

	if (run && task->err == ESTALE) {
		warning("sync", beat->tenant, "another node has taken it"
			" over");
		run_drop(run);
	}

	mem_deref(beat);
}


static void beat_work(struct desk_task *task, struct store *st,
		      struct catalog *cat)
{
	struct beat *beat = (struct beat *)task;
	(void)cat;

	task->err = store_sync_beat(st, beat->tenant, beat->node,
				    beat->progress);
}


/** How far it is. A worker may be counting people: they are not asked */
static int progress_print(struct re_printf *pf, const struct sync_run *run)
{
	struct directory_counts counts = { 0, 0, 0 };

	if (!run->working)
		directory_counts(run->dir, &counts);

	return re_hprintf(pf, "{\"step\":\"%s\",\"mode\":\"%s\","
			  "\"began_ms\":%lld,\"pages\":%u}",
			  sync_step_name(run->step),
			  sync_mode_name(run->mode),
			  (long long)run->began_ms, counts.pages);
}


static void beat_due(evutil_socket_t fd, short what, void *arg)
{
	struct sync_run *run = arg;
	struct beat *beat;
	int err;

	(void)fd;
	(void)what;

	beat = mem_zalloc(sizeof(*beat), beat_destructor);
	if (!beat)
		return;

	beat->syncing    = run->syncing;
	beat->task.workh = beat_work;
	beat->task.doneh = beaten;
	err  = str_dup(&beat->tenant, run->job.tenant);
	err |= str_dup(&beat->node, run->node);
	err |= re_sdprintf(&beat->progress, "%H", progress_print, run);
	if (err || desk_push_task(portal_desk(run->syncing->portal),
				  &beat->task))
		mem_deref(beat);
}


static void beats_start(struct sync_run *run)
{
	const struct timeval tv = { .tv_sec = BEAT_S };

	run->beat = event_new(run->base, -1, EV_PERSIST, beat_due, run);
	if (run->beat)
		(void)event_add(run->beat, &tv);
}


/* Beginning */


static void claimed(struct desk_task *task)
{
	struct sync_run *run = (struct sync_run *)task;
	struct syncing *s = run->syncing;

	s->claiming = false;
	if (!sync_run_back(run))
		return;

	if (task->err) {
		if (task->err != ENOENT)
			warning("sync", run->job.tenant ? run->job.tenant
				: "", "it cannot begin: %m", task->err);
		mem_deref(run);
		return;
	}

	info("sync", run->job.tenant, "%s begins%s%s",
	     sync_mode_name(run->mode), *run->job.who ? ", asked for by "
	     : "", run->job.who);
	beats_start(run);
	sync_run_begin(run);

	/* it may be others' time too */
	syncing_look(s);
}


void syncing_look(struct syncing *s)
{
	const struct portal_conf *conf;
	struct sync_run *run;

	if (!s || s->closing || s->claiming ||
	    list_count(&s->runl) >= RUNS_MAX)
		return;

	if (sync_run_alloc(&run))
		return;

	conf = portal_conf(s->portal);
	run->syncing   = s;
	run->portal    = s->portal;
	run->base      = s->base;
	run->node      = conf->node;
	run->graph_url = conf->microsoft.graph_url;
	list_append(&s->runl, &run->le, run);

	s->claiming = sync_run_work(run, sync_claim, claimed);
}


static void look_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;

	syncing_look(arg);
}


/* Public */


int syncing_alloc(struct syncing **sp, struct portal *portal,
		  struct event_base *base)
{
	const struct timeval tv = { .tv_sec = LOOK_S };
	struct syncing *s;

	/* a portal without a name in the store runs none */
	if (!portal_conf(portal)->node)
		return 0;

	s = mem_zalloc(sizeof(*s), NULL);
	if (!s)
		return ENOMEM;

	s->portal = portal;
	s->base   = base;
	s->timer  = event_new(base, -1, EV_PERSIST, look_due, s);
	if (!s->timer || event_add(s->timer, &tv)) {
		syncing_free(s);
		return ENOMEM;
	}

	*sp = s;

	return 0;
}


void syncing_close(struct syncing *s)
{
	struct le *le;

	if (!s)
		return;

	s->closing = true;
	le = list_head(&s->runl);
	while (le) {
		struct sync_run *run = le->data;

		le = le->next;
		run_drop(run);
	}
}


void syncing_free(struct syncing *s)
{
	if (!s)
		return;

	if (s->timer)
		event_free(s->timer);
	mem_deref(s);
}
