/**
 * @file store_batch.h  What lines of the journal come to, put in together
 *
 * Of each user only the newest status of all lines is put in as the present
 * one, of each call only its newest version; every line but those of users
 * who queue is put into the history. Rows go in many a statement, in the
 * order of their keys. For this room alone.
 */
#ifndef STORE_STORE_BATCH_H
#define STORE_STORE_BATCH_H

#include "store_core.h"

struct batch;                      /* a libre memory object */

/** @return 0, ENOMEM */
int batch_alloc(struct batch **bp);

/**
 * Take a line; copied. What is none of ours is passed over
 *
 * @param at    Where in its day's file the line begins
 * @param line  With its newline
 *
 * @return 0, ENOMEM
 */
int batch_line(struct batch *b, int64_t at, const char *line, size_t l);

/** Octets of the lines that are in it */
size_t batch_size(const struct batch *b);

/**
 * Put all of it in, inside a transaction
 *
 * @param node, day  Whose lines they are, of which day's file
 *
 * @return 0, or as db_query()
 */
int batch_write(struct batch *b, struct store *st, const char *node,
		const char *day);

#endif
