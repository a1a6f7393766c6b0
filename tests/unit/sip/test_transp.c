/**
 * @file test_transp.c  Listeners and flows over UDP and TCP
 */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "loop.h"
#include "bridge/sip/trace.h"


enum { BUF_SIZE = 8192 };


struct pair {
	struct loop loop;
	struct side a, b;
};


/** What a watcher was told */
struct told {
	struct flow_watch watch;
	unsigned calls;
	unsigned ups;
	unsigned errors;
	int err;
};


static void told_handler(struct flow *flow, int err, void *arg)
{
	struct told *told = arg;

	(void)flow;
	++told->calls;
	if (err)
		++told->errors;
	else
		++told->ups;
	told->err = err;
}


static void pair_open(struct pair *pair, enum sip_transp tp)
{
	loop_open(&pair->loop);
	side_open(&pair->a, &pair->loop, tp, "127.0.72.1", NULL);
	side_open(&pair->b, &pair->loop, tp, "127.0.72.2", NULL);
}


static void pair_close(struct pair *pair)
{
	side_close(&pair->a);
	side_close(&pair->b);
	loop_end(&pair->loop);
}


static struct flow *open_flow(struct pair *pair)
{
	const struct target target = side_target(&pair->a, &pair->b);
	struct flow *flow;

	assert_int_equal(0, flow_get(&flow, pair->a.stack, &target));

	return flow;
}


static void send_text(struct flow *flow, const char *method,
		      const char *extra, const char *body)
{
	struct mbuf *mb = message(method, extra, body);

	assert_int_equal(0, flow_send(flow, mb, false));
	assert_int_equal(0, mb->pos);
	mem_deref(mb);
}


