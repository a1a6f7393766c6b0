/**
 * @file leg_callee.c  A call that we make (RFC 3261 section 13.2)
 *
 * One INVITE may ring many phones: each To-tag in an answer is an early
 * dialog of its own, the first 2xx wins, further ones are acknowledged and
 * ended. When a hop cannot be reached, or refuses with 503, before anything
 * was heard, the INVITE goes to the next hop.
 */
#include "bridge/base/log.h"
#include "bridge/sip/msg.h"
#include "cause.h"
#include "bridge/sip/routes.h"
#include "leg_core.h"


enum {
	ANSWER_LIMIT_S = 180,
};


static int invite_send(struct leg *leg);
static int invite_begin(struct leg *leg);


static void early_destructor(void *arg)
{
	struct early *early = arg;

	list_unlink(&early->le);
	mem_deref(early->prack);
	mem_deref(early->answer);
	mem_deref(early->dlg);
}


static struct early *early_find(const struct leg *leg,
				const struct sip_msg *msg)
{
	struct le *le;

	for (le = list_head(&leg->earlyl); le; le = le->next) {
		struct early *early = le->data;

		if (dialog_is_of(early->dlg, msg))
			return early;
	}

	return NULL;
}


static struct early *early_get(struct leg *leg, const struct sip_msg *msg)
{
	struct early *early;

	early = early_find(leg, msg);
	if (early)
		return early;

	early = mem_zalloc(sizeof(*early), early_destructor);
	if (!early)
		return NULL;

	if (dialog_fork(&early->dlg, leg->half, msg)) {
		mem_deref(early);
		return NULL;
	}

	dialog_handler_set(early->dlg, leg_request_h, leg);
	list_append(&leg->earlyl, &early->le, early);

	return early;
}


static void prack_resp_h(int err, const struct sip_msg *msg, void *arg)
{
	struct early *early = arg;

	if (!err && msg->scode < 200)
		return;

	early->prack = mem_deref(early->prack);
}


/** RFC 3262 section 4: acknowledge a reliable provisional, each once */
static bool prack_send(struct early *early, const struct sip_msg *msg)
{
	uint32_t rseq;
	char hdrs[64];

	if (!msg_has_token(msg, SIP_HDR_REQUIRE, "100rel") ||
	    !msg_hdr_uint(msg, SIP_HDR_RSEQ, &rseq))
		return true;

	if (early->rseq && rseq != early->rseq + 1)
		return false;

	early->rseq = rseq;
	early->prack = mem_deref(early->prack);
	re_snprintf(hdrs, sizeof(hdrs), "RAck: %u %u INVITE\r\n", rseq,
		    msg->cseq.num);
	(void)dialog_request(&early->prack, early->dlg, "PRACK", hdrs, NULL,
			     NULL, prack_resp_h, early);

	return true;
}


/** @return the description of this dialog, NULL if there is none so far */
static struct desc *early_desc(struct early *early, const struct sip_msg *msg)
{
	struct desc *desc;

	desc = mem_zalloc(sizeof(*desc), NULL);
	if (!desc)
		return early->answer;

	if (leg_desc_decode(desc, msg)) {
		mem_deref(desc);
		return early->answer;
	}

	mem_deref(early->answer);
	early->answer = desc;

	return desc;
}


static void progress(struct leg *leg, const struct sip_msg *msg)
{
	struct early *early = NULL;
	struct desc *answer = NULL;
	bool with_desc = false;

	if (msg->scode == 100)
		return;

	leg->heard = true;

	if (pl_isset(&msg->to.tag))
		early = early_get(leg, msg);

	if (early) {
		const struct desc *before = early->answer;

		if (!prack_send(early, msg))
			return;
		answer = early_desc(early, msg);
		with_desc = answer && answer != before;
	}

	if (leg->h.progressh)
		leg->h.progressh(leg, msg, with_desc ? answer : NULL,
				 leg->arg);
}


/** A 2xx of a dialog that we do not want: acknowledge, then end it */
static void stray_end(struct leg *leg, const struct sip_msg *msg)
{
	struct dialog *dlg;

	if (dialog_fork(&dlg, leg->half, msg))
		return;

	(void)dialog_ack(dlg, msg, NULL, NULL);
	(void)dialog_bye(dlg, NULL);
	mem_deref(dlg);
}


