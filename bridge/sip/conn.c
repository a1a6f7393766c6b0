/**
 * @file conn.c  SIP over TCP and TLS
 *
 * A connection connects, shakes hands (TLS), is up, and closes. Messages are
 * cut out of the stream by guard_frame() (RFC 3261 section 18.3); CRLFs
 * between them are keepalives (RFC 5626 section 4.4.1). While it is open the
 * transport's table holds a reference of its flow.
 */
#include <assert.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <fcntl.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "core.h"
#include "flow.h"
#include "gate.h"
#include "guard.h"
#include "stack.h"
#include "tlsconn.h"
#include "transp.h"


enum {
	BACKLOG        = 1024,
	ACCEPTS_MAX    = 64,       /* a wake-up                            */
	READS_MAX      = 8,        /* a wake-up                            */
	READ_SIZE      = 16384,
	SEND_QUEUE_MAX = 512 << 10,
	OPEN_MS        = 10000,    /* connect; then TLS handshake          */
	HEADERS_MS     = 5000,
	MESSAGE_MS     = 10000,
	WRITE_MS       = 10000,    /* without taking a single octet        */
	PONG_MS        = 10000,
	IDLE_MS        = 120000,
	PING_SIZE      = 4,
	PONG_SIZE      = 2,
};


enum conn_state {
	CONN_CONNECTING,
	CONN_HANDSHAKING,
	CONN_UP,
	CONN_CLOSED,
};


struct conn {
	struct le le;              /* transp->shakingl or strangerl        */
	enum conn_state state;
	struct flow *flow;         /* borrowed, owner                     */
	struct transp *transp;     /* borrowed                            */
	struct loop_fd lf;
	int fd;
	int flags;                 /* what the loop watches for           */
	struct tlsconn *tls;       /* owned; NULL: TCP                    */
	struct tlsctx *ctx;        /* ref; NULL: TCP                      */
	char *tls_name;            /* owned; NULL: none asked for         */
	bool alone;
	bool known;                /* it came in, of a network that is    */
	struct mbuf *rx;           /* owned; NULL while empty             */
	struct mbuf *tx;           /* owned; NULL while nothing waits     */
	struct wheel_tmr state_tmr;/* to open; when up: idle              */
	struct wheel_tmr rx_tmr;   /* a message is under way              */
	struct wheel_tmr tx_tmr;   /* octets wait to be sent              */
	struct wheel_tmr pong_tmr;
	uint64_t used_ms;          /* last message or keepalive           */
	bool headers_timed;        /* rx_tmr: headers came in time        */
	bool pinged;               /* a pong is due                       */
	size_t crlfs;              /* octets of CRLF since the last message */
};


static void conn_handler(int flags, void *arg);


static const char *state_name(enum conn_state state)
{
	switch (state) {

	case CONN_CONNECTING:  return "connecting";
	case CONN_HANDSHAKING: return "handshaking";
	case CONN_UP:          return "up";
	case CONN_CLOSED:      return "closed";
	}

	return "?";
}


static void set_state(struct conn *conn, enum conn_state next)
{
	static const unsigned successors[] = {
		[CONN_CONNECTING]  = 1u << CONN_HANDSHAKING |
			1u << CONN_UP | 1u << CONN_CLOSED,
		[CONN_HANDSHAKING] = 1u << CONN_UP | 1u << CONN_CLOSED,
		[CONN_UP]          = 1u << CONN_CLOSED,
		[CONN_CLOSED]      = 0,
	};

	assert(successors[conn->state] & (1u << next));

	debug("conn", "", "%J: %s -> %s\n", &conn->flow->peer,
	      state_name(conn->state), state_name(next));

	conn->state = next;
	wheel_cancel(&conn->state_tmr);

	list_unlink(&conn->le);
	if (next == CONN_HANDSHAKING && conn->flow->inbound)
		list_append(conn->known ? &conn->transp->shakingl :
			    &conn->transp->strangerl, &conn->le, conn);
}


