/**
 * @file failure.c  What a failed call means, in plain words
 *
 * Two tables. Rows say what was seen and which hints belong to it, likely
 * ones first. Hints are asked whether they apply to this PBX, and name the
 * setting to look at. Texts hold {names} of what is known of the call.
 *
 * Teams tells causes after NICC ND1017: its 486 comes with cause 34. So busy
 * and declined go by the status alone; where a status says little (480, 500,
 * 503) the cause is asked first.
 */
#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "cause.h"
#include "failure.h"


enum { HINTS_ROW = 6 };

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))


/* Hints */


static bool has_pbx(const struct failure_in *in)
{
	return in->pbx != NULL;
}


/** A number outside of the PBX: longer than its extensions */
static bool is_outside(const struct failure_in *in)
{
	return in->pbx && str_isset(in->callee) &&
		strlen(in->callee) > (size_t)in->pbx->e164.extension_digits;
}


static bool is_short(const struct failure_in *in)
{
	return in->pbx && str_isset(in->callee) && !is_outside(in);
}


static bool has_prefix(const struct failure_in *in)
{
	return is_outside(in) && str_isset(in->pbx->outside_line_prefix);
}


static bool has_no_prefix(const struct failure_in *in)
{
	return is_outside(in) && !str_isset(in->pbx->outside_line_prefix);
}


static bool is_national(const struct failure_in *in)
{
	return is_outside(in) && pbx_wants_national(in->pbx);
}


static bool is_e164(const struct failure_in *in)
{
	return is_outside(in) && !pbx_wants_national(in->pbx);
}


static bool has_auth_name(const struct failure_in *in)
{
	return in->pbx &&
		in->pbx->auth_username == PBX_AUTH_USERNAME_REQUIRED;
}


static bool has_srtp(const struct failure_in *in)
{
	return in->pbx && in->pbx->encrypt_media;
}


static bool has_no_srtp(const struct failure_in *in)
{
	return in->pbx && !in->pbx->encrypt_media;
}


static bool is_udp(const struct failure_in *in)
{
	return in->pbx && in->pbx->protocol == PBX_UDP;
}


static bool is_tls(const struct failure_in *in)
{
	return in->pbx && in->pbx->protocol == PBX_TLS;
}


static bool has_timers(const struct failure_in *in)
{
	return in->pbx && in->pbx->call.session_timers;
}


static bool has_prack(const struct failure_in *in)
{
	return in->pbx && in->pbx->call.prack;
}


static bool has_shared_port(const struct failure_in *in)
{
	return in->pbx && in->pbx->contact.port == PBX_PORT_SHARED;
}


static bool has_no_nat(const struct failure_in *in)
{
	return in->pbx && !in->pbx->media.nat;
}


static bool has_not_rung(const struct failure_in *in)
{
	return !in->rung;
}


enum hint {
	NO_HINT,
	PREFIX_SET, PREFIX_UNSET, NATIONAL, E164, EXTENSION, DIGITS,
	RIGHTS, CREDENTIALS, AUTH_NAME, IDENTITY, LINES, LICENCE,
	CODECS, SRTP_ON, SRTP_OFF, SRTP_TEAMS, TIMERS, PRACK, MIN_SE,
	UDP_SIZE, PBX_WAY, PBX_TLS_WAY, PBX_BAN, REGISTRATION, PHONE_OFF,
	PBX_PORT, PBX_LOG, CONTACT, ANSWER_LIMIT, LOOP, REDIRECT, TRANSFER,
	TEAMS_NUMBER, TEAMS_NEW, TEAMS_LICENCE, TEAMS_GATEWAY, TEAMS_POLICY,
	TEAMS_SIGNED_IN, TEAMS_AWAY, TEAMS_VOICEMAIL, TEAMS_WAY, TEAMS_STATE,
	TEAMS_CERT, TEAMS_UNSET,
	MEDIA_WAY, MEDIA_NAT, MEDIA_ADDRESS, MEDIA_PORTS, NETWORK,
	POLICY_NUMBER, POLICY_CALLS, POLICY_BUSY,
	SLOW_RING, NOBODY, HANDS_OFF, DISPLAY, DNS, TRACE,
	HINTS,
};

