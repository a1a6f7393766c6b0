/**
 * @file packet.c  An RTP packet (RFC 3550 section 5.1)
 */
#include "packet.h"


enum {
	VERSION_MASK = 0xc0,
	VERSION_2    = 0x80,
	PADDING      = 0x20,
	EXTENSION    = 0x10,
	CSRC_MASK    = 0x0f,
	MARKER       = 0x80,
	RTCP_FIRST   = 192,        /* packet types, RFC 5761 section 4 */
	RTCP_LAST    = 223,
};


bool packet_is_rtcp(const uint8_t *p, size_t n)
{
	return n >= 8 && (p[0] & VERSION_MASK) == VERSION_2 &&
		p[1] >= RTCP_FIRST && p[1] <= RTCP_LAST;
}


size_t packet_header_size(const uint8_t *p, size_t n)
{
	size_t size;

	if (n < PACKET_HEADER || (p[0] & VERSION_MASK) != VERSION_2)
		return 0;

	size = PACKET_HEADER + 4u * (p[0] & CSRC_MASK);

	if (p[0] & EXTENSION) {
		if (n < size + 4)
			return 0;
		size += 4 + 4u * get_u16(p + size + 2);
	}

	return size <= n ? size : 0;
}


bool packet_decode(struct packet *pkt, uint8_t *p, size_t n)
{
	const size_t header = packet_header_size(p, n);
	size_t padding = 0;

	if (!header)
		return false;

	if (p[0] & PADDING) {
		padding = p[n - 1];
		if (!padding || padding > n - header)
			return false;
	}

	pkt->payload = p + header;
	pkt->size    = n - header - padding;
	pkt->marker  = p[1] & MARKER;
	pkt->pt      = p[1] & 0x7f;
	pkt->seq     = get_u16(p + 2);
	pkt->ts      = get_u32(p + 4);
	pkt->ssrc    = get_u32(p + 8);

	return true;
}


void packet_encode(uint8_t *p, const struct packet *pkt)
{
	p[0] = VERSION_2;
	p[1] = (uint8_t)((pkt->marker ? MARKER : 0) | pkt->pt);
	put_u16(p + 2, pkt->seq);
	put_u32(p + 4, pkt->ts);
	put_u32(p + 8, pkt->ssrc);
}
