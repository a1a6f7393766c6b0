/**
 * @file guard.h  What is checked around libre's parser
 *
 * docs/libre.md and docs/security.md section 1 say why each
 * check is there. Limits: message 64 KiB, start line 2,048 octets, header
 * 8 KiB, 256 headers, 32 Via, 32 Route or Record-Route, 64 Contact.
 * Each refusal counts in callbridge_sip_refused_total{reason=...}.
 */
#ifndef SIP_GUARD_H
#define SIP_GUARD_H

#include "bridge/base/libre.h"

/** Before decoding: the start line ends in time and is one of SIP/2.0.
    @return 0, EBADMSG (drop it) */
int guard_start(const uint8_t *buf, size_t size);

/**
 * Find one whole message at the start of a stream's buffer (RFC 3261 section
 * 18.3): headers to the empty line, then Content-Length octets. CRLF between
 * messages (keepalive, RFC 5626) is skipped and told.
 *
 * @param skip  Octets of CRLF before the message, to be dropped first
 * @param size  Octets of the message after them, 0 if it is not all there
 *
 * @return 0, EBADMSG or EMSGSIZE: close the connection
 */
int guard_frame(const uint8_t *buf, size_t avail, size_t *skip, size_t *size);

/**
 * After decoding: required headers once, CSeq fits the method, ids fit the
 * names (colliding strangers are unlinked from the message), counts within
 * limits; body cut to Content-Length on datagrams.
 *
 * @param plainc Of parse_message(): what it has made sure of is not looked at
 *               again
 * @param scode  Status to answer a request with (400, 413, 505, 513 ...), 0
 *               when it should be dropped silently
 * @param why    Reason phrase, a static string
 *
 * @return 0, EBADMSG
 */
int guard_message(struct sip_msg *msg, size_t plainc, bool datagram,
		  uint16_t *scode, const char **why);

#endif
