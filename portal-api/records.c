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
