/**
 * @file conn.c  One TLS connection with the SBC
 */
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "conn.h"
#include "control.h"
#include "pki.h"
#include "trans.h"


enum {
	FRAME_MAX = 65536,
	QUEUE_MAX = 1 << 20,
	READ_SIZE = 8192,
};

enum state {
	STATE_CONNECTING,
	STATE_HANDSHAKE,
	STATE_OPEN,
	STATE_CLOSED,
};

struct conn {
	struct le le;
	struct instance *inst; /* borrowed: outlives connections */
	struct sim *sim;       /* borrowed */
	enum state state;
	bool accepted;
	char *fqdn;            /* owned; of the SBC, if we connected */
	int fd;
	SSL *ssl;              /* owned */
	struct mbuf *in, *out; /* owned; not yet framed, not yet sent */
	struct sa remote;
	struct deadline dl;
};


static void conn_destructor(void *arg)
{
	struct conn *conn = arg;

	deadline_cancel(&conn->dl);
	list_unlink(&conn->le);
	SSL_free(conn->ssl);
	if (conn->fd >= 0) {
		fd_close(conn->fd);
		close(conn->fd);
	}
	mem_deref(conn->in);
	mem_deref(conn->out);
	mem_deref(conn->fqdn);
}


void conn_close(struct conn *conn, int err)
{
	if (conn->state == STATE_CLOSED)
		return;

	conn->state = STATE_CLOSED;
	deadline_cancel(&conn->dl);
	if (conn->ssl && SSL_is_init_finished(conn->ssl))
		(void)SSL_shutdown(conn->ssl);
	ERR_clear_error();
	fd_close(conn->fd);
	close(conn->fd);
	conn->fd = -1;

	list_unlink(&conn->le);
	trans_conn_closed(conn->sim, conn, err);
	mem_deref(conn);
}


static void refuse_handshake(struct conn *conn)
{
	char text[256], peer[64];

	pki_reason(conn->ssl, text, sizeof(text));
	re_snprintf(peer, sizeof(peer), "%J", &conn->remote);

	violation(conn->sim, conn->accepted ? "tls-client" : "tls-server",
		  NULL, "handshake with %s at %s failed: %s",
		  conn->accepted ? "the SBC" : conn->fqdn, peer, text);
	conn_close(conn, EPROTO);
}


/* Length of the whole first message in the buffer; 0: more must come.
 * Sets *errp when no message can begin like this. */
static size_t frame_length(const struct mbuf *mb, int *errp)
{
	const char *p = (const char *)mbuf_buf(mb);
	const size_t n = mbuf_get_left(mb);
	const char *end = memmem(p, n, "\r\n\r\n", 4);
	struct pl clen;
	size_t head;

	if (!end) {
		*errp = n > FRAME_MAX ? EMSGSIZE : 0;
		return 0;
	}

	head = (size_t)(end - p) + 4;
	if (re_regex(p, head, "\nContent-Length[ \t]*:[ \t]*[0-9]+", NULL,
		     NULL, &clen) &&
	    re_regex(p, head, "\nl[ \t]*:[ \t]*[0-9]+", NULL, NULL, &clen)) {
		*errp = EBADMSG;
		return 0;
	}

	if (pl_u32(&clen) > FRAME_MAX) {
		*errp = EMSGSIZE;
		return 0;
	}

	head += pl_u32(&clen);

	return head <= n ? head : 0;
}


static int frame_next(struct conn *conn, struct mbuf **framep)
{
	struct mbuf *frame;
	size_t len;
	int err = 0;

	while (mbuf_get_left(conn->in) &&
	       strchr("\r\n", *mbuf_buf(conn->in)))
		mbuf_advance(conn->in, 1);

	len = frame_length(conn->in, &err);
	if (!len)
		return err;

	frame = mbuf_alloc(len);
	if (!frame)
		return ENOMEM;

	mbuf_write_mem(frame, mbuf_buf(conn->in), len);
	frame->pos = 0;
	mbuf_advance(conn->in, (ssize_t)len);
	*framep = frame;

	return 0;
}


static void deliver(struct conn *conn)
{
	struct mbuf *frame;
	int err;

	while (conn->state == STATE_OPEN) {
		frame = NULL;
		err = frame_next(conn, &frame);
		if (err) {
			violation(conn->sim, "framing", NULL,
				  "no SIP message with Content-Length: %s",
				  strerror(err));
			conn_close(conn, err);
			return;
		}

		if (!frame)
			break;

		sim_trace(conn->sim, false, conn, frame->buf, frame->end);
		sim_receive(conn, frame);
		mem_deref(frame);
	}

	if (conn->in->pos) {
		const size_t left = mbuf_get_left(conn->in);

		memmove(conn->in->buf, mbuf_buf(conn->in), left);
		conn->in->pos = 0;
		conn->in->end = left;
	}
}


static void conn_events(int flags, void *arg);


static void want(struct conn *conn, bool writing)
{
	fd_listen(conn->fd, FD_READ | (writing ? FD_WRITE : 0), conn_events,
		  conn);
}


