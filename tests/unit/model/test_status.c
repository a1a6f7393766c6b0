/**
 * @file test_status.c  Statuses and call records as JSON; node settings
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <jansson.h>
#include <cmocka.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/model/nodeconf.h"
#include "bridge/model/status.h"


static void test_registration_as_json(void **state)
{
	const struct reg_status st = {
		.tenant = "contoso", .upn = "ann@x.example",
		.state = REG_LAGGING, .since_s = 1767225600, .scode = 403,
		.words = "403 Zur\xfc" "ck", .expires_s = 60, .removed = true,
		.waiting = true, .waiting_new = 2, .waiting_old = 8,
	};
	json_t *json = reg_status_json(&st);
	(void)state;

	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "upn")),
			    "ann@x.example");
	assert_string_equal(json_string_value(json_object_get(json,
							      "state")),
			    "lagging");
	assert_string_equal(json_string_value(json_object_get(json,
							      "words")),
			    "403 Zur?ck");
	assert_int_equal(json_integer_value(json_object_get(json,
							    "since_s")),
			 1767225600);
	assert_true(json_is_true(json_object_get(json, "removed")));
	assert_true(json_is_true(json_object_get(json, "waiting")));
	assert_int_equal(json_integer_value(json_object_get(json,
							    "waiting_new")),
			 2);
	assert_int_equal(json_integer_value(json_object_get(json,
							    "waiting_old")),
			 8);
	assert_int_equal(json_object_size(json), 21);
	json_decref(json);
}


static void test_names_of_states(void **state)
{
	(void)state;

	assert_string_equal(reg_state_name(REG_OFF), "off");
	assert_string_equal(reg_state_name(REG_QUEUED), "queued");
	assert_string_equal(reg_state_name(REG_GREEN), "registered");
	assert_string_equal(reg_state_name(REG_RED), "failing");
	assert_string_equal(call_state_name(CALL_RINGING), "ringing");
	assert_string_equal(call_direction_name(CALL_FROM_PBX), "from_pbx");
}


static void test_call_record_there_and_back(void **state)
{
	struct call_record rec = {
		.id = "c1", .version = UINT32_MAX, .tenant = "contoso",
		.direction = CALL_FROM_PBX, .state = CALL_ENDED,
		.caller = "+442079460018", .caller_name = "Ann \"A\" \xc3\xa4",
		.start_ms = 1, .end_ms = INT64_MAX, .scode = 486,
		.teams = { .codec = "PCMA/8000", .rx_packets = 1u << 31,
			   .mos = 4.25 },
		.pbxside = { .callid = "x@y", .jitter_us = 7 },
	};
	struct call_record back;
	struct call_transfer *tr;
	json_t *json;
	(void)state;

	rec.result = CALL_BUSY;
	tr = call_record_transfer(&rec);
	tr->at_ms = 9000;
	tr->by = CALL_AT_PBX;
	tr->kind = TRANSFER_ATTENDED;
	tr->way = TRANSFER_BY_JOIN;
	tr->scode = 486;
	strcpy(tr->to, "1002");
	strcpy(rec.story, "c0");
	call_record_note(&rec, 5, CALL_NUMBER, CALL_AT_PBX, "0 -> +44");
	json = call_record_json(&rec);
	assert_non_null(json);
	memset(&back, 0xff, sizeof(back));
	assert_int_equal(call_record_read(&back, json), 0);
	assert_memory_equal(&rec, &back, sizeof(rec));

	assert_int_equal(json_object_set_new(json, "scode",
					     json_integer(65536)), 0);
	assert_int_equal(call_record_read(&back, json), EBADMSG);
	assert_int_equal(json_object_set_new(json, "scode",
					     json_integer(200)), 0);
	assert_int_equal(json_object_set_new(json, "state",
					     json_string("gone")), 0);
	assert_int_equal(call_record_read(&back, json), EBADMSG);
	assert_int_equal(json_object_set_new(json, "state",
					     json_string("ended")), 0);
	assert_int_equal(json_object_set_new(json, "ended_by",
				json_string("somebody quite else")), 0);
	assert_int_equal(call_record_read(&back, json), EBADMSG);
	assert_memory_equal(&rec, &back, sizeof(rec));
	json_decref(json);
}


/** The last transfers are kept, and that there were more */
static void test_oldest_transfer_gives_way(void **state)
{
	struct call_record rec = { .id = "c1" };
	uint32_t i;
	(void)state;

	for (i = 0; i < CALL_TRANSFERS + 3; i++)
		call_record_transfer(&rec)->at_ms = i;

	assert_int_equal(rec.transferc, CALL_TRANSFERS);
	assert_int_equal(rec.transfers_dropped, 3);
	assert_int_equal(rec.transferv[0].at_ms, 3);
	assert_int_equal(rec.transferv[CALL_TRANSFERS - 1].at_ms,
			 CALL_TRANSFERS + 2);
}