static const struct {
	bool (*applies)(const struct failure_in *in);  /* NULL: always      */
	const char *text;
	const char *field;         /* NULL: not a setting of ours           */
} hintv[HINTS] = {
	[PREFIX_SET] = { has_prefix,
		"Is {prefix} what {pbx} wants before outside numbers?",
		"pbx.outside_line_prefix" },
	[PREFIX_UNSET] = { has_no_prefix,
		"{pbx} may want a digit before outside numbers, and none is "
		"set.", "pbx.outside_line_prefix" },
	[NATIONAL] = { is_national,
		"It was sent in the country's own form; {pbx} may want +E.164."
		" Try it by `callbridge number`.", "pbx.e164.national" },
	[E164] = { is_e164,
		"It was sent as +E.164; {pbx} may want it as dialled in its "
		"country. Try it by `callbridge number`.",
		"pbx.e164.national" },
	[EXTENSION] = { is_short,
		"Is there an extension {number} at {pbx}?", NULL },
	[DIGITS] = { is_short,
		"If it is an outside number, so short ones are taken for "
		"extensions.", "pbx.e164.extension_digits" },
	[RIGHTS] = { has_pbx,
		"The user's extension at {pbx} may not dial this: see its "
		"class of service and outbound routes.", NULL },
	[CREDENTIALS] = { has_pbx,
		"SIP username or password of {user} are not what {pbx} has.",
		"user.sip_password" },
	[AUTH_NAME] = { has_auth_name,
		"{template} has an authentication name of its own for each "
		"user.", "user.sip_auth_username" },
	[IDENTITY] = { has_pbx,
		"{pbx} may not accept the caller id that was sent.",
		"user.sip_username" },
	[LINES] = { has_pbx,
		"No outside line of {pbx} was free, or its provider refused: "
		"see its trunks.", NULL },
	[LICENCE] = { has_pbx,
		"A limit of calls or licences of {pbx} is reached.", NULL },
	[CODECS] = { has_pbx,
		"Codecs offered to {pbx} are {codecs}: allow one of them at "
		"the extension, or add what it has.", "pbx.media.codecs" },
	[SRTP_ON] = { has_srtp,
		"Voice to {pbx} is encrypted (SRTP by SDES): switch it on at "
		"the extension, or off here.", "pbx.encrypt_media" },
	[SRTP_OFF] = { has_no_srtp,
		"{pbx} may demand encrypted voice (SRTP), and it is off here.",
		"pbx.encrypt_media" },
	[SRTP_TEAMS] = { NULL,
		"Teams always encrypts: whatever stands between must not "
		"change its descriptions (SIP ALG of a firewall).", NULL },
	[TIMERS] = { has_timers,
		"{pbx} may not cope with session timers (RFC 4028): switch "
		"them off.", "pbx.call.session_timers" },
	[PRACK] = { has_prack,
		"{pbx} may not cope with 100rel (RFC 3262): switch it off.",
		"pbx.call.prack" },
	[MIN_SE] = { has_timers,
		"The session interval does not suit {pbx}: 1800s is what most "
		"take.", "pbx.call.session_expires" },
	[UDP_SIZE] = { is_udp,
		"Large requests over UDP get lost in some networks: try "
		"protocol tcp.", "pbx.protocol" },
	[PBX_WAY] = { has_pbx,
		"The way to {pbx}: does it run, did address, port or firewall "
		"change?", "pbx.sip_proxy" },
	[PBX_TLS_WAY] = { is_tls,
		"TLS with {pbx}: its certificate may have expired or "
		"changed.", "pbx.tls.verify" },
	[PBX_BAN] = { has_pbx,
		"{pbx} may have banned our address (fail2ban, intrusion "
		"detection).", NULL },
	[REGISTRATION] = { has_pbx,
		"Ask `callbridge why {user}` how the registration is.", NULL },
	[PHONE_OFF] = { NULL,
		"The called phone is off, or not registered there.", NULL },
	[PBX_PORT] = { has_pbx,
		"That port of {pbx} may be the one for trunks, which takes no "
		"calls of phones.", "pbx.sip_proxy" },
	[PBX_LOG] = { has_pbx,
		"The log of {pbx} at this time tells more.", NULL },
	[CONTACT] = { has_shared_port,
		"{pbx} does not return the Contact that was registered: a "
		"port for each user tells them apart.", "pbx.contact.port" },
	[ANSWER_LIMIT] = { has_pbx,
		"It rang as long as the limit allows ({limit} s).",
		"pbx.call.answer_limit" },
	[LOOP] = { NULL,
		"A forwarding at {pbx} and one in Teams may point at each "
		"other.", NULL },
	[REDIRECT] = { NULL,
		"A forwarding there answers with a redirect: forward inside "
		"the PBX instead.", NULL },
	[TRANSFER] = { has_pbx,
		"{pbx} may do transfers otherwise than the template says.",
		"pbx.transfer.blind" },
	[TEAMS_NUMBER] = { NULL,
		"The number assigned to {user} in Teams must be the one here, "
		"with + and country code.", "user.number" },
	[TEAMS_UNSET] = { NULL,
		"The service needs a certificate towards Teams, and the "
		"customer a name of ours in it; until then it only "
		"registers.", "node.teams.certificate" },
	[TEAMS_NEW] = { NULL,
		"A number that was assigned today may take hours to work in "
		"Teams.", NULL },
	[TEAMS_LICENCE] = { NULL,
		"The user needs Teams Phone, enterprise voice enabled and a "
		"number of type Direct Routing.", NULL },
	[TEAMS_GATEWAY] = { NULL,
		"Our name must be a gateway of this Teams tenant, enabled, "
		"and its domain verified there.", "tenant.teams.fqdn" },
	[TEAMS_POLICY] = { NULL,
		"Teams may block this caller, or calls by location-based "
		"routing.", NULL },
	[TEAMS_SIGNED_IN] = { NULL,
		"Nobody is signed in to Teams as {user}, and voicemail is "
		"off.", NULL },
	[TEAMS_AWAY] = { NULL,
		"{user} is signed out of Teams, or forwards all calls to "
		"voicemail.", NULL },
	[TEAMS_VOICEMAIL] = { has_pbx,
		"To let voicemail of Teams have such calls: accept.",
		"pbx.call.teams_voicemail" },
	[TEAMS_WAY] = { NULL,
		"See `callbridge trunks`. The firewall must let TCP 5061 "
		"through both ways.", NULL },
	[TEAMS_STATE] = { NULL,
		"Teams has an outage or is being worked on: see Microsoft's "
		"service health.", NULL },
	[TEAMS_CERT] = { NULL,
		"Certificates: ours must hold our name and come with its "
		"intermediates; Microsoft's roots must be trusted.",
		"node.teams.ca_file" },
	[MEDIA_WAY] = { NULL,
		"The firewall must let UDP through to our media ports, from "
		"the PBX and from Teams.", "node.media.port_min" },
	[MEDIA_NAT] = { has_no_nat,
		"{pbx} may be behind NAT: let its media address be learnt.",
		"pbx.media.nat" },
	[MEDIA_ADDRESS] = { NULL,
		"Behind NAT here, the address that others see must be told.",
		"node.teams.public_address" },
	[MEDIA_PORTS] = { NULL,
		"A call takes four ports: widen the range.",
		"node.media.port_max" },
	[NETWORK] = { NULL,
		"The network broke, or the other side was restarted.", NULL },
	[POLICY_NUMBER] = { NULL,
		"Ask `callbridge number` what kind of number it is.",
		"tenant.policy.allow" },
	[POLICY_CALLS] = { NULL,
		"Many calls in a short time may also be fraud: see who makes "
		"them by `callbridge calls`.", "tenant.policy.calls" },
	[POLICY_BUSY] = { has_pbx,
		"More calls at once: raise the limit.", "pbx.policy.calls" },
	[SLOW_RING] = { has_not_rung,
		"It had not rung yet: if this is frequent, the way to the "
		"callee is slow.", NULL },
	[NOBODY] = { NULL,
		"Nobody was there; nothing is wrong with the connection.",
		NULL },
	[HANDS_OFF] = { NULL, "Nothing to do.", NULL },
	[DISPLAY] = { NULL,
		"The callee takes no calls without a number.", NULL },
	[DNS] = { NULL,
		"The name has no address: a typing error, or the DNS servers "
		"do not answer.", "node.dns.servers" },
	[TRACE] = { NULL,
		"`callbridge trace` shows the messages; send it to support.",
		NULL },
};


