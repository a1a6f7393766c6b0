/**
 * @file advice.c  What a failed registration means, in plain words
 *
 * The reasons are the published texts; where the PBX's own phrase says more,
 * it stands beside ours in the status.
 */
#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "advice.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

#define CHECK_CREDENTIALS						\
	"Usually the SIP username, the SIP auth username (if the PBX has "	\
	"one) or the SIP password is wrong: enter them again as the PBX "	\
	"shows them. It could also be the SIP domain, if the PBX checks it. "	\
	"Nothing more is sent for this user until it is edited or retried, "	\
	"so that the PBX does not ban this service's address."


/** What there was when there was an answer; the first row that fits counts */
struct answer_row {
	uint16_t from, to;         /* status codes                         */
	const char *words;         /* to be found in the phrase, no case;
				      NULL: any                            */
	const char *reason;        /* NULL: the PBX's phrase               */
	const char *text;
	enum advice_action action;
};

static const struct answer_row answerv[] = {
	{ 300, 399, NULL, "Moved",
	  "The PBX says that this user registers elsewhere, at a place "
	  "that is not known to be its own: enter the address it names as "
	  "SIP proxy, or its domain in registration.redirect_to.",
	  ADVICE_STOP },
	{ 400, 400, NULL, NULL,
	  "The PBX does not accept our Contact or To: try to suppress the "
	  "contact data parameter, and compare the SIP domain with what "
	  "the PBX expects.", ADVICE_STOP },
	{ 401, 401, NULL, "Unauthorized", CHECK_CREDENTIALS, ADVICE_STOP },
	{ 407, 407, NULL, "Proxy Authentication Required",
	  CHECK_CREDENTIALS, ADVICE_STOP },
	{ 403, 403, "bad auth", "Invalid password", CHECK_CREDENTIALS,
	  ADVICE_STOP },
	{ 403, 403, "password", "Invalid password", CHECK_CREDENTIALS,
	  ADVICE_STOP },
	{ 403, 403, "credential", "Authentication Failure",
	  CHECK_CREDENTIALS, ADVICE_STOP },
	{ 403, 403, "contact", "Forbidden",
	  "The PBX wants the contact to be exactly the SIP username: "
	  "suppress the contact data parameter.", ADVICE_STOP },
	{ 403, 403, NULL, "Forbidden",
	  "The PBX knows the user and refuses. In this order: too many "
	  "phones on this extension; use from outside the LAN not allowed; "
	  "our address or User-Agent not admitted; no licence free; our "
	  "address banned after failures.", ADVICE_SLOW },
	{ 404, 404, "user unknown", "User unknown",
	  "The PBX does not know the SIP username: enter it as the PBX "
	  "shows it, and check the SIP domain.", ADVICE_STOP },
	{ 404, 404, NULL, "Not found",
	  "The PBX does not know the SIP username at this SIP domain, or "
	  "wants the contact to be exactly the SIP username: check both, "
	  "then try to suppress the contact data parameter.",
	  ADVICE_STOP },
	{ 405, 405, NULL, NULL,
	  "This port of the PBX takes no registrations, it may be the one "
	  "for trunks: check port and SIP proxy.", ADVICE_STOP },
	{ 501, 501, NULL, NULL,
	  "This port of the PBX takes no registrations, it may be the one "
	  "for trunks: check port and SIP proxy.", ADVICE_STOP },
	{ 408, 408, NULL, NULL,
	  "A proxy before the PBX cannot reach it: check its configuration "
	  "and whether the PBX runs.", ADVICE_BACK_OFF },
	{ 416, 416, NULL, NULL,
	  "The PBX does not take our kind of URI: check the protocol.",
	  ADVICE_STOP },
	{ 420, 421, NULL, NULL,
	  "The PBX and a proxy before it disagree on extensions (Path, "
	  "outbound): this must be settled there.", ADVICE_STOP },
	{ 439, 439, NULL, NULL,
	  "The PBX and a proxy before it disagree on extensions (Path, "
	  "outbound): this must be settled there.", ADVICE_STOP },
	{ 423, 423, NULL, "Interval Too Brief",
	  "The PBX wants longer registrations than it then accepts: check "
	  "its limits for the expiry.", ADVICE_SLOW },
	{ 480, 480, NULL, NULL,
	  "The PBX has blocked this device: ask its administrator.",
	  ADVICE_SLOW },
	{ 486, 486, NULL, NULL,
	  "The PBX has blocked this device: ask its administrator.",
	  ADVICE_SLOW },
	{ 488, 488, NULL, NULL,
	  "The PBX dislikes something in our request: send a trace of it "
	  "to support.", ADVICE_STOP },
	{ 606, 606, NULL, NULL,
	  "The PBX dislikes something in our request: send a trace of it "
	  "to support.", ADVICE_STOP },
	{ 503, 503, NULL, NULL,
	  "The PBX is overloaded, starting, or has too many phones on this "
	  "extension. It is asked again at the time it named, or later and "
	  "later.", ADVICE_BACK_OFF },
	{ 500, 599, NULL, NULL,
	  "The PBX has a fault of its own (on Cisco CUCM also: a contact "
	  "that has moved; use contact.port per-user).", ADVICE_BACK_OFF },
	{ 600, 699, NULL, "Declined",
	  "The PBX refuses by its rules: no licence, or the device is "
	  "blocked. Ask its administrator.", ADVICE_STOP },
	{ 400, 499, NULL, NULL,
	  "The PBX refuses: its own words say why.", ADVICE_SLOW },
};


