/**
 * @file template.h  How one PBX product wants to be spoken to
 *
 * A template is a YAML file of pbx fields with `template`, `title`,
 * `extends`, `evidence` and `ask` before them. generic is the root. The
 * catalog is compiled in; a folder of own templates may extend or shadow it:
 * an own template that extends its own name extends the built-in one.
 */
#ifndef TEMPLATES_TEMPLATE_H
#define TEMPLATES_TEMPLATE_H

#include <stddef.h>

struct pbx;
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

#endif
