/**
 * @file pbx.c  The fields of a PBX
 */
#include "bridge/base/errors.h"
#include "bridge/base/doc.h"
#include "check.h"
#include "pbx.h"
#include "pbx_calls.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define CHOICES(v) .choicev = (v), .choicec = COUNT(v)


static const char *const authv[]          = { "registration", "none" };
static const char *const auth_usernamev[] = { "optional", "required",
					      "same" };
static const char *const protocolv[]      = { "udp", "tcp", "tls" };
static const char *const transferv[]      = { "auto", "refer", "bridge" };
static const char *const holdv[]          = { "sendonly", "inactive",
					      "zero" };
static const char *const portv[]          = { "shared", "per-user" };
static const char *const connectionv[]    = { "shared", "per-user" };
static const char *const addressv[]       = { "local", "learnt" };
static const char *const keepalivev[]     = { "crlf", "options", "stun",
					      "none" };
static const char *const mwiv[]           = { "none", "unsolicited",
					      "subscribe" };
static const char *const verifyv[]        = { "full", "chain", "none" };
static const char *const redirectsv[]     = { "follow", "pass", "refuse" };
static const char *const voicemailv[]     = { "accept", "refuse" };
static const char *const codecv[]         = { "pcma", "pcmu", "g722",
					      "g729", "opus" };
static const char *const transcodev[]     = { "when-needed", "never" };
static const char *const dtmfv[]          = { "auto", "rfc4733", "info",
					      "inband" };
static const char *const ringbackv[]      = { "remote", "bridge" };
static const char *const earlyv[]         = { "ringing", "pass" };
static const char *const faxv[]           = { "passthrough", "off" };
static const char *const musicv[]         = { "pbx", "teams", "bridge" };


static const struct field e164v[] = {
	{ .name = "national", .type = FIELD_BOOL, .dflt = "false",
	  .offset = offsetof(struct pbx, e164.national),
	  .help = "The PBX wants national and international forms instead "
		  "of +country code; a prefix below says so too" },
	{ .name = "national_prefix", .type = FIELD_STRING, .max = 4,
	  .offset = offsetof(struct pbx, e164.national_prefix),
	  .checkh = check_prefix,
	  .help = "Dialled before a national number, e.g. \"0\"; unset: as "
		  "the country does" },
	{ .name = "international_prefix", .type = FIELD_STRING, .max = 6,
	  .offset = offsetof(struct pbx, e164.international_prefix),
	  .checkh = check_prefix,
	  .help = "Dialled before a country code, e.g. \"00\"; unset: as "
		  "the country does" },
	{ .name = "extension_digits", .type = FIELD_INT, .dflt = "6",
	  .offset = offsetof(struct pbx, e164.extension_digits),
	  .min = 1, .max = 12, .flags = FIELD_ADVANCED,
	  .help = "A number without + of at most so many digits is an "
		  "extension" },
	{ .name = "strip_to_pbx", .type = FIELD_STRINGS, .max = 16,
	  .offset = offsetof(struct pbx, e164.strip_to_pbx),
	  .checkh = check_strip, .flags = FIELD_ADVANCED,
	  .help = "Prefixes taken off what a Teams user dials, before "
		  "anything else, e.g. [\"9\"] for people who still dial "
		  "the outside line themselves; the longest that fits" },
	{ .name = "strip_from_pbx", .type = FIELD_STRINGS, .max = 16,
	  .offset = offsetof(struct pbx, e164.strip_from_pbx),
	  .checkh = check_strip, .flags = FIELD_ADVANCED,
	  .help = "Prefixes taken off a caller's number as this PBX shows "
		  "it, before anything else, e.g. a trunk or tenant code; "
		  "the longest that fits" },
};

