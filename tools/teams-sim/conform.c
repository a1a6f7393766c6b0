/**
 * @file conform.c  The rules, and what broke them
 */
#include <assert.h>
#include "conform.h"
#include "control.h"
#include "description.h"
#include "msg.h"
#include "sim.h"


enum {
	VIOLATIONS_MAX = 1000,
	EXTENSION_MAX = 7, /* digits of a number that needs no plus */
	EXPIRES_MIN_S = 90, /* RFC 4028 section 4 */
};

/** Does the message break the rule? */
typedef bool(check_h)(const struct sip_msg *msg);

struct rule {
	const char *name;
	unsigned section;
	const char *want;
	check_h *check; /* NULL: noticed where the state is known */
};


/* --- what kind of message --- */


static bool is_request(const struct sip_msg *msg, const char *method)
{
	return msg->req && !pl_strcmp(&msg->met, method);
}


/* The first INVITE of a call, not one inside it */
static bool is_first(const struct sip_msg *msg)
{
	return is_request(msg, "INVITE") && !pl_isset(&msg->to.tag);
}


static bool answers(const struct sip_msg *msg, const char *method)
{
	return !msg->req && msg->scode > 100 && msg->scode < 300 &&
	       !pl_strcmp(&msg->cseq.met, method);
}


static bool has_body(const struct sip_msg *msg)
{
	return mbuf_get_left(msg->mb) > 0;
}


static bool is_sdp(const struct sip_msg *msg)
{
	return has_body(msg) &&
	       msg_ctype_cmp(&msg->ctyp, "application", "sdp");
}


static struct pl body_of(const struct sip_msg *msg)
{
	return (struct pl){(const char *)mbuf_buf(msg->mb),
			   mbuf_get_left(msg->mb)};
}


static bool has(const struct sip_msg *msg, const char *name)
{
	const struct pl val = msg_value(msg, name);

	return pl_isset(&val);
}


/* --- section 3: names and transport --- */


static bool is_sips(const struct uri *uri)
{
	return !pl_strcasecmp(&uri->scheme, "sips");
}


static bool names_sips(const struct sip_msg *msg)
{
	struct sip_addr contact;

	return (msg->req && is_sips(&msg->uri)) || is_sips(&msg->from.uri) ||
	       is_sips(&msg->to.uri) ||
	       (!msg_contact(msg, &contact) && is_sips(&contact.uri));
}


/* --- section 5: headers --- */


static bool lacks_contact(const struct sip_msg *msg)
{
	const bool wanted =
		is_request(msg, "INVITE") || is_request(msg, "NOTIFY") ||
		answers(msg, "INVITE") || answers(msg, "REFER");
	struct sip_addr addr;

	if (is_request(msg, "OPTIONS") && has(msg, "Record-Route"))
		return false;

	return (wanted || is_request(msg, "OPTIONS")) &&
	       msg_contact(msg, &addr);
}


static bool contact_is_address(const struct sip_msg *msg)
{
	struct sip_addr addr;

	return !msg_contact(msg, &addr) && pl_is_address(&addr.uri.host);
}


/* The user part may be missing, but not empty before an @ */
static bool contact_user_is_empty(const struct sip_msg *msg)
{
	struct sip_addr addr;

	return !msg_contact(msg, &addr) && !pl_isset(&addr.uri.user) &&
	       pl_strchr(&addr.auri, '@');
}


static bool contact_is_not_tls(const struct sip_msg *msg)
{
	struct sip_addr addr;
	struct pl val;

	if ((!msg->req && msg->scode >= 300) || msg_contact(msg, &addr) ||
	    is_sips(&addr.uri))
		return false;

	return msg_param_decode(&addr.uri.params, "transport", &val) ||
	       pl_strcasecmp(&val, "tls");
}


static bool has_contacts(const struct sip_msg *msg)
{
	unsigned n = 0;
	struct le *le;

	if (!msg->req && msg->scode >= 300)
		return false;

	LIST_FOREACH(&msg->hdrl, le)
	{
		const struct sip_hdr *hdr = le->data;

		if (!pl_strcasecmp(&hdr->name, "Contact"))
			++n;
	}

	return n > 1;
}


