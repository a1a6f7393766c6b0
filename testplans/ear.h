/**
 * @file ear.h  Listening to a recording that somebody still writes
 *
 * A WAV file, 16 bit, one or two channels; the end of the file is the end of
 * the sound, whatever its header says. Tones are told apart by Goertzel's
 * filter with a Hann window.
 */
#ifndef TESTPLANS_EAR_H
#define TESTPLANS_EAR_H

#include "bridge/base/libre.h"

struct ear;

enum { EAR_BLOCK_MS = 20 };

/** Faintest level that is a sound */
#define EAR_QUIET_DBFS (-50.0)

int ear_alloc(struct ear **earp, const char *path);

/** Milliseconds of sound so far */
uint64_t ear_length_ms(struct ear *ear);

/** What a stretch of sound holds */
struct ear_view {
	uint64_t ms;               /* how much there was                    */
	double level_dbfs;         /* of all of it                          */
};

/** @return 0, ENODATA none of it is there yet */
int ear_look(struct ear *ear, uint64_t from_ms, uint64_t ms,
	     struct ear_view *view);

/** Level of a tone over a stretch. Silence: -100 */
double ear_tone_dbfs(struct ear *ear, uint64_t from_ms, uint64_t ms,
		     int hz);

/** The strongest tone of a stretch, 200..3600 Hz in steps of 10. @return 0 if
    there is none */
int ear_strongest(struct ear *ear, uint64_t from_ms, uint64_t ms);

/** First moment from from_ms on at which a tone is there. @return 0, ENODATA */
int ear_onset(struct ear *ear, uint64_t from_ms, int hz, uint64_t *at_ms);

/** How steadily a tone was heard */
struct ear_run {
	uint64_t ms;               /* listened to                           */
	double loss;               /* share of blocks without it, or before
				      which it jumps in phase: 0..1         */
	uint64_t gap_ms;           /* longest time without it               */
	uint32_t gaps;             /* those over EAR_GAP_MS                 */
	uint64_t gap_at_ms;        /* where the longest began               */
};

enum { EAR_GAP_MS = 200 };

void ear_steadiness(struct ear *ear, uint64_t from_ms, uint64_t to_ms,
		    int hz, struct ear_run *run);

/**
 * Levels for a picture
 *
 * @param v  Takes c levels [dBFS], each of an equal part of the stretch
 */
void ear_levels(struct ear *ear, uint64_t from_ms, uint64_t to_ms,
		float *v, size_t c);

/** Write a WAV file of a tone, for a phone to play in a loop.
    @return 0 or errno */
int ear_write_tone(const char *path, int hz, uint32_t seconds);

#endif
