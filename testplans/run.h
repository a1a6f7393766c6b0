/**
 * @file run.h  Running test plans
 *
 * A run has a thread of its own. It starts the phones that its roster names,
 * goes through the cases one after the other, and tells what happens by
 * events. The command line and the portal use it in the same way.
 *
 *     run_start() -> events ... RUN_EV_QUESTION -> run_answer() ...
 *                 -> RUN_EV_END -> run_wait() gives the report
 */
#ifndef TESTPLANS_RUN_H
#define TESTPLANS_RUN_H

#include "choice.h"

struct errors;
struct json_t;
struct roster;
struct run;

enum run_event_type {
	RUN_EV_NOTE,               /* text: what is being prepared          */
	RUN_EV_PLAN,               /* a plan begins: name, text its title   */
	RUN_EV_CASE,               /* a case begins: name, text its title   */
	RUN_EV_STEP,               /* a step begins: text                   */
	RUN_EV_WAIT,               /* a long wait: done_ms of total_ms      */
	RUN_EV_QUESTION,           /* a person shall do what text says, and
				      confirm: run_answer()                 */
	RUN_EV_STEP_END,           /* text, verdict, observed, advice       */
	RUN_EV_CASE_END,           /* name, verdict, observed: why skipped  */
	RUN_EV_END,                /* verdict; run_wait() will not block    */
};

/** "step-end" */
const char *run_event_name(enum run_event_type type);

enum run_answer {
	RUN_YES,                   /* it is so, or it is done               */
	RUN_NO,                    /* it is not, or it cannot be done       */
	RUN_SKIP,                  /* the step is left out                  */
};

enum { RUN_NOTE_SIZE = 256 };

enum run_verdict {
	VERDICT_PASSED, VERDICT_FAILED, VERDICT_SKIPPED,
	VERDICT_STOPPED,           /* by run_cancel(), or nothing was done  */
};

/** "passed" */
const char *run_verdict_name(enum run_verdict verdict);

/** Borrowed for the time of the handler */
struct run_event {
	enum run_event_type type;
	enum run_verdict verdict;
	const char *name;
	const char *text;
	const char *observed;
	const char *advice;        /* what to change, NULL                  */
	const char *note;          /* what a person remarked, NULL          */
	bool choice;               /* of a question: yes or no, not done    */
	uint64_t done_ms, total_ms;
	size_t number, count;      /* of the case or step: 1..count         */
};

/** In the run's thread */
typedef void (run_event_h)(const struct run_event *ev, void *arg);

/**
 * Ask the service's REST API. In the run's thread; may block
 *
 * @param post   An empty POST instead of GET
 * @param path   Path and query
 * @param text   Takes the body, terminated; to be freed with free()
 *
 * @return 0, ENOENT for 404, EIO no answer, EPROTO a refusal
 */
typedef int (run_fetch_h)(bool post, const char *path, char **text,
			  size_t *size, void *arg);

struct run_conf {
	const struct roster *roster;   /* borrowed until run_wait()         */
	struct choice choice;          /* what is done; borrowed as well    */
	uint32_t repeat;               /* rounds, 1..                       */
	uint32_t scale;                /* percent of written talking times,
					  1..100                            */
	const char *folder;            /* of recordings and logs            */
	const char *captures;          /* folder of captures, NULL: none    */
	const char *tenant;            /* whose users they are; NULL: any   */
	const struct json_t *resume;   /* report of an earlier run: what
					  passed there is taken over; NULL  */
	run_fetch_h *fetchh;           /* NULL: there is no service to ask  */
	run_event_h *eventh;           /* NULL                              */
	void *arg;
};

/**
 * Begin
 *
 * @param runp  Takes the run, a libre memory object. Deref it after
 *              run_wait() only
 *
 * @return 0, EINVAL as choice_check() (errs says so), ENOMEM,
 *         EAGAIN no thread
 */
int run_start(struct run **runp, const struct run_conf *conf,
	      struct errors *errs);

/**
 * Answer the question that was asked last. From any thread
 *
 * @param note  What the person remarks, for the report; NULL or "" nothing
 */
void run_answer(struct run *run, enum run_answer answer, const char *note);

/** End early: everybody hangs up, the report tells what was done. From any
    thread, and from a signal handler */
void run_cancel(struct run *run);

/**
 * Wait for the end
 *
 * @param reportp  Takes the report (see docs/testplans.md), the caller owns
 *                 the reference
 *
 * @return 0, otherwise the run could not begin, and the report's "error"
 *         says why
 */
int run_wait(struct run *run, struct json_t **reportp);

#endif
