/**
 * @file node.h  One running bridge
 *
 * Wires the rooms together on the SIP thread: stack, listeners, resolver,
 * media, registrar pool, trunks, calls, journal; and serves what the portal
 * asks for. Reload and drain live here.
 */
#ifndef BRIDGE_NODE_H
#define BRIDGE_NODE_H

struct config;
struct errors;
struct node;

/**
 * Read the configuration and check certificates and folders, change nothing
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int node_check(const char *config, struct errors *errs);

/**
 * Start everything. Runs on the thread that will run libre's loop.
 *
 * @param path  The configuration's file, for reload
 * @param conf  What was read from it; referenced
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int node_start(struct node **nodep, const char *path, struct config *conf,
	       struct errors *errs);

/** Read the configuration again; what is wrong changes nothing, and is
    logged. Settings of the node itself (addresses, ports) need a restart,
    which is logged. Returns before it is done. @return 0, ENOMEM */
int node_reload(struct node *node);

/**
 * Stop taking calls, let those that run end for at most drain_s, unregister,
 * then end the loop. Called twice: at once.
 */
void node_stop(struct node *node, unsigned drain_s);

#endif
