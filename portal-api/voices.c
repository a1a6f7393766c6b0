/**
 * @file voices.c  The voice of a call or a user, kept for a while
 *
 * Somebody's words: admins alone, each step in the audit and in the log. See
 * base/tape.h for what is kept, and docs/security.md.
 */
#include <event2/buffer.h>
#include <event2/http.h>
#include <jansson.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/tape.h"
#include "bridge/sip/capture.h"
#include "bridge/sip/trace.h"
#include "bridge/store/live.h"
#include "bridge/store/store.h"
#include "api.h"


/** Whose voice: a user, or a call that runs or ended lately */
struct subject {
	const char *asked;
	const char *own;           /* tenant whose alone, NULL: all        */
	char tenant[64];
	char name[128];            /* as tapes know it                     */
	char traced[192];          /* ... and traces                       */
};


/** @return EALREADY when found, to stop */
static int user_find(const struct reg_status *st, void *arg)
{
	struct subject *s = arg;

	if (strcasecmp(st->upn, s->asked) && strcmp(st->number, s->asked) &&
	    strcmp(st->aor, s->asked))
		return 0;

	str_ncpy(s->tenant, st->tenant, sizeof(s->tenant));
	str_ncpy(s->name, st->upn, sizeof(s->name));
	str_ncpy(s->traced, st->aor, sizeof(s->traced));

	return EALREADY;
}


/** @return EALREADY when found, to stop */
static int call_find(const struct call_record *rec, void *arg)
{
	struct subject *s = arg;

	if ((s->own && strcmp(rec->tenant, s->own)) ||
	    strcmp(rec->id, s->asked))
		return 0;

	str_ncpy(s->tenant, rec->tenant, sizeof(s->tenant));
	str_ncpy(s->name, rec->id, sizeof(s->name));
	str_ncpy(s->traced, rec->id, sizeof(s->traced));

	return EALREADY;
}


/** Answers if there is none, or none that the caller may hear */
static bool subject_find(struct request *rq, struct subject *s)
{
	const struct portal_conf *conf = portal_conf(rq->portal);
	const struct live_which own = { .tenant = access_tenant(rq) };

	memset(s, 0, sizeof(*s));
	s->asked = rq->param;
	s->own   = own.tenant;

	if ((live_reg_some(conf->live, &own, user_find, s) == EALREADY ||
	     live_call_apply(conf->live, call_find, s) == EALREADY) &&
	    access_may_change(rq, s->tenant))
		return true;

	reply_error(rq, HTTP_NOTFOUND, "subject", "there is no %s at this"
		    " node: want a user (name, number or AoR) or the id of a"
		    " call that runs or ended lately", rq->param);

	return false;
}


/** Who did it is known before it is done. Answers if that cannot be */
static bool noted(struct request *rq, const struct subject *s,
		  const char *action)
{
	const int err = store_audit_note(rq->st, &rq->by, s->tenant, action,
					 "voice", s->name);

	if (err) {
		reply_store(rq, err, NULL);
		return false;
	}

	warning("portal", s->name, "voice: %s by %s", action, rq->by.who);

	return true;
}


static void refused(struct request *rq, int err)
{
	switch (err) {

	case ENOTSUP:
		reply_error(rq, 409, "trace.voice_mb", "no voice is kept at"
			    " this node: trace.voice_mb in callbridge.yaml is"
			    " 0");
		break;

	case EAGAIN:
		reply_error(rq, HTTP_SERVUNAVAIL, NULL,
			    "the voice of too many is kept already");
		break;

	default:
		reply_error(rq, 422, "seconds", "seconds: want 1 to %d",
			    TAPE_SECONDS_MAX);
		break;
	}
}


void voice_post(struct request *rq)
{
	const struct portal_conf *conf = portal_conf(rq->portal);
	json_t *body = body_json(rq);
	const json_t *seconds = json_object_get(body, "seconds");
	json_int_t n = json_integer_value(seconds);
	struct subject s;
	int err = EINVAL;

	if (!body)
		return;

	if (!subject_find(rq, &s))
		goto out;

	if (json_object_size(body) == 1 && n > 0 && n <= TAPE_SECONDS_MAX) {
		if (!tapes_are_on(conf->tapes))
			err = ENOTSUP;
		else if (!noted(rq, &s, "record"))
			goto out;
		else
			err = tapes_order(conf->tapes, s.tenant, s.name,
					  (uint32_t)n);
	}

	if (err)
		refused(rq, err);
	else
		reply_json(rq, HTTP_OK, json_pack("{s:s, s:s, s:I}",
						  "tenant", s.tenant,
						  "subject", s.name,
						  "seconds", n));
 out:
	json_decref(body);
}


void voice_delete(struct request *rq)
{
	const struct portal_conf *conf = portal_conf(rq->portal);
	struct subject s;

	if (!subject_find(rq, &s) || !noted(rq, &s, "stop"))
		return;

	if (tapes_cancel(conf->tapes, s.tenant, s.name))
		reply_error(rq, HTTP_NOTFOUND, "subject",
			    "no voice is kept of %s", rq->param);
	else
		reply_nothing(rq);
}