/** What there was when there was none */
struct error_row {
	int err;                   /* 0: any                               */
	const char *why;           /* to be found in our words, NULL: any  */
	const char *reason;
	const char *text;
	enum advice_action action;
};

static const struct error_row errorv[] = {
	{ ENOENT, NULL, "Unable to resolve URI",
	  "The name of the PBX has no address: the SIP proxy (if given) or "
	  "the SIP domain is wrong, or its DNS entry is missing.",
	  ADVICE_BACK_OFF },
	{ 0, "answer from DNS", "Unable to resolve URI",
	  "The DNS servers do not answer: check the network of this "
	  "service and dns.servers.", ADVICE_BACK_OFF },
	{ ETIMEDOUT, NULL, NULL,
	  "The PBX did not answer: check the firewall on the way, the SIP "
	  "proxy with its port, and the protocol; whether our address is "
	  "allowed, or was banned after failures. Answers that are lost "
	  "only when messages are large want protocol tcp.",
	  ADVICE_BACK_OFF },
	{ 0, "is self-signed", "Certificate self-signed",
	  "The PBX signed its certificate itself: give it one of an "
	  "authority, or name that very certificate in tls.ca_file.",
	  ADVICE_SLOW },
	{ 0, " ended ", "Certificate expired",
	  "The PBX's certificate has run out: renew it there. If the day in "
	  "the words is still to come, this service's clock is wrong.",
	  ADVICE_SLOW },
	{ 0, " begins ", "Certificate not yet valid",
	  "The PBX's certificate is not valid yet: the clock of this "
	  "service, or that of whoever made the certificate, is wrong.",
	  ADVICE_SLOW },
	{ 0, ", not for ", "Certificate for another name",
	  "The PBX's certificate does not hold the name by which it is "
	  "reached: enter a name that it holds (see the words) as SIP "
	  "proxy, or as SIP domain if the proxy is an address, or get one "
	  "with that name.", ADVICE_SLOW },
	{ 0, "was not sent", "Intermediate certificate missing",
	  "The PBX sends its own certificate without the intermediate one "
	  "named in the words: install the full chain there.",
	  ADVICE_SLOW },
	{ 0, "is not trusted", "Certificate authority unknown",
	  "The PBX's certificate is signed by an authority that is not "
	  "known here: name that authority's certificate in tls.ca_file. If "
	  "there is an intermediate one between, the PBX has to send it.",
	  ADVICE_SLOW },
	{ 0, "certificate", "Certificate not accepted",
	  "The PBX's certificate was refused, see the words for why: it "
	  "must be in time, name the SIP proxy (or the SIP domain), and "
	  "come with its intermediates from an authority that is trusted "
	  "(tls.ca_file names others).", ADVICE_SLOW },
	{ 0, "TLS", "TLS failed",
	  "No encrypted connection came about, see the words for why: "
	  "check port and protocol, and that the PBX speaks TLS 1.2 or "
	  "later.", ADVICE_SLOW },
	{ ECONNREFUSED, NULL, "Connection refused",
	  "Nothing listens there: check the port on the SIP proxy and the "
	  "protocol, and that the PBX runs.", ADVICE_BACK_OFF },
	{ ECONNRESET, NULL, "Connection lost",
	  "The PBX closed the connection. If it stays so: check protocol "
	  "and port.", ADVICE_RETRY },
	{ ECONNABORTED, NULL, "Connection lost",
	  "The connection was closed. It is opened again.", ADVICE_RETRY },
	{ ENOTCONN, NULL, "Connection lost",
	  "The connection was closed. It is opened again.", ADVICE_RETRY },
	{ EPROTONOSUPPORT, NULL, "No way to this address",
	  "The PBX's name gives only addresses or protocols that this "
	  "service does not listen for (IPv4 or IPv6; udp, tcp, tls).",
	  ADVICE_SLOW },
	{ ENETUNREACH, NULL, "PBX unreachable",
	  "There is no route to the PBX: check the network of this "
	  "service and the SIP proxy.", ADVICE_BACK_OFF },
	{ EHOSTUNREACH, NULL, "PBX unreachable",
	  "There is no route to the PBX: check the network of this "
	  "service and the SIP proxy.", ADVICE_BACK_OFF },
	{ ENOMEM, NULL, "Out of memory",
	  "This service has too little memory.", ADVICE_BACK_OFF },
	{ 0, NULL, "Not sent",
	  "The request could not be sent, see the words for why.",
	  ADVICE_BACK_OFF },
};


