/**
 * @file test_jwt.c  Signed tokens: whose they are, and each forgery
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "portal-api/jwt.h"


static const char claims[] = "{\"sub\":\"ann\",\"exp\":4000000000}";

/* One of each kind for all tests: an RSA key takes a while to make */
static EVP_PKEY *rsa, *other_rsa, *small_rsa, *ec;
static json_t *keys;               /* {"keys": [rsa as r1, ec as e1]} */


static void encode(char *dst, const void *data, size_t size)
{
	int l = EVP_EncodeBlock((uint8_t *)dst, data, (int)size);

	while (l && dst[l - 1] == '=')
		dst[--l] = '\0';
	for (; *dst; dst++)
		*dst = *dst == '+' ? '-' : *dst == '/' ? '_' : *dst;
}


static void number(char *dst, const EVP_PKEY *key, const char *name,
		   size_t pad)
{
	uint8_t buf[1024];
	BIGNUM *bn = NULL;
	int l;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &bn), 1);
	l = pad ? BN_bn2binpad(bn, buf, (int)pad) : BN_bn2bin(bn, buf);
	assert_true(l > 0);
	encode(dst, buf, (size_t)l);
	BN_free(bn);
}


static json_t *rsa_jwk(const EVP_PKEY *key, const char *kid)
{
	char n[1024], e[32];

	number(n, key, OSSL_PKEY_PARAM_RSA_N, 0);
	number(e, key, OSSL_PKEY_PARAM_RSA_E, 0);

	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kty", "RSA", "use",
			 "sig", "kid", kid, "n", n, "e", e);
}


static json_t *ec_jwk(const EVP_PKEY *key, const char *kid)
{
	char x[64], y[64];

	number(x, key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
	number(y, key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);

	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv",
			 "P-256", "kid", kid, "x", x, "y", y);
}


/** Raw signature; PS: salt as long as the hash, or as told */
static size_t sign(uint8_t sig[1024], EVP_PKEY *key, const char *alg,
		   int salt, const char *text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t size = 1024;

	assert_int_equal(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL,
					    key), 1);
	if (alg[0] == 'P') {
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt);
	}
	assert_int_equal(EVP_DigestSign(ctx, sig, &size,
					(const uint8_t *)text, strlen(text)),
			 1);
	EVP_MD_CTX_free(ctx);

	if (alg[0] == 'E') {
		const uint8_t *p = sig;
		ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)size);

		assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig,
					      32), 32);
		assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair),
					      sig + 32, 32), 32);
		ECDSA_SIG_free(pair);
		size = 64;
	}

	return size;
}


static void parts(char *text, size_t size, const char *header,
		  const char *payload)
{
	char a[2048], b[2048];

	encode(a, header, strlen(header));
	encode(b, payload, strlen(payload));
	(void)re_snprintf(text, size, "%s.%s", a, b);
}


static void token_make(char token[4096], EVP_PKEY *key, const char *header,
		       const char *payload, const char *alg)
{
	uint8_t sig[1024];
	char text[3072], last[1400];
	size_t size;

	parts(text, sizeof(text), header, payload);
	size = sign(sig, key, alg, RSA_PSS_SALTLEN_DIGEST, text);
	encode(last, sig, size);
	(void)re_snprintf(token, 4096, "%s.%s", text, last);
}


static void assert_opens(const char *token, const json_t *set)
{
	json_t *found = NULL;

	assert_int_equal(jwt_open(&found, token, set), 0);
	assert_string_equal(json_string_value(json_object_get(found, "sub")),
			    "ann");
	json_decref(found);
}


static void assert_refused(const char *token, const json_t *set, int err)
{
	json_t *found = NULL;

	assert_int_equal(jwt_open(&found, token, set), err);
	assert_null(found);
}


static int setup(void **state)
{
	(void)state;

	rsa       = EVP_RSA_gen(2048);
	other_rsa = EVP_RSA_gen(2048);
	small_rsa = EVP_RSA_gen(1024);
	ec        = EVP_EC_gen("P-256");
	keys = json_pack("{s:[o, o]}", "keys", rsa_jwk(rsa, "r1"),
			 ec_jwk(ec, "e1"));

	return rsa && other_rsa && small_rsa && ec && keys ? 0 : -1;
}


