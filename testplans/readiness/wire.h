/**
 * @file wire.h  One socket to a PBX, on which every octet can be seen
 *
 * Blocking, with a limit on each wait. Message framing as RFC 3261 section
 * 18.3; TLS takes any certificate and tells what it is.
 */
#ifndef READINESS_WIRE_H
#define READINESS_WIRE_H

#include "bridge/base/libre.h"

struct wire;

/** What a TLS peer showed */
struct wire_tls {
	char protocol[16];         /* "TLSv1.3"                             */
	char cipher[64];
	char subject[256], issuer[256];
	char names[256];           /* of the certificate, with ", "         */
	int64_t begins_s, ends_s;  /* wall clock                            */
	int verify;                /* X509_V_*: of the chain, without name  */
	unsigned chainc;           /* certificates that were sent           */
	bool self_signed;
	bool name_good;
};

struct wire_conf {
	enum sip_transp tp;        /* UDP, TCP, TLS                         */
	struct sa laddr;           /* port 0: any; unset: any address       */
	struct sa peer;
	const char *host;          /* TLS: name to ask for and to check     */
	const char *ca_file;       /* TLS: trust; NULL: the system's        */
	unsigned limit_ms;         /* to connect                            */
};

/**
 * @param why  Takes plain words when it fails
 * @param tls  Takes what a TLS peer showed; may be NULL
 *
 * @return 0, ENOMEM, errno of the socket, EPROTO TLS
 */
int wire_open(struct wire **wirep, const struct wire_conf *conf, char *why,
	      size_t size, struct wire_tls *tls);

/** @return 0, errno of send(2) */
int wire_send(struct wire *wire, const void *data, size_t size);

/**
 * Wait for one whole message
 *
 * @param mbp  Takes it, position at its begin; keepalives are passed over
 *
 * @return 0, ETIMEDOUT, ECONNRESET closed, EBADMSG no SIP, ENOMEM, errno
 */
int wire_recv(struct wire *wire, struct mbuf **mbp, unsigned limit_ms);

enum sip_transp wire_transp(const struct wire *wire);

/** Our own end, as the PBX would have to see it without NAT */
const struct sa *wire_laddr(const struct wire *wire);

/** Largest IP packet of the way out of this machine, 0: not known */
unsigned wire_mtu(const struct wire *wire);

/** Milliseconds of the monotonic clock */
uint64_t wire_now(void);

#endif
