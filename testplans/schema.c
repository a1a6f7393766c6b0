/**
 * @file schema.c  JSON Schema of test plans, with the vocabulary in it
 */
#include <jansson.h>

#include "plan.h"
#include "step.h"


/** One sentence: what it looks like and what it means */
static json_t *sentence_schema(enum step_verb verb)
{
	const struct step_pattern *pattern = step_pattern(verb);
	json_t *json;
	char *re;

	if (step_regex(&re, verb))
		return NULL;

	json = json_pack("{s:s, s:s, s:s+}", "pattern", re,
			 "title", pattern->sentence,
			 "description", pattern->does, "");
	mem_deref(re);

	return json;
}


static json_t *steps_schema(void)
{
	json_t *list = json_array();

	for (int i = 0; i < STEP_VERBC; i++)
		(void)json_array_append_new(list, sentence_schema(
					    (enum step_verb)i));

	return json_pack("{s:s, s:o}", "type", "string", "anyOf", list);
}


/** The table's own schema knows no sentences: they are put in its items */
json_t *plan_schema(void)
{
	json_t *schema = fields_schema(&plan_fields);
	json_t *steps = json_object_get(json_object_get(json_object_get(
		json_object_get(json_object_get(json_object_get(schema,
		"properties"), "cases"), "items"), "properties"), "steps"),
		"items");

	if (!steps) {
		json_decref(schema);
		return NULL;
	}

	(void)json_object_clear(steps);
	(void)json_object_update_new(steps, steps_schema());

	return schema;
}
