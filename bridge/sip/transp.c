/**
 * @file transp.c  Listeners and flows (RFC 3261 section 18)
 */
#include <fcntl.h>
#include <unistd.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "core.h"
#include "cork.h"
#include "flow.h"
#include "gate.h"
#include "guard.h"
#include "msg.h"
#include "parse.h"
#include "parse_room.h"
#include "stack.h"
#include "tlsctx.h"
#include "hep.h"
#include "trace.h"
#include "transp.h"


enum {
	FLOW_BUCKETS       = 1 << 12,
	CONNS_MAX          = 2000,
	CONNS_SOURCE_MAX   = 20,
	UDP_SIZE_MAX       = 1300, /* section 18.1.1: MTU less 200         */
	DSCP_CS3           = 24 << 2,
	PING_FACTOR_MIN    = 80,   /* per cent of the interval, RFC 5626   */
};


/** Its flows have nowhere to send from any more */
static void listener_orphan(struct listener *lsnr)
{
	struct le *le;

	while ((le = list_head(&lsnr->flowl))) {

		struct flow *flow = le->data;

		list_unlink(&flow->le);
		hash_unlink(&flow->he);
		flow->lsnr = NULL;
		if (flow->conn)
			conn_close(flow, ECONNABORTED);
	}
}


static void transp_destructor(void *data)
{
	struct transp *transp = data;
	struct le *le;

	cork_flush(transp->cork);

	while ((le = list_head(&transp->lsnrl))) {

		struct listener *lsnr = le->data;

		list_unlink(&lsnr->le);
		loop_close(&lsnr->lf);
		listener_orphan(lsnr);
		lsnr->transp = NULL;
	}

	mem_deref(transp->flows);
	mem_deref(transp->batch);
	mem_deref(transp->cork);
	mem_deref(transp->room);
	mem_deref(transp->gate);
	if (transp->reserve >= 0)
		(void)close(transp->reserve);
}


int transp_alloc(struct transp **transpp, struct stack *stack,
		 const struct stack_conf *conf)
{
	struct transp *transp;
	int err;

	transp = mem_zalloc(sizeof(*transp), transp_destructor);
	if (!transp)
		return ENOMEM;

	transp->stack     = stack;
	transp->conns_max = conf->conns_max ? conf->conns_max : CONNS_MAX;
	transp->conns_source_max = conf->conns_source_max ?
		conf->conns_source_max : CONNS_SOURCE_MAX;
	transp->reserve   = open("/dev/null", O_RDONLY | O_CLOEXEC);

	err = gate_alloc(&transp->gate, stack, conf);
	if (!err)
		err = hash_alloc(&transp->flows, FLOW_BUCKETS);
	if (!err)
		err = parse_room_alloc(&transp->room);
	if (!err)
		err = cork_alloc(&transp->cork);
	if (err)
		mem_deref(transp);
	else
		*transpp = transp;

	return err;
}


/** Non-blocking, DSCP CS3; IPv6 sockets carry IPv6 only */
int socket_prepare(int fd, int af, int type)
{
	const int on = 1, dscp = DSCP_CS3;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
		return errno;

	if (af == AF_INET6) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &dscp,
				 sizeof(dscp));
	}
	else {
		(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &dscp,
				 sizeof(dscp));
	}

	if (type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));

	return 0;
}


static void listener_destructor(void *data)
{
	struct listener *lsnr = data;

	if (lsnr->transp)
		cork_flush(lsnr->transp->cork);

	list_unlink(&lsnr->le);
	loop_close(&lsnr->lf);
	if (lsnr->fd >= 0)
		(void)close(lsnr->fd);

	listener_orphan(lsnr);

	mem_deref(lsnr->tls);
	mem_deref(lsnr->name);
	mem_deref(lsnr->host);
	mem_deref(lsnr->sentby);
}


