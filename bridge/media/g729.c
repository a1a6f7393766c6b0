/**
 * @file g729.c  G.729 by bcg729, which can be left out
 */
#include <string.h>
#include "g729.h"

#ifdef CALLBRIDGE_G729

#include <bcg729/decoder.h>
#include <bcg729/encoder.h>


static bcg729EncoderChannelContextStruct *theirs(struct g729_encoder *enc)
{
	return (bcg729EncoderChannelContextStruct *)enc;
}


static bcg729DecoderChannelContextStruct *of(struct g729_decoder *dec)
{
	return (bcg729DecoderChannelContextStruct *)dec;
}


bool g729_here(void)
{
	return true;
}


/* without its voice detector: every frame is sent */
struct g729_encoder *g729_encoder_new(void)
{
	return (struct g729_encoder *)initBcg729EncoderChannel(0);
}


void g729_encoder_free(struct g729_encoder *enc)
{
	if (enc)
		closeBcg729EncoderChannel(theirs(enc));
}


size_t g729_encode_frame(struct g729_encoder *enc, const int16_t *pcm,
			 uint8_t *p)
{
	uint8_t octets = 0;

	bcg729Encoder(theirs(enc), pcm, p, &octets);

	return octets;
}


struct g729_decoder *g729_decoder_new(void)
{
	return (struct g729_decoder *)initBcg729DecoderChannel();
}


void g729_decoder_free(struct g729_decoder *dec)
{
	if (dec)
		closeBcg729DecoderChannel(of(dec));
}


void g729_decode_frame(struct g729_decoder *dec, const uint8_t *p,
		       size_t size, int16_t *pcm)
{
	static const uint8_t none[G729_OCTETS];

	bcg729Decoder(of(dec), size ? p : none, (uint8_t)size, !size,
		      size == G729_SID, 0, pcm);
}

#else

bool g729_here(void)
{
	return false;
}


struct g729_encoder *g729_encoder_new(void)
{
	return NULL;
}


void g729_encoder_free(struct g729_encoder *enc)
{
	(void)enc;
}


size_t g729_encode_frame(struct g729_encoder *enc, const int16_t *pcm,
			 uint8_t *p)
{
	(void)enc;
	(void)pcm;
	(void)p;

	return 0;
}


struct g729_decoder *g729_decoder_new(void)
{
	return NULL;
}


void g729_decoder_free(struct g729_decoder *dec)
{
	(void)dec;
}


void g729_decode_frame(struct g729_decoder *dec, const uint8_t *p,
		       size_t size, int16_t *pcm)
{
	(void)dec;
	(void)p;
	(void)size;
	memset(pcm, 0, G729_SAMPLES * sizeof(*pcm));
}

#endif
