/**
 * @file strans.c  Server transactions
 *
 * The machines of RFC 3261 figure 7 (INVITE), with the Accepted state of RFC
 * 6026 figure 4, and figure 8 (all others). A 2xx to INVITE is repeated here
 * too until its ACK comes (section 13.3.1.4), for who answers a call wants
 * to hear of one thing only: that the peer knows.
 */
#include <assert.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "core.h"
#include "inner.h"
#include "stack.h"
#include "strans.h"
#include "transp.h"


enum {
	TAG_DIGITS = 16,
	TAG_SIZE   = 64,           /* of an owner's own, at most           */
	TRYING_MS  = 200,          /* RFC 3261 section 17.2.1              */
};


enum strans_state {
	TRYING,                    /* not an INVITE, nothing answered      */
	PROCEEDING,
	COMPLETED,
	CONFIRMED,                 /* INVITE: 300..699 acknowledged        */
	ACCEPTED,                  /* INVITE: 2xx, and no ACK yet          */
	ACKNOWLEDGED,              /* ... and its ACK came; to RFC 6026
				      this is Accepted still               */
	TERMINATED,
};

static const char *const namev[] = {
	[TRYING]       = "Trying",
	[PROCEEDING]   = "Proceeding",
	[COMPLETED]    = "Completed",
	[CONFIRMED]    = "Confirmed",
	[ACCEPTED]     = "Accepted",
	[ACKNOWLEDGED] = "Accepted, acknowledged",
	[TERMINATED]   = "Terminated",
};

static const unsigned successors[] = {
	[TRYING]       = 1u << PROCEEDING | 1u << COMPLETED |
			 1u << TERMINATED,
	[PROCEEDING]   = 1u << COMPLETED | 1u << ACCEPTED | 1u << TERMINATED,
	[COMPLETED]    = 1u << CONFIRMED | 1u << TERMINATED,
	[CONFIRMED]    = 1u << TERMINATED,
	[ACCEPTED]     = 1u << ACKNOWLEDGED | 1u << TERMINATED,
	[ACKNOWLEDGED] = 1u << TERMINATED,
	[TERMINATED]   = 0,
};


/** By what later messages are recognised; strings in one block */
struct key {
	struct pl branch;
	struct pl sentby;
	struct pl method;
	struct pl callid;
	struct pl from_tag;
	uint32_t cseq;
};


struct strans {
	struct le he;              /* in the stack's table, by branch      */
	struct le ce;              /* the same, by Call-ID                 */
	struct wheel_tmr repeat;   /* 100 Trying; then Timer G, or the 2xx */
	struct wheel_tmr life;     /* Timers H, I, J, L                    */
	struct stack *stack;       /* borrowed, outlives us                */
	struct flow *flow;         /* ref, where answers go                */
	struct sip_msg *msg;       /* ref, until answered and disowned     */
	struct mbuf *mb;           /* owned, last answer; NULL: none       */
	strans_cancel_h *cancelh;
	strans_ack_h *ackh;
	void *arg;
	uint32_t interval_ms;      /* of `repeat`                          */
	enum strans_state state;
	bool invite;
	bool owned;                /* somebody holds a reference           */
	char tag[TAG_SIZE];        /* To-tag of our answers; "" until needed */
	struct key key;
	char keybuf[];
};


/* ------------------------------------------------------------------ */
/* The end                                                             */


static void ignore_ack(int err, const struct sip_msg *ack, void *arg)
{
	(void)err;
	(void)ack;
	(void)arg;
}


static void cancel_default(struct strans *st, const struct sip_msg *msg,
			   void *arg)
{
	(void)msg;
	(void)arg;

	(void)strans_reply(st, 487, "Request Terminated", NULL, NULL, NULL,
			   NULL);
}


static bool is_reliable(const struct strans *st)
{
	return flow_transp(st->flow) != SIP_TRANSP_UDP;
}


