/**
 * @file issuer.h  The issuer of OpenID Connect: what it says, and its keys
 *
 * Asked over TLS, with bounds on time, size and on how many ask at once: the
 * sign-ins of strangers are not to keep all workers waiting for it.
 */
#ifndef PORTAL_ISSUER_H
#define PORTAL_ISSUER_H

#include <jansson.h>

struct oidc_conf;

/**
 * What the issuer says of itself (OpenID Connect Discovery 1.0); kept for ten
 * minutes
 *
 * @param aboutp  A new reference
 *
 * @return 0, EAGAIN too many are asking, EPROTO no answer that can be used
 *         (logged), ENOMEM
 */
int issuer_about(json_t **aboutp, const struct oidc_conf *conf);

/** Post a form, to one of its endpoints. Returns as issuer_about() */
int issuer_post(json_t **answerp, const struct oidc_conf *conf,
		const char *url, const char *form);

/**
 * Open a token that the issuer has signed
 *
 * Its keys are kept for an hour. A token of another key, or of one that is
 * not there, has them fetched again, a few times a minute at most: issuers
 * change their keys.
 *
 * @param about    As issuer_about() gave it
 * @param claimsp  A new reference
 *
 * @return as jwt_open() and issuer_about()
 */
int issuer_open(json_t **claimsp, const struct oidc_conf *conf,
		const json_t *about, const char *token);

#endif
