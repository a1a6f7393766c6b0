/**
 * @file test_desc.c  Session descriptions, read and written
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include "bridge/base/libre.h"
#include <cmocka.h>

#include "bridge/sip/desc.h"


#define SESSION "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n" \
	"c=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define KEY "zRHJSOxgrnNrAukH7yYvCByuzXeIvWS2XMcxnL83"


/** The offer of Teams' media processor, all of it */
static const char teams[] =
	"v=0\r\n"
	"o=- 91249 0 IN IP4 127.0.0.1\r\n"
	"s=session\r\n"
	"c=IN IP4 203.0.113.55\r\n"
	"b=CT:10000000\r\n"
	"t=0 0\r\n"
	"m=audio 49954 RTP/SAVP 104 9 103 111 18 0 8 97 101 13 118\r\n"
	"c=IN IP4 203.0.113.56\r\n"
	"a=rtcp:49955\r\n"
	"a=ice-ufrag:Q3xT\r\n"
	"a=ice-pwd:Zk8m2Vd0sLr4Yt6Hn1Bw9Cqe\r\n"
	"a=rtcp-mux\r\n"
	"a=candidate:1 1 UDP 2130706431 203.0.113.56 49954 typ srflx "
	"raddr 10.0.32.7 rport 49954\r\n"
	"a=label:main-audio\r\n"
	"a=mid:1\r\n"
	"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^31|1:1\r\n"
	"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:"
	"tjRCaSBe0HitddTG5Nfl4v7ydExtDWv+VQrmtIGL|2^31\r\n"
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


static int read_text(struct desc *desc, const char *text)
{
	struct pl body;

	pl_set_str(&body, text);

	return desc_decode(desc, &body);
}


static int read_media(struct desc *desc, const char *media)
{
	char text[8192];

	(void)snprintf(text, sizeof(text), SESSION "%s", media);

	return read_text(desc, text);
}


static void assert_addr(const struct sa *sa, const char *addr, uint16_t port)
{
	char text[64];

	(void)re_snprintf(text, sizeof(text), "%j", sa);
	assert_string_equal(addr, text);
	assert_int_equal(port, sa_port(sa));
}


static void assert_written(const struct desc *desc, const char *text)
{
	struct mbuf *mb;

	assert_int_equal(0, desc_encode(&mb, desc));
	mb->pos = mb->end;
	assert_int_equal(0, mbuf_write_u8(mb, 0));
	assert_string_equal(text, (char *)mb->buf);
	mem_deref(mb);
}


static void offer_of_teams_is_read_whole(void **state)
{
	struct desc d;

	(void)state;

	assert_int_equal(0, read_text(&d, teams));
	assert_int_equal(91249, d.sess_id);
	assert_int_equal(0, d.sess_ver);
	assert_addr(&d.rtp, "203.0.113.56", 49954);
	assert_addr(&d.rtcp, "203.0.113.56", 49955);
	assert_true(d.rtcp_mux);
	assert_true(d.secure);
	assert_false(d.crypto_bad);
	assert_false(d.hold_zero);
	assert_int_equal(DESC_SENDRECV, d.dir);
	assert_int_equal(20, d.ptime_ms);
	assert_int_equal(1, d.mediac);

	assert_int_equal(11, d.formatc);
	assert_string_equal("SILK", d.formatv[0].name);
	assert_int_equal(16000, d.formatv[0].rate);
	assert_string_equal("annexb=no", desc_format_pt(&d, 18)->fmtp);
	assert_string_equal("0-16", desc_format_find(&d, "telephone-event",
						     8000)->fmtp);
	assert_int_equal(118, desc_format_find(&d, "cn", 16000)->pt);
	assert_null(desc_format_find(&d, "opus", 48000));
	assert_null(desc_format_pt(&d, 96));

	assert_int_equal(2, d.cryptoc);
	assert_int_equal(2, d.cryptov[0].tag);
	assert_int_equal(1, d.cryptov[0].mki_size);
	assert_int_equal(1, d.cryptov[0].mki);
	assert_int_equal(30, d.cryptov[0].key_size);
	assert_int_equal(0xcd, d.cryptov[0].key[0]);
	assert_int_equal(0x37, d.cryptov[0].key[29]);
	assert_int_equal(3, d.cryptov[1].tag);
	assert_int_equal(0, d.cryptov[1].mki_size);
}


