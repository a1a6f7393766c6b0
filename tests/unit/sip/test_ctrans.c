/**
 * @file test_ctrans.c  Client transactions, timer by timer
 */
#include "world.h"
#include "tests/unit/base/oom.h"
#include "bridge/sip/ctrans.h"


/** What the owner was told */
struct told {
	unsigned responses;
	unsigned ends;             /* with an error */
	uint16_t scode;            /* last */
	int err;
	struct ctrans **drop;      /* let go when told; NULL: keep */
};


static void handler(int err, const struct sip_msg *msg, void *arg)
{
	struct told *told = arg;

	if (err) {
		++told->ends;
		told->err = err;
	}
	else {
		++told->responses;
		told->scode = msg->scode;
	}

	if (told->drop)
		*told->drop = mem_deref(*told->drop);
}


static struct mbuf *request(const char *method, const char *branch,
			    size_t padding)
{
	struct mbuf *mb = mbuf_alloc(512);

	assert_int_equal(0, mbuf_printf(mb,
		"%s sip:bob@peer SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.73.1;branch=%s;rport\r\n"
		"Max-Forwards: 70\r\n"
		"Route: <sip:one;lr>\r\nRoute: <sip:two;lr>\r\n"
		"From: <sip:ann@us>;tag=f1\r\nTo: <sip:bob@peer>\r\n"
		"Call-ID: c1\r\nContact: <sip:ann@127.0.73.1>\r\n"
		"CSeq: 7 %s\r\n", method, branch, method));
	for (; padding; padding--)
		(void)mbuf_write_str(mb, "X-Pad: 0\r\n");
	assert_int_equal(0, mbuf_write_str(mb,
		"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"));
	mb->pos = 0;

	return mb;
}


static int start(struct ctrans **ctp, struct world *w, const char *method,
		 size_t padding, struct told *told)
{
	struct mbuf *mb = request(method, "z9hG4bKt", padding);
	struct flow *flow = world_flow(w);
	int err;

	err = ctrans_start(ctp, w->stack, flow, method, "z9hG4bKt", mb, true,
			   handler, told);
	mem_deref(flow);
	mem_deref(mb);

	return err;
}


/* Timer A: 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s; Timer B: 32 s */
static void invite_is_repeated_and_given_up(void **state)
{
	struct told told = { 0 };
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "INVITE", 0, &told));
	assert_int_equal(1, world_count(&w));

	world_advance(&w, 499);
	assert_int_equal(0, world_count(&w));
	world_advance(&w, 1);
	assert_int_equal(1, world_count(&w));
	world_advance(&w, 999);
	assert_int_equal(0, world_count(&w));
	world_advance(&w, 1);
	assert_int_equal(1, world_count(&w));
	world_advance(&w, 30499);
	assert_int_equal(4, world_count(&w));
	assert_int_equal(0, told.ends);

	world_advance(&w, 1);
	assert_int_equal(1, told.ends);
	assert_int_equal(ETIMEDOUT, told.err);
	assert_int_equal(0, stack_transactions(w.stack));
	mem_deref(ct);
	world_close(&w);
}


/* Timer E: 0, 0.5, 1.5, 3.5, 7.5, then each 4 s; Timer F: 32 s */
static void others_are_repeated_more_often(void **state)
{
	struct told told = { 0 };
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "OPTIONS", 0, &told));
	world_advance(&w, 31999);
	assert_int_equal(11, world_count(&w));
	assert_int_equal(0, told.ends);
	world_advance(&w, 1);
	assert_int_equal(ETIMEDOUT, told.err);
	mem_deref(ct);
	world_close(&w);
}


/* Figure 6: Proceeding repeats each T2, and Timer F goes on */
static void a_provisional_slows_others_down(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg;
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "OPTIONS", 0, &told));
	msg = world_expect(&w, "OPTIONS");
	world_answer(&w, msg, 100, NULL, "");
	world_advance(&w, 500);
	assert_int_equal(1, world_count(&w));
	world_advance(&w, 3999);
	assert_int_equal(0, world_count(&w));
	world_advance(&w, 1);
	assert_int_equal(1, world_count(&w));
	world_advance(&w, 28000);
	assert_int_equal(ETIMEDOUT, told.err);
	mem_deref(msg);
	mem_deref(ct);
	world_close(&w);
}


/* Nothing is kept of it; what comes again is told to nobody */
static void a_final_ends_others(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg;
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "OPTIONS", 0, &told));
	assert_int_equal(1, stack_transactions(w.stack));
	msg = world_expect(&w, "OPTIONS");
	world_answer(&w, msg, 200, "t", "");
	assert_int_equal(0, stack_transactions(w.stack));
	world_answer(&w, msg, 200, "t", "");
	assert_int_equal(1, told.responses);
	world_advance(&w, 32000);
	assert_int_equal(0, world_count(&w));
	assert_int_equal(0, told.ends);
	mem_deref(msg);
	mem_deref(ct);
	world_close(&w);
}


static unsigned headers(const struct sip_msg *msg, enum sip_hdrid id)
{
	return sip_msg_hdr_count(msg, id);
}


