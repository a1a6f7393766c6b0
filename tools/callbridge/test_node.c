/**
 * @file test_node.c  Tests that run at the service
 *
 * They are begun, watched, stopped and fetched by its API, from here or from
 * another machine: docs/testplans.md.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "follow.h"
#include "readiness_cli.h"
#include "test_cli.h"


enum { LISTED = 30, COLUMNS = 7 };

#define CAPTURES "report-captures"


/* Which one */


/** The name of the only row of a list. @return EXIT_GOOD, or
    EXIT_BAD (told) */
static int only_find(const struct cli *cli, char *name, const char *path,
		     const char *list, const char *want)
{
	const json_t *rows, *row;
	struct answer answer;
	int status;

	status = ask(cli, &answer, false, "%s", path);
	if (status)
		return status;

	rows = json_object_get(answer.json, list);
	row  = json_array_get(rows, 0);
	if (json_array_size(rows) == 1)
		str_ncpy(name, answer_str(row, "name"), TEST_ID_SIZE);
	else {
		term_error("test: want %s: there %s %zu", want,
			   json_array_size(rows) ? "are" : "is",
			   json_array_size(rows));
		status = EXIT_BAD;
	}
	answer_clear(&answer);

	return status;
}


int test_node_pbx(const struct cli *cli, const char *tenant, const char *pbx,
		  struct test_place *place)
{
	char path[3 * TEST_ID_SIZE + 64];
	int status = EXIT_GOOD;

	str_ncpy(place->tenant, tenant ? tenant : "", sizeof(place->tenant));
	str_ncpy(place->pbx, pbx ? pbx : "", sizeof(place->pbx));

	if (!tenant)
		status = only_find(cli, place->tenant, "/api/v1/tenants",
				   "tenants", "--tenant NAME");
	if (status || pbx)
		return status;

	if (re_snprintf(path, sizeof(path), "/api/v1/tenants/%H/pbxs",
			ask_escape, place->tenant) < 0)
		return EXIT_BAD;

	return only_find(cli, place->pbx, path, "pbxs", "--pbx NAME");
}


/** One that runs, if there is no more than that */
static int running_find(const struct cli *cli, char *id)
{
	const json_t *row, *found = NULL;
	struct answer answer;
	unsigned c = 0;
	int status;
	size_t i;

	status = ask(cli, &answer, false, "/api/v1/test-runs?limit=%d",
		     LISTED);
	if (status)
		return status;

	json_array_foreach(json_object_get(answer.json, "test_runs"), i, row) {
		if (strcmp(answer_str(row, "verdict"), "running"))
			continue;
		found = row;
		++c;
	}

	if (c == 1)
		str_ncpy(id, answer_str(found, "id"), TEST_ID_SIZE);
	else
		term_error(c ? "test: %u tests run: want the ID of one, as"
			   " `callbridge test list --on-node` has it" :
			   "test: no test runs", c);
	answer_clear(&answer);

	return c == 1 ? EXIT_GOOD : EXIT_BAD;
}


static int id_choose(const struct cli *cli, int argc, char *argv[], char *id)
{
	if (argc < 2)
		return running_find(cli, id);

	str_ncpy(id, argv[1], TEST_ID_SIZE);

	return EXIT_GOOD;
}


/* Its report */


/** A name that stays in its folder, whoever gave it */
static bool is_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}


static int capture_fetch(const struct cli *cli, const char *id,
			 const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct answer answer;
	FILE *f = NULL;
	int status;

	status = ask(cli, &answer, false, "/api/v1/test-runs/%H/" CAPTURES
		     "/%H", ask_escape, id, ask_escape, name);
	if (status)
		return status;

	if (re_snprintf(path, sizeof(path), "%s/%s", folder, name) >= 0)
		f = fopen(path, "wbe");
	if (!f || fwrite(answer.text, 1, answer.size, f) != answer.size)
		status = EXIT_BAD;
	if (f && fclose(f))
		status = EXIT_BAD;
	if (status)
		term_error("%s: cannot be written: %m", path, errno);
	answer_clear(&answer);

	return status;
}


static int case_captures(const struct cli *cli, const char *id,
			 const char *folder, const json_t *cas)
{
	const json_t *file;
	int status = EXIT_GOOD;
	size_t i;

	json_array_foreach(json_object_get(cas, "captures"), i, file) {
		const char *path = json_string_value(file);
		const char *slash = path ? strrchr(path, '/') : NULL;

		if (!status && slash && is_name(slash + 1))
			status = capture_fetch(cli, id, folder, slash + 1);
	}

	return status;
}


/** Captures lie beside the page, where its links lead to */
static int captures_fetch(const struct cli *cli, const char *id,
			  const char *html, const json_t *report)
{
	const char *slash = strrchr(html, '/');
	const json_t *plan, *cas;
	char folder[PATH_MAX];
	int status = EXIT_GOOD;
	size_t i, j;

	(void)re_snprintf(folder, sizeof(folder), "%b" CAPTURES, html,
			  slash ? (size_t)(slash + 1 - html) : 0);

	json_array_foreach(json_object_get(report, "plans"), i, plan) {
		json_array_foreach(json_object_get(plan, "cases"), j, cas) {
			if (status || !json_array_size(json_object_get(cas,
							"captures")))
				continue;

			if (mkdir(folder, 0755) && errno != EEXIST) {
				term_error("%s: %m", folder, errno);
				return EXIT_BAD;
			}
			status = case_captures(cli, id, folder, cas);
		}
	}

	return status;
}


