/**
 * @file wire.h  SIP messages as text: read, and written
 *
 * Just enough of RFC 3261 for a peer that behaves: no folding, no compact
 * names. Nothing here is shared with the bridge.
 */
#ifndef LOAD_WIRE_H
#define LOAD_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A view into a message; dies with it */
struct span {
	const char *p;
	size_t l;
};

bool span_is(struct span s, const char *text);     /* without case */
unsigned span_uint(struct span s);
/** Copy, cut to size and terminated */
void span_copy(char *dst, size_t size, struct span s);

enum { WIRE_HEADERS = 48 };

struct wire {
	struct span method;        /* of a request; empty in a response */
	struct span uri;           /* of a request                      */
	unsigned scode;            /* of a response, 0 in a request     */
	struct {
		struct span name, value;
	} hdrv[WIRE_HEADERS];
	size_t hdrc;
	struct span body;
};

/** @return octets that the message takes, 0 if it is not whole yet, -1 if it
    is none. A datagram without Content-Length ends with itself */
int wire_read(struct wire *w, const char *p, size_t l);

/** Value of the first header of that name, empty if there is none */
struct span wire_header(const struct wire *w, const char *name);

/** Value of ;name=value, without quotes; empty if it is not there */
struct span wire_param(struct span value, const char *name);

/** Value of name="value" among those of digest (RFC 7616); may be empty */
struct span wire_field(struct span value, const char *name);

/** The URI of an address header: what is in <>, or all up to a ';' */
struct span wire_uri(struct span value);

/** IPv4 address and port of a SIP URI, 5060 if it has none. @return false
    for a name */
bool wire_address(struct sockaddr_in *sin, struct span uri);

/** Where a description wants its audio, and its SRTP key */
struct wire_media {
	struct sockaddr_in rtp;
	unsigned crypto_tag;       /* 0: plain RTP                      */
	uint8_t key[30];           /* of AES_CM_128_HMAC_SHA1_80        */
};

/** @return false if it has no audio that we can send to */
bool wire_media(struct wire_media *m, struct span body);

/** Text under way */
struct text {
	char *p;
	size_t size, l;
};

void text_add(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** Content-Length, the end of the header block, and the body ("" for none),
    which is a description */
void text_body(struct text *t, const char *body);

/** Status line and the headers that a response takes from its request, To
    with our tag (NULL: as it came). The caller adds headers and body */
void wire_reply(struct text *t, const struct wire *req, unsigned scode,
		const char *reason, const char *tag);

#endif
