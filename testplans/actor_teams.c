/**
 * @file actor_teams.c  Users of teams-sim
 */
#include <jansson.h>

#include "bridge/base/members.h"
#include "actor.h"
#include "pump.h"
#include "teams_link.h"


enum { LOAD_MAX = STEP_CALLS_MAX };


struct user {
	json_int_t call;           /* 0: none */
	unsigned recordings;
	json_int_t loadv[LOAD_MAX];
	size_t loadc;
	bool loading;              /* takes whatever comes */
	json_t *early;             /* events that came with the answer to
				      dial, before the call's id was known;
				      NULL unless one is awaited */
};


static int user_do(struct actor *actor, json_t *cmd, json_t **answerp)
{
	return teams_link_do(actor->stage->teams, cmd, answerp,
			     actor->stage->why, sizeof(actor->stage->why));
}


/** A command about the present call. The reference is taken */
static int call_do(struct actor *actor, json_t *cmd)
{
	const struct user *user = actor->own;

	if (!user->call) {
		json_decref(cmd);
		return stage_why(actor->stage, ENOENT, "%s has no call",
				 actor_title(actor));
	}

	(void)json_object_set_new(cmd, "call", json_integer(user->call));

	return user_do(actor, cmd, NULL);
}


static int simple_do(struct actor *actor, const char *cmd)
{
	return call_do(actor, json_pack("{s:s}", "cmd", cmd));
}


/** Record what it hears from now on. A handler may not wait, so that this is
    done by look() */
static void record_begin(struct actor *actor)
{
	struct user *user = actor->own;
	char *path;

	if (re_sdprintf(&path, "%s/%s-%lld-%u.wav", actor->stage->folder,
			actor->name, (long long)user->call,
			user->recordings++))
		return;

	if (!call_do(actor, json_pack("{s:s, s:s}", "cmd", "record", "file",
				      path)))
		(void)actor_listen(actor, path);

	mem_deref(path);
}


static void load_event(struct actor *actor, json_int_t call,
		       const char *event, const json_t *json)
{
	const struct user *user = actor->own;

	for (size_t i = 0; i < user->loadc; i++) {
		if (user->loadv[i] != call)
			continue;

		if (!strcmp(event, "answered")) {
			++actor->load.answered;
		}
		else if (!strcmp(event, "ended") &&
			 json_integer_value(json_object_get(json, "code"))) {
			++actor->load.refused;
			if (!actor->load.scode)
				actor->load.scode = (uint16_t)
					json_integer_value(json_object_get(
							   json, "code"));
		}
	}
}


static void ended(struct actor *actor, const json_t *json)
{
	actor->scode = (uint16_t)json_integer_value(json_object_get(json,
						    "code"));
	str_ncpy(actor->reason, text_of(json, "reason"),
		 sizeof(actor->reason));
	actor_set(actor, ACTOR_RELEASED);
}


static void incoming(struct actor *actor, const json_t *json)
{
	struct user *user = actor->own;

	if (actor->state == ACTOR_DIALS || actor->state == ACTOR_RINGS ||
	    actor->state == ACTOR_TALKS || user->loading)
		return;            /* one call at a time */

	user->call = json_integer_value(json_object_get(json, "call"));
	str_ncpy(actor->shown, text_of(json, "from"), sizeof(actor->shown));
	str_ncpy(actor->shown_name, text_of(json, "display"),
		 sizeof(actor->shown_name));
	actor_set(actor, ACTOR_RINGS);
}


static void call_event(struct actor *actor, const char *event,
		       const json_t *json)
{
	if (!strcmp(event, "ringing") && actor->state == ACTOR_DIALS) {
		if (!actor->ringback)
			actor->ringback_ms = pump_ms();
		actor->ringback = true;
	}
	else if (!strcmp(event, "progress") && actor->state == ACTOR_DIALS) {
		actor->early = true;
	}
	else if (!strcmp(event, "answered")) {
		actor_set(actor, ACTOR_TALKS);
	}
	else if (!strcmp(event, "held") && !strcmp(text_of(json, "by"),
						   "teams")) {
		actor->held = true;
	}
	else if (!strcmp(event, "resumed") && !strcmp(text_of(json, "by"),
						      "teams")) {
		actor->held = false;
	}
	else if (!strcmp(event, "transfer_failed")) {
		actor->transfer_scode = (uint16_t)json_integer_value(
			json_object_get(json, "code"));
	}
	else if (!strcmp(event, "dtmf")) {
		const size_t l = strlen(actor->digits);

		str_ncpy(actor->digits + l, text_of(json, "digit"),
			 sizeof(actor->digits) - l);
	}
	else if (!strcmp(event, "ended")) {
		ended(actor, json);
	}
}


static void event_handler(const json_t *json, void *arg)
{
	struct actor *actor = arg;
	const struct user *user = actor->own;
	const char *event = text_of(json, "event");
	const json_int_t call = json_integer_value(json_object_get(json,
								   "call"));

	if (!call)
		return;

	if (user->early)
		(void)json_array_append(user->early, (json_t *)(uintptr_t)
					json);

	if (!strcmp(event, "incoming")) {
		if (!strcmp(text_of(json, "user"), actor->acc->number))
			incoming(actor, json);
		return;
	}

	load_event(actor, call, event, json);
	if (call == user->call)
		call_event(actor, event, json);
}


static int sign_in(struct actor *actor, const char *answer)
{
	return user_do(actor, json_pack("{s:s, s:s, s:s, s:i, s:s}",
		       "cmd", "sign_in",
		       "tenant", actor->stage->roster->teams.fqdn,
		       "number", actor->acc->number,
		       "tone_hz", actor->tone_hz, "answer", answer), NULL);
}


