/**
 * @file numbers.c  Trying a PBX's number plan
 */
#include <jansson.h>

#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "objects.h"
#include "pbx-templates/class.h"
#include "pbx-templates/number.h"


enum { COUNTRY_SIZE = 3 };


static int country_h(const struct store_object *obj, void *arg)
{
	const char *country = json_string_value(json_object_get(obj->value,
							"country"));

	if (country)
		str_ncpy(arg, country, COUNTRY_SIZE);

	return 0;
}


static json_t *rules_json(const struct number *number)
{
	json_t *json = json_array();

	for (size_t i = 0; i < number->rulec; i++)
		(void)json_array_append_new(json,
					    json_string(number->rulev[i]));

	return json;
}


/** What a call policy goes by: of numbers that are dialled in Teams */
static void kind_add(json_t *json, const struct pbx *pbx,
		     const char *country, const char *given)
{
	char e164[NUMBER_MAX];
	const enum number_class klass = number_class(pbx, country, given,
						     e164, sizeof(e164));

	(void)json_object_set_new(json, "kind",
				  json_string(number_class_name(klass)));
	(void)json_object_set_new(json, "open",
				  json_boolean(policy_default_allows(klass)));
}


static void tried(struct request *rq, const struct pbx *pbx,
		  const char *country, bool from_teams, const char *given)
{
	struct number number = { .rulec = 0 };
	const char *advice = NULL;
	json_t *json;

	if ((from_teams ? number_to_pbx : number_from_pbx)(&number, pbx,
							   country, given)) {
		reply_error(rq, 422, "number", "\"%s\" is no number that can"
			    " be dialled", given);
		return;
	}

	if (!number.emergency)
		advice = number_teams_advice(pbx, from_teams ? given :
					     number.text);

	json = json_pack("{s:s, s:s, s:s, s:b, s:o, s:s?, s:n, s:n, s:s?}",
			 "from", from_teams ? "teams" : "pbx",
			 "number", given, "result", number.text,
			 "emergency", (int)number.emergency,
			 "rules", rules_json(&number), "country", country,
			 "kind", "open", "advice", advice);
	if (from_teams)
		kind_add(json, pbx, country, given);

	reply_json(rq, HTTP_OK, json);
}


void number_get(struct request *rq)
{
	static const char *const fromv[] = { "teams", "pbx" };
	const char *given = query_text(rq, "number");
	const char *upn = query_text(rq, "user");
	char country[COUNTRY_SIZE] = "";
	struct pbx *pbx;
	size_t from = 0;
	int err = 0;

	if (!query_choice(rq, "from", fromv, RE_ARRAY_SIZE(fromv), &from))
		return;

	if (!given || !query_text(rq, "from")) {
		reply_error(rq, HTTP_BADREQUEST, given ? "from" : "number",
			    "want from=teams or from=pbx, and a number");
		return;
	}

	pbx = object_pbx_asked(rq);
	if (!pbx)
		return;

	if (upn)
		err = store_get(rq->st, STORE_USER, rq->param, upn, country_h,
				country);

	if (err)
		reply_store(rq, err, NULL);
	else
		tried(rq, pbx, *country ? country : pbx->country, !from,
		      given);

	mem_deref(pbx);
}