static void destructor(void *data)
{
	struct conn *conn = data;

	list_unlink(&conn->le);
	wheel_cancel(&conn->state_tmr);
	wheel_cancel(&conn->rx_tmr);
	wheel_cancel(&conn->tx_tmr);
	wheel_cancel(&conn->pong_tmr);
	loop_close(&conn->lf);
	mem_deref(conn->tls);
	if (conn->fd >= 0)
		(void)close(conn->fd);
	mem_deref(conn->ctx);
	mem_deref(conn->tls_name);
	mem_deref(conn->rx);
	mem_deref(conn->tx);
}


/** Close; the flow's watchers are told from the loop */
void conn_close(struct flow *flow, int err)
{
	struct conn *conn = flow->conn;

	set_state(conn, CONN_CLOSED);

	wheel_cancel(&conn->rx_tmr);
	wheel_cancel(&conn->tx_tmr);
	wheel_cancel(&conn->pong_tmr);
	wheel_cancel(&flow->ka_tmr);
	loop_close(&conn->lf);

	if (conn->tls)
		tlsconn_shutdown(conn->tls);
	(void)close(conn->fd);
	conn->fd = -1;

	if (flow->inbound)
		--conn->transp->connc;
	hash_unlink(&flow->he);
	list_unlink(&flow->le);

	flow->err  = err;
	flow->conn = NULL;
	flow_tell_later(flow);

	mem_deref(conn);
	mem_deref(flow);   /* the table's reference */
}


static const char *error_words(int err)
{
	switch (err) {

	case ECONNREFUSED: return "connection refused";
	case ECONNRESET:   return "connection closed by the peer";
	case EPIPE:        return "connection closed by the peer";
	case ETIMEDOUT:    return "no answer";
	case EHOSTUNREACH: return "no route to the host";
	case ENETUNREACH:  return "network unreachable";
	default:           return NULL;
	}
}


/** Close for what the socket or TLS said */
static void fail(struct conn *conn, int err)
{
	struct flow *flow = conn->flow;
	const char *tls = conn->tls ? tlsconn_why(conn->tls) : "";
	const char *words = error_words(err);

	if (str_isset(tls))
		flow_why_set(flow, "TLS: %s", tls);
	else if (conn->state == CONN_HANDSHAKING && words)
		flow_why_set(flow, "TLS: %s during the handshake", words);
	else if (words)
		flow_why_set(flow, "%s", words);
	else
		flow_why_set(flow, "%m", err);

	if (conn->state == CONN_HANDSHAKING && flow->inbound) {

		static _Thread_local struct log_gate gate;
		uint64_t held;

		refusal_count(REFUSED_TLS);
		if (log_gate_pass(&gate, wheel_now(flow->wheel), &held))
			info("conn", listener_name(flow->lsnr),
			     "%J refused: %s (%llu more)\n", &flow->peer,
			     flow_why(flow), (unsigned long long)held);
	}

	conn_close(flow, err);
}


/** Close for a time-out or a rule of ours */
static void refuse(struct conn *conn, int err, const char *why)
{
	debug("conn", "", "%J: %s\n", &conn->flow->peer, why);

	flow_why_set(conn->flow, "%s", why);
	conn_close(conn->flow, err);
}


static int set_flags(struct conn *conn, int flags)
{
	int err;

	if (flags == conn->flags)
		return 0;

	err = loop_listen(&conn->lf, conn->fd, flags, conn_handler, conn);
	if (!err)
		conn->flags = flags;

	return err;
}


static void open_handler(void *arg)
{
	struct conn *conn = arg;

	if (conn->flow->inbound)
		refusal_count(REFUSED_SLOW);

	refuse(conn, ETIMEDOUT, conn->state == CONN_CONNECTING ?
	       "no answer to TCP" : "TLS: no answer in the handshake");
}


