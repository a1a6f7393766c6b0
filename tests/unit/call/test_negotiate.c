/**
 * @file test_negotiate.c  Formats and keys between two descriptions
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/call/negotiate.h"


static const char teams_offer[] =
	"v=0\r\n"
	"o=- 91249 0 IN IP4 127.0.0.1\r\n"
	"s=session\r\n"
	"c=IN IP4 203.0.113.56\r\n"
	"b=CT:10000000\r\n"
	"t=0 0\r\n"
	"m=audio 49954 RTP/SAVP 104 9 103 111 18 0 8 97 101 13 118\r\n"
	"c=IN IP4 203.0.113.56\r\n"
	"a=rtcp:49955\r\n"
	"a=label:main-audio\r\n"
	"a=mid:1\r\n"
	"a=crypto:2 AES_CM_128_HMAC_SHA1_80 "
	"inline:zRHJSOxgrnNrAukH7yYvCByuzXeIvWS2XMcxnL83|2^31|1:1\r\n"
	"a=crypto:3 AES_CM_128_HMAC_SHA1_80 "
	"inline:tjRCaSBe0HitddTG5Nfl4v7ydExtDWv+VQrmtIGL|2^31\r\n"
	"a=sendrecv\r\n"
	"a=rtpmap:104 SILK/16000\r\n"
	"a=rtpmap:9 G722/8000\r\n"
	"a=rtpmap:103 SILK/8000\r\n"
	"a=rtpmap:111 SIREN/16000\r\n"
	"a=fmtp:111 bitrate=16000\r\n"
	"a=rtpmap:18 G729/8000\r\n"
	"a=fmtp:18 annexb=no\r\n"
	"a=rtpmap:0 PCMU/8000\r\n"
	"a=rtpmap:8 PCMA/8000\r\n"
	"a=rtpmap:97 RED/8000\r\n"
	"a=rtpmap:101 telephone-event/8000\r\n"
	"a=fmtp:101 0-16\r\n"
	"a=rtpmap:13 CN/8000\r\n"
	"a=rtpmap:118 CN/16000\r\n"
	"a=ptime:20\r\n";

static const char pbx_answer[] =
	"v=0\r\n"
	"o=- 7 7 IN IP4 192.0.2.10\r\n"
	"s=Asterisk\r\n"
	"c=IN IP4 192.0.2.10\r\n"
	"t=0 0\r\n"
	"m=audio 10062 RTP/AVP 8 96\r\n"
	"a=rtpmap:8 PCMA/8000\r\n"
	"a=rtpmap:96 telephone-event/8000\r\n"
	"a=fmtp:96 0-16\r\n"
	"a=sendrecv\r\n";


static void decode(struct desc *desc, const char *text)
{
	struct pl body;

	pl_set_str(&body, text);
	assert_int_equal(0, desc_decode(desc, &body));
}


static void profile(struct pbx *pbx)
{
	memset(pbx, 0, sizeof(*pbx));
	assert_int_equal(0, strings_add(&pbx->media.codecs, "PCMA"));
	assert_int_equal(0, strings_add(&pbx->media.codecs, "PCMU"));
}


static void profile_clear(struct pbx *pbx)
{
	size_t i;

	for (i = 0; i < pbx->media.codecs.c; i++)
		mem_deref(pbx->media.codecs.v[i]);
	mem_deref(pbx->media.codecs.v);
}


/* A PBX gets a small offer: its own codecs in its own order, and DTMF */
static void offer_to_a_pbx_is_small(void **state)
{
	struct desc offer, out;
	struct pbx pbx;
	(void)state;

	memset(&out, 0, sizeof(out));
	profile(&pbx);
	decode(&offer, teams_offer);

	assert_true(negotiate_formats_pbx(&out, &offer, &pbx, NULL));
	assert_int_equal(3, out.formatc);
	assert_string_equal("PCMA", out.formatv[0].name);
	assert_int_equal(8, out.formatv[0].pt);
	assert_string_equal("PCMU", out.formatv[1].name);
	assert_string_equal("telephone-event", out.formatv[2].name);
	assert_int_equal(101, out.formatv[2].pt);

	profile_clear(&pbx);
}


