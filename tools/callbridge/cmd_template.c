/**
 * @file cmd_template.c  The templates there are, and what is in them
 */
#include "bridge/base/errors.h"
#include "bridge/model/pbx.h"
#include "pbx-templates/template.h"
#include "customer.h"
#include "template_doctor.h"
#include "template_cli.h"


enum {
	PATH_SIZE = 256, LIST_COLUMNS = 3, SHOW_COLUMNS = 5,
	DIFF_COLUMNS = 3, EXPLAIN_COLUMNS = 4, WORDS_MAX = 128,
};


/** What the commands of this file are asked for */
struct request {
	const struct cli *cli;
	const char *templates;     /* --templates, NULL */
	const char *answers;       /* --answers, NULL   */
	const char *output;        /* --output, NULL    */
	const char *file;          /* --file, NULL      */
	const char *user;          /* --user, NULL      */
	const char *refusals;      /* --refusals, NULL  */
	bool effective;            /* --effective       */
	bool json;                 /* --json            */
};

enum { REFUSALS = 3 };             /* most PBXs ban at five to ten */

/** Called for each setting. @return 0, else the walk ends with it */
typedef int (setting_h)(const char *path, void *arg);


/** All settings that a template can have, in the order of the table */
static int settings_walk(const struct fields *t, const char *prefix,
			 setting_h *h, void *arg)
{
	int err = 0;

	for (size_t i = 0; i < t->fieldc && !err; i++) {
		const struct field *field = &t->fieldv[i];
		const bool object = field->type == FIELD_OBJECT;
		char path[PATH_SIZE];

		/* of one PBX, not of a kind of them */
		if (!*prefix && (!strcmp(field->name, "name") ||
				 !strcmp(field->name, "template") ||
				 !strcmp(field->name, "title")))
			continue;

		if (re_snprintf(path, sizeof(path), "%s%s%s", prefix,
				field->name, object ? "." : "") < 0)
			return ENAMETOOLONG;

		if (object)
			err = settings_walk(field->sub, path, h, arg);
		else if (field->type != FIELD_LIST)
			err = h(path, arg);
	}

	return err;
}


/** That template's settings, NULL if there is none (the person was told) */
static struct pbx *settings_get(struct catalog *cat, const char *name)
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
		term_error("%m", err);

	mem_deref(errs);

	return err ? mem_deref(pbx) : pbx;
}


/** Index of a template that there is */
static size_t index_of(const struct catalog *cat, const char *name)
{
	size_t i = 0;

	while (i < catalog_count(cat) && strcmp(catalog_name(cat, i), name))
		++i;

	return i;
}


/** What people write for a setting, "-" if it is unset; never NULL */
static const char *value_get(const struct pbx *pbx, const char *path,
			     char **textp)
{
	*textp = NULL;
	(void)fields_get(&pbx_fields, pbx, path, textp);

	return str_isset(*textp) ? *textp : "-";
}


/* list */


static int list_templates(const struct catalog *cat)
{
	static const char *const headv[LIST_COLUMNS] = {
		"TEMPLATE", "EVIDENCE", "FOR",
	};
	struct table *table;
	int err;

	err = table_alloc(&table, headv, LIST_COLUMNS);
	if (err)
		return EXIT_BAD;

	for (size_t i = 0; i < catalog_count(cat) && !err; i++) {
		const char *title = catalog_title(cat, i);
		const char *const cellv[LIST_COLUMNS] = {
			catalog_name(cat, i), catalog_evidence(cat, i),
			title ? title : "-",
		};

		err = table_row(table, NULL, cellv);
	}

	if (!err)
		table_print(table);
	mem_deref(table);

	return err ? EXIT_BAD : EXIT_GOOD;
}


/* show */


struct showing {
	const struct catalog *cat;
	const char *name;
	const struct pbx *pbx;
	struct table *table;
};


/** A setting that has a value, as it could be written in a customer file */
static int print_setting(const char *path, void *arg)
{
	const struct showing *showing = arg;
	char *text;

	if (strcmp(value_get(showing->pbx, path, &text), "-"))
		(void)re_printf("%-32s %s\n", path, text);
	mem_deref(text);

	return 0;
}


static int effective_row(const char *path, void *arg)
{
	const struct showing *showing = arg;
	struct origin origin;
	const char *cellv[SHOW_COLUMNS];
	char *text;
	int err;

	err = catalog_origin(&origin, showing->cat, showing->name, path);
	if (err)
		return err;

	cellv[0] = path;
	cellv[1] = value_get(showing->pbx, path, &text);
	cellv[2] = origin.template ? origin.template : "default";
	cellv[3] = origin.grade ? origin.grade : "-";
	cellv[4] = origin.why ? origin.why : "";

	err = table_row(showing->table, NULL, cellv);
	mem_deref(text);

	return err;
}


