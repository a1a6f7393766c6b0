/**
 * @file templates.c  PBX products; what can be set, for forms
 */
#include <event2/buffer.h>
#include <jansson.h>

#include "api.h"
#include "bridge/base/errors.h"
#include "bridge/model/check.h"
#include "bridge/model/customer.h"
#include "bridge/model/syncconf.h"
#include "bridge/model/testers.h"
#include "catalogs.h"
#include "objects.h"
#include "pbx-templates/template.h"
#include "run_order.h"


/* Which of them are in the store */


struct own {
	const char *name;          /* NULL: all */
	json_t *texts;             /* owned: name to text, NULL: not wanted */
	int64_t revision;          /* of the one named, 0: it is not there  */
	char *text;                /* owned: of the one named               */
};


static int own_h(const char *name, int64_t revision, const char *text,
		 void *arg)
{
	struct own *own = arg;

	if (own->texts)
		(void)json_object_set_new(own->texts, name, json_true());

	if (!own->name || strcmp(own->name, name))
		return 0;

	own->revision = revision;

	return str_dup(&own->text, text);
}


static const char *managed(const struct catalog *cat, size_t i,
			   const json_t *texts)
{
	struct origin origin;
	const char *name = catalog_name(cat, i);

	if (json_object_get(texts, name))
		return "store";

	return !catalog_origin(&origin, cat, name, "template") &&
		origin.own ? "folder" : "built-in";
}


static json_t *template_json(const struct catalog *cat, size_t i,
			     const json_t *texts)
{
	return json_pack("{s:s, s:s?, s:s?, s:s?, s:s}", "name",
			 catalog_name(cat, i), "title",
			 catalog_title(cat, i), "extends",
			 catalog_parent(cat, i), "evidence",
			 catalog_evidence(cat, i), "managed",
			 managed(cat, i, texts));
}


void templates_get(struct request *rq)
{
	static const char *const memberv[] = { "name", "title", "extends",
					       "evidence", "managed" };
	struct own own = { .texts = json_object() };
	struct listing *list;
	int err;

	err = store_template_list(rq->st, own_h, &own);
	list = listing_begin(rq, "templates");
	if (list && !listing_sort(list, memberv, RE_ARRAY_SIZE(memberv)))
		list = NULL;

	for (size_t i = 0; list && !err && catalog_name(rq->cat, i); i++)
		err = listing_add(list, template_json(rq->cat, i,
						      own.texts));

	if (list)
		listing_end(list, err);
	json_decref(own.texts);
}


static json_t *value_json(struct catalog *cat, const char *name)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	json_t *json = NULL;

	if (pbx && !catalog_apply(pbx, name, NULL, NULL, cat))
		json = fields_json(&pbx_fields, pbx, false);
	mem_deref(pbx);

	return json;
}


static void reply_template(struct request *rq, size_t i,
			   const struct own *own)
{
	json_t *json = template_json(rq->cat, i, own->texts);

	(void)json_object_set_new(json, "ask",
				  strings_json(catalog_ask(rq->cat, i)));
	(void)json_object_set_new(json, "notes",
				  strings_json(catalog_notes(rq->cat, i)));
	(void)json_object_set_new(json, "value",
				  value_json(rq->cat, rq->param));
	(void)json_object_set_new(json, "text", own->text ?
				  json_string(own->text) : json_null());

	if (own->revision)
		reply_header(rq, "ETag", "\"%lld\"",
			     (long long)own->revision);
	reply_json(rq, HTTP_OK, json);
}


void template_get(struct request *rq)
{
	struct own own = { .name = rq->param, .texts = json_object() };
	const char *name;
	size_t i = 0;
	int err;

	err = store_template_list(rq->st, own_h, &own);

	for (; !err && (name = catalog_name(rq->cat, i)); i++)
		if (!strcmp(name, rq->param))
			break;

	if (err)
		reply_store(rq, err, NULL);
	else if (!name)
		reply_error(rq, HTTP_NOTFOUND, "name", "there is no template"
			    " %s", rq->param);
	else
		reply_template(rq, i, &own);

	mem_deref(own.text);
	json_decref(own.texts);
}


/* Own ones */


struct using {
	struct catalog *cat;
	struct errors *errs;
	int err;
};


