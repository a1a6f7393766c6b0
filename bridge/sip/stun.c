/**
 * @file stun.c  STUN on the SIP socket
 */
#include "bridge/base/libre.h"
#include <re_stun.h>
#include "stack.h"
#include "stun.h"
#include "transp.h"


enum {
	HEADER      = 20,
	TID_AT      = 8,
	REQUEST     = 0x0001,
	SUCCESS     = 0x0101,
	COOKIE_SIZE = 4,
	MESSAGE_MAX = 1024,
	TID_DIGITS  = 24,
};

static const uint8_t cookie[COOKIE_SIZE] = { 0x21, 0x12, 0xa4, 0x42 };

/* of the SIP thread: few, one for each flow that is kept alive so */
static _Thread_local struct list askl;


static void tid_make(uint8_t tid[12])
{
	char digits[TID_DIGITS + 1];

	token_random(digits, TID_DIGITS);
	(void)str_hex(tid, 12, digits);
}


static int write_request(struct mbuf *mb, const uint8_t tid[12])
{
	int err;

	err  = mbuf_write_u16(mb, htons(REQUEST));
	err |= mbuf_write_u16(mb, 0);
	err |= mbuf_write_mem(mb, cookie, sizeof(cookie));
	err |= mbuf_write_mem(mb, tid, 12);
	mb->pos = 0;

	return err;
}


int stun_send_request(struct stun_ask *ask, struct flow *flow,
		      stun_mapped_h *h, void *arg)
{
	struct mbuf *mb;
	int err;

	if (!ask || !h || flow_transp(flow) != SIP_TRANSP_UDP)
		return EINVAL;

	mb = mbuf_alloc(HEADER);
	if (!mb)
		return ENOMEM;

	stun_forget(ask);
	tid_make(ask->tid);

	err = write_request(mb, ask->tid);
	if (!err)
		err = flow_send(flow, mb, false);
	mem_deref(mb);
	if (err)
		return err;

	ask->flow    = flow;
	ask->h       = h;
	ask->arg     = arg;
	ask->pending = true;
	list_append(&askl, &ask->le, ask);

	return 0;
}


bool stun_is_pending(const struct stun_ask *ask)
{
	return ask && ask->pending;
}


void stun_forget(struct stun_ask *ask)
{
	if (!ask)
		return;

	list_unlink(&ask->le);
	ask->pending = false;
}


static bool is_stun(const uint8_t *buf, size_t size)
{
	return size >= HEADER && !(buf[0] & 0xc0) &&
		!memcmp(buf + 4, cookie, sizeof(cookie));
}


static bool mapped_read(struct sa *mapped, const uint8_t *buf, size_t size)
{
	struct stun_unknown_attr unknown;
	struct stun_attr *attr;
	struct stun_msg *msg;
	struct mbuf *mb;
	bool found = false;

	mb = mbuf_alloc(size);
	if (!mb)
		return false;

	(void)mbuf_write_mem(mb, buf, size);
	mb->pos = 0;

	if (!stun_msg_decode(&msg, mb, &unknown)) {
		attr = stun_msg_attr(msg, STUN_ATTR_XOR_MAPPED_ADDR);
		if (!attr)
			attr = stun_msg_attr(msg, STUN_ATTR_MAPPED_ADDR);
		if (attr)
			*mapped = attr->v.sa;
		found = attr && sa_isset(mapped, SA_ALL);
		mem_deref(msg);
	}

	mem_deref(mb);

	return found;
}


static struct stun_ask *find(const struct sa *peer, const uint8_t *buf)
{
	for (struct le *le = askl.head; le; le = le->next) {
		struct stun_ask *ask = le->data;

		if (!memcmp(ask->tid, buf + TID_AT, sizeof(ask->tid)) &&
		    sa_cmp(flow_peer(ask->flow), peer, SA_ALL))
			return ask;
	}

	return NULL;
}


bool stun_receive(const struct sa *peer, const uint8_t *buf, size_t size)
{
	struct stun_ask *ask;
	struct sa mapped;

	if (!is_stun(buf, size))
		return false;

	ask = find(peer, buf);
	if (!ask || size > MESSAGE_MAX ||
	    (buf[0] << 8 | buf[1]) != SUCCESS ||
	    !mapped_read(&mapped, buf, size))
		return true;

	stun_forget(ask);
	ask->h(&mapped, ask->arg);         /* it may free its owner */

	return true;
}
