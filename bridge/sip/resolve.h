/**
 * @file resolve.h  From a host name to targets (RFC 3263)
 *
 * NAPTR is asked only when neither transport nor port is given, SRV only
 * when no port is given; then A and AAAA. Answers are cached by their TTL
 * (5 s to 15 min), negative ones 10 s, the last good one is kept and used
 * while DNS fails. A query that got no answer within 4 s has failed. Names
 * of the hosts table (node config) need no DNS.
 */
#ifndef SIP_RESOLVE_H
#define SIP_RESOLVE_H

#include "bridge/base/libre.h"

struct resolver;
struct resolve;
struct wheel;

/** Most targets that one name can give */
enum { RESOLVE_MAX = 16 };

struct resolved {
	enum sip_transp tp;
	struct sa addr;
	char host[256];            /* the name behind addr, for TLS: the name
				      that was asked for (RFC 5922)     */
};

/**
 * @param wheel    Borrowed
 * @param serverv  DNS servers; serverc 0: those of /etc/resolv.conf
 */
int resolver_alloc(struct resolver **resp, struct wheel *wheel,
		   const struct sa *serverv, size_t serverc);

/** Fixed address of a name, without DNS; port 0: any port asked for */
int resolver_host_add(struct resolver *res, const char *name,
		      const struct sa *addr);

/**
 * @param err   0, ENOENT (the name does not exist or has no address),
 *              ETIMEDOUT (no answer)
 * @param v     Targets in the order to try, RFC 2782 weights applied; dies
 *              when the handler returns
 */
typedef void (resolve_h)(int err, const struct resolved *v, size_t c,
			 void *arg);

/**
 * @param rp    Query, to be derefed if no longer wanted; the handler is
 *              called once from the loop, never from inside
 * @param host  Name or address, IPv6 with or without brackets
 * @param port  0: by SRV or the transport's default
 * @param tp    SIP_TRANSP_NONE: by NAPTR or SRV, else UDP
 *
 * @return 0, EINVAL, ENOMEM
 */
int resolve(struct resolve **rp, struct resolver *res, const char *host,
	    uint16_t port, enum sip_transp tp, resolve_h *h, void *arg);

#endif
