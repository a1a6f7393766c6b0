/**
 * @file sounds.c  What a call's sides hear from us: ringback, music, digits
 */
#include "bridge/base/log.h"
#include "bridge/media/player.h"
#include "bridge/media/sound.h"
#include "call_core.h"
#include "codecs.h"
#include "music.h"
#include "negotiate.h"


static void play(struct call *call, enum side to, struct player *player)
{
	if (stream_play(call->stream, to, player)) {
		warning("call", call->rec.id, "the music cannot be changed");
		mem_deref(player);
	}
}


/** Play what ought to be heard, if it is another than what is */
static void settle(struct call *call, enum side to, enum sounding wanted)
{
	struct player *player = NULL;
	struct sound *sound;

	if (call->sounding[to] == wanted)
		return;

	if (wanted == SOUNDING_RING) {
		(void)player_ringback(&player, call->pbx->country);
	}
	else if (wanted == SOUNDING_MUSIC) {
		sound = music_find(call->pbx->hold.file);
		if (sound)
			(void)player_music(&player, sound);
		mem_deref(sound);
	}

	call->sounding[to] = wanted;
	play(call, to, player);
	record_note(call, CALL_VOICE, where_of(to), "%s",
		    wanted == SOUNDING_RING  ? "ringing tone played here" :
		    wanted == SOUNDING_MUSIC ? "music played here" :
		    "nothing more played here");
}


void sounds_hold(struct call *call, enum side to, bool held)
{
	const bool wanted = held &&
		call->pbx->hold.music == PBX_MUSIC_BRIDGE;

	if (wanted)
		settle(call, to, SOUNDING_MUSIC);
	else if (call->sounding[to] == SOUNDING_MUSIC)
		settle(call, to, SOUNDING_NOTHING);
}


bool sounds_cover_hold(const struct call *call, enum side to)
{
	switch (call->pbx->hold.music) {

	case PBX_MUSIC_BRIDGE: return true;
	case PBX_MUSIC_TEAMS:  return to == SIDE_PBX;
	default:               return false;
	}
}


bool sounds_ring(struct call *call, enum side to)
{
	struct leg *caller = call->legv[to];
	const struct leg *callee = call->legv[other(to)];
	struct desc out;

	if (call->pbx->media.ringback != PBX_RINGBACK_BRIDGE)
		return false;
	if (call->sounding[to] == SOUNDING_RING)
		return true;

	/* the callee has said nothing yet: what it was offered is what it
	   can be */
	if (!leg_remote(caller) || !leg_remote(caller)->formatc || !callee ||
	    !leg_local(callee) ||
	    !voice_answer(call, to, leg_remote(caller), leg_local(callee),
			  &out))
		return false;

	voice_only(&out, negotiate_codec(&out));
	if (leg_progress(caller, 183, "Session Progress", &out))
		return false;

	call->promised = true;
	voice_apply_early(call, other(to), NULL);
	settle(call, to, SOUNDING_RING);

	return true;
}


void sounds_wait(struct call *call, enum side to)
{
	/* one on hold hears music already */
	if (!call->holding[to])
		settle(call, to, SOUNDING_RING);
}


bool sounds_promised(const struct call *call, enum side to,
		     const struct desc *answer, struct desc *out)
{
	const struct leg *caller = call->legv[to];
	struct desc passed;

	if (!call->promised || !leg_local(caller))
		return false;

	/* what was answered stands (RFC 3261 section 13.2.1), if it can */
	if (!codecs_may(call->pbx) &&
	    !negotiate_answer(&passed, leg_local(caller), answer))
		return false;

	*out = *leg_local(caller);

	return true;
}


void sounds_stop(struct call *call)
{
	enum side side;

	for (side = 0; side < SIDES; side++)
		settle(call, side, SOUNDING_NOTHING);
}


static bool wants_info(const struct far *far)
{
	return far->side == SIDE_PBX && far->leg &&
		far->call->pbx->media.dtmf == PBX_DTMF_INFO;
}


void sounds_digit(struct call *call, const struct stream_event *ev)
{
	const struct far far = call_far(call, (enum side)ev->side);

	if (!wants_info(&far))
		return;

	if (leg_digit(far.leg, ev->digit, ev->duration_ms))
		warning("call", call->rec.id, "a digit could not be sent");
}


void sounds_digit_told(struct call *call, const struct stream_event *ev)
{
	const struct far far = call_far(call, (enum side)ev->side);

	if (wants_info(&far))
		sounds_digit(call, ev);
	else if (far.leg)
		(void)stream_dtmf_send(far.call->stream, far.side, ev->digit,
				       0, ev->duration_ms);
}


/** A fax was heard on a call that is translated: both sides get the PBX's
    G.711, so that it goes through untouched */
void sounds_fax(struct call *call)
{
	struct leg *teams = call->legv[SIDE_TEAMS];
	const struct leg *pbx = call->legv[SIDE_PBX];
	const struct desc_format *fmt;
	struct desc out;

	if (call->fax || call->twin || !teams || !pbx ||
	    !leg_is_established(teams) || !leg_remote(pbx))
		return;

	fmt = codecs_voice(leg_local(pbx), leg_remote(pbx));
	call->fax = true;
	info("call", call->rec.id, "a fax is heard");
	record_note(call, CALL_VOICE, CALL_AT_PBX, "a fax is heard");
	voice_apply(call);

	if (!fmt || (str_casecmp(fmt->name, "PCMA") &&
		     str_casecmp(fmt->name, "PCMU")) ||
	    !voice_offer(call, SIDE_TEAMS, leg_remote(pbx), &out))
		return;

	voice_only(&out, fmt->name);
	out.no_suppression = true;
	(void)leg_offer(teams, &out);
}
