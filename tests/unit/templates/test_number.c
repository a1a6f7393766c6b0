/**
 * @file test_number.c  Number plans, out to the PBX and back
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "bridge/model/pbx.h"
#include "pbx-templates/number.h"


static struct pbx pbx;


/** A PBX of that country, NULL: prefix or form left to the country */
static void site(const char *outside, bool national, const char *trunk,
		 const char *abroad)
{
	static char textv[3][8];
	const char *const givenv[3] = { outside, trunk, abroad };
	char **memberv[3] = { &pbx.outside_line_prefix,
			      &pbx.e164.national_prefix,
			      &pbx.e164.international_prefix };

	memset(&pbx, 0, sizeof(pbx));
	pbx.e164.national = national;
	pbx.e164.extension_digits = 6;

	for (size_t i = 0; i < 3; i++) {
		if (!givenv[i])
			continue;

		str_ncpy(textv[i], givenv[i], sizeof(textv[i]));
		*memberv[i] = textv[i];
	}
}


static void out(const char *country, const char *dialled, const char *want)
{
	struct number num;

	assert_int_equal(number_to_pbx(&num, &pbx, country, dialled), 0);
	assert_string_equal(num.text, want);
	assert_true(num.rulec > 0);
}


static void in(const char *country, const char *shown, const char *want)
{
	struct number num;

	assert_int_equal(number_from_pbx(&num, &pbx, country, shown), 0);
	assert_string_equal(num.text, want);
	assert_true(num.rulec > 0);
}


static void there_and_back(const char *country, const char *e164,
			   const char *dialled)
{
	out(country, e164, dialled);
	in(country, dialled, e164);
}


static void test_plain_pbx_gets_e164(void **state)
{
	(void)state;

	site(NULL, false, NULL, NULL);
	there_and_back("GB", "+442079460018", "+442079460018");
	out(NULL, "+1 (212) 555-0123", "+12125550123");
}


static void test_local_forms(void **state)
{
	(void)state;

	site("9", true, NULL, NULL);
	there_and_back("GB", "+442079460018", "902079460018");
	there_and_back("GB", "+4930123456", "9004930123456");
	there_and_back("US", "+12125550123", "912125550123");
	there_and_back("US", "+442079460018", "9011442079460018");
	there_and_back("AU", "+61291234567", "90291234567");
	there_and_back("RU", "+74951234567", "984951234567");
	there_and_back("RU", "+442079460018", "9810442079460018");

	site("0", true, NULL, NULL);
	there_and_back("DE", "+4930123456", "0030123456");
	there_and_back("DE", "+33123456789", "00033123456789");
	there_and_back("FR", "+33123456789", "00123456789");
	there_and_back("HU", "+3612345678", "00612345678");
}


static void test_trunk_zero_is_kept_in_italy(void **state)
{
	(void)state;

	site("0", true, NULL, NULL);
	there_and_back("IT", "+390612345678", "00612345678");
	there_and_back("IT", "+393401234567", "03401234567");

	site(NULL, true, NULL, NULL);
	there_and_back("IT", "+390612345678", "0612345678");
	there_and_back("ES", "+34912345678", "912345678");
}


static void test_prefixes_of_the_profile_come_first(void **state)
{
	(void)state;

	site("9", false, "0", "000");
	there_and_back("GB", "+442079460018", "902079460018");
	there_and_back("GB", "+4930123456", "90004930123456");

	site("9", false, "", NULL);
	there_and_back("US", "+12125550123", "92125550123");
}


static void test_no_plus_behind_an_outside_line_prefix(void **state)
{
	(void)state;

	site("9", false, NULL, NULL);
	there_and_back("GB", "+4930123456", "9004930123456");
	out(NULL, "+4930123456", "9+4930123456");
	in(NULL, "9+4930123456", "+4930123456");
}


static void test_unprefixed_callers_are_read_too(void **state)
{
	(void)state;

	site("9", true, NULL, NULL);
	in("GB", "02079460018", "+442079460018");
	in("GB", "004930123456", "+4930123456");
	in("GB", "442079460018", "+442079460018");
	in("US", "2125550123", "+12125550123");
	in("US", "9175550123", "+19175550123");

	/* lengths tell: this is no French number behind a 0 */
	site("0", true, NULL, NULL);
	in("FR", "0033123456789", "+33123456789");
	in("FR", "004930123456", "+4930123456");
}


static void test_extensions_and_codes_stay(void **state)
{
	(void)state;

	site("9", true, NULL, NULL);
	out("GB", "101", "101");
	out("GB", "600123", "600123");
	out("GB", "*99", "*99");
	out("GB", "#31#02079460018", "#31#02079460018");
	in("GB", "101", "101");
	in("GB", "*99", "*99");
}


