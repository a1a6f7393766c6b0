/**
 * @file main.c  teams-sim: a stand-in for Microsoft Teams Direct Routing
 */
#include <getopt.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "call.h"
#include "config.h"
#include "control.h"
#include "judge.h"
#include "pki.h"


enum {
	EXIT_CONFIG = 2,
	FILES_MAX = 4096,
};

struct arguments {
	const char *config, *control, *trace;
	bool verbose, judge;
};

static int signal_fd = -1;


static void usage(FILE *f)
{
	fputs("usage: teams-sim --config FILE [--control SOCKET] "
	      "[--trace FILE] [--verbose]\n\n"
	      "A stand-in for the Microsoft Teams Direct Routing SIP proxy "
	      "and media processor.\n"
	      "It listens for an SBC on three addresses, rejects what Teams "
	      "rejects, and is\n"
	      "driven by JSON lines on a Unix socket (PROTOCOL.md).\n\n"
	      "  -c, --config FILE     JSON: addresses, certificates, hosts, "
	      "tenants, users\n"
	      "  -s, --control SOCKET  control socket, instead of the "
	      "config's\n"
	      "  -t, --trace FILE      write every SIP message to FILE\n"
	      "  -v, --verbose         tell on stderr what happens\n"
	      "      --judge           read messages of an SBC on stdin, "
	      "tell on stdout which\n"
	      "                        rules each breaks: a JSON array a "
	      "line\n"
	      "      --rules           all rules, with the section of each "
	      "(README.md)\n"
	      "  -h, --help            this text\n\n"
	      "Settings (\"options\" of the config, or the command set):\n",
	      f);
	settings_help(f);
}


static int parse(struct arguments *args, int argc, char *argv[])
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"control", required_argument, NULL, 's'},
		{"trace", required_argument, NULL, 't'},
		{"verbose", no_argument, NULL, 'v'},
		{"judge", no_argument, NULL, 'j'},
		{"rules", no_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:s:t:vh", options, NULL)) >=
	       0) {
		switch (c) {

		case 'c':
			args->config = optarg;
			break;

		case 's':
			args->control = optarg;
			break;

		case 't':
			args->trace = optarg;
			break;

		case 'v':
			args->verbose = true;
			break;

		case 'j':
			args->judge = true;
			break;

		case 'r':
			conform_help(stdout);
			exit(0);

		case 'h':
			usage(stdout);
			exit(0);

		default:
			return EINVAL;
		}
	}

	if (optind < argc || !(args->config || args->judge)) {
		fputs("teams-sim: want --config FILE (see --help)\n", stderr);
		return EINVAL;
	}

	return 0;
}


static int judge(void)
{
	const int err = judge_stream(stdin, stdout);

	if (err)
		fprintf(stderr, "teams-sim: stdin: %s\n",
			err == EBADMSG ? "want whole SIP messages, each with "
					 "its Content-Length"
				       : strerror(err));

	return err ? 1 : 0;
}


static void signal_handler(int flags, void *arg)
{
	struct signalfd_siginfo info;
	(void)flags;
	(void)arg;

	if (read(signal_fd, &info, sizeof(info)) > 0)
		re_cancel();
}


static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);

	return signal_fd < 0 ? errno
			     : fd_listen(signal_fd, FD_READ, signal_handler,
					 NULL);
}


static void frame(uint64_t now_ms, void *arg)
{
	calls_frame(arg, now_ms);
}


static int start(struct sim *sim, const char *control, char *why, size_t size)
{
	int err = clock_open(frame, sim);

	for (size_t i = 0; !err && i < INSTANCES; i++) {
		err = instance_apply(&sim->instv[i], sim->instv[i].mode);
		if (err)
			re_snprintf(why, size, "%s: cannot listen on %J: %m",
				    sim->instv[i].name, &sim->instv[i].addr,
				    err);
	}

	if (!err) {
		err = control_open(sim, control);
		if (err)
			snprintf(why, size, "%s: %s", control, strerror(err));
	}

	return err;
}


/* Calls first: they use connections, tenants and the clock */
static void stop(struct sim *sim)
{
	control_close();
	list_flush(&sim->calll);
	list_flush(&sim->tenantl);
	for (size_t i = 0; i < INSTANCES; i++)
		(void)instance_apply(&sim->instv[i], MODE_REFUSE);
	list_flush(&sim->transl);
	clock_close();
	if (signal_fd >= 0) {
		fd_close(signal_fd);
		close(signal_fd);
	}
}


static int run(struct sim *sim, const struct arguments *args)
{
	char why[512] = "", *control = NULL;
	int err;

	err = config_read(sim, args->config, &control, why, sizeof(why));
	if (!err && args->control) {
		mem_deref(control);
		err = str_dup(&control, args->control);
	}
	if (!err && !control) {
		snprintf(why, sizeof(why), "no control socket: want "
					   "\"control\" in %s, or --control",
			 args->config);
		err = EINVAL;
	}
	if (!err)
		err = pki_open(sim, why, sizeof(why));
	if (!err)
		err = start(sim, control, why, sizeof(why));

	if (err) {
		fprintf(stderr, "teams-sim: %s\n",
			why[0] ? why : strerror(err));
	}
	else {
		printf("teams-sim: ready, control socket %s\n", control);
		fflush(stdout);
		err = re_main(NULL);
	}

	stop(sim);
	mem_deref(control);

	return err;
}


int main(int argc, char *argv[])
{
	struct arguments args = {0};
	struct sim *sim;
	int err;

	if (parse(&args, argc, argv))
		return EXIT_CONFIG;
	if (args.judge)
		return judge();

	err = libre_init();
	if (!err)
		err = fd_setsize(FILES_MAX);
	if (!err)
		err = catch_signals();
	if (err) {
		fprintf(stderr, "teams-sim: %s\n", strerror(err));
		return 1;
	}

	sim = config_alloc();
	if (!sim)
		return 1;

	sim->verbose = args.verbose;
	if (args.trace) {
		sim->trace = fopen(args.trace, "we");
		if (!sim->trace) {
			fprintf(stderr, "teams-sim: %s: %s\n", args.trace,
				strerror(errno));
			mem_deref(sim);
			return EXIT_CONFIG;
		}
	}

	err = run(sim, &args);
	mem_deref(sim);
	libre_close();

	return err ? EXIT_CONFIG : 0;
}
