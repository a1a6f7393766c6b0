/**
 * @file live.c  The present state, for whoever asks
 *
 * Three tables of values by key. libre's reference counts belong to one
 * thread, so values have an atomic count of their own. What costs time
 * (copying, sorting, freeing) is done outside the lock.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "live.h"


enum { BUCKETS_MIN = 256, CHANGES_MAX = 4096, GROUPS = 1024 };


/** One value; immutable while anybody holds it but the tables and the ring of
    changes, but for its links, which the lock guards */
struct value {
	atomic_uint refs;
	struct value *next;        /* the bucket's list                    */
	struct value *older, *newer;  /* ended calls, in order of their end;
					 registrations of a tenant, in none */
	uint64_t change;           /* its number in the ring, from 1; 0: it is
				      not there                            */
	bool ended;
	uint32_t hash;             /* of its key */
	uint32_t size;             /* octets of what follows */
	union {
		char reg[1];       /* packed: 100,000 users are not rare */
		struct trunk_status trunk;
		struct call_record call;  /* as far as it has decisions    */
	} u;
};


/** True if both have the same key */
typedef bool (same_h)(const struct value *a, const struct value *b);


struct table {
	struct value **bucketv;    /* owned; each value: one reference */
	size_t bucketc;            /* a power of two */
	size_t c;
	same_h *sameh;
};


/** The registrations of a tenant: who asks for them need not look at those of
    all others. Once made it stays */
struct group {
	struct group *next;        /* the bucket's list */
	struct value *first;       /* borrowed          */
	size_t c;
	int64_t statev[REG_STATES];            /* how many in each */
	uint32_t hash;
	char tenant[1];            /* as long as it is  */
};


struct live {
	pthread_mutex_t lock;      /* for all below */
	struct table regs, trunks, calls;
	struct group *groupv[GROUPS];          /* owned */
	bool scattered;            /* there was no memory for one of them */
	int64_t regcv[REG_STATES]; /* registrations by state */
	struct value *oldest, *newest;         /* ended calls, borrowed */
	size_t endedc;
	struct value *changev[CHANGES_MAX];    /* a ring; each: a reference;
				      NULL: a later change has replaced it */
	enum live_kind kindv[CHANGES_MAX];
	uint64_t first, changec;   /* counts up from the first, which is the
				      time, so that those of another process
				      are others */

	struct log_gate gate;      /* the teller's */
};


/* Values */


static size_t value_size(size_t payload)
{
	return offsetof(struct value, u) + payload;
}


/** @param payload  Octets of what is told: a value takes no more than that */
static struct value *value_alloc(const void *what, size_t payload,
				 uint32_t hash)
{
	struct value *v = calloc(1, value_size(payload));

	if (!v)
		return NULL;

	atomic_init(&v->refs, 1);
	v->hash = hash;
	v->size = (uint32_t)payload;
	memcpy(&v->u, what, payload);

	return v;
}


static struct value *value_ref(struct value *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);

	return v;
}


static void value_deref(struct value *v)
{
	if (!v)
		return;

	if (atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1)
		free(v);
}


/** Most calls have few decisions, and thousands of versions are kept */
static size_t call_size(const struct call_record *rec)
{
	return offsetof(struct call_record, decisionv) +
		rec->decisionc * sizeof(rec->decisionv[0]);
}


static void call_get(struct call_record *rec, const struct value *v)
{
	memcpy(rec, &v->u, v->size);
	memset((char *)rec + v->size, 0, sizeof(*rec) - v->size);
}


static uint32_t key_hash(const char *a, const char *b)
{
	return hash_joaat_str(a) * 31 + hash_joaat_str(b);
}


static bool same_reg(const struct value *a, const struct value *b)
{
	struct reg_status_key ka, kb;

	reg_status_packed_key(&ka, a->u.reg);
	reg_status_packed_key(&kb, b->u.reg);

	return !strcmp(ka.aor, kb.aor) && !strcmp(ka.tenant, kb.tenant);
}


static bool same_trunk(const struct value *a, const struct value *b)
{
	return !strcmp(a->u.trunk.proxy, b->u.trunk.proxy) &&
		!strcmp(a->u.trunk.fqdn, b->u.trunk.fqdn);
}


