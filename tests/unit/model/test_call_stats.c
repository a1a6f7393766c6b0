/**
 * @file test_call_stats.c  Many calls as a few figures
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <jansson.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/model/call_stats.h"


static void near(double value, double want)
{
	if (fabs(value - want) > 1e-6)
		fail_msg("%f, want %f", value, want);
}


static struct call_record ended(enum call_result result)
{
	struct call_record rec = {
		.tenant = "contoso", .pbx = "hq", .state = CALL_ENDED,
		.start_ms = 1000000, .end_ms = 1030000, .result = result,
	};

	return rec;
}


static void test_nothing_gives_no_figures(void **state)
{
	const struct call_stats stats = { 0 };
	(void)state;

	assert_true(call_stats_asr(&stats) < 0);
	assert_true(call_stats_ner(&stats) < 0);
	assert_true(call_stats_acd_s(&stats) < 0);
	assert_true(call_stats_pdd_mean_ms(&stats) < 0);
	assert_true(call_stats_pdd_below_ms(&stats, 95) < 0);
	assert_true(call_stats_loss(&stats) < 0);
	assert_true(call_stats_mos(&stats, CALL_AT_PBX) < 0);
}


/** What people do is no fault of the network; where it broke, it is */
static void test_ratios(void **state)
{
	struct call_stats stats = { 0 };
	struct call_record rec;
	(void)state;

	for (int result = CALL_GOOD; result < CALL_RESULTS; result++) {
		rec = ended((enum call_result)result);
		call_stats_add(&stats, &rec);
	}

	/* a caller who hangs up while it rings, against one before */
	rec = ended(CALL_CANCELLED);
	rec.ring_ms = 1001000;
	call_stats_add(&stats, &rec);
	rec = ended(CALL_RUNNING);
	rec.state = CALL_ANSWERED;
	call_stats_add(&stats, &rec);

	assert_int_equal(stats.calls, 13);
	assert_int_equal(stats.running, 1);
	near(call_stats_asr(&stats), 100.0 / 13);
	near(call_stats_ner(&stats), 500.0 / 13);
	assert_int_equal(stats.failed, 7);
}


static void test_lengths_and_delays(void **state)
{
	struct call_stats stats = { 0 };
	struct call_record rec = ended(CALL_GOOD);
	(void)state;

	rec.ring_ms = 1000400;
	rec.answer_ms = 1010000;
	for (int i = 0; i < 19; i++)
		call_stats_add(&stats, &rec);

	rec.ring_ms = 0;           /* answered at once, after 4 s */
	rec.answer_ms = 1004000;
	call_stats_add(&stats, &rec);

	near(call_stats_acd_s(&stats), (19 * 20 + 26) / 20.0);
	near(call_stats_pdd_mean_ms(&stats), (19 * 400 + 4000) / 20.0);
	near(call_stats_pdd_below_ms(&stats, 95), 500);
	near(call_stats_pdd_below_ms(&stats, 96), 5000);
	near(call_stats_pdd_below_ms(&stats, 100), 5000);

	rec.ring_ms = 1099000;
	call_stats_add(&stats, &rec);
	assert_true(call_stats_pdd_below_ms(&stats, 100) < 0);
}


static void test_quality(void **state)
{
	struct call_stats stats = { 0 };
	struct call_record rec = ended(CALL_GOOD);
	(void)state;

	rec.teams.mos = 4.4;
	rec.pbxside.mos = 3.0;
	rec.teams.rx_packets = 98;
	rec.teams.rx_lost = 2;
	rec.pbxside.rx_packets = 100;
	call_stats_add(&stats, &rec);
	rec.teams.mos = 4.0;
	rec.pbxside.mos = 0;
	call_stats_add(&stats, &rec);

	near(call_stats_mos(&stats, CALL_AT_TEAMS), 4.2);
	near(call_stats_mos(&stats, CALL_AT_PBX), 3.0);
	near(call_stats_loss(&stats), 1.0);
	assert_int_equal(stats.poor, 1);
}


/** Records that an older version wrote have no class of result */
static void test_records_without_a_result(void **state)
{
	struct call_stats stats = { 0 };
	struct call_record rec = ended(CALL_RUNNING);
	(void)state;

	rec.answer_ms = 1001000;
	rec.scode = 200;
	call_stats_add(&stats, &rec);
	rec.answer_ms = 0;
	rec.scode = 486;
	call_stats_add(&stats, &rec);
	rec.scode = 0;
	call_stats_add(&stats, &rec);

	assert_int_equal(stats.resultv[CALL_GOOD], 1);
	assert_int_equal(stats.resultv[CALL_BUSY], 1);
	assert_int_equal(stats.resultv[CALL_NETWORK], 1);
}


static void add(struct call_report *report, const char *tenant,
		const char *pbx)
{
	struct call_record rec = ended(CALL_GOOD);

	str_ncpy(rec.tenant, tenant, sizeof(rec.tenant));
	str_ncpy(rec.pbx, pbx, sizeof(rec.pbx));
	assert_int_equal(call_report_add(report, &rec), 0);
}


static const char *name(const json_t *rows, size_t i, const char *member)
{
	return json_string_value(json_object_get(json_array_get(rows, i),
						 member));
}


static void test_groups(void **state)
{
	struct call_report *report;
	const json_t *tenants, *pbxs;
	json_t *json;
	(void)state;

	assert_int_equal(call_report_alloc(&report), 0);
	add(report, "northwind", "hq");
	add(report, "contoso", "hq");
	add(report, "contoso", "branch");
	add(report, "contoso", "hq");

	json = call_report_json(report);
	tenants = json_object_get(json, "tenants");
	pbxs = json_object_get(json, "pbxs");
	assert_int_equal(json_array_size(tenants), 2);
	assert_int_equal(json_array_size(pbxs), 3);
	assert_string_equal(name(tenants, 0, "tenant"), "contoso");
	assert_string_equal(name(pbxs, 0, "pbx"), "branch");
	assert_string_equal(name(pbxs, 2, "tenant"), "northwind");
	assert_int_equal(json_integer_value(json_object_get(
		json_array_get(pbxs, 1), "calls")), 2);
	assert_int_equal(json_integer_value(json_object_get(
		json_object_get(json, "total"), "calls")), 4);
	assert_true(json_is_null(json_object_get(json_object_get(json,
		    "total"), "pdd_ms")));

	json_decref(json);
	mem_deref(report);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_gives_no_figures),
		cmocka_unit_test(test_ratios),
		cmocka_unit_test(test_lengths_and_delays),
		cmocka_unit_test(test_quality),
		cmocka_unit_test(test_records_without_a_result),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