static int listener_open(struct listener *lsnr)
{
	const int on = 1;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	const int af = sa_af(&lsnr->laddr);
	const int type = lsnr->tp == SIP_TRANSP_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int err;

	lsnr->fd = socket(af, type, 0);
	if (lsnr->fd < 0)
		return errno;

	err = socket_prepare(lsnr->fd, af, type);
	if (err)
		return err;

	if (af == AF_INET6)
		(void)setsockopt(lsnr->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
				 sizeof(on));

	/* only for streams: two UDP sockets on one port would both bind */
	if (type == SOCK_STREAM)
		(void)setsockopt(lsnr->fd, SOL_SOCKET, SO_REUSEADDR, &on,
				 sizeof(on));

	if (bind(lsnr->fd, &lsnr->laddr.u.sa, lsnr->laddr.len))
		return errno;

	if (getsockname(lsnr->fd, (struct sockaddr *)&ss, &len))
		return errno;

	err = sa_set_sa(&lsnr->laddr, (struct sockaddr *)&ss);
	if (err)
		return err;

	return type == SOCK_DGRAM ? dgram_open(lsnr) :
		conn_open_listener(lsnr);
}


/** Every request says it, so it is written once */
static int sentby_make(struct listener *lsnr)
{
	const uint16_t port = lsnr->port ? lsnr->port : sa_port(&lsnr->laddr);

	if (lsnr->host && strchr(lsnr->host, ':') && lsnr->host[0] != '[')
		return re_sdprintf(&lsnr->sentby, "[%s]:%u", lsnr->host,
				   port);
	if (lsnr->host)
		return re_sdprintf(&lsnr->sentby, "%s:%u", lsnr->host, port);
	if (sa_af(&lsnr->laddr) == AF_INET6)
		return re_sdprintf(&lsnr->sentby, "[%j]:%u", &lsnr->laddr,
				   port);

	return re_sdprintf(&lsnr->sentby, "%j:%u", &lsnr->laddr, port);
}


int listener_alloc(struct listener **lsnrp, struct stack *stack,
		   const struct listener_conf *conf)
{
	struct listener *lsnr;
	int err;

	if (!lsnrp || !stack || !conf || (sa_af(&conf->laddr) != AF_INET &&
					  sa_af(&conf->laddr) != AF_INET6))
		return EINVAL;
	if (conf->tp != SIP_TRANSP_UDP && conf->tp != SIP_TRANSP_TCP &&
	    conf->tp != SIP_TRANSP_TLS)
		return EINVAL;
	if (conf->tp == SIP_TRANSP_TLS && !conf->tls)
		return EINVAL;

	lsnr = mem_zalloc(sizeof(*lsnr), listener_destructor);
	if (!lsnr)
		return ENOMEM;

	lsnr->fd     = -1;
	lsnr->tp     = conf->tp;
	lsnr->laddr  = conf->laddr;
	lsnr->port   = conf->port;
	lsnr->transp = stack_transp(stack);
	lsnr->tls    = conf->tp == SIP_TRANSP_TLS ? mem_ref(conf->tls) : NULL;

	err = str_dup(&lsnr->name, conf->name ? conf->name : "");
	if (err)
		goto out;

	if (conf->host) {
		err = str_dup(&lsnr->host, conf->host);
		if (err)
			goto out;
	}

	err = listener_open(lsnr);
	if (err)
		goto out;

	err = sentby_make(lsnr);
	if (err)
		goto out;

	list_append(&lsnr->transp->lsnrl, &lsnr->le, lsnr);

 out:
	if (err)
		mem_deref(lsnr);
	else
		*lsnrp = lsnr;

	return err;
}


const char *listener_name(const struct listener *lsnr)
{
	return lsnr ? lsnr->name : "";
}


enum sip_transp listener_transp(const struct listener *lsnr)
{
	return lsnr ? lsnr->tp : SIP_TRANSP_NONE;
}


const struct sa *listener_laddr(const struct listener *lsnr)
{
	return lsnr ? &lsnr->laddr : NULL;
}


const char *listener_sentby_text(const struct listener *lsnr)
{
	return lsnr ? lsnr->sentby : "";
}


