/**
 * @file phonebook.h  Names and numbers of all users, in memory
 *
 * Whoever looks for part of a name makes a database read every user, twice:
 * for the page and for how many there are. Here a hundred thousand users are
 * six megabytes of text that are looked through in a millisecond.
 *
 * One a process, for any number of threads with a store each. What it knows
 * is as new as the store: when that has changed, the tenants that did are
 * read again before it is looked into. While so much changes that this would
 * be most of the work (an import), it leaves the answer to the database.
 */
#ifndef STORE_PHONEBOOK_H
#define STORE_PHONEBOOK_H

#include "store.h"

struct phonebook;                  /* phonebook_alloc/phonebook_free */

/** @return 0, ENOMEM */
int  phonebook_alloc(struct phonebook **pbp);

/** No store may use it any more. NULL is fine */
void phonebook_free(struct phonebook *pb);

/** From now on store_user_list() and store_user_count() look there for part
    of a name. @param pb  Borrowed; NULL: none */
void store_phonebook_set(struct store *st, struct phonebook *pb);

#endif
