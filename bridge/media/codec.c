/**
 * @file codec.c  Voice codecs
 */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <opus/opus.h>
#include <spandsp.h>
#include "bridge/base/libre.h"
#include "codec.h"
#include "g729.h"


enum {
	NARROW        = 8000,
	WIDE          = 16000,
	G711_MAX      = 960,       /* octets of CODEC_MS                   */
	G722_RATE     = 64000,     /* [bit/s]                              */
	OPUS_BITRATE  = 24000,
	OPUS_EFFORT   = 5,         /* of 10: above it costs more than it
				      gives with voice                     */
	OPUS_LOSS     = 5,         /* [%] to be safe against: some of each
				      packet repeats the one before        */
};


static const struct kind {
	const char *name;
	uint32_t rate;
} kindv[CODECS] = {
	[CODEC_NONE] = { "",     NARROW },
	[CODEC_PCMU] = { "PCMU", NARROW },
	[CODEC_PCMA] = { "PCMA", NARROW },
	[CODEC_G722] = { "G722", WIDE   },
	[CODEC_OPUS] = { "opus", WIDE   },
	[CODEC_G729] = { "G729", NARROW },
	[CODEC_CN]   = { "CN",   NARROW },
};


struct encoder {
	enum codec codec;
	uint32_t rate;
	g722_encode_state_t *g722;                     /* owned */
	OpusEncoder *opus;                             /* owned */
	struct g729_encoder *g729;                     /* owned */
};

struct decoder {
	enum codec codec;
	uint32_t rate;
	g722_decode_state_t *g722;                     /* owned */
	OpusDecoder *opus;                             /* owned */
	struct g729_decoder *g729;                     /* owned */
	int16_t lastv[3];          /* samples before, where they are made
				      twice as many                        */
};


static bool is_here(enum codec codec)
{
	return codec != CODEC_G729 || g729_here();
}


enum codec codec_find(const char *name)
{
	for (unsigned i = CODEC_NONE + 1; name && i < CODECS; i++) {
		if (!strcasecmp(kindv[i].name, name) &&
		    is_here((enum codec)i))
			return (enum codec)i;
	}

	return CODEC_NONE;
}


uint32_t codec_pcm_rate(enum codec codec)
{
	return (unsigned)codec < CODECS ? kindv[codec].rate : NARROW;
}


uint32_t codec_ptime(enum codec codec, uint32_t ptime_ms)
{
	const uint32_t ms = ptime_ms / 10 * 10;

	if (!ptime_ms)
		return 20;
	if (ms < 10)
		return 10;
	if (ms > 60)
		return 60;

	/* Opus has frames of 10, 20, 40 and 60 ms (RFC 6716 section 2.1.4) */
	if (codec == CODEC_OPUS)
		return ms == 30 ? 20 : ms == 50 ? 40 : ms;

	return ms;
}


static bool rate_ok(enum codec codec, uint32_t rate)
{
	return is_here(codec) && (rate == NARROW || rate == WIDE) &&
		codec > CODEC_NONE && codec < CODEC_CN;
}


static void encoder_destructor(void *data)
{
	struct encoder *enc = data;

	if (enc->g722)
		(void)g722_encode_free(enc->g722);
	if (enc->opus)
		opus_encoder_destroy(enc->opus);
	g729_encoder_free(enc->g729);
}


static int opus_setup(struct encoder *enc)
{
	int res;

	enc->opus = opus_encoder_create((opus_int32)enc->rate, 1,
					OPUS_APPLICATION_VOIP, &res);
	if (!enc->opus)
		return ENOMEM;

	(void)opus_encoder_ctl(enc->opus, OPUS_SET_BITRATE(OPUS_BITRATE));
	(void)opus_encoder_ctl(enc->opus, OPUS_SET_COMPLEXITY(OPUS_EFFORT));
	(void)opus_encoder_ctl(enc->opus, OPUS_SET_INBAND_FEC(1));
	(void)opus_encoder_ctl(enc->opus,
			       OPUS_SET_PACKET_LOSS_PERC(OPUS_LOSS));
	(void)opus_encoder_ctl(enc->opus,
			       OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));

	return 0;
}


