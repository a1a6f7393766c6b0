/**
 * @file scan.h  Text of ours that is read in the order in which it is written
 *
 * A reader that is several times as quick as a parser, and gives up on
 * whatever it does not expect.
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Where the reader is */
struct scan {
	const char *p, *end;
};

enum { SCAN_DIGITS = 18 };         /* so many do not overflow */

static inline bool scan_fits(const struct scan *s, const char *text, size_t l)
{
	return (size_t)(s->end - s->p) >= l && !memcmp(s->p, text, l);
}

/** @return false if something else stands there, which is not passed */
static inline bool scan_take(struct scan *s, const char *text, size_t l)
{
	if (!scan_fits(s, text, l))
		return false;

	s->p += l;

	return true;
}

#define SCAN(s, literal) scan_take((s), (literal), sizeof(literal) - 1)

/** A whole number as JSON has it, without a sign (RFC 8259 section 6) */
static inline bool scan_number(struct scan *s, int64_t *np)
{
	const char *begin = s->p;
	int64_t n = 0;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9' &&
	       s->p - begin < SCAN_DIGITS)
		n = n * 10 + (*s->p++ - '0');

	*np = n;

	return s->p > begin && (*begin != '0' || s->p == begin + 1);
}

static inline bool scan_bool(struct scan *s, bool *value)
{
	*value = SCAN(s, "true");

	return *value || SCAN(s, "false");
}

#endif
