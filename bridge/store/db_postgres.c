/**
 * @file db_postgres.c  PostgreSQL by libpq: for several nodes, or many users
 *
 * A connection that is lost is made again with the next query, unless that
 * is inside a transaction: it was begun on the lost one.
 *
 * What writes is prepared when it comes a second time: to read and plan it
 * costs the server more than to do it. What reads is planned each time, by
 * its values: the users of one state may be five of 100,000, or all but five.
 */
#include <libpq-fe.h>

#include "bridge/base/libre.h"
#include "db.h"


enum { PREPARED_MAX = 64 };        /* the texts that write are known to us */


struct prepared {
	char *sql;                 /* owned */
	uint32_t hash;             /* of it */
	bool ready;                /* the server knows it, by our number */
};

struct db_postgres {
	struct db db;              /* first member */
	PGconn *conn;              /* owned        */
	bool lost;                 /* to be connected anew     */
	bool listening;            /* on this connection */
	struct prepared preparedv[PREPARED_MAX];
	size_t preparedc;
};


/* The numbers are ours; whoever asks for it waits for the other's end */
static const char *const beginv[DB_MODES][2] = {
	[DB_READ]  = { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		       NULL },
	[DB_WRITE] = { "BEGIN", NULL },
	[DB_ALONE] = { "BEGIN",
		       "SELECT 1 FROM pg_advisory_xact_lock(1128416114)" },
	[DB_NODES] = { "BEGIN",
		       "SELECT 1 FROM pg_advisory_xact_lock(1128416115)" },
};


static void prepared_forget(struct db_postgres *db)
{
	while (db->preparedc)
		mem_deref(db->preparedv[--db->preparedc].sql);
}


static void destructor(void *data)
{
	struct db_postgres *db = data;

	db_later_free(&db->db);
	prepared_forget(db);
	PQfinish(db->conn);
}


static void hush(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}


/** The words of libpq end in a newline and may have several lines */
static void keep_words(char *why, size_t size, const char *words)
{
	const size_t l = strcspn(words, "\n");

	str_ncpy(why, words, l + 1 < size ? l + 1 : size);
}


static int errno_of(const char *state)
{
	static const struct {
		const char *state;
		int err;
	} v[] = {
		{ "23505", EEXIST },       /* unique_violation            */
		{ "23503", ENOLINK },      /* foreign_key_violation       */
		{ "40001", EBUSY },        /* serialization_failure       */
		{ "40P01", EBUSY },        /* deadlock_detected           */
		{ "55P03", EBUSY },        /* lock_not_available          */
		{ "53100", ENOSPC },       /* disk_full                   */
		{ "53200", ENOMEM },       /* out_of_memory               */
		{ "25006", EROFS },        /* read_only_sql_transaction   */
		{ "57P01", ECONNRESET },   /* admin_shutdown              */
		{ "57P02", ECONNRESET },   /* crash_shutdown              */
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++)
		if (!strcmp(state, v[i].state))
			return v[i].err;

	return EIO;
}


/** What has no state the server has not said: libpq could not ask it, also
    where it does not take the connection for lost yet */
static int failed(struct db_postgres *db, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	keep_words(db->db.why, sizeof(db->db.why),
		   res ? PQresultErrorMessage(res)
		       : PQerrorMessage(db->conn));

	/* invalid_sql_statement_name: somebody in between has let go of what
	   was prepared */
	db->lost = !state || PQstatus(db->conn) == CONNECTION_BAD ||
		!strcmp(state, "26000");

	return db->lost ? ECONNRESET : errno_of(state);
}


/**
 * What pages ask for are fifty rows of 100,000 in the order of an index. For
 * them a planner takes a merge of two indices to be as good as looking into
 * the second fifty times, and begins it at their very first row; and it
 * has other processes help, or compiles the query, which takes longer than
 * doing it.
 *
 * @return 0, or as failed()
 */
