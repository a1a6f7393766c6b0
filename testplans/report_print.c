/**
 * @file report_print.c  A report as JUnit XML, and two of them compared
 */
#include <jansson.h>

#include "bridge/base/members.h"
#include "bridge/base/text.h"
#include "report.h"
#include "report_part.h"


static double seconds(const json_t *json)
{
	return (double)json_integer_value(json_object_get(json, "ms")) / 1000;
}


/** The step that failed. NULL if none did */
static const json_t *step_failed(const json_t *cas)
{
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(cas, "steps"), i, step)
		if (!strcmp(text_of(step, "verdict"), "failed"))
			return step;

	return NULL;
}


static int junit_outcome(struct re_printf *pf, const json_t *cas)
{
	const char *verdict = text_of(cas, "verdict");
	const json_t *step = step_failed(cas);

	if (!strcmp(verdict, "failed"))
		return re_hprintf(pf, "<failure message=\"%H: %H\">%H"
				  "</failure>",
				  text_markup, text_of(step, "step"),
				  text_markup, text_of(step, "observed"),
				  text_markup, text_of(step, "advice"));

	if (!strcmp(verdict, "skipped"))
		return re_hprintf(pf, "<skipped message=\"%H\"/>", text_markup,
				  text_of(cas, "reason"));

	if (!strcmp(verdict, "stopped"))
		return re_hprintf(pf, "<error message=\"the run was"
				  " stopped\"/>");

	return 0;
}


static int junit_case(struct re_printf *pf, const json_t *plan,
		      const json_t *cas)
{
	return re_hprintf(pf, "  <testcase classname=\"%H\" name=\"%H\""
			  " time=\"%.3f\">",
			  text_markup, text_of(plan, "plan"),
			  text_markup, text_of(cas, "id"), seconds(cas)) |
		junit_outcome(pf, cas) |
		re_hprintf(pf, "</testcase>\n");
}


static unsigned count(const json_t *plan, const char *verdict)
{
	const json_t *cas;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(plan, "cases"), i, cas)
		n += !strcmp(text_of(cas, "verdict"), verdict);

	return n;
}


static int junit_plan(struct re_printf *pf, const json_t *plan)
{
	const json_t *cases = json_object_get(plan, "cases"), *cas;
	double time = 0;
	size_t i;
	int err;

	json_array_foreach(cases, i, cas)
		time += seconds(cas);

	err = re_hprintf(pf, " <testsuite name=\"%H\" tests=\"%zu\""
			 " failures=\"%u\" skipped=\"%u\" errors=\"%u\""
			 " time=\"%.3f\">\n",
			 text_markup, text_of(plan, "plan"),
			 json_array_size(cases), count(plan, "failed"),
			 count(plan, "skipped"), count(plan, "stopped"),
			 time);

	json_array_foreach(cases, i, cas)
		if (!err)
			err = junit_case(pf, plan, cas);

	return err ? err : re_hprintf(pf, " </testsuite>\n");
}


int report_junit(struct re_printf *pf, const json_t *report)
{
	const json_t *plan, *error = json_object_get(report, "error");
	size_t i;
	int err;

	if (report_has_findings(report))
		return report_findings_junit(pf, report);

	err = re_hprintf(pf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			 "<testsuites name=\"%H\" time=\"%.3f\">\n",
			 text_markup, text_of(report, "site"),
			 seconds(report));

	if (error && !err)
		err = re_hprintf(pf, " <testsuite name=\"start\" tests=\"1\""
				 " errors=\"1\"><testcase name=\"start\">"
				 "<error message=\"%H\"/></testcase>"
				 "</testsuite>\n", text_markup,
				 text_of(report, "error"));

	json_array_foreach(json_object_get(report, "plans"), i, plan)
		if (!err)
			err = junit_plan(pf, plan);

	return err ? err : re_hprintf(pf, "</testsuites>\n");
}


/* Comparing */


