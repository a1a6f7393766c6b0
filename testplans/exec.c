/**
 * @file exec.c  Doing one step of a plan, and judging it
 */
#include <jansson.h>
#include <stdarg.h>

#include "exec.h"
#include "pump.h"


enum { TAKE_MS = 10000, SHORT_MS = 2000 };


void outcome_clear(struct outcome *out)
{
	json_decref(out->measures);
	out->measures = NULL;
}


void outcome_say(struct outcome *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(out->observed, sizeof(out->observed), fmt, ap);
	va_end(ap);
}


void outcome_fail(struct outcome *out, const char *fmt, ...)
{
	va_list ap;

	out->verdict = VERDICT_FAILED;
	va_start(ap, fmt);
	(void)re_vsnprintf(out->observed, sizeof(out->observed), fmt, ap);
	va_end(ap);
}


void outcome_skip(struct outcome *out, const char *fmt, ...)
{
	va_list ap;

	out->verdict = VERDICT_SKIPPED;
	va_start(ap, fmt);
	(void)re_vsnprintf(out->observed, sizeof(out->observed), fmt, ap);
	va_end(ap);
}


void outcome_measure(struct outcome *out, const char *name, double value)
{
	if (!out->measures)
		out->measures = json_object();

	(void)json_object_set_new(out->measures, name, json_real(value));
}


struct actor *exec_actor(struct stage *stage, const struct step *step,
			 size_t arg)
{
	return &stage->actorv[step->argv[arg].actor];
}


uint64_t exec_scaled_ms(const struct stage *stage, uint32_t ms)
{
	const uint64_t scaled = (uint64_t)ms * stage->conf->scale / 100;

	return stage->conf->scale == 100 ? ms :
		min((uint64_t)ms, max(scaled, (uint64_t)SHORT_MS));
}


struct waiting {
	struct actor *actor;
	actor_is_h *ish;
};


static bool holds_true(void *arg)
{
	const struct waiting *waiting = arg;

	stage_look(waiting->actor->stage);

	return waiting->ish(waiting->actor);
}


int exec_wait(struct actor *actor, uint64_t ms, actor_is_h *ish)
{
	struct waiting waiting = {actor, ish};

	return pump_until(actor->stage->pump, ms, holds_true, &waiting);
}


static bool is_talking(const struct actor *actor)
{
	return actor->state == ACTOR_TALKS;
}


static bool is_released(const struct actor *actor)
{
	return actor->state == ACTOR_RELEASED;
}


/** Somebody whose call has just been refused, NULL if nobody's was */
static const struct actor *refused_now(const struct stage *stage)
{
	for (size_t i = 0; i < ACTORC; i++) {
		const struct actor *other = &stage->actorv[i];

		if (other->started && other->state == ACTOR_RELEASED &&
		    other->scode >= 300 && !other->answer_ms &&
		    other->dial_ms >= other->ring_ms)
			return other;
	}

	return NULL;
}


/** Somebody whose transfer has failed, NULL if nobody's has */
static const struct actor *transfer_refused(const struct stage *stage)
{
	for (size_t i = 0; i < ACTORC; i++)
		if (stage->actorv[i].started &&
		    stage->actorv[i].transfer_scode)
			return &stage->actorv[i];

	return NULL;
}


/** Whoever waits for a call that was refused waits in vain */
static bool rings_or_not(const struct actor *actor)
{
	return actor->state == ACTOR_RINGS || refused_now(actor->stage) ||
		transfer_refused(actor->stage);
}


static bool talks_or_not(const struct actor *actor)
{
	return actor->state == ACTOR_TALKS || actor->state == ACTOR_RELEASED;
}


static bool rings_back(const struct actor *actor)
{
	return actor->ringback || actor->early || talks_or_not(actor);
}


static bool is_held(const struct actor *actor)
{
	return actor->held || actor->state != ACTOR_TALKS;
}


static bool is_resumed(const struct actor *actor)
{
	return !actor->held || actor->state != ACTOR_TALKS;
}


