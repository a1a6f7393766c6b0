/**
 * @file conn.h  One TLS connection with the SBC
 *
 * Frames SIP messages in both directions (RFC 3261 section 18.3) and hands
 * them to sim_receive().
 */
#ifndef TEAMS_SIM_CONN_H
#define TEAMS_SIM_CONN_H

#include "sim.h"

struct conn;

/** Accept what waits on an instance's listening socket */
void conn_accept(struct instance *inst);

/**
 * A connection to the SBC, by the setting `connection` a new or a used one
 *
 * Messages sent before it is established wait in its queue.
 *
 * @param connp  Borrowed pointer; the simulator's list owns it. mem_ref it
 *               to keep it
 * @param inst   Whose address it comes from
 * @param fqdn   Name in the SBC's certificate, and for SNI
 * @param addr   Where the SBC listens
 *
 * @return 0 or errno
 */
int conn_get(struct conn **connp, struct instance *inst, const char *fqdn,
	     const struct sa *addr);

/** Send a whole message; 0, ENOTCONN or ENOMEM */
int conn_send(struct conn *conn, const struct mbuf *mb);

/**
 * Close: no handler runs for this connection any more
 *
 * Client transactions on it end with `err`. The simulator's reference goes.
 */
void conn_close(struct conn *conn, int err);

/** @return whether messages can still be sent */
bool conn_is_open(const struct conn *conn);

/** @return whether the SBC opened it */
bool conn_is_accepted(const struct conn *conn);

/** @return whether the SBC's certificate on it carries the name */
bool conn_names(const struct conn *conn, const char *fqdn);

struct instance *conn_instance(const struct conn *conn);

/** The SBC's address on this connection */
const struct sa *conn_remote(const struct conn *conn);

#endif
