/**
 * @file test_sync.c  Microsoft 365 in the store, on SQLite and on PostgreSQL
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/store/store_sync.h"
#include "acme.h"


#define SYNC "{\"directory_id\":\"acme.example\",\"client_id\":" \
	"\"9d3b6f10-2a44-4b7c-8f0e-7f3f1b1c2d3e\"," \
	"\"client_secret\":\"gr4ph\",\"scheduled\":%s}"


static void sync_put(struct world *w, const char *scheduled)
{
	char text[512];

	customer_put(w);
	(void)snprintf(text, sizeof(text), SYNC, scheduled);
	assert_int_equal(put(w, STORE_SYNC, text, STORE_NEW, NULL), 0);
}


static void test_how_microsoft_is_asked_is_kept_sealed(void **state)
{
	struct world *w = *state;
	struct seen seen = { .c = 0 };
	char *secret;

	sync_put(w, "true");
	assert_int_equal(store_get(w->st, STORE_SYNC, "acme", "acme",
				   see_object, &seen), 0);
	assert_non_null(strstr(seen.text, "acme.example"));
	assert_null(strstr(seen.text, "gr4ph"));
	assert_int_equal(store_secret(w->st, STORE_SYNC, "acme", "acme",
				      "client_secret", &secret), 0);
	assert_string_equal(secret, "gr4ph");
	seal_wipe(secret);

	/* the customer is still there when its sync is not */
	assert_int_equal(store_remove(w->st, STORE_SYNC, "acme", "acme",
				      STORE_ANY, &by), 0);
	assert_int_equal(store_secret(w->st, STORE_SYNC, "acme", "acme",
				      "client_secret", &secret), ENOENT);
	assert_int_equal(store_secret(w->st, STORE_USER, "acme",
				      "ann@acme.example", "sip_password",
				      &secret), 0);
	seal_wipe(secret);
	assert_int_equal(put(w, STORE_SYNC, "{\"directory_id\":\"common\"}",
			     STORE_ANY, NULL), EBADMSG);
}


static void test_one_node_runs_a_sync(void **state)
{
	struct world *w = *state;
	struct store *other;
	struct store_sync_job job;

	sync_put(w, "false");
	other = store_of(w, w->url);

	assert_int_equal(store_sync_claim(w->st, "n1", &job), ENOENT);
	assert_int_equal(store_sync_wish(w->st, "none", "run", &by), ENOENT);
	assert_int_equal(store_sync_wish(w->st, "acme", "run", &by), 0);
	assert_int_equal(store_sync_claim(w->st, "n1", &job), 0);
	assert_string_equal(job.tenant, "acme");
	assert_string_equal(job.wish, "run");
	assert_string_equal(job.who, "ann");
	store_sync_job_clear(&job);

	/* asked for again meanwhile: after it, not beside it */
	assert_int_equal(store_sync_wish(w->st, "acme", "test", &by), 0);
	assert_int_equal(store_sync_claim(other, "n2", &job), ENOENT);
	assert_int_equal(store_sync_claim(w->st, "n1", &job), ENOENT);
	assert_int_equal(store_sync_beat(other, "acme", "n2", "{}"), ESTALE);
	assert_int_equal(store_sync_beat(w->st, "acme", "n1", "{}"), 0);
	assert_int_equal(store_sync_end(w->st, "acme", "n1", "{}"), 0);
	assert_int_equal(store_sync_claim(other, "n2", &job), 0);
	assert_string_equal(job.wish, "test");
	store_sync_job_clear(&job);

	/* one that is silent for too long has lost it */
	assert_int_equal(raw(w, "UPDATE sync_states SET claim_until_ms = 1,"
			     " wish = 'run'"), 0);
	assert_int_equal(store_sync_claim(w->st, "n1", &job), 0);
	store_sync_job_clear(&job);
	assert_int_equal(store_sync_end(other, "acme", "n2", "{}"), ESTALE);
	mem_deref(other);
}


static void test_a_sync_comes_when_it_is_its_time(void **state)
{
	struct world *w = *state;
	struct store_sync_job job;

	sync_put(w, "true");
	assert_int_equal(store_sync_claim(w->st, "n1", &job), ENOENT);
	assert_int_equal(raw(w, "UPDATE sync_states SET ran_ms = ran_ms"
			     " - 6 * 3600000 - 2160001"), 0);
	assert_int_equal(store_sync_claim(w->st, "n1", &job), 0);
	assert_string_equal(job.wish, "");
	store_sync_job_clear(&job);
	assert_int_equal(store_sync_end(w->st, "acme", "n1", "{}"), 0);
	assert_int_equal(store_sync_claim(w->st, "n1", &job), ENOENT);
}