static void flush_out(struct conn *conn)
{
	bool blocked = false;

	while (!blocked && mbuf_get_left(conn->out)) {
		int n;

		ERR_clear_error();
		n = SSL_write(conn->ssl, mbuf_buf(conn->out),
			      (int)mbuf_get_left(conn->out));
		if (n > 0) {
			mbuf_advance(conn->out, n);
			continue;
		}

		switch (SSL_get_error(conn->ssl, n)) {

		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE:
			blocked = true;
			break;

		default:
			/* Reading reports the end; see read_in() */
			mbuf_rewind(conn->out);
			break;
		}
	}

	if (!mbuf_get_left(conn->out))
		mbuf_rewind(conn->out);

	want(conn, blocked);
}


static void read_in(struct conn *conn)
{
	uint8_t buf[READ_SIZE];
	int n;

	for (;;) {
		ERR_clear_error();
		n = SSL_read(conn->ssl, buf, sizeof(buf));
		if (n <= 0)
			break;

		if (conn->inst->mode == MODE_SILENT && conn->accepted)
			continue;

		const size_t pos = conn->in->pos;

		mbuf_skip_to_end(conn->in);
		mbuf_write_mem(conn->in, buf, (size_t)n);
		conn->in->pos = pos;
		deliver(conn);
		if (conn->state == STATE_CLOSED)
			return;
	}

	switch (SSL_get_error(conn->ssl, n)) {

	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		break;

	default:
		ERR_clear_error();
		conn_close(conn, ECONNRESET);
		break;
	}
}


static void check_peer(struct conn *conn)
{
	X509 *cert = SSL_get1_peer_certificate(conn->ssl);
	const struct sim *sim = conn->sim;
	const char *sni = SSL_get_servername(conn->ssl,
					     TLSEXT_NAMETYPE_host_name);

	if (conn->accepted && !sni)
		violation(conn->sim, "sni", NULL,
			  "no server name in the handshake, want %s",
			  conn->inst->name);

	if (conn->accepted && !pki_has_client_auth(cert)) {
		control_event("{s:s, s:s}", "event", "warning", "text",
			      "SBC certificate lacks the clientAuth usage");

		if (sim->set.require_client_auth) {
			violation(conn->sim, "tls-client", NULL,
				  "certificate lacks clientAuth");
			conn_close(conn, EPROTO);
		}
	}

	if (cert && EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) !=
			    EVP_PKEY_RSA)
		violation(conn->sim, "tls-key", NULL,
			  "SBC certificate has no RSA key");

	X509_free(cert);
}


static void handshake(struct conn *conn)
{
	int n;

	ERR_clear_error();
	n = SSL_do_handshake(conn->ssl);
	if (n == 1) {
		deadline_cancel(&conn->dl);
		conn->state = STATE_OPEN;
		check_peer(conn);
		if (conn->state == STATE_OPEN)
			flush_out(conn);
		return;
	}

	switch (SSL_get_error(conn->ssl, n)) {

	case SSL_ERROR_WANT_READ:
		want(conn, false);
		break;

	case SSL_ERROR_WANT_WRITE:
		want(conn, true);
		break;

	default:
		refuse_handshake(conn);
		break;
	}
}


static void connected(struct conn *conn)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;

	if (err) {
		chat(conn->sim, "connect to %s: %s", conn->fqdn,
		     strerror(err));
		conn_close(conn, err);
		return;
	}

	conn->state = STATE_HANDSHAKE;
	handshake(conn);
}


static void conn_events(int flags, void *arg)
{
	struct conn *conn = mem_ref(arg);

	switch (conn->state) {

	case STATE_CONNECTING:
		connected(conn);
		break;

	case STATE_HANDSHAKE:
		handshake(conn);
		break;

	case STATE_OPEN:
		if (flags & FD_WRITE)
			flush_out(conn);
		read_in(conn);
		break;

	case STATE_CLOSED:
		break;
	}

	mem_deref(conn);
}


static void handshake_timeout(void *arg)
{
	struct conn *conn = arg;

	violation(conn->sim, "tls-timeout", NULL,
		  "no TLS connection with %s within %u ms",
		  conn->fqdn ? conn->fqdn : "the SBC",
		  conn->sim->set.handshake_ms);
	conn_close(conn, ETIMEDOUT);
}


/* Takes over the descriptor, also when it fails */
static int conn_alloc(struct conn **connp, struct instance *inst, int fd,
		      const char *fqdn, enum state state)
{
	struct sim *sim = inst->sim;
	struct conn *conn;
	const int on = 1;
	int err = 0;

	conn = mem_zalloc(sizeof(*conn), conn_destructor);
	if (!conn) {
		close(fd);
		return ENOMEM;
	}

	conn->sim = sim;
	conn->inst = inst;
	conn->fd = fd;
	conn->state = state;
	conn->accepted = !fqdn;
	conn->in = mbuf_alloc(2048);
	conn->out = mbuf_alloc(2048);
	conn->ssl = SSL_new(fqdn ? sim->id.client : sim->id.server);
	if (fqdn)
		err = str_dup(&conn->fqdn, fqdn);
	if (err || !conn->in || !conn->out || !conn->ssl) {
		mem_deref(conn);
		return ENOMEM;
	}

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	SSL_set_fd(conn->ssl, fd);
	SSL_set_max_proto_version(conn->ssl, sim->set.tls13 ? TLS1_3_VERSION
							    : TLS1_2_VERSION);
	list_append(&sim->connl, &conn->le, conn);
	deadline_start(&conn->dl, sim->set.handshake_ms, handshake_timeout,
		       conn);
	*connp = conn;

	return 0;
}


