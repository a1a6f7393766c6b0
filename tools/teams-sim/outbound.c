/**
 * @file outbound.c  Calls to the SBC
 *
 * The INVITE of section 8, a new connection from one region's address, the
 * next region if that fails, and the failover timer.
 */
#include "call.h"
#include "conn.h"
#include "control.h"
#include "trans.h"


#define BOUNDARY "pstnhub"

static int send_invite(struct call *call, const struct dial *dial);


/* A region that had OPTIONS of the SBC goes before one that had none */
static struct instance *first_up(struct sim *sim, const struct trunk *trunk)
{
	for (size_t i = 0; i < INSTANCES; i++) {
		if (sim->instv[i].mode == MODE_UP &&
		    ping_is_fresh(&trunk->pingv[i]))
			return &sim->instv[i];
	}

	for (size_t i = 0; i < INSTANCES; i++) {
		if (sim->instv[i].mode == MODE_UP)
			return &sim->instv[i];
	}

	return &sim->instv[0];
}


/* --- building --- */


static int fill_target(struct call *call, const char *number)
{
	const uint16_t port = tenant_trunk(call->tenant)->port;
	struct pl to;
	int err;

	pl_set_str(&to, number);
	call->remote = mem_deref(call->remote);
	call->target = mem_deref(call->target);
	err = re_sdprintf(&call->remote, "<sip:%H@%s:%u;user=phone>",
			  uri_user_escape, &to, call->tenant->fqdn, port);
	err |= re_sdprintf(&call->target,
			   "sip:%H@%s:%u;user=phone;transport=tls",
			   uri_user_escape, &to, call->tenant->fqdn, port);

	return err;
}


static int fill_identity(struct call *call, const struct dial *dial)
{
	char name[128];
	int err = 0;

	/* "Bob Example" from bob.example@...; glued to the bracket */
	if (dial->display)
		snprintf(name, sizeof(name), "%s", dial->display);
	else if (call->user && call->user->upn)
		snprintf(name, sizeof(name), "%.*s",
			 (int)strcspn(call->user->upn, "@"), call->user->upn);
	else
		name[0] = '\0';

	if (dial->anonymous)
		err |= re_sdprintf(&call->local,
				   "Anonymous<sip:anonymous@%s:5061>",
				   call->sim->instv[0].name);
	else
		err |= re_sdprintf(&call->local,
				   "%s<sip:%s@%s:5061;user=phone>", name,
				   dial->from, call->sim->instv[0].name);
	err |= fill_target(call, dial->to);
	err |= str_dup(&call->from_number, dial->from);
	err |= str_dup(&call->to_number, dial->to);

	return err;
}


/* Each attempt is a call of its own to the SBC: new Call-ID, new Contact */
static int fill_dialog(struct call *call)
{
	char callid[33];
	struct pl pl;
	int err;

	random_hex(callid, sizeof(callid));
	pl_set_str(&pl, callid);
	call->callid = mem_deref(call->callid);
	err = str_dup(&call->callid, callid);

	return err ? err : call_contact(call, &pl);
}


static int late_lines(char **linesp, const struct call *call,
		      const struct dial *dial)
{
	char *pai = NULL, *pad = NULL;
	int err = call_padding(&pad, call, "X-MS-PADDING: ", "\r\n");

	if (!err && dial->pai)
		err = re_sdprintf(&pai, "P-ASSERTED-IDENTITY: %s\r\n",
				  dial->pai);
	else if (!err && call->tenant->forward_pai)
		err = re_sdprintf(&pai,
				  "P-ASSERTED-IDENTITY: <tel:%s>,<sip:%s>\r\n"
				  "PRIVACY: id\r\n",
				  dial->from,
				  call->user && call->user->upn
					  ? call->user->upn
					  : "unknown@invalid");
	if (!err)
		err = re_sdprintf(linesp, "%sSESSION-EXPIRES: %u\r\n%s%s%s",
				  pai ? pai : "",
				  call->sim->set.session_expires_s,
				  dial->emergency ? "GEOLOCATION: <cid:"
						    "location@" BOUNDARY
						    ">\r\n"
						  : "",
				  pad, dial->lines ? dial->lines : "");

	mem_deref(pai);
	mem_deref(pad);

	return err;
}


