/**
 * @file test_gate.c  How much of the thread's time a source may have
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "bridge/sip/gate.h"
#include "bridge/sip/stack.h"


enum { STRANGERS = 40, STRANGER = 10, RATE = 10 };

static const char options[] = "OPTIONS sip:a@b SIP/2.0\r\n";
static const char invite[]  = "INVITE sip:a@b SIP/2.0\r\n";
static const char answer[]  = "SIP/2.0 200 OK\r\n";


struct fixture {
	struct wheel *wheel;
	struct stack *stack;
	struct gate *gate;
	uint64_t now;
	struct stack_source about;
};


static void source_h(const struct listener *lsnr, const struct sa *peer,
		     struct stack_source *src, void *arg)
{
	const struct fixture *f = arg;
	struct sa known;

	(void)lsnr;
	*src = f->about;
	(void)sa_set_str(&known, "192.0.2.1", 0);
	if (sa_cmp(&known, peer, SA_ADDR))
		src->known = true;
}


static void request_h(struct strans *st, const struct sip_msg *msg, void *arg)
{
	(void)st;
	(void)msg;
	(void)arg;
}


static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	struct stack_conf conf = {
		.handshakes = STRANGERS, .handshakes_source = STRANGER,
	};

	memset(f, 0, sizeof(*f));
	f->now = 1000;
	assert_int_equal(wheel_alloc(&f->wheel, f->now), 0);
	conf.wheel = f->wheel;
	assert_int_equal(stack_alloc(&f->stack, &conf), 0);
	stack_handlers_set(f->stack, request_h, NULL, f);
	stack_source_set(f->stack, source_h);
	assert_int_equal(gate_alloc(&f->gate, f->stack, &conf), 0);
	*state = f;

	return 0;
}


static int teardown(void **state)
{
	struct fixture *f = *state;

	mem_deref(f->gate);
	mem_deref(f->stack);
	mem_deref(f->wheel);

	return 0;
}


static void pass(struct fixture *f, uint64_t ms)
{
	f->now += ms;
	wheel_advance(f->wheel, f->now);
}


static bool shake(struct fixture *f, const char *from)
{
	struct sa peer;
	bool known;

	assert_int_equal(sa_set_str(&peer, from, 5061), 0);

	return gate_handshake(f->gate, NULL, &peer, &known);
}


/** @return how many of them may */
static unsigned shakes(struct fixture *f, const char *from, unsigned n)
{
	unsigned may = 0;

	while (n--)
		may += shake(f, from);

	return may;
}


static void strangers_have_little_and_known_ones_enough(void **state)
{
	struct fixture *f = *state;
	unsigned may = 0;
	char from[32];

	/* a network is one source, and may begin two seconds' worth */
	assert_int_equal(shakes(f, "203.0.113.1", 12), 12);
	assert_int_equal(shakes(f, "203.0.113.200", 100), 8);
	assert_int_equal(shakes(f, "2001:db8:1::1", 12), 12);
	assert_int_equal(shakes(f, "2001:db8:1:ffff::1", 100), 8);

	/* from everywhere: those of all are bounded too */
	for (unsigned i = 0; i < 200; i++) {
		(void)re_snprintf(from, sizeof(from), "198.51.%u.1", i);
		may += shakes(f, from, 2);
	}
	assert_int_equal(may, 2 * STRANGERS - 40);

	/* who is known does not feel it */
	assert_int_equal(shakes(f, "192.0.2.1", 100), 100);

	pass(f, 1000);
	assert_int_equal(shakes(f, "203.0.113.1", 100), STRANGER);
}


static void a_good_certificate_makes_a_network_known(void **state)
{
	struct fixture *f = *state;
	struct sa peer;
	char from[32];

	assert_int_equal(sa_set_str(&peer, "203.0.113.7", 0), 0);
	gate_proven(f->gate, NULL, &peer);

	/* however many others come, and go nowhere */
	for (unsigned i = 0; i < 60000; i++) {
		(void)re_snprintf(from, sizeof(from), "10.%u.%u.1", i / 250,
				  i % 250);
		(void)shake(f, from);
	}
	assert_false(shake(f, "198.51.100.1"));
	assert_int_equal(shakes(f, "203.0.113.9", 100), 100);

	/* and not for ever */
	pass(f, 3600 * 1000 + 1);
	assert_int_equal(shakes(f, "203.0.113.9", 1000), 2 * STRANGER);
}


static enum gate_verdict message(struct fixture *f, const char *text)
{
	struct sa peer;

	assert_int_equal(sa_set_str(&peer, "203.0.113.5", 5060), 0);

	return gate_message(f->gate, NULL, &peer, (const uint8_t *)text,
			    strlen(text));
}


/** @return how many go on */
static unsigned messages(struct fixture *f, const char *text, unsigned n,
			 enum gate_verdict verdict)
{
	unsigned c = 0;

	while (n--)
		c += message(f, text) == verdict;

	return c;
}


static void a_pbx_gone_mad_keeps_its_calls(void **state)
{
	struct fixture *f = *state;
	struct sa peer;

	f->about.rate = RATE;
	assert_int_equal(messages(f, options, 100, GATE_PASS), 3 * RATE);
	assert_int_equal(messages(f, options, 100, GATE_TELL), 0);
	assert_int_equal(messages(f, invite, RATE - 1, GATE_PASS), RATE - 1);
	assert_int_equal(message(f, answer), GATE_PASS);
	assert_int_equal(message(f, invite), GATE_PASS);
	assert_int_equal(message(f, invite), GATE_DROP);
	assert_int_equal(message(f, answer), GATE_DROP);

	/* a second later: five are told, calls have what there is */
	pass(f, 1000);
	assert_int_equal(messages(f, options, 100, GATE_TELL), 5);
	assert_int_equal(messages(f, invite, 100, GATE_PASS), RATE);

	/* who answers what was not asked pays for it */
	pass(f, 1000);
	assert_int_equal(sa_set_str(&peer, "203.0.113.5", 5060), 0);
	assert_int_equal(messages(f, answer, 100, GATE_PASS), 100);
	for (unsigned i = 0; i < RATE; i++)
		gate_stray(f->gate, NULL, &peer);
	assert_int_equal(message(f, answer), GATE_DROP);

	/* another address has its own, and a new limit is heeded */
	f->about.rate = 0;
	pass(f, 1000);
	assert_int_equal(messages(f, options, 1000, GATE_PASS), 1000);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			strangers_have_little_and_known_ones_enough, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_good_certificate_makes_a_network_known, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_pbx_gone_mad_keeps_its_calls, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
