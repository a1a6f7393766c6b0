/**
 * @file advice.c  What to change when a step fails
 *
 * If the cause can be seen (diagnosis.c), it stands alone. Otherwise what the
 * service itself says of the call comes first: it knows the answers of both
 * sides. Then the setting that such a step depends on.
 */
#include <jansson.h>

#include "exec.h"
#include "watch.h"


struct hint {
	enum step_verb verb;
	int user;                  /* 1 a user of Teams, 0 not, -1 either   */
	const char *fault;         /* in what was observed; NULL: any       */
	const char *advice;
};


/* The first that fits */
static const struct hint hintv[] = {
	{STEP_REGISTERED, -1, "TLS: ",
	 "What is trusted is said by pbx.tls.ca_file and pbx.tls.verify."},
	{STEP_REGISTERED, -1, NULL,
	 "See `callbridge why USER`. Usually pbx.sip_domain, pbx.sip_proxy,"
	 " user.sip_username, user.sip_auth_username or user.sip_password."},
	{STEP_REGISTERS_AGAIN, -1, NULL,
	 "See `callbridge why USER`. A PBX that refuses a second registration"
	 " may want pbx.contact.port, or fewer at once:"
	 " pbx.registration.per_second."},
	{STEP_RENEWS, -1, NULL,
	 "pbx.registration.refresh_at: the share of the expiry after which it is"
	 " renewed. A firewall that forgets: pbx.registration.keepalive."},
	{STEP_GRANTED, -1, NULL,
	 "Raise the expiry at the PBX to 3600 s, and pbx.registration.expires to"
	 " the same; below 600 s, users register too often."},
	{STEP_WRONG_PASSWORD, -1, "any password",
	 "The PBX does not check passwords: switch authentication on there"
	 " before it is reachable from outside."},
	{STEP_RINGS, 1, NULL,
	 "Does the PBX send this number to the user's extension? Then"
	 " pbx.contact.port (who is called is told by our Contact)"
	 ", or the trunk to Teams: `callbridge trunks`."},
	{STEP_RINGS, 0, NULL,
	 "What the PBX is asked to dial: `callbridge number`. Then"
	 " pbx.outside_line_prefix, pbx.e164.national,"
	 " pbx.e164.national_prefix and pbx.e164.international_prefix; and"
	 " whether this extension may call outside."},
	{STEP_RINGS_SHOWING, 1, NULL,
	 "pbx.country and pbx.e164 turn the PBX's caller into a full number;"
	 " the PBX must send the caller's number in From or"
	 " P-Asserted-Identity."},
	{STEP_RINGS_SHOWING, 0, NULL,
	 "The PBX sets the number that is shown outside: the extension's"
	 " outbound caller id there."},
	{STEP_RINGS_SHOWING_ONE, -1, NULL,
	 "The PBX sets the number that is shown: the extension's outbound"
	 " caller id, and whether transferred calls keep their caller."},
	{STEP_ANSWERS, -1, NULL,
	 "Common codecs: pbx.media.codecs. Encryption: pbx.encrypt_media must be"
	 " as the PBX wants it."},
	{STEP_ANSWERED, -1, NULL,
	 "See `callbridge why CALL`: the answer of the other side is in the"
	 " ladder."},
	{STEP_RINGBACK, -1, NULL,
	 "The PBX sends no 180 or 183: switch on ringing there, or"
	 " pbx.call.prack if it waits for an acknowledgement."},
	{STEP_AUDIO, -1, "no sound arrives",
	 "Voice in one direction or none: a firewall holds RTP back (open the"
	 " service's node.media.port_min to node.media.port_max and the"
	 " PBX's own range), an address that is not reachable stands in the"
	 " description (node.sip.public_address, node.teams.public_address,"
	 " pbx.media.nat),"
	 " or pbx.encrypt_media differs from the PBX."},
	{STEP_AUDIO, -1, "echo",
	 "One hears itself: a loop in the PBX, or a telephone without echo"
	 " cancelling."},
	{STEP_AUDIO, -1, "silence",
	 "Packets come without voice: the codec (pbx.media.codecs) or the keys"
	 " (pbx.encrypt_media), or the call is still on hold (pbx.media.hold)."},
	{STEP_AUDIO, -1, NULL,
	 "pbx.media.codecs, pbx.encrypt_media, pbx.media.nat; after a hold also"
	 " pbx.media.hold, after a transfer pbx.transfer.blind."},
	{STEP_LASTS, -1, "lost the call",
	 "A call that ends by itself: pbx.call.session_timers and"
	 " pbx.call.session_expires, or a firewall that forgets UDP"
	 " (pbx.registration.keepalive, or protocol tcp)."},
	{STEP_LASTS, -1, "stood still",
	 "The machine that runs this test is too busy or too slow to judge"
	 " voice, and may have made the gaps itself: free it of other work, or"
	 " take another one, and try again."},
	{STEP_LASTS, -1, NULL,
	 "Voice with gaps: loss or jitter on the way. Wired instead of"
	 " wireless, priority for voice (DSCP EF), and no other load."},
	{STEP_HOLDS, -1, NULL,
	 "The PBX refuses a re-INVITE: pbx.media.hold says how it is told"
	 " (sendonly, inactive)."},
	{STEP_MUSIC, -1, NULL,
	 "The PBX plays no music: give this extension music on hold there, or let"
	 " the service play it by pbx.hold.music: bridge. A PBX that has music"
	 " and keeps silent may want to be told of a hold in another way:"
	 " pbx.media.hold."},
	{STEP_RESUMES, -1, NULL, "pbx.media.hold, and pbx.call.session_timers."},
	{STEP_TRANSFERS, -1, NULL,
	 "pbx.transfer.blind: refer, bridge or auto; pbx.supports_refer off for a"
	 " PBX that cannot transfer."},
	{STEP_RELEASED, -1, NULL,
	 "After a transfer: pbx.transfer.blind. Otherwise a BYE is lost on the"
	 " way: protocol tcp, or the firewall's SIP helper (ALG) off."},
	{STEP_REFUSED, -1, NULL,
	 "pbx.call.answer_limit ends calls that nobody takes; the PBX may forward"
	 " to a mailbox before."},
	{STEP_REFUSED_AS, -1, "refused with",
	 "The PBX answers with a code that means something else, and the caller"
	 " is told a wrong reason: see what its route for this number says, and"
	 " `callbridge why CALL` for the code that it sent."},
	{STEP_REFUSED_AS, -1, NULL,
	 "The PBX chooses the code: see `callbridge why CALL`. A mailbox or a"
	 " forwarding may take the call instead."},
	{STEP_HEARS_DIGITS, -1, NULL,
	 "Keys travel as RFC 4733 events: switch them on at the PBX"
	 " (\"RFC 2833\"), not inband and not INFO alone."},
	{STEP_HUNG_UP_FIRST, -1, NULL,
	 "The call ended another way: see `callbridge why CALL`."},
	{STEP_REFRESHED, -1, NULL,
	 "pbx.call.session_timers and pbx.call.session_expires."},
	{STEP_MESSAGES, -1, NULL,
	 "Does the mailbox exist, and does the PBX tell the extension's phone"
	 " (message waiting, MWI)?"},
	{STEP_NO_MESSAGES, -1, NULL,
	 "Listen to the messages, or delete them, at the PBX."},
	{STEP_LOAD, -1, "were answered",
	 "Lines of the trunk and licences at the PBX, its limit of calls per"
	 " extension, and the service's media ports: node.media.port_min,"
	 " node.media.port_max."},
	{STEP_LOAD, -1, NULL,
	 "node.media.port_min to node.media.port_max must be open, and the"
	 " machine not overloaded: docs/capacity.md."},
	{STEP_MOS, -1, NULL,
	 "Loss or jitter on the way to one side: `callbridge calls` tells"
	 " which."},
};