static const struct field registrationv[] = {
	{ .name = "expires", .type = FIELD_DURATION, .unit = FIELD_S,
	  .offset = offsetof(struct pbx, registration.expires_s),
	  .min = 60, .max = 7200, .dflt = "3600s",
	  .help = "How long a registration is asked to last; the PBX's "
		  "answer counts" },
	{ .name = "refresh_at", .type = FIELD_PERCENT,
	  .offset = offsetof(struct pbx, registration.refresh_at),
	  .min = 10, .max = 90, .dflt = "50%", .flags = FIELD_ADVANCED,
	  .help = "Share of the granted time after which it is renewed" },
	{ .name = "per_second", .type = FIELD_INT,
	  .offset = offsetof(struct pbx, registration.per_second),
	  .min = 1, .max = 1000, .dflt = "10", .flags = FIELD_ADVANCED,
	  .help = "Registrations a second that this PBX gets at most" },
	{ .name = "burst", .type = FIELD_INT,
	  .offset = offsetof(struct pbx, registration.burst),
	  .min = 1, .max = 1000, .dflt = "20", .flags = FIELD_ADVANCED,
	  .help = "Registrations that may go at once after a quiet time" },
	{ .name = "failures_per_hour", .type = FIELD_INT,
	  .offset = offsetof(struct pbx, registration.failures_per_hour),
	  .min = 1, .max = 100000, .dflt = "10", .flags = FIELD_ADVANCED,
	  .help = "Refused registrations an hour after which users that "
		  "never registered wait, so that the PBX does not ban this "
		  "service's address" },
	{ .name = "reuse_nonce", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct pbx, registration.reuse_nonce),
	  .flags = FIELD_ADVANCED,
	  .help = "Send credentials with the nonce of last time while the "
		  "PBX takes it; saves half of the messages" },
	{ .name = "keepalive", .type = FIELD_DURATION, .unit = FIELD_S,
	  .offset = offsetof(struct pbx, registration.keepalive_s),
	  .max = 600, .dflt = "25s", .flags = FIELD_ADVANCED,
	  .help = "Interval of keepalives to the PBX, so that firewalls "
		  "stay open; 0 for none" },
	{ .name = "keepalive_by", .type = FIELD_CHOICE,
	  CHOICES(keepalivev), .dflt = "crlf",
	  .offset = offsetof(struct pbx, registration.keepalive_by),
	  .flags = FIELD_ADVANCED,
	  .help = "What is sent as keepalive: empty lines (crlf), OPTIONS, "
		  "which tell early that the PBX has gone, or STUN (udp "
		  "only), which tells a changed public address" },
	{ .name = "max", .type = FIELD_INT,
	  .offset = offsetof(struct pbx, registration.max),
	  .max = 1000000, .dflt = "0", .flags = FIELD_ADVANCED,
	  .help = "Users registered at this PBX at most, as its licence "
		  "has it; 0: no limit" },
	{ .name = "fetch_bindings", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct pbx, registration.fetch_bindings),
	  .flags = FIELD_ADVANCED,
	  .help = "Ask the PBX before renewing, one user in 5 s at most, "
		  "who else is registered, to name a phone that takes the "
		  "user's place; ends where the PBX refuses" },
	{ .name = "path", .type = FIELD_BOOL, .dflt = "false",
	  .offset = offsetof(struct pbx, registration.path),
	  .flags = FIELD_ADVANCED,
	  .help = "Tell that proxies may add a Path (RFC 3327); said by "
		  "itself where the PBX asks for it" },
	{ .name = "redirect_to", .type = FIELD_STRINGS, .max = 8,
	  .offset = offsetof(struct pbx, registration.redirect_to),
	  .checkh = check_domain, .flags = FIELD_ADVANCED,
	  .help = "Hosts and domains that a redirect (3xx) may lead to, "
		  "beside the SIP domain and proxy" },
};

static const struct field contactv[] = {
	{ .name = "port", .type = FIELD_CHOICE, CHOICES(portv),
	  .offset = offsetof(struct pbx, contact.port),
	  .dflt = "shared", .flags = FIELD_ADVANCED,
	  .help = "One local port for all users, or one for each user" },
	{ .name = "connection", .type = FIELD_CHOICE, CHOICES(connectionv),
	  .offset = offsetof(struct pbx, contact.connection),
	  .dflt = "shared", .flags = FIELD_ADVANCED,
	  .help = "One TCP or TLS connection for all users, or one for each "
		  "user" },
	{ .name = "address", .type = FIELD_CHOICE, CHOICES(addressv),
	  .offset = offsetof(struct pbx, contact.address),
	  .dflt = "local", .flags = FIELD_ADVANCED,
	  .help = "Address in the Contact: this service's own (local), or "
		  "the one that the PBX sees behind NAT (learnt), for one "
		  "that does not send calls back by itself" },
};

