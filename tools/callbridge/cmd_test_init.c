/**
 * @file cmd_test_init.c  callbridge test init: who plays whom on this site
 *
 * One table holds the questions. They are asked, or read from a file; what
 * comes out is a roster and, for a test without Microsoft, the configuration
 * of a service and of teams-sim beside it.
 */
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/base/field.h"
#include "test_cli.h"


#define FOLDER_DEFAULT "callbridge-test"
#define FQDN "sbc.callbridge.example"

enum { OWN_PORT = 5080, TRIES = 3 };

enum { TEAMS_SIM, TEAMS_REAL };
enum { PHONE_EXTENSION, PHONE_TRUNK, PHONE_PERSON };


struct person {
	char *number, *extension;
	char *username, *auth_username, *password;
	char *upn;                 /* of a user of real Teams               */
	int kind;                  /* of a telephone                        */
	char *address;             /* of a trunk's end                      */
};

struct answers {
	char *site;
	int teams;
	char *sip_domain, *sip_proxy, *template, *country, *outside, *own;
	int protocol;
	char *nobody;
	struct person user_a, user_b, external, external_2;
};

static const char *const teamsv[] = {"simulated", "real"};
static const char *const protocolv[] = {"udp", "tcp", "tls"};
static const char *const phonev[] = {"extension", "trunk", "person"};

#define CHOICES(v) .choicev = (v), .choicec = RE_ARRAY_SIZE(v)
#define AT(m) .offset = offsetof(struct person, m)
#define NUMBER { .name = "number", .type = FIELD_STRING, AT(number), \
	.min = 1, .max = 31, .flags = FIELD_REQUIRED, \
	.help = "Its number as callers see it, with + and country code" }
#define EXTENSION { .name = "extension", .type = FIELD_STRING, \
	AT(extension), .max = 31, .help = "Its extension at the PBX" }
#define SIP_FIELDS \
	{ .name = "username", .type = FIELD_STRING, AT(username), \
	  .max = 127, .help = "SIP username, if it is not the extension" }, \
	{ .name = "auth_username", .type = FIELD_STRING, \
	  AT(auth_username), .max = 127, \
	  .help = "SIP auth username, if the PBX has one" }, \
	{ .name = "password", .type = FIELD_STRING, AT(password), \
	  .max = 255, .flags = FIELD_SECRET, .help = "SIP password" }

static const struct field userv[] = {
	NUMBER, EXTENSION, SIP_FIELDS,
	{ .name = "upn", .type = FIELD_STRING, AT(upn), .max = 127,
	  .help = "Microsoft name, as in ann@contoso.example" },
};

static const struct field telephonev[] = {
	{ .name = "kind", .type = FIELD_CHOICE, AT(kind), CHOICES(phonev),
	  .dflt = "extension",
	  .help = "What it is: another extension of the PBX (extension), the"
		  " far end of a trunk (trunk), or a person with a telephone"
		  " (person)" },
	NUMBER, EXTENSION, SIP_FIELDS,
	{ .name = "address", .type = FIELD_STRING, AT(address), .max = 63,
	  .help = "Its address as the PBX's trunk has it" },
};

static const struct fields user_fields = {
	.name = "user", .fieldv = userv, .fieldc = RE_ARRAY_SIZE(userv),
	.size = sizeof(struct person), .help = "A user in Teams",
};

static const struct fields telephone_fields = {
	.name = "telephone", .fieldv = telephonev,
	.fieldc = RE_ARRAY_SIZE(telephonev), .size = sizeof(struct person),
	.help = "A telephone outside Teams",
};

#undef AT
#define AT(m) .offset = offsetof(struct answers, m)
#define PERSON(m, t, text) { .name = #m, .type = FIELD_OBJECT, AT(m), \
	.sub = &t, .help = text }

