/**
 * @file line.h  The sequence and time line of what we send to one side
 *
 * One SSRC of ours for the whole call (RFC 3550 section 7.1 asks a translator
 * that rewrites to be a source of its own). What arrives is laid on the line
 * by an offset, so a packet lost on the way in is a gap on the way out and a
 * late one comes late to its own place. When the source changes or jumps, the
 * sequence goes on by one and the time by the time that has passed.
 */
#ifndef MEDIA_LINE_H
#define MEDIA_LINE_H

#include "packet.h"

struct line {
	uint32_t ssrc;             /* ours                                 */
	uint32_t out_ts;           /* of the newest packet,                */
	uint64_t out_us;           /* and when it went                     */
	uint32_t rate;             /* clock rate [Hz]                      */
	uint32_t in_ssrc, in_ts;
	uint64_t in_us;
	uint32_t ts_offset;        /* out - in                             */
	uint16_t out_seq;          /* newest sent                          */
	uint16_t in_seq;           /* newest taken                         */
	int behind;                /* how late a packet may be and still
				      have its own place on the line       */
	bool running;              /* in_* are of a source                 */
	uint32_t event_ssrc;       /* of the newest event that was passed  */
	uint32_t event_in, event_out;      /* on: its time here and there  */
	bool event;                /* there was one                        */
	bool own;                  /* own_ts goes on                       */
	uint32_t own_ts;           /* of the next packet that we make      */
};

/** Random SSRC, time and sequence (below 2^15: RFC 3711 section 3.3.1).
    @return 0, EPROTO without randomness */
int line_init(struct line *line, uint64_t now_us);

/**
 * Lay a packet on the line: its seq, ts, ssrc and marker are rewritten
 *
 * @param rate  Clock rate of its payload type [Hz], not 0
 *
 * @return false if it has no place there (late, from before a change)
 */
bool line_put(struct line *line, struct packet *pkt, uint32_t rate,
	      uint64_t now_us);

/**
 * The same for a telephone event. All of its packets have one time (RFC 4733
 * section 2.5.1.2), whatever was sent between them: under another one the rest
 * of a digit would be a second digit.
 */
bool line_put_event(struct line *line, struct packet *pkt, uint32_t rate,
		    uint64_t now_us);

/** A packet that will not be sent: it leaves no gap */
void line_skip(struct line *line, const struct packet *pkt, uint64_t now_us);

/** The line's time now */
uint32_t line_now(const struct line *line, uint64_t now_us);

/** A packet of our own follows the newest: sets ssrc and seq, and notes ts */
void line_inject(struct line *line, struct packet *pkt, uint64_t now_us);

/**
 * The next packet of voice that we make ourselves: sets all but its payload.
 * Its time goes on from the last one's, not by the wall's clock.
 *
 * @param rate      Clock rate [Hz]
 * @param duration  Of the packet, in its ticks
 */
void line_own(struct line *line, struct packet *pkt, uint32_t rate,
	      uint32_t duration, uint64_t now_us);

/** Time passes, and nothing is sent */
void line_own_skip(struct line *line, uint32_t duration);

/** The next packet is the first of a new source */
void line_break(struct line *line);

/** A new SRTP context begins: a receiver that misses the first packets right
    before the sequence wraps would guess another ROC. Step across. */
void line_rekeyed(struct line *line);

#endif
