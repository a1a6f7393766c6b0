/**
 * @file certificates.h  Our own certificates, as they were told last
 *
 * The SIP thread tells those that it uses, the portal's thread its own. Any
 * thread may ask.
 */
#ifndef PORTAL_CERTIFICATES_H
#define PORTAL_CERTIFICATES_H

#include <stdbool.h>

#include "portal.h"

struct certificates;
struct tlsctx_about;

/** @return 0, ENOMEM */
int  certificates_alloc(struct certificates **cp);
void certificates_free(struct certificates *c);

/** @param about  Copied; NULL: there is none of that use */
void certificates_tell(struct certificates *c, enum portal_use use,
		       const struct tlsctx_about *about);

/** @return false there is none of that use */
bool certificates_of(struct certificates *c, enum portal_use use,
		     struct tlsctx_about *about);

/** As gauges, for /metrics */
void certificates_measure(struct certificates *c);

#endif
