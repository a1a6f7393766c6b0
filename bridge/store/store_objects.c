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
#include "bridge/base/wheel.h"
#include "bridge/model/status.h"
#include "bridge/model/syncconf.h"
#include "bridge/model/tenant.h"
#include "bridge/model/testers.h"
#include "seal.h"
#include "sql.h"
#include "store_core.h"


enum { COLUMNS_MAX = 7, SQL_MAX = 1024,
       VALUE_SIZE = 3 * STORE_NAME_SIZE };


/** How a kind is kept */
struct kind {
	const char *name;
	const struct fields *fields;
	const char *table;
	const char *where;         /* $1 tenant, $2 name               */
	size_t keyc;               /* columns that are its key         */
	size_t columnc;
	const char *columnv[COLUMNS_MAX];
	const char *pathv[COLUMNS_MAX];    /* its field, NULL: tenant; several
					      with commas: all of them */
	bool foldv[COLUMNS_MAX];
	bool apart;                /* the bridge does not go by it, and no
				      customer file says it             */
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
		.keyc = 2, .columnc = 3,
		.columnv = { "tenant", "name", "template" },
		.pathv   = { NULL, "name", "template" },
	},
	[STORE_USER] = {
		.name = "user", .fields = &user_fields,
		.table = "users", .where = "tenant = $1 AND upn = $2",
		.keyc = 2, .columnc = 7,
		.columnv = { "tenant", "upn", "number", "pbx",
			     "sip_username", "enabled", "search" },
		.pathv   = { NULL, "upn", "number", "pbx", "sip_username",
			     "enabled", "upn,number,name,sip_username" },
		.foldv   = { false, true, false, false, false, false, true },
	},
	/* one a tenant, and named like it */
	[STORE_SYNC] = {
		.name = "sync", .fields = &syncconf_fields,
		.table = "syncs", .where = "tenant = $1",
		.keyc = 1, .columnc = 1,
		.columnv = { "tenant" }, .pathv = { NULL },
		.foldv   = { false },
	},
	[STORE_TESTERS] = {
		.name = "testers", .fields = &testers_fields,
		.table = "testers", .where = "tenant = $1 AND pbx = $2",
		.keyc = 2, .columnc = 2,
		.columnv = { "tenant", "pbx" },
		.pathv   = { NULL, "pbx" },
		.apart   = true,
	},
};


/** A change while it is made */
struct change {
	struct store *st;          /* borrowed                            */
	const struct kind *kind;
	const struct store_by *by;
	struct errors *errs;
	char valuev[COLUMNS_MAX][VALUE_SIZE];
	json_t *json;              /* owned, without secrets              */
	json_t *secrets;           /* owned, path to text or null         */
	char *data;                /* owned, of jansson: text of json     */
	char *before;              /* owned: as it was, NULL              */
	char *had;                 /* owned: secrets it had, NULL         */
	char *has;                 /* owned: secrets it has now           */
	int64_t revision;          /* as it was, 0: there was none        */
};


static const struct kind *kind_of(enum store_kind kind)
{
	return (size_t)kind < RE_ARRAY_SIZE(kindv) ? &kindv[kind] : NULL;
}


static bool is_tenant(const struct kind *kind)
{
	return kind->fields == &tenant_fields;
}


static const char *name_of(const struct change *ch)
{
	return ch->valuev[ch->kind->keyc - 1];
}


