/**
 * @file dnd_shown.h  Do not disturb at the PBX, shown in Teams
 *
 * A Teams user dials the PBX's feature code; when the PBX has taken the call,
 * Microsoft 365 is told what they prefer to be shown as. For customers whose
 * sync says so (dnd_show). By the node that has the call.
 */
#ifndef PORTAL_DND_SHOWN_H
#define PORTAL_DND_SHOWN_H

#include <stdbool.h>

struct dnd_shown;                  /* a libre memory object */
struct event_base;
struct portal;
struct presence;

/** @param presence  Borrowed: who is watched. @return 0, ENOMEM */
int dnd_shown_alloc(struct dnd_shown **dp, struct portal *portal,
		    struct event_base *base,
		    const struct presence *presence);

/** Is there a customer who wants it? If not, calls are not looked at */
void dnd_shown_set(struct dnd_shown *d, bool wanted);

#endif