static int teams_start(struct actor *actor)
{
	struct user *user = mem_zalloc(sizeof(*user), NULL);
	int err;

	if (!user)
		return ENOMEM;

	actor->own = user;

	err = sign_in(actor, "manual");
	if (!err)
		err = teams_link_hear(actor->stage->teams, event_handler,
				      actor);

	return err;
}


static void teams_stop(struct actor *actor)
{
	actor->own = mem_deref(actor->own);
}


static int teams_begin(struct actor *actor)
{
	struct user *user = actor->own;

	user->call  = 0;
	user->loadc = 0;

	return 0;
}


/** Begin a call. A refusal may come in one piece with the answer that tells
    the call's id: what came meanwhile is heard once the id is known */
static int call_begin(struct actor *actor, const char *number,
		      json_int_t *call)
{
	struct user *user = actor->own;
	json_t *answer, *early, *event;
	size_t i;
	int err;

	user->early = json_array();

	err = user_do(actor, json_pack("{s:s, s:s, s:s, s:s}", "cmd", "dial",
		      "tenant", actor->stage->roster->teams.fqdn,
		      "from", actor->acc->number, "to", number), &answer);

	early       = user->early;
	user->early = NULL;

	if (!err) {
		*call = json_integer_value(json_object_get(answer, "call"));
		json_decref(answer);

		json_array_foreach(early, i, event)
			if (json_integer_value(json_object_get(event,
						"call")) == *call)
				event_handler(event, actor);
	}

	json_decref(early);

	return err;
}


static int teams_dial(struct actor *actor, const char *number)
{
	struct user *user = actor->own;

	actor_set(actor, ACTOR_DIALS);

	return call_begin(actor, number, &user->call);
}


static int teams_answer(struct actor *actor)
{
	return simple_do(actor, "answer");
}


static int teams_reject(struct actor *actor)
{
	return simple_do(actor, "decline");
}


static int teams_hangup(struct actor *actor)
{
	actor->hung_up = true;

	return simple_do(actor, "hangup");
}


static int teams_hold(struct actor *actor)
{
	return simple_do(actor, "hold");
}


static int teams_resume(struct actor *actor)
{
	return simple_do(actor, "resume");
}


static int teams_refresh(struct actor *actor)
{
	return simple_do(actor, "refresh");
}


static int teams_transfer(struct actor *actor, const char *number)
{
	return call_do(actor, json_pack("{s:s, s:s}", "cmd", "transfer", "to",
					number));
}


static int teams_digits(struct actor *actor, const char *digits)
{
	return call_do(actor, json_pack("{s:s, s:s}", "cmd", "dtmf", "digits",
					digits));
}


static int teams_mute(struct actor *actor, bool on)
{
	if (on)
		return call_do(actor, json_pack("{s:s, s:b}", "cmd", "play",
						"silence", 1));

	return call_do(actor, json_pack("{s:s, s:i}", "cmd", "play",
					"tone_hz", actor->tone_hz));
}


static void teams_look(struct actor *actor)
{
	if (actor->state == ACTOR_TALKS && !actor->ear)
		record_begin(actor);
}


/** Ends every call of this user, whoever began it */
static void teams_clear(struct actor *actor)
{
	json_t *answer, *call;
	size_t i;

	if (!actor->own || user_do(actor, json_pack("{s:s}", "cmd", "calls"),
				   &answer))
		return;

	json_array_foreach(json_object_get(answer, "calls"), i, call) {
		const json_int_t id = json_integer_value(json_object_get(call,
							 "call"));

		if (strcmp(text_of(call, "user"), actor->acc->number) &&
		    strcmp(text_of(call, "from"), actor->acc->number) &&
		    strcmp(text_of(call, "to"), actor->acc->number))
			continue;

		(void)user_do(actor, json_pack("{s:s, s:I}", "cmd", "hangup",
					       "call", id), NULL);
	}

	json_decref(answer);
}


static int load_ready(struct actor *actor, bool on)
{
	struct user *user = actor->own;

	user->loading = on;

	return sign_in(actor, on ? "auto" : "manual");
}


static int load_dial(struct actor *actor, const char *number)
{
	struct user *user = actor->own;

	if (user->loadc == LOAD_MAX)
		return ENOSPC;

	++actor->load.dialled;
	user->loadv[user->loadc] = 0;

	return call_begin(actor, number, &user->loadv[user->loadc++]);
}


/** Is a tone heard in a call of the load? */
static bool load_listen(struct actor *actor, json_int_t call)
{
	json_t *answer;
	bool heard;

	if (user_do(actor, json_pack("{s:s, s:I}", "cmd", "listen", "call",
				     call), &answer))
		return false;

	heard = json_array_size(json_object_get(answer, "tones")) > 0;
	json_decref(answer);

	return heard;
}


static int load_stop(struct actor *actor)
{
	struct user *user = actor->own;

	for (size_t i = 0; i < user->loadc; i++)
		actor->load.heard += load_listen(actor, user->loadv[i]);

	for (size_t i = 0; i < user->loadc; i++)
		(void)user_do(actor, json_pack("{s:s, s:I}", "cmd", "hangup",
					       "call", user->loadv[i]), NULL);

	return 0;
}


const struct actor_ops teams_ops = {
	.start = teams_start, .stop = teams_stop, .begin = teams_begin,
	.dial = teams_dial, .answer = teams_answer, .reject = teams_reject,
	.hangup = teams_hangup, .hold = teams_hold, .resume = teams_resume,
	.transfer = teams_transfer, .digits = teams_digits,
	.mute = teams_mute, .refresh = teams_refresh, .look = teams_look,
	.clear = teams_clear, .load_ready = load_ready,
	.load_dial = load_dial, .load_stop = load_stop,
};
