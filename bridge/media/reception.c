/**
 * @file reception.c  How well a source arrives (RFC 3550 appendix A)
 */
#include "reception.h"


enum { DROPOUT_MAX = 3000, MISORDER_MAX = 100, SEQ_MOD = 1 << 16 };


static uint32_t expected(const struct reception *rec)
{
	return rec->cycles + rec->max_seq - rec->base_seq + 1;
}


static uint32_t lost_now(const struct reception *rec)
{
	const uint32_t n = rec->running ? expected(rec) : 0;

	/* doubles make it negative */
	return n > rec->received ? n - rec->received : 0;
}


static void begin(struct reception *rec, const struct packet *pkt)
{
	*rec = (struct reception){
		.ssrc        = pkt->ssrc,
		.base_seq    = pkt->seq,
		.max_seq     = pkt->seq,
		.lost_before = reception_lost(rec),
		.running     = true,
	};
}


static void note_jitter(struct reception *rec, const struct packet *pkt,
			uint32_t rate, uint64_t now_us)
{
	const uint32_t arrival = (uint32_t)(now_us / 1000000 * rate +
					    now_us % 1000000 * rate / 1000000);
	const uint32_t transit = arrival - pkt->ts;
	int64_t d = (int32_t)(transit - rec->transit);

	if (rec->rate == rate) {
		if (d < 0)
			d = -d;

		/* a jump of the sender's clock is no jitter */
		if (d < rate)
			rec->jitter = (uint32_t)((int64_t)rec->jitter + d -
						 ((rec->jitter + 8) >> 4));
	}

	rec->transit = transit;
	rec->rate    = rate;
}


bool reception_note(struct reception *rec, const struct packet *pkt,
		    uint32_t rate, bool timed, uint64_t now_us)
{
	const int step = (int16_t)(pkt->seq - rec->max_seq);
	bool in_order = true;

	if (!rec->running || pkt->ssrc != rec->ssrc ||
	    step > DROPOUT_MAX || step < -MISORDER_MAX) {
		begin(rec, pkt);
	}
	else if (step <= 0) {
		in_order = false;
	}
	else {
		if (pkt->seq < rec->max_seq)
			rec->cycles += SEQ_MOD;
		rec->max_seq = pkt->seq;
	}

	rec->received++;

	if (timed && in_order)
		note_jitter(rec, pkt, rate, now_us);

	return in_order;
}


void reception_pause(struct reception *rec)
{
	rec->lost_before = reception_lost(rec);
	rec->running = false;
}


uint64_t reception_lost(const struct reception *rec)
{
	return rec->lost_before + lost_now(rec);
}


uint32_t reception_jitter_us(const struct reception *rec)
{
	if (!rec->rate)
		return 0;

	return (uint32_t)((uint64_t)(rec->jitter >> 4) * 1000000 / rec->rate);
}


uint8_t reception_fraction(struct reception *rec)
{
	const uint32_t exp = expected(rec) - rec->expected_prior;
	const uint32_t got = rec->received - rec->received_prior;

	rec->expected_prior += exp;
	rec->received_prior += got;

	if (!exp || exp <= got)
		return 0;

	return (uint8_t)(((uint64_t)(exp - got) << 8) / exp > 255 ? 255 :
			 ((uint64_t)(exp - got) << 8) / exp);
}
