/**
 * @file portal.c  The thread, and commands that wait for their outcome
 *
 * The loop and all that hangs on it belong to the thread. From outside come
 * two things, both under the lock and announced by the bell: outcomes of
 * commands, and that it is time to stop.
 */
#include <curl/curl.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/errors.h"
#include "bridge/sip/tlsctx.h"
#include "api.h"
#include "certificates.h"
#include "desk.h"
#include "door.h"
#include "events.h"
#include "imports.h"
#include "link.h"
#include "presence.h"
#include "runner.h"
#include "sessions.h"
#include "syncing.h"


enum {
	HEADERS_MAX    = 16 * 1024,    /* octets, start line and all headers */
	READ_S         = 10,           /* between two octets                 */
	REPLY_LIMIT_MS = 10000,
	REQUEST_LIMIT_MS = 30000,
	WAITING_MAX    = 64,           /* commands                           */
	TLS_CHECK_S    = 2,            /* is there another certificate?      */
};


/** An outcome on its way to the thread */
struct outcome {
	struct outcome *next;      /* owned */
	uint64_t id;
	int err;
	char text[];
};


/** A command whose outcome is awaited */
struct waiting {
	struct le le;
	struct portal *portal;     /* borrowed, parent                     */
	struct evhttp_request *req; /* owned by evhttp, until answered     */
	struct event *limit;       /* owned                                */
	uint64_t id;
};


struct portal {
	struct portal_conf conf;   /* its strings owned                    */
	struct event_base *base;   /* owned; the thread's while it runs    */
	struct evhttp *http;       /* owned: at the control socket         */
	struct evhttp *remote;     /* owned: over TCP; NULL                */
	struct door *door;         /* owned                                */
	struct door *remote_door;  /* owned, NULL                          */
	struct tlsctx *tls;        /* owned, NULL                          */
	struct event *tls_ev;      /* owned, NULL: looks at its files      */
	struct timespec tls_time;  /* of the certificate that was read     */
	char *url;                 /* owned: how people reach it           */
	struct desk *desk;         /* owned, NULL: there is no store       */
	struct sessions *sessions; /* owned                                */
	struct imports *imports;   /* owned                                */
	struct streams *streams;   /* owned                                */
	struct runner *runner;     /* owned, NULL: there is no store       */
	struct certificates *certificates;     /* owned                    */
	struct syncing *syncing;   /* owned, NULL: there is no store       */
	struct presence *presence; /* owned, likewise                      */
	struct event *bell_ev;     /* owned                                */
	struct list waitingl;      /* struct waiting; the thread's         */
	uint64_t last_id;          /* the thread's                         */
	bool over;                 /* the thread's: it was told to stop    */
	pthread_t thread;
	int bell;                  /* eventfd, owned                       */

	pthread_mutex_t lock;      /* for all below                        */
	struct outcome *outcomes, **outcometp; /* owned                    */
	struct list donel;         /* struct request: worked on            */
	struct list taskl;         /* struct desk_task: done               */
	bool stopping;
	bool draining;             /* tests are to end                     */
};


const struct portal_conf *portal_conf(const struct portal *portal)
{
	return &portal->conf;
}


struct sessions *portal_sessions(struct portal *portal)
{
	return portal->sessions;
}


struct imports *portal_imports(struct portal *portal)
{
	return portal->imports;
}


struct streams *portal_streams(struct portal *portal)
{
	return portal->streams;
}


struct certificates *portal_certificates(struct portal *portal)
{
	return portal->certificates;
}


void portal_certificate(struct portal *p, enum portal_use use,
			const struct tlsctx_about *about)
{
	certificates_tell(p->certificates, use, about);
}


struct runner *portal_runner(struct portal *portal)
{
	return portal->runner;
}


struct desk *portal_desk(struct portal *portal)
{
	return portal->desk;
}


void portal_changed(const struct portal *portal)
{
	if (portal->conf.changedh)
		portal->conf.changedh(portal->conf.arg);
}


void portal_note_request(struct portal *portal, struct evhttp_request *req)
{
	door_request(portal->door, req);
	door_request(portal->remote_door, req);
}


