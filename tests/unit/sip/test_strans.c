/**
 * @file test_strans.c  Server transactions, timer by timer
 */
#include "world.h"
#include "tests/unit/base/oom.h"
#include "bridge/sip/ctrans.h"
#include "bridge/sip/strans.h"


/** What the owner holds and was told */
struct owner {
	struct world w;
	struct strans *st;         /* the last request's */
	unsigned requests;
	unsigned cancels;
	unsigned acks;
	unsigned failures;         /* no ACK */
	int err;
	size_t ack_body;           /* its size, SIZE_MAX: no message */
};


static void cancel_handler(struct strans *st, const struct sip_msg *msg,
			   void *arg)
{
	struct owner *o = arg;

	assert_ptr_equal(st, o->st);
	assert_int_equal(0, pl_strcmp(&msg->met, "CANCEL"));
	++o->cancels;
	assert_int_equal(0, strans_reply(st, 487, "Request Terminated", NULL,
					 NULL, NULL, NULL));
}


static void ack_handler(int err, const struct sip_msg *ack, void *arg)
{
	struct owner *o = arg;

	if (err) {
		++o->failures;
		o->err = err;
		return;
	}

	++o->acks;
	o->ack_body = ack ? mbuf_get_left(ack->mb) : SIZE_MAX;
}


static void request_handler(struct strans *st, const struct sip_msg *msg,
			    void *arg)
{
	struct owner *o = arg;
	(void)msg;

	++o->requests;
	mem_deref(o->st);
	o->st = st;
	strans_handlers_set(st, cancel_handler, ack_handler, o);
}


static void open_owner(struct owner *o)
{
	memset(o, 0, sizeof(*o));
	world_open(&o->w);
	stack_handlers_set(o->w.stack, request_handler, NULL, o);
}


static void close_owner(struct owner *o)
{
	mem_deref(o->st);
	world_close(&o->w);
}


/**
 * @param branch  Without the cookie
 * @param to_tag  Parameter with its semicolon, or ""
 */
static void ask(struct owner *o, const char *method, const char *branch,
		const char *to_tag, const char *body)
{
	world_say(&o->w,
		"%s sip:ann@127.0.73.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP %J;branch=z9hG4bK%s;rport\r\n"
		"Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKfar\r\n"
		"Record-Route: <sip:127.0.73.2;lr>\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:bob@peer>;tag=f2\r\nTo: <sip:ann@us>%s\r\n"
		"Call-ID: c2\r\nCSeq: 5 %s\r\nTimestamp: 54\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		method, &o->w.peer_addr, branch, to_tag, method, strlen(body),
		body);
}


static int reply(struct owner *o, uint16_t scode)
{
	return strans_reply(o->st, scode, "Reason", NULL, "X-One: 1\r\n",
			    NULL, NULL);
}


/* RFC 3261 section 17.2.1 */
static void trying_is_said_after_200_ms(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	struct pl val;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(1, o.requests);
	world_advance(&o.w, 199);
	world_expect_nothing(&o.w);
	world_advance(&o.w, 1);
	msg = world_expect(&o.w, "100");
	assert_false(pl_isset(&msg->to.tag));
	val = world_header(msg, SIP_HDR_TIMESTAMP);
	assert_pl_equal(&val, "54");
	mem_deref(msg);

	/* Nothing of the kind for who was answered, nor for others */
	assert_int_equal(0, reply(&o, 486));
	world_expect_skip(&o.w, "486");
	ask(&o, "ACK", "a", ";tag=x", "");
	ask(&o, "OPTIONS", "b", "", "");
	world_advance(&o.w, 1000);
	world_expect_nothing(&o.w);
	assert_int_equal(0, reply(&o, 200));
	close_owner(&o);
}


