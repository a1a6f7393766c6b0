/**
 * @file graph_reply.c  What Microsoft answers, read without trust
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/members.h"
#include "bridge/base/text.h"
#include "graph_reply.h"


enum { DEPTH_MAX = 32, EXPIRES_MAX_S = 86400 };


static const struct {
	const char *name, *advice;
} faultv[] = {
	[GRAPH_GOOD] = {"good", ""},
	[GRAPH_CREDENTIALS_BAD] = {"credentials_bad",
		"the client secret (or certificate) is wrong or has expired:"
		" make a new one under Certificates & secrets of the app"
		" registration"},
	[GRAPH_CONSENT_MISSING] = {"consent_missing",
		"the app is not known in that tenant: let an administrator"
		" of the tenant grant admin consent"},
	[GRAPH_TENANT_BAD] = {"tenant_bad",
		"there is no such tenant: check its ID or domain, and that"
		" it is in this cloud"},
	[GRAPH_BLOCKED] = {"blocked",
		"a Conditional Access policy of the tenant blocks the app:"
		" let its administrator except it"},
	[GRAPH_AUTH_BROKEN] = {"auth_broken",
		"Microsoft takes the secret but not the token it gave: was"
		" the app disabled?"},
	[GRAPH_DENIED] = {"denied",
		"a permission is missing: grant the application permissions"
		" that docs/sync.md names (User.Read.All first of all), with"
		" admin consent"},
	[GRAPH_GONE] = {"gone", "it is no longer there"},
	[GRAPH_RESYNC] = {"resync", "everything has to be read anew"},
	[GRAPH_REFUSED] = {"refused", "this wants a look by the developers"},
	[GRAPH_UNAVAILABLE] = {"unavailable",
		"try again later; if it stays, check the way to Microsoft"
		" (DNS, firewall, proxy)"},
	[GRAPH_UNTRUSTED] = {"untrusted",
		"something on the way shows a certificate of its own: except"
		" Microsoft there, or name its authority by --ca-file"},
	[GRAPH_LINK_FOREIGN] = {"link_foreign",
		"something between here and Microsoft changes replies: check"
		" proxies"},
	[GRAPH_UNREADABLE] = {"unreadable",
		"something between here and Microsoft changes replies, or"
		" Microsoft has changed them"},
	[GRAPH_NO_MEMORY] = {"no_memory", "the machine has too little memory"},
};


const char *graph_fault_advice(enum graph_fault fault)
{
	return faultv[fault].advice;
}


const char *graph_fault_name(enum graph_fault fault)
{
	return faultv[fault].name;
}


/** Nested no deeper than we like? jansson's own limit is generous */
static bool depth_is_good(const char *body, size_t size)
{
	bool quoted = false;
	unsigned depth = 0;

	for (size_t i = 0; i < size; i++) {
		switch (body[i]) {

		case '\\':
			i += quoted;
			break;

		case '"':
			quoted = !quoted;
			break;

		case '[': case '{':
			if (!quoted && ++depth > DEPTH_MAX)
				return false;
			break;

		case ']': case '}':
			depth -= !quoted && depth;
			break;
		}
	}

	return true;
}


/** @return an object, NULL if it is none */
static json_t *object_read(const char *body, size_t size)
{
	json_error_t error;
	json_t *json;

	if (!body || !depth_is_good(body, size))
		return NULL;

	json = json_loadb(body, size, 0, &error);
	if (json_is_object(json))
		return json;

	json_decref(json);

	return NULL;
}


/** Documented as a number; written as a text by some */
static uint64_t seconds_of(const json_t *json)
{
	long long s = 0;

	if (json_is_integer(json))
		s = json_integer_value(json);
	else if (json_is_string(json))
		s = strtoll(json_string_value(json), NULL, 10);

	return s < 0 ? 0 : s > EXPIRES_MAX_S ? EXPIRES_MAX_S : (uint64_t)s;
}


int graph_token_read(struct graph_token *got, const char *body, size_t size)
{
	json_t *json = object_read(body, size);
	const char *token = text_of(json, "access_token");
	int err = EBADMSG;

	/* it becomes a line of a header */
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p > '~')
			goto out;

	if (*token) {
		got->expires_s = seconds_of(json_object_get(json,
							    "expires_in"));
		err = str_dup(&got->token, token);
	}

 out:
	json_decref(json);

	return err;
}


enum graph_fault graph_token_fault(char *why, size_t why_size, long status,
				   const char *body, size_t size)
{
	static const struct {
		const char *error;
		enum graph_fault fault;
	} errorv[] = {
		{"invalid_client", GRAPH_CREDENTIALS_BAD},
		{"unauthorized_client", GRAPH_CONSENT_MISSING},
		{"invalid_request", GRAPH_TENANT_BAD},
		{"invalid_scope", GRAPH_REFUSED},
		{"invalid_resource", GRAPH_REFUSED},
		{"unsupported_grant_type", GRAPH_REFUSED},
		{"interaction_required", GRAPH_BLOCKED},
		{"access_denied", GRAPH_BLOCKED},
		{"temporarily_unavailable", GRAPH_UNAVAILABLE},
	};
	json_t *json = object_read(body, size);
	const char *error = text_of(json, "error");
	const json_int_t number = json_integer_value(
		json_array_get(json_object_get(json, "error_codes"), 0));
	enum graph_fault fault = GRAPH_REFUSED;
	char shown[48];

	for (size_t i = 0; i < RE_ARRAY_SIZE(errorv); i++)
		if (!strcmp(errorv[i].error, error))
			fault = errorv[i].fault;

	if (status == 429 || status >= 500)
		fault = GRAPH_UNAVAILABLE;

	(void)text_escape(shown, sizeof(shown), error, strlen(error));
	if (number > 0)
		(void)re_snprintf(why, why_size, "no token: %ld %s"
				  " (AADSTS%lld)", status, shown,
				  (long long)number);
	else
		(void)re_snprintf(why, why_size, "no token: %ld%s%s", status,
				  *shown ? " " : "", shown);

	json_decref(json);

	return fault;
}


static enum graph_fault status_fault(long status, const char *code)
{
	if (!str_casecmp(code, "syncStateNotFound") ||
	    !str_casecmp(code, "resyncRequired"))
		return GRAPH_RESYNC;

	switch (status) {

	case 403: return GRAPH_DENIED;
	case 404: return GRAPH_GONE;
	case 410: return GRAPH_RESYNC;

	case 408: case 409: case 412: case 429:
	case 500: case 502: case 503: case 504: case 509:
		return GRAPH_UNAVAILABLE;
	}

	return GRAPH_REFUSED;
}


enum graph_fault graph_reply_read(struct json_t **jsonp, char *why,
				  size_t why_size, long status,
				  const char *body, size_t size)
{
	json_t *json = object_read(body, size);
	const char *code;
	char shown[64];

	*jsonp = json;
	if (status == 202 || status == 204 ||
	    (status >= 200 && status < 300 && json))
		return GRAPH_GOOD;

	if (status >= 200 && status < 300) {
		(void)re_snprintf(why, why_size, "the reply is no JSON"
				  " object");
		return GRAPH_UNREADABLE;
	}

	code = text_of(json_object_get(json, "error"), "code");
	(void)text_escape(shown, sizeof(shown), code, strlen(code));
	(void)re_snprintf(why, why_size, "Graph answers %ld%s%s", status,
			  *shown ? " " : "", shown);

	return status_fault(status, code);
}
