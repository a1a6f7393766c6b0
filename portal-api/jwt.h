/**
 * @file jwt.h  A signed token, opened: RFC 7515, 7518, 7519
 *
 * Compact serialization alone, signed with RS256, PS256 or ES256 by a key of
 * a set that the caller trusts (RFC 7517). What the token itself says of
 * keys (jku, jwk, x5c, x5u) is not looked at; "none" and the algorithms of
 * shared secrets are refused whatever the keys are.
 */
#ifndef PORTAL_JWT_H
#define PORTAL_JWT_H

#include <jansson.h>

/** Longer tokens are refused unread */
enum { JWT_MAX = 16 * 1024 };

/**
 * Check the signature of a token
 *
 * @param claimsp  Its claims, an object; whether they hold is for the caller
 *                 to look at
 * @param token    As it came
 * @param keys     JWK set: {"keys": [...]}
 *
 * @return 0; EBADMSG it is no signed token; EPROTO an algorithm or extension
 *         that is not taken; ENOKEY it names a key that is not in the set, or
 *         the set has not exactly one that fits; EACCES the signature is
 *         wrong; ENOMEM, EIO
 */
int jwt_open(json_t **claimsp, const char *token, const json_t *keys);

#endif
