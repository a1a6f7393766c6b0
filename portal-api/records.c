/**
 * @file records.c  Calls as they were recorded: looking for them
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"
#include "bridge/model/status.h"
#include "records.h"
#include "sheets.h"


#define SORTED_MAX_MS ((int64_t)92 * 24 * 3600 * 1000)


static bool result_read(struct request *rq, struct store_call_query *query)
{
	const char *wordv[CALL_RESULTS];
	size_t at = 0;

	for (size_t i = 0; i < CALL_RESULTS; i++)
		wordv[i] = call_result_name((enum call_result)i);

	query->result = query_text(rq, "result");

	return query_choice(rq, "result", wordv, CALL_RESULTS, &at);
}


/** "3.6": hundredths */
static bool mos_read(struct request *rq, struct store_call_query *query)
{
	const char *text = query_text(rq, "mos_below");
	double value;
	char *end;

	if (!text)
		return true;

	value = strtod(text, &end);
	if (end != text && !*end && *text >= '0' && *text <= '9' &&
	    value >= 1 && value <= 5) {
		query->mos_below = (unsigned)lround(value * 100);
		return true;
	}

	reply_error(rq, HTTP_BADREQUEST, "mos_below", "mos_below: want 1..5,"
		    " found \"%s\"", text);

	return false;
}


static bool sort_read(struct request *rq, struct store_call_query *query)
{
	static const char *const wordv[] = {
		"-start", "start", "-duration", "duration", "-mos", "mos" };
	size_t at = 0;

	if (!query_choice(rq, "sort", wordv, RE_ARRAY_SIZE(wordv), &at))
		return false;

	query->sort      = (enum store_call_sort)(at / 2);
	query->ascending = at % 2;

	return true;
}


/** All calls of a time are sorted; where few are chosen it may be long */
static bool sort_check(struct request *rq, struct store_call_query *query)
{
	const struct store_span *span = &query->span;
	const int64_t to_ms = span->to_ms ? span->to_ms :
		(int64_t)time(NULL) * 1000;

	if (query->sort == STORE_CALLS_BY_START || query->number ||
	    query->user || span->upn ||
	    (span->from_ms && to_ms - span->from_ms <= SORTED_MAX_MS))
		return true;

	reply_error(rq, HTTP_BADREQUEST, "from_ms", "sort: want from_ms with"
		    " it, at most 92 days before to_ms, or a user or a"
		    " number");

	return false;
}


bool records_read(struct request *rq, struct store_call_query *query)
{
	static const char *const directionv[] = { "from_teams", "from_pbx" };
	struct store_span *span = &query->span;
	bool failed;
	size_t at;

	span->tenant     = query_text(rq, "tenant");
	span->pbx        = query_text(rq, "pbx");
	span->upn        = query_text(rq, "upn");
	span->after      = query_text(rq, "cursor");
	query->user      = query_text(rq, "user");
	query->number    = query_text(rq, "number");
	query->failed    = query_text(rq, "failed");
	query->direction = query_text(rq, "direction");

	return query_moment(rq, "from_ms", &span->from_ms) &&
		query_moment(rq, "to_ms", &span->to_ms) &&
		query_bool(rq, "failed", &failed) &&
		query_choice(rq, "direction", directionv,
			     RE_ARRAY_SIZE(directionv), &at) &&
		result_read(rq, query) && mos_read(rq, query) &&
		sort_read(rq, query) && sort_check(rq, query);
}


bool records_refused(struct request *rq, int err)
{
	if (err == EDOM)
		reply_error(rq, HTTP_BADREQUEST, "number", "number: want at"
			    " least three digits of its end, found \"%s\"",
			    query_text(rq, "number"));
	else if (err == E2BIG)
		reply_error(rq, HTTP_BADREQUEST, "user", "user: more than 50"
			    " users have \"%s\": want more of the name",
			    query_text(rq, "user"));
	else
		return false;

	return true;
}


