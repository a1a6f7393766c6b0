/**
 * @file ear.c  A socket that speaks a tone and listens for another (G.711)
 */
#include <math.h>
#include <poll.h>
#include <spandsp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ear.h"
#include "wire.h"


enum {
	RATE = 8000, FRAME = 160, FRAME_MS = 20,
	HEAD = 12,                 /* RTP, RFC 3550 section 5.1            */
	SAMPLES = RATE / 2,        /* looked at: the last half second      */
	LEVEL = 8000,
};


struct ear {
	int fd;
	struct sa laddr, peer, from;
	unsigned hz, other;
	uint8_t pt;
	uint16_t seq, first, last;
	uint32_t ts, ssrc;
	unsigned packets, payload;
	int16_t samplev[SAMPLES];  /* a ring */
	size_t pos;
	bool begun;
};


static void destructor(void *data)
{
	struct ear *ear = data;

	if (ear->fd >= 0)
		(void)close(ear->fd);
}


int ear_alloc(struct ear **earp, const struct sa *laddr, unsigned hz,
	      unsigned other)
{
	struct ear *ear;
	struct sa any = *laddr;
	int err = 0;

	ear = mem_zalloc(sizeof(*ear), destructor);
	if (!ear)
		return ENOMEM;

	sa_set_port(&any, 0);
	ear->hz    = hz;
	ear->other = other;
	ear->ssrc  = rand_u32();
	ear->fd    = socket(sa_af(laddr), SOCK_DGRAM | SOCK_CLOEXEC |
			    SOCK_NONBLOCK, 0);
	ear->laddr.len = sizeof(ear->laddr.u);

	if (ear->fd < 0 || bind(ear->fd, &any.u.sa, any.len) ||
	    getsockname(ear->fd, &ear->laddr.u.sa, &ear->laddr.len))
		err = errno;

	if (err)
		mem_deref(ear);
	else
		*earp = ear;

	return err;
}


const struct sa *ear_laddr(const struct ear *ear)
{
	return &ear->laddr;
}


void ear_peer_set(struct ear *ear, const struct sa *peer, uint8_t pt)
{
	ear->peer = *peer;
	ear->pt   = pt;
}


static void speak(struct ear *ear)
{
	uint8_t p[HEAD + FRAME] = { 0x80 };

	if (!ear || !sa_isset(&ear->peer, SA_ALL))
		return;

	p[1] = (uint8_t)(ear->pt | (ear->ts ? 0 : 0x80));
	p[2] = (uint8_t)(ear->seq >> 8);
	p[3] = (uint8_t)ear->seq;
	for (int i = 0; i < 4; i++) {
		p[4 + i] = (uint8_t)(ear->ts >> (24 - 8 * i));
		p[8 + i] = (uint8_t)(ear->ssrc >> (24 - 8 * i));
	}

	for (uint32_t i = 0; i < FRAME; i++) {
		const double t = (double)(ear->ts + i) / RATE;
		const int16_t sample = (int16_t)(LEVEL * sin(2 * M_PI *
							     ear->hz * t));

		p[HEAD + i] = ear->pt == 8 ? linear_to_alaw(sample) :
			linear_to_ulaw(sample);
	}

	++ear->seq;
	ear->ts += FRAME;
	(void)sendto(ear->fd, p, sizeof(p), MSG_NOSIGNAL, &ear->peer.u.sa,
		     ear->peer.len);
}


static void take(struct ear *ear, const uint8_t *p, size_t n)
{
	const size_t head = HEAD + 4u * (p[0] & 0x0f);
	const uint8_t pt = p[1] & 0x7f;

	if (p[0] >> 6 != 2 || n <= head || (pt && pt != 8))
		return;

	ear->last = (uint16_t)(p[2] << 8 | p[3]);
	if (!ear->begun)
		ear->first = ear->last;
	ear->begun = true;
	++ear->packets;
	if (n > ear->payload)
		ear->payload = (unsigned)n;

	for (size_t i = head; i < n; i++) {
		ear->samplev[ear->pos] = pt == 8 ? alaw_to_linear(p[i]) :
			ulaw_to_linear(p[i]);
		ear->pos = (ear->pos + 1) % SAMPLES;
	}
}


static void listen_to(struct ear *ear)
{
	uint8_t p[2048];
	ssize_t n;

	if (!ear)
		return;

	for (;;) {
		struct sa from;

		from.len = sizeof(from.u);
		n = recvfrom(ear->fd, p, sizeof(p), 0, &from.u.sa, &from.len);
		if (n < 0)
			return;

		if ((size_t)n > HEAD) {
			ear->from = from;
			take(ear, p, (size_t)n);
		}
	}
}


void ears_talk(struct ear *a, struct ear *b, unsigned ms)
{
	struct pollfd pfdv[2] = {
		{ .fd = a ? a->fd : -1, .events = POLLIN },
		{ .fd = b ? b->fd : -1, .events = POLLIN },
	};
	const uint64_t begin = wire_now(), end = begin + ms;
	uint64_t next = begin, now;

	for (now = begin; now < end; now = wire_now()) {
		if (now >= next) {
			speak(a);
			speak(b);
			next += FRAME_MS;
		}

		(void)poll(pfdv, 2, (int)(next > now ? next - now : 0));
		listen_to(a);
		listen_to(b);
	}
}


/** Share of the energy at one frequency (Goertzel), 0..1 */
static double share(const int16_t *v, size_t c, unsigned hz)
{
	const double k = 2 * cos(2 * M_PI * hz / RATE);
	double s1 = 0, s2 = 0, all = 0, power;

	for (size_t i = 0; i < c; i++) {
		const double s0 = v[i] + k * s1 - s2;

		s2 = s1;
		s1 = s0;
		all += (double)v[i] * v[i];
	}

	power = s1 * s1 + s2 * s2 - k * s1 * s2;

	return all > 0 ? 2 * power / ((double)c * all) : 0;
}


void ear_heard(const struct ear *ear, struct heard *heard)
{
	const unsigned span = (uint16_t)(ear->last - ear->first) + 1u;

	memset(heard, 0, sizeof(*heard));
	heard->packets = ear->packets;
	heard->lost    = ear->begun && span > ear->packets ?
		span - ear->packets : 0;
	heard->from    = ear->from;
	heard->symmetric = sa_cmp(&ear->from, &ear->peer, SA_ALL);
	heard->payload = ear->payload;
	/* the ring begins somewhere: a tone does not care, but for the seam */
	heard->tone    = share(ear->samplev, SAMPLES, ear->other) > 0.5;
}
