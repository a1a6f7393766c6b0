/**
 * @file assertion.c  A signed word instead of a client secret (RFC 7523)
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "bridge/base/base64.h"
#include "bridge/base/libre.h"
#include "assertion.h"


enum { LIFE_S = 600, SKEW_S = 60, ID_SIZE = 16, RSA_MAX = 1024 };


/** As text (RFC 7515 section 2): libre memory, or NULL */
static char *base64url(const void *data, size_t size)
{
	char *out = mem_alloc(BASE64_SIZE(size), NULL);

	if (out)
		(void)base64_write(out, BASE64_URL, data, size);

	return out;
}


/** As base64url of its text; takes the reference */
static char *part(json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	char *out = text ? base64url(text, strlen(text)) : NULL;

	free(text);
	json_decref(json);

	return out;
}


static char *thumbprint(const X509 *cert, const EVP_MD *md)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	return X509_digest(cert, md, digest, &size) ? base64url(digest, size)
		: NULL;
}


/** Both thumbprints: older and newer documents differ in which one counts */
static char *header_make(const X509 *cert)
{
	char *x5t = thumbprint(cert, EVP_sha1());
	char *x5t256 = thumbprint(cert, EVP_sha256());
	char *out = NULL;

	if (x5t && x5t256)
		out = part(json_pack("{s:s, s:s, s:s, s:s}", "alg", "RS256",
				     "typ", "JWT", "x5t", x5t, "x5t#S256",
				     x5t256));

	mem_deref(x5t);
	mem_deref(x5t256);

	return out;
}


static char *claims_make(const char *audience, const char *client_id,
			 int64_t now_s)
{
	uint8_t random[ID_SIZE];
	char *id, *out = NULL;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return NULL;

	id = base64url(random, sizeof(random));
	if (id)
		out = part(json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}",
				     "aud", audience, "iss", client_id,
				     "sub", client_id, "jti", id,
				     "nbf", (json_int_t)(now_s - SKEW_S),
				     "exp", (json_int_t)(now_s + LIFE_S)));
	mem_deref(id);

	return out;
}


static char *sign(EVP_PKEY *key, const char *text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[RSA_MAX];
	size_t size = sizeof(signature);
	char *out = NULL;

	if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
	    && EVP_DigestSign(ctx, signature, &size, (const uint8_t *)text,
			      strlen(text)) == 1)
		out = base64url(signature, size);

	EVP_MD_CTX_free(ctx);

	return out;
}


/** Nobody sits there who could type one */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;

	return 0;
}


static X509 *cert_read(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);

	BIO_free(bio);

	return cert;
}


static EVP_PKEY *key_read(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);

	BIO_free(bio);

	return key;
}


int assertion_make(char **jwtp, const char *pem, const char *audience,
		   const char *client_id, int64_t now_s)
{
	char *header = NULL, *claims = NULL, *text = NULL, *signature = NULL;
	EVP_PKEY *key;
	X509 *cert;
	int err = 0;

	if (!jwtp || !pem || !audience || !client_id)
		return EINVAL;

	cert = cert_read(pem);
	key  = key_read(pem);
	if (!cert || !key || !EVP_PKEY_is_a(key, "RSA") ||
	    EVP_PKEY_get_size(key) > RSA_MAX ||
	    X509_check_private_key(cert, key) != 1) {
		err = EBADMSG;
		goto out;
	}

	header = header_make(cert);
	claims = claims_make(audience, client_id, now_s);
	if (!header || !claims) {
		err = ENOMEM;
		goto out;
	}

	err = re_sdprintf(&text, "%s.%s", header, claims);
	if (err)
		goto out;

	signature = sign(key, text);
	err = signature ? re_sdprintf(jwtp, "%s.%s", text, signature) : ENOMEM;

 out:
	mem_deref(header);
	mem_deref(claims);
	mem_deref(text);
	mem_deref(signature);
	EVP_PKEY_free(key);
	X509_free(cert);

	return err;
}
