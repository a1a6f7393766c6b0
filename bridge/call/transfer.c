/**
 * @file transfer.c  REFER from Teams, passed on or served by ourselves
 *
 * Microsoft, "Direct Routing: SIP protocol". Refer-To and Referred-By go back
 * to Teams byte for byte: they hold long, case-sensitive parameters. The old
 * leg stays until the new one is answered; Teams ends it by BYE after our
 * NOTIFY of success, and after REST_MS we do.
 */
#include "bridge/base/log.h"
#include "bridge/sip/dialog.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "cause.h"
#include "negotiate.h"
#include "pbx-templates/number.h"
#include "transfer.h"


enum {
	REST_MS   = 5000,          /* for the peers' BYE after success      */
	NOTIFY_MS = 35000,         /* for the PBX to say anything           */
	HEADER_MAX = 4096,
};

enum transfer_state {
	TRANSFER_PBX,              /* the PBX has our REFER                 */
	TRANSFER_DIALLING,         /* the new leg is being called           */
	TRANSFER_DONE,             /* success was told, the old leg goes    */
};

struct transfer {
	enum transfer_state state;
	struct call *call;         /* borrowed: parent                      */
	struct leg *old;           /* owned: the leg that transferred, once
				      it is out of the call                 */
	struct leg *fresh;         /* owned: the new one, until it is in    */
	struct desc_crypto key;    /* of the new leg                        */
	char *refer_to;            /* owned; URI, verbatim                  */
	char *referred_by;         /* owned; header value, verbatim; NULL   */
	char target[64];           /* number, "" if the target is none      */
	bool rung;
	bool joined;               /* the new leg is in the call            */
	struct wheel_tmr tmr;
};


static int bridge_start(struct transfer *tf);


static void destructor(void *arg)
{
	struct transfer *tf = arg;

	wheel_cancel(&tf->tmr);
	mem_deref(tf->old);
	mem_deref(tf->fresh);
	mem_deref(tf->refer_to);
	mem_deref(tf->referred_by);
}


static struct wheel *wheel_of(const struct transfer *tf)
{
	return stack_wheel(tf->call->calls->conf.stack);
}


/** The leg that hears how it goes, NULL if it has left */
static struct leg *referrer(const struct transfer *tf)
{
	if (tf->old || tf->joined)
		return tf->old;

	return tf->call->legv[SIDE_TEAMS];
}


static void tell(struct transfer *tf, uint16_t scode, const char *reason,
		 bool last)
{
	struct leg *leg = referrer(tf);

	if (leg)
		(void)leg_refer_notify(leg, scode, reason, last);
}


static void drop(struct transfer *tf)
{
	tf->call->transfer = NULL;
	mem_deref(tf);
}


static void failed(struct transfer *tf, uint16_t scode, const char *reason)
{
	struct call *call = tf->call;
	const bool alone = !call->legv[SIDE_TEAMS];

	info("call", call->rec.id, "transfer failed: %u %s", scode, reason);
	tell(tf, scode, reason, true);
	drop(tf);

	/* the one who transferred has left already: nobody to go back to */
	if (alone)
		call_end(call, "bridge", 480, "Transfer failed");
}


static void rest_h(void *arg)
{
	struct transfer *tf = arg;
	struct call *call = tf->call;

	if (tf->old)
		leg_hangup(tf->old, 0, NULL, "Reason: Q.850;cause=16\r\n");

	if (tf->old) {
		drop(tf);
		return;
	}

	/* by the PBX: both of our legs are over */
	call_end(call, "bridge", 200, "Transferred");
}


static void done(struct transfer *tf)
{
	struct call *call = tf->call;

	tf->state = TRANSFER_DONE;
	str_ncpy(call->rec.transferred_to, tf->target[0] ? tf->target :
		 "Teams", sizeof(call->rec.transferred_to));
	info("call", call->rec.id, "transferred to %s",
	     call->rec.transferred_to);
	tell(tf, 200, "OK", true);
	wheel_start(wheel_of(tf), &tf->tmr, REST_MS, rest_h, tf);
}


/* --- by the PBX --- */


static void pbx_silent_h(void *arg)
{
	struct transfer *tf = arg;

	if (tf->call->pbx->transfer.blind == PBX_TRANSFER_AUTO) {
		info("call", tf->call->rec.id, "the PBX tells nothing of the "
		     "transfer: doing it ourselves");
		if (!bridge_start(tf))
			return;
	}

	failed(tf, 408, "Request Timeout");
}


