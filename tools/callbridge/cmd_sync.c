/**
 * @file cmd_sync.c  Microsoft 365 and the customer's users
 *
 * Needs no running service, but for `status`: the customer's files on one
 * side, Microsoft Graph on the other. Only `now` changes something, at
 * Microsoft.
 */
#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/errors.h"
#include "bridge/model/check.h"
#include "bridge/model/nodeconf.h"
#include "bridge/model/own_name.h"
#include "portal-api/sync/assign.h"
#include "portal-api/sync/directory.h"
#include "portal-api/sync/matching.h"
#include "portal-api/sync/script.h"
#include "customer.h"


#define SECRET "CALLBRIDGE_GRAPH_SECRET"

enum { PEM_MAX = 64 * 1024 };

struct sync_ask {
	const char *file, *tenant, *templates;
	const char *tenant_id, *client_id, *certificate;
	const char *login_url, *graph_url;
	const char *gateways;      /* of other nodes, parted by commas */
	bool json, blocked, dry;
};


/** Microsoft's side of a command, and what the last thing asked came to */
struct pull {
	struct event_base *base;   /* owned */
	struct graph *g;           /* owned */
	struct directory *dir;     /* owned: people */
	bool done;
	enum graph_fault fault;
	char why[256], request_id[64];
};


/* Which customer */


static const struct tenant *tenant_find(const struct list *tenantl,
					const char *name)
{
	struct le *le;

	if (!name && list_count(tenantl) == 1)
		return list_ledata(list_head(tenantl));

	LIST_FOREACH(tenantl, le) {
		const struct tenant *tenant = le->data;

		if (name && !strcmp(tenant->tenant, name))
			return tenant;
	}

	if (name)
		term_error("sync: there is no customer \"%s\"", name);
	else
		term_error("sync: there are %u customers: say which one with"
			   " --tenant", list_count(tenantl));

	return NULL;
}


static int tenants_load(const struct cli *cli, const struct sync_ask *ask,
			struct list *tenantl)
{
	struct strings paths = {NULL, 0};
	struct catalog *cat = NULL;
	int status = EXIT_BAD, err;

	err = ask->file ? strings_add(&paths, ask->file)
		: node_customers(cli, &paths);
	if (!err && !paths.c)
		term_error("sync: want --file FILE, or --config with a"
			   " configuration that names customers");
	else if (!err)
		status = customer_load(cli, &cat, ask->templates, tenantl,
				       paths.v, paths.c);

	mem_deref(cat);
	strings_clear(&paths);

	return status;
}


/* dry-run */


static void pulled(const struct graph_result *result, void *arg)
{
	struct pull *pull = arg;

	pull->done  = true;
	pull->fault = result->fault;
	str_ncpy(pull->why, result->why, sizeof(pull->why));
	str_ncpy(pull->request_id, result->request_id,
		 sizeof(pull->request_id));
	(void)event_base_loopbreak(pull->base);
}


static void pull_tell(const struct pull *pull)
{
	term_error("sync: %s: %s%s%s%s", pull->why,
		   graph_fault_advice(pull->fault),
		   *pull->request_id ? " (request-id " : "",
		   pull->request_id, *pull->request_id ? ")" : "");
}


/** @param pemp  Takes libre memory: it holds a key */
static int certificate_read(char **pemp, const char *path)
{
	FILE *f = fopen(path, "r");
	size_t l;
	char *pem;

	if (!f) {
		term_error("%s: %m", path, errno);
		return EINVAL;
	}

	pem = mem_zalloc(PEM_MAX + 1, NULL);
	l = pem ? fread(pem, 1, PEM_MAX, f) : 0;
	(void)fclose(f);
	if (!l) {
		term_error("%s: want certificate and key", path);
		mem_deref(pem);
		return EINVAL;
	}

	*pemp = pem;

	return 0;
}


/** The secret does not stay in the environment, where others may read it */
static int graph_make(struct graph **gp, struct event_base *base,
		      const struct cli *cli, const struct sync_ask *ask)
{
	char *secret = getenv(SECRET), *pem = NULL;
	struct graph_conf conf = {
		.login_base = ask->login_url, .graph_base = ask->graph_url,
		.tenant = ask->tenant_id, .client_id = ask->client_id,
		.ca_file = cli->ca_file,
	};
	int err;

	if (!ask->tenant_id || !ask->client_id) {
		term_error("sync: want --tenant-id ID and --client-id ID of"
			   " the app registration (docs/sync.md)");
		return EINVAL;
	}
	if (!ask->certificate && !str_isset(secret)) {
		term_error("sync: want the client secret in " SECRET
			   ", or --certificate FILE");
		return EINVAL;
	}

	if (ask->certificate && certificate_read(&pem, ask->certificate))
		return EINVAL;

	conf.certificate   = pem;
	conf.client_secret = pem ? NULL : secret;
	err = graph_alloc(gp, base, &conf);
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	if (pem)
		OPENSSL_cleanse(pem, PEM_MAX);
	mem_deref(pem);
	(void)unsetenv(SECRET);

	if (err == EBADMSG)
		term_error("%s: want a certificate and its RSA key, PEM"
			   " without a password", ask->certificate);
	else if (err == EINVAL)
		term_error("sync: --login-url, --graph-url: want https://...");

	return err;
}


