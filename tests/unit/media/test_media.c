/**
 * @file test_media.c  Streams with real sockets on 127.0.71.x
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bridge/base/wheel.h"
#include "bridge/media/dtmf.h"
#include "bridge/media/media.h"
#include "bridge/media/packet.h"
#include "bridge/media/report.h"
#include "bridge/media/secure.h"


enum { WAIT_MS = 20000, QUIET_MS = 60, EVENTS = 1024, PCMA_SIZE = 172,
       BUF = 2048, PEER_SSRC = 0x11223344 };

#define wait_for(f, cond)						\
	do {								\
		const uint64_t until_ = clock_ms() + WAIT_MS;		\
		while (!(cond)) {					\
			if (clock_ms() > until_)			\
				fail_msg("waited for: %s", #cond);	\
			turn(f);					\
		}							\
	} while (0)


/** A bridge with one stream, and a peer on each side with RTP and RTCP */
struct fixture {
	struct media *media;
	struct stream *stream;
	int fdv[STREAM_SIDES][2];
	struct sa peerv[STREAM_SIDES][2];
	struct stream_remote remotev[STREAM_SIDES];
	struct stream_event eventv[EVENTS];
	size_t eventc;
};


static void on_event(struct stream *stream, const struct stream_event *ev,
		     void *arg)
{
	struct fixture *f = arg;

	(void)stream;
	if (f->eventc < EVENTS)
		f->eventv[f->eventc++] = *ev;
}


/** Wait a little for events and handle them */
static void turn(struct fixture *f)
{
	struct pollfd pfd = { .fd = media_fd(f->media), .events = POLLIN };

	if (poll(&pfd, 1, 2) > 0)
		media_dispatch(f->media);
}


static size_t events(const struct fixture *f, enum stream_event_type type,
		     unsigned side)
{
	size_t n = 0;

	for (size_t i = 0; i < f->eventc; i++)
		n += f->eventv[i].type == type && f->eventv[i].side == side;

	return n;
}


static struct stream_stats stats(const struct fixture *f, unsigned side)
{
	struct stream_stats st;

	stream_stats(f->stream, side, &st);

	return st;
}


static bool source_is(const struct fixture *f, unsigned side,
		      const struct sa *sa)
{
	const struct stream_stats st = stats(f, side);

	return sa_cmp(&st.source, sa, SA_ALL);
}


static int open_socket(struct sa *sa, const char *addr)
{
	int fd;

	assert_int_equal(sa_set_str(sa, addr, 0), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &sa->u.sa, sa->len), 0);
	assert_int_equal(getsockname(fd, &sa->u.sa, &sa->len), 0);

	return fd;
}


static void set_maps(struct stream_remote *r, uint8_t dtmf_in,
		     uint8_t dtmf_out)
{
	r->mapv[0] = (struct stream_map){ .pt = 8, .pt_out = 8,
					     .rate = 8000 };
	r->mapv[1] = (struct stream_map){ .pt = dtmf_in,
					     .pt_out = dtmf_out,
					     .rate = 8000, .dtmf = true };
	r->mapc = 2;
}


static void fixture_open(struct fixture *f, const struct media_conf *given)
{
	struct media_conf conf = given ? *given : (struct media_conf){ 0 };
	struct sa localv[STREAM_SIDES];

	memset(f, 0, sizeof(*f));
	conf.workers = 1;
	if (!conf.port_min) {
		conf.port_min = 20000;
		conf.port_max = 29999;
	}

	assert_int_equal(media_alloc(&f->media, &conf), 0);
	assert_int_equal(sa_set_str(&localv[0], "127.0.71.1", 0), 0);
	assert_int_equal(sa_set_str(&localv[1], "127.0.71.2", 0), 0);
	assert_int_equal(stream_alloc(&f->stream, f->media, localv, on_event,
				      f), 0);

	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		struct stream_remote *r = &f->remotev[i];
		const char *addr = i ? "127.0.71.12" : "127.0.71.11";

		for (unsigned k = 0; k < 2; k++)
			f->fdv[i][k] = open_socket(&f->peerv[i][k], addr);

		r->rtp  = f->peerv[i][0];
		r->rtcp = f->peerv[i][1];
		r->send = r->recv = true;
		set_maps(r, i ? 96 : 101, i ? 101 : 96);
	}
}


