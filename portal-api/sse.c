/**
 * @file sse.c  A stream of server-sent events (HTML Living Standard 9.2)
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "bridge/base/wheel.h"
#include "sse.h"


enum {
	ALIVE_MS   = 15000,
	UNREAD_MAX = 1024 * 1024,  /* octets that wait to be read */
};


struct sse {
	struct evhttp_request *req; /* ours until it is ended; NULL: it was */
	struct evbuffer *out;      /* owned */
	sse_close_h *closeh;
	void *arg;
	uint64_t told_ms;
};


static struct evhttp_connection *connection(const struct sse *sse)
{
	return sse->req ? evhttp_request_get_connection(sse->req) : NULL;
}


static void destructor(void *data)
{
	struct sse *sse = data;
	struct evhttp_connection *evcon = connection(sse);

	if (evcon)
		evhttp_connection_set_closecb(evcon, NULL, NULL);
	if (sse->req)
		evhttp_send_reply_end(sse->req);
	if (sse->out)
		evbuffer_free(sse->out);
}


/** evhttp frees the request with its connection, but not one that it has
    taken off: ending that one frees it */
static void closed_h(struct evhttp_connection *evcon, void *arg)
{
	struct sse *sse = arg;
	(void)evcon;

	if (!evhttp_request_get_connection(sse->req))
		evhttp_send_reply_end(sse->req);

	sse->req = NULL;
	sse->closeh(sse->arg);     /* frees us */
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


int sse_alloc(struct sse **sp, struct request *rq, sse_close_h *closeh,
	      void *arg)
{
	struct evhttp_connection *evcon =
		evhttp_request_get_connection(rq->req);
	struct sse *sse;

	if (!evcon)
		return ENOTCONN;

	sse = mem_zalloc(sizeof(*sse), destructor);
	if (!sse)
		return ENOMEM;

	sse->out = evbuffer_new();
	if (!sse->out) {
		mem_deref(sse);
		return ENOMEM;
	}

	sse->req     = rq->req;
	sse->closeh  = closeh;
	sse->arg     = arg;
	sse->told_ms = clock_ms();

	headers_add(rq);
	portal_release(rq->portal, rq->req);
	evhttp_connection_set_closecb(evcon, closed_h, sse);
	evhttp_send_reply_start(rq->req, HTTP_OK, NULL);
	*sp = sse;

	return 0;
}


void sse_add(struct sse *sse, const char *name, const char *id,
	     const char *data)
{
	if (id)
		(void)evbuffer_add_printf(sse->out, "id: %s\n", id);
	(void)evbuffer_add_printf(sse->out, "event: %s\ndata: %s\n\n", name,
				  data);
}


void sse_send(struct sse *sse)
{
	const uint64_t now = clock_ms();

	if (!evbuffer_get_length(sse->out) && now - sse->told_ms >= ALIVE_MS)
		(void)evbuffer_add_printf(sse->out, ":\n\n");

	if (!evbuffer_get_length(sse->out))
		return;

	sse->told_ms = now;
	evhttp_send_reply_chunk(sse->req, sse->out);
}


bool sse_is_unread(const struct sse *sse)
{
	struct evhttp_connection *evcon = connection(sse);
	struct bufferevent *bev = evcon ?
		evhttp_connection_get_bufferevent(evcon) : NULL;

	return bev && evbuffer_get_length(bufferevent_get_output(bev)) >
		UNREAD_MAX;
}


uint64_t sse_last_event(const struct request *rq)
{
	struct pl pl;

	if (!rq->last_event ||
	    rq->last_event[strspn(rq->last_event, "0123456789")])
		return 0;

	pl_set_str(&pl, rq->last_event);

	return pl_u64(&pl);
}
