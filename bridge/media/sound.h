/**
 * @file sound.h  A piece of music, whole in memory
 */
#ifndef MEDIA_SOUND_H
#define MEDIA_SOUND_H

#include <stddef.h>
#include <stdint.h>

enum { SOUND_SECONDS = 600 };      /* longest file */

struct sound;                      /* a libre memory object, shared by all
				      that play it, never changed          */

/**
 * Read a WAV file: PCM of 8, 16, 24 or 32 bits, one or two channels, 8000 to
 * 48000 Hz. It is mixed to mono and brought to 16000 and 8000 Hz. Blocks:
 * not for the SIP thread.
 *
 * @param why  Takes what is wrong, in plain words
 *
 * @return 0, ENOMEM, errno of the file, EBADMSG not such a file
 */
int sound_load(struct sound **soundp, const char *path, char *why,
	       size_t size);

/** The same of the file's octets */
int sound_decode(struct sound **soundp, const uint8_t *p, size_t n, char *why,
		 size_t size);

/** Our own tune: 24 s that go round. @return 0, ENOMEM */
int sound_tune(struct sound **soundp);

/** Samples at 8000 or 16000 Hz; borrowed. @param n  Their number, not 0 */
const int16_t *sound_samples(const struct sound *sound, uint32_t rate,
			     size_t *n);

#endif
