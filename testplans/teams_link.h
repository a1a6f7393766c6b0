/**
 * @file teams_link.h  teams-sim's control socket
 *
 * tools/teams-sim/PROTOCOL.md describes it.
 */
#ifndef TESTPLANS_TEAMS_LINK_H
#define TESTPLANS_TEAMS_LINK_H

#include "bridge/base/libre.h"

struct json_t;
struct pump;
struct teams_link;

typedef void (teams_event_h)(const struct json_t *event, void *arg);

int teams_link_alloc(struct teams_link **linkp, struct pump *pump,
		     const char *path);

/** Hear of all events */
int teams_link_hear(struct teams_link *link, teams_event_h *eventh,
		    void *arg);

/**
 * Run a command
 *
 * @param cmd      Object with "cmd" and its arguments; its reference is taken
 * @param answerp  Takes the answer, may be NULL
 * @param why      Takes the refusal
 *
 * @return 0, EPROTO refused, ETIMEDOUT, ECONNRESET, ECANCELED
 */
int teams_link_do(struct teams_link *link, struct json_t *cmd,
		  struct json_t **answerp, char *why, size_t size);

/** Make a tenant known. @return as teams_link_do() */
int teams_link_tenant(struct teams_link *link, const char *fqdn, char *why,
		      size_t size);

/** Does the service answer its pings for a tenant? */
bool teams_link_is_up(struct teams_link *link, const char *fqdn);

#endif
