/**
 * @file request.c  One request to a hop: resolve, fail over, authenticate
 *
 * A request is one or more tries, each a client transaction: to the next
 * target (RFC 3263 section 4.3), over TCP because UDP carries no more (RFC
 * 3261 section 18.1.1), or with credentials (section 22). One try is the
 * present one. An INVITE that was given up for silence is cancelled and kept
 * as a stale try: should it still be answered, that call must be ended.
 */
#include <assert.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "core.h"
#include "ctrans.h"
#include "digest.h"
#include "health.h"
#include "inner.h"
#include "msg.h"
#include "request.h"
#include "resolve.h"
#include "stack.h"
#include "transp.h"


enum {
	BRANCH_DIGITS = 16,
	COOKIE_SIZE   = 7,         /* "z9hG4bK" */
	BRANCH_SIZE   = COOKIE_SIZE + BRANCH_DIGITS + 1,
	MAX_FORWARDS  = 70,
	WITHOUT_HEAD  = 560,       /* start line, Via, credentials: seldom
				      more; then malloc() is at its
				      fastest, below 1 KB                  */
};


enum request_state {
	RESOLVING,                 /* the hop's name                       */
	READY,                     /* nothing is out; goes on from the loop */
	CANCELLED,                 /* the same, only to end                */
	TRYING,                    /* a try is out, nothing came back      */
	PROCEEDING,                /* ... a provisional did                */
	ACCEPTED,                  /* INVITE: 2xx; there may be more       */
	TERMINATED,
};

static const char *const namev[] = {
	[RESOLVING]  = "Resolving",
	[READY]      = "Ready",
	[CANCELLED]  = "Cancelled",
	[TRYING]     = "Trying",
	[PROCEEDING] = "Proceeding",
	[ACCEPTED]   = "Accepted",
	[TERMINATED] = "Terminated",
};

static const unsigned successors[] = {
	[RESOLVING]  = 1u << READY | 1u << CANCELLED | 1u << TRYING |
		       1u << TERMINATED,
	[READY]      = 1u << RESOLVING | 1u << CANCELLED | 1u << TRYING |
		       1u << TERMINATED,
	[CANCELLED]  = 1u << TERMINATED,
	[TRYING]     = 1u << READY | 1u << PROCEEDING | 1u << TERMINATED,
	[PROCEEDING] = 1u << READY | 1u << ACCEPTED | 1u << TERMINATED,
	[ACCEPTED]   = 1u << TERMINATED,
	[TERMINATED] = 0,
};


/** Where a try goes */
struct place {
	enum sip_transp tp;
	struct sa addr;
};

/** One client transaction of a request */
struct try {
	struct le le;              /* in the request's list, which owns it */
	struct request *req;       /* borrowed                             */
	struct ctrans *ct;         /* owned                                */
	struct wheel_tmr life;     /* after a 2xx: how long more may come  */
	uint64_t sent_us;
	bool reused;               /* went over a connection that was there */
};

struct request {
	struct stack *stack;       /* borrowed, outlives us                */
	struct wheel_tmr tmr;      /* READY, CANCELLED: the next turn of
				      the loop; TRYING: hop.answer_ms      */
	struct resolve *resolve;   /* owned, RESOLVING only                */
	struct list tryl;          /* struct try                           */
	struct try *current;       /* borrowed from tryl; NULL: none is out */
	struct flow *flow;         /* ref, of the present or last try      */
	struct place place;        /* the same's                           */
	struct place *placev;      /* owned unless it is `only`, the hop's
				      targets; NULL: not resolved yet      */
	struct place only;
	size_t placec, placei;
	struct mbuf *sent;         /* ref, of the present or last try      */
	struct mbuf *ack;          /* owned, an ACK as it was sent         */
	struct hop hop;            /* strings behind us; flow: ref         */
	struct digest *digest;     /* ref, NULL                            */
	struct digest_attempt attempt;
	struct mbuf *body;         /* owned, NULL: none                    */
	const char *method, *ruri, *head, *ctype, *user_agent; /* behind us */
	uint32_t *cseq;            /* borrowed                             */
	request_h *h;
	void *arg;
	struct request_ground ground;
	char *why;                 /* owned, NULL: nothing to say          */
	uint32_t rtt_ms;
	int err;                   /* of the last try that failed          */
	enum request_state state;
	bool invite;
	bool owned;                /* somebody holds a reference           */
	bool reuse_nonce;
	bool cancelled;            /* CANCEL is on its way                 */
	bool upgraded;             /* this try is TCP for UDP's sake       */
	bool oversize;             /* UDP whatever the size: TCP failed    */
	bool renewed;              /* this place was tried over a new
				      connection after an old one failed   */
	bool refused;              /* the place tried last said 503        */
	bool rejected;             /* the credentials, freshly challenged  */
};


