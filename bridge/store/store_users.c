/**
 * @file store_users.c  Looking for users
 *
 * A page begins after the key of the last user of the page before, which an
 * index finds at once, however many come before it.
 */
#include "bridge/base/libre.h"
#include "phonebook_core.h"
#include "sql.h"
#include "store_core.h"


enum { SQL_MAX = 1024, PARTC = 2,
       FOUND = 52 };               /* users that are read in a query: a page
				      of fifty, and whether it goes on     */


/** What a user is looked for by: as it was typed, and a number without what
    people write between its digits */
struct typed {
	struct needles needles;
	char folded[STORE_NAME_SIZE];
	char digits[STORE_DIGITS_SIZE];
};


/** A query that grows, and what its parameters point to */
struct looking {
	struct mbuf *mb;           /* owned */
	struct db_param paramv[12];
	size_t paramc;
	bool begun;                /* there is a condition already */
	char partv[PARTC][STORE_NAME_SIZE];    /* of the cursor */
	char patternv[NEEDLES_MAX][2 * STORE_NAME_SIZE];
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


static int typed_read(struct typed *typed, const char *q)
{
	struct needles *needles = &typed->needles;

	if (store_fold(typed->folded, q))
		return EINVAL;

	needles->v[0] = typed->folded;
	needles->c    = 1;
	if (!store_digits(typed->digits, q) &&
	    strcmp(typed->digits, typed->folded))
		needles->v[needles->c++] = typed->digits;

	return 0;
}


/** Users of one state are few, or all but a few: from the registrations on,
    which an index has in this order, a page of them is found at once. A
    planner that knows how many registrations there are takes two equal
    columns to make a user of a handful of them, and reads and sorts all to
    find a page; of an outer join it knows that there are as many */
static bool is_by_state(const struct store_users *which)
{
	return which->state && which->sort == STORE_BY_UPN;
}


/* Around a condition of users, so that it stays one: and that half of them
   are so is as good a guess as any */
#define MAYBE     "CASE WHEN "
#define MAYBE_END " THEN TRUE ELSE FALSE END"


static int q_add(struct looking *lk, bool outer, const char *q)
{
	struct typed typed;

	if (typed_read(&typed, q))
		return EINVAL;

	add(lk, "%s%s", lk->begun ? " AND (" : " WHERE (",
	    outer ? MAYBE : "");
	lk->begun = true;

	for (size_t i = 0; i < typed.needles.c; i++) {
		if (store_pattern(lk->patternv[i], sizeof(lk->patternv[i]),
				  typed.needles.v[i]))
			return EINVAL;
		lk->paramv[lk->paramc++] = (struct db_param)
			DB_TEXT(lk->patternv[i]);
		add(lk, "%so.search LIKE $%zu ESCAPE '\\'", i ? " OR " : "",
		    lk->paramc);
	}
	add(lk, "%s)", outer ? MAYBE_END : "");

	return 0;
}


/** @param outer  Registrations come first, users perhaps */
static int conditions(struct looking *lk, const struct store_users *which,
		      bool outer)
{
	where(lk, outer ? "r.tenant = $%zu" : "o.tenant = $%zu",
	      which->tenant);
	where(lk, outer ? "r.pbx = $%zu" : "o.pbx = $%zu", which->pbx);
	where(lk, outer ? MAYBE "o.enabled = $%zu" MAYBE_END :
	      "o.enabled = $%zu", which->enabled);
	where(lk, "r.state = $%zu", which->state);

	return str_isset(which->q) ? q_add(lk, outer, which->q) : 0;
}


/** "tenant/upn", or "key/upn" within a tenant */
static int cursor_read(char partv[PARTC][STORE_NAME_SIZE], const char *after)
{
	const char *slash = strchr(after, '/');

	if (!slash || slash - after >= STORE_NAME_SIZE ||
	    strlen(slash + 1) >= STORE_NAME_SIZE)
		return EINVAL;

	str_ncpy(partv[0], after, (size_t)(slash - after) + 1);
	str_ncpy(partv[1], slash + 1, STORE_NAME_SIZE);

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

	err = cursor_read(lk->partv, which->after);
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


/* In the phonebook */


/** What the phonebook knows, and in its order */
static bool is_in_phonebook(const struct store *st,
			    const struct store_users *which)
{
	return st->pb && str_isset(which->q) && !which->pbx &&
		!which->state && !which->enabled &&
		which->sort == STORE_BY_UPN;
}


/** Some of those that were found, in order. A query with always as many
    parameters is read by the database once
    @param n  The next one; where it goes on */
static int found_read(struct store *st, const struct store_users *which,
		      const struct hits *hits, size_t *n, size_t c,
		      struct telling *telling)
{
	const char *way = which->descending ? " DESC" : "";
	struct sql q;

	sql_begin(&q, "WITH k (tenant, upn) AS (VALUES ");
	for (size_t i = 0; i < FOUND; i++) {
		const char *tenant = NULL, *upn = NULL;

		if (i < c)
			hits_at(hits, which->descending ? --*n : (*n)++,
				&tenant, &upn);
		sql_add(&q, "%s($%zu", i ? ", " : "", sql_param(&q,
			(struct db_param)DB_TEXT(tenant)));
		sql_add(&q, ", $%zu)", sql_param(&q, (struct db_param)
						 DB_TEXT(upn)));
	}
	sql_add(&q, ") SELECT o.tenant, o.upn, o.revision, o.changed_ms,"
		" t.managed, o.secrets, o.data, r.data, %s FROM k"
		" CROSS JOIN users o CROSS JOIN tenants t"
		" LEFT JOIN registrations r ON r.tenant = o.tenant"
		" AND r.upn = o.upn WHERE o.tenant = k.tenant"
		" AND o.upn = k.upn AND t.tenant = o.tenant"
		" ORDER BY o.tenant%s, o.upn%s", first_key(which), way, way);

	return sql_run(&q, st->db, 0, tell, telling);
}


static size_t found_left(const struct hits *hits,
			 const struct store_users *which, size_t n)
{
	return which->descending ? n : hits_count(hits) - n;
}


/** Who has gone in between leaves no gap */
static int found_tell(struct store *st, const struct store_users *which,
		      const struct hits *hits, size_t n,
		      struct telling *telling)
{
	int err = 0;

	while (!err && found_left(hits, which, n) &&
	       (!which->limit || telling->reader.c < which->limit)) {
		size_t c = which->limit ? which->limit - telling->reader.c :
			FOUND;

		c = c < FOUND ? c : FOUND;
		if (c > found_left(hits, which, n))
			c = found_left(hits, which, n);
		err = found_read(st, which, hits, &n, c, telling);
	}

	return err;
}


/** @return EAGAIN: the database is to be asked, nothing was told */
static int found_list(struct store *st, const struct store_users *which,
		      struct telling *telling)
{
	char partv[PARTC][STORE_NAME_SIZE];
	struct hits *hits = NULL;
	struct typed typed;
	size_t n = 0;
	int err;

	err = typed_read(&typed, which->q);
	if (!err && which->after)
		err = cursor_read(partv, which->after);
	if (!err)
		err = phonebook_find(&hits, st->pb, st, which->tenant,
				     &typed.needles);
	if (!err && which->after)
		err = hits_after(hits, which->tenant ? which->tenant :
				 partv[0], partv[1], which->descending, &n) ?
			EAGAIN : 0;
	else if (!err && which->descending)
		n = hits_count(hits);

	if (!err && which->total)
		*which->total = hits_count(hits);
	if (!err)
		err = found_tell(st, which, hits, n, telling);
	mem_deref(hits);

	return err;
}


/* In the database */


static int asked_list(struct store *st, const struct store_users *which,
		      struct telling *telling)
{
	struct looking lk = { .paramc = 0 };
	int err;

	lk.mb = mbuf_alloc(SQL_MAX);
	if (!lk.mb)
		return ENOMEM;

	add(&lk, "SELECT o.tenant, o.upn, o.revision, o.changed_ms,"
	    " t.managed, o.secrets, o.data, r.data, %s FROM %s",
	    first_key(which), is_by_state(which) ?
	    "registrations r LEFT JOIN users o ON o.tenant = r.tenant"
	    " AND o.upn = r.upn LEFT JOIN tenants t ON t.tenant = r.tenant"
	    " WHERE COALESCE(o.upn, '') <> ''" :
	    "users o JOIN tenants t ON t.tenant = o.tenant"
	    " LEFT JOIN registrations r ON r.tenant = o.tenant"
	    " AND r.upn = o.upn");
	lk.begun = is_by_state(which);
	err = conditions(&lk, which, is_by_state(which));
	if (!err)
		err = continued(&lk, which);
	ordered(&lk, which);

	if (!err)
		err = lk.err ? ENOMEM :
			db_query(st->db, (const char *)lk.mb->buf, lk.paramv,
				 lk.paramc, tell, telling);
	mem_deref(lk.mb);

	return err;
}


int store_user_list(struct store *st, const struct store_users *which,
		    store_object_h *h, void *arg)
{
	struct telling telling = { { .h = h, .arg = arg }, NULL };
	int err = EAGAIN;

	if (!st || !is_good(which) || !h)
		return EINVAL;

	telling.last = which->last;
	if (is_in_phonebook(st, which))
		err = found_list(st, which, &telling);
	if (err != EAGAIN)
		return err;

	err = asked_list(st, which, &telling);
	if (err || !which->total)
		return err;

	/* a first page that is not full has them all */
	if (!which->after && (!which->limit ||
			      telling.reader.c < which->limit)) {
		*which->total = telling.reader.c;
		return 0;
	}

	return store_user_count(st, which, which->total);
}


/** @return EAGAIN: the database is to be asked */
static int book_count(struct store *st, const struct store_users *which,
		      size_t *count)
{
	enum phonebook_whom whom = PHONEBOOK_ALL;

	if (!st->pb || str_isset(which->q) || which->pbx || which->state)
		return EAGAIN;

	if (which->enabled)
		whom = strcmp(which->enabled, "true") ? PHONEBOOK_DISABLED :
			PHONEBOOK_ENABLED;

	return phonebook_count(st->pb, st, which->tenant, whom, count);
}


/** Of all customers, and nothing else is asked for */
static bool is_registered_alone(const struct store_users *which)
{
	return which->state && !strcmp(which->state, "registered") &&
		!which->tenant && !which->pbx && !str_isset(which->q) &&
		!which->enabled;
}


int store_user_count(struct store *st, const struct store_users *which,
		     size_t *count)
{
	struct looking lk = { .paramc = 0 };
	int err;

	if (!st || !is_good(which) || !count)
		return EINVAL;

	err = book_count(st, which, count);
	if (err != EAGAIN)
		return err;

	if (is_registered_alone(which))
		return store_registered_count(st, count);

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
		err = conditions(&lk, which, false);
	}
	add(&lk, "%c", 0);

	if (!err)
		err = lk.err ? ENOMEM :
			db_query(st->db, (const char *)lk.mb->buf, lk.paramv,
				 lk.paramc, store_take_count, count);
	mem_deref(lk.mb);

	return err;
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
