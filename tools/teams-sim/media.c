/**
 * @file media.c  The media processor: one stream of one call
 *
 * RFC 3550, 3711, 4733. A new key of either side restarts that direction
 * with roll-over counter 0, as Teams does.
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "media.h"
#include "control.h"


enum {
	PACKET_MAX = 2048,
	RTP_HEADER = 12,
	AUTH_TAG = 10,
	EVENT_FRAMES = 5,      /* 100 ms of digit */
	EVENT_GAP_FRAMES = 4,  /* 80 ms of voice after it */
	EVENT_VOLUME = 10,     /* dBm0, negated */
	DIGITS_MAX = 64,
	JUMP_MAX = AUDIO_RATE, /* larger steps in time are a new start */
	RTCP_TYPE_LAST = 206, /* highest type next to RTP, RFC 5761 */
};

static const char digit_names[] = "0123456789*#ABCD";

struct counters {
	uint32_t sent, received, late;
	uint32_t bad_auth, plain, replayed, unknown_pt, wrong_source;
	uint32_t rtcp_sent, rtcp_received, rtcp_bad_auth;
	uint32_t ssrc_changes, keys_received, digits_sent;
	uint32_t max_gap_ms;
	int32_t first_delay_ms; /* -1: not yet */
};

/* What is known of the stream that comes in (RFC 3550 appendix A) */
struct inbound {
	struct srtp *srtp;      /* owned */
	uint8_t key[DESC_KEY_SIZE];
	bool has_key, started;
	uint32_t ssrc;
	uint32_t base_seq, high_seq; /* extended */
	uint32_t packets;       /* of this SSRC */
	uint32_t lost_before;   /* of earlier SSRCs */
	uint32_t prior_expected, prior_packets; /* at the last report */
	uint32_t next_ts;
	uint32_t transit;
	double jitter;          /* in timestamp units */
	uint64_t rtp_ms, any_ms;
	uint32_t event_ts;
	bool in_event;
	uint32_t lsr;           /* middle of the last SR's NTP time */
	uint64_t lsr_ms;
};

struct outbound {
	struct srtp *srtp;
	uint8_t key[DESC_KEY_SIZE];
	uint32_t ssrc, ts;
	uint16_t seq;
	uint32_t packets, octets;
	bool on;
	bool mki;               /* our key has one: it is in each packet */
	char digits[DIGITS_MAX + 1]; /* still to be sent */
	uint32_t event_frame;        /* 0: none under way */
	uint32_t event_ts;
};

struct media {
	struct sim *sim;
	struct sa addr;         /* local, port of RTP */
	int rtp_fd, rtcp_fd;
	struct sa rtp, rtcp;    /* remote */
	bool mux, has_remote;
	uint8_t audio_pt, event_pt;
	bool has_event;
	char codec[24];
	struct coder *coder;    /* owned */
	struct source *source;  /* owned */
	struct source *pipe;    /* borrowed: a joined call's source */
	struct recorder *rec;   /* owned */
	struct inbound in;
	struct outbound out;
	struct counters cnt;
	char digits[DIGITS_MAX + 1]; /* received */
	int16_t ear[AUDIO_EAR]; /* ring */
	uint64_t ear_at;        /* samples ever heard */
	uint64_t expected_ms;   /* when media_expect() was called */
	uint64_t rtcp_at_ms;
	media_first_h *firsth;
	media_digit_h *digith;
	void *arg;
};


static void close_socket(int *fdp)
{
	if (*fdp < 0)
		return;

	fd_close(*fdp);
	close(*fdp);
	*fdp = -1;
}


static void media_destructor(void *arg)
{
	struct media *m = arg;

	close_socket(&m->rtp_fd);
	close_socket(&m->rtcp_fd);
	mem_deref(m->in.srtp);
	mem_deref(m->out.srtp);
	mem_deref(m->coder);
	mem_deref(m->source);
	mem_deref(m->rec);
}


/* --- hearing --- */


static void hear(struct media *m, const int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n; i++)
		m->ear[m->ear_at++ % AUDIO_EAR] = pcm[i];

	if (m->rec)
		recorder_write(m->rec, pcm, n);
	if (m->pipe)
		source_push(m->pipe, pcm, n);
}