static void idle_handler(void *arg)
{
	struct conn *conn = arg;
	const uint64_t idle = wheel_now(conn->flow->wheel) - conn->used_ms;

	/* one reference is the table's; others are watchers, transactions
	   and messages that still have a use for the connection */
	if (idle >= IDLE_MS && mem_nrefs(conn->flow) == 1) {
		refuse(conn, ETIMEDOUT, "idle");
		return;
	}

	wheel_start(conn->flow->wheel, &conn->state_tmr,
		    idle < IDLE_MS ? IDLE_MS - idle : IDLE_MS,
		    idle_handler, conn);
}


static void write_handler(void *arg)
{
	refuse(arg, ETIMEDOUT, "the peer reads no more");
}


static void pong_handler(void *arg)
{
	refuse(arg, ETIMEDOUT, "no answer to a keepalive");
}


static bool has_headers(const struct mbuf *rx)
{
	return rx && memmem(mbuf_buf(rx), mbuf_get_left(rx), "\r\n\r\n", 4);
}


static void slow_handler(void *arg)
{
	struct conn *conn = arg;

	if (!conn->headers_timed && has_headers(conn->rx)) {
		conn->headers_timed = true;
		wheel_start(conn->flow->wheel, &conn->rx_tmr,
			    MESSAGE_MS - HEADERS_MS, slow_handler, conn);
		return;
	}

	refusal_count(REFUSED_SLOW);
	refuse(conn, ETIMEDOUT, "a message took too long");
}


static int write_some(struct conn *conn, const uint8_t *buf, size_t size,
		      size_t *n)
{
	ssize_t sent;

	if (conn->tls)
		return tlsconn_write(conn->tls, buf, size, n);

	sent = send(conn->fd, buf, size, MSG_NOSIGNAL);
	if (sent < 0)
		return errno;

	*n = (size_t)sent;

	return 0;
}


static int read_some(struct conn *conn, uint8_t *buf, size_t size, size_t *n)
{
	ssize_t got;

	if (conn->tls)
		return tlsconn_read(conn->tls, buf, size, n);

	got = recv(conn->fd, buf, size, 0);
	if (got < 0)
		return errno;
	if (!got)
		return ECONNRESET;

	*n = (size_t)got;

	return 0;
}


/** Send what waits. @return 0 all or some is sent, or errno */
static int flush(struct conn *conn)
{
	bool moved = false;
	size_t n;
	int err = 0;

	while (mbuf_get_left(conn->tx)) {

		err = write_some(conn, mbuf_buf(conn->tx),
				 mbuf_get_left(conn->tx), &n);
		if (err)
			break;

		mbuf_advance(conn->tx, (ssize_t)n);
		moved = true;
	}

	if (err && err != EAGAIN)
		return err;

	if (!err) {
		conn->tx = mem_deref(conn->tx);
		wheel_cancel(&conn->tx_tmr);
		return set_flags(conn, FD_READ);
	}

	if (moved || !wheel_is_running(&conn->tx_tmr))
		wheel_start(conn->flow->wheel, &conn->tx_tmr, WRITE_MS,
			    write_handler, conn);

	return set_flags(conn, FD_READ | FD_WRITE);
}


static int queue(struct conn *conn, const uint8_t *buf, size_t size)
{
	size_t pos;
	int err;

	if (mbuf_get_left(conn->tx) + size > SEND_QUEUE_MAX)
		return ENOBUFS;

	if (!conn->tx) {
		conn->tx = mbuf_alloc(size);
		if (!conn->tx)
			return ENOMEM;
	}

	pos = conn->tx->pos;
	mbuf_skip_to_end(conn->tx);
	err = mbuf_write_mem(conn->tx, buf, size);
	mbuf_set_pos(conn->tx, pos);

	return err;
}


static int send_now(struct conn *conn, const uint8_t *buf, size_t size)
{
	size_t n = 0;
	int err;

	err = write_some(conn, buf, size, &n);
	if (err && err != EAGAIN)
		return err;

	if (n == size)
		return 0;

	err = queue(conn, buf + n, size - n);

	return err ? err : flush(conn);
}


