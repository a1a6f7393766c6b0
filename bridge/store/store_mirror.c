/**
 * @file store_mirror.c  Customer files shown in the store
 *
 * So that they can be looked at beside the rest; without passwords. Users
 * come by the ten thousand: those who are new are put in row by row as
 * store_put() would, without its looking first; of the others only who has
 * changed is put in anew. A fingerprint of what was shown last spares the
 * looking at each start.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/errors.h"
#include "bridge/base/field.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "bridge/model/tenant.h"
#include "store_core.h"


enum {
	BUCKETS_MIN = 64,
	SEARCH_SIZE = 4 * STORE_NAME_SIZE,
	PRINT_SIZE  = 64,
};


static const struct store_by nobody = { "file", NULL };


static int mark_make(char mark[STORE_NAME_SIZE], const char *node)
{
	return re_snprintf(mark, STORE_NAME_SIZE, "file:%s", node) < 0 ?
		ENAMETOOLONG : 0;
}


/* What the store has that the files may not */


struct checking {
	const struct list *tenantl;
	const char *mark;
	struct errors *errs;
	bool taken;
};


static const struct tenant *find(const struct list *tenantl, const char *name)
{
	for (struct le *le = list_head(tenantl); le; le = le->next) {
		const struct tenant *tenant = le->data;

		if (!strcmp(tenant->tenant, name))
			return tenant;
	}

	return NULL;
}


/** Names are free that only a file of ours has, also one that is no more */
static int check_h(const struct db_row *row, void *arg)
{
	struct checking *ck = arg;
	const char *name = row->textv[0], *fqdn = row->textv[1];

	if (!strcmp(row->textv[2], ck->mark))
		return 0;

	if (!strcmp(row->textv[2], "store") && find(ck->tenantl, name)) {
		errors_add(ck->errs, NULL, "tenant", "want a name that no"
			   " other customer has, but \"%s\" is in the store:"
			   " remove it there (callbridge rm tenant %s) or"
			   " here", name, name);
		ck->taken = true;
		return 0;
	}

	for (struct le *le = list_head(ck->tenantl); le; le = le->next) {
		const struct tenant *tenant = le->data;

		if (str_casecmp(tenant->teams.fqdn, fqdn) ||
		    !strcmp(tenant->tenant, name))
			continue;

		errors_add(ck->errs, NULL, "teams.fqdn", "want a name that no"
			   " other customer has, but %s of \"%s\" is also"
			   " that of \"%s\" in the store", fqdn,
			   tenant->tenant, name);
		ck->taken = true;
	}

	return 0;
}


int store_mirror_check(struct store *st, const char *node,
		       const struct list *tenantl, struct errors *errs)
{
	struct checking ck = { .tenantl = tenantl, .errs = errs };
	char mark[STORE_NAME_SIZE];
	int err;

	if (!st || !node || !tenantl)
		return EINVAL;

	ck.mark = mark;
	err = mark_make(mark, node);
	if (!err)
		err = db_query(st->db, "SELECT tenant, fqdn, managed FROM"
			       " tenants ORDER BY tenant", NULL, 0, check_h,
			       &ck);

	return !err && ck.taken ? EEXIST : err;
}


/* What has gone */


struct sweeping {
	const struct list *tenantl;
	json_t *gonev;             /* owned: names of tenants              */
	json_t *movedv;            /* owned: ... whose FQDN is another now */
};


static int append(json_t *array, const char *name)
{
	return json_array_append_new(array, json_string(name)) ? ENOMEM : 0;
}


static int sweep_h(const struct db_row *row, void *arg)
{
	const struct sweeping *sw = arg;
	const struct tenant *tenant = find(sw->tenantl, row->textv[0]);

	if (!tenant)
		return append(sw->gonev, row->textv[0]);

	return str_casecmp(tenant->teams.fqdn, row->textv[1]) ?
		append(sw->movedv, row->textv[0]) : 0;
}


