/**
 * @file openapi.c  This API, for programs: OpenAPI 3.1
 *
 * Made from the table of resources and the field tables: what is not in them
 * is not in the API.
 */
#include <jansson.h>

#include "api.h"
#include "run_order.h"
#include "bridge/model/syncconf.h"
#include "bridge/model/tenant.h"


static const char *const paramv[] = { "name", "item" };


static const char *method_name(enum evhttp_cmd_type method)
{
	switch (method) {

	case EVHTTP_REQ_POST:   return "post";
	case EVHTTP_REQ_PUT:    return "put";
	case EVHTTP_REQ_PATCH:  return "patch";
	case EVHTTP_REQ_DELETE: return "delete";
	default:                return "get";
	}
}


/* Schemas */


static json_t *table(const struct fields *t)
{
	json_t *json = fields_schema(t);

	(void)json_object_del(json, "$schema");

	return json;
}


/** What is told of a value need not have all that it must have when it is
    written: a secret stays where it is */
static json_t *loose(const struct fields *t)
{
	json_t *json = table(t);

	(void)json_object_del(json, "required");

	return json;
}


static json_t *object_schema(const char *value, bool status)
{
	json_t *json;

	json = json_pack("{s:s, s:b, s:[s,s,s,s,s,s,s], s:{s:{s:s}, s:{s:s},"
			 " s:{s:s}, s:{s:s, s:i}, s:{s:s}, s:{s:[s,s]},"
			 " s:{s:s, s:{s:s}}}}", "type", "object",
			 "additionalProperties", 0, "required", "value",
			 "tenant", "name", "revision", "changed_ms",
			 "managed", "secrets", "properties",
			 "value", "$ref", value, "tenant", "type", "string",
			 "name", "type", "string", "revision", "type",
			 "integer", "minimum", 1, "changed_ms", "type",
			 "integer", "managed", "enum", "store", "file",
			 "secrets", "type", "array", "items", "type",
			 "string");
	if (status)
		(void)json_object_set_new(json_object_get(json,
			"properties"), "status", json_pack("{s:[s,s]}",
				"type", "object", "null"));

	return json;
}


static json_t *error_schema(void)
{
	return json_loads("{\"type\": \"object\", \"required\": [\"error\","
			  " \"field\"], \"properties\": {"
			  "\"error\": {\"type\": \"string\"},"
			  "\"field\": {\"type\": [\"string\", \"null\"]},"
			  "\"hint\": {\"type\": [\"string\", \"null\"]},"
			  "\"errors\": {\"type\": \"array\", \"items\":"
			  " {\"$ref\": \"#/components/schemas/Error\"}},"
			  "\"details\": {\"type\": \"array\", \"items\":"
			  " {\"type\": \"string\"}}}}", 0, NULL);
}


static json_t *grant_schema(void)
{
	return json_loads("{\"type\": \"object\", \"required\": [\"name\","
			  " \"role\", \"tenant\", \"expires_ms\"],"
			  " \"properties\": {"
			  "\"name\": {\"type\": \"string\"},"
			  "\"role\": {\"enum\": [\"msp-admin\","
			  " \"msp-support\", \"tenant-admin\","
			  " \"tenant-viewer\"]},"
			  "\"tenant\": {\"type\": [\"string\", \"null\"]},"
			  "\"csrf\": {\"type\": [\"string\", \"null\"]},"
			  "\"token\": {\"type\": \"string\"},"
			  "\"expires_ms\": {\"type\": \"integer\"}}}", 0,
			  NULL);
}


static json_t *import_schema(void)
{
	return json_loads("{\"type\": \"object\", \"required\": [\"id\","
			  " \"tenant\", \"state\", \"dry_run\", \"total\","
			  " \"done\", \"created\", \"changed\","
			  " \"unchanged\", \"removed\", \"error_count\","
			  " \"errors\"], \"properties\": {"
			  "\"state\": {\"enum\": [\"running\", \"done\","
			  " \"failed\"]}, \"dry_run\": {\"type\":"
			  " \"boolean\"}, \"total\": {\"type\":"
			  " \"integer\"}, \"errors\": {\"type\": \"array\","
			  " \"items\": {\"$ref\":"
			  " \"#/components/schemas/Error\"}}}}", 0, NULL);
}


static json_t *schemas_json(void)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
			 " s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "testRun", table(&run_order_fields),
			 "planFile", table(&run_file_fields),
			 "sync", table(&syncconf_fields),
			 "syncValue", loose(&syncconf_fields),
			 "Sync", object_schema(
				 "#/components/schemas/syncValue", false),
			 "tenant", table(&tenant_fields),
			 "pbx", table(&pbx_fields),
			 "user", table(&user_fields),
			 "tenantValue", loose(&tenant_fields),
			 "pbxValue", loose(&pbx_fields),
			 "userValue", loose(&user_fields),
			 "Tenant", object_schema(
				 "#/components/schemas/tenantValue", false),
			 "Pbx", object_schema(
				 "#/components/schemas/pbxValue", false),
			 "User", object_schema(
				 "#/components/schemas/userValue", true),
			 "Error", error_schema(),
			 "Grant", grant_schema(),
			 "Import", import_schema());
}


