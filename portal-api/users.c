/**
 * @file users.c  Looking for users
 */
#include <jansson.h>

#include "objects.h"


static int page_h(const struct store_object *obj, void *arg)
{
	return paging_add(arg, object_json(STORE_USER, obj));
}


/** "number", or "-number": descending */
static bool sort_read(struct request *rq, struct store_users *which)
{
	static const char *const wordv[] = {
		"upn", "-upn", "number", "-number", "pbx", "-pbx" };
	size_t at = 0;

	if (!query_choice(rq, "sort", wordv, RE_ARRAY_SIZE(wordv), &at))
		return false;

	if (at > 1 && !which->tenant) {
		reply_error(rq, HTTP_BADREQUEST, "sort", "sort: want upn or"
			    " -upn of all customers, found \"%s\"",
			    wordv[at]);
		return false;
	}

	which->sort       = (enum store_sort)(at / 2);
	which->descending = at % 2;

	return true;
}


static bool which_read(struct request *rq, struct store_users *which)
{
	static const char *const boolv[] = { "true", "false" };
	static const char *const statev[] = { "off", "queued", "registered",
					      "lagging", "failing" };
	size_t at;

	if (!query_choice(rq, "enabled", boolv, RE_ARRAY_SIZE(boolv), &at) ||
	    !query_choice(rq, "state", statev, RE_ARRAY_SIZE(statev), &at))
		return false;

	which->tenant  = rq->param ? rq->param : query_text(rq, "tenant");
	which->pbx     = query_text(rq, "pbx");
	which->enabled = query_text(rq, "enabled");
	which->state   = query_text(rq, "state");
	which->q       = query_text(rq, "q");
	which->after   = query_text(rq, "cursor");

	return sort_read(rq, which);
}


void users_get(struct request *rq)
{
	struct paging pg;
	struct store_users which = { .last = pg.last };
	size_t total = 0;
	int err = 0;

	if (!which_read(rq, &which))
		return;

	if (rq->param)
		err = object_tenant_find(rq);
	if (err) {
		reply_store(rq, err, NULL);
		return;
	}

	if (!paging_begin(&pg, rq, "users"))
		return;

	/* how many there are is asked for once, with the first page */
	which.limit = pg.limit + 1;
	which.total = which.after ? NULL : &total;
	err = store_user_list(rq->st, &which, page_h, &pg);
	paging_next(&pg);
	if (which.total)
		listing_total(pg.list, total);

	listing_end(pg.list, err);
}
