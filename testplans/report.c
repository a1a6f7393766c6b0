/**
 * @file report.c  What a run leaves behind
 */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "bridge/base/members.h"
#include "bridge/base/version.h"
#include "actor.h"
#include "tape.h"
#include "exec.h"
#include "plan.h"
#include "report.h"
#include "report_part.h"
#include "watch.h"


enum { MESSAGES_MAX = 400, LEVELS = 240, TEXT_MAX = 8192,
       REGISTRATIONS_MAX = 200 };


static void set_str(json_t *json, const char *name, const char *value)
{
	if (value && *value)
		(void)json_object_set_new(json, name, json_string(value));
}


static void set_int(json_t *json, const char *name, uint64_t value)
{
	(void)json_object_set_new(json, name, json_integer((json_int_t)
							   value));
}


static void now_print(char *buf, size_t size)
{
	const time_t now = time(NULL);
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}


json_t *report_new(const struct run_conf *conf)
{
	char when[32];
	json_t *report = json_object(), *settings = json_object();

	now_print(when, sizeof(when));

	set_int(report, "format", REPORT_FORMAT);
	set_str(report, "site", conf->roster->roster);
	set_str(report, "started", when);
	set_str(report, "callbridge", version_software());

	set_int(settings, "scale_percent", conf->scale);
	set_int(settings, "repeat", conf->repeat);
	(void)json_object_set_new(report, "settings", settings);
	(void)json_object_set_new(report, "actors", json_array());
	(void)json_object_set_new(report, "plans", json_array());

	return report;
}


static json_t *actor_json(const struct actor *actor)
{
	json_t *json = json_object();

	set_str(json, "actor", actor->name);
	set_str(json, "kind", roster_kind_name(actor->acc->kind));
	set_str(json, "name", actor->acc->name);
	set_str(json, "number", actor->acc->number);
	set_str(json, "extension", actor->acc->extension);
	if (actor->tone_hz)
		set_int(json, "tone_hz", (uint64_t)actor->tone_hz);
	if (actor->acc->kind == ROSTER_PHONE)
		set_str(json, "codec", roster_codec_name(actor->acc->codec));

	return json;
}


/** Of the registrations, what a reader asks for */
static json_t *registration_json(const json_t *row)
{
	static const char *const memberv[] = {
		"tenant", "pbx", "upn", "number", "aor", "state", "server",
		"expires_s", "reason", "words",
	};
	json_t *json = json_object();

	for (size_t i = 0; i < RE_ARRAY_SIZE(memberv); i++)
		if (json_object_get(row, memberv[i]))
			(void)json_object_set(json, memberv[i],
					      json_object_get(row,
							      memberv[i]));

	return json;
}


void report_site(json_t *report, struct stage *stage)
{
	json_t *actors = json_object_get(report, "actors"), *rows, *row;
	json_t *regs, *version;
	size_t i;

	for (i = 0; i < ACTORC; i++)
		if (stage->actorv[i].started)
			(void)json_array_append_new(actors, actor_json(
						    &stage->actorv[i]));

	if (!watch_is_there(stage->watch))
		return;

	version = watch_version(stage->watch);
	(void)json_object_set_new(report, "service", version ? version :
				  json_null());

	rows = watch_registrations(stage->watch);
	regs = json_array();
	json_array_foreach(rows, i, row)
		if (i < REGISTRATIONS_MAX)
			(void)json_array_append_new(regs,
						    registration_json(row));
	json_decref(rows);
	(void)json_object_set_new(report, "registrations", regs);
}


json_t *report_plan(json_t *report, const struct plan *plan)
{
	json_t *plans = json_object_get(report, "plans"), *json;
	size_t i;

	json_array_foreach(plans, i, json)
		if (!strcmp(text_of(json, "plan"), plan->plan))
			return json;

	json = json_object();
	set_str(json, "plan", plan->plan);
	set_str(json, "title", plan->title);
	(void)json_object_set_new(json, "cases", json_array());
	(void)json_array_append_new(plans, json);

	return json;
}