static void unlink_all(struct strans *st)
{
	wheel_cancel(&st->repeat);
	wheel_cancel(&st->life);
	hash_unlink(&st->ce);
	if (st->he.list) {
		hash_unlink(&st->he);
		stack_transactions_add(st->stack, -1);
	}
}


/* Without owner the request serves only to find a new connection while an
   answer has yet to arrive */
static void release(struct strans *st)
{
	if (!st->owned && (!is_reliable(st) || st->state == ACKNOWLEDGED))
		st->msg = mem_deref(st->msg);
}


/* The owner has gone: answer for them if they did not, then live on */
static void disown(struct strans *st)
{
	st->cancelh = cancel_default;
	st->ackh    = ignore_ack;

	mem_ref(st);
	if (!strans_is_answered(st))
		(void)strans_reply(st, 500, "Server Internal Error", NULL,
				   NULL, NULL, NULL);

	st->owned = false;
	if (st->state == TERMINATED)
		mem_deref(st);
	else
		release(st);
}


static void destructor(void *data)
{
	struct strans *st = data;

	if (st->owned && st->state != TERMINATED) {
		disown(st);
		return;
	}

	unlink_all(st);
	mem_deref(st->mb);
	mem_deref(st->msg);
	mem_deref(st->flow);
}


static void set_state(struct strans *st, enum strans_state next)
{
	assert(successors[st->state] & (1u << next));

	debug("strans", st->keybuf, "%r: %s -> %s", &st->key.method,
	      namev[st->state], namev[next]);

	st->state = next;
}


/* Afterwards a transaction without owner is no more */
static void terminate(struct strans *st)
{
	set_state(st, TERMINATED);
	unlink_all(st);

	if (!st->owned)
		mem_deref(st);
}


static const struct stack_timers *timers(const struct strans *st)
{
	return stack_timers(st->stack);
}


static uint32_t span_ms(const struct strans *st)
{
	return 64 * timers(st)->t1_ms;
}


/* ------------------------------------------------------------------ */
/* Sending                                                             */


/* The connection of the request has closed: answer over a new one */
static int send_anew(struct strans *st)
{
	struct flow *flow;
	int err;

	if (!st->msg)
		return ENOTCONN;

	err = flow_reply(&flow, st->stack, st->msg);
	if (err)
		return err;

	mem_deref(st->flow);
	st->flow = flow;

	return flow_send(flow, st->mb, false);
}


static int send_answer(struct strans *st)
{
	int err;

	st->mb->pos = 0;
	err = flow_send(st->flow, st->mb, false);
	st->mb->pos = 0;

	if (err && is_reliable(st)) {
		err = send_anew(st);
		st->mb->pos = 0;
	}

	return err;
}


/* ------------------------------------------------------------------ */
/* Writing answers (RFC 3261 section 8.2.6)                            */


static int write_to(struct mbuf *mb, const struct sip_msg *msg,
		    uint16_t scode, const char *tag)
{
	if (pl_isset(&msg->to.tag) || scode == 100)
		return mbuf_printf(mb, "To: %r\r\n", &msg->to.val);

	return mbuf_printf(mb, "To: %r;tag=%s\r\n", &msg->to.val, tag);
}


static int write_line(struct mbuf *mb, const char *name, const struct pl *val)
{
	int err;

	err  = mbuf_write_str(mb, name);
	err |= mbuf_write_pl(mb, val);
	err |= mbuf_write_str(mb, "\r\n");

	return err;
}


