/**
 * @file voice_speed.c  voice-speed: what a translated call costs
 *
 * Speech-like sound goes through what a media worker does for it: jitter
 * buffer, decoder, concealment, encoder, both ways, in packets of 20 ms with
 * some jitter and one in a hundred lost. Sockets and SRTP come on top, as for
 * a call that is passed on. One line for each pair of codecs.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/media/ear.h"


enum { PACKETS = 3000, STEP_US = 20000, CALL_PACKETS = 50 };


struct way {
	struct encoder *sender, *enc;
	struct ear *ear;
	enum codec codec;
	uint32_t rate;             /* of samples */
};


static double cpu_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}


static void speak(int16_t *pcm, size_t n, size_t at, uint32_t rate)
{
	for (size_t i = 0; i < n; i++) {
		const double t = (double)(at + i) / rate;
		const double loud = 0.5 + 0.5 * sin(2 * M_PI * 3 * t);

		pcm[i] = (int16_t)(6000 * loud *
				   (sin(2 * M_PI * 140 * t) +
				    0.6 * sin(2 * M_PI * 610 * t) +
				    0.3 * sin(2 * M_PI * 2300 * t)));
	}
}


/** CPU of one direction [s] of PACKETS, without making what is sent */
static double measure(const struct way *way)
{
	const size_t n = way->rate / 50;
	const uint32_t clock = way->codec == CODEC_OPUS ? 48000 : 8000;
	double used = 0;

	for (unsigned i = 0; i < PACKETS; i++) {
		uint8_t p[CODEC_OCTETS], out[CODEC_OCTETS];
		int16_t pcm[CODEC_SAMPLES];
		struct packet pkt = {
			.payload = p, .seq = (uint16_t)i, .ssrc = 1,
			.ts = i * (clock / 50),
		};
		const uint64_t now = 1000000 + (uint64_t)i * STEP_US;
		double began;

		speak(pcm, n, i * n, way->rate);
		pkt.size = encoder_encode(way->sender, pcm, n, p, sizeof(p));

		began = cpu_s();
		if (i % 100 != 99)
			ear_put(way->ear, &pkt, way->codec, clock,
				now + i * 7919 % 15000);
		if (ear_read(way->ear, pcm, n, now + 15000))
			(void)encoder_encode(way->enc, pcm, n, out,
					     sizeof(out));
		used += cpu_s() - began;
	}

	return used;
}


static int make(struct way *way, enum codec from, enum codec to)
{
	const uint32_t wide = codec_pcm_rate(from), other =
		codec_pcm_rate(to);
	int err;

	way->codec = from;
	way->rate  = wide < other ? wide : other;

	err = encoder_alloc(&way->sender, from, way->rate);
	if (!err)
		err = encoder_alloc(&way->enc, to, way->rate);
	if (!err)
		err = ear_alloc(&way->ear, way->rate, 1u << from);

	return err;
}


/** @return calls that one core can translate, 0: it cannot be done */
static double calls(enum codec a, enum codec b)
{
	const enum codec pairv[2][2] = { { a, b }, { b, a } };
	double used = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct way way = { 0 };

		if (!make(&way, pairv[i][0], pairv[i][1]))
			used += measure(&way);
		mem_deref(way.sender);
		mem_deref(way.enc);
		mem_deref(way.ear);
	}

	return used > 0 ? PACKETS / (used * CALL_PACKETS) : 0;
}


int main(void)
{
	static const struct {
		const char *name;
		enum codec a, b;
	} pairv[] = {
		{ "G.711, other packet times or digits as tones",
		  CODEC_PCMA, CODEC_PCMA },
		{ "G.722 and G.711", CODEC_G722, CODEC_PCMA },
		{ "G.729 and G.711", CODEC_G729, CODEC_PCMA },
		{ "Opus and G.722",  CODEC_OPUS, CODEC_G722 },
		{ "Opus and G.711",  CODEC_OPUS, CODEC_PCMA },
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(pairv); i++) {
		const double n = calls(pairv[i].a, pairv[i].b);

		if (n <= 0) {
			(void)printf("%s: not in this build\n",
				     pairv[i].name);
			continue;
		}
		(void)printf("%s: %.0f us of CPU a second and call, %.0f "
			     "calls a core\n", pairv[i].name, 1e6 / n, n);
	}

	return EXIT_SUCCESS;
}
