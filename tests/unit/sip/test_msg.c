/**
 * @file test_msg.c  Header values, name-addrs and bodies
 */
#include <setjmp.h>
#include <stdio.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/sip/msg.h"


#define PL_EQUAL(text, pl) do {						\
	char pl_text[512];						\
	(void)pl_strcpy(&(pl), pl_text, sizeof(pl_text));		\
	assert_string_equal(text, pl_text);				\
} while (0)


static struct sip_msg *read_message(const char *headers, const char *body)
{
	struct sip_msg *msg = NULL;
	struct mbuf *mb = mbuf_alloc(1024);

	assert_non_null(mb);
	assert_int_equal(0, mbuf_printf(mb, "INVITE sip:a@x SIP/2.0\r\n"
		"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:b@x>\r\n"
		"To: <sip:a@x>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
		"%s\r\n%s", headers, body));
	mbuf_set_pos(mb, 0);
	assert_int_equal(0, sip_msg_decode(&msg, mb));
	mem_deref(mb);

	return msg;
}


static void values_by_name_number_and_token(void **state)
{
	struct sip_msg *msg = read_message("X-Thing: one\r\nx-thing: two\r\n"
		"Expires: 3600 (an hour);x\r\nMin-Expires: 4294967296\r\n"
		"Session-Expires: 90x\r\nRetry-After: 7;duration=3\r\n"
		"Supported: 100rel,  Timer\r\nk: replaces\r\n", "");
	struct pl val = msg_value(msg, "x-THING");
	uint32_t v = 0;

	(void)state;

	PL_EQUAL("one", val);
	val = msg_value(msg, "X-None");
	assert_false(pl_isset(&val));
	val = msg_hdr_value(msg, SIP_HDR_CALL_ID);
	PL_EQUAL("c", val);

	assert_true(msg_hdr_uint(msg, SIP_HDR_EXPIRES, &v));
	assert_int_equal(3600, v);
	assert_true(msg_hdr_uint(msg, SIP_HDR_RETRY_AFTER, &v));
	assert_int_equal(7, v);
	assert_false(msg_hdr_uint(msg, SIP_HDR_MIN_EXPIRES, &v));
	assert_false(msg_hdr_uint(msg, SIP_HDR_SESSION_EXPIRES, &v));
	assert_false(msg_hdr_uint(msg, SIP_HDR_MIN_SE, &v));
	assert_int_equal(7, v);

	assert_true(msg_has_token(msg, SIP_HDR_SUPPORTED, "timer"));
	assert_true(msg_has_token(msg, SIP_HDR_SUPPORTED, "100rel"));
	assert_true(msg_has_token(msg, SIP_HDR_SUPPORTED, "replaces"));
	assert_false(msg_has_token(msg, SIP_HDR_SUPPORTED, "rep"));
	assert_false(msg_has_token(msg, SIP_HDR_REQUIRE, "timer"));

	mem_deref(msg);
}


static void commas_separate_only_outside(void **state)
{
	struct pl rest = PL(" \"a, \\\"b\" <sip:x,y>;p=1 ,, <sip:z>, q ");
	struct pl el;

	(void)state;

	assert_true(msg_next_element(&rest, &el));
	PL_EQUAL("\"a, \\\"b\" <sip:x,y>;p=1", el);
	assert_true(msg_next_element(&rest, &el));
	PL_EQUAL("<sip:z>", el);
	assert_true(msg_next_element(&rest, &el));
	PL_EQUAL("q", el);
	assert_false(msg_next_element(&rest, &el));
}


static void names_and_addresses(void **state)
{
	static const struct {
		const char *text, *dname, *uri, *params;
	} casev[] = {
		{"<sip:a@b>", "", "sip:a@b", ""},
		{"Anna M <sip:a@b;x=1>;tag=1", "Anna M", "sip:a@b;x=1",
		 ";tag=1"},
		{"John Doe<sip:a@b>", "John Doe", "sip:a@b", ""},
		{"\"A \\\"B\\\" <c>\" <sip:a@b> ;tag=2",
		 "A \\\"B\\\" <c>", "sip:a@b", ";tag=2"},
		{"sip:a@b;tag=3", "", "sip:a@b", ";tag=3"},
		{"tel:+4420", "", "tel:+4420", ""},
		{"\"\" <sip:a@b>", "", "sip:a@b", ""},
	};
	static const char *const badv[] = {
		"", " ", "\"a <sip:a@b>", "<sip:a@b", "<>", "a b", "nothing",
		"\"a\" sip:a@b", "<sip:a@b> tag=1", "sip:a b@c", "\"a\\",
	};
	struct pl val, dname, uri, params;

	(void)state;

	for (size_t i = 0; i < sizeof(casev) / sizeof(casev[0]); i++) {
		pl_set_str(&val, casev[i].text);
		assert_int_equal(0, msg_nameaddr(&val, &dname, &uri,
						 &params));
		PL_EQUAL(casev[i].dname, dname);
		PL_EQUAL(casev[i].uri, uri);
		PL_EQUAL(casev[i].params, params);
	}

	for (size_t i = 0; i < sizeof(badv) / sizeof(badv[0]); i++) {
		pl_set_str(&val, badv[i]);
		if (msg_nameaddr(&val, &dname, &uri, &params) != EBADMSG)
			fail_msg("%s", badv[i]);
	}
}


