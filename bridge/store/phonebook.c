/**
 * @file phonebook.c  Names and numbers of all users, in memory
 *
 * A book has the users of one tenant, in the database's order, and is not
 * changed any more. A shelf has the books of all tenants; where some have
 * changed, a new one is made with new books beside the old ones. Whoever
 * looks holds the shelf. libre's reference counts belong to one thread, so
 * these have an atomic count of their own.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "phonebook.h"
#include "phonebook_core.h"
#include "store_core.h"


enum {
	REST = 20,                 /* times what reading has cost, until it is
				      read anew                            */
	GROW_MIN = 16,
};


/** Two texts a user, each terminated: upn, and what users are looked for by,
    folded */
struct book {
	atomic_uint refs;
	char *tenant;              /* owned */
	int64_t stamp;             /* of the tenant's last change    */
	char *upns, *texts;        /* owned                          */
	size_t upns_size, texts_size;          /* used               */
	size_t upns_room, texts_room;
	struct user { size_t upn, text; } *userv;      /* owned: offsets */
	size_t userc, user_room;
	size_t enabledc;           /* of them                        */
};

struct shelf {
	atomic_uint refs;
	int64_t stamp;             /* of the store, as it was read   */
	struct book **bookv;       /* owned; each: one reference     */
	size_t bookc, room;
};

struct phonebook {
	pthread_mutex_t reading;   /* held by the one who reads anew */
	pthread_mutex_t lock;      /* for all below                  */
	struct shelf *shelf;       /* a reference, NULL: nothing yet */
	uint64_t rest_until_ms;
};


/* Books */


static void book_deref(struct book *book)
{
	if (!book || atomic_fetch_sub_explicit(&book->refs, 1,
					       memory_order_acq_rel) != 1)
		return;

	free(book->tenant);
	free(book->upns);
	free(book->texts);
	free(book->userv);
	free(book);
}


static struct book *book_alloc(const char *tenant, int64_t stamp)
{
	struct book *book = calloc(1, sizeof(*book));

	if (!book)
		return NULL;

	atomic_init(&book->refs, 1);
	book->stamp  = stamp;
	book->tenant = strdup(tenant);
	if (!book->tenant) {
		book_deref(book);
		return NULL;
	}

	return book;
}


/** Room for so many items more. @return 0, ENOMEM */
static int grow(void *vp, size_t *room, size_t used, size_t more, size_t size)
{
	void **p = vp, *v;
	size_t n = *room ? *room : GROW_MIN;

	if (used + more <= *room)
		return 0;

	while (n < used + more)
		n *= 2;

	v = realloc(*p, n * size);
	if (!v)
		return ENOMEM;

	*p    = v;
	*room = n;

	return 0;
}


static int text_add(char **textp, size_t *room, size_t *used,
		    const char *text, size_t *at)
{
	const size_t size = strlen(text) + 1;
	int err;

	err = grow(textp, room, *used, size, 1);
	if (err)
		return err;

	memcpy(*textp + *used, text, size);
	*at    = *used;
	*used += size;

	return 0;
}


static int user_h(const struct db_row *row, void *arg)
{
	struct book *book = arg;
	struct user user;
	int err;

	err = grow(&book->userv, &book->user_room, book->userc, 1,
		   sizeof(*book->userv));
	if (!err)
		err = text_add(&book->upns, &book->upns_room,
			       &book->upns_size, row->textv[0], &user.upn);
	if (!err)
		err = text_add(&book->texts, &book->texts_room,
			       &book->texts_size, row->textv[1], &user.text);
	if (!err)
		book->userv[book->userc++] = user;

	return err;
}


static int enabled_h(const struct db_row *row, void *arg)
{
	struct book *book = arg;

	book->enabledc = (size_t)db_int(row, 0);

	return 0;
}


