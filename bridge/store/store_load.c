/**
 * @file store_load.c  Tenants between the store and the bridge
 *
 * Out of the store: a tenant as the bridge goes by it, each PBX over its
 * template, each user with its password. Into the store: what customer files
 * say, so that it can be looked at beside the rest; without passwords.
 */
#include <jansson.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/model/customer.h"
#include "seal.h"
#include "store_core.h"


/* Out */


struct loading {
	struct store *st;          /* borrowed */
	struct tenant *tenant;     /* owned    */
	store_base_h *baseh;
	void *arg;
	struct errors *errs;       /* borrowed */
	bool found;
	bool bad;                  /* something cannot be used */
};


static int take_tenant(const struct db_row *row, void *arg)
{
	struct loading *ld = arg;
	json_t *value = json_loads(row->textv[0], 0, NULL);
	int err = value ? 0 : EBADMSG;

	ld->found = true;
	if (!err)
		err = fields_read_json(&tenant_fields, ld->tenant, value,
				       ld->errs, NULL);
	json_decref(value);

	return err;
}


static int take_pbx(const struct db_row *row, void *arg)
{
	struct loading *ld = arg;
	json_t *value = json_loads(row->textv[0], 0, NULL);
	struct pbx *pbx = NULL;
	int err;

	err = value ? customer_pbx(&pbx, value, ld->baseh, ld->arg, ld->errs)
		: EBADMSG;
	json_decref(value);
	if (err == EBADMSG)
		ld->bad = true;
	if (err)
		return err == EBADMSG ? 0 : err;

	list_append(&ld->tenant->pbxl, &pbx->le, pbx);

	return 0;
}


static int open_password(const struct loading *ld, struct user *user,
			 const char *upn, const char *sealed)
{
	const struct seal_place place = { ld->tenant->tenant, "user", upn,
					  "sip_password" };

	return ld->st->ring ? seal_open(&user->sip_password, ld->st->ring,
					&place, sealed) : ENOKEY;
}


static int take_user(const struct db_row *row, void *arg)
{
	struct loading *ld = arg;
	json_t *value = json_loads(row->textv[1], 0, NULL);
	struct user *user;
	int err;

	user = fields_item_alloc(&user_fields);
	if (!user) {
		json_decref(value);
		return ENOMEM;
	}

	err = value ? fields_read_json(&user_fields, user, value, ld->errs,
				       NULL) : EBADMSG;
	json_decref(value);
	if (!err && row->textv[2])
		err = open_password(ld, user, row->textv[0], row->textv[2]);

	if (err == EBADMSG || err == ENOKEY) {
		errors_add(ld->errs, NULL, "users", "%s: %s", row->textv[0],
			   err == ENOKEY ? "its password was sealed by a key"
			   " that is not in the key file" : "cannot be used");
		ld->bad = true;
		err = 0;
		mem_deref(user);
	}
	else if (err)
		mem_deref(user);
	else
		list_append(&ld->tenant->userl, &user->le, user);

	return err;
}


static int load(struct loading *ld, const char *name)
{
	struct db *db = ld->st->db;
	int err;

	err = db_do_each(db, take_tenant, ld, "SELECT data FROM tenants"
			 " WHERE tenant = $1", DB_TEXT(name));
	if (!err && !ld->found)
		err = ENOENT;
	if (!err)
		err = db_do_each(db, take_pbx, ld, "SELECT data FROM pbxs"
				 " WHERE tenant = $1 ORDER BY name",
				 DB_TEXT(name));
	if (!err)
		err = db_do_each(db, take_user, ld, "SELECT u.upn, u.data,"
				 " s.sealed FROM users u LEFT JOIN secrets s"
				 " ON s.tenant = u.tenant AND s.kind = $2"
				 " AND s.name = u.upn AND s.field = $3"
				 " WHERE u.tenant = $1 ORDER BY u.upn",
				 DB_TEXT(name), DB_TEXT("user"),
				 DB_TEXT("sip_password"));

	return !err && ld->bad ? EBADMSG : err;
}


int store_tenant_load(struct store *st, const char *name,
		      store_base_h *baseh, void *arg, struct tenant **tenantp,
		      struct errors *errs)
{
	struct loading ld = { .st = st, .baseh = baseh, .arg = arg,
			      .errs = errs };
	int err;

	if (!st || !name || !baseh || !tenantp)
		return EINVAL;

	ld.tenant = fields_item_alloc(&tenant_fields);
	if (!ld.tenant)
		return ENOMEM;

	err = db_begin(st->db, DB_READ);
	if (!err)
		err = db_end(st->db, load(&ld, name));

	if (err) {
		mem_deref(ld.tenant);
		return err;
	}

	ld.tenant->stored = true;
	*tenantp = ld.tenant;

	return 0;
}


/* In */


static const struct store_by nobody = { "file", NULL };


/** Put what is not there so already */
struct unchanged {
	const json_t *value;
	bool is;
};


static int compare(const struct store_object *obj, void *arg)
{
	struct unchanged *un = arg;

	un->is = json_equal(obj->value, un->value);

	return 0;
}


static int mirror_put(struct store *st, enum store_kind kind,
		      const char *tenant, const char *name, json_t *value,
		      struct errors *errs)
{
	struct unchanged un = { value, false };
	int err;

	if (!value)
		return ENOMEM;

	err = store_get(st, kind, tenant, name, compare, &un);
	if (err == ENOENT || (!err && !un.is))
		err = store_put(st, kind, tenant, value, STORE_ANY, &nobody,
				errs, NULL);
	json_decref(value);

