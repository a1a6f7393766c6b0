/**
 * @file store_batch.c  What lines of the journal come to, put in together
 *
 * Texts are copied into blocks that stay where they are until all is put in.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/model/status.h"
#include "journal_file.h"
#include "journal_line.h"
#include "store_batch.h"


enum { BLOCK_SIZE = 256 * 1024, ROWS_MIN = 256 };


struct block {
	struct block *next;        /* owned */
	size_t size, used;         /* of data */
	char data[];
};

/** A status; texts are in the blocks */
struct reg_row {
	struct store_reg reg;
	int64_t at;
	const char *data;
};

/** One version of a call, or a trunk */
struct row {
	int64_t at, version, time_ms;
	const char *id, *data;
};

struct batch {
	struct block *blocks;      /* owned                             */
	struct reg_row *regv;      /* owned, room for regs              */
	size_t regc, regs;
	struct row *callv;         /* owned, room for calls             */
	size_t callc, calls;
	struct row *trunkv;        /* owned, room for trunks            */
	size_t trunkc, trunks;
	size_t size;               /* octets of lines                   */
};


static void blocks_free(struct batch *b)
{
	while (b->blocks) {
		struct block *block = b->blocks;

		b->blocks = block->next;
		mem_deref(block);
	}
}


static void destructor(void *data)
{
	struct batch *b = data;

	blocks_free(b);
	mem_deref(b->regv);
	mem_deref(b->callv);
	mem_deref(b->trunkv);
}


int batch_alloc(struct batch **bp)
{
	*bp = mem_zalloc(sizeof(**bp), destructor);

	return *bp ? 0 : ENOMEM;
}


size_t batch_size(const struct batch *b)
{
	return b->size;
}


static char *keep(struct batch *b, const char *p, size_t l)
{
	struct block *block = b->blocks;
	char *text;

	if (!block || block->size - block->used <= l) {
		const size_t size = l < BLOCK_SIZE ? BLOCK_SIZE : l + 1;

		block = mem_alloc(sizeof(*block) + size, NULL);
		if (!block)
			return NULL;

		block->size = size;
		block->used = 0;
		block->next = b->blocks;
		b->blocks   = block;
	}

	text = block->data + block->used;
	if (l)
		memcpy(text, p, l);
	text[l] = '\0';
	block->used += l + 1;

	return text;
}


/** Room for one more of a vector. @return 0, ENOMEM */
static int grow(void *vp, size_t *room, size_t c, size_t size)
{
	const size_t wanted = *room ? 2 * *room : ROWS_MIN;
	void *v;

	if (c < *room)
		return 0;

	v = mem_reallocarray(*(void **)vp, wanted, size, NULL);
	if (!v)
		return ENOMEM;

	*(void **)vp = v;
	*room = wanted;

	return 0;
}


/* Lines */


static int reg_add(struct batch *b, int64_t at,
		   const struct journal_line *jl)
{
	char upn[STORE_NAME_SIZE];
	struct reg_row *row;

	if (jl->upn.l >= sizeof(upn))
		return 0;
	(void)pl_strcpy(&jl->upn, upn, sizeof(upn));
	(void)store_fold(upn, upn);

	if (grow(&b->regv, &b->regs, b->regc, sizeof(*b->regv)))
		return ENOMEM;

	row = &b->regv[b->regc];
	row->at   = at;
	row->data = keep(b, jl->value.p, jl->value.l);
	row->reg  = (struct store_reg) {
		.tenant = keep(b, jl->tenant.p, jl->tenant.l),
		.upn    = keep(b, upn, strlen(upn)),
		.pbx    = keep(b, jl->pbx.p, jl->pbx.l),
		.state  = keep(b, jl->state.p, jl->state.l),
		.reason = keep(b, jl->reason.p, jl->reason.l),
		.words  = keep(b, jl->words.p, jl->words.l),
		.since_s = jl->since_s, .time_ms = jl->time_ms,
		.removed = jl->removed,
	};
	if (!row->data || !row->reg.tenant || !row->reg.upn ||
	    !row->reg.pbx || !row->reg.state || !row->reg.reason ||
	    !row->reg.words)
		return ENOMEM;

	++b->regc;

	return 0;
}


static int row_add(struct batch *b, struct row **vp, size_t *room, size_t *c,
		   int64_t at, const struct journal_line *jl)
{
	struct row *row;

	if (grow(vp, room, *c, sizeof(**vp)))
		return ENOMEM;

	row = &(*vp)[*c];
	row->at      = at;
	row->version = jl->version;
	row->time_ms = jl->time_ms;
	row->id      = keep(b, jl->id.p, jl->id.l);
	row->data    = keep(b, jl->value.p, jl->value.l);
	if (!row->id || !row->data)
		return ENOMEM;

	++*c;

	return 0;
}


