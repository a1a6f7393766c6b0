/**
 * @file test_feature.c  Feature codes of Teams users at a PBX
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "pbx-templates/feature.h"
#include "pbx-templates/number.h"


static struct pbx *pbx;


static void set(const char *path, const char *text)
{
	assert_int_equal(0, fields_set(&pbx_fields, pbx, path, text, NULL));
}


static int setup(void **state)
{
	(void)state;

	pbx = fields_item_alloc(&pbx_fields);
	if (!pbx)
		return -1;

	set("country", "GB");
	set("outside_line_prefix", "9");
	set("feature_codes.dnd_on", "*78");
	set("feature_codes.forward_all", "*72{number}");
	set("feature_codes.forward_no_answer", "*92*{seconds}*{number}#");

	return 0;
}


static int teardown(void **state)
{
	(void)state;

	pbx = mem_deref(pbx);

	return 0;
}


static void expect(const char *dialled, const char *text, const char *rule)
{
	struct number num;

	assert_int_equal(0, number_to_pbx(&num, pbx, NULL, dialled));
	assert_string_equal(text, num.text);
	assert_string_equal(rule, num.rulev[num.rulec - 1]);
}


static void codes_become_those_of_the_pbx(void **state)
{
	(void)state;

	expect("*30*", "*78", "do not disturb on, as this PBX has it");
	expect("*30*#", "*78", "do not disturb on, as this PBX has it");
	expect("*33*2001", "*722001", "forward all calls, as this PBX has it");
	expect("*33*", "*72", "forward all calls, as this PBX has it");
}


static void numbers_behind_them_too(void **state)
{
	(void)state;

	expect("*33*02079460018#", "*72902079460018",
	       "forward all calls, as this PBX has it");
	expect("*33*+442079460018", "*72902079460018",
	       "forward all calls, as this PBX has it");
	expect("*34*2001*15#", "*92*15*2001#",
	       "forward when not answered, as this PBX has it");
	expect("*34*2001", "*92*20*2001#",
	       "forward when not answered, as this PBX has it");
}


static void others_go_as_dialled(void **state)
{
	static const char *const v[] = {
		"*31*", "*99*", "*30", "*30*1", "*33*2001*15*9", "*72", "*21#",
		"*34*2001*1234",
	};
	size_t i;
	(void)state;

	for (i = 0; i < RE_ARRAY_SIZE(v); i++)
		expect(v[i], v[i], "a service code stays as it is");
}


static void codes_tell_what_becomes_of_do_not_disturb(void **state)
{
	static const struct { const char *dialled; enum feature_dnd dnd; }
	casev[] = {
		{ "*30*", FEATURE_DND_ON }, { "*30*#", FEATURE_DND_ON },
		{ "*78", FEATURE_DND_ON }, { "*78#", FEATURE_DND_ON },
		{ "*31*", FEATURE_DND_OFF }, { "*79", FEATURE_DND_OFF },
		{ "*781", FEATURE_DND_NONE }, { "*7", FEATURE_DND_NONE },
		{ "", FEATURE_DND_NONE }, { "2001", FEATURE_DND_NONE },
	};
	(void)state;

	set("feature_codes.dnd_off", "*79");
	for (size_t i = 0; i < RE_ARRAY_SIZE(casev); i++)
		assert_int_equal(feature_dnd(pbx, casev[i].dialled),
				 casev[i].dnd);

	/* in turn: nobody knows which */
	set("feature_codes.dnd_off", "*78");
	assert_int_equal(feature_dnd(pbx, "*78"), FEATURE_DND_NONE);
	assert_int_equal(feature_dnd(pbx, "*31*"), FEATURE_DND_OFF);
}


static void what_a_code_may_be(void **state)
{
	(void)state;

	assert_int_equal(EBADMSG, fields_set(&pbx_fields, pbx,
					     "feature_codes.dnd_on", "*78 ",
					     NULL));
	assert_int_equal(EBADMSG, fields_set(&pbx_fields, pbx,
					     "feature_codes.dnd_on",
					     "*72{numbr}", NULL));
	assert_int_equal(EBADMSG, fields_set(&pbx_fields, pbx,
					     "feature_codes.dnd_on", "",
					     NULL));
}


int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest testv[] = {
		TEST(codes_become_those_of_the_pbx),
		TEST(numbers_behind_them_too),
		TEST(others_go_as_dialled),
		TEST(codes_tell_what_becomes_of_do_not_disturb),
		TEST(what_a_code_may_be),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
