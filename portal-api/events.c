/**
 * @file events.c  Changes as they happen, to whoever listens
 *
 * Four times a second each stream is told what has changed since it was told
 * last, however often it did. Who does not read is closed: nothing is kept
 * for somebody who may never come.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>

#include "api.h"
#include "bridge/base/wheel.h"
#include "bridge/store/live.h"
#include "events.h"
#include "imports.h"


enum {
	TICK_MS     = 250,
	ALIVE_MS    = 15000,
	UNREAD_MAX  = 1024 * 1024, /* octets that wait to be read */
	STREAMS_MAX = 200,
};


struct stream {
	struct le le;
	struct streams *streams;   /* borrowed, parent */
	struct evhttp_request *req; /* ours until it is ended */
	struct imports *imports;   /* borrowed */
	char tenant[64];           /* "": all */
	uint64_t since;            /* of the live state */
	uint64_t imported;         /* of the imports */
	uint64_t told_ms;
	struct evbuffer *out;      /* owned */
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
	if (st->out)
		evbuffer_free(st->out);
}


/** evhttp frees the request with its connection, but not one that it has
    taken off: ending that one frees it */
static void closed_h(struct evhttp_connection *evcon, void *arg)
{
	struct stream *st = arg;
	(void)evcon;

	if (!evhttp_request_get_connection(st->req))
		evhttp_send_reply_end(st->req);

	mem_deref(st);
}


static void stream_end(struct stream *st)
{
	struct evhttp_connection *evcon =
		evhttp_request_get_connection(st->req);

	if (evcon)
		evhttp_connection_set_closecb(evcon, NULL, NULL);
	evhttp_send_reply_end(st->req);
	mem_deref(st);
}


/* What is told */


static void event_add_json(struct stream *st, const char *name, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (text)
		(void)evbuffer_add_printf(st->out, "event: %s\ndata: %s\n\n",
					  name, text);
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
	int err;

	err = live_changes(st->streams->live, st->since, &newest, change_h,
			   st);
	if (err == ERANGE)
		(void)evbuffer_add_printf(st->out, "event: reset\n"
					  "data: {}\n\n");
	st->imported = imports_since(st->imports, st->imported, import_h, st);

	/* the number comes last: what was torn off is told again */
	if (newest != st->since || err == ERANGE)
		(void)evbuffer_add_printf(st->out, "id: %llu\nevent: mark\n"
					  "data: {}\n\n",
					  (unsigned long long)newest);
	st->since = newest;
}


static bool is_unread(const struct stream *st)
{
	struct evhttp_connection *evcon =
		evhttp_request_get_connection(st->req);
	struct bufferevent *bev = evcon ?
		evhttp_connection_get_bufferevent(evcon) : NULL;

	return bev && evbuffer_get_length(bufferevent_get_output(bev)) >
		UNREAD_MAX;
}


static void stream_tell(struct stream *st)
{
	const uint64_t now = clock_ms();

	if (is_unread(st)) {
		stream_end(st);
		return;
	}

	changes_add(st);
	if (!evbuffer_get_length(st->out) && now - st->told_ms >= ALIVE_MS)
		(void)evbuffer_add_printf(st->out, ":\n\n");

	if (!evbuffer_get_length(st->out))
		return;

	st->told_ms = now;
	evhttp_send_reply_chunk(st->req, st->out);
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


static uint64_t last_event(const struct request *rq)
{
	struct pl pl;

	if (!rq->last_event ||
	    rq->last_event[strspn(rq->last_event, "0123456789")])
		return 0;

	pl_set_str(&pl, rq->last_event);

	return pl_u64(&pl);
}


static void headers_add(struct request *rq)
{
	struct evkeyvalq *h = evhttp_request_get_output_headers(rq->req);

	(void)evhttp_add_header(h, "Content-Type", "text/event-stream");
	(void)evhttp_add_header(h, "Cache-Control", "no-store");
	(void)evhttp_add_header(h, "X-Content-Type-Options", "nosniff");
	(void)evhttp_add_header(h, "X-Accel-Buffering", "no");
	(void)evhttp_add_header(h, "Server",
				portal_conf(rq->portal)->software);
}


void events_get(struct request *rq)
{
	const struct timeval tv = { .tv_usec = TICK_MS * 1000 };
	struct streams *s = portal_streams(rq->portal);
	const char *tenant = query_text(rq, "tenant");
	struct evhttp_connection *evcon =
		evhttp_request_get_connection(rq->req);
	struct stream *st;

	st = mem_zalloc(sizeof(*st), destructor);
	if (st)
		st->out = evbuffer_new();
	if (!st || !st->out || !evcon ||
	    list_count(&s->streaml) >= STREAMS_MAX) {
		mem_deref(st);
		reply_error(rq, HTTP_SERVUNAVAIL, NULL, "too many listen");
		return;
	}

	st->streams  = s;
	st->req      = rq->req;
	st->imports  = portal_imports(rq->portal);
	st->imported = imports_since(st->imports, UINT64_MAX, NULL, NULL);
	st->since    = last_event(rq);
	st->told_ms  = clock_ms();
	str_ncpy(st->tenant, tenant ? tenant : "", sizeof(st->tenant));
	list_append(&s->streaml, &st->le, st);

	headers_add(rq);
	portal_release(rq->portal, rq->req);
	evhttp_connection_set_closecb(evcon, closed_h, st);
	evhttp_send_reply_start(rq->req, HTTP_OK, NULL);
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
		stream_end(le->data);
}


void streams_free(struct streams *s)
{
	if (!s)
		return;

	list_flush(&s->streaml);
	event_free(s->tick);
	free(s);
}
