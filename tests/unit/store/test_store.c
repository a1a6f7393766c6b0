/**
 * @file test_store.c  The store, on SQLite and on PostgreSQL
 *
 * Each test runs on both. On PostgreSQL each has a database of its own.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/store/db.h"
#include "bridge/store/journal.h"
#include "bridge/store/seal.h"
#include "bridge/store/store.h"
#include "bridge/store/store_core.h"
#include "acme.h"
#include "kills.h"


/* Values */


static int see_value(const struct json_t *value, void *arg)
{
	struct seen *seen = arg;
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

	str_ncpy(seen->text, text, sizeof(seen->text));
	free(text);
	++seen->c;

	return 0;
}


/* Opening */


static void test_tables_are_made_once(void **state)
{
	struct world *w = *state;
	int64_t version = 0;

	customer_put(w);
	assert_int_equal(store_migrate(w->st, w->errs), 0);
	assert_int_equal(store_version(again(w), &version), 0);
	assert_int_equal(version, SCHEMA_VERSION);
	assert_secret(w, "s3cret");
}


static void test_a_newer_store_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(raw(w, "INSERT INTO schema_version VALUES (99, 0)"),
			 0);
	assert_int_equal(store_migrate(w->st, w->errs), EPROTO);
	assert_int_equal(errors_count(w->errs), 1);
	assert_non_null(strstr(errors_get(w->errs, 0)->message,
			       "version 99"));
}


static void test_half_a_migration_is_none(void **state)
{
	struct world *w = *state;
	struct store *st;
	char url[256];
	int64_t version;

	url_make(w, url, sizeof(url), "other.db");
	str_ncpy(w->url, url, sizeof(w->url));
	assert_int_equal(store_open(&st, url, true, NULL, w->errs), 0);

	/* a table of somebody else's is in the way of a later one of ours */
	assert_int_equal(raw(w, "CREATE TABLE calls (a TEXT)"), 0);
	assert_int_equal(store_migrate(st, w->errs), EIO);
	assert_int_not_equal(store_version(st, &version), 0);
	assert_int_not_equal(raw(w, "SELECT 1 FROM tenants"), 0);

	assert_int_equal(raw(w, "DROP TABLE calls"), 0);
	assert_int_equal(store_migrate(st, w->errs), 0);
	mem_deref(st);
}


static void test_a_store_that_has_gone_is_not_made_anew(void **state)
{
	struct world *w = *state;
	struct store *st;

	if (postgres_url) {
		assert_int_equal(store_open(&st, "postgresql://x@/gone?host="
					    "/nowhere", true, NULL, w->errs),
				 ECONNREFUSED);
		return;
	}

	(void)re_snprintf(w->url, sizeof(w->url), "sqlite:%s",
			  path_of(w, "gone.db"));
	assert_int_equal(store_open(&st, w->url, false, NULL, w->errs),
			 ENOENT);
	assert_int_equal(store_open(&st, "mysql://x", true, NULL, w->errs),
			 EINVAL);
}


static void test_a_file_that_others_may_read_is_refused(void **state)
{
	struct world *w = *state;
	struct store *st;
	struct stat entry;

	if (postgres_url)
		return;

	customer_put(w);
	assert_int_equal(stat(w->url + 7, &entry), 0);
	assert_int_equal(entry.st_mode & 0777, 0600);
	assert_int_equal(stat(path_of(w, "store.db-wal"), &entry), 0);
	assert_int_equal(entry.st_mode & 0777, 0600);

	assert_int_equal(chmod(w->url + 7, 0640), 0);
	assert_int_equal(store_open(&st, w->url, false, NULL, w->errs),
			 EACCES);
}


static void connections_cut(const struct world *w)
{
	(void)raw(w, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
		  " WHERE pid <> pg_backend_pid()"
		  " AND datname = current_database()");
}


static void test_a_lost_connection_is_made_again(void **state)
{
	struct world *w = *state;
	struct seen seen = { .c = 0 };
	int err;

	if (!postgres_url)
		return;

	customer_put(w);
	connections_cut(w);

	err = store_list(w->st, STORE_USER, "acme", NULL, 0, see_object,
			 &seen);
	if (err) {
		assert_int_equal(err, ECONNRESET);
		err = store_list(w->st, STORE_USER, "acme", NULL, 0,
				 see_object, &seen);
	}

	assert_int_equal(err, 0);
	assert_int_equal(seen.c, 1);
}


static int see_utf8(const struct db_row *row, void *arg)
{
	*(bool *)arg = !strcmp(row->textv[0], "UTF8");

	return 0;
}


static void test_names_are_utf8_on_a_connection_made_again(void **state)
{
	static const char sql[] = "SELECT current_setting('client_encoding')";
	struct world *w = *state;
	struct db *db = NULL;
	bool utf8 = false;
	char why[256];
	int err;

	if (!postgres_url)
		return;

	assert_int_equal(raw(w, "DO $$ BEGIN EXECUTE 'ALTER DATABASE '"
			     " || current_database() || ' SET"
			     " client_encoding = LATIN1'; END $$"), 0);
	assert_int_equal(db_postgres_open(&db, w->url, why, sizeof(why)), 0);
	assert_int_equal(db_query(db, sql, NULL, 0, see_utf8, &utf8), 0);
	assert_true(utf8);

	connections_cut(w);
	err = db_query(db, sql, NULL, 0, see_utf8, &utf8);
	if (err)
		err = db_query(db, sql, NULL, 0, see_utf8, &utf8);
	assert_int_equal(err, 0);
	assert_true(utf8);
	mem_deref(db);
}


