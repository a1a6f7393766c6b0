/**
 * @file yaml_json.h  What a person wrote in YAML, as the API takes it
 */
#ifndef CALLBRIDGE_YAML_JSON_H
#define CALLBRIDGE_YAML_JSON_H

struct doc_node;
struct field;
struct fields;
struct json_t;

/** A mapping by its table: texts stay texts, whatever they look like. NULL
    without memory */
struct json_t *yaml_json(const struct fields *t, const struct doc_node *node);

/** One value as a person writes it: "true" of a switch is no text */
struct json_t *yaml_value(const struct field *f, const char *text);

#endif
