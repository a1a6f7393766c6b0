/**
 * @file ear.h  A socket that speaks a tone and listens for another (G.711)
 */
#ifndef READINESS_EAR_H
#define READINESS_EAR_H

#include "bridge/base/libre.h"

struct ear;

/** What was heard */
struct heard {
	unsigned packets, lost;
	struct sa from;            /* source of the last packet             */
	bool symmetric;            /* it came from where ours went          */
	bool tone;                 /* the tone that was listened for        */
	unsigned payload;          /* largest packet [octets of UDP]        */
};

/**
 * @param laddr  Address to bind; its port is not looked at
 * @param hz     What to speak, and
 * @param other  what to listen for [Hz]
 *
 * @return 0, ENOMEM, errno of bind(2)
 */
int ear_alloc(struct ear **earp, const struct sa *laddr, unsigned hz,
	      unsigned other);

const struct sa *ear_laddr(const struct ear *ear);

/** Where to send, and how: payload type 0 (PCMU) or 8 (PCMA) */
void ear_peer_set(struct ear *ear, const struct sa *peer, uint8_t pt);

/** Let them talk for a while, 20 ms packets each. Any may be NULL */
void ears_talk(struct ear *a, struct ear *b, unsigned ms);

void ear_heard(const struct ear *ear, struct heard *heard);

#endif
