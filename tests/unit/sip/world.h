/**
 * @file world.h  A stack, a peer written by hand, and a time of our own
 *
 * The stack listens on 127.0.73.1. The peer is a plain UDP socket on
 * 127.0.73.2 that says what the test writes and nothing else. Time passes
 * only in world_advance(), so that half a minute of retransmissions takes
 * no time and each can be counted. A datagram on loopback is in the
 * receiver's queue when send(2) returns: what was sent is there to be read.
 */
#ifndef TESTS_SIP_WORLD_H
#define TESTS_SIP_WORLD_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <unistd.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/base/wheel.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/transp.h"


struct world {
	struct wheel *wheel;
	struct stack *stack;
	struct listener *lsnr;     /* UDP */
	uint64_t now_ms;
	int peer;                  /* UDP socket of 127.0.73.2 */
	struct sa peer_addr;
};


static inline void world_stop(void *arg)
{
	(void)arg;

	re_cancel();
}


/** Let the stack read all that was sent to it */
static inline void world_pump(struct world *w)
{
	struct tmr tmr;

	tmr_init(&tmr);
	tmr_start(&tmr, 2, world_stop, NULL);
	assert_int_equal(0, re_main(NULL));
	tmr_cancel(&tmr);
	wheel_advance(w->wheel, w->now_ms);
}


/** Let time pass, in steps that no timer notices */
static inline void world_advance(struct world *w, uint32_t ms)
{
	const uint64_t end = w->now_ms + ms;

	while (w->now_ms < end) {
		++w->now_ms;
		wheel_advance(w->wheel, w->now_ms);
	}
	world_pump(w);
}


static inline int world_socket(struct sa *addr, const char *host)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd;

	assert_int_equal(1, inet_pton(AF_INET, host, &sin.sin_addr));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(0, bind(fd, (struct sockaddr *)&sin, sizeof(sin)));
	assert_int_equal(0, getsockname(fd, (struct sockaddr *)&sin, &len));
	assert_int_equal(0, sa_set_sa(addr, (struct sockaddr *)&sin));

	return fd;
}


static inline void world_open(struct world *w)
{
	struct stack_conf conf = { .software = "Test/1" };
	struct listener_conf lconf = { .name = "test", .tp = SIP_TRANSP_UDP };

	memset(w, 0, sizeof(*w));
	w->now_ms = 1000;
	assert_int_equal(0, wheel_alloc(&w->wheel, w->now_ms));
	conf.wheel = w->wheel;
	assert_int_equal(0, stack_alloc(&w->stack, &conf));
	assert_int_equal(0, sa_set_str(&lconf.laddr, "127.0.73.1", 0));
	assert_int_equal(0, listener_alloc(&w->lsnr, w->stack, &lconf));
	w->peer = world_socket(&w->peer_addr, "127.0.73.2");
}


static inline void world_close(struct world *w)
{
	close(w->peer);
	mem_deref(w->lsnr);
	mem_deref(w->stack);
	mem_deref(w->wheel);
}


/** The way from the stack to the peer */
static inline struct flow *world_flow(struct world *w)
{
	const struct target target = {
		.tp = SIP_TRANSP_UDP, .addr = w->peer_addr, .lsnr = w->lsnr,
	};
	struct flow *flow;

	assert_int_equal(0, flow_get(&flow, w->stack, &target));

	return flow;
}


/** What came next on a socket, decoded; NULL: nothing */
static inline struct sip_msg *world_read_fd(int fd)
{
	struct mbuf *mb = mbuf_alloc(65536);
	struct sip_msg *msg = NULL;
	ssize_t n;

	assert_non_null(mb);
	n = recv(fd, mb->buf, mb->size, 0);
	if (n > 0) {
		mb->end = (size_t)n;
		assert_int_equal(0, sip_msg_decode(&msg, mb));
	}
	mem_deref(mb);

	return msg;
}


static inline struct sip_msg *world_read(struct world *w)
{
	return world_read_fd(w->peer);
}


/** What came next, which must be that request or a response of that code */
static inline struct sip_msg *world_expect(struct world *w, const char *what)
{
	struct sip_msg *msg = world_read(w);

	if (!msg)
		fail_msg("wanted %s, nothing came", what);
	if (msg->req)
		assert_int_equal(0, pl_strcmp(&msg->met, what));
	else
		assert_int_equal(msg->scode, atoi(what));

	return msg;
}


/** The same, when only its coming counts */
static inline void world_expect_skip(struct world *w, const char *what)
{
	mem_deref(world_expect(w, what));
}


static inline void world_expect_nothing(struct world *w)
{
	struct sip_msg *msg = world_read(w);

	if (msg)
		fail_msg("wanted nothing, came %.*s%u", (int)msg->met.l,
			 msg->met.p ? msg->met.p : "", msg->scode);
}


/** Read and count all that came */
static inline unsigned world_count(struct world *w)
{
	struct sip_msg *msg;
	unsigned n = 0;

	while ((msg = world_read(w))) {
		mem_deref(msg);
		++n;
	}

	return n;
}


static inline void world_say_fd(struct world *w, int fd, const char *text,
				size_t size)
{
	const struct sa *addr = listener_laddr(w->lsnr);

	assert_int_equal(size, sendto(fd, text, size, 0, &addr->u.sa,
				      addr->len));
	world_pump(w);
}


/** The peer says what re_printf() makes of it */
static inline void world_say(struct world *w, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	assert_int_equal(0, re_vsdprintf(&text, fmt, ap));
	va_end(ap);
	world_say_fd(w, w->peer, text, strlen(text));
	mem_deref(text);
}


/**
 * The text of an answer to a request of the stack
 *
 * @param tag   To-tag, NULL: none
 * @param more  Further headers, each with CRLF; may be ""
 */
static __attribute__((noinline, unused))
char *world_answer_text(const struct sip_msg *req, uint16_t scode,
			const char *tag, const char *more)
{
	char *text = NULL;

	assert_int_equal(0, re_sdprintf(&text,
		"SIP/2.0 %u Reason\r\nVia: %r\r\nFrom: %r\r\nTo: %r%s%s\r\n"
		"Call-ID: %r\r\nCSeq: %u %r\r\n%sContent-Length: 0\r\n\r\n",
		scode, &req->via.val, &req->from.val, &req->to.val,
		tag ? ";tag=" : "", tag ? tag : "", &req->callid,
		req->cseq.num, &req->cseq.met, more));

	return text;
}


static inline void world_answer(struct world *w, const struct sip_msg *req,
				uint16_t scode, const char *tag,
				const char *more)
{
	char *text = world_answer_text(req, scode, tag, more);

	world_say_fd(w, w->peer, text, strlen(text));
	mem_deref(text);
}


static inline struct pl world_header(const struct sip_msg *msg,
				     enum sip_hdrid id)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, id);

	return hdr ? hdr->val : pl_null;
}


#define assert_pl_equal(pl, str) do {					\
		char buf_[1024];					\
		assert_int_equal(0, pl_strcpy((pl), buf_, sizeof(buf_)));\
		assert_string_equal(buf_, (str));			\
	} while (0)


static inline int world_setup(void **state)
{
	(void)state;

	return libre_init();
}


static inline int world_teardown(void **state)
{
	(void)state;

	libre_close();
	return 0;
}

#endif
