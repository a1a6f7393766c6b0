/**
 * @file store_runs.c  Reports of test runs that are kept
 */
#include "bridge/base/libre.h"
#include "store_core.h"


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
		.report  = row->c > 5 ? row->textv[5] : NULL,
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

	if (!st || !span || !h)
		return EINVAL;

	reader.last = span->last;

	return db_do_each(st->db, tell, &reader, "SELECT id, tenant, who,"
			  " time_ms, summary FROM test_runs"
			  " WHERE (CAST($1 AS TEXT) IS NULL OR tenant = $1)"
			  " AND (CAST($2 AS TEXT) IS NULL OR id < $2)"
			  " ORDER BY id DESC LIMIT $3",
			  DB_TEXT(span->tenant), DB_TEXT(span->after),
			  DB_INT(span->limit ? (int64_t)span->limit
					     : INT64_MAX));
}


int store_run_get(struct store *st, const char *id, store_run_h *h,
		  void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	int err;

	if (!st || !id || !h)
		return EINVAL;

	err = db_do_each(st->db, tell, &reader, "SELECT id, tenant, who,"
			 " time_ms, summary, data FROM test_runs"
			 " WHERE id = $1", DB_TEXT(id));

	return err || reader.c ? err : ENOENT;
}


static int keep(struct store *st, const struct store_run *run,
		const char *id, const struct store_by *by)
{
	int err;

	err = db_do(st->db, "INSERT INTO test_runs (id, tenant, who, time_ms,"
		    " summary, data) VALUES ($1, $2, $3, $4, $5, $6)",
		    DB_TEXT(id), DB_TEXT(run->tenant), DB_TEXT(by->who),
		    DB_INT(store_now_ms()), DB_TEXT(run->summary),
		    DB_TEXT(run->report));

	return err ? err : store_audit_add(st, by, run->tenant, "create",
					   "test-run", id, NULL, NULL);
}


int store_run_keep(struct store *st, const struct store_run *run,
		   const struct store_by *by, char id[STORE_RUN_ID_SIZE])
{
	char fresh[STORE_ID_SIZE];
	int err;

	if (!st || !run || !run->summary || !run->report || !by ||
	    !by->who || !id)
		return EINVAL;

	err = store_id(fresh);
	if (!err)
		err = store_inner_begin(st);
	if (!err)
		err = store_inner_end(st, keep(st, run, fresh, by));
	if (!err)
		str_ncpy(id, fresh, STORE_RUN_ID_SIZE);

	return err == ENOLINK ? ENOENT : err;
}


static int remove_run(struct store *st, const char *id,
		      const struct store_by *by)
{
	char *tenant = NULL;
	int err;

	err = db_do_each(st->db, store_take_text, &tenant, "DELETE FROM"
			 " test_runs WHERE id = $1 RETURNING tenant",
			 DB_TEXT(id));
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
