/**
 * @file sound.c  A piece of music, whole in memory
 *
 * WAV: RIFF chunks, "fmt " with WAVE_FORMAT_PCM or _EXTENSIBLE, "data".
 * Rates are changed by a windowed sinc, once, when it is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bridge/base/libre.h"
#include "sound.h"


enum {
	WIDE       = 16000,
	NARROW     = 8000,
	RATE_MIN   = 8000,
	RATE_MAX   = 48000,
	FILE_MAX   = 128 << 20,    /* octets                               */
	RIFF       = 12,           /* octets of the header                 */
	CHUNK      = 8,
	FMT        = 16,
	FMT_EXTRA  = 26,           /* to the end of the sub format's id    */
	PCM        = 1,
	EXTENSIBLE = 0xfffe,
	LOBES      = 16,           /* of the sinc, on each side            */
};


struct sound {
	int16_t *widev, *narrowv;  /* owned                                */
	size_t widec, narrowc;
};

struct wav {
	uint32_t rate;
	unsigned channels, bits;
	const uint8_t *data;       /* borrowed                             */
	size_t size;
};


static void destructor(void *data)
{
	struct sound *sound = data;

	mem_deref(sound->widev);
	mem_deref(sound->narrowv);
}


static uint32_t le(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];

	return v;
}


static int bad(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);

	return EBADMSG;
}


static int read_format(struct wav *wav, const uint8_t *p, size_t n, char *why,
		       size_t size)
{
	uint32_t tag;

	if (n < FMT)
		return bad(why, size, "its format is cut off");

	tag           = le(p, 2);
	wav->channels = le(p + 2, 2);
	wav->rate     = le(p + 4, 4);
	wav->bits     = le(p + 14, 2);

	if (tag == EXTENSIBLE && n >= FMT_EXTRA)
		tag = le(p + 24, 2);

	if (tag != PCM)
		return bad(why, size, "want PCM samples, found format %u",
			   tag);
	if (wav->channels < 1 || wav->channels > 2)
		return bad(why, size, "want one or two channels, found %u",
			   wav->channels);
	if (wav->rate < RATE_MIN || wav->rate > RATE_MAX)
		return bad(why, size, "want 8000 to 48000 samples a second, "
			   "found %u", wav->rate);
	if (wav->bits % 8 || wav->bits < 8 || wav->bits > 32)
		return bad(why, size, "want samples of 8, 16, 24 or 32 bits, "
			   "found %u", wav->bits);

	return 0;
}


static int read_chunks(struct wav *wav, const uint8_t *p, size_t n, char *why,
		       size_t size)
{
	size_t at = RIFF;
	int err;

	if (n < RIFF || memcmp(p, "RIFF", 4) || memcmp(p + 8, "WAVE", 4))
		return bad(why, size, "want a WAV file, found another kind");

	while (at + CHUNK <= n && !wav->data) {
		const size_t room = n - at - CHUNK;
		size_t length = le(p + at + 4, 4);
		const uint8_t *body = p + at + CHUNK;

		if (!memcmp(p + at, "data", 4)) {
			/* a recorder that was cut off left too long a size */
			wav->data = body;
			wav->size = length < room ? length : room;
			break;
		}

		if (length > room)
			break;

		if (!memcmp(p + at, "fmt ", 4)) {
			err = read_format(wav, body, length, why, size);
			if (err)
				return err;
		}

		at += CHUNK + length + length % 2;
	}

	if (!wav->rate)
		return bad(why, size, "it does not tell its format");
	if (!wav->data || wav->size < wav->rate / 10 * wav->channels *
	    wav->bits / 8)
		return bad(why, size, "want at least a tenth of a second of "
			   "sound, found less");

	return 0;
}


/** A sample, both channels together: -1..1 */
static float sample_at(const struct wav *wav, size_t i)
{
	const unsigned octets = wav->bits / 8;
	const uint8_t *p = wav->data + i * octets * wav->channels;
	float sum = 0;

	for (unsigned c = 0; c < wav->channels; c++, p += octets) {
		int32_t v;

		if (octets == 1)      /* these have no sign */
			v = (int32_t)((uint32_t)(p[0] ^ 0x80) << 24);
		else
			v = (int32_t)(le(p, octets) << (32 - 8 * octets));
		sum += (float)v / 2147483648.0f;
	}

	return sum / (float)wav->channels;
}


