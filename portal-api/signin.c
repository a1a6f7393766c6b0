/**
 * @file signin.c  Signing in and out; the first admin
 */
#include <event2/buffer.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdatomic.h>

#include "api.h"
#include "bridge/base/log.h"
#include "link.h"
#include "sessions.h"


enum { NAME_MAX_ = 63, HASHING_MAX = 2 };


static atomic_uint hashing;        /* passwords, in workers */


/** Texts that a body must have, and nothing besides. @return false if
    answered */
static bool texts_take(struct request *rq, const json_t *json,
		       const char *const *namev, const char **textv,
		       size_t c)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, name, value) {
		bool known = false;

		for (size_t i = 0; i < c; i++)
			known |= !strcmp(name, namev[i]);

		if (!known) {
			reply_error(rq, 422, name, "there is no %s here",
				    name);
			return false;
		}
	}

	for (size_t i = 0; i < c; i++) {
		textv[i] = json_string_value(json_object_get(json, namev[i]));
		if (!str_isset(textv[i])) {
			reply_error(rq, 422, namev[i], "want a text");
			return false;
		}
	}

	return true;
}


static json_t *session_json(const struct store_grant *grant,
			    const struct session_news *news)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:I}", "name", grant->name,
			 "role", store_role_name(grant->role), "tenant",
			 *grant->tenant ? grant->tenant : NULL, "csrf",
			 *news->csrf ? news->csrf : NULL, "expires_ms",
			 (json_int_t)news->expires_ms);
}


int signin_begin(struct request *rq, const struct store_grant *grant,
		 struct session_news *news)
{
	int err;

	err = sessions_add(portal_sessions(rq->portal), grant, news);
	if (err)
		return err;

	reply_header(rq, "Set-Cookie", "%s=%s; Path=/; HttpOnly;"
		     " SameSite=Strict%s", sessions_cookie(rq), news->id,
		     rq->tls ? "; Secure" : "");

	return 0;
}


/** Begin a session, and answer with it */
static void session_begin(struct request *rq,
			  const struct store_grant *grant)
{
	struct session_news news;
	int err;

	err = signin_begin(rq, grant, &news);
	if (err) {
		reply_store(rq, err, NULL);
		return;
	}

	reply_json(rq, HTTP_OK, session_json(grant, &news));
	OPENSSL_cleanse(&news, sizeof(news));
}


/** Another site may not sign a browser in as somebody of its choice */
static bool is_ours(const struct request *rq)
{
	return rq->socket || !rq->type ||
		!strncmp(rq->type, "application/json", 16);
}


/**
 * A password's hash takes a worker a tenth of a second: strangers, from
 * however many addresses, are not to keep all of them
 *
 * @return false if it has been answered
 */
static bool hashing_enter(struct request *rq)
{
	if (atomic_fetch_add(&hashing, 1) < HASHING_MAX)
		return true;

	atomic_fetch_sub(&hashing, 1);
	reply_header(rq, "Retry-After", "1");
	reply_error(rq, HTTP_SERVUNAVAIL, NULL, "many sign in at this moment:"
		    " try again");

	return false;
}


static void hashing_leave(void)
{
	atomic_fetch_sub(&hashing, 1);
}


static void sign_in(struct request *rq, const char *name,
		    const char *password)
{
	struct sessions *s = portal_sessions(rq->portal);
	const unsigned wait = sessions_wait(s, name, rq->address);
	struct store_grant grant;
	struct store_by by = { name, rq->address };
	int err;

	if (wait) {
		reply_header(rq, "Retry-After", "%u", wait);
		reply_error(rq, 429, NULL, "too many failures: try again in"
			    " %u s", wait);
		return;
	}

	if (!hashing_enter(rq))
		return;

	err = strlen(name) > NAME_MAX_ ? ENOENT :
		store_admin_check(rq->st, name, password, &grant);
	hashing_leave();
	if (err && err != ENOENT) {
		reply_store(rq, err, NULL);
		return;
	}

	sessions_tried(s, name, rq->address, !err);
	if (err) {
		warning("portal", rq->address, "sign-in refused");
		reply_error(rq, 401, NULL, "name or password is wrong");
		return;
	}

	(void)store_audit_note(rq->st, &by, *grant.tenant ? grant.tenant
			       : NULL, "sign-in", "admin", grant.name);
	info("portal", rq->address, "%s has signed in", grant.name);
	session_begin(rq, &grant);
}


void session_post(struct request *rq)
{
	static const char *const namev[] = { "name", "password" };
	const char *textv[2];
	json_t *json;

	if (!is_ours(rq)) {
		reply_error(rq, 415, "Content-Type", "want application/json");
		return;
	}

	json = body_json(rq);
	if (json && texts_take(rq, json, namev, textv, 2))
		sign_in(rq, textv[0], textv[1]);

	json_decref(json);
}


void session_get(struct request *rq)
{
	struct session_news news;

	memset(&news, 0, sizeof(news));
	(void)sessions_news(portal_sessions(rq->portal), rq, &news);
	if (!news.expires_ms)
		news.expires_ms = rq->grant.expires_ms;

	reply_json(rq, HTTP_OK, session_json(&rq->grant, &news));
}


