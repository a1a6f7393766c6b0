/**
 * @file tlsctx.c  TLS trust domains
 *
 * Sessions are never resumed: each connection shows its certificates anew,
 * so that a reload, an end date or a removed CA counts from the next one on.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "bridge/base/libre.h"
#include "bridge/base/errors.h"
#include "tlscore.h"
#include "tlsctx.h"


/** What is wrong, and where the setting was written */
struct report {
	struct errors *errs;       /* borrowed, may be NULL */
	const struct place *place; /* borrowed, may be NULL */
};


static void destructor(void *data)
{
	struct tlsctx *ctx = data;

	SSL_CTX_free(ctx->ssl);
	for (size_t i = 0; ctx->peer_namev && i < ctx->peer_namec; i++)
		mem_deref(ctx->peer_namev[i]);
	mem_deref(ctx->peer_namev);
	mem_deref(ctx->certificate);
	mem_deref(ctx->key);
	mem_deref(ctx->ca_file);
}


static int wrong(const struct report *report, const char *field,
		 const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (report->errs)
		errors_add(report->errs, report->place, field, "%s", text);
	ERR_clear_error();

	return EBADMSG;
}


/** OpenSSL's own words about its last error */
static const char *library_words(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_last_error());

	return words ? words : "not understood";
}


static int check_readable(const struct report *report, const char *field,
			  const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		return wrong(report, field, "cannot read %s: %m", path,
			     errno);

	(void)fclose(f);

	return 0;
}


static int check_private(const struct report *report, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return wrong(report, "key", "cannot read %s: %m", path,
			     errno);

	if (st.st_mode & S_IRWXO)
		return wrong(report, "key",
			     "%s can be used by everybody: want mode 0600 "
			     "or 0640", path);

	return 0;
}


static int check_time(const struct report *report, const char *path,
		      X509 *cert)
{
	char date[32];

	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
		tlsname_date(X509_get0_notAfter(cert), date, sizeof(date));
		return wrong(report, "certificate",
			     "the certificate in %s ended %s", path, date);
	}

	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
		tlsname_date(X509_get0_notBefore(cert), date, sizeof(date));
		return wrong(report, "certificate",
			     "the certificate in %s begins %s", path, date);
	}

	return 0;
}


/** A key with a passphrase must not stop us to ask at the terminal */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;

	return 0;
}


static int load_certificate(SSL_CTX *ssl, const struct tlsctx *ctx,
			    const struct report *report)
{
	const char *path = ctx->certificate;
	const char *key = ctx->key ? ctx->key : path;
	int err;

	if (!path)
		return 0;

	err = check_readable(report, "certificate", path);
	if (err)
		return err;

	if (1 != SSL_CTX_use_certificate_chain_file(ssl, path))
		return wrong(report, "certificate",
			     "%s holds no usable certificate in PEM form: %s",
			     path, library_words());

	err = check_time(report, path, SSL_CTX_get0_certificate(ssl));
	if (err)
		return err;

	err = check_readable(report, "key", key);
	if (!err)
		err = check_private(report, key);
	if (err)
		return err;

	if (1 != SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM)) {

		if (ERR_GET_REASON(ERR_peek_last_error()) ==
		    X509_R_KEY_VALUES_MISMATCH)
			return wrong(report, "key", "the key in %s does not "
				     "belong to the certificate in %s", key,
				     path);

		return wrong(report, "key", "%s holds no usable private key "
			     "in PEM form (without passphrase): %s", key,
			     library_words());
	}

	if (1 != SSL_CTX_check_private_key(ssl))
		return wrong(report, "key", "the key in %s does not belong "
			     "to the certificate in %s", key, path);

	return 0;
}


static int load_trust(SSL_CTX *ssl, const struct tlsctx *ctx,
		      const struct report *report)
{
	int err;

	if (!ctx->ca_file) {
		(void)SSL_CTX_set_default_verify_paths(ssl);
		ERR_clear_error();
		return 0;
	}

	err = check_readable(report, "ca_file", ctx->ca_file);
	if (err)
		return err;

	if (1 != SSL_CTX_load_verify_file(ssl, ctx->ca_file))
		return wrong(report, "ca_file",
			     "%s holds no certificates in PEM form: %s",
			     ctx->ca_file, library_words());

	return 0;
}


/** What was read; a libre memory object */
struct tlsctx_files {
	SSL_CTX *ssl;              /* owned, NULL: taken    */
	char chain[sizeof(((struct tlsctx *)NULL)->chain)];
};


static void files_destructor(void *data)
{
	struct tlsctx_files *files = data;

	SSL_CTX_free(files->ssl);
}


