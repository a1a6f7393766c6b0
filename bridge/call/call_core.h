/**
 * @file call_core.h  Inside of a call; for this room's files alone
 *
 *   calls.c     all calls; an INVITE comes in
 *   route.c     who is meant, and how each side is to be spoken to
 *   call.c      two legs and their states
 *   voice.c     descriptions and the stream, hold
 *   transfer.c  REFER, from either side; transfer_core.h lists its parts
 *   replaces.c  INVITE with Replaces, from either side
 *   join.c      a leg takes another's place; two calls become one
 *   sounds.c    ringback, music, digits and fax
 *   record.c    what is written down
 *   watch.c     running calls, looked at now and then
 *   taping.c    voice that somebody asked to keep
 *   tally.c     metrics
 *   qos.c       voice quality for a collector
 *   story.c     ... of transfers, and which calls belong together
 */
#ifndef CALL_CALL_CORE_H
#define CALL_CALL_CORE_H

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "bridge/media/media.h"
#include "bridge/pbx/pool.h"
#include "bridge/sip/desc.h"
#include "bridge/teams/trunk.h"
#include "callerid.h"
#include "calls.h"
#include "history.h"
#include "leg.h"
#include "policy.h"

/** The network on a side. Also the side of the stream */
enum side { SIDE_TEAMS = 0, SIDE_PBX = 1, SIDES = 2 };

struct calls {
	struct calls_conf conf;
	struct list calll;         /* struct call                           */
	struct list expectl;       /* struct expect, of story.c             */
	calls_record_h *recordh;
	void *arg;
	calls_done_h *doneh;       /* set while draining                    */
	void *done_arg;
	bool draining;
	struct wheel_tmr watch_tmr;
	struct policies *policies; /* owned                                 */
	struct dnd *dnd;           /* owned                                 */
};

enum { ROUTE_NOTES = 10, ROUTE_HEADERS = 4096 };

/** Everything about a new call before it begins */
struct route {
	enum call_direction direction;
	struct account *acc;       /* borrowed                              */
	struct trunk *trunk;       /* borrowed                              */
	struct party caller;       /* number as the callee's side sees it   */
	char caller_raw[64];       /* ... as it came                        */
	char callee[64];           /* as the callee's side sees it          */
	char callee_raw[64];       /* ... as it came                        */
	char teams_contact[256];
	enum number_class klass;   /* of the number called, from Teams      */
	bool unregistered;         /* an emergency call: tried all the same */
	struct seat *seat;         /* owned; NULL: none taken               */
	struct leg_conf confv[SIDES];
	char ruri[512], from_uri[320], to_uri[512], hdrs[ROUTE_HEADERS];
	struct history history;    /* who redirected it before              */
	/* what was decided, for the record */
	struct { enum call_topic topic; enum call_where where;
		 char text[CALL_DECISION_TEXT]; } notev[ROUTE_NOTES];
	size_t notec;
	/* why it cannot be */
	uint16_t scode;
	const char *reason;
	const char *advice;
};

/** How a call ended, for its record */
struct ending {
	enum call_where by;        /* who ended it                          */
	enum call_where at;        /* where it failed                       */
	uint16_t scode;            /* final status there, 0: none           */
	uint16_t q850;             /* cause there, 0: none                  */
	int err;                   /* without an answer: errno              */
	const char *reason;        /* the peer's phrase, or plain words     */
	uint16_t passed;           /* status for a caller that waits        */
};

/** What we play to a side */
enum sounding { SOUNDING_NOTHING, SOUNDING_RING, SOUNDING_MUSIC };

