/**
 * @file test_calls.c  Looking for calls, figures of them, outages
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include "bridge/model/call_stats.h"
#include "bridge/store/journal.h"
#include "bridge/store/store_core.h"
#include "kills.h"
#include "old.h"


enum { HOUR_MS = 3600000, MINUTE_MS = 60000 };

#define BEGIN_MS 1750003200000     /* a whole hour, 2025-06-15 16:00 UTC */


/* Making */


static struct call_record call(unsigned n, const char *caller,
			       const char *callee)
{
	struct call_record rec = { .version = 3, .state = CALL_ENDED,
		.result = CALL_GOOD, .tenant = "acme", .pbx = "hq",
		.upn = "ann@acme.example",
		.start_ms = BEGIN_MS + n * MINUTE_MS };

	(void)re_snprintf(rec.id, sizeof(rec.id), "call-%u", n);
	str_ncpy(rec.caller, caller, sizeof(rec.caller));
	str_ncpy(rec.callee, callee, sizeof(rec.callee));
	rec.ring_ms   = rec.start_ms + 1500;
	rec.answer_ms = rec.start_ms + 5000;
	rec.end_ms    = rec.answer_ms + 1000 * (n + 1);
	rec.teams.mos = 4.3;
	rec.pbxside.mos = 4.0;
	rec.teams.rx_packets = 990;
	rec.teams.rx_lost = 10;
	rec.teams.jitter_us = 4000;

	return rec;
}


static void written(const struct world *w, const struct call_record *v,
		    size_t c)
{
	struct journal *j = NULL;

	assert_int_equal(journal_open(&j, w->folder), 0);
	for (size_t i = 0; i < c; i++)
		assert_int_equal(journal_call(j, &v[i]), 0);
	mem_deref(j);
}


static void imported(struct world *w)
{
	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX,
				      NULL), 0);
}


static void reg_line(const struct world *w, const char *upn,
		     const char *pbx, const char *state, int64_t since_ms,
		     const char *reason)
{
	FILE *f;

	(void)mkdir(path_of(w, "journal"), 0700);
	f = fopen(path_of(w, "journal/20200101.jsonl"), "a");
	assert_non_null(f);
	assert_true(fprintf(f, "{\"time_ms\":%lld,\"reg\":{\"tenant\":"
			    "\"acme\",\"upn\":\"%s\",\"pbx\":\"%s\","
			    "\"state\":\"%s\",\"since_s\":%lld,"
			    "\"reason\":\"%s\"}}\n", (long long)since_ms, upn,
			    pbx, state, (long long)(since_ms / 1000),
			    reason) > 0);
	assert_int_equal(fclose(f), 0);
}


/* Looking */


struct seen {
	size_t c;
	char ids[512];
};


static int see(const struct json_t *value, void *arg)
{
	struct seen *seen = arg;

	(void)strcat(strcat(seen->ids, json_string_value(json_object_get(
		value, "id")) + 5), " ");
	++seen->c;

	return 0;
}


/** Last digits of the ids that are found */
static void assert_found(struct world *w, struct store_call_query asked,
			 const char *want)
{
	struct seen seen = { 0, "" };

	if (!asked.span.tenant)
		asked.span.tenant = "acme";
	assert_int_equal(store_calls(w->st, &asked, see, &seen), 0);
	assert_string_equal(seen.ids, want);
}


#define FOUND(w, want, ...)						\
	assert_found(w, (struct store_call_query){ __VA_ARGS__ }, want)


