/**
 * @file ear.c  From the packets of one side to an even flow of samples
 */
#include <errno.h>
#include <string.h>
#include <spandsp.h>
#include "bridge/base/libre.h"
#include "conceal.h"
#include "ear.h"
#include "noise.h"


enum {
	SLOTS        = 64,         /* packets held, a power of two         */
	STEP_MS      = 10,         /* made up at a time                    */
	BINS         = 25,         /* of the delay, BIN_MS each            */
	BIN_MS       = 10,
	BIN_ONE      = 1 << 20,    /* all bins together                    */
	BIN_FORGET   = 7,          /* 1/128 a packet                       */
	LATE_OF      = 33,         /* one of so many may come late         */
	BASE_US      = 2000000,    /* the least delay is of so long        */
	SLACK_MS     = 15,         /* off the target without a change      */
	CHANGE_US    = 100000,     /* between two changes of length        */
	DRY_MS       = 400,        /* nothing for so long: a new beginning */
	JUMP_S       = 2,
	HOLD_MS      = 40,         /* a digit is known after so long       */
	HOLE_MS      = 100,        /* more than that missing ends a digit  */
	AGAIN_MS     = 60,         /* ... less, if it is heard again so
				      soon after the hole, does not        */
	READ_MS      = 60,
	FIFO         = CODEC_SAMPLES * 2 + 640,
	HOLD         = HOLD_MS * 16,
};


struct slot {
	uint32_t ts;
	uint16_t seq;
	uint16_t size;
	uint8_t codec;             /* enum codec                           */
	bool used;
	uint8_t p[CODEC_OCTETS];
};

/** How late packets come, compared with the earliest */
struct lateness {
	uint32_t ref_ts;
	uint64_t ref_us;
	int64_t leastv[2];         /* [us], of this and the last period    */
	uint64_t period_us;        /* when this one began                  */
	uint32_t binv[BINS];       /* share of packets, BIN_ONE in all     */
	bool running;
};

struct ear {
	uint32_t rate;             /* of samples [Hz]                      */
	struct decoder *decv[CODECS];      /* owned                        */
	struct conceal conceal;
	struct noise noise;

	struct slot slotv[SLOTS];
	unsigned held;
	bool running;              /* next_*, clock are of a source        */
	bool playing;              /* enough was there to begin            */
	bool dry;                  /* made up since the buffer was empty   */
	uint32_t ssrc;
	uint32_t clock;            /* rate of its time stamps              */
	uint16_t next_seq, last_seq;
	uint32_t next_ts;          /* of what is to be heard next          */
	uint32_t frame;            /* samples of a packet                  */
	enum codec codec;          /* heard last                           */
	uint64_t first_us, heard_us;
	struct lateness late;

	uint32_t target_ms, fixed_ms;
	uint32_t depth_us;         /* on average                           */
	uint64_t changed_us;

	int16_t fifov[FIFO];       /* decoded, not read                    */
	size_t fifo;

	dtmf_rx_state_t *dtmf;                     /* owned, NULL          */
	modem_connect_tones_rx_state_t *cng, *ced; /* owned, NULL          */
	int16_t holdv[HOLD];       /* not let through before it is known   */
	bool digit, fax;           /* being heard, was heard               */
	char key;                  /* of the digit                         */
	uint32_t hole;             /* samples made up for lost ones,       */
	uint32_t whole;            /* and real ones since                  */
	uint32_t doubt;            /* real samples until a digit that went
				      into a hole has ended; 0: it did not */
	ear_tone_h *toneh;
	void *arg;

	uint32_t late_count, lost_count;
};


static void destructor(void *data)
{
	struct ear *ear = data;

	for (unsigned i = 0; i < CODECS; i++)
		mem_deref(ear->decv[i]);

	if (ear->dtmf)
		(void)dtmf_rx_free(ear->dtmf);
	if (ear->cng)
		(void)modem_connect_tones_rx_free(ear->cng);
	if (ear->ced)
		(void)modem_connect_tones_rx_free(ear->ced);
}


