/**
 * @file cmd_report.c  All registrations as a report, and why one is as it is
 *
 * The report is one JSON value; text, CSV and HTML are ways to print it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "call_filter.h"
#include "sheet.h"


enum { REPORT_COLUMNS = 7, TOTAL_COLUMNS = 8, CALL_ID_BEGIN = 4 };


/** Worst first */
static const char *const statev[] = {
	"failing", "lagging", "queued", "registered", "off",
};

enum { STATEC = sizeof(statev) / sizeof(statev[0]) };


static size_t rank(const json_t *row)
{
	const char *state = answer_str(row, "state");
	size_t i = 0;

	while (i < STATEC && strcmp(state, statev[i]))
		++i;

	return i;
}


/** By state, then by flaps, then by name */
static int row_compare(const void *ap, const void *bp)
{
	const json_t *a = *(json_t *const *)ap, *b = *(json_t *const *)bp;
	const int64_t flaps = answer_int(b, "flaps") - answer_int(a, "flaps");
	int by_name;

	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? -1 : 1;
	if (flaps)
		return flaps > 0 ? 1 : -1;

	by_name = strcmp(answer_str(a, "pbx"), answer_str(b, "pbx"));

	return by_name ? by_name : strcmp(answer_str(a, "upn"),
					  answer_str(b, "upn"));
}


/** New reference, NULL without memory */
static json_t *rows_sorted(const json_t *rows)
{
	const size_t c = json_array_size(rows);
	json_t **v, *sorted;

	v = calloc(c ? c : 1, sizeof(*v));
	if (!v)
		return NULL;

	for (size_t i = 0; i < c; i++)
		v[i] = json_array_get(rows, i);

	qsort(v, c, sizeof(*v), row_compare);

	sorted = json_array();
	for (size_t i = 0; i < c; i++)
		(void)json_array_append(sorted, v[i]);

	free(v);

	return sorted;
}


static void count_up(json_t *total, const char *name, int64_t by)
{
	(void)json_object_set_new(total, name, json_integer(
				  answer_int(total, name) + by));
}


/** The PBX of a row among the totals. Borrowed, NULL without memory */
static json_t *total_of(json_t *totals, const json_t *row)
{
	json_t *total;
	size_t i;

	json_array_foreach(totals, i, total)
		if (!strcmp(answer_str(total, "pbx"),
			    answer_str(row, "pbx")) &&
		    !strcmp(answer_str(total, "tenant"),
			    answer_str(row, "tenant")))
			return total;

	total = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i,"
			  " s:i}",
			  "tenant", answer_str(row, "tenant"),
			  "pbx", answer_str(row, "pbx"),
			  "server", answer_str(row, "server"), "users", 0,
			  "failing", 0, "lagging", 0, "queued", 0,
			  "registered", 0, "off", 0, "flaps", 0);

	return json_array_append_new(totals, total) ? NULL : total;
}


/** New reference, NULL without memory */
static json_t *report_make(const json_t *rows)
{
	json_t *totals = json_array(), *sorted = rows_sorted(rows), *row;
	size_t i;

	json_array_foreach(sorted, i, row) {
		json_t *total = total_of(totals, row);

		if (!total)
			continue;

		count_up(total, "users", 1);
		count_up(total, answer_str(row, "state"), 1);
		count_up(total, "flaps", answer_int(row, "flaps"));
	}

	return json_pack("{s:I, s:o, s:o}", "time_s",
			 (json_int_t)time(NULL), "pbxs", totals, "users",
			 sorted);
}


/* Text */


static void since_print(char *buf, size_t size, const json_t *row)
{
	const int64_t since_s = answer_int(row, "since_s");

	if (since_s)
		term_duration(buf, size, (int64_t)time(NULL) - since_s);
	else
		(void)re_snprintf(buf, size, "-");
}


static const char *said(const json_t *row)
{
	const char *reason = answer_str(row, "reason");

	return *reason ? reason : answer_str(row, "words");
}


static const char *row_colour(const json_t *row)
{
	static const enum term_colour colourv[STATEC] = {
		TERM_RED, TERM_YELLOW, TERM_YELLOW, TERM_GREEN, TERM_GREY,
	};
	const size_t i = rank(row);

	return term_colour(i < STATEC ? colourv[i] : TERM_GREY);
}


