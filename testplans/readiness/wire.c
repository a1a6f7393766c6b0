/**
 * @file wire.c  One socket to a PBX, on which every octet can be seen
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"


enum { MESSAGE_MAX = 65535, PIECE = 4096 };


struct wire {
	int fd;
	enum sip_transp tp;
	struct sa laddr;
	SSL_CTX *ctx;              /* owned */
	SSL *ssl;                  /* owned */
	struct mbuf *in;           /* owned: what came of a stream */
};


uint64_t wire_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}


static void destructor(void *data)
{
	struct wire *wire = data;

	if (wire->ssl)
		(void)SSL_shutdown(wire->ssl);
	SSL_free(wire->ssl);
	SSL_CTX_free(wire->ctx);
	if (wire->fd >= 0)
		(void)close(wire->fd);
	mem_deref(wire->in);
}


static unsigned left_of(uint64_t end)
{
	const uint64_t now = wire_now();

	return now < end ? (unsigned)(end - now) : 0;
}


/** @return 0, ETIMEDOUT, EINTR, errno */
static int await(int fd, short events, uint64_t end)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	const int n = poll(&pfd, 1, (int)left_of(end));

	if (n < 0)
		return errno;

	return n ? 0 : ETIMEDOUT;
}


static int connect_to(struct wire *wire, const struct sa *peer, uint64_t end)
{
	socklen_t l = sizeof(int);
	int err = 0;

	if (!connect(wire->fd, &peer->u.sa, peer->len))
		return 0;

	if (errno != EINPROGRESS)
		return errno;

	err = await(wire->fd, POLLOUT, end);
	if (err)
		return err;

	if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &err, &l))
		return errno;

	return err;
}


static int socket_open(struct wire *wire, const struct wire_conf *conf,
		       uint64_t end)
{
	const int udp = conf->tp == SIP_TRANSP_UDP;
	const int on = 1, whole = IP_PMTUDISC_DONT;

	wire->fd = socket(sa_af(&conf->peer),
			  (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC |
			  SOCK_NONBLOCK, 0);
	if (wire->fd < 0)
		return errno;

	if (udp)
		/* large datagrams shall go out in fragments */
		(void)setsockopt(wire->fd, IPPROTO_IP, IP_MTU_DISCOVER,
				 &whole, sizeof(whole));
	else
		(void)setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));

	if (sa_isset(&conf->laddr, SA_ADDR) &&
	    bind(wire->fd, &conf->laddr.u.sa, conf->laddr.len))
		return errno;

	return connect_to(wire, &conf->peer, end);
}


/* TLS */


static void name_text(char *buf, size_t size, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = -1;

	*buf = '\0';
	if (!bio)
		return;

	if (X509_NAME_print_ex(bio, name, 0,
			       XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_read(bio, buf, (int)size - 1);
	buf[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}


static int64_t time_of(const ASN1_TIME *at)
{
	struct tm tm;

	return ASN1_TIME_to_tm(at, &tm) ? (int64_t)timegm(&tm) : 0;
}


static void names_text(char *buf, size_t size, X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name,
						NULL, NULL);
	size_t l = 0;

	*buf = '\0';

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && l < size; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		char text[INET6_ADDRSTRLEN] = "";
		const char *what = text;
		int n;

		if (name->type == GEN_DNS)
			what = (const char *)ASN1_STRING_get0_data(
				name->d.dNSName);
		else if (name->type == GEN_IPADD)
			(void)inet_ntop(ASN1_STRING_length(
						name->d.iPAddress) == 4 ?
					AF_INET : AF_INET6,
					ASN1_STRING_get0_data(
						name->d.iPAddress),
					text, sizeof(text));
		else
			continue;

		n = re_snprintf(buf + l, size - l, "%s%s", l ? ", " : "",
				what);
		if (n < 0)
			break;
		l += (size_t)n;
	}

	GENERAL_NAMES_free(names);
}


static void tls_describe(struct wire_tls *tls, SSL *ssl, const char *host)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);

	str_ncpy(tls->protocol, SSL_get_version(ssl), sizeof(tls->protocol));
	str_ncpy(tls->cipher, SSL_get_cipher_name(ssl), sizeof(tls->cipher));
	tls->verify = (int)SSL_get_verify_result(ssl);
	tls->chainc = (unsigned)sk_X509_num(SSL_get_peer_cert_chain(ssl));
	if (!cert)
		return;

	name_text(tls->subject, sizeof(tls->subject),
		  X509_get_subject_name(cert));
	name_text(tls->issuer, sizeof(tls->issuer),
		  X509_get_issuer_name(cert));
	names_text(tls->names, sizeof(tls->names), cert);
	tls->begins_s    = time_of(X509_get0_notBefore(cert));
	tls->ends_s      = time_of(X509_get0_notAfter(cert));
	tls->self_signed = X509_self_signed(cert, 0) == 1;
	tls->name_good   = host &&
		(X509_check_host(cert, host, 0, 0, NULL) == 1 ||
		 X509_check_ip_asc(cert, host, 0) == 1);
	X509_free(cert);
}


