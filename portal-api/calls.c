/**
 * @file calls.c  Calls: those that run and the newest that ended
 */
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/store/live.h"
#include "api.h"


enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };


/** The last `limit` calls of those that match */
struct window {
	struct request *rq;
	struct call_record *v;     /* owned; a ring */
	size_t limit;
	size_t c;                  /* counts up     */
};


static int call_window(const struct call_record *rec, void *arg)
{
	struct window *w = arg;

	if (query_matches(w->rq, "tenant", rec->tenant) &&
	    query_matches(w->rq, "pbx", rec->pbx) &&
	    query_matches(w->rq, "upn", rec->upn))
		w->v[w->c++ % w->limit] = *rec;

	return 0;
}


static void window_reply(const struct window *w, int err)
{
	struct listing *list = listing_begin(w->rq, "calls");
	size_t i = w->c > w->limit ? w->c - w->limit : 0;

	if (!list)
		return;

	for (; i < w->c && !err; i++)
		err = listing_add(list,
				  call_record_json(&w->v[i % w->limit]));

	listing_end(list, err);
}


void calls_get(struct request *rq)
{
	struct window w = {.rq = rq};
	uint32_t limit = LIMIT_DEFAULT;
	int err;

	if (!query_number(rq, "limit", 1, LIMIT_MAX, &limit))
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
	struct json_t *json;       /* owned */
};


/** @return EALREADY when found, to stop */
static int call_find(const struct call_record *rec, void *arg)
{
	struct find *find = arg;

	if (strcmp(rec->id, find->id))
		return 0;

	find->json = call_record_json(rec);

	return EALREADY;
}


void call_get(struct request *rq)
{
	struct find find = {.id = rq->param};

	if (live_call_apply(portal_conf(rq->portal)->live, call_find, &find)
	    == EALREADY)
		reply_json(rq, HTTP_OK, find.json);
	else
		reply_error(rq, HTTP_NOTFOUND, "id", "there is no call %s",
			    rq->param);
}
