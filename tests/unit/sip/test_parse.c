/**
 * @file test_parse.c  What we read ourselves is what libre reads
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compare.h"


enum { ROUNDS = 60000, MESSAGE_MAX = 4096 };


static const char *const messagev[] = {

	"SIP/2.0 401 Unauthorized\r\n"
	"Via: SIP/2.0/UDP 10.0.0.5:5060;rport=5060;branch=z9hG4bK1234;"
	"received=10.0.0.5\r\n"
	"From: <sip:101@pbx.example>;tag=a73kszlfl\r\n"
	"To: <sip:101@pbx.example>;tag=z9hG4\r\n"
	"Call-ID: 12345600@10.0.0.5\r\n"
	"CSeq: 2 REGISTER\r\n"
	"WWW-Authenticate: Digest realm=\"asterisk\",nonce=\"17/7a\","
	"opaque=\"4f\",algorithm=MD5,qop=\"auth\"\r\n"
	"Server: Asterisk PBX 22.1.0\r\n"
	"Content-Length: 0\r\n\r\n",

	"SIP/2.0 200 OK\r\n"
	"Via: SIP/2.0/TLS sbc.example.com:5061;branch=z9hG4bK;rport\r\n"
	"Record-Route: <sip:a.example;transport=tls;lr>,"
	"<sip:b.example:5061;lr>\r\n"
	"From: \"Ann, at home\" <sip:+442079460018@a.example:5061>;tag=1\r\n"
	"To: sip:bob@b.example;tag=2\r\n"
	"Call-ID: x\r\nCSeq: 1 INVITE\r\n"
	"Contact: <sip:101@10.0.0.5:5060;cb=ab12>;expires=60, "
	"<sip:101@[2001:db8::1]:5062>;q=0.5\r\n"
	"Allow: INVITE, ACK ,CANCEL,  BYE\r\n"
	"Supported: timer\r\n"
	"Date: Mon, 01 Jan 2026 10:00:00 GMT\r\n"
	"Content-Type: application/sdp\r\n"
	"Content-Length: 5\r\n\r\nv=0\r\n",

	"INVITE sip:101@10.0.0.5:5060;cb=ab12 SIP/2.0\r\n"
	"Via: SIP/2.0/UDP pbx.example;branch=z9hG4bKa, "
	"SIP/2.0/TCP 10.1.1.1:5080;branch=z9hG4bKb\r\n"
	"Via: SIP/2.0/UDP 10.1.1.2;branch=z9hG4bKc\r\n"
	"Route: <sip:p1.example;lr>,<sip:p2.example;lr>\r\n"
	"Max-Forwards: 70\r\n"
	"f: Bob <sip:bob%20b@b.example;user=phone>;tag=3\r\n"
	"t: <tel:+442079460018;phone-context=+44>\r\n"
	"i: long@call\r\n"
	"CSeq: 4711   INVITE\r\n"
	"X-Custom: a, b, \"c, d\"\r\n"
	"Subject: folded\r\n\there\r\n"
	"Expires: 180\r\n"
	"Supported:\r\n"
	"Content-Length: 0\r\n\r\n",

	"OPTIONS sip:10.0.0.5 SIP/2.0\r\n"
	"Via: SIP / 2.0 / UDP 10.0.0.1 ; branch = z9hG4bKx ;rport\r\n"
	"From: <sip:asterisk@10.0.0.1>;tag=as1\r\nTo: <sip:10.0.0.5>\r\n"
	"Call-ID: 1\r\nCSeq: 102 OPTIONS\r\nUser-Agent: A, B; C\r\n"
	"Authorization: Digest username=\"a\", realm=\"b\"\r\n"
	"Content-Length:  0 \r\n\r\n",
};


static void assert_same(const char *p, size_t l)
{
	const char *what = compare_readers(p, l);

	if (what)
		fail_msg("%s is read otherwise in:\n%.*s", what, (int)l, p);
}


static void test_messages_as_peers_write_them(void **state)
{
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(messagev); i++)
		assert_same(messagev[i], strlen(messagev[i]));
}


/** One change: an octet that means something to a parser, one left out, a
    stretch of another message, a line twice */