static const struct field answerv[] = {
	{ .name = "site", .type = FIELD_STRING, AT(site), .min = 1,
	  .max = 63, .dflt = "site", .help = "Name of this site" },
	{ .name = "teams", .type = FIELD_CHOICE, AT(teams), CHOICES(teamsv),
	  .dflt = "simulated",
	  .help = "Who plays Microsoft Teams: the program teams-sim beside the"
		  " service (simulated), or people in real Teams (real)" },
	{ .name = "sip_domain", .type = FIELD_STRING, AT(sip_domain),
	  .min = 1, .max = 253, .flags = FIELD_REQUIRED,
	  .help = "The PBX: address or host name" },
	{ .name = "sip_proxy", .type = FIELD_STRING, AT(sip_proxy),
	  .max = 260, .help = "Where it is reached, if that differs:"
			      " host:port" },
	{ .name = "protocol", .type = FIELD_CHOICE, AT(protocol),
	  CHOICES(protocolv), .dflt = "udp", .help = "How to speak to it" },
	{ .name = "template", .type = FIELD_STRING, AT(template),
	  .dflt = "generic", .max = 63,
	  .help = "What kind of PBX it is: see `callbridge template list`" },
	{ .name = "country", .type = FIELD_STRING, AT(country), .min = 2,
	  .max = 2, .dflt = "GB", .help = "Country of the PBX" },
	{ .name = "outside_line_prefix", .type = FIELD_STRING, AT(outside),
	  .max = 7, .help = "Dialled for an outside line, as in 9" },
	{ .name = "own_address", .type = FIELD_STRING, AT(own), .max = 63,
	  .help = "Our own address, as the PBX reaches us" },
	{ .name = "nobody", .type = FIELD_STRING, AT(nobody), .max = 31,
	  .help = "A full number that nobody has, for a wrong call" },
	PERSON(user_a, user_fields, "User A"),
	PERSON(user_b, user_fields, "User B"),
	PERSON(external, telephone_fields, "The first telephone"),
	PERSON(external_2, telephone_fields, "The second telephone"),
};

static const struct fields answer_fields = {
	.name = "answers", .fieldv = answerv,
	.fieldc = RE_ARRAY_SIZE(answerv), .size = sizeof(struct answers),
	.help = "What `callbridge test init` asks",
};


/* Asking */


/** What is not worth a question, as things stand */
static bool is_moot(const struct answers *ans, const struct person *person,
		    bool user, const char *name)
{
	const bool real = ans->teams == TEAMS_REAL;
	const bool extension = person && !user &&
		person->kind == PHONE_EXTENSION;

	if (!person)
		return real && (!strcmp(name, "template") ||
				!strcmp(name, "own_address"));

	if (!strcmp(name, "upn"))
		return !real;
	if (!strcmp(name, "address"))
		return person->kind != PHONE_TRUNK;
	if (!strcmp(name, "extension"))
		return !user && !extension;
	if (strstr(name, "username") || !strcmp(name, "password"))
		return user ? real : !extension;

	return false;
}


/** @return 0, EINVAL nobody answers (told) */
static int field_ask(const struct fields *t, void *obj, const struct field *f)
{
	for (int i = 0; i < TRIES; i++) {
		char line[300], *now = NULL;
		struct errors *errs;
		int err;

		(void)fields_get(t, obj, f->name, &now);
		(void)re_printf("%s%s%s%s: ", f->help, now && *now ? " [" :
				"", now ? now : "", now && *now ? "]" : "");
		mem_deref(now);
		(void)fflush(stdout);

		if (!fgets(line, sizeof(line), stdin)) {
			(void)putchar('\n');
			term_error("init: %s: an answer is missing", f->name);
			return EINVAL;
		}

		line[strcspn(line, "\r\n")] = '\0';
		if (!*line && !(f->flags & FIELD_REQUIRED))
			return 0;

		if (errors_alloc(&errs))
			return ENOMEM;

		err = *line ? fields_set(t, obj, f->name, line, errs) :
			EBADMSG;
		if (!*line)
			term_error("an answer is wanted");
		term_errors(errs);
		mem_deref(errs);

		if (!err)
			return 0;
	}

	return EINVAL;
}


static int person_ask(const struct answers *ans, const struct field *f,
		      struct person *person)
{
	const bool user = f->sub == &user_fields;
	int err = 0;

	(void)printf("\n%s\n", f->help);

	for (size_t i = 0; i < f->sub->fieldc && !err; i++) {
		const struct field *sub = &f->sub->fieldv[i];

		if (!is_moot(ans, person, user, sub->name))
			err = field_ask(f->sub, person, sub);
	}

	return err;
}


