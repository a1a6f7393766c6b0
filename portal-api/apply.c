/**
 * @file apply.c  A customer made as a file says
 *
 * The file is the whole of the customer: what is in the store and not in the
 * file goes. One transaction; a dry run undoes it at the end, and so tells
 * the same as the run itself.
 */
#include <jansson.h>

#include "bridge/base/errors.h"
#include "bridge/model/customer.h"
#include "bulk.h"
#include "objects.h"
#include "pbx-templates/template.h"


enum { PATH_SIZE = 256 };


struct apply {
	struct request *rq;        /* borrowed */
	const char *tenant;        /* borrowed */
	json_t *changes;           /* owned */
	struct errors *errs;       /* owned */
};


/* What is different */


static json_t *told(const struct fields *t, const char *name, json_t *value)
{
	const struct field *f = fields_find(t, name);

	if (f && (f->flags & FIELD_SECRET) && value && !json_is_null(value))
		return json_string("********");

	return value ? json_incref(value) : json_null();
}


static void differ(json_t *out, const struct fields *t, const char *prefix,
		   const json_t *old, const json_t *now);


static void member_differ(json_t *out, const struct fields *t,
			  const char *prefix, const char *name, json_t *old,
			  json_t *now)
{
	char path[PATH_SIZE];

	if (json_equal(old, now))
		return;

	(void)re_snprintf(path, sizeof(path), "%s%s%s", prefix,
			  *prefix ? "." : "", name);

	if (json_is_object(old) || json_is_object(now))
		differ(out, t, path, old, now);
	else
		(void)json_object_set_new(out, path, json_pack("[o, o]",
					  told(t, path, old),
					  told(t, path, now)));
}


static void differ(json_t *out, const struct fields *t, const char *prefix,
		   const json_t *old, const json_t *now)
{
	const char *name;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)now, name, member)
		member_differ(out, t, prefix, name,
			      json_object_get(old, name), member);

	json_object_foreach((json_t *)(uintptr_t)old, name, member)
		if (!json_object_get(now, name))
			member_differ(out, t, prefix, name, member, NULL);
}


static void change_add(struct apply *ap, const char *action,
		       enum store_kind kind, const char *name,
		       const json_t *old, const json_t *now)
{
	static const char *const kindv[] = { "tenant", "pbx", "user" };
	json_t *fields = json_object();

	if (now)
		differ(fields, object_fields(kind), "", old, now);

	(void)json_array_append_new(ap->changes, json_pack("{s:s, s:s, s:s,"
				    " s:o}", "action", action, "kind",
				    kindv[kind], "name", name, "fields",
				    fields));
}


static void user_h(const char *action, const char *name, const json_t *old,
		   const json_t *now, void *arg)
{
	change_add(arg, action, STORE_USER, name, old, now);
}


static void error_h(size_t line, const char *field, const char *text,
		    void *arg)
{
	struct apply *ap = arg;
	char path[PATH_SIZE];

	(void)re_snprintf(path, sizeof(path), "users[%zu]%s%s",
			  line ? line - 1 : 0, field ? "." : "",
			  field ? field : "");
	errors_add(ap->errs, NULL, path, "%s", text);
}


/* Tenant and PBXs */


static int old_get(struct apply *ap, enum store_kind kind, const char *name,
		   json_t **oldp)
{
	struct object_take take = { kind, NULL };
	int err;

	*oldp = NULL;
	err = store_get(ap->rq->st, kind, ap->tenant, name, object_take_h,
			&take);
	if (!err)
		*oldp = take.json;

	return err == ENOENT ? 0 : err;
}


static void complain_under(struct apply *ap, const char *prefix,
			   const struct errors *errs)
{
	for (size_t i = 0; errors_get(errs, i); i++) {
		const struct error *e = errors_get(errs, i);
		char path[PATH_SIZE];

		(void)re_snprintf(path, sizeof(path), "%s%s%s", prefix,
				  *prefix && e->field ? "." : "",
				  e->field ? e->field : "");
		errors_add(ap->errs, NULL, path, "%s", e->message);
	}
}


/** Put one, if it is not so already */
static int put(struct apply *ap, enum store_kind kind, const char *prefix,
	       const char *name, json_t *value)
{
	struct errors *errs = NULL;
	struct pbx *pbx = NULL;
	json_t *old, *was;
	int err;

	err = old_get(ap, kind, name, &old);
	if (err)
		return err;

	was = json_object_get(old, "value");
	if (old && json_equal(was, value)) {
		json_decref(old);
		return 0;
	}

	err = errors_alloc(&errs);
	if (!err)
		err = object_may_set(ap->rq, kind, value, was, errs);
	if (!err && kind == STORE_PBX)
		err = customer_pbx(&pbx, value, catalog_apply, ap->rq->cat,
				   errs);
	mem_deref(pbx);
	if (!err)
		err = store_put(ap->rq->st, kind, ap->tenant, value,
				STORE_ANY, &ap->rq->by, errs, NULL);

	complain_under(ap, prefix, errs);
	mem_deref(errs);
	if (!err)
		change_add(ap, old ? "change" : "create", kind, name, was,
			   value);
	json_decref(old);

	return err;
}


static int tenant_put(struct apply *ap, const json_t *json)
{
	json_t *value = json_object(), *member;
	const char *name;
	int err;

	if (!value)
		return ENOMEM;

	json_object_foreach((json_t *)(uintptr_t)json, name, member)
		if (strcmp(name, "pbx") && strcmp(name, "users"))
			(void)json_object_set(value, name, member);

	err = put(ap, STORE_TENANT, "", ap->tenant, value);
	json_decref(value);

	return err;
}


