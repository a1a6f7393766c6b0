/**
 * @file media.h  Voice between two sides: workers and streams
 *
 * A stream is the voice of one call: two sides (0 and 1), each with an RTP
 * and an RTCP socket of its own, each plain or SRTP. Packets that arrive on
 * one side leave on the other, payload type translated, with our own SSRC
 * and a sequence and time line that goes on when the source changes. RTCP is
 * made and read by us on each side, every 5 s, also on hold.
 *
 * Where the sides have no codec in common, or one of them wants something
 * that takes it (other packet times, tones for digits), the voice goes through
 * samples instead: a jitter buffer, a decoder, our own clock, an encoder. So
 * does what we play ourselves, and noise for a peer that may not be left
 * without packets.
 *
 * Streams live on worker threads, one a core, each with its own loop. Commands
 * go to a worker by ring, events come back by another; functions here
 * run on the one thread that owns `struct media` and never block. media
 * knows nothing of SIP.
 *
 * Which packets count: docs/security.md section 3. From the address told by
 * signalling; or, where the peer may be behind NAT (`learn`), from the first
 * address that sends valid media within learn_ms, then locked until the
 * remote is set anew. The address told is preferred whenever it speaks, and
 * who was locked before the remote moved gives way to anybody while learning.
 * With SRTP only packets with a right tag change anything.
 */
#ifndef MEDIA_MEDIA_H
#define MEDIA_MEDIA_H

#include "bridge/base/libre.h"
#include "codec.h"

struct media;
struct stream;
struct player;
struct tape;

enum { STREAM_SIDES = 2, STREAM_KEY_MAX = 46 };

enum stream_suite {                /* same order as enum desc_suite */
	STREAM_PLAIN = 0,
	STREAM_AES_CM_128_HMAC_SHA1_80,
	STREAM_AES_CM_128_HMAC_SHA1_32,
	STREAM_AES_256_CM_HMAC_SHA1_80,
	STREAM_AEAD_AES_128_GCM,
	STREAM_AEAD_AES_256_GCM,
};

struct media_conf {
	unsigned workers;          /* 0: one a core                         */
	uint16_t port_min, port_max;   /* RTP even, RTCP the odd one after  */
	uint32_t learn_ms;         /* 0: 3000                               */
	uint32_t silence_ms;       /* none for so long: event; 0: 30000 */
	uint32_t rtcp_ms;          /* 0: 5000                               */
	uint32_t port_rest_ms;     /* a port rests after use; 0: 60000      */
	uint8_t dscp;              /* 46 is EF                              */
};

struct stream_crypto {
	enum stream_suite suite;
	uint8_t key[STREAM_KEY_MAX];   /* master key and salt */
	uint8_t key_size;
	uint32_t mki; uint8_t mki_size;    /* 0: no MKI */
};

enum stream_way {
	STREAM_PASS = 0,           /* the packet goes on as it came         */
	STREAM_HEAR,               /* it is decoded; a digit is made anew   */
};

/** What to do with a packet by the payload type it arrives with */
struct stream_map {
	uint8_t pt;                /* as it arrives on this side            */
	uint8_t pt_out;            /* as it leaves on the other             */
	uint32_t rate;             /* clock rate [Hz]                       */
	bool dtmf;                 /* telephone-event (RFC 4733)            */
	enum stream_way way;
	enum codec codec;          /* STREAM_HEAR: what it is               */
};

enum { STREAM_MAPS = 24 };

/** How a peer wants to be told of digits */
enum stream_digits {
	STREAM_DIGITS_EVENTS = 0,  /* RFC 4733                              */
	STREAM_DIGITS_TONES,       /* in the voice                          */
	STREAM_DIGITS_NONE,        /* not by RTP: signalling does it        */
};

/** What we send of our own */
struct stream_out {
	enum codec codec;          /* CODEC_NONE: not known                 */
	uint8_t pt;
	uint32_t rate;             /* clock rate [Hz]                       */
	uint32_t ptime_ms;         /* 0: 20                                 */
	enum stream_digits digits;
	uint8_t dtmf_pt;           /* 0: the peer has none                  */
	uint32_t dtmf_rate;
};

/** All that one side must know of its peer; set as a whole */
struct stream_remote {
	struct sa rtp;             /* where to send; not set: nowhere yet   */
	struct sa rtcp;
	bool rtcp_mux;
	bool learn;                /* the peer may be behind NAT            */
	bool send;                 /* may we send to it (direction)         */
	bool recv;                 /* do we take from it                    */
	struct stream_crypto tx, rx;
	struct stream_map mapv[STREAM_MAPS]; size_t mapc;
				   /* of packets that arrive on this side;
				      others are dropped and counted        */
	struct stream_out out;
	uint32_t pcm_rate;         /* of samples, alike on both sides: 8000
				      or 16000; 0: what out.codec has       */
	bool fill;                 /* never leave it without packets: noise */
	bool hear_digits;          /* its digits are tones (STREAM_HEAR)    */
	bool hear_fax;             /* tell when a fax begins (STREAM_HEAR)  */
	bool modem;                /* a fax or modem talks: a buffer of
				      fixed length, no noise                */
};

/** Figures of one side, since the stream began. Written by the worker,
    read at any time: each is right by itself */
