/**
 * @file call.c  A call: two legs, and what one says told to the other
 *
 * The leg of the caller was accepted, the leg of the callee is dialled. What
 * the callee's side answers goes back to the caller. Each end is written down
 * before it is answered, and takes the other leg with it.
 */
#include <assert.h>

#include <openssl/crypto.h>

#include "bridge/base/log.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "call_core.h"
#include "cause.h"
#include "negotiate.h"
#include "redirect.h"
#include "transfer.h"
#include "voicemail.h"


/* for each state, the set of those that may follow */
static const unsigned successors[] = {
	[CALL_TRYING]   = 1u << CALL_RINGING | 1u << CALL_ANSWERED |
			  1u << CALL_ENDED,
	[CALL_RINGING]  = 1u << CALL_ANSWERED | 1u << CALL_ENDED,
	[CALL_ANSWERED] = 1u << CALL_ENDED,
	[CALL_ENDED]    = 0,
};


static void set_state(struct call *call, enum call_state next)
{
	assert(successors[call->state] & (1u << next));

	call->state = next;
}


enum side call_side_of(const struct call *call, const struct leg *leg)
{
	return leg == call->legv[SIDE_TEAMS] ? SIDE_TEAMS : SIDE_PBX;
}


static void destructor(void *arg)
{
	struct call *call = arg;

	list_unlink(&call->le);
	mem_deref(call->transfer);
	mem_deref(call->legv[SIDE_TEAMS]);
	mem_deref(call->legv[SIDE_PBX]);
	mem_deref(call->stream);
	mem_deref(call->seat);
	mem_deref(call->redirects);
	wheel_cancel(&call->max_tmr);
	mem_deref(call->pbx);
	mem_deref(call->trunk);
	mem_deref(call->acc);
	OPENSSL_cleanse(call->keyv, sizeof(call->keyv));
}


/** The last of a call; it is gone afterwards */
static void call_free(struct call *call)
{
	struct calls *calls = call->calls;
	calls_done_h *doneh;

	mem_deref(call);

	if (!calls->draining || !calls->doneh || !list_isempty(&calls->calll))
		return;

	doneh = calls->doneh;
	calls->doneh = NULL;
	doneh(calls->done_arg);
}


/**
 * End what is left of a call. Its record is written first.
 *
 * @param phrase  For a caller that still waits for an answer
 * @param hdrs    Reason for the peers, with CRLF; NULL
 */
static void finish(struct call *call, const struct ending *ending,
		   const char *phrase, const char *hdrs)
{
	struct call *twin = call->twin;
	enum side side;

	set_state(call, CALL_ENDED);
	record_ended(call, ending);
	transfer_end(call);
	if (call->heir)
		transfer_wait_lost(call, ending->passed >= 300 ?
				   ending->passed : 480);
	if (call->rec.answer_ms)
		seat_spent(call->seat, (uint64_t)(call->rec.end_ms -
						  call->rec.answer_ms),
			   call->rec.end_ms / 86400000);

	for (side = 0; side < SIDES; side++) {
		if (call->legv[side])
			leg_hangup(call->legv[side], ending->passed, phrase,
				   hdrs);
	}

	if (twin) {
		call->twin = twin->twin = NULL;
		finish(twin, ending, phrase, hdrs);
	}

	call_free(call);
}


void call_end(struct call *call, const char *by, uint16_t scode,
	      const char *reason)
{
	const uint16_t q850 = scode < 300 ? 16 : cause_find(scode)->q850;
	const struct ending ending = {
		.by = !strcmp(by, "teams") ? CALL_AT_TEAMS :
			!strcmp(by, "pbx") ? CALL_AT_PBX : CALL_AT_BRIDGE,
		.at = CALL_AT_BRIDGE,
		.scode = scode,
		.reason = reason,
		.passed = scode,
	};
	const struct cause_heard none = { 0, 0 };
	char hdrs[64];

	cause_reason(hdrs, sizeof(hdrs), &none, q850);
	finish(call, &ending, reason, hdrs);
}


