/**
 * @file run_live.c  What a test that runs tells, to whoever looks on
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/wheel.h"
#include "run_live.h"
#include "sse.h"


enum {
	OCTETS_MAX  = 900 * 1024,  /* less than a stream may have unread */
	WATCHER_MAX = 50,
};


/** Something that was told */
struct told {
	struct le le;
	uint64_t number;           /* counts up from 1 */
	const char *name;          /* borrowed of json */
	json_t *json;              /* owned */
	char *text;                /* owned, of jansson */
	size_t size;
};


struct watcher {
	struct le le;
	struct sse *sse;           /* owned */
};


struct run_live {
	struct list toldl;         /* struct told, owned */
	struct list watcherl;      /* struct watcher, owned */
	size_t octets;
	uint64_t number;
	uint32_t questions;
	bool asking;
	uint64_t asked_ms;
};


static void told_destructor(void *data)
{
	struct told *told = data;

	list_unlink(&told->le);
	json_decref(told->json);
	free(told->text);
}


static void watcher_destructor(void *data)
{
	struct watcher *watcher = data;

	list_unlink(&watcher->le);
	mem_deref(watcher->sse);
}


static void destructor(void *data)
{
	struct run_live *live = data;

	list_flush(&live->watcherl);
	list_flush(&live->toldl);
}


int run_live_alloc(struct run_live **lp)
{
	struct run_live *live = mem_zalloc(sizeof(*live), destructor);

	if (!live)
		return ENOMEM;

	*lp = live;

	return 0;
}


static void add(struct watcher *watcher, const struct told *told)
{
	char id[24];

	(void)re_snprintf(id, sizeof(id), "%llu",
			  (unsigned long long)told->number);
	sse_add(watcher->sse, told->name, id, told->text);
}


static void send_all(struct run_live *live, const struct told *told)
{
	struct le *le = list_head(&live->watcherl);

	while (le) {
		struct watcher *watcher = le->data;

		le = le->next;
		if (told)
			add(watcher, told);
		if (sse_is_unread(watcher->sse))
			mem_deref(watcher);
		else
			sse_send(watcher->sse);
	}
}


/** How far a wait has come is forgotten when it goes on */
static void old_forget(struct run_live *live)
{
	struct told *last = list_ledata(list_tail(&live->toldl));

	if (last && !strcmp(last->name, "wait")) {
		live->octets -= last->size;
		mem_deref(last);
	}

	while (live->octets > OCTETS_MAX && live->toldl.head) {
		struct told *first = list_ledata(list_head(&live->toldl));

		live->octets -= first->size;
		mem_deref(first);
	}
}


/** A question has a number, so that nobody answers another one than meant */
static void question_note(struct run_live *live, const char *name,
			  json_t *json)
{
	live->asking = !strcmp(name, "question");
	if (!live->asking)
		return;

	live->asked_ms = clock_ms();
	(void)json_object_set_new(json, "question",
				  json_integer(++live->questions));
}


void run_live_tell(struct run_live *live, json_t *json)
{
	const char *name = json_string_value(json_object_get(json, "event"));
	struct told *told;

	if (!name) {
		json_decref(json);
		return;
	}

	told = mem_zalloc(sizeof(*told), told_destructor);
	if (!told) {
		json_decref(json);
		return;
	}

	if (strcmp(name, "wait") && strcmp(name, "answered"))
		question_note(live, name, json);

	told->json   = json;
	told->name   = name;
	told->text   = json_dumps(json, JSON_COMPACT);
	told->number = ++live->number;
	if (!told->text) {
		mem_deref(told);
		return;
	}

	told->size = strlen(told->text);
	old_forget(live);
	live->octets += told->size;
	list_append(&live->toldl, &told->le, told);
	send_all(live, told);
}


void run_live_line(struct run_live *live, const char *line)
{
	json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(json))
		run_live_tell(live, json);
	else
		json_decref(json);
}


static void closed_h(void *arg)
{
	mem_deref(arg);
}


void run_live_stream(struct run_live *live, struct request *rq)
{
	const uint64_t since = sse_last_event(rq);
	struct watcher *watcher;
	struct le *le;

	watcher = list_count(&live->watcherl) < WATCHER_MAX ?
		mem_zalloc(sizeof(*watcher), watcher_destructor) : NULL;
	if (!watcher || sse_alloc(&watcher->sse, rq, closed_h, watcher)) {
		mem_deref(watcher);
		reply_error(rq, HTTP_SERVUNAVAIL, NULL, "too many listen");
		return;
	}

	list_append(&live->watcherl, &watcher->le, watcher);

	LIST_FOREACH(&live->toldl, le) {
		const struct told *told = le->data;

		if (told->number > since)
			add(watcher, told);
	}

	sse_send(watcher->sse);
}


void run_live_tick(struct run_live *live)
{
	send_all(live, NULL);
}


uint32_t run_live_question(const struct run_live *live)
{
	return live->asking ? live->questions : 0;
}


uint64_t run_live_waits_ms(const struct run_live *live)
{
	return live->asking ? clock_ms() - live->asked_ms : 0;
}


void run_live_answered(struct run_live *live)
{
	live->asking = false;
	run_live_tell(live, json_pack("{s:s, s:i}", "event", "answered",
				      "question", (int)live->questions));
}
