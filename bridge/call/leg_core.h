/**
 * @file leg_core.h  Inside of a leg; for the leg_*.c files alone
 *
 *   leg.c           states, construction, the ways to end
 *   leg_caller.c    the peer called us (UAS): progress, answer, CANCEL
 *   leg_callee.c    we call the peer (UAC): forks, hops, PRACK
 *   leg_exchange.c  offer/answer within the dialog: re-INVITE, UPDATE, glare
 *   leg_request.c   the other requests within the dialog
 *   leg_info.c      digits by INFO
 *   leg_timer.c     session timers (RFC 4028)
 */
#ifndef CALL_LEG_CORE_H
#define CALL_LEG_CORE_H

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "bridge/sip/dialog.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "leg.h"

enum leg_state {
	LEG_INVITED,               /* the peer's INVITE waits for an answer  */
	LEG_ANSWERED,              /* our 2xx waits for ACK                  */
	LEG_CALLING,               /* our INVITE waits for an answer         */
	LEG_ESTABLISHED,
	LEG_ENDING,                /* hung up, but BYE must wait for ACK, or
				      for the answer to a last NOTIFY       */
	LEG_CLOSED,
};

/** Offer/answer within the dialog */
enum exchange {
	EXCHANGE_IDLE,
	EXCHANGE_OFFERED,          /* our re-INVITE is under way             */
	EXCHANGE_ASKED,            /* the peer's offer waits for our answer  */
};

/** One early dialog of a call we make */
struct early {
	struct le le;
	struct dialog *dlg;        /* owned                                  */
	struct desc *answer;       /* owned, NULL: none yet                  */
	struct request *prack;     /* owned, while under way                 */
	uint32_t rseq;             /* last reliable provisional, 0: none     */
};

/** A reliable provisional of ours that waits for PRACK (RFC 3262) */
struct reliable {
	struct wheel_tmr tmr;
	uint32_t rseq;
	uint32_t wait_ms;          /* next repetition                        */
	uint32_t waited_ms;
	uint16_t scode;
	char *reason;              /* owned                                  */
	bool with_body;
	bool waiting;
};

/** A NOTIFY of a transfer that waits for the one before it */
struct notice {
	struct le le;
	uint16_t scode;
	char *reason;              /* owned                                  */
	bool last;
};

enum { INFOS = 32 };

/** Digits that go by INFO, one after the other */
struct infos {
	struct { char digit; uint32_t ms; } v[INFOS];
	unsigned head, count;
	struct request *req;       /* owned, while one is under way          */
};

struct session_timer {
	struct wheel_tmr tmr;
	uint32_t interval_s;       /* 0: none agreed                         */
	uint32_t min_se_s;         /* raised by 422                          */
	bool ours;                 /* we refresh                             */
};

struct leg {
	enum leg_state state;
	struct leg_conf conf;      /* strings below are owned copies         */
	char *contact, *user_agent;
	struct leg_handlers h;
	void *arg;

	struct dialog *dlg;        /* owned: confirmed, or of INVITED        */
	struct strans *st;         /* owned: peer's INVITE, or its offer     */

	/* of a call we make */
	struct dialog *half;       /* owned                                  */
	struct request *req;       /* owned: the INVITE                      */
	struct list earlyl;        /* struct early                           */
	struct leg_dial dial;      /* strings are owned copies               */
	size_t hop;                /* index into conf.hopv of this try       */
	bool heard;                /* a provisional above 100 came           */
	bool rang;                 /* ... from the one who answered          */
	struct wheel_tmr answer_tmr;

	/* of a call the peer makes */
	struct reliable rel;
	struct desc *answer_later; /* owned: 2xx that waits for PRACK        */
	bool offer_in_2xx;         /* the INVITE had no description          */
	bool peer_100rel;          /* the INVITE requires 100rel             */

