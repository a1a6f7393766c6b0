/**
 * @file test_cause.c  Failures from one side to the other, with their cause
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/call/cause.h"


/** Statuses after which Teams tries its next trunk */
static bool teams_tries_on(uint16_t scode)
{
	return scode == 408 || scode == 503 || scode == 504;
}


static void test_every_code_goes_on(void **state)
{
	(void)state;

	for (uint16_t scode = 300; scode < 700; scode++) {
		const struct cause *cause = cause_find(scode);

		assert_non_null(cause);
		assert_in_range(cause->to_teams, 400, 603);
		assert_in_range(cause->to_pbx, 400, 599);
		assert_in_range(cause->q850, 1, 127);
		assert_true(str_isset(cause->reason));
		assert_true(str_isset(cause_q850_name(cause->q850)));
		assert_int_not_equal(cause->to_teams, 401);
		assert_int_not_equal(cause->to_teams, 407);
		assert_int_not_equal(cause->to_pbx, 401);
		assert_int_not_equal(cause->to_pbx, 407);

		/* a refusal of the PBX is not to ring it again by another
		   trunk, but for overload and what lies behind it */
		assert_int_equal(teams_tries_on(cause->to_teams),
				 scode == 503 || scode == 504);
	}
}


static void test_codes_of_one_class_are_alike(void **state)
{
	(void)state;

	assert_int_equal(cause_find(499)->q850, cause_find(400)->q850);
	assert_int_equal(cause_find(599)->to_pbx, 500);
	assert_int_equal(cause_find(399)->to_teams, 480);
	assert_int_equal(cause_find(699)->to_pbx, 486);
	assert_int_equal(cause_find(100)->to_pbx, 500);
}


/** RFC 3398 section 8.2.6.1 */
static void test_causes_of_rfc_3398(void **state)
{
	static const uint16_t v[][2] = {
		{400, 41}, {401, 21}, {402, 21}, {403, 21}, {404, 1},
		{405, 63}, {406, 79}, {407, 21}, {408, 102}, {410, 22},
		{413, 127}, {414, 127}, {415, 79}, {416, 127}, {420, 127},
		{421, 127}, {423, 127}, {480, 18}, {481, 41}, {482, 25},
		{483, 25}, {484, 28}, {485, 1}, {486, 17}, {500, 41},
		{501, 79}, {502, 38}, {503, 41}, {504, 102}, {505, 127},
		{513, 127}, {600, 17}, {603, 21}, {604, 1},
	};
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++)
		assert_int_equal(cause_find(v[i][0])->q850, v[i][1]);
}


static void reason(const char *in, uint16_t dflt, const char *out,
		   uint16_t q850)
{
	struct mbuf *mb = mbuf_alloc(512);
	struct cause_heard heard;
	struct sip_msg *msg;
	char buf[96];

	assert_non_null(mb);
	assert_int_equal(mbuf_printf(mb, "SIP/2.0 486 Busy Here\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
		"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n"
		"Call-ID: 1\r\nCSeq: 1 INVITE\r\n%s%s%s"
		"Content-Length: 0\r\n\r\n", in ? "Reason: " : "",
		in ? in : "", in ? "\r\n" : ""), 0);
	mb->pos = 0;
	assert_int_equal(sip_msg_decode(&msg, mb), 0);

	cause_hear(&heard, msg);
	assert_int_equal(heard.q850, q850);
	cause_reason(buf, sizeof(buf), &heard, dflt);
	assert_string_equal(buf, out);

	mem_deref(msg);
	mem_deref(mb);
}


static void test_reasons_are_kept_or_derived(void **state)
{
	(void)state;

	reason(NULL, 17, "Reason: Q.850;cause=17\r\n", 0);
	reason(NULL, 0, "", 0);
	reason("Q.850;cause=34;text=\"d1b5;Busy here.\"", 17,
	       "Reason: Q.850;cause=34\r\n", 34);
	reason("Q.850 ;cause=16", 0, "Reason: Q.850;cause=16\r\n", 16);
	reason("SIP;cause=200;text=\"a, b;cause=5\"", 16,
	       "Reason: SIP;cause=200\r\n", 0);
	reason("SIP;cause=600;text=\"x\", Q.850;cause=17;text=\"y\"", 41,
	       "Reason: Q.850;cause=17, SIP;cause=600\r\n", 17);
	reason("SIP;cause=600\r\nReason: Q.850;cause=17", 41,
	       "Reason: Q.850;cause=17, SIP;cause=600\r\n", 17);
	reason("Preemption;cause=1", 41, "Reason: Q.850;cause=41\r\n", 0);
	reason("Q.850;cause=0, Q.850;cause=999", 31,
	       "Reason: Q.850;cause=31\r\n", 0);
	reason("Q.850", 31, "Reason: Q.850;cause=31\r\n", 0);
	reason("SIP;cause=99999", 31, "Reason: Q.850;cause=31\r\n", 0);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_goes_on),
		cmocka_unit_test(test_codes_of_one_class_are_alike),
		cmocka_unit_test(test_causes_of_rfc_3398),
		cmocka_unit_test(test_reasons_are_kept_or_derived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
