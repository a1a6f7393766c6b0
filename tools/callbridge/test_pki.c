/**
 * @file test_pki.c  Certificates of a site's test bench
 *
 * Microsoft's side and ours trust each other's authority and nobody else's.
 * Both are made here, and are good for nothing but the test.
 */
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "test_cli.h"


enum { BITS = 2048, DAYS = 825, DAY_S = 86400 };


struct identity {
	X509 *cert;
	EVP_PKEY *key;
};


static void identity_clear(struct identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
}


static bool extension_add(X509 *cert, X509 *issuer, int nid,
			  const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool good;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);

	ext  = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	good = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);

	return good;
}


static bool cert_fill(X509 *cert, EVP_PKEY *key, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	BIGNUM *serial = BN_new();
	bool good;

	good = serial && BN_rand(serial, 127, BN_RAND_TOP_ANY,
				 BN_RAND_BOTTOM_ANY) &&
		BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) &&
		X509_set_version(cert, X509_VERSION_3) &&
		X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) &&
		X509_gmtime_adj(X509_getm_notAfter(cert), (long)DAYS * DAY_S)
		&& X509_set_pubkey(cert, key) &&
		X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
			(const unsigned char *)"Callbridge test", -1, -1, 0)
		&& X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
			(const unsigned char *)name, -1, -1, 0);

	BN_free(serial);

	return good;
}


/**
 * @param issuer  NULL: an authority that signs itself
 * @param names   Of a leaf, as "DNS:a,DNS:b"
 */
static bool identity_make(struct identity *id, const char *name,
			  const struct identity *issuer, const char *names)
{
	X509 *by;

	id->key  = EVP_RSA_gen(BITS);
	id->cert = X509_new();
	if (!id->key || !id->cert || !cert_fill(id->cert, id->key, name))
		return false;

	by = issuer ? issuer->cert : id->cert;

	if (!X509_set_issuer_name(id->cert, X509_get_subject_name(by)) ||
	    !extension_add(id->cert, by, NID_basic_constraints, issuer ?
			   "critical,CA:FALSE" : "critical,CA:TRUE") ||
	    !extension_add(id->cert, by, NID_key_usage, issuer ?
			   "critical,digitalSignature,keyEncipherment" :
			   "critical,keyCertSign,cRLSign"))
		return false;

	if (issuer &&
	    (!extension_add(id->cert, by, NID_ext_key_usage,
			    "serverAuth,clientAuth") ||
	     !extension_add(id->cert, by, NID_subject_alt_name, names)))
		return false;

	return X509_sign(id->cert, issuer ? issuer->key : id->key,
			 EVP_sha256()) > 0;
}


/** The certificate, and for a leaf its key behind it */
static int identity_write(const struct identity *id, const char *folder,
			  const char *name, bool with_key)
{
	char path[PATH_MAX];
	FILE *f;
	int fd, err = 0;

	(void)re_snprintf(path, sizeof(path), "%s/%s.pem", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f  = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		err = errno;
		if (fd >= 0)
			(void)close(fd);
		return err;
	}

	if (!PEM_write_X509(f, id->cert) ||
	    (with_key && !PEM_write_PrivateKey(f, id->key, NULL, NULL, 0,
					       NULL, NULL)))
		err = EIO;
	if (fclose(f) && !err)
		err = EIO;

	return err;
}


static int side_make(const char *folder, const char *root, const char *title,
		     const char *leaf, const char *name, const char *names)
{
	struct identity ca = {NULL, NULL}, id = {NULL, NULL};
	int err = EIO;

	if (identity_make(&ca, title, NULL, NULL) &&
	    identity_make(&id, name, &ca, names)) {
		err = identity_write(&ca, folder, root, false);
		if (!err)
			err = identity_write(&id, folder, leaf, true);
	}

	identity_clear(&id);
	identity_clear(&ca);

	return err;
}


int test_pki_make(const char *folder, const char *fqdn)
{
	char names[300];
	int err;

	(void)re_snprintf(names, sizeof(names), "DNS:%s", fqdn);

	err = side_make(folder, "microsoft-root", "Test authority of Teams",
			"teams", "sip.pstnhub.microsoft.com",
			"DNS:sip.pstnhub.microsoft.com,"
			"DNS:sip2.pstnhub.microsoft.com,"
			"DNS:sip3.pstnhub.microsoft.com");
	if (!err)
		err = side_make(folder, "public-root", "Test authority of the"
				" gateway", "bridge", fqdn, names);

	return err;
}