static int pbx_start(struct transfer *tf)
{
	struct call *call = tf->call;
	struct number num;
	char refer_to[256], hdrs[256];
	struct pl pl;
	int err;

	if (number_to_pbx(&num, call->pbx, policy_country(call->acc),
			  tf->target))
		return EINVAL;

	pl_set_str(&pl, num.text);
	re_snprintf(refer_to, sizeof(refer_to), "<sip:%H@%s>",
		    uri_user_escape, &pl, call->pbx->sip_domain);
	re_snprintf(hdrs, sizeof(hdrs), "Referred-By: <%s>\r\n",
		    account_aor(call->acc));

	err = leg_refer(call->legv[SIDE_PBX], refer_to, hdrs);
	if (err)
		return err;

	tf->state = TRANSFER_PBX;
	wheel_start(wheel_of(tf), &tf->tmr, NOTIFY_MS, pbx_silent_h, tf);

	return 0;
}


void transfer_notified(struct leg *leg, uint16_t scode, bool refused,
		       bool last, void *arg)
{
	struct call *call = arg;
	struct transfer *tf = call->transfer;
	(void)leg;

	if (!tf || tf->state != TRANSFER_PBX)
		return;

	if (scode >= 200 && scode < 300) {
		done(tf);
		return;
	}

	if (!last && scode < 200) {
		wheel_start(wheel_of(tf), &tf->tmr, NOTIFY_MS, pbx_silent_h,
			    tf);
		if (scode > 100)
			tell(tf, scode, "Ringing", false);
		return;
	}

	wheel_cancel(&tf->tmr);
	if (refused && call->pbx->transfer.blind == PBX_TRANSFER_AUTO) {
		info("call", call->rec.id, "the PBX does not transfer (%u): "
		     "doing it ourselves", scode);
		if (!bridge_start(tf))
			return;
	}

	failed(tf, scode >= 300 ? scode : 503, "Transfer Failed");
}


/* --- by ourselves --- */


static void fresh_progress_h(struct leg *leg, const struct sip_msg *msg,
			     const struct desc *answer, void *arg)
{
	struct transfer *tf = arg;
	(void)leg;
	(void)msg;
	(void)answer;

	if (!tf->rung)
		tell(tf, 180, "Ringing", false);
	tf->rung = true;
}


static void old_close_h(struct leg *leg, const struct leg_end *end, void *arg)
{
	struct transfer *tf = arg;
	(void)leg;
	(void)end;

	drop(tf);
}


static void fresh_answer_h(struct leg *leg, const struct sip_msg *msg,
			   const struct desc *answer, void *arg)
{
	static const struct leg_handlers old_handlers = {
		.closeh = old_close_h,
	};
	struct transfer *tf = arg;
	struct call *call = tf->call;
	(void)msg;
	(void)answer;

	/* the new leg takes the old one's place and its media port */
	tf->old = call->legv[SIDE_TEAMS];
	call->legv[SIDE_TEAMS] = leg;
	tf->fresh = NULL;
	tf->joined = true;
	call->keyv[SIDE_TEAMS] = tf->key;
	leg_handlers_set(leg, &call_handlers, call);

	voice_apply(call);
	voice_reoffer(call, SIDE_PBX);
	voice_pass_hold(call, SIDE_TEAMS);
	call->holding[SIDE_TEAMS] = false;
	voice_pass_hold(call, SIDE_PBX);

	done(tf);
	if (tf->old)
		leg_handlers_set(tf->old, &old_handlers, tf);
	else
		drop(tf);
}


static void fresh_close_h(struct leg *leg, const struct leg_end *end,
			  void *arg)
{
	struct transfer *tf = arg;
	char reason[128];
	const uint16_t scode = end->scode ? end->scode : 503;

	re_snprintf(reason, sizeof(reason), "%s", cause_find(scode)->reason);
	tf->fresh = NULL;
	failed(tf, scode, reason);
	mem_deref(leg);
}


