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

struct json_t;

/**
 * One PBX by itself, as a customer wrote it, over its template
 *
 * @param pbxp  A libre memory object
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int customer_pbx(struct pbx **pbxp, const struct json_t *value,
		 customer_template_h *templateh, void *arg,
		 struct errors *errs);

/** Something of a user does not go with its PBX; `field` is the user's */
typedef void (customer_misfit_h)(const char *field, const char *text,
				 void *arg);

/**
 * What a user must have for its PBX
 *
 * @param password  Does it have one? It may be kept elsewhere
 */
void customer_user_fits(const struct user *user, const struct pbx *pbx,
			bool password, customer_misfit_h *h, void *arg);

#endif