static int print_effective(struct showing *showing)
{
	static const char *const headv[SHOW_COLUMNS] = {
		"SETTING", "VALUE", "FROM", "EVIDENCE", "WHY",
	};
	int err;

	err = table_alloc(&showing->table, headv, SHOW_COLUMNS);
	if (err)
		return err;

	err = settings_walk(&pbx_fields, "", effective_row, showing);
	if (!err)
		table_print(showing->table);

	mem_deref(showing->table);

	return err;
}


static void print_notes(const struct catalog *cat, const char *name)
{
	const struct strings *notes = catalog_notes(cat, index_of(cat, name));

	if (!notes || !notes->c)
		return;

	(void)puts("\nAt such a PBX:");
	for (size_t i = 0; i < notes->c; i++) {
		(void)fputs("- ", stdout);
		term_line(stdout, notes->v[i]);
	}
}


static int show_template(const struct request *request, struct catalog *cat,
			 const char *name)
{
	struct pbx *pbx = settings_get(cat, name);
	struct showing showing = { cat, name, pbx, NULL };
	int err;

	if (!pbx)
		return EXIT_BAD;

	if (request->effective)
		err = print_effective(&showing);
	else
		err = settings_walk(&pbx_fields, "", print_setting, &showing);

	if (!err)
		print_notes(cat, name);

	mem_deref(pbx);

	return err ? EXIT_BAD : EXIT_GOOD;
}


/* diff */


struct diffing {
	const struct pbx *a, *b;
	struct table *table;
	size_t c;
};


static int diff_row(const char *path, void *arg)
{
	struct diffing *diffing = arg;
	char *a, *b;
	const char *const cellv[DIFF_COLUMNS] = {
		path, value_get(diffing->a, path, &a),
		value_get(diffing->b, path, &b),
	};
	int err = 0;

	if (strcmp(cellv[1], cellv[2])) {
		err = table_row(diffing->table, NULL, cellv);
		++diffing->c;
	}

	mem_deref(a);
	mem_deref(b);

	return err;
}


static int diff_templates(struct catalog *cat, const char *a, const char *b)
{
	const char *const headv[DIFF_COLUMNS] = { "SETTING", a, b };
	struct pbx *pa = settings_get(cat, a);
	struct pbx *pb = pa ? settings_get(cat, b) : NULL;
	struct diffing diffing = { pa, pb, NULL, 0 };
	int err = pb ? table_alloc(&diffing.table, headv, DIFF_COLUMNS)
		: ENOENT;

	if (!err)
		err = settings_walk(&pbx_fields, "", diff_row, &diffing);
	if (!err && diffing.c)
		table_print(diffing.table);
	else if (!err)
		(void)puts("no setting differs");

	mem_deref(diffing.table);
	mem_deref(pa);
	mem_deref(pb);

	return err ? EXIT_BAD : EXIT_GOOD;
}


/* explain */


struct explaining {
	struct catalog *cat;
	const char *path;          /* asked for: a setting or a group */
	const struct pbx *generic;
	struct table *table;
	size_t c;
};

struct one {
	struct explaining *explaining;
	const char *name;
	const struct pbx *pbx;
};


/** A row for a setting in which this template differs from generic */
static int explain_row(const char *path, void *arg)
{
	const struct one *one = arg;
	struct explaining *x = one->explaining;
	const size_t l = strlen(x->path);
	const char *cellv[EXPLAIN_COLUMNS];
	char first[2 * PATH_SIZE];
	struct origin origin;
	char *a, *b;
	int err = 0;

	if (strncmp(path, x->path, l) || (path[l] && path[l] != '.'))
		return 0;

	(void)value_get(x->generic, path, &a);
	cellv[1] = value_get(one->pbx, path, &b);

	if (strcmp(str_isset(a) ? a : "-", cellv[1])) {
		err = catalog_origin(&origin, x->cat, one->name, path);
		(void)re_snprintf(first, sizeof(first), "%s%s%s", one->name,
				  path[l] ? " " : "",
				  path[l] ? path + l + 1 : "");
		cellv[0] = first;
		cellv[2] = !err && origin.grade ? origin.grade : "-";
		cellv[3] = !err && origin.why ? origin.why : "";
		if (!err)
			err = table_row(x->table, NULL, cellv);
		++x->c;
	}

	mem_deref(a);
	mem_deref(b);

	return err;
}


static int explain_templates(struct explaining *x)
{
	int err = 0;

	for (size_t i = 0; i < catalog_count(x->cat) && !err; i++) {
		struct one one = { x, catalog_name(x->cat, i), NULL };
		struct pbx *pbx = settings_get(x->cat, one.name);

		if (!pbx)
			return ENOMEM;

		one.pbx = pbx;
		err = settings_walk(&pbx_fields, "", explain_row, &one);
		mem_deref(pbx);
	}

	return err;
}


