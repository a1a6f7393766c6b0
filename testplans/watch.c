/**
 * @file watch.c  What the service itself says of a test
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/base/members.h"
#include "pump.h"
#include "roster.h"
#include "watch.h"


enum { FRESH_MS = 200 };


struct watch {
	const struct run_conf *conf;   /* borrowed */
	json_t *known;             /* ids of the calls before the mark */
	json_t *calls;             /* since the mark */
	json_t *users;             /* upns of those who take part */
	uint64_t asked_ms;
	bool there;
};


static void watch_destructor(void *arg)
{
	struct watch *watch = arg;

	json_decref(watch->known);
	json_decref(watch->calls);
	json_decref(watch->users);
}


static int fetch(struct watch *watch, bool post, const char *path,
		 char **body, size_t *size)
{
	if (!watch->conf->fetchh)
		return ENOENT;

	return watch->conf->fetchh(post, path, body, size,
				   watch->conf->arg);
}


static json_t *fetch_json(struct watch *watch, const char *path)
{
	json_t *json;
	size_t size;
	char *body;

	if (fetch(watch, false, path, &body, &size))
		return NULL;

	json = json_loadb(body, size, 0, NULL);
	free(body);

	return json;
}


/** A name as one segment of a path (RFC 3986 section 2) */
static int segment_print(struct re_printf *pf, const char *name)
{
	int err = 0;

	for (; *name && !err; ++name) {
		if (isalnum((unsigned char)*name) || strchr("-._~", *name))
			err = re_hprintf(pf, "%c", *name);
		else
			err = re_hprintf(pf, "%%%02X", (unsigned char)*name);
	}

	return err;
}


/** Only what is of the tenant whose users take part */
static json_t *fetch_tenant(struct watch *watch, const char *path)
{
	const char *tenant = watch->conf->tenant;
	json_t *json;
	char *whole;

	if (!tenant)
		return fetch_json(watch, path);

	if (re_sdprintf(&whole, "%s%stenant=%H", path, strchr(path, '?') ?
			"&" : "?", segment_print, tenant))
		return NULL;

	json = fetch_json(watch, whole);
	mem_deref(whole);

	return json;
}


int watch_alloc(struct watch **watchp, const struct run_conf *conf)
{
	struct watch *watch = mem_zalloc(sizeof(*watch), watch_destructor);
	json_t *version;

	if (!watch)
		return ENOMEM;

	watch->conf = conf;
	watch->known = json_object();
	watch->users = json_object();

	version = watch_version(watch);
	watch->there = version != NULL;
	json_decref(version);
	*watchp = watch;

	return 0;
}


bool watch_is_there(const struct watch *watch)
{
	return watch && watch->there;
}


json_t *watch_version(struct watch *watch)
{
	return fetch_json(watch, "/api/v1/version");
}


json_t *watch_registrations(struct watch *watch)
{
	json_t *json = fetch_tenant(watch, "/api/v1/registrations");
	json_t *rows = json_incref(json_object_get(json, "registrations"));

	json_decref(json);

	return rows;
}


static bool is_of(const struct roster_account *acc, const json_t *row)
{
	if (acc->upn)
		return !strcasecmp(acc->upn, text_of(row, "upn"));

	return acc->number && !strcmp(acc->number, text_of(row, "number"));
}


static uint32_t number(const json_t *json, const char *name)
{
	return (uint32_t)json_integer_value(json_object_get(json, name));
}


int watch_registration(struct watch *watch, const struct roster_account *acc,
		       struct watch_reg *reg)
{
	json_t *rows = watch_registrations(watch), *row;
	int err = ENOENT;
	size_t i;

	memset(reg, 0, sizeof(*reg));

	json_array_foreach(rows, i, row) {
		if (!is_of(acc, row))
			continue;

		err = 0;
		str_ncpy(reg->upn, text_of(row, "upn"), sizeof(reg->upn));
		str_ncpy(reg->state, text_of(row, "state"),
			 sizeof(reg->state));
		str_ncpy(reg->reason, text_of(row, "reason"),
			 sizeof(reg->reason));
		str_ncpy(reg->words, text_of(row, "words"),
			 sizeof(reg->words));
		str_ncpy(reg->advice, text_of(row, "advice"),
			 sizeof(reg->advice));
		str_ncpy(reg->aor, text_of(row, "aor"), sizeof(reg->aor));
		str_ncpy(reg->server, text_of(row, "server"),
			 sizeof(reg->server));
		reg->expires_s   = number(row, "expires_s");
		reg->next_s      = json_integer_value(json_object_get(row,
						      "next_s"));
		reg->waiting     = json_is_true(json_object_get(row,
								"waiting"));
		reg->waiting_new = number(row, "waiting_new");
		reg->waiting_old = number(row, "waiting_old");
		break;
	}