static void answered(struct leg *leg, const struct sip_msg *msg)
{
	struct early *early;
	struct desc *answer;

	if (leg->state != LEG_CALLING) {
		if (leg->dlg && dialog_is_of(leg->dlg, msg))
			(void)dialog_ack_again(leg->dlg, msg);
		else
			stray_end(leg, msg);
		return;
	}

	leg->rang = early_find(leg, msg) != NULL;
	early = early_get(leg, msg);
	if (!early) {
		leg_lost(leg, EPROTO, "2xx without tag or Contact");
		return;
	}

	leg->dlg = mem_ref(early->dlg);
	(void)dialog_update(leg->dlg, msg);
	(void)dialog_ack(leg->dlg, msg, NULL, NULL);

	answer = mem_ref(early_desc(early, msg));
	list_flush(&leg->earlyl);
	if (!answer) {
		leg_lost(leg, EPROTO, "answered without a description");
		return;
	}

	leg_remote_set(leg, answer);
	mem_deref(answer);
	leg_timer_answered(leg, msg);
	leg_established(leg);

	leg->h.answerh(leg, msg, &leg->remote, leg->arg);
}


static bool fails_over(const struct leg_conf *conf, uint16_t scode)
{
	size_t i;

	for (i = 0; i < conf->failoverc; i++) {
		if (conf->failoverv[i] == scode)
			return true;
	}

	return !conf->failoverc && scode == 503;
}


/** @return true if the INVITE went out once more */
static bool next_hop(struct leg *leg, int err, const struct sip_msg *msg)
{
	if (leg->heard || leg->hop + 1 >= leg->conf.hopc)
		return false;

	if (!err && !fails_over(&leg->conf, msg->scode))
		return false;

	if (err)
		info("leg", leg_callid(leg), "%s: %s does not take the call "
		     "(%s), trying %s", leg->conf.side, leg_hop_host(leg),
		     request_why(leg->req),
		     leg->conf.hopv[leg->hop + 1].host);
	else
		info("leg", leg_callid(leg), "%s: %s does not take the call "
		     "(%u %r), trying %s", leg->conf.side, leg_hop_host(leg),
		     msg->scode, &msg->reason,
		     leg->conf.hopv[leg->hop + 1].host);

	if (leg->h.hopfailedh)
		leg->h.hopfailedh(leg, leg_hop_host(leg), err,
				  request_why(leg->req), msg, leg->arg);

	leg_note(leg, CALL_ROUTE, "%s failed (%s), trying %s",
		 leg_hop_host(leg), err ? request_why(leg->req) : "503",
		 leg->conf.hopv[leg->hop + 1].host);
	++leg->hop;

	return !invite_begin(leg);
}


/** @return true if the call was sent to where a 3xx points */
static bool redirected(struct leg *leg, const struct sip_msg *msg)
{
	char ruri[512], *copied;

	if (msg->scode < 300 || msg->scode > 399 || !leg->h.redirecth ||
	    !leg->h.redirecth(leg, msg, ruri, sizeof(ruri), leg->arg) ||
	    str_dup(&copied, ruri))
		return false;

	mem_deref((void *)(uintptr_t)leg->dial.ruri);
	leg->dial.ruri = copied;
	leg->heard = false;

	return !invite_begin(leg);
}


static void refused(struct leg *leg, int err, const struct sip_msg *msg)
{
	struct leg_end end = { .why = LEG_REFUSED, .err = err, .words = "" };
	char words[160] = "";

	if (leg->state != LEG_CALLING) {
		/* the INVITE's transaction is over (Timer M) */
		leg->req = mem_deref(leg->req);
		return;
	}

	if (!err && msg->scode == 422 && leg_timer_small(leg, msg) &&
	    !invite_send(leg)) {
		leg_note(leg, CALL_TIMER, "422: asked again with a longer "
			 "session interval");
		return;
	}

	if (!err && redirected(leg, msg))
		return;

	if (next_hop(leg, err, msg))
		return;

	re_snprintf(words, sizeof(words), "%s", request_why(leg->req));
	end.words = words;

	if (!err) {
		end.scode = msg->scode;
		end.reason = msg->reason;
		cause_hear(&end.heard, msg);
		end.msg = msg;
	}

	leg_close(leg, &end);
}