/* Rows */

enum {
	TEAMS = 1 << CALL_AT_TEAMS,
	PBX   = 1 << CALL_AT_PBX,
	US    = 1 << CALL_AT_BRIDGE,
	PEER  = TEAMS | PBX,
	ALL   = PEER | US,
	LOST  = 1 << 7,            /* the call was running                  */
};

enum { ANY_ERR = -1 };             /* any but none */

struct row {
	unsigned by;
	uint16_t from, to;         /* status codes; 0, 0: no answer         */
	uint16_t q850;             /* 0: any                                */
	int err;                   /* 0: any or none                        */
	const char *words;         /* to be found, no case; NULL: any       */
	enum call_result result;
	const char *what;
	enum hint hintv[HINTS_ROW];
};

#define CODE(c) (c), (c), 0, 0, NULL
#define CODES(a, b) (a), (b), 0, 0, NULL
#define CAUSE(q) 400, 699, (q), 0, NULL
#define ERR(e) 0, 0, 0, (e), NULL
#define ERR_SAYS(e, w) 0, 0, 0, (e), (w)
#define SAYS(w) 300, 699, 0, 0, (w)

/** The first that fits counts */
static const struct row rowv[] = {
	/* we ended or refused it, and know why */
	{ US, SAYS("not encrypted"), CALL_MEDIA,
	  "One side did not encrypt its voice as it must.",
	  { SRTP_ON, SRTP_TEAMS, TRACE } },
	{ US, SAYS("no codec"), CALL_MEDIA,
	  "The two sides have no codec in common.", { CODECS, TRACE } },
	{ US, SAYS("media port"), CALL_CONGESTION,
	  "No port was free for the voice.", { MEDIA_PORTS } },
	{ US, SAYS("no voice"), CALL_MEDIA,
	  "No voice came from either side, so the call was ended.",
	  { MEDIA_WAY, MEDIA_NAT, MEDIA_ADDRESS } },
	{ US, SAYS("transfer"), CALL_FAULT,
	  "A transfer failed, and its first call was gone already.",
	  { TRANSFER, TRACE } },
	{ US, SAYS("bridge stops"), CALL_CONGESTION,
	  "The bridge was stopped.", { HANDS_OFF } },
	{ US, SAYS("service user part"), CALL_FORBIDDEN,
	  "Teams called for a user who is not known here.",
	  { TEAMS_NUMBER } },
	{ US, SAYS("unknown fqdn"), CALL_NOT_FOUND,
	  "Teams called a name of ours that no tenant has.",
	  { TEAMS_GATEWAY } },
	{ US, SAYS("no trunk to Teams"), CALL_UNAVAILABLE,
	  "There is no trunk to Teams for this customer, so nobody there "
	  "could be called.", { TEAMS_UNSET, TEAMS_GATEWAY } },
	{ US, SAYS("no number in Teams"), CALL_NOT_FOUND,
	  "{user} has no number, by which Teams would know the user.",
	  { TEAMS_NUMBER } },
	{ US, SAYS("number not allowed"), CALL_FORBIDDEN,
	  "The call policy does not allow the number {number}.",
	  { POLICY_NUMBER } },
	{ US, CODES(482, 483), CALL_FAULT,
	  "The call went round in a circle.", { LOOP } },
	{ US, SAYS("too many"), CALL_FORBIDDEN,
	  "A limit of the call policy is reached: {words}.",
	  { POLICY_CALLS } },
	{ US, CODE(486), CALL_BUSY, "All lines that are allowed are in use.",
	  { POLICY_BUSY } },
	{ TEAMS, SAYS("server of Teams"), CALL_UNAVAILABLE,
	  "A server of Teams answered at once, and the call was given back "
	  "to {pbx}.", { TEAMS_AWAY, TEAMS_VOICEMAIL } },
	{ US, SAYS("not registered"), CALL_UNAVAILABLE,
	  "The user's phone is not registered at {pbx}, so the call could "
	  "not be made.", { REGISTRATION } },
	{ US, CODE(484), CALL_NOT_FOUND,
	  "The number cannot be dialled at {pbx}.",
	  { NATIONAL, PREFIX_UNSET, DIGITS, TRACE } },
	{ US, CODE(404), CALL_NOT_FOUND,
	  "The PBX called a phone that is none of ours.",
	  { CONTACT, TRACE } },
	{ US, CODE(480), CALL_UNAVAILABLE,
	  "The call could not be completed.", { TEAMS_NUMBER, TRACE } },
	{ US, CODE(488), CALL_MEDIA,
	  "The two sides could not agree on the voice.",
	  { CODECS, SRTP_ON, SRTP_OFF, TRACE } },
	{ US, CODE(503), CALL_CONGESTION,
	  "The bridge took no call at that time.", { HANDS_OFF } },
	{ US, CODE(403), CALL_FORBIDDEN,
	  "The call is not allowed here.", { TRACE } },
	{ US, CODE(408), CALL_NETWORK,
	  "The other side fell silent.", { NETWORK, MEDIA_WAY } },

	/* the caller went away */
	{ ALL, CODE(487), CALL_CANCELLED,
	  "The caller hung up before the call was answered.",
	  { SLOW_RING, HANDS_OFF } },

	/* no answer at all */
	{ PEER, ERR_SAYS(ETIMEDOUT, "within the limit"), CALL_NO_ANSWER,
	  "It rang, and nobody answered in time.", { NOBODY, ANSWER_LIMIT } },
	{ PEER | LOST, ERR(ANY_ERR), CALL_NETWORK,
	  "{peer} was lost during the call: {words}.", { NETWORK, TIMERS,
	  TRACE } },
	{ PBX, ERR_SAYS(ANY_ERR, "certificate"), CALL_NETWORK,
	  "The certificate of {pbx} was refused.", { PBX_TLS_WAY, PBX_WAY } },
	{ PBX, ERR_SAYS(ANY_ERR, "TLS"), CALL_NETWORK,
	  "No encrypted connection to {pbx} came about.",
	  { PBX_TLS_WAY, PBX_WAY } },
	{ TEAMS, ERR_SAYS(ANY_ERR, "certificate"), CALL_NETWORK,
	  "The certificate of Teams was refused, or ours by Teams.",
	  { TEAMS_CERT, TEAMS_WAY } },
	{ TEAMS, ERR_SAYS(ANY_ERR, "TLS"), CALL_NETWORK,
	  "No encrypted connection to Teams came about.",
	  { TEAMS_CERT, TEAMS_WAY } },
	{ PBX, ERR(ENOENT), CALL_NETWORK,
	  "The name of {pbx} has no address.", { PBX_WAY, DNS } },
	{ TEAMS, ERR(ENOENT), CALL_NETWORK,
	  "The name of Teams has no address.", { DNS, TEAMS_WAY } },
	{ PBX, ERR(ETIMEDOUT), CALL_NETWORK,
	  "{peer} did not answer our INVITE.",
	  { UDP_SIZE, PBX_WAY, PBX_BAN, REGISTRATION } },
	{ TEAMS, ERR(ETIMEDOUT), CALL_NETWORK,
	  "Teams did not answer our INVITE.", { TEAMS_WAY, TEAMS_STATE } },
	{ PBX, ERR(EPROTO), CALL_FAULT,
	  "{peer} answered in a way that cannot be right: {words}.",
	  { PRACK, TRACE } },
	{ TEAMS, ERR(EPROTO), CALL_FAULT,
	  "Teams answered in a way that cannot be right: {words}.",
	  { TRACE } },
	{ PBX, ERR(ANY_ERR), CALL_NETWORK,
	  "{peer} could not be reached: {words}.",
	  { PBX_WAY, PBX_TLS_WAY, REGISTRATION } },
	{ TEAMS, ERR(ANY_ERR), CALL_NETWORK,
	  "Teams could not be reached: {words}.", { TEAMS_WAY, TEAMS_STATE } },

	/* these go by the status, whatever the cause is */
	{ PEER, CODE(486), CALL_BUSY, "The callee is busy.",
	  { HANDS_OFF } },
	{ PEER, CODE(600), CALL_BUSY, "The callee is busy everywhere.",
	  { HANDS_OFF } },
	{ PEER, CODE(603), CALL_DECLINED, "The callee declined the call.",
	  { HANDS_OFF } },
	{ PEER, CODES(607, 608), CALL_DECLINED,
	  "The callee, or somebody who filters for them, does not want this "
	  "call.", { DISPLAY, TRACE } },

	/* causes that say more than the status */
	{ PBX, CAUSE(1), CALL_NOT_FOUND, "Nobody has the number {number}.",
	  { PREFIX_SET, PREFIX_UNSET, NATIONAL, E164, EXTENSION, DIGITS } },
	{ PBX, CAUSE(3), CALL_NOT_FOUND,
	  "{peer} has no route to {number}.",
	  { PREFIX_SET, PREFIX_UNSET, NATIONAL, E164, EXTENSION, DIGITS } },
	{ PEER, CAUSE(17), CALL_BUSY, "The callee is busy.",
	  { HANDS_OFF } },
	{ PEER, CAUSE(18), CALL_NO_ANSWER, "The callee's phone did not "
	  "respond.", { PHONE_OFF, NOBODY } },
	{ PEER, CAUSE(19), CALL_NO_ANSWER, "It rang, and nobody answered.",
	  { NOBODY } },
	{ PEER, CAUSE(20), CALL_UNAVAILABLE,
	  "The callee's phone is off or not reachable.", { PHONE_OFF } },
	{ PEER, CAUSE(27), CALL_UNAVAILABLE,
	  "The callee's line is out of order.", { PHONE_OFF, PBX_LOG } },
	{ PBX, CAUSE(28), CALL_NOT_FOUND, "The number {number} is not "
	  "complete.", { NATIONAL, E164, PREFIX_SET, PREFIX_UNSET, EXTENSION,
	  DIGITS } },
	{ PEER, CAUSE(34), CALL_CONGESTION, "{peer} has no line free.",
	  { LINES, LICENCE } },
	{ PEER, CAUSE(42), CALL_CONGESTION, "{peer} has too much to do.",
	  { LINES, LICENCE } },
	{ PEER, CAUSE(44), CALL_CONGESTION, "{peer} has no line free.",
	  { LINES, LICENCE } },
	{ PEER, CAUSE(50), CALL_FORBIDDEN, "{peer} does not allow this call.",
	  { RIGHTS } },
	{ PEER, CAUSE(52), CALL_FORBIDDEN, "{peer} bars outgoing calls of "
	  "this user.", { RIGHTS } },
	{ PEER, CAUSE(54), CALL_FORBIDDEN, "The callee takes no calls.",
	  { RIGHTS } },
	{ PEER, CAUSE(55), CALL_FORBIDDEN, "The callee takes no calls from "
	  "here.", { RIGHTS } },
	{ PEER, CAUSE(57), CALL_FORBIDDEN, "{peer} does not allow this call.",
	  { RIGHTS, LICENCE } },
	{ PBX, CAUSE(58), CALL_MEDIA, "{pbx} did not take our media.",
	  { CODECS, SRTP_ON, SRTP_OFF } },
	{ PBX, CAUSE(65), CALL_MEDIA, "{pbx} did not take our media.",
	  { CODECS, SRTP_ON, SRTP_OFF } },
	{ PBX, CAUSE(88), CALL_MEDIA, "{pbx} did not take our media.",
	  { CODECS, SRTP_ON, SRTP_OFF } },

	/* by the status */
	{ PEER, SAYS("redirect passed on"), CALL_DECLINED,
	  "{peer} sends the call elsewhere; the caller was told where.",
	  { HANDS_OFF } },
	{ PEER, CODES(300, 399), CALL_FAULT,
	  "{peer} sends the call elsewhere, which was not followed.",
	  { REDIRECT, TRACE } },
	{ PBX, CODE(401), CALL_FORBIDDEN,
	  "{pbx} refused the credentials for this call.",
	  { CREDENTIALS, AUTH_NAME, REGISTRATION } },
	{ PBX, CODE(407), CALL_FORBIDDEN,
	  "{pbx} refused the credentials for this call.",
	  { CREDENTIALS, AUTH_NAME, REGISTRATION } },
	{ PBX, CODE(402), CALL_FORBIDDEN,
	  "{pbx} wants the call to be paid for.", { LICENCE, RIGHTS } },
	{ PBX, CODE(403), CALL_FORBIDDEN,
	  "{pbx} does not allow this call.",
	  { RIGHTS, PREFIX_UNSET, PREFIX_SET, CREDENTIALS, IDENTITY } },
	{ TEAMS, CODES(401, 403), CALL_FORBIDDEN,
	  "Teams does not allow this call.",
	  { TEAMS_GATEWAY, TEAMS_LICENCE, TEAMS_POLICY } },
	{ PBX, CODE(404), CALL_NOT_FOUND,
	  "{pbx} does not know the number {number}.",
	  { PREFIX_SET, PREFIX_UNSET, NATIONAL, E164, EXTENSION, DIGITS } },
	{ TEAMS, CODE(404), CALL_NOT_FOUND,
	  "No Teams user of this tenant has the number {number}.",
	  { TEAMS_NUMBER, TEAMS_NEW, TEAMS_LICENCE, TEAMS_GATEWAY } },
	{ PBX, CODE(604), CALL_NOT_FOUND,
	  "Nobody has the number {number}, says {pbx}.",
	  { PREFIX_SET, PREFIX_UNSET, NATIONAL, E164, EXTENSION, DIGITS } },
	{ TEAMS, CODE(604), CALL_NOT_FOUND,
	  "Nobody has the number {number}, says Teams.", { TEAMS_NUMBER } },
	{ PBX, CODE(405), CALL_FAULT, "{pbx} takes no calls on that port.",
	  { PBX_PORT } },
	{ PBX, CODE(501), CALL_FAULT, "{pbx} takes no calls on that port.",
	  { PBX_PORT } },
	{ PBX, CODE(406), CALL_MEDIA, "{pbx} did not take our media.",
	  { CODECS, SRTP_ON, SRTP_OFF } },
	{ TEAMS, CODE(408), CALL_NETWORK,
	  "Teams lost its client on the way, or our answer came too late.",
	  { TEAMS_WAY, TEAMS_STATE } },
	{ PBX, CODE(408), CALL_NETWORK,
	  "{pbx} got no answer from the callee's phone.",
	  { PHONE_OFF, PBX_LOG } },
	{ PBX, CODE(410), CALL_NOT_FOUND,
	  "The number {number} is no longer in use.",
	  { EXTENSION, E164, PBX_LOG } },
	{ TEAMS, CODE(410), CALL_MEDIA,
	  "Teams could not read our media description, or reach our media "
	  "ports.", { MEDIA_WAY, MEDIA_ADDRESS, TRACE } },
	{ TEAMS, CODE(412), CALL_NOT_FOUND,
	  "Teams does not take {number} for a number.", { TEAMS_NUMBER } },
	{ PBX, CODE(413), CALL_FAULT, "Our request is too large for {pbx}.",
	  { UDP_SIZE, TRACE } },
	{ PBX, CODE(415), CALL_MEDIA, "{pbx} did not take our media.",
	  { CODECS, SRTP_ON, SRTP_OFF } },
	{ TEAMS, CODE(415), CALL_MEDIA,
	  "Teams found no media description in our request.",
	  { SRTP_TEAMS, TRACE } },
	{ PBX, CODES(420, 421), CALL_FAULT,
	  "{pbx} and we disagree on an extension of SIP.",
	  { PRACK, TIMERS, TRACE } },
	{ PBX, CODES(422, 423), CALL_FAULT,
	  "{pbx} does not take our session interval.", { MIN_SE, TIMERS } },
	{ TEAMS, CODES(420, 423), CALL_FAULT,
	  "Teams does not take an extension of our request.", { TRACE } },
	{ PBX, CODE(430), CALL_NETWORK,
	  "{pbx} lost the connection to the callee's phone.",
	  { PHONE_OFF, PBX_LOG } },
	{ PEER, CODE(433), CALL_DECLINED,
	  "The callee takes no anonymous calls.", { DISPLAY } },
	{ PBX, CODES(428, 438), CALL_FORBIDDEN,
	  "{pbx} wants a proof of who calls.", { IDENTITY, RIGHTS } },
	{ PBX, CODES(469, 470), CALL_FORBIDDEN,
	  "{pbx} wants the callee's consent first.", { RIGHTS } },
	{ TEAMS, CODE(480), CALL_UNAVAILABLE,
	  "Nobody can answer in Teams.", { TEAMS_SIGNED_IN, TEAMS_LICENCE } },
	{ PBX, CODE(480), CALL_UNAVAILABLE,
	  "The callee cannot be reached at {pbx}.", { PHONE_OFF, LINES } },
	{ PEER, CODE(481), CALL_FAULT, "{peer} does not know this call any "
	  "more.", { NETWORK, TRACE } },
	{ PEER, CODES(482, 483), CALL_FAULT,
	  "The call went round in a circle.", { LOOP } },
	{ PBX, CODES(484, 485), CALL_NOT_FOUND,
	  "The number {number} is not complete, or stands for several.",
	  { NATIONAL, E164, PREFIX_SET, PREFIX_UNSET, EXTENSION, DIGITS } },
	{ TEAMS, CODES(484, 485), CALL_NOT_FOUND,
	  "Teams does not take {number} for a number.", { TEAMS_NUMBER } },
	{ PBX, CODE(488), CALL_MEDIA, "{pbx} did not take our media.",
	  { CODECS, SRTP_ON, SRTP_OFF } },
	{ TEAMS, CODE(488), CALL_MEDIA,
	  "Teams did not take our media: no common codec, or encryption.",
	  { CODECS, SRTP_TEAMS, TRACE } },
	{ PBX, CODE(491), CALL_FAULT, "Two changes of the call crossed.",
	  { TRACE } },
	{ PBX, CODES(493, 494), CALL_FORBIDDEN,
	  "{pbx} wants a kind of security that is not there.",
	  { SRTP_OFF, TRACE } },
	{ TEAMS, CODE(500), CALL_FAULT,
	  "Teams failed, or has no trunk configured for this call.",
	  { TEAMS_STATE, LOOP, TEAMS_GATEWAY } },
	{ PBX, CODE(500), CALL_FAULT, "{pbx} failed.", { PBX_LOG, LINES } },
	{ PBX, CODE(502), CALL_FAULT, "A network behind {pbx} failed.",
	  { LINES, PBX_LOG } },
	{ TEAMS, CODE(503), CALL_CONGESTION,
	  "Teams takes no calls at this time.", { TEAMS_STATE, TEAMS_WAY } },
	{ PBX, CODE(503), CALL_CONGESTION,
	  "{pbx} is overloaded, restarting, or has no line free.",
	  { LINES, LICENCE, PBX_LOG } },
	{ TEAMS, CODE(504), CALL_NETWORK,
	  "Teams could not reach what is behind it.",
	  { TEAMS_STATE, TEAMS_WAY } },
	{ PBX, CODE(504), CALL_NETWORK,
	  "A network behind {pbx} did not answer.", { LINES, PBX_LOG } },
	{ PBX, CODE(513), CALL_FAULT, "Our request is too large for {pbx}.",
	  { UDP_SIZE, TRACE } },
	{ PBX, CODE(580), CALL_MEDIA,
	  "{pbx} has no room for the voice of one more call.", { LICENCE } },
	{ PBX, CODE(606), CALL_MEDIA, "{pbx} did not take our media.",
	  { CODECS, SRTP_ON, SRTP_OFF } },

	/* the rest, by class */
	{ PEER, CODES(300, 499), CALL_FAULT,
	  "{peer} did not understand our request, or does not want it: "
	  "{words}.", { PBX_LOG, TRACE } },
	{ PEER, CODES(500, 599), CALL_FAULT, "{peer} failed: {words}.",
	  { PBX_LOG, TRACE } },
	{ PEER, CODES(600, 699), CALL_DECLINED,
	  "The callee does not take the call: {words}.", { PBX_LOG, TRACE } },
	{ ALL, CODES(0, 0), CALL_FAULT,
	  "The call ended for a reason that is not known: {words}.",
	  { TRACE } },
	{ ALL, CODES(1, 699), CALL_FAULT,
	  "The bridge ended the call: {words}.", { TRACE } },
};