static void hear_gap(struct media *m, uint32_t samples)
{
	static const int16_t quiet[AUDIO_FRAME];

	while (samples) {
		const uint32_t part =
			samples < AUDIO_FRAME ? samples : AUDIO_FRAME;

		hear(m, quiet, part);
		samples -= part;
	}
}


static void hear_audio(struct media *m, const struct rtp_header *hdr,
		       const uint8_t *p, size_t n)
{
	const int32_t step = (int32_t)(hdr->ts - m->in.next_ts);
	int16_t pcm[PACKET_MAX];

	/* Too late to be heard; it has been counted */
	if (step < 0 && step > -JUMP_MAX)
		return;

	if (step > 0 && step <= JUMP_MAX)
		hear_gap(m, (uint32_t)step);

	coder_decode(m->coder, pcm, p, n);
	hear(m, pcm, n);
	m->in.next_ts = hdr->ts + (uint32_t)n;
}


static void hear_event(struct media *m, const struct rtp_header *hdr,
		       const uint8_t *p, size_t n)
{
	const size_t len = strlen(m->digits);

	if (n < 4 || p[0] >= sizeof(digit_names) - 1)
		return;
	if (m->in.in_event && m->in.event_ts == hdr->ts)
		return;

	m->in.in_event = true;
	m->in.event_ts = hdr->ts;
	if (len < DIGITS_MAX)
		m->digits[len] = digit_names[p[0]];

	m->digith(digit_names[p[0]], m->arg);
}


static uint32_t lost(const struct inbound *in)
{
	const uint32_t expected =
		in->started ? in->high_seq - in->base_seq + 1 : 0;

	return expected > in->packets ? expected - in->packets : 0;
}


static void start_ssrc(struct media *m, const struct rtp_header *hdr)
{
	struct inbound *in = &m->in;

	if (in->started)
		++m->cnt.ssrc_changes;

	in->lost_before += lost(in);
	in->started = true;
	in->ssrc = hdr->ssrc;
	in->base_seq = in->high_seq = 0x10000u + hdr->seq;
	in->packets = in->prior_expected = in->prior_packets = 0;
	in->next_ts = hdr->ts;
	in->transit = (uint32_t)(clock_ms() * 8) - hdr->ts;
	in->in_event = false;
}


static void count(struct media *m, const struct rtp_header *hdr)
{
	struct inbound *in = &m->in;
	const uint64_t now = clock_ms();
	const uint32_t transit = (uint32_t)(now * 8) - hdr->ts;
	int32_t d;
	int16_t step;

	if (!in->started || in->ssrc != hdr->ssrc)
		start_ssrc(m, hdr);

	step = (int16_t)(hdr->seq - (uint16_t)in->high_seq);
	if (step > 0)
		in->high_seq += (uint32_t)step;
	else if (step < 0)
		++m->cnt.late;

	++in->packets;
	++m->cnt.received;
	d = (int32_t)(transit - in->transit);
	in->transit = transit;
	in->jitter += (abs(d) - in->jitter) / 16;

	if (in->rtp_ms && now - in->rtp_ms > m->cnt.max_gap_ms)
		m->cnt.max_gap_ms = (uint32_t)(now - in->rtp_ms);
	in->rtp_ms = in->any_ms = now;

	if (m->cnt.first_delay_ms < 0 && m->expected_ms) {
		m->cnt.first_delay_ms = (int32_t)(now - m->expected_ms);
		m->firsth(m->arg);
	}
}


/* A packet that fails authentication and has just the size that one without
 * a tag would have was never encrypted. */
static bool looks_plain(const struct media *m, const uint8_t *p, size_t n)
{
	const uint8_t pt = p[1] & 0x7f;
	const size_t payload = n - RTP_HEADER;

	return (pt == m->audio_pt && payload % 80 == 0) ||
	       (m->has_event && pt == m->event_pt && payload == 4);
}


static void count_refused(struct media *m, int err, bool plain)
{
	if (plain)
		++m->cnt.plain;
	else if (err == EALREADY)
		++m->cnt.replayed;
	else
		++m->cnt.bad_auth;
}


