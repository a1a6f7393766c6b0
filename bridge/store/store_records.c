/**
 * @file store_records.c  Reading calls and registrations from the store
 */
#include <jansson.h>

#include "bridge/base/libre.h"
#include "store_core.h"


/** Where a span's times count, and what is newest */
struct source {
	const char *table;
	const char *time;          /* column, NULL: times do not count */
	const char *order;
	const char *key;           /* columns of the order, NULL: no cursor */
	size_t keyc;
	bool numberv[4];           /* which of them are numbers             */
};

enum { KEYC_MAX = 4 };


/** A query that grows: an index is used for what is asked, nothing is
    compared for what is not */
struct growing {
	struct mbuf *mb;           /* owned */
	struct db_param paramv[8 + KEYC_MAX];
	char partv[KEYC_MAX][STORE_CURSOR_SIZE];
	size_t paramc;
	char upn[STORE_NAME_SIZE];
	bool bad;                  /* the cursor is none */
	int err;
};


struct reader {
	store_value_h *h;
	void *arg;
	char *last;
};


static void grow(struct growing *g, const char *sql, struct db_param param)
{
	g->err |= mbuf_printf(g->mb, "%s%s $%zu", g->paramc ? " AND"
			      : " WHERE", sql, g->paramc + 1);
	g->paramv[g->paramc++] = param;
}


static void grow_text(struct growing *g, const char *sql, const char *text)
{
	if (text)
		grow(g, sql, (struct db_param)DB_TEXT(text));
}


static void grow_time(struct growing *g, const char *column,
		      const char *sign, int64_t ms)
{
	char sql[64];

	if (!column || !ms)
		return;

	(void)re_snprintf(sql, sizeof(sql), " %s %s", column, sign);
	grow(g, sql, (struct db_param)DB_INT(ms));
}


/** After a cursor: its parts, divided by '/', are the key of the last one */
static void grow_after(struct growing *g, const struct source *src,
		       const char *after)
{
	struct pl rest;

	if (!after || !src->key)
		return;

	pl_set_str(&rest, after);
	g->err |= mbuf_printf(g->mb, "%s (%s) < (", g->paramc ? " AND"
			      : " WHERE", src->key);

	for (size_t i = 0; i < src->keyc; i++) {
		const char *slash = pl_strchr(&rest, '/');
		struct pl part = { rest.p, slash ? (size_t)(slash - rest.p)
				   : rest.l };

		if (!part.l || pl_strcpy(&part, g->partv[i],
					 sizeof(g->partv[i]))) {
			g->bad = true;
			return;
		}

		g->err |= mbuf_printf(g->mb, "%s$%zu", i ? ", " : "",
				      g->paramc + 1);
		if (src->numberv[i] && pl_isset(&part))
			g->paramv[g->paramc++] = (struct db_param)
				DB_INT((int64_t)pl_u64(&part));
		else
			g->paramv[g->paramc++] = (struct db_param)
				DB_TEXT(g->partv[i]);

		pl_advance(&rest, (ssize_t)(part.l + (slash ? 1 : 0)));
	}

	g->err |= mbuf_printf(g->mb, ")");
}


static void grow_all(struct growing *g, const struct source *src,
		     const struct store_span *span)
{
	g->err |= mbuf_printf(g->mb, "SELECT data%s%s FROM %s",
			      src->key ? ", " : "",
			      src->key ? src->key : "", src->table);

	grow_text(g, " tenant =", span->tenant);
	grow_text(g, " pbx =", span->pbx);
	grow_text(g, " upn =", span->upn ? g->upn : NULL);
	grow_text(g, " state =", src->time ? NULL : span->state);
	grow_time(g, src->time, ">=", span->from_ms);
	grow_time(g, src->time, "<", span->to_ms);
	grow_after(g, src, span->after);

	g->err |= mbuf_printf(g->mb, " ORDER BY %s", src->order);
	if (span->limit)
		g->err |= mbuf_printf(g->mb, " LIMIT %zu", span->limit);
	g->err |= mbuf_write_u8(g->mb, 0);
}


static int tell(const struct db_row *row, void *arg)
{
	const struct reader *reader = arg;
	size_t at = 0;
	json_t *value;
	int err;

	value = json_loads(row->textv[0], 0, NULL);
	if (!value)
		return EBADMSG;

	for (size_t i = 1; i < row->c && reader->last; i++)
		at += (size_t)re_snprintf(reader->last + at,
					  STORE_CURSOR_SIZE - at, "%s%s",
					  i > 1 ? "/" : "", row->textv[i]);

	err = reader->h(value, reader->arg);
	json_decref(value);

	return err;
}


static int read_span(struct store *st, const struct source *src,
		     const struct store_span *span, store_value_h *h,
		     void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	struct growing g = { .paramc = 0 };
	int err;

	if (!st || !span || !h)
		return EINVAL;

	reader.last = span->last;

	if (span->upn && store_fold(g.upn, span->upn))
		return EINVAL;

	g.mb = mbuf_alloc(512);
	if (!g.mb)
		return ENOMEM;

	grow_all(&g, src, span);

	err = g.err ? ENOMEM : g.bad ? EINVAL :
		db_query(st->db, (const char *)g.mb->buf, g.paramv, g.paramc,
			 tell, &reader);
	mem_deref(g.mb);

	return err;
}


int store_calls(struct store *st, const struct store_span *span,
		store_value_h *h, void *arg)
{
	static const struct source src = {
		"calls", "start_ms", "start_ms DESC, id DESC",
		"start_ms, id", 2, { true } };

	return read_span(st, &src, span, h, arg);
}


int store_call(struct store *st, const char *id, store_value_h *h, void *arg)
{
	struct reader reader = { .h = h, .arg = arg };

	if (!st || !id || !h)
		return EINVAL;

	return db_do_each(st->db, tell, &reader, "SELECT data FROM calls"
			  " WHERE id = $1", DB_TEXT(id));
}


static int take_totals(const struct db_row *row, void *arg)
{
	struct store_totals *totals = arg;

	totals->calls  = db_int(row, 0);
	totals->failed = db_int(row, 1);

	return 0;
}


int store_call_totals(struct store *st, const char *tenant, int64_t since_ms,
		      struct store_totals *totals)
{
	if (!st || !totals)
		return EINVAL;

	if (tenant)
		return db_do_each(st->db, take_totals, totals, "SELECT"
				  " COUNT(*), SUM(failed) FROM calls WHERE"
				  " start_ms >= $1 AND tenant = $2",
				  DB_INT(since_ms), DB_TEXT(tenant));

	return db_do_each(st->db, take_totals, totals, "SELECT COUNT(*),"
			  " SUM(failed) FROM calls WHERE start_ms >= $1",
			  DB_INT(since_ms));
}


int store_regs(struct store *st, const struct store_span *span,
	       store_value_h *h, void *arg)
{
	static const struct source src = {
		"registrations", NULL, "tenant, upn", NULL, 0, { false } };

	return read_span(st, &src, span, h, arg);
}


int store_reg_history(struct store *st, const struct store_span *span,
		      store_value_h *h, void *arg)
{
	static const struct source src = {
		"registration_history", "time_ms",
		"time_ms DESC, node DESC, day DESC, at DESC",
		"time_ms, node, day, at", 4, { true, false, false, true } };

	return read_span(st, &src, span, h, arg);
}
