/**
 * @file test_template.c  The catalog, and own templates over it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "bridge/model/pbx.h"
#include "pbx-templates/template.h"
#include "tests/unit/base/oom.h"


static char folder[64];
static struct errors *errs;
static struct catalog *cat;


static int setup(void **state)
{
	(void)state;

	str_ncpy(folder, "/tmp/templates-XXXXXX", sizeof(folder));
	assert_non_null(mkdtemp(folder));
	cat = NULL;

	return errors_alloc(&errs);
}


static int teardown(void **state)
{
	char command[128];
	(void)state;

	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	cat  = mem_deref(cat);
	errs = mem_deref(errs);

	return system(command);
}


static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}


static bool has(const char *name)
{
	for (size_t i = 0; i < catalog_count(cat); i++)
		if (!strcmp(catalog_name(cat, i), name))
			return true;

	return false;
}


static void test_catalog_is_whole(void **state)
{
	(void)state;

	assert_int_equal(catalog_load(&cat, NULL, errs), 0);
	assert_int_equal(errors_count(errs), 0);
	assert_true(catalog_count(cat) >= 25);
	assert_true(has("generic"));
	assert_true(has("asterisk-pjsip"));
	assert_true(has("freepbx-pjsip"));
	assert_true(has("3cx"));
	assert_true(has("kamailio"));

	for (size_t i = 0; i < catalog_count(cat); i++) {
		assert_non_null(catalog_title(cat, i));
		assert_non_null(catalog_evidence(cat, i));
		assert_true(catalog_ask(cat, i)->c > 0);
	}

	assert_null(catalog_name(cat, catalog_count(cat)));
}


/** What the tables have for defaults and what generic writes is the same */
static void test_generic_is_the_defaults(void **state)
{
	struct pbx *a = fields_item_alloc(&pbx_fields);
	struct pbx *b = fields_item_alloc(&pbx_fields);
	(void)state;

	assert_int_equal(catalog_load(&cat, NULL, errs), 0);
	assert_int_equal(catalog_apply(a, "generic", NULL, errs, cat), 0);
	assert_true(fields_equal(&pbx_fields, a, b));
	mem_deref(a);
	mem_deref(b);
}


static void test_templates_inherit(void **state)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	(void)state;

	assert_int_equal(catalog_load(&cat, NULL, errs), 0);

	assert_int_equal(catalog_apply(pbx, "freepbx-pjsip", NULL, errs, cat),
			 0);
	assert_string_equal(pbx->template, "freepbx-pjsip");
	assert_int_equal(pbx->auth_username, PBX_AUTH_USERNAME_SAME);
	assert_int_equal(pbx->transfer.blind, PBX_TRANSFER_REFER);
	assert_int_equal(pbx->registration.expires_s, 3600);
	assert_null(pbx->name);
	assert_null(pbx->title);

	assert_int_equal(catalog_apply(pbx, "3cx", NULL, errs, cat), 0);
	assert_int_equal(pbx->auth_username, PBX_AUTH_USERNAME_REQUIRED);
	mem_deref(pbx);
}


static void test_unknown_name_has_a_nearest(void **state)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	const char *nearest = NULL;
	(void)state;

	assert_int_equal(catalog_load(&cat, NULL, errs), 0);
	assert_int_equal(catalog_apply(pbx, "generik", &nearest, errs, cat),
			 ENOENT);
	assert_string_equal(nearest, "generic");
	mem_deref(pbx);
}


static void test_own_templates_extend_and_shadow(void **state)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	size_t builtin;
	(void)state;

	assert_int_equal(catalog_load(&cat, NULL, errs), 0);
	builtin = catalog_count(cat);
	cat = mem_deref(cat);

	write_file("acme.yaml", "template: acme\ntitle: Acme IPX\n"
		   "extends: 3cx\nprotocol: tcp\n"
		   "sip_proxy: sbc.acme.example:5080\n");
	write_file("3cx.yaml", "template: 3cx\ntitle: Our 3CX\n"
		   "extends: 3cx\nuser_agent: House/1\n");
	write_file("readme.txt", "no template");
	assert_int_equal(catalog_load(&cat, folder, errs), 0);
	assert_int_equal(catalog_count(cat), builtin + 1);

	assert_int_equal(catalog_apply(pbx, "acme", NULL, errs, cat), 0);
	assert_int_equal(pbx->protocol, PBX_TCP);
	assert_string_equal(pbx->sip_proxy, "sbc.acme.example:5080");
	assert_string_equal(pbx->user_agent, "House/1");
	assert_int_equal(pbx->auth_username, PBX_AUTH_USERNAME_REQUIRED);
	mem_deref(pbx);
}