static bool method_is_foreign(const struct sip_msg *msg)
{
	static const char *const known[] = {
		"INVITE", "ACK", "OPTIONS", "CANCEL", "BYE", "NOTIFY",
	};

	for (size_t i = 0; msg->req && i < ARRAY_SIZE(known); i++) {
		if (!pl_strcmp(&msg->met, known[i]))
			return false;
	}

	return msg->req;
}


static bool cseq_names_another(const struct sip_msg *msg)
{
	return msg->req && pl_cmp(&msg->cseq.met, &msg->met);
}


static bool requires_more(const struct sip_msg *msg)
{
	const struct pl require = msg_value(msg, "Require");

	return msg->req && pl_isset(&require) &&
	       pl_strcasecmp(&require, "timer");
}


static bool is_reliable(const struct sip_msg *msg)
{
	return !msg->req && (has(msg, "RSeq") ||
			     msg_lists(msg, "Require", "100rel"));
}


static bool replaces(const struct sip_msg *msg)
{
	return msg->req && has(msg, "Replaces");
}


static bool records_route(const struct sip_msg *msg)
{
	return msg->req && has(msg, "Record-Route");
}


static bool from_is_address(const struct sip_msg *msg)
{
	return msg->req && pl_is_address(&msg->from.uri.host);
}


/* An extension of the PBX has no E.164 form and is shown as it is */
static bool from_is_no_number(const struct sip_msg *msg)
{
	const struct pl *user = &msg->from.uri.user;

	if (!is_first(msg))
		return false;

	return !pl_isset(user) ||
	       (*user->p != '+' && user->l > EXTENSION_MAX &&
		pl_strcasecmp(user, "anonymous"));
}


static bool ruri_is_no_phone(const struct sip_msg *msg)
{
	struct pl val;

	return is_first(msg) && pl_isset(&msg->uri.user) &&
	       msg_param_decode(&msg->uri.params, "user", &val);
}


static bool via_is_address(const struct sip_msg *msg)
{
	struct pl host = msg->via.sentby;
	const char *port;

	if (!msg->req || !pl_isset(&host))
		return false;

	port = memchr(host.p, ':', host.l);
	if (port && *host.p != '[')
		host.l = (size_t)(port - host.p);

	return *host.p == '[' || pl_is_address(&host);
}


static bool lacks_max_forwards(const struct sip_msg *msg)
{
	return msg->req && !pl_isset(&msg->maxfwd);
}


static bool lacks_to_tag(const struct sip_msg *msg)
{
	return !msg->req && msg->scode > 100 && !pl_isset(&msg->to.tag);
}


static bool lacks_allow(const struct sip_msg *msg)
{
	return (is_first(msg) || answers(msg, "INVITE")) && !has(msg, "Allow");
}


static bool refer_without_notify(const struct sip_msg *msg)
{
	return msg_lists(msg, "Allow", "REFER") &&
	       !msg_lists(msg, "Allow", "NOTIFY");
}


/* --- section 9: session timer, offers --- */


static bool interval_is_small(const struct sip_msg *msg)
{
	const struct pl expires = msg_value(msg, "Session-Expires");
	const struct pl min = msg_value(msg, "Min-SE");

	if (!msg->req || !pl_isset(&expires))
		return false;

	return msg_number(&expires) < EXPIRES_MIN_S ||
	       (pl_isset(&min) && msg_number(&expires) < msg_number(&min));
}


static bool lacks_refresher(const struct sip_msg *msg)
{
	const struct pl expires = msg_value(msg, "Session-Expires");
	struct pl val;

	return answers(msg, "INVITE") && msg->scode >= 200 &&
	       pl_isset(&expires) &&
	       msg_param_decode(&expires, "refresher", &val);
}


static bool acknowledges_with_body(const struct sip_msg *msg)
{
	return is_request(msg, "ACK") && has_body(msg);
}


/* --- section 12: bodies --- */


static bool body_is_foreign(const struct sip_msg *msg)
{
	if (is_request(msg, "INVITE"))
		return !is_sdp(msg);

	return answers(msg, "INVITE") && has_body(msg) && !is_sdp(msg);
}


static bool is_faulty(const struct sip_msg *msg)
{
	const struct pl body = body_of(msg);
	const char *why;
	struct desc desc;
	char text[128];

	return is_sdp(msg) && (desc_decode(&desc, &body, text, sizeof(text)) ||
			       desc_judge(&desc, &why));
}


