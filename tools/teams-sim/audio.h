/**
 * @file audio.h  Sound: codecs, what is played, what is heard
 *
 * Everything inside is linear PCM, 16 bit, 8 kHz, in frames of 20 ms.
 */
#ifndef TEAMS_SIM_AUDIO_H
#define TEAMS_SIM_AUDIO_H

#include <jansson.h>
#include "lib.h"

enum {
	AUDIO_RATE = 8000,
	AUDIO_FRAME = 160,
	AUDIO_EAR = 4 * AUDIO_RATE, /* samples remembered for listening */
};

/** One direction pair of a codec: PCMA, PCMU or G722 */
struct coder;

/** 0, ENOTSUP for another name, ENOMEM */
int coder_alloc(struct coder **cp, const char *name);

/** Encode one frame; returns the bytes written, at most AUDIO_FRAME */
size_t coder_encode(struct coder *coder, uint8_t *out, const int16_t *in);

/** Decode n bytes into n samples */
void coder_decode(struct coder *coder, int16_t *out, const uint8_t *in,
		  size_t n);

/** What a call plays */
struct source;

/** A sine of hz (0: silence), amplitude about -12 dBFS; 0, ENOMEM */
int source_tone(struct source **sp, uint32_t hz);

/**
 * A WAV file over and over: PCM, 16 bit, mono, 8 kHz
 *
 * @return 0, errno of the file, EBADMSG for another format
 */
int source_wav(struct source **sp, const char *path);

/** What another call hears: a pipe of samples, silence when it is empty */
int source_pipe(struct source **sp);

/** The same over a tone of hz (0: none), as in a conference */
int source_mix(struct source **sp, uint32_t hz);

/** Put samples into a pipe; the oldest go when 200 ms wait */
void source_push(struct source *src, const int16_t *pcm, size_t n);

/** Fill one frame */
void source_read(struct source *src, int16_t *pcm);

/** A growing WAV file whose header is right at any time */
struct recorder;

/** 0 or errno */
int recorder_open(struct recorder **rp, const char *path);
void recorder_write(struct recorder *rec, const int16_t *pcm, size_t n);

/**
 * What tones are in there?
 *
 * Scans 200..3600 Hz; a tone 30 times weaker than the strongest is none.
 *
 * @param n  Samples; below 400 nothing is found
 *
 * @return new object {level_dbfs, tones: [{hz, level_dbfs}]}, strongest
 *         tone first
 */
json_t *audio_analyse(const int16_t *pcm, size_t n);

#endif
