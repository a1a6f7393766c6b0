/**
 * @file runs.c  Reports of test runs that are kept
 *
 * What `callbridge test run --json` has written is sent here, is there for
 * whoever may see the tenant, and stays until it is removed.
 */
#include <jansson.h>
#include <stdlib.h>

#include "api.h"


static json_t *run_json(const struct store_run *run)
{
	json_t *summary = json_loads(run->summary, 0, NULL);
	json_t *json;

	json = json_pack("{s:s, s:s?, s:s, s:I}", "id", run->id, "tenant",
			 run->tenant, "who", run->who, "time_ms",
			 (json_int_t)run->time_ms);
	(void)json_object_update(json, summary);
	json_decref(summary);

	return json;
}


static int page_h(const struct store_run *run, void *arg)
{
	return paging_add(arg, run_json(run));
}


void runs_get(struct request *rq)
{
	struct store_span span = { .tenant = query_text(rq, "tenant"),
				   .after = query_text(rq, "cursor") };
	struct paging pg;

	if (!paging_begin(&pg, rq, "test_runs"))
		return;

	span.limit = pg.limit + 1;
	span.last  = pg.last;
	paging_end(&pg, store_run_list(rq->st, &span, page_h, &pg));
}


/** One that the caller may see */
struct looking {
	const struct request *rq;
	json_t *json;              /* owned, with its report; NULL */
};


static int look_h(const struct store_run *run, void *arg)
{
	struct looking *lk = arg;
	const char *own = access_tenant(lk->rq);

	if (own && (!run->tenant || strcmp(run->tenant, own)))
		return ENOENT;

	lk->json = run_json(run);
	(void)json_object_set_new(lk->json, "report",
				  json_loads(run->report, 0, NULL));

	return 0;
}


void run_get(struct request *rq)
{
	struct looking lk = { rq, NULL };
	const int err = store_run_get(rq->st, rq->param, look_h, &lk);

	if (err)
		reply_store(rq, err, NULL);
	else
		reply_json(rq, HTTP_OK, lk.json);
}


void run_delete(struct request *rq)
{
	struct looking lk = { rq, NULL };
	int err;

	err = store_run_get(rq->st, rq->param, look_h, &lk);
	if (!err && !access_may_change(rq, json_string_value(
				json_object_get(lk.json, "tenant"))))
		err = ENOENT;
	if (!err)
		err = store_run_remove(rq->st, rq->param, &rq->by);
	json_decref(lk.json);

	if (err)
		reply_store(rq, err, NULL);
	else
		reply_nothing(rq);
}


/** What a list shows of a report */
static json_t *summary_json(const json_t *report)
{
	const json_t *plans = json_object_get(report, "plans"), *plan;
	json_t *names = json_array();
	size_t i;

	json_array_foreach(plans, i, plan)
		(void)json_array_append(names, json_object_get(plan,
							       "plan"));

	return json_pack("{s:O, s:O?, s:O?, s:o}", "verdict",
			 json_object_get(report, "verdict"), "counts",
			 json_object_get(report, "counts"), "started",
			 json_object_get(report, "started"), "plans", names);
}


static bool is_report(const json_t *json)
{
	return json_is_string(json_object_get(json, "verdict")) &&
		json_is_array(json_object_get(json, "plans"));
}


static void run_keep(struct request *rq, const json_t *report)
{
	json_t *summary = summary_json(report);
	char *text = json_dumps(summary, JSON_COMPACT);
	char *data = json_dumps(report, JSON_COMPACT);
	const struct store_run run = {
		.tenant  = query_text(rq, "tenant"),
		.summary = text, .report = data,
	};
	char id[STORE_RUN_ID_SIZE];
	int err;

	err = text && data ? store_run_keep(rq->st, &run, &rq->by, id)
		: ENOMEM;
	if (err == ENOENT)
		reply_error(rq, HTTP_NOTFOUND, "tenant",
			    "there is no tenant %s", run.tenant);
	else if (err)
		reply_store(rq, err, NULL);
	else {
		reply_header(rq, "Location", "/api/v1/test-runs/%s", id);
		reply_json(rq, 201, json_pack("{s:s, s:s?}", "id", id,
					      "tenant", run.tenant));
	}

	free(text);
	free(data);
	json_decref(summary);
}


void runs_post(struct request *rq)
{
	json_t *json;

	if (!access_may_change(rq, query_text(rq, "tenant"))) {
		reply_error(rq, 403, "tenant", "only of one's own tenant");
		return;
	}

	json = body_json(rq);
	if (json && is_report(json))
		run_keep(rq, json);
	else if (json)
		reply_error(rq, 422, "verdict", "want a report as"
			    " `callbridge test run --json` writes it");

	json_decref(json);
}