static int pbx_h(const struct store_object *obj, void *arg)
{
	struct using *us = arg;
	struct errors *errs = NULL;
	struct pbx *pbx = NULL;
	int err;

	if (strcmp(obj->managed, "store"))
		return 0;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = customer_pbx(&pbx, obj->value, catalog_apply, us->cat, errs);
	for (size_t i = 0; errors_get(errs, i); i++)
		errors_add(us->errs, NULL, errors_get(errs, i)->field,
			   "PBX %s of %s: %s", obj->name, obj->tenant,
			   errors_get(errs, i)->message);
	mem_deref(pbx);
	mem_deref(errs);
	if (err == EBADMSG)
		us->err = err;

	return err == EBADMSG ? 0 : err;
}


static int tenant_h(const struct store_object *obj, void *arg)
{
	return json_array_append_new(arg, json_string(obj->tenant)) ? ENOMEM
		: 0;
}


/** All templates as they will be, and every PBX over them */
static int check_all(struct request *rq, struct errors *errs)
{
	struct using us = { .errs = errs };
	json_t *tenants = json_array(), *name;
	size_t i;
	int err;

	err = catalog_of_store(&us.cat, rq->st,
			   portal_conf(rq->portal)->templates, errs);
	if (!err)
		err = store_list(rq->st, STORE_TENANT, NULL, NULL, 0,
				 tenant_h, tenants);
	json_array_foreach(tenants, i, name)
		if (!err)
			err = store_list(rq->st, STORE_PBX,
					 json_string_value(name), NULL, 0,
					 pbx_h, &us);
	json_decref(tenants);
	mem_deref(us.cat);

	return err ? err : us.err;
}


static void template_change(struct request *rq, const char *text)
{
	struct own own = { .name = rq->param };
	struct errors *errs = NULL;
	int64_t revision = STORE_ANY;
	bool dry_run = false;
	int err;

	if (!query_bool(rq, "dry_run", &dry_run) ||
	    !object_revision(rq, &revision))
		return;

	err = errors_alloc(&errs);
	if (!err)
		err = store_begin(rq->st);
	if (err) {
		reply_store(rq, err, NULL);
		mem_deref(errs);
		return;
	}

	err = store_template_put(rq->st, rq->param, text, revision, &rq->by);
	if (!err)
		err = check_all(rq, errs);
	if (!err)
		err = store_template_list(rq->st, own_h, &own);

	if (dry_run && !err)
		(void)store_end(rq->st, ECANCELED);
	else
		err = store_end(rq->st, err);

	rq->changed = !err && !dry_run;
	if (err == EBADMSG && !text)
		reply_errors(rq, 409, errs);
	else if (err)
		reply_store(rq, err, errs);
	else if (!text)
		reply_nothing(rq);
	else
		reply_json(rq, HTTP_OK, json_pack("{s:s, s:I, s:s}", "name",
			   rq->param, "revision", (json_int_t)own.revision,
			   "text", text));

	mem_deref(own.text);
	mem_deref(errs);
}


void template_put(struct request *rq)
{
	char why[128] = "";

	if (!check_name(rq->param, why, sizeof(why)))
		reply_error(rq, 422, "name", "want %s", why);
	else if (!rq->size || strlen(rq->body) != rq->size)
		reply_error(rq, HTTP_BADREQUEST, NULL, "want a template as"
			    " YAML");
	else
		template_change(rq, rq->body);
}


void template_delete(struct request *rq)
{
	template_change(rq, NULL);
}


/* What can be set */


void schema_get(struct request *rq)
{
	const struct fields *const v[] = {
		&tenant_fields, &pbx_fields, &user_fields, template_table(),
		&syncconf_fields, &testers_fields, &run_order_fields,
	};
	static const char *const namev[] = { "tenant", "pbx", "user",
					     "template", "sync", "testers",
					     "test-run" };

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		if (strcmp(namev[i], rq->param))
			continue;

		reply_json(rq, HTTP_OK, fields_schema(v[i]));
		return;
	}

	reply_error(rq, HTTP_NOTFOUND, "table", "want tenant, pbx, user,"
		    " template, sync, testers or test-run, found \"%s\"",
		    rq->param);
}