static int encoder_setup(struct encoder *enc)
{
	switch (enc->codec) {

	case CODEC_G722:
		enc->g722 = g722_encode_init(NULL, G722_RATE,
					     enc->rate == NARROW ?
					     G722_SAMPLE_RATE_8000 : 0);
		return enc->g722 ? 0 : ENOMEM;

	case CODEC_OPUS:
		return opus_setup(enc);

	case CODEC_G729:
		enc->g729 = g729_encoder_new();
		return enc->g729 ? 0 : ENOMEM;

	default:
		return 0;
	}
}


int encoder_alloc(struct encoder **encp, enum codec codec, uint32_t rate)
{
	struct encoder *enc;
	int err;

	if (!encp || !rate_ok(codec, rate) || rate > codec_pcm_rate(codec))
		return EINVAL;

	enc = mem_zalloc(sizeof(*enc), encoder_destructor);
	if (!enc)
		return ENOMEM;

	enc->codec = codec;
	enc->rate  = rate;

	err = encoder_setup(enc);
	if (err)
		mem_deref(enc);
	else
		*encp = enc;

	return err;
}


uint32_t encoder_rate(const struct encoder *enc)
{
	return enc ? enc->rate : 0;
}


static size_t g729_encode(struct encoder *enc, const int16_t *pcm, size_t n,
			  uint8_t *p)
{
	size_t size = 0;

	for (size_t i = 0; i + G729_SAMPLES <= n; i += G729_SAMPLES)
		size += g729_encode_frame(enc->g729, pcm + i, p + size);

	return size;
}


size_t encoder_encode(struct encoder *enc, const int16_t *pcm, size_t n,
		      uint8_t *p, size_t max)
{
	int res;

	if (n > CODEC_SAMPLES || max < CODEC_OCTETS)
		return 0;

	switch (enc->codec) {

	case CODEC_PCMU:
		for (size_t i = 0; i < n && i < max; i++)
			p[i] = linear_to_ulaw(pcm[i]);
		return n;

	case CODEC_PCMA:
		for (size_t i = 0; i < n && i < max; i++)
			p[i] = linear_to_alaw(pcm[i]);
		return n;

	case CODEC_G722:
		return (size_t)g722_encode(enc->g722, p, pcm, (int)n);

	case CODEC_OPUS:
		res = opus_encode(enc->opus, pcm, (int)n, p, (int)max);
		return res > 0 ? (size_t)res : 0;

	case CODEC_G729:
		return g729_encode(enc, pcm, n, p);

	default:
		return 0;
	}
}


static void decoder_destructor(void *data)
{
	struct decoder *dec = data;

	if (dec->g722)
		(void)g722_decode_free(dec->g722);
	if (dec->opus)
		opus_decoder_destroy(dec->opus);
	g729_decoder_free(dec->g729);
}


static int decoder_setup(struct decoder *dec)
{
	int res;

	switch (dec->codec) {

	case CODEC_G722:
		dec->g722 = g722_decode_init(NULL, G722_RATE,
					     dec->rate == NARROW ?
					     G722_SAMPLE_RATE_8000 : 0);
		return dec->g722 ? 0 : ENOMEM;

	case CODEC_OPUS:
		dec->opus = opus_decoder_create((opus_int32)dec->rate, 1,
						&res);
		return dec->opus ? 0 : ENOMEM;

	case CODEC_G729:
		dec->g729 = g729_decoder_new();
		return dec->g729 ? 0 : ENOMEM;

	default:
		return 0;
	}
}


int decoder_alloc(struct decoder **decp, enum codec codec, uint32_t rate)
{
	struct decoder *dec;
	int err;

	if (!decp || !rate_ok(codec, rate))
		return EINVAL;

	dec = mem_zalloc(sizeof(*dec), decoder_destructor);
	if (!dec)
		return ENOMEM;

	dec->codec = codec;
	dec->rate  = rate;

	err = decoder_setup(dec);
	if (err)
		mem_deref(dec);
	else
		*decp = dec;

	return err;
}


