/**
 * @file transp.h  Listeners and flows: UDP, TCP and TLS (RFC 3261 section 18)
 *
 * A listener is one local address and transport: what we put in Via and
 * Contact. A flow is a way to one peer from one listener: a UDP socket with
 * an address, or a connection. A TCP or TLS connection is found again by
 * listener, peer address and TLS name and used for everything to that peer
 * that does not ask for a flow of its own; it closes when idle and unused
 * (120 s without a message and without a watcher).
 *
 * TCP_NODELAY is set, DSCP is CS3. Inbound frames are limited in size and
 * time (10 s a message, 5 s its headers). CRLFCRLF pings are answered
 * with CRLF (RFC 5626 section 4.4.1).
 */
#ifndef SIP_TRANSP_H
#define SIP_TRANSP_H

#include "bridge/base/libre.h"

struct stack;
struct listener;
struct flow;
struct tlsctx;

struct listener_conf {
	const char *name;          /* for logs and metrics: "pbx", "teams" */
	enum sip_transp tp;        /* UDP, TCP or TLS                      */
	struct sa laddr;           /* port 0: any                          */
	const char *host;          /* host we write in Via and Contact: name
				      or address; NULL: laddr's address   */
	uint16_t port;             /* the same for the port; 0: laddr's   */
	struct tlsctx *tls;        /* TLS: referenced; as server, and as the
				      client unless the hop has its own   */
};

/**
 * Bind, listen and receive
 *
 * @return 0, EINVAL, ENOMEM, errno of bind(2) and listen(2)
 */
int listener_alloc(struct listener **lsnrp, struct stack *stack,
		   const struct listener_conf *conf);

const char *listener_name(const struct listener *lsnr);
enum sip_transp listener_transp(const struct listener *lsnr);
const struct sa *listener_laddr(const struct listener *lsnr);

/** Host and port for Via and Contact: "host:port", IPv6 in brackets.
    libre %H handler */
int listener_sentby(struct re_printf *pf, const struct listener *lsnr);

/** The same as text; lives as long as the listener */
const char *listener_sentby_text(const struct listener *lsnr);

/** Where a request goes, after names were resolved */
struct target {
	enum sip_transp tp;
	struct sa addr;
	struct listener *lsnr;     /* borrowed; its transport is tp        */
	struct tlsctx *tls;        /* borrowed; NULL: the listener's       */
	const char *tls_name;      /* borrowed; SNI and name to be found in
				      the certificate; NULL: chain only   */
	bool alone;                /* a connection of its own, not shared  */
};

/**
 * Find or open the flow to a target. A connection that is not up yet takes
 * messages; they go out when it is.
 *
 * @return 0, EINVAL, ENOMEM, EMFILE, errno of connect(2)
 */
int flow_get(struct flow **flowp, struct stack *stack,
	     const struct target *target);

/**
 * Send one whole message (or a keepalive) from mb's position to its end
 *
 * A UDP message of more than 1,300 octets is refused with EMSGSIZE if
 * `limit` is set: the caller then takes TCP (RFC 3261 section 18.1.1).
 * A full socket buffer is not an error; a transaction repeats by timer.
 *
 * @return 0, EMSGSIZE, ENOTCONN (closed), ENOMEM, errno of send(2)
 */
int flow_send(struct flow *flow, struct mbuf *mb, bool limit);

/**
 * The same of a request that is repeated if it gets lost: over UDP it may
 * wait for others of this turn of the loop (stack_cork()). What then goes
 * wrong is told by flow_watch(). Refers to mb until it has left
 */
int flow_send_soon(struct flow *flow, struct mbuf *mb, bool limit);

enum sip_transp flow_transp(const struct flow *flow);
const struct sa *flow_peer(const struct flow *flow);
struct listener *flow_listener(const struct flow *flow);
bool flow_is_inbound(const struct flow *flow);
bool flow_is_up(const struct flow *flow);

/** TLS: the peer's verified certificate bears that DNS name */
bool flow_peer_has_name(const struct flow *flow, const char *name);

/** Why a flow could not be opened or was closed, in plain words ("TLS:
    certificate of pbx.example ended 2026-01-02", "connection refused");
    "" while there is nothing to say */
const char *flow_why(const struct flow *flow);

/**
 * The flow has come up, (err 0) or has closed (errno). After a close it is
 * called no more. Handlers run from the loop, never from inside the call
 * that caused it.
 */
typedef void (flow_h)(struct flow *flow, int err, void *arg);

/** To be told about a flow. Embedded in its owner; zero before use */
struct flow_watch {
	struct le le;
	struct flow *flow;         /* ref while watching */
	flow_h *h;
	void *arg;
};

/** Watch a flow (dropping another one watched before). A UDP flow never
    comes up nor closes, but ICMP errors are told as errno, many times */
void flow_watch(struct flow_watch *watch, struct flow *flow, flow_h *h,
		void *arg);
void flow_unwatch(struct flow_watch *watch);

/** Close a connection now; its watchers are told ECONNABORTED */
void flow_close(struct flow *flow);

/** CRLF keepalive every interval_s (RFC 5626 4.4.1; UDP: CRLFCRLF as a
    datagram). On a connection, no pong within 10 s closes it if `pong` */
int flow_keepalive(struct flow *flow, uint32_t interval_s, bool pong);

#endif
