/**
 * @file lender.h  A value of the SIP thread's, for one that may wait for it
 *
 * Customers belong to the SIP thread. A worker of the portal's that wants the
 * password of a user of a customer file sends a wish and waits a moment for
 * the copy.
 */
#ifndef BRIDGE_LENDER_H
#define BRIDGE_LENDER_H

struct list;
struct mqueue;
struct wish;

/**
 * The password of a user. In any thread but the one of the queue
 *
 * @param passwordp  Takes it, libre memory: seal_wipe()
 * @param queue      Of the SIP thread, which calls wish_grant()
 * @param id         Of the message
 *
 * @return 0, ENOENT no such user here, or without a password, ETIMEDOUT,
 *         ENOMEM, EAGAIN the queue is full
 */
int wish_password(char **passwordp, struct mqueue *queue, int id,
		  const char *tenant, const char *upn);

/** Grant it. In the SIP thread. @param tenantl  Of struct tenant */
void wish_grant(struct wish *wish, const struct list *tenantl);

#endif
