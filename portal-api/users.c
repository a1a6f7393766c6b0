/**
 * @file users.c  Looking for users
 */
#include <jansson.h>

#include "objects.h"


struct paging {
	struct listing *list;
	size_t limit, c;
	char *last;                /* the store's: of the one told now */
	char next[STORE_CURSOR_SIZE];
	bool more;
};


static int page_h(const struct store_object *obj, void *arg)
{
	struct paging *pg = arg;

	if (pg->c == pg->limit) {
		pg->more = true;
		return 0;
	}

	++pg->c;
	str_ncpy(pg->next, pg->last, sizeof(pg->next));

	return listing_add(pg->list, object_json(STORE_USER, obj));
}


/** "number", or "-number": descending */
static bool sort_read(struct request *rq, struct store_users *which)
{
	static const char *const wordv[] = {
		"upn", "-upn", "number", "-number", "pbx", "-pbx" };
	size_t at = 0;

	if (!query_choice(rq, "sort", wordv, RE_ARRAY_SIZE(wordv), &at))
		return false;

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


static int exists_h(const struct store_object *obj, void *arg)
{
	(void)obj;
	(void)arg;

	return 0;
}


void users_get(struct request *rq)
{
	char last[STORE_CURSOR_SIZE] = "";
	struct store_users which = { .last = last };
	struct paging pg = { .last = last };
	uint32_t limit = 100;
	size_t total = 0;
	int err = 0;

	if (!query_number(rq, "limit", 1, 1000, &limit) ||
	    !which_read(rq, &which))
		return;

	if (rq->param)
		err = store_get(rq->st, STORE_TENANT, rq->param, rq->param,
				exists_h, NULL);
	if (err) {
		reply_store(rq, err, NULL);
		return;
	}

	pg.limit = limit;
	pg.list  = listing_begin(rq, "users");
	if (!pg.list)
		return;

	which.limit = limit + 1;
	err = store_user_list(rq->st, &which, page_h, &pg);
	listing_next(pg.list, pg.more ? pg.next : NULL);

	/* it is asked for once, with the first page */
	if (!err && !which.after) {
		err = store_user_count(rq->st, &which, &total);
		listing_total(pg.list, total);
	}

	listing_end(pg.list, err);
}
