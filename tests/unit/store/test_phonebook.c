/**
 * @file test_phonebook.c  Looking for users in memory and in the database:
 *                         both find the same
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <cmocka.h>

#include "bridge/base/wheel.h"
#include "bridge/store/phonebook.h"
#include "bridge/store/phonebook_core.h"
#include "acme.h"


enum { USERS = 60, MANY = 2000, DEADLINE_MS = 30000, FOUND_SIZE = 16384 };


static const char *const namev[] = { "Ann Carter", "Bob Baker", "Eve O'Neil",
				     "Jo 100%", "Zoe_Carter" };


static void put_of(struct world *w, enum store_kind kind, const char *tenant,
		   json_t *value)
{
	assert_non_null(value);
	assert_int_equal(store_put(w->st, kind, tenant, value, STORE_ANY, &by,
				   w->errs, NULL), 0);
	json_decref(value);
}


static void user_put(struct world *w, const char *tenant, unsigned n)
{
	char upn[64], number[32], line[16];

	(void)re_snprintf(upn, sizeof(upn), "U%02u@%s.example", n, tenant);
	(void)re_snprintf(number, sizeof(number), "+4420794600%02u", n);
	(void)re_snprintf(line, sizeof(line), "2%03u", n);
	put_of(w, STORE_USER, tenant, json_pack(
		       "{s:s, s:s, s:s, s:s, s:s, s:b}", "upn", upn, "name",
		       namev[n % RE_ARRAY_SIZE(namev)], "number", number,
		       "pbx", "hq", "sip_username", line, "enabled",
		       n % 4 != 0));
}


static void tenant_put(struct world *w, const char *tenant, unsigned users)
{
	char fqdn[64];

	(void)re_snprintf(fqdn, sizeof(fqdn), "%s.sbc.example", tenant);
	assert_int_equal(store_begin(w->st), 0);
	put_of(w, STORE_TENANT, tenant, json_pack(
		       "{s:s, s:{s:s}}", "tenant", tenant, "teams", "fqdn",
		       fqdn));
	put_of(w, STORE_PBX, tenant, json_pack("{s:s, s:s}", "name", "hq",
					       "sip_domain", "pbx.example"));
	for (unsigned n = 0; n < users; n++)
		user_put(w, tenant, n);
	assert_int_equal(store_end(w->st, 0), 0);
}


/* Looking */


static int see_user(const struct store_object *obj, void *arg)
{
	char *text = arg;
	const size_t l = strlen(text);

	assert_true(l + 64 < FOUND_SIZE);
	(void)re_snprintf(text + l, FOUND_SIZE - l, "%s/%s ", obj->tenant,
			  obj->name);

	return 0;
}


/** All pages, one after the other, and how many there are */
static void found(struct store *st, struct store_users which, size_t limit,
		  char *text)
{
	char last[STORE_CURSOR_SIZE] = "", after[STORE_CURSOR_SIZE];
	size_t total = 12345, l;

	*text = '\0';
	which.limit = limit;
	which.total = &total;
	which.last  = last;

	for (unsigned page = 0; page < 1000; page++) {
		l = strlen(text);
		last[0] = '\0';
		assert_int_equal(store_user_list(st, &which, see_user, text),
				 0);
		if (!limit || !last[0])
			break;

		assert_true(strlen(text) > l);
		str_ncpy(after, last, sizeof(after));
		which.after = after;
		which.total = NULL;
	}

	l = strlen(text);
	(void)re_snprintf(text + l, FOUND_SIZE - l, "of %zu", total);
}


/** Look in the phonebook, when it has read what there is */
static void settle(struct world *w, struct phonebook *pb)
{
	const struct needles needles = { .v = { "x" }, .c = 1 };
	const uint64_t until = clock_ms() + DEADLINE_MS;
	struct hits *hits = NULL;
	int err;

	do {
		err = phonebook_find(&hits, pb, w->st, NULL, &needles);
		assert_true(clock_ms() < until);

	} while (err == EAGAIN);

	assert_int_equal(err, 0);
	mem_deref(hits);
}


static void same(struct world *w, struct phonebook *pb,
		 const struct store_users *which, size_t limit)
{
	static char in_store[FOUND_SIZE], in_book[FOUND_SIZE];

	store_phonebook_set(w->st, NULL);
	found(w->st, *which, limit, in_store);
	store_phonebook_set(w->st, pb);
	settle(w, pb);
	found(w->st, *which, limit, in_book);
	assert_string_equal(in_book, in_store);
}


static size_t count_of(struct store *st, const char *tenant,
		       const char *enabled)
{
	size_t count = 12345;

	assert_int_equal(store_user_count(st, &(struct store_users){
			.tenant = tenant, .enabled = enabled }, &count), 0);

	return count;
}


