/**
 * @file ear.c  What is heard: recordings and the tones in them
 */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>
#include "audio.h"


enum {
	SCAN_LOW_HZ = 200,
	SCAN_HIGH_HZ = 3600,
	SCAN_STEP_HZ = 10,
	SCAN_MIN = 400,   /* samples: below, two tones cannot be told apart */
	TONES_MAX = 8,
	STEPS = (SCAN_HIGH_HZ - SCAN_LOW_HZ) / SCAN_STEP_HZ + 1,
	HEADER_SIZE = 44,
};

static const double silence_db = -120;
static const double weaker = 30;      /* than the strongest: not a tone */
static const double audible = 0.001;  /* of full scale */

struct recorder {
	int fd;
	uint32_t bytes;
};

struct tone {
	double hz, level;
};


/* Amplitude 0..1 of one frequency, through a Hann window */
static double goertzel(const int16_t *pcm, size_t n, double hz)
{
	const double w = 2 * M_PI * hz / AUDIO_RATE, c = 2 * cos(w);
	double a = 0, b = 0;

	for (size_t i = 0; i < n; i++) {
		const double window =
			0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n);
		const double s = pcm[i] * window + c * a - b;

		b = a;
		a = s;
	}

	return sqrt(fmax(0, a * a + b * b - c * a * b)) * 4 / (double)n /
	       32768;
}


static double db(double level)
{
	return level > 1e-6 ? 20 * log10(level) : silence_db;
}


static double loudness(const int16_t *pcm, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)pcm[i] * pcm[i];

	return n ? sqrt(sum / (double)n) / 32768 : 0;
}


/* Climb to the top of a hill whose foot was found in steps of 10 Hz */
static struct tone refine(const int16_t *pcm, size_t n, double hz)
{
	struct tone best = {hz, goertzel(pcm, n, hz)};

	for (double f = hz - SCAN_STEP_HZ; f <= hz + SCAN_STEP_HZ; f += 1) {
		const double level = goertzel(pcm, n, f);

		if (level > best.level)
			best = (struct tone){f, level};
	}

	return best;
}


static int by_level(const void *a, const void *b)
{
	const struct tone *l = a, *r = b;

	return (l->level < r->level) - (l->level > r->level);
}


static size_t find_tones(struct tone *tonev, const int16_t *pcm, size_t n)
{
	double spectrum[STEPS], top = 0;
	size_t count = 0;

	for (size_t i = 0; i < STEPS; i++) {
		spectrum[i] = goertzel(pcm, n,
				       SCAN_LOW_HZ +
					       (double)i * SCAN_STEP_HZ);
		top = fmax(top, spectrum[i]);
	}

	for (size_t i = 0; i < STEPS && count < TONES_MAX; i++) {
		const double left = i ? spectrum[i - 1] : 0;
		const double right = i + 1 < STEPS ? spectrum[i + 1] : 0;

		if (spectrum[i] < top / weaker || spectrum[i] < audible ||
		    spectrum[i] < left || spectrum[i] <= right)
			continue;

		tonev[count++] = refine(pcm, n,
					SCAN_LOW_HZ +
						(double)i * SCAN_STEP_HZ);
	}

	qsort(tonev, count, sizeof(*tonev), by_level);

	return count;
}


json_t *audio_analyse(const int16_t *pcm, size_t n)
{
	struct tone tonev[TONES_MAX];
	const size_t count = n < SCAN_MIN ? 0 : find_tones(tonev, pcm, n);
	json_t *tones = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			tones, json_pack("{s:f, s:f}", "hz", tonev[i].hz,
					 "level_dbfs", db(tonev[i].level)));

	return json_pack("{s:f, s:o}", "level_dbfs", db(loudness(pcm, n)),
			 "tones", tones);
}


static void put_le(uint8_t *p, uint32_t v, size_t n)
{
	while (n--) {
		*p++ = (uint8_t)v;
		v >>= 8;
	}
}


static void write_header(const struct recorder *rec)
{
	uint8_t h[HEADER_SIZE] = {'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'A',
				  'V', 'E', 'f', 'm', 't', ' '};

	put_le(h + 4, rec->bytes + HEADER_SIZE - 8, 4);
	put_le(h + 16, 16, 4);
	put_le(h + 20, 1, 2);
	put_le(h + 22, 1, 2);
	put_le(h + 24, AUDIO_RATE, 4);
	put_le(h + 28, 2 * AUDIO_RATE, 4);
	put_le(h + 32, 2, 2);
	put_le(h + 34, 16, 2);
	memcpy(h + 36, "data", 4);
	put_le(h + 40, rec->bytes, 4);

	(void)!pwrite(rec->fd, h, sizeof(h), 0);
}


static void recorder_destructor(void *arg)
{
	struct recorder *rec = arg;

	if (rec->fd >= 0)
		close(rec->fd);
}


int recorder_open(struct recorder **rp, const char *path)
{
	struct recorder *rec = mem_zalloc(sizeof(*rec), recorder_destructor);

	if (!rec)
		return ENOMEM;

	rec->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (rec->fd < 0) {
		const int err = errno;

		mem_deref(rec);
		return err;
	}

	write_header(rec);
	*rp = rec;

	return 0;
}


void recorder_write(struct recorder *rec, const int16_t *pcm, size_t n)
{
	uint8_t buf[2 * AUDIO_FRAME];

	while (n) {
		const size_t part = n < AUDIO_FRAME ? n : AUDIO_FRAME;

		for (size_t i = 0; i < part; i++)
			put_le(buf + 2 * i, (uint16_t)pcm[i], 2);

		/* Samples first: the header never claims more than there is */
		if (pwrite(rec->fd, buf, 2 * part,
			   HEADER_SIZE + (off_t)rec->bytes) !=
		    (ssize_t)(2 * part))
			return;

		rec->bytes += (uint32_t)(2 * part);
		pcm += part;
		n -= part;
	}

	write_header(rec);
}
