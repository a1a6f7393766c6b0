/**
 * @file sync_run.c  One run of a customer's sync, from step to step
 */
#include <event2/event.h>
#include <jansson.h>

#include "api.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/wheel.h"
#include "sync/script.h"
#include "sync_run.h"
#include "syncing.h"


/* A run */


static void run_destructor(void *data)
{
	struct sync_run *run = data;

	list_unlink(&run->le);
	if (run->beat)
		event_free(run->beat);
	mem_deref(run->assign);
	mem_deref(run->probe);
	mem_deref(run->g);
	mem_deref(run->dir);
	mem_deref(run->conf);
	list_flush(&run->peoplel);
	list_flush(&run->checkl);
	json_decref(run->data);
	store_sync_job_clear(&run->job);
}


int sync_run_alloc(struct sync_run **runp)
{
	struct sync_run *run = mem_zalloc(sizeof(*run), run_destructor);

	if (!run)
		return ENOMEM;

	*runp = run;

	return 0;
}


bool sync_run_work(struct sync_run *run,
		   void (*workh)(struct desk_task *, struct store *,
				 struct catalog *),
		   void (*doneh)(struct desk_task *))
{
	run->task.workh = workh;
	run->task.doneh = doneh;
	run->task.err   = 0;
	run->working    = !run->over &&
		!desk_push_task(portal_desk(run->portal), &run->task);

	if (run->working)
		return true;

	/* too busy, or ending: the claim runs out, then it is done again */
	mem_deref(run);

	return false;
}


bool sync_run_back(struct sync_run *run)
{
	run->working = false;
	if (!run->over)
		return true;

	mem_deref(run);

	return false;
}


/* How it went */


struct tally { unsigned there, given, would, failed; };


static void tally_of(struct tally *tally, const struct sync_run *run)
{
	struct le *le;

	memset(tally, 0, sizeof(*tally));
	LIST_FOREACH(&run->peoplel, le) {
		const struct assignment *one = le->data;

		tally->there  += one->state == ASSIGN_THERE;
		tally->given  += one->state == ASSIGN_DONE;
		tally->would  += one->state == ASSIGN_WOULD;
		tally->failed += one->state == ASSIGN_FAILED;
	}
}


static json_t *problem_json(const struct sync_problem *problem)
{
	if (!problem->fault)
		return json_null();

	return json_pack("{s:s, s:s, s:s, s:s}", "fault", problem->fault,
			 "why", problem->why, "advice", problem->advice,
			 "request_id", problem->request_id);
}


static json_t *result_json(const struct sync_run *run)
{
	struct directory_counts counts;
	struct tally tally;
	const char *state;

	directory_counts(run->dir, &counts);
	tally_of(&tally, run);
	state = run->problem.fault ? "failed" :
		run->note.fault || tally.failed ? "partial" : "done";

	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:b, s:i, s:i,"
			 " s:i, s:i, s:i, s:i, s:i, s:i, s:i}",
			 "mode", sync_mode_name(run->mode), "state", state,
			 "who", run->job.who, "began_ms",
			 (json_int_t)run->began_ms, "ended_ms",
			 (json_int_t)clock_wall_ms(), "problem",
			 problem_json(&run->problem), "note",
			 problem_json(&run->note), "full",
			 directory_was_full(run->dir), "pages",
			 (int)counts.pages, "seen", (int)counts.seen,
			 "removed", (int)counts.removed, "left",
			 (int)run->left, "disabled", (int)run->disabled,
			 "there", (int)tally.there, "given",
			 (int)tally.given, "missing", (int)tally.would,
			 "failed", (int)tally.failed);
}


static void log_end(const struct sync_run *run)
{
	metric_add(metric_counter("callbridge_sync_runs_total",
				  run->problem.fault ? "result=\"failed\""
				  : "result=\"done\"",
				  "Runs of the sync with Microsoft 365"), 1);
	if (run->problem.fault)
		warning("sync", run->job.tenant, "%s: %s%s%s%s",
			run->problem.why, run->problem.advice,
			*run->problem.request_id ? " (request-id " : "",
			run->problem.request_id,
			*run->problem.request_id ? ")" : "");
	else
		info("sync", run->job.tenant, "%s done: %u users who left"
		     " here, %u disabled", sync_mode_name(run->mode),
		     run->left, run->disabled);
}


