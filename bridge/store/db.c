/**
 * @file db.c  What all databases have in common
 */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "db.h"

int db_query_beside(struct db *db, const char *sql,
		    const struct db_param *paramv, size_t paramc,
		    db_row_h *rowh, void *arg)
{
	if (!db || !sql || paramc > DB_PARAMS_MAX)
		return EINVAL;

	return db->queryh(db, sql, paramv, paramc, rowh, arg);
}


int db_query(struct db *db, const char *sql, const struct db_param *paramv,
	     size_t paramc, db_row_h *rowh, void *arg)
{
	int err = db && db->waits ? db_later_end(db, 0) : 0;

	return err ? err : db_query_beside(db, sql, paramv, paramc, rowh,
					   arg);
}


/** @param n  Parameters before it; moved on */
static int row_sql(struct mbuf *mb, const struct db_rows *rows, size_t *n)
{
	int err = 0;

	if (rows->row) {
		for (const char *p = rows->row; *p && !err; p++)
			err = *p == '%' ? mbuf_printf(mb, "$%zu", ++*n) :
				mbuf_write_u8(mb, (uint8_t)*p);
		return err;
	}

	for (size_t i = 0; i < rows->columnc && !err; i++)
		err = mbuf_printf(mb, "%s$%zu", i ? ", " : "(", ++*n);

	return err ? err : mbuf_write_u8(mb, ')');
}


static int rows_sql(const struct db_rows *rows, size_t rowc, char **sqlp)
{
	struct mbuf *mb = mbuf_alloc(1024);
	int err = mb ? mbuf_printf(mb, "%s INTO %s VALUES ", rows->db->insert,
				   rows->into) : ENOMEM;
	size_t n = 0;

	for (size_t i = 0; i < rowc && !err; i++) {
		err = i ? mbuf_write_str(mb, ", ") : 0;
		if (!err)
			err = row_sql(mb, rows, &n);
	}
	if (!err)
		err = mbuf_write_str(mb, rows->tail);
	if (!err)
		err = re_sdprintf(sqlp, "%b", mb->buf, mb->end);
	mem_deref(mb);

	return err;
}


int db_rows_add(struct db_rows *rows, const struct db_param *paramv)
{
	int err;

	memcpy(&rows->paramv[rows->rowc * rows->columnc], paramv,
	       rows->columnc * sizeof(*paramv));
	if (++rows->rowc < rows->db->rowc)
		return 0;

	err = rows->sql ? 0 : rows_sql(rows, rows->rowc, &rows->sql);
	if (!err)
		err = db_query(rows->db, rows->sql, rows->paramv,
			       rows->rowc * rows->columnc, NULL, NULL);
	rows->rowc = 0;

	return err;
}


/** The rest goes one by one: the same statement each time */
int db_rows_end(struct db_rows *rows, int err)
{
	char *sql = NULL;

	if (!err && rows->rowc)
		err = rows_sql(rows, 1, &sql);

	for (size_t i = 0; i < rows->rowc && !err; i++)
		err = db_query(rows->db, sql,
			       &rows->paramv[i * rows->columnc],
			       rows->columnc, NULL, NULL);

	rows->rowc = 0;
	rows->sql = mem_deref(rows->sql);
	mem_deref(sql);

	return err;
}


int db_begin(struct db *db, enum db_mode mode)
{
	const char *lock;
	int err;

	if (!db || db->inside || mode >= DB_MODES)
		return EINVAL;

	err = db_query(db, db->beginv[mode][0], NULL, 0, NULL, NULL);
	if (err)
		return err;

	db->inside = true;

	lock = db->beginv[mode][1];
	if (lock)
		err = db_query(db, lock, NULL, 0, NULL, NULL);

	return err ? db_end(db, err) : 0;
}


int db_end(struct db *db, int err)
{
	char why[sizeof(db->why)];

	if (!db || !db->inside)
		return EINVAL;

	if (!err)
		err = db_query(db, "COMMIT", NULL, 0, NULL, NULL);

	/* What went wrong first is told, not what comes of it */
	if (err) {
		(void)db_later_end(db, err);
		str_ncpy(why, db->why, sizeof(why));
		(void)db_query(db, "ROLLBACK", NULL, 0, NULL, NULL);
		str_ncpy(db->why, why, sizeof(db->why));
	}

	db->inside = false;

	return err;
}


int db_notify(struct db *db)
{
	return db->notifyh ? db->notifyh(db) : 0;
}


int db_wait(struct db *db, int bell, unsigned ms)
{
	return db->waith ? db->waith(db, bell, ms) : db_poll(-1, bell, ms);
}


int db_poll(int fd, int bell, unsigned ms)
{
	struct pollfd v[] = { { .fd = bell, .events = POLLIN },
			      { .fd = fd, .events = POLLIN } };
	uint64_t count;

	if (poll(v, 2, (int)ms) > 0 && v[0].revents)
		(void)!read(bell, &count, sizeof(count));

	return 0;
}


int64_t db_int(const struct db_row *row, size_t i)
{
	return i < row->c && row->textv[i] ? strtoll(row->textv[i], NULL, 10)
					   : 0;
}
