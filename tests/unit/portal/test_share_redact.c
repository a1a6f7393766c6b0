/**
 * @file test_share_redact.c  A call without its people
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/sip/redact.h"
#include "portal-api/shares.h"


static char *redacted(const char *text)
{
	const struct redact_key key = { { 1, 2 } };
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	char *out;

	assert_non_null(json);
	share_redact(json, &key);
	out = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(json);
	assert_non_null(out);

	return out;
}


static void assert_gone(const char *text, const char *what)
{
	char *out = redacted(text);

	if (strstr(out, what))
		fail_msg("\"%s\" is still in %s", what, out);
	if (strlen(out) != strlen(text))
		fail_msg("of another length: %s", out);
	free(out);
}


static void numbers_and_names_are_others(void **state)
{
	(void)state;

	assert_gone("{\"caller\":\"+442079460018\"}", "442079460018");
	assert_gone("{\"caller_name\":\"Ann Lee\"}", "Ann");
	assert_gone("{\"upn\":\"ann.lee@contoso.example\"}", "ann.lee");
	assert_gone("{\"caller\":\"ann\",\"why\":\"ann was busy\"}", "ann ");
	assert_gone("{\"why\":\"442079460018 -> 0018\"}", "442079460018");
	assert_gone("{\"decided\":[{\"text\":\"to 442079460018\"}]}",
		    "442079460018");
}


static void so_they_are_in_a_list_of_texts(void **state)
{
	(void)state;

	assert_gone("{\"rules\":[\"442079460018 -> 0018\",\"9\"]}",
		    "442079460018");
	assert_gone("{\"to\":[\"Ann Lee\"],\"why\":[[\"for Ann Lee\"]]}",
		    "Ann");
	assert_gone("[\"442079460018\"]", "442079460018");
}


static void things_keep_their_names(void **state)
{
	static const char *const textv[] = {
		"{\"tenant\":\"contoso\",\"caller\":\"con\"}",
		"{\"id\":\"20250101-1234567890\"}",
		"{\"codec\":[\"PCMA1234567\"]}",
		"{\"port\":1234567890,\"failed\":true,\"why\":null}",
	};
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(textv); i++) {
		char *out = redacted(textv[i]);

		if (i)
			assert_string_equal(textv[i], out);
		else
			assert_non_null(strstr(out, "\"contoso\""));
		free(out);
	}
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_names_are_others),
		cmocka_unit_test(so_they_are_in_a_list_of_texts),
		cmocka_unit_test(things_keep_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
