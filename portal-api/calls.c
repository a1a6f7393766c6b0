/**
 * @file calls.c  Calls: those that run and the newest that ended
 */
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/store/live.h"
#include "api.h"


enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, ID_BEGIN_MIN = 4 };


/** The last `limit` calls of those that match */
struct window {
	struct request *rq;
	bool has_failed, failed;   /* only those that failed, or did not   */
	int64_t from_ms, to_ms;    /* of the time they began               */
	struct call_record *v;     /* owned; a ring */
	size_t limit;
	size_t c;                  /* counts up     */
};


static bool window_takes(const struct window *w,
			 const struct call_record *rec)
{
	return rec->start_ms >= w->from_ms && rec->start_ms < w->to_ms &&
		(!w->has_failed || call_record_failed(rec) == w->failed);
}


static int call_window(const struct call_record *rec, void *arg)
{
	struct window *w = arg;

	if (window_takes(w, rec) &&
	    query_matches(w->rq, "tenant", rec->tenant) &&
	    query_matches(w->rq, "pbx", rec->pbx) &&
	    query_matches(w->rq, "upn", rec->upn))
		w->v[w->c++ % w->limit] = *rec;

	return 0;
}


static void window_reply(const struct window *w, int err)
{
	static const char *const memberv[] = {
		"start_ms", "answer_ms", "end_ms", "tenant", "pbx", "upn",
		"caller", "callee", "state", "result" };
	struct listing *list = listing_begin(w->rq, "calls");
	size_t i = w->c > w->limit ? w->c - w->limit : 0;

	if (!list || !listing_sort(list, memberv, RE_ARRAY_SIZE(memberv)))
		return;

	for (; i < w->c && !err; i++)
		err = listing_add(list,
				  call_record_json(&w->v[i % w->limit]));

	listing_end(list, err);
}


void calls_get(struct request *rq)
{
	struct window w = {.rq = rq, .to_ms = INT64_MAX};
	uint32_t limit = LIMIT_DEFAULT;
	int err;

	w.has_failed = query_text(rq, "failed") != NULL;
	if (!query_number(rq, "limit", 1, LIMIT_MAX, &limit) ||
	    !query_bool(rq, "failed", &w.failed) ||
	    !query_moment(rq, "from_ms", &w.from_ms) ||
	    !query_moment(rq, "to_ms", &w.to_ms))
		return;

	w.limit = limit;
	w.v = calloc(limit, sizeof(*w.v));

	err = w.v ? live_call_apply(portal_conf(rq->portal)->live,
				    call_window, &w) : ENOMEM;
	window_reply(&w, err);

	free(w.v);
}


struct find {
	const char *id;
	size_t c;                  /* calls whose id begins so             */
	struct json_t *json;       /* owned; of the newest of them         */
	const char *tenant;        /* whose alone, NULL: all */
};


/** @return EALREADY for the very call, to stop */
static int call_find(const struct call_record *rec, void *arg)
{
	struct find *find = arg;
	const bool same = !strcmp(rec->id, find->id);

	if (strncmp(rec->id, find->id, strlen(find->id)) ||
	    (find->tenant && strcmp(rec->tenant, find->tenant)))
		return 0;

	find->c = same ? 1 : find->c + 1;
	json_decref(find->json);
	find->json = call_record_json(rec);
	if (!find->json)
		return ENOMEM;

	return same ? EALREADY : 0;
}


/** By id or, as people type it, by how it begins */
void call_get(struct request *rq)
{
	struct find find = {.id = rq->param, .tenant = access_tenant(rq)};

	if (strlen(find.id) >= ID_BEGIN_MIN)
		(void)live_call_apply(portal_conf(rq->portal)->live,
				      call_find, &find);

	if (find.c == 1) {
		reply_json(rq, HTTP_OK, find.json);
		return;
	}

	json_decref(find.json);
	if (find.c)
		reply_error(rq, HTTP_BADREQUEST, "id", "%zu calls begin with"
			    " %s: want more of the id", find.c, rq->param);
	else
		reply_error(rq, HTTP_NOTFOUND, "id", "there is no call %s",
			    rq->param);
}
