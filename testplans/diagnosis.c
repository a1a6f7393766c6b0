/**
 * @file diagnosis.c  What is wrong, where the service knows it
 *
 * A step fails with a symptom: nothing rings, nothing is heard. Registrations,
 * records and traces of the case often show the cause, and then it is named
 * instead of all the settings that such a step depends on.
 */
#include <ctype.h>
#include <jansson.h>

#include "bridge/base/members.h"
#include "exec.h"
#include "pump.h"
#include "watch.h"


enum {
	KNOWN_MS   = 1500,         /* until a record tells what has happened */
	DIGITS_CMP = 6,            /* of a number, that stay in any form     */
};

/** What a finding is looked for in, and where its text goes */
struct diagnosis {
	struct stage *stage;
	const struct step *step;
	const struct outcome *out;
	char *buf;
	size_t size;
	const json_t *row;         /* borrowed: the record that tells it    */
};

/** @return true if that is the cause, and buf says so */
typedef bool (finding_h)(struct diagnosis *d);


static bool say(const struct diagnosis *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(d->buf, d->size, fmt, ap);
	va_end(ap);

	return true;
}


/** The newest record of the case, NULL if there is none */
static const json_t *newest(const struct diagnosis *d)
{
	const json_t *calls = watch_calls(d->stage->watch);
	const size_t c = json_array_size(calls);

	return c ? json_array_get(calls, c - 1) : NULL;
}


/* A user without a registration */


static bool is_unregistered(const struct diagnosis *d,
			    const struct actor *actor)
{
	struct watch_reg reg;

	if (!actor->started || watch_registration(d->stage->watch, actor->acc,
						  &reg) ||
	    !strcmp(reg.state, "registered"))
		return false;

	return say(d, "%s is not registered at the PBX: %s%s%s. %s",
		   actor_title(actor), reg.reason, *reg.words ? ": " : "",
		   reg.words, reg.advice);
}


static bool registration_finding(struct diagnosis *d)
{
	return is_unregistered(d, &d->stage->actorv[ACTOR_USER_A]) ||
		is_unregistered(d, &d->stage->actorv[ACTOR_USER_B]);
}


/* A transfer that failed */


static bool transfer_known(void *arg)
{
	struct diagnosis *d = arg;
	const json_t *calls = watch_calls(d->stage->watch);

	for (size_t i = json_array_size(calls); i--;) {
		const json_t *list = json_object_get(json_array_get(calls, i),
						     "transfers");
		const size_t c = json_array_size(list);

		d->row = json_array_get(list, c ? c - 1 : 0);
		if (json_integer_value(json_object_get(d->row, "scode")) >=
		    300)
			return true;
	}

	return false;
}


static bool was_transferred(const struct stage *stage)
{
	for (size_t i = 0; i < ACTORC; i++)
		if (stage->actorv[i].transfers)
			return true;

	return false;
}


static bool transfer_finding(struct diagnosis *d)
{
	unsigned scode;

	if (!was_transferred(d->stage) ||
	    pump_until(d->stage->pump, KNOWN_MS, transfer_known, d))
		return false;

	scode = (unsigned)json_integer_value(json_object_get(d->row,
							     "scode"));

	if (!strcmp(text_of(d->row, "way"), "refer"))
		return say(d, "The PBX was asked to transfer the call (REFER)"
			   " and refused with %u: let the service do it, by"
			   " pbx.transfer.blind: bridge, or auto to ask the PBX"
			   " first; or allow this extension to transfer, at the"
			   " PBX.", scode);

	return say(d, "The service called %s for the transfer itself and got"
		   " %u: may the user's extension call there? Try it by"
		   " `callbridge number`; then pbx.outside_line_prefix and"
		   " pbx.e164.", text_of(d->row, "to"), scode);
}


/* Where the PBX wants voice sent */


/** Address in a description: of the voice, else of all (RFC 4566 5.7) */
static bool voice_address(struct sa *sa, const char *data)
{
	const char *body = strstr(data, "\r\n\r\nv=0"), *p;
	struct pl addr;

	if (!body)
		return false;

	p = strstr(body, "\nm=audio");
	p = p ? strstr(p, "\nc=IN IP") : NULL;
	p = p ? p : strstr(body, "\nc=IN IP");
	if (!p)
		return false;

	addr.p = p + strlen("\nc=IN IP4 ");
	addr.l = strcspn(addr.p, " /\r\n");

	return !sa_set(sa, &addr, 0);
}