/** Names that moved are free for others, until their own are put in */
static int sweep(struct store *st, const struct sweeping *sw)
{
	json_t *name;
	size_t i;
	int err = 0;

	json_array_foreach(sw->gonev, i, name)
		if (!err)
			err = store_remove(st, STORE_TENANT,
					   json_string_value(name),
					   json_string_value(name),
					   STORE_ANY, &nobody);

	json_array_foreach(sw->movedv, i, name)
		if (!err)
			err = db_do(st->db, "UPDATE tenants SET fqdn = '~'"
				    " || tenant WHERE tenant = $1",
				    DB_TEXT(json_string_value(name)));

	return err;
}


int store_mirror_sweep(struct store *st, const char *node,
		       const struct list *tenantl)
{
	struct sweeping sw = { tenantl, json_array(), json_array() };
	char mark[STORE_NAME_SIZE];
	int err;

	if (!st || !node || !tenantl)
		err = EINVAL;
	else if (!sw.gonev || !sw.movedv)
		err = ENOMEM;
	else
		err = mark_make(mark, node);
	if (!err)
		err = store_begin(st);
	if (err)
		goto out;

	st->mirroring = true;
	err = db_do_each(st->db, sweep_h, &sw, "SELECT tenant, fqdn FROM"
			 " tenants WHERE managed = $1", DB_TEXT(mark));
	if (!err)
		err = sweep(st, &sw);
	st->mirroring = false;
	err = store_end(st, err);

 out:
	json_decref(sw.gonev);
	json_decref(sw.movedv);

	return err;
}


/* The tenant itself and its PBXs */


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


/** Put what is not there so already. @param value  Taken */
static int object_put(struct store *st, enum store_kind kind,
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


/** Several bridges may have the same file, or each its own: the last one that
    read it is whose it is */
static int tenant_put(struct store *st, const struct tenant *tenant,
		      const char *mark, struct errors *errs)
{
	int err;

	err = object_put(st, STORE_TENANT, tenant->tenant, tenant->tenant,
			 json_pack("{s:s, s:{s:s}}", "tenant", tenant->tenant,
				   "teams", "fqdn", tenant->teams.fqdn),
			 errs);

	return err ? err : db_do(st->db, "UPDATE tenants SET managed = $2"
				 " WHERE tenant = $1 AND managed <> $2",
				 DB_TEXT(tenant->tenant), DB_TEXT(mark));
}


static int pbxs_put(struct store *st, const struct tenant *tenant,
		    struct errors *errs)
{
	int err = 0;

	for (struct le *le = list_head(&tenant->pbxl); le && !err;
	     le = le->next) {
		const struct pbx *pbx = le->data;

		err = object_put(st, STORE_PBX, tenant->tenant, pbx->name,
				 fields_json(&pbx_fields, pbx, false), errs);
	}

	return err;
}


struct gone {
	const struct tenant *tenant;
	json_t *namev;             /* owned */
};


static int pbx_gone_h(const struct db_row *row, void *arg)
{
	const struct gone *gone = arg;

	return tenant_pbx(gone->tenant, row->textv[0]) ? 0 :
		append(gone->namev, row->textv[0]);
}


static int objects_remove(struct store *st, enum store_kind kind,
			  const char *tenant, const json_t *namev)
{
	json_t *name;
	size_t i;
	int err = 0;

	json_array_foreach(namev, i, name)
		if (!err)
			err = store_remove(st, kind, tenant,
					   json_string_value(name),
					   STORE_ANY, &nobody);

	return err;
}


static int pbxs_sweep(struct store *st, const struct tenant *tenant)
{
	struct gone gone = { tenant, json_array() };
	int err;

	err = gone.namev ? db_do_each(st->db, pbx_gone_h, &gone, "SELECT name"
				      " FROM pbxs WHERE tenant = $1",
				      DB_TEXT(tenant->tenant)) : ENOMEM;
	if (!err)
		err = objects_remove(st, STORE_PBX, tenant->tenant,
				     gone.namev);
	json_decref(gone.namev);

	return err;
}


/* Users */


struct item {
	struct le le;              /* by upn                       */
	const struct user *user;   /* borrowed                     */
	char upn[STORE_NAME_SIZE]; /* folded                       */
	char *data;                /* owned, of jansson            */
	bool there;                /* the store has this user      */
	bool changed;              /* ... but not as it is now     */
};

struct users {
	struct hash *items;        /* owned                        */
	struct item *v;            /* owned                        */
	size_t c;
	json_t *gonev;             /* owned: names                 */
};


static void users_clear(struct users *us)
{
	for (size_t i = 0; i < us->c; i++)
		free(us->v[i].data);
	mem_deref(us->v);
	mem_deref(us->items);
	json_decref(us->gonev);
}


static int item_make(struct users *us, const struct user *user)
{
	struct item *item = &us->v[us->c];
	json_t *json = fields_json(&user_fields, user, false);
	int err;

	item->user = user;
	item->data = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!item->data)
		return ENOMEM;
	++us->c;

	err = store_fold(item->upn, user->upn);
	if (!err)
		hash_append(us->items, hash_joaat_str(item->upn), &item->le,
			    item);

	return err;
}