/* A civic address beside the description (RFC 6442) */
static int with_location(char **bodyp, const char *sdp)
{
	return re_sdprintf(bodyp,
			   "--" BOUNDARY "\r\n"
			   "Content-Type: application/sdp\r\n\r\n%s"
			   "\r\n--" BOUNDARY "\r\n"
			   "Content-Type: application/pidf+xml\r\n"
			   "Content-ID: <location@" BOUNDARY ">\r\n\r\n"
			   "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\">"
			   "<tuple id=\"0\"><status><geopriv xmlns=\"urn:ietf:"
			   "params:xml:ns:pidf:geopriv10\"><method>Manual"
			   "</method></geopriv></status></tuple></presence>\r\n"
			   "--" BOUNDARY "--\r\n", sdp);
}


static int build_invite(struct call *call, const struct dial *dial,
			struct mbuf **mbp)
{
	char *late = NULL, *sdp = NULL, *from = NULL, *whole = NULL;
	char branch[24], early[64];
	struct outline line = {
		.inst = call->inst, .method = "INVITE",
		.ruri = call->target, .to = call->remote,
		.callid = call->callid, .cseq = ++call->local_cseq,
		.branch = branch, .contact = call->contact, .dialog = true,
		.early = early, .ctype = "application/sdp", .allow = true,
	};
	int err;

	trans_branch(branch, sizeof(branch));
	snprintf(early, sizeof(early), "MIN-SE: %u\r\nSUPPORTED: timer\r\n",
		 call->sim->set.min_se_s);
	err = re_sdprintf(&from, "%s;tag=%s", call->local, call->local_tag);
	if (!err)
		err = late_lines(&late, call, dial);
	if (!err)
		err = session_offer(call, &sdp);

	line.from = from;
	line.late = late;
	line.body = sdp;
	if (!err && dial->emergency) {
		line.ctype = "multipart/mixed;boundary=" BOUNDARY;
		err = with_location(&whole, sdp);
		line.body = whole;
	}
	if (!err)
		err = msg_request(mbp, &line);

	mem_deref(whole);
	mem_deref(from);
	mem_deref(late);
	mem_deref(sdp);

	return err;
}


/* --- giving up --- */


static void cancelled_for_good(void *arg)
{
	call_end(arg, "teams", 408, "SBC did not end the cancelled INVITE");
}


void outbound_cancel(struct call *call)
{
	const uint64_t patience_ms = 32000; /* RFC 3261 section 9.1 */

	call->state = CALL_CANCELLING;
	deadline_start(&call->guard, patience_ms, cancelled_for_good, call);
	if (!call->trans) {
		call_end(call, "teams", 487, "Cancelled");
		return;
	}

	/* A CANCEL may only follow a provisional answer */
	call->cancel_wanted = !call->provisional;
	if (!call->cancel_wanted)
		(void)trans_cancel(call->trans, NULL);
}


static void too_slow(void *arg)
{
	struct call *call = arg;

	violation(call->sim, "failover", NULL,
		  "no answer other than 100 to call %u within %u ms", call->id,
		  call->sim->set.failover_ms);
	outbound_cancel(call);
	if (call->state == CALL_CANCELLING && !call->provisional)
		call_end(call, "failover_timer", 408, "SBC too slow");
}


static void nobody_answers(void *arg)
{
	outbound_cancel(arg);
}


/* --- answers of the SBC --- */


static int learn_dialog(struct call *call, const struct sip_msg *msg)
{
	struct sip_addr contact;
	char *tag = NULL, *target = NULL;
	int err;

	if (!pl_isset(&msg->to.tag) || msg_contact(msg, &contact))
		return EPROTO;

	if (!pl_is_address(&contact.uri.host) &&
	    pl_strcasecmp(&contact.uri.host, call->tenant->fqdn))
		violation(call->sim, "contact-host", msg,
			  "Contact of %u is not %s", msg->scode,
			  call->tenant->fqdn);

	err = pl_strdup(&tag, &msg->to.tag);
	if (!err)
		err = pl_strdup(&target, &contact.auri);
	if (err) {
		mem_deref(tag);
		return err;
	}

	mem_deref(call->remote_tag);
	mem_deref(call->target);
	call->remote_tag = tag;
	call->target = target;
	list_flush(&call->routel);

	return msg_routes(&call->routel, msg, true);
}