static void receive_rtp(struct media *m, struct mbuf *mb)
{
	const bool plain = looks_plain(m, mb->buf, mb->end);
	struct rtp_header hdr;
	int err;

	if (!m->in.srtp)
		return;

	err = srtp_decrypt(m->in.srtp, mb);
	if (err) {
		count_refused(m, err, plain);
		return;
	}

	mb->pos = 0;
	if (rtp_hdr_decode(&hdr, mb))
		return;

	count(m, &hdr);
	if (m->coder && hdr.pt == m->audio_pt)
		hear_audio(m, &hdr, mbuf_buf(mb), mbuf_get_left(mb));
	else if (m->has_event && hdr.pt == m->event_pt)
		hear_event(m, &hdr, mbuf_buf(mb), mbuf_get_left(mb));
	else
		++m->cnt.unknown_pt;
}


static void receive_rtcp(struct media *m, struct mbuf *mb)
{
	if (!m->in.srtp)
		return;

	if (srtcp_decrypt(m->in.srtp, mb)) {
		++m->cnt.rtcp_bad_auth;
		return;
	}

	++m->cnt.rtcp_received;
	m->in.any_ms = clock_ms();

	mb->pos = 0;
	if (mb->end >= 28 && mb->buf[1] == RTCP_SR) {
		mb->pos = 10;
		m->in.lsr = mbuf_read_u32(mb);
		m->in.lsr_ms = m->in.any_ms;
	}
}


static bool is_rtcp(const uint8_t *p)
{
	return p[1] >= RTCP_SR && p[1] <= RTCP_TYPE_LAST;
}


static void receive(struct media *m, int fd)
{
	struct sockaddr_storage ss;
	struct mbuf *mb = mbuf_alloc(PACKET_MAX);
	struct sa src;
	ssize_t n;

	if (!mb)
		return;

	for (;;) {
		socklen_t len = sizeof(ss);

		n = recvfrom(fd, mb->buf, mb->size, MSG_DONTWAIT,
			     (struct sockaddr *)&ss, &len);
		if (n < 0)
			break;
		if (n < RTP_HEADER || (mb->buf[0] >> 6) != 2)
			continue;

		if (sa_set_sa(&src, (struct sockaddr *)&ss) ||
		    !sa_cmp(&src, is_rtcp(mb->buf) ? &m->rtcp : &m->rtp,
			    SA_ALL))
			++m->cnt.wrong_source;

		mb->pos = 0;
		mb->end = (size_t)n;
		if (is_rtcp(mb->buf))
			receive_rtcp(m, mb);
		else
			receive_rtp(m, mb);
	}

	mem_deref(mb);
}


static void rtp_handler(int flags, void *arg)
{
	struct media *m = mem_ref(arg);
	(void)flags;

	receive(m, m->rtp_fd);
	mem_deref(m);
}


static void rtcp_handler(int flags, void *arg)
{
	struct media *m = mem_ref(arg);
	(void)flags;

	receive(m, m->rtcp_fd);
	mem_deref(m);
}


/* --- speaking --- */


static void transmit(int fd, const struct sa *dst,
		     const struct mbuf *mb)
{
	(void)sendto(fd, mb->buf, mb->end, MSG_DONTWAIT, &dst->u.sa,
		     dst->len);
}


/* libre's SRTP knows no MKI: it stands before the tag (RFC 3711 section 3.1),
 * and the tag does not cover it */
static int write_mki(const struct media *m, struct mbuf *mb)
{
	uint8_t tag[AUTH_TAG];
	int err;

	if (!m->out.mki)
		return 0;

	mb->pos = mb->end - sizeof(tag);
	memcpy(tag, mbuf_buf(mb), sizeof(tag));
	err = mbuf_write_u8(mb, DESC_MKI);

	return err | mbuf_write_mem(mb, tag, sizeof(tag));
}