/** RFC 1918, 3927, 6598, 4193 */
static bool is_private(const struct sa *sa)
{
	const uint32_t in = sa_in(sa);

	if (sa_af(sa) != AF_INET)
		return (sa->u.in6.sin6_addr.s6_addr[0] & 0xfe) == 0xfc ||
			sa_is_linklocal(sa);

	return in >> 24 == 10 || in >> 20 == 0xac1 || in >> 16 == 0xc0a8 ||
		in >> 16 == 0xa9fe || in >> 22 == 0x191;
}


static bool address_differs(const struct diagnosis *d, const json_t *msg)
{
	struct sa voice, peer;

	if (strcmp(text_of(msg, "side"), "pbx") ||
	    json_is_true(json_object_get(msg, "tx")) ||
	    !voice_address(&voice, text_of(msg, "data")) ||
	    sa_decode(&peer, text_of(msg, "peer"),
		      strlen(text_of(msg, "peer"))) ||
	    sa_cmp(&voice, &peer, SA_ADDR))
		return false;

	if (is_private(&voice) && !is_private(&peer))
		return say(d, "The PBX tells %j as the address of its voice,"
			   " one of its private network, while its SIP comes"
			   " from %j: enter its external or public address"
			   " there (NAT settings), or let the service learn"
			   " where voice comes from by pbx.media.nat: true.",
			   &voice, &peer);

	return say(d, "The PBX wants voice sent to %j, while its SIP comes from"
		   " %j: is that the right one, and do firewalls let UDP pass to"
		   " it? If not, correct it at the PBX (NAT settings), or let"
		   " the service learn where voice comes from by pbx.media.nat:"
		   " true.", &voice, &peer);
}


/** Messages of the newest call, as a finding looks at each */
static bool messages_show(struct diagnosis *d,
			  bool (*showh)(const struct diagnosis *d,
					const json_t *msg))
{
	const json_t *row = newest(d);
	json_t *messages, *msg;
	bool found = false;
	size_t i;

	messages = row ? watch_trace(d->stage->watch, text_of(row, "id"))
		: NULL;

	json_array_foreach(messages, i, msg) {
		found = showh(d, msg);
		if (found)
			break;
	}

	json_decref(messages);

	return found;
}


static bool address_finding(struct diagnosis *d)
{
	return messages_show(d, address_differs);
}


/* Voice that is lost one way */


static bool is_deaf(const struct diagnosis *d, const struct actor *actor)
{
	char fault[160];

	(void)re_snprintf(fault, sizeof(fault), "no sound arrives at %s",
			  actor_title(actor));

	return strstr(d->out->observed, fault) != NULL;
}


static bool direction_finding(struct diagnosis *d)
{
	const struct actor *a = exec_actor(d->stage, d->step, 0);
	const struct actor *b = exec_actor(d->stage, d->step, 1);
	const struct actor *user = a->id <= ACTOR_USER_B ? a : b;
	const struct actor *phone = user == a ? b : a;

	if (phone->id <= ACTOR_USER_B || is_deaf(d, a) == is_deaf(d, b))
		return false;

	if (is_deaf(d, phone))
		return say(d, "Voice goes one way, from the PBX to Teams. What"
			   " the service sends is lost on the way to the PBX:"
			   " the PBX's firewall must let UDP pass to its ports"
			   " for voice, and the PBX must have its external or"
			   " public address right; pbx.media.nat: true sends to"
			   " where its voice comes from.");

	return say(d, "Voice goes one way, from Teams to the PBX. What the PBX"
		   " sends is lost on the way here: open UDP from"
		   " node.media.port_min to node.media.port_max, and see"
		   " node.sip.public_address, which the PBX is told.");
}


/* A caller who is not shown as wanted */


/** Do two numbers end alike, whatever their forms are? */
static bool ends_alike(const char *a, const char *b)
{
	size_t m = strspn(b, "+0123456789"), n = strlen(a);

	return n >= DIGITS_CMP && m >= DIGITS_CMP &&
		!memcmp(a + n - DIGITS_CMP, b + m - DIGITS_CMP, DIGITS_CMP);
}