static int16_t to_pcm(double v)
{
	v *= 32767;

	return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : lround(v));
}


static double sinc(double x)
{
	return fabs(x) < 1e-9 ? 1 : sin(M_PI * x) / (M_PI * x);
}


static uint32_t common(uint32_t a, uint32_t b)
{
	while (b) {
		const uint32_t rest = a % b;

		a = b;
		b = rest;
	}

	return a;
}


/** The sinc once for each place that a sample may have between two others:
    placev[place * taps + tap] */
static int make_taps(float **tapvp, size_t taps, uint32_t places,
		     double reach, double cut)
{
	float *tapv;

	tapv = mem_zalloc(places * taps * sizeof(*tapv), NULL);
	if (!tapv)
		return ENOMEM;

	for (uint32_t place = 0; place < places; place++) {
		for (size_t tap = 0; tap < taps; tap++) {
			const double x = (double)tap - floor(reach) -
				(double)place / places;
			/* Hann's window over the lobes */
			const double w = 0.5 + 0.5 * cos(M_PI * x / reach);

			if (fabs(x) < reach)
				tapv[place * taps + tap] = (float)
					(w * cut * sinc(cut * x));
		}
	}

	*tapvp = tapv;

	return 0;
}


static int16_t weigh(const float *v, size_t n, long first, const float *tapv,
		     size_t taps)
{
	float sum = 0;

	for (size_t tap = 0; tap < taps; tap++) {
		const long i = first + (long)tap;

		if (i >= 0 && (size_t)i < n)
			sum += v[i] * tapv[tap];
	}

	return to_pcm(sum);
}


/** Nothing above 0.95 of half the lower of both rates is left */
static int resample(int16_t **outp, size_t *outc, uint32_t out_rate,
		    const float *v, size_t n, uint32_t rate)
{
	const size_t count = (size_t)((uint64_t)n * out_rate / rate);
	const uint32_t places = out_rate / common(out_rate, rate);
	const double cut = rate > out_rate ? 0.95 * out_rate / rate : 0.95;
	const double reach = LOBES / cut;
	const size_t taps = 2 * (size_t)reach + 2;
	float *tapv;
	int16_t *out;
	int err;

	err = make_taps(&tapv, taps, places, reach, cut);
	if (err)
		return err;

	out = mem_zalloc(count * sizeof(*out), NULL);
	for (size_t i = 0; out && i < count; i++) {
		const uint64_t at = (uint64_t)i * rate;
		const uint64_t place = at % out_rate * places / out_rate;

		out[i] = weigh(v, n, (long)(at / out_rate) - (long)reach,
			       tapv + place * taps, taps);
	}
	mem_deref(tapv);

	if (!out)
		return ENOMEM;

	*outp = out;
	*outc = count;

	return 0;
}


static int copy(int16_t **outp, size_t *outc, const float *v, size_t n)
{
	int16_t *out = mem_zalloc(n * sizeof(*out), NULL);

	if (!out)
		return ENOMEM;

	for (size_t i = 0; i < n; i++)
		out[i] = to_pcm(v[i]);

	*outp = out;
	*outc = n;

	return 0;
}


static int bring_to(int16_t **outp, size_t *outc, uint32_t out_rate,
		    const float *v, size_t n, uint32_t rate)
{
	return rate == out_rate ? copy(outp, outc, v, n) :
		resample(outp, outc, out_rate, v, n, rate);
}


static int make(struct sound **soundp, const float *v, size_t n,
		uint32_t rate)
{
	struct sound *sound;
	int err;

	sound = mem_zalloc(sizeof(*sound), destructor);
	if (!sound)
		return ENOMEM;

	err = bring_to(&sound->widev, &sound->widec, WIDE, v, n, rate);
	if (!err)
		err = bring_to(&sound->narrowv, &sound->narrowc, NARROW, v,
			       n, rate);

	if (err)
		mem_deref(sound);
	else
		*soundp = sound;

	return err;
}