static const struct field transfer_fieldv[] = {
	{ .name = "blind", .type = FIELD_CHOICE, CHOICES(transferv),
	  .offset = offsetof(struct pbx, transfer.blind), .dflt = "auto",
	  .flags = FIELD_ADVANCED,
	  .help = "Who transfers: the PBX (refer), this service (bridge), "
		  "or the PBX and, if it refuses, this service (auto)" },
	{ .name = "attended", .type = FIELD_CHOICE, CHOICES(transferv),
	  .offset = offsetof(struct pbx, transfer.attended), .dflt = "auto",
	  .flags = FIELD_ADVANCED,
	  .help = "The same for transfers after a consultation" },
	{ .name = "notify_wait", .type = FIELD_DURATION, .unit = FIELD_S,
	  .offset = offsetof(struct pbx, transfer.notify_wait_s),
	  .min = 1, .max = 180, .dflt = "20s", .flags = FIELD_ADVANCED,
	  .help = "A PBX that took a transfer tells of it within that time "
		  "(NOTIFY), or it is taken as not done" },
	{ .name = "from_pbx", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct pbx, transfer.from_pbx),
	  .flags = FIELD_ADVANCED,
	  .help = "Phones of the PBX may transfer a user's call by asking "
		  "this service (REFER); it then calls the target as the "
		  "user's phone" },
};

static const struct field mediav[] = {
	{ .name = "codecs", .type = FIELD_STRINGS, CHOICES(codecv),
	  .offset = offsetof(struct pbx, media.codecs), .min = 1, .max = 8,
	  .dflt = "pcma,pcmu,g722", .flags = FIELD_ADVANCED,
	  .help = "Codecs offered to the PBX, the preferred one first" },
	{ .name = "nat", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct pbx, media.nat),
	  .flags = FIELD_ADVANCED,
	  .help = "Send audio to where the PBX's audio comes from, should "
		  "it differ from what it says" },
	{ .name = "hold", .type = FIELD_CHOICE, CHOICES(holdv),
	  .offset = offsetof(struct pbx, media.hold), .dflt = "sendonly",
	  .flags = FIELD_ADVANCED,
	  .help = "How the PBX is told of a hold: sendonly makes most play "
		  "their music" },
	{ .name = "transcode", .type = FIELD_CHOICE, CHOICES(transcodev),
	  .offset = offsetof(struct pbx, media.transcode),
	  .dflt = "when-needed", .flags = FIELD_ADVANCED,
	  .help = "Translate between codecs when the PBX and Teams have "
		  "none in common, or only pass voice on" },
	{ .name = "ptime", .type = FIELD_INT,
	  .offset = offsetof(struct pbx, media.ptime_ms), .min = 10,
	  .max = 60, .dflt = "20", .flags = FIELD_ADVANCED,
	  .help = "Voice in a packet that the PBX is asked for [ms], in "
		  "tens; other than 20 is repacked for Teams" },
	{ .name = "comfort_noise", .type = FIELD_BOOL, .dflt = "false",
	  .offset = offsetof(struct pbx, media.comfort_noise),
	  .flags = FIELD_ADVANCED,
	  .help = "Let the PBX send nothing while nobody speaks (RFC "
		  "3389); Teams then gets noise made here" },
	{ .name = "dtmf", .type = FIELD_CHOICE, CHOICES(dtmfv),
	  .offset = offsetof(struct pbx, media.dtmf), .dflt = "auto",
	  .flags = FIELD_ADVANCED,
	  .help = "How digits go to and from the PBX: events in RTP "
		  "(rfc4733), SIP INFO, or tones in the voice; auto takes "
		  "events where the PBX offers them, else tones" },
	{ .name = "ringback", .type = FIELD_CHOICE, CHOICES(ringbackv),
	  .offset = offsetof(struct pbx, media.ringback),
	  .dflt = "remote", .flags = FIELD_ADVANCED,
	  .help = "Who makes the ringing tone that a caller hears: the "
		  "caller's side, told by 180 (remote), or this service, "
		  "with the tone of the PBX's country, for one whose "
		  "callers hear nothing (bridge)" },
	{ .name = "early", .type = FIELD_CHOICE, CHOICES(earlyv),
	  .offset = offsetof(struct pbx, media.early), .dflt = "ringing",
	  .flags = FIELD_ADVANCED,
	  .help = "What the PBX hears of Teams' early media, which is "
		  "mostly silence: that it rings, or the media itself "
		  "(pass)" },
	{ .name = "fax", .type = FIELD_CHOICE, CHOICES(faxv),
	  .offset = offsetof(struct pbx, media.fax),
	  .dflt = "passthrough", .flags = FIELD_ADVANCED,
	  .help = "A fax that is heard on a translated call moves it to "
		  "G.711 on both sides, untouched; or fax tones are taken "
		  "for voice (off)" },
};

