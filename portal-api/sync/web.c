/**
 * @file web.c  HTTPS requests on libevent, by curl's multi interface
 */
#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "bridge/base/libre.h"
#include "web.h"


enum {
	REPLY_MAX   = 16 * 1024 * 1024,
	CONNECT_S   = 10,
	TOTAL_S     = 100,         /* a page of 999 users takes its time */
	LOW_SPEED   = 100,         /* octets a second ... */
	LOW_SPEED_S = 20,
};


struct web {
	struct event_base *base;   /* borrowed */
	CURLM *multi;              /* owned */
	struct event *timer;       /* owned */
	struct list requestl;      /* struct web_request, borrowed */
	char *ca_file;             /* owned, NULL */
	char *socket_path;         /* owned, NULL */
	size_t reply_max;
	uint32_t connect_s, total_s;
	bool plain;
};


struct web_request {
	struct le le;
	struct web *web;           /* ref */
	CURL *easy;                /* owned */
	struct curl_slist *headers;        /* owned */
	char *body;                /* owned; may hold a secret */
	struct mbuf *got;          /* owned */
	bool too_big;
	char why[CURL_ERROR_SIZE];
	struct web_reply reply;
	web_part_h *parth;         /* of a stream, NULL */
	web_reply_h *h;
	void *arg;
};


/* curl and the loop */


static void replies_read(struct web *web);


static void socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct web *web = mem_ref(arg);
	int running;

	(void)curl_multi_socket_action(web->multi, fd,
				       (what & EV_READ ? CURL_CSELECT_IN : 0) |
				       (what & EV_WRITE ? CURL_CSELECT_OUT
					: 0), &running);
	replies_read(web);
	mem_deref(web);
}


static void timer_over(evutil_socket_t fd, short what, void *arg)
{
	struct web *web = mem_ref(arg);
	int running;

	(void)fd;
	(void)what;

	(void)curl_multi_socket_action(web->multi, CURL_SOCKET_TIMEOUT, 0,
				       &running);
	replies_read(web);
	mem_deref(web);
}


static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg,
			 void *data)
{
	struct event *ev = data;
	struct web *web = arg;

	(void)easy;

	if (ev)
		event_free(ev);

	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		ev = event_new(web->base, fd, (short)(EV_PERSIST |
			       (what & CURL_POLL_IN ? EV_READ : 0) |
			       (what & CURL_POLL_OUT ? EV_WRITE : 0)),
			       socket_ready, web);
		if (!ev || event_add(ev, NULL))
			return -1;
	}

	(void)curl_multi_assign(web->multi, fd, ev);

	return 0;
}


static int timer_wanted(CURLM *multi, long ms, void *arg)
{
	const struct timeval tv = {
		.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000,
	};
	struct web *web = arg;

	(void)multi;

	if (ms < 0)
		(void)event_del(web->timer);
	else
		(void)event_add(web->timer, &tv);

	return 0;
}


static void web_destructor(void *data)
{
	struct web *web = data;

	/* requests hold us: there are none */
	if (web->multi)
		(void)curl_multi_cleanup(web->multi);
	if (web->timer)
		event_free(web->timer);

	mem_deref(web->ca_file);
	mem_deref(web->socket_path);
}


int web_alloc(struct web **webp, struct event_base *base,
	      const struct web_conf *conf)
{
	struct web *web;
	int err = 0;

	if (!webp || !base || !conf)
		return EINVAL;

	web = mem_zalloc(sizeof(*web), web_destructor);
	if (!web)
		return ENOMEM;

	web->base      = base;
	web->connect_s = conf->connect_s ? conf->connect_s : CONNECT_S;
	web->total_s   = conf->total_s ? conf->total_s : TOTAL_S;
	web->reply_max = conf->reply_max ? conf->reply_max : REPLY_MAX;
	web->plain     = conf->plain;

	web->timer = evtimer_new(base, timer_over, web);
	web->multi = curl_multi_init();
	if (!web->timer || !web->multi)
		err = ENOMEM;
	if (!err && conf->ca_file)
		err = str_dup(&web->ca_file, conf->ca_file);
	if (!err && conf->socket_path)
		err = str_dup(&web->socket_path, conf->socket_path);
	if (err) {
		mem_deref(web);
		return err;
	}

	(void)curl_multi_setopt(web->multi, CURLMOPT_SOCKETFUNCTION,
				socket_wanted);
	(void)curl_multi_setopt(web->multi, CURLMOPT_SOCKETDATA, web);
	(void)curl_multi_setopt(web->multi, CURLMOPT_TIMERFUNCTION,
				timer_wanted);
	(void)curl_multi_setopt(web->multi, CURLMOPT_TIMERDATA, web);

	*webp = web;

	return 0;
}


