/**
 * @file load.c  Many calls at once
 */
#include "exec.h"
#include "pump.h"


enum { SETTLE_MS = 5000, MINUTE_MS = 60000 };


struct load {
	struct actor *from, *to;
	uint32_t want;
	uint64_t begin_ms, told_ms, total_ms;
};


/** How far it is, for the bar */
static void load_tell(struct load *load)
{
	struct run_event ev = {.type = RUN_EV_WAIT};
	const struct run_conf *conf = load->from->stage->conf;
	const uint64_t now = pump_ms();

	if (!conf->eventh || now - load->told_ms < 1000)
		return;

	load->told_ms = now;
	ev.done_ms    = min(now - load->begin_ms, load->total_ms);
	ev.total_ms   = load->total_ms;
	conf->eventh(&ev, conf->arg);
}


static bool load_goes_on(void *arg)
{
	load_tell(arg);

	return false;
}


static bool load_is_settled(void *arg)
{
	struct load *load = arg;
	const struct actor_load *seen = &load->from->load;

	load_tell(load);

	return seen->answered + seen->refused >= seen->dialled;
}


/** Dial one after the other, evenly */
static int load_dial(struct load *load, const char *number,
		     uint32_t per_minute)
{
	struct pump *pump = load->from->stage->pump;
	int err = 0;

	for (uint32_t i = 0; i < load->want && !err; i++) {
		const uint64_t due = load->begin_ms + (uint64_t)i * MINUTE_MS
			/ per_minute;
		const uint64_t now = pump_ms();

		if (due > now)
			err = pump_until(pump, due - now, load_goes_on, load);
		if (err == ETIMEDOUT)
			err = 0;
		if (!err)
			err = load->from->ops->load_dial(load->from, number);
	}

	return err;
}


static void load_judge(const struct load *load, struct outcome *out)
{
	const struct actor_load *seen = &load->from->load;
	const bool listens = load->from->acc->kind == ROSTER_TEAMS;

	outcome_measure(out, "dialled", seen->dialled);
	outcome_measure(out, "answered", seen->answered);

	if (seen->answered < load->want)
		outcome_fail(out, "%u of %u calls were answered%s%s",
			     seen->answered, load->want, seen->scode ?
			     "; the first refusal was " : "",
			     seen->scode == 486 ? "486 busy" : seen->scode ==
			     503 ? "503 no room" : seen->scode ? "another" :
			     "");
	else if (listens && seen->heard < load->want)
		outcome_fail(out, "voice was heard in %u of %u calls",
			     seen->heard, load->want);
	else
		outcome_say(out, "%u calls at once were answered%s",
			    seen->answered, listens ? ", and voice was heard"
			    " in each" : "");
}


int exec_load(struct stage *stage, const struct step *step,
	      struct outcome *out)
{
	struct load load = {.from = exec_actor(stage, step, 0),
			    .to = exec_actor(stage, step, 2),
			    .want = step->argv[1].count,
			    .begin_ms = pump_ms()};
	const uint64_t hold_ms = exec_scaled_ms(stage, step->argv[4].ms);
	const struct roster_account *to = load.to->acc;
	const char *number = load.from->acc->dials == ROSTER_DIALS_EXTENSION
		&& to->extension ? to->extension : to->number;
	int err;

	load.total_ms = (uint64_t)load.want * MINUTE_MS / step->argv[3].count
		+ hold_ms;

	err = load.to->ops->load_ready(load.to, true);
	if (!err && load.from->acc->kind == ROSTER_PHONE)
		err = load.from->ops->load_ready(load.from, true);
	if (!err)
		err = load_dial(&load, number, step->argv[3].count);
	if (!err)
		err = pump_until(stage->pump, SETTLE_MS, load_is_settled,
				 &load);
	if (!err || err == ETIMEDOUT)
		err = pump_until(stage->pump, hold_ms, load_goes_on, &load);
	if (err == ETIMEDOUT)
		err = 0;

	if (!err)
		err = load.from->ops->load_stop(load.from);
	if (!err)
		load_judge(&load, out);
	else if (err != ECANCELED)
		outcome_fail(out, "%s", stage->why);

	load.to->ops->clear(load.to);
	(void)load.to->ops->load_ready(load.to, false);
	if (load.from->acc->kind == ROSTER_PHONE)
		(void)load.from->ops->load_ready(load.from, false);

	return err == ECANCELED ? err : 0;
}
