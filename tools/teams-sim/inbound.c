/**
 * @file inbound.c  Calls from the SBC
 *
 * The checks of the SIP proxy in its order, then the fork to the user's
 * clients: each rings with a To-tag of its own, any of them answers.
 */
#include "call.h"
#include "conn.h"
#include "control.h"


enum {
	RETRANSMIT_MS = 500, /* of our 200, RFC 3261 section 13.3.1.4 */
};


/* --- refusals --- */


static bool refuse(struct conn *conn, const struct sip_msg *msg,
		   uint16_t scode, unsigned cause, const char *rule,
		   const char *text)
{
	struct sim *sim = conn_instance(conn)->sim;

	if (rule)
		violation(sim, rule, msg, "%s", text);

	(void)msg_refuse(conn, msg, scode, NULL, cause, text);

	return false;
}


static bool refuse_with(struct conn *conn, const struct sip_msg *msg,
			uint16_t scode, const char *lines)
{
	char tag[33];
	const struct answer answer = {
		.scode = scode, .tag = tag, .lines = lines,
	};

	random_hex(tag, sizeof(tag));
	(void)msg_reply(conn, msg, &answer);

	return false;
}


static bool check_extensions(struct conn *conn, const struct sip_msg *msg)
{
	const struct sim *sim = conn_instance(conn)->sim;
	struct pl require = msg_value(msg, "Require");
	struct pl replaces = msg_value(msg, "Replaces");
	char lines[256];

	if (pl_isset(&require) && pl_strcasecmp(&require, "timer")) {
		snprintf(lines, sizeof(lines), "UNSUPPORTED: %.*s\r\n",
			 (int)require.l, require.p);
		return refuse_with(conn, msg, 420, lines);
	}

	if (pl_isset(&replaces))
		return refuse(conn, msg, (uint16_t)sim->set.replaces_code, 21,
			      NULL, "Replaces is not accepted");

	return true;
}


static bool check_timer(struct conn *conn, const struct sip_msg *msg)
{
	const struct sim *sim = conn_instance(conn)->sim;
	const struct pl expires = msg_value(msg, "Session-Expires");
	char lines[64];

	if (!pl_isset(&expires) || msg_number(&expires) >= sim->set.min_se_s)
		return true;

	snprintf(lines, sizeof(lines), "MIN-SE: %u\r\n", sim->set.min_se_s);

	return refuse_with(conn, msg, 422, lines);
}


static bool same_call(const struct call *call, const struct sip_msg *msg)
{
	return call->incoming && call->state != CALL_ENDED &&
	       call->remote_tag && !pl_strcmp(&msg->callid, call->callid) &&
	       !pl_strcmp(&msg->from.tag, call->remote_tag);
}


static bool check_duplicate(struct conn *conn, const struct sip_msg *msg)
{
	struct sim *sim = conn_instance(conn)->sim;
	struct le *le;

	LIST_FOREACH(&sim->calll, le)
	{
		if (same_call(le->data, msg))
			return refuse(conn, msg, 500, 41, "duplicate",
				      "duplicate INVITE of a running call");
	}

	return true;
}


/* Why the user cannot be called; true if they can */
static bool check_user(struct conn *conn, const struct sip_msg *msg,
		       const struct tenant *tenant, const struct user *user)
{
	if (tenant_is_blocked(tenant, &msg->from.uri.user))
		return refuse(conn, msg, 403, 21, NULL,
			      "blocked calling number");

	if (!user && (!pl_isset(&msg->uri.user) || msg->uri.user.p[0] != '+'))
		return refuse(conn, msg, 404, 1, "ruri-plus",
			      "Request-URI is not +E.164");

	if (!user)
		return refuse(conn, msg, 404, 1, NULL,
			      "number is not assigned");

	if (user->voicemail)
		return true;

	if (!user->clients)
		return refuse(conn, msg, 480, 31, NULL,
			      "No callee endpoints were found.");

	if (user->mode == ANSWER_BUSY)
		return refuse(conn, msg, 486, 34, NULL, "Busy");

	return true;
}


/* --- the call --- */


static int value_without_tag(char **sp, const struct sip_taddr *addr)
{
	return re_sdprintf(sp, "<%r>", &addr->auri);
}


/* A transfer to a Teams user names no number, only parameters */
static int user_part(char **dst, const struct pl *user)
{
	return pl_isset(user) ? pl_strdup(dst, user) : str_dup(dst, "");
}


