/**
 * @file cmd_report.c  All registrations as a report, and why one is as it is
 *
 * The report is one JSON value; text, CSV and HTML are ways to print it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "call_filter.h"
#include "elsewhere.h"
#include "outages.h"
#include "sheet.h"


enum {
	REPORT_COLUMNS = 11,
	TOTAL_COLUMNS  = 9,
	OUTAGE_COLUMNS = 5,
	OUTAGES_SHOWN  = 20,       /* as text                              */
	CALL_ID_BEGIN  = 4,
	DAY_S          = 86400,
};


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


/** By state, then by the time that it was lost, by flaps, by name */
static int row_compare(const void *ap, const void *bp)
{
	const json_t *a = *(json_t *const *)ap, *b = *(json_t *const *)bp;
	const int64_t flaps = answer_int(b, "flaps") - answer_int(a, "flaps");
	const int64_t down = answer_int(b, "outage_s") -
		answer_int(a, "outage_s");
	int by_name;

	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? -1 : 1;
	if (down)
		return down > 0 ? 1 : -1;
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
			  " s:i, s:i, s:i}",
			  "tenant", answer_str(row, "tenant"),
			  "pbx", answer_str(row, "pbx"),
			  "server", answer_str(row, "server"), "users", 0,
			  "failing", 0, "lagging", 0, "queued", 0,
			  "registered", 0, "off", 0, "flaps", 0,
			  "outages", 0, "outage_s", 0);

	return json_array_append_new(totals, total) ? NULL : total;
}


/** New reference, NULL without memory */
static json_t *report_make(const json_t *rows, json_t *outages,
			   const struct call_filter *filter)
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
		count_up(total, "outages", answer_int(row, "outages"));
		count_up(total, "outage_s", answer_int(row, "outage_s"));
	}

	return json_pack("{s:I, s:I, s:o, s:o, s:O}", "time_s",
			 (json_int_t)time(NULL), "since_s",
			 (json_int_t)(filter->from_ms / 1000), "pbxs",
			 totals, "users", sorted, "outages", outages);
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


/** "-" where there is nothing */
static void seconds_print(char *buf, size_t size, int64_t s)
{
	if (s > 0)
		term_duration(buf, size, s);
	else
		(void)re_snprintf(buf, size, "-");
}


static void number_print(char *buf, size_t size, int64_t n,
			 const char *unit)
{
	if (n > 0)
		(void)re_snprintf(buf, size, "%lld%s", (long long)n, unit);
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
	char numberv[sizeof(namev) / sizeof(namev[0])][24], down[32];
	const char *cellv[TOTAL_COLUMNS];
	size_t i;

	cellv[0] = answer_str(total, "pbx");
	for (i = 0; i < sizeof(namev) / sizeof(namev[0]); i++) {
		(void)re_snprintf(numberv[i], sizeof(numberv[i]), "%d",
				  (int)answer_int(total, namev[i]));
		cellv[i + 1] = numberv[i];
	}
	seconds_print(down, sizeof(down), answer_int(total, "outage_s"));
	cellv[i + 1] = down;
	cellv[i + 2] = answer_str(total, "server");

	return table_row(table, answer_int(total, "failing") ?
			 term_colour(TERM_RED) : NULL, cellv);
}


static int user_row(struct table *table, const json_t *row)
{
	const int64_t next_s = answer_int(row, "next_s");
	char since[32], flaps[24], next[32], granted[32], rtt[24], down[32];
	const char *const cellv[REPORT_COLUMNS] = {
		answer_str(row, "state"), answer_str(row, "upn"),
		answer_str(row, "pbx"), since, next, granted, rtt, flaps,
		down, said(row), answer_str(row, "advice"),
	};

	since_print(since, sizeof(since), row);
	seconds_print(next, sizeof(next), next_s ? next_s -
		      (int64_t)time(NULL) : 0);
	number_print(granted, sizeof(granted), answer_int(row, "expires_s"),
		     " s");
	number_print(rtt, sizeof(rtt), answer_int(row, "rtt_ms"), " ms");
	number_print(flaps, sizeof(flaps), answer_int(row, "flaps"), "");
	seconds_print(down, sizeof(down), answer_int(row, "outage_s"));

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


/** 2026-01-31 15:30:00, local time; "" for none */
static void moment_print(char *buf, size_t size, int64_t s)
{
	const time_t t = (time_t)s;
	struct tm tm;

	if (!s || !localtime_r(&t, &tm) ||
	    !strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm))
		*buf = '\0';
}