static void send_rtp(struct media *m, uint8_t pt, bool marker, uint32_t ts,
		     const uint8_t *payload, size_t n)
{
	const struct rtp_header hdr = {
		.ver = RTP_VERSION, .m = marker, .pt = pt,
		.seq = m->out.seq++, .ts = ts, .ssrc = m->out.ssrc,
	};
	struct mbuf *mb = mbuf_alloc(RTP_HEADER + n + AUTH_TAG + 32);
	int err;

	if (!mb)
		return;

	err = rtp_hdr_encode(mb, &hdr);
	err |= mbuf_write_mem(mb, payload, n);
	mb->pos = 0;
	if (!err)
		err = srtp_encrypt(m->out.srtp, mb);
	if (!err)
		err = write_mki(m, mb);
	if (!err) {
		transmit(m->rtp_fd, &m->rtp, mb);
		++m->cnt.sent;
		++m->out.packets;
		m->out.octets += (uint32_t)n;
	}

	mem_deref(mb);
}


/** @return true if this frame is one of an event, false if one of voice */
static bool send_event(struct media *m)
{
	struct outbound *out = &m->out;
	const uint32_t frame = ++out->event_frame;
	const uint32_t frames = frame < EVENT_FRAMES ? frame : EVENT_FRAMES;
	const uint32_t duration = frames * AUDIO_FRAME;
	const bool end = frame == EVENT_FRAMES;
	uint8_t payload[4];

	if (frame == 1)
		out->event_ts = out->ts;

	if (frame <= EVENT_FRAMES) {
		payload[0] = (uint8_t)(strchr(digit_names, out->digits[0]) -
				       digit_names);
		payload[1] = EVENT_VOLUME | (end ? 0x80 : 0);
		payload[2] = (uint8_t)(duration >> 8);
		payload[3] = (uint8_t)duration;

		/* The end is sent three times (RFC 4733 section 2.5.1.4) */
		for (int i = 0; i < (end ? 3 : 1); i++)
			send_rtp(m, m->event_pt, frame == 1, out->event_ts,
				 payload, sizeof(payload));
	}

	if (frame == EVENT_FRAMES + EVENT_GAP_FRAMES) {
		memmove(out->digits, out->digits + 1, strlen(out->digits));
		out->event_frame = 0;
		++m->cnt.digits_sent;
	}

	return frame <= EVENT_FRAMES;
}


static void send_frame(struct media *m)
{
	int16_t pcm[AUDIO_FRAME];
	uint8_t payload[AUDIO_FRAME];

	if (m->source)
		source_read(m->source, pcm);

	if (!(m->out.digits[0] && send_event(m)) && m->source) {
		const size_t n = coder_encode(m->coder, payload, pcm);

		send_rtp(m, m->audio_pt, m->out.packets == 0, m->out.ts,
			 payload, n);
	}

	m->out.ts += AUDIO_FRAME;
}


static int write_sender(struct mbuf *mb, const struct media *m)
{
	struct timespec ts;
	uint64_t frac;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &ts);
	frac = ((uint64_t)ts.tv_nsec << 32) / 1000000000;

	err |= mbuf_write_u32(mb, htonl((uint32_t)(ts.tv_sec + 2208988800)));
	err |= mbuf_write_u32(mb, htonl((uint32_t)frac));
	err |= mbuf_write_u32(mb, htonl(m->out.ts));
	err |= mbuf_write_u32(mb, htonl(m->out.packets));
	err |= mbuf_write_u32(mb, htonl(m->out.octets));

	return err;
}


static int write_report(struct mbuf *mb, struct media *m)
{
	struct inbound *in = &m->in;
	const uint32_t expected = in->high_seq - in->base_seq + 1;
	const uint32_t due = expected - in->prior_expected;
	const uint32_t came = in->packets - in->prior_packets;
	const uint32_t missing = due > came ? due - came : 0;
	const uint32_t fraction = due ? (missing << 8) / due : 0;
	const uint64_t since = in->lsr_ms ? clock_ms() - in->lsr_ms : 0;
	int err = 0;

	in->prior_expected = expected;
	in->prior_packets = in->packets;

	err |= mbuf_write_u32(mb, htonl(in->ssrc));
	err |= mbuf_write_u32(mb, htonl(fraction << 24 |
					(lost(in) & 0xffffff)));
	err |= mbuf_write_u32(mb, htonl(in->high_seq - 0x10000u));
	err |= mbuf_write_u32(mb, htonl((uint32_t)in->jitter));
	err |= mbuf_write_u32(mb, in->lsr);
	err |= mbuf_write_u32(mb, htonl((uint32_t)(since * 65536 / 1000)));

	return err;
}