int ear_alloc(struct ear **earp, uint32_t rate, unsigned codecs)
{
	struct ear *ear;
	int err = 0;

	if (!earp || (rate != 8000 && rate != 16000))
		return EINVAL;

	ear = mem_zalloc(sizeof(*ear), destructor);
	if (!ear)
		return ENOMEM;

	ear->rate   = rate;
	noise_init(&ear->noise);
	conceal_init(&ear->conceal, rate);

	for (unsigned i = CODEC_NONE + 1; i < CODEC_CN && !err; i++) {
		if (codecs & 1u << i)
			err = decoder_alloc(&ear->decv[i], (enum codec)i,
					    rate);
	}

	if (err)
		mem_deref(ear);
	else
		*earp = ear;

	return err;
}


uint32_t ear_rate(const struct ear *ear)
{
	return ear->rate;
}


void ear_fix(struct ear *ear, uint32_t ms)
{
	ear->fixed_ms = ms;
}


/* ---- tones ------------------------------------------------------------ */


static uint32_t samples(const struct ear *ear, uint32_t ms)
{
	return ear->rate / 1000 * ms;
}


static void digit_off(struct ear *ear)
{
	ear->doubt = 0;
	if (!ear->digit)
		return;

	ear->digit = false;
	ear->toneh(EAR_DIGIT_OFF, 0, ear->arg);
}


/** It ends where packets are missing: it may go on behind them */
static bool is_doubtful(const struct ear *ear)
{
	return ear->digit && ear->hole &&
		ear->hole <= samples(ear, HOLE_MS) &&
		ear->whole <= samples(ear, AGAIN_MS);
}


static void doubt_passes(struct ear *ear, size_t n)
{
	if (!ear->doubt)
		return;

	if (ear->hole > samples(ear, HOLE_MS) || ear->doubt <= n)
		digit_off(ear);
	else if (ear->whole)
		ear->doubt -= (uint32_t)n;
}


static void dtmf_heard(void *arg, int code, int level, int delay)
{
	struct ear *ear = arg;
	(void)level;
	(void)delay;

	if (!code && is_doubtful(ear)) {
		ear->doubt = samples(ear, AGAIN_MS);
		return;
	}

	if (code && ear->doubt && code == ear->key) {
		ear->doubt = 0;
		return;
	}

	/* one digit straight after another: the first has ended */
	digit_off(ear);
	if (!code)
		return;

	ear->digit = true;
	ear->key   = (char)code;
	memset(ear->holdv, 0, sizeof(ear->holdv));
	ear->toneh(EAR_DIGIT_ON, (char)code, ear->arg);
}


static void fax_heard(void *arg, int code, int level, int delay)
{
	struct ear *ear = arg;
	(void)level;
	(void)delay;

	if (code == MODEM_CONNECT_TONES_NONE || ear->fax)
		return;

	ear->fax = true;
	ear->toneh(EAR_FAX, 0, ear->arg);
}


int ear_listen(struct ear *ear, bool digits, bool fax, ear_tone_h *toneh,
	       void *arg)
{
	ear->toneh = toneh;
	ear->arg   = arg;

	if (digits && !ear->dtmf) {
		ear->dtmf = dtmf_rx_init(NULL, NULL, NULL);
		if (!ear->dtmf)
			return ENOMEM;
		dtmf_rx_set_realtime_callback(ear->dtmf, dtmf_heard, ear);
	}

	if (fax && !ear->cng) {
		ear->cng = modem_connect_tones_rx_init(NULL,
			MODEM_CONNECT_TONES_FAX_CNG, fax_heard, ear);
		ear->ced = modem_connect_tones_rx_init(NULL,
			MODEM_CONNECT_TONES_ANS_PR, fax_heard, ear);
		if (!ear->cng || !ear->ced)
			return ENOMEM;
	}

	return 0;
}


/** The detectors want 8000 Hz */
static size_t narrow(const struct ear *ear, const int16_t *pcm, size_t n,
		     int16_t *out)
{
	if (ear->rate == 8000) {
		memcpy(out, pcm, n * sizeof(*pcm));
		return n;
	}

	for (size_t i = 0; i < n / 2; i++)
		out[i] = (int16_t)((pcm[2 * i] + pcm[2 * i + 1]) / 2);

	return n / 2;
}


/** Delay by HOLD_MS; what a digit covers is silent */
static void hold_back(struct ear *ear, int16_t *pcm, size_t n)
{
	const size_t size = ear->rate / 1000 * HOLD_MS;
	int16_t v[HOLD + READ_MS * 16];

	if (ear->digit)
		memset(pcm, 0, n * sizeof(*pcm));

	memcpy(v, ear->holdv, size * sizeof(*v));
	memcpy(v + size, pcm, n * sizeof(*v));
	memcpy(pcm, v, n * sizeof(*v));
	memcpy(ear->holdv, v + n, size * sizeof(*v));
}


