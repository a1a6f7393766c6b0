/**
 * @file ring.h  Values from one thread to another
 *
 * A bounded ring of equal-sized values with one producer and one consumer,
 * lock-free, and an eventfd as its bell. The producer never waits: a full
 * ring says EAGAIN. The bell rings only when the ring was empty before, so
 * that a busy consumer costs no system calls.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stddef.h>
#include <stdbool.h>

struct ring;                       /* a libre memory object */

/**
 * @param size   Octets of one value
 * @param count  Values it holds; rounded up to a power of two
 *
 * @return 0, ENOMEM, or errno of eventfd(2)
 */
int ring_alloc(struct ring **ringp, size_t size, size_t count);

/** Put a copy in. @return 0, EAGAIN if full */
int ring_push(struct ring *ring, const void *value);

/** Take one out. @return false if empty */
bool ring_pop(struct ring *ring, void *value);

/** Bell: readable when there may be something; for epoll or fd_listen() */
int ring_fd(const struct ring *ring);

/** Consumer: silence the bell, before the ring_pop() calls; then take values
    until ring_pop() says false, for a ring left filled does not ring again */
void ring_bell_clear(struct ring *ring);

#endif
