/**
 * @file recent.c  Answers of the last moment, for all who ask the same
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "recent.h"


struct kept {
	struct le le;
	char *key;                 /* owned */
	char *text;                /* owned, NULL: none yet                 */
	uint64_t text_ms;          /* when that was begun                   */
	uint64_t making_ms;        /* when the newest was begun that is not
				      there yet                             */
	unsigned makers;           /* who work on one                       */
	unsigned users;            /* who are in recent_get()               */
};

struct recent {
	unsigned ms;
	pthread_mutex_t lock;      /* for all below */
	pthread_cond_t made;
	struct list l;             /* struct kept   */
};


static void kept_free(struct kept *k)
{
	list_unlink(&k->le);
	free(k->key);
	free(k->text);
	free(k);
}


int recent_alloc(struct recent **rp, unsigned ms)
{
	struct recent *r = calloc(1, sizeof(*r));

	if (!r)
		return ENOMEM;

	r->ms = ms;
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_cond_init(&r->made, NULL);
	*rp = r;

	return 0;
}


void recent_free(struct recent *r)
{
	struct le *le;

	if (!r)
		return;

	while ((le = list_head(&r->l)))
		kept_free(le->data);
	(void)pthread_cond_destroy(&r->made);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}


/* The lock is held */


/** May somebody who asks now have what was begun then? */
static bool is_recent(const struct recent *r, uint64_t began_ms,
		      uint64_t now_ms)
{
	return began_ms + r->ms >= now_ms;
}


/** What nobody may have any more goes, so that there is never more than what
    was asked for in the time */
static void sweep(struct recent *r, uint64_t now_ms)
{
	struct le *le = list_head(&r->l);

	while (le) {
		struct kept *k = le->data;

		le = le->next;
		if (!k->users && !is_recent(r, k->text_ms, now_ms))
			kept_free(k);
	}
}


static struct kept *kept_find(struct recent *r, const char *key)
{
	struct kept *k;

	for (struct le *le = list_head(&r->l); le; le = le->next) {
		k = le->data;
		if (!strcmp(k->key, key))
			return k;
	}

	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;

	k->key = strdup(key);
	if (!k->key) {
		free(k);
		return NULL;
	}
	list_append(&r->l, &k->le, k);

	return k;
}


/** Of several that were worked on at once the newest stays */
static void keep(struct kept *k, char *text, uint64_t began_ms)
{
	if (k->text && k->text_ms > began_ms) {
		free(text);
		return;
	}

	free(k->text);
	k->text    = text;
	k->text_ms = began_ms;
}


/** Let go of the lock meanwhile */
static int make(struct recent *r, struct kept *k, recent_make_h *h, void *arg,
		char **textp)
{
	const uint64_t began_ms = clock_ms();
	char *text = NULL, *copy = NULL;
	int err;

	k->making_ms = began_ms;
	++k->makers;
	(void)pthread_mutex_unlock(&r->lock);

	err = h(&text, arg);
	if (!err) {
		copy = strdup(text);
		*textp = text;
	}

	(void)pthread_mutex_lock(&r->lock);
	--k->makers;
	if (copy)
		keep(k, copy, began_ms);
	(void)pthread_cond_broadcast(&r->made);

	return err;
}


static int take(const struct kept *k, char **textp)
{
	*textp = strdup(k->text);

	return *textp ? 0 : ENOMEM;
}


/** What is being worked on is waited for if it may be had then; what was begun
    too long ago is for those who asked earlier */
static int get(struct recent *r, struct kept *k, uint64_t asked_ms,
	       recent_make_h *h, void *arg, char **textp)
{
	for (;;) {
		if (k->text && is_recent(r, k->text_ms, asked_ms))
			return take(k, textp);

		if (!k->makers || !is_recent(r, k->making_ms, asked_ms))
			return make(r, k, h, arg, textp);

		(void)pthread_cond_wait(&r->made, &r->lock);
	}
}


int recent_get(struct recent *r, const char *key, recent_make_h *h, void *arg,
	       char **textp)
{
	const uint64_t asked_ms = clock_ms();
	struct kept *k;
	int err = ENOMEM;

	(void)pthread_mutex_lock(&r->lock);

	sweep(r, asked_ms);
	k = kept_find(r, key);
	if (k) {
		++k->users;
		err = get(r, k, asked_ms, h, arg, textp);
		--k->users;
	}

	(void)pthread_mutex_unlock(&r->lock);

	return err;
}
