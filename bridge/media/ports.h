/**
 * @file ports.h  UDP port pairs: an even one for RTP, the next for RTCP
 *
 * Pairs are taken at random (docs/security.md), and rest after use so that
 * the last call's packets do not reach the next. A pair is in use on all
 * local addresses at once.
 */
#ifndef MEDIA_PORTS_H
#define MEDIA_PORTS_H

#include "bridge/base/libre.h"

struct ports;                      /* a libre memory object */

/** @return 0, EINVAL no pair in the range, ENOMEM */
int ports_alloc(struct ports **portsp, uint16_t min, uint16_t max,
		uint32_t rest_ms);

/**
 * Bind a pair of sockets (non-blocking, close-on-exec)
 *
 * @param local  Address to bind; its port is set to the RTP port
 * @param fdv    RTP and RTCP, owned by the caller
 *
 * @return 0, EADDRINUSE when no pair is free, EMFILE and other errnos
 */
int ports_bind(struct ports *ports, struct sa *local, int fdv[2],
	       uint64_t now_ms);

/** A pair's sockets are closed: it rests. @param port  The RTP port */
void ports_rest(struct ports *ports, uint16_t port, uint64_t now_ms);

#endif
