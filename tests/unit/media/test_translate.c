/**
 * @file test_translate.c  Voice through samples, on real sockets, in real time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bridge/base/wheel.h"
#include "bridge/media/dtmf.h"
#include "bridge/media/media.h"
#include "bridge/media/packet.h"
#include "bridge/media/player.h"
#include "tone.h"


enum { N = 160, HZ = 700, BUF = 2048, PACKETS = 400, EVENTS = 32,
       STEP_US = 20000 };


struct heard { struct packet pkt; uint8_t p[512]; uint64_t us; int tos; };

struct fixture {
	struct media *media;
	struct stream *stream;
	int fdv[STREAM_SIDES];
	struct sa peerv[STREAM_SIDES];
	struct stream_remote remotev[STREAM_SIDES];
	struct encoder *enc;       /* of what side 0 says                  */
	uint16_t seq;
	uint32_t ts;
	struct heard heardv[STREAM_SIDES][PACKETS];
	size_t heardc[STREAM_SIDES];
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


static int open_peer(struct sa *sa, const char *addr)
{
	const int on = 1;
	int fd;

	assert_int_equal(sa_set_str(sa, addr, 0), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &sa->u.sa, sa->len), 0);
	assert_int_equal(getsockname(fd, &sa->u.sa, &sa->len), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on,
				    sizeof(on)), 0);

	return fd;
}


static struct fixture *fixture_open(void)
{
	struct media_conf conf = { .workers = 1, .port_min = 20000,
				   .port_max = 29999, .dscp = 46 };
	struct fixture *f = calloc(1, sizeof(*f));
	struct sa localv[STREAM_SIDES];

	assert_non_null(f);
	assert_int_equal(media_alloc(&f->media, &conf), 0);
	assert_int_equal(sa_set_str(&localv[0], "127.0.72.1", 0), 0);
	assert_int_equal(sa_set_str(&localv[1], "127.0.72.2", 0), 0);
	assert_int_equal(stream_alloc(&f->stream, f->media, localv, on_event,
				      f), 0);

	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		struct stream_remote *r = &f->remotev[i];

		f->fdv[i] = open_peer(&f->peerv[i], i ? "127.0.72.12" :
				      "127.0.72.11");
		r->rtp  = f->peerv[i];
		sa_init(&r->rtcp, AF_UNSPEC);
		r->send = r->recv = true;
	}

	return f;
}


static void map(struct fixture *f, unsigned side, struct stream_map m)
{
	struct stream_remote *r = &f->remotev[side];

	r->mapv[r->mapc++] = m;
}


/** mu-law on side 0, A-law on side 1 */
static void set_laws(struct fixture *f)
{
	f->remotev[0].out = (struct stream_out){
		.codec = CODEC_PCMU, .pt = 0, .rate = 8000 };
	f->remotev[1].out = (struct stream_out){
		.codec = CODEC_PCMA, .pt = 8, .rate = 8000 };
	map(f, 0, (struct stream_map){ .pt = 0, .rate = 8000,
		.way = STREAM_HEAR, .codec = CODEC_PCMU });
	map(f, 1, (struct stream_map){ .pt = 8, .rate = 8000,
		.way = STREAM_HEAR, .codec = CODEC_PCMA });
	assert_int_equal(encoder_alloc(&f->enc, CODEC_PCMU, 8000), 0);
}


static void connect_both(struct fixture *f)
{
	for (unsigned i = 0; i < STREAM_SIDES; i++)
		assert_int_equal(stream_remote_set(f->stream, i,
						   &f->remotev[i]), 0);
}


static void fixture_close(struct fixture *f)
{
	mem_deref(f->stream);
	mem_deref(f->media);
	mem_deref(f->enc);
	(void)close(f->fdv[0]);
	(void)close(f->fdv[1]);
	free(f);
}


static void receive(struct fixture *f, unsigned side)
{
	struct heard *h = &f->heardv[side][f->heardc[side]];
	uint8_t ctl[64];
	struct iovec iov = { h->p, sizeof(h->p) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = ctl,
			      .msg_controllen = sizeof(ctl) };
	struct cmsghdr *c;
	ssize_t n;

	n = recvmsg(f->fdv[side], &msg, MSG_DONTWAIT);
	if (n < PACKET_HEADER || f->heardc[side] == PACKETS)
		return;

	assert_true(packet_decode(&h->pkt, h->p, (size_t)n));
	h->us = clock_us();
	h->tos = -1;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			h->tos = *(uint8_t *)CMSG_DATA(c);
	}
	f->heardc[side]++;
}


