/**
 * @file digest.h  Digest authentication of a client (RFC 7616, 8760, 3261 22)
 *
 * SHA-512-256, SHA-256 and MD5, also -sess; qop=auth or none. Nonces are kept
 * and used again with a growing nc while the peer accepts that; a new nonce
 * comes by challenge (stale or not) or nextnonce. Rules of docs/security.md
 * section 1 hold: a realm learnt at the first success is the only one
 * answered; once a stronger algorithm was seen MD5 is refused; Basic never.
 */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

#include "bridge/base/libre.h"

struct digest;                     /* credentials and nonces of one account */

/**
 * @param username  Digest username, raw UTF-8
 * @param realm     The only realm to answer, NULL: learn it
 */
int digest_alloc(struct digest **dp, const char *username,
		 const char *password, const char *realm);

/**
 * Answer another realm too, in challenges to requests other than REGISTER:
 * some PBXs have one for calls
 *
 * @param realm  "*": any
 *
 * @return 0, EINVAL, ENOMEM
 */
int digest_realm_add(struct digest *d, const char *realm);

/** Learn the realm anew: a person says that it may be another one now */
void digest_realm_forget(struct digest *d);

/** Realm of the first challenge of a 401 or 407, "" if there is none */
void digest_realm_asked(char *realm, size_t size, const struct sip_msg *msg);

enum digest_verdict {
	DIGEST_RETRY,              /* credentials are ready: send again      */
	DIGEST_REJECTED,           /* a fresh nonce and still refused: the
				      credentials are wrong              */
	DIGEST_UNANSWERABLE,       /* no challenge we can or may answer      */
};

/** What one request attempt has been through; zero before the first send */
struct digest_attempt {
	unsigned challenges;       /* answered so far, at most 2 */
	bool sent;                 /* the last send bore credentials */
	bool reused;               /* ... made from a kept nonce */
	bool afresh;               /* digest_start_afresh() said yes */
	uint8_t bore, fresh;       /* digest.c's: bit 0 Authorization, bit 1
				      Proxy-: which it bore, and whose nonce
				      came in this attempt */
};

/**
 * Look at a 401 or 407
 *
 * @param why  Takes a static text when not DIGEST_RETRY
 */
enum digest_verdict digest_challenged(struct digest *d,
				      struct digest_attempt *at,
				      const struct sip_msg *msg,
				      const char **why);

/**
 * Refused by 403: some do so to the second use of a nonce, instead of a
 * challenge (seen from IMS cores). Forgets what is kept
 *
 * @return true to send once more, without credentials
 */
bool digest_start_afresh(struct digest *d, struct digest_attempt *at);

/** Such an attempt got through: this peer takes each nonce once */
void digest_once(struct digest *d);

/** A request that bore credentials was accepted: the realm is now known, the
    nonce may be used again (nextnonce of Authentication-Info is taken) */
void digest_accepted(struct digest *d, const struct sip_msg *msg);

/**
 * Write Authorization and/or Proxy-Authorization lines for all challenges
 * known, with CRLF; nothing when none is known
 *
 * @param reuse  May a kept nonce be used before any challenge (pre-emptive)
 */
int digest_write(struct mbuf *mb, struct digest *d, struct digest_attempt *at,
		 const char *method, const char *uri, bool reuse);

const char *digest_realm(const struct digest *d);

#endif
