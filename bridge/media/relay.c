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
	NO_MAP    = 0xff,
	RTT_MAX   = 60 << 16,      /* [s / 65536]: more is nonsense         */
	G711_20MS = 160,
	MODEM_MS  = 120,           /* delay of a fax's voice                */
	PCMU      = 0,
	PCMA      = 8,
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


struct side *relay_other(struct side *side)
{
	return &side->relay->sidev[!side->i];
}


uint64_t relay_now(const struct side *side)
{
	return worker_now(side->relay->worker);
}


void relay_tell(struct side *side, struct stream_event *event)
{
	event->side = side->i;
	worker_tell(side->relay->worker, side->relay, event);
}


/* ---- addresses -------------------------------------------------------- */


static bool learns(const struct side *side)
{
	return side->remote.learn && relay_now(side) < side->learn_until_us;
}


/**
 * May a packet from there count, as far as its address tells?
 *
 * The peer that was there before may speak on for a moment, when the call has
 * gone to another one: it gives way to any other source while we learn. The
 * address told gives way to none.
 */
static bool source_counts(const struct side *side, const struct sa *src)
{
	if (!side->set)
		return false;

	if (sa_cmp(src, side->locked ? &side->source : &side->remote.rtp,
		   SA_ALL))
		return true;

	if (!side->locked)
		return learns(side);

	return side->remote.learn &&
		(sa_cmp(src, &side->remote.rtp, SA_ALL) ||
		 (learns(side) && sa_cmp(&side->source, &side->former,
					 SA_ALL)));
}


/** A valid packet has come: no other source from now on */
static void source_lock(struct side *side, const struct sa *src)
{
	struct stream_event ev = { .type = STREAM_SOURCE, .source = *src };

	side->locked = true;
	sa_cpy(&side->source, src);
	shared_set(&side->seen, src);

	if (side->remote.learn)
		relay_tell(side, &ev);
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
void relay_send(struct side *side, uint8_t *p, size_t n)
{
	const size_t octets = n - PACKET_HEADER;

	if (side->relay->tape)
		tape_add(side->relay->tape, side->i, true, rtp_peer(side), p,
			 n, octets == DTMF_PAYLOAD ? (size_t)PACKET_HEADER : 0,
			 relay_now(side));

	if (side->tx && secure_seal_rtp(side->tx, p, &n) != SECURE_OK)
		return;

	if (!transmit(side, SOCK_RTP, p, n, rtp_peer(side)))
		return;

	side->opened = true;
	count(side, TX_PACKETS, 1);
	count(side, TX_OCTETS, octets);
}


bool relay_may_send(const struct side *side)
{
	return side->set && side->remote.send &&
		sa_isset(rtp_peer(side), SA_ALL);
}


uint64_t relay_sent(const struct side *side)
{
	return get(side, TX_PACKETS);
}


/** A packet that arrived at the other side */
static void forward(struct side *side, struct packet *pkt,
		    const struct stream_map *map)
{
	uint8_t *p = pkt->payload - PACKET_HEADER;

	/* our own digits and music go instead of the voice, not between it */
	if (!side->remote.send || !side->set || side->digits_out.busy ||
	    side->player) {
		line_skip(&side->line, pkt, relay_now(side));
		return;
	}

	if (side->pace.running)
		pace_stop(side);

	if (!(map->dtmf ? line_put_event : line_put)(&side->line, pkt,
						     map->rate,
						     relay_now(side)))
		return;

	packet_encode(p, pkt);
	relay_send(side, p, PACKET_HEADER + pkt->size);
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
			(((relay_now(side) - side->sr_us) << 16) / 1000000);
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
	report.ts      = line_now(&side->line, relay_now(side));
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
	const struct side *from = relay_other(side);
	_Alignas(16) uint8_t buf[PACKET_HEADER + G711_20MS + SECURE_TRAILER];
	struct packet pkt = { .marker = true };

	if (side->opened || !side->set || !side->remote.send)
		return;

	for (size_t i = 0; i < from->remote.mapc; i++) {
		pkt.pt = from->remote.mapv[i].pt_out;
		if (pkt.pt != PCMU && pkt.pt != PCMA)
			continue;

		line_inject(&side->line, &pkt, relay_now(side));
		pkt.ts = side->line.out_ts;
		packet_encode(buf, &pkt);
		memset(buf + PACKET_HEADER, pkt.pt == PCMA ? 0xd5 : 0xff,
		       G711_20MS);
		relay_send(side, buf, PACKET_HEADER + G711_20MS);
		return;
	}

	(void)transmit(side, SOCK_RTP, buf, 0, rtp_peer(side));
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
		put(side, FIRST_US, relay_now(side));
	}

	side->heard     = true;
	side->silent    = false;
	side->silent_ms = 0;
	relay_tell(side, &ev);
}


static void note_packet(struct side *side, const struct packet *pkt,
			const struct stream_map *map)
{
	if (!reception_note(&side->rec, pkt, map->rate, !map->dtmf,
			    relay_now(side)))
		count(side, RX_LATE, 1);

	count(side, RX_PACKETS, 1);
	count(side, RX_OCTETS, pkt->size);
	put(side, RX_LOST, reception_lost(&side->rec));
	put(side, JITTER_US, reception_jitter_us(&side->rec));
	put(side, LAST_US, relay_now(side));
	put(side, PT, pkt->pt);
}


