/**
 * @file objects_value.c  Values of tenants, PBXs and users
 */
#include <jansson.h>

#include "bridge/base/errors.h"
#include "bridge/model/customer.h"
#include "bridge/model/syncconf.h"
#include "bridge/model/testers.h"
#include "objects.h"
#include "pbx-templates/template.h"


const struct fields *object_fields(enum store_kind kind)
{
	static const struct fields *const v[] = {
		[STORE_TENANT] = &tenant_fields,
		[STORE_PBX]    = &pbx_fields,
		[STORE_USER]   = &user_fields,
		[STORE_SYNC]   = &syncconf_fields,
		[STORE_TESTERS] = &testers_fields,
	};

	return v[kind];
}


static json_t *names_json(const char *names)
{
	json_t *list = json_array();

	while (list && *names) {
		const size_t l = strcspn(names, ",");

		(void)json_array_append_new(list, json_stringn(names, l));
		names += l + (names[l] == ',');
	}

	return list;
}


struct json_t *object_json(enum store_kind kind,
			   const struct store_object *obj)
{
	json_t *json;

	json = json_pack("{s:O, s:s, s:s, s:I, s:I, s:s, s:o}", "value",
			 obj->value, "tenant", obj->tenant, "name", obj->name,
			 "revision", (json_int_t)obj->revision, "changed_ms",
			 (json_int_t)obj->changed_ms, "managed", obj->managed,
			 "secrets", names_json(obj->secrets));

	if (json && kind == STORE_USER)
		(void)json_object_set_new(json, "status", obj->status ?
					  json_deep_copy(obj->status)
					  : json_null());

	return json;
}


int object_take_h(const struct store_object *obj, void *arg)
{
	struct object_take *take = arg;

	json_decref(take->json);
	take->json = object_json(take->kind, obj);

	return take->json ? 0 : ENOMEM;
}


/* RFC 7396 section 2 */
static int merge(json_t *value, const json_t *patch)
{
	const char *name;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)patch, name, member) {
		json_t *old = json_object_get(value, name);
		int err = 0;

		if (json_is_null(member)) {
			(void)json_object_del(value, name);
			continue;
		}

		if (!json_is_object(member)) {
			if (json_object_set(value, name, member))
				return ENOMEM;
			continue;
		}

		if (!json_is_object(old)) {
			old = json_object();
			if (json_object_set_new(value, name, old))
				return ENOMEM;
		}

		err = merge(old, member);
		if (err)
			return err;
	}

	return 0;
}


/** A secret that is taken away: the store is to hear of it */
static int merge_secrets(const struct fields *t, json_t *value,
			 const json_t *patch)
{
	int err = 0;

	for (size_t i = 0; i < t->fieldc && !err; i++) {
		const struct field *f = &t->fieldv[i];
		const json_t *member = json_object_get(patch, f->name);

		if (f->type == FIELD_OBJECT && json_is_object(member))
			err = merge_secrets(f->sub, json_object_get(value,
							f->name), member);
		else if ((f->flags & FIELD_SECRET) && json_is_null(member) &&
			 json_object_set_new(value, f->name, json_null()))
			err = ENOMEM;
	}

	return err;
}


int object_merge(enum store_kind kind, json_t *value, const json_t *patch)
{
	const int err = merge(value, patch);

	return err ? err : merge_secrets(object_fields(kind), value, patch);
}


struct building {
	struct pbx *pbx;
	struct catalog *cat;
	struct errors *errs;
};


static int build_h(const struct store_object *obj, void *arg)
{
	struct building *b = arg;

	return customer_pbx(&b->pbx, obj->value, catalog_apply, b->cat,
			    b->errs);
}


int object_pbx(struct pbx **pbxp, struct store *st, struct catalog *cat,
	       const char *tenant, const char *name, struct errors *errs)
{
	struct building b = { NULL, cat, mem_ref(errs) };
	int err = 0;

	/* what reads wants somebody to tell */
	if (!errs)
		err = errors_alloc(&b.errs);
	if (!err)
		err = store_get(st, STORE_PBX, tenant, name, build_h, &b);
	mem_deref(b.errs);
	if (!err)
		*pbxp = b.pbx;

	return err;
}


static bool has_word(const char *list, const char *word)
{
	const size_t l = strlen(word);

	while (str_isset(list)) {
		const size_t n = strcspn(list, ",");

		if (n == l && !memcmp(list, word, l))
			return true;
		list += n + (list[n] == ',');
	}

	return false;
}


static void misfit_h(const char *field, const char *text, void *arg)
{
	errors_add(arg, NULL, field, "%s", text);
}


int object_user_fits(const json_t *value, const char *had,
		     const struct pbx *pbx, struct errors *errs)
{
	const size_t before = errors_count(errs);
	const json_t *password = json_object_get(value, "sip_password");
	struct user *user;
	int err;

	user = fields_item_alloc(&user_fields);
	if (!user)
		return ENOMEM;

	err = fields_read_json(&user_fields, user, value, errs, NULL);
	if (!err)
		err = fields_required(&user_fields, user, NULL, errs);
	if (!err)
		customer_user_fits(user, pbx, password ?
				   str_isset(user->sip_password) :
				   has_word(had, "sip_password"), misfit_h,
				   errs);
	mem_deref(user);

	return err ? err : errors_count(errs) != before ? EBADMSG : 0;
}


static int may_set(const struct fields *t, const json_t *value,
		   const json_t *old, const char *prefix,
		   struct errors *errs)
{
	int err = 0;

	for (size_t i = 0; i < t->fieldc; i++) {
		const struct field *f = &t->fieldv[i];
		const json_t *now = json_object_get(value, f->name);
		const json_t *was = json_object_get(old, f->name);
		char path[256];

		(void)re_snprintf(path, sizeof(path), "%s%s%s", prefix,
				  *prefix ? "." : "", f->name);

		if (f->type == FIELD_OBJECT &&
		    may_set(f->sub, now, was, path, errs))
			err = EBADMSG;

		if (!(f->flags & FIELD_MSP) || json_equal(now, was) ||
		    (!now && !was))
			continue;

		errors_add(errs, NULL, path, "only the MSP may set this");
		err = EBADMSG;
	}

	return err;
}


int object_may_set(const struct request *rq, enum store_kind kind,
		   const json_t *value, const json_t *old,
		   struct errors *errs)
{
	if (rq->grant.role == STORE_MSP_ADMIN)
		return 0;

	return may_set(object_fields(kind), value, old, "", errs);
}


static bool tag_read(const char *text, int64_t *revision)
{
	const size_t digits = strspn(text + (*text == '"'), "0123456789");
	const struct pl number = { text + 1, digits };

	if (*text != '"' || !digits || digits > 18 ||
	    strcmp(text + 1 + digits, "\""))
		return false;

	*revision = (int64_t)pl_u64(&number);

	return *revision > 0;
}


bool object_revision(struct request *rq, int64_t *revision)
{
	*revision = STORE_ANY;

	if (rq->if_none) {
		if (strcmp(rq->if_none, "*")) {
			reply_error(rq, HTTP_BADREQUEST, "If-None-Match",
				    "want *, found %s", rq->if_none);
			return false;
		}
		*revision = STORE_NEW;
		return true;
	}

	if (!rq->if_match || !strcmp(rq->if_match, "*") ||
	    tag_read(rq->if_match, revision))
		return true;

	reply_error(rq, HTTP_BADREQUEST, "If-Match", "want a revision in"
		    " quotes or *, found %s", rq->if_match);

	return false;
}
