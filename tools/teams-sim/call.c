/**
 * @file call.c  Life of a call
 */
#include "call.h"
#include "conn.h"
#include "control.h"
#include "trans.h"


enum {
	LINGER_MS = 1000,     /* connection of an ended call */
	REMEMBER_MS = 60000,  /* its counters */
	WATCH_MS = 250,
	REFRESH_SLACK_S = 32, /* RFC 4028 section 10, at most a third */
};

static const char *const state_names[] = {
	[CALL_RINGING] = "ringing",       [CALL_DIALING] = "dialing",
	[CALL_CANCELLING] = "cancelling", [CALL_ANSWERED] = "answered",
	[CALL_UP] = "up",                 [CALL_ENDED] = "ended",
};


static void unlink_peer(struct call *call)
{
	struct call *peer = call->peer;

	if (!peer)
		return;

	call->peer = NULL;
	call->role = PEER_NONE;
	if (call->media)
		media_join(call->media, NULL);

	peer->peer = NULL;
	peer->role = PEER_NONE;
	if (peer->media)
		media_join(peer->media, NULL);
}


static void cancel_deadlines(struct call *call)
{
	deadline_cancel(&call->ring);
	deadline_cancel(&call->guard);
	deadline_cancel(&call->watch);
	deadline_cancel(&call->refresh);
	deadline_cancel(&call->glare);
}


static void drop_conn(struct call *call)
{
	if (conn_is_open(call->conn) && !conn_is_accepted(call->conn) &&
	    call->sim->set.connection == REUSE_NEW)
		conn_close(call->conn, 0);

	call->conn = mem_deref(call->conn);
}


static void call_destructor(void *arg)
{
	struct call *call = arg;

	cancel_deadlines(call);
	deadline_cancel(&call->linger);
	unlink_peer(call);
	transfer_stop(call);
	trans_forget(&call->trans);
	list_unlink(&call->le);
	drop_conn(call);
	list_flush(&call->routel);
	mem_deref(call->media);
	mem_deref(call->invite);
	mem_deref(call->invite_conn);
	mem_deref(call->user);
	mem_deref(call->callid);
	mem_deref(call->remote_tag);
	mem_deref(call->local);
	mem_deref(call->remote);
	mem_deref(call->contact);
	mem_deref(call->target);
	mem_deref(call->from_number);
	mem_deref(call->to_number);
}


static void first_packet(void *arg)
{
	struct call *call = arg;

	call_event(call, "media", "{}");
}


static void digit(char digit, void *arg)
{
	const char text[2] = {digit, '\0'};

	call_event(arg, "dtmf", "{s:s}", "digit", text);
}


int call_alloc(struct call **cp, struct sim *sim, struct instance *inst,
	       struct tenant *tenant, bool incoming)
{
	struct call *call = mem_zalloc(sizeof(*call), call_destructor);
	int err;

	if (!call)
		return ENOMEM;

	call->sim = sim;
	call->inst = inst;
	call->tenant = tenant;
	call->incoming = incoming;
	call->state = incoming ? CALL_RINGING : CALL_DIALING;
	call->began_ms = clock_ms();
	call->session = rand_u32() & 0xfffff;
	random_hex(call->local_tag, sizeof(call->local_tag));

	err = media_alloc(&call->media, sim, &inst->addr, first_packet, digit,
			  call);
	if (err) {
		mem_deref(call);
		return err;
	}

	call->id = ++sim->call_id;
	list_append(&sim->calll, &call->le, call);
	*cp = call;

	return 0;
}


struct call *call_find(const struct sim *sim, uint32_t id)
{
	struct le *le;

	LIST_FOREACH(&sim->calll, le)
	{
		struct call *call = le->data;

		if (call->id == id)
			return call;
	}

	return NULL;
}


struct call *call_dialog(const struct sim *sim, const struct sip_msg *msg)
{
	struct le *le;

