/**
 * @file ctrans.c  Client transactions
 *
 * The machines of RFC 3261 figure 5 (INVITE), with the Accepted state of RFC
 * 6026 figure 3, and figure 6 (all others). CANCEL is a transaction of its
 * own; ACK to a final response of 300..699 belongs to the INVITE's.
 *
 * All others end with their final response: Timer K would keep them for five
 * seconds, only so that the same response is let fall should it come again.
 * Without a transaction it is let fall as well (section 8.1.2), and of a
 * PBX's users who register at 2,000 a second 20,000 were kept.
 */
#include <assert.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "core.h"
#include "ctrans.h"
#include "inner.h"
#include "stack.h"
#include "transp.h"


enum ctrans_state {
	CALLING,                   /* INVITE sent, nothing came            */
	TRYING,                    /* another request sent, nothing came   */
	PROCEEDING,
	COMPLETED,
	ACCEPTED,
	TERMINATED,
};

static const char *const namev[] = {
	[CALLING]    = "Calling",
	[TRYING]     = "Trying",
	[PROCEEDING] = "Proceeding",
	[COMPLETED]  = "Completed",
	[ACCEPTED]   = "Accepted",
	[TERMINATED] = "Terminated",
};

static const unsigned successors[] = {
	[CALLING]    = 1u << PROCEEDING | 1u << COMPLETED | 1u << ACCEPTED |
		       1u << TERMINATED,
	[TRYING]     = 1u << PROCEEDING | 1u << COMPLETED | 1u << TERMINATED,
	[PROCEEDING] = 1u << COMPLETED | 1u << ACCEPTED | 1u << TERMINATED,
	[COMPLETED]  = 1u << TERMINATED,
	[ACCEPTED]   = 1u << TERMINATED,
	[TERMINATED] = 0,
};


/** Whether the INVITE is to be cancelled */
enum cancelling {
	CANCEL_NO,
	CANCEL_WANTED,             /* when a provisional comes             */
	CANCEL_SENT,
};


struct ctrans {
	struct le he;              /* in the stack's table, by branch      */
	struct flow_watch watch;
	struct wheel_tmr repeat;   /* Timer A or E                         */
	struct wheel_tmr life;     /* Timer B or F, then D or M; while
				      an INVITE is Proceeding, the limits
				      on ringing and on a CANCEL's effect  */
	struct stack *stack;       /* borrowed, outlives us                */
	struct flow *flow;         /* ref                                  */
	struct mbuf *mb;           /* ref                                  */
	struct mbuf *ack;          /* owned, to a final of 300..699        */
	char *cancel_hdrs;         /* owned, while the CANCEL is wanted    */
	ctrans_h *h;
	void *arg;
	uint32_t interval_ms;      /* of `repeat`                          */
	enum ctrans_state state;
	enum cancelling cancelling;
	bool invite;
	bool owned;                /* somebody holds a reference           */
	bool limit;
	char *method;              /* behind branch                        */
	char branch[];
};


static void ignore_handler(int err, const struct sip_msg *msg, void *arg)
{
	(void)err;
	(void)msg;
	(void)arg;
}


static void unlink_all(struct ctrans *ct)
{
	wheel_cancel(&ct->repeat);
	wheel_cancel(&ct->life);
	flow_unwatch(&ct->watch);
	if (ct->he.list) {
		hash_unlink(&ct->he);
		stack_transactions_add(ct->stack, -1);
	}
}


static void destructor(void *data)
{
	struct ctrans *ct = data;

	/* The owner has gone, the transaction is seen through */
	if (ct->owned && ct->state != TERMINATED) {
		ct->owned = false;
		ct->h     = ignore_handler;
		mem_ref(ct);
		return;
	}

	unlink_all(ct);
	mem_deref(ct->cancel_hdrs);
	mem_deref(ct->ack);
	mem_deref(ct->mb);
	mem_deref(ct->flow);
}


static void set_state(struct ctrans *ct, enum ctrans_state next)
{
	assert(successors[ct->state] & (1u << next));

	debug("ctrans", ct->branch, "%s: %s -> %s", ct->method,
	      namev[ct->state], namev[next]);

	ct->state = next;
}