/* One request */


static void request_destructor(void *data)
{
	struct web_request *rq = data;

	list_unlink(&rq->le);

	if (rq->easy) {
		(void)curl_multi_remove_handle(rq->web->multi, rq->easy);
		curl_easy_cleanup(rq->easy);
	}
	curl_slist_free_all(rq->headers);

	if (rq->body)
		OPENSSL_cleanse(rq->body, strlen(rq->body));
	mem_deref(rq->body);

	/* a reply may be a token */
	if (rq->got)
		OPENSSL_cleanse(rq->got->buf, rq->got->size);
	mem_deref(rq->got);
	mem_deref(rq->web);
}


static size_t body_came(char *p, size_t size, size_t n, void *arg)
{
	struct web_request *rq = arg;
	const size_t l = size * n;
	long status = 0;

	(void)curl_easy_getinfo(rq->easy, CURLINFO_RESPONSE_CODE, &status);
	if (rq->parth && status / 100 == 2) {
		rq->parth(p, l, rq->arg);
		return l;
	}

	if (rq->got->end + l > rq->web->reply_max) {
		rq->too_big = true;
		return 0;
	}

	return mbuf_write_mem(rq->got, (const uint8_t *)p, l) ? 0 : l;
}


/** Is it that header? Then its value goes to dst, if it fits */
static void header_take(char *dst, size_t size, const char *name,
			const struct pl *line)
{
	const size_t l = strlen(name);
	struct pl value;

	if (line->l <= l || strncasecmp(line->p, name, l) ||
	    line->p[l] != ':')
		return;

	value.p = line->p + l + 1;
	value.l = line->l - l - 1;
	while (value.l && (*value.p == ' ' || *value.p == '\t')) {
		++value.p;
		--value.l;
	}
	while (value.l && strchr("\r\n \t", value.p[value.l - 1]))
		--value.l;

	if (value.l < size)
		(void)pl_strcpy(&value, dst, size);
}


static size_t header_came(char *p, size_t size, size_t n, void *arg)
{
	struct web_request *rq = arg;
	const struct pl line = {.p = p, .l = size * n};

	header_take(rq->reply.request_id, sizeof(rq->reply.request_id),
		    "request-id", &line);
	header_take(rq->reply.location, sizeof(rq->reply.location),
		    "location", &line);

	return size * n;
}


static void request_finish(struct web_request *rq, CURLcode code)
{
	struct web_reply *reply = &rq->reply;
	curl_off_t retry_after = 0;
	long os = 0;

	list_unlink(&rq->le);
	(void)curl_easy_getinfo(rq->easy, CURLINFO_RESPONSE_CODE,
				&reply->status);
	(void)curl_easy_getinfo(rq->easy, CURLINFO_RETRY_AFTER, &retry_after);
	reply->retry_after_s = retry_after;
	reply->untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
	(void)curl_easy_getinfo(rq->easy, CURLINFO_OS_ERRNO, &os);
	if (code == CURLE_COULDNT_CONNECT)
		reply->connect_err = os ? (int)os : ECONNREFUSED;

	if (rq->too_big) {
		const size_t kib = rq->web->reply_max / 1024;

		(void)re_snprintf(rq->why, sizeof(rq->why), "the reply has"
				  " more than %zu %s", kib < 1024 ? kib
				  : kib / 1024, kib < 1024 ? "KiB" : "MiB");
		reply->why = rq->why;
	}
	else if (code != CURLE_OK)
		reply->why = *rq->why ? rq->why : curl_easy_strerror(code);

	reply->size = rq->got->end;
	if (mbuf_write_u8(rq->got, 0))
		reply->why = "no memory";
	reply->body = (char *)rq->got->buf;

	rq->h(reply, rq->arg);
}


static void replies_read(struct web *web)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(web->multi, &left))) {
		const CURLcode code = msg->data.result;
		char *data = NULL;
		struct web_request *rq;

		if (msg->msg != CURLMSG_DONE)
			continue;

		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
					&data);
		rq = mem_ref((void *)data);
		(void)curl_multi_remove_handle(web->multi, rq->easy);
		request_finish(rq, code);
		mem_deref(rq);
	}
}


static int header_add(struct web_request *rq, const char *fmt, ...)
{
	struct curl_slist *headers;
	char *line;
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = re_vsdprintf(&line, fmt, ap);
	va_end(ap);
	if (err)
		return err;

	headers = curl_slist_append(rq->headers, line);
	if (headers)
		rq->headers = headers;
	else
		err = ENOMEM;

	mem_deref(line);

	return err;
}


