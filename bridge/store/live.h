/**
 * @file live.h  The present state, for whoever asks
 *
 * The SIP thread tells values, any thread reads copies. A lock is held for
 * the copy of one value (writers) or a snapshot of pointers (readers), never
 * over I/O. Values are immutable and counted: a change makes a new one.
 */
#ifndef STORE_LIVE_H
#define STORE_LIVE_H

#include "bridge/model/status.h"

struct live;                       /* one a process; live_alloc/live_free */

int  live_alloc(struct live **lp);
void live_free(struct live *l);

void live_reg(struct live *l, const struct reg_status *st);     /* by aor */
void live_trunk(struct live *l, const struct trunk_status *st); /* by proxy
								   and fqdn */
/** Running calls are kept, and the newest 1,000 ended ones. By id */
void live_call(struct live *l, const struct call_record *rec);

typedef int (live_reg_h)(const struct reg_status *st, void *arg);
typedef int (live_trunk_h)(const struct trunk_status *st, void *arg);
typedef int (live_call_h)(const struct call_record *rec, void *arg);

/** In order of tenant, pbx, upn; without the lock held */
int live_reg_apply(struct live *l, live_reg_h *h, void *arg);
int live_trunk_apply(struct live *l, live_trunk_h *h, void *arg);
/** Newest last */
int live_call_apply(struct live *l, live_call_h *h, void *arg);

#endif