static int fill_dialog(struct call *call, const struct sip_msg *msg)
{
	struct sip_addr contact;
	int err;

	if (msg_contact(msg, &contact))
		return EPROTO;

	err = pl_strdup(&call->callid, &msg->callid);
	err |= pl_strdup(&call->remote_tag, &msg->from.tag);
	err |= pl_strdup(&call->target, &contact.auri);
	err |= value_without_tag(&call->local, &msg->to);
	err |= value_without_tag(&call->remote, &msg->from);
	err |= user_part(&call->from_number, &msg->from.uri.user);
	err |= user_part(&call->to_number, &msg->uri.user);
	err |= call_contact(call, &msg->callid);
	err |= msg_routes(&call->routel, msg, false);
	call->remote_cseq = msg->cseq.num;

	return err ? ENOMEM : 0;
}


static json_t *headers_of_interest(const struct sip_msg *msg)
{
	static const char *const names[] = {
		"From", "To", "Contact", "P-Asserted-Identity", "Diversion",
		"Privacy", "History-Info", "Referred-By", "User-Agent",
		"Allow", "Supported", "Session-Expires",
	};
	json_t *obj = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct pl val = msg_value(msg, names[i]);

		if (pl_isset(&val))
			json_object_set_new(obj, names[i],
					    json_stringn(val.p, val.l));
	}

	return obj;
}


/* After a transfer the Request-URI names no number */
static const char *callee(const struct call *call)
{
	if (call->user)
		return call->user->number;

	return call->to_number ? call->to_number : "";
}


static void tell_incoming(const struct call *call, const struct sip_msg *msg)
{
	const struct pl none = {"", 0};
	const struct pl *dname =
		pl_isset(&msg->from.dname) ? &msg->from.dname : &none;

	call_event(call, "incoming", "{s:s, s:s, s:s%, s:s, s:s?, s:i, s:o}",
		   "tenant", call->tenant->fqdn, "from",
		   call->from_number ? call->from_number : "", "display",
		   dname->p, dname->l, "to", callee(call), "user",
		   call->user ? call->user->number : NULL, "clients",
		   call->clients, "headers", headers_of_interest(msg));
}


static struct answer in_dialog_answer(const struct call *call, uint16_t scode,
				      const char *tag)
{
	return (struct answer){
		.scode = scode, .tag = tag, .inst = call->inst,
		.contact = call->contact, .allow = true,
	};
}


void inbound_ring(struct call *call)
{
	if (call->state != CALL_RINGING || !call->invite)
		return;

	for (uint32_t i = 0; i < call->clients; i++) {
		const struct answer answer =
			in_dialog_answer(call, 180, call->tagv[i]);

		(void)msg_reply(call->invite_conn, call->invite, &answer);
	}

	call_event(call, "ringing", "{s:i}", "clients", call->clients);
}


int inbound_early(struct call *call, bool fresh)
{
	char tag[33], *sdp = NULL;
	struct answer answer;
	int err;

	if (call->state != CALL_RINGING || !call->invite || call->early_sent)
		return EALREADY;

	err = session_answer(call, &sdp);
	if (err)
		return err;

	random_hex(tag, sizeof(tag));
	answer = in_dialog_answer(call, 183, fresh ? tag : call->tagv[0]);
	answer.ctype = "application/sdp";
	answer.body = sdp;
	err = msg_reply(call->invite_conn, call->invite, &answer);
	mem_deref(sdp);
	call->early_sent = true;
	session_update(call);
	call_event(call, "progress", "{s:s}", "by", "teams");

	return err;
}


void inbound_refuse(struct call *call, uint16_t scode, unsigned cause,
		    const char *text)
{
	if (!call->invite)
		return;

	(void)msg_refuse(call->invite_conn, call->invite, scode, NULL, cause,
			 text);
	call->invite = mem_deref(call->invite);
}


static void no_ack(void *arg)
{
	struct call *call = arg;

	violation(call->sim, "ack-missing", NULL,
		  "our 200 of call %u was not acknowledged within %u ms",
		  call->id, call->sim->set.ack_guard_ms);
	call_hangup(call, "ack_guard", 408, 102, "AckTimeout");
}


