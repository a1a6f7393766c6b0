/**
 * @file report.h  Sender and receiver reports (RFC 3550 section 6.4)
 */
#ifndef MEDIA_REPORT_H
#define MEDIA_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPORT_MAX = 128 };         /* octets of the longest we write */

struct report_block {
	uint32_t ssrc;             /* who is reported on                   */
	uint8_t fraction;          /* lost of 256 since the last report    */
	uint32_t lost;             /* cumulative, at most 2^23 - 1         */
	uint32_t max_seq;          /* extended                             */
	uint32_t jitter;           /* [timestamp units]                    */
	uint32_t lsr;              /* middle of the last SR's NTP time     */
	uint32_t dlsr;             /* since it came [s / 65536]            */
};

struct report {
	uint32_t ssrc;             /* who reports                          */
	bool sender;               /* SR: the next four count              */
	uint64_t ntp;              /* 32.32                                */
	uint32_t ts;
	uint32_t packets, octets;
	bool has_block;
	struct report_block block;
};

/**
 * Write SR or RR, then SDES with the CNAME (section 6.1)
 *
 * @param p      At least REPORT_MAX octets
 * @param cname  At most 31 characters
 *
 * @return octets written
 */
size_t report_encode(uint8_t *p, const struct report *report,
		     const char *cname);

/**
 * Read the first SR or RR of a compound packet
 *
 * @param ssrc  The block about this source is wanted: ours
 *
 * @return false if any part of the compound is malformed (appendix A.2), or
 *         it has no SR or RR in front
 */
bool report_decode(struct report *report, const uint8_t *p, size_t n,
		   uint32_t ssrc);

#endif