static int explain_differences(struct catalog *cat, const char *path)
{
	static const char *const headv[EXPLAIN_COLUMNS] = {
		"TEMPLATE", "VALUE", "EVIDENCE", "WHY",
	};
	struct pbx *generic = settings_get(cat, "generic");
	struct explaining x = { cat, path, generic, NULL, 0 };
	int err = generic ? table_alloc(&x.table, headv, EXPLAIN_COLUMNS)
		: ENOENT;

	if (!err)
		err = explain_templates(&x);

	if (!err && x.c) {
		(void)puts("\nOtherwise than generic:");
		table_print(x.table);
	}
	else if (!err) {
		(void)puts("\nNo template has it otherwise than generic.");
	}

	mem_deref(x.table);
	mem_deref(generic);

	return err ? EXIT_BAD : EXIT_GOOD;
}


struct words {
	char *v[WORDS_MAX];
	size_t c;
};


static int word_add(const char *path, void *arg)
{
	struct words *words = arg;

	return words->c < WORDS_MAX && !str_dup(&words->v[words->c], path) ?
		(++words->c, 0) : ENOMEM;
}


static void tell_no_setting(const char *path)
{
	struct words words = { .c = 0 };
	const char *near = NULL;

	if (!settings_walk(&pbx_fields, "", word_add, &words))
		near = errors_nearest(path, (const char *const *)words.v,
				      words.c);
	if (near)
		term_error("template: there is no setting %s: did you mean"
			   " \"%s\"?", path, near);
	else
		term_error("template: there is no setting %s; see"
			   " `callbridge explain pbx`", path);

	while (words.c)
		mem_deref(words.v[--words.c]);
}


static int explain_setting(struct catalog *cat, const char *path)
{
	if (!strncmp(path, "pbx.", 4))
		path += 4;

	if (!fields_find(&pbx_fields, path) || strchr(path, '[')) {
		tell_no_setting(path);
		return EXIT_BAD;
	}

	if (fields_explain(term_out(), &pbx_fields, path))
		return EXIT_BAD;

	return explain_differences(cat, path);
}


/* The command */


static int with_catalog(const struct request *request, int argc, char *argv[])
{
	struct catalog *cat = NULL;
	int status;
	(void)argc;

	status = customer_load(request->cli, &cat, request->templates, NULL,
			       NULL, 0);
	if (status)
		return status;

	if (!strcmp(argv[0], "list"))
		status = list_templates(cat);
	else if (!strcmp(argv[0], "show"))
		status = show_template(request, cat, argv[1]);
	else if (!strcmp(argv[0], "explain"))
		status = explain_setting(cat, argv[1]);
	else
		status = diff_templates(cat, argv[1], argv[2]);

	mem_deref(cat);

	return status;
}


static int lint(const struct request *request, int argc, char *argv[])
{
	return template_lint(request->cli, request->templates, argv + 1,
			     (size_t)(argc - 1));
}


static int make(const struct request *request, int argc, char *argv[])
{
	(void)argc;
	(void)argv;

	return template_new(request->cli, request->templates,
			    request->answers, request->output);
}


static int doctor(const struct request *request, int argc, char *argv[])
{
	struct doctor_conf conf = {
		.cli       = request->cli,
		.file      = request->file,
		.user      = request->user,
		.templates = request->templates,
		.refusals  = REFUSALS,
		.json      = request->json,
	};
	(void)argc;
	(void)argv;

	if (!conf.file || !conf.user) {
		term_error("template: doctor wants --file FILE and --user"
			   " USER");
		return EXIT_BAD;
	}

	if (request->refusals &&
	    options_number("refusals", request->refusals, 1, 20,
			   &conf.refusals))
		return EXIT_BAD;

	return template_doctor(&conf);
}


static const struct {
	const char *name;
	int min, max;              /* arguments behind the name */
	int (*run)(const struct request *request, int argc, char *argv[]);
} subv[] = {
	{"list",    0, 0, with_catalog},
	{"show",    1, 1, with_catalog},
	{"lint",    1, INT32_MAX, lint},
	{"diff",    2, 2, with_catalog},
	{"explain", 1, 1, with_catalog},
	{"new",     0, 0, make},
	{"doctor",  0, 0, doctor},
};


int cmd_template(const struct cli *cli, int argc, char *argv[])
{
	struct request request = { .cli = cli };
	const struct opt optv[] = {
		{"templates", &request.templates, NULL},
		{"answers", &request.answers, NULL},
		{"output", &request.output, NULL},
		{"file", &request.file, NULL}, {"user", &request.user, NULL},
		{"refusals", &request.refusals, NULL},
		{"json", NULL, &request.json},
		{"effective", NULL, &request.effective}, {NULL, NULL, NULL},
	};

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, 1, INT32_MAX))
		return EXIT_BAD;

	for (size_t i = 0; i < sizeof(subv) / sizeof(subv[0]); i++) {
		if (strcmp(argv[1], subv[i].name) ||
		    argc - 2 < subv[i].min || argc - 2 > subv[i].max)
			continue;

		return subv[i].run(&request, argc - 1, argv + 1);
	}

	term_error("template: want `list`, `show NAME`, `lint FILE...`,"
		   " `diff A B`, `explain SETTING`, `new` or `doctor`");

	return EXIT_BAD;
}