struct call {
	struct le le;
	struct calls *calls;       /* borrowed: parent                      */
	enum call_state state;
	struct leg *legv[SIDES];   /* owned; NULL when gone                 */
	struct stream *stream;     /* owned                                 */
	struct pbx *pbx;           /* ref: the profile                      */
	struct trunk *trunk;       /* ref                                   */
	struct account *acc;       /* ref                                   */
	struct seat *seat;         /* owned                                 */
	struct redirects *redirects;       /* owned; NULL: none so far      */
	struct wheel_tmr max_tmr;  /* longest time of an answered call      */
	struct desc_crypto keyv[SIDES];    /* ours                          */
	bool secure[SIDES];        /* SRTP is spoken on that side           */
	bool mux[SIDES];           /* RTCP on the RTP port                  */
	bool holding[SIDES];       /* we hold that side, for the other one  */
	bool silent[SIDES];        /* nothing heard for the limit           */
	enum sounding sounding[SIDES];     /* what we play to it            */
	bool promised;             /* the caller got its answer before the
				      callee gave one, for our tone         */
	bool fax;                  /* a fax was heard                       */
	bool rung;                 /* the caller was told that it rings     */
	bool unregistered;         /* the PBX knows no binding of the phone */
	enum side pending;         /* whose offer waits for the other side  */
	bool is_pending;
	struct transfer *transfer; /* owned; NULL: none under way           */
	struct call *heir;         /* borrowed: its transfer gets our callee
				      when that answers; NULL               */
	struct call *twin;         /* borrowed, mutual: joined with; NULL   */
	enum side loop;            /* the side without a leg, whose stream
				      goes to the twin's                    */
	uint32_t hops;             /* Max-Forwards that is left             */
	struct call_record rec;
	uint64_t start_us;         /* monotonic, for lengths                */
	uint64_t watched_us;       /* monotonic: its voice was looked at    */
};

static inline enum side other(enum side side)
{
	return side == SIDE_TEAMS ? SIDE_PBX : SIDE_TEAMS;
}

static inline enum side caller_side(const struct call *call)
{
	return call->rec.direction == CALL_FROM_TEAMS ? SIDE_TEAMS : SIDE_PBX;
}

static inline enum call_where where_of(enum side side)
{
	return side == SIDE_TEAMS ? CALL_AT_TEAMS : CALL_AT_PBX;
}

enum side call_side_of(const struct call *call, const struct leg *leg);

/** Who hears what comes in on a side: the call's other side, or where the
    call was joined with another, the leg that that one has left */
struct far {
	struct call *call;         /* whose leg it is                       */
	enum side side;
	struct leg *leg;           /* borrowed; NULL: gone                  */
};

struct far call_far(struct call *call, enum side side);

/* call.c */
int  call_start(struct calls *calls, struct route *route, struct strans *st,
		const struct sip_msg *msg);
void call_end(struct call *call, const char *by, uint16_t scode,
	      const char *reason);
extern const struct leg_handlers call_handlers;

/* route.c */
void route_find(struct calls *calls, struct route *route,
		const struct sip_msg *msg);
/** A header of the INVITE that goes on. @return 0, ENOMEM: no room, and
    none is written */
int  route_header(struct route *route, const char *fmt, ...);
/** Keep a decision; what there is no room for is left out */
void route_note(struct route *route, enum call_topic topic,
		enum call_where where, const char *fmt, ...);
/** ... the rules that made one number of another, and what came out */
struct number;
void route_note_number(struct route *route, enum call_where where,
		       const char *from, const struct number *num);
/** Take the call's place among those that limits count; route->scode tells
    when there is none */
int route_enter(struct calls *calls, struct route *route);
/** A further leg of a running call; contact takes our Contact if needed */
void route_again(const struct call *call, enum side side,
		 struct leg_conf *conf, char *contact, size_t size);

/* voice.c: descriptions of a side from what the other one said */
int  voice_start(struct call *call);
bool voice_offer(struct call *call, enum side to, const struct desc *from,
		 struct desc *out);
bool voice_answer(struct call *call, enum side to, const struct desc *offer,
		  const struct desc *agreed, struct desc *out);
/** The same if a codec can be passed on, or is translated as it was before;
    otherwise false */
bool voice_answer_settled(struct call *call, enum side to,
			  const struct desc *offer, const struct desc *agreed,
			  struct desc *out);
void voice_apply(struct call *call);
/** The same, but what this side's peer says is not agreed by its leg yet */
void voice_apply_early(struct call *call, enum side early,
		       const struct desc *remote);
void voice_key_new(struct call *call, enum side side);
/** Tell the other side that this one holds or resumes */
void voice_pass_hold(struct call *call, enum side from);
/** A side's leg, and the one that hears it, are new to each other: streams,
    codecs and holds are made to fit */
