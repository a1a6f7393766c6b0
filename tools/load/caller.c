/**
 * @file caller.c  Calls from the PBX side, made at a given rate
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "caller.h"
#include "registrar.h"
#include "voice.h"
#include "watch.h"


enum {
	T1_US    = 500000,         /* RFC 3261 section 17.1.1.1          */
	LIMIT_US = 32000000,       /* then nobody answers                */
	MESSAGE  = 4096,
};


enum state {
	INVITED,                   /* INVITE sent                        */
	PROCEEDING,                /* a provisional came                 */
	UP,                        /* answered                           */
	ENDING,                    /* BYE sent                           */
	OVER,
};


struct call {
	enum state state;
	unsigned user;
	struct sockaddr_in peer;
	uint64_t begun_us, sent_us, due_us;
	unsigned tries;            /* of what was sent last              */
	bool rang;
	char target[128];          /* Request-URI                        */
	char to[192];              /* the To header, with the peer's tag */
};


struct caller {
	struct caller_conf conf;
	struct caller_job job;
	struct caller_stats stats;
	struct call *callv;        /* of this job                        */
	unsigned oldest;           /* calls before it are over           */
	unsigned base;             /* number of the job's first call     */
	unsigned next_user;
	bool hangup;
	char host[INET_ADDRSTRLEN + 8];
	char run[16];              /* tells our calls from another run's */
};


int caller_alloc(struct caller **cp, const struct caller_conf *conf)
{
	struct caller *c = calloc(1, sizeof(*c));
	char addr[INET_ADDRSTRLEN];

	if (!c)
		return ENOMEM;

	c->conf = *conf;
	(void)inet_ntop(AF_INET, &conf->laddr.sin_addr, addr, sizeof(addr));
	(void)snprintf(c->host, sizeof(c->host), "%s:%u", addr,
		       ntohs(conf->laddr.sin_port));
	(void)snprintf(c->run, sizeof(c->run), "%x",
		       (unsigned)(now_us() ^ (unsigned)getpid() << 16));
	*cp = c;

	return 0;
}


void caller_free(struct caller *c)
{
	if (!c)
		return;

	free(c->stats.ring_us);
	free(c->callv);
	free(c);
}


int caller_begin(struct caller *c, const struct caller_job *job)
{
	c->base += c->stats.begun;
	free(c->callv);
	free(c->stats.ring_us);
	memset(&c->stats, 0, sizeof(c->stats));
	c->callv = calloc(job->calls ? job->calls : 1, sizeof(*c->callv));
	c->stats.ring_us = calloc(job->calls ? job->calls : 1,
				  sizeof(*c->stats.ring_us));
	c->oldest = 0;
	c->hangup = false;
	c->job = *job;

	if (!c->callv || !c->stats.ring_us) {
		c->job.calls = 0;
		return ENOMEM;
	}

	c->stats.first_us = now_us();

	return 0;
}


static unsigned index_of(const struct caller *c, const struct call *call)
{
	return (unsigned)(call - c->callv);
}


static void over(struct caller *c, struct call *call)
{
	voice_end(c->conf.voice, index_of(c, call));
	call->state = OVER;
	c->stats.last_us = now_us();
}


static void failed(struct caller *c, struct call *call, unsigned scode)
{
	c->stats.failed++;
	c->stats.scode = scode;
	over(c, call);
}


static void request(struct caller *c, struct call *call, const char *method,
		    unsigned cseq, const char *branch, const char *body)
{
	const unsigned number = c->base + index_of(c, call);
	char buf[MESSAGE];
	struct text t = { buf, sizeof(buf), 0 };

	text_add(&t, "%s %s SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %s;branch=z9hG4bK%s%u.%s;rport\r\n"
		 "Max-Forwards: 70\r\n"
		 "From: \"Caller %u\" <sip:0161496%04u@%s>;tag=f%u\r\n"
		 "To: %s\r\n"
		 "Call-ID: c%u.%s\r\n"
		 "CSeq: %u %s\r\n"
		 "Contact: <sip:pbx@%s>\r\n"
		 "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
		 "User-Agent: load\r\n",
		 method, call->target, c->host, branch, number, c->run,
		 number % 10000, number % 10000, c->host, number, call->to,
		 number, c->run, cseq, method, c->host);
	text_body(&t, body);

	call->sent_us = now_us();
	c->conf.sendh(&call->peer, buf, t.l, c->conf.arg);
}


