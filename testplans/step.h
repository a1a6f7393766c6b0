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
	STEP_RELEASED, STEP_RINGBACK, STEP_ANSWERED, STEP_SILENCE, STEP_ECHO,
	STEP_SPEAKS, STEP_REJECTS, STEP_REFUSED, STEP_REFUSED_AS,
	STEP_SENDS_DIGITS, STEP_HEARS_DIGITS, STEP_HUNG_UP_FIRST,
	STEP_REFRESHED, STEP_REGISTERS_AGAIN, STEP_RENEWS, STEP_GRANTED,
	STEP_WRONG_PASSWORD, STEP_MESSAGES, STEP_NO_MESSAGES, STEP_LOAD,
	STEP_MOS, STEP_VERBC,
};

/** Why a call was not taken, as a caller can tell */
enum step_reason {
	REASON_BUSY, REASON_REJECTED, REASON_UNANSWERED, REASON_UNKNOWN,
	REASONC,
};

struct step_pattern {
	const char *sentence;      /* "ACTOR dials NUMBER" */
	const char *does;
	const char *proves;
};

enum { STEP_ARGS_MAX = 5, STEP_CALLS_MAX = 500 };

struct step_arg {
	struct pl text;            /* borrowed from the sentence     */
	enum step_actor actor;     /* ACTOR, USER                    */
	enum step_reason reason;   /* REASON                         */
	uint32_t ms;               /* TIME                           */
	uint32_t count;            /* COUNT, 1..STEP_CALLS_MAX       */
	double mos;                /* MOS, 1..5                      */
};

/** One kind of argument, by the word that stands for it */
struct step_kind {
	const char *word;          /* "TIME" */
	const char *help;          /* what may be written */
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

/** "busy" */
const char *step_reason_name(enum step_reason reason);

/** Kinds of arguments, in the order of their names. NULL behind the last */
const struct step_kind *step_kind(size_t i);

/**
 * A regular expression (ECMA 262, as JSON Schema has it) that takes the
 * sentences of a verb, for editors
 *
 * @param re  Takes it, a libre memory object
 *
 * @return 0, ENOMEM
 */
int step_regex(char **re, enum step_verb verb);

/**
 * Take the first of the numbers in `[a, b]`
 *
 * @param list  NUMBERS as written; moved behind what was taken
 * @param item  Takes one, borrowed
 *
 * @return false if there is none left
 */
bool step_numbers_next(struct pl *list, struct pl *item);

/** Does the i-th argument name somebody who takes part? */
bool step_arg_is_actor(const struct step *step, size_t i);

/** Is it a number, or several? step_numbers_next() goes through them */
bool step_arg_is_number(const struct step *step, size_t i);

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