int conn_send(struct flow *flow, struct mbuf *mb)
{
	struct conn *conn = flow->conn;
	int err;

	conn->used_ms = wheel_now(flow->wheel);

	if (conn->state != CONN_UP || conn->tx)
		return queue(conn, mbuf_buf(mb), mbuf_get_left(mb));

	err = send_now(conn, mbuf_buf(mb), mbuf_get_left(mb));
	if (err && err != ENOMEM && err != ENOBUFS)
		fail(conn, err);

	return err;
}


static int send_crlfs(struct conn *conn, size_t size)
{
	static const uint8_t crlfs[PING_SIZE] = "\r\n\r\n";

	/* whatever waits shows the peer that we live */
	if (conn->tx)
		return 0;

	return send_now(conn, crlfs, size);
}


int conn_ping(struct flow *flow, bool pong)
{
	struct conn *conn = flow->conn;
	int err = send_crlfs(conn, PING_SIZE);

	if (err) {
		fail(conn, err);
		return err;
	}

	conn->pinged = true;
	if (pong && !wheel_is_running(&conn->pong_tmr))
		wheel_start(flow->wheel, &conn->pong_tmr, PONG_MS,
			    pong_handler, conn);

	return 0;
}


bool conn_is_up(const struct flow *flow)
{
	return flow->conn && flow->conn->state == CONN_UP;
}


bool conn_peer_has_name(const struct flow *flow, const char *name)
{
	return conn_is_up(flow) && flow->conn->tls &&
		tlsconn_has_name(flow->conn->tls, name);
}


/** Octets of CRLF between messages: pongs to our pings, or pings */
static int take_crlfs(struct conn *conn, size_t size)
{
	/* a peer that keeps it alive has a use for it */
	conn->used_ms = wheel_now(conn->flow->wheel);
	conn->crlfs  += size;

	if (conn->pinged && conn->crlfs == PONG_SIZE) {
		conn->pinged = false;
		conn->crlfs  = 0;
	}

	if (conn->crlfs < PING_SIZE)
		return 0;

	conn->crlfs = 0;

	return send_crlfs(conn, PONG_SIZE);
}


static void take_message(struct conn *conn, size_t size)
{
	const uint8_t *buf = mbuf_buf(conn->rx);

	mbuf_advance(conn->rx, (ssize_t)size);

	conn->crlfs   = 0;
	conn->used_ms = wheel_now(conn->flow->wheel);
	wheel_cancel(&conn->rx_tmr);

	flow_receive(conn->flow, buf, size);   /* may close it */
}


/** Cut messages out of what came, until one is not all there */
static int take_frames(struct conn *conn)
{
	while (conn->state == CONN_UP && mbuf_get_left(conn->rx)) {

		size_t skip = 0, size = 0;
		int err;

		err = guard_frame(mbuf_buf(conn->rx), mbuf_get_left(conn->rx),
				  &skip, &size);
		if (err)
			return err;

		mbuf_advance(conn->rx, (ssize_t)skip);

		if (skip) {
			err = take_crlfs(conn, skip);
			if (err)
				return err;
		}

		if (!size)
			break;

		take_message(conn, size);
	}

	return 0;
}


/** Keep what is left of a message, and watch how long it takes */
static void keep_rest(struct conn *conn)
{
	if (!mbuf_get_left(conn->rx)) {
		conn->rx = mem_deref(conn->rx);
		wheel_cancel(&conn->rx_tmr);
		return;
	}

	if (conn->rx->pos) {
		memmove(conn->rx->buf, mbuf_buf(conn->rx),
			mbuf_get_left(conn->rx));
		conn->rx->end -= conn->rx->pos;
		conn->rx->pos = 0;
	}

	if (!wheel_is_running(&conn->rx_tmr)) {
		conn->headers_timed = false;
		wheel_start(conn->flow->wheel, &conn->rx_tmr, HEADERS_MS,
			    slow_handler, conn);
	}
}


