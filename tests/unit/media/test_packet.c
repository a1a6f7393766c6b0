/**
 * @file test_packet.c  RTP, reports and events as octets; MOS
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bridge/media/dtmf.h"
#include "bridge/media/media.h"
#include "bridge/media/report.h"


static void header_with_everything(void **state)
{
	uint8_t p[] = {
		0xb1, 0x80 | 8, 0x12, 0x34, 0, 0, 0, 160, 0, 0, 0, 7,
		1, 1, 1, 1,                            /* CSRC        */
		0xbe, 0xde, 0, 1, 9, 9, 9, 9,          /* extension   */
		0xd5, 0xd5, 0xd5, 0, 0, 3,             /* padded by 3 */
	};
	struct packet pkt;

	(void)state;
	assert_true(packet_decode(&pkt, p, sizeof(p)));
	assert_int_equal(pkt.size, 3);
	assert_int_equal(pkt.payload[0], 0xd5);
	assert_int_equal(pkt.seq, 0x1234);
	assert_int_equal(pkt.pt, 8);
	assert_true(pkt.marker);

	/* cut anywhere, padding cannot be right, or the header ends early */
	for (size_t n = 0; n < sizeof(p) - 1; n++)
		assert_false(packet_decode(&pkt, p, n));

	p[sizeof(p) - 1] = 7;
	assert_false(packet_decode(&pkt, p, sizeof(p)));
	p[0] = 0x70;
	assert_false(packet_decode(&pkt, p, sizeof(p)));
}


static void report_there_and_back(void **state)
{
	const struct report out = {
		.ssrc = 1, .sender = true, .ntp = 0x0102030405060708,
		.ts = 9, .packets = 10, .octets = 11, .has_block = true,
		.block = { .ssrc = 2, .fraction = 3, .lost = 4, .max_seq = 5,
			   .jitter = 6, .lsr = 7, .dlsr = 8 },
	};
	struct report in;
	uint8_t p[REPORT_MAX];
	size_t n;

	(void)state;
	n = report_encode(p, &out, "0123456789abcdef01234567");
	assert_true(n <= REPORT_MAX && n % 4 == 0);
	assert_true(report_decode(&in, p, n, 2));
	assert_int_equal(in.ntp, out.ntp);
	assert_int_equal(in.packets, 10);
	assert_memory_equal(&in.block, &out.block, sizeof(in.block));

	assert_true(report_decode(&in, p, n, 3));
	assert_false(in.has_block);

	for (size_t cut = 1; cut < n; cut++) {
		if (cut != 52)     /* there the SR ends, a packet by itself */
			assert_false(report_decode(&in, p, cut, 2));
	}

	p[0] = 0x80 | 2;           /* two blocks, of which one is there */
	assert_false(report_decode(&in, p, n, 2));
	p[0] = 0x80 | 1;
	p[1] = 203;                /* BYE is not for us */
	assert_false(report_decode(&in, p, n, 2));
}


static bool hear(struct dtmf_in *in, uint8_t event, uint32_t ts, bool end,
		 uint64_t now_us, char *digit)
{
	uint8_t payload[DTMF_PAYLOAD];
	const struct packet pkt = { .payload = payload, .size = DTMF_PAYLOAD,
				    .ts = ts, .ssrc = 1 };

	dtmf_encode(payload, event, end, 160);

	return dtmf_begins(in, &pkt, now_us, digit);
}


