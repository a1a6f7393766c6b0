/**
 * @file test_plans.c  The plans of the house, and what each case wants
 */
#include <jansson.h>
#include <string.h>

#include "api.h"
#include "bridge/base/errors.h"
#include "testplans/plan.h"
#include "testplans/step.h"


/** Once each, in the order in which they are met */
static void need(json_t *needs, const char *name, size_t l)
{
	const json_t *each;
	size_t i;

	json_array_foreach(needs, i, each)
		if (json_string_length(each) == l &&
		    !memcmp(json_string_value(each), name, l))
			return;

	(void)json_array_append_new(needs, json_stringn(name, l));
}


/** "external_2.number" wants external_2; "nobody" and "echo" are numbers */
static void number_needs(const struct step_arg *arg, json_t *needs)
{
	struct pl list = arg->text, item;

	while (step_numbers_next(&list, &item)) {
		const char *dot = pl_strchr(&item, '.');

		if (dot)
			need(needs, item.p, (size_t)(dot - item.p));
		if (dot && !strncmp(dot, ".mailbox", 8))
			need(needs, "mailbox", 7);
	}
}


static json_t *case_json(const struct plan_case *cas, struct errors *errs)
{
	const struct place place = {NULL, 0, 0};
	json_t *steps = json_array(), *needs = json_array();
	json_t *tags = json_array();

	for (size_t i = 0; i < cas->tags.c; i++)
		(void)json_array_append_new(tags,
					    json_string(cas->tags.v[i]));

	for (size_t i = 0; i < cas->steps.c; i++) {
		struct step step;

		(void)json_array_append_new(steps,
					    json_string(cas->steps.v[i]));
		if (step_parse(&step, &place, cas->steps.v[i], errs))
			continue;

		for (size_t n = 0; n < step.argc; n++) {
			const struct step_arg *arg = &step.argv[n];
			const char *name = step_actor_name(arg->actor);

			if (step_arg_is_actor(&step, n))
				need(needs, name, strlen(name));
			else if (step_arg_is_number(&step, n))
				number_needs(arg, needs);
		}
	}

	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", cas->id, "title",
			 cas->title, "tags", tags, "steps", steps, "needs",
			 needs);
}


static json_t *plan_json(const struct plan *plan, struct errors *errs)
{
	json_t *cases = json_array();
	struct le *le;

	LIST_FOREACH(&plan->casel, le)
		(void)json_array_append_new(cases, case_json(le->data,
							     errs));

	return json_pack("{s:s, s:s, s:o}", "plan", plan->plan, "title",
			 plan->title, "cases", cases);
}


void plans_get(struct request *rq)
{
	struct errors *errs = NULL;
	json_t *plans = json_array();
	char name[64];

	if (errors_alloc(&errs)) {
		json_decref(plans);
		reply_store(rq, ENOMEM, NULL);
		return;
	}

	for (size_t i = 0; *plan_name(name, sizeof(name), i); i++) {
		struct plan *plan;

		if (plan_find(&plan, name, errs))
			continue;

		(void)json_array_append_new(plans, plan_json(plan, errs));
		mem_deref(plan);
	}
	mem_deref(errs);

	reply_json(rq, HTTP_OK, json_pack("{s:o, s:b, s:i}", "test_plans",
		   plans, "teams_sim", portal_conf(rq->portal)->tests
		   .teams_sim != NULL, "at_once",
		   (int)portal_conf(rq->portal)->tests.at_once));
}
