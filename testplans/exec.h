/**
 * @file exec.h  Doing one step of a plan, and judging it
 */
#ifndef TESTPLANS_EXEC_H
#define TESTPLANS_EXEC_H

#include "actor.h"

/** What became of a step */
struct outcome {
	enum run_verdict verdict;
	char observed[512];
	char advice[1024];         /* "" for none                           */
	char note[RUN_NOTE_SIZE];  /* what a person remarked, ""            */
	struct json_t *measures;   /* owned: object of numbers, or NULL     */
};

/** Free what it owns */
void outcome_clear(struct outcome *out);

/** Say what was observed. Verdict stays */
void outcome_say(struct outcome *out, const char *fmt, ...);

/** ... and that it is not what was wanted */
void outcome_fail(struct outcome *out, const char *fmt, ...);

/** ... and that it could not be tried */
void outcome_skip(struct outcome *out, const char *fmt, ...);

/** A figure for the report */
void outcome_measure(struct outcome *out, const char *name, double value);

/**
 * Do a step
 *
 * @param out  Takes what became of it, whatever is returned; outcome_clear()
 *             is due
 *
 * @return 0 done and judged, ECANCELED the run was stopped
 */
int exec_step(struct stage *stage, const struct step *step,
	      struct outcome *out);

/** A condition on an actor */
typedef bool (actor_is_h)(const struct actor *actor);

/** Wait for one. @return 0, ETIMEDOUT, ECANCELED */
int exec_wait(struct actor *actor, uint64_t ms, actor_is_h *ish);

/** Actor of an argument */
struct actor *exec_actor(struct stage *stage, const struct step *step,
			 size_t arg);

/** Talking times are scaled; at least 2 s, or what was written */
uint64_t exec_scaled_ms(const struct stage *stage, uint32_t ms);

/* probe.c: listening */

int probe_two_way(struct actor *a, struct actor *b, struct outcome *out);
int probe_music(struct actor *actor, struct outcome *out);
int probe_silence(struct actor *actor, struct outcome *out);
int probe_echo(struct actor *actor, struct outcome *out);

/** Talk so long; `only` alone need not have a partner, NULL: everybody who
    talks */
int probe_talk(struct stage *stage, struct actor *only, uint32_t written_ms,
	       struct outcome *out);

/* exec_service.c: what the service knows */

int exec_registered(struct stage *stage, const struct step *step,
		    struct outcome *out);
int exec_registers_again(struct stage *stage, const struct step *step,
			 struct outcome *out);
int exec_renews(struct stage *stage, const struct step *step,
		struct outcome *out);
int exec_granted(struct stage *stage, const struct step *step,
		 struct outcome *out);
int exec_messages(struct stage *stage, const struct step *step,
		  struct outcome *out);
int exec_hung_up_first(struct stage *stage, const struct step *step,
		       struct outcome *out);
int exec_refreshed(struct stage *stage, const struct step *step,
		   struct outcome *out);
int exec_mos(struct stage *stage, const struct step *step,
	     struct outcome *out);
int exec_wrong_password(struct stage *stage, const struct step *step,
			struct outcome *out);

/* load.c */

int exec_load(struct stage *stage, const struct step *step,
	      struct outcome *out);

/* diagnosis.c */

/** What the registrations, records and traces of the case show to be wrong.
    @return true if there is such a cause, and buf says it */
bool diagnosis_make(struct stage *stage, const struct step *step,
		    const struct outcome *out, char *buf, size_t size);

/* advice.c */

/** Name the setting that is likely to blame for a step that failed */
void advice_give(struct stage *stage, const struct step *step,
		 struct outcome *out);

#endif
