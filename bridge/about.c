/**
 * @file about.c  What other nodes of a store are told of this one
 */
#include <jansson.h>
#include <stdlib.h>

#include "about.h"
#include "bridge/base/libre.h"
#include "bridge/store/live.h"


static json_t *states_json(struct live *live)
{
	int64_t countv[REG_STATES];
	json_t *json = json_object();

	live_reg_counts(live, NULL, countv);
	for (int i = 0; i < REG_STATES; i++)
		(void)json_object_set_new(json, reg_state_name(
			(enum reg_state)i), json_integer(
				(json_int_t)countv[i]));

	return json;
}


/** By which others can tell the gateways that a customer's tenant needs */
static json_t *teams_json(const struct nodeconf *node)
{
	return json_pack("{s:I, s:s?, s:o}", "port",
			 (json_int_t)node->teams.port, "carrier",
			 node->teams.carrier, "own_names",
			 strings_json(&node->teams.own_names));
}


char *about_text(const struct about *about)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "url",
				 about->url, "pbx_address",
				 about->reach->pbx_address, "teams_address",
				 about->reach->teams_address, "calls",
				 (json_int_t)about->calls, "states",
				 states_json(about->live), "teams",
				 teams_json(about->node));
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	char *copy = NULL;

	if (text)
		(void)str_dup(&copy, text);
	free(text);
	json_decref(json);

	return copy;
}