/** The beginning and the end of a long call are what people ask for */
static void test_decisions_give_way_in_the_middle(void **state)
{
	struct call_record rec = { .id = "c1" };
	char text[100];
	uint32_t i;
	(void)state;

	for (i = 0; i < 30; i++) {
		memset(text, 'a' + (int)i % 26, sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		call_record_note(&rec, i, CALL_HOLD, CALL_AT_PBX, text);
	}

	assert_int_equal(rec.decisionc, CALL_DECISIONS);
	assert_int_equal(rec.decisions_dropped, 10);
	assert_int_equal(rec.decisionv[0].at_ms, 0);
	assert_int_equal(rec.decisionv[9].at_ms, 9);
	assert_int_equal(rec.decisionv[10].at_ms, 20);
	assert_int_equal(rec.decisionv[19].at_ms, 29);
	assert_int_equal(strlen(rec.decisionv[19].text),
			 CALL_DECISION_TEXT - 1);
}


static int conf_read(struct nodeconf *conf, const char *text,
		     struct errors *errs)
{
	struct doc *doc;
	int err;

	memset(conf, 0, sizeof(*conf));
	assert_int_equal(fields_defaults(&nodeconf_fields, conf), 0);
	assert_int_equal(doc_parse(&doc, "c.yaml", text, strlen(text), errs),
			 0);
	err = fields_read(&nodeconf_fields, conf, doc_root(doc), errs, NULL);
	if (!err)
		err = fields_required(&nodeconf_fields, conf, doc_root(doc),
				      errs);
	mem_deref(doc);

	return err;
}


static void conf_refused(const char *text, const char *message)
{
	struct nodeconf conf;
	struct errors *errs;

	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(conf_read(&conf, text, errs), EBADMSG);
	assert_true(errors_get(errs, 0)->line > 0);
	if (!strstr(errors_get(errs, 0)->message, message))
		fail_msg("%s", errors_get(errs, 0)->message);
	fields_clear(&nodeconf_fields, &conf);
	mem_deref(errs);
}


static void test_node_settings(void **state)
{
	struct nodeconf conf;
	struct errors *errs;
	(void)state;

	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(conf_read(&conf, "", errs), 0);
	assert_int_equal(conf.teams.port, 5061);
	assert_int_equal(conf.teams.proxies.c, 3);
	assert_int_equal(conf.teams.options_s, 60);
	assert_string_equal(conf.state_dir, "/var/lib/callbridge");
	fields_clear(&nodeconf_fields, &conf);

	assert_int_equal(conf_read(&conf, "sip: {address: 127.0.0.41,"
				   " tls_port: 5061}\n"
				   "teams: {address: 127.0.0.42,"
				   " options: 2s}\n"
				   "dns: {servers: [\"127.0.0.53:5353\"],"
				   " hosts: [{name: a.example,"
				   " address: \"::1\"}]}\n", errs), 0);
	assert_int_equal(conf.teams.options_s, 2);
	assert_int_equal(list_count(&conf.dns.hosts), 1);
	fields_clear(&nodeconf_fields, &conf);
	mem_deref(errs);

	conf_refused("sip: {tls_port: 5061}", "teams.port");
	conf_refused("media: {port_min: 40000, port_max: 40001}", "four");
	conf_refused("teams: {allow_no_client_cert: true}", "peer_ranges");
	conf_refused("teams: {peer_ranges: [52.112.0.0/33]}", "range");
	conf_refused("dns: {servers: [ns.example]}", "address");
	conf_refused("sip: {udp_port: 0, tcp_port: 0, tls_port: 0}",
		     "at least one");
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(test_registration_as_json),
		cmocka_unit_test(test_names_of_states),
		cmocka_unit_test(test_call_record_there_and_back),
		cmocka_unit_test(test_decisions_give_way_in_the_middle),
		cmocka_unit_test(test_oldest_transfer_gives_way),
		cmocka_unit_test(test_node_settings),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
