/**
 * @file syncs.c  Microsoft 365 of each customer: how it stands, what came of
 * it, and the script
 *
 * The settings are an object like others (objects.c). A run is wished for
 * here and done by syncing.c, on whichever node is first.
 */
#include <event2/buffer.h>
#include <jansson.h>
#include <time.h>

#include "api.h"
#include "bridge/base/errors.h"
#include "bridge/model/syncconf.h"
#include "bridge/model/tenant.h"
#include "bridge/store/store_sync.h"
#include "objects.h"
#include "pbx-templates/template.h"
#include "sync/matching.h"
#include "gateways.h"
#include "sync_days.h"


/* How it stands */


static json_t *json_of(const char *text)
{
	json_t *json = text && *text ? json_loads(text, 0, NULL) : NULL;

	return json ? json : json_null();
}


static json_t *part_of(const json_t *json, const char *name)
{
	json_t *part = json_object_get(json, name);

	return part ? json_incref(part) : json_null();
}


static json_t *status_json(const struct store_sync *sync)
{
	const char *state = *sync->node ? "running" : *sync->wish ? "waiting"
		: "idle";
	json_t *data = json_of(sync->data), *json;

	json = json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:o,"
			 " s:o}", "tenant", sync->tenant, "state", state,
			 "wish", sync->wish, "node", sync->node, "progress",
			 json_of(sync->progress), "every_ms",
			 (json_int_t)sync->every_ms, "ran_ms",
			 (json_int_t)sync->ran_ms, "due_ms",
			 (json_int_t)sync->due_ms, "last",
			 part_of(data, "last"), "test",
			 part_of(data, "test"), "denied_ms",
			 part_of(data, "denied_ms"));
	json_decref(data);

	return json;
}


struct statuses {
	struct listing *list;      /* NULL: */
	json_t *json;              /* owned: one of them */
	const json_t *days;        /* borrowed: by tenant */
};


static int status_h(const struct store_sync *sync, void *arg)
{
	struct statuses *all = arg;
	const json_t *days = json_object_get(all->days, sync->tenant);
	json_t *json = status_json(sync);

	if (!json || json_object_set_new(json, "secret_days", days ?
					 json_copy((json_t *)(uintptr_t)days)
					 : json_null())) {
		json_decref(json);
		return ENOMEM;
	}

	if (all->list)
		return listing_add(all->list, json);

	all->json = json;

	return 0;
}


void syncs_get(struct request *rq)
{
	static const char *const memberv[] = {
		"tenant", "state", "ran_ms", "due_ms", "secret_days" };
	const char *tenant = query_text(rq, "tenant");
	struct statuses all = { .list = listing_begin(rq, "syncs") };
	json_t *days = json_object();
	int err;

	if (all.list && listing_sort(all.list, memberv,
				     RE_ARRAY_SIZE(memberv))) {
		err = sync_days_read(rq->st, tenant, days);
		all.days = days;
		if (!err)
			err = store_sync_list(rq->st, tenant, status_h, &all);
		listing_end(all.list, err == ENOENT ? 0 : err);
	}
	json_decref(days);
}


static int count_h(const char *name, int64_t count, void *arg)
{
	return json_object_set_new(arg, name, json_integer(count)) ? ENOMEM
		: 0;
}


/** @return 0 and the status, ENOENT not set up */
static int status_read(struct request *rq, json_t **jsonp)
{
	struct statuses one = { .list = NULL };
	json_t *days = json_object(), *whys = json_object();
	int err;

	err = sync_days_read(rq->st, rq->param, days);
	one.days = days;
	if (!err)
		err = store_sync_list(rq->st, rq->param, status_h, &one);
	if (!err && !one.json)
		err = ENOENT;
	if (!err)
		err = store_sync_whys(rq->st, rq->param, count_h, whys);
	if (!err && json_object_set(one.json, "whys", whys))
		err = ENOMEM;

	json_decref(days);
	json_decref(whys);
	if (err)
		json_decref(one.json);
	else
		*jsonp = one.json;

	return err;
}


static void reply_unset(struct request *rq, int err)
{
	if (err == ENOENT)
		reply_error(rq, HTTP_NOTFOUND, "sync", "how Microsoft 365 of"
			    " %s is asked has not been set up", rq->param);
	else
		reply_store(rq, err, NULL);
}


static void status_reply(struct request *rq, int code)
{
	json_t *json;
	const int err = status_read(rq, &json);

	if (err)
		reply_unset(rq, err);
	else
		reply_json(rq, code, json);
}


void sync_status(struct request *rq)
{
	status_reply(rq, HTTP_OK);
}


void sync_run_post(struct request *rq)
{
	static const char *const wishv[] = { "run", "dry-run", "full",
					     "test" };
	json_t *json = body_json(rq);
	const char *mode, *wish = NULL;
	int err;

	if (!json)
		return;

	mode = json_string_value(json_object_get(json, "mode"));
	for (size_t i = 0; mode && i < RE_ARRAY_SIZE(wishv); i++)
		if (!strcmp(mode, wishv[i]))
			wish = wishv[i];
	json_decref(json);

	if (!wish) {
		reply_error(rq, 422, "mode", "want one of run, dry-run, full,"
			    " test");
		return;
	}

	err = store_sync_wish(rq->st, rq->param, wish, &rq->by);
	if (err) {
		reply_unset(rq, err);
		return;
	}

	rq->wished = true;
	status_reply(rq, 202);
}


/* People */


