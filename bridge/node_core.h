/**
 * @file node_core.h  What the files of the node have among themselves
 *
 * Private to node.c (the rooms, made and ended), node_clock.c (what moves the
 * wheel), node_sip.c (where it listens, and to whom), node_news.c (what the
 * keeper and the lease tell) and node_portal.c (the portal's commands).
 */
#ifndef BRIDGE_NODE_CORE_H
#define BRIDGE_NODE_CORE_H

#include "bridge/base/wheel.h"
#include "bridge/sip/compat.h"

struct config;
struct errors;
struct nodeconf;
struct tlsctx;

struct node {
	char *path;                /* owned: the configuration file         */
	struct config *conf;       /* owned                                 */
	struct wheel *wheel;       /* owned, as all below                   */
	struct trace *trace;
	struct tapes *tapes;       /* voice that somebody asked to keep     */
	struct hep *hep;           /* NULL: no collector                    */
	struct stack *stack;
	struct resolver *resolver;
	struct tlsctx *teams_tls, *sip_tls;
	struct listener *teams_lsnr;
	struct listener *lsnrv[SIP_TRANSPC];
	struct media *media;
	struct pool *pool;
	struct trunks *trunks;
	struct calls *calls;
	struct journal *journal;
	struct live *live;
	struct portal *portal;
	struct keeper *keeper;
	struct lease *lease;       /* which PBXs are ours                   */
	struct list tenantl;       /* struct tenant: of files and store    */
	struct inbox *commands;    /* from the portal's threads             */
	struct mqueue *news;       /* from the keeper's                     */
	struct mqueue *leases;     /* from the lease's                      */
	struct loop_fd tick, soon, media_fd;
	int tick_fd, soon_fd;
	struct wheel_tmr drain_tmr, cert_tmr, gather_tmr, about_tmr;
	uint64_t wake_ms;          /* when the wheel wants to be advanced   */
	uint64_t tick_ms;          /* when the kernel's timer fires, 0: not */
	bool ticking;              /* timers are being fired                */
	bool stopping;
	bool ending;
};

/** What cannot be done with a setting of callbridge.yaml, and where it is */
void node_error(struct errors *errs, const struct config *conf,
		      const char *field, const char *fmt, ...);


/*
 * node_clock.c
 */

/** Make the wheel, and what moves it: the kernel's timer, and a descriptor for
    what shall be at once. @return 0, ENOMEM, errno */
int node_clock_start(struct node *node);

/** The wheel stays */
void node_clock_stop(struct node *node);


/*
 * node_sip.c
 */

/** An address that a peer can reach: that of a setting, or of the default
    route. @return 0, EBADMSG (errs says why) */
int node_address(struct sa *sa, const char *address,
		 const struct config *conf, const char *field,
		 struct errors *errs);

/** Is there a side of Teams? */
bool node_has_teams(const struct nodeconf *node);

/** Read both certificates. @return 0, EBADMSG (errs says why), ENOMEM */
int node_tls_load(struct node *node, struct errors *errs);

/** Each tenant's name must stand in the certificate, or Teams refuses it.
    @return 0, EBADMSG (errs says which) */
int node_names_check(const struct tlsctx *ctx, const struct config *conf,
		     struct errors *errs);

/** Stack, traces, resolver and listeners. @return 0, EBADMSG (errs says why),
    ENOMEM */
int node_sip_start(struct node *node, struct errors *errs);


/*
 * node_news.c
 */

/** Show the certificates to the portal, now and each hour, and warn of one
    that ends soon. A wheel_h */
void node_certs_watch(void *arg);

/** Open the keeper and the lease, and go by what the store has now. @return
    0, EBADMSG (errs says why), ENOMEM */
int node_keeper_open(struct node *node, struct errors *errs);

/** Have the keeper's thread begin. @return 0, errno */
int node_keeper_start(struct node *node);


/*
 * node_portal.c
 */

/** @return 0, EBADMSG (errs says why), ENOMEM */
int node_portal_start(struct node *node, struct errors *errs);

#endif
