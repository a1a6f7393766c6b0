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
#include "bridge/sip/digest.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/routes.h"
#include "reg_core.h"


enum {
	BACK_OFF_MAX_MS = 1800000,
	SLOW_MS       = 600000,    /* half of it at least: 5 min           */
	TOGETHER_MS   = 128,       /* refreshes that are so close go out
				      together, as far as the pacer lets   */
	SILENT_MAX_MS = 60000,     /* the pacer holds a silent PBX's users
				      back, so they need not             */
	LEAVE_MS      = 2000,
	RETRY_AFTER_MAX_S = 3600,
	MARGIN_S      = 64,        /* two Timer F before a binding ends    */
	SILENCE_S     = 32,        /* Timer F                              */
};


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


static void queue(void *arg);


/** The PBX has a binding of ours */
bool reg_is_bound(const struct reg *reg)
{
	return reg->bound_ms > wheel_now(reg_wheel(reg));
}


void reg_phase_set(struct reg *reg, enum phase next)
{
	assert(successors[reg->phase] & BIT(next));

	wheel_cancel(&reg->tmr);
	reg->phase = (uint8_t)next;
}


/** The one door for what people see */
void reg_state_set(struct reg *reg, enum reg_state next)
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
uint64_t reg_spread(uint64_t ms, unsigned percent)
{
	return ms * (percent + token_number() % (101 - percent)) / 100;
}


/** Free one's place among those that may be registered at once */
void reg_seat_free(struct reg *reg)
{
	if (reg->seated)
		--reg->conf.site->seatc;

	reg->seated = false;
}


void reg_flow_drop(struct reg *reg)
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
	reg_flow_drop(reg);
	reg_seat_free(reg);
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
struct rare *reg_rare(struct reg *reg)
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


void reg_wait(struct reg *reg, uint64_t ms)
{
	reg_phase_set(reg, WAITING);
	reg->next_s = time(NULL) + (int64_t)((ms + 999) / 1000);
	wheel_start(reg_wheel(reg), &reg->tmr, ms, queue, reg);
}


static uint64_t back_off(const struct reg *reg, uint64_t base_ms)
{
	const unsigned doublings = reg->failurec < 8 ? reg->failurec - 1 : 7;
	uint64_t bound = base_ms << doublings;

	if (bound > BACK_OFF_MAX_MS)
		bound = BACK_OFF_MAX_MS;

	return reg_spread(bound, 50);
}


/** Retry-After as the PBX asks, 0 if it does not; a little later for some, so
    that they do not come together */
uint64_t reg_retry_after(const struct sip_msg *msg)
{
	uint32_t s;

	if (!msg || !msg_hdr_uint(msg, SIP_HDR_RETRY_AFTER, &s) || !s)
		return 0;

	if (s > RETRY_AFTER_MAX_S)
		s = RETRY_AFTER_MAX_S;

	return (uint64_t)s * 1000 + token_number() % (s * 100 + 1);
}


/** Time until the next attempt after a failure */
uint64_t reg_wait_after(const struct reg *reg, const struct sip_msg *msg)
{
	const uint64_t asked = reg_retry_after(msg);
	uint64_t wait;

	switch (reg->failure->advice.action) {

	case ADVICE_SLOW:
		wait = back_off(reg, SLOW_MS);
		break;

	case ADVICE_RETRY:
		wait = reg->failurec == 1 ? reg_spread(REG_RETRY_MS, 50) :
			back_off(reg, REG_BACK_OFF_MS);
		break;

	default:
		wait = back_off(reg, REG_BACK_OFF_MS);
		break;
	}

	if (site_is_silent(reg->conf.site) && wait > SILENT_MAX_MS)
		wait = reg_spread(SILENT_MAX_MS, 50);

	return wait > asked ? wait : asked;
}


/** A little earlier, so that refreshes of all PBXs come a few at a time and
    not each for itself, which costs most where they are few */
static uint64_t together(const struct reg *reg, uint64_t ms)
{
	const uint64_t over = (wheel_now(reg_wheel(reg)) + ms) % TOGETHER_MS;

	return ms > over ? ms - over : ms;
}


/** Time until a binding that was granted for so long is refreshed */
uint64_t reg_refresh_after(const struct reg *reg)
{
	uint32_t s = reg->granted_s * reg_pbx(reg)->registration.refresh_at
		/ 100;

	if (reg->granted_s > 2 * MARGIN_S && s > reg->granted_s - MARGIN_S)
		s = reg->granted_s - MARGIN_S;

	return together(reg, reg_spread((uint64_t)s * 1000, 90));
}


/** The binding has ended while its refresh waits or is under way */
static void lapse(void *arg)
{
	struct reg *reg = arg;

	warning("reg", reg->conf.aor, "the registration ended before it could"
		" be renewed");
	reg_state_set(reg, REG_LAGGING);
}


void reg_lapse_watch(struct reg *reg)
{
	const uint64_t now = wheel_now(reg_wheel(reg));

	if (reg->state == REG_GREEN && reg->bound_ms > now)
		wheel_start(reg_wheel(reg), &reg->tmr, reg->bound_ms - now,
			    lapse, reg);
}


static void queue(void *arg)
{
	struct reg *reg = arg;

	reg_phase_set(reg, QUEUED);
	reg->next_s = 0;
	pacer_wait(&reg->conf.site->pacer, &reg->pace, reg_attempt, reg);
	reg_lapse_watch(reg);
	reg_hold(reg);
}


/* ------------------------------------------------------------------ */
/* From outside                                                        */


void reg_gone(void *arg)
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


void reg_start(struct reg *reg, struct digest *digest, uint64_t delay_ms)
{
	halt(reg);
	reg_phase_set(reg, IDLE);
	reg->fetching = false;

	if (digest != reg->digest) {
		reg->proven = false;
		mem_deref(reg->digest);
		reg->digest = mem_ref(digest);
	}

	reg->failurec = 0;
	reg->failure  = mem_deref(reg->failure);
	reg_wait(reg, delay_ms);
	reg_state_set(reg, REG_QUEUED);
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

	if (reg_contact_settle(reg, mapped, reg_is_bound(reg)))
		reg_wait(reg, reg_spread(REG_RETRY_MS, 0));
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
		advice_make(&advice, reg_pbx(reg), ETIMEDOUT, 0, "", "",
			    SILENCE_S, false);
	reg_failure_set(reg, ETIMEDOUT, NULL, "other users of this PBX had no"
			" answer", &advice);
	reg_state_set(reg, REG_RED);
}


void reg_static(struct reg *reg)
{
	reg_phase_set(reg, STATIC);
	reg_state_set(reg, REG_GREEN);
}


void reg_leave(struct reg *reg, reg_left_h *lefth, void *arg)
{
	const bool bound = reg_is_bound(reg);

	halt(reg);
	reg_seat_free(reg);
	reg_phase_set(reg, LEAVING);
	reg->fetching = false;
	reg->state    = REG_OFF;
	reg->lefth    = lefth;
	reg->left_arg = arg;

	if (bound && !reg_send(reg, 0))
		wheel_start(reg_wheel(reg), &reg->tmr, LEAVE_MS, reg_gone,
			    reg);
	else
		wheel_start(reg_wheel(reg), &reg->tmr, 0, reg_gone, reg);
}


bool reg_is_registered(const struct reg *reg)
{
	return reg->phase == STATIC || reg_is_bound(reg);
}


struct flow *reg_flow(const struct reg *reg)
{
	return reg->flow && flow_is_up(reg->flow) ? reg->flow : NULL;
}
