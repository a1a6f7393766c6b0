/**
 * @file stack.c  The SIP stack: tables, and the way of a message in
 *
 * RFC 3261 sections 8.2, 12.2.2 and 17: a message goes to its transaction,
 * else to its dialog, else to the owner of the stack.
 */
#include <stdlib.h>
#include <openssl/rand.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "core.h"
#include "cork.h"
#include "flow.h"
#include "gate.h"
#include "guard.h"
#include "msg.h"
#include "stack.h"
#include "strans.h"
#include "trace.h"
#include "transp.h"


enum {
	TRANSACTION_BUCKETS = 1 << 14,
	DIALOG_BUCKETS      = 1 << 12,
	POOL_SIZE           = 4096,
	TAG_DIGITS          = 16,
	T1_MS               = 500,
	T2_MS               = 4000,
	T4_MS               = 5000,
};


struct stack {
	struct wheel *wheel;       /* borrowed                            */
	char *software;            /* owned                               */
	struct stack_timers timers;
	struct transp *transp;     /* owned                               */
	struct hash *ctransht;     /* owned, holds references             */
	struct hash *stransht;     /* owned, holds references             */
	struct hash *dialoght;     /* owned, borrows                      */
	size_t transactionc;
	size_t dialogc;
	struct trace *trace;       /* borrowed                            */
	struct hep *hep;           /* borrowed */
	stack_request_h *requesth;
	stack_admit_h *admith;
	stack_source_h *sourceh;
	void *arg;
};


static void request_handler(struct strans *st, const struct sip_msg *msg,
			    void *arg)
{
	(void)msg;
	(void)arg;

	strans_reject(st, 503, "Service Unavailable");
}


static bool admit_handler(const struct listener *lsnr, const struct sa *peer,
			  void *arg)
{
	(void)lsnr;
	(void)peer;
	(void)arg;

	return true;
}


static void source_handler(const struct listener *lsnr,
			   const struct sa *peer, struct stack_source *src,
			   void *arg)
{
	(void)lsnr;
	(void)peer;
	(void)src;
	(void)arg;
}


static void destructor(void *data)
{
	struct stack *stack = data;

	stack->requesth = request_handler;
	stack->admith   = admit_handler;
	stack->sourceh  = source_handler;

	if (stack->dialoght) {
		dialog_close(stack);
		ctrans_close(stack);
		strans_close(stack);
	}

	mem_deref(stack->transp);
	mem_deref(stack->ctransht);
	mem_deref(stack->stransht);
	mem_deref(stack->dialoght);
	mem_deref(stack->software);
}


int stack_alloc(struct stack **stackp, const struct stack_conf *conf)
{
	struct stack *stack;
	int err;

	if (!stackp || !conf || !conf->wheel)
		return EINVAL;

	stack = mem_zalloc(sizeof(*stack), destructor);
	if (!stack)
		return ENOMEM;

	stack->wheel    = conf->wheel;
	stack->timers   = conf->timers;
	stack->requesth = request_handler;
	stack->admith   = admit_handler;
	stack->sourceh  = source_handler;

	if (!stack->timers.t1_ms)
		stack->timers.t1_ms = T1_MS;
	if (!stack->timers.t2_ms)
		stack->timers.t2_ms = T2_MS;
	if (!stack->timers.t4_ms)
		stack->timers.t4_ms = T4_MS;

	err = str_dup(&stack->software,
		      conf->software ? conf->software : "Callbridge");
	if (err)
		goto out;

	err = hash_alloc(&stack->ctransht, TRANSACTION_BUCKETS);
	if (err)
		goto out;

	err = hash_alloc(&stack->stransht, TRANSACTION_BUCKETS);
	if (err)
		goto out;

	err = hash_alloc(&stack->dialoght, DIALOG_BUCKETS);
	if (err)
		goto out;

	err = transp_alloc(&stack->transp, stack, conf);

 out:
	if (err)
		mem_deref(stack);
	else
		*stackp = stack;

	return err;
}


void stack_handlers_set(struct stack *stack, stack_request_h *requesth,
			stack_admit_h *admith, void *arg)
{
	if (!stack)
		return;

	stack->requesth = requesth ? requesth : request_handler;
	stack->admith   = admith ? admith : admit_handler;
	stack->arg      = arg;
}


void stack_source_set(struct stack *stack, stack_source_h *sourceh)
{
	if (stack)
		stack->sourceh = sourceh ? sourceh : source_handler;
}


struct wheel *stack_wheel(const struct stack *stack)
{
	return stack->wheel;
}


const struct stack_timers *stack_timers(const struct stack *stack)
{
	return &stack->timers;
}


const char *stack_software(const struct stack *stack)
{
	return stack->software;
}


void stack_trace_set(struct stack *stack, struct trace *trace)
{
	if (stack)
		stack->trace = trace;
}


struct trace *stack_trace(const struct stack *stack)
{
	return stack->trace;
}


void stack_hep_set(struct stack *stack, struct hep *hep)
{
	if (stack)
		stack->hep = hep;
}


struct hep *stack_hep(const struct stack *stack)
{
	return stack->hep;
}


size_t stack_transactions(const struct stack *stack)
{
	return stack->transactionc;
}


size_t stack_dialogs(const struct stack *stack)
{
	return stack->dialogc;
}


void stack_transactions_add(struct stack *stack, int n)
{
	stack->transactionc += (size_t)n;
}


void stack_dialogs_add(struct stack *stack, int n)
{
	stack->dialogc += (size_t)n;
}


struct hash *ctrans_table(const struct stack *stack)
{
	return stack->ctransht;
}


struct hash *strans_table(const struct stack *stack)
{
	return stack->stransht;
}


struct hash *dialog_table(const struct stack *stack)
{
	return stack->dialoght;
}


