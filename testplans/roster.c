/**
 * @file roster.c  Who plays whom in a test
 */
#include <stdlib.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "roster.h"


#define CHOICES(v) .choicev = (v), .choicec = RE_ARRAY_SIZE(v)


static const char *const kindv[] = {"teams", "phone", "human"};
static const char *const dialsv[] = {"number", "extension"};
static const char *const protocolv[] = {"udp", "tcp", "tls"};
static const char *const codecv[] = {"PCMA", "PCMU", "G722"};


#define AT(m) .offset = offsetof(struct roster_account, m)

static const struct field accountv[] = {
	{ .name = "kind", .type = FIELD_CHOICE, AT(kind), CHOICES(kindv),
	  .help = "Who plays it: a user in teams-sim (teams), a telephone that"
		  " the test brings (phone), a person (human)" },
	{ .name = "name", .type = FIELD_STRING, AT(name), .max = 63,
	  .help = "What people call it, as in \"Ann\" or \"my mobile\"" },
	{ .name = "upn", .type = FIELD_STRING, AT(upn), .max = 127,
	  .help = "Microsoft name of a user; unset: the one with the number" },
	{ .name = "number", .type = FIELD_STRING, AT(number), .max = 31,
	  .help = "Number under which others reach it, as callers see it" },
	{ .name = "extension", .type = FIELD_STRING, AT(extension), .max = 31,
	  .help = "Extension at the PBX" },
	{ .name = "mailbox", .type = FIELD_STRING, AT(mailbox), .max = 31,
	  .help = "Number that reaches its voice mailbox at once" },
	{ .name = "sip_username", .type = FIELD_STRING, AT(sip_username),
	  .max = 127,
	  .help = "A phone's user at the PBX; unset: the extension, or the"
		  " number" },
	{ .name = "sip_auth_username", .type = FIELD_STRING,
	  AT(sip_auth_username), .max = 127,
	  .help = "Name for authentication, if it differs" },
	{ .name = "sip_password", .type = FIELD_STRING, AT(sip_password),
	  .max = 255, .flags = FIELD_SECRET,
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
	  AT(outside_line_prefix), .max = 7,
	  .help = "A phone on the PBX dials it before numbers outside" },
	{ .name = "address", .type = FIELD_STRING, AT(address), .max = 63,
	  .help = "The phone's own address, host or host:port; unset: as the"
		  " way to the PBX goes" },
	{ .name = "codec", .type = FIELD_CHOICE, AT(codec), CHOICES(codecv),
	  .dflt = "PCMA", .help = "The phone's codec" },
};

static const struct fields account_fields = {
	.name = "account", .fieldv = accountv,
	.fieldc = RE_ARRAY_SIZE(accountv),
	.size = sizeof(struct roster_account),
	.help = "One of those who call and are called",
};

#undef AT
#define AT(m) .offset = offsetof(struct roster, m) - \
	offsetof(struct roster, bridge)

static const struct field bridge_v[] = {
	{ .name = "config", .type = FIELD_STRING, AT(bridge.config),
	  .max = 4095,
	  .help = "Its callbridge.yaml; unset: as --config and --socket say" },
	{ .name = "start", .type = FIELD_BOOL, AT(bridge.start),
	  .dflt = "false",
	  .help = "Start callbridged for the run, and stop it in the end" },
};

#undef AT
#define AT(m) .offset = offsetof(struct roster, m) - \
	offsetof(struct roster, teams)

static const struct field teams_v[] = {
	{ .name = "config", .type = FIELD_STRING, AT(teams.config),
	  .max = 4095, .help = "teams-sim's configuration" },
	{ .name = "control", .type = FIELD_STRING, AT(teams.control),
	  .max = 107, .help = "teams-sim's control socket" },
	{ .name = "start", .type = FIELD_BOOL, AT(teams.start),
	  .dflt = "false",
	  .help = "Start teams-sim for the run, and stop it in the end" },
	{ .name = "fqdn", .type = FIELD_STRING, AT(teams.fqdn), .max = 127,
	  .help = "Name of the tenant's gateway, as in the customer file" },
};

#undef AT
#define AT(m) .offset = offsetof(struct roster, m) - \
	offsetof(struct roster, pbx)

