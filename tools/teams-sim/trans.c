/**
 * @file trans.c  Client transactions over TLS (RFC 3261 section 17.1)
 */
#include "trans.h"
#include "conn.h"
#include "msg.h"


enum {
	TIMER_B_MS = 32000, /* F too */
};

struct trans {
	struct le le;
	struct sim *sim;     /* borrowed */
	struct conn *conn;   /* ref */
	struct sip_msg *req; /* owned: our own request, parsed */
	struct deadline dl;
	struct trans **tp;   /* borrowed: owner's pointer to us */
	trans_h *h;
	void *arg;
};


static void trans_destructor(void *arg)
{
	struct trans *trans = arg;

	deadline_cancel(&trans->dl);
	list_unlink(&trans->le);
	if (trans->tp)
		*trans->tp = NULL;
	mem_deref(trans->req);
	mem_deref(trans->conn);
}


static void ignore(int err, const struct sip_msg *msg, void *arg)
{
	(void)err;
	(void)msg;
	(void)arg;
}


static void finish(struct trans *trans, int err, const struct sip_msg *msg)
{
	trans_h *h = trans->h;
	void *arg = trans->arg;

	mem_deref(trans);
	h(err, msg, arg);
}


static void timeout(void *arg)
{
	finish(arg, ETIMEDOUT, NULL);
}


void trans_branch(char *buf, size_t size)
{
	char hex[9];

	random_hex(hex, sizeof(hex));
	snprintf(buf, size, "z9hG4bK%s", hex);
}


int trans_request(struct trans **tp, struct conn *conn, struct mbuf *mb,
		  trans_h *h, void *arg)
{
	struct trans *trans = mem_zalloc(sizeof(*trans), trans_destructor);
	int err;

	if (!trans)
		return ENOMEM;

	mb->pos = 0;
	err = sip_msg_decode(&trans->req, mb);
	if (!err)
		err = conn_send(conn, mb);
	if (err) {
		mem_deref(trans);
		return err;
	}

	trans->sim = conn_instance(conn)->sim;
	trans->conn = mem_ref(conn);
	trans->h = h ? h : ignore;
	trans->arg = arg;
	trans->tp = tp;
	if (tp)
		*tp = trans;
	list_append(&trans->sim->transl, &trans->le, trans);
	deadline_start(&trans->dl, TIMER_B_MS, timeout, trans);

	return 0;
}


void trans_forget(struct trans **tp)
{
	struct trans *trans = *tp;

	if (!trans)
		return;

	*tp = NULL;
	trans->tp = NULL;
	trans->h = ignore;
}


/* ACK to a failure and CANCEL repeat the request's own lines (RFC 3261
 * sections 17.1.1.3 and 9.1). */
static int send_again(struct trans *trans, const char *method,
		      const struct pl *to, const char *lines)
{
	const struct sip_msg *req = trans->req;
	struct mbuf *mb = mbuf_alloc(512);
	struct le *le;
	int err = 0;

	if (!mb)
		return ENOMEM;

	err |= mbuf_printf(mb, "%s %r SIP/2.0\r\n", method, &req->ruri);
	err |= mbuf_printf(mb, "FROM: %r\r\nTO: %r\r\n", &req->from.val, to);
	err |= mbuf_printf(mb, "CSEQ: %u %s\r\n", req->cseq.num, method);
	err |= mbuf_printf(mb, "CALL-ID: %r\r\n", &req->callid);
	err |= mbuf_printf(mb, "MAX-FORWARDS: 70\r\n");
	LIST_FOREACH(&req->hdrl, le)
	{
		const struct sip_hdr *hdr = le->data;

		if (!pl_strcmp(&hdr->name, "VIA") ||
		    !pl_strcmp(&hdr->name, "ROUTE"))
			err |= mbuf_printf(mb, "%r: %r\r\n", &hdr->name,
					   &hdr->val);
	}
	err |= mbuf_printf(mb, "CONTENT-LENGTH: 0\r\n%s\r\n",
			   lines ? lines : "");
	if (!err)
		err = conn_send(trans->conn, mb);

	mem_deref(mb);

	return err;
}


int trans_cancel(struct trans *trans, const char *lines)
{
	return send_again(trans, "CANCEL", &trans->req->to.val, lines);
}


struct conn *trans_conn(const struct trans *trans)
{
	return trans->conn;
}


static struct trans *find(struct sim *sim, const struct sip_msg *msg)
{
	struct le *le;

	LIST_FOREACH(&sim->transl, le)
	{
		struct trans *trans = le->data;

		if (!pl_cmp(&trans->req->via.branch, &msg->via.branch) &&
		    !pl_cmp(&trans->req->met, &msg->cseq.met))
			return trans;
	}

	return NULL;
}


bool trans_response(struct sim *sim, const struct sip_msg *msg)
{
	struct trans *trans = find(sim, msg);
	bool invite;

	if (!trans)
		return false;

	invite = !pl_strcmp(&trans->req->met, "INVITE");

	if (msg->scode < 200) {
		if (invite)
			deadline_cancel(&trans->dl);
		trans->h(0, msg, trans->arg);
		return true;
	}

	if (invite && msg->scode >= 300)
		(void)send_again(trans, "ACK", &msg->to.val, NULL);

	finish(trans, 0, msg);

	return true;
}


void trans_conn_closed(struct sim *sim, const struct conn *conn, int err)
{
	struct le *le = sim->transl.head;

	while (le) {
		struct trans *trans = le->data;

		if (trans->conn != conn) {
			le = le->next;
			continue;
		}

		/* The handler may end others: start again */
		finish(trans, err ? err : ECONNRESET, NULL);
		le = sim->transl.head;
	}
}
