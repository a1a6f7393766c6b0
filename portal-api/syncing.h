/**
 * @file syncing.h  Microsoft 365 of each customer, asked when it is time
 *
 * Lives on the portal's loop: Graph is asked by curl's multi interface, what
 * is for the store is done by the desk's workers, so nothing here waits. Of
 * several nodes one runs a customer's sync (bridge/store/store_sync.h).
 */
#ifndef PORTAL_SYNCING_H
#define PORTAL_SYNCING_H

struct event_base;
struct portal;
struct syncing;                    /* syncing_alloc/syncing_free */

/** @return 0, ENOMEM */
int syncing_alloc(struct syncing **sp, struct portal *portal,
		  struct event_base *base);

/** Somebody has wished for a run. NULL is fine */
void syncing_look(struct syncing *s);

/** End all runs: before the desk closes. NULL is fine */
void syncing_close(struct syncing *s);

/** After the desk was closed and its tasks were done. NULL is fine */
void syncing_free(struct syncing *s);

#endif