/** Two queries, for each has an index with all that it wants */
static int book_read(struct book *book, struct store *st)
{
	int err;

	err = db_do_each(st->db, user_h, book, "SELECT upn, search FROM users"
			 " WHERE tenant = $1 ORDER BY upn",
			 DB_TEXT(book->tenant));

	return err ? err : db_do_each(st->db, enabled_h, book, "SELECT"
				      " COUNT(*) FROM users WHERE tenant = $1"
				      " AND enabled = 'true'",
				      DB_TEXT(book->tenant));
}


/** The user whose text has this octet */
static size_t user_of(const struct book *book, size_t octet)
{
	size_t low = 0, high = book->userc;

	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		if (book->userv[middle].text <= octet)
			low = middle;
		else
			high = middle;
	}

	return low;
}


/** @return the first user from this one on, or how many there are */
static size_t user_next(const struct book *book, size_t from,
			const char *needle)
{
	const char *found;
	size_t at;

	if (from >= book->userc)
		return book->userc;

	at = book->userv[from].text;
	found = memmem(book->texts + at, book->texts_size - at, needle,
		       strlen(needle));

	return found ? user_of(book, (size_t)(found - book->texts))
		: book->userc;
}


/* Shelves */


static void shelf_deref(struct shelf *shelf)
{
	if (!shelf || atomic_fetch_sub_explicit(&shelf->refs, 1,
						memory_order_acq_rel) != 1)
		return;

	for (size_t i = 0; i < shelf->bookc; i++)
		book_deref(shelf->bookv[i]);
	free(shelf->bookv);
	free(shelf);
}


static struct shelf *shelf_alloc(void)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));

	if (shelf)
		atomic_init(&shelf->refs, 1);

	return shelf;
}


/** Tenants, without their users yet */
static int tenant_h(const struct db_row *row, void *arg)
{
	struct shelf *shelf = arg;
	struct book *book;
	int err;

	err = grow(&shelf->bookv, &shelf->room, shelf->bookc, 1,
		   sizeof(*shelf->bookv));
	if (err)
		return err;

	book = book_alloc(row->textv[0], db_int(row, 1));
	if (!book)
		return ENOMEM;

	shelf->bookv[shelf->bookc++] = book;

	return 0;
}


/** The book of the same tenant and stamp; both are in the same order, so the
    next one is looked for where the last one was found */
static struct book *book_same(const struct shelf *old, size_t *at,
			      const struct book *book)
{
	for (size_t i = 0; old && i < old->bookc; i++) {
		const size_t n = (*at + i) % old->bookc;

		if (strcmp(old->bookv[n]->tenant, book->tenant))
			continue;

		*at = n + 1;

		return old->bookv[n]->stamp == book->stamp ? old->bookv[n]
			: NULL;
	}

	return NULL;
}


/** Those that have not changed are the old ones */
static int books_read(struct shelf *shelf, const struct shelf *old,
		      struct store *st)
{
	size_t at = 0;
	int err = 0;

	for (size_t i = 0; i < shelf->bookc && !err; i++) {
		struct book *same = book_same(old, &at, shelf->bookv[i]);

		if (!same) {
			err = book_read(shelf->bookv[i], st);
			continue;
		}

		atomic_fetch_add_explicit(&same->refs, 1,
					  memory_order_relaxed);
		book_deref(shelf->bookv[i]);
		shelf->bookv[i] = same;
	}

	return err;
}


static int shelf_read(struct shelf **shelfp, const struct shelf *old,
		      struct store *st)
{
	struct shelf *shelf = shelf_alloc();
	int err;

	if (!shelf)
		return ENOMEM;

	err = db_begin(st->db, DB_READ);
	if (!err) {
		err = store_stamp(st, &shelf->stamp);
		if (!err)
			err = db_query(st->db, "SELECT tenant, stamp FROM"
				       " tenants ORDER BY tenant", NULL, 0,
				       tenant_h, shelf);
		if (!err)
			err = books_read(shelf, old, st);
		err = db_end(st->db, err);
	}

	if (err)
		shelf_deref(shelf);
	else
		*shelfp = shelf;

	return err;
}