void portal_release(struct portal *portal, struct evhttp_request *req)
{
	door_release(portal->door, req);
	door_release(portal->remote_door, req);
}


/* Requests for workers */


static void bell_ring(const struct portal *p);


/** The store may take longer than evhttp waits between two octets */
static void timeouts_set(const struct request *rq, unsigned s)
{
	struct evhttp_connection *evcon = rq->req ?
		evhttp_request_get_connection(rq->req) : NULL;
	const struct timeval tv = { .tv_sec = s };

	if (evcon)
		(void)bufferevent_set_timeouts(
			evhttp_connection_get_bufferevent(evcon),
			s ? &tv : NULL, s ? &tv : NULL);
}


int portal_work_on(struct request *rq)
{
	int err;

	if (!rq->portal->desk)
		return EAGAIN;     /* it ends */

	timeouts_set(rq, 0);
	rq->working = true;
	err = desk_push(rq->portal->desk, mem_ref(rq));
	if (!err)
		return 0;

	rq->working = false;
	timeouts_set(rq, READ_S);
	mem_deref(rq);

	return err;
}


void portal_work(struct request *rq)
{
	int err;

	if (!rq->portal->desk) {
		reply_error(rq, HTTP_SERVUNAVAIL, NULL, "there is no store");
		return;
	}

	err = portal_work_on(rq);
	if (err)
		reply_store(rq, err, NULL);
}


/** In a worker's thread */
static void worked(struct request *rq, void *arg)
{
	struct portal *p = arg;

	if (rq->changed)
		portal_changed(p);

	(void)pthread_mutex_lock(&p->lock);
	list_append(&p->donel, &rq->le, rq);
	(void)pthread_mutex_unlock(&p->lock);

	bell_ring(p);
}


/** In a worker's thread */
static void task_worked(struct desk_task *task, void *arg)
{
	struct portal *p = arg;

	(void)pthread_mutex_lock(&p->lock);
	list_append(&p->taskl, &task->le, task);
	(void)pthread_mutex_unlock(&p->lock);

	bell_ring(p);
}


static void tasks_end(struct portal *p)
{
	for (;;) {
		struct le *le;

		(void)pthread_mutex_lock(&p->lock);
		le = list_head(&p->taskl);
		list_unlink(le);
		(void)pthread_mutex_unlock(&p->lock);
		if (!le)
			return;

		((struct desk_task *)le->data)->doneh(le->data);
	}
}


static void done_send(struct portal *p)
{
	struct le *le;

	for (;;) {
		struct request *rq;

		(void)pthread_mutex_lock(&p->lock);
		le = list_head(&p->donel);
		if (le)
			list_unlink(le);
		(void)pthread_mutex_unlock(&p->lock);
		if (!le)
			return;

		rq = le->data;
		rq->working = false;
		timeouts_set(rq, READ_S);
		if (rq->wished)
			syncing_look(p->syncing);
		api_worked(rq);
		mem_deref(rq);
	}
}


/* Commands, in the thread */


static void waiting_destructor(void *data)
{
	struct waiting *w = data;

	if (w->limit)
		event_free(w->limit);
	list_unlink(&w->le);
}


static struct waiting *waiting_find(const struct portal *p, uint64_t id)
{
	struct le *le;

	LIST_FOREACH(&p->waitingl, le) {
		struct waiting *w = le->data;

		if (w->id == id)
			return w;
	}

	return NULL;
}


/** The text's lines as a list */
static json_t *lines_json(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		const size_t l = strcspn(text, "\n");

		if (l)
			(void)json_array_append_new(list,
						    json_stringn(text, l));
		text += l + (text[l] == '\n');
	}

	return list;
}


static void reply_failed(struct request *rq, int err, const char *text)
{
	const char *what = err == EBADMSG ? "what was read is wrong; nothing"
		" was changed" : strerror(err);
	const int code = err == ENOENT ? HTTP_NOTFOUND :
		err == EBADMSG ? 422 :
		err == ESHUTDOWN ? HTTP_SERVUNAVAIL : HTTP_INTERNAL;

	reply_json(rq, code, json_pack("{s:s, s:n, s:o}", "error", what,
				       "field", "details",
				       lines_json(text)));
}


