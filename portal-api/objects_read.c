/**
 * @file objects_read.c  Showing tenants, PBXs and users
 */
#include <jansson.h>

#include "bridge/base/errors.h"
#include "bridge/model/customer.h"
#include "objects.h"


enum store_kind object_kind_of(const struct request *rq)
{
	return strstr(rq->res->path, "/testers") ? STORE_TESTERS :
		strstr(rq->res->path, "/pbxs") ? STORE_PBX :
		strstr(rq->res->path, "/users") ? STORE_USER :
		strstr(rq->res->path, "/sync") ? STORE_SYNC : STORE_TENANT;
}


const char *object_name_of(const struct request *rq)
{
	return rq->paramv[1] ? rq->paramv[1] : rq->param;
}


static int exists_h(const struct store_object *obj, void *arg)
{
	(void)obj;
	(void)arg;

	return 0;
}


int object_tenant_find(struct request *rq)
{
	return store_get(rq->st, STORE_TENANT, rq->param, rq->param,
			 exists_h, NULL);
}


void object_reply(struct request *rq, int code, json_t *json)
{
	reply_header(rq, "ETag", "\"%lld\"", (long long)
		     json_integer_value(json_object_get(json, "revision")));
	reply_json(rq, code, json);
}


void object_get(struct request *rq)
{
	struct object_take take = { object_kind_of(rq), NULL };
	int err;

	err = store_get(rq->st, take.kind, rq->param, object_name_of(rq),
			object_take_h, &take);
	if (err)
		reply_store(rq, err, NULL);
	else
		object_reply(rq, HTTP_OK, take.json);
}


struct page {
	struct paging pg;
	enum store_kind kind;
};


/** They go on by name */
static int page_h(const struct store_object *obj, void *arg)
{
	struct page *page = arg;

	return paging_add(&page->pg, object_json(page->kind, obj));
}


static void objects_get(struct request *rq, enum store_kind kind,
			const char *name)
{
	static const char *const wordv[] = { "name", "-name", "changed",
					     "-changed" };
	struct store_objects which = { .tenant = rq->param };
	struct page page = { .kind = kind };
	size_t at = 0;
	int err;

	if (!query_choice(rq, "sort", wordv, RE_ARRAY_SIZE(wordv), &at) ||
	    !paging_begin(&page.pg, rq, name))
		return;

	which.by_change  = at / 2;
	which.descending = at % 2;
	which.after = query_text(rq, "cursor");
	which.limit = page.pg.limit + 1;
	which.last  = page.pg.last;

	if (kind == STORE_TENANT && access_tenant(rq))
		err = store_get(rq->st, kind, access_tenant(rq),
				access_tenant(rq), page_h, &page);
	else
		err = store_object_list(rq->st, kind, &which, page_h, &page);

	paging_end(&page.pg, err);
}


void tenants_get(struct request *rq)
{
	objects_get(rq, STORE_TENANT, "tenants");
}


void pbxs_get(struct request *rq)
{
	const int err = object_tenant_find(rq);

	if (err)
		reply_store(rq, err, NULL);
	else
		objects_get(rq, STORE_PBX, "pbxs");
}


struct pbx *object_pbx_asked(struct request *rq)
{
	struct errors *errs = NULL;
	struct pbx *pbx = NULL;
	int err;

	err = errors_alloc(&errs);
	if (!err)
		err = object_pbx(&pbx, rq->st, rq->cat, rq->param,
				 rq->paramv[1], errs);
	if (err)
		reply_store(rq, err, errs);

	mem_deref(errs);

	return pbx;
}


void effective_get(struct request *rq)
{
	struct pbx *pbx = object_pbx_asked(rq);

	if (pbx)
		reply_json(rq, HTTP_OK, json_pack("{s:o}", "value",
			   fields_json(&pbx_fields, pbx, false)));

	mem_deref(pbx);
}


static int state_h(const char *name, int64_t count, void *arg)
{
	return json_object_set_new(arg, name, json_integer(count)) ? ENOMEM
		: 0;
}


static int counted_h(const struct store_object *obj, void *arg)
{
	(void)obj;
	++*(size_t *)arg;

	return 0;
}


void summary_get(struct request *rq)
{
	const struct store_users which = { .tenant = rq->param };
	json_t *states = json_object();
	size_t pbxs = 0, users = 0;
	int err;

	err = object_tenant_find(rq);
	if (!err)
		err = store_list(rq->st, STORE_PBX, rq->param, NULL, 0,
				 counted_h, &pbxs);
	if (!err)
		err = store_user_count(rq->st, &which, &users);
	if (!err)
		err = store_user_states(rq->st, rq->param, state_h, states);

	if (err) {
		json_decref(states);
		reply_store(rq, err, NULL);
	}
	else {
		reply_json(rq, HTTP_OK, json_pack("{s:I, s:I, s:o}",
			   "pbxs", (json_int_t)pbxs, "users",
			   (json_int_t)users, "states", states));
	}
}
