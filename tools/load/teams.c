/**
 * @file teams.c  The Teams side: takes calls over TLS, with SRTP
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "teams.h"
#include "voice.h"
#include "watch.h"


enum { MESSAGE = 8192, TAG = 24, NONE = -1 };


struct call {
	unsigned generation;       /* of those that had this place       */
	struct link *link;         /* borrowed: links live with the door */
	char *answer;              /* owned: the 200, until it is sent   */
	uint64_t due_us;
	int next;                  /* of the free or the ringing         */
};


struct teams {
	struct teams_conf conf;
	struct door *door;
	struct teams_stats stats;
	struct call *callv;
	int free;                  /* first free place                   */
	int ring_first, ring_last; /* who rings, the oldest first        */
};


static void message_handler(struct link *link, const struct wire *msg,
			    void *arg);


int teams_alloc(struct teams **tp, const struct teams_conf *conf)
{
	struct teams *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return ENOMEM;

	t->conf = *conf;
	t->ring_first = t->ring_last = NONE;
	t->callv = calloc(conf->calls, sizeof(*t->callv));
	if (!t->callv) {
		teams_free(t);
		return ENOMEM;
	}

	for (unsigned i = 0; i < conf->calls; i++)
		t->callv[i].next = (int)i + 1;
	t->callv[conf->calls - 1].next = NONE;

	err = door_open(&t->door, &conf->door, conf->addrv, conf->addrc,
			message_handler, t);
	if (err)
		teams_free(t);
	else
		*tp = t;

	return err;
}


void teams_free(struct teams *t)
{
	if (!t)
		return;

	door_close(t->door);
	for (unsigned i = 0; i < t->conf.calls && t->callv; i++)
		free(t->callv[i].answer);
	free(t->callv);
	free(t);
}


static void reply(struct link *link, const struct wire *req, unsigned scode,
		  const char *reason, const char *tag, const char *headers)
{
	char buf[MESSAGE];
	struct text out = { buf, sizeof(buf), 0 };

	wire_reply(&out, req, scode, reason, tag);
	text_add(&out, "%s", headers);
	text_body(&out, "");
	link_send(link, buf, out.l);
}


static void tag_print(char tag[TAG], const struct teams *t, unsigned n)
{
	(void)snprintf(tag, TAG, "t%u-%u", n, t->callv[n].generation);
}


/** The call of a request within a dialog, by our tag; NONE */
static int call_find(const struct teams *t, const struct wire *msg)
{
	const struct span have = wire_param(wire_header(msg, "To"), "tag");
	char tag[TAG];
	unsigned n;

	if (have.l < 2)
		return NONE;

	n = span_uint((struct span){ have.p + 1, have.l - 1 });
	if (n >= t->conf.calls)
		return NONE;

	tag_print(tag, t, n);

	return span_is(have, tag) ? (int)n : NONE;
}


static void description(char *buf, size_t size, const struct teams *t,
			unsigned tag, const uint8_t key[VOICE_KEY])
{
	char addr[INET_ADDRSTRLEN], text[48];
	const unsigned port = voice_port(t->conf.voice);

	(void)EVP_EncodeBlock((uint8_t *)text, key, VOICE_KEY);
	(void)inet_ntop(AF_INET, &t->conf.addrv[0].sin_addr, addr,
			sizeof(addr));
	(void)snprintf(buf, size,
		       "v=0\r\n"
		       "o=- 91249 0 IN IP4 127.0.0.1\r\n"
		       "s=session\r\n"
		       "c=IN IP4 %s\r\n"
		       "b=CT:10000000\r\n"
		       "t=0 0\r\n"
		       "m=audio %u RTP/SAVP 8 101\r\n"
		       "a=rtcp:%u\r\n"
		       "a=label:main-audio\r\n"
		       "a=mid:1\r\n"
		       "a=crypto:%u AES_CM_128_HMAC_SHA1_80 inline:%s|2^31\r\n"
		       "a=sendrecv\r\n"
		       "a=rtpmap:8 PCMA/8000\r\n"
		       "a=rtpmap:101 telephone-event/8000\r\n"
		       "a=fmtp:101 0-16\r\n"
		       "a=ptime:20\r\n",
		       addr, port, port + 1, tag, text);
}


