/**
 * @file reg.c  One standing REGISTER (RFC 3261 section 10)
 *
 *   IDLE -> QUEUED -> SENDING -> WAITING -> QUEUED ...
 *                        |----> STOPPED (until an edit, or reg_now())
 *
 * and to LEAVING from anywhere. What people see (enum reg_state) is another
 * question: a user stays green while its refresh is under way.
 */
#include <assert.h>
#include <time.h>

#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/text.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/health.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/routes.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/transp.h"
#include "advice.h"
#include "alive.h"
#include "binding.h"
#include "contact.h"
#include "exchange.h"
#include "redirect.h"
#include "reg.h"


enum {
	BACK_OFF_MS   = 30000,     /* RFC 5626 section 4.5                 */
	BACK_OFF_MAX_MS = 1800000,
	SLOW_MS       = 600000,    /* half of it at least: 5 min           */
	RETRY_MS      = 2000,      /* after a connection was lost          */
	TOGETHER_MS   = 100,       /* refreshes that are so close go out
				      together, as far as the pacer lets   */
	HOLD_SPREAD_MS = 60000,
	SILENT_MAX_MS = 60000,     /* the pacer holds a silent PBX's users
				      back, so they need not             */
	LEAVE_MS      = 2000,
	EXPIRES_MIN_S = 20,        /* shorter grants are taken for that    */
	MIN_EXPIRES_MAX_S = 86400,
	RETRY_AFTER_MAX_S = 3600,
	SHORT_S       = 600,       /* shorter grants are worth a word      */
	ROUNDS        = 3,         /* once more at once, in one attempt    */
	FULL_MS       = 60000,     /* no seat is free: looked for again    */
	MARGIN_S      = 64,        /* two Timer F before a binding ends    */
	SILENCE_S     = 32,        /* Timer F                              */
	WORDS         = 128,
	WHY           = 256,
	CONTACTS      = 1024,      /* octets of Contact and Expires        */
};


enum phase { IDLE, STATIC, QUEUED, SENDING, WAITING, STOPPED, LEAVING };

#define BIT(phase) (1u << (phase))

static const unsigned successors[] = {
	[IDLE]    = BIT(IDLE) | BIT(STATIC) | BIT(WAITING) | BIT(LEAVING),
	[STATIC]  = BIT(LEAVING),
	[QUEUED]  = BIT(SENDING) | BIT(IDLE) | BIT(LEAVING),
	[SENDING] = BIT(WAITING) | BIT(STOPPED) | BIT(IDLE) | BIT(LEAVING),
	[WAITING] = BIT(QUEUED) | BIT(WAITING) | BIT(IDLE) | BIT(LEAVING),
	[STOPPED] = BIT(QUEUED) | BIT(IDLE) | BIT(LEAVING),
	[LEAVING] = 0,
};


/** What is told of a failure; there while there is one */
struct failure {
	struct advice advice;
	char words[WORDS];         /* the PBX's own, or our errno's        */
	bool unheard;              /* nobody answered                      */
};

/** What most users do not have */
struct rare {
	char *contact;             /* owned: ours as it was learnt, NULL:
				      as in conf                           */
	char *stale;               /* owned: a Contact of ours that the next
				      REGISTER takes back, NULL            */
	struct redirect *moved;    /* owned: where a 3xx led, NULL         */
	struct routes *routes;     /* ref: Service-Route, NULL             */
};