static void provisional(struct call *call, const struct sip_msg *msg)
{
	call->provisional = true;
	if (call->cancel_wanted) {
		call->cancel_wanted = false;
		(void)trans_cancel(call->trans, NULL);
	}

	if (msg->scode == 100 || call->state != CALL_DIALING)
		return;

	deadline_start(&call->guard, call->sim->set.no_answer_ms,
		       nobody_answers, call);
	(void)learn_dialog(call, msg);
	if (mbuf_get_left(msg->mb))
		(void)session_answer_in(call, msg);

	call_event(call, call->answer_seen ? "progress" : "ringing",
		   "{s:s, s:i}", "by", "sbc", "code", msg->scode);
	if (call->role == PEER_FORWARD)
		inbound_ring(call->peer);
}


static void session_timer(struct call *call, const struct sip_msg *msg)
{
	const struct pl expires = msg_value(msg, "Session-Expires");
	struct pl refresher = pl_null;

	call->expires_s = pl_isset(&expires) ? msg_number(&expires) : 0;
	if (call->expires_s)
		(void)msg_param_decode(&expires, "refresher", &refresher);

	call->we_refresh = pl_strcasecmp(&refresher, "uas") != 0;
}


static void join_peer(struct call *call)
{
	struct call *peer = call->peer;

	if (call->role == PEER_FORWARD && inbound_answer(peer, -1)) {
		call_hangup(call, "teams", 480, 16, "PeerGone");
		return;
	}

	if (call->role == PEER_TRANSFER)
		transfer_done(peer);

	if (call_join(call, peer))
		call_hangup(call, "teams", 480, 41, "OutOfResources");
}


static void answered(struct call *call, const struct sip_msg *msg)
{
	const bool given_up = call->state == CALL_CANCELLING;
	int err = learn_dialog(call, msg);

	if (err) {
		call_end(call, "teams", 410, "200 without Contact or tag");
		return;
	}

	if (mbuf_get_left(msg->mb) || !call->answer_seen)
		err = session_answer_in(call, msg);

	(void)call_ack(call, msg->cseq.num);
	session_abilities(call, msg);
	session_timer(call, msg);
	call_watch(call);
	call_connected(call);
	if (err || given_up) {
		call_hangup(call, "teams", given_up ? 487 : 410, 22,
			    given_up ? "Cancelled" : "MediaOfferError");
		return;
	}

	call_event(call, "answered", "{s:s}", "by", "sbc");
	if (call->role == PEER_FORWARD || call->role == PEER_TRANSFER)
		join_peer(call);
}


/* The trunk and those after it; of equal rank: each call in an order of its
 * own (Fisher-Yates) */
static void order_trunks(struct call *call)
{
	struct tenant *next = call->tenant;

	for (; next && call->trunkc < TRUNKS; next = next->next) {
		if (next->enabled)
			call->trunkv[call->trunkc++] = next;
	}

	for (size_t i = call->trunkc; call->tenant->shuffle && i > 1; i--) {
		const size_t k = rand_u32() % i;
		struct tenant *swapped = call->trunkv[k];

		call->trunkv[k] = call->trunkv[i - 1];
		call->trunkv[i - 1] = swapped;
	}

	if (call->trunkc)
		call->tenant = call->trunkv[0];
}


/* Another trunk may do it, as long as nothing rang on this one */
static bool next_trunk(struct call *call, const char *why)
{
	const struct dial again = {
		.from = call->from_number, .to = call->to_number,
	};
	struct tenant *next;

	if (call->trunk + 1 >= call->trunkc || call->remote_tag ||
	    call->state != CALL_DIALING)
		return false;

	next = call->trunkv[++call->trunk];
	call->tenant = next;
	call->tried = 0;
	call->provisional = false;
	if (fill_target(call, call->to_number) || send_invite(call, &again))
		return false;

	call_event(call, "next_trunk", "{s:s, s:s}", "tenant", next->fqdn,
		   "reason", why);
	deadline_start(&call->guard, call->sim->set.failover_ms, too_slow,
		       call);

	return true;
}


