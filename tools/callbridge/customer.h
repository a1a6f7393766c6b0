/**
 * @file customer.h  Customer files and templates, for offline commands
 */
#ifndef CALLBRIDGE_CUSTOMER_H
#define CALLBRIDGE_CUSTOMER_H

#include "cli.h"

struct catalog;

/**
 * Read templates, and customer files over them; what is wrong is told
 *
 * @param catp     Catalogue of templates, a libre memory object
 * @param folder   Folder of own templates; NULL: as the service's
 *                 configuration says
 * @param tenantl  Takes struct tenant; may be NULL with no files
 *
 * @return EXIT_GOOD, EXIT_BAD
 */
int customer_load(const struct cli *cli, struct catalog **catp,
		  const char *folder, struct list *tenantl,
		  char *const *pathv, size_t pathc);

#endif