static int bump(struct db *db)
{
	return db_do(db, "UPDATE changes SET stamp = stamp + 1 WHERE"
		     " name = $1", DB_TEXT("config"));
}


static int see_number(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


static void test_what_the_server_forgot_is_prepared_again(void **state)
{
	struct world *w = *state;
	struct db *db = NULL;
	int64_t before = 0, after = 0, prepared = 0;
	char why[256];

	if (!postgres_url)
		return;

	assert_int_equal(store_stamp(w->st, &before), 0);
	assert_int_equal(db_postgres_open(&db, w->url, why, sizeof(why)), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(bump(db), 0);
	assert_int_equal(db_query(db, "SELECT COUNT(*) FROM"
				  " pg_prepared_statements", NULL, 0,
				  see_number, &prepared), 0);
	assert_int_equal(prepared, 1);

	/* as a pool of connections does that lends another one */
	assert_int_equal(db_query(db, "DEALLOCATE ALL", NULL, 0, NULL, NULL),
			 0);
	assert_int_equal(bump(db), ECONNRESET);
	assert_int_equal(bump(db), 0);
	assert_int_equal(bump(db), 0);
	mem_deref(db);

	assert_int_equal(store_stamp(w->st, &after), 0);
	assert_int_equal(after, before + 5);
}


/* Objects */


static int see_stamp(const char *tenant, int64_t stamp, void *arg)
{
	if (!strcmp(tenant, "acme"))
		*(int64_t *)arg = stamp;

	return 0;
}


static void test_a_customer_made_anew_at_once_is_told_of(void **state)
{
	static const char acme[] = "{\"tenant\":\"acme\",\"teams\":{\"fqdn\":"
		"\"acme.sbc.example\"}}";
	struct world *w = *state;
	int64_t newest = 0, stamp = -1;

	assert_int_equal(store_begin(w->st), 0);
	assert_int_equal(put(w, STORE_TENANT, acme, STORE_NEW, NULL), 0);
	assert_int_equal(store_remove(w->st, STORE_TENANT, "acme", "acme",
				      STORE_ANY, &by), 0);
	assert_int_equal(put(w, STORE_TENANT, acme, STORE_NEW, NULL), 0);
	assert_int_equal(store_end(w->st, 0), 0);

	assert_int_equal(store_stamp(w->st, &newest), 0);
	assert_int_equal(store_tenant_stamps(w->st, see_stamp, &stamp), 0);
	assert_int_equal(stamp, newest);
}


static void test_what_is_put_is_got_without_its_secret(void **state)
{
	struct world *w = *state;
	struct seen seen = { .c = 0 };

	customer_put(w);
	assert_int_equal(store_get(again(w), STORE_USER, "acme",
				   "ANN@acme.example", see_object, &seen), 0);
	assert_string_equal(seen.text, "{\"number\":\"+442079460018\","
			    "\"pbx\":\"london\",\"sip_username\":\"101\","
			    "\"upn\":\"Ann@acme.example\"}");
	assert_int_equal(seen.revision, 1);

	assert_int_equal(store_get(w->st, STORE_PBX, "acme", "london",
				   see_object, &seen), 0);
	assert_non_null(strstr(seen.text, "{\"expires\":\"30m\"}"));
	assert_int_equal(store_get(w->st, STORE_PBX, "acme", "paris",
				   see_object, &seen), ENOENT);
	assert_int_equal(store_get(w->st, STORE_TENANT, "acme", "acme",
				   see_object, &seen), 0);
}


static void test_a_secret_stays_until_it_is_set_or_removed(void **state)
{
	struct world *w = *state;
	char *secret;

	customer_put(w);
	assert_int_equal(put(w, STORE_USER, ANN ",\"enabled\":false}",
			     STORE_ANY, NULL), 0);
	assert_secret(w, "s3cret");

	assert_int_equal(put(w, STORE_USER, ANN ",\"sip_password\":\"other\""
			     "}", STORE_ANY, NULL), 0);
	assert_secret(w, "other");

	assert_int_equal(put(w, STORE_USER, ANN ",\"sip_password\":null}",
			     STORE_ANY, NULL), 0);
	assert_int_equal(store_secret(w->st, STORE_USER, "acme",
				      "ann@acme.example", "sip_password",
				      &secret), ENOENT);
}


static void test_only_what_was_read_is_replaced(void **state)
{
	struct world *w = *state;
	int64_t revision = 0;

	customer_put(w);
	assert_int_equal(put(w, STORE_USER, ANN "}", STORE_NEW, NULL),
			 ESTALE);
	assert_int_equal(put(w, STORE_USER, ANN "}", 1, &revision), 0);
	assert_int_equal(revision, 2);
	assert_int_equal(put(w, STORE_USER, ANN "}", 1, NULL), ESTALE);
	assert_int_equal(store_remove(w->st, STORE_USER, "acme",
				      "ann@acme.example", 1, &by), ESTALE);
	assert_int_equal(store_remove(w->st, STORE_USER, "acme",
				      "ann@acme.example", 2, &by), 0);
	assert_int_equal(put(w, STORE_USER, ANN "}", 2, NULL), ESTALE);
}


static void assert_refused(struct world *w, enum store_kind kind,
			   const char *text, int want, const char *field)
{
	const size_t c = errors_count(w->errs);

	assert_int_equal(put(w, kind, text, STORE_ANY, NULL), want);
	assert_int_equal(errors_count(w->errs), c + 1);
	assert_string_equal(errors_get(w->errs, c)->field, field);
}


static void test_what_is_wrong_is_refused(void **state)
{
	struct world *w = *state;

	customer_put(w);
	assert_refused(w, STORE_USER, ANN ",\"enabled\":7}", EBADMSG,
		       "enabled");
	assert_refused(w, STORE_USER, ANN ",\"colour\":\"red\"}", EBADMSG,
		       "colour");
	assert_refused(w, STORE_USER, "{\"upn\":\"bob@acme.example\","
		       "\"number\":\"102\",\"pbx\":\"london\"}", EBADMSG,
		       "sip_username");
	assert_refused(w, STORE_USER, "{\"upn\":\"bob@acme.example\","
		       "\"number\":\"+442079460018\",\"pbx\":\"london\","
		       "\"sip_username\":\"1\"}", EEXIST, "number");
	assert_refused(w, STORE_USER, "{\"upn\":\"bob@acme.example\","
		       "\"number\":\"102\",\"pbx\":\"paris\","
		       "\"sip_username\":\"1\"}", ENOENT, "pbx");
	assert_refused(w, STORE_TENANT, "{\"tenant\":\"other\",\"teams\":"
		       "{\"fqdn\":\"o.sbc.example\"}}", EBADMSG, "tenant");
	assert_refused(w, STORE_TENANT, "{\"tenant\":\"acme\",\"teams\":"
		       "{\"fqdn\":\"a.sbc.example\"},\"users\":[]}", EBADMSG,
		       "users");
}


static void test_a_list_goes_on_where_it_was_left(void **state)
{
	struct world *w = *state;
	struct seen seen = { .c = 0 };
	char text[256];

	customer_put(w);
	for (unsigned i = 0; i < 5; i++) {
		(void)re_snprintf(text, sizeof(text), "{\"upn\":\"u%u@acme."
				  "example\",\"number\":\"20%u\",\"pbx\":"
				  "\"london\",\"sip_username\":\"%u\"}", i,
				  i, i);
		assert_int_equal(put(w, STORE_USER, text, STORE_NEW, NULL),
				 0);
	}

	assert_int_equal(store_list(w->st, STORE_USER, "acme",
				    "U1@acme.example", 2, see_object, &seen),
			 0);
	assert_string_equal(seen.names, "u2@acme.example u3@acme.example ");

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(store_list(w->st, STORE_USER, "acme", NULL, 0,
				    see_object, &seen), 0);
	assert_int_equal(seen.c, 6);

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(store_list(w->st, STORE_USER, "other", NULL, 0,
				    see_object, &seen), 0);
	assert_int_equal(seen.c, 0);
	assert_int_equal(store_list(w->st, STORE_TENANT, NULL, NULL, 0,
				    see_object, &seen), 0);
	assert_string_equal(seen.names, "acme ");
}


static void test_a_tenant_goes_with_all_it_has(void **state)
{
	struct world *w = *state;
	struct seen seen = { .c = 0 };
	char *secret;

	customer_put(w);
	assert_int_equal(store_remove(w->st, STORE_PBX, "acme", "london",
				      STORE_ANY, &by), ENOTEMPTY);
	assert_int_equal(store_remove(w->st, STORE_TENANT, "acme", "acme",
				      STORE_ANY, &by), 0);
	assert_int_equal(store_get(w->st, STORE_USER, "acme",
				   "ann@acme.example", see_object, &seen),
			 ENOENT);
	assert_int_equal(store_secret(w->st, STORE_USER, "acme",
				      "ann@acme.example", "sip_password",
				      &secret), ENOENT);

	/* who comes after does not find what was left */
	customer_put(w);
	assert_int_equal(store_remove(w->st, STORE_USER, "acme",
				      "ann@acme.example", STORE_ANY, &by), 0);
	assert_int_equal(put(w, STORE_USER, ANN "}", STORE_NEW, NULL), 0);
	assert_int_equal(store_secret(w->st, STORE_USER, "acme",
				      "ann@acme.example", "sip_password",
				      &secret), ENOENT);
}


static void test_without_keys_no_secret_is_kept(void **state)
{
	struct world *w = *state;
	struct seen seen = { .c = 0 };

	w->ring = mem_deref(w->ring);
	(void)again(w);
	assert_int_equal(put(w, STORE_TENANT, "{\"tenant\":\"acme\","
			     "\"teams\":{\"fqdn\":\"a.sbc.example\"}}",
			     STORE_NEW, NULL), 0);
	assert_int_equal(put(w, STORE_PBX, "{\"name\":\"london\"}",
			     STORE_NEW, NULL), 0);
	assert_int_equal(put(w, STORE_USER, ANN ",\"sip_password\":\"x\"}",
			     STORE_NEW, NULL), ENOKEY);

	/* nor half of the user */
	assert_int_equal(store_get(w->st, STORE_USER, "acme",
				   "ann@acme.example", see_object, &seen),
			 ENOENT);
}


static void test_a_moved_secret_does_not_open(void **state)
{
	struct world *w = *state;
	char *secret;

	customer_put(w);
	assert_int_equal(put(w, STORE_USER, "{\"upn\":\"bob@acme.example\","
			     "\"number\":\"102\",\"pbx\":\"london\","
			     "\"sip_username\":\"1\"}", STORE_NEW, NULL), 0);
	assert_int_equal(raw(w, "UPDATE secrets SET"
			     " name = 'bob@acme.example'"), 0);
	assert_int_equal(store_secret(w->st, STORE_USER, "acme",
				      "bob@acme.example", "sip_password",
				      &secret), EBADMSG);
}


static void test_keys_change_without_a_secret_lost(void **state)
{
	struct world *w = *state;
	size_t c = 0;

	customer_put(w);
	assert_int_equal(keyring_rotate(path_of(w, "key")), 0);
	w->ring = mem_deref(w->ring);
	assert_int_equal(keyring_load(&w->ring, path_of(w, "key")), 0);

	assert_int_equal(store_reseal(again(w), &c), 0);
	assert_int_equal(c, 1);
	assert_int_equal(store_reseal(w->st, &c), 0);
	assert_int_equal(c, 0);

	assert_int_equal(keyring_prune(path_of(w, "key")), 0);
	w->ring = mem_deref(w->ring);
	assert_int_equal(keyring_load(&w->ring, path_of(w, "key")), 0);
	(void)again(w);
	assert_secret(w, "s3cret");
}


/* Audit */


struct entries {
	size_t c;
	char text[8192];
};


static int see_audit(const struct store_audit *entry, void *arg)
{
	struct entries *entries = arg;
	const size_t l = strlen(entries->text);

	(void)re_snprintf(entries->text + l, sizeof(entries->text) - l,
			  "%s %s %s %s %s %s|", entry->who, entry->action,
			  entry->kind, entry->name,
			  entry->before ? entry->before : "-",
			  entry->after ? entry->after : "-");
	++entries->c;

	return 0;
}


static void test_each_change_is_told_without_secrets(void **state)
{
	struct store_span span = { .tenant = "acme" };
	struct world *w = *state;
	struct entries entries = { .c = 0 };

	customer_put(w);
	assert_int_equal(put(w, STORE_USER, ANN ",\"enabled\":false}", 1,
			     NULL), 0);
	assert_int_equal(put(w, STORE_USER, ANN "}", 1, NULL), ESTALE);
	assert_int_equal(store_remove(w->st, STORE_USER, "acme",
				      "ann@acme.example", 2, &by), 0);

	assert_int_equal(store_audit_list(w->st, &span, see_audit, &entries),
			 0);
	assert_int_equal(entries.c, 5);
	assert_non_null(strstr(entries.text, "ann create user"
			       " ann@acme.example - {"));
	assert_non_null(strstr(entries.text, "\"sip_password\":\"********\""
			       ));
	assert_non_null(strstr(entries.text, "ann change user"));
	assert_non_null(strstr(entries.text, "ann remove user"));
	assert_null(strstr(entries.text, "s3cret"));

	/* of what is called so, whatever the case; % is no more than itself */
	memset(&entries, 0, sizeof(entries));
	span.name = "ANN@";
	assert_int_equal(store_audit_list(w->st, &span, see_audit, &entries),
			 0);
	assert_int_equal(entries.c, 3);
	span.name = "%";
	assert_int_equal(store_audit_list(w->st, &span, see_audit, &entries),
			 0);
	assert_int_equal(entries.c, 3);
}


/* Tokens and admins */


static void test_tokens_stand_for_what_they_were_made_for(void **state)
{
	struct world *w = *state;
	struct store_grant grant = { .name = "ci",
		.role = STORE_TENANT_VIEWER, .tenant = "acme" };
	struct store_grant got = { .name = "" };
	char token[STORE_TOKEN_SIZE], other[STORE_TOKEN_SIZE];

	assert_int_equal(store_token_make(w->st, &grant, &by, token), ENOENT);
	customer_put(w);
	assert_int_equal(store_token_make(w->st, &grant, &by, token), 0);
	assert_int_equal(strlen(token), STORE_TOKEN_SIZE - 2);
	assert_int_equal(store_token_make(w->st, &grant, &by, other),
			 EEXIST);

	assert_int_equal(store_token_check(again(w), token, &got), 0);
	assert_string_equal(got.name, "ci");
	assert_string_equal(got.tenant, "acme");
	assert_int_equal(got.role, STORE_TENANT_VIEWER);

	token[10] = token[10] == 'A' ? 'B' : 'A';
	assert_int_equal(store_token_check(w->st, token, &got), ENOENT);

	grant.role = STORE_MSP_ADMIN;
	assert_int_equal(store_token_make(w->st, &grant, &by, other), EINVAL);

	str_ncpy(grant.name, "old", sizeof(grant.name));
	*grant.tenant = '\0';
	grant.expires_ms = 1;
	assert_int_equal(store_token_make(w->st, &grant, &by, other), 0);
	assert_int_equal(store_token_check(w->st, other, &got), ENOENT);
	assert_int_equal(store_token_remove(w->st, "old", &by), 0);
	assert_int_equal(store_token_remove(w->st, "old", &by), ENOENT);
}


static void test_a_tenant_sees_its_own_audit_alone(void **state)
{
	const struct store_span span = { .tenant = "acme", .limit = 2 };
	struct world *w = *state;
	struct store_grant grant = { .name = "ci",
		.role = STORE_TENANT_VIEWER, .tenant = "acme" };
	struct entries entries = { .c = 0 };
	char token[STORE_TOKEN_SIZE];

	customer_put(w);
	assert_int_equal(store_token_make(w->st, &grant, &by, token), 0);
	assert_int_equal(store_token_remove(w->st, "ci", &by), 0);
	grant = (struct store_grant){ .name = "msp",
		.role = STORE_MSP_ADMIN };
	assert_int_equal(store_token_make(w->st, &grant, &by, token), 0);
	assert_int_equal(store_token_remove(w->st, "msp", &by), 0);

	assert_int_equal(store_audit_list(w->st, &span, see_audit, &entries),
			 0);
	assert_int_equal(entries.c, 2);
	assert_non_null(strstr(entries.text, "ann remove token ci"));
	assert_non_null(strstr(entries.text, "ann create token ci"));
	assert_null(strstr(entries.text, "msp"));
}


static void test_admins_are_known_by_their_password(void **state)
{
	struct world *w = *state;
	const struct store_grant grant = { .name = "ann",
		.role = STORE_MSP_ADMIN };
	struct store_grant got = { .name = "" };

	assert_int_equal(store_admin_put(w->st, &grant, "short", &by),
			 EINVAL);
	assert_int_equal(store_admin_put(w->st, &grant, "correct horse",
					 &by), 0);
	assert_int_equal(store_admin_check(again(w), "ann", "correct horse",
					   &got), 0);
	assert_int_equal(got.role, STORE_MSP_ADMIN);
	assert_int_equal(store_admin_check(w->st, "ann", "correct horsf",
					   &got), ENOENT);
	assert_int_equal(store_admin_check(w->st, "bob", "correct horse",
					   &got), ENOENT);
	assert_int_equal(store_admin_remove(w->st, "ann", &by), 0);
	assert_int_equal(store_admin_check(w->st, "ann", "correct horse",
					   &got), ENOENT);
}


/* The journal */


static void record(struct call_record *rec, unsigned n, uint32_t version)
{
	memset(rec, 0, sizeof(*rec));
	(void)re_snprintf(rec->id, sizeof(rec->id), "call-%06u", n);
	rec->version  = version;
	rec->start_ms = 1750000000000 + n * 1000;
	rec->state    = version > 1 ? CALL_ENDED : CALL_RINGING;
	str_ncpy(rec->tenant, "acme", sizeof(rec->tenant));
	str_ncpy(rec->upn, "Ann@acme.example", sizeof(rec->upn));
	str_ncpy(rec->caller_name, "Ann \"Ä\"\n'); --",
		 sizeof(rec->caller_name));
}


static void journal_write(const struct world *w, unsigned first, unsigned c)
{
	struct journal *j = NULL;
	struct call_record rec;
	struct reg_status reg;

	memset(&reg, 0, sizeof(reg));
	str_ncpy(reg.tenant, "acme", sizeof(reg.tenant));
	str_ncpy(reg.pbx, "london", sizeof(reg.pbx));

	assert_int_equal(journal_open(&j, w->folder), 0);

	for (unsigned i = first; i < first + c; i++) {
		(void)re_snprintf(reg.upn, sizeof(reg.upn),
				  "U%u@acme.example", i % 10);
		record(&rec, i, 1);
		assert_int_equal(journal_call(j, &rec), 0);
		assert_int_equal(journal_reg(j, &reg), 0);
		record(&rec, i, 2);
		assert_int_equal(journal_call(j, &rec), 0);
	}

	mem_deref(j);
}


static size_t count(struct world *w, int (*readh)(struct store *,
				const struct store_span *, store_value_h *,
				void *), struct seen *seen)
{
	const struct store_span all = { .tenant = "acme" };

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(readh(w->st, &all, see_value, seen), 0);

	return seen->c;
}


static size_t count_calls(struct world *w, struct seen *seen)
{
	const struct store_call_query all = { .span.tenant = "acme" };

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(store_calls(w->st, &all, see_value, seen), 0);

	return seen->c;
}


static void test_the_journal_is_taken_over_once(void **state)
{
	struct world *w = *state;
	struct seen seen;
	size_t c = 0;

	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);
	assert_int_equal(c, 0);

	journal_write(w, 0, 400);
	assert_int_equal(store_import(w->st, "n1", w->folder, 100, &c), 0);
	assert_int_equal(c, 100);
	assert_int_equal(store_import(again(w), "n1", w->folder, SIZE_MAX,
				      &c), 0);
	assert_int_equal(c, 1100);
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);
	assert_int_equal(c, 0);

	assert_int_equal(count_calls(w, &seen), 400);
	assert_non_null(strstr(seen.text, "\"call-000000\""));
	assert_non_null(strstr(seen.text, "\"version\":2"));
	assert_int_equal(count(w, store_reg_history, &seen), 400);
	assert_int_equal(count(w, store_regs, &seen), 10);

	journal_write(w, 400, 1);
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);
	assert_int_equal(c, 3);
	assert_int_equal(count_calls(w, &seen), 401);
}


