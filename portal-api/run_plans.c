/**
 * @file run_plans.c  The plans of an order, read
 *
 * A plan is one of the house, or a file that came with the order. Such a file
 * is read here as `callbridge test lint` reads it, and lies in the folder of
 * the test while that runs, under a name of ours.
 */
#include "bridge/base/errors.h"
#include "run_keep.h"
#include "run_plans.h"


/** What cases may want; a bit each */
static const char *const needv[] = {
	"user_a", "user_b", "external", "external_2", "nobody", "echo",
	"mailbox",
};


static const struct run_file *file_of(const struct run_order *order,
				      const char *name)
{
	struct le *le;

	LIST_FOREACH(&order->filel, le) {
		const struct run_file *file = le->data;

		if (!strcmp(file->name, name))
			return file;
	}

	return NULL;
}


static void unknown(const char *name, struct errors *errs)
{
	char known[64];
	const char *near = plan_nearest(known, sizeof(known), name);

	errors_add(errs, NULL, "plans", "there is no plan \"%s\"%s%s%s", name,
		   near ? "; did you mean \"" : "", near ? near : "",
		   near ? "\"?" : "");
}


static int plan_get(struct run_plans *plans, const struct run_order *order,
		    const char *name, struct errors *errs)
{
	const struct run_file *file = file_of(order, name);
	const size_t i = plans->choice.planc;
	int err;

	err = file ? plan_parse(&plans->planv[i], file->name, file->text,
				strlen(file->text), errs) :
		plan_find(&plans->planv[i], name, errs);
	if (err == ENOENT) {
		unknown(name, errs);
		err = EBADMSG;
	}
	if (!err) {
		plans->filev[i] = file;
		++plans->choice.planc;
	}

	return err;
}


static void files_check(const struct run_order *order, struct errors *errs)
{
	struct le *le;

	LIST_FOREACH(&order->filel, le) {
		const struct run_file *file = le->data;

		if (!strings_has(&order->plans, file->name))
			errors_add(errs, NULL, "files", "no plan is called"
				   " \"%s\"", file->name);
		else if (file_of(order, file->name) != file)
			errors_add(errs, NULL, "files", "there is a file"
				   " \"%s\" already", file->name);
	}
}


static void need(const char *name, size_t l, void *arg)
{
	unsigned *needs = arg;

	for (size_t i = 0; i < RE_ARRAY_SIZE(needv); i++)
		if (strlen(needv[i]) == l && !memcmp(needv[i], name, l))
			*needs |= 1u << i;
}


static void needs_find(struct run_plans *plans)
{
	struct le *le;

	for (size_t i = 0; i < plans->choice.planc; i++)
		LIST_FOREACH(&plans->planv[i]->casel, le)
			if (choice_has(&plans->choice, le->data))
				choice_needs(le->data, need, &plans->needs);
}


int run_plans_read(struct run_plans *plans, const struct run_order *order,
		   struct errors *errs)
{
	const size_t before = errors_count(errs);

	plans->choice = (struct choice){
		.planv = plans->planv,
		.casev = (const char *const *)order->cases.v,
		.casec = order->cases.c,
		.tagv  = (const char *const *)order->tags.v,
		.tagc  = order->tags.c,
	};

	if (!order->plans.c)
		errors_add(errs, NULL, "plans", "want the name of a plan");

	for (size_t i = 0; i < order->plans.c; i++)
		if (plan_get(plans, order, order->plans.v[i], errs) ==
		    ENOMEM)
			return ENOMEM;

	files_check(order, errs);
	if (errors_count(errs) != before)
		return EBADMSG;

	needs_find(plans);

	return choice_check(&plans->choice, errs);
}


void run_plans_clear(struct run_plans *plans)
{
	for (size_t i = 0; i < plans->choice.planc; i++)
		mem_deref(plans->planv[i]);

	memset(plans, 0, sizeof(*plans));
}


bool run_plans_want(const struct run_plans *plans, const char *name)
{
	unsigned bit = 0;

	need(name, strlen(name), &bit);

	return plans->needs & bit;
}


const char *run_plans_file(const struct run_plans *plans, size_t i,
			   char name[RUN_PLANS_FILE_SIZE])
{
	if (!plans->filev[i])
		return NULL;

	(void)re_snprintf(name, RUN_PLANS_FILE_SIZE, "plan-%zu.yaml", i + 1);

	return name;
}


int run_plans_write(const struct run_plans *plans, const char *folder)
{
	char name[RUN_PLANS_FILE_SIZE];
	int err = 0;

	for (size_t i = 0; i < plans->choice.planc && !err; i++) {
		const char *text;

		if (!run_plans_file(plans, i, name))
			continue;

		text = plans->filev[i]->text;
		err  = run_folder_write(folder, name, text, strlen(text));
	}

	return err;
}
