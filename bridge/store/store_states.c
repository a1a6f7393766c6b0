/**
 * @file store_states.c  How many users are in each state
 *
 * Nearly all users are registered. They are all but the others: to count
 * them one by one, and compare the state of each, takes several times as
 * long as to count all there are.
 */
#include <errno.h>

#include "store_core.h"


#define OTHERS "'off', 'queued', 'lagging', 'failing'"


struct counting {
	store_count_h *h;
	void *arg;
};


static int tell_count(const struct db_row *row, void *arg)
{
	const struct counting *counting = arg;

	return counting->h(row->textv[0], db_int(row, 1), counting->arg);
}


/** States but the one that most are in, and all */
struct others {
	struct counting counting;  /* first member */
	int64_t registered;
};


static int tell_other(const struct db_row *row, void *arg)
{
	struct others *others = arg;
	const int64_t count = db_int(row, 1);

	if (!*row->textv[0]) {
		others->registered += count;
		return 0;
	}

	others->registered -= count;

	return tell_count(row, &others->counting);
}


static int states_of_all(struct store *st, store_count_h *h, void *arg)
{
	struct others others = { { h, arg }, 0 };
	int err;

	err = db_query(st->db, "SELECT state, COUNT(*) FROM registrations"
		       " WHERE state IN (" OTHERS ") GROUP BY state"
		       " UNION ALL SELECT '', COUNT(*) FROM registrations",
		       NULL, 0, tell_other, &others);

	return err || !others.registered ? err :
		h("registered", others.registered, arg);
}


int store_take_count(const struct db_row *row, void *arg)
{
	*(size_t *)arg = (size_t)db_int(row, 0);

	return 0;
}


int store_registered_count(struct store *st, size_t *count)
{
	return db_query(st->db, "SELECT (SELECT COUNT(*) FROM registrations)"
			" - (SELECT COUNT(*) FROM registrations WHERE state"
			" IN (" OTHERS "))", NULL, 0, store_take_count,
			count);
}


int store_user_states(struct store *st, const char *tenant, store_count_h *h,
		      void *arg)
{
	struct counting counting = { h, arg };

	if (!st || !h)
		return EINVAL;

	if (!tenant)
		return states_of_all(st, h, arg);

	/* all there are: so that the index of states is looked into at five
	   places, and not read from end to end */
	return db_do_each(st->db, tell_count, &counting, "SELECT state,"
			  " COUNT(*) FROM registrations WHERE tenant = $1 AND"
			  " state IN ('registered', " OTHERS ")"
			  " GROUP BY state", DB_TEXT(tenant));
}


int store_tenant_stamps(struct store *st, store_count_h *h, void *arg)
{
	struct counting counting = { h, arg };

	if (!st || !h)
		return EINVAL;

	return db_do_each(st->db, tell_count, &counting, "SELECT tenant,"
			  " stamp FROM tenants WHERE managed = $1"
			  " ORDER BY tenant", DB_TEXT("store"));
}