/** What is there instead */
static void state_say(const struct actor *actor, char *buf, size_t size)
{
	switch (actor->state) {

	case ACTOR_IDLE:
		(void)re_snprintf(buf, size, "no call came");
		break;

	case ACTOR_DIALS:
		(void)re_snprintf(buf, size, "still calls, %s",
				  actor->ringback ? "and is told that it"
				  " rings" : "and is told nothing");
		break;

	case ACTOR_RINGS:
		(void)re_snprintf(buf, size, "still rings");
		break;

	case ACTOR_TALKS:
		(void)re_snprintf(buf, size, "still has a call");
		break;

	case ACTOR_RELEASED:
		if (actor->scode)
			(void)re_snprintf(buf, size, "the call was refused:"
					  " %u %s", actor->scode,
					  actor->reason);
		else
			(void)re_snprintf(buf, size, "the call has ended%s%s",
					  *actor->reason ? ": " : "",
					  actor->reason);
		break;
	}
}


/** A wait that failed. @return err if the run shall end, otherwise 0 */
static int wait_fail(const struct actor *actor, int err, uint32_t ms,
		     struct outcome *out)
{
	char state[256];

	if (err == ECANCELED)
		return err;

	state_say(actor, state, sizeof(state));
	outcome_fail(out, "not within %u s: %s", (ms + 999) / 1000, state);

	return 0;
}


/** A command that was not taken */
static int command_fail(const struct stage *stage, int err,
			struct outcome *out)
{
	if (err == ECANCELED)
		return err;

	outcome_fail(out, "%s", stage->why);

	return 0;
}


/** A person with a telephone: nobody else sees what it does */
static bool is_unseen(const struct actor *actor)
{
	return actor->acc->kind == ROSTER_HUMAN &&
		(actor->id > ACTOR_USER_B || !actor->stage->watch);
}


/** @return 0 answered yes, and the state is as it says */
static int person_confirms(struct actor *actor, enum actor_state state,
			   const char *question)
{
	const int err = stage_ask(actor->stage, true, "%s: %s",
				  actor_title(actor), question);

	if (!err)
		actor_set(actor, state);

	return err;
}


/* Numbers */


/** What NUMBER is for the one who dials it */
static int number_resolve(struct actor *actor, const struct pl *word,
			  char *buf, size_t size)
{
	struct stage *stage = actor->stage;
	const struct roster_account *acc = actor->acc;
	const char *dot = pl_strchr(word, '.');
	struct pl inside = *word;
	char asked[64];
	int err;

	if (acc->dials == ROSTER_DIALS_EXTENSION && dot &&
	    !strncmp(dot, ".number", min(word->l - (size_t)(dot - word->p),
					 (size_t)7)) &&
	    strncmp(word->p, "nobody", 6) && strncmp(word->p, "echo", 4)) {
		(void)re_snprintf(asked, sizeof(asked), "%b.extension",
				  word->p, (size_t)(dot - word->p));
		pl_set_str(&inside, asked);
		if (!roster_number(stage->roster, &inside, buf, size,
				   stage->why, sizeof(stage->why)))
			return 0;
	}

	err = roster_number(stage->roster, word, asked, sizeof(asked),
			    stage->why, sizeof(stage->why));
	if (err)
		return err;

	(void)re_snprintf(buf, size, "%s%s", asked[0] == '+' &&
			  acc->outside_line_prefix ? acc->outside_line_prefix
			  : "", asked);

	return 0;
}


/** An extension stands for its number where both are phones of the PBX */
static bool shows_extension(const struct actor *actor, const struct pl *word,
			    const char *shown)
{
	const char *dot = pl_strchr(word, '.');
	const struct roster *roster = actor->stage->roster;

	for (int i = 0; dot && i < ACTORC; i++) {
		const struct roster_account *acc =
			roster_account(roster, (enum step_actor)i);
		const char *name = step_actor_name((enum step_actor)i);

		if (strlen(name) != (size_t)(dot - word->p) ||
		    memcmp(name, word->p, strlen(name)))
			continue;

		return acc->extension && !strcmp(acc->extension, shown) &&
			(acc->dials == ROSTER_DIALS_EXTENSION ||
			 actor->acc->dials == ROSTER_DIALS_EXTENSION ||
			 (i <= ACTOR_USER_B && actor->id <= ACTOR_USER_B));
	}

	return false;
}


