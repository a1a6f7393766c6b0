/**
 * @file twins.c  Users of one tenant that share what each has for itself
 */
#include <assert.h>

#include "twins.h"


enum { BUCKETS_MIN = 64 };


struct mark {
	struct le upn_le, number_le, name_le;
	const struct user *user;   /* borrowed */
};

struct twins {
	struct hash *upns, *numbers, *names;   /* owned */
	struct mark *markv;        /* owned */
	size_t c, size;
};


static void destructor(void *data)
{
	struct twins *t = data;

	mem_deref(t->upns);
	mem_deref(t->numbers);
	mem_deref(t->names);
	mem_deref(t->markv);
}


int twins_alloc(struct twins **tp, size_t userc)
{
	const uint32_t buckets = hash_valid_size((uint32_t)userc +
						 BUCKETS_MIN);
	struct twins *t;
	int err;

	t = mem_zalloc(sizeof(*t), destructor);
	if (!t)
		return ENOMEM;

	t->size  = userc;
	t->markv = mem_zalloc((userc + 1) * sizeof(*t->markv), NULL);
	err = t->markv ? hash_alloc(&t->upns, buckets) : ENOMEM;
	if (!err)
		err = hash_alloc(&t->numbers, buckets);
	if (!err)
		err = hash_alloc(&t->names, buckets);

	if (err)
		mem_deref(t);
	else
		*tp = t;

	return err;
}


static bool same_upn(const struct user *a, const struct user *b)
{
	return !str_casecmp(a->upn, b->upn);
}


static bool same_number(const struct user *a, const struct user *b)
{
	return !str_cmp(a->number, b->number);
}


static bool same_name(const struct user *a, const struct user *b)
{
	return !str_cmp(a->pbx, b->pbx) &&
		!str_cmp(a->sip_username, b->sip_username);
}


/** The first that is the same, or NULL; then this one comes after it */
static const struct user *meet(struct hash *h, uint32_t key, struct le *le,
			       struct mark *mark,
			       bool (*sameh)(const struct user *a,
					     const struct user *b))
{
	for (struct le *o = list_head(hash_list(h, key)); o; o = o->next) {
		const struct mark *other = o->data;

		if (sameh(other->user, mark->user))
			return other->user;
	}

	hash_append(h, key, le, mark);

	return NULL;
}


void twins_add(struct twins *t, const struct user *user, struct twin *twin)
{
	struct mark *mark = &t->markv[t->c++];

	assert(t->c <= t->size);

	mark->user = user;
	twin->upn = meet(t->upns, hash_joaat_str_ci(user->upn),
			 &mark->upn_le, mark, same_upn);
	twin->number = meet(t->numbers, hash_joaat_str(user->number),
			    &mark->number_le, mark, same_number);
	twin->sip_username = meet(t->names, hash_joaat_str(user->sip_username),
				  &mark->name_le, mark, same_name);
}