static bool has_words(const char *text, const char *words)
{
	return !words || (text && strcasestr(text, words));
}


static bool fits(const struct row *row, const struct failure_in *in)
{
	if (!(row->by & (1u << in->by)) ||
	    (row->by & LOST && !in->answered))
		return false;

	if (in->scode < row->from || in->scode > row->to)
		return false;

	if (row->err && (row->err == ANY_ERR ? !in->err :
			 row->err != in->err))
		return false;

	return (!row->q850 || row->q850 == in->q850) &&
		has_words(in->words, row->words);
}


static const struct row *row_find(const struct failure_in *in)
{
	size_t i = 0;

	while (i + 1 < COUNT(rowv) && !fits(&rowv[i], in))
		++i;

	return &rowv[i];
}


/* Texts */


static int print_codecs(struct re_printf *pf, const struct pbx *pbx)
{
	int err = 0;

	for (size_t i = 0; pbx && i < pbx->media.codecs.c; i++)
		err |= re_hprintf(pf, "%s%s", i ? ", " : "",
				  pbx->media.codecs.v[i]);

	return err;
}


static int print_name(struct re_printf *pf, const struct pl *name,
		      const struct failure_in *in)
{
	const struct pbx *pbx = in->pbx;
	const char *pbx_name = pbx && pbx->name ? pbx->name : NULL;

	if (!pl_strcmp(name, "number"))
		return re_hprintf(pf, "%s", str_isset(in->callee) ?
				  in->callee : "dialled");
	if (!pl_strcmp(name, "user"))
		return re_hprintf(pf, "%s", str_isset(in->user) ? in->user :
				  "the user");
	if (!pl_strcmp(name, "words"))
		return re_hprintf(pf, "%s", str_isset(in->words) ?
				  in->words : "no words");
	if (!pl_strcmp(name, "prefix"))
		return re_hprintf(pf, "%s", pbx->outside_line_prefix);
	if (!pl_strcmp(name, "limit"))
		return re_hprintf(pf, "%u", pbx->call.answer_limit_s);
	if (!pl_strcmp(name, "template"))
		return re_hprintf(pf, "%s", pbx->title ? pbx->title :
				  "This PBX");
	if (!pl_strcmp(name, "codecs"))
		return print_codecs(pf, pbx);
	if (!pl_strcmp(name, "peer") && in->by == CALL_AT_TEAMS)
		return re_hprintf(pf, "Teams");

	/* {pbx} and {peer} */
	return re_hprintf(pf, "%s%s", pbx_name ? "PBX " : "the PBX",
			  pbx_name ? pbx_name : "");
}


