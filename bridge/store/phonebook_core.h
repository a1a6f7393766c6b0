/**
 * @file phonebook_core.h  Looking into the phonebook; for this room alone
 */
#ifndef STORE_PHONEBOOK_CORE_H
#define STORE_PHONEBOOK_CORE_H

#include <stddef.h>

struct phonebook;
struct store;

enum { NEEDLES_MAX = 2 };

/** What is looked for, folded: any of them, anywhere */
struct needles {
	const char *v[NEEDLES_MAX];        /* not empty */
	size_t c;
};

enum phonebook_whom { PHONEBOOK_ALL, PHONEBOOK_ENABLED, PHONEBOOK_DISABLED };

/** How many users there are of a tenant (NULL: all). @return as
    phonebook_find() */
int phonebook_count(struct phonebook *pb, struct store *st,
		    const char *tenant, enum phonebook_whom whom,
		    size_t *count);

struct hits;                       /* a libre memory object */

/**
 * Find users
 *
 * @param tenant  Whose alone; NULL: all
 *
 * @return 0; EAGAIN ask the database instead; ENOMEM, or as db_query()
 */
int phonebook_find(struct hits **hitsp, struct phonebook *pb,
		   struct store *st, const char *tenant,
		   const struct needles *needles);

size_t hits_count(const struct hits *hits);

/** The nth, in the database's order of tenant and upn. Borrowed */
void hits_at(const struct hits *hits, size_t n, const char **tenant,
	     const char **upn);

/**
 * Where it goes on after a user
 *
 * @param n  Takes the first after it, or descending the last before it and
 *           one more
 *
 * @return 0, ENOENT there is no such user any more
 */
int hits_after(const struct hits *hits, const char *tenant, const char *upn,
	       bool descending, size_t *n);

#endif