/** 180 now, 200 after the ring */
static int ring(struct teams *t, unsigned n, const struct wire *msg,
		unsigned crypto_tag, const uint8_t key[VOICE_KEY])
{
	struct call *call = &t->callv[n];
	char tag[TAG], headers[512], body[1024], buf[MESSAGE];
	struct text out = { buf, sizeof(buf), 0 };

	tag_print(tag, t, n);
	(void)snprintf(headers, sizeof(headers),
		       "Record-Route: <sip:%s:%u;transport=tls;lr>\r\n"
		       "Contact: <sip:api-du-a-euwe.pstnhub.microsoft.com:443;"
		       "x-i=%s;x-c=%s/d/8>\r\n"
		       "Allow: INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY\r\n"
		       "Server: Microsoft.PSTNHub.SIPProxy v.load\r\n",
		       t->conf.route, ntohs(t->conf.addrv[0].sin_port), tag,
		       tag);
	description(body, sizeof(body), t, crypto_tag, key);

	wire_reply(&out, msg, 200, "OK", tag);
	text_add(&out, "%s", headers);
	text_body(&out, body);
	call->answer = strdup(buf);
	if (!call->answer)
		return ENOMEM;

	reply(call->link, msg, 180, "Ringing", tag, headers);
	call->due_us = now_us() + t->conf.ring_ms * 1000ULL;
	call->next = NONE;
	if (t->ring_last == NONE)
		t->ring_first = (int)n;
	else
		t->callv[t->ring_last].next = (int)n;
	t->ring_last = (int)n;

	return 0;
}


static void invite(struct teams *t, struct link *link, const struct wire *msg)
{
	const int n = t->free;
	uint8_t key[VOICE_KEY];
	struct wire_media m;

	t->stats.invites++;
	reply(link, msg, 100, "Trying", NULL, "");

	if (wire_param(wire_header(msg, "To"), "tag").p) {
		/* nothing that we do makes a bridge ask again */
		t->stats.refused++;
		reply(link, msg, 491, "Request Pending", NULL, "");
		return;
	}

	if (!wire_media(&m, msg->body) || !m.crypto_tag) {
		t->stats.refused++;
		reply(link, msg, 488, "Not Acceptable Here", "x", "");
		return;
	}

	if (n == NONE || RAND_bytes(key, sizeof(key)) != 1 ||
	    voice_begin(t->conf.voice, (unsigned)n, &m.rtp, key, m.key)) {
		t->stats.refused++;
		reply(link, msg, 503, "Service Unavailable", "x", "");
		return;
	}

	t->free = t->callv[n].next;
	t->callv[n].generation++;
	t->callv[n].link = link;
	t->stats.up++;
	if (ring(t, (unsigned)n, msg, m.crypto_tag, key))
		t->stats.refused++;
}


void teams_tick(struct teams *t)
{
	const uint64_t now = now_us();

	while (t->ring_first != NONE &&
	       t->callv[t->ring_first].due_us <= now) {
		struct call *call = &t->callv[t->ring_first];

		t->ring_first = call->next;
		if (t->ring_first == NONE)
			t->ring_last = NONE;

		link_send(call->link, call->answer, strlen(call->answer));
		free(call->answer);
		call->answer = NULL;
	}
}


static void bye(struct teams *t, struct link *link, const struct wire *msg)
{
	const int n = call_find(t, msg);

	if (n == NONE || t->callv[n].answer) {
		reply(link, msg, 481, "Call/Transaction Does Not Exist", NULL,
		      "");
		return;
	}

	reply(link, msg, 200, "OK", NULL, "");
	voice_end(t->conf.voice, (unsigned)n);
	t->callv[n].generation++;
	t->callv[n].next = t->free;
	t->free = n;
	t->stats.ended++;
	t->stats.up--;
}


static void message_handler(struct link *link, const struct wire *msg,
			    void *arg)
{
	struct teams *t = arg;

	if (msg->scode || span_is(msg->method, "ACK"))
		return;

	if (span_is(msg->method, "INVITE")) {
		invite(t, link, msg);
	}
	else if (span_is(msg->method, "BYE")) {
		bye(t, link, msg);
	}
	else if (span_is(msg->method, "OPTIONS")) {
		t->stats.options++;
		reply(link, msg, 200, "OK", NULL,
		      "Allow: INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY\r\n"
		      "Server: Microsoft.PSTNHub.SIPProxy v.load\r\n");
	}
	else if (span_is(msg->method, "CANCEL")) {
		/* it is answered in a moment; the bridge then sends BYE */
		reply(link, msg, 481, "Call/Transaction Does Not Exist", NULL,
		      "");
	}
	else {
		reply(link, msg, 405, "Method Not Allowed", NULL, "");
	}
}


const struct teams_stats *teams_stats(const struct teams *t)
{
	return &t->stats;
}
