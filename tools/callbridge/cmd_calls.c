/**
 * @file cmd_calls.c  Calls and their messages
 *
 * Calls come from the running service or, without one, from its journal.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/tape.h"
#include "bridge/store/journal.h"
#include "call_filter.h"


enum { CALL_COLUMNS = 9, LIMIT_DEFAULT = 50, LIMIT_MAX = 1000,
       RECORD_SECONDS = 60 };


static void moment(char *buf, size_t size, int64_t ms)
{
	const time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!ms || !localtime_r(&t, &tm) ||
	    !strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm))
		(void)re_snprintf(buf, size, "-");
}


/** Time spoken; of a call that runs, so far */
static void lasted(char *buf, size_t size, const json_t *row)
{
	const int64_t answer_ms = answer_int(row, "answer_ms");
	const int64_t end_ms = answer_int(row, "end_ms");

	if (!answer_ms)
		(void)re_snprintf(buf, size, "-");
	else
		term_duration(buf, size, ((end_ms ? end_ms : (int64_t)
			      time(NULL) * 1000) - answer_ms) / 1000);
}


/** "answered", "ringing", or why it failed */
static void result(char *buf, size_t size, const json_t *row)
{
	const int64_t scode = answer_int(row, "scode");
	const char *state = answer_str(row, "state");
	const char *reason = answer_str(row, "reason");

	if (strcmp(state, "ended"))
		(void)re_snprintf(buf, size, "%s", state);
	else if (answer_int(row, "answer_ms"))
		(void)re_snprintf(buf, size, "answered");
	else if (scode)
		(void)re_snprintf(buf, size, "%d %s", (int)scode, reason);
	else
		(void)re_snprintf(buf, size, "%s", *reason ? reason :
				  "not answered");
}


static void quality(char *buf, size_t size, const json_t *row)
{
	const double teams = json_number_value(json_object_get(
		json_object_get(row, "teams"), "mos"));
	const double pbx = json_number_value(json_object_get(
		json_object_get(row, "pbxside"), "mos"));

	if (teams > 0 && pbx > 0)
		(void)snprintf(buf, size, "%.1f/%.1f", teams, pbx);
	else
		(void)re_snprintf(buf, size, "-");
}


static const char *result_colour(const json_t *row)
{
	if (strcmp(answer_str(row, "state"), "ended"))
		return term_colour(TERM_YELLOW);

	return term_colour(answer_int(row, "answer_ms") ? TERM_GREEN
			   : TERM_RED);
}


static int call_row(struct table *table, const json_t *row)
{
	char when[32], res[160], time_spoken[32], mos[32];
	const char *const cellv[CALL_COLUMNS] = {
		when, answer_str(row, "direction"), answer_str(row, "caller"),
		answer_str(row, "callee"), answer_str(row, "upn"), res,
		time_spoken, mos, answer_str(row, "id"),
	};

	moment(when, sizeof(when), answer_int(row, "start_ms"));
	result(res, sizeof(res), row);
	lasted(time_spoken, sizeof(time_spoken), row);
	quality(mos, sizeof(mos), row);

	return table_row(table, result_colour(row), cellv);
}


static int calls_print(const json_t *rows)
{
	static const char *const headv[CALL_COLUMNS] = {
		"BEGAN", "DIRECTION", "CALLER", "CALLEE", "USER", "RESULT",
		"LASTED", "MOS", "ID",
	};
	struct table *table;
	const json_t *row;
	size_t i;
	int err;

	if (!json_array_size(rows)) {
		(void)puts("no calls");
		return EXIT_GOOD;
	}

	err = table_alloc(&table, headv, CALL_COLUMNS);
	if (err)
		return EXIT_BAD;

	json_array_foreach(rows, i, row)
		err = err ? err : call_row(table, row);

	if (!err)
		table_print(table);

	mem_deref(table);

	return err ? EXIT_BAD : EXIT_GOOD;
}


struct offline {
	const struct call_filter *filter;
	size_t limit;
	json_t *rows;              /* borrowed */
};


static int journal_row(const struct call_record *rec, void *arg)
{
	const struct offline *off = arg;

	if (!call_filter_takes(off->filter, rec))
		return 0;

	if (json_array_size(off->rows) == off->limit)
		(void)json_array_remove(off->rows, 0);

	return json_array_append_new(off->rows, call_record_json(rec)) ?
		ENOMEM : 0;
}


/** The same answer as the service's, from its journal */
static int calls_offline(const char *state_dir, long limit,
			 const struct call_filter *filter, json_t **jsonp)
{
	struct offline off = { filter, (size_t)limit, json_array() };
	int err;

	err = off.rows ? journal_calls(state_dir, 0, journal_row, &off) :
		ENOMEM;
	if (err) {
		term_error("%s: cannot read the journal: %m", state_dir, err);
		json_decref(off.rows);
		return EXIT_BAD;
	}

	*jsonp = json_pack("{s:o}", "calls", off.rows);

	return *jsonp ? EXIT_GOOD : EXIT_BAD;
}


