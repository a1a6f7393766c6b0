/**
 * @file api.c  Finding the resource
 *
 * From evhttp's request one of ours is made, with all that is wanted of it:
 * what a worker does, it does without evhttp.
 */
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/metrics.h"
#include "bridge/base/text.h"
#include "api.h"
#include "page.h"
#include "sheets.h"


enum {
	PARAM_MAX   = 512,
	FIELDS_MAX  = 64,
	BODIES_MAX  = 128 << 20,   /* octets of requests that wait          */
};


static atomic_size_t bodies;       /* in memory; workers end requests too   */


static void destructor(void *data)
{
	struct request *rq = data;

	list_unlink(&rq->le);
	evhttp_clear_headers(&rq->query);
	for (size_t i = 0; i < PARAMC_MAX; i++)
		mem_deref(rq->paramv[i]);
	for (size_t i = 0; i < rq->answer.headerc; i++)
		mem_deref(rq->answer.headerv[i].value);
	if (rq->answer.body)
		evbuffer_free(rq->answer.body);
	mem_deref(rq->sheet);

	atomic_fetch_sub(&bodies, rq->counted);
	if (rq->body)
		OPENSSL_cleanse(rq->body, rq->size);
	mem_deref(rq->body);
	mem_deref(rq->path);
	mem_deref(rq->bearer);
	mem_deref(rq->cookie);
	mem_deref(rq->csrf);
	mem_deref(rq->if_match);
	mem_deref(rq->if_none);
	mem_deref(rq->key);
	mem_deref(rq->type);
	mem_deref(rq->last_event);
}


/* The path */


/**
 * Compare a path with a resource's, segment by segment
 *
 * @param paramv  What stands for {}, still encoded; unset if there is no {}
 */
static bool path_matches(const char *pattern, const char *path,
			 struct pl paramv[PARAMC_MAX])
{
	size_t c = 0;

	while (*pattern && *path) {
		if (!strncmp(pattern, "{}", 2)) {
			const size_t l = strcspn(path, "/");

			if (!l || c == PARAMC_MAX)
				return false;

			paramv[c].p   = path;
			paramv[c++].l = l;
			path    += l;
			pattern += 2;
			continue;
		}

		if (*pattern++ != *path++)
			return false;
	}

	return !*pattern && !*path;
}


/** Decode %xx. @return 0, EBADMSG not text that may be shown, ENOMEM */
static int param_decode(char **out, const struct pl *param)
{
	char *raw = NULL, *text = NULL;
	size_t l, i, n;
	int err;

	if (param->l > PARAM_MAX)
		return EBADMSG;

	err = pl_strdup(&raw, param);
	if (err)
		return err;

	text = evhttp_uridecode(raw, 0, &l);
	if (!text) {
		err = ENOMEM;
		goto out;
	}

	for (i = 0; i < l; i += n) {
		n = text_char(text + i, l - i);
		if (!n) {
			err = EBADMSG;
			goto out;
		}
	}

	err = str_dup(out, text);

 out:
	free(text);
	mem_deref(raw);

	return err;
}


static const char *method_name(enum evhttp_cmd_type method)
{
	switch (method) {

	case EVHTTP_REQ_POST:   return "POST";
	case EVHTTP_REQ_PUT:    return "PUT";
	case EVHTTP_REQ_PATCH:  return "PATCH";
	case EVHTTP_REQ_DELETE: return "DELETE";
	default:                return "GET";
	}
}


/** Words stand before names: "users/import" is no user */
static bool is_plainer(const struct resource *a, const struct resource *b)
{
	const char *x = strstr(a->path, "{}"), *y = b ? strstr(b->path, "{}")
		: NULL;

	if (!b)
		return true;
	if (!x || !y)
		return !x;

	return x - a->path > y - b->path ||
		!strstr(x + 2, "{}") > !strstr(y + 2, "{}");
}


/**
 * @param path    Decoded by nobody yet
 * @param paramv  As of path_matches()
 * @param allow   Methods that the path knows, empty: there is no such path
 *
 * @return NULL if there is none with that method
 */
static const struct resource *resource_find(enum evhttp_cmd_type method,
					    const char *path,
					    struct pl paramv[PARAMC_MAX],
					    char *allow, size_t size)
{
	const struct resource *found = NULL;
	size_t n = 0;

	*allow = '\0';

	for (size_t i = 0; i < resourcec; i++) {
		const struct resource *res = &resourcev[i];
		struct pl v[PARAMC_MAX] = { PL_INIT, PL_INIT };

		if (!path_matches(res->path, path, v))
			continue;

		if (res->method == method && is_plainer(res, found)) {
			found = res;
			memcpy(paramv, v, sizeof(v));
		}

		n += (size_t)re_snprintf(allow + n, size - n, "%s%s",
					 n ? ", " : "",
					 method_name(res->method));
	}

	return found;
}


static bool query_known(const struct resource *res, const char *name)
{
	for (size_t i = 0; i < QUERYC_MAX && res->queryv[i]; i++)
		if (!strcmp(res->queryv[i], name))
			return true;

	return false;
}


