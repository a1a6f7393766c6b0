/**
 * @file live_table.c  Values of the live state, and tables of them
 */
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "live_core.h"


enum { BUCKETS_MIN = 256 };


/* Values */


static size_t value_size(size_t payload)
{
	return offsetof(struct value, u) + payload;
}


struct value *live_value_alloc(const void *what, size_t payload,
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


void live_call_get(struct call_record *rec, const struct value *v)
{
	memcpy(rec, &v->u, v->size);
	memset((char *)rec + v->size, 0, sizeof(*rec) - v->size);
}


/* Tables. The lock is held, but for allocating and freeing them */


int live_table_init(struct table *t, same_h *sameh)
{
	t->bucketv = calloc(BUCKETS_MIN, sizeof(*t->bucketv));
	if (!t->bucketv)
		return ENOMEM;

	t->bucketc = BUCKETS_MIN;
	t->sameh   = sameh;

	return 0;
}


void live_table_free(struct table *t)
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


struct value **live_table_link(const struct table *t,
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


struct value *live_table_put(struct table *t, struct value *v)
{
	struct value **vp = live_table_link(t, v);
	struct value *old = *vp;

	v->next = old ? old->next : NULL;
	*vp = v;

	if (!old && ++t->c > t->bucketc)
		table_grow(t);

	return old;
}


struct value *live_table_take(struct table *t, const struct value *key)
{
	struct value **vp = live_table_link(t, key);
	struct value *old = *vp;

	if (old) {
		*vp = old->next;
		--t->c;
	}

	return old;
}
