/**
 * @file history.c  What happened: calls, registrations, changes
 */
#include <jansson.h>
#include <time.h>

#include "api.h"
#include "bridge/store/live.h"


enum { ATTENTION_MAX = 50 };


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


void records_get(struct request *rq)
{
	values_get(rq, "calls", store_calls);
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


/* The overview */


struct overview {
	struct request *rq;
	json_t *states;            /* owned: how many users in each */
	json_t *attention;         /* owned: failing before lagging */
	int64_t calls, trunkv[2];
};


static int state_h(const char *name, int64_t count, void *arg)
{
	return json_object_set_new(arg, name, json_integer(count)) ? ENOMEM
		: 0;
}


static int attention_h(const json_t *value, void *arg)
{
	return json_array_append_new(arg, json_deep_copy(value)) ? ENOMEM
		: 0;
}


/** By the store: it has an index, the live state would be walked through */
static int regs_read(struct overview *ov)
{
	struct store_span span = { .tenant = query_text(ov->rq, "tenant") };
	int err;

	for (int i = 0; i <= REG_RED; i++)
		(void)json_object_set_new(ov->states, reg_state_name(
			(enum reg_state)i), json_integer(0));

	err = store_user_states(ov->rq->st, span.tenant, state_h,
				ov->states);

	for (int i = REG_RED; i >= REG_LAGGING && !err; i--) {
		const size_t c = json_array_size(ov->attention);

		span.state = reg_state_name((enum reg_state)i);
		span.limit = ATTENTION_MAX - c;
		if (span.limit)
			err = store_regs(ov->rq->st, &span, attention_h,
					 ov->attention);
	}

	return err;
}


static int call_h(const struct call_record *rec, void *arg)
{
	struct overview *ov = arg;

	ov->calls += rec->state != CALL_ENDED &&
		query_matches(ov->rq, "tenant", rec->tenant);

	return 0;
}


static int trunk_h(const struct trunk_status *st, void *arg)
{
	struct overview *ov = arg;

	if (query_matches(ov->rq, "tenant", st->tenant))
		++ov->trunkv[st->up];

	return 0;
}


/** The last midnight, UTC */
static int64_t today_ms(void)
{
	const time_t now = time(NULL);

	return (int64_t)(now - now % 86400) * 1000;
}


void overview_get(struct request *rq)
{
	struct live *live = portal_conf(rq->portal)->live;
	struct overview ov = { .rq = rq, .attention = json_array(),
			       .states = json_object() };
	struct store_totals totals;
	int err;

	err = store_call_totals(rq->st, query_text(rq, "tenant"), today_ms(),
				&totals);
	if (!err)
		err = regs_read(&ov);
	if (!err)
		err = live_call_apply(live, call_h, &ov);
	if (!err)
		err = live_trunk_apply(live, trunk_h, &ov);

	if (err) {
		json_decref(ov.states);
		json_decref(ov.attention);
		reply_store(rq, err, NULL);
		return;
	}

	reply_json(rq, HTTP_OK, json_pack("{s:o, s:I, s:I, s:I, s:{s:I, s:I},"
		   " s:o}", "registrations", ov.states,
		   "calls", (json_int_t)ov.calls,
		   "calls_today", (json_int_t)totals.calls,
		   "failures_today", (json_int_t)totals.failed,
		   "trunks", "up", (json_int_t)ov.trunkv[1],
		   "down", (json_int_t)ov.trunkv[0],
		   "attention", ov.attention));
}