static void offer_of_asterisk_is_read(void **state)
{
	struct desc d;

	(void)state;

	assert_int_equal(0, read_text(&d,
		"v=0\r\no=- 1532512 1532512 IN IP4 127.0.60.1\r\n"
		"s=Asterisk\r\nc=IN IP4 127.0.60.1\r\nt=0 0\r\n"
		"m=audio 17684 RTP/AVP 8 0 9 101\r\n"
		"a=rtpmap:8 pcma/8000\r\na=rtpmap:0 PCMU/8000\r\n"
		"a=rtpmap:9 G722/8000\r\na=rtpmap:101 TELEPHONE-EVENT/8000\r\n"
		"a=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:140\r\n"
		"a=sendonly\r\n"));
	assert_false(d.secure);
	assert_int_equal(DESC_SENDONLY, d.dir);
	assert_addr(&d.rtcp, "127.0.60.1", 17685);
	assert_string_equal("PCMA", d.formatv[0].name);
	assert_string_equal("telephone-event", d.formatv[3].name);
}


static void static_formats_need_no_rtpmap(void **state)
{
	struct desc d;

	(void)state;

	assert_int_equal(0, read_media(&d, "m=audio 4000 RTP/AVP 0 8 9 18 13 "
				       "96 97\na=rtpmap:97 opus/48000/2\n"));
	assert_int_equal(6, d.formatc);
	assert_string_equal("G722", d.formatv[2].name);
	assert_int_equal(8000, d.formatv[2].rate);
	assert_int_equal(97, d.formatv[5].pt);
	assert_int_equal(2, d.formatv[5].channels);
}


static void broken_line_drops_its_format_only(void **state)
{
	static const char *const badv[] = {
		"a=rtpmap:8 PCMA\r\n", "a=rtpmap:8 PCMA/\r\n",
		"a=rtpmap:8 PCMA/0\r\n", "a=rtpmap:8 PCMA/x\r\n",
		"a=rtpmap:8 PCMA/8000/9\r\n", "a=rtpmap:8 /8000\r\n",
		"a=rtpmap:8 PC\x01MA/8000\r\n",
		"a=rtpmap:8 PCMA/99999999999\r\n", "a=fmtp:8\r\n",
		"a=rtpmap:8 ABCDEFGHIJKLMNOPQRSTUVWXYZ/8000\r\n",
		"a=fmtp:8 a\r\na=fmtp:8 b\r\n", "a=fmtp:8 a\x02\r\n",
	};

	(void)state;

	for (size_t i = 0; i < sizeof(badv) / sizeof(badv[0]); i++) {

		struct desc d;
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "m=audio 4000 RTP/AVP 0 8\r\n%s", badv[i]);
		assert_int_equal(0, read_media(&d, text));
		if (d.formatc != 1 || d.formatv[0].pt != 0)
			fail_msg("%s", badv[i]);
	}
}


static size_t cryptos_of(const char *crypto)
{
	struct desc d;
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "m=audio 4000 RTP/SAVP 0\r\na=crypto:%s\r\n", crypto);
	assert_int_equal(0, read_media(&d, text));
	assert_int_equal(!d.cryptoc, d.crypto_bad);

	return d.cryptoc;
}


#define SUITE "AES_CM_128_HMAC_SHA1_80"

static void only_good_keys_are_used(void **state)
{
	(void)state;

	assert_int_equal(1, cryptos_of("0 " SUITE " inline:" KEY));
	assert_int_equal(1, cryptos_of("1 " SUITE " inline:" KEY "|2^20"));
	assert_int_equal(1, cryptos_of("1 " SUITE " inline:" KEY "|1:4"));
	assert_int_equal(1, cryptos_of("1 " SUITE " inline:" KEY " WSH=64"));
	assert_int_equal(1, cryptos_of("1 AEAD_AES_128_GCM inline:"
		"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3OA=="));
	assert_int_equal(1, cryptos_of("1 AES_256_CM_HMAC_SHA1_80 inline:"
		"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ"
		"1Ng=="));

	/* too long by what its padding would have been */
	assert_int_equal(0, cryptos_of("1 AES_256_CM_HMAC_SHA1_80 inline:"
		"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ"
		"1NgAA"));
	assert_int_equal(0, cryptos_of("x " SUITE " inline:" KEY));
	assert_int_equal(0, cryptos_of("1 F8_128_HMAC_SHA1_80 inline:" KEY));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY "A"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:abc"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:"));
	assert_int_equal(0, cryptos_of("1 " SUITE " uri:" KEY));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY "|2^x"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY "|1:0"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY "|1:5"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY "|256:1"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY "|1:9"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY
				       " UNENCRYPTED_SRTP"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY
				       " UNAUTHENTICATED_SRTP"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY " KDR=4"));
	assert_int_equal(0, cryptos_of("1 " SUITE " inline:" KEY ";inline:"
				       KEY));
	assert_int_equal(0, cryptos_of("1 " SUITE));
}


