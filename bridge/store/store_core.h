/**
 * @file store_core.h  What the store's parts share; for this room alone
 */
#ifndef STORE_STORE_CORE_H
#define STORE_STORE_CORE_H

#include "db.h"
#include "store.h"

struct call_record;

struct store {
	struct db *db;             /* owned              */
	struct keyring *ring;      /* ref, NULL: no keys */
	bool outer;                /* within store_begin()/store_end()    */
	size_t putc;               /* of these: objects that were put     */
	bool mirroring;            /* what is put is a customer file's    */
	int64_t stamp;             /* of this transaction's changes, 0    */
	char *touched;             /* owned: tenant that has it, NULL     */
	bool filling;              /* store_fill() has calls to come to   */
	struct phonebook *pb;      /* borrowed, NULL                      */
};

enum { SCHEMA_VERSION = 13, STORE_ID_SIZE = 33 };

/** A table in the order in which rows may be put in. New columns come last,
    so that an older version has the first ones of them */
struct schema_table {
	const char *name;
	const char *columns;       /* comma-separated           */
	size_t columnc;
	const char *order;         /* its key                   */
	int64_t since;             /* version that has it       */
	int64_t grown;             /* that has all columns, 0: since */
	size_t firstc;             /* columns before            */
};

extern const struct schema_table schema_tablev[];
extern const size_t schema_tablec;

/** How many of its columns tables of a version have, 0: not this table */
size_t schema_columnc(const struct schema_table *t, int64_t version);

/** The first so many columns, as SQL */
struct pl schema_columns(const struct schema_table *t, size_t c);

/** Empty tables of another version in place of ours, which are empty. Inside
    a transaction */
int schema_remake(struct store *st, int64_t version, struct errors *errs);

/** store_migrate_until(), inside a transaction */
int schema_migrate(struct store *st, int64_t version, struct errors *errs);

/** store_migrate() to a version that once was */
int store_migrate_until(struct store *st, int64_t version,
			struct errors *errs);

/** A transaction of one change, if store_begin() has begun none */
int store_inner_begin(struct store *st);
int store_inner_end(struct store *st, int err);

/** The tenant has changed: the bridge is to look at it again. Inside a
    transaction */
int store_touch(struct store *st, const char *tenant);

/** Has it changed in this transaction already? Then it is ours until the end.
    That of another than the last one is not known */
bool store_is_touched(const struct store *st, const char *tenant);

/** Its row is another one now, or gone */
void store_untouch(struct store *st);

const char *store_kind_name(enum store_kind kind);

/** db_row_h: a row's first column into a char *, libre memory */
int store_take_text(const struct db_row *row, void *arg);

/** The same into a size_t */
int store_take_count(const struct db_row *row, void *arg);

/** db_row_h's argument for store_tell_object(): columns tenant, name,
    revision, changed_ms, managed, secrets, data and perhaps status */
struct object_reader {
	store_object_h *h;
	void *arg;
	size_t c;
};

int store_tell_object(const struct db_row *row, void *arg);

enum { STORE_NAME_SIZE = 256 };

/** Lower case of ASCII: user principal names and host names are the same
    whatever the case. @return 0, ENAMETOOLONG */
int store_fold(char dst[STORE_NAME_SIZE], const char *text);

/** An object's name as its column has it. @return 0, ENAMETOOLONG */
int store_name_fold(enum store_kind kind, char dst[STORE_NAME_SIZE],
		    const char *name);

/** Pattern of LIKE for text that stands anywhere, folded; what LIKE would
    take for more is escaped by \. @return 0, ENAMETOOLONG */
int store_pattern(char *dst, size_t size, const char *q);

/** An id that sorts by time: 16 digits of ns, 16 of chance. @return 0, EIO */
int store_id(char id[STORE_ID_SIZE]);

/** How many users of all customers are registered */
int store_registered_count(struct store *st, size_t *count);

/* store_figures.c: what hours have gained; a libre memory object */

struct figures;
int figures_alloc(struct figures **fp);

/** Count a call that has ended, or take it off again */
int figures_add(struct figures *f, const struct call_record *rec, bool minus);

/** Write them down, inside a transaction of the one importer; empty
    afterwards */
int figures_flush(struct figures *f, struct store *st);

/** Of older tables: those of all customers together. In a transaction */
int store_figures_fill(struct store *st);

/* store_call_put.c: likewise */

/** Keep a call unless a newer version of it is there, and its figures */
int store_call_put(struct store *st, struct figures *f,
		   const struct call_record *rec, const char *data);

/** Its row alone. @param upn  Folded */
int store_call_row(struct store *st, const struct call_record *rec,
		   const char *upn, const char *data);

/* store_fill.c: likewise */

/** See whether calls are yet to be filled: store_call_put() goes by it */
int store_fill_look(struct store *st);

/** Will the filling come to this one? */
int store_fill_waits(struct store *st, const char *id, bool *waits);

enum { STORE_TAIL_MIN = 3 };

enum { STORE_DIGITS_SIZE = 20 };

/** Digits of a number as people write it: without what stands between them,
    the zero of "+44 (0)20" and, of a whole one, zeros in front.
    @return 0, EINVAL no number, or less than STORE_TAIL_MIN digits */
int store_digits(char dst[STORE_DIGITS_SIZE], const char *typed);

/** A number by its end, for the index; 0 for what is no number */
int64_t store_tail(const char *number);

/** Numbers that end as this one, as people write them: from <= tail < to.
    @return 0, EINVAL no number, or less than STORE_TAIL_MIN digits */
int store_tail_range(const char *typed, int64_t *from, int64_t *to);

/* store_outages.c: likewise */

/** What an outage is known by, of a registration as the journal told it */
struct store_reg {
	const char *tenant, *upn;  /* upn folded          */
	const char *pbx, *state, *reason, *words;
	int64_t since_s;
	int64_t time_ms;           /* when it was told    */
	bool removed;
};

int store_outage_reg(struct store *st, const struct store_reg *reg);

/** Is it the begin of an outage, or its going on? */
bool store_reg_is_down(const struct store_reg *reg);

/** Is any user lost? */
int store_outage_any(struct store *st, bool *any);

/** A trunk as the journal told it
    @param time_ms  When it was told */
int store_outage_trunk(struct store *st, const struct json_t *trunk,
		       const char *node, int64_t time_ms);

/** Out of the history that tables of version 1 have */
int store_outages_fill(struct store *st);

/** 256 bits of chance as text that needs no escaping, after a beginning of
    three characters. @return 0, EIO */
int store_token_text(char token[STORE_TOKEN_SIZE], const char *begin);

enum { STORE_HASH_SIZE = 65 };

/** What is kept of it */
int store_token_hash(char hash[STORE_HASH_SIZE], const char *token);

/** How often a customer's Microsoft 365 is asked has perhaps changed; inside
    a transaction. @param value  Of STORE_SYNC */
struct json_t;
int store_sync_rhythm(struct store *st, const char *tenant,
		      const struct json_t *value);

/** Add to the audit log, inside a transaction; before and after are JSON
    text or NULL */
int store_audit_add(struct store *st, const struct store_by *by,
		    const char *tenant, const char *action,
		    const char *kind, const char *name, const char *before,
		    const char *after);

#endif
