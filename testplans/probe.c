/**
 * @file probe.c  Listening: proof that voice crosses is never a message
 *
 * Every actor but a person says a tone of its own, and what the others
 * recorded is analysed.
 */
#include <math.h>
#include <stdlib.h>

#include "bridge/media/media.h"
#include "tape.h"
#include "exec.h"
#include "pump.h"


enum {
	HEAR_MS = 600,             /* is enough to judge a tone             */
	PATIENCE_MS = 8000,        /* until voice must be there             */
	FADE_MS = 3000,            /* for a tone to end or begin            */
	FADE_VIEW_MS = 100,
	SPEECH_MS = 5000,
	TICK_MS = 1000,
	BAR_MS = 3000,             /* longer waits are told as they go      */
	DEAF_MS = 2500,            /* without a recording, until packets
				      count                                 */
	LATE_LIMIT_MS = 100,       /* more than jitter of a machine's own  */
	SETTLE_MS = 500,           /* after an unmute: loss is counted then */
	ONSET_MS = 60,             /* until the tone stands                 */
};

/** Fainter than that is no voice */
#define VOICE_DBFS (-40.0)

/** What is so far below the voice is leakage of the codec */
#define LEAK_DB 30.0

/** More is bad quality */
#define LOSS_LIMIT 0.03


/** What one of them hears of the other */
struct hearing {
	struct actor *listener, *speaker;
	uint64_t from_ms;          /* in the recording */
	char fault[160];
	double loss, level_dbfs;
	double delay_ms;           /* -1: not measured */
	uint64_t begin_ms;         /* of the listening */
	bool deaf;                 /* packets come, but are not recorded: the
				      recording of baresip 1.0 ends with the
				      first hold that the PBX passes on     */
	uint64_t due_ms;           /* when it began to speak again */
	uint64_t onset_ms;         /* when that was heard, in the recording */
};


static uint64_t heard_ms(const struct actor *actor)
{
	return actor->ear ? tape_length_ms(actor->ear) : 0;
}


static const char *tone_owner(const struct stage *stage, int hz)
{
	for (size_t i = 0; i < ACTORC; i++) {
		const struct actor *actor = &stage->actorv[i];

		if (actor->started && actor->tone_hz &&
		    abs(actor->tone_hz - hz) <= 15)
			return actor_title(actor);
	}

	return NULL;
}


/** Judge what is in the recording from from_ms on. @return true if good */
static bool judge(struct hearing *h)
{
	struct stage *stage = h->listener->stage;
	const int want = h->speaker->tone_hz;
	struct tape_view view;
	double level;

	if (heard_ms(h->listener) < h->from_ms + HEAR_MS) {
		(void)re_snprintf(h->fault, sizeof(h->fault), "no sound"
				  " arrives at %s", actor_title(h->listener));
		return h->deaf;
	}

	level = tape_tone_dbfs(h->listener->ear, h->from_ms, HEAR_MS, want);
	(void)tape_look(h->listener->ear, h->from_ms, HEAR_MS, &view);

	if (level < VOICE_DBFS || level < view.level_dbfs - 6) {
		const int hz = tape_strongest(h->listener->ear, h->from_ms +
					     HEAR_MS / 2, 200);
		const char *owner = tone_owner(stage, hz);

		(void)re_snprintf(h->fault, sizeof(h->fault), "%s does not"
				  " hear %s but %s", actor_title(h->listener),
				  actor_title(h->speaker), !hz ? "silence" :
				  owner ? owner : "some other sound");
		return false;
	}

	for (size_t i = 0; i < ACTORC; i++) {
		const struct actor *other = &stage->actorv[i];

		if (!other->started || !other->tone_hz ||
		    other == h->speaker)
			continue;

		if (tape_tone_dbfs(h->listener->ear, h->from_ms, HEAR_MS,
				  other->tone_hz) > level - LEAK_DB) {
			(void)re_snprintf(h->fault, sizeof(h->fault), "%s"
					  " hears %s as well%s",
					  actor_title(h->listener),
					  actor_title(other), other ==
					  h->listener ? " (echo)" : "");
			return false;
		}
	}

	h->level_dbfs = level;

	return true;
}


