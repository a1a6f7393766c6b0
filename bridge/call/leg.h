/**
 * @file leg.h  One side of a bridged call
 *
 * A leg is one SIP dialog and the offer/answer exchange inside it (RFC 3261
 * section 12, RFC 3264). It knows its peer. It does not know the other leg.
 *
 * It sees to what concerns its peer alone: several early dialogs of one
 * INVITE, ACK, PRACK (RFC 3262), UPDATE (RFC 3311), session timers (RFC
 * 4028), glare (491), retries and the right way to end in each state.
 */
#ifndef CALL_LEG_H
#define CALL_LEG_H

#include "bridge/base/libre.h"
#include "bridge/model/status.h"
#include "bridge/sip/desc.h"
#include "bridge/sip/request.h"
#include "cause.h"

struct stack;
struct strans;
struct digest;
struct dialog;
struct routes;
struct leg;

/** How a peer wants to be spoken to */
struct leg_conf {
	struct stack *stack;       /* borrowed                              */
	const char *side;          /* "teams" or "pbx", for the log; static */
	const char *contact;       /* our Contact: "<sip:...>"              */
	const char *allow;         /* Allow's value; static                 */
	const char *user_agent;    /* NULL: the stack's                     */
	struct digest *digest;     /* answers challenges; NULL              */
	struct hop hopv[8]; size_t hopc;   /* where requests go, in order   */
	const struct routes *routes;       /* of a call we make; referenced by
				      the leg; NULL: none                   */
	uint16_t failoverv[8]; size_t failoverc;   /* final answers upon which
				      the next hop is tried; none: 503     */
	bool session_timer;        /* offer and accept RFC 4028             */
	uint32_t session_expires_s;    /* 1800 */
	uint32_t min_se_s;         /* 90 */
	bool prack;                /* offer and accept 100rel               */
	bool info;                 /* take digits by INFO                   */
	bool replaces;             /* accept Replaces (RFC 3891)            */
	uint32_t answer_limit_s;   /* a call we made rings at most that long,
				      0: 180                                */
};

/** An INVITE that we send */
struct leg_dial {
	const char *ruri;
	const char *from_name;     /* NULL: none                            */
	const char *from_uri;      /* without <>                            */
	const char *to_uri;
	const char *hdrs;          /* further headers, with CRLF; NULL      */
	const struct desc *offer;
};

enum leg_why {                     /* why a leg ended                       */
	LEG_BYE,                   /* the peer's BYE                        */
	LEG_CANCELED,              /* the peer's CANCEL                     */
	LEG_REFUSED,               /* the peer's final answer, or no answer */
	LEG_LOST,                  /* ACK, session refresh or a transaction
				      never came                            */
	LEG_HUNGUP,                /* leg_hangup() or leg_reject()          */
};

/** Told once, last; the receiver may deref the leg */
struct leg_end {
	enum leg_why why;
	int err;                   /* LEG_REFUSED without answer, LEG_LOST */
	bool unanswered;           /* ... it rang for the answer limit      */
	uint16_t scode;            /* LEG_REFUSED: the final answer         */
	struct pl reason;          /* its reason phrase                     */
	struct cause_heard heard;  /* Reason header of BYE, CANCEL, answer  */
	const char *words;         /* plain words of an error; "" */
	const struct sip_msg *msg; /* BYE, CANCEL or final answer; NULL     */
};

struct leg_handlers {
	/** A hop did not take the call that we make, and the next one is
	    tried: err and why, or its answer */
	void (*hopfailedh)(struct leg *leg, const char *host, int err,
			   const char *why, const struct sip_msg *msg,
			   void *arg);
	/** 3xx to a call we made: where to go instead? @return false: the
	    leg ends with it */
	bool (*redirecth)(struct leg *leg, const struct sip_msg *msg,
			  char *ruri, size_t size, void *arg);
	/** 101..199 to a call we made. answer: its description, may be NULL */
	void (*progressh)(struct leg *leg, const struct sip_msg *msg,
			  const struct desc *answer, void *arg);
	/** 2xx to a call we made; the description of its dialog (from this
	    message or an earlier one) */
	void (*answerh)(struct leg *leg, const struct sip_msg *msg,
			const struct desc *answer, void *arg);
	/** The answer to an offer that went out in our 2xx (the peer's
	    INVITE had none) came in ACK; or to a re-INVITE of ours: err 0
	    and its description; err EPROTO with scode when refused */
	void (*answeredh)(struct leg *leg, int err, uint16_t scode,
			  const struct desc *answer, void *arg);
	/** The peer offers anew (re-INVITE, UPDATE); NULL: it wants an offer.
	    To be ended by leg_accept_offer() or leg_reject_offer(), now or
	    later */
	void (*offerh)(struct leg *leg, const struct desc *offer, void *arg);
	/** REFER in the dialog, where `allow` holds it; takes the
	    transaction over. NULL: 405 */
	void (*referh)(struct leg *leg, struct strans *st,
		       const struct sip_msg *msg, void *arg);
	/** What becomes of a REFER of ours: refused (last), or what a NOTIFY
	    says by its sipfrag */
	void (*notifyh)(struct leg *leg, uint16_t scode, bool refused,
			bool last, void *arg);
	/** The peer sent a digit by INFO; 0-9 * # A-D, ! for flash */
	void (*digith)(struct leg *leg, char digit, uint32_t duration_ms,
		       void *arg);
	/** The leg decided something that people may ask for later */
	void (*noteh)(struct leg *leg, enum call_topic topic,
		      const char *text, void *arg);
	/** The leg has ended; before the peer's request is answered, so that
	    what must be written down is. Called last */
	void (*closeh)(struct leg *leg, const struct leg_end *end, void *arg);
};

