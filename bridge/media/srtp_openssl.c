/**
 * @file srtp_openssl.c  OpenSSL's ciphers in libsrtp2's crypto kernel
 *
 * AES counter mode (RFC 3711 section 4.1.1, RFC 6188), AES-GCM (RFC 7714) and
 * HMAC-SHA1 (RFC 2104). libsrtp2 never shares a state between threads unless
 * its user does, so there is no lock.
 */

/* SHA1_Init() and friends: the only way to copy a hash state without an
   allocation for every packet */
#define OPENSSL_API_COMPAT 0x10101000L

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <srtp2/auth.h>
#include <srtp2/cipher.h>
#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>
#include "bridge/base/log.h"
#include "srtp_openssl.h"


enum {
	BLOCK      = 16,           /* AES block                       */
	ICM_SALT   = 14,
	GCM_SALT   = 12,
	GCM_TAG    = 16,
	GCM_TAG_8  = 8,
	SHA1_BLOCK = 64,
	SHA1_TAG   = 20,
};

enum mode { CTR_128, CTR_256, GCM_128, GCM_256, MODES };


/** State of one cipher instance, either mode */
struct cipher {
	EVP_CIPHER_CTX *ctx;       /* owned                           */
	const EVP_CIPHER *evp;     /* borrowed, for ever              */
	int key_size;              /* without salt                    */
	int tag_size;              /* GCM                             */
	uint8_t salt[BLOCK];       /* ICM: last two octets are 0      */
};

struct hmac {
	SHA_CTX inner, outer;      /* after their pads, for every packet */
	SHA_CTX now;               /* the packet under way               */
};


/* Fetched once: EVP_aes_128_ctr() would be looked up for every session */
static EVP_CIPHER *evp[MODES];
static bool used;

static const srtp_cipher_type_t icm_128, icm_256, gcm_128, gcm_256;
static const srtp_auth_type_t hmac_sha1;


/* RFC 3711 appendix B.2 and RFC 6188 section 7 */
static const uint8_t icm_128_key[] = {
	0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
	0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
	0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7,
	0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
};

static const uint8_t icm_128_stream[] = {
	0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9, 0x5e, 0x80,
	0xe1, 0x66, 0xb1, 0x6d, 0xd9, 0x2b, 0x4e, 0xb4,
	0xd2, 0x35, 0x13, 0x16, 0x2b, 0x02, 0xd0, 0xf7,
	0x2a, 0x43, 0xa2, 0xfe, 0x4a, 0x5f, 0x97, 0xab,
	0x41, 0xe9, 0x5b, 0x3b, 0xb0, 0xa2, 0xe8, 0xdd,
	0x47, 0x79, 0x01, 0xe4, 0xfc, 0xa8, 0x94, 0xc0,
};

static const uint8_t icm_256_key[] = {
	0x57, 0xf8, 0x2f, 0xe3, 0x61, 0x3f, 0xd1, 0x70,
	0xa8, 0x5e, 0xc9, 0x3c, 0x40, 0xb1, 0xf0, 0x92,
	0x2e, 0xc4, 0xcb, 0x0d, 0xc0, 0x25, 0xb5, 0x82,
	0x72, 0x14, 0x7c, 0xc4, 0x38, 0x94, 0x4a, 0x98,
	0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7,
	0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
};

static const uint8_t icm_256_stream[] = {
	0x92, 0xbd, 0xd2, 0x8a, 0x93, 0xc3, 0xf5, 0x25,
	0x11, 0xc6, 0x77, 0xd0, 0x8b, 0x55, 0x15, 0xa4,
	0x9d, 0xa7, 0x1b, 0x23, 0x78, 0xa8, 0x54, 0xf6,
	0x70, 0x50, 0x75, 0x6d, 0xed, 0x16, 0x5b, 0xac,
	0x63, 0xc4, 0x86, 0x8b, 0x70, 0x96, 0xd8, 0x84,
	0x21, 0xb5, 0x63, 0xb8, 0xc9, 0x4c, 0x9a, 0x31,
};

