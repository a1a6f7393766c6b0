/**
 * @file sync_problems.c  What needs a person first, of Microsoft 365
 *
 * Calls go on, whatever Microsoft says; but who was added there is not found
 * here, and who has left still rings.
 */
#include <jansson.h>
#include <time.h>

#include "api.h"
#include "bridge/store/store_sync.h"
#include "problems.h"
#include "sync_days.h"


enum { PROBLEMS_MAX = 20, SOON_DAYS = 30, DAY_S = 86400 };


struct finding {
	json_t *days;              /* owned: of secrets, by tenant */
	json_t *found;             /* owned */
};


/** That it fails, else that its secret ends: one follows from the other */
static int sync_h(const struct store_sync *sync, void *arg)
{
	struct finding *f = arg;
	json_t *data = json_loads(sync->data, 0, NULL);
	const json_t *last = json_object_get(data, "last");
	const json_t *problem = json_object_get(last, "problem");
	const json_t *left = json_object_get(f->days, sync->tenant);
	const json_int_t days = json_integer_value(left);
	json_t *one = NULL;

	if (json_is_object(problem))
		one = json_pack("{s:s, s:s, s:O, s:O, s:I}", "kind", "sync",
				"tenant", sync->tenant, "reason",
				json_object_get(problem, "why"), "advice",
				json_object_get(problem, "advice"),
				"since_s", (json_int_t)(json_integer_value(
				json_object_get(last, "ended_ms")) / 1000));
	else if (left && days < SOON_DAYS)
		one = json_pack("{s:s, s:s, s:I}", "kind", "sync-secret",
				"tenant", sync->tenant, "ends_s",
				(json_int_t)time(NULL) + days * DAY_S);
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

	err = f.found ? sync_days_read(rq->st, tenant, f.days) : ENOMEM;
	if (err == ENOENT)
		err = 0;
	if (!err)
		err = store_sync_list(rq->st, tenant, sync_h, &f);
	json_array_foreach(f.found, i, one)
		if (!err)
			err = problem_add(rq, list, one);

	json_decref(f.days);
	json_decref(f.found);

	return err;
}
