/**
 * @file events.h  Changes as they happen, to whoever listens
 *
 * Server-sent events (HTML Living Standard section 9.2). For the portal's
 * thread.
 */
#ifndef PORTAL_EVENTS_H
#define PORTAL_EVENTS_H

struct event_base;
struct live;
struct streams;

/** @return 0, ENOMEM */
int streams_alloc(struct streams **sp, struct event_base *base,
		  struct live *live);

/** End all of them; their connections close. NULL is fine */
void streams_close(struct streams *s);

void streams_free(struct streams *s);

#endif