static void test_a_number_is_found_as_people_write_it(void **state)
{
	struct world *w = *state;
	struct call_record v[] = {
		call(1, "+442079460018", "+4915112345678"),
		call(2, "2001", "+442079460018"),
		call(3, "anonymous", "*31*2001"),
		call(4, "+390612345678", "102001"),
		call(5, "+442079460019", "112"),
		call(6, "ann2001", "+1-212-555-0100"),
	};
	struct seen seen = { 0, "" };

	written(w, v, RE_ARRAY_SIZE(v));
	imported(w);

	FOUND(w, "2 1 ", .number = "+442079460018");
	FOUND(w, "2 1 ", .number = "+44 (0)20 7946-0018");
	FOUND(w, "2 1 ", .number = "020 7946 0018");
	FOUND(w, "2 1 ", .number = "0044.20.7946.0018");
	FOUND(w, "2 1 ", .number = "460018");
	FOUND(w, "2 1 ", .number = "0018");
	FOUND(w, "1 ", .number = "+4915112345678");
	FOUND(w, "", .number = "46001");
	FOUND(w, "4 3 2 ", .number = "2001");
	FOUND(w, "4 ", .number = "102001");
	FOUND(w, "4 ", .number = "06 1234 5678");
	FOUND(w, "5 ", .number = "112");
	FOUND(w, "6 ", .number = "(212) 555 0100");
	FOUND(w, "", .number = "999999");
	FOUND(w, "2 ", .number = "460018", .span.from_ms = v[1].start_ms);
	FOUND(w, "1 ", .number = "460018", .span.to_ms = v[1].start_ms);

	for (size_t i = 0; i < 4; i++) {
		static const char *const badv[] = { "", "ann", "18",
						    "12x34" };
		const struct store_call_query asked = { .number = badv[i] };

		assert_int_equal(store_calls(w->st, &asked, see, &seen),
				 EDOM);
	}
}


static void test_calls_are_chosen_and_sorted(void **state)
{
	struct world *w = *state;
	struct call_record v[5];
	char last[STORE_CURSOR_SIZE] = "";
	struct store_call_query page = { .span = { .tenant = "acme",
		.limit = 2, .last = last }, .sort = STORE_CALLS_BY_TALK,
		.ascending = true };
	struct seen seen = { 0, "" };

	for (unsigned i = 0; i < 5; i++)
		v[i] = call(i, "2001", "2002");
	v[1].result = CALL_BUSY;
	v[1].answer_ms = 0;
	v[1].teams.mos = v[1].pbxside.mos = 0;
	v[2].result = CALL_MEDIA;
	v[2].direction = CALL_FROM_PBX;
	v[3].pbxside.mos = 2.9;
	str_ncpy(v[4].pbx, "lab", sizeof(v[4].pbx));
	str_ncpy(v[4].upn, "Bob@acme.example", sizeof(v[4].upn));
	written(w, v, 5);
	imported(w);

	FOUND(w, "4 3 2 1 0 ", .failed = NULL);
	FOUND(w, "0 1 2 3 4 ", .ascending = true);
	FOUND(w, "1 ", .result = "busy");
	FOUND(w, "2 ", .failed = "true");
	FOUND(w, "4 3 1 0 ", .failed = "false");
	FOUND(w, "2 ", .direction = "from_pbx");
	FOUND(w, "3 ", .mos_below = 360);
	FOUND(w, "", .mos_below = 290);
	FOUND(w, "4 ", .span.pbx = "lab");
	FOUND(w, "4 ", .span.upn = "BOB@acme.example");
	FOUND(w, "3 ", .sort = STORE_CALLS_BY_MOS, .ascending = true,
	      .span.limit = 1);
	FOUND(w, "4 3 2 0 1 ", .sort = STORE_CALLS_BY_TALK);

	assert_int_equal(store_calls(w->st, &page, see, &seen), 0);
	page.span.after = last;
	assert_int_equal(store_calls(w->st, &page, see, &seen), 0);
	assert_string_equal(seen.ids, "1 0 2 3 ");
	page.span.after = "x/y";
	assert_int_equal(store_calls(w->st, &page, see, &seen), EINVAL);
}


