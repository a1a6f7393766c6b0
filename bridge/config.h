/**
 * @file config.h  Everything a node is told: callbridge.yaml and its customers
 *
 * Read whole, checked whole: either all of it can be used, or nothing of it
 * is and every error was named.
 */
#ifndef BRIDGE_CONFIG_H
#define BRIDGE_CONFIG_H

#include "bridge/base/libre.h"
#include "bridge/model/nodeconf.h"

struct errors;
struct tenant;
struct config;                     /* a libre memory object */

/**
 * Read the node's file, the templates and all customer files
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int config_load(struct config **confp, const char *path, struct errors *errs);

const struct nodeconf *config_node(const struct config *conf);

/** struct tenant */
const struct list *config_tenants(const struct config *conf);

/** Move the tenants into another list: they are not the configuration's any
    more */
void config_take_tenants(struct config *conf, struct list *tenantl);

/** Let those tenants go for which the handler says true */
typedef bool (config_tenant_h)(const struct tenant *tenant, void *arg);
void config_drop_tenants(struct config *conf, config_tenant_h *h, void *arg);

/** Where a setting of the node is written ("teams.certificate"), or the file
    alone if it is not written. The file's name lives with conf */
struct place;
void config_place(const struct config *conf, const char *field,
		  struct place *place);

#endif
