/**
 * @file parse.h  Reading messages, fast where they are ordinary
 *
 * libre reads with regular expressions that are worked out anew for every
 * header; nearly all of what PBXs and Teams write is plainer than that. What
 * is ordinary is read here, and what is not goes to libre: the outcome is
 * the same, octet for octet (tests/unit/sip/test_parse.c and the fuzzers
 * compare the two).
 */
#ifndef SIP_PARSE_H
#define SIP_PARSE_H

#include "bridge/base/libre.h"

struct parse_room;

/**
 * As sip_msg_decode(): the position of mb moves behind the headers. But its
 * tag is 0
 *
 * @param plainc  Headers of an ordinary message, elements of lists each:
 *                every id fits its name, and what may be there but once (From,
 *                To, CSeq, Call-ID, Max-Forwards, Content-Length and -Type,
 *                Expires) is not there twice. 0: libre has read it
 * @param room    Whose memory is used again; NULL: none
 *
 * @return 0, EBADMSG, ENODATA, ENOMEM
 */
int parse_message(struct sip_msg **msgp, size_t *plainc,
		  struct parse_room *room, struct mbuf *mb);

/** As uri_decode() */
int parse_uri(struct uri *uri, const struct pl *pl);

/** As sip_via_decode() */
int parse_via(struct sip_via *via, const struct pl *pl);

/** As sip_addr_decode() */
int parse_addr(struct sip_addr *addr, const struct pl *pl);

/** As msg_param_decode(): ";name=value", ENOENT if there is none */
int parse_param(const struct pl *pl, const char *name, struct pl *val);

/** As httpauth_digest_challenge_decode() */
int parse_challenge(struct httpauth_digest_chall *chall,
		    const struct pl *hval);

#endif