static int session_begin(struct db_postgres *db)
{
	PGresult *res;
	int err;

	res = PQexec(db->conn, "SET enable_mergejoin = off;"
		     " SET max_parallel_workers_per_gather = 0;"
		     " SET jit = off");
	err = PQresultStatus(res) == PGRES_COMMAND_OK ? 0 : failed(db, res);
	PQclear(res);

	return err;
}


static bool is_writing(const char *sql)
{
	return !strncmp(sql, "INSERT ", 7) || !strncmp(sql, "UPDATE ", 7) ||
		!strncmp(sql, "DELETE ", 7);
}


/** @return The one of this text, NULL: it comes for the first time, and is
            noted, or there is no room for it */
static struct prepared *prepared_find(struct db_postgres *db,
				      const char *sql)
{
	const uint32_t hash = hash_joaat_str(sql);
	struct prepared *p;

	for (size_t i = 0; i < db->preparedc; i++) {
		p = &db->preparedv[i];
		if (p->hash == hash && !strcmp(p->sql, sql))
			return p;
	}

	if (db->preparedc == PREPARED_MAX)
		return NULL;

	p = &db->preparedv[db->preparedc];
	if (!str_dup(&p->sql, sql)) {
		p->hash  = hash;
		p->ready = false;
		++db->preparedc;
	}

	return NULL;
}


static void prepared_name(char name[16], const struct db_postgres *db,
			  const struct prepared *p)
{
	(void)re_snprintf(name, 16, "s%zu", (size_t)(p - db->preparedv));
}


static int prepare(struct db_postgres *db, struct prepared *p, size_t paramc)
{
	char name[16];
	PGresult *res;
	int err;

	prepared_name(name, db, p);
	res = PQprepare(db->conn, name, p->sql, (int)paramc, NULL);
	err = PQresultStatus(res) == PGRES_COMMAND_OK ? 0 : failed(db, res);
	PQclear(res);
	p->ready = !err;

	return err;
}


/** @param name  Of what is prepared, empty: nothing is */
static int prepared_use(struct db_postgres *db, char name[16],
			const char *sql, size_t paramc)
{
	struct prepared *p = is_writing(sql) ? prepared_find(db, sql) : NULL;
	int err = 0;

	*name = '\0';
	if (p && !p->ready)
		err = prepare(db, p, paramc);
	if (p && !err)
		prepared_name(name, db, p);

	return err;
}


/** Parameters go as text: the server knows the type of each */
static int send_query(struct db_postgres *db, const char *sql,
		      const struct db_param *paramv, size_t paramc)
{
	const char *textv[DB_PARAMS_MAX] = { NULL };
	char numberv[DB_PARAMS_MAX][24];
	char name[16];
	int err;

	err = prepared_use(db, name, sql, paramc);
	if (err)
		return err;

	for (size_t i = 0; i < paramc; i++) {
		textv[i] = paramv[i].text;
		if (!paramv[i].is_integer)
			continue;

		(void)re_snprintf(numberv[i], sizeof(numberv[i]), "%lld",
				  (long long)paramv[i].integer);
		textv[i] = numberv[i];
	}

	if (!(*name ? PQsendQueryPrepared(db->conn, name, (int)paramc, textv,
					  NULL, NULL, 0) :
	      PQsendQueryParams(db->conn, sql, (int)paramc, NULL, textv, NULL,
				NULL, 0)))
		return failed(db, NULL);

	/* Ten million calls need not fit into memory */
	(void)PQsetSingleRowMode(db->conn);

	return 0;
}


static int tell(const PGresult *res, int at, db_row_h *rowh, void *arg)
{
	const int c = PQnfields(res);
	struct db_row row = { .c = (size_t)c };

	if (c > DB_COLUMNS_MAX)
		return EINVAL;

	for (int i = 0; i < c; i++)
		if (!PQgetisnull(res, at, i))
			row.textv[i] = PQgetvalue(res, at, i);

	return rowh(&row, arg);
}


