/**
 * @file cmd_call_why.c  Why a call went as it did
 *
 * For the person who reads this at three in the morning: first what happened,
 * then what to do, then how the bridge came to it, then the messages. 79
 * columns wide.
 */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/text.h"
#include "bridge/store/journal.h"
#include "cli.h"


enum {
	WIDTH           = 79,
	INDENT          = 11,      /* behind a title                        */
	TRANSFER_INDENT = 18,      /* behind time and side                  */
	DECISION_INDENT = 28,      /* ... and topic                         */
	LINE_SIZE       = 512,
	ID_LENGTH       = 32,      /* of a whole id                         */
};


/** Text behind a title, broken between words; what peers wrote is escaped */
static void wrapped(const char *title, size_t indent, const char *text)
{
	char shown[LINE_SIZE * 4];
	const char *p = shown;
	bool first = true;

	(void)text_escape(shown, sizeof(shown), text, strlen(text));

	while (*p) {
		size_t l = strlen(p);

		if (l > WIDTH - indent) {
			l = WIDTH - indent;
			while (l && p[l] != ' ')
				--l;
			if (!l)
				l = WIDTH - indent;
		}

		(void)printf("%-*s%.*s\n", (int)indent, first ? title : "",
			     (int)l, p);
		p += l;
		p += strspn(p, " ");
		first = false;
	}
}


static void para(const char *title, const char *text)
{
	wrapped(title, INDENT, text);
}


static void parf(const char *title, const char *fmt, ...)
{
	char text[LINE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	para(title, text);
}


/** "1. ... 2. ..." a line each */
static void advice_print(const char *advice)
{
	char item[LINE_SIZE];
	bool first = true;
	unsigned n = 1;

	while (*advice) {
		char next[16];
		const char *end;

		(void)re_snprintf(next, sizeof(next), " %u. ", ++n);
		end = strstr(advice, next);
		(void)re_snprintf(item, sizeof(item), "%b", advice, end ?
				  (size_t)(end - advice) : strlen(advice));
		para(first ? "advice" : "", item);
		if (!end)
			break;
		advice = end + 1;
		first = false;
	}
}


static void moment(char *buf, size_t size, int64_t ms)
{
	const time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) ||
	    !strftime(buf, size, "%Y-%m-%d %H:%M:%S %Z", &tm))
		(void)re_snprintf(buf, size, "-");
}


static const char *heading_colour(const json_t *call)
{
	if (*answer_str(call, "failed_side"))
		return term_colour(TERM_RED);
	if (strcmp(answer_str(call, "state"), "ended"))
		return term_colour(TERM_YELLOW);

	return term_colour(TERM_GREEN);
}


static void heading(const json_t *call)
{
	const char *colour = heading_colour(call);
	const char *what = answer_str(call, "what");
	const char *state = answer_str(call, "state");
	char text[LINE_SIZE];

	if (*what)
		(void)re_snprintf(text, sizeof(text), "%s", what);
	else if (strcmp(state, "ended"))
		(void)re_snprintf(text, sizeof(text), "The call is %s.",
				  state);
	else if (!strcmp(answer_str(call, "ended_by"), "bridge"))
		(void)re_snprintf(text, sizeof(text), "The call went well;"
				  " the bridge ended it: %s.",
				  answer_str(call, "reason"));
	else
		(void)re_snprintf(text, sizeof(text), "The call went well;"
				  " %s hung up.",
				  strcmp(answer_str(call, "ended_by"), "pbx")
				  ? "Teams" : "the PBX");

	(void)fputs(colour ? colour : "", stdout);
	para("call", text);
	(void)fputs(colour ? "\033[0m" : "", stdout);
}


/** How long until something happened, "" if it did not */
static const char *after(char *buf, size_t size, const json_t *call,
			 const char *name, const char *what)
{
	const int64_t start_ms = answer_int(call, "start_ms");
	const int64_t ms = answer_int(call, name);

	buf[0] = '\0';
	if (ms)
		(void)snprintf(buf, size, ", %s after %.1f s", what,
			       (double)(ms - start_ms) / 1000);

	return buf;
}


