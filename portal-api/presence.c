/**
 * @file presence.c  Who does not want to be disturbed, asked of Microsoft 365
 *
 * What was dialled for the PBX and is to be shown there: dnd_shown.c.
 *
 * A worker reads which customers want it and their users' ids, when the store
 * has changed and every ten minutes; a round goes through the ids of one
 * customer, 650 at once (the most that Graph takes).
 */
#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>

#include "api.h"
#include "bridge/base/log.h"
#include "bridge/model/pbx.h"
#include "dnd_shown.h"
#include "objects.h"
#include "presence.h"
#include "presence_watch.h"
#include "sync_run.h"


enum {
	FIRST_S   = 3,
	RELOAD_S  = 600,
	VALID_S   = 180,
	PAUSE_S   = 600,           /* after a failure                      */
	AT_ONCE   = 650,
};


struct presence {
	struct desk_task task;     /* first member */
	struct portal *portal;     /* borrowed                             */
	struct event_base *base;   /* borrowed                             */
	struct event *timer;       /* owned                                */
	struct dnd_shown *shown;   /* owned                                */
	struct list watchl;        /* struct watch, owned                  */
	struct list freshl;        /* the same, as a worker has read them  */
	int64_t stamp;             /* of the store, when it was read       */
	unsigned rounds;           /* since then                           */
	bool loaded;               /* a worker has read something          */
	bool working;
	bool closing;
};


static unsigned round_s(const struct presence *p)
{
	return portal_conf(p->portal)->microsoft.presence_s;
}


static void quiet_destructor(void *data)
{
	struct portal_quiet *quiet = data;

	mem_deref(quiet->tenant);
	strings_clear(&quiet->upns);
}


static void watch_destructor(void *data)
{
	struct watch *watch = data;

	list_unlink(&watch->le);
	list_flush(&watch->pbxl);
	mem_deref(watch->g);
	mem_deref(watch->quiet);
	mem_deref(watch->conf);
	mem_deref(watch->tenant);
	json_decref(watch->upns);
}


/* A round */


static int quiet_make(struct watch *watch)
{
	struct portal_quiet *quiet;
	int err;

	watch->quiet = mem_deref(watch->quiet);
	quiet = mem_zalloc(sizeof(*quiet), quiet_destructor);
	if (!quiet)
		return ENOMEM;

	quiet->scode   = watch->conf->dnd == SYNC_DND_BUSY ? 486 : 480;
	quiet->valid_s = VALID_S;
	err = str_dup(&quiet->tenant, watch->tenant);
	if (err)
		mem_deref(quiet);
	else
		watch->quiet = quiet;

	return err;
}


/** The bridge has it from now on */
static void quiet_tell(struct watch *watch)
{
	const struct portal_conf *conf = portal_conf(watch->presence->portal);
	struct portal_quiet *quiet = watch->quiet;

	watch->quiet = NULL;
	if (conf->quieth)
		conf->quieth(quiet, conf->arg);
	else
		mem_deref(quiet);
}


static void round_fail(struct watch *watch, const char *why,
		       const char *advice)
{
	warning("sync", watch->tenant, "who does not want to be disturbed is"
		" not known, phones ring: %s: %s", why, advice);
	watch->asking = false;
	watch->pause  = PAUSE_S / round_s(watch->presence);
}


static void ids_ask(struct watch *watch);


static void quiet_take(struct watch *watch, const json_t *row)
{
	const char *id = json_string_value(json_object_get(row, "id"));
	const char *now = json_string_value(json_object_get(row,
							"availability"));
	const char *upn = id ? json_string_value(json_object_get(watch->upns,
								 id)) : NULL;

	if (upn && now && !str_casecmp(now, "DoNotDisturb"))
		(void)strings_add(&watch->quiet->upns, upn);
}


static void answered(const struct graph_result *result, void *arg)
{
	struct watch *watch = arg;
	const json_t *value = json_object_get(result->json, "value"), *row;
	size_t i;

	if (result->fault != GRAPH_GOOD) {
		round_fail(watch, result->why, result->fault == GRAPH_DENIED ?
			   "grant Presence.Read.All with admin consent"
			   : graph_fault_advice(result->fault));
		return;
	}

	json_array_foreach(value, i, row)
		quiet_take(watch, row);

	if (watch->id) {
		ids_ask(watch);
		return;
	}

	watch->asking = false;
	quiet_tell(watch);
}