/** Commands are obeyed in order: wait until another stream's was */
static void barrier(struct fixture *f)
{
	struct sa localv[STREAM_SIDES], probe;
	struct stream_remote r = { .send = true };
	struct stream *stream;
	struct pollfd pfd;

	pfd.fd     = open_socket(&probe, "127.0.71.13");
	pfd.events = POLLIN;
	r.rtp = probe;
	sa_init(&r.rtcp, AF_UNSPEC);
	localv[0] = *stream_local(f->stream, 0);
	localv[1] = *stream_local(f->stream, 1);
	assert_int_equal(stream_alloc(&stream, f->media, localv, NULL, NULL),
			 0);
	assert_int_equal(stream_remote_set(stream, 0, &r), 0);
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	mem_deref(stream);
	(void)close(pfd.fd);
}


static void tell_remote(struct fixture *f, unsigned side)
{
	assert_int_equal(stream_remote_set(f->stream, side,
					   &f->remotev[side]), 0);
	barrier(f);
}


/** Tell both sides, and wait until the bridge has opened both paths */
static void fixture_connect(struct fixture *f)
{
	uint8_t buf[BUF];
	ssize_t n;

	for (unsigned i = 0; i < STREAM_SIDES; i++)
		assert_int_equal(stream_remote_set(f->stream, i,
						   &f->remotev[i]), 0);

	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		wait_for(f, stats(f, i).tx_packets == 1);

		/* an empty datagram while the codec was not known, silence */
		do {
			n = recv(f->fdv[i][0], buf, sizeof(buf), 0);
		} while (n == 0);
		assert_int_equal(n, PCMA_SIZE +
				 (f->remotev[i].tx.suite ? 10 : 0));
	}
}


static void fixture_close(struct fixture *f)
{
	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		for (unsigned k = 0; k < 2; k++)
			(void)close(f->fdv[i][k]);
	}

	mem_deref(f->stream);
	mem_deref(f->media);
}


static size_t rtp(uint8_t *p, uint8_t pt, uint16_t seq, uint32_t ssrc)
{
	const struct packet pkt = { .pt = pt, .seq = seq, .ts = seq * 160u,
				    .ssrc = ssrc };

	packet_encode(p, &pkt);
	memset(p + PACKET_HEADER, 0x55, PCMA_SIZE - PACKET_HEADER);

	return PCMA_SIZE;
}


static void send_to(int fd, const uint8_t *p, size_t n, const struct sa *dst)
{
	assert_int_equal(sendto(fd, p, n, 0, &dst->u.sa, dst->len), n);
}


static void send_side(struct fixture *f, unsigned side, const uint8_t *p,
		      size_t n)
{
	send_to(f->fdv[side][0], p, n, stream_local(f->stream, side));
}


static void send_voice(struct fixture *f, unsigned side, uint16_t seq)
{
	uint8_t p[BUF];

	send_side(f, side, p, rtp(p, 8, seq, PEER_SSRC));
}


/** @return octets, 0 when nothing comes within ms */
static size_t get(int fd, uint8_t *p, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, ms) <= 0)
		return 0;

	n = recv(fd, p, BUF, 0);

	return n > 0 ? (size_t)n : 0;
}


static struct packet expect_rtp(int fd, uint8_t *p)
{
	const size_t n = get(fd, p, WAIT_MS);
	struct packet pkt;

	assert_true(n > 0);
	assert_true(packet_decode(&pkt, p, n));

	return pkt;
}


static void voice_both_ways(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct packet first, second;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);
	assert_int_equal(media_streams(f.media), 1);
	assert_int_equal(sa_port(stream_local(f.stream, 0)) % 2, 0);

	for (unsigned side = 0; side < STREAM_SIDES; side++) {
		send_voice(&f, side, 100);
		first = expect_rtp(f.fdv[!side][0], p);
		assert_int_equal(first.size, PCMA_SIZE - PACKET_HEADER);
		assert_int_equal(first.payload[5], 0x55);
		assert_int_not_equal(first.ssrc, PEER_SSRC);

		/* one is lost on the way in: a gap on the way out */
		send_voice(&f, side, 102);
		second = expect_rtp(f.fdv[!side][0], p);
		assert_int_equal((uint16_t)(second.seq - first.seq), 2);
		assert_int_equal(second.ts - first.ts, 320);
		assert_int_equal(second.ssrc, first.ssrc);

		/* it comes late: to its own place */
		send_voice(&f, side, 101);
		second = expect_rtp(f.fdv[!side][0], p);
		assert_int_equal((uint16_t)(second.seq - first.seq), 1);

		wait_for(&f, stats(&f, side).rx_packets == 3);
		assert_int_equal(stats(&f, side).rx_late, 1);
		assert_int_equal(stats(&f, side).rx_lost, 0);
		assert_int_equal(stats(&f, side).pt, 8);
		assert_true(source_is(&f, side, &f.peerv[side][0]));
		wait_for(&f, events(&f, STREAM_FIRST, side) == 1);
	}

	assert_int_equal(events(&f, STREAM_SOURCE, 0), 0);
	fixture_close(&f);
}


