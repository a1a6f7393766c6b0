/**
 * @file tape.c  Listening to a recording that somebody still writes
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tape.h"


enum {
	HEAD = 512,                /* the sound begins within               */
	RATE = 8000,               /* of what we write                      */
	SCAN_MIN_HZ = 200, SCAN_MAX_HZ = 3600, SCAN_STEP_HZ = 10,
	STRETCH_MAX_MS = 4000,     /* looked at in one piece                */
};

/** Amplitude of the tones we write, of full scale */
#define TONE_LEVEL 0.35

#define SILENCE_DBFS (-100.0)


struct tape {
	char *path;
	int fd;
	uint32_t rate, channels;
	off_t start;               /* of the sound, 0: not found yet */
};


static void tape_destructor(void *arg)
{
	struct tape *tape = arg;

	if (tape->fd >= 0)
		(void)close(tape->fd);
	mem_deref(tape->path);
}


int tape_alloc(struct tape **tapep, const char *path)
{
	struct tape *tape = mem_zalloc(sizeof(*tape), tape_destructor);
	int err;

	if (!tape)
		return ENOMEM;

	tape->fd = -1;
	err = str_dup(&tape->path, path);
	if (err)
		mem_deref(tape);
	else
		*tapep = tape;

	return err;
}


static uint32_t u32_read(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		(uint32_t)p[3] << 24;
}


/** Find the sound. @return false while it is not there */
static bool sound_find(struct tape *tape)
{
	uint8_t head[HEAD];
	ssize_t n;

	if (tape->start)
		return true;

	if (tape->fd < 0)
		tape->fd = open(tape->path, O_RDONLY | O_CLOEXEC);
	if (tape->fd < 0)
		return false;

	n = pread(tape->fd, head, sizeof(head), 0);

	for (ssize_t at = 12; at + 8 <= n;) {
		const uint32_t size = u32_read(head + at + 4);

		if (!memcmp(head + at, "fmt ", 4) && at + 16 <= n) {
			tape->channels = head[at + 10];
			tape->rate     = u32_read(head + at + 12);
		}
		else if (!memcmp(head + at, "data", 4)) {
			if (!tape->rate || !tape->channels)
				return false;
			tape->start = at + 8;
			return true;
		}

		if (size > HEAD)
			return false;
		at += 8 + (ssize_t)(size + size % 2);
	}

	return false;
}


static uint64_t length(struct tape *tape)
{
	struct stat st;

	if (!sound_find(tape) || fstat(tape->fd, &st) ||
	    st.st_size <= tape->start)
		return 0;

	return (uint64_t)(st.st_size - tape->start) / 2 / tape->channels;
}


uint64_t tape_length_ms(struct tape *tape)
{
	const uint64_t n = length(tape);

	return n ? n * 1000 / tape->rate : 0;
}


/** Samples of the first channel. @return how many, v to be freed */
static size_t samples_read(struct tape *tape, uint64_t from_ms, uint64_t ms,
			   int16_t **vp)
{
	const uint64_t all = length(tape);
	uint64_t from, n;
	int16_t *v;
	ssize_t got;

	if (!all)
		return 0;

	from = from_ms * tape->rate / 1000;
	n    = ms * tape->rate / 1000;
	if (from >= all)
		return 0;

	n = min(n, all - from);
	v = malloc(n * 2 * tape->channels);
	if (!v)
		return 0;

	got = pread(tape->fd, v, n * 2 * tape->channels,
		    tape->start + (off_t)(from * 2 * tape->channels));
	n = got > 0 ? (uint64_t)got / 2 / tape->channels : 0;

	for (uint64_t i = 0; i < n; i++)
		v[i] = v[i * tape->channels];

	if (n)
		*vp = v;
	else
		free(v);

	return (size_t)n;
}


static double dbfs(double amplitude)
{
	return amplitude > 1e-5 ? 20 * log10(amplitude) : SILENCE_DBFS;
}


