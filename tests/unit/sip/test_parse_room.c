/**
 * @file test_parse_room.c  Messages whose memory is used again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/sip/parse.h"
#include "bridge/sip/parse_room.h"


static const char first[] =
	"SIP/2.0 200 OK\r\n"
	"Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKa\r\n"
	"From: <sip:101@pbx.example>;tag=f1\r\n"
	"To: <sip:101@pbx.example>;tag=t1\r\n"
	"Call-ID: first\r\nCSeq: 1 REGISTER\r\n"
	"Contact: <sip:101@10.0.0.5>;expires=60\r\n"
	"Content-Length: 0\r\n\r\n";

static const char second[] =
	"SIP/2.0 401 Unauthorized\r\n"
	"Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKb\r\n"
	"From: <sip:102@pbx.example>;tag=f2\r\n"
	"To: <sip:102@pbx.example>\r\n"
	"Call-ID: second\r\nCSeq: 2 REGISTER\r\n\r\n";


static struct sip_msg *read_text(struct parse_room *room, const char *text)
{
	struct sip_msg *msg = NULL;
	struct mbuf *mb;
	size_t plainc;

	assert_int_equal(0, parse_room_fill(&mb, room, (const uint8_t *)text,
					    strlen(text)));
	assert_int_equal(0, parse_message(&msg, &plainc, room, mb));
	assert_true(plainc > 0);
	mem_deref(mb);

	return msg;
}


static void leave(struct parse_room *room, struct sip_msg *msg)
{
	mem_deref(msg);
	parse_room_leave(room);
}


static void nothing_of_the_last_message_is_in_the_next(void **state)
{
	struct parse_room *room;
	struct sip_msg *msg, *was;
	(void)state;

	assert_int_equal(0, parse_room_alloc(&room));

	was = read_text(room, first);
	assert_int_equal(0, pl_strcmp(&was->callid, "first"));
	leave(room, was);

	msg = read_text(room, second);
	assert_ptr_equal(was, msg);
	assert_int_equal(401, msg->scode);
	assert_int_equal(0, pl_strcmp(&msg->callid, "second"));
	assert_false(pl_isset(&msg->to.tag));
	assert_false(pl_isset(&msg->clen));
	assert_null(sip_msg_hdr(msg, SIP_HDR_CONTACT));
	assert_int_equal(1, sip_msg_hdr_count(msg, SIP_HDR_VIA));
	leave(room, msg);

	mem_deref(room);
}


static void what_somebody_keeps_stays_as_it_was(void **state)
{
	struct parse_room *room;
	struct sip_msg *kept, *msg;
	(void)state;

	assert_int_equal(0, parse_room_alloc(&room));

	kept = mem_ref(read_text(room, first));
	leave(room, kept);

	msg = read_text(room, second);
	assert_ptr_not_equal(kept, msg);
	assert_int_equal(0, pl_strcmp(&kept->callid, "first"));
	assert_int_equal(1, sip_msg_hdr_count(kept, SIP_HDR_CONTACT));
	leave(room, msg);

	mem_deref(room);
	assert_int_equal(0, pl_strcmp(&kept->callid, "first"));
	mem_deref(kept);
}


/** As when the body of a message is kept, and the message is not */
static void octets_that_somebody_keeps_stay(void **state)
{
	struct parse_room *room;
	struct sip_msg *msg;
	struct mbuf *mb;
	(void)state;

	assert_int_equal(0, parse_room_alloc(&room));

	msg = read_text(room, first);
	mb = mem_ref(msg->mb);
	leave(room, msg);

	msg = read_text(room, second);
	assert_ptr_not_equal(mb, msg->mb);
	assert_memory_equal(mb->buf, first, sizeof(first) - 1);
	leave(room, msg);
	mem_deref(mb);

	mem_deref(room);
}


/** A message that comes while another one is handled */
static void one_within_another_has_its_own(void **state)
{
	struct parse_room *room;
	struct sip_msg *outer, *inner;
	(void)state;

	assert_int_equal(0, parse_room_alloc(&room));

	outer = read_text(room, first);
	inner = read_text(room, second);
	assert_ptr_not_equal(outer, inner);
	leave(room, inner);
	assert_int_equal(0, pl_strcmp(&outer->callid, "first"));
	leave(room, outer);

	mem_deref(room);
}


/** A flow lives on with whom it has to do, and not with a message that has
    been handled */
static void no_flow_is_held(void **state)
{
	struct parse_room *room;
	struct sip_msg *msg;
	void *flow = mem_zalloc(1, NULL);
	(void)state;

	assert_int_equal(0, parse_room_alloc(&room));

	msg = read_text(room, first);
	msg->sock = mem_ref(flow);
	leave(room, msg);
	assert_int_equal(1, mem_nrefs(flow));

	mem_deref(room);
	mem_deref(flow);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(nothing_of_the_last_message_is_in_the_next),
		cmocka_unit_test(what_somebody_keeps_stays_as_it_was),
		cmocka_unit_test(octets_that_somebody_keeps_stay),
		cmocka_unit_test(one_within_another_has_its_own),
		cmocka_unit_test(no_flow_is_held),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