static void listen_in(struct ear *ear, int16_t *pcm, size_t n)
{
	int16_t v[READ_MS * 16];
	size_t count;

	if (!ear->dtmf && (!ear->cng || ear->fax))
		return;

	count = narrow(ear, pcm, n, v);

	if (ear->cng && !ear->fax) {
		(void)modem_connect_tones_rx(ear->cng, v, (int)count);
		(void)modem_connect_tones_rx(ear->ced, v, (int)count);
	}

	if (ear->dtmf) {
		(void)dtmf_rx(ear->dtmf, v, (int)count);
		doubt_passes(ear, n);
		hold_back(ear, pcm, n);
	}
}


/* ---- how long the buffer is ------------------------------------------- */


static int64_t ticks_us(int32_t ticks, uint32_t clock)
{
	return (int64_t)ticks * 1000000 / (int64_t)clock;
}


/** How much later than the earliest of the last seconds came it? [ms] */
static uint32_t note_delay(struct lateness *late, uint32_t ts,
			   uint32_t clock, uint64_t now_us)
{
	int64_t delay, least;

	if (!late->running) {
		late->running   = true;
		late->ref_ts    = ts;
		late->ref_us    = now_us;
		late->period_us = now_us;
		late->leastv[0] = late->leastv[1] = 0;
		memset(late->binv, 0, sizeof(late->binv));
		late->binv[1] = BIN_ONE;
	}

	delay = (int64_t)(now_us - late->ref_us) -
		ticks_us((int32_t)(ts - late->ref_ts), clock);

	if (now_us - late->period_us > BASE_US) {
		late->period_us = now_us;
		late->leastv[1] = late->leastv[0];
		late->leastv[0] = delay;
		/* the reference goes along, so that nothing ever overflows */
		late->ref_us  = now_us;
		late->ref_ts  = ts;
		late->leastv[1] -= delay;
		late->leastv[0] -= delay;
		delay = 0;
	}

	if (delay < late->leastv[0])
		late->leastv[0] = delay;

	least = late->leastv[0] < late->leastv[1] ? late->leastv[0] :
		late->leastv[1];
	delay = (delay - least) / 1000;

	return delay < BINS * BIN_MS ? (uint32_t)delay : BINS * BIN_MS - 1;
}


static uint32_t wanted_ms(const struct lateness *late)
{
	uint32_t tail = 0;
	unsigned bin = BINS;

	while (bin > 1 && tail + late->binv[bin - 1] <= BIN_ONE / LATE_OF)
		tail += late->binv[--bin];

	return bin * BIN_MS;
}


static void adapt(struct ear *ear, const struct packet *pkt, uint64_t now_us)
{
	struct lateness *late = &ear->late;
	const uint32_t bin = note_delay(late, pkt->ts, ear->clock, now_us) /
		BIN_MS;
	uint32_t sum = 0;

	for (unsigned i = 0; i < BINS; i++) {
		late->binv[i] -= late->binv[i] >> BIN_FORGET;
		sum += late->binv[i];
	}
	late->binv[bin] += BIN_ONE - sum;

	ear->target_ms = ear->fixed_ms ? ear->fixed_ms :
		ear->frame * 1000 / ear->rate + wanted_ms(late);
}


/** What is held, from what is heard next to the end of the newest [us] */
static int64_t depth_us(const struct ear *ear)
{
	const struct slot *last = &ear->slotv[ear->last_seq % SLOTS];
	int64_t us = (int64_t)ear->fifo * 1000000 / ear->rate;

	if (ear->held && last->used)
		us += ticks_us((int32_t)(last->ts - ear->next_ts),
			       ear->clock) +
			(int64_t)ear->frame * 1000000 / ear->rate;

	return us > 0 ? us : 0;
}


/* ---- packets in ------------------------------------------------------- */


void ear_flush(struct ear *ear)
{
	for (unsigned i = 0; i < SLOTS; i++)
		ear->slotv[i].used = false;

	ear->held         = 0;
	ear->running      = false;
	ear->playing      = false;
	ear->dry          = false;
	ear->late.running = false;
}