int listener_sentby(struct re_printf *pf, const struct listener *lsnr)
{
	const char *text = listener_sentby_text(lsnr);

	return pf->vph(text, strlen(text), pf->arg);
}


static void flow_destructor(void *data)
{
	struct flow *flow = data;

	wheel_cancel(&flow->tell_tmr);
	wheel_cancel(&flow->ka_tmr);
	hash_unlink(&flow->he);
	list_unlink(&flow->le);
	mem_deref(flow->conn);
	mem_deref(flow->why);
}


int flow_alloc(struct flow **flowp, struct listener *lsnr,
	       const struct sa *peer)
{
	struct flow *flow;

	flow = mem_zalloc(sizeof(*flow), flow_destructor);
	if (!flow)
		return ENOMEM;

	flow->lsnr  = lsnr;
	flow->wheel = stack_wheel(lsnr->transp->stack);
	flow->tp    = lsnr->tp;
	flow->peer  = *peer;

	*flowp = flow;

	return 0;
}


/** Into the table and the listener's list */
void flow_link(struct flow *flow)
{
	hash_append(flow->lsnr->transp->flows,
		    sa_hash(&flow->peer, SA_ADDR), &flow->he, flow);
	list_append(&flow->lsnr->flowl, &flow->le, flow);
}


void flow_why_set(struct flow *flow, const char *fmt, ...)
{
	char why[WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);

	flow->why = mem_deref(flow->why);
	(void)str_dup(&flow->why, why);
}


void flow_trace(const struct flow *flow, bool tx, const uint8_t *buf,
		size_t size)
{
	const struct sa *local;
	struct trace *trace;
	struct hep *hep;

	if (!flow->lsnr || !flow->lsnr->transp)
		return;

	local = sa_isset(&flow->local, SA_ALL) ? &flow->local :
		&flow->lsnr->laddr;
	trace = stack_trace(flow->lsnr->transp->stack);
	if (trace)
		trace_add(trace, tx, flow->tp, local, &flow->peer,
			  flow->lsnr->name, buf, size);

	hep = stack_hep(flow->lsnr->transp->stack);
	if (hep)
		hep_add(hep, tx, flow->tp, local, &flow->peer, buf, size);
}


static int decode(struct sip_msg **msgp, size_t *plainc, struct flow *flow,
		  struct parse_room *room, const uint8_t *buf, size_t size)
{
	struct mbuf *mb;
	int err;

	err = parse_room_fill(&mb, room, buf, size);
	if (err)
		return err;

	err = parse_message(msgp, plainc, room, mb);
	mem_deref(mb);
	if (err)
		return err;

	(*msgp)->tp   = flow->tp;
	(*msgp)->src  = flow->peer;
	(*msgp)->dst  = flow->lsnr->laddr;
	(*msgp)->sock = mem_ref(flow);

	return 0;
}


static void log_refused(const struct flow *flow, const char *what)
{
	static _Thread_local struct log_gate gate;
	uint64_t held;

	if (log_gate_pass(&gate, wheel_now(flow->wheel), &held))
		info("sip", "", "%s from %J refused: %s (%llu more)\n",
		     sip_transp_name(flow->tp), &flow->peer, what,
		     (unsigned long long)held);
}


/** @param told  It is one too many: all that it gets is 503 */
static void handle(struct flow *flow, struct parse_room *room,
		   const uint8_t *buf, size_t size, bool told)
{
	struct stack *stack = flow->lsnr->transp->stack;
	struct sip_msg *msg = NULL;
	const char *why;
	uint16_t scode;
	size_t plainc;
	int err;

	err = decode(&msg, &plainc, flow, room, buf, size);
	if (err) {
		refusal_count(REFUSED_PARSER);
		log_refused(flow, "unreadable");
		return;
	}

	err = guard_message(msg, plainc, flow->tp == SIP_TRANSP_UDP, &scode,
			    &why);
	if (!err && told) {
		(void)stack_reply_stateless(stack, msg, 503,
					    "Too Many Requests");
	}
	else if (!err) {
		stack_receive(stack, msg);
	}
	else {
		log_refused(flow, why);
		if (scode)
			(void)stack_reply_stateless(stack, msg, scode, why);
	}

	mem_deref(msg);
}