static void payload_types_are_translated_or_dropped(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);

	send_side(&f, 0, p, rtp(p, 101, 1, PEER_SSRC));
	assert_int_equal(expect_rtp(f.fdv[1][0], p).pt, 96);

	send_side(&f, 0, p, rtp(p, 0, 2, PEER_SSRC));
	wait_for(&f, stats(&f, 0).bad_packet == 1);
	assert_int_equal(get(f.fdv[1][0], p, QUIET_MS), 0);
	fixture_close(&f);
}


static void new_ssrc_continues_the_line(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct packet a, b;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);
	send_voice(&f, 0, 100);
	a = expect_rtp(f.fdv[1][0], p);
	send_side(&f, 0, p, rtp(p, 8, 50000, 99));
	b = expect_rtp(f.fdv[1][0], p);
	assert_int_equal((uint16_t)(b.seq - a.seq), 1);
	assert_int_equal(b.ssrc, a.ssrc);
	assert_true(b.marker);
	assert_true(b.ts - a.ts < 8000 * WAIT_MS / 1000);
	fixture_close(&f);
}


static void strangers_do_not_count(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct fixture f;
	struct sa sa;
	int fd;

	(void)state;
	fixture_open(&f, NULL);
	fd = open_socket(&sa, "127.0.71.66");

	/* nothing is known of the peer yet: not even it */
	send_voice(&f, 0, 1);
	wait_for(&f, stats(&f, 0).bad_source == 1);

	fixture_connect(&f);
	send_to(fd, p, rtp(p, 8, 1, 5), stream_local(f.stream, 0));
	wait_for(&f, stats(&f, 0).bad_source == 2);
	send_voice(&f, 0, 1);
	assert_int_equal(expect_rtp(f.fdv[1][0], p).size, 160);
	send_to(fd, p, rtp(p, 8, 1, 5), stream_local(f.stream, 0));
	wait_for(&f, stats(&f, 0).bad_source == 3);

	assert_int_equal(stats(&f, 0).rx_packets, 1);
	assert_int_equal(get(fd, p, QUIET_MS), 0);
	assert_int_equal(get(f.fdv[1][0], p, QUIET_MS), 0);
	(void)close(fd);
	fixture_close(&f);
}


static void learns_once_then_locks(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct fixture f;
	struct sa nat, stranger;
	int nat_fd, fd;

	(void)state;
	fixture_open(&f, NULL);
	f.remotev[0].learn = true;
	fixture_connect(&f);
	nat_fd = open_socket(&nat, "127.0.71.33");
	fd = open_socket(&stranger, "127.0.71.66");

	/* rubbish does not lock */
	send_to(fd, (const uint8_t *)"\x80nonsense", 9,
		stream_local(f.stream, 0));
	wait_for(&f, stats(&f, 0).bad_packet == 1);

	send_to(nat_fd, p, rtp(p, 8, 1, 5), stream_local(f.stream, 0));
	assert_int_equal(expect_rtp(f.fdv[1][0], p).size, 160);
	wait_for(&f, events(&f, STREAM_SOURCE, 0) == 1);

	send_to(fd, p, rtp(p, 8, 1, 6), stream_local(f.stream, 0));
	wait_for(&f, stats(&f, 0).bad_source == 1);

	/* voice goes where it came from */
	send_voice(&f, 1, 1);
	assert_int_equal(expect_rtp(nat_fd, p).size, 160);

	/* told the same address again: the lock holds */
	tell_remote(&f, 0);
	send_to(fd, p, rtp(p, 8, 1, 6), stream_local(f.stream, 0));
	wait_for(&f, stats(&f, 0).bad_source == 2);

	/* another address: it opens */
	f.remotev[0].rtp = f.peerv[0][1];
	tell_remote(&f, 0);
	send_to(fd, p, rtp(p, 8, 1, 6), stream_local(f.stream, 0));
	assert_int_equal(expect_rtp(f.fdv[1][0], p).size, 160);
	assert_true(source_is(&f, 0, &stranger));
	(void)close(nat_fd);
	(void)close(fd);
	fixture_close(&f);
}


