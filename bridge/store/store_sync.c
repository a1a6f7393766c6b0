/**
 * @file store_sync.c  Microsoft 365 in the store
 */
#include <jansson.h>

#include "bridge/base/field.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "bridge/model/syncconf.h"
#include "sql.h"
#include "store_core.h"
#include "store_sync.h"


enum {
	CLAIM_MS  = 60 * 1000,
	SPREAD    = 10,            /* of 100: by chance, so that not all of
				      the customers come together          */
	PATTERN_SIZE = 2 * STORE_NAME_SIZE,
};

/* The time of the next one, a part of it by the customer's own number */
#define DUE "s.ran_ms + s.every_ms + s.every_ms * s.spread / 1000"


/* When */


/** 0 .. 100 thousandths, always the same for the same name */
static int64_t spread_of(const char *tenant)
{
	return hash_joaat_str(tenant) % (SPREAD * 10);
}


int store_sync_rhythm(struct store *st, const char *tenant,
		      const json_t *value)
{
	struct syncconf *conf = fields_item_alloc(&syncconf_fields);
	int64_t every_ms;
	int err;

	if (!conf)
		return ENOMEM;

	err = fields_read_json(&syncconf_fields, conf, value, NULL, NULL);
	every_ms = conf->scheduled ? (int64_t)conf->every_s * 1000 : 0;
	mem_deref(conf);
	if (err)
		return err;

	return db_do(st->db, "INSERT INTO sync_states (tenant, every_ms,"
		     " spread, ran_ms, wish, wish_who, claim,"
		     " claim_until_ms, origin, delta, full_ms, progress,"
		     " data) VALUES ($1, $2, $3, $4, '', '', '', 0, '', '',"
		     " 0, '', '') ON CONFLICT (tenant) DO UPDATE SET"
		     " every_ms = excluded.every_ms", DB_TEXT(tenant),
		     DB_INT(every_ms), DB_INT(spread_of(tenant)),
		     DB_INT(clock_wall_ms()));
}


struct sync_reader {
	store_sync_h *h;
	void *arg;
};


static int tell_sync(const struct db_row *row, void *arg)
{
	const struct sync_reader *reader = arg;
	const bool runs = db_int(row, 6) > clock_wall_ms();
	const struct store_sync sync = {
		.tenant   = row->textv[0],
		.every_ms = db_int(row, 1),
		.ran_ms   = db_int(row, 2),
		.due_ms   = db_int(row, 1) ? db_int(row, 3) : 0,
		.wish     = row->textv[4],
		.node     = runs ? row->textv[5] : "",
		.progress = runs ? row->textv[7] : "",
		.data     = row->textv[8],
	};

	return reader->h(&sync, reader->arg);
}


int store_sync_list(struct store *st, const char *tenant, store_sync_h *h,
		    void *arg)
{
	struct sync_reader reader = { h, arg };

	if (!st || !h)
		return EINVAL;

	return db_do_each(st->db, tell_sync, &reader, "SELECT s.tenant,"
			  " s.every_ms, s.ran_ms, " DUE ", s.wish, s.claim,"
			  " s.claim_until_ms, s.progress, s.data"
			  " FROM sync_states s"
			  " WHERE (CAST($1 AS TEXT) IS NULL OR s.tenant = $1)"
			  " ORDER BY s.tenant", DB_TEXT(tenant));
}


static int counted(const struct db_row *row, void *arg)
{
	(void)row;
	++*(size_t *)arg;

	return 0;
}


static int wish(struct store *st, const char *tenant, const char *word,
		const struct store_by *by)
{
	size_t c = 0;
	int err;

	err = db_do_each(st->db, counted, &c, "UPDATE sync_states SET"
			 " wish = $1, wish_who = $2 WHERE tenant = $3"
			 " RETURNING tenant", DB_TEXT(word),
			 DB_TEXT(by->who), DB_TEXT(tenant));
	if (!err && !c)
		err = ENOENT;

	return err ? err : store_audit_add(st, by, tenant, word, "sync",
					   tenant, NULL, NULL);
}


int store_sync_wish(struct store *st, const char *tenant, const char *word,
		    const struct store_by *by)
{
	int err;

	if (!st || !tenant || !str_isset(word) || !by || !by->who)
		return EINVAL;

	err = store_inner_begin(st);

	return err ? err : store_inner_end(st, wish(st, tenant, word, by));
}


