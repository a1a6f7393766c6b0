/**
 * @file live_ask.c  The present state, for whoever asks
 */
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "live_core.h"


struct snapshot {
	struct value **v;          /* owned; each: one reference */
	size_t c;
};


static void snapshot_free(struct snapshot *snap)
{
	for (size_t i = 0; i < snap->c; i++)
		value_deref(snap->v[i]);

	free(snap->v);
}


/** Is it one of those that are asked for? */
static bool is_asked(const struct value *v, const struct live_which *which)
{
	struct reg_status_key key;

	if (!which)
		return true;

	reg_status_packed_key(&key, v->u.reg);

	return (!which->tenant || !strcmp(key.tenant, which->tenant)) &&
		(!which->pbx || !strcmp(key.pbx, which->pbx)) &&
		(!which->upn || !strcasecmp(key.upn, which->upn));
}


/** What is looked at. The lock is held */
struct looking {
	const struct table *t;
	const struct live_which *which;
	bool grouped;              /* a tenant's alone: */
	const struct group *g;     /* NULL: none        */
};


static void looking_begin(struct looking *lk, struct live *l)
{
	lk->grouped = lk->t == &l->regs && lk->which && lk->which->tenant &&
		!l->scattered;
	lk->g = lk->grouped ? live_group_find(l, lk->which->tenant) : NULL;
}


static size_t looking_count(const struct looking *lk)
{
	return lk->grouped ? lk->g ? lk->g->c : 0 : lk->t->c;
}


static void group_fill(struct snapshot *snap, const struct looking *lk)
{
	struct value *v = lk->g ? lk->g->first : NULL;

	for (; v; v = v->newer)
		if (is_asked(v, lk->which))
			snap->v[snap->c++] = value_ref(v);
}


static void table_fill(struct snapshot *snap, const struct looking *lk)
{
	struct value *v;

	for (size_t i = 0; i < lk->t->bucketc; i++)
		for (v = lk->t->bucketv[i]; v; v = v->next)
			if (is_asked(v, lk->which))
				snap->v[snap->c++] = value_ref(v);
}


/** @param need  Takes how many there are to look at
    @return false if that is more than fits */
static bool snapshot_fill(struct snapshot *snap, size_t size, struct live *l,
			  struct looking *lk, size_t *need)
{
	bool fits;

	(void)pthread_mutex_lock(&l->lock);

	looking_begin(lk, l);
	*need = looking_count(lk);
	fits  = *need < size;
	if (fits && lk->grouped)
		group_fill(snap, lk);
	else if (fits)
		table_fill(snap, lk);

	(void)pthread_mutex_unlock(&l->lock);

	return fits;
}


/** Room is made outside the lock, with some to spare for what comes in
    between; where that was not enough, again */
static int snapshot_take(struct snapshot *snap, struct live *l,
			 const struct table *t,
			 const struct live_which *which)
{
	struct looking lk = { .t = t, .which = which };
	size_t size = 0, need;

	snap->c = 0;
	snap->v = NULL;

	while (!snapshot_fill(snap, size, l, &lk, &need)) {
		size = need + need / 8 + 16;

		free(snap->v);
		snap->v = calloc(size, sizeof(*snap->v));
		if (!snap->v)
			return ENOMEM;
	}

	return 0;
}


static const struct value *at(const void *p)
{
	return *(const struct value *const *)p;
}


static int reg_order(const void *a, const void *b)
{
	struct reg_status_key ka, kb;
	int n;

	reg_status_packed_key(&ka, at(a)->u.reg);
	reg_status_packed_key(&kb, at(b)->u.reg);

	n = strcmp(ka.tenant, kb.tenant);
	if (!n)
		n = strcmp(ka.pbx, kb.pbx);
	if (!n)
		n = strcmp(ka.upn, kb.upn);
	if (!n)
		n = strcmp(ka.aor, kb.aor);

	return n;
}


static int trunk_order(const void *a, const void *b)
{
	const struct trunk_status *ta = &at(a)->u.trunk, *tb = &at(b)->u.trunk;
	int n;

	n = strcmp(ta->tenant, tb->tenant);
	if (!n)
		n = strcmp(ta->fqdn, tb->fqdn);
	if (!n)
		n = strcmp(ta->proxy, tb->proxy);

	return n;
}


static int call_order(const void *a, const void *b)
{
	const struct call_record *ca = &at(a)->u.call, *cb = &at(b)->u.call;

	if (ca->start_ms != cb->start_ms)
		return ca->start_ms < cb->start_ms ? -1 : 1;

	return strcmp(ca->id, cb->id);
}


