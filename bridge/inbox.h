/**
 * @file inbox.h  What other threads ask of the SIP thread, in order
 *
 * libre's mqueue rings the bell; what is asked for is kept here, so that
 * nothing that still waits is lost when the node ends.
 */
#ifndef BRIDGE_INBOX_H
#define BRIDGE_INBOX_H

struct inbox;                      /* a libre memory object */

typedef void (inbox_h)(int id, void *data, void *arg);

/**
 * In the thread that will run libre's loop
 *
 * @param h      Takes each, in that loop
 * @param droph  Takes each that waits when the inbox is freed
 *
 * @return 0, ENOMEM, errno of pipe(2)
 */
int inbox_alloc(struct inbox **ibp, inbox_h *h, inbox_h *droph, void *arg);

/** In any thread. @return 0: `data` has a new owner; ENOMEM, EAGAIN */
int inbox_push(struct inbox *ib, int id, void *data);

#endif
