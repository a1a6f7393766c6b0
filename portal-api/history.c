/**
 * @file history.c  What happened: calls, registrations, changes
 */
#include <jansson.h>

#include "api.h"


/** What is asked for, newest first; begins the answer */
static bool span_read(struct request *rq, struct store_span *span,
		      struct paging *pg, const char *name)
{
	if (!query_moment(rq, "from_ms", &span->from_ms) ||
	    !query_moment(rq, "to_ms", &span->to_ms) ||
	    !paging_begin(pg, rq, name))
		return false;

	span->limit  = pg->limit + 1;
	span->tenant = query_text(rq, "tenant");
	span->pbx    = query_text(rq, "pbx");
	span->upn    = query_text(rq, "upn");
	span->kind   = query_text(rq, "kind");
	span->who    = query_text(rq, "who");
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


static int audit_h(const struct store_audit *e, void *arg)
{
	return paging_add(arg, json_pack("{s:I, s:s, s:s?, s:s?, s:s, s:s, s:s,"
			" s:o, s:o}", "time_ms", (json_int_t)e->time_ms,
			"who", e->who, "address", e->address, "tenant",
			e->tenant, "action", e->action, "kind", e->kind,
			"name", e->name, "before", text_json(e->before),
			"after", text_json(e->after)));
}


void audit_get(struct request *rq)
{
	struct store_span span = { .tenant = NULL };
	struct paging pg;

	if (span_read(rq, &span, &pg, "entries"))
		paging_end(&pg, store_audit_list(rq->st, &span, audit_h,
						 &pg));
}
