/**
 * @file test_keep.c  A report is kept by the service
 */
#include <jansson.h>
#include <stdlib.h>

#include "cli.h"
#include "test_cli.h"


static int keep(const struct cli *cli, const char *body, const char *tenant,
		char id[TEST_ID_SIZE])
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

	str_ncpy(id, answer_str(answer.json, "id"), TEST_ID_SIZE);
	answer_clear(&answer);

	return EXIT_GOOD;
}


int test_keep_file(const struct cli *cli, const char *path,
		   const char *tenant, char id[TEST_ID_SIZE])
{
	json_error_t error;
	json_t *json;
	char *body;
	int status;

	json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		term_error("%s:%d:%d: %s", path, error.line, error.column,
			   error.text);
		return EXIT_BAD;
	}

	body = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	status = body ? keep(cli, body, tenant, id) : EXIT_BAD;
	free(body);

	return status;
}


int test_keep(const struct cli *cli, int argc, char *argv[])
{
	const char *tenant = NULL;
	const struct opt optv[] = {
		{"tenant", &tenant, NULL},
		{NULL, NULL, NULL},
	};
	char id[TEST_ID_SIZE];
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 1))
		return EXIT_BAD;

	status = test_keep_file(cli, argv[1], tenant, id);
	if (!status)
		(void)re_printf("kept as %s\n", id);

	return status;
}
