/**
 * @file run.c  Running test plans
 */
#include <jansson.h>
#include <pthread.h>

#include "bridge/base/errors.h"
#include "bridge/base/thread.h"
#include "actor.h"
#include "exec.h"
#include "pump.h"
#include "report.h"
#include "watch.h"


enum {
	SPARE_S = 600,             /* of a case, beside its talking times */
};


struct run {
	struct run_conf conf;
	struct stage stage;
	json_t *report;
	pthread_t thread;
	bool running;              /* the thread is to be joined */
	pthread_mutex_t lock;      /* of the stage's remark */
	int err;
};


static const char *const verdictv[] = {
	[VERDICT_PASSED]  = "passed",
	[VERDICT_FAILED]  = "failed",
	[VERDICT_SKIPPED] = "skipped",
	[VERDICT_STOPPED] = "stopped",
};


const char *run_verdict_name(enum run_verdict verdict)
{
	return verdictv[verdict];
}


const char *run_event_name(enum run_event_type type)
{
	static const char *const namev[] = {
		[RUN_EV_NOTE] = "note", [RUN_EV_PLAN] = "plan",
		[RUN_EV_CASE] = "case", [RUN_EV_STEP] = "step",
		[RUN_EV_WAIT] = "wait", [RUN_EV_QUESTION] = "question",
		[RUN_EV_STEP_END] = "step-end",
		[RUN_EV_CASE_END] = "case-end", [RUN_EV_END] = "end",
	};

	return namev[type];
}


static void run_destructor(void *arg)
{
	struct run *run = arg;

	(void)pthread_mutex_destroy(&run->lock);
	mem_deref(run->stage.folder);
	mem_deref(run->stage.watch);
	mem_deref(run->stage.pump);
	json_decref(run->report);
}


static void tell(struct run *run, const struct run_event *ev)
{
	if (run->conf.eventh)
		run->conf.eventh(ev, run->conf.arg);
}


/* What a case wants */


typedef bool (step_look_h)(struct run *run, const struct step *step,
			   void *arg);


/** Every step of a case. @return false if the handler did */
static bool steps_apply(struct run *run, const struct plan_case *cas,
			step_look_h *h, void *arg)
{
	const struct place place = {NULL, 0, 0};
	struct errors *errs;
	bool good = true;

	if (errors_alloc(&errs))
		return false;

	for (size_t i = 0; i < cas->steps.c && good; i++) {
		struct step step;

		good = !step_parse(&step, &place, cas->steps.v[i], errs) &&
			h(run, &step, arg);
	}

	mem_deref(errs);

	return good;
}


static bool actors_mark(struct run *run, const struct step *step, void *arg)
{
	bool *needed = arg;

	(void)run;

	for (size_t i = 0; i < step->argc; i++)
		if (step_arg_is_actor(step, i))
			needed[step->argv[i].actor] = true;

	return true;
}


/** Talking times of a case, added up. A phone whose voice ends hangs up */
static bool talk_add(struct run *run, const struct step *step, void *arg)
{
	uint64_t *ms = arg;

	for (size_t i = 0; i < step->argc; i++)
		*ms += exec_scaled_ms(&run->stage, step->argv[i].ms);

	return true;
}


/** Is there all that a step speaks of? */
static bool roster_has(struct run *run, const struct step *step, void *arg)
{
	struct stage *stage = &run->stage;

	(void)arg;

	for (size_t i = 0; i < step->argc; i++) {
		struct pl list = step->argv[i].text, item;
		char number[64];

		if (step_arg_is_actor(step, i)) {
			if (exec_actor(stage, step, i)->started)
				continue;
			(void)stage_why(stage, ENOENT, "the roster has no"
					" %r", &list);
			return false;
		}

		if (!step_arg_is_number(step, i))
			continue;

		while (step_numbers_next(&list, &item))
			if (roster_number(stage->roster, &item, number,
					  sizeof(number), stage->why,
					  sizeof(stage->why)))
				return false;
	}

	return true;
}


/* Doing them */


static void step_tell(struct run *run, const struct plan_case *cas, size_t i,
		      const struct outcome *out)
{
	struct run_event ev = {.type = RUN_EV_STEP, .text = cas->steps.v[i],
			       .number = i + 1, .count = cas->steps.c};

	if (out) {
		ev.type     = RUN_EV_STEP_END;
		ev.verdict  = out->verdict;
		ev.observed = out->observed;
		ev.advice   = *out->advice ? out->advice : NULL;
		ev.note     = *out->note ? out->note : NULL;
	}

	tell(run, &ev);
}


