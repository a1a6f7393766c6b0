/**
 * @file yaml_json.c  What a person wrote in YAML, as the API takes it
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/doc.h"
#include "bridge/base/field.h"
#include "yaml_json.h"


struct json_t *yaml_value(const struct field *f, const char *text)
{
	char *end;
	long long n;

	switch (f->type) {

	case FIELD_BOOL:
		if (!strcmp(text, "true") || !strcmp(text, "yes") ||
		    !strcmp(text, "on"))
			return json_true();
		if (!strcmp(text, "false") || !strcmp(text, "no") ||
		    !strcmp(text, "off"))
			return json_false();
		return json_string(text);

	case FIELD_INT:
		n = strtoll(text, &end, 10);
		return *text && !*end ? json_integer(n) : json_string(text);

	default:
		return json_string(text);
	}
}


static json_t *items_json(const struct field *f, const struct doc_node *node)
{
	json_t *list = json_array();

	for (node = node->child; node; node = node->next)
		(void)json_array_append_new(list, node->type == DOC_MAPPING &&
			f->sub ? yaml_json(f->sub, node) :
			json_string(node->value ? node->value : ""));

	return list;
}


static json_t *node_json(const struct field *f, const struct doc_node *node)
{
	if (node->type == DOC_MAPPING)
		return f->sub ? yaml_json(f->sub, node) : json_object();

	if (node->type == DOC_SEQUENCE)
		return items_json(f, node);

	if (node->plain && (!strcmp(node->value, "null") ||
			    !strcmp(node->value, "~") || !*node->value))
		return json_null();

	return yaml_value(f, node->value);
}


struct json_t *yaml_json(const struct fields *t, const struct doc_node *node)
{
	json_t *json = json_object();

	for (node = node->child; node; node = node->next) {
		const struct field *f = fields_find(t, node->key);

		if (f)
			(void)json_object_set_new(json, node->key,
						  node_json(f, node));
	}

	return json;
}