/* What an answer takes from its request, in the request's order */
static int write_copied(struct mbuf *mb, const struct sip_msg *msg,
			uint16_t scode, const char *tag)
{
	bool top = true;
	int err = 0;

	for (struct le *le = list_head(&msg->hdrl); le; le = le->next) {

		const struct sip_hdr *hdr = le->data;

		switch (hdr->id) {

		case SIP_HDR_VIA:
			err |= top ? mbuf_printf(mb, "Via: %H\r\n",
						 msg_via_print, msg)
				: write_line(mb, "Via: ", &hdr->val);
			top = false;
			break;

		case SIP_HDR_FROM:
			err |= write_line(mb, "From: ", &hdr->val);
			break;

		case SIP_HDR_TO:
			err |= write_to(mb, msg, scode, tag);
			break;

		case SIP_HDR_CALL_ID:
			err |= write_line(mb, "Call-ID: ", &hdr->val);
			break;

		case SIP_HDR_CSEQ:
			err |= write_line(mb, "CSeq: ", &hdr->val);
			break;

		case SIP_HDR_RECORD_ROUTE:
			if (scode > 100 && scode < 300)
				err |= write_line(mb, "Record-Route: ",
						  &hdr->val);
			break;

		case SIP_HDR_TIMESTAMP:
			if (scode == 100)
				err |= write_line(mb, "Timestamp: ",
						  &hdr->val);
			break;

		default:
			break;
		}
	}

	return err;
}


static int write_answer(struct mbuf **mbp, const struct strans *st,
			uint16_t scode, const char *reason, const char *tag,
			const char *hdrs, const char *ctype,
			const struct mbuf *body)
{
	const size_t size = ctype ? mbuf_get_left(body) : 0;
	struct mbuf *mb;
	int err;

	mb = mbuf_alloc(768 + size);
	if (!mb)
		return ENOMEM;

	err  = mbuf_printf(mb, "SIP/2.0 %u %s\r\n", scode,
			   reason ? reason : "");
	err |= write_copied(mb, st->msg, scode, tag);
	if (scode > 100)
		err |= mbuf_printf(mb, "Server: %s\r\n",
				   stack_software(st->stack));
	if (hdrs)
		err |= mbuf_write_str(mb, hdrs);
	if (ctype)
		err |= mbuf_printf(mb, "Content-Type: %s\r\n", ctype);
	err |= mbuf_printf(mb, "Content-Length: %zu\r\n\r\n", size);
	if (size)
		err |= mbuf_write_mem(mb, mbuf_buf(body), size);

	mb->pos = 0;

	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}


/* ------------------------------------------------------------------ */
/* Timers                                                              */


/* Timers I, J and L */
static void end_handler(void *arg)
{
	terminate(arg);
}


static void linger(struct strans *st, uint32_t ms)
{
	wheel_cancel(&st->repeat);
	wheel_start_lazily(stack_wheel(st->stack), &st->life, ms, end_handler,
			   st);
}


/* No ACK within 64*T1: Timer H, and section 13.3.1.4 for a 2xx. The handler
   is called last: the owner may deref the transaction. */
static void unacknowledged_handler(void *arg)
{
	struct strans *st = arg;
	strans_ack_h *h = st->ackh;
	void *harg = st->arg;

	terminate(st);
	h(ETIMEDOUT, NULL, harg);
}


static void repeat_handler(void *arg)
{
	struct strans *st = arg;

	/* A failure now says no more than a lost ACK: Timer H will tell */
	(void)send_answer(st);

	st->interval_ms *= 2;
	if (st->interval_ms > timers(st)->t2_ms)
		st->interval_ms = timers(st)->t2_ms;

	wheel_start(stack_wheel(st->stack), &st->repeat, st->interval_ms,
		    repeat_handler, st);
}


/* Wait for ACK; meanwhile say it again */
static void await_ack(struct strans *st, bool repeat)
{
	struct wheel *wheel = stack_wheel(st->stack);

	wheel_cancel(&st->repeat);
	wheel_start(wheel, &st->life, span_ms(st), unacknowledged_handler,
		    st);

	st->interval_ms = timers(st)->t1_ms;
	if (repeat)
		wheel_start(wheel, &st->repeat, st->interval_ms,
			    repeat_handler, st);
}