struct transp *stack_transp(const struct stack *stack)
{
	return stack->transp;
}


void stack_cork(struct stack *stack)
{
	if (stack)
		cork_in(stack->transp->cork);
}


void stack_uncork(struct stack *stack)
{
	if (stack)
		cork_out(stack->transp->cork);
}


bool stack_admits(const struct stack *stack, const struct listener *lsnr,
		  const struct sa *peer)
{
	return stack->admith(lsnr, peer, stack->arg);
}


void stack_source_get(const struct stack *stack, const struct listener *lsnr,
		      const struct sa *peer, struct stack_source *src)
{
	src->known   = true;
	src->rate    = 0;
	src->name[0] = '\0';
	stack->sourceh(lsnr, peer, src, stack->arg);
}


static void receive_new(struct stack *stack, struct sip_msg *msg)
{
	struct strans *st;
	int err;

	err = strans_accept(&st, stack, msg);
	if (err) {
		debug("sip", "", "%r of %J: no transaction (%m)\n",
		      &msg->met, &msg->src, err);
		return;
	}

	if (!pl_isset(&msg->to.tag)) {
		stack->requesth(st, msg, stack->arg);
		return;
	}

	if (!dialog_receive(stack, st, msg))
		strans_reject(st, 481, "Call/Transaction Does Not Exist");
}


static void stray(struct stack *stack, const struct sip_msg *msg)
{
	refusal_count(REFUSED_STRAY);
	gate_stray(stack->transp->gate, flow_listener(msg_flow(msg)),
		   &msg->src);
}


void stack_receive(struct stack *stack, struct sip_msg *msg)
{
	if (!msg->req) {
		if (!ctrans_receive(stack, msg))
			stray(stack, msg);
		return;
	}

	if (strans_receive(stack, msg))
		return;

	if (!pl_strcmp(&msg->met, "ACK")) {
		refusal_count(REFUSED_STRAY);
		return;
	}

	if (!pl_strcmp(&msg->met, "CANCEL")) {
		(void)stack_reply_stateless(stack, msg, 481,
					"Call/Transaction Does Not Exist");
		return;
	}

	receive_new(stack, msg);
}


static int write_copied(struct mbuf *mb, const struct sip_msg *msg)
{
	const struct le *le;
	bool first = true;
	int err = 0;

	for (le = list_head(&msg->hdrl); le; le = le->next) {

		const struct sip_hdr *hdr = le->data;

		if (hdr->id != SIP_HDR_VIA)
			continue;

		if (first)
			err |= mbuf_printf(mb, "Via: %H\r\n", msg_via_print,
					   msg);
		else
			err |= mbuf_printf(mb, "Via: %r\r\n", &hdr->val);
		first = false;
	}

	return err;
}


static int write_reply(struct mbuf *mb, const struct sip_msg *msg,
		       uint16_t scode, const char *reason)
{
	const struct pl to   = msg_hdr_value(msg, SIP_HDR_TO);
	const struct pl from = msg_hdr_value(msg, SIP_HDR_FROM);
	const struct pl cid  = msg_hdr_value(msg, SIP_HDR_CALL_ID);
	const struct pl cseq = msg_hdr_value(msg, SIP_HDR_CSEQ);
	char tag[TAG_DIGITS + 1];
	int err;

	token_random(tag, TAG_DIGITS);

	err  = mbuf_printf(mb, "SIP/2.0 %u %s\r\n", scode, reason);
	err |= write_copied(mb, msg);
	err |= mbuf_printf(mb, "From: %r\r\nTo: %r%s%s\r\n"
			   "Call-ID: %r\r\nCSeq: %r\r\n"
			   "Content-Length: 0\r\n\r\n",
			   &from, &to,
			   pl_isset(&msg->to.tag) ? "" : ";tag=",
			   pl_isset(&msg->to.tag) ? "" : tag,
			   &cid, &cseq);

	return err;
}


int stack_reply_stateless(struct stack *stack, const struct sip_msg *msg,
			  uint16_t scode, const char *reason)
{
	struct flow *flow = NULL;
	struct mbuf *mb;
	int err;

	if (!stack || !msg || !msg->req || !pl_strcmp(&msg->met, "ACK"))
		return EINVAL;

	mb = mbuf_alloc(512);
	if (!mb)
		return ENOMEM;

	err = write_reply(mb, msg, scode, reason);
	if (err)
		goto out;

	/* an unverified source must not be able to have us amplify */
	if (msg->tp == SIP_TRANSP_UDP && mb->end > msg->mb->end) {
		err = EMSGSIZE;
		goto out;
	}

	err = flow_reply(&flow, stack, msg);
	if (err)
		goto out;

	mbuf_set_pos(mb, 0);
	err = flow_send(flow, mb, false);

 out:
	mem_deref(flow);
	mem_deref(mb);

	return err;
}


static uint8_t token_octet(void)
{
	/* RAND_bytes() costs as much for one octet as for hundreds */
	static _Thread_local uint8_t pool[POOL_SIZE];
	static _Thread_local size_t left;

	if (!left) {
		if (1 != RAND_bytes(pool, sizeof(pool))) {
			warning("sip", "", "no random octets: giving up\n");
			abort();
		}
		left = sizeof(pool);
	}

	return pool[--left];
}


void token_random(char *buf, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i + 1 < n; i += 2) {

		const uint8_t v = token_octet();

		buf[i]     = digits[v >> 4];
		buf[i + 1] = digits[v & 0xf];
	}

	if (i < n)
		buf[i++] = digits[token_octet() & 0xf];

	buf[i] = '\0';
}


uint32_t token_number(void)
{
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof(n); i++)
		n = n << 8 | token_octet();

	return n;
}
