/**
 * @file media.h  The media processor: one stream of one call
 *
 * Owns an RTP and an RTCP socket, one SRTP context a direction
 * (AES_CM_128_HMAC_SHA1_80), plays a source, hears and counts. Knows
 * nothing of SIP.
 */
#ifndef TEAMS_SIM_MEDIA_H
#define TEAMS_SIM_MEDIA_H

#include "sim.h"
#include "audio.h"
#include "description.h"

struct media;

/** The first packet that passes authentication has come */
typedef void(media_first_h)(void *arg);

/** A digit has begun (RFC 4733) */
typedef void(media_digit_h)(char digit, void *arg);

/**
 * Open sockets in the documented port range and draw a key
 *
 * @param addr  Local address; port ignored
 *
 * @return 0, EADDRNOTAVAIL without a free pair of ports, errno
 */
int media_alloc(struct media **mp, struct sim *sim, const struct sa *addr,
		media_first_h *firsth, media_digit_h *digith, void *arg);

/**
 * Take up what the SBC wrote: address, codec, key
 *
 * A key that differs from the last one starts a new context with ROC 0.
 *
 * @return 0, ENOTSUP without a common codec, errno
 */
int media_remote(struct media *m, const struct desc *desc,
		 const struct crypto *crypto);

/** Other ports, another key, another SSRC, as after a change of place */
int media_move(struct media *m);

/** Close the sockets, the recording and the source; counters remain */
void media_stop(struct media *m);

/** Send (or not); RTCP goes on in any case once the remote is known */
void media_send(struct media *m, bool on);

/** Play this; takes over the source. NULL: no packets but of digits, as when
    Teams suppresses silence */
void media_play(struct media *m, struct source *src);

/** Record to a file; NULL stops. Takes over the recorder */
void media_record(struct media *m, struct recorder *rec);

/** Everything heard goes into this source, borrowed; NULL: no more */
void media_join(struct media *m, struct source *pipe);

/** Send digits 0-9 * # A-D one after the other; 0, EINVAL, ENOTSUP */
int media_dtmf(struct media *m, const char *digits);

/** Fill in address, port and key */
void media_local(const struct media *m, struct desc_local *local);

/** Start counting the delay of the first packet from now */
void media_expect(struct media *m);

/** Has an authentic packet come since media_expect()? */
bool media_is_heard(const struct media *m);

/** @return milliseconds since the last authentic RTP or RTCP packet */
uint64_t media_silent_ms(const struct media *m);

/** @return new object with all counters */
json_t *media_counters(const struct media *m);

/** @return new object: audio_analyse() of the last ms, and its age */
json_t *media_listen(const struct media *m, uint32_t ms);

/** Time for one frame: called every 20 ms */
void media_frame(struct media *m, uint64_t now_ms);

#endif
