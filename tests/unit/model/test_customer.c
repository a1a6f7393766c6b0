/**
 * @file test_customer.c  Customer files: whole or not at all
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "bridge/model/customer.h"


#define TOP "tenant: contoso\nteams: {fqdn: contoso.example.com}\n"
#define HQ "pbx:\n  - {name: hq, country: GB, sip_domain: pbx.example}\n"
#define ANN "users:\n  - {upn: ann@x.example, number: \"+442079460018\","	\
	" pbx: hq, sip_username: \"101\", sip_password: p}\n"


static char folder[64];
static struct errors *errs;
static struct list tenantl;


/** "plain" sets nothing, "keyed" demands auth usernames, "same" forbids */
static int template_h(struct pbx *pbx, const char *template,
		      const char **nearest, struct errors *e, void *arg)
{
	(void)e;
	(void)arg;

	pbx->registration.expires_s = 1234;

	if (!strcmp(template, "keyed"))
		pbx->auth_username = PBX_AUTH_USERNAME_REQUIRED;
	else if (!strcmp(template, "same"))
		pbx->auth_username = PBX_AUTH_USERNAME_SAME;
	else if (strcmp(template, "plain") && strcmp(template, "generic")) {
		*nearest = "plain";
		return ENOENT;
	}

	return 0;
}


static int setup(void **state)
{
	(void)state;

	str_ncpy(folder, "/tmp/customers-XXXXXX", sizeof(folder));
	assert_non_null(mkdtemp(folder));
	list_init(&tenantl);

	return errors_alloc(&errs);
}


static int teardown(void **state)
{
	char command[128];
	(void)state;

	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	list_flush(&tenantl);
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


static int load(void)
{
	char *pathv[] = { folder };

	mem_deref(errs);
	assert_int_equal(errors_alloc(&errs), 0);

	return customers_load(&tenantl, pathv, 1, template_h, NULL, errs);
}


static void test_a_good_file(void **state)
{
	const struct tenant *tenant;
	const struct user *user;
	const struct pbx *pbx;
	(void)state;

	write_file("contoso.yaml", TOP HQ ANN);
	write_file("notes.txt", "not: read");
	assert_int_equal(load(), 0);
	assert_int_equal(list_count(&tenantl), 1);

	tenant = list_ledata(tenantl.head);
	assert_string_equal(tenant->tenant, "contoso");
	assert_string_equal(tenant->teams.fqdn, "contoso.example.com");

	user = tenant_user(tenant, "ANN@x.example");
	assert_non_null(user);
	assert_true(user->enabled);
	assert_null(user->sip_auth_username);
	assert_null(tenant_user(tenant, "bob@x.example"));

	pbx = tenant_pbx(tenant, user->pbx);
	assert_non_null(pbx);
	assert_int_equal(pbx->registration.expires_s, 1234);
	assert_int_equal(pbx->e164.extension_digits, 6);
	assert_false(pbx_wants_national(pbx));
}


static void test_customer_over_template(void **state)
{
	const struct pbx *pbx;
	(void)state;

	write_file("a.yaml", TOP "pbx:\n  - name: hq\n    template: plain\n"
		   "    country: GB\n    sip_domain: \"[2001:db8::1]\"\n"
		   "    registration: {expires: 2h}\n"
		   "    e164: {national_prefix: \"0\"}\n");
	assert_int_equal(load(), 0);
	pbx = tenant_pbx(list_ledata(tenantl.head), "hq");
	assert_int_equal(pbx->registration.expires_s, 7200);
	assert_true(pbx_wants_national(pbx));
}


/** A customer of so many users, and what else is in the file */
static void write_large(unsigned userc, const char *more)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/large.yaml", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(TOP HQ "users:\n", f) >= 0);
	for (unsigned i = 0; i < userc; i++)
		assert_true(fprintf(f, "  - {upn: user%u@x.example, name:"
				    " User %u, number: \"+44%09u\", pbx: hq,"
				    " sip_username: \"%u\","
				    " sip_auth_username: a%u, sip_password:"
				    " secret-%u, country: GB}\n", i, i, i, i,
				    i, i) > 0);
	assert_true(fputs(more, f) >= 0);
	assert_int_equal(fclose(f), 0);
}


static void test_a_customer_may_have_20000_users(void **state)
{
	static const char *const wantv[][2] = {
		{ "20006:11", "want each user once, found"
		  " \"USER0@x.example\" again" },
		{ "20007:34", "want a number that nobody else has, but"
		  " +44000000001 is also that of user1@x.example" },
		{ "20007:73", "want a SIP username that nobody else has on"
		  " this PBX, but 3 is also that of user3@x.example" },
	};
	(void)state;

	write_large(20000, "");
	assert_int_equal(load(), 0);
	assert_int_equal(list_count(&((struct tenant *)list_ledata(
		tenantl.head))->userl), 20000);
	list_flush(&tenantl);

	/* nobody is overlooked among so many, and nothing is told twice */
	write_large(20000, "  - {upn: USER0@x.example, number:"
		    " \"+44000000000\", pbx: hq, sip_username: z1,"
		    " sip_password: p}\n"
		    "  - {upn: one@x.example, number: \"+44000000001\","
		    " pbx: hq, sip_username: \"3\", sip_password: p}\n");
	assert_int_equal(load(), EBADMSG);
	assert_int_equal(errors_count(errs), RE_ARRAY_SIZE(wantv));

	for (size_t i = 0; i < RE_ARRAY_SIZE(wantv); i++) {
		const struct error *error = errors_get(errs, i);
		char at[64];

		(void)snprintf(at, sizeof(at), "%u:%u", error->line,
			       error->column);
		assert_string_equal(error->message, wantv[i][1]);
		assert_string_equal(at, wantv[i][0]);
	}
}


