/**
 * @file voice.c  The voice of a call: descriptions, stream and hold
 */
#include <openssl/crypto.h>

#include "bridge/base/log.h"
#include "call_core.h"
#include "codecs.h"
#include "negotiate.h"


enum { TEAMS_PTIME = 20 };         /* [ms], whatever it is asked for */


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
		if (ev->side == SIDE_PBX && call->pbx->call.probe &&
		    call->legv[SIDE_PBX])
			leg_probe(call->legv[SIDE_PBX]);
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
		break;     /* digits may be PINs: never written anywhere */

	case STREAM_DTMF_END:
		sounds_digit(call, ev);
		break;

	case STREAM_DTMF_TOLD:
		sounds_digit_told(call, ev);
		break;

	case STREAM_FAX:
		sounds_fax(call);
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
	out->ptime_ms = side == SIDE_TEAMS ? (uint32_t)TEAMS_PTIME :
		(uint32_t)call->pbx->media.ptime_ms;
	/* who is held for the other side stays so, whatever else changes */
	out->dir = call->holding[side] ? hold_dir(call, side) : DESC_SENDRECV;
}


static bool formats_to(const struct call *call, enum side to,
		       const struct desc *from, struct desc *out)
{
	const struct leg *leg = call->legv[to];
	const struct desc *known = leg ? leg_local(leg) : NULL;

	if (to == SIDE_TEAMS)
		return negotiate_formats_teams(out, from, call->pbx,
					       known);

	return negotiate_formats_pbx(out, from, call->pbx, known);
}


void voice_only(struct desc *desc, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < desc->formatc; i++) {
		const struct desc_format *fmt = &desc->formatv[i];

		if (!str_casecmp(fmt->name, name) ||
		    !str_casecmp(fmt->name, "telephone-event"))
			desc->formatv[n++] = *fmt;
	}

	desc->formatc = n;
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

	if (!negotiate_answer_any(out, offer, agreed, call->pbx,
				  to == SIDE_TEAMS))
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


bool voice_answer_settled(struct call *call, enum side to,
			  const struct desc *offer, const struct desc *agreed,
			  struct desc *out)
{
	const struct desc *before = leg_local(call->legv[to]);
	struct desc passed;

	if (!voice_answer(call, to, offer, agreed, out))
		return false;

	return negotiate_answer(&passed, offer, agreed) ||
		(before && !str_casecmp(negotiate_codec(before),
					negotiate_codec(out)));
}


static void apply(struct call *call, enum side side,
		  const struct desc *remote, const struct desc *far)
{
	const struct far other_end = call_far(call, side);
	const struct codecs_side cs = {
		.local = leg_local(call->legv[side]), .remote = remote,
		.far_local = other_end.leg ? leg_local(other_end.leg) : NULL,
		.far = far, .fax = call->fax,
		.teams = side == SIDE_TEAMS,
		.far_teams = other_end.side == SIDE_TEAMS,
	};
	struct stream_remote r;
	int err;

	negotiate_remote(&r, cs.local, remote, far,
			 side == SIDE_PBX && call->pbx->media.nat);
	codecs_remote(&r, &cs, call->pbx);
	if (!r.recv)
		call->silent[side] = false;
	err = stream_remote_set(call->stream, side, &r);
	if (err)
		warning("call", call->rec.id, "stream: %m", err);

	OPENSSL_cleanse(&r, sizeof(r));
}


/** The side that lost its leg sends to the twin's, and hears it. Payload
    types there are those of the leg that this call has */
static void apply_loop(struct call *call, const struct desc *own)
{
	const struct call *twin = call->twin;
	const struct far far = call_far(call, other(call->loop));
	const struct codecs_side cs = {
		.local  = far.leg ? leg_local(far.leg) : NULL,
		.remote = far.leg ? leg_remote(far.leg) : NULL,
		.far_local = leg_local(call->legv[other(call->loop)]),
		.far = own, .teams = far.side == SIDE_TEAMS,
		.far_teams = call->loop != SIDE_TEAMS,
	};
	const struct sa *to = stream_local(twin->stream, twin->loop);
	struct desc loop = *own;
	struct stream_remote r;
	int err;

	loop.rtp = loop.rtcp = *to;
	sa_set_port(&loop.rtcp, sa_port(to) + 1);
	loop.dir = DESC_SENDRECV;
	loop.hold_zero = loop.rtcp_mux = loop.secure = false;
	loop.cryptoc = 0;

	negotiate_remote(&r, &loop, &loop, own, false);
	if (cs.remote)
		codecs_out(&r, &cs, call->pbx);
	err = stream_remote_set(call->stream, call->loop, &r);
	if (err)
		warning("call", call->rec.id, "stream: %m", err);
}


static void apply_both(struct call *call, const struct desc *remotev[SIDES])
{
	enum side side;

	for (side = 0; side < SIDES; side++) {
		if (call->twin && call->loop == side) {
			if (remotev[other(side)])
				apply_loop(call, remotev[other(side)]);
			continue;
		}

		if (!call->legv[side] || !leg_local(call->legv[side]) ||
		    !remotev[side])
			continue;

		apply(call, side, remotev[side], remotev[other(side)]);
	}
}


