/**
 * @file test_guard.c  What is let through to the stack, and what is not
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/sip/guard.h"
#include "bridge/sip/hdrname.h"
#include "bridge/sip/msg.h"
#include "compare.h"


enum { LET_THROUGH = 1, DROPPED = 0 };   /* or the status of the answer */


#define HEAD "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\n" \
	"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n" \
	"From: <sip:b@x>;tag=1\r\nTo: <sip:a@x>\r\n" \
	"Call-ID: c1\r\nCSeq: 7 OPTIONS\r\n"


static int start(const char *text)
{
	return guard_start((const uint8_t *)text, strlen(text));
}


static void only_sip_lines_begin_a_message(void **state)
{
	static const char rest[] = " SIP/2.0\r\nA: b\r\n\r\n";
	char text[3000];

	(void)state;

	assert_int_equal(0, start("INVITE sip:a@b SIP/2.0\r\nA: b\r\n\r\n"));
	assert_int_equal(0, start("SIP/2.0 200 OK\r\nA: b\r\n\r\n"));
	assert_int_equal(0, start("SIP/2.0 200 \r\nA: b\r\n\r\n"));

	assert_int_equal(EBADMSG, start("INVITE sip:a@b SIP/7.0\r\n\r\n"));
	assert_int_equal(EBADMSG, start("INVITE  sip:a@b SIP/2.0\r\n\r\n"));
	assert_int_equal(EBADMSG, start("INVITE sip:a@b  SIP/2.0\r\n\r\n"));
	assert_int_equal(EBADMSG, start("a a a a SIP/2.0\r\n\r\n"));
	assert_int_equal(EBADMSG, start("SIP/2.0 700 No\r\n\r\n"));
	assert_int_equal(EBADMSG, start("SIP/2.0 20 No\r\n\r\n"));
	assert_int_equal(EBADMSG, start("SIP/2.0 4294967496 \r\n\r\n"));
	assert_int_equal(EBADMSG, start("GET / HTTP/1.1\r\n\r\n"));
	assert_int_equal(EBADMSG, start("INVITE sip:a@b SIP/2.0"));
	assert_int_equal(EBADMSG, start(""));

	/* a start line that does not end within 2,048 octets */
	memset(text, 'a', 2100);
	memcpy(text, "INVITE sip:", 11);
	memcpy(text + 2100, rest, sizeof(rest));
	assert_int_equal(EBADMSG, start(text));
	memcpy(text + 2000, rest, sizeof(rest));
	assert_int_equal(0, start(text));
}


static void header_block_is_clean_and_bounded(void **state)
{
	static const char nul[] = "INVITE sip:a SIP/2.0\r\nA: b\0c\r\n\r\n";
	char *text = malloc(200000), *p;

	(void)state;

	assert_int_equal(EBADMSG, guard_start((const uint8_t *)nul,
					      sizeof(nul) - 1));
	assert_int_equal(EBADMSG, start("INVITE sip:a SIP/2.0\r\n"
					"A: b\rX: y\r\n\r\n"));
	assert_int_equal(EBADMSG, start("INVITE sip:a SIP/2.0\r\n"
					"A: b\nX: y\r\n\r\n"));
	assert_int_equal(EBADMSG, start("INVITE sip:a SIP/2.0\r\nA: b\r\n"));

	/* 256 headers, and one more */
	p = text + sprintf(text, "INVITE sip:a SIP/2.0\r\n");
	for (unsigned i = 0; i < 256; i++)
		p += sprintf(p, "A: b\r\n");
	(void)sprintf(p, "\r\n");
	assert_int_equal(0, start(text));
	(void)sprintf(p, "A: b\r\n\r\n");
	assert_int_equal(EBADMSG, start(text));

	/* one long header, also when it is folded */
	p = text + sprintf(text, "INVITE sip:a SIP/2.0\r\nA: ");
	for (unsigned i = 0; i < 900; i++)
		p += sprintf(p, "0123456\r\n ");
	(void)sprintf(p, "\r\n\r\n");
	assert_int_equal(0, start(text));
	for (unsigned i = 0; i < 200; i++)
		p += sprintf(p, "01234567\r\n ");
	(void)sprintf(p, "\r\n\r\n");
	assert_int_equal(EBADMSG, start(text));

	free(text);
}


