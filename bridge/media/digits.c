/**
 * @file digits.c  Digits of a side
 */
#include "bridge/base/libre.h"
#include "relay.h"


enum {
	STEP_MS  = 20,
	MIN_MS   = 100,            /* of a digit that somebody asks for     */
	LEAST_MS = 40,             /* of one that is passed on (Q.24)       */
	MAX_MS   = 6000,           /* one segment, RFC 4733 section 2.5.1.3 */
	PAUSE    = 3,              /* steps of silence after each digit     */
	ENDS     = 3,              /* the end is said so often              */
	RATE     = 8000,
	GONE_MS  = 150,            /* its end was lost                      */
	LONGEST  = 0xffff,         /* duration of a full segment            */
	LAG_MS   = 60,             /* a tone's samples are behind its time  */
};

#define TONE_LEVEL 0.2f            /* of full scale, each: about -11 dBm0 */


/* ---- out -------------------------------------------------------------- */


static void step(void *arg);


static void wait_step(struct side *side)
{
	wheel_start(worker_wheel(side->relay->worker), &side->digits_out.tmr,
		    STEP_MS, step, side);
}


/** Clock rate of a telephone-event payload type as it leaves there */
static uint32_t rate_of(struct side *side, uint8_t pt)
{
	const struct stream_remote *from = &relay_other(side)->remote;

	for (size_t i = 0; i < from->mapc; i++) {
		if (from->mapv[i].dtmf && from->mapv[i].pt_out == pt &&
		    from->mapv[i].way == STREAM_PASS)
			return from->mapv[i].rate;
	}

	return pt == side->remote.out.dtmf_pt && side->remote.out.dtmf_rate ?
		side->remote.out.dtmf_rate : RATE;
}


static void send_event(struct side *side, uint32_t ms, bool end, bool first)
{
	struct digits_out *out = &side->digits_out;
	_Alignas(16) uint8_t buf[PACKET_HEADER + DTMF_PAYLOAD +
				 SECURE_TRAILER];
	const uint64_t duration = (uint64_t)ms * out->rate / 1000;
	struct packet pkt = { .pt = out->queuev[out->head].pt,
			      .marker = first };

	if (!side->remote.send || out->tones)
		return;

	line_inject(&side->line, &pkt, relay_now(side));
	if (first)
		out->ts = side->line.out_ts;
	pkt.ts = out->ts;

	packet_encode(buf, &pkt);
	dtmf_encode(buf + PACKET_HEADER,
		    (uint8_t)dtmf_event(out->queuev[out->head].digit), end,
		    duration < LONGEST ? (uint16_t)duration : LONGEST);
	relay_send(side, buf, PACKET_HEADER + DTMF_PAYLOAD);
}


static void next(struct side *side)
{
	struct digits_out *out = &side->digits_out;

	out->busy = out->count > 0;
	if (!out->busy)
		return;

	out->tones     = !out->queuev[out->head].pt;
	out->rate      = rate_of(side, out->queuev[out->head].pt);
	out->sent_ms   = STEP_MS;
	out->tone_us   = 0;
	out->ends      = 0;
	out->phasev[0] = out->phasev[1] = 0;
	send_event(side, out->sent_ms, false, true);
	if (out->tones)
		pace_start(side);
	wait_step(side);
}


/** How long is the head to last? One whose end is not known yet: longer */
static uint32_t head_ms(const struct digits_out *out)
{
	if (!out->queuev[out->head].open)
		return out->queuev[out->head].ms;

	return MAX_MS;
}


/** Does the head go on? A tone until its samples were sent, unless none go */
static bool goes_on(const struct digits_out *out, uint32_t ms)
{
	if (out->ends)
		return false;

	if (out->tones)
		return out->tone_us < ms * 1000 && out->sent_ms < ms + LAG_MS;

	return out->sent_ms + STEP_MS < ms;
}


/** Each 20 ms: the event grows, ends thrice, a pause, the next */
static void step(void *arg)
{
	struct side *side = arg;
	struct digits_out *out = &side->digits_out;
	uint32_t ms = head_ms(out);

	if (out->ends == ENDS + PAUSE) {
		out->head = (out->head + 1) % DTMF_QUEUE;
		out->count--;
		next(side);
		return;
	}

	if (goes_on(out, ms)) {
		out->sent_ms += STEP_MS;
		send_event(side, out->sent_ms, false, false);
	}
	else {
		/* an event never becomes shorter again */
		ms = ms > out->sent_ms ? ms : out->sent_ms;
		if (out->ends < ENDS)
			send_event(side, ms, true, false);
		out->queuev[out->head].open = false;
		out->queuev[out->head].ms   = ms;
		out->ends++;
	}

	wait_step(side);
}


