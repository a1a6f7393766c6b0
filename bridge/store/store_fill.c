/**
 * @file store_fill.c  Calls of older tables: their columns and their figures
 *
 * There may be ten millions of them, so they are not filled by the migration
 * but in slices afterwards, each in a transaction of its own, in the order of
 * their ids. How far it is stands in a row that goes at the end. A call
 * beyond that place is counted when the filling comes to it, as it stands
 * then, so the import leaves it alone (store_call_put.c): each counts once,
 * whenever somebody is killed.
 */
#include "bridge/base/libre.h"
#include "bridge/model/status.h"
#include "store_core.h"


enum { FILL = 500 };               /* rows at a time */


struct filling {
	struct { char *id, *data; bool known; } v[FILL];   /* owned */
	size_t c;
	char *at;                  /* owned: id of the last one; NULL: nothing
				      is to be filled                      */
};


static void destructor(void *data)
{
	struct filling *fi = data;

	for (size_t i = 0; i < fi->c; i++) {
		mem_deref(fi->v[i].id);
		mem_deref(fi->v[i].data);
	}
	mem_deref(fi->at);
}


static int take_h(const struct db_row *row, void *arg)
{
	struct filling *fi = arg;
	int err;

	err = str_dup(&fi->v[fi->c].id, row->textv[0]);
	if (!err)
		err = str_dup(&fi->v[fi->c].data, row->textv[1]);
	fi->v[fi->c++].known = *row->textv[2] != '\0';

	return err;
}


/** @param known  Its columns are filled already */
static int fill_one(struct store *st, struct figures *f,
		    struct call_record *rec, const char *data, bool known)
{
	char upn[STORE_NAME_SIZE];
	int err = 0;

	if (!call_record_parse(rec, data, strlen(data)) &&
	    !store_fold(upn, rec->upn)) {
		if (rec->state == CALL_ENDED)
			err = figures_add(f, rec, false);
		if (!err && !known)
			err = store_call_row(st, rec, upn, data);
	}

	return err;
}


static int position_read(struct store *st, char **at)
{
	return db_query(st->db, "SELECT at FROM fills WHERE name = 'calls'",
			NULL, 0, store_take_text, at);
}


/** What was taken is in; those that follow, if there are any, come next */
static int position_write(struct store *st, const struct filling *fi)
{
	if (fi->c < FILL)
		return db_query(st->db, "DELETE FROM fills WHERE"
				" name = 'calls'", NULL, 0, NULL, NULL);

	return db_do(st->db, "UPDATE fills SET at = $1 WHERE name = 'calls'",
		     DB_TEXT(fi->v[fi->c - 1].id));
}


static int slice(struct store *st, struct filling *fi, struct figures *f,
		 struct call_record *rec)
{
	int err;

	err = position_read(st, &fi->at);
	if (err || !fi->at)
		return err;

	err = db_do_each(st->db, take_h, fi, "SELECT id, data, result"
			 " FROM calls WHERE id > $1 ORDER BY id LIMIT $2",
			 DB_TEXT(fi->at), DB_INT(FILL));

	for (size_t i = 0; i < fi->c && !err; i++)
		err = fill_one(st, f, rec, fi->v[i].data, fi->v[i].known);
	if (!err)
		err = figures_flush(f, st);

	return err ? err : position_write(st, fi);
}


int store_fill(struct store *st, bool *more)
{
	struct call_record *rec;
	struct figures *f = NULL;
	struct filling *fi;
	int err;

	if (!st || !more)
		return EINVAL;

	rec = mem_zalloc(sizeof(*rec), NULL);
	fi  = mem_zalloc(sizeof(*fi), destructor);
	err = rec && fi ? figures_alloc(&f) : ENOMEM;
	if (!err)
		err = db_begin(st->db, DB_ALONE);
	if (!err)
		err = db_end(st->db, slice(st, fi, f, rec));
	if (!err)
		*more = fi->at && fi->c == FILL;

	mem_deref(f);
	mem_deref(fi);
	mem_deref(rec);

	return err;
}


int store_fill_look(struct store *st)
{
	char *at = NULL;
	int err;

	err = position_read(st, &at);
	st->filling = at != NULL;
	mem_deref(at);

	return err;
}


static int waits_h(const struct db_row *row, void *arg)
{
	*(bool *)arg = db_int(row, 0) != 0;

	return 0;
}


int store_fill_waits(struct store *st, const char *id, bool *waits)
{
	/* the database compares, for its order may be another than ours */
	return db_do_each(st->db, waits_h, waits, "SELECT CASE WHEN $1 > at"
			  " THEN 1 ELSE 0 END FROM fills WHERE"
			  " name = 'calls'", DB_TEXT(id));
}
