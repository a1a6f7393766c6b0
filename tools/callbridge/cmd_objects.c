/**
 * @file cmd_objects.c  Looking at, setting and removing what is in the store
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "bridge/base/errors.h"
#include "bridge/model/syncconf.h"
#include "bridge/model/tenant.h"
#include "bridge/model/testers.h"
#include "cli.h"
#include "yaml_json.h"


/** What can be named on the command line */
struct thing {
	const char *word;
	const char *path;          /* libre's format, each name by %H */
	int names;
	const struct fields *fields;   /* NULL: cannot be set */
	bool removable;
};


static const struct thing thingv[] = {
	{"tenants", "/api/v1/tenants", 0, NULL, false},
	{"tenant", "/api/v1/tenants/%H", 1, &tenant_fields, true},
	{"pbxs", "/api/v1/tenants/%H/pbxs", 1, NULL, false},
	{"pbx", "/api/v1/tenants/%H/pbxs/%H", 2, &pbx_fields, true},
	{"users", "/api/v1/tenants/%H/users", 1, NULL, false},
	{"user", "/api/v1/tenants/%H/users/%H", 2, &user_fields, true},
	{"syncs", "/api/v1/syncs", 0, NULL, false},
	{"sync", "/api/v1/tenants/%H/sync", 1, &syncconf_fields, true},
	{"people", "/api/v1/tenants/%H/sync/people", 1, NULL, false},
	{"testers", "/api/v1/tenants/%H/pbxs/%H/testers", 2, &testers_fields,
	 true},
	{"test-plans", "/api/v1/test-plans", 0, NULL, false},
	{"test-runs", "/api/v1/test-runs", 0, NULL, false},
	{"test-run", "/api/v1/test-runs/%H", 1, NULL, true},
	{"templates", "/api/v1/templates", 0, NULL, false},
	{"template", "/api/v1/templates/%H", 1, NULL, true},
	{"admins", "/api/v1/admins", 0, NULL, false},
	{"admin", "/api/v1/admins/%H", 1, NULL, true},
	{"tokens", "/api/v1/tokens", 0, NULL, false},
	{"token", "/api/v1/tokens/%H", 1, NULL, true},
	{"audit", "/api/v1/audit", 0, NULL, false},
	{"call-records", "/api/v1/call-records", 0, NULL, false},
	{"registration-history", "/api/v1/registration-history", 0, NULL,
	 false},
	{"overview", "/api/v1/overview", 0, NULL, false},
	{"certificates", "/api/v1/certificates", 0, NULL, false},
	{"firewall", "/api/v1/tenants/%H/pbxs/%H/firewall", 2, NULL, false},
};


static const struct thing *thing_find(const char *command, const char *word)
{
	const char *wordv[RE_ARRAY_SIZE(thingv)], *near;

	for (size_t i = 0; i < RE_ARRAY_SIZE(thingv); i++) {
		if (!strcmp(thingv[i].word, word))
			return &thingv[i];
		wordv[i] = thingv[i].word;
	}

	near = errors_nearest(word, wordv, RE_ARRAY_SIZE(wordv));
	if (near)
		term_error("%s: there is no \"%s\": did you mean \"%s\"?",
			   command, word, near);
	else
		term_error("%s: there is no \"%s\"; see `callbridge %s"
			   " --help`", command, word, command);

	return NULL;
}


/** @param nameh, namev  As the path's %H want them; names left out are not
    looked at */
static int thing_ask(const struct cli *cli, struct answer *answer,
		     const struct thing *thing, const char *method,
		     const char *type, const char *body, char *const namev[])
{
	char *path = NULL;
	int err, status;

	err = re_sdprintf(&path, thing->path, ask_escape,
			  thing->names > 0 ? namev[0] : NULL, ask_escape,
			  thing->names > 1 ? namev[1] : NULL);
	if (err)
		return EXIT_BAD;

	status = ask_with(cli, answer, method, type, body, "%s", path);
	mem_deref(path);

	return status;
}


/** All pages of a list, one after the other */
static int list_print(const struct cli *cli, const struct thing *thing,
		      char *const namev[])
{
	json_t *all = NULL;
	char *path = NULL, *cursor = NULL;
	struct answer answer;
	int status;

	if (re_sdprintf(&path, thing->path, ask_escape,
			thing->names > 0 ? namev[0] : NULL, ask_escape,
			thing->names > 1 ? namev[1] : NULL))
		return EXIT_BAD;

	do {
		const char *name;
		json_t *value;

		status = cursor ?
			ask_with(cli, &answer, "GET", NULL, NULL,
				 "%s?limit=1000&cursor=%H", path, ask_escape,
				 cursor) :
			ask_with(cli, &answer, "GET", NULL, NULL, "%s", path);
		if (status)
			break;

		cursor = mem_deref(cursor);
		(void)str_dup(&cursor, answer_str(answer.json, "next"));
		if (cursor && !*cursor)
			cursor = mem_deref(cursor);

		json_object_foreach(answer.json, name, value)
			if (all && json_is_array(value))
				(void)json_array_extend(json_object_get(all,
							name), value);
		if (!all)
			all = json_incref(answer.json);
		answer_clear(&answer);
	} while (cursor);

	if (!status) {
		(void)json_object_del(all, "next");
		status = term_json(all) ? EXIT_BAD : EXIT_GOOD;
	}

	json_decref(all);
	mem_deref(cursor);
	mem_deref(path);

	return status;
}


