/**
 * @file field.h  One table a struct
 *
 * Every struct that a person can set has one table of its fields. From it
 * come YAML loading with errors that name file, line and column, JSON in and
 * out, printing of each value with its origin, `explain` and the JSON Schema.
 * Adding a setting is one line in the table and the code that uses it.
 *
 * A table describes a plain struct. Members by type:
 *
 *   FIELD_BOOL      bool
 *   FIELD_INT       int64_t     min..max
 *   FIELD_DURATION  uint32_t    in the unit of the table (FIELD_MS or
 *                               FIELD_S); written 500ms, 30s, 5m, 2h, 1d or
 *                               a bare number of that unit; min..max
 *   FIELD_PERCENT   uint32_t    written 50% or 50; min..max
 *   FIELD_STRING    char *      owned by the struct (libre memory), NULL if
 *                               unset; min..max octets
 *   FIELD_CHOICE    int         index into choicev; -1 if unset, which it
 *                               is by default only without a dflt
 *   FIELD_STRINGS   struct strings   list of strings; choicev, if set, says
 *                               which ones may occur; min..max items
 *   FIELD_OBJECT    a struct in place, described by `sub`
 *   FIELD_LIST      struct list (libre) of structs described by `sub`, each
 *                   a libre memory object whose first member is struct le
 *                               (le.data is the item); min..max items; at
 *                               most 32 tables a program have items
 *
 * A dotted path goes through mappings and list items: `pbx[0].timing.expires`.
 * Written null makes a text, a list or a choice without default unset.
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libre.h"

struct doc_node;
struct errors;
struct json_t;

enum field_type {
	FIELD_BOOL, FIELD_INT, FIELD_DURATION, FIELD_PERCENT, FIELD_STRING,
	FIELD_CHOICE, FIELD_STRINGS, FIELD_OBJECT, FIELD_LIST,
};

enum field_unit { FIELD_NO_UNIT, FIELD_MS, FIELD_S };

enum field_flag {
	FIELD_REQUIRED = 1 << 0,   /* must be set                         */
	FIELD_SECRET   = 1 << 1,   /* never printed, logged or exported   */
	FIELD_KEY      = 1 << 2,   /* names the object; cannot be changed */
	FIELD_ADVANCED = 1 << 3,   /* not in the short form               */
	FIELD_MSP      = 1 << 4,   /* only the MSP may set it             */
};

struct strings {
	char **v;                  /* owned, each a libre memory object */
	size_t c;
};

struct fields;

/**
 * Further check of one value, after type and range were right
 *
 * @param why  Where to say what was wanted, one line, when it fails
 * @return true if good
 */
typedef bool (field_check_h)(const char *value, char *why, size_t why_size);

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	int64_t min, max;          /* 0, 0: no limit of the table's own */
	enum field_unit unit;
	const char *const *choicev; size_t choicec;
	const char *dflt;          /* as a person would write it; a list of
				      strings comma-separated; NULL: unset */
	unsigned flags;            /* enum field_flag */
	const struct fields *sub;
	field_check_h *checkh;     /* scalars and strings, may be NULL */
	const char *help;          /* one line */
};

struct fields {
	const char *name;          /* singular noun: "pbx", "user" */
	const char *help;
	size_t size;               /* of the struct */
	const struct field *fieldv;
	size_t fieldc;
	/** Check of fields against each other after all were read, may be
	    NULL. Errors go to errs with the place of `node` or its members */
	void (*checkh)(const void *obj, const struct doc_node *node,
		       struct errors *errs);
};

/** Set every field to its default (the struct was zeroed before) */
int fields_defaults(const struct fields *t, void *obj);

/** Free what the fields own and zero them; for destructors */
void fields_clear(const struct fields *t, void *obj);

/** Deep copy into a zeroed struct. @return 0, ENOMEM */
int fields_copy(const struct fields *t, void *dst, const void *src);

/** True if every field of both is the same */
bool fields_equal(const struct fields *t, const void *a, const void *b);

/** A number that is the same where fields_equal() is true, and hardly ever
    elsewhere. Good within a process, and for others of the same version;
    nobody is kept from making two alike. Secrets count if `secrets`: without
    them it may be shown to others */
uint64_t fields_hash(const struct fields *t, const void *obj, bool secrets);

/** Item constructor for FIELD_LIST: zeroed libre object whose destructor
    calls fields_clear(), with the defaults set */
void *fields_item_alloc(const struct fields *t);

/**
 * Read a mapping over what obj holds: members that are not written keep
 * their value, so a template is read first and the customer's file over it.
 * Every error of the mapping is reported (unknown key with the nearest known
 * one, wrong type, out of range, failed check). Nothing of a field that was
 * wrong is taken.
 *
 * @param errs  Takes the errors
 * @param set   Bit map, one bit a field of t, of what was written; may be
 *              NULL. FIELD_REQUIRED is not checked here: fields_required()
 *
 * @return 0, EBADMSG if there were errors, ENOMEM
 */
int fields_read(const struct fields *t, void *obj,
		const struct doc_node *node, struct errors *errs,
		uint64_t *set);

/** Report every FIELD_REQUIRED that is unset (empty, or 0 where 0 is out of
    range), in mappings and list items too. Each table where nothing is
    missing then runs its checkh. @return 0, EBADMSG */
int fields_required(const struct fields *t, const void *obj,
		    const struct doc_node *node, struct errors *errs);

/**
 * Set one field by dotted path from text, as a person writes it in YAML
 *
 * @return 0, ENOENT no such field, EBADMSG (errs says why), ENOMEM
 */
int fields_set(const struct fields *t, void *obj, const char *path,
	       const char *text, struct errors *errs);

/** Value as text, as a person would write it; secrets as "********".
    @return 0, ENOENT, ENOMEM */
int fields_get(const struct fields *t, const void *obj, const char *path,
	       char **textp);

/** To JSON. Secrets are left out unless `secrets`. NULL without memory.
    The caller owns the reference (jansson) */
struct json_t *fields_json(const struct fields *t, const void *obj,
			   bool secrets);

/** From JSON, as fields_read() from YAML; errors name the field, no place */
int fields_read_json(const struct fields *t, void *obj,
		     const struct json_t *json, struct errors *errs,
		     uint64_t *set);

/** Find by dotted path, NULL if there is none */
const struct field *fields_find(const struct fields *t, const char *path);

/** Help, type, range, default of one field or, path NULL, of the whole
    table as a list; for `callbridge explain`. A libre-style print */
int fields_explain(struct re_printf *pf, const struct fields *t,
		   const char *path);

/** JSON Schema (draft 2020-12) of the table; caller owns the reference */
struct json_t *fields_schema(const struct fields *t);

int  strings_add(struct strings *s, const char *text);
bool strings_has(const struct strings *s, const char *text);
void strings_clear(struct strings *s);

/** All of them, a comma between two. A libre %H handler */
int strings_print(struct re_printf *pf, const struct strings *s);

/** An array of them. NULL without memory. The caller owns the reference */
struct json_t *strings_json(const struct strings *s);

#endif