static int line_add(struct batch *b, int64_t at,
		    const struct journal_line *jl)
{
	switch (jl->kind) {

	case JOURNAL_REG:
		return reg_add(b, at, jl);

	case JOURNAL_CALL:
		return row_add(b, &b->callv, &b->calls, &b->callc, at, jl);

	case JOURNAL_TRUNK:
		return row_add(b, &b->trunkv, &b->trunks, &b->trunkc, at,
			       jl);
	}

	return 0;
}


static void text_of(struct pl *pl, const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	pl_set_str(pl, text ? text : "");
}


static int64_t integer_of(const json_t *json, const char *member)
{
	return json_integer_value(json_object_get(json, member));
}


/** The members that are needed. Views into the value, and into its text */
static void value_take(struct journal_line *jl, const json_t *value,
		       const char *text)
{
	pl_set_str(&jl->value, text);
	jl->version = integer_of(value, "version");
	jl->since_s = integer_of(value, "since_s");
	jl->removed = json_is_true(json_object_get(value, "removed"));
	text_of(&jl->tenant, value, "tenant");
	text_of(&jl->upn, value, "upn");
	text_of(&jl->pbx, value, "pbx");
	text_of(&jl->state, value, "state");
	text_of(&jl->reason, value, "reason");
	text_of(&jl->words, value, "words");
	text_of(&jl->id, value, "id");
}


/** By a parser: it is in another language than ours, or of somebody else */
static int line_parse(struct batch *b, int64_t at, const char *line,
		      size_t l)
{
	static const char *const namev[] = {
		[JOURNAL_CALL] = "call", [JOURNAL_REG] = "reg",
		[JOURNAL_TRUNK] = "trunk",
	};
	json_t *json = json_loadb(line, l, JSON_REJECT_DUPLICATES, NULL);
	int err = 0;

	for (size_t i = 0; i < RE_ARRAY_SIZE(namev) && !err; i++) {
		const json_t *value = json_object_get(json, namev[i]);
		struct journal_line jl = {
			.kind = (enum journal_kind)i,
			.time_ms = integer_of(json, "time_ms") };
		char *text;

		if (!json_is_object(value))
			continue;

		text = json_dumps(value, JSON_COMPACT);
		if (text) {
			value_take(&jl, value, text);
			err = line_add(b, at, &jl);
		}
		else {
			err = ENOMEM;
		}
		free(text);
	}

	json_decref(json);

	return err;
}


int batch_line(struct batch *b, int64_t at, const char *line, size_t l)
{
	struct journal_line jl;

	if (l > JOURNAL_LINE_MAX)
		return 0;

	b->size += l;

	return journal_line_read(&jl, line, l) ? line_add(b, at, &jl) :
		line_parse(b, at, line, l);
}


/* Statuses */


/** That somebody waits for a first registration is how things stand, and
    nothing that anybody asks about later */
static int history_write(const struct batch *b, struct db *db,
			 const char *node, const char *day)
{
	struct db_rows rows = {
		.db = db, .columnc = 8, .tail = "",
		.into = "registration_history (node, day, at, tenant, upn,"
			" pbx, time_ms, data)",
	};
	int err = 0;

	for (size_t i = 0; i < b->regc && !err; i++) {
		const struct reg_row *row = &b->regv[i];
		const struct db_param paramv[] = {
			DB_TEXT(node), DB_TEXT(day), DB_INT(row->at),
			DB_TEXT(row->reg.tenant), DB_TEXT(row->reg.upn),
			DB_TEXT(row->reg.pbx), DB_INT(row->reg.time_ms),
			DB_TEXT(row->data),
		};

		if (strcmp(row->reg.state, reg_state_name(REG_QUEUED)))
			err = db_rows_add(&rows, paramv);
	}

	return db_rows_end(&rows, err);
}


/** Where nobody is lost, nobody is looked for who has come back */
static int outages_write(const struct batch *b, struct store *st)
{
	bool any;
	int err;

	err = store_outage_any(st, &any);

	for (size_t i = 0; i < b->regc && !err; i++) {
		const struct store_reg *reg = &b->regv[i].reg;

		any = any || store_reg_is_down(reg);
		if (any)
			err = store_outage_reg(st, reg);
	}

	return err;
}


