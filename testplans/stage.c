/**
 * @file stage.c  Bringing those who take part up and down
 */
#include <stdarg.h>

#include "actor.h"
#include "tape.h"
#include "pump.h"
#include "teams_link.h"
#include "watch.h"


enum { ASK_MS = 30 * 60 * 1000, TRUNK_MS = 30000 };

/* No two are harmonics of each other, none is near a key's tones, and none
   fits a whole number of times into 20 ms: a lost packet is heard as a jump
   of phase */
static const int tonev[ACTORC] = {
	[ACTOR_USER_A] = 1570, [ACTOR_USER_B] = 1810, [ACTOR_EXTERNAL] = 620,
	[ACTOR_EXTERNAL_2] = 830,
};

/** The states that may follow each */
static const unsigned successors[] = {
	[ACTOR_IDLE]     = 1u << ACTOR_DIALS | 1u << ACTOR_RINGS,
	[ACTOR_DIALS]    = 1u << ACTOR_TALKS | 1u << ACTOR_RELEASED,
	[ACTOR_RINGS]    = 1u << ACTOR_TALKS | 1u << ACTOR_RELEASED,
	[ACTOR_TALKS]    = 1u << ACTOR_RELEASED,
	[ACTOR_RELEASED] = 1u << ACTOR_DIALS | 1u << ACTOR_RINGS,
};


int stage_why(struct stage *stage, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(stage->why, sizeof(stage->why), fmt, ap);
	va_end(ap);

	return err;
}


void stage_note(struct stage *stage, const char *fmt, ...)
{
	struct run_event ev = {.type = RUN_EV_NOTE};
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	ev.text = text;
	if (stage->conf->eventh)
		stage->conf->eventh(&ev, stage->conf->arg);
}


struct question {
	struct pump *pump;
	char token;
};


static bool is_answered(void *arg)
{
	struct question *question = arg;

	question->token = pump_token(question->pump);

	return question->token == STAGE_YES || question->token == STAGE_NO ||
		question->token == STAGE_SKIP;
}


/** What goes with the answer is told with the step */
static void remark_take(struct stage *stage)
{
	const size_t l = strlen(stage->note);

	(void)pthread_mutex_lock(stage->lock);
	if (*stage->remark)
		(void)re_snprintf(stage->note + l, sizeof(stage->note) - l,
				  "%s%s", l ? "; " : "", stage->remark);
	stage->remark[0] = '\0';
	(void)pthread_mutex_unlock(stage->lock);
}


int stage_ask(struct stage *stage, bool choice, const char *fmt, ...)
{
	struct run_event ev = {.type = RUN_EV_QUESTION, .choice = choice};
	struct question question = {stage->pump, '\0'};
	char text[512];
	va_list ap;
	int err;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (!stage->conf->eventh)
		return stage_why(stage, ENOTTY, "nobody is there to be asked"
				 " (%s)", text);

	(void)pump_token(stage->pump);
	ev.text = text;
	stage->conf->eventh(&ev, stage->conf->arg);

	err = pump_until(stage->pump, ASK_MS, is_answered, &question);
	if (!err)
		remark_take(stage);
	if (!err && question.token != STAGE_YES)
		err = EPERM;
	stage->skipped |= question.token == STAGE_SKIP;

	if (err == EPERM)
		(void)stage_why(stage, err, "the person says no to: %s",
				text);
	else if (err == ETIMEDOUT)
		(void)stage_why(stage, err, "nobody answered: %s", text);

	return err;
}


const char *actor_title(const struct actor *actor)
{
	return actor->acc->name ? actor->acc->name : actor->name;
}


void actor_reset(struct actor *actor)
{
	actor->state = ACTOR_IDLE;
	actor->shown[0] = actor->shown_name[0] = '\0';
	actor->reason[0] = actor->digits[0] = '\0';
	actor->ringback = actor->early = actor->held = false;
	actor->hung_up = actor->transfers = false;
	actor->transfer_scode = 0;
	actor->dial_ms = actor->ring_ms = actor->ringback_ms = 0;
	actor->answer_ms = actor->end_ms = 0;
	actor->scode   = 0;
	actor->partner = NULL;
	actor->ear     = mem_deref(actor->ear);
	memset(&actor->load, 0, sizeof(actor->load));
}


