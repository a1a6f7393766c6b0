/**
 * @file test_screen.c  What happens in a test, as it happens
 */
#include <unistd.h>

#include "testplans/run.h"
#include "test_cli.h"


enum { BAR = 30 };


/** A bar stands in the line: it goes before anything else is written */
static bool bar_shown;


static void bar_clear(void)
{
	if (!bar_shown)
		return;

	(void)fputs("\r\033[K", stdout);
	bar_shown = false;
}


/** Only a terminal has a line that can be written again */
static void bar_show(const struct run_event *ev)
{
	const unsigned n = ev->total_ms ? (unsigned)(ev->done_ms * BAR /
						     ev->total_ms) : 0;
	char done[32], total[32];

	if (!isatty(STDOUT_FILENO))
		return;

	term_duration(done, sizeof(done), (int64_t)ev->done_ms / 1000);
	term_duration(total, sizeof(total), (int64_t)ev->total_ms / 1000);

	(void)printf("\r      [%.*s%.*s] %s of %s\033[K", (int)n,
		     "##############################", (int)(BAR - n),
		     "..............................", done, total);
	(void)fflush(stdout);
	bar_shown = true;
}


static enum term_colour colour_of(enum run_verdict verdict)
{
	switch (verdict) {

	case VERDICT_PASSED:  return TERM_GREEN;
	case VERDICT_FAILED:  return TERM_RED;
	case VERDICT_SKIPPED: return TERM_YELLOW;
	default:              return TERM_GREY;
	}
}


static void verdict_print(const char *indent, enum run_verdict verdict,
			  const char *text, const char *rest)
{
	static const char *const wordv[] = {
		[VERDICT_PASSED] = "ok", [VERDICT_FAILED] = "FAIL",
		[VERDICT_SKIPPED] = "skip", [VERDICT_STOPPED] = "stop",
	};
	const char *colour = term_colour(colour_of(verdict));
	char line[1024];

	(void)re_snprintf(line, sizeof(line), "%s%s%s", text,
			  rest && *rest ? ": " : "", rest ? rest : "");
	(void)printf("%s%s%-4s%s ", indent, colour ? colour : "",
		     wordv[verdict], colour ? "\033[0m" : "");
	term_line(stdout, line);
}


void test_screen_event(const struct run_event *ev)
{
	bar_clear();

	switch (ev->type) {

	case RUN_EV_NOTE:
		(void)printf("      (%s)\n", ev->text);
		break;

	case RUN_EV_PLAN:
		if (ev->count > 1)
			(void)printf("\n%s, round %zu of %zu\n", ev->text,
				     ev->number, ev->count);
		else
			(void)printf("\n%s\n", ev->text);
		break;

	case RUN_EV_CASE:
		(void)printf("  %s (%s)\n", ev->text, ev->name);
		break;

	case RUN_EV_WAIT:
		bar_show(ev);
		break;

	case RUN_EV_QUESTION:
		(void)printf("      >> %s %s ", ev->text, ev->choice ?
			     "[y/n, s leaves it out]" : "[Enter when done, n"
			     " if it cannot be done, s leaves it out]");
		break;

	case RUN_EV_STEP_END:
		verdict_print("    ", ev->verdict, ev->text, ev->observed);
		if (ev->advice)
			(void)printf("         -> %s\n", ev->advice);
		break;

	case RUN_EV_CASE_END:
		verdict_print("  ", ev->verdict, ev->name, ev->observed);
		break;

	case RUN_EV_STEP:
	case RUN_EV_END:
		break;
	}

	(void)fflush(stdout);
}
