/**
 * @file main.c  load: a PBX and Microsoft Teams that load a bridge
 *
 * One process plays both sides on one core, so that the other is the
 * bridge's alone. It shares no code with the bridge. The phases stand in
 * run(), in order; each prints one member of the JSON object.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "options.h"
#include "port.h"
#include "proc.h"
#include "registrar.h"
#include "teams.h"
#include "voice.h"
#include "watch.h"


enum {
	RING_MS     = 50,
	SLOW_TICKS  = 4,           /* calls are looked at each millisecond */
	SETTLE_MS   = 500,         /* what follows an answer has happened  */
	LEAD_MS     = 1000,        /* voice flows before it is measured    */
	DRAIN_MS    = 500,         /* the last packets arrive              */
	SPARE_CALLS = 64,          /* that are ending while others begin   */
};


static volatile sig_atomic_t signalled;


struct load {
	struct options opt;
	struct port *port;
	struct registrar *registrar;
	struct caller *caller;
	struct teams *teams;
	struct voice *pbx_voice, *teams_voice;
	unsigned ticks;
	struct proc first;         /* of the bridge at its first REGISTER */
	uint64_t first_us;         /* when that was, 0: none yet          */
	const char *comma;         /* between members of the result       */
};


/* --- what comes in --- */


static void send_handler(const struct sockaddr_in *dst, const char *p,
			 size_t l, void *arg)
{
	struct load *load = arg;

	port_send(load->port, dst, p, l);
}


static void proc_look(struct load *load, struct proc *proc)
{
	if (load->opt.pid_file)
		(void)proc_read(proc, load->opt.pid_file);
	else
		memset(proc, 0, sizeof(*proc));
}


static void message_handler(const struct wire *msg,
			    const struct sockaddr_in *from, void *arg)
{
	struct load *load = arg;
	char buf[4096];
	struct text t = { buf, sizeof(buf), 0 };

	if (!span_is(msg->method, "REGISTER")) {
		caller_message(load->caller, msg, from);
		return;
	}

	if (!load->first_us) {
		load->first_us = now_us();
		proc_look(load, &load->first);
	}

	registrar_request(load->registrar, msg, &t);
	text_body(&t, "");
	port_send(load->port, from, buf, t.l);
}


static void tick_handler(uint64_t count, void *arg)
{
	struct load *load = arg;

	voice_tick(load->pbx_voice, count);
	voice_tick(load->teams_voice, count);

	load->ticks += (unsigned)count;
	if (load->ticks < SLOW_TICKS)
		return;

	load->ticks = 0;
	caller_tick(load->caller);
	teams_tick(load->teams);
}


/* --- phases --- */


static bool never(void *arg)
{
	(void)arg;

	return false;
}


static void pause_ms(unsigned ms)
{
	(void)watch_run(never, NULL, ms);
}


static int wait_for(struct load *load, watch_until_h *untilh,
		    const char *what)
{
	const int err = watch_run(untilh, load, load->opt.deadline_s * 1000);

	if (err)
		(void)fprintf(stderr, "load: %s: %s\n", what, strerror(err));

	return err;
}


/** What is loaded runs: its process id is known */
static bool subject_runs(void *arg)
{
	const struct load *load = arg;
	struct proc proc;

	return !load->opt.pid_file || !proc_read(&proc, load->opt.pid_file);
}


static bool all_bound(void *arg)
{
	const struct load *load = arg;

	return registrar_stats(load->registrar)->bound >= load->opt.bind;
}


static void signal_handler(int number)
{
	(void)number;

	signalled = 1;
}


static bool is_signalled(void *arg)
{
	(void)arg;

	return signalled;
}


static bool all_granted(void *arg)
{
	const struct load *load = arg;

	return registrar_stats(load->registrar)->granted >= load->opt.bind;
}


static bool calls_up(void *arg)
{
	const struct load *load = arg;

	return caller_is_up(load->caller);
}


static bool calls_over(void *arg)
{
	const struct load *load = arg;

	return caller_is_over(load->caller) && !teams_stats(load->teams)->up;
}


static void registrations_print(struct load *load, const char *name)
{
	const struct registrar_stats *st = registrar_stats(load->registrar);
	const uint64_t end_us = now_us();
	struct proc last, rest;

	/* measured to the last answer; memory when the dust has settled */
	proc_look(load, &last);
	pause_ms(SETTLE_MS);
	proc_look(load, &rest);

	(void)printf("%s\"%s\": {\"users\": %u, \"bound\": %u, "
		     "\"requests\": %u, \"granted\": %u, \"refused\": %u, "
		     "\"repeated\": %u, \"lapsed\": %u, "
		     "\"first_s\": %.3f, \"first_cpu_s\": %.3f, "
		     "\"seconds\": %.3f, \"cpu_s\": %.3f, \"rss_kb\": %ld}",
		     load->comma, name, load->opt.bind, st->bound,
		     st->requests, st->granted, st->refused, st->repeated,
		     st->lapsed, (double)load->first_us / 1e6,
		     load->first.cpu_s, load->first_us ?
		     (double)(end_us - load->first_us) / 1e6 : 0,
		     last.cpu_s - load->first.cpu_s, rest.rss_kb);
	load->comma = ", ";
}


