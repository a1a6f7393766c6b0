/**
 * @file exec_service.c  Steps about what the service knows: registrations,
 *                       call records, traces
 */
#include <jansson.h>
#include <math.h>
#include <time.h>

#include "bridge/base/members.h"
#include "exec.h"
#include "phone_link.h"
#include "pump.h"
#include "watch.h"


enum {
	ASK_MS = 500,              /* between two looks at the service */
	HOPELESS_MS = 5000,        /* failing so long, and no more tried */
	RECORD_MS = 3000,          /* until a call's end is written down */
	REFRESH_MS = 5000,
};


static bool service_missing(const struct stage *stage, struct outcome *out)
{
	if (watch_is_there(stage->watch))
		return false;

	outcome_skip(out, "the service cannot be asked: no callbridged"
		     " answers");

	return true;
}


/** A look at a user's registration from time to time */
struct regs {
	struct stage *stage;
	const struct roster_account *acc;
	struct watch_reg reg;
	bool found;
	uint64_t asked_ms;
	unsigned answers;          /* registrations that the trace shows */
	unsigned before;
	bool want_messages;
	uint64_t until_ms;         /* is waited for                         */
	uint64_t failing_ms;       /* since then, 0: not                    */
};


/** @return true if it was asked now */
static bool regs_look(struct regs *regs)
{
	if (regs->asked_ms && pump_ms() - regs->asked_ms < ASK_MS)
		return false;

	regs->found    = !watch_registration(regs->stage->watch, regs->acc,
					     &regs->reg);
	regs->asked_ms = pump_ms();

	return true;
}


static void regs_fail(const struct regs *regs, uint32_t ms,
		      struct outcome *out)
{
	if (!regs->found) {
		outcome_fail(out, "the service has no user %s",
			     regs->acc->upn ? regs->acc->upn
			     : regs->acc->number);
		return;
	}

	outcome_fail(out, "%s %u s: %s%s%s%s%s", regs->failing_ms ?
		     "not, and not tried again within" : "not within",
		     ms / 1000, regs->reg.state, *regs->reg.reason ? ", " : "",
		     regs->reg.reason, *regs->reg.words ? ": " : "",
		     regs->reg.words);
	str_ncpy(out->advice, regs->reg.advice, sizeof(out->advice));
}


/** It fails, and is not tried again in time. An attempt may be under way
    while none is due, so that it must stay so for a while */
static bool is_hopeless(struct regs *regs)
{
	const int64_t in_ms = (regs->reg.next_s - (int64_t)time(NULL)) * 1000;
	const uint64_t now = pump_ms();

	if (!regs->found || strcmp(regs->reg.state, "failing") ||
	    (regs->reg.next_s && now + (uint64_t)max(in_ms, (int64_t)0) <
	     regs->until_ms)) {
		regs->failing_ms = 0;
		return false;
	}

	if (!regs->failing_ms)
		regs->failing_ms = now;

	return now - regs->failing_ms >= HOPELESS_MS;
}


static bool is_registered(const struct regs *regs)
{
	return regs->found && !strcmp(regs->reg.state, "registered");
}


static bool registered_or_not(void *arg)
{
	struct regs *regs = arg;

	return regs_look(regs) && (is_registered(regs) || is_hopeless(regs));
}


int exec_registered(struct stage *stage, const struct step *step,
		    struct outcome *out)
{
	struct regs regs = {.stage = stage,
			    .acc = exec_actor(stage, step, 0)->acc};
	int err;

	if (service_missing(stage, out))
		return 0;

	regs.until_ms = pump_ms() + step->argv[1].ms;
	err = pump_until(stage->pump, step->argv[1].ms, registered_or_not,
			 &regs);
	if (err == ECANCELED)
		return err;

	if (!is_registered(&regs))
		regs_fail(&regs, step->argv[1].ms, out);
	else
		outcome_say(out, "%s is registered for %u s%s%s",
			    regs.reg.aor, regs.reg.expires_s,
			    *regs.reg.server ? " at " : "", regs.reg.server);

	return 0;
}


/** Answers 200 to REGISTER among the messages that are kept of a user */
static unsigned answers_count(struct stage *stage, const char *upn)
{
	json_t *messages = watch_trace(stage->watch, upn), *msg;
	unsigned n = 0;
	size_t i;

	json_array_foreach(messages, i, msg) {
		const char *data = text_of(msg, "data");

		n += !strncmp(data, "SIP/2.0 200", 11) &&
			strstr(data, " REGISTER\r\n");
	}

	json_decref(messages);

	return n;
}


