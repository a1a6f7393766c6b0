/**
 * @file assertion.h  A signed word instead of a client secret (RFC 7523)
 *
 * A JWT (RFC 7519) signed by the key whose certificate the app registration
 * has, good for ten minutes and for one sign-in service.
 */
#ifndef SYNC_ASSERTION_H
#define SYNC_ASSERTION_H

#include <stdint.h>

/** What every assertion is sent with */
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/**
 * Make one
 *
 * @param jwtp      Takes libre memory
 * @param pem       Certificate and its RSA key, without a password
 * @param audience  URL of the token request
 * @param now_s     Seconds since 1970
 *
 * @return 0, ENOMEM, EBADMSG: no certificate and RSA key that belong together
 */
int assertion_make(char **jwtp, const char *pem, const char *audience,
		   const char *client_id, int64_t now_s);

#endif