static void times(const json_t *call)
{
	char begin[48], ring[48], answer[48], end[48];

	moment(begin, sizeof(begin), answer_int(call, "start_ms"));
	parf("when", "%s%s%s%s", begin,
	     after(ring, sizeof(ring), call, "ring_ms", "rang"),
	     after(answer, sizeof(answer), call, "answer_ms", "answered"),
	     after(end, sizeof(end), call, "end_ms", "ended"));
}


static void number(const char *title, const char *came, const char *sent)
{
	if (*came && *sent && strcmp(came, sent))
		parf(title, "%s, sent on as %s", came, sent);
	else if (*came || *sent)
		para(title, *came ? came : sent);
}


static void codes(const json_t *call, const char *title, const char *name)
{
	const json_t *side = json_object_get(call, name);
	const int64_t scode = answer_int(side, "scode");
	const int64_t q850 = answer_int(side, "q850");
	char text[64] = "";

	if (q850)
		(void)re_snprintf(text, sizeof(text), ", Q.850 cause %d",
				  (int)q850);
	if (scode)
		parf(title, "status %d%s", (int)scode, text);
}


static void voice(const json_t *call, const char *title, const char *name)
{
	const json_t *side = json_object_get(call, name);
	const char *srtp = answer_str(side, "srtp");
	const double mos = json_number_value(json_object_get(side, "mos"));
	char text[LINE_SIZE];

	if (!*answer_str(side, "codec"))
		return;

	(void)snprintf(text, sizeof(text), "%s, %s; %lld packets in, %lld"
		       " out, %lld lost, jitter %.1f ms, round trip %.1f ms,"
		       " MOS %.1f", answer_str(side, "codec"),
		       *srtp ? srtp : "not encrypted",
		       (long long)answer_int(side, "rx_packets"),
		       (long long)answer_int(side, "tx_packets"),
		       (long long)answer_int(side, "rx_lost"),
		       (double)answer_int(side, "jitter_us") / 1000,
		       (double)answer_int(side, "rtt_us") / 1000, mos);
	para(title, text);
}


static void related(const json_t *call, const char *title, const char *name)
{
	const char *id = answer_str(call, name);

	if (*id && strcmp(id, answer_str(call, "id")))
		para(title, id);
}


/** Two voicemails that fight for a call */
static void conflict(const json_t *call)
{
	const char *what = answer_str(call, "voicemail");

	if (!strcmp(what, "at-once"))
		para("voicemail", "Conflict: voicemail of Teams answered at"
		     " once, before a phone rang. See"
		     " pbx.call.teams_voicemail.");
	else if (!strcmp(what, "no-answer"))
		para("voicemail", "Conflict: it rang in Teams, and voicemail"
		     " of Teams answered before that of the PBX. Let one of"
		     " them wait longer, or switch one off.");
	else if (!strcmp(what, "late"))
		para("voicemail", "Conflict: answered in Teams after the time"
		     " at which the PBX takes the call back. See"
		     " pbx.call.no_answer.");
}


static void summary(const json_t *call)
{
	const char *field = answer_str(call, "field");
	const char *to = answer_str(call, "transferred_to");

	heading(call);
	advice_print(answer_str(call, "advice"));
	if (*field)
		parf("setting", "%s", field);
	conflict(call);
	(void)putchar('\n');

	para("id", answer_str(call, "id"));
	parf("user", "%s at PBX %s, tenant %s", answer_str(call, "upn"),
	     answer_str(call, "pbx"), answer_str(call, "tenant"));
	para("direction", strcmp(answer_str(call, "direction"), "from_pbx") ?
	     "from Teams to the PBX" : "from the PBX to Teams");
	number("caller", answer_str(call, "caller_raw"),
	       answer_str(call, "caller_sent"));
	number("callee", answer_str(call, "callee_raw"),
	       answer_str(call, "callee_sent"));
	times(call);
	codes(call, "PBX", "pbxside");
	codes(call, "Teams", "teams");
	voice(call, "PBX voice", "pbxside");
	voice(call, "Teams v.", "teams");
	if (*to)
		para("went to", to);
	related(call, "came from", "transfer_of");
	related(call, "goes on as", "replaced_by");
	related(call, "story of", "story");
}


