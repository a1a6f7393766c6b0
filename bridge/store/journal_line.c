/**
 * @file journal_line.c  A line of the journal, read without building a tree
 *
 * The grammar is RFC 8259's without white space between tokens.
 */
#include "bridge/base/scan.h"
#include "bridge/base/text.h"
#include "journal_line.h"


/** A text of ASCII without escapes
    @param known  All of the line is */
static bool plain_text(struct scan *s, struct pl *pl, bool known)
{
	const char *begin = s->p + 1, *end;

	if (!SCAN(s, "\""))
		return false;

	end = memchr(begin, '"', (size_t)(s->end - begin));
	if (!end || (!known && !text_json_plain(begin, (size_t)(end - begin))))
		return false;

	pl->p = begin;
	pl->l = (size_t)(end - begin);
	s->p  = end + 1;

	return true;
}


/** A text of ASCII that nobody looks into */
static bool pass_text(struct scan *s, bool known)
{
	struct pl pl;

	if (plain_text(s, &pl, known))
		return true;

	/* behind the quote; escapes of four digits are for a parser */
	for (; s->p < s->end && *s->p >= ' ' && *s->p < 0x7f; s->p++) {
		if (*s->p == '"')
			return SCAN(s, "\"");
		if (*s->p == '\\' && (++s->p == s->end ||
				      !memchr("\"\\/bfnrt", *s->p, 8)))
			return false;
	}

	return false;
}


/** A value that nobody needs: a text, a whole number or a boolean */
static bool pass(struct scan *s, bool known)
{
	int64_t n;
	bool b;

	if (scan_fits(s, "\"", 1))
		return pass_text(s, known);

	return scan_bool(s, &b) || ((void)SCAN(s, "-"), scan_number(s, &n));
}


#define IS(name, literal) ((name)->l == sizeof(literal) - 1 && \
	!memcmp((name)->p, literal, sizeof(literal) - 1))


static bool member(struct scan *s, struct journal_line *jl,
		   const struct pl *name, bool known)
{
	struct pl *pl = IS(name, "tenant") ? &jl->tenant :
		IS(name, "upn") ? &jl->upn : IS(name, "pbx") ? &jl->pbx :
		IS(name, "state") ? &jl->state : IS(name, "reason") ?
		&jl->reason : IS(name, "words") ? &jl->words : NULL;

	if (pl)
		return !pl->p && plain_text(s, pl, known);

	if (IS(name, "since_s"))
		return scan_number(s, &jl->since_s);

	return IS(name, "removed") ? scan_bool(s, &jl->removed) :
		pass(s, known);
}


/** All of a registration, for none of it is looked at again */
static bool reg(struct scan *s, struct journal_line *jl)
{
	const bool known = s->p < s->end &&
		text_json_plain_all(s->p, (size_t)(s->end - 1 - s->p));
	struct pl name;

	if (!SCAN(s, "{"))
		return false;

	do {
		if (!plain_text(s, &name, known) || !SCAN(s, ":") ||
		    !member(s, jl, &name, known))
			return false;
	} while (SCAN(s, ","));

	return SCAN(s, "}") && SCAN(s, "}\n") && s->p == s->end;
}


/** The beginning of a call's record, whose rest is read when it is known
    which version of it counts */
static bool call(struct scan *s, struct journal_line *jl)
{
	return SCAN(s, "{\"id\":") && plain_text(s, &jl->id, false) &&
		SCAN(s, ",\"version\":") && scan_number(s, &jl->version) &&
		SCAN(s, ",") && s->end - s->p > 3 &&
		!memcmp(s->end - 3, "}}\n", 3);
}


bool journal_line_read(struct journal_line *jl, const char *line, size_t l)
{
	struct scan s = { line, line + l };
	bool good;

	memset(jl, 0, sizeof(*jl));

	if (!SCAN(&s, "{\"time_ms\":") || !scan_number(&s, &jl->time_ms))
		return false;

	jl->kind = SCAN(&s, ",\"call\":") ? JOURNAL_CALL : JOURNAL_REG;
	if (jl->kind == JOURNAL_REG && !SCAN(&s, ",\"reg\":"))
		return false;

	jl->value.p = s.p;
	good = jl->kind == JOURNAL_REG ? reg(&s, jl) : call(&s, jl);
	jl->value.l = (size_t)(line + l - 2 - jl->value.p);

	return good;
}