static int teardown(void **state)
{
	(void)state;

	EVP_PKEY_free(rsa);
	EVP_PKEY_free(other_rsa);
	EVP_PKEY_free(small_rsa);
	EVP_PKEY_free(ec);
	json_decref(keys);

	return 0;
}


static void test_three_algorithms(void **state)
{
	char token[4096];
	(void)state;

	token_make(token, rsa, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", claims,
		   "RS256");
	assert_opens(token, keys);
	token_make(token, rsa, "{\"alg\":\"PS256\",\"kid\":\"r1\"}", claims,
		   "PS256");
	assert_opens(token, keys);
	token_make(token, ec, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", claims,
		   "ES256");
	assert_opens(token, keys);

	/* without a name: the one that fits */
	token_make(token, ec, "{\"alg\":\"ES256\"}", claims, "ES256");
	assert_opens(token, keys);
}


/** RFC 7515 appendix A.2 and A.3: made by others */
static void test_as_others_sign(void **state)
{
	static const char rs256[] =
		"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkz"
		"ODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUP"
		"oj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHI"
		"m4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAy"
		"nRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0"
		"GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPq"
		"vhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmt"
		"VrBp0igcN_IoypGlUPQGe77Rw";
	static const char es256[] =
		"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkz"
		"ODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3l"
		"jbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQx"
		"fKTUJqPP3-Kg6NU1Q";
	json_t *set, *found = NULL;
	(void)state;

	set = json_pack("{s:[{s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}]}", "keys",
		"kty", "RSA", "n",
		"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmf"
		"HQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_Yp"
		"RPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5r"
		"exMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxv"
		"b3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q"
		"2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ", "e", "AQAB",
		"kty", "EC", "crv", "P-256",
		"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
		"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");

	assert_int_equal(jwt_open(&found, rs256, set), 0);
	json_decref(found);
	assert_int_equal(jwt_open(&found, es256, set), 0);
	assert_string_equal(json_string_value(json_object_get(found, "iss")),
			    "joe");
	json_decref(found);
	json_decref(set);
}


/** "none", shared secrets, and what we do not take, signed or not */
static void test_other_algorithms(void **state)
{
	static const char *const headerv[] = {
		"{\"alg\":\"none\"}", "{\"alg\":\"None\"}", "{\"alg\":\"\"}",
		"{\"alg\":null}", "{\"alg\":[\"RS256\"]}", "{}",
		"{\"alg\":\"HS256\",\"kid\":\"r1\"}",
		"{\"alg\":\"RS512\",\"kid\":\"r1\"}",
		"{\"alg\":\"rs256\",\"kid\":\"r1\"}",
		"{\"alg\":\"ES384\",\"kid\":\"e1\"}",
		"{\"alg\":\"RS256\",\"kid\":\"r1\",\"crit\":[\"exp\"]}",
		"{\"alg\":\"RS256\",\"kid\":\"r1\",\"b64\":false}",
	};
	char token[4096], text[3072];
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(headerv); i++) {
		token_make(token, rsa, headerv[i], claims, "RS256");
		assert_refused(token, keys, EPROTO);
	}

	/* "none" as RFC 7515 appendix A.5 has it: no signature */
	parts(text, sizeof(text), headerv[0], claims);
	(void)re_snprintf(token, sizeof(token), "%s.", text);
	assert_refused(token, keys, EBADMSG);
}


/** The public key, which all know, as the secret of an HMAC */
static void test_public_key_as_a_secret(void **state)
{
	const json_t *jwk = json_array_get(json_object_get(keys, "keys"), 0);
	const char *n = json_string_value(json_object_get(jwk, "n"));
	char token[4096], text[3072], last[64];
	uint8_t mac[32];
	unsigned l = 0;
	(void)state;

	parts(text, sizeof(text), "{\"alg\":\"HS256\",\"kid\":\"r1\"}",
	      claims);
	HMAC(EVP_sha256(), n, (int)strlen(n), (const uint8_t *)text,
	     strlen(text), mac, &l);
	encode(last, mac, l);
	(void)re_snprintf(token, sizeof(token), "%s.%s", text, last);
	assert_refused(token, keys, EPROTO);
}


