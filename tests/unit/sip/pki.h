/**
 * @file pki.h  Certificates made for a test
 */
#ifndef TESTS_SIP_PKI_H
#define TESTS_SIP_PKI_H

#include <sys/stat.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { PKI_DAY = 86400 };

struct pki_cert {
	X509 *cert;
	EVP_PKEY *key;
};

/** What a certificate says; zero is a leaf that is good for ten days */
struct pki_spec {
	const char *cn;
	const char *san;           /* "DNS:a.example,IP:127.0.0.1", NULL */
	const char *usage;         /* extended key usage, NULL           */
	int from_day, to_day;      /* from today; both 0: -1 to 10       */
	bool ca;
};


static inline void pki_extend(X509 *cert, X509 *issuer, int nid,
			      const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(1, X509_add_ext(cert, ext, -1));
	X509_EXTENSION_free(ext);
}


/** @param issuer  NULL: signed by itself */
static inline struct pki_cert pki_make(const struct pki_spec *spec,
				       const struct pki_cert *issuer)
{
	static long serial;
	struct pki_cert made = {X509_new(), EVP_EC_gen("P-256")};
	X509_NAME *name = X509_get_subject_name(made.cert);
	const bool dated = spec->from_day || spec->to_day;

	assert_non_null(made.key);
	(void)X509_set_version(made.cert, 2);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
	(void)X509_gmtime_adj(X509_getm_notBefore(made.cert),
			      (dated ? spec->from_day : -1) * PKI_DAY);
	(void)X509_gmtime_adj(X509_getm_notAfter(made.cert),
			      (dated ? spec->to_day : 10) * PKI_DAY);
	(void)X509_set_pubkey(made.cert, made.key);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)spec->cn, -1, -1, 0);
	(void)X509_set_issuer_name(made.cert, issuer ?
		X509_get_subject_name(issuer->cert) : name);

	pki_extend(made.cert, issuer ? issuer->cert : made.cert,
		   NID_basic_constraints, spec->ca ? "critical,CA:TRUE" :
		   "CA:FALSE");
	if (spec->san)
		pki_extend(made.cert, made.cert, NID_subject_alt_name,
			   spec->san);
	if (spec->usage)
		pki_extend(made.cert, made.cert, NID_ext_key_usage,
			   spec->usage);

	assert_true(X509_sign(made.cert, issuer ? issuer->key : made.key,
			      EVP_sha256()) > 0);

	return made;
}


static inline void pki_free(struct pki_cert *cert)
{
	X509_free(cert->cert);
	EVP_PKEY_free(cert->key);
}


/** Certificate and, if asked for, its key in one file with that mode */
static inline void pki_write(const char *path, const struct pki_cert *cert,
			     bool key, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(1, PEM_write_X509(f, cert->cert));
	if (key)
		assert_int_equal(1, PEM_write_PrivateKey(f, cert->key, NULL,
							 NULL, 0, NULL,
							 NULL));
	assert_int_equal(0, fclose(f));
	assert_int_equal(0, chmod(path, mode));
}

#endif
