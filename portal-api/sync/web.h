/**
 * @file web.h  HTTPS requests on libevent, by curl's multi interface
 *
 * Nothing here waits: curl tells which sockets and which timer it wants, the
 * event loop tells when they are due. Whoever may wait has web_wait().
 * Redirections are not followed, certificates are always checked, TLS is 1.2
 * at least. A reply has a limit, also after it was unpacked.
 */
#ifndef SYNC_WEB_H
#define SYNC_WEB_H

#include <stdint.h>

#include "bridge/base/libre.h"

struct event_base;
struct web;
struct web_request;

struct web_conf {
	const char *ca_file;       /* NULL: the system's authorities        */
	uint32_t connect_s;        /* 0: 10                                 */
	uint32_t total_s;          /* 0: 100                                */
	size_t reply_max;          /* octets; 0: 16 MiB                     */
	const char *socket_path;   /* of a Unix socket, instead of the URL's
				      host; NULL                            */
	bool plain;                /* http:// too: for loopback, and who
				      says so                               */
};

/** Some of a stream has come. Called from the event loop, before the
    reply's handler; must not deref the request */
typedef void (web_part_h)(const char *p, size_t size, void *arg);

/** What goes out; texts are copied */
struct web_ask {
	const char *method;        /* GET, POST                             */
	const char *url;
	const char *bearer;        /* NULL: no Authorization                */
	const char *type;          /* of the body                           */
	const char *body;          /* NULL none                             */
	web_part_h *parth;         /* a stream of events is wanted, which takes
				      as long as it takes: a good answer
				      goes there; NULL: no                  */
	uint64_t after;            /* ... go on behind that event, 0: all   */
};

/** What came; dies when the handler returns */
struct web_reply {
	const char *why;           /* there is no reply, for this reason;
				      NULL: there is                        */
	bool untrusted;            /* ... the peer's certificate            */
	int connect_err;           /* ... errno of connect(2); 0: another   */
	long status;
	const char *body;          /* terminated                            */
	size_t size;
	int64_t retry_after_s;     /* 0: not said                           */
	char request_id[64];       /* Microsoft's, "" none                  */
	char location[1024];       /* "" none                               */
};

/** Called exactly once, from the event loop; may deref the request */
typedef void (web_reply_h)(const struct web_reply *reply, void *arg);

int web_alloc(struct web **webp, struct event_base *base,
	      const struct web_conf *conf);

/**
 * Send a request. To deref it before it is answered ends it silently.
 *
 * @param rqp  The caller's
 *
 * @return 0, EINVAL, ENOMEM; then the handler is never called
 */
int web_send(struct web_request **rqp, struct web *web,
	     const struct web_ask *ask, web_reply_h *h, void *arg);

/**
 * Send a request and wait for what comes: for threads that may
 *
 * @return 0: the handler was called; EINVAL, ENOMEM
 */
int web_wait(const struct web_conf *conf, const struct web_ask *ask,
	     web_reply_h *h, void *arg);

#endif
