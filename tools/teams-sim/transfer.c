/**
 * @file transfer.c  Transfer by a Teams user
 *
 * REFER (RFC 3515, 3892) if the SBC announced it, else inside Teams, where
 * the SBC sees nothing but a new call or a change of media. After a
 * consultation Refer-To names the other dialog as the SBC knows it. An
 * INVITE with Replaces (RFC 3891) gives a call to another user.
 *
 * With REFER: 202, an INVITE of the SBC to Refer-To with Referred-By copied
 * byte for byte, NOTIFY 100 .. final, then our BYE for the old call.
 */
#include "call.h"
#include "conn.h"
#include "control.h"
#include "trans.h"


enum state {
	XFER_REFERRED,  /* REFER sent */
	XFER_ACCEPTED,  /* 202 seen */
	XFER_NOTIFIED,  /* at least one NOTIFY */
	XFER_CALLING,   /* inside Teams: a number is dialled */
	XFER_RINGING,   /* inside Teams: a user's clients ring */
};

struct transfer {
	struct call *call;    /* borrowed: parent */
	enum state state;
	char *to;             /* number asked for */
	struct user *user;    /* ref; NULL for a PSTN target */
	char *refer_to;       /* URI, without its headers */
	char *replaces;       /* other dialog, escaped; NULL: blind */
	char *referred_by;    /* whole value */
	bool invited;         /* the SBC's INVITE has come */
	struct trans *trans;  /* our REFER */
	struct deadline dl;
};


static void transfer_destructor(void *arg)
{
	struct transfer *xfer = arg;

	deadline_cancel(&xfer->dl);
	trans_forget(&xfer->trans);
	mem_deref(xfer->to);
	mem_deref(xfer->user);
	mem_deref(xfer->refer_to);
	mem_deref(xfer->replaces);
	mem_deref(xfer->referred_by);
}


void transfer_stop(struct call *call)
{
	call->xfer = mem_deref(call->xfer);
}


void transfer_failed(struct call *call, uint16_t scode, const char *why)
{
	if (!call->xfer)
		return;

	call_event(call, "transfer_failed", "{s:s, s:i, s:s}", "to",
		   call->xfer->to, "code", scode, "reason", why);
	transfer_stop(call);
}


void transfer_done(struct call *call)
{
	if (!call->xfer)
		return;

	call_event(call, "transferred", "{s:s}", "to", call->xfer->to);
	transfer_stop(call);
}


/* --- by REFER --- */


static void no_notify(void *arg)
{
	struct call *call = arg;

	violation(call->sim, "refer-notify", NULL,
		  "no final NOTIFY for the REFER of call %u", call->id);
	transfer_failed(call, 408, "no final NOTIFY");
}


static void refer_response(int err, const struct sip_msg *msg, void *arg)
{
	struct call *call = arg;

	if (!call->xfer)
		return;

	if (err) {
		transfer_failed(call, 504, strerror(err));
		return;
	}

	if (msg->scode < 200)
		return;

	if (msg->scode >= 300) {
		transfer_failed(call, msg->scode, "REFER refused");
		return;
	}

	if (msg->scode != 202)
		violation(call->sim, "refer-accepted", msg,
			  "want 202 to REFER, got %u", msg->scode);

	if (call->xfer->state == XFER_REFERRED)
		call->xfer->state = XFER_ACCEPTED;
	call_event(call, "refer_accepted", "{s:i}", "code", msg->scode);
}


