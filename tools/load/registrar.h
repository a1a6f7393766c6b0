/**
 * @file registrar.h  The PBX's registrar (RFC 3261 section 10)
 *
 * Users are numbered: user i has the name first + i and the password
 * "secret-" and that name. Each request without good credentials is
 * challenged (digest, MD5, qop=auth); the credentials are worked out and
 * compared, not taken on trust.
 */
#ifndef LOAD_REGISTRAR_H
#define LOAD_REGISTRAR_H

#include <stdbool.h>
#include <stdint.h>
#include "wire.h"

struct registrar;

struct registrar_conf {
	unsigned first;            /* name of the first user             */
	unsigned users;
	bool reuse_nonce;          /* a nonce is good for more than one  */
	unsigned expires_s;        /* granted                            */
};

struct registrar_stats {
	unsigned bound;            /* users that have a contact          */
	unsigned requests;
	unsigned granted;          /* requests that were answered 200    */
	unsigned refused;          /* wrong credentials                  */
	unsigned repeated;         /* the same request once more         */
	unsigned lapsed;           /* bindings that ended before they were
				      renewed                            */
};

/** @return 0, ENOMEM */
int registrar_alloc(struct registrar **rp, const struct registrar_conf *conf);
void registrar_free(struct registrar *r);

/** Answer a REGISTER. @param t  Takes the answer */
void registrar_request(struct registrar *r, const struct wire *req,
		       struct text *t);

/** Look for bindings that have ended; they are counted once each */
void registrar_lapse(struct registrar *r);

/** Start the counters anew; what is bound stays */
void registrar_count_anew(struct registrar *r);
const struct registrar_stats *registrar_stats(const struct registrar *r);

/** The contact of user i, NULL if it has none */
const char *registrar_contact(const struct registrar *r, unsigned i);

#endif
