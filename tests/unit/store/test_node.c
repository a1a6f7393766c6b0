/**
 * @file test_node.c  Several bridges on one store: who serves which PBX
 *
 * Each test runs on both databases, though bridges share PostgreSQL alone.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "bridge/base/field.h"
#include "bridge/base/libre.h"
#include "bridge/store/db.h"
#include "bridge/store/store.h"
#include "folder.h"
#include "postgres.h"
#include "world.h"


static const struct store_by by = { "ann", NULL };
static const struct strings none;

static struct store_node a = { .name = "a", .run = "1", .software = "x" };
static struct store_node b = { .name = "b", .run = "2", .software = "x" };

static char held[256];


static int see(const char *tenant, const char *pbx, void *arg)
{
	const size_t l = strlen(held);

	(void)arg;
	(void)re_snprintf(held + l, sizeof(held) - l, "%s%s/%s", l ? " " : "",
			  tenant, pbx);

	return 0;
}


static void assert_beat(struct world *w, const struct store_node *node,
			const struct strings *files, const char *want)
{
	*held = '\0';
	assert_int_equal(store_node_beat(w->st, node, files, see, NULL), 0);
	assert_string_equal(held, want);
}


static void pbx_put(struct world *w, const char *tenant, const char *name)
{
	json_t *value = json_pack("{s:s, s:s, s:s, s:s}", "name", name,
				  "template", "generic", "sip_domain",
				  "pbx.example", "sip_proxy", "192.0.2.9");

	assert_int_equal(store_put(w->st, STORE_PBX, tenant, value, STORE_ANY,
				   &by, w->errs, NULL), 0);
	json_decref(value);
}


static void customer_put(struct world *w, const char *tenant)
{
	char fqdn[64];
	json_t *value;

	(void)re_snprintf(fqdn, sizeof(fqdn), "%s.sbc.example.com", tenant);
	value = json_pack("{s:s, s:{s:s}}", "tenant", tenant, "teams", "fqdn",
			  fqdn);
	assert_int_equal(store_put(w->st, STORE_TENANT, tenant, value,
				   STORE_ANY, &by, w->errs, NULL), 0);
	json_decref(value);
	pbx_put(w, tenant, "hq");
}


static void sql(struct world *w, const char *text)
{
	struct db *db = NULL;
	char why[256];

	if (postgres_url)
		assert_int_equal(db_postgres_open(&db, w->url, why,
						  sizeof(why)), 0);
	else
		assert_int_equal(db_sqlite_open(&db, w->url + 7, false, why,
						sizeof(why)), 0);
	assert_int_equal(db_query(db, text, NULL, 0, NULL, NULL), 0);
	mem_deref(db);
}


static int setup(void **state)
{
	a.draining = b.draining = false;
	a.since_ms = b.since_ms = 1;

	return world_make(state);
}


#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_remove)


static void test_who_comes_first_has_it(void **state)
{
	struct world *w = *state;

	customer_put(w, "acme");
	assert_beat(w, &a, &none, "acme/hq");
	assert_beat(w, &b, &none, "");
	assert_beat(w, &a, &none, "acme/hq");

	/* what is new is whose beat is next */
	customer_put(w, "zeta");
	assert_beat(w, &b, &none, "zeta/hq");
	assert_beat(w, &a, &none, "acme/hq");
}


static void test_who_is_silent_loses_it(void **state)
{
	struct world *w = *state;

	customer_put(w, "acme");
	customer_put(w, "beta");
	assert_beat(w, &a, &none, "acme/hq beta/hq");
	assert_beat(w, &b, &none, "");

	sql(w, "UPDATE nodes SET until_ms = 1 + until_ms - 5000 WHERE"
	    " node = 'a'");
	assert_beat(w, &b, &none, "acme/hq beta/hq");

	/* it is there again, and finds out; b keeps what it has */
	assert_beat(w, &a, &none, "");
	assert_beat(w, &b, &none, "acme/hq beta/hq");
}


static void test_who_goes_hands_over(void **state)
{
	struct world *w = *state;

	customer_put(w, "acme");
	assert_beat(w, &a, &none, "acme/hq");

	/* until another takes it, it stays; what is new it does not take */
	a.draining = true;
	customer_put(w, "beta");
	assert_beat(w, &a, &none, "acme/hq");
	assert_beat(w, &b, &none, "acme/hq beta/hq");
	assert_beat(w, &a, &none, "");

	assert_int_equal(store_node_leave(w->st, &b), 0);
	a.draining = false;
	assert_beat(w, &a, &none, "acme/hq beta/hq");
}


static int see_node(const struct store_node *node, void *arg)
{
	char *text = arg;
	const size_t l = strlen(text);

	(void)re_snprintf(text + l, 256 - l, "%s %s%s%zu;", node->name,
			  node->alive ? "up " : "gone ",
			  node->draining ? "draining " : "", node->pbxs);

	return 0;
}