static int proceed(struct request *req);
static void silence_handler(void *arg);


static void ignore_handler(int err, const struct sip_msg *msg, void *arg)
{
	(void)err;
	(void)msg;
	(void)arg;
}


static void ignore_late(const struct sip_msg *msg, void *ground)
{
	(void)msg;
	(void)ground;
}


static void try_destructor(void *data)
{
	struct try *try = data;

	wheel_cancel(&try->life);
	list_unlink(&try->le);
	mem_deref(try->ct);
}


/* The owner has gone: what may still become a call is cancelled, and waited
   for. @return false if there is nothing to wait for */
static bool disown(struct request *req)
{
	if (!req->invite || !req->owned || list_isempty(&req->tryl))
		return false;

	req->owned = false;
	req->h     = ignore_handler;
	wheel_cancel(&req->tmr);

	for (struct le *le = req->tryl.head; le; le = le->next) {

		const struct try *try = le->data;

		(void)ctrans_cancel(try->ct, NULL);
	}

	mem_ref(req);

	return true;
}


static void destructor(void *data)
{
	struct request *req = data;

	if (disown(req))
		return;

	wheel_cancel(&req->tmr);
	mem_deref(req->resolve);
	list_flush(&req->tryl);
	mem_deref(req->flow);
	if (req->placev != &req->only)
		mem_deref(req->placev);
	mem_deref(req->sent);
	mem_deref(req->ack);
	mem_deref(req->hop.flow);
	mem_deref(req->hop.health);
	mem_deref(req->digest);
	mem_deref(req->body);
	mem_deref(req->why);
	mem_deref(req->ground.credentials);
	mem_deref(req->ground.object);
}


static void set_state(struct request *req, enum request_state next)
{
	assert(successors[req->state] & (1u << next));

	debug("request", req->method, "%s: %s -> %s", req->ruri,
	      namev[req->state], namev[next]);

	req->state = next;
}


static void set_why(struct request *req, const char *fmt, ...)
{
	char *why = NULL;
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsdprintf(&why, fmt, ap);
	va_end(ap);

	mem_deref(req->why);
	req->why = why;
}


/* Afterwards a request without owner and tries is no more */
static void try_drop(struct request *req, struct try *try)
{
	if (req->current == try)
		req->current = NULL;

	mem_deref(try);

	if (!req->owned && list_isempty(&req->tryl))
		mem_deref(req);
}


/* The handler is called last: it may deref the request */
static void finish(struct request *req, int err, const struct sip_msg *msg)
{
	request_h *h = req->h;
	void *arg = req->arg;

	set_state(req, TERMINATED);
	wheel_cancel(&req->tmr);

	if (req->current)
		try_drop(req, req->current);

	h(err, msg, arg);
}


/* ------------------------------------------------------------------ */
/* Writing                                                             */


static int write_credentials(struct mbuf *mb, struct request *req)
{
	struct mbuf *copy = req->ground.credentials;
	const size_t start = mb->pos;
	int err;

	if (copy && !strcmp(req->method, "ACK"))
		return mbuf_write_mem(mb, copy->buf, copy->end);

	if (!req->digest)
		return 0;

	err = digest_write(mb, req->digest, &req->attempt, req->method,
			   req->ruri, req->reuse_nonce);
	if (err || !copy)
		return err;

	mbuf_rewind(copy);

	return mbuf_write_mem(copy, mb->buf + start, mb->pos - start);
}