static void journal_text(const struct world *w, const char *text)
{
	FILE *f;

	(void)mkdir(path_of(w, "journal"), 0700);
	f = fopen(path_of(w, "journal/20200101.jsonl"), "a");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}


static void test_a_line_counts_when_it_is_whole(void **state)
{
	struct world *w = *state;
	struct seen seen;
	size_t c;

	journal_text(w, "\nnull\n{\"call\":7}\n{\"call\":{\"id\":\"\"}}\n"
		     "{\"reg\":[]}\n{\"time_ms\":5,\"reg\":{\"tenant\":"
		     "\"acme\",\"upn\":\"a@b.c\"}}\n{\"time_ms\":6,\"reg\":"
		     "{\"tenant\":\"acme\",\"upn\":\"A@b.c\",");
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);
	assert_int_equal(c, 6);
	assert_int_equal(count(w, store_regs, &seen), 1);

	/* what was torn is completed: the user has gone */
	journal_text(w, "\"removed\":true}}\n");
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);
	assert_int_equal(c, 1);
	assert_int_equal(count(w, store_regs, &seen), 0);
	assert_int_equal(count(w, store_reg_history, &seen), 2);
}


static void test_two_bridges_keep_apart(void **state)
{
	struct world *w = *state;
	struct seen seen;
	size_t c;

	journal_text(w, "{\"time_ms\":5,\"reg\":{\"tenant\":\"acme\","
		     "\"upn\":\"a@b.c\"}}\n");
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);
	assert_int_equal(store_import(w->st, "n2", w->folder, SIZE_MAX, &c),
			 0);
	assert_int_equal(c, 1);
	assert_int_equal(count(w, store_reg_history, &seen), 2);
}


