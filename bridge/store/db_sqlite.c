/**
 * @file db_sqlite.c  SQLite: a file, nothing to set up
 *
 * Write-ahead log, so that readers and the writer do not wait for each
 * other; synced at each commit, so that what was acknowledged is on disk.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "db.h"


enum {
	BUSY_MS    = 5000,
	COPIES_MAX = 120 << 10,    /* octets, 14 pages: what 16 rows touch.
				      If there is more, all is written to a
				      file in one piece, and SQLite writes
				      0x1ffff at a time at most            */
	STATEMENTS = 32,           /* kept ready: to read the SQL of an
				      INSERT costs more than to do it      */
};


struct statement {
	sqlite3_stmt *stmt;        /* owned, NULL: none      */
	int *atv;                  /* owned: where $1, $2... are bound     */
	size_t atc;
	uint32_t hash;             /* of its text            */
	uint64_t used;             /* when, by the counter   */
	bool busy;
};

struct db_sqlite {
	struct db db;              /* first member           */
	sqlite3 *file;             /* owned                  */
	struct statement statementv[STATEMENTS];
	struct statement *newest;  /* borrowed, NULL: asked for last */
	uint64_t counter;          /* of queries             */
};


/* A writer that begins as a reader may find that it cannot write any more:
   it says so at once. There is one writer, so alone is what it is. */
static const char *const beginv[DB_MODES][2] = {
	[DB_READ]  = { "BEGIN", NULL },
	[DB_WRITE] = { "BEGIN IMMEDIATE", NULL },
	[DB_ALONE] = { "BEGIN IMMEDIATE", NULL },
	[DB_NODES] = { "BEGIN IMMEDIATE", NULL },
};


static void statement_clear(struct statement *st)
{
	(void)sqlite3_finalize(st->stmt);
	st->stmt = NULL;
	st->atv  = mem_deref(st->atv);
	st->atc  = 0;
}


static void destructor(void *data)
{
	struct db_sqlite *db = data;

	db_later_free(&db->db);
	for (size_t i = 0; i < STATEMENTS; i++)
		statement_clear(&db->statementv[i]);

	(void)sqlite3_close_v2(db->file);
}


static int constraint_errno(int rc)
{
	switch (rc) {

	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY: return EEXIST;
	case SQLITE_CONSTRAINT_FOREIGNKEY: return ENOLINK;
	default:                           return EIO;
	}
}


static int errno_of(int rc)
{
	switch (rc & 0xff) {

	case SQLITE_NOMEM:      return ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:     return EBUSY;
	case SQLITE_FULL:       return ENOSPC;
	case SQLITE_READONLY:   return EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:     return EBADMSG;
	case SQLITE_CONSTRAINT: return constraint_errno(rc);
	default:                return EIO;
	}
}


static int failed(struct db_sqlite *db, int rc)
{
	str_ncpy(db->db.why, db->file ? sqlite3_errmsg(db->file)
				      : sqlite3_errstr(rc),
		 sizeof(db->db.why));

	return errno_of(rc);
}


/** The statement of this text, or the place for it: a free one, else the one
    that was not asked for for the longest time; NULL: all are busy */
static struct statement *statement_find(struct db_sqlite *db, uint32_t hash,
					const char *sql)
{
	struct statement *oldest = NULL;

	for (size_t i = 0; i < STATEMENTS; i++) {
		struct statement *st = &db->statementv[i];

		if (st->busy)
			continue;

		if (st->stmt && st->hash == hash &&
		    !strcmp(sqlite3_sql(st->stmt), sql))
			return st;

		if (!oldest || (oldest->stmt &&
				(!st->stmt || st->used < oldest->used)))
			oldest = st;
	}

	if (oldest) {
		statement_clear(oldest);
		oldest->hash = hash;
	}

	return oldest;
}


/** SQLite numbers parameters as they come, and finds a name by looking at
    all of them: that is done once. @return SQLite's code */
static int params_find(struct statement *st)
{
	const int c = sqlite3_bind_parameter_count(st->stmt);

	if (!c)
		return SQLITE_OK;

	st->atv = mem_zalloc((size_t)c * sizeof(*st->atv), NULL);
	if (!st->atv)
		return SQLITE_NOMEM;

	st->atc = (size_t)c;

	for (int at = 1; at <= c; at++) {
		const char *name = sqlite3_bind_parameter_name(st->stmt, at);
		const int n = name ? atoi(name + 1) : 0;

		if (n < 1 || n > c)
			return SQLITE_RANGE;
		st->atv[n - 1] = at;
	}

	return SQLITE_OK;
}


static int prepare(struct db_sqlite *db, struct statement *st,
		   const char *sql)
{
	int rc;

	rc = sqlite3_prepare_v3(db->file, sql, -1, SQLITE_PREPARE_PERSISTENT,
				&st->stmt, NULL);
	if (rc == SQLITE_OK)
		rc = params_find(st);
	if (rc != SQLITE_OK)
		statement_clear(st);

	return rc;
}


/** @param st  Takes it; to be given back. @return SQLite's code */
static int statement_take(struct db_sqlite *db, struct statement **stp,
			  const char *sql)
{
	struct statement *st;
	int rc = SQLITE_OK;

	st = db->newest;
	if (!st || st->busy || !st->stmt || strcmp(sqlite3_sql(st->stmt), sql))
		st = statement_find(db, hash_joaat_str(sql), sql);
	if (!st)
		return SQLITE_BUSY;

	if (!st->stmt)
		rc = prepare(db, st, sql);

	db->newest = st;
	st->used = ++db->counter;
	st->busy = rc == SQLITE_OK;
	*stp = st->busy ? st : NULL;

	return rc;
}


