/**
 * @file runner.c  Tests that run on this node
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "run_keep.h"
#include "run_live.h"
#include "runner_core.h"


enum {
	TICK_MS    = 200,
	RETRY_MS   = 5000,         /* keep it, when the store was away   */
	LEFT_MS    = 1000,         /* something of before still ends     */
	PATIENCE_MS = 120 * 1000,  /* to hang up and put back            */
	LIMIT_MS   = 4 * 3600 * 1000,
	CLOSING_MS = 6000,         /* to hang up when the service stops  */
	LINE_MAX_OCTETS = 256 * 1024,
	READ_OCTETS = 64 * 1024,
};

static const char stopped_why[] = "the service was stopped while this ran";


int runner_folder(char *path, size_t size, const struct portal_conf *conf,
		  const char *id)
{
	return re_snprintf(path, size, "%s/test-runs%s%s", conf->state_dir,
			   *id ? "/" : "", id) < 0 ? ENAMETOOLONG : 0;
}


const char *runner_node(const struct portal_conf *conf)
{
	return conf->node ? conf->node : "node";
}


/* Going on, in the portal's thread */


void testrun_end(struct testrun *tr, const char *word, const char *why)
{
	if (tr->state != TESTRUN_RUNS)
		return;

	info("tests", tr->id, "%s is told to end: %s", tr->pbx, why);
	str_ncpy(tr->why, why, sizeof(tr->why));
	tr->word    = word;
	tr->ends_ms = clock_ms();
	testrun_state_set(tr, TESTRUN_ENDS);
	run_process_kill(&tr->process, false);
	run_live_tell(tr->live, json_pack("{s:s, s:s}", "event", "ends",
					  "text", why));
}


static void lines_read(struct testrun *tr)
{
	char *line;

	while ((line = evbuffer_readln(tr->out, NULL, EVBUFFER_EOL_LF))) {
		run_live_line(tr->live, line);
		free(line);
	}

	if (evbuffer_get_length(tr->out) > LINE_MAX_OCTETS)
		(void)evbuffer_drain(tr->out, evbuffer_get_length(tr->out));
}


static void out_h(evutil_socket_t fd, short what, void *arg)
{
	struct testrun *tr = arg;
	int n;

	(void)what;

	n = evbuffer_read(tr->out, fd, READ_OCTETS);
	lines_read(tr);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		(void)event_del(tr->out_ev);
}


/** In a worker */
static void keep_work(struct desk_task *task, struct store *st,
		      struct catalog *cat)
{
	struct testrun *tr = (struct testrun *)(void *)task;
	const struct run_keep keep = {
		.id = tr->id, .summary = tr->summary, .folder = tr->folder,
		.why = *tr->why ? tr->why : NULL, .verdict = tr->word,
	};
	int err;

	(void)cat;

	err = run_keep(st, &keep, &tr->verdict);
	tr->kept = !err;
	if (err)
		warning("tests", tr->id, "its report cannot be kept yet: %m",
			err);
}


/** It is in the store: whoever looks on is told where to look now */
static void finish(struct testrun *tr)
{
	struct runner *r = tr->runner;

	info("tests", tr->id, "%s was tested: %s", tr->pbx, tr->verdict);
	if (tr->live)
		run_live_tell(tr->live, json_pack("{s:s, s:s}", "event",
			      "over", "verdict", tr->verdict));

	(void)pthread_mutex_lock(&r->lock);
	mem_deref(tr);
	(void)pthread_mutex_unlock(&r->lock);
}


static void keep_done(struct desk_task *task)
{
	struct testrun *tr = (struct testrun *)(void *)task;

	tr->keeping = false;
	if (!task->err && tr->kept)
		finish(tr);
}


static void keep_begin(struct testrun *tr)
{
	tr->retry_ms = clock_ms() + RETRY_MS;
	memset(&tr->task, 0, sizeof(tr->task));
	tr->task.workh = keep_work;
	tr->task.doneh = keep_done;
	tr->keeping = !desk_push_task(portal_desk(tr->runner->portal),
				      &tr->task);
}


static void limits_check(struct testrun *tr)
{
	const struct portal_conf *conf = portal_conf(tr->runner->portal);
	const uint64_t now = clock_ms();
	char why[96];

	if (run_live_waits_ms(tr->live) > conf->tests.question_ms) {
		(void)re_snprintf(why, sizeof(why), "nobody answered a"
				  " question for %u s",
				  conf->tests.question_ms / 1000);
		testrun_end(tr, "stopped", why);
	}
	else if (now - tr->began_ms > LIMIT_MS) {
		testrun_end(tr, "stopped", "it took longer than a test may");
	}

	if (tr->state == TESTRUN_ENDS && now - tr->ends_ms > PATIENCE_MS) {
		tr->ends_ms = now;
		run_process_kill(&tr->process, true);
	}
}


static void step(struct testrun *tr)
{
	if (tr->state == TESTRUN_OVER) {
		if (!tr->keeping && clock_ms() >= tr->retry_ms)
			keep_begin(tr);
		return;
	}

	run_live_tick(tr->live);
	if (!run_process_ended(&tr->process)) {
		limits_check(tr);
		return;
	}

	/* what it said last */
	while (evbuffer_read(tr->out, tr->process.out, READ_OCTETS) > 0)
		lines_read(tr);

	if (tr->out_ev)
		(void)event_del(tr->out_ev);
	run_process_close(&tr->process);
	testrun_state_set(tr, TESTRUN_OVER);
	keep_begin(tr);
}


