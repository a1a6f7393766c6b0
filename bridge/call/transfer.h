/**
 * @file transfer.h  A Teams user transfers the call (RFC 3515)
 *
 * Teams sends REFER to us, if we allow it. Two ways to serve it:
 *
 *   refer   the PBX gets a REFER of ours and does it by itself; for targets
 *           that are numbers
 *   bridge  we call the target by Teams' proxy, as Microsoft wants it, and
 *           join it with the PBX's leg in the old one's place
 *
 * `auto` begins with the first and falls back to the second when the PBX
 * refuses the REFER or tells nothing of it. Not when it tells that the target
 * did not answer: that would ring it again.
 */
#ifndef CALL_TRANSFER_H
#define CALL_TRANSFER_H

#include "call_core.h"

/** REFER on a leg; leg_handlers.referh */
void transfer_referred(struct leg *leg, struct strans *st,
		       const struct sip_msg *msg, void *arg);

/** What became of our REFER; leg_handlers.notifyh */
void transfer_notified(struct leg *leg, uint16_t scode, bool refused,
		       bool last, void *arg);

/**
 * A leg has ended while a transfer runs
 *
 * @return true if the transfer took care of it and the call goes on
 */
bool transfer_left(struct call *call, enum side side,
		   const struct leg_end *end);

/** The call ends: so does the transfer */
void transfer_end(struct call *call);

#endif
