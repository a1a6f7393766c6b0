/**
 * @file people.c  Admins and tokens
 *
 * A tenant-admin looks after those of its own tenant, and can make none that
 * may do more than it may itself.
 */
#include <jansson.h>
#include <openssl/crypto.h>

#include "api.h"
#include "bridge/base/errors.h"
#include "sessions.h"


static json_t *grant_json(const struct store_grant *grant)
{
	return json_pack("{s:s, s:s, s:s?, s:I}", "name", grant->name,
			 "role", store_role_name(grant->role), "tenant",
			 *grant->tenant ? grant->tenant : NULL, "expires_ms",
			 (json_int_t)grant->expires_ms);
}


static int grant_h(const struct store_grant *grant, void *arg)
{
	return listing_add(arg, grant_json(grant));
}


typedef int (grants_h)(struct store *st, const char *tenant,
		       store_grant_h *h, void *arg);


static void grants_get(struct request *rq, const char *name,
		       grants_h *grantsh)
{
	static const char *const memberv[] = { "name", "role", "tenant",
					       "expires_ms" };
	struct listing *list = listing_begin(rq, name);

	if (list && listing_sort(list, memberv, RE_ARRAY_SIZE(memberv)))
		listing_end(list, grantsh(rq->st, access_tenant(rq), grant_h,
					  list));
}


void admins_get(struct request *rq)
{
	grants_get(rq, "admins", store_admin_list);
}


void tokens_get(struct request *rq)
{
	grants_get(rq, "tokens", store_token_list);
}


/* What is asked for */


/** @return false if answered */
static bool wrong(struct request *rq, const char *field, const char *want)
{
	reply_error(rq, 422, field, "want %s", want);

	return false;
}


static bool role_read(struct request *rq, const json_t *json,
		      struct store_grant *grant)
{
	const char *text = json_string_value(json_object_get(json, "role"));

	for (int i = STORE_MSP_ADMIN; i <= STORE_TENANT_VIEWER && text; i++) {
		if (strcmp(text, store_role_name((enum store_role)i)))
			continue;

		grant->role = (enum store_role)i;
		return true;
	}

	return wrong(rq, "role", "msp-admin, msp-support, tenant-admin or"
		     " tenant-viewer");
}


static bool tenant_read(struct request *rq, const json_t *json,
			struct store_grant *grant)
{
	const json_t *member = json_object_get(json, "tenant");
	const char *text = json_string_value(member);
	const bool msps = grant->role == STORE_MSP_ADMIN ||
		grant->role == STORE_MSP_SUPPORT;

	if (member && !text && !json_is_null(member))
		return wrong(rq, "tenant", "a text or null");
	if (text && strlen(text) >= sizeof(grant->tenant))
		return wrong(rq, "tenant", "the name of a tenant");

	str_ncpy(grant->tenant, text ? text : "", sizeof(grant->tenant));
	if (msps && *grant->tenant)
		return wrong(rq, "tenant", "none with a role of the MSP's");
	if (!msps && !*grant->tenant)
		return wrong(rq, "tenant", "the name of a tenant with this"
			     " role");

	if (access_may_change(rq, *grant->tenant ? grant->tenant : NULL))
		return true;

	reply_error(rq, 403, "tenant", "only those of one's own tenant");

	return false;
}


static bool members_known(struct request *rq, const json_t *json,
			  const char *const *namev, size_t c)
{
	const char *name, *near;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, name, value) {
		bool known = false;

		for (size_t i = 0; i < c; i++)
			known |= !strcmp(name, namev[i]);
		if (known)
			continue;

		near = errors_nearest(name, namev, c);
		reply_json(rq, 422, json_pack("{s:s, s:s, s:s?}", "error",
					      "there is no such member here",
					      "field", name, "hint", near));
		return false;
	}

	return true;
}


static bool grant_read(struct request *rq, const json_t *json,
		       const char *name, struct store_grant *grant)
{
	const json_t *expires = json_object_get(json, "expires_ms");

	memset(grant, 0, sizeof(*grant));
	if (!str_isset(name) || strlen(name) >= sizeof(grant->name))
		return wrong(rq, "name", "1..63 octets");
	if (expires && !json_is_integer(expires))
		return wrong(rq, "expires_ms", "milliseconds since 1970, or 0:"
			     " never");

	str_ncpy(grant->name, name, sizeof(grant->name));
	grant->expires_ms = json_integer_value(expires);
	if (grant->expires_ms < 0)
		return wrong(rq, "expires_ms", "milliseconds since 1970, or 0:"
			     " never");

	return role_read(rq, json, grant) && tenant_read(rq, json, grant);
}


/* What is there */


struct looking {
	const char *name;
	struct store_grant grant;
	bool found;
	size_t msp_admins;
};


static int look_h(const struct store_grant *grant, void *arg)
{
	struct looking *lk = arg;

	lk->msp_admins += grant->role == STORE_MSP_ADMIN;
	if (!strcmp(grant->name, lk->name)) {
		lk->grant = *grant;
		lk->found = true;
	}

	return 0;
}