/** One line each: when, by whom, how, to whom, and how it ended */
static void transfers(const json_t *call)
{
	const json_t *list = json_object_get(call, "transfers"), *t;
	size_t i;

	if (json_array_size(list))
		(void)puts("\nTransfers\n");

	json_array_foreach(list, i, t) {
		const int64_t scode = answer_int(t, "scode");
		const char *to = answer_str(t, "to");
		char title[64], end[64] = "under way", line[LINE_SIZE];

		if (scode)
			(void)snprintf(end, sizeof(end), "%lld after %.1f s",
				       (long long)scode,
				       (double)answer_int(t, "took_ms")
				       / 1000);
		(void)snprintf(title, sizeof(title), "%8.3f  %-6s  ",
			       (double)answer_int(t, "at_ms") / 1000,
			       answer_str(t, "by"));
		(void)snprintf(line, sizeof(line), "%s, %s, to %s: %s",
			       answer_str(t, "kind"), answer_str(t, "way"),
			       *to ? to : "a party without a number", end);
		wrapped(title, TRANSFER_INDENT, line);
	}
}


static void decisions(const json_t *call)
{
	const json_t *list = json_object_get(call, "decisions"), *d;
	const int64_t dropped = answer_int(call, "decisions_dropped");
	size_t i;

	if (json_array_size(list))
		(void)puts("\nWhat was decided and seen\n");

	json_array_foreach(list, i, d) {
		char title[64];

		(void)snprintf(title, sizeof(title), "%8.3f  %-6s  %-8s  ",
			       (double)answer_int(d, "at_ms") / 1000,
			       answer_str(d, "where"),
			       answer_str(d, "topic"));
		wrapped(title, DECISION_INDENT, answer_str(d, "text"));
	}

	if (dropped)
		(void)printf("          (%lld more in the middle were not"
			     " kept)\n", (long long)dropped);
}


static int ladder(const struct cli *cli, const char *id)
{
	struct answer answer;

	if (!ask_quietly(cli, &answer, "/api/v1/trace/%H", ask_escape, id)) {
		(void)puts("\nMessages are no longer kept.");
		return EXIT_GOOD;
	}

	(void)puts("\nMessages\n");
	text_print(answer.text, answer.size);
	answer_clear(&answer);

	return EXIT_GOOD;
}


static void tell_call(const json_t *call)
{
	summary(call);
	transfers(call);
	decisions(call);
}


int call_why(const struct cli *cli, const char *id)
{
	struct answer answer;
	int status;

	/* the newest ones are at hand, the store has all by their whole id */
	if (strlen(id) < ID_LENGTH)
		status = ask(cli, &answer, false, "/api/v1/calls/%H",
			     ask_escape, id);
	else if (ask_quietly(cli, &answer, "/api/v1/calls/%H", ask_escape,
			     id))
		status = EXIT_GOOD;
	else
		status = ask(cli, &answer, false, "/api/v1/call-records/%H",
			     ask_escape, id);
	if (status)
		return status;

	tell_call(answer.json);
	status = ladder(cli, answer_str(answer.json, "id"));
	answer_clear(&answer);

	return status;
}


struct find {
	const char *id;
	size_t c;                  /* calls whose id begins so */
	json_t *json;              /* owned; the newest        */
};


static int find_h(const struct call_record *rec, void *arg)
{
	struct find *find = arg;

	if (strncmp(rec->id, find->id, strlen(find->id)))
		return 0;

	++find->c;
	json_decref(find->json);
	find->json = call_record_json(rec);

	return find->json ? 0 : ENOMEM;
}


int call_why_offline(const char *state_dir, const char *id)
{
	struct find find = { .id = id };
	const int err = journal_calls(state_dir, 0, find_h, &find);

	if (err)
		term_error("%s: cannot read the journal: %m", state_dir, err);
	else if (!find.c)
		term_error("there is no call %s in %s", id, state_dir);
	else if (find.c > 1)
		term_error("%zu calls begin with %s: want more of the id",
			   find.c, id);
	else
		tell_call(find.json);

	json_decref(find.json);

	return !err && find.c == 1 ? EXIT_GOOD : EXIT_BAD;
}
