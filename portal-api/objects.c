/**
 * @file objects.c  Making, changing and removing tenants, PBXs and users
 *
 * All of a change is one transaction: looking at what is there, checking
 * against it, writing. A dry run does the same and undoes it.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/errors.h"
#include "bridge/model/customer.h"
#include "objects.h"
#include "pbx-templates/template.h"
#include "replay.h"


enum { LOCATION_SIZE = 1024 };


/** A change while it is made */
struct edit {
	struct request *rq;        /* borrowed                             */
	enum store_kind kind;
	const char *tenant;        /* borrowed                             */
	const char *name;          /* borrowed; of the path, or the value  */
	struct errors *errs;       /* owned                                */
	json_t *value;             /* owned: as it is to be                */
	json_t *old;               /* owned: as it was told, NULL          */
	int64_t revision;          /* that is to be replaced               */
	bool dry_run;
	char hash[REPLAY_HASH_SIZE];   /* of the request, for its key      */
};


static const char *key_of(enum store_kind kind)
{
	return kind == STORE_TENANT ? "tenant" :
		kind == STORE_PBX ? "name" :
		kind == STORE_TESTERS ? "pbx" : "upn";
}


/* Checking */


struct users_check {
	const struct pbx *pbx;
	struct errors *errs;
	int err;
};


static int user_check_h(const struct store_object *obj, void *arg)
{
	struct users_check *check = arg;
	const size_t before = errors_count(check->errs);
	struct errors *errs = NULL;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = object_user_fits(obj->value, obj->secrets, check->pbx, errs);
	for (size_t i = 0; errors_get(errs, i) && before + i < 100; i++)
		errors_add(check->errs, NULL, "users", "%s: %s: %s",
			   obj->name, errors_get(errs, i)->field,
			   errors_get(errs, i)->message);
	mem_deref(errs);

	if (err == EBADMSG)
		check->err = err;

	return err == EBADMSG ? 0 : err;
}


/** Its users have to go with it afterwards, too */
static int check_pbx(struct edit *ed)
{
	const struct store_users which = { .tenant = ed->tenant,
					   .pbx = ed->name };
	struct users_check check = { NULL, ed->errs, 0 };
	struct pbx *pbx = NULL;
	int err;

	err = customer_pbx(&pbx, ed->value, catalog_apply, ed->rq->cat,
			   ed->errs);
	if (err)
		return err;

	check.pbx = pbx;
	if (ed->old)
		err = store_user_list(ed->rq->st, &which, user_check_h,
				      &check);
	mem_deref(pbx);

	return err ? err : check.err;
}


/** "one,two" of ["one", "two"] */
static void names_join(char *dst, size_t size, const json_t *list)
{
	json_t *name;
	size_t i, n = 0;

	*dst = '\0';
	json_array_foreach(list, i, name)
		n += (size_t)re_snprintf(dst + n, size - n, "%s%s",
					 i ? "," : "",
					 json_string_value(name));
}


static int check_user(struct edit *ed)
{
	const char *name = json_string_value(json_object_get(ed->value,
							     "pbx"));
	struct pbx *pbx = NULL;
	char had[256];
	int err;

	err = name ? object_pbx(&pbx, ed->rq->st, ed->rq->cat, ed->tenant,
				name, ed->errs) : 0;
	if (err == ENOENT) {
		errors_add(ed->errs, NULL, "pbx", "want the name of one of"
			   " the tenant's PBXs, found \"%s\"", name);
		return EBADMSG;
	}
	if (err || !pbx)
		return err;        /* that it lacks one is told by the store */

	names_join(had, sizeof(had), json_object_get(ed->old, "secrets"));
	err = object_user_fits(ed->value, had, pbx, ed->errs);
	mem_deref(pbx);

	return err;
}


