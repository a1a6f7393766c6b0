/**
 * @file api.h  Requests and replies, for the resources of this room
 *
 * A resource is a method, a path and a handler, listed in api.c. Handlers run
 * in the portal's thread and answer exactly once; api_wait() is an answer
 * that comes later.
 */
#ifndef PORTAL_API_H
#define PORTAL_API_H

#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "portal.h"

struct evbuffer;
struct evhttp_request;
struct json_t;

struct request {
	struct portal *portal;     /* borrowed                              */
	struct evhttp_request *req; /* borrowed, until answered             */
	struct evkeyvalq query;    /* decoded                               */
	char *param;               /* owned; what stands for {} in the path,
				      decoded; NULL                         */
};

typedef void (resource_h)(struct request *rq);

/* api.c: finding the resource */

/** Answer a request. An evhttp gencb; arg: the portal */
void api_request(struct evhttp_request *req, void *arg);

/* reply.c: answering */

/** @param value  Taken; NULL (no memory) answers 500 */
void reply_json(struct request *rq, int code, struct json_t *value);

/** @param body  Taken */
void reply_body(struct request *rq, int code, const char *type,
		struct evbuffer *body);

/**
 * @param field  What it is about: query parameter, path; NULL none
 * @param fmt    libre's format language
 */
void reply_error(struct request *rq, int code, const char *field,
		 const char *fmt, ...);

/** For libre's printing into an evbuffer: struct re_printf's handler */
int reply_print(const char *p, size_t size, void *evbuffer);

/**
 * A list that may be long, written piece by piece: {"name": [ ... ]}
 *
 * @return NULL without memory (the request has been answered then)
 */
struct listing;
struct listing *listing_begin(struct request *rq, const char *name);
/** @param value  Taken. @return 0, ENOMEM */
int  listing_add(struct listing *list, struct json_t *value);
/** Answers and frees. @param err  0, otherwise 500 is the answer */
void listing_end(struct listing *list, int err);

/* query.c: reading what is asked */

/** Value of a query parameter, NULL if it is not there */
const char *query_text(const struct request *rq, const char *name);

/** Read a number. @return false if it was wrong and has been answered */
bool query_number(struct request *rq, const char *name, uint32_t min,
		  uint32_t max, uint32_t *value);

/** Read a moment, milliseconds since 1970. @return as query_number() */
bool query_moment(struct request *rq, const char *name, int64_t *value);

/** Read "true" or "false". @return as query_number() */
bool query_bool(struct request *rq, const char *name, bool *value);

/** True if the parameter is absent, or has this value */
bool query_matches(const struct request *rq, const char *name,
		   const char *value);

/* resources */

resource_h registrations_get, retry_post;      /* registrations.c */
resource_h trunks_get;                         /* trunks.c        */
resource_h calls_get, call_get;                /* calls.c         */
resource_h trace_get;                          /* traces.c        */
resource_h version_get, metrics_get;           /* service.c       */
resource_h live_get, ready_get, reload_post;

/* portal.c */

const struct portal_conf *portal_conf(const struct portal *portal);

/** A whole request has come */
void portal_note_request(struct portal *portal, struct evhttp_request *req);

/**
 * Hand on a command; the request is answered when its outcome is known
 *
 * @param cmd  Without its portal and id
 */
void portal_command(struct request *rq, struct portal_command *cmd);

#endif