	LIST_FOREACH(&sim->calll, le)
	{
		struct call *call = le->data;

		if (call->state != CALL_ENDED && call->remote_tag &&
		    !pl_strcmp(&msg->callid, call->callid) &&
		    !pl_strcmp(&msg->to.tag, call->local_tag) &&
		    !pl_strcmp(&msg->from.tag, call->remote_tag))
			return call;
	}

	return NULL;
}


const char *call_state_name(const struct call *call)
{
	return state_names[call->state];
}


json_t *call_json(const struct call *call)
{
	const uint64_t now = clock_ms();
	json_t *obj;

	obj = json_pack("{s:i, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:b, "
			"s:b, s:I, s:s}",
			"call", call->id, "direction",
			call->incoming ? "from_sbc" : "to_sbc", "state",
			call_state_name(call), "tenant", call->tenant->fqdn,
			"user", call->user ? call->user->number : NULL,
			"from", call->from_number, "to", call->to_number,
			"callid", call->callid, "held", call->held,
			"held_by_sbc", call->held_by_sbc, "age_ms",
			(json_int_t)(now - call->began_ms), "instance",
			call->inst->name);
	if (obj && call->peer)
		json_object_set_new(obj, "peer", json_integer(call->peer->id));

	return obj;
}


void call_event(const struct call *call, const char *name, const char *fmt,
		...)
{
	json_t *event;
	va_list ap;

	va_start(ap, fmt);
	event = json_vpack_ex(NULL, 0, fmt, ap);
	va_end(ap);

	if (!event)
		return;

	json_object_set_new(event, "event", json_string(name));
	json_object_set_new(event, "call", json_integer(call->id));
	control_event_new(event);
}


/* --- requests in the dialog --- */


/* Where requests of ours go: the SBC's Contact. Its name must be the
 * trunk's, which its certificate carries. */
static int open_conn(struct call *call, struct instance *inst,
		     struct conn **connp)
{
	struct pl target, host;
	struct uri uri;
	struct sa addr;
	char name[256];
	int err;

	pl_set_str(&target, call->target);
	if (uri_decode(&uri, &target) ||
	    pl_strcpy(&uri.host, name, sizeof(name)))
		return EPROTO;

	err = sim_resolve(call->sim, &addr, name,
			  uri.port ? uri.port : 5061);
	if (err)
		return err;

	host = uri.host;
	if (pl_is_address(&host))
		return conn_get(connp, inst, call->tenant->fqdn, &addr);

	return conn_get(connp, inst, name, &addr);
}


int call_padding(char **linep, const struct call *call, const char *before,
		 const char *after)
{
	const uint32_t n = call->sim->set.padding_octets;
	char pad[8192 + 1];

	memset(pad, 'x', n);
	pad[n] = '\0';

	return n ? re_sdprintf(linep, "%s%s%s", before, pad, after)
		 : str_dup(linep, "");
}


int call_contact(struct call *call, const struct pl *callid)
{
	char guid[37], hex[33], *pad = NULL;
	int err;

	random_guid(guid, sizeof(guid));
	random_hex(hex, sizeof(hex));
	err = call_padding(&pad, call, ";x-pad=", "");
	if (err)
		return err;

	call->contact = mem_deref(call->contact);

	err = re_sdprintf(&call->contact,
			  "sip:%s:443;x-i=%s;x-c=%r/d/8/%s%s",
			  call->inst->contact_host, guid, callid, hex, pad);
	mem_deref(pad);

	return err;
}


int call_conn(struct call *call, struct conn **connp)
{
	const struct settings *set = &call->sim->set;
	struct instance *inst = call->inst;
	struct conn *conn;
	int err;

	if (conn_is_open(call->conn)) {
		*connp = call->conn;
		return 0;
	}

	if (set->indialog_other_instance)
		inst = instance_next(inst);

	if (set->connection == REUSE_ANY && conn_is_open(call->invite_conn)) {
		conn = call->invite_conn;
	}
	else {
		err = open_conn(call, inst, &conn);
		if (err)
			return err;
	}

	mem_deref(call->conn);
	call->conn = mem_ref(conn);
	*connp = conn;

	return 0;
}


