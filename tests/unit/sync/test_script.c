/**
 * @file test_script.c  A PowerShell script for what only PowerShell can
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "portal-api/sync/script.h"


static char *write_for(const char *upn, bool derived, int want)
{
	struct tenant *tenant = fields_item_alloc(&tenant_fields);
	struct user *user = fields_item_alloc(&user_fields);
	struct script_gateways gateways = {.c = 0};
	struct script script = {.tenant = tenant, .gateways = &gateways,
				.time = "2026-03-01T00:00:00Z",
				.tenant_id = "t'id"};
	struct errors *errs = NULL;
	char *text = NULL;

	assert_non_null(tenant);
	assert_non_null(user);
	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(str_dup(&tenant->tenant, "acme"), 0);
	assert_int_equal(str_dup(&tenant->teams.fqdn, "acme.sbc.example"), 0);
	assert_int_equal(str_dup(&user->upn, upn), 0);
	assert_int_equal(str_dup(&user->number, "+442079460018"), 0);
	user->enabled = true;
	list_append(&tenant->userl, &user->le, user);
	assert_int_equal(script_gateway_add(&gateways, "acme.sbc.example",
			 5061, derived ? "SBC.example" : NULL), 0);

	assert_int_equal(script_write(&text, &script, errs), want);
	assert_int_equal(errors_count(errs), want ? 1 : 0);

	mem_deref(errs);
	mem_deref(tenant);

	return text;
}


static void has(const char *text, const char *part, bool want)
{
	if (!!strstr(text, part) != want)
		fail_msg("%s: %s", want ? "missing" : "there", part);
}


static void values_cannot_end_their_quotes(void **state)
{
	char *text;
	(void)state;

	text = write_for("a'; rm -r / #", false, 0);
	has(text, "User = 'a''; rm -r / #';", true);
	has(text, "-TenantId 't''id'", true);
	mem_deref(text);

	/* PowerShell takes U+2018 .. U+201B for quotes too, not U+201C */
	text = write_for("\xe2\x80\x98\xe2\x80\x99\xe2\x80\x9a\xe2\x80\x9b"
			 "\xe2\x80\x9c", false, 0);
	has(text, "'\xe2\x80\x98\xe2\x80\x98\xe2\x80\x99\xe2\x80\x99"
	    "\xe2\x80\x9a\xe2\x80\x9a\xe2\x80\x9b\xe2\x80\x9b"
	    "\xe2\x80\x9c'", true);
	mem_deref(text);

	/* a value that ends amid a character, or looks like code, is text */
	text = write_for("$(calc)`n\"%s", false, 0);
	has(text, "'$(calc)`n\"%s'", true);
	mem_deref(text);
}


static void control_characters_are_refused(void **state)
{
	(void)state;

	assert_null(write_for("a\nb", false, EBADMSG));
	assert_null(write_for("a\rb", false, EBADMSG));
	assert_null(write_for("a\x1b", false, EBADMSG));
	assert_null(write_for("a\xe2\x80", false, EBADMSG));
}


static void lines_end_as_windows_wants(void **state)
{
	char *text = write_for("ann@acme.example", false, 0);
	(void)state;

	assert_int_equal(strncmp(text, "\xef\xbb\xbf#Requires ", 13), 0);
	for (const char *p = strchr(text, '\n'); p; p = strchr(p + 1, '\n'))
		assert_int_equal(p[-1], '\r');

	mem_deref(text);
}


static void a_derived_trunk_has_no_gateway(void **state)
{
	char *text;
	(void)state;

	text = write_for("ann@acme.example", true, 0);
	has(text, "PSTNGateway -", false);
	has(text, "New-CsOnlineVoiceRoute ", true);
	mem_deref(text);

	text = write_for("ann@acme.example", false, 0);
	has(text, "New-CsOnlinePSTNGateway -Fqdn $t.Fqdn", true);
	mem_deref(text);
}


static void gateways_are_in_order_and_once(void **state)
{
	struct script_gateways all = {.c = 0};
	char name[SCRIPT_FQDN_SIZE + 1];
	(void)state;

	assert_int_equal(script_gateway_add(&all, "m.b.example", 1, NULL), 0);
	assert_int_equal(script_gateway_add(&all, "m.c.example", 2,
					    "c.example"), 0);
	assert_int_equal(script_gateway_add(&all, "m.a.example", 3,
					    "example"), 0);
	assert_int_equal(script_gateway_add(&all, "M.B.example", 4, NULL), 0);
	assert_int_equal(all.c, 3);
	assert_string_equal(all.v[0].fqdn, "m.a.example");
	assert_string_equal(all.v[1].fqdn, "m.b.example");
	assert_int_equal(all.v[1].port, 1);
	assert_string_equal(all.v[2].fqdn, "m.c.example");
	assert_false(all.v[0].derived);
	assert_true(all.v[2].derived);

	memset(name, 'x', sizeof(name));
	name[SCRIPT_FQDN_SIZE] = '\0';
	assert_int_equal(script_gateway_add(&all, name, 1, NULL), EOVERFLOW);
	for (int i = 3; i < SCRIPT_GATEWAYS; i++) {
		(void)re_snprintf(name, sizeof(name), "%d.example", i);
		assert_int_equal(script_gateway_add(&all, name, 1, NULL), 0);
	}
	assert_int_equal(script_gateway_add(&all, "z", 1, NULL), EOVERFLOW);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_cannot_end_their_quotes),
		cmocka_unit_test(control_characters_are_refused),
		cmocka_unit_test(lines_end_as_windows_wants),
		cmocka_unit_test(a_derived_trunk_has_no_gateway),
		cmocka_unit_test(gateways_are_in_order_and_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
