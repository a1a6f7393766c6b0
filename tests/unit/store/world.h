/**
 * @file world.h  A store of its own for each test, on either database
 *
 * Each test runs on both. On PostgreSQL each has a database of its own.
 */
#ifndef TEST_STORE_WORLD_H
#define TEST_STORE_WORLD_H

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/store/db.h"
#include "bridge/store/seal.h"
#include "bridge/store/store.h"
#include "folder.h"
#include "postgres.h"


static const char *postgres_url;   /* NULL: SQLite is being tested */


struct world {
	void *folder;
	char url[256];
	struct keyring *ring;
	struct errors *errs;
	struct store *st;
};


static inline void database_make(char *url, size_t size)
{
	static unsigned n;
	char sql[64], why[256];
	struct db *db;

	(void)re_snprintf(sql, sizeof(sql), "CREATE DATABASE t%u", ++n);
	assert_int_equal(db_postgres_open(&db, postgres_url, why,
					  sizeof(why)), 0);
	assert_int_equal(db_query(db, sql, NULL, 0, NULL, NULL), 0);
	mem_deref(db);

	(void)re_snprintf(url, size, "postgresql://callbridge@/t%u?host=%s",
			  n, postgres_folder);
}


static inline void url_make(struct world *w, char *url, size_t size,
		     const char *name)
{
	if (postgres_url)
		database_make(url, size);
	else
		(void)re_snprintf(url, size, "sqlite:%s/%s",
				  (char *)w->folder, name);
}


static inline struct store *store_of(struct world *w, const char *url)
{
	struct store *st;

	assert_int_equal(store_open(&st, url, true, w->ring, w->errs), 0);
	assert_int_equal(store_migrate(st, w->errs), 0);

	return st;
}


static inline char *path_of(const struct world *w, const char *name)
{
	static char path[160];

	(void)re_snprintf(path, sizeof(path), "%s/%s", (char *)w->folder,
			  name);

	return path;
}


static inline int world_make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	if (!w || folder_make(&w->folder))
		return -1;

	assert_int_equal(errors_alloc(&w->errs), 0);
	assert_int_equal(keyring_make(path_of(w, "key")), 0);
	assert_int_equal(keyring_load(&w->ring, path_of(w, "key")), 0);
	url_make(w, w->url, sizeof(w->url), "store.db");
	w->st = store_of(w, w->url);

	return 0;
}


static inline int world_remove(void **state)
{
	struct world *w = *state;
	int err;

	mem_deref(w->st);
	mem_deref(w->ring);
	mem_deref(w->errs);
	err = folder_remove(&w->folder);
	free(w);

	return err;
}


static inline struct store *again(struct world *w)
{
	w->st = mem_deref(w->st);
	w->st = store_of(w, w->url);

	return w->st;
}


/** SQL of the test's own */
static inline int raw(const struct world *w, const char *sql)
{
	struct db *db = NULL;
	char why[256];
	int err;

	if (postgres_url)
		err = db_postgres_open(&db, w->url, why, sizeof(why));
	else
		err = db_sqlite_open(&db, w->url + 7, false, why,
				     sizeof(why));
	assert_int_equal(err, 0);

	err = db_query(db, sql, NULL, 0, NULL, NULL);
	mem_deref(db);

	return err;
}


static inline void assert_secret(struct world *w, const char *want)
{
	char *secret;

	assert_int_equal(store_secret(w->st, STORE_USER, "acme",
				      "ann@acme.example", "sip_password",
				      &secret), 0);
	assert_string_equal(secret, want);
	seal_wipe(secret);
}


/** Run tests on both databases. @return how many failed */
#define world_run(tests)						\
	world_run_on((tests), sizeof(tests) / sizeof((tests)[0]))

static inline int world_run_on(const struct CMUnitTest *tests, size_t c)
{
	char url[256];
	int failed;

	failed = _cmocka_run_group_tests("SQLite", tests, c, NULL, NULL);

	if (!postgres_find()) {
		print_message("skipped on PostgreSQL: initdb is not"
			      " installed (tools/setup)\n");
		return failed;
	}

	if (postgres_start(url, sizeof(url))) {
		postgres_url = url;
		failed += _cmocka_run_group_tests("PostgreSQL", tests, c,
						  NULL, NULL);
	}
	else {
		print_error("PostgreSQL does not start\n");
		++failed;
	}

	postgres_stop();

	return failed;
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, world_make, world_remove)

#endif