/** One whole message, start line already judged by guard_start() */
void flow_receive(struct flow *flow, const uint8_t *buf, size_t size)
{
	const enum gate_verdict verdict = gate_message(
		flow->lsnr->transp->gate, flow->lsnr, &flow->peer, buf, size);
	struct parse_room *room;

	/* not into the trace either: it is of those who can be heard */
	if (verdict == GATE_DROP)
		return;

	/* a handler may close the stack, and with it all of this */
	room = mem_ref(flow->lsnr->transp->room);

	flow_trace(flow, false, buf, size);
	handle(flow, room, buf, size, verdict == GATE_TELL);
	parse_room_leave(room);
	mem_deref(room);
}


int flow_get(struct flow **flowp, struct stack *stack,
	     const struct target *target)
{
	struct flow *flow;

	if (!flowp || !stack || !target || !target->lsnr ||
	    !target->lsnr->transp || target->lsnr->tp != target->tp ||
	    !sa_isset(&target->addr, SA_ALL))
		return EINVAL;

	if (sa_af(&target->addr) != sa_af(&target->lsnr->laddr))
		return EAFNOSUPPORT;

	if (target->tp == SIP_TRANSP_UDP)
		return dgram_get(flowp, target->lsnr, &target->addr);

	flow = conn_find(target->lsnr->transp, target);
	if (flow) {
		*flowp = mem_ref(flow);
		return 0;
	}

	return conn_connect(flowp, target);
}


static int flow_write(struct flow *flow, struct mbuf *mb, bool limit,
		      bool soon)
{
	int err;

	if (!flow || !mb)
		return EINVAL;

	if (!flow->lsnr || flow->err)
		return ENOTCONN;

	if (flow->tp != SIP_TRANSP_UDP) {
		if (!flow->conn)
			return ENOTCONN;
		err = conn_send(flow, mb);
	}
	else {
		if (limit && mbuf_get_left(mb) > UDP_SIZE_MAX)
			return EMSGSIZE;
		err = soon ? dgram_send_soon(flow, mb) : dgram_send(flow, mb);
	}

	if (!err && mbuf_get_left(mb) > 4)
		flow_trace(flow, true, mbuf_buf(mb), mbuf_get_left(mb));

	return err;
}


int flow_send(struct flow *flow, struct mbuf *mb, bool limit)
{
	return flow_write(flow, mb, limit, false);
}


int flow_send_soon(struct flow *flow, struct mbuf *mb, bool limit)
{
	return flow_write(flow, mb, limit, true);
}


enum sip_transp flow_transp(const struct flow *flow)
{
	return flow ? flow->tp : SIP_TRANSP_NONE;
}


const struct sa *flow_peer(const struct flow *flow)
{
	return flow ? &flow->peer : NULL;
}


struct listener *flow_listener(const struct flow *flow)
{
	return flow ? flow->lsnr : NULL;
}


bool flow_is_inbound(const struct flow *flow)
{
	return flow && flow->inbound;
}


bool flow_is_up(const struct flow *flow)
{
	if (!flow || !flow->lsnr || flow->err)
		return false;

	return flow->tp == SIP_TRANSP_UDP || conn_is_up(flow);
}


bool flow_peer_has_name(const struct flow *flow, const char *name)
{
	return flow && flow->conn && name && conn_peer_has_name(flow, name);
}


const char *flow_why(const struct flow *flow)
{
	return flow && flow->why ? flow->why : "";
}


/** Tell of a close: each watcher once, and no more */
static void tell_closed(struct flow *flow)
{
	struct le *le;

	while ((le = list_head(&flow->watchl))) {

		struct flow_watch *watch = le->data;
		struct flow *ref = watch->flow;

		list_unlink(&watch->le);
		watch->flow = NULL;
		watch->h(flow, flow->err, watch->arg);
		mem_deref(ref);
	}
}


