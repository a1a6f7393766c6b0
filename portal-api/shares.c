/**
 * @file shares.c  One call, shown by a link to somebody without an account
 *
 * The call and its messages are kept with the link as they were when it was
 * made, with other numbers and names where that is wanted. So the link shows
 * them and nothing else, also when the messages have left the memory.
 */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"
#include "bridge/sip/redact.h"
#include "bridge/sip/trace.h"
#include "sessions.h"
#include "shares.h"


enum {
	HOUR_S     = 3600,
	DAY_S      = 24 * HOUR_S,
	LASTS_S    = 7 * DAY_S,
	LASTS_MAX_S = 30 * DAY_S,
	SHOWN_MAX  = 4 * 1024 * 1024,      /* octets of messages */
};


/** What is asked for */
struct wish {
	json_int_t expires_s;
	bool numbers;
};


/** A reader's tools are not ours to give to the world */
static bool may_share(const struct request *rq, const struct wish *wish)
{
	switch (rq->grant.role) {

	case STORE_MSP_ADMIN:
	case STORE_TENANT_ADMIN:  return true;
	case STORE_MSP_SUPPORT:   return !wish->numbers;
	default:                  return false;
	}
}


static bool wish_read(struct request *rq, struct wish *wish)
{
	const char *name;
	json_t *json, *value;
	char field[16] = "";

	json = body_json(rq);
	if (!json)
		return false;

	wish->expires_s = LASTS_S;
	wish->numbers   = false;

	json_object_foreach(json, name, value) {
		const json_int_t n = json_integer_value(value);

		if (!strcmp(name, "expires_s") && n >= HOUR_S &&
		    n <= LASTS_MAX_S)
			wish->expires_s = n;
		else if (!strcmp(name, "numbers") && json_is_boolean(value))
			wish->numbers = json_is_true(value);
		else
			str_ncpy(field, name, sizeof(field));
	}
	json_decref(json);

	if (*field)
		reply_error(rq, 422, field, "want expires_s, %d..%d, and"
			    " numbers, true or false", HOUR_S, LASTS_MAX_S);

	return !*field;
}


/* Making */


struct gathering {
	json_t *messages;          /* owned */
	const struct redact_key *key;      /* NULL: as they are */
	size_t size;
};


static int message_h(const struct trace_msg *msg, void *arg)
{
	struct gathering *g = arg;

	g->size += msg->size;
	if (g->size > SHOWN_MAX)
		return 0;

	if (g->key)
		redact_message(g->key, msg->data, msg->size);

	return json_array_append_new(g->messages, trace_message_json(msg)) ?
		ENOMEM : 0;
}


static int call_h(const json_t *value, void *arg)
{
	json_t **jsonp = arg;

	*jsonp = json_deep_copy(value);

	return *jsonp ? 0 : ENOMEM;
}


/** @param call  Changed. @return NULL without memory; owned */
static char *shown(struct request *rq, json_t *call, bool numbers)
{
	struct gathering g = { .messages = json_array() };
	struct redact_key key;
	json_t *json;
	char *text;

	redact_key_make(&key);
	g.key = numbers ? NULL : &key;

	if (trace_apply(portal_conf(rq->portal)->trace, rq->param, message_h,
			&g)) {
		json_decref(g.messages);
		return NULL;
	}

	if (!numbers)
		share_redact(call, &key);

	json = json_pack("{s:O, s:o, s:b}", "call", call, "messages",
			 g.messages, "numbers", (int)numbers);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);

	return text;
}


static void share_made(struct request *rq, const struct store_share *share,
		       const char *id, const char *token)
{
	reply_header(rq, "Location", "/api/v1/shares/%s", id);
	reply_json(rq, 201, json_pack("{s:s, s:s, s:s, s:b, s:I, s:s++}",
		   "id", id, "call", share->call, "tenant", share->tenant,
		   "numbers", !share->redacted, "expires_ms",
		   (json_int_t)share->expires_ms, "url",
		   portal_url(rq->portal), "/#/shared/", token));
}


static void share_make(struct request *rq, json_t *call,
		       const struct wish *wish)
{
	char id[STORE_RUN_ID_SIZE], token[STORE_TOKEN_SIZE];
	char *tenant = NULL, *text = NULL;
	struct store_share share = {
		.call       = rq->param,
		.redacted   = !wish->numbers,
		.expires_ms = ((int64_t)time(NULL) + wish->expires_s) * 1000,
	};
	int err;

	err = str_dup(&tenant, json_string_value(json_object_get(call,
								 "tenant")));
	if (!err) {
		text = shown(rq, call, wish->numbers);
		err  = text ? 0 : ENOMEM;
	}

	share.tenant = tenant;
	share.data   = text;
	if (!err)
		err = store_share_make(rq->st, &share, &rq->by, id, token);

	if (err)
		reply_store(rq, err, NULL);
	else
		share_made(rq, &share, id, token);

	free(text);
	mem_deref(tenant);
}