static const uint8_t zeros[sizeof(icm_128_stream)];
static uint8_t icm_idx[BLOCK];

static const srtp_cipher_test_case_t icm_128_test = {
	.key_length_octets        = sizeof(icm_128_key),
	.key                      = icm_128_key,
	.idx                      = icm_idx,
	.plaintext_length_octets  = sizeof(zeros),
	.plaintext                = zeros,
	.ciphertext_length_octets = sizeof(icm_128_stream),
	.ciphertext               = icm_128_stream,
};

static const srtp_cipher_test_case_t icm_256_test = {
	.key_length_octets        = sizeof(icm_256_key),
	.key                      = icm_256_key,
	.idx                      = icm_idx,
	.plaintext_length_octets  = sizeof(zeros),
	.plaintext                = zeros,
	.ciphertext_length_octets = sizeof(icm_256_stream),
	.ciphertext               = icm_256_stream,
};


/* The GCM specification's test cases 4 and 16, as NIST gives them. The salt
   behind the key is libsrtp2's custom; the IV comes ready-made. */
static const uint8_t gcm_key[] = {
	0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
	0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08,
	0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
	0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

static uint8_t gcm_iv[GCM_SALT] = {
	0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad,
	0xde, 0xca, 0xf8, 0x88,
};

static const uint8_t gcm_plain[] = {
	0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5,
	0xa5, 0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26, 0x9a,
	0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda,
	0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31, 0x8a, 0x72,
	0x1c, 0x3c, 0x0c, 0x95, 0x95, 0x68, 0x09, 0x53,
	0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25,
	0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57,
	0xba, 0x63, 0x7b, 0x39,
};

static const uint8_t gcm_aad[] = {
	0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef,
	0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef,
	0xab, 0xad, 0xda, 0xd2,
};

static const uint8_t gcm_128_cipher[] = {
	0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24,
	0x4b, 0x72, 0x21, 0xb7, 0x84, 0xd0, 0xd4, 0x9c,
	0xe3, 0xaa, 0x21, 0x2f, 0x2c, 0x02, 0xa4, 0xe0,
	0x35, 0xc1, 0x7e, 0x23, 0x29, 0xac, 0xa1, 0x2e,
	0x21, 0xd5, 0x14, 0xb2, 0x54, 0x66, 0x93, 0x1c,
	0x7d, 0x8f, 0x6a, 0x5a, 0xac, 0x84, 0xaa, 0x05,
	0x1b, 0xa3, 0x0b, 0x39, 0x6a, 0x0a, 0xac, 0x97,
	0x3d, 0x58, 0xe0, 0x91,
	0x5b, 0xc9, 0x4f, 0xbc, 0x32, 0x21, 0xa5, 0xdb,
	0x94, 0xfa, 0xe9, 0x5a, 0xe7, 0x12, 0x1a, 0x47,
};

static const uint8_t gcm_256_cipher[] = {
	0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07,
	0xf4, 0x7f, 0x37, 0xa3, 0x2a, 0x84, 0x42, 0x7d,
	0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9,
	0x75, 0x98, 0xa2, 0xbd, 0x25, 0x55, 0xd1, 0xaa,
	0x8c, 0xb0, 0x8e, 0x48, 0x59, 0x0d, 0xbb, 0x3d,
	0xa7, 0xb0, 0x8b, 0x10, 0x56, 0x82, 0x88, 0x38,
	0xc5, 0xf6, 0x1e, 0x63, 0x93, 0xba, 0x7a, 0x0a,
	0xbc, 0xc9, 0xf6, 0x62,
	0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68,
	0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b,
};

static const srtp_cipher_test_case_t gcm_128_test = {
	.key_length_octets        = SRTP_AES_GCM_128_KEY_LEN_WSALT,
	.key                      = gcm_key,
	.idx                      = gcm_iv,
	.plaintext_length_octets  = sizeof(gcm_plain),
	.plaintext                = gcm_plain,
	.ciphertext_length_octets = sizeof(gcm_128_cipher),
	.ciphertext               = gcm_128_cipher,
	.aad_length_octets        = sizeof(gcm_aad),
	.aad                      = gcm_aad,
	.tag_length_octets        = GCM_TAG,
};

static const srtp_cipher_test_case_t gcm_256_test = {
	.key_length_octets        = SRTP_AES_GCM_256_KEY_LEN_WSALT,
	.key                      = gcm_key,
	.idx                      = gcm_iv,
	.plaintext_length_octets  = sizeof(gcm_plain),
	.plaintext                = gcm_plain,
	.ciphertext_length_octets = sizeof(gcm_256_cipher),
	.ciphertext               = gcm_256_cipher,
	.aad_length_octets        = sizeof(gcm_aad),
	.aad                      = gcm_aad,
	.tag_length_octets        = GCM_TAG,
};


/* RFC 2202 section 3, test cases 1 and 2 */
static const uint8_t hmac_key_2[] = { 'J', 'e', 'f', 'e' };
static const uint8_t hmac_data_2[] = "what do ya want for nothing?";
static const uint8_t hmac_tag_2[] = {
	0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
	0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79,
};

static const srtp_auth_test_case_t hmac_test_2 = {
	.key_length_octets  = sizeof(hmac_key_2),
	.key                = hmac_key_2,
	.data_length_octets = sizeof(hmac_data_2) - 1,
	.data               = hmac_data_2,
	.tag_length_octets  = sizeof(hmac_tag_2),
	.tag                = hmac_tag_2,
};

static const uint8_t hmac_key[] = {
	0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
	0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
};

static const uint8_t hmac_data[] = "Hi There";
static const uint8_t hmac_tag[] = {
	0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b,
	0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00,
};

static const srtp_auth_test_case_t hmac_test = {
	.key_length_octets  = sizeof(hmac_key),
	.key                = hmac_key,
	.data_length_octets = sizeof(hmac_data) - 1,
	.data               = hmac_data,
	.tag_length_octets  = sizeof(hmac_tag),
	.tag                = hmac_tag,
	.next_test_case     = &hmac_test_2,
};


static srtp_err_status_t cipher_dealloc(srtp_cipher_t *c)
{
	struct cipher *cipher;

	if (!c)
		return srtp_err_status_bad_param;

	cipher = c->state;
	if (cipher) {
		/* wipes its key schedule */
		EVP_CIPHER_CTX_free(cipher->ctx);
		OPENSSL_cleanse(cipher, sizeof(*cipher));
		free(cipher);
	}

	free(c);

	return srtp_err_status_ok;
}


static srtp_err_status_t cipher_alloc(srtp_cipher_t **cp,
				      const srtp_cipher_type_t *type,
				      enum mode mode, int key_len,
				      int salt_size, int tag_size)
{
	struct cipher *cipher;
	srtp_cipher_t *c;

	c = calloc(1, sizeof(*c));
	if (!c)
		return srtp_err_status_alloc_fail;

	c->type      = type;
	c->key_len   = key_len;
	c->algorithm = (int)type->id;
	c->state     = cipher = calloc(1, sizeof(*cipher));
	if (!cipher)
		goto fail;

	cipher->evp      = evp[mode];
	cipher->key_size = key_len - salt_size;
	cipher->tag_size = tag_size;
	cipher->ctx      = EVP_CIPHER_CTX_new();
	if (!cipher->ctx)
		goto fail;

	*cp = c;

	return srtp_err_status_ok;

 fail:
	(void)cipher_dealloc(c);

	return srtp_err_status_alloc_fail;
}


static srtp_err_status_t icm_128_alloc(srtp_cipher_t **cp, int key_len,
				       int tag_len)
{
	(void)tag_len;

	if (key_len != SRTP_AES_ICM_128_KEY_LEN_WSALT)
		return srtp_err_status_bad_param;

	return cipher_alloc(cp, &icm_128, CTR_128, key_len, ICM_SALT, 0);
}


static srtp_err_status_t icm_256_alloc(srtp_cipher_t **cp, int key_len,
				       int tag_len)
{
	(void)tag_len;

	if (key_len != SRTP_AES_ICM_256_KEY_LEN_WSALT)
		return srtp_err_status_bad_param;

	return cipher_alloc(cp, &icm_256, CTR_256, key_len, ICM_SALT, 0);
}


static srtp_err_status_t icm_init(void *state, const uint8_t *key)
{
	struct cipher *cipher = state;

	memset(cipher->salt, 0, sizeof(cipher->salt));
	memcpy(cipher->salt, key + cipher->key_size, ICM_SALT);

	if (!EVP_EncryptInit_ex2(cipher->ctx, cipher->evp, key, NULL, NULL))
		return srtp_err_status_init_fail;

	return srtp_err_status_ok;
}


static srtp_err_status_t icm_set_iv(void *state, uint8_t *iv,
				    srtp_cipher_direction_t direction)
{
	struct cipher *cipher = state;
	uint8_t counter[BLOCK];

	(void)direction;

	for (size_t i = 0; i < sizeof(counter); i++)
		counter[i] = iv[i] ^ cipher->salt[i];

	if (!EVP_EncryptInit_ex2(cipher->ctx, NULL, NULL, counter, NULL))
		return srtp_err_status_cipher_fail;

	return srtp_err_status_ok;
}


/** Counter mode: encrypting and decrypting are one */
static srtp_err_status_t icm_crypt(void *state, uint8_t *buf,
				   unsigned int *size)
{
	struct cipher *cipher = state;
	int n = 0;

	if (!EVP_EncryptUpdate(cipher->ctx, buf, &n, buf, (int)*size))
		return srtp_err_status_cipher_fail;

	*size = (unsigned int)n;

	return srtp_err_status_ok;
}


static srtp_err_status_t gcm_alloc(srtp_cipher_t **cp,
				   const srtp_cipher_type_t *type,
				   enum mode mode, int key_len, int tag_len)
{
	if (tag_len != GCM_TAG && tag_len != GCM_TAG_8)
		return srtp_err_status_bad_param;

	return cipher_alloc(cp, type, mode, key_len, GCM_SALT, tag_len);
}


static srtp_err_status_t gcm_128_alloc(srtp_cipher_t **cp, int key_len,
				       int tag_len)
{
	if (key_len != SRTP_AES_GCM_128_KEY_LEN_WSALT)
		return srtp_err_status_bad_param;

	return gcm_alloc(cp, &gcm_128, GCM_128, key_len, tag_len);
}


static srtp_err_status_t gcm_256_alloc(srtp_cipher_t **cp, int key_len,
				       int tag_len)
{
	if (key_len != SRTP_AES_GCM_256_KEY_LEN_WSALT)
		return srtp_err_status_bad_param;

	return gcm_alloc(cp, &gcm_256, GCM_256, key_len, tag_len);
}


/** The salt is not ours: libsrtp2 mixes it into the IV itself */
static srtp_err_status_t gcm_init(void *state, const uint8_t *key)
{
	struct cipher *cipher = state;

	if (!EVP_EncryptInit_ex2(cipher->ctx, cipher->evp, key, NULL, NULL))
		return srtp_err_status_init_fail;

	return srtp_err_status_ok;
}


static srtp_err_status_t gcm_set_iv(void *state, uint8_t *iv,
				    srtp_cipher_direction_t direction)
{
	struct cipher *cipher = state;
	const int enc = direction == srtp_direction_encrypt;

	if (!EVP_CipherInit_ex2(cipher->ctx, NULL, NULL, iv, enc, NULL))
		return srtp_err_status_cipher_fail;

	return srtp_err_status_ok;
}


static srtp_err_status_t gcm_set_aad(void *state, const uint8_t *aad,
				     uint32_t size)
{
	struct cipher *cipher = state;
	int n;

	if (!EVP_CipherUpdate(cipher->ctx, NULL, &n, aad, (int)size))
		return srtp_err_status_cipher_fail;

	return srtp_err_status_ok;
}


static srtp_err_status_t gcm_encrypt(void *state, uint8_t *buf,
				     unsigned int *size)
{
	struct cipher *cipher = state;
	int n = 0;

	if (!EVP_EncryptUpdate(cipher->ctx, buf, &n, buf, (int)*size))
		return srtp_err_status_cipher_fail;

	*size = (unsigned int)n;

	return srtp_err_status_ok;
}


static srtp_err_status_t gcm_get_tag(void *state, uint8_t *tag, uint32_t *size)
{
	struct cipher *cipher = state;
	int n = 0;

	if (!EVP_EncryptFinal_ex(cipher->ctx, tag, &n) ||
	    !EVP_CIPHER_CTX_ctrl(cipher->ctx, EVP_CTRL_AEAD_GET_TAG,
				 cipher->tag_size, tag))
		return srtp_err_status_cipher_fail;

	*size = (uint32_t)cipher->tag_size;

	return srtp_err_status_ok;
}


static srtp_err_status_t gcm_decrypt(void *state, uint8_t *buf,
				     unsigned int *size)
{
	struct cipher *cipher = state;
	int body, n = 0, rest = 0;

	if (*size < (unsigned int)cipher->tag_size)
		return srtp_err_status_bad_param;

	body = (int)*size - cipher->tag_size;

	if (!EVP_CIPHER_CTX_ctrl(cipher->ctx, EVP_CTRL_AEAD_SET_TAG,
				 cipher->tag_size, buf + body) ||
	    !EVP_DecryptUpdate(cipher->ctx, buf, &n, buf, body) ||
	    !EVP_DecryptFinal_ex(cipher->ctx, buf + n, &rest))
		return srtp_err_status_auth_fail;

	*size = (unsigned int)(n + rest);

	return srtp_err_status_ok;
}


static srtp_err_status_t hmac_dealloc(srtp_auth_t *a)
{
	if (!a)
		return srtp_err_status_bad_param;

	if (a->state) {
		OPENSSL_cleanse(a->state, sizeof(struct hmac));
		free(a->state);
	}

	free(a);

	return srtp_err_status_ok;
}


static srtp_err_status_t hmac_alloc(srtp_auth_t **ap, int key_len, int out_len)
{
	srtp_auth_t *a;

	if (key_len < 0 || key_len > SHA1_BLOCK ||
	    out_len < 0 || out_len > SHA1_TAG)
		return srtp_err_status_bad_param;

	a = calloc(1, sizeof(*a));
	if (!a)
		return srtp_err_status_alloc_fail;

	a->state = calloc(1, sizeof(struct hmac));
	if (!a->state) {
		(void)hmac_dealloc(a);
		return srtp_err_status_alloc_fail;
	}

	a->type    = &hmac_sha1;
	a->key_len = key_len;
	a->out_len = out_len;
	*ap = a;

	return srtp_err_status_ok;
}


static srtp_err_status_t hmac_start(void *state)
{
	struct hmac *hmac = state;

	hmac->now = hmac->inner;

	return srtp_err_status_ok;
}


static void hmac_pad(SHA_CTX *sha, const uint8_t *key, int key_len,
		     uint8_t with)
{
	uint8_t pad[SHA1_BLOCK];

	memset(pad, with, sizeof(pad));
	for (int i = 0; i < key_len; i++)
		pad[i] ^= key[i];

	SHA1_Init(sha);
	SHA1_Update(sha, pad, sizeof(pad));
	OPENSSL_cleanse(pad, sizeof(pad));
}


static srtp_err_status_t hmac_init(void *state, const uint8_t *key,
				   int key_len)
{
	struct hmac *hmac = state;

	if (key_len < 0 || key_len > SHA1_BLOCK)
		return srtp_err_status_bad_param;

	hmac_pad(&hmac->inner, key, key_len, 0x36);
	hmac_pad(&hmac->outer, key, key_len, 0x5c);

	return hmac_start(state);
}


static srtp_err_status_t hmac_update(void *state, const uint8_t *buf,
				     int size)
{
	struct hmac *hmac = state;

	SHA1_Update(&hmac->now, buf, (size_t)size);

	return srtp_err_status_ok;
}


static srtp_err_status_t hmac_compute(void *state, const uint8_t *buf,
				      int size, int tag_len, uint8_t *tag)
{
	struct hmac *hmac = state;
	uint8_t digest[SHA1_TAG];

	if (tag_len < 0 || tag_len > SHA1_TAG)
		return srtp_err_status_bad_param;

	SHA1_Update(&hmac->now, buf, (size_t)size);
	SHA1_Final(digest, &hmac->now);

	hmac->now = hmac->outer;
	SHA1_Update(&hmac->now, digest, sizeof(digest));
	SHA1_Final(digest, &hmac->now);

	memcpy(tag, digest, (size_t)tag_len);

	return srtp_err_status_ok;
}


static const srtp_cipher_type_t icm_128 = {
	.alloc       = icm_128_alloc,
	.dealloc     = cipher_dealloc,
	.init        = icm_init,
	.encrypt     = icm_crypt,
	.decrypt     = icm_crypt,
	.set_iv      = icm_set_iv,
	.description = "AES-128 counter mode by OpenSSL",
	.test_data   = &icm_128_test,
	.id          = SRTP_AES_ICM_128,
};

static const srtp_cipher_type_t icm_256 = {
	.alloc       = icm_256_alloc,
	.dealloc     = cipher_dealloc,
	.init        = icm_init,
	.encrypt     = icm_crypt,
	.decrypt     = icm_crypt,
	.set_iv      = icm_set_iv,
	.description = "AES-256 counter mode by OpenSSL",
	.test_data   = &icm_256_test,
	.id          = SRTP_AES_ICM_256,
};

static const srtp_cipher_type_t gcm_128 = {
	.alloc       = gcm_128_alloc,
	.dealloc     = cipher_dealloc,
	.init        = gcm_init,
	.set_aad     = gcm_set_aad,
	.encrypt     = gcm_encrypt,
	.decrypt     = gcm_decrypt,
	.set_iv      = gcm_set_iv,
	.get_tag     = gcm_get_tag,
	.description = "AES-128 GCM by OpenSSL",
	.test_data   = &gcm_128_test,
	.id          = SRTP_AES_GCM_128,
};

static const srtp_cipher_type_t gcm_256 = {
	.alloc       = gcm_256_alloc,
	.dealloc     = cipher_dealloc,
	.init        = gcm_init,
	.set_aad     = gcm_set_aad,
	.encrypt     = gcm_encrypt,
	.decrypt     = gcm_decrypt,
	.set_iv      = gcm_set_iv,
	.get_tag     = gcm_get_tag,
	.description = "AES-256 GCM by OpenSSL",
	.test_data   = &gcm_256_test,
	.id          = SRTP_AES_GCM_256,
};

static const srtp_auth_type_t hmac_sha1 = {
	.alloc       = hmac_alloc,
	.dealloc     = hmac_dealloc,
	.init        = hmac_init,
	.compute     = hmac_compute,
	.update      = hmac_update,
	.start       = hmac_start,
	.description = "HMAC-SHA1 by OpenSSL",
	.test_data   = &hmac_test,
	.id          = SRTP_HMAC_SHA1,
};


static bool fetch_all(void)
{
	static const char *const namev[MODES] = {
		[CTR_128] = "AES-128-CTR", [CTR_256] = "AES-256-CTR",
		[GCM_128] = "AES-128-GCM", [GCM_256] = "AES-256-GCM",
	};

	for (int i = 0; i < MODES; i++) {
		evp[i] = EVP_CIPHER_fetch(NULL, namev[i], NULL);
		if (!evp[i])
			return false;
	}

	return true;
}


static bool replace_cipher(const srtp_cipher_type_t *type)
{
	const srtp_err_status_t st = srtp_replace_cipher_type(type, type->id);

	if (st)
		warning("media", "srtp", "libsrtp2 refused \"%s\" (%d), "
			"its own is used", type->description, (int)st);

	return !st;
}


static bool replace_auth(const srtp_auth_type_t *type)
{
	const srtp_err_status_t st = srtp_replace_auth_type(type, type->id);

	if (st)
		warning("media", "srtp", "libsrtp2 refused \"%s\" (%d), "
			"its own is used", type->description, (int)st);

	return !st;
}


int srtp_openssl_init(void)
{
	static bool done;

	if (done)
		return 0;

	if (srtp_init())
		return EPROTO;

	done = true;

	if (!fetch_all()) {
		warning("media", "srtp", "OpenSSL lacks AES counter mode or "
			"GCM, libsrtp2's own ciphers are used");
		return 0;
	}

	used = replace_cipher(&icm_128);
	used = replace_cipher(&icm_256) && used;
	used = replace_cipher(&gcm_128) && used;
	used = replace_cipher(&gcm_256) && used;
	used = replace_auth(&hmac_sha1) && used;

	return 0;
}


bool srtp_openssl_used(void)
{
	return used;
}


static double cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

	return 1e9 * (double)ts.tv_sec + (double)ts.tv_nsec;
}


