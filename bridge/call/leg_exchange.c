/**
 * @file leg_exchange.c  Offer and answer within the dialog (RFC 3264, 3311)
 *
 * One exchange at a time. An offer of ours that may not go out yet waits; a
 * later one takes its place. Glare is answered 491 and waited out (RFC 3261
 * section 14.1).
 */
#include "bridge/base/log.h"
#include "bridge/sip/msg.h"
#include "leg_core.h"


static void offer_failed(struct leg *leg, uint16_t scode)
{
	const bool refresh = leg->refresh;

	leg->refresh = false;

	/* the dialog is gone (RFC 3261 section 12.2.1.2) */
	if (scode == 481 || scode == 408 || !scode) {
		leg_lost(leg, ETIMEDOUT, scode == 481 ?
			 "the peer knows the call no more" :
			 "the peer does not answer any more");
		return;
	}

	leg_offer_next(leg);
	if (!refresh && leg->h.answeredh)
		leg->h.answeredh(leg, EPROTO, scode, NULL, leg->arg);
}


static void glare_h(void *arg)
{
	struct leg *leg = arg;
	struct desc same = leg->local;

	if (!leg->want)
		(void)leg_offer(leg, &same);
	else
		leg_offer_next(leg);
}


/** RFC 3261 section 14.1: who made the Call-ID waits longer */
static void glare(struct leg *leg)
{
	const uint32_t t2 = stack_timers(leg->conf.stack)->t2_ms;
	const uint32_t step = rand_u32() % (t2 / 2);
	const uint32_t wait = leg_is_caller(leg) ? step : t2 / 2 + step;

	wheel_start(leg_wheel(leg), &leg->glare_tmr, wait, glare_h, leg);
}


static void offer_resp_h(int err, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	struct desc answer;
	bool refresh;

	if (!err && msg->scode < 200)
		return;

	if (!err && msg->scode < 300 && leg->exchange != EXCHANGE_OFFERED) {
		(void)dialog_ack_again(leg->dlg, msg);
		return;
	}

	if (leg->exchange != EXCHANGE_OFFERED) {
		leg->offer_req = mem_deref(leg->offer_req);
		return;
	}

	leg->exchange = EXCHANGE_IDLE;

	if (!err && msg->scode == 491) {
		leg->offer_req = mem_deref(leg->offer_req);
		glare(leg);
		return;
	}

	if (!err && msg->scode == 422 && leg_timer_small(leg, msg)) {
		leg->offer_req = mem_deref(leg->offer_req);
		glare_h(leg);
		return;
	}

	if (err || msg->scode >= 300) {
		leg->offer_req = mem_deref(leg->offer_req);
		offer_failed(leg, err ? 0 : msg->scode);
		return;
	}

	(void)dialog_update(leg->dlg, msg);
	(void)dialog_ack(leg->dlg, msg, NULL, NULL);
	leg_timer_answered(leg, msg);
	leg_timer_start(leg);

	if (leg_desc_decode(&answer, msg)) {
		offer_failed(leg, 488);
		return;
	}

	refresh = leg->refresh;
	leg->refresh = false;
	leg_remote_set(leg, &answer);
	leg_offer_next(leg);

	/* also after a refresh: the peer may have moved its media */
	if (refresh)
		debug("leg", leg_callid(leg), "%s: session refreshed",
		      leg->conf.side);
	if (leg->h.answeredh)
		leg->h.answeredh(leg, 0, 200, &leg->remote, leg->arg);
}


void leg_offer_next(struct leg *leg)
{
	char hdrs[512], timer[96];
	int err;

	if (!leg->want || leg->state != LEG_ESTABLISHED ||
	    leg->exchange != EXCHANGE_IDLE || leg->offer_in_2xx ||
	    wheel_is_running(&leg->glare_tmr))
		return;

	err = leg_local_set(leg, leg->want);
	leg->want = mem_deref(leg->want);
	if (err)
		return;

	leg_timer_headers(leg, timer, sizeof(timer));
	re_snprintf(hdrs, sizeof(hdrs), "Allow: %s\r\n%s", leg->conf.allow,
		    timer);

	leg->offer_req = mem_deref(leg->offer_req);
	err = dialog_request(&leg->offer_req, leg->dlg, "INVITE", hdrs,
			     "application/sdp", leg->body, offer_resp_h, leg);
	if (err)
		warning("leg", leg_callid(leg), "%s: re-INVITE: %m",
			leg->conf.side, err);
	else
		leg->exchange = EXCHANGE_OFFERED;
}


int leg_offer(struct leg *leg, const struct desc *local)
{
	if (!leg_is_established(leg))
		return EPROTO;

	if (!leg->want) {
		leg->want = mem_alloc(sizeof(*leg->want), NULL);
		if (!leg->want)
			return ENOMEM;
	}

	*leg->want = *local;
	leg_offer_next(leg);

	return 0;
}