/* ---- as a capture ------------------------------------------------------ */


/** Messages and packets, in order of time */
struct reel {
	struct capture *cap;       /* owned                                 */
	struct tape *tape;         /* held; NULL: none yet                  */
	struct tape_packet pkt;    /* the next one                          */
	size_t at;
	bool more;
};


static int packet_add(struct reel *reel)
{
	const struct tape_packet *pkt = &reel->pkt;
	const struct trace_msg msg = {
		.time_us = pkt->time_us, .tx = pkt->tx,
		.tp = SIP_TRANSP_UDP, .local = pkt->local, .peer = pkt->peer,
		.side = pkt->side ? "pbx" : "teams",
		.data = (char *)(uintptr_t)pkt->p, .size = pkt->size,
	};
	const int err = capture_add(reel->cap, &msg);

	reel->more = tape_next(reel->tape, &reel->at, &reel->pkt);

	return err == EINVAL ? 0 : err;
}


/** m=audio 4000 RTP/SAVP 8: of SRTP; a zero before the port and no S are as
    long, so that nothing else moves */
static void plain_line(char *p, char *end)
{
	static const char savp[] = " RTP/SAVP";
	char *port = memchr(p, ' ', (size_t)(end - p));
	char *at;

	if (!port++)
		return;

	for (at = port; (size_t)(end - at) >= sizeof(savp) - 1; at++) {
		if (memcmp(at, savp, sizeof(savp) - 1))
			continue;
		memmove(port + 1, port, (size_t)(at - port) + strlen(" RTP/"));
		*port = '0';
		return;
	}
}


/**
 * The voice beside it is in the clear: a reader who is told of SRTP and keys
 * would decrypt it once more
 */
static void uncrypt(char *p, size_t size)
{
	static const char crypto[] = "a=crypto:", masked[] = "a=masked:";
	const size_t l = sizeof(crypto) - 1;
	char *end = p + size, *next;

	for (; p < end; p = next) {
		char *lf = memchr(p, '\n', (size_t)(end - p));

		next = lf ? lf + 1 : end;
		if ((size_t)(next - p) > l && !memcmp(p, crypto, l))
			memcpy(p, masked, l);
		else if (next - p > 2 && !memcmp(p, "m=", 2))
			plain_line(p, next);
	}
}


static int message_add(const struct trace_msg *msg, void *arg)
{
	struct reel *reel = arg;
	int err = 0;

	while (!err && reel->more && reel->pkt.time_us < msg->time_us)
		err = packet_add(reel);
	if (err)
		return err;

	uncrypt(msg->data, msg->size);
	err = capture_add(reel->cap, msg);

	return err == EINVAL ? 0 : err;
}


static int reel_make(struct reel *reel, struct request *rq,
		     const struct subject *s)
{
	const struct portal_conf *conf = portal_conf(rq->portal);
	int err;

	err = capture_alloc(&reel->cap, conf->software);
	if (!err) {
		reel->more = reel->tape && tape_next(reel->tape, &reel->at,
						     &reel->pkt);
		err = trace_apply(conf->trace, s->traced, message_add, reel);
	}

	for (size_t i = 1; !err && reel->tape; i++) {
		while (!err && reel->more)
			err = packet_add(reel);

		tape_unref(reel->tape);
		reel->tape = tapes_find(conf->tapes, s->tenant, s->name, i);
		reel->at   = 0;
		reel->more = reel->tape && tape_next(reel->tape, &reel->at,
						     &reel->pkt);
	}

	return err;
}


void voice_get(struct request *rq)
{
	const struct portal_conf *conf = portal_conf(rq->portal);
	struct reel reel = { .cap = NULL };
	struct evbuffer *body = NULL;
	const struct mbuf *file;
	struct subject s;

	if (!subject_find(rq, &s))
		return;

	reel.tape = tapes_find(conf->tapes, s.tenant, s.name, 0);
	if (!reel.tape && !tapes_are_asked(conf->tapes, s.tenant, s.name)) {
		reply_error(rq, HTTP_NOTFOUND, "subject",
			    "no voice is kept of %s", rq->param);
		return;
	}

	if (!noted(rq, &s, "hear"))
		goto out;

	body = evbuffer_new();
	if (!body || reel_make(&reel, rq, &s))
		goto fail;

	file = capture_file(reel.cap);
	if (evbuffer_add(body, file->buf, file->end))
		goto fail;

	reply_body(rq, HTTP_OK, "application/x-pcapng", body);
	goto out;

 fail:
	if (body)
		evbuffer_free(body);
	reply_json(rq, HTTP_INTERNAL, NULL);
 out:
	tape_unref(reel.tape);
	mem_deref(reel.cap);
}
