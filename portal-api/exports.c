/**
 * @file exports.c  All users of a customer, as a file
 */
#include <event2/buffer.h>
#include <jansson.h>

#include "bridge/base/field.h"
#include "bridge/model/tenant.h"
#include "csv.h"
#include "imports.h"
#include "objects.h"


static void csv_value(struct evbuffer *out, const json_t *value,
		      const struct field *f, int last)
{
	const json_t *member = json_object_get(value, f->name);
	const char *text = json_is_boolean(member) ?
		(json_is_true(member) ? "true" : "false") :
		json_string_value(member);

	csv_write(out, text ? text : "", last);
}


static int csv_h(const struct store_object *obj, void *arg)
{
	const struct fields *t = &user_fields;
	size_t left = 0;

	for (size_t i = 0; i < t->fieldc; i++)
		left += import_is_column(&t->fieldv[i]);

	for (size_t i = 0; i < t->fieldc; i++)
		if (import_is_column(&t->fieldv[i]))
			csv_value(arg, obj->value, &t->fieldv[i], !--left);

	return 0;
}


static int json_h(const struct store_object *obj, void *arg)
{
	return listing_add(arg, json_deep_copy(obj->value));
}


static void export_csv(struct request *rq, const struct store_users *which)
{
	const struct fields *t = &user_fields;
	struct evbuffer *out = evbuffer_new();
	bool some = false;
	int err;

	if (!out) {
		reply_store(rq, ENOMEM, NULL);
		return;
	}

	for (size_t i = 0; i < t->fieldc; i++) {
		if (!import_is_column(&t->fieldv[i]))
			continue;
		(void)evbuffer_add_printf(out, "%s%s", some ? "," : "",
					  t->fieldv[i].name);
		some = true;
	}
	(void)evbuffer_add(out, "\r\n", 2);

	err = store_user_list(rq->st, which, csv_h, out);
	if (err) {
		evbuffer_free(out);
		reply_store(rq, err, NULL);
		return;
	}

	reply_header(rq, "Content-Disposition", "attachment; filename="
		     "\"%s-users.csv\"", rq->param);
	reply_body(rq, HTTP_OK, "text/csv; charset=utf-8", out);
}


void export_get(struct request *rq)
{
	static const char *const formatv[] = { "csv", "json" };
	const struct store_users which = { .tenant = rq->param,
					   .pbx = query_text(rq, "pbx") };
	struct listing *list;
	size_t format = 0;
	int err;

	if (!query_choice(rq, "format", formatv, RE_ARRAY_SIZE(formatv),
			  &format))
		return;

	err = object_tenant_find(rq);
	if (err) {
		reply_store(rq, err, NULL);
	}
	else if (!format) {
		export_csv(rq, &which);
	}
	else {
		list = listing_begin(rq, "users");
		if (list)
			listing_end(list, store_user_list(rq->st, &which,
							  json_h, list));
	}
}
