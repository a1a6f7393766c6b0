/**
 * @file status_parse.c  Call records read back from their text
 *
 * What call_record_write() has written is read by the same tables in the same
 * order, without building a tree of objects: that costs several times as
 * much. Anything else, such as a record of another version, is left to a
 * parser. The grammar is RFC 8259's without white space between tokens.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "bridge/base/scan.h"
#include "bridge/base/text.h"
#include "status.h"
#include "status_members.h"


enum { REAL_SIZE = 32 };


/** What an escape of one character stands for, '\0': it is none */
static char escaped(char c)
{
	static const char fromv[] = "\"\\/bfnrt", tov[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(fromv, c) : NULL;

	return at ? tov[at - fromv] : '\0';
}


/** The next character of a string. @return octets at dst, at most 4; 0: none
    that is read here */
static size_t character(struct scan *s, char dst[4])
{
	size_t n;

	if (s->end - s->p < 2)
		return 0;

	if (*s->p == '\\') {
		*dst = escaped(s->p[1]);
		s->p += 2;
		return *dst != '\0';
	}

	n = (unsigned char)*s->p < ' ' ? 0 :
		text_utf8(s->p, (size_t)(s->end - s->p));
	memcpy(dst, s->p, n);
	s->p += n;

	return n;
}


static bool string_awkward(struct scan *s, char *dst, size_t size)
{
	size_t l = 0, n;
	char c[4];

	for (; s->p < s->end && *s->p != '"'; l += n) {
		n = character(s, c);
		if (!n || l + n >= size)
			return false;

		memcpy(dst + l, c, n);
	}
	dst[l] = '\0';

	return SCAN(s, "\"");
}


static bool string(struct scan *s, char *dst, size_t size)
{
	const char *end;
	size_t l;

	if (!SCAN(s, "\""))
		return false;

	end = memchr(s->p, '"', (size_t)(s->end - s->p));
	l = end ? (size_t)(end - s->p) : 0;
	if (!end || !text_json_plain(s->p, l))
		return string_awkward(s, dst, size);
	if (l >= size)
		return false;

	memcpy(dst, s->p, l);
	dst[l] = '\0';
	s->p = end + 1;

	return true;
}


/** Digits with a fraction, and perhaps an exponent */
static bool real(struct scan *s, double *value)
{
	const char *begin = s->p;
	char text[REAL_SIZE], *end;
	int64_t n;
	size_t l;

	(void)SCAN(s, "-");
	if (!scan_number(s, &n) || !SCAN(s, "."))
		return false;

	while (s->p < s->end && *s->p && strchr("0123456789eE+-", *s->p))
		++s->p;

	l = (size_t)(s->p - begin);
	if (l >= sizeof(text))
		return false;

	memcpy(text, begin, l);
	text[l] = '\0';
	*value = strtod(text, &end);

	return end == text + l && end[-1] != '.' && isfinite(*value);
}


static bool state(struct scan *s, const struct member *m, unsigned *value)
{
	char text[24];

	if (!string(s, text, sizeof(text)))
		return false;

	for (size_t i = 0; i < m->statec; i++) {
		if (!strcmp(text, m->statev[i])) {
			*value = (unsigned)i;
			return true;
		}
	}

	return false;
}


static bool integer(struct scan *s, const struct member *m, void *p)
{
	const bool minus = m->type == I64 && SCAN(s, "-");
	int64_t n;

	if (!scan_number(s, &n) || (m->type == U16 && n > UINT16_MAX) ||
	    (m->type == U32 && n > UINT32_MAX))
		return false;

	if (m->type == U16)
		*(uint16_t *)p = (uint16_t)n;
	else if (m->type == U32)
		*(uint32_t *)p = (uint32_t)n;
	else if (m->type == U64)
		*(uint64_t *)p = (uint64_t)n;
	else
		*(int64_t *)p = minus ? -n : n;

	return true;
}


static bool value(struct scan *s, const struct member *m, void *p)
{
	switch (m->type) {

	case TEXT:    return string(s, p, m->size);
	case BOOLEAN: return scan_bool(s, p);
	case REAL:    return real(s, p);
	case STATE:   return state(s, m, p);
	default:      return integer(s, m, p);
	}
}


/** "{" and all members; the object stays open */
static bool members_open(struct scan *s, const struct members *members,
			 void *obj)
{
	for (size_t i = 0; i < members->c; i++) {
		const struct member *m = &members->v[i];

		if ((!i && !SCAN(s, "{")) ||
		    !scan_take(s, m->key + !i, m->keyl - !i) ||
		    !value(s, m, (char *)obj + m->offset))
			return false;
	}

	return true;
}


static bool members(struct scan *s, const struct members *members,
		    void *obj)
{
	return members_open(s, members, obj) && SCAN(s, "}");
}


/** @param cp  Takes the number; there is room for max of `size` octets */
static bool list(struct scan *s, const struct members *of, void *v,
		 uint32_t *cp, uint32_t max, size_t size)
{
	uint32_t c = 0;

	if (!SCAN(s, "["))
		return false;

	while (!SCAN(s, "]")) {
		if (c == max || (c && !SCAN(s, ",")) ||
		    !members(s, of, (char *)v + c * size))
			return false;
		++c;
	}
	*cp = c;

	return true;
}


static bool record(struct scan *s, struct call_record *rec)
{
	return members_open(s, &record_members, rec) &&
		SCAN(s, ",\"teams\":") &&
		members(s, &side_members, &rec->teams) &&
		SCAN(s, ",\"pbxside\":") &&
		members(s, &side_members, &rec->pbxside) &&
		SCAN(s, ",\"transfers\":") &&
		list(s, &transfer_members, rec->transferv, &rec->transferc,
		     CALL_TRANSFERS, sizeof(rec->transferv[0])) &&
		SCAN(s, ",\"decisions\":") &&
		list(s, &decision_members, rec->decisionv, &rec->decisionc,
		     CALL_DECISIONS, sizeof(rec->decisionv[0])) &&
		SCAN(s, "}") && s->p == s->end;
}


int call_record_parse(struct call_record *rec, const char *text, size_t l)
{
	struct scan s = { text, text + l };
	json_t *json;
	int err;

	if (!rec || !text)
		return EINVAL;

	memset(rec, 0, sizeof(*rec));
	if (record(&s, rec))
		return 0;

	memset(rec, 0, sizeof(*rec));
	json = json_loadb(text, l, 0, NULL);
	err = json ? call_record_read(rec, json) : EBADMSG;
	json_decref(json);

	return err;
}