/** @return false if it was wrong and has been answered */
static bool query_read(struct request *rq, const struct resource *res,
		       const char *query)
{
	const struct evkeyval *kv;

	if (query && *query && evhttp_parse_query_str(query, &rq->query)) {
		reply_error(rq, HTTP_BADREQUEST, NULL,
			    "query: want name=value&..., found \"%s\"", query);
		return false;
	}

	/* <sys/queue.h> and libre both have a LIST_FOREACH: neither's here */
	for (kv = rq->query.tqh_first; kv; kv = kv->next.tqe_next) {
		if (query_known(res, kv->key))
			continue;

		reply_error(rq, HTTP_BADREQUEST, kv->key,
			    "%s has no parameter \"%s\"", res->path, kv->key);
		return false;
	}

	return true;
}


/* The headers */


static int header_take(char **textp, const struct evkeyvalq *headers,
		       const char *name)
{
	const char *text = evhttp_find_header(headers, name);

	return text ? str_dup(textp, text) : 0;
}


static int headers_take(struct request *rq)
{
	const struct evkeyvalq *h =
		evhttp_request_get_input_headers(rq->req);
	const char *auth = evhttp_find_header(h, "Authorization");
	int err = 0;

	if (auth && !strncasecmp(auth, "Bearer ", 7))
		err |= str_dup(&rq->bearer, auth + 7);
	err |= header_take(&rq->cookie, h, "Cookie");
	err |= header_take(&rq->csrf, h, "X-CSRF-Token");
	err |= header_take(&rq->if_match, h, "If-Match");
	err |= header_take(&rq->if_none, h, "If-None-Match");
	err |= header_take(&rq->key, h, "Idempotency-Key");
	err |= header_take(&rq->type, h, "Content-Type");
	err |= header_take(&rq->last_event, h, "Last-Event-ID");

	return err ? ENOMEM : 0;
}


/** A token (RFC 9110 section 5.6.2): no blank before the colon, which one
    reader takes for part of the name and another one does not */
static bool is_name(const char *text)
{
	static const char mark[] = "!#$%&'*+-.^_`|~";

	if (!*text)
		return false;

	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(mark, *text))
			return false;

	return true;
}


/** No CR, LF or other control character (RFC 9110 section 5.5) */
static bool is_value(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text == 0x7f ||
		    ((unsigned char)*text < ' ' && *text != '\t'))
			return false;

	return true;
}


static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}


/** One framing, said once, and one host: what a proxy may read otherwise is
    refused (RFC 9112 sections 3.2, 5.1 and 6.3) */
static bool headers_are_good(const struct evkeyvalq *headers)
{
	size_t c = 0, framings = 0, hosts = 0;
	bool good = true;

	for (const struct evkeyval *kv = headers->tqh_first; kv;
	     kv = kv->next.tqe_next) {
		const bool length = !strcasecmp(kv->key, "Content-Length");
		const bool coding = !strcasecmp(kv->key, "Transfer-Encoding");

		++c;
		framings += length || coding;
		hosts += !strcasecmp(kv->key, "Host");
		good &= is_name(kv->key) && is_value(kv->value) &&
			(!length || is_number(kv->value)) &&
			(!coding || !strcasecmp(kv->value, "chunked"));
	}

	return good && c <= FIELDS_MAX && framings <= 1 && hosts <= 1;
}


static int body_take(struct request *rq)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(rq->req);
	const size_t size = evbuffer_get_length(in);

	if (!size)
		return 0;

	/* large ones alone: what goes on all day goes on */
	if (size > BODY_MAX) {
		rq->counted = size;
		if (atomic_fetch_add(&bodies, size) + size > BODIES_MAX)
			return EAGAIN;
	}

	rq->body = mem_alloc(size + 1, NULL);
	if (!rq->body)
		return ENOMEM;

	rq->size = size;
	rq->body[size] = '\0';

	return evbuffer_remove(in, rq->body, size) < 0 ? EIO : 0;
}


static void address_take(struct request *rq)
{
	struct evhttp_connection *evcon =
		evhttp_request_get_connection(rq->req);
	char *address = NULL;
	uint16_t port;

	if (evcon && !rq->socket)
		evhttp_connection_get_peer(evcon, &address, &port);

	str_ncpy(rq->address, address ? address : "", sizeof(rq->address));
}


/** Only the caller's own tenant, whatever it asks for */
static bool tenant_force(struct request *rq)
{
	const char *own = access_tenant(rq);
	const char *asked = query_text(rq, "tenant");

	if (!own)
		return true;

	if (asked && strcmp(asked, own)) {
		reply_error(rq, HTTP_NOTFOUND, "tenant",
			    "there is no tenant %s", asked);
		return false;
	}

	if (!asked && evhttp_add_header(&rq->query, "tenant", own)) {
		reply_json(rq, HTTP_INTERNAL, NULL);
		return false;
	}

	return true;
}


/** Who asks is known now, or nobody need know. @return true to go on */
static bool admit(struct request *rq)
{
	return access_check(rq) && (!rq->granted || tenant_force(rq));
}


