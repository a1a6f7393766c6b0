/**
 * @file store_objects.c  Tenants, PBXs and users in the store
 *
 * The field tables say what may be in a value and which of it is secret.
 * A secret never gets into the JSON column nor into the audit log.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/errors.h"
#include "bridge/base/field.h"
#include "bridge/base/libre.h"
#include "bridge/model/tenant.h"
#include "seal.h"
#include "store_core.h"


enum { COLUMNS_MAX = 4, SQL_MAX = 512 };


/** How a kind is kept */
struct kind {
	const char *name;
	const struct fields *fields;
	const char *table;
	const char *where;         /* $1 tenant, $2 name               */
	size_t keyc;               /* columns that are its key         */
	size_t columnc;
	const char *columnv[COLUMNS_MAX];
	const char *pathv[COLUMNS_MAX];    /* its field, NULL: tenant  */
	bool foldv[COLUMNS_MAX];
};


static const struct kind kindv[] = {
	[STORE_TENANT] = {
		.name = "tenant", .fields = &tenant_fields,
		.table = "tenants", .where = "tenant = $1",
		.keyc = 1, .columnc = 2,
		.columnv = { "tenant", "fqdn" },
		.pathv   = { "tenant", "teams.fqdn" },
		.foldv   = { false, true },
	},
	[STORE_PBX] = {
		.name = "pbx", .fields = &pbx_fields,
		.table = "pbxs", .where = "tenant = $1 AND name = $2",
		.keyc = 2, .columnc = 2,
		.columnv = { "tenant", "name" },
		.pathv   = { NULL, "name" },
	},
	[STORE_USER] = {
		.name = "user", .fields = &user_fields,
		.table = "users", .where = "tenant = $1 AND upn = $2",
		.keyc = 2, .columnc = 4,
		.columnv = { "tenant", "upn", "number", "pbx" },
		.pathv   = { NULL, "upn", "number", "pbx" },
		.foldv   = { false, true, false, false },
	},
};


/** A change while it is made */
struct change {
	struct store *st;          /* borrowed                            */
	const struct kind *kind;
	const struct store_by *by;
	struct errors *errs;
	char valuev[COLUMNS_MAX][STORE_NAME_SIZE];
	json_t *json;              /* owned, without secrets              */
	json_t *secrets;           /* owned, path to text or null         */
	char *data;                /* owned, of jansson: text of json     */
	char *before;              /* owned: as it was, NULL              */
	int64_t revision;          /* as it was, 0: there was none        */
};


static const struct kind *kind_of(enum store_kind kind)
{
	return (size_t)kind < RE_ARRAY_SIZE(kindv) ? &kindv[kind] : NULL;
}


static const char *name_of(const struct change *ch)
{
	return ch->valuev[ch->kind->keyc - 1];
}


/** A tenant's name is its key, a user's is folded */
static int name_fold(const struct kind *kind, char dst[STORE_NAME_SIZE],
		     const char *name)
{
	if (kind->foldv[kind->keyc - 1])
		return store_fold(dst, name);

	if (strlen(name) >= STORE_NAME_SIZE)
		return ENAMETOOLONG;

	str_ncpy(dst, name, STORE_NAME_SIZE);

	return 0;
}


/* Secrets */


/** Take the secrets out of a value */
static int secrets_split(json_t *secrets, const struct fields *t,
			 json_t *json, const char *prefix)
{
	int err = 0;

	for (size_t i = 0; i < t->fieldc && !err; i++) {
		const struct field *f = &t->fieldv[i];
		json_t *member = json_object_get(json, f->name);
		char path[STORE_NAME_SIZE];

		if (!member)
			continue;

		if (re_snprintf(path, sizeof(path), "%s%s", prefix,
				f->name) < 0)
			return ENAMETOOLONG;

		if (f->flags & FIELD_SECRET) {
			if (json_object_set(secrets, path, member) ||
			    json_object_del(json, f->name))
				err = ENOMEM;
		}
		else if (f->type == FIELD_OBJECT) {
			if (re_snprintf(path, sizeof(path), "%s%s.", prefix,
					f->name) < 0)
				return ENAMETOOLONG;

			err = secrets_split(secrets, f->sub, member, path);
		}
		else if (f->type == FIELD_LIST) {
			/* An item has no place of its own for a secret */
			err = ENOSYS;
		}
	}

	return err;
}


