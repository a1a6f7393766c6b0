/**
 * @file keeper.h  The thread that waits for disks and databases
 *
 * So that the SIP thread never does. It takes the journal over into the
 * store, reads the configuration again when asked to, and reads a tenant out
 * of the store when it has changed there, by whichever program. What it has
 * read it hands over as news.
 */
#ifndef BRIDGE_KEEPER_H
#define BRIDGE_KEEPER_H

#include "bridge/base/field.h"
#include "bridge/base/libre.h"

struct config;
struct errors;
struct keeper;                     /* keeper_open/keeper_close */
struct keeper_shown;
struct store;

/** What has been read; a value that changes owner: mem_deref() */
struct keeper_news {
	struct le le;
	struct config *conf;       /* owned: read again, with those of its
				      tenants that are new or changed; NULL:
				      the store alone was looked at         */
	struct strings *same;      /* owned: names of its others            */
	struct list tenantl;       /* struct tenant: new or changed in the
				      store                                 */
	struct strings *gone;      /* owned: names of tenants that are not in
				      the store any more; NULL              */
	struct keeper_shown *shown;    /* owned: tenants of files that were
				      shown in the store, back to the thread
				      that may let them go; NULL            */
	void *more;                /* owned: of keeper_more_h, NULL         */
	struct errors *errs;       /* owned                                 */
	int err;                   /* 0, or why nothing was read: see errs  */
	uint64_t asked;            /* by keeper_reload(), 0: by nobody      */
	void *asker;
};

/** There are news. Called in the keeper's thread */
typedef void (keeper_ring_h)(void *arg);

/**
 * Open the store of a configuration, make its tables and its key file, and
 * show the configuration's tenants in it: as many as are done at once, the
 * others when the thread runs, for 100,000 users shall not wait for that
 *
 * A tenant of the store that cannot be used is left out and logged.
 *
 * @param path  The configuration's file, for keeper_reload()
 * @param errs  Says what is wrong
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int keeper_open(struct keeper **kp, const char *path, struct config *conf,
		struct errors *errs);

/** All tenants that the store manages, before the thread is started. NULL:
    they cannot be read (errs says why) */
struct keeper_news *keeper_first(struct keeper *k, struct errors *errs);

/**
 * More that is to be read when the configuration is read again. Called in
 * the keeper's thread
 *
 * @param morep  Takes what comes with the news: libre memory, NULL
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
typedef int (keeper_more_h)(void **morep, struct errors *errs, void *arg);

/** Start the thread. @param moreh  NULL: nothing */
int keeper_start(struct keeper *k, keeper_ring_h *ringh,
		 keeper_more_h *moreh, void *arg);

/** Read the configuration again; news come in any case. From any thread
    @param asker  Comes back in the news, with `asked` */
int keeper_reload(struct keeper *k, void *asker, uint64_t asked);

/** Something has changed in the store. From any thread */
void keeper_nudge(struct keeper *k);

/** Next of the news, NULL if there are none. From any thread; to be let go in
    that of the tenants */
struct keeper_news *keeper_take(struct keeper *k);

/** What was read again cannot be gone by: all tenants of files come with the
    next one. From any thread */
void keeper_refused(struct keeper *k);

/** Nothing was read since then: what is the same in news that come now was
    refused, too, and is to be read once more. From any thread */
bool keeper_is_refused(struct keeper *k);

/** Is there anything to go by in it? */
bool keeper_news_some(const struct keeper_news *news);

/** URL and keys of the store, and our name in it, for others that open it;
    borrowed */
const char *keeper_url(const struct keeper *k);
const char *keeper_key_file(const struct keeper *k);
const char *keeper_node(const struct keeper *k);

/** The file that we were configured by */
const char *keeper_path(const struct keeper *k);

/** End the thread, after all of the journal was taken over. NULL is fine */
void keeper_close(struct keeper *k);

#endif