/** Is there one of that name that the caller may change? @return 0, EALREADY
    answered */
static int look(struct request *rq, grants_h *grantsh, struct looking *lk,
		const char *name)
{
	int err;

	memset(lk, 0, sizeof(*lk));
	lk->name = name;
	err = grantsh(rq->st, NULL, look_h, lk);
	if (err) {
		reply_store(rq, err, NULL);
		return EALREADY;
	}

	if (lk->found && !access_may_change(rq, *lk->grant.tenant ?
					    lk->grant.tenant : NULL)) {
		reply_error(rq, HTTP_NOTFOUND, "name", "there is none of this"
			    " name");
		return EALREADY;
	}

	return 0;
}


static void reply_grant(struct request *rq, int err, int code,
			const struct store_grant *grant)
{
	if (err == ENOENT)
		reply_error(rq, 422, "tenant", "there is no tenant %s",
			    grant->tenant);
	else if (err)
		reply_store(rq, err, NULL);
	else
		reply_json(rq, code, grant_json(grant));
}


/* Admins */


static bool last_one(const struct looking *lk)
{
	return lk->found && lk->grant.role == STORE_MSP_ADMIN &&
		lk->msp_admins == 1;
}


static void admin_set(struct request *rq, const json_t *json,
		      const struct looking *lk,
		      const struct store_grant *grant)
{
	const json_t *member = json_object_get(json, "password");
	const char *password = json_string_value(member);
	const bool oidc = portal_conf(rq->portal)->oidc.issuer != NULL;
	char chance[SESSION_TEXT];
	int err;

	/* who signs in elsewhere has no password here that anybody knows */
	if (!member && !lk->found && oidc && !sessions_chance(chance))
		password = chance;

	if ((member && !password) || (!password && !lk->found) ||
	    (password && (strlen(password) < 12 || strlen(password) > 255))) {
		(void)wrong(rq, "password", "12..255 octets");
		return;
	}

	if (last_one(lk) && grant->role != STORE_MSP_ADMIN) {
		reply_error(rq, 409, "role", "this is the last msp-admin");
		return;
	}

	err = password ? store_admin_put(rq->st, grant, password, &rq->by)
		: store_admin_change(rq->st, grant, &rq->by);
	if (!err)
		sessions_end_all(portal_sessions(rq->portal), grant->name,
				 NULL);

	reply_grant(rq, err, lk->found ? HTTP_OK : 201, grant);
}


void admin_put(struct request *rq)
{
	static const char *const namev[] = { "role", "tenant", "password",
					     "expires_ms" };
	struct store_grant grant;
	struct looking lk;
	json_t *json;

	json = body_json(rq);
	if (json && members_known(rq, json, namev, RE_ARRAY_SIZE(namev)) &&
	    grant_read(rq, json, rq->param, &grant) &&
	    !look(rq, store_admin_list, &lk, rq->param))
		admin_set(rq, json, &lk, &grant);

	json_decref(json);
}


void admin_delete(struct request *rq)
{
	struct looking lk;
	int err;

	if (look(rq, store_admin_list, &lk, rq->param))
		return;

	if (last_one(&lk)) {
		reply_error(rq, 409, NULL, "this is the last msp-admin");
		return;
	}

	err = store_admin_remove(rq->st, rq->param, &rq->by);
	if (!err)
		sessions_end_all(portal_sessions(rq->portal), rq->param,
				 NULL);

	if (err)
		reply_store(rq, err, NULL);
	else
		reply_nothing(rq);
}


/* Tokens */


static void token_make(struct request *rq, const struct store_grant *grant)
{
	char token[STORE_TOKEN_SIZE];
	json_t *json;
	int err;

	err = store_token_make(rq->st, grant, &rq->by, token);
	if (err) {
		reply_grant(rq, err, 201, grant);
		return;
	}

	json = grant_json(grant);
	(void)json_object_set_new(json, "token", json_string(token));
	reply_json(rq, 201, json);
	OPENSSL_cleanse(token, sizeof(token));
}


void token_post(struct request *rq)
{
	static const char *const namev[] = { "name", "role", "tenant",
					     "expires_ms" };
	struct store_grant grant;
	json_t *json;

	json = body_json(rq);
	if (json && members_known(rq, json, namev, RE_ARRAY_SIZE(namev)) &&
	    grant_read(rq, json, json_string_value(json_object_get(json,
							"name")), &grant))
		token_make(rq, &grant);

	json_decref(json);
}


void token_delete(struct request *rq)
{
	struct looking lk;
	int err;

	if (look(rq, store_token_list, &lk, rq->param))
		return;

	err = store_token_remove(rq->st, rq->param, &rq->by);
	if (err)
		reply_store(rq, err, NULL);
	else
		reply_nothing(rq);
}
