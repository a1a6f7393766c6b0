/**
 * @file test_trace.c  The ring of the last messages
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/sip/trace.h"


enum { SIZE = 1 << 17 };


static void add(struct trace *trace, bool tx, const char *text)
{
	struct sa sa;

	assert_int_equal(0, sa_set_str(&sa, "192.0.2.1", 5060));
	trace_add(trace, tx, SIP_TRANSP_UDP, &sa, &sa, "pbx",
		  (const uint8_t *)text, strlen(text));
}


static void add_call(struct trace *trace, const char *callid,
		     const char *extra)
{
	char text[4096];

	(void)snprintf(text, sizeof(text), "INVITE sip:a@x SIP/2.0\r\n"
		       "Call-ID: %s\r\nCSeq: 1 INVITE\r\n%s", callid, extra);
	add(trace, true, text);
}


struct seen {
	unsigned count;
	char last[4096];
};


static int seen_handler(const struct trace_msg *msg, void *arg)
{
	struct seen *seen = arg;

	++seen->count;
	assert_true(msg->size < sizeof(seen->last));
	memcpy(seen->last, msg->data, msg->size);
	seen->last[msg->size] = '\0';

	return 0;
}


static struct seen look(struct trace *trace, const char *subject)
{
	struct seen seen = {0, ""};

	assert_int_equal(0, trace_apply(trace, subject, seen_handler, &seen));

	return seen;
}


static void messages_are_found_by_call_id_and_subject(void **state)
{
	struct trace *trace;

	(void)state;

	assert_int_equal(0, trace_alloc(&trace, SIZE));
	add_call(trace, "one", "\r\n");
	add_call(trace, "two", "\r\n");
	add(trace, false, "SIP/2.0 200 OK\r\ni : one\r\n\r\nCall-ID: two");

	assert_int_equal(2, look(trace, "one").count);
	assert_int_equal(1, look(trace, "two").count);
	assert_int_equal(0, look(trace, "ann@pbx").count);

	trace_tag(trace, "one", "ann@pbx");
	trace_tag(trace, "one", "ann@pbx");
	trace_tag(trace, "two", "call-7");
	trace_tag(trace, "one", "call-7");
	assert_int_equal(2, look(trace, "ann@pbx").count);
	assert_int_equal(3, look(trace, "call-7").count);

	mem_deref(trace);
}


static void credentials_are_masked_when_read(void **state)
{
	static const char *const secretv[] = {
		"6629fae4", "0a4f113b", "KEYKEYKEY", "icepass", "dd77",
	};
	struct trace *trace;
	struct seen seen;

	(void)state;

	assert_int_equal(0, trace_alloc(&trace, SIZE));
	add_call(trace, "c", "Authorization: Digest username=\"ann\", "
		 "realm=\"r\", response=\"6629fae4\",\r\n cnonce=\"0a4f113b\""
		 "\r\nProxy-Authorization: Digest RESPONSE = dd77, nc=1\r\n"
		 "\r\nv=0\r\na=crypto:1 AES inline:KEYKEYKEY|2^31\r\n"
		 "a=ice-pwd:icepass\r\n");
	seen = look(trace, "c");
	assert_int_equal(1, seen.count);

	for (size_t i = 0; i < sizeof(secretv) / sizeof(secretv[0]); i++)
		if (strstr(seen.last, secretv[i]))
			fail_msg("%s in %s", secretv[i], seen.last);

	assert_non_null(strstr(seen.last, "username=\"ann\""));
	assert_non_null(strstr(seen.last, "response=\"xxxxxxxx\""));
	assert_non_null(strstr(seen.last, "inline:xxxxxxxxx|2^31"));
	assert_non_null(strstr(seen.last, "nc=1"));

	mem_deref(trace);
}


/** Messages in a row: each tells its number and its size */
struct row {
	unsigned next;             /* 0: any may be the first */
	size_t octets;
};


static int row_handler(const struct trace_msg *msg, void *arg)
{
	struct row *row = arg;
	unsigned n;
	size_t size;

	assert_int_equal(2, sscanf(msg->data, "BYE sip:%u SIP/2.0\r\n"
				   "Call-ID: same\r\nSize: %zu\r\n", &n,
				   &size));
	if (row->next)
		assert_int_equal(row->next, n);
	assert_int_equal(size, msg->size);
	assert_int_equal('b', msg->data[size - 1]);
	row->next    = n + 1;
	row->octets += size;

	return 0;
}


/** Sizes of all kinds, many times round: the newest are always there, in
    order, and whole */