/** The next of them; id is NULL after the last */
static char *ids_text(struct watch *watch)
{
	json_t *ids = json_array(), *json;
	char *text = NULL;
	void *iter = json_object_iter_at(watch->upns, watch->id);

	while (ids && iter && json_array_size(ids) < AT_ONCE) {
		(void)json_array_append_new(ids, json_string(
			json_object_iter_key(iter)));
		iter = json_object_iter_next(watch->upns, iter);
	}

	watch->id = iter ? json_object_iter_key(iter) : NULL;
	json = json_pack("{s:o}", "ids", ids);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);

	return text;
}


static void ids_ask(struct watch *watch)
{
	char *body = ids_text(watch);

	if (!body || graph_send(watch->g, "/v1.0/communications/"
				"getPresencesByUserId", body, answered,
				watch))
		round_fail(watch, "no memory", "the machine has too little");
	free(body);
}


static void round_begin(struct watch *watch)
{
	void *first = json_object_iter(watch->upns);
	int err = 0;

	if (watch->asking || !first || watch->conf->dnd == SYNC_DND_RINGS)
		return;
	if (watch->pause) {
		--watch->pause;
		return;
	}

	watch->asking = true;
	watch->id     = json_object_iter_key(first);
	if (!watch->g)
		err = sync_graph_make(&watch->g, watch->presence->base,
				      watch->conf, portal_conf(
					      watch->presence->portal));
	if (!err)
		err = quiet_make(watch);

	if (err)
		round_fail(watch, "Graph cannot be asked", "test the"
			   " credentials on the page Sync");
	else
		ids_ask(watch);
}


/* Whom to watch, in a worker */


static int ready_h(const struct store_sync_line *line, void *arg)
{
	return !line->id || json_object_set_new(arg, line->id,
						json_string(line->upn))
		? ENOMEM : 0;
}


/** What a worker reads with */
struct reading {
	struct store *st;
	struct catalog *cat;
};


static int pbx_name_h(const struct store_object *obj, void *arg)
{
	return json_array_append_new(arg, json_string(obj->name)) ? ENOMEM
		: 0;
}


/** One that cannot be read is told of elsewhere */
static int pbxs_read(struct watch *watch, const struct reading *rd)
{
	json_t *names = json_array(), *name;
	size_t i;
	int err;

	err = names ? store_list(rd->st, STORE_PBX, watch->tenant, NULL, 0,
				 pbx_name_h, names) : ENOMEM;
	json_array_foreach(names, i, name) {
		struct pbx *pbx = NULL;

		(void)object_pbx(&pbx, rd->st, rd->cat, watch->tenant,
				 json_string_value(name), NULL);
		if (pbx)
			list_append(&watch->pbxl, &pbx->le, pbx);
	}
	json_decref(names);

	return err;
}


static int watch_make(struct presence *p, const struct reading *rd,
		      const char *tenant, struct syncconf *conf)
{
	const struct store_sync_lines which = { .tenant = tenant,
						.why = "ready" };
	struct watch *watch;
	int err;

	watch = mem_zalloc(sizeof(*watch), watch_destructor);
	if (!watch)
		return ENOMEM;

	watch->presence = p;
	watch->conf     = mem_ref(conf);
	watch->upns     = json_object();
	err = watch->upns ? str_dup(&watch->tenant, tenant) : ENOMEM;
	if (!err)
		err = store_sync_lines(rd->st, &which, ready_h, watch->upns);
	if (!err && conf->dnd_show)
		err = pbxs_read(watch, rd);
	if (err)
		mem_deref(watch);
	else
		list_append(&p->freshl, &watch->le, watch);

	return err;
}


static int name_h(const struct store_object *obj, void *arg)
{
	const char *dnd = json_string_value(json_object_get(obj->value,
							    "dnd"));

	if ((!dnd || !strcmp(dnd, "ring")) &&
	    !json_is_true(json_object_get(obj->value, "dnd_show")))
		return 0;

	return json_array_append_new(arg, json_string(obj->tenant)) ? ENOMEM
		: 0;
}


static int tenant_read(struct presence *p, const struct reading *rd,
		       const char *tenant)
{
	struct sync_problem problem = { .fault = NULL };
	struct syncconf *conf = NULL;
	int err;

	err = sync_conf_read(&conf, &problem, rd->st, tenant);
	if (!err && !problem.fault)
		err = watch_make(p, rd, tenant, conf);
	mem_deref(conf);

	return err == ENOENT ? 0 : err;
}


