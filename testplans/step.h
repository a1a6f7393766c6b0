/**
 * @file step.h  The sentences of test plans
 *
 * A step is a sentence of words parted by spaces. The table in step.c is the
 * whole vocabulary: words in capitals stand for arguments.
 */
#ifndef TESTPLANS_STEP_H
#define TESTPLANS_STEP_H

#include "bridge/base/libre.h"

struct errors;
struct place;

enum step_actor {
	ACTOR_USER_A, ACTOR_USER_B, ACTOR_EXTERNAL, ACTOR_EXTERNAL_2, ACTORC,
};

enum step_verb {
	STEP_REGISTERED, STEP_DIALS, STEP_RINGS, STEP_RINGS_SHOWING,
	STEP_RINGS_SHOWING_ONE, STEP_ANSWERS, STEP_AUDIO, STEP_LASTS,
	STEP_HOLDS, STEP_MUSIC, STEP_RESUMES, STEP_TRANSFERS, STEP_HANGS_UP,
	STEP_RELEASED, STEP_VERBC,
};

struct step_pattern {
	const char *sentence;      /* "ACTOR dials NUMBER" */
	const char *does;
	const char *proves;
};

enum { STEP_ARGS_MAX = 3 };

struct step_arg {
	struct pl text;            /* borrowed from the sentence     */
	enum step_actor actor;     /* ACTOR, USER                    */
	uint32_t ms;               /* TIME                           */
};

struct step {
	enum step_verb verb;
	struct step_arg argv[STEP_ARGS_MAX];
	size_t argc;
};

/** One line of the vocabulary */
const struct step_pattern *step_pattern(enum step_verb verb);

/** "user_a" */
const char *step_actor_name(enum step_actor actor);

/**
 * Read a sentence
 *
 * @param step   Written on success; borrows from text
 * @param place  Where the sentence begins
 * @param text   The sentence
 * @param errs   Takes what is wrong: line and column of the word, what was
 *               wanted and the nearest known sentence
 *
 * @return 0, EBADMSG
 */
int step_parse(struct step *step, const struct place *place,
	       const char *text, struct errors *errs);

#endif
