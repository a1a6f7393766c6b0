/**
 * @file runs.c  Reports of test runs that are kept
 *
 * Those of tests that were begun here (run_start.c), and those that
 * `callbridge test run --json` has written and that were sent here. They are
 * there for whoever may see the tenant.
 */
#include <event2/buffer.h>
#include <jansson.h>
#include <re_types.h>
#include <re_base64.h>
#include <stdlib.h>

#include "api.h"
#include "testplans/report.h"


static json_t *run_json(const struct store_run *run)
{
	json_t *summary = json_loads(run->summary, 0, NULL);
	json_t *json;

	json = json_pack("{s:s, s:s?, s:s, s:I, s:s?, s:b}", "id", run->id,
			 "tenant", run->tenant, "who", run->who, "time_ms",
			 (json_int_t)run->time_ms, "node", run->node, "keep",
			 (int)run->pinned);
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

	if (!query_oldest(rq, &span.oldest) ||
	    !paging_begin(&pg, rq, "test_runs"))
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
	(void)json_object_set_new(lk->json, "report", json_loads(run->report,
				  JSON_DECODE_ANY, NULL));

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


/** Is there one that the caller may change? */
static int look_to_change(struct request *rq)
{
	struct looking lk = { rq, NULL };
	int err;

	err = store_run_get(rq->st, rq->param, look_h, &lk);
	if (!err && !access_may_change(rq, json_string_value(
				json_object_get(lk.json, "tenant"))))
		err = ENOENT;
	json_decref(lk.json);

	return err;
}


void run_delete(struct request *rq)
{
	int err;

	err = look_to_change(rq);
	if (!err)
		err = store_run_remove(rq->st, rq->param, &rq->by);

	if (err == EBUSY)
		reply_error(rq, 409, NULL, "it still runs: stop it first");
	else if (err)
		reply_store(rq, err, NULL);
	else
		reply_nothing(rq);
}


void run_patch(struct request *rq)
{
	json_t *body = body_json(rq);
	const json_t *keep = json_object_get(body, "keep");
	int err;

	if (!body)
		return;

	if (!json_is_boolean(keep) || json_object_size(body) != 1) {
		reply_error(rq, 422, "keep", "want {\"keep\": true|false}");
		json_decref(body);
		return;
	}

	err = look_to_change(rq);
	if (!err)
		err = store_run_pin(rq->st, rq->param, json_is_true(keep),
				    &rq->by);

	if (err)
		reply_store(rq, err, NULL);
	else
		reply_json(rq, HTTP_OK, json_pack("{s:s, s:O}", "id",
						  rq->param, "keep", keep));
	json_decref(body);
}


/* Ways to print it */


static int mbuf_print_h(const char *p, size_t size, void *arg)
{
	return mbuf_write_mem(arg, (const uint8_t *)p, size);
}


typedef int (print_h)(struct re_printf *pf, const json_t *report);


static int json_print(struct re_printf *pf, const json_t *report)
{
	char *text = json_dumps(report, JSON_INDENT(1));
	const int err = text ? re_hprintf(pf, "%s\n", text) : ENOMEM;

	free(text);

	return err;
}


static void print(struct request *rq, const json_t *report, print_h *printh,
		  const char *type)
{
	struct evbuffer *out = evbuffer_new();
	struct re_printf pf = { .vph = reply_print, .arg = out };

	if (!out || printh(&pf, report)) {
		if (out)
			evbuffer_free(out);
		reply_store(rq, ENOMEM, NULL);
		return;
	}

	reply_body(rq, HTTP_OK, type, out);
}


/** The report that the caller may see, NULL: answered */
static json_t *report_get(struct request *rq, const char *id)
{
	struct looking lk = { rq, NULL };
	json_t *report = NULL;
	int err;

	err = store_run_get(rq->st, id, look_h, &lk);
	if (err) {
		reply_store(rq, err, NULL);
		return NULL;
	}

	report = json_incref(json_object_get(lk.json, "report"));
	json_decref(lk.json);
	if (json_is_object(report))
		return report;

	json_decref(report);
	reply_error(rq, 409, "id", "test %s has not ended", id);

	return NULL;
}


void report_print_get(struct request *rq)
{
	static const struct {
		const char *format, *type;
		print_h *printh;
	} v[] = {
		{"json", "application/json", json_print},
		{"html", "text/html; charset=utf-8", report_html},
		{"junit", "application/xml", report_junit},
	};
	const char *wordv[RE_ARRAY_SIZE(v)];
	json_t *report;
	size_t i = 0;

	for (size_t n = 0; n < RE_ARRAY_SIZE(v); n++)
		wordv[n] = v[n].format;
	if (!query_choice(rq, "format", wordv, RE_ARRAY_SIZE(v), &i))
		return;

	report = report_get(rq, rq->param);
	if (!report)
		return;

	/* how it looks is written in the page itself; nothing in it runs */
	if (i == 1)
		reply_header(rq, "Content-Security-Policy", "default-src"
			     " 'none'; style-src 'unsafe-inline';"
			     " frame-ancestors 'none'");
	print(rq, report, v[i].printh, v[i].type);
	json_decref(report);
}


void capture_get(struct request *rq)
{
	struct looking lk = { rq, NULL };
	struct evbuffer *out = NULL;
	char *text = NULL;
	size_t size = 0;
	uint8_t *data = NULL;
	int err;

	err = store_run_get(rq->st, rq->param, look_h, &lk);
	json_decref(lk.json);
	if (!err)
		err = store_run_file(rq->st, rq->param, rq->paramv[1],
				     &text);
	if (!err) {
		size = strlen(text);
		data = mem_alloc(size + 1, NULL);
		out  = evbuffer_new();
		err  = data && out ? base64_decode(text, size, data, &size)
			: ENOMEM;
	}
	if (!err)
		err = evbuffer_add(out, data, size) ? ENOMEM : 0;
	mem_deref(data);
	mem_deref(text);

	if (err) {
		if (out)
			evbuffer_free(out);
		reply_store(rq, err, NULL);
		return;
	}

	reply_header(rq, "Content-Disposition", "attachment");
	reply_body(rq, HTTP_OK, "application/x-pcapng", out);
}


void compare_get(struct request *rq)
{
	const char *old = query_text(rq, "old"), *now = query_text(rq, "new");
	json_t *before, *after = NULL;
	struct mbuf *mb = mbuf_alloc(1024);
	struct re_printf pf = { .vph = mbuf_print_h, .arg = mb };
	unsigned worse;

	if (!old || !now || !mb) {
		reply_error(rq, HTTP_BADREQUEST, old ? "new" : "old",
			    "want the ids of two tests");
		mem_deref(mb);
		return;
	}

	before = report_get(rq, old);
	if (before)
		after = report_get(rq, now);
	if (after) {
		worse = report_compare(&pf, before, after);
		reply_json(rq, HTTP_OK, json_pack("{s:i, s:s%}", "worse",
			   (int)worse, "text", (const char *)mb->buf,
			   mb->end));
	}

	json_decref(before);
	json_decref(after);
	mem_deref(mb);
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
		(json_is_array(json_object_get(json, "plans")) ||
		 json_is_array(json_object_get(json, "findings")));
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