void voice_meet(struct call *call, enum side side);

/** Leave one codec, and events, in a description */
void voice_only(struct desc *desc, const char *name);

/* sounds.c: what we play */
/** The side is on hold, or not any more: music, where we are to play it */
void sounds_hold(struct call *call, enum side to, bool held);
/** Is a hold of the other side not to be told to this one? */
bool sounds_cover_hold(const struct call *call, enum side to);
/** The callee rings: early media with the tone, where we are to make it */
bool sounds_ring(struct call *call, enum side to);
/** Ringing tone for a side that waits alone for the target of a transfer */
void sounds_wait(struct call *call, enum side to);
/** The description that the caller has already got with the tone */
bool sounds_promised(const struct call *call, enum side to,
		     const struct desc *answer, struct desc *out);
void sounds_stop(struct call *call);
/** A digit has ended on a side: by INFO to the other one, if it wants that */
void sounds_digit(struct call *call, const struct stream_event *ev);
/** A digit by INFO alone: the other side gets it its own way */
void sounds_digit_told(struct call *call, const struct stream_event *ev);
void sounds_fax(struct call *call);

/* record.c */
void record_start(struct call *call, const struct route *route);
void record_refused(struct calls *calls, const struct route *route,
		    const struct sip_msg *msg);
void record_ringing(struct call *call);
/** @param caller  The answer that the caller gets */
void record_answered(struct call *call, const struct desc *caller);
/** A leg's messages belong to the call's trace */
void record_trace(const struct call *call, const struct leg *leg);
/** A new version of the record, for what story.c changed in it */
void record_tell(struct call *call);
void record_ended(struct call *call, const struct ending *ending);
/** Measure the voice and tell the live state */
void record_watch(struct call *call);

/* watch.c: running calls are looked at now and then */
void watch_start(struct calls *calls);
void watch_stop(struct calls *calls);

/* taping.c: is this call's voice to be kept? */
void taping_look(struct call *call);

/* qos.c: voice quality for a collector. The call has ended */
void qos_tell(const struct call *call);

/* tally.c: metrics */
/** A call has ended, or was refused */
void tally_ended(const struct call_record *rec);
/** Packets of a side since they were told last. @param before  As then */
void tally_voice(enum side side, const struct call_side *before,
		 const struct call_side *now);
/** Keep a decision in the record (status.h), told with the next version */
void record_note(struct call *call, enum call_topic topic,
		 enum call_where where, const char *fmt, ...);

/* story.c */
/** Fill in the story of a call that begins */
void story_begin(struct call *call, const struct route *route);
/** A transfer was asked for */
void story_asked(struct call *call, enum side by,
		 enum call_transfer_kind kind, const char *to);
/** How it is carried out, and with which other call of ours; NULL */
void story_way(struct call *call, enum call_transfer_way way,
	       struct call *with);
/** ... and what became of it */
void story_outcome(struct call *call, uint16_t scode);
/** Somebody is about to call that number because of a transfer of this call:
    the new call will belong to the same story */
void story_expect(struct call *call, const char *number);

/* join.c */
/** A leg that is answered takes the place of the one on that side, with its
    media port. @return the old one, now the caller's; NULL if it was gone */
struct leg *join_swap(struct call *call, enum side side, struct leg *leg);

/**
 * Join two answered calls without one side of each: what is left of them
 * talks to each other
 *
 * Their legs of those sides stay until the caller takes them away, and hear
 * nothing more.
 *
 * @return 0, EPROTO they do not fit (nothing was changed)
 */
int join_calls(struct call *call, enum side side, struct call *peer,
	       enum side peer_side);

/* replaces.c */
/** An INVITE that takes a running leg's place. @return true if it took the
    transaction */
bool replaces_request(struct calls *calls, struct strans *st,
		      const struct sip_msg *msg);

/** The call, and the side of it, whose dialog the value of a Replaces header
    names; NULL */
struct call *replaces_find(const struct calls *calls, const struct pl *val,
			   enum side *side);

/** transfer.h */
struct transfer;

#endif
