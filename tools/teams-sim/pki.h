/**
 * @file pki.h  Certificates, as strict as Teams
 */
#ifndef TEAMS_SIM_PKI_H
#define TEAMS_SIM_PKI_H

#include <openssl/ssl.h>
#include "lib.h"

struct sim;

/**
 * Build both TLS contexts from sim->id
 *
 * The server context has the four documented suites, TLS 1.2 (1.3 by
 * setting), and demands a client certificate whose complete chain ends in
 * a trusted SBC root, with the serverAuth usage.
 *
 * @param why  On error: what could not be read
 *
 * @return 0, EINVAL
 */
int pki_open(struct sim *sim, char *why, size_t size);

void pki_close(struct sim *sim);

/**
 * Does the certificate carry this name? CN or SAN; a wildcard stands for
 * one label (RFC 2818).
 */
bool pki_names(X509 *cert, const char *fqdn);

/** @return whether the leaf has the clientAuth extended key usage */
bool pki_has_client_auth(X509 *cert);

/**
 * Why a handshake failed, in words
 *
 * @param ssl   Connection, NULL allowed
 * @param text  Where to write
 */
void pki_reason(const SSL *ssl, char *text, size_t size);

#endif