struct stream_stats {
	uint64_t rx_packets, rx_octets;    /* valid RTP taken               */
	uint64_t tx_packets, tx_octets;
	uint64_t rx_lost;          /* by sequence numbers (RFC 3550 A.3)    */
	uint64_t rx_late;          /* out of order or double                */
	uint64_t rx_discarded;     /* came too late to be heard: of those
				      that were decoded                     */
	uint64_t bad_auth;         /* SRTP tag wrong                        */
	uint64_t bad_replay;
	uint64_t bad_source;       /* from an address that does not count   */
	uint64_t bad_packet;       /* not RTP/RTCP, unknown payload type    */
	uint64_t rtcp_rx, rtcp_tx;
	uint32_t jitter_us;        /* of arrival (RFC 3550 A.8)             */
	uint32_t rtt_us;           /* by RTCP, 0: not known                 */
	uint32_t peer_lost_permille;   /* what the peer says it lost (RR)   */
	uint32_t peer_jitter_us;
	uint64_t first_us;         /* monotonic time of the first packet, 0 */
	uint64_t last_us;          /* of the newest                         */
	struct sa source;          /* where it comes from (learnt)          */
	uint8_t pt;                /* newest payload type, as it arrived    */
};

enum stream_event_type {
	STREAM_FIRST,              /* first valid packet of a side          */
	STREAM_SILENT,             /* none for silence_ms while we should
				      receive; said again each silence_ms   */
	STREAM_BACK,               /* and again one                         */
	STREAM_DTMF,               /* a digit has begun (each once)         */
	STREAM_DTMF_END,           /* and ended                             */
	STREAM_DTMF_TOLD,          /* stream_dtmf_told(): it was not heard  */
	STREAM_FAX,                /* CNG or CED was heard (hear_fax)       */
	STREAM_SOURCE,             /* a new source was learnt               */
};

struct stream_event {
	enum stream_event_type type;
	unsigned side;
	char digit;                /* DTMF: 0-9 * # A-D, ! for flash        */
	uint32_t duration_ms;      /* STREAM_DTMF_END, _TOLD                */
	uint32_t silent_ms;
	struct sa source;
};

/** Something happened on a stream. Runs from media_dispatch() */
typedef void (stream_event_h)(struct stream *stream,
			      const struct stream_event *ev, void *arg);

/**
 * Start the workers. The SRTP library is set up, with our ciphers plugged in
 * (srtp_openssl.h).
 *
 * @return 0, EINVAL, ENOMEM, errno of threads
 */
int media_alloc(struct media **mediap, const struct media_conf *conf);

/** Readable when events wait: for the owner's loop; then media_dispatch() */
int media_fd(const struct media *media);
void media_dispatch(struct media *media);

size_t media_streams(const struct media *media);

/** The DSCP that packets are sent with */
uint8_t media_dscp(const struct media *media);

/**
 * Bind the sockets of a stream and hand them to a worker
 *
 * @param laddrv  Local address of each side (port ignored)
 *
 * @return 0, ENOMEM, EMFILE, EADDRINUSE when no port is free
 */
int stream_alloc(struct stream **streamp, struct media *media,
		 const struct sa laddrv[STREAM_SIDES],
		 stream_event_h *eventh, void *arg);
/* mem_deref(stream) ends it: sockets close, keys are wiped, ports rest */

/** Our RTP address of a side: for the description. RTCP is the port after */
const struct sa *stream_local(const struct stream *stream, unsigned side);

/**
 * Say what a side's peer is, whole. A changed key starts a new SRTP context
 * with ROC 0; the same key with the same suite goes on (also when address or
 * direction changed).
 *
 * @return 0, EINVAL (key size, map, codec), ENOMEM, ENOBUFS the worker's ring
 *         is full
 */
int stream_remote_set(struct stream *stream, unsigned side,
		      const struct stream_remote *remote);

/** Send one DTMF digit to a side (100 ms and more), in the outgoing line of
    that side, as its `out` says. @param pt payload type of the event there, 0:
    that of `out` */
int stream_dtmf_send(struct stream *stream, unsigned side, char digit,
		     uint8_t pt, uint32_t duration_ms);

/**
 * A side's peer has told a digit by signalling. If it tells it by RTP too,
 * whichever comes first, it counts once: STREAM_DTMF_TOLD comes when it was
 * not heard, and what is heard of it later is not passed on
 *
 * @return 0, EINVAL, ENOBUFS the worker's ring is full
 */
int stream_dtmf_told(struct stream *stream, unsigned side, char digit,
		     uint32_t duration_ms);

/**
 * Play to a side instead of the other side's voice
 *
 * @param player  Belongs to the stream from success on; NULL: no more
 *
 * @return 0, EINVAL, ENOBUFS the worker's ring is full
 */
int stream_play(struct stream *stream, unsigned side, struct player *player);

/**
 * Keep the packets of a stream from now on (base/tape.h)
 *
 * @param tape  Belongs to the stream from success on, until its end
 *
 * @return 0, EINVAL, EALREADY it has one, ENOBUFS the worker's ring is full
 */
int stream_tape(struct stream *stream, struct tape *tape);

void stream_stats(const struct stream *stream, unsigned side,
		  struct stream_stats *stats);

/** MOS by the E-model (ITU-T G.107, simplified) from one-way delay [ms],
    loss [permille] and the codec's name ("PCMA", "G722", "opus"...) */
double quality_mos(double delay_ms, double loss_permille, const char *codec);

#endif