static void invite_resp_h(int err, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;

	if (err || msg->scode >= 300)
		refused(leg, err, msg);
	else if (msg->scode >= 200)
		answered(leg, msg);
	else if (leg->state == LEG_CALLING)
		progress(leg, msg);
}


static void answer_limit_h(void *arg)
{
	struct leg *leg = arg;
	struct leg_end end = { .why = LEG_REFUSED, .err = ETIMEDOUT,
			       .unanswered = true,
			       .words = "no answer within the limit" };

	(void)request_cancel(leg->req, "Reason: Q.850;cause=19\r\n");
	leg_close(leg, &end);
}


/** Send the INVITE with the ids of the half dialog that there is */
static int invite_send(struct leg *leg)
{
	const struct leg_conf *conf = &leg->conf;
	const struct leg_dial *dial = &leg->dial;
	char *hdrs, timer[96];
	int err;

	/* this may run from the handler of the request it replaces */
	leg->req = mem_deref(leg->req);
	list_flush(&leg->earlyl);

	leg_timer_headers(leg, timer, sizeof(timer));
	err = re_sdprintf(&hdrs, "Allow: %s\r\n%s%s%s%s", conf->allow,
			  conf->prack ? "Supported: 100rel\r\n" : "",
			  conf->replaces ? "Supported: replaces\r\n" : "",
			  timer, dial->hdrs ? dial->hdrs : "");
	if (err)
		return err;

	err = dialog_request(&leg->req, leg->half, "INVITE", hdrs,
			     "application/sdp", leg->body, invite_resp_h,
			     leg);
	mem_deref(hdrs);

	return err;
}


/** Send the INVITE to the present hop, as a new call */
static int invite_begin(struct leg *leg)
{
	const struct leg_conf *conf = &leg->conf;
	const struct leg_dial *dial = &leg->dial;
	struct dialog_param prm = {
		.local_uri  = dial->from_uri,
		.local_name = dial->from_name,
		.remote_uri = dial->to_uri,
		.target     = dial->ruri,
		.contact    = conf->contact,
		.hop        = conf->hopv[leg->hop],
		.digest     = conf->digest,
		.user_agent = conf->user_agent,
		.routev     = conf->routes ? conf->routes->v : NULL,
		.routec     = conf->routes ? conf->routes->c : 0,
	};
	int err;

	leg->req  = mem_deref(leg->req);
	leg->half = mem_deref(leg->half);

	err = dialog_alloc(&leg->half, conf->stack, &prm);
	if (err)
		return err;

	return invite_send(leg);
}


static int copy(const char **dst, const char *src)
{
	char *s;
	int err;

	if (!src)
		return 0;

	err = str_dup(&s, src);
	if (!err)
		*dst = s;

	return err;
}


int leg_dial(struct leg **legp, const struct leg_conf *conf,
	     const struct leg_dial *dial, const struct leg_handlers *handlers,
	     void *arg)
{
	const uint32_t limit_s = conf->answer_limit_s ?
		conf->answer_limit_s : (uint32_t)ANSWER_LIMIT_S;
	struct leg *leg;
	int err;

	if (!conf->hopc)
		return EINVAL;

	err = leg_alloc(&leg, conf, handlers, arg);
	if (err)
		return err;

	leg->state = LEG_CALLING;
	err  = copy(&leg->dial.ruri, dial->ruri);
	err |= copy(&leg->dial.from_name, dial->from_name);
	err |= copy(&leg->dial.from_uri, dial->from_uri);
	err |= copy(&leg->dial.to_uri, dial->to_uri);
	err |= copy(&leg->dial.hdrs, dial->hdrs);
	if (err) {
		err = ENOMEM;
		goto out;
	}

	err = leg_local_set(leg, dial->offer);
	if (err)
		goto out;

	err = invite_begin(leg);
	if (err)
		goto out;

	wheel_start(leg_wheel(leg), &leg->answer_tmr,
		    (uint64_t)limit_s * 1000, answer_limit_h, leg);

 out:
	if (err)
		mem_deref(leg);
	else
		*legp = leg;

	return err;
}
