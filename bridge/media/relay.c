/**
 * @file relay.c  A stream as the worker sees it: the way of a packet
 *
 * relay_receive() is the beginning. RTP: does it count by its source, is it
 * RTP, is its tag right, is its payload type known; then it is laid on the
 * other side's line and sent. Nothing on that way allocates (but libsrtp2 for
 * a new authentic SSRC), logs or locks.
 */
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/rand.h>
#include "bridge/base/libre.h"
#include "packet.h"
#include "relay.h"
#include "report.h"


enum {
	NO_MAP       = 0xff,
	DTMF_STEP_MS = 20,
	DTMF_MIN_MS  = 100,
	DTMF_MAX_MS  = 6000,       /* one segment, RFC 4733 section 2.5.1.3 */
	DTMF_PAUSE   = 3,          /* steps of silence after each digit     */
	DTMF_ENDS    = 3,          /* the end is said so often              */
	DTMF_RATE    = 8000,
	RTT_MAX      = 60 << 16,   /* [s / 65536]: more is nonsense         */
	G711_20MS    = 160,
	PCMU         = 0,
	PCMA         = 8,
};


static void count(struct side *side, enum cell cell, uint64_t n)
{
	atomic_uint_fast64_t *c = &side->cellv[cell];

	/* one writer: no need for a locked addition */
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed)
			      + n, memory_order_relaxed);
}


static void put(struct side *side, enum cell cell, uint64_t v)
{
	atomic_store_explicit(&side->cellv[cell], v, memory_order_relaxed);
}


static uint64_t get(const struct side *side, enum cell cell)
{
	return atomic_load_explicit(&side->cellv[cell], memory_order_relaxed);
}


static void shared_set(struct shared_sa *shared, const struct sa *sa)
{
	uint64_t wordv[3] = { 0 };
	uint32_t v4;

	if (sa_af(sa) == AF_INET6) {
		sa_in6(sa, (uint8_t *)wordv);
	}
	else {
		v4 = sa_in(sa);
		memcpy(wordv, &v4, sizeof(v4));
	}
	wordv[2] = (uint64_t)sa_af(sa) << 16 | sa_port(sa);

	atomic_fetch_add_explicit(&shared->version, 1, memory_order_acq_rel);
	for (unsigned i = 0; i < 3; i++)
		atomic_store_explicit(&shared->wordv[i], wordv[i],
				      memory_order_release);
	atomic_fetch_add_explicit(&shared->version, 1, memory_order_release);
}


static void shared_get(const struct shared_sa *shared, struct sa *sa)
{
	uint_fast32_t before, after;
	uint64_t wordv[3];
	uint32_t v4;

	do {
		before = atomic_load_explicit(&shared->version,
					      memory_order_acquire);
		for (unsigned i = 0; i < 3; i++)
			wordv[i] = atomic_load_explicit(&shared->wordv[i],
							memory_order_acquire);
		after = atomic_load_explicit(&shared->version,
					     memory_order_acquire);
	} while (before != after || before & 1);

	sa_init(sa, AF_UNSPEC);

	if (wordv[2] >> 16 == AF_INET6) {
		sa_set_in6(sa, (uint8_t *)wordv, wordv[2] & 0xffff);
	}
	else if (wordv[2] >> 16 == AF_INET) {
		memcpy(&v4, wordv, sizeof(v4));
		sa_set_in(sa, v4, wordv[2] & 0xffff);
	}
}


static struct side *other(struct side *side)
{
	return &side->relay->sidev[!side->i];
}


static uint64_t now_us(const struct side *side)
{
	return worker_now(side->relay->worker);
}


static void tell(struct side *side, struct stream_event *event)
{
	event->side = side->i;
	worker_tell(side->relay->worker, side->relay, event);
}


/* ---- addresses -------------------------------------------------------- */