/* What was left by ourselves, before we were started anew */


static void left_work(struct desk_task *task, struct store *st,
		      struct catalog *cat)
{
	struct runner *r = (struct runner *)(void *)task;

	(void)cat;
	r->left_err = run_keep_left(st, portal_conf(r->portal), r->since_ms);
}


static void left_done(struct desk_task *task)
{
	struct runner *r = (struct runner *)(void *)task;

	r->left_busy = false;
	r->left_seen = !task->err && !r->left_err;
}


static void left_look(struct runner *r)
{
	if (r->left_seen || r->left_busy || clock_ms() < r->left_ms)
		return;

	r->left_ms = clock_ms() + LEFT_MS;
	memset(&r->left, 0, sizeof(r->left));
	r->left.workh = left_work;
	r->left.doneh = left_done;
	r->left_busy  = !desk_push_task(portal_desk(r->portal), &r->left);
}


static void tick_h(evutil_socket_t fd, short what, void *arg)
{
	struct runner *r = arg;
	struct le *le = list_head(&r->runl);

	(void)fd;
	(void)what;

	while (le) {
		struct testrun *tr = le->data;

		le = le->next;
		step(tr);
	}

	left_look(r);
	if (r->left_seen && !r->runl.head)
		(void)event_del(r->tick);
}


static void take(struct runner *r, struct testrun *tr, bool closing)
{
	list_append(&r->runl, &tr->le, tr);
	tr->out_ev = event_new(r->base, tr->process.out, EV_READ | EV_PERSIST,
			       out_h, tr);
	if (!tr->out_ev || event_add(tr->out_ev, NULL))
		testrun_end(tr, "stopped", "without memory");
	if (closing)
		testrun_end(tr, "interrupted", stopped_why);
}


static void bell_h(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval tv = { .tv_usec = TICK_MS * 1000 };
	struct runner *r = arg;
	struct testrun *tr;
	uint64_t count;
	bool closing;

	(void)what;
	(void)!read(fd, &count, sizeof(count));

	for (;;) {
		(void)pthread_mutex_lock(&r->lock);
		closing = r->closing;
		tr = list_ledata(list_head(&r->freshl));
		if (tr)
			list_unlink(&tr->le);
		(void)pthread_mutex_unlock(&r->lock);

		if (!tr)
			break;
		take(r, tr, closing);
	}

	(void)event_add(r->tick, &tv);
	tick_h(-1, 0, r);
}


/* Beginning and end */


/** Where nothing was ever begun nothing is left */
static bool was_used(const struct portal_conf *conf)
{
	char path[PATH_MAX];

	return !runner_folder(path, sizeof(path), conf, "") &&
		!access(path, F_OK);
}


int runner_alloc(struct runner **rp, struct portal *portal,
		 struct event_base *base)
{
	struct runner *r = calloc(1, sizeof(*r));

	if (!r)
		return ENOMEM;

	r->portal   = portal;
	r->base     = base;
	r->since_ms = clock_wall_ms();
	r->left_seen = !was_used(portal_conf(portal));
	(void)pthread_mutex_init(&r->lock, NULL);
	r->bell = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	r->tick = event_new(base, -1, EV_PERSIST, tick_h, r);
	if (r->bell >= 0)
		r->bell_ev = event_new(base, r->bell, EV_READ | EV_PERSIST,
				       bell_h, r);

	if (!r->tick || !r->bell_ev || event_add(r->bell_ev, NULL)) {
		runner_free(r);
		return ENOMEM;
	}

	*rp = r;

	return 0;
}


void runner_drain(struct runner *r)
{
	if (!r)
		return;

	(void)pthread_mutex_lock(&r->lock);
	r->closing = true;
	(void)pthread_mutex_unlock(&r->lock);

	bell_h(r->bell, 0, r);
	for (struct le *le = list_head(&r->runl); le; le = le->next)
		testrun_end(le->data, "interrupted", stopped_why);
}


/** Everybody hangs up, and what can be kept is; what cannot be in time is
    found when the service runs again */
void runner_close(struct runner *r)
{
	uint64_t end_ms;

	if (!r)
		return;

	runner_drain(r);
	end_ms = clock_ms() + CLOSING_MS;
	while (r->runl.head && clock_ms() < end_ms &&
	       !event_base_loop(r->base, EVLOOP_ONCE))
		;

	(void)event_del(r->bell_ev);
	(void)event_del(r->tick);

	for (struct le *le = list_head(&r->runl); le; le = le->next) {
		struct testrun *tr = le->data;

		tr->live = mem_deref(tr->live);
		if (tr->out_ev)
			(void)event_del(tr->out_ev);
		run_process_close(&tr->process);
	}
}


void runner_free(struct runner *r)
{
	if (!r)
		return;

	list_flush(&r->runl);
	list_flush(&r->freshl);
	if (r->tick)
		event_free(r->tick);
	if (r->bell_ev)
		event_free(r->bell_ev);
	if (r->bell >= 0)
		(void)close(r->bell);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}