/** Nothing of what was bound is looked at again */
static void statement_give(struct statement *st)
{
	if (!st)
		return;

	(void)sqlite3_reset(st->stmt);
	(void)sqlite3_clear_bindings(st->stmt);
	st->busy = false;
}


static int bind_all(const struct statement *st,
		    const struct db_param *paramv, size_t paramc)
{
	int rc = SQLITE_OK;

	if (paramc > st->atc)
		return SQLITE_RANGE;

	for (size_t i = 0; i < paramc && rc == SQLITE_OK; i++) {
		const struct db_param *p = &paramv[i];

		if (p->is_integer)
			rc = sqlite3_bind_int64(st->stmt, st->atv[i],
						p->integer);
		else
			rc = sqlite3_bind_text(st->stmt, st->atv[i], p->text,
					       -1, SQLITE_STATIC);
	}

	return rc;
}


static int tell(sqlite3_stmt *stmt, db_row_h *rowh, void *arg)
{
	const int c = sqlite3_column_count(stmt);
	struct db_row row = { .c = (size_t)c };

	if (c > DB_COLUMNS_MAX)
		return EINVAL;

	for (int i = 0; i < c; i++) {
		row.textv[i] = (const char *)sqlite3_column_text(stmt, i);

		if (!row.textv[i] &&
		    sqlite3_column_type(stmt, i) != SQLITE_NULL)
			return ENOMEM;
	}

	return rowh(&row, arg);
}


static int query(struct db *base, const char *sql,
		 const struct db_param *paramv, size_t paramc,
		 db_row_h *rowh, void *arg)
{
	struct db_sqlite *db = (struct db_sqlite *)base;
	struct statement *st = NULL;
	int rc, err = 0;

	rc = statement_take(db, &st, sql);
	if (rc == SQLITE_OK)
		rc = bind_all(st, paramv, paramc);

	while (rc == SQLITE_OK) {
		rc = sqlite3_step(st->stmt);
		if (rc != SQLITE_ROW)
			break;

		rc = SQLITE_OK;
		if (rowh)
			err = tell(st->stmt, rowh, arg);
		if (err)
			break;
	}

	if (!err && rc != SQLITE_DONE)
		err = failed(db, rc);

	statement_give(st);

	return err;
}


/** Names, numbers and who called whom: for nobody else to read. The log
    beside it takes its mode from the file */
static int file_make(const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			    0600);

	if (fd < 0)
		return errno;

	(void)close(fd);

	return 0;
}


static int file_check(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno;
	if (!S_ISREG(st.st_mode))
		return EINVAL;

	return st.st_mode & 077 ? EACCES : 0;
}


static int settings(struct db_sqlite *db)
{
	static const char *const sqlv[] = {
		/* of a file that is new: to write a page costs two calls,
		   however large it is, and again two when the log is
		   taken over */
		"PRAGMA page_size = 8192",
		"PRAGMA journal_mode = WAL",
		/* with 100,000 users the indices alone are 30 MB: what is
		   touched again and again is kept, and written back less
		   often */
		"PRAGMA cache_size = -16000",
		"PRAGMA wal_autocheckpoint = 4000",
		"PRAGMA synchronous = FULL",
		"PRAGMA foreign_keys = ON",
		"PRAGMA trusted_schema = OFF",
	};
	int err = 0;

	(void)sqlite3_extended_result_codes(db->file, 1);
	(void)sqlite3_busy_timeout(db->file, BUSY_MS);

	for (size_t i = 0; i < RE_ARRAY_SIZE(sqlv) && !err; i++)
		err = query(&db->db, sqlv[i], NULL, 0, NULL, NULL);

	return err;
}


/**
 * What a statement of many rows may have to take back is copied first, page
 * by page: to memory, for a file took half of the time that 16 rows take. One
 * that changes more than that (a migration) writes it to a file as before
 */
static void configure(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, COPIES_MAX);
}


int db_sqlite_open(struct db **dbp, const char *path, bool create,
		   char *why, size_t why_size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct db_sqlite *db;
	int rc, err;

	(void)pthread_once(&once, configure);

	err = create ? file_make(path) : 0;
	if (!err)
		err = file_check(path);
	if (err) {
		(void)re_snprintf(why, why_size, "%m", err);
		return err;
	}

	db = mem_zalloc(sizeof(*db), destructor);
	if (!db)
		return ENOMEM;

	db->db.queryh = query;
	db->db.beginv = beginv;
	db->db.rowc   = 16;        /* to begin and end a statement costs as
				      much as a row */
	/* ABORT would have it copy each page before, for the rows of the
	   statement that were put in */
	db->db.insert = "INSERT OR FAIL";

	rc = sqlite3_open_v2(path, &db->file, SQLITE_OPEN_READWRITE |
			     SQLITE_OPEN_NOMUTEX, NULL);

	err = rc == SQLITE_OK ? settings(db) : failed(db, rc);
	if (err) {
		str_ncpy(why, db->db.why, why_size);
		mem_deref(db);
		return err;
	}

	*dbp = &db->db;

	return 0;
}
