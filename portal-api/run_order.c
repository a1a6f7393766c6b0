/**
 * @file run_order.c  What somebody wants tested
 */
#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/model/check.h"
#include "run_order.h"
#include "testplans/plan.h"


enum { PLANS_MAX = 8, CASES_MAX = 32, REPEAT_MAX = 20, USERS_MAX = 2 };

static const char *const kindv[] = {"plans", "readiness"};

#define AT(m) .offset = offsetof(struct run_order, m)

static const struct field orderv[] = {
	{ .name = "kind", .type = FIELD_CHOICE, AT(kind), .choicev = kindv,
	  .choicec = RE_ARRAY_SIZE(kindv), .dflt = "plans",
	  .help = "Test plans, or checks of the way to the PBX (readiness)" },
	{ .name = "plans", .type = FIELD_STRINGS, AT(plans),
	  .max = PLANS_MAX, .dflt = "confidence",
	  .help = "Names of plans" },
	{ .name = "cases", .type = FIELD_STRINGS, AT(cases),
	  .max = CASES_MAX, .help = "Only these cases of them; unset: all" },
	{ .name = "times", .type = FIELD_PERCENT, AT(times), .min = 1,
	  .max = 100, .dflt = "100%",
	  .help = "Talking times are shortened to that share; the report says"
		  " so" },
	{ .name = "repeat", .type = FIELD_INT, AT(repeat), .min = 1,
	  .max = REPEAT_MAX, .dflt = "1", .help = "Rounds" },
	{ .name = "users", .type = FIELD_STRINGS, AT(users),
	  .max = USERS_MAX, .checkh = check_line,
	  .help = "For readiness: users who register once more for a moment;"
		  " two can call each other" },
	{ .name = "call", .type = FIELD_STRING, AT(call), .max = 31,
	  .checkh = check_prefix,
	  .help = "For readiness: number for the first user to call instead"
		  " of the second" },
};


static void plan_check(const char *name, struct errors *errs)
{
	const char *namev[64], *near;
	char bufv[64][64];
	size_t c = 0;

	for (; c < RE_ARRAY_SIZE(namev) &&
	     *plan_name(bufv[c], sizeof(bufv[c]), c); c++) {
		namev[c] = bufv[c];
		if (!strcmp(bufv[c], name))
			return;
	}

	near = errors_nearest(name, namev, c);
	if (near)
		errors_add(errs, NULL, "plans", "there is no plan \"%s\"; did"
			   " you mean \"%s\"?", name, near);
	else
		errors_add(errs, NULL, "plans", "there is no plan \"%s\"",
			   name);
}


static void order_check(const void *obj, const struct doc_node *node,
			struct errors *errs)
{
	const struct run_order *order = obj;
	(void)node;

	for (size_t i = 0; i < order->plans.c; i++)
		plan_check(order->plans.v[i], errs);

	if (order->kind == RUN_PLANS && !order->plans.c)
		errors_add(errs, NULL, "plans", "want the name of a plan");
	if (order->call && !order->users.c)
		errors_add(errs, NULL, "users", "want who calls %s",
			   order->call);
}


const struct fields run_order_fields = {
	.name = "test-run", .fieldv = orderv,
	.fieldc = RE_ARRAY_SIZE(orderv), .size = sizeof(struct run_order),
	.checkh = order_check, .help = "What is to be tested at a PBX",
};
