/**
 * @file sync_problems.c  What needs a person first, of Microsoft 365
 *
 * Calls go on, whatever Microsoft says; but who was added there is not found
 * here, and who has left still rings.
 */
#include <jansson.h>
#include <time.h>

#include "api.h"
#include "bridge/model/syncconf.h"
#include "bridge/store/store_sync.h"
#include "problems.h"


enum { PROBLEMS_MAX = 20, SOON_DAYS = 30, DAY_S = 86400 };


struct finding {
	json_t *ends;              /* owned: of secrets, seconds, by tenant */
	json_t *found;             /* owned */
};


static int ends_h(const struct store_object *obj, void *arg)
{
	struct syncconf *conf = fields_item_alloc(&syncconf_fields);
	const int64_t now = time(NULL);
	int64_t days;
	int err = 0;

	if (!conf)
		return ENOMEM;

	(void)fields_read_json(&syncconf_fields, conf, obj->value, NULL,
			       NULL);
	if (syncconf_days_left(conf, now, &days) && days < SOON_DAYS)
		err = json_object_set_new(arg, obj->tenant, json_integer(
			(json_int_t)(now + days * DAY_S))) ? ENOMEM : 0;
	mem_deref(conf);

	return err;
}


/** That it fails, else that its secret ends: one follows from the other */
static int sync_h(const struct store_sync *sync, void *arg)
{
	struct finding *f = arg;
	json_t *data = json_loads(sync->data, 0, NULL);
	const json_t *last = json_object_get(data, "last");
	const json_t *problem = json_object_get(last, "problem");
	const json_t *ends = json_object_get(f->ends, sync->tenant);
	json_t *one = NULL;

	if (json_is_object(problem))
		one = json_pack("{s:s, s:s, s:O, s:O, s:I}", "kind", "sync",
				"tenant", sync->tenant, "reason",
				json_object_get(problem, "why"), "advice",
				json_object_get(problem, "advice"),
				"since_s", (json_int_t)(json_integer_value(
				json_object_get(last, "ended_ms")) / 1000));
	else if (ends)
		one = json_pack("{s:s, s:s, s:O}", "kind", "sync-secret",
				"tenant", sync->tenant, "ends_s", ends);
	json_decref(data);

	if (!one || json_array_size(f->found) >= PROBLEMS_MAX) {
		json_decref(one);
		return 0;
	}

	return json_array_append_new(f->found, one) ? ENOMEM : 0;
}


/** With how many users it has; they do not suffer yet */
static int problem_add(struct request *rq, json_t *list, json_t *one)
{
	const struct store_users which = {
		.tenant = json_string_value(json_object_get(one, "tenant")),
		.enabled = "true" };
	size_t users = 0;
	int err;

	err = store_user_count(rq->st, &which, &users);
	if (err)
		return err;

	return json_object_set_new(one, "users",
				   json_integer((json_int_t)users)) ||
		json_object_set_new(one, "soon", json_true()) ||
		json_array_append(list, one) ? ENOMEM : 0;
}


int sync_problems_find(struct request *rq, json_t *list)
{
	const char *tenant = query_text(rq, "tenant");
	struct finding f = { json_object(), json_array() };
	json_t *one;
	size_t i;
	int err;

	err = !f.ends || !f.found ? ENOMEM : tenant ?
		store_get(rq->st, STORE_SYNC, tenant, tenant, ends_h, f.ends)
		: store_list(rq->st, STORE_SYNC, NULL, NULL, 0, ends_h,
			     f.ends);
	if (err == ENOENT)
		err = 0;
	if (!err)
		err = store_sync_list(rq->st, tenant, sync_h, &f);
	json_array_foreach(f.found, i, one)
		if (!err)
			err = problem_add(rq, list, one);

	json_decref(f.ends);
	json_decref(f.found);

	return err;
}
