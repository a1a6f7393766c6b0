/**
 * @file actor_human.c  People, in real Teams or with a telephone in hand
 *
 * A person is told what to do and confirms it. What can be seen is not taken
 * on trust: calls of Teams users are followed in the service's own records.
 */
#include <jansson.h>

#include "bridge/base/members.h"
#include "actor.h"
#include "pump.h"
#include "watch.h"


struct human {
	char call[40];             /* id of the record that is followed     */
};


/** "In Teams, as Ann" or "On my mobile" */
static const char *where(const struct actor *actor)
{
	return actor->id <= ACTOR_USER_B ? "In Teams, as" : "On the"
		" telephone of";
}


static bool is_in_teams(const struct actor *actor)
{
	return actor->id <= ACTOR_USER_B &&
		watch_is_there(actor->stage->watch);
}


static int tell(struct actor *actor, const char *what)
{
	return stage_ask(actor->stage, false, "%s %s: %s.", where(actor),
			 actor_title(actor), what);
}


static int human_start(struct actor *actor)
{
	actor->own = mem_zalloc(sizeof(struct human), NULL);

	return actor->own ? 0 : ENOMEM;
}


static void human_stop(struct actor *actor)
{
	actor->own = mem_deref(actor->own);
}


static int human_begin(struct actor *actor)
{
	memset(actor->own, 0, sizeof(struct human));

	return 0;
}


static int human_dial(struct actor *actor, const char *number)
{
	actor_set(actor, ACTOR_DIALS);

	return stage_ask(actor->stage, false, "%s %s: call %s.",
			 where(actor), actor_title(actor), number);
}


static int human_answer(struct actor *actor)
{
	const int err = tell(actor, "answer the call");

	if (!err && !is_in_teams(actor))
		actor_set(actor, ACTOR_TALKS);

	return err;
}


static int human_reject(struct actor *actor)
{
	const int err = tell(actor, "decline the call");

	if (!err && !is_in_teams(actor))
		actor_set(actor, ACTOR_RELEASED);

	return err;
}


static int human_hangup(struct actor *actor)
{
	const int err = tell(actor, "hang up");

	if (!err) {
		actor->hung_up = true;
		if (!is_in_teams(actor))
			actor_set(actor, ACTOR_RELEASED);
	}

	return err;
}


static int human_hold(struct actor *actor)
{
	const int err = tell(actor, "put the call on hold");

	if (!err)
		actor->held = true;

	return err;
}


static int human_resume(struct actor *actor)
{
	const int err = tell(actor, "take the call off hold");

	if (!err)
		actor->held = false;

	return err;
}


static int human_transfer(struct actor *actor, const char *number)
{
	return stage_ask(actor->stage, false, "%s %s: transfer the call to"
			 " %s, without asking first (blind).", where(actor),
			 actor_title(actor), number);
}


static int human_digits(struct actor *actor, const char *digits)
{
	return stage_ask(actor->stage, false, "%s %s: press the keys %s.",
			 where(actor), actor_title(actor), digits);
}


static int human_mute(struct actor *actor, bool on)
{
	(void)actor;
	(void)on;

	return 0;                  /* nobody is asked to hum */
}


/** A record of Teams' side becomes the person's state */
static void record_follow(struct actor *actor, const json_t *row)
{
	struct human *human = actor->own;
	const bool from_pbx = !strcmp(text_of(row, "direction"), "from_pbx");
	const char *state = text_of(row, "state");

	str_ncpy(human->call, text_of(row, "id"), sizeof(human->call));

	if (from_pbx && (actor->state == ACTOR_IDLE ||
			 actor->state == ACTOR_RELEASED)) {
		if (!strcmp(state, "ended"))
			return;
		str_ncpy(actor->shown, text_of(row, "caller"),
			 sizeof(actor->shown));
		str_ncpy(actor->shown_name, text_of(row, "caller_name"),
			 sizeof(actor->shown_name));
		if (!strcmp(state, "ringing") || !strcmp(state, "answered"))
			actor_set(actor, ACTOR_RINGS);
	}

	if (!from_pbx && !strcmp(state, "ringing") && !actor->ringback) {
		actor->ringback    = true;
		actor->ringback_ms = pump_ms();
	}

	if (!strcmp(state, "answered") && (actor->state == ACTOR_DIALS ||
					   actor->state == ACTOR_RINGS))
		actor_set(actor, ACTOR_TALKS);

	if (!strcmp(state, "ended") && actor->state != ACTOR_RELEASED &&
	    actor->state != ACTOR_IDLE) {
		if (!json_integer_value(json_object_get(row, "answer_ms")))
			actor->scode = (uint16_t)json_integer_value(
				json_object_get(row, "scode"));
		str_ncpy(actor->reason, text_of(row, "reason"),
			 sizeof(actor->reason));
		actor_set(actor, ACTOR_RELEASED);
	}
}


static void human_look(struct actor *actor)
{
	const json_t *row;

	if (!is_in_teams(actor))
		return;

	row = watch_call_of(actor->stage->watch, actor->acc);
	if (row)
		record_follow(actor, row);
}


/** Who has stopped the test may not be there to confirm it any more */
static void human_clear(struct actor *actor)
{
	static const char what[] = "hang up whatever call there still is";

	if (actor->state != ACTOR_DIALS && actor->state != ACTOR_RINGS &&
	    actor->state != ACTOR_TALKS)
		return;

	if (pump_is_cancelled(actor->stage->pump))
		stage_note(actor->stage, "%s %s: %s.", where(actor),
			   actor_title(actor), what);
	else
		(void)tell(actor, what);
}


static int load_none(struct actor *actor)
{
	return stage_why(actor->stage, ENOSYS, "%s is a person: many calls"
			 " at once want a phone and a user of teams-sim",
			 actor_title(actor));
}


static int load_ready(struct actor *actor, bool on)
{
	return on ? load_none(actor) : 0;
}


static int load_dial(struct actor *actor, const char *number)
{
	(void)number;

	return load_none(actor);
}


static int load_stop(struct actor *actor)
{
	(void)actor;

	return 0;
}


const struct actor_ops human_ops = {
	.start = human_start, .stop = human_stop, .begin = human_begin,
	.dial = human_dial, .answer = human_answer, .reject = human_reject,
	.hangup = human_hangup, .hold = human_hold, .resume = human_resume,
	.transfer = human_transfer, .digits = human_digits,
	.mute = human_mute, .look = human_look, .clear = human_clear,
	.load_ready = load_ready, .load_dial = load_dial,
	.load_stop = load_stop,
};
