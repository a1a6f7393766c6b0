/**
 * @file fuzz_rtp.c  What comes in on a media port, through the receive path
 *
 * The first octet says where: bit 0 the side (0 is plain, 1 is SRTP), bit 1
 * the RTCP socket, bit 2 that the peer seals it first, so that it gets past
 * the tag. The rest is the datagram. The stream lives on from one input to
 * the next, as on a port that is sprayed.
 *
 * This file stands in for worker.c: no thread, time goes on by 20 ms with
 * each input, nothing is really sent.
 */
#include <fcntl.h>
#include <stdlib.h>
#include "bridge/base/libre.h"
#include "bridge/media/relay.h"
#include "bridge/media/srtp_openssl.h"


enum { SIDE = 1, RTCP = 2, SEAL = 4, STEP_US = 20000 };


struct worker {
	struct media_conf conf;
	struct wheel *wheel;
	uint64_t now_us;
};


static struct worker worker = {
	.conf = { .learn_ms = 3000, .silence_ms = 30000, .rtcp_ms = 5000 },
	.now_us = 1000000,
};

static struct relay *relay;
static struct secure *peer;
static struct sa peerv[STREAM_SIDES];


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


const struct media_conf *worker_conf(const struct worker *w)
{
	return &w->conf;
}


struct wheel *worker_wheel(struct worker *w)
{
	return w->wheel;
}


uint64_t worker_now(const struct worker *w)
{
	return w->now_us;
}


uint64_t worker_ntp(const struct worker *w)
{
	return w->now_us << 12;
}


uint32_t worker_random(struct worker *w)
{
	return (uint32_t)w->now_us;
}


void worker_tell(struct worker *w, struct relay *r,
		 const struct stream_event *event)
{
	(void)w;
	if (r != relay || event->side >= STREAM_SIDES)
		abort();
}


void worker_sweep(struct worker *w)
{
	(void)w;
	abort();
}


int worker_listen(struct worker *w, struct sock *sock)
{
	(void)w;
	(void)sock;

	return 0;
}


static const struct stream_map mapv[] = {
	{ .pt = 8,   .pt_out = 0,  .rate = 8000 },
	{ .pt = 101, .pt_out = 96, .rate = 48000, .dtmf = true },
	{ .pt = 102, .rate = 8000, .dtmf = true, .way = STREAM_HEAR },
	{ .pt = 9,   .rate = 8000, .way = STREAM_HEAR, .codec = CODEC_G722 },
	{ .pt = 18,  .rate = 8000, .way = STREAM_HEAR, .codec = CODEC_G729 },
	{ .pt = 111, .rate = 48000, .way = STREAM_HEAR,
	  .codec = CODEC_OPUS },
	{ .pt = 13,  .rate = 8000, .way = STREAM_HEAR, .codec = CODEC_CN },
};


static void connect_side(unsigned i)
{
	struct relay_change *change;
	struct stream_crypto crypto = {
		.suite    = STREAM_AES_CM_128_HMAC_SHA1_80,
		.key      = { 1, 2, 3, 4, 5, 6, 7, 8 },
		.key_size = 30,
	};
	struct stream_remote *remote;

	if (relay_change_alloc(&change) ||
	    sa_set_str(&peerv[i], "192.0.2.1", (uint16_t)(4000 + 2 * i)))
		abort();

	remote = &change->remote;
	remote->rtp = remote->rtcp = peerv[i];
	remote->rtcp_mux = remote->send = remote->recv = true;
	memcpy(remote->mapv, mapv, sizeof(mapv));
	remote->mapc = sizeof(mapv) / sizeof(mapv[0]);
	remote->out  = (struct stream_out){ .codec = CODEC_PCMU, .rate = 8000,
					    .dtmf_pt = 96,
					    .dtmf_rate = 8000 };
	remote->fill = remote->hear_digits = remote->hear_fax = true;
	change->enc_new = change->ear_new = true;
	if (encoder_alloc(&change->enc, CODEC_PCMU, 8000) ||
	    ear_alloc(&change->ear, 8000, 1u << CODEC_G722 |
		      1u << CODEC_OPUS | 1u << codec_find("G729")))
		abort();

	if (i) {
		change->tx_new = change->rx_new = true;
		if (secure_alloc(&change->tx, &crypto, SECURE_TX) ||
		    secure_alloc(&change->rx, &crypto, SECURE_RX) ||
		    secure_alloc(&peer, &crypto, SECURE_TX))
			abort();
	}

	relay_apply(relay, i, change);
	mem_deref(change);
}


static void set_up(void)
{
	int fdv[STREAM_SIDES][SOCKS];

	for (unsigned i = 0; i < STREAM_SIDES * SOCKS; i++)
		fdv[i / SOCKS][i % SOCKS] = open("/dev/null", O_WRONLY);

	if (srtp_openssl_init() || wheel_alloc(&worker.wheel, 1000) ||
	    relay_alloc(&relay, &worker, fdv) || relay_open(relay))
		abort();

	connect_side(0);
	connect_side(1);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_Alignas(16) static uint8_t buf[RELAY_BUF];
	unsigned side, kind;
	size_t n;

	if (!relay)
		set_up();

	if (!size--)
		return 0;

	side = data[0] & SIDE ? 1 : 0;
	kind = data[0] & RTCP ? SOCK_RTCP : SOCK_RTP;
	n    = size < RELAY_BUF - SECURE_TRAILER ? size :
		RELAY_BUF - SECURE_TRAILER;
	memcpy(buf, data + 1, n);

	/* what cannot be sealed goes as it is */
	if (data[0] & SEAL && side && packet_is_rtcp(buf, n))
		(void)secure_seal_rtcp(peer, buf, &n);
	else if (data[0] & SEAL && side)
		(void)secure_seal_rtp(peer, buf, &n);

	worker.now_us += STEP_US;
	wheel_advance(worker.wheel, worker.now_us / 1000);

	/* longer than the room: told by the true length alone */
	relay_receive(&relay->sidev[side].sockv[kind], buf,
		      size > RELAY_BUF - SECURE_TRAILER ? size : n,
		      &peerv[side]);

	return 0;
}
