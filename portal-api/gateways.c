/**
 * @file gateways.c  Our nodes, as a customer's Teams knows them
 */
#include <jansson.h>

#include "bridge/model/own_name.h"
#include "gateways.h"


struct finding {
	struct script_gateways *gateways;  /* borrowed */
	const char *fqdn;          /* borrowed: the customer's */
};


static int add(const struct finding *fg, const struct strings *names,
	       int64_t port, const char *carrier)
{
	char buf[OWN_NAME_SIZE];

	return script_gateway_add(fg->gateways, own_name(names, fg->fqdn,
							 buf), port,
				  carrier);
}


/** What a node tells of itself (bridge/about.c) */
static int node_add(const struct finding *fg, const json_t *teams)
{
	const json_t *list = json_object_get(teams, "own_names"), *word;
	struct strings names = { NULL, 0 };
	char why[256];
	size_t i;
	int err = 0;

	json_array_foreach(list, i, word) {
		const char *text = json_string_value(word);

		if (!err && text && own_name_check(text, why, sizeof(why)))
			err = strings_add(&names, text);
	}

	if (!err)
		err = add(fg, &names, json_integer_value(json_object_get(
				teams, "port")), json_string_value(
				json_object_get(teams, "carrier")));
	strings_clear(&names);

	return err;
}


static int node_h(const struct store_node *node, void *arg)
{
	json_t *about = node->about ? json_loads(node->about, 0, NULL) : NULL;
	const json_t *teams = json_object_get(about, "teams");
	const int err = teams ? node_add(arg, teams) : 0;

	json_decref(about);

	return err;
}


int gateways_find(struct script_gateways *gateways, struct request *rq,
		  const char *fqdn)
{
	const struct portal_conf *conf = portal_conf(rq->portal);
	struct finding fg = { gateways, fqdn };
	int err;

	if (!fqdn)
		return 0;

	/* what this one is called now, should it not have told yet */
	err = add(&fg, &conf->microsoft.own_names, conf->microsoft.port,
		  conf->microsoft.carrier);
	if (!err && store_is_shared(rq->st))
		err = store_nodes(rq->st, node_h, &fg);

	return err;
}
