/**
 * @file twins.h  Users of one tenant that share what each has for itself
 *
 * By tables, for a customer may have 20,000 users. Private to this room.
 */
#ifndef MODEL_TWINS_H
#define MODEL_TWINS_H

#include "tenant.h"

struct twins;                      /* a libre memory object */

/** Earlier users with the same; NULL: none. Borrowed */
struct twin {
	const struct user *upn;    /* without case                 */
	const struct user *number;
	const struct user *sip_username;   /* on the same PBX      */
};

/** @param userc  How many will be added. @return 0, ENOMEM */
int twins_alloc(struct twins **tp, size_t userc);

/** Who came before and has the same; the first of them. The user is borrowed,
    and is one of those that came before from now on */
void twins_add(struct twins *t, const struct user *user, struct twin *twin);

#endif
