/**
 * @file nodes.c  Bridges that share the store, and which PBX each serves
 */
#include <jansson.h>

#include "api.h"


static int node_h(const struct store_node *node, void *arg)
{
	const char *state = !node->alive ? "gone" : node->draining
		? "draining" : "up";

	json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b}",
				 "node", node->name, "state", state,
				 "software", node->software, "since_ms",
				 (json_int_t)node->since_ms, "seen_ms",
				 (json_int_t)node->seen_ms, "pbxs",
				 (json_int_t)node->pbxs, "drained",
				 node->drained);
	json_t *about = json_loads(node->about, 0, NULL);

	/* one of an older version does not say */
	if (json && about && json_object_update(json, about))
		json = (json_decref(json), NULL);
	json_decref(about);

	return listing_add(arg, json);
}


static int place_h(const char *tenant, const char *pbx, const char *node,
		   int64_t since_ms, void *arg)
{
	return json_array_append_new(arg, json_pack(
			"{s:s, s:s, s:s, s:I}", "tenant", tenant, "pbx", pbx,
			"node", node, "since_ms", (json_int_t)since_ms)) ?
		ENOMEM : 0;
}


void nodes_get(struct request *rq)
{
	static const char *const sortv[] = {
		"node", "state", "software", "since_ms", "seen_ms", "pbxs",
		"calls",
	};
	const char *this = portal_conf(rq->portal)->node;
	json_t *places = json_array();
	struct listing *list;
	int err;

	list = listing_begin(rq, "nodes");
	if (!list || !listing_sort(list, sortv, RE_ARRAY_SIZE(sortv))) {
		json_decref(places);
		return;
	}

	err = places ? store_nodes(rq->st, node_h, list) : ENOMEM;
	if (!err)
		err = store_places(rq->st, query_text(rq, "tenant"), place_h,
				   places);

	listing_member(list, "pbxs", places);
	listing_member(list, "this", this ? json_string(this) : json_null());
	listing_end(list, err);
}


static void drain_set(struct request *rq, bool drain)
{
	const int err = store_node_drain(rq->st, rq->param, drain, &rq->by);

	if (err == ENOENT)
		reply_error(rq, HTTP_NOTFOUND, "node", "there is no node %s"
			    " now", rq->param);
	else if (err == EBUSY)
		reply_error(rq, 409, "node", "there is no other node that"
			    " could take its PBXs: start one first");
	else if (err)
		reply_store(rq, err, NULL);
	else
		reply_nothing(rq);
}


void node_drain_post(struct request *rq)
{
	drain_set(rq, true);
}


void node_resume_post(struct request *rq)
{
	drain_set(rq, false);
}