static void refused(const char *text, const char *place, const char *message)
{
	const struct error *error;
	char at[64];

	write_file("contoso.yaml", text);
	assert_int_equal(load(), EBADMSG);
	assert_true(list_isempty(&tenantl));
	assert_true(errors_count(errs) >= 1);

	error = errors_get(errs, 0);
	assert_non_null(error->file);
	(void)snprintf(at, sizeof(at), "%u:%u", error->line, error->column);
	if (strcmp(at, place) || !strstr(error->message, message))
		fail_msg("%s: \"%s\" is not %s: \"%s\"", at, error->message,
			 place, message);
}


static void test_what_is_refused(void **state)
{
	(void)state;

	refused("tenant: contoso\n", "1:1", "want");
	refused(TOP "pbx:\n  - {name: hq, sip_domain: \"pbx.example:5060\"}\n",
		"4:28", "put the port on sip_proxy");
	refused(TOP "pbx:\n  - {name: hq, sip_domain: p, sip_proxy: \"p:0\"}"
		"\n", "4:42", "1..65535");
	refused(TOP "pbx:\n  - {name: hq, sip_domain: p, country: UK}\n",
		"4:40", "GB");
	refused(TOP "pbx:\n  - {name: hq, sip_domain: p,"
		" outside_line_prefix: 9a}\n", "4:52", "digits, * and #");
	refused(TOP "pbx:\n  - {name: hq, sip_domain: p,"
		" e164: {international_prefix: \"00\"}}\n", "4:5",
		"country of the PBX");
	refused(TOP "pbx:\n  - {name: hq, template: plein, sip_domain: p}\n",
		"4:26", "did you mean \"plain\"");
	refused(TOP HQ "  - {name: hq, sip_domain: p}\n", "5:12", "no other");
	refused(TOP HQ "users:\n  - {upn: ann@x.example, number: \"101\","
		" pbx: hq, sip_username: 101@pbx.example}\n", "6:64",
		"goes into sip_domain");
	refused(TOP HQ "users:\n  - {upn: ann@x.example, number: \"101\","
		" pbx: hqq, sip_username: a, sip_password: p}\n", "6:46",
		"did you mean \"hq\"");
	refused(TOP HQ "users:\n  - {upn: ann@x.example, number: \"101\","
		" pbx: hq, sip_username: a}\n", "6:5", "password");
	refused(TOP HQ ANN "  - {upn: bob@x.example,"
		" number: \"+442079460018\", pbx: hq, sip_username: \"102\","
		" sip_password: p}\n", "7:34", "ann@x.example");
	refused(TOP HQ ANN "  - {upn: bob@x.example, number: \"102\","
		" pbx: hq, sip_username: \"101\", sip_password: p}\n", "7:64",
		"ann@x.example");
	refused(TOP HQ ANN "  - {upn: Ann@x.example, number: \"102\","
		" pbx: hq, sip_username: \"102\", sip_password: p}\n", "7:11",
		"each user once");
	refused(TOP "pbx:\n  - {name: hq, template: keyed, sip_domain: p}\n"
		ANN, "6:5", "authentication");
	refused(TOP "pbx:\n  - {name: hq, template: same, sip_domain: p}\n"
		"users:\n  - {upn: a@x.example, number: \"101\", pbx: hq,"
		" sip_username: a, sip_auth_username: b, sip_password: p}\n",
		"6:84", "takes no other");
}


static void test_every_error_is_told_and_no_secret(void **state)
{
	char text[4096];
	(void)state;

	write_file("a.yaml", TOP "pbx:\n  - {name: hq, template: plein,"
		   " sip_domain: p, protocoll: tcp}\n"
		   "users:\n  - {upn: a, number: x, pbx: hq, sip_username: a,"
		   " sip_password: [hush]}\n");
	assert_int_equal(load(), EBADMSG);
	assert_int_equal(errors_count(errs), 5);
	(void)re_snprintf(text, sizeof(text), "%H", errors_print, errs);
	assert_null(strstr(text, "hush"));
	assert_non_null(strstr(text, "protocol"));
}


static void test_customers_among_each_other(void **state)
{
	(void)state;

	write_file("a.yaml", TOP);
	refused("tenant: other\nteams:\n  fqdn: Contoso.example.com\n", "3:9",
		"a.yaml");
	refused("tenant: contoso\nteams: {fqdn: b.example.com}\n", "1:9",
		"a.yaml");
}


static void test_one_bad_file_spoils_all(void **state)
{
	(void)state;

	write_file("a.yaml", TOP);
	refused("tenant: [\n", "2:1", "");
}


static void test_what_is_not_there(void **state)
{
	char *pathv[] = { folder };
	char path[] = "/nonexistent/customers";
	(void)state;

	assert_int_equal(load(), 0);
	assert_true(list_isempty(&tenantl));

	pathv[0] = path;
	assert_int_equal(customers_load(&tenantl, pathv, 1, template_h, NULL,
					errs), ENOENT);
	assert_non_null(strstr(errors_get(errs, 0)->message, path));
}


int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest testv[] = {
		TEST(test_a_good_file),
		TEST(test_customer_over_template),
		TEST(test_a_customer_may_have_20000_users),
		TEST(test_what_is_refused),
		TEST(test_every_error_is_told_and_no_secret),
		TEST(test_customers_among_each_other),
		TEST(test_one_bad_file_spoils_all),
		TEST(test_what_is_not_there),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