static int build(struct call *call, struct mbuf **mbp, const char *method,
		 uint32_t cseq, const char *early, const char *late,
		 const char *body)
{
	char *from = NULL, *to = NULL, branch[24];
	struct outline line = {
		.inst = call->inst, .method = method, .ruri = call->target,
		.callid = call->callid, .cseq = cseq, .branch = branch,
		.contact = call->contact, .dialog = true,
		.routel = &call->routel, .early = early, .late = late,
		.ctype = body ? "application/sdp" : NULL, .body = body,
		.allow = body != NULL,
	};
	int err;

	if (!strcmp(method, "ACK"))
		line.contact = NULL;

	trans_branch(branch, sizeof(branch));
	err = re_sdprintf(&from, "%s;tag=%s", call->local, call->local_tag);
	err |= re_sdprintf(&to, "%s;tag=%s", call->remote, call->remote_tag);
	line.from = from;
	line.to = to;
	if (!err)
		err = msg_request(mbp, &line);

	mem_deref(from);
	mem_deref(to);

	return err;
}


int call_request(struct call *call, const char *method, struct trans **tp,
		 const char *early, const char *late, const char *body,
		 void (*h)(int, const struct sip_msg *, void *))
{
	struct conn *conn;
	struct mbuf *mb;
	int err;

	if (!call->remote_tag || !call->target)
		return ENOTCONN;

	err = call_conn(call, &conn);
	if (err)
		return err;

	err = build(call, &mb, method, ++call->local_cseq, early, late, body);
	if (err)
		return err;

	err = trans_request(tp, conn, mb, h, call);
	mem_deref(mb);

	return err;
}


int call_ack(struct call *call, uint32_t cseq)
{
	struct conn *conn;
	struct mbuf *mb;
	int err;

	err = call_conn(call, &conn);
	if (err)
		return err;

	err = build(call, &mb, "ACK", cseq, NULL, NULL, NULL);
	if (!err)
		err = conn_send(conn, mb);

	mem_deref(mb);

	return err;
}


/* --- the end --- */


static void forget(void *arg)
{
	mem_deref(arg);
}


static void linger_over(void *arg)
{
	struct call *call = arg;

	drop_conn(call);
	deadline_start(&call->linger, REMEMBER_MS, forget, call);
}


void call_end(struct call *call, const char *who, uint16_t scode,
	      const char *reason)
{
	struct call *peer = call->peer;
	const enum peer_role role = call->role;

	if (call->state == CALL_ENDED)
		return;

	call->state = CALL_ENDED;
	cancel_deadlines(call);
	trans_forget(&call->trans);
	transfer_stop(call);
	unlink_peer(call);
	media_stop(call->media);
	deadline_start(&call->linger, LINGER_MS, linger_over, call);
	call_event(call, "ended", "{s:s, s:i, s:s, s:o}", "who", who, "code",
		   scode, "reason", reason ? reason : "", "counters",
		   media_counters(call->media));

	if (!peer)
		return;

	switch (role) {

	case PEER_FORWARD:
		call_hangup(peer, "peer", scode >= 400 ? scode : 480, 31,
			    reason ? reason : "");
		break;

	case PEER_TRANSFER:
		transfer_failed(peer, scode, reason ? reason : "");
		break;

	case PEER_WAITING:
	case PEER_JOINED:
		call_hangup(peer, "peer", 480, 16, "PeerEnded");
		break;

	case PEER_MEETING:
		(void)call_play_own(peer);
		break;

	case PEER_NONE:
		break;
	}
}


void call_hangup(struct call *call, const char *who, uint16_t scode,
		 unsigned cause, const char *text)
{
	char reason[256];

	switch (call->state) {

	case CALL_RINGING:
		inbound_refuse(call, scode, cause, text);
		call_end(call, who, scode, text);
		break;

	case CALL_DIALING:
		outbound_cancel(call);
		call_event(call, "cancelled", "{s:s}", "who", who);
		break;

	case CALL_ANSWERED:
	case CALL_UP:
		msg_reason(reason, sizeof(reason), cause, text);
		(void)call_request(call, "BYE", NULL, NULL, reason, NULL,
				   NULL);
		call_end(call, who, scode == 480 ? 0 : scode, text);
		break;

	case CALL_CANCELLING:
	case CALL_ENDED:
		break;
	}
}