static void test_a_user_is_found_by_a_part_of_the_name(void **state)
{
	static const struct store_by by = { "ann", NULL };
	struct world *w = *state;
	struct call_record v[] = { call(1, "1", "2"), call(2, "1", "2") };
	const struct store_call_query many = { .user = "EXAMPLE" };
	struct seen seen = { 0, "" };

	str_ncpy(v[1].upn, "u7@acme.example", sizeof(v[1].upn));
	written(w, v, 2);
	imported(w);

	json_t *json = json_pack("{s:s, s:{s:s}}", "tenant", "acme", "teams",
				 "fqdn", "a.example");
	assert_int_equal(store_put(w->st, STORE_TENANT, "acme", json,
				   STORE_NEW, &by, w->errs, NULL), 0);
	json_decref(json);
	json = json_pack("{s:s, s:s}", "name", "hq", "sip_domain", "p.q");
	assert_int_equal(store_put(w->st, STORE_PBX, "acme", json, STORE_NEW,
				   &by, w->errs, NULL), 0);
	json_decref(json);

	for (unsigned i = 0; i < 60; i++) {
		char upn[64], number[32], name[16];

		(void)re_snprintf(upn, sizeof(upn), "u%u@acme.example", i);
		(void)re_snprintf(number, sizeof(number), "+44207946%04u", i);
		(void)re_snprintf(name, sizeof(name), "%u", 2000 + i);
		json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "upn", upn,
				 "number", number, "pbx", "hq",
				 "sip_username", name, "name",
				 i == 7 ? "Zoë O'Hara" : "Someone");
		assert_int_equal(store_put(w->st, STORE_USER, "acme", json,
					   STORE_NEW, &by, w->errs, NULL), 0);
		json_decref(json);
	}

	FOUND(w, "2 ", .user = "o'hara");
	FOUND(w, "2 ", .user = "79460007");
	FOUND(w, "", .user = "%");
	FOUND(w, "2 ", .user = "Hara", .number = NULL, .result = "answered");
	assert_int_equal(store_calls(w->st, &many, see, &seen), E2BIG);
}


/* Figures */


static int add_figures(int64_t time_ms, const char *tenant, const char *pbx,
		       const struct call_stats *stats, void *arg)
{
	(void)time_ms;
	(void)tenant;
	(void)pbx;
	call_stats_sum(arg, stats, false);

	return 0;
}


static void figures(struct world *w, struct call_stats *stats)
{
	const struct store_figures all = { .tenant = NULL };

	memset(stats, 0, sizeof(*stats));
	assert_int_equal(store_call_figures(w->st, &all, add_figures, stats),
			 0);
}


static void assert_figures(struct world *w, const struct call_record *v,
			   size_t c)
{
	struct call_stats want = { 0 }, have;

	for (size_t i = 0; i < c; i++)
		call_stats_add(&want, &v[i]);
	want.running = 0;
	figures(w, &have);
	assert_memory_equal(&have, &want, sizeof(want));
}


static void test_figures_are_those_of_the_calls(void **state)
{
	struct world *w = *state;
	struct call_record v[40], running;

	for (unsigned i = 0; i < 40; i++) {
		v[i] = call(i, "2001", "2002");
		v[i].result = (enum call_result)(1 + i % (CALL_RESULTS - 1));
		v[i].direction = i % 3 ? CALL_FROM_TEAMS : CALL_FROM_PBX;
		v[i].pbxside.mos = 2.5 + i / 20.0;
		v[i].ring_ms = v[i].start_ms + 100 * i * i;
		(void)re_snprintf(v[i].pbx, sizeof(v[i].pbx), "p%u", i % 4);
		running = v[i];
		running.version = 1;
		running.state = CALL_RINGING;
		running.result = CALL_RUNNING;
		written(w, &running, 1);
		if (i % 8 == 0)
			imported(w);
	}
	written(w, v, 40);
	imported(w);
	assert_figures(w, v, 40);

	/* a call is told again after its end: a transfer came to something */
	v[7].version  = 4;
	v[7].end_ms  += 60000;
	v[7].result   = CALL_GOOD;
	v[8].start_ms = v[8].start_ms - HOUR_MS;
	v[8].version  = 5;
	written(w, &v[7], 2);
	imported(w);
	assert_figures(w, v, 40);

	/* and an old version of it comes late */
	running = v[7];
	running.version = 3;
	running.result  = CALL_BUSY;
	written(w, &running, 1);
	imported(w);
	assert_figures(w, v, 40);
}


