/**
 * @file tlsconn.c  One TLS connection on a socket, without waiting
 *
 * What is wrong with a peer's certificate is found out while OpenSSL walks
 * the chain, and kept in words for people: which certificate, which date,
 * which names (RFC 5280, RFC 6125).
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "bridge/base/libre.h"
#include "flow.h"
#include "tlsconn.h"
#include "tlscore.h"


struct tlsconn {
	SSL *ssl;                  /* owned                               */
	struct tlsctx *ctx;        /* ref                                 */
	char *name;                /* owned; NULL: any                    */
	bool server;
	bool strict;               /* what the chain says counts          */
	bool broken;               /* OpenSSL must not be asked again     */
	char why[WHY_MAX];
};


static void destructor(void *data)
{
	struct tlsconn *tc = data;

	SSL_free(tc->ssl);
	mem_deref(tc->ctx);
	mem_deref(tc->name);
}


static void because(struct tlsconn *tc, const char *fmt, ...)
{
	va_list ap;

	if (tc->why[0])
		return;

	va_start(ap, fmt);
	(void)re_vsnprintf(tc->why, sizeof(tc->why), fmt, ap);
	va_end(ap);
}


/** The certificate tells where its issuer's is to be had, as those of public
    authorities do: that issuer is not the top */
static bool names_issuer_place(X509 *cert)
{
	AUTHORITY_INFO_ACCESS *access;
	bool found = false;

	access = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++)
		found |= OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access,
				i)->method) == NID_ad_ca_issuers;

	AUTHORITY_INFO_ACCESS_free(access);

	return found;
}


/** Nobody we trust has signed it, or who did was left out of the chain */
static void because_issuer(struct tlsconn *tc, const char *names, X509 *cert,
			   bool root)
{
	char issuer[64] = "";

	(void)X509_NAME_get_text_by_NID(X509_get_issuer_name(cert),
					NID_commonName, issuer,
					sizeof(issuer));

	if (!root && names_issuer_place(cert))
		because(tc, "certificate of %s: the intermediate certificate"
			" of its issuer \"%s\" was not sent", names, issuer);
	else if (!root)
		because(tc, "certificate of %s: issuer \"%s\" is not"
			" trusted, and no certificate of it came along",
			names, issuer);
	else
		because(tc, "certificate of %s: issuer \"%s\" is not"
			" trusted", names, issuer);
}


