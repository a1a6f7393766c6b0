/**
 * @file packet.h  An RTP packet (RFC 3550 section 5.1)
 */
#ifndef MEDIA_PACKET_H
#define MEDIA_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_HEADER = 12 };

struct packet {
	uint8_t *payload;          /* borrowed: inside the buffer it was
				      read from, at least PACKET_HEADER in */
	size_t size;               /* of the payload, without padding      */
	uint32_t ssrc, ts;
	uint16_t seq;
	uint8_t pt;
	bool marker;
};

/** RTCP by its packet type, also on a shared port (RFC 5761 section 4) */
bool packet_is_rtcp(const uint8_t *p, size_t n);

/** Octets of the whole header with CSRC list and extension; 0: not RTP */
size_t packet_header_size(const uint8_t *p, size_t n);

/** Read a plain packet. @return false if it is none */
bool packet_decode(struct packet *pkt, uint8_t *p, size_t n);

/** Write PACKET_HEADER octets: no CSRC, no extension, no padding */
void packet_encode(uint8_t *p, const struct packet *pkt);

static inline uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		(uint32_t)p[2] << 8 | p[3];
}

static inline void put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put_u32(uint8_t *p, uint32_t v)
{
	put_u16(p, (uint16_t)(v >> 16));
	put_u16(p + 2, (uint16_t)v);
}

#endif
