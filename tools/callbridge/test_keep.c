/**
 * @file test_keep.c  A report is kept by the service
 */
#include <jansson.h>
#include <stdlib.h>

#include "cli.h"
#include "test_cli.h"


static int keep(const struct cli *cli, const char *body, const char *tenant)
{
	struct answer answer;
	int status;

	status = tenant ?
		ask_with(cli, &answer, "POST", "application/json", body,
			 "/api/v1/test-runs?tenant=%H", ask_escape, tenant) :
		ask_with(cli, &answer, "POST", "application/json", body,
			 "/api/v1/test-runs");
	if (status)
		return status;

	(void)re_printf("kept as %s\n", answer_str(answer.json, "id"));
	answer_clear(&answer);

	return EXIT_GOOD;
}


int test_keep(const struct cli *cli, int argc, char *argv[])
{
	const char *tenant = NULL;
	const struct opt optv[] = {
		{"tenant", &tenant, NULL},
		{NULL, NULL, NULL},
	};
	json_error_t error;
	json_t *json;
	char *body;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 1))
		return EXIT_BAD;

	json = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		term_error("%s:%d:%d: %s", argv[1], error.line, error.column,
			   error.text);
		return EXIT_BAD;
	}

	body = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	status = body ? keep(cli, body, tenant) : EXIT_BAD;
	free(body);

	return status;
}