/* Afterwards a transaction without owner is no more */
static void terminate(struct ctrans *ct)
{
	set_state(ct, TERMINATED);
	unlink_all(ct);

	if (!ct->owned)
		mem_deref(ct);
}


/* Called last: the owner may deref the transaction */
static void fail(struct ctrans *ct, int err)
{
	ctrans_h *h = ct->h;
	void *arg = ct->arg;

	terminate(ct);
	h(err, NULL, arg);
}


static bool is_reliable(const struct ctrans *ct)
{
	return flow_transp(ct->flow) != SIP_TRANSP_UDP;
}


static int send_mb(struct ctrans *ct, struct mbuf *mb)
{
	const size_t pos = mb->pos;
	int err;

	err = flow_send(ct->flow, mb, ct->limit);
	mb->pos = pos;

	return err;
}


/** Of an INVITE somebody waits for each millisecond */
static int send_first(struct ctrans *ct)
{
	const size_t pos = ct->mb->pos;
	int err;

	if (ct->invite)
		return send_mb(ct, ct->mb);

	err = flow_send_soon(ct->flow, ct->mb, ct->limit);
	ct->mb->pos = pos;

	return err;
}


static const struct stack_timers *timers(const struct ctrans *ct)
{
	return stack_timers(ct->stack);
}


/* 64*T1: how long a transaction may last (Timers B, D, F, M) */
static uint32_t span_ms(const struct ctrans *ct)
{
	return 64 * timers(ct)->t1_ms;
}


/* ------------------------------------------------------------------ */
/* Messages made from the request                                      */


bool head_next(struct pl *rest, struct pl *line)
{
	const char *const end = rest->p + rest->l;
	const char *p = rest->p;

	do {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return false;
		++p;
	}
	while (p < end && (*p == ' ' || *p == '\t'));

	line->p = rest->p;
	line->l = (size_t)(p - rest->p);
	rest->p = p;
	rest->l = (size_t)(end - p);

	return line->l > 2;
}


bool head_is(const struct pl *line, const char *name)
{
	const size_t l = strlen(name);

	return line->l > l && line->p[l] == ':' && !memcmp(line->p, name, l);
}


/**
 * ACK (RFC 3261 section 17.1.1.3) and CANCEL (section 9.1) have the
 * request's URI, Via, From, Call-ID, Route and sequence number
 *
 * @param to  To of the response, NULL: as in the request
 */
static int derive(struct mbuf **mbp, const struct ctrans *ct,
		  const char *method, const struct pl *to, const char *hdrs)
{
	struct pl rest = { (const char *)mbuf_buf(ct->mb),
			   mbuf_get_left(ct->mb) };
	struct pl line, num;
	struct mbuf *mb;
	bool via = false;
	int err;

	mb = mbuf_alloc(512);
	if (!mb)
		return ENOMEM;

	/* Start line, with the method exchanged */
	if (!head_next(&rest, &line) || line.l < strlen(ct->method)) {
		err = EINVAL;
		goto out;
	}
	pl_advance(&line, (ssize_t)strlen(ct->method));
	err  = mbuf_write_str(mb, method);
	err |= mbuf_write_pl(mb, &line);

	while (head_next(&rest, &line)) {

		if (head_is(&line, "Via") && !via) {
			err |= mbuf_write_pl(mb, &line);
			via = true;
		}
		else if (head_is(&line, "From") ||
			 head_is(&line, "Call-ID") ||
			 head_is(&line, "Route") ||
			 head_is(&line, "Max-Forwards") ||
			 (!to && head_is(&line, "To"))) {
			err |= mbuf_write_pl(mb, &line);
		}
		else if (head_is(&line, "CSeq") &&
			 !re_regex(line.p, line.l, "[0-9]+", &num)) {
			err |= mbuf_printf(mb, "CSeq: %r %s\r\n", &num,
					   method);
		}
	}

	if (to)
		err |= mbuf_printf(mb, "To: %r\r\n", to);
	if (hdrs)
		err |= mbuf_write_str(mb, hdrs);
	err |= mbuf_write_str(mb, "Content-Length: 0\r\n\r\n");

	mb->pos = 0;

 out:
	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}


static void ack_send(struct ctrans *ct, const struct sip_msg *msg)
{
	if (!ct->ack && derive(&ct->ack, ct, "ACK", &msg->to.val, NULL))
		return;

	/* If it gets lost, the final comes again and so do we */
	ct->limit = false;
	(void)send_mb(ct, ct->ack);
}