static int take(struct conn *conn, const uint8_t *buf, size_t size)
{
	int err;

	wheel_cancel(&conn->pong_tmr);

	if (!conn->rx) {
		conn->rx = mbuf_alloc(size);
		if (!conn->rx)
			return ENOMEM;
	}

	mbuf_skip_to_end(conn->rx);
	err = mbuf_write_mem(conn->rx, buf, size);
	mbuf_set_pos(conn->rx, 0);
	if (err)
		return err;

	err = take_frames(conn);
	if (err) {
		refusal_count(REFUSED_FRAME);
		return err;
	}

	if (conn->state == CONN_UP)
		keep_rest(conn);

	return 0;
}


static void read_event(struct conn *conn)
{
	static _Thread_local uint8_t buf[READ_SIZE];

	for (unsigned i = 0; conn->state == CONN_UP; i++) {

		size_t n = 0;
		int err;

		if (i >= READS_MAX &&
		    (!conn->tls || !tlsconn_is_pending(conn->tls)))
			return;

		err = read_some(conn, buf, sizeof(buf), &n);
		if (err == EAGAIN)
			return;

		if (!err)
			err = take(conn, buf, n);

		if (!err || conn->state != CONN_UP)
			continue;

		if (err == EBADMSG || err == EMSGSIZE)
			refuse(conn, err, "the stream is no SIP");
		else
			fail(conn, err);
	}
}


static void write_event(struct conn *conn)
{
	const int err = flush(conn);

	if (err)
		fail(conn, err);
}


static void come_up(struct conn *conn)
{
	int err;

	set_state(conn, CONN_UP);
	if (conn->tls && conn->flow->inbound)
		gate_proven(conn->transp->gate, conn->flow->lsnr,
			    &conn->flow->peer);

	conn->used_ms = wheel_now(conn->flow->wheel);
	wheel_start(conn->flow->wheel, &conn->state_tmr, IDLE_MS,
		    idle_handler, conn);

	err = conn->tx ? flush(conn) : set_flags(conn, FD_READ);
	if (err) {
		fail(conn, err);
		return;
	}

	flow_tell(conn->flow, 0);

	/* the last step of a handshake may have brought data along */
	read_event(conn);
}


static void handshake(struct conn *conn)
{
	int err = tlsconn_handshake(conn->tls);

	if (err == EAGAIN)
		err = set_flags(conn, tlsconn_wants_write(conn->tls) ?
				FD_READ | FD_WRITE : FD_READ);
	else if (!err) {
		come_up(conn);
		return;
	}

	if (err)
		fail(conn, err);
}


/** TCP is there: TLS begins, or it is up */
static void connected(struct conn *conn)
{
	int err;

	if (!conn->ctx) {
		come_up(conn);
		return;
	}

	err = tlsconn_alloc(&conn->tls, conn->ctx, conn->fd,
			    conn->flow->inbound, conn->tls_name);
	if (err) {
		fail(conn, err);
		return;
	}

	set_state(conn, CONN_HANDSHAKING);
	wheel_start(conn->flow->wheel, &conn->state_tmr, OPEN_MS,
		    open_handler, conn);
	handshake(conn);
}


static void connect_event(struct conn *conn)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;

	if (err)
		fail(conn, err);
	else
		connected(conn);
}


static void conn_handler(int flags, void *arg)
{
	struct conn *conn = mem_ref(arg);
	struct flow *flow = mem_ref(conn->flow);

	switch (conn->state) {

	case CONN_CONNECTING:
		connect_event(conn);
		break;

	case CONN_HANDSHAKING:
		handshake(conn);
		break;

	case CONN_UP:
		if (flags & FD_WRITE)
			write_event(conn);
		if (conn->state == CONN_UP && flags & ~FD_WRITE)
			read_event(conn);
		break;

	case CONN_CLOSED:
		break;
	}

	mem_deref(flow);
	mem_deref(conn);
}