/* Who */


static int take_job(const struct db_row *row, void *arg)
{
	struct store_sync_job *job = arg;
	char **const textv[] = { &job->tenant, &job->wish, &job->who,
				 &job->origin, &job->delta, &job->data };
	int err = 0;

	for (size_t i = 0; i < RE_ARRAY_SIZE(textv) && !err; i++)
		err = str_dup(textv[i], row->textv[i]);
	job->full_ms = db_int(row, RE_ARRAY_SIZE(textv));

	return err;
}


/** The one that has waited longest. Whoever is second finds it claimed: what
    is looked at is looked at again when it is written */
static int claim(struct store *st, const char *node,
		 struct store_sync_job *job)
{
	const int64_t now = clock_wall_ms();
	size_t c = 0;
	int err;

	err = db_do_each(st->db, take_job, job, "SELECT s.tenant, s.wish,"
			 " s.wish_who, s.origin, s.delta, s.data, s.full_ms"
			 " FROM sync_states s WHERE (s.wish <> '' OR"
			 " (s.every_ms > 0 AND " DUE " <= $1))"
			 " AND s.claim_until_ms < $1"
			 " ORDER BY s.wish = '', s.ran_ms LIMIT 1",
			 DB_INT(now));
	if (!err && !job->tenant)
		err = ENOENT;
	if (err)
		return err;

	err = db_do_each(st->db, counted, &c, "UPDATE sync_states SET"
			 " claim = $1, claim_until_ms = $2, wish = '',"
			 " wish_who = '', progress = '' WHERE tenant = $3"
			 " AND claim_until_ms < $4 RETURNING tenant",
			 DB_TEXT(node), DB_INT(now + CLAIM_MS),
			 DB_TEXT(job->tenant), DB_INT(now));

	return err || c ? err : ENOENT;
}


void store_sync_job_clear(struct store_sync_job *job)
{
	mem_deref(job->tenant);
	mem_deref(job->wish);
	mem_deref(job->who);
	mem_deref(job->origin);
	mem_deref(job->delta);
	mem_deref(job->data);
	memset(job, 0, sizeof(*job));
}


int store_sync_claim(struct store *st, const char *node,
		     struct store_sync_job *job)
{
	int err;

	if (!st || !str_isset(node) || !job)
		return EINVAL;

	memset(job, 0, sizeof(*job));
	err = store_inner_begin(st);
	if (!err)
		err = store_inner_end(st, claim(st, node, job));
	if (err)
		store_sync_job_clear(job);

	return err;
}


int store_sync_beat(struct store *st, const char *tenant, const char *node,
		    const char *progress)
{
	size_t c = 0;
	int err;

	if (!st || !tenant || !node || !progress)
		return EINVAL;

	err = db_do_each(st->db, counted, &c, "UPDATE sync_states SET"
			 " claim_until_ms = $1, progress = $2"
			 " WHERE tenant = $3 AND claim = $4 RETURNING tenant",
			 DB_INT(clock_wall_ms() + CLAIM_MS),
			 DB_TEXT(progress), DB_TEXT(tenant), DB_TEXT(node));

	return err || c ? err : ESTALE;
}


int store_sync_end(struct store *st, const char *tenant, const char *node,
		   const char *data)
{
	size_t c = 0;
	int err;

	if (!st || !tenant || !node || !data)
		return EINVAL;

	err = db_do_each(st->db, counted, &c, "UPDATE sync_states SET"
			 " claim = '', claim_until_ms = 0, progress = '',"
			 " ran_ms = $1, data = $2 WHERE tenant = $3"
			 " AND claim = $4 RETURNING tenant",
			 DB_INT(clock_wall_ms()), DB_TEXT(data),
			 DB_TEXT(tenant), DB_TEXT(node));

	return err || c ? err : ESTALE;
}


/* People */


struct person_reader {
	store_person_h *h;
	void *arg;
};


static int tell_person(const struct db_row *row, void *arg)
{
	const struct person_reader *reader = arg;
	const struct store_person person = {
		.id = row->textv[0], .upn = row->textv[1], .name = "",
		.why = row->textv[2], .missing = db_int(row, 3),
		.data = row->textv[4], .teams = row->textv[5],
	};

	return reader->h(&person, reader->arg);
}


