/**
 * @file lender.h  A value of the SIP thread's, for one that may wait for it
 *
 * Customers belong to the SIP thread. A worker of the portal's that wants the
 * password of a user of a customer file sends a wish and waits a moment for
 * the copy.
 */
#ifndef BRIDGE_LENDER_H
#define BRIDGE_LENDER_H

struct inbox;
struct list;
struct wish;

/**
 * The password of a user. In any thread but the SIP thread
 *
 * @param passwordp  Takes it, libre memory: seal_wipe()
 * @param inbox      Of the SIP thread, which calls wish_grant()
 * @param id         Of the message
 *
 * @return 0, ENOENT no such user here, or without a password, ETIMEDOUT,
 *         ENOMEM, EAGAIN
 */
int wish_password(char **passwordp, struct inbox *inbox, int id,
		  const char *tenant, const char *upn);

/** Grant it. In the SIP thread. @param tenantl  Of struct tenant, NULL: there
    are none any more */
void wish_grant(struct wish *wish, const struct list *tenantl);

#endif
