/**
 * @file cmd_sync.c  Microsoft 365 and the customer's users
 *
 * Needs no running service: the customer's files on one side, Microsoft
 * Graph on the other. Nothing is changed on either.
 */
#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/errors.h"
#include "bridge/model/nodeconf.h"
#include "portal-api/sync/directory.h"
#include "portal-api/sync/matching.h"
#include "portal-api/sync/script.h"
#include "customer.h"


#define SECRET "CALLBRIDGE_GRAPH_SECRET"

struct sync_ask {
	const char *file, *tenant, *templates;
	const char *tenant_id, *client_id;
	const char *login_url, *graph_url;
	bool json, blocked;
};


/** What a pull left */
struct pull {
	struct event_base *base;   /* borrowed */
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


/** The secret does not stay in the environment, where others may read it */
static int graph_make(struct graph **gp, struct event_base *base,
		      const struct cli *cli, const struct sync_ask *ask)
{
	char *secret = getenv(SECRET);
	const struct graph_conf conf = {
		.login_base = ask->login_url, .graph_base = ask->graph_url,
		.tenant = ask->tenant_id, .client_id = ask->client_id,
		.client_secret = secret, .ca_file = cli->ca_file,
	};
	int err;

	if (!ask->tenant_id || !ask->client_id) {
		term_error("sync: want --tenant-id ID and --client-id ID of"
			   " the app registration (docs/sync.md)");
		return EINVAL;
	}
	if (!str_isset(secret)) {
		term_error("sync: want the client secret in " SECRET);
		return EINVAL;
	}

	err = graph_alloc(gp, base, &conf);
	OPENSSL_cleanse(secret, strlen(secret));
	(void)unsetenv(SECRET);

	if (err == EINVAL)
		term_error("sync: --login-url, --graph-url: want https://...");
	else if (err)
		term_error("sync: %m", err);

	return err;
}


static int people_pull(struct directory **dirp, const struct cli *cli,
		       const struct sync_ask *ask)
{
	struct event_base *base = event_base_new();
	struct pull pull = {.base = base};
	struct directory *dir = NULL;
	struct graph *g = NULL;
	int err = base ? 0 : ENOMEM;

	if (!err)
		err = graph_make(&g, base, cli, ask);
	if (!err)
		err = directory_alloc(&dir);
	if (!err)
		err = directory_pull(dir, g, pulled, &pull);

	while (!err && !pull.done)
		(void)event_base_dispatch(base);

	if (!err && pull.fault != GRAPH_GOOD) {
		pull_tell(&pull);
		err = EPROTO;
	}

	mem_deref(g);
	if (base)
		event_base_free(base);
	if (err)
		mem_deref(dir);
	else
		*dirp = dir;

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
	struct directory *dir = NULL;
	int status = EXIT_BAD, err;

	if (people_pull(&dir, cli, ask))
		return EXIT_BAD;

	err = match_all(&matchl, dir, tenant);
	if (!err)
		err = (ask->json ? matches_json : matches_print)(&matchl, ask);
	if (err)
		term_error("sync: %m", err);
	else
		status = matches_status(&matchl);

	list_flush(&matchl);
	mem_deref(dir);

	return status;
}


/* script */


/** One label below a carrier's name: the trunk is derived from it */
static bool is_derived(const struct tenant *tenant, const char *carrier)
{
	const char *dot = tenant->teams.fqdn ? strchr(tenant->teams.fqdn, '.')
		: NULL;

	return dot && carrier && !str_casecmp(dot + 1, carrier);
}


static int sync_script(const struct cli *cli, const struct sync_ask *ask,
		       const struct tenant *tenant)
{
	struct script script = {.tenant = tenant,
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
	script.time    = made;
	script.port    = conf.teams.port;
	script.derived = is_derived(tenant, conf.teams.carrier);

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


int cmd_sync(const struct cli *cli, int argc, char *argv[])
{
	struct sync_ask ask = {0};
	const struct opt optv[] = {
		{"file", &ask.file, NULL}, {"tenant", &ask.tenant, NULL},
		{"templates", &ask.templates, NULL},
		{"tenant-id", &ask.tenant_id, NULL},
		{"client-id", &ask.client_id, NULL},
		{"login-url", &ask.login_url, NULL},
		{"graph-url", &ask.graph_url, NULL},
		{"json", NULL, &ask.json}, {"blocked", NULL, &ask.blocked},
		{NULL, NULL, NULL},
	};
	struct list tenantl = LIST_INIT;
	const struct tenant *tenant;
	int status;
	bool script;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 1))
		return EXIT_BAD;

	script = !strcmp(argv[1], "script");
	if (!script && strcmp(argv[1], "dry-run")) {
		term_error("sync: want dry-run or script, found \"%s\"",
			   argv[1]);
		return EXIT_BAD;
	}

	status = tenants_load(cli, &ask, &tenantl);
	tenant = status == EXIT_GOOD ? tenant_find(&tenantl, ask.tenant)
		: NULL;
	if (tenant)
		status = (script ? sync_script : sync_dry_run)(cli, &ask,
							       tenant);
	else
		status = EXIT_BAD;

	list_flush(&tenantl);

	return status;
}
