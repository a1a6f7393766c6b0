/**
 * @file report_calls.c  Figures of calls by tenant and PBX
 *
 * The figures are those of bridge/model/call_stats.h: one JSON value; text,
 * CSV and HTML are ways to print it.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/model/call_stats.h"
#include "bridge/store/journal.h"
#include "call_filter.h"
#include "sheet.h"


enum { COLUMNS = 9 };


struct fold {
	const struct call_filter *filter;
	struct call_report *report;            /* borrowed */
};


static int journal_add(const struct call_record *rec, void *arg)
{
	const struct fold *fold = arg;

	if (!call_filter_takes(fold->filter, rec))
		return 0;

	return call_report_add(fold->report, rec);
}


static int fold_offline(const struct fold *fold, const char *state_dir)
{
	const int err = journal_calls(state_dir, 0, journal_add,
				      (void *)(uintptr_t)fold);

	if (err)
		term_error("%s: cannot read the journal: %m", state_dir, err);

	return err ? EXIT_BAD : EXIT_GOOD;
}


/** The service counts. @param reportp  Takes it, owned */
static int report_ask(json_t **reportp, const struct call_filter *filter,
		      const struct cli *cli)
{
	struct answer answer;
	int status;

	status = ask(cli, &answer, false, "/api/v1/reports/calls?exact=true"
		     "%s%H", filter->from_ms ? "" : "&from_ms=0",
		     call_filter_query, filter);
	if (status)
		return status;

	*reportp = json_incref(answer.json);
	(void)json_object_del(*reportp, "times");
	answer_clear(&answer);

	return EXIT_GOOD;
}


/** This program counts what is in the journal */
static int report_count(json_t **reportp, const struct call_filter *filter,
			const char *state_dir)
{
	struct fold fold = { .filter = filter };
	int status;

	if (call_report_alloc(&fold.report))
		return EXIT_BAD;

	status = fold_offline(&fold, state_dir);
	if (!status) {
		*reportp = call_report_json(fold.report);
		status = *reportp ? EXIT_GOOD : EXIT_BAD;
	}
	mem_deref(fold.report);

	return status;
}


/* Text */


/** A figure, "-" if there is none */
static const char *figure(char *buf, size_t size, const json_t *row,
			  const char *name, double scale, const char *unit)
{
	const json_t *value = json_object_get(row, name);

	if (json_is_number(value))
		(void)snprintf(buf, size, "%.1f%s", json_number_value(value)
			       / scale, unit);
	else
		(void)snprintf(buf, size, "-");

	return buf;
}


static const char *count(char *buf, size_t size, const json_t *row,
			 const char *name)
{
	(void)snprintf(buf, size, "%lld", (long long)answer_int(row, name));

	return buf;
}


static void group_name(char *buf, size_t size, const json_t *row)
{
	const char *tenant = answer_str(row, "tenant");
	const char *pbx = answer_str(row, "pbx");

	(void)re_snprintf(buf, size, "%s%s%s", *tenant ? tenant : "all",
			  *pbx ? "/" : "", pbx);
}


static int text_row(struct table *table, const json_t *row)
{
	char name[140], v[10][32];
	char mos[72];
	const char *const cellv[COLUMNS] = {
		name, count(v[0], sizeof(v[0]), row, "calls"),
		count(v[1], sizeof(v[1]), row, "failed"),
		figure(v[2], sizeof(v[2]), row, "asr", 1, "%"),
		figure(v[3], sizeof(v[3]), row, "ner", 1, "%"),
		figure(v[4], sizeof(v[4]), row, "acd_s", 1, "s"),
		figure(v[5], sizeof(v[5]), row, "pdd_ms", 1000, "s"),
		figure(v[6], sizeof(v[6]), row, "loss", 1, "%"), mos,
	};

	group_name(name, sizeof(name), row);
	(void)snprintf(mos, sizeof(mos), "%s/%s",
		       figure(v[7], sizeof(v[7]), row, "mos_teams", 1, ""),
		       figure(v[8], sizeof(v[8]), row, "mos_pbx", 1, ""));

	return table_row(table, answer_int(row, "failed") ?
			 term_colour(TERM_RED) : NULL, cellv);
}


static void text_results(const json_t *total)
{
	const json_t *results = json_object_get(total, "results");
	const char *name;
	json_t *value;

	(void)putchar('\n');
	json_object_foreach((json_t *)(uintptr_t)results, name, value) {
		if (json_integer_value(value))
			(void)printf("%-12s %lld\n", name,
				     (long long)json_integer_value(value));
	}
}


static int text_sheet(const json_t *report)
{
	static const char *const headv[COLUMNS] = {
		"PBX", "CALLS", "FAILED", "ASR", "NER", "LENGTH", "PDD",
		"LOSS", "MOS",
	};
	const json_t *total = json_object_get(report, "total"), *row;
	struct table *table;
	size_t i;
	int err;

	if (!answer_int(total, "calls")) {
		(void)puts("no calls");
		return EXIT_GOOD;
	}

	err = table_alloc(&table, headv, COLUMNS);
	if (err)
		return EXIT_BAD;

	json_array_foreach(json_object_get(report, "pbxs"), i, row)
		err = err ? err : text_row(table, row);
	err = err ? err : text_row(table, total);
	if (!err) {
		table_print(table);
		text_results(total);
	}

	mem_deref(table);

	return err ? EXIT_BAD : EXIT_GOOD;
}