static void test_nothing_is_lost_or_doubled_by_kills(void **state)
{
	struct world *w = *state;
	struct seen seen;
	size_t c;

	journal_write(w, 0, 600);

	w->st = mem_deref(w->st);
	for (unsigned i = 0; i < 12; i++)
		import_and_kill(w, 37, 1 + i % 3);

	w->st = store_of(w, w->url);
	assert_true(count(w, store_reg_history, &seen) > 0);
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);
	assert_true(c < 1800);
	assert_int_equal(count(w, store_reg_history, &seen), 600);
	assert_int_equal(count_calls(w, &seen), 600);
}


static void test_two_importers_at_once_import_once(void **state)
{
	struct world *w = *state;
	struct seen seen;
	pid_t pidv[3];
	int status;

	journal_write(w, 0, 300);
	w->st = mem_deref(w->st);

	for (size_t i = 0; i < RE_ARRAY_SIZE(pidv); i++) {
		struct store *st;
		size_t c = 1;

		pidv[i] = fork();
		if (pidv[i])
			continue;

		if (store_open(&st, w->url, false, NULL, w->errs))
			_exit(1);
		while (c)
			if (store_import(st, "n1", w->folder, 20, &c))
				_exit(2);
		_exit(0);
	}

	for (size_t i = 0; i < RE_ARRAY_SIZE(pidv); i++) {
		assert_int_equal(waitpid(pidv[i], &status, 0), pidv[i]);
		assert_int_equal(status, 0);
	}

	w->st = store_of(w, w->url);
	assert_int_equal(count(w, store_reg_history, &seen), 300);
	assert_int_equal(count_calls(w, &seen), 300);
}