/** What is not heard on hold is not lost */
static void hold_is_no_loss(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);
	send_side(&f, 0, p, rtp(p, 8, 100, 5));
	(void)expect_rtp(f.fdv[1][0], p);
	send_side(&f, 0, p, rtp(p, 8, 103, 5));
	(void)expect_rtp(f.fdv[1][0], p);
	assert_int_equal(stats(&f, 0).rx_lost, 2);

	f.remotev[0].recv = false;
	tell_remote(&f, 0);
	send_side(&f, 0, p, rtp(p, 8, 104, 5));
	send_side(&f, 0, p, rtp(p, 9, 105, 5));
	wait_for(&f, stats(&f, 0).bad_packet == 1);

	f.remotev[0].recv = true;
	tell_remote(&f, 0);
	send_side(&f, 0, p, rtp(p, 8, 150, 5));
	(void)expect_rtp(f.fdv[1][0], p);
	assert_int_equal(stats(&f, 0).rx_lost, 2);
	fixture_close(&f);
}


/** A transfer: the one that went speaks on for a moment */
static void who_was_there_before_gives_way(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct fixture f;
	struct sa old, nat;
	int old_fd, nat_fd;

	(void)state;
	fixture_open(&f, NULL);
	f.remotev[0].learn = true;
	fixture_connect(&f);
	old_fd = open_socket(&old, "127.0.71.33");
	nat_fd = open_socket(&nat, "127.0.71.44");

	send_to(old_fd, p, rtp(p, 8, 1, 5), stream_local(f.stream, 0));
	assert_int_equal(expect_rtp(f.fdv[1][0], p).size, 160);

	f.remotev[0].rtp = f.peerv[0][1];
	tell_remote(&f, 0);
	send_to(old_fd, p, rtp(p, 8, 2, 5), stream_local(f.stream, 0));
	assert_int_equal(expect_rtp(f.fdv[1][0], p).size, 160);
	send_to(nat_fd, p, rtp(p, 8, 1, 6), stream_local(f.stream, 0));
	assert_int_equal(expect_rtp(f.fdv[1][0], p).size, 160);
	assert_true(source_is(&f, 0, &nat));
	send_to(old_fd, p, rtp(p, 8, 3, 5), stream_local(f.stream, 0));
	wait_for(&f, stats(&f, 0).bad_source == 1);

	/* and that one to the address told, whenever it speaks */
	send_to(f.fdv[0][1], p, rtp(p, 8, 1, 7), stream_local(f.stream, 0));
	assert_int_equal(expect_rtp(f.fdv[1][0], p).size, 160);
	assert_true(source_is(&f, 0, &f.peerv[0][1]));
	send_to(nat_fd, p, rtp(p, 8, 2, 6), stream_local(f.stream, 0));
	wait_for(&f, stats(&f, 0).bad_source == 2);
	(void)close(old_fd);
	(void)close(nat_fd);
	fixture_close(&f);
}


static void learning_ends(void **state)
{
	const struct media_conf conf = { .learn_ms = 1 };
	_Alignas(16) uint8_t p[BUF];
	struct fixture f;
	struct sa nat;
	uint64_t until;
	int fd;

	(void)state;
	fixture_open(&f, &conf);
	f.remotev[0].learn = true;
	fixture_connect(&f);
	fd = open_socket(&nat, "127.0.71.33");

	for (until = clock_ms() + 20; clock_ms() < until;)
		turn(&f);

	send_to(fd, p, rtp(p, 8, 1, 5), stream_local(f.stream, 0));
	wait_for(&f, stats(&f, 0).bad_source == 1);
	send_voice(&f, 0, 1);
	assert_int_equal(expect_rtp(f.fdv[1][0], p).size, 160);
	(void)close(fd);
	fixture_close(&f);
}


static void set_key(struct stream_crypto *c, uint8_t fill)
{
	c->suite    = STREAM_AES_CM_128_HMAC_SHA1_80;
	c->key_size = (uint8_t)secure_key_size(c->suite);
	memset(c->key, fill, c->key_size);
}