/** A trace is bounded: its oldest messages make room, and the count may
    fall. Any change is news */
static bool has_registered(void *arg)
{
	struct regs *regs = arg;

	if (!regs_look(regs) || !regs->found)
		return false;

	regs->answers = answers_count(regs->stage, regs->reg.upn);

	return regs->answers != regs->before &&
		!strcmp(regs->reg.state, "registered");
}


static int registration_wait(struct stage *stage, struct regs *regs,
			     uint32_t ms, struct outcome *out)
{
	const int err = pump_until(stage->pump, ms, has_registered, regs);

	if (err == ECANCELED)
		return err;

	if (err)
		regs_fail(regs, ms, out);
	else
		outcome_say(out, "registered anew, for %u s",
			    regs->reg.expires_s);

	return 0;
}


int exec_registers_again(struct stage *stage, const struct step *step,
			 struct outcome *out)
{
	struct regs regs = {.stage = stage,
			    .acc = exec_actor(stage, step, 0)->acc};

	if (service_missing(stage, out))
		return 0;

	(void)regs_look(&regs);
	if (!regs.found) {
		regs_fail(&regs, 0, out);
		return 0;
	}

	regs.before   = answers_count(stage, regs.reg.upn);
	regs.asked_ms = 0;

	if (watch_retry(stage->watch, regs.reg.upn)) {
		outcome_fail(out, "the service does not take the command");
		return 0;
	}

	return registration_wait(stage, &regs, step->argv[1].ms, out);
}


int exec_renews(struct stage *stage, const struct step *step,
		struct outcome *out)
{
	struct regs regs = {.stage = stage,
			    .acc = exec_actor(stage, step, 0)->acc};
	const uint64_t ms = exec_scaled_ms(stage, step->argv[1].ms);
	int64_t due_s;

	if (service_missing(stage, out))
		return 0;

	(void)regs_look(&regs);
	if (!regs.found) {
		regs_fail(&regs, 0, out);
		return 0;
	}

	due_s = regs.reg.next_s - (int64_t)time(NULL);
	if (stage->conf->scale < 100 && due_s * 1000 > (int64_t)ms) {
		outcome_skip(out, "due in %d s: too late for a run with"
			     " shortened times", (int)due_s);
		return 0;
	}

	stage_note(stage, "the next registration is due in %d s", (int)due_s);
	regs.before   = answers_count(stage, regs.reg.upn);
	regs.asked_ms = 0;

	return registration_wait(stage, &regs, (uint32_t)ms, out);
}


int exec_granted(struct stage *stage, const struct step *step,
		 struct outcome *out)
{
	struct regs regs = {.stage = stage,
			    .acc = exec_actor(stage, step, 0)->acc};
	const uint32_t want_s = step->argv[1].ms / 1000;

	if (service_missing(stage, out))
		return 0;

	(void)regs_look(&regs);
	if (!regs.found)
		regs_fail(&regs, 0, out);
	else if (regs.reg.expires_s < want_s)
		outcome_fail(out, "the PBX grants %u s", regs.reg.expires_s);
	else
		outcome_say(out, "the PBX grants %u s", regs.reg.expires_s);

	return 0;
}


static bool messages_are_so(void *arg)
{
	struct regs *regs = arg;

	return regs_look(regs) && regs->found &&
		regs->reg.waiting == regs->want_messages;
}


int exec_messages(struct stage *stage, const struct step *step,
		  struct outcome *out)
{
	struct regs regs = {.stage = stage,
			    .acc = exec_actor(stage, step, 0)->acc,
			    .want_messages = step->verb == STEP_MESSAGES};
	int err;

	if (service_missing(stage, out))
		return 0;

	err = pump_until(stage->pump, step->argv[1].ms, messages_are_so,
			 &regs);
	if (err == ECANCELED)
		return err;

	if (err)
		outcome_fail(out, "the lamp is %s: %u new, %u old messages",
			     regs.reg.waiting ? "on" : "off",
			     regs.reg.waiting_new, regs.reg.waiting_old);
	else
		outcome_say(out, "the lamp is %s: %u new, %u old messages",
			    regs.reg.waiting ? "on" : "off",
			    regs.reg.waiting_new, regs.reg.waiting_old);