static bool caller_finding(struct diagnosis *d)
{
	const char *want = strstr(d->out->observed, "wanted is ");
	const json_t *row = newest(d);
	const char *raw = text_of(row, "caller_raw");

	if (!want || exec_actor(d->stage, d->step, 0)->id > ACTOR_USER_B ||
	    strcmp(text_of(row, "direction"), "from_pbx"))
		return false;

	want += strlen("wanted is ");
	if (ends_alike(raw, want))
		return say(d, "The PBX tells the caller as %s, which is not"
			   " understood as a full number: pbx.country and"
			   " pbx.e164 say how it writes numbers.", raw);

	return say(d, "The PBX tells %s%s as the caller%s: it must pass the"
		   " caller's own number on to the extension (in From or"
		   " P-Asserted-Identity; pbx.caller_id.asserted says which"
		   " counts). Calls by a hunt group or forwarding:"
		   " pbx.caller_id.show.", *raw ? raw : "nobody",
		   isdigit((unsigned char)raw[0]) || raw[0] == '+' ? "" :
		   " (no number)", *raw ? " and not who calls" : "");
}


/* Keys */


static bool has_no_events(const struct diagnosis *d, const json_t *msg)
{
	const char *data = text_of(msg, "data");

	if (strcmp(text_of(msg, "side"), "pbx") ||
	    json_is_true(json_object_get(msg, "tx")) ||
	    !strstr(data, "\nm=audio") ||
	    strcasestr(data, "telephone-event"))
		return false;

	return say(d, "The PBX does not take keys as events: its description"
		   " has no telephone-event. Switch RFC 4733 (\"RFC 2833\") on"
		   " for this extension, or set pbx.media.dtmf to what it"
		   " knows: info, inband, or auto.");
}


static bool events_finding(struct diagnosis *d)
{
	return messages_show(d, has_no_events);
}


/* A call that ended by itself */


static bool end_known(void *arg)
{
	struct diagnosis *d = arg;

	d->row = newest(d);

	return d->row && !strcmp(text_of(d->row, "state"), "ended");
}


static bool end_finding(struct diagnosis *d)
{
	const char *reason, *by;

	if (!strstr(d->out->observed, "lost the call") ||
	    pump_until(d->stage->pump, KNOWN_MS, end_known, d))
		return false;

	by     = text_of(d->row, "ended_by");
	reason = text_of(d->row, "reason");
	if (strcmp(by, "pbx"))
		return false;

	return say(d, "The PBX ended the call%s%s%s: look for a limit of call"
		   " length there (extension, route, trunk or licence); if it"
		   " ends after the same time always, a session timer that it"
		   " thinks was not refreshed: pbx.call.session_timers,"
		   " pbx.call.session_expires. Its log at that time tells"
		   " more.", *reason ? " (" : "", reason, *reason ? ")" : "");
}


/* Which finding belongs to which step; the first that fits counts */

static const struct {
	enum step_verb verb;
	finding_h *h;
} findingv[] = {
	{STEP_DIALS,             registration_finding},
	{STEP_RINGS,             transfer_finding},
	{STEP_RINGS,             registration_finding},
	{STEP_RINGS_SHOWING,     transfer_finding},
	{STEP_RINGS_SHOWING,     registration_finding},
	{STEP_RINGS_SHOWING,     caller_finding},
	{STEP_RINGS_SHOWING_ONE, transfer_finding},
	{STEP_RINGS_SHOWING_ONE, registration_finding},
	{STEP_RINGS_SHOWING_ONE, caller_finding},
	{STEP_RINGBACK,          registration_finding},
	{STEP_ANSWERED,          registration_finding},
	{STEP_ANSWERS,           transfer_finding},
	{STEP_RELEASED,          transfer_finding},
	{STEP_AUDIO,             transfer_finding},
	{STEP_AUDIO,             address_finding},
	{STEP_AUDIO,             direction_finding},
	{STEP_ECHO,              address_finding},
	{STEP_HEARS_DIGITS,      events_finding},
	{STEP_LASTS,             end_finding},
	{STEP_SPEAKS,            end_finding},
};


bool diagnosis_make(struct stage *stage, const struct step *step,
		    const struct outcome *out, char *buf, size_t size)
{
	struct diagnosis d = {.stage = stage, .step = step, .out = out,
			      .buf = buf, .size = size};

	if (!watch_is_there(stage->watch))
		return false;

	for (size_t i = 0; i < RE_ARRAY_SIZE(findingv); i++)
		if (findingv[i].verb == step->verb && findingv[i].h(&d))
			return true;

	return false;
}