static void progress_h(struct leg *leg, const struct sip_msg *msg,
		       const struct desc *answer, void *arg)
{
	struct call *call = arg;
	const enum side from = call_side_of(call, leg);
	const enum side to = other(from);
	struct leg *caller = call->legv[to];
	const bool again = call->rung;
	struct desc out;

	if (call->state == CALL_TRYING) {
		set_state(call, CALL_RINGING);
		record_note(call, CALL_SIGNAL, where_of(from), "%u %r%s",
			    msg->scode, &msg->reason, answer ?
			    ", early media" : "");
		record_ringing(call);
	}

	call->rung = true;
	if (call->heir)
		transfer_wait_rings(call);

	/* Teams rings silently: its 183 brings no ringback, and a PBX that
	   gets it would stop making its own. So the PBX hears of ringing
	   once, however many clients ring */
	if (to == SIDE_PBX && !(answer && call->pbx->media.early ==
				PBX_EARLY_PASS)) {
		if (!again && !sounds_ring(call, to))
			(void)leg_progress(caller, 180, "Ringing", NULL);
		return;
	}

	if (!answer) {
		if (!again && !sounds_ring(call, to))
			(void)leg_progress(caller, msg->scode == 183 ?
					   183 : 180, msg->scode == 183 ?
					   "Session Progress" : "Ringing",
					   NULL);
		return;
	}

	if (!leg_remote(caller) ||
	    !voice_answer(call, to, leg_remote(caller), answer, &out))
		return;

	sounds_stop(call);
	if (leg_progress(caller, msg->scode == 180 ? 180 : 183,
			 msg->scode == 180 ? "Ringing" : "Session Progress",
			 &out))
		return;

	voice_apply_early(call, from, answer);
}


static void max_h(void *arg)
{
	struct call *call = arg;
	const struct ending ending = {
		.by = CALL_AT_BRIDGE, .at = CALL_AT_BRIDGE, .scode = 200,
		.q850 = 102, .reason = "call.max_duration is over",
	};

	finish(call, &ending, "Temporarily Unavailable",
	       "Reason: Q.850;cause=102\r\n");
}


static void max_start(struct call *call)
{
	const uint32_t s = call->pbx->call.max_duration_s;

	if (s)
		wheel_start(stack_wheel(call->calls->conf.stack),
			    &call->max_tmr, (uint64_t)s * 1000, max_h, call);
}


/** A server of Teams took the call: the PBX shall go on with it */
static void given_back(struct call *call)
{
	const struct ending ending = {
		.by = CALL_AT_BRIDGE, .at = CALL_AT_TEAMS, .scode = 480,
		.q850 = 20, .passed = 480,
		.reason = "Answered by a server of Teams",
	};

	finish(call, &ending, "Temporarily Unavailable",
	       "Reason: Q.850;cause=20\r\n");
}


static void answer_h(struct leg *leg, const struct sip_msg *msg,
		     const struct desc *answer, void *arg)
{
	struct call *call = arg;
	const enum side to = other(call_side_of(call, leg));
	struct leg *caller = call->legv[to];
	struct desc out;
	bool good;
	(void)msg;

	if (voicemail_answered(call, leg)) {
		given_back(call);
		return;
	}

	if (call->secure[other(to)] && !answer->cryptoc) {
		call_end(call, "bridge", 488,
			 "Media is not encrypted as it must be");
		return;
	}

	good = sounds_promised(call, to, answer, &out) ? true :
		leg_remote(caller) ?
		voice_answer(call, to, leg_remote(caller), answer, &out) :
		voice_offer(call, to, answer, &out);
	if (!good) {
		call_end(call, "bridge", 488, "No codec in common");
		return;
	}

	set_state(call, CALL_ANSWERED);
	sounds_stop(call);
	record_answered(call, &out);

	/* may end the call */
	if (call->heir) {
		max_start(call);
		transfer_wait_answered(call);
		return;
	}

	if (leg_answer(caller, &out)) {
		call_end(call, "bridge", 500, "Server Internal Error");
		return;
	}

	max_start(call);
	voice_apply(call);
}