/** Root mean square of full scale, as a sine's amplitude would be */
static double level(const int16_t *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)v[i] * v[i];

	return n ? sqrt(2 * sum / (double)n) / 32768 : 0;
}


/** Amplitude of one frequency, 0..1 of full scale */
static double goertzel(const int16_t *v, size_t n, double rate, double hz)
{
	const double step = 2 * M_PI / (double)n;
	const double c = 2 * cos(2 * M_PI * hz / rate);
	double a = 0, b = 0;

	if (n < 2)
		return 0;

	for (size_t i = 0; i < n; i++) {
		const double w = 0.5 - 0.5 * cos(step * (double)i);
		const double t = v[i] * w + c * a - b;

		b = a;
		a = t;
	}

	return sqrt(fmax(0, a * a + b * b - c * a * b)) * 4 / (double)n /
		32768;
}


int tape_look(struct tape *tape, uint64_t from_ms, uint64_t ms,
	     struct tape_view *view)
{
	int16_t *v;
	const size_t n = samples_read(tape, from_ms, min(ms,
				      (uint64_t)STRETCH_MAX_MS), &v);

	if (!n)
		return ENODATA;

	view->ms         = n * 1000 / tape->rate;
	view->level_dbfs = dbfs(level(v, n));
	free(v);

	return 0;
}


double tape_tone_dbfs(struct tape *tape, uint64_t from_ms, uint64_t ms, int hz)
{
	int16_t *v;
	const size_t n = samples_read(tape, from_ms, min(ms,
				      (uint64_t)STRETCH_MAX_MS), &v);
	double found;

	if (!n)
		return SILENCE_DBFS;

	found = dbfs(goertzel(v, n, tape->rate, hz));
	free(v);

	return found;
}


int tape_strongest(struct tape *tape, uint64_t from_ms, uint64_t ms)
{
	int16_t *v;
	const size_t n = samples_read(tape, from_ms, min(ms, (uint64_t)200),
				      &v);
	double best = pow(10, TAPE_QUIET_DBFS / 20);
	int found = 0;

	if (!n)
		return 0;

	for (int hz = SCAN_MIN_HZ; hz <= SCAN_MAX_HZ; hz += SCAN_STEP_HZ) {
		const double a = goertzel(v, n, tape->rate, hz);

		if (a > best) {
			best  = a;
			found = hz;
		}
	}

	free(v);

	return found;
}


/** Level and phase of a tone in a block, by plain correlation */
static double correlate(const int16_t *v, size_t n, uint64_t at, double turn,
			double *phase)
{
	double re = 0, im = 0;

	for (size_t i = 0; i < n; i++) {
		const double angle = turn * (double)(at + i);

		re += v[i] * cos(angle);
		im -= v[i] * sin(angle);
	}

	*phase = atan2(im, re);

	return hypot(re, im) * 2 / (double)n / 32768;
}


int tape_onset(struct tape *tape, uint64_t from_ms, int hz, uint64_t *at_ms)
{
	const uint64_t end = tape_length_ms(tape);
	enum { FINE_MS = 5 };

	for (uint64_t at = from_ms; at + 2 * FINE_MS <= end; at += FINE_MS) {
		if (tape_tone_dbfs(tape, at, 2 * FINE_MS, hz) > -30) {
			*at_ms = at;
			return 0;
		}
	}

	return ENODATA;
}


struct steady {
	double turn, limit, last;
	bool has_last;
	uint64_t blocks, bad;
	uint64_t quiet_ms, quiet_at;
};


static void gap_end(struct steady *st, struct tape_run *run)
{
	if (st->quiet_ms > run->gap_ms) {
		run->gap_ms    = st->quiet_ms;
		run->gap_at_ms = st->quiet_at;
	}
	if (st->quiet_ms > TAPE_GAP_MS)
		++run->gaps;

	st->quiet_ms = 0;
}


