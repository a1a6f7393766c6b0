/**
 * @file run_start.c  Beginning a test of a PBX
 */
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bridge/base/errors.h"
#include "replay.h"
#include "run_keep.h"
#include "run_order.h"
#include "run_plans.h"
#include "run_process.h"
#include "run_resume.h"
#include "run_roster.h"
#include "runner.h"


enum {
	WORDS_MAX     = 40,
	WORD_SIZE     = PATH_MAX,  /* all cases of an order are one word    */
	LOCATION_SIZE = 96,
};


/** The command line of a test */
struct words {
	char bufv[WORDS_MAX][WORD_SIZE];
	const char *v[WORDS_MAX + 1];
	size_t c;
	bool full;
};

/** A test that is begun */
struct start {
	struct request *rq;        /* borrowed */
	struct run_order order;    /* its fields owned */
	struct run_plans plans;    /* owned */
	json_t *resume;            /* owned: what passed earlier, NULL */
	struct strings who;        /* owned: who takes part */
	struct errors *errs;       /* owned */
	struct testrun *place;     /* ours until it is launched; NULL */
	char *text;                /* owned: what the program reads */
	char *summary;             /* owned, of jansson */
	char id[STORE_RUN_ID_SIZE];
	char hash[REPLAY_HASH_SIZE];
	char folder[PATH_MAX - 64];
};


/* What is to be done */


static int order_read(struct start *s)
{
	json_t *body = body_json(s->rq);
	int err;

	if (!body)
		return EALREADY;

	err = fields_defaults(&run_order_fields, &s->order);
	if (!err)
		err = fields_read_json(&run_order_fields, &s->order, body,
				       s->errs, NULL);
	if (!err)
		err = fields_required(&run_order_fields, &s->order, NULL,
				      s->errs);
	json_decref(body);

	if (err || s->order.kind == RUN_READINESS)
		return err;

	err = run_plans_read(&s->plans, &s->order, s->errs);
	if (!err && s->order.resume)
		err = run_resume_get(&s->resume, s->rq, s->order.resume,
				     s->errs);

	return err;
}


static int place_h(const char *tenant, const char *pbx, const char *node,
		   int64_t since_ms, void *arg)
{
	struct start *s = arg;

	(void)tenant;
	(void)since_ms;

	if (strcmp(pbx, s->rq->paramv[1]) ||
	    !strcmp(node, runner_node(portal_conf(s->rq->portal))))
		return 0;

	reply_error(s->rq, 409, NULL, "%s is served by %s: begin its tests"
		    " there", pbx, node);

	return EALREADY;
}


/** Calls are seen on the node where they are */
static int place_check(struct start *s)
{
	if (s->order.kind == RUN_READINESS || !store_is_shared(s->rq->st))
		return 0;

	return store_places(s->rq->st, s->rq->param, place_h, s);
}


static int text_make(struct start *s)
{
	return s->order.kind == RUN_READINESS ?
		run_customer(&s->text, s->rq, &s->order, &s->who, s->errs) :
		run_roster(&s->text, s->rq, &s->plans, &s->who, s->errs);
}


/* The command line */


static void word(struct words *w, const char *fmt, ...)
{
	va_list ap;

	if (w->c == WORDS_MAX) {
		w->full = true;
		return;
	}

	va_start(ap, fmt);
	if (re_vsnprintf(w->bufv[w->c], WORD_SIZE, fmt, ap) < 0)
		w->full = true;
	va_end(ap);
	w->v[w->c] = w->bufv[w->c];
	w->v[++w->c] = NULL;
}


/** One of the house, or its file in the folder of the test */
static void word_plan(struct words *w, const struct start *s, size_t i)
{
	char name[RUN_PLANS_FILE_SIZE];

	if (run_plans_file(&s->plans, i, name))
		word(w, "%s/%s", s->folder, name);
	else
		word(w, "%s", s->order.plans.v[i]);
}