static int secret_remove(struct change *ch, const char *path)
{
	return db_do(ch->st->db, "DELETE FROM secrets WHERE tenant = $1"
		     " AND kind = $2 AND name = $3 AND field = $4",
		     DB_TEXT(ch->valuev[0]), DB_TEXT(ch->kind->name),
		     DB_TEXT(name_of(ch)), DB_TEXT(path));
}


static int secret_write(struct store *st, const struct seal_place *place,
			const char *secret)
{
	char *sealed;
	int err;

	err = seal(&sealed, st->ring, place, secret);
	if (err)
		return err;

	err = db_do(st->db, "INSERT INTO secrets (tenant, kind, name, field,"
		    " sealed) VALUES ($1, $2, $3, $4, $5)"
		    " ON CONFLICT (tenant, kind, name, field)"
		    " DO UPDATE SET sealed = excluded.sealed",
		    DB_TEXT(place->tenant), DB_TEXT(place->kind),
		    DB_TEXT(place->name), DB_TEXT(place->field),
		    DB_TEXT(sealed));

	mem_deref(sealed);

	return err;
}


static int secrets_write(struct change *ch)
{
	const char *path;
	json_t *value;
	int err = 0;

	json_object_foreach(ch->secrets, path, value) {
		const char *secret = json_string_value(value);
		const struct seal_place place = {
			ch->valuev[0], ch->kind->name, name_of(ch), path };

		if (!str_isset(secret))
			err = secret_remove(ch, path);
		else if (!ch->st->ring)
			err = ENOKEY;
		else
			err = secret_write(ch->st, &place, secret);

		if (err)
			break;
	}

	return err;
}


/* Checking */


/** What a tenant has is kept row by row, not in the tenant */
static int check_apart(const struct kind *kind, const json_t *value,
		       struct errors *errs)
{
	for (size_t i = 0; i < kind->fields->fieldc; i++) {
		const struct field *f = &kind->fields->fieldv[i];

		if (f->type == FIELD_LIST && json_object_get(value, f->name)) {
			errors_add(errs, NULL, f->name, "want each by itself,"
				   " found a list");
			return EBADMSG;
		}
	}

	return 0;
}


/** A template may set what a PBX must have */
static int check_required(const struct kind *kind, const void *item,
			  struct errors *errs)
{
	const struct pbx *pbx = item;

	if (kind->fields != &pbx_fields)
		return fields_required(kind->fields, item, NULL, errs);

	if (str_isset(pbx->name))
		return 0;

	errors_add(errs, NULL, "name", "want a name, found nothing");

	return EBADMSG;
}


static int columns_take(struct change *ch, const char *tenant,
			const void *item)
{
	int err = 0;

	for (size_t i = 0; i < ch->kind->columnc && !err; i++) {
		char *text = NULL;

		if (!ch->kind->pathv[i]) {
			str_ncpy(ch->valuev[i], tenant, STORE_NAME_SIZE);
			continue;
		}

		err = fields_get(ch->kind->fields, item, ch->kind->pathv[i],
				 &text);
		if (err)
			break;

		if (ch->kind->foldv[i])
			err = store_fold(ch->valuev[i], text);
		else if (strlen(text) < STORE_NAME_SIZE)
			str_ncpy(ch->valuev[i], text, STORE_NAME_SIZE);
		else
			err = ENAMETOOLONG;

		mem_deref(text);
	}

	return err;
}


