/**
 * @file test_cork.c  Datagrams that leave together
 */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include "loop.h"
#include "bridge/sip/flow.h"


enum { BUF_SIZE = 65536, MANY = 70 };


struct world {
	struct loop loop;
	struct side side;
	struct flow *flow;         /* to the peer                          */
	int fd;                    /* the peer's socket                    */
};


static void told_handler(struct flow *flow, int err, void *arg)
{
	(void)flow;
	*(int *)arg = err;
}


static struct flow *open_flow(struct world *world, const struct sa *peer)
{
	const struct target target = {
		.tp = SIP_TRANSP_UDP, .lsnr = world->side.lsnr, .addr = *peer,
	};
	struct flow *flow;

	assert_int_equal(0, flow_get(&flow, world->side.stack, &target));

	return flow;
}


static void world_open(struct world *world)
{
	struct sa sa;

	loop_open(&world->loop);
	side_open(&world->side, &world->loop, SIP_TRANSP_UDP, "127.0.72.1",
		  NULL);

	world->fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(world->fd >= 0);
	assert_int_equal(0, sa_set_str(&sa, "127.0.72.9", 0));
	assert_int_equal(0, bind(world->fd, &sa.u.sa, sa.len));
	assert_int_equal(0, getsockname(world->fd, &sa.u.sa, &sa.len));
	assert_int_equal(0, fcntl(world->fd, F_SETFL, O_NONBLOCK));
	world->flow = open_flow(world, &sa);
}


static void world_close(struct world *world)
{
	(void)close(world->fd);
	mem_deref(world->flow);
	side_close(&world->side);
	loop_end(&world->loop);
}


/** Send it as what may wait; what was sent is appended to `all` */
static void soon(struct flow *flow, const char *extra, struct mbuf *all)
{
	struct mbuf *mb = message("OPTIONS", extra, "");

	assert_int_equal(0, flow_send_soon(flow, mb, false));
	assert_int_equal(0, mb->pos);
	if (all)
		assert_int_equal(0, mbuf_write_mem(all, mb->buf, mb->end));
	mem_deref(mb);
}


static bool is_empty(const struct world *world)
{
	char c;

	return recv(world->fd, &c, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}


/** One datagram, that must come */
static size_t receive(const struct world *world, char *buf)
{
	struct pollfd pfd = { .fd = world->fd, .events = POLLIN };
	ssize_t n;

	assert_int_equal(1, poll(&pfd, 1, 20000));
	n = recv(world->fd, buf, BUF_SIZE, 0);
	assert_true(n > 0);

	return (size_t)n;
}


/** A socket that takes together what was sent together tells of it */
static void requests_of_one_size_leave_together(void **state)
{
	static char buf[BUF_SIZE];
	struct world world;
	struct mbuf *all = mbuf_alloc(BUF_SIZE);
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = ctl.buf,
			      .msg_controllen = sizeof(ctl.buf) };
	const int on = 1;
	int size = 0;
	size_t one;

	(void)state;

	world_open(&world);
	assert_int_equal(0, setsockopt(world.fd, SOL_UDP, UDP_GRO, &on,
				       sizeof(on)));

	stack_cork(world.side.stack);
	soon(world.flow, "Subject: 12\r\n", all);
	one = all->end;
	for (unsigned i = 0; i < 4; i++)
		soon(world.flow, "Subject: 34\r\n", all);
	soon(world.flow, "Subject: 5\r\n", all);
	assert_true(is_empty(&world));
	stack_uncork(world.side.stack);

	assert_int_equal(all->end, recvmsg(world.fd, &hdr, 0));
	assert_memory_equal(all->buf, buf, all->end);
	assert_non_null(CMSG_FIRSTHDR(&hdr));
	assert_int_equal(UDP_GRO, CMSG_FIRSTHDR(&hdr)->cmsg_type);
	memcpy(&size, CMSG_DATA(CMSG_FIRSTHDR(&hdr)), sizeof(size));
	assert_int_equal(one, size);
	assert_true(is_empty(&world));

	mem_deref(all);
	world_close(&world);
}


/** Each a datagram of its own to who knows nothing of it, in their order */
static void check_each_arrives(struct world *world)
{
	static char buf[BUF_SIZE];
	struct mbuf *all = mbuf_alloc(BUF_SIZE);
	size_t at = 0;

	stack_cork(world->side.stack);
	for (unsigned i = 0; i < MANY; i++)
		soon(world->flow, i % 7 ? "Subject: 12\r\n" :
		     i % 2 ? "Subject: longer\r\n" : "", all);
	stack_uncork(world->side.stack);

	for (unsigned i = 0; i < MANY; i++) {
		const size_t n = receive(world, buf);

		assert_memory_equal("OPTIONS sip:a@x SIP/2.0\r\n", buf, 25);
		assert_memory_equal("\r\n\r\n", buf + n - 4, 4);
		assert_memory_equal(all->buf + at, buf, n);
		at += n;
	}
	assert_int_equal(all->end, at);
	assert_true(is_empty(world));
	mem_deref(all);
}