/** A random GUID (RFC 9562 section 5.4), by which Microsoft finds it */
static int guid_add(struct web_request *rq)
{
	uint8_t g[16];

	if (RAND_bytes(g, sizeof(g)) != 1)
		return EIO;

	g[6] = (uint8_t)((g[6] & 0x0f) | 0x40);
	g[8] = (uint8_t)((g[8] & 0x3f) | 0x80);

	return header_add(rq, "client-request-id:"
			  " %02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
			  "%02x%02x%02x%02x%02x%02x", g[0], g[1], g[2], g[3],
			  g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11],
			  g[12], g[13], g[14], g[15]);
}


static int headers_make(struct web_request *rq, const struct web_ask *ask)
{
	int err;

	err = header_add(rq, "Accept: %s", ask->parth ? "text/event-stream"
			 : "application/json");
	if (!err)
		err = guid_add(rq);
	if (!err && ask->bearer)
		err = header_add(rq, "Authorization: Bearer %s", ask->bearer);
	if (!err && ask->type)
		err = header_add(rq, "Content-Type: %s", ask->type);
	if (!err && ask->after)
		err = header_add(rq, "Last-Event-ID: %llu",
				 (unsigned long long)ask->after);

	return err;
}


static void options_set(struct web_request *rq, const struct web_ask *ask)
{
	const struct web *web = rq->web;
	CURL *c = rq->easy;

	(void)curl_easy_setopt(c, CURLOPT_PRIVATE, rq);
	(void)curl_easy_setopt(c, CURLOPT_URL, ask->url);
	(void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, rq->headers);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT,
			       "Callbridge/" CALLBRIDGE_VERSION);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
			       web->plain ? "http,https" : "https");
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION,
			       (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT,
			       (long)web->connect_s);
	(void)curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, rq->why);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, body_came);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, rq);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, header_came);
	(void)curl_easy_setopt(c, CURLOPT_HEADERDATA, rq);
	(void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, ask->method);

	if (!rq->parth) {
		(void)curl_easy_setopt(c, CURLOPT_TIMEOUT,
				       (long)web->total_s);
		(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT,
				       (long)LOW_SPEED);
		(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME,
				       (long)LOW_SPEED_S);
	}
	if (web->socket_path) {
		(void)curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH,
				       web->socket_path);
		(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	}
	if (web->ca_file)
		(void)curl_easy_setopt(c, CURLOPT_CAINFO, web->ca_file);
	if (rq->body)
		(void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, rq->body);
}


int web_send(struct web_request **rqp, struct web *web,
	     const struct web_ask *ask, web_reply_h *h, void *arg)
{
	struct web_request *rq;
	int err = 0;

	if (!rqp || !web || !ask || !ask->method || !ask->url || !h)
		return EINVAL;

	rq = mem_zalloc(sizeof(*rq), request_destructor);
	if (!rq)
		return ENOMEM;

	rq->web  = mem_ref(web);
	rq->parth = ask->parth;
	rq->h    = h;
	rq->arg  = arg;
	rq->got  = mbuf_alloc(4096);
	rq->easy = curl_easy_init();
	if (!rq->got || !rq->easy)
		err = ENOMEM;
	if (!err && ask->body)
		err = str_dup(&rq->body, ask->body);
	if (!err)
		err = headers_make(rq, ask);
	if (err)
		goto out;

	options_set(rq, ask);
	list_append(&web->requestl, &rq->le, rq);
	if (curl_multi_add_handle(web->multi, rq->easy) != CURLM_OK)
		err = ENOMEM;

 out:
	if (err)
		mem_deref(rq);
	else
		*rqp = rq;

	return err;
}


/* Waiting */


struct waiting {
	struct event_base *base;   /* owned */
	bool done;
	web_reply_h *h;
	void *arg;
};


static void awaited(const struct web_reply *reply, void *arg)
{
	struct waiting *w = arg;

	w->done = true;
	w->h(reply, w->arg);
	(void)event_base_loopbreak(w->base);
}


int web_wait(const struct web_conf *conf, const struct web_ask *ask,
	     web_reply_h *h, void *arg)
{
	struct waiting w = { .base = event_base_new(), .h = h, .arg = arg };
	struct web_request *rq = NULL;
	struct web *web = NULL;
	int err;

	err = w.base ? web_alloc(&web, w.base, conf) : ENOMEM;
	if (!err)
		err = web_send(&rq, web, ask, awaited, &w);

	while (!err && !w.done)
		if (event_base_loop(w.base, EVLOOP_ONCE))
			err = EIO;

	mem_deref(rq);
	mem_deref(web);
	if (w.base)
		event_base_free(w.base);

	return err;
}
