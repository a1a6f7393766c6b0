/**
 * @file dnd_shown.c  Do not disturb at the PBX, shown in Teams
 *
 * Calls are looked at once a second, as they change. Of a user one request
 * is under way at most: what was dialled meanwhile is told after it, and only
 * what was dialled last.
 */
#include <event2/event.h>
#include <jansson.h>

#include "api.h"
#include "bridge/base/log.h"
#include "bridge/model/pbx.h"
#include "bridge/store/live.h"
#include "dnd_shown.h"
#include "pbx-templates/feature.h"
#include "presence_watch.h"
#include "sync_run.h"


enum {
	LOOK_S    = 1,
	UNDER_WAY = 100,           /* users                                */
	USERS_MAX = 10000,         /* whose last code is remembered        */
};

#define PERMISSION "grant Presence.ReadWrite.All with admin consent"


/** What is told of one user */
struct telling {
	struct le le;
	struct dnd_shown *d;       /* borrowed, parent */
	struct graph *g;           /* owned */
	char *key, *id;            /* owned: "tenant/upn", and Microsoft's */
	enum feature_dnd told;     /* that is under way */
	enum feature_dnd wanted;
};


struct dnd_shown {
	struct portal *portal;     /* borrowed */
	struct event_base *base;   /* borrowed */
	const struct presence *presence;   /* borrowed */
	struct event *timer;       /* owned */
	uint64_t since;            /* of the live state */
	json_t *done;              /* owned: answer_ms of the last code of
				      each user */
	struct list tellingl;      /* struct telling, owned */
};


static void destructor(void *data)
{
	struct dnd_shown *d = data;

	if (d->timer)
		event_free(d->timer);
	list_flush(&d->tellingl);
	json_decref(d->done);
}


static void telling_destructor(void *data)
{
	struct telling *t = data;

	list_unlink(&t->le);
	mem_deref(t->g);
	mem_deref(t->key);
	mem_deref(t->id);
}


/* Telling */


static int tell(struct telling *t);


static void told(const struct graph_result *result, void *arg)
{
	struct telling *t = arg;
	const bool on = t->told == FEATURE_DND_ON;

	/* a good answer is empty */
	if (result->status >= 200 && result->status < 300)
		info("sync", t->key, "Teams shows %s, as was dialled for the"
		     " PBX", on ? "Do not disturb" : "what it did before");
	else
		warning("sync", t->key, "Teams is not told of Do not disturb"
			" %s: %s: %s", on ? "on" : "off", result->why,
			result->fault == GRAPH_DENIED ? PERMISSION :
			graph_fault_advice(result->fault));

	if (t->wanted == t->told || tell(t))
		mem_deref(t);
}


static int tell(struct telling *t)
{
	const bool on = t->wanted == FEATURE_DND_ON;
	char where[256];

	if (re_snprintf(where, sizeof(where), "/v1.0/users/%s/presence/%s",
			t->id, on ? "setUserPreferredPresence" :
			"clearUserPreferredPresence") < 0)
		return ENAMETOOLONG;

	t->told = t->wanted;

	return graph_send(t->g, where, on ? "{\"availability\":"
			  "\"DoNotDisturb\",\"activity\":"
			  "\"DoNotDisturb\"}" : "{}", told, t);
}


static struct telling *telling_find(const struct dnd_shown *d,
				    const char *key)
{
	struct le *le;

	LIST_FOREACH(&d->tellingl, le) {
		struct telling *t = le->data;

		if (!strcmp(t->key, key))
			return t;
	}

	return NULL;
}


static int telling_begin(struct dnd_shown *d, const struct watch *watch,
			 const char *key, const char *id,
			 enum feature_dnd dnd)
{
	struct telling *t;
	int err;

	if (list_count(&d->tellingl) >= UNDER_WAY)
		return EAGAIN;

	t = mem_zalloc(sizeof(*t), telling_destructor);
	if (!t)
		return ENOMEM;

	t->d      = d;
	t->wanted = dnd;
	err = sync_graph_make(&t->g, d->base, watch->conf,
			      portal_conf(d->portal));
	if (!err)
		err = str_dup(&t->key, key);
	if (!err)
		err = str_dup(&t->id, id);
	if (!err)
		err = tell(t);
	if (err)
		mem_deref(t);
	else
		list_append(&d->tellingl, &t->le, t);