static void invite(struct caller *c, struct call *call)
{
	char addr[INET_ADDRSTRLEN], body[512];

	(void)inet_ntop(AF_INET, &c->conf.laddr.sin_addr, addr, sizeof(addr));
	(void)snprintf(body, sizeof(body),
		       "v=0\r\n"
		       "o=- 1 1 IN IP4 %s\r\n"
		       "s=-\r\n"
		       "c=IN IP4 %s\r\n"
		       "t=0 0\r\n"
		       "m=audio %u RTP/AVP 8 101\r\n"
		       "a=rtpmap:8 PCMA/8000\r\n"
		       "a=rtpmap:101 telephone-event/8000\r\n"
		       "a=fmtp:101 0-16\r\n"
		       "a=ptime:20\r\n"
		       "a=sendrecv\r\n",
		       addr, addr, voice_port(c->conf.voice));

	request(c, call, "INVITE", 1, "i", body);
}


static void bye(struct caller *c, struct call *call)
{
	if (call->state != ENDING) {
		call->state = ENDING;
		call->tries = 0;
		call->begun_us = now_us();
		voice_end(c->conf.voice, index_of(c, call));
	}

	request(c, call, "BYE", 2, "b", "");
}


/** Where the called user is. @return false if that is not known */
static bool destination(struct caller *c, struct call *call)
{
	const char *contact;
	char host[INET_ADDRSTRLEN];

	if (c->conf.target) {
		(void)inet_ntop(AF_INET, &c->conf.target->sin_addr, host,
				sizeof(host));
		(void)snprintf(call->target, sizeof(call->target),
			       "sip:+4420794%05u@%s:%u",
			       c->conf.first + call->user, host,
			       ntohs(c->conf.target->sin_port));
		call->peer = *c->conf.target;
		return true;
	}

	contact = registrar_contact(c->conf.registrar, call->user);
	if (!contact)
		return false;

	(void)snprintf(call->target, sizeof(call->target), "%s", contact);

	return wire_address(&call->peer, (struct span){ contact,
							strlen(contact) });
}


static void start(struct caller *c)
{
	struct call *call = &c->callv[c->stats.begun++];

	call->user = c->next_user++ % c->conf.users;
	call->begun_us = now_us();
	if (!destination(c, call)) {
		failed(c, call, 404);
		return;
	}

	(void)snprintf(call->to, sizeof(call->to), "<%s>", call->target);
	invite(c, call);
}


/** Send once more what was not answered; give up in the end */
static void again(struct caller *c, struct call *call, uint64_t now)
{
	if (now - call->begun_us > LIMIT_US) {
		failed(c, call, 408);
		return;
	}

	if (call->state == PROCEEDING ||
	    now - call->sent_us < (uint64_t)T1_US << call->tries)
		return;

	call->tries++;
	if (call->state == INVITED)
		invite(c, call);
	else
		bye(c, call);
}


void caller_tick(struct caller *c)
{
	const double due = (double)(now_us() - c->stats.first_us) *
		c->job.rate / 1e6;
	uint64_t now;

	while (c->stats.begun < c->job.calls && c->stats.begun <= due &&
	       !c->hangup)
		start(c);

	now = now_us();            /* after what was just sent */
	while (c->oldest < c->stats.begun &&
	       c->callv[c->oldest].state == OVER)
		c->oldest++;

	for (unsigned i = c->oldest; i < c->stats.begun; i++) {
		struct call *call = &c->callv[i];

		if (call->state == UP) {
			if (c->hangup || (!c->job.stay && now >= call->due_us))
				bye(c, call);
		}
		else if (call->state != OVER) {
			again(c, call, now);
		}
	}
}


void caller_hangup(struct caller *c)
{
	c->hangup = true;
}