static int pbxs_put(struct apply *ap, const json_t *pbxs)
{
	json_t *value, *names = json_object();
	char prefix[32];
	size_t i;
	int err = 0;

	json_array_foreach((json_t *)(uintptr_t)pbxs, i, value) {
		const char *name = json_string_value(
			json_object_get(value, "name"));

		(void)re_snprintf(prefix, sizeof(prefix), "pbx[%zu]", i);
		if (!str_isset(name) || json_object_get(names, name)) {
			errors_add(ap->errs, NULL, prefix, "want a name that"
				   " no other PBX has");
			err = EBADMSG;
			break;
		}
		(void)json_object_set_new(names, name, json_true());

		err = put(ap, STORE_PBX, prefix, name, value);
		if (err)
			break;
	}
	json_decref(names);

	return err;
}


struct sweep {
	const json_t *pbxs;
	json_t *gone;              /* owned: name to value */
};


static int sweep_h(const struct store_object *obj, void *arg)
{
	struct sweep *sweep = arg;
	json_t *value;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)sweep->pbxs, i, value)
		if (!strcmp(json_string_value(json_object_get(value,
							      "name")),
			    obj->name))
			return 0;

	return json_object_set_new(sweep->gone, obj->name,
				   json_deep_copy(obj->value)) ? ENOMEM : 0;
}


/** Last of all, when no user needs them any more */
static int pbxs_sweep(struct apply *ap, const json_t *pbxs)
{
	struct sweep sweep = { pbxs, json_object() };
	const char *name;
	json_t *value;
	int err;

	err = store_list(ap->rq->st, STORE_PBX, ap->tenant, NULL, 0, sweep_h,
			 &sweep);

	json_object_foreach(sweep.gone, name, value) {
		if (err)
			break;

		err = store_remove(ap->rq->st, STORE_PBX, ap->tenant, name,
				   STORE_ANY, &ap->rq->by);
		if (!err)
			change_add(ap, "remove", STORE_PBX, name, value,
				   NULL);
	}
	json_decref(sweep.gone);

	return err;
}


/* Users */


static int users_put(struct apply *ap, const json_t *users)
{
	const struct bulk_conf conf = {
		.st = ap->rq->st, .cat = ap->rq->cat, .tenant = ap->tenant,
		.mode = BULK_REPLACE, .by = ap->rq->by,
		.msp = ap->rq->grant.role == STORE_MSP_ADMIN, .whole = true,
		.inside = true, .check_all = true, .changeh = user_h,
		.errorh = error_h, .arg = ap,
	};
	struct bulk_totals totals;
	json_t *rows = json_array(), *value;
	size_t i;
	int err = rows ? 0 : ENOMEM;

	json_array_foreach((json_t *)(uintptr_t)users, i, value)
		if (!err && json_array_append_new(rows, json_pack("{s:I,"
				" s:O}", "line", (json_int_t)i + 1, "value",
				value)))
			err = ENOMEM;

	if (!err)
		err = bulk_users(&conf, rows, &totals);
	json_decref(rows);

	return err;
}


static int apply(struct apply *ap, const json_t *json)
{
	const json_t *pbxs  = json_object_get(json, "pbx");
	const json_t *users = json_object_get(json, "users");
	int err;

	if ((pbxs && !json_is_array(pbxs)) ||
	    (users && !json_is_array(users))) {
		errors_add(ap->errs, NULL, json_is_array(pbxs) || !pbxs ?
			   "users" : "pbx", "want a list");
		return EBADMSG;
	}

	err = tenant_put(ap, json);
	if (!err)
		err = pbxs_put(ap, pbxs);
	if (!err)
		err = users_put(ap, users);

	return err ? err : pbxs_sweep(ap, pbxs);
}


static void apply_run(struct request *rq, const json_t *json,
		      const char *tenant, bool dry_run)
{
	struct apply ap = { .rq = rq, .tenant = tenant,
			    .changes = json_array() };
	int err;

	err = errors_alloc(&ap.errs);
	if (!err)
		err = store_begin(rq->st);
	if (err) {
		reply_store(rq, err, NULL);
		goto out;
	}

	err = apply(&ap, json);
	if (!err && dry_run)
		(void)store_end(rq->st, ECANCELED);
	else
		err = store_end(rq->st, err);

	rq->changed = !err && !dry_run && json_array_size(ap.changes);
	if (err)
		reply_store(rq, err, ap.errs);
	else
		reply_json(rq, HTTP_OK, json_pack("{s:b, s:O}", "dry_run",
						  (int)dry_run, "changes",
						  ap.changes));

 out:
	json_decref(ap.changes);
	mem_deref(ap.errs);
}


void apply_post(struct request *rq)
{
	const char *tenant;
	bool dry_run = false;
	json_t *json;

	if (!query_bool(rq, "dry_run", &dry_run))
		return;

	json = body_json(rq);
	if (!json)
		return;

	tenant = json_string_value(json_object_get(json, "tenant"));
	if (!str_isset(tenant))
		reply_error(rq, 422, "tenant", "want the name of the"
			    " customer");
	else if (!access_may_change(rq, tenant))
		reply_error(rq, HTTP_NOTFOUND, "tenant", "there is no tenant"
			    " %s", tenant);
	else
		apply_run(rq, json, tenant, dry_run);

	json_decref(json);
}
