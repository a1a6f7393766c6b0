/**
 * @file leg.c  States of a leg, its making and its ends
 */
#include <assert.h>

#include "bridge/base/log.h"
#include "bridge/sip/msg.h"
#include "leg_core.h"


static const char *const state_names[] = {
	[LEG_INVITED]     = "invited",
	[LEG_ANSWERED]    = "answered",
	[LEG_CALLING]     = "calling",
	[LEG_ESTABLISHED] = "established",
	[LEG_ENDING]      = "ending",
	[LEG_CLOSED]      = "closed",
};


/* for each state, the set of those that may follow */
static const unsigned successors[] = {
	[LEG_INVITED]     = 1u << LEG_ANSWERED | 1u << LEG_CLOSED,
	[LEG_ANSWERED]    = 1u << LEG_ESTABLISHED | 1u << LEG_ENDING |
			    1u << LEG_CLOSED,
	[LEG_CALLING]     = 1u << LEG_ESTABLISHED | 1u << LEG_CLOSED,
	[LEG_ESTABLISHED] = 1u << LEG_ENDING | 1u << LEG_CLOSED,
	[LEG_ENDING]      = 1u << LEG_CLOSED,
	[LEG_CLOSED]      = 0,
};


void leg_set_state(struct leg *leg, enum leg_state next)
{
	assert(successors[leg->state] & (1u << next));

	debug("leg", leg_callid(leg), "%s: %s -> %s", leg->conf.side,
	      state_names[leg->state], state_names[next]);

	leg->state = next;
}


struct wheel *leg_wheel(const struct leg *leg)
{
	return stack_wheel(leg->conf.stack);
}


static void dial_clear(struct leg_dial *dial)
{
	const char *const v[] = { dial->ruri, dial->from_name, dial->from_uri,
				  dial->to_uri, dial->hdrs };
	size_t i;

	for (i = 0; i < RE_ARRAY_SIZE(v); i++)
		mem_deref((void *)(uintptr_t)v[i]);
	memset(dial, 0, sizeof(*dial));
}


/** Timers and requests end with the call, the dialog stays for its ids */
void leg_work_stop(struct leg *leg)
{
	wheel_cancel(&leg->answer_tmr);
	wheel_cancel(&leg->glare_tmr);
	wheel_cancel(&leg->rel.tmr);
	leg_timer_stop(leg);

	list_flush(&leg->earlyl);
	leg->req       = mem_deref(leg->req);
	leg->offer_req = mem_deref(leg->offer_req);
	leg->refer_req = mem_deref(leg->refer_req);
	leg->probe_req = mem_deref(leg->probe_req);
	leg->st        = mem_deref(leg->st);
	leg->want      = mem_deref(leg->want);
	leg->answer_later = mem_deref(leg->answer_later);
}


static void destructor(void *arg)
{
	struct leg *leg = arg;

	leg_work_stop(leg);
	wheel_cancel(&leg->bye_tmr);
	list_flush(&leg->noticel);
	mem_deref(leg->notify_req);
	mem_deref(leg->infos.req);
	mem_deref(leg->bye_hdrs);
	mem_deref(leg->half);
	mem_deref(leg->dlg);
	mem_deref(leg->body);
	mem_deref(leg->rel.reason);
	mem_deref(leg->contact);
	mem_deref((void *)(uintptr_t)leg->conf.routes);
	mem_deref(leg->user_agent);
	mem_deref(leg->conf.digest);
	dial_clear(&leg->dial);
}


int leg_alloc(struct leg **legp, const struct leg_conf *conf,
	      const struct leg_handlers *handlers, void *arg)
{
	struct leg *leg;
	int err;

	leg = mem_zalloc(sizeof(*leg), destructor);
	if (!leg)
		return ENOMEM;

	leg->conf = *conf;
	mem_ref((void *)(uintptr_t)conf->routes);
	mem_ref(conf->digest);
	leg->timer.min_se_s = conf->min_se_s;
	leg->sess_id = rand_u32();
	leg->sess_ver = 1;
	leg->h = *handlers;
	leg->arg = arg;

	err = str_dup(&leg->contact, conf->contact);
	if (conf->user_agent)
		err |= str_dup(&leg->user_agent, conf->user_agent);
	if (err) {
		mem_deref(leg);
		return ENOMEM;
	}

	leg->conf.contact = leg->contact;
	leg->conf.user_agent = leg->user_agent;
	*legp = leg;

	return 0;
}


void leg_note(struct leg *leg, enum call_topic topic, const char *fmt, ...)
{
	char text[CALL_DECISION_TEXT];
	va_list ap;

	if (!leg->h.noteh)
		return;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	leg->h.noteh(leg, topic, text, leg->arg);
}


void leg_close(struct leg *leg, const struct leg_end *end)
{
	leg_set_state(leg, LEG_CLOSED);
	leg_work_stop(leg);

	if (leg->h.closeh)
		leg->h.closeh(leg, end, leg->arg);
}


void leg_lost(struct leg *leg, int err, const char *words)
{
	struct leg_end end = { .why = LEG_LOST, .err = err, .words = words };

	warning("leg", leg_callid(leg), "%s: lost: %s", leg->conf.side,
		words);

	if (leg->dlg)
		(void)dialog_bye(leg->dlg, NULL);

	leg_close(leg, &end);
}