/** @return verdict of the case so far: PASSED goes on */
static enum run_verdict step_do(struct run *run, json_t *json,
				const struct plan_case *cas, size_t i)
{
	const struct place place = {NULL, 0, 0};
	const uint64_t begin = pump_ms();
	enum run_verdict verdict;
	struct outcome out;
	struct errors *errs;
	struct step step;

	if (errors_alloc(&errs))
		return VERDICT_FAILED;

	step_tell(run, cas, i, NULL);

	/* Read once already, when the plan was loaded */
	(void)step_parse(&step, &place, cas->steps.v[i], errs);
	(void)exec_step(&run->stage, &step, &out);

	step_tell(run, cas, i, &out);
	report_step(json, cas->steps.v[i], &step, &out, pump_ms() - begin);

	verdict = out.verdict;
	outcome_clear(&out);
	mem_deref(errs);

	return verdict;
}


/** A step that could not be tried does not end its case */
static enum run_verdict steps_do(struct run *run, json_t *json,
				 const struct plan_case *cas)
{
	enum run_verdict verdict = VERDICT_PASSED;
	size_t i, skipped = 0;

	for (i = 0; i < cas->steps.c; i++) {
		const enum run_verdict v = step_do(run, json, cas, i);

		skipped += v == VERDICT_SKIPPED;
		if (v == VERDICT_FAILED || v == VERDICT_STOPPED) {
			verdict = v;
			++i;
			break;
		}
	}

	for (; i < cas->steps.c; i++)
		report_step(json, cas->steps.v[i], NULL, NULL, 0);

	return verdict == VERDICT_PASSED && skipped == cas->steps.c ?
		VERDICT_SKIPPED : verdict;
}


static void case_end(struct run *run, json_t *json,
		     const struct plan_case *cas, enum run_verdict verdict,
		     const char *reason, uint64_t ms)
{
	const struct run_event ev = {
		.type = RUN_EV_CASE_END, .name = cas->id, .text = cas->title,
		.verdict = verdict, .observed = reason,
	};

	report_case_end(json, verdict, reason, ms);
	tell(run, &ev);
}


static int case_do(struct run *run, json_t *plan_json,
		   const struct plan *plan, const struct plan_case *cas,
		   uint32_t round)
{
	const struct run_event ev = {.type = RUN_EV_CASE, .name = cas->id,
				     .text = cas->title};
	const json_t *before;
	struct stage *stage = &run->stage;
	const uint64_t begin = pump_ms();
	enum run_verdict verdict;
	json_t *json;
	int err;

	tell(run, &ev);

	before = report_passed(run->conf.resume, plan->plan, cas->id, round);
	if (before) {
		const struct run_event end = {
			.type = RUN_EV_CASE_END, .name = cas->id,
			.text = cas->title, .verdict = VERDICT_PASSED,
			.observed = "taken over from the earlier run",
		};

		(void)json_array_append_new(json_object_get(plan_json,
				"cases"), json_deep_copy(before));
		tell(run, &end);
		return 0;
	}

	json = report_case(plan_json, cas, round);

	if (!steps_apply(run, cas, roster_has, NULL)) {
		case_end(run, json, cas, VERDICT_SKIPPED, stage->why, 0);
		return 0;
	}

	err = stage_begin(stage);
	if (err) {
		case_end(run, json, cas, err == ECANCELED ? VERDICT_STOPPED :
			 VERDICT_FAILED, stage->why, 0);
		return err == ECANCELED ? err : 0;
	}

	verdict = steps_do(run, json, cas);

	if (verdict == VERDICT_STOPPED)
		pump_linger(stage->pump);

	stage_clear(stage);
	report_evidence(json, stage);
	case_end(run, json, cas, verdict, verdict == VERDICT_SKIPPED ?
		 "nothing of it could be tried" : NULL, pump_ms() - begin);

	return verdict == VERDICT_STOPPED ? ECANCELED : 0;
}