static void answered_h(struct leg *leg, int err, uint16_t scode,
		       const struct desc *answer, void *arg)
{
	struct call *call = arg;
	const enum side side = call_side_of(call, leg);
	const struct far asker = call_far(call, side);
	struct call *ac = asker.call;
	struct desc out;

	if (err)
		info("call", call->rec.id, "%s refuses the change: %u",
		     leg_side(leg), scode);

	if (!ac->is_pending || ac->pending != asker.side) {
		voice_apply(call);
		/* one that does not take our resume holds by itself */
		voice_pass_hold(call, side);
		return;
	}

	ac->is_pending = false;
	/* refused: then what the asker wants is translated, if it can be */
	if (asker.leg && voice_answer(ac, asker.side, leg_remote(asker.leg),
				      err ? leg_remote(leg) : answer, &out))
		(void)leg_accept_offer(asker.leg, &out);
	else if (asker.leg)
		(void)leg_reject_offer(asker.leg, 488, "Not Acceptable Here");

	voice_apply(call);
	/* it may have held with another codec */
	voice_pass_hold(ac, asker.side);
}


/** The same session again, for a peer that asks for an offer */
static void offer_again(struct call *call, struct leg *leg)
{
	const enum side side = call_side_of(call, leg);
	const struct leg *far = call_far(call, side).leg;
	struct desc out;

	if (voice_offer(call, side, far ? leg_remote(far) : NULL, &out))
		(void)leg_accept_offer(leg, &out);
	else
		(void)leg_reject_offer(leg, 488, "Not Acceptable Here");
}


static void offer_h(struct leg *leg, const struct desc *offer, void *arg)
{
	struct call *call = arg;
	const enum side side = call_side_of(call, leg);
	const struct far far = call_far(call, side);
	/* alone for a while, as the target of a transfer is being called:
	   what was agreed stands */
	const struct desc *agreed = far.leg ? leg_remote(far.leg) :
		leg_local(leg);
	struct desc out;

	if (!offer) {
		offer_again(call, leg);
		return;
	}

	if (call->secure[side] && !offer->cryptoc) {
		(void)leg_reject_offer(leg, 488, "Not Acceptable Here");
		return;
	}

	/* Teams knows no other hold than inactive, and no zero address
	   (Microsoft: Direct Routing, SIP protocol) */
	if (agreed && voice_answer_settled(call, side, offer, agreed, &out)) {
		(void)leg_accept_offer(leg, &out);
		voice_apply(call);
		voice_pass_hold(call, side);
		return;
	}

	if (!far.leg || !leg_is_established(far.leg) || call->is_pending ||
	    !voice_offer(far.call, far.side, offer, &out) ||
	    leg_offer(far.leg, &out)) {
		(void)leg_reject_offer(leg, 488, "Not Acceptable Here");
		return;
	}

	call->is_pending = true;
	call->pending = side;
}


/** A proxy of Teams did not take the call: the next ones heed it */
static void hop_heed(struct call *call, const char *host, int err,
		     const char *why, const struct sip_msg *msg)
{
	uint32_t s;

	if (err)
		trunk_hop_failed(call->trunk, host, why);
	else if (msg && msg_hdr_uint(msg, SIP_HDR_RETRY_AFTER, &s))
		trunk_hop_hold(call->trunk, host, s);
}


static void hop_failed_h(struct leg *leg, const char *host, int err,
			 const char *why, const struct sip_msg *msg,
			 void *arg)
{
	struct call *call = arg;

	if (call_side_of(call, leg) == SIDE_TEAMS)
		hop_heed(call, host, err, why, msg);
}


/** Nobody took it up for the answer limit: that is nobody's fault */
static void unanswered(struct call *call, enum side side,
		       const struct leg_end *end)
{
	const struct ending ending = {
		.by = CALL_AT_BRIDGE, .at = where_of(side), .err = end->err,
		.q850 = 19, .reason = end->words, .passed = 480,
	};

	finish(call, &ending, "Temporarily Unavailable",
	       "Reason: Q.850;cause=19\r\n");
}