/** May a packet from there count, as far as its address tells? */
static bool source_counts(const struct side *side, const struct sa *src)
{
	if (!side->set)
		return false;

	if (side->locked)
		return sa_cmp(src, &side->source, SA_ALL);

	return (side->remote.learn && now_us(side) < side->learn_until_us) ||
		sa_cmp(src, &side->remote.rtp, SA_ALL);
}


/** A valid packet has come: no other source from now on */
static void source_lock(struct side *side, const struct sa *src)
{
	struct stream_event ev = { .type = STREAM_SOURCE, .source = *src };

	side->locked = true;
	sa_cpy(&side->source, src);
	shared_set(&side->seen, src);

	if (side->remote.learn)
		tell(side, &ev);
}


/**
 * RTCP counts from the address told, on a shared port from where RTP comes,
 * and behind NAT from the first port of the host whose RTP has been locked
 */
static bool rtcp_source_counts(const struct side *side,
			       const struct sock *sock, const struct sa *src)
{
	if (!side->set)
		return false;

	if (sock->kind == SOCK_RTP)
		return source_counts(side, src);

	if (side->rtcp_locked)
		return sa_cmp(src, &side->rtcp_source, SA_ALL);

	return sa_cmp(src, &side->remote.rtcp, SA_ALL) ||
		(side->remote.learn && side->locked &&
		 sa_cmp(src, &side->source, SA_ADDR));
}


static const struct sa *rtp_peer(const struct side *side)
{
	return side->locked ? &side->source : &side->remote.rtp;
}


static const struct sa *rtcp_peer(const struct side *side)
{
	if (side->remote.rtcp_mux)
		return rtp_peer(side);

	return side->rtcp_locked ? &side->rtcp_source : &side->remote.rtcp;
}


/* ---- sending ---------------------------------------------------------- */


static bool transmit(const struct side *side, unsigned kind, const uint8_t *p,
		     size_t n, const struct sa *dst)
{
	if (!side->set || !sa_isset(dst, SA_ALL))
		return false;

	/* A full buffer or an ICMP error loses this one packet, as the line
	   would */
	return sendto(side->sockv[kind].fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL,
		      &dst->u.sa, dst->len) == (ssize_t)n;
}


/** Never plain where a key was agreed: remote_set() made the context before
    it told the address */
static void send_rtp(struct side *side, uint8_t *p, size_t n)
{
	const size_t octets = n - PACKET_HEADER;

	if (side->tx && secure_seal_rtp(side->tx, p, &n) != SECURE_OK)
		return;

	if (!transmit(side, SOCK_RTP, p, n, rtp_peer(side)))
		return;

	side->opened = true;
	count(side, TX_PACKETS, 1);
	count(side, TX_OCTETS, octets);
}


/** A packet that arrived at the other side */
static void forward(struct side *side, struct packet *pkt, uint32_t rate)
{
	uint8_t *p = pkt->payload - PACKET_HEADER;

	/* our own digits go instead of the voice, not between it */
	if (!side->remote.send || !side->set || side->dtmf_out.busy) {
		line_skip(&side->line, pkt, now_us(side));
		return;
	}

	if (!line_put(&side->line, pkt, rate, now_us(side)))
		return;

	packet_encode(p, pkt);
	send_rtp(side, p, PACKET_HEADER + pkt->size);
}


static void fill_block(struct side *side, struct report *report)
{
	struct reception *rec = &side->rec;
	const uint64_t lost = reception_lost(rec);

	report->has_block = rec->running;
	if (!rec->running)
		return;

	report->block = (struct report_block){
		.ssrc     = rec->ssrc,
		.fraction = reception_fraction(rec),
		.lost     = lost > UINT32_MAX ? UINT32_MAX : (uint32_t)lost,
		.max_seq  = rec->cycles + rec->max_seq,
		.jitter   = rec->jitter >> 4,
		.lsr      = side->lsr,
	};

	if (side->lsr)
		report->block.dlsr = (uint32_t)
			(((now_us(side) - side->sr_us) << 16) / 1000000);
}