static void tell_handler(void *arg)
{
	struct flow *flow = mem_ref(arg);

	tell_closed(flow);
	mem_deref(flow);
}


/** The flow has closed: its watchers are told from the loop */
void flow_tell_later(struct flow *flow)
{
	wheel_start(flow->wheel, &flow->tell_tmr, 0, tell_handler, flow);
}


/** It is up, or a datagram came back: watchers stay. Handlers may unwatch
    any, so each is put back before it is called */
void flow_tell(struct flow *flow, int err)
{
	struct list round = LIST_INIT;
	struct le *le;

	while ((le = list_head(&flow->watchl))) {
		list_unlink(le);
		list_append(&round, le, le->data);
	}

	(void)mem_ref(flow);

	while ((le = list_head(&round))) {

		struct flow_watch *watch = le->data;

		list_unlink(le);
		list_append(&flow->watchl, le, watch);
		watch->h(flow, err, watch->arg);
	}

	mem_deref(flow);
}


static void watch_handler(struct flow *flow, int err, void *arg)
{
	(void)flow;
	(void)err;
	(void)arg;
}


void flow_watch(struct flow_watch *watch, struct flow *flow, flow_h *h,
		void *arg)
{
	if (!watch || !flow)
		return;

	(void)mem_ref(flow);
	flow_unwatch(watch);

	watch->flow = flow;
	watch->h    = h ? h : watch_handler;
	watch->arg  = arg;
	list_append(&flow->watchl, &watch->le, watch);

	if (flow->err)
		flow_tell_later(flow);
}


void flow_unwatch(struct flow_watch *watch)
{
	if (!watch || !watch->flow)
		return;

	list_unlink(&watch->le);
	watch->flow = mem_deref(watch->flow);
}


void flow_close(struct flow *flow)
{
	if (flow && flow->conn)
		conn_close(flow, ECONNABORTED);
}


static void keepalive_start(struct flow *flow);


static void keepalive_handler(void *arg)
{
	struct flow *flow = arg;
	static const char ping[] = "\r\n\r\n";
	struct mbuf mb;

	keepalive_start(flow);

	if (flow->tp != SIP_TRANSP_UDP) {
		if (conn_is_up(flow))
			(void)conn_ping(flow, flow->ka_pong);
		return;
	}

	mbuf_init(&mb);
	if (!mbuf_write_str(&mb, ping)) {
		mbuf_set_pos(&mb, 0);
		(void)flow_send(flow, &mb, false);
	}
	mbuf_reset(&mb);
}


/** RFC 5626 section 4.4.1: between 80 and 100 per cent of the interval, so
    that many flows do not ping together */
static void keepalive_start(struct flow *flow)
{
	const uint64_t spread = 100 - PING_FACTOR_MIN;
	const uint64_t factor = PING_FACTOR_MIN + rand_u32() % (spread + 1);

	wheel_start(flow->wheel, &flow->ka_tmr,
		    (uint64_t)flow->ka_s * 10 * factor,
		    keepalive_handler, flow);
}


int flow_keepalive(struct flow *flow, uint32_t interval_s, bool pong)
{
	if (!flow)
		return EINVAL;
	if (!flow->lsnr || flow->err)
		return ENOTCONN;

	if (!interval_s) {
		flow->ka_s = 0;
		wheel_cancel(&flow->ka_tmr);
		return 0;
	}

	flow->ka_pong = pong;

	/* accounts share a connection: the shortest interval serves all */
	if (flow->ka_s && flow->ka_s <= interval_s)
		return 0;

	flow->ka_s = interval_s;
	keepalive_start(flow);

	return 0;
}