/** The name in the path and that in the value are one */
static int check_name_is(struct edit *ed)
{
	const char *key = key_of(ed->kind);
	json_t *member = json_object_get(ed->value, key);
	const char *name = json_string_value(member);

	/* of those there is one a tenant, without a name of its own */
	if (ed->kind == STORE_SYNC)
		return 0;

	if (!member)
		return json_object_set_new(ed->value, key,
					   json_string(ed->name)) ? ENOMEM
			: 0;

	if (name && !(ed->kind == STORE_USER ? strcasecmp(name, ed->name)
		      : strcmp(name, ed->name)))
		return 0;

	errors_add(ed->errs, NULL, key, "cannot be changed: want \"%s\"",
		   ed->name);

	return EBADMSG;
}


static int check(struct edit *ed)
{
	int err;

	err = check_name_is(ed);
	if (!err)
		err = object_may_set(ed->rq, ed->kind, ed->value,
				     json_object_get(ed->old, "value"),
				     ed->errs);
	if (!err && ed->kind == STORE_PBX)
		err = check_pbx(ed);
	if (!err && ed->kind == STORE_USER)
		err = check_user(ed);

	return err;
}


/* Writing */


static int edit_begin(struct edit *ed, struct request *rq)
{
	int err;

	memset(ed, 0, sizeof(*ed));
	ed->rq     = rq;
	ed->kind   = object_kind_of(rq);
	ed->tenant = rq->param;
	ed->revision = STORE_ANY;

	if (!query_bool(rq, "dry_run", &ed->dry_run))
		return EALREADY;

	err = errors_alloc(&ed->errs);
	if (!err)
		err = store_begin(rq->st);
	if (err)
		reply_store(rq, err, NULL);

	return err;
}


static int old_read(struct edit *ed)
{
	struct object_take take = { ed->kind, NULL };
	int err;

	err = store_get(ed->rq->st, ed->kind, ed->tenant, ed->name,
			object_take_h, &take);
	if (!err)
		ed->old = take.json;

	return err == ENOENT ? 0 : err;
}


static int path_encode(char *dst, size_t size, const struct edit *ed)
{
	char *name = evhttp_uriencode(ed->name, -1, 0);
	int n;

	if (!name)
		return ENOMEM;

	n = re_snprintf(dst, size, "%s/%s", ed->rq->path, name);
	free(name);

	return n < 0 ? ENAMETOOLONG : 0;
}


/** What is there now, as it will be answered */
static int result_read(struct edit *ed, json_t **jsonp)
{
	struct object_take take = { ed->kind, NULL };
	int err;

	err = store_get(ed->rq->st, ed->kind, ed->tenant, ed->name,
			object_take_h, &take);
	if (!err)
		*jsonp = take.json;

	return err;
}


/** Keep it, or undo it, and answer */
static void edit_end(struct edit *ed, int err, int code, json_t *body)
{
	struct request *rq = ed->rq;

	if (ed->dry_run && !err)
		(void)store_end(rq->st, ECANCELED);
	else
		err = store_end(rq->st, err);

	if (!err && !ed->dry_run)
		rq->changed = true;

	if (rq->answer.code)
		json_decref(body);
	else if (err) {
		json_decref(body);
		reply_store(rq, err, ed->errs);
	}
	else if (body)
		object_reply(rq, code, body);
	else
		reply_nothing(rq);

	json_decref(ed->value);
	json_decref(ed->old);
	mem_deref(ed->errs);
}


static int managed_h(const struct store_object *obj, void *arg)
{
	(void)arg;

	return strcmp(obj->managed, "store") ? EPERM : 0;
}


static int put(struct edit *ed, json_t **bodyp)
{
	int err;

	/* a customer file's is refused before it is looked at */
	err = store_get(ed->rq->st, STORE_TENANT, ed->tenant, ed->tenant,
			managed_h, NULL);
	if ((err == ENOENT && ed->kind == STORE_TENANT) ||
	    (err == EPERM && ed->kind == STORE_TESTERS))
		err = 0;
	if (!err)
		err = check(ed);
	if (!err)
		err = store_put(ed->rq->st, ed->kind, ed->tenant, ed->value,
				ed->revision, &ed->rq->by, ed->errs, NULL);

	return err ? err : result_read(ed, bodyp);
}