static void counts_are_same(struct world *w, struct phonebook *pb)
{
	static const char *const tenantv[] = { NULL, "acme", "beta",
					       "nobody" };
	static const char *const enabledv[] = { NULL, "true", "false" };

	settle(w, pb);
	for (size_t i = 0; i < RE_ARRAY_SIZE(tenantv); i++)
		for (size_t j = 0; j < RE_ARRAY_SIZE(enabledv); j++) {
			size_t c;

			store_phonebook_set(w->st, NULL);
			c = count_of(w->st, tenantv[i], enabledv[j]);
			store_phonebook_set(w->st, pb);
			assert_int_equal(count_of(w->st, tenantv[i],
						  enabledv[j]), c);
		}
}


/** Whatever is asked for in whatever order, page by page */
static void all_same(struct world *w, struct phonebook *pb)
{
	static const char *const qv[] = {
		"carter", "CARTER", "o'neil", "100%", "%", "_", "\\",
		"nobody", "u0", "@beta", "2001", "001", "+44 20 7946 00",
		"020 7946 0018", "0044 (0)20-7946.0018", "(0)20", "46 00",
		"99999" };

	for (size_t i = 0; i < RE_ARRAY_SIZE(qv); i++)
		for (unsigned how = 0; how < 8; how++)
			same(w, pb, &(struct store_users){
				.q = qv[i],
				.tenant = how & 1 ? "acme" : NULL,
				.descending = how & 2 },
			     how & 4 ? 20 : 0);
}


static void is_found(struct world *w, const char *q, const char *expected)
{
	char text[FOUND_SIZE];

	found(w->st, (struct store_users){ .q = q }, 2, text);
	assert_string_equal(text, expected);
}


/* Tests */


static struct phonebook *book_open(struct world *w)
{
	struct phonebook *pb;

	tenant_put(w, "acme", USERS);
	tenant_put(w, "beta", USERS / 2);
	assert_int_equal(phonebook_alloc(&pb), 0);

	return pb;
}


static void book_close(struct world *w, struct phonebook *pb)
{
	store_phonebook_set(w->st, NULL);
	phonebook_free(pb);
}


static void test_both_find_the_same(void **state)
{
	struct world *w = *state;
	struct phonebook *pb = book_open(w);

	all_same(w, pb);
	counts_are_same(w, pb);
	assert_int_equal(count_of(w->st, NULL, "false"),
			 USERS / 4 + (USERS / 2 + 3) / 4);
	book_close(w, pb);
}


static void test_numbers_are_found_as_people_write_them(void **state)
{
	struct world *w = *state;
	struct phonebook *pb = book_open(w);

	for (unsigned i = 0; i < 2; i++) {
		store_phonebook_set(w->st, i ? pb : NULL);
		if (i)
			settle(w, pb);

		is_found(w, "020 7946 0042", "acme/u42@acme.example of 1");
		is_found(w, "+44 (0)20 7946-0042", "acme/u42@acme.example"
			 " of 1");
		is_found(w, "946 0042", "acme/u42@acme.example of 1");
		is_found(w, "0042", "acme/u42@acme.example of 1");
		is_found(w, "46 00 5", "acme/u50@acme.example"
			 " acme/u51@acme.example acme/u52@acme.example"
			 " acme/u53@acme.example acme/u54@acme.example"
			 " acme/u55@acme.example acme/u56@acme.example"
			 " acme/u57@acme.example acme/u58@acme.example"
			 " acme/u59@acme.example of 10");

		/* no number: as it stands */
		is_found(w, "0 0", "of 0");
		is_found(w, "020 7946 004x", "of 0");
	}
	book_close(w, pb);
}


static void test_what_changes_is_found_as_it_is(void **state)
{
	struct world *w = *state;
	struct phonebook *pb = book_open(w);

	store_phonebook_set(w->st, pb);
	settle(w, pb);
	is_found(w, "gamma", "of 0");

	/* not committed yet, but seen by who does it */
	assert_int_equal(store_begin(w->st), 0);
	put_of(w, STORE_USER, "beta", json_pack(
		       "{s:s, s:s, s:s, s:s, s:s}", "upn", "u03@beta.example",
		       "name", "Gamma", "number", "+4420794600", "pbx", "hq",
		       "sip_username", "7"));
	is_found(w, "gamma", "beta/u03@beta.example of 1");
	assert_int_equal(store_end(w->st, 0), 0);
	settle(w, pb);
	is_found(w, "gamma", "beta/u03@beta.example of 1");

	tenant_put(w, "aaa", 9);
	assert_int_equal(store_remove(w->st, STORE_USER, "acme",
				      "u05@acme.example", STORE_ANY, &by),
			 0);
	same(w, pb, &(struct store_users){ .q = "carter" }, 5);
	same(w, pb, &(struct store_users){ .q = "u0", .tenant = "acme" }, 0);

	assert_int_equal(store_remove(w->st, STORE_TENANT, "acme", "acme",
				      STORE_ANY, &by), 0);
	same(w, pb, &(struct store_users){ .q = "carter" }, 5);
	is_found(w, "@acme", "of 0");
	counts_are_same(w, pb);

	book_close(w, pb);
}