static int write_refer(struct transfer *xfer)
{
	const struct call *call = xfer->call;
	const char *proxy = call->sim->instv[0].name;
	const char *tenant = call->tenant->guid;
	char ti[37], tt[41], me[37];
	int err;

	random_guid(ti, sizeof(ti));
	random_guid(me, sizeof(me));
	random_hex(tt, sizeof(tt));

	/* x-tt is a callback URL in base64: case matters */
	err = re_sdprintf(&xfer->referred_by,
			  "<sip:%s:5061;transport=tls;x-m=8:orgid:%s;x-t=%s;"
			  "x-ti=%s;x-tt=aHR0cHM6Ly9hcGktZHUt%sVjYj9kY2k9%%3D"
			  "%%3D>",
			  proxy, call->user ? call->user->guid : me, tenant,
			  ti, tt);
	if (xfer->user)
		err |= re_sdprintf(&xfer->refer_to,
				   "sip:%s:5061;transport=tls;"
				   "x-m=8:orgid:%s;x-t=%s",
				   proxy, xfer->user->guid, tenant);
	else
		err |= re_sdprintf(&xfer->refer_to,
				   "sip:%s@%s:5061;user=phone;transport=tls;"
				   "x-m=4:%s;x-t=%s",
				   xfer->to, proxy, xfer->to, tenant);

	return err;
}


static int refer(struct transfer *xfer)
{
	struct call *call = xfer->call;
	char *lines = NULL;
	int err = write_refer(xfer);

	if (!err)
		err = re_sdprintf(&lines,
				  "REFER-TO: <%s%s%s>\r\n"
				  "REFERRED-BY: %s\r\n", xfer->refer_to,
				  xfer->replaces ? "?Replaces=" : "",
				  xfer->replaces ? xfer->replaces : "",
				  xfer->referred_by);
	if (!err)
		err = call_request(call, "REFER", &xfer->trans, lines, NULL,
				   NULL, refer_response);
	mem_deref(lines);
	if (err)
		return err;

	xfer->state = XFER_REFERRED;
	deadline_start(&xfer->dl, call->sim->set.refer_timeout_ms, no_notify,
		       call);

	return 0;
}


/* --- inside Teams --- */


static int dial_number(struct transfer *xfer)
{
	struct call *call = xfer->call, *out;
	const struct dial dial = {
		.tenant = call->tenant, .inst = call->inst,
		.from = call->user ? call->user->number
				   : call->incoming ? call->to_number
						    : call->from_number,
		.to = xfer->to,
	};
	const int err = outbound_dial(&out, &dial);

	if (err)
		return err;

	xfer->state = XFER_CALLING;
	out->role = PEER_TRANSFER;
	out->peer = call;
	call->role = PEER_WAITING;
	call->peer = out;

	return 0;
}


static void ring_over(void *arg)
{
	struct call *call = arg;

	switch (call->xfer->user->mode) {

	case ANSWER_AUTO:
		(void)transfer_answer(call);
		break;

	case ANSWER_BUSY:
		transfer_failed(call, 486, "Busy");
		break;

	case ANSWER_DECLINE:
		transfer_failed(call, 603, "UserDeclined");
		break;

	case ANSWER_MANUAL:
	case ANSWER_NOANSWER:
		transfer_failed(call, 480, "NoAnswer");
		break;
	}
}


static int ring_user(struct transfer *xfer)
{
	struct call *call = xfer->call;
	const struct user *user = xfer->user;
	const uint64_t ms = user->mode == ANSWER_MANUAL
				    ? call->sim->set.no_answer_ms
				    : user->ring_ms;

	xfer->state = XFER_RINGING;
	deadline_start(&xfer->dl, ms, ring_over, call);
	call_event(call, "incoming", "{s:s, s:s, s:s, s:b}", "tenant",
		   call->tenant->fqdn, "user", user->number, "from",
		   call->incoming ? call->from_number : call->to_number,
		   "internal", 1);

	return 0;
}


bool transfer_is_ringing(const struct call *call)
{
	return call->xfer && call->xfer->state == XFER_RINGING;
}


int transfer_answer(struct call *call)
{
	struct user *user;
	int err;

	if (!transfer_is_ringing(call))
		return ENOTCONN;

	err = midcall_change(call, CHANGE_RETARGET);
	if (err)
		return err;

	user = mem_ref(call->xfer->user);
	mem_deref(call->user);
	call->user = user;
	call->tone_hz = user->tone_hz;
	transfer_done(call);

	return call_play_own(call);
}