static int write_rtcp(struct mbuf *mb, struct media *m)
{
	static const uint8_t sdes[] = {1, 9, 't', 'e', 'a', 'm', 's',
				       '-', 's', 'i', 'm', 0};
	const bool sender = m->out.packets > 0, report = m->in.started;
	const uint16_t words = (uint16_t)(1 + (sender ? 5 : 0) +
					  (report ? 6 : 0));
	int err = 0;

	err |= mbuf_write_u8(mb, report ? 0x81 : 0x80);
	err |= mbuf_write_u8(mb, sender ? RTCP_SR : RTCP_RR);
	err |= mbuf_write_u16(mb, htons(words));
	err |= mbuf_write_u32(mb, htonl(m->out.ssrc));
	if (sender)
		err |= write_sender(mb, m);
	if (report)
		err |= write_report(mb, m);

	err |= mbuf_write_u8(mb, 0x81);
	err |= mbuf_write_u8(mb, RTCP_SDES);
	err |= mbuf_write_u16(mb, htons(1 + sizeof(sdes) / 4));
	err |= mbuf_write_u32(mb, htonl(m->out.ssrc));
	err |= mbuf_write_mem(mb, sdes, sizeof(sdes));

	return err;
}


static void send_rtcp(struct media *m)
{
	struct mbuf *mb = mbuf_alloc(256);
	int err;

	if (!mb)
		return;

	err = write_rtcp(mb, m);
	mb->pos = 0;
	if (!err)
		err = srtcp_encrypt(m->out.srtp, mb);
	if (!err)
		err = write_mki(m, mb);
	if (!err) {
		transmit(m->mux ? m->rtp_fd : m->rtcp_fd,
			 m->mux ? &m->rtp : &m->rtcp, mb);
		++m->cnt.rtcp_sent;
	}

	mem_deref(mb);
}


void media_frame(struct media *m, uint64_t now_ms)
{
	if (!m->has_remote)
		return;

	if (m->out.on)
		send_frame(m);

	if (now_ms >= m->rtcp_at_ms) {
		m->rtcp_at_ms = now_ms + m->sim->set.rtcp_period_ms;
		send_rtcp(m);
	}
}


/* --- setting up --- */


static int bind_port(int *fdp, const struct sa *addr, uint16_t port)
{
	struct sa sa = *addr;
	int fd = socket(sa_af(addr), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);

	if (fd < 0)
		return errno;

	sa_set_port(&sa, port);
	if (bind(fd, &sa.u.sa, sa.len)) {
		const int err = errno;

		close(fd);
		return err;
	}

	*fdp = fd;

	return 0;
}


static uint16_t next_port(struct sim *sim)
{
	uint16_t port = sim->port_next;

	if (port < sim->port_min || port + 1 > sim->port_max)
		port = sim->port_min;

	sim->port_next = (uint16_t)(port + 2);

	return port;
}


static int open_ports(struct media *m)
{
	struct sim *sim = m->sim;
	const int pairs = (sim->port_max - sim->port_min + 1) / 2;
	int rtp = -1, rtcp = -1, err = EADDRNOTAVAIL;

	for (int i = 0; i < pairs; i++) {
		const uint16_t port = next_port(sim);

		err = bind_port(&rtp, &m->addr, port);
		if (err)
			continue;

		err = bind_port(&rtcp, &m->addr, (uint16_t)(port + 1));
		if (!err) {
			sa_set_port(&m->addr, port);
			break;
		}

		close(rtp);
	}

	if (err)
		return err;

	/* After a move the old sockets go; a stream still on its way to
	 * them is lost, as with the real one. */
	close_socket(&m->rtp_fd);
	close_socket(&m->rtcp_fd);
	m->rtp_fd = rtp;
	m->rtcp_fd = rtcp;
	err = fd_listen(rtp, FD_READ, rtp_handler, m);
	if (!err)
		err = fd_listen(rtcp, FD_READ, rtcp_handler, m);

	return err;
}


