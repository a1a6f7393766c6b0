/**
 * @file own_name.c  This node's name towards Teams, in place of a customer's
 */
#include "check.h"
#include "own_name.h"


bool own_name_check(const char *value, char *why, size_t size)
{
	const char *eq = strchr(value, '=');
	char name[OWN_NAME_SIZE];

	if (!eq || (size_t)(eq - value) >= sizeof(name)) {
		(void)re_snprintf(why, size, "NAME=OWN: a customer's name, or"
				  " the domain that it ends in, and what"
				  " stands in its place here");
		return false;
	}

	memcpy(name, value, (size_t)(eq - value));
	name[eq - value] = '\0';

	return check_fqdn(name, why, size) && check_fqdn(eq + 1, why, size);
}


/** What of fqdn is before the name, -1: it does not end in it */
static int before(const char *fqdn, const char *name, size_t l)
{
	const size_t fl = strlen(fqdn);
	struct pl end = { fqdn + fl - l, l };
	const struct pl want = { name, l };

	if (fl < l || pl_casecmp(&end, &want) ||
	    (fl > l && fqdn[fl - l - 1] != '.'))
		return -1;

	return (int)(fl - l);
}


const char *own_name(const struct strings *names, const char *fqdn,
		     char buf[OWN_NAME_SIZE])
{
	for (size_t i = 0; fqdn && i < names->c; i++) {
		const char *eq = strchr(names->v[i], '=');
		const int l = before(fqdn, names->v[i],
				     (size_t)(eq - names->v[i]));

		if (l < 0)
			continue;

		(void)re_snprintf(buf, OWN_NAME_SIZE, "%b%s", fqdn, (size_t)l,
				  eq + 1);
		return buf;
	}

	return fqdn;
}