/** Until its end has been told. @return 0, EPROTO (the person was told) */
static int pull_wait(struct pull *pull)
{
	while (!pull->done)
		(void)event_base_dispatch(pull->base);

	pull->done = false;
	if (pull->fault == GRAPH_GOOD)
		return 0;

	pull_tell(pull);

	return EPROTO;
}


static void pull_close(struct pull *pull)
{
	mem_deref(pull->g);
	mem_deref(pull->dir);
	if (pull->base)
		event_base_free(pull->base);
}


/** Read the people; pull_close() is due, also when this fails */
static int people_pull(struct pull *pull, const struct cli *cli,
		       const struct sync_ask *ask)
{
	int err;

	memset(pull, 0, sizeof(*pull));
	pull->base = event_base_new();
	err = pull->base ? 0 : ENOMEM;
	if (!err)
		err = graph_make(&pull->g, pull->base, cli, ask);
	if (!err)
		err = directory_alloc(&pull->dir);
	if (!err)
		err = directory_pull(pull->dir, pull->g, pulled, pull);
	if (!err)
		err = pull_wait(pull);
	else if (err == ENOMEM)
		term_error("sync: %m", err);

	return err;
}


static bool is_shown(const struct match *match, const struct sync_ask *ask)
{
	return !ask->blocked || (match->user && match->why != MATCH_READY);
}


static json_t *match_json(const struct match *match)
{
	const struct person *person = match->person;
	const struct user *user = match->user;

	return json_pack("{s:s, s:s?, s:s?, s:s?, s:b, s:s, s:s, s:s, s:s}",
			 "upn", user ? user->upn : person->upn,
			 "name", person ? person->name : NULL,
			 "number", user ? user->number : NULL,
			 "country", person ? person->country : NULL,
			 "ready", match->why == MATCH_READY,
			 "why", match_why_name(match->why),
			 "reason", match_why_text(match->why),
			 "advice", match_why_advice(match->why),
			 "note", match_note_text(match->note));
}


static int matches_json(const struct list *matchl, const struct sync_ask *ask)
{
	json_t *rows = json_array();
	int err = rows ? 0 : ENOMEM;
	struct le *le;

	LIST_FOREACH(matchl, le) {
		if (is_shown(le->data, ask) &&
		    json_array_append_new(rows, match_json(le->data)))
			err = ENOMEM;
	}

	if (!err)
		err = term_json(rows);
	json_decref(rows);

	return err;
}


static int match_row(struct table *table, const struct match *match)
{
	const char *note = match_note_text(match->note);
	const char *advice = match_why_advice(match->why);
	const bool ready = match->why == MATCH_READY;
	const char *cellv[5];
	char reason[256];

	(void)re_snprintf(reason, sizeof(reason), "%s%s%s%s%s",
			  match_why_text(match->why), *advice ? ": " : "",
			  advice, *note && !ready ? "; " : "", note);
	cellv[0] = ready ? "ready" : "not listed";
	cellv[1] = match->user ? match->user->upn : match->person->upn;
	cellv[2] = match->user && match->user->number ? match->user->number
		: "-";
	cellv[3] = match->person && *match->person->country ?
		match->person->country : "-";
	cellv[4] = reason;

	return table_row(table, term_colour(!ready ? TERM_RED : *note ?
					    TERM_YELLOW : TERM_GREEN), cellv);
}


static int matches_print(const struct list *matchl, const struct sync_ask *ask)
{
	static const char *const headv[] = {"STATE", "USER", "NUMBER",
					    "COUNTRY", "WHY"};
	struct table *table;
	struct le *le;
	int err;

	err = table_alloc(&table, headv, RE_ARRAY_SIZE(headv));
	if (err)
		return err;

	LIST_FOREACH(matchl, le) {
		if (!err && is_shown(le->data, ask))
			err = match_row(table, le->data);
	}

	if (!err)
		table_print(table);
	mem_deref(table);

	return err;
}