static int write_start(struct mbuf *mb, const struct request *req,
		       const struct flow *flow, const char *branch)
{
	const struct listener *lsnr = flow_listener(flow);
	const char *host = req->hop.via_host;
	char hops[MSG_NUMBER], port[MSG_NUMBER];
	int err;

	err  = msg_write(mb, req->method, " ", req->ruri,
			 " SIP/2.0\r\nVia: SIP/2.0/",
			 sip_transp_name(flow_transp(flow)), " ", NULL);
	if (host)
		err |= msg_write(mb, host, ":", msg_number(port,
				 sa_port(listener_laddr(lsnr))), NULL);
	else
		err |= msg_write(mb, listener_sentby_text(lsnr), NULL);
	err |= msg_write(mb, ";branch=", branch, ";rport\r\nMax-Forwards: ",
			 msg_number(hops, req->hop.max_forwards ?
				    req->hop.max_forwards :
				    (uint32_t)MAX_FORWARDS), "\r\n", NULL);

	return err;
}


static int write_request(struct mbuf **mbp, struct request *req,
			 const struct flow *flow, const char *branch,
			 uint32_t cseq)
{
	const size_t size = mbuf_get_left(req->body);
	char number[MSG_NUMBER];
	struct mbuf *mb;
	int err;

	mb = mbuf_alloc(WITHOUT_HEAD + strlen(req->ruri) + strlen(req->head) +
			size);
	if (!mb)
		return ENOMEM;

	err  = write_start(mb, req, flow, branch);
	err |= msg_write(mb, req->head, "CSeq: ", msg_number(number, cseq),
			 " ", req->method, "\r\n", NULL);
	err |= write_credentials(mb, req);
	err |= msg_write(mb, "User-Agent: ", req->user_agent ?
			 req->user_agent : stack_software(req->stack),
			 "\r\n", NULL);
	if (req->ctype)
		err |= msg_write(mb, "Content-Type: ", req->ctype, "\r\n",
				 NULL);
	err |= msg_write(mb, "Content-Length: ",
			 msg_number(number, (uint32_t)size), "\r\n\r\n",
			 NULL);
	if (size)
		err |= mbuf_write_mem(mb, mbuf_buf(req->body), size);

	mb->pos = 0;

	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}


/* ------------------------------------------------------------------ */
/* Trying                                                              */


static void ctrans_handler(int err, const struct sip_msg *msg, void *arg);


/* What went wrong, as the flow puts it if it knows */
static void note_failure(struct request *req, int err,
			 const struct flow *flow)
{
	const char *why = flow ? flow_why(flow) : "";

	req->err = err;

	if (err == ETIMEDOUT && !str_isset(why))
		set_why(req, "no answer from %J over %s", &req->place.addr,
			sip_transp_name(req->place.tp));
	else if (str_isset(why))
		set_why(req, "%s", why);
	else
		set_why(req, "%J over %s: %m", &req->place.addr,
			sip_transp_name(req->place.tp), err);
}


static int ack_send(struct request *req, struct flow *flow, struct mbuf *mb)
{
	int err;

	err = flow_send(flow, mb, false);
	mb->pos = 0;
	if (err)
		return err;

	mem_deref(req->ack);
	req->ack = mem_ref(mb);

	return 0;
}


/* How long a try may be without any response, 0: as the transaction says */
static uint32_t patience_ms(const struct request *req)
{
	if (req->hop.next_ms && req->placei < req->placec)
		return req->hop.next_ms;

	return req->hop.answer_ms;
}


static int try_start(struct request *req, struct flow *flow, bool reused,
		     const char *branch, struct mbuf *mb, bool limit)
{
	struct try *try;
	int err;

	try = mem_zalloc(sizeof(*try), try_destructor);
	if (!try)
		return ENOMEM;

	err = ctrans_start(&try->ct, req->stack, flow, req->method, branch,
			   mb, limit, ctrans_handler, try);
	if (err) {
		mem_deref(try);
		return err;
	}

	try->req     = req;
	try->reused  = reused;
	try->sent_us = clock_us();
	list_append(&req->tryl, &try->le, try);
	req->current = try;

	if (patience_ms(req))
		wheel_start(stack_wheel(req->stack), &req->tmr,
			    patience_ms(req), silence_handler, req);

	return 0;
}