/* The phonebook */


int phonebook_alloc(struct phonebook **pbp)
{
	struct phonebook *pb;

	if (!pbp)
		return EINVAL;

	pb = calloc(1, sizeof(*pb));
	if (!pb)
		return ENOMEM;

	(void)pthread_mutex_init(&pb->reading, NULL);
	(void)pthread_mutex_init(&pb->lock, NULL);
	*pbp = pb;

	return 0;
}


void phonebook_free(struct phonebook *pb)
{
	if (!pb)
		return;

	shelf_deref(pb->shelf);
	(void)pthread_mutex_destroy(&pb->lock);
	(void)pthread_mutex_destroy(&pb->reading);
	free(pb);
}


void store_phonebook_set(struct store *st, struct phonebook *pb)
{
	if (st)
		st->pb = pb;
}


/** @param rests  Takes whether it is too early to read anew
    @return a reference, NULL: nothing yet */
static struct shelf *shelf_get(struct phonebook *pb, bool *rests)
{
	struct shelf *shelf;

	(void)pthread_mutex_lock(&pb->lock);
	shelf = pb->shelf;
	if (shelf)
		atomic_fetch_add_explicit(&shelf->refs, 1,
					  memory_order_relaxed);
	*rests = clock_ms() < pb->rest_until_ms;
	(void)pthread_mutex_unlock(&pb->lock);

	return shelf;
}


/** @param shelf  A reference that the phonebook keeps */
static void shelf_set(struct phonebook *pb, struct shelf *shelf,
		      uint64_t began_ms)
{
	const uint64_t now = clock_ms();
	struct shelf *old;

	atomic_fetch_add_explicit(&shelf->refs, 1, memory_order_relaxed);

	(void)pthread_mutex_lock(&pb->lock);
	old = pb->shelf;
	pb->shelf = shelf;
	pb->rest_until_ms = now + REST * (now - began_ms);
	(void)pthread_mutex_unlock(&pb->lock);

	shelf_deref(old);
}


/** As new as the store. @param shelfp  In: as it was, NULL; out: as it is */
static int shelf_renew(struct phonebook *pb, struct shelf **shelfp,
		       struct store *st)
{
	const uint64_t began_ms = clock_ms();
	struct shelf *shelf = NULL;
	int err;

	/* others ask the database meanwhile */
	if (pthread_mutex_trylock(&pb->reading))
		return EAGAIN;

	err = shelf_read(&shelf, *shelfp, st);
	if (!err)
		shelf_set(pb, shelf, began_ms);
	(void)pthread_mutex_unlock(&pb->reading);
	if (err)
		return err;

	shelf_deref(*shelfp);
	*shelfp = shelf;

	return 0;
}


static int shelf_fresh(struct phonebook *pb, struct shelf **shelfp,
		       struct store *st)
{
	struct shelf *shelf;
	int64_t stamp = 0;
	bool rests;
	int err;

	/* what has not been committed yet is nobody else's to see */
	if (st->outer)
		return EAGAIN;

	err = store_stamp(st, &stamp);
	if (err)
		return err;

	shelf = shelf_get(pb, &rests);
	if (!shelf || shelf->stamp != stamp)
		err = rests ? EAGAIN : shelf_renew(pb, &shelf, st);

	if (err)
		shelf_deref(shelf);
	else
		*shelfp = shelf;

	return err;
}


/* Looking into it */


static bool is_asked(const struct book *book, const char *tenant)
{
	return !tenant || !strcmp(book->tenant, tenant);
}


static size_t users_of(const struct book *book, enum phonebook_whom whom)
{
	switch (whom) {

	case PHONEBOOK_ENABLED:  return book->enabledc;
	case PHONEBOOK_DISABLED: return book->userc - book->enabledc;
	default:                 return book->userc;
	}
}


