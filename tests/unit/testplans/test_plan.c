/**
 * @file test_plan.c  Test plans: what is read, what is refused, and where
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "testplans/plan.h"
#include "testplans/step.h"


#define HEAD "plan: p\ntitle: P\ncases:\n"


/** Errors of a plan, as a person sees them; "" for a good one */
static void expect(const char *text, const char *want)
{
	struct errors *errs;
	struct plan *plan = NULL;
	char *found;
	int err;

	assert_int_equal(errors_alloc(&errs), 0);
	err = plan_parse(&plan, "t.yaml", text, strlen(text), errs);
	assert_int_equal(err, *want ? EBADMSG : 0);
	assert_true(!plan == !!*want);
	assert_int_equal(re_sdprintf(&found, "%H", errors_print, errs), 0);
	assert_string_equal(found, want);

	mem_deref(found);
	mem_deref(plan);
	mem_deref(errs);
}


/** Error of one sentence, which is in line 6, column 24 */
static void refuse(const char *sentence, const char *want)
{
	char *text, *line;

	assert_int_equal(re_sdprintf(&text, HEAD "  - id: a\n    title: A\n"
				     "    steps: [call lasts 1s, \"%s\"]\n",
				     sentence), 0);
	assert_int_equal(re_sdprintf(&line, "t.yaml:6:%s\n", want), 0);
	expect(text, line);
	mem_deref(line);
	mem_deref(text);
}


static struct step good(const char *text)
{
	const struct place place = {"t.yaml", 1, 1};
	struct errors *errs;
	struct step step;

	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(step_parse(&step, &place, text, errs), 0);
	assert_int_equal(errors_count(errs), 0);
	mem_deref(errs);

	return step;
}


static void a_sentence_gives_its_arguments(void **state)
{
	struct step s;

	(void)state;

	s = good("external dials  user_a.number");
	assert_int_equal(s.verb, STEP_DIALS);
	assert_int_equal(s.argc, 2);
	assert_int_equal(s.argv[0].actor, ACTOR_EXTERNAL);
	assert_int_equal(pl_strcmp(&s.argv[1].text, "user_a.number"), 0);

	s = good("external_2 rings within 1500ms showing one of"
		 " [user_a.number, +4940, 0*#]");
	assert_int_equal(s.verb, STEP_RINGS_SHOWING_ONE);
	assert_int_equal(s.argc, 3);
	assert_int_equal(s.argv[0].actor, ACTOR_EXTERNAL_2);
	assert_int_equal(s.argv[1].ms, 1500);

	s = good("call lasts 35m");
	assert_int_equal(s.verb, STEP_LASTS);
	assert_int_equal(s.argv[0].ms, 35 * 60 * 1000);

	s = good("user_a rings within 10s showing user_b.extension");
	assert_int_equal(s.verb, STEP_RINGS_SHOWING);

	s = good("user_b makes 20 calls to external at 60 a minute each"
		 " lasting 30s");
	assert_int_equal(s.verb, STEP_LOAD);
	assert_int_equal(s.argc, 5);
	assert_int_equal(s.argv[0].actor, ACTOR_USER_B);
	assert_int_equal(s.argv[1].count, 20);
	assert_int_equal(s.argv[2].actor, ACTOR_EXTERNAL);
	assert_int_equal(s.argv[3].count, 60);
	assert_int_equal(s.argv[4].ms, 30000);

	s = good("MOS is at least 3.5");
	assert_int_equal(s.verb, STEP_MOS);
	assert_int_equal(s.argc, 1);
	assert_true(s.argv[0].mos > 3.4 && s.argv[0].mos < 3.6);

	s = good("external is refused within 5s as busy");
	assert_int_equal(s.verb, STEP_REFUSED_AS);
	assert_int_equal(s.argv[2].reason, REASON_BUSY);

	(void)good("user_a sends digits 159#");
	(void)good("user_a dials nobody.number");
	(void)good("external dials user_a.mailbox");
	assert_int_equal(good("user_a rings within 10s").verb, STEP_RINGS);
}