/** Receive on both sides until that time */
static void listen_until(struct fixture *f, uint64_t us)
{
	while (clock_us() < us) {
		struct pollfd pfdv[] = {
			{ .fd = f->fdv[0], .events = POLLIN },
			{ .fd = f->fdv[1], .events = POLLIN },
			{ .fd = media_fd(f->media), .events = POLLIN },
		};

		(void)poll(pfdv, 3, 1);
		for (unsigned i = 0; i < 2; i++) {
			if (pfdv[i].revents)
				receive(f, i);
		}
		media_dispatch(f->media);
	}
}


static void send_pkt(struct fixture *f, struct packet *pkt, uint8_t *buf)
{
	const struct sa *dst = stream_local(f->stream, 0);
	const size_t n = PACKET_HEADER + pkt->size;

	pkt->seq  = f->seq++;
	pkt->ssrc = 77;
	packet_encode(buf, pkt);
	assert_int_equal(sendto(f->fdv[0], buf, n, 0, &dst->u.sa, dst->len),
			 n);
}


/** Side 0 says a tone for so many packets, 20 ms each */
static void say(struct fixture *f, unsigned packets)
{
	uint64_t us = clock_us();

	for (unsigned i = 0; i < packets; i++) {
		uint8_t buf[PACKET_HEADER + CODEC_OCTETS];
		struct packet pkt = { .pt = 0, .ts = f->ts };
		int16_t pcm[N];

		tone_make(pcm, N, f->ts, HZ, 8000, 0.3);
		pkt.size = encoder_encode(f->enc, pcm, N,
					  buf + PACKET_HEADER, CODEC_OCTETS);
		send_pkt(f, &pkt, buf);
		f->ts += N;
		us += STEP_US;
		listen_until(f, us);
	}
}


/** All A-law that side 1 heard, from packet `first` on. @return samples */
static size_t samples(const struct fixture *f, size_t first, int16_t *pcm)
{
	struct decoder *dec;
	size_t n = 0;

	assert_int_equal(decoder_alloc(&dec, CODEC_PCMA, 8000), 0);
	for (size_t i = first; i < f->heardc[1]; i++) {
		const struct heard *h = &f->heardv[1][i];

		if (h->pkt.pt == 8 && h->pkt.size == N)
			n += decoder_decode(dec, h->p + PACKET_HEADER, N,
					    pcm + n);
	}
	mem_deref(dec);

	return n;
}


static void test_mu_law_becomes_a_law(void **state)
{
	static int16_t pcm[PACKETS * N];
	struct fixture *f = fixture_open();
	size_t n;
	(void)state;

	set_laws(f);
	connect_both(f);
	say(f, 60);
	assert_in_range(f->heardc[1], 54, 62);

	/* 0 may be the one that opened the path, 1 has the marker */
	for (size_t i = 3; i < f->heardc[1]; i++) {
		const struct packet *a = &f->heardv[1][i - 1].pkt;
		const struct packet *b = &f->heardv[1][i].pkt;

		assert_int_equal(b->pt, 8);
		assert_int_equal((uint16_t)(b->seq - a->seq), 1);
		assert_int_equal(b->ts - a->ts, N);
		assert_int_equal(b->ssrc, a->ssrc);
		assert_false(b->marker);
		assert_int_equal(f->heardv[1][i].tos, 46 << 2);
	}

	n = samples(f, 8, pcm);
	assert_true(n > 40 * N);
	assert_true(fabs(tone_level(pcm, n, HZ, 8000) - 0.3) < 0.03);
	fixture_close(f);
}


