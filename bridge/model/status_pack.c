/**
 * @file status_pack.c  Statuses of registrations, packed
 *
 * A struct reg_status has room for the longest of everything, of which most
 * users need a tenth. Packed it is its numbers, then its texts with their
 * terminators, as the table has them. What changes with every refresh comes
 * first, so that the rest of two values can be compared as octets.
 */
#include <stdbool.h>
#include <string.h>

#include "status.h"
#include "status_members.h"


enum { KEYS = 5 };                 /* tenant, pbx, upn, number, aor        */


/** Moves with every refresh, and is no change of anything */
static bool is_restless(const struct member *m)
{
	return m->offset == offsetof(struct reg_status, next_s) ||
		m->offset == offsetof(struct reg_status, rtt_ms);
}


static size_t restless_size(void)
{
	return sizeof(((struct reg_status *)0)->next_s) +
		sizeof(((struct reg_status *)0)->rtt_ms);
}


static size_t numbers_size(void)
{
	size_t size = 0;

	for (size_t i = 0; i < reg_members.c; i++)
		if (reg_members.v[i].type != TEXT)
			size += reg_members.v[i].size;

	return size;
}


static char *put(char *p, const void *what, size_t l)
{
	memcpy(p, what, l);

	return p + l;
}


static char *numbers_put(char *p, const struct reg_status *st, bool restless)
{
	for (size_t i = 0; i < reg_members.c; i++) {
		const struct member *m = &reg_members.v[i];

		if (m->type != TEXT && is_restless(m) == restless)
			p = put(p, (const char *)st + m->offset, m->size);
	}

	return p;
}


static const char *numbers_get(struct reg_status *st, const char *p,
			       bool restless)
{
	for (size_t i = 0; i < reg_members.c; i++) {
		const struct member *m = &reg_members.v[i];

		if (m->type == TEXT || is_restless(m) != restless)
			continue;

		memcpy((char *)st + m->offset, p, m->size);
		p += m->size;
	}

	return p;
}


size_t reg_status_pack(char buf[sizeof(struct reg_status)],
		       const struct reg_status *st)
{
	char *p = buf;

	p = numbers_put(p, st, true);
	p = numbers_put(p, st, false);

	for (size_t i = 0; i < reg_members.c; i++) {
		const struct member *m = &reg_members.v[i];
		const char *text = (const char *)st + m->offset;

		if (m->type != TEXT)
			continue;

		p = put(p, text, strnlen(text, m->size - 1));
		*p++ = '\0';
	}

	return (size_t)(p - buf);
}


enum reg_state reg_status_packed_state(const char *packed)
{
	struct reg_status st;

	/* of the numbers that rest the table has it first */
	memcpy(&st.state, packed + restless_size(), sizeof(st.state));

	return st.state;
}


void reg_status_unpack(struct reg_status *st, const char *packed)
{
	const char *p;

	memset(st, 0, sizeof(*st));
	p = numbers_get(st, packed, true);
	p = numbers_get(st, p, false);

	for (size_t i = 0; i < reg_members.c; i++) {
		const struct member *m = &reg_members.v[i];
		size_t l;

		if (m->type != TEXT)
			continue;

		l = strlen(p) + 1;
		memcpy((char *)st + m->offset, p, l);
		p += l;
	}
}


void reg_status_packed_key(struct reg_status_key *key, const char *packed)
{
	const char *const p = packed + numbers_size();
	const char *textv[KEYS];

	textv[0] = p;
	for (size_t i = 1; i < KEYS; i++)
		textv[i] = textv[i - 1] + strlen(textv[i - 1]) + 1;

	key->tenant = textv[0];
	key->pbx    = textv[1];
	key->upn    = textv[2];
	key->aor    = textv[4];
}


bool reg_status_packed_same(const char *a, size_t asize, const char *b,
			    size_t bsize)
{
	const size_t skip = restless_size();

	return asize == bsize && !memcmp(a + skip, b + skip, asize - skip);
}
