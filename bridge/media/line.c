/**
 * @file line.c  The sequence and time line of what we send to one side
 */
#include <errno.h>
#include <openssl/rand.h>
#include "line.h"


enum {
	DROPOUT_MAX  = 3000,       /* RFC 3550 appendix A.1                */
	MISORDER_MAX = 100,
	TS_JUMP_S    = 10,         /* further off the clock is a new start */
	NEAR_WRAP    = 0xff00,
};


int line_init(struct line *line, uint64_t now_us)
{
	uint8_t r[10];

	if (RAND_bytes(r, sizeof(r)) != 1)
		return EPROTO;

	*line = (struct line){
		.ssrc    = get_u32(r),
		.out_ts  = get_u32(r + 4),
		.out_seq = get_u16(r + 8) & 0x7fff,
		.out_us  = now_us,
		.rate    = 8000,
		.behind  = -1,
	};

	return 0;
}


static uint32_t ticks(uint64_t us, uint32_t rate)
{
	return (uint32_t)(us / 1000000 * rate + us % 1000000 * rate / 1000000);
}


uint32_t line_now(const struct line *line, uint64_t now_us)
{
	return line->out_ts + ticks(now_us - line->out_us, line->rate);
}


/** Has the sender's clock left the wall's? */
static bool ts_jumped(const struct line *line, const struct packet *pkt,
		      uint32_t rate, uint64_t now_us)
{
	const uint32_t passed = ticks(now_us - line->in_us, rate);
	const int64_t off = (int32_t)(pkt->ts - line->in_ts - passed);
	const int64_t max = (int64_t)rate * TS_JUMP_S;

	return off > max || off < -max;
}


/** From now on this packet's time is the line's */
static void set_time(struct line *line, struct packet *pkt, uint64_t now_us)
{
	uint32_t ts = line_now(line, now_us);

	if (ts == line->out_ts)
		ts++;

	line->ts_offset = ts - pkt->ts;
	pkt->marker = true;
}


static void note(struct line *line, const struct packet *pkt, uint64_t now_us)
{
	line->in_seq = pkt->seq;
	line->in_ts  = pkt->ts;
	line->in_us  = now_us;
}


static bool put_late(struct line *line, struct packet *pkt, int step)
{
	if (-step > line->behind)
		return false;

	pkt->seq  = (uint16_t)(line->out_seq + step);
	pkt->ts  += line->ts_offset;
	pkt->ssrc = line->ssrc;

	return true;
}


bool line_put(struct line *line, struct packet *pkt, uint32_t rate,
	      uint64_t now_us)
{
	int step = (int16_t)(pkt->seq - line->in_seq);

	if (!line->running || pkt->ssrc != line->in_ssrc ||
	    step > DROPOUT_MAX || step < -MISORDER_MAX) {

		set_time(line, pkt, now_us);
		line->running = true;
		line->in_ssrc = pkt->ssrc;
		line->behind  = -1;
		step = 1;
	}
	else if (step <= 0) {
		return put_late(line, pkt, step);
	}
	else if (ts_jumped(line, pkt, rate, now_us)) {
		set_time(line, pkt, now_us);
	}

	note(line, pkt, now_us);

	line->behind += step;
	if (line->behind > MISORDER_MAX)
		line->behind = MISORDER_MAX;

	line->rate    = rate;
	line->out_seq = (uint16_t)(line->out_seq + step);
	line->out_ts  = pkt->ts + line->ts_offset;
	line->out_us  = now_us;

	pkt->seq  = line->out_seq;
	pkt->ts   = line->out_ts;
	pkt->ssrc = line->ssrc;

	return true;
}


bool line_put_event(struct line *line, struct packet *pkt, uint32_t rate,
		    uint64_t now_us)
{
	const uint32_t ssrc = pkt->ssrc, ts = pkt->ts;
	const bool same = line->event && ssrc == line->event_ssrc;

	if (!line_put(line, pkt, rate, now_us))
		return false;

	if (same && ts == line->event_in) {
		pkt->ts = line->event_out;
		pkt->marker = false;
	}
	else if (!same || (int32_t)(ts - line->event_in) > 0) {
		line->event      = true;
		line->event_ssrc = ssrc;
		line->event_in   = ts;
		line->event_out  = pkt->ts;
	}

	return true;
}


void line_skip(struct line *line, const struct packet *pkt, uint64_t now_us)
{
	if (!line->running || pkt->ssrc != line->in_ssrc ||
	    (int16_t)(pkt->seq - line->in_seq) <= 0)
		return;

	note(line, pkt, now_us);
	line->behind = -1;
}


void line_inject(struct line *line, struct packet *pkt, uint64_t now_us)
{
	const uint32_t now = line_now(line, now_us);

	pkt->ssrc = line->ssrc;
	pkt->seq  = ++line->out_seq;

	line->out_ts = now;
	line->out_us = now_us;
	line->behind = -1;
}


void line_own(struct line *line, struct packet *pkt, uint32_t rate,
	      uint32_t duration, uint64_t now_us)
{
	const uint32_t now = line_now(line, now_us);

	pkt->marker = !line->own;

	/* after digits, whose time goes by the wall, ours may be behind */
	if (!line->own || line->rate != rate ||
	    (int32_t)(line->own_ts - line->out_ts) <= 0)
		line->own_ts = now == line->out_ts ? now + 1 : now;

	pkt->ssrc = line->ssrc;
	pkt->seq  = ++line->out_seq;
	pkt->ts   = line->own_ts;

	line->own     = true;
	line->running = false;
	line->rate    = rate;
	line->own_ts += duration;
	line->out_ts  = pkt->ts;
	line->out_us  = now_us;
	line->behind  = -1;
}


void line_own_skip(struct line *line, uint32_t duration)
{
	line->own_ts += duration;
}


void line_break(struct line *line)
{
	line->running = false;
	line->own     = false;
}


void line_rekeyed(struct line *line)
{
	line->behind = -1;
	if (line->out_seq >= NEAR_WRAP)
		line->out_seq = 0;
}