static void ended(struct desk_task *task)
{
	struct sync_run *run = (struct sync_run *)task;
	struct syncing *s = run->syncing;

	if (task->err && !run->over)
		warning("sync", run->job.tenant, "what came of it cannot be"
			" kept: %m", task->err);
	if (run->disabled)
		portal_changed(run->portal);

	mem_deref(run);
	syncing_look(s);
}


/** The end of each run: what it leaves is kept, and the claim let go */
static void run_end(struct sync_run *run)
{
	run->step = SYNC_ENDING;
	(void)json_object_set_new(run->data, run->mode == SYNC_TEST ? "test"
				  : "last", result_json(run));
	if (run->mode == SYNC_TEST)
		(void)json_object_set(json_object_get(run->data, "test"),
				      "probes", json_object_get(run->data,
								"probes"));
	(void)json_object_del(run->data, "probes");
	log_end(run);
	(void)sync_run_work(run, sync_end, ended);
}


static void run_fail(struct sync_run *run, const char *fault,
		     const char *advice, const char *why)
{
	sync_problem_set(&run->problem, fault, advice, why);
	run_end(run);
}


static void run_fail_store(struct sync_run *run, int err)
{
	char why[128];

	(void)re_snprintf(why, sizeof(why), "the store cannot be used: %m",
			  err);
	run_fail(run, "store", "look at the service's log", why);
}


/* Numbers and policies */


static void assigned(const struct graph_result *result, void *arg);


static void giving_begin(struct sync_run *run, struct list *l, bool dry)
{
	const struct assign_conf conf = { .policy = SCRIPT_NAME,
					  .dry = dry };

	run->assign = mem_deref(run->assign);
	if (assign_begin(&run->assign, run->base, run->g, l, &conf, assigned,
			 run))
		run_fail(run, "no_memory", "the machine has too little"
			 " memory", "no memory");
}


static void list_move(struct list *to, struct list *from,
		      bool (*is)(const struct assignment *one))
{
	struct le *le = list_head(from);

	while (le) {
		struct assignment *one = le->data;

		le = le->next;
		if (is && !is(one))
			continue;

		list_unlink(&one->le);
		list_append(to, &one->le, one);
	}
}


static bool is_done(const struct assignment *one)
{
	return one->state == ASSIGN_DONE;
}


/** What was given is there when Teams shows it, not before */
static void check_end(struct sync_run *run, bool read)
{
	struct le *le;

	LIST_FOREACH(&run->checkl, le) {
		struct assignment *one = le->data;

		if (read && one->state == ASSIGN_THERE)
			continue;

		one->state = ASSIGN_DONE;
		str_ncpy(one->why, "given; Teams does not show all of it yet",
			 sizeof(one->why));
	}
	list_move(&run->peoplel, &run->checkl, NULL);
	run_end(run);
}


static void denied_note(struct sync_run *run, bool denied)
{
	run->denied = denied;
	if (denied)
		(void)json_object_set_new(run->data, "denied_ms",
					  json_integer((json_int_t)
						       clock_wall_ms()));
	else
		(void)json_object_del(run->data, "denied_ms");
}


/** What Teams has cannot be told: that is no failure where a person runs the
    script, but for who wants it done by Graph it is */
static void giving_failed(struct sync_run *run,
			  const struct graph_result *result)
{
	denied_note(run, result->fault == GRAPH_DENIED);
	sync_problem_of(&run->note, result);
	if (run->denied)
		run->note.advice = "to see and set what Teams has, grant"
			" TeamsUserConfiguration.Read.All, TeamsTelephone"
			"Number.ReadWrite.All and TeamsPolicyUserAssign."
			"ReadWrite.All with admin consent, then test the"
			" credentials again";

	if (run->denied && run->conf->push == SYNC_BY_SCRIPT)
		memset(&run->note, 0, sizeof(run->note));
}


