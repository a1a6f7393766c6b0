/**
 * @file test_digest.c  Digest answers: the RFCs' examples, and the rules
 */
#include "world.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/inner.h"


static struct sip_msg *message(uint16_t scode, const char *hdrs)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct sip_msg *msg;

	assert_int_equal(0, mbuf_printf(mb,
		"SIP/2.0 %u Reason\r\n"
		"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
		"Call-ID: x\r\nCSeq: 1 REGISTER\r\n%s"
		"Content-Length: 0\r\n\r\n", scode, hdrs));
	mb->pos = 0;
	assert_int_equal(0, sip_msg_decode(&msg, mb));
	mem_deref(mb);

	return msg;
}


static enum digest_verdict challenge(struct digest *d,
				     struct digest_attempt *at,
				     uint16_t scode, const char *hdrs)
{
	struct sip_msg *msg = message(scode, hdrs);
	enum digest_verdict verdict;
	const char *why = NULL;

	verdict = digest_challenged(d, at, msg, &why);
	if (verdict != DIGEST_RETRY)
		assert_true(str_isset(why));
	mem_deref(msg);

	return verdict;
}


static void accept_with(struct digest *d, const char *hdrs)
{
	struct sip_msg *msg = message(200, hdrs);

	digest_accepted(d, msg);
	mem_deref(msg);
}


/* The credentials for the next send, "" if none. Owned by the caller */
static char *credentials(struct digest *d, struct digest_attempt *at,
			 bool reuse)
{
	struct mbuf *mb = mbuf_alloc(64);
	char *text;

	assert_int_equal(0, digest_write(mb, d, at, "REGISTER", "sip:b",
					 reuse));
	mb->pos = 0;
	assert_int_equal(0, mbuf_strdup(mb, &text, mb->end));
	mem_deref(mb);

	return text;
}


static void expect_credentials(struct digest *d, struct digest_attempt *at,
			       bool reuse, const char *part)
{
	char *text = credentials(d, at, reuse);

	if (part ? !strstr(text, part) : *text)
		fail_msg("wanted %s, got %s", part ? part : "nothing", text);
	mem_deref(text);
}


static struct digest *digest(void)
{
	struct digest *d;

	assert_int_equal(0, digest_alloc(&d, "101", "secret", NULL));

	return d;
}


static struct pl pl(const char *str)
{
	struct pl v;

	pl_set_str(&v, str);

	return v;
}


/* RFC 7616 section 3.9.1, RFC 2617 section 3.5. For SHA-512-256 the input of
   RFC 7616 section 3.9.2, whose printed result does not follow from it
   (erratum 4897); worked out with Python's hashlib instead */
static void examples_of_the_rfcs(void **state)
{
	static const struct {
		enum digest_algorithm algorithm;
		const char *user, *password, *realm, *nonce, *cnonce, *uri;
		const char *response;
	} v[] = {
		{ DIGEST_MD5, "Mufasa", "Circle of Life",
		  "http-auth@example.org",
		  "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
		  "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
		  "/dir/index.html", "8ca523f5e9506fed4657c9700eebdbec" },
		{ DIGEST_SHA256, "Mufasa", "Circle of Life",
		  "http-auth@example.org",
		  "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
		  "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
		  "/dir/index.html",
		  "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5"
		  "856cb6c1" },
		{ DIGEST_MD5, "Mufasa", "Circle Of Life",
		  "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093",
		  "0a4f113b", "/dir/index.html",
		  "6629fae49393a05397450978507c4ef1" },
		{ DIGEST_SHA512_256, "J\xc3\xa4s\xc3\xb8n Doe",
		  "Secret, or not?", "api@example.org",
		  "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
		  "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm", "/doe.json",
		  "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974"
		  "843d840c" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {

		const struct digest_input in = {
			.algorithm = v[i].algorithm, .qop = true,
			.username = pl(v[i].user),
			.password = pl(v[i].password),
			.realm = pl(v[i].realm), .nonce = pl(v[i].nonce),
			.method = pl("GET"), .uri = pl(v[i].uri),
			.cnonce = v[i].cnonce, .nc = 1,
		};
		char hex[DIGEST_HEX];

		assert_int_equal(0, digest_response(hex, &in));
		assert_string_equal(hex, v[i].response);
	}
}


/* Without qop, and -sess: worked out with another implementation (Python's
   hashlib) */
static void without_qop_and_sess(void **state)
{
	struct digest_input in = {
		.algorithm = DIGEST_MD5,
		.username = pl("101"), .password = pl("secret"),
		.realm = pl("pbx"), .nonce = pl("n1"),
		.method = pl("REGISTER"), .uri = pl("sip:b"),
		.cnonce = "c1", .nc = 2,
	};
	char hex[DIGEST_HEX];
	(void)state;

	assert_int_equal(0, digest_response(hex, &in));
	assert_string_equal(hex, "843c352dcb400299c27110f4be590198");

	in.sess = in.qop = true;
	in.algorithm = DIGEST_SHA256;
	assert_int_equal(0, digest_response(hex, &in));
	assert_string_equal(hex, "feebd47653487bad7ded26aa7289c7548030f0d3"
			    "4ec1a75ac1faec26e3c6da50");
}


#define WWW "WWW-Authenticate: Digest realm=\"pbx\", "


static void answers_and_uses_the_nonce_again(void **state)
{
	struct digest *d = digest();
	struct digest_attempt at = { 0 };
	(void)state;

	expect_credentials(d, &at, true, NULL);

	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401,
		WWW "nonce=\"n1\", algorithm=MD5, qop=\"auth,auth-int\","
		" opaque=\"o1\"\r\n"));
	expect_credentials(d, &at, false, "qop=auth, nc=00000001");
	assert_true(at.sent);
	assert_false(at.reused);
	accept_with(d, "");

	memset(&at, 0, sizeof(at));
	expect_credentials(d, &at, false, NULL);
	expect_credentials(d, &at, true, "nc=00000002");
	assert_true(at.reused);
	expect_credentials(d, &at, true, "opaque=\"o1\"");
	assert_string_equal("pbx", digest_realm(d));

	accept_with(d, "Authentication-Info: nextnonce=\"n2\"\r\n");
	expect_credentials(d, &at, true, "nonce=\"n2\"");
	expect_credentials(d, &at, true, "nc=00000002");
	mem_deref(d);
}


