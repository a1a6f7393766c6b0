/**
 * @file old.h  A store as the first version of the tables kept it
 */
#ifndef TEST_STORE_OLD_H
#define TEST_STORE_OLD_H

#include <jansson.h>
#include <stdlib.h>

#include "world.h"


/** A row as the first version kept it */
static inline void old_row(struct db *db, const struct call_record *rec)
{
	json_t *json = call_record_json(rec);
	char *text = json_dumps(json, JSON_COMPACT);

	assert_int_equal(db_do(db, "INSERT INTO calls (id, version, tenant,"
			       " pbx, upn, start_ms, failed, data) VALUES"
			       " ($1, $2, $3, $4, $5, $6, 0, $7)",
			       DB_TEXT(rec->id), DB_INT(rec->version),
			       DB_TEXT(rec->tenant), DB_TEXT(rec->pbx),
			       DB_TEXT(rec->upn), DB_INT(rec->start_ms),
			       DB_TEXT(text)), 0);
	free(text);
	json_decref(json);
}


static inline void old_status(struct db *db, unsigned n, const char *state)
{
	char data[256];

	(void)re_snprintf(data, sizeof(data), "{\"tenant\":\"acme\",\"upn\":"
			  "\"A@b.c\",\"pbx\":\"hq\",\"state\":\"%s\","
			  "\"since_s\":%u}", state, n);
	assert_int_equal(db_do(db, "INSERT INTO registration_history (node,"
			       " day, at, tenant, upn, pbx, time_ms, data)"
			       " VALUES ('n1', '20200101', $1, 'acme',"
			       " 'a@b.c', 'hq', $1, $2)",
			       DB_INT(n * 1000), DB_TEXT(data)), 0);
}


/** As the first version has them: with what it knew */
static inline void old_fill(const struct world *w, const struct call_record *v,
		     size_t c)
{
	struct db *db = NULL;
	char why[256];
	int err;

	err = postgres_url ? db_postgres_open(&db, w->url, why, sizeof(why))
		: db_sqlite_open(&db, w->url + 7, false, why, sizeof(why));
	assert_int_equal(err, 0);

	assert_int_equal(db_begin(db, DB_WRITE), 0);
	for (size_t i = 0; i < c; i++)
		old_row(db, &v[i]);
	old_status(db, 1000, "failing");
	old_status(db, 2000, "registered");
	assert_int_equal(db_end(db, 0), 0);
	mem_deref(db);
}

#endif
