/**
 * @file store_sweep.c  What has been kept for long enough goes
 *
 * A little at a time, so that nobody who writes waits for it: a slice of each
 * table is a transaction of its own. Figures of hours name nobody and stay
 * longer than the calls that they count. A day's file of the journal goes
 * when it is that old and all of it has been taken over.
 */
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "journal_file.h"
#include "store_core.h"


enum { SLICE = 500 };

#define DAY_MS        ((int64_t)24 * 3600 * 1000)
#define FIGURES_DAYS  (5 * 365)


struct sweep {
	const char *sql;           /* $1: before, $2: at most so many; tells
				      a row for each that went              */
	int64_t before_ms;
};


static int count_h(const struct db_row *row, void *arg)
{
	(void)row;
	++*(size_t *)arg;

	return 0;
}


static int slice(struct store *st, const struct sweep *sweep, bool *more)
{
	size_t c = 0;
	int err;

	err = db_begin(st->db, DB_WRITE);
	if (err)
		return err;

	err = db_do_each(st->db, count_h, &c, sweep->sql,
			 DB_INT(sweep->before_ms), DB_INT(SLICE));
	err = db_end(st->db, err);
	if (!err && c == SLICE)
		*more = true;

	return err;
}


/* Files of the journal */


struct position {
	int64_t at;
	bool is;
};


static int take_position(const struct db_row *row, void *arg)
{
	struct position *position = arg;

	position->at = db_int(row, 0);
	position->is = true;

	return 0;
}


static int file_sweep(struct store *st, const char *node, const char *folder,
		      const char *name)
{
	char path[PATH_MAX], day[JOURNAL_DAY_SIZE];
	struct position position = { 0, false };
	struct stat entry;
	int err;

	str_ncpy(day, name, 9);
	if (re_snprintf(path, sizeof(path), "%s/%s", folder, name) < 0)
		return ENAMETOOLONG;
	if (stat(path, &entry))
		return errno == ENOENT ? 0 : errno;

	err = db_do_each(st->db, take_position, &position, "SELECT at FROM"
			 " journal_position WHERE node = $1 AND day = $2",
			 DB_TEXT(node), DB_TEXT(day));
	if (err || !position.is || position.at < entry.st_size)
		return err;

	return unlink(path) && errno != ENOENT ? errno : 0;
}


/** "20260131.jsonl", and before that day? */
static bool is_old(const char *name, const char *before)
{
	return strlen(name) == 14 && strspn(name, "0123456789") == 8 &&
		!strcmp(name + 8, ".jsonl") && strncmp(name, before, 8) < 0;
}


static int journal_sweep(struct store *st, const char *node,
			 const char *state_dir, int64_t before_ms)
{
	char folder[PATH_MAX], before[JOURNAL_DAY_SIZE];
	const struct dirent *de;
	DIR *dir;
	int err;

	err = journal_folder(folder, state_dir);
	if (err)
		return err;

	dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? 0 : errno;

	journal_day(before, before_ms / 1000);
	while (!err && (de = readdir(dir)))
		if (is_old(de->d_name, before))
			err = file_sweep(st, node, folder, de->d_name);
	(void)closedir(dir);

	return err;
}


int store_sweep(struct store *st, const char *node, const char *state_dir,
		unsigned days, bool *more)
{
	const int64_t now = clock_wall_ms();
	const int64_t before = now - (int64_t)days * DAY_MS;
	const int64_t figures = now - (int64_t)(days > FIGURES_DAYS ? days
						: FIGURES_DAYS) * DAY_MS;
	const struct sweep sweepv[] = {
		{ "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE"
		  " start_ms < $1 ORDER BY start_ms LIMIT $2) RETURNING 1",
		  before },
		{ "DELETE FROM registration_history WHERE (node, day, at) IN"
		  " (SELECT node, day, at FROM registration_history WHERE"
		  " time_ms < $1 ORDER BY time_ms LIMIT $2) RETURNING 1",
		  before },
		{ "DELETE FROM outages WHERE (kind, tenant, name, node,"
		  " from_ms) IN (SELECT kind, tenant, name, node, from_ms"
		  " FROM outages WHERE to_ms > 0 AND to_ms < $1"
		  " ORDER BY to_ms LIMIT $2) RETURNING 1", before },
		{ "DELETE FROM call_figures WHERE (tenant, hour_ms, pbx) IN"
		  " (SELECT tenant, hour_ms, pbx FROM call_figures WHERE"
		  " hour_ms < $1 ORDER BY hour_ms LIMIT $2) RETURNING 1",
		  figures },
		{ "DELETE FROM shares WHERE id IN (SELECT id FROM shares"
		  " WHERE expires_ms < $1 LIMIT $2) RETURNING 1", now },
	};
	bool some = false;
	int err = 0;

	if (!st || !node || !state_dir || !days || !more)
		return EINVAL;

	for (size_t i = 0; i < RE_ARRAY_SIZE(sweepv) && !err; i++)
		err = slice(st, &sweepv[i], &some);
	if (!err)
		err = journal_sweep(st, node, state_dir, before);
	if (!err)
		*more = some;

	return err;
}