/** What the peer of a side says; where it was joined, its twin's */
static const struct desc *remote_of(struct call *call, enum side side)
{
	const struct leg *leg = call_far(call, other(side)).leg;

	return leg ? leg_remote(leg) : NULL;
}


static void apply_call(struct call *call)
{
	const struct desc *remotev[SIDES];
	enum side side;

	for (side = 0; side < SIDES; side++)
		remotev[side] = remote_of(call, side);

	apply_both(call, remotev);
}


void voice_apply(struct call *call)
{
	apply_call(call);
	if (call->twin)
		apply_call(call->twin);
}


void voice_apply_early(struct call *call, enum side early,
		       const struct desc *remote)
{
	const struct desc *remotev[SIDES];

	remotev[early] = remote;
	remotev[other(early)] = remote_of(call, other(early));

	apply_both(call, remotev);
}


/** Does a side's peer hold, by itself? One that we hold says inactive, too,
    whatever it wants */
static bool holds(const struct call *call, enum side side)
{
	const struct leg *leg = call->legv[side];
	const struct desc *remote = leg ? leg_remote(leg) : NULL;

	return remote && !call->holding[side] &&
		(remote->dir == DESC_INACTIVE || remote->hold_zero);
}


/**
 * Direction and address for side `to` while the other one holds or not
 *
 * Teams holds by inactive; a PBX is held as its profile says, so that it
 * plays its music. One that sends music while it holds is left to play it
 * to Teams, which knows no other hold than inactive.
 */
static void hold_shape(const struct call *call, enum side to, bool held,
		       struct desc *out)
{
	out->dir = DESC_SENDRECV;
	local_address(call, to, out);

	if (!held)
		return;

	out->dir = hold_dir(call, to);
	if (to == SIDE_PBX && call->pbx->media.hold == PBX_HOLD_ZERO)
		(void)sa_set_str(&out->rtp, "0.0.0.0", sa_port(&out->rtp));
}


/** What the peer speaks now stays in the offer: one that has nothing else
    would refuse its audio */
static void present_add(struct desc *out, const struct desc *now)
{
	size_t i, j;

	for (i = 0; i < now->formatc && out->formatc < DESC_FORMATS; i++) {
		const struct desc_format *fmt = &now->formatv[i];

		for (j = 0; j < out->formatc; j++) {
			if (desc_format_same(&out->formatv[j], fmt) ||
			    out->formatv[j].pt == fmt->pt)
				break;
		}
		if (j == out->formatc)
			out->formatv[out->formatc++] = *fmt;
	}
}


/** Tell a side's peer that it is held, or not, and with what codecs */
static void settle(struct call *call, enum side to, bool held,
		   const struct desc *formats)
{
	struct leg *leg = to < SIDES ? call->legv[to] : NULL;
	struct desc out;

	if (!leg || !leg_is_established(leg) || !leg_local(leg) ||
	    !leg_remote(leg))
		return;

	sounds_hold(call, to, held);
	if (sounds_cover_hold(call, to))
		held = false;

	out = *leg_local(leg);
	if (formats && !voice_offer(call, to, formats, &out))
		formats = NULL;
	if (formats && codecs_may(call->pbx))
		present_add(&out, leg_remote(leg));
	hold_shape(call, to, held, &out);

	/* an answer of ours that only mirrored the peer's own hold is no
	   hold of the other side */
	if (!formats && out.dir == DESC_SENDRECV &&
	    leg_local(leg)->dir != DESC_SENDRECV &&
	    leg_remote(leg)->dir != DESC_SENDRECV && !call->holding[to])
		return;

	call->holding[to] = held;
	if (!formats && out.dir == leg_local(leg)->dir &&
	    sa_cmp(&out.rtp, &leg_local(leg)->rtp, SA_ALL))
		return;

	info("call", call->rec.id, "%s %s", held ? "hold" : "resume",
	     leg_side(leg));
	record_note(call, CALL_HOLD, where_of(to), "%s", held ?
		    "held for the other side" : "resumed");
	(void)leg_offer(leg, &out);
}


void voice_pass_hold(struct call *call, enum side from)
{
	const struct far far = call_far(call, from);

	settle(far.call, far.side, holds(call, from), NULL);
}


/** What is to be offered to a leg whose codec in use does not fit that of
    the other one; NULL: it fits */
static const struct desc *misfit(const struct leg *leg, const struct leg *far)
{
	struct desc agreed;

	if (negotiate_answer(&agreed, leg_remote(far), leg_remote(leg)) &&
	    !str_casecmp(negotiate_codec(&agreed),
			 negotiate_codec(leg_remote(leg))))
		return NULL;

	return leg_remote(far);
}


void voice_meet(struct call *call, enum side side)
{
	const struct far far = call_far(call, side);
	const struct leg *leg = call->legv[side];
	const bool near_holds = holds(call, side);
	bool far_holds;

	voice_apply(call);
	if (!far.leg || !leg_remote(far.leg) || !leg_remote(leg))
		return;

	/* the one that was there first gives way to the new one's codec */
	far_holds = holds(far.call, far.side);
	settle(far.call, far.side, near_holds, misfit(far.leg, leg));
	settle(call, side, far_holds, NULL);
}