/* Each try has a new branch and, but for ACK, a new sequence number */
static int send_over(struct request *req, struct flow *flow, bool reused)
{
	const bool is_ack = !strcmp(req->method, "ACK");
	const uint32_t cseq = is_ack ? *req->cseq : *req->cseq + 1;
	const bool limit = flow_transp(flow) == SIP_TRANSP_UDP &&
		req->hop.lsnrv[SIP_TRANSP_TCP] && !req->oversize;
	char branch[BRANCH_SIZE] = "z9hG4bK";
	struct mbuf *mb;
	int err;

	if (!flow_listener(flow))                   /* it has been closed */
		return ENOTCONN;

	token_random(branch + COOKIE_SIZE, BRANCH_DIGITS);

	err = write_request(&mb, req, flow, branch, cseq);
	if (err)
		return err;

	err = is_ack ? ack_send(req, flow, mb)
		: try_start(req, flow, reused, branch, mb, limit);
	if (!err) {
		mem_deref(req->sent);
		req->sent = mem_ref(mb);
	}
	mem_deref(mb);
	if (err)
		return err;

	if (req->flow != flow) {
		mem_deref(req->flow);
		req->flow = mem_ref(flow);
	}
	*req->cseq = cseq;
	set_state(req, is_ack ? TERMINATED : TRYING);

	return 0;
}


static int flow_find(struct flow **flowp, const struct request *req,
		     enum sip_transp tp, const struct sa *addr)
{
	const struct hop *hop = &req->hop;
	const struct target target = {
		.tp       = tp,
		.addr     = *addr,
		.lsnr     = hop->lsnrv[tp],
		.tls      = hop->tls,
		.tls_name = hop->tls_name ? hop->tls_name : hop->host,
		.alone    = hop->alone,
	};

	return flow_get(flowp, req->stack, &target);
}


/* Too large for UDP: TCP to the same place, and if there is none UDP all the
   same (the way of RFC 3261 section 18.1.1) */
static int send_large(struct request *req, struct flow *udp)
{
	struct flow *tcp;
	int err;

	err = flow_find(&tcp, req, SIP_TRANSP_TCP, &req->place.addr);
	if (!err) {
		err = send_over(req, tcp, false);
		mem_deref(tcp);
	}

	if (!err) {
		req->upgraded = true;
		return 0;
	}

	req->oversize = true;

	return send_over(req, udp, false);
}


static int send_flow(struct request *req, struct flow *flow, bool reused)
{
	int err;

	err = send_over(req, flow, reused);
	if (err == EMSGSIZE)
		err = send_large(req, flow);
	if (err)
		note_failure(req, err, flow);

	return err;
}


/* To the present place */
static int send_place(struct request *req)
{
	struct flow *flow;
	bool reused;
	int err;

	err = flow_find(&flow, req, req->place.tp, &req->place.addr);
	if (err) {
		note_failure(req, err, NULL);
		return err;
	}

	reused = req->place.tp != SIP_TRANSP_UDP && flow_is_up(flow);
	err = send_flow(req, flow, reused);
	mem_deref(flow);

	return err;
}


/* Once more to where the last try went, by the same flow if it is up */
static int send_again(struct request *req)
{
	if (req->flow && flow_is_up(req->flow))
		return send_flow(req, req->flow, true);

	return send_place(req);
}


/* ------------------------------------------------------------------ */
/* Where to                                                            */


static bool has_listener(const struct request *req, enum sip_transp tp,
			 const struct sa *addr)
{
	const struct listener *lsnr;

	if (tp < 0 || tp >= SIP_TRANSPC)
		return false;

	lsnr = req->hop.lsnrv[tp];

	return lsnr && sa_af(listener_laddr(lsnr)) == sa_af(addr);
}


/* The transport where neither the hop nor DNS tells: the only one we have,
   else UDP (RFC 3263 section 4.1) if we have it */
static enum sip_transp transp_default(const struct hop *hop, bool *only)
{
	enum sip_transp tp = SIP_TRANSP_NONE;
	unsigned n = 0;

