/**
 * @file reply.c  Answering
 */
#include <event2/buffer.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "api.h"


enum { ERROR_MAX = 1024 };         /* octets of an error's text */


struct listing {
	struct request *rq;        /* borrowed */
	struct evbuffer *body;     /* owned    */
	bool some;
};


static void headers_add(struct request *rq, const char *type)
{
	struct evkeyvalq *h = evhttp_request_get_output_headers(rq->req);

	(void)evhttp_add_header(h, "Content-Type", type);
	(void)evhttp_add_header(h, "Cache-Control", "no-store");
	(void)evhttp_add_header(h, "X-Content-Type-Options", "nosniff");
	(void)evhttp_add_header(h, "Server",
				portal_conf(rq->portal)->software);
}


/** jansson's dump into an evbuffer */
static int dump(const char *p, size_t size, void *arg)
{
	return evbuffer_add(arg, p, size);
}


int reply_print(const char *p, size_t size, void *evbuffer)
{
	return evbuffer_add(evbuffer, p, size) ? ENOMEM : 0;
}


void reply_body(struct request *rq, int code, const char *type,
		struct evbuffer *body)
{
	headers_add(rq, type);
	evhttp_send_reply(rq->req, code, NULL, body);
	evbuffer_free(body);
}


void reply_json(struct request *rq, int code, json_t *value)
{
	struct evbuffer *body = evbuffer_new();

	if (!value || !body ||
	    json_dump_callback(value, dump, body, JSON_COMPACT) ||
	    evbuffer_add(body, "\n", 1)) {
		if (body)
			evbuffer_free(body);
		evhttp_send_reply(rq->req, HTTP_INTERNAL, NULL, NULL);
	}
	else {
		reply_body(rq, code, "application/json", body);
	}

	json_decref(value);
}


void reply_error(struct request *rq, int code, const char *field,
		 const char *fmt, ...)
{
	char text[ERROR_MAX], shown[ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	/* It repeats what was asked, which need not be text at all */
	(void)text_escape(shown, sizeof(shown), text, strlen(text));

	reply_json(rq, code, json_pack("{s:s, s:s?}", "error", shown,
				       "field", field));
}


struct listing *listing_begin(struct request *rq, const char *name)
{
	struct listing *list = calloc(1, sizeof(*list));

	if (list)
		list->body = evbuffer_new();

	if (!list || !list->body ||
	    evbuffer_add_printf(list->body, "{\"%s\":[", name) < 0) {
		if (list && list->body)
			evbuffer_free(list->body);
		free(list);
		reply_json(rq, HTTP_INTERNAL, NULL);
		return NULL;
	}

	list->rq = rq;

	return list;
}


int listing_add(struct listing *list, json_t *value)
{
	int err = 0;

	if (!value ||
	    evbuffer_add(list->body, list->some ? ",\n" : "\n",
			 list->some ? 2 : 1) ||
	    json_dump_callback(value, dump, list->body, JSON_COMPACT))
		err = ENOMEM;

	list->some = true;
	json_decref(value);

	return err;
}


void listing_end(struct listing *list, int err)
{
	if (!err && evbuffer_add(list->body, "\n]}\n", 4))
		err = ENOMEM;

	if (err) {
		evbuffer_free(list->body);
		reply_json(list->rq, HTTP_INTERNAL, NULL);
	}
	else {
		reply_body(list->rq, HTTP_OK, "application/json", list->body);
	}

	free(list);
}
