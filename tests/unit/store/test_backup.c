/**
 * @file test_backup.c  Backups of older tables
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/model/status.h"
#include "bridge/store/store_core.h"
#include "acme.h"
#include "old.h"


/** A new store in place of the last, with tables of a version */
static void store_begin_at(struct world *w, const char *name,
			   int64_t version)
{
	w->st = mem_deref(w->st);
	url_make(w, w->url, sizeof(w->url), name);
	assert_int_equal(store_open(&w->st, w->url, true, w->ring, w->errs),
			 0);
	assert_int_equal(store_migrate_until(w->st, version, w->errs), 0);
}


/** What an installation of the first version could have had */
static void first_fill(struct world *w)
{
	struct call_record v[3] = { { .version = 3 } };
	struct store_grant grant = { .name = "ci",
		.role = STORE_MSP_SUPPORT };
	char token[STORE_TOKEN_SIZE];

	for (unsigned i = 0; i < RE_ARRAY_SIZE(v); i++) {
		v[i] = (struct call_record){ .version = 3,
			.state = CALL_ENDED, .result = CALL_BUSY,
			.tenant = "acme", .pbx = "london",
			.upn = "ann@acme.example",
			.start_ms = 1750003200000 + i * 60000 };
		(void)re_snprintf(v[i].id, sizeof(v[i].id), "call-%u", i);
		str_ncpy(v[i].caller, "+442079460018",
			 sizeof(v[i].caller));
		v[i].end_ms = v[i].start_ms + 5000;
	}

	customer_put(w);
	old_fill(w, v, RE_ARRAY_SIZE(v));
	assert_int_equal(store_token_make(w->st, &grant, &by, token), 0);
}


/** Are two backups the same but for their heads? */
static void assert_same(struct world *w, const char *a, const char *b)
{
	char cmd[512];

	(void)re_snprintf(cmd, sizeof(cmd), "/bin/sh -c 'cd %s && tail -n +2"
			  " %s >a && tail -n +2 %s | cmp a - >&2'",
			  (char *)w->folder, a, b);
	assert_int_equal(system(cmd), 0);
}


/* Whether one updates and then makes a backup, or restores one of before */
static void test_one_of_each_older_version_comes_back(void **state)
{
	struct world *w = *state;
	struct seen seen;

	store_begin_at(w, "first.db", 1);
	first_fill(w);

	for (int64_t v = 1; v <= SCHEMA_VERSION; v++) {
		char url[sizeof(w->url)], name[32];

		assert_int_equal(store_migrate_until(w->st, v, w->errs), 0);
		assert_int_equal(store_backup(w->st, path_of(w, "old")), 0);
		str_ncpy(url, w->url, sizeof(url));

		(void)re_snprintf(name, sizeof(name), "new%lld.db",
				  (long long)v);
		store_begin_at(w, name, SCHEMA_VERSION);
		assert_int_equal(store_restore(w->st, path_of(w, "old"),
					       w->errs), 0);
		assert_secret(w, "s3cret");
		(void)re_snprintf(name, sizeof(name), "from-%lld",
				  (long long)v);
		assert_int_equal(store_backup(w->st, path_of(w, name)), 0);
		assert_int_equal(unlink(path_of(w, "old")), 0);

		/* it is changed as any other one */
		seen.c = 0;
		assert_int_equal(store_remove(w->st, STORE_USER, "acme",
					      "ann@acme.example", STORE_ANY,
					      &by), 0);
		assert_int_equal(store_list(w->st, STORE_USER, "acme", NULL,
					    0, see_object, &seen), 0);
		assert_int_equal(seen.c, 0);

		/* and the one in use goes on to the next version */
		w->st = mem_deref(w->st);
		str_ncpy(w->url, url, sizeof(w->url));
		assert_int_equal(store_open(&w->st, w->url, false, w->ring,
					    w->errs), 0);
	}

	for (int64_t v = 1; v < SCHEMA_VERSION; v++) {
		char name[32], last[32];

		(void)re_snprintf(name, sizeof(name), "from-%lld",
				  (long long)v);
		(void)re_snprintf(last, sizeof(last), "from-%d",
				  SCHEMA_VERSION);
		assert_same(w, last, name);
	}
}


static void backup_write(const struct world *w, const char *text)
{
	FILE *f = fopen(path_of(w, "made"), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}


static void test_what_no_version_wrote_is_refused(void **state)
{
	static const struct { const char *text; int err; } v[] = {
		{ "{\"callbridge_store\":0}\n{\"rows\":0}\n", EBADMSG },
		{ "{\"callbridge_store\":-1}\n{\"rows\":0}\n", EBADMSG },
		{ "{\"callbridge_store\":9999}\n{\"rows\":0}\n", EPROTO },
		/* a table of later, and columns of later */
		{ "{\"callbridge_store\":2}\n{\"shares\":[null]}\n"
		  "{\"rows\":1}\n", EBADMSG },
		{ "{\"callbridge_store\":1}\n{\"calls\":[\"a\",\"1\","
		  "\"a\",\"b\",\"c\",\"1\",\"0\",\"{}\",\"\",\"0\",\"0\","
		  "\"0\",\"0\",\"0\"]}\n{\"rows\":1}\n", EBADMSG },
	};
	struct world *w = *state;
	int64_t version;

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		backup_write(w, v[i].text);
		assert_int_equal(store_restore(w->st, path_of(w, "made"),
					       w->errs), v[i].err);
	}

	/* and has changed nothing */
	assert_int_equal(store_version(w->st, &version), 0);
	assert_int_equal(version, SCHEMA_VERSION);
	customer_put(w);
}


static const struct CMUnitTest tests[] = {
	TEST(test_one_of_each_older_version_comes_back),
	TEST(test_what_no_version_wrote_is_refused),
};


int main(void)
{
	return world_run(tests);
}