static void a_fresh_nonce_refused_is_a_wrong_password(void **state)
{
	struct digest *d = digest();
	struct digest_attempt at = { 0 };
	(void)state;

	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401,
						 WWW "nonce=\"n1\"\r\n"));
	expect_credentials(d, &at, false, "nonce=\"n1\"");
	assert_int_equal(DIGEST_REJECTED, challenge(d, &at, 401,
						 WWW "nonce=\"n2\"\r\n"));
	mem_deref(d);
}


static void stale_is_answered_but_not_for_ever(void **state)
{
	struct digest *d = digest();
	struct digest_attempt at = { 0 };
	(void)state;

	(void)challenge(d, &at, 401, WWW "nonce=\"n1\"\r\n");
	expect_credentials(d, &at, false, "nonce=\"n1\"");
	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401,
					WWW "nonce=\"n2\", stale=TRUE\r\n"));
	expect_credentials(d, &at, false, "nonce=\"n2\"");
	assert_int_equal(DIGEST_REJECTED, challenge(d, &at, 401,
					WWW "nonce=\"n3\", stale=true\r\n"));
	mem_deref(d);
}


/* Some take each nonce once and do not say stale */
static void a_kept_nonce_refused_ends_reuse(void **state)
{
	struct digest *d = digest();
	struct digest_attempt at = { 0 };
	(void)state;

	(void)challenge(d, &at, 401, WWW "nonce=\"n1\"\r\n");
	expect_credentials(d, &at, true, "n1");
	accept_with(d, "");

	memset(&at, 0, sizeof(at));
	expect_credentials(d, &at, true, "n1");
	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401,
						 WWW "nonce=\"n2\"\r\n"));
	expect_credentials(d, &at, true, "n2");
	accept_with(d, "");

	memset(&at, 0, sizeof(at));
	expect_credentials(d, &at, true, NULL);
	mem_deref(d);
}


static void server_and_proxy_both_challenge(void **state)
{
	struct digest *d = digest();
	struct digest_attempt at = { 0 };
	char *text;
	(void)state;

	(void)challenge(d, &at, 407,
			"Proxy-Authenticate: Digest realm=\"p\","
			" nonce=\"np\"\r\n");
	expect_credentials(d, &at, false, "Proxy-Authorization: Digest");
	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401,
						 WWW "nonce=\"n1\"\r\n"));
	text = credentials(d, &at, false);
	assert_non_null(strstr(text, "\r\nProxy-Authorization: Digest"));
	assert_non_null(strstr(text, "nonce=\"np\""));
	assert_int_equal(0, strncmp(text, "Authorization: Digest", 21));
	mem_deref(text);
	mem_deref(d);
}


static void takes_the_strongest_and_stays_with_it(void **state)
{
	struct digest *d = digest();
	struct digest_attempt at = { 0 };
	(void)state;

	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401,
		WWW "nonce=\"m\", algorithm=MD5\r\n"
		WWW "nonce=\"s\", algorithm=SHA-256\r\n"
		WWW "nonce=\"x\", algorithm=SHA3-9\r\n"));
	expect_credentials(d, &at, false, "algorithm=SHA-256");
	expect_credentials(d, &at, false, "nonce=\"s\"");

	memset(&at, 0, sizeof(at));
	assert_int_equal(DIGEST_UNANSWERABLE, challenge(d, &at, 401,
					WWW "nonce=\"m\"\r\n"));
	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401,
		WWW "nonce=\"h\", algorithm=SHA-512-256-sess, qop=auth\r\n"));
	expect_credentials(d, &at, false, "algorithm=SHA-512-256-sess");
	mem_deref(d);
}


