/**
 * @file door.c  Where connections come in
 *
 * evhttp counts no connections, and its time-out starts again with every
 * octet. Both are done here: a connection's bufferevent has a reference of
 * ours beside evhttp's. When evhttp lets go of it, its callbacks are gone:
 * that is seen after each round of the loop. (A filter around it would tell
 * by itself, but libevent 2.1.12 sometimes forgets to flush one.) To end a
 * connection its socket is shut down, and evhttp finds that by itself.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "bridge/sip/tlsctx.h"
#include "door.h"


enum {
	BACKLOG      = 128,
	CONNS_SOCKET = 50,         /* of a Unix socket                      */
	SMALL        = 64 * 1024,  /* octets of a request that always pass  */
	TAKEN_MAX    = 48 << 20,   /* of a source's requests under way      */
	TAKEN_ALL    = 128 << 20,  /* of all                                */
	REST_MS      = 200,        /* after accept(2) has failed            */
};


struct door {
	struct event_base *base;   /* borrowed */
	struct list connl;         /* struct conn, owned */
	struct tlsctx *tls;        /* ref, NULL: none */
	unsigned connc_max;        /* in all */
	unsigned source_max;       /* of one source */
	unsigned limit_ms;         /* for a whole request */
	char *path;                /* owned; NULL: not ours to remove */
	int lock;                  /* descriptor, -1 none */
};


/** One connection */
struct conn {
	struct le le;
	struct door *door;         /* borrowed, parent */
	struct bufferevent *bev;   /* ref */
	struct event *deadline;    /* owned */
	struct sa peer;            /* unset: not looked at yet */
	size_t taken;              /* octets of the request under way */
};


/* Connections */


static void taken_h(struct evbuffer *buf,
		    const struct evbuffer_cb_info *info, void *arg);


static void conn_destructor(void *data)
{
	struct conn *conn = data;

	if (conn->deadline)
		event_free(conn->deadline);

	list_unlink(&conn->le);

	if (conn->bev) {
		(void)evbuffer_remove_cb(bufferevent_get_input(conn->bev),
					 taken_h, conn);
		(void)bufferevent_decref(conn->bev);
	}
}


/**
 * Half a request is there (RFC 9110 section 15.5.9)
 *
 * Not by evhttp, which is in the middle of reading it
 */
static void tell_late(struct conn *conn)
{
	static const char text[] = "HTTP/1.1 408 Request Timeout\r\n"
		"Content-Type: application/json\r\nContent-Length: 76\r\n"
		"Connection: close\r\n\r\n"
		"{\"error\": \"the request was not whole in time\", "
		"\"field\": null, \"hint\": null}\n";
	SSL *ssl = bufferevent_openssl_get_ssl(conn->bev);

	if (evbuffer_get_length(bufferevent_get_output(conn->bev)))
		return;

	if (!ssl)
		(void)send(bufferevent_getfd(conn->bev), text,
			   sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (SSL_is_init_finished(ssl))
		(void)SSL_write(ssl, text, sizeof(text) - 1);
}


static void conn_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;

	(void)fd;
	(void)what;

	if (conn->taken)
		tell_late(conn);

	(void)shutdown(bufferevent_getfd(conn->bev), SHUT_RDWR);
}


static void conn_start(struct conn *conn, unsigned ms)
{
	const struct timeval tv = {
		.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000,
	};

	(void)evtimer_add(conn->deadline, &tv);
}


/** Has evhttp freed it? It always has a callback for errors */
static bool conn_is_over(const struct conn *conn)
{
	bufferevent_event_cb eventcb = NULL;

	bufferevent_getcb(conn->bev, NULL, NULL, &eventcb, NULL);

	return !eventcb;
}


static struct bufferevent *bev_new(struct door *door,
				   struct event_base *base)
{
	struct bufferevent *bev;
	SSL *ssl;

	if (!door->tls)
		return bufferevent_socket_new(base, -1,
					      BEV_OPT_CLOSE_ON_FREE);

	ssl = SSL_new(tlsctx_ssl(door->tls));
	if (!ssl)
		return NULL;

	bev = bufferevent_openssl_socket_new(base, -1, ssl,
					     BUFFEREVENT_SSL_ACCEPTING,
					     BEV_OPT_CLOSE_ON_FREE);
	if (!bev) {
		SSL_free(ssl);
		return NULL;
	}

	/* many clients close without saying goodbye: HTTP has lengths */
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);

	return bev;
}


/** The same machine, or with IPv6 network: whoever has one of these has all
    of its addresses */
static bool same_source(const struct sa *a, const struct sa *b)
{
	if (sa_af(a) != AF_INET6 || sa_af(b) != AF_INET6 ||
	    IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
		return sa_cmp(a, b, SA_ADDR);

	return !memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, 8);
}


