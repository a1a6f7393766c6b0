/**
 * @file test_failure.c  What a failed call means, in plain words
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/call/failure.h"
#include "bridge/model/nodeconf.h"
#include "bridge/model/pbx.h"
#include "bridge/model/tenant.h"


static struct pbx *pbx_make(void)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);

	assert_non_null(pbx);
	assert_int_equal(fields_set(&pbx_fields, pbx, "name", "hq", NULL), 0);
	assert_int_equal(fields_set(&pbx_fields, pbx, "title", "3CX", NULL),
			 0);

	return pbx;
}


static void readable(const char *text, size_t size)
{
	assert_true(*text);
	assert_true(strlen(text) < size - 1);
	assert_null(strchr(text, '{'));
	assert_null(strchr(text, '}'));
	assert_true(*text < 'a' || *text > 'z');
	if (strstr(text, "number dialled") || strstr(text, "no words"))
		fail_msg("something was not filled in: %s", text);
}


static void explain(struct failure *f, const struct failure_in *in)
{
	failure_explain(f, in);
	readable(f->what, sizeof(f->what));
	readable(f->advice, sizeof(f->advice));
	assert_memory_equal(f->advice, "1. ", 3);
	assert_in_range(f->result, CALL_BUSY, CALL_FAULT);
	assert_int_equal(f->side, in->by);
}


/** Every final failure of a peer, on each side, with each cause */
static void test_every_code_is_explained(void **state)
{
	struct pbx *pbx = pbx_make();
	struct failure_in in = {
		.words = "Some Phrase", .pbx = pbx, .callee = "902079",
		.user = "ann@x.example",
	};
	struct failure f;
	(void)state;

	for (in.by = CALL_AT_TEAMS; in.by <= CALL_AT_BRIDGE; in.by++) {
		for (in.scode = 300; in.scode < 700; in.scode++) {
			for (in.q850 = 0; in.q850 < 128; in.q850++)
				explain(&f, &in);
		}
	}

	mem_deref(pbx);
}


static void test_every_error_is_explained(void **state)
{
	static const int errv[] = {
		ETIMEDOUT, ECONNREFUSED, ECONNRESET, ECONNABORTED, ENOENT,
		EPROTO, ENOMEM, EHOSTUNREACH, ENETUNREACH, EPROTONOSUPPORT,
		ENOTCONN,
	};
	struct pbx *pbx = pbx_make();
	struct failure_in in = { .words = "it said so", .pbx = pbx,
				 .callee = "902079", .user = "ann@x.example" };
	struct failure f;
	(void)state;

	for (in.by = CALL_AT_TEAMS; in.by <= CALL_AT_PBX; in.by++) {
		for (size_t i = 0; i < RE_ARRAY_SIZE(errv); i++) {
			in.err = errv[i];
			in.answered = false;
			explain(&f, &in);
			assert_int_equal(f.result, in.err == EPROTO ?
					 CALL_FAULT : CALL_NETWORK);
			in.answered = true;
			explain(&f, &in);
			assert_non_null(strstr(f.what, "was lost during"));
		}
	}

	mem_deref(pbx);
}


struct seen {
	enum call_where by;
	uint16_t scode, q850;
	int err;
	const char *words;
	enum call_result result;
	const char *field;
};