/** The chain is not good: say so in words */
static void explain_chain(struct tlsconn *tc, int error, X509 *cert)
{
	char names[96], date[32];

	tlsname_list(cert, names, sizeof(names));

	switch (error) {

	case X509_V_ERR_CERT_HAS_EXPIRED:
		tlsname_date(X509_get0_notAfter(cert), date, sizeof(date));
		because(tc, "certificate of %s ended %s", names, date);
		break;

	case X509_V_ERR_CERT_NOT_YET_VALID:
		tlsname_date(X509_get0_notBefore(cert), date, sizeof(date));
		because(tc, "certificate of %s begins %s", names, date);
		break;

	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		because(tc, "certificate of %s is self-signed", names);
		break;

	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		because_issuer(tc, names, cert, error ==
			       X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
		break;

	default:
		because(tc, "certificate of %s: %s", names,
			X509_verify_cert_error_string(error));
		break;
	}
}


static bool is_expected(const struct tlsconn *tc, X509 *cert)
{
	const struct tlsctx *ctx = tc->ctx;

	if (!tc->server)
		return ctx->verify != TLS_VERIFY_FULL || !tc->name ||
			tlsname_is_of(cert, tc->name, false);

	for (size_t i = 0; i < ctx->peer_namec; i++)
		if (tlsname_is_of(cert, ctx->peer_namev[i], true))
			return true;

	return !ctx->peer_namec;
}


/** A purpose of TLS, either end: certificates of Microsoft's front ends lose
    clientAuth in 2026 and must go on working (teams-direct-routing, 3) */
static bool has_purpose(X509 *cert)
{
	const uint32_t usage = X509_get_extended_key_usage(cert);

	return usage == UINT32_MAX ||
		usage & (XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_ANYEKU);
}


static int check_leaf(struct tlsconn *tc, X509 *cert)
{
	char names[96];

	if (!has_purpose(cert))
		return X509_V_ERR_INVALID_PURPOSE;

	if (is_expected(tc, cert))
		return X509_V_OK;

	tlsname_list(cert, names, sizeof(names));
	if (tc->server)
		because(tc, "certificate is for %s, a name not allowed here",
			names);
	else
		because(tc, "certificate is for %s, not for %s", names,
			tc->name);

	return X509_V_ERR_HOSTNAME_MISMATCH;
}


static int verify_handler(int ok, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store,
				SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tlsconn *tc = SSL_get_app_data(ssl);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	int error = X509_STORE_CTX_get_error(store);

	if (!tc->strict)
		return 1;

	if (ok && !X509_STORE_CTX_get_error_depth(store)) {
		error = check_leaf(tc, cert);
		if (error != X509_V_OK) {
			X509_STORE_CTX_set_error(store, error);
			ok = 0;
		}
	}

	if (!ok)
		explain_chain(tc, error, cert);

	return ok;
}


static int server_mode(const struct tlsctx *ctx)
{
	if (!ctx->ask_client)
		return SSL_VERIFY_NONE;

	return SSL_VERIFY_PEER | (ctx->allow_no_client_cert ? 0 :
				  SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
}


static void set_verify(struct tlsconn *tc)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(tc->ssl);
	int mode;

	if (tc->server)
		mode = server_mode(tc->ctx);
	else
		mode = tc->ctx->verify == TLS_VERIFY_NONE ? SSL_VERIFY_NONE :
			SSL_VERIFY_PEER;

	tc->strict = mode != SSL_VERIFY_NONE;
	SSL_set_verify(tc->ssl, mode, verify_handler);

	/* as server, check_leaf() judges the purpose */
	if (tc->server)
		(void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
}


static int set_name(struct tlsconn *tc, const char *name)
{
	struct sa addr;
	int err;

	if (!name)
		return 0;

	err = str_dup(&tc->name, name);
	if (err)
		return err;

	/* no SNI for addresses (RFC 6066 section 3) */
	if (sa_set_str(&addr, name, 0) &&
	    1 != SSL_set_tlsext_host_name(tc->ssl, tc->name))
		return ENOMEM;

	return 0;
}


int tlsconn_alloc(struct tlsconn **tcp, struct tlsctx *ctx, int fd,
		  bool server, const char *name)
{
	struct tlsconn *tc;
	int err = ENOMEM;

	tc = mem_zalloc(sizeof(*tc), destructor);
	if (!tc)
		return ENOMEM;

	tc->ctx    = mem_ref(ctx);
	tc->server = server;

	tc->ssl = SSL_new(ctx->ssl);
	if (!tc->ssl || 1 != SSL_set_fd(tc->ssl, fd))
		goto out;

	(void)SSL_set_app_data(tc->ssl, tc);
	set_verify(tc);

	if (server)
		SSL_set_accept_state(tc->ssl);
	else
		SSL_set_connect_state(tc->ssl);

	err = server ? 0 : set_name(tc, name);

 out:
	ERR_clear_error();
	if (err)
		mem_deref(tc);
	else
		*tcp = tc;

	return err;
}


static void explain_alert(struct tlsconn *tc, int alert)
{
	const char *words = SSL_alert_desc_string_long(alert);

	switch (alert) {

	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
		because(tc, "the peer refused our certificate (%s)", words);
		break;

	case SSL_AD_CERTIFICATE_REQUIRED:
		because(tc, "the peer wants a certificate of ours");
		break;

	default:
		because(tc, "the peer said: %s", words);
		break;
	}
}


/** OpenSSL's error queue in words */
static void explain(struct tlsconn *tc)
{
	const unsigned long error = ERR_peek_error();
	const int reason = ERR_GET_REASON(error);
	const char *words = ERR_reason_error_string(error);

	if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
	    reason > SSL_AD_REASON_OFFSET &&
	    reason <= SSL_AD_REASON_OFFSET + UINT8_MAX) {
		explain_alert(tc, reason - SSL_AD_REASON_OFFSET);
		return;
	}

	switch (reason) {

	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
		because(tc, "the peer does not speak TLS");
		break;

	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		because(tc, "the peer showed no certificate");
		break;

	case SSL_R_UNSUPPORTED_PROTOCOL:
		because(tc, "the peer speaks only TLS older than 1.2");
		break;

	default:
		because(tc, "%s", words ? words : "failed");
		break;
	}
}


/** errno of what SSL_read() and the like returned, above 0 is good */
static int result(struct tlsconn *tc, int n)
{
	const int saved = errno;
	int err;

	switch (SSL_get_error(tc->ssl, n)) {

	case SSL_ERROR_NONE:
		return 0;

	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return EAGAIN;

	case SSL_ERROR_ZERO_RETURN:
		return ECONNRESET;

	case SSL_ERROR_SYSCALL:
		tc->broken = true;
		err = saved ? saved : ECONNRESET;
		break;

	default:
		tc->broken = true;
		explain(tc);
		err = EPROTO;
		break;
	}

	ERR_clear_error();

	return err;
}


static void prepare(void)
{
	ERR_clear_error();
	errno = 0;
}


int tlsconn_handshake(struct tlsconn *tc)
{
	prepare();

	return result(tc, SSL_do_handshake(tc->ssl));
}


int tlsconn_read(struct tlsconn *tc, uint8_t *buf, size_t size, size_t *n)
{
	int got;

	if (tc->broken)
		return ECONNRESET;

	prepare();
	got = SSL_read(tc->ssl, buf, (int)size);
	if (got > 0)
		*n = (size_t)got;

	return result(tc, got);
}


int tlsconn_write(struct tlsconn *tc, const uint8_t *buf, size_t size,
		  size_t *n)
{
	int put;

	if (tc->broken)
		return EPIPE;

	prepare();
	put = SSL_write(tc->ssl, buf, (int)size);
	if (put > 0)
		*n = (size_t)put;

	return result(tc, put);
}


bool tlsconn_wants_write(const struct tlsconn *tc)
{
	return SSL_want_write(tc->ssl);
}


bool tlsconn_is_pending(const struct tlsconn *tc)
{
	return SSL_pending(tc->ssl) > 0;
}


void tlsconn_shutdown(struct tlsconn *tc)
{
	if (tc->broken || !SSL_is_init_finished(tc->ssl))
		return;

	prepare();
	(void)SSL_shutdown(tc->ssl);
	ERR_clear_error();
}


bool tlsconn_has_name(const struct tlsconn *tc, const char *name)
{
	return tc->strict && SSL_get_verify_result(tc->ssl) == X509_V_OK &&
		tlsname_is_of(SSL_get0_peer_certificate(tc->ssl), name,
			      false);
}


const char *tlsconn_why(const struct tlsconn *tc)
{
	return tc->why;
}