/* RFC 3261 section 17.1.1.3: what an ACK must bear, and must not */
static void refusal_is_acknowledged_each_time(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg, *ack;
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "INVITE", 0, &told));
	msg = world_expect(&w, "INVITE");
	world_answer(&w, msg, 486, "t9", "");

	ack = world_expect(&w, "ACK");
	assert_pl_equal(&ack->ruri, "sip:bob@peer");
	assert_pl_equal(&ack->via.branch, "z9hG4bKt");
	assert_pl_equal(&ack->to.tag, "t9");
	assert_pl_equal(&ack->from.tag, "f1");
	assert_pl_equal(&ack->callid, "c1");
	assert_pl_equal(&ack->maxfwd, "70");
	assert_int_equal(7, ack->cseq.num);
	assert_pl_equal(&ack->cseq.met, "ACK");
	assert_int_equal(1, headers(ack, SIP_HDR_VIA));
	assert_int_equal(2, headers(ack, SIP_HDR_ROUTE));
	assert_int_equal(0, headers(ack, SIP_HDR_CONTACT));
	assert_pl_equal(&ack->clen, "0");
	mem_deref(ack);

	world_answer(&w, msg, 486, "t9", "");
	world_expect_skip(&w, "ACK");
	assert_int_equal(1, told.responses);

	/* Timer D */
	world_advance(&w, 32000);
	assert_int_equal(0, stack_transactions(w.stack));
	world_answer(&w, msg, 486, "t9", "");
	assert_int_equal(0, world_count(&w));
	mem_deref(msg);
	mem_deref(ct);
	world_close(&w);
}


/* RFC 6026: further 2xx come up until Timer M */
static void each_success_is_told(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg;
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "INVITE", 0, &told));
	msg = world_expect(&w, "INVITE");
	world_answer(&w, msg, 180, "t1", "");
	world_answer(&w, msg, 200, "t1", "");
	world_answer(&w, msg, 200, "t2", "");
	assert_int_equal(3, told.responses);
	world_answer(&w, msg, 486, "t3", "");
	assert_int_equal(3, told.responses);
	world_advance(&w, 31999);
	world_answer(&w, msg, 200, "t1", "");
	assert_int_equal(4, told.responses);
	world_advance(&w, 1);
	world_answer(&w, msg, 200, "t1", "");
	assert_int_equal(4, told.responses);
	assert_int_equal(0, world_count(&w));
	mem_deref(msg);
	mem_deref(ct);
	world_close(&w);
}


/* RFC 3261 section 9.1: no CANCEL before a provisional */
static void cancel_waits_for_a_provisional(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg, *cancel;
	struct ctrans *ct;
	struct world w;
	struct pl reason;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "INVITE", 0, &told));
	msg = world_expect(&w, "INVITE");
	assert_int_equal(0, ctrans_cancel(ct, "Reason: SIP;cause=200\r\n"));
	assert_int_equal(EALREADY, ctrans_cancel(ct, NULL));
	assert_int_equal(0, world_count(&w));

	world_answer(&w, msg, 100, NULL, "");
	cancel = world_expect(&w, "CANCEL");
	assert_pl_equal(&cancel->via.branch, "z9hG4bKt");
	assert_pl_equal(&cancel->ruri, "sip:bob@peer");
	assert_int_equal(7, cancel->cseq.num);
	assert_pl_equal(&cancel->cseq.met, "CANCEL");
	assert_false(pl_isset(&cancel->to.tag));
	assert_int_equal(2, headers(cancel, SIP_HDR_ROUTE));
	reason = world_header(cancel, SIP_HDR_REASON);
	assert_pl_equal(&reason, "SIP;cause=200");

	/* A transaction of its own */
	world_advance(&w, 500);
	world_expect_skip(&w, "CANCEL");
	world_answer(&w, cancel, 200, "t", "");
	world_answer(&w, msg, 487, "t", "");
	world_expect_skip(&w, "ACK");
	assert_int_equal(487, told.scode);
	world_expect_nothing(&w);
	mem_deref(cancel);
	mem_deref(msg);
	mem_deref(ct);
	world_close(&w);
}


static void cancel_without_effect_ends_in_time(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg;
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "INVITE", 0, &told));
	msg = world_expect(&w, "INVITE");
	world_answer(&w, msg, 180, "t", "");
	world_advance(&w, 300000);
	assert_int_equal(0, told.ends);
	assert_int_equal(0, ctrans_cancel(ct, NULL));
	world_advance(&w, 32000);
	assert_int_equal(ETIMEDOUT, told.err);
	mem_deref(msg);
	mem_deref(ct);
	world_close(&w);
}


/* The transaction is seen through when nobody wants to know any more */
static void without_owner_it_still_acknowledges(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg;
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "INVITE", 0, &told));
	mem_deref(ct);
	msg = world_expect(&w, "INVITE");
	world_advance(&w, 500);
	world_expect_skip(&w, "INVITE");
	world_answer(&w, msg, 404, "t", "");
	world_expect_skip(&w, "ACK");
	assert_int_equal(0, told.responses);
	assert_int_equal(1, stack_transactions(w.stack));
	world_advance(&w, 32000);
	assert_int_equal(0, stack_transactions(w.stack));
	mem_deref(msg);
	world_close(&w);
}