static void test_calls_are_found_by_what_is_asked(void **state)
{
	struct world *w = *state;
	struct store_call_query asked = { .span = { .tenant = "acme",
		.upn = "ANN@acme.example", .from_ms = 1750000002000,
		.to_ms = 1750000005000 } };
	struct seen seen = { .c = 0 };

	journal_write(w, 0, 10);
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX,
				      NULL), 0);
	assert_int_equal(store_calls(w->st, &asked, see_value, &seen), 0);
	assert_int_equal(seen.c, 3);
	assert_non_null(strstr(seen.text, "call-000002"));

	memset(&seen, 0, sizeof(seen));
	asked.span.limit = 1;
	assert_int_equal(store_calls(w->st, &asked, see_value, &seen), 0);
	assert_non_null(strstr(seen.text, "call-000004"));

	memset(&seen, 0, sizeof(seen));
	asked.span.tenant = "other";
	assert_int_equal(store_calls(w->st, &asked, see_value, &seen), 0);
	assert_int_equal(seen.c, 0);
}


/* Tests of PBXs */


#define TESTERS "{\"pbx\":\"london\",\"external\":{\"kind\":\"phone\"," \
	"\"number\":\"105\",\"sip_password\":\"phone-s3cret\"}}"


static void test_who_tests_goes_with_its_pbx(void **state)
{
	struct world *w = *state;
	struct seen seen = { .c = 0 };
	char *secret = NULL;
	int64_t before = 0, after = 0;

	customer_put(w);
	assert_int_equal(store_stamp(w->st, &before), 0);
	assert_int_equal(put(w, STORE_TESTERS, TESTERS, STORE_NEW, NULL), 0);
	assert_int_equal(store_stamp(w->st, &after), 0);
	assert_true(before == after);      /* the bridge has no business */

	assert_int_equal(store_get(again(w), STORE_TESTERS, "acme", "london",
				   see_object, &seen), 0);
	assert_null(strstr(seen.text, "s3cret"));
	assert_int_equal(store_secret(w->st, STORE_TESTERS, "acme", "london",
				      "external.sip_password", &secret), 0);
	assert_string_equal(secret, "phone-s3cret");
	seal_wipe(secret);

	assert_int_equal(put(w, STORE_TESTERS, "{\"pbx\":\"paris\"}",
			     STORE_NEW, NULL), ENOENT);
	assert_int_equal(put(w, STORE_TESTERS, "{\"pbx\":\"london\","
			     "\"user_a\":{\"kind\":\"phone\"}}", STORE_ANY,
			     NULL), EBADMSG);

	assert_int_equal(store_remove(w->st, STORE_USER, "acme",
				      "ann@acme.example", STORE_ANY, &by), 0);
	assert_int_equal(store_remove(w->st, STORE_PBX, "acme", "london",
				      STORE_ANY, &by), 0);
	assert_int_equal(store_get(w->st, STORE_TESTERS, "acme", "london",
				   see_object, &seen), ENOENT);
	assert_int_equal(store_secret(w->st, STORE_TESTERS, "acme", "london",
				      "external.sip_password", &secret),
			 ENOENT);
}