static void nothing_in_common_is_told(void **state)
{
	struct desc offer, out;
	struct pbx pbx;
	(void)state;

	memset(&out, 0, sizeof(out));
	memset(&pbx, 0, sizeof(pbx));
	assert_int_equal(0, strings_add(&pbx.media.codecs, "opus"));
	pbx.media.transcode = PBX_TRANSCODE_NEVER;
	decode(&offer, teams_offer);

	assert_false(negotiate_formats_pbx(&out, &offer, &pbx, NULL));
	profile_clear(&pbx);
}


/* Comfort noise, SILK, RED: Teams must not be answered with them */
static void teams_gets_only_what_both_can(void **state)
{
	struct desc offer, answer, out;
	(void)state;

	memset(&out, 0, sizeof(out));
	decode(&offer, teams_offer);
	decode(&answer, pbx_answer);

	assert_true(negotiate_answer(&out, &offer, &answer));
	assert_int_equal(2, out.formatc);
	assert_int_equal(8, out.formatv[0].pt);
	assert_int_equal(101, out.formatv[1].pt);
}


/* A payload type that the peer knows for something else is not reused */
static void payload_types_stay_what_they_were(void **state)
{
	struct desc known, in, out;
	struct pbx pbx;
	(void)state;

	memset(&pbx, 0, sizeof(pbx));

	memset(&known, 0, sizeof(known));
	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));

	known.formatc = 2;
	known.formatv[0] = (struct desc_format){ .pt = 8, .name = "PCMA",
		.rate = 8000, .channels = 1 };
	known.formatv[1] = (struct desc_format){ .pt = 101,
		.name = "telephone-event", .rate = 8000, .channels = 1 };

	in = known;
	in.formatv[1].pt = 96;
	assert_true(negotiate_formats_teams(&out, &in, &pbx, &known));
	assert_int_equal(2, out.formatc);
	assert_int_equal(101, out.formatv[1].pt);
}


/* Of two lines, the one without MKI; our key stays when asked again */
static void crypto_prefers_no_mki_and_keeps_the_key(void **state)
{
	const struct desc_crypto *line;
	struct desc_crypto own, first;
	struct desc offer;
	(void)state;

	memset(&own, 0, sizeof(own));
	decode(&offer, teams_offer);

	line = negotiate_crypto(&offer, &own);
	assert_non_null(line);
	assert_int_equal(3, line->tag);
	assert_int_equal(3, own.tag);
	assert_int_equal(SUITE_AES_CM_128_HMAC_SHA1_80, own.suite);

	first = own;
	assert_non_null(negotiate_crypto(&offer, &own));
	assert_memory_equal(first.key, own.key, sizeof(own.key));
}


static void stream_translates_dtmf(void **state)
{
	struct desc local, remote, far;
	struct stream_remote r;
	size_t i, dtmf = 0;
	(void)state;

	/* we offered Teams' numbers to the PBX, which has its own for DTMF */
	decode(&remote, pbx_answer);
	decode(&far, teams_offer);
	local = remote;
	local.formatv[1].pt = 101;

	negotiate_remote(&r, &local, &remote, &far, false);
	assert_true(r.send);
	assert_true(r.recv);

	for (i = 0; i < r.mapc; i++) {
		if (!r.mapv[i].dtmf)
			continue;
		++dtmf;
		assert_int_equal(101, r.mapv[i].pt_out);
	}
	assert_int_equal(2, dtmf);
}


static void hold_stops_what_is_sent(void **state)
{
	struct desc local, remote, far;
	struct stream_remote r;
	(void)state;

	decode(&remote, teams_offer);
	decode(&far, pbx_answer);
	local = remote;
	remote.dir = DESC_INACTIVE;
	local.dir = DESC_INACTIVE;

	negotiate_remote(&r, &local, &remote, &far, false);
	assert_false(r.send);
	assert_false(r.recv);

	remote.dir = DESC_SENDONLY;
	local.dir = DESC_RECVONLY;
	negotiate_remote(&r, &local, &remote, &far, false);
	assert_false(r.send);
	assert_true(r.recv);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offer_to_a_pbx_is_small),
		cmocka_unit_test(nothing_in_common_is_told),
		cmocka_unit_test(teams_gets_only_what_both_can),
		cmocka_unit_test(payload_types_stay_what_they_were),
		cmocka_unit_test(crypto_prefers_no_mki_and_keeps_the_key),
		cmocka_unit_test(stream_translates_dtmf),
		cmocka_unit_test(hold_stops_what_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