/** Port of the topmost Via's sent-by, else the transport's own */
static uint16_t via_port(const struct sip_msg *msg)
{
	const uint16_t port = sa_port(&msg->via.addr);
	struct pl host = PL_INIT, digits = PL_INIT;

	if (port)
		return port;

	if (!re_regex(msg->via.sentby.p, msg->via.sentby.l,
		      "[^:]+[:]*[0-9]*", &host, NULL, &digits) &&
	    pl_isset(&digits) && pl_u32(&digits) <= UINT16_MAX)
		return (uint16_t)pl_u32(&digits);

	return msg->tp == SIP_TRANSP_TLS ? SIP_PORT_TLS : SIP_PORT;
}


static bool via_asks_rport(const struct sip_msg *msg)
{
	struct pl end;

	return !msg_param_exists(&msg->via.params, "rport", &end);
}


/* The name to demand of a peer whose connection has gone since its request:
 * where the listener knows its peers by name, the host that recorded the
 * route; sent-by may be an address that no certificate bears. */
static const char *reply_name(char *buf, size_t size, const struct flow *flow,
			      const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_RECORD_ROUTE);
	struct sip_addr addr;
	struct sa sa;

	if (!flow->lsnr->tls || !tlsctx_names_peers(flow->lsnr->tls) ||
	    !hdr || sip_addr_decode(&addr, &hdr->val) ||
	    !sa_set(&sa, &addr.uri.host, 0) ||
	    pl_strcpy(&addr.uri.host, buf, size))
		return NULL;

	return buf;
}


int flow_reply(struct flow **flowp, struct stack *stack,
	       const struct sip_msg *msg)
{
	struct flow *flow = msg ? msg_flow(msg) : NULL;
	struct target target;
	char name[256];

	if (!flowp || !stack || !flow)
		return EINVAL;

	if (!flow->lsnr)
		return ENOTCONN;

	if (flow_is_up(flow) && (flow->tp != SIP_TRANSP_UDP ||
				 via_asks_rport(msg))) {
		*flowp = mem_ref(flow);
		return 0;
	}

	memset(&target, 0, sizeof(target));
	target.tp   = msg->tp;
	target.lsnr = flow->lsnr;
	target.addr = msg->src;
	sa_set_port(&target.addr, via_port(msg));
	target.tls_name = reply_name(name, sizeof(name), flow, msg);

	return flow_get(flowp, stack, &target);
}


/** Split the next ";name=value" off, ";" within quotes does not count */
static bool next_param(struct pl *rest, struct pl *param)
{
	bool quoted = false;
	size_t i;

	while (rest->l && strchr("; \t\r\n", rest->p[0]))
		pl_advance(rest, 1);

	if (!rest->l)
		return false;

	for (i = 0; i < rest->l; i++) {

		if (quoted && rest->p[i] == '\\' && i + 1 < rest->l)
			++i;
		else if (rest->p[i] == '"')
			quoted = !quoted;
		else if (!quoted && rest->p[i] == ';')
			break;
	}

	param->p = rest->p;
	param->l = i;
	pl_advance(rest, (ssize_t)i);

	return true;
}


static bool param_is(const struct pl *param, const char *name)
{
	const size_t l = strlen(name);

	return param->l >= l && !strncasecmp(param->p, name, l) &&
		(param->l == l || strchr("= \t", param->p[l]));
}


int msg_via_print(struct re_printf *pf, const struct sip_msg *msg)
{
	struct pl head, param, rest = msg->via.params;
	int err;

	/* everything before the parameters: protocol and sent-by */
	head.p = msg->via.val.p;
	head.l = (size_t)(msg->via.sentby.p + msg->via.sentby.l - head.p);

	err = re_hprintf(pf, "%r", &head);

	while (next_param(&rest, &param)) {

		if (param_is(&param, "rport"))
			err |= re_hprintf(pf, ";rport=%u",
					  sa_port(&msg->src));
		else if (!param_is(&param, "received"))
			err |= re_hprintf(pf, ";%r", &param);
	}

	/* always: the sender may have more addresses than it thinks */
	err |= re_hprintf(pf, ";received=%j", &msg->src);

	return err;
}
