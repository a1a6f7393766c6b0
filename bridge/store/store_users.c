/**
 * @file store_users.c  Looking for users
 *
 * A page begins after the key of the last user of the page before, which an
 * index finds at once, however many come before it.
 */
#include "bridge/base/libre.h"
#include "store_core.h"


enum { SQL_MAX = 1024, PARTC = 2 };


/** A query that grows, and what its parameters point to */
struct looking {
	struct mbuf *mb;           /* owned */
	struct db_param paramv[10];
	size_t paramc;
	bool begun;                /* there is a condition already */
	char partv[PARTC][STORE_NAME_SIZE];    /* of the cursor */
	char pattern[2 * STORE_NAME_SIZE];
	int err;
};


static const char *const keyv[] = {
	[STORE_BY_UPN]    = "o.upn",
	[STORE_BY_NUMBER] = "o.number",
	[STORE_BY_PBX]    = "o.pbx",
};


static void add(struct looking *lk, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	lk->err |= mbuf_vprintf(lk->mb, fmt, ap);
	va_end(ap);
}


/** One more condition: `sql` with %zu for its parameter's number */
static void where(struct looking *lk, const char *sql, const char *text)
{
	if (!text)
		return;

	add(lk, lk->begun ? " AND " : " WHERE ");
	lk->begun = true;
	lk->paramv[lk->paramc++] = (struct db_param)DB_TEXT(text);
	add(lk, sql, lk->paramc);
}


int store_pattern(char *dst, size_t size, const char *q)
{
	size_t n = 0;

	dst[n++] = '%';
	for (; *q; q++) {
		if (n + 4 > size)
			return ENAMETOOLONG;
		if (strchr("%_\\", *q))
			dst[n++] = '\\';
		dst[n++] = *q >= 'A' && *q <= 'Z' ? (char)(*q - 'A' + 'a')
			: *q;
	}
	dst[n++] = '%';
	dst[n] = '\0';

	return 0;
}


/** Users of one state are few, or all but a few: from the registrations on,
    which an index has in this order, a page of them is found at once */
static bool is_by_state(const struct store_users *which)
{
	return which->state && which->sort == STORE_BY_UPN;
}


static int conditions(struct looking *lk, const struct store_users *which)
{
	where(lk, is_by_state(which) ? "r.tenant = $%zu" : "o.tenant = $%zu",
	      which->tenant);
	where(lk, "o.pbx = $%zu", which->pbx);
	where(lk, "o.enabled = $%zu", which->enabled);
	where(lk, "r.state = $%zu", which->state);

	if (!which->q)
		return 0;

	if (store_pattern(lk->pattern, sizeof(lk->pattern), which->q))
		return EINVAL;
	where(lk, "o.search LIKE $%zu ESCAPE '\\'", lk->pattern);

	return 0;
}


/** "tenant/upn", or "key/upn" within a tenant */
static int cursor_read(struct looking *lk, const char *after)
{
	const char *slash = strchr(after, '/');

	if (!slash || slash - after >= STORE_NAME_SIZE ||
	    strlen(slash + 1) >= STORE_NAME_SIZE)
		return EINVAL;

	str_ncpy(lk->partv[0], after, (size_t)(slash - after) + 1);
	str_ncpy(lk->partv[1], slash + 1, STORE_NAME_SIZE);

	return 0;
}


static const char *first_key(const struct store_users *which)
{
	if (is_by_state(which))
		return which->tenant ? "r.upn" : "r.tenant";

	return which->tenant ? keyv[which->sort] : "o.tenant";
}


static const char *second_key(const struct store_users *which)
{
	return is_by_state(which) ? "r.upn" : "o.upn";
}


static int continued(struct looking *lk, const struct store_users *which)
{
	int err;

	if (!which->after)
		return 0;

	err = cursor_read(lk, which->after);
	if (err)
		return err;

	add(lk, "%s (%s, %s) %s ($%zu, $%zu)",
	    lk->begun ? " AND" : " WHERE", first_key(which), second_key(which),
	    which->descending ? "<" : ">", lk->paramc + 1, lk->paramc + 2);
	lk->paramv[lk->paramc++] = (struct db_param)DB_TEXT(lk->partv[0]);
	lk->paramv[lk->paramc++] = (struct db_param)DB_TEXT(lk->partv[1]);

	return 0;
}


static void ordered(struct looking *lk, const struct store_users *which)
{
	const char *way = which->descending ? " DESC" : "";

	add(lk, " ORDER BY %s%s", first_key(which), way);
	if (!which->tenant || which->sort != STORE_BY_UPN)
		add(lk, ", %s%s", second_key(which), way);
	if (which->limit)
		add(lk, " LIMIT %zu", which->limit);
	add(lk, "%c", 0);
}


struct telling {
	struct object_reader reader;   /* first member */
	char *last;
};