static const struct field hold_fieldv[] = {
	{ .name = "music", .type = FIELD_CHOICE, CHOICES(musicv),
	  .offset = offsetof(struct pbx, hold.music), .dflt = "pbx",
	  .flags = FIELD_ADVANCED,
	  .help = "Who plays to somebody on hold: the PBX, Teams (a hold "
		  "in Teams is not told to the PBX), or this service" },
	{ .name = "file", .type = FIELD_STRING, .max = 4096,
	  .offset = offsetof(struct pbx, hold.file),
	  .checkh = check_line, .flags = FIELD_ADVANCED | FIELD_MSP,
	  .help = "WAV file that this service plays: PCM, 8000 to 48000 "
		  "Hz, mono or stereo, at most 10 minutes; unset: its own "
		  "tune" },
};

static const struct field callv[] = {
	{ .name = "session_timers", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct pbx, call.session_timers),
	  .flags = FIELD_ADVANCED,
	  .help = "Accept session timers of the PBX (RFC 4028)" },
	{ .name = "session_expires", .type = FIELD_DURATION, .unit = FIELD_S,
	  .offset = offsetof(struct pbx, call.session_expires_s),
	  .min = 90, .max = 86400, .dflt = "1800s", .flags = FIELD_ADVANCED,
	  .help = "Session interval where we name one" },
	{ .name = "min_se", .type = FIELD_DURATION, .unit = FIELD_S,
	  .offset = offsetof(struct pbx, call.min_se_s),
	  .min = 90, .max = 86400, .dflt = "90s", .flags = FIELD_ADVANCED,
	  .help = "Shortest session interval that is accepted" },
	{ .name = "answer_limit", .type = FIELD_DURATION, .unit = FIELD_S,
	  .offset = offsetof(struct pbx, call.answer_limit_s),
	  .min = 10, .max = 3600, .dflt = "180s", .flags = FIELD_ADVANCED,
	  .help = "A call that nobody answers ends after that time" },
	{ .name = "prack", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct pbx, call.prack),
	  .flags = FIELD_ADVANCED,
	  .help = "Support reliable provisional answers (100rel, RFC "
		  "3262)" },
	{ .name = "max_duration", .type = FIELD_DURATION, .unit = FIELD_S,
	  .offset = offsetof(struct pbx, call.max_duration_s),
	  .max = 604800, .dflt = "0s", .flags = FIELD_ADVANCED,
	  .help = "An answered call ends after that time; 0: no limit" },
	{ .name = "probe", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct pbx, call.probe),
	  .flags = FIELD_ADVANCED,
	  .help = "When no audio comes from the PBX any more, ask it by "
		  "OPTIONS whether the call still stands" },
	{ .name = "redirects", .type = FIELD_CHOICE, CHOICES(redirectsv),
	  .offset = offsetof(struct pbx, call.redirects),
	  .dflt = "follow", .flags = FIELD_ADVANCED,
	  .help = "When the PBX answers a call with 3xx: call the number it "
		  "names at the same PBX (follow), hand it to Teams (pass), "
		  "or end the call (refuse)" },
	{ .name = "redirect_limit", .type = FIELD_INT,
	  .offset = offsetof(struct pbx, call.redirect_limit),
	  .min = 1, .max = 5, .dflt = "3", .flags = FIELD_ADVANCED,
	  .help = "Redirects that one call follows at most" },
	{ .name = "busy_at", .type = FIELD_INT,
	  .offset = offsetof(struct pbx, call.busy_at),
	  .max = 100, .dflt = "0", .flags = FIELD_ADVANCED,
	  .help = "Calls of a user at which a further one from the PBX is "
		  "answered busy; 0: never, Teams decides" },
	{ .name = "no_answer", .type = FIELD_DURATION, .unit = FIELD_S,
	  .offset = offsetof(struct pbx, call.no_answer_s),
	  .max = 3600, .dflt = "0s", .flags = FIELD_ADVANCED,
	  .help = "The PBX's own time until its voicemail or the next phone "
		  "takes over; if set, calls that Teams answers later are "
		  "told as a voicemail conflict" },
	{ .name = "teams_voicemail", .type = FIELD_CHOICE,
	  CHOICES(voicemailv),
	  .offset = offsetof(struct pbx, call.teams_voicemail),
	  .dflt = "accept", .flags = FIELD_ADVANCED,
	  .help = "A call from the PBX that a server of Teams answers at "
		  "once, without ringing (voicemail of a user who is signed "
		  "out): accept it, or refuse it so that a hunt group of the "
		  "PBX goes on" },
	{ .name = "realm", .type = FIELD_STRING, .max = 127,
	  .offset = offsetof(struct pbx, call.realm),
	  .checkh = check_line, .flags = FIELD_ADVANCED,
	  .help = "Further realm whose challenges to calls are answered, "
		  "where it differs from registration's; * for any" },
};

