/**
 * @file compare.h  A message as we read it beside the same as libre reads it
 */
#ifndef TEST_COMPARE_H
#define TEST_COMPARE_H

#include <stdio.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/sip/guard.h"
#include "bridge/sip/parse.h"
#include "bridge/sip/parse_room.h"


/** Two copies of the same octets */
struct pair {
	struct mbuf *ours, *theirs;
	const char *what;          /* that differs, NULL: nothing yet */
};


static void pair_differs(struct pair *pair, const char *what)
{
	if (!pair->what)
		pair->what = what;
}


static void same_pl(struct pair *pair, const struct pl *a,
		    const struct pl *b, const char *what)
{
	const char *const pa = (const char *)pair->ours->buf;
	const char *const pb = (const char *)pair->theirs->buf;

	if (a->l != b->l || (a->l && a->p - pa != b->p - pb))
		pair_differs(pair, what);
}


static void same_uri(struct pair *pair, const struct uri *a,
		     const struct uri *b, const char *what)
{
	same_pl(pair, &a->scheme, &b->scheme, what);
	same_pl(pair, &a->user, &b->user, what);
	same_pl(pair, &a->password, &b->password, what);
	same_pl(pair, &a->host, &b->host, what);
	same_pl(pair, &a->params, &b->params, what);
	same_pl(pair, &a->headers, &b->headers, what);
	if (a->af != b->af || a->port != b->port)
		pair_differs(pair, what);
}


static void same_taddr(struct pair *pair, const struct sip_taddr *a,
		       const struct sip_taddr *b, const char *what)
{
	same_pl(pair, &a->dname, &b->dname, what);
	same_pl(pair, &a->auri, &b->auri, what);
	same_uri(pair, &a->uri, &b->uri, what);
	same_pl(pair, &a->params, &b->params, what);
	same_pl(pair, &a->tag, &b->tag, what);
	same_pl(pair, &a->val, &b->val, what);
}


/** What is read of a header may lie anywhere in the message */
static void same_challenge(struct pair *pair, const struct pl *a,
			   const struct pl *b)
{
	struct httpauth_digest_chall ours, theirs;
	int erra, errb;

	memset(&theirs, 0, sizeof(theirs));
	erra = parse_challenge(&ours, a);
	errb = httpauth_digest_challenge_decode(&theirs, b);
	if (!erra != !errb)
		pair_differs(pair, "whether a challenge can be read");
	if (erra || errb)
		return;

	same_pl(pair, &ours.realm, &theirs.realm, "realm");
	same_pl(pair, &ours.nonce, &theirs.nonce, "nonce");
	same_pl(pair, &ours.opaque, &theirs.opaque, "opaque");
	same_pl(pair, &ours.stale, &theirs.stale, "stale");
	same_pl(pair, &ours.algorithm, &theirs.algorithm, "algorithm");
	same_pl(pair, &ours.qop, &theirs.qop, "qop");
}


static void same_headers(struct pair *pair, const struct list *la,
			 const struct list *lb, const char *what)
{
	const struct le *a = list_head(la), *b = list_head(lb);

	for (; a && b; a = a->next, b = b->next) {
		const struct sip_hdr *ha = a->data, *hb = b->data;

		if (ha->id != hb->id)
			pair_differs(pair, what);
		same_pl(pair, &ha->name, &hb->name, what);
		same_pl(pair, &ha->val, &hb->val, what);
		if (ha->id == SIP_HDR_WWW_AUTHENTICATE)
			same_challenge(pair, &ha->val, &hb->val);
	}

	if (a || b)
		pair_differs(pair, what);
}


static void same_message(struct pair *pair, const struct sip_msg *a,
			 const struct sip_msg *b)
{
	same_pl(pair, &a->ver, &b->ver, "version");
	same_pl(pair, &a->met, &b->met, "method");
	same_pl(pair, &a->ruri, &b->ruri, "request URI");
	same_uri(pair, &a->uri, &b->uri, "URI");
	same_pl(pair, &a->reason, &b->reason, "reason");
	if (a->scode != b->scode || a->req != b->req)
		pair_differs(pair, "status");

	same_pl(pair, &a->via.sentby, &b->via.sentby, "sent-by");
	same_pl(pair, &a->via.params, &b->via.params, "Via parameters");
	same_pl(pair, &a->via.branch, &b->via.branch, "branch");
	same_pl(pair, &a->via.val, &b->via.val, "Via");
	if (a->via.tp != b->via.tp ||
	    sa_af(&a->via.addr) != sa_af(&b->via.addr) ||
	    (sa_af(&a->via.addr) != AF_UNSPEC &&
	     !sa_cmp(&a->via.addr, &b->via.addr, SA_ALL)))
		pair_differs(pair, "Via address");

	same_taddr(pair, &a->to, &b->to, "To");
	same_taddr(pair, &a->from, &b->from, "From");
	same_pl(pair, &a->cseq.met, &b->cseq.met, "CSeq method");
	if (a->cseq.num != b->cseq.num)
		pair_differs(pair, "CSeq");
	same_pl(pair, &a->ctyp.type, &b->ctyp.type, "type");
	same_pl(pair, &a->ctyp.subtype, &b->ctyp.subtype, "subtype");
	same_pl(pair, &a->callid, &b->callid, "Call-ID");
	same_pl(pair, &a->maxfwd, &b->maxfwd, "Max-Forwards");
	same_pl(pair, &a->expires, &b->expires, "Expires");
	same_pl(pair, &a->clen, &b->clen, "Content-Length");

	same_headers(pair, &a->hdrl, &b->hdrl, "headers");
	for (uint32_t i = 0; i < 32; i++)
		same_headers(pair, hash_list(a->hdrht, i),
			     hash_list(b->hdrht, i), "table of headers");

	if (a->mb->pos != b->mb->pos || a->mb->end != b->mb->end)
		pair_differs(pair, "body");
}


/** What is ordinary is looked at less: the verdict has to be the same */
static void same_verdict(struct pair *pair, struct sip_msg *a, size_t plainc,
			 struct sip_msg *b)
{
	const char *whya = "", *whyb = "";
	uint16_t scodea = 0, scodeb = 0;
	int erra, errb;

	erra = guard_message(a, plainc, true, &scodea, &whya);
	errb = guard_message(b, 0, true, &scodeb, &whyb);

	if (erra != errb || (erra && (scodea != scodeb ||
				      strcmp(whya, whyb))))
		pair_differs(pair, "verdict of the guard");
}


/**
 * Read a message both ways
 *
 * @return what differs, NULL: nothing
 */
static const char *compare_readers(const void *data, size_t size)
{
	struct pair pair = { mbuf_alloc(size + 1), mbuf_alloc(size + 1),
			     NULL };
	static struct parse_room *room;        /* as where messages come in */
	struct sip_msg *a = NULL, *b = NULL;
	size_t plainc;
	int erra, errb;

	if (!room && parse_room_alloc(&room))
		abort();
	if (mbuf_write_mem(pair.ours, data, size) ||
	    mbuf_write_mem(pair.theirs, data, size))
		abort();
	pair.ours->pos = pair.theirs->pos = 0;

	erra = parse_message(&a, &plainc, room, pair.ours);
	errb = sip_msg_decode(&b, pair.theirs);
	if (!erra != !errb)
		pair_differs(&pair, "whether it can be read");
	else if (!erra)
		same_message(&pair, a, b);
	if (!erra && !errb)
		same_verdict(&pair, a, plainc, b);

	mem_deref(a);
	mem_deref(b);
	parse_room_leave(room);
	mem_deref(pair.ours);
	mem_deref(pair.theirs);

	return pair.what;
}

#endif
