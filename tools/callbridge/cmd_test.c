/**
 * @file cmd_test.c  Test plans: their vocabulary, checking and running them
 */
#include "bridge/base/errors.h"
#include "testplans/plan.h"
#include "testplans/step.h"
#include "test_cli.h"


static int test_steps(int argc, char *argv[])
{
	if (options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	for (int i = 0; i < STEP_VERBC; i++) {
		const struct step_pattern *p =
			step_pattern((enum step_verb)i);

		(void)re_printf("%s\n    does:   %s\n    proves: %s\n",
				p->sentence, p->does, p->proves);
	}

	(void)putchar('\n');
	for (size_t i = 0; step_kind(i); i++)
		(void)re_printf("%-8s %s\n", step_kind(i)->word,
				step_kind(i)->help);

	return EXIT_GOOD;
}


static int plan_lint(const char *path)
{
	struct errors *errs;
	struct plan *plan;
	int err;

	if (errors_alloc(&errs))
		return EXIT_BAD;

	err = plan_load(&plan, path, errs);
	if (err) {
		term_refusal(errs, path, err);
	}
	else {
		(void)re_printf("%s: good: %u case%s, %zu steps\n",
				plan->plan, list_count(&plan->casel),
				list_count(&plan->casel) == 1 ? "" : "s",
				plan_steps(plan));
		mem_deref(plan);
	}

	mem_deref(errs);

	return err ? EXIT_BAD : EXIT_GOOD;
}


static int test_lint(int argc, char *argv[])
{
	int status = EXIT_GOOD;

	if (options_argc(argc, argv, 1, INT32_MAX))
		return EXIT_BAD;

	for (int i = 1; i < argc; i++)
		if (plan_lint(argv[i]) != EXIT_GOOD)
			status = EXIT_BAD;

	return status;
}


/** The plans of the house */
static int plans_list(void)
{
	char name[64];

	for (size_t i = 0; *plan_name(name, sizeof(name), i); i++) {
		struct errors *errs;
		struct plan *plan;
		struct le *le;

		if (errors_alloc(&errs))
			return EXIT_BAD;

		if (!plan_find(&plan, name, errs)) {
			(void)re_printf("%-15s %s\n", name, plan->title);
			LIST_FOREACH(&plan->casel, le) {
				const struct plan_case *cas = le->data;

				(void)re_printf("    %-26s %s\n", cas->id,
						cas->title);
			}
			mem_deref(plan);
		}
		mem_deref(errs);
	}

	return EXIT_GOOD;
}


static int test_list(const struct cli *cli, int argc, char *argv[])
{
	const char *tenant = NULL;
	bool node = false;
	const struct opt optv[] = {
		{"on-node", NULL, &node}, {"tenant", &tenant, NULL},
		{NULL, NULL, NULL},
	};

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	return node ? test_node_list(cli, tenant) : plans_list();
}


/** Steps and lint have no options */
static bool no_options(int *argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};

	return !options_read(optv, argc, argv);
}


int cmd_test(const struct cli *cli, int argc, char *argv[])
{
	const char *word = argc > 1 ? argv[1] : "";

	--argc;
	++argv;

	if (!strcmp(word, "run"))
		return test_run(cli, argc, argv);
	if (!strcmp(word, "keep"))
		return test_keep(cli, argc, argv);
	if (!strcmp(word, "init"))
		return test_init(argc, argv);
	if (!strcmp(word, "compare"))
		return test_compare(argc, argv);
	if (!strcmp(word, "watch"))
		return test_watch(cli, argc, argv);
	if (!strcmp(word, "stop"))
		return test_stop(cli, argc, argv);
	if (!strcmp(word, "list"))
		return test_list(cli, argc, argv);

	if (argc > 0 && !no_options(&argc, argv))
		return EXIT_BAD;

	if (!strcmp(word, "steps"))
		return test_steps(argc, argv);
	if (!strcmp(word, "lint"))
		return test_lint(argc, argv);

	term_error("test: want init, run, list, watch, stop, compare,"
		   " keep, steps or lint, found \"%s\"", word);

	return EXIT_BAD;
}
