/**
 * @file test_srtp_openssl.c  Our ciphers are in, and they are right
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <srtp2/auth.h>
#include <srtp2/cipher.h>
#include "bridge/media/secure.h"
#include "bridge/media/srtp_openssl.h"


/* libsrtp2's kernel, not in its installed headers but exported */
const srtp_cipher_type_t *
srtp_crypto_kernel_get_cipher_type(srtp_cipher_type_id_t id);
srtp_auth_type_t *srtp_crypto_kernel_get_auth_type(srtp_auth_type_id_t id);


/** The vectors of RFC 3711 B.2, RFC 6188 and NIST's for GCM, and libsrtp2's
    random round trips */
static void ciphers_are_ours_and_right(void **state)
{
	static const srtp_cipher_type_id_t idv[] = {
		SRTP_AES_ICM_128, SRTP_AES_ICM_256,
		SRTP_AES_GCM_128, SRTP_AES_GCM_256,
	};

	(void)state;
	assert_true(srtp_openssl_used());

	for (size_t i = 0; i < sizeof(idv) / sizeof(*idv); i++) {
		const srtp_cipher_type_t *type =
			srtp_crypto_kernel_get_cipher_type(idv[i]);

		assert_non_null(type);
		assert_non_null(strstr(type->description, "by OpenSSL"));
		assert_int_equal(srtp_cipher_type_self_test(type), 0);
	}
}


/** RFC 2202 */
static void auth_is_ours_and_right(void **state)
{
	const srtp_auth_type_t *type =
		srtp_crypto_kernel_get_auth_type(SRTP_HMAC_SHA1);

	(void)state;
	assert_non_null(type);
	assert_non_null(strstr(type->description, "by OpenSSL"));
	assert_int_equal(srtp_auth_type_self_test(type), 0);
}


static void bench_measures(void **state)
{
	double protect_ns = 0, unprotect_ns = 0;

	(void)state;
	assert_int_equal(srtp_openssl_bench(2000, &protect_ns,
					    &unprotect_ns), 0);
	assert_true(protect_ns > 1 && unprotect_ns > 1);
	print_message("ciphers: OpenSSL, protect %.0f ns, unprotect %.0f ns"
		      "\n", protect_ns, unprotect_ns);
}


static struct stream_crypto key_of(enum stream_suite suite, uint8_t fill)
{
	struct stream_crypto c = { .suite = suite };

	c.key_size = (uint8_t)secure_key_size(suite);
	for (unsigned i = 0; i < c.key_size; i++)
		c.key[i] = (uint8_t)(fill + i);

	return c;
}