static int plan_do(struct run *run, const struct plan *plan, uint32_t round)
{
	const struct run_event ev = {.type = RUN_EV_PLAN, .name = plan->plan,
				     .text = plan->title, .number = round,
				     .count = run->conf.repeat};
	json_t *json = report_plan(run->report, plan);
	struct le *le;
	int err = 0;

	tell(run, &ev);

	LIST_FOREACH(&plan->casel, le) {
		const struct plan_case *cas = le->data;

		if (!err && choice_has(&run->conf.choice, cas))
			err = case_do(run, json, plan, cas, round);
	}

	return err;
}


static int plans_do(struct run *run)
{
	int err = 0;

	for (uint32_t round = 1; round <= run->conf.repeat && !err; round++)
		for (size_t i = 0; i < run->conf.choice.planc && !err; i++)
			err = plan_do(run, run->conf.choice.planv[i], round);

	return err;
}


static void needed_find(struct run *run, bool *needed)
{
	struct le *le;

	for (size_t i = 0; i < run->conf.choice.planc; i++) {
		LIST_FOREACH(&run->conf.choice.planv[i]->casel, le) {
			const struct plan_case *cas = le->data;

			uint64_t ms = 0;

			if (!choice_has(&run->conf.choice, cas))
				continue;

			(void)steps_apply(run, cas, actors_mark, needed);
			(void)steps_apply(run, cas, talk_add, &ms);
			run->stage.tone_s = max(run->stage.tone_s,
				(uint32_t)(ms / 1000) + SPARE_S);
		}
	}
}


static int stage_open(struct run *run)
{
	bool needed[ACTORC] = {false};
	struct stage *stage = &run->stage;
	int err;

	err = watch_alloc(&stage->watch, &run->conf);
	if (err)
		return err;

	needed_find(run, needed);
	stage_note(stage, "bringing up the telephones");

	return stage_start(stage, needed);
}


static void *thread(void *arg)
{
	struct run *run = arg;
	struct run_event ev = {.type = RUN_EV_END};
	const uint64_t begin = pump_ms();
	int err;

	err = stage_open(run);
	if (err && err != ECANCELED) {
		run->err = err;
		(void)json_object_set_new(run->report, "error", json_string(
					  *run->stage.why ? run->stage.why
					  : strerror(err)));
		ev.observed = *run->stage.why ? run->stage.why
			: strerror(err);
	}

	if (!err) {
		report_site(run->report, &run->stage);
		err = plans_do(run);
	}

	pump_linger(run->stage.pump);
	stage_stop(&run->stage);

	ev.verdict = report_end(run->report, err == ECANCELED,
				pump_ms() - begin);
	tell(run, &ev);

	return NULL;
}


int run_start(struct run **runp, const struct run_conf *conf,
	      struct errors *errs)
{
	struct run *run;
	int err;

	if (choice_check(&conf->choice, errs))
		return EINVAL;

	run = mem_zalloc(sizeof(*run), run_destructor);
	if (!run)
		return ENOMEM;

	(void)pthread_mutex_init(&run->lock, NULL);
	run->stage.lock   = &run->lock;
	run->conf         = *conf;
	run->stage.conf   = &run->conf;
	run->stage.roster = conf->roster;
	run->report       = report_new(conf);

	err = run->report ? 0 : ENOMEM;
	if (!err)
		err = str_dup(&run->stage.folder, conf->folder);
	if (!err)
		err = pump_alloc(&run->stage.pump);
	if (!err)
		err = thread_start(&run->thread, "test-run", thread, run);
	run->running = !err;

	if (err)
		mem_deref(run);
	else
		*runp = run;

	return err;
}


void run_answer(struct run *run, enum run_answer answer, const char *note)
{
	static const char tokenv[] = {
		[RUN_YES] = STAGE_YES, [RUN_NO] = STAGE_NO,
		[RUN_SKIP] = STAGE_SKIP,
	};

	(void)pthread_mutex_lock(&run->lock);
	str_ncpy(run->stage.remark, note ? note : "",
		 sizeof(run->stage.remark));
	(void)pthread_mutex_unlock(&run->lock);

	pump_post(run->stage.pump, tokenv[answer]);
}


void run_cancel(struct run *run)
{
	pump_cancel(run->stage.pump);
}


int run_wait(struct run *run, json_t **reportp)
{
	if (run->running)
		(void)pthread_join(run->thread, NULL);

	run->running = false;
	*reportp     = json_incref(run->report);

	return run->err;
}
