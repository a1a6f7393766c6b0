/**
 * @file voice.c  The voice of a call: descriptions, stream and hold
 */
#include <openssl/crypto.h>

#include "bridge/base/log.h"
#include "call_core.h"
#include "negotiate.h"


static void event_h(struct stream *stream,
		    const struct stream_event *ev, void *arg)
{
	struct call *call = arg;
	const struct nodeconf *node = call->calls->conf.node;
	const uint64_t limit_ms = (uint64_t)node->media.silence_limit_s * 1000;
	(void)stream;

	switch (ev->type) {

	case STREAM_FIRST:
		info("call", call->rec.id, "voice from %s",
		     ev->side == SIDE_TEAMS ? "teams" : "pbx");
		record_note(call, CALL_VOICE, where_of((enum side)ev->side),
			    "first voice");
		break;

	case STREAM_SILENT:
		warning("call", call->rec.id, "no voice from %s for %u s",
			ev->side == SIDE_TEAMS ? "teams" : "pbx",
			ev->silent_ms / 1000);
		record_note(call, CALL_VOICE, where_of((enum side)ev->side),
			    "no voice for %u s", ev->silent_ms / 1000);
		call->silent[ev->side] = limit_ms &&
			ev->silent_ms >= limit_ms;
		if (call->silent[SIDE_TEAMS] && call->silent[SIDE_PBX])
			call_end(call, "bridge", 408,
				 "No voice from either side");
		break;

	case STREAM_BACK:
		call->silent[ev->side] = false;
		record_note(call, CALL_VOICE, where_of((enum side)ev->side),
			    "voice again");
		break;

	case STREAM_SOURCE:
		info("call", call->rec.id, "voice of %s comes from %J",
		     ev->side == SIDE_TEAMS ? "teams" : "pbx", &ev->source);
		record_note(call, CALL_VOICE, where_of((enum side)ev->side),
			    "voice comes from %J", &ev->source);
		break;

	case STREAM_DTMF:
	case STREAM_DTMF_END:
	case STREAM_FAX:
		/* digits may be PINs: never written anywhere */
		break;
	}
}


int voice_start(struct call *call)
{
	struct sa laddrv[STREAM_SIDES];

	laddrv[SIDE_TEAMS] = call->calls->conf.teams_laddr;
	laddrv[SIDE_PBX]   = call->calls->conf.pbx_laddr;

	return stream_alloc(&call->stream, call->calls->conf.media, laddrv,
			    event_h, call);
}


/** Address and port that a peer on that side shall send to */
static void local_address(const struct call *call, enum side side,
			  struct desc *out)
{
	const struct calls_conf *conf = &call->calls->conf;
	const struct sa *pub = side == SIDE_TEAMS ?
		&conf->teams_public : &conf->pbx_public;
	const struct sa *local = stream_local(call->stream, side);

	out->rtp = sa_isset(pub, SA_ADDR) ? *pub : *local;
	sa_set_port(&out->rtp, sa_port(local));
	out->rtcp = out->rtp;
	sa_set_port(&out->rtcp, sa_port(local) + 1);
}


/** What we say to a side that is held: Teams knows no hold but inactive */
static enum desc_dir hold_dir(const struct call *call, enum side to)
{
	return to == SIDE_TEAMS ||
		call->pbx->media.hold == PBX_HOLD_INACTIVE ?
		DESC_INACTIVE : DESC_SENDONLY;
}


static void begin(const struct call *call, enum side side, struct desc *out)
{
	memset(out, 0, sizeof(*out));
	local_address(call, side, out);
	out->mediac = 1;
	out->ptime_ms = 20;
	/* who is held for the other side stays so, whatever else changes */
	out->dir = call->holding[side] ? hold_dir(call, side) : DESC_SENDRECV;
}


static bool formats_to(const struct call *call, enum side to,
		       const struct desc *from, struct desc *out)
{
	const struct leg *leg = call->legv[to];
	const struct desc *known = leg ? leg_local(leg) : NULL;

	if (to == SIDE_TEAMS)
		return negotiate_formats_teams(out, from, known);

	return negotiate_formats_pbx(out, from, call->pbx, known);
}


void voice_key_new(struct call *call, enum side side)
{
	if (call->secure[side])
		(void)desc_crypto_make(&call->keyv[side], 1,
				       SUITE_AES_CM_128_HMAC_SHA1_80);
}


bool voice_offer(struct call *call, enum side to, const struct desc *from,
		 struct desc *out)
{
	begin(call, to, out);

	if (!from || !from->formatc) {
		negotiate_formats_own(out, call->pbx);
	}
	else if (!formats_to(call, to, from, out)) {
		return false;
	}

	if (call->secure[to]) {
		if (call->keyv[to].suite == SUITE_NONE)
			voice_key_new(call, to);
		out->secure = true;
		out->cryptov[0] = call->keyv[to];
		out->cryptoc = 1;
	}

	out->rtcp_mux = call->mux[to];

	return out->formatc > 0;
}


