/**
 * @file store_outages.c  When users and trunks were lost, and for how long
 *
 * An outage of one user or one proxy begins and ends with the statuses that
 * are taken over. What hit many at once is told as one: of the same PBX, for
 * the same reason, each begun soon after the one before. A user with a wrong
 * password is so kept apart from a PBX that was switched off.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/members.h"
#include "bridge/base/wheel.h"
#include "bridge/model/status.h"
#include "sql.h"
#include "store_core.h"


enum {
	CHAIN_MS = 10 * 60 * 1000, /* a registration is missed when it is due:
				      that spreads an outage's begin        */
	ROWS_MAX = 200000,
	FILL     = 500,
};


static int note(struct store *st, const char *kind, const char *tenant,
		const char *pbx, const char *name, const char *node,
		bool down, int64_t time_ms, const char *reason,
		const char *words)
{
	if (down)
		return db_do(st->db, "INSERT INTO outages (kind, tenant, pbx,"
			     " name, node, from_ms, to_ms, reason, words)"
			     " VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)"
			     " ON CONFLICT DO NOTHING", DB_TEXT(kind),
			     DB_TEXT(tenant), DB_TEXT(pbx), DB_TEXT(name),
			     DB_TEXT(node), DB_INT(time_ms), DB_TEXT(reason),
			     DB_TEXT(words));

	return db_do(st->db, "UPDATE outages SET to_ms = CASE WHEN"
		     " from_ms >= $1 THEN from_ms + 1 ELSE $1 END"
		     " WHERE kind = $2 AND tenant = $3 AND name = $4"
		     " AND node = $5 AND to_ms = 0", DB_INT(time_ms),
		     DB_TEXT(kind), DB_TEXT(tenant), DB_TEXT(name),
		     DB_TEXT(node));
}


/* Statuses */


static bool is_true(const json_t *json, const char *member)
{
	return json_is_true(json_object_get(json, member));
}


static int64_t since_s(const json_t *status)
{
	return json_integer_value(json_object_get(status, "since_s"));
}


bool store_reg_is_down(const struct store_reg *reg)
{
	return !reg->removed &&
		(!strcmp(reg->state, reg_state_name(REG_RED)) ||
		 !strcmp(reg->state, reg_state_name(REG_LAGGING)));
}


int store_outage_reg(struct store *st, const struct store_reg *reg)
{
	/* who waits for a turn is as lost, or not, as before */
	if (!reg->removed && !strcmp(reg->state, reg_state_name(REG_QUEUED)))
		return 0;

	return note(st, "user", reg->tenant, reg->pbx, reg->upn, "",
		    store_reg_is_down(reg), reg->since_s ?
		    reg->since_s * 1000 : reg->time_ms, reg->reason,
		    reg->words);
}


static int take_one(const struct db_row *row, void *arg)
{
	(void)row;
	*(bool *)arg = true;

	return 0;
}


int store_outage_any(struct store *st, bool *any)
{
	*any = false;

	return db_do_each(st->db, take_one, any, "SELECT 1 FROM outages"
			  " WHERE kind = $1 AND to_ms = 0 LIMIT 1",
			  DB_TEXT("user"));
}


int store_outage_trunk(struct store *st, const json_t *trunk,
		       const char *node, int64_t time_ms)
{
	const bool removed = is_true(trunk, "removed");
	const bool up = is_true(trunk, "up");

	/* nobody has tried yet: it is neither up nor down */
	if (!json_is_object(trunk) ||
	    (!removed && !up && !*text_of(trunk, "why")))
		return 0;

	return note(st, "trunk", text_of(trunk, "tenant"),
		    text_of(trunk, "fqdn"), text_of(trunk, "proxy"), node,
		    !removed && !up, since_s(trunk) ?
		    since_s(trunk) * 1000 : time_ms,
		    text_of(trunk, "why"), "");
}


/* Of the history that was kept before */


struct filling {
	struct { char *upn, *data; int64_t time_ms; } v[FILL];
	char *node, *day;          /* owned: key of the last one */
	int64_t time_ms, at;
	size_t c;
};


