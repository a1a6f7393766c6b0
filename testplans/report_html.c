/**
 * @file report_html.c  A report as one page that needs nothing else
 *
 * Whatever peers wrote is set as text. There is no script in it.
 */
#include <jansson.h>

#include "bridge/base/members.h"
#include "bridge/base/text.h"
#include "report.h"
#include "report_part.h"


enum {
	LADDER_WIDTH = 760, LADDER_ROW = 22, LADDER_TEAMS = 90,
	LADDER_BRIDGE = 380, LADDER_PBX = 670,
	LEVEL_WIDTH = 720, LEVEL_HEIGHT = 44, LEVEL_FLOOR = -60,
};


static const char style[] =
	"body{font:15px/1.45 system-ui,sans-serif;color:#1c2430;background:"
	"#fff;max-width:60em;margin:2em auto;padding:0 1em}"
	"h1{font-size:1.6em;margin:0 0 .2em}h2{margin:2em 0 .4em;font-size:"
	"1.25em;border-bottom:2px solid #d5dbe3}h3{margin:1.2em 0 .3em;"
	"font-size:1.05em}table{border-collapse:collapse;width:100%}"
	"td,th{text-align:left;vertical-align:top;padding:.3em .6em;"
	"border-bottom:1px solid #e3e8ee}th{color:#5a6675;font-weight:600}"
	".n{white-space:nowrap}.v{font-weight:700;white-space:nowrap}"
	".passed{color:#0b6b33}"
	".failed{color:#b3161b}.skipped{color:#7a5c00}.stopped{color:#5a6675}"
	".big{font-size:1.3em;padding:.5em .8em;border-radius:6px;display:"
	"inline-block;margin:.6em 0}.big.passed{background:#e2f4e8}"
	".big.failed{background:#fbe4e4}.big.skipped,.big.stopped{background:"
	"#eef1f5}.note{color:#5a6675}.advice{background:#fff6e0;border-left:"
	"4px solid #d99a00;padding:.4em .7em;margin:.3em 0}details{margin:"
	".5em 0}summary{cursor:pointer;color:#23518a}pre{background:#f4f6f9;"
	"padding:.6em;overflow:auto;font-size:12px;white-space:pre-wrap}"
	"svg{max-width:100%;height:auto}svg text{font:12px system-ui,"
	"sans-serif}@media print{details{display:block}}";


static json_int_t number(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}


static int duration(struct re_printf *pf, const json_t *json)
{
	const json_int_t ms = number(json, "ms");

	if (ms < 1000)
		return re_hprintf(pf, "%d ms", (int)ms);
	if (ms < 60000)
		return re_hprintf(pf, "%.1f s", (double)ms / 1000);

	return re_hprintf(pf, "%d min %02d s", (int)(ms / 60000),
			  (int)(ms / 1000 % 60));
}


int report_page_begin(struct re_printf *pf, const char *title)
{
	return re_hprintf(pf, "<!doctype html>\n<html lang=\"en\"><head><meta"
			  " charset=\"utf-8\"><meta name=\"viewport\""
			  " content=\"width=device-width\"><title>%H</title>"
			  "<style>%s</style></head><body>\n",
			  text_markup, title, style);
}


/* What a manager reads */


static int head_print(struct re_printf *pf, const json_t *report)
{
	const json_t *counts = json_object_get(report, "counts");
	const char *verdict = text_of(report, "verdict");

	char title[300];
	int err;

	(void)re_snprintf(title, sizeof(title), "%s: %s",
			  text_of(report, "site"), verdict);

	err = report_page_begin(pf, title);

	return err ? err : re_hprintf(pf, "<h1>Test of %H</h1>\n<p"
		" class=\"note\">%H,"
		" took %H</p>\n<p class=\"big %H\">%s</p>\n"
		"<p>%d passed, %d failed, %d skipped, %d stopped.</p>\n",
		text_markup, text_of(report, "site"),
		text_markup, text_of(report, "started"),
		duration, report, text_markup, verdict,
		!strcmp(verdict, "passed") ? "Everything that was tried"
		" works." : !strcmp(verdict, "failed") ? "Something does not"
		" work." : "The test was not carried to its end.",
		(int)number(counts, "passed"), (int)number(counts, "failed"),
		(int)number(counts, "skipped"),
		(int)number(counts, "stopped"));
}


