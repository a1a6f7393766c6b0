/**
 * @file replaces.c  INVITE with Replaces (RFC 3891)
 *
 * A peer that finishes an attended transfer by itself may call us anew and
 * name the dialog that the new one takes the place of: a PBX, or Teams for a
 * call that was answered elsewhere in Teams. The leg of the other side stays;
 * only this one's is exchanged, with the media port it had. A dialog that we
 * began and that still rings is picked up so by another phone.
 */
#include "bridge/base/log.h"
#include "bridge/sip/dialog.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "call_core.h"


enum {
	CALLID_MAX = 256,
	TAG_MAX    = 128,
};


static bool param(char *buf, size_t size, const struct pl *val,
		  const char *name)
{
	struct pl p;

	return !msg_param_decode(val, name, &p) && p.l < size &&
		!pl_strcpy(&p, buf, size);
}


/** The dialog of ours that the value names, NULL */
static struct dialog *dialog_of(const struct calls *calls,
				const struct pl *val)
{
	char callid[CALLID_MAX], to[TAG_MAX], from[TAG_MAX];
	struct pl id = *val;
	const char *semi = pl_strchr(val, ';');

	if (!semi)
		return NULL;

	id.l = (size_t)(semi - val->p);
	if (id.l >= sizeof(callid) ||
	    pl_strcpy(&id, callid, sizeof(callid)) ||
	    !param(to, sizeof(to), val, "to-tag") ||
	    !param(from, sizeof(from), val, "from-tag"))
		return NULL;

	return dialog_find(calls->conf.stack, callid, to, from);
}


struct call *replaces_find(const struct calls *calls, const struct pl *val,
			   enum side *side)
{
	const struct dialog *dlg = dialog_of(calls, val);
	struct le *le;

	for (le = list_head(&calls->calll); dlg && le; le = le->next) {
		struct call *call = le->data;
		enum side s;

		for (s = 0; s < SIDES; s++) {
			/* also one of several early dialogs of the leg */
			if (!call->legv[s] ||
			    dialog_arg(dlg) != call->legv[s])
				continue;
			*side = s;
			return call;
		}
	}

	return NULL;
}


/** May whoever sent this take that leg's place? Only the side's own peer */
static bool is_theirs(const struct call *call, enum side side,
		      const struct sip_msg *msg)
{
	const bool teams = trunks_is_from(call->calls->conf.trunks, msg);
	struct pl fqdn;

	if (side == SIDE_PBX)
		return !teams && account_is_from(call->acc, msg);

	pl_set_str(&fqdn, trunk_fqdn(call->trunk));

	return teams && !pl_casecmp(&msg->uri.host, &fqdn);
}


/** Our answer: to the peer's offer, or an offer of ours if it made none */
static bool describe(struct call *call, enum side side,
		     const struct desc *offer, struct desc *out)
{
	const struct far far = call_far(call, side);

	if (!far.leg || !leg_remote(far.leg))
		return false;

	if (!offer->formatc)
		return voice_offer(call, side, leg_remote(far.leg), out);

	if (call->secure[side] && !offer->cryptoc)
		return false;

	return voice_answer(call, side, offer, leg_remote(far.leg), out);
}


/** The new leg, which is the owner's to free when this fails */
static int join(struct call *call, enum side side, struct leg *leg,
		const struct desc *offer, const char *from)
{
	const struct desc_crypto kept = call->keyv[side];
	const bool secure = call->secure[side], mux = call->mux[side];
	const bool held = call->holding[side];
	struct leg *old;
	struct desc out;

	/* the new dialog begins its contexts at ROC 0: with a key of its own.
	   Who was held for the other side is not any more */
	voice_key_new(call, side);
	call->holding[side] = false;
	if (!describe(call, side, offer, &out) || leg_answer(leg, &out)) {
		call->keyv[side] = kept;
		call->secure[side] = secure;
		call->mux[side] = mux;
		call->holding[side] = held;
		return EPROTO;
	}

	info("call", call->rec.id, "%s replaced its leg", leg_side(leg));
	story_asked(call, side, TRANSFER_REPLACED, from);
	story_way(call, TRANSFER_BY_PEER, NULL);
	old = join_swap(call, side, leg);
	leg_hangup(old, 0, NULL, "Reason: Q.850;cause=16\r\n");
	mem_deref(old);
	story_outcome(call, 200);

	return 0;
}


/** Another phone takes a call that still rings. @return EPROTO: not with
    that offer; the new leg is the owner's to free then */
static int pick_up(struct call *call, enum side side, struct leg *leg,
		   const struct desc *offer)
{
	struct leg *old = call->legv[side];
	struct desc out;

	if (!offer->formatc || !describe(call, side, offer, &out) ||
	    leg_answer(leg, &out))
		return EPROTO;

	info("call", call->rec.id, "picked up by another phone");
	call->legv[side] = leg;
	leg_hangup(old, 0, NULL, "Reason: SIP;cause=200;"
		   "text=\"Call completed elsewhere\"\r\n");
	mem_deref(old);

	/* may end the call */
	call_handlers.answerh(leg, NULL, offer, call);

	return 0;
}


static bool rings(const struct call *call, enum side side)
{
	return (call->state == CALL_TRYING || call->state == CALL_RINGING) &&
		side != caller_side(call);
}


/** Without the dialog, or in a state that RFC 3891 section 3 refuses */
static bool refused(const struct call *call, enum side side,
		    struct strans *st, const struct sip_msg *msg,
		    const struct pl *val)
{
	struct pl early;

	/* also an early dialog that we did not begin */
	if (!call || !is_theirs(call, side, msg) ||
	    (call->state < CALL_ANSWERED && !rings(call, side)))
		strans_reject(st, 481, "Call/Transaction Does Not Exist");
	else if (rings(call, side))
		return false;
	else if (call->state != CALL_ANSWERED || call->transfer)
		strans_reject(st, 603, "Decline");
	else if (!msg_param_exists(val, "early-only", &early))
		strans_reject(st, 486, "Busy Here");
	else
		return false;

	return true;
}


bool replaces_request(struct calls *calls, struct strans *st,
		      const struct sip_msg *msg)
{
	const struct pl val = msg_hdr_value(msg, SIP_HDR_REPLACES);
	struct leg_conf conf;
	char contact[256], from[64];
	enum side side = SIDE_PBX;
	struct call *call;
	struct leg *leg;
	struct desc offer;

	if (!pl_isset(&val))
		return false;

	call = replaces_find(calls, &val, &side);
	if (refused(call, side, st, msg, &val))
		return true;

	route_again(call, side, &conf, contact, sizeof(contact));
	if (leg_accept(&leg, &conf, st, msg, &offer, &call_handlers, call))
		return true;

	record_trace(call, leg);
	if (callerid_user(from, sizeof(from), &msg->from.auri))
		from[0] = '\0';
	if (rings(call, side) ? pick_up(call, side, leg, &offer) :
	    join(call, side, leg, &offer, from)) {
		leg_reject(leg, 488, "Not Acceptable Here", NULL);
		mem_deref(leg);
	}

	return true;
}
