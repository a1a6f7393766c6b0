/**
 * @file pbx_calls.c  Fields of a PBX: caller id, feature codes
 */
#include "check.h"
#include "pbx.h"
#include "pbx_calls.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define CHOICES(v) .choicev = (v), .choicec = COUNT(v)
#define CALLER_ID(member) .offset = offsetof(struct pbx, caller_id.member)
#define CODE(member) .type = FIELD_STRING, .max = 40, \
	.offset = offsetof(struct pbx, feature_codes.member), \
	.checkh = check_feature_code, .flags = FIELD_ADVANCED


static const char *const identityv[] = { "none", "pai", "ppi", "rpid" };
static const char *const numberv[]   = { "username", "number" };
static const char *const showv[]     = { "original", "redirecting" };
static const char *const forwardedv[] = { "user", "original" };
static const char *const historyv[]  = { "none", "diversion",
					 "history-info", "both" };
static const char *const hidev[]     = { "privacy", "from", "both" };


static const struct field caller_idv[] = {
	{ .name = "asserted", .type = FIELD_BOOL, .dflt = "true",
	  CALLER_ID(asserted), .flags = FIELD_ADVANCED,
	  .help = "Take the caller from the PBX's P-Asserted-Identity, "
		  "P-Preferred-Identity or Remote-Party-ID before From; off: "
		  "From alone" },
	{ .name = "show", .type = FIELD_CHOICE, CHOICES(showv),
	  CALLER_ID(show), .dflt = "original", .flags = FIELD_ADVANCED,
	  .help = "Who is shown in Teams when the PBX forwarded the call or "
		  "it came by a hunt group: the original caller, or who "
		  "redirected it" },
	{ .name = "from", .type = FIELD_CHOICE, CHOICES(numberv),
	  CALLER_ID(from), .dflt = "username", .flags = FIELD_ADVANCED,
	  .help = "User part of From towards the PBX: the SIP username, or "
		  "the user's number in the PBX's form" },
	{ .name = "identity", .type = FIELD_CHOICE, CHOICES(identityv),
	  CALLER_ID(identity), .dflt = "none", .flags = FIELD_ADVANCED,
	  .help = "Header that tells the PBX the caller beside From: "
		  "P-Asserted-Identity (pai), P-Preferred-Identity (ppi), "
		  "Remote-Party-ID (rpid)" },
	{ .name = "identity_number", .type = FIELD_CHOICE, CHOICES(numberv),
	  CALLER_ID(identity_number), .dflt = "number",
	  .flags = FIELD_ADVANCED,
	  .help = "What that header holds: the SIP username, or the user's "
		  "number in the PBX's form" },
	{ .name = "forwarded", .type = FIELD_CHOICE, CHOICES(forwardedv),
	  CALLER_ID(forwarded), .dflt = "original", .flags = FIELD_ADVANCED,
	  .help = "Whom that header shows when Teams forwards a call to the "
		  "outside: the user who forwards, or the original caller" },
	{ .name = "history", .type = FIELD_CHOICE, CHOICES(historyv),
	  CALLER_ID(history), .dflt = "diversion", .flags = FIELD_ADVANCED,
	  .help = "How the PBX is told that Teams forwarded a call: Diversion "
		  "(RFC 5806), History-Info (RFC 7044), both or not at all" },
	{ .name = "hide", .type = FIELD_CHOICE, CHOICES(hidev),
	  CALLER_ID(hide), .dflt = "privacy", .flags = FIELD_ADVANCED,
	  .help = "How the PBX is told that a caller wants not to be shown: "
		  "the Privacy header, an anonymous From, or both" },
};

const struct fields pbx_caller_id_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "caller_id", .fieldv = caller_idv,
	.fieldc = COUNT(caller_idv),
	.help = "Who calls: what the PBX says, and what it is told",
};


static const struct field feature_codev[] = {
	{ .name = "dnd_on", CODE(dnd_on),
	  .help = "What the PBX wants for *30* (do not disturb on), e.g. "
		  "\"*78\"; unset: as dialled" },
	{ .name = "dnd_off", CODE(dnd_off),
	  .help = "... for *31* (do not disturb off)" },
	{ .name = "forward_off", CODE(forward_off),
	  .help = "... for *32* (all forwarding off)" },
	{ .name = "forward_all", CODE(forward_all),
	  .help = "... for *33*NUMBER (forward all calls), e.g. "
		  "\"*72{number}\"" },
	{ .name = "forward_no_answer", CODE(forward_no_answer),
	  .help = "... for *34*NUMBER or *34*NUMBER*SECONDS (forward when "
		  "not answered); {seconds} may stand in it" },
	{ .name = "simultaneous_ring", CODE(simultaneous_ring),
	  .help = "... for *35*NUMBER (ring another number too)" },
	{ .name = "voicemail", CODE(voicemail),
	  .help = "... for *99* (voicemail), e.g. \"*97\"" },
};

const struct fields pbx_feature_codes_fields = {
	.size = sizeof(struct pbx),     /* offsets count from it */
	.name = "feature_codes", .fieldv = feature_codev,
	.fieldc = COUNT(feature_codev),
	.help = "Feature codes of Teams users as this PBX has them",
};
