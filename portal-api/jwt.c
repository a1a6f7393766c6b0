/**
 * @file jwt.c  A signed token, opened: RFC 7515, 7518, 7519
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "bridge/base/base64.h"
#include "bridge/base/libre.h"
#include "jwt.h"


enum {
	KEYS_MAX = 100,            /* of a set that are looked at           */
	RSA_BITS = 2048,           /* at least (RFC 7518 section 3.3)       */
	RSA_OCTETS_MAX = 1024,
	P256_OCTETS = 32,
	PARTS = 3,                 /* header, claims, signature             */
};


struct algorithm {
	const char *name, *kty;
	int padding;               /* of RSA, 0 none */
};

static const struct algorithm algorithmv[] = {
	{ "RS256", "RSA", RSA_PKCS1_PADDING },
	{ "PS256", "RSA", RSA_PKCS1_PSS_PADDING },
	{ "ES256", "EC",  0 },
};


/* Text */


/** @return a part of a token as a JSON object, NULL */
static json_t *object_read(const struct pl *part)
{
	uint8_t *buf;
	json_t *json = NULL;
	size_t size = 0;

	buf = mem_alloc(part->l + 1, NULL);
	if (buf && !base64_read(buf, &size, BASE64_URL, part->p, part->l))
		json = json_loadb((const char *)buf, size,
				  JSON_REJECT_DUPLICATES, NULL);
	mem_deref(buf);

	if (json_is_object(json))
		return json;

	json_decref(json);

	return NULL;
}


static int split(struct pl partv[PARTS], const char *token)
{
	size_t i = 0;

	if (strlen(token) > JWT_MAX)
		return EBADMSG;

	for (const char *p = token; ; p++) {
		const size_t l = strcspn(p, ".");

		if (i == PARTS || !l)
			return EBADMSG;

		partv[i].p   = p;
		partv[i++].l = l;
		p += l;
		if (!*p)
			return i == PARTS ? 0 : EBADMSG;
	}
}


/* Keys */


static const char *text_of(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}


/** A member that may be missing, but then not another */
static bool may_be(const json_t *key, const char *name, const char *want)
{
	const json_t *value = json_object_get(key, name);

	return !value || (json_is_string(value) &&
			  !strcmp(json_string_value(value), want));
}


static bool may_verify(const json_t *key)
{
	const json_t *ops = json_object_get(key, "key_ops"), *op;
	size_t i;

	if (!ops)
		return true;

	json_array_foreach(ops, i, op)
		if (json_is_string(op) &&
		    !strcmp(json_string_value(op), "verify"))
			return true;

	return false;
}


static bool fits(const json_t *key, const struct algorithm *alg,
		 const char *kid)
{
	const char *kty = text_of(key, "kty"), *name = text_of(key, "kid");

	return kty && !strcmp(kty, alg->kty) && may_be(key, "use", "sig") &&
		may_be(key, "alg", alg->name) && may_verify(key) &&
		(!kid || (name && !strcmp(name, kid)));
}


/** Without a name there must be one alone that fits (OpenID Connect Core
    section 10.1); so there must with one */
static const json_t *key_find(const json_t *keys,
			      const struct algorithm *alg, const char *kid)
{
	const json_t *keyv = json_object_get(keys, "keys");
	const json_t *key, *found = NULL;
	size_t i;

	json_array_foreach(keyv, i, key) {
		if (i == KEYS_MAX)
			break;
		if (!fits(key, alg, kid))
			continue;
		if (found)
			return NULL;
		found = key;
	}

	return found;
}


/** A number, or coordinate, of a key: octets */
static int octets(uint8_t *dst, size_t max, size_t *size, const json_t *key,
		  const char *name)
{
	const char *text = text_of(key, name);

	if (!text || strlen(text) > max * 4 / 3 + 1)
		return EBADMSG;

	return base64_read(dst, size, BASE64_URL, text, strlen(text));
}


static EVP_PKEY *key_make(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;

	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);

	return key;
}


static EVP_PKEY *rsa_read(const json_t *jwk)
{
	uint8_t nv[RSA_OCTETS_MAX + 2], ev[10];
	OSSL_PARAM_BLD *build;
	size_t nc = 0, ec = 0;
	EVP_PKEY *key = NULL;
	BIGNUM *n, *e;

	if (octets(nv, RSA_OCTETS_MAX, &nc, jwk, "n") ||
	    octets(ev, 8, &ec, jwk, "e"))
		return NULL;

	build = OSSL_PARAM_BLD_new();
	n = BN_bin2bn(nv, (int)nc, NULL);
	e = BN_bin2bn(ev, (int)ec, NULL);
	if (build && n && e && BN_num_bits(n) >= RSA_BITS &&
	    BN_is_odd(e) && !BN_is_one(e) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
		key = key_make("RSA", build);

	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);

	return key;
}


/** P-256: what ES256 is made with. Points that are not on the curve are
    refused by OpenSSL */
