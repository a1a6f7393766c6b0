/**
 * @file store_load.c  Tenants out of the store
 *
 * As the bridge goes by them: each PBX over its template, each user with its
 * password.
 */
#include <jansson.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/model/customer.h"
#include "seal.h"
#include "store_core.h"


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
