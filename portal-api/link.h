/**
 * @file link.h  The one-time link that makes the first admin
 */
#ifndef PORTAL_LINK_H
#define PORTAL_LINK_H

#include <stdbool.h>

struct sessions;
struct store;

/** Is there no msp-admin yet? @return 0, or as store_admin_list() */
int link_is_wanted(struct store *st, bool *wanted);

/** @param linkp  libre memory */
int link_make(char **linkp, struct sessions *s, const char *url);

#endif
