/**
 * @file testers.c  Who plays whom in a test of a PBX
 */
#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "check.h"
#include "testers.h"


#define CHOICES(v) .choicev = (v), .choicec = RE_ARRAY_SIZE(v)


static const char *const kindv[] = {"teams", "phone", "human"};
static const char *const dialsv[] = {"number", "extension"};
static const char *const codecv[] = {"PCMA", "PCMU", "G722"};


/* What is said here ends up in the account of a phone's program and in URIs:
   nothing in it may begin something else */


#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"


static bool only(const char *value, const char *set, char *why, size_t size,
		 const char *text)
{
	if (!value[strspn(value, set)])
		return true;

	str_ncpy(why, text, size);

	return false;
}


static bool check_dialled(const char *value, char *why, size_t size)
{
	return only(value, LETTERS DIGITS "+*#._-", why, size,
		    "what is dialled: digits, letters, +, *, #");
}


static bool check_account(const char *value, char *why, size_t size)
{
	return only(value, LETTERS DIGITS "+*#._-@!~&$%=/", why, size,
		    "a SIP username: letters, digits and + * # . _ - @ ! ~ & $"
		    " % = /");
}


static bool check_place(const char *value, char *why, size_t size)
{
	return only(value, LETTERS DIGITS ".-:[]", why, size,
		    "host or host:port");
}


static bool check_password(const char *value, char *why, size_t size)
{
	if (!strpbrk(value, "\"\\"))
		return check_line(value, why, size);

	str_ncpy(why, "a password without quotes and backslashes: the phone"
		 " of the test cannot take it", size);

	return false;
}


#define AT(m) .offset = offsetof(struct roster_account, m)

static const struct field accountv[] = {
	{ .name = "kind", .type = FIELD_CHOICE, AT(kind), CHOICES(kindv),
	  .help = "Who plays it: a user in teams-sim (teams), a telephone that"
		  " the test brings (phone), a person (human)" },
	{ .name = "name", .type = FIELD_STRING, AT(name), .max = 63,
	  .checkh = check_line,
	  .help = "What people call it, as in \"Ann\" or \"my mobile\"" },
	{ .name = "upn", .type = FIELD_STRING, AT(upn), .max = 127,
	  .checkh = check_line,
	  .help = "Microsoft name of a user; unset: the one with the number" },
	{ .name = "number", .type = FIELD_STRING, AT(number), .max = 31,
	  .checkh = check_dialled,
	  .help = "Number under which others reach it, as callers see it" },
	{ .name = "extension", .type = FIELD_STRING, AT(extension), .max = 31,
	  .checkh = check_dialled,
	  .help = "Extension at the PBX" },
	{ .name = "mailbox", .type = FIELD_STRING, AT(mailbox), .max = 31,
	  .checkh = check_dialled,
	  .help = "Number that reaches its voice mailbox at once" },
	{ .name = "sip_username", .type = FIELD_STRING, AT(sip_username),
	  .max = 127, .checkh = check_account,
	  .help = "A phone's user at the PBX; unset: the extension, or the"
		  " number" },
	{ .name = "sip_auth_username", .type = FIELD_STRING,
	  AT(sip_auth_username), .max = 127, .checkh = check_account,
	  .help = "Name for authentication, if it differs" },
	{ .name = "sip_password", .type = FIELD_STRING, AT(sip_password),
	  .max = 255, .flags = FIELD_SECRET, .checkh = check_password,
	  .help = "Password of the phone's user" },
	{ .name = "registers", .type = FIELD_BOOL, AT(registers),
	  .dflt = "true",
	  .help = "The phone registers; off: it is the far end of a trunk, and"
		  " the PBX knows its address" },
	{ .name = "dials", .type = FIELD_CHOICE, AT(dials), CHOICES(dialsv),
	  .dflt = "number",
	  .help = "How it reaches users: by number, as from outside, or by"
		  " extension, as a phone on the PBX" },
	{ .name = "outside_line_prefix", .type = FIELD_STRING,
	  AT(outside_line_prefix), .max = 7, .checkh = check_prefix,
	  .help = "A phone on the PBX dials it before numbers outside" },
	{ .name = "address", .type = FIELD_STRING, AT(address), .max = 63,
	  .checkh = check_place,
	  .help = "The phone's own address, host or host:port; unset: as the"
		  " way to the PBX goes" },
	{ .name = "codec", .type = FIELD_CHOICE, AT(codec), CHOICES(codecv),
	  .dflt = "PCMA", .help = "The phone's codec" },
};

const struct fields roster_account_fields = {
	.name = "account", .fieldv = accountv,
	.fieldc = RE_ARRAY_SIZE(accountv),
	.size = sizeof(struct roster_account),
	.help = "One of those who call and are called",
};

#undef AT
#define AT(m) .offset = offsetof(struct testers, m)
#define ACTOR(m, text) { .name = #m, .type = FIELD_OBJECT, AT(m), \
	.sub = &roster_account_fields, .help = text }

static const struct field testerv[] = {
	{ .name = "pbx", .type = FIELD_STRING, .min = 1, .max = 63, AT(pbx),
	  .flags = FIELD_REQUIRED | FIELD_KEY, .help = "Name of the PBX" },
	ACTOR(user_a, "The first user in Teams"),
	ACTOR(user_b, "The second user in Teams"),
	ACTOR(external, "A telephone outside"),
	ACTOR(external_2, "Another telephone outside"),
	{ .name = "nobody", .type = FIELD_STRING, AT(nobody), .max = 31,
	  .checkh = check_dialled,
	  .help = "A number that nobody has" },
	{ .name = "echo", .type = FIELD_STRING, AT(echo), .max = 31,
	  .checkh = check_dialled,
	  .help = "A number at the PBX that gives back what it hears" },
};


static void testers_check(const void *obj, const struct doc_node *node,
			  struct errors *errs)
{
	const struct testers *t = obj;
	const struct { const char *name; int kind; bool user; } v[] = {
		{"user_a.kind", t->user_a.kind, true},
		{"user_b.kind", t->user_b.kind, true},
		{"external.kind", t->external.kind, false},
		{"external_2.kind", t->external_2.kind, false},
	};
	(void)node;

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		const char *want = roster_kind_wrong(v[i].kind, v[i].user);

		if (want)
			errors_add(errs, NULL, v[i].name, "%s", want);
	}
}


const struct fields testers_fields = {
	.name = "testers", .fieldv = testerv,
	.fieldc = RE_ARRAY_SIZE(testerv), .size = sizeof(struct testers),
	.checkh = testers_check, .help = "Who plays whom in tests of a PBX",
};


const char *roster_kind_name(int kind)
{
	return kind >= 0 && kind < (int)RE_ARRAY_SIZE(kindv) ? kindv[kind]
		: "nobody";
}


const char *roster_codec_name(int codec)
{
	return codecv[codec];
}


const char *roster_kind_wrong(int kind, bool user)
{
	if (user && kind == ROSTER_PHONE)
		return "want teams or human: users are in Teams";
	if (!user && kind == ROSTER_TEAMS)
		return "want phone or human: only user_a and user_b are in"
			" Teams";

	return NULL;
}
