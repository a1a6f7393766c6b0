/**
 * @file join.c  A leg in another's place, and two calls made one
 *
 * When somebody transfers one call of ours to another one, two legs of the
 * same network remain, each with a stream of its own. They stay as they are,
 * ports and keys too, so that nobody hears a gap: only the sides that lost
 * their legs now send to each other, within this machine. What one leg says
 * is told to the other by call_far().
 */
#include "bridge/base/log.h"
#include "call_core.h"


struct far call_far(struct call *call, enum side side)
{
	struct far far = { .call = call, .side = other(side) };

	if (call->twin && call->loop == other(side)) {
		far.call = call->twin;
		far.side = other(call->twin->loop);
	}

	far.leg = far.call->legv[far.side];

	return far;
}


struct leg *join_swap(struct call *call, enum side side, struct leg *leg)
{
	const struct far far = call_far(call, side);
	struct leg *old = call->legv[side];

	call->legv[side] = leg;
	call->holding[side] = false;
	leg_handlers_set(leg, &call_handlers, call);
	sounds_stop(call);
	if (far.call != call)
		sounds_stop(far.call);
	voice_meet(call, side);

	return old;
}


static bool is_ready(const struct leg *leg)
{
	return leg && leg_is_established(leg) && leg_remote(leg);
}


int join_calls(struct call *call, enum side side, struct call *peer,
	       enum side peer_side)
{
	/* one that was joined before would be left without any leg */
	if (call->twin || peer->twin)
		return EPROTO;

	if (!is_ready(call->legv[other(side)]) ||
	    !is_ready(peer->legv[other(peer_side)]))
		return EPROTO;

	info("call", call->rec.id, "joined with %s", peer->rec.id);
	call->twin = peer;
	call->loop = side;
	peer->twin = call;
	peer->loop = peer_side;
	voice_meet(call, other(side));

	return 0;
}
