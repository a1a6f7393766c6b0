/**
 * @file inner.h  What the upper half of this room shares with itself
 *
 * Private to bridge/sip: transactions, requests, dialogs and credentials
 * use it, nobody else.
 *
 * One habit runs through all of them. Their owner's mem_deref() ends the
 * owner's interest, not always the object: what the RFC wants seen through
 * (a retransmission, an ACK, a BYE) goes on without handlers. Such an object
 * takes a reference to itself in its destructor, which libre allows, and
 * lets it go when its work is done.
 */
#ifndef SIP_INNER_H
#define SIP_INNER_H

#include "bridge/base/libre.h"
#include "request.h"


/** Digest algorithms (RFC 8760 section 2), weakest first */
enum digest_algorithm {
	DIGEST_MD5,
	DIGEST_SHA256,
	DIGEST_SHA512_256,
};

/** Hexadecimal digits of the longest hash, and a zero */
enum { DIGEST_HEX = 65 };

/** What a digest answer is made of (RFC 7616 section 3.4) */
struct digest_input {
	enum digest_algorithm algorithm;
	bool sess;                 /* the algorithm's -sess variant        */
	bool qop;                  /* qop=auth, otherwise as in RFC 2069   */
	struct pl username, password, realm, nonce, method, uri;
	const char *cnonce;        /* with qop or sess                     */
	uint32_t nc;               /* with qop                             */
};

/**
 * Calculate the `response` of a digest answer
 *
 * @param hex  Lower-case hexadecimal digits, terminated
 *
 * @return 0, ENOMEM
 */
int digest_response(char hex[DIGEST_HEX], const struct digest_input *in);


/**
 * Split the next header line, folded lines included, off a message of ours
 *
 * @param rest  Header lines; advanced
 * @param line  With its CRLF
 *
 * @return false at the empty line and at the end
 */
bool head_next(struct pl *rest, struct pl *line);

/** True if a header line has that name (written as we write it) */
bool head_is(const struct pl *line, const char *name);


/**
 * A 2xx to an INVITE whose request has no owner any more (RFC 3261 section
 * 13.2.2.4: it must be acknowledged nevertheless)
 *
 * @param ground  As given in struct request_ground
 */
typedef void (request_late_h)(const struct sip_msg *msg, void *ground);

/** What a request of a dialog stands on */
struct request_ground {
	void *object;              /* ref while the request has work to do */
	request_late_h *lateh;     /* INVITE: see there                    */
	struct mbuf *credentials;  /* ref; takes the (Proxy-)Authorization
				      lines of each try; NULL: not wanted  */
};

/**
 * request_send() for dialogs
 *
 * Method ACK is sent without a transaction: its CSeq number is *cseq as it
 * is, and it stays ready for request_repeat() until derefed. Its handler is
 * called if it could not be sent.
 */
int request_send_on(struct request **reqp, struct stack *stack,
		    const struct request_param *prm,
		    const struct request_ground *ground, request_h *h,
		    void *arg);

/** Send an ACK once more, as it was */
int request_repeat(struct request *req);

#endif
