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

enum { STORE_NAME_SIZE = 256 };

/** Lower case of ASCII: user principal names and host names are the same
    whatever the case. @return 0, ENAMETOOLONG */
int store_fold(char dst[STORE_NAME_SIZE], const char *text);

/** An id that sorts by time: 16 digits of ns, 16 of chance. @return 0, EIO */
int store_id(char id[STORE_ID_SIZE]);

/** Add to the audit log, inside a transaction; before and after are JSON
    text or NULL */
int store_audit_add(struct store *st, const struct store_by *by,
		    const char *tenant, const char *action,
		    const char *kind, const char *name, const char *before,
		    const char *after);

#endif