static void refused(const char *name, const char *text, const char *place,
		    const char *message)
{
	const struct error *error;
	char path[128];

	write_file(name, text);
	mem_deref(errs);
	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(catalog_load(&cat, folder, errs), EBADMSG);
	assert_null(cat);
	assert_true(errors_count(errs) >= 1);

	error = errors_get(errs, 0);
	assert_non_null(error->file);
	(void)snprintf(path, sizeof(path), "%u:%u", error->line,
		       error->column);
	assert_string_equal(path, place);
	if (!strstr(error->message, message))
		fail_msg("\"%s\" lacks \"%s\"", error->message, message);

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}


static void test_what_is_refused(void **state)
{
	(void)state;

	refused("a.yaml", "template: a\ntitle: A\nregistrration: {}\n",
		"3:1", "registration");
	refused("a.yaml", "template: a\ntitle: A\nregistration:\n"
		"  expires: 1h30\n", "4:12", "60s..7200s");
	refused("a.yaml", "template: b\ntitle: A\n", "1:11",
		"name of the file");
	refused("a.yaml", "template: a\ntitle: A\nextends: generik\n",
		"3:10", "generic");
	refused("a.yaml", "template: a\ntitle: A\nextends: a\n", "3:10",
		"name of a template");
	refused("a.yaml", "template: a\n", "1:1", "want");
	refused("a.yaml", "template: a\ntitle: A\nask: [protocoll]\n",
		"3:7", "names of fields");
	refused("a.yaml", "template: a\ntitle: A\nname: hq\n", "3:1",
		"unknown key");
	refused("a.yaml", "template: a\ntitle: A\n"
		"user_agent: \"X\\r\\nEvil: 1\"\n", "3:13", "want");
	refused("a.yaml", "- a\n", "1:1", "want");

	write_file("b.yaml", "template: b\ntitle: B\nextends: a\n");
	refused("a.yaml", "template: a\ntitle: A\nextends: b\n", "3:10",
		"circle");
}


static void test_levels_are_limited(void **state)
{
	char name[32], text[128];
	(void)state;

	write_file("t0.yaml", "template: t0\ntitle: T\n");
	for (int i = 1; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "t%d.yaml", i);
		(void)snprintf(text, sizeof(text), "template: t%d\ntitle: T\n"
			       "extends: t%d\n", i, i - 1);
		write_file(name, text);
	}

	/* read in order of name, so from the deepest one up */
	write_file("a.yaml", "template: a\ntitle: A\nextends: t11\n");
	assert_int_equal(catalog_load(&cat, folder, errs), EBADMSG);
	assert_non_null(strstr(errors_get(errs, 0)->message, "levels"));
}


static void origin_is(const char *name, const char *path,
		      const char *template, const char *grade, bool why)
{
	struct origin origin;

	assert_int_equal(catalog_origin(&origin, cat, name, path), 0);
	if (!template) {
		assert_null(origin.template);
		assert_null(origin.grade);
		return;
	}

	assert_string_equal(origin.template, template);
	assert_string_equal(origin.grade, grade);
	assert_true(why == (origin.why != NULL));
}


static void test_each_setting_has_its_origin(void **state)
{
	struct origin origin;
	(void)state;

	write_file("acme.yaml", "template: acme\ntitle: Acme IPX\n"
		   "extends: freepbx-pjsip\nevidence: field-report\n"
		   "protocol: tcp\n"
		   "media: { hold: inactive, nat: false }\n"
		   "facts:\n"
		   "  - { field: media, grade: unverified, why: Heard of }\n"
		   "  - { field: media.hold, grade: documented, why: So }\n");
	assert_int_equal(catalog_load(&cat, folder, errs), 0);

	origin_is("acme", "protocol", "acme", "field-report", false);
	origin_is("acme", "media.hold", "acme", "documented", true);
	origin_is("acme", "media.nat", "acme", "unverified", true);
	origin_is("acme", "auth_username", "freepbx-pjsip", "documented",
		  true);
	origin_is("acme", "transfer.attended", "asterisk-pjsip",
		  "documented", true);
	origin_is("acme", "contact.port", "generic", "unverified", false);
	origin_is("acme", "sip_proxy", NULL, NULL, false);
	assert_int_equal(catalog_origin(&origin, cat, "none", "protocol"),
			 ENOENT);
}


static void no_claim(const struct fields *t, const struct pbx *pbx,
		     const struct pbx *generic, const char *name,
		     const char *prefix)
{
	for (size_t i = 0; i < t->fieldc; i++) {
		const struct field *f = &t->fieldv[i];
		const bool object = f->type == FIELD_OBJECT;
		struct origin origin;
		char path[128];
		char *a = NULL, *b = NULL;

		(void)snprintf(path, sizeof(path), "%s%s%s", prefix, f->name,
			       object ? "." : "");
		if (object) {
			no_claim(f->sub, pbx, generic, name, path);
			continue;
		}

		assert_int_equal(catalog_origin(&origin, cat, name, path), 0);
		(void)fields_get(&pbx_fields, pbx, path, &a);
		(void)fields_get(&pbx_fields, generic, path, &b);
		if (strcmp(path, "template") && strcmp(a ? a : "",
						       b ? b : "")) {
			if (!origin.why || !strcmp(origin.grade,
						   "unverified"))
				fail_msg("%s: %s rests on nothing", name,
					 path);
		}
		mem_deref(a);
		mem_deref(b);
	}
}


