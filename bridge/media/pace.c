/**
 * @file pace.c  What goes to a side by our own clock
 */
#include "bridge/base/libre.h"
#include "relay.h"


enum {
	SAMPLES  = 960,            /* of 60 ms at 16 kHz                   */
	BEHIND   = 5,              /* packet times: then those are given up */
	WATCH_MS = 100,            /* without a packet: noise              */
};


static void tick(void *arg);


static uint32_t ptime(const struct side *side)
{
	return codec_ptime(side->remote.out.codec,
			   side->remote.out.ptime_ms);
}


static void wait_tick(struct side *side)
{
	struct pace *pace = &side->pace;
	const uint64_t now = relay_now(side);
	const uint32_t us = ptime(side) * 1000;

	pace->due_us += us;
	if (pace->due_us + (uint64_t)BEHIND * us < now)
		pace->due_us = now;

	wheel_start(worker_wheel(side->relay->worker), &pace->tmr,
		    pace->due_us > now ? (pace->due_us - now + 500) / 1000 :
		    0, tick, side);
}


/** A frame of whatever there is. @return false: nothing */
static bool take_samples(struct side *side, int16_t *pcm, size_t n)
{
	struct side *from = relay_other(side);
	const uint32_t rate = encoder_rate(side->enc);
	bool some = false;

	/* read also while a digit covers it, or it would be late after it */
	if (!side->player && from->ear && ear_rate(from->ear) == rate)
		some = ear_read(from->ear, pcm, n, relay_now(side));

	if (side->digits_out.busy && side->digits_out.tones) {
		digits_samples(side, rate, pcm, n);
		return true;
	}

	if (side->player) {
		player_read(side->player, rate, pcm, n);
		return true;
	}

	if (!some && side->remote.fill && !side->remote.modem) {
		noise_read(&side->pace.noise, pcm, n);
		return true;
	}

	return some;
}


static void send_frame(struct side *side, const int16_t *pcm, size_t n,
		       uint32_t duration)
{
	_Alignas(16) uint8_t buf[PACKET_HEADER + CODEC_OCTETS +
				 SECURE_TRAILER];
	const struct stream_out *out = &side->remote.out;
	struct packet pkt = { .pt = out->pt };
	const size_t size = encoder_encode(side->enc, pcm, n,
					   buf + PACKET_HEADER, CODEC_OCTETS);

	/* events go instead of the voice */
	if (!size || (side->digits_out.busy && !side->digits_out.tones)) {
		line_own_skip(&side->line, duration);
		return;
	}

	line_own(&side->line, &pkt, out->rate, duration, relay_now(side));
	packet_encode(buf, &pkt);
	relay_send(side, buf, PACKET_HEADER + size);
}


static void tick(void *arg)
{
	struct side *side = arg;
	const struct stream_out *out = &side->remote.out;
	const uint32_t ms = ptime(side);
	int16_t pcm[SAMPLES];
	size_t n;

	if (!side->enc || !relay_may_send(side)) {
		pace_stop(side);
		return;
	}

	n = encoder_rate(side->enc) / 1000 * ms;
	if (!take_samples(side, pcm, n)) {
		pace_stop(side);
		return;
	}

	send_frame(side, pcm, n, out->rate / 1000 * ms);
	wait_tick(side);
}


void pace_start(struct side *side)
{
	if (side->pace.running || !side->enc || !relay_may_send(side))
		return;

	side->pace.running = true;
	side->pace.due_us  = relay_now(side);
	line_break(&side->line);
	wait_tick(side);
}


void pace_stop(struct side *side)
{
	side->pace.running = false;
	wheel_cancel(&side->pace.tmr);
	line_break(&side->line);
}


static void watch(void *arg)
{
	struct side *side = arg;
	const uint64_t sent = relay_sent(side);

	/* a digit whose packets are late is no pause: voice after its time
	   ends it for many receivers, and its rest would be another digit */
	if (sent == side->pace.seen && !relay_other(side)->digits_in.digit)
		pace_start(side);

	side->pace.seen = sent;
	wheel_start(worker_wheel(side->relay->worker), &side->pace.watch_tmr,
		    WATCH_MS, watch, side);
}


void pace_watch(struct side *side)
{
	const bool wanted = side->remote.fill && !side->remote.modem &&
		side->enc && relay_may_send(side);

	/* something to play may have waited for the peer to be told */
	if (side->player)
		pace_start(side);

	if (!wanted) {
		wheel_cancel(&side->pace.watch_tmr);
	}
	else if (!wheel_is_running(&side->pace.watch_tmr)) {
		side->pace.seen = UINT64_MAX;
		watch(side);
	}
}


void pace_end(struct side *side)
{
	wheel_cancel(&side->pace.tmr);
	wheel_cancel(&side->pace.watch_tmr);
}
