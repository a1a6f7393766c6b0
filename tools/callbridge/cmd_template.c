/**
 * @file cmd_template.c  The templates there are, and what is in one
 */
#include "bridge/base/errors.h"
#include "bridge/model/pbx.h"
#include "pbx-templates/template.h"
#include "customer.h"


enum { PATH_SIZE = 256, TEMPLATE_COLUMNS = 2 };


static int list_templates(const struct catalog *cat)
{
	static const char *const headv[TEMPLATE_COLUMNS] = {
		"TEMPLATE", "FOR",
	};
	struct table *table;
	int err;

	err = table_alloc(&table, headv, TEMPLATE_COLUMNS);
	if (err)
		return EXIT_BAD;

	for (size_t i = 0; i < catalog_count(cat) && !err; i++) {
		const char *title = catalog_title(cat, i);
		const char *const cellv[TEMPLATE_COLUMNS] = {
			catalog_name(cat, i), title ? title : "-",
		};

		err = table_row(table, NULL, cellv);
	}

	if (!err)
		table_print(table);
	mem_deref(table);

	return err ? EXIT_BAD : EXIT_GOOD;
}


/** Every setting that has a value, as it could be written in a customer
    file */
static int fields_print(const struct fields *root, const struct pbx *pbx,
			const struct fields *t, const char *prefix)
{
	int err = 0;

	for (size_t i = 0; i < t->fieldc && !err; i++) {
		const struct field *field = &t->fieldv[i];
		char path[PATH_SIZE];
		char *text = NULL;

		if (re_snprintf(path, sizeof(path), "%s%s", prefix,
				field->name) < 0)
			return ENAMETOOLONG;

		if (field->type == FIELD_OBJECT) {
			str_ncpy(path + strlen(path), ".",
				 sizeof(path) - strlen(path));
			err = fields_print(root, pbx, field->sub, path);
			continue;
		}

		if (field->type == FIELD_LIST)
			continue;

		err = fields_get(root, pbx, path, &text);
		if (!err && str_isset(text))
			(void)re_printf("%-32s %s\n", path, text);
		mem_deref(text);
	}

	return err;
}


static int show_template(struct catalog *cat, const char *name)
{
	struct errors *errs = NULL;
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	const char *nearest = NULL;
	int err;

	err = pbx ? errors_alloc(&errs) : ENOMEM;
	if (!err)
		err = catalog_apply(pbx, name, &nearest, errs, cat);

	if (err == ENOENT && nearest)
		term_error("template: there is no \"%s\": did you mean"
			   " \"%s\"?", name, nearest);
	else if (err == ENOENT)
		term_error("template: there is no \"%s\"; see `callbridge"
			   " template list`", name);
	else if (err)
		term_errors(errs);
	else
		err = fields_print(&pbx_fields, pbx, &pbx_fields, "");

	mem_deref(pbx);
	mem_deref(errs);

	return err ? EXIT_BAD : EXIT_GOOD;
}


int cmd_template(const struct cli *cli, int argc, char *argv[])
{
	const char *templates = NULL;
	const struct opt optv[] = {
		{"templates", &templates, NULL}, {NULL, NULL, NULL},
	};
	struct catalog *cat = NULL;
	bool show;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 2))
		return EXIT_BAD;

	show = !strcmp(argv[1], "show");
	if ((!show && strcmp(argv[1], "list")) || argc != (show ? 3 : 2)) {
		term_error("template: want `list` or `show NAME`");
		return EXIT_BAD;
	}

	status = customer_load(cli, &cat, templates, NULL, NULL, 0);
	if (status == EXIT_GOOD)
		status = show ? show_template(cat, argv[2])
			: list_templates(cat);

	mem_deref(cat);

	return status;
}