static int check_value(struct change *ch, const char *tenant,
		       const json_t *value)
{
	const struct kind *kind = ch->kind;
	void *item;
	int err;

	err = check_apart(kind, value, ch->errs);
	if (err)
		return err;

	item = fields_item_alloc(kind->fields);
	if (!item)
		return ENOMEM;

	err = fields_read_json(kind->fields, item, value, ch->errs, NULL);
	if (!err)
		err = check_required(kind, item, ch->errs);
	if (!err)
		err = columns_take(ch, tenant, item);

	/* its destructor frees secrets that it holds in clear */
	mem_deref(item);

	if (!err && kind->keyc == 1 && strcmp(ch->valuev[0], tenant)) {
		errors_add(ch->errs, NULL, "tenant", "cannot be changed");
		err = EBADMSG;
	}

	return err;
}


static void change_clear(struct change *ch)
{
	json_decref(ch->json);
	json_decref(ch->secrets);
	free(ch->data);
	mem_deref(ch->before);
}


static int change_init(struct change *ch, struct store *st,
		       const struct kind *kind, const char *tenant,
		       const json_t *value, const struct store_by *by,
		       struct errors *errs)
{
	int err;

	memset(ch, 0, sizeof(*ch));
	ch->st   = st;
	ch->kind = kind;
	ch->by   = by;
	ch->errs = errs;

	err = check_value(ch, tenant, value);
	if (err)
		return err;

	ch->json    = json_deep_copy(value);
	ch->secrets = json_object();
	if (!ch->json || !ch->secrets)
		return ENOMEM;

	err = secrets_split(ch->secrets, kind->fields, ch->json, "");
	if (err)
		return err;

	ch->data = json_dumps(ch->json, JSON_COMPACT);

	return ch->data ? 0 : ENOMEM;
}


/* Writing */


static int take_old(const struct db_row *row, void *arg)
{
	struct change *ch = arg;

	ch->revision = db_int(row, 0);

	return str_dup(&ch->before, row->textv[1]);
}


static int read_old(struct change *ch)
{
	const struct db_param keyv[] = { DB_TEXT(ch->valuev[0]),
					 DB_TEXT(ch->valuev[1]) };
	char sql[SQL_MAX];

	if (re_snprintf(sql, sizeof(sql), "SELECT revision, data FROM %s"
			" WHERE %s", ch->kind->table, ch->kind->where) < 0)
		return EINVAL;

	return db_query(ch->st->db, sql, keyv, ch->kind->keyc, take_old, ch);
}


static int check_revision(const struct change *ch, int64_t revision)
{
	return revision == STORE_ANY || revision == ch->revision ? 0 : ESTALE;
}


static void insert_sql(const struct kind *kind, struct mbuf *mb)
{
	(void)mbuf_printf(mb, "INSERT INTO %s (revision, changed_ms, data",
			  kind->table);
	for (size_t i = 0; i < kind->columnc; i++)
		(void)mbuf_printf(mb, ", %s", kind->columnv[i]);

	(void)mbuf_printf(mb, ") VALUES ($1, $2, $3");
	for (size_t i = 0; i < kind->columnc; i++)
		(void)mbuf_printf(mb, ", $%zu", i + 4);

	(void)mbuf_printf(mb, ") RETURNING revision");
}


/** Only what was read is replaced: somebody else may have been quicker */
static void update_sql(const struct kind *kind, struct mbuf *mb)
{
	(void)mbuf_printf(mb, "UPDATE %s SET revision = $1, changed_ms = $2,"
			  " data = $3", kind->table);
	for (size_t i = kind->keyc; i < kind->columnc; i++)
		(void)mbuf_printf(mb, ", %s = $%zu", kind->columnv[i], i + 4);

	(void)mbuf_printf(mb, " WHERE revision = $%zu", kind->columnc + 4);
	for (size_t i = 0; i < kind->keyc; i++)
		(void)mbuf_printf(mb, " AND %s = $%zu", kind->columnv[i],
				  i + 4);

	(void)mbuf_printf(mb, " RETURNING revision");
}


