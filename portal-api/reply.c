/**
 * @file reply.c  Answering
 */
#include <event2/buffer.h>
#include <event2/http.h>
#include <jansson.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "api.h"


enum { ERROR_MAX = 1024 };         /* octets of an error's text */


/** Whatever is answered, a browser is to take it for that and nothing else */
static void headers_add(struct request *rq, const char *type)
{
	struct evkeyvalq *h = evhttp_request_get_output_headers(rq->req);

	if (type)
		(void)evhttp_add_header(h, "Content-Type", type);
	if (!evhttp_find_header(h, "Cache-Control"))
		(void)evhttp_add_header(h, "Cache-Control", "no-store");
	(void)evhttp_add_header(h, "X-Content-Type-Options", "nosniff");
	if (!evhttp_find_header(h, "Content-Security-Policy"))
		(void)evhttp_add_header(h, "Content-Security-Policy",
					"default-src 'none';"
					" frame-ancestors 'none'");
	if (rq->tls)
		(void)evhttp_add_header(h, "Strict-Transport-Security",
					"max-age=31536000");
	(void)evhttp_add_header(h, "Server",
				portal_conf(rq->portal)->software);
}


void reply_header(struct request *rq, const char *name, const char *fmt, ...)
{
	struct answer *a = &rq->answer;
	va_list ap;
	int err;

	if (a->headerc == HEADERC_MAX)
		return;

	va_start(ap, fmt);
	err = re_vsdprintf(&a->headerv[a->headerc].value, fmt, ap);
	va_end(ap);

	if (!err)
		a->headerv[a->headerc++].name = name;
}


static void headers_put(struct request *rq)
{
	struct answer *a = &rq->answer;
	struct evkeyvalq *h = evhttp_request_get_output_headers(rq->req);

	for (size_t i = 0; i < a->headerc; i++)
		(void)evhttp_add_header(h, a->headerv[i].name,
					a->headerv[i].value);

	headers_add(rq, a->type);
}


void reply_send(struct request *rq)
{
	headers_put(rq);
	evhttp_send_reply(rq->req, rq->answer.code, NULL, rq->answer.body);
}


void reply_start(struct request *rq)
{
	headers_put(rq);
	evhttp_send_reply_start(rq->req, rq->answer.code, NULL);
}


int reply_print(const char *p, size_t size, void *evbuffer)
{
	return evbuffer_add(evbuffer, p, size) ? ENOMEM : 0;
}


void reply_body(struct request *rq, int code, const char *type,
		struct evbuffer *body)
{
	struct answer *a = &rq->answer;

	if (a->body)
		evbuffer_free(a->body);

	a->code = code;
	a->type = type;
	a->body = body;

	if (!rq->working) {
		reply_send(rq);
		if (body)
			evbuffer_free(body);
		a->body = NULL;
	}
}


void reply_nothing(struct request *rq)
{
	reply_body(rq, 204, NULL, NULL);
}


void reply_json(struct request *rq, int code, json_t *value)
{
	struct evbuffer *body = evbuffer_new();

	if (!value || !body ||
	    json_dump_callback(value, reply_print, body, JSON_COMPACT) ||
	    evbuffer_add(body, "\n", 1)) {
		if (body)
			evbuffer_free(body);
		reply_body(rq, HTTP_INTERNAL, NULL, NULL);
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

	reply_json(rq, code, json_pack("{s:s, s:s?, s:n}", "error", shown,
				       "field", field, "hint"));
}


/** Of a message that ends in: did you mean "this"? */
static json_t *hint_json(const char *message)
{
	static const char did[] = "did you mean \"";
	const char *p = strstr(message, did);

	p = p ? p + sizeof(did) - 1 : NULL;

	return p ? json_stringn(p, strcspn(p, "\"")) : json_null();
}


struct json_t *error_json(const struct error *error)
{
	char shown[ERROR_MAX];
	json_t *json;

	(void)text_escape(shown, sizeof(shown), error->message,
			  strlen(error->message));

	json = json_pack("{s:s, s:s?, s:o}", "error", shown, "field",
			 error->field, "hint", hint_json(shown));
	if (error->line)
		(void)json_object_update_new(json, json_pack("{s:I, s:I}",
			"line", (json_int_t)error->line,
			"column", (json_int_t)error->column));
	if (error->line && error->file)
		(void)json_object_set_new(json, "file",
					  json_string(error->file));

	return json;
}


void reply_errors(struct request *rq, int code, const struct errors *errs)
{
	json_t *list = json_array(), *json;

	for (size_t i = 0; list && errors_get(errs, i); i++)
		(void)json_array_append_new(list, error_json(errors_get(errs,
									i)));

	json = json_deep_copy(json_array_get(list, 0));
	if (!json)
		json = json_pack("{s:s, s:n, s:n}", "error", strerror(EINVAL),
				 "field", "hint");
	(void)json_object_set_new(json, "errors", list);
	reply_json(rq, code, json);
}


void reply_store(struct request *rq, int err, const struct errors *errs)
{
	switch (err) {

	case EBADMSG:
		if (!errs || !errors_count(errs))
			break;
		reply_errors(rq, 422, errs);
		return;

	case EEXIST:
		if (errs && errors_count(errs))
			reply_errors(rq, 409, errs);
		else
			reply_error(rq, 409, NULL, "there is one already");
		return;

	case ENOENT:
		if (errs && errors_count(errs))
			reply_errors(rq, 422, errs);
		else
			reply_error(rq, HTTP_NOTFOUND, NULL,
				    "there is none of this name");
		return;

	case ESTALE:
		reply_error(rq, 412, "If-Match", "another revision is there:"
			    " look again");
		return;

	case EPERM:
		reply_error(rq, 409, NULL, "a customer file on the node says"
			    " so: change it there");
		return;

	case ENOTEMPTY:
		reply_error(rq, 409, NULL, "it is in use");
		return;

	case ENOKEY:
		reply_error(rq, HTTP_SERVUNAVAIL, NULL, "there are no keys to"
			    " seal a password with");
		return;

	default:
		break;
	}

	reply_header(rq, "Retry-After", "2");
	reply_error(rq, HTTP_SERVUNAVAIL, NULL, "the store cannot be used"
		    " now: %s", strerror(err));
}
