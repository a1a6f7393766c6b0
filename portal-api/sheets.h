/**
 * @file sheets.h  Long lists as files, a piece at a time
 *
 * A worker reads some rows, the portal's thread sends them, and when the
 * other side has taken them the next worker goes on. So ten million rows need
 * little memory, and nobody waits for somebody who reads slowly. What was
 * added or taken away meanwhile may be in it or not; each row is there once.
 */
#ifndef PORTAL_SHEETS_H
#define PORTAL_SHEETS_H

#include "api.h"

struct json_t;
struct sheet;                      /* a libre memory object */

enum sheet_type {
	SHEET_TEXT,                /* or a number, true or false           */
	SHEET_MS, SHEET_S,         /* a moment: told as 2026-01-31T15:30:00Z */
	SHEET_JSON,                /* a value, or a list of texts          */
};

/** A column of a CSV file */
struct sheet_column {
	const char *title;
	const char *path;          /* "teams.mos": member of a row         */
	enum sheet_type type;
};

struct sheet_kind {
	const char *name;          /* of the file, and of the list as JSON */
	const struct sheet_column *columnv;
	size_t columnc;
	/**
	 * Read some rows, in a worker
	 *
	 * @param after  Cursor of the last one, NULL: from the first
	 * @param last   STORE_CURSOR_SIZE: to be that of the row that is told
	 * @param limit  At most so many; less is all that there was
	 *
	 * @return as of the store
	 */
	int (*readh)(struct request *rq, const char *after, char *last,
		     size_t limit, store_value_h *h, void *arg);
	/** Leave a row out; NULL: none */
	bool (*skiph)(struct request *rq, const struct json_t *row);
};

/** Begin to answer; in a worker. Reads `format` and, where the resource knows
    it, `limit` */
void sheet_begin(struct request *rq, const struct sheet_kind *kind);

/** In a worker: the next rows of what was begun */
void sheet_work(struct request *rq);

/** In the portal's thread: a worker has done its part */
void sheet_send(struct request *rq);

#endif