static int take_revision(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


static int row_write(struct change *ch)
{
	const struct kind *kind = ch->kind;
	struct db_param paramv[COLUMNS_MAX + 4] = {
		DB_INT(ch->revision + 1), DB_INT(store_now_ms()),
		DB_TEXT(ch->data) };
	size_t paramc = 3;
	int64_t written = 0;
	struct mbuf *mb;
	int err;

	for (size_t i = 0; i < kind->columnc; i++)
		paramv[paramc++].text = ch->valuev[i];

	mb = mbuf_alloc(SQL_MAX);
	if (!mb)
		return ENOMEM;

	if (ch->revision) {
		paramv[paramc].integer      = ch->revision;
		paramv[paramc++].is_integer = true;
		update_sql(kind, mb);
	}
	else
		insert_sql(kind, mb);

	err = mbuf_write_u8(mb, 0);
	if (!err)
		err = db_query(ch->st->db, (const char *)mb->buf, paramv,
			       paramc, take_revision, &written);
	mem_deref(mb);

	return err || written ? err : ESTALE;
}


/** That a secret was set is told, what it is not */
static int audit_change(struct change *ch)
{
	const char *path;
	json_t *value;
	char *after;
	int err;

	json_object_foreach(ch->secrets, path, value)
		if (str_isset(json_string_value(value)) &&
		    json_object_set_new(ch->json, path,
					json_string("********")))
			return ENOMEM;

	after = json_dumps(ch->json, JSON_COMPACT);
	if (!after)
		return ENOMEM;

	err = store_audit_add(ch->st, ch->by, ch->valuev[0],
			      ch->revision ? "change" : "create",
			      ch->kind->name, name_of(ch), ch->before, after);
	free(after);

	return err;
}


static int write_all(struct change *ch, int64_t revision)
{
	int err;

	err = read_old(ch);
	if (!err)
		err = check_revision(ch, revision);
	if (!err)
		err = row_write(ch);
	if (!err)
		err = secrets_write(ch);
	if (!err)
		err = audit_change(ch);

	return err;
}


/** The database's refusals in the words of the value */
static int explain(const struct change *ch, int err)
{
	const bool user = ch->kind->fields == &user_fields;

	if (err == EEXIST)
		errors_add(ch->errs, NULL, user ? "number" : "teams.fqdn",
			   "want one that nobody else has");

	if (err != ENOLINK)
		return err;

	errors_add(ch->errs, NULL, user ? "pbx" : "tenant",
		   "want one that there is");

	return ENOENT;
}


int store_put(struct store *st, enum store_kind kind, const char *tenant,
	      const struct json_t *value, int64_t revision,
	      const struct store_by *by, struct errors *errs,
	      int64_t *new_revision)
{
	struct change ch;
	int err;

	if (!st || !kind_of(kind) || !tenant || !value || !by || !by->who)
		return EINVAL;

	err = change_init(&ch, st, kind_of(kind), tenant, value, by, errs);
	if (!err)
		err = db_begin(st->db, DB_WRITE);
	if (!err)
		err = explain(&ch, db_end(st->db, write_all(&ch, revision)));

	if (!err && new_revision)
		*new_revision = ch.revision + 1;

	change_clear(&ch);

	return err;
}


/* Reading */


struct reader {
	store_object_h *h;
	void *arg;
	size_t c;
};


static int tell(const struct db_row *row, void *arg)
{
	struct reader *reader = arg;
	struct store_object obj = {
		.tenant     = row->textv[0],
		.name       = row->textv[1],
		.revision   = db_int(row, 2),
		.changed_ms = db_int(row, 3),
	};
	json_t *value;
	int err;

	value = json_loads(row->textv[4], 0, NULL);
	if (!value)
		return EBADMSG;

	++reader->c;
	obj.value = value;
	err = reader->h(&obj, reader->arg);
	json_decref(value);

	return err;
}


int store_get(struct store *st, enum store_kind kind, const char *tenant,
	      const char *name, store_object_h *h, void *arg)
{
	const struct kind *k = kind_of(kind);
	struct reader reader = { .h = h, .arg = arg };
	char folded[STORE_NAME_SIZE], sql[SQL_MAX];
	const struct db_param keyv[] = { DB_TEXT(tenant), DB_TEXT(folded) };
	int err;

	if (!st || !k || !tenant || !name || !h)
		return EINVAL;

	if (name_fold(k, folded, name))
		return ENOENT;

	if (re_snprintf(sql, sizeof(sql), "SELECT tenant, %s, revision,"
			" changed_ms, data FROM %s WHERE %s",
			k->columnv[k->keyc - 1], k->table, k->where) < 0)
		return EINVAL;

	err = db_query(st->db, sql, keyv, k->keyc, tell, &reader);

	return err || reader.c ? err : ENOENT;
}


int store_list(struct store *st, enum store_kind kind, const char *tenant,
	       const char *after, size_t limit, store_object_h *h,
	       void *arg)
{
	const struct kind *k = kind_of(kind);
	struct reader reader = { .h = h, .arg = arg };
	char folded[STORE_NAME_SIZE] = "", sql[SQL_MAX];
	struct db_param paramv[] = {
		DB_TEXT(folded), DB_INT(limit ? (int64_t)limit : INT64_MAX),
		DB_TEXT(tenant) };
	const char *column;

	if (!st || !k || !h || (k->keyc > 1 && !tenant))
		return EINVAL;

	if (after && name_fold(k, folded, after))
		return EINVAL;

	column = k->columnv[k->keyc - 1];

	if (re_snprintf(sql, sizeof(sql), "SELECT tenant, %s, revision,"
			" changed_ms, data FROM %s WHERE %s > $1%s"
			" ORDER BY %s LIMIT $2", column, k->table, column,
			k->keyc > 1 ? " AND tenant = $3" : "", column) < 0)
		return EINVAL;

	return db_query(st->db, sql, paramv, k->keyc + 1, tell, &reader);
}


/* Removing */


static int remove_row(struct change *ch)
{
	const struct db_param paramv[] = { DB_TEXT(ch->valuev[0]),
					   DB_TEXT(ch->valuev[1]) };
	char sql[SQL_MAX];
	int err;

	if (re_snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE %s",
			ch->kind->table, ch->kind->where) < 0)
		return EINVAL;

	err = db_query(ch->st->db, sql, paramv, ch->kind->keyc, NULL, NULL);
	if (err || ch->kind->keyc == 1)
		return err;          /* a tenant's secrets go with it */

	return db_do(ch->st->db, "DELETE FROM secrets WHERE tenant = $1"
		     " AND kind = $2 AND name = $3", DB_TEXT(ch->valuev[0]),
		     DB_TEXT(ch->kind->name), DB_TEXT(name_of(ch)));
}


