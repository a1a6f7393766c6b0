/**
 * @file cork.c  Datagrams that leave together
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "bridge/base/libre.h"
#include "cork.h"
#include "flow.h"


enum {
	TOGETHER_MAX = 32,         /* datagrams; the kernel takes 64       */
	OCTETS_MAX   = 60000,      /* of all of them; it takes 65,507      */
};


struct cork {
	unsigned depth;            /* 0: out                               */
	struct flow *flow;         /* ref, of all that wait; NULL: none    */
	size_t count;
	size_t size;               /* of each but the last [octets]        */
	size_t total;
	struct mbuf *mbv[TOGETHER_MAX];    /* refs                         */
	struct iovec iov[TOGETHER_MAX];    /* into them                    */
	struct flow *failed;       /* ref, to be told of `err`; NULL       */
	int err;
};


static void drop(struct cork *cork)
{
	for (size_t i = 0; i < cork->count; i++)
		mem_deref(cork->mbv[i]);

	cork->count = 0;
	cork->flow  = mem_deref(cork->flow);
}


static void destructor(void *data)
{
	struct cork *cork = data;

	drop(cork);
	mem_deref(cork->failed);
}


int cork_alloc(struct cork **corkp)
{
	*corkp = mem_zalloc(sizeof(**corkp), destructor);

	return *corkp ? 0 : ENOMEM;
}


static int send_segments(const struct cork *cork)
{
	const uint16_t size = (uint16_t)cork->size;
	union {
		struct cmsghdr align;
		uint8_t buf[CMSG_SPACE(sizeof(uint16_t))];
	} control = { .buf = { 0 } };
	struct msghdr hdr = {
		.msg_name       = &cork->flow->peer.u.sa,
		.msg_namelen    = cork->flow->peer.len,
		.msg_iov        = (struct iovec *)(uintptr_t)cork->iov,
		.msg_iovlen     = cork->count,
		.msg_control    = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&hdr);

	cmsg->cmsg_level = SOL_UDP;
	cmsg->cmsg_type  = UDP_SEGMENT;
	cmsg->cmsg_len   = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(cmsg), &size, sizeof(size));

	return sendmsg(cork->flow->lsnr->fd, &hdr, MSG_NOSIGNAL) < 0 ?
		errno : 0;
}


/** An older kernel, a card that computes no checksums, a way too narrow for
    one of them: tried no more on this flow */
static bool is_unable(int err)
{
	return err == EINVAL || err == EIO || err == EMSGSIZE ||
		err == EOPNOTSUPP || err == ENOPROTOOPT;
}


/** @return 0 if all have left */
static int send_together(const struct cork *cork)
{
	int err;

	if (cork->count < 2)
		return EAGAIN;

	/* an ICMP error about another peer is reported once (dgram_send()) */
	err = send_segments(cork);
	if (err && err != EAGAIN && !is_unable(err))
		err = send_segments(cork);
	if (is_unable(err))
		cork->flow->apart = true;

	return err;
}


static int send_each(const struct cork *cork)
{
	int err = 0;

	for (size_t i = 0; i < cork->count && !err; i++)
		err = dgram_send_now(cork->flow, cork->iov[i].iov_base,
				     cork->iov[i].iov_len);

	return err;
}


void cork_flush(struct cork *cork)
{
	int err = 0;

	if (!cork || !cork->flow)
		return;

	if (cork->flow->lsnr && send_together(cork))
		err = send_each(cork);

	/* of several, the others' transactions learn it when they repeat */
	if (err && !cork->failed) {
		cork->failed = mem_ref(cork->flow);
		cork->err    = err;
	}

	drop(cork);
}


void cork_in(struct cork *cork)
{
	++cork->depth;
}


void cork_out(struct cork *cork)
{
	struct flow *failed;

	if (--cork->depth)
		return;

	cork_flush(cork);

	failed = cork->failed;
	cork->failed = NULL;
	if (failed) {
		flow_why_set(failed, "%m", cork->err);
		flow_tell(failed, cork->err);
		mem_deref(failed);
	}
}


static bool fits(const struct cork *cork, const struct flow *flow, size_t size)
{
	return flow == cork->flow && size <= cork->size &&
		cork->iov[cork->count - 1].iov_len == cork->size &&
		cork->count < TOGETHER_MAX && cork->total + size <= OCTETS_MAX;
}


bool cork_take(struct cork *cork, struct flow *flow, struct mbuf *mb)
{
	const size_t size = mbuf_get_left(mb);

	if (!cork || !cork->depth || flow->apart)
		return false;

	if (cork->flow && !fits(cork, flow, size))
		cork_flush(cork);

	if (!cork->flow) {
		cork->flow  = mem_ref(flow);
		cork->size  = size;
		cork->total = 0;
	}

	cork->iov[cork->count].iov_base = mbuf_buf(mb);
	cork->iov[cork->count].iov_len  = size;
	cork->mbv[cork->count++]        = mem_ref(mb);
	cork->total += size;

	return true;
}