/** A second at a time: nobody may be without a binding */
static void phase_stay(struct load *load)
{
	registrar_count_anew(load->registrar);
	load->first_us = now_us();
	proc_look(load, &load->first);

	for (unsigned s = 0; s < load->opt.stay_s; s++) {
		pause_ms(1000);
		registrar_lapse(load->registrar);
	}

	registrations_print(load, "stay");
}


static int phase_register(struct load *load)
{
	int err = wait_for(load, all_bound, "registrations");

	registrations_print(load, "register");
	if (!err && load->opt.wait_signal) {
		(void)fprintf(stderr, "registered\n");
		err = wait_for(load, is_signalled, "SIGUSR1");
	}
	if (!err && load->opt.stay_s)
		phase_stay(load);
	if (err || !load->opt.again)
		return err;

	registrar_count_anew(load->registrar);
	load->first_us = 0;
	(void)fprintf(stderr, "again\n");
	err = wait_for(load, all_granted, "registrations once more");
	registrations_print(load, "register_again");

	return err;
}


static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}


/** @param part  0.5 is the median */
static double quantile_ms(const struct caller_stats *st, double part)
{
	size_t i;

	if (!st->ringing)
		return 0;

	i = (size_t)(part * st->ringing);

	return st->ring_us[i < st->ringing ? i : st->ringing - 1] / 1e3;
}


static int calls_run(struct load *load, const struct caller_job *job)
{
	int err = caller_begin(load->caller, job);

	if (!err)
		err = wait_for(load, calls_over, "calls to end");

	return err;
}


static int phase_warm_up(struct load *load)
{
	const struct caller_job job = {
		.calls   = load->opt.warm_up,
		.rate    = load->opt.rate,
		.hold_ms = 100,
	};

	return calls_run(load, &job);
}


static int phase_calls(struct load *load)
{
	const struct caller_job job = {
		.calls   = load->opt.calls,
		.rate    = load->opt.rate,
		.hold_ms = load->opt.hold_ms,
	};
	const struct caller_stats *st = caller_stats(load->caller);
	struct proc before, after;
	int err;

	proc_look(load, &before);
	err = calls_run(load, &job);
	proc_look(load, &after);

	qsort(st->ring_us, st->ringing, sizeof(*st->ring_us), compare);
	(void)printf("%s\"calls\": {\"begun\": %u, \"answered\": %u, "
		     "\"ended\": %u, \"failed\": %u, \"dropped\": %u, "
		     "\"last_refusal\": %u, \"seconds\": %.3f, "
		     "\"cpu_s\": %.3f, \"invite_180_ms_p50\": %.3f, "
		     "\"invite_180_ms_p99\": %.3f}",
		     load->comma, st->begun, st->answered, st->ended,
		     st->failed, st->dropped, st->scode,
		     (double)(st->last_us - st->first_us) / 1e6,
		     after.cpu_s - before.cpu_s, quantile_ms(st, 0.5),
		     quantile_ms(st, 0.99));
	load->comma = ", ";

	return err;
}


/** What was relayed while it was measured */
struct talk {
	struct proc before, after;
	uint64_t packets;
	double seconds;
};


static uint64_t heard(const struct load *load)
{
	return voice_stats(load->pbx_voice)->received +
		voice_stats(load->teams_voice)->received;
}


static void talk_measure(struct load *load, struct talk *talk)
{
	uint64_t packets, begin_us;

	voice_speak(load->pbx_voice, true);
	voice_speak(load->teams_voice, true);
	pause_ms(LEAD_MS);

	packets = heard(load);
	begin_us = now_us();
	proc_look(load, &talk->before);
	pause_ms(load->opt.seconds * 1000);
	proc_look(load, &talk->after);
	talk->packets = heard(load) - packets;
	talk->seconds = (double)(now_us() - begin_us) / 1e6;

	voice_speak(load->pbx_voice, false);
	voice_speak(load->teams_voice, false);
	pause_ms(DRAIN_MS);
}