static int scale_print(struct re_printf *pf, const json_t *report)
{
	const json_int_t scale = number(json_object_get(report, "settings"),
					"scale_percent");
	int err = 0;

	if (scale != 100)
		err = re_hprintf(pf, "<p class=\"advice\">Times were shortened"
				 " to %d %% of what the plans say: this run"
				 " proves less than one at full length.</p>\n",
				 (int)scale);

	if (!err && *text_of(report, "error"))
		err = re_hprintf(pf, "<p class=\"advice\">%s%H</p>\n",
				 json_array_size(json_object_get(report,
				 "plans")) ? "" : "It could not begin: ",
				 text_markup, text_of(report, "error"));

	return err;
}


static int advice_print(struct re_printf *pf, const json_t *step)
{
	return !*text_of(step, "advice") ? 0 :
		re_hprintf(pf, "<div class=\"advice\">%H</div>", text_markup,
			   text_of(step, "advice"));
}


/** What went wrong, in the words of the step that ended it */
static int why_print(struct re_printf *pf, const json_t *cas)
{
	const json_t *step;
	size_t i;
	int err = 0;

	if (*text_of(cas, "reason"))
		err = re_hprintf(pf, "<br><span class=\"note\">%H</span>",
				 text_markup, text_of(cas, "reason"));

	json_array_foreach(json_object_get(cas, "steps"), i, step) {
		if (err || strcmp(text_of(step, "verdict"), "failed"))
			continue;

		err = re_hprintf(pf, "<br>%H: <span class=\"note\">%H</span>",
				 text_markup, text_of(step, "step"),
				 text_markup, text_of(step, "observed"));
		if (!err)
			err = advice_print(pf, step);
	}

	return err;
}


static int summary_row(struct re_printf *pf, const json_t *plan,
		       const json_t *cas, const json_t *report)
{
	const json_int_t round = number(cas, "round");
	const bool many = number(json_object_get(report, "settings"),
				 "repeat") > 1;
	char times[24] = "";
	int err;

	if (many)
		(void)re_snprintf(times, sizeof(times), " (round %d)",
				  (int)round);

	err = re_hprintf(pf, "<tr><td class=\"n\">%H</td><td><a href=\""
			 "#%H-%H-%d\">%H</a>%s",
			 text_markup, text_of(plan, "title"),
			 text_markup, text_of(plan, "plan"),
			 text_markup, text_of(cas, "id"), (int)round,
			 text_markup, text_of(cas, "title"), times);
	if (!err)
		err = why_print(pf, cas);

	return err ? err : re_hprintf(pf, "</td><td class=\"v %H\">%H</td>"
				      "<td class=\"n\">%H</td></tr>\n",
				      text_markup, text_of(cas, "verdict"),
				      text_markup, text_of(cas, "verdict"),
				      duration, cas);
}


static int summary_print(struct re_printf *pf, const json_t *report)
{
	const json_t *plan, *cas;
	size_t i, j;
	int err;

	err = re_hprintf(pf, "<table><tr><th>Plan</th><th>Test</th><th>Result"
			 "</th><th>Took</th></tr>\n");

	json_array_foreach(json_object_get(report, "plans"), i, plan)
		json_array_foreach(json_object_get(plan, "cases"), j, cas)
			if (!err)
				err = summary_row(pf, plan, cas, report);

	return err ? err : re_hprintf(pf, "</table>\n");
}


/* The steps of a case */


static int step_print(struct re_printf *pf, const json_t *step)
{
	int err;

	err = re_hprintf(pf, "<tr><td>%H<br><span class=\"note\">%H</span>"
			 "</td><td>%H", text_markup, text_of(step, "step"),
			 text_markup, text_of(step, "expected"),
			 text_markup, text_of(step, "observed"));

	if (!err && *text_of(step, "note"))
		err = re_hprintf(pf, "<br><em>%H</em>",
				 text_markup, text_of(step, "note"));

	if (!err)
		err = advice_print(pf, step);

	return err ? err : re_hprintf(pf, "</td><td class=\"v %H\">%H</td>"
				      "</tr>\n",
				      text_markup, text_of(step, "verdict"),
				      text_markup, text_of(step, "verdict"));
}


