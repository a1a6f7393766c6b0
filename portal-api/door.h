/**
 * @file door.h  Where connections come in
 *
 * Gives evhttp a listener and guards it: how many connections there may be,
 * how long one may take for a request, and what happens when descriptors
 * run out. For the portal's thread, for this room alone.
 */
#ifndef PORTAL_DOOR_H
#define PORTAL_DOOR_H

struct event_base;
struct evhttp;
struct evhttp_request;
struct door;                       /* a libre memory object */

/**
 * Open a Unix socket, mode 0600
 *
 * A lock file beside it (path.lock) says that it is in use; a socket file
 * that nobody holds and nobody answers on is replaced. Dereferencing the
 * door removes the socket file; evhttp is to be freed before, the base
 * afterwards.
 *
 * @param doorp  Door
 * @param base   Event base, borrowed
 * @param http   Server, borrowed
 * @param path   Where
 * @param limit_ms  For a whole request, or waiting for one [ms]
 *
 * @return 0, EADDRINUSE somebody listens there, ENAMETOOLONG, ENOTSOCK,
 *         ENOMEM, errno of socket(2), bind(2), listen(2), open(2)
 */
int door_open_unix(struct door **doorp, struct event_base *base,
		   struct evhttp *http, const char *path, unsigned limit_ms);

struct tlsctx;
struct sa;

struct door_limits {
	unsigned request_ms;       /* for a request, or waiting for one    */
	unsigned conns;            /* in all                                */
	unsigned conns_source;     /* of one address, or network of 64 bits */
};

/**
 * Listen on an address
 *
 * @param laddr  Where; with port 0 it takes the one that was given
 * @param tls    For HTTPS, referenced; NULL: plain HTTP. What it has read
 *               again holds for the next connection
 *
 * @return 0, ENOMEM, errno of socket(2), bind(2), listen(2)
 */
int door_open_tcp(struct door **doorp, struct event_base *base,
		  struct evhttp *http, struct sa *laddr, struct tlsctx *tls,
		  const struct door_limits *limits);

/** A connection may take as long as it wants from now on: an event stream */
void door_release(struct door *door, struct evhttp_request *req);

/** Forget connections that are over: to be called after each round of the
    loop */
void door_sweep(struct door *door);

/** A whole request has come: the time for the next one begins */
void door_request(struct door *door, struct evhttp_request *req);

#endif