	return err;
}


/* Calls */


static const char *id_of(const struct watch *watch, const char *upn)
{
	const char *id;
	json_t *value;

	json_object_foreach(watch->upns, id, value)
		if (!str_casecmp(json_string_value(value), upn))
			return id;

	return NULL;
}


static enum feature_dnd dnd_of(const struct watch *watch,
			       const struct call_record *call)
{
	struct le *le;

	LIST_FOREACH(&watch->pbxl, le) {
		const struct pbx *pbx = le->data;

		if (!strcmp(pbx->name, call->pbx))
			return feature_dnd(pbx, call->callee_raw);
	}

	return FEATURE_DND_NONE;
}


/** A call is told of again and again; a code counts once, and the last one */
static bool is_news(struct dnd_shown *d, const char *key, int64_t answer_ms)
{
	const json_t *last = json_object_get(d->done, key);

	if (last && json_integer_value(last) >= answer_ms)
		return false;
	if (json_object_size(d->done) >= USERS_MAX)
		(void)json_object_clear(d->done);

	return !json_object_set_new(d->done, key, json_integer(
					    (json_int_t)answer_ms));
}


static void code_dialled(struct dnd_shown *d, const struct watch *watch,
			 const struct call_record *call,
			 enum feature_dnd dnd)
{
	char key[sizeof(call->tenant) + sizeof(call->upn)];
	const char *id = id_of(watch, call->upn);
	struct telling *t;
	int err = 0;

	(void)re_snprintf(key, sizeof(key), "%s/%s", call->tenant,
			  call->upn);
	if (!is_news(d, key, call->answer_ms))
		return;

	if (!id) {
		info("sync", key, "Teams is not told of Do not disturb: the"
		     " sync knows nobody of that name who can call");
		return;
	}

	t = telling_find(d, key);
	if (t)
		t->wanted = dnd;
	else
		err = telling_begin(d, watch, key, id, dnd);

	if (err)
		warning("sync", key, "Teams is not told of Do not disturb:"
			" %m", err);
}


static int change_h(const struct live_change *change, void *arg)
{
	const struct call_record *call = change->call;
	struct dnd_shown *d = arg;
	const struct watch *watch;
	enum feature_dnd dnd;

	if (change->kind != LIVE_CALL ||
	    call->direction != CALL_FROM_TEAMS || !call->answer_ms ||
	    *call->callee_raw != '*')
		return 0;

	watch = presence_watch(d->presence, call->tenant);
	dnd   = watch && watch->conf->dnd_show ? dnd_of(watch, call)
		: FEATURE_DND_NONE;
	if (dnd != FEATURE_DND_NONE)
		code_dialled(d, watch, call, dnd);

	return 0;
}


static void look(evutil_socket_t fd, short what, void *arg)
{
	struct dnd_shown *d = arg;

	(void)fd;
	(void)what;

	/* what was missed is gone: by now it may be otherwise */
	(void)live_changes(portal_conf(d->portal)->live, d->since, &d->since,
			   change_h, d);
}


static int skip_h(const struct live_change *change, void *arg)
{
	(void)change;
	(void)arg;

	return 0;
}


/* Public */


void dnd_shown_set(struct dnd_shown *d, bool wanted)
{
	const struct timeval tv = { .tv_sec = LOOK_S };

	if (wanted == (evtimer_pending(d->timer, NULL) != 0))
		return;

	if (wanted) {
		(void)live_changes(portal_conf(d->portal)->live, 0, &d->since,
				   skip_h, NULL);
		(void)event_add(d->timer, &tv);
	}
	else {
		(void)event_del(d->timer);
	}
}


int dnd_shown_alloc(struct dnd_shown **dp, struct portal *portal,
		    struct event_base *base,
		    const struct presence *presence)
{
	struct dnd_shown *d;

	d = mem_zalloc(sizeof(*d), destructor);
	if (!d)
		return ENOMEM;

	d->portal   = portal;
	d->base     = base;
	d->presence = presence;
	d->done     = json_object();
	d->timer    = event_new(base, -1, EV_PERSIST, look, d);
	if (!d->done || !d->timer) {
		mem_deref(d);
		return ENOMEM;
	}

	*dp = d;

	return 0;
}