struct steps { char text[512]; };


static int see_step(int64_t time_ms, const char *tenant, const char *pbx,
		    const struct call_stats *stats, void *arg)
{
	struct steps *steps = arg;
	const size_t l = strlen(steps->text);

	(void)re_snprintf(steps->text + l, sizeof(steps->text) - l,
			  "%lld%s%s%s=%llu ",
			  (long long)(time_ms ? (time_ms - BEGIN_MS) /
				      HOUR_MS : 0), *tenant ? "/" : "",
			  tenant, pbx, (unsigned long long)stats->calls);

	return 0;
}


#define STEPS(w, want, ...) do {					\
		const struct store_figures asked = { __VA_ARGS__ };	\
		struct steps told = { "" };				\
		assert_int_equal(store_call_figures((w)->st, &asked,	\
						    see_step, &told), 0); \
		assert_string_equal(told.text, want);			\
	} while (0)


static void assert_totals(struct world *w, const char *tenant,
			  int64_t after_ms, int64_t calls, int64_t failed)
{
	struct store_totals totals = { -1, -1 };

	assert_int_equal(store_call_totals(w->st, tenant, BEGIN_MS + after_ms,
					   &totals), 0);
	assert_int_equal(totals.calls, calls);
	assert_int_equal(totals.failed, failed);
}


static void test_figures_by_time_and_pbx(void **state)
{
	const struct store_figures few = { .step_ms = HOUR_MS, .limit = 2 };
	struct steps steps = { "" };
	struct world *w = *state;
	struct call_record v[] = {
		call(0, "1", "2"), call(59, "1", "2"), call(61, "1", "2"),
		call(8 * 60, "1", "2"), call(9 * 60, "1", "2"),
	};

	str_ncpy(v[1].pbx, "lab", sizeof(v[1].pbx));
	str_ncpy(v[4].tenant, "zeta", sizeof(v[4].tenant));
	written(w, v, RE_ARRAY_SIZE(v));
	imported(w);

	STEPS(w, "0=5 ", .tenant = NULL);
	STEPS(w, "0=4 ", .tenant = "acme");
	STEPS(w, "0=1 ", .tenant = "acme", .pbx = "lab");
	STEPS(w, "0=2 1=1 8=1 9=1 ", .step_ms = HOUR_MS);
	STEPS(w, "0=2 1=1 ", .step_ms = HOUR_MS, .from_ms = BEGIN_MS +
	      5 * MINUTE_MS, .to_ms = BEGIN_MS + 2 * HOUR_MS);
	STEPS(w, "0/acmehq=1 0/acmelab=1 1/acmehq=1 8/acmehq=1 9/zetahq=1 ",
	      .step_ms = HOUR_MS, .by_pbx = true);
	STEPS(w, "0/acmehq=3 0/acmelab=1 0/zetahq=1 ", .by_pbx = true);
	/* it is 16:00 in Greenwich; days begin where people are */
	STEPS(w, "-16=3 8=1 ", .step_ms = 24 * HOUR_MS, .tenant = NULL,
	      .zone_ms = 0, .limit = 0, .to_ms = BEGIN_MS + 9 * HOUR_MS);
	STEPS(w, "-21=3 3=2 ", .step_ms = 24 * HOUR_MS, .zone_ms =
	      (int64_t)5 * HOUR_MS, .limit = 2);
	assert_int_equal(store_call_figures(w->st, &few, see_step, &steps),
			 E2BIG);

	STEPS(w, "0=4 ", .pbx = "hq");
	assert_totals(w, NULL, 2 * HOUR_MS, 2, 0);
	assert_totals(w, NULL, 0, 5, 0);
	assert_totals(w, "acme", HOUR_MS, 2, 0);
	assert_totals(w, "nobody", 0, 0, 0);
}


