/**
 * @file test_report.c  What a test leaves behind: its files, and a line
 */
#include <jansson.h>

#include "testplans/report.h"
#include "test_cli.h"


typedef int (print_h)(struct re_printf *pf, const json_t *report);


static int file_print(const char *p, size_t size, void *arg)
{
	return fwrite(p, 1, size, arg) == size ? 0 : EIO;
}


static int report_write(const char *path, const json_t *report,
			print_h *printh)
{
	struct re_printf pf = {.vph = file_print};
	FILE *f = fopen(path, "wbe");
	int err;

	if (!f) {
		term_error("%s: %m", path, errno);
		return errno;
	}

	pf.arg = f;
	err = printh ? printh(&pf, report) :
		json_dumpf(report, f, JSON_INDENT(1)) ? EIO : 0;
	if (fclose(f) && !err)
		err = EIO;
	if (err)
		term_error("%s: cannot be written: %m", path, err);

	return err;
}


int test_files_write(const struct test_files *files, const json_t *report)
{
	int err = 0;

	if (files->json)
		err = report_write(files->json, report, NULL);
	if (files->junit && !err)
		err = report_write(files->junit, report, report_junit);
	if (files->html && !err)
		err = report_write(files->html, report, report_html);

	return err;
}


int test_summary(const json_t *report, bool events)
{
	const json_t *counts = json_object_get(report, "counts");
	const char *verdict = answer_str(report, "verdict");
	const char *colour;
	const bool good = !strcmp(verdict, "passed");
	const bool failed = answer_int(counts, "failed") > 0;

	if (*answer_str(report, "error")) {
		term_error("%s", answer_str(report, "error"));
		return EXIT_BAD;
	}

	if (events)
		return good ? EXIT_GOOD : failed ? EXIT_FAILING : EXIT_BAD;

	colour = term_colour(good ? TERM_GREEN : TERM_RED);
	(void)printf("\n%s%s%s: %d passed, %d failed, %d skipped%s\n",
		     colour ? colour : "", verdict, colour ? "\033[0m" : "",
		     (int)answer_int(counts, "passed"),
		     (int)answer_int(counts, "failed"),
		     (int)answer_int(counts, "skipped"),
		     answer_int(counts, "stopped") ? ", stopped early" : "");

	return good ? EXIT_GOOD : failed ? EXIT_FAILING : EXIT_BAD;
}