static int user_order(const struct reg_row *a, const struct reg_row *b)
{
	const int n = strcmp(a->reg.tenant, b->reg.tenant);

	return n ? n : strcmp(a->reg.upn, b->reg.upn);
}


/** The newest of a user comes last */
static int reg_order(const void *ap, const void *bp)
{
	const struct reg_row *a = ap, *b = bp;
	const int n = user_order(a, b);

	if (n)
		return n;
	if (a->reg.time_ms != b->reg.time_ms)
		return a->reg.time_ms < b->reg.time_ms ? -1 : 1;

	return a->at < b->at ? -1 : a->at > b->at;
}


static int present_remove(struct db *db, const struct store_reg *reg)
{
	return db_do(db, "DELETE FROM registrations WHERE tenant = $1 AND"
		     " upn = $2 AND time_ms <= $3", DB_TEXT(reg->tenant),
		     DB_TEXT(reg->upn), DB_INT(reg->time_ms));
}


/** The rows are in another order afterwards. Two bridges that put in the
    same users do so in the same order, and so do not wait for each other */
static int present_write(struct batch *b, struct db *db)
{
	struct db_rows rows = {
		.db = db, .columnc = 6,
		.into = "registrations (tenant, upn, pbx, state, time_ms,"
			" data)",
		.tail = " ON CONFLICT (tenant, upn) DO UPDATE SET"
			" pbx = excluded.pbx, state = excluded.state,"
			" time_ms = excluded.time_ms, data = excluded.data"
			" WHERE excluded.time_ms >= registrations.time_ms",
	};
	int err = 0;

	if (b->regc)
		qsort(b->regv, b->regc, sizeof(*b->regv), reg_order);

	for (size_t i = 0; i < b->regc && !err; i++) {
		const struct reg_row *row = &b->regv[i];
		const struct db_param paramv[] = {
			DB_TEXT(row->reg.tenant), DB_TEXT(row->reg.upn),
			DB_TEXT(row->reg.pbx), DB_TEXT(row->reg.state),
			DB_INT(row->reg.time_ms), DB_TEXT(row->data),
		};

		if (i + 1 < b->regc && !user_order(row, row + 1))
			continue;

		err = row->reg.removed ? present_remove(db, &row->reg) :
			db_rows_add(&rows, paramv);
	}

	return db_rows_end(&rows, err);
}


/* Calls and trunks */


/** @return 0 put in, EBADMSG it is no record, or as db_query() */
static int call_write(struct store *st, struct figures *f,
		      const struct row *row)
{
	struct call_record rec;

	return call_record_parse(&rec, row->data, strlen(row->data)) ?
		EBADMSG : store_call_put(st, f, &rec, row->data);
}


/** The newest of a call comes first */
static int call_order(const void *ap, const void *bp)
{
	const struct row *a = ap, *b = bp;
	const int n = strcmp(a->id, b->id);

	if (n)
		return n;
	if (a->version != b->version)
		return a->version > b->version ? -1 : 1;

	return a->at > b->at ? -1 : a->at < b->at;
}


/** Of each the newest that can be read */
static int calls_write(struct batch *b, struct store *st)
{
	struct figures *f = NULL;
	const char *done = NULL;
	int err;

	if (!b->callc)
		return 0;

	qsort(b->callv, b->callc, sizeof(*b->callv), call_order);
	err = figures_alloc(&f);
	if (!err)
		err = store_fill_look(st);

	for (size_t i = 0; i < b->callc && !err; i++) {
		const struct row *row = &b->callv[i];

		if (done && !strcmp(done, row->id))
			continue;

		err = call_write(st, f, row);
		if (!err)
			done = row->id;
		else if (err == EBADMSG)
			err = 0;
	}

	if (!err)
		err = figures_flush(f, st);
	mem_deref(f);

	return err;
}


static int trunks_write(const struct batch *b, struct store *st,
			const char *node)
{
	int err = 0;

	for (size_t i = 0; i < b->trunkc && !err; i++) {
		const struct row *row = &b->trunkv[i];
		json_t *json = json_loads(row->data, 0, NULL);

		err = json ? store_outage_trunk(st, json, node, row->time_ms)
			: ENOMEM;
		json_decref(json);
	}

	return err;
}


int batch_write(struct batch *b, struct store *st, const char *node,
		const char *day)
{
	int err;

	err = history_write(b, st->db, node, day);
	if (!err)
		err = outages_write(b, st);
	if (!err)
		err = present_write(b, st->db);
	if (!err)
		err = calls_write(b, st);

	return err ? err : trunks_write(b, st, node);
}