static const json_t *case_find(const json_t *report, const char *plan_id,
			       const json_t *like)
{
	const json_t *plan, *cas;
	size_t i, j;

	json_array_foreach(json_object_get(report, "plans"), i, plan)
		json_array_foreach(json_object_get(plan, "cases"), j, cas)
			if (!strcmp(text_of(plan, "plan"), plan_id) &&
			    !strcmp(text_of(cas, "id"), text_of(like, "id")) &&
			    json_equal(json_object_get(cas, "round"),
				       json_object_get(like, "round")))
				return cas;

	return NULL;
}


/** The lowest MOS that was heard in a case, 0 if none */
static double case_mos(const json_t *cas)
{
	const json_t *step, *value;
	double worst = 0;
	const char *name;
	size_t i;

	json_array_foreach(json_object_get(cas, "steps"), i, step) {
		json_object_foreach(json_object_get(step, "measures"), name,
				    value) {
			const char *end = strstr(name, "mos");
			const double mos = json_number_value(value);

			if (end && !end[3] && (worst <= 0 || mos < worst))
				worst = mos;
		}
	}

	return worst;
}


static bool passed(const json_t *cas)
{
	return !strcmp(text_of(cas, "verdict"), "passed");
}


static void case_compare(struct re_printf *pf, const char *plan,
			 const json_t *old, const json_t *now,
			 unsigned *worse)
{
	enum { WORSE_TENTHS = 3 };
	const double mos_old = case_mos(old), mos = case_mos(now);
	const bool lost = passed(old) && !passed(now);
	const char *name = text_of(now ? now : old, "id");

	if (!now) {
		(void)re_hprintf(pf, "  gone    %s/%s (was %s)\n", plan, name,
				 text_of(old, "verdict"));
		return;
	}

	if (!old) {
		(void)re_hprintf(pf, "  new     %s/%s: %s\n", plan, name,
				 text_of(now, "verdict"));
		return;
	}

	if (strcmp(text_of(old, "verdict"), text_of(now, "verdict"))) {
		const json_t *step = step_failed(now);

		(void)re_hprintf(pf, "  %s  %s/%s: %s, was %s%s%s%s%s\n",
				 lost ? "worse " : passed(now) ? "better" :
				 "other ", plan, name, text_of(now, "verdict"),
				 text_of(old, "verdict"), step ? ": " : "",
				 text_of(step, "step"), step ? ": " : "",
				 text_of(step, "observed"));
		*worse += lost;
	}

	if (mos > 0 && mos_old > 0 &&
	    (mos_old - mos) * 10 >= WORSE_TENTHS) {
		(void)re_hprintf(pf, "  worse   %s/%s: MOS %.1f, was %.1f\n",
				 plan, name, mos, mos_old);
		*worse += !lost;
	}
}


unsigned report_compare(struct re_printf *pf, const json_t *old,
			const json_t *now)
{
	const json_t *plan, *cas;
	unsigned worse = 0;
	size_t i, j;

	if (report_has_findings(now))
		return report_findings_compare(pf, old, now);

	(void)re_hprintf(pf, "%s, %s -> %s, %s\n", text_of(old, "started"),
			 text_of(old, "verdict"), text_of(now, "started"),
			 text_of(now, "verdict"));

	json_array_foreach(json_object_get(now, "plans"), i, plan)
		json_array_foreach(json_object_get(plan, "cases"), j, cas)
			case_compare(pf, text_of(plan, "plan"), case_find(old,
				     text_of(plan, "plan"), cas), cas, &worse);

	json_array_foreach(json_object_get(old, "plans"), i, plan)
		json_array_foreach(json_object_get(plan, "cases"), j, cas)
			if (!case_find(now, text_of(plan, "plan"), cas))
				case_compare(pf, text_of(plan, "plan"), cas,
					     NULL, &worse);

	(void)re_hprintf(pf, "%u worse\n", worse);

	return worse;
}