static void ring_keeps_the_newest(void **state)
{
	struct trace *trace;
	unsigned seed = 1;
	char *text = malloc(70000);

	(void)state;

	assert_int_equal(0, trace_alloc(&trace, SIZE));

	for (unsigned i = 1; i < 3000; i++) {

		struct row row = {0, 0};
		size_t l, size;

		seed = seed * 1103515245 + 12345;
		size = i % 50 ? 100 + seed / 65536 % 3000 : 65536;
		l = (size_t)sprintf(text, "BYE sip:%u SIP/2.0\r\n"
				    "Call-ID: same\r\nSize: %zu\r\n\r\n",
				    i, size);
		memset(text + l, 'b', size - l);
		trace_add(trace, false, SIP_TRANSP_TCP, NULL, NULL, "pbx",
			  (uint8_t *)text, size);

		if (i % 7)
			continue;

		assert_int_equal(0, trace_apply(trace, "same", row_handler,
						&row));
		assert_int_equal(i + 1, row.next);
		if (i > 200)
			assert_true(row.octets >= 15000);
	}

	/* what is too large for the ring is not taken, and harms nothing */
	trace_add(trace, false, SIP_TRANSP_TCP, NULL, NULL, "pbx",
		  (uint8_t *)text, 65537);
	{
		struct row row = {0, 0};

		assert_int_equal(0, trace_apply(trace, "same", row_handler,
						&row));
		assert_int_equal(3000, row.next);
	}

	free(text);
	mem_deref(trace);
}


static void tags_give_way_to_newer_ones(void **state)
{
	struct trace *trace;

	(void)state;

	assert_int_equal(0, trace_alloc(&trace, SIZE));
	add_call(trace, "old", "\r\n");
	trace_tag(trace, "old", "ann");
	assert_int_equal(1, look(trace, "ann").count);

	for (unsigned i = 0; i < 8192; i++) {
		char callid[32];

		(void)snprintf(callid, sizeof(callid), "n%u", i);
		trace_tag(trace, callid, "bob");
	}
	assert_int_equal(0, look(trace, "ann").count);

	mem_deref(trace);
}


static int stop_handler(const struct trace_msg *msg, void *arg)
{
	(void)msg;
	++*(unsigned *)arg;

	return ECANCELED;
}


static void reader_may_stop(void **state)
{
	struct trace *trace;
	unsigned count = 0;

	(void)state;

	assert_int_equal(0, trace_alloc(&trace, SIZE));
	add_call(trace, "c", "\r\n");
	add_call(trace, "c", "\r\n");
	assert_int_equal(ECANCELED, trace_apply(trace, "c", stop_handler,
						&count));
	assert_int_equal(1, count);
	mem_deref(trace);
}


static int print_ladder(struct re_printf *pf, void *arg)
{
	return trace_ladder(pf, arg, "c");
}


static void ladder_is_for_people(void **state)
{
	struct trace *trace;
	char text[2048];

	(void)state;

	assert_int_equal(0, trace_alloc(&trace, SIZE));
	add_call(trace, "c", "\r\nv=0\r\ns=-\r\n");
	add(trace, false, "SIP/2.0 180 Ringing\r\nCall-ID: c\r\n"
	    "CSeq: 1 INVITE\r\n\r\n");
	add(trace, false, "BYE sip:\x1b[31m SIP/2.0\r\nCall-ID: c\r\n\r\n");

	assert_true(re_snprintf(text, sizeof(text), "%H", print_ladder,
				trace) > 0);
	assert_non_null(strstr(text, "0.000  pbx    |--"));
	assert_non_null(strstr(text, "- INVITE +SDP -"));
	assert_non_null(strstr(text, "->| UDP 192.0.2.1:5060\n"));
	assert_non_null(strstr(text, "|<-"));
	assert_non_null(strstr(text, "- 180 Ringing (INVITE) -"));
	assert_non_null(strstr(text, "- BYE -"));
	assert_null(strchr(text, '\x1b'));

	mem_deref(trace);
}