static void outage_length(char *buf, size_t size, const json_t *outage)
{
	const int64_t from_s = answer_int(outage, "from_s");
	const int64_t to_s = answer_int(outage, "to_s");

	if (to_s)
		term_duration(buf, size, to_s - from_s);
	else
		(void)re_snprintf(buf, size, "lasts");
}


static int outage_row(struct table *table, const json_t *outage)
{
	char from[32], length[32];
	const char *const cellv[OUTAGE_COLUMNS] = {
		from, length, answer_str(outage, "upn"),
		answer_str(outage, "pbx"), said(outage),
	};

	moment_print(from, sizeof(from), answer_int(outage, "from_s"));
	outage_length(length, sizeof(length), outage);

	return table_row(table, NULL, cellv);
}


static int text_outages(const json_t *outages)
{
	static const char *const headv[OUTAGE_COLUMNS] = {
		"LOST AT", "FOR", "USER", "PBX", "REASON",
	};
	const size_t c = json_array_size(outages);
	json_t *newest = json_array();
	int err;

	for (size_t i = 0; i < c && i < OUTAGES_SHOWN; i++)
		(void)json_array_append(newest, json_array_get(outages, i));

	(void)putchar('\n');
	err = table_of(headv, OUTAGE_COLUMNS, newest, outage_row);
	if (c > OUTAGES_SHOWN)
		(void)printf("and %zu before: --html, --json show them\n",
			     c - OUTAGES_SHOWN);
	json_decref(newest);

	return err ? EXIT_BAD : EXIT_GOOD;
}


static int text_report(const json_t *report)
{
	static const char *const totalv[TOTAL_COLUMNS] = {
		"PBX", "USERS", "FAILING", "LAGGING", "QUEUED", "REGISTERED",
		"OFF", "LOST", "SERVER",
	};
	const json_t *outages = json_object_get(report, "outages");
	static const char *const headv[REPORT_COLUMNS] = {
		"STATE", "USER", "PBX", "SINCE", "NEXT IN", "GRANTED", "RTT",
		"FLAPS", "LOST", "REASON", "ADVICE",
	};
	const json_t *users = json_object_get(report, "users");

	if (elsewhere_print(json_object_get(report, "elsewhere")))
		return EXIT_BAD;

	if (!json_array_size(users)) {
		(void)puts("no users");
		return EXIT_GOOD;
	}

	if (table_of(totalv, TOTAL_COLUMNS, json_object_get(report, "pbxs"),
		     total_row))
		return EXIT_BAD;

	(void)putchar('\n');

	if (table_of(headv, REPORT_COLUMNS, users, user_row))
		return EXIT_BAD;

	return json_array_size(outages) ? text_outages(outages) : EXIT_GOOD;
}


/* CSV and HTML */


static const char *const fieldv[] = {
	"tenant", "pbx", "upn", "number", "state", "since_s", "next_s",
	"reason", "words", "advice", "expires_s", "rtt_ms", "flaps",
	"outages", "outage_s", "longest_s", "waiting_new", "server", "contact",
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
	char down[32];
	size_t i;

	(void)puts("<table><tr><th>PBX</th><th>Users</th><th>Failing</th>"
		   "<th>Lagging</th><th>Queued</th><th>Registered</th>"
		   "<th>Off</th><th>Flaps</th><th>Lost</th><th>Server</th>"
		   "</tr>");

	json_array_foreach(totals, i, total) {
		(void)fputs("<tr>", stdout);
		html_cell("td", answer_str(total, "pbx"));
		html_number(total, "users");
		for (size_t s = 0; s < STATEC; s++)
			html_number(total, statev[s]);
		html_number(total, "flaps");
		seconds_print(down, sizeof(down),
			      answer_int(total, "outage_s"));
		html_cell("td", down);
		html_cell("td", answer_str(total, "server"));
		(void)puts("</tr>");
	}

	(void)puts("</table>");
}


static void html_user(const json_t *row)
{
	const int64_t next_s = answer_int(row, "next_s");
	char since[32], text[32];

	since_print(since, sizeof(since), row);
	(void)printf("<tr class=\"s%zu\">", rank(row));
	html_cell("td", answer_str(row, "state"));
	html_cell("td", answer_str(row, "upn"));
	html_cell("td", answer_str(row, "pbx"));
	html_cell("td", since);
	seconds_print(text, sizeof(text), next_s ? next_s -
		      (int64_t)time(NULL) : 0);
	html_cell("td", text);
	html_number(row, "expires_s");
	html_number(row, "rtt_ms");
	html_number(row, "flaps");
	html_number(row, "outages");
	seconds_print(text, sizeof(text), answer_int(row, "outage_s"));
	html_cell("td", text);
	html_cell("td", said(row));
	html_cell("td", answer_str(row, "words"));
	html_cell("td", answer_str(row, "advice"));
	html_cell("td", answer_str(row, "server"));
	(void)puts("</tr>");
}