static int fill_h(const struct db_row *row, void *arg)
{
	struct filling *fi = arg;
	int err;

	fi->time_ms = db_int(row, 0);
	fi->at      = db_int(row, 3);
	fi->v[fi->c].time_ms = fi->time_ms;
	fi->node = mem_deref(fi->node);
	fi->day  = mem_deref(fi->day);

	err = str_dup(&fi->node, row->textv[1]);
	if (!err)
		err = str_dup(&fi->day, row->textv[2]);
	if (!err)
		err = str_dup(&fi->v[fi->c].upn, row->textv[4]);
	if (!err)
		err = str_dup(&fi->v[fi->c].data, row->textv[5]);
	++fi->c;

	return err;
}


static int fill_one(struct store *st, const json_t *json, const char *upn,
		    int64_t time_ms)
{
	const struct store_reg reg = {
		.tenant = text_of(json, "tenant"), .upn = upn,
		.pbx = text_of(json, "pbx"), .state = text_of(json, "state"),
		.reason = text_of(json, "reason"),
		.words = text_of(json, "words"),
		.since_s = since_s(json), .time_ms = time_ms,
		.removed = is_true(json, "removed"),
	};

	return store_outage_reg(st, &reg);
}


static int fill_some(struct store *st, struct filling *fi)
{
	int err;

	fi->c = 0;
	err = db_do_each(st->db, fill_h, fi, "SELECT time_ms, node, day, at,"
			 " upn, data FROM registration_history WHERE"
			 " (time_ms, node, day, at) > ($1, $2, $3, $4)"
			 " ORDER BY time_ms, node, day, at LIMIT $5",
			 DB_INT(fi->time_ms), DB_TEXT(fi->node ? fi->node
						      : ""),
			 DB_TEXT(fi->day ? fi->day : ""), DB_INT(fi->at),
			 DB_INT(FILL));

	for (size_t i = 0; i < fi->c; i++) {
		json_t *reg = json_loads(fi->v[i].data ? fi->v[i].data : "",
					 0, NULL);

		if (!err && reg)
			err = fill_one(st, reg, fi->v[i].upn,
				       fi->v[i].time_ms);
		json_decref(reg);
		fi->v[i].upn  = mem_deref(fi->v[i].upn);
		fi->v[i].data = mem_deref(fi->v[i].data);
	}

	return err;
}


int store_outages_fill(struct store *st)
{
	struct filling *fi = mem_zalloc(sizeof(*fi), NULL);
	int err = 0;

	if (!fi)
		return ENOMEM;

	fi->time_ms = -1;
	do {
		err = fill_some(st, fi);
	} while (!err && fi->c == FILL);

	mem_deref(fi->node);
	mem_deref(fi->day);
	mem_deref(fi);

	return err;
}


/* Telling */


struct outage {
	struct le le;
	char *kind, *tenant, *pbx, *reason, *words;    /* owned */
	int64_t from_ms, to_ms, lost_ms;
	int64_t last_ms;           /* begin of the last one that joined      */
	char **namev;              /* owned, with what is in it              */
	size_t namec, size;
};

struct gathering {
	const struct store_span *span;
	struct list outagel;       /* struct outage */
	struct outage *now;        /* borrowed: the last one, NULL */
	int64_t until_ms;          /* what lasts is counted until  */
	size_t rows;
};


static void outage_destructor(void *data)
{
	struct outage *o = data;

	list_unlink(&o->le);
	for (size_t i = 0; i < o->namec; i++)
		mem_deref(o->namev[i]);
	free(o->namev);
	mem_deref(o->kind);
	mem_deref(o->tenant);
	mem_deref(o->pbx);
	mem_deref(o->reason);
	mem_deref(o->words);
}


static int outage_new(struct gathering *g, const struct db_row *row)
{
	struct outage *o = mem_zalloc(sizeof(*o), outage_destructor);
	int err;

	if (!o)
		return ENOMEM;

	list_append(&g->outagel, &o->le, o);
	g->now = o;

	err = str_dup(&o->kind, row->textv[0]);
	if (!err)
		err = str_dup(&o->tenant, row->textv[1]);
	if (!err)
		err = str_dup(&o->pbx, row->textv[2]);
	if (!err)
		err = str_dup(&o->reason, row->textv[6]);
	if (!err)
		err = str_dup(&o->words, row->textv[7]);

	o->from_ms = db_int(row, 4);
	o->to_ms   = db_int(row, 5);

	return err;
}


