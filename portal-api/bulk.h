/**
 * @file bulk.h  Many users at once
 *
 * First all is read, merged with what is there and checked; then all of it
 * is written in one transaction, or nothing.
 */
#ifndef PORTAL_BULK_H
#define PORTAL_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/store/store.h"

struct catalog;
struct json_t;

enum bulk_mode { BULK_MERGE, BULK_CREATE, BULK_REPLACE };

/** Something will be so; old, new: values, NULL where there is none */
typedef void (bulk_change_h)(const char *action, const char *name,
			     const struct json_t *old,
			     const struct json_t *now, void *arg);

/** What is wrong with a row; `field` may be NULL */
typedef void (bulk_error_h)(size_t line, const char *field, const char *text,
			    void *arg);

typedef void (bulk_progress_h)(size_t done, void *arg);

struct bulk_conf {
	struct store *st;          /* borrowed, as all                      */
	struct catalog *cat;
	const char *tenant;
	enum bulk_mode mode;
	struct store_by by;
	bool msp;                  /* may set what only the MSP may         */
	bool whole;                /* rows are whole values, not changes    */
	bool inside;               /* a transaction runs already            */
	bool check_all;            /* also those that are not changed       */
	bool dry_run;              /* check only                            */
	bulk_change_h *changeh;    /* NULL */
	bulk_error_h *errorh;
	bulk_progress_h *progressh; /* NULL */
	void *arg;
};

struct bulk_totals {
	size_t created, changed, unchanged, removed;
};

/**
 * @param rows  [{"line": number, "value": {...}}, ...]; the values change
 *
 * @return 0; EBADMSG (errorh was told); ESTALE somebody else was quicker;
 *         or as store_put()
 */
int bulk_users(const struct bulk_conf *conf, struct json_t *rows,
	       struct bulk_totals *totals);

#endif
