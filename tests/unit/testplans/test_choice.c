/**
 * @file test_choice.c  Which cases are done, and whom they want
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "testplans/choice.h"


static const char text[] =
	"plan: lunch\n"
	"title: Lunch\n"
	"cases:\n"
	"  - id: noon\n"
	"    title: At noon\n"
	"    tags: [daily, short]\n"
	"    steps:\n"
	"      - external dials user_a.number\n"
	"      - user_a rings within 10s showing one of"
	" [external.number, external_2.number]\n"
	"  - id: late\n"
	"    title: Late\n"
	"    tags: [short]\n"
	"    steps:\n"
	"      - user_b dials user_b.mailbox\n"
	"      - user_b dials echo.number\n"
	"      - user_b dials +441632960031\n";


static struct plan *lunch(void)
{
	struct errors *errs;
	struct plan *plan = NULL;

	assert_int_equal(errors_alloc(&errs), 0);
	if (plan_parse(&plan, "lunch.yaml", text, strlen(text), errs)) {
		re_fprintf(stderr, "%H", errors_print, errs);
		fail();
	}
	mem_deref(errs);

	return plan;
}


/** Which are done, by id; and what is told against it */
static void expect(const char *cas, const char *tag, const char *ids,
		   const char *told)
{
	struct plan *plan = lunch();
	const struct choice ch = {
		.planv = &plan, .planc = 1, .casev = &cas, .casec = cas != 0,
		.tagv = &tag, .tagc = tag != NULL,
	};
	struct errors *errs;
	char found[64] = "", *words;
	struct le *le;

	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(choice_check(&ch, errs), *told ? EBADMSG : 0);
	assert_int_equal(re_sdprintf(&words, "%H", errors_print, errs), 0);
	assert_string_equal(words, told);

	LIST_FOREACH(&plan->casel, le) {
		const struct plan_case *each = le->data;
		const size_t l = strlen(found);

		if (choice_has(&ch, each))
			(void)re_snprintf(found + l, sizeof(found) - l,
					  "%s ", each->id);
	}
	assert_string_equal(found, ids);

	mem_deref(words);
	mem_deref(errs);
	mem_deref(plan);
}


static void cases_are_chosen_by_id_and_by_tag(void **state)
{
	(void)state;
	expect(NULL, NULL, "noon late ", "");
	expect("late", NULL, "late ", "");
	expect(NULL, "short", "noon late ", "");
	expect(NULL, "daily", "noon ", "");
	expect("noon", "short", "noon ", "");
}


static void what_there_is_not_is_told(void **state)
{
	(void)state;
	expect("nono", NULL, "", "cases: no plan that was chosen has the case"
	       " \"nono\": did you mean \"noon\"?\n");
	expect(NULL, "dayly", "", "tags: no plan that was chosen has the tag"
	       " \"dayly\": did you mean \"daily\"?\n");
	expect("late", "daily", "", "tags: none of the cases that were chosen"
	       " has any of these tags\n");
}


static void need(const char *name, size_t l, void *arg)
{
	char *found = arg;
	const size_t n = strlen(found);

	(void)re_snprintf(found + n, 256 - n, "%b ", name, l);
}


static void a_case_wants_those_it_speaks_of(void **state)
{
	struct plan *plan = lunch();
	char found[256] = "";

	(void)state;
	choice_needs(list_ledata(list_head(&plan->casel)), need, found);
	assert_string_equal(found, "external user_a user_a external"
			    " external_2 ");
	found[0] = '\0';
	choice_needs(list_ledata(list_tail(&plan->casel)), need, found);
	assert_string_equal(found, "user_b user_b mailbox user_b echo"
			    " user_b ");
	mem_deref(plan);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_are_chosen_by_id_and_by_tag),
		cmocka_unit_test(what_there_is_not_is_told),
		cmocka_unit_test(a_case_wants_those_it_speaks_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