static int frame(const char *text, size_t avail, size_t *skip, size_t *size)
{
	return guard_frame((const uint8_t *)text, avail, skip, size);
}


static void stream_is_cut_octet_by_octet(void **state)
{
	static const char text[] = "\r\n\r\n" HEAD
		"l : 4\r\n\r\nbodySIP/2.0 ";
	const size_t whole = sizeof(text) - 1 - 4 - 8;
	size_t skip, size;

	(void)state;

	for (size_t n = 0; n < whole + 4; n++) {
		assert_int_equal(0, frame(text, n, &skip, &size));
		assert_int_equal(0, size);
		assert_int_equal(n >= 4 ? 4 : n & ~1u, skip);
	}

	assert_int_equal(0, frame(text, sizeof(text) - 1, &skip, &size));
	assert_int_equal(4, skip);
	assert_int_equal(whole, size);
}


static int frame_length(const char *lines)
{
	char text[1024];
	size_t skip, size;

	(void)snprintf(text, sizeof(text), HEAD "%s\r\n", lines);

	return frame(text, strlen(text), &skip, &size);
}


static void stream_needs_one_plain_length(void **state)
{
	(void)state;

	assert_int_equal(0, frame_length("Content-Length: 0\r\n"));
	assert_int_equal(0, frame_length("content-length:\r\n  12\r\n"));
	assert_int_equal(0, frame_length("L:0\r\n"));

	assert_int_equal(EBADMSG, frame_length(""));
	assert_int_equal(EBADMSG, frame_length("Content-Length:\r\n"));
	assert_int_equal(EBADMSG, frame_length("Content-Length: -1\r\n"));
	assert_int_equal(EBADMSG, frame_length("Content-Length: +1\r\n"));
	assert_int_equal(EBADMSG, frame_length("Content-Length: 1 2\r\n"));
	assert_int_equal(EBADMSG, frame_length("Content-Length: 0x1\r\n"));
	assert_int_equal(EBADMSG, frame_length("Content-Length: 0\r\n"
					       "l: 0\r\n"));
	assert_int_equal(EMSGSIZE, frame_length("Content-Length: 65536\r\n"));
	assert_int_equal(EMSGSIZE, frame_length("Content-Length: "
						"18446744073709551617\r\n"));
}


/** What becomes of a datagram, read by libre and as it is in service */
static int judge(const char *text, size_t size, struct sip_msg **msgp)
{
	struct mbuf *mb;
	struct sip_msg *msg = NULL;
	const char *why = NULL, *differs;
	uint16_t scode = 0;
	int err;

	if (guard_start((const uint8_t *)text, size))
		return DROPPED;

	differs = compare_readers(text, size);
	if (differs)
		fail_msg("%s", differs);

	mb = mbuf_alloc(size);
	assert_non_null(mb);
	(void)mbuf_write_mem(mb, (const uint8_t *)text, size);
	mbuf_set_pos(mb, 0);
	err = sip_msg_decode(&msg, mb);
	mem_deref(mb);
	if (err)
		return DROPPED;

	err = guard_message(msg, 0, true, &scode, &why);
	if (err)
		assert_non_null(why);

	if (msgp && !err)
		*msgp = msg;
	else
		mem_deref(msg);

	return err ? scode : LET_THROUGH;
}


static int judge_lines(const char *lines)
{
	char text[9000];

	(void)snprintf(text, sizeof(text), HEAD "%s\r\n", lines);

	return judge(text, strlen(text), NULL);
}


static int judge_text(const char *text)
{
	return judge(text, strlen(text), NULL);
}


static void required_headers_come_once(void **state)
{
	static const char *const requiredv[] = {
		"From: <sip:b@x>;tag=1\r\n", "To: <sip:a@x>\r\n",
		"Call-ID: c1\r\n", "CSeq: 7 OPTIONS\r\n",
	};

	(void)state;

	assert_int_equal(LET_THROUGH, judge_lines(""));

	for (size_t i = 0; i < 4; i++) {

		char text[1024], lines[128];
		char *at;

		(void)snprintf(lines, sizeof(lines), "%s", requiredv[i]);
		assert_int_equal(400, judge_lines(lines));

		(void)snprintf(text, sizeof(text), HEAD "\r\n");
		at = strstr(text, requiredv[i]);
		assert_non_null(at);
		memmove(at, at + strlen(requiredv[i]),
			strlen(at + strlen(requiredv[i])) + 1);
		assert_int_equal(400, judge_text(text));
	}

	assert_int_equal(400, judge_lines("Max-Forwards: 1\r\n"
					  "Max-Forwards: 2\r\n"));
	assert_int_equal(400, judge_lines("Max-Forwards: 256\r\n"));
	assert_int_equal(400, judge_lines("Max-Forwards: -1\r\n"));
	assert_int_equal(LET_THROUGH, judge_lines("Max-Forwards: 255\r\n"));
	assert_int_equal(400, judge_lines("Content-Length: 0\r\nl: 0\r\n"));
	assert_int_equal(400, judge_lines("Content-Length: 1\r\n"));
}


