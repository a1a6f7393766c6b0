/**
 * @file ctrans.h  Client transactions (RFC 3261 section 17.1, RFC 6026)
 */
#ifndef SIP_CTRANS_H
#define SIP_CTRANS_H

#include "bridge/base/libre.h"

struct stack;
struct flow;
struct ctrans;

/**
 * A response, or the end
 *
 * Called for each provisional; for the final; for an INVITE, for each
 * further 2xx until Timer M. An error ends the transaction: ETIMEDOUT (Timer
 * B or F), ECONNREFUSED and others (transport). Called last: it may deref
 * the transaction.
 */
typedef void (ctrans_h)(int err, const struct sip_msg *msg, void *arg);

/**
 * Send a request and see it through
 *
 * ACK to a final response of 300..699 is made and sent here. Dereferencing
 * ends the interest: the transaction lives on by itself until its final
 * response, and for INVITE longer, to ACK what still comes.
 *
 * @param mb      Whole message from position to end; its top Via bears
 *                `branch`; kept for retransmission
 * @param branch  Copied
 * @param method  Copied
 *
 * @return 0, EMSGSIZE (UDP and more than 1,300 octets and `limit`), ENOMEM,
 *         errno of sending
 */
int ctrans_start(struct ctrans **ctp, struct stack *stack, struct flow *flow,
		 const char *method, const char *branch, struct mbuf *mb,
		 bool limit, ctrans_h *h, void *arg);

/**
 * Send CANCEL for an INVITE (RFC 3261 section 9.1): now if a provisional
 * came, else as soon as one comes. The INVITE's final still comes.
 *
 * @param hdrs  Further headers, each with CRLF ("Reason: ...\r\n"), or NULL
 */
int ctrans_cancel(struct ctrans *ct, const char *hdrs);

#endif