static int see_run(const struct store_run *run, void *arg)
{
	struct seen *seen = arg;

	(void)re_snprintf(seen->text, sizeof(seen->text), "%s|%s|%s|%s",
			  run->summary, run->report ? run->report : "-",
			  run->node ? run->node : "-",
			  run->pinned ? "kept" : "-");
	++seen->c;

	return 0;
}


static void run_begin(struct world *w, char id[STORE_RUN_ID_SIZE])
{
	const struct store_run run = { .tenant = "acme", .summary = "{}",
				       .node = "n1" };

	assert_int_equal(store_run_begin(w->st, &run, &by, id), 0);
}


static void test_a_run_is_over_once(void **state)
{
	const struct store_file file = { "c1.pcapng", "AAAA" };
	struct world *w = *state;
	struct store_run run = { .summary = "{\"a\":1}", .report = "[]" };
	char id[STORE_RUN_ID_SIZE], *data = NULL;
	struct seen seen = { .c = 0 };

	customer_put(w);
	run_begin(w, id);
	run.id = id;
	assert_int_equal(store_run_get(again(w), id, see_run, &seen), 0);
	assert_string_equal(seen.text, "{}|null|n1|-");
	assert_int_equal(store_run_remove(w->st, id, &by), EBUSY);

	seen.c = 0;
	assert_int_equal(store_run_left(w->st, "n2", INT64_MAX, see_run,
					&seen), 0);
	assert_int_equal(store_run_left(w->st, "n1", 1, see_run, &seen), 0);
	assert_int_equal(seen.c, 0);
	assert_int_equal(store_run_left(w->st, "n1", INT64_MAX, see_run,
					&seen), 0);
	assert_int_equal(seen.c, 1);

	assert_int_equal(store_run_end(w->st, &run, &file, 1), 0);
	assert_int_equal(store_run_end(w->st, &run, &file, 1), ENOENT);
	assert_int_equal(store_run_get(w->st, id, see_run, &seen), 0);
	assert_string_equal(seen.text, "{\"a\":1}|[]|-|-");
	assert_int_equal(store_run_file(w->st, id, "c1.pcapng", &data), 0);
	assert_string_equal(data, "AAAA");
	mem_deref(data);
	assert_int_equal(store_run_file(w->st, id, "c2.pcapng", &data),
			 ENOENT);
	assert_int_equal(store_run_remove(w->st, id, &by), 0);
	assert_int_equal(store_run_file(w->st, id, "c1.pcapng", &data),
			 ENOENT);
}


