/**
 * @file teams.h  The Teams side: takes calls over TLS, with SRTP
 *
 * Answers OPTIONS; an INVITE gets 100 and 180 at once, and 200 after a short
 * ring, with a key of its own (SDES). Ends when the bridge sends BYE.
 */
#ifndef LOAD_TEAMS_H
#define LOAD_TEAMS_H

#include <netinet/in.h>
#include "link.h"

struct teams;
struct voice;

struct teams_conf {
	struct door_conf door;
	struct sockaddr_in addrv[3];
	size_t addrc;
	const char *route;         /* host of our Record-Route           */
	struct voice *voice;       /* borrowed                           */
	unsigned calls;            /* at once, as voice has lines        */
	unsigned ring_ms;
};

struct teams_stats {
	unsigned options, invites, refused, ended;
	unsigned up;               /* calls that there are now           */
};

/** @return 0, ENOMEM, EBADMSG, errno */
int teams_alloc(struct teams **tp, const struct teams_conf *conf);
void teams_free(struct teams *t);

/** Some milliseconds have passed */
void teams_tick(struct teams *t);

const struct teams_stats *teams_stats(const struct teams *t);

#endif