static int new_key(struct media *m)
{
	struct srtp *srtp;
	int err;

	rand_bytes(m->out.key, sizeof(m->out.key));
	err = srtp_alloc(&srtp, SRTP_AES_CM_128_HMAC_SHA1_80, m->out.key,
			 sizeof(m->out.key), 0);
	if (err)
		return err;

	mem_deref(m->out.srtp);
	m->out.srtp = srtp;
	m->out.mki = m->sim->set.sdp_profile == PROFILE_MKI;
	m->out.ssrc = rand_u32();
	m->out.seq = rand_u16() & 0x7fff;
	m->out.ts = rand_u32();
	m->out.packets = m->out.octets = 0;

	return 0;
}


int media_alloc(struct media **mp, struct sim *sim, const struct sa *addr,
		media_first_h *firsth, media_digit_h *digith, void *arg)
{
	struct media *m = mem_zalloc(sizeof(*m), media_destructor);
	int err;

	if (!m)
		return ENOMEM;

	m->sim = sim;
	m->addr = sim->media_addr.len ? sim->media_addr : *addr;
	m->rtp_fd = m->rtcp_fd = -1;
	m->cnt.first_delay_ms = -1;
	m->firsth = firsth;
	m->digith = digith;
	m->arg = arg;

	err = source_tone(&m->source, 0);
	if (!err)
		err = open_ports(m);
	if (!err)
		err = new_key(m);
	if (err)
		mem_deref(m);
	else
		*mp = m;

	return err;
}


int media_move(struct media *m)
{
	int err = open_ports(m);

	if (!err)
		err = new_key(m);

	return err;
}


static int take_key(struct media *m, const struct crypto *crypto)
{
	struct inbound *in = &m->in;
	struct srtp *srtp;
	int err;

	if (in->has_key && !memcmp(in->key, crypto->key, sizeof(in->key)))
		return 0;

	err = srtp_alloc(&srtp, SRTP_AES_CM_128_HMAC_SHA1_80, crypto->key,
			 sizeof(crypto->key), 0);
	if (err)
		return err;

	mem_deref(in->srtp);
	in->srtp = srtp;
	memcpy(in->key, crypto->key, sizeof(in->key));
	in->has_key = true;
	++m->cnt.keys_received;

	return 0;
}


static int take_codec(struct media *m, const struct desc *desc)
{
	const struct format *fmt = desc_codec(desc);
	const struct format *event = desc_format(desc, "telephone-event");
	struct coder *coder;
	int err;

	if (!fmt)
		return ENOTSUP;

	if (!m->coder || strcmp(m->codec, fmt->name)) {
		err = coder_alloc(&coder, fmt->name);
		if (err)
			return err;

		mem_deref(m->coder);
		m->coder = coder;
		str_ncpy(m->codec, fmt->name, sizeof(m->codec));
	}

	m->audio_pt = fmt->pt;
	m->has_event = event != NULL;
	m->event_pt = event ? event->pt : 0;

	return 0;
}


int media_remote(struct media *m, const struct desc *desc,
		 const struct crypto *crypto)
{
	const uint16_t rtcp_port =
		desc->mux ? desc->port
			  : desc->rtcp_port ? desc->rtcp_port
					    : (uint16_t)(desc->port + 1);
	int err;

	err = take_codec(m, desc);
	if (!err)
		err = take_key(m, crypto);
	if (!err)
		err = sa_set_str(&m->rtp, desc->addr, desc->port);
	if (err)
		return err;

	m->rtcp = m->rtp;
	sa_set_port(&m->rtcp, rtcp_port);
	m->mux = desc->mux;
	m->has_remote = true;

	return 0;
}


void media_stop(struct media *m)
{
	close_socket(&m->rtp_fd);
	close_socket(&m->rtcp_fd);
	m->has_remote = m->out.on = false;
	m->rec = mem_deref(m->rec);
	m->pipe = NULL;
}


void media_send(struct media *m, bool on)
{
	m->out.on = on;
}


void media_play(struct media *m, struct source *src)
{
	mem_deref(m->source);
	m->source = src;
}


void media_record(struct media *m, struct recorder *rec)
{
	mem_deref(m->rec);
	m->rec = rec;
}


void media_join(struct media *m, struct source *pipe)
{
	m->pipe = pipe;
}