struct pair {
	struct hearing v[2];
	size_t c;
};


/** Does a phone get packets that it does not record? Asked once in a probe,
    when there was time to hear */
static void deafness_find(struct hearing *h)
{
	struct actor *actor = h->listener;

	if (h->deaf || !actor->ops->receives || !heard_ms(actor) ||
	    heard_ms(actor) > h->from_ms || !h->begin_ms ||
	    pump_ms() - h->begin_ms < DEAF_MS)
		return;

	h->deaf     = actor->ops->receives(actor);
	h->begin_ms = h->deaf ? h->begin_ms : 0;
}


static bool pair_is_good(void *arg)
{
	struct pair *pair = arg;
	bool good = true;

	stage_look(pair->v[0].listener->stage);

	for (size_t i = 0; i < pair->c; i++) {
		struct hearing *h = &pair->v[i];

		deafness_find(h);
		if (judge(h))
			continue;

		good = false;

		/* What was before the event belongs to the past */
		if (heard_ms(h->listener) >= h->from_ms + HEAR_MS) {
			h->from_ms  = heard_ms(h->listener);
			h->begin_ms = pump_ms();       /* it is not deaf */
		}
		else if (heard_ms(h->listener) < h->from_ms)
			h->from_ms = 0;        /* another recording */
	}

	return good;
}


/* Delay: both fall silent and begin again */


static bool pair_is_quiet(void *arg)
{
	const struct pair *pair = arg;

	for (size_t i = 0; i < pair->c; i++) {
		const struct hearing *h = &pair->v[i];
		const uint64_t end = heard_ms(h->listener);

		if (end < h->from_ms + FADE_VIEW_MS ||
		    tape_tone_dbfs(h->listener->ear, end - FADE_VIEW_MS,
				  FADE_VIEW_MS, h->speaker->tone_hz) >
		    VOICE_DBFS)
			return false;
	}

	return true;
}


static bool pair_has_begun(void *arg)
{
	struct pair *pair = arg;
	bool all = true;

	for (size_t i = 0; i < pair->c; i++) {
		struct hearing *h = &pair->v[i];
		uint64_t at;

		if (h->delay_ms >= 0)
			continue;

		if (tape_onset(h->listener->ear, h->from_ms,
			      h->speaker->tone_hz, &at)) {
			all = false;
			continue;
		}

		/* The recording grows by packets: the onset may be in the
		   middle of what came just now */
		h->delay_ms = (double)(pump_ms() - h->due_ms) -
			(double)(heard_ms(h->listener) - at);
		h->delay_ms = fmax(0, h->delay_ms);
		h->onset_ms = at;
	}

	return all;
}


static int pair_mute(struct pair *pair, bool on)
{
	int err = 0;

	for (size_t i = 0; i < pair->c && !err; i++) {
		struct actor *speaker = pair->v[i].speaker;

		err = speaker->ops->mute(speaker, on);
		pair->v[i].due_ms = pump_ms();
	}

	return err;
}


static int delay_measure(struct pair *pair)
{
	struct pump *pump = pair->v[0].listener->stage->pump;
	int err;

	err = pair_mute(pair, true);
	if (err)
		return err;

	for (size_t i = 0; i < pair->c; i++)
		pair->v[i].from_ms = heard_ms(pair->v[i].listener);

	err = pump_until(pump, FADE_MS, pair_is_quiet, pair);

	for (size_t i = 0; i < pair->c; i++)
		pair->v[i].from_ms = heard_ms(pair->v[i].listener);

	if (err == ECANCELED || pair_mute(pair, false))
		return ECANCELED;

	if (!err)
		err = pump_until(pump, FADE_MS, pair_has_begun, pair);
	if (!err)
		err = pump_for(pump, SETTLE_MS);

	for (size_t i = 0; i < pair->c && !err; i++) {
		struct hearing *h = &pair->v[i];
		struct tape_run run;

		tape_steadiness(h->listener->ear, h->onset_ms + ONSET_MS,
			       heard_ms(h->listener), h->speaker->tone_hz,
			       &run);
		h->loss = run.loss;
	}

	return err;
}