/* Which body belongs to which path */


struct shape {
	const char *path;          /* ends so */
	const char *list;          /* the list's member, NULL: no list */
	const char *schema;        /* of one; NULL: an object */
	const char *write;         /* of a body; NULL: none */
};


static const struct shape shapev[] = {
	{ "/tenants", "tenants", "Tenant", "tenant" },
	{ "/tenants/{}", NULL, "Tenant", "tenant" },
	{ "/pbxs", "pbxs", "Pbx", "pbx" },
	{ "/pbxs/{}", NULL, "Pbx", "pbx" },
	{ "/sync", NULL, "Sync", "sync" },
	{ "/syncs", "syncs", NULL, NULL },
	{ "/sync/people", "people", NULL, NULL },
	{ "/sync/users", NULL, NULL, NULL },
	{ "/users", "users", "User", "user" },
	{ "/users/{}", NULL, "User", "user" },
	{ "/imports/{}", NULL, "Import", NULL },
	{ "/session", NULL, "Grant", NULL },
	{ "/admins", "admins", "Grant", NULL },
	{ "/admins/{}", NULL, "Grant", NULL },
	{ "/tokens", "tokens", "Grant", NULL },
	{ "/registrations", "registrations", NULL, NULL },
	{ "/registration-history", "changes", NULL, NULL },
	{ "/trunks", "trunks", NULL, NULL },
	{ "/calls", "calls", NULL, NULL },
	{ "/call-records", "calls", NULL, NULL },
	{ "/shares", "shares", NULL, NULL },
	{ "/reports/outages", "outages", NULL, NULL },
	{ "/audit", "entries", NULL, NULL },
	{ "/pbxs/{}/test-runs", NULL, NULL, "testRun" },
	{ "/test-runs", "test_runs", NULL, NULL },
	{ "/test-plans/check", NULL, NULL, "planFile" },
	{ "/templates", "templates", NULL, NULL },
};


static const struct shape *shape_find(const char *path)
{
	static const char base[] = "/api/v1";
	const size_t l = strlen(path);

	for (size_t i = 0; i < RE_ARRAY_SIZE(shapev); i++) {
		const size_t n = strlen(shapev[i].path);

		if (l >= n && !strcmp(path + l - n, shapev[i].path) &&
		    (l - n == sizeof(base) - 1 ||
		     !strncmp(path + sizeof(base) - 1, "/tenants/{}", 11)))
			return &shapev[i];
	}

	return NULL;
}


static json_t *ref(const char *name)
{
	char path[64];

	if (!name)
		return json_pack("{s:s}", "type", "object");

	(void)re_snprintf(path, sizeof(path), "#/components/schemas/%s",
			  name);

	return json_pack("{s:s}", "$ref", path);
}


static json_t *content(const char *type, json_t *schema)
{
	return json_pack("{s:{s:{s:o}}}", "content", type, "schema", schema);
}


static bool is_list(const struct resource *res, const struct shape *shape)
{
	return shape && shape->list && res->method == EVHTTP_REQ_GET;
}


static json_t *answer_schema(const struct resource *res,
			     const struct shape *shape)
{
	if (!is_list(res, shape))
		return ref(shape ? shape->schema : NULL);

	return json_pack("{s:s, s:[s], s:{s:{s:s, s:o}, s:{s:[s,s]},"
			 " s:{s:s}}}", "type", "object", "required",
			 shape->list, "properties", shape->list, "type",
			 "array", "items", ref(shape->schema), "next",
			 "type", "string", "null", "total", "type",
			 "integer");
}


/** What else than JSON some of them answer */
static const char *answer_type(const struct resource *res)
{
	static const char *const v[][2] = {
		{ "/metrics", "text/plain" },
		{ "/api/v1/events", "text/event-stream" },
		{ "/api/v1/tenants/{}/users/export", "text/csv" },
		{ "/api/v1/trace/{}", "text/plain" },
		{ "/api/v1/tenants/{}/sync/script", "text/plain" },
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++)
		if (!strcmp(res->path, v[i][0]))
			return v[i][1];

	return "application/json";
}


static json_t *good_json(const struct resource *res,
			 const struct shape *shape)
{
	const char *type = answer_type(res);
	json_t *json;

	json = content(type, strcmp(type, "application/json") ?
		       json_pack("{s:s}", "type", "string")
		       : answer_schema(res, shape));
	(void)json_object_set_new(json, "description",
				  json_string(res->help));

	return json;
}


