/**
 * @file errors.h  What is wrong with what a person wrote, all of it at once
 *
 * Each error is one line: `file:line:column: message`. A message says what
 * was wanted and what was found, and what was probably meant:
 * `acme.yaml:31:14: registration.expires: want 60s..7200s, found "1x"`.
 */
#ifndef BASE_ERRORS_H
#define BASE_ERRORS_H

#include <stddef.h>
#include <stdint.h>

struct re_printf;

/** Where something was written; file NULL: nowhere a person can look */
struct place {
	const char *file;
	uint32_t line, column;     /* from 1; 0 unknown */
};

struct error {
	char *file;                /* owned, may be NULL */
	uint32_t line, column;
	char *field;               /* owned; dotted path, may be NULL */
	char *message;             /* owned */
};

struct errors;                     /* a libre memory object */

int errors_alloc(struct errors **errsp);

/**
 * Add one. At most 100 are kept, all are counted. Secrets must not be in it.
 *
 * @param field  Dotted path of the setting, NULL if none
 */
void errors_add(struct errors *errs, const struct place *place,
		const char *field, const char *fmt, ...);

size_t errors_count(const struct errors *errs);

const struct error *errors_get(const struct errors *errs, size_t i);

/** All of them, a line each. A libre %H handler */
int errors_print(struct re_printf *pf, const struct errors *errs);

/**
 * The nearest of some words (edit distance at most 3 and under half the
 * word's length), NULL if none is near: for "did you mean"
 */
const char *errors_nearest(const char *word, const char *const *wordv,
			   size_t wordc);

#endif
