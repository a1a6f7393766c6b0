/**
 * @file test_order.c  What the service is asked to test
 *
 * It knows nothing of this machine's files: plans of one's own go along, and
 * the report of a test that was run elsewhere is kept there first.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "portal-api/run_order.h"
#include "test_cli.h"


bool test_is_file(const char *plan)
{
	return strchr(plan, '/') || strstr(plan, ".yaml");
}


/** @return NULL, told */
static json_t *file_json(const char *path)
{
	char text[RUN_FILE_MAX + 1];
	json_t *string;
	size_t n;
	FILE *f;

	f = fopen(path, "rbe");
	if (!f) {
		term_error("%s: %m", path, errno);
		return NULL;
	}

	n = fread(text, 1, sizeof(text), f);
	if (ferror(f)) {
		term_error("%s: %m", path, errno);
		(void)fclose(f);
		return NULL;
	}
	(void)fclose(f);

	if (n > RUN_FILE_MAX) {
		term_error("%s: want a plan of at most %d octets", path,
			   RUN_FILE_MAX);
		return NULL;
	}

	string = json_stringn(text, n);
	if (!string)
		term_error("%s: want UTF-8", path);

	return string ? json_pack("{s:s, s:o}", "name", path, "text", string)
		: NULL;
}


static int files_add(json_t *json, const struct test_order *order)
{
	json_t *files = json_array();
	int status = EXIT_GOOD;

	for (size_t i = 0; i < order->planc && !status; i++) {
		json_t *file;

		if (!test_is_file(order->planv[i]))
			continue;

		file = file_json(order->planv[i]);
		if (!file || json_array_append_new(files, file))
			status = EXIT_BAD;
	}

	if (json_array_size(files))
		(void)json_object_set(json, "files", files);
	json_decref(files);

	return status;
}


/** By its id, or its report in a file of ours */
static int resume_add(json_t *json, const struct cli *cli,
		      const struct test_order *order, const char *tenant)
{
	char id[TEST_ID_SIZE];
	int status = EXIT_GOOD;

	if (!order->resume)
		return EXIT_GOOD;

	if (access(order->resume, F_OK)) {
		str_ncpy(id, order->resume, sizeof(id));
	}
	else {
		status = test_keep_file(cli, order->resume, tenant, id);
		if (!status)
			(void)printf("%s is kept there as %s\n",
				     order->resume, id);
	}

	if (!status)
		(void)json_object_set_new(json, "resume", json_string(id));

	return status;
}


static json_t *words_json(const char *const *v, size_t c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c; i++)
		(void)json_array_append_new(list, json_string(v[i]));

	return list;
}


int test_order_json(const struct cli *cli, const struct test_order *order,
		    const char *tenant, json_t **jsonp)
{
	json_t *json;
	int status;

	json = json_pack("{s:s, s:o, s:o, s:o, s:i, s:i}", "kind", "plans",
			 "plans", words_json(order->planv, order->planc),
			 "cases", words_json(order->casev, order->casec),
			 "tags", words_json(order->tagv, order->tagc),
			 "times", (int)order->times, "repeat",
			 (int)order->repeat);
	if (!json)
		return EXIT_BAD;

	status = files_add(json, order);
	if (!status)
		status = resume_add(json, cli, order, tenant);

	if (status)
		json_decref(json);
	else
		*jsonp = json;

	return status;
}