static void each_digit_once(void **state)
{
	struct dtmf_in in = { 0 };
	char digit = 0;

	(void)state;
	assert_true(hear(&in, 5, 1000, false, 0, &digit));
	assert_int_equal(digit, '5');
	assert_false(hear(&in, 5, 1000, false, 20000, &digit));
	assert_false(hear(&in, 5, 1000, true, 40000, &digit));
	assert_false(hear(&in, 5, 1000, true, 60000, &digit));

	/* the same digit again; then an old end, late */
	assert_true(hear(&in, 5, 3000, false, 80000, &digit));
	assert_false(hear(&in, 5, 1000, true, 90000, &digit));

	/* no end was heard of that one: the next counts all the same */
	assert_true(hear(&in, 11, 5000, false, 120000, &digit));
	assert_int_equal(digit, '#');

	/* all but its ends was lost: they are said thrice, and heard once */
	assert_true(hear(&in, 7, 7000, true, 140000, &digit));
	assert_int_equal(digit, '7');
	assert_true(in.ended);
	assert_false(hear(&in, 7, 7000, true, 140000, &digit));
	assert_false(hear(&in, 7, 7000, false, 150000, &digit));

	/* no such event */
	assert_false(hear(&in, 17, 9000, false, 160000, &digit));
}


static void long_digit_goes_on(void **state)
{
	struct dtmf_in in = { 0 };
	char digit;

	(void)state;
	assert_true(hear(&in, 1, 1000, false, 0, &digit));
	assert_false(hear(&in, 1, 1000 + 0xffff, false, 8191875, &digit));
}


static void at_most_twenty_a_second(void **state)
{
	struct dtmf_in in = { 0 };
	unsigned n = 0;
	char digit;

	(void)state;
	for (uint32_t i = 1; i <= 100; i++)
		n += hear(&in, i % 10, 400 * i, false, i * 5000, &digit);
	assert_int_equal(n, 20);
}


static void digits_have_numbers(void **state)
{
	(void)state;
	assert_int_equal(dtmf_event('0'), 0);
	assert_int_equal(dtmf_event('*'), 10);
	assert_int_equal(dtmf_event('#'), 11);
	assert_int_equal(dtmf_event('d'), 15);
	assert_int_equal(dtmf_event('!'), 16);
	assert_int_equal(dtmf_event('x'), -1);
	assert_int_equal(dtmf_event('\0'), -1);
}


static void mos_falls_with_loss_and_delay(void **state)
{
	const double good = quality_mos(30, 0, "PCMA");

	(void)state;
	assert_true(good > 4.3 && good < 4.5);
	assert_true(quality_mos(30, 50, "PCMA") < good - 0.3);
	assert_true(quality_mos(400, 0, "PCMA") < good - 0.5);
	assert_true(quality_mos(30, 0, "G729") < good - 0.1);
	assert_true(quality_mos(30, 0, NULL) < good);
	assert_true(quality_mos(3000, 900, "PCMA") >= 1);
}


static void digits_of_two_ways_are_paired(void **state)
{
	struct dtmf_pairs pairs = {.next = 0};
	(void)state;

	/* three of a key, and then what INFO says of them */
	for (unsigned i = 0; i < 3; i++)
		assert_true(dtmf_is_new(&pairs, DTMF_VOICE, '5', 1000 + i));
	assert_true(dtmf_is_new(&pairs, DTMF_SIGNAL, '6', 2000));
	for (unsigned i = 0; i < 3; i++)
		assert_false(dtmf_is_new(&pairs, DTMF_SIGNAL, '5', 2000 + i));
	assert_true(dtmf_is_new(&pairs, DTMF_SIGNAL, '5', 2003));

	/* too late is another key */
	assert_true(dtmf_is_new(&pairs, DTMF_VOICE, '5', 2002003));
	assert_false(dtmf_is_new(&pairs, DTMF_SIGNAL, '5', 4002002));

	/* a long one: its end counts */
	assert_true(dtmf_is_new(&pairs, DTMF_VOICE, '9', 5000000));
	dtmf_ended(&pairs, '9', 9000000);
	assert_false(dtmf_is_new(&pairs, DTMF_SIGNAL, '9', 9100000));
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_with_everything),
		cmocka_unit_test(report_there_and_back),
		cmocka_unit_test(each_digit_once),
		cmocka_unit_test(long_digit_goes_on),
		cmocka_unit_test(at_most_twenty_a_second),
		cmocka_unit_test(digits_have_numbers),
		cmocka_unit_test(digits_of_two_ways_are_paired),
		cmocka_unit_test(mos_falls_with_loss_and_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
