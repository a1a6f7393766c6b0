/**
 * @file strans.h  Server transactions (RFC 3261 section 17.2, RFC 6026)
 */
#ifndef SIP_STRANS_H
#define SIP_STRANS_H

#include "bridge/base/libre.h"

struct stack;
struct strans;

/** CANCEL came (already answered 200). `msg` is the CANCEL, for its Reason.
    The owner answers the INVITE with 487 */
typedef void (strans_cancel_h)(struct strans *st, const struct sip_msg *msg,
			       void *arg);

/**
 * An INVITE transaction's answer was (err 0) acknowledged, or was not (err
 * ETIMEDOUT after 64*T1, or a transport error). For a 2xx, `ack` is the ACK
 * (with its body); for others it is NULL.
 */
typedef void (strans_ack_h)(int err, const struct sip_msg *ack, void *arg);

/** Take over: set handlers. 100 Trying is sent by itself after 200 ms
    without an answer to an INVITE */
void strans_handlers_set(struct strans *st, strans_cancel_h *cancelh,
			 strans_ack_h *ackh, void *arg);

/** The request; lives with the transaction */
const struct sip_msg *strans_request(const struct strans *st);

/** True once a final answer went out */
bool strans_is_answered(const struct strans *st);

/**
 * Answer
 *
 * Via, From, To, Call-ID, CSeq are copied from the request (To-tag added
 * unless scode is 100), Record-Route too for 101..299; Server is added. A 2xx
 * to INVITE is repeated here until ACK comes (T1 doubling to T2, RFC 3261
 * 13.3.1.4).
 *
 * @param tag     To-tag, 16 hex digits or so; NULL: one of the transaction's
 * @param hdrs    Further headers, each with CRLF; NULL: none
 * @param ctype   Content type of body, NULL: no body
 * @param body    Body text, may hold no body with ctype NULL
 *
 * @return 0, EALREADY a final went out before, ENOMEM, errno of sending
 */
int strans_reply(struct strans *st, uint16_t scode, const char *reason,
		 const char *tag, const char *hdrs, const char *ctype,
		 const struct mbuf *body);

/** strans_reply() without headers and body, then give the transaction up */
void strans_reject(struct strans *st, uint16_t scode, const char *reason);

/** The same with headers, printed by fmt (each with CRLF) */
void strans_rejectf(struct strans *st, uint16_t scode, const char *reason,
		    const char *fmt, ...);

/** Owner's reference; dropping it leaves the transaction to end by itself.
    One that was never answered is answered 500 */
/* mem_deref(st) */

#endif
