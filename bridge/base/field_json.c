/**
 * @file field_json.c  Structs as JSON, both ways, and their JSON Schema
 *
 * What comes in is turned into the same tree that YAML makes, under the same
 * limits, so that there is one reader and one set of messages.
 */
#include <stdlib.h>
#include <jansson.h>

#include "text.h"
#include "doc_build.h"
#include "field_value.h"


enum { NUMBER_MAX = 64 };


/* Out */


/** What a peer wrote may be no UTF-8, which JSON cannot hold */
static json_t *text_json(const char *text)
{
	json_t *json = json_string(text);
	size_t size;
	char *buf;

	if (json)
		return json;

	size = 4 * strlen(text) + 1;
	buf = mem_alloc(size, NULL);
	if (!buf)
		return NULL;

	(void)text_escape(buf, size, text, strlen(text));
	json = json_string(buf);
	mem_deref(buf);

	return json;
}


json_t *strings_json(const struct strings *s)
{
	json_t *array = json_array();

	for (size_t i = 0; array && s && i < s->c; i++) {
		if (json_array_append_new(array, text_json(s->v[i]))) {
			json_decref(array);
			return NULL;
		}
	}

	return array;
}


static json_t *list_json(const struct fields *t, const struct list *list,
			 bool secrets)
{
	json_t *array = json_array();
	const struct le *le;

	for (le = list_head(list); array && le; le = le->next) {
		if (json_array_append_new(array, fields_json(t, le->data,
							     secrets))) {
			json_decref(array);
			return NULL;
		}
	}

	return array;
}


static json_t *choice_json(const struct field *f, int i)
{
	if (i < 0 || (size_t)i >= f->choicec)
		return json_null();

	return json_string(f->choicev[i]);
}


static json_t *field_json(const struct field *f, const void *obj,
			  bool secrets)
{
	const void *member = field_member(f, obj);
	const char *text;

	switch (f->type) {

	case FIELD_BOOL:
		return json_boolean(*(const bool *)member);

	case FIELD_INT:
		return json_integer(*(const int64_t *)member);

	case FIELD_DURATION:
	case FIELD_PERCENT:
		return json_integer(*(const uint32_t *)member);

	case FIELD_CHOICE:
		return choice_json(f, *(const int *)member);

	case FIELD_STRING:
		text = *(char *const *)member;
		return text ? text_json(text) : json_null();

	case FIELD_STRINGS:
		return strings_json(member);

	case FIELD_OBJECT:
		return fields_json(f->sub, member, secrets);

	case FIELD_LIST:
		return list_json(f->sub, member, secrets);
	}

	return NULL;
}


struct json_t *fields_json(const struct fields *t, const void *obj,
			   bool secrets)
{
	json_t *json;

	if (!t || !obj)
		return NULL;

	json = json_object();

	for (size_t i = 0; json && i < t->fieldc; i++) {
		const struct field *f = &t->fieldv[i];

		if ((f->flags & FIELD_SECRET) && !secrets)
			continue;

		if (json_object_set_new(json, f->name,
					field_json(f, obj, secrets))) {
			json_decref(json);
			return NULL;
		}
	}

	return json;
}


int field_json_text(const struct field *f, const void *obj, char **textp)
{
	json_t *json = field_json(f, obj, false);
	char *text;
	int err;

	if (!json)
		return ENOMEM;

	text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(json);
	if (!text)
		return ENOMEM;

	err = str_dup(textp, text);
	free(text);

	return err;
}


/* In */


static int build(struct doc_build *b, const json_t *json);


static int build_array(struct doc_build *b, const json_t *json)
{
	int err;

	err = doc_build_begin(b, 0, 0, DOC_SEQUENCE);

	for (size_t i = 0; !err && i < json_array_size(json); i++)
		err = build(b, json_array_get(json, i));

	return err ? err : doc_build_end(b);
}


static int build_object(struct doc_build *b, const json_t *json)
{
	json_t *object = (json_t *)(uintptr_t)json;
	void *iter;
	int err;

	err = doc_build_begin(b, 0, 0, DOC_MAPPING);

	for (iter = json_object_iter(object); !err && iter;
	     iter = json_object_iter_next(object, iter)) {

		const char *key = json_object_iter_key(iter);

		err = doc_build_key(b, 0, 0, key, strlen(key));
		if (!err)
			err = build(b, json_object_iter_value(iter));
	}

	return err ? err : doc_build_end(b);
}


