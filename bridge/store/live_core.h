/**
 * @file live_core.h  What the files of the live state have among themselves
 *
 * Private to live.c (telling), live_table.c (values, and tables of them) and
 * live_ask.c (asking). libre's reference counts belong to one thread, so
 * values have an atomic count of their own. What costs time (copying,
 * sorting, freeing) is done outside the lock.
 */
#ifndef STORE_LIVE_CORE_H
#define STORE_LIVE_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bridge/base/log.h"
#include "live.h"

enum { LIVE_CHANGES = 4096, LIVE_GROUPS = 1024 };

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
	struct group *groupv[LIVE_GROUPS];     /* owned */
	bool scattered;            /* there was no memory for one of them */
	int64_t regcv[REG_STATES]; /* registrations by state */
	struct value *oldest, *newest;         /* ended calls, borrowed */
	size_t endedc;
	struct value *changev[LIVE_CHANGES];   /* a ring; each: a reference;
				      NULL: a later change has replaced it */
	enum live_kind kindv[LIVE_CHANGES];
	uint64_t first, changec;   /* counts up from the first, which is the
				      time, so that those of another process
				      are others */

	struct log_gate gate;      /* the teller's */
};


static inline struct value *value_ref(struct value *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);

	return v;
}


static inline void value_deref(struct value *v)
{
	if (!v)
		return;

	if (atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1)
		free(v);
}


/*
 * live_table.c: values
 */

/** @param payload  Octets of what is told: a value takes no more than that.
    @return one reference, NULL without memory */
struct value *live_value_alloc(const void *what, size_t payload,
			       uint32_t hash);

/** The record of a value, whole again */
void live_call_get(struct call_record *rec, const struct value *v);


/*
 * live_table.c: tables. The lock is held, but for allocating and freeing them
 */

int live_table_init(struct table *t, same_h *sameh);
void live_table_free(struct table *t);

/** The link that points to the value with this key, or to the NULL where it
    would be */
struct value **live_table_link(const struct table *t,
			       const struct value *key);

/**
 * Put a value in the place of the one with its key
 *
 * @return the one that was there, now the caller's; NULL
 */
struct value *live_table_put(struct table *t, struct value *v);

/** @return the value that was taken out, now the caller's; NULL */
struct value *live_table_take(struct table *t, const struct value *key);


/*
 * live.c
 */

/** Registrations of a tenant, NULL. The lock is held */
struct group *live_group_find(struct live *l, const char *tenant);

#endif