static bool same_call(const struct value *a, const struct value *b)
{
	return !strcmp(a->u.call.id, b->u.call.id);
}


/* Tables. The lock is held, but for allocating and freeing them */


static int table_init(struct table *t, same_h *sameh)
{
	t->bucketv = calloc(BUCKETS_MIN, sizeof(*t->bucketv));
	if (!t->bucketv)
		return ENOMEM;

	t->bucketc = BUCKETS_MIN;
	t->sameh   = sameh;

	return 0;
}


static void table_free(struct table *t)
{
	for (size_t i = 0; i < t->bucketc; i++) {
		while (t->bucketv[i]) {
			struct value *v = t->bucketv[i];

			t->bucketv[i] = v->next;
			value_deref(v);
		}
	}

	free(t->bucketv);
}


/** The link that points to the value with this key, or to the NULL where it
    would be */
static struct value **table_link(const struct table *t,
				 const struct value *key)
{
	struct value **vp = &t->bucketv[key->hash & (t->bucketc - 1)];

	while (*vp && ((*vp)->hash != key->hash || !t->sameh(*vp, key)))
		vp = &(*vp)->next;

	return vp;
}


/** Without memory the lists get longer, that is all */
static void table_grow(struct table *t)
{
	const size_t bucketc = t->bucketc * 2;
	struct value **bucketv = calloc(bucketc, sizeof(*bucketv));

	if (!bucketv)
		return;

	for (size_t i = 0; i < t->bucketc; i++) {
		while (t->bucketv[i]) {
			struct value *v = t->bucketv[i];
			struct value **to = &bucketv[v->hash & (bucketc - 1)];

			t->bucketv[i] = v->next;
			v->next = *to;
			*to = v;
		}
	}

	free(t->bucketv);
	t->bucketv = bucketv;
	t->bucketc = bucketc;
}


/**
 * Put a value in the place of the one with its key
 *
 * @return the one that was there, now the caller's; NULL
 */
static struct value *table_put(struct table *t, struct value *v)
{
	struct value **vp = table_link(t, v);
	struct value *old = *vp;

	v->next = old ? old->next : NULL;
	*vp = v;

	if (!old && ++t->c > t->bucketc)
		table_grow(t);

	return old;
}


/** @return the value that was taken out, now the caller's; NULL */
static struct value *table_take(struct table *t, const struct value *key)
{
	struct value **vp = table_link(t, key);
	struct value *old = *vp;

	if (old) {
		*vp = old->next;
		--t->c;
	}

	return old;
}


/* Registrations of a tenant. The lock is held */


static struct group **group_link(struct live *l, const char *tenant,
				 uint32_t hash)
{
	struct group **gp = &l->groupv[hash % GROUPS];

	while (*gp && ((*gp)->hash != hash || strcmp((*gp)->tenant, tenant)))
		gp = &(*gp)->next;

	return gp;
}


static struct group *group_find(struct live *l, const char *tenant)
{
	return *group_link(l, tenant, hash_joaat_str(tenant));
}


/** Made if there is none. NULL without memory */
static struct group *group_get(struct live *l, const char *tenant)
{
	const uint32_t hash = hash_joaat_str(tenant);
	struct group **gp = group_link(l, tenant, hash);

	if (*gp)
		return *gp;

	*gp = calloc(1, sizeof(**gp) + strlen(tenant));
	if (*gp) {
		(*gp)->hash = hash;
		memcpy((*gp)->tenant, tenant, strlen(tenant) + 1);
	}

	return *gp;
}


static void group_add(struct live *l, const char *tenant, struct value *v)
{
	struct group *g = group_get(l, tenant);

	if (!g) {
		l->scattered = true;
		return;
	}

	v->newer = g->first;
	if (g->first)
		g->first->older = v;
	g->first = v;
	++g->c;
	++g->statev[reg_status_packed_state(v->u.reg)];
}


static void group_remove(struct live *l, const char *tenant, struct value *v)
{
	struct group *g = group_find(l, tenant);

	/* it never came in */
	if (!g || (!v->older && g->first != v))
		return;

	if (v->older)
		v->older->newer = v->newer;
	else
		g->first = v->newer;

	if (v->newer)
		v->newer->older = v->older;

	v->older = v->newer = NULL;
	--g->c;
	--g->statev[reg_status_packed_state(v->u.reg)];
}


