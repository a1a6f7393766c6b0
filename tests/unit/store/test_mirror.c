/**
 * @file test_mirror.c  Customer files shown in the store
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/model/tenant.h"
#include "world.h"


static const struct store_by by = { "ann", NULL };


static struct tenant *tenant_of(const char *text)
{
	struct tenant *tenant = fields_item_alloc(&tenant_fields);
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(tenant);
	assert_non_null(json);
	assert_int_equal(fields_read_json(&tenant_fields, tenant, json, NULL,
					  NULL), 0);
	json_decref(json);

	return tenant;
}


#define HEAD(name) "{\"tenant\":\"" name "\",\"teams\":{\"fqdn\":\"" name \
	".sbc.example\"},"
#define PBX(name) "{\"name\":\"" name "\",\"country\":\"GB\"," \
	"\"sip_domain\":\"p.example\"}"
#define USER(upn, number, more) "{\"upn\":\"" upn "\",\"number\":\"+" number \
	"\",\"pbx\":\"hq\",\"sip_username\":\"1" number "\"," \
	"\"sip_password\":\"s3cret\"" more "}"


/** Files of these tenants, as they are shown. @return of the last step */
static int shown(struct world *w, const char *node, ...)
{
	struct list tenantl = LIST_INIT;
	const char *text;
	va_list ap;
	int err;

	va_start(ap, node);
	while ((text = va_arg(ap, const char *))) {
		struct tenant *tenant = tenant_of(text);

		list_append(&tenantl, &tenant->le, tenant);
	}
	va_end(ap);

	err = store_mirror_check(w->st, node, &tenantl, w->errs);
	if (!err)
		err = store_mirror_sweep(w->st, node, &tenantl);
	for (struct le *le = list_head(&tenantl); le && !err; le = le->next)
		err = store_mirror_tenant(w->st, node, le->data, w->errs);
	list_flush(&tenantl);

	return err;
}


static int row_h(const struct db_row *row, void *arg)
{
	struct mbuf *mb = arg;

	for (size_t i = 0; i < row->c; i++)
		assert_int_equal(mbuf_printf(mb, "%s|", row->textv[i] ?
					     row->textv[i] : "NULL"), 0);

	return mbuf_write_u8(mb, '\n');
}


/** A table as text. Not thread-safe, good until the next but one */
static const char *table(struct world *w, const char *sql)
{
	static char textv[2][8192];
	static unsigned turn;
	struct mbuf *mb = mbuf_alloc(1024);
	struct db *db = NULL;
	char *text = textv[++turn % 2], why[256];

	assert_int_equal(postgres_url ?
			 db_postgres_open(&db, w->url, why, sizeof(why)) :
			 db_sqlite_open(&db, w->url + 7, false, why,
					sizeof(why)), 0);
	assert_int_equal(db_query(db, sql, NULL, 0, row_h, mb), 0);
	(void)re_snprintf(text, sizeof(textv[0]), "%b", mb->buf, mb->end);
	mem_deref(db);
	mem_deref(mb);

	return text;
}


static const char users_sql[] = "SELECT tenant, upn, number, pbx,"
	" sip_username, enabled, search, revision, secrets, data FROM users"
	" ORDER BY tenant, upn";
static const char numbers_sql[] = "SELECT upn, number, revision FROM users"
	" ORDER BY tenant, upn";
static const char tenants_sql[] = "SELECT tenant, fqdn, managed FROM tenants"
	" ORDER BY tenant";


static const char three[] = HEAD("acme") "\"pbx\":[" PBX("hq") "],"
	"\"users\":[" USER("Ann@Acme.example", "44207946001", "")
	"," USER("bob@acme.example", "44207946002", ",\"name\":\"Bob \\\"B\\\" \xc3\x84"
	"\",\"enabled\":false")
	"," USER("cy@acme.example", "44207946003", ",\"sip_auth_username\":\"c\"")
	"]}";