static bool has_words(const char *text, const char *words)
{
	return !words || strcasestr(text, words);
}


static void answer_make(struct advice *adv, uint16_t scode,
			const char *words)
{
	for (size_t i = 0; i < COUNT(answerv); i++) {
		const struct answer_row *row = &answerv[i];

		if (scode < row->from || scode > row->to ||
		    !has_words(words, row->words))
			continue;

		if (row->reason)
			str_ncpy(adv->reason, row->reason,
				 sizeof(adv->reason));
		else if (*words)
			str_ncpy(adv->reason, words, sizeof(adv->reason));
		else
			(void)re_snprintf(adv->reason, sizeof(adv->reason),
					  "Refused with %u", scode);

		str_ncpy(adv->text, row->text, sizeof(adv->text));
		adv->action = row->action;
		return;
	}
}


static void error_make(struct advice *adv, int err, const char *why,
		       unsigned waited_s)
{
	for (size_t i = 0; i < COUNT(errorv); i++) {
		const struct error_row *row = &errorv[i];

		if ((row->err && row->err != err) ||
		    !has_words(why, row->why))
			continue;

		if (row->reason)
			str_ncpy(adv->reason, row->reason,
				 sizeof(adv->reason));
		else
			(void)re_snprintf(adv->reason, sizeof(adv->reason),
					  "No response received after %u"
					  " seconds", waited_s);

		str_ncpy(adv->text, row->text, sizeof(adv->text));
		adv->action = row->action;
		return;
	}
}


/** 401 or 407 that could not be answered, though nothing is known to be
    wrong with the credentials */
static void unanswerable_make(struct advice *adv, const char *why)
{
	str_ncpy(adv->reason, "Authentication Failure",
		 sizeof(adv->reason));
	(void)re_snprintf(adv->text, sizeof(adv->text),
			  "The PBX asks for a proof that this service cannot"
			  " or may not give%s%s. Check its authentication"
			  " settings (realm, digest algorithms).",
			  *why ? ": " : "", why);
	adv->action = ADVICE_SLOW;
}


static void add_template_hint(struct advice *adv, const struct pbx *pbx)
{
	const size_t l = strlen(adv->text);

	if (pbx->auth_username != PBX_AUTH_USERNAME_REQUIRED)
		return;

	(void)re_snprintf(adv->text + l, sizeof(adv->text) - l,
			  " This PBX has an authentication name of its own"
			  " for each user.");
}