/** What differs from generic is known, and of whom */
static void test_catalog_claims_only_what_is_known(void **state)
{
	struct pbx *generic = fields_item_alloc(&pbx_fields);
	(void)state;

	assert_int_equal(catalog_load(&cat, NULL, errs), 0);
	assert_int_equal(catalog_apply(generic, "generic", NULL, errs, cat),
			 0);

	for (size_t i = 0; i < catalog_count(cat); i++) {
		const char *name = catalog_name(cat, i);
		struct pbx *pbx = fields_item_alloc(&pbx_fields);

		assert_int_equal(catalog_apply(pbx, name, NULL, errs, cat),
				 0);
		no_claim(&pbx_fields, pbx, generic, name, "");
		assert_true(!strcmp(name, "generic") ||
			    catalog_notes(cat, i)->c > 0);
		assert_true(!strcmp(name, "generic") ||
			    catalog_parent(cat, i));
		mem_deref(pbx);
	}

	mem_deref(generic);
}


static void test_lint_tells_all_of_all_files(void **state)
{
	char a[128], b[128], c[128];
	char *pathv[3] = { a, b, c };
	struct errors *doubts;
	(void)state;

	write_file("a.yaml", "template: a\ntitle: A\nprotocoll: tcp\n"
		   "registration: { expires: 1x }\n");
	write_file("b.yaml", "template: b\ntitle: [\n");
	write_file("c.yaml", "template: c\ntitle: C\n"
		   "evidence: documented\nmedia:\n  nat: false\n"
		   "facts:\n  - { field: protocol, grade: documented,"
		   " why: So }\n");
	(void)snprintf(a, sizeof(a), "%s/a.yaml", folder);
	(void)snprintf(b, sizeof(b), "%s/b.yaml", folder);
	(void)snprintf(c, sizeof(c), "%s/c.yaml", folder);

	assert_int_equal(errors_alloc(&doubts), 0);
	assert_int_equal(catalog_lint(pathv, 3, NULL, errs, doubts), EBADMSG);
	assert_int_equal(errors_count(errs), 3);
	assert_string_equal(errors_get(errs, 0)->file, b);
	assert_int_equal(errors_get(errs, 1)->line, 3);
	assert_int_equal(errors_get(errs, 2)->line, 4);

	assert_int_equal(errors_count(doubts), 2);
	assert_string_equal(errors_get(doubts, 0)->field, "media.nat");
	assert_int_equal(errors_get(doubts, 0)->line, 5);
	assert_int_equal(errors_get(doubts, 0)->column, 3);
	assert_int_equal(errors_get(doubts, 1)->line, 7);
	mem_deref(doubts);
}


/** A file that is checked takes the place of the one in use */
static void test_lint_leaves_out_what_the_file_replaces(void **state)
{
	char path[128];
	char *pathv[1] = { path };
	(void)state;

	(void)snprintf(path, sizeof(path), "%s/new", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file("3cx.yaml", "template: 3cx\ntitle: Ours\nbad: true\n");
	write_file("new/3cx.yaml", "template: 3cx\ntitle: Ours\n"
		   "extends: 3cx\n");
	(void)snprintf(path, sizeof(path), "%s/new/3cx.yaml", folder);
	assert_int_equal(catalog_lint(pathv, 1, folder, errs, NULL), 0);
	assert_int_equal(errors_count(errs), 0);
}


static int load_again(void *arg)
{
	struct catalog *again;
	struct errors *own = NULL;
	int err;
	(void)arg;

	err = errors_alloc(&own);
	if (err)
		return err;

	err = catalog_load(&again, NULL, own);
	if (!err)
		mem_deref(again);
	mem_deref(own);

	return err;
}


static void test_runs_out_of_memory_anywhere(void **state)
{
	(void)state;

	oom_walk(load_again, NULL);
}


int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest testv[] = {
		TEST(test_catalog_is_whole),
		TEST(test_generic_is_the_defaults),
		TEST(test_templates_inherit),
		TEST(test_unknown_name_has_a_nearest),
		TEST(test_own_templates_extend_and_shadow),
		TEST(test_what_is_refused),
		TEST(test_levels_are_limited),
		TEST(test_each_setting_has_its_origin),
		TEST(test_catalog_claims_only_what_is_known),
		TEST(test_lint_tells_all_of_all_files),
		TEST(test_lint_leaves_out_what_the_file_replaces),
		TEST(test_runs_out_of_memory_anywhere),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
