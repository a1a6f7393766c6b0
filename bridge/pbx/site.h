/**
 * @file site.h  One PBX as the pool sees it
 *
 * What all accounts of a PBX share: where it is, its pace, its trust, and
 * what was learnt of it: the addresses it answers from, whether it is silent,
 * the shortest expiry it takes. Private to this room.
 */
#ifndef PBX_SITE_H
#define PBX_SITE_H

#include "bridge/model/tenant.h"
#include "bridge/sip/request.h"
#include "pacer.h"
#include "pool.h"

/** What a phone of ours understands */
#define POOL_ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, " \
		   "UPDATE, PRACK, INFO"

enum { SITE_ADDRS = 16, SITE_SERVER = 64 };

struct site;
struct health;
struct routes;

/** The PBX has fallen silent, or answers again */
typedef void (site_silent_h)(struct site *site, bool silent, void *arg);

/**
 * Of a flow to the PBX
 *
 * @param mapped  Where it appears to the PBX now; NULL: the PBX does not
 *                answer keepalives on it any more
 */
typedef void (site_flow_h)(struct site *site, struct flow *flow,
			   const struct sa *mapped, void *arg);

struct site {
	struct le le;
	const struct pool_conf *conf;      /* borrowed from the pool       */
	struct pbx *pbx;           /* ref                                  */
	bool away;                 /* as it was when this was made         */
	char *tenant;              /* owned: name of the tenant            */
	char *host;                /* owned: where packets go              */
	uint16_t port;
	enum sip_transp tp;
	struct tlsctx *tls;        /* owned, NULL: the listener's          */
	const char *tls_name;      /* borrowed from pbx: whose certificate
				      it has, NULL: host's                 */
	struct pacer pacer;
	struct wheel_tmr resolve_tmr;
	struct resolve *resolve;   /* owned                                */
	struct sa addrv[SITE_ADDRS];       /* ports do not count           */
	size_t addrc, addr_next;
	unsigned silence;          /* registrations in a row without any
				      answer                               */
	uint64_t spent_ms;         /* wheel's time until which the budget of
				      failures is spent                    */
	uint64_t refused_ms;       /* of the last one, 0                   */
	unsigned refusedc;         /* in a row                             */
	unsigned registeredc;      /* that the log has not counted yet     */
	struct wheel_tmr registered_tmr;   /* when it does                 */
	bool banned;               /* silence that came after refusals     */
	uint32_t min_expires_s;    /* asked for by 423, 0                  */
	struct health *health;     /* owned: which of its addresses answer */
	size_t placec;             /* how many its name has                */
	struct list alivel;        /* struct alive, owned                  */
	struct list probel;        /* struct probe, owned: of addresses
				      that are down                        */
	struct wheel_tmr probe_tmr;
	struct routes *routes;     /* owned: Service-Route as last seen,
				      shared by the users that have it     */
	struct sa mapped;          /* where our shared socket appears to it,
				      unset: not known                     */
	uint64_t fetch_ms;         /* bindings were asked for last         */
	int64_t seatc;             /* users that have one of max           */
	bool path;                 /* it asked for support of Path         */
	bool no_fetch;             /* it refused to list bindings          */
	char server[SITE_SERVER];  /* its Server header, ""                */
	site_silent_h *silenth;
	site_flow_h *flowh;
	void *arg;
};

/**
 * @param errs  Takes what cannot be used
 *
 * @return 0, EBADMSG (errs says why), ENOMEM
 */
int site_alloc(struct site **sitep, const struct pool_conf *conf,
	       const char *tenant, struct pbx *pbx, site_silent_h *silenth,
	       site_flow_h *flowh, void *arg, struct errors *errs);

/** Where requests go, without a flow */
void site_hop(const struct site *site, struct hop *hop);

/** An address it answers from, or has by DNS */
void site_learn(struct site *site, const struct sa *addr);

bool site_has(const struct site *site, const struct sa *addr);

/** A registration was answered, or was not; the handler is told when that
    ends a silence or makes one */
void site_answered(struct site *site);
void site_unanswered(struct site *site);

/** Credentials or the user were refused: what makes a PBX ban an address */
void site_refused(struct site *site);

/** A user got through */
void site_accepted(struct site *site);

/** A user has registered for the first time, without anything to tell of it:
    the log counts them, for of a node's start it would say nothing else */
void site_registered(struct site *site);

/**
 * How long a user has to wait so that failures stay within the budget an
 * hour. Those that were registered before are asked to only when nobody gets
 * through any more
 *
 * @return Milliseconds, 0: none
 */
uint64_t site_patience(const struct site *site, bool proven);

/** The silence began after refusals: it may be a ban */
bool site_is_banned(const struct site *site);

bool site_is_silent(const struct site *site);

/** May bindings be asked for now? Seldom, and not where they were refused */
bool site_may_fetch(struct site *site);

/** The Service-Route of an answer, shared where it is the same as the last
    one. Reference, NULL: none */
struct routes *site_routes(struct site *site, const struct sip_msg *msg);

#endif