static int load(struct tlsctx_files *files, const struct tlsctx *ctx,
		const struct report *report)
{
	SSL_CTX *ssl;
	int err;

	ERR_clear_error();

	ssl = SSL_CTX_new(TLS_method());
	if (!ssl)
		return ENOMEM;

	(void)SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	(void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION |
				  SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
				  SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ssl, 0);
	(void)SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
			       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
			       SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);

	err = load_certificate(ssl, ctx, report);
	if (!err)
		err = load_trust(ssl, ctx, report);

	if (err) {
		SSL_CTX_free(ssl);
		return err;
	}

	if (ctx->certificate)
		tlsabout_chain(ssl, ctx->ca_file, files->chain,
			       sizeof(files->chain));
	files->ssl = ssl;

	return 0;
}


static int files_read(struct tlsctx_files **filesp, const struct tlsctx *ctx,
		      const struct report *report)
{
	struct tlsctx_files *files = mem_zalloc(sizeof(*files),
						files_destructor);
	int err;

	if (!files)
		return ENOMEM;

	err = load(files, ctx, report);
	if (err)
		mem_deref(files);
	else
		*filesp = files;

	return err;
}


static int dup_optional(char **dst, const char *src)
{
	return src ? str_dup(dst, src) : 0;
}


static int copy_conf(struct tlsctx *ctx, const struct tlsctx_conf *conf)
{
	int err;

	ctx->verify               = conf->verify;
	ctx->ask_client           = conf->ask_client;
	ctx->allow_no_client_cert = conf->allow_no_client_cert;

	err  = dup_optional(&ctx->certificate, conf->certificate);
	err |= dup_optional(&ctx->key, conf->key);
	err |= dup_optional(&ctx->ca_file, conf->ca_file);
	if (err || !conf->peer_namec)
		return err;

	ctx->peer_namev = mem_zalloc(conf->peer_namec *
				     sizeof(*ctx->peer_namev), NULL);
	if (!ctx->peer_namev)
		return ENOMEM;

	for (size_t i = 0; !err && i < conf->peer_namec; i++) {
		err = str_dup(&ctx->peer_namev[i], conf->peer_namev[i]);
		++ctx->peer_namec;
	}

	return err;
}


int tlsctx_alloc(struct tlsctx **ctxp, const struct tlsctx_conf *conf,
		 struct errors *errs, const struct place *place)
{
	const struct report report = {errs, place};
	struct tlsctx_files *files;
	struct tlsctx *ctx;
	int err;

	if (!ctxp || !conf)
		return EINVAL;

	ctx = mem_zalloc(sizeof(*ctx), destructor);
	if (!ctx)
		return ENOMEM;

	err = copy_conf(ctx, conf);
	if (!err)
		err = files_read(&files, ctx, &report);
	if (!err)
		tlsctx_take(ctx, files);

	if (err)
		mem_deref(ctx);
	else
		*ctxp = ctx;

	return err;
}


int tlsctx_read(struct tlsctx_files **filesp, const struct tlsctx *ctx,
		struct errors *errs)
{
	const struct report report = {errs, NULL};

	return filesp && ctx ? files_read(filesp, ctx, &report) : EINVAL;
}


void tlsctx_take(struct tlsctx *ctx, struct tlsctx_files *files)
{
	SSL_CTX_free(ctx->ssl);
	ctx->ssl = files->ssl;
	files->ssl = NULL;
	str_ncpy(ctx->chain, files->chain, sizeof(ctx->chain));
	mem_deref(files);
}


int tlsctx_reload(struct tlsctx *ctx, struct errors *errs)
{
	struct tlsctx_files *files;
	int err;

	err = tlsctx_read(&files, ctx, errs);
	if (!err)
		tlsctx_take(ctx, files);

	return err;
}


struct ssl_ctx_st *tlsctx_ssl(const struct tlsctx *ctx)
{
	return ctx ? ctx->ssl : NULL;
}


int64_t tlsctx_expires_s(const struct tlsctx *ctx)
{
	X509 *cert = ctx ? SSL_CTX_get0_certificate(ctx->ssl) : NULL;
	int days, seconds;

	if (!cert || 1 != ASN1_TIME_diff(&days, &seconds, NULL,
					 X509_get0_notAfter(cert)))
		return INT64_MAX;

	return (int64_t)days * 86400 + seconds;
}


bool tlsctx_has_name(const struct tlsctx *ctx, const char *name)
{
	return ctx && tlsname_is_of(SSL_CTX_get0_certificate(ctx->ssl), name,
				    false);
}


bool tlsctx_names_peers(const struct tlsctx *ctx)
{
	return ctx && ctx->peer_namec > 0;
}