/** Our address on the way to the PBX, "" if there is none */
static void own_find(struct answers *ans)
{
	const char *place = ans->sip_proxy ? ans->sip_proxy : ans->sip_domain;
	const struct addrinfo hints = {.ai_family = AF_INET,
				       .ai_socktype = SOCK_DGRAM};
	struct addrinfo *res;
	char host[256];
	struct sa sa;
	int fd;

	str_ncpy(host, place, sizeof(host));
	host[strcspn(host, ":")] = '\0';

	if (ans->own || getaddrinfo(host, "5060", &hints, &res))
		return;

	sa_init(&sa, AF_INET);
	sa.len = sizeof(sa.u);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !connect(fd, res->ai_addr, res->ai_addrlen) &&
	    !getsockname(fd, &sa.u.sa, &sa.len))
		(void)re_sdprintf(&ans->own, "%j", &sa);

	if (fd >= 0)
		(void)close(fd);
	freeaddrinfo(res);
}


static int answers_ask(struct answers *ans)
{
	int err = 0;

	for (size_t i = 0; i < answer_fields.fieldc && !err; i++) {
		const struct field *f = &answerv[i];

		if (!strcmp(f->name, "own_address"))
			own_find(ans);

		if (f->type == FIELD_OBJECT)
			err = person_ask(ans, f, (struct person *)
					 (void *)((char *)ans + f->offset));
		else if (!is_moot(ans, NULL, false, f->name))
			err = field_ask(&answer_fields, ans, f);
	}

	return err;
}


static int answers_read(struct answers *ans, const char *path)
{
	struct errors *errs;
	struct doc *doc = NULL;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = doc_load(&doc, path, errs);
	if (!err && !doc_root(doc)) {
		const struct place place = {path, 1, 1};

		errors_add(errs, &place, NULL, "want answers, found an empty"
			   " file");
		err = EBADMSG;
	}
	if (!err)
		err = fields_read(&answer_fields, ans, doc_root(doc), errs,
				  NULL);
	if (!err)
		err = fields_required(&answer_fields, ans, doc_root(doc),
				      errs);
	if (err)
		term_errors(errs);
	if (!err)
		own_find(ans);

	mem_deref(doc);
	mem_deref(errs);

	return err;
}


/* Writing */


/** A YAML scalar in double quotes; JSON's escapes are YAML's */
static int quoted(struct re_printf *pf, const char *s)
{
	int err = re_hprintf(pf, "\"");

	for (; *s && !err; ++s)
		err = re_hprintf(pf, *s == '"' || *s == '\\' ? "\\%c" : "%c",
				 *s);

	return err ? err : re_hprintf(pf, "\"");
}


static void set(FILE *f, const char *indent, const char *name,
		const char *value)
{
	if (value && *value)
		(void)re_fprintf(f, "%s%s: %H\n", indent, name, quoted,
				 value);
}


struct inside {
	const char *folder, *name;
};


/** The whole path of a file inside the folder */
static int path_quoted(struct re_printf *pf, const struct inside *inside)
{
	char path[PATH_MAX];

	(void)re_snprintf(path, sizeof(path), "%s/%s", inside->folder,
			  inside->name);

	return quoted(pf, path);
}


/** @return NULL: told */
static FILE *file_open(const char *folder, const char *name)
{
	char path[PATH_MAX];
	FILE *f;
	mode_t before;

	(void)re_snprintf(path, sizeof(path), "%s/%s", folder, name);

	before = umask(0077);      /* there are passwords in it */
	f = fopen(path, "wxe");
	(void)umask(before);

	if (!f && errno == EEXIST)
		term_error("%s is there already", path);
	else if (!f)
		term_error("%s: %m", path, errno);

	return f;
}


static int file_close(FILE *f)
{
	if (!fclose(f))
		return 0;

	term_error("a file cannot be written: %m", errno);

	return EIO;
}


static void user_write(FILE *f, const struct answers *ans, const char *name,
		       const struct person *user)
{
	char upn[64];

	(void)re_snprintf(upn, sizeof(upn), "%s@callbridge.example", name);
	(void)re_fprintf(f, "\n%s:\n  kind: %s\n", name, ans->teams ==
			 TEAMS_REAL ? "human" : "teams");
	set(f, "  ", "upn", user->upn ? user->upn : ans->teams == TEAMS_REAL
	    ? NULL : upn);
	set(f, "  ", "number", user->number);
	set(f, "  ", "extension", user->extension);
}