struct reg {
	struct reg_conf conf;
	reg_change_h *changeh;
	reg_left_h *lefth;
	void *arg, *left_arg;
	struct wheel_tmr tmr;      /* WAITING: next attempt; QUEUED and
				      SENDING: end of the binding; LEAVING:
				      patience                             */
	struct pace pace;
	struct request *req;       /* owned, SENDING and LEAVING           */
	struct digest *digest;     /* ref                                  */
	struct flow_watch watch;   /* of a connection                      */
	struct flow *flow;         /* ref, of the last success             */
	struct failure *failure;   /* owned, NULL: none                    */
	struct rare *rare;         /* owned, NULL: nothing of it           */
	char *rivals;              /* owned: contacts that the PBX has where
				      ours should be, NULL: none           */
	uint64_t sent_ms, bound_ms;        /* bound: end of the binding, 0 */
	int64_t since_s, next_s;   /* wall clock                           */
	uint32_t cseq;
	uint32_t asked_s, granted_s;
	uint32_t rtt_ms;
	uint32_t flaps;
	uint16_t scode;
	uint8_t failurec;          /* in a row                             */
	uint8_t roundc;            /* once more at once, in this attempt   */
	bool proven;               /* these credentials were accepted once */
	bool insist;               /* a person wants it now                */
	bool fetching;             /* SENDING: it asks for the bindings    */
	bool said_path;            /* the last REGISTER: Supported: path   */
	bool evicted;              /* rivals had its place before the last
				      renewal                              */
	bool seated;               /* counts among the site's max          */
	uint8_t phase, state;      /* enum phase, enum reg_state           */
	char callid[21], tag[9];
};


static void queue(void *arg);
static void attempt(void *arg);


static struct wheel *wheel_of(const struct reg *reg)
{
	return stack_wheel(reg->conf.site->conf->stack);
}


static const struct pbx *pbx_of(const struct reg *reg)
{
	return reg->conf.site->pbx;
}


/** The PBX has a binding of ours */
static bool is_bound(const struct reg *reg)
{
	return reg->bound_ms > wheel_now(wheel_of(reg));
}


static void set_phase(struct reg *reg, enum phase next)
{
	assert(successors[reg->phase] & BIT(next));

	wheel_cancel(&reg->tmr);
	reg->phase = (uint8_t)next;
}


/** The one door for what people see */
static void set_state(struct reg *reg, enum reg_state next)
{
	if (reg->state != next) {
		if (reg->state == REG_GREEN && next == REG_RED)
			++reg->flaps;
		reg->state   = (uint8_t)next;
		reg->since_s = time(NULL);
	}

	reg->changeh(reg, reg->arg);
}


/** Between so many percent and all of it */
static uint64_t spread(uint64_t ms, unsigned percent)
{
	return ms * (percent + token_number() % (101 - percent)) / 100;
}


/** Free one's place among those that may be registered at once */
static void seat_free(struct reg *reg)
{
	if (reg->seated)
		--reg->conf.site->seatc;

	reg->seated = false;
}


static void flow_drop(struct reg *reg)
{
	flow_unwatch(&reg->watch);
	reg->flow = mem_deref(reg->flow);
}


/** Stop whatever is under way */
static void halt(struct reg *reg)
{
	wheel_cancel(&reg->tmr);
	pacer_forget(&reg->pace);

	if (reg->phase == SENDING)
		pacer_back(&reg->conf.site->pacer);

	reg->req = mem_deref(reg->req);
}


static void destructor(void *data)
{
	struct reg *reg = data;

	halt(reg);
	flow_drop(reg);
	seat_free(reg);
	mem_deref(reg->digest);
	mem_deref(reg->failure);
	mem_deref(reg->rivals);
	mem_deref(reg->rare);
}


static void rare_destructor(void *data)
{
	struct rare *rare = data;

	mem_deref(rare->contact);
	mem_deref(rare->stale);
	mem_deref(rare->moved);
	mem_deref(rare->routes);
}


/** NULL without memory */
static struct rare *rare_get(struct reg *reg)
{
	if (!reg->rare)
		reg->rare = mem_zalloc(sizeof(*reg->rare), rare_destructor);

	return reg->rare;
}


const char *reg_contact(const struct reg *reg)
{
	return reg->rare && reg->rare->contact ? reg->rare->contact :
		reg->conf.contact;
}


const struct routes *reg_routes(const struct reg *reg)
{
	return reg->rare ? reg->rare->routes : NULL;
}


static const struct redirect *moved_to(const struct reg *reg)
{
	return reg->rare ? reg->rare->moved : NULL;
}