static void srtp_and_rekey(void **state)
{
	_Alignas(16) uint8_t p[BUF], sealed[BUF];
	struct secure *tx, *rx;
	struct fixture f;
	struct packet pkt;
	size_t n, sealed_n;

	(void)state;
	fixture_open(&f, NULL);
	set_key(&f.remotev[1].tx, 1);
	set_key(&f.remotev[1].rx, 2);
	assert_int_equal(secure_alloc(&rx, &f.remotev[1].tx, SECURE_RX), 0);
	assert_int_equal(secure_alloc(&tx, &f.remotev[1].rx, SECURE_TX), 0);
	fixture_connect(&f);

	/* plain in, sealed out */
	send_voice(&f, 0, 1);
	n = get(f.fdv[1][0], p, WAIT_MS);
	assert_int_equal(n, PCMA_SIZE + 10);
	assert_int_not_equal(p[20], 0x55);
	assert_int_equal(secure_open_rtp(rx, p, &n), SECURE_OK);
	assert_int_equal(p[20], 0x55);

	/* plain where a key was agreed changes nothing */
	send_voice(&f, 1, 1);
	wait_for(&f, stats(&f, 1).bad_auth == 1);
	assert_int_equal(stats(&f, 1).rx_packets, 0);
	assert_int_equal(events(&f, STREAM_FIRST, 1), 0);

	/* sealed in, plain out; the second time it is a replay */
	n = rtp(p, 8, 7, PEER_SSRC);
	assert_int_equal(secure_seal_rtp(tx, p, &n), SECURE_OK);
	memcpy(sealed, p, sealed_n = n);
	send_side(&f, 1, p, n);
	send_side(&f, 1, p, n);
	pkt = expect_rtp(f.fdv[0][0], p);
	assert_int_equal(pkt.payload[0], 0x55);
	wait_for(&f, stats(&f, 1).bad_replay == 1);

	/* the same keys again: contexts go on, so it is still a replay */
	tell_remote(&f, 1);
	send_side(&f, 1, sealed, sealed_n);
	wait_for(&f, stats(&f, 1).bad_replay == 2);
	assert_int_equal(stats(&f, 1).rx_packets, 1);

	/* new keys: old ones are worth nothing, new contexts begin */
	set_key(&f.remotev[1].tx, 3);
	set_key(&f.remotev[1].rx, 4);
	tell_remote(&f, 1);
	n = rtp(p, 8, 9, PEER_SSRC);
	assert_int_equal(secure_seal_rtp(tx, p, &n), SECURE_OK);
	send_side(&f, 1, p, n);
	wait_for(&f, stats(&f, 1).bad_auth == 2);

	tx = mem_deref(tx);
	rx = mem_deref(rx);
	assert_int_equal(secure_alloc(&rx, &f.remotev[1].tx, SECURE_RX), 0);
	assert_int_equal(secure_alloc(&tx, &f.remotev[1].rx, SECURE_TX), 0);
	n = rtp(p, 8, 10, PEER_SSRC);
	assert_int_equal(secure_seal_rtp(tx, p, &n), SECURE_OK);
	send_side(&f, 1, p, n);
	(void)expect_rtp(f.fdv[0][0], p);
	send_voice(&f, 0, 2);
	n = get(f.fdv[1][0], p, WAIT_MS);
	assert_int_equal(secure_open_rtp(rx, p, &n), SECURE_OK);

	mem_deref(tx);
	mem_deref(rx);
	fixture_close(&f);
}


static void hold_stops_and_resumes(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct packet a, b;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);
	send_voice(&f, 0, 1);
	a = expect_rtp(f.fdv[1][0], p);

	f.remotev[1].send = false;
	tell_remote(&f, 1);
	send_voice(&f, 0, 2);
	wait_for(&f, stats(&f, 0).rx_packets == 2);
	assert_int_equal(get(f.fdv[1][0], p, QUIET_MS), 0);

	/* what was not sent leaves no gap, but its time has passed */
	f.remotev[1].send = true;
	tell_remote(&f, 1);
	send_voice(&f, 0, 3);
	b = expect_rtp(f.fdv[1][0], p);
	assert_int_equal((uint16_t)(b.seq - a.seq), 1);
	assert_int_equal(b.ts - a.ts, 320);

	f.remotev[0].recv = false;
	tell_remote(&f, 0);
	send_voice(&f, 0, 4);
	assert_int_equal(get(f.fdv[1][0], p, QUIET_MS), 0);
	assert_int_equal(stats(&f, 0).rx_packets, 3);
	fixture_close(&f);
}


/** Since its first packet */
static bool is_silent(const struct fixture *f)
{
	size_t i = f->eventc;

	while (i-- && f->eventv[i].side)
		;

	return i < f->eventc && f->eventv[i].type == STREAM_SILENT;
}


