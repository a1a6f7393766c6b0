/**
 * @file test_hep.c  Copies of messages to a collector, by HEPv3
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/sip/hep.h"


enum { WAIT_MS = 20000, BIG = 60000 };


static uint32_t number(const uint8_t *p, size_t octets)
{
	uint32_t v = 0;

	while (octets--)
		v = v << 8 | *p++;

	return v;
}


/** A chunk's payload, NULL if there is none. Checks the frame's lengths */
static const uint8_t *chunk(const uint8_t *p, size_t l, uint16_t type,
			    size_t *size)
{
	const uint8_t *found = NULL;
	size_t at = 6;

	assert_true(l >= 6);
	assert_memory_equal(p, "HEP3", 4);
	assert_int_equal(number(p + 4, 2), l);

	while (at < l) {
		const size_t n = number(p + at + 4, 2);

		assert_true(n >= 6 && at + n <= l);
		assert_int_equal(number(p + at, 2), 0);
		if (number(p + at + 2, 2) == type) {
			found = p + at + 6;
			*size = n - 6;
		}
		at += n;
	}

	return found;
}


static uint32_t value(const uint8_t *p, size_t l, uint16_t type, size_t want)
{
	size_t size = 0;
	const uint8_t *c = chunk(p, l, type, &size);

	assert_non_null(c);
	assert_int_equal(size, want);

	return number(c, size);
}


static void frame_of_ipv4(void **state)
{
	struct hep_frame frame = {
		.type = HEP_SIP, .time_us = 1700000000123456,
		.tp = SIP_TRANSP_TLS,
		.data = "INVITE", .size = 6,
	};
	uint8_t buf[HEP_FRAME_MAX];
	const uint8_t *c;
	size_t l, size;
	(void)state;

	assert_int_equal(sa_set_str(&frame.src, "192.0.2.1", 5060), 0);
	assert_int_equal(sa_set_str(&frame.dst, "192.0.2.2", 5061), 0);
	l = hep_encode(buf, &frame, 4000000000u, "secret");

	assert_int_equal(value(buf, l, 1, 1), AF_INET);
	assert_int_equal(value(buf, l, 2, 1), IPPROTO_TCP);
	assert_int_equal(value(buf, l, 3, 4), 0xc0000201);
	assert_int_equal(value(buf, l, 4, 4), 0xc0000202);
	assert_int_equal(value(buf, l, 7, 2), 5060);
	assert_int_equal(value(buf, l, 8, 2), 5061);
	assert_int_equal(value(buf, l, 9, 4), 1700000000);
	assert_int_equal(value(buf, l, 10, 4), 123456);
	assert_int_equal(value(buf, l, 11, 1), 1);
	assert_int_equal(value(buf, l, 12, 4), 4000000000u);
	c = chunk(buf, l, 14, &size);
	assert_int_equal(size, 6);
	assert_memory_equal(c, "secret", 6);
	c = chunk(buf, l, 15, &size);
	assert_int_equal(size, 6);
	assert_memory_equal(c, "INVITE", 6);

	l = hep_encode(buf, &frame, 1, NULL);
	assert_null(chunk(buf, l, 14, &size));
}


static void frame_of_ipv6(void **state)
{
	struct hep_frame frame = { .tp = SIP_TRANSP_UDP, .data = "x",
				   .size = 1 };
	uint8_t buf[HEP_FRAME_MAX];
	const uint8_t *c;
	size_t l, size;
	(void)state;

	assert_int_equal(sa_set_str(&frame.src, "2001:db8::1", 5060), 0);
	assert_int_equal(sa_set_str(&frame.dst, "2001:db8::2", 5060), 0);
	l = hep_encode(buf, &frame, 1, NULL);
	assert_int_equal(value(buf, l, 1, 1), AF_INET6);
	assert_int_equal(value(buf, l, 2, 1), IPPROTO_UDP);
	c = chunk(buf, l, 6, &size);
	assert_int_equal(size, 16);
	assert_int_equal(c[15], 2);

	assert_int_equal(sa_set_str(&frame.dst, "192.0.2.2", 5060), 0);
	assert_int_equal(hep_encode(buf, &frame, 1, NULL), 0);
	frame.dst = frame.src;
	frame.size = 65000;
	assert_int_equal(hep_encode(buf, &frame, 1, NULL), 0);
}


/* A collector */


static int collector(int type, uint16_t *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t l = sizeof(sin);
	const int fd = socket(AF_INET, type, 0), on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(*port);
	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &l), 0);
	*port = ntohs(sin.sin_port);

	return fd;
}


static void readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
}


static size_t read_all(int fd, uint8_t *buf, size_t l)
{
	size_t at = 0;

	while (at < l) {
		ssize_t n;

		readable(fd);
		n = recv(fd, buf + at, l - at, 0);
		assert_true(n > 0);
		at += (size_t)n;
	}

	return at;
}