static void test_a_peer_is_never_without_packets(void **state)
{
	static int16_t pcm[PACKETS * N];
	struct fixture *f = fixture_open();
	uint64_t last = 0;
	size_t n, quiet;
	(void)state;

	/* passed on, unless there is nothing */
	f->remotev[1].out = (struct stream_out){
		.codec = CODEC_PCMA, .pt = 8, .rate = 8000 };
	f->remotev[1].fill = true;
	map(f, 0, (struct stream_map){ .pt = 0, .pt_out = 8, .rate = 8000 });
	assert_int_equal(encoder_alloc(&f->enc, CODEC_PCMA, 8000), 0);
	connect_both(f);
	listen_until(f, clock_us() + 400000);
	quiet = f->heardc[1];
	assert_in_range(quiet, 8, 21);
	n = samples(f, 1, pcm);
	assert_true(tone_rms(pcm, n) > 0.00005);
	assert_true(tone_rms(pcm, n) < 0.003);

	/* noise makes way for voice at once: nothing is sent twice */
	say(f, 20);
	assert_in_range(f->heardc[1] - quiet, 18, 22);
	listen_until(f, clock_us() + 400000);
	for (size_t i = 1; i < f->heardc[1]; i++) {
		const uint64_t us = f->heardv[1][i].us;

		if (last)
			assert_true(us - last < 230000);
		last = us;
		assert_int_equal((uint16_t)(f->heardv[1][i].pkt.seq -
					    f->heardv[1][i - 1].pkt.seq), 1);
		assert_true((int32_t)(f->heardv[1][i].pkt.ts -
				      f->heardv[1][i - 1].pkt.ts) > 0);
	}
	fixture_close(f);
}


static void test_what_we_play_goes_instead_of_the_voice(void **state)
{
	static int16_t pcm[PACKETS * N];
	struct fixture *f = fixture_open();
	struct player *player;
	size_t n, before;
	(void)state;

	set_laws(f);
	connect_both(f);
	say(f, 10);
	assert_int_equal(player_ringback(&player, "FR"), 0);
	assert_int_equal(stream_play(f->stream, 1, player), 0);
	before = f->heardc[1] + 2;
	say(f, 30);
	n = samples(f, before, pcm);
	assert_true(tone_level(pcm, n, 440, 8000) > 0.08);
	assert_true(tone_level(pcm, n, HZ, 8000) < 0.01);

	assert_int_equal(stream_play(f->stream, 1, NULL), 0);
	say(f, 10);
	before = f->heardc[1];
	say(f, 20);
	n = samples(f, before, pcm);
	assert_true(tone_level(pcm, n, HZ, 8000) > 0.25);
	assert_true(tone_level(pcm, n, 440, 8000) < 0.01);
	fixture_close(f);
}


/** Side 0 presses a key for so many 20 ms, in events of 8000 Hz */
static void press(struct fixture *f, char digit, unsigned steps)
{
	uint64_t us = clock_us();

	for (unsigned i = 1; i <= steps + 2; i++) {
		_Alignas(4) uint8_t buf[PACKET_HEADER + DTMF_PAYLOAD];
		struct packet pkt = { .pt = 101, .ts = f->ts,
				      .size = DTMF_PAYLOAD,
				      .marker = i == 1 };

		dtmf_encode(buf + PACKET_HEADER, (uint8_t)dtmf_event(digit),
			    i >= steps,
			    (uint16_t)(N * (i < steps ? i : steps)));
		send_pkt(f, &pkt, buf);
		us += STEP_US;
		listen_until(f, us);
	}
	f->ts += (steps + 2) * N;
}


static const struct stream_event *ended(const struct fixture *f)
{
	for (size_t i = 0; i < f->eventc; i++) {
		if (f->eventv[i].type == STREAM_DTMF_END)
			return &f->eventv[i];
	}

	return NULL;
}


static void test_a_digit_is_made_anew_at_another_rate(void **state)
{
	struct fixture *f = fixture_open();
	unsigned ends = 0, duration = 0;
	(void)state;

	set_laws(f);
	map(f, 0, (struct stream_map){ .pt = 101, .rate = 8000,
		.dtmf = true, .way = STREAM_HEAR });
	f->remotev[1].out.dtmf_pt   = 97;
	f->remotev[1].out.dtmf_rate = 48000;
	connect_both(f);
	say(f, 5);
	press(f, '7', 10);
	say(f, 10);

	for (size_t i = 0; i < f->heardc[1]; i++) {
		const struct heard *h = &f->heardv[1][i];

		if (h->pkt.pt != 97)
			continue;
		assert_int_equal(h->pkt.size, DTMF_PAYLOAD);
		assert_int_equal(h->p[PACKET_HEADER], 7);
		ends += h->p[PACKET_HEADER + 1] >> 7;
		duration = get_u16(h->p + PACKET_HEADER + 2);
	}
	assert_int_equal(ends, 3);
	/* 200 ms, and what it takes to learn of the end */
	assert_in_range(duration, 9600, 9600 + 1920);
	assert_non_null(ended(f));
	assert_int_equal(ended(f)->digit, '7');
	assert_int_equal(ended(f)->duration_ms, 200);
	fixture_close(f);
}