/** Answer, and forget the command */
static void waiting_end(struct waiting *w, int err, const char *text)
{
	struct request rq = {.portal = w->portal, .req = w->req};

	if (err)
		reply_failed(&rq, err, text);
	else
		reply_json(&rq, HTTP_OK, json_pack("{s:s, s:o}", "status",
						   "done", "details",
						   lines_json(text)));

	mem_deref(w);
}


/** Nobody has failed yet: it may only take long */
static void waiting_limit(evutil_socket_t fd, short what, void *arg)
{
	struct waiting *w = arg;
	struct request rq = {.portal = w->portal, .req = w->req};

	(void)fd;
	(void)what;

	reply_json(&rq, 202, json_pack("{s:s}", "status", "under way"));
	mem_deref(w);
}


static struct waiting *waiting_new(struct request *rq)
{
	struct portal *p = rq->portal;
	const struct timeval tv = {
		.tv_sec  = p->conf.reply_limit_ms / 1000,
		.tv_usec = p->conf.reply_limit_ms % 1000 * 1000,
	};
	struct waiting *w;

	w = mem_zalloc(sizeof(*w), waiting_destructor);
	if (!w)
		return NULL;

	w->portal = p;
	w->req    = rq->req;
	w->id     = ++p->last_id;
	w->limit  = evtimer_new(p->base, waiting_limit, w);

	if (!w->limit || evtimer_add(w->limit, &tv))
		return mem_deref(w);

	list_append(&p->waitingl, &w->le, w);

	return w;
}


void portal_command(struct request *rq, struct portal_command *cmd)
{
	struct portal *p = rq->portal;
	struct waiting *w;
	int err;

	if (!p->conf.commandh || list_count(&p->waitingl) >= WAITING_MAX) {
		reply_error(rq, HTTP_SERVUNAVAIL, NULL,
			    "no commands are taken now");
		return;
	}

	w = waiting_new(rq);
	if (!w) {
		reply_json(rq, HTTP_INTERNAL, NULL);
		return;
	}

	cmd->portal = p;
	cmd->id     = w->id;
	err = p->conf.commandh(cmd, p->conf.arg);
	if (!err)
		return;

	mem_deref(w);
	reply_error(rq, HTTP_SERVUNAVAIL, NULL, "not taken: %m", err);
}


/* The bell */


static void bell_ring(const struct portal *p)
{
	const uint64_t one = 1;

	while (write(p->bell, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}


static void outcomes_free(struct outcome *o)
{
	while (o) {
		struct outcome *next = o->next;

		free(o);
		o = next;
	}
}


static void bell_handler(evutil_socket_t fd, short what, void *arg)
{
	struct portal *p = arg;
	struct outcome *outcomes, *o;
	uint64_t count;
	bool stopping, draining;

	(void)what;
	(void)!read(fd, &count, sizeof(count));

	(void)pthread_mutex_lock(&p->lock);
	outcomes     = p->outcomes;
	p->outcomes  = NULL;
	p->outcometp = &p->outcomes;
	stopping     = p->stopping;
	draining     = p->draining;
	(void)pthread_mutex_unlock(&p->lock);

	for (o = outcomes; o; o = o->next) {
		struct waiting *w = waiting_find(p, o->id);

		/* Late: the person was told that it is under way */
		if (w)
			waiting_end(w, o->err, o->text);
	}

	outcomes_free(outcomes);
	done_send(p);
	tasks_end(p);

	if (draining)
		runner_drain(p->runner);
	if (stopping)
		p->over = true;
}


void portal_reply(struct portal *p, uint64_t id, int err, const char *text)
{
	struct outcome *o;
	size_t l;

	if (!p)
		return;

	l = text ? strlen(text) : 0;
	o = malloc(sizeof(*o) + l + 1);
	if (!o)
		return;                    /* the time limit answers */

	o->next = NULL;
	o->id   = id;
	o->err  = err;
	if (l)
		memcpy(o->text, text, l);
	o->text[l] = '\0';

	(void)pthread_mutex_lock(&p->lock);
	*p->outcometp = o;
	p->outcometp  = &o->next;
	(void)pthread_mutex_unlock(&p->lock);

	bell_ring(p);
}


/* The thread */


static void *thread_main(void *arg)
{
	struct portal *p = arg;

	while (!p->over && !event_base_loop(p->base, EVLOOP_ONCE)) {
		door_sweep(p->door);
		door_sweep(p->remote_door);
	}

	runner_close(p->runner);

	/* what is being worked on is finished, what waits is refused */
	syncing_close(p->syncing);
	presence_close(p->presence);
	desk_close(p->desk);
	p->desk = NULL;
	done_send(p);
	tasks_end(p);
	streams_close(p->streams);

	while (p->waitingl.head)
		waiting_end(p->waitingl.head->data, ESHUTDOWN, "");

	/* Let answers out that are written without waiting */
	(void)event_base_loop(p->base, EVLOOP_NONBLOCK);

	return NULL;
}


/** The thread takes no signal: the program's loop reads them */
static int thread_start(struct portal *p)
{
	sigset_t all, old;
	int err;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&p->thread, NULL, thread_main, p);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);

	return err;
}


