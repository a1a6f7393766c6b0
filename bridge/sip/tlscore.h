/**
 * @file tlscore.h  Inside of a trust domain
 *
 * Private to tlsctx.c, tlsconn.c, tlsname.c and tlsabout.c.
 */
#ifndef SIP_TLSCORE_H
#define SIP_TLSCORE_H

#include <openssl/ssl.h>

#include "tlsctx.h"

struct tlsctx {
	SSL_CTX *ssl;              /* owned; each connection keeps the one it
				      began with                          */
	char *certificate;         /* owned; NULL: none                   */
	char *key;                 /* owned; NULL: in the certificate     */
	char *ca_file;             /* owned; NULL: the system's           */
	char **peer_namev;         /* owned, and each of them             */
	size_t peer_namec;
	enum tls_verify verify;
	bool ask_client;
	bool allow_no_client_cert;
	char chain[128];           /* of our certificate: why it is not
				      trusted, "": it is                  */
};

/**
 * True if a certificate bears a name: a DNS name of its subjectAltName, or
 * the common name if there is none (RFC 6125 section 6.4); an address as an
 * address of its subjectAltName. "*" stands for one whole first label.
 *
 * @param pattern  `name` itself may begin with "*."
 */
bool tlsname_is_of(X509 *cert, const char *name, bool pattern);

/** Called with each name; true ends the walk */
typedef bool (tlsname_h)(const char *name, void *arg);

/** Each DNS name of a certificate, or its common name if there is none.
    @return true if the walk was ended */
bool tlsname_apply(X509 *cert, tlsname_h *h, void *arg);

/** The names of a certificate, the first three, with commas */
void tlsname_list(X509 *cert, char *buf, size_t size);

/** Would one who has this machine's trust, and this context's, trust our
    certificate? Reads files. @param why  "" if so */
void tlsabout_chain(SSL_CTX *ssl, const char *ca_file, char *why,
		    size_t size);

/** notAfter or notBefore as YYYY-MM-DD */
void tlsname_date(const ASN1_TIME *time, char *buf, size_t size);

#endif