static void test_who_is_told_to_hand_over_does(void **state)
{
	struct world *w = *state;
	char text[256] = "";

	customer_put(w, "acme");
	assert_beat(w, &a, &none, "acme/hq");
	assert_int_equal(store_node_drain(w->st, "c", true, &by), ENOENT);
	assert_int_equal(store_node_drain(w->st, "a", true, &by), EBUSY);

	/* it runs on and says so; the other one takes over, and keeps */
	assert_beat(w, &b, &none, "");
	assert_int_equal(store_node_drain(w->st, "a", true, &by), 0);
	assert_beat(w, &a, &none, "acme/hq");
	assert_int_equal(store_nodes(w->st, see_node, text), 0);
	assert_string_equal(text, "a up draining 1;b up 0;");
	assert_beat(w, &b, &none, "acme/hq");
	assert_beat(w, &a, &none, "");
	assert_int_equal(store_node_drain(w->st, "b", true, &by), EBUSY);

	/* until it shall no more, or begins anew */
	customer_put(w, "beta");
	assert_beat(w, &a, &none, "");
	assert_int_equal(store_node_drain(w->st, "a", false, &by), 0);
	assert_beat(w, &a, &none, "beta/hq");
	assert_int_equal(store_node_drain(w->st, "a", true, &by), 0);
	++a.since_ms;
	assert_beat(w, &b, &none, "acme/hq");
	assert_beat(w, &a, &none, "beta/hq");
	customer_put(w, "zeta");
	assert_beat(w, &a, &none, "beta/hq zeta/hq");
}


static void test_a_name_is_one_node_s(void **state)
{
	struct store_node twin = a;
	struct world *w = *state;

	customer_put(w, "acme");
	assert_beat(w, &a, &none, "acme/hq");

	twin.run = "3";
	assert_int_equal(store_node_beat(w->st, &twin, &none, see, NULL),
			 EADDRINUSE);
	assert_int_equal(store_node_leave(w->st, &twin), 0);

	/* after a crash it comes back as what it was */
	assert_beat(w, &a, &none, "acme/hq");

	sql(w, "UPDATE nodes SET until_ms = 5");
	assert_beat(w, &twin, &none, "acme/hq");
}


/** A customer of a file is served where the file is */
static void test_customers_of_files(void **state)
{
	struct strings files = { NULL, 0 };
	struct world *w = *state;

	customer_put(w, "acme");
	customer_put(w, "file");
	sql(w, "UPDATE tenants SET managed = 'file:b' WHERE tenant ="
	    " 'file'");
	assert_int_equal(strings_add(&files, "file"), 0);

	assert_beat(w, &a, &none, "acme/hq");
	assert_beat(w, &b, &files, "file/hq");
	strings_clear(&files);
}


static void test_what_is_removed_is_nobody_s(void **state)
{
	struct world *w = *state;

	customer_put(w, "acme");
	pbx_put(w, "acme", "two");
	assert_beat(w, &a, &none, "acme/hq acme/two");
	assert_int_equal(store_remove(w->st, STORE_PBX, "acme", "hq",
				      STORE_ANY, &by), 0);
	assert_beat(w, &a, &none, "acme/two");

	/* made again it is as new */
	pbx_put(w, "acme", "hq");
	assert_beat(w, &b, &none, "acme/hq");
}


static int see_place(const char *tenant, const char *pbx, const char *node,
		     int64_t since_ms, void *arg)
{
	char *text = arg;
	const size_t l = strlen(text);

	assert_true(since_ms > 1700000000000);
	(void)re_snprintf(text + l, 256 - l, "%s/%s at %s;", tenant, pbx,
			  node);

	return 0;
}


static void test_nodes_are_told(void **state)
{
	struct world *w = *state;
	char text[256] = "";

	customer_put(w, "acme");
	assert_beat(w, &a, &none, "acme/hq");
	b.draining = true;
	assert_beat(w, &b, &none, "");
	assert_int_equal(store_nodes(w->st, see_node, text), 0);
	assert_string_equal(text, "a up 1;b up draining 0;");

	*text = '\0';
	assert_int_equal(store_places(w->st, NULL, see_place, text), 0);
	assert_string_equal(text, "acme/hq at a;");
	*text = '\0';
	assert_int_equal(store_places(w->st, "other", see_place, text), 0);
	assert_string_equal(text, "");

	sql(w, "UPDATE nodes SET until_ms = until_ms - 5000 WHERE node ="
	    " 'a'");
	assert_int_equal(store_nodes(w->st, see_node, text), 0);
	assert_string_equal(text, "a gone 1;b up draining 0;");

	/* after a day it is forgotten */
	sql(w, "UPDATE nodes SET until_ms = until_ms - 86400000 WHERE node ="
	    " 'a'");
	assert_beat(w, &b, &none, "");
	*text = '\0';
	assert_int_equal(store_nodes(w->st, see_node, text), 0);
	assert_string_equal(text, "b up draining 0;");
}


static const struct CMUnitTest tests[] = {
	NODE_TEST(test_who_comes_first_has_it),
	NODE_TEST(test_who_is_silent_loses_it),
	NODE_TEST(test_who_goes_hands_over),
	NODE_TEST(test_who_is_told_to_hand_over_does),
	NODE_TEST(test_a_name_is_one_node_s),
	NODE_TEST(test_customers_of_files),
	NODE_TEST(test_what_is_removed_is_nobody_s),
	NODE_TEST(test_nodes_are_told),
};


int main(void)
{
	return world_run(tests);
}
