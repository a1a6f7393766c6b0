/**
 * @file test_later.c  Rows that wait for others to be put in with them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <stdlib.h>
#include <cmocka.h>

#include "world.h"


enum { ROWS = 3 * DB_ROWS_MAX + 7 };


static const struct db_into into = {
	.into = "things (name, number)", .tail = "",
	.columnc = 2 };


static struct db *db_make(const struct world *w)
{
	struct db *db = NULL;
	char why[256];

	assert_int_equal(raw(w, "CREATE TABLE things (name TEXT PRIMARY KEY,"
			     " number BIGINT NOT NULL)"), 0);
	assert_int_equal(postgres_url ?
			 db_postgres_open(&db, w->url, why, sizeof(why)) :
			 db_sqlite_open(&db, w->url + 7, false, why,
					sizeof(why)), 0);

	return db;
}


/** The text is another one afterwards */
static int put(struct db *db, unsigned n)
{
	char name[16];
	const struct db_param paramv[] = { DB_TEXT(name), DB_INT(n) };
	int err;

	(void)re_snprintf(name, sizeof(name), "n%u", n);
	err = db_later(db, &into, paramv);
	memset(name, 'x', sizeof(name) - 1);

	return err;
}


static int count_h(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


static const char counting[] = "SELECT COUNT(*) FROM things"
	" WHERE name = 'n' || number";


static int64_t count(struct db *db)
{
	int64_t c = -1;

	assert_int_equal(db_query(db, counting, NULL, 0, count_h, &c), 0);

	return c;
}


static void test_rows_are_there_for_the_next_query(void **state)
{
	struct db *db = db_make(*state);
	int64_t c = -1;

	assert_int_equal(db_begin(db, DB_WRITE), 0);
	for (unsigned i = 0; i < ROWS; i++)
		assert_int_equal(put(db, i), 0);
	assert_true(db->waits);
	assert_int_equal(db_query_beside(db, counting, NULL, 0, count_h, &c),
			 0);
	assert_int_equal(c, ROWS - ROWS % db->rowc);
	assert_int_equal(count(db), ROWS);
	assert_false(db->waits);

	assert_int_equal(put(db, ROWS), 0);
	assert_int_equal(db_end(db, 0), 0);
	assert_int_equal(count(db), ROWS + 1);
	mem_deref(db);
}


static void test_what_is_undone_waits_no_more(void **state)
{
	struct db *db = db_make(*state);

	assert_int_equal(db_begin(db, DB_WRITE), 0);
	assert_int_equal(put(db, 1), 0);
	assert_int_equal(db_end(db, EIO), EIO);
	assert_false(db->waits);

	/* a server refuses all that comes after what went wrong */
	assert_int_equal(db_begin(db, DB_WRITE), 0);
	assert_int_equal(put(db, 1), 0);
	assert_int_not_equal(db_query_beside(db, "INSERT INTO things (name,"
					     " number) VALUES ('a', NULL)",
					     NULL, 0, NULL, NULL), 0);
	assert_int_equal(db_end(db, EBADMSG), EBADMSG);
	assert_int_equal(count(db), 0);

	/* outside a transaction nothing waits */
	assert_int_equal(put(db, 2), 0);
	assert_false(db->waits);
	assert_int_equal(count(db), 1);

	/* nor is what waits kept by whoever is closed */
	assert_int_equal(db_begin(db, DB_WRITE), 0);
	assert_int_equal(put(db, 3), 0);
	mem_deref(db);
}


static void test_a_row_that_cannot_be_is_told_of(void **state)
{
	struct db *db = db_make(*state);
	int err;

	assert_int_equal(db_begin(db, DB_WRITE), 0);
	err = put(db, 1);
	if (!err)
		err = put(db, 1);
	assert_int_equal(db_end(db, err), EEXIST);
	assert_int_equal(count(db), 0);
	assert_int_equal(put(db, 1), 0);
	assert_int_equal(put(db, 1), EEXIST);
	assert_int_equal(count(db), 1);
	mem_deref(db);
}


static const struct CMUnitTest tests[] = {
	TEST(test_rows_are_there_for_the_next_query),
	TEST(test_what_is_undone_waits_no_more),
	TEST(test_a_row_that_cannot_be_is_told_of),
};


int main(void)
{
	return world_run(tests);
}
