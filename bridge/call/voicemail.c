/**
 * @file voicemail.c  A call from the PBX that Teams' voicemail answers
 *
 * What can be seen (Microsoft: Direct Routing, SIP protocol): clients ring
 * with 180 or 183, each with a To-tag of its own; voicemail and other servers
 * answer without ringing, with a tag that was never heard before.
 */
#include "bridge/base/log.h"
#include "call_core.h"
#include "voicemail.h"


enum {
	AT_ONCE_MS = 3000,         /* nobody is so fast without a ring      */
	PATIENCE_MS = 9000,        /* shortest time until voicemail in Teams,
				      less what the way takes               */
};


static void note(struct call *call, const char *what, const char *words)
{
	str_ncpy(call->rec.voicemail, what, sizeof(call->rec.voicemail));
	info("call", call->rec.id, "%s", words);
	record_note(call, CALL_FORWARD, CALL_AT_TEAMS, "%s", words);
}


bool voicemail_answered(struct call *call, const struct leg *leg)
{
	const uint64_t ms = (clock_us() - call->start_us) / 1000;
	const uint64_t limit_ms = (uint64_t)call->pbx->call.no_answer_s *
		1000;

	if (call->rec.direction != CALL_FROM_PBX || leg_has_rung(leg))
		goto late;

	if (!call->rung && ms < AT_ONCE_MS) {
		note(call, "at-once", "a server of Teams answered at once");
		return call->pbx->call.teams_voicemail ==
			PBX_VOICEMAIL_REFUSE;
	}

	if (call->rung && ms >= PATIENCE_MS) {
		note(call, "no-answer", "a server of Teams answered, none "
		     "of those that rang");
		return false;
	}

 late:
	if (call->rec.direction == CALL_FROM_PBX && limit_ms &&
	    ms >= limit_ms)
		note(call, "late", "answered after the PBX's no-answer time");

	return false;
}