/**
 * A leg for an INVITE that came in. Nothing is answered yet (100 goes out by
 * itself).
 *
 * @param st     Taken over, also on failure of this function (answered 4xx
 *               or 500 then)
 * @param offer  Takes the peer's offer; formatc 0 if the INVITE had none
 *
 * @return 0, EPROTO (the INVITE cannot be served: it was answered), ENOMEM
 */
int leg_accept(struct leg **legp, const struct leg_conf *conf,
	       struct strans *st, const struct sip_msg *msg,
	       struct desc *offer, const struct leg_handlers *handlers,
	       void *arg);

/** A leg for a call we make. @return 0, ENOMEM, EINVAL */
int leg_dial(struct leg **legp, const struct leg_conf *conf,
	     const struct leg_dial *dial, const struct leg_handlers *handlers,
	     void *arg);

/** Send 101..199. @param local  Our answer (early media), NULL: none */
int leg_progress(struct leg *leg, uint16_t scode, const char *reason,
		 const struct desc *local);

/** Send 200. @param local  Our answer, or our offer if the peer made none */
int leg_answer(struct leg *leg, const struct desc *local);

/** Refuse an INVITE that came in. hdrs with CRLF, NULL. Ends the leg
    without closeh */
void leg_reject(struct leg *leg, uint16_t scode, const char *reason,
		const char *hdrs);

/**
 * Offer anew (re-INVITE). Waits by itself while another exchange runs and
 * after glare. The latest offer wins.
 *
 * @return 0, EPROTO not established
 */
int leg_offer(struct leg *leg, const struct desc *local);

int leg_accept_offer(struct leg *leg, const struct desc *local);
int leg_reject_offer(struct leg *leg, uint16_t scode, const char *reason);

/** Send a digit by INFO (application/dtmf-relay), after those before it.
    @return 0, EPROTO not established, EBUSY 32 wait already */
int leg_digit(struct leg *leg, char digit, uint32_t duration_ms);

/** Send REFER; the outcome comes by notifyh (a refusal too, as last) */
int leg_refer(struct leg *leg, const char *refer_to, const char *hdrs);

/** The PBX said 2xx to our last REFER */
bool leg_refer_accepted(const struct leg *leg);

/** A REFER of the peer was taken: reports are about it (RFC 3515 section
    2.4.6: from the second one on with its id) */
void leg_refer_taken(struct leg *leg, const struct sip_msg *msg);

/** Report on a REFER that was accepted: NOTIFY with a sipfrag */
int leg_refer_notify(struct leg *leg, uint16_t scode, const char *reason,
		     bool last);

/**
 * End the leg as its state asks: CANCEL, BYE or a refusal (scode, 480 if 0).
 * No handler is called any more.
 *
 * @param hdrs  e.g. "Reason: Q.850;cause=16\r\n"; NULL
 */
void leg_hangup(struct leg *leg, uint16_t scode, const char *reason,
		const char *hdrs);

/** Ask an established peer by OPTIONS whether it still knows the call (RFC
    3261 section 12.2.1.2); if not, or if it is silent, the leg is lost */
void leg_probe(struct leg *leg);

/** Of a call we made: whoever answered had rung before */
bool leg_has_rung(const struct leg *leg);
bool leg_is_over(const struct leg *leg);
bool leg_is_established(const struct leg *leg);
bool leg_is_caller(const struct leg *leg);    /* the peer called us */
const char *leg_callid(const struct leg *leg);
const char *leg_side(const struct leg *leg);
const struct desc *leg_local(const struct leg *leg);   /* agreed or sent  */
const struct desc *leg_remote(const struct leg *leg);  /* last agreed     */
struct dialog *leg_dialog(const struct leg *leg);      /* borrowed, NULL  */
void leg_handlers_set(struct leg *leg, const struct leg_handlers *handlers,
		      void *arg);

/** Host of the hop that the INVITE last went to */
const char *leg_hop_host(const struct leg *leg);

#endif