/** Graph has told all, or does not. The client is not to be freed here */
static void assigned(const struct graph_result *result, void *arg)
{
	struct sync_run *run = arg;
	const bool good = result->fault == GRAPH_GOOD;

	if (run->step == SYNC_CHECKING) {
		check_end(run, good);
		return;
	}

	if (good)
		denied_note(run, false);
	else
		giving_failed(run, result);

	list_move(&run->checkl, &run->peoplel, is_done);
	if (!good || !list_head(&run->checkl)) {
		list_move(&run->peoplel, &run->checkl, NULL);
		run_end(run);
		return;
	}

	run->step = SYNC_CHECKING;
	giving_begin(run, &run->checkl, true);
}


/** By itself it does not ask again for what was refused */
static bool gives(const struct sync_run *run)
{
	return list_head(&run->peoplel) && (*run->job.wish ||
		!json_object_get(run->data, "denied_ms"));
}


static void kept(struct desk_task *task)
{
	struct sync_run *run = (struct sync_run *)task;

	if (!sync_run_back(run))
		return;

	if (task->err) {
		run_fail_store(run, task->err);
		return;
	}

	if (!gives(run)) {
		run_end(run);
		return;
	}

	run->step = SYNC_GIVING;
	giving_begin(run, &run->peoplel, run->mode != SYNC_RUN ||
		     run->conf->push != SYNC_BY_GRAPH);
}


/* People */


static void pulled(const struct graph_result *result, void *arg)
{
	struct sync_run *run = arg;

	if (result->fault != GRAPH_GOOD) {
		sync_problem_of(&run->problem, result);
		run_end(run);
		return;
	}

	run->step = SYNC_KEEPING;
	(void)sync_run_work(run, sync_keep, kept);
}


/* What the app may */


/** The rows outlive the problem: both are kept together */
static const char *word_of(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}


static void probed(void *arg)
{
	struct sync_run *run = arg;
	const json_t *rows = json_object_get(run->data, "probes"), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (json_is_true(json_object_get(row, "good")) ||
		    !json_is_true(json_object_get(row, "wanted")))
			continue;

		if (!run->problem.fault)
			sync_problem_set(&run->problem, word_of(row, "fault"),
					 word_of(row, "advice"),
					 word_of(row, "why"));
	}

	(void)json_object_del(run->data, "denied_ms");
	run_end(run);
}


static int probing_begin(struct sync_run *run)
{
	json_t *rows = json_array();
	unsigned uses;
	int err;

	run->step = SYNC_PROBING;
	uses = (run->conf->push == SYNC_BY_GRAPH ? SYNC_GIVES : 0) |
		(run->conf->dnd != SYNC_DND_RINGS ? SYNC_WATCHES : 0) |
		(run->conf->dnd_show ? SYNC_SHOWS : 0);
	err  = rows && !json_object_set_new(run->data, "probes", rows) ?
		sync_probe_begin(&run->probe, run->g, uses,
				 run->conf->client_id, rows, probed, run)
		: ENOMEM;

	return err;
}


int sync_graph_make(struct graph **gp, struct event_base *base,
		    const struct syncconf *conf,
		    const struct portal_conf *pc)
{
	const struct graph_conf gc = {
		.login_base = pc->microsoft.login_url ?
			pc->microsoft.login_url : syncconf_login(conf->cloud),
		.graph_base = pc->microsoft.graph_url ?
			pc->microsoft.graph_url : syncconf_graph(conf->cloud),
		.tenant = conf->directory_id, .client_id = conf->client_id,
		.client_secret = conf->certificate ? NULL
			: conf->client_secret,
		.certificate = conf->certificate,
		.ca_file = pc->microsoft.ca_file,
	};

	return graph_alloc(gp, base, &gc);
}


void sync_run_begin(struct sync_run *run)
{
	int err;

	if (run->problem.fault) {
		run_end(run);
		return;
	}

	err = sync_graph_make(&run->g, run->base, run->conf,
			      portal_conf(run->portal));
	if (!err && run->mode == SYNC_TEST)
		err = probing_begin(run);
	else if (!err) {
		run->step = SYNC_PULLING;
		err = directory_gather(run->dir, run->g, pulled, run);
	}

	if (err == EBADMSG)
		run_fail(run, "credentials_bad", "enter a certificate and"
			 " its RSA key, PEM text without a password",
			 "the certificate and its key cannot be used");
	else if (err)
		run_fail(run, "no_memory", "look at the service's log",
			 "it cannot begin");
}