static bool offer_is_faulty(const struct sip_msg *msg)
{
	return is_request(msg, "INVITE") && is_faulty(msg);
}


static bool answer_is_faulty(const struct sip_msg *msg)
{
	return answers(msg, "INVITE") && is_faulty(msg);
}


/* A line of the description that begins so, from the given place on */
static const char *find_line(const struct pl *body, const char *from,
			     const char *start)
{
	const size_t left = (size_t)(body->p + body->l - from);

	return memmem(from, left, start, strlen(start));
}


static bool has_two_media(const struct sip_msg *msg)
{
	const struct pl body = body_of(msg);
	const char *m;

	if (!is_sdp(msg))
		return false;

	m = find_line(&body, body.p, "\nm=");

	return m && find_line(&body, m + 1, "\nm=");
}


static bool ptime_is_another(const struct sip_msg *msg)
{
	const struct pl body = body_of(msg);
	const char *p =
		is_sdp(msg) ? find_line(&body, body.p, "\na=ptime:") : NULL;

	return p && !find_line(&body, p, "\na=ptime:20\r");
}


static bool offers_dtls(const struct sip_msg *msg)
{
	const struct pl body = body_of(msg);

	return is_sdp(msg) && find_line(&body, body.p, "\na=fingerprint:");
}


/* --- the rules --- */


static const struct rule rulev[] = {
	{"tls-client", 3, "as a client the SBC shows a trusted certificate",
	 NULL},
	{"tls-server", 3, "as a server the SBC shows a trusted certificate",
	 NULL},
	{"tls-timeout", 3, "the TLS handshake ends in time", NULL},
	{"tls-key", 3, "the SBC's key is RSA with 2048 bits or more", NULL},
	{"sni", 3, "SNI names the proxy", NULL},
	{"sips", 3, "no sips: URI", names_sips},
	{"options-answer", 4, "200 to OPTIONS, with the FQDN and Allow",
	 NULL},
	{"cseq-method", 4, "CSeq names the request's method",
	 cseq_names_another},
	{"framing", 5, "Content-Length frames the message", NULL},
	{"malformed", 5, "a SIP message with all it needs", NULL},
	{"method", 5, "only INVITE, ACK, OPTIONS, CANCEL, BYE, NOTIFY",
	 method_is_foreign},
	{"contact-missing", 5, "a Contact, and a To-tag in answers to INVITE",
	 lacks_contact},
	{"contact-address", 5, "a Contact with an FQDN, no IP literal",
	 contact_is_address},
	{"contact-user", 5, "no empty user part before @ in Contact",
	 contact_user_is_empty},
	{"contact-transport", 5, "transport=tls in Contact",
	 contact_is_not_tls},
	{"contact-several", 5, "one Contact, only the first counts",
	 has_contacts},
	{"contact-host", 5, "the Contact of an answer is the trunk's FQDN",
	 NULL},
	{"contact-certificate", 5, "the Contact is in the certificate", NULL},
	{"contact-unknown", 6, "the Contact is somebody's trunk", NULL},
	{"record-route", 5, "no Record-Route", records_route},
	{"from-host", 5, "From with an FQDN, no IP literal", from_is_address},
	{"from-plus", 5, "From is +E.164, an extension or anonymous",
	 from_is_no_number},
	{"ruri-plus", 5, "the Request-URI is +E.164", NULL},
	{"user-phone", 5, "user=phone in the Request-URI", ruri_is_no_phone},
	{"via-host", 5, "Via with an FQDN, no IP literal", via_is_address},
	{"max-forwards", 5, "Max-Forwards in every request",
	 lacks_max_forwards},
	{"to-tag", 5, "a To-tag in every answer but 100", lacks_to_tag},
	{"require", 5, "nothing required but timer", requires_more},
	{"reliable", 7, "no reliable provisional answer", is_reliable},
	{"replaces", 5, "no Replaces", replaces},
	{"duplicate", 7, "no INVITE again for a running call", NULL},
	{"cancel-unknown", 7, "CANCEL for an INVITE that is there", NULL},
	{"ack-missing", 7, "ACK for our 200 in time", NULL},
	{"ack-cseq", 7, "ACK with the CSeq of its INVITE", NULL},
	{"ack-body", 7, "no description in ACK", acknowledges_with_body},
	{"failover", 8, "an answer other than 100 within the failover time",
	 NULL},
	{"allow-missing", 8, "Allow in INVITE, 18x and 200", lacks_allow},
	{"cseq-order", 9, "CSeq grows", NULL},
	{"ruri-contact", 9, "our Contact unchanged as Request-URI", NULL},
	{"route-missing", 9, "our Record-Route as Route", NULL},
	{"session-interval", 9,
	 "Session-Expires of 90 s or more, and not below its Min-SE",
	 interval_is_small},
	{"session-refresher", 9, "refresher in the Session-Expires of a 200",
	 lacks_refresher},
	{"hold-direction", 10, "hold is a=inactive", NULL},
	{"hold-answer", 10, "the answer to a=inactive is a=inactive", NULL},
	{"hold-key", 10, "the key stays through a hold", NULL},
	{"refer-allow", 11, "REFER in Allow only together with NOTIFY",
	 refer_without_notify},
	{"refer-accepted", 11, "202 to REFER", NULL},
	{"refer-notify", 11, "a final NOTIFY for each REFER", NULL},
	{"refer-unknown", 11, "Referred-By of a REFER of ours", NULL},
	{"refer-to", 11, "the Request-URI is Refer-To, byte for byte", NULL},
	{"referred-by", 11, "Referred-By copied byte for byte", NULL},
	{"notify-stray", 11, "NOTIFY only for a REFER under way", NULL},
	{"notify-body", 11, "Event: refer and a message/sipfrag", NULL},
	{"notify-order", 11, "202, NOTIFY 100, then the rest", NULL},
	{"notify-state", 11,
	 "Subscription-State terminated in the last NOTIFY, active before",
	 NULL},
	{"early-bye", 11, "no BYE before the last NOTIFY", NULL},
	{"content-type", 12, "application/sdp in INVITE and its answers",
	 body_is_foreign},
	{"sdp-offer", 12, "RTP/SAVP with an _80 key, a codec, an address",
	 offer_is_faulty},
	{"sdp-answer", 12, "an answer to what was offered: suite, tag, codecs",
	 answer_is_faulty},
	{"sdp-origin", 12, "one o= a dialog, its version rises with changes",
	 NULL},
	{"sdp-media", 12, "one stream, and that is audio", has_two_media},
	{"sdp-ptime", 12, "a=ptime:20 or none", ptime_is_another},
	{"sdp-dtls", 12, "SDES alone, no fingerprint", offers_dtls},
};


