/**
 * @file sync_run.h  One run of a customer's sync; for syncing.c and its parts
 *
 * Claim it, read the people, keep them, give numbers and policies (or look
 * what Teams has), look again at what was given, tell how it went. Between
 * the steps a run changes hands: Graph is asked in the portal's thread, the
 * store by a worker; never both at once.
 */
#ifndef PORTAL_SYNC_RUN_H
#define PORTAL_SYNC_RUN_H

#include "bridge/model/syncconf.h"
#include "bridge/store/store_sync.h"
#include "desk.h"
#include "sync/assign.h"
#include "sync/directory.h"

enum sync_mode { SYNC_RUN, SYNC_DRY_RUN, SYNC_TEST };

enum sync_step {
	SYNC_CLAIMING,             /* a worker has it                      */
	SYNC_PROBING,              /* Graph: may we do what we shall?      */
	SYNC_PULLING,              /* Graph: people                        */
	SYNC_KEEPING,              /* a worker has it                      */
	SYNC_GIVING,               /* Graph: numbers and policies          */
	SYNC_CHECKING,             /* Graph: what was given, read back     */
	SYNC_ENDING,               /* a worker has it                      */
};

/** What makes a run fail, or less than whole */
struct sync_problem {
	const char *fault;         /* static, as graph_fault_name(); NULL:
				      none                                 */
	const char *advice;        /* likewise, or lives as long as the run */
	char why[256], request_id[64];
};

struct portal_conf;
struct sync_probe;

struct sync_run {
	struct desk_task task;     /* first member */
	struct le le;              /* of syncing's */
	struct syncing *syncing;   /* borrowed, parent */
	struct portal *portal;     /* borrowed */
	const char *node;          /* borrowed */
	const char *graph_url;     /* borrowed, NULL: the cloud's */
	struct event_base *base;   /* borrowed */
	struct event *beat;        /* owned, NULL */
	enum sync_step step;
	enum sync_mode mode;
	bool working;              /* a worker has it, or will have */
	bool over;                 /* nobody wants it any more */
	bool full;                 /* all is to be read */
	int64_t began_ms;

	struct store_sync_job job; /* owned */
	struct syncconf *conf;     /* owned: with its secrets */
	struct json_t *data;       /* owned: that runs leave, as it will be */
	struct directory *dir;     /* owned */
	struct graph *g;           /* owned, NULL */
	struct sync_probe *probe;  /* owned, NULL */
	struct assign *assign;     /* owned, NULL */
	struct list peoplel;       /* struct assignment: who is ready */
	struct list checkl;        /* struct assignment: who got something */
	bool denied;               /* what Teams has may not be read */
	unsigned left, disabled;

	struct sync_problem problem;       /* that ended it */
	struct sync_problem note;          /* that did not */
};

/** Read the settings and, where it is there, the secret; `problem` says what
    is wrong with it. @return 0, ENOENT not set up, or of the store */
int sync_conf_read(struct syncconf **confp, struct sync_problem *problem,
		   struct store *st, const char *tenant);

/** As whom and where Graph is asked. @return as graph_alloc() */
int sync_graph_make(struct graph **gp, struct event_base *base,
		    const struct syncconf *conf,
		    const struct portal_conf *pc);

/** @param advice  Static */
void sync_problem_set(struct sync_problem *problem, const char *fault,
		      const char *advice, const char *why);
void sync_problem_of(struct sync_problem *problem,
		     const struct graph_result *result);

/* sync_run.c: from step to step, in the portal's thread */

/** Its destructor takes it out of syncing's list. @return 0, ENOMEM */
int sync_run_alloc(struct sync_run **runp);

/** A worker is to do the next step; nothing else touches the run meanwhile.
    @return false if none takes it: then the run is gone */
bool sync_run_work(struct sync_run *run,
		   void (*workh)(struct desk_task *, struct store *,
				 struct catalog *),
		   void (*doneh)(struct desk_task *));

/** A worker has done it. @return true if the run goes on; else it is gone */
bool sync_run_back(struct sync_run *run);

/** It is claimed: go through its steps to its end, which frees it */
void sync_run_begin(struct sync_run *run);

/* sync_work.c: in a worker. Each sets run->task.err: ENOENT of a claim:
   nothing is to be done; other: the store fails */

void sync_claim(struct desk_task *task, struct store *st,
		struct catalog *cat);
void sync_keep(struct desk_task *task, struct store *st,
	       struct catalog *cat);
void sync_end(struct desk_task *task, struct store *st, struct catalog *cat);

/** Name of a step, as in "pulling" */
const char *sync_step_name(enum sync_step step);
const char *sync_mode_name(enum sync_mode mode);

/* sync_probe.c: what the app may do, one question after another */

typedef void (sync_probe_h)(void *arg);

/** What a permission is for, beside reading users */
enum sync_probe_for { SYNC_GIVES = 1, SYNC_WATCHES = 2, SYNC_SHOWS = 4 };

/** @param uses  enum sync_probe_for: what is wanted of the app
    @param app   Borrowed: its id
    @param rows  Borrowed: takes what each question came to
    @return 0, ENOMEM */
int sync_probe_begin(struct sync_probe **pp, struct graph *g, unsigned uses,
		     const char *app, struct json_t *rows, sync_probe_h *h,
		     void *arg);

#endif