int reg_alloc(struct reg **regp, const struct reg_conf *conf,
	      reg_change_h *changeh, void *arg)
{
	struct reg *reg;

	reg = mem_zalloc(sizeof(*reg), destructor);
	if (!reg)
		return ENOMEM;

	reg->conf    = *conf;
	reg->changeh = changeh;
	reg->arg     = arg;
	reg->phase   = IDLE;
	reg->state   = REG_OFF;
	reg->since_s = time(NULL);
	token_random(reg->callid, sizeof(reg->callid) - 1);
	token_random(reg->tag, sizeof(reg->tag) - 1);

	*regp = reg;

	return 0;
}


/* ------------------------------------------------------------------ */
/* When                                                                */


static void wait_for(struct reg *reg, uint64_t ms)
{
	set_phase(reg, WAITING);
	reg->next_s = time(NULL) + (int64_t)((ms + 999) / 1000);
	wheel_start(wheel_of(reg), &reg->tmr, ms, queue, reg);
}


static uint64_t back_off(const struct reg *reg, uint64_t base_ms)
{
	const unsigned doublings = reg->failurec < 8 ? reg->failurec - 1 : 7;
	uint64_t bound = base_ms << doublings;

	if (bound > BACK_OFF_MAX_MS)
		bound = BACK_OFF_MAX_MS;

	return spread(bound, 50);
}


/** Retry-After as the PBX asks, 0 if it does not; a little later for some, so
    that they do not come together */
static uint64_t retry_after(const struct sip_msg *msg)
{
	uint32_t s;

	if (!msg || !msg_hdr_uint(msg, SIP_HDR_RETRY_AFTER, &s) || !s)
		return 0;

	if (s > RETRY_AFTER_MAX_S)
		s = RETRY_AFTER_MAX_S;

	return (uint64_t)s * 1000 + token_number() % (s * 100 + 1);
}


/** Time until the next attempt after a failure */
static uint64_t wait_after(const struct reg *reg, const struct sip_msg *msg)
{
	const uint64_t asked = retry_after(msg);
	uint64_t wait;

	switch (reg->failure->advice.action) {

	case ADVICE_SLOW:
		wait = back_off(reg, SLOW_MS);
		break;

	case ADVICE_RETRY:
		wait = reg->failurec == 1 ? spread(RETRY_MS, 50) :
			back_off(reg, BACK_OFF_MS);
		break;

	default:
		wait = back_off(reg, BACK_OFF_MS);
		break;
	}

	if (site_is_silent(reg->conf.site) && wait > SILENT_MAX_MS)
		wait = spread(SILENT_MAX_MS, 50);

	return wait > asked ? wait : asked;
}


/** A little earlier, so that refreshes of all PBXs come a few at a time and
    not each for itself, which costs most where they are few */
static uint64_t together(const struct reg *reg, uint64_t ms)
{
	const uint64_t over = (wheel_now(wheel_of(reg)) + ms) % TOGETHER_MS;

	return ms > over ? ms - over : ms;
}


/** Time until a binding that was granted for so long is refreshed */
static uint64_t refresh_after(const struct reg *reg)
{
	uint32_t s = reg->granted_s * pbx_of(reg)->registration.refresh_at
		/ 100;

	if (reg->granted_s > 2 * MARGIN_S && s > reg->granted_s - MARGIN_S)
		s = reg->granted_s - MARGIN_S;

	return together(reg, spread((uint64_t)s * 1000, 90));
}


/** The binding has ended while its refresh waits or is under way */
static void lapse(void *arg)
{
	struct reg *reg = arg;

	warning("reg", reg->conf.aor, "the registration ended before it could"
		" be renewed");
	set_state(reg, REG_LAGGING);
}


static void lapse_watch(struct reg *reg)
{
	const uint64_t now = wheel_now(wheel_of(reg));

	if (reg->state == REG_GREEN && reg->bound_ms > now)
		wheel_start(wheel_of(reg), &reg->tmr, reg->bound_ms - now,
			    lapse, reg);
}


static void queue(void *arg)
{
	struct reg *reg = arg;

	set_phase(reg, QUEUED);
	reg->next_s = 0;
	pacer_wait(&reg->conf.site->pacer, &reg->pace, attempt, reg);
	lapse_watch(reg);
	reg_hold(reg);
}


/* ------------------------------------------------------------------ */
/* What                                                                */


