/**
 * @file test_codecs.c  Peers without a codec in common, and with other habits
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/call/codecs.h"
#include "bridge/call/negotiate.h"


#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n" \
	"c=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static const char teams[] = HEAD
	"m=audio 50000 RTP/AVP 104 9 0 8 18 101 13\r\n"
	"a=rtpmap:104 SILK/16000\r\n"
	"a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n";
static const char teams_pcma[] = HEAD
	"m=audio 50000 RTP/AVP 8 101\r\n"
	"a=rtpmap:101 telephone-event/8000\r\n";
static const char opus[] = HEAD
	"m=audio 4000 RTP/AVP 96 97 98\r\n"
	"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1;cbr=1\r\n"
	"a=rtpmap:97 telephone-event/48000\r\n"
	"a=rtpmap:98 telephone-event/8000\r\n";
static const char g729[] = HEAD "m=audio 4000 RTP/AVP 18\r\n";
static const char pcma[] = HEAD
	"m=audio 4000 RTP/AVP 8 101\r\n"
	"a=rtpmap:101 telephone-event/8000\r\n";
static const char pcma_30[] = HEAD
	"m=audio 4000 RTP/AVP 8 101\r\n"
	"a=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\n";
static const char pcma_mute[] = HEAD "m=audio 4000 RTP/AVP 8\r\n";
static const char pcma_noise[] = HEAD "m=audio 4000 RTP/AVP 8 13\r\n";


struct scene {
	struct pbx pbx;
	struct desc far, near;     /* what Teams and the PBX said         */
	struct desc to_teams, to_pbx;
};


static void decode(struct desc *desc, const char *text)
{
	struct pl body;

	pl_set_str(&body, text);
	assert_int_equal(0, desc_decode(desc, &body));
}


static void open_scene(struct scene *s, const char *codec,
		       const char *teams_said, const char *pbx_said)
{
	memset(s, 0, sizeof(*s));
	assert_int_equal(0, strings_add(&s->pbx.media.codecs, codec));
	s->pbx.media.ptime_ms = 20;
	decode(&s->far, teams_said);
	decode(&s->near, pbx_said);
}


static void close_scene(struct scene *s)
{
	mem_deref(s->pbx.media.codecs.v[0]);
	mem_deref(s->pbx.media.codecs.v);
}


/** Teams has called, and the PBX has answered */
static void answered(struct scene *s, struct stream_remote r[2])
{
	struct codecs_side cs;

	assert_true(negotiate_formats_pbx(&s->to_pbx, &s->far, &s->pbx,
					  NULL));
	assert_true(negotiate_answer_any(&s->to_teams, &s->far, &s->near,
					 &s->pbx, true));

	cs = (struct codecs_side){ &s->to_teams, &s->far, &s->to_pbx,
				   &s->near, true, false, false };
	negotiate_remote(&r[0], cs.local, cs.remote, cs.far, false);
	codecs_remote(&r[0], &cs, &s->pbx);

	cs = (struct codecs_side){ &s->to_pbx, &s->near, &s->to_teams,
				   &s->far, false, true, false };
	negotiate_remote(&r[1], cs.local, cs.remote, cs.far, false);
	codecs_remote(&r[1], &cs, &s->pbx);
}


static const struct stream_map *map_of(const struct stream_remote *r,
				       uint8_t pt)
{
	for (size_t i = 0; i < r->mapc; i++) {
		if (r->mapv[i].pt == pt)
			return &r->mapv[i];
	}

	return NULL;
}


static void a_codec_in_common_is_passed_on(void **state)
{
	struct stream_remote r[2];
	struct scene s;
	(void)state;

	open_scene(&s, "pcma", teams, pcma);
	answered(&s, r);
	assert_int_equal(2, s.to_pbx.formatc);
	assert_int_equal(2, s.to_teams.formatc);

	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < r[i].mapc; k++)
			assert_int_equal(STREAM_PASS, r[i].mapv[k].way);
		assert_int_equal(CODEC_PCMA, r[i].out.codec);
		assert_int_equal(8, r[i].out.pt);
	}
	assert_true(r[0].fill);
	assert_false(r[1].fill);
	close_scene(&s);
}


static void opus_meets_teams(void **state)
{
	struct stream_remote r[2];
	struct scene s;
	(void)state;

	open_scene(&s, "opus", teams, opus);
	answered(&s, r);

	/* offered to the PBX: Opus, events at both rates */
	assert_int_equal(3, s.to_pbx.formatc);
	assert_non_null(desc_format_find(&s.to_pbx, "opus", 48000));
	assert_non_null(desc_format_find(&s.to_pbx, "telephone-event",
					 48000));
	/* Teams: the wide one that both could have */
	assert_string_equal("G722", s.to_teams.formatv[0].name);

	assert_int_equal(CODEC_G722, r[0].out.codec);
	assert_int_equal(CODEC_OPUS, r[1].out.codec);
	assert_int_equal(96, r[1].out.pt);
	assert_int_equal(97, r[1].out.dtmf_pt);
	assert_int_equal(48000, r[1].out.dtmf_rate);
	assert_int_equal(16000, r[0].pcm_rate);
	assert_int_equal(16000, r[1].pcm_rate);
	assert_int_equal(STREAM_HEAR, map_of(&r[0], 9)->way);
	assert_int_equal(CODEC_OPUS, map_of(&r[1], 96)->codec);
	assert_int_equal(STREAM_HEAR, map_of(&r[1], 97)->way);
	close_scene(&s);
}