static void test_what_people_see(void **state)
{
	static const struct seen v[] = {
		{ CALL_AT_PBX, 486, 17, 0, "Busy Here", CALL_BUSY, "" },
		/* Teams tells causes after NICC ND1017 */
		{ CALL_AT_TEAMS, 486, 34, 0, "Busy here", CALL_BUSY, "" },
		{ CALL_AT_PBX, 503, 34, 0, "x", CALL_CONGESTION, "" },
		{ CALL_AT_PBX, 480, 19, 0, "x", CALL_NO_ANSWER, "" },
		{ CALL_AT_TEAMS, 480, 31, 0, "x", CALL_UNAVAILABLE, "" },
		{ CALL_AT_TEAMS, 603, 21, 0, "Decline", CALL_DECLINED, "" },
		{ CALL_AT_TEAMS, 404, 0, 0, "Not Found", CALL_NOT_FOUND,
		  "user.number" },
		{ CALL_AT_TEAMS, 403, 0, 0, "Forbidden", CALL_FORBIDDEN,
		  "tenant.teams.fqdn" },
		{ CALL_AT_PBX, 404, 1, 0, "Not Found", CALL_NOT_FOUND,
		  "pbx.outside_line_prefix" },
		{ CALL_AT_PBX, 407, 0, 0, "x", CALL_FORBIDDEN,
		  "user.sip_password" },
		{ CALL_AT_PBX, 488, 0, 0, "x", CALL_MEDIA,
		  "pbx.media.codecs" },
		{ CALL_AT_PBX, 420, 0, 0, "x", CALL_FAULT, "pbx.call.prack" },
		{ CALL_AT_PBX, 422, 0, 0, "x", CALL_FAULT,
		  "pbx.call.session_expires" },
		{ CALL_AT_PBX, 0, 0, ETIMEDOUT, "no answer within the limit",
		  CALL_NO_ANSWER, "pbx.call.answer_limit" },
		{ CALL_AT_PBX, 0, 0, ETIMEDOUT, "no answer", CALL_NETWORK,
		  "pbx.protocol" },
		{ CALL_AT_PBX, 0, 0, ENOENT, "x has no address", CALL_NETWORK,
		  "pbx.sip_proxy" },
		{ CALL_AT_TEAMS, 0, 0, ECONNRESET,
		  "TLS: certificate unknown", CALL_NETWORK,
		  "node.teams.ca_file" },
		{ CALL_AT_BRIDGE, 488, 0, 0, "No codec in common",
		  CALL_MEDIA, "pbx.media.codecs" },
		{ CALL_AT_BRIDGE, 488, 0, 0,
		  "Media is not encrypted as it must be", CALL_MEDIA, "" },
		{ CALL_AT_BRIDGE, 503, 0, 0, "No media port is free",
		  CALL_CONGESTION, "node.media.port_max" },
		{ CALL_AT_BRIDGE, 408, 0, 0, "No voice from either side",
		  CALL_MEDIA, "node.media.port_min" },
		{ CALL_AT_BRIDGE, 403, 0, 0,
		  "No match for Service User Part", CALL_FORBIDDEN,
		  "user.number" },
		{ CALL_AT_BRIDGE, 503, 0, 0, "User Not Registered",
		  CALL_UNAVAILABLE, "" },
		{ CALL_AT_PBX, 302, 0, 0, "redirect passed on",
		  CALL_DECLINED, "" },
		{ CALL_AT_TEAMS, 480, 20, 0, "Answered by a server of Teams",
		  CALL_UNAVAILABLE, "pbx.call.teams_voicemail" },
		{ CALL_AT_BRIDGE, 480, 0, 0, "No Trunk to Teams",
		  CALL_UNAVAILABLE, "node.teams.certificate" },
		{ CALL_AT_BRIDGE, 480, 0, 0, "No Number in Teams",
		  CALL_NOT_FOUND, "user.number" },
		{ CALL_AT_BRIDGE, 403, 0, 0, "Number Not Allowed",
		  CALL_FORBIDDEN, "tenant.policy.allow" },
		{ CALL_AT_BRIDGE, 403, 0, 0, "Too Many New Calls",
		  CALL_FORBIDDEN, "tenant.policy.calls" },
		{ CALL_AT_BRIDGE, 483, 0, 0, "Too Many Hops", CALL_FAULT, ""
		},
		{ CALL_AT_BRIDGE, 486, 0, 0, "All Lines Busy", CALL_BUSY,
		  "pbx.policy.calls" },
		{ CALL_AT_TEAMS, 487, 0, 0, "Caller hung up",
		  CALL_CANCELLED, "" },
	};
	struct pbx *pbx = pbx_make();
	struct failure f;
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		const struct failure_in in = {
			.by = v[i].by, .scode = v[i].scode,
			.q850 = v[i].q850, .err = v[i].err,
			.words = v[i].words, .pbx = pbx, .callee = "90207946",
			.user = "ann@x.example",
		};

		explain(&f, &in);
		if (f.result != v[i].result || strcmp(f.field, v[i].field))
			fail_msg("%u %s: %s, field \"%s\": %s", in.scode,
				 in.words, call_result_name(f.result),
				 f.field, f.what);
	}

	mem_deref(pbx);
}


/** Advice for this PBX: what is set is asked about, what is not is named */
static void test_advice_knows_the_profile(void **state)
{
	struct pbx *pbx = pbx_make();
	const struct failure_in in = {
		.by = CALL_AT_PBX, .scode = 404, .words = "Not Found",
		.pbx = pbx, .callee = "+442079460123", .user = "a@x.example",
	};
	struct failure f;
	(void)state;

	explain(&f, &in);
	assert_string_equal(f.what, "PBX hq does not know the number"
			    " +442079460123.");
	assert_non_null(strstr(f.advice, "none is set"));
	assert_non_null(strstr(f.advice, "It was sent as +E.164"));

	assert_int_equal(fields_set(&pbx_fields, pbx, "outside_line_prefix",
				    "9", NULL), 0);
	assert_int_equal(fields_set(&pbx_fields, pbx, "e164.national",
				    "true", NULL), 0);
	explain(&f, &in);
	assert_non_null(strstr(f.advice, "1. Is 9 what PBX hq wants"));
	assert_non_null(strstr(f.advice, "the country's own form"));

	mem_deref(pbx);
}


static void test_what_the_refuser_knew_comes_first(void **state)
{
	const struct failure_in in = {
		.by = CALL_AT_BRIDGE, .scode = 404, .words = "Not Found",
		.given = "Because of this.", .callee = "1", .user = "a@x",
	};
	struct failure f;
	(void)state;

	explain(&f, &in);
	assert_memory_equal(f.advice, "1. Because of this. 2. ", 23);
}


static const struct fields *table_of(const char *name, size_t l)
{
	static const struct { const char *name; const struct fields *t; }
		tablev[] = {
		{ "pbx", &pbx_fields }, { "user", &user_fields },
		{ "tenant", &tenant_fields }, { "node", &nodeconf_fields },
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(tablev); i++) {
		if (strlen(tablev[i].name) == l &&
		    !memcmp(tablev[i].name, name, l))
			return tablev[i].t;
	}

	return NULL;
}


static void test_every_field_named_exists(void **state)
{
	const char *field;
	size_t i;
	(void)state;

	for (i = 0; (field = failure_field(i)); i++) {
		const char *dot = strchr(field, '.');
		const struct fields *t;

		assert_non_null(dot);
		t = table_of(field, (size_t)(dot - field));
		assert_non_null(t);
		if (!fields_find(t, dot + 1))
			fail_msg("there is no %s", field);
	}

	assert_true(i > 20);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_is_explained),
		cmocka_unit_test(test_every_error_is_explained),
		cmocka_unit_test(test_what_people_see),
		cmocka_unit_test(test_advice_knows_the_profile),
		cmocka_unit_test(test_what_the_refuser_knew_comes_first),
		cmocka_unit_test(test_every_field_named_exists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
