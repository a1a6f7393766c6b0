/**
 * @file report.c  Sender and receiver reports (RFC 3550 section 6.4)
 */
#include <string.h>
#include "packet.h"
#include "report.h"


enum {
	VERSION_2  = 0x80,
	PADDING    = 0x20,
	COUNT_MASK = 0x1f,
	SR         = 200,
	RR         = 201,
	SDES       = 202,
	CNAME      = 1,
	CNAME_MAX  = 31,
	HEADER     = 4,
	SENDER     = 20,           /* sender information                   */
	BLOCK      = 24,
	LOST_MAX   = 0x7fffff,
};


static size_t write_block(uint8_t *p, const struct report_block *block)
{
	const uint32_t lost = block->lost < LOST_MAX ? block->lost : LOST_MAX;

	put_u32(p, block->ssrc);
	put_u32(p + 4, (uint32_t)block->fraction << 24 | lost);
	put_u32(p + 8, block->max_seq);
	put_u32(p + 12, block->jitter);
	put_u32(p + 16, block->lsr);
	put_u32(p + 20, block->dlsr);

	return BLOCK;
}


static size_t write_cname(uint8_t *p, uint32_t ssrc, const char *cname)
{
	const size_t len = strnlen(cname, CNAME_MAX);
	/* the list of items ends with at least one zero, on a word */
	const size_t size = (HEADER + 4 + 2 + len + 4) & ~(size_t)3;

	memset(p, 0, size);
	p[0] = VERSION_2 | 1;
	p[1] = SDES;
	put_u16(p + 2, (uint16_t)(size / 4 - 1));
	put_u32(p + 4, ssrc);
	p[8] = CNAME;
	p[9] = (uint8_t)len;
	memcpy(p + 10, cname, len);

	return size;
}


size_t report_encode(uint8_t *p, const struct report *report,
		     const char *cname)
{
	size_t n = HEADER;

	p[0] = (uint8_t)(VERSION_2 | (report->has_block ? 1 : 0));
	p[1] = report->sender ? SR : RR;
	put_u32(p + n, report->ssrc);
	n += 4;

	if (report->sender) {
		put_u32(p + n, (uint32_t)(report->ntp >> 32));
		put_u32(p + n + 4, (uint32_t)report->ntp);
		put_u32(p + n + 8, report->ts);
		put_u32(p + n + 12, report->packets);
		put_u32(p + n + 16, report->octets);
		n += SENDER;
	}

	if (report->has_block)
		n += write_block(p + n, &report->block);

	put_u16(p + 2, (uint16_t)(n / 4 - 1));

	return n + write_cname(p + n, report->ssrc, cname);
}


static void read_block(struct report_block *block, const uint8_t *p)
{
	block->ssrc     = get_u32(p);
	block->fraction = p[4];
	block->lost     = get_u32(p + 4) & 0xffffff;
	block->max_seq  = get_u32(p + 8);
	block->jitter   = get_u32(p + 12);
	block->lsr      = get_u32(p + 16);
	block->dlsr     = get_u32(p + 20);
}


/** Are the lengths of a compound right to its very end? (appendix A.2) */
static bool compound_ok(const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (n - at >= HEADER) {
		const size_t size = HEADER + 4u * get_u16(p + at + 2);

		if ((p[at] & 0xc0) != VERSION_2 || size > n - at)
			return false;

		at += size;
	}

	return at == n;
}


bool report_decode(struct report *report, const uint8_t *p, size_t n,
		   uint32_t ssrc)
{
	size_t blocks, at = HEADER + 4;

	if (n < HEADER + 4 || !compound_ok(p, n) ||
	    (p[1] != SR && p[1] != RR) || p[0] & PADDING)
		return false;

	n = HEADER + 4u * get_u16(p + 2);
	blocks = p[0] & COUNT_MASK;

	*report = (struct report){ .sender = p[1] == SR };

	if (n < at + (report->sender ? SENDER : 0) + BLOCK * blocks)
		return false;

	report->ssrc = get_u32(p + HEADER);

	if (report->sender) {
		report->ntp = (uint64_t)get_u32(p + at) << 32 |
			get_u32(p + at + 4);
		report->ts      = get_u32(p + at + 8);
		report->packets = get_u32(p + at + 12);
		report->octets  = get_u32(p + at + 16);
		at += SENDER;
	}

	for (; blocks && !report->has_block; blocks--, at += BLOCK) {
		if (get_u32(p + at) != ssrc)
			continue;
		read_block(&report->block, p + at);
		report->has_block = true;
	}

	return true;
}