static void silence_is_told_and_ends(void **state)
{
	const struct media_conf conf = { .silence_ms = 40 };
	struct fixture f;

	(void)state;
	fixture_open(&f, &conf);
	fixture_connect(&f);
	wait_for(&f, events(&f, STREAM_SILENT, 0) >= 2);
	assert_int_equal(f.eventv[0].silent_ms, 40);
	send_voice(&f, 0, 1);
	wait_for(&f, events(&f, STREAM_FIRST, 0) == 1);
	wait_for(&f, is_silent(&f));
	send_voice(&f, 0, 2);
	wait_for(&f, events(&f, STREAM_BACK, 0) >= 1);
	fixture_close(&f);
}


static void send_event(struct fixture *f, uint16_t seq, uint32_t ts,
		       uint8_t event, bool end)
{
	const struct packet pkt = { .pt = 101, .seq = seq, .ts = ts,
				    .ssrc = PEER_SSRC };
	uint8_t p[PACKET_HEADER + DTMF_PAYLOAD];

	packet_encode(p, &pkt);
	dtmf_encode(p + PACKET_HEADER, event, end, 400);
	send_side(f, 0, p, sizeof(p));
}


static void digits_are_heard_once_and_carried(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct packet pkt;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);

	for (uint16_t i = 0; i < 6; i++)
		send_event(&f, i, 800, 7, i > 2);
	send_event(&f, 6, 2000, 11, false);

	for (unsigned i = 0; i < 7; i++) {
		pkt = expect_rtp(f.fdv[1][0], p);
		assert_int_equal(pkt.pt, 96);
		assert_int_equal(pkt.size, DTMF_PAYLOAD);
		assert_int_equal(pkt.payload[0], i < 6 ? 7 : 11);
	}

	wait_for(&f, events(&f, STREAM_DTMF, 0) == 2);
	fixture_close(&f);
}


static void a_digit_told_by_info_and_by_rtp_counts_once(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);
	assert_int_equal(stream_dtmf_told(f.stream, 0, 'x', 0), EINVAL);

	/* by INFO first: what RTP says of it goes no further */
	assert_int_equal(stream_dtmf_told(f.stream, 0, '7', 120), 0);
	wait_for(&f, events(&f, STREAM_DTMF_TOLD, 0) == 1);
	for (uint16_t i = 0; i < 6; i++)
		send_event(&f, i, 800, 7, i > 2);

	/* the next one of the same key is another one, and goes before INFO */
	for (uint16_t i = 6; i < 12; i++)
		send_event(&f, i, 8000, 7, i > 8);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(expect_rtp(f.fdv[1][0], p).payload[0], 7);
	wait_for(&f, events(&f, STREAM_DTMF_END, 0) == 1);
	assert_int_equal(events(&f, STREAM_DTMF, 0), 1);

	assert_int_equal(stream_dtmf_told(f.stream, 0, '7', 120), 0);
	assert_int_equal(stream_dtmf_told(f.stream, 0, '#', 120), 0);
	wait_for(&f, events(&f, STREAM_DTMF_TOLD, 0) == 2);
	assert_int_equal(f.eventv[f.eventc - 1].digit, '#');
	assert_int_equal(f.eventv[f.eventc - 1].duration_ms, 120);

	fixture_close(&f);
}


static void digit_is_sent_by_the_book(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	unsigned ends = 0, packets = 0;
	struct packet pkt, first = { 0 };
	uint16_t duration = 0;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);
	assert_int_equal(stream_dtmf_send(f.stream, 1, 'x', 96, 0), EINVAL);
	assert_int_equal(stream_dtmf_send(f.stream, 1, '9', 96, 120), 0);

	while (ends < 3) {
		pkt = expect_rtp(f.fdv[1][0], p);
		if (!packets)
			first = pkt;

		assert_int_equal(pkt.marker, !packets);
		assert_int_equal((uint16_t)(pkt.seq - first.seq), packets);
		assert_int_equal(pkt.ts, first.ts);
		assert_int_equal(pkt.pt, 96);
		assert_int_equal(pkt.payload[0], 9);
		assert_true(get_u16(pkt.payload + 2) >= duration);
		duration = get_u16(pkt.payload + 2);
		ends += pkt.payload[1] >> 7;
		packets++;
	}

	assert_int_equal(duration, 960);
	assert_int_equal(packets, 5 + 3);
	fixture_close(&f);
}


static size_t peer_report(uint8_t *p, uint32_t our_ssrc, uint32_t lsr)
{
	const struct report report = {
		.ssrc = PEER_SSRC, .sender = true, .ntp = 0x1122334455667788,
		.has_block = true,
		.block = { .ssrc = our_ssrc, .fraction = 64, .jitter = 80,
			   .lsr = lsr, .dlsr = 0 },
	};

	return report_encode(p, &report, "peer");
}