/** Is one of these numbers the one that is shown? `want` takes them */
static bool shown_is(struct actor *actor, const struct pl *words, char *want,
		     size_t size)
{
	struct pl list = *words, item;
	bool found = false;
	size_t l = 0;

	want[0] = '\0';

	while (step_numbers_next(&list, &item)) {
		struct stage *stage = actor->stage;
		char number[64];

		if (roster_number(stage->roster, &item, number,
				  sizeof(number), stage->why,
				  sizeof(stage->why)))
			continue;

		(void)re_snprintf(want + l, size - l, "%s%s", l ? " or " : "",
				  number);
		l = strlen(want);
		found |= !strcmp(number, actor->shown) ||
			shows_extension(actor, &item, actor->shown);
	}

	return found;
}


/* The steps */


static int exec_dials(struct stage *stage, const struct step *step,
		      struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	char number[64];
	int err;

	err = number_resolve(actor, &step->argv[1].text, number,
			     sizeof(number));
	if (!err)
		err = actor->ops->dial(actor, number);
	if (err)
		return command_fail(stage, err, out);

	outcome_say(out, "%s dials %s", actor_title(actor), number);

	return 0;
}


/** Why a call that was waited for will not come */
static void not_rung(const struct stage *stage, struct outcome *out)
{
	const struct actor *other = transfer_refused(stage);

	if (other) {
		outcome_fail(out, "no call came: the transfer by %s failed"
			     " with %u", actor_title(other),
			     other->transfer_scode);
		return;
	}

	other = refused_now(stage);
	outcome_fail(out, "no call came: %s was refused: %u %s",
		     other ? actor_title(other) : "the caller",
		     other ? other->scode : 0, other ? other->reason : "");
}


static int exec_rings(struct stage *stage, const struct step *step,
		      struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	const uint32_t ms = step->argv[1].ms;
	const uint64_t begin = pump_ms();
	int err;

	if (is_unseen(actor))
		err = person_confirms(actor, ACTOR_RINGS, "does it ring?");
	else
		err = exec_wait(actor, ms, rings_or_not);

	if (!err && actor->state != ACTOR_RINGS) {
		not_rung(stage, out);
		return 0;
	}

	if (err)
		return wait_fail(actor, err, ms, out);

	outcome_measure(out, "ring_ms", (double)(pump_ms() - begin));
	outcome_say(out, "rings after %u ms%s%s", (unsigned)(pump_ms() -
		    begin), *actor->shown ? ", shows " : "", actor->shown);

	return 0;
}


static int exec_rings_showing(struct stage *stage, const struct step *step,
			      struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	char want[256];
	bool good;
	int err;

	err = exec_rings(stage, step, out);
	if (err || out->verdict == VERDICT_FAILED)
		return err;

	good = shown_is(actor, &step->argv[2].text, want, sizeof(want));

	if (is_unseen(actor)) {
		err = stage_ask(stage, true, "%s: does it show %s?",
				actor_title(actor), want);
		if (err == ECANCELED)
			return err;
		good = !err;
		str_ncpy(actor->shown, good ? want : "another number",
			 sizeof(actor->shown));
	}

	if (!good)
		outcome_fail(out, "rings, and shows %s; wanted is %s",
			     *actor->shown ? actor->shown : "no number",
			     want);
	else
		outcome_say(out, "rings, and shows %s%s%s%s", actor->shown,
			    *actor->shown_name ? " (" : "",
			    actor->shown_name,
			    *actor->shown_name ? ")" : "");

	return 0;
}