	return 0;
}


/* Records of calls */


struct ended {
	struct stage *stage;
	const struct actor *actor;
	const json_t *row;         /* borrowed */
};


static bool has_ended(void *arg)
{
	struct ended *ended = arg;
	const json_t *calls;

	if (ended->actor->id <= ACTOR_USER_B) {
		ended->row = watch_call_of(ended->stage->watch,
					   ended->actor->acc);
	}
	else {
		calls      = watch_calls(ended->stage->watch);
		ended->row = json_array_get(calls, json_array_size(calls) -
					    1);
	}

	return ended->row && !strcmp(text_of(ended->row, "state"), "ended");
}


int exec_hung_up_first(struct stage *stage, const struct step *step,
		       struct outcome *out)
{
	const struct actor *actor = exec_actor(stage, step, 0);
	const char *want = actor->id <= ACTOR_USER_B ? "teams" : "pbx";
	struct ended ended = {stage, actor, NULL};
	int err;

	if (service_missing(stage, out))
		return 0;

	err = pump_until(stage->pump, RECORD_MS, has_ended, &ended);
	if (err == ECANCELED)
		return err;

	if (err)
		outcome_fail(out, "no record of a call that has ended");
	else if (strcmp(text_of(ended.row, "ended_by"), want))
		outcome_fail(out, "ended by the side \"%s\", wanted is"
			     " \"%s\"", text_of(ended.row, "ended_by"), want);
	else
		outcome_say(out, "ended by the side \"%s\"", want);

	return 0;
}


/** The lower MOS of both sides of all calls, 0 if none is known */
static double worst_mos(const json_t *calls, unsigned *count)
{
	static const char *const sidev[] = {"teams", "pbxside"};
	double worst = 0;
	const json_t *row;
	size_t i;

	*count = 0;

	json_array_foreach(calls, i, row) {
		for (size_t s = 0; s < RE_ARRAY_SIZE(sidev); s++) {
			const double mos = json_number_value(json_object_get(
				json_object_get(row, sidev[s]), "mos"));

			if (mos <= 0)
				continue;
			++*count;
			worst = worst > 0 ? fmin(worst, mos) : mos;
		}
	}

	return worst;
}


struct quality {
	struct stage *stage;
	double mos;
	unsigned count;
};


static bool is_known(void *arg)
{
	struct quality *quality = arg;

	quality->mos = worst_mos(watch_calls(quality->stage->watch),
				 &quality->count);

	return quality->count > 0;
}


int exec_mos(struct stage *stage, const struct step *step,
	     struct outcome *out)
{
	struct quality quality = {.stage = stage};
	const double want = step->argv[0].mos;
	int err;

	if (service_missing(stage, out))
		return 0;

	err = pump_until(stage->pump, RECORD_MS, is_known, &quality);
	if (err == ECANCELED)
		return err;

	if (err) {
		outcome_fail(out, "the service measured no voice");
		return 0;
	}

	outcome_measure(out, "mos", quality.mos);
	if (quality.mos < want)
		outcome_fail(out, "the worst of %u streams has %.1f, wanted"
			     " is %.1f", quality.count, quality.mos, want);
	else
		outcome_say(out, "the worst of %u streams has %.1f",
			    quality.count, quality.mos);

	return 0;
}


/* Refresh */


/** A request inside a dialog, by its To-tag, that renews the session */
static bool is_refresh(const char *data)
{
	const char *to, *end;

	if (strncmp(data, "INVITE ", 7) && strncmp(data, "UPDATE ", 7))
		return false;

	to = strcasestr(data, "\r\nTo:");
	if (!to)
		return false;

	end = strstr(to + 2, "\r\n");
	to  = strcasestr(to, ";tag=");

	return to && end && to < end &&
		strcasestr(data, "\r\nSession-Expires:");
}


struct refresh {
	struct stage *stage;
	uint64_t asked_ms;
	unsigned count;
};


static bool was_refreshed(void *arg)
{
	struct refresh *refresh = arg;
	const json_t *calls, *row;
	json_t *messages, *msg;
	size_t i, j;

	if (refresh->asked_ms && pump_ms() - refresh->asked_ms < ASK_MS)
		return false;

	refresh->asked_ms = pump_ms();
	refresh->count    = 0;
	calls = watch_calls(refresh->stage->watch);

	json_array_foreach(calls, i, row) {
		messages = watch_trace(refresh->stage->watch,
				       text_of(row, "id"));
		json_array_foreach(messages, j, msg)
			refresh->count += is_refresh(text_of(msg, "data"));
		json_decref(messages);
	}

	return refresh->count > 0;
}