void conform_message(const struct sip_msg *msg, conform_h *h, void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(rulev); i++) {
		const struct rule *rule = &rulev[i];

		if (rule->check && rule->check(msg))
			h(rule->name, rule->want, msg, arg);
	}
}


static void record(const char *rule, const char *want,
		   const struct sip_msg *msg, void *arg)
{
	violation(arg, rule, msg, "want %s", want);
}


void conform_record(struct sim *sim, const struct sip_msg *msg)
{
	conform_message(msg, record, sim);
}


static bool is_rule(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rulev); i++) {
		if (!strcmp(rulev[i].name, name))
			return true;
	}

	return false;
}


void violation(struct sim *sim, const char *rule, const struct sip_msg *msg,
	       const char *fmt, ...)
{
	char text[512], message[4096] = "";
	json_t *event;
	va_list ap;

	assert(is_rule(rule));

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (msg && msg->mb)
		snprintf(message, sizeof(message), "%.*s", (int)msg->mb->end,
			 (const char *)msg->mb->buf);

	chat(sim, "violation: %s: %s", rule, text);
	event = json_pack("{s:s, s:s, s:s, s:s}", "event", "violation",
			  "rule", rule, "text", text, "message", message);
	if (!event) /* not UTF-8 */
		event = json_pack("{s:s, s:s, s:s, s:s}", "event",
				  "violation", "rule", rule, "text", "",
				  "message", "");

	if (json_array_size(sim->violations) < VIOLATIONS_MAX)
		json_array_append(sim->violations, event);

	control_event_new(event);
}


void conform_help(FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(rulev); i++)
		fprintf(f, "%-20s %2u  %s\n", rulev[i].name,
			rulev[i].section, rulev[i].want);
}
