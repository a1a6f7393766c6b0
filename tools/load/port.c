/**
 * @file port.c  The PBX's SIP port: one UDP socket
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "port.h"
#include "watch.h"


enum { DATAGRAM = 16384, BUFFER = 8 << 20 };


struct port {
	struct watch w;
	port_message_h *messageh;
	void *arg;
};


static void read_handler(uint32_t events, void *arg)
{
	struct port *p = arg;
	struct sockaddr_in from;
	char buf[DATAGRAM];
	(void)events;

	for (;;) {
		socklen_t size = sizeof(from);
		const ssize_t n = recvfrom(p->w.fd, buf, sizeof(buf), 0,
					   (struct sockaddr *)&from, &size);
		struct wire msg;

		if (n < 0)
			return;
		if (wire_read(&msg, buf, (size_t)n) > 0)
			p->messageh(&msg, &from, p->arg);
	}
}


int port_open(struct port **pp, const struct sockaddr_in *laddr,
	      port_message_h *messageh, void *arg)
{
	struct port *p = calloc(1, sizeof(*p));
	const int size = BUFFER;
	int err;

	if (!p)
		return ENOMEM;

	p->messageh = messageh;
	p->arg = arg;
	p->w = (struct watch){
		socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		read_handler, p,
	};
	if (p->w.fd < 0) {
		err = errno;
		goto out;
	}

	if (setsockopt(p->w.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
		       sizeof(size)))
		(void)setsockopt(p->w.fd, SOL_SOCKET, SO_RCVBUF, &size,
				 sizeof(size));

	err = bind(p->w.fd, (const struct sockaddr *)laddr, sizeof(*laddr)) ?
		errno : watch_add(&p->w, EPOLLIN);

 out:
	if (err)
		port_close(p);
	else
		*pp = p;

	return err;
}


void port_close(struct port *p)
{
	if (!p)
		return;

	if (p->w.fd >= 0)
		(void)close(p->w.fd);
	free(p);
}


void port_send(struct port *p, const struct sockaddr_in *dst, const char *buf,
	       size_t l)
{
	/* what is lost is sent again by whoever waits for an answer */
	(void)sendto(p->w.fd, buf, l, 0, (const struct sockaddr *)dst,
		     sizeof(*dst));
}