static void trying_handler(void *arg)
{
	struct strans *st = arg;

	if (!st->mb)
		(void)strans_reply(st, 100, "Trying", NULL, NULL, NULL, NULL);
}


/* ------------------------------------------------------------------ */
/* What comes in                                                       */


static bool key_has_branch(const struct key *key, const struct sip_msg *msg)
{
	return !pl_cmp(&key->branch, &msg->via.branch) &&
		!pl_casecmp(&key->sentby, &msg->via.sentby);
}


/* RFC 3261 section 17.2.3, with the request's own method */
static bool is_same(struct le *le, void *arg)
{
	const struct strans *st = le->data;
	const struct sip_msg *msg = arg;

	return le == &st->he && key_has_branch(&st->key, msg) &&
		!pl_cmp(&st->key.method, &msg->met);
}


/* ACK to a final response but 2xx, and CANCEL, bear their INVITE's branch */
static bool is_invite_of(struct le *le, void *arg)
{
	const struct strans *st = le->data;
	const struct sip_msg *msg = arg;

	return le == &st->he && st->invite && key_has_branch(&st->key, msg);
}


static bool key_has_request(const struct key *key, const struct sip_msg *msg)
{
	return key->cseq == msg->cseq.num &&
		!pl_cmp(&key->callid, &msg->callid) &&
		!pl_cmp(&key->from_tag, &msg->from.tag);
}


/* ACK to a 2xx: a request of its own, which bears our To-tag */
static bool is_accepted_of(struct le *le, void *arg)
{
	const struct strans *st = le->data;
	const struct sip_msg *msg = arg;

	return le == &st->ce && st->invite &&
		(st->state == ACCEPTED || st->state == ACKNOWLEDGED) &&
		key_has_request(&st->key, msg) &&
		!pl_strcmp(&msg->to.tag, st->tag);
}


/* The same request by another way (RFC 3261 section 8.2.2.2) */
static bool is_merged(struct le *le, void *arg)
{
	const struct strans *st = le->data;
	const struct sip_msg *msg = arg;

	return le == &st->ce && key_has_request(&st->key, msg) &&
		!pl_cmp(&st->key.method, &msg->met);
}


static struct strans *find(struct stack *stack, const struct sip_msg *msg,
			   const struct pl *by, list_apply_h *is)
{
	struct le *le;

	le = hash_lookup(strans_table(stack), hash_joaat_pl(by), is,
			 (void *)(uintptr_t)msg);

	return le ? le->data : NULL;
}


static void repeated(struct strans *st)
{
	switch (st->state) {

	case PROCEEDING:
		if (st->mb)
			(void)send_answer(st);
		else if (st->invite)
			trying_handler(st);
		break;

	case COMPLETED:
		(void)send_answer(st);
		break;

	/* RFC 6026 section 7.1: absorbed in Accepted */
	default:
		break;
	}
}


/* The owner's handler is called last */
static void acknowledged(struct strans *st, const struct sip_msg *ack)
{
	strans_ack_h *h = st->ackh;
	void *arg = st->arg;

	switch (st->state) {

	case COMPLETED:
		set_state(st, CONFIRMED);
		if (is_reliable(st))
			terminate(st);
		else
			linger(st, timers(st)->t4_ms);      /* Timer I */
		h(0, NULL, arg);
		break;

	case ACCEPTED:
		set_state(st, ACKNOWLEDGED);
		linger(st, span_ms(st));                    /* Timer L */
		st->mb = mem_deref(st->mb);
		release(st);
		h(0, ack, arg);
		break;

	default:
		break;
	}
}


static bool ack_receive(struct stack *stack, const struct sip_msg *msg)
{
	struct strans *st;

	st = find(stack, msg, &msg->via.branch, is_invite_of);

	/* Some reuse the INVITE's branch for the ACK of a 2xx */
	if (!st)
		st = find(stack, msg, &msg->callid, is_accepted_of);
	if (!st)
		return false;

	acknowledged(st, msg);

	return true;
}


