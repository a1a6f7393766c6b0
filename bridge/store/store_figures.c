/**
 * @file store_figures.c  Figures of calls, by the hour in which they began
 *
 * An hour's counters of a PBX are one text of numbers, in the order of
 * call_figurev: there is a row an hour and PBX, and a report of a year reads
 * a million of them. Whoever asks has them added up here, which is several
 * times as quick as to let the database add forty columns. All customers
 * together have rows of their own, of a tenant that nobody can be called:
 * one an hour, however many customers there are.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/model/call_stats.h"
#include "sql.h"
#include "store_core.h"


enum {
	HOUR_MS   = 3600000,
	BUCKETS   = 4096,
	TEXT_SIZE = CALL_FIGURES_MAX * 21 + 1,
};


/* Tenant of all together */
#define ALL "*"


struct group {
	struct le le;
	int64_t time_ms;
	char tenant[64], pbx[64];
	struct call_stats stats;
};

/** Counters by time and PBX */
struct figures {
	struct hash *ht;           /* owned; struct group */
	size_t c;
};


static void figures_destructor(void *data)
{
	struct figures *f = data;

	hash_flush(f->ht);
	mem_deref(f->ht);
}


int figures_alloc(struct figures **fp)
{
	struct figures *f = mem_zalloc(sizeof(*f), figures_destructor);
	int err;

	if (!f)
		return ENOMEM;

	err = hash_alloc(&f->ht, BUCKETS);
	if (err)
		mem_deref(f);
	else
		*fp = f;

	return err;
}


static void group_destructor(void *data)
{
	struct group *group = data;

	hash_unlink(&group->le);
}


static bool is_group(struct le *le, void *arg)
{
	const struct group *group = le->data, *other = arg;

	return group->time_ms == other->time_ms &&
		!strcmp(group->pbx, other->pbx) &&
		!strcmp(group->tenant, other->tenant);
}


/** The group, made if there is none. NULL without memory */
static struct group *group_get(struct figures *f, int64_t time_ms,
			       const char *tenant, const char *pbx)
{
	struct group *group, key = { .time_ms = time_ms };
	uint32_t at;
	struct le *le;

	str_ncpy(key.tenant, tenant, sizeof(key.tenant));
	str_ncpy(key.pbx, pbx, sizeof(key.pbx));
	at = hash_joaat_str(key.tenant) ^ 3 * hash_joaat_str(key.pbx) ^
		(uint32_t)(time_ms / HOUR_MS);

	le = hash_lookup(f->ht, at, is_group, &key);
	if (le)
		return le->data;

	group = mem_zalloc(sizeof(*group), group_destructor);
	if (!group)
		return NULL;

	*group = key;
	hash_append(f->ht, at, &group->le, group);
	++f->c;

	return group;
}


int figures_add(struct figures *f, const struct call_record *rec, bool minus)
{
	const int64_t hour_ms = rec->start_ms - rec->start_ms % HOUR_MS;
	struct group *group = group_get(f, hour_ms, rec->tenant, rec->pbx);
	struct group *all = group_get(f, hour_ms, ALL, "");
	struct call_stats stats = { 0 };

	if (!group || !all)
		return ENOMEM;

	call_stats_add(&stats, rec);
	call_stats_sum(&group->stats, &stats, minus);
	call_stats_sum(&all->stats, &stats, minus);

	return 0;
}


/* As text */


static void pack(char text[TEXT_SIZE], const struct call_stats *stats)
{
	size_t n = 0;

	for (size_t i = 0; i < call_figurec; i++)
		n += (size_t)snprintf(text + n, TEXT_SIZE - n, "%s%llu",
				      i ? " " : "", (unsigned long long)
				      *(const uint64_t *)(const void *)
				      ((const char *)stats +
				       call_figurev[i]));
}


/** Add what stands there. Counters that came later than the text are 0 */
static void unpack_add(struct call_stats *stats, const char *p)
{
	for (size_t i = 0; i < call_figurec && *p; i++) {
		uint64_t n = 0;

		for (; *p >= '0' && *p <= '9'; p++)
			n = n * 10 + (uint64_t)(*p - '0');
		p += *p == ' ';

		*(uint64_t *)(void *)((char *)stats + call_figurev[i]) += n;
	}
}


/* Writing */


struct flushing {
	struct db *db;
	int err;
};