static bool joins(const struct outage *o, const struct db_row *row)
{
	return o && !strcmp(o->kind, row->textv[0]) &&
		!strcmp(o->tenant, row->textv[1]) &&
		!strcmp(o->pbx, row->textv[2]) &&
		!strcmp(o->reason, row->textv[6]) &&
		db_int(row, 4) - o->last_ms <= CHAIN_MS;
}


static int name_add(struct outage *o, const char *name)
{
	if (o->namec == o->size) {
		const size_t size = o->size ? 2 * o->size : 4;
		char **v = realloc(o->namev, size * sizeof(*v));

		if (!v)
			return ENOMEM;
		o->namev = v;
		o->size  = size;
	}

	return str_dup(&o->namev[o->namec++], name);
}


static int row_h(const struct db_row *row, void *arg)
{
	struct gathering *g = arg;
	const int64_t from_ms = db_int(row, 4), to_ms = db_int(row, 5);
	struct outage *o;
	int err = 0;

	if (++g->rows > ROWS_MAX)
		return E2BIG;

	if (!joins(g->now, row))
		err = outage_new(g, row);
	if (err)
		return err;

	o = g->now;
	o->last_ms  = from_ms;
	o->lost_ms += (to_ms ? to_ms : g->until_ms) - from_ms;
	if (!to_ms || (o->to_ms && to_ms > o->to_ms))
		o->to_ms = to_ms;

	return name_add(o, row->textv[3]);
}


static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}


/** Each name once. @return how many there are */
static size_t names_sort(struct outage *o)
{
	size_t c = 0;

	qsort(o->namev, o->namec, sizeof(*o->namev), name_compare);

	for (size_t i = 0; i < o->namec; i++) {
		if (c && !strcmp(o->namev[c - 1], o->namev[i])) {
			o->namev[i] = mem_deref(o->namev[i]);
			continue;
		}
		if (c != i) {
			o->namev[c] = o->namev[i];
			o->namev[i] = NULL;
		}
		++c;
	}
	o->namec = c;

	return c;
}


static bool newest_first(struct le *a, struct le *b, void *arg)
{
	const struct outage *x = a->data, *y = b->data;

	(void)arg;

	return x->from_ms >= y->from_ms;
}


static int tell_all(struct gathering *g, store_outage_h *h, void *arg)
{
	size_t c = 0;
	int err = 0;

	list_sort(&g->outagel, newest_first, NULL);

	for (struct le *le = list_head(&g->outagel); le && !err;
	     le = le->next) {
		struct outage *o = le->data;
		const struct store_outage outage = {
			.kind = o->kind, .tenant = o->tenant, .pbx = o->pbx,
			.from_ms = o->from_ms, .to_ms = o->to_ms,
			.lost_ms = o->lost_ms, .count = names_sort(o),
			.namev = (const char *const *)o->namev,
			.reason = o->reason, .words = o->words };

		if (g->span->limit && c++ == g->span->limit)
			break;
		err = h(&outage, arg);
	}

	return err;
}


int store_outages(struct store *st, const struct store_span *span,
		  store_outage_h *h, void *arg)
{
	struct gathering g = { .span = span };
	struct sql q;
	int err;

	if (!st || !span || !h)
		return EINVAL;

	g.until_ms = clock_wall_ms();
	if (span->to_ms && span->to_ms < g.until_ms)
		g.until_ms = span->to_ms;

	sql_begin(&q, "SELECT kind, tenant, pbx, name, from_ms, to_ms,"
		  " reason, words FROM outages");
	sql_add(&q, " WHERE (to_ms = 0 OR to_ms > $%zu)",
		sql_param(&q, (struct db_param)DB_INT(span->from_ms)));
	q.where = true;
	sql_where(&q, "from_ms <", (struct db_param)DB_INT(g.until_ms));
	sql_where_text(&q, "tenant =", span->tenant);
	sql_where_text(&q, "pbx =", span->pbx);
	sql_where_text(&q, "kind =", span->kind);
	sql_add(&q, " ORDER BY kind, tenant, pbx, reason, from_ms");

	err = sql_run(&q, st->db, 0, row_h, &g);
	if (!err)
		err = tell_all(&g, h, arg);
	list_flush(&g.outagel);

	return err;
}