/** A port or a connection of its own */
static bool reg_is_alone(const struct reg *reg)
{
	const struct site *site = reg->conf.site;

	return reg->conf.lsnr || (site->tp != SIP_TRANSP_UDP &&
		site->pbx->contact.connection == PBX_CONNECTION_PER_USER);
}


void reg_hop(const struct reg *reg, struct hop *hop)
{
	const struct site *site = reg->conf.site;

	const struct redirect *moved = moved_to(reg);

	site_hop(site, hop);
	hop->flow = reg_flow(reg);

	/* Another address of the PBX answers, this one does not */
	if (hop->flow && site->placec > 1 &&
	    health_is_down(site->health, site->tp, flow_peer(hop->flow)))
		hop->flow = NULL;

	if (reg->conf.lsnr)
		hop->lsnrv[site->tp] = reg->conf.lsnr;
	hop->alone = reg_is_alone(reg);

	if (moved) {
		struct sa sa;

		hop->host = moved->host;
		hop->port = moved->port;
		hop->tls_name = sa_set_str(&sa, moved->host, 0) ? NULL :
			site->pbx->sip_domain;
	}
}


static void answer_h(int err, const struct sip_msg *msg, void *arg);
static void failure_set(struct reg *reg, int err, const struct sip_msg *msg,
			const char *why, const struct advice *advice);


/** Contact, and with it what is taken back; none where bindings are asked
    for (RFC 3261 section 10.2.3) */
static int join_binding(char *buf, size_t size, const struct reg *reg)
{
	const char *stale = reg->rare ? reg->rare->stale : NULL;
	char number[MSG_NUMBER];

	if (reg->fetching) {
		*buf = '\0';
		return 0;
	}

	return msg_join(buf, size, "Contact: ", reg_contact(reg), "\r\n",
			stale ? "Contact: " : "", stale ? stale : "",
			stale ? ";expires=0\r\n" : "", "Expires: ",
			msg_number(number, reg->asked_s), "\r\n", NULL);
}


static int join_head(char *buf, size_t size, const struct reg *reg)
{
	const char *aor = reg->conf.aor;
	char binding[CONTACTS];
	int err;

	err = join_binding(binding, sizeof(binding), reg);
	if (err)
		return err;

	return msg_join(buf, size, "From: <", aor, ">;tag=", reg->tag,
			"\r\nTo: <", aor, ">\r\nCall-ID: ", reg->callid,
			"\r\n", binding,
			reg->said_path ? "Supported: path\r\n" : "",
			"Allow: " POOL_ALLOW "\r\n", NULL);
}


static int join_ruri(char *buf, size_t size, const struct reg *reg)
{
	const struct redirect *moved = moved_to(reg);

	if (!moved || !moved->target)
		return msg_join(buf, size, "sip:", pbx_of(reg)->sip_domain,
				NULL);

	return re_snprintf(buf, size, "%H", redirect_uri_print, moved) < 0 ?
		EOVERFLOW : 0;
}


static int send_register(struct reg *reg, uint32_t expires_s)
{
	const struct pbx *pbx = pbx_of(reg);
	struct request_param prm = { .method = "REGISTER" };
	char ruri[300], head[1536];
	int err;

	reg->asked_s   = expires_s;
	reg->said_path = pbx->registration.path || reg->conf.site->path;

	err = join_ruri(ruri, sizeof(ruri), reg);
	if (!err)
		err = join_head(head, sizeof(head), reg);
	if (err)
		return err;

	prm.ruri        = ruri;
	prm.head        = head;
	prm.cseq        = &reg->cseq;
	prm.digest      = reg->digest;
	prm.reuse_nonce = pbx->registration.reuse_nonce;
	prm.user_agent  = pbx->user_agent;
	reg_hop(reg, &prm.hop);

	/* By address, so that a refresh goes back to a preferred server; the
	   transport finds its connection by itself. But a connection of our
	   own is found by nobody else */
	if (!prm.hop.alone)
		prm.hop.flow = NULL;

	reg->sent_ms = wheel_now(wheel_of(reg));

	return request_send(&reg->req, reg->conf.site->conf->stack, &prm,
			    answer_h, reg);
}


