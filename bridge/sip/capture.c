/**
 * @file capture.c  Traced messages as a capture that Wireshark opens
 */
#include "bridge/base/libre.h"
#include "capture.h"


enum {
	BLOCK_SECTION   = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET    = 6,
	ORDER_MAGIC      = 0x1a2b3c4d,
	LINK_RAW        = 101,     /* IPv4 or IPv6 without a link header */
	OPTION_COMMENT  = 1,
	OPTION_APP      = 4,
	OPTION_TSRESOL  = 9,

	PROTO_TCP       = 6,
	PROTO_UDP       = 17,
	TCP_PSH_ACK     = 0x18,
	TTL             = 64,
	SEGMENT_MAX     = 32768,   /* octets of one TCP segment          */
	PACKET_MAX      = 65535,
};


/** A TCP connection, for its sequence numbers */
struct conn {
	struct le le;
	struct sa local, peer;
	uint32_t tx_seq, rx_seq;   /* octets so far, from 1 */
};


struct capture {
	struct mbuf *mb;           /* owned */
	struct list connl;         /* struct conn */
};


static void destructor(void *arg)
{
	struct capture *cap = arg;

	list_flush(&cap->connl);
	mem_deref(cap->mb);
}


static void conn_destructor(void *arg)
{
	struct conn *conn = arg;

	list_unlink(&conn->le);
}


/* Blocks: in the byte order of this machine, as the format allows */


static int pad(struct mbuf *mb)
{
	const size_t l = (4 - mb->end % 4) % 4;

	return l ? mbuf_fill(mb, 0, l) : 0;
}


static int option(struct mbuf *mb, uint16_t code, const void *p, size_t l)
{
	int err;

	err  = mbuf_write_u16(mb, code);
	err |= mbuf_write_u16(mb, (uint16_t)l);
	err |= mbuf_write_mem(mb, p, l);
	err |= pad(mb);

	return err;
}


static int options_end(struct mbuf *mb)
{
	return mbuf_write_u32(mb, 0);
}


/** @return where the block begins */
static size_t block_begin(struct mbuf *mb, uint32_t type, int *err)
{
	const size_t at = mb->end;

	*err |= mbuf_write_u32(mb, type);
	*err |= mbuf_write_u32(mb, 0);

	return at;
}


static int block_end(struct mbuf *mb, size_t at)
{
	const uint32_t l = (uint32_t)(mb->end + 4 - at);
	int err;

	err = mbuf_write_u32(mb, l);
	if (!err)
		memcpy(mb->buf + at + 4, &l, sizeof(l));

	return err;
}


static int head_write(struct mbuf *mb, const char *software)
{
	static const uint8_t microseconds = 6;
	size_t at;
	int err = 0;

	at = block_begin(mb, BLOCK_SECTION, &err);
	err |= mbuf_write_u32(mb, ORDER_MAGIC);
	err |= mbuf_write_u16(mb, 1);
	err |= mbuf_write_u16(mb, 0);
	err |= mbuf_write_u64(mb, UINT64_MAX);     /* length is not told */
	err |= option(mb, OPTION_APP, software, strlen(software));
	err |= options_end(mb);
	err |= block_end(mb, at);

	at = block_begin(mb, BLOCK_INTERFACE, &err);
	err |= mbuf_write_u16(mb, LINK_RAW);
	err |= mbuf_write_u16(mb, 0);
	err |= mbuf_write_u32(mb, 0);              /* no limit of length */
	err |= option(mb, OPTION_TSRESOL, &microseconds, 1);
	err |= options_end(mb);
	err |= block_end(mb, at);

	return err;
}


int capture_alloc(struct capture **capp, const char *software)
{
	struct capture *cap;
	int err = ENOMEM;

	cap = mem_zalloc(sizeof(*cap), destructor);
	if (!cap)
		return ENOMEM;

	cap->mb = mbuf_alloc(16384);
	if (cap->mb)
		err = head_write(cap->mb, software);

	if (err)
		mem_deref(cap);
	else
		*capp = cap;

	return err;
}


const struct mbuf *capture_file(const struct capture *cap)
{
	return cap->mb;
}


/* Packets: in network byte order */


struct packet {
	uint8_t v[PACKET_MAX];
	size_t l;
};


static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}


static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}


/** RFC 1071 */
static uint32_t sum(uint32_t s, const uint8_t *p, size_t l)
{
	for (; l > 1; p += 2, l -= 2)
		s += (uint32_t)p[0] << 8 | p[1];
	if (l)
		s += (uint32_t)p[0] << 8;

	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);

	return s;
}


static size_t address_put(uint8_t *p, const struct sa *sa)
{
	if (sa_af(sa) == AF_INET6) {
		sa_in6(sa, p);
		return 16;
	}

	put32(p, sa_in(sa));

	return 4;
}


/** @return octets of the header, that the payload's follow */
static size_t ip_put(uint8_t *p, const struct sa *src, const struct sa *dst,
		     uint8_t proto, size_t payload)
{
	if (sa_af(src) == AF_INET6) {
		put32(p, 6u << 28);
		put16(p + 4, (uint32_t)payload);
		p[6] = proto;
		p[7] = TTL;
		(void)address_put(p + 8, src);
		(void)address_put(p + 24, dst);
		return 40;
	}

	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, (uint32_t)(20 + payload));
	p[6] = 0x40;               /* don't fragment */
	p[8] = TTL;
	p[9] = proto;
	(void)address_put(p + 12, src);
	(void)address_put(p + 16, dst);
	put16(p + 10, ~sum(0, p, 20) & 0xffff);

	return 20;
}


