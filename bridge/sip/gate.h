/**
 * @file gate.h  How much of this thread's time a source may have
 *
 * Handshakes of TLS cost a millisecond each. Networks that are known (by the
 * stack's source handler, or by a certificate that was good) have a budget
 * each; strangers have a small one each and one in all, so that whoever
 * begins thousands keeps neither the known ones out nor this thread busy.
 * A network is 24 bits of IPv4, 48 of IPv6.
 *
 * Requests of one address are bounded where the source handler says so. What
 * belongs to calls goes before the rest: a quarter of what may come at once
 * is kept for it.
 */
#ifndef SIP_GATE_H
#define SIP_GATE_H

#include "bridge/base/libre.h"

struct gate;                       /* a libre memory object                */
struct listener;
struct stack;
struct stack_conf;

int gate_alloc(struct gate **gatep, struct stack *stack,
	       const struct stack_conf *conf);

/** May a connection begin to shake hands? @param known  Takes whether its
    network is, also if it may not */
bool gate_handshake(struct gate *gate, const struct listener *lsnr,
		    const struct sa *peer, bool *known);

/** It has shaken hands. A stranger has shown a good certificate by that: its
    network is known for an hour */
void gate_proven(struct gate *gate, const struct listener *lsnr,
		 const struct sa *peer);

enum gate_verdict {
	GATE_PASS,
	GATE_TELL,                 /* one too many: 503                    */
	GATE_DROP,                 /* ... and that was said often enough   */
};

/** What becomes of a message, whose start line guard_start() has seen */
enum gate_verdict gate_message(struct gate *gate, const struct listener *lsnr,
			       const struct sa *peer, const uint8_t *buf,
			       size_t size);

/** A response that nobody waited for costs as much as a request */
void gate_stray(struct gate *gate, const struct listener *lsnr,
		const struct sa *peer);

#endif
