/**
 * @file pki.c  Certificates, as strict as Teams
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "sim.h"
#include "pki.h"


/* ECDHE with RSA only, in the order Microsoft lists them */
static const char suites[] = "ECDHE-RSA-AES256-GCM-SHA384:"
			     "ECDHE-RSA-AES128-GCM-SHA256:"
			     "ECDHE-RSA-AES256-SHA384:"
			     "ECDHE-RSA-AES128-SHA256";


static bool has_usage(X509 *cert, uint32_t usage)
{
	const uint32_t found = X509_get_extended_key_usage(cert);

	return found != UINT32_MAX && (found & usage);
}


/* Called for each certificate of the chain. A leaf without any extended
 * usage is fit for all by X.509, but not for Teams. */
static int verify_handler(int ok, X509_STORE_CTX *store)
{
	X509 *cert = X509_STORE_CTX_get_current_cert(store);

	if (!ok || X509_STORE_CTX_get_error_depth(store) > 0)
		return ok;

	if (!has_usage(cert, XKU_SSL_SERVER)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE);
		return 0;
	}

	return 1;
}


static int fill(SSL_CTX *ctx, const struct identity *id, char *why,
		size_t size)
{
	const char *bad = NULL;

	if (SSL_CTX_use_certificate_chain_file(ctx, id->certificate) != 1)
		bad = id->certificate;
	else if (SSL_CTX_use_PrivateKey_file(ctx, id->key,
					     SSL_FILETYPE_PEM) != 1)
		bad = id->key;
	else if (SSL_CTX_load_verify_locations(ctx, id->sbc_roots, NULL) != 1)
		bad = id->sbc_roots;

	if (bad) {
		const unsigned long code = ERR_get_error();

		snprintf(why, size, "%s: want PEM, got: %s", bad,
			 ERR_SYSTEM_ERROR(code)
				 ? strerror(ERR_GET_REASON(code))
				 : ERR_reason_error_string(code));
		ERR_clear_error();
		return EINVAL;
	}

	/* An SBC leaf must be fit for serverAuth, also where it acts as a
	 * client; clientAuth is not demanded. */
	SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(ctx, suites);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				      SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);

	return 0;
}


int pki_open(struct sim *sim, char *why, size_t size)
{
	struct identity *id = &sim->id;
	int err;

	id->server = SSL_CTX_new(TLS_server_method());
	id->client = SSL_CTX_new(TLS_client_method());
	if (!id->server || !id->client) {
		snprintf(why, size, "no memory for TLS");
		return EINVAL;
	}

	err = fill(id->server, id, why, size);
	if (!err)
		err = fill(id->client, id, why, size);
	if (err)
		return err;

	SSL_CTX_set_verify(id->server,
			   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   verify_handler);
	SSL_CTX_set_verify(id->client, SSL_VERIFY_PEER, verify_handler);

	return 0;
}


void pki_close(struct sim *sim)
{
	SSL_CTX_free(sim->id.server);
	SSL_CTX_free(sim->id.client);
	sim->id.server = sim->id.client = NULL;
}


bool pki_names(X509 *cert, const char *fqdn)
{
	return cert && X509_check_host(cert, fqdn, 0,
				       X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT |
				       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
				       NULL) == 1;
}


bool pki_has_client_auth(X509 *cert)
{
	return cert && has_usage(cert, XKU_SSL_CLIENT);
}


void pki_reason(const SSL *ssl, char *text, size_t size)
{
	const unsigned long code = ERR_peek_last_error();
	const long verify = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
	const char *reason = ERR_reason_error_string(code);

	if (verify != X509_V_OK)
		snprintf(text, size, "%s",
			 X509_verify_cert_error_string(verify));
	else
		snprintf(text, size, "%s",
			 reason ? reason : "connection closed");

	ERR_clear_error();
}
