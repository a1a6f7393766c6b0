/**
 * @file portal.c  The thread, and what hangs on its loop
 *
 * The loop and all that hangs on it belong to the thread. From outside come
 * what workers have done, outcomes of commands, and that it is time to stop:
 * under a lock, and announced by the bell.
 */
#include <curl/curl.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/errors.h"
#include "bridge/base/thread.h"
#include "api.h"
#include "certificates.h"
#include "commands.h"
#include "desk.h"
#include "door.h"
#include "events.h"
#include "imports.h"
#include "portal_conf.h"
#include "presence.h"
#include "recent.h"
#include "remote.h"
#include "runner.h"
#include "sessions.h"
#include "syncing.h"


enum {
	READ_S         = 10,           /* between two octets                 */
	OVERVIEW_MS    = 1000,         /* that pages wait before they ask    */
	CAUSES_MS      = 5000,         /* until records are read again       */
};


struct portal {
	struct portal_conf conf;   /* its strings owned                    */
	struct event_base *base;   /* owned; the thread's while it runs    */
	struct evhttp *http;       /* owned: at the control socket         */
	struct door *door;         /* owned                                */
	struct remote *remote;     /* owned: over TCP; NULL                */
	struct desk *desk;         /* owned, NULL: there is no store       */
	struct sessions *sessions; /* owned                                */
	struct imports *imports;   /* owned                                */
	struct recent *overviews;  /* owned                                */
	struct recent *causes;     /* owned: of calls that failed          */
	struct streams *streams;   /* owned                                */
	struct runner *runner;     /* owned, NULL: there is no store       */
	struct certificates *certificates;     /* owned                    */
	struct syncing *syncing;   /* owned, NULL: there is no store       */
	struct presence *presence; /* owned, likewise                      */
	struct event *bell_ev;     /* owned                                */
	struct commands *commands; /* owned                                */
	bool over;                 /* the thread's: it was told to stop    */
	pthread_t thread;
	int bell;                  /* eventfd, owned                       */

	pthread_mutex_t lock;      /* for all below                        */
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


struct recent *portal_overviews(struct portal *portal)
{
	return portal->overviews;
}


struct recent *portal_causes(struct portal *portal)
{
	return portal->causes;
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
	door_request(remote_door(portal->remote), req);
}


void portal_release(struct portal *portal, struct evhttp_request *req)
{
	door_release(portal->door, req);
	door_release(remote_door(portal->remote), req);
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


void portal_command(struct request *rq, struct portal_command *cmd)
{
	commands_begin(rq->portal->commands, rq, cmd);
}


/* The bell */


static void bell_ring(const struct portal *p)
{
	const uint64_t one = 1;

	while (write(p->bell, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}


static void bell_handler(evutil_socket_t fd, short what, void *arg)
{
	struct portal *p = arg;
	uint64_t count;
	bool stopping, draining;

	(void)what;
	(void)!read(fd, &count, sizeof(count));

	(void)pthread_mutex_lock(&p->lock);
	stopping = p->stopping;
	draining = p->draining;
	(void)pthread_mutex_unlock(&p->lock);

	commands_answer(p->commands);
	done_send(p);
	tasks_end(p);

	if (draining)
		runner_drain(p->runner);
	if (stopping)
		p->over = true;
}


void portal_reply(struct portal *p, uint64_t id, int err, const char *text)
{
	if (!p)
		return;

	commands_tell(p->commands, id, err, text);
	bell_ring(p);
}


/* The thread */


static void *thread_main(void *arg)
{
	struct portal *p = arg;

	while (!p->over && !event_base_loop(p->base, EVLOOP_ONCE)) {
		door_sweep(p->door);
		door_sweep(remote_door(p->remote));
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

	commands_end(p->commands);

	/* Let answers out that are written without waiting */
	(void)event_base_loop(p->base, EVLOOP_NONBLOCK);

	return NULL;
}


/* Starting and stopping */


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
	/* beyond that it answers 400 by itself; what is too much for us has
	   our own answer (api.c) */
	evhttp_set_max_headers_size(http, 4 * HEADERS_MAX);
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

	err = commands_alloc(&p->commands, p, p->base);
	if (!err)
		err = http_init(&p->http, p, api_request);
	if (!err)
		err = sessions_alloc(&p->sessions);
	if (!err)
		err = imports_alloc(&p->imports);
	if (!err)
		err = recent_alloc(&p->overviews, OVERVIEW_MS);
	if (!err)
		err = recent_alloc(&p->causes, CAUSES_MS);
	if (!err)
		err = certificates_alloc(&p->certificates);
	if (!err)
		err = streams_alloc(&p->streams, p->base, p->conf.live);
	if (err)
		return err;

	return door_open_unix(&p->door, p->base, p->http,
			      p->conf.socket_path, p->conf.request_limit_ms);
}


/** Over TCP, if that is wanted */
static int remote_init(struct portal *p, struct errors *errs)
{
	struct evhttp *http = NULL;
	int err;

	if (!p->conf.address)
		return 0;

	err = http_init(&http, p, api_request_remote);
	if (!err)
		err = remote_open(&p->remote, &p->conf, p->base, http,
				  p->certificates, errs);

	return err ? err : remote_invite(p->remote, p->sessions);
}


const char *portal_url(const struct portal *p)
{
	return remote_url(p->remote);
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
	remote_free(p->remote);
	mem_deref(p->door);
	imports_free(p->imports);
	recent_free(p->overviews);
	recent_free(p->causes);
	certificates_free(p->certificates);
	sessions_free(p->sessions);
	commands_free(p->commands);
	if (p->bell_ev)
		event_free(p->bell_ev);
	if (p->base)
		event_base_free(p->base);
	if (p->bell >= 0)
		(void)close(p->bell);

	(void)pthread_mutex_destroy(&p->lock);
	portal_conf_free(&p->conf);
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
	p->bell = -1;
	(void)pthread_mutex_init(&p->lock, NULL);

	err = portal_conf_copy(&p->conf, conf);
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
	if (!err)
		err = remote_init(p, errs);
	if (err)
		goto out;

	err = thread_start(&p->thread, "portal", thread_main, p);

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
