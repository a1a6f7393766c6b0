/**
 * @file player.c  What the bridge itself plays
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "bridge/base/libre.h"
#include "player.h"
#include "sound.h"


enum { PHASES = 4 };               /* tone, pause, tone, pause */

#define RING_LEVEL 0.11f           /* of full scale: about -19 dBm0 together */


struct ring {
	char country[3];
	float hzv[2];              /* the second 0: one tone only          */
	uint16_t msv[PHASES];      /* on, off, on, off; 0: as before       */
};

/* the first is everybody else's */
static const struct ring ringv[] = {
	{ "",   { 425,   0 }, { 1000, 4000 } },
	{ "AT", { 420,   0 }, { 1000, 5000 } },
	{ "AU", { 400, 425 }, {  400,  200, 400, 2000 } },
	{ "BE", { 425,   0 }, { 1000, 3000 } },
	{ "CA", { 440, 480 }, { 2000, 4000 } },
	{ "CN", { 450,   0 }, { 1000, 4000 } },
	{ "ES", { 425,   0 }, { 1500, 3000 } },
	{ "FR", { 440,   0 }, { 1500, 3500 } },
	{ "GB", { 400, 450 }, {  400,  200, 400, 2000 } },
	{ "HK", { 440, 480 }, {  400,  200, 400, 3000 } },
	{ "HU", { 425,   0 }, { 1250, 3750 } },
	{ "IE", { 400, 450 }, {  400,  200, 400, 2000 } },
	{ "IL", { 400,   0 }, { 1000, 3000 } },
	{ "IN", { 400, 425 }, {  400,  200, 400, 2000 } },
	{ "JP", { 400, 416 }, { 1000, 2000 } },
	{ "NZ", { 400, 450 }, {  400,  200, 400, 2000 } },
	{ "PT", { 425,   0 }, { 1000, 5000 } },
	{ "RU", { 425,   0 }, {  800, 3200 } },
	{ "SE", { 425,   0 }, { 1000, 5000 } },
	{ "SG", { 400, 425 }, {  400,  200, 400, 2000 } },
	{ "TR", { 450,   0 }, { 2000, 4000 } },
	{ "US", { 440, 480 }, { 2000, 4000 } },
	{ "ZA", { 400, 425 }, {  400,  200, 400, 2000 } },
};


struct player {
	struct sound *sound;       /* ref; NULL: ringback                  */
	size_t at;                 /* next sample of it                    */
	const struct ring *ring;
	unsigned phase;
	uint32_t left;             /* samples of this phase                */
	bool begun;
	float phasev[2];
};


static void destructor(void *data)
{
	struct player *player = data;

	mem_deref(player->sound);
}


int player_music(struct player **playerp, struct sound *sound)
{
	struct player *player;

	if (!playerp || !sound)
		return EINVAL;

	player = mem_zalloc(sizeof(*player), destructor);
	if (!player)
		return ENOMEM;

	player->sound = mem_ref(sound);
	*playerp = player;

	return 0;
}


static const struct ring *ring_of(const char *country)
{
	for (size_t i = 1; country && i < RE_ARRAY_SIZE(ringv); i++) {
		if (!str_casecmp(ringv[i].country, country))
			return &ringv[i];
	}

	return &ringv[0];
}


int player_ringback(struct player **playerp, const char *country)
{
	struct player *player;

	player = mem_zalloc(sizeof(*player), destructor);
	if (!player)
		return ENOMEM;

	player->ring = ring_of(country);
	*playerp = player;

	return 0;
}


static void read_music(struct player *player, uint32_t rate, int16_t *pcm,
		       size_t n)
{
	size_t count;
	const int16_t *v = sound_samples(player->sound, rate, &count);

	for (size_t i = 0; i < n; i++) {
		pcm[i] = v[player->at % count];
		player->at = (player->at + 1) % count;
	}
}


void player_tones(float phasev[2], const float hzv[2], float level,
		  uint32_t rate, int16_t *pcm, size_t n)
{
	const float turn = 2 * (float)M_PI;

	for (size_t i = 0; i < n; i++) {
		float sum = 0;

		for (unsigned k = 0; k < 2; k++) {
			if (hzv[k] <= 0)
				continue;
			sum += sinf(phasev[k]);
			phasev[k] += turn * hzv[k] / (float)rate;
			if (phasev[k] > turn)
				phasev[k] -= turn;
		}
		pcm[i] = (int16_t)(sum * level * 32767);
	}
}


static void next_phase(struct player *player, uint32_t rate)
{
	const uint16_t *msv = player->ring->msv;

	if (player->begun)
		player->phase = (player->phase + 1) % PHASES;
	if (!msv[player->phase])
		player->phase = 0;

	player->begun = true;
	player->left  = rate / 1000 * msv[player->phase];
}


static void read_ring(struct player *player, uint32_t rate, int16_t *pcm,
		      size_t n)
{
	while (n > 0) {
		size_t count;

		if (!player->left)
			next_phase(player, rate);

		count = n < player->left ? n : player->left;
		if (player->phase % 2)
			memset(pcm, 0, count * sizeof(*pcm));
		else
			player_tones(player->phasev, player->ring->hzv,
				     RING_LEVEL, rate, pcm, count);

		player->left -= (uint32_t)count;
		pcm += count;
		n   -= count;
	}
}


void player_read(struct player *player, uint32_t rate, int16_t *pcm,
		 size_t n)
{
	if (player->sound)
		read_music(player, rate, pcm, n);
	else
		read_ring(player, rate, pcm, n);
}


bool player_digit(char digit, float hzv[2])
{
	static const char keys[] = "123A456B789C*0#D";
	static const float lowv[]  = { 697, 770, 852, 941 };
	static const float highv[] = { 1209, 1336, 1477, 1633 };
	const char *at = digit ? strchr(keys, digit) : NULL;

	if (!at)
		return false;

	hzv[0] = lowv[(at - keys) / 4];
	hzv[1] = highv[(at - keys) % 4];

	return true;
}