static void send_report(struct side *side)
{
	_Alignas(16) uint8_t buf[REPORT_MAX + SECURE_TRAILER];
	const uint64_t sent = get(side, TX_PACKETS);
	struct report report = { .ssrc = side->line.ssrc };
	size_t n;

	if (!side->set || !sa_isset(rtcp_peer(side), SA_ALL))
		return;

	report.sender  = sent != side->reported;
	report.ntp     = worker_ntp(side->relay->worker);
	report.ts      = line_now(&side->line, now_us(side));
	report.packets = (uint32_t)sent;
	report.octets  = (uint32_t)get(side, TX_OCTETS);
	fill_block(side, &report);

	n = report_encode(buf, &report, side->cname);
	if (side->tx && secure_seal_rtcp(side->tx, buf, &n) != SECURE_OK)
		return;

	side->reported = sent;
	if (transmit(side, side->remote.rtcp_mux ? SOCK_RTP : SOCK_RTCP, buf,
		     n, rtcp_peer(side)))
		count(side, RTCP_TX, 1);
}


/**
 * The first packet to a new peer, so that a NAT between us opens and a PBX
 * that waits to hear from us does. 20 ms of silence where the codec is one
 * whose silence we know by its static payload type; otherwise an empty
 * datagram (RFC 6263 section 4.1), which every receiver ignores.
 */
static void open_path(struct side *side)
{
	const struct side *from = other(side);
	_Alignas(16) uint8_t buf[PACKET_HEADER + G711_20MS + SECURE_TRAILER];
	struct packet pkt = { .marker = true };

	if (side->opened || !side->set || !side->remote.send)
		return;

	for (size_t i = 0; i < from->remote.mapc; i++) {
		pkt.pt = from->remote.mapv[i].pt_out;
		if (pkt.pt != PCMU && pkt.pt != PCMA)
			continue;

		line_inject(&side->line, &pkt, now_us(side));
		pkt.ts = side->line.out_ts;
		packet_encode(buf, &pkt);
		memset(buf + PACKET_HEADER, pkt.pt == PCMA ? 0xd5 : 0xff,
		       G711_20MS);
		send_rtp(side, buf, PACKET_HEADER + G711_20MS);
		return;
	}

	(void)transmit(side, SOCK_RTP, buf, 0, rtp_peer(side));
}


/* ---- digits ----------------------------------------------------------- */


static void dtmf_step(void *arg);


static void dtmf_wait(struct side *side)
{
	wheel_start(worker_wheel(side->relay->worker), &side->dtmf_out.tmr,
		    DTMF_STEP_MS, dtmf_step, side);
}


/** Clock rate of a telephone-event payload type as it leaves there */
static uint32_t dtmf_rate(struct side *side, uint8_t pt)
{
	const struct stream_remote *from = &other(side)->remote;

	for (size_t i = 0; i < from->mapc; i++) {
		if (from->mapv[i].dtmf && from->mapv[i].pt_out == pt)
			return from->mapv[i].rate;
	}

	return DTMF_RATE;
}


static void dtmf_packet(struct side *side, uint32_t ms, bool end, bool first)
{
	struct dtmf_out *out = &side->dtmf_out;
	_Alignas(16) uint8_t buf[PACKET_HEADER + DTMF_PAYLOAD +
				 SECURE_TRAILER];
	const uint64_t duration = (uint64_t)ms * out->rate / 1000;
	struct packet pkt = { .pt = out->queuev[out->head].pt,
			      .marker = first };

	if (!side->remote.send)
		return;

	line_inject(&side->line, &pkt, now_us(side));
	if (first)
		out->ts = side->line.out_ts;
	pkt.ts = out->ts;

	packet_encode(buf, &pkt);
	dtmf_encode(buf + PACKET_HEADER,
		    (uint8_t)dtmf_event(out->queuev[out->head].digit), end,
		    duration < 0xffff ? (uint16_t)duration : 0xffff);
	send_rtp(side, buf, PACKET_HEADER + DTMF_PAYLOAD);
}