static int unpack_h(const struct db_row *row, void *arg)
{
	unpack_add(arg, row->textv[0]);

	return 0;
}


/** @return true to stop */
static bool flush_h(struct le *le, void *arg)
{
	struct flushing *fl = arg;
	struct group *group = le->data;
	char text[TEXT_SIZE];

	fl->err = db_do_each(fl->db, unpack_h, &group->stats, "SELECT data"
			     " FROM call_figures WHERE tenant = $1 AND"
			     " hour_ms = $2 AND pbx = $3",
			     DB_TEXT(group->tenant), DB_INT(group->time_ms),
			     DB_TEXT(group->pbx));
	if (fl->err)
		return true;

	pack(text, &group->stats);
	fl->err = db_do(fl->db, "INSERT INTO call_figures (tenant, hour_ms,"
			" pbx, data) VALUES ($1, $2, $3, $4)"
			" ON CONFLICT (tenant, hour_ms, pbx) DO UPDATE SET"
			" data = excluded.data", DB_TEXT(group->tenant),
			DB_INT(group->time_ms), DB_TEXT(group->pbx),
			DB_TEXT(text));

	return fl->err != 0;
}


int figures_flush(struct figures *f, struct store *st)
{
	struct flushing fl = { .db = st->db };

	(void)hash_apply(f->ht, flush_h, &fl);
	hash_flush(f->ht);
	f->c = 0;

	return fl.err;
}


/* Rows of all together, of tables that have none yet */


static int all_h(const struct db_row *row, void *arg)
{
	struct group *group = group_get(arg, db_int(row, 0), ALL, "");

	if (!group)
		return ENOMEM;

	unpack_add(&group->stats, row->textv[1]);

	return 0;
}


int store_figures_fill(struct store *st)
{
	struct figures *f = NULL;
	int err;

	err = figures_alloc(&f);
	if (!err)
		err = db_do_each(st->db, all_h, f, "SELECT hour_ms, data FROM"
				 " call_figures WHERE tenant <> $1",
				 DB_TEXT(ALL));
	if (!err)
		err = figures_flush(f, st);
	mem_deref(f);

	return err;
}


/* Reading */


struct summing {
	const struct store_figures *asked;
	struct figures *f;         /* owned */
};


/** Begin of the step in which an hour lies, by days of the zone */
static int64_t step_of(const struct store_figures *asked, int64_t hour_ms)
{
	if (!asked->step_ms)
		return 0;

	return (hour_ms + asked->zone_ms) / asked->step_ms * asked->step_ms -
		asked->zone_ms;
}


static int sum_h(const struct db_row *row, void *arg)
{
	struct summing *s = arg;
	const bool apart = s->asked->by_pbx;
	struct group *group = group_get(s->f, step_of(s->asked,
						      db_int(row, 0)),
					apart ? row->textv[1] : "",
					apart ? row->textv[2] : "");

	if (!group)
		return ENOMEM;
	if (s->asked->limit && s->f->c > s->asked->limit)
		return E2BIG;

	unpack_add(&group->stats, row->textv[3]);

	return 0;
}


static int group_compare(const void *ap, const void *bp)
{
	const struct group *a = *(struct group *const *)ap;
	const struct group *b = *(struct group *const *)bp;
	int n;

	if (a->time_ms != b->time_ms)
		return a->time_ms < b->time_ms ? -1 : 1;

	n = strcmp(a->tenant, b->tenant);

	return n ? n : strcmp(a->pbx, b->pbx);
}


struct taking {
	struct group **v;
	size_t c;
};


static bool take_h(struct le *le, void *arg)
{
	struct taking *taking = arg;

	taking->v[taking->c++] = le->data;

	return false;
}


static int tell_all(const struct figures *f, store_figures_h *h, void *arg)
{
	struct taking taking = { calloc(f->c + 1, sizeof(*taking.v)), 0 };
	int err = 0;

	if (!taking.v)
		return ENOMEM;

	(void)hash_apply(f->ht, take_h, &taking);
	qsort(taking.v, taking.c, sizeof(*taking.v), group_compare);

	for (size_t i = 0; i < taking.c && !err; i++)
		err = h(taking.v[i]->time_ms, taking.v[i]->tenant,
			taking.v[i]->pbx, &taking.v[i]->stats, arg);
	free(taking.v);

	return err;
}


