/**
 * @file store_core.h  What the store's parts share; for this room alone
 */
#ifndef STORE_STORE_CORE_H
#define STORE_STORE_CORE_H

#include "db.h"
#include "store.h"

struct store {
	struct db *db;             /* owned              */
	struct keyring *ring;      /* ref, NULL: no keys */
	bool outer;                /* within store_begin()/store_end()    */
	bool mirroring;            /* what is put is a customer file's    */
	int64_t stamp;             /* of this transaction's changes, 0    */
};

enum { SCHEMA_VERSION = 1, STORE_ID_SIZE = 33 };

/** A table in the order in which rows may be put in */
struct schema_table {
	const char *name;
	const char *columns;       /* comma-separated           */
	size_t columnc;
	const char *order;         /* its key                   */
};

extern const struct schema_table schema_tablev[];
extern const size_t schema_tablec;

int64_t store_now_ms(void);

/** A transaction of one change, if store_begin() has begun none */
int store_inner_begin(struct store *st);
int store_inner_end(struct store *st, int err);

/** The tenant has changed: the bridge is to look at it again. Inside a
    transaction */
int store_touch(struct store *st, const char *tenant);

const char *store_kind_name(enum store_kind kind);

/** db_row_h: a row's first column into a char *, libre memory */
int store_take_text(const struct db_row *row, void *arg);

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

/** An id that sorts by time: 16 digits of ns, 16 of chance. @return 0, EIO */
int store_id(char id[STORE_ID_SIZE]);

/** Add to the audit log, inside a transaction; before and after are JSON
    text or NULL */
int store_audit_add(struct store *st, const struct store_by *by,
		    const char *tenant, const char *action,
		    const char *kind, const char *name, const char *before,
		    const char *after);

#endif
