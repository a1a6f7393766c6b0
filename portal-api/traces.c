/**
 * @file traces.c  The SIP messages of a user or a call
 *
 * Traces know users by their AoR and calls by their id or a Call-ID. People
 * know users by name or number as well.
 */
#include <event2/buffer.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "bridge/sip/capture.h"
#include "bridge/sip/redact.h"
#include "bridge/sip/trace.h"
#include "bridge/store/live.h"
#include "api.h"


/** How messages are told */
struct form {
	struct listing *list;      /* as JSON                   */
	struct capture *cap;       /* as a capture              */
	bool redact;
	struct redact_key key;
};

struct user {
	const char *name;
	const char *tenant;        /* whose alone, NULL: all */
	char aor[192];
};


/** "101@pbx.example" is as good as "sip:101@pbx.example" */
static bool aor_matches(const char *aor, const char *name)
{
	const char *colon = strchr(aor, ':');

	return !strcmp(aor, name) || (colon && !strcmp(colon + 1, name));
}


/** @return EALREADY when found, to stop */
static int user_find(const struct reg_status *st, void *arg)
{
	struct user *user = arg;

	if (strcasecmp(st->upn, user->name) &&
	    strcmp(st->number, user->name) &&
	    !aor_matches(st->aor, user->name))
		return 0;

	str_ncpy(user->aor, st->aor, sizeof(user->aor));

	return EALREADY;
}


/** SIP is UTF-8 and lines; what is neither is written as \xNN */
static json_t *octets_json(const char *p, size_t l)
{
	char *text = malloc(4 * l + 1);
	json_t *json;
	size_t w = 0;

	if (!text)
		return NULL;

	while (l) {
		size_t n = text_utf8(p, l);

		if (n && *p) {
			memcpy(text + w, p, n);
			w += n;
		}
		else {
			n  = 1;
			w += text_escape(text + w, 5, p, 1);
		}

		p += n;
		l -= n;
	}

	json = json_stringn(text, w);
	free(text);

	return json;
}


struct json_t *trace_message_json(const struct trace_msg *msg)
{
	char local[80], peer[80];

	(void)re_snprintf(local, sizeof(local), "%J", &msg->local);
	(void)re_snprintf(peer, sizeof(peer), "%J", &msg->peer);

	return json_pack("{s:I, s:b, s:s, s:s, s:s, s:s?, s:o}",
			 "time_us", (json_int_t)msg->time_us,
			 "tx", (int)msg->tx,
			 "transport", sip_transp_name(msg->tp),
			 "local", local, "peer", peer,
			 "side", msg->side,
			 "data", octets_json(msg->data, msg->size));
}


static int message_count(const struct trace_msg *msg, void *arg)
{
	size_t *c = arg;

	(void)msg;
	++*c;

	return 0;
}


static void redact(const struct form *form, const struct trace_msg *msg)
{
	if (form->redact)
		redact_message(&form->key, msg->data, msg->size);
}


static int message_list(const struct trace_msg *msg, void *arg)
{
	const struct form *form = arg;

	redact(form, msg);

	return listing_add(form->list, trace_message_json(msg));
}


static void reply_messages(struct request *rq, struct trace *trace,
			   const char *subject, struct form *form)
{
	form->list = listing_begin(rq, "messages");
	if (form->list)
		listing_end(form->list, trace_apply(trace, subject,
						    message_list, form));
}


/** A message without an address is of no use there, but no failure */
static int message_capture(const struct trace_msg *msg, void *arg)
{
	const struct form *form = arg;
	int err;

	redact(form, msg);
	err = capture_add(form->cap, msg);

	return err == EINVAL ? 0 : err;
}


static void reply_capture(struct request *rq, struct trace *trace,
			  const char *subject, struct form *form)
{
	struct evbuffer *body = evbuffer_new();
	const struct mbuf *file;

	if (!body || capture_alloc(&form->cap,
				   portal_conf(rq->portal)->software) ||
	    trace_apply(trace, subject, message_capture, form))
		goto fail;

	file = capture_file(form->cap);
	if (evbuffer_add(body, file->buf, file->end))
		goto fail;

	reply_body(rq, HTTP_OK, "application/x-pcapng", body);
	mem_deref(form->cap);
	return;

 fail:
	if (body)
		evbuffer_free(body);
	mem_deref(form->cap);
	reply_json(rq, HTTP_INTERNAL, NULL);
}


static void reply_ladder(struct request *rq, struct trace *trace,
			 const char *subject)
{
	struct evbuffer *body = evbuffer_new();
	struct re_printf pf = {.vph = reply_print, .arg = body};

	if (!body || trace_ladder(&pf, trace, subject)) {
		if (body)
			evbuffer_free(body);
		reply_json(rq, HTTP_INTERNAL, NULL);
		return;
	}

	reply_body(rq, HTTP_OK, "text/plain; charset=utf-8", body);
}


static bool is_format(const char *format)
{
	return !format || !strcmp(format, "ladder") ||
		!strcmp(format, "json") || !strcmp(format, "pcapng");
}


/** Does anybody else's user have that AoR too? Traces know no tenants.
    @return EALREADY when found, to stop */
static int other_find(const struct reg_status *st, void *arg)
{
	const struct user *user = arg;

	return strcmp(st->tenant, user->tenant) &&
		!strcmp(st->aor, user->aor) ? EALREADY : 0;
}


/** @return EALREADY when found, to stop */
static int own_call_find(const struct call_record *rec, void *arg)
{
	const struct user *user = arg;

	if (strcmp(rec->tenant, user->tenant))
		return 0;

	return !strcmp(rec->id, user->name) ||
		!strcmp(rec->teams.callid, user->name) ||
		!strcmp(rec->pbxside.callid, user->name) ? EALREADY : 0;
}


/** Only what is the caller's own, if it may not see all */
static bool is_own(struct live *live, struct user *user)
{
	const struct live_which any = { .unsorted = true };

	if (!user->tenant)
		return true;

	if (*user->aor)
		return live_reg_some(live, &any, other_find, user) !=
			EALREADY;

	return live_call_apply(live, own_call_find, user) == EALREADY;
}


void trace_get(struct request *rq)
{
	const struct portal_conf *conf = portal_conf(rq->portal);
	const char *format = query_text(rq, "format");
	struct user user = {.name = rq->param,
			    .tenant = access_tenant(rq)};
	const struct live_which own = { .tenant = user.tenant };
	struct form form = {.list = NULL};
	const char *subject = rq->param;
	size_t c = 0;

	if (!is_format(format)) {
		reply_error(rq, HTTP_BADREQUEST, "format",
			    "format: want ladder, json or pcapng, found"
			    " \"%s\"", format);
		return;
	}

	if (!query_bool(rq, "redact", &form.redact))
		return;
	redact_key_make(&form.key);

	if (live_reg_some(conf->live, &own, user_find, &user) == EALREADY)
		subject = user.aor;

	if (is_own(conf->live, &user))
		(void)trace_apply(conf->trace, subject, message_count, &c);

	if (!c)
		reply_error(rq, HTTP_NOTFOUND, "subject",
			    "no messages are kept of %s: want a user (name,"
			    " number or AoR), a call's id or a Call-ID",
			    rq->param);
	else if (!format || !strcmp(format, "ladder"))
		reply_ladder(rq, conf->trace, subject);
	else if (!strcmp(format, "json"))
		reply_messages(rq, conf->trace, subject, &form);
	else
		reply_capture(rq, conf->trace, subject, &form);
}