/** A socket of ours that knows nothing of SIP */
static int raw_socket(const struct side *side, int type)
{
	const struct sa *addr = listener_laddr(side->lsnr);
	struct sa from;
	int fd = socket(AF_INET, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(0, sa_set_str(&from, "127.0.72.9", 0));
	assert_int_equal(0, bind(fd, &from.u.sa, from.len));
	assert_int_equal(0, connect(fd, &addr->u.sa, addr->len));
	assert_int_equal(0, fcntl(fd, F_SETFL, O_NONBLOCK));

	return fd;
}


/** What a raw socket has read; ended by close or error */
struct raw {
	int fd;
	size_t size;
	bool closed;
	size_t wanted;
	char buf[BUF_SIZE];
};


static void raw_read(struct raw *raw)
{
	const ssize_t n = recv(raw->fd, raw->buf + raw->size,
			       sizeof(raw->buf) - 1 - raw->size, 0);

	if (n > 0)
		raw->size += (size_t)n;
	else if (!n || errno != EAGAIN)
		raw->closed = true;
	raw->buf[raw->size] = '\0';
}


static bool raw_has(void *arg)
{
	struct raw *raw = arg;

	raw_read(raw);

	return raw->size >= raw->wanted;
}


static bool raw_is_closed(void *arg)
{
	struct raw *raw = arg;

	raw_read(raw);

	return raw->closed;
}


static void raw_write(int fd, const char *text, size_t size)
{
	assert_int_equal(size, send(fd, text, size, MSG_NOSIGNAL));
}


static void datagram_goes_there_and_answer_back(void **state)
{
	struct pair pair;
	struct flow *flow;

	(void)state;

	pair_open(&pair, SIP_TRANSP_UDP);
	flow = open_flow(&pair);
	assert_true(flow_is_up(flow));
	assert_false(flow_is_inbound(flow));

	send_text(flow, "OPTIONS", "", "");
	loop_count(&pair.loop, &pair.b.requests, 1);

	assert_int_equal(SIP_TRANSP_UDP, pair.b.last->tp);
	assert_true(sa_cmp(listener_laddr(pair.a.lsnr), &pair.b.last->src,
			   SA_ALL));
	assert_true(sa_cmp(listener_laddr(pair.b.lsnr), &pair.b.last->dst,
			   SA_ALL));
	assert_true(flow_is_inbound(msg_flow(pair.b.last)));

	mem_deref(flow);
	pair_close(&pair);
}


/** DSCP CS3 (RFC 4594 section 4.2), as the other end sees it */
static void signalling_is_marked(void **state)
{
	struct pair pair;
	struct target target;
	struct flow *flow;
	struct pollfd pfd;
	const int on = 1;
	char data[BUF_SIZE], ctl[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = ctl,
			      .msg_controllen = sizeof(ctl) };
	struct sa sa;

	(void)state;

	pair_open(&pair, SIP_TRANSP_UDP);
	pfd.fd = socket(AF_INET, SOCK_DGRAM, 0);
	pfd.events = POLLIN;
	assert_int_equal(0, sa_set_str(&sa, "127.0.72.9", 0));
	assert_int_equal(0, bind(pfd.fd, &sa.u.sa, sa.len));
	assert_int_equal(0, getsockname(pfd.fd, &sa.u.sa, &sa.len));
	assert_int_equal(0, setsockopt(pfd.fd, IPPROTO_IP, IP_RECVTOS, &on,
				       sizeof(on)));

	target = side_target(&pair.a, &pair.b);
	target.addr = sa;
	assert_int_equal(0, flow_get(&flow, pair.a.stack, &target));
	send_text(flow, "OPTIONS", "", "");

	assert_int_equal(1, poll(&pfd, 1, 20000));
	assert_true(recvmsg(pfd.fd, &msg, 0) > 0);
	assert_non_null(CMSG_FIRSTHDR(&msg));
	assert_int_equal(IP_TOS, CMSG_FIRSTHDR(&msg)->cmsg_type);
	assert_int_equal(24 << 2, *CMSG_DATA(CMSG_FIRSTHDR(&msg)));

	(void)close(pfd.fd);
	mem_deref(flow);
	pair_close(&pair);
}


static void flow_is_one_address_and_port(void **state)
{
	struct pair pair;
	struct flow *one, *same, *other;
	struct target target;

	(void)state;

	pair_open(&pair, SIP_TRANSP_UDP);
	one    = open_flow(&pair);
	same   = open_flow(&pair);
	target = side_target(&pair.a, &pair.b);
	sa_set_port(&target.addr, (uint16_t)(sa_port(&target.addr) ^ 1));
	assert_int_equal(0, flow_get(&other, pair.a.stack, &target));

	assert_ptr_equal(one, same);
	assert_ptr_not_equal(one, other);
	assert_true(sa_cmp(&target.addr, flow_peer(other), SA_ALL));

	mem_deref(one);
	mem_deref(same);
	mem_deref(other);
	pair_close(&pair);
}


static void many_datagrams_at_once(void **state)
{
	struct pair pair;
	struct flow *flow;

	(void)state;

	pair_open(&pair, SIP_TRANSP_UDP);
	flow = open_flow(&pair);

	for (unsigned i = 0; i < 200; i++)
		send_text(flow, "OPTIONS", "", "");
	loop_count(&pair.loop, &pair.b.requests, 200);

	mem_deref(flow);
	pair_close(&pair);
}


static void datagram_has_a_limit_only_when_asked(void **state)
{
	struct pair pair;
	struct flow *flow;
	char body[1400];
	struct mbuf *mb;

	(void)state;

	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';

	pair_open(&pair, SIP_TRANSP_UDP);
	flow = open_flow(&pair);
	mb = message("OPTIONS", "", body);

	assert_int_equal(EMSGSIZE, flow_send(flow, mb, true));
	assert_int_equal(0, flow_send(flow, mb, false));
	loop_count(&pair.loop, &pair.b.requests, 1);
	assert_int_equal(sizeof(body) - 1, mbuf_get_left(pair.b.last->mb));

	mem_deref(mb);
	mem_deref(flow);
	pair_close(&pair);
}


static void dead_datagram_peer_is_told_to_its_watchers_only(void **state)
{
	struct pair pair;
	struct flow *dead, *alive;
	struct told told_dead, told_alive;
	struct target target;

	(void)state;

	memset(&told_dead, 0, sizeof(told_dead));
	memset(&told_alive, 0, sizeof(told_alive));

	pair_open(&pair, SIP_TRANSP_UDP);
	alive  = open_flow(&pair);
	target = side_target(&pair.a, &pair.b);
	assert_int_equal(0, sa_set_str(&target.addr, "127.0.72.3", 9));
	assert_int_equal(0, flow_get(&dead, pair.a.stack, &target));

	flow_watch(&told_dead.watch, dead, told_handler, &told_dead);
	flow_watch(&told_alive.watch, alive, told_handler, &told_alive);

	send_text(dead, "OPTIONS", "", "");
	send_text(alive, "OPTIONS", "", "");
	loop_count(&pair.loop, &told_dead.errors, 1);
	loop_count(&pair.loop, &pair.b.requests, 1);

	assert_int_equal(ECONNREFUSED, told_dead.err);
	assert_int_equal(0, told_alive.calls);

	/* and again: a datagram flow does not close */
	assert_true(flow_is_up(dead));
	send_text(dead, "OPTIONS", "", "");
	loop_count(&pair.loop, &told_dead.errors, 2);

	flow_unwatch(&told_dead.watch);
	flow_unwatch(&told_alive.watch);
	mem_deref(dead);
	mem_deref(alive);
	pair_close(&pair);
}


static void stranger_is_not_read(void **state)
{
	struct pair pair;
	struct flow *flow;
	int fd;
	struct mbuf *mb;

	(void)state;

	pair_open(&pair, SIP_TRANSP_UDP);
	pair.b.refuses = true;
	flow = open_flow(&pair);
	fd = raw_socket(&pair.b, SOCK_DGRAM);

	mb = message("OPTIONS", "", "");
	raw_write(fd, (char *)mb->buf, mb->end);
	mem_deref(mb);
	loop_count(&pair.loop, &pair.b.asked, 1);

	/* but one we have spoken to ourselves is not even asked about */
	mem_deref(flow);
	{
		const struct target target = side_target(&pair.b, &pair.a);
		const unsigned asked = pair.b.asked;

		assert_int_equal(0, flow_get(&flow, pair.b.stack, &target));
		{
			struct flow *back = open_flow(&pair);

			send_text(back, "OPTIONS", "", "");
			loop_count(&pair.loop, &pair.b.requests, 1);
			mem_deref(back);
		}
		assert_int_equal(asked, pair.b.asked);
		mem_deref(flow);
	}

	assert_int_equal(1, pair.b.requests);
	(void)close(fd);
	pair_close(&pair);
}


static bool raw_has_second(void *arg)
{
	struct raw *raw = arg;

	raw_read(raw);

	return strstr(raw->buf, "Call-ID: second\r\n");
}


static size_t write_bad(int fd, const char *callid, const char *pad)
{
	char text[1024];
	const int l = snprintf(text, sizeof(text),
		"OPTIONS sip:a@x SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.72.9;branch=z9hG4bK1;rport\r\n"
		"From: <sip:b@x>;tag=1\r\nTo: <sip:a@x>\r\n"
		"Call-ID: %s\r\nCSeq: 7 INVITE\r\nSubject: %s\r\n\r\n",
		callid, pad);

	raw_write(fd, text, (size_t)l);

	return (size_t)l;
}


static void refused_datagram_is_answered_once_and_never_longer(void **state)
{
	struct pair pair;
	struct raw raw = {.fd = -1};
	char pad[201];
	size_t l;

	(void)state;

	memset(pad, 'y', 200);
	pad[200] = '\0';

	pair_open(&pair, SIP_TRANSP_UDP);
	raw.fd = raw_socket(&pair.b, SOCK_DGRAM);

	/* an answer to the first would be longer than it: silence */
	(void)write_bad(raw.fd, "first", "");
	l = write_bad(raw.fd, "second", pad);

	loop_until(&pair.loop, raw_has_second, &raw);
	assert_null(strstr(raw.buf, "first"));
	assert_true(raw.size <= l);
	assert_int_equal(0, strncmp(raw.buf, "SIP/2.0 400 ", 12));
	assert_non_null(strstr(raw.buf, ";received=127.0.72.9"));
	assert_non_null(strstr(raw.buf, ";rport="));
	assert_int_equal(0, pair.b.requests);

	(void)close(raw.fd);
	pair_close(&pair);
}


static void message_waits_until_the_connection_is_up(void **state)
{
	struct pair pair;
	struct told told;
	struct flow *flow;

	(void)state;

	memset(&told, 0, sizeof(told));
	pair_open(&pair, SIP_TRANSP_TCP);
	flow = open_flow(&pair);
	assert_false(flow_is_up(flow));
	flow_watch(&told.watch, flow, told_handler, &told);

	send_text(flow, "OPTIONS", "", "");
	send_text(flow, "OPTIONS", "", "a body");
	assert_int_equal(0, told.calls);

	loop_count(&pair.loop, &pair.b.requests, 2);
	assert_int_equal(1, told.ups);
	assert_int_equal(0, told.errors);
	assert_true(flow_is_up(flow));

	/* the same for everything to that peer, unless asked for alone */
	{
		struct flow *again = open_flow(&pair), *other;
		struct target target = side_target(&pair.a, &pair.b);

		assert_ptr_equal(flow, again);
		target.alone = true;
		assert_int_equal(0, flow_get(&other, pair.a.stack, &target));
		assert_ptr_not_equal(flow, other);
		mem_deref(again);
		mem_deref(other);
	}

	/* the other side can use it as well, until it closes */
	{
		struct flow *in = msg_flow(pair.b.last);

		assert_true(flow_is_inbound(in));
		send_text(in, "OPTIONS", "", "");
		loop_count(&pair.loop, &pair.a.requests, 1);

		flow_close(in);
		loop_count(&pair.loop, &told.errors, 1);
		assert_int_equal(ECONNRESET, told.err);
		assert_string_equal("connection closed by the peer",
				    flow_why(flow));
		assert_false(flow_is_up(flow));
	}

	flow_unwatch(&told.watch);
	mem_deref(flow);
	pair_close(&pair);
}


static void refused_connection_says_so_later(void **state)
{
	struct pair pair;
	struct told told;
	struct flow *flow;
	struct target target;

	(void)state;

	memset(&told, 0, sizeof(told));
	pair_open(&pair, SIP_TRANSP_TCP);
	target = side_target(&pair.a, &pair.b);
	assert_int_equal(0, sa_set_str(&target.addr, "127.0.72.3", 9));
	assert_int_equal(0, flow_get(&flow, pair.a.stack, &target));
	flow_watch(&told.watch, flow, told_handler, &told);

	assert_int_equal(0, told.calls);
	loop_count(&pair.loop, &told.errors, 1);
	assert_int_equal(ECONNREFUSED, told.err);
	assert_string_equal("connection refused", flow_why(flow));

	mem_deref(flow);
	pair_close(&pair);
}


static void our_own_close_is_told_from_the_loop(void **state)
{
	struct pair pair;
	struct told told, late;
	struct flow *flow;
	struct mbuf *mb;

	(void)state;

	memset(&told, 0, sizeof(told));
	memset(&late, 0, sizeof(late));
	pair_open(&pair, SIP_TRANSP_TCP);
	flow = open_flow(&pair);
	flow_watch(&told.watch, flow, told_handler, &told);

	flow_close(flow);
	assert_int_equal(0, told.calls);
	flow_watch(&late.watch, flow, told_handler, &late);
	loop_count(&pair.loop, &told.errors, 1);
	loop_count(&pair.loop, &late.errors, 1);
	assert_int_equal(ECONNABORTED, told.err);

	mb = message("OPTIONS", "", "");
	assert_int_equal(ENOTCONN, flow_send(flow, mb, false));
	mem_deref(mb);

	mem_deref(flow);
	pair_close(&pair);
}


static void stream_comes_octet_by_octet(void **state)
{
	struct pair pair;
	struct raw raw = {.wanted = 1};
	struct mbuf *mb;

	(void)state;

	pair_open(&pair, SIP_TRANSP_TCP);
	raw.fd = raw_socket(&pair.b, SOCK_STREAM);

	for (unsigned i = 0; i < 2; i++) {

		mb = message("OPTIONS", "", "with a body");
		for (size_t n = 0; n < mb->end; n++) {
			raw_write(raw.fd, (char *)mb->buf + n, 1);
			if (n % 16 == 0)
				loop_count(&pair.loop, &pair.b.requests, 0);
		}
		mem_deref(mb);
		loop_count(&pair.loop, &pair.b.requests, i + 1);
	}

	loop_until(&pair.loop, raw_has, &raw);
	assert_int_equal(0, strncmp(raw.buf, "SIP/2.0 200 OK\r\n", 16));

	(void)close(raw.fd);
	pair_close(&pair);
}


static void ping_is_answered_with_pong(void **state)
{
	struct pair pair;
	struct raw raw = {.wanted = 2};

	(void)state;

	pair_open(&pair, SIP_TRANSP_TCP);
	raw.fd = raw_socket(&pair.b, SOCK_STREAM);

	raw_write(raw.fd, "\r\n", 2);
	loop_count(&pair.loop, &pair.b.requests, 0);
	raw_write(raw.fd, "\r\n", 2);
	loop_until(&pair.loop, raw_has, &raw);
	assert_int_equal(2, raw.size);
	assert_memory_equal("\r\n", raw.buf, 2);

	(void)close(raw.fd);
	pair_close(&pair);
}


static void silent_peer_is_found_by_keepalive(void **state)
{
	struct pair pair;
	struct told told;
	struct flow *flow;
	struct target target;
	struct sa laddr;
	struct raw raw = {.fd = -1, .wanted = 4};
	int lfd;

	(void)state;

	memset(&told, 0, sizeof(told));
	pair_open(&pair, SIP_TRANSP_TCP);

	/* a peer that accepts and says nothing */
	lfd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(0, sa_set_str(&laddr, "127.0.72.4", 0));
	assert_int_equal(0, bind(lfd, &laddr.u.sa, laddr.len));
	assert_int_equal(0, listen(lfd, 1));
	target = side_target(&pair.a, &pair.b);
	laddr.len = sizeof(laddr.u);
	assert_int_equal(0, getsockname(lfd, &laddr.u.sa, &laddr.len));
	target.addr = laddr;

	assert_int_equal(0, flow_get(&flow, pair.a.stack, &target));
	flow_watch(&told.watch, flow, told_handler, &told);
	loop_count(&pair.loop, &told.ups, 1);
	assert_int_equal(0, flow_keepalive(flow, 30, true));

	raw.fd = accept(lfd, NULL, NULL);
	assert_int_equal(0, fcntl(raw.fd, F_SETFL, O_NONBLOCK));

	loop_speed(&pair.loop, 200);
	loop_until(&pair.loop, raw_has, &raw);
	assert_memory_equal("\r\n\r\n", raw.buf, 4);

	loop_count(&pair.loop, &told.errors, 1);
	assert_int_equal(ETIMEDOUT, told.err);
	assert_string_equal("no answer to a keepalive", flow_why(flow));

	(void)close(raw.fd);
	(void)close(lfd);
	mem_deref(flow);
	pair_close(&pair);
}


static void answering_peer_stays(void **state)
{
	struct pair pair;
	struct told told;
	struct flow *flow;
	uint64_t end;

	(void)state;

	memset(&told, 0, sizeof(told));
	pair_open(&pair, SIP_TRANSP_TCP);
	flow = open_flow(&pair);
	flow_watch(&told.watch, flow, told_handler, &told);
	loop_count(&pair.loop, &told.ups, 1);
	assert_int_equal(0, flow_keepalive(flow, 25, true));

	/* ten minutes: far beyond a lost pong and the idle limit */
	loop_speed(&pair.loop, 500);
	end = wheel_now(pair.loop.wheel) + 600000;
	while (wheel_now(pair.loop.wheel) < end)
		loop_count(&pair.loop, &pair.b.requests, 0);

	assert_int_equal(0, told.errors);
	assert_true(flow_is_up(flow));

	flow_unwatch(&told.watch);
	mem_deref(flow);
	pair_close(&pair);
}


static void slow_sender_is_cut_off(void **state)
{
	static const char head[] = "OPTIONS sip:a@x SIP/2.0\r\nTo: ";
	static const char whole[] = "OPTIONS sip:a@x SIP/2.0\r\n"
		"Content-Length: 10\r\n\r\n1234";
	struct pair pair;
	struct raw slow = {.fd = -1}, body = {.fd = -1};
	uint64_t began;

	(void)state;

	pair_open(&pair, SIP_TRANSP_TCP);
	slow.fd = raw_socket(&pair.b, SOCK_STREAM);
	body.fd = raw_socket(&pair.b, SOCK_STREAM);
	raw_write(slow.fd, head, sizeof(head) - 1);
	raw_write(body.fd, whole, sizeof(whole) - 1);
	loop_count(&pair.loop, &pair.b.asked, 2);

	loop_speed(&pair.loop, 50);
	began = wheel_now(pair.loop.wheel);
	loop_until(&pair.loop, raw_is_closed, &slow);
	assert_in_range(wheel_now(pair.loop.wheel) - began, 4000, 8500);
	assert_false(body.closed);
	loop_until(&pair.loop, raw_is_closed, &body);
	assert_in_range(wheel_now(pair.loop.wheel) - began, 9000, 14000);

	(void)close(slow.fd);
	(void)close(body.fd);
	pair_close(&pair);
}


static void idle_connection_is_closed(void **state)
{
	struct pair pair;
	struct raw raw = {.fd = -1};
	uint64_t began;

	(void)state;

	pair_open(&pair, SIP_TRANSP_TCP);
	raw.fd = raw_socket(&pair.b, SOCK_STREAM);
	loop_count(&pair.loop, &pair.b.asked, 1);

	loop_speed(&pair.loop, 1000);
	began = wheel_now(pair.loop.wheel);
	loop_until(&pair.loop, raw_is_closed, &raw);
	assert_in_range(wheel_now(pair.loop.wheel) - began, 115000, 200000);

	(void)close(raw.fd);
	pair_close(&pair);
}


static void nonsense_and_oversize_close_the_stream(void **state)
{
	static const char *const textv[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"OPTIONS sip:a SIP/2.0\r\nA: b\r\n\r\n",
		"OPTIONS sip:a SIP/2.0\r\nl: 99999\r\n\r\n",
		"OPTIONS sip:a SIP/2.0\r\nl: 0\r\nl: 0\r\n\r\n",
	};
	struct pair pair;

	(void)state;

	pair_open(&pair, SIP_TRANSP_TCP);

	for (size_t i = 0; i < sizeof(textv) / sizeof(textv[0]); i++) {

		struct raw raw = {.fd = raw_socket(&pair.b, SOCK_STREAM)};

		raw_write(raw.fd, textv[i], strlen(textv[i]));
		loop_until(&pair.loop, raw_is_closed, &raw);
		(void)close(raw.fd);
	}

	assert_int_equal(0, pair.b.requests);
	pair_close(&pair);
}


static void one_source_gets_twenty_connections(void **state)
{
	struct pair pair;
	struct raw raw[21];

	(void)state;

	memset(raw, 0, sizeof(raw));
	pair_open(&pair, SIP_TRANSP_TCP);

	for (unsigned i = 0; i < 21; i++)
		raw[i].fd = raw_socket(&pair.b, SOCK_STREAM);

	loop_until(&pair.loop, raw_is_closed, &raw[20]);
	for (unsigned i = 0; i < 20; i++) {
		raw_read(&raw[i]);
		assert_false(raw[i].closed);
	}

	/* others are as welcome as before */
	{
		struct flow *flow = open_flow(&pair);

		send_text(flow, "OPTIONS", "", "");
		loop_count(&pair.loop, &pair.b.requests, 1);
		mem_deref(flow);
	}

	for (unsigned i = 0; i < 21; i++)
		(void)close(raw[i].fd);
	pair_close(&pair);
}


static void stranger_connection_is_closed_unread(void **state)
{
	struct pair pair;
	struct raw raw;

	(void)state;

	memset(&raw, 0, sizeof(raw));
	pair_open(&pair, SIP_TRANSP_TCP);
	pair.b.refuses = true;
	raw.fd = raw_socket(&pair.b, SOCK_STREAM);
	loop_until(&pair.loop, raw_is_closed, &raw);
	assert_int_equal(1, pair.b.asked);

	(void)close(raw.fd);
	pair_close(&pair);
}


/** Watchers that drop others, and themselves, while they are told */
struct dropper {
	struct flow_watch watch;
	struct flow_watch *other;
	unsigned calls;
};


static void drop_handler(struct flow *flow, int err, void *arg)
{
	struct dropper *dropper = arg;

	(void)flow;
	(void)err;
	++dropper->calls;
	flow_unwatch(dropper->other);
	flow_unwatch(&dropper->watch);
}


static void watcher_may_drop_the_others(void **state)
{
	struct pair pair;
	struct dropper first = {.calls = 0}, second = {.calls = 0};
	struct flow *flow;
	struct told last;

	(void)state;

	memset(&last, 0, sizeof(last));
	pair_open(&pair, SIP_TRANSP_TCP);
	flow = open_flow(&pair);
	first.other  = &second.watch;
	second.other = &first.watch;
	flow_watch(&first.watch, flow, drop_handler, &first);
	flow_watch(&second.watch, flow, drop_handler, &second);
	flow_watch(&last.watch, flow, told_handler, &last);
	mem_deref(flow);

	loop_count(&pair.loop, &last.ups, 1);
	assert_int_equal(1, first.calls);
	assert_int_equal(0, second.calls);

	flow_unwatch(&last.watch);
	pair_close(&pair);
}


static void listener_may_go_before_its_flows(void **state)
{
	struct pair pair;
	struct flow *udp, *tcp;
	struct told told;
	struct mbuf *mb = message("OPTIONS", "", "");

	(void)state;

	memset(&told, 0, sizeof(told));
	pair_open(&pair, SIP_TRANSP_UDP);
	udp = open_flow(&pair);
	pair.a.lsnr = mem_deref(pair.a.lsnr);
	assert_int_equal(ENOTCONN, flow_send(udp, mb, false));
	assert_null(flow_listener(udp));
	mem_deref(udp);
	pair_close(&pair);

	pair_open(&pair, SIP_TRANSP_TCP);
	tcp = open_flow(&pair);
	flow_watch(&told.watch, tcp, told_handler, &told);
	pair.a.lsnr = mem_deref(pair.a.lsnr);
	loop_count(&pair.loop, &told.errors, 1);
	assert_int_equal(ENOTCONN, flow_send(tcp, mb, false));
	mem_deref(tcp);
	pair_close(&pair);

	mem_deref(mb);
}


static void sentby_is_ours_to_choose(void **state)
{
	struct loop loop;
	struct side side;
	struct listener *named, *six;
	struct listener_conf conf = {
		.name = "teams", .tp = SIP_TRANSP_TCP,
		.host = "sbc.example.com", .port = 5061,
	};
	char text[128];

	(void)state;

	loop_open(&loop);
	side_open(&side, &loop, SIP_TRANSP_UDP, "127.0.72.1", NULL);
	assert_int_equal(0, sa_set_str(&conf.laddr, "127.0.72.1", 0));
	assert_int_equal(0, listener_alloc(&named, side.stack, &conf));

	(void)re_snprintf(text, sizeof(text), "%H", listener_sentby, named);
	assert_string_equal("sbc.example.com:5061", text);

	conf.host = NULL;
	assert_int_equal(0, sa_set_str(&conf.laddr, "::1", 0));
	assert_int_equal(0, listener_alloc(&six, side.stack, &conf));
	(void)re_snprintf(text, sizeof(text), "%H", listener_sentby, six);
	assert_string_equal("[::1]:5061", text);

	mem_deref(named);
	mem_deref(six);
	side_close(&side);
	loop_end(&loop);
}


static void version_six_works(void **state)
{
	struct pair pair;
	struct flow *flow;

	(void)state;

	for (int tp = SIP_TRANSP_UDP; tp <= SIP_TRANSP_TCP; tp++) {

		loop_open(&pair.loop);
		side_open(&pair.a, &pair.loop, (enum sip_transp)tp, "::1",
			  NULL);
		side_open(&pair.b, &pair.loop, (enum sip_transp)tp, "::1",
			  NULL);
		flow = open_flow(&pair);
		send_text(flow, "OPTIONS", "", "");
		loop_count(&pair.loop, &pair.b.requests, 1);
		mem_deref(flow);
		pair_close(&pair);
	}
}


static void listener_on_any_address_sends_and_receives(void **state)
{
	struct pair pair;
	struct flow *flow;
	struct target target;

	(void)state;

	for (int tp = SIP_TRANSP_UDP; tp <= SIP_TRANSP_TCP; tp++) {

		loop_open(&pair.loop);
		side_open(&pair.a, &pair.loop, (enum sip_transp)tp,
			  "0.0.0.0", NULL);
		side_open(&pair.b, &pair.loop, (enum sip_transp)tp,
			  "0.0.0.0", NULL);
		target = side_target(&pair.a, &pair.b);
		assert_int_equal(0, sa_set_str(&target.addr, "127.0.72.2",
			sa_port(listener_laddr(pair.b.lsnr))));
		assert_int_equal(0, flow_get(&flow, pair.a.stack, &target));
		send_text(flow, "OPTIONS", "", "");
		loop_count(&pair.loop, &pair.b.requests, 1);
		mem_deref(flow);
		pair_close(&pair);
	}
}


static int count_handler(const struct trace_msg *msg, void *arg)
{
	unsigned *counts = arg;

	++counts[msg->tx];

	return 0;
}


static void every_message_passes_the_trace(void **state)
{
	struct pair pair;
	struct trace *trace;
	struct flow *flow;
	unsigned counts[2] = {0, 0};
	char callid[128];

	(void)state;

	pair_open(&pair, SIP_TRANSP_TCP);
	assert_int_equal(0, trace_alloc(&trace, 1 << 20));
	stack_trace_set(pair.b.stack, trace);
	flow = open_flow(&pair);
	send_text(flow, "OPTIONS", "", "");
	loop_count(&pair.loop, &pair.b.requests, 1);

	(void)pl_strcpy(&pair.b.last->callid, callid, sizeof(callid));
	assert_int_equal(0, trace_apply(trace, callid, count_handler,
					counts));
	assert_int_equal(1, counts[0]);
	assert_int_equal(1, counts[1]);

	mem_deref(flow);
	pair_close(&pair);
	mem_deref(trace);
}


static int setup(void **state)
{
	(void)state;

	return libre_init();
}


static int teardown(void **state)
{
	(void)state;
	libre_close();

	return 0;
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagram_goes_there_and_answer_back),
		cmocka_unit_test(signalling_is_marked),
		cmocka_unit_test(flow_is_one_address_and_port),
		cmocka_unit_test(many_datagrams_at_once),
		cmocka_unit_test(datagram_has_a_limit_only_when_asked),
		cmocka_unit_test(
			dead_datagram_peer_is_told_to_its_watchers_only),
		cmocka_unit_test(stranger_is_not_read),
		cmocka_unit_test(
			refused_datagram_is_answered_once_and_never_longer),
		cmocka_unit_test(message_waits_until_the_connection_is_up),
		cmocka_unit_test(refused_connection_says_so_later),
		cmocka_unit_test(our_own_close_is_told_from_the_loop),
		cmocka_unit_test(stream_comes_octet_by_octet),
		cmocka_unit_test(ping_is_answered_with_pong),
		cmocka_unit_test(silent_peer_is_found_by_keepalive),
		cmocka_unit_test(answering_peer_stays),
		cmocka_unit_test(slow_sender_is_cut_off),
		cmocka_unit_test(idle_connection_is_closed),
		cmocka_unit_test(nonsense_and_oversize_close_the_stream),
		cmocka_unit_test(one_source_gets_twenty_connections),
		cmocka_unit_test(stranger_connection_is_closed_unread),
		cmocka_unit_test(watcher_may_drop_the_others),
		cmocka_unit_test(listener_may_go_before_its_flows),
		cmocka_unit_test(sentby_is_ours_to_choose),
		cmocka_unit_test(version_six_works),
		cmocka_unit_test(listener_on_any_address_sends_and_receives),
		cmocka_unit_test(every_message_passes_the_trace),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
