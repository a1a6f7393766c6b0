/**
 * @file test_plans.c  Plans, and what each case wants
 */
#include <jansson.h>
#include <string.h>

#include "api.h"
#include "bridge/base/errors.h"
#include "run_order.h"
#include "testplans/choice.h"


/** Once each, in the order in which they are met */
static void need(const char *name, size_t l, void *arg)
{
	json_t *needs = arg, *each;
	size_t i;

	json_array_foreach(needs, i, each)
		if (json_string_length(each) == l &&
		    !memcmp(json_string_value(each), name, l))
			return;

	(void)json_array_append_new(needs, json_stringn(name, l));
}


static json_t *case_json(const struct plan_case *cas)
{
	json_t *needs = json_array();

	choice_needs(cas, need, needs);

	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", cas->id, "title",
			 cas->title, "tags", strings_json(&cas->tags),
			 "steps", strings_json(&cas->steps), "needs", needs);
}


static json_t *plan_json(const struct plan *plan)
{
	json_t *cases = json_array();
	struct le *le;

	LIST_FOREACH(&plan->casel, le)
		(void)json_array_append_new(cases, case_json(le->data));

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

		(void)json_array_append_new(plans, plan_json(plan));
		mem_deref(plan);
	}
	mem_deref(errs);

	reply_json(rq, HTTP_OK, json_pack("{s:o, s:b, s:i}", "test_plans",
		   plans, "teams_sim", portal_conf(rq->portal)->tests
		   .teams_sim != NULL, "at_once",
		   (int)portal_conf(rq->portal)->tests.at_once));
}


static int file_read(struct run_file *file, const json_t *body,
		     struct errors *errs)
{
	int err;

	err = fields_read_json(&run_file_fields, file, body, errs, NULL);

	return err ? err : fields_required(&run_file_fields, file, NULL,
					   errs);
}


void plan_check_post(struct request *rq)
{
	struct run_file file = { .name = NULL };
	struct errors *errs = NULL;
	struct plan *plan = NULL;
	json_t *body = body_json(rq);
	int err;

	if (!body)
		return;

	err = errors_alloc(&errs);
	if (!err)
		err = file_read(&file, body, errs);
	if (!err)
		err = plan_parse(&plan, file.name, file.text,
				 strlen(file.text), errs);

	if (err)
		reply_store(rq, err, errs);
	else
		reply_json(rq, HTTP_OK, plan_json(plan));

	mem_deref(plan);
	mem_deref(errs);
	fields_clear(&run_file_fields, &file);
	json_decref(body);
}