static size_t make_rtp(uint8_t *p, uint16_t seq, uint32_t ssrc)
{
	memset(p, 0, 52);
	p[0] = 0x80;
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	for (unsigned i = 0; i < 4; i++)
		p[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	memset(p + 12, 0xd5, 40);

	return 52;
}


static void every_suite_there_and_back(void **state)
{
	static const size_t trailerv[] = { 0, 10, 4, 10, 16, 16 };

	(void)state;

	for (int s = STREAM_AES_CM_128_HMAC_SHA1_80;
	     s <= STREAM_AEAD_AES_256_GCM; s++) {
		for (unsigned mki = 0; mki <= 4; mki++) {
			struct stream_crypto c =
				key_of((enum stream_suite)s, 7);
			_Alignas(16) uint8_t p[128], rtcp[128] = {
				0x80, 201, 0, 1, 1, 2, 3, 4 };
			struct secure *tx, *rx;
			size_t n = make_rtp(p, 1, 5), m = 8, at;

			c.mki = 0x01020304u >> (8 * (4 - (mki ? mki : 4)));
			c.mki_size = (uint8_t)mki;
			assert_int_equal(secure_alloc(&tx, &c, SECURE_TX), 0);
			assert_int_equal(secure_alloc(&rx, &c, SECURE_RX), 0);

			assert_int_equal(secure_seal_rtp(tx, p, &n), 0);
			assert_int_equal(n, 52 + trailerv[s] + mki);
			assert_int_not_equal(p[20], 0xd5);

			/* RFC 3711 3.1: before the tag; RFC 7714: behind */
			at = trailerv[s] == 16 ? n - mki : 52;
			assert_memory_equal(p + at, "\1\2\3\4", mki);
			assert_int_equal(secure_open_rtp(rx, p, &n), 0);
			assert_int_equal(n, 52);
			assert_int_equal(p[20], 0xd5);

			/* RFC 4568 6.2: SRTCP's tag is the long one in _32 */
			assert_int_equal(secure_seal_rtcp(tx, rtcp, &m), 0);
			assert_int_equal(m, 12 + mki +
					 (trailerv[s] == 4 ? 10 :
					  trailerv[s]));
			at = trailerv[s] == 16 ? m - mki : 12;
			assert_memory_equal(rtcp + at, "\1\2\3\4", mki);
			assert_int_equal(secure_open_rtcp(rx, rtcp, &m), 0);
			assert_int_equal(m, 8);

			mem_deref(tx);
			mem_deref(rx);
		}
	}
}


static void what_is_wrong_is_told_apart(void **state)
{
	const struct stream_crypto c =
		key_of(STREAM_AES_CM_128_HMAC_SHA1_80, 1);
	struct stream_crypto bad = c;
	_Alignas(16) uint8_t p[128], copy[128];
	struct secure *tx, *rx, *none = NULL;
	size_t n = make_rtp(p, 1, 5), m;

	(void)state;
	bad.key_size = 29;
	assert_int_equal(secure_alloc(&none, &bad, SECURE_TX), EINVAL);
	bad.suite = STREAM_PLAIN;
	assert_int_equal(secure_alloc(&none, &bad, SECURE_TX), EINVAL);
	assert_null(none);

	assert_int_equal(secure_alloc(&tx, &c, SECURE_TX), 0);
	assert_int_equal(secure_alloc(&rx, &c, SECURE_RX), 0);
	assert_int_equal(secure_seal_rtp(tx, p, &n), SECURE_OK);

	memcpy(copy, p, n);
	copy[30] ^= 1;
	m = n;
	assert_int_equal(secure_open_rtp(rx, copy, &m), SECURE_AUTH);

	m = n;
	memcpy(copy, p, n);
	assert_int_equal(secure_open_rtp(rx, copy, &m), SECURE_OK);
	m = n;
	assert_int_equal(secure_open_rtp(rx, p, &m), SECURE_REPLAY);
	m = 21;
	assert_int_equal(secure_open_rtp(rx, p, &m), SECURE_BAD);

	mem_deref(tx);
	mem_deref(rx);
}


/** A peer with a new SSRC for each packet: the context does not grow, so the
    first SSRC, long forgotten, starts afresh and its packet is new again */
static void old_sources_are_forgotten(void **state)
{
	const struct stream_crypto c =
		key_of(STREAM_AES_CM_128_HMAC_SHA1_80, 1);
	_Alignas(16) uint8_t first[128], p[128];
	struct secure *tx, *rx;
	size_t n, first_n = make_rtp(first, 1, 0x01020304);

	(void)state;
	assert_int_equal(secure_alloc(&tx, &c, SECURE_TX), 0);
	assert_int_equal(secure_alloc(&rx, &c, SECURE_RX), 0);
	assert_int_equal(secure_seal_rtp(tx, first, &first_n), SECURE_OK);

	memcpy(p, first, n = first_n);
	assert_int_equal(secure_open_rtp(rx, p, &n), SECURE_OK);
	memcpy(p, first, n = first_n);
	assert_int_equal(secure_open_rtp(rx, p, &n), SECURE_REPLAY);

	for (uint32_t i = 0; i < 8; i++) {
		n = make_rtp(p, 1, 0x0a0b0c00 + i);
		assert_int_equal(secure_seal_rtp(tx, p, &n), SECURE_OK);
		assert_int_equal(secure_open_rtp(rx, p, &n), SECURE_OK);
	}

	memcpy(p, first, n = first_n);
	assert_int_equal(secure_open_rtp(rx, p, &n), SECURE_OK);

	mem_deref(tx);
	mem_deref(rx);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ciphers_are_ours_and_right),
		cmocka_unit_test(auth_is_ours_and_right),
		cmocka_unit_test(bench_measures),
		cmocka_unit_test(every_suite_there_and_back),
		cmocka_unit_test(what_is_wrong_is_told_apart),
		cmocka_unit_test(old_sources_are_forgotten),
	};

	if (srtp_openssl_init())
		return 1;

	return cmocka_run_group_tests(tests, NULL, NULL);
}
