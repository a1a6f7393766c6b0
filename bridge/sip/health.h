/**
 * @file health.h  Which of a hop's addresses answer (RFC 3263 section 4.3)
 *
 * A name may have several addresses, in an order that DNS gives. One that is
 * silent or unreachable goes to the end of that order, so that not every
 * request finds it out anew. It comes back to its place after it has answered
 * several times in a row, more often the sooner it fell again: who fails back
 * and forth is not followed.
 */
#ifndef SIP_HEALTH_H
#define SIP_HEALTH_H

#include "bridge/base/libre.h"

struct wheel;
struct health;

/** Kept for so many addresses, the oldest are forgotten */
enum { HEALTH_MAX = 16 };

/** @param wheel  Borrowed; gives the time */
int health_alloc(struct health **hp, struct wheel *wheel);

/** No answer from there, or no way to it */
void health_failed(struct health *h, enum sip_transp tp,
		   const struct sa *addr);

/** An answer of any kind. @return true if it is back with this one */
bool health_answered(struct health *h, enum sip_transp tp,
		     const struct sa *addr);

/** NULL is well, and so is what is not known */
bool health_is_down(const struct health *h, enum sip_transp tp,
		    const struct sa *addr);

/** The next address that is down, to be asked how it is
    @param at  Where to look from; 0 to begin. @return false: no more */
bool health_next_down(const struct health *h, size_t *at,
		      enum sip_transp *tp, struct sa *addr);

#endif