static void reports_go_both_ways(void **state)
{
	const struct media_conf conf = { .rtcp_ms = 40 };
	_Alignas(16) uint8_t p[BUF];
	struct packet voice;
	struct report report;
	struct fixture f;
	struct sa rtcp;
	size_t n;

	(void)state;
	fixture_open(&f, &conf);
	fixture_connect(&f);
	send_voice(&f, 0, 10);
	voice = expect_rtp(f.fdv[1][0], p);
	send_voice(&f, 0, 13);
	(void)expect_rtp(f.fdv[1][0], p);

	/* a sender's report to the side we send to */
	do {
		n = get(f.fdv[1][1], p, WAIT_MS);
		assert_true(report_decode(&report, p, n, 0));
	} while (!report.sender || report.packets < 3);

	assert_int_equal(report.ssrc, voice.ssrc);
	assert_int_equal(report.octets, 480);
	assert_true((report.ntp >> 32) > 0xe0000000);

	/* the peer answers: loss, jitter, round trip, and our next report
	   says when its report came */
	rtcp = *stream_local(f.stream, 1);
	sa_set_port(&rtcp, sa_port(&rtcp) + 1);
	n = peer_report(p, voice.ssrc, (uint32_t)(report.ntp >> 16));
	send_to(f.fdv[1][1], p, n, &rtcp);
	wait_for(&f, stats(&f, 1).rtcp_rx == 1);
	assert_int_equal(stats(&f, 1).peer_lost_permille, 250);
	assert_int_equal(stats(&f, 1).peer_jitter_us, 10000);
	assert_true(stats(&f, 1).rtt_us < WAIT_MS * 1000);

	/* a receiver's block to the side that sends: two lost of four */
	do {
		n = get(f.fdv[0][1], p, WAIT_MS);
		assert_true(report_decode(&report, p, n, PEER_SSRC));
	} while (!report.has_block || report.block.lost != 2);

	assert_int_equal(report.block.max_seq, 13);

	/* the other one needs voice first, to have a block */
	send_voice(&f, 1, 1);
	do {
		n = get(f.fdv[1][1], p, WAIT_MS);
		assert_true(report_decode(&report, p, n, PEER_SSRC));
	} while (!report.has_block);
	assert_int_equal(report.block.lsr, 0x33445566);
	fixture_close(&f);
}


static void reports_share_the_port(void **state)
{
	const struct media_conf conf = { .rtcp_ms = 40 };
	_Alignas(16) uint8_t p[BUF];
	struct report report;
	struct fixture f;
	size_t n;

	(void)state;
	fixture_open(&f, &conf);
	f.remotev[1].rtcp_mux = true;
	f.remotev[1].send = false;     /* also on hold */
	tell_remote(&f, 1);
	n = get(f.fdv[1][0], p, WAIT_MS);
	assert_true(packet_is_rtcp(p, n));
	assert_true(report_decode(&report, p, n, 0));
	assert_false(report.sender);

	n = peer_report(p, report.ssrc, 0);
	send_side(&f, 1, p, n);
	wait_for(&f, stats(&f, 1).rtcp_rx == 1);

	/* BYE says nothing to us */
	p[1] = 203;
	send_side(&f, 1, p, n);
	wait_for(&f, stats(&f, 1).bad_packet == 1);
	fixture_close(&f);
}


static void nonsense_leaves_the_stream_alive(void **state)
{
	_Alignas(16) uint8_t p[BUF];
	struct fixture f;
	uint16_t seq = 0;
	uint64_t taken;

	(void)state;
	fixture_open(&f, NULL);
	set_key(&f.remotev[1].rx, 2);
	fixture_connect(&f);
	srand(71);

	for (unsigned i = 0; i < 4000; i++) {
		const size_t n = (size_t)rand() % (i % 50 ? 64 : 2048);

		for (size_t k = 0; k < n; k++)
			p[k] = (uint8_t)rand();
		if (i % 4 && n)
			p[0] = 0x80 | (p[0] & 0x3f);
		if (i % 8 > 5 && n > 1)
			p[1] = 200 + p[1] % 4;

		send_to(f.fdv[i & 1][i >> 1 & 1], p, n,
			stream_local(f.stream, i & 1));
		if (i % 32 == 0)
			turn(&f);
	}

	assert_int_equal(stats(&f, 1).rx_packets, 0);
	/* of so much some may have found the socket full */
	taken = stats(&f, 0).rx_packets;
	wait_for(&f, (send_voice(&f, 0, seq++),
		      stats(&f, 0).rx_packets > taken));
	wait_for(&f, stats(&f, 0).bad_packet > 100);
	wait_for(&f, stats(&f, 1).bad_packet + stats(&f, 1).bad_auth > 100);
	assert_int_equal(stats(&f, 1).rx_packets, 0);
	fixture_close(&f);
}