/* RFC 3261 section 8.2.6.2, 12.1.1 */
static void answers_copy_what_they_must(void **state)
{
	struct sip_msg *msg;
	struct mbuf *body = mbuf_alloc(8);
	char tag[32];
	struct owner o;
	struct pl val;
	(void)state;

	(void)mbuf_write_str(body, "v=0");
	body->pos = 0;
	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(0, reply(&o, 180));
	msg = world_expect(&o.w, "180");
	assert_int_equal(2, sip_msg_hdr_count(msg, SIP_HDR_VIA));
	assert_int_equal(1, sip_msg_hdr_count(msg, SIP_HDR_RECORD_ROUTE));
	assert_pl_equal(&msg->callid, "c2");
	assert_pl_equal(&msg->from.val, "<sip:bob@peer>;tag=f2");
	assert_int_equal(5, msg->cseq.num);
	val = world_header(msg, SIP_HDR_SERVER);
	assert_pl_equal(&val, "Test/1");
	assert_int_equal(0, pl_strcpy(&msg->to.tag, tag, sizeof(tag)));
	assert_int_equal(16, strlen(tag));
	mem_deref(msg);

	assert_int_equal(0, strans_reply(o.st, 200, "OK", NULL, NULL,
					 "text/plain", body));
	msg = world_expect(&o.w, "200");
	assert_pl_equal(&msg->to.tag, tag);
	assert_pl_equal(&msg->clen, "3");
	assert_true(msg_ctype_cmp(&msg->ctyp, "text", "plain"));
	assert_int_equal(EALREADY, reply(&o, 486));
	mem_deref(msg);
	mem_deref(body);
	close_owner(&o);
}


static void a_repeated_request_gets_the_same_answer(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "OPTIONS", "a", "", "");
	ask(&o, "OPTIONS", "a", "", "");
	world_expect_nothing(&o.w);
	assert_int_equal(0, reply(&o, 200));
	world_expect_skip(&o.w, "200");
	ask(&o, "OPTIONS", "a", "", "");
	world_expect_skip(&o.w, "200");
	assert_int_equal(1, o.requests);

	/* Timer J */
	world_advance(&o.w, 31999);
	assert_int_equal(1, stack_transactions(o.w.stack));
	world_advance(&o.w, 1);
	assert_int_equal(0, stack_transactions(o.w.stack));
	close_owner(&o);
}


/* Timer G: 0.5, 1.5, 3.5, 7.5, then each 4 s; Timer I */
static void a_refusal_is_repeated_until_acknowledged(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(0, reply(&o, 486));
	assert_int_equal(1, world_count(&o.w));
	world_advance(&o.w, 12000);
	assert_int_equal(5, world_count(&o.w));
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(1, world_count(&o.w));

	ask(&o, "ACK", "a", ";tag=x", "");
	assert_int_equal(1, o.acks);
	assert_true(o.ack_body == SIZE_MAX);
	ask(&o, "ACK", "a", ";tag=x", "");
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(1, o.acks);
	world_advance(&o.w, 4999);
	assert_int_equal(1, stack_transactions(o.w.stack));
	world_advance(&o.w, 1);
	assert_int_equal(0, stack_transactions(o.w.stack));
	assert_int_equal(0, world_count(&o.w));
	close_owner(&o);
}


/* Timer H */
static void a_refusal_without_ack_is_given_up(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(0, reply(&o, 404));
	world_advance(&o.w, 31999);
	assert_int_equal(0, o.failures);
	world_advance(&o.w, 1);
	assert_int_equal(1, o.failures);
	assert_int_equal(ETIMEDOUT, o.err);
	close_owner(&o);
}


static char *own_tag(struct owner *o, const char *response)
{
	struct sip_msg *msg = world_expect(&o->w, response);
	char *tag = NULL;

	assert_int_equal(0, re_sdprintf(&tag, ";tag=%r", &msg->to.tag));
	mem_deref(msg);

	return tag;
}


/* RFC 3261 section 13.3.1.4, RFC 6026 */
static void a_success_is_repeated_until_acknowledged(void **state)
{
	struct owner o;
	char *tag;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(0, reply(&o, 200));
	tag = own_tag(&o, "200");
	world_advance(&o.w, 8000);
	assert_int_equal(4, world_count(&o.w));

	/* An INVITE repeated is absorbed, an ACK of another dialog is none */
	ask(&o, "INVITE", "a", "", "");
	ask(&o, "ACK", "b", ";tag=other", "");
	assert_int_equal(0, world_count(&o.w));
	assert_int_equal(0, o.acks);

	ask(&o, "ACK", "c", tag, "answer");
	assert_int_equal(1, o.acks);
	assert_int_equal(6, o.ack_body);
	ask(&o, "ACK", "c", tag, "answer");
	assert_int_equal(1, o.acks);
	world_advance(&o.w, 40000);
	assert_int_equal(0, world_count(&o.w));
	assert_int_equal(0, o.failures);
	assert_int_equal(0, stack_transactions(o.w.stack));
	mem_deref(tag);
	close_owner(&o);
}


