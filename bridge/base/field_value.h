/**
 * @file field_value.h  One value: read, checked, stored, written
 *
 * For the field_*.c of this room alone.
 */
#ifndef BASE_FIELD_VALUE_H
#define BASE_FIELD_VALUE_H

#include "field.h"

enum {
	FIELD_PATH_MAX = 256,      /* octets of a dotted path     */
	FIELD_WANT_MAX = 256,      /* octets of what is wanted    */
};

/** A dotted path that grows and shrinks; what does not fit is cut */
struct path {
	size_t len;
	char text[FIELD_PATH_MAX];
};

/** Append ".name", or "name" to an empty path. @return length before */
size_t path_push(struct path *path, const char *name);

/** Append "[i]". @return length before */
size_t path_push_index(struct path *path, size_t i);

/** Cut back to the length that a push returned */
void path_pop(struct path *path, size_t len);

/** The member of obj that f describes */
void *field_member(const struct field *f, const void *obj);

/** Field of this name, NULL if there is none */
const struct field *fields_lookup(const struct fields *t, const char *name,
				  size_t l);

/** "number", "duration", "list of texts" ... */
void field_type_name(const struct field *f, char *buf, size_t size);

/** What may be written, as words after "want": "60s..7200s" */
void field_want(const struct field *f, char *buf, size_t size);

/** True for the types that are one text when written */
bool field_is_scalar(const struct field *f);

/** True if min and max hold n: octets, items or the value itself */
bool field_in_range(const struct field *f, int64_t n);

/**
 * Read a scalar as a person would write it and store it
 *
 * @param why  What is wanted instead when it is wrong, FIELD_WANT_MAX octets
 *
 * @return 0, EBADMSG (nothing was stored), ENOMEM
 */
int field_parse(const struct field *f, void *obj, const char *text,
		char *why);

/** Check one item of FIELD_STRINGS. @return 0 or EBADMSG, as above */
int field_check_item(const struct field *f, const char *text, char *why);

/** Take the place of what was there; `from` is left empty */
void field_replace_strings(struct strings *to, struct strings *from);
void field_replace_list(struct list *to, struct list *from);

/** Make unset: no text, an empty list, no choice */
void field_unset(const struct field *f, void *obj);

/** A scalar as a person would write it, empty if unset; secrets too */
int field_print(struct re_printf *pf, const struct field *f,
		const void *obj);

/** As fields_json(), as text in one line (libre memory) */
int field_json_text(const struct field *f, const void *obj, char **textp);

/**
 * Read a tree into a struct, as fields_read()
 *
 * @param typed  Plain scalars are JSON's numbers, booleans and null, quoted
 *               ones its strings: they do not stand for each other
 */
int fields_read_tree(const struct fields *t, void *obj,
		     const struct doc_node *node, bool typed,
		     struct errors *errs, uint64_t *set);

#endif
