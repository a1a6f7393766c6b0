/**
 * @file agent.c  A phone that does one thing at a time, on one wire
 */
#include "agent.h"
#include "bridge/model/tenant.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/stack.h"


enum {
	LIMIT_MS  = 8000,
	CANCEL_MS = 3000,
	T1_MS     = 500,
	TAG       = 12,            /* digits of tags and branches          */
	MESSAGE   = 8192,
	ECHO      = 256,
};

#define MAGIC "z9hG4bK"


struct agent {
	struct wire *wire;         /* ref */
	char *domain, *user_agent; /* owned */
	char user[128];
	struct digest *digest;     /* owned, NULL nobody */
	char tag[TAG + 1], callid[2 * TAG + 1];
	char branch[sizeof(MAGIC) + TAG];   /* of the last request */
	char via[320];             /* Via value of the last request */
	char sent_callid[128];     /* ... and its Call-ID */
	uint32_t cseq;
	agent_request_h *requesth;
	void *arg;
	char echo[ECHO];
};


void reply_clear(struct reply *reply)
{
	reply->msg = mem_deref(reply->msg);
	memset(reply, 0, sizeof(*reply));
}


const char *reply_words(const struct reply *reply, char *buf, size_t size)
{
	*buf = '\0';
	if (reply->msg)
		(void)re_snprintf(buf, size, "%u %r", reply->msg->scode,
				  &reply->msg->reason);

	return buf;
}


const char *reply_value(const struct reply *reply, enum sip_hdrid id,
			char *buf, size_t size)
{
	struct pl value = reply->msg ? msg_hdr_value(reply->msg, id) : pl_null;

	if (value.l >= size)
		value.l = size - 1;
	(void)pl_strcpy(&value, buf, size);

	if (!pl_isset(&value))
		*buf = '\0';

	return buf;
}


static void destructor(void *data)
{
	struct agent *agent = data;

	mem_deref(agent->wire);
	mem_deref(agent->domain);
	mem_deref(agent->user_agent);
	mem_deref(agent->digest);
}


int agent_alloc(struct agent **agentp, const struct agent_conf *conf)
{
	const struct user *user = conf->user;
	struct agent *agent;
	int err;

	agent = mem_zalloc(sizeof(*agent), destructor);
	if (!agent)
		return ENOMEM;

	agent->wire = mem_ref(conf->wire);
	token_random(agent->tag, TAG);
	token_random(agent->callid, 2 * TAG);

	err = str_dup(&agent->domain, conf->domain);
	if (!err && conf->user_agent)
		err = str_dup(&agent->user_agent, conf->user_agent);
	if (!err && user) {
		str_ncpy(agent->user, user->sip_username,
			 sizeof(agent->user));
		err = digest_alloc(&agent->digest,
				   str_isset(user->sip_auth_username) ?
				   user->sip_auth_username :
				   user->sip_username, user->sip_password,
				   NULL);
	}

	if (err)
		mem_deref(agent);
	else
		*agentp = agent;

	return err;
}


void agent_handler_set(struct agent *agent, agent_request_h *h, void *arg)
{
	agent->requesth = h;
	agent->arg      = arg;
}


int agent_contact(struct re_printf *pf, const struct agent *agent)
{
	static const char *const transpv[] = {
		[SIP_TRANSP_UDP] = "",
		[SIP_TRANSP_TCP] = ";transport=tcp",
		[SIP_TRANSP_TLS] = ";transport=tls",
	};

	return re_hprintf(pf, "<sip:%s%s%J%s>", agent->user,
			  *agent->user ? "@" : "", wire_laddr(agent->wire),
			  transpv[wire_transp(agent->wire)]);
}


/* Writing */


static int via_write(struct agent *agent, const struct ask *ask)
{
	memcpy(agent->branch, MAGIC, strlen(MAGIC));
	token_random(agent->branch + strlen(MAGIC), TAG);

	return re_snprintf(agent->via, sizeof(agent->via),
			   "SIP/2.0/%s %J;branch=%s;rport%s",
			   sip_transp_name(wire_transp(agent->wire)),
			   wire_laddr(agent->wire), agent->branch,
			   ask->via_params ? ask->via_params : "") < 0 ?
		ENOMEM : 0;
}


