/**
 * @file catalogs.h  Templates of a store over those of a folder
 */
#ifndef PORTAL_CATALOGS_H
#define PORTAL_CATALOGS_H

struct catalog;
struct errors;
struct store;

/** @param folder  Own templates, NULL: none. @return as catalog_load(), or
    as store_template_list() */
int catalog_of_store(struct catalog **catp, struct store *st,
		     const char *folder, struct errors *errs);

#endif