/* People */


/** A person hears a tone, and is heard */
static int person_talks(struct actor *person, struct actor *other,
			struct outcome *out)
{
	struct stage *stage = person->stage;
	struct tape_view view = {0, TAPE_QUIET_DBFS};
	uint64_t from;
	int err;

	err = stage_ask(stage, true, other->tone_hz ?
			"%s: do you hear a steady tone?" :
			"%s: do you hear the other one speak?",
			actor_title(person));
	if (err == EPERM)
		outcome_fail(out, "%s does not hear %s", actor_title(person),
			     actor_title(other));
	if (err || !other->tone_hz)
		return err == EPERM ? 0 : err;

	err = stage_ask(stage, false, "%s: speak for five seconds after"
			" confirming this.", actor_title(person));
	if (err)
		return err;

	from = heard_ms(other);
	err  = pump_for(stage->pump, SPEECH_MS);
	stage_look(stage);

	if (!err && other->ear)
		for (uint64_t at = from; at < heard_ms(other); at += 500) {
			struct tape_view part;

			if (!tape_look(other->ear, at, 500, &part))
				view.level_dbfs = fmax(view.level_dbfs,
						       part.level_dbfs);
		}

	if (!err && view.level_dbfs <= TAPE_QUIET_DBFS)
		outcome_fail(out, "%s is not heard at %s",
			     actor_title(person), actor_title(other));

	return err;
}


static int people_two_way(struct actor *a, struct actor *b,
			  struct outcome *out)
{
	const bool first = a->acc->kind == ROSTER_HUMAN;
	int err;

	err = first ? person_talks(a, b, out) : person_talks(b, a, out);
	if (err || out->verdict == VERDICT_FAILED)
		return err;

	if (first && b->acc->kind == ROSTER_HUMAN) {
		err = person_talks(b, a, out);
		if (err || out->verdict == VERDICT_FAILED)
			return err;
	}

	a->partner = b;
	b->partner = a;
	outcome_say(out, "both hear each other");

	return 0;
}


static void pair_report(const struct pair *pair, struct outcome *out)
{
	char text[2][160];

	for (size_t i = 0; i < pair->c; i++) {
		const struct hearing *h = &pair->v[i];
		const double delay = fmax(0, h->delay_ms);
		const double mos = quality_mos(delay, 1000 * h->loss, "PCMA");
		char ms[24], name[48];

		if (h->deaf) {
			(void)re_snprintf(text[i], sizeof(text[i]), "%s gets"
					  " packets (not listened to: its"
					  " recording ended with a hold)",
					  actor_title(h->listener));
			continue;
		}

		if (h->delay_ms < 0) {
			(void)re_snprintf(text[i], sizeof(text[i]), "%s hears"
					  " %s (delay and loss not measured)",
					  actor_title(h->listener),
					  actor_title(h->speaker));
			continue;
		}

		if (delay < TAPE_BLOCK_MS)
			(void)re_snprintf(ms, sizeof(ms), "below %u ms",
					  TAPE_BLOCK_MS);
		else
			(void)re_snprintf(ms, sizeof(ms), "%u ms",
					  (unsigned)lrint(delay));

		(void)re_snprintf(text[i], sizeof(text[i]), "%s hears %s"
				  " (delay %s, loss %.1f %%, MOS %.1f)",
				  actor_title(h->listener),
				  actor_title(h->speaker), ms, 100 * h->loss,
				  mos);

		(void)re_snprintf(name, sizeof(name), "%s_mos",
				  h->listener->name);
		outcome_measure(out, name, mos);
		(void)re_snprintf(name, sizeof(name), "%s_loss_percent",
				  h->listener->name);
		outcome_measure(out, name, 100 * h->loss);
		(void)re_snprintf(name, sizeof(name), "%s_level_dbfs",
				  h->listener->name);
		outcome_measure(out, name, h->level_dbfs);

		(void)re_snprintf(name, sizeof(name), "%s_delay_ms",
				  h->listener->name);
		outcome_measure(out, name, delay);
	}

	outcome_say(out, "%s; %s", text[0], text[1]);
}