static void failed(struct call *call, const struct sip_msg *msg)
{
	char *reason = pl_string(&msg->reason);

	if (tenant_fails_over(call->tenant, msg->scode) &&
	    next_trunk(call, reason)) {
		mem_deref(reason);
		return;
	}

	call_end(call, "sbc", msg->scode, reason);
	mem_deref(reason);
}


/* The connection failed: another data centre tries the same trunk */
static void unreachable(struct call *call, int err)
{
	struct instance *next = instance_next(call->inst);

	while (next != call->inst &&
	       (call->tried & (1u << (next - call->sim->instv))))
		next = instance_next(next);

	if (next != call->inst && call->state == CALL_DIALING &&
	    !call->provisional) {
		const struct dial again = {
			.from = call->from_number, .to = call->to_number,
		};

		call_event(call, "retry", "{s:s, s:s}", "instance",
			   next->name, "reason", strerror(err));
		call->inst = next;
		if (!send_invite(call, &again))
			return;
	}

	if (!next_trunk(call, strerror(err)))
		call_end(call, "transport", 504, strerror(err));
}


static void response(int err, const struct sip_msg *msg, void *arg)
{
	struct call *call = arg;

	if (err)
		unreachable(call, err);
	else if (msg->scode < 200)
		provisional(call, msg);
	else if (msg->scode < 300)
		answered(call, msg);
	else
		failed(call, msg);
}


static int send_invite(struct call *call, const struct dial *dial)
{
	const struct trunk *trunk = tenant_trunk(call->tenant);
	struct conn *conn;
	struct mbuf *mb;
	struct sa addr;
	int err;

	call->tried |= 1u << (call->inst - call->sim->instv);
	err = fill_dialog(call);
	if (!err)
		err = sim_resolve(call->sim, &addr, call->tenant->fqdn,
				  trunk->port);
	if (!err)
		err = conn_get(&conn, call->inst, call->tenant->fqdn, &addr);
	if (err)
		return err;

	mem_deref(call->conn);
	call->conn = mem_ref(conn);
	err = build_invite(call, dial, &mb);
	if (err)
		return err;

	err = trans_request(&call->trans, conn, mb, response, call);
	mem_deref(mb);

	return err;
}


int outbound_dial(struct call **cp, const struct dial *dial)
{
	struct sim *sim = dial->tenant->sim;
	struct call *call;
	struct pl from;
	int err;

	err = call_alloc(&call, sim,
			 dial->inst ? dial->inst
				    : first_up(sim,
					       tenant_trunk(dial->tenant)),
			 dial->tenant, false);
	if (err)
		return err;

	pl_set_str(&from, dial->from);
	call->user = mem_ref(user_find(dial->tenant, &from));
	order_trunks(call);
	if (!dial->inst)
		call->inst = first_up(sim, tenant_trunk(call->tenant));
	call->tone_hz = dial->tone_hz;
	err = fill_identity(call, dial);
	if (!err)
		err = call_play_own(call);
	if (!err)
		err = send_invite(call, dial);
	if (err) {
		mem_deref(call);
		return err;
	}

	deadline_start(&call->guard, sim->set.failover_ms, too_slow, call);
	*cp = call;

	return 0;
}


bool outbound_stray(struct sim *sim, const struct sip_msg *msg)
{
	struct le *le;

	if (msg->scode < 200 || msg->scode > 299 ||
	    pl_strcmp(&msg->cseq.met, "INVITE"))
		return false;

	LIST_FOREACH(&sim->calll, le)
	{
		struct call *call = le->data;

		if (call->remote_tag && call->state == CALL_UP &&
		    !pl_strcmp(&msg->callid, call->callid) &&
		    !pl_strcmp(&msg->to.tag, call->remote_tag)) {
			(void)call_ack(call, msg->cseq.num);
			return true;
		}
	}

	return false;
}