static void asked_ack_h(int err, const struct sip_msg *ack, void *arg)
{
	struct leg *leg = arg;
	struct desc desc;

	leg->st = mem_deref(leg->st);

	if (leg->state != LEG_ESTABLISHED)
		return;

	if (err) {
		leg_lost(leg, err, "our answer was never acknowledged");
		return;
	}

	if (!leg->offer_in_2xx) {
		leg_offer_next(leg);
		return;
	}

	leg->offer_in_2xx = false;
	if (leg_desc_decode(&desc, ack)) {
		leg_lost(leg, EPROTO, "ACK without a usable description");
		return;
	}

	leg_remote_set(leg, &desc);
	leg_offer_next(leg);
	if (leg->h.answeredh)
		leg->h.answeredh(leg, 0, 200, &leg->remote, leg->arg);
}


static bool is_update(const struct sip_msg *msg)
{
	return !pl_strcmp(&msg->met, "UPDATE");
}


/** Take the peer's offer, or its wish for one, up to the owner */
static void ask(struct leg *leg, struct strans *st, const struct sip_msg *msg,
		bool has_offer, const struct desc *offer)
{
	leg->exchange = EXCHANGE_ASKED;
	leg->st = st;
	leg->offer_in_2xx = !has_offer;

	if (!is_update(msg))
		strans_handlers_set(st, NULL, asked_ack_h, leg);
	if (has_offer)
		leg_remote_set(leg, offer);

	if (leg->h.offerh)
		leg->h.offerh(leg, has_offer ? &leg->remote : NULL, leg->arg);
	else
		(void)leg_reject_offer(leg, 488, "Not Acceptable Here");
}


static void update_answer(struct leg *leg, struct strans *st)
{
	char hdrs[768];

	leg_answer_headers(leg, 200, hdrs, sizeof(hdrs));
	strans_rejectf(st, 200, "OK", "%s", hdrs);
	leg_timer_start(leg);
}


void leg_invite_again(struct leg *leg, struct strans *st,
		      const struct sip_msg *msg)
{
	struct desc offer;
	int err;

	/* our own 2xx or re-INVITE is under way (RFC 3261 section 14.2) */
	if (leg->exchange == EXCHANGE_OFFERED ||
	    (leg->state == LEG_ANSWERED && !is_update(msg))) {
		strans_reject(st, 491, "Request Pending");
		return;
	}

	if (leg->exchange == EXCHANGE_ASKED || leg->st) {
		strans_rejectf(st, 500, "Server Internal Error",
			       "Retry-After: %u\r\n", rand_u32() % 11);
		return;
	}

	err = leg_desc_decode(&offer, msg);
	if (err && err != ENOENT) {
		strans_reject(st, 488, "Not Acceptable Here");
		return;
	}
	if (err && mbuf_get_left(msg->mb)) {
		strans_rejectf(st, 415, "Unsupported Media Type",
			       "Accept: application/sdp\r\n");
		return;
	}

	if (leg_timer_accept(leg, msg, st))
		return;

	(void)dialog_update(leg->dlg, msg);

	if (err && is_update(msg))
		update_answer(leg, st);
	else
		ask(leg, st, msg, !err, &offer);
}


void leg_update_early(struct leg *leg, struct strans *st,
		      const struct sip_msg *msg)
{
	struct desc offer;

	if (leg_desc_decode(&offer, msg) == ENOENT)
		strans_rejectf(st, 200, "OK", "Contact: %s\r\nAllow: %s\r\n",
			       leg->conf.contact, leg->conf.allow);
	else if (leg_is_caller(leg))
		strans_rejectf(st, 500, "Server Internal Error",
			       "Retry-After: %u\r\n", rand_u32() % 11);
	else
		strans_reject(st, 491, "Request Pending");
}


int leg_accept_offer(struct leg *leg, const struct desc *local)
{
	const bool update = leg->st && is_update(strans_request(leg->st));
	char hdrs[768];
	int err;

	if (leg->exchange != EXCHANGE_ASKED)
		return EPROTO;

	err = leg_local_set(leg, local);
	if (err)
		return err;

	leg->exchange = EXCHANGE_IDLE;
	leg_answer_headers(leg, 200, hdrs, sizeof(hdrs));
	err = strans_reply(leg->st, 200, "OK", dialog_local_tag(leg->dlg),
			   hdrs, "application/sdp", leg->body);
	leg_timer_start(leg);

	if (update) {
		leg->st = mem_deref(leg->st);
		leg_offer_next(leg);
	}

	return err;
}


int leg_reject_offer(struct leg *leg, uint16_t scode, const char *reason)
{
	struct strans *st = leg->st;

	if (leg->exchange != EXCHANGE_ASKED)
		return EPROTO;

	leg->exchange = EXCHANGE_IDLE;
	leg->offer_in_2xx = false;
	leg->st = NULL;
	strans_reject(st, scode, reason);
	leg_offer_next(leg);

	return 0;
}