static bool fits(const struct hint *hint, const struct step *step,
		 const char *observed)
{
	const bool user = step->argc && step->argv[0].actor <= ACTOR_USER_B;
	const bool same = hint->verb == step->verb ||
		(hint->verb == STEP_RINGS && hint->user >= 0 &&
		 (step->verb == STEP_RINGS_SHOWING ||
		  step->verb == STEP_RINGS_SHOWING_ONE) &&
		 (strstr(observed, "not within") ||
		  strstr(observed, "no call came")));

	return same && (hint->user < 0 || hint->user == user) &&
		(!hint->fault || strstr(observed, hint->fault));
}


/** A call may be given up, or not be taken */
static bool is_usual(const json_t *row)
{
	static const char *const resultv[] = {"busy", "no_answer", "declined",
					      "cancelled"};
	const char *result = json_string_value(json_object_get(row,
							       "result"));

	for (size_t i = 0; result && i < RE_ARRAY_SIZE(resultv); i++)
		if (!strcmp(result, resultv[i]))
			return true;

	return false;
}


/** What the records of this case's calls advise. Borrowed, "" */
static const char *record_advice(struct stage *stage)
{
	const json_t *calls;

	if (!watch_is_there(stage->watch))
		return "";

	calls = watch_calls(stage->watch);

	for (size_t i = json_array_size(calls); i--;) {
		const json_t *row = json_array_get(calls, i);
		const json_int_t scode = json_integer_value(json_object_get(
							    row, "scode"));
		const char *advice = json_string_value(json_object_get(row,
							"advice"));

		/* Where nobody took the call, nothing may be wrong with it */
		if (advice && *advice && scode >= 400 && !is_usual(row))
			return advice;
	}

	return "";
}


void advice_give(struct stage *stage, const struct step *step,
		 struct outcome *out)
{
	const char *record, *general = "";
	char own[sizeof(out->advice)];

	if (!*out->advice && diagnosis_make(stage, step, out, out->advice,
					    sizeof(out->advice)))
		return;

	record = record_advice(stage);

	for (size_t i = 0; i < RE_ARRAY_SIZE(hintv) && !*general; i++)
		if (fits(&hintv[i], step, out->observed))
			general = hintv[i].advice;

	str_ncpy(own, out->advice, sizeof(own));
	(void)re_snprintf(out->advice, sizeof(out->advice), "%s%s%s%s%s",
			  own, *own && *record ? " " : "", record,
			  (*own || *record) && *general ? " " : "", general);
}
