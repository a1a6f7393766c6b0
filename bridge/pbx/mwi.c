/**
 * @file mwi.c  Message waiting (RFC 3842)
 */
#include "mwi.h"


enum { BODY_MAX = 4096, COUNT_MAX = 9999 };


/** Take a line, without its end, off the text. @return false: no more */
static bool next_line(struct pl *rest, struct pl *line)
{
	const char *end;

	if (!rest->l)
		return false;

	end = memchr(rest->p, '\n', rest->l);
	line->p = rest->p;
	line->l = end ? (size_t)(end - rest->p) : rest->l;
	pl_advance(rest, (ssize_t)(line->l + (end ? 1 : 0)));

	return true;
}


static void trim(struct pl *pl)
{
	while (pl->l && strchr(" \t\r", pl->p[0]))
		pl_advance(pl, 1);
	while (pl->l && strchr(" \t\r", pl->p[pl->l - 1]))
		--pl->l;
}


/** "Voice-Message: 2/8 (0/2)" -> name and value */
static bool split(const struct pl *line, struct pl *name, struct pl *value)
{
	const char *colon = memchr(line->p, ':', line->l);

	if (!colon)
		return false;

	name->p  = line->p;
	name->l  = (size_t)(colon - line->p);
	value->p = colon + 1;
	value->l = line->l - name->l - 1;
	trim(name);
	trim(value);

	return true;
}


static bool count_take(struct pl *value, uint32_t *count)
{
	bool any = false;

	*count = 0;

	while (value->l && value->p[0] >= '0' && value->p[0] <= '9') {
		*count = *count * 10 + (uint32_t)(value->p[0] - '0');
		if (*count > COUNT_MAX)
			*count = COUNT_MAX;
		pl_advance(value, 1);
		any = true;
	}

	return any;
}


/** "2/8 (0/2)": new and old; urgent ones are among them */
static void counts_read(struct mwi *mwi, struct pl *value)
{
	uint32_t new_count, old_count;

	if (!count_take(value, &new_count) || !value->l ||
	    value->p[0] != '/')
		return;

	pl_advance(value, 1);
	if (!count_take(value, &old_count))
		return;

	mwi->new_count = new_count;
	mwi->old_count = old_count;
}


int mwi_read(struct mwi *mwi, const struct pl *body)
{
	struct mwi found = { false, 0, 0 };
	struct pl rest, line, name, value;
	bool said = false;

	if (!mwi || !body || !body->p || body->l > BODY_MAX)
		return EBADMSG;

	rest = *body;

	while (next_line(&rest, &line)) {

		if (!split(&line, &name, &value))
			continue;

		if (!pl_strcasecmp(&name, "Messages-Waiting")) {
			found.waiting = !pl_strcasecmp(&value, "yes");
			said = found.waiting ||
				!pl_strcasecmp(&value, "no");
		}
		else if (!pl_strcasecmp(&name, "Voice-Message")) {
			counts_read(&found, &value);
		}
	}

	if (!said)
		return EBADMSG;

	*mwi = found;

	return 0;
}


bool mwi_equal(const struct mwi *a, const struct mwi *b)
{
	return a->waiting == b->waiting && a->new_count == b->new_count &&
		a->old_count == b->old_count;
}
