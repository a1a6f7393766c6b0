/**
 * @file reg_core.h  What the files of a registration have among themselves
 *
 * Private to reg.c (its phases, and what is asked of it), reg_send.c (what
 * goes out), reg_answer.c (what comes of it) and reg_status.c.
 */
#ifndef PBX_REG_CORE_H
#define PBX_REG_CORE_H

#include "bridge/sip/stack.h"
#include "bridge/sip/transp.h"
#include "advice.h"
#include "redirect.h"
#include "reg.h"

enum {
	REG_BACK_OFF_MS = 30000,   /* RFC 5626 section 4.5                 */
	REG_RETRY_MS = 2000,       /* after a connection was lost          */
	REG_WORDS    = 128,
};

enum phase { IDLE, STATIC, QUEUED, SENDING, WAITING, STOPPED, LEAVING };

/** What is told of a failure; there while there is one */
struct failure {
	struct advice advice;
	char words[REG_WORDS];     /* the PBX's own, or our errno's        */
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


static inline struct wheel *reg_wheel(const struct reg *reg)
{
	return stack_wheel(reg->conf.site->conf->stack);
}


static inline const struct pbx *reg_pbx(const struct reg *reg)
{
	return reg->conf.site->pbx;
}


static inline const struct redirect *reg_moved(const struct reg *reg)
{
	return reg->rare ? reg->rare->moved : NULL;
}


/*
 * reg.c
 */

/** The PBX has a binding of ours */
bool reg_is_bound(const struct reg *reg);

/** The one door for phases; the timer of the present one is cancelled */
void reg_phase_set(struct reg *reg, enum phase next);

/** The one door for what people see; the owner is told */
void reg_state_set(struct reg *reg, enum reg_state next);

/** Between so many percent of it and all of it */
uint64_t reg_spread(uint64_t ms, unsigned percent);

/** NULL without memory */
struct rare *reg_rare(struct reg *reg);

/** Free one's place among those that may be registered at once */
void reg_seat_free(struct reg *reg);

void reg_flow_drop(struct reg *reg);

/** Until the next attempt */
void reg_wait(struct reg *reg, uint64_t ms);

/** Retry-After as the PBX asks, in ms, 0 if it does not; a little later for
    some, so that they do not come together. msg may be NULL */
uint64_t reg_retry_after(const struct sip_msg *msg);

/** Time until the next attempt after the failure there is */
uint64_t reg_wait_after(const struct reg *reg, const struct sip_msg *msg);

/** Time until a binding that was granted for so long is refreshed */
uint64_t reg_refresh_after(const struct reg *reg);

/** Tell when the binding ends although its refresh waits or is under way */
void reg_lapse_watch(struct reg *reg);

/** It has left: its handler is told. It may free us */
void reg_gone(void *arg);


/*
 * reg_send.c
 */

/** A port or a connection of its own */
bool reg_is_alone(const struct reg *reg);

/** The pacer's turn (pace_h) */
void reg_attempt(void *arg);

/** Send, in an attempt that is under way */
void reg_try(struct reg *reg);

/** A REGISTER for so long, 0: take the binding back, or ask for bindings.
    @return 0, EOVERFLOW, and as request_send() */
int reg_send(struct reg *reg, uint32_t expires_s);

/**
 * Be where the PBX sees us, if the profile wants that
 *
 * @param bound  The PBX has the Contact of before
 *
 * @return true if the Contact is another one now. What the PBX may have of
 *         the old one is taken back with the next REGISTER
 */
bool reg_contact_settle(struct reg *reg, const struct sa *mapped, bool bound);


/*
 * reg_answer.c
 */

/** What came of a REGISTER (request_h) */
void reg_answer_h(int err, const struct sip_msg *msg, void *arg);

/** Keep what is told of a failure; without memory the old one has to do */
void reg_failure_set(struct reg *reg, int err, const struct sip_msg *msg,
		     const char *why, const struct advice *advice);

/** The attempt came to nothing. @param rejected  The credentials were refused,
    and nothing else */
void reg_failed(struct reg *reg, int err, const struct sip_msg *msg,
		const char *why, bool rejected);

#endif