/** A call of two legs, as people draw it: the PBX left, Teams right */
static void ladder_of_both_sides(void **state)
{
	static const char invite[] = "INVITE sip:x SIP/2.0\r\n"
		"Call-ID: c\r\n\r\nv=0\r\n";
	static const char ringing[] = "SIP/2.0 180 Ringing\r\n"
		"Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
	struct trace *trace;
	char text[2048];
	struct sa pbx, teams;
	(void)state;

	assert_int_equal(0, sa_set_str(&pbx, "192.0.2.1", 5060));
	assert_int_equal(0, sa_set_str(&teams, "52.114.1.2", 5061));
	assert_int_equal(0, trace_alloc(&trace, SIZE));
	trace_add(trace, false, SIP_TRANSP_UDP, &pbx, &pbx, "pbx",
		  (const uint8_t *)invite, strlen(invite));
	trace_add(trace, true, SIP_TRANSP_TLS, &teams, &teams, "teams",
		  (const uint8_t *)invite, strlen(invite));
	trace_add(trace, false, SIP_TRANSP_TLS, &teams, &teams, "teams",
		  (const uint8_t *)ringing, strlen(ringing));
	trace_add(trace, true, SIP_TRANSP_UDP, &pbx, &pbx, "pbx",
		  (const uint8_t *)ringing, strlen(ringing));

	assert_true(re_snprintf(text, sizeof(text), "%H", print_ladder,
				trace) > 0);
	assert_non_null(strstr(text, "|--------- INVITE +SDP --------->|"
			       "                                |\n"));
	assert_non_null(strstr(text, "|                                "
			       "|--------- INVITE +SDP --------->|\n"));
	assert_non_null(strstr(text, "|<---- 180 Ringing (INVITE) -----|"
			       "\n"));
	assert_non_null(strstr(text, "|<---- 180 Ringing (INVITE) -----|"
			       "                                |\n"));
	assert_non_null(strstr(text, "PBX: UDP 192.0.2.1:5060\n"));
	assert_non_null(strstr(text, "Teams: TLS 52.114.1.2:5061\n"));

	for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
		assert_true(strcspn(p, "\n") < 80);

	mem_deref(trace);
}


#define REGISTER(n, to)							\
	"REGISTER sip:x SIP/2.0\r\nCall-ID: r" n "\r\n" to		\
	"CSeq: 1 REGISTER\r\nAuthorization: Digest response=\"secret\"\r\n\r\n"


static void registrations_are_found_by_their_user(void **state)
{
	struct trace *trace;
	(void)state;

	assert_int_equal(0, trace_alloc(&trace, SIZE));
	add(trace, true, REGISTER("1", "To: <sip:10@x>\r\n"));
	add(trace, true, REGISTER("2", "t:sip:10@x\r\n"));
	add(trace, true, REGISTER("3", "To: <sip:101@x>\r\n"));
	add(trace, true, REGISTER("4", "To: <sip:10@x.example>\r\n"));
	add_call(trace, "5", "To: <sip:10@x>\r\n\r\n");
	assert_int_equal(2, look(trace, "sip:10@x").count);
	assert_int_equal(1, look(trace, "sip:101@x").count);
	mem_deref(trace);
}


static void a_failure_is_kept_when_the_ring_has_gone_on(void **state)
{
	char text[] = REGISTER("1", "To: <sip:10@x>\r\n");
	char answer[] = "SIP/2.0 403 No\r\nTo: <sip:10@x>\r\n\r\n";
	struct trace_msg v[2];
	struct trace *trace;
	struct seen seen;
	(void)state;

	assert_int_equal(0, trace_alloc(&trace, SIZE));
	memset(v, 0, sizeof(v));
	v[0].tx   = true;
	v[0].data = text;
	v[0].size = strlen(text);
	v[1].data = answer;
	v[1].size = strlen(answer);

	add(trace, true, text);
	trace_keep(trace, "sip:10@x", v, 2);
	assert_int_equal(1, look(trace, "sip:10@x").count);

	for (unsigned i = 0; i < 2000; i++)
		add_call(trace, "other", "X: 0123456789\r\n\r\n");
	seen = look(trace, "sip:10@x");
	assert_int_equal(2, seen.count);
	assert_non_null(strstr(seen.last, "403 No"));

	/* one a user, and masked as the others are */
	trace_keep(trace, "sip:10@x", v, 1);
	seen = look(trace, "sip:10@x");
	assert_int_equal(1, seen.count);
	assert_null(strstr(seen.last, "secret"));

	trace_keep_drop(trace, "sip:10@x");
	assert_int_equal(0, look(trace, "sip:10@x").count);

	/* the newest of many */
	for (unsigned i = 0; i <= 16384; i++) {
		char aor[32];

		(void)snprintf(aor, sizeof(aor), "sip:%u@x", i);
		trace_keep(trace, aor, v, 1);
	}
	assert_int_equal(0, look(trace, "sip:0@x").count);
	assert_int_equal(1, look(trace, "sip:16384@x").count);
	assert_int_equal(1, look(trace, "sip:1@x").count);
	mem_deref(trace);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_found_by_call_id_and_subject),
		cmocka_unit_test(credentials_are_masked_when_read),
		cmocka_unit_test(ring_keeps_the_newest),
		cmocka_unit_test(tags_give_way_to_newer_ones),
		cmocka_unit_test(reader_may_stop),
		cmocka_unit_test(registrations_are_found_by_their_user),
		cmocka_unit_test(a_failure_is_kept_when_the_ring_has_gone_on),
		cmocka_unit_test(ladder_is_for_people),
		cmocka_unit_test(ladder_of_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
