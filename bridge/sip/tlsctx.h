/**
 * @file tlsctx.h  TLS trust domains, straight on OpenSSL
 *
 * One context a trust domain: Teams, and one for each PBX that has its own
 * CA. It serves both as client and as server. TLS 1.2 and 1.3 only.
 */
#ifndef SIP_TLSCTX_H
#define SIP_TLSCTX_H

#include "bridge/base/libre.h"

struct errors;
struct place;
struct tlsctx;

enum tls_verify {
	TLS_VERIFY_FULL,           /* chain and name                      */
	TLS_VERIFY_CHAIN,          /* chain only                          */
	TLS_VERIFY_NONE,           /* nothing (a PBX with a self-signed
				      certificate, by the customer's word) */
};

struct tlsctx_conf {
	const char *certificate;   /* PEM, leaf first then intermediates;
				      NULL: we have none              */
	const char *key;           /* PEM; NULL: in the certificate file  */
	const char *ca_file;       /* PEM bundle; NULL: the system's trust */
	enum tls_verify verify;    /* of servers we connect to            */
	bool ask_client;           /* as server: demand and verify a client
				      certificate (mutual TLS)        */
	const char *const *peer_namev; size_t peer_namec;
				   /* as server: names one of which a client
				      certificate must bear, e.g.
				      "*.pstnhub.microsoft.com"; 0: any */
	bool allow_no_client_cert; /* as server: a client without one may in */
};

/**
 * Read certificate, key and trust; check that key and certificate belong
 * together, that it is in time, and that the key is not readable by others.
 *
 * @param errs   Takes what is wrong, in plain words
 * @param place  Where the settings were written, for errs; may be NULL
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int tlsctx_alloc(struct tlsctx **ctxp, const struct tlsctx_conf *conf,
		 struct errors *errs, const struct place *place);

/** Read the files again; what is wrong leaves the old in place.
    @return 0, EBADMSG */
int tlsctx_reload(struct tlsctx *ctx, struct errors *errs);

/** The same in two steps, for whoever must not wait for a disk: read the
    files, from any thread, into a libre memory object ...
    @return as tlsctx_reload() */
struct tlsctx_files;
int tlsctx_read(struct tlsctx_files **filesp, const struct tlsctx *ctx,
		struct errors *errs);
/** ... and go by them from now on; they change owner */
void tlsctx_take(struct tlsctx *ctx, struct tlsctx_files *files);

/** OpenSSL's context as it is now, borrowed: for a server that is not SIP's */
struct ssl_ctx_st;
struct ssl_ctx_st *tlsctx_ssl(const struct tlsctx *ctx);

/** Seconds until our own certificate ends (wall clock), INT64_MAX: none */
int64_t tlsctx_expires_s(const struct tlsctx *ctx);

/** Our own certificate, for people; plain values */
struct tlsctx_about {
	char subject[128];         /* common name, or first DNS name       */
	char issuer[128];          /* common name of who signed it         */
	char names[2048];          /* DNS names, a space between them, as
				      far as they fit                      */
	int64_t begins_s, ends_s;  /* seconds since 1970, wall clock       */
	bool client;               /* may be shown to servers, too (RFC 5280
				      section 4.2.1.12)                    */
	char chain[128];           /* why it does not lead to an authority
				      that this machine or this context
				      trusts, "": it does                  */
};

/** @return 0, ENOENT we have none */
int tlsctx_about(const struct tlsctx *ctx, struct tlsctx_about *about);

/** True if our own certificate bears that DNS name (RFC 2818, one-label
    wildcard) */
bool tlsctx_has_name(const struct tlsctx *ctx, const char *name);

/** Are connections to us admitted by the name in the peer's certificate? */
bool tlsctx_names_peers(const struct tlsctx *ctx);

#endif
