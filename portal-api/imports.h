/**
 * @file imports.h  Imports: how they go, and went
 *
 * The newest hundred are remembered. Any thread may ask.
 */
#ifndef PORTAL_IMPORTS_H
#define PORTAL_IMPORTS_H

#include <stdbool.h>
#include <stdint.h>

struct field;
struct imports;
struct json_t;

/** @return 0, ENOMEM */
int  imports_alloc(struct imports **ip);
void imports_free(struct imports *im);

/** @param json  Taken over by the handler */
typedef void (import_told_h)(const char *tenant, struct json_t *json,
			     void *arg);

/** Those that went on since. @param h  NULL: nothing is told
    @return what to say next time */
uint64_t imports_since(struct imports *im, uint64_t since, import_told_h *h,
		       void *arg);

/** Does this field of a user fit into a cell, and may it be told? */
bool import_is_column(const struct field *f);

#endif