/* --- guards --- */


static void watch(void *arg)
{
	struct call *call = arg;
	const struct settings *set = &call->sim->set;
	const uint64_t since = clock_ms() - call->answered_ms;

	deadline_start(&call->watch, WATCH_MS, watch, call);

	if (!media_is_heard(call->media)) {
		if (set->media_guard_ms && !call->held && !call->held_by_sbc &&
		    since > set->media_guard_ms)
			call_hangup(call, "media_guard", 410, 22,
				    "MediaPathBroken");
		return;
	}

	if (set->media_timeout_ms &&
	    media_silent_ms(call->media) > set->media_timeout_ms)
		call_hangup(call, "media_timeout", 410, 22, "MediaTimeout");
}


static void refresh_due(void *arg)
{
	struct call *call = arg;

	if (call->we_refresh)
		(void)midcall_change(call, CHANGE_REFRESH);
	else
		call_hangup(call, "session_timer", 408, 102,
			    "SessionExpired");
}


void call_session_timer(struct call *call)
{
	uint64_t ms = (uint64_t)call->expires_s * 1000;
	const uint64_t slack_s = call->expires_s / 3 < REFRESH_SLACK_S
					 ? call->expires_s / 3
					 : REFRESH_SLACK_S;

	deadline_cancel(&call->refresh);
	if (!ms)
		return;

	ms = call->we_refresh ? ms / 2 : ms - slack_s * 1000;
	deadline_start(&call->refresh, ms, refresh_due, call);
}


void call_connected(struct call *call)
{
	deadline_cancel(&call->ring);
	deadline_cancel(&call->guard);
	call->state = CALL_UP;
	session_update(call);
	call_session_timer(call);
}


void call_watch(struct call *call)
{
	call->answered_ms = clock_ms();
	media_expect(call->media);
	deadline_start(&call->watch, WATCH_MS, watch, call);
}


/* --- sound --- */


int call_play_own(struct call *call)
{
	struct source *src;
	const int err = source_tone(&src, call->tone_hz);

	if (!err)
		media_play(call->media, src);

	return err;
}


/* What each says is what it hears of the other, over a tone of its own */
static int pair_up(struct call *a, struct call *b, uint32_t a_hz,
		   uint32_t b_hz, enum peer_role role)
{
	struct source *to_a = NULL, *to_b = NULL;
	int err = source_mix(&to_a, a_hz);

	if (!err)
		err = source_mix(&to_b, b_hz);
	if (err) {
		mem_deref(to_a);
		return err;
	}

	a->peer = b;
	b->peer = a;
	a->role = b->role = role;
	media_play(a->media, to_a);
	media_play(b->media, to_b);
	media_join(a->media, to_b);
	media_join(b->media, to_a);
	call_event(a, "joined", "{s:i}", "with", b->id);

	return 0;
}


int call_join(struct call *a, struct call *b)
{
	return pair_up(a, b, 0, 0, PEER_JOINED);
}


int call_confer(struct call *a, struct call *b)
{
	int err;

	if (a == b || a->peer || b->peer)
		return EBUSY;

	err = midcall_change(a, CHANGE_MOVE);
	if (!err)
		err = midcall_change(b, CHANGE_MOVE);
	if (err)
		return err;

	return pair_up(a, b, a->tone_hz, b->tone_hz, PEER_MEETING);
}


void calls_frame(struct sim *sim, uint64_t now_ms)
{
	struct le *le;

	LIST_FOREACH(&sim->calll, le)
	{
		struct call *call = le->data;

		if (call->state != CALL_ENDED)
			media_frame(call->media, now_ms);
	}
}
