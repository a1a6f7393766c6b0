/**
 * @file access.c  Who may have what
 *
 * Whoever comes by the control socket is the service's own user or root, and
 * is what msp-admin is. Others are known by their token or their session.
 */
#include <event2/http.h>

#include "bridge/base/libre.h"
#include "api.h"
#include "sessions.h"


static bool is_msp(const struct request *rq)
{
	return rq->grant.role == STORE_MSP_ADMIN ||
		rq->grant.role == STORE_MSP_SUPPORT;
}


const char *access_tenant(const struct request *rq)
{
	return rq->granted && !is_msp(rq) ? rq->grant.tenant : NULL;
}


bool access_may_change(const struct request *rq, const char *tenant)
{
	if (rq->grant.role == STORE_MSP_ADMIN)
		return true;

	return rq->grant.role == STORE_TENANT_ADMIN && tenant &&
		!strcmp(rq->grant.tenant, tenant);
}


static bool is_reading(const struct request *rq)
{
	return rq->res->method == EVHTTP_REQ_GET;
}


/** A page of somebody else's can send our cookie along, but cannot know the
    session's text nor set a header */
static bool forged(const struct request *rq)
{
	return !rq->socket && !rq->bearer && !is_reading(rq) &&
		!sessions_csrf_is(portal_sessions(rq->portal), rq);
}


static bool refuse(struct request *rq, int code, const char *field,
		   const char *text)
{
	reply_error(rq, code, field, "%s", text);

	return false;
}


static bool refuse_role(struct request *rq)
{
	reply_error(rq, 403, NULL, "a %s may not do this",
		    store_role_name(rq->grant.role));

	return false;
}


static bool refuse_tenant(struct request *rq)
{
	reply_error(rq, HTTP_NOTFOUND, "tenant", "there is no tenant %s",
		    rq->param);

	return false;
}


static bool role_check(struct request *rq)
{
	const bool own = is_msp(rq) ||
		(rq->param && !strcmp(rq->param, rq->grant.tenant));

	switch (rq->res->access) {

	case ACCESS_TENANT_READ:
		return own || refuse_tenant(rq);

	case ACCESS_TENANT_WRITE:
		if (!own)
			return refuse_tenant(rq);
		return access_may_change(rq, rq->param) || refuse_role(rq);

	case ACCESS_ADMIN:
		return rq->grant.role == STORE_MSP_ADMIN ||
			rq->grant.role == STORE_TENANT_ADMIN ||
			refuse_role(rq);

	case ACCESS_MSP_READ:
		return is_msp(rq) || refuse_role(rq);

	case ACCESS_MSP_WRITE:
		/* another's tenant is not there, whatever is asked of it */
		if (!own && rq->param && rq->grant.tenant[0] &&
		    !strncmp(rq->res->path, "/api/v1/tenants/", 16))
			return refuse_tenant(rq);
		return rq->grant.role == STORE_MSP_ADMIN || refuse_role(rq);

	case ACCESS_SOCKET:
		return rq->socket || refuse_role(rq);

	default:
		return true;
	}
}


bool access_check(struct request *rq)
{
	if (rq->socket) {
		rq->granted    = true;
		rq->grant.role = STORE_MSP_ADMIN;
		str_ncpy(rq->grant.name, "callbridge",
			 sizeof(rq->grant.name));
	}
	else if (!rq->granted)
		rq->granted = sessions_find(portal_sessions(rq->portal), rq,
					    &rq->grant);

	rq->by.who     = rq->grant.name;
	rq->by.address = *rq->address ? rq->address : NULL;

	if (rq->res->access == ACCESS_ALL)
		return true;

	if (!rq->granted) {
		reply_header(rq, "WWW-Authenticate", "Bearer");
		return refuse(rq, 401, NULL, rq->bearer ? "the token is"
			      " unknown, or over" : "sign in, or bring a"
			      " token");
	}

	if (forged(rq))
		return refuse(rq, 403, "X-CSRF-Token", "want the session's"
			      " text in X-CSRF-Token");

	return role_check(rq);
}
