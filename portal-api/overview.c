/**
 * @file overview.c  How things are
 *
 * Each open page asks for it whenever something has happened, a second after
 * that (web/overview.jsx). An answer that was begun within that second tells
 * what has happened, and is good for all of them.
 */
#include <event2/buffer.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/store/live.h"
#include "api.h"
#include "causes.h"
#include "problems.h"
#include "recent.h"


enum { ATTENTION_MAX = 50 };


struct overview {
	struct request *rq;
	const char *key;           /* borrowed: whose it is */
	json_t *states;            /* owned: how many users in each */
	json_t *attention;         /* owned: failing before lagging */
	json_t *problems;          /* owned */
	json_t *failures;          /* owned */
	int64_t today_ms;          /* the last midnight, UTC */
	int64_t calls, today;      /* that run; of them: that began today */
	int64_t trunkv[2];
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


/** Where several nodes share a store, each knows its own users alone: the
    store counts them */
static int states_read(struct overview *ov, const char *tenant)
{
	const struct portal_conf *conf = portal_conf(ov->rq->portal);
	const bool alone = !strncmp(conf->store_url, "sqlite:", 7);
	int64_t countv[REG_STATES] = { 0 };

	if (alone)
		live_reg_counts(conf->live, tenant, countv);

	for (int i = 0; i <= REG_RED; i++)
		(void)json_object_set_new(ov->states, reg_state_name(
			(enum reg_state)i), json_integer(countv[i]));

	return alone ? 0 : store_user_states(ov->rq->st, tenant, state_h,
					     ov->states);
}


/** The worst: the store has an index, the live state would be walked
    through */
static int regs_read(struct overview *ov)
{
	struct store_span span = { .tenant = query_text(ov->rq, "tenant") };
	int err;

	err = states_read(ov, span.tenant);

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

	if (rec->state == CALL_ENDED ||
	    !query_matches(ov->rq, "tenant", rec->tenant))
		return 0;

	++ov->calls;
	ov->today += rec->start_ms >= ov->today_ms;

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


static json_t *overview_json(struct overview *ov,
			     const struct store_totals *totals)
{
	return json_pack("{s:O, s:I, s:I, s:I, s:{s:I, s:I}, s:O, s:O, s:O}",
			 "registrations", ov->states,
			 "calls", (json_int_t)ov->calls,
			 "calls_today", (json_int_t)(totals->calls +
						     ov->today),
			 "failures_today", (json_int_t)totals->failed,
			 "trunks", "up", (json_int_t)ov->trunkv[1],
			 "down", (json_int_t)ov->trunkv[0],
			 "attention", ov->attention,
			 "problems", ov->problems,
			 "failures", ov->failures);
}


static int find(struct overview *ov, struct store_totals *totals)
{
	struct request *rq = ov->rq;
	struct live *live = portal_conf(rq->portal)->live;
	int err;

	err = store_call_totals(rq->st, query_text(rq, "tenant"),
				ov->today_ms, totals);
	if (!err)
		err = regs_read(ov);
	if (!err)
		err = live_call_apply(live, call_h, ov);
	if (!err)
		err = live_trunk_apply(live, trunk_h, ov);

	if (!err)
		err = problems_find(rq, ov->problems);

	return err || !totals->failed ? err :
		causes_find(rq, ov->key, ov->today_ms, &ov->failures);
}


/** What make_h() goes by */
struct asking {
	struct request *rq;
	char *key;                 /* owned */
};


static int make_h(char **textp, void *arg)
{
	const struct asking *asking = arg;
	struct overview ov = { .rq = asking->rq, .key = asking->key,
			       .attention = json_array(),
			       .states = json_object(),
			       .problems = json_array(),
			       .failures = json_array(),
			       .today_ms = today_ms() };
	struct store_totals totals;
	json_t *json = NULL;
	int err;

	err = find(&ov, &totals);
	if (!err) {
		json = overview_json(&ov, &totals);
		*textp = json ? json_dumps(json, JSON_COMPACT) : NULL;
		err = *textp ? 0 : ENOMEM;
	}

	json_decref(json);
	json_decref(ov.states);
	json_decref(ov.attention);
	json_decref(ov.problems);
	json_decref(ov.failures);

	return err;
}


/** Whose it is: customers are not told all that the MSP is told of them */
static int key_print(char **keyp, const struct request *rq)
{
	const char *own = access_tenant(rq), *tenant = query_text(rq,
								  "tenant");

	return re_sdprintf(keyp, "%s %s/%s", own ? "customer" : "msp",
			   tenant ? "of" : "all", tenant ? tenant : "");
}


void overview_get(struct request *rq)
{
	struct evbuffer *body = evbuffer_new();
	struct asking asking = { rq, NULL };
	char *text = NULL;
	int err;

	err = body ? key_print(&asking.key, rq) : ENOMEM;
	if (!err)
		err = recent_get(portal_overviews(rq->portal), asking.key,
				 make_h, &asking, &text);
	if (!err && evbuffer_add_printf(body, "%s\n", text) < 0)
		err = ENOMEM;

	if (err) {
		if (body)
			evbuffer_free(body);
		reply_store(rq, err, NULL);
	}
	else {
		reply_body(rq, HTTP_OK, "application/json", body);
	}

	mem_deref(asking.key);
	free(text);
}