static void dtmf_next(struct side *side)
{
	struct dtmf_out *out = &side->dtmf_out;

	out->busy = out->count > 0;
	if (!out->busy)
		return;

	out->rate    = dtmf_rate(side, out->queuev[out->head].pt);
	out->sent_ms = DTMF_STEP_MS;
	out->ends    = 0;
	dtmf_packet(side, out->sent_ms, false, true);
	dtmf_wait(side);
}


/** Each 20 ms: the event grows, ends thrice, a pause, the next */
static void dtmf_step(void *arg)
{
	struct side *side = arg;
	struct dtmf_out *out = &side->dtmf_out;
	const uint32_t ms = out->queuev[out->head].ms;

	if (out->ends == DTMF_ENDS + DTMF_PAUSE) {
		out->head = (out->head + 1) % DTMF_QUEUE;
		out->count--;
		dtmf_next(side);
		return;
	}

	if (out->sent_ms + DTMF_STEP_MS < ms) {
		out->sent_ms += DTMF_STEP_MS;
		dtmf_packet(side, out->sent_ms, false, false);
	}
	else {
		if (out->ends < DTMF_ENDS)
			dtmf_packet(side, ms, true, false);
		out->ends++;
	}

	dtmf_wait(side);
}


void relay_digit(struct relay *relay, unsigned i, char digit, uint8_t pt,
		 uint32_t duration_ms)
{
	struct side *side = &relay->sidev[i];
	struct dtmf_out *out = &side->dtmf_out;
	unsigned at;

	if (out->count == DTMF_QUEUE)
		return;

	at = (out->head + out->count++) % DTMF_QUEUE;
	out->queuev[at].digit = digit;
	out->queuev[at].pt    = pt;
	out->queuev[at].ms    = duration_ms < DTMF_MIN_MS ? DTMF_MIN_MS :
		duration_ms > DTMF_MAX_MS ? DTMF_MAX_MS : duration_ms;

	if (!out->busy)
		dtmf_next(side);
}


/* ---- receiving -------------------------------------------------------- */


static bool opened(struct side *side, enum secure_result res)
{
	switch (res) {

	case SECURE_OK:     return true;
	case SECURE_AUTH:   count(side, BAD_AUTH, 1);   return false;
	case SECURE_REPLAY: count(side, BAD_REPLAY, 1); return false;
	default:            count(side, BAD_PACKET, 1); return false;
	}
}


static void note_heard(struct side *side)
{
	struct stream_event ev = { .type = STREAM_BACK };

	if (side->heard && !side->silent)
		return;

	if (!side->heard) {
		ev.type   = STREAM_FIRST;
		ev.source = side->source;
		put(side, FIRST_US, now_us(side));
	}

	side->heard     = true;
	side->silent    = false;
	side->silent_ms = 0;
	tell(side, &ev);
}


static void note_packet(struct side *side, const struct packet *pkt,
			const struct stream_map *map)
{
	if (!reception_note(&side->rec, pkt, map->rate, !map->dtmf,
			    now_us(side)))
		count(side, RX_LATE, 1);

	count(side, RX_PACKETS, 1);
	count(side, RX_OCTETS, pkt->size);
	put(side, RX_LOST, reception_lost(&side->rec));
	put(side, JITTER_US, reception_jitter_us(&side->rec));
	put(side, LAST_US, now_us(side));
	put(side, PT, pkt->pt);
}


static void hear_digit(struct side *side, const struct packet *pkt)
{
	struct stream_event ev = { .type = STREAM_DTMF };

	if (dtmf_begins(&side->dtmf_in, pkt, now_us(side), &ev.digit))
		tell(side, &ev);
}