/** A flow with a connection around a socket; takes the socket over */
static int conn_alloc(struct flow **flowp, struct listener *lsnr,
		      const struct sa *peer, int fd)
{
	struct flow *flow = NULL;
	struct conn *conn;
	int err;

	err = flow_alloc(&flow, lsnr, peer);
	if (err)
		goto out;

	conn = flow->conn = mem_zalloc(sizeof(*conn), destructor);
	if (!conn) {
		err = ENOMEM;
		goto out;
	}

	conn->flow   = flow;
	conn->transp = lsnr->transp;
	conn->fd     = fd;
	conn->state  = CONN_CONNECTING;

 out:
	if (err) {
		mem_deref(flow);
		(void)close(fd);
	}
	else {
		*flowp = flow;
	}

	return err;
}


/** Into the table, which takes the flow's first reference over */
static void conn_link(struct flow *flow)
{
	flow_link(flow);
	if (flow->inbound)
		++flow->conn->transp->connc;
}


static size_t count_source(const struct transp *transp,
			   const struct sa *peer)
{
	const struct list *list = hash_list(transp->flows,
					    sa_hash(peer, SA_ADDR));
	size_t n = 0;

	for (const struct le *le = list_head(list); le; le = le->next) {

		const struct flow *flow = le->data;

		if (flow->conn && flow->inbound &&
		    sa_cmp(&flow->peer, peer, SA_ADDR))
			++n;
	}

	return n;
}


/**
 * Those who begin to shake hands and do not go on are at most a quarter of
 * all connections: the oldest makes room, strangers' first. Whoever means it
 * needs some round trips; so it is let in though they come from everywhere
 *
 * @return false for a stranger when all are of known networks
 */
static bool shaking_bound(struct transp *transp, bool known)
{
	const size_t strangers = list_count(&transp->strangerl);
	const size_t shaking = list_count(&transp->shakingl) + strangers;
	struct conn *oldest;

	if (shaking * 4 < transp->conns_max)
		return true;

	refusal_count(REFUSED_CONNECTIONS);
	if (!strangers && !known)
		return false;

	oldest = list_ledata(list_head(strangers ? &transp->strangerl :
				       &transp->shakingl));
	conn_close(oldest->flow, ECONNABORTED);

	return true;
}


static bool is_welcome(const struct listener *lsnr, const struct sa *peer,
		       bool *known)
{
	struct transp *transp = lsnr->transp;

	if (!stack_admits(transp->stack, lsnr, peer)) {
		refusal_count(REFUSED_SOURCE);
		return false;
	}

	if (transp->connc >= transp->conns_max ||
	    count_source(transp, peer) >= transp->conns_source_max) {
		refusal_count(REFUSED_CONNECTIONS);
		return false;
	}

	return !lsnr->tls || (gate_handshake(transp->gate, lsnr, peer, known)
			      && shaking_bound(transp, *known));
}


static void welcome(struct listener *lsnr, const struct sa *peer, int fd)
{
	struct flow *flow;
	struct conn *conn;
	bool known = true;

	if (!is_welcome(lsnr, peer, &known) ||
	    socket_prepare(fd, sa_af(peer), SOCK_STREAM)) {
		(void)close(fd);
		return;
	}

	if (conn_alloc(&flow, lsnr, peer, fd))
		return;

	conn = mem_ref(flow->conn);
	conn->ctx     = mem_ref(lsnr->tls);
	conn->known   = known;
	flow->inbound = true;
	conn_link(flow);

	(void)mem_ref(flow);
	connected(conn);   /* may close it at once */
	mem_deref(flow);
	mem_deref(conn);
}


/** No descriptor is left: take the connection with the one kept back, and
    drop it. Left in the queue it would wake the loop for ever */
static void drop_waiting(struct listener *lsnr)
{
	struct transp *transp = lsnr->transp;
	int fd;

	if (transp->reserve >= 0)
		(void)close(transp->reserve);

	fd = accept(lsnr->fd, NULL, NULL);
	if (fd >= 0)
		(void)close(fd);

	transp->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	refusal_count(REFUSED_CONNECTIONS);
}