static int head_write(struct mbuf *mb, struct agent *agent,
		      const struct ask *ask, const char *uri)
{
	const char *from = *agent->user ? agent->user : "readiness";
	int err;

	err = mbuf_printf(mb, "%s %s SIP/2.0\r\nVia: %s\r\n"
			  "Max-Forwards: 70\r\n"
			  "From: <sip:%s@%s>;tag=%s\r\nTo: <%s>%s%s\r\n"
			  "Call-ID: %s\r\nCSeq: %u %s\r\n",
			  ask->method, uri, agent->via, from, agent->domain,
			  agent->tag, ask->to ? ask->to : uri,
			  ask->totag ? ";tag=" : "",
			  ask->totag ? ask->totag : "",
			  ask->callid ? ask->callid : agent->callid,
			  agent->cseq, ask->method);
	if (!err && ask->contact)
		err = mbuf_printf(mb, "Contact: %H\r\n", agent_contact,
				  agent);
	if (!err && agent->user_agent)
		err = mbuf_printf(mb, "User-Agent: %s\r\n",
				  agent->user_agent);
	if (!err && ask->head)
		err = mbuf_write_str(mb, ask->head);

	return err;
}


static int body_write(struct mbuf *mb, const struct ask *ask)
{
	int err = 0;

	if (ask->body)
		err = mbuf_printf(mb, "Content-Type: %s\r\n", ask->ctype);

	return err ? err : mbuf_printf(mb, "Content-Length: %zu\r\n\r\n%s",
				       str_len(ask->body),
				       ask->body ? ask->body : "");
}


/** Grow the head to the size wanted. The end of it is where we are */
static int pad_write(struct mbuf *mb, const struct ask *ask)
{
	static const char plain[] = "X-Padding: ", echoed[] = "Via: SIP/2.0/"
		"UDP 192.0.2.1;branch=z9hG4bKpadding;pad=";
	const char *name = ask->pad_echoed ? echoed : plain;
	const size_t rest = strlen(name) + sizeof("\r\nContent-Length: 0"
						  "\r\n\r\n") - 1;
	int err;

	if (mb->end + rest >= ask->pad)
		return 0;

	/* a Via below ours: whoever answers must repeat it (RFC 3261
	   section 8.2.6.2), so that the answer grows too */
	err = mbuf_write_str(mb, name);
	for (size_t n = ask->pad - mb->end - (rest - strlen(name));
	     n && !err; n--)
		err = mbuf_write_u8(mb, 'p');

	return err ? err : mbuf_write_str(mb, "\r\n");
}


static int compose(struct mbuf **mbp, struct agent *agent,
		   const struct ask *ask, struct digest_attempt *at)
{
	struct mbuf *mb = mbuf_alloc(MESSAGE);
	char *own = NULL;
	const char *uri = ask->target;
	int err = mb ? 0 : ENOMEM;

	if (!err && !uri) {
		err = re_sdprintf(&own, "sip:%s", agent->domain);
		uri = own;
	}
	if (!err)
		err = via_write(agent, ask);
	if (!err)
		err = head_write(mb, agent, ask, uri);
	if (!err && agent->digest && at)
		err = digest_write(mb, agent->digest, at, ask->method, uri,
				   false);
	if (!err && ask->pad)
		err = pad_write(mb, ask);
	if (!err)
		err = body_write(mb, ask);

	mem_deref(own);
	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}


/* Waiting */


/** What a phone has to answer in any case */
static void serve(struct agent *agent, const struct sip_msg *msg)
{
	if (!pl_strcmp(&msg->met, "ACK"))
		return;

	(void)agent_answer(agent, msg, !pl_strcmp(&msg->met, "OPTIONS") ||
			   !pl_strcmp(&msg->met, "NOTIFY") ? 200 : 480,
			   NULL, agent->tag, NULL, NULL);
}


/** What the answer does not repeat as it was sent: somebody between us and
    the PBX reads and rewrites SIP */
static void note_echo(struct agent *agent, const struct sip_msg *msg)
{
	const struct pl fromtag = msg->from.tag;
	char mine[80];

	agent->echo[0] = '\0';
	(void)re_snprintf(mine, sizeof(mine), "%J", wire_laddr(agent->wire));

	if (pl_strcmp(&msg->via.sentby, mine))
		(void)re_snprintf(agent->echo, sizeof(agent->echo),
				  "our Via said %s and came back as %r",
				  mine, &msg->via.sentby);
	else if (pl_strcmp(&msg->via.branch, agent->branch))
		(void)re_snprintf(agent->echo, sizeof(agent->echo),
				  "our Via's branch came back as %r",
				  &msg->via.branch);
	else if (pl_strcmp(&msg->callid, agent->sent_callid))
		(void)re_snprintf(agent->echo, sizeof(agent->echo),
				  "our Call-ID came back as %r",
				  &msg->callid);
	else if (pl_strcmp(&fromtag, agent->tag))
		(void)re_snprintf(agent->echo, sizeof(agent->echo),
				  "the tag of our From came back as %r",
				  &fromtag);
}


/** An answer to our last request, also where somebody rewrote a part */
static bool is_ours(const struct agent *agent, const struct sip_msg *msg)
{
	if (!pl_strcmp(&msg->via.branch, agent->branch))
		return true;

	return msg->cseq.num == agent->cseq &&
		(!pl_strcmp(&msg->callid, agent->sent_callid) ||
		 !pl_strcmp(&msg->from.tag, agent->tag));
}