static void load_remote(struct conn *conn)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	sa_init(&conn->remote, AF_UNSPEC);
	if (!getpeername(conn->fd, (struct sockaddr *)&ss, &len))
		(void)sa_set_sa(&conn->remote, (struct sockaddr *)&ss);
}


static void begin_late(void *arg)
{
	struct conn *conn = arg;

	deadline_start(&conn->dl, conn->sim->set.handshake_ms,
		       handshake_timeout, conn);
	want(conn, false);
}


void conn_accept(struct instance *inst)
{
	struct conn *conn;
	const int fd = accept4(inst->fd, NULL, NULL,
			       SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;

	if (inst->mode == MODE_HANGUP) {
		close(fd);
		return;
	}

	if (conn_alloc(&conn, inst, fd, NULL, STATE_HANDSHAKE))
		return;

	load_remote(conn);
	SSL_set_accept_state(conn->ssl);
	if (inst->mode == MODE_HALF_OPEN)
		deadline_cancel(&conn->dl);
	else if (inst->sim->set.handshake_delay_ms)
		deadline_start(&conn->dl, inst->sim->set.handshake_delay_ms,
			       begin_late, conn);
	else
		want(conn, false);
}


static struct conn *find(struct instance *inst, const char *fqdn)
{
	const enum reuse reuse = inst->sim->set.connection;
	struct le *le;

	if (reuse == REUSE_NEW)
		return NULL;

	LIST_FOREACH(&inst->sim->connl, le)
	{
		struct conn *conn = le->data;

		if (conn->inst != inst)
			continue;
		if (!conn->accepted && !strcasecmp(conn->fqdn, fqdn))
			return conn;
		if (reuse == REUSE_ANY && conn->state == STATE_OPEN &&
		    conn_names(conn, fqdn))
			return conn;
	}

	return NULL;
}


/* A nonblocking socket that comes from the instance's address */
static int open_socket(const struct sa *local, const struct sa *remote)
{
	struct sa from = *local;
	const int fd = socket(sa_af(remote),
			      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;

	sa_set_port(&from, 0);
	if (bind(fd, &from.u.sa, from.len) == 0 &&
	    (connect(fd, &remote->u.sa, remote->len) == 0 ||
	     errno == EINPROGRESS))
		return fd;

	close(fd);

	return -1;
}


int conn_get(struct conn **connp, struct instance *inst, const char *fqdn,
	     const struct sa *addr)
{
	struct conn *conn = find(inst, fqdn);
	int fd, err;

	if (conn) {
		*connp = conn;
		return 0;
	}

	fd = open_socket(&inst->addr, addr);
	if (fd < 0)
		return errno ? errno : ECONNREFUSED;

	err = conn_alloc(&conn, inst, fd, fqdn, STATE_CONNECTING);
	if (err)
		return err;

	conn->remote = *addr;
	SSL_set_connect_state(conn->ssl);
	SSL_set_tlsext_host_name(conn->ssl, conn->fqdn);
	SSL_set1_host(conn->ssl, fqdn);
	SSL_set_hostflags(conn->ssl,
			  X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT |
				  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!inst->sim->set.client_certificate)
		SSL_certs_clear(conn->ssl);

	want(conn, true);
	*connp = conn;

	return 0;
}


int conn_send(struct conn *conn, const struct mbuf *mb)
{
	const size_t pos = conn->out->pos;
	int err;

	if (conn->state == STATE_CLOSED)
		return ENOTCONN;
	if (mbuf_get_left(conn->out) > QUEUE_MAX)
		return ENOBUFS;

	sim_trace(conn->sim, true, conn, mb->buf, mb->end);

	mbuf_skip_to_end(conn->out);
	err = mbuf_write_mem(conn->out, mb->buf, mb->end);
	conn->out->pos = pos;
	if (!err && conn->state == STATE_OPEN)
		flush_out(conn);

	return err;
}


bool conn_is_open(const struct conn *conn)
{
	return conn && conn->state != STATE_CLOSED;
}


bool conn_is_accepted(const struct conn *conn)
{
	return conn->accepted;
}


bool conn_names(const struct conn *conn, const char *fqdn)
{
	X509 *cert = SSL_get1_peer_certificate(conn->ssl);
	const bool named = pki_names(cert, fqdn);

	X509_free(cert);

	return named;
}


struct instance *conn_instance(const struct conn *conn)
{
	return conn->inst;
}


const struct sa *conn_remote(const struct conn *conn)
{
	return &conn->remote;
}