static void html_outages(const json_t *outages)
{
	const json_t *outage;
	char text[32];
	size_t i;

	(void)puts("<h2>Lost registrations</h2><table><tr><th>Lost at</th>"
		   "<th>For</th><th>User</th><th>PBX</th><th>Reason</th>"
		   "<th>The PBX's words</th></tr>");

	json_array_foreach(outages, i, outage) {
		(void)fputs("<tr>", stdout);
		moment_print(text, sizeof(text),
			     answer_int(outage, "from_s"));
		html_cell("td", text);
		outage_length(text, sizeof(text), outage);
		html_cell("td", text);
		html_cell("td", answer_str(outage, "upn"));
		html_cell("td", answer_str(outage, "pbx"));
		html_cell("td", answer_str(outage, "reason"));
		html_cell("td", answer_str(outage, "words"));
		(void)puts("</tr>");
	}

	(void)puts("</table>");
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

	elsewhere_html(json_object_get(report, "elsewhere"));
	html_totals(json_object_get(report, "pbxs"));
	(void)puts("<table><tr><th>State</th><th>User</th><th>PBX</th>"
		   "<th>Since</th><th>Next in</th><th>Granted, s</th>"
		   "<th>RTT, ms</th><th>Flaps</th><th>Times lost</th>"
		   "<th>Lost</th><th>Reason</th><th>The PBX's words</th>"
		   "<th>Advice</th><th>Server</th></tr>");
	json_array_foreach(json_object_get(report, "users"), i, row)
		html_user(row);
	(void)puts("</table>");
	if (json_array_size(json_object_get(report, "outages")))
		html_outages(json_object_get(report, "outages"));
	(void)puts("</body></html>");

	return EXIT_GOOD;
}


static int registrations_query(struct re_printf *pf,
			       const struct call_filter *filter)
{
	int err = 0;

	if (filter->tenant)
		err = re_hprintf(pf, "tenant=%H", ask_escape, filter->tenant);
	if (!err && filter->pbx)
		err = re_hprintf(pf, "%spbx=%H", filter->tenant ? "&" : "",
				 ask_escape, filter->pbx);

	return err;
}


static int registrations(const struct cli *cli,
			 const struct call_filter *filter, enum sheet sheet)
{
	json_t *report = NULL, *outages = NULL, *rows;
	json_t *elsewhere = elsewhere_read(cli, filter->tenant, filter->pbx);
	struct answer answer;
	int status;

	status = ask(cli, &answer, false, "/api/v1/registrations%s%H",
		     filter->tenant || filter->pbx ? "?" : "",
		     registrations_query, filter);
	if (status) {
		json_decref(elsewhere);
		return status;
	}

	rows = json_object_get(answer.json, "registrations");
	status = outages_read(cli, filter, rows, &outages);
	if (status == EXIT_GOOD)
		report = report_make(rows, outages, filter);
	if (report && elsewhere)
		(void)json_object_set(report, "elsewhere", elsewhere);
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
	json_decref(outages);
	json_decref(elsewhere);
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

	if (filter.failed || filter.user || state_dir) {
		term_error("report registrations: want --since, --until,"
			   " --tenant, --pbx or none of them");
		return EXIT_BAD;
	}

	if (!filter.since)
		filter.from_ms = ((int64_t)time(NULL) - DAY_S) * 1000;

	return registrations(cli, &filter, sheet);
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
	line_print("contact", answer_str(row, "contact"));
	line_print("advice", answer_str(row, "advice"));

	if (answer_int(row, "expires_s")) {
		(void)re_snprintf(text, sizeof(text), "for %d s, round trip"
				  " %d ms", (int)answer_int(row, "expires_s"),
				  (int)answer_int(row, "rtt_ms"));
		line_print("granted", text);
	}
	if (answer_int(row, "flaps")) {
		(void)re_snprintf(text, sizeof(text), "%d times since the"
				  " service began",
				  (int)answer_int(row, "flaps"));
		line_print("lost", text);
	}

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
