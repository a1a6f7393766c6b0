/**
 * @file test_class.c  Kinds of numbers
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "pbx-templates/class.h"


static void kinds_by_country(void **state)
{
	static const struct {
		const char *country, *dialled;
		enum number_class klass;
	} v[] = {
		{ "GB", "2001", CLASS_INTERNAL },
		{ "GB", "999", CLASS_EMERGENCY },
		{ "GB", "*21*2002#", CLASS_SERVICE },
		{ "GB", "02079460018", CLASS_NATIONAL },
		{ "GB", "+447700900123", CLASS_MOBILE },
		{ "GB", "+447012345678", CLASS_PREMIUM },
		{ "GB", "+448001111", CLASS_FREEPHONE },
		{ "GB", "+448451234567", CLASS_SHARED_COST },
		{ "GB", "+449061234567", CLASS_PREMIUM },
		{ "GB", "+35312345678", CLASS_INTERNATIONAL },
		{ "GB", "+3531520123456", CLASS_PREMIUM },
		{ "GB", "+4409061234567", CLASS_PREMIUM },
		{ "GB", "+4402079460018", CLASS_NATIONAL },
		/* what looks like a premium or mobile number and is none */
		{ "GB", "+441189551234", CLASS_NATIONAL },
		{ "IE", "+35315240123", CLASS_NATIONAL },
		{ "IE", "+35318900123", CLASS_NATIONAL },
		{ "IE", "+3531890123456", CLASS_SHARED_COST },
		{ "IE", "+353818123456", CLASS_SHARED_COST },
		{ "NL", "+31182512345", CLASS_NATIONAL },
		{ "AT", "+436628012345", CLASS_NATIONAL },
		{ "AT", "+436641234567", CLASS_MOBILE },
		{ "GB", "+491712345678", CLASS_INTERNATIONAL },
		{ "GB", "+49180512345", CLASS_INTERNATIONAL },
		{ "GB", "+80012345678", CLASS_FREEPHONE },
		{ "GB", "+870773112233", CLASS_SATELLITE },
		{ "GB", "+2472345", CLASS_HIGH_RISK },
		{ "DE", "+491712345678", CLASS_MOBILE },
		{ "DE", "0900512345", CLASS_PREMIUM },
		{ "DE", "00442079460018", CLASS_INTERNATIONAL },
		{ "US", "+12125550123", CLASS_NATIONAL },
		{ "US", "+16135550123", CLASS_NATIONAL },
		{ "US", "+18765550123", CLASS_INTERNATIONAL },
		{ "JM", "+18765550123", CLASS_NATIONAL },
		{ "US", "+19005550123", CLASS_PREMIUM },
		{ "US", "+18005550123", CLASS_FREEPHONE },
		{ "CU", "+5371234567", CLASS_NATIONAL },
		{ NULL, "+442079460018", CLASS_INTERNATIONAL },
		{ NULL, "911", CLASS_EMERGENCY },
		{ "GB", "77777777777777", CLASS_UNKNOWN },
	};
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	char e164[64];
	size_t i;
	(void)state;

	for (i = 0; i < RE_ARRAY_SIZE(v); i++) {
		const enum number_class klass =
			number_class(pbx, v[i].country, v[i].dialled, e164,
				     sizeof(e164));

		if (klass != v[i].klass)
			print_error("%s from %s\n", v[i].dialled,
				    v[i].country);
		assert_string_equal(number_class_name(v[i].klass),
				    number_class_name(klass));
	}

	mem_deref(pbx);
}


static void the_outside_prefix_is_no_disguise(void **state)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	char e164[64];
	(void)state;

	assert_int_equal(0, fields_set(&pbx_fields, pbx,
				       "outside_line_prefix", "9", NULL));
	assert_int_equal(CLASS_UNKNOWN,
			 number_class(pbx, "GB", "909061234567", e164,
				      sizeof(e164)));

	/* where the habit to dial it is taken off */
	assert_int_equal(0, fields_set(&pbx_fields, pbx, "e164.strip_to_pbx",
				       "9", NULL));
	assert_int_equal(CLASS_PREMIUM,
			 number_class(pbx, "GB", "909061234567", e164,
				      sizeof(e164)));
	assert_string_equal("+449061234567", e164);
	assert_int_equal(CLASS_SATELLITE,
			 number_class(pbx, "GB", "9008816123456", e164,
				      sizeof(e164)));
	assert_int_equal(CLASS_EMERGENCY,
			 number_class(pbx, "GB", "9112", e164, sizeof(e164)));
	mem_deref(pbx);
}


static void a_second_trunk_prefix_is_no_disguise(void **state)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	char e164[64];
	(void)state;

	/* 0 and 08816... is dialled: 00 and a satellite's number */
	assert_int_equal(0, fields_set(&pbx_fields, pbx, "e164.national",
				       "true", NULL));
	assert_int_equal(CLASS_SATELLITE,
			 number_class(pbx, "GB", "+4408816123456", e164,
				      sizeof(e164)));
	mem_deref(pbx);
}


static void forwarding_is_a_call_to_the_target(void **state)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	char e164[64];
	(void)state;

	assert_int_equal(CLASS_SERVICE,
			 number_class(pbx, "GB", "*30*", e164, sizeof(e164)));
	assert_int_equal(CLASS_INTERNAL,
			 number_class(pbx, "GB", "*33*2001#", e164,
				      sizeof(e164)));
	assert_int_equal(CLASS_SATELLITE,
			 number_class(pbx, "GB", "*34*008816123456*15", e164,
				      sizeof(e164)));
	assert_int_equal(CLASS_NATIONAL,
			 number_class(pbx, "GB", "*35*02079460018", e164,
				      sizeof(e164)));
	assert_string_equal("+442079460018", e164);
	mem_deref(pbx);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(kinds_by_country),
		cmocka_unit_test(a_second_trunk_prefix_is_no_disguise),
		cmocka_unit_test(forwarding_is_a_call_to_the_target),
		cmocka_unit_test(the_outside_prefix_is_no_disguise),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