static void holds_of_all_kinds(void **state)
{
	struct desc d;

	(void)state;

	assert_int_equal(0, read_media(&d, "a=inactive\r\n"
				       "m=audio 4000 RTP/AVP 0\r\n"));
	assert_int_equal(DESC_INACTIVE, d.dir);

	assert_int_equal(0, read_media(&d, "a=inactive\r\nm=audio 4000 "
				       "RTP/AVP 0\r\na=sendonly\r\n"));
	assert_int_equal(DESC_SENDONLY, d.dir);

	assert_int_equal(0, read_media(&d, "m=audio 4000 RTP/AVP 0\r\n"
				       "c=IN IP4 0.0.0.0\r\n"));
	assert_true(d.hold_zero);
	assert_int_equal(4000, sa_port(&d.rtp));

	assert_int_equal(DESC_RECVONLY, desc_dir_reverse(DESC_SENDONLY));
	assert_int_equal(DESC_SENDONLY, desc_dir_reverse(DESC_RECVONLY));
	assert_int_equal(DESC_INACTIVE, desc_dir_reverse(DESC_INACTIVE));
}


static void other_media_are_refused_in_the_answer(void **state)
{
	struct desc d;

	(void)state;

	assert_int_equal(0, read_media(&d,
		"m=video 5000 RTP/AVP 96 97\r\na=sendonly\r\n"
		"a=crypto:1 " SUITE " inline:" KEY "\r\n"
		"m=audio 0 RTP/AVP 8\r\na=inactive\r\n"
		"m=audio 4000/2 RTP/AVP 0\r\n"
		"m=application 6000 UDP/BFCP *\r\n"));
	assert_int_equal(4, d.mediac);
	assert_int_equal(2, d.media_index);
	assert_int_equal(DESC_SENDRECV, d.dir);
	assert_int_equal(0, d.cryptoc);
	assert_int_equal(1, d.formatc);

	d.ptime_ms = 20;
	assert_written(&d,
		"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n"
		"c=IN IP4 192.0.2.1\r\nt=0 0\r\n"
		"m=video 0 RTP/AVP 96\r\n"
		"m=audio 0 RTP/AVP 8\r\n"
		"m=audio 4000 RTP/AVP 0\r\n"
		"a=rtpmap:0 PCMU/8000\r\na=rtcp:4001\r\na=ptime:20\r\n"
		"a=sendrecv\r\n"
		"m=application 0 UDP/BFCP *\r\n");

	assert_int_equal(0, read_media(&d, "m=audio 0 RTP/AVP 8\r\n"));
	assert_int_equal(0, sa_port(&d.rtp));
	assert_int_equal(ENOENT, read_media(&d, "m=video 5000 RTP/AVP 9\r\n"));
	assert_int_equal(ENOENT, read_media(&d, ""));
}


static void addresses_are_unicast_numbers(void **state)
{
	static const char *const badv[] = {
		"IN IP4 pbx.example.com", "IN IP4 239.1.1.1",
		"IN IP4 255.255.255.255", "IN IP6 ff02::1",
		"IN IP6 192.0.2.1", "IN IP4 ::1", "ATM NSAP 47",
	};
	struct desc d;

	(void)state;

	for (size_t i = 0; i < sizeof(badv) / sizeof(badv[0]); i++) {

		char text[256];

		(void)snprintf(text, sizeof(text), "v=0\no=- 1 1 IN IP4 x\n"
			       "m=audio 4000 RTP/AVP 0\nc=%s\n", badv[i]);
		assert_int_equal(EAFNOSUPPORT, read_text(&d, text));
	}

	/* the session's does not matter where the media has its own */
	assert_int_equal(0, read_text(&d, "v=0\nc=IN IP4 pbx.example\n"
				      "m=audio 4000 RTP/AVP 0\n"
				      "c=IN IP6 2001:db8::1\n"
				      "a=rtcp:4100 IN IP6 2001:db8::2\n"));
	assert_addr(&d.rtp, "2001:db8::1", 4000);
	assert_addr(&d.rtcp, "2001:db8::2", 4100);

	assert_int_equal(EBADMSG, read_text(&d, "v=0\nm=audio 4000 RTP/AVP "
					    "0\n"));
}