/* RFC 3261 section 9.2: answered whatever became of the INVITE, with the
   same To-tag; then the INVITE's owner is told, last */
static bool cancel_receive(struct stack *stack, const struct sip_msg *msg)
{
	struct strans *st, *cancel;

	st = find(stack, msg, &msg->via.branch, is_invite_of);
	if (!st)
		return false;

	if (strans_accept(&cancel, stack, msg))
		return true;

	if (!st->tag[0])
		token_random(st->tag, TAG_DIGITS);

	(void)strans_reply(cancel, 200, "OK", st->tag, NULL, NULL, NULL);
	mem_deref(cancel);

	if (st->state == PROCEEDING)
		st->cancelh(st, msg, st->arg);

	return true;
}


bool strans_receive(struct stack *stack, const struct sip_msg *msg)
{
	struct strans *st;

	if (!pl_strcmp(&msg->met, "ACK"))
		return ack_receive(stack, msg);

	st = find(stack, msg, &msg->via.branch, is_same);
	if (st) {
		repeated(st);
		return true;
	}

	if (!pl_strcmp(&msg->met, "CANCEL"))
		return cancel_receive(stack, msg);

	return false;
}


/* ------------------------------------------------------------------ */
/* Public                                                              */


static char *key_append(char *p, struct pl *dst, const struct pl *src)
{
	memcpy(p, src->p, src->l);
	p[src->l] = '\0';

	dst->p = p;
	dst->l = src->l;

	return p + src->l + 1;
}


/* The Call-ID goes first: it is what the log knows a transaction by */
static void key_set(struct strans *st, const struct sip_msg *msg)
{
	char *p = st->keybuf;

	p = key_append(p, &st->key.callid, &msg->callid);
	p = key_append(p, &st->key.branch, &msg->via.branch);
	p = key_append(p, &st->key.sentby, &msg->via.sentby);
	p = key_append(p, &st->key.method, &msg->met);

	if (pl_isset(&msg->from.tag))
		(void)key_append(p, &st->key.from_tag, &msg->from.tag);

	st->key.cseq = msg->cseq.num;
}


static size_t key_size(const struct sip_msg *msg)
{
	return msg->callid.l + msg->via.branch.l + msg->via.sentby.l +
		msg->met.l + msg->from.tag.l + 5;
}


int strans_accept(struct strans **stp, struct stack *stack,
		  const struct sip_msg *msg)
{
	static const char cookie[] = "z9hG4bK";
	struct strans *st;
	bool merged;
	int err;

	if (!stp || !stack || !msg)
		return EINVAL;

	/* Without the cookie it would be matched by RFC 2543's rules, which
	   nobody needs any more but who forges requests */
	if (msg->via.branch.l <= sizeof(cookie) - 1 ||
	    strncasecmp(msg->via.branch.p, cookie, sizeof(cookie) - 1)) {
		(void)stack_reply_stateless(stack, msg, 400,
					    "Via Branch Without Cookie");
		return EPROTO;
	}

	merged = !pl_isset(&msg->to.tag) && pl_strcmp(&msg->met, "CANCEL") &&
		find(stack, msg, &msg->callid, is_merged);

	st = mem_zalloc(sizeof(*st) + key_size(msg), destructor);
	if (!st)
		return ENOMEM;

	st->stack   = stack;
	st->msg     = mem_ref((void *)(uintptr_t)msg);
	st->invite  = !pl_strcmp(&msg->met, "INVITE");
	st->state   = st->invite ? PROCEEDING : TRYING;
	st->cancelh = cancel_default;
	st->ackh    = ignore_ack;
	key_set(st, msg);

	err = flow_reply(&st->flow, stack, msg);
	if (err) {
		mem_deref(st);
		return err;
	}

	st->owned = true;
	stack_transactions_add(stack, 1);
	hash_append(strans_table(stack), hash_joaat_pl(&st->key.branch),
		    &st->he, st);
	hash_append(strans_table(stack), hash_joaat_pl(&st->key.callid),
		    &st->ce, st);

	if (merged) {
		strans_reject(st, 482, "Loop Detected");
		return EALREADY;
	}

	if (st->invite)
		wheel_start(stack_wheel(stack), &st->repeat, TRYING_MS,
			    trying_handler, st);

	*stp = st;

	return 0;
}


