/**
 * @file cmd_files.c  What people write: checking and explaining it
 */
#include <jansson.h>

#include "bridge/base/errors.h"
#include "bridge/model/doubt.h"
#include "bridge/model/nodeconf.h"
#include "bridge/model/syncconf.h"
#include "bridge/model/tenant.h"
#include "bridge/model/testers.h"
#include "pbx-templates/template.h"
#include "testplans/plan.h"
#include "testplans/roster.h"
#include "customer.h"


/** The tables that a person can write, by the name in `explain` */
static const struct {
	const char *name;
	const struct fields *fields;
} tablev[] = {
	{"pbx",    &pbx_fields},
	{"user",   &user_fields},
	{"tenant", &tenant_fields},
	{"node",   &nodeconf_fields},
	{"sync",   &syncconf_fields},
	{"testers", &testers_fields},
};

enum { TABLEC = sizeof(tablev) / sizeof(tablev[0]), WORDS_MAX = 128 };


/* check */


struct doubting {
	const char *tenant, *pbx;
};


static void doubt_print(const char *field, const char *text, void *arg)
{
	const struct doubting *doubting = arg;

	(void)re_printf("%s: %s: %s: warning: %s\n", doubting->tenant,
			doubting->pbx, field, text);
}


static void tell_doubts(const struct tenant *tenant)
{
	struct le *le;

	LIST_FOREACH(&tenant->pbxl, le) {
		const struct pbx *pbx = le->data;
		struct doubting doubting = { tenant->tenant, pbx->name };

		pbx_doubts(pbx, doubt_print, &doubting);
	}
}


static void tell_good(const struct list *tenantl)
{
	struct le *le;

	LIST_FOREACH(tenantl, le) {
		const struct tenant *tenant = le->data;

		(void)re_printf("%s: good: %u PBX%s, %u user%s\n",
				tenant->tenant,
				list_count(&tenant->pbxl),
				list_count(&tenant->pbxl) == 1 ? "" : "es",
				list_count(&tenant->userl),
				list_count(&tenant->userl) == 1 ? "" : "s");
		tell_doubts(tenant);
	}
}


int cmd_check(const struct cli *cli, int argc, char *argv[])
{
	const char *templates = NULL;
	const struct opt optv[] = {
		{"templates", &templates, NULL}, {NULL, NULL, NULL},
	};
	struct list tenantl = LIST_INIT;
	struct catalog *cat = NULL;
	int status;

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, 1, INT32_MAX))
		return EXIT_BAD;

	status = customer_load(cli, &cat, templates, &tenantl, argv + 1,
			       (size_t)(argc - 1));
	if (status == EXIT_GOOD)
		tell_good(&tenantl);

	list_flush(&tenantl);
	mem_deref(cat);

	return status;
}


/* explain, schema */


/**
 * @param path  Rest of the name after the table's, NULL for none
 *
 * @return NULL if there is no such table (the person was told)
 */
static const struct fields *table_find(const char *command, const char *name,
				       const char **path)
{
	const size_t l = strcspn(name, ".");
	const char *wordv[TABLEC], *near;

	for (size_t i = 0; i < TABLEC; i++) {
		wordv[i] = tablev[i].name;
		if (strlen(wordv[i]) != l || strncmp(wordv[i], name, l))
			continue;

		*path = name[l] ? name + l + 1 : NULL;
		return tablev[i].fields;
	}

	near = errors_nearest(name, wordv, TABLEC);
	term_error("%s: want pbx, user, tenant or node, found \"%s\"%s%s%s",
		   command, name, near ? ": did you mean \"" : "",
		   near ? near : "", near ? "\"?" : "");

	return NULL;
}


/** The nearest among the fields beside the one that is not there */
static void tell_unknown(const struct fields *fields, const char *name,
			 const char *path)
{
	const char *wordv[WORDS_MAX], *near, *last = path, *dot;
	const struct fields *sub = fields;
	char parent[256];
	size_t c;

	dot = strrchr(path, '.');
	if (dot && (size_t)(dot - path) < sizeof(parent)) {
		const struct field *field;

		memcpy(parent, path, (size_t)(dot - path));
		parent[dot - path] = '\0';
		field = fields_find(fields, parent);
		sub   = field && field->sub ? field->sub : NULL;
		last  = dot + 1;
	}

	for (c = 0; sub && c < sub->fieldc && c < WORDS_MAX; c++)
		wordv[c] = sub->fieldv[c].name;

	near = sub ? errors_nearest(last, wordv, c) : NULL;
	if (near)
		term_error("explain: there is no field %s: did you mean"
			   " \"%s\"?", name, near);
	else
		term_error("explain: there is no field %s", name);
}


static void tables_print(void)
{
	(void)puts("Fields are named by what they belong to, as in"
		   " pbx.transfer.blind:\n");

	for (size_t i = 0; i < TABLEC; i++)
		(void)re_printf("%-7s %s\n", tablev[i].name,
				tablev[i].fields->help);
}


int cmd_explain(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};
	const struct fields *fields;
	const char *path;

	(void)cli;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 1))
		return EXIT_BAD;

	if (argc == 1) {
		tables_print();
		return EXIT_GOOD;
	}

	fields = table_find(argv[0], argv[1], &path);
	if (!fields)
		return EXIT_BAD;

	if (path && !fields_find(fields, path)) {
		tell_unknown(fields, argv[1], path);
		return EXIT_BAD;
	}

	return fields_explain(term_out(), fields, path) ? EXIT_BAD
		: EXIT_GOOD;
}


int cmd_schema(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};
	const struct fields *fields;
	const char *path;
	json_t *json;
	int status;

	(void)cli;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 1))
		return EXIT_BAD;

	if (!strcmp(argv[1], "testplan")) {
		json = plan_schema();
		goto out;
	}

	path   = NULL;
	fields = !strcmp(argv[1], "pbx-template") ? template_table() :
		!strcmp(argv[1], "roster") ? &roster_fields :
		table_find(argv[0], argv[1], &path);
	if (!fields)
		return EXIT_BAD;

	if (path) {
		term_error("schema: want pbx, user, tenant, node,"
			   " pbx-template, testplan or roster, found \"%s\"",
			   argv[1]);
		return EXIT_BAD;
	}

	json = fields_schema(fields);

 out:
	status = json ? term_json(json) : EXIT_BAD;
	json_decref(json);

	return status;
}