static void the_owner_may_let_go_when_told(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg;
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	told.drop = &ct;
	assert_int_equal(0, start(&ct, &w, "INVITE", 0, &told));
	msg = world_expect(&w, "INVITE");
	world_answer(&w, msg, 486, "t", "");
	assert_null(ct);
	world_expect_skip(&w, "ACK");
	mem_deref(msg);

	assert_int_equal(0, start(&ct, &w, "OPTIONS", 0, &told));
	world_expect_skip(&w, "OPTIONS");
	world_advance(&w, 32000);
	assert_null(ct);
	world_close(&w);
}


static void strangers_do_not_answer(void **state)
{
	struct told told = { 0 };
	struct sip_msg *msg;
	struct ctrans *ct;
	struct world w;
	struct sa addr;
	char *text, *at;
	int other;
	(void)state;

	world_open(&w);
	other = world_socket(&addr, "127.0.73.3");
	assert_int_equal(0, start(&ct, &w, "OPTIONS", 0, &told));
	msg = world_expect(&w, "OPTIONS");
	text = world_answer_text(msg, 200, "t", "");
	world_say_fd(&w, other, text, strlen(text));
	assert_int_equal(0, told.responses);

	/* Nor is a response to another method with the same branch */
	at = strstr(text, "7 OPTIONS");
	assert_non_null(at);
	(void)re_snprintf(at, 10, "7 REFUSED");
	at[9] = '\r';
	world_say_fd(&w, w.peer, text, strlen(text));
	assert_int_equal(0, told.responses);

	/* Another port of the same host is as good: a proxy's way out */
	mem_deref(text);
	close(other);
	other = world_socket(&addr, "127.0.73.2");
	text = world_answer_text(msg, 200, "t", "");
	world_say_fd(&w, other, text, strlen(text));
	assert_int_equal(1, told.responses);

	mem_deref(text);
	close(other);
	mem_deref(msg);
	mem_deref(ct);
	world_close(&w);
}


static void too_large_for_udp_is_said_at_once(void **state)
{
	struct told told = { 0 };
	struct ctrans *ct = NULL;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(EMSGSIZE, start(&ct, &w, "INVITE", 130, &told));
	assert_null(ct);
	assert_int_equal(0, stack_transactions(w.stack));
	assert_int_equal(0, world_count(&w));
	world_close(&w);
}


/* Nothing dangles when the stack goes first */
static void the_end_of_the_stack_ends_it(void **state)
{
	struct told told = { 0 };
	struct ctrans *ct;
	struct world w;
	(void)state;

	world_open(&w);
	assert_int_equal(0, start(&ct, &w, "INVITE", 0, &told));
	world_expect_skip(&w, "INVITE");
	w.lsnr  = mem_deref(w.lsnr);
	w.stack = mem_deref(w.stack);
	assert_int_equal(1, told.ends);
	wheel_advance(w.wheel, w.now_ms + 60000);
	mem_deref(ct);
	world_close(&w);
}


struct memory {
	struct world *w;
	struct flow *flow;
	struct mbuf *mb;
};


static int start_call(void *arg)
{
	const struct memory *m = arg;
	struct ctrans *ct;
	int err;

	err = ctrans_start(&ct, m->w->stack, m->flow, "OPTIONS", "z9hG4bKt",
			   m->mb, true, NULL, NULL);
	mem_deref(err ? NULL : ct);

	return err;
}


static void without_memory_nothing_is_left(void **state)
{
	struct world w;
	struct memory m = { .w = &w };
	(void)state;

	world_open(&w);
	m.flow = world_flow(&w);
	m.mb   = request("OPTIONS", "z9hG4bKt", 0);
	oom_walk(start_call, &m);
	assert_int_equal(1, world_count(&w));
	assert_int_equal(1, stack_transactions(w.stack));
	mem_deref(m.flow);
	mem_deref(m.mb);
	world_close(&w);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invite_is_repeated_and_given_up),
		cmocka_unit_test(others_are_repeated_more_often),
		cmocka_unit_test(a_provisional_slows_others_down),
		cmocka_unit_test(a_final_ends_others),
		cmocka_unit_test(refusal_is_acknowledged_each_time),
		cmocka_unit_test(each_success_is_told),
		cmocka_unit_test(cancel_waits_for_a_provisional),
		cmocka_unit_test(cancel_without_effect_ends_in_time),
		cmocka_unit_test(without_owner_it_still_acknowledges),
		cmocka_unit_test(the_owner_may_let_go_when_told),
		cmocka_unit_test(strangers_do_not_answer),
		cmocka_unit_test(too_large_for_udp_is_said_at_once),
		cmocka_unit_test(without_memory_nothing_is_left),
		cmocka_unit_test(the_end_of_the_stack_ends_it),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
