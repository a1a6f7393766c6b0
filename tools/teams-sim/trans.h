/**
 * @file trans.h  Client transactions over TLS (RFC 3261 section 17.1)
 *
 * The transport is reliable: nothing is retransmitted, and a transaction is
 * gone as soon as its final response is here.
 */
#ifndef TEAMS_SIM_TRANS_H
#define TEAMS_SIM_TRANS_H

#include "sim.h"

struct trans;

/**
 * A response, or the end without one
 *
 * @param err  0, ETIMEDOUT, or why the connection closed
 * @param msg  Response, NULL if err
 */
typedef void(trans_h)(int err, const struct sip_msg *msg, void *arg);

/**
 * Send a request and wait for its responses
 *
 * A non-2xx final answer to INVITE is acknowledged here; a 2xx is not.
 *
 * @param tp    Caller's pointer, set to NULL when the transaction ends,
 *              just before the handler runs for the last time
 * @param conn  Connection, referenced
 * @param mb    Request; referenced
 *
 * @return 0 or errno; then the handler never runs
 */
int trans_request(struct trans **tp, struct conn *conn, struct mbuf *mb,
		  trans_h *h, void *arg);

/** Let it run on without its owner: the handler is never called again */
void trans_forget(struct trans **tp);

/** Send CANCEL for a pending INVITE; lines may be NULL */
int trans_cancel(struct trans *trans, const char *lines);

/** The connection of a transaction (borrowed) */
struct conn *trans_conn(const struct trans *trans);

/** Hand over a response; false if no transaction waits for it */
bool trans_response(struct sim *sim, const struct sip_msg *msg);

/** End all transactions on a connection */
void trans_conn_closed(struct sim *sim, const struct conn *conn, int err);

/** Draw a branch: magic cookie and 8 hex digits */
void trans_branch(char *buf, size_t size);

#endif