static void session_lines(struct call *call, char *lines, size_t size)
{
	const struct sip_msg *msg = call->invite;
	const struct pl expires = msg_value(msg, "Session-Expires");
	struct pl refresher = pl_null;

	lines[0] = '\0';
	if (!pl_isset(&expires) || !msg_lists(msg, "Supported", "timer"))
		return;

	(void)msg_param_decode(&expires, "refresher", &refresher);
	call->expires_s = msg_number(&expires);
	call->we_refresh = !pl_strcasecmp(&refresher, "uas");
	snprintf(lines, size,
		 "REQUIRE: timer\r\nSESSION-EXPIRES: %u;refresher=%s\r\n",
		 call->expires_s, call->we_refresh ? "uas" : "uac");
}


/* Our 200 is sent again until its ACK is here, also over TLS */
static void send_ok(void *arg)
{
	struct call *call = arg;
	char lines[128], *sdp = NULL;
	struct answer answer;

	if (session_answer(call, &sdp))
		return;

	session_lines(call, lines, sizeof(lines));
	answer = in_dialog_answer(call, 200, call->local_tag);
	answer.ctype = "application/sdp";
	answer.body = sdp;
	answer.lines = lines;
	(void)msg_reply(call->invite_conn, call->invite, &answer);
	mem_deref(sdp);
	deadline_start(&call->ring, RETRANSMIT_MS, send_ok, call);
}


/* What the other clients said arrives when all is decided */
static void ring_late(const struct call *call)
{
	for (uint32_t i = 1; i < call->clients; i++) {
		struct answer answer =
			in_dialog_answer(call, 180, call->tagv[i]);

		(void)msg_reply(call->invite_conn, call->invite, &answer);
		answer.scode = 183;
		(void)msg_reply(call->invite_conn, call->invite, &answer);
	}
}


int inbound_answer(struct call *call, int client)
{
	if (call->state != CALL_RINGING || !call->invite)
		return EALREADY;
	if (client >= (int)call->clients)
		return ENOENT;

	if (client >= 0)
		memcpy(call->local_tag, call->tagv[client],
		       sizeof(call->local_tag));

	call->state = CALL_ANSWERED;
	deadline_start(&call->guard, call->sim->set.ack_guard_ms, no_ack,
		       call);
	send_ok(call);
	if (call->sim->set.late_forks)
		ring_late(call);

	call_watch(call);
	session_update(call);
	call_event(call, "answered", "{s:s, s:i}", "by", "teams", "client",
		   client);

	return 0;
}


/* --- what the user does --- */


static void auto_answer(void *arg)
{
	(void)inbound_answer(arg, 0);
}


/* A server endpoint: by a tag that never rang */
static bool voicemail(struct call *call)
{
	return call->user && call->user->voicemail &&
	       !inbound_answer(call, -1);
}


static void auto_decline(void *arg)
{
	if (!voicemail(arg))
		call_hangup(arg, "user", 603, 21, "UserDeclined");
}


static void nobody_answers(void *arg)
{
	if (!voicemail(arg))
		call_hangup(arg, "timeout", 480, 19, "NoAnswer");
}


static void ring_user(struct call *call)
{
	const struct user *user = call->user;
	struct deadline *dl = &call->ring;

	if (user->voicemail && (!user->clients || user->mode == ANSWER_BUSY)) {
		(void)voicemail(call);
		return;
	}

	if (call->sim->set.late_forks) {
		deadline_start(dl, user->ring_ms, auto_answer, call);
		return;
	}

	inbound_ring(call);
	if (user->early_media)
		(void)inbound_early(call, false);

	switch (user->mode) {

	case ANSWER_AUTO:
		deadline_start(dl, user->ring_ms, auto_answer, call);
		break;

	case ANSWER_DECLINE:
		deadline_start(dl, user->ring_ms, auto_decline, call);
		break;

	case ANSWER_NOANSWER:
		deadline_start(dl, user->ring_ms, nobody_answers, call);
		break;

	case ANSWER_MANUAL:
	case ANSWER_BUSY:
		deadline_start(dl, call->sim->set.no_answer_ms,
			       nobody_answers, call);
		break;
	}
}


/* A PSTN target: Teams calls the number through the SBC and forwards */
static void forward(struct call *call, const struct call *transferred,
		    const char *number)
{
	const struct dial dial = {
		.tenant = call->tenant, .inst = call->inst,
		.from = transferred->user ? transferred->user->number
					  : transferred->to_number,
		.to = number,
	};
	struct call *out;

	if (outbound_dial(&out, &dial)) {
		call_hangup(call, "teams", 503, 38, "NoRoute");
		return;
	}

	out->role = PEER_FORWARD;
	out->peer = call;
	call->role = PEER_WAITING;
	call->peer = out;
	deadline_start(&call->ring, call->sim->set.no_answer_ms,
		       nobody_answers, call);
}


