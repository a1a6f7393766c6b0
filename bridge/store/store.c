/**
 * @file store.c  Opening the store; the audit log
 */
#include <openssl/rand.h>
#include <time.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "seal.h"
#include "sql.h"
#include "store_core.h"


enum { MANY = 2000 };              /* objects in one transaction */


static void destructor(void *data)
{
	struct store *st = data;

	mem_deref(st->db);
	mem_deref(st->ring);
	mem_deref(st->touched);
}


static int db_open(struct db **dbp, const char *url, bool create, char *why,
		   size_t size)
{
	if (!strncmp(url, "sqlite:", 7) && url[7])
		return db_sqlite_open(dbp, url + 7, create, why, size);

	if (!strncmp(url, "postgresql://", 13) ||
	    !strncmp(url, "postgres://", 11))
		return db_postgres_open(dbp, url, why, size);

	str_ncpy(why, "want sqlite:PATH or postgresql://...", size);

	return EINVAL;
}


int store_open(struct store **stp, const char *url, bool create,
	       struct keyring *ring, struct errors *errs)
{
	char why[256] = "no memory";
	struct store *st;
	int err;

	if (!stp || !url)
		return EINVAL;

	st = mem_zalloc(sizeof(*st), destructor);
	if (!st)
		return ENOMEM;

	st->ring = mem_ref(ring);

	/* The URL may have a password in it: it is not told */
	err = db_open(&st->db, url, create, why, sizeof(why));
	if (err) {
		errors_add(errs, NULL, NULL, "the store cannot be opened:"
			   " %s%s", why, err == EACCES ?
			   " (it must be readable by its owner alone)" : "");
		mem_deref(st);
		return err;
	}

	*stp = st;

	return 0;
}


const char *store_why(const struct store *st)
{
	return st && st->db ? st->db->why : "";
}


int store_fold(char dst[STORE_NAME_SIZE], const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (i + 1 >= STORE_NAME_SIZE)
			return ENAMETOOLONG;

		dst[i] = text[i];
		if (dst[i] >= 'A' && dst[i] <= 'Z')
			dst[i] = (char)(dst[i] - 'A' + 'a');
	}

	dst[i] = '\0';

	return 0;
}


int store_id(char id[STORE_ID_SIZE])
{
	struct timespec ts;
	uint64_t chance;

	if (RAND_bytes((uint8_t *)&chance, sizeof(chance)) != 1)
		return EIO;

	/* In ms two of one program's would often be the same */
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)re_snprintf(id, STORE_ID_SIZE, "%016llx%016llx",
			  (unsigned long long)ts.tv_sec * 1000000000 +
			  (unsigned long long)ts.tv_nsec,
			  (unsigned long long)chance);

	return 0;
}


/* Transactions */


int store_begin(struct store *st)
{
	int err;

	if (!st || st->outer)
		return EINVAL;

	err = db_begin(st->db, DB_WRITE);
	if (!err)
		st->outer = true;

	return err;
}


/** The database would find out by itself, within a minute */
static int settle(struct store *st)
{
	return st->putc < MANY || !st->db->settle ? 0 :
		db_query(st->db, st->db->settle, NULL, 0, NULL, NULL);
}


int store_end(struct store *st, int err)
{
	if (!st || !st->outer)
		return EINVAL;

	if (!err)
		err = settle(st);

	st->outer = false;
	st->putc  = 0;
	st->stamp = 0;
	store_untouch(st);

	return db_end(st->db, err);
}


int store_inner_begin(struct store *st)
{
	return st->outer ? 0 : db_begin(st->db, DB_WRITE);
}


int store_inner_end(struct store *st, int err)
{
	if (st->outer)
		return err;

	st->stamp = 0;
	store_untouch(st);

	return db_end(st->db, err);
}


