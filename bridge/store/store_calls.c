/**
 * @file store_calls.c  Looking for calls
 *
 * Ten million calls are searched by indices that hold all by which calls are
 * chosen; a call itself is read when it is on the page that is asked for. So
 * a query has two parts: which ids, in order, and then their values.
 *
 * SQLite goes by rules of thumb where PostgreSQL knows how many rows there
 * are. Where a number or a user is given, that is what leads to few calls:
 * conditions that are not to choose the index are written so that they
 * cannot.
 */
#include <jansson.h>

#include "bridge/base/libre.h"
#include "sql.h"
#include "store_core.h"


enum { USERS_MAX = 50 };


/** What is looked for, as SQL wants it */
struct looking {
	const struct store_call_query *asked;
	const char *key;           /* column of the order     */
	char upn[STORE_NAME_SIZE];
	char pattern[2 * STORE_NAME_SIZE];
	int64_t tail_from, tail_to;
	int64_t after_key;
	const char *after_id;      /* NULL: from the first    */
};

struct reader {
	store_value_h *h;
	void *arg;
	char *last;
};


static const char *const keyv[] = {
	[STORE_CALLS_BY_START] = "start_ms",
	[STORE_CALLS_BY_TALK]  = "talk_ms",
	[STORE_CALLS_BY_MOS]   = "mos",
};


static int cursor_read(struct looking *lk, const char *after)
{
	const char *slash = strchr(after, '/');
	struct pl key = { after, slash ? (size_t)(slash - after) : 0 };

	if (!slash || !key.l || !slash[1] ||
	    strspn(after, "0123456789") != key.l)
		return EINVAL;

	lk->after_key = (int64_t)pl_u64(&key);
	lk->after_id  = slash + 1;

	return 0;
}


static int looking_init(struct looking *lk, const struct store_call_query *q)
{
	int err = 0;

	memset(lk, 0, sizeof(*lk));
	lk->asked = q;
	lk->key   = keyv[q->sort];

	if (q->span.after)
		err = cursor_read(lk, q->span.after);
	if (!err && q->span.upn && store_fold(lk->upn, q->span.upn))
		err = EINVAL;
	if (!err && q->user)
		err = store_pattern(lk->pattern, sizeof(lk->pattern),
				    q->user);
	if (!err && q->number &&
	    store_tail_range(q->number, &lk->tail_from, &lk->tail_to))
		err = EDOM;

	return err;
}


static void users_add(struct sql *q, const struct looking *lk)
{
	sql_add(q, " %s upn IN (SELECT upn FROM users WHERE search LIKE $%zu"
		" ESCAPE '\\'", q->where ? "AND" : "WHERE",
		sql_param(q, (struct db_param)DB_TEXT(lk->pattern)));
	if (lk->asked->span.tenant)
		sql_add(q, " AND tenant = $%zu", sql_param(q,
			(struct db_param)DB_TEXT(lk->asked->span.tenant)));
	sql_add(q, ")");
	q->where = true;
}


static void times_add(struct sql *q, const struct store_span *span,
		      bool number)
{
	if (span->from_ms)
		sql_where(q, number ? "start_ms + 0 >=" : "start_ms >=",
			  (struct db_param)DB_INT(span->from_ms));
	if (span->to_ms)
		sql_where(q, number ? "start_ms + 0 <" : "start_ms <",
			  (struct db_param)DB_INT(span->to_ms));
}


static void conditions_add(struct sql *q, const struct looking *lk)
{
	const struct store_call_query *a = lk->asked;
	const bool user = a->span.upn || a->user;

	sql_where_text(q, a->number || user ? "tenant || '' =" : "tenant =",
		       a->span.tenant);
	sql_where_text(q, "pbx =", a->span.pbx);
	sql_where_text(q, a->number ? "upn || '' =" : "upn =",
		       a->span.upn ? lk->upn : NULL);
	if (a->user)
		users_add(q, lk);
	times_add(q, &a->span, a->number != NULL);

	sql_where_text(q, "result =", a->result);
	if (a->failed)
		sql_where(q, "failed =", (struct db_param)
			  DB_INT(!strcmp(a->failed, "true")));
	if (a->direction)
		sql_where(q, "from_pbx =", (struct db_param)
			  DB_INT(!strcmp(a->direction, "from_pbx")));
	if (a->mos_below || a->sort == STORE_CALLS_BY_MOS)
		sql_where(q, "mos >", (struct db_param)DB_INT(0));
	if (a->mos_below)
		sql_where(q, "mos <", (struct db_param)DB_INT(a->mos_below));

	if (!lk->after_id)
		return;

	sql_add(q, " %s (%s, id) %s ($%zu, $%zu)", q->where ? "AND" : "WHERE",
		lk->key, a->ascending ? ">" : "<",
		sql_param(q, (struct db_param)DB_INT(lk->after_key)),
		sql_param(q, (struct db_param)DB_TEXT(lk->after_id)));
	q->where = true;
}