/* ------------------------------------------------------------------ */
/* CANCEL                                                              */


/* RFC 3261 section 9.1: without a final response within 64*T1 after CANCEL
   the INVITE counts as cancelled */
static void timeout_handler(void *arg)
{
	fail(arg, ETIMEDOUT);
}


static int cancel_send(struct ctrans *ct)
{
	struct ctrans *cancel = NULL;
	struct mbuf *mb = NULL;
	int err;

	ct->cancelling = CANCEL_SENT;
	wheel_start(stack_wheel(ct->stack), &ct->life, span_ms(ct),
		    timeout_handler, ct);

	err = derive(&mb, ct, "CANCEL", NULL, ct->cancel_hdrs);
	if (err)
		goto out;

	err = ctrans_start(&cancel, ct->stack, ct->flow, "CANCEL",
			   ct->branch, mb, false, ignore_handler, NULL);

 out:
	ct->cancel_hdrs = mem_deref(ct->cancel_hdrs);
	mem_deref(cancel);
	mem_deref(mb);

	return err;
}


int ctrans_cancel(struct ctrans *ct, const char *hdrs)
{
	if (!ct || !ct->invite)
		return EINVAL;

	if (ct->cancelling != CANCEL_NO)
		return EALREADY;

	if (ct->state != CALLING && ct->state != PROCEEDING)
		return EALREADY;

	if (hdrs && str_dup(&ct->cancel_hdrs, hdrs))
		return ENOMEM;

	ct->cancelling = CANCEL_WANTED;

	return ct->state == PROCEEDING ? cancel_send(ct) : 0;
}


/* The limit on ringing (as a proxy's Timer C, RFC 3261 section 16.8) */
static void ringing_handler(void *arg)
{
	struct ctrans *ct = arg;

	if (ct->cancelling == CANCEL_NO)
		(void)cancel_send(ct);
}


/* ------------------------------------------------------------------ */
/* Timers                                                              */


static void repeat_start(struct ctrans *ct);


/* Timer A doubles; Timer E doubles up to T2, and is T2 when Proceeding */
static void repeat_handler(void *arg)
{
	struct ctrans *ct = arg;
	int err;

	err = send_mb(ct, ct->mb);
	if (err) {
		fail(ct, err);
		return;
	}

	ct->interval_ms *= 2;
	if (!ct->invite && (ct->interval_ms > timers(ct)->t2_ms ||
			    ct->state == PROCEEDING))
		ct->interval_ms = timers(ct)->t2_ms;

	repeat_start(ct);
}


static void repeat_start(struct ctrans *ct)
{
	wheel_start(stack_wheel(ct->stack), &ct->repeat, ct->interval_ms,
		    repeat_handler, ct);
}


/* Timers D, M */
static void end_handler(void *arg)
{
	terminate(arg);
}


static void linger(struct ctrans *ct, uint32_t ms)
{
	wheel_cancel(&ct->repeat);
	wheel_start_lazily(stack_wheel(ct->stack), &ct->life, ms, end_handler,
			   ct);
}


/* ------------------------------------------------------------------ */
/* Responses                                                           */


static void provisional(struct ctrans *ct)
{
	const bool first = ct->state != PROCEEDING;

	if (first)
		set_state(ct, PROCEEDING);

	if (!ct->invite || !first)
		return;

	wheel_cancel(&ct->repeat);
	wheel_cancel(&ct->life);

	if (ct->cancelling == CANCEL_WANTED)
		(void)cancel_send(ct);
	else if (timers(ct)->invite_ms)
		wheel_start(stack_wheel(ct->stack), &ct->life,
			    timers(ct)->invite_ms, ringing_handler, ct);
}


/* Enter the state after a final response. @return false if that is
   Terminated: without owner the transaction is no more */
static bool final(struct ctrans *ct, const struct sip_msg *msg)
{
	if (ct->invite && msg->scode < 300) {
		set_state(ct, ACCEPTED);
		linger(ct, span_ms(ct));                    /* Timer M */
		return true;
	}

	if (ct->invite)
		ack_send(ct, msg);

	set_state(ct, COMPLETED);

	/* Timer D: 0 s where nothing is sent twice */
	if (ct->invite && !is_reliable(ct)) {
		linger(ct, span_ms(ct));
		return true;
	}

	terminate(ct);

	return false;
}