static int all_read(struct presence *p, const struct reading *rd)
{
	json_t *names = json_array(), *name;
	size_t i;
	int err;

	err = names ? store_list(rd->st, STORE_SYNC, NULL, NULL, 0, name_h,
				 names) : ENOMEM;
	json_array_foreach(names, i, name)
		if (!err)
			err = tenant_read(p, rd, json_string_value(name));
	json_decref(names);

	return err;
}


static void load(struct desk_task *task, struct store *st,
		 struct catalog *cat)
{
	struct presence *p = (struct presence *)task;
	const struct reading rd = { .st = st, .cat = cat };
	int64_t stamp = 0;
	int err;

	err = store_stamp(st, &stamp);
	if (!err && (stamp != p->stamp || p->rounds >=
		     RELOAD_S / round_s(p))) {
		err = all_read(p, &rd);
		p->loaded = !err;
	}

	if (p->loaded) {
		p->stamp  = stamp;
		p->rounds = 0;
	}
	else {
		list_flush(&p->freshl);
	}
	task->err = err;
}


/** A customer that is watched no more: phones ring at once */
static void quiet_end(struct watch *watch)
{
	if (!watch->presence->closing &&
	    watch->conf->dnd != SYNC_DND_RINGS && !quiet_make(watch))
		quiet_tell(watch);
}


/** A token is not thrown away for nothing */
static void graph_keep(struct presence *p, struct watch *fresh)
{
	struct le *le;

	LIST_FOREACH(&p->watchl, le) {
		struct watch *old = le->data;

		if (strcmp(old->tenant, fresh->tenant))
			continue;

		if (fields_equal(&syncconf_fields, old->conf, fresh->conf)) {
			fresh->pause = old->pause;
			if (!old->asking) {
				fresh->g = old->g;
				old->g   = NULL;
			}
		}
		mem_deref(old);
		return;
	}
}


static bool shows(const struct presence *p)
{
	struct le *le;

	LIST_FOREACH(&p->watchl, le)
		if (((const struct watch *)le->data)->conf->dnd_show)
			return true;

	return false;
}


static void loaded(struct desk_task *task)
{
	struct presence *p = (struct presence *)task;
	struct le *le;

	p->working = false;
	if (p->closing)
		return;

	if (p->loaded) {
		p->loaded = false;
		LIST_FOREACH(&p->freshl, le)
			graph_keep(p, le->data);
		LIST_FOREACH(&p->watchl, le)
			quiet_end(le->data);
		list_flush(&p->watchl);
		while ((le = list_head(&p->freshl))) {
			list_unlink(le);
			list_append(&p->watchl, le, le->data);
		}
		dnd_shown_set(p->shown, shows(p));
	}

	LIST_FOREACH(&p->watchl, le)
		round_begin(le->data);
}


static void round_due(evutil_socket_t fd, short what, void *arg)
{
	struct presence *p = arg;
	const struct timeval tv = { .tv_sec = round_s(p) };

	(void)fd;
	(void)what;

	(void)event_add(p->timer, &tv);
	if (p->working)
		return;

	++p->rounds;
	p->task.workh = load;
	p->task.doneh = loaded;
	p->task.err   = 0;
	p->working    = !desk_push_task(portal_desk(p->portal), &p->task);
}


/* Public */


const struct watch *presence_watch(const struct presence *p,
				   const char *tenant)
{
	struct le *le;

	LIST_FOREACH(&p->watchl, le) {
		const struct watch *watch = le->data;

		if (!strcmp(watch->tenant, tenant))
			return watch;
	}

	return NULL;
}


int presence_alloc(struct presence **pp, struct portal *portal,
		   struct event_base *base)
{
	const struct timeval tv = { .tv_sec = FIRST_S };
	struct presence *p;

	p = mem_zalloc(sizeof(*p), NULL);
	if (!p)
		return ENOMEM;

	p->portal = portal;
	p->base   = base;
	p->stamp  = -1;
	p->timer  = evtimer_new(base, round_due, p);
	if (!p->timer || event_add(p->timer, &tv) ||
	    dnd_shown_alloc(&p->shown, portal, base, p)) {
		presence_free(p);
		return ENOMEM;
	}

	*pp = p;

	return 0;
}


void presence_close(struct presence *p)
{
	if (!p)
		return;

	p->closing = true;
	p->shown   = mem_deref(p->shown);
	list_flush(&p->watchl);
}


void presence_free(struct presence *p)
{
	if (!p)
		return;

	if (p->timer)
		event_free(p->timer);
	mem_deref(p->shown);
	list_flush(&p->watchl);
	list_flush(&p->freshl);
	mem_deref(p);
}