void share_post(struct request *rq)
{
	const char *own = access_tenant(rq);
	json_t *call = NULL;
	struct wish wish;
	int err;

	if (rq->grant.role == STORE_TENANT_VIEWER) {
		reply_error(rq, 403, NULL, "a %s may not do this",
			    store_role_name(rq->grant.role));
		return;
	}

	err = store_call(rq->st, rq->param, call_h, &call);
	if (err) {
		reply_store(rq, err, NULL);
	}
	else if (!call || (own && strcmp(own, json_string_value(
				json_object_get(call, "tenant"))))) {
		reply_error(rq, HTTP_NOTFOUND, "id", "there is no call %s",
			    rq->param);
	}
	else if (wish_read(rq, &wish)) {
		if (may_share(rq, &wish))
			share_make(rq, call, &wish);
		else
			reply_error(rq, 403, "numbers", "a %s may share calls"
				    " without their numbers",
				    store_role_name(rq->grant.role));
	}

	json_decref(call);
}


/* Those that there are */


static json_t *share_json(const struct store_share *share)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I}",
			 "id", share->id, "call", share->call, "tenant",
			 share->tenant, "who", share->who, "numbers",
			 !share->redacted, "time_ms",
			 (json_int_t)share->time_ms, "expires_ms",
			 (json_int_t)share->expires_ms, "opened",
			 (json_int_t)share->opened, "opened_ms",
			 (json_int_t)share->opened_ms);
}


static int page_h(const struct store_share *share, void *arg)
{
	return paging_add(arg, share_json(share));
}


void shares_get(struct request *rq)
{
	struct store_span span = { .tenant = query_text(rq, "tenant"),
				   .after = query_text(rq, "cursor") };
	struct paging pg;

	if (!query_oldest(rq, &span.oldest) ||
	    !paging_begin(&pg, rq, "shares"))
		return;

	span.limit = pg.limit + 1;
	span.last  = pg.last;
	paging_end(&pg, store_share_list(rq->st, &span,
					 query_text(rq, "call"), page_h,
					 &pg));
}


/** @return ENOENT another tenant's, EACCES not to be taken back */
static int mine_h(const struct store_share *share, void *arg)
{
	const struct request *rq = arg;
	const char *own = access_tenant(rq);

	if (own && strcmp(own, share->tenant))
		return ENOENT;

	return access_may_change(rq, share->tenant) ||
		!strcmp(share->who, rq->grant.name) ? 0 : EACCES;
}


void share_delete(struct request *rq)
{
	int err;

	err = store_share_get(rq->st, rq->param, mine_h, rq);
	if (!err)
		err = store_share_remove(rq->st, rq->param, &rq->by);

	if (err == EACCES)
		reply_error(rq, 403, NULL, "a %s may take back only what it"
			    " has shared", store_role_name(rq->grant.role));
	else if (err)
		reply_store(rq, err, NULL);
	else
		reply_nothing(rq);
}


/* For whoever has the link */


static int shown_h(const struct store_share *share, void *arg)
{
	json_t **jsonp = arg;

	*jsonp = json_loads(share->data, 0, NULL);
	if (!*jsonp)
		return EBADMSG;

	return json_object_set_new(*jsonp, "expires_ms",
				   json_integer(share->expires_ms)) ? ENOMEM
		: 0;
}


void shared_get(struct request *rq)
{
	struct sessions *sessions = portal_sessions(rq->portal);
	json_t *json = NULL;
	unsigned wait;
	int err;

	wait = sessions_view(sessions, rq->address);
	if (wait) {
		reply_header(rq, "Retry-After", "%u", wait);
		reply_error(rq, 429, NULL, "too many requests: wait %u s",
			    wait);
		return;
	}

	err = store_share_open(rq->st, rq->param, shown_h, &json);
	reply_header(rq, "X-Robots-Tag", "noindex");

	if (!err) {
		reply_json(rq, HTTP_OK, json);
		return;
	}

	json_decref(json);
	if (err == ENOENT)
		reply_error(rq, HTTP_NOTFOUND, NULL, "this link is not good"
			    " any more");
	else
		reply_store(rq, err, NULL);
}
