/**
 * @file db.c  What all databases have in common
 */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "db.h"


int db_query(struct db *db, const char *sql, const struct db_param *paramv,
	     size_t paramc, db_row_h *rowh, void *arg)
{
	if (!db || !sql || paramc > DB_PARAMS_MAX)
		return EINVAL;

	return db->queryh(db, sql, paramv, paramc, rowh, arg);
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