static int take(struct db_postgres *db, const PGresult *res, db_row_h *rowh,
		void *arg)
{
	int err = 0;

	switch (PQresultStatus(res)) {

	case PGRES_COMMAND_OK:
		return 0;

	case PGRES_SINGLE_TUPLE:
	case PGRES_TUPLES_OK:
		for (int i = 0; rowh && i < PQntuples(res) && !err; i++)
			err = tell(res, i, rowh, arg);
		return err;

	default:
		return failed(db, res);
	}
}


static int query(struct db *base, const char *sql,
		 const struct db_param *paramv, size_t paramc,
		 db_row_h *rowh, void *arg)
{
	struct db_postgres *db = (struct db_postgres *)base;
	PGresult *res;
	int err = 0;

	if ((db->lost || PQstatus(db->conn) == CONNECTION_BAD) &&
	    !base->inside) {
		db->listening = false;
		db->lost = false;
		prepared_forget(db);
		PQreset(db->conn);
		err = session_begin(db);
	}

	if (!err)
		err = send_query(db, sql, paramv, paramc);
	if (err)
		return err;

	/* All results are to be taken before the next query */
	while ((res = PQgetResult(db->conn))) {
		if (!err)
			err = take(db, res, rowh, arg);
		PQclear(res);
	}

	return err;
}


static int notify(struct db *base)
{
	return query(base, "NOTIFY callbridge", NULL, 0, NULL, NULL);
}


/** What came while another query ran is waiting already */
static bool notified(struct db_postgres *db)
{
	PGnotify *note;
	bool some = false;

	(void)PQconsumeInput(db->conn);
	while ((note = PQnotifies(db->conn))) {
		PQfreemem(note);
		some = true;
	}

	return some;
}


static int wait_note(struct db *base, int bell, unsigned ms)
{
	struct db_postgres *db = (struct db_postgres *)base;
	int err;

	if (!db->listening) {
		err = query(base, "LISTEN callbridge", NULL, 0, NULL, NULL);
		if (err) {
			(void)db_poll(-1, bell, ms);
			return err;
		}

		/* Something may have changed before */
		db->listening = true;
		return 0;
	}

	if (notified(db))
		return 0;

	(void)db_poll(PQsocket(db->conn), bell, ms);
	(void)notified(db);

	return PQstatus(db->conn) == CONNECTION_OK ? 0 : ECONNRESET;
}


int db_postgres_open(struct db **dbp, const char *url, char *why,
		     size_t why_size)
{
	/* What comes later counts: the URL may say otherwise */
	const char *const keyv[] = { "connect_timeout", "application_name",
				     "tcp_user_timeout", "dbname",
				     "client_encoding", NULL };
	const char *const valuev[] = { "5", "callbridge", "10000", url,
				       "UTF8", NULL };
	struct db_postgres *db;

	db = mem_zalloc(sizeof(*db), destructor);
	if (!db)
		return ENOMEM;

	db->db.queryh  = query;
	db->db.notifyh = notify;
	db->db.waith   = wait_note;
	db->db.beginv  = beginv;
	db->db.rowc    = DB_ROWS_MAX;
	/* Of a customer it has not heard of yet it takes one index for as
	   good as another, and looks through all users for each of them */
	db->db.settle  = "ANALYZE users";
	db->db.insert  = "INSERT";
	db->db.now     = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp())"
		" * 1000 AS BIGINT)";

	db->conn = PQconnectdbParams(keyv, valuev, 1);
	if (!db->conn) {
		mem_deref(db);
		return ENOMEM;
	}

	(void)PQsetNoticeProcessor(db->conn, hush, NULL);

	if (PQstatus(db->conn) != CONNECTION_OK || session_begin(db)) {
		keep_words(why, why_size, PQerrorMessage(db->conn));
		mem_deref(db);
		return ECONNREFUSED;
	}

	*dbp = &db->db;

	return 0;
}