/** They are told by what each PBX has */
static void test_figures_of_all_of_older_tables(void **state)
{
	struct world *w = *state;
	struct call_record v[40];

	for (unsigned i = 0; i < 40; i++) {
		v[i] = call(5 * i, "2001", "2002");
		(void)re_snprintf(v[i].pbx, sizeof(v[i].pbx), "p%u", i % 4);
	}
	written(w, v, RE_ARRAY_SIZE(v));
	imported(w);
	assert_figures(w, v, 40);

	assert_int_equal(raw(w, "DELETE FROM call_figures WHERE"
			     " tenant = '*'"), 0);
	assert_int_equal(store_figures_fill(w->st), 0);
	assert_figures(w, v, 40);
}


static void test_figures_of_what_hours_do_not_tell_apart(void **state)
{
	const struct store_figures loose = { .failed = true };
	const struct store_figures exact = { .exact = true, .from_ms =
		BEGIN_MS + MINUTE_MS };
	struct world *w = *state;
	struct steps steps = { "" };
	struct call_stats stats = { 0 };
	struct call_record v[] = {
		call(0, "1", "2"), call(59, "1", "2"), call(61, "1", "2"),
		call(8 * 60, "1", "2"), call(9 * 60, "1", "2"),
	};

	v[2].state  = CALL_RINGING;
	v[2].result = CALL_RUNNING;
	str_ncpy(v[3].upn, "bo@acme.example", sizeof(v[3].upn));
	v[4].result = CALL_FAULT;
	written(w, v, RE_ARRAY_SIZE(v));
	imported(w);

	/* the hours cut off at both ends, whole ones between */
	STEPS(w, "0=1 1=0 8=1 ", .step_ms = HOUR_MS, .exact = true,
	      .from_ms = BEGIN_MS + MINUTE_MS, .to_ms = BEGIN_MS +
	      8 * HOUR_MS + 1);
	STEPS(w, "0=1 1=0 ", .step_ms = HOUR_MS, .exact = true,
	      .from_ms = BEGIN_MS + MINUTE_MS, .to_ms = BEGIN_MS +
	      8 * HOUR_MS);
	STEPS(w, "0=1 ", .exact = true, .from_ms = BEGIN_MS, .to_ms =
	      BEGIN_MS + MINUTE_MS);
	STEPS(w, "0=1 ", .exact = true, .upn = "BO@acme.example");
	STEPS(w, "0=1 ", .exact = true, .failed = true, .tenant = "acme");
	STEPS(w, "", .exact = true, .failed = true, .to_ms = BEGIN_MS);

	assert_int_equal(store_call_figures(w->st, &exact, add_figures,
					    &stats), 0);
	assert_int_equal(stats.calls, 3);
	assert_int_equal(stats.running, 1);
	assert_int_equal(store_call_figures(w->st, &loose, see_step, &steps),
			 EINVAL);
}


static void test_kills_count_no_call_twice(void **state)
{
	struct world *w = *state;
	struct call_record v[200];

	for (unsigned i = 0; i < 200; i++)
		v[i] = call(i, "2001", "2002");
	written(w, v, 200);

	w->st = mem_deref(w->st);
	for (unsigned i = 0; i < 8; i++)
		import_and_kill(w, 7, 1 + i % 3);
	(void)again(w);
	imported(w);
	assert_figures(w, v, 200);
}