static int remove_all(struct change *ch, int64_t revision)
{
	int err;

	err = read_old(ch);
	if (!err && !ch->revision)
		err = ENOENT;
	if (!err)
		err = check_revision(ch, revision);
	if (!err)
		err = remove_row(ch);
	if (!err)
		err = store_audit_add(ch->st, ch->by, ch->valuev[0],
				      "remove", ch->kind->name, name_of(ch),
				      ch->before, NULL);

	return err;
}


int store_remove(struct store *st, enum store_kind kind, const char *tenant,
		 const char *name, int64_t revision,
		 const struct store_by *by)
{
	struct change ch = { .st = st, .kind = kind_of(kind), .by = by };
	int err;

	if (!st || !ch.kind || !tenant || !name || !by || !by->who)
		return EINVAL;

	if (strlen(tenant) >= STORE_NAME_SIZE)
		return ENOENT;

	str_ncpy(ch.valuev[0], tenant, STORE_NAME_SIZE);
	if (name_fold(ch.kind, ch.valuev[ch.kind->keyc - 1], name))
		return ENOENT;

	err = db_begin(st->db, DB_WRITE);
	if (!err)
		err = db_end(st->db, remove_all(&ch, revision));

	change_clear(&ch);

	return err == ENOLINK ? ENOTEMPTY : err;
}


/* Secrets in clear, and sealed anew */


