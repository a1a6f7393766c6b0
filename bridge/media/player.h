/**
 * @file player.h  What the bridge itself plays: music, ringback, digits
 */
#ifndef MEDIA_PLAYER_H
#define MEDIA_PLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sound;
struct player;                     /* a libre memory object */

/** Music, from its beginning, round and round. @return 0, EINVAL, ENOMEM */
int player_music(struct player **playerp, struct sound *sound);

/**
 * The ringing tone of a country (ITU-T E.180 supplement 2)
 *
 * @param country  ISO 3166 alpha-2; NULL or one that is not in our table:
 *                 425 Hz, 1 s on, 4 s off, as most of the world has it
 *
 * @return 0, ENOMEM
 */
int player_ringback(struct player **playerp, const char *country);

/** @param rate  8000 or 16000 Hz, the same each time */
void player_read(struct player *player, uint32_t rate, int16_t *pcm,
		 size_t n);

/** Two tones, going on where they were; phasev begins as 0 */
void player_tones(float phasev[2], const float hzv[2], float level,
		  uint32_t rate, int16_t *pcm, size_t n);

/** The two frequencies of a DTMF digit (ITU-T Q.23). @return false: none */
bool player_digit(char digit, float hzv[2]);

#endif