static void refused(struct call *call, enum side side,
		    const struct leg_end *end)
{
	const struct cause *cause = cause_find(end->err ? 408 : end->scode);
	struct ending ending = {
		.by  = where_of(side),
		.at  = where_of(side),
		.scode = end->scode,
		.err = end->err,
		.passed = side == SIDE_PBX ? cause->to_teams : cause->to_pbx,
	};
	char hdrs[96], reason[192], contact[320];

	/* not reached at all: another trunk may serve Teams better */
	if (end->err && end->err != ETIMEDOUT && side == SIDE_PBX)
		ending.passed = 503;

	if (end->err)
		re_snprintf(reason, sizeof(reason), "%s",
			    end->words && *end->words ? end->words :
			    "No answer");
	else
		re_snprintf(reason, sizeof(reason), "%r", &end->reason);

	ending.reason = reason;
	ending.q850 = end->heard.q850;
	cause_reason(hdrs, sizeof(hdrs), &end->heard, cause->q850);

	if (side == SIDE_TEAMS && (end->err || end->scode == 503))
		hop_heed(call, leg_hop_host(call->legv[side]), end->err,
			 reason, end->msg);

	/* whatever its reason is, where the phone is registered it may be
	   let through: Teams goes on to its next gateway */
	if (call->unregistered) {
		ending.passed = 503;
		finish(call, &ending, "User Not Registered", hdrs);
		return;
	}

	if (side == SIDE_PBX && redirect_pass(call, end->msg, contact,
					      sizeof(contact))) {
		ending.passed = 302;
		finish(call, &ending, "Moved Temporarily", contact);
		return;
	}

	finish(call, &ending, cause->reason, hdrs);
}


static void canceled(struct call *call, enum side side,
		     const struct leg_end *end)
{
	const struct ending ending = {
		.by = where_of(side), .at = where_of(side), .scode = 487,
		.q850 = end->heard.q850,
		.reason = "Caller hung up", .passed = 487,
	};
	char hdrs[96];

	cause_reason(hdrs, sizeof(hdrs), &end->heard, 0);
	finish(call, &ending, "Request Terminated", hdrs);
}


static void lost(struct call *call, enum side side, const struct leg_end *end)
{
	const struct ending ending = {
		.by = CALL_AT_BRIDGE, .at = where_of(side), .scode = 408,
		.err = end->err ? end->err : ETIMEDOUT,
		.reason = end->words, .passed = 480,
	};

	finish(call, &ending, "Temporarily Unavailable",
	       "Reason: Q.850;cause=41\r\n");
}


static void hung_up(struct call *call, enum side side,
		    const struct leg_end *end)
{
	const struct ending ending = {
		.by = where_of(side), .at = where_of(side), .scode = 200,
		.q850 = end->heard.q850,
		.reason = "Normal call clearing", .passed = 480,
	};
	char hdrs[96];

	if (end->heard.q850 && end->heard.q850 != 16)
		record_note(call, CALL_SIGNAL, where_of(side), "BYE with "
			    "Q.850 cause %u, %s", end->heard.q850,
			    cause_q850_name(end->heard.q850));

	cause_reason(hdrs, sizeof(hdrs), &end->heard, 16);
	finish(call, &ending, "Temporarily Unavailable", hdrs);
}


static void close_h(struct leg *leg, const struct leg_end *end, void *arg)
{
	struct call *call = arg;
	const enum side side = call_side_of(call, leg);

	if (transfer_left(call, side, end))
		return;

	switch (end->why) {

	case LEG_REFUSED:
		if (end->unanswered)
			unanswered(call, side, end);
		else
			refused(call, side, end);
		break;

	case LEG_CANCELED:
		canceled(call, side, end);
		break;

	case LEG_LOST:
		lost(call, side, end);
		break;

	case LEG_BYE:
	case LEG_HUNGUP:
		hung_up(call, side, end);
		break;
	}
}


static void note_h(struct leg *leg, enum call_topic topic, const char *text,
		   void *arg)
{
	struct call *call = arg;

	record_note(call, topic, where_of(call_side_of(call, leg)), "%s",
		    text);
}


/** A digit by INFO. Some phones tell it by RTP too: whether that is so the
    stream knows (STREAM_DTMF_TOLD) */