static void test_somebody_else_s_signature(void **state)
{
	char token[4096], real[4096];
	char *dot;
	(void)state;

	/* another key under its name */
	token_make(token, other_rsa, "{\"alg\":\"RS256\",\"kid\":\"r1\"}",
		   claims, "RS256");
	assert_refused(token, keys, EACCES);

	/* a key that it brings along, or says where to find */
	token_make(token, other_rsa, "{\"alg\":\"RS256\",\"kid\":\"mine\","
		   "\"jku\":\"https://evil.example/keys\",\"jwk\":{}}",
		   claims, "RS256");
	assert_refused(token, keys, ENOKEY);

	/* a real signature under other claims */
	token_make(real, rsa, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", claims,
		   "RS256");
	parts(token, sizeof(token), "{\"alg\":\"RS256\",\"kid\":\"r1\"}",
	      "{\"sub\":\"eve\"}");
	dot = strrchr(real, '.');
	(void)re_snprintf(token + strlen(token), sizeof(token)
			  - strlen(token), "%s", dot);
	assert_refused(token, keys, EACCES);

	/* the same with another algorithm's name */
	token_make(token, rsa, "{\"alg\":\"PS256\",\"kid\":\"r1\"}", claims,
		   "RS256");
	assert_refused(token, keys, EACCES);

	/* another kind of key than the algorithm has */
	token_make(token, rsa, "{\"alg\":\"RS256\",\"kid\":\"e1\"}", claims,
		   "RS256");
	assert_refused(token, keys, ENOKEY);
}


/** Each bit of an ES256 signature counts; zeros, and DER, are none */
static void test_spoilt_signatures(void **state)
{
	static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"e1\"}";
	uint8_t sig[1024], spoilt[72] = { 0 };
	char token[4096], text[3072], last[128];
	size_t size;
	(void)state;

	parts(text, sizeof(text), header, claims);
	size = sign(sig, ec, "ES256", 0, text);

	for (size_t bit = 0; bit < 8 * size; bit += 7) {
		memcpy(spoilt, sig, size);
		spoilt[bit / 8] ^= (uint8_t)(1u << bit % 8);
		encode(last, spoilt, size);
		(void)re_snprintf(token, sizeof(token), "%s.%s", text, last);
		assert_refused(token, keys, EACCES);
	}

	memset(spoilt, 0, sizeof(spoilt));
	for (size = 1; size <= 72; size++) {
		encode(last, spoilt, size);
		(void)re_snprintf(token, sizeof(token), "%s.%s", text, last);
		assert_refused(token, keys, EACCES);
	}
}


/** A salt of another length than the hash's (RFC 7518 section 3.5) */
static void test_other_salt(void **state)
{
	uint8_t sig[1024];
	char token[4096], text[3072], last[1400];
	(void)state;

	parts(text, sizeof(text), "{\"alg\":\"PS256\",\"kid\":\"r1\"}",
	      claims);
	encode(last, sig, sign(sig, rsa, "PS256", 0, text));
	(void)re_snprintf(token, sizeof(token), "%s.%s", text, last);
	assert_refused(token, keys, EACCES);
}


