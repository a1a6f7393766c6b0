/**
 * @file midcall.c  Inside an established dialog
 *
 * Our re-INVITEs (hold, resume, move, refresh), and what the SBC sends. An
 * in-dialog request must carry our Record-Route as Route and our Contact,
 * parameters and all, as Request-URI.
 */
#include "call.h"
#include "conn.h"
#include "control.h"
#include "trans.h"


static const char *const change_names[] = {
	[CHANGE_NONE] = "none",       [CHANGE_HOLD] = "held",
	[CHANGE_RESUME] = "resumed",  [CHANGE_MOVE] = "moved",
	[CHANGE_REFRESH] = "refreshed", [CHANGE_RETARGET] = "retargeted",
};


/* --- ours --- */


static void change_again(void *arg)
{
	struct call *call = arg;
	const int change = call->change;

	call->change = CHANGE_NONE;
	(void)midcall_change(call, change);
}


/* Glare: the owner of the Call-ID waits 2.1 to 4 s, the other up to 2 s
 * (RFC 3261 section 14.1) */
static void glare(struct call *call)
{
	const uint64_t ms = call->incoming ? rand_u32() % 2000
					   : 2100 + rand_u32() % 1900;

	deadline_start(&call->glare, ms, change_again, call);
}


static void refused(struct call *call, const struct sip_msg *msg)
{
	if (call->change == CHANGE_HOLD)
		call->held = false;
	if (call->change == CHANGE_RESUME)
		call->held = true;

	session_update(call);
	call_event(call, "change_failed", "{s:s, s:i}", "change",
		   change_names[call->change], "code", msg->scode);
	call->change = CHANGE_NONE;

	if (msg->scode == 408 || msg->scode == 481)
		call_hangup(call, "sbc", msg->scode, 22, "DialogGone");
}


static void change_end(int err, const struct sip_msg *msg, void *arg)
{
	struct call *call = arg;

	if (err) {
		call_hangup(call, "transport", 504, 38, "NoConnection");
		return;
	}

	if (msg->scode < 200)
		return;

	if (msg->scode == 491) {
		glare(call);
		return;
	}

	if (msg->scode >= 300) {
		refused(call, msg);
		return;
	}

	(void)call_ack(call, msg->cseq.num);
	call->answer_seen = false;
	if (session_answer_in(call, msg)) {
		call_hangup(call, "teams", 410, 22, "MediaOfferError");
		return;
	}

	session_update(call);
	call_session_timer(call);
	call_event(call, change_names[call->change], "{s:s}", "by", "teams");
	call->change = CHANGE_NONE;
}


static int apply(struct call *call, int change)
{
	switch (change) {

	case CHANGE_HOLD:
		call->held = true;
		return 0;

	case CHANGE_RESUME:
		call->held = false;
		return 0;

	case CHANGE_MOVE:
	case CHANGE_RETARGET:
		call->held = false;
		return media_move(call->media);

	default:
		return 0;
	}
}


int midcall_change(struct call *call, int change)
{
	char lines[96], early[64], *sdp = NULL;
	int err;

	if (call->state != CALL_UP)
		return ENOTCONN;
	if (call->trans || call->change != CHANGE_NONE || call->invite)
		return EBUSY;

	err = apply(call, change);
	if (!err)
		err = session_offer(call, &sdp);
	if (err)
		return err;

	call->change = change;
	session_update(call);
	snprintf(early, sizeof(early), "MIN-SE: %u\r\nSUPPORTED: timer\r\n",
		 call->sim->set.min_se_s);
	snprintf(lines, sizeof(lines), "SESSION-EXPIRES: %u%s\r\n",
		 call->expires_s ? call->expires_s
				 : call->sim->set.session_expires_s,
		 !call->expires_s   ? ""
		 : call->we_refresh ? ";refresher=uac"
				    : ";refresher=uas");
	err = call_request(call, "INVITE", &call->trans, early, lines, sdp,
			   change_end);
	mem_deref(sdp);
	if (err)
		call->change = CHANGE_NONE;

	return err;
}


/* --- the SBC's --- */


static bool has_route(const struct call *call, const struct sip_msg *msg)
{
	const struct pl route = msg_value(msg, "Route");
	struct sip_addr addr;

	return pl_isset(&route) && !sip_addr_decode(&addr, &route) &&
	       !pl_strcasecmp(&addr.uri.host, call->inst->route_host);
}


static bool check_dialog(struct conn *conn, const struct call *call,
			 const struct sip_msg *msg)
{
	struct sim *sim = call->sim;
	bool ok = true;

	if (pl_strcmp(&msg->ruri, call->contact)) {
		violation(sim, "ruri-contact", msg,
			  "Request-URI is not our Contact %s", call->contact);
		ok = false;
	}

	if (!has_route(call, msg)) {
		violation(sim, "route-missing", msg,
			  "no Route to %s", call->inst->route_host);
		ok = false;
	}

	if (ok || !sim->set.strict_dialog)
		return true;

	if (pl_strcmp(&msg->met, "ACK"))
		(void)msg_refuse(conn, msg, 481, NULL, 0, NULL);

	return false;
}


