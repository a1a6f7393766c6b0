/**
 * @file control.h  The control socket: JSON lines, see PROTOCOL.md
 */
#ifndef TEAMS_SIM_CONTROL_H
#define TEAMS_SIM_CONTROL_H

#include "sim.h"

/**
 * Listen on a Unix-domain stream socket; a stale one is replaced
 *
 * @return 0 or errno, EADDRINUSE if somebody answers there
 */
int control_open(struct sim *sim, const char *path);

void control_close(void);

/**
 * Tell every client. The format is json_pack()'s and describes an object;
 * "t" (monotonic milliseconds) is added.
 */
void control_event(const char *fmt, ...);

/** Like control_event(); takes over the object */
void control_event_new(json_t *event);

#endif