static void test_national_number_dialled_in_teams(void **state)
{
	(void)state;

	site("9", true, NULL, NULL);
	out("GB", "02079460018", "902079460018");
	out("GB", "004930123456", "9004930123456");

	site(NULL, false, NULL, NULL);
	out("GB", "02079460018", "+442079460018");
	out(NULL, "02079460018", "02079460018");
}


static void emergency(const char *country, const char *dialled,
		      const char *want)
{
	struct number num;

	assert_int_equal(number_to_pbx(&num, &pbx, country, dialled), 0);
	assert_string_equal(num.text, want);
	assert_true(num.emergency);
}


static void test_emergency_numbers_are_never_broken(void **state)
{
	(void)state;

	site("9", true, "0", "00");
	pbx.e164.extension_digits = 1;

	for (size_t i = 0; country_at(i); i++) {
		const struct country *ct = country_at(i);
		char list[64], *save, *number;

		emergency(ct->iso, "112", "112");
		emergency(ct->iso, "911", "911");

		str_ncpy(list, ct->emergency, sizeof(list));
		for (number = strtok_r(list, ",", &save); number;
		     number = strtok_r(NULL, ",", &save))
			emergency(ct->iso, number, number);
	}

	emergency("GB", "999", "999");
	emergency("GB", "+999", "999");
	emergency("AU", "000", "000");
	emergency(NULL, "112", "112");

	assert_true(number_is_emergency("FR", "15"));
	assert_false(number_is_emergency("GB", "15"));
	assert_false(number_is_emergency("GB", "+442079460999"));
}


/** Who dials for help has no time to think about the outside line */
static void test_emergency_numbers_behind_the_outside_line_prefix(
							void **state)
{
	static char textv[][4] = { "1", "9" };
	static char *prefixv[] = { textv[0], textv[1] };
	(void)state;

	site("9", true, NULL, NULL);
	pbx.e164.extension_digits = 3;
	emergency("US", "9911", "9911");
	emergency("GB", "9999", "9999");
	emergency("GB", "999", "999");

	pbx.e164.strip_to_pbx = (struct strings){ prefixv, 2 };
	emergency("GB", "999", "999");
	emergency("GB", "9112", "9112");
	emergency("GB", "1999", "999");
	out("GB", "9", "9");
}


static void test_habits_are_stripped(void **state)
{
	static char textv[][4] = { "9", "98", "1", "*7", "+00" };
	static char *dialledv[] = { textv[0], textv[1] };
	static char *shownv[] = { textv[2], textv[3], textv[4] };
	(void)state;

	site("0", true, NULL, NULL);
	out("GB", "902079460018", "0902079460018");

	pbx.e164.strip_to_pbx   = (struct strings){ dialledv, 2 };
	pbx.e164.strip_from_pbx = (struct strings){ shownv, 3 };

	out("GB", "902079460018", "002079460018");
	out("GB", "9802079460018", "002079460018");
	out("GB", "+442079460018", "002079460018");
	out("GB", "98", "8");
	in("GB", "*702079460018", "+442079460018");
	in("GB", "*70 02079460018", "+442079460018");
	in("GB", "+00442079460018", "+442079460018");
	in("GB", "*7", "*7");
	in("GB", "02079460018", "+442079460018");
}


static void test_callers_who_are_not_shown(void **state)
{
	(void)state;

	site("9", true, NULL, NULL);
	in("GB", "anonymous", "anonymous");
	in("GB", "Restricted", "anonymous");
}


static void test_what_is_no_number(void **state)
{
	static const char *const badv[] = {
		"", "+", "ann", "12a4", "+12+34", "+4", "20@pbx", "1;2",
		"+0123456789", "10\r\nX: y", "+1234567890123456",
		"123456789012345678901234567890123456789012",
	};
	struct number num = { .text = "untouched" };
	(void)state;

	site("9", true, NULL, NULL);

	for (size_t i = 0; i < sizeof(badv) / sizeof(badv[0]); i++) {
		assert_int_equal(number_to_pbx(&num, &pbx, "GB", badv[i]),
				 EINVAL);
		assert_int_equal(number_from_pbx(&num, &pbx, "GB", badv[i]),
				 EINVAL);
		assert_string_equal(num.text, "untouched");
	}
}


/** xorshift64: the same run every time */
static uint64_t draw(uint64_t below)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;

	return seed % below;
}


/** A number of that country which is longer than an extension */
static void generate(char *buf, size_t size, const struct country *ct)
{
	unsigned l = ct->nsn_min + (unsigned)draw(ct->nsn_max - ct->nsn_min
						  + 1);
	size_t n;

	n = (size_t)snprintf(buf, size, "+%s%u", ct->code,
			     (unsigned)(2 + draw(8)));
	while (--l && n < 16)
		n += (size_t)snprintf(buf + n, size - n, "%u",
				      (unsigned)draw(10));
}