static int users_make(struct users *us, const struct tenant *tenant)
{
	const uint32_t c = list_count(&tenant->userl);
	int err;

	us->v     = mem_zalloc((c + 1) * sizeof(*us->v), NULL);
	us->gonev = json_array();
	if (!us->v || !us->gonev)
		return ENOMEM;

	err = hash_alloc(&us->items, hash_valid_size(c + BUCKETS_MIN));
	for (struct le *le = list_head(&tenant->userl); le && !err;
	     le = le->next)
		err = item_make(us, le->data);

	return err;
}


static int user_there_h(const struct db_row *row, void *arg)
{
	struct users *us = arg;
	struct le *le = list_head(hash_list(us->items,
					    hash_joaat_str(row->textv[0])));

	for (; le; le = le->next) {
		struct item *item = le->data;

		if (strcmp(item->upn, row->textv[0]))
			continue;

		item->there   = true;
		item->changed = strcmp(item->data, row->textv[1]) != 0;

		return 0;
	}

	return append(us->gonev, row->textv[0]);
}


/** One may have the number now that another had */
static int users_aside(struct store *st, const struct users *us,
		       const char *tenant)
{
	int err = 0;

	for (size_t i = 0; i < us->c && !err; i++)
		if (us->v[i].changed)
			err = store_user_aside(st, tenant, us->v[i].upn);

	return err;
}


static int users_change(struct store *st, const struct users *us,
			const char *tenant, struct errors *errs)
{
	int err = 0;

	for (size_t i = 0; i < us->c && !err; i++) {
		json_t *json;

		if (!us->v[i].changed)
			continue;

		json = json_loads(us->v[i].data, 0, NULL);
		err  = json ? store_put(st, STORE_USER, tenant, json,
					STORE_ANY, &nobody, errs, NULL)
			: ENOMEM;
		json_decref(json);
	}

	return err;
}