static void receive_rtp(struct side *side, uint8_t *p, size_t n,
			const struct sa *src)
{
	const struct stream_map *map;
	struct packet pkt;

	if (!packet_header_size(p, n)) {
		count(side, BAD_PACKET, 1);
		return;
	}

	if (side->rx && !opened(side, secure_open_rtp(side->rx, p, &n)))
		return;

	if (!packet_decode(&pkt, p, n) || side->map_at[pkt.pt] == NO_MAP) {
		count(side, BAD_PACKET, 1);
		return;
	}

	if (!side->locked)
		source_lock(side, src);

	/* On hold it was opened all the same, for the roll-over counter */
	if (!side->remote.recv)
		return;

	map = &side->remote.mapv[side->map_at[pkt.pt]];
	note_packet(side, &pkt, map);
	note_heard(side);
	if (map->dtmf)
		hear_digit(side, &pkt);

	pkt.pt = map->pt_out;
	forward(other(side), &pkt, map->rate);
}


/** What the peer says of what we send (RFC 3550 section 6.4.1) */
static void note_block(struct side *side, const struct report_block *block)
{
	const uint32_t now = (uint32_t)
		(worker_ntp(side->relay->worker) >> 16);
	const uint32_t rtt = now - block->lsr - block->dlsr;

	put(side, PEER_LOST, block->fraction * 1000u / 256);
	put(side, PEER_JITTER_US,
	    (uint64_t)block->jitter * 1000000 / side->line.rate);

	if (block->lsr && rtt < RTT_MAX)
		put(side, RTT_US, ((uint64_t)rtt * 1000000) >> 16);
}


static void receive_rtcp(struct side *side, struct sock *sock, uint8_t *p,
			 size_t n, const struct sa *src)
{
	struct report report;

	if (side->rx && !opened(side, secure_open_rtcp(side->rx, p, &n)))
		return;

	if (!report_decode(&report, p, n, side->line.ssrc)) {
		count(side, BAD_PACKET, 1);
		return;
	}

	if (sock->kind == SOCK_RTCP && !side->rtcp_locked) {
		side->rtcp_locked = true;
		sa_cpy(&side->rtcp_source, src);
	}

	count(side, RTCP_RX, 1);

	if (report.sender) {
		side->lsr   = (uint32_t)(report.ntp >> 16);
		side->sr_us = now_us(side);
	}

	if (report.has_block)
		note_block(side, &report.block);
}


void relay_receive(struct sock *sock, uint8_t *p, size_t n,
		   const struct sa *src)
{
	struct side *side = sock->side;
	const bool rtcp = packet_is_rtcp(p, n);

	if (rtcp ? !rtcp_source_counts(side, sock, src)
		 : !source_counts(side, src)) {
		count(side, BAD_SOURCE, 1);
		return;
	}

	if (n > RELAY_BUF - SECURE_TRAILER ||
	    (!rtcp && sock->kind == SOCK_RTCP)) {
		count(side, BAD_PACKET, 1);
		return;
	}

	if (rtcp)
		receive_rtcp(side, sock, p, n, src);
	else
		receive_rtp(side, p, n, src);
}


/* ---- timers ----------------------------------------------------------- */


/** Half to one and a half of the interval (RFC 3550 section 6.3.1) */
static void report_wait(struct side *side, wheel_h *h)
{
	struct worker *worker = side->relay->worker;
	const uint32_t ms = worker_conf(worker)->rtcp_ms;

	wheel_start(worker_wheel(worker), &side->rtcp_tmr,
		    ms / 2 + worker_random(worker) % (ms + 1), h, side);
}


static void report_due(void *arg)
{
	struct side *side = arg;

	if (atomic_load(&side->relay->ending)) {
		worker_sweep(side->relay->worker);
		return;
	}

	send_report(side);
	report_wait(side, report_due);
}


static void silence_wait(struct side *side, uint64_t ms);


