/**
 * @file loop.h  Two stacks in one loop, on real sockets of loopback
 *
 * Time of the wheel runs `speed` times as fast as the clock, so that ten
 * seconds of a rule take milliseconds of a test. It stands still while the
 * machine lets us wait: or what is on its way between two sockets of ours
 * would take half a minute of the wheel's time whenever others are busy.
 * loop_until() runs the loop until a condition holds; after a minute of real
 * time it fails the test.
 */
#ifndef TESTS_SIP_LOOP_H
#define TESTS_SIP_LOOP_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/base/wheel.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "bridge/sip/transp.h"

enum {
	LOOP_DEADLINE_MS = 60000,
	LOOP_STEP_MS     = 4,      /* of the clock, what a turn counts at most;
				      it takes 1 ms when we may run         */
};

typedef bool (loop_cond_h)(void *arg);

struct loop {
	struct wheel *wheel;
	uint64_t seen_ms, deadline_ms;     /* of the clock */
	uint32_t speed;
	struct tmr tmr;
	loop_cond_h *condh;
	void *arg;
	bool met;
};


static inline void loop_tick(void *arg)
{
	struct loop *loop = arg;
	const uint64_t now = clock_ms();
	uint64_t passed = now - loop->seen_ms;

	if (passed > LOOP_STEP_MS)
		passed = LOOP_STEP_MS;

	loop->seen_ms = now;
	wheel_advance(loop->wheel, wheel_now(loop->wheel) +
		      passed * loop->speed);

	loop->met = loop->condh(loop->arg);
	if (loop->met || now > loop->deadline_ms)
		re_cancel();
	else
		tmr_start(&loop->tmr, 1, loop_tick, loop);
}


static inline void loop_speed(struct loop *loop, uint32_t speed)
{
	loop->seen_ms = clock_ms();
	loop->speed   = speed;
}


/** Run until the condition holds. @return false after the deadline */
static inline bool loop_try(struct loop *loop, loop_cond_h *h, void *arg,
			    uint32_t deadline_ms)
{
	loop_speed(loop, loop->speed);
	loop->deadline_ms = clock_ms() + deadline_ms;
	loop->condh = h;
	loop->arg   = arg;
	tmr_start(&loop->tmr, 0, loop_tick, loop);
	assert_int_equal(0, re_main(NULL));
	tmr_cancel(&loop->tmr);

	return loop->met;
}


static inline void loop_until(struct loop *loop, loop_cond_h *h, void *arg)
{
	assert_true(loop_try(loop, h, arg, LOOP_DEADLINE_MS));
}


static inline void loop_open(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	tmr_init(&loop->tmr);
	assert_int_equal(0, wheel_alloc(&loop->wheel, 1000));
	loop_speed(loop, 1);
}


static inline void loop_end(struct loop *loop)
{
	tmr_cancel(&loop->tmr);
	loop->wheel = mem_deref(loop->wheel);
}


/** One side: a stack with a listener, and what it has seen */
struct side {
	struct stack *stack;
	struct listener *lsnr;
	unsigned requests;         /* that reached the request handler */
	unsigned asked;            /* the admit handler */
	bool refuses;              /* what that one answers */
	struct sip_msg *last;      /* ref */
};


static inline void side_request(struct strans *st, const struct sip_msg *msg,
				void *arg)
{
	struct side *side = arg;

	++side->requests;
	mem_deref(side->last);
	side->last = mem_ref((void *)(uintptr_t)msg);
	(void)strans_reply(st, 200, "OK", NULL, NULL, NULL, NULL);
	mem_deref(st);
}


static inline bool side_admit(const struct listener *lsnr,
			      const struct sa *peer, void *arg)
{
	struct side *side = arg;

	(void)lsnr;
	(void)peer;
	++side->asked;

	return !side->refuses;
}


/** Of sides that are opened next, 0: as usual */
static size_t side_conns_max;


static inline void side_open(struct side *side, struct loop *loop,
			     enum sip_transp tp, const char *addr,
			     struct tlsctx *tls)
{
	struct stack_conf conf = {
		.wheel = loop->wheel, .software = "Test/1",
		.conns_max = side_conns_max,
	};
	struct listener_conf lconf = { .name = "test", .tp = tp, .tls = tls };

	memset(side, 0, sizeof(*side));
	assert_int_equal(0, stack_alloc(&side->stack, &conf));
	stack_handlers_set(side->stack, side_request, side_admit, side);
	assert_int_equal(0, sa_set_str(&lconf.laddr, addr, 0));
	assert_int_equal(0, listener_alloc(&side->lsnr, side->stack, &lconf));
}


static inline void side_close(struct side *side)
{
	side->last  = mem_deref(side->last);
	side->lsnr  = mem_deref(side->lsnr);
	side->stack = mem_deref(side->stack);
}


/** The target that the other side's listener is */
static inline struct target side_target(const struct side *side,
					const struct side *other)
{
	struct target target = {
		.tp = listener_transp(side->lsnr), .lsnr = side->lsnr,
		.addr = *listener_laddr(other->lsnr),
	};

	return target;
}


/** A request in text; `extra` are headers with CRLF */
static inline struct mbuf *message(const char *method, const char *extra,
				   const char *body)
{
	struct mbuf *mb = mbuf_alloc(1024);
	char branch[17];

	assert_non_null(mb);
	token_random(branch, 16);
	assert_int_equal(0, mbuf_printf(mb,
		"%s sip:a@x SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.72.9:5060;branch=z9hG4bK%s;rport\r\n"
		"From: <sip:b@x>;tag=1\r\nTo: <sip:a@x>\r\n"
		"Call-ID: %s\r\nCSeq: 7 %s\r\nMax-Forwards: 70\r\n"
		"%sContent-Length: %zu\r\n\r\n%s",
		method, branch, branch, method, extra, strlen(body), body));
	mbuf_set_pos(mb, 0);

	return mb;
}


struct count {
	const unsigned *value;
	unsigned wanted;
};


static inline bool count_reached(void *arg)
{
	const struct count *count = arg;

	return *count->value >= count->wanted;
}


static inline void loop_count(struct loop *loop, const unsigned *value,
			      unsigned wanted)
{
	struct count count = {value, wanted};

	loop_until(loop, count_reached, &count);
}

#endif
