/**
 * @file store_sync.h  Microsoft 365 in the store: when it is asked, by which
 * node, and what it said
 *
 * The settings are an object of their own, STORE_SYNC (store.h). Here is what
 * the runs leave: the delta link, the people, what came of each. At most one
 * node runs a customer's sync: it claims it, says every few seconds that it
 * still does, and loses the claim when it is silent for a minute.
 *
 * Errors, times and cursors as in store.h.
 */
#ifndef STORE_STORE_SYNC_H
#define STORE_STORE_SYNC_H

#include "store.h"

/** How a customer's sync stands. Texts are never NULL */
struct store_sync {
	const char *tenant;
	int64_t every_ms;          /* 0: only when wished for              */
	int64_t ran_ms;            /* end of the last run, or when it was
				      set up                               */
	int64_t due_ms;            /* of the next run, 0: none             */
	const char *wish;          /* what somebody has asked for, ""      */
	const char *node;          /* that runs it now, ""                 */
	const char *progress;      /* JSON text of the run, ""             */
	const char *data;          /* JSON text of what runs have left, "" */
};

typedef int (store_sync_h)(const struct store_sync *sync, void *arg);

/** Those that are set up, in order of name. @param tenant  NULL: all */
int store_sync_list(struct store *st, const char *tenant, store_sync_h *h,
		    void *arg);

/** Ask for a run; whichever node is first does it. One that was asked for
    before and has not begun is replaced. @return 0, ENOENT not set up */
int store_sync_wish(struct store *st, const char *tenant, const char *wish,
		    const struct store_by *by);

/** What is to be done, and where it goes on. Owned by who asked for it:
    store_sync_job_clear() */
struct store_sync_job {
	char *tenant;
	char *wish;                /* "": it was its time                  */
	char *who;                 /* "": nobody                           */
	char *origin;              /* whose people they are, "" none       */
	char *delta;               /* link, "" none                        */
	int64_t full_ms;           /* last time that all were read         */
	char *data;                /* as store_sync.data                   */
};

/**
 * Claim one whose time has come
 *
 * @param node  Name of this one, unique in the store
 *
 * @return 0, ENOENT there is none
 */
int store_sync_claim(struct store *st, const char *node,
		     struct store_sync_job *job);

void store_sync_job_clear(struct store_sync_job *job);

/** It still runs. @return 0, ESTALE the claim was lost */
int store_sync_beat(struct store *st, const char *tenant, const char *node,
		    const char *progress);

/**
 * It has ended
 *
 * @param data  What it leaves, JSON text
 *
 * @return 0, ESTALE the claim was lost: nothing was kept
 */
int store_sync_end(struct store *st, const char *tenant, const char *node,
		   const char *data);


/* People */

struct store_person {
	const char *id, *upn;
	const char *name;          /* by which it is looked for too; only
				      taken                                */
	const char *why;           /* first reason at Microsoft, "ready"   */
	int64_t missing;           /* full listings in a row without it    */
	bool left;                 /* Microsoft has it no more             */
	const char *data;          /* JSON text                            */
	const char *teams;         /* JSON text of what was done, ""       */
};

typedef int (store_person_h)(const struct store_person *person, void *arg);

/** All who are there, of an origin; others have nothing to do with it */
int store_people_load(struct store *st, const char *tenant,
		      store_person_h *h, void *arg);

/** Keep one; what was done to it stays. Within store_begin() */
int store_person_put(struct store *st, const char *tenant,
		     const struct store_person *person);

/** What was done to one and found. ENOENT is no error */
int store_person_teams(struct store *st, const char *tenant, const char *id,
		       const char *teams);

/** Forget them all: those that come are another directory's. Within
    store_begin() */
int store_people_forget(struct store *st, const char *tenant);

/** Where the next round begins. Within store_begin() with the people of this
    one. @param full_ms  0: it was not full. @return 0, ESTALE no claim */
int store_sync_delta(struct store *st, const char *tenant, const char *node,
		     const char *origin, const char *delta, int64_t full_ms);

/** Users and people together, one line each */
struct store_sync_line {
	const char *upn, *id;      /* id NULL: Microsoft knows nobody      */
	const char *person, *teams;        /* JSON texts, NULL             */
	const char *user;          /* value, JSON text; NULL: none here    */
	const char *why;           /* "ready", or what stands in the way   */
};

typedef int (store_sync_line_h)(const struct store_sync_line *line,
				void *arg);

enum store_sync_sort { STORE_LINES_BY_UPN, STORE_LINES_BY_WHY };

struct store_sync_lines {
	const char *tenant;
	const char *why;           /* NULL: all                            */
	const char *q;             /* part of name or number; NULL: all    */
	const char *id;            /* that person alone; NULL: all         */
	const char *after;         /* cursor, NULL                         */
	char *last;                /* STORE_CURSOR_SIZE: takes that; NULL  */
	size_t limit;              /* 0: all                               */
	enum store_sync_sort sort; /* by why: then by upn                  */
	bool descending;
};

/** In order of name if nothing else is asked for. @return 0, EINVAL a cursor
    that is none, or what the handler returned */
int store_sync_lines(struct store *st, const struct store_sync_lines *which,
		     store_sync_line_h *h, void *arg);

/** How many there are by reason */
int store_sync_whys(struct store *st, const char *tenant, store_count_h *h,
		    void *arg);

#endif