/** @return false if it cannot be sent there by RTP */
static bool queue(struct side *side, char digit, uint8_t pt, uint32_t ms,
		  bool open)
{
	const struct stream_out *to = &side->remote.out;
	struct digits_out *out = &side->digits_out;
	float hzv[2];
	unsigned at;

	if (!pt && to->digits == STREAM_DIGITS_EVENTS)
		pt = to->dtmf_pt;

	/* without events: tones, as far as we can make them */
	if (out->count == DTMF_QUEUE ||
	    (!pt && (to->digits == STREAM_DIGITS_NONE || !side->enc ||
		     !player_digit(digit, hzv))))
		return false;

	at = (out->head + out->count++) % DTMF_QUEUE;
	out->queuev[at].digit = digit;
	out->queuev[at].pt    = pt;
	out->queuev[at].ms    = ms;
	out->queuev[at].open  = open;

	if (!out->busy)
		next(side);

	return true;
}


void digits_send(struct side *side, char digit, uint8_t pt,
		 uint32_t duration_ms)
{
	(void)queue(side, digit, pt, duration_ms < MIN_MS ? MIN_MS :
		    duration_ms > MAX_MS ? MAX_MS : duration_ms, false);
}


void digits_samples(struct side *side, uint32_t rate, int16_t *pcm, size_t n)
{
	struct digits_out *out = &side->digits_out;
	const uint32_t us = head_ms(out) * 1000;
	size_t left = 0;
	float hzv[2];

	if (!out->ends && out->tone_us < us &&
	    player_digit(out->queuev[out->head].digit, hzv)) {
		left = (size_t)((uint64_t)(us - out->tone_us) * rate / 1000000);
		left = left < n ? left : n;
		player_tones(out->phasev, hzv, TONE_LEVEL, rate, pcm, left);
	}

	memset(pcm + left, 0, (n - left) * sizeof(*pcm));
	out->tone_us += (uint32_t)((uint64_t)n * 1000000 / rate);
}


/* ---- in --------------------------------------------------------------- */


static void over(struct side *side)
{
	struct digits_in *in = &side->digits_in;
	struct digits_out *out = &relay_other(side)->digits_out;
	struct stream_event ev = {
		.type = STREAM_DTMF_END, .digit = in->digit,
		.duration_ms = in->before_ms + in->ms,
	};

	wheel_cancel(&in->tmr);
	if (!in->digit)
		return;

	in->digit = '\0';
	dtmf_ended(&in->pairs, ev.digit, relay_now(side));

	for (unsigned i = 0; in->relayed && i < out->count; i++) {
		const unsigned at = (out->head + i) % DTMF_QUEUE;

		if (!out->queuev[at].open)
			continue;
		out->queuev[at].open = false;
		out->queuev[at].ms = ev.duration_ms < LEAST_MS ? LEAST_MS :
			ev.duration_ms > MAX_MS ? MAX_MS : ev.duration_ms;
	}

	relay_tell(side, &ev);
}


static void gone(void *arg)
{
	over(arg);
}


static void started(struct side *side, char digit, bool relay)
{
	struct digits_in *in = &side->digits_in;
	struct stream_event ev = { .type = STREAM_DTMF, .digit = digit };

	over(side);
	in->doubled = !dtmf_is_new(&in->pairs, DTMF_VOICE, digit,
				   relay_now(side));
	if (in->doubled)
		return;

	in->digit     = digit;
	in->ms        = 0;
	in->before_ms = 0;
	in->began_us  = relay_now(side);
	in->relayed   = relay && queue(relay_other(side), digit, 0, LEAST_MS,
				       true);
	relay_tell(side, &ev);
}


bool digits_hear(struct side *side, const struct packet *pkt,
		 const struct stream_map *map)
{
	struct digits_in *in = &side->digits_in;
	const uint32_t ts = in->event.ts;
	char digit;

	if (dtmf_begins(&in->event, pkt, relay_now(side), &digit))
		started(side, digit, map->way == STREAM_HEAR);

	if (!in->digit || pkt->size < DTMF_PAYLOAD ||
	    pkt->ts != in->event.ts || pkt->ssrc != in->event.ssrc)
		return !in->doubled;

	/* it goes on in a new segment */
	if (in->ms && ts != in->event.ts) {
		in->before_ms += LONGEST * 1000u / map->rate;
		in->ms = 0;
	}

	in->ms = get_u16(pkt->payload + 2) * 1000u / map->rate;
	wheel_start(worker_wheel(side->relay->worker), &in->tmr, GONE_MS,
		    gone, side);

	if (in->event.ended)
		over(side);

	return true;
}


void digits_told(struct side *side, char digit, uint32_t duration_ms)
{
	struct stream_event ev = {
		.type = STREAM_DTMF_TOLD, .digit = digit,
		.duration_ms = duration_ms,
	};

	if (dtmf_is_new(&side->digits_in.pairs, DTMF_SIGNAL, digit,
			relay_now(side)))
		relay_tell(side, &ev);
}


void digits_tone(struct side *side, char digit)
{
	struct digits_in *in = &side->digits_in;

	if (digit) {
		started(side, digit, true);
		return;
	}

	in->ms = (uint32_t)((relay_now(side) - in->began_us) / 1000);
	over(side);
}


void digits_end(struct side *side)
{
	wheel_cancel(&side->digits_in.tmr);
	wheel_cancel(&side->digits_out.tmr);
}
