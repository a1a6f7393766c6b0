/**
 * @file runner.h  Tests that run on this node
 *
 * A few at once, each with people and telephones of its own. Each is a program
 * of its own (run_process.h); what it tells is passed on as it comes
 * (run_live.h), what it leaves behind is kept in the store (run_keep.h). A
 * test whose questions nobody answers is ended, and so are all of them with
 * the service.
 */
#ifndef PORTAL_RUNNER_H
#define PORTAL_RUNNER_H

#include "api.h"

struct event_base;
struct runner;                     /* runner_alloc/runner_free */
struct testrun;                    /* a place for one */

/** @return 0, ENOMEM, errno of eventfd(2) */
int runner_alloc(struct runner **rp, struct portal *portal,
		 struct event_base *base);

/** What runs is told to end, and nothing more begins. In the portal's thread;
    NULL is fine */
void runner_drain(struct runner *r);

/** The same, and wait some seconds for it. In the portal's thread, while its
    desk works; NULL is fine */
void runner_close(struct runner *r);

/** After the desk is closed */
void runner_free(struct runner *r);

/* From a worker */

/** A test that is wanted */
struct booking {
	const char *tenant, *pbx;
	struct strings *who;       /* those who take part, in words; taken  */
};

/** Somebody takes part in another test already */
struct collision {
	char who[512];
	char id[STORE_RUN_ID_SIZE];        /* of that test; "": it begins   */
	bool same_tenant;          /* as the one that is wanted             */
};

/**
 * Take a place
 *
 * @return 0, ENOSYS no tests on this node, EBUSY somebody is in another test
 *         (*collision), EAGAIN as many as may run, ENOMEM
 */
int runner_reserve(struct runner *r, const struct booking *booking,
		   struct testrun **trp, struct collision *collision);

/** Give a place back where nothing was started */
void runner_release(struct testrun *tr);

struct launch {
	const char *id;            /* of the store's row                    */
	const char *summary;       /* as the row has it                     */
	const char *folder;        /* it is there                           */
	const char *const *argv;   /* words of `callbridge`, then NULL      */
	const char *text;          /* what it reads at RUN_PROCESS_FILE     */
};

/** Start it. The place is the runner's from then on.
    @return 0, or as run_process_start() */
int runner_launch(struct testrun *tr, const struct launch *launch);

/** This node, as tests have it that it runs */
const char *runner_node(const struct portal_conf *conf);

/** Folder of a test. @return 0, ENAMETOOLONG */
int runner_folder(char *path, size_t size, const struct portal_conf *conf,
		  const char *id);

#endif
