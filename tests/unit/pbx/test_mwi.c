/**
 * @file test_mwi.c  Message waiting: what PBXs send, and what nobody should
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/pbx/mwi.h"


static int read_text(struct mwi *mwi, const char *text)
{
	struct pl body;

	pl_set_str(&body, text);

	return mwi_read(mwi, &body);
}


static void test_counts(void **state)
{
	struct mwi mwi;
	(void)state;

	assert_int_equal(0, read_text(&mwi, "Messages-Waiting: yes\r\n"
		"Message-Account: sip:asterisk@10.0.0.1\r\n"
		"Voice-Message: 2/8 (0/2)\r\n"));
	assert_true(mwi.waiting);
	assert_int_equal(2, mwi.new_count);
	assert_int_equal(8, mwi.old_count);

	assert_int_equal(0, read_text(&mwi, "messages-waiting :NO\n"
				      "voice-message:0/11"));
	assert_false(mwi.waiting);
	assert_int_equal(11, mwi.old_count);
}


static void test_lamp_alone(void **state)
{
	struct mwi mwi;
	(void)state;

	assert_int_equal(0, read_text(&mwi, "Messages-Waiting: yes"));
	assert_true(mwi.waiting);
	assert_int_equal(0, mwi.new_count);
}


static void test_nonsense_changes_nothing(void **state)
{
	static const char *const badv[] = {
		"", "\r\n", ":", "Messages-Waiting", "Messages-Waiting: maybe",
		"Voice-Message: 2/8\r\n",
	};
	struct mwi mwi = { true, 7, 9 };
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(badv); i++)
		assert_int_equal(EBADMSG, read_text(&mwi, badv[i]));

	assert_true(mwi.waiting);
	assert_int_equal(7, mwi.new_count);
	assert_int_equal(9, mwi.old_count);
}


static void test_counts_have_bounds(void **state)
{
	struct mwi mwi;
	char large[5000];
	struct pl body = { large, sizeof(large) };
	(void)state;

	assert_int_equal(0, read_text(&mwi, "Messages-Waiting: yes\r\n"
		"Voice-Message: 99999999999999999999/4294967297\r\n"));
	assert_int_equal(9999, mwi.new_count);
	assert_int_equal(9999, mwi.old_count);

	assert_int_equal(0, read_text(&mwi, "Messages-Waiting: yes\r\n"
		"Voice-Message: -1/2\r\nVoice-Message: 3\r\n"));
	assert_int_equal(0, mwi.new_count);

	memset(large, 'a', sizeof(large));
	assert_int_equal(EBADMSG, mwi_read(&mwi, &body));
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_lamp_alone),
		cmocka_unit_test(test_nonsense_changes_nothing),
		cmocka_unit_test(test_counts_have_bounds),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