/** @return EXIT_FAILING if a user of ours cannot call */
static int matches_status(const struct list *matchl)
{
	struct le *le;

	LIST_FOREACH(matchl, le) {
		const struct match *match = le->data;

		if (match->user && match->why != MATCH_READY &&
		    match->why != MATCH_OFF)
			return EXIT_FAILING;
	}

	return EXIT_GOOD;
}


static int sync_dry_run(const struct cli *cli, const struct sync_ask *ask,
			const struct tenant *tenant)
{
	struct list matchl = LIST_INIT;
	struct pull pull;
	int status = EXIT_BAD, err;

	if (people_pull(&pull, cli, ask))
		goto out;

	err = match_all(&matchl, pull.dir, tenant);
	if (!err)
		err = (ask->json ? matches_json : matches_print)(&matchl, ask);
	if (err)
		term_error("sync: %m", err);
	else
		status = matches_status(&matchl);

 out:
	list_flush(&matchl);
	pull_close(&pull);

	return status;
}


/* now */


static const char *const statev[] = {
	[ASSIGN_OPEN] = "open", [ASSIGN_THERE] = "there",
	[ASSIGN_WOULD] = "would", [ASSIGN_DONE] = "done",
	[ASSIGN_FAILED] = "failed",
};


/** Those who can call, if they are given what is wanted */
static int people_choose(struct list *peoplel, const struct list *matchl)
{
	struct le *le;

	LIST_FOREACH(matchl, le) {
		struct match *match = le->data;
		struct assignment *one;
		int err;

		if (match->why != MATCH_READY || !match->user->number)
			continue;

		err = assignment_alloc(&one, match->person->id,
				       match->user->number);
		if (err)
			return err;

		one->arg = match;
		list_append(peoplel, &one->le, one);
	}

	return 0;
}


static json_t *assignment_json(const struct assignment *one)
{
	const struct match *match = one->arg;

	return json_pack("{s:s, s:s, s:s, s:s}", "upn", match->user->upn,
			 "number", one->number, "state", statev[one->state],
			 "reason", one->why);
}


static int assignments_json(const struct list *peoplel)
{
	json_t *rows = json_array();
	int err = rows ? 0 : ENOMEM;
	struct le *le;

	LIST_FOREACH(peoplel, le) {
		if (json_array_append_new(rows, assignment_json(le->data)))
			err = ENOMEM;
	}

	if (!err)
		err = term_json(rows);
	json_decref(rows);

	return err;
}


static int assignments_print(const struct list *peoplel)
{
	static const char *const headv[] = {"STATE", "USER", "NUMBER", "WHY"};
	struct table *table;
	struct le *le;
	int err;

	err = table_alloc(&table, headv, RE_ARRAY_SIZE(headv));
	if (err)
		return err;

	LIST_FOREACH(peoplel, le) {
		const struct assignment *one = le->data;
		const struct match *match = one->arg;
		const char *cellv[] = {statev[one->state], match->user->upn,
				       one->number, one->why};

		if (!err)
			err = table_row(table, term_colour(
				one->state == ASSIGN_FAILED ? TERM_RED
				: one->state == ASSIGN_OPEN ? TERM_YELLOW
				: TERM_GREEN), cellv);
	}

	if (!err)
		table_print(table);
	mem_deref(table);

	return err;
}


static bool any_failed(const struct list *peoplel)
{
	struct le *le;

	LIST_FOREACH(peoplel, le) {
		const struct assignment *one = le->data;

		if (one->state == ASSIGN_FAILED)
			return true;
	}

	return false;
}


/** What was done is shown, also if it ended on the way */
static int assign_run(struct pull *pull, const struct sync_ask *ask,
		      struct list *peoplel)
{
	const struct assign_conf conf = {.policy = SCRIPT_NAME,
					 .dry = ask->dry};
	struct assign *a = NULL;
	int err, shown;

	err = assign_begin(&a, pull->base, pull->g, peoplel, &conf, pulled,
			   pull);
	if (err) {
		term_error("sync: %m", err);
		return EXIT_BAD;
	}

	err = pull_wait(pull);
	mem_deref(a);

	shown = (ask->json ? assignments_json : assignments_print)(peoplel);

	return err || shown ? EXIT_BAD : any_failed(peoplel) ? EXIT_FAILING
		: EXIT_GOOD;
}


static int sync_now(const struct cli *cli, const struct sync_ask *ask,
		    const struct tenant *tenant)
{
	struct list matchl = LIST_INIT, peoplel = LIST_INIT;
	struct pull pull;
	int status = EXIT_BAD, err;

	if (people_pull(&pull, cli, ask))
		goto out;

	err = match_all(&matchl, pull.dir, tenant);
	if (!err)
		err = people_choose(&peoplel, &matchl);
	if (err)
		term_error("sync: %m", err);
	else
		status = assign_run(&pull, ask, &peoplel);

 out:
	list_flush(&peoplel);
	list_flush(&matchl);
	pull_close(&pull);

	return status;
}