static void groups_free(struct live *l)
{
	for (size_t i = 0; i < GROUPS; i++) {
		while (l->groupv[i]) {
			struct group *g = l->groupv[i];

			l->groupv[i] = g->next;
			free(g);
		}
	}
}


/* Ended calls, in order. The lock is held */


static void ended_unlink(struct live *l, struct value *v)
{
	if (v->older)
		v->older->newer = v->newer;
	else
		l->oldest = v->newer;

	if (v->newer)
		v->newer->older = v->older;
	else
		l->newest = v->older;

	v->older = v->newer = NULL;
	v->ended = false;
	--l->endedc;
}


static void ended_append(struct live *l, struct value *v)
{
	v->ended = true;
	v->older = l->newest;

	if (l->newest)
		l->newest->newer = v;
	else
		l->oldest = v;

	l->newest = v;
	++l->endedc;
}


/** @return a call that is one too many, now the caller's; NULL */
static struct value *ended_overflow(struct live *l)
{
	struct value *v = l->oldest;

	if (l->endedc <= LIVE_ENDED_MAX)
		return NULL;

	ended_unlink(l, v);

	return table_take(&l->calls, v);
}


/* Changes. The lock is held. A value that is no longer the newest is told to
   nobody, so the ring lets go of it: of a call that is told ten times in a
   minute one is kept */


/** @return what was in that place, its reference now the caller's; NULL */
static struct value *change_put(struct live *l, uint64_t change,
				struct value *v)
{
	const size_t at = (change - 1) % CHANGES_MAX;
	struct value *was = l->changev[at];

	if (was)
		was->change = 0;

	l->changev[at] = v ? value_ref(v) : NULL;
	if (v)
		v->change = change;

	return was;
}


/** @return one that is forgotten for it, now the caller's; NULL */
static struct value *change_add(struct live *l, enum live_kind kind,
				struct value *v)
{
	l->kindv[l->changec % CHANGES_MAX] = kind;

	return change_put(l, ++l->changec, v);
}


/**
 * A value has been replaced
 *
 * @param v  Takes its place among the changes; NULL: it is a change itself
 *
 * @return the old one if it was there, a reference of the caller's; NULL
 */
static struct value *change_replace(struct live *l, const struct value *old,
				    struct value *v)
{
	return old && old->change ? change_put(l, old->change, v) : NULL;
}


/* Telling */


/**
 * A refresh like the last one is put into the value that is there, if nobody
 * else looks at it: references are taken under the lock
 *
 * @return false if the value has to be replaced
 */
static bool reg_renew(struct live *l, const struct value *v)
{
	struct value *old = *table_link(&l->regs, v);
	const unsigned ours = old && old->change ? 2 : 1;

	if (!old || atomic_load_explicit(&old->refs, memory_order_acquire) !=
	    ours || !reg_status_packed_same(old->u.reg, old->size, v->u.reg,
					    v->size))
		return false;

	memcpy(old->u.reg, v->u.reg, v->size);

	return true;
}


static struct value *tell_alloc(struct live *l, const void *what,
				size_t payload, uint32_t hash)
{
	struct value *v = value_alloc(what, payload, hash);

	if (!v && log_gate_pass(&l->gate, clock_ms(), NULL))
		warning("live", "", "out of memory: what is shown is old");

	return v;
}


int live_alloc(struct live **lp)
{
	struct timespec ts;
	struct live *l;
	int err;

	if (!lp)
		return EINVAL;

	l = calloc(1, sizeof(*l));
	if (!l)
		return ENOMEM;

	(void)pthread_mutex_init(&l->lock, NULL);
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	l->first = l->changec = (uint64_t)ts.tv_sec * 1000000 +
		(uint64_t)ts.tv_nsec / 1000;

	err = table_init(&l->regs, same_reg);
	if (!err)
		err = table_init(&l->trunks, same_trunk);
	if (!err)
		err = table_init(&l->calls, same_call);

	if (err)
		live_free(l);
	else
		*lp = l;

	return err;
}


void live_free(struct live *l)
{
	if (!l)
		return;

	groups_free(l);
	table_free(&l->regs);
	table_free(&l->trunks);
	table_free(&l->calls);
	for (size_t i = 0; i < CHANGES_MAX; i++)
		value_deref(l->changev[i]);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}


