/**
 * @file store_runs.c  Reports of test runs that are kept
 */
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "sql.h"
#include "store_core.h"


enum { KEPT = 100 };               /* of a tenant, beside those pinned */


struct reader {
	store_run_h *h;
	void *arg;
	char *last;
	size_t c;
};


static int tell(const struct db_row *row, void *arg)
{
	struct reader *reader = arg;
	const struct store_run run = {
		.id      = row->textv[0],
		.tenant  = row->textv[1],
		.who     = row->textv[2],
		.time_ms = db_int(row, 3),
		.summary = row->textv[4],
		.node    = row->textv[5],
		.pinned  = db_int(row, 6) != 0,
		.report  = row->c > 7 ? row->textv[7] : NULL,
	};

	if (reader->last)
		str_ncpy(reader->last, run.id, STORE_CURSOR_SIZE);
	++reader->c;

	return reader->h(&run, reader->arg);
}


int store_run_list(struct store *st, const struct store_span *span,
		   store_run_h *h, void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	struct sql q;

	if (!st || !span || !h)
		return EINVAL;

	reader.last = span->last;

	sql_begin(&q, "SELECT id, tenant, who, time_ms, summary, node,"
		  " pinned FROM test_runs");
	sql_where_text(&q, "tenant =", span->tenant);
	sql_where_text(&q, span->oldest ? "id >" : "id <", span->after);
	sql_add(&q, " ORDER BY id%s", span->oldest ? "" : " DESC");
	if (span->limit)
		sql_add(&q, " LIMIT %zu", span->limit);

	return sql_run(&q, st->db, 0, tell, &reader);
}


int store_run_get(struct store *st, const char *id, store_run_h *h,
		  void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	int err;

	if (!st || !id || !h)
		return EINVAL;

	err = db_do_each(st->db, tell, &reader, "SELECT id, tenant, who,"
			 " time_ms, summary, node, pinned, data FROM test_runs"
			 " WHERE id = $1", DB_TEXT(id));

	return err || reader.c ? err : ENOENT;
}


static int keep(struct store *st, const struct store_run *run,
		const char *id, const struct store_by *by)
{
	int err;

	err = db_do(st->db, "INSERT INTO test_runs (id, tenant, who, time_ms,"
		    " summary, data, node, pinned) VALUES ($1, $2, $3, $4,"
		    " $5, $6, $7, $8)", DB_TEXT(id), DB_TEXT(run->tenant),
		    DB_TEXT(by->who), DB_INT(clock_wall_ms()),
		    DB_TEXT(run->summary), DB_TEXT(run->report),
		    DB_TEXT(run->node), DB_INT(run->pinned));

	return err ? err : store_audit_add(st, by, run->tenant, "create",
					   "test-run", id, NULL, NULL);
}


static int add(struct store *st, const struct store_run *run,
	       const struct store_by *by, char id[STORE_RUN_ID_SIZE])
{
	char fresh[STORE_ID_SIZE];
	int err;

	err = store_id(fresh);
	if (!err)
		err = store_inner_begin(st);
	if (!err)
		err = store_inner_end(st, keep(st, run, fresh, by));
	if (!err)
		str_ncpy(id, fresh, STORE_RUN_ID_SIZE);

	return err == ENOLINK ? ENOENT : err;
}


int store_run_keep(struct store *st, const struct store_run *run,
		   const struct store_by *by, char id[STORE_RUN_ID_SIZE])
{
	struct store_run row;

	if (!st || !run || !run->summary || !run->report || !by ||
	    !by->who || !id)
		return EINVAL;

	row = *run;
	row.node   = NULL;
	row.pinned = true;

	return add(st, &row, by, id);
}


int store_run_begin(struct store *st, const struct store_run *run,
		    const struct store_by *by, char id[STORE_RUN_ID_SIZE])
{
	struct store_run row;

	if (!st || !run || !run->summary || !run->node || !by || !by->who ||
	    !id)
		return EINVAL;

	row = *run;
	row.report = "null";
	row.pinned = false;

	return add(st, &row, by, id);
}


/** What is older than the newest ones of the same tenant */
static int prune(struct store *st, const char *tenant)
{
	return db_do(st->db, "DELETE FROM test_runs WHERE pinned = 0"
		     " AND node IS NULL AND COALESCE(tenant, '') = $1"
		     " AND id NOT IN (SELECT id FROM test_runs"
		     " WHERE pinned = 0 AND COALESCE(tenant, '') = $1"
		     " ORDER BY id DESC LIMIT $2)", DB_TEXT(tenant),
		     DB_INT(KEPT));
}