static void test_keys_that_are_not_taken(void **state)
{
	static const struct { const char *member, *value; } wrongv[] = {
		{ "use", "enc" }, { "alg", "RS512" }, { "kty", "oct" },
		{ "n", "AQAB" }, { "n", "" }, { "n", "=" }, { "e", "AQ" },
		{ "e", "AA" }, { "n", NULL }, { "e", NULL },
	};
	char token[4096];
	json_t *set, *key;
	(void)state;

	token_make(token, rsa, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", claims,
		   "RS256");

	for (size_t i = 0; i < RE_ARRAY_SIZE(wrongv); i++) {
		key = rsa_jwk(rsa, "r1");
		(void)json_object_set_new(key, wrongv[i].member,
					  wrongv[i].value ?
					  json_string(wrongv[i].value)
					  : json_integer(5));
		set = json_pack("{s:[o]}", "keys", key);
		assert_refused(token, set, ENOKEY);
		json_decref(set);
	}

	key = rsa_jwk(rsa, "r1");
	(void)json_object_set_new(key, "key_ops", json_pack("[s]", "sign"));
	set = json_pack("{s:[o]}", "keys", key);
	assert_refused(token, set, ENOKEY);
	json_decref(set);

	/* too short a key */
	token_make(token, small_rsa, "{\"alg\":\"RS256\",\"kid\":\"s\"}",
		   claims, "RS256");
	set = json_pack("{s:[o]}", "keys", rsa_jwk(small_rsa, "s"));
	assert_refused(token, set, ENOKEY);
	json_decref(set);

	/* two of one name, or none named and two that fit */
	set = json_pack("{s:[o, o]}", "keys", rsa_jwk(other_rsa, "r1"),
			rsa_jwk(rsa, "r1"));
	token_make(token, rsa, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", claims,
		   "RS256");
	assert_refused(token, set, ENOKEY);
	token_make(token, rsa, "{\"alg\":\"RS256\"}", claims, "RS256");
	assert_refused(token, set, ENOKEY);
	json_decref(set);
}


/** A point that is not on the curve, and another curve */
static void test_points(void **state)
{
	char token[4096];
	json_t *set, *key;
	(void)state;

	token_make(token, ec, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", claims,
		   "ES256");

	key = ec_jwk(ec, "e1");
	(void)json_object_set_new(key, "y", json_string(
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"));
	set = json_pack("{s:[o]}", "keys", key);
	assert_refused(token, set, ENOKEY);
	json_decref(set);

	key = ec_jwk(ec, "e1");
	(void)json_object_set_new(key, "crv", json_string("P-384"));
	set = json_pack("{s:[o]}", "keys", key);
	assert_refused(token, set, ENOKEY);
	json_decref(set);

	key = ec_jwk(ec, "e1");
	(void)json_object_set_new(key, "x", json_string("AQ"));
	set = json_pack("{s:[o]}", "keys", key);
	assert_refused(token, set, ENOKEY);
	json_decref(set);
}


static void test_no_tokens(void **state)
{
	static const char *const textv[] = {
		"", ".", "..", "...", "a", "a.b", "a.b.c.d", "e30.e30.e30.e30",
		"e30.e30.", ".e30.e30", "e30..e30",
		"e31.e30.e30",             /* bits that are left over */
		"e30=.e30.AA", "e30 .e30.AA", "e3+.e30.AA",
		"W10.e30.AA",              /* header [] */
		"eyJhbGciOiJSUzI1NiIsImFsZyI6Im5vbmUifQ.e30.AA",
					   /* {"alg":"RS256","alg":"none"} */
	};
	json_t *empty = json_object();
	char *large, token[4096];
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(textv); i++)
		assert_refused(textv[i], keys, EBADMSG);

	large = malloc(JWT_MAX + 2);
	assert_non_null(large);
	memset(large, 'A', JWT_MAX + 1);
	large[JWT_MAX + 1] = '\0';
	assert_refused(large, keys, EBADMSG);
	free(large);

	/* claims that are none, though they are signed */
	token_make(token, rsa, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", "[]",
		   "RS256");
	assert_refused(token, keys, EBADMSG);

	token_make(token, rsa, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", claims,
		   "RS256");
	assert_refused(token, empty, ENOKEY);
	json_decref(empty);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_algorithms),
		cmocka_unit_test(test_as_others_sign),
		cmocka_unit_test(test_other_algorithms),
		cmocka_unit_test(test_public_key_as_a_secret),
		cmocka_unit_test(test_somebody_else_s_signature),
		cmocka_unit_test(test_spoilt_signatures),
		cmocka_unit_test(test_other_salt),
		cmocka_unit_test(test_keys_that_are_not_taken),
		cmocka_unit_test(test_points),
		cmocka_unit_test(test_no_tokens),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
