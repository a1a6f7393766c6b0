/**
 * @file test_screen.c  What happens in a test, as it happens
 */
#include <jansson.h>
#include <stdatomic.h>
#include <unistd.h>

#include "testplans/run.h"
#include "test_cli.h"


enum { BAR = 30, LINE = 1024 };


/** A bar stands in the line: it goes before anything else is written */
static bool bar_shown;

/** A question stands there: the line ends before anything else is written.
    Of two threads: who types, and who writes */
static atomic_bool question_shown;


static void bar_clear(void)
{
	if (atomic_exchange(&question_shown, false))
		(void)putchar('\n');

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
		atomic_store(&question_shown, true);
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


/** One that another program has told. @return false: of no such kind */
static bool event_read(struct run_event *ev, const json_t *json)
{
	const char *name = answer_str(json, "event");
	const char *verdict = answer_str(json, "verdict");
	int type = 0;

	memset(ev, 0, sizeof(*ev));
	while (type <= RUN_EV_END &&
	       strcmp(name, run_event_name((enum run_event_type)type)))
		++type;
	if (type > RUN_EV_END)
		return false;

	ev->type = (enum run_event_type)type;
	for (int v = 0; v <= VERDICT_STOPPED; v++)
		if (!strcmp(verdict, run_verdict_name((enum run_verdict)v)))
			ev->verdict = (enum run_verdict)v;

	ev->name     = answer_str(json, "name");
	ev->text     = answer_str(json, "text");
	ev->observed = answer_str(json, "observed");
	ev->advice   = json_string_value(json_object_get(json, "advice"));
	ev->choice   = json_is_true(json_object_get(json, "choice"));
	ev->done_ms  = (uint64_t)answer_int(json, "done_ms");
	ev->total_ms = (uint64_t)answer_int(json, "total_ms");
	ev->number   = (size_t)answer_int(json, "number");
	ev->count    = (size_t)answer_int(json, "count");

	return true;
}


void test_screen_json(const json_t *json)
{
	const char *name = answer_str(json, "event");
	struct run_event ev;

	if (event_read(&ev, json)) {
		test_screen_event(&ev);
		return;
	}

	bar_clear();
	if (!strcmp(name, "answered"))
		(void)puts("      (answered elsewhere)");
	else if (!strcmp(name, "ends"))
		(void)printf("      (it ends: %s)\n",
			     answer_str(json, "text"));
	(void)fflush(stdout);
}


/* What is typed */


/** No more than the line is read: the rest answers what is asked later.
    @return false if there is none any more */
static bool line_read(char *line, size_t size)
{
	size_t n = 0;
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n') {
		if (n + 1 < size)
			line[n] = c;
		++n;
	}

	line[min(n, size - 1)] = '\0';

	return n || c == '\n';
}


bool test_answer_read(bool choice, enum run_answer *answer, char *note,
		      size_t size)
{
	char line[LINE] = "";
	const bool more = line_read(line, sizeof(line));
	const char *rest = line + strcspn(line, " ");

	/* a terminal has ended the line already */
	if (more && isatty(STDIN_FILENO))
		atomic_store(&question_shown, false);

	*answer = *line == 'y' || *line == 'Y' || (!choice && !*line) ?
		RUN_YES : *line == 's' || *line == 'S' ? RUN_SKIP : RUN_NO;
	str_ncpy(note, rest + strspn(rest, " "), size);

	return more;
}