int live_reg_some(struct live *l, const struct live_which *which,
		  live_reg_h *h, void *arg)
{
	struct snapshot snap;
	int err;

	if (!l || !h)
		return EINVAL;

	err = snapshot_take(&snap, l, &l->regs, which);
	if (err)
		return err;

	if (!which || !which->unsorted)
		qsort(snap.v, snap.c, sizeof(*snap.v), reg_order);

	for (size_t i = 0; i < snap.c && !err; i++) {
		struct reg_status st;

		reg_status_unpack(&st, snap.v[i]->u.reg);
		err = h(&st, arg);
	}

	snapshot_free(&snap);

	return err;
}


int live_reg_apply(struct live *l, live_reg_h *h, void *arg)
{
	return live_reg_some(l, NULL, h, arg);
}


void live_reg_counts(struct live *l, const char *tenant,
		     int64_t countv[REG_STATES])
{
	const struct group *g;

	memset(countv, 0, sizeof(l->regcv));
	(void)pthread_mutex_lock(&l->lock);

	g = tenant ? live_group_find(l, tenant) : NULL;
	if (!tenant)
		memcpy(countv, l->regcv, sizeof(l->regcv));
	else if (g)
		memcpy(countv, g->statev, sizeof(g->statev));

	(void)pthread_mutex_unlock(&l->lock);
}


int live_trunk_apply(struct live *l, live_trunk_h *h, void *arg)
{
	struct snapshot snap;
	int err;

	if (!l || !h)
		return EINVAL;

	err = snapshot_take(&snap, l, &l->trunks, NULL);
	if (err)
		return err;

	qsort(snap.v, snap.c, sizeof(*snap.v), trunk_order);

	for (size_t i = 0; i < snap.c && !err; i++)
		err = h(&snap.v[i]->u.trunk, arg);

	snapshot_free(&snap);

	return err;
}


int live_call_apply(struct live *l, live_call_h *h, void *arg)
{
	struct snapshot snap;
	int err;

	if (!l || !h)
		return EINVAL;

	err = snapshot_take(&snap, l, &l->calls, NULL);
	if (err)
		return err;

	qsort(snap.v, snap.c, sizeof(*snap.v), call_order);

	for (size_t i = 0; i < snap.c && !err; i++) {
		struct call_record rec;

		live_call_get(&rec, snap.v[i]);
		err = h(&rec, arg);
	}

	snapshot_free(&snap);

	return err;
}


/* Changes */


struct changes {
	struct value *v[LIVE_CHANGES];  /* each: one reference */
	enum live_kind kindv[LIVE_CHANGES];
	size_t c;
};


static int changes_take(struct changes *changes, struct live *l,
			uint64_t since, uint64_t *newest)
{
	int err = 0;

	(void)pthread_mutex_lock(&l->lock);

	*newest = l->changec;
	if (since < l->first || since > l->changec ||
	    l->changec - since > LIVE_CHANGES)
		err = ERANGE;

	for (; !err && since < l->changec; since++) {
		const size_t at = since % LIVE_CHANGES;

		if (!l->changev[at])
			continue;

		changes->kindv[changes->c] = l->kindv[at];
		changes->v[changes->c++]   = value_ref(l->changev[at]);
	}

	(void)pthread_mutex_unlock(&l->lock);

	return err;
}


static int change_tell(enum live_kind kind, const struct value *v,
		       live_change_h *h, void *arg)
{
	struct live_change change = { .kind = kind };
	struct call_record call;
	struct reg_status reg;

	if (kind == LIVE_REG) {
		reg_status_unpack(&reg, v->u.reg);
		change.reg = &reg;
	}
	else if (kind == LIVE_TRUNK) {
		change.trunk = &v->u.trunk;
	}
	else {
		live_call_get(&call, v);
		change.call = &call;
	}

	return h(&change, arg);
}


int live_changes(struct live *l, uint64_t since, uint64_t *newest,
		 live_change_h *h, void *arg)
{
	struct changes *changes;
	int err;

	if (!l || !newest || !h)
		return EINVAL;

	changes = calloc(1, sizeof(*changes));
	if (!changes)
		return ENOMEM;

	err = changes_take(changes, l, since, newest);

	for (size_t i = 0; i < changes->c; i++) {
		if (!err)
			err = change_tell(changes->kindv[i], changes->v[i],
					  h, arg);
		value_deref(changes->v[i]);
	}

	free(changes);

	return err;
}
