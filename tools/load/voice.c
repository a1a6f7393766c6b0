/**
 * @file voice.c  Voice of many calls on one socket: RTP or SRTP
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#include <openssl/rand.h>

#include <re_types.h>
#include <re_fmt.h>
#include <re_mbuf.h>
#include <re_mem.h>
#include <re_srtp.h>

#include "voice.h"
#include "watch.h"


enum {
	PTIME_US  = 20000,
	SLOTS     = PTIME_US / TICK_US,
	HEADER    = 12,
	PAYLOAD   = 160,
	ROOM      = 256,           /* packet with its tag               */
	BATCH     = 64,
	BUFFER    = 16 << 20,      /* of the socket, each way           */
	PT_PCMA   = 8,
	VERSION   = 0x80,
	PORT_MIN  = 20000,
	PORT_MAX  = 20100,
};


struct line {
	bool on;
	struct sockaddr_in peer;
	struct srtp *tx, *rx;      /* owned, NULL: plain                */
	uint32_t ssrc, ts;
	uint16_t seq;
	int next;                  /* in its slot, -1: last             */
};


struct voice {
	struct watch rtp, rtcp;
	uint16_t port;
	struct line *linev;
	unsigned linec;
	uint32_t *by_port;         /* line + 1 by the port of its peer  */
	int slotv[SLOTS];          /* first line, -1: none              */
	unsigned slot;
	bool speaking;
	struct voice_stats stats;

	/* packets on their way out */
	struct mbuf *mbv[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr outv[BATCH];
	unsigned outc;
};


static int bound_socket(const struct in_addr *addr, uint16_t port)
{
	const struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr   = *addr,
		.sin_port   = htons(port),
	};
	const int size = BUFFER;
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK |
			      SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;

	/* FORCE goes beyond the system's limit, where we are allowed to */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
				 sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size));

	if (bind(fd, (const struct sockaddr *)&sin, sizeof(sin))) {
		(void)close(fd);
		return -1;
	}

	return fd;
}


static struct line *line_of(struct voice *v, const struct sockaddr_in *from)
{
	const uint32_t n = v->by_port[ntohs(from->sin_port)];

	return n ? &v->linev[n - 1] : NULL;
}


static void take(struct voice *v, uint8_t *p, size_t n,
		 const struct sockaddr_in *from)
{
	struct line *line = line_of(v, from);
	struct mbuf mb = { .buf = p, .size = n, .end = n };

	if (!line || n < HEADER || (p[0] & 0xc0) != VERSION ||
	    (p[1] & 0x7f) != PT_PCMA ||
	    (line->rx && srtp_decrypt(line->rx, &mb)) ||
	    mb.end != HEADER + PAYLOAD)
		v->stats.bad++;
	else
		v->stats.received++;
}


static void rtp_handler(uint32_t events, void *arg)
{
	static uint8_t bufv[BATCH][2048];
	struct voice *v = arg;
	struct sockaddr_in fromv[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr inv[BATCH];
	int n;
	(void)events;

	do {
		memset(inv, 0, sizeof(inv));
		for (unsigned i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ bufv[i], sizeof(bufv[i]) };
			inv[i].msg_hdr.msg_name = &fromv[i];
			inv[i].msg_hdr.msg_namelen = sizeof(fromv[i]);
			inv[i].msg_hdr.msg_iov = &iov[i];
			inv[i].msg_hdr.msg_iovlen = 1;
		}

		n = recvmmsg(v->rtp.fd, inv, BATCH, 0, NULL);
		for (int i = 0; i < n; i++)
			take(v, bufv[i], inv[i].msg_len, &fromv[i]);
	} while (n == BATCH);
}


/** Reports are read so that the socket does not fill, and left at that */
static void rtcp_handler(uint32_t events, void *arg)
{
	struct voice *v = arg;
	uint8_t buf[2048];
	(void)events;

	while (recv(v->rtcp.fd, buf, sizeof(buf), 0) > 0)
		;
}


static int sockets_open(struct voice *v, const struct in_addr *addr)
{
	int err;

	for (uint16_t port = PORT_MIN; port < PORT_MAX; port += 2) {
		v->rtp.fd = bound_socket(addr, port);
		v->rtcp.fd = v->rtp.fd < 0 ? -1 :
			bound_socket(addr, (uint16_t)(port + 1));
		if (v->rtcp.fd >= 0) {
			v->port = port;
			break;
		}
		if (v->rtp.fd >= 0)
			(void)close(v->rtp.fd);
		v->rtp.fd = -1;
	}

	if (!v->port)
		return EADDRINUSE;

	v->rtp.h = rtp_handler;
	v->rtcp.h = rtcp_handler;
	v->rtp.arg = v->rtcp.arg = v;

	err = watch_add(&v->rtp, EPOLLIN);

	return err ? err : watch_add(&v->rtcp, EPOLLIN);
}


int voice_alloc(struct voice **vp, const struct in_addr *addr, unsigned lines)
{
	struct voice *v = calloc(1, sizeof(*v));
	bool ok;
	int err;

	if (!v)
		return ENOMEM;

	v->rtp.fd = v->rtcp.fd = -1;
	v->linec = lines;
	v->linev = calloc(lines ? lines : 1, sizeof(*v->linev));
	v->by_port = calloc(65536, sizeof(*v->by_port));
	memset(v->slotv, 0xff, sizeof(v->slotv));

	ok = v->linev && v->by_port;
	for (unsigned i = 0; i < BATCH && ok; i++) {
		v->mbv[i] = mbuf_alloc(ROOM);
		ok = v->mbv[i] != NULL;
	}

	err = ok ? sockets_open(v, addr) : ENOMEM;
	if (err)
		voice_free(v);
	else
		*vp = v;

	return err;
}