void strans_handlers_set(struct strans *st, strans_cancel_h *cancelh,
			 strans_ack_h *ackh, void *arg)
{
	if (!st)
		return;

	st->cancelh = cancelh ? cancelh : cancel_default;
	st->ackh    = ackh ? ackh : ignore_ack;
	st->arg     = arg;
}


const struct sip_msg *strans_request(const struct strans *st)
{
	return st ? st->msg : NULL;
}


bool strans_is_answered(const struct strans *st)
{
	return st && st->state != TRYING && st->state != PROCEEDING;
}


/* RFC 3261 section 12.1.1: one To-tag for all that makes one dialog; a
   request in a dialog brings it along */
static void tag_set(struct strans *st, const char *tag)
{
	if (pl_isset(&st->msg->to.tag))
		(void)pl_strcpy(&st->msg->to.tag, st->tag, sizeof(st->tag));
	else if (tag)
		str_ncpy(st->tag, tag, sizeof(st->tag));
	else if (!st->tag[0])
		token_random(st->tag, TAG_DIGITS);
}


/* Enter the state after an answer went out */
static void answered(struct strans *st, uint16_t scode)
{
	if (scode < 200) {
		wheel_cancel(&st->repeat);
		if (st->state == TRYING)
			set_state(st, PROCEEDING);
	}
	else if (!st->invite) {
		set_state(st, COMPLETED);
		if (is_reliable(st))
			terminate(st);
		else
			linger(st, span_ms(st));            /* Timer J */
	}
	else if (scode < 300) {
		set_state(st, ACCEPTED);
		await_ack(st, true);
	}
	else {
		set_state(st, COMPLETED);
		await_ack(st, !is_reliable(st));       /* Timers G, H */
	}
}


int strans_reply(struct strans *st, uint16_t scode, const char *reason,
		 const char *tag, const char *hdrs, const char *ctype,
		 const struct mbuf *body)
{
	struct mbuf *mb;
	int err;

	if (!st || scode < 100 || scode > 699)
		return EINVAL;

	if (strans_is_answered(st))
		return EALREADY;

	if (scode > 100)
		tag_set(st, tag);

	err = write_answer(&mb, st, scode, reason, st->tag, hdrs, ctype,
			   body);
	if (err)
		return err;

	mem_deref(st->mb);
	st->mb = mb;
	err = send_answer(st);

	answered(st, scode);

	return err;
}


void strans_reject(struct strans *st, uint16_t scode, const char *reason)
{
	if (!st)
		return;

	(void)strans_reply(st, scode, reason, NULL, NULL, NULL, NULL);
	mem_deref(st);
}


void strans_rejectf(struct strans *st, uint16_t scode, const char *reason,
		    const char *fmt, ...)
{
	char *hdrs = NULL;
	va_list ap;

	if (!st)
		return;

	va_start(ap, fmt);
	(void)re_vsdprintf(&hdrs, fmt, ap);
	va_end(ap);

	(void)strans_reply(st, scode, reason, NULL, hdrs, NULL, NULL);
	mem_deref(hdrs);
	mem_deref(st);
}


/* The stack ends */
void strans_close(struct stack *stack)
{
	struct hash *table = strans_table(stack);

	for (uint32_t i = 0; i < hash_bsize(table); i++) {

		struct list *bucket = hash_list(table, i);

		/* Linked twice: either brings it here */
		while (bucket->head)
			terminate(bucket->head->data);
	}
}