/** A store whose calls the first version has put in */
static void first_begun(struct world *w, const struct call_record *v,
			size_t c)
{
	w->st = mem_deref(w->st);
	url_make(w, w->url, sizeof(w->url), "first.db");
	assert_int_equal(store_open(&w->st, w->url, true, w->ring, w->errs),
			 0);
	assert_int_equal(store_migrate_until(w->st, 1, w->errs), 0);
	old_fill(w, v, c);
	(void)again(w);
}


/** @return slices until there were no more */
static unsigned filled(struct world *w, unsigned max)
{
	bool more = true;
	unsigned n = 0;

	for (; more && n < max; n++)
		assert_int_equal(store_fill(w->st, &more), 0);

	return n;
}


static int count_outage(const struct store_outage *o, void *arg)
{
	(void)o;
	++*(size_t *)arg;

	return 0;
}


static int count_status(const json_t *value, void *arg)
{
	(void)value;
	++*(size_t *)arg;

	return 0;
}


static void test_a_store_of_version_1_is_filled_up(void **state)
{
	const struct store_span all = { .tenant = "acme" };
	struct world *w = *state;
	struct call_record v[1100];
	size_t outages = 0, statuses = 0;

	for (unsigned i = 0; i < 1100; i++) {
		v[i] = call(i, "+442079460018", "2002");
		v[i].result = i % 2 ? CALL_GOOD : CALL_BUSY;
	}

	first_begun(w, v, 1100);
	assert_int_equal(store_reg_history(w->st, &all, count_status,
					   &statuses), 0);
	assert_int_equal(statuses, 2);
	assert_int_equal(filled(w, 9), 3);
	assert_figures(w, v, 1100);
	FOUND(w, "1099 ", .number = "7946 0018", .span.limit = 1);
	FOUND(w, "1098 ", .result = "busy", .span.limit = 1);
	assert_int_equal(store_outages(w->st, &all, count_outage, &outages),
			 0);
	assert_int_equal(outages, 1);
}


/* In order of their ids: "call-1", "call-10", "call-100", "call-1000" */
static void test_calls_told_while_others_are_filled_count_once(void **state)
{
	struct world *w = *state;
	struct call_record v[1202];
	unsigned n;

	for (unsigned i = 0; i < 1200; i++) {
		v[i] = call(i, "+442079460018", "2002");
		if (i % 2)
			v[i].result = CALL_BUSY;
	}
	v[3].state = v[950].state = CALL_ANSWERED;
	v[3].result = v[950].result = CALL_RUNNING;
	first_begun(w, v, 1200);

	/* some are filled; each kind is told again, and a killed one goes on
	   where it was */
	for (n = 0; n < 3; n++) {
		const unsigned toldv[] = { 1 + n, 100 + n, 950, 3, 996 + n };

		assert_int_equal(filled(w, 1), 1);
		for (size_t i = 0; i < RE_ARRAY_SIZE(toldv); i++) {
			struct call_record *rec = &v[toldv[i]];

			++rec->version;
			rec->state   = CALL_ENDED;
			rec->result  = CALL_DECLINED;
			rec->end_ms += 1000;
			written(w, rec, 1);
		}
		if (n < 2) {
			v[1200 + n] = call(1200 + n, "2001", "2002");
			(void)re_snprintf(v[1200 + n].id, sizeof(v[0].id),
					  n ? "call-99999" : "call-000");
			written(w, &v[1200 + n], 1);
		}
		imported(w);
		(void)again(w);
	}

	assert_int_equal(filled(w, 9), 1);
	assert_figures(w, v, 1202);
}


/* Outages */


struct lost { char text[1024]; };


static int see_outage(const struct store_outage *o, void *arg)
{
	struct lost *lost = arg;
	const size_t l = strlen(lost->text);

	(void)re_snprintf(lost->text + l, sizeof(lost->text) - l,
			  "%s %s %lld-%lld %zu %s (%s) %lld\n", o->kind,
			  o->pbx, (long long)(o->from_ms - BEGIN_MS) / 1000,
			  o->to_ms ? (long long)(o->to_ms - BEGIN_MS) / 1000
			  : -1, o->count, o->namev[0], o->reason,
			  o->to_ms ? (long long)o->lost_ms / 1000 : 0);

	return 0;
}