static const struct sheet_column columnv[] = {
	{ "id", "id", SHEET_TEXT },
	{ "tenant", "tenant", SHEET_TEXT },
	{ "pbx", "pbx", SHEET_TEXT },
	{ "upn", "upn", SHEET_TEXT },
	{ "direction", "direction", SHEET_TEXT },
	{ "caller", "caller", SHEET_TEXT },
	{ "caller_name", "caller_name", SHEET_TEXT },
	{ "callee", "callee", SHEET_TEXT },
	{ "start", "start_ms", SHEET_MS },
	{ "ring", "ring_ms", SHEET_MS },
	{ "answer", "answer_ms", SHEET_MS },
	{ "end", "end_ms", SHEET_MS },
	{ "result", "result", SHEET_TEXT },
	{ "scode", "scode", SHEET_TEXT },
	{ "reason", "reason", SHEET_TEXT },
	{ "ended_by", "ended_by", SHEET_TEXT },
	{ "failed_side", "failed_side", SHEET_TEXT },
	{ "what", "what", SHEET_TEXT },
	{ "advice", "advice", SHEET_TEXT },
	{ "field", "field", SHEET_TEXT },
	{ "transferred_to", "transferred_to", SHEET_TEXT },
	{ "teams_codec", "teams.codec", SHEET_TEXT },
	{ "teams_rx_packets", "teams.rx_packets", SHEET_TEXT },
	{ "teams_rx_lost", "teams.rx_lost", SHEET_TEXT },
	{ "teams_jitter_us", "teams.jitter_us", SHEET_TEXT },
	{ "teams_rtt_us", "teams.rtt_us", SHEET_TEXT },
	{ "teams_mos", "teams.mos", SHEET_TEXT },
	{ "pbx_codec", "pbxside.codec", SHEET_TEXT },
	{ "pbx_rx_packets", "pbxside.rx_packets", SHEET_TEXT },
	{ "pbx_rx_lost", "pbxside.rx_lost", SHEET_TEXT },
	{ "pbx_jitter_us", "pbxside.jitter_us", SHEET_TEXT },
	{ "pbx_rtt_us", "pbxside.rtt_us", SHEET_TEXT },
	{ "pbx_mos", "pbxside.mos", SHEET_TEXT },
};


static int sheet_read(struct request *rq, const char *after, char *last,
		      size_t limit, store_value_h *h, void *arg)
{
	struct store_call_query query = { .result = NULL };

	if (!records_read(rq, &query))
		return EINVAL;     /* it was good when it began */

	query.span.after = after;
	query.span.last  = last;
	query.span.limit = limit;

	return store_calls(rq->st, &query, h, arg);
}


static int none_h(const json_t *value, void *arg)
{
	(void)value;
	(void)arg;

	return 0;
}


void records_export(struct request *rq)
{
	static const struct sheet_kind kind = {
		.name = "calls", .columnv = columnv,
		.columnc = RE_ARRAY_SIZE(columnv), .readh = sheet_read };
	struct store_call_query query = { .result = NULL };
	int err;

	if (!records_read(rq, &query))
		return;

	/* is it understood? Later it cannot be said any more */
	query.span.limit = 1;
	err = store_calls(rq->st, &query, none_h, NULL);
	if (!records_refused(rq, err))
		sheet_begin(rq, &kind);
}


static int value_h(const json_t *value, void *arg)
{
	return paging_add(arg, json_deep_copy(value));
}


void records_get(struct request *rq)
{
	struct store_call_query query = { .result = NULL };
	struct paging pg;
	int err;

	if (!records_read(rq, &query) || !paging_begin(&pg, rq, "calls"))
		return;

	query.span.limit = pg.limit + 1;
	query.span.last  = pg.last;
	err = store_calls(rq->st, &query, value_h, &pg);

	if (records_refused(rq, err))
		listing_drop(pg.list);
	else
		paging_end(&pg, err);
}