static void acknowledged(struct call *call, const struct sip_msg *msg)
{
	if (msg->cseq.num != call->remote_cseq)
		violation(call->sim, "ack-cseq", msg,
			  "ACK has CSeq %u, the INVITE had %u", msg->cseq.num,
			  call->remote_cseq);

	if (!call->invite)
		return;

	call->invite = mem_deref(call->invite);
	call_connected(call);
	call_event(call, "acknowledged", "{}");
}


static void no_ack(void *arg)
{
	struct call *call = arg;

	violation(call->sim, "ack-missing", NULL,
		  "200 to a re-INVITE of call %u was not acknowledged",
		  call->id);
	call_hangup(call, "ack_guard", 408, 102, "AckTimeout");
}


static void tell_hold(struct call *call, bool before)
{
	if (call->held_by_sbc != before)
		call_event(call, call->held_by_sbc ? "held" : "resumed",
			   "{s:s}", "by", "sbc");
}


static void take_contact(struct call *call, const struct sip_msg *msg)
{
	struct sip_addr contact;
	char *target;

	if (msg_contact(msg, &contact) || pl_is_address(&contact.uri.host))
		return;

	target = pl_string(&contact.auri);
	if (target) {
		mem_deref(call->target);
		call->target = target;
	}
}


static void reinvite(struct conn *conn, struct call *call,
		     const struct sip_msg *msg)
{
	const bool held_before = call->held_by_sbc;
	char text[256], *sdp = NULL;
	uint16_t scode;

	if (call->trans || call->invite) {
		(void)msg_refuse(conn, msg, 491, NULL, 0, NULL);
		return;
	}

	if (session_offer_in(call, msg, &scode, text, sizeof(text))) {
		(void)msg_refuse(conn, msg, scode, NULL, 22, text);
		return;
	}

	if (session_answer(call, &sdp)) {
		(void)msg_refuse(conn, msg, 500, NULL, 41, "OutOfResources");
		return;
	}

	take_contact(call, msg);
	call->remote_cseq = msg->cseq.num;
	call->invite = mem_ref((void *)(uintptr_t)msg);
	(void)msg_reply(conn, msg,
			&(struct answer){.scode = 100, .reason = "Trying"});
	(void)msg_reply(conn, msg,
			&(struct answer){.scode = 200, .inst = call->inst,
					 .contact = call->contact,
					 .ctype = "application/sdp",
					 .body = sdp, .allow = true});
	mem_deref(sdp);
	session_update(call);
	deadline_start(&call->guard, call->sim->set.ack_guard_ms, no_ack,
		       call);
	call_event(call, "reinvite", "{s:s}", "direction",
		   direction_name(call->desc.dir));
	tell_hold(call, held_before);
}


static void bye(struct conn *conn, struct call *call,
		const struct sip_msg *msg)
{
	char *reason = msg_value_dup(msg, "Reason");

	(void)msg_reply(conn, msg, &(struct answer){.scode = 200});
	transfer_early_bye(call, msg);
	call_end(call, "sbc", 0, reason);
	mem_deref(reason);
}


static bool check_cseq(struct conn *conn, struct call *call,
		       const struct sip_msg *msg)
{
	if (!pl_strcmp(&msg->met, "ACK"))
		return true;

	if (msg->cseq.num <= call->remote_cseq) {
		violation(call->sim, "cseq-order", msg,
			  "CSeq %u after %u", msg->cseq.num,
			  call->remote_cseq);
		(void)msg_refuse(conn, msg, 500, NULL, 0, NULL);
		return false;
	}

	return true;
}


void midcall_request(struct conn *conn, const struct sip_msg *msg)
{
	struct sim *sim = conn_instance(conn)->sim;
	struct call *call = call_dialog(sim, msg);
	const bool ack = !pl_strcmp(&msg->met, "ACK");

	if (!call) {
		/* An ACK to a failure ends at the transaction */
		if (!ack)
			(void)msg_refuse(conn, msg, 481, NULL, 0, NULL);
		return;
	}

	if (!check_dialog(conn, call, msg) || !check_cseq(conn, call, msg))
		return;

	if (ack) {
		acknowledged(call, msg);
		return;
	}

	if (!pl_strcmp(&msg->met, "INVITE")) {
		reinvite(conn, call, msg);
		return;
	}

	call->remote_cseq = msg->cseq.num;
	if (sim->set.lose_notify && !pl_strcmp(&msg->met, "NOTIFY"))
		return;

	if (!pl_strcmp(&msg->met, "BYE")) {
		bye(conn, call, msg);
	}
	else if (!pl_strcmp(&msg->met, "NOTIFY")) {
		(void)msg_reply(conn, msg, &(struct answer){.scode = 200});
		transfer_notify(call, msg);
	}
}
