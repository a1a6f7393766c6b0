/**
 * @file plan.c  Reading test plans
 */
#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "embedded.h"
#include "plan.h"
#include "step.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))


static bool check_id(const char *value, char *why, size_t size)
{
	if (value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-")]) {
		str_ncpy(why, "small letters, digits and -", size);
		return false;
	}

	return true;
}


static const struct field casev[] = {
	{ .name = "id", .type = FIELD_STRING, .min = 1, .max = 63,
	  .offset = offsetof(struct plan_case, id),
	  .checkh = check_id, .flags = FIELD_REQUIRED | FIELD_KEY,
	  .help = "Name of the case, once in a plan" },
	{ .name = "title", .type = FIELD_STRING, .min = 1, .max = 127,
	  .offset = offsetof(struct plan_case, title),
	  .flags = FIELD_REQUIRED,
	  .help = "What is tried, for people" },
	{ .name = "tags", .type = FIELD_STRINGS,
	  .offset = offsetof(struct plan_case, tags),
	  .help = "Words to choose cases by" },
	{ .name = "steps", .type = FIELD_STRINGS, .min = 1, .max = 200,
	  .offset = offsetof(struct plan_case, steps),
	  .flags = FIELD_REQUIRED,
	  .help = "Sentences, done in order: see `callbridge test steps`" },
};

static const struct fields case_fields = {
	.name = "case", .fieldv = casev, .fieldc = COUNT(casev),
	.size = sizeof(struct plan_case),
	.help = "One test: a few calls from beginning to end",
};

static const struct field planv[] = {
	{ .name = "plan", .type = FIELD_STRING, .min = 1, .max = 63,
	  .offset = offsetof(struct plan, plan),
	  .checkh = check_id, .flags = FIELD_REQUIRED | FIELD_KEY,
	  .help = "Name of the plan" },
	{ .name = "title", .type = FIELD_STRING, .min = 1, .max = 127,
	  .offset = offsetof(struct plan, title),
	  .flags = FIELD_REQUIRED,
	  .help = "What it proves, for people" },
	{ .name = "cases", .type = FIELD_LIST, .sub = &case_fields,
	  .min = 1, .max = 200,
	  .offset = offsetof(struct plan, casel),
	  .flags = FIELD_REQUIRED,
	  .help = "Tests, done in order" },
};

const struct fields plan_fields = {
	.name = "plan", .fieldv = planv, .fieldc = COUNT(planv),
	.size = sizeof(struct plan),
	.help = "A test plan: what is tried on a PBX before it goes live",
};


static void plan_destructor(void *arg)
{
	fields_clear(&plan_fields, arg);
}


static void steps_check(const struct doc_node *cas, struct errors *errs)
{
	const struct doc_node *node = doc_member(cas, "steps");

	if (!node || node->type != DOC_SEQUENCE)
		return;

	for (node = node->child; node; node = node->next) {
		/* Behind the quote, if there is one */
		const struct place place = {
			node->file, node->line,
			node->column + (node->plain ? 0 : 1)
		};
		struct step step;

		if (node->type == DOC_SCALAR)
			(void)step_parse(&step, &place, node->value, errs);
	}
}


/** A case that has the name of one before it */
static void id_check(const struct doc_node *first,
		     const struct doc_node *cas, struct errors *errs)
{
	const struct doc_node *id = doc_member(cas, "id");

	if (!id || id->type != DOC_SCALAR)
		return;

	for (; first != cas; first = first->next) {
		const struct doc_node *other = doc_member(first, "id");

		if (other && other->type == DOC_SCALAR &&
		    !strcmp(other->value, id->value)) {
			const struct place place = {id->file, id->line,
						    id->column};

			errors_add(errs, &place, NULL,
				   "there is a case \"%s\" already, in line"
				   " %u", id->value, other->line);
			return;
		}
	}
}


static void cases_check(const struct doc_node *root, struct errors *errs)
{
	const struct doc_node *cases = doc_member(root, "cases");

	if (!cases || cases->type != DOC_SEQUENCE)
		return;

	for (const struct doc_node *cas = cases->child; cas;
	     cas = cas->next) {
		id_check(cases->child, cas, errs);
		steps_check(cas, errs);
	}
}


static int plan_read(struct plan **planp, const char *name,
		     const struct doc *doc, struct errors *errs)
{
	const struct doc_node *root = doc_root(doc);
	const size_t before = errors_count(errs);
	struct plan *plan;
	int err;

	if (!root) {
		const struct place place = {name, 1, 1};

		errors_add(errs, &place, NULL, "want a test plan, found an"
			   " empty file");
		return EBADMSG;
	}

	plan = mem_zalloc(sizeof(*plan), plan_destructor);
	if (!plan)
		return ENOMEM;

	err = fields_read(&plan_fields, plan, root, errs, NULL);
	if (!err)
		err = fields_required(&plan_fields, plan, root, errs);

	if (err != ENOMEM) {
		cases_check(root, errs);
		if (errors_count(errs) != before)
			err = EBADMSG;
	}

	if (err)
		mem_deref(plan);
	else
		*planp = plan;

	return err;
}


int plan_load(struct plan **planp, const char *path, struct errors *errs)
{
	struct doc *doc;
	int err;

	err = doc_load(&doc, path, errs);
	if (err)
		return err;

	err = plan_read(planp, path, doc, errs);
	mem_deref(doc);

	return err;
}


int plan_parse(struct plan **planp, const char *name, const char *text,
	       size_t size, struct errors *errs)
{
	struct doc *doc;
	int err;

	err = doc_parse_sent(&doc, name, text, size, errs);
	if (err)
		return err;

	err = plan_read(planp, name, doc, errs);
	mem_deref(doc);

	return err;
}


size_t plan_steps(const struct plan *plan)
{
	size_t n = 0;
	struct le *le;

	LIST_FOREACH(&plan->casel, le) {
		const struct plan_case *cas = le->data;

		n += cas->steps.c;
	}

	return n;
}


/** "plans/hold.yaml" is "hold" */
const char *plan_name(char *buf, size_t size, size_t i)
{
	const char *file = i < embeddedc ? embeddedv[i].file : "";
	const char *slash = strrchr(file, '/');
	const char *dot = strrchr(file, '.');

	buf[0] = '\0';
	if (slash && dot)
		(void)re_snprintf(buf, size, "%b", slash + 1,
				  (size_t)(dot - slash - 1));

	return buf;
}


int plan_find(struct plan **planp, const char *name, struct errors *errs)
{
	for (size_t i = 0; i < embeddedc; i++) {
		char known[64];

		if (!strcmp(plan_name(known, sizeof(known), i), name))
			return plan_parse(planp, embeddedv[i].file,
					  embeddedv[i].text,
					  embeddedv[i].size, errs);
	}

	return ENOENT;
}


const char *plan_nearest(char *buf, size_t size, const char *name)
{
	enum { PLANS = 64, NAME_SIZE = 64 };
	const char *knownv[PLANS], *near;
	char namev[PLANS][NAME_SIZE];
	size_t c = 0;

	while (c < PLANS && *plan_name(namev[c], NAME_SIZE, c)) {
		knownv[c] = namev[c];
		++c;
	}

	near = errors_nearest(name, knownv, c);
	if (!near)
		return NULL;

	str_ncpy(buf, near, size);

	return buf;
}
