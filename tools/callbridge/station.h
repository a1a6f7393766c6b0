/**
 * @file station.h  A phone of the command line's own
 *
 * Registers one user once, as the service would, with the service's own SIP
 * and registration rooms, and takes the binding back. For trying settings at
 * a PBX before the service uses them.
 */
#ifndef CALLBRIDGE_STATION_H
#define CALLBRIDGE_STATION_H

#include "bridge/base/libre.h"

struct nodeconf;
struct reg_status;
struct station;

/** Start the event loop's world: once, before the first station_alloc().
    @return 0, errno (told) */
int station_init(void);
void station_close(void);

/**
 * Open sockets on ports of their own, so that a running service is not in
 * the way
 *
 * @param conf  Address and name servers are taken from it
 *
 * @return 0, EINVAL, ENOMEM, errno of bind(2) (told)
 */
int station_alloc(struct station **stationp, const struct nodeconf *conf);

/**
 * Register the users of these tenants once, and unregister them again; a
 * station serves once
 *
 * Returns when the first of them has its verdict, after 20 s at the latest,
 * and 3 s more for taking the binding back.
 *
 * @param tenantl  struct tenant
 * @param st       The last that is known; state REG_QUEUED means no verdict
 *
 * @return 0, EINTR a signal came, EBADMSG settings that cannot be used
 *         (told), ENOMEM
 */
int station_register(struct station *station, const struct list *tenantl,
		     struct reg_status *st);

#endif
