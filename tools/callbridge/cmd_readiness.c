/**
 * @file cmd_readiness.c  Is a PBX ready, before anything is set up?
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/version.h"
#include "bridge/model/nodeconf.h"
#include "bridge/model/tenant.h"
#include "testplans/readiness/readiness.h"
#include "testplans/report.h"
#include "customer.h"
#include "events.h"
#include "follow.h"
#include "readiness_cli.h"
#include "station.h"
#include "test_cli.h"


enum { VERDICTS = VERDICT_SKIP + 1, TITLE_WIDTH = 30, SECRET = 256 };

struct given {
	const char *file, *tenant, *pbx, *templates;
	const char *domain, *proxy, *protocol;
	const char *userv[READINESS_USERS], *authv[READINESS_USERS];
	const char *call;
	const char *report;        /* file for the report, NULL */
	bool json, html, events, node;
};

struct report {
	json_t *findings;          /* owned */
	unsigned countv[VERDICTS];
	bool quiet;                /* print nothing on the way */
	bool events;               /* tell a program on the way */
};


static bool stopped;


static void signal_h(int sig)
{
	(void)sig;

	stopped = true;
}


/* What is tried */


/** A PBX that is in no file: the options say what it is */
static int pbx_make(struct pbx *pbx, const struct given *given)
{
	const struct { const char *path, *value; } setv[] = {
		{ "sip_domain", given->domain }, { "sip_proxy", given->proxy },
		{ "protocol", given->protocol },
	};
	struct errors *errs = NULL;
	int err;

	err = errors_alloc(&errs);
	if (!err)
		err = fields_defaults(&pbx_fields, pbx);

	for (size_t i = 0; i < RE_ARRAY_SIZE(setv) && !err; i++)
		if (setv[i].value)
			err = fields_set(&pbx_fields, pbx, setv[i].path,
					 setv[i].value, errs);

	if (err)
		term_errors(errs);
	mem_deref(errs);

	return err;
}


/** Without an echo; from the environment where nobody can be asked */
static int secret_read(char *buf, size_t size, size_t i, const char *name)
{
	static const char *const envv[READINESS_USERS] = {
		"CALLBRIDGE_PASSWORD", "CALLBRIDGE_PASSWORD_2",
	};
	const char *env = getenv(envv[i]);
	struct termios old, silent;
	bool good;

	if (env) {
		str_ncpy(buf, env, size);
		return 0;
	}

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &old)) {
		term_error("readiness: want the password of %s in the"
			   " environment as %s", name, envv[i]);
		return EINVAL;
	}

	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	(void)fprintf(stderr, "SIP password of %s: ", name);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	good = fgets(buf, (int)size, stdin) != NULL;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	(void)fputc('\n', stderr);

	buf[good ? strcspn(buf, "\r\n") : 0] = '\0';

	return good ? 0 : EINVAL;
}


/** A user that is in no file */
static int user_make(struct user *user, const struct given *given, size_t i)
{
	const struct { const char *path, *value; } setv[] = {
		{ "sip_username", given->userv[i] },
		{ "sip_auth_username", given->authv[i] },
	};
	char secret[SECRET];
	struct errors *errs = NULL;
	int err;

	err = errors_alloc(&errs);
	for (size_t n = 0; n < RE_ARRAY_SIZE(setv) && !err; n++)
		if (setv[n].value)
			err = fields_set(&user_fields, user, setv[n].path,
					 setv[n].value, errs);
	if (err)
		term_errors(errs);
	mem_deref(errs);

	if (!err)
		err = secret_read(secret, sizeof(secret), i,
				  given->userv[i]);
	if (!err)
		err = str_dup(&user->sip_password, secret);
	OPENSSL_cleanse(secret, sizeof(secret));

	return err;
}


static const struct pbx *pbx_choose(const struct tenant *tenant,
				    const struct given *given)
{
	const struct pbx *pbx;

	if (!given->pbx && list_count(&tenant->pbxl) == 1)
		return list_ledata(list_head(&tenant->pbxl));

	pbx = given->pbx ? tenant_pbx(tenant, given->pbx) : NULL;
	if (!pbx)
		term_error("readiness: say by --pbx which of the %u PBXes of"
			   " %s", list_count(&tenant->pbxl), tenant->tenant);

	return pbx;
}