static uint32_t wanted_s(const struct reg *reg)
{
	const uint32_t expires_s = pbx_of(reg)->registration.expires_s;
	const uint32_t min_s = reg->conf.site->min_expires_s;

	return expires_s > min_s ? expires_s : min_s;
}


static void failed(struct reg *reg, int err, const struct sip_msg *msg,
		   const char *why, bool rejected);


/** The pacer's turn, or once more at once */
static void try(struct reg *reg)
{
	int err;

	err = send_register(reg, wanted_s(reg));
	if (err) {
		pacer_back(&reg->conf.site->pacer);
		failed(reg, err, NULL, "", false);
	}
}


/**
 * Be where the PBX sees us, if the profile wants that
 *
 * @param bound  The PBX has the Contact of before
 *
 * @return true if the Contact is another one now. What the PBX may have of
 *         the old one is taken back with the next REGISTER
 */
static bool contact_settle(struct reg *reg, const struct sa *mapped,
			   bool bound)
{
	struct rare *rare;
	char *moved;

	if (pbx_of(reg)->contact.address != PBX_ADDRESS_LEARNT ||
	    !sa_isset(mapped, SA_ALL) ||
	    contact_is_at(reg_contact(reg), mapped))
		return false;

	rare = rare_get(reg);
	if (!rare || contact_move(&moved, reg->conf.contact, mapped))
		return false;

	if (bound) {
		mem_deref(rare->stale);
		rare->stale = NULL;
		(void)str_dup(&rare->stale, reg_contact(reg));
	}

	mem_deref(rare->contact);
	rare->contact = moved;
	info("reg", reg->conf.aor, "the PBX sees us at %J", mapped);

	return true;
}


/** Not now, so that the PBX's budget of failures lasts */
static void hold_back(struct reg *reg, uint64_t patience_ms)
{
	struct advice advice;

	pacer_back(&reg->conf.site->pacer);
	advice_held(&advice, (unsigned)
		    pbx_of(reg)->registration.failures_per_hour);
	failure_set(reg, 0, NULL, "not sent", &advice);
	wait_for(reg, patience_ms + token_number() % HOLD_SPREAD_MS);
	set_state(reg, REG_RED);
}


/** The PBX's licence has no more */
static void keep_out(struct reg *reg)
{
	struct advice advice;

	pacer_back(&reg->conf.site->pacer);
	advice_full(&advice, pbx_of(reg)->registration.max);
	failure_set(reg, 0, NULL, "not sent", &advice);
	wait_for(reg, FULL_MS + rand_u32() % (FULL_MS / 4));
	set_state(reg, REG_QUEUED);
}


/** @return false: as many are registered as may be */
static bool seat_take(struct reg *reg)
{
	struct site *site = reg->conf.site;
	const int64_t max = site->pbx->registration.max;

	if (!max || reg->seated)
		return true;

	if (site->seatc >= max)
		return false;

	++site->seatc;
	reg->seated = true;

	return true;
}


/** Before a renewal: is it still we whom the PBX has there? */
static bool is_fetch_due(const struct reg *reg)
{
	return reg->state == REG_GREEN && !reg->failurec && is_bound(reg) &&
		site_may_fetch(reg->conf.site);
}


static void attempt(void *arg)
{
	struct reg *reg = arg;
	const struct redirect *moved = moved_to(reg);
	const uint64_t patience_ms = reg->insist ? 0 :
		site_patience(reg->conf.site, reg->proven);

	set_phase(reg, SENDING);
	reg->insist = false;

	if (patience_ms) {
		hold_back(reg, patience_ms);
		return;
	}

	if (!seat_take(reg)) {
		keep_out(reg);
		return;
	}

	lapse_watch(reg);
	reg->roundc = 0;
	if (moved && moved->once)
		reg->rare->moved = mem_deref(reg->rare->moved);
	if (!reg_is_alone(reg))
		(void)contact_settle(reg, &reg->conf.site->mapped,
				     is_bound(reg));

	reg->fetching = is_fetch_due(reg);
	if (reg->fetching && send_register(reg, 0))
		reg->fetching = false;
	if (!reg->fetching)
		try(reg);
}


/* ------------------------------------------------------------------ */
/* What comes of it                                                    */


