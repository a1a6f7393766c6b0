/**
 * @file cmd_apply.c  A customer made as a file says
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/model/tenant.h"
#include "cli.h"
#include "yaml_json.h"


static void change_print(const json_t *change)
{
	const char *action = answer_str(change, "action"), *path;
	const char *sign = !strcmp(action, "create") ? "+" :
		!strcmp(action, "remove") ? "-" : "~";
	json_t *pair;
	char *old, *now;

	(void)re_printf("%s %s %s\n", sign, answer_str(change, "kind"),
			answer_str(change, "name"));

	json_object_foreach(json_object_get(change, "fields"), path, pair) {
		old = json_dumps(json_array_get(pair, 0), JSON_ENCODE_ANY |
				 JSON_COMPACT);
		now = json_dumps(json_array_get(pair, 1), JSON_ENCODE_ANY |
				 JSON_COMPACT);

		if (strcmp(action, "create"))
			(void)re_printf("    %s: %s -> %s\n", path, old,
					now);
		else
			(void)re_printf("    %s: %s\n", path, now);
		free(old);
		free(now);
	}
}


static void changes_print(const json_t *json, bool dry_run)
{
	const json_t *changes = json_object_get(json, "changes");
	const json_t *change;
	size_t i;

	json_array_foreach(changes, i, change)
		change_print(change);

	if (!json_array_size(changes))
		(void)puts("nothing to change");
	else
		(void)re_printf("%zu changes%s\n", json_array_size(changes),
				dry_run ? ", none made: this was a dry run"
				: "");
}


/** Read and checked as far as the file alone tells, with its lines */
static int file_read(json_t **jsonp, const char *path)
{
	struct tenant *tenant = fields_item_alloc(&tenant_fields);
	struct errors *errs = NULL;
	struct doc *doc = NULL;
	int err;

	err = tenant ? errors_alloc(&errs) : ENOMEM;
	if (!err)
		err = doc_load_large(&doc, path, errs);
	if (!err && !doc_root(doc)) {
		errors_add(errs, NULL, NULL, "%s: is empty", path);
		err = EBADMSG;
	}
	if (!err)
		err = fields_read(&tenant_fields, tenant, doc_root(doc), errs,
				  NULL);
	if (err)
		term_errors(errs);
	else
		*jsonp = yaml_json(&tenant_fields, doc_root(doc));

	mem_deref(doc);
	mem_deref(errs);
	mem_deref(tenant);

	return err;
}


static int apply(const struct cli *cli, const char *path, bool dry_run)
{
	struct answer answer;
	json_t *json = NULL;
	char *body;
	int status;

	if (file_read(&json, path))
		return EXIT_BAD;

	body = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (!body)
		return EXIT_BAD;

	status = ask_with(cli, &answer, "POST", "application/json", body,
			  "/api/v1/apply?dry_run=%s",
			  dry_run ? "true" : "false");
	free(body);
	if (status)
		return status;

	changes_print(answer.json, dry_run);
	answer_clear(&answer);

	return EXIT_GOOD;
}


int cmd_apply(const struct cli *cli, int argc, char *argv[])
{
	const char *file = NULL;
	bool dry_run = false;
	const struct opt optv[] = {
		{"file", &file, NULL},
		{"dry-run", NULL, &dry_run},
		{NULL, NULL, NULL},
	};
	int status = EXIT_GOOD;

	/* -f is what everybody types */
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-f"))
			argv[i] = (char *)(uintptr_t)"--file";

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, file ? 0 : 1, 64))
		return EXIT_BAD;

	if (file)
		status = apply(cli, file, dry_run);
	for (int i = 1; i < argc && status == EXIT_GOOD; i++)
		status = apply(cli, argv[i], dry_run);

	return status;
}