static void begin(struct ear *ear, const struct packet *pkt, uint32_t clock,
		  uint64_t now_us)
{
	ear_flush(ear);
	ear->running    = true;
	ear->ssrc       = pkt->ssrc;
	ear->clock      = clock;
	ear->next_seq   = pkt->seq;
	ear->last_seq   = pkt->seq;
	ear->next_ts    = pkt->ts;
	ear->first_us   = now_us;
	ear->heard_us   = now_us;
	ear->frame      = ear->rate / 50;
	ear->changed_us = now_us;
	ear->depth_us   = 0;
}


static bool is_new_source(const struct ear *ear, const struct packet *pkt,
			  uint32_t clock)
{
	const int32_t ahead = (int32_t)(pkt->ts - ear->next_ts);
	const int32_t most  = (int32_t)(clock * JUMP_S);
	const int16_t step  = (int16_t)(pkt->seq - ear->next_seq);

	return !ear->running || pkt->ssrc != ear->ssrc ||
		clock != ear->clock || step >= SLOTS || step < -SLOTS ||
		(step >= 0 && (ahead > most || ahead < -most));
}


void ear_put(struct ear *ear, const struct packet *pkt, enum codec codec,
	     uint32_t rate, uint64_t now_us)
{
	struct slot *slot = &ear->slotv[pkt->seq % SLOTS];

	if (!rate || !pkt->size || pkt->size > CODEC_OCTETS ||
	    (codec != CODEC_CN && !ear->decv[codec]))
		return;

	if (is_new_source(ear, pkt, rate))
		begin(ear, pkt, rate, now_us);

	adapt(ear, pkt, now_us);

	if ((int16_t)(pkt->seq - ear->next_seq) < 0) {
		ear->late_count++;
		return;
	}
	if (slot->used)
		return;

	/* It did not get lost, it is late: from now on all is heard later */
	if (ear->dry && (int32_t)(pkt->ts - ear->next_ts) < 0)
		ear->next_ts = pkt->ts;
	ear->dry = false;

	slot->used  = true;
	slot->seq   = pkt->seq;
	slot->ts    = pkt->ts;
	slot->codec = (uint8_t)codec;
	slot->size  = (uint16_t)pkt->size;
	memcpy(slot->p, pkt->payload, pkt->size);
	ear->held++;
	ear->heard_us = now_us;

	if ((int16_t)(pkt->seq - ear->last_seq) > 0 || ear->held == 1)
		ear->last_seq = pkt->seq;
}


/* ---- samples out ------------------------------------------------------ */


static uint32_t to_ticks(const struct ear *ear, size_t n)
{
	return (uint32_t)((uint64_t)n * ear->clock / ear->rate);
}


static struct slot *next_slot(struct ear *ear)
{
	for (uint16_t i = 0; ear->held && i < SLOTS; i++) {
		struct slot *slot =
			&ear->slotv[(uint16_t)(ear->next_seq + i) % SLOTS];

		if (slot->used)
			return slot;
	}

	return NULL;
}


static void take_noise(struct ear *ear, const struct slot *slot)
{
	noise_set(&ear->noise, slot->p[0] & 0x7f);
	ear->codec = CODEC_CN;
}


static void squeeze_or_stretch(struct ear *ear, int16_t *pcm, size_t *n,
			       uint64_t now_us)
{
	const uint32_t depth = ear->depth_us / 1000;
	const size_t before = *n;

	if (ear->fixed_ms || now_us - ear->changed_us < CHANGE_US)
		return;

	if (depth > ear->target_ms + SLACK_MS)
		*n = conceal_shorten(&ear->conceal, pcm, *n);
	else if (depth + SLACK_MS < ear->target_ms)
		*n = conceal_lengthen(&ear->conceal, pcm, *n, FIFO -
				      ear->fifo);

	if (*n == before)
		return;

	/* the average follows at once, or it would be done twice */
	ear->depth_us  += (uint32_t)(((int64_t)*n - (int64_t)before) *
				     1000000 / (int64_t)ear->rate);
	ear->changed_us = now_us;
}