static int total_row(struct table *table, const json_t *total)
{
	static const char *const namev[] = {
		"users", "failing", "lagging", "queued", "registered", "off",
	};
	char numberv[sizeof(namev) / sizeof(namev[0])][24];
	const char *cellv[TOTAL_COLUMNS];
	size_t i;

	cellv[0] = answer_str(total, "pbx");
	for (i = 0; i < sizeof(namev) / sizeof(namev[0]); i++) {
		(void)re_snprintf(numberv[i], sizeof(numberv[i]), "%d",
				  (int)answer_int(total, namev[i]));
		cellv[i + 1] = numberv[i];
	}
	cellv[i + 1] = answer_str(total, "server");

	return table_row(table, answer_int(total, "failing") ?
			 term_colour(TERM_RED) : NULL, cellv);
}


static int user_row(struct table *table, const json_t *row)
{
	char since[32], flaps[24];
	const char *const cellv[REPORT_COLUMNS] = {
		answer_str(row, "state"), answer_str(row, "upn"),
		answer_str(row, "pbx"), since, flaps, said(row),
		answer_str(row, "advice"),
	};

	since_print(since, sizeof(since), row);
	(void)re_snprintf(flaps, sizeof(flaps), "%d",
			  (int)answer_int(row, "flaps"));

	return table_row(table, row_colour(row), cellv);
}


static int table_of(const char *const *headv, size_t columns,
		    const json_t *rows,
		    int (*rowh)(struct table *, const json_t *))
{
	struct table *table;
	const json_t *row;
	size_t i;
	int err;

	err = table_alloc(&table, headv, columns);
	if (err)
		return err;

	json_array_foreach(rows, i, row)
		err = err ? err : rowh(table, row);

	if (!err)
		table_print(table);

	mem_deref(table);

	return err;
}


static int text_report(const json_t *report)
{
	static const char *const totalv[TOTAL_COLUMNS] = {
		"PBX", "USERS", "FAILING", "LAGGING", "QUEUED", "REGISTERED",
		"OFF", "SERVER",
	};
	static const char *const headv[REPORT_COLUMNS] = {
		"STATE", "USER", "PBX", "SINCE", "FLAPS", "REASON", "ADVICE",
	};
	const json_t *users = json_object_get(report, "users");

	if (!json_array_size(users)) {
		(void)puts("no users");
		return EXIT_GOOD;
	}

	if (table_of(totalv, TOTAL_COLUMNS, json_object_get(report, "pbxs"),
		     total_row))
		return EXIT_BAD;

	(void)putchar('\n');

	return table_of(headv, REPORT_COLUMNS, users, user_row) ? EXIT_BAD :
		EXIT_GOOD;
}


/* CSV and HTML */


static const char *const fieldv[] = {
	"tenant", "pbx", "upn", "number", "state", "since_s", "next_s",
	"reason", "words", "advice", "expires_s", "rtt_ms", "flaps",
	"waiting_new", "server", "contact",
};

enum { FIELDC = sizeof(fieldv) / sizeof(fieldv[0]) };


static void csv_field(const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);

	if (json_is_integer(value))
		(void)printf("%lld", (long long)json_integer_value(value));
	else
		csv_cell(answer_str(row, name));
}


static int csv_report(const json_t *report)
{
	const json_t *row;
	size_t i;

	for (size_t f = 0; f < FIELDC; f++)
		(void)printf("%s%s", f ? "," : "", fieldv[f]);
	(void)fputs("\r\n", stdout);

	json_array_foreach(json_object_get(report, "users"), i, row) {
		for (size_t f = 0; f < FIELDC; f++) {
			if (f)
				(void)putchar(',');
			csv_field(row, fieldv[f]);
		}
		(void)fputs("\r\n", stdout);
	}

	return EXIT_GOOD;
}


static void html_number(const json_t *row, const char *name)
{
	(void)printf("<td class=\"n\">%lld</td>",
		     (long long)answer_int(row, name));
}


static void html_totals(const json_t *totals)
{
	const json_t *total;
	size_t i;

	(void)puts("<table><tr><th>PBX</th><th>Users</th><th>Failing</th>"
		   "<th>Lagging</th><th>Queued</th><th>Registered</th>"
		   "<th>Off</th><th>Flaps</th><th>Server</th></tr>");

	json_array_foreach(totals, i, total) {
		(void)fputs("<tr>", stdout);
		html_cell("td", answer_str(total, "pbx"));
		html_number(total, "users");
		for (size_t s = 0; s < STATEC; s++)
			html_number(total, statev[s]);
		html_number(total, "flaps");
		html_cell("td", answer_str(total, "server"));
		(void)puts("</tr>");
	}

	(void)puts("</table>");
}