static int create(struct call **cp, struct conn *conn,
		  const struct sip_msg *msg, struct tenant *tenant,
		  struct user *user)
{
	struct instance *inst = conn_instance(conn);
	struct call *call;
	int err;

	err = call_alloc(&call, inst->sim, inst, tenant, true);
	if (err)
		return err;

	call->user = mem_ref(user);
	call->clients = user ? user->clients : 1;
	call->tone_hz = user ? user->tone_hz : 0;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		random_hex(call->tagv[i], sizeof(call->tagv[i]));

	err = fill_dialog(call, msg);
	if (!err)
		err = call_play_own(call);
	if (err) {
		mem_deref(call);
		return err;
	}

	call->invite = mem_ref((void *)(uintptr_t)msg);
	call->invite_conn = mem_ref(conn);
	*cp = call;

	return 0;
}


static bool check_drain(struct conn *conn, const struct sip_msg *msg)
{
	if (conn_instance(conn)->mode != MODE_DRAIN)
		return true;

	return refuse_with(conn, msg, 503,
			   "RETRY-AFTER: 1\r\nREASON: Q.850;cause=41;"
			   "text=\"Service state: DrainingTransactions\"\r\n");
}


/* The number may be a real user's, or a transfer says who is meant */
static bool find_callee(struct conn *conn, const struct sip_msg *msg,
			struct tenant *tenant, struct user **userp,
			struct call **transferredp, const char **numberp)
{
	struct sim *sim = conn_instance(conn)->sim;
	const struct pl by = msg_value(msg, "Referred-By");

	*transferredp = transfer_match(sim, msg);
	if (*transferredp) {
		*userp = transfer_target(*transferredp, numberp);
		return *numberp || check_user(conn, msg, tenant, *userp);
	}

	if (pl_isset(&by) && !pl_isset(&msg->uri.user))
		return refuse(conn, msg, 404, 1, "refer-unknown",
			      "replacement call not found");

	*userp = user_find(tenant, &msg->uri.user);

	return check_user(conn, msg, tenant, *userp);
}


void inbound_invite(struct conn *conn, const struct sip_msg *msg)
{
	struct call *call, *transferred = NULL;
	const char *number = NULL;
	struct tenant *tenant;
	struct user *user = NULL;
	char text[256];
	uint16_t port, scode;

	if (!check_drain(conn, msg) ||
	    trunk_identify(&tenant, &port, conn, msg) ||
	    !check_extensions(conn, msg) || !check_duplicate(conn, msg) ||
	    !check_timer(conn, msg) ||
	    !find_callee(conn, msg, tenant, &user, &transferred, &number))
		return;

	if (create(&call, conn, msg, tenant, user)) {
		refuse(conn, msg, 500, 41, NULL, "out of resources");
		return;
	}

	session_abilities(call, msg);
	if (session_offer_in(call, msg, &scode, text, sizeof(text))) {
		inbound_refuse(call, scode, 22, text);
		call_end(call, "teams", scode, text);
		return;
	}

	(void)msg_reply(conn, msg,
			&(struct answer){.scode = 100, .reason = "Trying"});
	tell_incoming(call, msg);

	if (number)
		forward(call, transferred, number);
	else
		ring_user(call);
}


void inbound_cancel(struct conn *conn, const struct sip_msg *msg)
{
	struct sim *sim = conn_instance(conn)->sim;
	const struct answer ok = {.scode = 200};
	char *reason = msg_value_dup(msg, "Reason");
	struct call *call = NULL;
	struct le *le;

	LIST_FOREACH(&sim->calll, le)
	{
		call = le->data;
		if (call->invite && same_call(call, msg) &&
		    !pl_cmp(&call->invite->via.branch, &msg->via.branch))
			break;
		call = NULL;
	}

	if (!call) {
		refuse(conn, msg, 481, 0, "cancel-unknown",
		       "CANCEL matches no INVITE");
	}
	else {
		if (sim->set.cancel_race)
			(void)inbound_answer(call, 0);

		(void)msg_reply(conn, msg, &ok);
		if (call->state == CALL_RINGING) {
			inbound_refuse(call, 487, 31, "Cancelled");
			call_end(call, "sbc", 487, reason);
		}
	}

	mem_deref(reason);
}
