/**
 * @file roster.c  Who plays whom in a test
 */
#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "roster.h"


#define CHOICES(v) .choicev = (v), .choicec = RE_ARRAY_SIZE(v)


static const char *const protocolv[] = {"udp", "tcp", "tls"};


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
	.sub = &roster_account_fields, .help = text }

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
	const char *want = roster_kind_wrong(acc->kind, i <= ACTOR_USER_B);
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
	if (want)
		errors_add(errs, &place, name, "%s", want);
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


static int paths_anchor(struct roster *roster, const char *path)
{
	char **const v[] = {
		&roster->bridge.config, &roster->teams.config,
		&roster->teams.control,
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		const int err = doc_path(v[i], path);

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
