/**
 * @file store_troubled.c  PBXs whose users suffer
 */
#include <errno.h>

#include "store_core.h"


struct telling {
	store_troubled_h *h;
	void *arg;
};


static int tell(const struct db_row *row, void *arg)
{
	const struct telling *telling = arg;
	const struct store_troubled pbx = {
		.tenant = row->textv[0], .pbx = row->textv[1],
		.users = db_int(row, 2), .failing = db_int(row, 3) };

	return telling->h(&pbx, telling->arg);
}


/* By way of the tenants: the index begins with them */
#define TROUBLED(condition) "SELECT r.tenant, r.pbx, COUNT(*),"		\
	" SUM(CASE WHEN r.state = 'failing' THEN 1 ELSE 0 END)"		\
	" FROM tenants t JOIN registrations r ON r.tenant = t.tenant"	\
	" AND r.state IN ('failing', 'lagging')" condition		\
	" GROUP BY r.tenant, r.pbx ORDER BY 3 DESC, 1, 2 LIMIT $1"


int store_troubled(struct store *st, const char *tenant, size_t limit,
		   store_troubled_h *h, void *arg)
{
	struct telling telling = { h, arg };

	if (!st || !h)
		return EINVAL;

	if (tenant)
		return db_do_each(st->db, tell, &telling,
				  TROUBLED(" WHERE t.tenant = $2"),
				  DB_INT((int64_t)limit), DB_TEXT(tenant));

	return db_do_each(st->db, tell, &telling, TROUBLED(""),
			  DB_INT((int64_t)limit));
}