static void expect_response(struct digest *d, const char *realm,
			    const char *nonce)
{
	const struct digest_input in = {
		.algorithm = DIGEST_MD5, .username = pl("101"),
		.password = pl("secret"), .realm = pl(realm),
		.nonce = pl(nonce), .method = pl("REGISTER"),
		.uri = pl("sip:b"),
	};
	struct digest_attempt at = { 0 };
	char hdrs[256], hex[DIGEST_HEX];

	(void)snprintf(hdrs, sizeof(hdrs), "WWW-Authenticate: Digest "
		       "realm=\"%s\", nonce=\"%s\"\r\n", realm, nonce);
	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401, hdrs));
	assert_int_equal(0, digest_response(hex, &in));
	expect_credentials(d, &at, false, hex);
}


/* What is kept of it is for one realm, whatever the nonce */
static void the_secret_is_of_a_realm(void **state)
{
	struct digest *d = digest();
	(void)state;

	expect_response(d, "pbx", "n1");
	expect_response(d, "pbx", "n2");
	expect_response(d, "other", "n3");
	expect_response(d, "pbx", "n4");
	mem_deref(d);
}


static void keeps_to_the_realm_it_learnt(void **state)
{
	struct digest *d = digest();
	struct digest_attempt at = { 0 };
	(void)state;

	(void)challenge(d, &at, 401, WWW "nonce=\"n1\"\r\n");
	expect_credentials(d, &at, false, "realm=\"pbx\"");
	accept_with(d, "");

	memset(&at, 0, sizeof(at));
	assert_int_equal(DIGEST_UNANSWERABLE, challenge(d, &at, 401,
		"WWW-Authenticate: Digest realm=\"evil\", nonce=\"n\"\r\n"));
	memset(&at, 0, sizeof(at));
	assert_int_equal(DIGEST_UNANSWERABLE, challenge(d, &at, 407,
		"Proxy-Authenticate: Digest realm=\"evil\", nonce=\"n\"\r\n"));
	mem_deref(d);

	assert_int_equal(0, digest_alloc(&d, "u", "p", "pbx"));
	assert_string_equal("pbx", digest_realm(d));
	memset(&at, 0, sizeof(at));
	assert_int_equal(DIGEST_UNANSWERABLE, challenge(d, &at, 407,
		"Proxy-Authenticate: Digest realm=\"evil\", nonce=\"n\"\r\n"));
	mem_deref(d);
}


static void does_not_answer_what_it_must_not(void **state)
{
	static const char *const v[] = {
		"WWW-Authenticate: Basic realm=\"pbx\"\r\n",
		WWW "nonce=\"\"\r\n",
		WWW "nonce=\"n\", qop=\"auth-int\"\r\n",
		WWW "nonce=\"n\", algorithm=MD4\r\n",
		WWW "nonce=\"n\x01\"\r\n",
		"",
	};
	struct digest *d = digest();
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct digest_attempt at = { 0 };

		assert_int_equal(DIGEST_UNANSWERABLE,
				 challenge(d, &at, 401, v[i]));
	}
	mem_deref(d);
}


/* Seen from FreeSWITCH: a second 401 that challenges nothing */
static void starts_over_when_refused_without_a_challenge(void **state)
{
	struct digest *d = digest();
	struct digest_attempt at = { 0 };
	(void)state;

	(void)challenge(d, &at, 401, WWW "nonce=\"n1\"\r\n");
	expect_credentials(d, &at, false, "n1");
	assert_int_equal(DIGEST_RETRY, challenge(d, &at, 401, ""));
	expect_credentials(d, &at, false, NULL);
	assert_int_equal(DIGEST_UNANSWERABLE, challenge(d, &at, 401, ""));
	mem_deref(d);
}


static void quotes_the_username(void **state)
{
	struct digest_attempt at = { 0 };
	struct digest *d;
	(void)state;

	assert_int_equal(0, digest_alloc(&d, "a\"b\\c\xc3\xa9", "p", NULL));
	(void)challenge(d, &at, 401, WWW "nonce=\"n\\\"1\"\r\n");
	expect_credentials(d, &at, false,
			   "username=\"a\\\"b\\\\c\xc3\xa9\"");
	expect_credentials(d, &at, false, "nonce=\"n\\\"1\"");
	mem_deref(d);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_rfcs),
		cmocka_unit_test(without_qop_and_sess),
		cmocka_unit_test(answers_and_uses_the_nonce_again),
		cmocka_unit_test(a_fresh_nonce_refused_is_a_wrong_password),
		cmocka_unit_test(stale_is_answered_but_not_for_ever),
		cmocka_unit_test(a_kept_nonce_refused_ends_reuse),
		cmocka_unit_test(server_and_proxy_both_challenge),
		cmocka_unit_test(takes_the_strongest_and_stays_with_it),
		cmocka_unit_test(the_secret_is_of_a_realm),
		cmocka_unit_test(keeps_to_the_realm_it_learnt),
		cmocka_unit_test(does_not_answer_what_it_must_not),
		cmocka_unit_test(
			starts_over_when_refused_without_a_challenge),
		cmocka_unit_test(quotes_the_username),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
