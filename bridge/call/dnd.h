/**
 * @file dnd.h  Who does not want to be disturbed, as Microsoft 365 tells
 *
 * Kept by tenant and user, each tenant's for a time only: whoever tells it
 * may fall silent, and then phones ring again. The SIP thread's alone.
 */
#ifndef CALL_DND_H
#define CALL_DND_H

#include "bridge/base/field.h"

struct dnd;                        /* a libre object */

int dnd_alloc(struct dnd **dndp);

/**
 * A tenant's, instead of those told before
 *
 * @param scode     What their calls are answered: 480, 486
 * @param until_ms  Monotonic: after that nothing is known
 *
 * @return 0, ENOMEM: then none of the tenant's is known
 */
int dnd_set(struct dnd *dnd, const char *tenant, uint16_t scode,
	    const struct strings *upns, uint64_t until_ms);

/** @return what a call to this user is answered, 0: it may ring */
uint16_t dnd_find(const struct dnd *dnd, const char *tenant, const char *upn,
		  uint64_t now_ms);

#endif