	/* offer/answer */
	enum exchange exchange;
	struct desc local, remote;
	bool has_local, has_remote;
	struct mbuf *body;         /* owned: local as it was last encoded    */
	uint64_t sess_id, sess_ver;
	struct desc *want;         /* owned: to be offered when possible     */
	struct request *offer_req; /* owned                                  */
	bool refresh;              /* the re-INVITE only refreshes           */
	struct wheel_tmr glare_tmr;

	struct request *refer_req, *notify_req;   /* owned                   */
	struct request *probe_req; /* owned: OPTIONS under way               */
	struct list noticel;       /* struct notice, in order                */
	char *bye_hdrs;            /* owned: of the BYE that waits           */
	struct wheel_tmr bye_tmr;
	bool refer_accepted;       /* 2xx to our last REFER                  */
	uint32_t refers;           /* that the peer sent                     */
	uint32_t refer_id;         /* CSeq of the last one                   */
	struct infos infos;
	struct session_timer timer;
	bool peer_timer;           /* the peer supports RFC 4028             */
};

void leg_set_state(struct leg *leg, enum leg_state next);
int  leg_alloc(struct leg **legp, const struct leg_conf *conf,
	       const struct leg_handlers *handlers, void *arg);
struct wheel *leg_wheel(const struct leg *leg);

/** Timers and requests end with the call */
void leg_work_stop(struct leg *leg);

/** The end by the peer's doing or by fault: closeh, last */
void leg_close(struct leg *leg, const struct leg_end *end);

/** LEG_LOST: says BYE if it can, then closeh */
void leg_lost(struct leg *leg, int err, const char *words);

/** Take a description as ours: o= is filled in, its text made.
    @return 0, ENOMEM */
int leg_local_set(struct leg *leg, const struct desc *local);
void leg_remote_set(struct leg *leg, const struct desc *remote);

/**
 * The description in a message.
 * @return 0, ENOENT there is none, EBADMSG and others: unreadable
 */
int leg_desc_decode(struct desc *desc, const struct sip_msg *msg);

/** Contact, Allow, Supported, Session-Expires of our answers to an INVITE;
    in a buffer of the caller's */
void leg_answer_headers(const struct leg *leg, uint16_t scode, char *buf,
			size_t size);

void leg_request_h(struct dialog *dlg, struct strans *st,
		   const struct sip_msg *msg, void *arg);

void leg_invite_again(struct leg *leg, struct strans *st,
		      const struct sip_msg *msg);   /* re-INVITE, UPDATE */
/** UPDATE before the answer (RFC 3311 section 5.2): taken if it describes no
    session, for then it only tells of the peer */
void leg_update_early(struct leg *leg, struct strans *st,
		      const struct sip_msg *msg);
void leg_info(struct leg *leg, struct strans *st, const struct sip_msg *msg);
void leg_prack(struct leg *leg, struct strans *st, const struct sip_msg *msg);
void leg_offer_next(struct leg *leg);   /* send what waits, if it may */

void leg_established(struct leg *leg);

/** BYE when all NOTIFYs are answered, so that they come first. The leg keeps
    itself until then. @return false if there are none */
bool leg_bye_after_notices(struct leg *leg, const char *hdrs);

/** Tell the owner of a decision */
void leg_note(struct leg *leg, enum call_topic topic, const char *fmt, ...);

/** RFC 4028: see what an INVITE or 2xx says; start, stop, or refuse */
int  leg_timer_accept(struct leg *leg, const struct sip_msg *req,
		      struct strans *st);
void leg_timer_answered(struct leg *leg, const struct sip_msg *resp);
void leg_timer_start(struct leg *leg);
void leg_timer_stop(struct leg *leg);
/** Headers of our request; "" without */
void leg_timer_headers(const struct leg *leg, char *buf, size_t size);
/** 422: take its Min-SE. @return true if worth another try */
bool leg_timer_small(struct leg *leg, const struct sip_msg *resp);

int leg_caller_answer(struct leg *leg);

#endif
