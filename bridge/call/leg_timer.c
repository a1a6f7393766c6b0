/**
 * @file leg_timer.c  Session timers (RFC 4028)
 *
 * A session that nobody refreshes in time is over: that is how the loss of a
 * BYE, or of a whole peer, is found out. The refresher sends an unchanged
 * re-INVITE at half of the interval; the other one waits until shortly
 * before the interval's end.
 */
#include "bridge/sip/msg.h"
#include "leg_core.h"


enum {
	MARGIN_S   = 32,           /* or a third of it (section 10) */
	INTERVAL_MAX_S = 86400,
};


static void refresh_h(void *arg)
{
	struct leg *leg = arg;

	if (!leg->want && leg->exchange == EXCHANGE_IDLE && leg->has_local) {
		struct desc same = leg->local;

		leg->refresh = true;
		(void)leg_offer(leg, &same);
	}

	/* started anew by the answer; if none comes, this asks again */
	wheel_start(leg_wheel(leg), &leg->timer.tmr, 10000, refresh_h, leg);
}


static void expired_h(void *arg)
{
	leg_lost(arg, ETIMEDOUT, "the session was not refreshed in time");
}


void leg_timer_stop(struct leg *leg)
{
	wheel_cancel(&leg->timer.tmr);
}


void leg_timer_start(struct leg *leg)
{
	const struct session_timer *t = &leg->timer;
	uint32_t margin_s = t->interval_s / 3;

	leg_timer_stop(leg);

	if (!t->interval_s)
		return;

	if (margin_s > MARGIN_S)
		margin_s = MARGIN_S;

	if (t->ours)
		wheel_start(leg_wheel(leg), &leg->timer.tmr,
			    (uint64_t)t->interval_s * 500, refresh_h, leg);
	else
		wheel_start(leg_wheel(leg), &leg->timer.tmr,
			    (uint64_t)(t->interval_s - margin_s) * 1000,
			    expired_h, leg);
}


/** "uac", "uas" or "" */
static struct pl refresher(const struct sip_msg *msg)
{
	struct pl val = msg_hdr_value(msg, SIP_HDR_SESSION_EXPIRES);
	struct pl who = PL_INIT;

	(void)msg_param_decode(&val, "refresher", &who);

	return who;
}


/**
 * The interval that a request asks for, with us as its UAS
 *
 * @return 0, EPROTO: too short, it was answered 422
 */
int leg_timer_accept(struct leg *leg, const struct sip_msg *req,
		     struct strans *st)
{
	struct session_timer *t = &leg->timer;
	const struct pl who = refresher(req);
	uint32_t want_s;

	t->interval_s = 0;
	leg->peer_timer = msg_has_token(req, SIP_HDR_SUPPORTED, "timer") ||
		msg_has_token(req, SIP_HDR_REQUIRE, "timer");

	if (!leg->conf.session_timer || !leg->peer_timer ||
	    !msg_hdr_uint(req, SIP_HDR_SESSION_EXPIRES, &want_s))
		return 0;

	if (want_s < t->min_se_s) {
		strans_rejectf(st, 422, "Session Interval Too Small",
			       "Min-SE: %u\r\n", t->min_se_s);
		return EPROTO;
	}

	t->interval_s = want_s > INTERVAL_MAX_S ? INTERVAL_MAX_S : want_s;
	t->ours = !pl_strcasecmp(&who, "uas");

	return 0;
}


/** What a 2xx to our request agreed to, with us as its UAC */
void leg_timer_answered(struct leg *leg, const struct sip_msg *resp)
{
	struct session_timer *t = &leg->timer;
	const struct pl who = refresher(resp);
	uint32_t interval_s;

	t->interval_s = 0;
	leg->peer_timer = msg_has_token(resp, SIP_HDR_REQUIRE, "timer") ||
		msg_has_token(resp, SIP_HDR_SUPPORTED, "timer");

	if (!leg->conf.session_timer ||
	    !msg_hdr_uint(resp, SIP_HDR_SESSION_EXPIRES, &interval_s) ||
	    interval_s < 90)
		return;

	t->interval_s = interval_s > INTERVAL_MAX_S ?
		INTERVAL_MAX_S : interval_s;
	t->ours = pl_strcasecmp(&who, "uas") != 0;
}


bool leg_timer_small(struct leg *leg, const struct sip_msg *resp)
{
	uint32_t min_se_s;

	if (!msg_hdr_uint(resp, SIP_HDR_MIN_SE, &min_se_s) ||
	    min_se_s <= leg->timer.min_se_s || min_se_s > INTERVAL_MAX_S)
		return false;

	leg->timer.min_se_s = min_se_s;
	if (leg->conf.session_expires_s < min_se_s)
		leg->conf.session_expires_s = min_se_s;

	return true;
}


void leg_timer_headers(const struct leg *leg, char *buf, size_t size)
{
	const struct session_timer *t = &leg->timer;
	const char *who = "";

	buf[0] = '\0';
	if (!leg->conf.session_timer)
		return;

	/* in a refresh the roles stay as they were agreed */
	if (t->interval_s)
		who = t->ours ? ";refresher=uac" : ";refresher=uas";

	re_snprintf(buf, size,
		    "Supported: timer\r\n"
		    "Session-Expires: %u%s\r\n"
		    "Min-SE: %u\r\n",
		    t->interval_s ? t->interval_s :
		    leg->conf.session_expires_s, who, t->min_se_s);
}