int cmd_get(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};
	const struct thing *thing;
	struct answer answer;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 3))
		return EXIT_BAD;

	thing = thing_find(argv[0], argv[1]);
	if (!thing || options_argc(argc, argv, 1 + thing->names,
				   1 + thing->names))
		return EXIT_BAD;

	if (!thing->removable)
		return list_print(cli, thing, &argv[2]);

	if (!strcmp(thing->word, "admin") || !strcmp(thing->word, "token")) {
		term_error("get: see `callbridge get %ss`", thing->word);
		return EXIT_BAD;
	}

	status = thing_ask(cli, &answer, thing, "GET", NULL, NULL, &argv[2]);
	if (status)
		return status;

	status = term_json(answer.json) ? EXIT_BAD : EXIT_GOOD;
	answer_clear(&answer);

	return status;
}


int cmd_rm(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};
	const struct thing *thing;
	struct answer answer;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 2, 3))
		return EXIT_BAD;

	thing = thing_find(argv[0], argv[1]);
	if (!thing)
		return EXIT_BAD;
	if (!thing->removable) {
		term_error("rm: want one of them, as in `callbridge rm user"
			   " TENANT UPN`");
		return EXIT_BAD;
	}
	if (options_argc(argc, argv, 1 + thing->names, 1 + thing->names))
		return EXIT_BAD;

	status = thing_ask(cli, &answer, thing, "DELETE", NULL, NULL,
			   &argv[2]);
	if (!status)
		answer_clear(&answer);

	return status;
}


/* set */


/** A dotted path into a tree of objects */
static int tree_set(json_t *json, const char *path, json_t *value)
{
	const char *dot = strchr(path, '.');
	char name[128];
	json_t *child;

	if (!dot)
		return json_object_set_new(json, path, value);

	(void)re_snprintf(name, sizeof(name), "%b", path,
			  (size_t)(dot - path));
	child = json_object_get(json, name);
	if (!child) {
		child = json_object();
		(void)json_object_set_new(json, name, child);
	}

	return tree_set(child, dot + 1, value);
}


/** A secret is better read than written where others see it */
static json_t *line_read(void)
{
	char line[512];
	json_t *json;

	if (!fgets(line, sizeof(line), stdin))
		return NULL;

	line[strcspn(line, "\r\n")] = '\0';
	json = json_string(line);
	OPENSSL_cleanse(line, sizeof(line));

	return json;
}


static int setting_take(json_t *json, const struct fields *t, char *text)
{
	char *equals = strchr(text, '=');
	const struct field *f;
	json_t *value;

	if (!equals) {
		term_error("set: want FIELD=VALUE, found \"%s\"", text);
		return EBADMSG;
	}

	*equals = '\0';
	f = fields_find(t, text);
	if (!f) {
		term_error("set: a %s has no setting \"%s\"; see `callbridge"
			   " explain %s`", t->name, text, t->name);
		return EBADMSG;
	}

	value = !equals[1] ? json_null() :
		(f->flags & FIELD_SECRET) && !strcmp(equals + 1, "-") ?
		line_read() : yaml_value(f, equals + 1);

	return value && !tree_set(json, text, value) ? 0 : ENOMEM;
}


int cmd_set(const struct cli *cli, int argc, char *argv[])
{
	bool make = false;
	const struct opt optv[] = {
		{"new", NULL, &make},
		{NULL, NULL, NULL},
	};
	const struct thing *thing;
	struct answer answer;
	json_t *json;
	char *body;
	int status = EXIT_BAD;

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, 2, 64))
		return EXIT_BAD;

	thing = thing_find(argv[0], argv[1]);
	if (!thing)
		return EXIT_BAD;
	if (!thing->fields) {
		term_error("set: want tenant, pbx, user, sync or testers,"
			   " found \"%s\"", argv[1]);
		return EXIT_BAD;
	}
	if (options_argc(argc, argv, 2 + thing->names, 64))
		return EXIT_BAD;

	json = json_object();
	for (int i = 2 + thing->names; i < argc; i++)
		if (setting_take(json, thing->fields, argv[i]))
			goto out;

	body = json_dumps(json, JSON_COMPACT);
	if (!body)
		goto out;

	status = thing_ask(cli, &answer, thing, make ? "PUT" : "PATCH",
			   "application/json", body, &argv[2]);
	OPENSSL_cleanse(body, strlen(body));
	free(body);
	if (!status) {
		status = term_json(json_object_get(answer.json, "value")) ?
			EXIT_BAD : EXIT_GOOD;
		answer_clear(&answer);
	}

 out:
	json_decref(json);

	return status;
}
