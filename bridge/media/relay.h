/**
 * @file relay.h  A stream as the worker sees it
 *
 * Made by the owner, given to a worker with COMMAND_OPEN, given back with the
 * notice that says `ended`. In between only the worker touches it, but for
 * the statistics and `ending`.
 */
#ifndef MEDIA_RELAY_H
#define MEDIA_RELAY_H

#include <stdatomic.h>
#include "bridge/base/tape.h"
#include "bridge/base/wheel.h"
#include "digits.h"
#include "ear.h"
#include "line.h"
#include "media.h"
#include "pace.h"
#include "player.h"
#include "reception.h"
#include "secure.h"
#include "worker.h"

enum { RELAY_BUF = 2048 };         /* a packet may have RELAY_BUF -
				      SECURE_TRAILER octets */

enum { SOCK_RTP, SOCK_RTCP, SOCKS };

struct sock {
	int fd;                    /* owned, -1 when closed                */
	unsigned kind;
	struct side *side;         /* borrowed, the side it is in          */
};

/** struct stream_stats, but for the address; each cell has one writer */
enum cell {
	RX_PACKETS, RX_OCTETS, TX_PACKETS, TX_OCTETS, RX_LOST, RX_LATE,
	RX_DISCARDED,
	BAD_AUTH, BAD_REPLAY, BAD_SOURCE, BAD_PACKET, RTCP_RX, RTCP_TX,
	JITTER_US, RTT_US, PEER_LOST, PEER_JITTER_US, FIRST_US, LAST_US, PT,
	CELLS
};

/** An address that another thread may read: even when nobody writes */
struct shared_sa {
	atomic_uint_fast32_t version;
	atomic_uint_fast64_t wordv[3];
};

struct side {
	struct relay *relay;       /* borrowed, the relay it is in         */
	unsigned i;
	struct sock sockv[SOCKS];

	struct stream_remote remote;   /* without keys                     */
	bool set;                  /* remote was told                      */
	uint8_t map_at[128];       /* by payload type, into remote.mapv    */
	struct secure *tx, *rx;    /* owned, NULL: plain                   */

	struct sa source;          /* RTP counts from here, if locked      */
	struct sa former;          /* ... until the remote moved; or unset */
	struct sa rtcp_source;
	bool locked, rtcp_locked;
	uint64_t learn_until_us;
	bool opened;               /* a packet has gone to the remote      */

	struct line line;          /* what we send to the peer             */
	struct reception rec;      /* what comes from it                   */
	uint32_t lsr;              /* of the peer's newest SR,             */
	uint64_t sr_us;            /* and when it came                     */
	uint64_t reported;         /* TX_PACKETS at our last report        */
	bool heard, silent;
	uint32_t silent_ms;
	struct digits_in digits_in;
	struct digits_out digits_out;

	/* voice through samples */
	struct encoder *enc;       /* owned, of what we send; NULL: unknown */
	struct ear *ear;           /* owned, of what comes; NULL: it goes on
				      as it came                           */
	struct player *player;     /* owned, played to the peer; NULL      */
	struct pace pace;
	struct wheel_tmr rtcp_tmr, silence_tmr;
	char cname[25];            /* RFC 7022: random, of this side alone */

	atomic_uint_fast64_t cellv[CELLS];
	struct shared_sa seen;     /* stats.source                         */
};

struct relay {
	struct le le;              /* worker's list                        */
	struct worker *worker;     /* borrowed, the media room outlives it */
	struct stream *stream;     /* owner's thread only; NULL once ended */
	uint16_t portv[STREAM_SIDES];  /* owner's: our RTP ports           */
	struct tape *tape;         /* owned; NULL: nobody asked for it      */
	atomic_bool ending;        /* for when the command ring was full   */
	struct side sidev[STREAM_SIDES];
};

/** A new remote on its way to the worker */
struct relay_change {
	struct stream_remote remote;   /* keys are already gone            */
	struct secure *tx, *rx;    /* owned; new contexts                  */
	bool tx_new, rx_new;       /* take them (NULL: plain from now on)  */
	struct encoder *enc;       /* owned                                */
	struct ear *ear;           /* owned                                */
	bool enc_new, ear_new;     /* take them (NULL: none from now on)   */
};

/** @param fdv  RTP and RTCP of each side; owned from success on.
    @return 0, ENOMEM, EPROTO without randomness */
int relay_alloc(struct relay **relayp, struct worker *worker,
		int fdv[STREAM_SIDES][SOCKS]);

int relay_change_alloc(struct relay_change **changep);

/** Owner or anyone: read the statistics of a side */
void relay_stats(const struct relay *relay, unsigned side,
		 struct stream_stats *stats);

/* The rest on the worker's thread */

int  relay_open(struct relay *relay);

/** Timers stop, sockets close, keys are wiped */
void relay_end(struct relay *relay);

/** Set a remote; what change owns is taken out of it */
void relay_apply(struct relay *relay, unsigned side,
		 struct relay_change *change);

/** Play to a side. @param player  Taken over; NULL: no more */
void relay_play(struct relay *relay, unsigned side, struct player *player);

/* For the parts of a relay: digits.c, pace.c */

struct side *relay_other(struct side *side);
uint64_t relay_now(const struct side *side);

/** Would a packet to the peer be sent at all? */
bool relay_may_send(const struct side *side);

/** @param p  PACKET_HEADER and payload, aligned to 16, with SECURE_TRAILER to
              spare */
void relay_send(struct side *side, uint8_t *p, size_t n);

/** Packets sent so far */
uint64_t relay_sent(const struct side *side);

/** Tell the owner of something that happened on that side */
void relay_tell(struct side *side, struct stream_event *event);

/** A tone that the side's ear has heard */
void relay_tone(enum ear_tone tone, char digit, void *side);

/**
 * A datagram has come
 *
 * @param p  Aligned to 16, RELAY_BUF octets of room
 * @param n  Its true length, may be more than the room
 */
void relay_receive(struct sock *sock, uint8_t *p, size_t n,
		   const struct sa *src);

#endif
