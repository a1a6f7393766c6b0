/**
 * @file graph.h  Asking Microsoft Graph for one customer
 *
 * Client credentials (RFC 6749 section 4.4) in, JSON out. Requests of a
 * client go one after another: a token is fetched when one is due, a refused
 * token is renewed once, a throttled request waits as long as it was told
 * and the others with it, and what fails in passing is tried again. What is
 * reported is what a person can do something about.
 */
#ifndef SYNC_GRAPH_H
#define SYNC_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/libre.h"

struct event_base;
struct graph;
struct json_t;

/** Where and as whom; texts are copied */
struct graph_conf {
	const char *login_base;    /* NULL: the worldwide cloud's           */
	const char *graph_base;    /* NULL: the same                        */
	const char *tenant;        /* GUID or verified domain               */
	const char *client_id;
	const char *client_secret; /* or, NULL:                             */
	const char *certificate;   /* certificate and RSA key, PEM text     */
	const char *ca_file;       /* NULL: the system's authorities        */
	uint32_t second_ms;        /* of waits; 0: 1000. Tests shrink it    */
};

enum graph_fault {
	GRAPH_GOOD,
	GRAPH_CREDENTIALS_BAD,     /* wrong or expired secret               */
	GRAPH_CONSENT_MISSING,     /* the app is not in that tenant         */
	GRAPH_TENANT_BAD,          /* no such tenant                        */
	GRAPH_BLOCKED,             /* by Conditional Access                 */
	GRAPH_AUTH_BROKEN,         /* a fresh token is refused              */
	GRAPH_DENIED,              /* a permission is missing               */
	GRAPH_GONE,                /* no such object                        */
	GRAPH_RESYNC,              /* the delta link has had its time       */
	GRAPH_REFUSED,             /* the request is wrong                  */
	GRAPH_UNAVAILABLE,         /* not now: network, throttled, 5xx      */
	GRAPH_UNTRUSTED,           /* the certificate is not Microsoft's    */
	GRAPH_LINK_FOREIGN,        /* a link leads elsewhere: not followed  */
	GRAPH_UNREADABLE,          /* the reply is not as documented        */
	GRAPH_NO_MEMORY,
};

/** Dies when the handler returns; json may be json_incref'ed */
struct graph_result {
	enum graph_fault fault;
	long status;               /* 0: none came                          */
	struct json_t *json;       /* NULL: none                            */
	const char *why;           /* one line for a person, "" if good     */
	const char *request_id;    /* for Microsoft's support, ""           */
	const char *location;      /* of what it began, ""                  */
};

/** Called exactly once, from the event loop; may deref the client */
typedef void (graph_result_h)(const struct graph_result *result, void *arg);

/**
 * @return 0, ENOMEM, EINVAL if something is missing or a base is not
 *         https:// (http:// is taken for 127.0.0.1), EBADMSG if there is no
 *         certificate and RSA key that belong together
 */
int graph_alloc(struct graph **gp, struct event_base *base,
		const struct graph_conf *conf);

/**
 * Ask for a path ("/v1.0/users?...") or a link that a reply had
 *
 * @param body  For POST: JSON, NULL: GET. Copied
 *
 * @return 0, ENOMEM, EPERM the link leads to another host: nothing was sent
 */
int graph_send(struct graph *g, const char *where, const char *body,
	       graph_result_h *h, void *arg);

/** What to do about it, one line */
const char *graph_fault_advice(enum graph_fault fault);

/** Its name, as in "consent_missing" */
const char *graph_fault_name(enum graph_fault fault);

/** Do both have the same scheme, host and port, and the link no user? */
bool graph_link_is_ours(const char *base, const char *link);

#endif