static void answered(struct caller *c, struct call *call,
		     const struct wire *msg)
{
	struct wire_media m;

	span_copy(call->to, sizeof(call->to), wire_header(msg, "To"));
	span_copy(call->target, sizeof(call->target),
		  wire_uri(wire_header(msg, "Contact")));
	(void)wire_address(&call->peer, wire_uri(wire_header(msg,
							     "Contact")));
	request(c, call, "ACK", 1, "a", "");

	if (call->state > PROCEEDING)
		return;            /* a 2xx that came twice */

	call->state = UP;
	call->due_us = now_us() + c->job.hold_ms * 1000ULL;
	c->stats.answered++;

	if (!wire_media(&m, msg->body) ||
	    voice_begin(c->conf.voice, index_of(c, call), &m.rtp, NULL, NULL))
		c->stats.scode = 488;
}


static void invite_response(struct caller *c, struct call *call,
			    const struct wire *msg)
{
	if (msg->scode >= 300) {
		/* the ACK of a refusal belongs to the INVITE's transaction */
		span_copy(call->to, sizeof(call->to), wire_header(msg, "To"));
		request(c, call, "ACK", 1, "i", "");
		if (call->state <= PROCEEDING)
			failed(c, call, msg->scode);
		return;
	}

	if (msg->scode >= 200) {
		answered(c, call, msg);
		return;
	}

	if (call->state == INVITED)
		call->state = PROCEEDING;

	if (msg->scode == 180 && !call->rang) {
		call->rang = true;
		c->stats.ring_us[c->stats.ringing++] =
			(uint32_t)(now_us() - call->begun_us);
	}
}


static void response(struct caller *c, struct call *call,
		     const struct wire *msg)
{
	const struct span cseq = wire_header(msg, "CSeq");

	if (memmem(cseq.p, cseq.l, "INVITE", 6)) {
		invite_response(c, call, msg);
	}
	else if (call->state == ENDING && msg->scode >= 200) {
		c->stats.ended++;
		over(c, call);
	}
}


/** The call that a message is of, by its Call-ID; NULL: none of this job */
static struct call *call_find(struct caller *c, const struct wire *msg)
{
	const struct span id = wire_header(msg, "Call-ID");
	const char *dot = id.l ? memchr(id.p, '.', id.l) : NULL;
	unsigned n;

	if (!dot || *id.p != 'c' ||
	    !span_is((struct span){ dot + 1,
				    id.l - (size_t)(dot + 1 - id.p) }, c->run))
		return NULL;

	n = span_uint((struct span){ id.p + 1, id.l - 1 }) - c->base;

	return n < c->stats.begun ? &c->callv[n] : NULL;
}


static void peer_request(struct caller *c, struct call *call,
			 const struct wire *msg,
			 const struct sockaddr_in *from)
{
	char buf[MESSAGE];
	struct text t = { buf, sizeof(buf), 0 };

	if (span_is(msg->method, "ACK"))
		return;

	if (span_is(msg->method, "OPTIONS") ||
	    span_is(msg->method, "NOTIFY"))
		wire_reply(&t, msg, 200, "OK", "p");
	else if (!span_is(msg->method, "BYE"))
		wire_reply(&t, msg, 405, "Method Not Allowed", "p");
	else
		wire_reply(&t, msg, call ? 200 : 481, call ? "OK" :
			   "Call/Transaction Does Not Exist", NULL);
	text_body(&t, "");
	c->conf.sendh(from, buf, t.l, c->conf.arg);

	if (call && call->state < OVER && span_is(msg->method, "BYE")) {
		c->stats.dropped++;
		over(c, call);
	}
}


void caller_message(struct caller *c, const struct wire *msg,
		    const struct sockaddr_in *from)
{
	struct call *call = call_find(c, msg);

	if (!msg->scode)
		peer_request(c, call, msg, from);
	else if (call)
		response(c, call, msg);
}


bool caller_is_up(const struct caller *c)
{
	return c->stats.answered + c->stats.failed >= c->job.calls;
}


bool caller_is_over(const struct caller *c)
{
	return c->stats.begun == c->job.calls && c->oldest == c->stats.begun;
}


const struct caller_stats *caller_stats(const struct caller *c)
{
	return &c->stats;
}