static void words_plans(struct words *w, const struct start *s)
{
	word(w, "--socket");
	word(w, "%s", portal_conf(s->rq->portal)->socket_path);
	word(w, "test");
	word(w, "run");
	word(w, "--events");
	word(w, "--tenant");
	word(w, "%s", s->rq->param);
	word(w, "--roster");
	word(w, RUN_PROCESS_FILE);
	word(w, "--times");
	word(w, "%u", s->order.times);
	word(w, "--repeat");
	word(w, "%lld", (long long)s->order.repeat);
	word(w, "--json");
	word(w, "%s/report.json", s->folder);
	word(w, "--html");
	word(w, "%s/report.html", s->folder);
	word(w, "--folder");
	word(w, "%s/work", s->folder);

	if (s->order.cases.c) {
		word(w, "--case");
		word(w, "%H", strings_print, &s->order.cases);
	}
	if (s->order.tags.c) {
		word(w, "--tag");
		word(w, "%H", strings_print, &s->order.tags);
	}
	if (s->resume) {
		word(w, "--resume");
		word(w, "%s/" RUN_RESUME_FILE, s->folder);
	}

	for (size_t i = 0; i < s->order.plans.c; i++)
		word_plan(w, s, i);
}


static void words_readiness(struct words *w, const struct start *s)
{
	static const char *const userv[] = {"--user", "--user-2"};
	const char *config = portal_conf(s->rq->portal)->config;

	if (config) {
		word(w, "--config");
		word(w, "%s", config);
	}
	word(w, "readiness");
	word(w, "--events");
	word(w, "--report");
	word(w, "%s/report.json", s->folder);
	word(w, "--file");
	word(w, RUN_PROCESS_FILE);
	word(w, "--pbx");
	word(w, "%s", s->rq->paramv[1]);

	for (size_t i = 0; i < s->order.users.c; i++) {
		word(w, "%s", userv[i]);
		word(w, "%s", s->order.users.v[i]);
	}
	if (s->order.call) {
		word(w, "--call");
		word(w, "%s", s->order.call);
	}
}


/* Beginning */


/** By the names that they give themselves; of readiness none */
static json_t *plans_json(const struct run_plans *plans)
{
	json_t *json = json_array();

	for (size_t i = 0; i < plans->choice.planc; i++)
		(void)json_array_append_new(json, json_string(
					    plans->planv[i]->plan));

	return json;
}


static int summary_make(struct start *s)
{
	const bool readiness = s->order.kind == RUN_READINESS;
	json_t *json;

	json = json_pack("{s:s, s:s, s:s, s:o}", "verdict", "running", "kind",
			 readiness ? "readiness" : "plans", "pbx",
			 s->rq->paramv[1], "plans", plans_json(&s->plans));
	s->summary = json_dumps(json, JSON_COMPACT);
	json_decref(json);

	return s->summary ? 0 : ENOMEM;
}


/** Its row, and what is answered to whoever asks again */
static int row_begin(struct start *s, char location[LOCATION_SIZE],
		     json_t *body)
{
	const struct store_run run = {
		.tenant = s->rq->param, .summary = s->summary,
		.node = runner_node(portal_conf(s->rq->portal)),
	};
	int err;

	err = store_begin(s->rq->st);
	if (err)
		return err;

	err = store_run_begin(s->rq->st, &run, &s->rq->by, s->id);
	if (!err) {
		(void)re_snprintf(location, LOCATION_SIZE,
				  "/api/v1/test-runs/%s", s->id);
		(void)json_object_set_new(body, "id", json_string(s->id));
		err = replay_keep(s->rq, s->hash, location, body);
	}

	return store_end(s->rq->st, err);
}


static int folder_make(struct start *s)
{
	const struct portal_conf *conf = portal_conf(s->rq->portal);
	int err;

	err = runner_folder(s->folder, sizeof(s->folder), conf, "");
	if (!err && mkdir(s->folder, 0700) && errno != EEXIST)
		err = errno;
	if (!err)
		err = runner_folder(s->folder, sizeof(s->folder), conf,
				    s->id);
	if (!err && mkdir(s->folder, 0700))
		err = errno;

	return err;
}