static void ports_run_out_rest_and_return(void **state)
{
	const struct media_conf conf = {
		.port_min = 29000, .port_max = 29003, .port_rest_ms = 100,
	};
	struct sa localv[STREAM_SIDES];
	struct stream *more = NULL;
	struct fixture f;
	uint64_t began;
	int err;

	(void)state;
	fixture_open(&f, &conf);
	localv[0] = *stream_local(f.stream, 0);
	localv[1] = *stream_local(f.stream, 1);
	assert_int_equal(stream_alloc(&more, f.media, localv, NULL, NULL),
			 EADDRINUSE);
	assert_null(more);

	began = clock_ms();
	f.stream = mem_deref(f.stream);
	do {
		turn(&f);
		err = stream_alloc(&more, f.media, localv, on_event, &f);
		assert_true(clock_ms() - began < WAIT_MS);
	} while (err == EADDRINUSE);

	assert_int_equal(err, 0);
	assert_true(clock_ms() - began >= 100);
	f.stream = more;
	fixture_close(&f);
}


static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);

	return n;
}


static void many_come_and_go(void **state)
{
	enum { STREAMS = 2000, AT_ONCE = 100 };
	struct stream *streamv[AT_ONCE];
	struct sa localv[STREAM_SIDES];
	struct fixture f;
	size_t fds;

	(void)state;
	fixture_open(&f, NULL);
	fixture_connect(&f);
	localv[0] = *stream_local(f.stream, 0);
	localv[1] = *stream_local(f.stream, 1);
	fds = count_fds();

	for (unsigned i = 0; i < STREAMS / AT_ONCE; i++) {
		for (unsigned k = 0; k < AT_ONCE; k++)
			assert_int_equal(stream_alloc(&streamv[k], f.media,
						      localv, NULL, NULL), 0);
		assert_int_equal(media_streams(f.media), AT_ONCE + 1);
		for (unsigned k = 0; k < AT_ONCE; k++)
			mem_deref(streamv[k]);
	}

	wait_for(&f, count_fds() == fds);
	assert_int_equal(media_streams(f.media), 1);
	fixture_close(&f);
}


static void wrong_use_is_refused(void **state)
{
	struct stream_remote r;
	struct fixture f;
	struct media *media = NULL;

	(void)state;
	assert_int_equal(media_alloc(&media, &(struct media_conf){
		.port_min = 5, .port_max = 6 }), EINVAL);
	assert_null(media);

	fixture_open(&f, NULL);
	r = f.remotev[0];
	r.mapv[0].pt = 128;
	assert_int_equal(stream_remote_set(f.stream, 0, &r), EINVAL);
	r = f.remotev[0];
	r.mapv[0].rate = 0;
	assert_int_equal(stream_remote_set(f.stream, 0, &r), EINVAL);
	r = f.remotev[0];
	set_key(&r.tx, 1);
	r.tx.key_size--;
	assert_int_equal(stream_remote_set(f.stream, 0, &r), EINVAL);
	assert_int_equal(stream_remote_set(f.stream, 2, &f.remotev[0]),
			 EINVAL);
	fixture_close(&f);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(voice_both_ways),
		cmocka_unit_test(payload_types_are_translated_or_dropped),
		cmocka_unit_test(new_ssrc_continues_the_line),
		cmocka_unit_test(strangers_do_not_count),
		cmocka_unit_test(learns_once_then_locks),
		cmocka_unit_test(hold_is_no_loss),
		cmocka_unit_test(who_was_there_before_gives_way),
		cmocka_unit_test(learning_ends),
		cmocka_unit_test(srtp_and_rekey),
		cmocka_unit_test(hold_stops_and_resumes),
		cmocka_unit_test(silence_is_told_and_ends),
		cmocka_unit_test(digits_are_heard_once_and_carried),
		cmocka_unit_test(a_digit_told_by_info_and_by_rtp_counts_once),
		cmocka_unit_test(digit_is_sent_by_the_book),
		cmocka_unit_test(reports_go_both_ways),
		cmocka_unit_test(reports_share_the_port),
		cmocka_unit_test(nonsense_leaves_the_stream_alive),
		cmocka_unit_test(ports_run_out_rest_and_return),
		cmocka_unit_test(many_come_and_go),
		cmocka_unit_test(wrong_use_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