bool voice_answer(struct call *call, enum side to, const struct desc *offer,
		  const struct desc *agreed, struct desc *out)
{
	begin(call, to, out);

	if (!negotiate_answer(out, offer, agreed))
		return false;

	out->dir = (enum desc_dir)(desc_dir_reverse(offer->dir) & out->dir);
	out->mediac = offer->mediac;
	out->media_index = offer->media_index;
	memcpy(out->othermv, offer->othermv, sizeof(out->othermv));
	out->rtcp_mux = call->mux[to] = offer->rtcp_mux;

	/* also RTP/AVP with keys, where the profile wants SRTP: some PBXs
	   leave the choice to us */
	if (offer->secure || (call->secure[to] && offer->cryptoc)) {
		if (!negotiate_crypto(offer, &call->keyv[to]))
			return false;
		call->secure[to] = true;
		out->secure = offer->secure;
		out->cryptov[0] = call->keyv[to];
		out->cryptoc = 1;
	}

	return true;
}


static void apply(struct call *call, enum side side,
		  const struct desc *remote, const struct desc *far)
{
	struct stream_remote r;
	int err;

	negotiate_remote(&r, leg_local(call->legv[side]), remote, far,
			 side == SIDE_PBX && call->pbx->media.nat);
	err = stream_remote_set(call->stream, side, &r);
	if (err)
		warning("call", call->rec.id, "stream: %m", err);

	OPENSSL_cleanse(&r, sizeof(r));
}


static void apply_both(struct call *call, const struct desc *remotev[SIDES])
{
	enum side side;

	for (side = 0; side < SIDES; side++) {
		if (!call->legv[side] || !leg_local(call->legv[side]) ||
		    !remotev[side])
			continue;

		apply(call, side, remotev[side], remotev[other(side)]);
	}
}


void voice_apply(struct call *call)
{
	const struct desc *remotev[SIDES];
	enum side side;

	for (side = 0; side < SIDES; side++) {
		remotev[side] = call->legv[side] ?
			leg_remote(call->legv[side]) : NULL;
	}

	apply_both(call, remotev);
}


void voice_apply_early(struct call *call, enum side early,
		       const struct desc *remote)
{
	const struct desc *remotev[SIDES];

	remotev[early] = remote;
	remotev[other(early)] = call->legv[other(early)] ?
		leg_remote(call->legv[other(early)]) : NULL;

	apply_both(call, remotev);
}


/**
 * What we say to side `to` while the other side's direction is `dir`
 *
 * Teams holds by inactive; a PBX is held as its profile says, so that it
 * plays its music. One that sends music while it holds is left to play it
 * to Teams, which knows no other hold than inactive.
 */
static void hold_shape(const struct call *call, enum side to,
		       const struct desc *far, struct desc *out)
{
	const bool held = far->dir == DESC_INACTIVE || far->hold_zero;

	out->dir = DESC_SENDRECV;
	local_address(call, to, out);

	if (!held)
		return;

	out->dir = hold_dir(call, to);
	if (to == SIDE_PBX && call->pbx->media.hold == PBX_HOLD_ZERO)
		(void)sa_set_str(&out->rtp, "0.0.0.0", sa_port(&out->rtp));
}


void voice_pass_hold(struct call *call, enum side from)
{
	const enum side to = other(from);
	struct leg *leg = call->legv[to];
	struct desc out;

	if (!leg || !leg_is_established(leg) || !leg_local(leg))
		return;

	out = *leg_local(leg);
	hold_shape(call, to, leg_remote(call->legv[from]), &out);

	/* an answer of ours that only mirrored the peer's own hold is no
	   hold of the other side */
	if (out.dir == DESC_SENDRECV && leg_local(leg)->dir != DESC_SENDRECV &&
	    leg_remote(leg)->dir != DESC_SENDRECV && !call->holding[to])
		return;

	call->holding[to] = out.dir != DESC_SENDRECV;
	if (out.dir == leg_local(leg)->dir &&
	    sa_cmp(&out.rtp, &leg_local(leg)->rtp, SA_ALL))
		return;

	info("call", call->rec.id, "%s %s", call->holding[to] ?
	     "hold" : "resume", leg_side(leg));
	record_note(call, CALL_HOLD, where_of(to), "%s", call->holding[to] ?
		    "held for the other side" : "resumed");
	(void)leg_offer(leg, &out);
}


/** The codecs in use do not fit any more: offer `to` what `from` has now */
void voice_reoffer(struct call *call, enum side to)
{
	struct leg *leg = call->legv[to];
	const struct desc *far = leg_remote(call->legv[other(to)]);
	struct desc agreed, out;

	if (!leg || !far || !leg_is_established(leg) || !leg_remote(leg))
		return;

	if (negotiate_answer(&agreed, far, leg_remote(leg)) &&
	    !str_casecmp(negotiate_codec(&agreed),
			 negotiate_codec(leg_remote(leg))))
		return;

	if (voice_offer(call, to, far, &out))
		(void)leg_offer(leg, &out);
}