static int calls_online(const struct cli *cli, long limit,
			const struct call_filter *filter, json_t **jsonp)
{
	struct answer answer;
	int status;

	status = ask(cli, &answer, false, "/api/v1/calls?limit=%ld%H", limit,
		     call_filter_query, filter);
	if (status)
		return status;

	*jsonp = json_incref(answer.json);
	answer_clear(&answer);

	return EXIT_GOOD;
}


int cmd_calls(const struct cli *cli, int argc, char *argv[])
{
	const char *limit_text = NULL, *state_dir = NULL;
	struct call_filter filter = { .since = NULL };
	bool json = false;
	const struct opt optv[] = {
		{"json", NULL, &json}, {"limit", &limit_text, NULL},
		{"state-dir", &state_dir, NULL}, CALL_FILTER_OPTS(filter),
		{NULL, NULL, NULL},
	};
	long limit = LIMIT_DEFAULT;
	json_t *calls = NULL;
	int status;

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, 0, 0) || call_filter_read(&filter) ||
	    (limit_text && options_number("limit", limit_text, 1, LIMIT_MAX,
					  &limit)))
		return EXIT_BAD;

	status = state_dir ? calls_offline(state_dir, limit, &filter, &calls)
		: calls_online(cli, limit, &filter, &calls);

	if (status == EXIT_GOOD)
		status = json ? term_json(calls)
			: calls_print(json_object_get(calls, "calls"));

	json_decref(calls);

	return status;
}


/** "-" is stdout. What is in it is nobody else's business: mode 0600 */
static int file_write(const char *path, const struct answer *answer)
{
	int fd = STDOUT_FILENO;
	size_t at = 0;

	if (strcmp(path, "-"))
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			  0600);

	while (fd >= 0 && at < answer->size) {
		const ssize_t n = write(fd, answer->text + at,
					answer->size - at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}

	if (fd >= 0 && fd != STDOUT_FILENO && close(fd))
		at = 0;

	if (fd >= 0 && at == answer->size)
		return EXIT_GOOD;

	term_error("%s: cannot write: %m", path, errno);

	return EXIT_BAD;
}


int cmd_trace(const struct cli *cli, int argc, char *argv[])
{
	const char *pcap = NULL;
	bool json = false, redact = false;
	const struct opt optv[] = {
		{"json", NULL, &json}, {"pcap", &pcap, NULL},
		{"redact", NULL, &redact}, {NULL, NULL, NULL},
	};
	struct answer answer;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 1))
		return EXIT_BAD;

	if (json && pcap) {
		term_error("trace: want one of --json, --pcap");
		return EXIT_BAD;
	}

	status = ask(cli, &answer, false,
		     "/api/v1/trace/%H?format=%s&redact=%s", ask_escape,
		     argv[1], pcap ? "pcapng" : json ? "json" : "ladder",
		     redact ? "true" : "false");
	if (status)
		return status;

	if (pcap)
		status = file_write(pcap, &answer);
	else if (json)
		status = term_json(answer.json);
	else
		text_print(answer.text, answer.size);

	answer_clear(&answer);

	return status;
}


static int record_begin(const struct cli *cli, const char *subject,
			long seconds)
{
	struct answer answer;
	char body[64];
	int status;

	(void)snprintf(body, sizeof(body), "{\"seconds\": %ld}", seconds);
	status = ask_with(cli, &answer, "POST", "application/json", body,
			  "/api/v1/trace/%H/voice", ask_escape, subject);
	if (status)
		return status;

	(void)re_hprintf(term_out(), "the voice of %s is kept in memory for"
			 " the next %ld s, and told in the audit;\nfetch it"
			 " within %d minutes after by `callbridge record --pcap FILE %s`\n",
			 subject, seconds, TAPE_KEPT_S / 60, subject);
	answer_clear(&answer);

	return EXIT_GOOD;
}


int cmd_record(const struct cli *cli, int argc, char *argv[])
{
	const char *pcap = NULL, *seconds_text = NULL;
	bool stop = false;
	const struct opt optv[] = {
		{"pcap", &pcap, NULL}, {"seconds", &seconds_text, NULL},
		{"stop", NULL, &stop}, {NULL, NULL, NULL},
	};
	long seconds = RECORD_SECONDS;
	struct answer answer;
	int status;

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, 1, 1) ||
	    (seconds_text && options_number("seconds", seconds_text, 1,
					    TAPE_SECONDS_MAX, &seconds)))
		return EXIT_BAD;

	if ((pcap != NULL) + (seconds_text != NULL) + stop > 1) {
		term_error("record: want one of --seconds, --pcap, --stop");
		return EXIT_BAD;
	}

	if (!pcap && !stop)
		return record_begin(cli, argv[1], seconds);

	status = ask_with(cli, &answer, stop ? "DELETE" : "GET", NULL, NULL,
			  "/api/v1/trace/%H/voice", ask_escape, argv[1]);
	if (status)
		return status;

	if (pcap)
		status = file_write(pcap, &answer);
	else
		(void)re_hprintf(term_out(), "nothing is kept of %s any"
				 " more\n", argv[1]);
	answer_clear(&answer);

	return status;
}