static int exec_answers(struct stage *stage, const struct step *step,
			struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	const uint64_t begin = pump_ms();
	int err;

	if (actor->state != ACTOR_RINGS) {
		outcome_fail(out, "there is no call to answer");
		return 0;
	}

	err = actor->ops->answer(actor);
	if (err)
		return command_fail(stage, err, out);

	err = exec_wait(actor, TAKE_MS, is_talking);
	if (err)
		return wait_fail(actor, err, TAKE_MS, out);

	outcome_say(out, "answered, and connected after %u ms",
		    (unsigned)(pump_ms() - begin));

	return 0;
}


static int exec_audio(struct stage *stage, const struct step *step,
		      struct outcome *out)
{
	return probe_two_way(exec_actor(stage, step, 0),
			     exec_actor(stage, step, 1), out);
}


static int exec_lasts(struct stage *stage, const struct step *step,
		      struct outcome *out)
{
	return probe_talk(stage, NULL, step->argv[0].ms, out);
}


static int exec_speaks(struct stage *stage, const struct step *step,
		       struct outcome *out)
{
	return probe_talk(stage, exec_actor(stage, step, 0),
			  step->argv[1].ms, out);
}


static int exec_holds(struct stage *stage, const struct step *step,
		      struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	int err;

	err = actor->ops->hold(actor);
	if (err)
		return command_fail(stage, err, out);

	err = exec_wait(actor, TAKE_MS, is_held);
	if (!err && !actor->held)
		err = ENOTCONN;
	if (err)
		return wait_fail(actor, err, TAKE_MS, out);

	outcome_say(out, "the hold was taken");

	return 0;
}


static int exec_resumes(struct stage *stage, const struct step *step,
			struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	int err;

	err = actor->ops->resume(actor);
	if (err)
		return command_fail(stage, err, out);

	err = exec_wait(actor, TAKE_MS, is_resumed);
	if (!err && actor->state != ACTOR_TALKS)
		err = ENOTCONN;
	if (err)
		return wait_fail(actor, err, TAKE_MS, out);

	outcome_say(out, "the resume was taken");

	return 0;
}


static int exec_music(struct stage *stage, const struct step *step,
		      struct outcome *out)
{
	return probe_music(exec_actor(stage, step, 0), out);
}


static int exec_silence(struct stage *stage, const struct step *step,
			struct outcome *out)
{
	return probe_silence(exec_actor(stage, step, 0), out);
}


static int exec_echo(struct stage *stage, const struct step *step,
		     struct outcome *out)
{
	return probe_echo(exec_actor(stage, step, 0), out);
}


static int exec_transfers(struct stage *stage, const struct step *step,
			  struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	char number[64];
	int err;

	err = number_resolve(actor, &step->argv[1].text, number,
			     sizeof(number));
	if (!err) {
		actor->transfers      = true;
		actor->transfer_scode = 0;
		err = actor->ops->transfer(actor, number);
	}
	if (err)
		return command_fail(stage, err, out);

	outcome_say(out, "asks for a transfer to %s", number);

	return 0;
}


static int exec_hangs_up(struct stage *stage, const struct step *step,
			 struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	int err;

	err = actor->ops->hangup(actor);
	if (err)
		return command_fail(stage, err, out);

	err = exec_wait(actor, TAKE_MS, is_released);
	if (err)
		return wait_fail(actor, err, TAKE_MS, out);

	outcome_say(out, "hung up");

	return 0;
}


static int exec_released(struct stage *stage, const struct step *step,
			 struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	const uint32_t ms = step->argv[1].ms;
	const uint64_t begin = pump_ms();
	int err;

	if (is_unseen(actor) && !is_released(actor))
		err = person_confirms(actor, ACTOR_RELEASED,
				      "has the call ended?");
	else
		err = exec_wait(actor, ms, is_released);

	if (err)
		return wait_fail(actor, err, ms, out);

	outcome_say(out, "released after %u ms", (unsigned)(pump_ms() -
							    begin));

	return 0;
}


