/**
 * @file journal_line.c  A line of the journal, read without building a tree
 *
 * The grammar is RFC 8259's without white space between tokens.
 */
#include "bridge/base/text.h"
#include "journal_line.h"


/** Where the reader is */
struct scan {
	const char *p, *end;
};


static bool fits(const struct scan *s, const char *text, size_t l)
{
	return (size_t)(s->end - s->p) >= l && !memcmp(s->p, text, l);
}


static bool take(struct scan *s, const char *text, size_t l)
{
	if (!fits(s, text, l))
		return false;

	s->p += l;

	return true;
}


#define TAKE(s, literal) take((s), (literal), sizeof(literal) - 1)


static bool integer(struct scan *s, int64_t *n)
{
	const char *begin = s->p;
	int64_t v = 0;

	/* eighteen digits do not overflow */
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9' &&
	       s->p - begin < 18)
		v = v * 10 + (*s->p++ - '0');

	*n = v;

	return s->p > begin && (*begin != '0' || s->p == begin + 1);
}


/** A text of ASCII without escapes */
static bool plain_text(struct scan *s, struct pl *pl)
{
	const char *begin = s->p + 1, *end;

	if (!TAKE(s, "\""))
		return false;

	end = memchr(begin, '"', (size_t)(s->end - begin));
	if (!end || !text_json_plain(begin, (size_t)(end - begin)))
		return false;

	pl->p = begin;
	pl->l = (size_t)(end - begin);
	s->p  = end + 1;

	return true;
}


/** A text of ASCII that nobody looks into */
static bool pass_text(struct scan *s)
{
	struct pl pl;

	if (plain_text(s, &pl))
		return true;

	/* behind the quote; escapes of four digits are for a parser */
	for (; s->p < s->end && *s->p >= ' ' && *s->p < 0x7f; s->p++) {
		if (*s->p == '"')
			return TAKE(s, "\"");
		if (*s->p == '\\' && (++s->p == s->end ||
				      !memchr("\"\\/bfnrt", *s->p, 8)))
			return false;
	}

	return false;
}


static bool boolean(struct scan *s, bool *value)
{
	*value = fits(s, "true", 4);

	return TAKE(s, "true") || TAKE(s, "false");
}


/** A value that nobody needs: a text, a whole number or a boolean */
static bool pass(struct scan *s)
{
	int64_t n;
	bool b;

	if (fits(s, "\"", 1))
		return pass_text(s);

	return boolean(s, &b) || ((void)TAKE(s, "-"), integer(s, &n));
}


#define IS(name, literal) ((name)->l == sizeof(literal) - 1 && \
	!memcmp((name)->p, literal, sizeof(literal) - 1))


static bool member(struct scan *s, struct journal_line *jl,
		   const struct pl *name)
{
	struct pl *pl = IS(name, "tenant") ? &jl->tenant :
		IS(name, "upn") ? &jl->upn : IS(name, "pbx") ? &jl->pbx :
		IS(name, "state") ? &jl->state : IS(name, "reason") ?
		&jl->reason : IS(name, "words") ? &jl->words : NULL;

	if (pl)
		return !pl->p && plain_text(s, pl);

	if (IS(name, "since_s"))
		return integer(s, &jl->since_s);

	return IS(name, "removed") ? boolean(s, &jl->removed) : pass(s);
}


/** All of a registration, for none of it is looked at again */
static bool reg(struct scan *s, struct journal_line *jl)
{
	struct pl name;

	if (!TAKE(s, "{"))
		return false;

	do {
		if (!plain_text(s, &name) || !TAKE(s, ":") ||
		    !member(s, jl, &name))
			return false;
	} while (TAKE(s, ","));

	return TAKE(s, "}") && TAKE(s, "}\n") && s->p == s->end;
}


/** The beginning of a call's record, whose rest is read when it is known
    which version of it counts */
static bool call(struct scan *s, struct journal_line *jl)
{
	return TAKE(s, "{\"id\":") && plain_text(s, &jl->id) &&
		TAKE(s, ",\"version\":") && integer(s, &jl->version) &&
		TAKE(s, ",") && s->end - s->p > 3 &&
		!memcmp(s->end - 3, "}}\n", 3);
}


bool journal_line_read(struct journal_line *jl, const char *line, size_t l)
{
	struct scan s = { line, line + l };
	bool good;

	memset(jl, 0, sizeof(*jl));

	if (!TAKE(&s, "{\"time_ms\":") || !integer(&s, &jl->time_ms))
		return false;

	jl->kind = TAKE(&s, ",\"call\":") ? JOURNAL_CALL : JOURNAL_REG;
	if (jl->kind == JOURNAL_REG && !TAKE(&s, ",\"reg\":"))
		return false;

	jl->value.p = s.p;
	good = jl->kind == JOURNAL_REG ? reg(&s, jl) : call(&s, jl);
	jl->value.l = (size_t)(line + l - 2 - jl->value.p);

	return good;
}