static void html_user(const json_t *row)
{
	char since[32];

	since_print(since, sizeof(since), row);
	(void)printf("<tr class=\"s%zu\">", rank(row));
	html_cell("td", answer_str(row, "state"));
	html_cell("td", answer_str(row, "upn"));
	html_cell("td", answer_str(row, "pbx"));
	html_cell("td", since);
	html_number(row, "flaps");
	html_cell("td", said(row));
	html_cell("td", answer_str(row, "words"));
	html_cell("td", answer_str(row, "advice"));
	(void)puts("</tr>");
}


static int html_report(const json_t *report)
{
	const json_t *row;
	size_t i;

	(void)puts("<!DOCTYPE html>\n<html lang=\"en\"><head>"
		   "<meta charset=\"utf-8\"><title>Registrations</title>"
		   "<style>body{font:15px sans-serif;margin:2em}"
		   "table{border-collapse:collapse;margin-bottom:2em}"
		   "td,th{padding:.3em .7em;text-align:left;"
		   "vertical-align:top;border-bottom:1px solid #ddd}"
		   ".n{text-align:right}.s0>:first-child{color:#b00}"
		   ".s1>:first-child,.s2>:first-child{color:#a60}"
		   ".s3>:first-child{color:#070}"
		   ".s4>:first-child{color:#777}</style></head><body>"
		   "<h1>Registrations</h1>");

	html_totals(json_object_get(report, "pbxs"));
	(void)puts("<table><tr><th>State</th><th>User</th><th>PBX</th>"
		   "<th>Since</th><th>Flaps</th><th>Reason</th>"
		   "<th>The PBX's words</th><th>Advice</th></tr>");
	json_array_foreach(json_object_get(report, "users"), i, row)
		html_user(row);
	(void)puts("</table></body></html>");

	return EXIT_GOOD;
}


static int registrations(const struct cli *cli, enum sheet sheet)
{
	struct answer answer;
	json_t *report;
	int status;

	status = ask(cli, &answer, false, "/api/v1/registrations");
	if (status)
		return status;

	report = report_make(json_object_get(answer.json, "registrations"));
	if (!report)
		status = EXIT_BAD;
	else if (sheet == SHEET_JSON)
		status = term_json(report);
	else if (sheet == SHEET_CSV)
		status = csv_report(report);
	else if (sheet == SHEET_HTML)
		status = html_report(report);
	else
		status = text_report(report);

	json_decref(report);
	answer_clear(&answer);

	return status;
}


int cmd_report(const struct cli *cli, int argc, char *argv[])
{
	struct call_filter filter = { .since = NULL };
	const char *state_dir = NULL;
	bool json = false, csv = false, html = false;
	const struct opt optv[] = {
		{"json", NULL, &json}, {"csv", NULL, &csv},
		{"html", NULL, &html}, {"state-dir", &state_dir, NULL},
		CALL_FILTER_OPTS(filter), {NULL, NULL, NULL},
	};
	enum sheet sheet;

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, 1, 1) || call_filter_read(&filter))
		return EXIT_BAD;

	if (json + csv + html > 1) {
		term_error("want one of --json, --csv, --html");
		return EXIT_BAD;
	}

	sheet = json ? SHEET_JSON : csv ? SHEET_CSV : html ? SHEET_HTML :
		SHEET_TEXT;

	if (!strcmp(argv[1], "calls"))
		return report_calls(cli, &filter, state_dir, sheet);

	if (strcmp(argv[1], "registrations")) {
		term_error("there is no report \"%s\": want registrations or"
			   " calls", argv[1]);
		return EXIT_BAD;
	}

	if (call_filter_is_set(&filter) || state_dir) {
		term_error("report registrations: it tells how all of them"
			   " are now, so there is nothing to choose");
		return EXIT_BAD;
	}

	return registrations(cli, sheet);
}


/* Why */


static bool is_user(const json_t *row, const char *name)
{
	const char *aor = answer_str(row, "aor");
	const char *colon = strchr(aor, ':');

	return !strcasecmp(answer_str(row, "upn"), name) ||
		!strcmp(answer_str(row, "number"), name) ||
		!strcmp(aor, name) || (colon && !strcmp(colon + 1, name));
}


static void line_print(const char *title, const char *text)
{
	char line[1024];

	if (!*text)
		return;

	(void)re_snprintf(line, sizeof(line), "%-12s %s", title, text);
	term_line(stdout, line);
}