/** One message, if there is one in time. Requests are served.
    @return 0 with *msgp or NULL, ETIMEDOUT, errno */
static int receive(struct agent *agent, struct sip_msg **msgp, uint64_t end)
{
	const uint64_t now = wire_now();
	struct sip_msg *msg = NULL;
	struct mbuf *mb = NULL;
	int err;

	*msgp = NULL;
	if (now >= end)
		return ETIMEDOUT;

	err = wire_recv(agent->wire, &mb, (unsigned)(end - now));
	if (err)
		return err;

	err = sip_msg_decode(&msg, mb);
	mem_deref(mb);
	if (err)
		return 0;              /* no SIP: as if it had not come */

	if (!msg->req) {
		*msgp = msg;
		return 0;
	}

	if (agent->requesth)
		agent->requesth(msg, agent->arg);
	else
		serve(agent, msg);
	mem_deref(msg);

	return 0;
}


/** @return 0 the final answer came, EAGAIN a provisional, ETIMEDOUT... */
static int take(struct agent *agent, struct reply *reply, uint64_t end)
{
	for (;;) {
		struct sip_msg *msg;
		const int err = receive(agent, &msg, end);

		if (err)
			return err;

		if (!msg)
			continue;

		if (!is_ours(agent, msg)) {
			mem_deref(msg);
			continue;
		}

		note_echo(agent, msg);
		if (msg->scode < 200) {
			reply->provisional = msg->scode;
			mem_deref(msg);
			return EAGAIN;
		}

		mem_deref(reply->msg);
		reply->msg = msg;

		return 0;
	}
}


/** One try: send, repeat until something comes, wait for the final */
static int exchange(struct agent *agent, struct mbuf *mb, unsigned limit_ms,
		    struct reply *reply)
{
	const uint64_t begin = wire_now(), end = begin + limit_ms;
	const bool repeat = wire_transp(agent->wire) == SIP_TRANSP_UDP;
	uint64_t step = T1_MS, next = begin + step;
	bool heard = false;
	int err;

	err = wire_send(agent->wire, mb->buf, mb->end);
	reply->sent = 1;

	while (!err) {
		err = take(agent, reply, !heard && repeat && next < end ?
			   next : end);

		if (!heard && (!err || err == EAGAIN)) {
			heard = true;
			reply->rtt_ms = (uint32_t)(wire_now() - begin);
		}

		if (!err)
			return 0;

		if (err == EAGAIN) {
			err = 0;
		}
		else if (err == ETIMEDOUT && wire_now() < end && !heard) {
			step *= 2;
			next += step;
			++reply->sent;
			err = wire_send(agent->wire, mb->buf, mb->end);
		}
	}

	return err;
}


static void ask_begin(struct agent *agent, const struct ask *ask)
{
	str_ncpy(agent->sent_callid, ask->callid ? ask->callid :
		 agent->callid, sizeof(agent->sent_callid));
	++agent->cseq;
}


/** ACK of a refused INVITE, and CANCEL: same branch, hop by hop */
static void hop_tell(struct agent *agent, const struct ask *ask,
		     const char *method, const struct pl *to)
{
	struct mbuf *mb = mbuf_alloc(512);

	if (mb && !mbuf_printf(mb, "%s %s SIP/2.0\r\nVia: %s\r\n"
			       "Max-Forwards: 70\r\n"
			       "From: <sip:%s@%s>;tag=%s\r\nTo: %r\r\n"
			       "Call-ID: %s\r\nCSeq: %u %s\r\n"
			       "Content-Length: 0\r\n\r\n", method,
			       ask->target, agent->via, agent->user,
			       agent->domain, agent->tag, to,
			       agent->sent_callid, agent->cseq, method))
		(void)wire_send(agent->wire, mb->buf, mb->end);

	mem_deref(mb);
}


static void refuse_ack(struct agent *agent, const struct ask *ask,
		       const struct sip_msg *msg)
{
	const struct pl to = msg_hdr_value(msg, SIP_HDR_TO);

	hop_tell(agent, ask, "ACK", &to);
}


void agent_cancel(struct agent *agent, const struct ask *ask,
		  struct reply *reply)
{
	const uint64_t end = wire_now() + CANCEL_MS;
	char text[320];
	struct pl to;
	int err;

	(void)re_snprintf(text, sizeof(text), "<%s>", ask->target);
	pl_set_str(&to, text);
	hop_tell(agent, ask, "CANCEL", &to);

