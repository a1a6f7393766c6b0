/**
 * @file queued.c  Users who wait for their first registration, not yet told
 *
 * A table with open addressing, 16 octets a place: a user is known by a hash
 * of 64 bits. Should two ever have the same, one of them is shown as before
 * until its next status.
 */
#include <stdlib.h>

#include "bridge/base/wheel.h"
#include "queued.h"


enum { PLACES_MIN = 1024 };


struct place {
	uint64_t key;              /* 0: free, and always was */
	int64_t at;                /* GONE: no more           */
};

enum { GONE = -1 };

struct queued {
	char path[PATH_MAX];
	struct place *v;           /* owned                   */
	size_t placec;             /* a power of two, 0       */
	size_t takenc;             /* not free                */
	size_t c;                  /* who wait                */
	uint64_t since_ms, newest_ms;
};


static void destructor(void *data)
{
	struct queued *q = data;

	mem_deref(q->v);
}


int queued_alloc(struct queued **qp)
{
	*qp = mem_zalloc(sizeof(**qp), destructor);

	return *qp ? 0 : ENOMEM;
}


/** FNV-1a */
static uint64_t hash(uint64_t h, const char *p, size_t l)
{
	while (l--)
		h = (h ^ (unsigned char)*p++) * UINT64_C(0x100000001b3);

	return h;
}


static uint64_t key_of(const struct pl *tenant, const char *upn)
{
	uint64_t h = hash(UINT64_C(0xcbf29ce484222325), tenant->p, tenant->l);

	h = hash(hash(h, "", 1), upn, strlen(upn));

	return h ? h : 1;
}


/** The place of a key, or the one where it would be */
static struct place *find(struct place *v, size_t placec, uint64_t key)
{
	size_t i = key & (placec - 1);

	while (v[i].key && v[i].key != key)
		i = (i + 1) & (placec - 1);

	return &v[i];
}


/** At most half of it is taken; those that are gone are left behind */
static int grow(struct queued *q)
{
	size_t placec = PLACES_MIN;
	struct place *v;

	while (placec < 4 * (q->c + 1))
		placec *= 2;

	v = mem_zalloc(placec * sizeof(*v), NULL);
	if (!v)
		return ENOMEM;

	for (size_t i = 0; i < q->placec; i++)
		if (q->v[i].key && q->v[i].at != GONE)
			*find(v, placec, q->v[i].key) = q->v[i];

	mem_deref(q->v);
	q->v      = v;
	q->placec = placec;
	q->takenc = q->c;

	return 0;
}


const char *queued_path(const struct queued *q)
{
	return q->c ? q->path : "";
}


int queued_put(struct queued *q, const char *path, const struct pl *tenant,
	       const char *upn, int64_t at)
{
	const uint64_t key = key_of(tenant, upn);
	struct place *place;

	if (2 * (q->takenc + 1) > q->placec && grow(q))
		return ENOMEM;

	if (!q->c) {
		str_ncpy(q->path, path, sizeof(q->path));
		q->since_ms = clock_ms();
	}

	q->newest_ms = clock_ms();
	place = find(q->v, q->placec, key);
	if (!place->key || place->at == GONE)
		++q->c;
	if (!place->key)
		++q->takenc;

	place->key = key;
	place->at  = at;

	return 0;
}


void queued_drop(struct queued *q, const struct pl *tenant, const char *upn)
{
	struct place *place;

	if (!q->c)
		return;

	place = find(q->v, q->placec, key_of(tenant, upn));
	if (!place->key || place->at == GONE)
		return;

	place->at = GONE;
	if (!--q->c)
		queued_clear(q);
}


size_t queued_count(const struct queued *q)
{
	return q->c;
}


uint64_t queued_age_ms(const struct queued *q)
{
	return q->c ? clock_ms() - q->since_ms : 0;
}


uint64_t queued_rest_ms(const struct queued *q)
{
	return q->c ? clock_ms() - q->newest_ms : 0;
}


static int compare(const void *ap, const void *bp)
{
	const int64_t a = *(const int64_t *)ap, b = *(const int64_t *)bp;

	return a < b ? -1 : a > b;
}


int queued_list(const struct queued *q, int64_t **atvp, size_t *c)
{
	int64_t *atv = NULL;

	*c = 0;
	if (q->c) {
		atv = mem_reallocarray(NULL, q->c, sizeof(*atv), NULL);
		if (!atv)
			return ENOMEM;
	}

	for (size_t i = 0; i < q->placec; i++)
		if (q->v[i].key && q->v[i].at != GONE)
			atv[(*c)++] = q->v[i].at;

	if (*c)
		qsort(atv, *c, sizeof(*atv), compare);
	*atvp = atv;

	return 0;
}


void queued_clear(struct queued *q)
{
	q->v = mem_deref(q->v);
	q->placec = q->takenc = q->c = 0;
}
