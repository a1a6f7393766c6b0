/**
 * @file reports.c  Figures of all calls, and outages, of a time
 */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"
#include "bridge/model/call_stats.h"
#include "sheets.h"


enum { DAYS_DEFAULT = 30, ROWS_MAX = 20000, NAMES_MAX = 5 };

#define MINUTE_MS ((int64_t)60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)


static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}


/** The last 30 days if nothing is said */
static bool times_read(struct request *rq, int64_t *from_ms, int64_t *to_ms)
{
	*from_ms = *to_ms = 0;
	if (!query_moment(rq, "from_ms", from_ms) ||
	    !query_moment(rq, "to_ms", to_ms))
		return false;

	if (!*to_ms)
		*to_ms = now_ms();
	if (!query_text(rq, "from_ms"))
		*from_ms = *to_ms > DAYS_DEFAULT * DAY_MS ?
			*to_ms - DAYS_DEFAULT * DAY_MS : 0;
	if (*from_ms < *to_ms)
		return true;

	reply_error(rq, HTTP_BADREQUEST, "to_ms", "to_ms: want a time after"
		    " from_ms");

	return false;
}


/* Calls */


/** One pass over what the store tells, in order of time */
struct folding {
	struct call_report *report;        /* owned */
	json_t *rows;                      /* owned: of each step */
	const struct store_figures *asked;
	int64_t time_ms;                   /* of the step that is summed    */
	struct call_stats stats;           /* ... if PBXs are not kept apart */
	bool some;
};


static int row_add(struct folding *f, int64_t time_ms, const char *tenant,
		   const char *pbx, const struct call_stats *stats)
{
	json_t *row;

	if (json_array_size(f->rows) == ROWS_MAX)
		return E2BIG;

	row = call_stats_json(stats);
	if (tenant) {
		(void)json_object_set_new(row, "tenant", json_string(tenant));
		(void)json_object_set_new(row, "pbx", json_string(pbx));
	}
	(void)json_object_set_new(row, "from_ms", json_integer(time_ms));

	return json_array_append_new(f->rows, row) ? ENOMEM : 0;
}


/** The step is over */
static int step_end(struct folding *f)
{
	int err = 0;

	if (f->some)
		err = row_add(f, f->time_ms, NULL, NULL, &f->stats);

	f->some = false;
	memset(&f->stats, 0, sizeof(f->stats));

	return err;
}


static int step_sum(struct folding *f, int64_t time_ms,
		    const struct call_stats *stats)
{
	int err = 0;

	if (time_ms != f->time_ms)
		err = step_end(f);

	f->time_ms = time_ms;
	f->some    = true;
	call_stats_sum(&f->stats, stats, false);

	return err;
}


static int figures_h(int64_t time_ms, const char *tenant, const char *pbx,
		     const struct call_stats *stats, void *arg)
{
	struct folding *f = arg;
	int err;

	err = call_report_sum(f->report, tenant, pbx, stats);
	if (err || !f->asked->step_ms)
		return err;

	return f->asked->by_pbx ? row_add(f, time_ms, tenant, pbx, stats) :
		step_sum(f, time_ms, stats);
}


/** Minutes east of Greenwich */
static bool zone_read(struct request *rq, int64_t *zone_ms)
{
	const char *text = query_text(rq, "zone_min");
	char *end;
	long n;

	if (!text)
		return true;

	n = strtol(text, &end, 10);
	if (end != text && !*end && n >= -14 * 60 && n <= 14 * 60) {
		*zone_ms = n * MINUTE_MS;
		return true;
	}

	reply_error(rq, HTTP_BADREQUEST, "zone_min", "zone_min: want"
		    " -840..840, found \"%s\"", text);

	return false;
}


static bool asked_read(struct request *rq, struct store_figures *asked)
{
	static const char *const stepv[] = { "hour", "day" };
	static const char *const byv[] = { "pbx" };
	size_t step = 0, by;

	asked->tenant = query_text(rq, "tenant");
	asked->pbx    = query_text(rq, "pbx");
	asked->by_pbx = query_text(rq, "by") != NULL;

	asked->upn    = query_text(rq, "upn");

	if (!times_read(rq, &asked->from_ms, &asked->to_ms) ||
	    !query_bool(rq, "exact", &asked->exact) ||
	    !query_bool(rq, "failed", &asked->failed) ||
	    !zone_read(rq, &asked->zone_ms) ||
	    !query_choice(rq, "step", stepv, RE_ARRAY_SIZE(stepv), &step) ||
	    !query_choice(rq, "by", byv, RE_ARRAY_SIZE(byv), &by))
		return false;

	/* what hours do not tell apart is told exactly */
	asked->exact |= asked->upn || asked->failed;

	/* what an hour is told for is all of it */
	if (!asked->exact)
		asked->from_ms -= asked->from_ms % HOUR_MS;
	asked->step_ms  = !query_text(rq, "step") ? 0 :
		step ? DAY_MS : HOUR_MS;

	return true;
}


static int fold(struct store *st, struct folding *f)
{
	struct store_figures all = *f->asked;
	int err;

	all.by_pbx = true;
	all.limit  = f->asked->by_pbx ? ROWS_MAX : 0;
	err = store_call_figures(st, &all, figures_h, f);

	return err ? err : step_end(f);
}


