/**
 * @file store_templates.c  Own templates; answers to creations
 */
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "store_core.h"


enum { ANSWER_MS = 24 * 3600 * 1000 };


/* Templates */


struct reader {
	store_template_h *h;
	void *arg;
};


static int tell(const struct db_row *row, void *arg)
{
	const struct reader *reader = arg;

	return reader->h(row->textv[0], db_int(row, 1), row->textv[2],
			 reader->arg);
}


int store_template_list(struct store *st, store_template_h *h, void *arg)
{
	struct reader reader = { h, arg };

	if (!st || !h)
		return EINVAL;

	return db_query(st->db, "SELECT name, revision, data FROM templates"
			" ORDER BY name", NULL, 0, tell, &reader);
}


static int take_revision(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


static int template_write(struct store *st, const char *name,
			  const char *text, int64_t revision,
			  const struct store_by *by)
{
	int64_t old = 0;
	int err;

	err = db_do_each(st->db, take_revision, &old, "SELECT revision FROM"
			 " templates WHERE name = $1", DB_TEXT(name));
	if (err)
		return err;
	if (!text && !old)
		return ENOENT;
	if (revision != STORE_ANY && revision != old)
		return ESTALE;

	if (text)
		err = db_do(st->db, "INSERT INTO templates (name, revision,"
			    " changed_ms, data) VALUES ($1, $2, $3, $4)"
			    " ON CONFLICT (name) DO UPDATE SET"
			    " revision = excluded.revision,"
			    " changed_ms = excluded.changed_ms,"
			    " data = excluded.data", DB_TEXT(name),
			    DB_INT(old + 1), DB_INT(clock_wall_ms()),
			    DB_TEXT(text));
	else
		err = db_do(st->db, "DELETE FROM templates WHERE name = $1",
			    DB_TEXT(name));
	if (!err)
		err = store_touch(st, NULL);

	return err ? err : store_audit_add(st, by, NULL, !text ? "remove" :
					   old ? "change" : "create",
					   "template", name, NULL, NULL);
}


int store_template_put(struct store *st, const char *name, const char *text,
		       int64_t revision, const struct store_by *by)
{
	int err;

	if (!st || !name || !by || !by->who)
		return EINVAL;

	err = store_inner_begin(st);

	return err ? err : store_inner_end(st, template_write(st, name, text,
							      revision, by));
}


/* Answers */


struct answer {
	const char *hash;
	char *text;                /* owned */
	bool other;
};


static int take_answer(const struct db_row *row, void *arg)
{
	struct answer *answer = arg;

	answer->other = strcmp(row->textv[0], answer->hash);

	return str_dup(&answer->text, row->textv[1]);
}


int store_answer_find(struct store *st, const char *caller, const char *key,
		      const char *hash, char **answerp)
{
	struct answer answer = { .hash = hash };
	int err;

	if (!st || !caller || !key || !hash || !answerp)
		return EINVAL;

	err = db_do_each(st->db, take_answer, &answer, "SELECT hash, data"
			 " FROM answers WHERE caller = $1 AND key = $2"
			 " AND time_ms > $3", DB_TEXT(caller), DB_TEXT(key),
			 DB_INT(clock_wall_ms() - ANSWER_MS));
	if (!err)
		err = !answer.text ? ENOENT : answer.other ? ESTALE : 0;

	if (err)
		mem_deref(answer.text);
	else
		*answerp = answer.text;

	return err;
}


static int answer_write(struct store *st, const char *caller,
			const char *key, const char *hash,
			const char *answer)
{
	const int64_t now = clock_wall_ms();
	int err;

	err = db_do(st->db, "DELETE FROM answers WHERE time_ms <= $1",
		    DB_INT(now - ANSWER_MS));

	return err ? err : db_do(st->db, "INSERT INTO answers (caller, key,"
				 " hash, time_ms, data) VALUES"
				 " ($1, $2, $3, $4, $5)", DB_TEXT(caller),
				 DB_TEXT(key), DB_TEXT(hash), DB_INT(now),
				 DB_TEXT(answer));
}


int store_answer_keep(struct store *st, const char *caller, const char *key,
		      const char *hash, const char *answer)
{
	int err;

	if (!st || !caller || !key || !hash || !answer)
		return EINVAL;

	err = store_inner_begin(st);

	return err ? err : store_inner_end(st, answer_write(st, caller, key,
							    hash, answer));
}
