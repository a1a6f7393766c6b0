/**
 * @file live.h  The present state, for whoever asks
 *
 * The SIP thread tells values, any thread reads copies. A lock is held for
 * the change of one value (writers) or a snapshot of pointers (readers),
 * never over I/O. Values are immutable and counted: a change makes a new one.
 *
 * Telling never fails for the teller: without memory the old value stays,
 * and that is logged.
 */
#ifndef STORE_LIVE_H
#define STORE_LIVE_H

#include "bridge/model/status.h"

struct live;                       /* one a process; live_alloc/live_free */

enum { LIVE_ENDED_MAX = 1000 };    /* ended calls that are kept */

/** @return 0, ENOMEM */
int  live_alloc(struct live **lp);

/** Nobody else may use it any more. NULL is fine */
void live_free(struct live *l);

/**
 * By tenant and aor; `removed` forgets it
 *
 * @return true if it is news: there was none, or something differs but what
 *         every refresh moves (reg_status_packed_same())
 */
bool live_reg(struct live *l, const struct reg_status *st);

/** By proxy and fqdn. @return true if it is news: there was none, it goes, or
    another side of it is up */
bool live_trunk(struct live *l, const struct trunk_status *st);

/** Running calls are kept, and the newest 1,000 ended ones. By id; an older
    version than the one that is kept is ignored */
void live_call(struct live *l, const struct call_record *rec);

typedef int (live_reg_h)(const struct reg_status *st, void *arg);
typedef int (live_trunk_h)(const struct trunk_status *st, void *arg);
typedef int (live_call_h)(const struct call_record *rec, void *arg);

/**
 * Each value as it was at one moment, in order of tenant, pbx, upn; without
 * the lock held
 *
 * @param h  Takes each; other than 0 stops
 *
 * @return 0, ENOMEM, or what the handler returned
 */
int live_reg_apply(struct live *l, live_reg_h *h, void *arg);

/** Which of them; NULL: all */
struct live_which {
	const char *tenant, *pbx, *upn;
	bool unsorted;             /* in any order: sorting costs most */
};

/** ... those that are asked for: a tenant's are at hand, otherwise each of
    100,000 costs a look. @param which  NULL: all */
int live_reg_some(struct live *l, const struct live_which *which,
		  live_reg_h *h, void *arg);

/** How many there are in each state, at no cost. @param tenant  NULL: all */
void live_reg_counts(struct live *l, const char *tenant,
		     int64_t countv[REG_STATES]);

/** ... in order of tenant, fqdn, proxy */
int live_trunk_apply(struct live *l, live_trunk_h *h, void *arg);

/** ... newest last, by the time they began */
int live_call_apply(struct live *l, live_call_h *h, void *arg);

enum live_kind { LIVE_REG, LIVE_TRUNK, LIVE_CALL };

struct live_change {
	enum live_kind kind;
	const struct reg_status *reg;      /* one of these three */
	const struct trunk_status *trunk;
	const struct call_record *call;
};

typedef int (live_change_h)(const struct live_change *change, void *arg);

/**
 * What has changed since, oldest first, of each only the newest
 *
 * @param since   What `newest` was last time; 0: nothing is known yet
 * @param newest  Takes the number of the newest change
 *
 * @return 0; ERANGE that is too long ago, or of another process: look at all
 *         there is; ENOMEM, or what the handler returned
 */
int live_changes(struct live *l, uint64_t since, uint64_t *newest,
		 live_change_h *h, void *arg);

#endif
