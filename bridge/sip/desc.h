/**
 * @file desc.h  Session descriptions with one audio stream (RFC 4566, 3264)
 *
 * Reads what peers send within limits (docs/security.md section 3: 32 KiB, 8
 * media lines, 64 lines a media) and writes ours. It is plain data: which
 * formats and keys go into an answer is decided by the caller.
 */
#ifndef SIP_DESC_H
#define SIP_DESC_H

#include "bridge/base/libre.h"

enum { DESC_FORMATS = 24, DESC_CRYPTOS = 8, DESC_FMTP = 128 };

enum desc_dir { DESC_INACTIVE = 0, DESC_RECVONLY = 1, DESC_SENDONLY = 2,
		DESC_SENDRECV = 3 };

struct desc_format {
	uint8_t pt;
	char name[24];             /* encoding name, upper case as written in
				      RFC 3551: "PCMA", "telephone-event" */
	uint32_t rate;             /* clock rate [Hz]                     */
	uint8_t channels;
	char fmtp[DESC_FMTP];      /* "" none                             */
};

enum desc_suite {
	SUITE_NONE = 0,            /* plain RTP                           */
	SUITE_AES_CM_128_HMAC_SHA1_80,
	SUITE_AES_CM_128_HMAC_SHA1_32,
	SUITE_AES_256_CM_HMAC_SHA1_80,
	SUITE_AEAD_AES_128_GCM,
	SUITE_AEAD_AES_256_GCM,
};

/** One a=crypto line of SDES (RFC 4568) that we understand */
struct desc_crypto {
	uint32_t tag;
	enum desc_suite suite;
	uint8_t key[46];           /* master key and salt                 */
	uint8_t key_size;          /* 30, 38, 46, 28, 44                  */
	uint32_t mki;              /* with mki_size                       */
	uint8_t mki_size;          /* 0: none                             */
};

struct desc {
	uint64_t sess_id, sess_ver;
	struct sa rtp;             /* c= and m= port; port 0: refused     */
	struct sa rtcp;            /* a=rtcp (RFC 3605), else port + 1    */
	bool rtcp_mux;
	bool secure;               /* RTP/SAVP(F)                         */
	bool hold_zero;            /* c= was 0.0.0.0 (RFC 2543 hold)      */
	enum desc_dir dir;         /* as written by its author            */
	uint32_t ptime_ms;         /* 0: not said                         */
	uint32_t maxptime_ms;      /* 0: not said                         */
	bool no_suppression;       /* a=silenceSupp:off (RFC 3108): for a
				      fax. Only written                   */
	struct desc_format formatv[DESC_FORMATS]; size_t formatc;
	struct desc_crypto cryptov[DESC_CRYPTOS]; size_t cryptoc;
	uint8_t media_index;       /* which m= line is the audio          */
	uint8_t mediac;            /* m= lines in all: the others are
				      refused in the answer by port 0     */
	char othermv[8][64];       /* their "type port proto fmt" to refuse */
	bool crypto_bad;           /* secure, but no usable a=crypto      */
};

/**
 * Read a body of application/sdp
 *
 * Unknown attributes are passed over; a broken rtpmap or fmtp drops its
 * format; a crypto line with an unknown suite, UNENCRYPTED_* or a bad key is
 * left out. The first audio m= line that is not refused is taken.
 *
 * @return 0, EBADMSG unreadable or over a limit, ENOENT no audio line,
 *         EAFNOSUPPORT an address that is none (name, multicast)
 */
int desc_decode(struct desc *desc, const struct pl *body);

/**
 * Write: "v=0", "o=- id ver IN IP4 addr", "s=-", ... one audio line, and the
 * refused ones when answering an offer that had more
 *
 * @return 0, EINVAL no address, or a port without formats; ENOMEM
 */
int desc_encode(struct mbuf **mbp, const struct desc *desc);

/** Format by encoding name and rate, NULL */
const struct desc_format *desc_format_find(const struct desc *desc,
					   const char *name, uint32_t rate);
const struct desc_format *desc_format_pt(const struct desc *desc, uint8_t pt);

/** Same codec: name, rate, channels (fmtp is not compared) */
bool desc_format_same(const struct desc_format *a,
		      const struct desc_format *b);

const char *desc_suite_name(enum desc_suite suite);
uint8_t desc_suite_key_size(enum desc_suite suite);

/** A fresh random key for a suite */
int desc_crypto_make(struct desc_crypto *crypto, uint32_t tag,
		     enum desc_suite suite);

enum desc_dir desc_dir_reverse(enum desc_dir dir);

#endif
