/**
 * @file trunk.h  The Direct Routing side: one trunk a tenant FQDN
 *
 * With a carrier's name configured, trunks one label below it are derived:
 * they send no OPTIONS, and their health is the carrier's.
 *
 * A trunk keeps itself known to Microsoft by OPTIONS to each proxy name
 * every minute (Microsoft: Direct Routing, SIP protocol), knows which of them
 * answer, and gives the hops for a call in the order to try.
 */
#ifndef TEAMS_TRUNK_H
#define TEAMS_TRUNK_H

#include "bridge/base/libre.h"
#include "bridge/model/nodeconf.h"
#include "bridge/model/status.h"
#include "bridge/sip/request.h"

struct stack;
struct strans;
struct resolver;
struct listener;
struct trunks;
struct trunk;

enum { TRUNK_PROXIES = 8 };

/** Methods we take outside of a call from Teams. UPDATE, PRACK and INFO are
    left out: Teams sends none and takes none */
#define TRUNK_ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY"

struct trunks_conf {
	struct stack *stack;       /* borrowed                              */
	struct resolver *resolver; /* borrowed                              */
	struct listener *lsnr;     /* borrowed: TLS, where Teams connects   */
	const struct nodeconf *node;   /* borrowed                          */
};

/** A proxy of a trunk came, went, or pinged us for the first time */
typedef void (trunk_status_h)(const struct trunk_status *st, void *arg);

int trunks_alloc(struct trunks **tp, const struct trunks_conf *conf,
		 trunk_status_h *statush, void *arg);

/** Make the trunks be those of these tenants' FQDNs, or of this node's own
    names in their place; others end.
    @return 0, ENOMEM (nothing changed) */
int trunks_apply(struct trunks *ts, const struct list *tenantl);

/** The trunk of an FQDN (without case), NULL. Borrowed */
struct trunk *trunks_find(const struct trunks *ts, const struct pl *fqdn);

/** A tenant's trunk at this node, NULL. Borrowed */
struct trunk *trunks_of(const struct trunks *ts, const char *tenant);

/** Is the request from Teams: over our Teams listener, or over a connection
    that we opened to a proxy */
bool trunks_is_from(const struct trunks *ts, const struct sip_msg *msg);

/** May this source speak to the Teams listener (address ranges)? */
bool trunks_admit(const struct trunks *ts, const struct sa *peer);

/** Is it known by its address, rather than let in because all are? */
bool trunks_is_known(const struct trunks *ts, const struct sa *peer);

/**
 * Answer what Teams asks outside of calls: OPTIONS (200 with Contact and
 * Allow), methods that it must not send (405).
 *
 * @return true if it took the transaction
 */
bool trunks_request(struct trunks *ts, struct strans *st,
		    const struct sip_msg *msg);

const char *trunk_fqdn(const struct trunk *trunk);
const char *trunk_tenant(const struct trunk *trunk);

/** host[:port] of our own for Contact and From: FQDN and Teams' port */
uint16_t trunk_port(const struct trunk *trunk);

/**
 * Hops for a new call in the order to try: healthy proxies first, each in
 * the configured order; never none.
 *
 * @param hopv  Takes up to TRUNK_PROXIES; strings live with the trunks
 *
 * @return number of hops
 */
size_t trunk_hops(const struct trunk *trunk, struct hop *hopv);

/** Answers to a call upon which the next hop is tried. @return how many */
size_t trunk_failover(const struct trunk *trunk, uint16_t *codev, size_t max);

/** A call saw that a proxy cannot be reached: heed it at once */
void trunk_hop_failed(struct trunk *trunk, const char *host,
		      const char *why);

/** A proxy asked to be left alone for so many seconds (Retry-After, RFC 3261
    section 20.33; at most an hour): calls go to the others first */
void trunk_hop_hold(struct trunk *trunk, const char *host, uint32_t s);

#endif
