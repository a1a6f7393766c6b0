/**
 * @file leg_request.c  Requests within the dialog: BYE, REFER, NOTIFY, ...
 */
#include "bridge/base/log.h"
#include "bridge/sip/msg.h"
#include "cause.h"
#include "leg_core.h"


enum {
	LAST_NOTIFY_MS = 2000,     /* that a BYE waits for its answer       */
};


static void bye(struct leg *leg, struct strans *st, const struct sip_msg *msg)
{
	struct leg_end end = { .why = LEG_BYE, .words = "", .msg = msg };
	struct strans *waiting;

	cause_hear(&end.heard, msg);

	/* RFC 3261 section 15.1.2: what waits for an answer gets 487 */
	waiting = leg->exchange == EXCHANGE_ASKED ||
		leg->state == LEG_INVITED ? leg->st : NULL;
	if (waiting)
		leg->st = NULL;

	/* written down by closeh before the peer is answered */
	leg_close(leg, &end);
	if (waiting)
		strans_reject(waiting, 487, "Request Terminated");
	strans_reject(st, 200, "OK");
}


/** "SIP/2.0 200 OK" of a message/sipfrag body (RFC 3420) */
static uint16_t sipfrag_status(const struct sip_msg *msg)
{
	struct pl body, scode;

	if (msg_body(msg, "message", "sipfrag", &body) ||
	    re_regex(body.p, body.l, "SIP/2.0 [0-9]3", &scode))
		return 0;

	return (uint16_t)pl_u32(&scode);
}


static void notify(struct leg *leg, struct strans *st,
		   const struct sip_msg *msg)
{
	const struct pl event = msg_hdr_value(msg, SIP_HDR_EVENT);
	const struct pl state = msg_hdr_value(msg,
					      SIP_HDR_SUBSCRIPTION_STATE);
	uint16_t scode;
	bool last;

	if (event.l < 5 || pl_strcasecmp(&(struct pl){event.p, 5}, "refer")) {
		strans_reject(st, 489, "Bad Event");
		return;
	}

	scode = sipfrag_status(msg);
	last = scode >= 200 || (state.l >= 10 &&
		!pl_strcasecmp(&(struct pl){state.p, 10}, "terminated"));

	strans_reject(st, 200, "OK");
	if (leg->h.notifyh)
		leg->h.notifyh(leg, scode, false, last, leg->arg);
}


static void refer(struct leg *leg, struct strans *st,
		  const struct sip_msg *msg)
{
	if (leg->h.referh && strstr(leg->conf.allow, "REFER"))
		leg->h.referh(leg, st, msg, leg->arg);
	else
		strans_rejectf(st, 405, "Method Not Allowed", "Allow: %s\r\n",
			       leg->conf.allow);
}


static const struct {
	const char *method;
	void (*h)(struct leg *leg, struct strans *st,
		  const struct sip_msg *msg);
} methodv[] = {
	{ "BYE",    bye              },
	{ "INVITE", leg_invite_again },
	{ "UPDATE", leg_invite_again },
	{ "PRACK",  leg_prack        },
	{ "NOTIFY", notify           },
	{ "REFER",  refer            },
	{ "INFO",   leg_info         },
};


void leg_request_h(struct dialog *dlg, struct strans *st,
		   const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	size_t i;

	if (leg->state == LEG_CLOSED) {
		strans_reject(st, 481, "Call/Transaction Does Not Exist");
		return;
	}

	if (leg->state == LEG_ENDING) {
		/* BYE in place of the ACK that we wait for ends it as well */
		strans_reject(st, 200, "OK");
		return;
	}

	/* one phone of several goes before it answered: the others ring on */
	if (dlg != leg->dlg && !pl_strcmp(&msg->met, "BYE")) {
		strans_reject(st, 200, "OK");
		return;
	}

	if ((dlg != leg->dlg || leg->state == LEG_INVITED) &&
	    !pl_strcmp(&msg->met, "UPDATE")) {
		leg_update_early(leg, st, msg);
		return;
	}

	for (i = 0; i < RE_ARRAY_SIZE(methodv); i++) {
		if (pl_strcmp(&msg->met, methodv[i].method))
			continue;
		if (dlg != leg->dlg)
			break;
		methodv[i].h(leg, st, msg);
		return;
	}

	if (!pl_strcmp(&msg->met, "OPTIONS"))
		strans_rejectf(st, 200, "OK", "Allow: %s\r\n",
			       leg->conf.allow);
	else
		strans_rejectf(st, 405, "Method Not Allowed", "Allow: %s\r\n",
			       leg->conf.allow);
}


static void refer_resp_h(int err, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	uint16_t scode;

	if (!err && msg->scode < 200)
		return;

	scode = err ? 408 : msg->scode;
	leg->refer_req = mem_deref(leg->refer_req);
	leg->refer_accepted = scode < 300;

	if (scode >= 300 && leg->h.notifyh)
		leg->h.notifyh(leg, scode, true, true, leg->arg);
}