static int address_read(struct readiness_conf *conf,
			const struct nodeconf *node)
{
	sa_init(&conf->laddr, AF_INET);

	if (sa_set_str(&conf->laddr, node->sip.address, 0)) {
		term_error("readiness: sip.address: want an address of this"
			   " machine, found %s", node->sip.address);
		return EINVAL;
	}

	if (sa_is_any(&conf->laddr) &&
	    net_default_source_addr_get(AF_INET, &conf->laddr))
		sa_init(&conf->laddr, AF_INET);

	conf->hosts = &node->dns.hosts;
	for (size_t i = 0; i < node->dns.servers.c &&
	     conf->dnsc < READINESS_SERVERS; i++)
		if (!nodeconf_address(&conf->dnsv[conf->dnsc],
				      node->dns.servers.v[i], 53))
			++conf->dnsc;

	return 0;
}


/* What is told */


void readiness_line(const json_t *finding)
{
	static const enum term_colour colourv[VERDICTS] = {
		[VERDICT_PASS] = TERM_GREEN, [VERDICT_INFO] = TERM_GREY,
		[VERDICT_WARN] = TERM_YELLOW, [VERDICT_FAIL] = TERM_RED,
		[VERDICT_SKIP] = TERM_GREY,
	};
	const char *verdict = answer_str(finding, "verdict");
	const char *advice = answer_str(finding, "advice");
	const char *field = answer_str(finding, "field");
	const char *colour;
	int v = 0;

	while (v < VERDICT_SKIP && strcmp(verdict_name((enum verdict)v),
					  verdict))
		++v;
	colour = term_colour(colourv[v]);

	(void)printf("%s%s%s  %-*s ", colour ? colour : "",
		     v == VERDICT_FAIL ? "FAIL" : verdict,
		     colour ? "\033[0m" : "", TITLE_WIDTH,
		     answer_str(finding, "title"));
	term_line(stdout, answer_str(finding, "evidence"));

	if (*advice)
		(void)printf("      -> %s\n", advice);
	if (*advice && *field && v >= VERDICT_WARN)
		(void)printf("      -> see `callbridge explain %s`\n", field);
	(void)fflush(stdout);
}


static int readiness_status(const json_t *report)
{
	const json_t *counts = json_object_get(report, "counts");

	return answer_int(counts, "failed") ? EXIT_FAILING :
		strncmp(answer_str(report, "verdict"), "ready", 5) ? EXIT_BAD
		: EXIT_GOOD;
}


int readiness_summary(const json_t *report)
{
	const json_t *counts = json_object_get(report, "counts");
	const int warns = (int)answer_int(counts, "warnings");

	(void)printf("\n%s: %s: %d passed, %d warning%s, %d failed\n",
		     answer_str(report, "sip_domain"),
		     answer_str(report, "verdict"),
		     (int)answer_int(counts, "passed"), warns,
		     warns == 1 ? "" : "s",
		     (int)answer_int(counts, "failed"));

	return readiness_status(report);
}


static void found_h(const struct finding *finding, void *arg)
{
	struct report *report = arg;
	json_t *json;

	json = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?}",
		"check", finding->check, "title", finding->title,
		"verdict", verdict_name(finding->verdict),
		"evidence", finding->evidence, "advice", finding->advice,
		"field", finding->field);

	++report->countv[finding->verdict];
	(void)json_array_append(report->findings, json);

	if (!report->quiet)
		readiness_line(json);
	if (report->events) {
		(void)json_object_set_new(json, "event",
					  json_string("finding"));
		events_line(json_incref(json));
		(void)json_object_del(json, "event");
	}
	json_decref(json);
}