int sound_decode(struct sound **soundp, const uint8_t *p, size_t n, char *why,
		 size_t size)
{
	struct wav wav = { 0 };
	size_t count;
	float *v;
	int err;

	err = read_chunks(&wav, p, n, why, size);
	if (err)
		return err;

	count = wav.size / (wav.bits / 8 * wav.channels);
	if (count > (size_t)wav.rate * SOUND_SECONDS)
		return bad(why, size, "want at most %d s of sound, found %zu",
			   SOUND_SECONDS, count / wav.rate);

	v = mem_zalloc(count * sizeof(*v), NULL);
	if (!v)
		return ENOMEM;

	for (size_t i = 0; i < count; i++)
		v[i] = sample_at(&wav, i);

	err = make(soundp, v, count, wav.rate);
	mem_deref(v);

	return err;
}


static int read_file(uint8_t **pp, size_t *np, const char *path, char *why,
		     size_t size)
{
	struct stat st;
	uint8_t *p = NULL;
	size_t n = 0;
	ssize_t got = 0;
	int fd, err = 0;

	/* not blocking: it may turn out to be a pipe */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		err = errno;
		(void)bad(why, size, "%s", strerror(err));
		goto out;
	}

	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		err = bad(why, size, "want a file of at most %d MB",
			  FILE_MAX >> 20);
		goto out;
	}

	p = mem_alloc((size_t)st.st_size + 1, NULL);
	if (!p) {
		err = ENOMEM;
		goto out;
	}

	do {
		got = read(fd, p + n, (size_t)st.st_size - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && n < (size_t)st.st_size);

 out:
	if (fd >= 0)
		(void)close(fd);
	if (err)
		mem_deref(p);
	else {
		*pp = p;
		*np = n;
	}

	return err;
}


int sound_load(struct sound **soundp, const char *path, char *why,
	       size_t size)
{
	uint8_t *p;
	size_t n;
	int err;

	err = read_file(&p, &n, path, why, size);
	if (err)
		return err;

	err = sound_decode(soundp, p, n, why, size);
	mem_deref(p);

	return err;
}


/* ---- our own tune ----------------------------------------------------- */


enum {
	BEAT_MS   = 375,
	BEATS     = 64,
	CHORDS    = 8,
	TUNE_RATE = WIDE,
};


/** Four notes of each chord, broken; semitones from A below middle C */
static const int8_t chordv[CHORDS][4] = {
	{  3, 10, 15, 19 },        /* C     */
	{ -2,  7, 10, 14 },        /* G     */
	{  0,  7, 12, 15 },        /* A min */
	{ -4,  8, 12, 15 },        /* F     */
	{  3, 10, 15, 19 },        /* C     */
	{  5, 12, 17, 20 },        /* D min */
	{ -2,  5, 10, 14 },        /* G 7   */
	{  3, 10, 15, 19 },        /* C     */
};

static const uint8_t orderv[8] = { 0, 1, 2, 3, 2, 1, 2, 1 };


/** A soft plucked note: the harmonics die away faster than the tone */
static void pluck(float *v, size_t n, size_t at, double hz)
{
	const size_t length = TUNE_RATE * 2;

	for (size_t i = 0; i < length; i++) {
		const double t = (double)i / TUNE_RATE;
		const double attack = t < 0.008 ? t / 0.008 : 1;
		const double w = 2 * M_PI * hz * t;
		const double tone = exp(-2.2 * t) * sin(w) +
			0.35 * exp(-4.5 * t) * sin(2 * w) +
			0.12 * exp(-7.0 * t) * sin(3 * w);

		/* what is left at the end sounds on at the beginning: the
		   tune goes round without a seam */
		v[(at + i) % n] += (float)(0.085 * attack * tone);
	}
}


int sound_tune(struct sound **soundp)
{
	const size_t n = (size_t)TUNE_RATE * BEAT_MS * BEATS / 1000;
	float *v;
	int err;

	v = mem_zalloc(n * sizeof(*v), NULL);
	if (!v)
		return ENOMEM;

	for (unsigned beat = 0; beat < BEATS; beat++) {
		const int8_t *chord = chordv[beat / 8 % CHORDS];
		const int note = chord[orderv[beat % 8]];

		pluck(v, n, (size_t)beat * TUNE_RATE * BEAT_MS / 1000,
		      220 * pow(2, note / 12.0));
	}

	err = make(soundp, v, n, TUNE_RATE);
	mem_deref(v);

	return err;
}


const int16_t *sound_samples(const struct sound *sound, uint32_t rate,
			     size_t *n)
{
	*n = rate == WIDE ? sound->widec : sound->narrowc;

	return rate == WIDE ? sound->widev : sound->narrowv;
}