	for (int i = SIP_TRANSPC - 1; i >= 0; i--) {
		if (hop->lsnrv[i]) {
			tp = (enum sip_transp)i;
			++n;
		}
	}

	*only = n == 1;

	return tp;
}


/* Those that did not answer lately go last, the order stays otherwise */
static void places_sort(struct request *req)
{
	struct place *v = req->placev;
	size_t upc = 0;

	if (!req->hop.health)
		return;

	for (size_t i = 0; i < req->placec; i++) {
		const struct place place = v[i];

		if (health_is_down(req->hop.health, place.tp, &place.addr))
			continue;

		memmove(&v[upc + 1], &v[upc], (i - upc) * sizeof(*v));
		v[upc++] = place;
	}
}


static int places_set(struct request *req, const struct resolved *v, size_t c)
{
	/* seldom more than one */
	req->placev = c > 1 ? mem_reallocarray(NULL, c, sizeof(*req->placev),
					       NULL) : &req->only;
	if (!req->placev)
		return ENOMEM;

	for (size_t i = 0; i < c; i++) {

		if (!has_listener(req, v[i].tp, &v[i].addr))
			continue;

		req->placev[req->placec].tp   = v[i].tp;
		req->placev[req->placec].addr = v[i].addr;
		++req->placec;
	}

	places_sort(req);

	if (!req->placec) {
		set_why(req, "no listener for the transport or address family"
			" of %s", req->hop.host);
		return EPROTONOSUPPORT;
	}

	return 0;
}


static void resolve_handler(int err, const struct resolved *v, size_t c,
			    void *arg)
{
	struct request *req = arg;

	req->resolve = mem_deref(req->resolve);

	if (err)
		set_why(req, err == ENOENT ? "name %s does not resolve" :
			"no answer from DNS for %s", req->hop.host);
	else
		err = places_set(req, v, c);

	if (!err)
		err = proceed(req);
	if (err)
		finish(req, err, NULL);
}


/* An address needs no resolver, and no turn of the loop */
static bool host_is_address(struct resolved *res, const struct hop *hop)
{
	struct pl host;
	bool only;

	pl_set_str(&host, hop->host);
	if (host.l > 2 && host.p[0] == '[') {
		pl_advance(&host, 1);
		--host.l;
	}

	res->tp = hop->tp != SIP_TRANSP_NONE ? hop->tp
		: transp_default(hop, &only);

	return res->tp != SIP_TRANSP_NONE &&
		!sa_set(&res->addr, &host, sip_transp_port(res->tp,
							   hop->port));
}


static int find_places(struct request *req)
{
	const struct hop *hop = &req->hop;
	enum sip_transp tp = hop->tp;
	struct resolved res;
	bool only;
	int err;

	if (!hop->host)
		return req->err ? req->err : EHOSTUNREACH;

	if (host_is_address(&res, hop)) {
		err = places_set(req, &res, 1);
		return err ? err : proceed(req);
	}

	if (tp == SIP_TRANSP_NONE) {
		tp = transp_default(hop, &only);
		if (!only)
			tp = SIP_TRANSP_NONE;
	}

	err = resolve(&req->resolve, hop->resolver, hop->host, hop->port, tp,
		      resolve_handler, req);
	if (err) {
		set_why(req, "cannot resolve %s: %m", hop->host, err);
		return err;
	}

	if (req->state != RESOLVING)
		set_state(req, RESOLVING);

	return 0;
}


/* The flow that was tried first leads to one of the hop's places: that one
   has said 503 for itself already */
static bool has_refused(struct request *req, const struct place *place)
{
	if (!req->refused || place->tp != req->place.tp ||
	    !sa_cmp(&place->addr, &req->place.addr, SA_ALL))
		return false;

	set_why(req, "503 from %J, and there is no other address",
		&place->addr);

	return true;
}


/** The present place came to nothing, also by a new connection */
static void place_failed(const struct request *req, int err)
{
	if (err != ENOMEM && err != EMSGSIZE)
		health_failed(req->hop.health, req->place.tp,
			      &req->place.addr);
}


