/**
 * @file test_binding.c  Our Contact in an answer, told at a glance or not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/pbx/binding.h"
#include "bridge/sip/parse.h"


#define OURS  "<sip:101@10.0.0.1:5060;cb=0123456789ab>"
#define TOKEN "0123456789ab"


static void read_one(struct bindings *b, const char *contacts)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct sip_msg *msg = NULL;
	size_t plainc;

	assert_non_null(mb);
	assert_int_equal(0, mbuf_printf(mb, "SIP/2.0 200 OK\r\n"
		"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\n"
		"From: <sip:101@pbx>;tag=a\r\nTo: <sip:101@pbx>;tag=b\r\n"
		"Call-ID: c\r\nCSeq: 2 REGISTER\r\n%s"
		"Content-Length: 0\r\n\r\n", contacts));
	mb->pos = 0;
	assert_int_equal(0, parse_message(&msg, &plainc, NULL, mb));
	mem_deref(mb);

	memset(b, 0xff, sizeof(*b));
	bindings_read(b, msg, OURS, TOKEN);
	mem_deref(msg);
}


static void same(const struct bindings *a, const struct bindings *b)
{
	assert_int_equal(a->ours, b->ours);
	assert_int_equal(a->expires_s, b->expires_s);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->others, b->others);
	assert_string_equal(a->rivals, b->rivals);
	assert_string_equal(a->stale, b->stale);
}


/* A name before it changes nothing of what it means */
static void an_echo_is_read_as_any_other(void **state)
{
	static const char *const tailv[] = {
		"\r\n", ";expires=60\r\n", ";q=0.5;expires=3600\r\n",
		";expires=abc\r\n", ";expires=60\r\nExpires: 90\r\n",
		"\r\nExpires: 90\r\n", ";x=\"a,b\";expires=60\r\n",
		";expires=60, <sip:101@10.0.0.9>;expires=5\r\n",
		";expires=60\r\nContact: <sip:101@10.0.0.9>;expires=5\r\n",
		(";expires=60\r\nContact: "
		"<sip:101@10.0.0.1:5060;cb=ffffffffffff>\r\n"),
		" ;expires=60\r\n",
	};
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(tailv); i++) {
		struct bindings echo, named;
		char text[512];

		(void)snprintf(text, sizeof(text), "Contact: " OURS "%s",
			       tailv[i]);
		read_one(&echo, text);
		(void)snprintf(text, sizeof(text), "Contact: phone " OURS
			       "%s", tailv[i]);
		read_one(&named, text);
		same(&echo, &named);
		assert_true(echo.ours);
	}
}


static void what_begins_like_ours_is_not_ours(void **state)
{
	struct bindings b;
	(void)state;

	read_one(&b, "Contact: <sip:101@10.0.0.1:5060;cb=0123456789ac>"
		 ";expires=60\r\nContact: <sip:101@10.0.0.9>\r\n");
	assert_false(b.ours);

	read_one(&b, "Contact: " OURS ";expires=77\r\n");
	assert_true(b.ours);
	assert_int_equal(77, b.expires_s);
	assert_int_equal(1, b.count);
	assert_int_equal(0, b.others);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_echo_is_read_as_any_other),
		cmocka_unit_test(what_begins_like_ours_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