/** Calls with a number on one of their sides */
static void number_add(struct sql *q, const struct looking *lk,
		       const char *column)
{
	char from[32], to[32];

	(void)re_snprintf(from, sizeof(from), "%s >=", column);
	(void)re_snprintf(to, sizeof(to), "%s <", column);

	sql_add(q, "SELECT id, %s AS k FROM calls", lk->key);
	sql_anew(q);
	sql_where(q, from, (struct db_param)DB_INT(lk->tail_from));
	sql_where(q, to, (struct db_param)DB_INT(lk->tail_to));
	conditions_add(q, lk);
}


static void ids_add(struct sql *q, const struct looking *lk)
{
	const struct store_call_query *a = lk->asked;
	const char *way = a->ascending ? "" : " DESC";

	if (a->number) {
		sql_add(q, "SELECT id, k FROM (");
		number_add(q, lk, "caller_tail");
		sql_add(q, " UNION ");
		number_add(q, lk, "callee_tail");
		sql_add(q, ") AS n ORDER BY k%s, id%s", way, way);
	}
	else {
		sql_add(q, "SELECT id, %s AS k FROM calls", lk->key);
		conditions_add(q, lk);
		sql_add(q, " ORDER BY %s%s, id%s", lk->key, way, way);
	}

	if (a->span.limit)
		sql_add(q, " LIMIT %zu", a->span.limit);
}


static int take_count(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


/** So many that their calls would have to be sorted */
static int users_check(struct store *st, const struct looking *lk)
{
	int64_t count = 0;
	struct sql q;
	int err;

	if (!lk->asked->user)
		return 0;

	sql_begin(&q, "SELECT COUNT(*) FROM (SELECT upn FROM users");
	sql_where_text(&q, "tenant =", lk->asked->span.tenant);
	sql_add(&q, " %s search LIKE $%zu ESCAPE '\\' LIMIT %d) AS u",
		q.where ? "AND" : "WHERE",
		sql_param(&q, (struct db_param)DB_TEXT(lk->pattern)),
		USERS_MAX + 1);
	err = sql_run(&q, st->db, 0, take_count, &count);

	return err || count <= USERS_MAX ? err : E2BIG;
}


static int tell(const struct db_row *row, void *arg)
{
	const struct reader *reader = arg;
	json_t *value;
	int err;

	value = json_loads(row->textv[0], 0, NULL);
	if (!value)
		return EBADMSG;

	if (reader->last)
		(void)re_snprintf(reader->last, STORE_CURSOR_SIZE, "%s/%s",
				  row->textv[1], row->textv[2]);

	err = reader->h(value, reader->arg);
	json_decref(value);

	return err;
}


int store_calls(struct store *st, const struct store_call_query *asked,
		store_value_h *h, void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	struct looking lk;
	const char *way;
	struct sql q;
	int err;

	if (!st || !asked || !h || (size_t)asked->sort >= RE_ARRAY_SIZE(keyv))
		return EINVAL;

	err = looking_init(&lk, asked);
	if (!err)
		err = users_check(st, &lk);
	if (err)
		return err;

	reader.last = asked->span.last;
	way = asked->ascending ? "" : " DESC";

	/* CROSS: ids first, for SQLite does as it is told */
	sql_begin(&q, "SELECT c.data, p.k, c.id FROM (");
	ids_add(&q, &lk);
	sql_add(&q, ") AS p CROSS JOIN calls c WHERE c.id = p.id"
		" ORDER BY p.k%s, p.id%s", way, way);

	return sql_run(&q, st->db, 0, tell, &reader);
}


int store_call(struct store *st, const char *id, store_value_h *h, void *arg)
{
	struct reader reader = { .h = h, .arg = arg };

	if (!st || !id || !h)
		return EINVAL;

	return db_do_each(st->db, tell, &reader, "SELECT data FROM calls"
			  " WHERE id = $1", DB_TEXT(id));
}