static void a_success_without_ack_is_given_up(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(0, reply(&o, 200));
	world_advance(&o.w, 32000);
	assert_int_equal(1, o.failures);
	assert_int_equal(ETIMEDOUT, o.err);
	assert_int_equal(0, stack_transactions(o.w.stack));
	close_owner(&o);
}


/* RFC 3261 section 9.2 */
static void cancel_ends_what_is_not_answered(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	char *tag;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(0, reply(&o, 180));
	tag = own_tag(&o, "180");
	ask(&o, "CANCEL", "a", "", "");
	msg = world_expect(&o.w, "200");
	assert_pl_equal(&msg->cseq.met, "CANCEL");
	assert_pl_equal(&msg->to.tag, tag + 5);
	mem_deref(msg);
	msg = world_expect(&o.w, "487");
	assert_pl_equal(&msg->cseq.met, "INVITE");
	assert_pl_equal(&msg->to.tag, tag + 5);
	mem_deref(msg);

	/* Repeated, it is answered again and told no more */
	ask(&o, "CANCEL", "a", "", "");
	world_expect_skip(&o.w, "200");
	assert_int_equal(1, o.cancels);
	mem_deref(tag);
	close_owner(&o);
}


static void cancel_comes_too_late(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(0, reply(&o, 200));
	world_expect_skip(&o.w, "200");
	ask(&o, "CANCEL", "a", "", "");
	world_expect_skip(&o.w, "200");
	assert_int_equal(0, o.cancels);
	world_expect_nothing(&o.w);

	ask(&o, "CANCEL", "unknown", "", "");
	world_expect_skip(&o.w, "481");
	close_owner(&o);
}


/* RFC 3261 section 8.2.2.2 */
static void the_same_request_by_another_way_is_refused(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	ask(&o, "INVITE", "b", "", "");
	world_expect_skip(&o.w, "482");
	assert_int_equal(1, o.requests);
	close_owner(&o);
}


static void branches_of_old_are_refused(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	world_say(&o.w,
		"OPTIONS sip:ann@127.0.73.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP %J;branch=1;rport\r\n"
		"Max-Forwards: 70\r\nSubject: as long as its answer\r\n"
		"From: <sip:bob@peer>;tag=f2\r\nTo: <sip:ann@us>\r\n"
		"Subject: and then a little longer than that too\r\n"
		"Call-ID: c2\r\nCSeq: 5 OPTIONS\r\n"
		"Content-Length: 0\r\n\r\n", &o.w.peer_addr);
	world_expect_skip(&o.w, "400");
	assert_int_equal(0, o.requests);
	assert_int_equal(0, stack_transactions(o.w.stack));
	close_owner(&o);
}


static void who_is_forgotten_is_answered_500(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	o.st = mem_deref(o.st);
	world_expect_skip(&o.w, "500");
	world_advance(&o.w, 500);
	world_expect_skip(&o.w, "500");
	ask(&o, "ACK", "a", ";tag=x", "");
	world_advance(&o.w, 5000);
	assert_int_equal(0, stack_transactions(o.w.stack));
	world_expect_nothing(&o.w);
	close_owner(&o);
}


/* Without owner the 2xx is repeated all the same, and its ACK absorbed */
static void it_lives_on_when_answered(void **state)
{
	struct owner o;
	char *tag;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	assert_int_equal(0, reply(&o, 200));
	o.st = mem_deref(o.st);
	tag = own_tag(&o, "200");
	world_advance(&o.w, 500);
	world_expect_skip(&o.w, "200");
	ask(&o, "ACK", "b", tag, "");
	world_advance(&o.w, 32000);
	world_expect_nothing(&o.w);
	assert_int_equal(0, stack_transactions(o.w.stack));
	mem_deref(tag);
	close_owner(&o);
}


static void rejects_with_headers(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	struct pl val;
	(void)state;

	open_owner(&o);
	ask(&o, "OPTIONS", "a", "", "");
	strans_rejectf(o.st, 405, "Method Not Allowed", "Allow: %s\r\n",
		       "INVITE");
	o.st = NULL;
	msg = world_expect(&o.w, "405");
	val = world_header(msg, SIP_HDR_ALLOW);
	assert_pl_equal(&val, "INVITE");
	assert_int_equal(0, sip_msg_hdr_count(msg, SIP_HDR_RECORD_ROUTE));
	mem_deref(msg);
	close_owner(&o);
}


static struct listener *tcp(struct stack *stack, const char *host)
{
	struct listener_conf conf = { .name = "tcp", .tp = SIP_TRANSP_TCP };
	struct listener *lsnr;