static void silence_due(void *arg)
{
	struct side *side = arg;
	const uint32_t ms = worker_conf(side->relay->worker)->silence_ms;
	const uint64_t gone_ms = (now_us(side) - get(side, LAST_US)) / 1000;
	struct stream_event ev = { .type = STREAM_SILENT };

	if (side->heard && !side->silent && gone_ms < ms) {
		silence_wait(side, ms - gone_ms);
		return;
	}

	side->silent = true;
	side->silent_ms += ms;
	ev.silent_ms = side->silent_ms;
	tell(side, &ev);
	silence_wait(side, ms);
}


static void silence_wait(struct side *side, uint64_t ms)
{
	wheel_start(worker_wheel(side->relay->worker), &side->silence_tmr, ms,
		    silence_due, side);
}


/* ---- a life ----------------------------------------------------------- */


static void destructor(void *data)
{
	struct relay *relay = data;

	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		struct side *side = &relay->sidev[i];

		for (unsigned k = 0; k < SOCKS; k++) {
			if (side->sockv[k].fd >= 0)
				(void)close(side->sockv[k].fd);
		}

		mem_deref(side->tx);
		mem_deref(side->rx);
	}
}


static void set_dscp(int fd, const struct media_conf *conf)
{
	const int tos = conf->dscp << 2;

	/* one of them is for the other family; without either the packets
	   go all the same */
	(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}


static int make_cname(char *cname, size_t size)
{
	uint8_t r[12];

	if (RAND_bytes(r, sizeof(r)) != 1)
		return EPROTO;

	for (size_t i = 0; i < sizeof(r) && 2 * i + 2 < size; i++)
		(void)re_snprintf(cname + 2 * i, 3, "%02x", r[i]);

	return 0;
}


static int side_init(struct side *side, struct relay *relay, unsigned i)
{
	int err;

	side->relay = relay;
	side->i     = i;
	memset(side->map_at, NO_MAP, sizeof(side->map_at));
	sa_init(&side->remote.rtp, AF_UNSPEC);
	sa_init(&side->remote.rtcp, AF_UNSPEC);

	err = make_cname(side->cname, sizeof(side->cname));
	if (!err)
		err = line_init(&side->line, clock_us());

	return err;
}


int relay_alloc(struct relay **relayp, struct worker *worker,
		int fdv[STREAM_SIDES][SOCKS])
{
	struct relay *relay;
	int err = 0;

	relay = mem_zalloc(sizeof(*relay), destructor);
	if (!relay)
		return ENOMEM;

	relay->worker = worker;

	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		for (unsigned k = 0; k < SOCKS; k++)
			relay->sidev[i].sockv[k] = (struct sock){
				.fd = -1, .kind = k,
				.side = &relay->sidev[i],
			};
	}

	for (unsigned i = 0; i < STREAM_SIDES && !err; i++)
		err = side_init(&relay->sidev[i], relay, i);

	if (err) {
		mem_deref(relay);
		return err;
	}

	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		for (unsigned k = 0; k < SOCKS; k++) {
			relay->sidev[i].sockv[k].fd = fdv[i][k];
			set_dscp(fdv[i][k], worker_conf(worker));
		}
	}

	*relayp = relay;

	return 0;
}


static void change_destructor(void *data)
{
	struct relay_change *change = data;

	mem_deref(change->tx);
	mem_deref(change->rx);
}


int relay_change_alloc(struct relay_change **changep)
{
	struct relay_change *change;

	change = mem_zalloc(sizeof(*change), change_destructor);
	if (!change)
		return ENOMEM;

	*changep = change;

	return 0;
}


int relay_open(struct relay *relay)
{
	int err = 0;

	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		struct side *side = &relay->sidev[i];

		for (unsigned k = 0; k < SOCKS && !err; k++)
			err = worker_listen(relay->worker, &side->sockv[k]);

		report_wait(side, report_due);
	}

	return err;
}


void relay_end(struct relay *relay)
{
	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		struct side *side = &relay->sidev[i];

		wheel_cancel(&side->rtcp_tmr);
		wheel_cancel(&side->silence_tmr);
		wheel_cancel(&side->dtmf_out.tmr);

		/* closing takes them out of the loop, for no one else holds
		   these descriptors */
		for (unsigned k = 0; k < SOCKS; k++) {
			(void)close(side->sockv[k].fd);
			side->sockv[k].fd = -1;
		}

		side->tx = mem_deref(side->tx);
		side->rx = mem_deref(side->rx);
	}
}