static const struct field pbx_v[] = {
	{ .name = "sip_domain", .type = FIELD_STRING, AT(pbx.sip_domain),
	  .max = 253, .help = "Domain of the phones at the PBX" },
	{ .name = "sip_proxy", .type = FIELD_STRING, AT(pbx.sip_proxy),
	  .max = 260,
	  .help = "Where it is reached, if that is not the domain: host or"
		  " host:port" },
	{ .name = "protocol", .type = FIELD_CHOICE, AT(pbx.protocol),
	  CHOICES(protocolv), .dflt = "udp",
	  .help = "How the phones speak to it" },
	{ .name = "encrypt_media", .type = FIELD_BOOL,
	  AT(pbx.encrypt_media), .dflt = "false",
	  .help = "The phones encrypt their audio (SRTP)" },
};

#undef AT

#define SUB(t, v, text) static const struct fields t = { \
	.name = #v, .fieldv = v##_v, .fieldc = RE_ARRAY_SIZE(v##_v), \
	.size = sizeof(((struct roster *)NULL)->v), .help = text }

SUB(bridge_fields, bridge, "The service");
SUB(teams_fields, teams, "teams-sim, which plays Microsoft's side");
SUB(pbx_fields, pbx, "Where the phones of the test are");

#define AT(m) .offset = offsetof(struct roster, m)
#define ACTOR(m, text) { .name = #m, .type = FIELD_OBJECT, AT(m), \
	.sub = &account_fields, .help = text }

static const struct field rosterv[] = {
	{ .name = "roster", .type = FIELD_STRING, .min = 1, .max = 63,
	  AT(roster), .flags = FIELD_REQUIRED | FIELD_KEY,
	  .help = "Name of the site" },
	{ .name = "bridge", .type = FIELD_OBJECT, AT(bridge),
	  .sub = &bridge_fields, .help = "The service" },
	{ .name = "teams", .type = FIELD_OBJECT, AT(teams),
	  .sub = &teams_fields,
	  .help = "teams-sim, for actors of kind teams" },
	{ .name = "pbx", .type = FIELD_OBJECT, AT(pbx), .sub = &pbx_fields,
	  .help = "The PBX, for actors of kind phone" },
	{ .name = "nobody", .type = FIELD_STRING, AT(nobody), .max = 31,
	  .help = "A number that nobody has" },
	{ .name = "echo", .type = FIELD_STRING, AT(echo), .max = 31,
	  .help = "A number at the PBX that gives back what it hears" },
	ACTOR(user_a, "The first user in Teams"),
	ACTOR(user_b, "The second user in Teams"),
	ACTOR(external, "A telephone outside"),
	ACTOR(external_2, "Another telephone outside"),
};


static const struct roster_account *account_at(const struct roster *roster,
					       int i)
{
	const struct roster_account *const v[ACTORC] = {
		[ACTOR_USER_A]     = &roster->user_a,
		[ACTOR_USER_B]     = &roster->user_b,
		[ACTOR_EXTERNAL]   = &roster->external,
		[ACTOR_EXTERNAL_2] = &roster->external_2,
	};

	return v[i];
}


static void account_check(const struct roster *roster, int i,
			  const struct doc_node *node, struct errors *errs)
{
	const struct roster_account *acc = account_at(roster, i);
	const char *name = step_actor_name((enum step_actor)i);
	const struct doc_node *at = doc_member(node, name);
	const struct place place = {at ? at->file : NULL, at ? at->line : 0,
				    at ? at->column : 0};

	if (!at)
		return;

	if (acc->kind < 0)
		errors_add(errs, &place, name, "want its kind: teams, phone or"
			   " human");
	if (!acc->number)
		errors_add(errs, &place, name, "want its number");
	if (acc->kind == ROSTER_TEAMS && i > ACTOR_USER_B)
		errors_add(errs, &place, name, "want phone or human: only"
			   " user_a and user_b are in Teams");
	if (acc->kind == ROSTER_PHONE && i <= ACTOR_USER_B)
		errors_add(errs, &place, name, "want teams or human: users are"
			   " in Teams");
	if (acc->kind == ROSTER_PHONE && !roster->pbx.sip_domain)
		errors_add(errs, &place, name, "a phone wants pbx.sip_domain");
	if (acc->kind == ROSTER_TEAMS && !roster->teams.control)
		errors_add(errs, &place, name, "a user in teams-sim wants"
			   " teams.control");
	if (acc->kind == ROSTER_TEAMS && !roster->teams.fqdn)
		errors_add(errs, &place, name, "a user in teams-sim wants"
			   " teams.fqdn");
}