	assert_int_equal(0, sa_set_str(&conf.laddr, host, 0));
	assert_int_equal(0, listener_alloc(&lsnr, stack, &conf));

	return lsnr;
}


static void client_handler(int err, const struct sip_msg *msg, void *arg)
{
	uint16_t *scode = arg;

	assert_int_equal(0, err);
	*scode = msg->scode;
}


/* Timers D, I, J, K are zero over a reliable transport, and nothing is
   repeated: two stacks, one connection */
static void over_a_connection_nothing_lingers(void **state)
{
	static const char *const methodv[] = { "INVITE", "OPTIONS" };
	struct stack_conf conf = { 0 };
	struct target target = { .tp = SIP_TRANSP_TCP };
	struct listener *server, *client;
	struct stack *stack;
	struct flow *flow;
	struct owner o;
	(void)state;

	open_owner(&o);
	conf.wheel = o.w.wheel;
	assert_int_equal(0, stack_alloc(&stack, &conf));
	server = tcp(o.w.stack, "127.0.73.1");
	client = tcp(stack, "127.0.73.4");
	target.lsnr = client;
	target.addr = *listener_laddr(server);
	assert_int_equal(0, flow_get(&flow, stack, &target));

	for (size_t i = 0; i < ARRAY_SIZE(methodv); i++) {

		struct mbuf *mb = mbuf_alloc(512);
		struct ctrans *ct;
		uint16_t scode = 0;

		assert_int_equal(0, mbuf_printf(mb,
			"%s sip:a@b SIP/2.0\r\n"
			"Via: SIP/2.0/TCP %H;branch=z9hG4bKx;rport\r\n"
			"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\n"
			"To: <sip:a@b>\r\nCall-ID: %zu\r\nCSeq: 1 %s\r\n"
			"Content-Length: 0\r\n\r\n", methodv[i],
			listener_sentby, client, i, methodv[i]));
		mb->pos = 0;
		assert_int_equal(0, ctrans_start(&ct, stack, flow,
						 methodv[i], "z9hG4bKx", mb,
						 true, client_handler,
						 &scode));
		for (int n = 0; o.requests == i && n < 500; n++)
			world_pump(&o.w);
		assert_int_equal(i + 1, o.requests);
		assert_int_equal(0, reply(&o, 404));
		for (int n = 0; (!scode || stack_transactions(o.w.stack)) &&
			     n < 500; n++)
			world_pump(&o.w);
		assert_int_equal(404, scode);
		assert_int_equal(0, stack_transactions(stack));
		assert_int_equal(0, stack_transactions(o.w.stack));
		mem_deref(ct);
		mem_deref(mb);
	}
	assert_int_equal(1, o.acks);

	mem_deref(flow);
	mem_deref(client);
	mem_deref(stack);
	mem_deref(server);
	close_owner(&o);
}


static void the_end_of_the_stack_ends_it(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	o.w.lsnr  = mem_deref(o.w.lsnr);
	o.w.stack = mem_deref(o.w.stack);
	assert_int_equal(EALREADY, reply(&o, 200));
	close_owner(&o);
}


static int reply_call(void *arg)
{
	return reply(arg, 180);
}


static void without_memory_it_may_try_again(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "INVITE", "a", "", "");
	oom_walk(reply_call, &o);
	world_expect_skip(&o.w, "180");
	world_expect_nothing(&o.w);
	close_owner(&o);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trying_is_said_after_200_ms),
		cmocka_unit_test(answers_copy_what_they_must),
		cmocka_unit_test(a_repeated_request_gets_the_same_answer),
		cmocka_unit_test(a_refusal_is_repeated_until_acknowledged),
		cmocka_unit_test(a_refusal_without_ack_is_given_up),
		cmocka_unit_test(a_success_is_repeated_until_acknowledged),
		cmocka_unit_test(a_success_without_ack_is_given_up),
		cmocka_unit_test(cancel_ends_what_is_not_answered),
		cmocka_unit_test(cancel_comes_too_late),
		cmocka_unit_test(the_same_request_by_another_way_is_refused),
		cmocka_unit_test(branches_of_old_are_refused),
		cmocka_unit_test(who_is_forgotten_is_answered_500),
		cmocka_unit_test(it_lives_on_when_answered),
		cmocka_unit_test(rejects_with_headers),
		cmocka_unit_test(over_a_connection_nothing_lingers),
		cmocka_unit_test(without_memory_it_may_try_again),
		cmocka_unit_test(the_end_of_the_stack_ends_it),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