/** In a worker: whose token is it? */
static void token_take(struct request *rq)
{
	const int err = store_token_check(rq->st, rq->bearer, &rq->grant);

	if (err && err != ENOENT) {
		reply_store(rq, err, NULL);
		return;
	}

	rq->granted = !err;
}


void api_work(struct request *rq)
{
	if (rq->bearer && !rq->granted) {
		token_take(rq);
		if (rq->answer.code || !admit(rq))
			return;
	}

	if (rq->sheet)
		sheet_work(rq);
	else if (rq->res->worker)
		rq->res->h(rq);
}


void api_worked(struct request *rq)
{
	if (rq->sheet)
		sheet_send(rq);
	else if (rq->answer.code)
		reply_send(rq);
	else if (!rq->res->worker)
		rq->res->h(rq);
	else
		reply_json(rq, HTTP_INTERNAL, NULL);
}


/** Without a store there is no desk, and what needs none is answered here */
static bool is_worker_s(const struct request *rq)
{
	return rq->res->worker &&
		(rq->res->worker != BY_DESK_ALONE ||
		 portal_desk(rq->portal));
}


static void answer(struct request *rq)
{
	const bool asks = rq->bearer && !rq->granted;
	const size_t max = rq->res->body_max ? rq->res->body_max : BODY_MAX;

	if (rq->size > max) {
		reply_header(rq, "Connection", "close");
		reply_error(rq, 413, NULL, "want a body of at most %zu octets,"
			    " found %zu", max, rq->size);
		return;
	}

	if (!asks && !admit(rq))
		return;

	if (asks || is_worker_s(rq))
		portal_work(rq);
	else
		rq->res->h(rq);
}


static bool params_read(struct request *rq, struct pl paramv[PARAMC_MAX])
{
	for (size_t i = 0; i < PARAMC_MAX; i++) {
		if (!pl_isset(&paramv[i]) ||
		    !param_decode(&rq->paramv[i], &paramv[i]))
			continue;

		reply_error(rq, HTTP_BADREQUEST, NULL,
			    "path: a name in it cannot be read");
		return false;
	}

	rq->param = rq->paramv[0];

	return true;
}


static void dispatch(struct request *rq, const struct evhttp_uri *uri)
{
	struct pl paramv[PARAMC_MAX] = { PL_INIT, PL_INIT };
	const char *path = evhttp_uri_get_path(uri);
	char allow[64];
	int err;

	if (!path)
		path = "";

	rq->res = resource_find(evhttp_request_get_command(rq->req), path,
				paramv, allow, sizeof(allow));

	if (!rq->res && *allow) {
		reply_header(rq, "Allow", "%s", allow);
		reply_error(rq, HTTP_BADMETHOD, NULL, "want %s", allow);
		return;
	}

	if (!rq->res) {
		if (!page_answer(rq, path))
			reply_error(rq, HTTP_NOTFOUND, NULL, "there is no %s",
				    path);
		return;
	}

	if (str_dup(&rq->path, path) || headers_take(rq)) {
		reply_json(rq, HTTP_INTERNAL, NULL);
		return;
	}

	err = body_take(rq);
	if (err)
		reply_store(rq, err, NULL);
	else if (params_read(rq, paramv) &&
		 query_read(rq, rq->res, evhttp_uri_get_query(uri)))
		answer(rq);
}


static void request(struct evhttp_request *req, struct portal *portal,
		    bool socket)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	struct request *rq;

	portal_note_request(portal, req);
	metric_add(metric_counter("callbridge_api_requests_total", NULL,
				  "Requests to the REST API"), 1);

	rq = mem_zalloc(sizeof(*rq), destructor);
	if (!rq) {
		evhttp_send_reply(req, HTTP_INTERNAL, NULL, NULL);
		return;
	}

	rq->portal = portal;
	rq->req    = req;
	rq->socket = socket;
	rq->tls    = !socket && portal_conf(portal)->certificate;
	rq->query.tqh_last = &rq->query.tqh_first;
	address_take(rq);

	if (req->headers_size > HEADERS_MAX) {
		reply_header(rq, "Connection", "close");
		reply_error(rq, 431, NULL, "want at most %d octets of start"
			    " line and headers, found %zu", HEADERS_MAX,
			    req->headers_size);
	}
	else if (!headers_are_good(evhttp_request_get_input_headers(req))) {
		reply_header(rq, "Connection", "close");
		reply_error(rq, HTTP_BADREQUEST, NULL, "want at most %d"
			    " headers of names and text, one Host, and one"
			    " Content-Length or Transfer-Encoding",
			    FIELDS_MAX);
	}
	else if (uri)
		dispatch(rq, uri);
	else
		reply_error(rq, HTTP_BADREQUEST, NULL, "bad request line");

	mem_deref(rq);
}


void api_request(struct evhttp_request *req, void *arg)
{
	request(req, arg, true);
}


void api_request_remote(struct evhttp_request *req, void *arg)
{
	request(req, arg, false);
}
