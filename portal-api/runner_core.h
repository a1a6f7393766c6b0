/**
 * @file runner_core.h  What the files of the runner have among themselves
 *
 * Private to runner.c (what runs, in the portal's thread), runner_place.c
 * (places, in a worker) and runner_ask.c (what people ask of a test that
 * runs). Places are taken and given back by workers, under the lock. What
 * runs belongs to the portal's thread; while a worker keeps what it has left,
 * the thread leaves it alone.
 */
#ifndef PORTAL_RUNNER_CORE_H
#define PORTAL_RUNNER_CORE_H

#include <pthread.h>

#include "desk.h"
#include "run_process.h"
#include "runner.h"

struct evbuffer;
struct event;
struct run_live;

enum testrun_state {
	TESTRUN_PLACE,             /* nothing was started yet            */
	TESTRUN_RUNS,
	TESTRUN_ENDS,              /* was told to                        */
	TESTRUN_OVER,              /* is to be kept                      */
};

struct testrun {
	struct desk_task task;     /* it is being kept; comes first      */
	struct le le;              /* of runl, or freshl                 */
	struct le place_le;        /* of placel                          */
	struct runner *runner;     /* borrowed, parent                   */
	char tenant[64], pbx[64];
	char id[STORE_RUN_ID_SIZE];
	struct strings who;        /* owned: takes part in no other test */
	char *summary, *folder;    /* owned                              */
	enum testrun_state state;
	struct run_process process;
	struct event *out_ev;      /* owned                              */
	struct evbuffer *out;      /* owned: what was read of it         */
	struct run_live *live;     /* owned                              */
	uint64_t began_ms, ends_ms, retry_ms;
	char why[128];             /* it was told to end, ""             */
	const char *word;          /* for that, static                   */

	bool keeping;              /* a worker has it                    */
	bool kept;                 /* written by the worker              */
	char *verdict;             /* owned: what it was kept as         */
};

struct runner {
	struct desk_task left;     /* looks for what was left; comes first */
	struct portal *portal;     /* borrowed                           */
	struct event_base *base;   /* borrowed                           */
	struct event *tick;        /* owned                              */
	struct event *bell_ev;     /* owned                              */
	int bell;                  /* eventfd, owned                     */
	struct list runl;          /* struct testrun, owned              */
	int64_t since_ms;          /* wall clock                         */
	uint64_t left_ms;          /* look for what was left then        */
	bool left_seen;            /* nothing of before is left          */
	bool left_busy;            /* a worker looks for it              */
	int left_err;              /* what the worker came to            */

	pthread_mutex_t lock;      /* for all below                      */
	struct list placel;        /* struct testrun, all of them        */
	struct list freshl;        /* struct testrun, owned: just begun  */
	bool closing;
};


/* runner_place.c */

/** The door: asserts that it may follow */
void testrun_state_set(struct testrun *tr, enum testrun_state next);

/* runner.c, in the portal's thread */

/** Tell one that runs to end. @param word  Its verdict, static
    @param why  For people */
void testrun_end(struct testrun *tr, const char *word, const char *why);

#endif