int phonebook_count(struct phonebook *pb, struct store *st,
		    const char *tenant, enum phonebook_whom whom,
		    size_t *count)
{
	struct shelf *shelf = NULL;
	size_t c = 0;
	int err;

	err = shelf_fresh(pb, &shelf, st);
	if (err)
		return err;

	for (size_t i = 0; i < shelf->bookc; i++)
		if (is_asked(shelf->bookv[i], tenant))
			c += users_of(shelf->bookv[i], whom);
	shelf_deref(shelf);
	*count = c;

	return 0;
}


struct hits {
	struct shelf *shelf;       /* a reference                    */
	struct hit { const struct book *book; size_t user; } *v; /* owned */
	size_t c, room;
};


static void hits_destructor(void *data)
{
	struct hits *hits = data;

	shelf_deref(hits->shelf);
	free(hits->v);
}


static int hit_add(struct hits *hits, const struct book *book, size_t user)
{
	int err;

	err = grow(&hits->v, &hits->room, hits->c, 1, sizeof(*hits->v));
	if (!err)
		hits->v[hits->c++] = (struct hit){ book, user };

	return err;
}


static int book_look(struct hits *hits, const struct book *book,
		     const struct needles *needles)
{
	size_t nextv[NEEDLES_MAX], at = 0;
	int err = 0;

	for (size_t i = 0; i < needles->c; i++)
		nextv[i] = user_next(book, 0, needles->v[i]);

	while (!err) {
		at = nextv[0];
		for (size_t i = 1; i < needles->c; i++)
			if (nextv[i] < at)
				at = nextv[i];
		if (at == book->userc)
			break;

		err = hit_add(hits, book, at);
		for (size_t i = 0; i < needles->c; i++)
			if (nextv[i] == at)
				nextv[i] = user_next(book, at + 1,
						     needles->v[i]);
	}

	return err;
}


int phonebook_find(struct hits **hitsp, struct phonebook *pb,
		   struct store *st, const char *tenant,
		   const struct needles *needles)
{
	struct hits *hits;
	int err;

	hits = mem_zalloc(sizeof(*hits), hits_destructor);
	if (!hits)
		return ENOMEM;

	err = shelf_fresh(pb, &hits->shelf, st);

	for (size_t i = 0; !err && i < hits->shelf->bookc; i++) {
		const struct book *book = hits->shelf->bookv[i];

		if (is_asked(book, tenant))
			err = book_look(hits, book, needles);
	}

	if (err)
		mem_deref(hits);
	else
		*hitsp = hits;

	return err;
}


size_t hits_count(const struct hits *hits)
{
	return hits->c;
}


void hits_at(const struct hits *hits, size_t n, const char **tenant,
	     const char **upn)
{
	const struct hit *hit = &hits->v[n];

	*tenant = hit->book->tenant;
	*upn    = hit->book->upns + hit->book->userv[hit->user].upn;
}


/** The database alone knows its order: it is looked for the user itself */
static int place_of(const struct shelf *shelf, const char *tenant,
		    const char *upn, size_t *bookp, size_t *userp)
{
	const struct book *book;
	size_t b = 0, u = 0;

	while (b < shelf->bookc && strcmp(shelf->bookv[b]->tenant, tenant))
		++b;
	if (b == shelf->bookc)
		return ENOENT;

	book = shelf->bookv[b];
	while (u < book->userc && strcmp(book->upns + book->userv[u].upn, upn))
		++u;
	if (u == book->userc)
		return ENOENT;

	*bookp = b;
	*userp = u;

	return 0;
}


int hits_after(const struct hits *hits, const char *tenant, const char *upn,
	       bool descending, size_t *n)
{
	size_t book, user, at = 0, b = 0;
	int err;

	err = place_of(hits->shelf, tenant, upn, &book, &user);
	if (err)
		return err;

	for (; at < hits->c; at++) {
		const struct hit *hit = &hits->v[at];

		while (hits->shelf->bookv[b] != hit->book)
			++b;

		if (b > book || (b == book && (descending ?
				hit->user >= user : hit->user > user)))
			break;
	}

	*n = at;

	return 0;
}
