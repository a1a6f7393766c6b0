/**
 * @file exchange.h  The last failed exchange of an account, kept
 *
 * Private to this room.
 */
#ifndef PBX_EXCHANGE_H
#define PBX_EXCHANGE_H

#include "bridge/sip/request.h"

/**
 * Keep what was said, for whoever asks why
 *
 * @param sent  The request as it went out, NULL: none did
 * @param flow  Over which, NULL
 * @param msg   The answer, NULL: there was none
 */
void exchange_keep(const struct stack *stack, const char *aor,
		   const struct mbuf *sent, const struct flow *flow,
		   const struct sip_msg *msg);

/** It is registered again */
void exchange_drop(const struct stack *stack, const char *aor);

#endif