static int judge_cseq(const char *cseq)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\n"
		       "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n"
		       "From: <sip:b@x>;tag=1\r\nTo: <sip:a@x>\r\n"
		       "Call-ID: c1\r\nCSeq: %s\r\n\r\n", cseq);

	return judge_text(text);
}


static void sequence_number_fits_method_and_range(void **state)
{
	(void)state;

	assert_int_equal(LET_THROUGH, judge_cseq("0 OPTIONS"));
	assert_int_equal(LET_THROUGH, judge_cseq("2147483647 OPTIONS"));
	assert_int_equal(400, judge_cseq("2147483648 OPTIONS"));
	assert_int_equal(400, judge_cseq("4294967297 OPTIONS"));
	assert_int_equal(400, judge_cseq("99999999999 OPTIONS"));
	assert_int_equal(400, judge_cseq("7 INVITE"));
	assert_int_equal(400, judge_cseq("7 options"));
}


static void too_many_are_too_many(void **state)
{
	char lines[8192] = "";

	(void)state;

	for (unsigned i = 0; i < 32; i++)
		strcat(lines, "Route: <sip:r>\r\n");
	assert_int_equal(LET_THROUGH, judge_lines(lines));
	strcat(lines, "Route: <sip:r>\r\n");
	assert_int_equal(513, judge_lines(lines));

	/* many in one line count the same */
	(void)strcpy(lines, "Contact: <sip:c>");
	for (unsigned i = 0; i < 64; i++)
		strcat(lines, ",<sip:c>");
	strcat(lines, "\r\n");
	assert_int_equal(513, judge_lines(lines));
}


static void datagram_ends_where_its_length_says(void **state)
{
	static const char text[] = HEAD "Content-Length: 3\r\n\r\nabcdef";
	struct sip_msg *msg = NULL;

	(void)state;

	assert_int_equal(LET_THROUGH, judge(text, sizeof(text) - 1, &msg));
	assert_int_equal(3, mbuf_get_left(msg->mb));
	mem_deref(msg);
}


static void responses_are_never_answered(void **state)
{
	static const char head[] = "SIP/2.0 200 OK\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n"
		"From: <sip:b@x>;tag=1\r\nTo: <sip:a@x>;tag=2\r\n"
		"Call-ID: c1\r\nCSeq: 7 OPTIONS\r\n";
	char text[1024];

	(void)state;

	(void)snprintf(text, sizeof(text), "%s\r\n", head);
	assert_int_equal(LET_THROUGH, judge_text(text));

	(void)snprintf(text, sizeof(text), "%sCall-ID: c2\r\n\r\n", head);
	assert_int_equal(DROPPED, judge_text(text));

	(void)snprintf(text, sizeof(text), "%sVia: SIP/2.0/UDP "
		       "192.0.2.8;branch=z9hG4bK2\r\n\r\n", head);
	assert_int_equal(DROPPED, judge_text(text));
}


/** A name that hashes to an id that is another header's: RFC names and
    strangers alike (docs/libre.md) */
static void stranger_cannot_pose_as_from_or_call_id(void **state)
{
	static const char text[] = HEAD
		"Y-Vendor-5306: <sip:evil@y>;tag=9\r\n"
		"Y-Vendor-3277: stolen\r\n"
		"Y-Vendor-958: <sip:+1900@y>\r\n\r\n";
	struct sip_msg *msg = NULL;
	struct pl val;

	(void)state;

	assert_int_equal(LET_THROUGH, judge(text, sizeof(text) - 1, &msg));

	assert_int_equal(0, pl_strcmp(&msg->callid, "c1"));
	assert_int_equal(0, pl_strcmp(&msg->from.auri, "sip:b@x"));
	assert_int_equal(0, pl_strcmp(&msg->from.tag, "1"));

	val = msg_hdr_value(msg, SIP_HDR_P_ASSERTED_IDENTITY);
	assert_false(pl_isset(&val));
	val = msg_hdr_value(msg, SIP_HDR_FROM);
	assert_int_equal(0, pl_strcmp(&val, "<sip:b@x>;tag=1"));

	mem_deref(msg);
}


