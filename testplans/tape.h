/**
 * @file tape.h  Listening to a recording that somebody still writes
 *
 * A WAV file, 16 bit, one or two channels; the end of the file is the end of
 * the sound, whatever its header says. Tones are told apart by Goertzel's
 * filter with a Hann window.
 */
#ifndef TESTPLANS_TAPE_H
#define TESTPLANS_TAPE_H

#include "bridge/base/libre.h"

struct tape;

enum { TAPE_BLOCK_MS = 20 };

/** Faintest level that is a sound */
#define TAPE_QUIET_DBFS (-50.0)

int tape_alloc(struct tape **tapep, const char *path);

/** Milliseconds of sound so far */
uint64_t tape_length_ms(struct tape *tape);

/** What a stretch of sound holds */
struct tape_view {
	uint64_t ms;               /* how much there was                    */
	double level_dbfs;         /* of all of it                          */
};

/** @return 0, ENODATA none of it is there yet */
int tape_look(struct tape *tape, uint64_t from_ms, uint64_t ms,
	     struct tape_view *view);

/** Level of a tone over a stretch. Silence: -100 */
double tape_tone_dbfs(struct tape *tape, uint64_t from_ms, uint64_t ms,
		     int hz);

/** The strongest tone of a stretch, 200..3600 Hz in steps of 10. @return 0 if
    there is none */
int tape_strongest(struct tape *tape, uint64_t from_ms, uint64_t ms);

/** First moment from from_ms on at which a tone is there.
    @return 0, ENODATA */
int tape_onset(struct tape *tape, uint64_t from_ms, int hz, uint64_t *at_ms);

/** How steadily a tone was heard */
struct tape_run {
	uint64_t ms;               /* listened to                           */
	double loss;               /* share of blocks without it, or before
				      which it jumps in phase: 0..1         */
	uint64_t gap_ms;           /* longest time without it               */
	uint32_t gaps;             /* those over TAPE_GAP_MS                 */
	uint64_t gap_at_ms;        /* where the longest began               */
};

enum { TAPE_GAP_MS = 200 };

void tape_steadiness(struct tape *tape, uint64_t from_ms, uint64_t to_ms,
		    int hz, struct tape_run *run);

/**
 * Levels for a picture
 *
 * @param v  Takes c levels [dBFS], each of an equal part of the stretch
 */
void tape_levels(struct tape *tape, uint64_t from_ms, uint64_t to_ms,
		float *v, size_t c);

/** Write a WAV file of a tone, for a phone to play in a loop.
    @return 0 or errno */
int tape_write_tone(const char *path, int hz, uint32_t seconds);

#endif
