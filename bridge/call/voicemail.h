/**
 * @file voicemail.h  A call from the PBX that Teams' voicemail answers
 *
 * Two voicemails wait for one call. When a user is signed out, a server of
 * Teams answers at once; when nobody answers, it does after the time set in
 * Teams. Either takes the call from the PBX's own voicemail or hunt group.
 */
#ifndef CALL_VOICEMAIL_H
#define CALL_VOICEMAIL_H

#include <stdbool.h>

struct call;
struct leg;

/**
 * Look at an answer of Teams, and note in the record what it was
 *
 * @return true if the profile refuses it: it is to be given back
 */
bool voicemail_answered(struct call *call, const struct leg *leg);

#endif