static const struct field tlsv[] = {
	{ .name = "ca_file", .type = FIELD_STRING, .max = 4096,
	  .offset = offsetof(struct pbx, tls.ca_file),
	  .checkh = check_line, .flags = FIELD_ADVANCED | FIELD_MSP,
	  .help = "PEM file of the authorities that may have signed the "
		  "PBX's certificate; unset: the public ones" },
	{ .name = "verify", .type = FIELD_CHOICE, CHOICES(verifyv),
	  .offset = offsetof(struct pbx, tls.verify), .dflt = "full",
	  .flags = FIELD_ADVANCED,
	  .help = "Check the PBX's certificate: issuer and name, issuer "
		  "only, or not at all (anybody can then listen)" },
};


static const struct fields e164_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "e164", .fieldv = e164v, .fieldc = COUNT(e164v),
	.help = "Number format of the PBX",
};

static const struct fields registration_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "registration", .fieldv = registrationv,
	.fieldc = COUNT(registrationv),
	.help = "How users are registered at the PBX",
};

static const struct fields contact_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "contact", .fieldv = contactv, .fieldc = COUNT(contactv),
	.help = "The address under which the PBX knows a user's phone",
};

static const struct fields transfer_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "transfer", .fieldv = transfer_fieldv,
	.fieldc = COUNT(transfer_fieldv),
	.help = "Who carries out transfers",
};

static const struct fields media_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "media", .fieldv = mediav, .fieldc = COUNT(mediav),
	.help = "Audio between the PBX and this service",
};

static const struct fields hold_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "hold", .fieldv = hold_fieldv, .fieldc = COUNT(hold_fieldv),
	.help = "What somebody on hold hears",
};

static const struct fields call_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "call", .fieldv = callv, .fieldc = COUNT(callv),
	.help = "Calls with the PBX",
};

static const struct fields tls_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "tls", .fieldv = tlsv, .fieldc = COUNT(tlsv),
	.help = "Trust in the PBX where the protocol is tls",
};


