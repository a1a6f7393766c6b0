/**
 * @file cmd_sync_status.c  How the service's sync of each customer stands
 */
#include <jansson.h>
#include <time.h>

#include "cli.h"


enum { COLUMNS = 6, TIME_SIZE = 32 };


static const char *time_text(char buf[TIME_SIZE], int64_t ms)
{
	const time_t s = (time_t)(ms / 1000);
	struct tm tm;

	if (!ms || !localtime_r(&s, &tm) ||
	    !strftime(buf, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm))
		return "-";

	return buf;
}


/** What was wrong with the last run, or less than whole */
static const json_t *problem_of(const json_t *last)
{
	const json_t *problem = json_object_get(last, "problem");

	return json_is_object(problem) ? problem
		: json_object_get(last, "note");
}


static bool is_good(const json_t *row)
{
	const json_t *last = json_object_get(row, "last");
	const json_t *days = json_object_get(row, "secret_days");

	return strcmp(answer_str(last, "state"), "failed") &&
		!(json_is_integer(days) && json_integer_value(days) < 0);
}


static enum term_colour colour_of(const json_t *row)
{
	const char *state = answer_str(json_object_get(row, "last"), "state");

	return !is_good(row) ? TERM_RED : !strcmp(state, "done") ? TERM_GREEN
		: *state ? TERM_YELLOW : TERM_GREY;
}


static void why_text(char *buf, size_t size, const json_t *row)
{
	const json_t *problem = problem_of(json_object_get(row, "last"));
	const json_t *days = json_object_get(row, "secret_days");
	const char *advice = answer_str(problem, "advice");

	if (json_is_integer(days) && json_integer_value(days) < 0)
		str_ncpy(buf, "the client secret has ended: make a new one",
			 size);
	else if (json_is_object(problem))
		(void)re_snprintf(buf, size, "%s%s%s",
				  answer_str(problem, "why"), *advice ? ": "
				  : "", advice);
	else
		str_ncpy(buf, "", size);
}


static int row_print(struct table *table, const json_t *row)
{
	const json_t *last = json_object_get(row, "last");
	char ended[TIME_SIZE], due[TIME_SIZE], why[512];
	const char *result = answer_str(last, "state");
	const char *cellv[COLUMNS];

	why_text(why, sizeof(why), row);
	cellv[0] = *result ? result : "never";
	cellv[1] = answer_str(row, "tenant");
	cellv[2] = answer_str(row, "state");
	cellv[3] = time_text(ended, answer_int(last, "ended_ms"));
	cellv[4] = time_text(due, answer_int(row, "due_ms"));
	cellv[5] = why;

	return table_row(table, term_colour(colour_of(row)), cellv);
}


static int rows_print(const json_t *rows)
{
	static const char *const headv[COLUMNS] = {
		"RESULT", "CUSTOMER", "NOW", "LAST RUN", "NEXT RUN", "WHY",
	};
	struct table *table;
	const json_t *row;
	size_t i;
	int err;

	err = table_alloc(&table, headv, COLUMNS);
	if (err)
		return err;

	json_array_foreach(rows, i, row)
		err = err ? err : row_print(table, row);

	if (!err && i)
		table_print(table);
	else if (!err)
		(void)puts("no customer's Microsoft 365 is asked: see the"
			   " portal's page Sync");
	mem_deref(table);

	return err;
}


int sync_status_show(const struct cli *cli, const char *tenant, bool json)
{
	struct answer answer;
	const json_t *rows, *row;
	int status, err;
	size_t i;

	status = tenant ? ask(cli, &answer, false, "/api/v1/syncs?tenant=%H",
			      ask_escape, tenant)
		: ask(cli, &answer, false, "/api/v1/syncs");
	if (status)
		return status;

	rows = json_object_get(answer.json, "syncs");
	err  = json ? term_json(rows) : rows_print(rows);
	json_array_foreach(rows, i, row)
		if (!is_good(row))
			status = EXIT_FAILING;
	answer_clear(&answer);

	return err ? EXIT_BAD : status;
}