static void digit_h(struct leg *leg, char digit, uint32_t duration_ms,
		    void *arg)
{
	struct call *call = arg;

	(void)stream_dtmf_told(call->stream, call_side_of(call, leg), digit,
			       duration_ms);
}


const struct leg_handlers call_handlers = {
	.hopfailedh = hop_failed_h,
	.redirecth = redirect_follow,
	.progressh = progress_h,
	.answerh   = answer_h,
	.answeredh = answered_h,
	.offerh    = offer_h,
	.referh    = transfer_referred,
	.notifyh   = transfer_notified,
	.noteh     = note_h,
	.digith    = digit_h,
	.closeh    = close_h,
};


/** Does the caller speak as safely as its side has to? */
static bool secure_enough(const struct call *call, enum side side,
			  const struct desc *offer)
{
	if (!offer->formatc || offer->secure)
		return !offer->crypto_bad;

	return side == SIDE_PBX &&
		(!call->pbx->encrypt_media || offer->cryptoc);
}


static int dial(struct call *call, const struct route *route,
		const struct desc *offer)
{
	const enum side to = other(caller_side(call));
	struct leg_dial dial = {
		.ruri      = route->ruri,
		.from_name = route->caller.name[0] ? route->caller.name : NULL,
		.from_uri  = route->from_uri,
		.to_uri    = route->to_uri,
		.hdrs      = route->hdrs[0] ? route->hdrs : NULL,
	};
	struct desc out;

	if (!voice_offer(call, to, offer, &out))
		return EPROTO;

	dial.offer = &out;
	record_note(call, CALL_ROUTE, where_of(to), "INVITE to %s",
		    route->confv[to].hopv[0].host);

	return leg_dial(&call->legv[to], &route->confv[to], &dial,
			&call_handlers, call);
}


/** A call that could not begin: the caller is told, and it is written down */
static void fail(struct call *call, uint16_t scode, const char *reason)
{
	const struct ending ending = {
		.by = CALL_AT_BRIDGE, .at = CALL_AT_BRIDGE, .scode = scode,
		.reason = reason, .passed = scode,
	};

	finish(call, &ending, cause_find(scode)->reason, NULL);
}


int call_start(struct calls *calls, struct route *route, struct strans *st,
	       const struct sip_msg *msg)
{
	const enum side from = route->direction == CALL_FROM_TEAMS ?
		SIDE_TEAMS : SIDE_PBX;
	struct call *call;
	struct desc offer;
	int err;

	call = mem_zalloc(sizeof(*call), destructor);
	if (!call) {
		strans_reject(st, 500, "Server Internal Error");
		return ENOMEM;
	}

	call->calls = calls;
	call->seat  = mem_ref(route->seat);
	call->acc   = mem_ref(route->acc);
	call->unregistered = route->unregistered;
	call->trunk = mem_ref(route->trunk);
	call->pbx   = mem_ref((void *)(uintptr_t)account_pbx(route->acc));
	call->secure[SIDE_TEAMS] = true;
	call->secure[SIDE_PBX]   = call->pbx->encrypt_media;

	err = leg_accept(&call->legv[from], &route->confv[from], st, msg,
			 &offer, &call_handlers, call);
	if (err) {
		route->scode = err == EPROTO ? 488 : 500;
		route->reason = "The INVITE could not be accepted";
		route->advice = NULL;
		record_refused(calls, route, msg);
		mem_deref(call);
		return err;
	}

	call->hops = route->confv[other(from)].hopv[0].max_forwards;
	list_append(&calls->calll, &call->le, call);
	record_start(call, route);

	err = voice_start(call);
	if (err) {
		warning("call", call->rec.id, "no media ports: %m", err);
		fail(call, 503, "No media port is free");
		return err;
	}

	taping_look(call);
	if (!secure_enough(call, from, &offer)) {
		fail(call, 488, "Media is not encrypted as it must be");
		return EPROTO;
	}

	err = dial(call, route, &offer);
	if (err)
		fail(call, err == EPROTO ? 488 : 500, err == EPROTO ?
		     "No codec in common" : "Server Internal Error");

	return err;
}
