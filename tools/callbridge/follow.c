/**
 * @file follow.c  Looking on at a test that runs at the service
 *
 * Its events are a stream (docs/api.md); what is typed meanwhile are answers
 * to its questions.
 */
#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ask_place.h"
#include "follow.h"
#include "testplans/run.h"
#include "test_cli.h"


enum {
	LINE_MAX_OCTETS = 1024 * 1024,
	SILENCE_S  = 60,           /* a sign of life comes every 15 s       */
	AGAIN_S    = 1,
	TRIES      = 60,           /* until it is not listened to any more  */
	TRIES_AT_FIRST = 3,
};

enum follow_state {
	FOLLOW_LISTENS,
	FOLLOW_OVER,               /* its report is there                   */
	FOLLOW_LEFT,               /* it goes on                            */
	FOLLOW_LOST,               /* nothing is known of it                */
};

struct follow {
	const struct cli *cli;     /* borrowed, as all below                */
	const char *id;
	follow_event_h *eventh;
	void *arg;

	enum follow_state state;
	struct event_base *base;   /* owned, as all below                   */
	struct ask_place place;
	struct web *web;
	struct web_request *rq;    /* NULL: between two connections         */
	struct event *in_ev, *int_ev, *term_ev;
	struct event *again_ev, *silence_ev;
	struct mbuf *line;         /* what has come of one                  */

	uint64_t last;             /* number of the event that came last    */
	unsigned tries;            /* since something came                  */
	bool stopped;              /* it was told to end                    */
	bool choice;               /* of the question                       */
	json_int_t asked;          /* the question that waits, 0: none      */
	json_int_t answered;       /* the one that was answered here        */
};


static void state_end(struct follow *f, enum follow_state state)
{
	f->state = state;
	(void)event_base_loopbreak(f->base);
}


/* Questions */


static void question_take(struct follow *f, const json_t *json)
{
	f->asked  = answer_int(json, "question");
	f->choice = json_is_true(json_object_get(json, "choice"));

	/* this fails where nobody can type: somebody may at the portal */
	(void)event_add(f->in_ev, NULL);
	f->eventh(json, f->arg);
}


static void question_end(struct follow *f)
{
	f->asked = 0;
	(void)event_del(f->in_ev);
}


static void in_h(evutil_socket_t fd, short what, void *arg)
{
	static const char *const wordv[] = {
		[RUN_YES] = "pass", [RUN_NO] = "fail", [RUN_SKIP] = "skip",
	};
	char note[RUN_NOTE_SIZE], *body;
	struct follow *f = arg;
	struct answer answer;
	enum run_answer word;
	json_t *json;

	(void)fd;
	(void)what;

	if (!test_answer_read(f->choice, &word, note, sizeof(note))) {
		(void)event_del(f->in_ev);
		return;
	}

	json = json_pack("{s:I, s:s, s:s*}", "question", f->asked, "answer",
			 wordv[word], "note", *note ? note : NULL);
	body = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	f->answered = f->asked;
	question_end(f);

	if (body && !ask_with(f->cli, &answer, "POST", "application/json",
			      body, "/api/v1/test-runs/%H/answer",
			      ask_escape, f->id))
		answer_clear(&answer);
	free(body);
}


static void signal_h(evutil_socket_t sig, short what, void *arg)
{
	struct follow *f = arg;
	struct answer answer;

	(void)sig;
	(void)what;

	if (f->stopped) {
		state_end(f, FOLLOW_LEFT);
		return;
	}

	f->stopped = true;
	if (!ask(f->cli, &answer, true, "/api/v1/test-runs/%H/stop",
		 ask_escape, f->id))
		answer_clear(&answer);
}


/* Events */


static void event_take(struct follow *f, const json_t *json)
{
	const char *name = answer_str(json, "event");
	const bool wait = !strcmp(name, "wait");

	if (!strcmp(name, "question")) {
		question_take(f, json);
		return;
	}

	if (f->asked && !wait)
		question_end(f);

	if (!strcmp(name, "over"))
		state_end(f, FOLLOW_OVER);
	else if (strcmp(name, "answered") ||
		 answer_int(json, "question") != f->answered)
		f->eventh(json, f->arg);
}


static void line_take(struct follow *f, const char *line)
{
	json_t *json;

	if (!strncmp(line, "id: ", 4))
		f->last = strtoull(line + 4, NULL, 10);
	if (strncmp(line, "data: ", 6) || f->state == FOLLOW_OVER)
		return;

	json = json_loads(line + 6, 0, NULL);
	if (json_is_object(json))
		event_take(f, json);
	json_decref(json);
}


static void silence_wait(struct follow *f)
{
	const struct timeval tv = { .tv_sec = SILENCE_S };

	(void)event_add(f->silence_ev, &tv);
}


static void part_h(const char *p, size_t size, void *arg)
{
	struct follow *f = arg;

	f->tries = 0;
	silence_wait(f);

	for (size_t i = 0; i < size; i++) {
		const bool end = p[i] == '\n';

		if (mbuf_write_u8(f->line, end ? 0 : (uint8_t)p[i]))
			return;
		if (end)
			line_take(f, (char *)f->line->buf);
		if (end || f->line->end > LINE_MAX_OCTETS)
			mbuf_rewind(f->line);
	}
}


/* Connections */