static int tell(const struct db_row *row, void *arg)
{
	struct telling *telling = arg;

	if (telling->last)
		(void)re_snprintf(telling->last, STORE_CURSOR_SIZE, "%s/%s",
				  row->textv[8], row->textv[1]);

	return store_tell_object(row, &telling->reader);
}


static bool is_good(const struct store_users *which)
{
	return which && (size_t)which->sort < RE_ARRAY_SIZE(keyv) &&
		(which->tenant || which->sort == STORE_BY_UPN);
}


int store_user_list(struct store *st, const struct store_users *which,
		    store_object_h *h, void *arg)
{
	struct telling telling = { { .h = h, .arg = arg }, NULL };
	struct looking lk = { .paramc = 0 };
	int err;

	if (!st || !is_good(which) || !h)
		return EINVAL;

	telling.last = which->last;
	lk.mb = mbuf_alloc(SQL_MAX);
	if (!lk.mb)
		return ENOMEM;

	add(&lk, "SELECT o.tenant, o.upn, o.revision, o.changed_ms,"
	    " t.managed, o.secrets, o.data, r.data, %s FROM %s",
	    first_key(which), is_by_state(which) ?
	    "registrations r CROSS JOIN users o CROSS JOIN tenants t"
	    " WHERE o.tenant = r.tenant AND o.upn = r.upn"
	    " AND t.tenant = r.tenant" :
	    "users o JOIN tenants t ON t.tenant = o.tenant"
	    " LEFT JOIN registrations r ON r.tenant = o.tenant"
	    " AND r.upn = o.upn");
	lk.begun = is_by_state(which);
	err = conditions(&lk, which);
	if (!err)
		err = continued(&lk, which);
	ordered(&lk, which);

	if (!err)
		err = lk.err ? ENOMEM :
			db_query(st->db, (const char *)lk.mb->buf, lk.paramv,
				 lk.paramc, tell, &telling);
	mem_deref(lk.mb);

	return err;
}


static int take_count(const struct db_row *row, void *arg)
{
	*(size_t *)arg = (size_t)db_int(row, 0);

	return 0;
}


int store_user_count(struct store *st, const struct store_users *which,
		     size_t *count)
{
	struct looking lk = { .paramc = 0 };
	int err;

	if (!st || !is_good(which) || !count)
		return EINVAL;

	lk.mb = mbuf_alloc(SQL_MAX);
	if (!lk.mb)
		return ENOMEM;

	/* users by state alone are counted in an index */
	if (which->state && !which->q && !which->enabled) {
		add(&lk, "SELECT COUNT(*) FROM registrations r");
		where(&lk, "r.tenant = $%zu", which->tenant);
		where(&lk, "r.pbx = $%zu", which->pbx);
		where(&lk, "r.state = $%zu", which->state);
		err = 0;
	}
	else {
		add(&lk, "SELECT COUNT(*) FROM users o%s", which->state ?
		    " JOIN registrations r ON r.tenant = o.tenant"
		    " AND r.upn = o.upn" : "");
		err = conditions(&lk, which);
	}
	add(&lk, "%c", 0);

	if (!err)
		err = lk.err ? ENOMEM :
			db_query(st->db, (const char *)lk.mb->buf, lk.paramv,
				 lk.paramc, take_count, count);
	mem_deref(lk.mb);

	return err;
}


struct counting {
	store_count_h *h;
	void *arg;
};


static int tell_count(const struct db_row *row, void *arg)
{
	const struct counting *counting = arg;

	return counting->h(row->textv[0], db_int(row, 1), counting->arg);
}


int store_user_states(struct store *st, const char *tenant, store_count_h *h,
		      void *arg)
{
	struct counting counting = { h, arg };

	if (!st || !h)
		return EINVAL;

	/* all there are: so that the index of states is looked into at five
	   places, and not read from end to end */
	if (tenant)
		return db_do_each(st->db, tell_count, &counting, "SELECT"
				  " state, COUNT(*) FROM registrations"
				  " WHERE tenant = $1 AND state IN ('off',"
				  " 'queued', 'registered', 'lagging',"
				  " 'failing') GROUP BY state",
				  DB_TEXT(tenant));

	return db_query(st->db, "SELECT state, COUNT(*) FROM registrations"
			" GROUP BY state", NULL, 0, tell_count, &counting);
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


int store_user_aside(struct store *st, const char *tenant, const char *upn)
{
	char folded[STORE_NAME_SIZE];

	if (!st || !tenant || !upn || !st->outer ||
	    store_fold(folded, upn))
		return EINVAL;

	return db_do(st->db, "UPDATE users SET number = '~' || upn,"
		     " sip_username = '~' || upn WHERE tenant = $1"
		     " AND upn = $2", DB_TEXT(tenant), DB_TEXT(folded));
}
