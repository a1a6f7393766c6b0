/**
 * @file test_base64.c  Octets as text, and back
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/base64.h"
#include "bridge/base/libre.h"


static int read_of(enum base64_form form, const char *text)
{
	uint8_t data[16];
	size_t size;

	return base64_read(data, &size, form, text, strlen(text));
}


/* RFC 4648 section 10, and all octets with each form's own digits */
static void what_goes_out_comes_back(void **state)
{
	static const struct {
		enum base64_form form;
		const char *data, *text;
	} v[] = {
		{ BASE64_PLAIN, "",       "" },
		{ BASE64_PLAIN, "f",      "Zg==" },
		{ BASE64_PLAIN, "fo",     "Zm8=" },
		{ BASE64_PLAIN, "foo",    "Zm9v" },
		{ BASE64_PLAIN, "foob",   "Zm9vYg==" },
		{ BASE64_PLAIN, "fooba",  "Zm9vYmE=" },
		{ BASE64_PLAIN, "foobar", "Zm9vYmFy" },
		{ BASE64_PLAIN, "\xfb\xff\xfe", "+//+" },
		{ BASE64_URL,   "",       "" },
		{ BASE64_URL,   "f",      "Zg" },
		{ BASE64_URL,   "fo",     "Zm8" },
		{ BASE64_URL,   "foob",   "Zm9vYg" },
		{ BASE64_URL,   "foobar", "Zm9vYmFy" },
		{ BASE64_URL,   "\xfb\xff\xfe", "-__-" },
	};
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		const size_t l = strlen(v[i].data);
		char text[BASE64_SIZE(6)];
		uint8_t data[6];
		size_t size = 99;

		assert_int_equal(strlen(v[i].text),
				 base64_write(text, v[i].form, v[i].data, l));
		assert_string_equal(v[i].text, text);
		assert_int_equal(0, base64_read(data, &size, v[i].form, text,
						strlen(text)));
		assert_int_equal(l, size);
		assert_memory_equal(v[i].data, data, l);
	}
}


static void padding_may_be_missing_but_not_wrong(void **state)
{
	(void)state;

	assert_int_equal(0, read_of(BASE64_PLAIN, "Zg"));
	assert_int_equal(0, read_of(BASE64_PLAIN, "Zm8"));
	assert_int_equal(EBADMSG, read_of(BASE64_PLAIN, "Zg="));
	assert_int_equal(EBADMSG, read_of(BASE64_PLAIN, "Zm9v="));
	assert_int_equal(EBADMSG, read_of(BASE64_PLAIN, "Zg==="));
	assert_int_equal(EBADMSG, read_of(BASE64_PLAIN, "Z==="));
	assert_int_equal(EBADMSG, read_of(BASE64_PLAIN, "=="));
	assert_int_equal(EBADMSG, read_of(BASE64_PLAIN, "Zg==Zg=="));
	assert_int_equal(EBADMSG, read_of(BASE64_URL, "Zg=="));
}


static void one_text_only_in_a_token(void **state)
{
	(void)state;

	assert_int_equal(EBADMSG, read_of(BASE64_URL, "Zh"));
	assert_int_equal(EBADMSG, read_of(BASE64_URL, "Zm9"));
	assert_int_equal(EBADMSG, read_of(BASE64_URL, "Z"));
	assert_int_equal(EBADMSG, read_of(BASE64_URL, "Zm9v Zm9v"));
	assert_int_equal(EBADMSG, read_of(BASE64_URL, "+//+"));
	assert_int_equal(EBADMSG, read_of(BASE64_PLAIN, "-__-"));
	assert_int_equal(EBADMSG, read_of(BASE64_PLAIN, "Zm9v\x80m9v"));

	/* where it is no token, bits that are left over do not matter */
	assert_int_equal(0, read_of(BASE64_PLAIN, "Zh=="));
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_out_comes_back),
		cmocka_unit_test(padding_may_be_missing_but_not_wrong),
		cmocka_unit_test(one_text_only_in_a_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