static int steps_print(struct re_printf *pf, const json_t *cas)
{
	const json_t *step;
	size_t i;
	int err;

	err = re_hprintf(pf, "<table><tr><th>Step, and what it proves</th>"
			 "<th>Observed</th><th>Result</th></tr>\n");

	json_array_foreach(json_object_get(cas, "steps"), i, step)
		if (!err)
			err = step_print(pf, step);

	return err ? err : re_hprintf(pf, "</table>\n");
}


/* Calls and their voice, as the service measured it */


static int side_print(struct re_printf *pf, const json_t *side)
{
	const double mos = json_number_value(json_object_get(side, "mos"));
	int err;

	if (!number(side, "rx_packets") && !number(side, "tx_packets"))
		return re_hprintf(pf, "<td>no voice</td>");

	err = re_hprintf(pf, "<td>%H, %d packets, %d lost, jitter %.1f ms",
			 text_markup, text_of(side, "codec"),
			 (int)number(side, "rx_packets"),
			 (int)number(side, "rx_lost"),
			 (double)number(side, "jitter_us") / 1000);
	if (!err && mos > 0)
		err = re_hprintf(pf, ", MOS %.1f", mos);

	return err ? err : re_hprintf(pf, "</td>");
}


static int call_print(struct re_printf *pf, const json_t *call)
{
	return re_hprintf(pf, "<tr><td>%H</td><td>%H to %H</td>",
			  text_markup, text_of(call, "id"),
			  text_markup, text_of(call, "caller"),
			  text_markup, text_of(call, "callee")) |
		side_print(pf, json_object_get(call, "teams")) |
		side_print(pf, json_object_get(call, "pbxside")) |
		re_hprintf(pf, "<td>%H %H</td></tr>\n",
			   text_markup, text_of(call, "ended_by"),
			   text_markup, text_of(call, "reason"));
}


static int calls_print(struct re_printf *pf, const json_t *cas)
{
	const json_t *calls = json_object_get(cas, "calls"), *call;
	size_t i;
	int err;

	if (!json_array_size(calls))
		return 0;

	err = re_hprintf(pf, "<h4>Calls</h4><table><tr><th>Call</th><th>From"
			 " and to</th><th>Teams' side</th><th>PBX's side</th>"
			 "<th>Ended by</th></tr>\n");

	json_array_foreach(calls, i, call)
		if (!err)
			err = call_print(pf, call);

	return err ? err : re_hprintf(pf, "</table>\n");
}


/* Levels: one strip for each who listened */


static int level_print(struct re_printf *pf, const json_t *level)
{
	const json_t *list = json_object_get(level, "dbfs"), *value;
	const size_t c = json_array_size(list);
	size_t i;
	int err;

	err = re_hprintf(pf, "<p class=\"note\">%H, %H</p><svg viewBox=\"0 0"
			 " %d %d\" width=\"%d\" role=\"img\" aria-label=\""
			 "sound level\"><rect width=\"%d\" height=\"%d\""
			 " fill=\"#f4f6f9\"/><path fill=\"#3b7dc4\" d=\"M0"
			 " %d", text_markup, text_of(level, "actor"),
			 duration, level, LEVEL_WIDTH, LEVEL_HEIGHT,
			 LEVEL_WIDTH, LEVEL_WIDTH, LEVEL_HEIGHT, LEVEL_HEIGHT);

	json_array_foreach(list, i, value) {
		const int db = (int)json_integer_value(value);
		const int h = db <= LEVEL_FLOOR ? 0 : (db - LEVEL_FLOOR) *
			LEVEL_HEIGHT / -LEVEL_FLOOR;

		if (!err)
			err = re_hprintf(pf, "V%dH%d", LEVEL_HEIGHT - h,
					 (int)((i + 1) * LEVEL_WIDTH / c));
	}

	return err ? err : re_hprintf(pf, "L%d %dZ\"/></svg>\n", LEVEL_WIDTH,
				      LEVEL_HEIGHT);
}


static int levels_print(struct re_printf *pf, const json_t *cas)
{
	const json_t *levels = json_object_get(cas, "levels"), *level;
	size_t i;
	int err;

	if (!json_array_size(levels))
		return 0;

	err = re_hprintf(pf, "<h4>What each of them heard (level, -60 to 0"
			 " dBFS)</h4>\n");

	json_array_foreach(levels, i, level)
		if (!err)
			err = level_print(pf, level);

	return err;
}