void leg_hangup(struct leg *leg, uint16_t scode, const char *reason,
		const char *hdrs)
{
	memset(&leg->h, 0, sizeof(leg->h));

	switch (leg->state) {

	case LEG_INVITED:
		leg_reject(leg, scode ? scode : 480,
			   reason ? reason : "Temporarily Unavailable", hdrs);
		return;

	case LEG_CALLING:
		if (leg->req)
			(void)request_cancel(leg->req, hdrs);
		break;

	case LEG_ANSWERED:
		/* RFC 3261 section 15: no BYE before ACK. The leg keeps
		   itself until then */
		leg_set_state(leg, LEG_ENDING);
		wheel_cancel(&leg->glare_tmr);
		leg_timer_stop(leg);
		mem_ref(leg);
		return;

	case LEG_ESTABLISHED:
		if (leg->exchange == EXCHANGE_ASKED && leg->st) {
			strans_reject(leg->st, 487, "Request Terminated");
			leg->st = NULL;
		}
		if (leg_bye_after_notices(leg, hdrs))
			return;
		(void)dialog_bye(leg->dlg, hdrs);
		break;

	case LEG_ENDING:
	case LEG_CLOSED:
		return;
	}

	leg_set_state(leg, LEG_CLOSED);
	leg_work_stop(leg);
}


int leg_local_set(struct leg *leg, const struct desc *local)
{
	struct mbuf *mb = NULL;
	struct desc desc = *local;
	int err;

	desc.sess_id = leg->sess_id;
	desc.sess_ver = leg->sess_ver;
	err = desc_encode(&mb, &desc);
	if (err)
		return err;

	/* RFC 3264 section 8: the version counts up when anything changed */
	if (leg->body && (leg->body->end != mb->end ||
			  memcmp(leg->body->buf, mb->buf, mb->end))) {
		mem_deref(mb);
		desc.sess_ver = ++leg->sess_ver;
		err = desc_encode(&mb, &desc);
		if (err)
			return err;
	}

	mem_deref(leg->body);
	leg->body = mb;
	leg->body->pos = 0;
	leg->local = desc;
	leg->has_local = true;

	return 0;
}


void leg_remote_set(struct leg *leg, const struct desc *remote)
{
	leg->remote = *remote;
	leg->has_remote = true;
}


int leg_desc_decode(struct desc *desc, const struct sip_msg *msg)
{
	struct pl body;
	int err;

	err = msg_body(msg, "application", "sdp", &body);
	if (err)
		return err;

	err = desc_decode(desc, &body);
	if (err && err != ENOENT)
		return err;

	/* no audio, or a refused line (RFC 3264 section 6): nothing to talk
	   about, which is not the same as nothing said */
	return !err && sa_port(&desc->rtp) ? 0 : ENOTSUP;
}


void leg_answer_headers(const struct leg *leg, uint16_t scode, char *buf,
			size_t size)
{
	char timer[96] = "";
	const bool t = leg->conf.session_timer;

	if (scode >= 200 && leg->timer.interval_s) {
		/* who refreshes is told from the answerer's view: we are the
		   UAS of this request */
		re_snprintf(timer, sizeof(timer),
			    "%sSession-Expires: %u;refresher=%s\r\n",
			    leg->peer_timer ? "Require: timer\r\n" : "",
			    leg->timer.interval_s,
			    leg->timer.ours ? "uas" : "uac");
	}

	re_snprintf(buf, size,
		    "Contact: %s\r\n"
		    "Allow: %s\r\n"
		    "%s%s%s",
		    leg->conf.contact, leg->conf.allow,
		    leg->conf.replaces ? "Supported: replaces\r\n" : "",
		    t ? "Supported: timer\r\n" : "", timer);
}


void leg_established(struct leg *leg)
{
	leg_set_state(leg, LEG_ESTABLISHED);
	wheel_cancel(&leg->answer_tmr);
	leg_timer_start(leg);
	if (leg->timer.interval_s)
		leg_note(leg, CALL_TIMER, "session of %u s, refreshed by %s",
			 leg->timer.interval_s, leg->timer.ours ? "us" :
			 "the peer");
}


bool leg_is_established(const struct leg *leg)
{
	return leg->state == LEG_ESTABLISHED || leg->state == LEG_ANSWERED;
}


bool leg_is_over(const struct leg *leg)
{
	return leg->state == LEG_ENDING || leg->state == LEG_CLOSED;
}


bool leg_has_rung(const struct leg *leg)
{
	return leg->rang;
}


bool leg_is_caller(const struct leg *leg)
{
	return !leg->dial.ruri;
}


const char *leg_callid(const struct leg *leg)
{
	if (leg->dlg)
		return dialog_callid(leg->dlg);

	return leg->half ? dialog_callid(leg->half) : "";
}


const char *leg_side(const struct leg *leg)
{
	return leg->conf.side;
}


const struct desc *leg_local(const struct leg *leg)
{
	return leg->has_local ? &leg->local : NULL;
}


const struct desc *leg_remote(const struct leg *leg)
{
	return leg->has_remote ? &leg->remote : NULL;
}


struct dialog *leg_dialog(const struct leg *leg)
{
	return leg->dlg;
}


void leg_handlers_set(struct leg *leg, const struct leg_handlers *handlers,
		      void *arg)
{
	leg->h = *handlers;
	leg->arg = arg;
}


const char *leg_hop_host(const struct leg *leg)
{
	return leg->hop < leg->conf.hopc ? leg->conf.hopv[leg->hop].host : "";
}