static void pair_fail(struct pair *pair, struct outcome *out)
{
	char text[2][160];
	size_t c = 0;

	for (size_t i = 0; i < pair->c; i++) {
		pair->v[i].fault[0] = '\0';
		if (!judge(&pair->v[i]))
			str_ncpy(text[c++], pair->v[i].fault,
				 sizeof(text[0]));
	}

	outcome_fail(out, "%s%s%s", c ? text[0] : "voice came too late",
		     c > 1 ? "; " : "", c > 1 ? text[1] : "");
}


int probe_two_way(struct actor *a, struct actor *b, struct outcome *out)
{
	struct pair pair = {.c = 2, .v = {
		{.listener = a, .speaker = b, .delay_ms = -1,
		 .begin_ms = pump_ms()},
		{.listener = b, .speaker = a, .delay_ms = -1,
		 .begin_ms = pump_ms()},
	}};
	int err;

	if (a->acc->kind == ROSTER_HUMAN || b->acc->kind == ROSTER_HUMAN)
		return people_two_way(a, b, out);

	stage_look(a->stage);
	pair.v[0].from_ms = heard_ms(a);
	pair.v[1].from_ms = heard_ms(b);

	err = pump_until(a->stage->pump, PATIENCE_MS, pair_is_good, &pair);
	if (err == ECANCELED)
		return err;
	if (err) {
		pair_fail(&pair, out);
		return 0;
	}

	if (!pair.v[0].deaf && !pair.v[1].deaf &&
	    delay_measure(&pair) == ECANCELED &&
	    pump_is_cancelled(a->stage->pump))
		return ECANCELED;

	a->partner = b;
	b->partner = a;
	pair_report(&pair, out);

	return 0;
}


/* Music, silence, echo */


struct listening {
	struct actor *actor;
	uint64_t begin_ms;
	bool deaf;
	uint64_t from_ms;
	double level_dbfs;
	char fault[160];
};


/** A fresh stretch of sound. @return false while it is too short */
static bool fresh(struct listening *l)
{
	struct tape_view view;

	stage_look(l->actor->stage);

	if (heard_ms(l->actor) < l->from_ms)
		l->from_ms = 0;
	if (heard_ms(l->actor) < l->from_ms + HEAR_MS) {
		/* What was heard before says more */
		if (!*l->fault)
			(void)re_snprintf(l->fault, sizeof(l->fault), "no"
					  " sound arrives at all");
		return false;
	}

	(void)tape_look(l->actor->ear, l->from_ms, HEAR_MS, &view);
	l->level_dbfs = view.level_dbfs;

	return true;
}


static bool is_music(void *arg)
{
	struct listening *l = arg;
	struct stage *stage = l->actor->stage;
	const uint64_t from = l->from_ms;

	if (!fresh(l)) {
		struct hearing h = {.listener = l->actor,
				    .from_ms = l->from_ms,
				    .begin_ms = l->begin_ms};

		deafness_find(&h);
		l->begin_ms = h.begin_ms;
		l->deaf     = h.deaf;
		return l->deaf;
	}

	l->from_ms  = heard_ms(l->actor);
	l->begin_ms = pump_ms();       /* it is not deaf */
	if (l->level_dbfs < TAPE_QUIET_DBFS) {
		(void)re_snprintf(l->fault, sizeof(l->fault), "silence");
		return false;
	}

	for (size_t i = 0; i < ACTORC; i++) {
		const struct actor *other = &stage->actorv[i];

		if (!other->started || !other->tone_hz ||
		    tape_tone_dbfs(l->actor->ear, from, HEAR_MS,
				  other->tone_hz) < l->level_dbfs - 15)
			continue;

		(void)re_snprintf(l->fault, sizeof(l->fault), "not music but"
				  " %s", actor_title(other));
		return false;
	}

	return true;
}


