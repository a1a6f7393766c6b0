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

struct errors;

struct script {
	const struct tenant *tenant;
	const char *tenant_id;     /* of Microsoft's, NULL: as signed in    */
	const char *time;          /* when it was made                      */
	int64_t port;              /* our SIP port towards Teams            */
	bool derived;              /* our name is a carrier trunk's child:
				      there is no gateway to make           */
};

/** Is a customer's name one label below the carrier's? Then Teams derives its
    trunk from the carrier's. @param carrier  NULL: there is none */
bool script_is_derived(const struct tenant *tenant, const char *carrier);

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
