/**
 * @file reg_answer.c  A registration: what comes of it (RFC 3261 section 10.3)
 */
#include "bridge/base/log.h"
#include "bridge/base/text.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/routes.h"
#include "alive.h"
#include "binding.h"
#include "contact.h"
#include "exchange.h"
#include "reg_core.h"


enum {
	EXPIRES_MIN_S = 20,        /* shorter grants are taken for that    */
	MIN_EXPIRES_MAX_S = 86400,
	ROUNDS        = 3,         /* once more at once, in one attempt    */
	WHY           = 256,
};


/** Whether silence, and not a decision, ended it */
static bool is_unheard(int err)
{
	return err && err != ENOENT && err != EPROTONOSUPPORT &&
		err != ENOMEM && err != EINVAL;
}


void reg_failure_set(struct reg *reg, int err, const struct sip_msg *msg,
		     const char *why, const struct advice *advice)
{
	struct failure *failure;

	failure = mem_zalloc(sizeof(*failure), NULL);
	if (!failure)
		return;            /* the old one has to do */

	failure->advice  = *advice;
	failure->unheard = is_unheard(err);
	if (msg)
		(void)re_snprintf(failure->words, sizeof(failure->words),
				  "%u %r", msg->scode, &msg->reason);
	else
		(void)re_snprintf(failure->words, sizeof(failure->words),
				  "%s", *why ? why : strerror(err));

	mem_deref(reg->failure);
	reg->failure = failure;
}


static void stop(struct reg *reg)
{
	reg_phase_set(reg, STOPPED);
	reg_seat_free(reg);
	reg->next_s   = 0;
	reg->bound_ms = 0;
	warning("reg", reg->conf.aor, "%s (%s); stopped until edited or"
		" retried", reg->failure->advice.reason,
		reg->failure->words);
}


static void fail(struct reg *reg, int err, const struct sip_msg *msg,
		 const char *why, const struct advice *advice, bool rejected)
{
	uint64_t wait;

	if (reg->failurec < UINT8_MAX)
		++reg->failurec;

	reg->scode = msg ? msg->scode : 0;
	reg_failure_set(reg, err, msg, why, advice);
	if (!reg->failure) {
		/* no memory even for that: say nothing, try again */
		reg_wait(reg, REG_BACK_OFF_MS);
		reg_state_set(reg, REG_RED);
		return;
	}

	/* who names a time will change its mind (RFC 3261 section 20.33) */
	if (reg->failure->advice.action == ADVICE_STOP && !rejected &&
	    reg_retry_after(msg))
		reg->failure->advice.action = ADVICE_SLOW;

	if (reg->failure->advice.action == ADVICE_STOP) {
		stop(reg);
	}
	else {
		wait = reg_wait_after(reg, msg);
		reg_wait(reg, wait);
		warning("reg", reg->conf.aor, "%s (%s); next try in %u s",
			reg->failure->advice.reason, reg->failure->words,
			(unsigned)(wait / 1000));
	}

	reg_state_set(reg, REG_RED);
}


/** How a firewall that bans looks to us */
static bool is_silence(int err)
{
	return err == ETIMEDOUT || err == ECONNREFUSED;
}


/** Where a 3xx wants us to go that is not followed: credentials are for the
    PBX that the customer named */