int probe_music(struct actor *actor, struct outcome *out)
{
	struct listening l = {.actor = actor, .from_ms = heard_ms(actor),
			      .begin_ms = pump_ms()};
	int err;

	if (actor->acc->kind == ROSTER_HUMAN) {
		err = stage_ask(actor->stage, true, "%s: do you hear music?",
				actor_title(actor));
		if (err == EPERM)
			outcome_fail(out, "no music, says the person");
		else if (!err)
			outcome_say(out, "music, says the person");
		return err == EPERM ? 0 : err;
	}

	err = pump_until(actor->stage->pump, PATIENCE_MS, is_music, &l);
	if (err == ECANCELED)
		return err;

	if (err) {
		outcome_fail(out, "%s", l.fault);
		return 0;
	}

	if (l.deaf) {
		outcome_skip(out, "packets arrive, but could not be listened"
			     " to: the telephone's recording ended with the"
			     " hold");
		return 0;
	}

	outcome_measure(out, "level_dbfs", l.level_dbfs);
	outcome_say(out, "a sound that is nobody's voice, at %d dBFS",
		    (int)lrint(l.level_dbfs));

	return 0;
}


static bool is_silent(void *arg)
{
	struct listening *l = arg;

	if (!fresh(l))
		return false;

	l->from_ms = heard_ms(l->actor);
	(void)re_snprintf(l->fault, sizeof(l->fault), "a sound at %d dBFS",
			  (int)lrint(l->level_dbfs));

	return l->level_dbfs < TAPE_QUIET_DBFS;
}


/** No packets at all are silence too */
int probe_silence(struct actor *actor, struct outcome *out)
{
	struct listening l = {.actor = actor, .from_ms = heard_ms(actor)};
	const uint64_t begin = l.from_ms;
	int err;

	if (actor->acc->kind == ROSTER_HUMAN) {
		err = stage_ask(actor->stage, true, "%s: is it silent?",
				actor_title(actor));
		if (err == EPERM)
			outcome_fail(out, "not silent, says the person");
		return err == EPERM ? 0 : err;
	}

	err = pump_until(actor->stage->pump, PATIENCE_MS / 2, is_silent, &l);
	if (err == ECANCELED)
		return err;

	if (err && heard_ms(actor) >= begin + HEAR_MS)
		outcome_fail(out, "%s", l.fault);
	else
		outcome_say(out, err ? "silence: no sound arrives" :
			    "silence");

	return 0;
}


static bool is_echo(void *arg)
{
	struct listening *l = arg;
	const uint64_t from = l->from_ms;

	if (!fresh(l))
		return false;

	l->from_ms = heard_ms(l->actor);
	(void)re_snprintf(l->fault, sizeof(l->fault), "a sound at %d dBFS,"
			  " but not the own voice",
			  (int)lrint(l->level_dbfs));

	return tape_tone_dbfs(l->actor->ear, from, HEAR_MS,
			     l->actor->tone_hz) > VOICE_DBFS;
}


int probe_echo(struct actor *actor, struct outcome *out)
{
	struct listening l = {.actor = actor, .from_ms = heard_ms(actor)};
	int err;

	if (actor->acc->kind == ROSTER_HUMAN) {
		err = stage_ask(actor->stage, true, "%s: speak. Do you hear"
				" yourself?", actor_title(actor));
		if (err == EPERM)
			outcome_fail(out, "not heard, says the person");
		return err == EPERM ? 0 : err;
	}

	err = pump_until(actor->stage->pump, PATIENCE_MS, is_echo, &l);
	if (err == ECANCELED)
		return err;

	if (err)
		outcome_fail(out, "%s", l.fault);
	else
		outcome_say(out, "hears its own voice");

	return 0;
}


/* Talking for a while */


struct talk {
	struct stage *stage;
	struct actor *only;
	bool talking[ACTORC];
	uint64_t from_ms[ACTORC];
	uint64_t begin_ms, ms, told_ms;
	const struct actor *gone;
};


