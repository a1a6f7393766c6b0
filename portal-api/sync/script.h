/**
 * @file script.h  A PowerShell script for what only PowerShell can
 *
 * Gateway, PSTN usage, voice route, voice routing policy, dial plan and,
 * for each user, number and policies. It may be run again and again: what is
 * there already stays or is set right. It holds no secret. Each value is one
 * single-quoted literal with every character doubled that PowerShell takes
 * for a quote; a value with control characters is refused.
 */
#ifndef SYNC_SCRIPT_H
#define SYNC_SCRIPT_H

#include "bridge/model/tenant.h"

/** Of PSTN usage, route, policy and dial plan */
#define SCRIPT_NAME "Callbridge"

enum { SCRIPT_GATEWAYS = 16, SCRIPT_FQDN_SIZE = 256 };

struct errors;

/** One of our nodes, as Teams knows it */
struct script_gateway {
	char fqdn[SCRIPT_FQDN_SIZE];
	int64_t port;              /* its SIP port towards Teams            */
	bool derived;              /* the name is a carrier trunk's child:
				      there is no gateway to make           */
};

/** All of them, in the order of their names */
struct script_gateways {
	struct script_gateway v[SCRIPT_GATEWAYS];
	size_t c;
};

struct script {
	const struct tenant *tenant;
	const char *tenant_id;     /* of Microsoft's, NULL: as signed in    */
	const char *time;          /* when it was made                      */
	const struct script_gateways *gateways;    /* borrowed              */
};

/**
 * Add one, unless one of its name is there
 *
 * @param carrier  Of the node, NULL none: a name one label below it has a
 *                 trunk that Teams derives from the carrier's
 *
 * @return 0, EOVERFLOW
 */
int script_gateway_add(struct script_gateways *gateways, const char *fqdn,
		       int64_t port, const char *carrier);

/**
 * Write it: UTF-8 with byte order mark, lines end by CRLF
 *
 * @param textp  Takes libre memory
 * @param errs   Takes what is wrong with which value
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int script_write(char **textp, const struct script *script,
		 struct errors *errs);

#endif
