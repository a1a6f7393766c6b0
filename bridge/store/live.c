/**
 * @file live.c  The present state, as it is told
 *
 * Three tables of values by key; ended calls and changes in order.
 */
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "live_core.h"


/** Most calls have few decisions, and thousands of versions are kept */
static size_t call_size(const struct call_record *rec)
{
	return offsetof(struct call_record, decisionv) +
		rec->decisionc * sizeof(rec->decisionv[0]);
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


/* Registrations of a tenant. The lock is held */


static struct group **group_link(struct live *l, const char *tenant,
				 uint32_t hash)
{
	struct group **gp = &l->groupv[hash % LIVE_GROUPS];

	while (*gp && ((*gp)->hash != hash || strcmp((*gp)->tenant, tenant)))
		gp = &(*gp)->next;

	return gp;
}


struct group *live_group_find(struct live *l, const char *tenant)
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
	struct group *g = live_group_find(l, tenant);

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
	for (size_t i = 0; i < LIVE_GROUPS; i++) {
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

	return live_table_take(&l->calls, v);
}


/* Changes. The lock is held. A value that is no longer the newest is told to
   nobody, so the ring lets go of it: of a call that is told ten times in a
   minute one is kept */


/** @return what was in that place, its reference now the caller's; NULL */
static struct value *change_put(struct live *l, uint64_t change,
				struct value *v)
{
	const size_t at = (change - 1) % LIVE_CHANGES;
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
	l->kindv[l->changec % LIVE_CHANGES] = kind;

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
	struct value *old = *live_table_link(&l->regs, v);
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
	struct value *v = live_value_alloc(what, payload, hash);

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

	err = live_table_init(&l->regs, same_reg);
	if (!err)
		err = live_table_init(&l->trunks, same_trunk);
	if (!err)
		err = live_table_init(&l->calls, same_call);

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
	live_table_free(&l->regs);
	live_table_free(&l->trunks);
	live_table_free(&l->calls);
	for (size_t i = 0; i < LIVE_CHANGES; i++)
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

	old  = st->removed ? live_table_take(&l->regs, v) :
		live_table_put(&l->regs, v);
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
	old = st->removed ? live_table_take(&l->trunks, v) :
		live_table_put(&l->trunks, v);
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

	old = *live_table_link(&l->calls, v);

	if (old && old->u.call.version > rec->version) {
		old = v;                   /* late: it is v that goes */
		goto out;
	}

	(void)live_table_put(&l->calls, v);
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