int leg_refer(struct leg *leg, const char *refer_to, const char *hdrs)
{
	char buf[2048];

	if (leg->state != LEG_ESTABLISHED)
		return EPROTO;

	if (re_snprintf(buf, sizeof(buf), "Refer-To: %s\r\n%s", refer_to,
			hdrs ? hdrs : "") < 0)
		return EINVAL;

	leg->refer_req = mem_deref(leg->refer_req);
	leg->refer_accepted = false;

	return dialog_request(&leg->refer_req, leg->dlg, "REFER", buf, NULL,
			      NULL, refer_resp_h, leg);
}


bool leg_refer_accepted(const struct leg *leg)
{
	return leg->refer_accepted;
}


void leg_refer_taken(struct leg *leg, const struct sip_msg *msg)
{
	++leg->refers;
	leg->refer_id = msg->cseq.num;
}


static void probe_resp_h(int err, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;

	if (!err && msg->scode < 200)
		return;

	leg->probe_req = mem_deref(leg->probe_req);

	/* any other answer, 405 or 501 too, is one of somebody who is there */
	if (err)
		leg_lost(leg, err, "the peer does not answer any more");
	else if (msg->scode == 481 || msg->scode == 408)
		leg_lost(leg, EPROTO, "the peer does not know the call any "
			 "more");
}


void leg_probe(struct leg *leg)
{
	if (leg->state != LEG_ESTABLISHED || leg->probe_req)
		return;

	(void)dialog_request(&leg->probe_req, leg->dlg, "OPTIONS",
			     "Accept: application/sdp\r\n", NULL, NULL,
			     probe_resp_h, leg);
}


static void notice_destructor(void *arg)
{
	struct notice *notice = arg;

	list_unlink(&notice->le);
	mem_deref(notice->reason);
}


static void notify_next(struct leg *leg);


/** The BYE that waited. The leg may be gone afterwards */
static void bye_now(void *arg)
{
	struct leg *leg = arg;

	(void)dialog_bye(leg->dlg, leg->bye_hdrs);
	leg_set_state(leg, LEG_CLOSED);
	wheel_cancel(&leg->bye_tmr);
	mem_deref(leg);
}


static void notify_resp_h(int err, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;

	if (!err && msg->scode < 200)
		return;

	leg->notify_req = mem_deref(leg->notify_req);
	notify_next(leg);
	if (leg->state == LEG_ENDING && !leg->notify_req)
		bye_now(leg);
}


static int notify_send(struct leg *leg, const struct notice *notice)
{
	struct mbuf *body;
	char hdrs[160], id[24] = "";
	int err;

	body = mbuf_alloc(128);
	if (!body)
		return ENOMEM;

	if (leg->refers > 1)
		re_snprintf(id, sizeof(id), ";id=%u", leg->refer_id);

	re_snprintf(hdrs, sizeof(hdrs),
		    "Event: refer%s\r\n"
		    "Subscription-State: %s\r\n", id,
		    notice->last ? "terminated;reason=noresource" :
		    "active;expires=60");

	err = mbuf_printf(body, "SIP/2.0 %u %s\r\n", notice->scode,
			  notice->reason);
	if (err)
		goto out;

	body->pos = 0;
	err = dialog_request(&leg->notify_req, leg->dlg, "NOTIFY", hdrs,
			     "message/sipfrag;version=2.0", body,
			     notify_resp_h, leg);

 out:
	mem_deref(body);

	return err;
}


/** One at a time: over UDP, or two connections, they might overtake */
static void notify_next(struct leg *leg)
{
	struct notice *notice;

	while (!leg->notify_req && (leg->state == LEG_ESTABLISHED ||
				    leg->state == LEG_ENDING) &&
	       !list_isempty(&leg->noticel)) {
		notice = list_ledata(list_head(&leg->noticel));
		if (notify_send(leg, notice))
			warning("leg", leg_callid(leg), "%s: NOTIFY %u could "
				"not be sent", leg->conf.side, notice->scode);
		mem_deref(notice);
	}
}


bool leg_bye_after_notices(struct leg *leg, const char *hdrs)
{
	if (!leg->notify_req)
		return false;

	if (hdrs && str_dup(&leg->bye_hdrs, hdrs))
		return false;

	mem_ref(leg);
	leg_set_state(leg, LEG_ENDING);
	leg_work_stop(leg);
	wheel_start(leg_wheel(leg), &leg->bye_tmr, LAST_NOTIFY_MS, bye_now,
		    leg);

	return true;
}


int leg_refer_notify(struct leg *leg, uint16_t scode, const char *reason,
		     bool last)
{
	struct notice *notice;
	int err;

	if (leg->state != LEG_ESTABLISHED)
		return EPROTO;

	notice = mem_zalloc(sizeof(*notice), notice_destructor);
	if (!notice)
		return ENOMEM;

	notice->scode = scode;
	notice->last = last;
	err = str_dup(&notice->reason, reason);
	if (err) {
		mem_deref(notice);
		return err;
	}

	list_append(&leg->noticel, &notice->le, notice);
	notify_next(leg);

	return 0;
}
