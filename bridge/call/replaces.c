/**
 * @file replaces.c  INVITE with Replaces from a PBX (RFC 3891)
 *
 * A PBX that finishes an attended transfer, or a pickup, by itself may call
 * us anew and name the dialog that the new one takes the place of. The leg to
 * Teams stays; only the PBX's is exchanged, with the media port it had.
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


/** The call whose PBX leg the header names, NULL */
static struct call *find(const struct calls *calls, const struct pl *val)
{
	char callid[CALLID_MAX], to[TAG_MAX], from[TAG_MAX];
	struct pl id = *val;
	const char *semi = pl_strchr(val, ';');
	struct dialog *dlg;
	struct le *le;

	if (!semi)
		return NULL;

	id.l = (size_t)(semi - val->p);
	if (pl_strcpy(&id, callid, sizeof(callid)) ||
	    !param(to, sizeof(to), val, "to-tag") ||
	    !param(from, sizeof(from), val, "from-tag"))
		return NULL;

	dlg = dialog_find(calls->conf.stack, callid, to, from);
	if (!dlg)
		return NULL;

	for (le = list_head(&calls->calll); le; le = le->next) {
		struct call *call = le->data;

		if (call->legv[SIDE_PBX] &&
		    leg_dialog(call->legv[SIDE_PBX]) == dlg)
			return call;
	}

	return NULL;
}


static void join(struct call *call, struct leg *leg, const struct desc *offer)
{
	struct leg *old = call->legv[SIDE_PBX];
	const struct leg *teams = call->legv[SIDE_TEAMS];
	struct desc out;

	if (!teams || !leg_remote(teams) || !offer->formatc ||
	    !voice_answer(call, SIDE_PBX, offer, leg_remote(teams), &out) ||
	    leg_answer(leg, &out)) {
		leg_reject(leg, 488, "Not Acceptable Here", NULL);
		mem_deref(leg);
		return;
	}

	info("call", call->rec.id, "the PBX replaced its leg");
	call->legv[SIDE_PBX] = leg;
	leg_hangup(old, 0, NULL, "Reason: Q.850;cause=16\r\n");
	mem_deref(old);
	voice_apply(call);
}


bool replaces_request(struct calls *calls, const struct route *route,
		      struct strans *st, const struct sip_msg *msg)
{
	const struct pl val = msg_hdr_value(msg, SIP_HDR_REPLACES);
	struct call *call;
	struct leg *leg;
	struct desc offer;

	if (!pl_isset(&val))
		return false;

	call = find(calls, &val);
	if (!call || call->pbx != account_pbx(route->acc)) {
		strans_reject(st, 481, "Call/Transaction Does Not Exist");
		return true;
	}

	/* RFC 3891 section 3: a dialog that is not confirmed is refused */
	if (call->state != CALL_ANSWERED || call->transfer) {
		strans_reject(st, 603, "Decline");
		return true;
	}

	if (!leg_accept(&leg, &route->confv[SIDE_PBX], st, msg, &offer,
			&call_handlers, call))
		join(call, leg, &offer);

	return true;
}