/** Where times are shortened nothing is due yet: Teams is asked for it */
static int refresh_provoke(struct stage *stage)
{
	for (size_t i = 0; i < ACTORC; i++) {
		struct actor *actor = &stage->actorv[i];

		if (actor->started && actor->ops->refresh &&
		    actor->state == ACTOR_TALKS)
			return actor->ops->refresh(actor);
	}

	return ENOSYS;
}


int exec_refreshed(struct stage *stage, const struct step *step,
		   struct outcome *out)
{
	struct refresh refresh = {.stage = stage};
	const bool scaled = stage->conf->scale < 100;
	int err;

	(void)step;

	if (service_missing(stage, out))
		return 0;

	if (!was_refreshed(&refresh) && scaled) {
		err = refresh_provoke(stage);
		if (err == ECANCELED)
			return err;
		if (err) {
			outcome_skip(out, "nothing is due in a run with"
				     " shortened times");
			return 0;
		}
	}

	refresh.asked_ms = 0;
	err = pump_until(stage->pump, REFRESH_MS, was_refreshed, &refresh);
	if (err == ECANCELED)
		return err;

	if (err)
		outcome_fail(out, "no refresh in the trace of the call");
	else
		outcome_say(out, "%u refresh%s in the trace of the call%s",
			    refresh.count, refresh.count == 1 ? "" : "es",
			    scaled ? ", asked for by Teams because times are"
			    " shortened" : "");

	return 0;
}


/* A wrong password */


/** "2001" of "sip:2001@pbx" */
static void user_part(char *buf, size_t size, const char *aor)
{
	const char *p = strchr(aor, ':');
	size_t l;

	p = p ? p + 1 : aor;
	l = strcspn(p, "@");
	(void)re_snprintf(buf, size, "%b", p, l);
}


static int impostor_aor(char **aor, const struct roster *roster,
			const char *user)
{
	const char *proxy = roster->pbx.sip_proxy;
	static const char *const protocolv[] = {"udp", "tcp", "tls"};

	return re_sdprintf(aor, "<sip:%s@%s%s%s>%s%s%s;auth_pass=\"wrong-%s\""
			   ";regint=300;answermode=manual;mwi=no", user,
			   roster->pbx.sip_domain,
			   proxy ? "" : ";transport=",
			   proxy ? "" : protocolv[roster->pbx.protocol],
			   proxy ? ";outbound=\"sip:" : "",
			   proxy ? proxy : "", proxy ? "\"" : "", user);
}


int exec_wrong_password(struct stage *stage, const struct step *step,
			struct outcome *out)
{
	const struct actor *actor = exec_actor(stage, step, 0);
	struct phone_conf conf = {.registers = true, .tone = "/dev/null"};
	char user[128], why[256] = "", *folder = NULL, *aor = NULL;
	struct phone_link *link = NULL;
	struct watch_reg reg;
	int err;

	if (service_missing(stage, out))
		return 0;

	if (!stage->roster->pbx.sip_domain) {
		outcome_skip(out, "the roster has no pbx.sip_domain");
		return 0;
	}

	if (watch_registration(stage->watch, actor->acc, &reg)) {
		outcome_fail(out, "the service has no such user");
		return 0;
	}

	user_part(user, sizeof(user), reg.aor);
	sa_init(&conf.local, AF_INET);

	err = phone_way(&conf.local, stage->roster);
	if (!err)
		err = re_sdprintf(&folder, "%s/impostor", stage->folder);
	if (!err)
		err = impostor_aor(&aor, stage->roster, user);
	if (!err) {
		conf.folder = folder;
		conf.aor    = aor;
		err = phone_link_alloc(&link, stage->pump, &conf, NULL, NULL,
				       why, sizeof(why));
	}

	mem_deref(link);
	mem_deref(aor);
	mem_deref(folder);

	if (err == ECANCELED)
		return err;

	if (err == EAUTH)
		outcome_say(out, "refused: %s", why);
	else if (err)
		outcome_fail(out, "%s", *why ? why : strerror(err));
	else
		outcome_fail(out, "the PBX registers %s with any password",
			     user);

	return 0;
}