	json_decref(rows);

	return err;
}


int watch_retry(struct watch *watch, const char *upn)
{
	char *path, *body;
	size_t size;
	int err;

	err = watch->conf->tenant ?
		re_sdprintf(&path, "/api/v1/registrations/%H/retry?tenant=%H",
			    segment_print, upn, segment_print,
			    watch->conf->tenant) :
		re_sdprintf(&path, "/api/v1/registrations/%H/retry",
			    segment_print, upn);
	if (err)
		return err;

	err = fetch(watch, true, path, &body, &size);
	if (!err)
		free(body);
	mem_deref(path);

	return err;
}


/** Others may call at the same time: only calls of ours count */
static void users_find(struct watch *watch)
{
	const enum step_actor idv[] = {ACTOR_USER_A, ACTOR_USER_B};

	(void)json_object_clear(watch->users);

	for (size_t i = 0; i < RE_ARRAY_SIZE(idv); i++) {
		struct watch_reg reg;

		if (!watch_registration(watch, roster_account(
					watch->conf->roster, idv[i]), &reg))
			(void)json_object_set_new(watch->users, reg.upn,
						  json_true());
	}
}


void watch_mark(struct watch *watch)
{
	json_t *calls = fetch_tenant(watch, "/api/v1/calls?limit=1000"), *row;
	size_t i;

	users_find(watch);
	json_decref(watch->calls);
	watch->calls    = NULL;
	watch->asked_ms = 0;
	(void)json_object_clear(watch->known);

	json_array_foreach(json_object_get(calls, "calls"), i, row)
		(void)json_object_set_new(watch->known, text_of(row, "id"),
					  json_true());

	json_decref(calls);
}


const json_t *watch_calls(struct watch *watch)
{
	json_t *calls, *row;
	size_t i;

	if (watch->calls && pump_ms() - watch->asked_ms < FRESH_MS)
		return watch->calls;

	calls = fetch_tenant(watch, "/api/v1/calls?limit=1000");
	json_decref(watch->calls);
	watch->calls    = json_array();
	watch->asked_ms = pump_ms();

	json_array_foreach(json_object_get(calls, "calls"), i, row)
		if (!json_object_get(watch->known, text_of(row, "id")) &&
		    json_object_get(watch->users, text_of(row, "upn")))
			(void)json_array_append(watch->calls, row);

	json_decref(calls);

	return watch->calls;
}


const json_t *watch_call_of(struct watch *watch,
			    const struct roster_account *acc)
{
	const json_t *calls = watch_calls(watch);
	struct watch_reg reg;
	const char *upn = acc->upn;

	if (!upn) {
		if (watch_registration(watch, acc, &reg))
			return NULL;
		upn = reg.upn;
	}

	for (size_t i = json_array_size(calls); i--;) {
		const json_t *row = json_array_get(calls, i);

		if (!strcasecmp(upn, text_of(row, "upn")))
			return row;
	}

	return NULL;
}


json_t *watch_trace(struct watch *watch, const char *subject)
{
	json_t *json, *messages;
	char *path;

	if (re_sdprintf(&path, "/api/v1/trace/%H?format=json", segment_print,
			subject))
		return NULL;

	json = fetch_json(watch, path);
	mem_deref(path);
	messages = json_incref(json_object_get(json, "messages"));
	json_decref(json);

	return messages;
}


int watch_pcap(struct watch *watch, const char *call, const char *path)
{
	char *query, *body;
	size_t size;
	FILE *f;
	int err;

	err = re_sdprintf(&query, "/api/v1/trace/%H?format=pcapng",
			  segment_print, call);
	if (err)
		return err;

	err = fetch(watch, false, query, &body, &size);
	mem_deref(query);
	if (err)
		return err;

	f = fopen(path, "wbe");
	if (!f) {
		err = errno;
	}
	else {
		err = fwrite(body, 1, size, f) == size ? 0 : EIO;
		if (fclose(f) && !err)
			err = EIO;
	}

	free(body);

	return err;
}