/** Over pseudo header and payload (RFC 768, RFC 9293, RFC 8200) */
static uint32_t checksum(const struct sa *src, const struct sa *dst,
			 uint8_t proto, const uint8_t *p, size_t l)
{
	uint8_t pseudo[36];
	size_t n = address_put(pseudo, src);

	n += address_put(pseudo + n, dst);
	put16(pseudo + n, proto);
	put16(pseudo + n + 2, (uint32_t)l);

	return ~sum(sum(0, pseudo, n + 4), p, l) & 0xffff;
}


static void udp_make(struct packet *pk, const struct sa *src,
		     const struct sa *dst, const char *data, size_t l)
{
	const size_t at = ip_put(pk->v, src, dst, PROTO_UDP, 8 + l);
	uint8_t *p = pk->v + at;
	uint32_t check;

	put16(p, sa_port(src));
	put16(p + 2, sa_port(dst));
	put32(p + 4, (uint32_t)(8 + l) << 16);
	memcpy(p + 8, data, l);
	check = checksum(src, dst, PROTO_UDP, p, 8 + l);
	put16(p + 6, check ? check : 0xffff);
	pk->l = at + 8 + l;
}


static void tcp_make(struct packet *pk, const struct sa *src,
		     const struct sa *dst, uint32_t seq, uint32_t ack,
		     const char *data, size_t l)
{
	const size_t at = ip_put(pk->v, src, dst, PROTO_TCP, 20 + l);
	uint8_t *p = pk->v + at;

	memset(p, 0, 20);
	put16(p, sa_port(src));
	put16(p + 2, sa_port(dst));
	put32(p + 4, seq);
	put32(p + 8, ack);
	p[12] = 5 << 4;
	p[13] = TCP_PSH_ACK;
	put16(p + 14, 65535);
	memcpy(p + 20, data, l);
	put16(p + 16, checksum(src, dst, PROTO_TCP, p, 20 + l));
	pk->l = at + 20 + l;
}


static int packet_write(struct capture *cap, const struct trace_msg *msg,
			const struct packet *pk)
{
	struct mbuf *mb = cap->mb;
	char comment[96];
	size_t at;
	int err = 0;

	(void)re_snprintf(comment, sizeof(comment), "%s: %s%s", msg->side,
			  msg->tx ? "sent by the bridge" :
			  "received by the bridge",
			  msg->tp == SIP_TRANSP_TLS ? ", over TLS" : "");

	at = block_begin(mb, BLOCK_PACKET, &err);
	err |= mbuf_write_u32(mb, 0);
	err |= mbuf_write_u32(mb, (uint32_t)(msg->time_us >> 32));
	err |= mbuf_write_u32(mb, (uint32_t)msg->time_us);
	err |= mbuf_write_u32(mb, (uint32_t)pk->l);
	err |= mbuf_write_u32(mb, (uint32_t)pk->l);
	err |= mbuf_write_mem(mb, pk->v, pk->l);
	err |= pad(mb);
	err |= option(mb, OPTION_COMMENT, comment, strlen(comment));
	err |= options_end(mb);
	err |= block_end(mb, at);

	return err;
}


static struct conn *conn_get(struct capture *cap, const struct trace_msg *msg)
{
	struct conn *conn;
	struct le *le;

	for (le = list_head(&cap->connl); le; le = le->next) {
		conn = le->data;
		if (sa_cmp(&conn->local, &msg->local, SA_ALL) &&
		    sa_cmp(&conn->peer, &msg->peer, SA_ALL))
			return conn;
	}

	conn = mem_zalloc(sizeof(*conn), conn_destructor);
	if (!conn)
		return NULL;

	conn->local = msg->local;
	conn->peer = msg->peer;
	conn->tx_seq = conn->rx_seq = 1;
	list_append(&cap->connl, &conn->le, conn);

	return conn;
}


static int tcp_add(struct capture *cap, const struct trace_msg *msg,
		   struct packet *pk)
{
	struct conn *conn = conn_get(cap, msg);
	const struct sa *src = msg->tx ? &msg->local : &msg->peer;
	const struct sa *dst = msg->tx ? &msg->peer : &msg->local;
	uint32_t *seq;
	size_t at;
	int err = 0;

	if (!conn)
		return ENOMEM;

	seq = msg->tx ? &conn->tx_seq : &conn->rx_seq;

	for (at = 0; at < msg->size && !err; ) {
		const size_t l = msg->size - at < SEGMENT_MAX ?
			msg->size - at : SEGMENT_MAX;

		tcp_make(pk, src, dst, *seq, msg->tx ? conn->rx_seq :
			 conn->tx_seq, msg->data + at, l);
		err = packet_write(cap, msg, pk);
		*seq += (uint32_t)l;
		at += l;
	}

	return err;
}


int capture_add(struct capture *cap, const struct trace_msg *msg)
{
	const struct sa *src = msg->tx ? &msg->local : &msg->peer;
	const struct sa *dst = msg->tx ? &msg->peer : &msg->local;
	struct packet *pk;
	int err;

	if (sa_af(src) != sa_af(dst) ||
	    (sa_af(src) != AF_INET && sa_af(src) != AF_INET6))
		return EINVAL;

	pk = mem_alloc(sizeof(*pk), NULL);
	if (!pk)
		return ENOMEM;

	if (msg->tp == SIP_TRANSP_TCP) {
		err = tcp_add(cap, msg, pk);
	}
	else {
		/* a message over TLS may be longer than a datagram */
		udp_make(pk, src, dst, msg->data, msg->size < PACKET_MAX - 48
			 ? msg->size : PACKET_MAX - 48);
		err = packet_write(cap, msg, pk);
	}

	mem_deref(pk);

	return err;
}
