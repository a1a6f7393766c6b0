/**
 * @file test_callerid.c  Who calls
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/call/callerid.h"
#include "bridge/call/cause.h"


static struct sip_msg *message(const char *from, const char *more)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct sip_msg *msg;

	assert_non_null(mb);
	assert_int_equal(0, mbuf_printf(mb,
		"INVITE sip:%%2331%%23@192.0.2.1;user=phone SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n"
		"From: %s;tag=1\r\n"
		"To: <sip:x@192.0.2.1>\r\n"
		"Call-ID: 1\r\n"
		"CSeq: 1 INVITE\r\n"
		"%s"
		"Content-Length: 0\r\n\r\n", from, more));
	mb->pos = 0;
	assert_int_equal(0, sip_msg_decode(&msg, mb));
	mem_deref(mb);

	return msg;
}


static void expect(const char *from, const char *more, const char *number,
		   const char *name, bool anonymous)
{
	struct sip_msg *msg = message(from, more);
	struct party party;

	callerid_read(&party, msg);
	assert_string_equal(number, party.number);
	assert_string_equal(name, party.name);
	assert_int_equal(anonymous, party.anonymous);
	mem_deref(msg);
}


static void asserted_identity_comes_first(void **state)
{
	(void)state;

	expect("Bob Example<sip:+4930555010@sip.example;user=phone>",
	       "P-Asserted-Identity: <tel:+4930555011>,"
	       "<sip:bob@contoso.example>\r\n"
	       "Remote-Party-ID: <sip:+4930555012@x>\r\n",
	       "+4930555011", "Bob Example", false);
}


static void then_remote_party_id_then_from(void **state)
{
	(void)state;

	expect("<sip:101@pbx.example>",
	       "Remote-Party-ID: \"Ann\" <sip:102@pbx.example>;party=calling"
	       "\r\n", "102", "Ann", false);
	expect("\"J\xc3\xbcrgen\" <sip:101@pbx.example>", "", "101",
	       "J\xc3\xbcrgen", false);
}


static void names_lose_escapes_and_folds(void **state)
{
	char from[256] = "\"", name[96] = "";
	size_t i;
	(void)state;

	expect("\"Ann \\\"A\\\" \\\\\r\n Example\" <sip:1@x>", "", "1",
	       "Ann \"A\" \\ Example", false);

	/* 94 octets and a sequence of two: there is room for 95 */
	for (i = 0; i < 94; i++)
		strcat(name, "a");
	strcat(strcat(strcat(from, name), "\xc3\xbc"), "b\" <sip:1@x>");
	expect(from, "", "1", name, false);
}


static void privacy_is_seen(void **state)
{
	(void)state;

	expect("<sip:1@x>", "Privacy: header;id\r\n", "1", "", true);
	expect("<sip:1@x>", "Privacy: none\r\n", "1", "", false);
	expect("<sip:1@x>", "Remote-Party-ID: <sip:2@x>;privacy=full-network"
	       "\r\n", "2", "", true);
	expect("<sip:1@x>", "Remote-Party-ID: <sip:2@x>;privacy=off\r\n", "2",
	       "", false);
}


static void anonymous_is_seen(void **state)
{
	(void)state;

	expect("\"Anonymous\" <sip:anonymous@anonymous.invalid>", "",
	       "anonymous", "Anonymous", true);
	expect("<sip:101@pbx.example>", "Privacy: id\r\n", "101", "", true);
}


static void from_without_user_is_no_number(void **state)
{
	(void)state;

	expect("\"Gate\" <sip:pbx.example>", "", "anonymous", "Gate", true);
}


static void uri_parameters_in_the_user_are_cut(void **state)
{
	(void)state;

	expect("<sip:+4930555010;ext=12@sip.example>", "", "+4930555010", "",
	       false);
}


static void called_number_is_unescaped(void **state)
{
	struct sip_msg *msg = message("<sip:1@x>", "");
	char called[64];
	(void)state;

	assert_int_equal(0, callerid_called(called, sizeof(called), msg));
	assert_string_equal("#31#", called);
	mem_deref(msg);
}


/* A line break in disguise must not become one */
static void escaped_control_characters_are_refused(void **state)
{
	struct pl uri;
	char buf[64];
	(void)state;

	pl_set_str(&uri, "sip:10%0d%0aX@pbx.example");
	assert_int_equal(EBADMSG, callerid_user(buf, sizeof(buf), &uri));
}


/* A 6xx would stop all phones of a group; 408 would make Teams try another
   trunk although this PBX has answered */
static void causes_are_softened(void **state)
{
	(void)state;

	assert_int_equal(486, cause_find(603)->to_pbx);
	assert_int_equal(603, cause_find(603)->to_teams);
	assert_int_equal(480, cause_find(408)->to_teams);
	assert_int_equal(17, cause_find(486)->q850);
	assert_int_equal(400, cause_find(499)->to_pbx);
	assert_int_equal(500, cause_find(599)->to_pbx);
	assert_int_equal(500, cause_find(0)->to_pbx);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asserted_identity_comes_first),
		cmocka_unit_test(then_remote_party_id_then_from),
		cmocka_unit_test(names_lose_escapes_and_folds),
		cmocka_unit_test(privacy_is_seen),
		cmocka_unit_test(anonymous_is_seen),
		cmocka_unit_test(from_without_user_is_no_number),
		cmocka_unit_test(uri_parameters_in_the_user_are_cut),
		cmocka_unit_test(called_number_is_unescaped),
		cmocka_unit_test(escaped_control_characters_are_refused),
		cmocka_unit_test(causes_are_softened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