static const struct field fieldv[] = {
	{ .name = "name", .type = FIELD_STRING,
	  .offset = offsetof(struct pbx, name), .max = 63,
	  .checkh = check_name, .flags = FIELD_REQUIRED | FIELD_KEY,
	  .help = "Name of this PBX, by which users refer to it" },
	{ .name = "template", .type = FIELD_STRING,
	  .offset = offsetof(struct pbx, template), .max = 63,
	  .checkh = check_name, .dflt = "generic",
	  .help = "Kind of PBX: sets what is not written here" },
	{ .name = "title", .type = FIELD_STRING,
	  .offset = offsetof(struct pbx, title), .max = 127,
	  .checkh = check_line,
	  .help = "What people call it" },
	{ .name = "country", .type = FIELD_STRING,
	  .offset = offsetof(struct pbx, country),
	  .checkh = check_country,
	  .help = "Country of the PBX (GB, DE, US ...): number forms and "
		  "emergency numbers go by it" },
	{ .name = "state", .type = FIELD_STRING,
	  .offset = offsetof(struct pbx, state), .max = 63,
	  .checkh = check_line,
	  .help = "State or province of the PBX" },
	{ .name = "sip_domain", .type = FIELD_STRING,
	  .offset = offsetof(struct pbx, sip_domain), .max = 253,
	  .checkh = check_domain, .flags = FIELD_REQUIRED,
	  .help = "Public host name or address of the PBX, or what it "
		  "demands as domain; no port" },
	{ .name = "sip_proxy", .type = FIELD_STRING,
	  .offset = offsetof(struct pbx, sip_proxy), .max = 260,
	  .checkh = check_proxy,
	  .help = "Where the PBX is reached, if that is not the domain: "
		  "host or host:port" },
	{ .name = "auth_type", .type = FIELD_CHOICE, CHOICES(authv),
	  .offset = offsetof(struct pbx, auth_type),
	  .dflt = "registration",
	  .help = "Registration, unless the PBX was told to send calls "
		  "here by itself (none)" },
	{ .name = "auth_username", .type = FIELD_CHOICE,
	  CHOICES(auth_usernamev),
	  .offset = offsetof(struct pbx, auth_username),
	  .dflt = "optional", .flags = FIELD_ADVANCED,
	  .help = "Whether users have a SIP auth username: optional, "
		  "required, or always the same as the SIP username" },
	{ .name = "protocol", .type = FIELD_CHOICE, CHOICES(protocolv),
	  .offset = offsetof(struct pbx, protocol), .dflt = "udp",
	  .help = "udp (most common), tcp (when large messages are lost), "
		  "tls (encrypted)" },
	{ .name = "encrypt_media", .type = FIELD_BOOL, .dflt = "false",
	  .offset = offsetof(struct pbx, encrypt_media),
	  .help = "Encrypt the audio to the PBX (SRTP); its keys are only "
		  "secret with protocol tls" },
	{ .name = "supports_refer", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct pbx, supports_refer),
	  .help = "The PBX can transfer calls (REFER); no only for one "
		  "that cannot" },
	{ .name = "suppress_contact_data", .type = FIELD_BOOL,
	  .offset = offsetof(struct pbx, suppress_contact_data),
	  .dflt = "false",
	  .help = "Leave our own parameter out of the Contact, for a PBX "
		  "that cannot take it" },
	{ .name = "outside_line_prefix", .type = FIELD_STRING, .max = 4,
	  .offset = offsetof(struct pbx, outside_line_prefix),
	  .checkh = check_prefix,
	  .help = "Dialled before outside numbers for the user, e.g. "
		  "\"9\"" },
	{ .name = "e164", .type = FIELD_OBJECT, .sub = &e164_fields,
	  .help = "Number format, for a PBX that wants local forms" },
	{ .name = "registration", .type = FIELD_OBJECT,
	  .sub = &registration_fields,
	  .help = "How users are registered", .flags = FIELD_ADVANCED },
	{ .name = "contact", .type = FIELD_OBJECT, .sub = &contact_fields,
	  .help = "Form of our Contact", .flags = FIELD_ADVANCED },
	{ .name = "transfer", .type = FIELD_OBJECT, .sub = &transfer_fields,
	  .help = "Who carries out transfers", .flags = FIELD_ADVANCED },
	{ .name = "media", .type = FIELD_OBJECT, .sub = &media_fields,
	  .help = "Audio to the PBX", .flags = FIELD_ADVANCED },
	{ .name = "hold", .type = FIELD_OBJECT, .sub = &hold_fields,
	  .help = "Music on hold", .flags = FIELD_ADVANCED },
	{ .name = "call", .type = FIELD_OBJECT, .sub = &call_fields,
	  .help = "Timers and extensions of calls",
	  .flags = FIELD_ADVANCED },
	{ .name = "caller_id", .type = FIELD_OBJECT,
	  .sub = &pbx_caller_id_fields, .flags = FIELD_ADVANCED,
	  .help = "Who calls: what the PBX says, and what it is told" },
	{ .name = "feature_codes", .type = FIELD_OBJECT,
	  .sub = &pbx_feature_codes_fields, .flags = FIELD_ADVANCED,
	  .help = "Feature codes of Teams users as this PBX has them" },
	{ .name = "policy", .type = FIELD_OBJECT, .sub = &policy_fields,
	  .offset = offsetof(struct pbx, policy),
	  .flags = FIELD_ADVANCED | FIELD_MSP,
	  .help = "What may be called through this PBX, where it differs "
		  "from the tenant's" },
	{ .name = "tls", .type = FIELD_OBJECT, .sub = &tls_fields,
	  .help = "Trust in the PBX's certificate",
	  .flags = FIELD_ADVANCED },
	{ .name = "realm", .type = FIELD_STRING, .max = 127,
	  .offset = offsetof(struct pbx, realm),
	  .checkh = check_line, .flags = FIELD_ADVANCED,
	  .help = "The only realm whose challenges are answered; unset: "
		  "the one in which the first registration succeeds" },
	{ .name = "mwi", .type = FIELD_CHOICE, CHOICES(mwiv),
	  .offset = offsetof(struct pbx, mwi), .dflt = "unsolicited",
	  .flags = FIELD_ADVANCED,
	  .help = "Message waiting: not shown (none), as the PBX sends it "
		  "(unsolicited), or asked for (subscribe)" },
	{ .name = "requests_per_second", .type = FIELD_INT,
	  .offset = offsetof(struct pbx, requests_per_second),
	  .max = 100000, .dflt = "2000",
	  .flags = FIELD_ADVANCED | FIELD_MSP,
	  .help = "Requests a second that this PBX may send for long; what "
		  "is more is answered 503 or not at all, what belongs to "
		  "calls last; 0: no limit" },
	{ .name = "user_agent", .type = FIELD_STRING, .max = 127,
	  .offset = offsetof(struct pbx, user_agent),
	  .checkh = check_line, .flags = FIELD_ADVANCED,
	  .help = "User-Agent shown to the PBX, for one that admits known "
		  "phones only; unset: Callbridge and its version" },
};


