/**
 * @file leg_caller.c  A call that the peer makes (RFC 3261 section 13.3)
 *
 * Provisionals that the peer wants reliable (RFC 3262) are repeated until
 * PRACK comes; a 2xx waits for that too, when the provisional bore a
 * description (RFC 3262 section 5).
 */
#include "bridge/sip/msg.h"
#include "cause.h"
#include "leg_core.h"


/** Extensions that we can do for a peer that requires them */
static bool can_do(const struct leg_conf *conf, const struct pl *token)
{
	if (!pl_strcasecmp(token, "timer"))
		return conf->session_timer;
	if (!pl_strcasecmp(token, "100rel"))
		return conf->prack;

	if (!pl_strcasecmp(token, "replaces"))
		return conf->replaces;

	return false;
}


static bool unsupported_h(const struct sip_hdr *hdr,
			  const struct sip_msg *msg, void *arg)
{
	void **v = arg;
	const struct leg_conf *conf = v[0];
	struct pl rest = hdr->val, token;
	(void)msg;

	while (msg_next_element(&rest, &token)) {
		if (!can_do(conf, &token)) {
			*(struct pl *)v[1] = token;
			return true;
		}
	}

	return false;
}


/** What an INVITE must be before a call comes of it. @return true if good */
static bool check(const struct leg_conf *conf, struct strans *st,
		  const struct sip_msg *msg)
{
	struct pl token = PL_INIT;
	void *v[2];

	memcpy(v, (const void *[]){ conf, &token }, sizeof(v));

	if (sip_msg_hdr_apply(msg, true, SIP_HDR_REQUIRE, unsupported_h, v)) {
		strans_rejectf(st, 420, "Bad Extension",
			       "Unsupported: %r\r\n", &token);
		return false;
	}

	return true;
}


static void cancel_h(struct strans *st, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	struct leg_end end = { .why = LEG_CANCELED, .words = "",
			       .msg = msg };

	cause_hear(&end.heard, msg);

	/* written down by closeh before the peer is answered */
	leg->st = NULL;
	leg_close(leg, &end);
	strans_reject(st, 487, "Request Terminated");
}


static void answer_of_ack(struct leg *leg, const struct sip_msg *ack)
{
	struct desc desc;
	int err;

	leg->offer_in_2xx = false;
	err = leg_desc_decode(&desc, ack);
	if (err) {
		leg_lost(leg, EPROTO, "ACK without a usable description");
		return;
	}

	leg_remote_set(leg, &desc);
	if (leg->h.answeredh)
		leg->h.answeredh(leg, 0, 200, &leg->remote, leg->arg);
}


static void ack_h(int err, const struct sip_msg *ack, void *arg)
{
	struct leg *leg = arg;

	leg->st = mem_deref(leg->st);

	switch (leg->state) {

	case LEG_ENDING:
		(void)dialog_bye(leg->dlg, NULL);
		leg_set_state(leg, LEG_CLOSED);
		mem_deref(leg);
		return;

	case LEG_ANSWERED:
		break;

	default:
		return;
	}

	if (err) {
		leg_lost(leg, err, "our answer was never acknowledged");
		return;
	}

	leg_established(leg);

	if (leg->offer_in_2xx)
		answer_of_ack(leg, ack);
	else
		leg_offer_next(leg);
}


int leg_accept(struct leg **legp, const struct leg_conf *conf,
	       struct strans *st, const struct sip_msg *msg,
	       struct desc *offer, const struct leg_handlers *handlers,
	       void *arg)
{
	struct dialog_param prm = {
		.contact    = conf->contact,
		.digest     = conf->digest,
		.user_agent = conf->user_agent,
	};
	struct leg *leg;
	int err;

	if (!check(conf, st, msg))
		return EPROTO;

	memset(offer, 0, sizeof(*offer));
	err = leg_desc_decode(offer, msg);
	if (err && err != ENOENT) {
		strans_rejectf(st, 488, "Not Acceptable Here",
			       "Warning: 305 callbridge "
			       "\"no usable audio description\"\r\n");
		return EPROTO;
	}
	if (err && mbuf_get_left(msg->mb)) {
		strans_rejectf(st, 415, "Unsupported Media Type",
			       "Accept: application/sdp\r\n");
		return EPROTO;
	}

	err = leg_alloc(&leg, conf, handlers, arg);
	if (err)
		goto fail;

	leg->state = LEG_INVITED;
	leg->offer_in_2xx = !offer->formatc;
	leg->peer_100rel = conf->prack &&
		msg_has_token(msg, SIP_HDR_REQUIRE, "100rel");
	leg->rel.rseq = rand_u16() + 1u;

	err = leg_timer_accept(leg, msg, st);
	if (err) {
		mem_deref(leg);
		return err;
	}

	if (conf->hopc)
		prm.hop = conf->hopv[0];
	err = dialog_accept(&leg->dlg, conf->stack, msg, &prm);
	if (err) {
		mem_deref(leg);
		goto fail;
	}

	dialog_handler_set(leg->dlg, leg_request_h, leg);
	if (offer->formatc)
		leg_remote_set(leg, offer);

	leg->st = st;
	strans_handlers_set(st, cancel_h, ack_h, leg);
	*legp = leg;

	return 0;

 fail:
	if (err == EPROTO || err == EBADMSG)
		strans_reject(st, 400, "Bad Request");
	else
		strans_reject(st, 500, "Server Internal Error");

	return err;
}


