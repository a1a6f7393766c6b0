/**
 * @file g729.h  G.729 by bcg729, which can be left out
 *
 * bcg729 is under GPL 3, and so is a program that is linked with it, as a
 * whole. Built with CALLBRIDGE_G729=OFF there is none: G.729 is passed on
 * between two peers that have it, and not translated.
 */
#ifndef MEDIA_G729_H
#define MEDIA_G729_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	G729_SAMPLES = 80,         /* of a frame                           */
	G729_OCTETS  = 10,
	G729_SID     = 2,          /* octets of a noise frame (annex B)    */
};

struct g729_encoder;
struct g729_decoder;

/** Can it be translated here? */
bool g729_here(void);

/** @return NULL without memory, or without bcg729 */
struct g729_encoder *g729_encoder_new(void);
void g729_encoder_free(struct g729_encoder *enc);

/** One frame. @return octets written, at most G729_OCTETS */
size_t g729_encode_frame(struct g729_encoder *enc, const int16_t *pcm,
			 uint8_t *p);

struct g729_decoder *g729_decoder_new(void);
void g729_decoder_free(struct g729_decoder *dec);

/** One frame of G729_OCTETS or G729_SID octets; 0: it was lost */
void g729_decode_frame(struct g729_decoder *dec, const uint8_t *p,
		       size_t size, int16_t *pcm);

#endif