static int ssl_await(struct wire *wire, int ret, uint64_t end)
{
	switch (SSL_get_error(wire->ssl, ret)) {

	case SSL_ERROR_WANT_READ:
		return await(wire->fd, POLLIN, end);

	case SSL_ERROR_WANT_WRITE:
		return await(wire->fd, POLLOUT, end);

	case SSL_ERROR_ZERO_RETURN:
		return ECONNRESET;

	case SSL_ERROR_SYSCALL:
		return errno ? errno : ECONNRESET;

	default:
		return EPROTO;
	}
}


static int tls_open(struct wire *wire, const struct wire_conf *conf,
		    uint64_t end)
{
	char name[256] = "";
	struct sa sa;
	int err = 0, ret;

	wire->ctx = SSL_CTX_new(TLS_client_method());
	if (!wire->ctx)
		return ENOMEM;

	/* the peer is looked at, not trusted */
	SSL_CTX_set_verify(wire->ctx, SSL_VERIFY_NONE, NULL);
	(void)SSL_CTX_set_mode(wire->ctx, SSL_MODE_AUTO_RETRY);
	if (conf->ca_file ?
	    !SSL_CTX_load_verify_locations(wire->ctx, conf->ca_file, NULL) :
	    !SSL_CTX_set_default_verify_paths(wire->ctx))
		return EPROTO;

	wire->ssl = SSL_new(wire->ctx);
	if (!wire->ssl || !SSL_set_fd(wire->ssl, wire->fd))
		return ENOMEM;

	/* SNI has no addresses (RFC 6066 section 3) */
	if (conf->host && sa_set_str(&sa, conf->host, 0))
		str_ncpy(name, conf->host, sizeof(name));
	if (*name)
		(void)SSL_set_tlsext_host_name(wire->ssl, name);

	while (!err && (ret = SSL_connect(wire->ssl)) != 1)
		err = ssl_await(wire, ret, end);

	return err;
}


static void tell(char *why, size_t size, int err)
{
	const unsigned long code = ERR_peek_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	if (err == ETIMEDOUT)
		(void)re_snprintf(why, size, "no answer");
	else if (err == EPROTO && text)
		(void)re_snprintf(why, size, "TLS: %s", text);
	else if (err == ECONNREFUSED)
		(void)re_snprintf(why, size, "refused: nobody listens");
	else
		(void)re_snprintf(why, size, "%m", err);
}


int wire_open(struct wire **wirep, const struct wire_conf *conf, char *why,
	      size_t size, struct wire_tls *tls)
{
	const uint64_t end = wire_now() + conf->limit_ms;
	struct wire *wire;
	int err;

	wire = mem_zalloc(sizeof(*wire), destructor);
	if (!wire)
		return ENOMEM;

	ERR_clear_error();
	wire->fd = -1;
	wire->tp = conf->tp;
	wire->in = mbuf_alloc(PIECE);

	err = wire->in ? socket_open(wire, conf, end) : ENOMEM;
	if (!err && conf->tp == SIP_TRANSP_TLS) {
		err = tls_open(wire, conf, end);
		if (tls && wire->ssl && !err)
			tls_describe(tls, wire->ssl, conf->host);
	}

	if (!err) {
		wire->laddr.len = sizeof(wire->laddr.u);
		if (getsockname(wire->fd, &wire->laddr.u.sa,
				&wire->laddr.len))
			err = errno;
	}

	if (err) {
		tell(why, size, err);
		mem_deref(wire);
	}
	else {
		*wirep = wire;
	}

	return err;
}


int wire_send(struct wire *wire, const void *data, size_t size)
{
	const uint64_t end = wire_now() + 2000;
	const uint8_t *p = data;

	while (size) {
		const ssize_t n = wire->ssl ?
			SSL_write(wire->ssl, p, (int)size) :
			send(wire->fd, p, size, MSG_NOSIGNAL);
		int err;

		if (n > 0) {
			p += n;
			size -= (size_t)n;
			continue;
		}

		err = wire->ssl ? ssl_await(wire, (int)n, end) :
			errno == EAGAIN ? await(wire->fd, POLLOUT, end) :
			errno;
		if (err)
			return err;
	}

	return 0;
}