/** What is left behind: docs/readiness.md */
static json_t *report_json(const struct report *report, const char *domain,
			   const char *verdict)
{
	const time_t now = time(NULL);
	char when[32];
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);

	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:{s:i, s:i, s:i}, s:O}",
			 "format", REPORT_FORMAT, "sip_domain", domain,
			 "verdict", verdict, "started", when, "callbridge",
			 version_software(), "counts",
			 "passed", (int)report->countv[VERDICT_PASS],
			 "warnings", (int)report->countv[VERDICT_WARN],
			 "failed", (int)report->countv[VERDICT_FAIL],
			 "findings", report->findings);
}


static int file_json(const char *path, const json_t *json)
{
	if (!path || !json_dump_file(json, path, JSON_INDENT(1)))
		return EXIT_GOOD;

	term_error("%s: cannot be written: %m", path, errno);

	return EXIT_BAD;
}


/** As it is wanted */
static int report_tell(const json_t *json, const struct given *given)
{
	const int status = file_json(given->report, json);

	if (given->json)
		return term_json(json);
	if (given->html)
		(void)report_html(term_out(), json);
	else if (!given->events)
		(void)readiness_summary(json);

	return status;
}


static int findings_end(struct report *report, const struct pbx *pbx,
			const struct given *given, bool whole)
{
	const unsigned fails = report->countv[VERDICT_FAIL];
	const unsigned warns = report->countv[VERDICT_WARN];
	const char *verdict = !whole ? "stopped" : fails ? "not ready" :
		warns ? "ready, with warnings" : "ready";
	json_t *json;
	int status;

	json = report_json(report, pbx->sip_domain, verdict);
	if (!json)
		return EXIT_BAD;

	status = report_tell(json, given);
	if (given->events)
		events_line(json_pack("{s:s, s:s}", "event", "end", "verdict",
				      verdict));
	json_decref(json);

	return status ? status : fails ? EXIT_FAILING : EXIT_GOOD;
}


static int examine(const struct readiness_conf *base,
		   const struct given *given)
{
	struct sigaction act = { .sa_handler = signal_h }, old, old_term;
	struct readiness_conf conf = *base;
	struct report report = {
		.findings = json_array(), .events = given->events,
		.quiet = given->json || given->html || given->events,
	};
	int status, err;

	conf.call = given->call;
	conf.stop = &stopped;

	err = station_init();
	if (err)
		return EXIT_BAD;

	/* not restarted: what waits for the PBX shall hear of it */
	(void)sigaction(SIGINT, &act, &old);
	(void)sigaction(SIGTERM, &act, &old_term);
	err = given->events ? events_leash() : 0;
	if (!err)
		err = readiness_run(&conf, found_h, &report);
	(void)sigaction(SIGTERM, &old_term, NULL);
	(void)sigaction(SIGINT, &old, NULL);
	station_close();

	if (err == EINTR)
		term_error("readiness: stopped; nothing is left registered");

	status = !err || (given->events && err == EINTR) ?
		findings_end(&report, conf.pbx, given, !err) : EXIT_BAD;
	if (err)
		status = EXIT_BAD;
	json_decref(report.findings);

	return status;
}


/** PBX and users as a customer file has them */
static int examine_file(const struct cli *cli, struct readiness_conf *conf,
			const struct given *given)
{
	struct list tenantl = LIST_INIT;
	const struct tenant *tenant;
	struct catalog *cat = NULL;
	char *path = NULL;
	int status;

	if (str_dup(&path, given->file))
		return EXIT_BAD;

	status = customer_load(cli, &cat, given->templates, &tenantl, &path,
			       1);
	tenant = list_ledata(list_head(&tenantl));
	if (status == EXIT_GOOD) {
		conf->pbx = tenant ? pbx_choose(tenant, given) : NULL;
		status = conf->pbx ? EXIT_GOOD : EXIT_BAD;
	}

	for (size_t i = 0; i < READINESS_USERS && status == EXIT_GOOD; i++) {
		if (!given->userv[i])
			continue;

		conf->userv[i] = tenant_user(tenant, given->userv[i]);
		if (!conf->userv[i]) {
			term_error("readiness: %s has no user %s",
				   tenant->tenant, given->userv[i]);
			status = EXIT_BAD;
		}
	}

	if (status == EXIT_GOOD)
		status = examine(conf, given);

	list_flush(&tenantl);
	mem_deref(cat);
	mem_deref(path);

	return status;
}