/** As if somebody had put them in one by one */
static void put_by_hand(struct world *w, const char *text)
{
	struct tenant *tenant = tenant_of(text);
	json_t *json = json_pack("{s:s, s:{s:s}}", "tenant", tenant->tenant,
				 "teams", "fqdn", tenant->teams.fqdn);

	assert_int_equal(store_put(w->st, STORE_TENANT, tenant->tenant, json,
				   STORE_ANY, &by, w->errs, NULL), 0);
	json_decref(json);

	for (struct le *le = list_head(&tenant->pbxl); le; le = le->next) {
		json = fields_json(&pbx_fields, le->data, false);
		assert_int_equal(store_put(w->st, STORE_PBX, tenant->tenant,
					   json, STORE_ANY, &by, w->errs,
					   NULL), 0);
		json_decref(json);
	}

	for (struct le *le = list_head(&tenant->userl); le; le = le->next) {
		json = fields_json(&user_fields, le->data, false);
		assert_int_equal(store_put(w->st, STORE_USER, tenant->tenant,
					   json, STORE_ANY, &by, w->errs,
					   NULL), 0);
		json_decref(json);
	}

	mem_deref(tenant);
}


static void test_users_are_as_if_put_by_hand(void **state)
{
	struct world *w = *state;
	char *by_hand = NULL;

	put_by_hand(w, three);
	assert_int_equal(str_dup(&by_hand, table(w, users_sql)), 0);
	assert_int_equal(store_remove(w->st, STORE_TENANT, "acme", "acme",
				      STORE_ANY, &by), 0);
	assert_string_equal(table(w, users_sql), "");

	assert_int_equal(shown(w, "n1", three, NULL), 0);
	assert_string_equal(table(w, users_sql), by_hand);
	assert_null(strstr(by_hand, "s3cret"));
	assert_string_equal(table(w, tenants_sql),
			    "acme|acme.sbc.example|file:n1|\n");
	mem_deref(by_hand);
}


static void test_only_what_changed_is_put_anew(void **state)
{
	struct world *w = *state;
	int64_t stamp, later;

	assert_int_equal(shown(w, "n1", three, NULL), 0);
	assert_int_equal(store_stamp(w->st, &stamp), 0);
	assert_int_equal(shown(w, "n1", three, NULL), 0);
	assert_int_equal(store_stamp(w->st, &later), 0);
	assert_int_equal(stamp, later);

	/* numbers change hands, also to somebody who is new; one goes; the
	   PBX of old goes when nobody is there any more */
	assert_int_equal(shown(w, "n1", HEAD("acme") "\"pbx\":[" PBX("hq") ","
			       PBX("lab") "],\"users\":["
			       USER("ann@acme.example", "44207946002", "") ","
			       USER("bob@acme.example", "44207946001", "") ","
			       USER("dan@acme.example", "44207946003", "") "]}",
			       NULL), 0);
	assert_string_equal(table(w, numbers_sql),
			    "ann@acme.example|+44207946002|2|\n"
			    "bob@acme.example|+44207946001|2|\n"
			    "dan@acme.example|+44207946003|1|\n");
	assert_string_equal(table(w, "SELECT name FROM pbxs ORDER BY name"),
			    "hq|\nlab|\n");

	assert_int_equal(shown(w, "n1", HEAD("acme") "\"pbx\":[" PBX("lab")
			       "],\"users\":[]}", NULL), 0);
	assert_string_equal(table(w, users_sql), "");
	assert_string_equal(table(w, "SELECT name FROM pbxs"), "lab|\n");
}


/** The users of `three` with other passwords */
static char *other_passwords(void)
{
	char *text = NULL, *p;

	assert_int_equal(str_dup(&text, three), 0);
	while ((p = strstr(text, "s3cret")))
		memcpy(p, "0ther!", 6);

	return text;
}


/** Told by what somebody else has changed in the database: it stays as long
    as nobody looks */