/* CSV and HTML */


static const char *const fieldv[] = {
	"calls", "running", "from_teams", "from_pbx", "failed", "poor",
	"talk_s", "asr", "ner", "acd_s", "pdd_ms", "pdd_95_ms", "loss",
	"mos_teams", "mos_pbx",
};

enum { FIELDC = sizeof(fieldv) / sizeof(fieldv[0]) };


static const char *field(char *buf, size_t size, const json_t *row,
			 const char *name)
{
	const json_t *value = json_object_get(row, name);

	if (json_is_integer(value))
		(void)snprintf(buf, size, "%lld",
			       (long long)json_integer_value(value));
	else if (json_is_real(value))
		(void)snprintf(buf, size, "%.2f", json_real_value(value));
	else
		buf[0] = '\0';

	return buf;
}


static void csv_row(const json_t *row)
{
	const json_t *results = json_object_get(row, "results");
	char buf[32];

	csv_cell(answer_str(row, "tenant"));
	(void)putchar(',');
	csv_cell(answer_str(row, "pbx"));
	for (size_t i = 0; i < FIELDC; i++)
		(void)printf(",%s", field(buf, sizeof(buf), row, fieldv[i]));
	for (int i = CALL_GOOD; i < CALL_RESULTS; i++)
		(void)printf(",%s", field(buf, sizeof(buf), results,
			     call_result_name((enum call_result)i)));
	(void)fputs("\r\n", stdout);
}


static int csv_sheet(const json_t *report)
{
	const json_t *row;
	size_t i;

	(void)fputs("tenant,pbx", stdout);
	for (i = 0; i < FIELDC; i++)
		(void)printf(",%s", fieldv[i]);
	for (int r = CALL_GOOD; r < CALL_RESULTS; r++)
		(void)printf(",%s", call_result_name((enum call_result)r));
	(void)fputs("\r\n", stdout);

	json_array_foreach(json_object_get(report, "pbxs"), i, row)
		csv_row(row);

	return EXIT_GOOD;
}


static void html_row(const json_t *row)
{
	const json_t *results = json_object_get(row, "results");
	char name[140], buf[32];

	group_name(name, sizeof(name), row);
	(void)fputs("<tr>", stdout);
	html_cell("td", name);
	for (size_t i = 0; i < FIELDC; i++)
		html_cell("td", field(buf, sizeof(buf), row, fieldv[i]));
	for (int i = CALL_GOOD; i < CALL_RESULTS; i++)
		html_cell("td", field(buf, sizeof(buf), results,
			  call_result_name((enum call_result)i)));
	(void)puts("</tr>");
}


static int html_sheet(const json_t *report)
{
	static const char *const headv[FIELDC] = {
		"Calls", "Running", "From Teams", "From PBX", "Failed",
		"Poor voice", "Talk [s]", "ASR [%]", "NER [%]",
		"Length [s]", "PDD [ms]", "PDD 95% [ms]", "Loss [%]",
		"MOS Teams", "MOS PBX",
	};
	const json_t *row;
	size_t i;

	(void)puts("<!DOCTYPE html>\n<html lang=\"en\"><head>"
		   "<meta charset=\"utf-8\"><title>Calls</title>"
		   "<style>body{font:15px sans-serif;margin:2em}"
		   "table{border-collapse:collapse}"
		   "td,th{padding:.3em .7em;text-align:right;"
		   "border-bottom:1px solid #ddd}"
		   "tr>:first-child{text-align:left}"
		   "tr:last-child{font-weight:bold}</style></head><body>"
		   "<h1>Calls</h1>");
	(void)fputs("<table><tr><th>PBX</th>", stdout);
	for (i = 0; i < FIELDC; i++)
		html_cell("th", headv[i]);
	for (int r = CALL_GOOD; r < CALL_RESULTS; r++)
		html_cell("th", call_result_name((enum call_result)r));
	(void)puts("</tr>");

	json_array_foreach(json_object_get(report, "pbxs"), i, row)
		html_row(row);
	html_row(json_object_get(report, "total"));
	(void)puts("</table></body></html>");

	return EXIT_GOOD;
}


static int print(const json_t *report, enum sheet sheet)
{
	switch (sheet) {

	case SHEET_JSON: return term_json(report);
	case SHEET_CSV:  return csv_sheet(report);
	case SHEET_HTML: return html_sheet(report);
	case SHEET_TEXT: return text_sheet(report);
	}

	return EXIT_BAD;
}


int report_calls(const struct cli *cli, const struct call_filter *filter,
		 const char *state_dir, enum sheet sheet)
{
	json_t *report = NULL;
	int status;

	status = state_dir ? report_count(&report, filter, state_dir)
		: report_ask(&report, filter, cli);
	if (!status)
		status = print(report, sheet);
	json_decref(report);

	return status;
}
