/**
 * @file sse.h  A stream of server-sent events (HTML Living Standard 9.2)
 *
 * For the portal's thread.
 */
#ifndef PORTAL_SSE_H
#define PORTAL_SSE_H

#include "api.h"

struct sse;                        /* a libre memory object; freeing it ends
				      the stream                            */

/** The other side has gone: free it */
typedef void (sse_close_h)(void *arg);

/**
 * Answer a request with a stream
 *
 * @param rq  Not answered when this fails
 *
 * @return 0, ENOMEM, ENOTCONN
 */
int sse_alloc(struct sse **sp, struct request *rq, sse_close_h *closeh,
	      void *arg);

/** Add an event. @param id  NULL: none. @param data  One line */
void sse_add(struct sse *sse, const char *name, const char *id,
	     const char *data);

/** Send what was added; where nothing was, a sign of life every 15 s */
void sse_send(struct sse *sse);

/** Too much waits to be read by the other side */
bool sse_is_unread(const struct sse *sse);

/** Where the other side was, by Last-Event-ID. 0 nowhere */
uint64_t sse_last_event(const struct request *rq);

#endif