	return err;
}


static json_t *tenant_value(const struct tenant *tenant)
{
	return json_pack("{s:s, s:{s:s}}", "tenant", tenant->tenant, "teams",
			 "fqdn", tenant->teams.fqdn);
}


/** Is one of this name still in the file? */
typedef bool (still_h)(const struct tenant *tenant, const char *name);

struct sweep {
	const struct tenant *tenant;
	still_h *stillh;
	json_t *gonev;             /* owned: names */
};


static int sweep_h(const struct store_object *obj, void *arg)
{
	struct sweep *sweep = arg;

	if (sweep->stillh(sweep->tenant, obj->name))
		return 0;

	return json_array_append_new(sweep->gonev, json_string(obj->name)) ?
		ENOMEM : 0;
}


static bool pbx_still(const struct tenant *tenant, const char *name)
{
	return tenant_pbx(tenant, name) != NULL;
}


/** Users of a file are few: 20,000 nodes are its limit */
static bool user_still(const struct tenant *tenant, const char *name)
{
	return tenant_user(tenant, name) != NULL;
}


static int sweep_all(struct store *st, enum store_kind kind,
		     const struct tenant *tenant, still_h *stillh)
{
	struct sweep sweep = { tenant, stillh, json_array() };
	json_t *name;
	size_t i;
	int err;

	err = sweep.gonev ? store_list(st, kind, tenant->tenant, NULL, 0,
				       sweep_h, &sweep) : ENOMEM;
	json_array_foreach(sweep.gonev, i, name)
		if (!err)
			err = store_remove(st, kind, tenant->tenant,
					   json_string_value(name),
					   STORE_ANY, &nobody);
	json_decref(sweep.gonev);

	return err;
}


static int mirror_items(struct store *st, const struct tenant *tenant,
			struct errors *errs)
{
	int err = 0;

	for (struct le *le = list_head(&tenant->pbxl); le && !err;
	     le = le->next) {
		const struct pbx *pbx = le->data;

		err = mirror_put(st, STORE_PBX, tenant->tenant, pbx->name,
				 fields_json(&pbx_fields, pbx, false), errs);
	}

	if (!err)
		err = sweep_all(st, STORE_USER, tenant, user_still);

	for (struct le *le = list_head(&tenant->userl); le && !err;
	     le = le->next) {
		const struct user *user = le->data;

		err = mirror_put(st, STORE_USER, tenant->tenant, user->upn,
				 fields_json(&user_fields, user, false),
				 errs);
	}

	return err ? err : sweep_all(st, STORE_PBX, tenant, pbx_still);
}


/** Several bridges may have the same file, or each its own: the last one that
    read it is whose it is */
static int mirror_tenant(struct store *st, const struct tenant *tenant,
			 const char *mark, struct errors *errs)
{
	char *managed = NULL;
	int err;

	err = db_do_each(st->db, store_take_text, &managed, "SELECT managed"
			 " FROM tenants WHERE tenant = $1",
			 DB_TEXT(tenant->tenant));
	if (!err && managed && !strcmp(managed, "store")) {
		errors_add(errs, NULL, "tenant", "want a name that no other"
			   " customer has, but \"%s\" is in the store: remove"
			   " it there (callbridge rm tenant %s) or here",
			   tenant->tenant, tenant->tenant);
		err = EEXIST;
	}
	mem_deref(managed);

	if (!err)
		err = mirror_put(st, STORE_TENANT, tenant->tenant,
				 tenant->tenant, tenant_value(tenant), errs);
	if (!err)
		err = db_do(st->db, "UPDATE tenants SET managed = $2"
			    " WHERE tenant = $1 AND managed <> $2",
			    DB_TEXT(tenant->tenant), DB_TEXT(mark));

	return err ? err : mirror_items(st, tenant, errs);
}


static int take_name(const struct db_row *row, void *arg)
{
	return json_array_append_new(arg, json_string(row->textv[0])) ?
		ENOMEM : 0;
}


static bool in_files(const struct list *tenantl, const char *name)
{
	for (struct le *le = list_head(tenantl); le; le = le->next) {
		const struct tenant *tenant = le->data;

		if (!strcmp(tenant->tenant, name))
			return true;
	}

	return false;
}


/** First what has gone: its numbers and names are free then */
static int mirror_sweep(struct store *st, const struct list *tenantl,
			const char *mark)
{
	json_t *namev = json_array(), *name;
	size_t i;
	int err;

	err = namev ? db_do_each(st->db, take_name, namev, "SELECT tenant"
				 " FROM tenants WHERE managed = $1",
				 DB_TEXT(mark)) : ENOMEM;

	json_array_foreach(namev, i, name)
		if (!err && !in_files(tenantl, json_string_value(name)))
			err = store_remove(st, STORE_TENANT,
					   json_string_value(name),
					   json_string_value(name),
					   STORE_ANY, &nobody);
	json_decref(namev);

	return err;
}


int store_mirror(struct store *st, const char *node,
		 const struct list *tenantl, struct errors *errs)
{
	char mark[STORE_NAME_SIZE];
	int err;

	if (!st || !node || !tenantl ||
	    re_snprintf(mark, sizeof(mark), "file:%s", node) < 0)
		return EINVAL;

	err = store_begin(st);
	if (err)
		return err;

	st->mirroring = true;
	err = mirror_sweep(st, tenantl, mark);

	for (struct le *le = list_head(tenantl); le && !err; le = le->next)
		err = mirror_tenant(st, le->data, mark, errs);

	st->mirroring = false;

	return store_end(st, err);
}