static void index_maps(struct side *side)
{
	memset(side->map_at, NO_MAP, sizeof(side->map_at));

	/* the first of two with the same payload type is taken */
	for (size_t i = side->remote.mapc; i-- > 0;)
		side->map_at[side->remote.mapv[i].pt] = (uint8_t)i;
}


static void take_contexts(struct side *side, struct relay_change *change)
{
	if (change->tx_new) {
		mem_deref(side->tx);
		side->tx = change->tx;
		change->tx = NULL;
		line_rekeyed(&side->line);
	}

	if (change->rx_new) {
		mem_deref(side->rx);
		side->rx = change->rx;
		change->rx = NULL;
	}
}


static void watch_silence(struct side *side, bool listened)
{
	if (!side->remote.recv) {
		wheel_cancel(&side->silence_tmr);
		side->silent    = false;
		side->silent_ms = 0;
	}
	else if (!listened) {
		/* what was before a hold does not count */
		if (side->heard)
			put(side, LAST_US, now_us(side));
		silence_wait(side,
			     worker_conf(side->relay->worker)->silence_ms);
	}
}


void relay_apply(struct relay *relay, unsigned i, struct relay_change *change)
{
	struct side *side = &relay->sidev[i];
	const struct stream_remote *next = &change->remote;
	const bool listened = side->set && side->remote.recv;
	const bool moved = !side->set ||
		side->remote.learn != next->learn ||
		!sa_cmp(&side->remote.rtp, &next->rtp, SA_ALL);
	const bool rtcp_moved = moved ||
		!sa_cmp(&side->remote.rtcp, &next->rtcp, SA_ALL);

	take_contexts(side, change);
	side->remote = *next;
	side->set    = true;
	index_maps(side);

	/* Only a new address opens the lock: a peer that repeats itself, on
	   hold or in a session refresh, gives no stranger a chance */
	if (moved) {
		side->locked = false;
		side->opened = false;
		side->learn_until_us = now_us(side) +
			1000ull * worker_conf(relay->worker)->learn_ms;
		line_break(&other(side)->line);
	}
	if (rtcp_moved)
		side->rtcp_locked = false;

	watch_silence(side, listened);

	/* The other side's codecs may have come last */
	open_path(side);
	open_path(other(side));
	if (moved)
		send_report(side);
}


void relay_stats(const struct relay *relay, unsigned i,
		 struct stream_stats *stats)
{
	const struct side *side = &relay->sidev[i];

	*stats = (struct stream_stats){
		.rx_packets = get(side, RX_PACKETS),
		.rx_octets  = get(side, RX_OCTETS),
		.tx_packets = get(side, TX_PACKETS),
		.tx_octets  = get(side, TX_OCTETS),
		.rx_lost    = get(side, RX_LOST),
		.rx_late    = get(side, RX_LATE),
		.bad_auth   = get(side, BAD_AUTH),
		.bad_replay = get(side, BAD_REPLAY),
		.bad_source = get(side, BAD_SOURCE),
		.bad_packet = get(side, BAD_PACKET),
		.rtcp_rx    = get(side, RTCP_RX),
		.rtcp_tx    = get(side, RTCP_TX),
		.jitter_us  = (uint32_t)get(side, JITTER_US),
		.rtt_us     = (uint32_t)get(side, RTT_US),
		.peer_lost_permille = (uint32_t)get(side, PEER_LOST),
		.peer_jitter_us     = (uint32_t)get(side, PEER_JITTER_US),
		.first_us   = get(side, FIRST_US),
		.last_us    = get(side, LAST_US),
		.pt         = (uint8_t)get(side, PT),
	};

	shared_get(&side->seen, &stats->source);
}