static int take_text(const struct db_row *row, void *arg)
{
	return str_dup(arg, row->textv[0]);
}


int store_secret(struct store *st, enum store_kind kind, const char *tenant,
		 const char *name, const char *field, char **secretp)
{
	const struct kind *k = kind_of(kind);
	char folded[STORE_NAME_SIZE], *sealed = NULL;
	struct seal_place place;
	int err;

	if (!st || !k || !tenant || !name || !field || !secretp)
		return EINVAL;

	if (name_fold(k, folded, name))
		return ENOENT;

	err = db_do_each(st->db, take_text, &sealed, "SELECT sealed FROM"
			 " secrets WHERE tenant = $1 AND kind = $2"
			 " AND name = $3 AND field = $4", DB_TEXT(tenant),
			 DB_TEXT(k->name), DB_TEXT(folded), DB_TEXT(field));
	if (err)
		return err;
	if (!sealed)
		return ENOENT;

	place = (struct seal_place){ tenant, k->name, folded, field };
	err   = st->ring ? seal_open(secretp, st->ring, &place, sealed)
			 : ENOKEY;
	mem_deref(sealed);

	return err;
}


struct sealed {
	struct le le;
	char *partv[5];            /* owned: tenant, kind, name, field, seal */
};


struct resealing {
	struct list l;
	const struct keyring *ring;
};


static void sealed_destructor(void *data)
{
	struct sealed *sealed = data;

	list_unlink(&sealed->le);
	for (size_t i = 0; i < RE_ARRAY_SIZE(sealed->partv); i++)
		mem_deref(sealed->partv[i]);
}


static int take_sealed(const struct db_row *row, void *arg)
{
	struct resealing *re = arg;
	struct sealed *sealed;
	int err = 0;

	if (!seal_is_old(re->ring, row->textv[4]))
		return 0;

	sealed = mem_zalloc(sizeof(*sealed), sealed_destructor);
	if (!sealed)
		return ENOMEM;

	list_append(&re->l, &sealed->le, sealed);

	for (size_t i = 0; i < RE_ARRAY_SIZE(sealed->partv) && !err; i++)
		err = str_dup(&sealed->partv[i], row->textv[i]);

	return err;
}


static int reseal_one(struct store *st, const struct sealed *sealed)
{
	const struct seal_place place = {
		sealed->partv[0], sealed->partv[1], sealed->partv[2],
		sealed->partv[3] };
	char *secret, *fresh;
	int err;

	err = seal_open(&secret, st->ring, &place, sealed->partv[4]);
	if (err)
		return err;

	err = seal(&fresh, st->ring, &place, secret);
	seal_wipe(secret);
	if (err)
		return err;

	/* One that was set meanwhile is not replaced by the old one */
	err = db_do(st->db, "UPDATE secrets SET sealed = $1"
		    " WHERE tenant = $2 AND kind = $3 AND name = $4"
		    " AND field = $5 AND sealed = $6", DB_TEXT(fresh),
		    DB_TEXT(place.tenant), DB_TEXT(place.kind),
		    DB_TEXT(place.name), DB_TEXT(place.field),
		    DB_TEXT(sealed->partv[4]));
	mem_deref(fresh);

	return err;
}


static int reseal_all(struct store *st, struct resealing *re)
{
	int err;

	err = db_query(st->db, "SELECT tenant, kind, name, field, sealed"
		       " FROM secrets", NULL, 0, take_sealed, re);

	for (struct le *le = list_head(&re->l); le && !err; le = le->next)
		err = reseal_one(st, le->data);

	return err;
}


int store_reseal(struct store *st, size_t *resealed)
{
	struct resealing re = { .ring = st ? st->ring : NULL };
	int err;

	if (!st)
		return EINVAL;
	if (!st->ring)
		return ENOKEY;

	err = db_begin(st->db, DB_WRITE);
	if (!err)
		err = db_end(st->db, reseal_all(st, &re));

	if (!err && resealed)
		*resealed = list_count(&re.l);

	list_flush(&re.l);

	return err;
}