/** libre's ids of all names we know, long and compact, are accepted */
static void known_names_keep_their_ids(void **state)
{
	static const struct { const char *name; enum sip_hdrid id; } namev[] = {
		{"via", SIP_HDR_VIA}, {"v", SIP_HDR_VIA},
		{"From", SIP_HDR_FROM}, {"f", SIP_HDR_FROM},
		{"TO", SIP_HDR_TO}, {"t", SIP_HDR_TO},
		{"Call-ID", SIP_HDR_CALL_ID}, {"i", SIP_HDR_CALL_ID},
		{"CSeq", SIP_HDR_CSEQ}, {"Contact", SIP_HDR_CONTACT},
		{"m", SIP_HDR_CONTACT}, {"l", SIP_HDR_CONTENT_LENGTH},
		{"c", SIP_HDR_CONTENT_TYPE}, {"k", SIP_HDR_SUPPORTED},
		{"r", SIP_HDR_REFER_TO}, {"b", SIP_HDR_REFERRED_BY},
		{"o", SIP_HDR_EVENT}, {"u", SIP_HDR_ALLOW_EVENTS},
		{"x", SIP_HDR_SESSION_EXPIRES}, {"s", SIP_HDR_SUBJECT},
		{"e", SIP_HDR_CONTENT_ENCODING},
		{"a", SIP_HDR_ACCEPT_CONTACT},
		{"d", SIP_HDR_REQUEST_DISPOSITION},
		{"j", SIP_HDR_REJECT_CONTACT}, {"y", SIP_HDR_IDENTITY},
		{"Record-Route", SIP_HDR_RECORD_ROUTE},
		{"WWW-Authenticate", SIP_HDR_WWW_AUTHENTICATE},
		{"P-Asserted-Identity", SIP_HDR_P_ASSERTED_IDENTITY},
		{"Session-Expires", SIP_HDR_SESSION_EXPIRES},
		{"Min-SE", SIP_HDR_MIN_SE}, {"RAck", SIP_HDR_RACK},
		{"RSeq", SIP_HDR_RSEQ}, {"Replaces", SIP_HDR_REPLACES},
		{"Subscription-State", SIP_HDR_SUBSCRIPTION_STATE},
	};

	(void)state;

	for (size_t i = 0; i < sizeof(namev) / sizeof(namev[0]); i++) {

		struct pl name;

		pl_set_str(&name, namev[i].name);
		if (!hdrname_fits(namev[i].id, &name))
			fail_msg("%s", namev[i].name);

		pl_set_str(&name, "X-Other");
		assert_false(hdrname_fits(namev[i].id, &name));
	}
}


/** Known at a glance, and the same id as by its hash */
static void usual_names_have_their_ids(void **state)
{
	static const char *const usualv[] = {
		"To", "Via", "From", "CSeq", "Date", "Allow", "Route", "Event",
		"Server", "Accept", "Call-ID", "Contact", "Expires",
		"Supported", "User-Agent", "Max-Forwards", "Content-Type",
		"Record-Route", "Authorization", "Content-Length",
		"WWW-Authenticate", "Proxy-Authenticate",
		"P-Asserted-Identity", "Authentication-Info",
	};
	static const char *const otherv[] = {
		"", "t", "TO", "Viz", "Call-id", "Content-Lengths",
		"P-Preferred-Identity-Of-Somebody",
	};
	enum sip_hdrid id = SIP_HDR_NONE;
	struct pl name;

	(void)state;

	for (size_t i = 0; i < sizeof(usualv) / sizeof(usualv[0]); i++) {
		pl_set_str(&name, usualv[i]);
		if (!hdrname_usual(&id, &name) || !hdrname_fits(id, &name) ||
		    (uint32_t)id != (hash_joaat_ci(name.p, name.l) & 0xfff))
			fail_msg("%s", usualv[i]);
	}

	for (size_t i = 0; i < sizeof(otherv) / sizeof(otherv[0]); i++) {
		pl_set_str(&name, otherv[i]);
		if (hdrname_usual(&id, &name))
			fail_msg("%s", otherv[i]);
	}
}