bool live_reg(struct live *l, const struct reg_status *st)
{
	char packed[sizeof(*st)];
	struct value *v, *old, *was, *forgot = NULL;
	size_t size;
	bool news;

	if (!l || !st)
		return false;

	size = reg_status_pack(packed, st);
	v = tell_alloc(l, packed, size, key_hash(st->tenant, st->aor));
	if (!v)
		return true;

	(void)pthread_mutex_lock(&l->lock);

	if (!st->removed && reg_renew(l, v)) {
		(void)pthread_mutex_unlock(&l->lock);
		value_deref(v);
		return false;
	}

	old  = st->removed ? table_take(&l->regs, v) : table_put(&l->regs, v);
	news = !old || !reg_status_packed_same(old->u.reg, old->size, packed,
					       size);
	if (old) {
		--l->regcv[reg_status_packed_state(old->u.reg)];
		group_remove(l, st->tenant, old);
	}
	if (!st->removed) {
		++l->regcv[st->state];
		group_add(l, st->tenant, v);
	}
	was = change_replace(l, old, news ? NULL : v);
	if (news)
		forgot = change_add(l, LIVE_REG, v);

	(void)pthread_mutex_unlock(&l->lock);

	value_deref(forgot);
	value_deref(was);
	value_deref(old);
	if (st->removed)
		value_deref(v);

	return news;
}


bool live_trunk(struct live *l, const struct trunk_status *st)
{
	struct value *v, *old, *was, *forgot;
	bool news;

	if (!l || !st)
		return false;

	v = tell_alloc(l, st, sizeof(*st), key_hash(st->proxy, st->fqdn));
	if (!v)
		return false;

	(void)pthread_mutex_lock(&l->lock);
	old = st->removed ? table_take(&l->trunks, v) :
		table_put(&l->trunks, v);
	was = change_replace(l, old, NULL);
	forgot = change_add(l, LIVE_TRUNK, v);
	(void)pthread_mutex_unlock(&l->lock);

	news = !old || st->removed || old->u.trunk.up != st->up ||
		old->u.trunk.seen != st->seen;
	value_deref(forgot);
	value_deref(was);
	value_deref(old);
	if (st->removed)
		value_deref(v);

	return news;
}


void live_call(struct live *l, const struct call_record *rec)
{
	struct value *v, *old, *over = NULL, *was = NULL, *forgot = NULL;

	if (!l || !rec)
		return;

	v = tell_alloc(l, rec, call_size(rec), hash_joaat_str(rec->id));
	if (!v)
		return;

	(void)pthread_mutex_lock(&l->lock);

	old = *table_link(&l->calls, v);

	if (old && old->u.call.version > rec->version) {
		old = v;                   /* late: it is v that goes */
		goto out;
	}

	(void)table_put(&l->calls, v);
	was = change_replace(l, old, NULL);
	forgot = change_add(l, LIVE_CALL, v);

	if (old && old->ended)
		ended_unlink(l, old);
	if (rec->state == CALL_ENDED) {
		ended_append(l, v);
		over = ended_overflow(l);
	}

 out:
	(void)pthread_mutex_unlock(&l->lock);

	value_deref(forgot);
	value_deref(was);
	value_deref(old);
	value_deref(over);
}


/* Asking */


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
	lk->g = lk->grouped ? group_find(l, lk->which->tenant) : NULL;
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

	g = tenant ? group_find(l, tenant) : NULL;
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

		call_get(&rec, snap.v[i]);
		err = h(&rec, arg);
	}

	snapshot_free(&snap);

	return err;
}


/* Changes */


struct changes {
	struct value *v[CHANGES_MAX];  /* each: one reference */
	enum live_kind kindv[CHANGES_MAX];
	size_t c;
};


static int changes_take(struct changes *changes, struct live *l,
			uint64_t since, uint64_t *newest)
{
	int err = 0;

	(void)pthread_mutex_lock(&l->lock);

	*newest = l->changec;
	if (since < l->first || since > l->changec ||
	    l->changec - since > CHANGES_MAX)
		err = ERANGE;

	for (; !err && since < l->changec; since++) {
		const size_t at = since % CHANGES_MAX;

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
		call_get(&call, v);
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