static void again(struct follow *f)
{
	const struct timeval tv = { .tv_sec = AGAIN_S };
	json_t *note;

	if (f->tries == 1) {
		note = json_pack("{s:s, s:s}", "event", "note", "text",
				 "the connection is lost: trying again");
		f->eventh(note, f->arg);
		json_decref(note);
	}

	f->rq = mem_deref(f->rq);
	mbuf_rewind(f->line);
	(void)event_del(f->silence_ev);
	(void)event_add(f->again_ev, &tv);
}


/** Is it over, or where is it? */
static void look(struct follow *f)
{
	const unsigned most = f->last ? TRIES : TRIES_AT_FIRST;
	struct answer answer;
	const char *node;

	if (ask(f->cli, &answer, false, "/api/v1/test-runs/%H", ask_escape,
		f->id)) {
		state_end(f, FOLLOW_LOST);
		return;
	}

	node = answer_str(answer.json, "node");
	if (strcmp(answer_str(answer.json, "verdict"), "running"))
		state_end(f, FOLLOW_OVER);
	else if (++f->tries < most)
		again(f);
	else {
		term_error("test %s runs on %s: ask the service there", f->id,
			   *node ? node : "another node");
		state_end(f, FOLLOW_LEFT);
	}
	answer_clear(&answer);
}


static void end_h(const struct web_reply *reply, void *arg)
{
	struct follow *f = arg;

	if (f->state != FOLLOW_LISTENS)
		return;

	if (!reply->why && reply->status == 404) {
		look(f);
	}
	else if (!reply->why && reply->status / 100 == 4) {
		json_t *json = json_loadb(reply->body, reply->size, 0, NULL);

		term_error("%s", *answer_str(json, "error") ?
			   answer_str(json, "error") : "not allowed");
		json_decref(json);
		state_end(f, FOLLOW_LOST);
	}
	else if (++f->tries < TRIES)
		again(f);
	else {
		if (reply->why)
			ask_tell_silence(&f->place, reply);
		else
			term_error("the service answers %ld", reply->status);
		state_end(f, FOLLOW_LEFT);
	}
}


static void listen_now(struct follow *f)
{
	const struct web_ask wa = {
		.method = "GET", .url = f->place.url,
		.bearer = f->place.bearer, .parth = part_h, .after = f->last,
	};

	f->rq = mem_deref(f->rq);
	silence_wait(f);
	if (web_send(&f->rq, f->web, &wa, end_h, f)) {
		term_error("%m", ENOMEM);
		state_end(f, FOLLOW_LEFT);
	}
}


static void again_h(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;

	listen_now(arg);
}


/** The connection is open, and dead all the same */
static void silence_h(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;

	again(arg);
}


/* All of it */


static void follow_destructor(void *data)
{
	struct follow *f = data;
	struct event *eventv[] = { f->in_ev, f->int_ev, f->term_ev,
				   f->again_ev, f->silence_ev };

	mem_deref(f->rq);
	mem_deref(f->web);
	for (size_t i = 0; i < RE_ARRAY_SIZE(eventv); i++)
		if (eventv[i])
			event_free(eventv[i]);
	if (f->base)
		event_base_free(f->base);

	mem_deref(f->place.url);
	mem_deref(f->line);
}


static int follow_begin(struct follow *f)
{
	char *target = NULL;
	int err;

	err = re_sdprintf(&target, "/api/v1/test-runs/%H/events", ask_escape,
			  f->id);
	if (!err)
		err = ask_place(f->cli, &f->place, target);
	mem_deref(target);
	if (err)
		return err;

	f->line = mbuf_alloc(1024);
	f->base = event_base_new();
	if (!f->line || !f->base)
		return ENOMEM;

	f->in_ev   = event_new(f->base, STDIN_FILENO, EV_READ | EV_PERSIST,
			       in_h, f);
	f->int_ev  = evsignal_new(f->base, SIGINT, signal_h, f);
	f->term_ev = evsignal_new(f->base, SIGTERM, signal_h, f);
	f->again_ev   = evtimer_new(f->base, again_h, f);
	f->silence_ev = evtimer_new(f->base, silence_h, f);
	if (!f->in_ev || !f->int_ev || !f->term_ev || !f->again_ev ||
	    !f->silence_ev || event_add(f->int_ev, NULL) ||
	    event_add(f->term_ev, NULL))
		return ENOMEM;

	return web_alloc(&f->web, f->base, &f->place.conf);
}


int follow(const struct cli *cli, const char *id, follow_event_h *eventh,
	   void *arg)
{
	struct follow *f = mem_zalloc(sizeof(*f), follow_destructor);
	int err, status;

	if (!f)
		return EXIT_BAD;

	f->cli    = cli;
	f->id     = id;
	f->eventh = eventh;
	f->arg    = arg;
	err = follow_begin(f);
	if (!err)
		listen_now(f);

	while (!err && f->state == FOLLOW_LISTENS)
		if (event_base_loop(f->base, EVLOOP_ONCE))
			err = EIO;

	if (err && err != EINVAL)
		term_error("%m", err);
	if (!err && f->state == FOLLOW_LEFT)
		term_error("not looked at any more; `callbridge test watch"
			   " %s` goes on with it", id);
	status = f->state == FOLLOW_OVER ? EXIT_GOOD : EXIT_BAD;
	mem_deref(f);

	return status;
}
