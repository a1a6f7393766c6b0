/**
 * @file about.h  What other nodes of a store are told of this one
 */
#ifndef BRIDGE_ABOUT_H
#define BRIDGE_ABOUT_H

#include "bridge/model/nodeconf.h"
#include "portal-api/portal.h"

struct live;

struct about {
	const char *url;           /* of its portal, "" none                */
	const struct portal_reach *reach;
	const struct nodeconf *node;       /* its names towards Teams       */
	struct live *live;
	size_t calls;              /* that run                              */
};

/** @return JSON text, libre memory; NULL without memory */
char *about_text(const struct about *about);

#endif