static void test_old_runs_make_room_but_for_those_that_are_kept(void **state)
{
	enum { KEPT = 100, MORE = 3 };
	const struct store_span span = { .tenant = "acme" };
	struct world *w = *state;
	struct store_run run = { .summary = "{}", .report = "[]" };
	char idv[KEPT + MORE][STORE_RUN_ID_SIZE];
	struct seen seen = { .c = 0 };

	customer_put(w);
	for (size_t i = 0; i < KEPT + MORE; i++) {
		run_begin(w, idv[i]);
		if (!i)
			assert_int_equal(store_run_pin(w->st, idv[i], true,
						       &by), 0);
		run.id = idv[i];
		assert_int_equal(store_run_end(w->st, &run, NULL, 0), 0);
	}

	assert_int_equal(store_run_list(w->st, &span, see_run, &seen), 0);
	assert_int_equal(seen.c, KEPT + 1);
	assert_int_equal(store_run_get(w->st, idv[0], see_run, &seen), 0);
	assert_int_equal(store_run_get(w->st, idv[1], see_run, &seen),
			 ENOENT);
	assert_int_equal(store_run_get(w->st, idv[KEPT + MORE - 1], see_run,
				       &seen), 0);
}


/* Backup */


static void test_a_backup_is_all_of_it(void **state)
{
	struct world *w = *state;
	struct store_grant grant = { .name = "ci",
		.role = STORE_MSP_SUPPORT };
	char token[STORE_TOKEN_SIZE], url[256], second[160];
	struct seen seen;
	size_t c;

	customer_put(w);
	journal_write(w, 0, 20);
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX,
				      NULL), 0);
	assert_int_equal(store_token_make(w->st, &grant, &by, token), 0);

	assert_int_equal(store_backup(w->st, path_of(w, "backup")), 0);
	assert_int_equal(store_backup(w->st, path_of(w, "backup")), EEXIST);
	assert_int_equal(store_restore(w->st, path_of(w, "backup"), w->errs),
			 ENOTEMPTY);

	url_make(w, url, sizeof(url), "other.db");
	str_ncpy(w->url, url, sizeof(w->url));
	(void)again(w);
	assert_int_equal(store_restore(w->st, path_of(w, "backup"), w->errs),
			 0);

	assert_secret(w, "s3cret");
	assert_int_equal(count_calls(w, &seen), 20);
	assert_int_equal(store_token_check(w->st, token, &grant), 0);
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);
	assert_int_equal(c, 0);

	/* and the other's backup is the same but for its head */
	str_ncpy(second, path_of(w, "second"), sizeof(second));
	assert_int_equal(store_backup(w->st, second), 0);
	(void)re_snprintf(url, sizeof(url), "/bin/sh -c 'cd %s && tail -n +2"
			  " backup >a && tail -n +2 second | cmp - a'",
			  (char *)w->folder);
	assert_int_equal(system(url), 0);
}