/* Starting and stopping */


static const char *text_copy(const char *text, int *err)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*err = ENOMEM;

	return copy;
}


static int conf_copy(struct portal_conf *dst, const struct portal_conf *src)
{
	int err = 0;

	*dst = *src;
	dst->socket_path = text_copy(src->socket_path, &err);
	dst->state_dir   = text_copy(src->state_dir, &err);
	dst->software    = text_copy(src->software, &err);
	dst->store_url   = text_copy(src->store_url, &err);
	dst->key_file    = text_copy(src->key_file, &err);
	dst->templates   = text_copy(src->templates, &err);
	dst->address     = text_copy(src->address, &err);
	dst->certificate = text_copy(src->certificate, &err);
	dst->key         = text_copy(src->key, &err);
	dst->url         = text_copy(src->url, &err);
	dst->config      = text_copy(src->config, &err);
	dst->tests.teams_sim = text_copy(src->tests.teams_sim, &err);
	dst->oidc.issuer = text_copy(src->oidc.issuer, &err);
	dst->oidc.client_id = text_copy(src->oidc.client_id, &err);
	dst->oidc.client_secret = text_copy(src->oidc.client_secret, &err);
	dst->oidc.claim  = text_copy(src->oidc.claim, &err);
	dst->oidc.title  = text_copy(src->oidc.title, &err);
	dst->oidc.ca_file = text_copy(src->oidc.ca_file, &err);
	dst->node        = text_copy(src->node, &err);
	dst->microsoft.login_url = text_copy(src->microsoft.login_url, &err);
	dst->microsoft.graph_url = text_copy(src->microsoft.graph_url, &err);
	dst->microsoft.ca_file = text_copy(src->microsoft.ca_file, &err);
	dst->microsoft.carrier = text_copy(src->microsoft.carrier, &err);

	if (!dst->reply_limit_ms)
		dst->reply_limit_ms = REPLY_LIMIT_MS;
	if (!dst->request_limit_ms)
		dst->request_limit_ms = REQUEST_LIMIT_MS;

	return err;
}


static void conf_free(struct portal_conf *conf)
{
	const char *const v[] = {
		conf->socket_path, conf->state_dir, conf->software,
		conf->store_url, conf->key_file, conf->templates,
		conf->address, conf->certificate, conf->key, conf->url,
		conf->oidc.issuer, conf->oidc.client_id,
		conf->oidc.client_secret, conf->oidc.claim,
		conf->oidc.title, conf->oidc.ca_file, conf->node,
		conf->microsoft.login_url, conf->microsoft.graph_url,
		conf->microsoft.ca_file, conf->microsoft.carrier,
		conf->config, conf->tests.teams_sim,
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++)
		free((void *)(uintptr_t)v[i]);
}


