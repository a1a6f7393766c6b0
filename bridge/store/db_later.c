/**
 * @file db_later.c  Rows that are put in together, before the next query
 *
 * Where a hundred thousand users come in one transaction, each has rows that
 * nobody reads before its end. To ask a server for each of them costs more
 * than what it does then.
 */
#include "bridge/base/libre.h"
#include "db.h"


struct db_later {
	const struct db_into *into;            /* borrowed: static    */
	struct db_rows rows;
	char *textv[DB_PARAMS_MAX];            /* owned: of the rows  */
	size_t textc;
};


static void texts_free(struct db_later *later)
{
	while (later->textc)
		mem_deref(later->textv[--later->textc]);
}


static void destructor(void *data)
{
	struct db_later *later = data;

	(void)db_rows_end(&later->rows, ECANCELED);
	texts_free(later);
}


static struct db_later *later_find(struct db *db, const struct db_into *into)
{
	struct db_later *later;

	for (size_t i = 0; i < db->laterc; i++)
		if (db->laterv[i]->into == into)
			return db->laterv[i];

	if (db->laterc == DB_LATER_MAX)
		return NULL;

	later = mem_zalloc(sizeof(*later), destructor);
	if (!later)
		return NULL;

	later->into = into;
	later->rows = (struct db_rows){
		.db = db, .into = into->into, .tail = into->tail,
		.columnc = into->columnc };
	db->laterv[db->laterc++] = later;

	return later;
}


static int texts_copy(struct db_later *later, struct db_param *v,
		      const struct db_param *paramv)
{
	for (size_t i = 0; i < later->into->columnc; i++) {
		v[i] = paramv[i];
		if (!paramv[i].text)
			continue;

		if (str_dup(&later->textv[later->textc], paramv[i].text))
			return ENOMEM;
		v[i].text = later->textv[later->textc++];
	}

	return 0;
}


int db_later_end(struct db *db, int err)
{
	/* what puts them in is a query itself */
	db->waits = false;

	for (size_t i = 0; i < db->laterc; i++) {
		err = db_rows_end(&db->laterv[i]->rows, err);
		texts_free(db->laterv[i]);
	}

	return err;
}


int db_later(struct db *db, const struct db_into *into,
	     const struct db_param *paramv)
{
	struct db_param v[DB_COLUMNS_ROWS];
	struct db_later *later;
	bool waits;
	int err;

	if (!db || !into || !paramv)
		return EINVAL;

	later = later_find(db, into);
	if (!later)
		return ENOMEM;

	/* rows of others need not be put in because these are */
	waits     = db->waits;
	db->waits = false;
	err = texts_copy(later, v, paramv);
	if (!err)
		err = db_rows_add(&later->rows, v);
	if (!later->rows.rowc)
		texts_free(later);
	db->waits = waits || later->rows.rowc;

	return err || db->inside ? err : db_later_end(db, 0);
}


void db_later_free(struct db *db)
{
	while (db->laterc)
		mem_deref(db->laterv[--db->laterc]);
	db->waits = false;
}