static void hear(struct ear *ear, struct slot *slot, uint64_t now_us)
{
	const enum codec codec = (enum codec)slot->codec;
	int16_t *pcm = ear->fifov + ear->fifo;
	size_t n;

	ear->next_seq = (uint16_t)(slot->seq + 1);
	slot->used = false;
	ear->held--;

	if (codec == CODEC_CN) {
		take_noise(ear, slot);
		return;
	}

	n = decoder_decode(ear->decv[codec], slot->p, slot->size, pcm);
	if (!n)
		return;

	ear->codec   = codec;
	ear->frame   = (uint32_t)n;
	ear->next_ts = slot->ts + to_ticks(ear, n);

	if (ear->whole > samples(ear, AGAIN_MS))
		ear->hole = 0;
	ear->whole += (uint32_t)n;

	conceal_real(&ear->conceal, pcm, n);
	squeeze_or_stretch(ear, pcm, &n, now_us);
	ear->fifo += n;
}


/**
 * Make up for what is not there
 *
 * @param lost  A packet, else the sender has paused
 * @param next  The one after the lost one, NULL
 */
static void make_up(struct ear *ear, size_t n, bool lost,
		    const struct slot *next)
{
	int16_t *pcm = ear->fifov + ear->fifo;
	struct decoder *dec = ear->decv[ear->codec];
	const bool copy = next && next->codec == CODEC_OPUS &&
		(uint16_t)(ear->next_seq + 1) == next->seq;

	if (lost && dec && decoder_conceal(dec, pcm, n,
					   copy ? next->p : NULL,
					   copy ? next->size : 0))
		conceal_note(&ear->conceal, pcm, n);
	else if (lost && ear->codec != CODEC_CN)
		conceal_fill(&ear->conceal, pcm, n);
	else
		noise_read(&ear->noise, pcm, n);

	if (lost) {
		ear->hole += (uint32_t)n;
		ear->whole = 0;
	}
	ear->fifo    += n;
	ear->next_ts += to_ticks(ear, n);
}


static void hear_or_make_up(struct ear *ear, uint64_t now_us)
{
	const size_t step = ear->rate / 1000 * STEP_MS;
	struct slot *slot = next_slot(ear);
	int32_t gap;
	uint16_t missing;

	if (!slot) {
		make_up(ear, step, true, NULL);
		ear->dry = true;
		return;
	}

	missing = (uint16_t)(slot->seq - ear->next_seq);
	gap = (int32_t)(slot->ts - ear->next_ts);

	if (gap < (int32_t)to_ticks(ear, step)) {
		ear->lost_count += missing;
		hear(ear, slot, now_us);
	}
	else if (missing && gap == (int32_t)to_ticks(ear, ear->frame)) {
		/* just one: its copy may be in the packet after it */
		make_up(ear, ear->frame, true, slot);
		ear->lost_count += missing;
		ear->next_seq = slot->seq;
	}
	else {
		make_up(ear, step, missing > 0, NULL);
	}
}


static bool may_play(struct ear *ear, uint64_t now_us)
{
	if (!ear->running)
		return false;

	if (!ear->held && now_us - ear->heard_us > DRY_MS * 1000ull) {
		ear_flush(ear);
		return false;
	}

	if (!ear->playing &&
	    (depth_us(ear) >= (int64_t)ear->target_ms * 1000 ||
	     now_us - ear->first_us >= ear->target_ms * 1000ull)) {
		ear->playing  = true;
		ear->depth_us = (uint32_t)depth_us(ear);
	}

	return ear->playing;
}


bool ear_read(struct ear *ear, int16_t *pcm, size_t n, uint64_t now_us)
{
	if (n > ear->rate / 1000 * READ_MS || !may_play(ear, now_us))
		return false;

	/* a pause of the sender says nothing of the delay */
	if (ear->held)
		ear->depth_us = (uint32_t)((int64_t)ear->depth_us +
			(depth_us(ear) - (int64_t)ear->depth_us) / 16);

	while (ear->fifo < n)
		hear_or_make_up(ear, now_us);

	memcpy(pcm, ear->fifov, n * sizeof(*pcm));
	ear->fifo -= n;
	memmove(ear->fifov, ear->fifov + n, ear->fifo * sizeof(*pcm));

	listen_in(ear, pcm, n);

	return true;
}


void ear_figures(const struct ear *ear, struct ear_figures *figures)
{
	*figures = (struct ear_figures){
		.late      = ear->late_count,
		.lost      = ear->lost_count,
		.depth_ms  = ear->depth_us / 1000,
		.target_ms = ear->target_ms,
	};
}
