/**
 * @file voice.h  Voice of many calls on one socket: RTP or SRTP
 *
 * Each line sends a packet of 20 ms (G.711 A-law, 172 octets) every 20 ms,
 * each at a phase of its own, so that packets come to the bridge as they
 * come from the field: spread, not in bursts. One socket a side: what sends
 * must cost little beside what is measured. What arrives is told apart by the
 * port it came from.
 */
#ifndef LOAD_VOICE_H
#define LOAD_VOICE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct voice;

enum { VOICE_KEY = 30 };

struct voice_stats {
	uint64_t sent, received;
	uint64_t unsent;           /* the socket did not take them        */
	uint64_t bad;              /* no RTP, unknown source, wrong tag   */
};

/**
 * @param lines  How many there can be at once
 *
 * @return 0, ENOMEM, errno
 */
int voice_alloc(struct voice **vp, const struct in_addr *addr,
		unsigned lines);
void voice_free(struct voice *v);

/** The RTP port that descriptions must name; RTCP is the next */
uint16_t voice_port(const struct voice *v);

/**
 * Begin a line. It is heard from now on and speaks while voice_speak() is on
 *
 * @param line  0 to lines - 1, not in use
 * @param tx    Our SRTP key (AES_CM_128_HMAC_SHA1_80), NULL for plain RTP
 * @param rx    The peer's
 *
 * @return 0, ENOMEM, EINVAL
 */
int voice_begin(struct voice *v, unsigned line, const struct sockaddr_in *peer,
		const uint8_t *tx, const uint8_t *rx);
void voice_end(struct voice *v, unsigned line);

/** Speak, or be silent. On starts the counters anew: what a bridge sent by
    itself before is not counted */
void voice_speak(struct voice *v, bool on);

/** Time passes. @param count  Ticks of TICK_US */
void voice_tick(struct voice *v, uint64_t count);

const struct voice_stats *voice_stats(const struct voice *v);

#endif