static int bridge_start(struct transfer *tf)
{
	static const struct leg_handlers fresh_handlers = {
		.progressh = fresh_progress_h,
		.answerh   = fresh_answer_h,
		.closeh    = fresh_close_h,
	};
	struct call *call = tf->call;
	const char *party = call->rec.direction == CALL_FROM_PBX ?
		call->rec.teams.number : call->rec.callee;
	struct desc_crypto kept = call->keyv[SIDE_TEAMS];
	struct leg_conf conf;
	struct leg_dial dial = { .ruri = tf->refer_to,
				 .to_uri = tf->refer_to };
	char contact[256], from[320], hdrs[HEADER_MAX + 32] = "";
	struct desc offer;
	struct pl pl;
	bool good;

	route_teams_conf(call, &conf, contact, sizeof(contact));
	pl_set_str(&pl, party);
	re_snprintf(from, sizeof(from), "sip:%H@%s:%u;user=phone",
		    uri_user_escape, &pl, trunk_fqdn(call->trunk),
		    trunk_port(call->trunk));
	if (tf->referred_by)
		re_snprintf(hdrs, sizeof(hdrs), "Referred-By: %s\r\n",
			    tf->referred_by);

	/* a key of its own for the new leg: its contexts begin at ROC 0 */
	voice_key_new(call, SIDE_TEAMS);
	good = voice_offer(call, SIDE_TEAMS, leg_remote(call->legv[SIDE_PBX]),
			   &offer);
	offer.dir = DESC_SENDRECV;
	tf->key = call->keyv[SIDE_TEAMS];
	call->keyv[SIDE_TEAMS] = kept;
	if (!good)
		return EPROTO;

	dial.from_uri = from;
	dial.hdrs = hdrs;
	dial.offer = &offer;
	tf->state = TRANSFER_DIALLING;

	return leg_dial(&tf->fresh, &conf, &dial, &fresh_handlers, tf);
}


static int verbatim(char **dst, const struct pl *val)
{
	if (val->l >= HEADER_MAX || pl_strchr(val, '\r') ||
	    pl_strchr(val, '\n'))
		return EBADMSG;

	return pl_strdup(dst, val);
}


static int transfer_alloc(struct transfer **tfp, struct call *call,
			  const struct sip_msg *msg)
{
	const struct pl to = msg_hdr_value(msg, SIP_HDR_REFER_TO);
	const struct pl by = msg_hdr_value(msg, SIP_HDR_REFERRED_BY);
	struct pl dname, uri, params;
	struct transfer *tf;
	int err;

	err = msg_nameaddr(&to, &dname, &uri, &params);
	if (err)
		return err;

	tf = mem_zalloc(sizeof(*tf), destructor);
	if (!tf)
		return ENOMEM;

	tf->call = call;
	err = verbatim(&tf->refer_to, &uri);
	if (!err && pl_isset(&by))
		err = verbatim(&tf->referred_by, &by);
	if (callerid_user(tf->target, sizeof(tf->target), &uri))
		tf->target[0] = '\0';

	if (err)
		mem_deref(tf);
	else
		*tfp = tf;

	return err;
}


void transfer_referred(struct leg *leg, struct strans *st,
		       const struct sip_msg *msg, void *arg)
{
	struct call *call = arg;
	struct transfer *tf;
	const bool by_pbx = call->pbx->supports_refer &&
		call->pbx->transfer.blind != PBX_TRANSFER_BRIDGE;
	int err = ENOSYS;

	if (call->transfer || call->state != CALL_ANSWERED) {
		strans_reject(st, 491, "Request Pending");
		return;
	}

	if (transfer_alloc(&tf, call, msg)) {
		strans_reject(st, 400, "Bad Refer-To");
		return;
	}

	info("call", call->rec.id, "Teams transfers to %s", tf->target[0] ?
	     tf->target : "another Teams party");

	call->transfer = tf;
	strans_rejectf(st, 202, "Accepted", "Contact: %s\r\n",
		       dialog_contact(leg_dialog(leg)));
	tell(tf, 100, "Trying", false);

	if (by_pbx && tf->target[0])
		err = pbx_start(tf);
	if (err && (!tf->target[0] ||
		    call->pbx->transfer.blind != PBX_TRANSFER_REFER))
		err = bridge_start(tf);
	if (err)
		failed(tf, 503, "Service Unavailable");
}


/** Both of our legs go when the PBX has taken the call over */
static bool left_by_pbx(struct transfer *tf)
{
	return tf->state == TRANSFER_DONE && !tf->old;
}


bool transfer_left(struct call *call, enum side side,
		   const struct leg_end *end)
{
	struct transfer *tf = call->transfer;
	(void)end;

	if (!tf || left_by_pbx(tf) || side == SIDE_PBX)
		return false;

	if (tf->state == TRANSFER_DONE)
		return false;

	/* the one who transferred hung up early: the rest goes on */
	info("call", call->rec.id, "the transferor left before the end");
	call->legv[SIDE_TEAMS] = mem_deref(call->legv[SIDE_TEAMS]);

	return true;
}


void transfer_end(struct call *call)
{
	struct transfer *tf = call->transfer;

	if (!tf)
		return;

	if (tf->fresh)
		leg_hangup(tf->fresh, 0, NULL, NULL);
	if (tf->old)
		leg_hangup(tf->old, 0, NULL, "Reason: Q.850;cause=16\r\n");

	call->transfer = NULL;
	mem_deref(tf);
}