int store_people_load(struct store *st, const char *tenant,
		      store_person_h *h, void *arg)
{
	struct person_reader reader = { h, arg };

	if (!st || !tenant || !h)
		return EINVAL;

	return db_do_each(st->db, tell_person, &reader, "SELECT id, upn, why,"
			  " missing, data, teams FROM sync_people"
			  " WHERE tenant = $1 AND left_ms = 0 ORDER BY id",
			  DB_TEXT(tenant));
}


int store_person_put(struct store *st, const char *tenant,
		     const struct store_person *person)
{
	char folded[STORE_NAME_SIZE], shown[STORE_NAME_SIZE];
	char search[2 * STORE_NAME_SIZE];
	int err;

	if (!st || !tenant || !person || !person->id || !person->upn ||
	    !person->name || !person->why || !person->data)
		return EINVAL;

	if (store_fold(folded, person->upn))
		return 0;          /* no name of a user here is so long */
	if (store_fold(shown, person->name))
		shown[0] = '\0';
	(void)re_snprintf(search, sizeof(search), "%s\n%s", folded, shown);

	/* the name of one who has left is free for somebody else */
	err = person->left ? 0 : db_do(st->db, "DELETE FROM sync_people WHERE"
		" tenant = $1 AND upn = $2 AND id <> $3 AND left_ms > 0",
		DB_TEXT(tenant), DB_TEXT(folded), DB_TEXT(person->id));
	if (err)
		return err;

	return db_do(st->db, "INSERT INTO sync_people (tenant, id, upn, why,"
		     " missing, left_ms, search, data, teams)"
		     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')"
		     " ON CONFLICT (tenant, id) DO UPDATE SET"
		     " upn = excluded.upn, why = excluded.why,"
		     " missing = excluded.missing,"
		     " left_ms = excluded.left_ms,"
		     " search = excluded.search, data = excluded.data",
		     DB_TEXT(tenant), DB_TEXT(person->id), DB_TEXT(folded),
		     DB_TEXT(person->why), DB_INT(person->missing),
		     DB_INT(person->left ? clock_wall_ms() : 0),
		     DB_TEXT(search), DB_TEXT(person->data));
}


int store_person_teams(struct store *st, const char *tenant, const char *id,
		       const char *teams)
{
	if (!st || !tenant || !id || !teams)
		return EINVAL;

	return db_do(st->db, "UPDATE sync_people SET teams = $1"
		     " WHERE tenant = $2 AND id = $3", DB_TEXT(teams),
		     DB_TEXT(tenant), DB_TEXT(id));
}


int store_people_forget(struct store *st, const char *tenant)
{
	if (!st || !tenant)
		return EINVAL;

	return db_do(st->db, "DELETE FROM sync_people WHERE tenant = $1",
		     DB_TEXT(tenant));
}


int store_sync_delta(struct store *st, const char *tenant, const char *node,
		     const char *origin, const char *delta, int64_t full_ms)
{
	size_t c = 0;
	int err;

	if (!st || !tenant || !node || !origin || !delta)
		return EINVAL;

	err = db_do_each(st->db, counted, &c, "UPDATE sync_states SET"
			 " origin = $1, delta = $2, full_ms ="
			 " CASE WHEN CAST($3 AS BIGINT) > 0 THEN"
			 " CAST($3 AS BIGINT) ELSE full_ms END"
			 " WHERE tenant = $4 AND claim = $5 RETURNING tenant",
			 DB_TEXT(origin), DB_TEXT(delta), DB_INT(full_ms),
			 DB_TEXT(tenant), DB_TEXT(node));

	return err || c ? err : ESTALE;
}


/* Users and people */

/* Each user with the person of that name, then who is left of the people.
   The reasons in the order of sync/matching.h */
#define LINES "(SELECT u.upn, p.id, p.data AS person, p.teams,"		\
	" u.data AS value, u.search AS search,"				\
	" CASE WHEN p.id IS NULL THEN 'unknown'"			\
	" WHEN p.left_ms > 0 THEN 'left'"				\
	" WHEN p.why <> 'ready' THEN p.why"				\
	" WHEN u.enabled = 'false' THEN 'off' ELSE 'ready' END AS why"	\
	" FROM users u LEFT JOIN sync_people p ON p.tenant = u.tenant"	\
	" AND p.upn = u.upn WHERE u.tenant = $1"			\
	" UNION ALL SELECT p.upn, p.id, p.data, p.teams, NULL, p.search,"	\
	" CASE WHEN p.why <> 'ready' THEN p.why"			\
	" ELSE 'no_pbx_account' END FROM sync_people p"			\
	" LEFT JOIN users u ON u.tenant = p.tenant AND u.upn = p.upn"	\
	" WHERE p.tenant = $1 AND p.left_ms = 0 AND u.upn IS NULL) x"


