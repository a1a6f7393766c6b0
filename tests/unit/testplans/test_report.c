/**
 * @file test_report.c  What is left of a run: printed safely, and compared
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "testplans/report.h"


/** A report of one case with one step */
static json_t *report_make(const char *verdict, const char *observed,
			   double mos)
{
	json_t *report = json_pack(
		"{s:i, s:s, s:s, s:s, s:i, s:{s:i, s:i}, s:{s:i, s:i, s:i,"
		" s:i}, s:[{s:s, s:s, s:[{s:s, s:s, s:i, s:s, s:i, s:[{s:s,"
		" s:s, s:s, s:s, s:{s:f}}], s:[{s:i, s:b, s:s, s:s, s:s}]}]}"
		"]}",
		"format", 1, "site", "a<b", "started", "now", "verdict",
		verdict, "ms", 61000, "settings", "scale_percent", 50,
		"repeat", 1, "counts", "passed", 1, "failed", 0, "skipped",
		0, "stopped", 0, "plans", "plan", "p", "title", "P & Q",
		"cases", "id", "c", "title", "C", "round", 1, "verdict",
		verdict, "ms", 1500, "steps", "step", "user_a answers",
		"verdict", verdict, "observed", observed, "advice", "do \"x\"",
		"measures", "user_a_mos", mos, "messages", "time_us", 1000,
		"tx", 1, "side", "teams", "line", "INVITE sip:<script>",
		"text", "INVITE sip:<script>\r\nX: \x1b[31m");

	assert_non_null(report);

	return report;
}


static char *printed(int (*h)(struct re_printf *, const json_t *),
		     json_t *report)
{
	char *text;

	assert_int_equal(re_sdprintf(&text, "%H", h, report), 0);
	json_decref(report);

	return text;
}


static void peers_cannot_write_markup(void **state)
{
	char *text = printed(report_html, report_make("failed",
			     "<img src=x onerror=alert(1)>", 4.0));

	(void)state;

	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "<img"));
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "&lt;img src=x"));
	assert_non_null(strstr(text, "Test of a&lt;b"));
	assert_non_null(strstr(text, "do &quot;x&quot;"));
	assert_non_null(strstr(text, "shortened to 50 %"));
	assert_non_null(strstr(text, "1 min 01 s"));
	mem_deref(text);

	text = printed(report_junit, report_make("failed", "<&\x01", 4.0));
	assert_non_null(strstr(text, "user_a answers: &lt;&amp;\\x01"));
	assert_non_null(strstr(text, "failures=\"1\""));
	assert_non_null(strstr(text, "time=\"1.500\""));
	mem_deref(text);
}


static void a_manager_reads_first_what_failed_and_why(void **state)
{
	char *text = printed(report_html, report_make("failed", "no", 4.0));
	char *rest = strstr(text, "<h2>");

	(void)state;

	assert_non_null(rest);
	*rest = '\0';
	assert_non_null(strstr(text, "user_a answers: <span"));
	assert_non_null(strstr(text, "do &quot;x&quot;"));
	mem_deref(text);

	text = printed(report_html, report_make("passed", "yes", 4.0));
	rest = strstr(text, "<h2>");
	assert_non_null(rest);
	*rest = '\0';
	assert_null(strstr(text, "user_a answers"));
	mem_deref(text);
}


static int mb_print(const char *p, size_t size, void *arg)
{
	return mbuf_write_mem(arg, (const uint8_t *)p, size);
}


/** @return how many are worse */
static unsigned compare(json_t *old, json_t *now, const char *want)
{
	struct mbuf *mb = mbuf_alloc(512);
	struct re_printf pf = {.vph = mb_print, .arg = mb};
	unsigned worse;
	char *text;

	worse = report_compare(&pf, old, now);
	mb->pos = 0;
	assert_int_equal(mbuf_strdup(mb, &text, mb->end), 0);
	assert_non_null(strstr(text, want));
	mem_deref(text);
	mem_deref(mb);
	json_decref(old);
	json_decref(now);

	return worse;
}


static void what_got_worse_is_told(void **state)
{
	(void)state;

	assert_int_equal(compare(report_make("passed", "", 4.4),
				 report_make("passed", "", 4.2),
				 "0 worse"), 0);
	assert_int_equal(compare(report_make("passed", "", 4.4),
				 report_make("passed", "", 4.0),
				 "worse   p/c: MOS 4.0, was 4.4"), 1);
	assert_int_equal(compare(report_make("passed", "", 4.4),
				 report_make("failed", "silence", 4.4),
				 "p/c: failed, was passed: user_a answers:"
				 " silence"), 1);
	assert_int_equal(compare(report_make("failed", "", 4.4),
				 report_make("passed", "", 4.4),
				 "better  p/c: passed, was failed"), 0);
}


static void what_passed_is_found_again(void **state)
{
	json_t *report = report_make("passed", "", 4.4);

	(void)state;

	assert_non_null(report_passed(report, "p", "c", 1));
	assert_null(report_passed(report, "p", "c", 2));
	assert_null(report_passed(report, "q", "c", 1));
	assert_null(report_passed(NULL, "p", "c", 1));
	json_decref(report);

	report = report_make("failed", "", 4.4);
	assert_null(report_passed(report, "p", "c", 1));
	json_decref(report);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(peers_cannot_write_markup),
		cmocka_unit_test(a_manager_reads_first_what_failed_and_why),
		cmocka_unit_test(what_got_worse_is_told),
		cmocka_unit_test(what_passed_is_found_again),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