static size_t change(char *p, size_t l)
{
	static const char octets[] = " \t\r\n,;:<>\"@?=&/\\[]()%.-_x1Zs\x7f\xc3";
	const size_t at = (size_t)rand() % l;
	const char *other = messagev[(size_t)rand() %
		RE_ARRAY_SIZE(messagev)];
	const size_t from = (size_t)rand() % strlen(other);
	size_t n = (size_t)rand() % 40;

	switch (rand() % 4) {

	case 0:
		p[at] = octets[(size_t)rand() % (sizeof(octets) - 1)];
		return l;

	case 1:
		memmove(p + at, p + at + 1, l - at - 1);
		return l - 1;

	case 2:
		if (n > strlen(other) - from)
			n = strlen(other) - from;
		if (l + n >= MESSAGE_MAX)
			return l;
		memmove(p + at + n, p + at, l - at);
		memcpy(p + at, other + from, n);
		return l + n;

	default:
		if (l + 1 >= MESSAGE_MAX)
			return l;
		memmove(p + at + 1, p + at, l - at);
		p[at] = octets[(size_t)rand() % (sizeof(octets) - 1)];
		return l + 1;
	}
}


static void test_messages_with_a_few_octets_changed(void **state)
{
	(void)state;

	for (unsigned i = 0; i < ROUNDS; i++) {
		const char *from = messagev[i % RE_ARRAY_SIZE(messagev)];
		size_t l = strlen(from);
		char buf[MESSAGE_MAX];

		memcpy(buf, from, l);
		for (int n = 1 + rand() % 3; n && l > 1; n--)
			l = change(buf, l);

		assert_same(buf, l);
	}
}


static void test_every_beginning_of_a_message(void **state)
{
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(messagev); i++)
		for (size_t l = 1; l < strlen(messagev[i]); l++)
			assert_same(messagev[i], l);
}


static void assert_uri(const char *text)
{
	struct pair pair = { NULL, NULL, NULL };
	struct mbuf mb = { (uint8_t *)(uintptr_t)text, 0, 0, 0 };
	struct uri a, b;
	struct pl pl;
	int err;

	pl_set_str(&pl, text);
	pair.ours = pair.theirs = &mb;
	err = parse_uri(&a, &pl);
	assert_int_equal(!err, !uri_decode(&b, &pl));
	if (!err)
		same_uri(&pair, &a, &b, text);
	assert_null(pair.what);
}


static void test_uris(void **state)
{
	static const char *const textv[] = {
		"sip:101@pbx.example", "sips:pbx.example:5061;transport=tls",
		"sip:10.0.0.1", "sip:10.0.0.1:65536", "sip:a@b:c@d", "sip:",
		"sip:u:pw@h;x=y", "sip:+44;ext=1@h;user=phone", "sip:u@h?a=b",
		"sip:u@[::1]:5060", "tel:+44207;phone-context=a", ":x", "x",
		"sip:u@h;p=\"q\"", "sip:@h", "sip:u@", "sip:u@h:", "sip:a/b@h",
		"sip:h/p;q=/r", "sip:u@1.2.3", "sip:u@1.2.3.4.5", "http://a/b",
		"sip:u@h;x=a@b", "sip:u@h:5060;a=b:c", "sip:%41@h", "sip:u#@h",
	};
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(textv); i++)
		assert_uri(textv[i]);
}


static void assert_address(const char *text)
{
	struct pair pair = { NULL, NULL, NULL };
	struct mbuf mb = { (uint8_t *)(uintptr_t)text, 0, 0, 0 };
	struct sip_addr ours, theirs;
	struct pl pl;
	int err;

	pl_set_str(&pl, text);
	pair.ours = pair.theirs = &mb;
	memset(&ours, 0, sizeof(ours));
	memset(&theirs, 0, sizeof(theirs));

	err = parse_addr(&ours, &pl);
	assert_int_equal(err, sip_addr_decode(&theirs, &pl));
	if (err)
		return;

	same_pl(&pair, &ours.dname, &theirs.dname, "name");
	same_pl(&pair, &ours.auri, &theirs.auri, "address");
	same_uri(&pair, &ours.uri, &theirs.uri, "URI");
	same_pl(&pair, &ours.params, &theirs.params, "parameters");
	if (pair.what)
		fail_msg("%s of %s is read otherwise", pair.what, text);
}


