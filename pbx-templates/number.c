/**
 * @file number.c  Number plans: between E.164 and what a PBX wants dialled
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "feature.h"
#include "number.h"


enum {
	DIALLED_MAX  = 40,         /* prefixes, a number, and some more    */
	E164_MIN     = 5,          /* digits after the +                   */
	E164_MAX     = 15,         /* E.164 section 6                      */
	NANP_DIGITS  = 10,
};


/** How a number is dialled at a PBX */
struct plan {
	const struct country *country;     /* NULL: not known              */
	const char *national;              /* trunk prefix                 */
	const char *international;         /* NULL: not known              */
	const char *outside;               /* outside line prefix, ""      */
	size_t extension_digits;
	bool local;                /* local forms instead of +country      */
	const struct strings *strip_to_pbx;
	const struct strings *strip_from_pbx;
};


static void rule(struct number *num, const char *text)
{
	if (num->rulec < NUMBER_RULES)
		num->rulev[num->rulec++] = text;
}


static bool begins(const char *text, const char *prefix)
{
	return *prefix && !strncmp(text, prefix, strlen(prefix));
}


static bool is_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}


static void plan_init(struct plan *plan, const struct pbx *pbx,
		      const char *country)
{
	const struct country *ct;

	ct = country_find(str_isset(country) ? country : pbx->country);

	plan->country = ct;
	plan->outside = pbx->outside_line_prefix ? pbx->outside_line_prefix :
		"";
	plan->national = pbx->e164.national_prefix ?
		pbx->e164.national_prefix : ct ? ct->national : "";
	plan->international = pbx->e164.international_prefix ?
		pbx->e164.international_prefix : ct ? ct->international :
		NULL;
	plan->extension_digits = (size_t)pbx->e164.extension_digits;
	plan->strip_to_pbx = &pbx->e164.strip_to_pbx;
	plan->strip_from_pbx = &pbx->e164.strip_from_pbx;
	plan->local = pbx_wants_national(pbx) ||
		(*plan->outside && plan->international);
}


/**
 * Take out what people put between digits
 *
 * @return 0, EINVAL if it is no number
 */
static int clean(char *dst, size_t size, const char *text)
{
	size_t l = 0;

	for (; *text; text++) {

		if (strchr(" -.()/", *text))
			continue;

		if (!strchr("0123456789*#", *text) && (*text != '+' || l))
			return EINVAL;

		if (l + 1 >= size)
			return EINVAL;

		dst[l++] = *text;
	}

	dst[l] = '\0';

	return l && strcmp(dst, "+") ? 0 : EINVAL;
}


/** The longest of the prefixes that leaves something, 0 if none */
static size_t strip_length(const struct strings *prefixes, const char *text)
{
	size_t longest = 0;

	for (size_t i = 0; i < prefixes->c; i++) {
		const size_t l = strlen(prefixes->v[i]);

		if (l > longest && begins(text, prefixes->v[i]) && text[l])
			longest = l;
	}

	return longest;
}


static bool list_has(const char *list, const char *word)
{
	const size_t l = strlen(word);

	while (list && *list) {
		const size_t n = strcspn(list, ",");

		if (n == l && !strncmp(list, word, l))
			return true;

		list += n + (list[n] == ',');
	}

	return false;
}


bool number_is_emergency(const char *country, const char *dialled)
{
	const struct country *ct = country_find(country);

	if (!dialled)
		return false;

	if (*dialled == '+')
		++dialled;

	return list_has("112,911", dialled) ||
		(ct && list_has(ct->emergency, dialled));
}


/* ------------------------------------------------------------------ */
/* Reading: from any form to E.164                                     */


/** Could be a national number of that country, without its trunk prefix */
static bool is_national(const struct country *ct, const char *nsn)
{
	const size_t l = strlen(nsn);

	if (!ct || strlen(ct->code) + l > E164_MAX)
		return false;

	if (!strcmp(ct->code, "1"))
		return l == NANP_DIGITS && *nsn >= '2';

	return !ct->nsn_max || (l >= ct->nsn_min && l <= ct->nsn_max);
}


static bool is_international(const char *digits)
{
	const size_t l = strlen(digits);

	return l >= E164_MIN && l <= E164_MAX && *digits != '0';
}


static void write_e164(char *dst, size_t size, const char *code,
		       const char *nsn)
{
	(void)snprintf(dst, size, "+%s%s", code, nsn);
}


/**
 * Digits with an international or a trunk prefix, as dialled
 *
 * @return the rule that fits, NULL if none
 */
static const char *read_dialled(char *dst, size_t size,
				const struct plan *plan, const char *digits)
{
	const struct country *ct = plan->country;
	const char *rest;

	if (plan->international && begins(digits, plan->international)) {
		rest = digits + strlen(plan->international);
		if (is_international(rest)) {
			write_e164(dst, size, "", rest);
			return "an international number";
		}
	}

	if (!ct)
		return NULL;

	rest = digits + strlen(plan->national);
	if ((!*plan->national || begins(digits, plan->national)) &&
	    is_national(ct, rest)) {
		write_e164(dst, size, ct->code, rest);
		return "a national number";
	}

	return NULL;
}