void advice_make(struct advice *adv, const struct pbx *pbx, int err,
		 uint16_t scode, const char *words, const char *why,
		 unsigned waited_s, bool rejected)
{
	if (!adv)
		return;

	words = words ? words : "";
	why   = why ? why : "";
	memset(adv, 0, sizeof(*adv));

	if (err) {
		error_make(adv, err, why, waited_s);
		return;
	}

	if ((scode == 401 || scode == 407) && !rejected) {
		unanswerable_make(adv, why);
		return;
	}

	answer_make(adv, scode, words);
	if (rejected && pbx)
		add_template_hint(adv, pbx);
}


void advice_banned(struct advice *adv, const char *host)
{
	memset(adv, 0, sizeof(*adv));
	adv->action = ADVICE_BACK_OFF;
	str_ncpy(adv->reason, "Probably banned", sizeof(adv->reason));
	(void)re_snprintf(adv->text, sizeof(adv->text),
			  "%s refused registrations and then fell silent, as"
			  " an address ban does. Ask its administrator to look"
			  " for our address among the banned ones (fail2ban,"
			  " intrusion detection, IP blacklist, session border"
			  " controller), to take it out and to allow it for"
			  " good. Correct the users that were refused, or it"
			  " comes back.", host);
}


void advice_realm(struct advice *adv, const char *asked, const char *ours,
		  bool configured)
{
	memset(adv, 0, sizeof(*adv));
	adv->action = ADVICE_SLOW;
	str_ncpy(adv->reason, "Another realm", sizeof(adv->reason));
	(void)re_snprintf(adv->text, sizeof(adv->text),
			  "The PBX asks for a proof in the realm \"%s\", and"
			  " only \"%s\" is answered%s. If that is right,"
			  " %s; else somebody between here and the PBX asks.",
			  asked, ours, configured ?
			  ", as the field realm says" :
			  ", in which the first registration succeeded",
			  configured ? "correct the field realm" :
			  "let callbridge retry learn it anew");
}


void advice_held(struct advice *adv, unsigned failures_per_hour)
{
	memset(adv, 0, sizeof(*adv));
	adv->action = ADVICE_BACK_OFF;
	str_ncpy(adv->reason, "Held back", sizeof(adv->reason));
	(void)re_snprintf(adv->text, sizeof(adv->text),
			  "Not sent: the PBX refused %u registrations within"
			  " an hour, and more could make it ban this service's"
			  " address. Correct the users that were refused; this"
			  " one follows by itself, or at once by callbridge"
			  " retry. A PBX that bans nobody may have a larger"
			  " registration.failures_per_hour.",
			  failures_per_hour);
}


void advice_full(struct advice *adv, int64_t max)
{
	memset(adv, 0, sizeof(*adv));
	adv->action = ADVICE_BACK_OFF;
	str_ncpy(adv->reason, "No place free", sizeof(adv->reason));
	(void)re_snprintf(adv->text, sizeof(adv->text),
			  "Not sent: registration.max allows %lld users at"
			  " this PBX, and so many are registered. Take one"
			  " off, or raise it if the PBX's licence allows"
			  " more.", (long long)max);
}


void advice_unlisted(struct advice *adv, const char *rivals)
{
	memset(adv, 0, sizeof(*adv));
	adv->action = ADVICE_SLOW;
	str_ncpy(adv->reason, "Not in the list of bindings",
		 sizeof(adv->reason));
	(void)re_snprintf(adv->text, sizeof(adv->text),
			  "The PBX says yes, but does not list our contact"
			  " among its phones%s%s: too many phones on this"
			  " extension, or it changes our contact. Allow one"
			  " more phone there, or take the other one off; else"
			  " try to suppress the contact data parameter.",
			  *rivals ? ", only " : "", rivals);
}


void advice_add_target(struct advice *adv, const char *target)
{
	const size_t l = strlen(adv->text);

	(void)re_snprintf(adv->text + l, sizeof(adv->text) - l,
			  " It names %s.", target);
}
