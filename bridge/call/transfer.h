/**
 * @file transfer.h  A peer transfers the call (RFC 3515, 3892, 5589)
 *
 * A Teams user or a phone of the PBX sends REFER to us, where we allow it.
 * Ways to serve it:
 *
 *   refer   the PBX gets a REFER of ours and does it by itself; for what
 *           Teams asks, where the target is a number
 *   bridge  we call the target and join it with the leg that remains, in the
 *           old one's place. A target of Teams is called by its proxy, as
 *           Microsoft wants it; one of the PBX as the user's phone
 *   join    the target is another call of ours: both are joined
 *
 * A target that still rings, called by the one who transfers, is waited for.
 *
 * `auto` begins with the first and falls back to the others when the PBX
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

/** Of a call whose answer another call's transfer waits for (call->heir): the
    target rings */
void transfer_wait_rings(const struct call *peer);

/** ... it has answered. The call may be gone afterwards */
void transfer_wait_answered(struct call *peer);

/** ... it will not. @param scode  For the one who transfers */
void transfer_wait_lost(struct call *peer, uint16_t scode);

/** The call ends: so does the transfer */
void transfer_end(struct call *call);

#endif
