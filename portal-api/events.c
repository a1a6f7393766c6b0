/**
 * @file events.c  Changes as they happen, to whoever listens
 *
 * Four times a second each stream is told what has changed since it was told
 * last, however often it did. Who does not read is closed: nothing is kept
 * for somebody who may never come.
 */
#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>

#include "api.h"
#include "bridge/store/live.h"
#include "events.h"
#include "imports.h"
#include "sse.h"


enum {
	TICK_MS     = 250,
	STREAMS_MAX = 200,
};


struct stream {
	struct le le;
	struct streams *streams;   /* borrowed, parent */
	struct sse *sse;           /* owned */
	struct imports *imports;   /* borrowed */
	char tenant[64];           /* "": all */
	uint64_t since;            /* of the live state */
	uint64_t imported;         /* of the imports */
};


struct streams {
	struct event *tick;        /* owned */
	struct live *live;         /* borrowed */
	struct list streaml;       /* struct stream, owned */
};


static void destructor(void *data)
{
	struct stream *st = data;

	list_unlink(&st->le);
	mem_deref(st->sse);
}


static void closed_h(void *arg)
{
	mem_deref(arg);
}


/* What is told */


static void event_add_json(struct stream *st, const char *name, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (text)
		sse_add(st->sse, name, NULL, text);
	free(text);
	json_decref(json);
}


static bool is_meant(const struct stream *st, const char *tenant)
{
	return !*st->tenant || !strcmp(st->tenant, tenant);
}


static int change_h(const struct live_change *change, void *arg)
{
	struct stream *st = arg;

	switch (change->kind) {

	case LIVE_REG:
		if (is_meant(st, change->reg->tenant))
			event_add_json(st, "registration",
				       reg_status_json(change->reg));
		break;

	case LIVE_TRUNK:
		if (is_meant(st, change->trunk->tenant))
			event_add_json(st, "trunk",
				       trunk_status_json(change->trunk));
		break;

	case LIVE_CALL:
		if (is_meant(st, change->call->tenant))
			event_add_json(st, "call",
				       call_record_json(change->call));
		break;
	}

	return 0;
}


static void import_h(const char *tenant, json_t *json, void *arg)
{
	struct stream *st = arg;

	if (is_meant(st, tenant))
		event_add_json(st, "import", json);
	else
		json_decref(json);
}


static void changes_add(struct stream *st)
{
	uint64_t newest = st->since;
	char id[24];
	int err;

	err = live_changes(st->streams->live, st->since, &newest, change_h,
			   st);
	if (err == ERANGE)
		sse_add(st->sse, "reset", NULL, "{}");
	st->imported = imports_since(st->imports, st->imported, import_h, st);

	/* the number comes last: what was torn off is told again */
	if (newest != st->since || err == ERANGE) {
		(void)re_snprintf(id, sizeof(id), "%llu",
				  (unsigned long long)newest);
		sse_add(st->sse, "mark", id, "{}");
	}
	st->since = newest;
}


static void stream_tell(struct stream *st)
{
	if (sse_is_unread(st->sse)) {
		mem_deref(st);
		return;
	}

	changes_add(st);
	sse_send(st->sse);
}


static void tick_h(evutil_socket_t fd, short what, void *arg)
{
	struct streams *s = arg;
	struct le *le = list_head(&s->streaml);

	(void)fd;
	(void)what;

	while (le) {
		struct stream *st = le->data;

		le = le->next;
		stream_tell(st);
	}

	if (!s->streaml.head)
		(void)event_del(s->tick);
}


/* Beginning */


void events_get(struct request *rq)
{
	const struct timeval tv = { .tv_usec = TICK_MS * 1000 };
	struct streams *s = portal_streams(rq->portal);
	const char *tenant = query_text(rq, "tenant");
	struct stream *st;

	st = list_count(&s->streaml) < STREAMS_MAX ?
		mem_zalloc(sizeof(*st), destructor) : NULL;
	if (!st || sse_alloc(&st->sse, rq, closed_h, st)) {
		mem_deref(st);
		reply_error(rq, HTTP_SERVUNAVAIL, NULL, "too many listen");
		return;
	}

	st->streams  = s;
	st->imports  = portal_imports(rq->portal);
	st->imported = imports_since(st->imports, UINT64_MAX, NULL, NULL);
	st->since    = sse_last_event(rq);
	str_ncpy(st->tenant, tenant ? tenant : "", sizeof(st->tenant));
	list_append(&s->streaml, &st->le, st);
	stream_tell(st);

	(void)event_add(s->tick, &tv);
}


int streams_alloc(struct streams **sp, struct event_base *base,
		  struct live *live)
{
	struct streams *s = calloc(1, sizeof(*s));

	if (!s)
		return ENOMEM;

	s->live = live;
	s->tick = event_new(base, -1, EV_PERSIST, tick_h, s);
	if (!s->tick) {
		free(s);
		return ENOMEM;
	}

	*sp = s;

	return 0;
}


void streams_close(struct streams *s)
{
	struct le *le;

	while (s && (le = list_head(&s->streaml)))
		mem_deref(le->data);
}


void streams_free(struct streams *s)
{
	if (!s)
		return;

	list_flush(&s->streaml);
	event_free(s->tick);
	free(s);
}