/**
 * Send to the next place that takes it
 *
 * @return 0 if a try is out or a name is being resolved, else the last error
 */
static int proceed(struct request *req)
{
	struct flow *flow = req->hop.flow;
	int err;

	req->upgraded = req->oversize = req->renewed = false;

	if (flow) {
		req->hop.flow = NULL;
		req->place.tp   = flow_transp(flow);
		req->place.addr = *flow_peer(flow);
		if (flow_is_up(flow)) {
			err = send_flow(req, flow, true);
		}
		else {
			err = ENOTCONN;
			note_failure(req, err, flow);
		}
		mem_deref(flow);
		if (!err)
			return 0;
	}

	if (!req->placev)
		return find_places(req);

	while (req->placei < req->placec) {

		const struct place *place = &req->placev[req->placei++];

		if (has_refused(req, place))
			continue;

		req->place   = *place;
		req->refused = false;
		req->upgraded = req->oversize = req->renewed = false;

		err = send_place(req);
		if (!err)
			return 0;

		place_failed(req, err);
	}

	return req->err ? req->err : EHOSTUNREACH;
}


/* The first attempt failed at once: the owner is told from the loop */
static void ready_handler(void *arg)
{
	struct request *req = arg;
	int err;

	err = req->state == CANCELLED ? ECANCELED : proceed(req);
	if (err)
		finish(req, err, NULL);
}


/* ------------------------------------------------------------------ */
/* What comes back                                                     */


static bool has_next(const struct request *req)
{
	return req->hop.flow || req->placei < req->placec ||
		(!req->placev && req->hop.host);
}


static void try_life_handler(void *arg)
{
	struct try *try = arg;
	struct request *req = try->req;

	if (try != req->current) {
		try_drop(req, try);
		return;
	}

	set_state(req, TERMINATED);
	try_drop(req, try);
}


/* More 2xx may follow for as long as the transaction takes them (Timer M) */
static void try_accepted(struct try *try)
{
	struct stack *stack = try->req->stack;

	if (!wheel_is_running(&try->life))
		wheel_start(stack_wheel(stack), &try->life,
			    64 * stack_timers(stack)->t1_ms,
			    try_life_handler, try);
}


/* Its 2xx is a call that nobody waits for */
static void stale_response(struct request *req, struct try *try,
			   const struct sip_msg *msg)
{
	if (msg->scode < 200)
		return;

	if (msg->scode >= 300) {
		try_drop(req, try);
		return;
	}

	try_accepted(try);
	req->ground.lateh(msg, req->ground.object);
}


/**
 * The present try came to nothing: the same place another way, or the next
 *
 * @param reused  It went over a connection that was there before
 */
static void go_on(struct request *req, int err, bool reused)
{
	if (!req->owned || req->cancelled || err == ESHUTDOWN) {
		finish(req, err, NULL);
		return;
	}

	set_state(req, READY);

	if (req->upgraded) {
		req->upgraded = false;
		req->oversize = true;
		err = send_place(req);
	}
	else if (reused && err != ETIMEDOUT && !req->renewed &&
		 req->placev) {
		req->renewed = true;
		err = send_place(req);
	}

	if (err) {
		place_failed(req, err);
		err = proceed(req);
	}
	if (err)
		finish(req, err, NULL);
}


static void try_failed(struct request *req, int err)
{
	struct try *try = req->current;
	const bool reused = try->reused;

	note_failure(req, err, req->flow);
	wheel_cancel(&req->tmr);

	if (req->state != TRYING) {
		finish(req, err, NULL);
		return;
	}

	req->current = NULL;
	mem_ref(req);
	try_drop(req, try);
	go_on(req, err, reused);
	mem_deref(req);
}


/* hop.answer_ms is over. An INVITE may have arrived all the same: its try is
   cancelled and stale from now. */
static void silence_handler(void *arg)
{
	struct request *req = arg;
	struct try *try = req->current;

	note_failure(req, ETIMEDOUT, req->flow);

	req->current = NULL;
	if (req->invite)
		(void)ctrans_cancel(try->ct, NULL);
	else
		try_drop(req, try);

	go_on(req, ETIMEDOUT, false);
}