/** @return octets, 0 with *errp */
static size_t piece(struct wire *wire, uint8_t *buf, size_t size,
		    uint64_t end, int *errp)
{
	for (;;) {
		const ssize_t n = wire->ssl ?
			SSL_read(wire->ssl, buf, (int)size) :
			recv(wire->fd, buf, size, 0);

		if (n > 0)
			return (size_t)n;

		if (wire->ssl)
			*errp = ssl_await(wire, (int)n, end);
		else if (!n && wire->tp != SIP_TRANSP_UDP)
			*errp = ECONNRESET;
		else if (!n || errno == EAGAIN)
			*errp = await(wire->fd, POLLIN, end);
		else
			*errp = errno;

		if (*errp)
			return 0;
	}
}


static int copy_out(struct mbuf **mbp, const uint8_t *p, size_t size)
{
	struct mbuf *mb = mbuf_alloc(size + 1);
	int err;

	if (!mb)
		return ENOMEM;

	err = mbuf_write_mem(mb, p, size);
	mb->pos = 0;
	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}


static int recv_datagram(struct wire *wire, struct mbuf **mbp, uint64_t end)
{
	static uint8_t buf[MESSAGE_MAX];
	int err = 0;

	for (;;) {
		const size_t n = piece(wire, buf, sizeof(buf), end, &err);

		if (err)
			return err;
		if (n > 4)             /* not a keepalive */
			return copy_out(mbp, buf, n);
	}
}


/** Content-Length of a head, 0 if it is not there */
static size_t length_of(const char *head, size_t size)
{
	static const char *const namev[] = { "Content-Length", "l" };
	const char *line = head, *end = head + size;

	while (line < end) {
		for (size_t i = 0; i < RE_ARRAY_SIZE(namev); i++) {
			const size_t n = strlen(namev[i]);
			const char *p = line + n;

			if ((size_t)(end - line) <= n ||
			    strncasecmp(line, namev[i], n))
				continue;

			p += strspn(p, " \t");
			if (*p == ':')
				return strtoul(p + 1, NULL, 10);
		}

		line = memchr(line, '\n', (size_t)(end - line));
		if (!line)
			break;
		++line;
	}

	return 0;
}


/** Octets of the first whole message in the buffer, 0 if it is not there.
    A zero ends the buffer */
static size_t frame(const struct mbuf *in)
{
	const char *head = (const char *)in->buf;
	const char *end = memmem(head, in->end, "\r\n\r\n", 4);
	size_t l;

	if (!end)
		return 0;

	l  = (size_t)(end - head) + 4;
	l += length_of(head, l);

	return l <= in->end ? l : 0;
}


static void drop(struct mbuf *in, size_t size)
{
	memmove(in->buf, in->buf + size, in->end - size);
	in->end -= size;
	in->pos  = in->end;
}


static int recv_stream(struct wire *wire, struct mbuf **mbp, uint64_t end)
{
	uint8_t buf[PIECE];
	int err = 0;

	for (;;) {
		struct mbuf *in = wire->in;
		size_t n;

		while (in->end >= 2 && !memcmp(in->buf, "\r\n", 2))
			drop(in, 2);

		n = in->end ? frame(in) : 0;
		if (n) {
			err = copy_out(mbp, in->buf, n);
			drop(in, n);
			return err;
		}

		if (in->end > MESSAGE_MAX)
			return EBADMSG;

		n = piece(wire, buf, sizeof(buf), end, &err);
		if (err)
			return err;

		in->pos = in->end;
		err = mbuf_write_mem(in, buf, n);
		if (!err)
			err = mbuf_write_u8(in, 0);
		if (err)
			return err;
		--in->end;
	}
}


int wire_recv(struct wire *wire, struct mbuf **mbp, unsigned limit_ms)
{
	const uint64_t end = wire_now() + limit_ms;

	return wire->tp == SIP_TRANSP_UDP ? recv_datagram(wire, mbp, end) :
		recv_stream(wire, mbp, end);
}


enum sip_transp wire_transp(const struct wire *wire)
{
	return wire->tp;
}


const struct sa *wire_laddr(const struct wire *wire)
{
	return &wire->laddr;
}


unsigned wire_mtu(const struct wire *wire)
{
	socklen_t l = sizeof(int);
	int mtu = 0;

	if (getsockopt(wire->fd, IPPROTO_IP, IP_MTU, &mtu, &l))
		return 0;

	return (unsigned)mtu;
}
