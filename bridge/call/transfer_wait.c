/**
 * @file transfer_wait.c  A transfer to somebody who still rings
 *
 * Semi-attended (RFC 5589 section 7.6): who transfers has called the target
 * through us, and lets go before it answers. Ringing it again would be another
 * call, and Replaces for an early dialog is refused by whoever did not begin
 * it (RFC 3891 section 3). So the call to the target goes on, also when who
 * transfers cancels it, and when the target answers the transfer is one after
 * a consultation, done as the profile says.
 */
#include "bridge/base/log.h"
#include "transfer_core.h"


enum {
	SETTLE_MS = 300,           /* for the PBX, after the answer        */
};


/** A call to the target by the one who transfers, that is not answered */
static bool may_wait(const struct transfer *tf, const struct call *peer,
		     enum side side)
{
	const struct call *call = tf->call;

	return call != peer && side == tf->side && !call->twin &&
		(peer->state == CALL_TRYING || peer->state == CALL_RINGING) &&
		caller_side(peer) == side && !peer->heir &&
		!str_cmp(call->rec.tenant, peer->rec.tenant) &&
		!str_cmp(call->rec.pbx, peer->rec.pbx);
}


bool transfer_wait(struct transfer *tf)
{
	struct call *peer;
	enum side side;
	struct pl val;

	if (!tf->replaces)
		return false;

	pl_set_str(&val, tf->replaces);
	peer = replaces_find(tf->call->calls, &val, &side);
	if (!peer || !may_wait(tf, peer, side))
		return false;

	str_ncpy(tf->peer, peer->rec.id, sizeof(tf->peer));
	tf->waited = true;
	tf->state  = TRANSFER_WAITING;
	peer->heir = tf->call;

	return true;
}


void transfer_wait_begins(struct transfer *tf)
{
	const struct call *peer = transfer_peer(tf);

	info("call", tf->call->rec.id, "the target still rings: waiting for "
	     "its answer");
	record_note(tf->call, CALL_TRANSFER, CALL_AT_BRIDGE,
		    "the target still rings: waits for its answer");
	if (peer && peer->rung)
		transfer_wait_rings(peer);
}


void transfer_wait_rings(const struct call *peer)
{
	struct transfer *tf = peer->heir->transfer;

	if (!tf->rung)
		transfer_tell(tf, 180, "Ringing", false);
	tf->rung = true;
}


/** Nobody but the target is left in the call to it */
static void target_end(struct call *peer, const struct transfer *tf)
{
	if (peer->state == CALL_ANSWERED || !peer->legv[tf->side] ||
	    leg_is_over(peer->legv[tf->side]))
		call_end(peer, "bridge", 487, "Request Terminated");
}


static void go_on(struct transfer *tf, struct call *peer)
{
	peer->heir = NULL;
	tf->state  = TRANSFER_DIALLING;

	if (transfer_begin(tf))
		transfer_failed(tf, 503, "Service Unavailable");
}


/** Who hangs up meanwhile is met by transfer_wait_lost(), or the end of the
    transfer */
static void settled_h(void *arg)
{
	struct transfer *tf = arg;
	struct call *peer = transfer_peer(tf);

	if (peer)
		go_on(tf, peer);
	else
		transfer_failed(tf, 480, "Transfer Failed");
}


/** A PBX that has just connected the target to us still tells both sides who
    they speak with: a REFER with Replaces in that millisecond leaves Asterisk
    22, now and then, with a caller who hears nothing */
void transfer_wait_answered(struct call *peer)
{
	struct transfer *tf = peer->heir->transfer;

	leg_hangup(peer->legv[tf->side], 487, "Request Terminated",
		   "Reason: SIP;cause=200;"
		   "text=\"Call completed elsewhere\"\r\n");

	if (tf->side == SIDE_TEAMS)
		transfer_timer(tf, SETTLE_MS, settled_h);
	else
		go_on(tf, peer);
}


void transfer_wait_lost(struct call *peer, uint16_t scode)
{
	struct transfer *tf = peer->heir->transfer;

	peer->heir = NULL;
	transfer_failed(tf, scode, "Transfer Failed");
}


bool transfer_wait_left(struct call *peer, enum side side,
			const struct leg_end *end)
{
	if (!peer->heir || side != caller_side(peer) ||
	    (end->why != LEG_CANCELED && end->why != LEG_BYE))
		return false;

	info("call", peer->rec.id, "rings on for the transfer of %s",
	     peer->heir->rec.id);
	record_note(peer, CALL_TRANSFER, where_of(side),
		    "the caller has left, it rings on for the transfer");

	return true;
}


void transfer_wait_end(struct transfer *tf)
{
	struct call *peer = transfer_peer(tf);

	/* lost: it is about to be gone */
	if (!tf->waited || tf->state == TRANSFER_DONE || !peer ||
	    (tf->state == TRANSFER_WAITING && !peer->heir))
		return;

	peer->heir = NULL;
	target_end(peer, tf);
}