static int exec_ringback(struct stage *stage, const struct step *step,
			 struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	const uint32_t ms = step->argv[1].ms;
	int err;

	if (is_unseen(actor)) {
		err = stage_ask(stage, true, "%s: do you hear it ring?",
				actor_title(actor));
		actor->ringback = !err;
	}
	else {
		err = exec_wait(actor, ms, rings_back);
	}

	if (!err && !actor->ringback && !actor->early)
		err = ENOTCONN;
	if (err)
		return wait_fail(actor, err, ms, out);

	outcome_measure(out, "ringback_ms", actor->ringback_ms ?
			(double)(actor->ringback_ms - actor->dial_ms) : 0);
	outcome_say(out, "is told that it rings%s", actor->early ?
		    ", with the other side's own sound" : "");

	return 0;
}


static int exec_answered(struct stage *stage, const struct step *step,
			 struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	const uint32_t ms = step->argv[1].ms;
	int err;

	if (is_unseen(actor))
		err = person_confirms(actor, ACTOR_TALKS,
				      "was the call answered?");
	else
		err = exec_wait(actor, ms, talks_or_not);

	if (!err && actor->state != ACTOR_TALKS)
		err = ECONNREFUSED;
	if (err)
		return wait_fail(actor, err, ms, out);

	outcome_say(out, "was answered");

	return 0;
}


static int exec_rejects(struct stage *stage, const struct step *step,
			struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	int err;

	err = actor->ops->reject(actor);
	if (err)
		return command_fail(stage, err, out);

	outcome_say(out, "refused the call");

	return 0;
}


static int exec_refused(struct stage *stage, const struct step *step,
			struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	const uint32_t ms = step->argv[1].ms;
	int err;

	if (is_unseen(actor))
		err = person_confirms(actor, ACTOR_RELEASED,
				      "was the call refused?");
	else
		err = exec_wait(actor, ms, talks_or_not);

	if (!err && actor->state != ACTOR_RELEASED)
		err = EISCONN;
	if (err)
		return wait_fail(actor, err, ms, out);

	if (actor->scode || is_unseen(actor))
		outcome_say(out, "refused: %u %s", actor->scode,
			    actor->reason);
	else
		outcome_fail(out, "the call was taken, and ended");

	return 0;
}


/** Products differ in the code for the same thing */
static bool reason_is(enum step_reason reason, uint16_t scode)
{
	static const uint16_t codev[REASONC][8] = {
		[REASON_BUSY]       = {486, 600},
		[REASON_REJECTED]   = {603, 403, 486, 600, 607},
		[REASON_UNANSWERED] = {408, 480, 487, 504},
		[REASON_UNKNOWN]    = {404, 410, 484, 604, 485},
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(codev[0]); i++)
		if (codev[reason][i] && codev[reason][i] == scode)
			return true;

	return false;
}


static int exec_refused_as(struct stage *stage, const struct step *step,
			   struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	const enum step_reason reason = step->argv[2].reason;
	int err;

	err = exec_refused(stage, step, out);
	if (err || out->verdict == VERDICT_FAILED)
		return err;

	if (is_unseen(actor)) {
		err = stage_ask(stage, true, "%s: was it told as \"%s\"?",
				actor_title(actor), step_reason_name(reason));
		if (err && err != ECANCELED)
			outcome_fail(out, "refused, but not told as %s",
				     step_reason_name(reason));
		return err == ECANCELED ? err : 0;
	}

	if (!reason_is(reason, actor->scode))
		outcome_fail(out, "refused with %u %s, which is not \"%s\"",
			     actor->scode, actor->reason,
			     step_reason_name(reason));

	return 0;
}


static int exec_sends_digits(struct stage *stage, const struct step *step,
			     struct outcome *out)
{
	struct actor *actor = exec_actor(stage, step, 0);
	char digits[40];
	int err;

	err = pl_strcpy(&step->argv[1].text, digits, sizeof(digits));
	if (!err)
		err = actor->ops->digits(actor, digits);
	if (err)
		return command_fail(stage, err, out);

	outcome_say(out, "sent %s", digits);

	return 0;
}


struct digits {
	struct actor *actor;
	char want[40];
};


static bool digits_came(void *arg)
{
	const struct digits *digits = arg;

	return strlen(digits->actor->digits) >= strlen(digits->want);
}