static bool talk_is_over(void *arg)
{
	struct talk *talk = arg;
	const uint64_t now = pump_ms();
	struct stage *stage = talk->stage;
	struct run_event ev = {.type = RUN_EV_WAIT};

	stage_look(stage);

	for (size_t i = 0; i < ACTORC; i++)
		if (talk->talking[i] &&
		    stage->actorv[i].state != ACTOR_TALKS)
			talk->gone = &stage->actorv[i];

	if (talk->ms > BAR_MS && now - talk->told_ms >= TICK_MS &&
	    stage->conf->eventh) {
		talk->told_ms = now;
		ev.done_ms    = now - talk->begin_ms;
		ev.total_ms   = talk->ms;
		stage->conf->eventh(&ev, stage->conf->arg);
	}

	return talk->gone != NULL;
}


/** How steadily those who talk with each other were heard */
static void talk_judge(const struct talk *talk, struct outcome *out)
{
	double worst = 0;
	uint64_t gap_ms = 0;
	const uint32_t late_ms = pump_late_ms(talk->stage->pump);
	uint32_t gaps = 0, heard = 0;
	char where[64] = "", late[80] = "";

	for (size_t i = 0; i < ACTORC; i++) {
		const struct actor *actor = &talk->stage->actorv[i];
		struct tape_run run;

		if (!talk->talking[i] || !actor->ear || !actor->partner ||
		    !actor->partner->tone_hz)
			continue;

		tape_steadiness(actor->ear, talk->from_ms[i],
			       tape_length_ms(actor->ear),
			       actor->partner->tone_hz, &run);
		++heard;
		worst = fmax(worst, run.loss);
		gaps += run.gaps;
		if (run.gap_ms > gap_ms) {
			gap_ms = run.gap_ms;
			(void)re_snprintf(where, sizeof(where), " at %s",
					  actor_title(actor));
		}
	}

	if (!heard)
		return;

	outcome_measure(out, "loss_percent", 100 * worst);
	outcome_measure(out, "longest_gap_ms", (double)gap_ms);
	outcome_measure(out, "gaps", gaps);

	if (late_ms > LATE_LIMIT_MS)
		(void)re_snprintf(late, sizeof(late), "; meanwhile this"
				  " machine itself stood still for up to %u"
				  " ms", late_ms);

	if (gaps || worst > LOSS_LIMIT)
		outcome_fail(out, "%u gap%s over %u ms, the longest %u ms%s;"
			     " loss %.1f %%%s", gaps, gaps == 1 ? "" : "s",
			     TAPE_GAP_MS, (unsigned)gap_ms, where,
			     100 * worst, late);
	else
		outcome_say(out, "%u s of talk without a gap over %u ms, loss"
			    " %.1f %%", (unsigned)(talk->ms / 1000),
			    TAPE_GAP_MS, 100 * worst);
}


int probe_talk(struct stage *stage, struct actor *only, uint32_t written_ms,
	       struct outcome *out)
{
	struct talk talk = {.stage = stage, .only = only};
	bool any = false;
	int err;

	stage_look(stage);

	for (size_t i = 0; i < ACTORC; i++) {
		const struct actor *actor = &stage->actorv[i];

		talk.talking[i] = actor->started && actor->state ==
			ACTOR_TALKS && (!only || actor == only);
		talk.from_ms[i] = heard_ms(actor);
		any |= talk.talking[i];
	}

	if (!any) {
		outcome_fail(out, "nobody has a call");
		return 0;
	}

	talk.ms       = exec_scaled_ms(stage, written_ms);
	talk.begin_ms = talk.told_ms = pump_ms();
	(void)pump_late_ms(stage->pump);   /* what was before */

	err = pump_until(stage->pump, talk.ms, talk_is_over, &talk);
	if (err == ECANCELED)
		return err;

	outcome_say(out, "%u s of talk", (unsigned)(talk.ms / 1000));
	outcome_measure(out, "talk_ms", (double)talk.ms);

	if (talk.gone)
		outcome_fail(out, "%s lost the call after %u s%s%s",
			     actor_title(talk.gone),
			     (unsigned)((pump_ms() - talk.begin_ms) / 1000),
			     *talk.gone->reason ? ": " : "",
			     talk.gone->reason);
	else if (!only)
		talk_judge(&talk, out);

	return 0;
}