static void test_addresses_with_names(void **state)
{
	static const char *const textv[] = {
		"\"Ann\" <sip:a@h>;tag=1", "\"Ann\"<sip:a@h>",
		"\"Ann B\"\t <sip:a@h;user=phone>;tag=1;x", "\"\" <sip:a@h>",
		"\"A\\\"n\" <sip:a@h>", "\"A<n\" <sip:a@h>", "\"A>n\" <sip:a@h>",
		"\"A\" \"B\" <sip:a@h>", "\"A\"B <sip:a@h>", "\"A\"", "\"A\" <",
		"\"A\" <sip:a@h", "\"A\" sip:a@h", "\"", "\"A", "\"A\" <>",
		"\"A\" <sip:a@h>;q=\"1\"", "\"A\" <sip:a@h>x>", "\"A;b\" <sip:h>",
		"\"J\xc3\xbcrg\" <sip:a@h>", "\"A\r\n B\" <sip:a@h>",
		"\"A\" <sip:a@h?x=y>", "\"A\" <tel:+44;ext=1>;tag=2",
		"\"A\"\r\n <sip:a@h>", " \"A\" <sip:a@h>", "A <sip:a@h>",
		"A B <sip:a@h>", "Ann Example<sip:a@h>;tag=1", "<sip:a@h>",
		"<sip:a@h", "sip:a@h;tag=1", "", "<", "\"A\\\" <sip:a@h>",
	};
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(textv); i++)
		assert_address(textv[i]);
}


static void test_parameters(void **state)
{
	static const char *const textv[] = {
		";a=b", ";xa=1;a=b", "; A = b ;c", ";a;a=2", ";a=", ";a=;a=3",
		"a=b", ";q=\";a=1\";a=2", ";ab=1", ";a =\t c", "", ";", ";a",
		";c=a;a=z,y", ";b=c\\;a=d", ";a=d\\;e",
	};
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(textv); i++) {
		struct pl pl, ours = PL_INIT, theirs = PL_INIT;

		pl_set_str(&pl, textv[i]);
		assert_int_equal(parse_param(&pl, "a", &ours),
				 msg_param_decode(&pl, "a", &theirs));
		assert_int_equal(pl_cmp(&ours, &theirs), 0);
	}
}


static void assert_challenge(const char *text)
{
	struct pair pair = { NULL, NULL, NULL };
	struct mbuf mb = { (uint8_t *)(uintptr_t)text, 0, 0, 0 };
	struct pl pl;

	pl_set_str(&pl, text);
	pair.ours = pair.theirs = &mb;
	same_challenge(&pair, &pl, &pl);
	if (pair.what)
		fail_msg("%s is read otherwise in: %s", pair.what, text);
}


static void test_challenges(void **state)
{
	static const char *const textv[] = {
		("Digest realm=\"a\",nonce=\"b\",opaque=\"c\",algorithm=MD5,"
		"qop=\"auth\""),
		"Digest realm=\"a b\", nonce=\"b=/+\" , stale=TRUE",
		"Digest  REALM=\"a\",\tNonce=\"b\", algorithm=SHA-256",
		"Digest realm=\"a,nonce=\",nonce=\"b\"",
		"Digest realm=\"a\", realm=\"z\", nonce=\"b\"",
		"Digest realm=\"a\", nonce=\"b\", domain=\"sip:x\", qop=auth",
		"Digest realm=\"a\\\"q\", nonce=\"b\"",
		"Digest realm=\"\", nonce=\"b\"", "Digest realm=\"a\",nonce=\"\"",
		"Digest realm=a, nonce=b", "Digest realm = \"a\", nonce= \"b\"",
		"Digest realm=\"a\" nonce=\"b\"", "Digest realm=\"a\"",
		"Digest realm=\"a\",nonce=\"b\",", "Digest ,realm=\"a\",nonce=\"b\"",
		"Digest realm=\"a\",,nonce=\"b\"", "Digest realm=\"a,nonce=\"b\"",
		"Digest realm=\"a\",nonce=\"b\",qop=", "Digest", "Digest ", "",
		"Digest realm=\"a\",nonce=\"b\",x=\"qop=auth\"",
		"Basic realm=\"a\"", "digest realm=\"a\",nonce=\"b\"",
		"Digest realm=\"a\",nonce=\"b\",qop=\"auth,auth-int\"",
		"Digest realm=\"a\",nonce=\"b\",qop=auth,auth-int",
		"Digest realm=\"\xc3\xa4\",nonce=\"b\"",
		"Digest realm=\"a\",nonce=\"b\",stale=\"false\"x",
	};
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(textv); i++)
		assert_challenge(textv[i]);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_as_peers_write_them),
		cmocka_unit_test(test_every_beginning_of_a_message),
		cmocka_unit_test(test_messages_with_a_few_octets_changed),
		cmocka_unit_test(test_uris),
		cmocka_unit_test(test_addresses_with_names),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_challenges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