/** Digits that lack a prefix: E.164 without +, or without trunk prefix */
static const char *read_bare(char *dst, size_t size,
			     const struct plan *plan, const char *digits)
{
	const struct country *ct = plan->country;

	if (!ct)
		return NULL;

	if (begins(digits, ct->code) &&
	    is_national(ct, digits + strlen(ct->code))) {
		write_e164(dst, size, "", digits);
		return "an international number without +";
	}

	if (ct->nsn_min == ct->nsn_max && is_national(ct, digits)) {
		write_e164(dst, size, ct->code, digits);
		return "a national number without its trunk prefix";
	}

	return NULL;
}


/** Neither + nor a prefix that fits: leave it */
static bool read_digits(struct number *num, const struct plan *plan,
			const char *digits)
{
	const char *text;

	text = read_dialled(num->text, sizeof(num->text), plan, digits);
	if (!text)
		text = read_bare(num->text, sizeof(num->text), plan, digits);
	if (!text)
		return false;

	rule(num, text);

	return true;
}


/* ------------------------------------------------------------------ */
/* Writing: from E.164 to what is dialled                              */


static void write_local(struct number *num, const struct plan *plan,
			const char *digits)
{
	const struct country *ct = plan->country;
	char form[NUMBER_MAX];

	if (ct && begins(digits, ct->code)) {
		(void)snprintf(form, sizeof(form), "%s%s", plan->national,
			       digits + strlen(ct->code));
		rule(num, "national form, for it is in the same country");
	}
	else if (plan->international) {
		(void)snprintf(form, sizeof(form), "%s%s",
			       plan->international, digits);
		rule(num, "international form, for it is abroad");
	}
	else {
		(void)snprintf(form, sizeof(form), "+%s", digits);
		rule(num, "+ stays: the international prefix is not known");
	}

	(void)snprintf(num->text, sizeof(num->text), "%s%s", plan->outside,
		       form);
	if (*plan->outside)
		rule(num, "the outside line prefix is put before it");
}


static void write_e164_to_pbx(struct number *num, const struct plan *plan,
			      const char *digits)
{
	if (plan->local) {
		write_local(num, plan, digits);
		return;
	}

	(void)snprintf(num->text, sizeof(num->text), "%s+%s", plan->outside,
		       digits);
	rule(num, "+E.164 stays as it is");
	if (*plan->outside)
		rule(num, "the outside line prefix is put before it");
}


static int keep(struct number *num, const char *text, const char *why)
{
	(void)snprintf(num->text, sizeof(num->text), "%s", text);
	rule(num, why);

	return 0;
}


static int to_pbx(struct number *num, const struct plan *plan,
		  const char *dialled)
{
	if (strpbrk(dialled, "*#"))
		return keep(num, dialled, "a service code stays as it is");

	if (*dialled == '+') {
		if (!is_international(dialled + 1))
			return EINVAL;

		write_e164_to_pbx(num, plan, dialled + 1);
		return 0;
	}

	if (strlen(dialled) <= plan->extension_digits)
		return keep(num, dialled, "an extension stays as it is");

	if (read_digits(num, plan, dialled)) {
		char digits[NUMBER_MAX];

		(void)snprintf(digits, sizeof(digits), "%s", num->text + 1);
		write_e164_to_pbx(num, plan, digits);
		return 0;
	}

	(void)snprintf(num->text, sizeof(num->text), "%s%s", plan->outside,
		       dialled);
	rule(num, "of no known form: as dialled");
	if (*plan->outside)
		rule(num, "the outside line prefix is put before it");

	return 0;
}


/** Also 9112 where 9 gets the line: it must go through without thought */
static bool is_emergency(const struct plan *plan, const char *text)
{
	const char *iso = plan->country ? plan->country->iso : NULL;

	return number_is_emergency(iso, text) ||
		(begins(text, plan->outside) &&
		 number_is_emergency(iso, text + strlen(plan->outside)));
}


/** A feature code that the profile maps; the number behind it as this PBX
    wants it. @return 0, ENOENT it is none, EINVAL */
static int feature_to_pbx(struct number *out, const struct pbx *pbx,
			  const char *country, const char *dialled)
{
	struct feature feature;
	struct number num;
	int err;

	if (!feature_parse(&feature, pbx, dialled) || !feature.pattern)
		return ENOENT;

	memset(&num, 0, sizeof(num));
	if (*feature.number) {
		err = number_to_pbx(&num, pbx, country, feature.number);
		if (err)
			return err;
	}

	rule(&num, feature.rule);
	*out = num;

	return feature_fill(out->text, sizeof(out->text), &feature, num.text);
}