static void roster_check(const void *obj, const struct doc_node *node,
			 struct errors *errs)
{
	for (int i = 0; i < ACTORC; i++)
		account_check(obj, i, node, errs);
}


const struct fields roster_fields = {
	.name = "roster", .fieldv = rosterv, .fieldc = RE_ARRAY_SIZE(rosterv),
	.size = sizeof(struct roster), .checkh = roster_check,
	.help = "Who plays whom in a test",
};


static void roster_destructor(void *arg)
{
	fields_clear(&roster_fields, arg);
}


/** A path that goes out from the roster's folder */
static int path_anchor(char **path, const char *roster)
{
	const char *slash = strrchr(roster, '/');
	char *anchored;
	int err;

	if (!*path || **path == '/' || !slash)
		return 0;

	err = re_sdprintf(&anchored, "%b/%s", roster,
			  (size_t)(slash - roster), *path);
	if (err)
		return err;

	mem_deref(*path);
	*path = anchored;

	return 0;
}


static int paths_anchor(struct roster *roster, const char *path)
{
	char **const v[] = {
		&roster->bridge.config, &roster->teams.config,
		&roster->teams.control,
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		const int err = path_anchor(v[i], path);

		if (err)
			return err;
	}

	return 0;
}


int roster_load(struct roster **rosterp, const char *path,
		struct errors *errs)
{
	struct roster *roster;
	struct doc *doc;
	int err;

	err = doc_load(&doc, path, errs);
	if (err)
		return err;

	roster = mem_zalloc(sizeof(*roster), roster_destructor);
	if (!roster) {
		err = ENOMEM;
		goto out;
	}

	err = fields_defaults(&roster_fields, roster);
	if (!err && !doc_root(doc)) {
		const struct place place = {path, 1, 1};

		errors_add(errs, &place, NULL, "want a roster, found an empty"
			   " file");
		err = EBADMSG;
	}
	if (!err)
		err = fields_read(&roster_fields, roster, doc_root(doc), errs,
				  NULL);
	if (!err)
		err = fields_required(&roster_fields, roster, doc_root(doc),
				      errs);
	if (!err)
		err = paths_anchor(roster, path);

 out:
	if (err)
		mem_deref(roster);
	else
		*rosterp = roster;
	mem_deref(doc);

	return err;
}


const char *roster_kind_name(int kind)
{
	return kind >= 0 && kind < (int)RE_ARRAY_SIZE(kindv) ? kindv[kind]
		: "nobody";
}


const char *roster_codec_name(int codec)
{
	return codecv[codec];
}


const struct roster_account *roster_account(const struct roster *roster,
					    enum step_actor actor)
{
	return account_at(roster, (int)actor);
}


/** Member of an account by name. NULL if unset */
static const char *account_number(const struct roster_account *acc,
				  const struct pl *what)
{
	if (!pl_strcmp(what, "extension"))
		return acc->extension;

	return !pl_strcmp(what, "mailbox") ? acc->mailbox : acc->number;
}


int roster_number(const struct roster *roster, const struct pl *word,
		  char *buf, size_t size, char *why, size_t why_size)
{
	const char *dot = pl_strchr(word, '.'), *found = NULL;
	struct pl name, what;

	if (!dot)
		return pl_strcpy(word, buf, size);

	name.p = word->p;
	name.l = (size_t)(dot - word->p);
	what.p = dot + 1;
	what.l = word->l - name.l - 1;

	if (!pl_strcmp(&name, "nobody"))
		found = roster->nobody;
	else if (!pl_strcmp(&name, "echo"))
		found = roster->echo;

	for (int i = 0; i < ACTORC; i++)
		if (!pl_strcmp(&name, step_actor_name((enum step_actor)i)))
			found = account_number(account_at(roster, i), &what);

	if (!found) {
		(void)re_snprintf(why, why_size, "the roster has no %r", word);
		return ENOENT;
	}

	str_ncpy(buf, found, size);

	return 0;
}
