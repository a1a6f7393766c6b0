/**
 * @file ports.c  UDP port pairs: an even one for RTP, the next for RTCP
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/rand.h>
#include "bridge/base/libre.h"
#include "ports.h"


enum {
	TRIES  = 64,               /* pairs taken by somebody else, in a row */
	BUFFER = 128 * 1024,       /* over a second of voice each way        */
};


struct resting {
	uint16_t port;
	uint64_t until_ms;
};


/** A pair is free, rests or is taken: the two vectors together never hold
    more than there are pairs */
struct ports {
	uint32_t rest_ms;
	size_t pairs;
	uint16_t *freev;           /* owned                            */
	size_t freec;
	struct resting *restv;     /* owned; a ring, the oldest first  */
	size_t restc, first;
};


static void destructor(void *data)
{
	struct ports *ports = data;

	mem_deref(ports->freev);
	mem_deref(ports->restv);
}


int ports_alloc(struct ports **portsp, uint16_t min, uint16_t max,
		uint32_t rest_ms)
{
	const uint32_t first = (min + 1u) & ~1u;
	struct ports *ports;

	if (!portsp || !min || first + 1 > max)
		return EINVAL;

	ports = mem_zalloc(sizeof(*ports), destructor);
	if (!ports)
		return ENOMEM;

	ports->rest_ms = rest_ms;
	ports->pairs   = (max - first + 1) / 2;
	ports->freev   = mem_zalloc(ports->pairs * sizeof(*ports->freev),
				    NULL);
	ports->restv   = mem_zalloc(ports->pairs * sizeof(*ports->restv),
				    NULL);
	if (!ports->freev || !ports->restv) {
		mem_deref(ports);
		return ENOMEM;
	}

	for (; ports->freec < ports->pairs; ports->freec++)
		ports->freev[ports->freec] =
			(uint16_t)(first + 2 * ports->freec);

	*portsp = ports;

	return 0;
}


void ports_rest(struct ports *ports, uint16_t port, uint64_t now_ms)
{
	struct resting *rest;

	rest = &ports->restv[(ports->first + ports->restc++) % ports->pairs];
	rest->port     = port;
	rest->until_ms = now_ms + ports->rest_ms;
}


static void wake_rested(struct ports *ports, uint64_t now_ms)
{
	while (ports->restc &&
	       ports->restv[ports->first].until_ms <= now_ms) {

		ports->freev[ports->freec++] =
			ports->restv[ports->first].port;
		ports->first = (ports->first + 1) % ports->pairs;
		ports->restc--;
	}
}


static int take(struct ports *ports, uint16_t *port)
{
	uint32_t r;
	size_t i;

	if (!ports->freec)
		return EADDRINUSE;

	if (RAND_bytes((uint8_t *)&r, sizeof(r)) != 1)
		return EPROTO;

	i = r % ports->freec;
	*port = ports->freev[i];
	ports->freev[i] = ports->freev[--ports->freec];

	return 0;
}


static int bind_one(int *fdp, const struct sa *local)
{
	const int size = BUFFER, on = 1;
	int fd, err;

	fd = socket(sa_af(local), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    IPPROTO_UDP);
	if (fd < 0)
		return errno;

	/* Buffers are a wish: the system's limit may be lower */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

	if (sa_af(local) == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		goto fail;

	if (bind(fd, &local->u.sa, local->len) < 0)
		goto fail;

	*fdp = fd;

	return 0;

 fail:
	err = errno;
	(void)close(fd);

	return err;
}


static int bind_pair(int fdv[2], struct sa *local, uint16_t port)
{
	int err;

	sa_set_port(local, port + 1);
	err = bind_one(&fdv[1], local);
	if (err)
		return err;

	sa_set_port(local, port);
	err = bind_one(&fdv[0], local);
	if (err)
		(void)close(fdv[1]);

	return err;
}


int ports_bind(struct ports *ports, struct sa *local, int fdv[2],
	       uint64_t now_ms)
{
	int err = EADDRINUSE;

	wake_rested(ports, now_ms);

	for (int i = 0; i < TRIES && err == EADDRINUSE; i++) {
		uint16_t port;

		err = take(ports, &port);
		if (err)
			return err;

		err = bind_pair(fdv, local, port);
		if (err == EADDRINUSE)
			ports_rest(ports, port, now_ms);
		else if (err)
			ports->freev[ports->freec++] = port;
	}

	return err;
}