static json_t *responses_json(const struct resource *res,
			      const struct shape *shape)
{
	json_t *json = json_object(), *error;
	const bool makes = res->method == EVHTTP_REQ_POST;

	if (res->method == EVHTTP_REQ_DELETE)
		(void)json_object_set_new(json, "204", json_pack("{s:s}",
					  "description", "done"));
	else
		(void)json_object_set_new(json, "200", good_json(res,
								 shape));
	if (makes || res->method == EVHTTP_REQ_PUT)
		(void)json_object_set_new(json, "201", good_json(res,
								 shape));
	if (makes)
		(void)json_object_set_new(json, "202", good_json(res, NULL));
	if (res->method == EVHTTP_REQ_PUT)
		(void)json_object_set_new(json, "204", json_pack("{s:s}",
					  "description", "done"));

	error = content("application/json", ref("Error"));
	(void)json_object_set_new(error, "description",
				  json_string("what is wrong"));
	(void)json_object_set_new(json, "default", error);

	return json;
}


/* Parameters */


static json_t *query_json(const char *name)
{
	static const struct { const char *name, *type; } typev[] = {
		{ "limit", "integer" }, { "from_ms", "integer" },
		{ "to_ms", "integer" }, { "zone_min", "integer" },
		{ "mos_below", "number" }, { "dry_run", "boolean" },
		{ "failing", "boolean" }, { "failed", "boolean" },
		{ "enabled", "boolean" },
	};
	const char *type = "string";

	for (size_t i = 0; i < RE_ARRAY_SIZE(typev); i++)
		if (!strcmp(name, typev[i].name))
			type = typev[i].type;

	return json_pack("{s:s, s:s, s:{s:s}}", "name", name, "in", "query",
			 "schema", "type", type);
}


static json_t *parameters_json(const struct resource *res)
{
	json_t *json = json_array();
	const char *p = res->path;
	size_t c = 0;

	while ((p = strstr(p, "{}"))) {
		(void)json_array_append_new(json, json_pack("{s:s, s:s, s:b,"
					    " s:{s:s}}", "name", paramv[c++],
					    "in", "path", "required", 1,
					    "schema", "type", "string"));
		p += 2;
	}

	for (size_t i = 0; i < QUERYC_MAX && res->queryv[i]; i++)
		(void)json_array_append_new(json,
					    query_json(res->queryv[i]));

	return json;
}


static json_t *request_json(const struct resource *res,
			    const struct shape *shape)
{
	json_t *json;

	if (res->method == EVHTTP_REQ_PATCH)
		json = content("application/merge-patch+json",
			       json_pack("{s:s}", "type", "object"));
	else
		json = content("application/json", ref(shape ? shape->write
						       : NULL));
	if (res->body_max == BODY_BIG && strstr(res->path, "import"))
		(void)json_object_set_new(json_object_get(json, "content"),
					  "text/csv", json_pack("{s:{s:s}}",
						"schema", "type", "string"));

	return json;
}


/* Paths */


static json_t *operation_json(const struct resource *res)
{
	const struct shape *shape = shape_find(res->path);
	json_t *json;

	json = json_pack("{s:s, s:o, s:o}", "summary", res->help,
			 "parameters", parameters_json(res), "responses",
			 responses_json(res, shape));
	if (res->body_max)
		(void)json_object_set_new(json, "requestBody",
					  request_json(res, shape));
	if (res->access == ACCESS_ALL)
		(void)json_object_set_new(json, "security", json_array());

	return json;
}


/** "/a/{}/b/{}" as "/a/{name}/b/{item}" */
static void path_name(char *dst, size_t size, const char *path)
{
	size_t n = 0, c = 0;

	while (*path && n + 1 < size) {
		if (strncmp(path, "{}", 2)) {
			dst[n++] = *path++;
			continue;
		}
		n += (size_t)re_snprintf(dst + n, size - n, "{%s}",
					 paramv[c++]);
		path += 2;
	}
	dst[n] = '\0';
}


static json_t *paths_json(void)
{
	json_t *json = json_object(), *path;
	char name[128];

	for (size_t i = 0; i < resourcec; i++) {
		const struct resource *res = &resourcev[i];

		if (res->access == ACCESS_SOCKET)
			continue;

		path_name(name, sizeof(name), res->path);
		path = json_object_get(json, name);
		if (!path) {
			path = json_object();
			(void)json_object_set_new(json, name, path);
		}

		(void)json_object_set_new(path, method_name(res->method),
					  operation_json(res));
	}

	return json;
}


void openapi_get(struct request *rq)
{
	reply_json(rq, HTTP_OK, json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:o,"
		   " s:{s:{s:s, s:s}, s:{s:s, s:s, s:s}}}, s:[{s:[]},"
		   " {s:[]}]}",
		   "openapi", "3.1.0",
		   "info", "title", "Callbridge", "version",
		   CALLBRIDGE_VERSION,
		   "paths", paths_json(),
		   "components", "schemas", schemas_json(),
		   "securitySchemes",
		   "token", "type", "http", "scheme", "bearer",
		   "session", "type", "apiKey", "in", "cookie", "name",
		   "__Host-callbridge",
		   "security", "token", "session"));
}
