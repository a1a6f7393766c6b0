/**
 * @file class.c  Kinds of numbers
 *
 * From the national numbering plans, and ITU-T E.164's list of codes that
 * belong to no country. The longest beginning that fits wins. The codes
 * told as high risk are small networks, which are named in the operators'
 * yearly reports on revenue share fraud far beyond their share of calls.
 */
#include <string.h>

#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "class.h"
#include "feature.h"
#include "number.h"


enum {
	CODE_DIGITS = 5,           /* of a star code, with what is a PIN's */
};


/** Numbers that begin so (E.164 without +) are of that kind */
struct kind {
	const char *prefix;
	enum number_class klass;
	size_t digits;             /* ... if they have so many; 0: any      */
};

#define P CLASS_PREMIUM, 0
#define M CLASS_MOBILE, 0
#define F CLASS_FREEPHONE, 0
#define S CLASS_SHARED_COST, 0
#define N CLASS_NATIONAL, 0
#define H CLASS_HIGH_RISK, 0

static const struct kind kindv[] = {
	/* of no country */
	{ "800", F }, { "808", S }, { "979", P },
	{ "870", CLASS_SATELLITE, 0 }, { "878", CLASS_SATELLITE, 0 },
	{ "881", CLASS_SATELLITE, 0 }, { "882", CLASS_SATELLITE, 0 },
	{ "883", CLASS_SATELLITE, 0 }, { "888", CLASS_SATELLITE, 0 },

	/* high risk */
	{ "53", H }, { "216", H }, { "220", H }, { "222", H }, { "224", H },
	{ "231", H }, { "232", H }, { "235", H }, { "239", H }, { "245", H },
	{ "246", H }, { "247", H }, { "252", H }, { "257", H }, { "261", H },
	{ "263", H }, { "269", H }, { "290", H }, { "291", H }, { "500", H },
	{ "670", H }, { "672", H }, { "674", H }, { "675", H }, { "676", H },
	{ "677", H }, { "678", H }, { "681", H }, { "682", H }, { "683", H },
	{ "685", H }, { "686", H }, { "688", H }, { "690", H }, { "692", H },
	{ "850", H }, { "960", H },

	/* AT */
	{ "4365", M }, { "4366", M }, { "43662", N }, { "4367", M },
	{ "4369", M }, { "43828", S }, { "4386", P }, { "4389", P },
	{ "4368", M }, { "43800", F }, { "43810", S }, { "43820", S },
	{ "43821", S }, { "439", P },
	/* AU */
	{ "614", M }, { "611800", F }, { "6113", S }, { "6119", P },
	/* BE */
	{ "3245", M }, { "3246", M }, { "3247", M }, { "3248", M },
	{ "3249", M }, { "32800", F }, { "3278", S }, { "3270", S },
	{ "32702", P }, { "32703", P }, { "32704", P }, { "32706", P },
	{ "32707", P }, { "3290", P },
	/* CH */
	{ "4173", M }, { "4174", M }, { "4175", M }, { "4176", M },
	{ "4177", M }, { "4178", M }, { "4179", M }, { "41800", F },
	{ "4184", S }, { "4190", P },
	/* CZ */
	{ "42060", M }, { "42070", M }, { "42072", M }, { "42073", M },
	{ "42077", M }, { "42079", M }, { "420800", F }, { "42081", S },
	{ "42084", S }, { "42083", S }, { "42090", P }, { "420976", P },
	/* DE */
	{ "4915", M }, { "4916", M }, { "4917", M }, { "49800", F },
	{ "49180", S }, { "49137", P }, { "49138", S }, { "49900", P },
	{ "49118", P },
	/* DK */
	{ "4580", F }, { "4590", P },
	/* ES */
	{ "346", M }, { "3478", M }, { "3471", M }, { "3472", M },
	{ "3473", M }, { "3474", M }, { "34800", F }, { "34900", F },
	{ "34901", S }, { "34902", S }, { "34803", P }, { "34806", P },
	{ "34807", P }, { "34905", P }, { "34907", P }, { "34118", P },
	/* FI */
	{ "3584", M }, { "35850", M }, { "358800", F }, { "358600", P },
	{ "358700", P },
	/* FR */
	{ "336", M }, { "337", M }, { "33800", F }, { "33805", F },
	{ "33806", S }, { "33807", S }, { "33808", S }, { "33809", S },
	{ "3381", P }, { "3382", P }, { "3383", P }, { "3384", S },
	{ "3385", P }, { "3386", P }, { "3387", P }, { "3388", P },
	 { "3389", P }, { "3380", F },
	/* GB */
	{ "4471", M }, { "4473", M }, { "4474", M }, { "4475", M },
	{ "4477", M }, { "4478", M }, { "4479", M }, { "4470", P },
	{ "4476", P }, { "447624", M }, { "44800", F }, { "44808", F },
	{ "44500", F }, { "44842", P }, { "44843", S }, { "44844", S },
	{ "44845", S }, { "44870", S }, { "44871", P }, { "44872", P },
	{ "44873", P }, { "449", P },
	/* IE; shorter ones are of Dublin */
	{ "3538", M }, { "3531800", CLASS_FREEPHONE, 13 },
	{ "3531850", CLASS_SHARED_COST, 13 },
	{ "3531890", CLASS_SHARED_COST, 13 }, { "353818", S },
	{ "35315", CLASS_PREMIUM, 13 },
	/* IT */
	{ "393", M }, { "39800", F }, { "39803", F }, { "39840", S },
	{ "39848", S }, { "39199", S }, { "39144", P }, { "39163", P },
	{ "39164", P }, { "39166", P }, { "39892", P }, { "39894", P },
	{ "39895", P }, { "39899", P },
	/* NL */
	{ "316", M }, { "31800", F }, { "3188", N }, { "31900", P },
	{ "31906", P }, { "31909", P },
	/* NO */
	{ "474", M }, { "4759", M }, { "479", M }, { "4780", F },
	{ "47810", S }, { "47815", S }, { "4782", P },
	/* North America; what lies beyond the home country is not known
	   from the code of the country */
	{ "1800", F }, { "1833", F }, { "1844", F }, { "1855", F },
	{ "1866", F }, { "1877", F }, { "1888", F }, { "1900", P },
	{ "1976", P },
	/* PL */
	{ "4845", M }, { "4850", M }, { "4851", M }, { "4853", M },
	{ "4857", M }, { "4860", M }, { "4866", M }, { "4869", M },
	{ "4872", M }, { "4873", M }, { "4878", M }, { "4879", M },
	{ "4888", M }, { "48800", F }, { "48801", S }, { "4870", P },
	/* PT */
	{ "3519", M }, { "351800", F }, { "351808", S }, { "351809", S },
	{ "351802", F }, { "35160", P }, { "35176", P }, { "35164", P },
	{ "35162", P },
	/* SE */
	{ "4670", M }, { "4672", M }, { "4673", M }, { "4676", M },
	{ "4679", M }, { "4620", F }, { "46900", P }, { "46939", P },
	{ "4677", S }, { "46649", P }, { "46944", P }, { "4699", P },
};