const char *store_kind_name(enum store_kind kind)
{
	const struct kind *k = kind_of(kind);

	return k ? k->name : NULL;
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


int store_name_fold(enum store_kind kind, char dst[STORE_NAME_SIZE],
		    const char *name)
{
	return name_fold(kind_of(kind), dst, name);
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


/** Nobody reads it in the same transaction but to change it again, which is
    to ask for something first */
static int secret_write(struct store *st, const struct seal_place *place,
			const char *secret)
{
	static const struct db_into into = {
		.into = "secrets (tenant, kind, name, field, sealed)",
		.tail = " ON CONFLICT (tenant, kind, name, field)"
			" DO UPDATE SET sealed = excluded.sealed",
		.columnc = 5,
	};
	char *sealed;
	int err;

	err = seal(&sealed, st->ring, place, secret);
	if (err)
		return err;

	err = db_later(st->db, &into, (const struct db_param[]){
			DB_TEXT(place->tenant), DB_TEXT(place->kind),
			DB_TEXT(place->name), DB_TEXT(place->field),
			DB_TEXT(sealed) });
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


static int list_grow(struct mbuf *mb, const char *word, size_t l)
{
	int err = mb->end ? mbuf_write_u8(mb, ',') : 0;

	return err ? err : mbuf_write_mem(mb, (const uint8_t *)word, l);
}


/** Which secrets there will be: those that it had and that are not spoken
    of, and those that are set */
static int secrets_name(struct change *ch)
{
	struct mbuf *mb = mbuf_alloc(64);
	const char *had = ch->had, *path;
	json_t *value;
	int err = mb ? 0 : ENOMEM;

	while (!err && str_isset(had)) {
		const size_t n = strcspn(had, ",");
		char word[STORE_NAME_SIZE];

		str_ncpy(word, had, n + 1 < sizeof(word) ? n + 1
							  : sizeof(word));
		if (!json_object_get(ch->secrets, word))
			err = list_grow(mb, had, n);
		had += n + (had[n] == ',');
	}

	json_object_foreach(ch->secrets, path, value)
		if (!err && str_isset(json_string_value(value)))
			err = list_grow(mb, path, strlen(path));

	if (!err)
		err = re_sdprintf(&ch->has, "%b", mb->buf, mb->end);
	mem_deref(mb);

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


/** One column's text. A list of fields is for searching: each in a line */
static int column_text(char dst[VALUE_SIZE], const struct kind *kind,
		       const char *paths, const void *item)
{
	size_t at = 0;

	while (*paths) {
		const size_t l = strcspn(paths, ",");
		char path[STORE_NAME_SIZE], *text = NULL;
		int err, n;

		str_ncpy(path, paths, l + 1);
		paths += l + (paths[l] == ',');

		err = fields_get(kind->fields, item, path, &text);
		if (err)
			return err;

		n = re_snprintf(dst + at, VALUE_SIZE - at, "%s%s",
				at ? "\n" : "", text);
		mem_deref(text);
		if (n < 0)
			return ENAMETOOLONG;
		at += (size_t)n;
	}

	return 0;
}


static void fold(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}


static int columns_take(struct change *ch, const char *tenant,
			const void *item)
{
	int err = 0;

	for (size_t i = 0; i < ch->kind->columnc && !err; i++) {
		if (!ch->kind->pathv[i]) {
			str_ncpy(ch->valuev[i], tenant, VALUE_SIZE);
			continue;
		}

		err = column_text(ch->valuev[i], ch->kind,
				  ch->kind->pathv[i], item);
		if (!err && ch->kind->foldv[i])
			fold(ch->valuev[i]);
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

	if (!err && is_tenant(kind) && strcmp(ch->valuev[0], tenant)) {
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
	mem_deref(ch->had);
	mem_deref(ch->has);
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

	return str_dup(&ch->before, row->textv[1]) ||
		str_dup(&ch->had, row->textv[2]) ? ENOMEM : 0;
}


static int read_old(struct change *ch)
{
	const struct db_param keyv[] = { DB_TEXT(ch->valuev[0]),
					 DB_TEXT(ch->valuev[1]) };
	char sql[SQL_MAX];

	if (re_snprintf(sql, sizeof(sql), "SELECT revision, data, secrets"
			" FROM %s WHERE %s", ch->kind->table,
			ch->kind->where) < 0)
		return EINVAL;

	return db_query(ch->st->db, sql, keyv, ch->kind->keyc, take_old, ch);
}


static int check_revision(const struct change *ch, int64_t revision)
{
	return revision == STORE_ANY || revision == ch->revision ? 0 : ESTALE;
}


/** What is there already stays, and that is told by there being no row */
static void insert_sql(const struct kind *kind, struct mbuf *mb)
{
	(void)mbuf_printf(mb, "INSERT INTO %s (revision, changed_ms, data,"
			  " secrets%s", kind->table, is_tenant(kind) ?
			  ", managed, stamp" : "");
	for (size_t i = 0; i < kind->columnc; i++)
		(void)mbuf_printf(mb, ", %s", kind->columnv[i]);

	(void)mbuf_printf(mb, ") VALUES ($1, $2, $3, $4%s",
			  is_tenant(kind) ? ", 'store', 0" : "");
	for (size_t i = 0; i < kind->columnc; i++)
		(void)mbuf_printf(mb, ", $%zu", i + 5);

	(void)mbuf_printf(mb, ") ON CONFLICT (");
	for (size_t i = 0; i < kind->keyc; i++)
		(void)mbuf_printf(mb, "%s%s", i ? ", " : "",
				  kind->columnv[i]);
	(void)mbuf_printf(mb, ") DO NOTHING RETURNING revision");
}


/** Only what was read is replaced: somebody else may have been quicker */
static void update_sql(const struct kind *kind, struct mbuf *mb)
{
	(void)mbuf_printf(mb, "UPDATE %s SET revision = $1, changed_ms = $2,"
			  " data = $3, secrets = $4", kind->table);
	for (size_t i = kind->keyc; i < kind->columnc; i++)
		(void)mbuf_printf(mb, ", %s = $%zu", kind->columnv[i], i + 5);

	(void)mbuf_printf(mb, " WHERE revision = $%zu", kind->columnc + 5);
	for (size_t i = 0; i < kind->keyc; i++)
		(void)mbuf_printf(mb, " AND %s = $%zu", kind->columnv[i],
				  i + 5);

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
	struct db_param paramv[COLUMNS_MAX + 5] = {
		DB_INT(ch->revision + 1), DB_INT(clock_wall_ms()),
		DB_TEXT(ch->data), DB_TEXT(ch->has) };
	size_t paramc = 4;
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

	/* neither secrets nor the audit log make a difference to it */
	err = mbuf_write_u8(mb, 0);
	if (!err)
		err = db_query_beside(ch->st->db, (const char *)mb->buf,
				      paramv, paramc, take_revision,
				      &written);
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


/** Only what the store itself manages may be changed here */
static int check_managed(const struct change *ch)
{
	char *managed = NULL;
	int err;

	if (ch->st->mirroring || ch->kind->apart ||
	    store_is_touched(ch->st, ch->valuev[0]))
		return 0;

	err = db_do_each(ch->st->db, store_take_text, &managed, "SELECT"
			 " managed FROM tenants WHERE tenant = $1",
			 DB_TEXT(ch->valuev[0]));
	if (!err && managed && strcmp(managed, "store"))
		err = EPERM;
	mem_deref(managed);

	return err;
}


static int write_all(struct change *ch, int64_t revision)
{
	int err;

	err = check_managed(ch);
	if (is_tenant(ch->kind))
		store_untouch(ch->st);
	/* what shall be new need not be looked for: see insert_sql() */
	if (!err && revision != STORE_NEW)
		err = read_old(ch);
	if (!err)
		err = check_revision(ch, revision);
	if (!err)
		err = secrets_name(ch);
	if (!err)
		err = row_write(ch);
	if (!err)
		err = secrets_write(ch);
	if (!err && ch->kind->fields == &syncconf_fields)
		err = store_sync_rhythm(ch->st, ch->valuev[0], ch->json);
	if (!err && !ch->st->mirroring)
		err = audit_change(ch);
	if (!err && !ch->kind->apart)
		err = store_touch(ch->st, ch->valuev[0]);

	return err;
}


/** The database's refusals in the words of the value */
static int explain(const struct change *ch, int err)
{
	const bool user = ch->kind->fields == &user_fields;
	const char *field = !user ? "teams.fqdn" :
		strstr(store_why(ch->st), "sip_username") ? "sip_username"
		: "number";

	if (err == EEXIST)
		errors_add(ch->errs, NULL, field, "want one that nobody else"
			   " has");

	if (err != ENOLINK)
		return err;

	errors_add(ch->errs, NULL, user || ch->kind->apart ? "pbx" : "tenant",
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
		err = store_inner_begin(st);
	if (!err)
		err = explain(&ch, store_inner_end(st, write_all(&ch,
								 revision)));

	if (!err && new_revision)
		*new_revision = ch.revision + 1;
	if (st->outer)
		++st->putc;

	change_clear(&ch);

	return err;
}


/* Reading */


int store_tell_object(const struct db_row *row, void *arg)
{
	struct object_reader *reader = arg;
	struct store_object obj = {
		.tenant     = row->textv[0],
		.name       = row->textv[1],
		.revision   = db_int(row, 2),
		.changed_ms = db_int(row, 3),
		.managed    = strcmp(row->textv[4], "store") ? "file"
			      : "store",
		.secrets    = row->textv[5],
	};
	json_t *value, *status = NULL;
	int err;

	value = json_loads(row->textv[6], 0, NULL);
	if (!value)
		return EBADMSG;

	if (row->c > 7 && row->textv[7])
		status = json_loads(row->textv[7], 0, NULL);

	++reader->c;
	obj.value  = value;
	obj.status = status;
	err = status ? reg_status_complete(status) : 0;
	if (!err)
		err = reader->h(&obj, reader->arg);
	json_decref(status);
	json_decref(value);

	return err;
}


/** What is told of an object: its own columns, who manages its tenant, and a
    user's registration */
static int select_sql(struct mbuf *mb, const struct kind *k)
{
	const char *key = k->columnv[k->keyc - 1];

	if (is_tenant(k))
		return mbuf_printf(mb, "SELECT tenant, tenant, revision,"
				   " changed_ms, managed, secrets, data"
				   " FROM tenants o");

	return mbuf_printf(mb, "SELECT o.tenant, o.%s, o.revision,"
			   " o.changed_ms, t.managed, o.secrets, o.data%s"
			   " FROM %s o JOIN tenants t ON t.tenant = o.tenant"
			   "%s", key, k->fields == &user_fields ? ", r.data"
			   : "", k->table, k->fields == &user_fields ?
			   " LEFT JOIN registrations r ON"
			   " r.tenant = o.tenant AND r.upn = o.upn" : "");
}


int store_get(struct store *st, enum store_kind kind, const char *tenant,
	      const char *name, store_object_h *h, void *arg)
{
	const struct kind *k = kind_of(kind);
	struct object_reader reader = { .h = h, .arg = arg };
	char folded[STORE_NAME_SIZE];
	struct mbuf *mb;
	const struct db_param keyv[] = { DB_TEXT(tenant), DB_TEXT(folded) };
	int err;

	if (!st || !k || !tenant || !name || !h)
		return EINVAL;

	if (name_fold(k, folded, name))
		return ENOENT;

	mb = mbuf_alloc(SQL_MAX);
	if (!mb)
		return ENOMEM;

	err = select_sql(mb, k);
	if (!err)
		err = mbuf_printf(mb, " WHERE o.tenant = $1%s%s%s%c",
				  k->keyc > 1 ? " AND o." : "",
				  k->keyc > 1 ? k->columnv[1] : "",
				  k->keyc > 1 ? " = $2" : "", 0);
	if (!err)
		err = db_query(st->db, (const char *)mb->buf, keyv, k->keyc,
			       store_tell_object, &reader);
	mem_deref(mb);

	return err || reader.c ? err : ENOENT;
}


struct listing {
	struct object_reader reader;   /* first member */
	const struct store_objects *which;
};


/** Cursor: the name, after the moment if that is what it is sorted by */
static int tell_listed(const struct db_row *row, void *arg)
{
	struct listing *l = arg;

	if (l->which->last)
		(void)re_snprintf(l->which->last, STORE_CURSOR_SIZE, "%s%s%s",
				  l->which->by_change ? row->textv[3] : "",
				  l->which->by_change ? "/" : "",
				  row->textv[1]);

	return store_tell_object(row, &l->reader);
}


static int after_add(struct sql *q, const struct kind *k,
		     const struct store_objects *which,
		     char folded[STORE_NAME_SIZE])
{
	const char *sign = which->descending ? "<" : ">";
	const char *column = k->columnv[k->keyc - 1];
	const char *name = which->after;
	struct pl pl = PL_INIT;
	char condition[64];

	if (which->by_change) {
		name = strchr(which->after, '/');
		if (!name || strspn(which->after, "0123456789") !=
		    (size_t)(name - which->after))
			return EINVAL;
		pl.p = which->after;
		pl.l = (size_t)(name++ - which->after);
	}
	if (name_fold(k, folded, name))
		return EINVAL;

	if (!which->by_change) {
		(void)re_snprintf(condition, sizeof(condition), "o.%s %s",
				  column, sign);
		sql_where(q, condition, (struct db_param)DB_TEXT(folded));
		return 0;
	}

	sql_add(q, " %s (o.changed_ms, o.%s) %s ($%zu, $%zu)", q->where ?
		"AND" : "WHERE", column, sign,
		sql_param(q, (struct db_param)DB_INT((int64_t)pl_u64(&pl))),
		sql_param(q, (struct db_param)DB_TEXT(folded)));

	return 0;
}


int store_object_list(struct store *st, enum store_kind kind,
		      const struct store_objects *which, store_object_h *h,
		      void *arg)
{
	const struct kind *k = kind_of(kind);
	struct listing l = { { .h = h, .arg = arg }, which };
	char folded[STORE_NAME_SIZE] = "";
	const char *way;
	struct sql q;
	int err = 0;

	if (!st || !k || !which || !h || (k->keyc > 1 && !which->tenant))
		return EINVAL;

	sql_begin(&q, "");
	if (!q.err && select_sql(q.mb, k))
		q.err = ENOMEM;
	if (k->keyc > 1)
		sql_where_text(&q, "o.tenant =", which->tenant);
	if (which->after)
		err = after_add(&q, k, which, folded);

	way = which->descending ? " DESC" : "";
	sql_add(&q, " ORDER BY ");
	if (which->by_change)
		sql_add(&q, "o.changed_ms%s, ", way);
	sql_add(&q, "o.%s%s", k->columnv[k->keyc - 1], way);
	if (which->limit)
		sql_add(&q, " LIMIT %zu", which->limit);

	return sql_run(&q, st->db, err, tell_listed, &l);
}


int store_list(struct store *st, enum store_kind kind, const char *tenant,
	       const char *after, size_t limit, store_object_h *h,
	       void *arg)
{
	const struct store_objects which = { .tenant = tenant,
					     .after = after,
					     .limit = limit };

	return store_object_list(st, kind, &which, h, arg);
}


/* Removing */


/** How a user is registered who is no more */
static int registrations_forget(struct change *ch)
{
	if (is_tenant(ch->kind))
		return db_do(ch->st->db, "DELETE FROM registrations WHERE"
			     " tenant = $1", DB_TEXT(ch->valuev[0]));

	return db_do(ch->st->db, "DELETE FROM registrations WHERE"
		     " tenant = $1 AND upn = $2", DB_TEXT(ch->valuev[0]),
		     DB_TEXT(name_of(ch)));
}


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
	if (!err && (is_tenant(ch->kind) || ch->kind->fields == &user_fields))
		err = registrations_forget(ch);
	if (err || is_tenant(ch->kind))
		return err;          /* a tenant's secrets go with it */

	/* a PBX's testers go with it */
	return db_do(ch->st->db, "DELETE FROM secrets WHERE tenant = $1"
		     " AND kind IN ($2, $3) AND name = $4",
		     DB_TEXT(ch->valuev[0]), DB_TEXT(ch->kind->name),
		     DB_TEXT(ch->kind->fields == &pbx_fields ? "testers" :
			     ch->kind->name), DB_TEXT(name_of(ch)));
}


static int remove_all(struct change *ch, int64_t revision)
{
	int err;

	err = check_managed(ch);
	if (is_tenant(ch->kind))
		store_untouch(ch->st);
	if (!err)
		err = read_old(ch);
	if (!err && !ch->revision)
		err = ENOENT;
	if (!err)
		err = check_revision(ch, revision);
	if (!err)
		err = remove_row(ch);
	if (!err && !ch->kind->apart)
		err = store_touch(ch->st, ch->valuev[0]);
	if (!err && !ch->st->mirroring)
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

	err = store_inner_begin(st);
	if (!err)
		err = store_inner_end(st, remove_all(&ch, revision));

	change_clear(&ch);

	return err == ENOLINK ? ENOTEMPTY : err;
}
