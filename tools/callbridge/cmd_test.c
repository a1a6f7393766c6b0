/**
 * @file cmd_test.c  Test plans: their vocabulary, and checking them
 */
#include "bridge/base/errors.h"
#include "testplans/plan.h"
#include "testplans/step.h"
#include "cli.h"


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

	(void)puts("\nACTOR    user_a, user_b, external or external_2\n"
		   "USER     user_a or user_b\n"
		   "NUMBER   an actor's number or extension, as in"
		   " user_b.extension; or digits\n"
		   "NUMBERS  as in [user_a.number, external.number]\n"
		   "TIME     as in 500ms, 10s or 35m, up to 2 hours");

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
		const size_t c = errors_count(errs);

		if (c)
			term_errors(errs);
		else
			term_error("%s: %m", path, err);
		if (c > 1)
			term_error("%zu errors", c);
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


int cmd_test(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};

	(void)cli;

	if (options_read(optv, &argc, argv))
		return EXIT_BAD;

	if (argc > 1 && !strcmp(argv[1], "steps"))
		return test_steps(argc - 1, argv + 1);

	if (argc > 1 && !strcmp(argv[1], "lint"))
		return test_lint(argc - 1, argv + 1);

	term_error("test: want steps or lint, found \"%s\"",
		   argc > 1 ? argv[1] : "");

	return EXIT_BAD;
}