static void test_every_country_there_and_back(void **state)
{
	size_t c = 0;
	(void)state;

	site("9", true, NULL, NULL);

	for (size_t i = 0; country_at(i); i++) {
		const struct country *ct = country_at(i);

		for (int j = 0; j < 200; j++) {
			struct number there, back;
			char e164[32];

			generate(e164, sizeof(e164), ct);
			assert_int_equal(number_to_pbx(&there, &pbx, "DE",
						       e164), 0);
			assert_int_equal(number_from_pbx(&back, &pbx, "DE",
							 there.text), 0);
			if (strlen(there.text) > 6) {
				assert_string_equal(back.text, e164);
				++c;
			}

			assert_int_equal(number_to_pbx(&there, &pbx, ct->iso,
						       e164), 0);
			assert_int_equal(number_from_pbx(&back, &pbx,
							 ct->iso,
							 there.text), 0);
			if (strlen(there.text) > 6) {
				if (strcmp(back.text, e164))
					print_message("%s %s\n", ct->iso,
						      there.text);
				assert_string_equal(back.text, e164);
			}
		}
	}

	assert_true(c > 240 * 150);
}


/**
 * Numbers that nobody here chose: the examples of libphonenumber
 *
 * data/e164-examples.csv has a line each: country, number in E.164, and as
 * it is dialled within the country.
 */
static void test_examples_of_every_country(void **state)
{
	char line[128], iso[4], e164[32], national[32];
	FILE *f = fopen(TESTS_FOLDER "/data/e164-examples.csv", "r");
	unsigned c = 0;
	(void)state;

	assert_non_null(f);
	site(NULL, true, NULL, NULL);

	while (fgets(line, sizeof(line), f)) {
		if (*line == '#')
			continue;

		assert_int_equal(sscanf(line, "%3[A-Z],%31[+0-9],%31[0-9]",
					iso, e164, national), 3);
		print_message("%s", line);
		assert_non_null(country_find(iso));
		if (strlen(national) > (size_t)pbx.e164.extension_digits)
			there_and_back(iso, e164, national);
		++c;
	}

	(void)fclose(f);
	assert_true(c > 450);
}


static void test_country_table(void **state)
{
	(void)state;

	assert_null(country_find(NULL));
	assert_null(country_find("ZZ"));
	assert_null(country_find("gb"));
	assert_string_equal(country_find("GB")->code, "44");

	for (size_t i = 0; country_at(i); i++) {
		const struct country *ct = country_at(i);

		assert_ptr_equal(country_find(ct->iso), ct);
		assert_true(ct->nsn_min && ct->nsn_min <= ct->nsn_max);
		assert_true(strlen(ct->code) + ct->nsn_min <= 15);
	}
}


static void test_what_teams_cannot_dial(void **state)
{
	static char country[] = "AU";
	static const char *const badv[] = {
		"*11", "*12", "*13", "0123", "0", "01-23",
	};
	static const char *const goodv[] = {
		"*10", "*113", "**11", "#11", "11", "123", "000",
		"+442079460018", "02079460018", "x", "",
	};
	(void)state;

	site("9", true, NULL, NULL);
	pbx.country = country;

	for (size_t i = 0; i < sizeof(badv) / sizeof(badv[0]); i++)
		assert_non_null(number_teams_advice(&pbx, badv[i]));

	for (size_t i = 0; i < sizeof(goodv) / sizeof(goodv[0]); i++)
		assert_null(number_teams_advice(&pbx, goodv[i]));
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(test_plain_pbx_gets_e164),
		cmocka_unit_test(test_local_forms),
		cmocka_unit_test(test_trunk_zero_is_kept_in_italy),
		cmocka_unit_test(test_prefixes_of_the_profile_come_first),
		cmocka_unit_test(test_no_plus_behind_an_outside_line_prefix),
		cmocka_unit_test(test_unprefixed_callers_are_read_too),
		cmocka_unit_test(test_extensions_and_codes_stay),
		cmocka_unit_test(test_national_number_dialled_in_teams),
		cmocka_unit_test(test_emergency_numbers_are_never_broken),
		cmocka_unit_test(
			test_emergency_numbers_behind_the_outside_line_prefix),
		cmocka_unit_test(test_habits_are_stripped),
		cmocka_unit_test(test_callers_who_are_not_shown),
		cmocka_unit_test(test_what_is_no_number),
		cmocka_unit_test(test_every_country_there_and_back),
		cmocka_unit_test(test_examples_of_every_country),
		cmocka_unit_test(test_country_table),
		cmocka_unit_test(test_what_teams_cannot_dial),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