/* The handlers are called last: they may deref the transaction */
static void response(struct ctrans *ct, const struct sip_msg *msg)
{
	ctrans_h *h = ct->h;
	void *arg = ct->arg;

	switch (ct->state) {

	case CALLING:
	case TRYING:
	case PROCEEDING:
		if (msg->scode < 200)
			provisional(ct);
		else
			(void)final(ct, msg);
		h(0, msg, arg);
		break;

	case COMPLETED:
		if (ct->invite && msg->scode >= 300)
			ack_send(ct, msg);
		break;

	case ACCEPTED:
		if (msg->scode >= 200 && msg->scode < 300)
			h(0, msg, arg);
		break;

	case TERMINATED:
		break;
	}
}


/* RFC 3261 section 17.1.3; and only from where the request went */
static bool is_response(struct le *le, void *arg)
{
	const struct ctrans *ct = le->data;
	const struct sip_msg *msg = arg;

	return !pl_strcmp(&msg->via.branch, ct->branch) &&
		!pl_strcmp(&msg->cseq.met, ct->method) &&
		msg->tp == flow_transp(ct->flow) &&
		sa_cmp(&msg->src, flow_peer(ct->flow), SA_ADDR);
}


bool ctrans_receive(struct stack *stack, const struct sip_msg *msg)
{
	struct le *le;

	le = hash_lookup(ctrans_table(stack),
			 hash_joaat_pl(&msg->via.branch), is_response,
			 (void *)(uintptr_t)msg);
	if (!le)
		return false;

	response(le->data, msg);

	return true;
}


/* A connection lost before anything came ends the transaction (RFC 3261
   section 17.1.4). Later the response may come over another one (section
   18.2.2), and the timers are there if it does not. */
static void flow_handler(struct flow *flow, int err, void *arg)
{
	struct ctrans *ct = arg;
	(void)flow;

	if (err && (ct->state == CALLING || ct->state == TRYING))
		fail(ct, err);
}


/* ------------------------------------------------------------------ */


int ctrans_start(struct ctrans **ctp, struct stack *stack, struct flow *flow,
		 const char *method, const char *branch, struct mbuf *mb,
		 bool limit, ctrans_h *h, void *arg)
{
	struct ctrans *ct;
	size_t branch_size;
	int err;

	if (!ctp || !stack || !flow || !method || !branch || !mb)
		return EINVAL;

	branch_size = strlen(branch) + 1;

	ct = mem_zalloc(sizeof(*ct) + branch_size + strlen(method) + 1,
			destructor);
	if (!ct)
		return ENOMEM;

	memcpy(ct->branch, branch, branch_size);
	ct->method = ct->branch + branch_size;
	memcpy(ct->method, method, strlen(method) + 1);

	ct->stack  = stack;
	ct->flow   = mem_ref(flow);
	ct->mb     = mem_ref(mb);
	ct->h      = h ? h : ignore_handler;
	ct->arg    = arg;
	ct->invite = !strcmp(method, "INVITE");
	ct->limit  = limit;
	ct->state  = ct->invite ? CALLING : TRYING;

	err = send_first(ct);
	if (err)
		goto out;

	ct->interval_ms = timers(ct)->t1_ms;
	if (!is_reliable(ct))
		repeat_start(ct);

	wheel_start(stack_wheel(stack), &ct->life, span_ms(ct),
		    timeout_handler, ct);
	flow_watch(&ct->watch, flow, flow_handler, ct);
	hash_append(ctrans_table(stack), hash_joaat_str(branch), &ct->he, ct);
	stack_transactions_add(stack, 1);
	ct->owned = true;

 out:
	if (err)
		mem_deref(ct);
	else
		*ctp = ct;

	return err;
}


/* The stack ends */
void ctrans_close(struct stack *stack)
{
	struct hash *table = ctrans_table(stack);

	for (uint32_t i = 0; i < hash_bsize(table); i++) {

		struct list *bucket = hash_list(table, i);

		while (bucket->head)
			fail(bucket->head->data, ESHUTDOWN);
	}
}
