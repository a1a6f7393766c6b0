/**
 * @file actor.h  Those who call and are called in a test
 *
 * An actor has at most one call that a plan speaks of. What kind it is (a
 * user of teams-sim, a telephone, a person) is behind struct actor_ops; what
 * became of its call is in the struct, for all kinds alike.
 */
#ifndef TESTPLANS_ACTOR_H
#define TESTPLANS_ACTOR_H

#include <pthread.h>

#include "roster.h"
#include "run.h"

struct actor;
struct tape;
struct json_t;
struct pump;
struct stage;
struct teams_link;
struct watch;

enum actor_state {
	ACTOR_IDLE,                /* has not called or been called         */
	ACTOR_DIALS,               /* waits for an answer                   */
	ACTOR_RINGS,               /* is called                             */
	ACTOR_TALKS,               /* also while on hold                    */
	ACTOR_RELEASED,            /* had a call                            */
};

/** Everything returns 0 or errno, and then stage_why() was told. All but
    begin and clear may wait up to some seconds for the command to be taken */
struct actor_ops {
	int  (*start)(struct actor *actor);
	void (*stop)(struct actor *actor);
	int  (*begin)(struct actor *actor);        /* of a case             */
	int  (*dial)(struct actor *actor, const char *number);
	int  (*answer)(struct actor *actor);
	int  (*reject)(struct actor *actor);
	int  (*hangup)(struct actor *actor);
	int  (*hold)(struct actor *actor);
	int  (*resume)(struct actor *actor);
	int  (*transfer)(struct actor *actor, const char *number);
	int  (*digits)(struct actor *actor, const char *digits);
	int  (*mute)(struct actor *actor, bool on);
	int  (*refresh)(struct actor *actor);      /* NULL: cannot          */
	bool (*receives)(struct actor *actor);     /* packets come, though
						      the recording does not
						      grow; NULL: as heard  */
	void (*look)(struct actor *actor);         /* bring state up to date */
	void (*clear)(struct actor *actor);        /* no call any more      */
	/* Of a load */
	int  (*load_ready)(struct actor *actor, bool on);  /* takes all     */
	int  (*load_dial)(struct actor *actor, const char *number);
	int  (*load_stop)(struct actor *actor);    /* ends all its calls    */
};

/** Calls of a load, as their caller sees them */
struct actor_load {
	uint32_t dialled, answered, refused, heard;
	uint16_t scode;            /* of the first that was refused         */
};

struct actor {
	const struct actor_ops *ops;
	enum step_actor id;
	const char *name;          /* "user_a"                              */
	const struct roster_account *acc;  /* borrowed                      */
	struct stage *stage;       /* borrowed                              */
	void *own;                 /* of the kind, owned                    */
	int tone_hz;               /* its voice; a person has none          */
	bool started;

	enum actor_state state;
	char shown[128];           /* caller as shown                       */
	char shown_name[128];
	bool ringback;             /* it was told that it rings             */
	bool early;                /* with sound of the other side          */
	bool held;                 /* it holds                              */
	uint64_t dial_ms, ring_ms, ringback_ms, answer_ms, end_ms;
	uint16_t scode;            /* why it was refused, 0: BYE            */
	bool transfers;            /* it asked for a transfer               */
	uint16_t transfer_scode;   /* why that failed, 0: not that we know  */
	char reason[128];
	bool hung_up;              /* itself                                */
	char digits[64];           /* heard                                 */
	struct tape *ear;           /* of the present or last call, or NULL  */
	struct actor *partner;     /* who was heard last; borrowed          */
	struct actor_load load;
};

/** What a person answers */
enum { STAGE_YES = 'y', STAGE_NO = 'n', STAGE_SKIP = 's' };

struct stage {
	struct pump *pump;
	const struct run_conf *conf;   /* borrowed */
	const struct roster *roster;   /* borrowed */
	struct actor actorv[ACTORC];
	struct teams_link *teams;      /* NULL without teams-sim */
	struct watch *watch;           /* of the service */
	char *folder;                  /* of recordings and logs */
	uint32_t tone_s;               /* a voice must last so long: the
					  longest case and some more */
	char why[512];                 /* the last error, in words */
	bool skipped;                  /* a person leaves this step out */
	char note[RUN_NOTE_SIZE];      /* what people remarked on it */
	pthread_mutex_t *lock;         /* borrowed; of the next: */
	char remark[RUN_NOTE_SIZE];    /* that goes with an answer */
};

/* stage.c */

/** Start everybody that takes part. @return 0 or errno, told by stage->why */
int  stage_start(struct stage *stage, const bool needed[ACTORC]);
void stage_stop(struct stage *stage);

/** Everybody has hung up, and begins anew */
int  stage_begin(struct stage *stage);
void stage_clear(struct stage *stage);

/** Say what went wrong. @return err */
int  stage_why(struct stage *stage, int err, const char *fmt, ...);

/** Bring everybody's state up to date; for conditions */
void stage_look(struct stage *stage);

/** Ask a person. @return 0 for yes or done, EPERM for no or when the step is
    left out (stage->skipped), ECANCELED */
int  stage_ask(struct stage *stage, bool choice, const char *fmt, ...);

/** Tell what is being done */
void stage_note(struct stage *stage, const char *fmt, ...);

/* Shared by the kinds */

/** What a person calls it: its name, or "user_a" */
const char *actor_title(const struct actor *actor);

/** Nothing has happened yet */
void actor_reset(struct actor *actor);

/** The one door through which the state changes */
void actor_set(struct actor *actor, enum actor_state next);

/** It hears what is written to this file from now on */
int  actor_listen(struct actor *actor, const char *path);

/** Our address on the way to the PBX, without a port. @return 0 or errno */
int phone_way(struct sa *local, const struct roster *roster);

extern const struct actor_ops teams_ops, phone_ops, human_ops;

#endif