/** It goes on where the list would have */
static void test_a_page_goes_on_after_one_who_has_gone(void **state)
{
	struct world *w = *state;
	struct phonebook *pb = book_open(w);
	char last[STORE_CURSOR_SIZE], text[FOUND_SIZE] = "";
	struct store_users which = { .q = "u0", .limit = 3, .last = last };

	store_phonebook_set(w->st, pb);
	assert_int_equal(store_user_list(w->st, &which, see_user, text), 0);
	assert_string_equal(last, "acme/u02@acme.example");

	assert_int_equal(store_remove(w->st, STORE_USER, "acme",
				      "u02@acme.example", STORE_ANY, &by),
			 0);
	settle(w, pb);
	*text = '\0';
	which.after = "acme/u02@acme.example";
	assert_int_equal(store_user_list(w->st, &which, see_user, text), 0);
	assert_string_equal(text, "acme/u03@acme.example"
			    " acme/u04@acme.example acme/u05@acme.example ");

	which.after = "no-cursor";
	assert_int_equal(store_user_list(w->st, &which, see_user, text),
			 EINVAL);
	book_close(w, pb);
}


static void is_in_state(struct world *w, struct store_users which,
			const char *want)
{
	static char text[FOUND_SIZE];

	for (size_t limit = 0; limit < 5; limit++) {
		found(w->st, which, limit, text);
		assert_string_equal(text, want);
	}
}


/** Nobody's name is looked for: the database is asked */
static void test_users_of_one_state_follow_each_other(void **state)
{
	struct world *w = *state;

	tenant_put(w, "acme", 5);
	tenant_put(w, "beta", 4);
	assert_int_equal(raw(w, "INSERT INTO registrations (tenant, upn, pbx,"
			     " state, time_ms, data) SELECT tenant, upn, pbx,"
			     " CASE WHEN sip_username = '2003' THEN"
			     " 'registered' ELSE 'failing' END, 1, '{}'"
			     " FROM users"), 0);

	is_in_state(w, (struct store_users){ .state = "failing" },
		    "acme/u00@acme.example acme/u01@acme.example"
		    " acme/u02@acme.example acme/u04@acme.example"
		    " beta/u00@beta.example beta/u01@beta.example"
		    " beta/u02@beta.example of 7");
	is_in_state(w, (struct store_users){ .state = "failing",
		    .descending = true, .tenant = "beta", .pbx = "hq" },
		    "beta/u02@beta.example beta/u01@beta.example"
		    " beta/u00@beta.example of 3");
	is_in_state(w, (struct store_users){ .state = "failing",
		    .pbx = "other" }, "of 0");
	is_in_state(w, (struct store_users){ .state = "failing",
		    .enabled = "false" },
		    "acme/u00@acme.example acme/u04@acme.example"
		    " beta/u00@beta.example of 3");
	is_in_state(w, (struct store_users){ .state = "failing",
		    .q = "carter" }, "acme/u00@acme.example"
		    " acme/u04@acme.example beta/u00@beta.example of 3");
	is_in_state(w, (struct store_users){ .state = "registered" },
		    "acme/u03@acme.example beta/u03@beta.example of 2");

	/* of somebody who is no user (any more) */
	assert_int_equal(raw(w, "INSERT INTO registrations (tenant, upn, pbx,"
			     " state, time_ms, data) VALUES ('acme',"
			     " 'nobody@acme.example', 'hq', 'lagging', 1,"
			     " '{}')"), 0);
	is_in_state(w, (struct store_users){ .state = "lagging" }, "of 0");
}


static int see_many(const struct db_row *row, void *arg)
{
	*(bool *)arg = db_int(row, 0) >= MANY;

	return 0;
}


/** ... by PostgreSQL, so that it finds each of them */
static void test_many_new_users_are_taken_note_of(void **state)
{
	struct world *w = *state;
	struct db *db = NULL;
	char why[256];
	bool many = false;

	tenant_put(w, "acme", MANY);
	assert_int_equal(count_of(w->st, "acme", NULL), MANY);
	if (!postgres_url)
		return;

	assert_int_equal(db_postgres_open(&db, w->url, why, sizeof(why)), 0);
	assert_int_equal(db_query(db, "SELECT CAST(reltuples AS BIGINT) FROM"
				  " pg_class WHERE relname = 'users'", NULL,
				  0, see_many, &many), 0);
	assert_true(many);
	mem_deref(db);
}


#define BOOK_TEST(f) cmocka_unit_test_setup_teardown(f, world_make,	\
						     world_remove)

static const struct CMUnitTest tests[] = {
	BOOK_TEST(test_both_find_the_same),
	BOOK_TEST(test_numbers_are_found_as_people_write_them),
	BOOK_TEST(test_what_changes_is_found_as_it_is),
	BOOK_TEST(test_a_page_goes_on_after_one_who_has_gone),
	BOOK_TEST(test_users_of_one_state_follow_each_other),
	BOOK_TEST(test_many_new_users_are_taken_note_of),
};


int main(void)
{
	return world_run(tests);
}