/* A dialog of ours as its other end knows it, in the form of Replaces */
static int replaces_value(char **valp, const struct call *call)
{
	return re_sdprintf(valp, "%s;to-tag=%s;from-tag=%s", call->callid,
			   call->remote_tag, call->local_tag);
}


static int name_consulted(struct transfer *xfer, const struct call *consult)
{
	char *value = NULL;
	struct pl pl;
	int err;

	err = replaces_value(&value, consult);
	if (err)
		return err;

	pl_set_str(&pl, value);
	err = re_sdprintf(&xfer->replaces, "%H", uri_header_escape, &pl);
	mem_deref(value);

	return err;
}


/* Asked, or being asked: it has rung there */
static bool is_consulted(const struct call *consult)
{
	return consult->state == CALL_UP ||
	       (consult->state == CALL_DIALING && consult->remote_tag);
}


int transfer_start(struct call *call, const char *to,
		   const struct call *consult)
{
	struct transfer *xfer;
	struct pl number;
	int err;

	if (call->state != CALL_UP || (consult && !is_consulted(consult)))
		return ENOTCONN;
	if (call->xfer || call->peer)
		return EBUSY;
	if (consult && !(call->allow_refer && call->allow_notify))
		return ENOTSUP;

	xfer = mem_zalloc(sizeof(*xfer), transfer_destructor);
	if (!xfer)
		return ENOMEM;

	pl_set_str(&number, to);
	xfer->call = call;
	xfer->user = mem_ref(user_find(call->tenant, &number));
	call->xfer = xfer;
	err = str_dup(&xfer->to, to);
	if (!err && consult)
		err = name_consulted(xfer, consult);
	if (!err && call->allow_refer && call->allow_notify)
		err = refer(xfer);
	else if (!err && xfer->user)
		err = ring_user(xfer);
	else if (!err)
		err = dial_number(xfer);

	if (err)
		transfer_stop(call);
	else
		call_event(call, "transferring", "{s:s, s:s}", "to", to,
			   "method", xfer->refer_to ? "refer" : "internal");

	return err;
}


int transfer_replace(struct call **freshp, const struct call *call,
		     const struct user *by)
{
	char *value = NULL, *lines = NULL;
	struct dial dial = {
		.tenant = call->tenant, .inst = call->inst,
		.from = by->number, .tone_hz = by->tone_hz,
		.to = call->incoming ? call->from_number : call->to_number,
	};
	int err;

	if (call->state != CALL_UP)
		return ENOTCONN;
	if (!call->replaces)
		return ENOTSUP;

	err = replaces_value(&value, call);
	if (!err)
		err = re_sdprintf(&lines, "REQUIRE: replaces\r\n"
				  "REPLACES: %s\r\n", value);
	dial.lines = lines;
	if (!err)
		err = outbound_dial(freshp, &dial);

	mem_deref(value);
	mem_deref(lines);

	return err;
}


/* --- what the SBC makes of it --- */


static bool byte_exact(struct call *call, const struct sip_msg *msg)
{
	const struct transfer *xfer = call->xfer;
	const struct pl by = msg_value(msg, "Referred-By");
	bool ok = true;

	if (pl_strcmp(&by, xfer->referred_by)) {
		violation(call->sim, "referred-by", msg,
			  "Referred-By is not copied byte for byte, want %s",
			  xfer->referred_by);
		ok = false;
	}

	if (pl_strcmp(&msg->ruri, xfer->refer_to)) {
		violation(call->sim, "refer-to", msg,
			  "Request-URI is not the Refer-To %s",
			  xfer->refer_to);
		ok = false;
	}

	return ok;
}