static int hours_sum(struct store *st, struct summing *s, int64_t from_ms,
		     int64_t to_ms)
{
	const struct store_figures *asked = s->asked;
	struct sql q;

	sql_begin(&q, "SELECT hour_ms, tenant, pbx, data FROM call_figures");
	if (asked->tenant)
		sql_where_text(&q, "tenant =", asked->tenant);
	else
		sql_where_text(&q, asked->pbx || asked->by_pbx ? "tenant <>" :
			       "tenant =", ALL);
	sql_where_text(&q, "pbx =", asked->pbx);
	sql_where(&q, "hour_ms >=", (struct db_param)
		  DB_INT(from_ms - from_ms % HOUR_MS));
	if (to_ms)
		sql_where(&q, "hour_ms <", (struct db_param)DB_INT(to_ms));

	return sql_run(&q, st->db, 0, sum_h, s);
}


static int call_h(const json_t *value, void *arg)
{
	struct summing *s = arg;
	const bool apart = s->asked->by_pbx;
	struct call_record rec;
	struct group *group;

	/* what a newer version wrote may be unknown here */
	if (call_record_read(&rec, value))
		return 0;

	group = group_get(s->f, step_of(s->asked, rec.start_ms -
					rec.start_ms % HOUR_MS),
			  apart ? rec.tenant : "", apart ? rec.pbx : "");
	if (!group)
		return ENOMEM;
	if (s->asked->limit && s->f->c > s->asked->limit)
		return E2BIG;

	call_stats_add(&group->stats, &rec);

	return 0;
}


/** Call by call. @param result  NULL: all */
static int calls_sum(struct store *st, struct summing *s, int64_t from_ms,
		     int64_t to_ms, const char *result)
{
	const struct store_call_query query = {
		.span = { .tenant = s->asked->tenant, .pbx = s->asked->pbx,
			  .upn = s->asked->upn, .from_ms = from_ms,
			  .to_ms = to_ms },
		.failed = s->asked->failed ? "true" : NULL,
		.result = result,
	};

	return store_calls(st, &query, call_h, s);
}


/** Whole hours at once, and what is cut off at both ends call by call */
static int exact_sum(struct store *st, struct summing *s)
{
	const struct store_figures *asked = s->asked;
	const int64_t to_ms = asked->to_ms ? asked->to_ms : INT64_MAX;
	const int64_t first = (asked->from_ms + HOUR_MS - 1) / HOUR_MS *
		HOUR_MS;
	const int64_t last = to_ms - to_ms % HOUR_MS;
	int err = 0;

	if (asked->upn || asked->failed || last <= first)
		return calls_sum(st, s, asked->from_ms, to_ms, NULL);

	if (asked->from_ms < first)
		err = calls_sum(st, s, asked->from_ms, first, NULL);
	if (!err)
		err = hours_sum(st, s, first, last);
	if (!err)
		err = calls_sum(st, s, first, last,
				call_result_name(CALL_RUNNING));
	if (!err && last < to_ms)
		err = calls_sum(st, s, last, to_ms, NULL);

	return err;
}


int store_call_figures(struct store *st, const struct store_figures *asked,
		       store_figures_h *h, void *arg)
{
	struct summing s = { .asked = asked };
	int err;

	if (!st || !asked || !h || asked->step_ms < 0 ||
	    (!asked->exact && (asked->upn || asked->failed)))
		return EINVAL;

	err = figures_alloc(&s.f);
	if (err)
		return err;

	err = asked->exact ? exact_sum(st, &s)
		: hours_sum(st, &s, asked->from_ms, asked->to_ms);
	if (!err)
		err = tell_all(s.f, h, arg);
	mem_deref(s.f);

	return err;
}


static int totals_h(const struct db_row *row, void *arg)
{
	unpack_add(arg, row->textv[0]);

	return 0;
}


int store_call_totals(struct store *st, const char *tenant, int64_t since_ms,
		      struct store_totals *totals)
{
	struct call_stats stats = { 0 };
	int err;

	if (!st || !totals)
		return EINVAL;

	err = db_do_each(st->db, totals_h, &stats, "SELECT data FROM"
			 " call_figures WHERE tenant = $1 AND hour_ms >= $2",
			 DB_TEXT(tenant ? tenant : ALL), DB_INT(since_ms));
	if (err)
		return err;

	totals->calls  = (int64_t)stats.calls;
	totals->failed = (int64_t)stats.failed;

	return 0;
}
