/**
 * @file test_roster.c  Who plays whom: what is read, and what a plan's numbers
 *                      stand for
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "testplans/roster.h"


#define GOOD "roster: r\nteams: { control: t.sock, fqdn: sbc.example }\n" \
	"pbx: { sip_domain: pbx.example }\n" \
	"user_a: { kind: teams, number: \"+4420\", extension: \"201\" }\n" \
	"external: { kind: phone, number: \"105\" }\n"


/** Errors of a roster as a person sees them, its path left out */
static struct roster *load(const char *text, const char *want)
{
	char path[] = "/tmp/callbridge-roster-XXXXXX";
	const int fd = mkstemp(path);
	struct roster *roster = NULL;
	struct errors *errs;
	char *found;
	int err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)),
			 (ssize_t)strlen(text));
	(void)close(fd);

	assert_int_equal(errors_alloc(&errs), 0);
	err = roster_load(&roster, path, errs);
	assert_int_equal(err, *want ? EBADMSG : 0);
	assert_int_equal(re_sdprintf(&found, "%H", errors_print, errs), 0);

	if (*want)
		assert_non_null(strstr(found, want));
	else
		assert_string_equal(found, "");

	mem_deref(found);
	mem_deref(errs);
	(void)unlink(path);

	return roster;
}


static void a_roster_is_read_with_defaults(void **state)
{
	struct roster *roster = load(GOOD, "");

	(void)state;

	assert_int_equal(roster->user_a.kind, ROSTER_TEAMS);
	assert_int_equal(roster->external.kind, ROSTER_PHONE);
	assert_true(roster->external.registers);
	assert_int_equal(roster->external.dials, ROSTER_DIALS_NUMBER);
	assert_int_equal(roster->pbx.protocol, ROSTER_UDP);
	assert_string_equal(roster->teams.control, "/tmp/t.sock");
	assert_false(roster->bridge.start);
	assert_int_equal(roster->external_2.kind, -1);
	assert_null(roster->external_2.number);
	assert_ptr_equal(roster_account(roster, ACTOR_EXTERNAL),
			 &roster->external);
	mem_deref(roster);
}


static void what_does_not_fit_together_is_told(void **state)
{
	(void)state;

	(void)load("", "want a roster, found an empty file");
	(void)load("roster: r\nuser_c: {}\n", "did you mean");
	(void)load("roster: r\nuser_a: { number: \"1\" }\n",
		   "user_a: want its kind: teams, phone or human");
	(void)load("roster: r\nuser_a: { kind: human }\n",
		   "user_a: want its number");
	(void)load("roster: r\nuser_a: { kind: phone, number: \"1\" }\n",
		   "user_a: want teams or human");
	(void)load("roster: r\nexternal: { kind: teams, number: \"1\" }\n",
		   "external: want phone or human");
	(void)load("roster: r\nexternal: { kind: phone, number: \"1\" }\n",
		   "external: a phone wants pbx.sip_domain");
	(void)load("roster: r\nuser_a: { kind: teams, number: \"1\" }\n",
		   "user_a: a user in teams-sim wants teams.control");
}


static void expect(const struct roster *roster, const char *word,
		   const char *want)
{
	char number[64] = "", why[128] = "";
	struct pl pl;
	int err;

	pl_set_str(&pl, word);
	err = roster_number(roster, &pl, number, sizeof(number), why,
			    sizeof(why));
	assert_int_equal(err, *want == '!' ? ENOENT : 0);
	assert_string_equal(err ? why : number, err ? want + 1 : want);
}


static void numbers_of_a_plan_are_those_of_the_roster(void **state)
{
	struct roster *roster = load(GOOD "nobody: \"999\"\n", "");

	(void)state;

	expect(roster, "user_a.number", "+4420");
	expect(roster, "user_a.extension", "201");
	expect(roster, "nobody.number", "999");
	expect(roster, "*43", "*43");
	expect(roster, "user_a.mailbox", "!the roster has no user_a.mailbox");
	expect(roster, "user_b.number", "!the roster has no user_b.number");
	expect(roster, "echo.number", "!the roster has no echo.number");
	mem_deref(roster);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(a_roster_is_read_with_defaults),
		cmocka_unit_test(what_does_not_fit_together_is_told),
		cmocka_unit_test(numbers_of_a_plan_are_those_of_the_roster),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