/* The ladder: Teams, the service, the PBX */


static int ladder_head(struct re_printf *pf, int height)
{
	return re_hprintf(pf, "<svg viewBox=\"0 0 %d %d\" width=\"%d\""
		" role=\"img\" aria-label=\"messages\"><defs><marker id=\"a\""
		" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\""
		" orient=\"auto\"><path d=\"M0 0L9 4L0 8Z\" fill=\"#23518a\"/>"
		"</marker></defs><g text-anchor=\"middle\" font-weight=\"700\""
		"><text x=\"%d\" y=\"14\">Teams</text><text x=\"%d\" y=\"14\">"
		"Callbridge</text><text x=\"%d\" y=\"14\">PBX</text></g>"
		"<g stroke=\"#b8c2cf\"><path d=\"M%d 20V%dM%d 20V%dM%d"
		" 20V%d\"/></g>\n", LADDER_WIDTH, height, LADDER_WIDTH,
		LADDER_TEAMS, LADDER_BRIDGE, LADDER_PBX,
		LADDER_TEAMS, height, LADDER_BRIDGE, height,
		LADDER_PBX, height);
}


static int arrow_print(struct re_printf *pf, const json_t *msg, int y,
		       unsigned ms)
{
	const bool tx = json_is_true(json_object_get(msg, "tx"));
	const bool teams = !strcmp(text_of(msg, "side"), "teams");
	const int far = teams ? LADDER_TEAMS : LADDER_PBX;
	const int near = LADDER_BRIDGE;
	const char *line = text_of(msg, "line");
	char label[48];

	if (!strncmp(line, "SIP/2.0 ", 8))
		(void)re_snprintf(label, sizeof(label), "%s", line + 8);
	else
		(void)re_snprintf(label, sizeof(label), "%b", line,
				  strcspn(line, " "));

	return re_hprintf(pf, "<text x=\"2\" y=\"%d\" fill=\"#5a6675\">%u"
			  "</text><path d=\"M%d %dH%d\" stroke=\"#23518a\""
			  " marker-end=\"url(#a)\"/><text x=\"%d\" y=\"%d\""
			  " text-anchor=\"middle\">%H</text>\n",
			  y, ms, tx ? near : far, y, tx ? far : near,
			  (near + far) / 2, y - 3, text_markup, label);
}


static int ladder_print(struct re_printf *pf, const json_t *cas)
{
	const json_t *messages = json_object_get(cas, "messages"), *msg;
	const size_t c = json_array_size(messages);
	const json_int_t begin = number(json_array_get(messages, 0),
					"time_us");
	size_t i;
	int err;

	if (!c)
		return 0;

	err = re_hprintf(pf, "<details><summary>Messages of both sides (%zu;"
			 " milliseconds at the left)</summary>\n", c);
	if (!err)
		err = ladder_head(pf, (int)(c + 2) * LADDER_ROW);

	json_array_foreach(messages, i, msg)
		if (!err)
			err = arrow_print(pf, msg, (int)(i + 2) * LADDER_ROW,
					  (unsigned)((number(msg, "time_us") -
						      begin) / 1000));

	err = err ? err : re_hprintf(pf, "</svg>\n<details><summary>Their"
				     " text</summary>\n");

	json_array_foreach(messages, i, msg)
		if (!err)
			err = re_hprintf(pf, "<pre>%H</pre>\n", text_markup,
					 text_of(msg, "text"));

	return err ? err : re_hprintf(pf, "</details></details>\n");
}


static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}


static int captures_print(struct re_printf *pf, const json_t *cas)
{
	const json_t *list = json_object_get(cas, "captures"), *name;
	size_t i;
	int err = 0;

	json_array_foreach(list, i, name) {
		const char *base = base_name(json_string_value(name));

		if (!err)
			err = re_hprintf(pf, "<p>Capture for Wireshark: <a"
					 " href=\"%H\">%H</a></p>\n",
					 text_markup, json_string_value(name),
					 text_markup, base);
	}

	return err;
}


