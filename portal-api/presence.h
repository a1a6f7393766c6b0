/**
 * @file presence.h  Who does not want to be disturbed, asked of Microsoft 365
 *
 * For customers whose sync says so (dnd): their users' presence every 15 s,
 * on the portal's loop, told to the bridge as values (struct portal_quiet).
 * Each node asks for itself. What cannot be asked is not known, and phones
 * ring.
 */
#ifndef PORTAL_PRESENCE_H
#define PORTAL_PRESENCE_H

struct event_base;
struct portal;
struct presence;                   /* presence_alloc/presence_free */

/** @return 0, ENOMEM */
int presence_alloc(struct presence **pp, struct portal *portal,
		   struct event_base *base);

/** Ask no more: before the desk closes. NULL is fine */
void presence_close(struct presence *p);

/** After the desk was closed and its tasks were done. NULL is fine */
void presence_free(struct presence *p);

#endif