static int examine_given(struct readiness_conf *conf,
			 const struct given *given)
{
	struct user userv[READINESS_USERS];
	struct pbx pbx;
	int status = EXIT_BAD;
	int err;

	memset(userv, 0, sizeof(userv));
	memset(&pbx, 0, sizeof(pbx));

	err = pbx_make(&pbx, given);
	for (size_t i = 0; i < READINESS_USERS && !err; i++) {
		if (!given->userv[i])
			continue;

		err = user_make(&userv[i], given, i);
		conf->userv[i] = &userv[i];
	}

	conf->pbx = &pbx;
	if (!err)
		status = examine(conf, given);

	for (size_t i = 0; i < READINESS_USERS; i++)
		fields_clear(&user_fields, &userv[i]);
	fields_clear(&pbx_fields, &pbx);

	return status;
}


/** Something is told, and nothing is printed */
static void silent_h(const json_t *json, void *arg)
{
	(void)json;
	(void)arg;
}


/** The service examines a PBX of its own, and its users with the passwords
    that it has */
static int examine_node(const struct cli *cli, const struct given *given)
{
	const struct test_files none = { NULL, NULL, NULL };
	json_t *users = json_array(), *report = NULL;
	char id[TEST_ID_SIZE];
	struct test_place place;
	int status;

	for (size_t i = 0; i < READINESS_USERS; i++)
		if (given->userv[i])
			(void)json_array_append_new(users,
				json_string(given->userv[i]));

	status = test_node_pbx(cli, given->tenant, given->pbx, &place);
	if (status) {
		json_decref(users);
		return status;
	}

	status = test_node_begin(cli, &place, json_pack("{s:s, s:o, s:s*}",
				 "kind", "readiness", "users", users, "call",
				 given->call), id);
	if (!status)
		status = follow(cli, id, given->json || given->html ?
				silent_h : test_node_event, NULL);
	if (!status)
		status = test_node_report(cli, id, &none, &report);
	if (!status)
		status = report_tell(report, given);
	if (!status)
		status = readiness_status(report);
	json_decref(report);

	return status;
}


int cmd_readiness(const struct cli *cli, int argc, char *argv[])
{
	struct given given = {0};
	const struct opt optv[] = {
		{"sip-domain", &given.domain, NULL},
		{"sip-proxy", &given.proxy, NULL},
		{"protocol", &given.protocol, NULL},
		{"user", &given.userv[0], NULL},
		{"user-2", &given.userv[1], NULL},
		{"auth-username", &given.authv[0], NULL},
		{"auth-username-2", &given.authv[1], NULL},
		{"call", &given.call, NULL},
		{"file", &given.file, NULL}, {"pbx", &given.pbx, NULL},
		{"tenant", &given.tenant, NULL},
		{"on-node", NULL, &given.node},
		{"templates", &given.templates, NULL},
		{"json", NULL, &given.json}, {"html", NULL, &given.html},
		{"report", &given.report, NULL},
		{"events", NULL, &given.events},
		{NULL, NULL, NULL},
	};
	struct readiness_conf conf = {0};
	struct nodeconf node;
	int status = EXIT_BAD;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	if (!!given.domain + !!given.file + given.node != 1 ||
	    (given.json && given.html) ||
	    (given.userv[1] && !given.userv[0])) {
		term_error("readiness: want --sip-domain NAME, --file FILE or"
			   " --on-node; --user before --user-2; --json or"
			   " --html");
		return EXIT_BAD;
	}

	if (given.node)
		return examine_node(cli, &given);

	if (node_conf(cli, &node))
		return EXIT_BAD;

	if (!address_read(&conf, &node))
		status = given.file ? examine_file(cli, &conf, &given) :
			examine_given(&conf, &given);

	fields_clear(&nodeconf_fields, &node);

	return status;
}
