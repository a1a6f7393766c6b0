/**
 * @file tlsname.c  The names and dates of certificates (RFC 6125, RFC 5922)
 */
#include <stdio.h>
#include <openssl/x509v3.h>

#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "tlscore.h"


enum { NAMES_LISTED = 3 };


/** "*" for the whole first label of a name that has two more at least */
static bool fits(const char *pattern, const char *name)
{
	const char *rest;

	if (!strcasecmp(pattern, name))
		return true;

	if (strncmp(pattern, "*.", 2) || !strchr(pattern + 2, '.'))
		return false;

	rest = strchr(name, '.');

	return rest && rest != name && *name != '*' &&
		!strcasecmp(rest + 1, pattern + 2);
}


/** Text of an ASN.1 string, NULL if it holds a NUL or nothing */
static const char *text_of(const ASN1_STRING *str)
{
	const char *p = (const char *)ASN1_STRING_get0_data(str);
	const size_t l = (size_t)ASN1_STRING_length(str);

	/* OpenSSL puts a NUL behind every one */
	return l && strlen(p) == l ? p : NULL;
}


static bool apply_common_name(X509 *cert, tlsname_h *h, void *arg)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	const int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const char *name;

	if (i < 0)
		return false;

	name = text_of(X509_NAME_ENTRY_get_data(
			       X509_NAME_get_entry(subject, i)));

	return name && h(name, arg);
}


bool tlsname_apply(X509 *cert, tlsname_h *h, void *arg)
{
	GENERAL_NAMES *names;
	bool any = false, done = false;

	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; !done && i < sk_GENERAL_NAME_num(names); i++) {

		const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);
		const char *name;

		if (gn->type != GEN_DNS)
			continue;

		any  = true;
		name = text_of(gn->d.dNSName);
		done = name && h(name, arg);
	}

	GENERAL_NAMES_free(names);

	return done || (!any && apply_common_name(cert, h, arg));
}


struct match {
	const char *name;
	bool pattern;
};


static bool match_handler(const char *name, void *arg)
{
	const struct match *match = arg;

	return fits(name, match->name) ||
		(match->pattern && fits(match->name, name));
}


bool tlsname_is_of(X509 *cert, const char *name, bool pattern)
{
	struct match match = {name, pattern};
	struct sa addr;

	if (!cert || !str_isset(name))
		return false;

	if (!sa_set_str(&addr, name, 0))
		return 1 == X509_check_ip_asc(cert, name, 0);

	return tlsname_apply(cert, match_handler, &match);
}


struct listing {
	char *buf;
	size_t size;
	size_t len;
	unsigned count;
};


static bool list_handler(const char *name, void *arg)
{
	struct listing *listing = arg;

	if (listing->count && listing->len + 3 < listing->size)
		listing->len += text_escape(listing->buf + listing->len,
					    listing->size - listing->len,
					    ", ", 2);

	listing->len += text_escape(listing->buf + listing->len,
				    listing->size - listing->len,
				    name, strlen(name));

	return ++listing->count == NAMES_LISTED;
}


void tlsname_list(X509 *cert, char *buf, size_t size)
{
	struct listing listing = {buf, size, 0, 0};

	buf[0] = '\0';
	if (cert)
		(void)tlsname_apply(cert, list_handler, &listing);
	if (!listing.count)
		str_ncpy(buf, "(no name)", size);
}


void tlsname_date(const ASN1_TIME *time, char *buf, size_t size)
{
	struct tm tm;

	if (1 != ASN1_TIME_to_tm(time, &tm))
		str_ncpy(buf, "(unknown date)", size);
	else
		(void)strftime(buf, size, "%Y-%m-%d", &tm);
}
