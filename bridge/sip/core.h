/**
 * @file core.h  What the files of this room have among themselves
 *
 * Private to bridge/sip. The stack's tables and counters, the way of a
 * message from the transport through transactions and dialogs, and the few
 * helpers that more than one file needs.
 */
#ifndef SIP_CORE_H
#define SIP_CORE_H

#include "bridge/base/libre.h"

struct stack;
struct strans;
struct flow;
struct listener;

/*
 * Tables. They borrow: what is in them belongs to its owner or, when that has
 * gone, to itself (inner.h). Only their own files know the keys.
 */

/** Client transactions */
struct hash *ctrans_table(const struct stack *stack);

/** Server transactions */
struct hash *strans_table(const struct stack *stack);

/** Dialogs */
struct hash *dialog_table(const struct stack *stack);

/** One more (+1) or one fewer (-1) lives; for stack_transactions() and
    stack_dialogs() */
void stack_transactions_add(struct stack *stack, int n);
void stack_dialogs_add(struct stack *stack, int n);

/** The stack ends: empty the tables, in this order. Nothing more is sent;
    owners of client transactions and requests are told ESHUTDOWN */
void dialog_close(struct stack *stack);
void ctrans_close(struct stack *stack);
void strans_close(struct stack *stack);


/*
 * The way in, in this order
 */

/** A guarded message from the transport; msg->sock holds a reference of its
    flow, msg->tp, src and dst are set */
void stack_receive(struct stack *stack, struct sip_msg *msg);

/** A response. @return true if it matched a client transaction */
bool ctrans_receive(struct stack *stack, const struct sip_msg *msg);

/** A request that a server transaction takes: retransmission, CANCEL of an
    INVITE we have, ACK (to a 2xx too). @return true if taken */
bool strans_receive(struct stack *stack, const struct sip_msg *msg);

/**
 * Make the server transaction of a new request (never ACK or CANCEL)
 *
 * @return 0, EALREADY (a merged request, answered 482 here), ENOMEM
 */
int strans_accept(struct strans **stp, struct stack *stack,
		  const struct sip_msg *msg);

/** A request with a To tag. @return true if its dialog took `st` over */
bool dialog_receive(struct stack *stack, struct strans *st,
		    const struct sip_msg *msg);


/*
 * Answers without a transaction, and the way of answers
 */

/**
 * Answer a request once and forget: for what the guards refuse and for
 * CANCEL without a transaction. Never answers ACK or a response; over UDP
 * never sends more octets than came (docs/security.md).
 *
 * @return 0, EINVAL not to be answered, EMSGSIZE, ENOMEM, errno of sending
 */
int stack_reply_stateless(struct stack *stack, const struct sip_msg *msg,
			  uint16_t scode, const char *reason);

/**
 * The flow on which a request is answered (RFC 3261 section 18.2.2, RFC
 * 3581): the connection it came over; when that has closed, a new one to the
 * source address and the port of the Via; for UDP the source address, with
 * the port of the Via unless it asked for rport
 *
 * @return 0, and errno as flow_get()
 */
int flow_reply(struct flow **flowp, struct stack *stack,
	       const struct sip_msg *msg);

/**
 * The first Via as an answer to a UDP or stream request must repeat it: with
 * received and rport filled in (RFC 3261 18.2.1, RFC 3581 section 4). libre %H
 * handler, arg: const struct sip_msg *
 */
int msg_via_print(struct re_printf *pf, const struct sip_msg *msg);


/*
 * For the transport
 */

/** Its part of the stack (flow.h) */
struct transp;
struct transp *stack_transp(const struct stack *stack);

/** May this source speak to us (stack_admit_h)? */
bool stack_admits(const struct stack *stack, const struct listener *lsnr,
		  const struct sa *peer);

/** What is known of a source that may (stack_source_h) */
struct stack_source;
void stack_source_get(const struct stack *stack, const struct listener *lsnr,
		      const struct sa *peer, struct stack_source *src);

#endif