/* POST */


static int post(struct edit *ed, json_t **bodyp)
{
	const char *name = json_string_value(json_object_get(ed->value,
						key_of(ed->kind)));
	char location[LOCATION_SIZE];
	int err;

	if (!str_isset(name)) {
		errors_add(ed->errs, NULL, key_of(ed->kind), "want a name,"
			   " found nothing");
		return EBADMSG;
	}

	ed->name = name;
	if (ed->kind == STORE_TENANT)
		ed->tenant = name;
	ed->revision = STORE_NEW;

	err = put(ed, bodyp);
	if (err)
		return err == ESTALE ? EEXIST : err;

	err = path_encode(location, sizeof(location), ed);
	if (err)
		return err;

	reply_header(ed->rq, "Location", "%s", location);

	return ed->dry_run ? 0 : replay_keep(ed->rq, ed->hash, location,
					     *bodyp);
}


static void object_post(struct request *rq)
{
	json_t *value, *body = NULL;
	struct edit ed;
	int err = 0;

	value = body_json(rq);
	if (!value)
		return;

	if (edit_begin(&ed, rq)) {
		mem_deref(ed.errs);
		json_decref(value);
		return;
	}

	ed.value = value;
	if (replay(rq, ed.hash))
		err = ECANCELED;
	else
		err = post(&ed, &body);

	edit_end(&ed, err, 201, body);
}


void tenants_post(struct request *rq)
{
	object_post(rq);
}


void pbxs_post(struct request *rq)
{
	object_post(rq);
}


void users_post(struct request *rq)
{
	object_post(rq);
}


/* PUT, PATCH, DELETE */


void object_put(struct request *rq)
{
	json_t *value, *body = NULL;
	struct edit ed;
	bool isnew = false;
	int err;

	value = body_json(rq);
	if (!value)
		return;

	if (edit_begin(&ed, rq)) {
		mem_deref(ed.errs);
		json_decref(value);
		return;
	}

	ed.value = value;
	ed.name  = object_name_of(rq);
	err = object_revision(rq, &ed.revision) ? old_read(&ed) : EALREADY;
	isnew = !ed.old;
	if (!err && isnew && rq->if_match)
		err = ESTALE;
	if (!err)
		err = put(&ed, &body);

	edit_end(&ed, err, isnew ? 201 : HTTP_OK, body);
}


static int patch(struct edit *ed, const json_t *change, json_t **bodyp)
{
	int err;

	err = old_read(ed);
	if (!err && !ed->old)
		err = ENOENT;
	if (err)
		return err;

	if (ed->revision == STORE_ANY)
		ed->revision = json_integer_value(
			json_object_get(ed->old, "revision"));

	ed->value = json_deep_copy(json_object_get(ed->old, "value"));
	if (!ed->value)
		return ENOMEM;

	err = object_merge(ed->kind, ed->value, change);

	return err ? err : put(ed, bodyp);
}


void object_patch(struct request *rq)
{
	json_t *change, *body = NULL;
	struct edit ed;
	int err;

	change = body_json(rq);
	if (!change)
		return;

	if (edit_begin(&ed, rq)) {
		mem_deref(ed.errs);
		json_decref(change);
		return;
	}

	ed.name = object_name_of(rq);
	err = object_revision(rq, &ed.revision) ? patch(&ed, change, &body)
		: EALREADY;

	edit_end(&ed, err, HTTP_OK, body);
	json_decref(change);
}


void object_delete(struct request *rq)
{
	struct edit ed;
	int err;

	if (edit_begin(&ed, rq)) {
		mem_deref(ed.errs);
		return;
	}

	ed.name = object_name_of(rq);
	err = object_revision(rq, &ed.revision) ?
		store_remove(rq->st, ed.kind, ed.tenant, ed.name,
			     ed.revision, &rq->by) : EALREADY;

	edit_end(&ed, err, 204, NULL);
}
