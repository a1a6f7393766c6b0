/**
 * @file link.c  TLS connections that carry SIP
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include "link.h"
#include "watch.h"


enum { MESSAGE_MAX = 65536, BACKLOG = 64, LISTENERS = 8 };


struct listening {
	struct watch w;
	struct door *door;         /* borrowed: parent                   */
};


struct door {
	SSL_CTX *ctx;
	struct listening listenv[LISTENERS];
	size_t listenc;
	struct link *links;        /* all that ever were: a bridge opens few */
	link_message_h *messageh;
	void *arg;
};


struct link {
	struct link *next;
	struct door *door;         /* borrowed: parent                   */
	struct watch w;
	SSL *ssl;                  /* NULL once it is closed             */
	bool up;
	char *in;                  /* MESSAGE_MAX                        */
	size_t inl;
	char *out;                 /* what the socket did not take yet   */
	size_t outl, outsize;
};


static void link_close(struct link *link)
{
	if (!link->ssl)
		return;

	watch_remove(&link->w);
	SSL_free(link->ssl);
	(void)close(link->w.fd);
	link->ssl = NULL;
	link->up = false;
}


/** @return false if it is over */
static bool goes_on(struct link *link, int n)
{
	const int why = SSL_get_error(link->ssl, n);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return true;

	if (why == SSL_ERROR_SSL) {
		(void)fprintf(stderr, "load: TLS: ");
		ERR_print_errors_fp(stderr);
	}

	ERR_clear_error();
	link_close(link);

	return false;
}


static void write_out(struct link *link)
{
	size_t done = 0;

	while (done < link->outl) {
		const int n = SSL_write(link->ssl, link->out + done,
					(int)(link->outl - done));

		if (n <= 0) {
			if (!goes_on(link, n))
				return;
			break;
		}
		done += (size_t)n;
	}

	memmove(link->out, link->out + done, link->outl - done);
	link->outl -= done;
	(void)watch_set(&link->w, link->outl ? EPOLLIN | EPOLLOUT : EPOLLIN);
}


void link_send(struct link *link, const char *p, size_t l)
{
	const bool waiting = link->outl > 0;

	if (!link->ssl)
		return;

	if (link->outl + l > link->outsize) {
		const size_t size = 2 * (link->outl + l);
		char *out = realloc(link->out, size);

		if (!out)
			return;
		link->out = out;
		link->outsize = size;
	}

	memcpy(link->out + link->outl, p, l);
	link->outl += l;
	if (!waiting)
		write_out(link);
}


static void messages(struct link *link)
{
	size_t at = 0;

	while (at < link->inl && link->ssl) {
		struct wire msg;
		int n;

		/* empty lines between messages keep a connection alive */
		if (link->in[at] == '\r' || link->in[at] == '\n') {
			++at;
			continue;
		}

		n = wire_read(&msg, link->in + at, link->inl - at);
		if (n < 0 || (!n && !at && link->inl == MESSAGE_MAX)) {
			(void)fprintf(stderr, "load: not SIP on TLS\n");
			link_close(link);
			return;
		}
		if (!n)
			break;

		link->door->messageh(link, &msg, link->door->arg);
		at += (size_t)n;
	}

	memmove(link->in, link->in + at, link->inl - at);
	link->inl -= at;
}


static void read_in(struct link *link)
{
	while (link->ssl) {
		const int n = SSL_read(link->ssl, link->in + link->inl,
				       (int)(MESSAGE_MAX - link->inl));

		if (n <= 0) {
			(void)goes_on(link, n);
			return;
		}

		link->inl += (size_t)n;
		messages(link);
	}
}


static void link_handler(uint32_t events, void *arg)
{
	struct link *link = arg;

	if (!link->ssl)
		return;

	if (!link->up) {
		const int n = SSL_accept(link->ssl);

		if (n <= 0) {
			(void)goes_on(link, n);
			return;
		}
		link->up = true;
	}

	if (events & EPOLLOUT)
		write_out(link);
	if (link->ssl)
		read_in(link);
}


static int link_alloc(struct door *d, int fd)
{
	struct link *link = calloc(1, sizeof(*link));
	const int on = 1;
	int err;

	if (!link)
		return ENOMEM;

	link->in = malloc(MESSAGE_MAX);
	link->ssl = SSL_new(d->ctx);
	if (!link->in || !link->ssl || !SSL_set_fd(link->ssl, fd)) {
		SSL_free(link->ssl);
		free(link->in);
		free(link);
		return ENOMEM;
	}

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	link->door = d;
	link->w = (struct watch){ fd, link_handler, link };
	link->next = d->links;
	d->links = link;

	err = watch_add(&link->w, EPOLLIN);
	if (err) {
		/* the caller closes fd */
		SSL_free(link->ssl);
		link->ssl = NULL;
	}

	return err;
}


static void accept_handler(uint32_t events, void *arg)
{
	struct listening *l = arg;
	const int fd = accept4(l->w.fd, NULL, NULL,
			       SOCK_NONBLOCK | SOCK_CLOEXEC);
	(void)events;

	if (fd >= 0 && link_alloc(l->door, fd))
		(void)close(fd);
}


static int context_make(SSL_CTX **ctxp, const struct door_conf *conf)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		return ENOMEM;

	if (!SSL_CTX_use_certificate_chain_file(ctx, conf->certificate) ||
	    !SSL_CTX_use_PrivateKey_file(ctx, conf->key, SSL_FILETYPE_PEM) ||
	    !SSL_CTX_load_verify_locations(ctx, conf->ca_file, NULL)) {
		ERR_print_errors_fp(stderr);
		SSL_CTX_free(ctx);
		return EBADMSG;
	}

	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
			   SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
			       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	*ctxp = ctx;

	return 0;
}


static int listen_at(struct door *d, const struct sockaddr_in *addr)
{
	struct listening *l = &d->listenv[d->listenc];
	const int on = 1;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
			      SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;

	l->w = (struct watch){ fd, accept_handler, l };
	l->door = d;
	d->listenc++;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) ||
	    listen(fd, BACKLOG))
		return errno;

	return watch_add(&l->w, EPOLLIN);
}


int door_open(struct door **dp, const struct door_conf *conf,
	      const struct sockaddr_in *addrv, size_t addrc,
	      link_message_h *messageh, void *arg)
{
	struct door *d;
	int err;

	if (addrc > LISTENERS)
		return EINVAL;

	d = calloc(1, sizeof(*d));
	if (!d)
		return ENOMEM;

	d->messageh = messageh;
	d->arg = arg;
	err = context_make(&d->ctx, conf);
	for (size_t i = 0; i < addrc && !err; i++)
		err = listen_at(d, &addrv[i]);

	if (err)
		door_close(d);
	else
		*dp = d;

	return err;
}


void door_close(struct door *d)
{
	if (!d)
		return;

	while (d->links) {
		struct link *link = d->links;

		d->links = link->next;
		link_close(link);
		free(link->in);
		free(link->out);
		free(link);
	}

	for (size_t i = 0; i < d->listenc; i++)
		(void)close(d->listenv[i].w.fd);
	SSL_CTX_free(d->ctx);
	free(d);
}
