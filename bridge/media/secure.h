/**
 * @file secure.h  One direction of one side's SRTP (RFC 3711, RFC 7714)
 *
 * A context is made by the owner's thread, then belongs to the worker. It
 * holds one master key; a new key is a new context with ROC 0.
 */
#ifndef MEDIA_SECURE_H
#define MEDIA_SECURE_H

#include "media.h"

enum { SECURE_TRAILER = 16 + 4 + 4 };   /* tag, MKI, SRTCP index */

enum secure_dir { SECURE_TX, SECURE_RX };

enum secure_result {
	SECURE_OK,
	SECURE_AUTH,               /* tag wrong                        */
	SECURE_REPLAY,             /* seen before, or too old to tell  */
	SECURE_BAD,                /* unreadable                       */
};

struct secure;                     /* a libre memory object */

/** Octets of key and salt of a suite, 0: none */
size_t secure_key_size(enum stream_suite suite);

/**
 * @param crypto  Suite (not STREAM_PLAIN) and key; not kept
 *
 * @return 0, EINVAL, ENOMEM
 */
int secure_alloc(struct secure **securep, const struct stream_crypto *crypto,
		 enum secure_dir dir);

/**
 * Protect in place
 *
 * @param p  Packet, aligned to 4, with SECURE_TRAILER octets to spare
 * @param n  Its length, grows by the trailer
 */
enum secure_result secure_seal_rtp(struct secure *secure, uint8_t *p,
				   size_t *n);
enum secure_result secure_seal_rtcp(struct secure *secure, uint8_t *p,
				    size_t *n);

/** Check and decrypt in place; *n shrinks. Only SECURE_OK may count */
enum secure_result secure_open_rtp(struct secure *secure, uint8_t *p,
				   size_t *n);
enum secure_result secure_open_rtcp(struct secure *secure, uint8_t *p,
				    size_t *n);

#endif
