/**
 * @file history.c  What happened: calls, registrations, changes
 */
#include <jansson.h>

#include "api.h"
#include "sheets.h"


/** What is asked for, newest first */
static bool which_read(struct request *rq, struct store_span *span)
{
	span->tenant = query_text(rq, "tenant");
	span->pbx    = query_text(rq, "pbx");
	span->upn    = query_text(rq, "upn");
	span->kind   = query_text(rq, "kind");
	span->who    = query_text(rq, "who");
	span->name   = query_text(rq, "name");

	return query_moment(rq, "from_ms", &span->from_ms) &&
		query_moment(rq, "to_ms", &span->to_ms);
}


/** A page of it; begins the answer */
static bool span_read(struct request *rq, struct store_span *span,
		      struct paging *pg, const char *name)
{
	if (!which_read(rq, span) || !query_oldest(rq, &span->oldest) ||
	    !paging_begin(pg, rq, name))
		return false;

	span->limit  = pg->limit + 1;
	span->after  = query_text(rq, "cursor");
	span->last   = pg->last;

	return true;
}


static int value_h(const json_t *value, void *arg)
{
	return paging_add(arg, json_deep_copy(value));
}


typedef int (read_h)(struct store *st, const struct store_span *span,
		     store_value_h *h, void *arg);


static void values_get(struct request *rq, const char *name, read_h *readh)
{
	struct store_span span = { .tenant = NULL };
	struct paging pg;

	if (span_read(rq, &span, &pg, name))
		paging_end(&pg, readh(rq->st, &span, value_h, &pg));
}


void history_get(struct request *rq)
{
	values_get(rq, "changes", store_reg_history);
}


static int history_read(struct request *rq, const char *after, char *last,
			size_t limit, store_value_h *h, void *arg)
{
	struct store_span span = { .tenant = NULL };

	if (!which_read(rq, &span))
		return EINVAL;     /* it was good when it began */

	span.after = after;
	span.last  = last;
	span.limit = limit;

	return store_reg_history(rq->st, &span, h, arg);
}


void history_export(struct request *rq)
{
	static const struct sheet_column columnv[] = {
		{ "since", "since_s", SHEET_S },
		{ "tenant", "tenant", SHEET_TEXT },
		{ "pbx", "pbx", SHEET_TEXT },
		{ "upn", "upn", SHEET_TEXT },
		{ "number", "number", SHEET_TEXT },
		{ "state", "state", SHEET_TEXT },
		{ "reason", "reason", SHEET_TEXT },
		{ "words", "words", SHEET_TEXT },
		{ "advice", "advice", SHEET_TEXT },
		{ "server", "server", SHEET_TEXT },
		{ "removed", "removed", SHEET_TEXT },
	};
	static const struct sheet_kind kind = {
		.name = "changes", .columnv = columnv,
		.columnc = RE_ARRAY_SIZE(columnv), .readh = history_read };
	struct store_span span = { .tenant = NULL };

	if (which_read(rq, &span))
		sheet_begin(rq, &kind);
}


static int one_h(const json_t *value, void *arg)
{
	json_t **jsonp = arg;

	*jsonp = json_deep_copy(value);

	return 0;
}


void call_work(struct request *rq)
{
	json_t *json = NULL;
	const int err = store_call(rq->st, rq->param, one_h, &json);
	const char *own = access_tenant(rq);

	if (!err && own && json && strcmp(own, json_string_value(
				   json_object_get(json, "tenant"))))
		json = (json_decref(json), NULL);

	if (err && err != ENOENT)
		reply_store(rq, err, NULL);
	else if (json)
		reply_json(rq, HTTP_OK, json);
	else
		reply_error(rq, HTTP_NOTFOUND, "id", "there is no call %s",
			    rq->param);
}


/* The audit log */


static json_t *text_json(const char *text)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	return json ? json : json_null();
}


static json_t *audit_json(const struct store_audit *e)
{
	return json_pack("{s:I, s:s, s:s?, s:s?, s:s, s:s, s:s, s:o, s:o}",
			 "time_ms", (json_int_t)e->time_ms, "who", e->who,
			 "address", e->address, "tenant", e->tenant,
			 "action", e->action, "kind", e->kind, "name",
			 e->name, "before", text_json(e->before), "after",
			 text_json(e->after));
}


static int audit_h(const struct store_audit *e, void *arg)
{
	return paging_add(arg, audit_json(e));
}


void audit_get(struct request *rq)
{
	struct store_span span = { .tenant = NULL };
	struct paging pg;

	if (span_read(rq, &span, &pg, "entries"))
		paging_end(&pg, store_audit_list(rq->st, &span, audit_h,
						 &pg));
}


struct telling {
	store_value_h *h;
	void *arg;
};


static int audit_tell(const struct store_audit *e, void *arg)
{
	const struct telling *telling = arg;
	json_t *json = audit_json(e);
	const int err = json ? telling->h(json, telling->arg) : ENOMEM;

	json_decref(json);

	return err;
}


static int audit_read(struct request *rq, const char *after, char *last,
		      size_t limit, store_value_h *h, void *arg)
{
	struct telling telling = { h, arg };
	struct store_span span = { .tenant = NULL };

	if (!which_read(rq, &span))
		return EINVAL;

	span.after = after;
	span.last  = last;
	span.limit = limit;

	return store_audit_list(rq->st, &span, audit_tell, &telling);
}


void audit_export(struct request *rq)
{
	static const struct sheet_column columnv[] = {
		{ "time", "time_ms", SHEET_MS },
		{ "who", "who", SHEET_TEXT },
		{ "address", "address", SHEET_TEXT },
		{ "tenant", "tenant", SHEET_TEXT },
		{ "action", "action", SHEET_TEXT },
		{ "kind", "kind", SHEET_TEXT },
		{ "name", "name", SHEET_TEXT },
		{ "before", "before", SHEET_JSON },
		{ "after", "after", SHEET_JSON },
	};
	static const struct sheet_kind kind = {
		.name = "entries", .columnv = columnv,
		.columnc = RE_ARRAY_SIZE(columnv), .readh = audit_read };
	struct store_span span = { .tenant = NULL };

	if (which_read(rq, &span))
		sheet_begin(rq, &kind);
}