struct line_reader {
	const struct store_sync_lines *which;
	store_sync_line_h *h;
	void *arg;
};


static int tell_line(const struct db_row *row, void *arg)
{
	const struct line_reader *reader = arg;
	const struct store_sync_lines *which = reader->which;
	const struct store_sync_line line = {
		.upn = row->textv[0], .id = row->textv[1],
		.person = row->textv[2], .teams = row->textv[3],
		.user = row->textv[4], .why = row->textv[5],
	};

	if (which->last && which->sort == STORE_LINES_BY_WHY)
		(void)re_snprintf(which->last, STORE_CURSOR_SIZE, "%s/%s",
				  line.why, line.upn);
	else if (which->last)
		str_ncpy(which->last, line.upn, STORE_CURSOR_SIZE);

	return reader->h(&line, reader->arg);
}


/** What comes behind the cursor: "upn", or "why/upn". @return 0, EINVAL */
static int lines_after(struct sql *q, const struct store_sync_lines *which,
		       char why[STORE_NAME_SIZE])
{
	const char *sign = which->descending ? "<" : ">";
	const char *slash = strchr(which->after, '/');
	size_t n;

	if (which->sort == STORE_LINES_BY_UPN) {
		sql_where_text(q, which->descending ? "x.upn <" : "x.upn >",
			       which->after);
		return 0;
	}

	if (!slash || slash - which->after >= STORE_NAME_SIZE)
		return EINVAL;

	str_ncpy(why, which->after, (size_t)(slash - which->after) + 1);
	n = sql_param(q, (struct db_param)DB_TEXT(why));
	sql_add(q, " %s (x.why, x.upn) %s ($%zu, $%zu)", q->where ? "AND" :
		"WHERE", sign, n, sql_param(q, (struct db_param)
					    DB_TEXT(slash + 1)));
	q->where = true;

	return 0;
}


int store_sync_lines(struct store *st, const struct store_sync_lines *which,
		     store_sync_line_h *h, void *arg)
{
	struct line_reader reader = { .which = which, .h = h, .arg = arg };
	char pattern[PATTERN_SIZE], why[STORE_NAME_SIZE];
	const char *way;
	struct sql q;
	int err = 0;

	if (!st || !which || !which->tenant || !h)
		return EINVAL;
	if (which->q && store_pattern(pattern, sizeof(pattern), which->q))
		return EINVAL;

	way = which->descending ? " DESC" : "";

	/* the tenant is the first parameter: LINES names it */
	sql_begin(&q, "SELECT x.upn, x.id, x.person, x.teams, x.value, x.why"
		  " FROM " LINES);
	(void)sql_param(&q, (struct db_param)DB_TEXT(which->tenant));
	if (which->after)
		err = lines_after(&q, which, why);

	sql_where_text(&q, "x.why =", which->why);
	sql_where_text(&q, "x.id =", which->id);
	if (which->q) {
		sql_where_text(&q, "x.search LIKE", pattern);
		sql_add(&q, " ESCAPE '\\'");
	}
	if (which->sort == STORE_LINES_BY_WHY)
		sql_add(&q, " ORDER BY x.why%s, x.upn%s", way, way);
	else
		sql_add(&q, " ORDER BY x.upn%s", way);
	if (which->limit)
		sql_add(&q, " LIMIT %zu", which->limit);

	return sql_run(&q, st->db, err, tell_line, &reader);
}


struct why_reader {
	store_count_h *h;
	void *arg;
};


static int tell_why(const struct db_row *row, void *arg)
{
	const struct why_reader *reader = arg;

	return reader->h(row->textv[0], db_int(row, 1), reader->arg);
}


int store_sync_whys(struct store *st, const char *tenant, store_count_h *h,
		    void *arg)
{
	struct why_reader reader = { h, arg };

	if (!st || !tenant || !h)
		return EINVAL;

	return db_do_each(st->db, tell_why, &reader, "SELECT x.why, COUNT(*)"
			  " FROM " LINES " GROUP BY x.why ORDER BY x.why",
			  DB_TEXT(tenant));
}
