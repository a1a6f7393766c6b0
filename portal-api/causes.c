/**
 * @file causes.c  Why calls failed
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/members.h"
#include "api.h"
#include "causes.h"
#include "recent.h"


enum { CALLS_MAX = 1000, CAUSES_MAX = 50 };


struct finding {
	struct request *rq;        /* borrowed */
	int64_t from_ms;
	json_t *groups;            /* owned: by what it was, in order of the
				      newest call                         */
};


/** What is known best: in our words, the peer's, or how it ended */
static const char *what_of(const json_t *call)
{
	static const char *const namev[] = { "what", "reason", "result" };
	const char *what = "";

	for (size_t i = 0; i < RE_ARRAY_SIZE(namev) && !*what; i++)
		what = text_of(call, namev[i]);

	return what;
}


static int call_h(const json_t *call, void *arg)
{
	struct finding *f = arg;
	const char *what = what_of(call);
	json_t *group = json_object_get(f->groups, what);

	if (group)
		return json_object_set_new(group, "count", json_integer(1 +
			json_integer_value(json_object_get(group, "count"))))
			? ENOMEM : 0;

	return json_object_set_new(f->groups, what, json_pack(
			"{s:s, s:s, s:i, s:s}", "what", what, "advice",
			text_of(call, "advice"), "count", 1, "call",
			text_of(call, "id"))) ? ENOMEM : 0;
}


static json_int_t count_of(const json_t *group)
{
	return json_integer_value(json_object_get(group, "count"));
}


/** The largest of those that are left */
static const char *largest(json_t *groups)
{
	const char *what, *most = NULL;
	json_int_t count = 0;
	json_t *group;

	json_object_foreach(groups, what, group) {
		if (count_of(group) <= count)
			continue;
		count = count_of(group);
		most  = what;
	}

	return most;
}


static json_t *sorted(json_t *groups)
{
	json_t *list = json_array();

	for (size_t i = 0; i < CAUSES_MAX; i++) {
		const char *what = largest(groups);

		if (!what)
			break;

		if (json_array_append(list, json_object_get(groups, what))) {
			json_decref(list);
			return NULL;
		}
		(void)json_object_del(groups, what);
	}

	return list;
}


static int make_h(char **textp, void *arg)
{
	struct finding *f = arg;
	const struct store_call_query query = {
		.span.tenant = query_text(f->rq, "tenant"),
		.span.from_ms = f->from_ms, .span.limit = CALLS_MAX,
		.failed = "true" };
	json_t *list = NULL;
	int err;

	f->groups = json_object();
	err = f->groups ? store_calls(f->rq->st, &query, call_h, f) : ENOMEM;
	if (!err) {
		list = sorted(f->groups);
		*textp = list ? json_dumps(list, JSON_COMPACT) : NULL;
		err = *textp ? 0 : ENOMEM;
	}

	json_decref(list);
	json_decref(f->groups);

	return err;
}


int causes_find(struct request *rq, const char *key, int64_t from_ms,
		struct json_t **listp)
{
	struct finding f = { .rq = rq, .from_ms = from_ms };
	char *answer = NULL;
	json_t *list;
	int err;

	err = recent_get(portal_causes(rq->portal), key, make_h, &f, &answer);
	if (err)
		return err;

	list = json_loads(answer, 0, NULL);
	free(answer);
	if (!list)
		return ENOMEM;

	json_decref(*listp);
	*listp = list;

	return 0;
}
