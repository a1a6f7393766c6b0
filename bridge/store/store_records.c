/**
 * @file store_records.c  Reading registrations from the store
 */
#include <jansson.h>

#include "bridge/base/libre.h"
#include "bridge/model/status.h"
#include "sql.h"
#include "store_core.h"


/** Where a span's times count, and what is newest */
struct source {
	const char *table;
	const char *time;          /* column, NULL: times do not count */
	const char *order;
	const char *key;           /* columns of the order, NULL: no cursor */
	size_t keyc;
	bool numberv[4];           /* which of them are numbers             */
	bool ascending;
};

enum { KEYC_MAX = 4 };


struct reader {
	store_value_h *h;
	void *arg;
	char *last;
};


/** The parts of a cursor, divided by '/': the key of the last one */
struct cursor {
	char partv[KEYC_MAX][STORE_CURSOR_SIZE];
};


static int cursor_read(struct cursor *cursor, const struct source *src,
		       const char *after)
{
	struct pl rest;

	pl_set_str(&rest, after);

	for (size_t i = 0; i < src->keyc; i++) {
		const char *slash = i + 1 < src->keyc ?
			pl_strchr(&rest, '/') : NULL;
		const struct pl part = { rest.p, slash ?
			(size_t)(slash - rest.p) : rest.l };

		if (!part.l || pl_strcpy(&part, cursor->partv[i],
					 sizeof(cursor->partv[i])))
			return EINVAL;

		pl_advance(&rest, (ssize_t)(part.l + (slash ? 1 : 0)));
	}

	return 0;
}


static struct db_param part_param(const struct cursor *cursor, size_t i,
				  bool number)
{
	struct pl pl;

	if (!number)
		return (struct db_param)DB_TEXT(cursor->partv[i]);

	pl_set_str(&pl, cursor->partv[i]);

	return (struct db_param)DB_INT((int64_t)pl_u64(&pl));
}


static void after_add(struct sql *q, const struct source *src,
		      const struct cursor *cursor, bool ascending)
{
	sql_add(q, " %s (%s) %s (", q->where ? "AND" : "WHERE", src->key,
		ascending ? ">" : "<");
	for (size_t i = 0; i < src->keyc; i++)
		sql_add(q, "%s$%zu", i ? ", " : "", sql_param(q,
			part_param(cursor, i, src->numberv[i])));
	sql_add(q, ")");
	q->where = true;
}


static void time_add(struct sql *q, const char *column, const char *sign,
		     int64_t ms)
{
	char condition[64];

	if (!column || !ms)
		return;

	(void)re_snprintf(condition, sizeof(condition), "%s %s", column,
			  sign);
	sql_where(q, condition, (struct db_param)DB_INT(ms));
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

	err = reg_status_complete(value);
	if (!err)
		err = reader->h(value, reader->arg);
	json_decref(value);

	return err;
}


static int read_span(struct store *st, const struct source *src,
		     const struct store_span *span, store_value_h *h,
		     void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	const bool after = span && span->after && src->key;
	char upn[STORE_NAME_SIZE];
	struct cursor cursor;
	struct sql q;

	if (!st || !span || !h ||
	    (span->upn && store_fold(upn, span->upn)) ||
	    (after && cursor_read(&cursor, src, span->after)))
		return EINVAL;

	reader.last = span->last;

	sql_begin(&q, "SELECT data");
	sql_add(&q, "%s%s FROM %s", src->key ? ", " : "",
		src->key ? src->key : "", src->table);
	sql_where_text(&q, "tenant =", span->tenant);
	sql_where_text(&q, "pbx =", span->pbx);
	sql_where_text(&q, "upn =", span->upn ? upn : NULL);
	sql_where_text(&q, "state =", src->time ? NULL : span->state);
	time_add(&q, src->time, ">=", span->from_ms);
	time_add(&q, src->time, "<", span->to_ms);
	if (after)
		after_add(&q, src, &cursor, src->ascending || span->oldest);

	sql_add(&q, " ORDER BY %s", span->oldest ? src->key : src->order);
	if (span->limit)
		sql_add(&q, " LIMIT %zu", span->limit);

	return sql_run(&q, st->db, 0, tell, &reader);
}


int store_regs(struct store *st, const struct store_span *span,
	       store_value_h *h, void *arg)
{
	static const struct source src = {
		"registrations", NULL, "tenant, upn", "tenant, upn", 2,
		{ false }, true };

	return read_span(st, &src, span, h, arg);
}


int store_reg_history(struct store *st, const struct store_span *span,
		      store_value_h *h, void *arg)
{
	static const struct source src = {
		"registration_history", "time_ms",
		"time_ms DESC, node DESC, day DESC, at DESC",
		"time_ms, node, day, at", 4, { true, false, false, true },
		false };

	return read_span(st, &src, span, h, arg);
}