json_t *report_case(json_t *plan, const struct plan_case *cas,
		    uint32_t round)
{
	json_t *json = json_object();

	set_str(json, "id", cas->id);
	set_str(json, "title", cas->title);
	set_int(json, "round", round);
	(void)json_object_set_new(json, "steps", json_array());
	(void)json_array_append_new(json_object_get(plan, "cases"), json);

	return json;
}


void report_step(json_t *cas, const char *sentence, const struct step *step,
		 const struct outcome *out, uint64_t ms)
{
	json_t *json = json_object();

	set_str(json, "step", sentence);

	if (step) {
		set_str(json, "expected", step_pattern(step->verb)->proves);
		set_str(json, "verdict", run_verdict_name(out->verdict));
		set_str(json, "observed", out->observed);
		set_str(json, "advice", out->advice);
		set_str(json, "note", out->note);
		set_int(json, "ms", ms);
		if (out->measures)
			(void)json_object_set(json, "measures",
					      out->measures);
	}
	else {
		set_str(json, "verdict", run_verdict_name(VERDICT_SKIPPED));
		set_str(json, "observed", "not tried: an earlier step did"
			" not pass");
	}

	(void)json_array_append_new(json_object_get(cas, "steps"), json);
}


/** Without what is long: the first line, and the text for who wants it */
static json_t *message_json(const json_t *msg)
{
	const char *data = text_of(msg, "data");
	const size_t l = strcspn(data, "\r\n");
	json_t *json = json_object();

	(void)json_object_set(json, "time_us", json_object_get(msg,
							       "time_us"));
	(void)json_object_set(json, "tx", json_object_get(msg, "tx"));
	(void)json_object_set(json, "side", json_object_get(msg, "side"));
	(void)json_object_set(json, "peer", json_object_get(msg, "peer"));
	(void)json_object_set_new(json, "line", json_stringn(data, l));
	(void)json_object_set_new(json, "text", json_stringn(data,
				  strnlen(data, TEXT_MAX)));

	return json;
}


static int by_time(const void *ap, const void *bp)
{
	const json_int_t a = json_integer_value(json_object_get(
				*(json_t *const *)ap, "time_us"));
	const json_int_t b = json_integer_value(json_object_get(
				*(json_t *const *)bp, "time_us"));

	return a < b ? -1 : a > b;
}


/** New reference */
static json_t *sorted(json_t *messages)
{
	json_t *v[MESSAGES_MAX], *array = json_array();
	const size_t c = json_array_size(messages);

	for (size_t i = 0; i < c; i++)
		v[i] = json_array_get(messages, i);

	qsort(v, c, sizeof(v[0]), by_time);

	for (size_t i = 0; i < c; i++)
		(void)json_array_append(array, v[i]);

	json_decref(messages);

	return array;
}


static void pcap_add(json_t *cas, struct stage *stage, const char *call)
{
	json_t *files = json_object_get(cas, "captures");
	const char *folder = stage->conf->captures, *slash;
	char *path;

	if (!folder || re_sdprintf(&path, "%s/%s.pcapng", folder, call))
		return;

	if (!watch_pcap(stage->watch, call, path)) {
		if (!files) {
			files = json_array();
			(void)json_object_set_new(cas, "captures", files);
		}

		/* As seen from the page, which lies beside the folder */
		slash = strrchr(folder, '/');
		(void)json_array_append_new(files, json_string(path +
					    (slash ? slash + 1 - folder
					     : 0)));
	}

	mem_deref(path);
}


static void calls_add(json_t *cas, struct stage *stage)
{
	const json_t *calls = watch_calls(stage->watch), *row;
	json_t *messages = json_array(), *trace, *msg;
	size_t i, j;

	json_array_foreach(calls, i, row) {
		trace = watch_trace(stage->watch, text_of(row, "id"));
		json_array_foreach(trace, j, msg)
			if (json_array_size(messages) < MESSAGES_MAX)
				(void)json_array_append_new(messages,
							message_json(msg));
		json_decref(trace);
		pcap_add(cas, stage, text_of(row, "id"));
	}

	(void)json_object_set_new(cas, "calls", json_deep_copy(calls));
	(void)json_object_set_new(cas, "messages", sorted(messages));
}