static EVP_PKEY *ec_read(const json_t *jwk)
{
	uint8_t point[1 + 2 * (P256_OCTETS + 2)] = { 4 /* uncompressed */ };
	const char *curve = text_of(jwk, "crv");
	OSSL_PARAM_BLD *build;
	EVP_PKEY *key = NULL;
	size_t xc = 0, yc = 0;

	if (!curve || strcmp(curve, "P-256") ||
	    octets(point + 1, P256_OCTETS, &xc, jwk, "x") ||
	    xc != P256_OCTETS ||
	    octets(point + 1 + P256_OCTETS, P256_OCTETS, &yc, jwk, "y") ||
	    yc != P256_OCTETS)
		return NULL;

	build = OSSL_PARAM_BLD_new();
	if (build &&
	    OSSL_PARAM_BLD_push_utf8_string(build,
					    OSSL_PKEY_PARAM_GROUP_NAME,
					    "prime256v1", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
					     point, 1 + 2 * P256_OCTETS))
		key = key_make("EC", build);

	OSSL_PARAM_BLD_free(build);

	return key;
}


/* Signatures */


/** Two numbers of fixed length (RFC 7518 section 3.4) as OpenSSL has them */
static int ecdsa_der(uint8_t **derp, size_t *size, const uint8_t *p,
		     size_t l)
{
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	int n;

	if (l != 2 * P256_OCTETS)
		return EACCES;

	sig = ECDSA_SIG_new();
	r = BN_bin2bn(p, P256_OCTETS, NULL);
	s = BN_bin2bn(p + P256_OCTETS, P256_OCTETS, NULL);
	if (!sig || !r || !s || !ECDSA_SIG_set0(sig, r, s)) {
		ECDSA_SIG_free(sig);
		BN_free(r);
		BN_free(s);
		return ENOMEM;
	}

	*derp = NULL;
	n = i2d_ECDSA_SIG(sig, derp);
	ECDSA_SIG_free(sig);
	if (n <= 0)
		return ENOMEM;

	*size = (size_t)n;

	return 0;
}


static bool padding_set(EVP_PKEY_CTX *ctx, int padding)
{
	if (!padding)
		return true;

	return EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
		(padding != RSA_PKCS1_PSS_PADDING ||
		 EVP_PKEY_CTX_set_rsa_pss_saltlen(
			 ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}


static int verify(EVP_PKEY *key, int padding, const char *text, size_t l,
		  const uint8_t *sig, size_t size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	int err = EIO;

	if (ctx && EVP_DigestVerifyInit(ctx, &pctx, EVP_sha256(), NULL, key)
	    == 1 && padding_set(pctx, padding))
		err = EVP_DigestVerify(ctx, sig, size, (const uint8_t *)text,
				       l) == 1 ? 0 : EACCES;

	EVP_MD_CTX_free(ctx);

	return err;
}


static int signature_check(const struct algorithm *alg, const json_t *jwk,
			   const struct pl partv[PARTS])
{
	const size_t l = (size_t)(partv[2].p - partv[0].p) - 1;
	uint8_t *raw = mem_alloc(partv[2].l, NULL), *der = NULL;
	EVP_PKEY *key = NULL;
	size_t size = 0, derc = 0;
	int err;

	if (!raw)
		return ENOMEM;

	err = base64_read(raw, &size, BASE64_URL, partv[2].p, partv[2].l);
	if (err)
		goto out;

	key = alg->padding ? rsa_read(jwk) : ec_read(jwk);
	if (!key) {
		err = ENOKEY;
		goto out;
	}

	if (!alg->padding)
		err = ecdsa_der(&der, &derc, raw, size);
	if (!err)
		err = verify(key, alg->padding, partv[0].p, l,
			     der ? der : raw, der ? derc : size);

 out:
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	mem_deref(raw);

	return err;
}


/* The token */


static const struct algorithm *algorithm_find(const json_t *header)
{
	const char *name = text_of(header, "alg");

	for (size_t i = 0; name && i < RE_ARRAY_SIZE(algorithmv); i++)
		if (!strcmp(algorithmv[i].name, name))
			return &algorithmv[i];

	return NULL;
}


/** What must be understood and is not (RFC 7515 section 4.1.11); a payload
    that is not encoded (RFC 7797) comes with it */
static bool is_extended(const json_t *header)
{
	return json_object_get(header, "crit") ||
		json_object_get(header, "b64");
}


static int header_check(const json_t *header, const json_t *keys,
			const struct pl partv[PARTS])
{
	const struct algorithm *alg = algorithm_find(header);
	const json_t *kid = json_object_get(header, "kid"), *jwk;

	if (!alg || is_extended(header))
		return EPROTO;
	if (kid && !json_is_string(kid))
		return EBADMSG;

	jwk = key_find(keys, alg, json_string_value(kid));

	return jwk ? signature_check(alg, jwk, partv) : ENOKEY;
}


int jwt_open(json_t **claimsp, const char *token, const json_t *keys)
{
	struct pl partv[PARTS];
	json_t *header, *claims;
	int err;

	if (!claimsp || !token || !keys)
		return EINVAL;

	err = split(partv, token);
	if (err)
		return err;

	header = object_read(&partv[0]);
	if (!header)
		return EBADMSG;

	err = header_check(header, keys, partv);
	json_decref(header);
	if (err)
		return err;

	/* no word of it is read before it is known whose it is */
	claims = object_read(&partv[1]);
	if (!claims)
		return EBADMSG;

	*claimsp = claims;

	return 0;
}