struct text {
	const char *text;
	const struct failure_in *in;
};


/** A text with its {names} filled in. libre %H handler */
static int print_text(struct re_printf *pf, const struct text *text)
{
	const char *p = text->text;
	int err = 0;

	while (*p && !err) {
		const size_t l = strcspn(p, "{");
		struct pl name;

		err = re_hprintf(pf, "%b", p, l);
		p += l;
		if (!*p)
			break;

		name.p = p + 1;
		name.l = strcspn(p + 1, "}");
		err |= print_name(pf, &name, text->in);
		p = name.p + name.l + 1;
	}

	return err;
}


static void write_text(char *buf, size_t size, const char *text,
		       const struct failure_in *in)
{
	const struct text t = { text, in };

	(void)re_snprintf(buf, size, "%H", print_text, &t);
	if (buf[0] >= 'a' && buf[0] <= 'z')
		buf[0] = (char)(buf[0] - 'a' + 'A');
}


/** A numbered line of advice; one that does not fit whole is left out */
static void add(struct failure *failure, unsigned *n, const char *text)
{
	const size_t l = strlen(failure->advice);
	const size_t room = sizeof(failure->advice) - l;

	if (strlen(text) + 6 > room)
		return;

	(void)re_snprintf(failure->advice + l, room, "%s%u. %s",
			  l ? " " : "", ++*n, text);
}


static bool applies(enum hint hint, const struct failure_in *in)
{
	return hint != NO_HINT &&
		(!hintv[hint].applies || hintv[hint].applies(in));
}


void failure_explain(struct failure *failure, const struct failure_in *in)
{
	const struct row *row = row_find(in);
	char text[256];
	unsigned n = 0;

	memset(failure, 0, sizeof(*failure));
	failure->result = row->result;
	failure->side = in->by;
	write_text(failure->what, sizeof(failure->what), row->what, in);

	if (str_isset(in->given))
		add(failure, &n, in->given);

	for (size_t i = 0; i < HINTS_ROW; i++) {
		const enum hint hint = row->hintv[i];

		if (!applies(hint, in))
			continue;

		write_text(text, sizeof(text), hintv[hint].text, in);
		add(failure, &n, text);

		if (hintv[hint].field && !failure->field[0])
			str_ncpy(failure->field, hintv[hint].field,
				 sizeof(failure->field));
	}
}


const char *failure_field(size_t i)
{
	for (size_t h = 0; h < HINTS; h++) {
		if (hintv[h].field && !i--)
			return hintv[h].field;
	}

	return NULL;
}