static void telephone_write(FILE *f, const struct answers *ans,
			    const char *name, const struct person *phone)
{
	(void)re_fprintf(f, "\n%s:\n  kind: %s\n", name, phone->kind ==
			 PHONE_PERSON ? "human" : "phone");
	set(f, "  ", "number", phone->number);
	set(f, "  ", "extension", phone->extension);

	if (phone->kind == PHONE_TRUNK) {
		(void)re_fprintf(f, "  registers: false\n");
		set(f, "  ", "address", phone->address);
	}

	if (phone->kind == PHONE_EXTENSION) {
		set(f, "  ", "sip_username", phone->username);
		set(f, "  ", "sip_auth_username", phone->auth_username);
		set(f, "  ", "sip_password", phone->password);
		(void)re_fprintf(f, "  dials: extension\n");
		set(f, "  ", "outside_line_prefix", ans->outside);
	}
}


static int roster_write(const struct answers *ans, const char *folder)
{
	FILE *f = file_open(folder, "roster.yaml");

	if (!f)
		return EIO;

	(void)re_fprintf(f, "# Who plays whom in `callbridge test run`;"
			 " docs/testplans.md\n");
	set(f, "", "roster", ans->site);

	if (ans->teams == TEAMS_SIM)
		(void)re_fprintf(f, "bridge: { config: callbridge.yaml,"
				 " start: true }\nteams: { config:"
				 " teams-sim.json, control: teams.sock, start:"
				 " true, fqdn: " FQDN " }\n");

	(void)re_fprintf(f, "pbx:\n");
	set(f, "  ", "sip_domain", ans->sip_domain);
	set(f, "  ", "sip_proxy", ans->sip_proxy);
	set(f, "  ", "protocol", protocolv[ans->protocol]);
	set(f, "", "nobody", ans->nobody);

	user_write(f, ans, "user_a", &ans->user_a);
	user_write(f, ans, "user_b", &ans->user_b);
	telephone_write(f, ans, "external", &ans->external);
	telephone_write(f, ans, "external_2", &ans->external_2);

	return file_close(f);
}


static void customer_user(FILE *f, const char *name,
			  const struct person *user)
{
	(void)re_fprintf(f, "  - upn: %s@callbridge.example\n    pbx: hq\n",
			 name);
	set(f, "    ", "number", user->number);
	set(f, "    ", "sip_username", user->username ? user->username
	    : user->extension);
	set(f, "    ", "sip_auth_username", user->auth_username);
	set(f, "    ", "sip_password", user->password);
}


static int customer_write(const struct answers *ans, const char *folder)
{
	FILE *f = file_open(folder, "customer.yaml");

	if (!f)
		return EIO;

	(void)re_fprintf(f, "# The site as a customer of the service that the"
			 " test starts; docs/connect-pbx.md\ntenant: test\n"
			 "teams: { fqdn: " FQDN " }\npbx:\n  - name: hq\n");
	set(f, "    ", "template", ans->template);
	set(f, "    ", "country", ans->country);
	set(f, "    ", "sip_domain", ans->sip_domain);
	set(f, "    ", "sip_proxy", ans->sip_proxy);
	set(f, "    ", "protocol", protocolv[ans->protocol]);
	set(f, "    ", "outside_line_prefix", ans->outside);
	(void)re_fprintf(f, "    # Local forms instead of +country code, if"
			 " the PBX wants them:\n    # e164: { national: true,"
			 " national_prefix: \"0\", international_prefix:"
			 " \"00\" }\nusers:\n");
	customer_user(f, "user_a", &ans->user_a);
	customer_user(f, "user_b", &ans->user_b);

	return file_close(f);
}


static int node_write(const struct answers *ans, const char *folder)
{
	const struct inside state = {folder, "state"};
	const struct inside customer = {folder, "customer.yaml"};
	const struct inside control = {folder, "control.sock"};
	const struct inside cert = {folder, "tls/bridge.pem"};
	const struct inside roots = {folder, "tls/microsoft-root.pem"};
	FILE *f = file_open(folder, "callbridge.yaml");

	if (!f)
		return EIO;

	(void)re_fprintf(f, "# The service that the test starts: it plays at"
		" the PBX, and towards teams-sim\n"
		"state_dir: %H\ncustomers: [%H]\n"
		"control: %H\n"
		"sip: { address: %s, udp_port: %d, tcp_port: %d, tls_port: 0"
		" }\n"
		"teams:\n  address: 127.0.61.41\n  port: 5061\n"
		"  certificate: %H\n  key: %H\n  ca_file: %H\n"
		"  options: 5s\nportal: { port: 0 }\n"
		"dns:\n  hosts:\n"
		"    - { name: sip.pstnhub.microsoft.com, address: 127.0.61.1"
		" }\n"
		"    - { name: sip2.pstnhub.microsoft.com, address:"
		" 127.0.61.2 }\n"
		"    - { name: sip3.pstnhub.microsoft.com, address:"
		" 127.0.61.3 }\n",
		path_quoted, &state, path_quoted, &customer, path_quoted,
		&control, ans->own ? ans->own : "0.0.0.0", OWN_PORT, OWN_PORT,
		path_quoted, &cert, path_quoted, &cert, path_quoted, &roots);

	return file_close(f);
}