static void accept_handler(int flags, void *arg)
{
	struct listener *lsnr = mem_ref(arg);

	(void)flags;

	for (int i = 0; i < ACCEPTS_MAX && lsnr->lf.on; i++) {

		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct sa peer;
		const int fd = accept(lsnr->fd, (struct sockaddr *)&ss, &len);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				drop_waiting(lsnr);
			break;
		}

		if (sa_set_sa(&peer, (struct sockaddr *)&ss))
			(void)close(fd);
		else
			welcome(lsnr, &peer, fd);
	}

	mem_deref(lsnr);
}


int conn_open_listener(struct listener *lsnr)
{
	if (listen(lsnr->fd, BACKLOG))
		return errno;

	return loop_listen(&lsnr->lf, lsnr->fd, FD_READ, accept_handler,
			   lsnr);
}


static bool name_fits(const struct flow *flow, const struct target *target)
{
	const struct conn *conn = flow->conn;

	if (flow->tp != SIP_TRANSP_TLS)
		return true;

	if (flow->inbound)
		return !target->tls_name ||
			conn_peer_has_name(flow, target->tls_name);

	return conn->ctx == (target->tls ? target->tls : target->lsnr->tls) &&
		!str_casecmp(conn->tls_name ? conn->tls_name : "",
			     target->tls_name ? target->tls_name : "");
}


static bool find_handler(struct le *le, void *arg)
{
	const struct target *target = arg;
	const struct flow *flow = le->data;

	return flow->conn && !flow->conn->alone &&
		flow->lsnr == target->lsnr &&
		sa_cmp(&flow->peer, &target->addr, SA_ALL) &&
		name_fits(flow, target);
}


struct flow *conn_find(const struct transp *transp,
		       const struct target *target)
{
	struct target wanted = *target;

	if (target->alone)
		return NULL;

	return list_ledata(hash_lookup(transp->flows,
				       sa_hash(&target->addr, SA_ADDR),
				       find_handler, &wanted));
}


static int socket_open(int *fdp, const struct target *target)
{
	const int af = sa_af(&target->addr), on = 1;
	struct sa laddr = target->lsnr->laddr;
	int fd, err;

	fd = socket(af, SOCK_STREAM, 0);
	if (fd < 0)
		return errno;

	err = socket_prepare(fd, af, SOCK_STREAM);
	if (err)
		goto out;

	if (!sa_is_any(&laddr)) {
		sa_set_port(&laddr, 0);
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
				 &on, sizeof(on));
		if (bind(fd, &laddr.u.sa, laddr.len)) {
			err = errno;
			goto out;
		}
	}

	if (connect(fd, &target->addr.u.sa, target->addr.len) &&
	    errno != EINPROGRESS)
		err = errno;

 out:
	if (err)
		(void)close(fd);
	else
		*fdp = fd;

	return err;
}


static int conn_setup(struct conn *conn, const struct target *target)
{
	conn->alone = target->alone;

	if (target->tp != SIP_TRANSP_TLS)
		return 0;

	conn->ctx = mem_ref(target->tls ? target->tls : target->lsnr->tls);

	return target->tls_name ? str_dup(&conn->tls_name, target->tls_name) :
		0;
}


/** The port that the system chose, for traces */
static void local_note(struct flow *flow, int fd)
{
	flow->local.len = sizeof(flow->local.u);
	if (getsockname(fd, &flow->local.u.sa, &flow->local.len))
		sa_init(&flow->local, AF_UNSPEC);
}


/** Open a connection; the caller gets a reference of its own */
int conn_connect(struct flow **flowp, const struct target *target)
{
	struct flow *flow;
	int fd = -1, err;

	err = socket_open(&fd, target);
	if (err)
		return err;

	err = conn_alloc(&flow, target->lsnr, &target->addr, fd);
	if (err)
		return err;

	local_note(flow, fd);
	err = conn_setup(flow->conn, target);
	if (!err)
		err = set_flags(flow->conn, FD_WRITE);
	if (err) {
		mem_deref(flow);
		return err;
	}

	conn_link(flow);
	wheel_start(flow->wheel, &flow->conn->state_tmr, OPEN_MS,
		    open_handler, flow->conn);

	*flowp = mem_ref(flow);

	return 0;
}