static struct hep *hep_to(uint16_t port, bool tcp)
{
	char text[32];
	const struct hep_conf conf = { .collector = text, .tcp = tcp,
				       .capture_id = 7 };
	struct hep *hep;

	(void)re_snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	assert_int_equal(hep_alloc(&hep, &conf), 0);

	return hep;
}


static void add(struct hep *hep, bool tx, const char *text, size_t l)
{
	struct sa local, peer;

	assert_int_equal(sa_set_str(&local, "192.0.2.1", 5060), 0);
	assert_int_equal(sa_set_str(&peer, "192.0.2.2", 5060), 0);
	hep_add(hep, tx, SIP_TRANSP_UDP, &local, &peer,
		(const uint8_t *)text, l);
}


static void messages_go_by_udp_without_secrets(void **state)
{
	static const char text[] = "REGISTER sip:x SIP/2.0\r\n"
		"Authorization: Digest response=\"deadbeef\"\r\n\r\n";
	uint8_t buf[HEP_FRAME_MAX];
	const uint8_t *c;
	uint16_t port = 0;
	const int fd = collector(SOCK_DGRAM, &port);
	struct hep *hep = hep_to(port, false);
	ssize_t n;
	size_t size;
	(void)state;

	add(hep, false, text, strlen(text));
	readable(fd);
	n = recv(fd, buf, sizeof(buf), 0);
	assert_true(n > 0);
	assert_int_equal(value(buf, (size_t)n, 3, 4), 0xc0000202);
	assert_int_equal(value(buf, (size_t)n, 12, 4), 7);
	c = chunk(buf, (size_t)n, 15, &size);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(c, text, 22);
	assert_null(memmem(c, size, "deadbeef", 8));

	mem_deref(hep);
	(void)close(fd);
}


static void reports_name_their_call(void **state)
{
	uint8_t buf[HEP_FRAME_MAX];
	const uint8_t *c;
	uint16_t port = 0;
	const int fd = collector(SOCK_DGRAM, &port);
	struct hep *hep = hep_to(port, false);
	struct sa sa;
	ssize_t n;
	size_t size;
	(void)state;

	assert_int_equal(sa_set_str(&sa, "192.0.2.1", 30000), 0);
	hep_report(hep, &sa, &sa, "5f77@x", "{\"MOS\":4.4}");
	readable(fd);
	n = recv(fd, buf, sizeof(buf), 0);
	assert_true(n > 0);
	assert_int_equal(value(buf, (size_t)n, 11, 1), HEP_REPORT);
	c = chunk(buf, (size_t)n, 17, &size);
	assert_int_equal(size, 6);
	assert_memory_equal(c, "5f77@x", 6);
	c = chunk(buf, (size_t)n, 15, &size);
	assert_int_equal(size, 11);
	assert_memory_equal(c, "{\"MOS\":4.4}", 11);

	mem_deref(hep);
	(void)close(fd);
}


/** Many large ones, round and round in the block, in order */
static void messages_go_by_tcp_in_order(void **state)
{
	static uint8_t buf[HEP_FRAME_MAX];
	static char text[BIG];
	uint16_t port = 0;
	const int lfd = collector(SOCK_STREAM, &port);
	struct hep *hep = hep_to(port, true);
	int fd = -1;
	(void)state;

	for (int i = 0; i < 200; i++) {
		const uint8_t *c;
		size_t l, size;

		memset(text, 'a' + i % 26, sizeof(text));
		add(hep, true, text, sizeof(text) - (size_t)(i * 37) % 999);
		if (fd < 0) {
			readable(lfd);
			fd = accept(lfd, NULL, NULL);
			assert_true(fd >= 0);
		}

		(void)read_all(fd, buf, 6);
		l = number(buf + 4, 2);
		(void)read_all(fd, buf + 6, l - 6);
		c = chunk(buf, l, 15, &size);
		assert_int_equal(size, sizeof(text) - (size_t)(i * 37) % 999);
		assert_int_equal(c[size - 1], 'a' + i % 26);
	}

	mem_deref(hep);
	(void)close(fd);
	(void)close(lfd);
}


/** One that does not read holds nobody up: the rest is dropped */
static void a_collector_that_sleeps_holds_nobody_up(void **state)
{
	static char text[BIG];
	uint16_t port = 0;
	const int lfd = collector(SOCK_STREAM, &port);
	struct hep *hep = hep_to(port, true);
	(void)state;

	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 2000; i++)
		add(hep, true, text, sizeof(text));

	/* wakes up the thread, that waits for the peer to read */
	(void)close(lfd);
	mem_deref(hep);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_of_ipv4),
		cmocka_unit_test(frame_of_ipv6),
		cmocka_unit_test(messages_go_by_udp_without_secrets),
		cmocka_unit_test(reports_name_their_call),
		cmocka_unit_test(messages_go_by_tcp_in_order),
		cmocka_unit_test(a_collector_that_sleeps_holds_nobody_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