static void talk_print(struct load *load, const struct talk *talk,
		       long before_kb, long held_kb)
{
	const struct caller_stats *st = caller_stats(load->caller);
	const struct voice_stats *pbx = voice_stats(load->pbx_voice);
	const struct voice_stats *teams = voice_stats(load->teams_voice);

	(void)printf("%s\"media\": {\"begun\": %u, \"answered\": %u, "
		     "\"failed\": %u, \"dropped\": %u, \"last_refusal\": %u, "
		     "\"rss_kb_before\": %ld, \"rss_kb_held\": %ld, "
		     "\"rss_kb_talking\": %ld, "
		     "\"seconds\": %.3f, \"cpu_s\": %.3f, "
		     "\"packets\": %llu, \"pbx_sent\": %llu, "
		     "\"teams_received\": %llu, \"teams_sent\": %llu, "
		     "\"pbx_received\": %llu, \"bad\": %llu, "
		     "\"unsent\": %llu}",
		     load->comma, st->begun, st->answered, st->failed,
		     st->dropped, st->scode, before_kb, held_kb,
		     talk->after.rss_kb, talk->seconds,
		     talk->after.cpu_s - talk->before.cpu_s,
		     (unsigned long long)talk->packets,
		     (unsigned long long)pbx->sent,
		     (unsigned long long)teams->received,
		     (unsigned long long)teams->sent,
		     (unsigned long long)pbx->received,
		     (unsigned long long)(pbx->bad + teams->bad),
		     (unsigned long long)(pbx->unsent + teams->unsent));
	load->comma = ", ";
}


static int phase_media(struct load *load)
{
	const struct caller_job job = {
		.calls = load->opt.media,
		.rate  = load->opt.rate,
		.stay  = true,
	};
	struct talk talk = { .seconds = 0 };
	struct proc before, held;
	int err;

	pause_ms(SETTLE_MS);
	proc_look(load, &before);
	err = caller_begin(load->caller, &job);
	if (!err)
		err = wait_for(load, calls_up, "calls to be answered");
	pause_ms(SETTLE_MS);
	proc_look(load, &held);

	if (!err && load->opt.seconds)
		talk_measure(load, &talk);

	talk_print(load, &talk, before.rss_kb, held.rss_kb);

	caller_hangup(load->caller);
	if (!err)
		err = wait_for(load, calls_over, "calls to end");

	return err;
}


/* --- the whole --- */


static unsigned calls_at_once(const struct options *opt)
{
	unsigned n = opt->calls > opt->media ? opt->calls : opt->media;

	n = n > opt->warm_up ? n : opt->warm_up;

	return n + SPARE_CALLS;
}


static int voices_open(struct load *load)
{
	const struct options *opt = &load->opt;
	const unsigned lines = calls_at_once(opt);
	int err;

	err = voice_alloc(&load->pbx_voice, &opt->pbx.sin_addr, lines);

	return err ? err : voice_alloc(&load->teams_voice,
				       &opt->teamsv[0].sin_addr, lines);
}


static int pbx_open(struct load *load)
{
	const struct options *opt = &load->opt;
	const struct registrar_conf rc = {
		.first       = opt->first,
		.users       = opt->users,
		.reuse_nonce = opt->reuse_nonce,
		.expires_s   = opt->expires_s,
	};
	struct caller_conf cc = {
		.voice  = load->pbx_voice,
		.first  = opt->first,
		.users  = opt->users,
		.laddr  = opt->pbx,
		.target = opt->has_target ? &opt->target : NULL,
		.sendh  = send_handler,
		.arg    = load,
	};
	int err;

	err = registrar_alloc(&load->registrar, &rc);
	if (err)
		return err;

	cc.registrar = load->registrar;
	err = caller_alloc(&load->caller, &cc);

	return err ? err : port_open(&load->port, &opt->pbx, message_handler,
				     load);
}


static int teams_open(struct load *load)
{
	const struct options *opt = &load->opt;
	struct teams_conf conf = {
		.door = { opt->certificate, opt->key, opt->ca_file },
		.addrc   = opt->teamsc,
		.route   = opt->route,
		.voice   = load->teams_voice,
		.calls   = calls_at_once(opt),
		.ring_ms = RING_MS,
	};

	memcpy(conf.addrv, opt->teamsv, sizeof(conf.addrv));

	return teams_alloc(&load->teams, &conf);
}


static int run(struct load *load)
{
	const struct options *opt = &load->opt;
	int err = 0;

	(void)fprintf(stderr, "ready\n");
	(void)printf("{");

	if (opt->bind)
		err = phase_register(load);
	if (!err)
		err = wait_for(load, subject_runs, "the process to load");
	if (!err && opt->warm_up)
		err = phase_warm_up(load);
	if (!err && opt->calls)
		err = phase_calls(load);
	if (!err && opt->media)
		err = phase_media(load);

	(void)printf("%s\"options\": %u}\n", load->comma,
		     teams_stats(load->teams)->options);

	return err;
}


int main(int argc, char *argv[])
{
	struct load load = { .comma = "" };
	int err;

	options_read(&load.opt, argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR1, signal_handler);

	err = watch_init(tick_handler, &load);
	if (!err)
		err = voices_open(&load);
	if (!err)
		err = pbx_open(&load);
	if (!err)
		err = teams_open(&load);

	if (err)
		(void)fprintf(stderr, "load: %s\n", strerror(err));
	else
		err = run(&load);

	caller_free(load.caller);
	port_close(load.port);
	registrar_free(load.registrar);
	teams_free(load.teams);
	voice_free(load.pbx_voice);
	voice_free(load.teams_voice);
	watch_close();

	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