static void target_tell(struct advice *advice, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	struct pl dname, addr, params;
	char target[128];

	if (!hdr || msg_nameaddr(&hdr->val, &dname, &addr, &params) ||
	    pl_strcpy(&addr, target, sizeof(target)))
		return;

	for (char *p = target; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';

	advice_add_target(advice, target);
}


/** A challenge was not answered for its realm: name both */
static void realm_tell(const struct reg *reg, struct advice *advice,
		       const struct sip_msg *msg)
{
	const char *ours = reg_pbx(reg)->realm ? reg_pbx(reg)->realm :
		digest_realm(reg->digest);
	char asked[64];

	digest_realm_asked(asked, sizeof(asked), msg);
	if (ours && *asked && strcmp(asked, ours))
		advice_realm(advice, asked, ours, reg_pbx(reg)->realm != NULL);
}


/** @param rejected  The credentials were refused, and nothing else */
void reg_failed(struct reg *reg, int err, const struct sip_msg *msg,
		const char *why, bool rejected)
{
	const uint64_t waited = wheel_now(reg_wheel(reg)) - reg->sent_ms;
	struct advice advice;
	char words[REG_WORDS] = "";

	if (rejected || (msg && (msg->scode == 403 || msg->scode == 404)))
		site_refused(reg->conf.site);

	if (msg)
		(void)pl_strcpy(&msg->reason, words, sizeof(words));

	advice_make(&advice, reg_pbx(reg), err, msg ? msg->scode : 0, words,
		    why, (unsigned)((waited + 500) / 1000),
		    rejected);
	if (msg && (msg->scode == 401 || msg->scode == 407) && !rejected)
		realm_tell(reg, &advice, msg);
	if (is_silence(err) && site_is_banned(reg->conf.site))
		advice_banned(&advice, reg->conf.site->host);
	if (msg && msg->scode >= 300 && msg->scode < 400)
		target_tell(&advice, msg);

	if (reg->rare) {
		reg->rare->moved = mem_deref(reg->rare->moved);
		reg->rare->stale = mem_deref(reg->rare->stale);
	}

	fail(reg, err, msg, why, &advice, rejected);
}


/** 200, but without us */
static void unlisted(struct reg *reg, const struct sip_msg *msg,
		     const char *rivals)
{
	struct advice advice;

	advice_unlisted(&advice, rivals);
	fail(reg, 0, msg, "", &advice, false);
}


static void flow_closed(struct flow *flow, int err, void *arg)
{
	struct reg *reg = arg;
	(void)flow;

	if (!err)
		return;            /* it came up */

	reg_flow_drop(reg);

	/* The PBX cannot reach us any more. Not all of a connection's users
	   at once; the pacer does the rest */
	if (reg->phase == WAITING && reg->state != REG_RED)
		reg_wait(reg, reg_spread(REG_RETRY_MS, 0));
}


static void flow_take(struct reg *reg, struct flow *flow)
{
	if (!flow)
		return;

	if (flow != reg->flow) {
		reg_flow_drop(reg);
		reg->flow = mem_ref(flow);
		if (flow_transp(flow) != SIP_TRANSP_UDP)
			flow_watch(&reg->watch, flow, flow_closed, reg);
	}

	alive_keep(reg->conf.site, flow);
}


static uint32_t granted(const struct reg *reg, uint32_t expires_s)
{
	if (!expires_s || expires_s > reg->asked_s)
		return reg->asked_s;

	return expires_s < EXPIRES_MIN_S ? EXPIRES_MIN_S : expires_s;
}


static void server_take(struct reg *reg, const struct sip_msg *msg)
{
	struct pl server = msg_hdr_value(msg, SIP_HDR_SERVER);

	if (!pl_isset(&server))
		server = msg_hdr_value(msg, SIP_HDR_USER_AGENT);

	if (server.l >= sizeof(reg->conf.site->server))
		server.l = sizeof(reg->conf.site->server) - 1;
	if (pl_isset(&server))
		(void)pl_strcpy(&server, reg->conf.site->server,
				sizeof(reg->conf.site->server));
}


static void rivals_set(struct reg *reg, const char *rivals)
{
	reg->rivals = mem_deref(reg->rivals);
	if (*rivals)
		(void)str_dup(&reg->rivals, rivals);
}


/** Service-Route counts until the next answer (RFC 3608 section 6.1) */
static void routes_take(struct reg *reg, const struct sip_msg *msg)
{
	struct routes *routes = site_routes(reg->conf.site, msg);
	struct rare *rare = routes ? reg_rare(reg) : reg->rare;

	if (rare) {
		mem_deref(rare->routes);
		rare->routes = routes;
	}
	else {
		mem_deref(routes);
	}
}


/** What was to be taken back has been; what is still there of old, goes */
static void stale_take(struct reg *reg, const char *stale)
{
	struct rare *rare = *stale ? reg_rare(reg) : reg->rare;

	if (!rare)
		return;

	rare->stale = mem_deref(rare->stale);
	if (*stale)
		(void)str_dup(&rare->stale, stale);
}


static void accepted(struct reg *reg, const struct sip_msg *msg,
		     struct flow *flow)
{
	const uint64_t now = wheel_now(reg_wheel(reg));
	const bool late = reg->bound_ms && reg->bound_ms < now &&
		!reg->failurec;
	const enum reg_state before = reg->state;
	struct bindings b;
	bool failed;

	bindings_read(&b, msg, reg_contact(reg), reg->conf.token);
	if (!b.ours) {
		reg->bound_ms = 0;
		unlisted(reg, msg, b.rivals);
		return;
	}

	if (!reg->evicted)
		rivals_set(reg, b.rivals);
	routes_take(reg, msg);
	stale_take(reg, b.stale);

	failed = reg->failure != NULL;
	if (failed)
		exchange_drop(reg->conf.site->conf->stack, reg->conf.aor);
	reg->failure   = mem_deref(reg->failure);
	reg->failurec  = 0;
	reg->proven    = true;
	site_accepted(reg->conf.site);
	reg->scode     = msg->scode;
	reg->granted_s = granted(reg, b.expires_s);
	reg->bound_ms  = now + (uint64_t)reg->granted_s * 1000;
	flow_take(reg, flow);
	reg_wait(reg, reg_refresh_after(reg));

	if (before == REG_QUEUED && !failed && !b.others)
		site_registered(reg->conf.site);
	else if (before != REG_GREEN)
		info("reg", reg->conf.aor, "registered for %u s, with %u"
		     " other phones", reg->granted_s, b.others);

	reg_state_set(reg, late ? REG_LAGGING : REG_GREEN);
}


/** 423: longer; the site's other users ask so from the start */
static bool longer(struct reg *reg, const struct sip_msg *msg)
{
	uint32_t min_s;

	if (!msg_hdr_uint(msg, SIP_HDR_MIN_EXPIRES, &min_s) ||
	    min_s <= reg->asked_s || min_s > MIN_EXPIRES_MAX_S)
		return false;

	if (min_s > reg->conf.site->min_expires_s)
		reg->conf.site->min_expires_s = min_s;

	return true;
}


/** 420, 421: a proxy on the way wants to add a Path, and may if we say that
    we know it (RFC 3327 section 5.1) */
static bool with_path(struct reg *reg, const struct sip_msg *msg)
{
	const enum sip_hdrid id = msg->scode == 421 ? SIP_HDR_REQUIRE :
		SIP_HDR_UNSUPPORTED;

	if (reg->said_path || !msg_has_token(msg, id, "path"))
		return false;

	if (!reg->conf.site->path)
		info("pbx", reg_pbx(reg)->name, "%s: asks for support of"
		     " Path", reg->conf.site->tenant);
	reg->conf.site->path = true;

	return true;
}


/** 3xx: follow it once, where credentials may go */
static bool elsewhere(struct reg *reg, const struct sip_msg *msg)
{
	struct redirect *moved;
	struct rare *rare;

	if (reg_moved(reg) || redirect_read(&moved, reg->conf.site, msg))
		return false;

	rare = reg_rare(reg);
	if (!rare) {
		mem_deref(moved);
		return false;
	}

	rare->moved = moved;
	reg_flow_drop(reg);
	info("reg", reg->conf.aor, "%u: registers at %s", msg->scode,
	     moved->host);

	return true;
}


/** 2xx: but the PBX sees us elsewhere than our Contact says */
static bool seen_elsewhere(struct reg *reg, const struct sip_msg *msg)
{
	struct site *site = reg->conf.site;
	struct sa mapped;

	if (reg_pbx(reg)->contact.address != PBX_ADDRESS_LEARNT ||
	    contact_learn(&mapped, msg))
		return false;

	if (!reg_is_alone(reg))
		site->mapped = mapped;

	return reg_contact_settle(reg, &mapped, true);
}


/** Is there something to try at once? */
static bool again(struct reg *reg, const struct sip_msg *msg)
{
	if (!msg || reg->roundc >= ROUNDS)
		return false;

	++reg->roundc;

	if (msg->scode < 300)
		return seen_elsewhere(reg, msg);
	if (msg->scode < 400)
		return elsewhere(reg, msg);

	switch (msg->scode) {

	case 420:
	case 421: return with_path(reg, msg);
	case 423: return longer(reg, msg);
	default:  return false;
	}
}


/** Whom the PBX had there before this renewal */
static void fetched(struct reg *reg, const struct sip_msg *msg)
{
	struct bindings b;

	if (msg->scode >= 300) {
		if (msg->scode < 500) {
			reg->conf.site->no_fetch = true;
			info("pbx", reg_pbx(reg)->name, "%s: does not list"
			     " bindings (%u)", reg->conf.site->tenant,
			     msg->scode);
		}
		return;
	}

	bindings_read(&b, msg, reg_contact(reg), reg->conf.token);
	stale_take(reg, b.stale);

	/* what it has listed for our own REGISTER is ours, rewritten */
	reg->evicted = b.rivals[0] && (reg->evicted || !reg->rivals ||
				       strcmp(reg->rivals, b.rivals));
	if (!reg->evicted)
		return;

	++reg->flaps;
	rivals_set(reg, b.rivals);
	warning("reg", reg->conf.aor, "another phone had taken its place: %s",
		b.rivals);
}


static void answered(struct reg *reg, int err, const struct sip_msg *msg,
		     struct flow *flow, const char *why, bool rejected)
{
	struct site *site = reg->conf.site;

	if (msg && flow)
		site_learn(site, flow_peer(flow));

	if (msg) {
		server_take(reg, msg);
		site_answered(site);
	}
	else if (is_unheard(err)) {
		site_unanswered(site);
		reg_flow_drop(reg);
	}

	if (msg && msg->scode < 300)
		accepted(reg, msg, flow);
	else
		reg_failed(reg, err, msg, why, rejected);
}


void reg_answer_h(int err, const struct sip_msg *msg, void *arg)
{
	struct reg *reg = arg;
	struct mbuf *sent;
	struct flow *flow;
	char why[WHY];
	bool rejected;

	if (msg && msg->scode < 200)
		return;

	if (reg->phase == LEAVING) {
		reg_gone(reg);
		return;
	}

	reg->rtt_ms = request_rtt_ms(reg->req);
	text_copy(why, request_why(reg->req), sizeof(why));
	rejected = request_is_rejected(reg->req);
	flow = mem_ref(request_flow(reg->req));
	sent = mem_ref((void *)(uintptr_t)request_sent(reg->req));
	reg->req = mem_deref(reg->req);

	if (reg->fetching && msg && !rejected) {
		reg->fetching = false;
		fetched(reg, msg);
		reg_try(reg);
	}
	else if (again(reg, msg)) {
		reg_try(reg);
	}
	else {
		reg->fetching = false;
		pacer_back(&reg->conf.site->pacer);
		answered(reg, err, msg, flow, why, rejected);
		if (reg->failure)
			exchange_keep(reg->conf.site->conf->stack,
				      reg->conf.aor, sent, flow, msg);
	}

	mem_deref(sent);
	mem_deref(flow);
}
