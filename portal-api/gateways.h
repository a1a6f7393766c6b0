/**
 * @file gateways.h  Our nodes, as a customer's Teams knows them
 */
#ifndef PORTAL_GATEWAYS_H
#define PORTAL_GATEWAYS_H

#include "api.h"
#include "sync/script.h"

/**
 * The gateways of all nodes that share the store, those that are away too; of
 * this one where it is alone. In a worker
 *
 * @param fqdn      The customer's name towards Teams, NULL: it has none
 * @param gateways  Zeroed; takes them
 *
 * @return 0, EOVERFLOW too many, errors of the store
 */
int gateways_find(struct script_gateways *gateways, struct request *rq,
		  const char *fqdn);

#endif