int number_to_pbx(struct number *out, const struct pbx *pbx,
		  const char *country, const char *dialled)
{
	char text[DIALLED_MAX + 1];
	const char *number = text;
	struct number num;
	struct plan plan;
	int err;

	if (!out || !pbx || !dialled)
		return EINVAL;

	err = feature_to_pbx(out, pbx, country, dialled);
	if (err != ENOENT)
		return err;

	err = clean(text, sizeof(text), dialled);
	if (err)
		return err;

	memset(&num, 0, sizeof(num));
	plan_init(&plan, pbx, country);

	num.emergency = is_emergency(&plan, text);
	if (!num.emergency) {
		number += strip_length(plan.strip_to_pbx, text);
		if (number > text)
			rule(&num, "a prefix of strip_to_pbx is taken off");
		num.emergency = is_emergency(&plan, number);
	}

	if (num.emergency)
		err = keep(&num, number + (*number == '+'),
			   "an emergency number stays as it is");
	else
		err = to_pbx(&num, &plan, number);

	if (!err)
		*out = num;

	return err;
}


static bool is_anonymous(const char *shown)
{
	static const char *const wordv[] = {
		"anonymous", "restricted", "private", "withheld", "unknown",
		"unavailable",
	};

	for (size_t i = 0; i < sizeof(wordv) / sizeof(wordv[0]); i++)
		if (!strcasecmp(shown, wordv[i]))
			return true;

	return false;
}


static int from_pbx(struct number *num, const struct plan *plan,
		    const char *shown)
{
	const char *text, *rest = shown + strlen(plan->outside);
	const bool prefixed = begins(shown, plan->outside);

	if (*shown == '+') {
		if (!is_international(shown + 1))
			return EINVAL;

		return keep(num, shown, "+E.164 stays as it is");
	}

	if (strpbrk(shown, "*#"))
		return keep(num, shown, "a service code stays as it is");

	if (strlen(shown) <= plan->extension_digits)
		return keep(num, shown, "an extension stays as it is");

	if (prefixed && *rest == '+' && is_international(rest + 1)) {
		rule(num, "the outside line prefix is taken off");
		return keep(num, rest, "+E.164 stays as it is");
	}

	if (prefixed) {
		text = read_dialled(num->text, sizeof(num->text), plan, rest);
		if (text) {
			rule(num, "the outside line prefix is taken off");
			rule(num, text);
			return 0;
		}
	}

	if (is_digits(shown) && read_digits(num, plan, shown))
		return 0;

	return keep(num, shown, "of no known form: as shown");
}


/** The same, but a + may stand behind the outside line prefix */
static int clean_shown(char *dst, size_t size, const struct plan *plan,
		       const char *shown)
{
	const size_t l = strlen(plan->outside);

	if (begins(shown, plan->outside) && shown[l] == '+') {
		if (l + 1 >= size)
			return EINVAL;

		memcpy(dst, shown, l);
		dst += l;
		size -= l;
		shown += l;
	}

	return clean(dst, size, shown);
}


int number_from_pbx(struct number *out, const struct pbx *pbx,
		    const char *country, const char *shown)
{
	char text[DIALLED_MAX + 1];
	struct number num;
	struct plan plan;
	size_t l;
	int err;

	if (!out || !pbx || !shown)
		return EINVAL;

	memset(&num, 0, sizeof(num));

	if (is_anonymous(shown)) {
		(void)keep(&num, "anonymous", "a caller who is not shown");
		*out = num;
		return 0;
	}

	plan_init(&plan, pbx, country);

	l = strip_length(plan.strip_from_pbx, shown);
	if (l)
		rule(&num, "a prefix of strip_from_pbx is taken off");

	err = clean_shown(text, sizeof(text), &plan, shown + l);
	if (!err)
		err = from_pbx(&num, &plan, text);
	if (!err)
		*out = num;

	return err;
}


const char *number_teams_advice(const struct pbx *pbx, const char *number)
{
	static const char *const reservedv[] = { "*11", "*12", "*13" };
	char text[DIALLED_MAX + 1];

	if (!pbx || !number || clean(text, sizeof(text), number))
		return NULL;

	for (size_t i = 0; i < sizeof(reservedv) / sizeof(reservedv[0]); i++)
		if (!strcmp(text, reservedv[i]))
			return "cannot be dialled in Teams, which keeps *11,"
				" *12 and *13 for itself: give the PBX's"
				" service another code";

	if (*text == '0' && is_digits(text) &&
	    !number_is_emergency(pbx->country, text) &&
	    strlen(text) <= (size_t)pbx->e164.extension_digits)
		return "an extension that begins with 0 cannot be dialled in"
			" Teams, which makes +E.164 of it: give the PBX's"
			" user a number that begins otherwise, or one in"
			" E.164";

	return NULL;
}
