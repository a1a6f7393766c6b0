/**
 * @file audio.c  Codecs and what is played
 */
#include <math.h>
#include <spandsp.h>
#include "audio.h"


enum {
	PIPE_SIZE = AUDIO_RATE / 5,
	PIPE_START = 2 * AUDIO_FRAME, /* wait so long: evens out jitter */
};

struct coder {
	enum { CODER_ALAW, CODER_ULAW, CODER_G722 } kind;
	g722_encode_state_t *enc; /* owned */
	g722_decode_state_t *dec; /* owned */
};

struct source {
	enum { SOURCE_TONE, SOURCE_WAV, SOURCE_PIPE } kind;
	uint32_t hz;          /* tone, also under a pipe; 0: none */
	uint32_t at;          /* sample of the tone, or of the file */
	int16_t *pcm;         /* owned: file or pipe */
	size_t n;             /* samples in pcm */
	bool flowing;         /* pipe: enough has come to begin */
};


static void coder_destructor(void *arg)
{
	struct coder *coder = arg;

	if (coder->enc)
		g722_encode_free(coder->enc);
	if (coder->dec)
		g722_decode_free(coder->dec);
}


int coder_alloc(struct coder **cp, const char *name)
{
	struct coder *coder = mem_zalloc(sizeof(*coder), coder_destructor);
	int err = 0;

	if (!coder)
		return ENOMEM;

	if (!strcasecmp(name, "PCMA")) {
		coder->kind = CODER_ALAW;
	}
	else if (!strcasecmp(name, "PCMU")) {
		coder->kind = CODER_ULAW;
	}
	else if (!strcasecmp(name, "G722")) {
		coder->kind = CODER_G722;
		coder->enc = g722_encode_init(NULL, 64000,
					      G722_SAMPLE_RATE_8000);
		coder->dec = g722_decode_init(NULL, 64000,
					      G722_SAMPLE_RATE_8000);
		if (!coder->enc || !coder->dec)
			err = ENOMEM;
	}
	else {
		err = ENOTSUP;
	}

	if (err)
		mem_deref(coder);
	else
		*cp = coder;

	return err;
}


size_t coder_encode(struct coder *coder, uint8_t *out, const int16_t *in)
{
	if (coder->kind == CODER_G722)
		return (size_t)g722_encode(coder->enc, out, in, AUDIO_FRAME);

	for (size_t i = 0; i < AUDIO_FRAME; i++)
		out[i] = coder->kind == CODER_ALAW ? linear_to_alaw(in[i])
						   : linear_to_ulaw(in[i]);

	return AUDIO_FRAME;
}


void coder_decode(struct coder *coder, int16_t *out, const uint8_t *in,
		  size_t n)
{
	if (coder->kind == CODER_G722) {
		g722_decode(coder->dec, out, in, (int)n);
		return;
	}

	for (size_t i = 0; i < n; i++)
		out[i] = coder->kind == CODER_ALAW ? alaw_to_linear(in[i])
						   : ulaw_to_linear(in[i]);
}


static void source_destructor(void *arg)
{
	struct source *src = arg;

	mem_deref(src->pcm);
}


int source_tone(struct source **sp, uint32_t hz)
{
	struct source *src = mem_zalloc(sizeof(*src), source_destructor);

	if (!src)
		return ENOMEM;

	src->kind = SOURCE_TONE;
	src->hz = hz;
	*sp = src;

	return 0;
}


int source_pipe(struct source **sp)
{
	struct source *src = mem_zalloc(sizeof(*src), source_destructor);

	if (!src)
		return ENOMEM;

	src->kind = SOURCE_PIPE;
	src->pcm = mem_zalloc(PIPE_SIZE * sizeof(*src->pcm), NULL);
	if (!src->pcm) {
		mem_deref(src);
		return ENOMEM;
	}

	*sp = src;

	return 0;
}


int source_mix(struct source **sp, uint32_t hz)
{
	const int err = source_pipe(sp);

	if (!err)
		(*sp)->hz = hz;

	return err;
}


static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}


/* Find a chunk of a RIFF file; what is written while it grows may claim
 * more than there is. */
static const uint8_t *chunk(const uint8_t *buf, size_t n, const char *id,
			    size_t *len)
{
	size_t at = 12;

	while (at + 8 <= n) {
		*len = le32(buf + at + 4);
		if (*len > n - at - 8)
			*len = n - at - 8;
		if (!memcmp(buf + at, id, 4))
			return buf + at + 8;

		at += 8 + *len + (*len & 1);
	}

	return NULL;
}