/** A digit's packets are late by more than noise waits for */
static void test_a_late_digit_is_one_digit(void **state)
{
	struct fixture *f = fixture_open();
	uint32_t ts = 0;
	unsigned events = 0;
	(void)state;

	f->remotev[1].out = (struct stream_out){
		.codec = CODEC_PCMA, .pt = 8, .rate = 8000 };
	f->remotev[1].fill = true;
	map(f, 0, (struct stream_map){ .pt = 0, .pt_out = 8, .rate = 8000 });
	map(f, 0, (struct stream_map){ .pt = 101, .pt_out = 96, .rate = 8000,
		.dtmf = true });
	connect_both(f);

	for (unsigned i = 0; i < 3; i++) {
		_Alignas(4) uint8_t buf[PACKET_HEADER + DTMF_PAYLOAD];
		struct packet pkt = { .pt = 101, .ts = 800, .marker = !i,
				      .size = DTMF_PAYLOAD };

		dtmf_encode(buf + PACKET_HEADER, 7, i == 2, N * (i + 1));
		send_pkt(f, &pkt, buf);
		listen_until(f, clock_us() + 400000);
	}

	for (size_t i = 0; i < f->heardc[1]; i++) {
		const struct packet *pkt = &f->heardv[1][i].pkt;

		if (pkt->pt != 96)
			continue;
		if (events++)
			assert_int_equal(pkt->ts, ts);
		ts = pkt->ts;
	}
	assert_int_equal(events, 3);
	/* noise in between, so that there was something to go wrong */
	assert_true(f->heardc[1] > 20);
	fixture_close(f);
}


/** @return packets with the tones of a '7' after side 0 has pressed it */
static unsigned toned(unsigned steps)
{
	static int16_t pcm[PACKETS * N];
	struct fixture *f = fixture_open();
	unsigned with = 0;
	size_t n;

	set_laws(f);
	map(f, 0, (struct stream_map){ .pt = 101, .rate = 8000,
		.dtmf = true, .way = STREAM_HEAR });
	f->remotev[1].out.digits = STREAM_DIGITS_TONES;
	connect_both(f);
	say(f, 5);
	press(f, '7', steps);
	say(f, 10);

	n = samples(f, 1, pcm);
	for (size_t at = 0; at + N <= n; at += N)
		with += tone_level(pcm + at, N, 852, 8000) > 0.1 &&
			tone_level(pcm + at, N, 1209, 8000) > 0.1;
	fixture_close(f);

	return with;
}


static void test_a_digit_becomes_a_tone(void **state)
{
	(void)state;

	/* its length, and what it takes to learn of the end. A short one is
	   what an IVR would not hear, if it became shorter still */
	assert_in_range(toned(10), 10, 13);
	assert_in_range(toned(2), 2, 5);
}


static void test_what_cannot_be_set_is_refused(void **state)
{
	struct fixture *f = fixture_open();
	(void)state;

	f->remotev[0].out = (struct stream_out){ .codec = CODEC_CN, .pt = 13,
						 .rate = 8000 };
	assert_int_equal(stream_remote_set(f->stream, 0, &f->remotev[0]),
			 EINVAL);
	f->remotev[0].out = (struct stream_out){ .codec = CODEC_PCMA,
						 .pt = 8, .rate = 8000 };
	f->remotev[0].pcm_rate = 44100;
	assert_int_equal(stream_remote_set(f->stream, 0, &f->remotev[0]),
			 EINVAL);
	assert_int_equal(stream_play(f->stream, 2, NULL), EINVAL);
	fixture_close(f);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(test_mu_law_becomes_a_law),
		cmocka_unit_test(test_a_peer_is_never_without_packets),
		cmocka_unit_test(test_what_we_play_goes_instead_of_the_voice),
		cmocka_unit_test(test_a_digit_is_made_anew_at_another_rate),
		cmocka_unit_test(test_a_late_digit_is_one_digit),
		cmocka_unit_test(test_a_digit_becomes_a_tone),
		cmocka_unit_test(test_what_cannot_be_set_is_refused),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
