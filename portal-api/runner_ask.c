/**
 * @file runner_ask.c  What people ask of a test that runs here
 */
#include <jansson.h>
#include <unistd.h>

#include "run_live.h"
#include "runner_core.h"
#include "testplans/run.h"


/** One that runs here and that the caller may see, NULL: answered */
static struct testrun *find(struct request *rq, bool change)
{
	struct runner *r = portal_runner(rq->portal);
	const char *own = access_tenant(rq);

	for (struct le *le = r ? list_head(&r->runl) : NULL; le;
	     le = le->next) {
		struct testrun *tr = le->data;

		if (!strcmp(tr->id, rq->param) &&
		    (!own || !strcmp(own, tr->tenant)) &&
		    (!change || access_may_change(rq, tr->tenant)))
			return tr;
	}

	reply_error(rq, HTTP_NOTFOUND, "id", "no test %s runs here",
		    rq->param);

	return NULL;
}


void run_events_get(struct request *rq)
{
	struct testrun *tr = find(rq, false);

	if (tr)
		run_live_stream(tr->live, rq);
}


void run_stop_post(struct request *rq)
{
	struct testrun *tr = find(rq, true);
	char why[128];

	if (!tr)
		return;

	(void)re_snprintf(why, sizeof(why), "stopped by %s", rq->grant.name);
	testrun_end(tr, "stopped", why);
	reply_json(rq, 202, json_pack("{s:s, s:s}", "id", tr->id, "status",
				      "ends"));
}


/** "y it rang twice": a letter, and what the person remarks. @return 0,
    EAGAIN it does not read */
static int answer_write(const struct testrun *tr, char letter,
			const char *note)
{
	char line[RUN_NOTE_SIZE + 8];
	const int n = re_snprintf(line, sizeof(line), "%c %s\n", letter,
				  note);

	return n > 0 && write(tr->process.in, line, (size_t)n) == n ? 0
		: EAGAIN;
}


static void answer(struct request *rq, struct testrun *tr, json_t *body)
{
	static const char *const wordv[] = {"pass", "fail", "skip"};
	const char *word = json_string_value(json_object_get(body, "answer"));
	const char *note = json_string_value(json_object_get(body, "note"));
	const json_int_t number = json_integer_value(
		json_object_get(body, "question"));
	size_t i = 0;

	while (word && i < RE_ARRAY_SIZE(wordv) && strcmp(word, wordv[i]))
		++i;

	if (!word || i == RE_ARRAY_SIZE(wordv))
		reply_error(rq, 422, "answer", "want pass, fail or skip");
	else if (note && (strlen(note) >= RUN_NOTE_SIZE ||
			  strpbrk(note, "\r\n")))
		reply_error(rq, 422, "note", "want a line of at most %d"
			    " octets", RUN_NOTE_SIZE - 1);
	else if (!number || number != run_live_question(tr->live))
		reply_error(rq, 409, "question", "this question does not wait"
			    " for an answer any more");
	else if (answer_write(tr, "yns"[i], note ? note : ""))
		reply_error(rq, HTTP_SERVUNAVAIL, NULL, "it does not listen");
	else {
		run_live_answered(tr->live);
		reply_json(rq, HTTP_OK, json_pack("{s:s, s:I}", "status",
				"answered", "question", number));
	}
}


void run_answer_post(struct request *rq)
{
	struct testrun *tr = find(rq, true);
	json_t *body = tr ? body_json(rq) : NULL;

	if (body)
		answer(rq, tr, body);

	json_decref(body);
}