int media_dtmf(struct media *m, const char *digits)
{
	if (!digits[0] || digits[strspn(digits, digit_names)] ||
	    strlen(digits) + strlen(m->out.digits) > DIGITS_MAX)
		return EINVAL;
	if (!m->has_event)
		return ENOTSUP;

	strcat(m->out.digits, digits);

	return 0;
}


void media_local(const struct media *m, struct desc_local *local)
{
	local->port = sa_port(&m->addr);
	memcpy(local->key, m->out.key, sizeof(local->key));
	local->mki = m->out.mki;
}


void media_expect(struct media *m)
{
	m->expected_ms = m->in.any_ms = clock_ms();
	m->cnt.first_delay_ms = -1;
}


bool media_is_heard(const struct media *m)
{
	return m->cnt.first_delay_ms >= 0;
}


uint64_t media_silent_ms(const struct media *m)
{
	return clock_ms() - m->in.any_ms;
}


json_t *media_counters(const struct media *m)
{
	const struct counters *c = &m->cnt;
	const struct inbound *in = &m->in;
	char local[64], remote[64];
	json_t *obj;

	re_snprintf(local, sizeof(local), "%J", &m->addr);
	re_snprintf(remote, sizeof(remote), "%J", &m->rtp);

	obj = json_pack("{s:s, s:s, s:s, s:b, s:b}", "local", local, "remote",
			m->has_remote ? remote : "", "codec", m->codec,
			"rtcp_mux", m->mux, "sending", m->out.on);

#define ADD(name, value) \
	json_object_set_new(obj, name, json_integer((json_int_t)(value)))
	ADD("payload_type", m->audio_pt);
	ADD("rtp_sent", c->sent);
	ADD("rtp_received", c->received);
	ADD("rtp_lost", lost(in) + in->lost_before);
	ADD("rtp_late", c->late);
	ADD("bad_auth", c->bad_auth);
	ADD("plain", c->plain);
	ADD("replayed", c->replayed);
	ADD("unknown_pt", c->unknown_pt);
	ADD("wrong_source", c->wrong_source);
	ADD("ssrc_changes", c->ssrc_changes);
	ADD("keys_received", c->keys_received);
	ADD("max_gap_ms", c->max_gap_ms);
	ADD("first_packet_ms", c->first_delay_ms);
	ADD("last_packet_ms_ago", in->rtp_ms ? (int64_t)(clock_ms() -
							 in->rtp_ms)
					     : -1);
	ADD("rtcp_sent", c->rtcp_sent);
	ADD("rtcp_received", c->rtcp_received);
	ADD("rtcp_bad_auth", c->rtcp_bad_auth);
	ADD("dtmf_sent", c->digits_sent);
	ADD("heard_ms", m->ear_at * 1000 / AUDIO_RATE);
#undef ADD
	json_object_set_new(obj, "jitter_ms", json_real(in->jitter / 8));
	json_object_set_new(obj, "dtmf", json_string(m->digits));

	return obj;
}


json_t *media_listen(const struct media *m, uint32_t ms)
{
	const uint64_t age = m->in.rtp_ms ? clock_ms() - m->in.rtp_ms
					  : AUDIO_EAR;
	size_t want = (size_t)ms * AUDIO_RATE / 1000, n = 0, stale;
	int16_t pcm[AUDIO_EAR];
	json_t *obj;

	if (want > AUDIO_EAR)
		want = AUDIO_EAR;

	/* The last ms of time, not of packets: what has not come by now is
	 * silence. Two frames of grace for those on their way. */
	stale = age > 2 * CLOCK_FRAME_MS ? (size_t)age * AUDIO_RATE / 1000 : 0;
	if (stale > want)
		stale = want;

	for (size_t i = want - stale; i > 0; i--) {
		if (m->ear_at < i)
			pcm[n++] = 0;
		else
			pcm[n++] = m->ear[(m->ear_at - i) % AUDIO_EAR];
	}
	memset(pcm + n, 0, stale * sizeof(*pcm));

	obj = audio_analyse(pcm, want);
	json_object_set_new(
		obj, "age_ms",
		m->in.rtp_ms ? json_integer((json_int_t)age) : json_null());
	json_object_set_new(obj, "heard_ms",
			    json_integer((json_int_t)(m->ear_at * 1000 /
						      AUDIO_RATE)));

	return obj;
}