/* The correlation id finds it, even if the rest was damaged on the way */
static bool is_meant(const struct transfer *xfer, const struct sip_msg *msg)
{
	const struct pl by = msg_value(msg, "Referred-By");
	struct pl mine, ti_mine, ti;

	if (!xfer || !xfer->referred_by || !pl_isset(&by) ||
	    re_regex(by.p, by.l, "x-ti=[0-9a-fA-F\\-]+", &ti))
		return false;

	pl_set_str(&mine, xfer->referred_by);

	return !re_regex(mine.p, mine.l, "x-ti=[0-9a-f\\-]+", &ti_mine) &&
	       !pl_casecmp(&ti, &ti_mine);
}


struct call *transfer_match(struct sim *sim, const struct sip_msg *msg)
{
	struct le *le;

	LIST_FOREACH(&sim->calll, le)
	{
		struct call *call = le->data;

		if (!is_meant(call->xfer, msg))
			continue;
		if (!byte_exact(call, msg) || call->xfer->invited)
			return NULL;

		call->xfer->invited = true;
		return call;
	}

	return NULL;
}


struct user *transfer_target(const struct call *call, const char **number)
{
	*number = call->xfer->user ? NULL : call->xfer->to;

	return call->xfer->user;
}


static void final_notify(struct call *call, uint32_t scode)
{
	if (scode >= 300) {
		transfer_failed(call, (uint16_t)scode, "the SBC's INVITE");
		return;
	}

	transfer_done(call);
	call_hangup(call, "transfer", 480, 16, "Transferred");
}


static bool is_refer(const struct pl *event)
{
	return event->l >= 5 && !strncasecmp(event->p, "refer", 5);
}


/* RFC 3515 section 2.4.7, RFC 6665 section 4.1.3 */
static void check_subscription(struct call *call, const struct sip_msg *msg,
			       bool last)
{
	const char *want = last ? "terminated" : "active";
	const struct pl state = msg_value(msg, "Subscription-State");

	if (state.l < strlen(want) ||
	    strncasecmp(state.p, want, strlen(want)))
		violation(call->sim, "notify-state", msg,
			  "want Subscription-State: %s", want);
}


void transfer_notify(struct call *call, const struct sip_msg *msg)
{
	const struct pl body = {(const char *)mbuf_buf(msg->mb),
				mbuf_get_left(msg->mb)};
	const struct pl event = msg_value(msg, "Event");
	struct transfer *xfer = call->xfer;
	struct pl scode;

	if (!xfer || !xfer->refer_to) {
		violation(call->sim, "notify-stray", msg,
			  "NOTIFY without a REFER under way");
		return;
	}

	if (!is_refer(&event) ||
	    !msg_ctype_cmp(&msg->ctyp, "message", "sipfrag") ||
	    re_regex(body.p, body.l, "SIP/2.0 [0-9]+", &scode)) {
		violation(call->sim, "notify-body", msg,
			  "want Event: refer and a message/sipfrag");
		return;
	}

	if (xfer->state == XFER_REFERRED)
		violation(call->sim, "notify-order", msg,
			  "NOTIFY before the answer to REFER");
	if (xfer->state != XFER_NOTIFIED && pl_u32(&scode) != 100)
		violation(call->sim, "notify-order", msg,
			  "the first NOTIFY is not 100 Trying");

	check_subscription(call, msg, pl_u32(&scode) >= 200);

	xfer->state = XFER_NOTIFIED;
	call_event(call, "notify", "{s:i}", "code", (int)pl_u32(&scode));
	if (pl_u32(&scode) >= 200)
		final_notify(call, pl_u32(&scode));
}


void transfer_early_bye(struct call *call, const struct sip_msg *msg)
{
	if (!call->xfer || !call->xfer->refer_to)
		return;

	violation(call->sim, "early-bye", msg,
		  "BYE before the transfer was notified as done");
	transfer_failed(call, 0, "early BYE");
}