static size_t opus_read(struct decoder *dec, const uint8_t *p, size_t size,
			int16_t *pcm)
{
	const int n = opus_packet_get_nb_samples(p, (opus_int32)size,
						 (opus_int32)dec->rate);
	int res;

	if (n <= 0 || n > CODEC_SAMPLES)
		return 0;

	res = opus_decode(dec->opus, p, (opus_int32)size, pcm, CODEC_SAMPLES,
			  0);

	return res > 0 ? (size_t)res : 0;
}


/** Voice frames, then perhaps one of noise (RFC 3551 section 4.5.6) */
static size_t g729_read(struct decoder *dec, const uint8_t *p, size_t size,
			int16_t *pcm)
{
	size_t n = 0;

	if (size % G729_OCTETS != 0 && size % G729_OCTETS != G729_SID)
		return 0;

	while (size >= G729_SID &&
	       n + G729_SAMPLES <= CODEC_MS * NARROW / 1000) {
		const size_t octets = size < G729_OCTETS ? (size_t)G729_SID :
			(size_t)G729_OCTETS;

		g729_decode_frame(dec->g729, p, octets, pcm + n);
		p    += octets;
		size -= octets;
		n    += G729_SAMPLES;
	}

	return n;
}


/** From 8000 to 16000 Hz: between each two samples the cubic through four.
    Later by two samples, so that the next ones are known */
static size_t twice(struct decoder *dec, int16_t *pcm, size_t n)
{
	int16_t v[CODEC_SAMPLES / 2 + 3];

	memcpy(v, dec->lastv, sizeof(dec->lastv));
	memcpy(v + 3, pcm, n * sizeof(*v));
	memcpy(dec->lastv, v + n, sizeof(dec->lastv));

	for (size_t i = 0; i < n; i++) {
		const int32_t between = (9 * (v[i + 1] + v[i + 2]) -
					 v[i] - v[i + 3]) / 16;

		pcm[2 * i]     = v[i + 1];
		pcm[2 * i + 1] = (int16_t)(between > INT16_MAX ? INT16_MAX :
					   between < INT16_MIN ? INT16_MIN :
					   between);
	}

	return 2 * n;
}


static bool is_doubled(const struct decoder *dec)
{
	return dec->rate > codec_pcm_rate(dec->codec);
}


static size_t decode(struct decoder *dec, const uint8_t *p, size_t size,
		     int16_t *pcm)
{
	if (!size || size > CODEC_OCTETS)
		return 0;

	switch (dec->codec) {

	case CODEC_PCMU:
		for (size_t i = 0; i < size && i < G711_MAX; i++)
			pcm[i] = ulaw_to_linear(p[i]);
		return size <= G711_MAX ? size : 0;

	case CODEC_PCMA:
		for (size_t i = 0; i < size && i < G711_MAX; i++)
			pcm[i] = alaw_to_linear(p[i]);
		return size <= G711_MAX ? size : 0;

	case CODEC_G722:
		return size > G711_MAX ? 0 : (size_t)
			g722_decode(dec->g722, pcm, p, (int)size);

	case CODEC_OPUS:
		return opus_read(dec, p, size, pcm);

	case CODEC_G729:
		return g729_read(dec, p, size, pcm);

	default:
		return 0;
	}
}


size_t decoder_decode(struct decoder *dec, const uint8_t *p, size_t size,
		      int16_t *pcm)
{
	const size_t n = decode(dec, p, size, pcm);

	return is_doubled(dec) ? twice(dec, pcm, n) : n;
}


bool decoder_conceal(struct decoder *dec, int16_t *pcm, size_t n,
		     const uint8_t *next, size_t next_size)
{
	int res;

	if (n > CODEC_SAMPLES)
		return false;

	switch (dec->codec) {

	case CODEC_OPUS:
		res = opus_decode(dec->opus, next, (opus_int32)next_size, pcm,
				  (int)n, next ? 1 : 0);
		return res == (int)n;

	case CODEC_G729:
		if (is_doubled(dec))
			n /= 2;
		for (size_t i = 0; i + G729_SAMPLES <= n; i += G729_SAMPLES)
			g729_decode_frame(dec->g729, NULL, 0, pcm + i);
		if (is_doubled(dec))
			(void)twice(dec, pcm, n);
		return true;

	default:
		return false;
	}
}