static int case_print(struct re_printf *pf, const json_t *plan,
		      const json_t *cas)
{
	int err;

	err = re_hprintf(pf, "<h3 id=\"%H-%H-%d\">%H <span class=\"v %H\">%H"
			 "</span></h3>\n", text_markup, text_of(plan, "plan"),
			 text_markup, text_of(cas, "id"),
			 (int)number(cas, "round"),
			 text_markup, text_of(cas, "title"),
			 text_markup, text_of(cas, "verdict"),
			 text_markup, text_of(cas, "verdict"));

	if (!err && *text_of(cas, "reason"))
		err = re_hprintf(pf, "<p>%H</p>\n",
				 text_markup, text_of(cas, "reason"));

	if (!err && json_array_size(json_object_get(cas, "steps")))
		err = steps_print(pf, cas);

	return err ? err : calls_print(pf, cas) | levels_print(pf, cas) |
		ladder_print(pf, cas) | captures_print(pf, cas);
}


/* Versions and settings */


static int actors_print(struct re_printf *pf, const json_t *report)
{
	const json_t *actor;
	size_t i;
	int err;

	err = re_hprintf(pf, "<h2>Who took part</h2><table><tr><th>Role</th>"
			 "<th>Played by</th><th>Number</th><th>Extension</th>"
			 "</tr>\n");

	json_array_foreach(json_object_get(report, "actors"), i, actor)
		if (!err)
			err = re_hprintf(pf, "<tr><td>%H</td><td>%H %H</td>"
					 "<td>%H</td><td>%H</td></tr>\n",
					 text_markup, text_of(actor, "actor"),
					 text_markup, text_of(actor, "kind"),
					 text_markup, text_of(actor, "name"),
					 text_markup, text_of(actor, "number"),
					 text_markup,
					 text_of(actor, "extension"));

	return err ? err : re_hprintf(pf, "</table>\n");
}


static int registrations_print(struct re_printf *pf, const json_t *report)
{
	const json_t *rows = json_object_get(report, "registrations"), *row;
	size_t i;
	int err;

	if (!json_array_size(rows))
		return 0;

	err = re_hprintf(pf, "<h2>Registrations</h2><table><tr><th>User</th>"
			 "<th>At the PBX</th><th>State</th><th>Expiry</th>"
			 "<th>The PBX calls itself</th></tr>\n");

	json_array_foreach(rows, i, row)
		if (!err)
			err = re_hprintf(pf, "<tr><td>%H</td><td>%H</td><td>"
					 "%H</td><td>%d s</td><td>%H</td>"
					 "</tr>\n",
					 text_markup, text_of(row, "upn"),
					 text_markup, text_of(row, "aor"),
					 text_markup, text_of(row, "state"),
					 (int)number(row, "expires_s"),
					 text_markup, text_of(row, "server"));

	return err ? err : re_hprintf(pf, "</table>\n");
}


static int versions_print(struct re_printf *pf, const json_t *report)
{
	const json_t *settings = json_object_get(report, "settings");
	char *service = json_dumps(json_object_get(report, "service"),
				   JSON_INDENT(1) | JSON_ENCODE_ANY);
	int err;

	err = re_hprintf(pf, "<h2>Versions and settings</h2><p>callbridge %H;"
			 " times at %d %%; %d round%s.</p><pre>%H</pre>\n",
			 text_markup, text_of(report, "callbridge"),
			 (int)number(settings, "scale_percent"),
			 (int)number(settings, "repeat"),
			 number(settings, "repeat") == 1 ? "" : "s",
			 text_markup,
			 service ? service : "no service was asked");
	free(service);

	return err;
}


int report_html(struct re_printf *pf, const json_t *report)
{
	const json_t *plan, *cas;
	size_t i, j;
	int err;

	if (report_has_findings(report))
		return report_findings_html(pf, report);

	err = head_print(pf, report);
	if (!err)
		err = scale_print(pf, report);
	if (!err)
		err = summary_print(pf, report);

	json_array_foreach(json_object_get(report, "plans"), i, plan) {
		if (!err)
			err = re_hprintf(pf, "<h2>%H</h2>\n", text_markup,
					 text_of(plan, "title"));
		json_array_foreach(json_object_get(plan, "cases"), j, cas)
			if (!err)
				err = case_print(pf, plan, cas);
	}

	if (!err)
		err = actors_print(pf, report);
	if (!err)
		err = registrations_print(pf, report);
	if (!err)
		err = versions_print(pf, report);

	return err ? err : re_hprintf(pf, "</body></html>\n");
}