static int build_plain(struct doc_build *b, const char *text)
{
	return doc_build_scalar(b, 0, 0, text, strlen(text), true, false);
}


/** Depth and size are bounded by the builder */
static int build(struct doc_build *b, const json_t *json)
{
	char number[NUMBER_MAX];

	switch (json_typeof(json)) {

	case JSON_OBJECT:
		return build_object(b, json);

	case JSON_ARRAY:
		return build_array(b, json);

	case JSON_STRING:
		return doc_build_scalar(b, 0, 0, json_string_value(json),
					json_string_length(json), false,
					false);

	case JSON_INTEGER:
		(void)re_snprintf(number, sizeof(number), "%lld",
				  (long long)json_integer_value(json));
		return build_plain(b, number);

	case JSON_REAL:
		(void)snprintf(number, sizeof(number), "%g",
			       json_real_value(json));
		return build_plain(b, number);

	case JSON_TRUE:
		return build_plain(b, "true");

	case JSON_FALSE:
		return build_plain(b, "false");

	case JSON_NULL:
		return build_plain(b, "null");
	}

	return EINVAL;
}


int fields_read_json(const struct fields *t, void *obj,
		     const struct json_t *json, struct errors *errs,
		     uint64_t *set)
{
	struct doc *doc = NULL;
	struct doc_build b;
	int err;

	if (!t || !obj || !json)
		return EINVAL;

	err = doc_build_init(&b, NULL, errs);
	if (err)
		return err;

	err = doc_build_finish(&b, build(&b, json), &doc);
	if (!err)
		err = fields_read_tree(t, obj, doc_root(doc), true, errs,
				       set);

	mem_deref(doc);

	return err;
}


/* Schema: draft 2020-12 */


/** Set a member that json_pack() could not make: the whole fails */
static int put(json_t *json, const char *key, json_t *value)
{
	return json_object_set_new(json, key, value) ? ENOMEM : 0;
}


static json_t *choices_json(const struct field *f)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < f->choicec; i++) {
		if (json_array_append_new(array,
					  json_string(f->choicev[i]))) {
			json_decref(array);
			return NULL;
		}
	}

	return array;
}


static bool has_max(const struct field *f)
{
	return (f->min || f->max) && f->max >= f->min;
}


static int put_range(json_t *json, const struct field *f, const char *least,
		     const char *most)
{
	int err = 0;

	if (f->min || f->max)
		err |= put(json, least, json_integer(f->min));
	if (has_max(f))
		err |= put(json, most, json_integer(f->max));

	return err;
}


/** A number of the field's own unit, or a text with a unit */
static json_t *with_unit_schema(const struct field *f, const char *pattern)
{
	json_t *number = json_pack("{s:s}", "type", "integer");
	const bool unlimited = !f->min && !f->max;

	if (!number)
		return NULL;

	if (put_range(number, f, "minimum", "maximum") ||
	    (unlimited && put(number, "minimum", json_integer(0)))) {
		json_decref(number);
		return NULL;
	}

	return json_pack("{s:[o,{s:s,s:s}]}", "anyOf", number,
			 "type", "string", "pattern", pattern);
}


static json_t *limited_schema(const struct field *f, const char *type,
			      const char *least, const char *most)
{
	json_t *json = json_pack("{s:s}", "type", type);

	if (json && put_range(json, f, least, most)) {
		json_decref(json);
		return NULL;
	}

	return json;
}


/** A schema counts characters, the table octets: only the upper bound holds
    for both, and that something must be there */
static json_t *text_schema(const struct field *f)
{
	json_t *json = json_object();
	int err = 0;

	if (!json)
		return NULL;

	if (f->flags & (FIELD_REQUIRED | FIELD_KEY))
		err |= put(json, "type", json_string("string"));
	else
		err |= put(json, "type", json_pack("[s,s]", "string",
						   "null"));

	if (f->min > 0)
		err |= put(json, "minLength", json_integer(1));
	if (has_max(f))
		err |= put(json, "maxLength", json_integer(f->max));

	if (err) {
		json_decref(json);
		return NULL;
	}

	return json;
}


static json_t *strings_schema(const struct field *f)
{
	json_t *json = limited_schema(f, "array", "minItems", "maxItems");
	json_t *items;

	if (!json)
		return NULL;

	if (f->choicec)
		items = json_pack("{s:o}", "enum", choices_json(f));
	else
		items = json_pack("{s:s}", "type", "string");

	if (put(json, "items", items)) {
		json_decref(json);
		return NULL;
	}

	return json;
}


