/**
 * @file store_backup.c  All of the store in one file, and back
 *
 * JSON lines: the head {"callbridge_store": version, "time_ms": ...}, a line
 * {"table": [values]} for each row, the foot {"rows": count}. Without its
 * foot a file is half a backup. It goes from one database to the other, and
 * from tables of an older version into those of this program: they are made
 * as they were, filled, and migrated.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "store_core.h"


struct writer {
	FILE *f;
	int64_t version;           /* of the tables */
	const char *table;
	json_int_t rows;
};


/* Writing */


static int write_line(FILE *f, json_t *json)
{
	int err = 0;

	if (!json)
		return ENOMEM;

	errno = ENOMEM;
	if (json_dumpf(json, f, JSON_COMPACT) || putc('\n', f) == EOF)
		err = errno;

	json_decref(json);

	return err;
}


static int write_row(const struct db_row *row, void *arg)
{
	struct writer *w = arg;
	json_t *values = json_array();
	int err = values ? 0 : ENOMEM;

	for (size_t i = 0; i < row->c && !err; i++)
		if (json_array_append_new(values, row->textv[i] ?
					  json_string(row->textv[i]) :
					  json_null()))
			err = ENOMEM;

	if (err) {
		json_decref(values);
		return err;
	}

	++w->rows;

	return write_line(w->f, json_pack("{s:o}", w->table, values));
}


static int write_table(struct store *st, struct writer *w,
		       const struct schema_table *t)
{
	const size_t c = schema_columnc(t, w->version);
	const struct pl columns = schema_columns(t, c);
	char sql[1024];

	if (!c)
		return 0;

	if (re_snprintf(sql, sizeof(sql), "SELECT %r FROM %s ORDER BY %s",
			&columns, t->name, t->order) < 0)
		return EINVAL;

	w->table = t->name;

	return db_query(st->db, sql, NULL, 0, write_row, w);
}


static int write_all(struct store *st, FILE *f)
{
	struct writer w = { .f = f };
	int err;

	err = store_version(st, &w.version);
	if (!err)
		err = write_line(f, json_pack("{s:I,s:I}", "callbridge_store",
					      (json_int_t)w.version, "time_ms",
					      (json_int_t)clock_wall_ms()));

	for (size_t i = 0; i < schema_tablec && !err; i++)
		err = write_table(st, &w, &schema_tablev[i]);

	return err ? err : write_line(f, json_pack("{s:I}", "rows", w.rows));
}


static int write_file(struct store *st, FILE *f)
{
	int err;

	err = db_begin(st->db, DB_READ);
	if (!err)
		err = db_end(st->db, write_all(st, f));

	if (!err && (fflush(f) || fsync(fileno(f))))
		err = errno;

	return err;
}


int store_backup(struct store *st, const char *path)
{
	FILE *f;
	int fd, err;

	if (!st || !str_isset(path))
		return EINVAL;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return errno;

	f = fdopen(fd, "w");
	if (f) {
		err = write_file(st, f);
		if (fclose(f) && !err)
			err = errno;
	}
	else {
		err = errno;
		(void)close(fd);
	}

	if (err)
		(void)unlink(path);

	return err;
}


/* Reading */


static int take_one(const struct db_row *row, void *arg)
{
	(void)row;
	*(bool *)arg = true;

	return 0;
}


static int check_empty(struct store *st)
{
	bool has = false;
	char sql[128];
	int err = 0;

	for (size_t i = 0; i < schema_tablec && !err && !has; i++) {
		(void)re_snprintf(sql, sizeof(sql), "SELECT 1 FROM %s"
				  " LIMIT 1", schema_tablev[i].name);
		err = db_query(st->db, sql, NULL, 0, take_one, &has);
	}

	return err || !has ? err : ENOTEMPTY;
}


static int insert_row(struct store *st, const struct schema_table *t,
		      int64_t version, const json_t *values)
{
	const size_t c = schema_columnc(t, version);
	const struct pl columns = schema_columns(t, c);
	struct db_param paramv[DB_COLUMNS_MAX] = { DB_INT(0) };
	char sql[1536], marks[256] = "";
	size_t at = 0;

	if (!c || json_array_size(values) != c)
		return EBADMSG;

	for (size_t i = 0; i < c; i++) {
		paramv[i] = (struct db_param)DB_TEXT(json_string_value(
			json_array_get(values, i)));
		at += (size_t)re_snprintf(marks + at, sizeof(marks) - at,
					  "%s$%zu", i ? "," : "", i + 1);
	}

	if (re_snprintf(sql, sizeof(sql), "INSERT INTO %s (%r) VALUES (%s)",
			t->name, &columns, marks) < 0)
		return EINVAL;

	return db_query(st->db, sql, paramv, c, NULL, NULL);
}


/** @return 0, EBADMSG not a row of ours */
static int read_row(struct store *st, int64_t version, const json_t *json)
{
	for (size_t i = 0; i < schema_tablec; i++) {
		const struct schema_table *t = &schema_tablev[i];
		const json_t *values = json_object_get(json, t->name);

		if (values)
			return insert_row(st, t, version, values);
	}

	return EBADMSG;
}


static int read_head(FILE *f, int64_t *version, struct errors *errs)
{
	json_t *json = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
	const json_t *value = json_object_get(json, "callbridge_store");
	const json_int_t n = json_integer_value(value);
	int err = 0;

	if (!json_is_integer(value) || n < 1) {
		errors_add(errs, NULL, NULL, "this is no backup of a store");
		err = EBADMSG;
	}
	else if (n > SCHEMA_VERSION) {
		errors_add(errs, NULL, NULL, "the backup is of version %lld,"
			   " this program's tables are of %d: want the"
			   " program that wrote it, or a newer one",
			   (long long)n, SCHEMA_VERSION);
		err = EPROTO;
	}

	*version = n;
	json_decref(json);

	return err;
}


/** The rows, and the foot */
static int read_rows(struct store *st, int64_t version, FILE *f)
{
	json_int_t rows = 0;
	int err = 0;

	while (!err) {
		json_t *json = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
		const json_t *foot = json_object_get(json, "rows");
		const json_int_t want = json_integer_value(foot);
		const bool whole = json_is_integer(foot) && want == rows;

		err = json ? whole ? 0 : read_row(st, version, json)
			: EBADMSG;
		json_decref(json);
		++rows;

		if (whole)
			return 0;
	}

	return err;
}


static int read_all(struct store *st, FILE *f, struct errors *errs)
{
	int64_t version;
	int err;

	err = check_empty(st);
	if (!err)
		err = read_head(f, &version, errs);
	if (!err && version < SCHEMA_VERSION)
		err = schema_remake(st, version, errs);
	if (err)
		return err;

	err = read_rows(st, version, f);
	if (err == EBADMSG)
		errors_add(errs, NULL, NULL, "the backup is not whole");

	return err ? err : schema_migrate(st, SCHEMA_VERSION, errs);
}


int store_restore(struct store *st, const char *path, struct errors *errs)
{
	FILE *f;
	int err;

	if (!st || !str_isset(path))
		return EINVAL;

	f = fopen(path, "re");
	if (!f)
		return errno;

	err = db_begin(st->db, DB_ALONE);
	if (!err)
		err = db_end(st->db, read_all(st, f, errs));

	(void)fclose(f);

	return err;
}
