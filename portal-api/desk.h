/**
 * @file desk.h  Workers, each with a store of its own
 *
 * What waits for a disk, a database or a hash that is slow on purpose is done
 * here, so that the portal's loop never waits. A few threads, a bounded row
 * of requests.
 */
#ifndef PORTAL_DESK_H
#define PORTAL_DESK_H

#include "bridge/base/libre.h"

struct catalog;
struct desk;                       /* desk_open/desk_close */
struct desk_task;
struct request;
struct store;

struct desk_conf {
	const char *url;           /* of the store; copied               */
	const char *key_file;      /* copied, NULL: no secrets           */
	const char *templates;     /* folder; copied, NULL               */
	/** A request has been worked on. In the worker's thread */
	void (*doneh)(struct request *rq, void *arg);
	/** The same of a task */
	void (*task_doneh)(struct desk_task *task, void *arg);
	void *arg;
};

/** Something short to be done that nobody waits for at a connection. Its
    owner leaves it alone until it is done */
struct desk_task {
	struct le le;
	/** In a worker's thread */
	void (*workh)(struct desk_task *task, struct store *st,
		      struct catalog *cat);
	/** Afterwards, in the thread of whoever has it done; frees it */
	void (*doneh)(struct desk_task *task);
	int err;                   /* workh was not called, for this reason */
};

/** @return 0, ENOMEM, errno of pthread_create(3) */
int desk_open(struct desk **deskp, const struct desk_conf *conf);

/** A request to be worked on, by api_work(). It changes owner until doneh is
    called. @return 0, EAGAIN too many wait, or it is closed (NULL) */
int desk_push(struct desk *desk, struct request *rq);

/** @return 0, EAGAIN too many wait, or it is closed (NULL): neither handler
    is called */
int desk_push_task(struct desk *desk, struct desk_task *task);

/**
 * Do something that takes long beside the requests
 *
 * @param h     Called in a thread of its own, with a store; NULL if there is
 *              none to be had
 * @param endh  Called after it, when the next such thing may begin: tells
 *              the outcome, and frees arg
 *
 * @return 0, EBUSY another such thing is being done, or it is closed (NULL),
 *         errno
 */
typedef void (desk_work_h)(struct store *st, struct catalog *cat, void *arg);
typedef void (desk_end_h)(void *arg);
int desk_run(struct desk *desk, desk_work_h *h, desk_end_h *endh, void *arg);

/** End the threads; what still waits is called done at once. NULL is fine */
void desk_close(struct desk *desk);

#endif