#define OUTAGES(w, want, ...) do {					\
		const struct store_span asked = { __VA_ARGS__ };	\
		struct lost lost = { "" };				\
		assert_int_equal(store_outages((w)->st, &asked,		\
					       see_outage, &lost), 0);	\
		assert_string_equal(lost.text, want);			\
	} while (0)


static void test_who_is_lost_together_is_one_outage(void **state)
{
	struct world *w = *state;
	static const char no[] = "No response";

	/* a wrong password for long; then the PBX goes for five minutes and
	   users notice one after the other; one of them twice */
	reg_line(w, "z@a.b", "hq", "failing", BEGIN_MS, "Forbidden");
	reg_line(w, "A@a.b", "hq", "registered", BEGIN_MS, "");
	reg_line(w, "a@a.b", "hq", "failing", BEGIN_MS + 3000000, no);
	reg_line(w, "b@a.b", "hq", "failing", BEGIN_MS + 3500000, no);
	reg_line(w, "b@a.b", "hq", "failing", BEGIN_MS + 3500000, "Other");
	reg_line(w, "b@a.b", "hq", "queued", BEGIN_MS + 3600000, "");
	reg_line(w, "c@a.b", "hq", "lagging", BEGIN_MS + 4000000, no);
	reg_line(w, "a@a.b", "hq", "registered", BEGIN_MS + 4010000, "");
	reg_line(w, "b@a.b", "hq", "registered", BEGIN_MS + 4020000, "");
	reg_line(w, "c@a.b", "hq", "off", BEGIN_MS + 4030000, "");
	reg_line(w, "a@a.b", "hq", "failing", BEGIN_MS + 4040000, no);
	reg_line(w, "a@a.b", "hq", "registered", BEGIN_MS + 4050000, "");
	/* the same again hours later is another one; and another PBX */
	reg_line(w, "a@a.b", "hq", "failing", BEGIN_MS + 9000000, no);
	reg_line(w, "d@a.b", "lab", "failing", BEGIN_MS + 3000000, no);
	reg_line(w, "d@a.b", "lab", "registered", BEGIN_MS + 3100000, "");
	imported(w);

	OUTAGES(w, "user hq 9000--1 1 a@a.b (No response) 0\n"
		"user hq 3000-4050 3 a@a.b (No response) 1570\n"
		"user lab 3000-3100 1 d@a.b (No response) 100\n"
		"user hq 0--1 1 z@a.b (Forbidden) 0\n", .tenant = "acme");
	OUTAGES(w, "user lab 3000-3100 1 d@a.b (No response) 100\n",
		.pbx = "lab");
	OUTAGES(w, "user hq 9000--1 1 a@a.b (No response) 0\n"
		"user hq 0--1 1 z@a.b (Forbidden) 0\n",
		.from_ms = BEGIN_MS + 4100000);
	OUTAGES(w, "user hq 0--1 1 z@a.b (Forbidden) 0\n",
		.from_ms = BEGIN_MS, .to_ms = BEGIN_MS + 1000);
	OUTAGES(w, "", .tenant = "other");
	OUTAGES(w, "user hq 9000--1 1 a@a.b (No response) 0\n", .limit = 1);
}