int test_node_report(const struct cli *cli, const char *id,
		     const struct test_files *files, json_t **reportp)
{
	struct answer answer;
	int status;

	status = ask(cli, &answer, false, "/api/v1/test-runs/%H/report",
		     ask_escape, id);
	if (status)
		return status;

	*reportp = json_incref(answer.json);
	answer_clear(&answer);

	if (files->html)
		status = captures_fetch(cli, id, files->html, *reportp);
	if (!status && test_files_write(files, *reportp))
		status = EXIT_BAD;

	return status;
}


void test_node_event(const json_t *json, void *arg)
{
	(void)arg;

	if (strcmp(answer_str(json, "event"), "finding"))
		test_screen_json(json);
	else
		readiness_line(json);
}


/** Look on until it is over, then fetch what it has left */
static int attend(const struct cli *cli, const char *id,
		  const struct test_files *files)
{
	json_t *report = NULL;
	int status, written;

	status = follow(cli, id, test_node_event, NULL);
	if (status)
		return status;

	written = test_node_report(cli, id, files, &report);
	if (report)
		status = json_object_get(report, "findings") ?
			readiness_summary(report) :
			test_summary(report, false);
	json_decref(report);

	return written ? written : status;
}


/* Beginning */


int test_node_begin(const struct cli *cli, const struct test_place *place,
		    json_t *order, char id[TEST_ID_SIZE])
{
	char *body = json_dumps(order, JSON_COMPACT);
	struct answer answer;
	int status = EXIT_BAD;

	json_decref(order);
	if (body)
		status = ask_with(cli, &answer, "POST", "application/json",
				  body, "/api/v1/tenants/%H/pbxs/%H/"
				  "test-runs", ask_escape, place->tenant,
				  ask_escape, place->pbx);
	free(body);
	if (status)
		return status;

	str_ncpy(id, answer_str(answer.json, "id"), TEST_ID_SIZE);
	answer_clear(&answer);

	return EXIT_GOOD;
}


int test_node_run(const struct cli *cli, const struct test_order *order)
{
	struct test_place place;
	char id[TEST_ID_SIZE];
	json_t *json;
	int status;

	status = test_node_pbx(cli, order->tenant, order->pbx, &place);
	if (status)
		return status;

	status = test_order_json(cli, order, place.tenant, &json);
	if (!status)
		status = test_node_begin(cli, &place, json, id);
	if (status)
		return status;

	(void)printf("test %s of %s at %s\n", id, place.pbx, place.tenant);

	return attend(cli, id, &order->files);
}


/* Those that are there */


int test_watch(const struct cli *cli, int argc, char *argv[])
{
	struct test_files files = { NULL, NULL, NULL };
	const struct opt optv[] = {
		{"json", &files.json, NULL}, {"junit", &files.junit, NULL},
		{"html", &files.html, NULL}, {NULL, NULL, NULL},
	};
	char id[TEST_ID_SIZE];
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 1))
		return EXIT_BAD;

	status = id_choose(cli, argc, argv, id);

	return status ? status : attend(cli, id, &files);
}


int test_stop(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};
	struct answer answer;
	char id[TEST_ID_SIZE];
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 1))
		return EXIT_BAD;

	status = id_choose(cli, argc, argv, id);
	if (!status)
		status = ask(cli, &answer, true, "/api/v1/test-runs/%H/stop",
			     ask_escape, id);
	if (status)
		return status;

	answer_clear(&answer);
	(void)printf("%s ends: everybody hangs up, and its report is kept\n",
		     id);

	return EXIT_GOOD;
}


static int words_print(struct re_printf *pf, const json_t *list)
{
	const json_t *word;
	size_t i;
	int err = 0;

	json_array_foreach(list, i, word)
		err |= re_hprintf(pf, "%s%s", i ? "," : "",
				  json_string_value(word));

	return err;
}


static int row_print(struct table *table, const json_t *row)
{
	const char *verdict = answer_str(row, "verdict");
	const bool readiness = !strcmp(answer_str(row, "kind"), "readiness");
	const time_t at = (time_t)(answer_int(row, "time_ms") / 1000);
	char when[32], plans[256] = "readiness";
	const char *const cellv[COLUMNS] = {
		verdict, answer_str(row, "id"), when,
		answer_str(row, "tenant"), answer_str(row, "pbx"),
		answer_str(row, "who"), plans,
	};
	struct tm tm;

	(void)localtime_r(&at, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	if (!readiness)
		(void)re_snprintf(plans, sizeof(plans), "%H", words_print,
				  json_object_get(row, "plans"));

	return table_row(table, term_colour(!strcmp(verdict, "passed") ?
			 TERM_GREEN : !strcmp(verdict, "running") ?
			 TERM_YELLOW : TERM_RED), cellv);
}


int test_node_list(const struct cli *cli, const char *tenant)
{
	static const char *const headv[COLUMNS] = {
		"VERDICT", "ID", "BEGUN", "CUSTOMER", "PBX", "BY", "PLANS",
	};
	struct answer answer;
	struct table *table;
	const json_t *row;
	int status, err;
	size_t i;

	status = ask(cli, &answer, false, "/api/v1/test-runs?limit=%d%s%H",
		     LISTED, tenant ? "&tenant=" : "", ask_escape,
		     tenant ? tenant : "");
	if (status)
		return status;

	err = table_alloc(&table, headv, COLUMNS);
	json_array_foreach(json_object_get(answer.json, "test_runs"), i, row)
		err = err ? err : row_print(table, row);
	if (!err)
		table_print(table);
	mem_deref(table);
	answer_clear(&answer);

	return err ? EXIT_BAD : EXIT_GOOD;
}
