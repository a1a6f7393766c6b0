/**
 * @file lease.h  Which PBXs are this node's
 *
 * With PostgreSQL several nodes may share a store, and each PBX is served by
 * one of them. A thread says that this node is there and takes over what
 * nobody serves; whoever falls silent for STORE_LEASE_MS has lost its PBXs.
 * A node that cannot reach the store keeps what it has and takes nothing
 * new: if nobody reaches it, the phones go on as they are. With SQLite there
 * is one node, and a second one is refused.
 */
#ifndef BRIDGE_LEASE_H
#define BRIDGE_LEASE_H

#include "bridge/base/libre.h"

struct errors;
struct lease;                      /* lease_open/lease_close */

struct lease_conf {
	const char *url;           /* of the store; as all here, copied     */
	const char *node;          /* our name in it                        */
	const char *state_dir;
	const char *software;
};

/** Other PBXs than before are ours. Called in the thread */
typedef void (lease_ring_h)(void *arg);

/**
 * Find out what is ours, before anything registers
 *
 * @param tenantl  struct tenant: those of customer files are known here alone
 * @param errs     Says what is wrong
 *
 * @return 0; EBADMSG another node has our name, or the SQLite file; ENOMEM
 */
int lease_open(struct lease **leasep, const struct lease_conf *conf,
	       const struct list *tenantl, struct errors *errs);

/** Start the thread */
int lease_start(struct lease *lease, lease_ring_h *ringh, void *arg);

/** Mark in each PBX of these tenants whether it is away: another node's.
    From the SIP thread, before they are gone by */
void lease_mark(struct lease *lease, const struct list *tenantl);

/** What others are told of this node. From any thread
    @param about  JSON text, libre memory: taken, also if nobody is told */
void lease_about(struct lease *lease, char *about);

/** Are there others to be told? */
bool lease_is_shared(const struct lease *lease);

/** Hand over to others, if there are any: they take our PBXs when they are
    ready, which comes as a change. From any thread */
void lease_drain(struct lease *lease);

/** End the thread; what is ours is free at once. NULL is fine */
void lease_close(struct lease *lease);

#endif