static char *load(const char *name, size_t *size)
{
	char path[512], *text;
	FILE *f;

	(void)snprintf(path, sizeof(path), TESTS_FOLDER "/fuzz/seeds/sip/%s",
		       name);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("%s", path);

	text  = malloc(65536);
	*size = fread(text, 1, 65536, f);
	(void)fclose(f);

	return text;
}


/** RFC 4475 and RFC 5118, each with what we do and, where that is not what
    the RFC suggests, why */
static void torture_messages(void **state)
{
	static const struct { const char *file; int verdict; } casev[] = {
		{"wsinv.dat", LET_THROUGH},
		{"intmeth.dat", DROPPED},      /* NUL */
		{"esc01.dat", LET_THROUGH},
		{"escnull.dat", LET_THROUGH},
		{"esc02.dat", LET_THROUGH},
		{"lwsdisp.dat", LET_THROUGH},
		{"longreq.dat", DROPPED},      /* a limit of the parser */
		{"dblreq.dat", LET_THROUGH},   /* the first of the two */
		{"semiuri.dat", LET_THROUGH},
		{"transports.dat", LET_THROUGH},
		{"mpart01.dat", LET_THROUGH},
		{"unreason.dat", LET_THROUGH},
		{"noreason.dat", LET_THROUGH},
		{"badinv01.dat", DROPPED},
		{"clerr.dat", 400},
		{"ncl.dat", 400},
		{"scalar02.dat", 400},
		{"scalarlg.dat", DROPPED},
		{"quotbal.dat", 400},
		{"ltgtruri.dat", DROPPED},
		{"lwsruri.dat", DROPPED},
		{"lwsstart.dat", DROPPED},
		{"trws.dat", DROPPED},
		{"badvers.dat", DROPPED},
		{"mismatch01.dat", 400},
		{"mismatch02.dat", 400},
		{"bigcode.dat", DROPPED},
		{"badbranch.dat", LET_THROUGH}, /* strans refuses it */
		{"insuf.dat", 400},
		{"multi01.dat", 400},
		{"mcl01.dat", 400},
		{"zeromf.dat", LET_THROUGH},
		{"inv2543.dat", DROPPED},
		{"ipv6-good.dat", LET_THROUGH},
		{"ipv6-bad.dat", 400},
		{"port-ambiguous.dat", LET_THROUGH},
		{"port-unambiguous.dat", LET_THROUGH},
		{"via-received-param-with-delim.dat", LET_THROUGH},
		{"via-received-param-no-delim.dat", LET_THROUGH},
		{"ipv6-in-sdp.dat", LET_THROUGH},
		{"mult-ip-in-header.dat", LET_THROUGH},
		{"mult-ip-in-sdp.dat", LET_THROUGH},
		{"ipv4-mapped-ipv6.dat", LET_THROUGH},
	};
	unsigned wrong = 0;

	(void)state;

	for (size_t i = 0; i < sizeof(casev) / sizeof(casev[0]); i++) {

		size_t size;
		char *text = load(casev[i].file, &size);
		const int verdict = judge(text, size, NULL);

		if (verdict != casev[i].verdict) {
			print_error("%s: want %d, found %d\n", casev[i].file,
				    casev[i].verdict, verdict);
			++wrong;
		}
		free(text);
	}

	assert_int_equal(0, wrong);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_sip_lines_begin_a_message),
		cmocka_unit_test(header_block_is_clean_and_bounded),
		cmocka_unit_test(stream_is_cut_octet_by_octet),
		cmocka_unit_test(stream_needs_one_plain_length),
		cmocka_unit_test(required_headers_come_once),
		cmocka_unit_test(sequence_number_fits_method_and_range),
		cmocka_unit_test(too_many_are_too_many),
		cmocka_unit_test(datagram_ends_where_its_length_says),
		cmocka_unit_test(responses_are_never_answered),
		cmocka_unit_test(stranger_cannot_pose_as_from_or_call_id),
		cmocka_unit_test(known_names_keep_their_ids),
		cmocka_unit_test(usual_names_have_their_ids),
		cmocka_unit_test(torture_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