static int sim_write(const char *folder)
{
	const struct inside control = {folder, "teams.sock"};
	const struct inside cert = {folder, "tls/teams.pem"};
	const struct inside roots = {folder, "tls/public-root.pem"};
	FILE *f = file_open(folder, "teams-sim.json");

	if (!f)
		return EIO;

	(void)re_fprintf(f, "{\n \"control\": %H,\n \"instances\": [\n"
		"  {\"name\": \"sip.pstnhub.microsoft.com\", \"address\":"
		" \"127.0.61.1:5061\", \"record_route\":"
		" \"sip.pstnhub.microsoft.com\"},\n"
		"  {\"name\": \"sip2.pstnhub.microsoft.com\", \"address\":"
		" \"127.0.61.2:5061\", \"record_route\":"
		" \"sip2.pstnhub.microsoft.com\"},\n"
		"  {\"name\": \"sip3.pstnhub.microsoft.com\", \"address\":"
		" \"127.0.61.3:5061\", \"record_route\":"
		" \"sip3.pstnhub.microsoft.com\"}],\n"
		" \"certificate\": %H,\n \"key\": %H,\n \"ca_file\": %H,\n"
		" \"hosts\": {\"" FQDN "\": \"127.0.61.41:5061\"},\n"
		" \"options\": {\"options_period_ms\": 2000},\n"
		" \"tenants\": [{\"fqdn\": \"" FQDN "\"}]\n}\n",
		path_quoted, &control, path_quoted, &cert, path_quoted, &cert,
		path_quoted, &roots);

	return file_close(f);
}


static int folder_make(const char *folder)
{
	if (!mkdir(folder, 0700) || errno == EEXIST)
		return 0;

	term_error("%s: %m", folder, errno);

	return errno;
}


static int tls_make(const char *folder)
{
	char tls[PATH_MAX];
	int err;

	(void)re_snprintf(tls, sizeof(tls), "%s/tls", folder);
	err = folder_make(tls);
	if (!err) {
		err = test_pki_make(tls, FQDN);
		if (err)
			term_error("%s: no certificates: %m", tls, err);
	}

	return err;
}


static int all_write(const struct answers *ans, const char *folder)
{
	char whole[PATH_MAX];
	int err;

	err = folder_make(folder);
	if (!err && !realpath(folder, whole)) {
		err = errno;
		term_error("%s: %m", folder, err);
	}

	/* First what must not be there yet */
	if (!err)
		err = roster_write(ans, whole);
	if (err || ans->teams == TEAMS_REAL)
		return err;

	err = customer_write(ans, whole);
	if (!err)
		err = node_write(ans, whole);
	if (!err)
		err = sim_write(whole);
	if (!err)
		err = tls_make(whole);

	return err;
}


static void farewell(const struct answers *ans, const char *folder)
{
	(void)re_printf("\nWritten: %s/roster.yaml%s.\n", folder, ans->teams ==
			TEAMS_SIM ? ", and what the test starts beside it" :
			"");
	(void)re_printf("Now: callbridge test run --roster %s/roster.yaml"
			" --html report.html\n", folder);
	if (ans->teams == TEAMS_REAL)
		(void)puts("The service must be running; the test tells people"
			   " what to do.");
}


int test_init(int argc, char *argv[])
{
	const char *folder = FOLDER_DEFAULT, *file = NULL;
	const struct opt optv[] = {
		{"folder", &folder, NULL}, {"answers", &file, NULL},
		{NULL, NULL, NULL},
	};
	struct answers ans;
	int err;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	memset(&ans, 0, sizeof(ans));
	err = fields_defaults(&answer_fields, &ans);
	if (!err)
		err = file ? answers_read(&ans, file) : answers_ask(&ans);
	if (!err)
		err = all_write(&ans, folder);
	if (!err)
		farewell(&ans, folder);

	fields_clear(&answer_fields, &ans);

	return err ? EXIT_BAD : EXIT_GOOD;
}