/** Whether silence, and not a decision, ended it */
static bool is_unheard(int err)
{
	return err && err != ENOENT && err != EPROTONOSUPPORT &&
		err != ENOMEM && err != EINVAL;
}


static void failure_set(struct reg *reg, int err, const struct sip_msg *msg,
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
	set_phase(reg, STOPPED);
	seat_free(reg);
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
	failure_set(reg, err, msg, why, advice);
	if (!reg->failure) {
		/* no memory even for that: say nothing, try again */
		wait_for(reg, BACK_OFF_MS);
		set_state(reg, REG_RED);
		return;
	}

	/* who names a time will change its mind (RFC 3261 section 20.33) */
	if (reg->failure->advice.action == ADVICE_STOP && !rejected &&
	    retry_after(msg))
		reg->failure->advice.action = ADVICE_SLOW;

	if (reg->failure->advice.action == ADVICE_STOP) {
		stop(reg);
	}
	else {
		wait = wait_after(reg, msg);
		wait_for(reg, wait);
		warning("reg", reg->conf.aor, "%s (%s); next try in %u s",
			reg->failure->advice.reason, reg->failure->words,
			(unsigned)(wait / 1000));
	}

	set_state(reg, REG_RED);
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
	const char *ours = pbx_of(reg)->realm ? pbx_of(reg)->realm :
		digest_realm(reg->digest);
	char asked[64];

	digest_realm_asked(asked, sizeof(asked), msg);
	if (ours && *asked && strcmp(asked, ours))
		advice_realm(advice, asked, ours, pbx_of(reg)->realm != NULL);
}


