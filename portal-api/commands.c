/**
 * @file commands.c  What the bridge is asked to do, until its outcome is told
 */
#include <event2/event.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#include "api.h"
#include "commands.h"


enum { WAITING_MAX = 64 };


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
	struct commands *commands; /* borrowed, parent                     */
	struct evhttp_request *req; /* owned by evhttp, until answered     */
	struct event *limit;       /* owned                                */
	uint64_t id;
};


struct commands {
	struct portal *portal;     /* borrowed                             */
	struct event_base *base;   /* borrowed                             */
	struct list waitingl;      /* struct waiting, owned                */
	uint64_t last_id;

	pthread_mutex_t lock;      /* for these two                        */
	struct outcome *outcomes, **outcometp; /* owned                    */
};


static void waiting_destructor(void *data)
{
	struct waiting *w = data;

	if (w->limit)
		event_free(w->limit);
	list_unlink(&w->le);
}


static struct waiting *waiting_find(const struct commands *c, uint64_t id)
{
	struct le *le;

	LIST_FOREACH(&c->waitingl, le) {
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
	struct request rq = {.portal = w->commands->portal,
			     .req = w->req};

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
	struct request rq = {.portal = w->commands->portal,
			     .req = w->req};

	(void)fd;
	(void)what;

	reply_json(&rq, 202, json_pack("{s:s}", "status", "under way"));
	mem_deref(w);
}


static struct waiting *waiting_new(struct commands *c,
				   const struct request *rq)
{
	const unsigned ms = portal_conf(c->portal)->reply_limit_ms;
	const struct timeval tv = {
		.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000,
	};
	struct waiting *w;

	w = mem_zalloc(sizeof(*w), waiting_destructor);
	if (!w)
		return NULL;

	w->commands = c;
	w->req      = rq->req;
	w->id       = ++c->last_id;
	w->limit    = evtimer_new(c->base, waiting_limit, w);

	if (!w->limit || evtimer_add(w->limit, &tv))
		return mem_deref(w);

	list_append(&c->waitingl, &w->le, w);

	return w;
}


void commands_begin(struct commands *c, struct request *rq,
		    struct portal_command *cmd)
{
	const struct portal_conf *conf = portal_conf(c->portal);
	struct waiting *w;
	int err;

	if (!conf->commandh || list_count(&c->waitingl) >= WAITING_MAX) {
		reply_error(rq, HTTP_SERVUNAVAIL, NULL,
			    "no commands are taken now");
		return;
	}

	w = waiting_new(c, rq);
	if (!w) {
		reply_json(rq, HTTP_INTERNAL, NULL);
		return;
	}

	cmd->portal = c->portal;
	cmd->id     = w->id;
	err = conf->commandh(cmd, conf->arg);
	if (!err)
		return;

	mem_deref(w);
	reply_error(rq, HTTP_SERVUNAVAIL, NULL, "not taken: %m", err);
}


/* Outcomes */


static void outcomes_free(struct outcome *o)
{
	while (o) {
		struct outcome *next = o->next;

		free(o);
		o = next;
	}
}


void commands_tell(struct commands *c, uint64_t id, int err,
		   const char *text)
{
	const size_t l = text ? strlen(text) : 0;
	struct outcome *o = malloc(sizeof(*o) + l + 1);

	if (!o)
		return;

	o->next = NULL;
	o->id   = id;
	o->err  = err;
	if (l)
		memcpy(o->text, text, l);
	o->text[l] = '\0';

	(void)pthread_mutex_lock(&c->lock);
	*c->outcometp = o;
	c->outcometp  = &o->next;
	(void)pthread_mutex_unlock(&c->lock);
}


void commands_answer(struct commands *c)
{
	struct outcome *outcomes;

	(void)pthread_mutex_lock(&c->lock);
	outcomes     = c->outcomes;
	c->outcomes  = NULL;
	c->outcometp = &c->outcomes;
	(void)pthread_mutex_unlock(&c->lock);

	for (const struct outcome *o = outcomes; o; o = o->next) {
		struct waiting *w = waiting_find(c, o->id);

		/* Late: the person was told that it is under way */
		if (w)
			waiting_end(w, o->err, o->text);
	}

	outcomes_free(outcomes);
}


void commands_end(struct commands *c)
{
	while (c->waitingl.head)
		waiting_end(c->waitingl.head->data, ESHUTDOWN, "");
}


int commands_alloc(struct commands **cp, struct portal *portal,
		   struct event_base *base)
{
	struct commands *c = calloc(1, sizeof(*c));

	if (!c)
		return ENOMEM;

	c->portal    = portal;
	c->base      = base;
	c->outcometp = &c->outcomes;
	(void)pthread_mutex_init(&c->lock, NULL);
	*cp = c;

	return 0;
}


void commands_free(struct commands *c)
{
	if (!c)
		return;

	list_flush(&c->waitingl);
	outcomes_free(c->outcomes);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}