/**
 * Octets have come in
 *
 * Who sends a body is known when all of it is there: evhttp tells nothing
 * before. So what lies in memory is bounded, for each source and in all, and
 * whoever goes beyond is cut off. Requests as all day's are not counted.
 */
static void taken_h(struct evbuffer *buf,
		    const struct evbuffer_cb_info *info, void *arg)
{
	struct conn *conn = arg;
	size_t own = 0, all = 0;

	(void)buf;

	conn->taken += info->n_added;
	if (!info->n_added || conn->taken <= SMALL)
		return;

	for (struct le *le = conn->door->connl.head; le; le = le->next) {
		const struct conn *other = le->data;

		if (other->taken <= SMALL)
			continue;

		all += other->taken;
		if (same_source(&other->peer, &conn->peer))
			own += other->taken;
	}

	if (own <= TAKEN_MAX && all <= TAKEN_ALL)
		return;

	/* gone with the next round of the loop; the others may stay */
	conn->taken = 0;
	(void)shutdown(bufferevent_getfd(conn->bev), SHUT_RDWR);
}


/**
 * evhttp has accepted a connection and wants its bufferevent
 *
 * @return NULL without memory: evhttp then makes one that is not counted
 */
static struct bufferevent *conn_new(struct event_base *base, void *arg)
{
	struct door *door = arg;
	struct conn *conn;

	conn = mem_zalloc(sizeof(*conn), conn_destructor);
	if (!conn)
		return NULL;

	conn->door     = door;
	conn->deadline = evtimer_new(base, conn_deadline, conn);
	if (conn->deadline)
		conn->bev = bev_new(door, base);
	if (!conn->bev)
		return mem_deref(conn);

	if (!evbuffer_add_cb(bufferevent_get_input(conn->bev), taken_h,
			     conn)) {
		bufferevent_free(conn->bev);
		conn->bev = NULL;
		return mem_deref(conn);
	}

	bufferevent_incref(conn->bev);
	list_append(&door->connl, &conn->le, conn);

	/* It has no socket yet; in the next round of the loop it has */
	conn_start(conn, list_count(&door->connl) > door->connc_max ? 0
		   : door->limit_ms);

	return conn->bev;
}


/** One source is not to take all there is */
static void peer_check(struct door *door, struct conn *conn)
{
	struct sa peer;
	size_t c = 0;

	peer.len = sizeof(peer.u);
	if (getpeername(bufferevent_getfd(conn->bev), &peer.u.sa, &peer.len))
		return;

	conn->peer = peer;
	for (struct le *le = list_head(&door->connl); le; le = le->next)
		c += same_source(&((struct conn *)le->data)->peer, &peer);

	if (c > door->source_max)
		(void)shutdown(bufferevent_getfd(conn->bev), SHUT_RDWR);
}


void door_sweep(struct door *door)
{
	struct le *le;

	if (!door)
		return;

	le = door->connl.head;
	while (le) {
		struct conn *conn = le->data;

		le = le->next;
		if (conn_is_over(conn))
			mem_deref(conn);
		else if (!door->path && !sa_isset(&conn->peer, SA_ADDR))
			peer_check(door, conn);
	}
}


/* The listener */


static void rest_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;

	(void)evconnlistener_enable(arg);
}


/** Out of descriptors: those who wait go on waiting, we do not spin. The
    argument is evhttp's own, so all is done with the listener alone */
static void accept_failed(struct evconnlistener *listener, void *arg)
{
	static struct log_gate gate;
	const int err = EVUTIL_SOCKET_ERROR();
	const struct timeval tv = {.tv_usec = REST_MS * 1000};

	(void)arg;

	if (log_gate_pass(&gate, clock_ms(), NULL))
		warning("portal", "", "cannot accept a connection: %m", err);

	if (!event_base_once(evconnlistener_get_base(listener), -1,
			     EV_TIMEOUT, rest_over, listener, &tv))
		(void)evconnlistener_disable(listener);
}


/** @param fd  Listening socket; taken, also when this fails */
static int attach(struct door *door, struct evhttp *http, int fd)
{
	struct evconnlistener *listener;

	listener = evconnlistener_new(door->base, NULL, NULL,
				      LEV_OPT_CLOSE_ON_FREE |
				      LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!listener) {
		(void)close(fd);
		return ENOMEM;
	}

	if (!evhttp_bind_listener(http, listener)) {
		evconnlistener_free(listener);
		return ENOMEM;
	}

	evconnlistener_set_error_cb(listener, accept_failed);
	evhttp_set_bevcb(http, conn_new, door);

	return 0;
}


/* Unix socket */


static int lock_take(struct door *door, const char *path)
{
	char *name;
	int err;

	err = re_sdprintf(&name, "%s.lock", path);
	if (err)
		return err;

	door->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			  0600);
	if (door->lock < 0)
		err = errno;
	else if (flock(door->lock, LOCK_EX | LOCK_NB))
		err = errno == EWOULDBLOCK ? EADDRINUSE : errno;

	mem_deref(name);

	return err;
}