/** All methods that clients know come to api.c, which says which it wants */
static int http_init(struct evhttp **httpp, struct portal *p,
		     void (*requesth)(struct evhttp_request *, void *))
{
	struct evhttp *http = evhttp_new(p->base);

	if (!http)
		return ENOMEM;

	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST |
				   EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
				   EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
				   EVHTTP_REQ_PATCH);
	evhttp_set_max_headers_size(http, HEADERS_MAX);
	evhttp_set_max_body_size(http, p->conf.store_url ? BODY_BIG
				 : BODY_MAX);
	evhttp_set_timeout(http, READ_S);
	evhttp_set_gencb(http, requesth, p);
	*httpp = http;

	return 0;
}


static int desk_init(struct portal *p)
{
	const struct desk_conf conf = {
		.url       = p->conf.store_url,
		.key_file  = p->conf.key_file,
		.templates = p->conf.templates,
		.doneh     = worked,
		.task_doneh = task_worked,
		.arg       = p,
	};

	return p->conf.store_url ? desk_open(&p->desk, &conf) : 0;
}


static int loop_init(struct portal *p)
{
	int err;

	p->base = event_base_new();
	if (!p->base)
		return ENOMEM;

	p->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->bell < 0)
		return errno;

	p->bell_ev = event_new(p->base, p->bell, EV_READ | EV_PERSIST,
			       bell_handler, p);
	if (!p->bell_ev || event_add(p->bell_ev, NULL))
		return ENOMEM;

	err = http_init(&p->http, p, api_request);
	if (!err)
		err = sessions_alloc(&p->sessions);
	if (!err)
		err = imports_alloc(&p->imports);
	if (!err)
		err = certificates_alloc(&p->certificates);
	if (!err)
		err = streams_alloc(&p->streams, p->base, p->conf.live);
	if (err)
		return err;

	return door_open_unix(&p->door, p->base, p->http,
			      p->conf.socket_path, p->conf.request_limit_ms);
}


/* Over TCP */


static void certificate_time(const struct portal *p, struct timespec *ts)
{
	struct stat st;

	memset(ts, 0, sizeof(*ts));
	if (!stat(p->conf.certificate, &st))
		*ts = st.st_mtim;
}


static void certificate_tell(struct portal *p)
{
	struct tlsctx_about about;

	if (!tlsctx_about(p->tls, &about))
		certificates_tell(p->certificates, PORTAL_USE_PORTAL, &about);
}


/** A certificate is renewed by whoever renews it: it is looked for */
static void tls_check(evutil_socket_t fd, short what, void *arg)
{
	struct portal *p = arg;
	struct errors *errs = NULL;
	struct timespec ts;

	(void)fd;
	(void)what;

	certificate_time(p, &ts);
	if (!ts.tv_sec || (ts.tv_sec == p->tls_time.tv_sec &&
			   ts.tv_nsec == p->tls_time.tv_nsec))
		return;

	p->tls_time = ts;
	if (errors_alloc(&errs))
		return;

	if (tlsctx_reload(p->tls, errs))
		warning("portal", "", "the new certificate cannot be used,"
			" the old one stays: %H", errors_print, errs);
	else
		info("portal", "", "a new certificate was read");
	certificate_tell(p);

	mem_deref(errs);
}


static int tls_init(struct portal *p, struct errors *errs)
{
	const struct timeval every = { .tv_sec = TLS_CHECK_S };
	const struct tlsctx_conf conf = {
		.certificate = p->conf.certificate,
		.key         = p->conf.key,
		.verify      = TLS_VERIFY_NONE,
	};
	int err;

	certificate_time(p, &p->tls_time);
	err = tlsctx_alloc(&p->tls, &conf, errs, NULL);
	if (err)
		return err;

	certificate_tell(p);
	p->tls_ev = event_new(p->base, -1, EV_PERSIST, tls_check, p);

	return p->tls_ev && !event_add(p->tls_ev, &every) ? 0 : ENOMEM;
}


