/**
 * @file cmd_service.c  Telling the service what to do
 */
#include <jansson.h>

#include "bridge/base/version.h"
#include "cli.h"


/** What the service says beyond "done" */
static void details_print(const struct answer *answer, const char *done)
{
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(answer->json, "details"), i, line)
		term_line(stdout, json_string_value(line));

	(void)puts(answer->code == 202 ? "under way: the service has not"
		   " finished yet" : done);
}


int cmd_retry(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};
	struct answer answer;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 1))
		return EXIT_BAD;

	status = ask(cli, &answer, true, "/api/v1/registrations/%H/retry",
		     ask_escape, argv[1]);
	if (status)
		return status;

	details_print(&answer, "registering now: see `callbridge status`");
	answer_clear(&answer);

	return EXIT_GOOD;
}


int cmd_reload(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};
	struct answer answer;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	status = ask(cli, &answer, true, "/api/v1/reload");
	if (status)
		return status;

	details_print(&answer, "reloaded");
	answer_clear(&answer);

	return EXIT_GOOD;
}


int cmd_version(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};

	(void)cli;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	return version_print(term_out(), "callbridge") ? EXIT_BAD : EXIT_GOOD;
}
