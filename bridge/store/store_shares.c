/**
 * @file store_shares.c  Calls that were shown to somebody by a link
 *
 * What is shown is kept with the link: the call as it was then, and its
 * messages, which are in memory for a while only. Of the link's token there
 * is but a hash.
 */
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "sql.h"
#include "store_core.h"


struct reader {
	store_share_h *h;
	void *arg;
	char *last;
	size_t c;
};


static const char columns[] = "SELECT id, tenant, call, who, redacted,"
	" time_ms, expires_ms, opened, opened_ms";


static int tell(const struct db_row *row, void *arg)
{
	struct reader *reader = arg;
	const struct store_share share = {
		.id         = row->textv[0],
		.tenant     = row->textv[1],
		.call       = row->textv[2],
		.who        = row->textv[3],
		.redacted   = db_int(row, 4),
		.time_ms    = db_int(row, 5),
		.expires_ms = db_int(row, 6),
		.opened     = db_int(row, 7),
		.opened_ms  = db_int(row, 8),
		.data       = row->c > 9 ? row->textv[9] : NULL,
	};

	if (reader->last)
		str_ncpy(reader->last, share.id, STORE_CURSOR_SIZE);
	++reader->c;

	return reader->h(&share, reader->arg);
}


int store_share_list(struct store *st, const struct store_span *span,
		     const char *call, store_share_h *h, void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	struct sql q;

	if (!st || !span || !h)
		return EINVAL;

	reader.last = span->last;
	sql_begin(&q, columns);
	sql_add(&q, " FROM shares");
	sql_where(&q, "expires_ms >", (struct db_param)
		  DB_INT(clock_wall_ms()));
	sql_where_text(&q, "tenant =", span->tenant);
	sql_where_text(&q, "call =", call);
	sql_where_text(&q, span->oldest ? "id >" : "id <", span->after);
	sql_add(&q, " ORDER BY id%s", span->oldest ? "" : " DESC");
	if (span->limit)
		sql_add(&q, " LIMIT %zu", span->limit);

	return sql_run(&q, st->db, 0, tell, &reader);
}


static int keep(struct store *st, const struct store_share *share,
		const struct store_by *by, const char *id, const char *hash)
{
	int err;

	err = db_do(st->db, "INSERT INTO shares (id, hash, tenant, call, who,"
		    " redacted, time_ms, expires_ms, opened, opened_ms, data)"
		    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9)",
		    DB_TEXT(id), DB_TEXT(hash), DB_TEXT(share->tenant),
		    DB_TEXT(share->call), DB_TEXT(by->who),
		    DB_INT(share->redacted), DB_INT(clock_wall_ms()),
		    DB_INT(share->expires_ms), DB_TEXT(share->data));

	return err ? err : store_audit_add(st, by, share->tenant, "create",
					   "share", share->call, NULL, NULL);
}


int store_share_make(struct store *st, const struct store_share *share,
		     const struct store_by *by, char id[STORE_RUN_ID_SIZE],
		     char token[STORE_TOKEN_SIZE])
{
	char hash[STORE_HASH_SIZE], fresh[STORE_ID_SIZE];
	int err;

	if (!st || !share || !share->tenant || !share->call || !share->data ||
	    !by || !by->who)
		return EINVAL;

	err = store_id(fresh);
	if (!err)
		err = store_token_text(token, "cs_");
	if (!err)
		err = store_token_hash(hash, token);
	if (!err)
		err = store_inner_begin(st);
	if (!err)
		err = store_inner_end(st, keep(st, share, by, fresh, hash));
	if (!err)
		str_ncpy(id, fresh, STORE_RUN_ID_SIZE);

	return err;
}


int store_share_get(struct store *st, const char *id, store_share_h *h,
		    void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	struct sql q;
	int err;

	if (!st || !id || !h)
		return EINVAL;

	sql_begin(&q, columns);
	sql_add(&q, " FROM shares");
	sql_where_text(&q, "id =", id);
	err = sql_run(&q, st->db, 0, tell, &reader);

	return err || reader.c ? err : ENOENT;
}


int store_share_open(struct store *st, const char *token, store_share_h *h,
		     void *arg)
{
	struct reader reader = { .h = h, .arg = arg };
	char hash[STORE_HASH_SIZE];
	struct sql q;
	int err;

	if (!st || !token || !h)
		return EINVAL;

	err = store_token_hash(hash, token);
	if (err)
		return err;

	sql_begin(&q, columns);
	sql_add(&q, ", data FROM shares");
	sql_where_text(&q, "hash =", hash);
	sql_where(&q, "expires_ms >", (struct db_param)
		  DB_INT(clock_wall_ms()));
	err = sql_run(&q, st->db, 0, tell, &reader);
	if (err || !reader.c)
		return err ? err : ENOENT;

	return db_do(st->db, "UPDATE shares SET opened = opened + 1,"
		     " opened_ms = $1 WHERE hash = $2",
		     DB_INT(clock_wall_ms()), DB_TEXT(hash));
}


struct gone { char *tenant, *call; };


static int take_gone(const struct db_row *row, void *arg)
{
	struct gone *gone = arg;
	int err;

	err = str_dup(&gone->tenant, row->textv[0]);

	return err ? err : str_dup(&gone->call, row->textv[1]);
}


static int remove_share(struct store *st, const char *id,
			const struct store_by *by)
{
	struct gone gone = { NULL, NULL };
	int err;

	err = db_do_each(st->db, take_gone, &gone, "DELETE FROM shares"
			 " WHERE id = $1 RETURNING tenant, call",
			 DB_TEXT(id));
	if (!err && !gone.call)
		err = ENOENT;
	if (!err)
		err = store_audit_add(st, by, gone.tenant, "remove", "share",
				      gone.call, NULL, NULL);
	mem_deref(gone.tenant);
	mem_deref(gone.call);

	return err;
}


int store_share_remove(struct store *st, const char *id,
		       const struct store_by *by)
{
	int err;

	if (!st || !id || !by || !by->who)
		return EINVAL;

	err = store_inner_begin(st);

	return err ? err : store_inner_end(st, remove_share(st, id, by));
}
