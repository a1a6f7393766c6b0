/**
 * @file number.h  Number plans: between E.164 and what a PBX wants dialled
 *
 * Teams speaks +E.164, the PBX extensions and local forms behind an outside
 * line prefix. Each rule that fires is told, for `callbridge number` and for
 * `callbridge why`.
 */
#ifndef TEMPLATES_NUMBER_H
#define TEMPLATES_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

struct pbx;

enum { NUMBER_MAX = 64, NUMBER_RULES = 8 };

struct number {
	char text[NUMBER_MAX];     /* the result: user part, unescaped      */
	const char *rulev[NUMBER_RULES]; size_t rulec;   /* static texts   */
	bool emergency;
};

/**
 * A number that a Teams user dialled, as this PBX wants it
 *
 * A prefix of pbx->e164.strip_to_pbx is taken off first, the longest that
 * fits and leaves something; never from an emergency number, which may stand
 * behind the outside line prefix and stays as it was dialled.
 *
 * Feature codes that the profile maps (feature.h) become the PBX's. Other
 * star and hash codes, extensions (at most pbx->e164.extension_digits
 * digits without +) and emergency numbers of the country stay as they are.
 * +E.164 becomes national or international form when the profile says so,
 * then the outside line prefix is put before it. Where there is such a
 * prefix, a number goes as digits in any case: no dial plan has a + behind
 * a prefix.
 *
 * @param country  ISO 3166 alpha-2 of the user or PBX; NULL: unknown
 *
 * @return 0, EINVAL empty, too long, or characters that no number has
 */
int number_to_pbx(struct number *out, const struct pbx *pbx,
		  const char *country, const char *dialled);

/**
 * A caller's number as the PBX shows it, as Teams wants it (+E.164 where it
 * can be known; extensions stay; anonymous stays "anonymous")
 *
 * A prefix of pbx->e164.strip_from_pbx is taken off first. Some PBXs show
 * outside numbers with the outside line prefix, ready to be
 * called back. It is taken off where what remains can be a number of the
 * country or an international one. Where the prefix is also how national
 * numbers begin ("0" in Germany), a number may read either way; the reading
 * with the prefix wins, so that what number_to_pbx() made comes back.
 *
 * @return 0, EINVAL empty, too long, or characters that no number has
 */
int number_from_pbx(struct number *out, const struct pbx *pbx,
		    const char *country, const char *shown);

/**
 * Why a number of the PBX cannot be dialled in Teams, and what to do
 *
 * Teams keeps *11, *12 and *13 for itself, and makes E.164 of what begins
 * with 0, so that no extension may begin so.
 *
 * @param number  As dialled, or an extension as number_from_pbx() leaves it
 *
 * @return a static text, NULL if nothing is known against it
 */
const char *number_teams_advice(const struct pbx *pbx, const char *number);

/** True for an emergency number of that country (or 112 and 911 anywhere) */
bool number_is_emergency(const char *country, const char *dialled);

struct country {
	const char *iso;           /* "GB" */
	const char *code;          /* calling code "44" */
	const char *national;      /* trunk prefix "0", "" none */
	const char *international; /* "00" */
	const char *emergency;     /* "112,999" */
	unsigned nsn_min, nsn_max; /* digits of a national number without its
				      trunk prefix; 0, 0: not known       */
};

/** @return NULL for NULL and for what is no country */
const struct country *country_find(const char *iso);

/** Countries one by one, for tests and lists; NULL after the last */
const struct country *country_at(size_t i);

#endif