/* A challenge. @return true if a new try is out, or will be */
static bool try_authenticate(struct request *req, const struct sip_msg *msg)
{
	enum digest_verdict verdict;
	const char *why = "";

	if (!req->digest || req->cancelled || !req->owned)
		return false;

	verdict = digest_challenged(req->digest, &req->attempt, msg, &why);
	req->rejected = verdict == DIGEST_REJECTED;
	if (verdict != DIGEST_RETRY) {
		set_why(req, "%s", why);
		return false;
	}

	try_drop(req, req->current);
	set_state(req, READY);
	if (!send_again(req) || !proceed(req))
		return true;

	/* The challenge is the last that was heard of this request */
	return false;
}


/* 403 to credentials that were kept: once more, without. As with a
   challenge, it is the last that was heard if nothing can be sent */
static bool try_afresh(struct request *req)
{
	if (req->cancelled || !req->owned ||
	    !digest_start_afresh(req->digest, &req->attempt))
		return false;

	try_drop(req, req->current);
	set_state(req, READY);

	return !send_again(req) || !proceed(req);
}


/* 503: this place has no room, another may (RFC 3263 section 4.3) */
static bool try_elsewhere(struct request *req)
{
	if (!req->hop.failover_503 || req->cancelled || !req->owned ||
	    !has_next(req))
		return false;

	try_drop(req, req->current);
	set_state(req, READY);
	req->refused = true;

	return !proceed(req);
}


static void first_response(struct request *req, const struct try *try)
{
	wheel_cancel(&req->tmr);
	set_state(req, PROCEEDING);
	(void)health_answered(req->hop.health, req->place.tp,
			      &req->place.addr);
	req->rtt_ms = (uint32_t)((clock_us() - try->sent_us + 999) / 1000);
}


/* The handler is called last: it may deref the request */
static void response(struct request *req, const struct sip_msg *msg)
{
	const uint16_t scode = msg->scode;
	struct try *try = req->current;

	if (req->state == TRYING)
		first_response(req, try);

	if (scode < 200) {
		req->h(0, msg, req->arg);
		return;
	}

	if (scode < 300 && req->attempt.sent)
		digest_accepted(req->digest, msg);
	if (scode < 300 && req->attempt.afresh)
		digest_once(req->digest);

	if (scode < 300 && req->invite) {
		if (req->state != ACCEPTED)
			set_state(req, ACCEPTED);
		try_accepted(try);
		if (req->owned)
			req->h(0, msg, req->arg);
		else
			req->ground.lateh(msg, req->ground.object);
		return;
	}

	if ((scode == 401 || scode == 407) && try_authenticate(req, msg))
		return;

	if (scode == 403 && try_afresh(req))
		return;

	if (scode == 503 && try_elsewhere(req))
		return;

	finish(req, 0, msg);
}


static void ctrans_handler(int err, const struct sip_msg *msg, void *arg)
{
	struct try *try = arg;
	struct request *req = try->req;

	if (try != req->current) {
		if (err)
			try_drop(req, try);
		else
			stale_response(req, try, msg);
	}
	else if (err) {
		try_failed(req, err);
	}
	else {
		response(req, msg);
	}
}


/* ------------------------------------------------------------------ */
/* Public                                                              */


static const char *pack(char **p, const char *str)
{
	const char *at = *p;

	if (!str)
		return NULL;

	memcpy(*p, str, strlen(str) + 1);
	*p += strlen(str) + 1;

	return at;
}


static size_t packed(const char *str)
{
	return str ? strlen(str) + 1 : 0;
}


/* Everything borrowed from the owner */
static void copy_strings(struct request *req,
			 const struct request_param *prm)
{
	char *p = (char *)(req + 1);

	req->method       = pack(&p, prm->method);
	req->ruri         = pack(&p, prm->ruri);
	req->head         = pack(&p, prm->head);
	req->ctype        = pack(&p, prm->ctype);
	req->user_agent   = pack(&p, prm->user_agent);
	req->hop          = prm->hop;
	req->hop.host     = pack(&p, prm->hop.host);
	req->hop.tls_name = pack(&p, prm->hop.tls_name);
	req->hop.via_host = pack(&p, prm->hop.via_host);
	req->hop.flow     = mem_ref(prm->hop.flow);
	req->hop.health   = mem_ref(prm->hop.health);
}