/** By what a person looks for a user, as store_put() has it */
static int search_make(char search[SEARCH_SIZE], const struct item *item)
{
	const struct user *user = item->user;

	if (re_snprintf(search, SEARCH_SIZE, "%s\n%s\n%s\n%s", user->upn,
			user->number, user->name ? user->name : "",
			user->sip_username) < 0)
		return ENAMETOOLONG;

	for (char *p = search; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');

	return 0;
}


static int user_row(struct db_rows *rows, char *search,
		    const struct item *item, const char *tenant,
		    int64_t now_ms)
{
	const struct user *user = item->user;
	const struct db_param paramv[] = {
		DB_TEXT(tenant), DB_TEXT(item->upn), DB_TEXT(user->number),
		DB_TEXT(user->pbx), DB_TEXT(user->sip_username),
		DB_TEXT(user->enabled ? "true" : "false"), DB_TEXT(search),
		DB_INT(now_ms), DB_TEXT(item->data),
	};

	return db_rows_add(rows, paramv);
}


static int users_insert(struct store *st, const struct users *us,
			const char *tenant)
{
	struct db_rows rows = {
		.db = st->db, .columnc = 9, .tail = "",
		.row = "(%, %, %, %, %, %, %, 1, %, '', %)",
		.into = "users (tenant, upn, number, pbx, sip_username,"
			" enabled, search, revision, changed_ms, secrets,"
			" data)",
	};
	const int64_t now_ms = clock_wall_ms();
	char searchv[DB_ROWS_MAX][SEARCH_SIZE];
	size_t c = 0;
	int err = 0;

	for (size_t i = 0; i < us->c && !err; i++) {
		char *search = searchv[c % DB_ROWS_MAX];

		if (us->v[i].there)
			continue;

		err = search_make(search, &us->v[i]);
		if (!err)
			err = user_row(&rows, search, &us->v[i], tenant,
				       now_ms);
		++c;
	}

	err = db_rows_end(&rows, err);

	return err || !c ? err : store_touch(st, tenant);
}


static int users_put(struct store *st, const struct tenant *tenant,
		     struct errors *errs)
{
	struct users us = { .c = 0 };
	int err;

	err = users_make(&us, tenant);
	if (!err)
		err = db_do_each(st->db, user_there_h, &us, "SELECT upn, data"
				 " FROM users WHERE tenant = $1",
				 DB_TEXT(tenant->tenant));
	if (!err)
		err = objects_remove(st, STORE_USER, tenant->tenant,
				     us.gonev);
	if (!err)
		err = users_aside(st, &us, tenant->tenant);
	if (!err)
		err = users_change(st, &us, tenant->tenant, errs);
	if (!err)
		err = users_insert(st, &us, tenant->tenant);
	users_clear(&us);

	return err;
}


/* All of it */


/** What is shown of a customer, passwords left out, by this version */
static int print_make(char print[PRINT_SIZE], const struct tenant *tenant)
{
	return re_snprintf(print, PRINT_SIZE, "%s %d %016llx",
			   CALLBRIDGE_VERSION, SCHEMA_VERSION,
			   (unsigned long long)fields_hash(&tenant_fields,
							   tenant, false))
		< 0 ? EOVERFLOW : 0;
}


static int print_is(struct store *st, const struct tenant *tenant,
		    const char *print, bool *is)
{
	char *shown = NULL;
	int err;

	err = db_do_each(st->db, store_take_text, &shown, "SELECT shown FROM"
			 " tenants WHERE tenant = $1",
			 DB_TEXT(tenant->tenant));
	*is = shown && !strcmp(shown, print);
	mem_deref(shown);

	return err;
}


static int contents_put(struct store *st, const struct tenant *tenant,
			struct errors *errs)
{
	char print[PRINT_SIZE];
	bool is = false;
	int err;

	err = print_make(print, tenant);
	if (!err)
		err = print_is(st, tenant, print, &is);
	if (err || is)
		return err;

	err = pbxs_put(st, tenant, errs);
	if (!err)
		err = users_put(st, tenant, errs);
	if (!err)
		err = pbxs_sweep(st, tenant);

	return err ? err : db_do(st->db, "UPDATE tenants SET shown = $2"
				 " WHERE tenant = $1",
				 DB_TEXT(tenant->tenant), DB_TEXT(print));
}


int store_mirror_tenant(struct store *st, const char *node,
			const struct tenant *tenant, struct errors *errs)
{
	char mark[STORE_NAME_SIZE];
	int err;

	if (!st || !node || !tenant)
		return EINVAL;

	err = mark_make(mark, node);
	if (!err)
		err = store_begin(st);
	if (err)
		return err;

	st->mirroring = true;
	err = tenant_put(st, tenant, mark, errs);
	if (!err)
		err = contents_put(st, tenant, errs);
	st->mirroring = false;

	return store_end(st, err);
}
