/**
 * @file registrar.h  A scripted PBX on a UDP socket, and a pool beside it
 *
 * The registrar answers every REGISTER as its script says and remembers what
 * it saw. It shares nothing with bridge/sip beyond libre's parser.
 */
#ifndef TESTS_PBX_REGISTRAR_H
#define TESTS_PBX_REGISTRAR_H

#include "tests/unit/sip/loop.h"

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/pbx/pool.h"
#include "bridge/sip/resolve.h"

#define PBX_HOST "127.0.74.1"
#define OUR_HOST "127.0.74.2"

enum { SEEN_MAX = 1024, STATUS_MAX = 512 };

enum script {
	ACCEPTS,                   /* 200 with the Contact as it came      */
	SILENT,
	CHALLENGES,                /* MD5, password below                  */
	SAYS,                      /* the status line and headers of `say` */
};

struct seen {
	char user[32], callid[64], contact[160];
	uint32_t cseq, expires_s;
	bool authorized;
	uint64_t at_ms;            /* the wheel's time */
};

struct registrar {
	struct loop *loop;
	struct udp_sock *us;
	struct sa peer;            /* who wrote last */
	enum script script;
	const char *password;
	const char *say;           /* "423 Too Brief\r\nMin-Expires: 90\r\n" */
	const char *say_once;      /* the same, for the next one only */
	const char *hdrs;          /* of a 200; %s is the Contact; NULL: the
				      usual */
	uint32_t grant_s;          /* 0: what was asked for */
	struct seen seenv[SEEN_MAX];
	unsigned seenc;
	unsigned optionc;          /* OPTIONS answered */
	uint16_t answer;           /* scode of the last response we got */
	char allow[160];
};


static inline void registrar_reply(struct registrar *r,
				   const struct sip_msg *msg, uint16_t scode,
				   const char *reason, const char *hdrs)
{
	struct mbuf *mb = mbuf_alloc(1024);
	char via[256];

	(void)re_snprintf(via, sizeof(via), "%r", &sip_msg_hdr(msg,
			  SIP_HDR_VIA)->val);
	assert_int_equal(0, mbuf_printf(mb,
		"SIP/2.0 %u %s\r\nVia: %s;received=" OUR_HOST "\r\n"
		"From: %r\r\nTo: %r;tag=r\r\nCall-ID: %r\r\n"
		"CSeq: %u %r\r\nServer: Script/1\r\n%s"
		"Content-Length: 0\r\n\r\n", scode, reason, via,
		&msg->from.val, &msg->to.val, &msg->callid, msg->cseq.num,
		&msg->cseq.met, hdrs));
	mb->pos = 0;
	(void)udp_send(r->us, &msg->src, mb);
	mem_deref(mb);
}


static inline bool registrar_checks(const struct registrar *r,
				    const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_AUTHORIZATION);
	struct httpauth_digest_resp resp;
	uint8_t ha1[MD5_SIZE];

	if (!hdr || httpauth_digest_response_decode(&resp, &hdr->val))
		return false;

	if (md5_printf(ha1, "%r:%r:%s", &resp.username, &resp.realm,
		       r->password))
		return false;

	return !httpauth_digest_response_auth(&resp, &msg->met, ha1);
}


static inline void registrar_accept(struct registrar *r,
				    const struct sip_msg *msg,
				    const struct seen *seen)
{
	char hdrs[512];

	if (r->hdrs)
		(void)re_snprintf(hdrs, sizeof(hdrs), r->hdrs, seen->contact);
	else if (!seen->expires_s)
		hdrs[0] = '\0';
	else
		(void)re_snprintf(hdrs, sizeof(hdrs),
				  "Contact: %s;expires=%u\r\n",
				  seen->contact, r->grant_s ? r->grant_s :
				  seen->expires_s);

	registrar_reply(r, msg, 200, "OK", hdrs);
}


/** "503 Busy\r\nRetry-After: 9\r\n" as an answer */
static inline void registrar_say(struct registrar *r,
				 const struct sip_msg *msg, const char *say)
{
	const char *end = strstr(say, "\r\n");
	char reason[64];

	str_ncpy(reason, say + 4, (size_t)(end - say - 4) + 1);
	registrar_reply(r, msg, (uint16_t)atoi(say), reason, end + 2);
}


/** A retransmission: the wheel is faster than the sockets */
static inline bool registrar_is_repeated(const struct registrar *r,
					 const struct sip_msg *msg)
{
	for (unsigned i = 0; i < r->seenc; i++)
		if (r->seenv[i].cseq == msg->cseq.num &&
		    !pl_strcmp(&msg->callid, r->seenv[i].callid))
			return true;

	return false;
}


static inline void registrar_register(struct registrar *r,
				      const struct sip_msg *msg)
{
	const struct sip_hdr *contact = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	struct seen *seen;
	const char *once = r->say_once;

	if (registrar_is_repeated(r, msg))
		return;

	assert_true(r->seenc < SEEN_MAX);
	seen = &r->seenv[r->seenc++];

	(void)pl_strcpy(&msg->to.uri.user, seen->user, sizeof(seen->user));
	(void)pl_strcpy(&msg->callid, seen->callid, sizeof(seen->callid));
	if (contact)
		(void)pl_strcpy(&contact->val, seen->contact,
				sizeof(seen->contact));
	seen->cseq = msg->cseq.num;
	seen->expires_s = pl_u32(&msg->expires);
	seen->at_ms = wheel_now(r->loop->wheel);
	seen->authorized = sip_msg_hdr(msg, SIP_HDR_AUTHORIZATION) != NULL;

	r->say_once = NULL;
	if (once)
		registrar_say(r, msg, once);
	else if (r->script == SAYS)
		registrar_say(r, msg, r->say);
	else if (r->script == CHALLENGES && !registrar_checks(r, msg))
		registrar_reply(r, msg, 401, "Unauthorized",
				"WWW-Authenticate: Digest realm=\"pbx\","
				" nonce=\"n1\", algorithm=MD5\r\n");
	else if (r->script != SILENT)
		registrar_accept(r, msg, seen);
}


static inline void registrar_recv(const struct sa *src, struct mbuf *mb,
				  void *arg)
{
	struct registrar *r = arg;
	const struct sip_hdr *allow;
	struct sip_msg *msg;

	if (mbuf_get_left(mb) < 20 || sip_msg_decode(&msg, mb))
		return;            /* keepalives */

	msg->src = *src;
	r->peer  = *src;

	if (msg->req && !pl_strcmp(&msg->met, "OPTIONS")) {
		if (r->script != SILENT) {
			++r->optionc;
			registrar_reply(r, msg, 200, "OK", "");
		}
	}
	else if (msg->req) {
		registrar_register(r, msg);
	}
	else {
		r->answer = msg->scode;
		allow = sip_msg_hdr(msg, SIP_HDR_ALLOW);
		r->allow[0] = '\0';
		if (allow)
			(void)pl_strcpy(&allow->val, r->allow,
					sizeof(r->allow));
	}

	mem_deref(msg);
}


static inline void registrar_open(struct registrar *r, struct loop *loop,
				  const char *host)
{
	struct sa addr;

	memset(r, 0, sizeof(*r));
	r->loop = loop;
	assert_int_equal(0, sa_set_str(&addr, host, 5060));
	assert_int_equal(0, udp_listen(&r->us, &addr, registrar_recv, r));
}


/** How many REGISTERs a user sent, those without Contact expiry too */
static inline unsigned registrar_seen(const struct registrar *r,
				      const char *user)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->seenc; i++)
		n += !strcmp(r->seenv[i].user, user);

	return n;
}

#endif