static int launch(struct start *s)
{
	struct words *w = mem_zalloc(sizeof(*w), NULL);
	struct launch l = {
		.id = s->id, .summary = s->summary, .folder = s->folder,
		.text = s->text,
	};
	int err;

	if (!w)
		return ENOMEM;

	err = folder_make(s);
	if (!err)
		err = run_plans_write(&s->plans, s->folder);
	if (!err && s->resume)
		err = run_resume_write(s->resume, s->rq->st, s->order.resume,
				       s->folder);
	word(w, "callbridge");
	if (s->order.kind == RUN_READINESS)
		words_readiness(w, s);
	else
		words_plans(w, s);

	l.argv = w->v;
	if (!err && w->full)
		err = E2BIG;
	if (!err)
		err = runner_launch(s->place, &l);
	if (!err)
		s->place = NULL;
	mem_deref(w);

	return err;
}


/** It did not begin: its row says so */
static void launch_failed(struct start *s, int err)
{
	char why[128];
	const struct run_keep keep = {
		.id = s->id, .summary = s->summary, .folder = s->folder,
		.why = why, .verdict = "stopped",
	};

	(void)re_snprintf(why, sizeof(why), "it could not be started: %m",
			  err);
	(void)run_keep(s->rq->st, &keep, NULL);
	reply_error(s->rq, HTTP_INTERNAL, NULL, "%s", why);
}


/** What is of another customer is not told of */
static void reply_busy(struct request *rq, const struct collision *found)
{
	if (!found->same_tenant || !*found->id) {
		reply_error(rq, 409, NULL, "%s is in another test: wait for"
			    " its end", found->who);
		return;
	}

	reply_json(rq, 409, json_pack("{s:o, s:n, s:n, s:s}", "error",
		json_sprintf("%s is in test %s, which runs: watch it"
			     " (callbridge test watch %s), wait for its end or"
			     " stop it (callbridge test stop %s)", found->who,
			     found->id, found->id, found->id), "field",
		"hint", "test_run", found->id));
}


static void reply_full(struct request *rq, int err,
		       const struct collision *found)
{
	const unsigned max = portal_conf(rq->portal)->tests.at_once;

	if (err == ENOSYS)
		reply_error(rq, 409, NULL, "this node runs no tests"
			    " (tests.at_once)");
	else if (err == EBUSY)
		reply_busy(rq, found);
	else if (err == EAGAIN) {
		reply_header(rq, "Retry-After", "30");
		reply_error(rq, HTTP_SERVUNAVAIL, NULL, "%u test%s already on"
			    " this node: wait for one to end", max,
			    max == 1 ? " runs" : "s run");
	}
	else
		reply_store(rq, err, NULL);
}


static void start(struct start *s)
{
	struct request *rq = s->rq;
	const struct booking booking = { rq->param, rq->paramv[1], &s->who };
	char location[LOCATION_SIZE] = "";
	struct collision found;
	json_t *body;
	int err;

	err = runner_reserve(portal_runner(rq->portal), &booking, &s->place,
			     &found);
	if (err) {
		reply_full(rq, err, &found);
		return;
	}

	body = json_pack("{s:s, s:s}", "tenant", rq->param, "pbx",
			 rq->paramv[1]);
	err  = body ? row_begin(s, location, body) : ENOMEM;
	if (err) {
		reply_store(rq, err, NULL);
		json_decref(body);
		return;
	}

	err = launch(s);
	if (err) {
		launch_failed(s, err);
		json_decref(body);
		return;
	}

	reply_header(rq, "Location", "%s", location);
	reply_json(rq, 201, body);
}


void run_start_post(struct request *rq)
{
	struct start *s;
	int err;

	s = mem_zalloc(sizeof(*s), NULL);
	if (!s) {
		reply_store(rq, ENOMEM, NULL);
		return;
	}

	s->rq = rq;
	err = errors_alloc(&s->errs);
	if (!err && replay(rq, s->hash))
		err = EALREADY;
	if (!err)
		err = order_read(s);
	if (!err)
		err = place_check(s);
	if (!err)
		err = text_make(s);
	if (!err)
		err = summary_make(s);

	if (err && !rq->answer.code)
		reply_store(rq, err, s->errs);
	else if (!err)
		start(s);

	if (s->place)
		runner_release(s->place);
	run_text_wipe(s->text);
	free(s->summary);
	strings_clear(&s->who);
	json_decref(s->resume);
	run_plans_clear(&s->plans);
	fields_clear(&run_order_fields, &s->order);
	mem_deref(s->errs);
	mem_deref(s);
}