struct people {
	struct paging pg;
	json_t *countries;         /* owned: of PBXs, by name */
};


static int country_h(const struct store_object *obj, void *arg)
{
	const json_t *country = json_object_get(obj->value, "country");

	return country && json_object_set_new(arg, obj->name, json_copy(
		(json_t *)(uintptr_t)country)) ? ENOMEM : 0;
}


static const char *string_of(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}


/** A warning beside what is otherwise ready; see match_note_text() */
static enum match_note note_of(const struct people *all, const json_t *user,
			       const json_t *person)
{
	const char *licence = string_of(person, "licence");
	const char *there = string_of(person, "country");
	const char *pbx = string_of(user, "pbx");
	const char *here = string_of(user, "country");

	if (!user || !person)
		return MATCH_NO_NOTE;
	if (licence && !strcmp(licence, "warning"))
		return MATCH_LICENCE_ENDS;

	if (!here && pbx)
		here = string_of(all->countries, pbx);

	return here && there && *there && str_casecmp(here, there) ?
		MATCH_OTHER_COUNTRY : MATCH_NO_NOTE;
}


static int line_h(const struct store_sync_line *line, void *arg)
{
	struct people *all = arg;
	json_t *person = json_of(line->person), *user = json_of(line->user);
	const enum match_why why = match_why_named(line->why);
	const bool known = why < MATCH_WHYC;
	const char *upn = line->user ? string_of(user, "upn")
		: string_of(person, "upn");
	const char *name = line->person ? string_of(person, "name")
		: string_of(user, "name");
	json_t *json;

	json = json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:b, s:b, s:s,"
			 " s:s, s:s, s:s, s:o}", "upn", upn ? upn : line->upn,
			 "id", line->id, "name", name, "number",
			 string_of(user, "number"), "country",
			 string_of(person, "country"), "phone",
			 string_of(person, "phone"), "user",
			 line->user != NULL, "ready", why == MATCH_READY,
			 "why", line->why, "reason",
			 known ? match_why_text(why) : "", "advice",
			 known ? match_why_advice(why) : "", "note",
			 match_note_text(note_of(all, line->user ? user
				: NULL, line->person ? person : NULL)),
			 "teams", json_of(line->teams));
	json_decref(person);
	json_decref(user);

	return paging_add(&all->pg, json);
}


static bool people_order(struct request *rq, struct store_sync_lines *which)
{
	static const char *const orderv[] = { "upn", "why", "-upn", "-why" };
	size_t at = 0;

	if (!query_choice(rq, "sort", orderv, RE_ARRAY_SIZE(orderv), &at))
		return false;

	which->sort = at % 2 ? STORE_LINES_BY_WHY : STORE_LINES_BY_UPN;
	which->descending = at >= 2;

	return true;
}


void sync_people(struct request *rq)
{
	struct people all = { .countries = json_object() };
	struct store_sync_lines which = {
		.tenant = rq->param, .why = query_text(rq, "why"),
		.q = query_text(rq, "q"), .after = query_text(rq, "cursor"),
		.last = all.pg.last,
	};
	int err;

	err = object_tenant_find(rq);
	if (!err)
		err = store_list(rq->st, STORE_PBX, rq->param, NULL, 0,
				 country_h, all.countries);
	if (err)
		reply_store(rq, err, NULL);
	else if (people_order(rq, &which) &&
		 paging_begin(&all.pg, rq, "people")) {
		which.limit = all.pg.limit + 1;
		err = store_sync_lines(rq->st, &which, line_h, &all);
		paging_end(&all.pg, err);
	}
	json_decref(all.countries);
}


/* The script */


static void script_reply(struct request *rq, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (!body || evbuffer_add(body, text, strlen(text))) {
		if (body)
			evbuffer_free(body);
		reply_json(rq, HTTP_INTERNAL, NULL);
		return;
	}

	reply_header(rq, "Content-Disposition", "attachment; filename="
		     "\"callbridge-%s.ps1\"", rq->param);
	reply_body(rq, HTTP_OK, "text/plain; charset=utf-8", body);
}


/** The Microsoft tenant that it signs in to, where that is known */
static int directory_id_h(const struct store_object *obj, void *arg)
{
	const char *id = string_of(obj->value, "directory_id");

	return id ? str_dup(arg, id) : 0;
}


void sync_script(struct request *rq)
{
	struct script_gateways gateways = { .c = 0 };
	struct script script = { .gateways = &gateways };
	struct tenant *tenant = NULL;
	struct errors *errs = NULL;
	char *text = NULL, *directory = NULL, made[32];
	const time_t now = time(NULL);
	struct tm tm;
	int err;

	(void)strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ",
		       gmtime_r(&now, &tm));

	err = errors_alloc(&errs);
	if (!err)
		err = store_tenant_load(rq->st, rq->param, catalog_apply,
					rq->cat, &tenant, errs);
	if (!err)
		err = store_get(rq->st, STORE_SYNC, rq->param, rq->param,
				directory_id_h, &directory);
	if (err == ENOENT && tenant)
		err = 0;
	if (!err)
		err = gateways_find(&gateways, rq, tenant->teams.fqdn);
	if (!err) {
		script.tenant    = tenant;
		script.tenant_id = directory;
		script.time      = made;
		err = script_write(&text, &script, errs);
	}

	if (err)
		reply_store(rq, err, errs);
	else
		script_reply(rq, text);

	mem_deref(text);
	mem_deref(directory);
	mem_deref(tenant);
	mem_deref(errs);
}