static int bench_session(srtp_t *session, srtp_ssrc_type_t type)
{
	uint8_t key[SRTP_AES_ICM_128_KEY_LEN_WSALT];
	srtp_policy_t policy = { .window_size = 1024 };

	memcpy(key, icm_128_key, sizeof(key));

	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
	policy.ssrc.type = type;
	policy.key       = key;

	return srtp_create(session, &policy) ? ENOMEM : 0;
}


/** One packet there and back, its time added to the sums */
static int bench_packet(srtp_t tx, srtp_t rx, uint16_t seq,
			double *protect, double *unprotect)
{
	enum { HEADER = 12, SIZE = 172 };
	/* libsrtp2 reads the header by 32 bits */
	_Alignas(16) uint8_t buf[SIZE + SRTP_MAX_TRAILER_LEN] = { 0x80 };
	double start;
	int n = SIZE;

	buf[2] = (uint8_t)(seq >> 8);
	buf[3] = (uint8_t)seq;
	buf[11] = 1;
	memset(buf + HEADER, 0xd5, SIZE - HEADER);

	start = cpu_ns();
	if (srtp_protect(tx, buf, &n))
		return EPROTO;
	*protect += cpu_ns() - start;

	start = cpu_ns();
	if (srtp_unprotect(rx, buf, &n))
		return EPROTO;
	*unprotect += cpu_ns() - start;

	return n == SIZE && buf[HEADER] == 0xd5 && buf[SIZE - 1] == 0xd5
		? 0 : EPROTO;
}


/** What reading the clock costs, which each sum holds once a packet */
static double bench_clock_ns(void)
{
	enum { TIMES = 1000 };
	const double start = cpu_ns();

	for (int i = 0; i < TIMES; i++)
		(void)cpu_ns();

	return (cpu_ns() - start) / TIMES;
}


int srtp_openssl_bench(unsigned packets, double *protect_ns,
		       double *unprotect_ns)
{
	double protect = 0, unprotect = 0;
	srtp_t tx = NULL, rx = NULL;
	double clock_ns;
	int err;

	if (!packets || !protect_ns || !unprotect_ns)
		return EINVAL;

	err = bench_session(&tx, ssrc_any_outbound);
	if (!err)
		err = bench_session(&rx, ssrc_any_inbound);

	clock_ns = bench_clock_ns();

	for (unsigned i = 0; i < packets && !err; i++)
		err = bench_packet(tx, rx, (uint16_t)i, &protect, &unprotect);

	if (!err) {
		*protect_ns   = protect / packets - clock_ns;
		*unprotect_ns = unprotect / packets - clock_ns;
	}

	if (tx)
		(void)srtp_dealloc(tx);
	if (rx)
		(void)srtp_dealloc(rx);

	return err;
}
