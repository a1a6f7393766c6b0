/**
 * @file test_redact.c  Messages to be passed on: redacted, and as a capture
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/sip/capture.h"
#include "bridge/sip/redact.h"


static const struct redact_key key = {{ 1, 2 }};


static const char invite[] =
	"INVITE sip:+442079460123@pbx.example SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK77\r\n"
	"From: \"Ann \\\"A\\\" Example\" <sip:ann.example@pbx.example>;tag=1\r\n"
	"To: Bob Example<sip:902079460123@pbx.example>\r\n"
	"P-Asserted-Identity: <tel:+44-20-7946-0123>,\r\n"
	"  \"Ann\" <sip:ann%40home@pbx.example>\r\n"
	"REFER-TO: <sip:x.example;x-m=8:orgid:6f5d7360-dc94>\r\n"
	"Call-ID: 5f77@192.0.2.1\r\n"
	"CSeq: 1 INVITE\r\n"
	"Subject: about Ann\r\n"
	"Authorization: Digest username=\"ann101\",realm=\"r\",nonce=\"n\"\r\n"
	"Content-Type: application/sdp\r\n"
	"Content-Length: 99\r\n"
	"\r\n"
	"v=0\r\no=ann 7 7 IN IP4 192.0.2.1\r\ns=Ann calls\r\n"
	"c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8\r\n";


static void redact(char *text, const char *of)
{
	const size_t l = strlen(of);

	memcpy(text, of, l + 1);
	redact_message(&key, text, l);
	assert_int_equal(strlen(text), l);
}


static void nobody_is_left(void **state)
{
	static const char *const gonev[] = {
		"2079460123", "Ann", "ann", "Bob", "Example\"", "7946",
		"101\"", "6f5d7360", "home",
	};
	static const char *const keptv[] = {
		"INVITE sip:+", "@pbx.example SIP/2.0\r\n",
		"branch=z9hG4bK77", ";tag=1\r\n", "Call-ID: 5f77@192.0.2.1",
		"CSeq: 1 INVITE", "realm=\"r\"", "Content-Length: 99\r\n\r\n",
		"c=IN IP4 192.0.2.1", "m=audio 30000 RTP/AVP 8", "%40",
		"orgid:", " 7 7 IN IP4", "sip:x.example;x-m=8:",
	};
	char text[2048];
	size_t i;
	(void)state;

	redact(text, invite);
	for (i = 0; i < RE_ARRAY_SIZE(gonev); i++) {
		if (strstr(text, gonev[i]))
			fail_msg("%s is left in:\n%s", gonev[i], text);
	}
	for (i = 0; i < RE_ARRAY_SIZE(keptv); i++) {
		if (!strstr(text, keptv[i]))
			fail_msg("%s is gone from:\n%s", keptv[i], text);
	}
}


/** What a dial plan did can still be seen */
static void equal_ends_stay_equal(void **state)
{
	char text[2048], *ruri, *to;
	struct redact_key other = {{ 3, 4 }};
	char again[2048];
	(void)state;

	redact(text, invite);
	ruri = strchr(text, '@');
	to = strstr(text, "To: ");
	to = strchr(to, '@');
	assert_memory_equal(ruri - 10, to - 10, 10);

	memcpy(again, invite, sizeof(invite));
	redact_message(&other, again, sizeof(invite) - 1);
	assert_memory_not_equal(again, text, 40);
}


static void bodies_of_other_kinds_are_blank(void **state)
{
	char text[512];
	(void)state;

	redact(text, "NOTIFY sip:a@b SIP/2.0\r\n"
	       "Content-Type: application/pidf+xml\r\n\r\n"
	       "<street>Elm 7</street>");
	assert_non_null(strstr(text, "<xxxxxx>xxx x</xxxxxx>"));

	redact(text, "NOTIFY sip:a@b SIP/2.0\r\nc: message/sipfrag\r\n\r\n"
	       "SIP/2.0 200 OK\r\nTo: <sip:ann@b>\r\n");
	assert_non_null(strstr(text, "\r\n\r\nSIP/2.0 200 OK\r\n"));
	assert_null(strstr(text, "ann"));
}


/** Whatever the end of the octets, nothing is read behind it */
static void torn_messages_are_redacted(void **state)
{
	(void)state;

	for (size_t l = 0; l < sizeof(invite) - 1; l++) {
		char *copy = mem_alloc(l ? l : 1, NULL);

		assert_non_null(copy);
		memcpy(copy, invite, l);
		redact_message(&key, copy, l);
		mem_deref(copy);
	}
}


static uint32_t u32_at(const struct mbuf *mb, size_t at)
{
	uint32_t v;

	memcpy(&v, mb->buf + at, sizeof(v));

	return v;
}


static void add(struct capture *cap, enum sip_transp tp, const char *local,
		const char *peer, size_t size)
{
	char *data = mem_zalloc(size, NULL);
	struct trace_msg msg = {
		.time_us = 1700000000000000, .tx = true, .tp = tp,
		.side = "pbx", .data = data, .size = size,
	};

	assert_non_null(data);
	assert_int_equal(sa_set_str(&msg.local, local, 5060), 0);
	assert_int_equal(sa_set_str(&msg.peer, peer, 5061), 0);
	assert_int_equal(capture_add(cap, &msg), 0);
	mem_deref(data);
}


/** Blocks tell their length at both ends; each kind of packet is there */
static void captures_are_whole(void **state)
{
	const struct mbuf *mb;
	struct capture *cap;
	struct trace_msg bare = { .data = NULL };
	size_t at, packets = 0;
	(void)state;

	assert_int_equal(capture_alloc(&cap, "Callbridge/1"), 0);
	add(cap, SIP_TRANSP_UDP, "192.0.2.1", "192.0.2.2", 1);
	add(cap, SIP_TRANSP_TCP, "192.0.2.1", "192.0.2.2", 65536);
	add(cap, SIP_TRANSP_TLS, "2001:db8::1", "2001:db8::2", 65536);
	sa_init(&bare.local, AF_UNSPEC);
	sa_init(&bare.peer, AF_UNSPEC);
	assert_int_equal(capture_add(cap, &bare), EINVAL);

	mb = capture_file(cap);
	for (at = 0; at < mb->end; at += u32_at(mb, at + 4)) {
		const uint32_t l = u32_at(mb, at + 4);

		assert_true(l >= 12 && l % 4 == 0 && at + l <= mb->end);
		assert_int_equal(u32_at(mb, at + l - 4), l);
		packets += u32_at(mb, at) == 6;
	}

	assert_int_equal(at, mb->end);
	assert_int_equal(packets, 4);          /* TCP: two segments */
	mem_deref(cap);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_left),
		cmocka_unit_test(equal_ends_stay_equal),
		cmocka_unit_test(bodies_of_other_kinds_are_blank),
		cmocka_unit_test(torn_messages_are_redacted),
		cmocka_unit_test(captures_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
