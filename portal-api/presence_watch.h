/**
 * @file presence_watch.h  Customers whose presence is our business; for
 * presence.c and dnd_shown.c
 */
#ifndef PORTAL_PRESENCE_WATCH_H
#define PORTAL_PRESENCE_WATCH_H

#include "bridge/base/libre.h"

struct graph;
struct json_t;
struct portal_quiet;
struct presence;
struct syncconf;

/** One customer's */
struct watch {
	struct le le;
	struct presence *presence; /* borrowed, parent                     */
	char *tenant;              /* owned                                */
	struct syncconf *conf;     /* owned, with its secrets              */
	struct json_t *upns;       /* owned: by id                         */
	struct list pbxl;          /* struct pbx, owned, if dnd_show       */
	struct graph *g;           /* owned, NULL                          */
	const char *id;            /* key of upns: where the round goes on */
	struct portal_quiet *quiet; /* owned: of the round, NULL           */
	unsigned pause;            /* rounds that are left out             */
	bool asking;
};

/** @return NULL: it is not watched */
const struct watch *presence_watch(const struct presence *p,
				   const char *tenant);

#endif
