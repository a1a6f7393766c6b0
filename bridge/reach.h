/**
 * @file reach.h  Where PBXs and Teams meet us, for those who look after
 * firewalls
 */
#ifndef BRIDGE_REACH_H
#define BRIDGE_REACH_H

#include "bridge/model/nodeconf.h"
#include "portal-api/portal.h"

/**
 * @param reach  Takes it
 * @param pbx    Where we listen for PBXs, NULL: nowhere
 * @param teams  ... for Teams, NULL: nowhere
 */
void reach_set(struct portal_reach *reach, const struct nodeconf *node,
	       const struct sa *pbx, const struct sa *teams);

#endif