	/* the answer to the CANCEL bears the same branch; the 487 is what
	   has to be acknowledged */
	do {
		err = take(agent, reply, end);
		if (!err && !pl_strcmp(&reply->msg->cseq.met, "INVITE")) {
			refuse_ack(agent, ask, reply->msg);
			return;
		}
	} while (!err || err == EAGAIN);
}


static bool is_challenge(const struct reply *reply)
{
	return reply->msg->scode == 401 || reply->msg->scode == 407;
}


int agent_ask(struct agent *agent, const struct ask *ask, struct reply *reply,
	      size_t *sent)
{
	struct digest_attempt at = {0};
	const char *why;
	int err;

	for (;;) {
		struct mbuf *mb;

		ask_begin(agent, ask);
		err = compose(&mb, agent, ask, &at);
		if (err)
			return err;

		if (sent)
			*sent = mb->end;
		err = exchange(agent, mb, ask->limit_ms ? ask->limit_ms :
			       LIMIT_MS, reply);
		mem_deref(mb);
		if (err)
			return err;

		if (!strcmp(ask->method, "INVITE") &&
		    reply->msg->scode >= 300)
			refuse_ack(agent, ask, reply->msg);

		if (!is_challenge(reply) || !agent->digest || ask->once)
			break;

		if (digest_challenged(agent->digest, &at, reply->msg, &why)
		    != DIGEST_RETRY)
			return 0;
	}

	if (agent->digest && at.sent && reply->msg->scode < 300)
		digest_accepted(agent->digest, reply->msg);

	return 0;
}


int agent_tell(struct agent *agent, const struct ask *ask)
{
	struct mbuf *mb;
	int err;

	err = compose(&mb, agent, ask, NULL);
	if (err)
		return err;

	err = wire_send(agent->wire, mb->buf, mb->end);
	mem_deref(mb);

	return err;
}


static int vias_copy(struct mbuf *mb, const struct sip_msg *msg)
{
	struct le *le;
	int err = 0;

	LIST_FOREACH(&msg->hdrl, le) {
		const struct sip_hdr *hdr = le->data;

		if (!err && (hdr->id == SIP_HDR_VIA ||
			     hdr->id == SIP_HDR_RECORD_ROUTE))
			err = mbuf_printf(mb, "%r: %r\r\n", &hdr->name,
					  &hdr->val);
	}

	return err;
}


int agent_answer(struct agent *agent, const struct sip_msg *msg,
		 unsigned scode, const char *reason, const char *totag,
		 const char *ctype, const char *body)
{
	const struct pl from = msg_hdr_value(msg, SIP_HDR_FROM);
	const struct pl to = msg_hdr_value(msg, SIP_HDR_TO);
	const struct ask rest = { .ctype = ctype, .body = body };
	struct mbuf *mb = mbuf_alloc(1024);
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = mbuf_printf(mb, "SIP/2.0 %u %s\r\n", scode,
				  reason ? reason : scode < 300 ? "OK" :
				  "Not Here");
	if (!err)
		err = vias_copy(mb, msg);
	if (!err)
		err = mbuf_printf(mb, "From: %r\r\nTo: %r%s%s\r\n"
				  "Call-ID: %r\r\nCSeq: %u %r\r\n"
				  "Contact: %H\r\n", &from, &to,
				  pl_isset(&msg->to.tag) ? "" : ";tag=",
				  pl_isset(&msg->to.tag) ? "" : totag,
				  &msg->callid, msg->cseq.num,
				  &msg->cseq.met, agent_contact, agent);
	if (!err)
		err = body_write(mb, &rest);
	if (!err)
		err = wire_send(agent->wire, mb->buf, mb->end);

	mem_deref(mb);

	return err;
}


int agent_serve(struct agent *agent, unsigned limit_ms, const bool *done)
{
	const uint64_t end = wire_now() + limit_ms;
	int err = 0;

	while (!err && !(done && *done)) {
		struct sip_msg *msg;

		err = receive(agent, &msg, end);
		mem_deref(msg);
	}

	return err;
}


const char *agent_echo(const struct agent *agent)
{
	return agent->echo;
}


bool agent_seen_as(const struct reply *reply, struct sa *sa)
{
	struct pl received, rport;
	const struct sip_via *via;

	if (!reply->msg)
		return false;

	via = &reply->msg->via;
	if (msg_param_decode(&via->params, "rport", &rport) || !rport.l)
		return false;

	if (msg_param_decode(&via->params, "received", &received))
		*sa = via->addr;
	else if (sa_set(sa, &received, 0))
		return false;

	sa_set_port(sa, (uint16_t)pl_u32(&rport));

	return true;
}


struct wire *agent_wire(const struct agent *agent)
{
	return agent->wire;
}


const char *agent_user(const struct agent *agent)
{
	return agent->user;
}


const char *agent_tag(const struct agent *agent)
{
	return agent->tag;
}
