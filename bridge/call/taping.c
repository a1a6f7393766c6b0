/**
 * @file taping.c  The voice of a call is kept, where somebody has asked
 *
 * Told in the log and in the call's record: nobody's voice is kept without a
 * word of it. What is asked for, and the memory, is base/tape.h.
 */
#include "bridge/base/log.h"
#include "bridge/base/tape.h"
#include "call_core.h"


void taping_look(struct call *call)
{
	const struct call_record *rec = &call->rec;
	struct sa localv[TAPE_SIDES];
	struct tape *tape;
	uint32_t left_s;

	if (!call->stream || call->state == CALL_ENDED)
		return;

	localv[SIDE_TEAMS] = *stream_local(call->stream, SIDE_TEAMS);
	localv[SIDE_PBX]   = *stream_local(call->stream, SIDE_PBX);
	tape = tapes_take(call->calls->conf.tapes, rec->tenant, rec->id,
			  rec->upn, localv, &left_s);
	if (!tape)
		return;

	if (stream_tape(call->stream, tape)) {
		tape_unref(tape);
		return;
	}

	warning("call", rec->id, "the voice is kept for %u s, as was asked",
		left_s);
	record_note(call, CALL_VOICE, CALL_AT_BRIDGE,
		    "kept for up to %u s, as was asked", left_s);
	record_tell(call);
}
