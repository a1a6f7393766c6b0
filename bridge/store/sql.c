/**
 * @file sql.c  A query that grows
 */
#include "bridge/base/libre.h"
#include "sql.h"


enum { SQL_SIZE = 1024 };


void sql_begin(struct sql *q, const char *sql)
{
	memset(q, 0, sizeof(*q));
	q->mb = mbuf_alloc(SQL_SIZE);
	sql_add(q, "%s", sql);
}


void sql_add(struct sql *q, const char *fmt, ...)
{
	va_list ap;

	if (!q->mb) {
		q->err = ENOMEM;
		return;
	}

	va_start(ap, fmt);
	if (mbuf_vprintf(q->mb, fmt, ap))
		q->err = ENOMEM;
	va_end(ap);
}


size_t sql_param(struct sql *q, struct db_param param)
{
	if (q->paramc == DB_PARAMS_MAX) {
		q->err = EINVAL;
		return 0;
	}

	q->paramv[q->paramc++] = param;

	return q->paramc;
}


void sql_where(struct sql *q, const char *condition, struct db_param param)
{
	sql_add(q, " %s %s $%zu", q->where ? "AND" : "WHERE", condition,
		sql_param(q, param));
	q->where = true;
}


void sql_where_text(struct sql *q, const char *condition, const char *text)
{
	if (text)
		sql_where(q, condition, (struct db_param)DB_TEXT(text));
}


void sql_anew(struct sql *q)
{
	q->where = false;
}


int sql_run(struct sql *q, struct db *db, int err, db_row_h *rowh, void *arg)
{
	sql_add(q, "%c", 0);

	if (!err)
		err = q->err;
	if (!err)
		err = db_query(db, (const char *)q->mb->buf, q->paramv,
			       q->paramc, rowh, arg);

	q->mb = mem_deref(q->mb);

	return err;
}