static json_t *levels_json(const struct actor *actor)
{
	const uint64_t ms = tape_length_ms(actor->ear);
	json_t *json = json_object(), *list = json_array();
	float v[LEVELS];

	tape_levels(actor->ear, 0, ms, v, LEVELS);

	for (size_t i = 0; i < LEVELS; i++)
		(void)json_array_append_new(list, json_integer(
					    (json_int_t)lrintf(v[i])));

	set_str(json, "actor", actor->name);
	set_int(json, "ms", ms);
	(void)json_object_set_new(json, "dbfs", list);

	return json;
}


void report_evidence(json_t *cas, struct stage *stage)
{
	json_t *levels = json_array();

	if (watch_is_there(stage->watch))
		calls_add(cas, stage);

	for (size_t i = 0; i < ACTORC; i++) {
		const struct actor *actor = &stage->actorv[i];

		if (actor->ear && tape_length_ms(actor->ear))
			(void)json_array_append_new(levels,
						    levels_json(actor));
	}

	(void)json_object_set_new(cas, "levels", levels);
}


void report_case_end(json_t *cas, enum run_verdict verdict,
		     const char *reason, uint64_t ms)
{
	set_str(cas, "verdict", run_verdict_name(verdict));
	set_str(cas, "reason", reason);
	set_int(cas, "ms", ms);
}


enum run_verdict report_end(json_t *report, bool stopped, uint64_t ms)
{
	json_t *counts = json_object(), *plan, *cas;
	uint64_t countv[VERDICT_STOPPED + 1] = {0};
	enum run_verdict verdict = VERDICT_PASSED;
	size_t i, j;

	json_array_foreach(json_object_get(report, "plans"), i, plan)
		json_array_foreach(json_object_get(plan, "cases"), j, cas)
			for (int v = 0; v <= VERDICT_STOPPED; v++)
				countv[v] += !strcmp(text_of(cas, "verdict"),
					run_verdict_name((enum run_verdict)
							 v));

	for (int v = 0; v <= VERDICT_STOPPED; v++)
		set_int(counts, run_verdict_name((enum run_verdict)v),
			countv[v]);

	if (stopped || json_object_get(report, "error"))
		verdict = VERDICT_STOPPED;
	else if (countv[VERDICT_FAILED])
		verdict = VERDICT_FAILED;
	else if (!countv[VERDICT_PASSED])
		verdict = VERDICT_STOPPED;     /* nothing was proved */

	(void)json_object_set_new(report, "counts", counts);
	set_str(report, "verdict", run_verdict_name(verdict));
	set_int(report, "ms", ms);

	return verdict;
}


const json_t *report_passed(const json_t *report, const char *plan_id,
			    const char *id, uint32_t round)
{
	const json_t *plan, *cas;
	size_t i, j;

	json_array_foreach(json_object_get(report, "plans"), i, plan) {
		if (strcmp(text_of(plan, "plan"), plan_id))
			continue;

		json_array_foreach(json_object_get(plan, "cases"), j, cas)
			if (!strcmp(text_of(cas, "id"), id) &&
			    json_integer_value(json_object_get(cas,
					       "round")) == round &&
			    !strcmp(text_of(cas, "verdict"), "passed"))
				return cas;
	}

	return NULL;
}


int report_load(json_t **reportp, const char *path, char *why, size_t size)
{
	json_error_t error;
	json_t *report = json_load_file(path, 0, &error);

	if (!report) {
		if (error.line > 0)
			(void)re_snprintf(why, size, "%s:%d:%d: %s", path,
					  error.line, error.column,
					  error.text);
		else
			(void)re_snprintf(why, size, "%s", error.text);
		return EBADMSG;
	}

	if (json_integer_value(json_object_get(report, "format")) !=
	    REPORT_FORMAT ||
	    (!json_is_array(json_object_get(report, "plans")) &&
	     !report_has_findings(report))) {
		json_decref(report);
		(void)re_snprintf(why, size, "%s: want a report of `callbridge"
				  " test run --json`, or of readiness", path);
		return EBADMSG;
	}

	*reportp = report;

	return 0;
}
