/**
 * @file stun.h  STUN on the SIP socket (RFC 5389, RFC 5626 section 4.4.2)
 *
 * A Binding request over a UDP flow, and the address at which the peer saw
 * it. Not repeated by itself: who keeps alive asks again anyway.
 */
#ifndef SIP_STUN_H
#define SIP_STUN_H

#include "bridge/base/libre.h"

struct flow;

/** Where the peer sees us. Called once a request at most */
typedef void (stun_mapped_h)(const struct sa *mapped, void *arg);

/** Who asks. Embedded in its owner; zero before use */
struct stun_ask {
	struct le le;
	struct flow *flow;         /* borrowed: of the owner               */
	stun_mapped_h *h;
	void *arg;
	uint8_t tid[12];
	bool pending;
};

/**
 * Ask; an answer that is still awaited is awaited no more
 *
 * @param flow  UDP; the owner holds it until stun_forget()
 *
 * @return 0, EINVAL no UDP, ENOMEM, errno of sending
 */
int stun_send_request(struct stun_ask *ask, struct flow *flow,
		      stun_mapped_h *h, void *arg);

bool stun_is_pending(const struct stun_ask *ask);

void stun_forget(struct stun_ask *ask);

/** A datagram. @return true if it is STUN, and was looked at */
bool stun_receive(const struct sa *peer, const uint8_t *buf, size_t size);

#endif