void session_delete(struct request *rq)
{
	sessions_end(portal_sessions(rq->portal), rq);
	reply_header(rq, "Set-Cookie", "%s=; Path=/; Max-Age=0; HttpOnly;"
		     " SameSite=Strict%s", sessions_cookie(rq),
		     rq->tls ? "; Secure" : "");
	reply_nothing(rq);
}


void password_put(struct request *rq)
{
	static const char *const namev[] = { "password", "new_password" };
	struct sessions *s = portal_sessions(rq->portal);
	struct store_grant grant;
	const char *textv[2];
	unsigned wait;
	json_t *json;
	int err;

	json = body_json(rq);
	if (!json || !texts_take(rq, json, namev, textv, 2)) {
		json_decref(json);
		return;
	}

	wait = sessions_wait(s, rq->grant.name, rq->address);
	err  = wait ? EAGAIN : store_admin_check(rq->st, rq->grant.name,
						 textv[0], &grant);
	if (!wait)
		sessions_tried(s, rq->grant.name, rq->address, !err);
	if (!err)
		err = store_admin_put(rq->st, &grant, textv[1], &rq->by);

	if (wait) {
		reply_header(rq, "Retry-After", "%u", wait);
		reply_error(rq, 429, NULL, "too many failures: try again in"
			    " %u s", wait);
	}
	else if (err == ENOENT)
		reply_error(rq, 422, "password", "the password is wrong");
	else if (err == EINVAL)
		reply_error(rq, 422, "new_password", "want 12..255 octets");
	else if (err)
		reply_store(rq, err, NULL);
	else {
		sessions_end_all(s, rq->grant.name, rq);
		reply_nothing(rq);
	}

	json_decref(json);
}


/* The first admin */


static int count_h(const struct store_grant *grant, void *arg)
{
	*(bool *)arg |= grant->role == STORE_MSP_ADMIN;

	return 0;
}


int link_is_wanted(struct store *st, bool *wanted)
{
	bool some = false;
	int err;

	err = store_admin_list(st, NULL, count_h, &some);
	if (!err)
		*wanted = !some;

	return err;
}


int link_make(char **linkp, struct sessions *s, const char *url)
{
	char code[SESSION_TEXT];
	int err;

	err = sessions_code_make(s, code);

	/* after '#': no server, proxy or log sees it */
	return err ? err : re_sdprintf(linkp, "%s/#/welcome?code=%s", url,
				       code);
}


static void first_make(struct request *rq, const char *code,
		       const char *name, const char *password)
{
	struct store_grant grant = { .role = STORE_MSP_ADMIN };
	struct store_by by = { name, rq->address };
	struct sessions *s = portal_sessions(rq->portal);
	bool wanted = false;
	int err;

	if (strlen(name) > NAME_MAX_) {
		reply_error(rq, 422, "name", "want 1..%d octets", NAME_MAX_);
		return;
	}
	if (strlen(password) < 12 || strlen(password) > 255) {
		reply_error(rq, 422, "password", "want 12..255 octets");
		return;
	}

	err = link_is_wanted(rq->st, &wanted);
	if (err) {
		reply_store(rq, err, NULL);
		return;
	}

	if (sessions_wait(s, "", rq->address) || !wanted ||
	    !sessions_code_take(s, code)) {
		sessions_tried(s, "", rq->address, false);
		reply_error(rq, 403, "code", "the link has been used, or is"
			    " over: `callbridge admin link` tells a new"
			    " one");
		return;
	}

	str_ncpy(grant.name, name, sizeof(grant.name));
	err = store_admin_put(rq->st, &grant, password, &by);
	if (err)
		reply_store(rq, err, NULL);
	else
		session_begin(rq, &grant);
}


void first_post(struct request *rq)
{
	static const char *const namev[] = { "code", "name", "password" };
	const char *textv[3];
	json_t *json;

	if (!is_ours(rq)) {
		reply_error(rq, 415, "Content-Type", "want application/json");
		return;
	}

	json = body_json(rq);
	if (json && texts_take(rq, json, namev, textv, 3))
		first_make(rq, textv[0], textv[1], textv[2]);

	json_decref(json);
}


void first_link(struct request *rq)
{
	char *link = NULL;
	bool wanted = false;
	int err;

	err = link_is_wanted(rq->st, &wanted);
	if (!err && !wanted) {
		reply_error(rq, 409, NULL, "there is an msp-admin already");
		return;
	}

	if (!err)
		err = link_make(&link, portal_sessions(rq->portal),
				portal_url(rq->portal));
	if (err)
		reply_store(rq, err, NULL);
	else
		reply_json(rq, HTTP_OK, json_pack("{s:s}", "link", link));

	mem_deref(link);
}


void signin_get(struct request *rq)
{
	const struct oidc_conf *oidc = &portal_conf(rq->portal)->oidc;
	bool wanted = false;
	const int err = link_is_wanted(rq->st, &wanted);

	if (err)
		reply_store(rq, err, NULL);
	else
		reply_json(rq, HTTP_OK, json_pack("{s:b, s:o}",
			   "first_admin", (int)wanted, "oidc",
			   oidc->issuer ? json_pack("{s:s}", "title",
						    oidc->title)
			   : json_null()));
}
