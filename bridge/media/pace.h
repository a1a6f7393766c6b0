/**
 * @file pace.h  What goes to a side by our own clock
 *
 * A part of relay.h. Voice that was decoded, music and tones, digits as
 * tones, noise for a peer that may not be left without packets: each packet
 * time a frame of samples is taken from whichever there is, encoded and sent.
 * The clock runs only while there is something.
 */
#ifndef MEDIA_PACE_H
#define MEDIA_PACE_H

#include "bridge/base/wheel.h"
#include "noise.h"

struct side;

struct pace {
	struct wheel_tmr tmr;
	struct wheel_tmr watch_tmr;    /* is the peer without packets?     */
	bool running;
	uint64_t due_us;           /* when the next packet goes            */
	uint64_t seen;             /* packets sent when last looked        */
	struct noise noise;
};

/** There may be something to send */
void pace_start(struct side *side);

/** Packets of the other side go on as they come */
void pace_stop(struct side *side);

/** See to it that a peer that wants it is never without packets */
void pace_watch(struct side *side);

/** Timers stop */
void pace_end(struct side *side);

#endif
