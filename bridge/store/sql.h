/**
 * @file sql.h  A query that grows; for this room alone
 *
 * An index is used for what is asked, nothing is compared for what is not.
 * Without memory it goes on growing to nothing, and sql_run() says so.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "db.h"

struct mbuf;

struct sql {
	struct mbuf *mb;           /* owned, NULL: no memory              */
	struct db_param paramv[DB_PARAMS_MAX];
	size_t paramc;
	bool where;                /* there is a condition already        */
	int err;
};

/** @param sql  Its beginning */
void sql_begin(struct sql *q, const char *sql);

/** More of it, in libre's format language */
void sql_add(struct sql *q, const char *fmt, ...);

/** A parameter. Texts are borrowed until sql_run(). @return its number */
size_t sql_param(struct sql *q, struct db_param param);

/** One more condition: "column <" and the parameter */
void sql_where(struct sql *q, const char *condition, struct db_param param);
/** ... unless the text is NULL */
void sql_where_text(struct sql *q, const char *condition, const char *text);

/** Conditions that follow are those of another SELECT */
void sql_anew(struct sql *q);

/** Ask. @param err  Other than 0: do not, and return it */
int sql_run(struct sql *q, struct db *db, int err, db_row_h *rowh, void *arg);

#endif