static void each_arrives_as_it_was(void **state)
{
	struct world world;

	(void)state;

	world_open(&world);
	check_each_arrives(&world);
	assert_false(world.flow->apart);
	world_close(&world);
}


/** The kernel refuses to cut up what bears no checksum */
static void each_leaves_alone_where_the_kernel_cannot(void **state)
{
	struct world world;
	const int on = 1;

	(void)state;

	world_open(&world);
	assert_int_equal(0, setsockopt(world.side.lsnr->fd, SOL_SOCKET,
				       SO_NO_CHECK, &on, sizeof(on)));
	check_each_arrives(&world);
	assert_true(world.flow->apart);

	/* and then does not wait any more */
	stack_cork(world.side.stack);
	soon(world.flow, "", NULL);
	assert_false(is_empty(&world));
	stack_uncork(world.side.stack);
	world_close(&world);
}


static void what_does_not_wait_overtakes_nothing(void **state)
{
	static char buf[BUF_SIZE];
	struct world world;
	struct mbuf *mb = message("INVITE", "", "");

	(void)state;

	world_open(&world);
	stack_cork(world.side.stack);
	soon(world.flow, "", NULL);
	soon(world.flow, "", NULL);
	assert_int_equal(0, flow_send(world.flow, mb, false));
	for (unsigned i = 0; i < 3; i++) {
		(void)receive(&world, buf);
		assert_memory_equal(i < 2 ? "OPTION" : "INVITE", buf, 6);
	}
	stack_uncork(world.side.stack);
	assert_true(is_empty(&world));

	mem_deref(mb);
	world_close(&world);
}


static void nothing_waits_without_a_cork(void **state)
{
	static char buf[BUF_SIZE];
	struct world world;

	(void)state;

	world_open(&world);
	soon(world.flow, "", NULL);
	(void)receive(&world, buf);

	/* two corks, of which the outer one counts */
	stack_cork(world.side.stack);
	stack_cork(world.side.stack);
	soon(world.flow, "", NULL);
	stack_uncork(world.side.stack);
	assert_true(is_empty(&world));
	stack_uncork(world.side.stack);
	(void)receive(&world, buf);

	world_close(&world);
}


/** From a loopback address there is no way out of the machine */
static void an_error_is_told_when_the_cork_is_out(void **state)
{
	static char buf[BUF_SIZE];
	struct world world;
	struct flow_watch watch = { .flow = NULL }, other = { .flow = NULL };
	struct flow *away;
	struct sa sa;
	int err = 0, none = 0;

	(void)state;

	world_open(&world);
	assert_int_equal(0, sa_set_str(&sa, "192.0.2.1", 5060));
	away = open_flow(&world, &sa);
	flow_watch(&watch, away, told_handler, &err);
	flow_watch(&other, world.flow, told_handler, &none);

	stack_cork(world.side.stack);
	soon(away, "", NULL);
	soon(away, "", NULL);
	soon(world.flow, "", NULL);
	assert_int_equal(0, err);
	stack_uncork(world.side.stack);

	assert_int_not_equal(0, err);
	assert_string_not_equal("", flow_why(away));
	assert_int_equal(0, none);
	(void)receive(&world, buf);

	flow_unwatch(&watch);
	flow_unwatch(&other);
	mem_deref(away);
	world_close(&world);
}


/** A REGISTER that takes a binding back, at the end */
static void what_waits_leaves_before_its_socket_closes(void **state)
{
	static char buf[BUF_SIZE];
	struct world world;

	(void)state;

	world_open(&world);
	stack_cork(world.side.stack);
	soon(world.flow, "", NULL);
	soon(world.flow, "", NULL);
	world.side.lsnr = mem_deref(world.side.lsnr);
	(void)receive(&world, buf);
	(void)receive(&world, buf);
	stack_uncork(world.side.stack);

	world_close(&world);
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
		cmocka_unit_test(requests_of_one_size_leave_together),
		cmocka_unit_test(each_arrives_as_it_was),
		cmocka_unit_test(each_leaves_alone_where_the_kernel_cannot),
		cmocka_unit_test(what_does_not_wait_overtakes_nothing),
		cmocka_unit_test(nothing_waits_without_a_cork),
		cmocka_unit_test(an_error_is_told_when_the_cork_is_out),
		cmocka_unit_test(what_waits_leaves_before_its_socket_closes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