static void never_means_never(void **state)
{
	struct desc out = { 0 };
	struct scene s;
	(void)state;

	open_scene(&s, "opus", teams, opus);
	s.pbx.media.transcode = PBX_TRANSCODE_NEVER;
	assert_false(negotiate_formats_pbx(&out, &s.far, &s.pbx, NULL));
	assert_false(negotiate_answer_any(&out, &s.far, &s.near, &s.pbx,
					  true));
	assert_false(negotiate_formats_teams(&out, &s.near, &s.pbx, NULL));
	close_scene(&s);
}


static void teams_is_always_offered_g711(void **state)
{
	struct desc out = { 0 };
	struct scene s;
	(void)state;

	if (codec_find("G729") == CODEC_NONE)
		skip();

	open_scene(&s, "g729", teams, g729);
	assert_true(negotiate_formats_teams(&out, &s.near, &s.pbx, NULL));
	assert_string_equal("G729", out.formatv[0].name);
	assert_string_equal("annexb=no", out.formatv[0].fmtp);
	assert_string_equal("PCMA", out.formatv[1].name);
	assert_string_equal("PCMU", out.formatv[2].name);
	assert_string_equal("telephone-event", out.formatv[3].name);
	close_scene(&s);
}


/** The PBX has called with G.729, and Teams wants A-law */
static void a_caller_gets_its_own_codec_back(void **state)
{
	struct desc out = { 0 };
	struct scene s;
	(void)state;

	if (codec_find("G729") == CODEC_NONE)
		skip();

	open_scene(&s, "g729", teams_pcma, g729);
	assert_true(negotiate_answer_any(&out, &s.near, &s.far, &s.pbx,
					 false));
	assert_int_equal(1, out.formatc);
	assert_string_equal("G729", out.formatv[0].name);
	close_scene(&s);
}


static void other_packet_times_are_repacked(void **state)
{
	struct stream_remote r[2];
	struct scene s;
	(void)state;

	open_scene(&s, "pcma", teams_pcma, pcma_30);
	answered(&s, r);
	assert_int_equal(20, r[0].out.ptime_ms);
	assert_int_equal(30, r[1].out.ptime_ms);
	assert_int_equal(STREAM_HEAR, map_of(&r[0], 8)->way);
	assert_int_equal(STREAM_HEAR, map_of(&r[1], 8)->way);
	assert_int_equal(STREAM_HEAR, map_of(&r[1], 101)->way);
	close_scene(&s);
}


static void a_pbx_without_events_has_tones(void **state)
{
	struct stream_remote r[2];
	struct scene s;
	(void)state;

	open_scene(&s, "pcma", teams_pcma, pcma_mute);
	answered(&s, r);
	assert_true(r[1].hear_digits);
	assert_false(r[0].hear_digits);
	assert_int_equal(STREAM_DIGITS_TONES, r[1].out.digits);
	assert_int_equal(STREAM_DIGITS_EVENTS, r[0].out.digits);
	assert_int_equal(101, r[0].out.dtmf_pt);
	assert_int_equal(STREAM_HEAR, map_of(&r[1], 8)->way);
	assert_int_equal(STREAM_HEAR, map_of(&r[0], 101)->way);
	close_scene(&s);
}


static void a_pbx_with_info_has_no_events(void **state)
{
	struct stream_remote r[2];
	struct scene s;
	(void)state;

	open_scene(&s, "pcma", teams_pcma, pcma_mute);
	s.pbx.media.dtmf = PBX_DTMF_INFO;
	answered(&s, r);
	assert_int_equal(1, s.to_pbx.formatc);
	assert_false(r[1].hear_digits);
	assert_int_equal(STREAM_DIGITS_NONE, r[1].out.digits);
	assert_int_equal(STREAM_PASS, map_of(&r[0], 8)->way);
	assert_int_equal(STREAM_HEAR, map_of(&r[0], 101)->way);
	close_scene(&s);
}


static void noise_is_the_pbx_s_alone(void **state)
{
	struct stream_remote r[2];
	struct scene s;
	(void)state;

	open_scene(&s, "pcma", teams, pcma_noise);
	s.pbx.media.comfort_noise = true;
	answered(&s, r);
	assert_non_null(desc_format_find(&s.to_pbx, "CN", 8000));
	assert_null(desc_format_find(&s.to_teams, "CN", 8000));
	assert_int_equal(CODEC_CN, map_of(&r[1], 13)->codec);
	assert_null(map_of(&r[0], 13));
	close_scene(&s);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_codec_in_common_is_passed_on),
		cmocka_unit_test(opus_meets_teams),
		cmocka_unit_test(never_means_never),
		cmocka_unit_test(teams_is_always_offered_g711),
		cmocka_unit_test(a_caller_gets_its_own_codec_back),
		cmocka_unit_test(other_packet_times_are_repacked),
		cmocka_unit_test(a_pbx_without_events_has_tones),
		cmocka_unit_test(a_pbx_with_info_has_no_events),
		cmocka_unit_test(noise_is_the_pbx_s_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
