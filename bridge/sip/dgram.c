/**
 * @file dgram.c  SIP over UDP
 *
 * Datagrams come in batches. Errors that ICMP reports are read from the
 * socket's error queue, which tells for whom they are.
 */
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <linux/errqueue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "core.h"
#include "cork.h"
#include "flow.h"
#include "guard.h"
#include "stun.h"
#include "transp.h"


enum {
	BATCH          = 16,       /* datagrams a system call              */
	BATCHES_MAX    = 4,        /* a wake-up: others want their turn    */
	ERRORS_MAX     = 64,       /* a wake-up                            */
	DATAGRAM_MAX   = 65536,
	RECEIVE_BUFFER = 4 << 20,
	NOISE_MAX      = 4,        /* octets: keepalives of others         */
};


struct dgram_batch {
	struct mmsghdr hdrv[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage srcv[BATCH];
	uint8_t bufv[BATCH][DATAGRAM_MAX];
};


struct find {
	const struct listener *lsnr;
	const struct sa *peer;
};


static bool find_handler(struct le *le, void *arg)
{
	const struct flow *flow = le->data;
	const struct find *find = arg;

	return flow->lsnr == find->lsnr &&
		sa_cmp(&flow->peer, find->peer, SA_ALL);
}


struct flow *dgram_find(const struct transp *transp,
			const struct listener *lsnr, const struct sa *peer)
{
	struct find find = {lsnr, peer};

	return list_ledata(hash_lookup(transp->flows, sa_hash(peer, SA_ADDR),
				       find_handler, &find));
}


static int get(struct flow **flowp, struct listener *lsnr,
	       const struct sa *peer)
{
	struct flow *flow = dgram_find(lsnr->transp, lsnr, peer);
	int err;

	if (flow) {
		*flowp = mem_ref(flow);
		return 0;
	}

	err = flow_alloc(&flow, lsnr, peer);
	if (err)
		return err;

	flow->inbound = true;
	flow_link(flow);
	*flowp = flow;

	return 0;
}


int dgram_get(struct flow **flowp, struct listener *lsnr,
	      const struct sa *peer)
{
	int err = get(flowp, lsnr, peer);

	if (!err) {
		(*flowp)->wanted  = true;
		(*flowp)->inbound = false;
	}

	return err;
}


/** Keepalives: CRLF, and the octets some phones send; a ping is answered
    only on connections (RFC 5626 section 4.4) */
static bool is_noise(const uint8_t *buf, size_t size)
{
	if (size > NOISE_MAX)
		return false;

	for (size_t i = 0; i < size; i++)
		if (buf[i] && !strchr("\r\n \t", buf[i]))
			return false;

	return true;
}


static bool is_admitted(const struct listener *lsnr, const struct sa *peer)
{
	const struct flow *flow = dgram_find(lsnr->transp, lsnr, peer);

	if (flow && flow->wanted)
		return true;

	return stack_admits(lsnr->transp->stack, lsnr, peer);
}


static void receive(struct listener *lsnr, const struct sa *peer,
		    const uint8_t *buf, size_t size)
{
	struct flow *flow;

	if (!is_admitted(lsnr, peer)) {
		refusal_count(REFUSED_SOURCE);
		return;
	}

	if (is_noise(buf, size) || stun_receive(peer, buf, size))
		return;

	if (guard_start(buf, size)) {
		refusal_count(REFUSED_START_LINE);
		return;
	}

	if (get(&flow, lsnr, peer))
		return;

	flow_receive(flow, buf, size);
	mem_deref(flow);
}


static void batch_reset(struct dgram_batch *batch)
{
	for (size_t i = 0; i < BATCH; i++) {

		struct msghdr *hdr = &batch->hdrv[i].msg_hdr;

		batch->iov[i].iov_base = batch->bufv[i];
		batch->iov[i].iov_len  = sizeof(batch->bufv[i]);

		memset(hdr, 0, sizeof(*hdr));
		hdr->msg_iov     = &batch->iov[i];
		hdr->msg_iovlen  = 1;
		hdr->msg_name    = &batch->srcv[i];
		hdr->msg_namelen = sizeof(batch->srcv[i]);
	}
}


/** @return false when there is no more to read now */
static bool receive_batch(struct listener *lsnr)
{
	struct dgram_batch *batch = lsnr->transp->batch;
	int n;

	batch_reset(batch);

	n = recvmmsg(lsnr->fd, batch->hdrv, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return n < 0 && errno != EAGAIN && errno != EBADF;

	/* a handler may close the listener, or the stack */
	(void)mem_ref(batch);
	(void)mem_ref(lsnr);

	for (int i = 0; i < n && lsnr->transp && lsnr->lf.on; i++) {

		const struct mmsghdr *hdr = &batch->hdrv[i];
		struct sa peer;

		if (hdr->msg_hdr.msg_flags & MSG_TRUNC)
			continue;

		if (!sa_set_sa(&peer, hdr->msg_hdr.msg_name))
			receive(lsnr, &peer, batch->bufv[i], hdr->msg_len);
	}

	n = lsnr->transp && lsnr->lf.on ? n : 0;

	mem_deref(lsnr);
	mem_deref(batch);

	return n == BATCH;
}


static int error_of(struct msghdr *hdr)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {

		const bool v4 = cmsg->cmsg_level == IPPROTO_IP &&
			cmsg->cmsg_type == IP_RECVERR;
		const bool v6 = cmsg->cmsg_level == IPPROTO_IPV6 &&
			cmsg->cmsg_type == IPV6_RECVERR;
		struct sock_extended_err ee;

		if (!v4 && !v6)
			continue;

		memcpy(&ee, CMSG_DATA(cmsg), sizeof(ee));

		return ee.ee_origin == SO_EE_ORIGIN_LOCAL ? 0 :
			(int)ee.ee_errno;
	}

	return 0;
}


static void tell_error(struct listener *lsnr, const struct sa *peer, int err)
{
	struct flow *flow = dgram_find(lsnr->transp, lsnr, peer);

	if (!flow)
		return;

	flow_why_set(flow, "%m", err);
	flow_tell(flow, err);
}


/** One error of the queue. @return false if it is empty */
static bool read_error(struct listener *lsnr)
{
	struct sockaddr_storage dst;
	uint8_t control[256], data[1];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr hdr = {
		.msg_name = &dst, .msg_namelen = sizeof(dst),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct sa peer;
	int err;

	if (recvmsg(lsnr->fd, &hdr, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;

	err = error_of(&hdr);
	if (err && hdr.msg_namelen &&
	    !sa_set_sa(&peer, (struct sockaddr *)&dst))
		tell_error(lsnr, &peer, err);

	return lsnr->transp && lsnr->lf.on;
}


static void read_errors(struct listener *lsnr)
{
	int err = 0;
	socklen_t len = sizeof(err);

	(void)mem_ref(lsnr);

	for (int i = 0; i < ERRORS_MAX && read_error(lsnr); i++)
		;

	/* what else the socket has to say would wake us for ever */
	if (lsnr->lf.on)
		(void)getsockopt(lsnr->fd, SOL_SOCKET, SO_ERROR, &err, &len);

	mem_deref(lsnr);
}


static void socket_handler(int flags, void *arg)
{
	struct listener *lsnr = arg;
	struct cork *cork = mem_ref(lsnr->transp->cork);

	(void)mem_ref(lsnr);
	cork_in(cork);

	if (flags & FD_EXCEPT)
		read_errors(lsnr);

	for (int i = 0; i < BATCHES_MAX; i++)
		if (!lsnr->transp || !lsnr->lf.on || !receive_batch(lsnr))
			break;

	cork_out(cork);
	mem_deref(lsnr);
	mem_deref(cork);
}


int dgram_open(struct listener *lsnr)
{
	const int on = 1, size = RECEIVE_BUFFER;
	struct transp *transp = lsnr->transp;

	if (!transp->batch) {
		transp->batch = mem_alloc(sizeof(*transp->batch), NULL);
		if (!transp->batch)
			return ENOMEM;
	}

	/* beyond the system's limit where we may */
	if (setsockopt(lsnr->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
		       sizeof(size)))
		(void)setsockopt(lsnr->fd, SOL_SOCKET, SO_RCVBUF, &size,
				 sizeof(size));

	if (sa_af(&lsnr->laddr) == AF_INET6)
		(void)setsockopt(lsnr->fd, IPPROTO_IPV6, IPV6_RECVERR, &on,
				 sizeof(on));
	else
		(void)setsockopt(lsnr->fd, IPPROTO_IP, IP_RECVERR, &on,
				 sizeof(on));

	return loop_listen(&lsnr->lf, lsnr->fd, FD_READ, socket_handler,
			   lsnr);
}


static int send_once(const struct flow *flow, const void *p, size_t size)
{
	const ssize_t n = sendto(flow->lsnr->fd, p, size, MSG_NOSIGNAL,
				 &flow->peer.u.sa, flow->peer.len);

	return n < 0 ? errno : 0;
}


/** One datagram, whatever waits for the cork */
int dgram_send_now(const struct flow *flow, const void *p, size_t size)
{
	int err = send_once(flow, p, size);

	/* An ICMP error about another peer is reported once, on whatever
	   comes next, and stays in the queue for socket_handler() */
	if (err && err != EAGAIN && err != EMSGSIZE)
		err = send_once(flow, p, size);

	return err == EAGAIN || err == ENOBUFS ? 0 : err;
}


int dgram_send(struct flow *flow, struct mbuf *mb)
{
	cork_flush(flow->lsnr->transp->cork);

	return dgram_send_now(flow, mbuf_buf(mb), mbuf_get_left(mb));
}


/** Now, or when the cork is taken out */
int dgram_send_soon(struct flow *flow, struct mbuf *mb)
{
	if (cork_take(flow->lsnr->transp->cork, flow, mb))
		return 0;

	return dgram_send(flow, mb);
}