static void test_a_trunk_is_lost_from_its_first_failure_on(void **state)
{
	struct world *w = *state;
	struct trunk_status st = { .tenant = "acme", .fqdn = "acme.example",
		.proxy = "sip.example", .since_s = BEGIN_MS / 1000 };
	struct journal *j = NULL;

	assert_int_equal(journal_open(&j, w->folder), 0);
	assert_int_equal(journal_trunk(j, &st), 0);    /* not tried yet */
	st.up = true;
	st.since_s += 10;
	assert_int_equal(journal_trunk(j, &st), 0);
	st.up = false;
	st.since_s += 10;
	str_ncpy(st.why, "Connection refused", sizeof(st.why));
	assert_int_equal(journal_trunk(j, &st), 0);
	st.since_s += 10;
	assert_int_equal(journal_trunk(j, &st), 0);
	st.up = true;
	st.since_s += 10;
	assert_int_equal(journal_trunk(j, &st), 0);
	mem_deref(j);
	imported(w);

	OUTAGES(w, "trunk acme.example 20-40 1 sip.example (Connection"
		" refused) 20\n", .tenant = "acme");
}


/* Keeping */


static void swept(struct world *w, unsigned days)
{
	bool more = true;

	for (unsigned i = 0; more && i < 100; i++)
		assert_int_equal(store_sweep(w->st, "n1", w->folder, days,
					     &more), 0);
	assert_false(more);
}


static void test_what_is_old_goes_and_its_figures_stay(void **state)
{
	const int64_t now = (int64_t)time(NULL) * 1000;
	const int64_t day_ms = 24 * HOUR_MS;
	struct world *w = *state;
	struct call_record v[1300];
	struct stat entry;
	size_t outages = 0;
	const struct store_span all = { .tenant = "acme" };

	for (unsigned i = 0; i < 1300; i++) {
		const int64_t by_ms = now -
			(i < 1200 ? 40 : 10) * day_ms - BEGIN_MS;

		v[i] = call(i, "2001", "2002");
		v[i].start_ms  += by_ms;
		v[i].ring_ms   += by_ms;
		v[i].answer_ms += by_ms;
		v[i].end_ms    += by_ms;
	}
	written(w, v, 1300);
	reg_line(w, "a@b.c", "hq", "failing", now - 50 * day_ms, "No");
	reg_line(w, "a@b.c", "hq", "registered", now - 40 * day_ms, "");
	reg_line(w, "a@b.c", "hq", "failing", now - 39 * day_ms, "No");

	/* what was not taken over is not let go of */
	swept(w, 30);
	assert_int_equal(stat(path_of(w, "journal/20200101.jsonl"), &entry),
			 0);
	imported(w);
	FOUND(w, "1199 ", .span.limit = 1, .span.to_ms = now - 35 * day_ms);

	swept(w, 30);
	assert_int_not_equal(stat(path_of(w, "journal/20200101.jsonl"),
				  &entry), 0);
	FOUND(w, "", .span.to_ms = now - 30 * day_ms);
	FOUND(w, "1299 ", .span.limit = 1);
	assert_figures(w, v, 1300);
	assert_int_equal(store_outages(w->st, &all, count_outage, &outages),
			 0);
	assert_int_equal(outages, 1);

	/* and the file of today stays, for it is written to */
	imported(w);
	FOUND(w, "1299 ", .span.limit = 1);
}


static const struct CMUnitTest tests[] = {
	TEST(test_a_number_is_found_as_people_write_it),
	TEST(test_calls_are_chosen_and_sorted),
	TEST(test_a_user_is_found_by_a_part_of_the_name),
	TEST(test_figures_are_those_of_the_calls),
	TEST(test_figures_by_time_and_pbx),
	TEST(test_figures_of_all_of_older_tables),
	TEST(test_figures_of_what_hours_do_not_tell_apart),
	TEST(test_kills_count_no_call_twice),
	TEST(test_a_store_of_version_1_is_filled_up),
	TEST(test_calls_told_while_others_are_filled_count_once),
	TEST(test_who_is_lost_together_is_one_outage),
	TEST(test_a_trunk_is_lost_from_its_first_failure_on),
	TEST(test_what_is_old_goes_and_its_figures_stay),
};


int main(void)
{
	return world_run(tests);
}