static int exec_hears_digits(struct stage *stage, const struct step *step,
			     struct outcome *out)
{
	struct digits digits = {.actor = exec_actor(stage, step, 0)};
	int err;

	(void)pl_strcpy(&step->argv[1].text, digits.want,
			sizeof(digits.want));

	if (digits.actor->acc->kind == ROSTER_HUMAN) {
		err = stage_ask(stage, true, "%s: did you hear %zu key tones"
				" (%s)?", actor_title(digits.actor),
				strlen(digits.want), digits.want);
		if (err)
			return command_fail(stage, err, out);
		outcome_say(out, "heard %s, says the person", digits.want);
		return 0;
	}

	err = pump_until(stage->pump, step->argv[2].ms, digits_came,
			 &digits);
	if (err == ECANCELED)
		return err;

	if (strcmp(digits.actor->digits, digits.want))
		outcome_fail(out, "heard %s%s, wanted is %s",
			     digits.actor->digits, *digits.actor->digits ? ""
			     : "nothing", digits.want);
	else
		outcome_say(out, "heard %s", digits.actor->digits);

	/* The next digits are of another step */
	digits.actor->digits[0] = '\0';

	return 0;
}


typedef int (exec_h)(struct stage *stage, const struct step *step,
		     struct outcome *out);


static exec_h *const verbv[STEP_VERBC] = {
	[STEP_REGISTERED]        = exec_registered,
	[STEP_DIALS]             = exec_dials,
	[STEP_RINGS]             = exec_rings,
	[STEP_RINGS_SHOWING]     = exec_rings_showing,
	[STEP_RINGS_SHOWING_ONE] = exec_rings_showing,
	[STEP_ANSWERS]           = exec_answers,
	[STEP_AUDIO]             = exec_audio,
	[STEP_LASTS]             = exec_lasts,
	[STEP_HOLDS]             = exec_holds,
	[STEP_MUSIC]             = exec_music,
	[STEP_RESUMES]           = exec_resumes,
	[STEP_TRANSFERS]         = exec_transfers,
	[STEP_HANGS_UP]          = exec_hangs_up,
	[STEP_RELEASED]          = exec_released,
	[STEP_RINGBACK]          = exec_ringback,
	[STEP_ANSWERED]          = exec_answered,
	[STEP_SILENCE]           = exec_silence,
	[STEP_ECHO]              = exec_echo,
	[STEP_SPEAKS]            = exec_speaks,
	[STEP_REJECTS]           = exec_rejects,
	[STEP_REFUSED]           = exec_refused,
	[STEP_REFUSED_AS]        = exec_refused_as,
	[STEP_SENDS_DIGITS]      = exec_sends_digits,
	[STEP_HEARS_DIGITS]      = exec_hears_digits,
	[STEP_HUNG_UP_FIRST]     = exec_hung_up_first,
	[STEP_REFRESHED]         = exec_refreshed,
	[STEP_REGISTERS_AGAIN]   = exec_registers_again,
	[STEP_RENEWS]            = exec_renews,
	[STEP_GRANTED]           = exec_granted,
	[STEP_WRONG_PASSWORD]    = exec_wrong_password,
	[STEP_MESSAGES]          = exec_messages,
	[STEP_NO_MESSAGES]       = exec_messages,
	[STEP_LOAD]              = exec_load,
	[STEP_MOS]               = exec_mos,
};


int exec_step(struct stage *stage, const struct step *step,
	      struct outcome *out)
{
	int err;

	memset(out, 0, sizeof(*out));
	out->verdict = VERDICT_PASSED;
	stage->why[0] = stage->note[0] = '\0';
	stage->skipped = false;

	err = verbv[step->verb](stage, step, out);
	str_ncpy(out->note, stage->note, sizeof(out->note));

	if (err == ECANCELED)
		out->verdict = VERDICT_STOPPED;
	else if (stage->skipped)
		outcome_skip(out, "left out by the person");
	else if (err)
		outcome_fail(out, "%m", err);

	if (out->verdict == VERDICT_FAILED)
		advice_give(stage, step, out);

	return err == ECANCELED ? err : 0;
}