void voice_free(struct voice *v)
{
	if (!v)
		return;

	for (unsigned i = 0; i < v->linec && v->linev; i++)
		voice_end(v, i);
	for (unsigned i = 0; i < BATCH; i++)
		mem_deref(v->mbv[i]);
	if (v->rtp.fd >= 0)
		(void)close(v->rtp.fd);
	if (v->rtcp.fd >= 0)
		(void)close(v->rtcp.fd);
	free(v->by_port);
	free(v->linev);
	free(v);
}


uint16_t voice_port(const struct voice *v)
{
	return v->port;
}


static int keys_set(struct line *line, const uint8_t *tx, const uint8_t *rx)
{
	int err;

	if (!tx || !rx)
		return 0;

	err = srtp_alloc(&line->tx, SRTP_AES_CM_128_HMAC_SHA1_80, tx,
			 VOICE_KEY, 0);

	return err ? err : srtp_alloc(&line->rx, SRTP_AES_CM_128_HMAC_SHA1_80,
				      rx, VOICE_KEY, 0);
}


int voice_begin(struct voice *v, unsigned n, const struct sockaddr_in *peer,
		const uint8_t *tx, const uint8_t *rx)
{
	struct line *line;
	uint32_t random[3];
	unsigned slot;
	int err;

	if (n >= v->linec || v->linev[n].on)
		return EINVAL;

	line = &v->linev[n];
	if (RAND_bytes((uint8_t *)random, sizeof(random)) != 1)
		return EPROTO;

	err = keys_set(line, tx, rx);
	if (err) {
		line->tx = mem_deref(line->tx);
		return err;
	}

	line->on = true;
	line->peer = *peer;
	line->ssrc = random[0];
	line->ts = random[1];
	line->seq = random[2] & 0x7fff;
	v->by_port[ntohs(peer->sin_port)] = n + 1;

	slot = (random[2] >> 16) % SLOTS;
	line->next = v->slotv[slot];
	v->slotv[slot] = (int)n;

	return 0;
}


static void slots_drop(struct voice *v, unsigned n)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		for (int *at = &v->slotv[i]; *at >= 0;
		     at = &v->linev[*at].next) {
			if (*at == (int)n) {
				*at = v->linev[n].next;
				return;
			}
		}
	}
}


void voice_end(struct voice *v, unsigned n)
{
	struct line *line;

	if (n >= v->linec || !v->linev[n].on)
		return;

	line = &v->linev[n];
	slots_drop(v, n);
	if (v->by_port[ntohs(line->peer.sin_port)] == n + 1)
		v->by_port[ntohs(line->peer.sin_port)] = 0;
	mem_deref(line->tx);
	mem_deref(line->rx);
	memset(line, 0, sizeof(*line));
}


void voice_speak(struct voice *v, bool on)
{
	if (on)
		memset(&v->stats, 0, sizeof(v->stats));
	v->speaking = on;
}


static void flush(struct voice *v)
{
	unsigned done = 0;

	while (done < v->outc) {
		const int n = sendmmsg(v->rtp.fd, v->outv + done,
				       v->outc - done, 0);

		if (n > 0) {
			done += (unsigned)n;
			v->stats.sent += (unsigned)n;
		}
		else if (errno == ECONNREFUSED) {
			continue;  /* of an earlier packet: send goes on */
		}
		else {
			v->stats.unsent++;
			done++;
		}
	}

	v->outc = 0;
}


static void packet_send(struct voice *v, struct line *line)
{
	struct mbuf *mb = v->mbv[v->outc];
	uint8_t *p = mb->buf;
	const uint16_t seq = htons(line->seq++);
	const uint32_t ts = htonl(line->ts);

	line->ts += PAYLOAD;
	p[0] = VERSION;
	p[1] = PT_PCMA;
	memcpy(p + 2, &seq, sizeof(seq));
	memcpy(p + 4, &ts, sizeof(ts));
	memcpy(p + 8, &line->ssrc, sizeof(line->ssrc));
	memset(p + HEADER, 0xd5, PAYLOAD);
	mb->pos = 0;
	mb->end = HEADER + PAYLOAD;

	if (line->tx && srtp_encrypt(line->tx, mb)) {
		v->stats.unsent++;
		return;
	}

	v->iov[v->outc] = (struct iovec){ mb->buf, mb->end };
	v->outv[v->outc].msg_hdr = (struct msghdr){
		.msg_name    = &line->peer,
		.msg_namelen = sizeof(line->peer),
		.msg_iov     = &v->iov[v->outc],
		.msg_iovlen  = 1,
	};

	if (++v->outc == BATCH)
		flush(v);
}


void voice_tick(struct voice *v, uint64_t count)
{
	if (!v->speaking)
		return;

	while (count--) {
		for (int n = v->slotv[v->slot]; n >= 0; n = v->linev[n].next)
			packet_send(v, &v->linev[n]);

		v->slot = (v->slot + 1) % SLOTS;
	}

	flush(v);
}


const struct voice_stats *voice_stats(const struct voice *v)
{
	return &v->stats;
}
