/**
 * @file customer.h  Reading customer files
 *
 * A customer file is one tenant (README.md). Each PBX starts from
 * its template, the customer's values come over it. Checked as the published
 * guide says: no '@' in a SIP username, no port in the SIP domain (it goes on
 * the proxy), numbers unique in a tenant, users' PBXes exist, tenant names
 * and FQDNs unique over all files.
 */
#ifndef MODEL_CUSTOMER_H
#define MODEL_CUSTOMER_H

#include "tenant.h"

struct errors;

/**
 * Gives the base of a PBX: sets pbx's fields from the template's chain
 *
 * @return 0, ENOENT no such template (nearest: the nearest known name or
 *         NULL), EBADMSG (errs says why), ENOMEM
 */
typedef int (customer_template_h)(struct pbx *pbx, const char *template,
				  const char **nearest, struct errors *errs,
				  void *arg);

/**
 * Read files, all or nothing
 *
 * @param tenantl  Takes struct tenant, libre memory objects; list_flush()
 * @param pathv    Files; a folder means its *.yaml in order of name
 *
 * @return 0, EBADMSG, ENOENT (errs says why), ENOMEM
 */
int customers_load(struct list *tenantl, char *const *pathv, size_t pathc,
		   customer_template_h *templateh, void *arg,
		   struct errors *errs);

#endif
