/**
 * @file events.c  What happens, for the program that started us
 *
 * One JSON object a line to stdout; answers come by stdin, a line each. When
 * stdin ends, so does whoever wanted this: everything is put back and ends.
 */
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "testplans/run.h"
#include "events.h"


enum { PUT_BACK_S = 90 };


void events_line(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (text)
		(void)puts(text);
	(void)fflush(stdout);
	free(text);
	json_decref(json);
}


void events_run(const struct run_event *ev)
{
	const bool judged = ev->type == RUN_EV_STEP_END ||
		ev->type == RUN_EV_CASE_END || ev->type == RUN_EV_END;
	json_t *json;

	json = json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}",
			 "event", run_event_name(ev->type),
			 "name", ev->name, "text", ev->text,
			 "verdict", judged ? run_verdict_name(ev->verdict)
				: NULL,
			 "observed", ev->observed, "advice", ev->advice,
			 "note", ev->note);

	if (ev->type == RUN_EV_QUESTION)
		(void)json_object_set_new(json, "choice",
					  json_boolean(ev->choice));

	if (ev->type == RUN_EV_WAIT)
		(void)json_object_update_new(json, json_pack("{s:I, s:I}",
			"done_ms", (json_int_t)ev->done_ms,
			"total_ms", (json_int_t)ev->total_ms));

	if (ev->count)
		(void)json_object_update_new(json, json_pack("{s:I, s:I}",
			"number", (json_int_t)ev->number,
			"count", (json_int_t)ev->count));

	events_line(json);
}


void events_end_soon(void)
{
	/* Whoever cannot be left in peace any more is left all the same */
	(void)alarm(PUT_BACK_S);
}


static void *leash(void *arg)
{
	char text[64];
	ssize_t n;

	(void)arg;

	do
		n = read(STDIN_FILENO, text, sizeof(text));
	while (n > 0 || (n < 0 && errno == EINTR));

	events_end_soon();
	(void)kill(getpid(), SIGTERM);

	return NULL;
}


int events_leash(void)
{
	pthread_t thread;
	sigset_t all, before;
	int err;

	/* Who listens may be gone: that is no reason to end at once */
	(void)signal(SIGPIPE, SIG_IGN);

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, leash, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);

	return err ? err : pthread_detach(thread);
}