static json_t *folded_json(const struct folding *f,
			   const struct store_figures *asked)
{
	json_t *json = call_report_json(f->report);

	(void)json_object_set_new(json, "from_ms",
				  json_integer(asked->from_ms));
	(void)json_object_set_new(json, "to_ms", json_integer(asked->to_ms));
	(void)json_object_set(json, "times", f->rows);

	return json;
}


void report_calls_get(struct request *rq)
{
	struct store_figures asked = { .tenant = NULL };
	struct folding f = { .asked = &asked };
	int err;

	if (!asked_read(rq, &asked))
		return;

	f.rows = json_array();
	err = f.rows ? call_report_alloc(&f.report) : ENOMEM;
	if (!err)
		err = fold(rq->st, &f);

	if (err == E2BIG)
		reply_error(rq, HTTP_BADREQUEST, "step", "more than %d rows:"
			    " want a shorter time, a longer step, or a"
			    " customer", ROWS_MAX);
	else if (err)
		reply_store(rq, err, NULL);
	else
		reply_json(rq, HTTP_OK, folded_json(&f, &asked));

	json_decref(f.rows);
	mem_deref(f.report);
}


/* Outages */


static json_t *outage_json(const struct store_outage *o)
{
	json_t *names = json_array();

	for (size_t i = 0; i < o->count && i < NAMES_MAX; i++)
		(void)json_array_append_new(names, json_string(o->namev[i]));

	return json_pack("{s:s, s:s, s:s, s:I, s:o, s:I, s:I, s:o, s:s, s:s}",
			 "kind", o->kind, "tenant", o->tenant, "pbx", o->pbx,
			 "from_ms", (json_int_t)o->from_ms, "to_ms", o->to_ms
			 ? json_integer(o->to_ms) : json_null(), "lost_s",
			 (json_int_t)(o->lost_ms / 1000), "count",
			 (json_int_t)o->count, "names", names, "reason",
			 o->reason, "words", o->words);
}


static int outage_h(const struct store_outage *o, void *arg)
{
	return listing_add(arg, outage_json(o));
}


static bool outages_which(struct request *rq, struct store_span *span)
{
	static const char *const kindv[] = { "user", "trunk" };
	size_t kind;

	span->tenant = query_text(rq, "tenant");
	span->pbx    = query_text(rq, "pbx");
	span->kind   = query_text(rq, "kind");

	return times_read(rq, &span->from_ms, &span->to_ms) &&
		query_choice(rq, "kind", kindv, RE_ARRAY_SIZE(kindv), &kind);
}


static bool outages_refused(struct request *rq, int err)
{
	if (err == E2BIG)
		reply_error(rq, HTTP_BADREQUEST, "from_ms", "too many were"
			    " lost then: want a shorter time, or a customer");

	return err == E2BIG;
}


void outages_get(struct request *rq)
{
	static const char *const sortv[] = {
		"from_ms", "to_ms", "lost_s", "count", "kind", "tenant",
		"pbx", "reason",
	};
	struct store_span span = { .tenant = NULL };
	struct listing *list;
	uint32_t limit = 100;
	int err;

	if (!outages_which(rq, &span) ||
	    !query_number(rq, "limit", 1, 1000, &limit))
		return;

	span.limit = limit;
	list = listing_begin(rq, "outages");
	if (!list || !listing_sort(list, sortv, RE_ARRAY_SIZE(sortv)))
		return;

	err = store_outages(rq->st, &span, outage_h, list);
	if (outages_refused(rq, err))
		listing_drop(list);
	else
		listing_end(list, err);
}


struct telling {
	store_value_h *h;
	void *arg;
};


static int outage_tell(const struct store_outage *o, void *arg)
{
	const struct telling *telling = arg;
	json_t *json = outage_json(o);
	const int err = json ? telling->h(json, telling->arg) : ENOMEM;

	json_decref(json);

	return err;
}


/** All at once: they are made of all */
static int sheet_read(struct request *rq, const char *after, char *last,
		      size_t limit, store_value_h *h, void *arg)
{
	struct telling telling = { h, arg };
	struct store_span span = { .tenant = NULL };

	(void)after;
	(void)last;
	(void)limit;

	return outages_which(rq, &span) ?
		store_outages(rq->st, &span, outage_tell, &telling) : EINVAL;
}


static int none_h(const struct store_outage *o, void *arg)
{
	(void)o;
	(void)arg;

	return 0;
}


void outages_export(struct request *rq)
{
	static const struct sheet_column columnv[] = {
		{ "kind", "kind", SHEET_TEXT },
		{ "tenant", "tenant", SHEET_TEXT },
		{ "pbx", "pbx", SHEET_TEXT },
		{ "from", "from_ms", SHEET_MS },
		{ "to", "to_ms", SHEET_MS },
		{ "lost_s", "lost_s", SHEET_TEXT },
		{ "count", "count", SHEET_TEXT },
		{ "names", "names", SHEET_JSON },
		{ "reason", "reason", SHEET_TEXT },
		{ "words", "words", SHEET_TEXT },
	};
	static const struct sheet_kind kind = {
		.name = "outages", .columnv = columnv,
		.columnc = RE_ARRAY_SIZE(columnv), .readh = sheet_read };
	struct store_span span = { .tenant = NULL };

	if (outages_which(rq, &span) &&
	    !outages_refused(rq, store_outages(rq->st, &span, none_h, NULL)))
		sheet_begin(rq, &kind);
}
