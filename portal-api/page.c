/**
 * @file page.c  The page's files, built in
 */
#include <event2/buffer.h>

#include "api.h"
#include "page.h"


/** Scripts and styles of our own only; what a caller chose to be called is
    text, whatever is in it */
static const char policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self';"
	" img-src 'self' data:; font-src 'self'; connect-src 'self';"
	" manifest-src 'self'; base-uri 'none'; form-action 'self';"
	" frame-ancestors 'none'";


static const struct page_file *file_find(const char *path)
{
	for (size_t i = 0; i < page_filec; i++)
		if (!strcmp(page_filev[i].path, path))
			return &page_filev[i];

	return NULL;
}


bool page_answer(struct request *rq, const char *path)
{
	const enum evhttp_cmd_type method =
		evhttp_request_get_command(rq->req);
	const struct page_file *file = file_find(path);
	const char *has;
	struct evbuffer *body;
	char tag[80];

	if (!file || (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD))
		return false;

	(void)re_snprintf(tag, sizeof(tag), "\"%s\"", file->tag);
	has = evhttp_find_header(evhttp_request_get_input_headers(rq->req),
				 "If-None-Match");

	reply_header(rq, "ETag", "%s", tag);
	reply_header(rq, "Cache-Control", "no-cache");
	reply_header(rq, "Content-Security-Policy", "%s", policy);
	reply_header(rq, "Referrer-Policy", "no-referrer");
	reply_header(rq, "Cross-Origin-Opener-Policy", "same-origin");

	if (has && !strcmp(has, tag)) {
		reply_body(rq, HTTP_NOTMODIFIED, NULL, NULL);
		return true;
	}

	body = evbuffer_new();
	if (!body || evbuffer_add_reference(body, file->data, file->size,
					    NULL, NULL)) {
		if (body)
			evbuffer_free(body);
		reply_body(rq, HTTP_INTERNAL, NULL, NULL);
	}
	else {
		reply_body(rq, HTTP_OK, file->type, body);
	}

	return true;
}