static void block_judge(struct steady *st, struct tape_run *run,
			const int16_t *v, size_t n, uint64_t at, uint64_t ms)
{
	double phase, jump;

	++st->blocks;

	if (correlate(v, n, at, st->turn, &phase) < st->limit) {
		if (!st->quiet_ms)
			st->quiet_at = ms;
		st->quiet_ms += TAPE_BLOCK_MS;
		st->has_last  = false;
		++st->bad;
		return;
	}

	gap_end(st, run);
	jump = remainder(phase - st->last, 2 * M_PI);
	st->bad     += st->has_last && fabs(jump) > M_PI / 5;
	st->last     = phase;
	st->has_last = true;
}


void tape_steadiness(struct tape *tape, uint64_t from_ms, uint64_t to_ms,
		    int hz, struct tape_run *run)
{
	struct steady st = {.limit = 0};

	memset(run, 0, sizeof(*run));
	to_ms = min(to_ms, tape_length_ms(tape));

	for (uint64_t at = from_ms; at + TAPE_BLOCK_MS <= to_ms; at += 1000) {
		int16_t *v = NULL;
		const size_t n = samples_read(tape, at, min(to_ms - at,
					      (uint64_t)1000), &v);
		const size_t block = tape->rate * TAPE_BLOCK_MS / 1000;

		st.turn  = 2 * M_PI * hz / tape->rate;
		st.limit = TONE_LEVEL / 8;

		for (size_t i = 0; i + block <= n; i += block)
			block_judge(&st, run, v + i, block,
				    at * tape->rate / 1000 + i,
				    at + i * 1000 / tape->rate);
		free(v);
	}

	gap_end(&st, run);
	run->ms   = st.blocks * TAPE_BLOCK_MS;
	run->loss = st.blocks ? (double)st.bad / (double)st.blocks : 1;
}


void tape_levels(struct tape *tape, uint64_t from_ms, uint64_t to_ms,
		float *v, size_t c)
{
	const uint64_t end = tape_length_ms(tape);

	for (size_t i = 0; i < c; i++) {
		const uint64_t at = from_ms + (to_ms - from_ms) * i / c;
		const uint64_t ms = (to_ms - from_ms) / c;
		struct tape_view view;

		v[i] = (float)SILENCE_DBFS;
		if (at < end && !tape_look(tape, at, ms ? ms : 1, &view))
			v[i] = (float)view.level_dbfs;
	}
}


static void u32_write(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}


/** A second of a whole number of cycles, again and again, has no seam */
int tape_write_tone(const char *path, int hz, uint32_t seconds)
{
	static const uint8_t form[] = {
		'W', 'A', 'V', 'E', 'f', 'm', 't', ' ', 16, 0, 0, 0, 1, 0,
		1, 0, RATE & 0xff, RATE >> 8, 0, 0, (RATE * 2) & 0xff,
		(RATE * 2) >> 8, 0, 0, 2, 0, 16, 0, 'd', 'a', 't', 'a',
	};
	const uint32_t size = seconds * RATE * 2;
	uint8_t head[44], second[RATE * 2];
	FILE *f = fopen(path, "wbe");
	int err = 0;

	if (!f)
		return errno;

	memcpy(head, "RIFF", 4);
	u32_write(head + 4, 36 + size);
	memcpy(head + 8, form, sizeof(form));
	u32_write(head + 40, size);

	for (int i = 0; i < RATE; i++) {
		const int16_t v = (int16_t)lrint(32767 * TONE_LEVEL *
			sin(2 * M_PI * hz * i / RATE));

		second[2 * i]     = (uint8_t)(v & 0xff);
		second[2 * i + 1] = (uint8_t)((uint16_t)v >> 8);
	}

	if (fwrite(head, sizeof(head), 1, f) != 1)
		err = EIO;
	for (uint32_t i = 0; i < seconds && !err; i++)
		if (fwrite(second, sizeof(second), 1, f) != 1)
			err = EIO;
	if (fclose(f) && !err)
		err = EIO;

	return err;
}