/** While there is no admin, whoever reads the log may become it */
static int link_tell(struct portal *p)
{
	struct store *st = NULL;
	char *link = NULL;
	bool wanted = false;
	int err;

	err = store_open(&st, p->conf.store_url, false, NULL, NULL);
	if (!err)
		err = link_is_wanted(st, &wanted);
	if (!err && wanted)
		err = link_make(&link, p->sessions, p->url);
	if (!err && wanted)
		info("portal", "", "nobody can sign in yet: make the first"
		     " admin within an hour at %s", link);

	mem_deref(link);
	mem_deref(st);

	return err;
}


static int remote_init(struct portal *p, struct errors *errs)
{
	struct sa laddr;
	int err;

	err = sa_set_str(&laddr, p->conf.address, p->conf.port);
	if (!err && p->conf.certificate)
		err = tls_init(p, errs);
	if (!err)
		err = http_init(&p->remote, p, api_request_remote);
	if (!err)
		err = door_open_tcp(&p->remote_door, p->base, p->remote,
				    &laddr, p->tls, p->conf.request_limit_ms);
	if (err)
		return err;

	err = p->conf.url ? str_dup(&p->url, p->conf.url) :
		re_sdprintf(&p->url, "http%s://%J", p->tls ? "s" : "",
			    &laddr);
	if (err)
		return err;

	info("portal", "", "the portal is at %s", p->url);

	return p->conf.store_url ? link_tell(p) : 0;
}


const char *portal_url(const struct portal *p)
{
	return p->url ? p->url : "";
}


static void portal_free(struct portal *p)
{
	desk_close(p->desk);
	syncing_free(p->syncing);
	presence_free(p->presence);
	runner_free(p->runner);
	streams_free(p->streams);
	if (p->http)
		evhttp_free(p->http);
	if (p->remote)
		evhttp_free(p->remote);
	mem_deref(p->door);
	mem_deref(p->remote_door);
	mem_deref(p->tls);
	if (p->tls_ev)
		event_free(p->tls_ev);
	imports_free(p->imports);
	certificates_free(p->certificates);
	sessions_free(p->sessions);
	mem_deref(p->url);
	if (p->bell_ev)
		event_free(p->bell_ev);
	if (p->base)
		event_base_free(p->base);
	if (p->bell >= 0)
		(void)close(p->bell);

	outcomes_free(p->outcomes);
	(void)pthread_mutex_destroy(&p->lock);
	conf_free(&p->conf);
	free(p);
}


int portal_start(struct portal **pp, const struct portal_conf *conf,
		 struct errors *errs)
{
	struct portal *p;
	int err;

	if (!pp || !conf || !conf->live || !conf->trace ||
	    !str_isset(conf->socket_path) || !str_isset(conf->state_dir) ||
	    !str_isset(conf->software))
		return EINVAL;

	p = calloc(1, sizeof(*p));
	if (!p)
		return ENOMEM;

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	p->bell      = -1;
	p->outcometp = &p->outcomes;
	(void)pthread_mutex_init(&p->lock, NULL);

	err = conf_copy(&p->conf, conf);
	if (err)
		goto out;

	err = loop_init(p);
	if (!err)
		err = desk_init(p);
	if (!err && p->desk)
		err = syncing_alloc(&p->syncing, p, p->base);
	if (!err && p->desk && p->conf.quieth)
		err = presence_alloc(&p->presence, p, p->base);
	if (!err && p->desk)
		err = runner_alloc(&p->runner, p, p->base);
	if (!err && conf->address)
		err = remote_init(p, errs);
	if (err)
		goto out;

	err = thread_start(p);

 out:
	if (err)
		portal_free(p);
	else
		*pp = p;

	return err;
}


void portal_drain(struct portal *p)
{
	if (!p)
		return;

	(void)pthread_mutex_lock(&p->lock);
	p->draining = true;
	(void)pthread_mutex_unlock(&p->lock);
	bell_ring(p);
}


void portal_stop(struct portal *p)
{
	if (!p)
		return;

	(void)pthread_mutex_lock(&p->lock);
	p->stopping = true;
	(void)pthread_mutex_unlock(&p->lock);
	bell_ring(p);

	(void)pthread_join(p->thread, NULL);
	portal_free(p);
}