/* script */


/** This node's, and those that the option names */
static int gateways_read(struct script_gateways *all,
			 const struct nodeconf *conf, const char *fqdn,
			 const char *more)
{
	char buf[OWN_NAME_SIZE], name[SCRIPT_FQDN_SIZE], why[128];
	int err = 0;

	if (str_isset(fqdn))
		err = script_gateway_add(all, own_name(&conf->teams.own_names,
						       fqdn, buf),
					 conf->teams.port,
					 conf->teams.carrier);

	while (more && *more && !err) {
		const size_t l = strcspn(more, ",");

		(void)re_snprintf(name, sizeof(name), "%b", more, l);
		if (l >= sizeof(name) || !check_fqdn(name, why, sizeof(why))) {
			term_error("--gateways: want names of hosts parted by"
				   " commas, found \"%s\"", name);
			return EINVAL;
		}

		err = script_gateway_add(all, name, conf->teams.port,
					 conf->teams.carrier);
		more += l + (more[l] == ',');
	}

	if (err)
		term_error("--gateways: want at most %d names",
			   SCRIPT_GATEWAYS);

	return err;
}


static int sync_script(const struct cli *cli, const struct sync_ask *ask,
		       const struct tenant *tenant)
{
	struct script_gateways gateways = {.c = 0};
	struct script script = {.tenant = tenant, .gateways = &gateways,
				.tenant_id = ask->tenant_id};
	struct errors *errs = NULL;
	struct nodeconf conf;
	char *text = NULL, made[32];
	struct tm tm;
	time_t now = time(NULL);
	int err;

	if (node_conf(cli, &conf))
		return EXIT_BAD;

	(void)strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ",
		       gmtime_r(&now, &tm));
	script.time = made;

	if (gateways_read(&gateways, &conf, tenant->teams.fqdn,
			  ask->gateways)) {
		fields_clear(&nodeconf_fields, &conf);
		return EXIT_BAD;
	}

	err = errors_alloc(&errs);
	if (!err)
		err = script_write(&text, &script, errs);
	if (!err && (fputs(text, stdout) == EOF || fflush(stdout)))
		err = errno;

	if (err == EBADMSG)
		term_errors(errs);
	else if (err)
		term_error("sync: %m", err);

	mem_deref(text);
	mem_deref(errs);
	fields_clear(&nodeconf_fields, &conf);

	return err ? EXIT_BAD : EXIT_GOOD;
}


static const struct {
	const char *name;
	int (*run)(const struct cli *cli, const struct sync_ask *ask,
		   const struct tenant *tenant);
} verbv[] = {
	{"dry-run", sync_dry_run}, {"now", sync_now}, {"script", sync_script},
};


int cmd_sync(const struct cli *cli, int argc, char *argv[])
{
	struct sync_ask ask = {0};
	const struct opt optv[] = {
		{"file", &ask.file, NULL}, {"tenant", &ask.tenant, NULL},
		{"templates", &ask.templates, NULL},
		{"tenant-id", &ask.tenant_id, NULL},
		{"client-id", &ask.client_id, NULL},
		{"certificate", &ask.certificate, NULL},
		{"login-url", &ask.login_url, NULL},
		{"graph-url", &ask.graph_url, NULL},
		{"gateways", &ask.gateways, NULL},
		{"json", NULL, &ask.json}, {"blocked", NULL, &ask.blocked},
		{"dry-run", NULL, &ask.dry},
		{NULL, NULL, NULL},
	};
	struct list tenantl = LIST_INIT;
	const struct tenant *tenant;
	int status = EXIT_BAD;
	size_t i = 0;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 1))
		return EXIT_BAD;

	if (!strcmp(argv[1], "status"))
		return sync_status_show(cli, ask.tenant, ask.json);

	while (i < RE_ARRAY_SIZE(verbv) && strcmp(argv[1], verbv[i].name))
		++i;
	if (i == RE_ARRAY_SIZE(verbv)) {
		term_error("sync: want status, dry-run, now or script, found"
			   " \"%s\"", argv[1]);
		return EXIT_BAD;
	}

	if (tenants_load(cli, &ask, &tenantl) == EXIT_GOOD) {
		tenant = tenant_find(&tenantl, ask.tenant);
		if (tenant)
			status = verbv[i].run(cli, &ask, tenant);
	}

	list_flush(&tenantl);

	return status;
}