static void person_put(struct world *w, const char *id, const char *upn,
		       const char *why, bool left)
{
	const struct store_person person = {
		.id = id, .upn = upn, .name = "Bob Down", .why = why,
		.left = left, .data = "{}",
	};

	assert_int_equal(store_person_put(w->st, "acme", &person), 0);
}


static int see_line(const struct store_sync_line *line, void *arg)
{
	struct seen *seen = arg;

	++seen->c;
	(void)strcat(strcat(strcat(strcat(seen->names, line->upn), "="),
			    line->why), " ");

	return 0;
}


static void assert_lines(struct world *w, const char *want,
			 const struct store_sync_lines *which)
{
	struct seen seen = { .c = 0 };

	assert_int_equal(store_sync_lines(w->st, which, see_line, &seen), 0);
	assert_string_equal(seen.names, want);
}


static int see_why(const char *name, int64_t count, void *arg)
{
	struct seen *seen = arg;

	(void)snprintf(seen->text + strlen(seen->text), 64, "%s %d ", name,
		       (int)count);

	return 0;
}


static void test_users_and_people_are_told_together(void **state)
{
	struct world *w = *state;
	struct store_sync_lines all = { .tenant = "acme" };
	struct seen seen = { .c = 0 };
	char last[STORE_CURSOR_SIZE];

	sync_put(w, "true");
	assert_lines(w, "ann@acme.example=unknown ", &all);

	person_put(w, "1", "ANN@acme.example", "ready", false);
	person_put(w, "2", "bob@acme.example", "no_licence", false);
	person_put(w, "3", "cy@acme.example", "ready", false);
	assert_lines(w, "ann@acme.example=ready bob@acme.example=no_licence"
		     " cy@acme.example=no_pbx_account ", &all);
	assert_int_equal(store_sync_whys(w->st, "acme", see_why, &seen), 0);
	assert_string_equal(seen.text,
			    "no_licence 1 no_pbx_account 1 ready 1 ");

	all.limit = 1;
	all.last  = last;
	assert_lines(w, "ann@acme.example=ready ", &all);
	all.after = last;
	assert_lines(w, "bob@acme.example=no_licence ", &all);
	all.after = NULL;
	all.descending = true;
	assert_lines(w, "cy@acme.example=no_pbx_account ", &all);
	all.after = last;
	assert_lines(w, "bob@acme.example=no_licence ", &all);

	/* by what stands in the way, and its cursor */
	all.sort  = STORE_LINES_BY_WHY;
	all.after = NULL;
	assert_lines(w, "ann@acme.example=ready ", &all);
	all.after = last;
	assert_lines(w, "cy@acme.example=no_pbx_account ", &all);
	all.descending = false;
	assert_lines(w, "ann@acme.example=ready ", &all);
	all.after = "nonsense";
	assert_int_equal(store_sync_lines(w->st, &all, see_line, &seen),
			 EINVAL);
	all.sort  = STORE_LINES_BY_UPN;
	all.after = NULL;
	all.why   = "no_pbx_account";
	assert_lines(w, "cy@acme.example=no_pbx_account ", &all);
	all.why = NULL;
	all.q   = "Down";
	all.limit = 0;
	assert_lines(w, "bob@acme.example=no_licence"
		     " cy@acme.example=no_pbx_account ", &all);
	all.q = "o_n";
	assert_lines(w, "", &all);
	all.q = NULL;

	/* who has left is told while a user here has that name */
	person_put(w, "1", "ann@acme.example", "ready", true);
	person_put(w, "3", "cy@acme.example", "ready", true);
	assert_lines(w, "ann@acme.example=left"
		     " bob@acme.example=no_licence ", &all);
	person_put(w, "4", "ann@acme.example", "guest", false);
	assert_lines(w, "ann@acme.example=guest"
		     " bob@acme.example=no_licence ", &all);
	assert_int_equal(put(w, STORE_USER, ANN ",\"enabled\":false}",
			     STORE_ANY, NULL), 0);
	person_put(w, "4", "ann@acme.example", "ready", false);
	all.id = "4";
	assert_lines(w, "ann@acme.example=off ", &all);
}


static const struct CMUnitTest tests[] = {
	TEST(test_how_microsoft_is_asked_is_kept_sealed),
	TEST(test_one_node_runs_a_sync),
	TEST(test_a_sync_comes_when_it_is_its_time),
	TEST(test_users_and_people_are_told_together),
};


int main(void)
{
	return world_run(tests);
}
