/**
 * @file report_findings.c  Reports of readiness: what each check found
 */
#include <jansson.h>

#include "bridge/base/members.h"
#include "bridge/base/text.h"
#include "report.h"
#include "report_part.h"


bool report_has_findings(const json_t *report)
{
	return json_is_array(json_object_get(report, "findings"));
}


/** The word by which the page colours it */
static const char *class_of(const json_t *row)
{
	static const char *const v[][2] = {
		{"pass", "passed"}, {"fail", "failed"}, {"warn", "skipped"},
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++)
		if (!strcmp(text_of(row, "verdict"), v[i][0]))
			return v[i][1];

	return "stopped";
}


static int row_print(struct re_printf *pf, const json_t *row)
{
	int err;

	err = re_hprintf(pf, "<tr><td class=\"v %s\">%H</td><td>%H</td><td>"
			 "%H", class_of(row),
			 text_markup, text_of(row, "verdict"),
			 text_markup, text_of(row, "title"),
			 text_markup, text_of(row, "evidence"));

	if (!err && *text_of(row, "advice"))
		err = re_hprintf(pf, "<div class=\"advice\">%H",
				 text_markup, text_of(row, "advice"));
	if (!err && *text_of(row, "advice") && *text_of(row, "field"))
		err = re_hprintf(pf, " (<code>%H</code>)", text_markup,
				 text_of(row, "field"));
	if (!err && *text_of(row, "advice"))
		err = re_hprintf(pf, "</div>");

	return err ? err : re_hprintf(pf, "</td></tr>\n");
}


int report_findings_html(struct re_printf *pf, const json_t *report)
{
	const char *verdict = text_of(report, "verdict");
	const bool good = !strncmp(verdict, "ready", 5);
	const json_t *row;
	char title[300];
	size_t i;
	int err;

	(void)re_snprintf(title, sizeof(title), "Readiness of %s: %s",
			  text_of(report, "sip_domain"), verdict);

	err = report_page_begin(pf, title);
	if (!err)
		err = re_hprintf(pf, "<h1>Readiness of %H</h1>\n<p class="
				 "\"note\">%H; %H</p>\n<p class=\"big %s\">%H"
				 "</p>\n<table><tr><th>Verdict</th><th>Check"
				 "</th><th>What was seen, and what to do</th>"
				 "</tr>\n",
				 text_markup, text_of(report, "sip_domain"),
				 text_markup, text_of(report, "started"),
				 text_markup, text_of(report, "callbridge"),
				 good ? "passed" : !strcmp(verdict,
				 "not ready") ? "failed" : "stopped",
				 text_markup, verdict);

	json_array_foreach(json_object_get(report, "findings"), i, row)
		if (!err)
			err = row_print(pf, row);

	return err ? err : re_hprintf(pf, "</table></body></html>\n");
}


static int junit_row(struct re_printf *pf, const json_t *row)
{
	const char *verdict = text_of(row, "verdict");
	int err;

	err = re_hprintf(pf, "  <testcase classname=\"%H\" name=\"%H\">",
			 text_markup, text_of(row, "check"),
			 text_markup, text_of(row, "title"));

	if (!err && !strcmp(verdict, "fail"))
		err = re_hprintf(pf, "<failure message=\"%H\">%H</failure>",
				 text_markup, text_of(row, "evidence"),
				 text_markup, text_of(row, "advice"));
	else if (!err && !strcmp(verdict, "skip"))
		err = re_hprintf(pf, "<skipped message=\"%H\"/>",
				 text_markup, text_of(row, "evidence"));

	return err ? err : re_hprintf(pf, "</testcase>\n");
}


static unsigned count(const json_t *report, const char *verdict)
{
	const json_t *row;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(report, "findings"), i, row)
		n += !strcmp(text_of(row, "verdict"), verdict);

	return n;
}


int report_findings_junit(struct re_printf *pf, const json_t *report)
{
	const json_t *rows = json_object_get(report, "findings"), *row;
	size_t i;
	int err;

	err = re_hprintf(pf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			 "<testsuites name=\"readiness\">\n <testsuite"
			 " name=\"%H\" tests=\"%zu\" failures=\"%u\""
			 " skipped=\"%u\" errors=\"0\">\n",
			 text_markup, text_of(report, "sip_domain"),
			 json_array_size(rows), count(report, "fail"),
			 count(report, "skip"));

	json_array_foreach(rows, i, row)
		if (!err)
			err = junit_row(pf, row);

	return err ? err : re_hprintf(pf, " </testsuite>\n</testsuites>\n");
}


/** Several findings may have one title: the n-th of them */
static const json_t *like(const json_t *report, const json_t *row, size_t n)
{
	const json_t *other;
	size_t i;

	json_array_foreach(json_object_get(report, "findings"), i, other)
		if (!strcmp(text_of(other, "title"), text_of(row, "title")) &&
		    !n--)
			return other;

	return NULL;
}


static size_t place_of(const json_t *report, const json_t *row)
{
	const json_t *other;
	size_t i, n = 0;

	json_array_foreach(json_object_get(report, "findings"), i, other) {
		if (other == row)
			break;
		n += !strcmp(text_of(other, "title"), text_of(row, "title"));
	}

	return n;
}


static bool is_bad(const json_t *row)
{
	return !strcmp(text_of(row, "verdict"), "fail");
}


unsigned report_findings_compare(struct re_printf *pf, const json_t *old,
				 const json_t *now)
{
	const json_t *row, *was;
	unsigned worse = 0;
	size_t i;

	(void)re_hprintf(pf, "%s, %s -> %s, %s\n", text_of(old, "started"),
			 text_of(old, "verdict"), text_of(now, "started"),
			 text_of(now, "verdict"));

	json_array_foreach(json_object_get(now, "findings"), i, row) {
		was = like(old, row, place_of(now, row));

		if (!was) {
			(void)re_hprintf(pf, "  new     %s: %s\n",
					 text_of(row, "title"),
					 text_of(row, "verdict"));
			worse += is_bad(row);
		}
		else if (strcmp(text_of(was, "verdict"),
				text_of(row, "verdict"))) {
			(void)re_hprintf(pf, "  %s  %s: %s, was %s: %s\n",
					 is_bad(row) ? "worse " : is_bad(was)
					 ? "better" : "other ",
					 text_of(row, "title"),
					 text_of(row, "verdict"),
					 text_of(was, "verdict"),
					 text_of(row, "evidence"));
			worse += is_bad(row);
		}
	}

	json_array_foreach(json_object_get(old, "findings"), i, row)
		if (!like(now, row, place_of(old, row)))
			(void)re_hprintf(pf, "  gone    %s (was %s)\n",
					 text_of(row, "title"),
					 text_of(row, "verdict"));

	(void)re_hprintf(pf, "%u worse\n", worse);

	return worse;
}
