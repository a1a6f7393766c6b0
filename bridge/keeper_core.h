/**
 * @file keeper_core.h  What the parts of the keeper have in common
 *
 * For keeper.c, keeper_store.c and keeper_files.c alone.
 */
#ifndef BRIDGE_KEEPER_CORE_H
#define BRIDGE_KEEPER_CORE_H

#include <pthread.h>

#include "bridge/base/field.h"
#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/store/seal.h"
#include "keeper.h"

struct config;
struct errors;
struct store;

/** A tenant of the store, or of a file, as the bridge has it */
struct known {
	struct le le;
	char *name;                /* owned */
	int64_t stamp;             /* of a file's: its hash */
	bool seen;
};

struct keeper {
	char *path;                /* owned: the configuration            */
	char *url;                 /* owned, as all below                 */
	char *key_file;
	char *node;
	char *state_dir;
	char *templates;           /* NULL                                */
	struct store *st;          /* the thread's while it runs          */
	struct keyring_seen keys;  /* that the store has                  */
	struct list knownl;        /* struct known: of the store          */
	struct list filel;         /* struct known: of files              */
	struct keeper_shown *shown;        /* owned, NULL: none            */
	int64_t stamp;             /* of what the bridge has              */
	struct log_gate gate;
	unsigned keep_days;
	uint64_t sweep_ms;         /* when to look for what is too old    */
	uint64_t import_ms;        /* when the journal was looked at      */
	bool filled;               /* no calls of older tables are left   */
	bool filling;              /* ... there were some                 */

	keeper_ring_h *ringh;
	keeper_more_h *moreh;      /* NULL */
	void *arg;
	pthread_t thread;
	bool running;
	int bell;                  /* eventfd */

	pthread_mutex_t lock;      /* for all below */
	struct list newsl;         /* struct keeper_news                  */
	struct list askedl;        /* struct keeper_news, yet to be read  */
	bool stopping;
	bool refused;              /* the files that were read last       */
};


/** The one of this name, NULL: it is not known */
struct known *keeper_known(const struct list *list, const char *name);

/** @return 0, ENOMEM */
int keeper_know(struct known **knownp, struct list *list, const char *name);

/** What has changed in the store since last time. Returns as store_stamp() */
int keeper_look_store(struct keeper *k, struct keeper_news *news);

/** The store cannot be used: counted, and told now and then */
void keeper_tell(struct keeper *k, int err);

/**
 * See whether the tenants of files may be, leave those out that the bridge
 * has, and begin to show the others in the store, while they are this
 * thread's alone
 *
 * @param same  Takes the names of those that were left out
 * @param errs  Says why they may not be
 */
int keeper_files_take(struct keeper *k, struct config *conf,
		      struct strings *same, struct errors *errs);

/** What the bridge has from now on. @param same  NULL: none is from before */
int keeper_files_know(struct keeper *k, const struct list *tenantl,
		      const struct strings *same);

/**
 * Show more of them
 *
 * @return 0 all are shown, EAGAIN there are more, or why the store cannot be
 *         used
 */
int keeper_show_some(struct keeper *k);

#endif