/** Does anybody answer there? Not every program keeps our lock */
static int stale_remove(const struct sockaddr_un *un, int fd)
{
	struct stat st;

	if (lstat(un->sun_path, &st))
		return errno == ENOENT ? 0 : errno;

	if (!S_ISSOCK(st.st_mode))
		return ENOTSOCK;

	if (!connect(fd, (const struct sockaddr *)un, sizeof(*un)))
		return EADDRINUSE;
	if (errno != ECONNREFUSED)
		return errno == EAGAIN ? EADDRINUSE : errno;

	return unlink(un->sun_path) ? errno : 0;
}


/** Nobody can connect before listen(2), so the mode is right in time */
static int unix_listen(const struct sockaddr_un *un, int fd)
{
	if (bind(fd, (const struct sockaddr *)un, sizeof(*un)))
		return errno;

	if (chmod(un->sun_path, 0600) || listen(fd, BACKLOG))
		return errno;

	return 0;
}


static void destructor(void *data)
{
	struct door *door = data;

	list_flush(&door->connl);

	if (door->path)
		(void)unlink(door->path);
	if (door->lock >= 0)
		(void)close(door->lock);

	mem_deref(door->path);
	mem_deref(door->tls);
}


/* TCP */


static int port_listen(struct sa *laddr, int *fdp)
{
	const int on = 1;
	int fd;

	fd = socket(sa_af(laddr), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return errno;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

	/* Connections inherit it. Without, the first answer of each waits up
	   to 40 ms for the peer to acknowledge TLS' session tickets */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	if (bind(fd, &laddr->u.sa, laddr->len) || listen(fd, BACKLOG) ||
	    getsockname(fd, &laddr->u.sa, &laddr->len)) {
		const int err = errno;

		(void)close(fd);
		return err;
	}

	*fdp = fd;

	return 0;
}


int door_open_tcp(struct door **doorp, struct event_base *base,
		  struct evhttp *http, struct sa *laddr, struct tlsctx *tls,
		  const struct door_limits *limits)
{
	struct door *door;
	int fd = -1, err;

	if (!doorp || !base || !http || !laddr || !limits)
		return EINVAL;

	door = mem_zalloc(sizeof(*door), destructor);
	if (!door)
		return ENOMEM;

	door->base = base;
	door->lock = -1;
	door->tls  = mem_ref(tls);
	door->limit_ms   = limits->request_ms;
	door->connc_max  = limits->conns;
	door->source_max = limits->conns_source;

	err = port_listen(laddr, &fd);
	if (!err)
		err = attach(door, http, fd);

	if (err)
		mem_deref(door);
	else
		*doorp = door;

	return err;
}


int door_open_unix(struct door **doorp, struct event_base *base,
		   struct evhttp *http, const char *path, unsigned limit_ms)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct door *door;
	int fd = -1, err;

	if (!doorp || !base || !http || !str_isset(path))
		return EINVAL;

	if (strlen(path) >= sizeof(un.sun_path))
		return ENAMETOOLONG;
	str_ncpy(un.sun_path, path, sizeof(un.sun_path));

	door = mem_zalloc(sizeof(*door), destructor);
	if (!door)
		return ENOMEM;

	door->base = base;
	door->lock = -1;
	door->limit_ms = limit_ms;
	door->connc_max = CONNS_SOCKET;

	err = lock_take(door, path);
	if (err)
		goto out;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err = errno;
		goto out;
	}

	err = stale_remove(&un, fd);
	if (err)
		goto out;

	err = str_dup(&door->path, path);
	if (err)
		goto out;

	err = unix_listen(&un, fd);
	if (err)
		goto out;

	err = attach(door, http, fd);
	fd  = -1;

 out:
	if (fd >= 0)
		(void)close(fd);
	if (err)
		mem_deref(door);
	else
		*doorp = door;

	return err;
}


static struct conn *conn_find(struct door *door, struct evhttp_request *req)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	const struct bufferevent *bev;
	struct le *le;

	if (!door || !evcon)
		return NULL;

	bev = evhttp_connection_get_bufferevent(evcon);

	LIST_FOREACH(&door->connl, le) {
		struct conn *conn = le->data;

		if (conn->bev == bev)
			return conn;
	}

	return NULL;
}


void door_request(struct door *door, struct evhttp_request *req)
{
	struct conn *conn = conn_find(door, req);

	if (!conn)
		return;

	conn->taken = 0;
	conn_start(conn, door->limit_ms);
}


void door_release(struct door *door, struct evhttp_request *req)
{
	struct conn *conn = conn_find(door, req);

	if (!conn)
		return;

	(void)event_del(conn->deadline);
	(void)bufferevent_set_timeouts(conn->bev, NULL, NULL);
}