static void test_half_a_backup_is_refused(void **state)
{
	struct world *w = *state;
	struct seen seen = { .c = 0 };
	struct stat entry;
	char url[256], path[160], lacking[160];

	customer_put(w);
	str_ncpy(path, path_of(w, "backup"), sizeof(path));
	str_ncpy(lacking, path_of(w, "lacking"), sizeof(lacking));
	assert_int_equal(store_backup(w->st, path), 0);
	(void)re_snprintf(url, sizeof(url), "sed /audit/d %s >%s", path,
			  lacking);
	assert_int_equal(system(url), 0);
	assert_int_equal(stat(path, &entry), 0);
	assert_int_equal(entry.st_mode & 0777, 0600);

	url_make(w, url, sizeof(url), "other.db");
	str_ncpy(w->url, url, sizeof(w->url));
	(void)again(w);

	assert_int_equal(store_restore(w->st, lacking, w->errs), EBADMSG);

	/* its foot, then more and more of it */
	for (off_t size = entry.st_size - 3; size > 0; size -= 151) {
		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(store_restore(w->st, path, w->errs),
				 EBADMSG);
	}

	assert_int_equal(store_list(w->st, STORE_TENANT, NULL, NULL, 0,
				    see_object, &seen), 0);
	assert_int_equal(seen.c, 0);
}


static const struct CMUnitTest tests[] = {
	TEST(test_tables_are_made_once),
	TEST(test_a_newer_store_is_refused),
	TEST(test_half_a_migration_is_none),
	TEST(test_a_store_that_has_gone_is_not_made_anew),
	TEST(test_a_file_that_others_may_read_is_refused),
	TEST(test_a_lost_connection_is_made_again),
	TEST(test_names_are_utf8_on_a_connection_made_again),
	TEST(test_what_the_server_forgot_is_prepared_again),
	TEST(test_a_customer_made_anew_at_once_is_told_of),
	TEST(test_what_is_put_is_got_without_its_secret),
	TEST(test_a_secret_stays_until_it_is_set_or_removed),
	TEST(test_only_what_was_read_is_replaced),
	TEST(test_what_is_wrong_is_refused),
	TEST(test_a_list_goes_on_where_it_was_left),
	TEST(test_a_tenant_goes_with_all_it_has),
	TEST(test_without_keys_no_secret_is_kept),
	TEST(test_a_moved_secret_does_not_open),
	TEST(test_keys_change_without_a_secret_lost),
	TEST(test_each_change_is_told_without_secrets),
	TEST(test_tokens_stand_for_what_they_were_made_for),
	TEST(test_a_tenant_sees_its_own_audit_alone),
	TEST(test_admins_are_known_by_their_password),
	TEST(test_the_journal_is_taken_over_once),
	TEST(test_a_line_counts_when_it_is_whole),
	TEST(test_two_bridges_keep_apart),
	TEST(test_nothing_is_lost_or_doubled_by_kills),
	TEST(test_two_importers_at_once_import_once),
	TEST(test_calls_are_found_by_what_is_asked),
	TEST(test_who_tests_goes_with_its_pbx),
	TEST(test_a_run_is_over_once),
	TEST(test_old_runs_make_room_but_for_those_that_are_kept),
	TEST(test_a_backup_is_all_of_it),
	TEST(test_half_a_backup_is_refused),
};


int main(void)
{
	return world_run(tests);
}