/** @param rejected  The credentials were refused, and nothing else */
static void failed(struct reg *reg, int err, const struct sip_msg *msg,
		   const char *why, bool rejected)
{
	const uint64_t waited = wheel_now(wheel_of(reg)) - reg->sent_ms;
	struct advice advice;
	char words[WORDS] = "";

	if (rejected || (msg && (msg->scode == 403 || msg->scode == 404)))
		site_refused(reg->conf.site);

	if (msg)
		(void)pl_strcpy(&msg->reason, words, sizeof(words));

	advice_make(&advice, pbx_of(reg), err, msg ? msg->scode : 0, words,
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

	flow_drop(reg);

	/* The PBX cannot reach us any more. Not all of a connection's users
	   at once; the pacer does the rest */
	if (reg->phase == WAITING && reg->state != REG_RED)
		wait_for(reg, spread(RETRY_MS, 0));
}


static void flow_take(struct reg *reg, struct flow *flow)
{
	if (!flow)
		return;

	if (flow != reg->flow) {
		flow_drop(reg);
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
	struct rare *rare = routes ? rare_get(reg) : reg->rare;

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
	struct rare *rare = *stale ? rare_get(reg) : reg->rare;

	if (!rare)
		return;

	rare->stale = mem_deref(rare->stale);
	if (*stale)
		(void)str_dup(&rare->stale, stale);
}


static void accepted(struct reg *reg, const struct sip_msg *msg,
		     struct flow *flow)
{
	const uint64_t now = wheel_now(wheel_of(reg));
	const bool late = reg->bound_ms && reg->bound_ms < now &&
		!reg->failurec;
	const enum reg_state before = reg->state;
	struct bindings b;

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

	if (reg->failure)
		exchange_drop(reg->conf.site->conf->stack, reg->conf.aor);
	reg->failure   = mem_deref(reg->failure);
	reg->failurec  = 0;
	reg->proven    = true;
	site_accepted(reg->conf.site);
	reg->scode     = msg->scode;
	reg->granted_s = granted(reg, b.expires_s);
	reg->bound_ms  = now + (uint64_t)reg->granted_s * 1000;
	flow_take(reg, flow);
	wait_for(reg, refresh_after(reg));

	if (before != REG_GREEN)
		info("reg", reg->conf.aor, "registered for %u s, with %u"
		     " other phones", reg->granted_s, b.others);

	set_state(reg, late ? REG_LAGGING : REG_GREEN);
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
		info("pbx", pbx_of(reg)->name, "%s: asks for support of"
		     " Path", reg->conf.site->tenant);
	reg->conf.site->path = true;

	return true;
}


/** 3xx: follow it once, where credentials may go */
static bool elsewhere(struct reg *reg, const struct sip_msg *msg)
{
	struct redirect *moved;
	struct rare *rare;

	if (moved_to(reg) || redirect_read(&moved, reg->conf.site, msg))
		return false;

	rare = rare_get(reg);
	if (!rare) {
		mem_deref(moved);
		return false;
	}

	rare->moved = moved;
	flow_drop(reg);
	info("reg", reg->conf.aor, "%u: registers at %s", msg->scode,
	     moved->host);

	return true;
}


/** 2xx: but the PBX sees us elsewhere than our Contact says */
static bool seen_elsewhere(struct reg *reg, const struct sip_msg *msg)
{
	struct site *site = reg->conf.site;
	struct sa mapped;

	if (pbx_of(reg)->contact.address != PBX_ADDRESS_LEARNT ||
	    contact_learn(&mapped, msg))
		return false;

	if (!reg_is_alone(reg))
		site->mapped = mapped;

	return contact_settle(reg, &mapped, true);
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
			info("pbx", pbx_of(reg)->name, "%s: does not list"
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


static void left(void *arg)
{
	struct reg *reg = arg;
	reg_left_h *lefth = reg->lefth;

	wheel_cancel(&reg->tmr);
	reg->req = mem_deref(reg->req);
	reg->bound_ms = 0;
	reg->lefth = NULL;

	if (lefth)
		lefth(reg->left_arg);      /* it may free us */
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
		flow_drop(reg);
	}

	if (msg && msg->scode < 300)
		accepted(reg, msg, flow);
	else
		failed(reg, err, msg, why, rejected);
}


static void answer_h(int err, const struct sip_msg *msg, void *arg)
{
	struct reg *reg = arg;
	struct mbuf *sent;
	struct flow *flow;
	char why[WHY];
	bool rejected;

	if (msg && msg->scode < 200)
		return;

	if (reg->phase == LEAVING) {
		left(reg);
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
		try(reg);
	}
	else if (again(reg, msg)) {
		try(reg);
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


/* ------------------------------------------------------------------ */
/* From outside                                                        */


void reg_start(struct reg *reg, struct digest *digest, uint64_t delay_ms)
{
	halt(reg);
	set_phase(reg, IDLE);
	reg->fetching = false;

	if (digest != reg->digest) {
		reg->proven = false;
		mem_deref(reg->digest);
		reg->digest = mem_ref(digest);
	}

	reg->failurec = 0;
	reg->failure  = mem_deref(reg->failure);
	wait_for(reg, delay_ms);
	set_state(reg, REG_QUEUED);
}


void reg_now(struct reg *reg)
{
	if (reg->phase != WAITING && reg->phase != STOPPED)
		return;

	reg->failurec = 0;
	reg->insist = true;
	queue(reg);
}


bool reg_is_unheard(const struct reg *reg)
{
	return (reg->phase == WAITING || reg->phase == QUEUED) &&
		reg->failure && reg->failure->unheard;
}


void reg_remap(struct reg *reg, const struct flow *flow,
	       const struct sa *mapped)
{
	if (reg->flow != flow || reg->phase != WAITING)
		return;

	if (contact_settle(reg, mapped, is_bound(reg)))
		wait_for(reg, spread(RETRY_MS, 0));
}


bool reg_check(struct reg *reg, const struct flow *flow)
{
	if (reg->flow != flow || reg->phase != WAITING ||
	    reg->state == REG_RED)
		return false;

	queue(reg);

	return true;
}


void reg_wake(struct reg *reg, unsigned userc, uint32_t wait_s)
{
	if (!reg_is_unheard(reg))
		return;

	reg->failurec = 0;
	if (reg->phase == WAITING)
		queue(reg);

	(void)re_snprintf(reg->failure->advice.text,
			  sizeof(reg->failure->advice.text),
			  "The PBX answers again: all %u users back in %u s.",
			  userc, wait_s);
	reg->next_s = time(NULL) + wait_s;
	reg->changeh(reg, reg->arg);
}


void reg_hold(struct reg *reg)
{
	struct advice advice;

	if (reg->phase != QUEUED || reg->state != REG_QUEUED ||
	    !site_is_silent(reg->conf.site))
		return;

	if (site_is_banned(reg->conf.site))
		advice_banned(&advice, reg->conf.site->host);
	else
		advice_make(&advice, pbx_of(reg), ETIMEDOUT, 0, "", "",
			    SILENCE_S, false);
	failure_set(reg, ETIMEDOUT, NULL, "other users of this PBX had no"
		    " answer", &advice);
	set_state(reg, REG_RED);
}


void reg_static(struct reg *reg)
{
	set_phase(reg, STATIC);
	set_state(reg, REG_GREEN);
}


void reg_leave(struct reg *reg, reg_left_h *lefth, void *arg)
{
	const bool bound = is_bound(reg);

	halt(reg);
	seat_free(reg);
	set_phase(reg, LEAVING);
	reg->fetching = false;
	reg->state    = REG_OFF;
	reg->lefth    = lefth;
	reg->left_arg = arg;

	if (bound && !send_register(reg, 0))
		wheel_start(wheel_of(reg), &reg->tmr, LEAVE_MS, left, reg);
	else
		wheel_start(wheel_of(reg), &reg->tmr, 0, left, reg);
}


bool reg_is_registered(const struct reg *reg)
{
	return reg->phase == STATIC || is_bound(reg);
}


struct flow *reg_flow(const struct reg *reg)
{
	return reg->flow && flow_is_up(reg->flow) ? reg->flow : NULL;
}


void reg_status_fill(const struct reg *reg, struct reg_status *st)
{
	const struct failure *failure = reg->failure;
	char number[MSG_NUMBER];

	st->state     = reg->state;
	st->since_s   = reg->since_s;
	st->next_s    = reg->phase == WAITING || reg->phase == QUEUED ?
		reg->next_s : 0;
	st->scode     = reg->scode;
	st->expires_s = reg->bound_ms ? reg->granted_s : 0;
	st->rtt_ms    = reg->rtt_ms;
	st->flaps     = reg->flaps;
	text_copy(st->server, reg->conf.site->server, sizeof(st->server));
	text_copy(st->contact, reg_contact(reg), sizeof(st->contact));

	if (reg->phase == STATIC)
		text_copy(st->reason, "No registration needed",
			 sizeof(st->reason));

	if (reg->state == REG_LAGGING)
		text_copy(st->advice, "The PBX grants so little time, or takes"
			 " registrations so slowly, that they end before they"
			 " are renewed: raise the expiry there, or"
			 " registration.per_second here.",
			 sizeof(st->advice));

	if (reg->state == REG_GREEN && reg->rivals)
		(void)re_snprintf(st->advice, sizeof(st->advice),
				  reg->evicted ? "Before this renewal the PBX"
				  " had only %s for this user: another phone"
				  " takes its place, and calls between two"
				  " renewals. Take that phone off the"
				  " extension, or allow one more there." :
				  "The PBX lists %s where our contact should"
				  " be. If calls do not reach this user,"
				  " another phone has taken its place.",
				  reg->rivals);

	if (reg->state == REG_GREEN && !*st->advice && reg->bound_ms &&
	    reg->granted_s < SHORT_S)
		(void)re_snprintf(st->advice, sizeof(st->advice),
				  "Registered for %u s only, which costs the"
				  " PBX a message of each user every %u s: let"
				  " %s allow %u s or more.", reg->granted_s,
				  reg->granted_s * pbx_of(reg)->registration
				  .refresh_at / 100, reg->granted_s <
				  pbx_of(reg)->registration.expires_s ?
				  "the PBX" : "registration.expires",
				  (unsigned)SHORT_S);

	if (!failure && reg->scode)
		(void)msg_join(st->words, sizeof(st->words),
			       msg_number(number, reg->scode), " OK", NULL);

	if (failure) {
		text_copy(st->reason, failure->advice.reason,
			 sizeof(st->reason));
		text_copy(st->words, failure->words, sizeof(st->words));
		text_copy(st->advice, failure->advice.text,
			 sizeof(st->advice));
	}
}
