/**
 * @file remote.h  The portal over TCP: its door, its certificate, its address
 *
 * The portal's thread's alone, once it runs.
 */
#ifndef PORTAL_REMOTE_H
#define PORTAL_REMOTE_H

#include "portal.h"

struct certificates;
struct door;
struct event_base;
struct evhttp;
struct remote;
struct sessions;

/**
 * Listen
 *
 * @param conf  Borrowed
 * @param http  Taken, also if this fails
 * @param certs Told of our certificate; borrowed
 *
 * @return 0, ENOMEM, EBADMSG the certificate cannot be used (errs says why),
 *         errno of bind(2)
 */
int  remote_open(struct remote **rp, const struct portal_conf *conf,
		 struct event_base *base, struct evhttp *http,
		 struct certificates *certs, struct errors *errs);
void remote_free(struct remote *r);

/** While there is no admin, whoever reads the log may become it. @return 0,
    ENOMEM, or of the store */
int  remote_invite(const struct remote *r, struct sessions *sessions);

/** NULL: there is none. Borrowed */
struct door *remote_door(const struct remote *r);

/** How people reach it; "" without one */
const char *remote_url(const struct remote *r);

#endif
