/**
 * @file template.h  How one PBX product wants to be spoken to
 *
 * A template is a YAML file of pbx fields with `template`, `title`,
 * `extends`, `evidence`, `ask`, `notes` and `facts` before them. generic is
 * the root. The catalog is compiled in; a folder of own templates may extend
 * or shadow it: an own template that extends its own name extends the
 * built-in one.
 */
#ifndef TEMPLATES_TEMPLATE_H
#define TEMPLATES_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

struct pbx;
struct fields;
struct errors;
struct strings;
struct catalog;                    /* a libre memory object */

/**
 * Read and check all templates
 *
 * @param folder  Own templates, NULL: only the built-in ones
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int catalog_load(struct catalog **catp, const char *folder,
		 struct errors *errs);

/** A template that is no file: its name, and YAML */
struct catalog_text {
	const char *name;
	const char *text;
};

/** The same, with own templates that come before those of the folder */
int catalog_load_texts(struct catalog **catp, const char *folder,
		       const struct catalog_text *textv, size_t textc,
		       struct errors *errs);

/**
 * Check template files, over the built-in ones and those of a folder
 *
 * @param pathv   Files, or folders for their *.yaml
 * @param folder  Own templates that they may extend, NULL: none. A file of
 *                the same name is left out there
 * @param errs    All that is wrong
 * @param doubts  What is allowed but rests on nothing; NULL: not asked for
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int catalog_lint(char *const *pathv, size_t pathc, const char *folder,
		 struct errors *errs, struct errors *doubts);

/** The fields of a template file; for its JSON Schema */
const struct fields *template_table(void);

/** Set a PBX's fields from a template's chain; a customer_template_h (arg:
    the catalog) */
int catalog_apply(struct pbx *pbx, const char *name, const char **nearest,
		  struct errors *errs, void *arg);

size_t catalog_count(const struct catalog *cat);
const char *catalog_name(const struct catalog *cat, size_t i);
const char *catalog_title(const struct catalog *cat, size_t i);

/** What the template rests on: "documented", "field-report", "unverified" */
const char *catalog_evidence(const struct catalog *cat, size_t i);

/** Fields to ask for in a form: dotted paths of pbx_fields. Borrowed */
const struct strings *catalog_ask(const struct catalog *cat, size_t i);

/** What to see to at such a PBX. Borrowed */
const struct strings *catalog_notes(const struct catalog *cat, size_t i);

/** What it extends, NULL for the root */
const char *catalog_parent(const struct catalog *cat, size_t i);

/** Where a setting comes from, and what it rests on. All borrowed */
struct origin {
	const char *template;      /* whose file sets it; NULL: none does */
	bool own;                  /* that is not a built-in one          */
	const char *grade;         /* as catalog_evidence(), or NULL      */
	const char *why;           /* NULL: nothing is known of it alone  */
};

/**
 * @param name  Template
 * @param path  Setting, a dotted path of pbx_fields
 *
 * @return 0, ENOENT no such template
 */
int catalog_origin(struct origin *origin, const struct catalog *cat,
		   const char *name, const char *path);

#endif
