/**
 * @file tlsabout.c  What our own certificate says, and whether it is trusted
 */
#include <time.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "tlscore.h"


static void common_name(X509_NAME *name, char *buf, size_t size)
{
	const int i = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *text = NULL;
	int l = -1;

	buf[0] = '\0';
	if (i >= 0)
		l = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
			X509_NAME_get_entry(name, i)));
	if (l >= 0)
		(void)text_escape(buf, size, (const char *)text, (size_t)l);

	OPENSSL_free(text);
}


static int64_t seconds(const ASN1_TIME *at)
{
	struct tm tm;

	return 1 == ASN1_TIME_to_tm(at, &tm) ? (int64_t)timegm(&tm) : 0;
}


/** One that does not fit is left out whole, and all after it */
static bool name_add(const char *name, void *arg)
{
	struct tlsctx_about *about = arg;
	size_t l = strlen(about->names);

	/* at most four octets for one */
	if (l + 4 * strlen(name) + 2 > sizeof(about->names))
		return true;

	if (l)
		about->names[l++] = ' ';
	(void)text_escape(about->names + l, sizeof(about->names) - l, name,
			  strlen(name));

	return false;
}


void tlsabout_chain(SSL_CTX *ssl, const char *ca_file, char *why,
		    size_t size)
{
	X509 *cert = SSL_CTX_get0_certificate(ssl);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *trust = X509_STORE_new();
	STACK_OF(X509) *chain = NULL;

	why[0] = '\0';
	(void)SSL_CTX_get0_chain_certs(ssl, &chain);
	if (trust)
		(void)X509_STORE_set_default_paths(trust);
	if (trust && ca_file)
		(void)X509_STORE_load_file(trust, ca_file);

	if (!ctx || !trust || 1 != X509_STORE_CTX_init(ctx, trust, cert,
						       chain))
		str_ncpy(why, "it cannot be checked", size);
	else if (1 != X509_verify_cert(ctx))
		str_ncpy(why, X509_verify_cert_error_string(
			 X509_STORE_CTX_get_error(ctx)), size);

	X509_STORE_CTX_free(ctx);
	X509_STORE_free(trust);
	ERR_clear_error();
}


int tlsctx_about(const struct tlsctx *ctx, struct tlsctx_about *about)
{
	X509 *cert = ctx ? SSL_CTX_get0_certificate(ctx->ssl) : NULL;

	if (!cert)
		return ENOENT;

	memset(about, 0, sizeof(*about));
	common_name(X509_get_subject_name(cert), about->subject,
		    sizeof(about->subject));
	common_name(X509_get_issuer_name(cert), about->issuer,
		    sizeof(about->issuer));
	(void)tlsname_apply(cert, name_add, about);
	if (!about->subject[0])
		str_ncpy(about->subject, about->names,
			 min(sizeof(about->subject),
			     strcspn(about->names, " ") + 1));

	about->begins_s = seconds(X509_get0_notBefore(cert));
	about->ends_s   = seconds(X509_get0_notAfter(cert));
	/* without the extension everything is allowed */
	about->client   = X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT;
	str_ncpy(about->chain, ctx->chain, sizeof(about->chain));

	return 0;
}
