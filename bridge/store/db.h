/**
 * @file db.h  A database, whichever it is; for this room alone
 *
 * SQL that both SQLite and PostgreSQL understand, parameters written $1, $2.
 * A value comes as text, an integer is read from it. One thread at a time
 * uses a database; within a row's handler no other query is made.
 *
 * Errors: ENOMEM; EEXIST a key is taken; ENOLINK a row that is referred to
 * is missing, or is referred to; EBUSY locked by somebody else for too long;
 * ECONNRESET the server went away; ENOSPC, EROFS; EBADMSG the file is no
 * database or damaged; EIO everything else. db_why() has the library's words.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum db_mode {
	DB_READ,                   /* one snapshot for all queries         */
	DB_WRITE,
	DB_ALONE,                  /* no other DB_ALONE at the same time   */
	DB_NODES,                  /* nor this; the two do not wait for each
				      other where several can write        */
	DB_MODES,
};

enum { DB_PARAMS_MAX = 320, DB_COLUMNS_MAX = 52, DB_ROWS_MAX = 32,
       DB_COLUMNS_ROWS = 10 };

struct db_param {
	const char *text;          /* NULL: SQL's NULL, if no integer      */
	int64_t integer;
	bool is_integer;
};

#define DB_TEXT(t) {.text = (t)}
#define DB_INT(n)  {.integer = (n), .is_integer = true}

/** One row; lives as long as its handler runs */
struct db_row {
	const char *textv[DB_COLUMNS_MAX];       /* NULL: SQL's NULL */
	size_t c;
};

/** @return 0 to go on, other stops and is returned by db_query() */
typedef int (db_row_h)(const struct db_row *row, void *arg);

struct db_later;

enum { DB_LATER_MAX = 4 };

/** What a back end is; its own struct begins with it */
struct db {
	int (*queryh)(struct db *db, const char *sql,
		      const struct db_param *paramv, size_t paramc,
		      db_row_h *rowh, void *arg);
	int (*notifyh)(struct db *db);
	int (*waith)(struct db *db, int bell, unsigned ms);
	const char *const (*beginv)[2];    /* by mode: begin, lock or NULL */
	size_t rowc;                       /* that go well in a statement  */
	const char *settle;        /* statement after many users were put
				      in, NULL                             */
	const char *insert;                /* "INSERT" of such a one       */
	const char *now;           /* query of its clock [ms since 1970];
				      NULL: it is of this machine alone    */
	bool inside;                       /* a transaction runs           */
	struct db_later *laterv[DB_LATER_MAX]; /* owned: see db_later()    */
	size_t laterc;
	bool waits;                        /* rows of any of them do       */
	char why[256];                     /* the library's words          */
};

int db_sqlite_open(struct db **dbp, const char *path, bool create,
		   char *why, size_t why_size);
int db_postgres_open(struct db **dbp, const char *url, char *why,
		     size_t why_size);

int db_query(struct db *db, const char *sql, const struct db_param *paramv,
	     size_t paramc, db_row_h *rowh, void *arg);

/** One statement whose rows nobody wants */
#define db_do(db, sql, ...)						\
	db_query((db), (sql), (const struct db_param[]){__VA_ARGS__},	\
		 sizeof((const struct db_param[]){__VA_ARGS__}) /	\
		 sizeof(struct db_param), NULL, NULL)

/** One statement, its rows to a handler */
#define db_do_each(db, rowh, arg, sql, ...)				\
	db_query((db), (sql), (const struct db_param[]){__VA_ARGS__},	\
		 sizeof((const struct db_param[]){__VA_ARGS__}) /	\
		 sizeof(struct db_param), (rowh), (arg))

/**
 * Rows to be put in, as many a statement as suits the database: to ask a
 * server costs more than what it does then. Inside a transaction that does
 * not outlive an error, for some rows of a statement may be in after one.
 * Texts live until db_rows_end()
 */
struct db_rows {
	struct db *db;             /* borrowed                             */
	const char *into;          /* "t (a, b)"                           */
	const char *tail;          /* " ON CONFLICT ...", ""               */
	const char *row;           /* "(%, 1, %)": each % is a parameter;
				      NULL: there is nothing else in a row  */
	size_t columnc;            /* 1..DB_COLUMNS_ROWS parameters a row  */
	size_t rowc;               /* that wait; to begin with 0           */
	char *sql;                 /* owned: of as many as go together     */
	struct db_param paramv[DB_PARAMS_MAX];
};

/** @param paramv  columnc of them */
int db_rows_add(struct db_rows *rows, const struct db_param *paramv);

/** Put in what waits, in any case to be called.
    @param err  What was met before: then nothing is put in, and it is
                returned */
int db_rows_end(struct db_rows *rows, int err);

/** Where rows go; static */
struct db_into {
	const char *into, *tail;   /* as of struct db_rows    */
	size_t columnc;            /* 1..DB_COLUMNS_ROWS      */
};

/**
 * A row to be put in before the next query: of a transaction of many rows
 * that nobody reads meanwhile, as many together as suit the database. That
 * it failed is told by whoever is next, or by db_end(); outside a transaction
 * it is put in at once
 *
 * @param into    At most DB_LATER_MAX of them
 * @param paramv  columnc of them; copied
 */
int db_later(struct db *db, const struct db_into *into,
	     const struct db_param *paramv);

/** A query to which rows that wait make no difference: they go on waiting */
int db_query_beside(struct db *db, const char *sql,
		    const struct db_param *paramv, size_t paramc,
		    db_row_h *rowh, void *arg);

/** Put in what waits, for db.c
    @param err  What was met before: then nothing is put in, and it is
                returned */
int db_later_end(struct db *db, int err);

/** For the destructors of back ends */
void db_later_free(struct db *db);

int db_begin(struct db *db, enum db_mode mode);

/** Commit if err is 0, otherwise roll back. @return err, or why it could not
    be committed */
int db_end(struct db *db, int err);

/** Tell other programs that wait, when the transaction is committed */
int db_notify(struct db *db);

/** Wait for a db_notify() of another program, a bell (eventfd, emptied here;
    -1 none), or the end of the time. @return 0, ECONNRESET */
int db_wait(struct db *db, int bell, unsigned ms);

/** For back ends: wait for a descriptor of theirs (-1 none) or the bell */
int db_poll(int fd, int bell, unsigned ms);

/** The integer in a column, 0 if it is NULL */
int64_t db_int(const struct db_row *row, size_t i);

#endif
