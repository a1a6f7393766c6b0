/**
 * @file codec.h  Voice codecs: between packets and samples
 *
 * Samples are 16 bits, mono, at 8000 or 16000 Hz: the narrowband codecs do
 * 8000, G.722 and Opus either, so two of them meet without resampling. What a
 * narrowband codec has decoded can be had at 16000 Hz all the same, for a
 * peer that changes its codec from packet to packet. An
 * encoder or decoder is made by the owner's thread, belongs to a worker
 * afterwards, and allocates nothing while it works.
 */
#ifndef MEDIA_CODEC_H
#define MEDIA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum codec {
	CODEC_NONE = 0,            /* one that we cannot read              */
	CODEC_PCMU, CODEC_PCMA,    /* ITU-T G.711                          */
	CODEC_G722,
	CODEC_OPUS,                /* RFC 7587                             */
	CODEC_G729,                /* with annex A; B is read, not sent    */
	CODEC_CN,                  /* comfort noise, RFC 3389              */
	CODECS
};

enum {
	CODEC_MS      = 120,       /* longest packet                       */
	CODEC_SAMPLES = 1920,      /* in it, at 16 kHz                     */
	CODEC_OCTETS  = 1280,      /* of the largest payload               */
};

struct encoder;                    /* libre memory objects */
struct decoder;

/** By encoding name (RFC 3551); CODEC_NONE: another, or one that this program
    was built without (g729.h) */
enum codec codec_find(const char *name);

/** Best rate of its samples, 8000 or 16000 */
uint32_t codec_pcm_rate(enum codec codec);

/** A packet time it can have, next to the one asked for: 10..60 ms; 0: 20 */
uint32_t codec_ptime(enum codec codec, uint32_t ptime_ms);

/** @return 0, EINVAL not at that rate, ENOMEM */
int encoder_alloc(struct encoder **encp, enum codec codec, uint32_t rate);

uint32_t encoder_rate(const struct encoder *enc);

/**
 * @param n    Samples, of a time that codec_ptime() gave
 * @param p    Payload
 * @param max  Its room, CODEC_OCTETS
 *
 * @return octets written, 0: none to send
 */
size_t encoder_encode(struct encoder *enc, const int16_t *pcm, size_t n,
		      uint8_t *p, size_t max);

/** @return 0, EINVAL, ENOMEM */
int decoder_alloc(struct decoder **decp, enum codec codec, uint32_t rate);

/**
 * @param pcm  Room for CODEC_SAMPLES
 *
 * @return samples, 0: nothing in it that could be read
 */
size_t decoder_decode(struct decoder *dec, const uint8_t *p, size_t size,
		      int16_t *pcm);

/**
 * In place of a lost packet, by the codec's own means
 *
 * @param n     Samples wanted, of a multiple of 10 ms
 * @param next  The packet after the lost one, NULL: has not come; Opus may
 *              have a copy of the lost one in it
 *
 * @return false if it has none (G.711, G.722): see conceal.h
 */
bool decoder_conceal(struct decoder *dec, int16_t *pcm, size_t n,
		     const uint8_t *next, size_t next_size);

#endif
