/**
 * @file api.c  Finding the resource
 *
 * All resources are in one table. A path has at most one segment that may
 * vary, written {}; what stands there is decoded and handed to the handler.
 */
#include <event2/http.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/metrics.h"
#include "bridge/base/text.h"
#include "api.h"


enum { PARAM_MAX = 512, QUERYC_MAX = 8 };


struct resource {
	enum evhttp_cmd_type method;
	const char *path;
	const char *queryv[QUERYC_MAX];        /* parameters it knows */
	resource_h *h;
};


static const struct resource resourcev[] = {
	{EVHTTP_REQ_GET, "/api/v1/registrations",
	 {"failing", "tenant", "pbx"}, registrations_get},
	{EVHTTP_REQ_POST, "/api/v1/registrations/{}/retry",
	 {"tenant"}, retry_post},
	{EVHTTP_REQ_GET, "/api/v1/trunks", {"tenant"}, trunks_get},
	{EVHTTP_REQ_GET, "/api/v1/calls",
	 {"limit", "tenant", "pbx", "upn", "failed", "from_ms", "to_ms"},
	 calls_get},
	{EVHTTP_REQ_GET, "/api/v1/calls/{}", {NULL}, call_get},
	{EVHTTP_REQ_GET, "/api/v1/trace/{}", {"format", "redact"}, trace_get},
	{EVHTTP_REQ_GET, "/api/v1/version", {NULL}, version_get},
	{EVHTTP_REQ_POST, "/api/v1/reload", {NULL}, reload_post},
	{EVHTTP_REQ_GET, "/metrics", {NULL}, metrics_get},
	{EVHTTP_REQ_GET, "/health/live", {NULL}, live_get},
	{EVHTTP_REQ_GET, "/health/ready", {NULL}, ready_get},
};

enum { RESOURCEC = sizeof(resourcev) / sizeof(resourcev[0]) };


/**
 * Compare a path with a resource's
 *
 * @param param  What stands for {}, still encoded; unset if there is no {}
 */
static bool path_matches(const char *pattern, const char *path,
			 struct pl *param)
{
	const char *open = strstr(pattern, "{}");
	const size_t l = strlen(path);
	size_t head, tail;

	if (!open)
		return !strcmp(pattern, path);

	head = (size_t)(open - pattern);
	tail = strlen(open + 2);

	if (l <= head + tail || strncmp(path, pattern, head) ||
	    strcmp(path + l - tail, open + 2))
		return false;

	param->p = path + head;
	param->l = l - head - tail;

	return !memchr(param->p, '/', param->l);
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
	return method == EVHTTP_REQ_POST ? "POST" : "GET";
}


/**
 * @param path   Decoded by nobody yet
 * @param param  As of path_matches()
 * @param allow  Method that the path knows, NULL: there is no such path
 *
 * @return NULL if there is none with that method
 */
static const struct resource *resource_find(enum evhttp_cmd_type method,
					    const char *path,
					    struct pl *param,
					    const char **allow)
{
	*allow = NULL;

	for (size_t i = 0; i < RESOURCEC; i++) {
		const struct resource *res = &resourcev[i];

		*param = pl_null;
		if (!path_matches(res->path, path, param))
			continue;

		if (res->method == method)
			return res;

		*allow = method_name(res->method);
	}

	return NULL;
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


static void dispatch(struct request *rq, const struct evhttp_uri *uri)
{
	const char *path = evhttp_uri_get_path(uri);
	const struct resource *res;
	const char *allow;
	struct pl param;

	res = resource_find(evhttp_request_get_command(rq->req),
			    path ? path : "", &param, &allow);

	if (!res && allow) {
		(void)evhttp_add_header(
			evhttp_request_get_output_headers(rq->req),
			"Allow", allow);
		reply_error(rq, HTTP_BADMETHOD, NULL, "want %s", allow);
		return;
	}

	if (!res) {
		reply_error(rq, HTTP_NOTFOUND, NULL, "there is no %s", path);
		return;
	}

	if (pl_isset(&param) && param_decode(&rq->param, &param)) {
		reply_error(rq, HTTP_BADREQUEST, NULL,
			    "path: a name in it cannot be read");
		return;
	}

	if (query_read(rq, res, evhttp_uri_get_query(uri)))
		res->h(rq);
}


void api_request(struct evhttp_request *req, void *arg)
{
	struct request rq = {.portal = arg, .req = req};
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);

	rq.query.tqh_last = &rq.query.tqh_first;
	portal_note_request(rq.portal, req);
	metric_add(metric_counter("callbridge_api_requests_total", NULL,
				  "Requests to the REST API"), 1);

	if (uri)
		dispatch(&rq, uri);
	else
		reply_error(&rq, HTTP_BADREQUEST, NULL, "bad request line");

	evhttp_clear_headers(&rq.query);
	mem_deref(rq.param);
}