static json_t *list_schema(const struct field *f, json_t *items)
{
	json_t *json = limited_schema(f, "array", "minItems", "maxItems");

	if (!json) {
		json_decref(items);
		return NULL;
	}

	if (put(json, "items", items)) {
		json_decref(json);
		return NULL;
	}

	return json;
}


static json_t *table_schema(const struct fields *t);


static json_t *type_schema(const struct field *f)
{
	switch (f->type) {

	case FIELD_BOOL:
		return json_pack("{s:s}", "type", "boolean");

	case FIELD_INT:
		return limited_schema(f, "integer", "minimum", "maximum");

	case FIELD_DURATION:
		return with_unit_schema(f, "^[0-9]+(ms|s|m|h|d)?$");

	case FIELD_PERCENT:
		return with_unit_schema(f, "^[0-9]+%?$");

	case FIELD_CHOICE:
		return json_pack("{s:o}", "enum", choices_json(f));

	case FIELD_STRING:
		return text_schema(f);

	case FIELD_STRINGS:
		return strings_schema(f);

	case FIELD_OBJECT:
		return table_schema(f->sub);

	case FIELD_LIST:
		return list_schema(f, table_schema(f->sub));
	}

	return NULL;
}


/** The default as JSON, read by the table itself */
static json_t *default_json(const struct fields *t, const struct field *f)
{
	json_t *json = NULL;
	void *obj = mem_zalloc(t->size, NULL);

	if (obj && !fields_defaults(t, obj))
		json = field_json(f, obj, true);

	if (obj)
		fields_clear(t, obj);

	mem_deref(obj);

	return json;
}


/** What a bare number means, NULL: itself. For whoever makes a form */
static const char *unit_name(const struct field *f)
{
	if (f->type == FIELD_PERCENT)
		return "%";

	return f->type != FIELD_DURATION ? NULL :
		f->unit == FIELD_MS ? "ms" : "s";
}


static json_t *field_schema(const struct fields *t, const struct field *f)
{
	json_t *json = type_schema(f);
	int err = 0;

	if (!json)
		return NULL;

	if (f->help)
		err |= put(json, "description", json_string(f->help));
	if (f->dflt)
		err |= put(json, "default", default_json(t, f));
	if (f->flags & FIELD_SECRET)
		err |= put(json, "writeOnly", json_true());
	if (f->flags & FIELD_ADVANCED)
		err |= put(json, "x-advanced", json_true());
	if (f->flags & FIELD_MSP)
		err |= put(json, "x-msp", json_true());
	if (f->flags & FIELD_KEY)
		err |= put(json, "x-key", json_true());
	if (unit_name(f))
		err |= put(json, "x-unit", json_string(unit_name(f)));

	if (err) {
		json_decref(json);
		return NULL;
	}

	return json;
}


static int put_properties(json_t *json, const struct fields *t)
{
	json_t *properties = json_object();
	json_t *required = json_array();
	int err = properties && required ? 0 : ENOMEM;

	for (size_t i = 0; i < t->fieldc && !err; i++) {
		const struct field *f = &t->fieldv[i];

		err = put(properties, f->name, field_schema(t, f));

		if (!err && (f->flags & FIELD_REQUIRED) && !f->dflt &&
		    json_array_append_new(required, json_string(f->name)))
			err = ENOMEM;
	}

	if (!err)
		err = put(json, "properties", json_incref(properties));
	if (!err && json_array_size(required))
		err = put(json, "required", json_incref(required));

	json_decref(properties);
	json_decref(required);

	return err;
}


static json_t *table_schema(const struct fields *t)
{
	json_t *json = json_pack("{s:s,s:b}", "type", "object",
				 "additionalProperties", 0);
	int err;

	if (!json)
		return NULL;

	err = put_properties(json, t);
	if (!err && t->help)
		err = put(json, "description", json_string(t->help));

	if (err) {
		json_decref(json);
		return NULL;
	}

	return json;
}


struct json_t *fields_schema(const struct fields *t)
{
	static const char draft[] =
		"https://json-schema.org/draft/2020-12/schema";
	json_t *json;

	if (!t)
		return NULL;

	json = table_schema(t);
	if (!json)
		return NULL;

	if (put(json, "$schema", json_string(draft)) ||
	    put(json, "title", json_string(t->name))) {
		json_decref(json);
		return NULL;
	}

	return json;
}
