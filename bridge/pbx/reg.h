/**
 * @file reg.h  One standing REGISTER (RFC 3261 section 10)
 *
 * Keeps the binding of one account alive: one Call-ID for its life, a rising
 * CSeq, refreshed at the profile's share of what was granted. When it may
 * send is for its site's pacer to say. Private to this room.
 */
#ifndef PBX_REG_H
#define PBX_REG_H

#include "bridge/model/status.h"
#include "site.h"

struct reg;
struct routes;

/** Something of the status has changed; reg_status_fill() tells what */
typedef void (reg_change_h)(struct reg *reg, void *arg);

/** What a registration needs to know; strings and objects are borrowed from
    its account, which outlives it */
struct reg_conf {
	struct site *site;
	const char *aor;           /* "sip:101@pbx.example"                */
	const char *contact;       /* "<sip:101@203.0.113.9:5060;cb=...>"  */
	const char *token;         /* the cb parameter's value, NULL       */
	struct listener *lsnr;     /* of its own, NULL: the site's         */
};

/**
 * Nothing is sent before reg_start(); the state until then is REG_OFF
 *
 * @return 0, ENOMEM
 */
int reg_alloc(struct reg **regp, const struct reg_conf *conf,
	      reg_change_h *changeh, void *arg);

/**
 * Begin, or begin again with other credentials: as soon as the pacer lets
 *
 * @param digest   Credentials, referenced
 * @param delay_ms Before the first
 */
void reg_start(struct reg *reg, struct digest *digest, uint64_t delay_ms);

/** Wait no longer for the timer; after a stop too */
void reg_now(struct reg *reg);

/** True if it waits because it heard nothing */
bool reg_is_unheard(const struct reg *reg);

/**
 * The PBX answers again: those who heard nothing need not wait longer
 *
 * @param userc   How many these are
 * @param wait_s  Time until all of them had their turn
 */
void reg_wake(struct reg *reg, unsigned userc, uint32_t wait_s);

/** The PBX is silent: one that waits for its first turn is failing too */
void reg_hold(struct reg *reg);

/** No registration is needed (auth_type none), counts as registered */
void reg_static(struct reg *reg);

/**
 * Take the binding back (expires 0), at most 2 s; then the handler, once and
 * never from inside. Where there is no binding it comes at once
 */
typedef void (reg_left_h)(void *arg);
void reg_leave(struct reg *reg, reg_left_h *lefth, void *arg);

bool reg_is_registered(const struct reg *reg);

/** The flow of the registration while it is up, NULL. Borrowed */
struct flow *reg_flow(const struct reg *reg);

/** Our Contact as the PBX has it: conf's, or at an address that was learnt */
const char *reg_contact(const struct reg *reg);

/** The Service-Route of the last success (RFC 3608), NULL. Borrowed */
const struct routes *reg_routes(const struct reg *reg);

/** A flow appears to the PBX at another address: those that went over it and
    want their Contact there register anew */
void reg_remap(struct reg *reg, const struct flow *flow,
	       const struct sa *mapped);

/** The PBX does not answer on a flow: whoever registered over it may find out
    now. @return true if it does */
bool reg_check(struct reg *reg, const struct flow *flow);

/** Where this account's requests go */
void reg_hop(const struct reg *reg, struct hop *hop);

/** Everything of the status that is the registration's */
void reg_status_fill(const struct reg *reg, struct reg_status *st);

#endif
