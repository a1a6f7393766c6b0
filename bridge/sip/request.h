/**
 * @file request.h  One request to a hop: resolve, fail over, authenticate
 *
 * Above the client transaction: finds the hop's targets, sends to the first,
 * goes on to the next when one cannot be reached, is silent or (if asked
 * for) says 503; repeats with credentials when challenged; takes TCP when a
 * UDP message is too large and the hop allows it.
 */
#ifndef SIP_REQUEST_H
#define SIP_REQUEST_H

#include "bridge/base/libre.h"

struct stack;
struct resolver;
struct digest;
struct flow;
struct listener;
struct tlsctx;
struct health;
struct request;

/** A next hop by name: where requests of an account or trunk go. Plain,
    copied by whoever keeps one; its strings are borrowed */
struct hop {
	struct resolver *resolver; /* borrowed                            */
	const char *host;
	uint16_t port;             /* 0: by DNS or default                */
	enum sip_transp tp;        /* SIP_TRANSP_NONE: by DNS             */
	struct listener *lsnrv[SIP_TRANSPC]; /* borrowed, by transport;
				      NULL: that transport is not used    */
	struct tlsctx *tls;        /* NULL: the listener's                */
	const char *tls_name;      /* NULL: host                          */
	const char *via_host;      /* Via sent-by host of ours, with the
				      listener's port; NULL: the listener's */
	uint32_t max_forwards;     /* 0: 70                               */
	struct flow *flow;         /* borrowed; if set and up, use it first */
	bool alone;                /* see struct target                   */
	bool failover_503;         /* 503 means: next target              */
	uint32_t answer_ms;        /* no response at all within: next target,
				      after the last one ETIMEDOUT;
				      0: Timer B or F                     */
	uint32_t next_ms;          /* the same where there is a further
				      target, 0: as answer_ms             */
	struct health *health;     /* borrowed: who answers; NULL: the
				      order of DNS alone                  */
};

struct request_param {
	const char *method;
	const char *ruri;
	const char *head;          /* header lines each with CRLF: From, To,
				      Call-ID, Contact, Route, ... but not
				      Via, Max-Forwards, CSeq, (Proxy-)
				      Authorization, Content-Type/-Length,
				      User-Agent (added)                 */
	uint32_t *cseq;            /* borrowed for the request's life: last
				      number used; counted up by each try */
	const char *ctype;         /* NULL: no body                       */
	const struct mbuf *body;   /* copied                              */
	struct hop hop;
	struct digest *digest;     /* ref; NULL: challenges come up as
				      responses                          */
	bool reuse_nonce;          /* pre-emptive credentials allowed     */
	const char *user_agent;    /* NULL: the stack's                   */
};

/**
 * A response, or the end. Provisionals and the final as they come; 401 and
 * 407 only when they cannot be answered (then request_why() tells). For
 * INVITE also each further 2xx. On err, msg is NULL: ENOENT (name does not
 * resolve), ETIMEDOUT, ECONNREFUSED, EPROTO (TLS) ...; no further call.
 * Called last: it may deref the request.
 */
typedef void (request_h)(int err, const struct sip_msg *msg, void *arg);

/**
 * Send. The handler is never called from inside.
 *
 * Dereferencing gives the request up; an INVITE should be cancelled first.
 *
 * @return 0, EINVAL, ENOMEM
 */
int request_send(struct request **reqp, struct stack *stack,
		 const struct request_param *prm, request_h *h, void *arg);

/** CANCEL an INVITE; hdrs as in ctrans_cancel(). While no try is out yet
    (resolving), the request ends with ECANCELED */
int request_cancel(struct request *req, const char *hdrs);

/** The flow of the present (or last) try, NULL before there is one */
struct flow *request_flow(const struct request *req);

/** The message of the present or last try as it was sent, NULL. Borrowed */
const struct mbuf *request_sent(const struct request *req);

/** Plain words about the last error or refused challenge; "" if none */
const char *request_why(const struct request *req);

/** The credentials were refused after a fresh challenge: they are wrong */
bool request_is_rejected(const struct request *req);

/** Milliseconds from the last try's send to its first response, 0: none */
uint32_t request_rtt_ms(const struct request *req);

#endif