static void test_what_was_shown_is_not_compared_again(void **state)
{
	static const char as_told[] = "ann@acme.example|+44207946001|1|\n"
		"bob@acme.example|+44207946002|1|\n"
		"cy@acme.example|+44207946003|1|\n";
	struct world *w = *state;
	char *others = other_passwords();
	const char *spoilt;

	assert_int_equal(shown(w, "n1", three, NULL), 0);
	assert_string_equal(table(w, numbers_sql), as_told);
	(void)table(w, "UPDATE users SET data = '{}'");
	spoilt = "cy@acme.example|{}|\n";

	assert_int_equal(shown(w, "n1", three, NULL), 0);
	assert_int_equal(shown(w, "n2", three, NULL), 0);
	assert_string_equal(table(w, "SELECT upn, data FROM users"
				  " WHERE upn LIKE 'cy%'"), spoilt);
	assert_string_equal(table(w, tenants_sql),
			    "acme|acme.sbc.example|file:n2|\n");

	/* passwords are not shown, and nobody can guess at them */
	assert_int_equal(shown(w, "n1", others, NULL), 0);
	assert_string_equal(table(w, "SELECT upn, data FROM users"
				  " WHERE upn LIKE 'cy%'"), spoilt);

	/* another version has shown it; one who is new is a change */
	(void)table(w, "UPDATE tenants SET shown = '0.0.9 10 0123'");
	assert_int_equal(shown(w, "n1", three, NULL), 0);
	assert_null(strstr(table(w, users_sql), "{}"));
	assert_int_equal(shown(w, "n1", HEAD("acme") "\"pbx\":[" PBX("hq")
			       "],\"users\":["
			       USER("dan@acme.example", "44207946004", "")
			       "]}", NULL), 0);
	assert_string_equal(table(w, numbers_sql),
			    "dan@acme.example|+44207946004|1|\n");

	/* gone, and there again */
	assert_int_equal(shown(w, "n1", NULL), 0);
	assert_int_equal(shown(w, "n1", three, NULL), 0);
	assert_string_equal(table(w, numbers_sql), as_told);
	mem_deref(others);
}


static void test_names_change_hands(void **state)
{
	struct world *w = *state;

	assert_int_equal(shown(w, "n1", HEAD("acme") "\"pbx\":[]}",
			       HEAD("bolt") "\"pbx\":[]}", NULL), 0);
	assert_int_equal(shown(w, "n1",
			       "{\"tenant\":\"acme\",\"teams\":{\"fqdn\":"
			       "\"bolt.sbc.example\"}}",
			       "{\"tenant\":\"cog\",\"teams\":{\"fqdn\":"
			       "\"acme.sbc.example\"}}", NULL), 0);
	assert_string_equal(table(w, tenants_sql),
			    "acme|bolt.sbc.example|file:n1|\n"
			    "cog|acme.sbc.example|file:n1|\n");

	/* another bridge with the same file, and one without */
	assert_int_equal(shown(w, "n2", HEAD("cog") "\"pbx\":[]}", NULL), 0);
	assert_int_equal(shown(w, "n1", NULL), 0);
	assert_string_equal(table(w, tenants_sql),
			    "cog|cog.sbc.example|file:n2|\n");
}


static void test_what_the_store_has_is_not_taken(void **state)
{
	struct world *w = *state;
	const char *before;

	put_by_hand(w, three);
	before = table(w, tenants_sql);
	assert_int_equal(shown(w, "n1", HEAD("acme") "\"pbx\":[]}",
			       "{\"tenant\":\"bolt\",\"teams\":{\"fqdn\":"
			       "\"ACME.sbc.example\"}}", NULL), EEXIST);
	assert_int_equal(errors_count(w->errs), 1);
	assert_non_null(strstr(errors_get(w->errs, 0)->message,
			       "callbridge rm tenant acme"));

	assert_int_equal(shown(w, "n1", "{\"tenant\":\"bolt\",\"teams\":{"
			       "\"fqdn\":\"ACME.sbc.example\"}}", NULL),
			 EEXIST);
	assert_int_equal(errors_count(w->errs), 2);
	assert_non_null(strstr(errors_get(w->errs, 1)->message,
			       "also that of \"acme\""));
	assert_string_equal(table(w, tenants_sql), before);
}


static const struct CMUnitTest tests[] = {
	TEST(test_users_are_as_if_put_by_hand),
	TEST(test_only_what_changed_is_put_anew),
	TEST(test_what_was_shown_is_not_compared_again),
	TEST(test_names_change_hands),
	TEST(test_what_the_store_has_is_not_taken),
};


int main(void)
{
	return world_run(tests);
}