static void why_summary(const json_t *row)
{
	const int64_t next_s = answer_int(row, "next_s");
	const int64_t now_s = (int64_t)time(NULL);
	char since[32], text[192];

	since_print(since, sizeof(since), row);
	(void)re_snprintf(text, sizeof(text), "%s, since %s",
			  answer_str(row, "state"), since);

	line_print("user", answer_str(row, "upn"));
	line_print("account", answer_str(row, "aor"));
	line_print("state", text);
	line_print("reason", answer_str(row, "reason"));
	line_print("PBX says", answer_str(row, "words"));
	line_print("PBX is", answer_str(row, "server"));
	line_print("advice", answer_str(row, "advice"));

	if (json_is_true(json_object_get(row, "waiting"))) {
		(void)re_snprintf(text, sizeof(text), "%d new, %d old voice"
				  " messages",
				  (int)answer_int(row, "waiting_new"),
				  (int)answer_int(row, "waiting_old"));
		line_print("mailbox", text);
	}

	if (next_s > now_s) {
		term_duration(text, sizeof(text), next_s - now_s);
		line_print("next try in", text);
	}
}


static bool is_register(const json_t *message)
{
	const char *cseq = strcasestr(answer_str(message, "data"), "\nCSeq:");
	const char *end = cseq ? strchr(cseq + 1, '\n') : NULL;
	const char *met = cseq ? strstr(cseq, " REGISTER") : NULL;

	return met && (!end || met < end);
}


/** Where the last attempt begins: the request of the last answer that was
    no challenge, and the challenged one before it */
static size_t attempt_begin(const json_t *messages)
{
	size_t begin = json_array_size(messages), requests = 0;

	for (size_t i = json_array_size(messages); i-- && requests < 2;) {
		const json_t *message = json_array_get(messages, i);

		if (!is_register(message) ||
		    strncmp(answer_str(message, "data"), "REGISTER ", 9))
			continue;

		begin = i;
		++requests;
		if (!strcasestr(answer_str(message, "data"),
				"uthorization:"))
			break;
	}

	return begin;
}


static void message_print(const json_t *message)
{
	const char *text = answer_str(message, "data");
	char line[1024];

	(void)re_snprintf(line, sizeof(line), "%s %s",
			  json_is_true(json_object_get(message, "tx")) ?
			  "--> to" : "<-- from", answer_str(message, "peer"));
	(void)putchar('\n');
	term_line(stdout, line);

	while (*text) {
		const size_t l = strcspn(text, "\r\n");

		(void)re_snprintf(line, sizeof(line), "    %b", text, l);
		if (l)
			term_line(stdout, line);
		text += l;
		text += strspn(text, "\r\n");
	}
}


static int why_exchange(const struct cli *cli, const char *aor)
{
	const json_t *messages, *message;
	struct answer answer;
	int status;

	status = ask(cli, &answer, false, "/api/v1/trace/%H?format=json",
		     ask_escape, aor);
	if (status)
		return status;

	messages = json_object_get(answer.json, "messages");
	for (size_t i = attempt_begin(messages);
	     i < json_array_size(messages); i++) {
		message = json_array_get(messages, i);
		if (is_register(message))
			message_print(message);
	}

	answer_clear(&answer);

	return EXIT_GOOD;
}


int cmd_why(const struct cli *cli, int argc, char *argv[])
{
	const char *state_dir = NULL;
	const struct opt optv[] = {
		{"state-dir", &state_dir, NULL}, {NULL, NULL, NULL},
	};
	const json_t *row, *found = NULL;
	struct answer answer;
	size_t i;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 1))
		return EXIT_BAD;

	if (state_dir)
		return call_why_offline(state_dir, argv[1]);

	status = ask(cli, &answer, false, "/api/v1/registrations");
	if (status)
		return status;

	json_array_foreach(json_object_get(answer.json, "registrations"), i,
			   row)
		if (!found && is_user(row, argv[1]))
			found = row;

	if (found) {
		why_summary(found);
		if (answer_int(found, "scode") ||
		    !strcmp(answer_str(found, "state"), "failing"))
			status = why_exchange(cli, answer_str(found, "aor"));
	}
	else if (strlen(argv[1]) >= CALL_ID_BEGIN &&
		 strspn(argv[1], "0123456789abcdef") == strlen(argv[1])) {
		status = call_why(cli, argv[1]);
	}
	else {
		term_error("there is no user %s: want a name, number or AoR"
			   " that `callbridge status` shows, or the id of a"
			   " call that `callbridge calls` shows", argv[1]);
		status = EXIT_BAD;
	}

	answer_clear(&answer);

	return status;
}