#undef P
#undef M
#undef F
#undef S
#undef N
#undef H


/* Area codes of North America's plan by country, but those of the United
   States and Canada, whose calls to each other are national by use */
static const struct {
	const char *iso;
	const char *areas;
} islandv[] = {
	{ "AG", "268" }, { "AI", "264" }, { "AS", "684" }, { "BB", "246" },
	{ "BM", "441" }, { "BS", "242" }, { "DM", "767" },
	{ "DO", "809,829,849" }, { "GD", "473" }, { "GU", "671" },
	{ "JM", "876,658" }, { "KN", "869" }, { "KY", "345" },
	{ "LC", "758" }, { "MP", "670" }, { "MS", "664" },
	{ "PR", "787,939" }, { "SX", "721" }, { "TC", "649" },
	{ "TT", "868" }, { "VC", "784" }, { "VG", "284" }, { "VI", "340" },
};


static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}


/** @return the kind, CLASSES if nothing is known of such numbers */
static enum number_class kind_of(const char *digits)
{
	enum number_class klass = CLASSES;
	const size_t have = strlen(digits);
	size_t longest = 0;

	for (size_t i = 0; i < RE_ARRAY_SIZE(kindv); i++) {
		const size_t l = strlen(kindv[i].prefix);

		if (l > longest && begins(digits, kindv[i].prefix) &&
		    (!kindv[i].digits || kindv[i].digits == have)) {
			longest = l;
			klass = kindv[i].klass;
		}
	}