static int take_stamp(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


int store_take_text(const struct db_row *row, void *arg)
{
	char **textp = arg;

	mem_deref(*textp);
	*textp = NULL;

	return str_dup(textp, row->textv[0] ? row->textv[0] : "");
}


/** The row of the counter stays locked until the end: stamps come out in the
    order in which they were given */
static int stamp_take(struct store *st)
{
	int err;

	if (st->stamp)
		return 0;

	err = db_do_each(st->db, take_stamp, &st->stamp, "UPDATE changes SET"
			 " stamp = stamp + 1 WHERE name = $1"
			 " RETURNING stamp", DB_TEXT("config"));

	return err ? err : db_notify(st->db);
}


bool store_is_touched(const struct store *st, const char *tenant)
{
	return st->touched && !strcmp(st->touched, tenant);
}


void store_untouch(struct store *st)
{
	st->touched = mem_deref(st->touched);
}


/** Each of 100,000 users that come in one transaction touches the tenant: the
    first of them is enough */
int store_touch(struct store *st, const char *tenant)
{
	int err;

	if (tenant && store_is_touched(st, tenant))
		return 0;

	err = stamp_take(st);
	if (err)
		return err;

	if (!tenant)
		return db_do(st->db, "UPDATE tenants SET stamp = $1",
			     DB_INT(st->stamp));

	err = db_do(st->db, "UPDATE tenants SET stamp = $1 WHERE tenant ="
		    " $2 AND stamp <> $1", DB_INT(st->stamp),
		    DB_TEXT(tenant));
	if (err)
		return err;

	store_untouch(st);

	return str_dup(&st->touched, tenant);
}


int store_stamp(struct store *st, int64_t *stamp)
{
	if (!st || !stamp)
		return EINVAL;

	return db_do_each(st->db, take_stamp, stamp, "SELECT stamp FROM"
			  " changes WHERE name = $1", DB_TEXT("config"));
}


int store_wait(struct store *st, int bell, unsigned ms)
{
	return st ? db_wait(st->db, bell, ms) : EINVAL;
}


/* The audit log */


int store_audit_add(struct store *st, const struct store_by *by,
		    const char *tenant, const char *action,
		    const char *kind, const char *name, const char *before,
		    const char *after)
{
	static const struct db_into into = {
		.into = "audit (id, time_ms, who, address, tenant, action,"
			" kind, name, before, after)",
		.tail = "", .columnc = 10,
	};
	char id[STORE_ID_SIZE];
	int err;

	err = store_id(id);

	return err ? err : db_later(st->db, &into, (const struct db_param[]){
			DB_TEXT(id), DB_INT(clock_wall_ms()),
			DB_TEXT(by->who), DB_TEXT(by->address),
			DB_TEXT(tenant), DB_TEXT(action),
			DB_TEXT(kind), DB_TEXT(name), DB_TEXT(before),
			DB_TEXT(after) });
}


int store_audit_note(struct store *st, const struct store_by *by,
		     const char *tenant, const char *action,
		     const char *kind, const char *name)
{
	if (!st || !by || !by->who || !action || !kind || !name)
		return EINVAL;

	return store_audit_add(st, by, tenant, action, kind, name, NULL,
			       NULL);
}


struct audit_reader {
	store_audit_h *h;
	void *arg;
	char *last;
};


static int tell_audit(const struct db_row *row, void *arg)
{
	const struct audit_reader *reader = arg;
	const struct store_audit entry = {
		.time_ms = db_int(row, 0),
		.who     = row->textv[1],
		.address = row->textv[2],
		.tenant  = row->textv[3],
		.action  = row->textv[4],
		.kind    = row->textv[5],
		.name    = row->textv[6],
		.before  = row->textv[7],
		.after   = row->textv[8],
	};

	if (reader->last)
		str_ncpy(reader->last, row->textv[9], STORE_CURSOR_SIZE);

	return reader->h(&entry, reader->arg);
}


int store_audit_list(struct store *st, const struct store_span *span,
		     store_audit_h *h, void *arg)
{
	struct audit_reader reader = { .h = h, .arg = arg };
	char pattern[2 * STORE_NAME_SIZE];
	struct sql q;

	if (!st || !span || !h || (span->name && store_pattern(
			pattern, sizeof(pattern), span->name)))
		return EINVAL;

	reader.last = span->last;

	sql_begin(&q, "SELECT time_ms, who, address, tenant, action,"
		  " kind, name, before, after, id FROM audit");
	sql_where_text(&q, "tenant =", span->tenant);
	if (span->from_ms)
		sql_where(&q, "time_ms >=", (struct db_param)
			  DB_INT(span->from_ms));
	if (span->to_ms)
		sql_where(&q, "time_ms <", (struct db_param)
			  DB_INT(span->to_ms));
	sql_where_text(&q, span->oldest ? "id >" : "id <", span->after);
	sql_where_text(&q, "kind =", span->kind);
	sql_where_text(&q, "who =", span->who);
	if (span->name) {
		sql_where_text(&q, "LOWER(name) LIKE", pattern);
		sql_add(&q, " ESCAPE '\\'");
	}
	sql_add(&q, " ORDER BY id%s", span->oldest ? "" : " DESC");
	if (span->limit)
		sql_add(&q, " LIMIT %zu", span->limit);

	return sql_run(&q, st->db, 0, tell_audit, &reader);
}
