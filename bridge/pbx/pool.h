/**
 * @file pool.h  Every account of the node and its registration
 *
 * An account is what a PBX gave us for one Teams user; its registration is
 * the standing REGISTER (RFC 3261 section 10). The pool decides when each is
 * sent: paced for each PBX, with jitter, refreshed at the profile's share of
 * the granted expiry, backed off after failures (RFC 5626 section 4.5),
 * stopped after a definite credential failure until the user is edited.
 *
 * It also knows which account an incoming request is for: by the Contact we
 * registered (whole, then its parameter), then the local port, then the
 * user part; never by To first.
 */
#ifndef PBX_POOL_H
#define PBX_POOL_H

#include "bridge/base/libre.h"
#include "bridge/model/tenant.h"
#include "bridge/model/status.h"
#include "bridge/sip/request.h"

struct stack;
struct strans;
struct resolver;
struct digest;
struct errors;
struct pool;
struct routes;
struct account;

struct pool_conf {
	struct stack *stack;       /* borrowed */
	struct resolver *resolver; /* borrowed */
	struct listener *lsnrv[SIP_TRANSPC];   /* borrowed, by transport; NULL:
				      that transport is not there         */
	bool spread;               /* false: tests want no jitter at start */
};

/** A registration's state changed, or what is said of it */
typedef void (pool_status_h)(const struct reg_status *st, void *arg);

int pool_alloc(struct pool **poolp, const struct pool_conf *conf,
	       pool_status_h *statush, void *arg);

/**
 * Make the accounts be those of these tenants: new ones register, removed
 * ones unregister, changed ones register anew, the others are untouched. A
 * tenant that is the same object as last time is not looked into: only PBXs
 * that came from or went to another node count then
 *
 * @param tenantl  struct tenant; accounts keep references
 * @param errs     Takes what cannot be used (a PBX's CA file...)
 *
 * @return 0, EBADMSG nothing was changed, ENOMEM
 */
int pool_apply(struct pool *pool, const struct list *tenantl,
	       struct errors *errs);

/** The account a request from the PBX side is for, NULL if none. Borrowed */
struct account *pool_find_request(struct pool *pool,
				  const struct sip_msg *msg);

/** The account of a tenant's user. Borrowed, NULL */
struct account *pool_find_upn(struct pool *pool, const char *tenant,
			      const char *upn);
/** ... by the user's number; E.164 with or without + */
struct account *pool_find_number(struct pool *pool, const char *tenant,
				 const char *number);

/** May this source speak to us: an address that a configured PBX has or that
    its name has resolved to */
bool pool_admits(const struct pool *pool, const struct sa *peer);

/** Whose address it is, and how much its PBXs, which may be several behind
    one address, may send together */
struct stack_source;
void pool_source(const struct pool *pool, const struct sa *peer,
		 struct stack_source *src);

/** True if the request came from this account's PBX */
bool account_is_from(const struct account *acc, const struct sip_msg *msg);

const struct tenant *account_tenant(const struct account *acc);
const struct pbx *account_pbx(const struct account *acc);
const struct user *account_user(const struct account *acc);
const char *account_aor(const struct account *acc);
struct digest *account_digest(const struct account *acc);
bool account_is_registered(const struct account *acc);

/** Another node serves its PBX: it does not register here */
bool account_is_away(const struct account *acc);

/** Where this account's calls go: as its REGISTER, over its flow. Valid
    while the account is; copy what must last */
void account_hop(const struct account *acc, struct hop *hop);

/** Contact for this account's dialogs: "<sip:101@203.0.113.9:5060>". Valid
    until the account's next registration */
const char *account_contact(const struct account *acc);

/** Routes that the account's own requests bear: the Service-Route of its
    registration (RFC 3608), NULL: none. Borrowed likewise */
const struct routes *account_routes(const struct account *acc);

/** Register now instead of at the timer (also after a stop). @return 0,
    EHOSTUNREACH it is another node's */
int account_register_now(struct account *acc);

/** Remove all bindings, each with a bound of 2 s; `doneh` once */
typedef void (pool_done_h)(void *arg);
void pool_unregister_all(struct pool *pool, pool_done_h *doneh, void *arg);

/** Answer OPTIONS and NOTIFY from the PBX (qualify, message waiting).
    @return true if it took the transaction */
bool pool_request(struct pool *pool, struct strans *st,
		  const struct sip_msg *msg);

#endif