static void an_unknown_sentence_is_told_with_the_nearest(void **state)
{
	(void)state;

	refuse("user_a ring within 10s",
	       "29: unknown step \"user_a ring within 10s\": did you mean"
	       " \"ACTOR rings within TIME\"?");
	refuse("audio flows both ways between user_a",
	       "29: unknown step \"audio flows both ways between user_a\":"
	       " did you mean \"audio flows both ways between ACTOR and"
	       " ACTOR\"?");
	refuse("user_a anwsers",
	       "29: unknown step \"user_a anwsers\": did you mean \"ACTOR"
	       " answers\"?");
	refuse("the quick brown fox jumps over it",
	       "29: unknown step \"the quick brown fox jumps over it\"");
	refuse("", "29: unknown step \"\"");
}


static void a_wrong_argument_is_told_with_its_column(void **state)
{
	(void)state;

	refuse("call lasts 45",
	       "40: want a time up to 2 hours such as 10s or 35m, found"
	       " \"45\"");
	refuse("call lasts 121m",
	       "40: want a time up to 2 hours such as 10s or 35m, found"
	       " \"121m\"");
	refuse("external registers again within 1s",
	       "29: want user_a or user_b, found \"external\"");
	refuse("user_c answers",
	       "29: want user_a, user_b, external or external_2, found"
	       " \"user_c\"");
	refuse("user_a dials user_b",
	       "42: want a number such as user_a.number, user_b.extension or"
	       " +442079460018, found \"user_b\"");
	refuse("user_a makes 501 calls to external at 60 a minute each"
	       " lasting 30s",
	       "42: want a whole number from 1 to 500, found \"501\"");
	refuse("MOS is at least 5.1",
	       "45: want a quality from 1.0 to 5.0, found \"5.1\"");
	refuse("user_a sends digits 1e",
	       "49: want up to 32 keys such as 159#, found \"1e\"");
	refuse("user_a is refused within 5s as lost",
	       "60: want busy, rejected, unanswered or unknown, found"
	       " \"lost\"");
	refuse("user_a dials +",
	       "42: want a number such as user_a.number, user_b.extension or"
	       " +442079460018, found \"+\"");
	refuse("user_a rings within 1s showing one of [user_b.number,]",
	       "67: want numbers such as [user_a.number, external.number],"
	       " found \"[user_b.number,]\"");
}


static void everything_wrong_is_told_at_once(void **state)
{
	(void)state;

	expect(HEAD
	       "  - id: a\n"
	       "    title: A\n"
	       "    steps:\n"
	       "      - user_a sings\n"
	       "      - call lasts 1x\n"
	       "  - id: a\n"
	       "    title: Again\n"
	       "    steps:\n"
	       "      - external answers\n",
	       "t.yaml:7:9: unknown step \"user_a sings\"\n"
	       "t.yaml:8:20: want a time up to 2 hours such as 10s or 35m,"
	       " found \"1x\"\n"
	       "t.yaml:9:9: there is a case \"a\" already, in line 4\n");
	expect("", "t.yaml:1:1: want a test plan, found an empty file\n");
}


static void the_plans_of_the_house_are_good(void **state)
{
	char name[64];
	size_t i;

	(void)state;

	for (i = 0; *plan_name(name, sizeof(name), i); i++) {
		struct errors *errs;
		struct plan *plan = NULL;

		assert_int_equal(errors_alloc(&errs), 0);
		if (plan_find(&plan, name, errs))
			(void)re_fprintf(stderr, "%H", errors_print, errs);
		assert_non_null(plan);
		assert_string_equal(plan->plan, name);
		assert_true(plan_steps(plan) > 2);
		mem_deref(plan);
		mem_deref(errs);
	}

	assert_int_equal(i, 12);
}


static void a_misspelt_plan_is_told_with_the_nearest(void **state)
{
	char name[64] = "?";

	(void)state;

	assert_string_equal(plan_nearest(name, sizeof(name), "transfer"),
			    "transfers");
	assert_string_equal(plan_nearest(name, sizeof(name), "single-cals"),
			    "single-calls");
	assert_null(plan_nearest(name, sizeof(name), "lunch"));
	assert_string_equal(name, "single-calls");
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(a_sentence_gives_its_arguments),
		cmocka_unit_test(an_unknown_sentence_is_told_with_the_nearest),
		cmocka_unit_test(a_wrong_argument_is_told_with_its_column),
		cmocka_unit_test(everything_wrong_is_told_at_once),
		cmocka_unit_test(the_plans_of_the_house_are_good),
		cmocka_unit_test(a_misspelt_plan_is_told_with_the_nearest),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