static int read_wav(struct source *src, const uint8_t *buf, size_t n)
{
	static const uint8_t pcm_mono[] = {1, 0, 1, 0};
	const uint8_t *fmt, *data;
	size_t fmt_len, data_len;

	if (n < 12 || memcmp(buf, "RIFF", 4) || memcmp(buf + 8, "WAVE", 4))
		return EBADMSG;

	fmt = chunk(buf, n, "fmt ", &fmt_len);
	data = chunk(buf, n, "data", &data_len);
	if (!fmt || !data || fmt_len < 16 || data_len < 2 ||
	    memcmp(fmt, pcm_mono, 4) || le32(fmt + 4) != AUDIO_RATE ||
	    fmt[14] != 16)
		return EBADMSG;

	src->n = data_len / 2;
	src->pcm = mem_alloc(src->n * 2, NULL);
	if (!src->pcm)
		return ENOMEM;

	for (size_t i = 0; i < src->n; i++)
		src->pcm[i] = (int16_t)(data[2 * i] | data[2 * i + 1] << 8);

	return 0;
}


static int read_file(struct mbuf *mb, const char *path)
{
	uint8_t buf[4096];
	FILE *f = fopen(path, "rbe");
	size_t n;
	int err = 0;

	if (!f)
		return errno;

	while (!err && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		err = mbuf_write_mem(mb, buf, n);

	if (!err && ferror(f))
		err = EIO;

	fclose(f);

	return err;
}


int source_wav(struct source **sp, const char *path)
{
	struct source *src = mem_zalloc(sizeof(*src), source_destructor);
	struct mbuf *mb = mbuf_alloc(4096);
	int err = ENOMEM;

	if (src && mb) {
		src->kind = SOURCE_WAV;
		err = read_file(mb, path);
	}
	if (!err)
		err = read_wav(src, mb->buf, mb->end);

	mem_deref(mb);
	if (err)
		mem_deref(src);
	else
		*sp = src;

	return err;
}


void source_push(struct source *src, const int16_t *pcm, size_t n)
{
	size_t drop;

	if (src->kind != SOURCE_PIPE || n > PIPE_SIZE)
		return;

	drop = src->n + n > PIPE_SIZE ? src->n + n - PIPE_SIZE : 0;
	memmove(src->pcm, src->pcm + drop, (src->n - drop) * sizeof(*pcm));
	src->n -= drop;
	memcpy(src->pcm + src->n, pcm, n * sizeof(*pcm));
	src->n += n;
	src->flowing = src->flowing || src->n >= PIPE_START;
}


static void read_pipe(struct source *src, int16_t *pcm)
{
	if (!src->flowing || src->n < AUDIO_FRAME) {
		src->flowing = false;
		memset(pcm, 0, AUDIO_FRAME * sizeof(*pcm));
		return;
	}

	src->n -= AUDIO_FRAME;
	memcpy(pcm, src->pcm, AUDIO_FRAME * sizeof(*pcm));
	memmove(src->pcm, src->pcm + AUDIO_FRAME, src->n * sizeof(*pcm));
}


static int16_t tone_sample(struct source *src)
{
	const double turn = 2 * M_PI * src->hz * src->at / AUDIO_RATE;

	if (!src->hz)
		return 0;

	/* Whole hertz: the wave repeats after one second */
	src->at = (src->at + 1) % AUDIO_RATE;

	return (int16_t)lrint(8000 * sin(turn));
}


void source_read(struct source *src, int16_t *pcm)
{
	switch (src->kind) {

	case SOURCE_PIPE:
		read_pipe(src, pcm);
		for (size_t i = 0; src->hz && i < AUDIO_FRAME; i++)
			pcm[i] = (int16_t)(pcm[i] / 2 + tone_sample(src) / 2);
		break;

	case SOURCE_TONE:
		for (size_t i = 0; i < AUDIO_FRAME; i++)
			pcm[i] = tone_sample(src);
		break;

	case SOURCE_WAV:
		for (size_t i = 0; i < AUDIO_FRAME; i++) {
			pcm[i] = src->pcm[src->at];
			src->at = (uint32_t)((src->at + 1) % src->n);
		}
		break;
	}
}