/** What peers do out of turn is not our business: it changes nothing */
void actor_set(struct actor *actor, enum actor_state next)
{
	const uint64_t now = pump_ms();

	if (!(successors[actor->state] & 1u << next))
		return;

	actor->state = next;

	switch (next) {

	case ACTOR_DIALS:
		actor->ear       = mem_deref(actor->ear);
		actor->dial_ms   = now;
		actor->answer_ms = 0;
		actor->ringback = actor->early = actor->held = false;
		actor->hung_up  = false;
		actor->scode    = 0;
		break;

	case ACTOR_RINGS:
		actor->ear     = mem_deref(actor->ear);
		actor->ring_ms = now;
		actor->answer_ms = 0;
		actor->held    = actor->hung_up = false;
		actor->scode   = 0;
		break;

	case ACTOR_TALKS:
		actor->answer_ms = now;
		break;

	case ACTOR_RELEASED:
		actor->end_ms = now;
		break;

	case ACTOR_IDLE:
		break;
	}
}


int actor_listen(struct actor *actor, const char *path)
{
	struct tape *ear;
	const int err = tape_alloc(&ear, path);

	if (err)
		return err;

	mem_deref(actor->ear);
	actor->ear = ear;

	return 0;
}


void stage_look(struct stage *stage)
{
	for (size_t i = 0; i < ACTORC; i++) {
		struct actor *actor = &stage->actorv[i];

		if (actor->started)
			actor->ops->look(actor);
	}
}


static const struct actor_ops *ops_of(int kind)
{
	switch (kind) {

	case ROSTER_TEAMS: return &teams_ops;
	case ROSTER_PHONE: return &phone_ops;
	default:           return &human_ops;
	}
}


static int actor_start(struct stage *stage, enum step_actor id)
{
	struct actor *actor = &stage->actorv[id];
	int err;

	actor->id    = id;
	actor->name  = step_actor_name(id);
	actor->acc   = roster_account(stage->roster, id);
	actor->stage = stage;
	actor->ops   = ops_of(actor->acc->kind);
	actor->tone_hz = actor->acc->kind == ROSTER_HUMAN ? 0 : tonev[id];

	if (!actor->acc->number)
		return 0;          /* cases that want it are skipped */

	actor->started = true;
	stage->why[0]  = '\0';

	err = actor->ops->start(actor);
	if (err && !*stage->why)
		(void)stage_why(stage, err, "%s: %m", actor->name, err);

	return err;
}


static bool trunk_is_up(void *arg)
{
	struct stage *stage = arg;
	const char *fqdn = stage->roster->teams.fqdn;

	return teams_link_is_up(stage->teams, fqdn);
}


/** teams-sim takes no call before the service and it have seen each other */
static int teams_connect(struct stage *stage)
{
	const char *path = stage->roster->teams.control;
	const char *fqdn = stage->roster->teams.fqdn;
	int err;

	err = teams_link_alloc(&stage->teams, stage->pump, path);
	if (err)
		return stage_why(stage, err, "teams-sim does not answer at"
				 " %s: %m", path, err);

	err = teams_link_tenant(stage->teams, fqdn, stage->why,
				sizeof(stage->why));
	if (err)
		return err;

	stage_note(stage, "waiting for %s and teams-sim to find each other",
		   fqdn);
	err = pump_until(stage->pump, TRUNK_MS, trunk_is_up, stage);

	return err && err != ECANCELED ? stage_why(stage, err, "the trunk %s"
		" does not come up: does the service run, and is it pointed at"
		" teams-sim? See `callbridge trunks`", fqdn) : err;
}


int stage_start(struct stage *stage, const bool needed[ACTORC])
{
	bool teams = false;
	int err = 0;

	for (int i = 0; i < ACTORC; i++)
		teams |= needed[i] && roster_account(stage->roster,
			(enum step_actor)i)->kind == ROSTER_TEAMS;

	if (teams)
		err = teams_connect(stage);

	for (int i = 0; i < ACTORC && !err; i++)
		if (needed[i])
			err = actor_start(stage, (enum step_actor)i);

	return err;
}


void stage_stop(struct stage *stage)
{
	/* First, for its events go to the actors */
	stage->teams = mem_deref(stage->teams);

	for (size_t i = 0; i < ACTORC; i++) {
		struct actor *actor = &stage->actorv[i];

		if (!actor->started)
			continue;

		actor_reset(actor);
		actor->ops->stop(actor);
		actor->started = false;
	}
}


void stage_clear(struct stage *stage)
{
	for (size_t i = 0; i < ACTORC; i++) {
		struct actor *actor = &stage->actorv[i];

		if (actor->started)
			actor->ops->clear(actor);
	}
}


int stage_begin(struct stage *stage)
{
	int err = 0;

	for (size_t i = 0; i < ACTORC && !err; i++) {
		struct actor *actor = &stage->actorv[i];

		if (!actor->started)
			continue;

		actor_reset(actor);
		err = actor->ops->begin(actor);
	}

	if (watch_is_there(stage->watch))
		watch_mark(stage->watch);

	return err;
}
