/**
 * @file parse_challenge.c  A Digest challenge (RFC 7616 section 3.3)
 */
#include <strings.h>

#include "parse.h"


static const struct {
	const char *name;
	size_t offset;
} fieldv[] = {
	{ "realm",     offsetof(struct httpauth_digest_chall, realm)     },
	{ "nonce",     offsetof(struct httpauth_digest_chall, nonce)     },
	{ "opaque",    offsetof(struct httpauth_digest_chall, opaque)    },
	{ "stale",     offsetof(struct httpauth_digest_chall, stale)     },
	{ "algorithm", offsetof(struct httpauth_digest_chall, algorithm) },
	{ "qop",       offsetof(struct httpauth_digest_chall, qop)       },
};


static void blanks_skip(struct pl *rest)
{
	while (rest->l && (*rest->p == ' ' || *rest->p == '\t'))
		pl_advance(rest, 1);
}


static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static bool is_token(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}


/** "name=", at least one letter */
static int name_read(struct pl *rest, struct pl *name)
{
	size_t l = 0;

	while (l < rest->l && is_letter(rest->p[l]))
		++l;

	if (!l || l == rest->l || rest->p[l] != '=')
		return ENOSYS;

	name->p = rest->p;
	name->l = l;
	pl_advance(rest, (ssize_t)l + 1);

	return 0;
}


/** Between quotes without escapes, or a token; not empty */
static int value_read(struct pl *rest, struct pl *val)
{
	const bool quoted = rest->l && *rest->p == '"';
	size_t l = 0;

	if (quoted)
		pl_advance(rest, 1);

	while (l < rest->l && (quoted ? rest->p[l] >= ' ' &&
			       rest->p[l] <= '~' && rest->p[l] != '"' &&
			       rest->p[l] != '\\' : is_token(rest->p[l])))
		++l;

	if (!l || (quoted && (l == rest->l || rest->p[l] != '"')))
		return ENOSYS;

	val->p = rest->p;
	val->l = l;
	pl_advance(rest, (ssize_t)l + quoted);

	return 0;
}


static int field_set(struct httpauth_digest_chall *chall,
		     const struct pl *name, const struct pl *val)
{
	for (size_t i = 0; i < RE_ARRAY_SIZE(fieldv); i++) {
		struct pl *dst = (struct pl *)(void *)((char *)chall +
						       fieldv[i].offset);

		if (name->l != strlen(fieldv[i].name) ||
		    strncasecmp(name->p, fieldv[i].name, name->l))
			continue;

		if (dst->p)
			return ENOSYS;

		*dst = *val;
		return 0;
	}

	return ENOSYS;
}


/** @return 0, ENOSYS: a story for libre */
static int ordinary_read(struct httpauth_digest_chall *chall,
			 const struct pl *hval)
{
	static const char scheme[] = "Digest ";
	const size_t l = sizeof(scheme) - 1;
	struct pl rest = *hval;

	if (rest.l <= l || memcmp(rest.p, scheme, l))
		return ENOSYS;

	pl_advance(&rest, (ssize_t)l);

	for (;;) {
		struct pl name, val;

		blanks_skip(&rest);
		if (name_read(&rest, &name) || value_read(&rest, &val) ||
		    field_set(chall, &name, &val))
			return ENOSYS;

		blanks_skip(&rest);
		if (!rest.l)
			return chall->realm.p && chall->nonce.p ? 0 : ENOSYS;

		if (*rest.p != ',')
			return ENOSYS;
		pl_advance(&rest, 1);
	}
}


int parse_challenge(struct httpauth_digest_chall *chall,
		    const struct pl *hval)
{
	if (!chall || !hval || !hval->p)
		return EINVAL;

	memset(chall, 0, sizeof(*chall));
	if (!ordinary_read(chall, hval))
		return 0;

	memset(chall, 0, sizeof(*chall));

	return httpauth_digest_challenge_decode(chall, hval);
}