static int end(struct store *st, const struct store_run *run,
	       const struct store_file *filev, size_t filec)
{
	char *tenant = NULL;
	int err;

	err = db_do_each(st->db, store_take_text, &tenant, "UPDATE test_runs"
			 " SET summary = $1, data = $2, node = NULL"
			 " WHERE id = $3 AND node IS NOT NULL"
			 " RETURNING COALESCE(tenant, '')",
			 DB_TEXT(run->summary), DB_TEXT(run->report),
			 DB_TEXT(run->id));
	if (!err && !tenant)
		err = ENOENT;

	for (size_t i = 0; i < filec && !err; i++)
		err = db_do(st->db, "INSERT INTO test_run_files (run, name,"
			    " data) VALUES ($1, $2, $3)", DB_TEXT(run->id),
			    DB_TEXT(filev[i].name), DB_TEXT(filev[i].data));
	if (!err)
		err = prune(st, tenant);
	mem_deref(tenant);

	return err;
}


int store_run_end(struct store *st, const struct store_run *run,
		  const struct store_file *filev, size_t filec)
{
	int err;

	if (!st || !run || !run->id || !run->summary || !run->report)
		return EINVAL;

	err = store_inner_begin(st);

	return err ? err : store_inner_end(st, end(st, run, filev, filec));
}


int store_run_left(struct store *st, const char *node, int64_t before_ms,
		   store_run_h *h, void *arg)
{
	struct reader reader = { .h = h, .arg = arg };

	if (!st || !node || !h)
		return EINVAL;

	return db_do_each(st->db, tell, &reader, "SELECT id, tenant, who,"
			  " time_ms, summary, node, pinned FROM test_runs"
			  " WHERE node = $1 AND time_ms < $2",
			  DB_TEXT(node), DB_INT(before_ms));
}


static int pin(struct store *st, const char *id, bool pinned,
	       const struct store_by *by)
{
	char *tenant = NULL;
	int err;

	err = db_do_each(st->db, store_take_text, &tenant, "UPDATE test_runs"
			 " SET pinned = $1 WHERE id = $2"
			 " RETURNING COALESCE(tenant, '')", DB_INT(pinned),
			 DB_TEXT(id));
	if (!err && !tenant)
		err = ENOENT;
	if (!err)
		err = store_audit_add(st, by, *tenant ? tenant : NULL,
				      "change", "test-run", id, NULL,
				      pinned ? "{\"keep\":true}" :
				      "{\"keep\":false}");
	mem_deref(tenant);

	return err;
}


int store_run_pin(struct store *st, const char *id, bool pinned,
		  const struct store_by *by)
{
	int err;

	if (!st || !id || !by || !by->who)
		return EINVAL;

	err = store_inner_begin(st);

	return err ? err : store_inner_end(st, pin(st, id, pinned, by));
}


int store_run_file(struct store *st, const char *id, const char *name,
		   char **datap)
{
	char *data = NULL;
	int err;

	if (!st || !id || !name || !datap)
		return EINVAL;

	err = db_do_each(st->db, store_take_text, &data, "SELECT data FROM"
			 " test_run_files WHERE run = $1 AND name = $2",
			 DB_TEXT(id), DB_TEXT(name));
	if (err)
		return err;
	if (!data)
		return ENOENT;

	*datap = data;

	return 0;
}


static int take_running(const struct db_row *row, void *arg)
{
	*(bool *)arg = row->textv[0] != NULL;

	return 0;
}


static int remove_run(struct store *st, const char *id,
		      const struct store_by *by)
{
	char *tenant = NULL;
	bool running = false;
	int err;

	err = db_do_each(st->db, take_running, &running, "SELECT node FROM"
			 " test_runs WHERE id = $1", DB_TEXT(id));
	if (!err && running)
		err = EBUSY;
	if (!err)
		err = db_do_each(st->db, store_take_text, &tenant, "DELETE"
				 " FROM test_runs WHERE id = $1 RETURNING"
				 " COALESCE(tenant, '')", DB_TEXT(id));
	if (!err && !tenant)
		err = ENOENT;
	if (!err)
		err = store_audit_add(st, by, *tenant ? tenant : NULL,
				      "remove", "test-run", id, NULL, NULL);
	mem_deref(tenant);

	return err;
}


int store_run_remove(struct store *st, const char *id,
		     const struct store_by *by)
{
	int err;

	if (!st || !id || !by || !by->who)
		return EINVAL;

	err = store_inner_begin(st);

	return err ? err : store_inner_end(st, remove_run(st, id, by));
}