/* In one block with all of its texts */
static struct request *block_alloc(const struct request_param *prm)
{
	const size_t texts = packed(prm->method) + packed(prm->ruri) +
		packed(prm->head) + packed(prm->ctype) +
		packed(prm->user_agent) + packed(prm->hop.host) +
		packed(prm->hop.tls_name) + packed(prm->hop.via_host);
	struct request *req = mem_alloc(sizeof(*req) + texts, destructor);

	if (!req)
		return NULL;

	memset(req, 0, sizeof(*req));
	copy_strings(req, prm);

	return req;
}


static int copy_body(struct request *req, const struct request_param *prm)
{
	const size_t size = prm->ctype ? mbuf_get_left(prm->body) : 0;
	int err;

	if (!size)
		return 0;

	req->body = mbuf_alloc(size);
	if (!req->body)
		return ENOMEM;

	err = mbuf_write_mem(req->body, mbuf_buf(prm->body), size);
	req->body->pos = 0;

	return err;
}


int request_send_on(struct request **reqp, struct stack *stack,
		    const struct request_param *prm,
		    const struct request_ground *ground, request_h *h,
		    void *arg)
{
	struct request *req;
	int err;

	if (!reqp || !stack || !prm || !prm->method || !prm->ruri ||
	    !prm->head || !prm->cseq || (!prm->hop.host && !prm->hop.flow))
		return EINVAL;

	req = block_alloc(prm);
	if (!req)
		return ENOMEM;

	req->state = READY;
	req->stack = stack;

	err = copy_body(req, prm);
	if (err) {
		mem_deref(req);
		return ENOMEM;
	}

	req->cseq         = prm->cseq;
	req->digest       = mem_ref(prm->digest);
	req->reuse_nonce  = prm->reuse_nonce;
	req->h            = h ? h : ignore_handler;
	req->arg          = arg;
	req->invite       = !strcmp(prm->method, "INVITE");
	req->ground.lateh = ignore_late;
	if (ground) {
		req->ground.object      = mem_ref(ground->object);
		req->ground.credentials = mem_ref(ground->credentials);
		if (ground->lateh)
			req->ground.lateh = ground->lateh;
	}
	req->owned = true;

	/* Go on from the loop, where the handler may be called */
	err = proceed(req);
	if (err) {
		req->err = err;
		wheel_start(stack_wheel(stack), &req->tmr, 0, ready_handler,
			    req);
	}

	*reqp = req;

	return 0;
}


int request_send(struct request **reqp, struct stack *stack,
		 const struct request_param *prm, request_h *h, void *arg)
{
	return request_send_on(reqp, stack, prm, NULL, h, arg);
}


int request_repeat(struct request *req)
{
	int err;

	if (!req || !req->ack)
		return EINVAL;

	err = flow_send(req->flow, req->ack, false);
	req->ack->pos = 0;

	return err;
}


int request_cancel(struct request *req, const char *hdrs)
{
	if (!req || !req->invite)
		return EINVAL;

	switch (req->state) {

	case RESOLVING:
	case READY:
		req->resolve = mem_deref(req->resolve);
		set_state(req, CANCELLED);
		set_why(req, "cancelled");
		wheel_start(stack_wheel(req->stack), &req->tmr, 0,
			    ready_handler, req);
		return 0;

	case TRYING:
	case PROCEEDING:
		req->cancelled = true;
		return ctrans_cancel(req->current->ct, hdrs);

	default:
		return EALREADY;
	}
}


struct flow *request_flow(const struct request *req)
{
	return req ? req->flow : NULL;
}


const struct mbuf *request_sent(const struct request *req)
{
	return req ? req->sent : NULL;
}


const char *request_why(const struct request *req)
{
	return req && req->why ? req->why : "";
}


bool request_is_rejected(const struct request *req)
{
	return req && req->rejected;
}


uint32_t request_rtt_ms(const struct request *req)
{
	return req ? req->rtt_ms : 0;
}