	return klass;
}


/** An island of North America's plan that is not the country itself. They
    are places of fraud too: calls there look like domestic ones */
static bool is_foreign_island(const char *iso, const char *digits)
{
	char area[4];

	if (*digits != '1' || strlen(digits) < 4)
		return false;

	memcpy(area, digits + 1, 3);
	area[3] = '\0';

	for (size_t i = 0; i < RE_ARRAY_SIZE(islandv); i++) {
		if (strstr(islandv[i].areas, area))
			return strcmp(islandv[i].iso, iso) != 0;
	}

	return false;
}


static enum number_class class_e164(const struct country *ct,
				    const char *digits)
{
	const bool home = ct && begins(digits, ct->code) &&
		!is_foreign_island(ct->iso, digits);
	char plain[NUMBER_MAX];
	enum number_class klass;

	/* +44 0906... is read as +44 906... by those who read it at all */
	str_ncpy(plain, digits, sizeof(plain));
	if (home && !strcmp(ct->national, "0") &&
	    digits[strlen(ct->code)] == '0')
		str_ncpy(plain + strlen(ct->code),
			 digits + strlen(ct->code) + 1,
			 sizeof(plain) - strlen(ct->code));

	klass = kind_of(plain);

	if (home)
		return klass == CLASSES || klass == CLASS_HIGH_RISK ?
			CLASS_NATIONAL : klass;

	switch (klass) {

	case CLASS_PREMIUM:
	case CLASS_SATELLITE:
	case CLASS_HIGH_RISK:
		return klass;

	case CLASS_FREEPHONE:
	case CLASS_SHARED_COST:
		/* +800 and +808 are so from everywhere, others at home */
		if (begins(digits, "800") || begins(digits, "808"))
			return klass;
		return CLASS_INTERNATIONAL;

	default:
		return CLASS_INTERNATIONAL;
	}
}


static size_t digits_in(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text >= '0' && *text <= '9';

	return n;
}


/** As the PBX dials it: what number_to_pbx() made, read back as E.164 */
static enum number_class class_dialled(const struct pbx *pbx,
				       const char *country,
				       const char *dialled, char *e164,
				       size_t size)
{
	const struct country *ct = country_find(country ? country :
						pbx->country);
	struct pbx plain = *pbx;
	struct number num;

	memset(&plain.e164.strip_from_pbx, 0,
	       sizeof(plain.e164.strip_from_pbx));

	if (number_to_pbx(&num, pbx, country, dialled))
		return CLASS_UNKNOWN;

	if (num.emergency)
		return CLASS_EMERGENCY;

	if (number_from_pbx(&num, &plain, country, num.text))
		return CLASS_UNKNOWN;

	str_ncpy(e164, num.text, size);
	if (*num.text == '+')
		return class_e164(ct, num.text + 1);

	return strlen(num.text) <= (size_t)pbx->e164.extension_digits ?
		CLASS_INTERNAL : CLASS_UNKNOWN;
}


enum number_class number_class(const struct pbx *pbx, const char *country,
			       const char *dialled, char *e164, size_t size)
{
	const size_t most = (size_t)pbx->e164.extension_digits + CODE_DIGITS;
	struct feature feature;

	str_ncpy(e164, dialled, size);

	/* who forwards to a number calls it, again and again */
	if (feature_parse(&feature, pbx, dialled))
		return *feature.number ?
			class_dialled(pbx, country, feature.number, e164,
				      size) : CLASS_SERVICE;

	if (strpbrk(dialled, "*#"))
		return digits_in(dialled) > most ? CLASS_UNKNOWN :
			CLASS_SERVICE;

	return class_dialled(pbx, country, dialled, e164, size);
}