/** Voice that is decoded: what becomes of it is the other side's clock's
    business. Without an ear it is noise for a peer that gets it from us. */
static void hear(struct side *side, const struct packet *pkt,
		 const struct stream_map *map)
{
	struct side *to = relay_other(side);
	struct ear_figures figures;

	if (side->ear && !to->player) {
		ear_put(side->ear, pkt, map->codec, map->rate,
			relay_now(side));
		ear_figures(side->ear, &figures);
		put(side, RX_DISCARDED, figures.late);
	}
	else if (map->codec == CODEC_CN && pkt->size) {
		noise_set(&to->pace.noise, pkt->payload[0] & 0x7f);
	}

	pace_start(to);
}


void relay_tone(enum ear_tone tone, char digit, void *arg)
{
	struct side *side = arg;
	struct stream_event ev = { .type = STREAM_FAX };

	switch (tone) {

	case EAR_DIGIT_ON:
		digits_tone(side, digit);
		break;

	case EAR_DIGIT_OFF:
		digits_tone(side, '\0');
		break;

	case EAR_FAX:
		relay_tell(side, &ev);
		break;
	}
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

	if (!side->locked || !sa_cmp(src, &side->source, SA_ALL))
		source_lock(side, src);

	map = &side->remote.mapv[side->map_at[pkt.pt]];
	if (side->relay->tape)
		tape_add(side->relay->tape, side->i, false, src, p, n,
			 map->dtmf ? (size_t)(pkt.payload - p) : 0,
			 relay_now(side));

	/* On hold it was opened all the same, for the roll-over counter */
	if (!side->remote.recv)
		return;

	note_packet(side, &pkt, map);
	note_heard(side);
	if (map->dtmf && !digits_hear(side, &pkt, map)) {
		line_skip(&relay_other(side)->line, &pkt, relay_now(side));
		return;
	}

	if (map->way == STREAM_HEAR) {
		if (!map->dtmf)
			hear(side, &pkt, map);
		return;
	}

	pkt.pt = map->pt_out;
	forward(relay_other(side), &pkt, map);
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
		side->sr_us = relay_now(side);
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
	const uint64_t gone_ms = (relay_now(side) - get(side, LAST_US)) / 1000;
	struct stream_event ev = { .type = STREAM_SILENT };

	if (side->heard && !side->silent && gone_ms < ms) {
		silence_wait(side, ms - gone_ms);
		return;
	}

	side->silent = true;
	side->silent_ms += ms;
	ev.silent_ms = side->silent_ms;
	relay_tell(side, &ev);
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

	tape_unref(relay->tape);
	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		struct side *side = &relay->sidev[i];

		for (unsigned k = 0; k < SOCKS; k++) {
			if (side->sockv[k].fd >= 0)
				(void)close(side->sockv[k].fd);
		}

		mem_deref(side->tx);
		mem_deref(side->rx);
		mem_deref(side->enc);
		mem_deref(side->ear);
		mem_deref(side->player);
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

	noise_init(&side->pace.noise);

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
	mem_deref(change->enc);
	mem_deref(change->ear);
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
		digits_end(side);
		pace_end(side);

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


static void take_codecs(struct side *side, struct relay_change *change)
{
	if (change->enc_new) {
		mem_deref(side->enc);
		side->enc = change->enc;
		change->enc = NULL;
		/* samples of another rate, perhaps of another codec */
		pace_stop(side);
	}

	if (change->ear_new) {
		mem_deref(side->ear);
		side->ear = change->ear;
		change->ear = NULL;
		if (side->ear && ear_listen(side->ear,
					    change->remote.hear_digits,
					    change->remote.hear_fax,
					    relay_tone, side))
			side->ear = mem_deref(side->ear);
	}

	if (side->ear)
		ear_fix(side->ear, change->remote.modem ? MODEM_MS : 0);
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
			put(side, LAST_US, relay_now(side));
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
	take_codecs(side, change);
	side->remote = *next;
	side->set    = true;
	index_maps(side);

	/* Only a new address opens the lock: a peer that repeats itself, on
	   hold or in a session refresh, gives no stranger a chance */
	if (moved) {
		if (side->locked)
			sa_cpy(&side->former, &side->source);
		else
			sa_init(&side->former, AF_UNSPEC);
		side->locked = false;
		side->opened = false;
		side->learn_until_us = relay_now(side) +
			1000ull * worker_conf(relay->worker)->learn_ms;
		line_break(&relay_other(side)->line);
	}
	if (rtcp_moved)
		side->rtcp_locked = false;

	if (listened && !next->recv)
		reception_pause(&side->rec);
	watch_silence(side, listened);

	/* The other side's codecs may have come last */
	open_path(side);
	open_path(relay_other(side));
	pace_watch(side);
	pace_watch(relay_other(side));
	if (moved)
		send_report(side);
}


void relay_play(struct relay *relay, unsigned i, struct player *player)
{
	struct side *side = &relay->sidev[i];
	struct side *from = relay_other(side);

	mem_deref(side->player);
	side->player = player;

	/* what was in the buffer before is not heard after */
	if (from->ear)
		ear_flush(from->ear);

	if (player)
		pace_start(side);
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
		.rx_discarded = get(side, RX_DISCARDED),
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