static void complain(const struct doc_node *node, const char *field,
		     const char *text, struct errors *errs)
{
	const struct doc_node *at = doc_member(node, field);
	struct place place = { NULL, 0, 0 };

	if (!at)
		at = node;
	if (at) {
		place.file   = at->file;
		place.line   = at->line;
		place.column = at->column;
	}

	errors_add(errs, &place, field, "%s", text);
}


static void check(const void *obj, const struct doc_node *node,
		  struct errors *errs)
{
	const struct pbx *pbx = obj;

	if (pbx_wants_national(pbx) && !str_isset(pbx->country))
		complain(node, "country", "want the country of the PBX, for"
			 " its number format (e164), found nothing", errs);

	if (pbx->media.ptime_ms % 10)
		complain(node, "media", "want ptime in tens of milliseconds",
			 errs);

	if (str_isset(pbx->hold.file) && pbx->hold.file[0] != '/')
		complain(node, "hold", "want the file's whole path, from /"
			 " on", errs);

	if (pbx->call.min_se_s > pbx->call.session_expires_s)
		complain(node, "call", "want session_expires to be at least"
			 " min_se", errs);
}


const struct fields pbx_fields = {
	.name   = "pbx",
	.help   = "A PBX: how to reach it and how it wants to be spoken to",
	.size   = sizeof(struct pbx),
	.fieldv = fieldv,
	.fieldc = COUNT(fieldv),
	.checkh = check,
};


bool pbx_wants_national(const struct pbx *pbx)
{
	return pbx->e164.national || pbx->e164.national_prefix ||
		pbx->e164.international_prefix;
}


int pbx_host(const struct pbx *pbx, char *host, size_t size, uint16_t *port)
{
	const char *text = str_isset(pbx->sip_proxy) ? pbx->sip_proxy :
		pbx->sip_domain;
	struct pl hostpl, portpl;

	if (!str_isset(text))
		return EINVAL;

	portpl = pl_null;
	if (re_regex(text, strlen(text), "\\[[^\\]]+\\][:]*[0-9]*", &hostpl,
		     NULL, &portpl) &&
	    re_regex(text, strlen(text), "[^:]+[:]*[0-9]*", &hostpl, NULL,
		     &portpl))
		return EINVAL;

	if (pl_strcpy(&hostpl, host, size))
		return EINVAL;

	*port = (uint16_t)pl_u32(&portpl);

	return 0;
}