static void what_is_no_description_is_refused(void **state)
{
	static const char *const badv[] = {
		"", "v=1\r\n", "hello", "v=0\r\nhello\r\n", "v=0\r\no\r\n",
		"v=0\r\no=- 1\r\n", SESSION "m=audio\r\n",
		SESSION "m=audio 4000 RTP/AVP\r\n",
		SESSION "m=audio 99 RTP/AVP 0\r\n",
		SESSION "m=audio 65536 RTP/AVP 0\r\n",
		SESSION "m=audio -1 RTP/AVP 0\r\n",
		SESSION "m=audio x RTP/AVP 0\r\n",
		SESSION "m=video 5000 RTP/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAA 96\r\nm=audio 4000 RTP/AVP 0",
	};
	struct desc d;
	char *text = malloc(70000);

	(void)state;

	for (size_t i = 0; i < sizeof(badv) / sizeof(badv[0]); i++)
		if (read_text(&d, badv[i]) != EBADMSG)
			fail_msg("%s", badv[i]);

	/* limits: 8 media, 64 lines a media, 32 KiB */
	(void)strcpy(text, SESSION);
	for (unsigned i = 0; i < 8; i++)
		strcat(text, "m=audio 4000 RTP/AVP 0\r\n");
	assert_int_equal(0, read_text(&d, text));
	strcat(text, "m=audio 4000 RTP/AVP 0\r\n");
	assert_int_equal(EBADMSG, read_text(&d, text));

	(void)strcpy(text, SESSION "m=audio 4000 RTP/AVP 0\r\n");
	for (unsigned i = 0; i < 64; i++)
		strcat(text, "a=x\r\n");
	assert_int_equal(0, read_text(&d, text));
	strcat(text, "a=x\r\n");
	assert_int_equal(EBADMSG, read_text(&d, text));

	memset(text, 'x', 33000);
	memcpy(text, SESSION "a=", sizeof(SESSION) + 1);
	text[33000] = '\0';
	assert_int_equal(EBADMSG, read_text(&d, text));

	free(text);
}


static void what_we_write_we_read_again(void **state)
{
	struct desc d, again;
	struct mbuf *mb;
	struct pl body;

	(void)state;

	assert_int_equal(0, read_text(&d, teams));
	assert_int_equal(0, desc_crypto_make(&d.cryptov[0], 7,
					     SUITE_AEAD_AES_256_GCM));
	d.cryptov[0].mki      = 300;
	d.cryptov[0].mki_size = 2;

	assert_int_equal(0, desc_encode(&mb, &d));
	pl_set_mbuf(&body, mb);
	assert_int_equal(0, desc_decode(&again, &body));
	mem_deref(mb);

	assert_int_equal(d.formatc, again.formatc);
	assert_memory_equal(d.formatv, again.formatv, sizeof(d.formatv));
	assert_int_equal(2, again.cryptoc);
	assert_memory_equal(d.cryptov, again.cryptov, sizeof(d.cryptov));
	assert_true(sa_cmp(&d.rtp, &again.rtp, SA_ALL));
	assert_true(sa_cmp(&d.rtcp, &again.rtcp, SA_ALL));
	assert_true(again.rtcp_mux);
	assert_int_equal(d.dir, again.dir);

	/* fresh keys differ */
	assert_int_equal(0, desc_crypto_make(&again.cryptov[0], 7,
					     SUITE_AEAD_AES_256_GCM));
	assert_memory_not_equal(d.cryptov[0].key, again.cryptov[0].key, 44);
	assert_int_equal(EINVAL, desc_crypto_make(&again.cryptov[0], 7,
						  SUITE_NONE));
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offer_of_teams_is_read_whole),
		cmocka_unit_test(offer_of_asterisk_is_read),
		cmocka_unit_test(static_formats_need_no_rtpmap),
		cmocka_unit_test(broken_line_drops_its_format_only),
		cmocka_unit_test(only_good_keys_are_used),
		cmocka_unit_test(holds_of_all_kinds),
		cmocka_unit_test(other_media_are_refused_in_the_answer),
		cmocka_unit_test(addresses_are_unicast_numbers),
		cmocka_unit_test(what_is_no_description_is_refused),
		cmocka_unit_test(what_we_write_we_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