static int find_sdp(const char *ctype, const char *body, char *text,
		    size_t size)
{
	char headers[256];
	struct sip_msg *msg;
	struct pl found;
	int err;

	(void)snprintf(headers, sizeof(headers), "Content-Type: %s\r\n",
		       ctype);
	msg = read_message(headers, body);
	err = msg_body(msg, "application", "sdp", &found);
	if (!err)
		(void)pl_strcpy(&found, text, size);
	mem_deref(msg);

	return err;
}


#define MIXED "multipart/mixed; boundary=\"b-1\""

static void body_is_found_in_its_parts(void **state)
{
	char text[256];

	(void)state;

	assert_int_equal(0, find_sdp("Application/SDP;x=1", "v=0\r\n", text,
				     sizeof(text)));
	assert_string_equal("v=0\r\n", text);

	assert_int_equal(0, find_sdp(MIXED,
		"preamble\r\n--b-1\r\n\r\nplain\r\n"
		"--b-1\r\nContent-Disposition: session\r\n"
		"content-type : application/sdp\r\n\r\nv=0\r\ns=-\r\n"
		"\r\n--b-1--\r\nepilogue", text, sizeof(text)));
	assert_string_equal("v=0\r\ns=-\r\n", text);

	assert_int_equal(0, find_sdp(MIXED,
		"--b-1\r\nContent-Type: multipart/alternative;boundary=in\r\n"
		"\r\n--in\r\nc: application/sdp\r\n\r\nv=0\r\n--in--\r\n"
		"--b-1--", text, sizeof(text)));
	assert_string_equal("v=0", text);

	assert_int_equal(ENOENT, find_sdp(MIXED, "--b-1\r\n\r\nx\r\n--b-1--",
					  text, sizeof(text)));
	assert_int_equal(ENOENT, find_sdp("text/plain", "v=0", text,
					  sizeof(text)));
	assert_int_equal(ENOENT, find_sdp("application/sdp", "", text,
					  sizeof(text)));
	assert_int_equal(EBADMSG, find_sdp(MIXED, "nothing", text,
					   sizeof(text)));
	assert_int_equal(EBADMSG, find_sdp(MIXED, "--b-1\r\n\r\nx", text,
					   sizeof(text)));
	assert_int_equal(EBADMSG, find_sdp("multipart/mixed", "--b-1--",
					   text, sizeof(text)));
}


static void parts_and_nesting_are_bounded(void **state)
{
	char body[4096] = "", text[64], line[128];

	(void)state;

	for (unsigned i = 0; i < 16; i++)
		strcat(body, "--b-1\r\n\r\nx\r\n");
	(void)snprintf(line, sizeof(line), "%s--b-1--", "");
	strcat(body, line);
	assert_int_equal(ENOENT, find_sdp(MIXED, body, text, sizeof(text)));
	body[strlen(body) - 7] = '\0';
	strcat(body, "--b-1\r\n\r\nx\r\n--b-1--");
	assert_int_equal(EBADMSG, find_sdp(MIXED, body, text, sizeof(text)));

	body[0] = '\0';
	strcat(body, "--b-1\r\n");
	for (unsigned i = 0; i < 5; i++) {
		(void)snprintf(line, sizeof(line), "Content-Type: multipart/"
			       "mixed;boundary=n%u\r\n\r\n--n%u\r\n", i, i);
		strcat(body, line);
	}
	strcat(body, "\r\nx\r\n");
	for (unsigned i = 5; i-- > 0; ) {
		(void)snprintf(line, sizeof(line), "\r\n--n%u--\r\n", i);
		strcat(body, line);
	}
	strcat(body, "\r\n--b-1--");
	assert_int_equal(EBADMSG, find_sdp(MIXED, body, text, sizeof(text)));
}


static void quoted_text_cannot_break_out(void **state)
{
	static const struct pl evil = PL("a\"b\\c\r\nX: y\x7f\xc3\xa9");
	char text[64];

	(void)state;

	(void)re_snprintf(text, sizeof(text), "\"%H\"", msg_quote, &evil);
	assert_string_equal("\"a\\\"b\\\\cX: y\xc3\xa9\"", text);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_by_name_number_and_token),
		cmocka_unit_test(commas_separate_only_outside),
		cmocka_unit_test(names_and_addresses),
		cmocka_unit_test(body_is_found_in_its_parts),
		cmocka_unit_test(parts_and_nesting_are_bounded),
		cmocka_unit_test(quoted_text_cannot_break_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