static int progress_send(struct leg *leg, uint16_t scode, const char *reason,
			 bool with_body, uint32_t rseq)
{
	char hdrs[768], rel[64] = "";

	leg_answer_headers(leg, scode, hdrs, sizeof(hdrs) - sizeof(rel));
	if (rseq) {
		re_snprintf(rel, sizeof(rel),
			    "Require: 100rel\r\nRSeq: %u\r\n", rseq);
		memcpy(hdrs + strlen(hdrs), rel, strlen(rel) + 1);
	}

	return strans_reply(leg->st, scode, reason,
			    dialog_local_tag(leg->dlg), hdrs,
			    with_body ? "application/sdp" : NULL,
			    with_body ? leg->body : NULL);
}


static void reliable_again(void *arg)
{
	struct leg *leg = arg;
	struct reliable *rel = &leg->rel;
	const uint32_t t1 = stack_timers(leg->conf.stack)->t1_ms;
	struct leg_end end = { .why = LEG_LOST, .err = ETIMEDOUT,
			       .words = "no PRACK for our provisional" };
	struct strans *st;

	rel->waited_ms += rel->wait_ms;
	if (rel->waited_ms >= 64 * t1) {
		st = leg->st;
		leg->st = NULL;
		leg_close(leg, &end);
		strans_reject(st, 504, "Server Time-out");
		return;
	}

	rel->wait_ms *= 2;
	(void)progress_send(leg, rel->scode, rel->reason, rel->with_body,
			    rel->rseq);
	wheel_start(leg_wheel(leg), &rel->tmr, rel->wait_ms, reliable_again,
		    leg);
}


/** RFC 3262 section 3: the next one only after the last was acknowledged;
    what comes in between is left out, for it tells nothing that the answer
    does not */
static int reliable_send(struct leg *leg, uint16_t scode, const char *reason,
			 bool with_body)
{
	struct reliable *rel = &leg->rel;
	char *copy;
	int err;

	if (rel->waiting)
		return 0;

	err = str_dup(&copy, reason);
	if (err)
		return err;

	mem_deref(rel->reason);
	rel->reason = copy;
	rel->scode = scode;
	rel->with_body = with_body;
	rel->waiting = true;
	rel->waited_ms = 0;
	rel->wait_ms = stack_timers(leg->conf.stack)->t1_ms;
	wheel_start(leg_wheel(leg), &rel->tmr, rel->wait_ms, reliable_again,
		    leg);

	return progress_send(leg, scode, reason, with_body, rel->rseq);
}


int leg_progress(struct leg *leg, uint16_t scode, const char *reason,
		 const struct desc *local)
{
	bool with_body = false;
	int err;

	if (leg->state != LEG_INVITED)
		return EPROTO;

	/* an offer must not go out in a provisional that may get lost */
	if (local && !leg->offer_in_2xx) {
		err = leg_local_set(leg, local);
		if (err)
			return err;
		with_body = true;
	}

	if (leg->peer_100rel)
		return reliable_send(leg, scode, reason, with_body);

	return progress_send(leg, scode, reason, with_body, 0);
}


int leg_caller_answer(struct leg *leg)
{
	char hdrs[768];
	int err;

	leg_answer_headers(leg, 200, hdrs, sizeof(hdrs));
	err = strans_reply(leg->st, 200, "OK", dialog_local_tag(leg->dlg),
			   hdrs, "application/sdp", leg->body);
	if (err)
		return err;

	leg_set_state(leg, LEG_ANSWERED);

	return 0;
}


int leg_answer(struct leg *leg, const struct desc *local)
{
	int err;

	if (leg->state != LEG_INVITED)
		return EPROTO;

	if (leg->rel.waiting && leg->rel.with_body) {
		mem_deref(leg->answer_later);
		leg->answer_later = mem_alloc(sizeof(*local), NULL);
		if (!leg->answer_later)
			return ENOMEM;
		*leg->answer_later = *local;
		return 0;
	}

	wheel_cancel(&leg->rel.tmr);
	leg->rel.waiting = false;

	err = leg_local_set(leg, local);
	if (err)
		return err;

	return leg_caller_answer(leg);
}


void leg_reject(struct leg *leg, uint16_t scode, const char *reason,
		const char *hdrs)
{
	struct strans *st = leg->st;

	if (leg->state != LEG_INVITED)
		return;

	leg->st = NULL;
	leg_set_state(leg, LEG_CLOSED);
	wheel_cancel(&leg->rel.tmr);
	memset(&leg->h, 0, sizeof(leg->h));
	strans_rejectf(st, scode, reason, "%s", hdrs ? hdrs : "");
}


/** RAck: rseq cseq method (RFC 3262 section 7.2) */
static bool rack_fits(const struct leg *leg, const struct sip_msg *msg)
{
	const struct pl val = msg_hdr_value(msg, SIP_HDR_RACK);
	const struct sip_msg *invite = strans_request(leg->st);
	struct pl rseq, cseq;

	if (re_regex(val.p, val.l, "[0-9]+[ \t]+[0-9]+[ \t]+INVITE",
		     &rseq, NULL, &cseq, NULL))
		return false;

	return pl_u32(&rseq) == leg->rel.rseq &&
		pl_u32(&cseq) == invite->cseq.num;
}


void leg_prack(struct leg *leg, struct strans *st, const struct sip_msg *msg)
{
	struct reliable *rel = &leg->rel;
	struct desc *later;

	if (leg->state != LEG_INVITED || !rel->waiting ||
	    !rack_fits(leg, msg)) {
		strans_reject(st, 481, "Call/Transaction Does Not Exist");
		return;
	}

	wheel_cancel(&rel->tmr);
	rel->waiting = false;
	++rel->rseq;
	strans_reject(st, 200, "OK");

	later = leg->answer_later;
	leg->answer_later = NULL;
	if (later) {
		(void)leg_answer(leg, later);
		mem_deref(later);
	}
}
