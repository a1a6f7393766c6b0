/**
 * @file run_order.c  What somebody wants tested
 */
#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/model/check.h"
#include "run_order.h"


enum { CASES_MAX = 32, TAGS_MAX = 16, REPEAT_MAX = 20, USERS_MAX = 2 };

static const char *const kindv[] = {"plans", "readiness"};

static const struct field filev[] = {
	{ .name = "name", .type = FIELD_STRING, .min = 1, .max = 255,
	  .offset = offsetof(struct run_file, name), .checkh = check_line,
	  .flags = FIELD_REQUIRED,
	  .help = "What messages call it, and \"plans\"" },
	{ .name = "text", .type = FIELD_STRING, .max = RUN_FILE_MAX,
	  .offset = offsetof(struct run_file, text), .flags = FIELD_REQUIRED,
	  .help = "The plan as it is written (YAML)" },
};

const struct fields run_file_fields = {
	.name = "plan-file", .fieldv = filev,
	.fieldc = RE_ARRAY_SIZE(filev), .size = sizeof(struct run_file),
	.help = "A plan of one's own",
};

#define AT(m) .offset = offsetof(struct run_order, m)

static const struct field orderv[] = {
	{ .name = "kind", .type = FIELD_CHOICE, AT(kind), .choicev = kindv,
	  .choicec = RE_ARRAY_SIZE(kindv), .dflt = "plans",
	  .help = "Test plans, or checks of the way to the PBX (readiness)" },
	{ .name = "plans", .type = FIELD_STRINGS, AT(plans),
	  .max = RUN_PLANS_MAX, .dflt = "confidence",
	  .help = "Names of plans, and of files that come along" },
	{ .name = "files", .type = FIELD_LIST, AT(filel),
	  .sub = &run_file_fields, .max = RUN_PLANS_MAX,
	  .help = "Plans of one's own" },
	{ .name = "cases", .type = FIELD_STRINGS, AT(cases),
	  .max = CASES_MAX, .help = "Only these cases of them; unset: all" },
	{ .name = "tags", .type = FIELD_STRINGS, AT(tags), .max = TAGS_MAX,
	  .help = "Only cases with one of these tags; unset: all" },
	{ .name = "resume", .type = FIELD_STRING, AT(resume), .max = 63,
	  .checkh = check_line,
	  .help = "Id of an earlier test of this PBX: what passed there is"
		  " taken over" },
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


static void order_check(const void *obj, const struct doc_node *node,
			struct errors *errs)
{
	const struct run_order *order = obj;
	(void)node;

	if (order->call && !order->users.c)
		errors_add(errs, NULL, "users", "want who calls %s",
			   order->call);
}


const struct fields run_order_fields = {
	.name = "test-run", .fieldv = orderv,
	.fieldc = RE_ARRAY_SIZE(orderv), .size = sizeof(struct run_order),
	.checkh = order_check, .help = "What is to be tested at a PBX",
};
