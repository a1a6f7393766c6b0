/**
 * @file flow.h  Inside of the transport: listeners, flows, connections
 *
 * Private to transp.c, dgram.c and conn.c. A connection's flow belongs to the
 * transport's table while it is open; a UDP flow is only borrowed by it and
 * lives as long as someone holds it.
 */
#ifndef SIP_FLOW_H
#define SIP_FLOW_H

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "compat.h"

struct stack;
struct stack_conf;
struct tlsctx;
struct target;
struct gate;
struct conn;
struct cork;

enum { WHY_MAX = 192 };

struct transp {
	struct stack *stack;       /* borrowed, owner                     */
	struct hash *flows;        /* owned; flows by peer address        */
	struct list lsnrl;         /* borrowed listeners                  */
	size_t connc;              /* open connections that came in      */
	size_t conns_max;
	size_t conns_source_max;
	struct gate *gate;         /* owned                               */
	struct list shakingl;      /* borrowed; struct conn that came in and
				      have not shown who they are, oldest
				      first                               */
	struct list strangerl;     /* the same of those who are not known  */
	int reserve;               /* descriptor kept back for accept(2)  */
	struct dgram_batch *batch; /* owned; buffers of dgram.c           */
	struct cork *cork;         /* owned                               */
	struct parse_room *room;   /* owned; for the message that is read  */
};

struct listener {
	struct le le;              /* transp->lsnrl                       */
	struct transp *transp;     /* borrowed; NULL once it has gone     */
	struct list flowl;         /* borrowed; flows from here           */
	char *name;                /* owned                               */
	char *host;                /* owned; NULL: the address            */
	char *sentby;              /* owned; host and port, as we say them */
	uint16_t port;             /* of sent-by; 0: laddr's              */
	enum sip_transp tp;
	struct sa laddr;
	struct tlsctx *tls;        /* ref; NULL unless TLS                */
	struct loop_fd lf;
	int fd;                    /* -1: closed                          */
};

struct flow {
	struct le he;              /* transp->flows                       */
	struct le le;              /* lsnr->flowl                         */
	struct listener *lsnr;     /* borrowed; NULL once it has gone     */
	struct wheel *wheel;       /* borrowed                            */
	struct sa peer;
	struct sa local;           /* of a connection that we opened; else
				      not set: the listener's             */
	enum sip_transp tp;
	bool inbound;
	bool wanted;               /* UDP: we opened it                   */
	bool apart;                /* UDP: each datagram leaves alone     */
	struct list watchl;        /* borrowed; struct flow_watch         */
	struct wheel_tmr tell_tmr; /* tells watchers of a close           */
	int err;                   /* a connection's reason to close, 0   */
	char *why;                 /* owned; NULL: nothing to say         */
	struct conn *conn;         /* owned; TCP and TLS while open       */
	struct wheel_tmr ka_tmr;
	uint32_t ka_s;             /* 0: no keepalive                     */
	bool ka_pong;
};

/* transp.c */
int  transp_alloc(struct transp **transpp, struct stack *stack,
		  const struct stack_conf *conf);
int  flow_alloc(struct flow **flowp, struct listener *lsnr,
		const struct sa *peer);
void flow_link(struct flow *flow);
void flow_receive(struct flow *flow, const uint8_t *buf, size_t size);
void flow_tell(struct flow *flow, int err);
void flow_tell_later(struct flow *flow);
void flow_why_set(struct flow *flow, const char *fmt, ...);
void flow_trace(const struct flow *flow, bool tx, const uint8_t *buf,
		size_t size);
int  socket_prepare(int fd, int af, int type);

/* dgram.c */
int  dgram_open(struct listener *lsnr);
int  dgram_send(struct flow *flow, struct mbuf *mb);
int  dgram_send_soon(struct flow *flow, struct mbuf *mb);
int  dgram_send_now(const struct flow *flow, const void *p, size_t size);
struct flow *dgram_find(const struct transp *transp,
			   const struct listener *lsnr,
			   const struct sa *peer);
int  dgram_get(struct flow **flowp, struct listener *lsnr,
		  const struct sa *peer);

/* conn.c */
int  conn_open_listener(struct listener *lsnr);
int  conn_connect(struct flow **flowp, const struct target *target);
struct flow *conn_find(const struct transp *transp,
		       const struct target *target);
int  conn_send(struct flow *flow, struct mbuf *mb);
bool conn_is_up(const struct flow *flow);
bool conn_peer_has_name(const struct flow *flow, const char *name);
void conn_close(struct flow *flow, int err);
int  conn_ping(struct flow *flow, bool pong);

/* guard.c: reasons of callbridge_sip_refused_total */
enum refusal {
	REFUSED_SOURCE,            /* not admitted                        */
	REFUSED_START_LINE,        /* guard_start()                       */
	REFUSED_FRAME,             /* guard_frame()                       */
	REFUSED_PARSER,            /* parse_message()                     */
	REFUSED_HEADERS,           /* guard_message()                     */
	REFUSED_COLLISION,         /* a stranger's name with a known id   */
	REFUSED_STRAY,             /* matches no transaction              */
	REFUSED_CONNECTIONS,       /* too many of them                    */
	REFUSED_SLOW,              /* a message took too long             */
	REFUSED_TLS,               /* handshake or certificate            */
	REFUSED_HANDSHAKES,        /* too many a second (gate.h)          */
	REFUSED_RATE,              /* requests, likewise                  */
	REFUSALS
};
void refusal_count(enum refusal reason);

#endif
