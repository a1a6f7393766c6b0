/**
 * @file main.c  callbridged, the service
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"

#define DEBUG_MODULE "callbridged"
#define DEBUG_LEVEL 0
#include <re_dbg.h>

#include "bridge/base/log.h"
#include "bridge/base/version.h"
#include "bridge/sip/compat.h"
#include "config.h"
#include "node.h"


enum {
	EXIT_BAD_INPUT = 2,
	FDS_WANTED     = 262144,
	LOOP_FDS       = 16384,
	DRAIN_S        = 30,
};


struct service {
	struct node *node;
	struct loop_fd signals;
	int signal_fd;
};


static void usage(FILE *out)
{
	(void)fputs(
"Usage: callbridged -c FILE [--check-config] [--version] [--help]\n"
"\n"
"The bridge between a PBX and Microsoft Teams. It runs in the foreground and\n"
"logs to stderr unless FILE says otherwise.\n"
"\n"
"  -c, --config FILE   configuration, usually /etc/callbridge/callbridge.yaml\n"
"      --check-config  read everything, say what is wrong, start nothing\n"
"      --version       versions of the program and its libraries\n"
"      --help          this text\n"
"\n"
"SIGHUP reads the configuration again; SIGTERM lets calls end (30 s at most)\n"
"and stops, a second SIGTERM stops at once.\n"
"\n"
"Ask a running service with `callbridge status`; `callbridge --help` has more.\n"
"Exit status: 0 stopped or good configuration, 1 failed, 2 bad input.\n",
		    out);
}


static int complain(const struct errors *errs, int err)
{
	if (errors_count(errs))
		(void)re_fprintf(stderr, "%H", errors_print, errs);
	else
		(void)re_fprintf(stderr, "callbridged: %m\n", err);

	return errors_count(errs) ? EXIT_BAD_INPUT : EXIT_FAILURE;
}


static int check(const char *config)
{
	struct errors *errs = NULL;
	int err, status = EXIT_SUCCESS;

	err = errors_alloc(&errs);
	if (!err)
		err = node_check(config, errs);
	if (err)
		status = complain(errs, err);
	else
		(void)printf("%s: good\n", config);

	mem_deref(errs);

	return status;
}


static void reload(struct service *service)
{
	log_reopen();
	(void)node_reload(service->node);
}


static void signal_in_h(int flags, void *arg)
{
	struct service *service = arg;
	struct signalfd_siginfo si;
	(void)flags;

	while (read(service->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			reload(service);
		else
			node_stop(service->node, DRAIN_S);
	}
}


/** Before any thread is made: signals come by descriptor, everywhere else
    they are blocked */
static int signals_open(struct service *service)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);

	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return errno;

	service->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);

	return service->signal_fd < 0 ? errno : 0;
}


/** As many descriptors as we may have; and no core file, for it would hold
    keys and passwords (whoever wants one raises the soft limit: prlimit(1)) */
static void limits_set(void)
{
	struct rlimit lim;

	if (!getrlimit(RLIMIT_CORE, &lim)) {
		lim.rlim_cur = 0;
		(void)setrlimit(RLIMIT_CORE, &lim);
	}

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;

	lim.rlim_cur = lim.rlim_max < FDS_WANTED ? lim.rlim_max : FDS_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
}


static int log_start(const struct config *conf, struct errors *errs)
{
	const struct nodeconf *nc = config_node(conf);
	int err;

	err = log_open(nc->log.file, (enum log_format)nc->log.format,
		       (enum log_level)nc->log.level);
	if (err) {
		struct place place;

		config_place(conf, "log.file", &place);
		errors_add(errs, &place, "log.file", "cannot write %s: %s",
			   nc->log.file, strerror(err));
		err = EBADMSG;
	}

	return err;
}


static int run(const char *config)
{
	struct service service = { .signal_fd = -1 };
	struct config *conf = NULL;
	struct errors *errs = NULL;
	int err, status = EXIT_SUCCESS;

	err = errors_alloc(&errs);
	if (!err)
		err = signals_open(&service);
	if (!err)
		err = config_load(&conf, config, errs);
	if (!err)
		err = log_start(conf, errs);
	if (!err)
		err = node_start(&service.node, config, conf, errs);
	if (!err)
		err = loop_listen(&service.signals, service.signal_fd, FD_READ,
				  signal_in_h, &service);
	if (!err)
		err = re_main(NULL);

	log_close();
	if (err)
		status = complain(errs, err);

	loop_close(&service.signals);
	mem_deref(service.node);
	mem_deref(conf);
	mem_deref(errs);
	if (service.signal_fd >= 0)
		(void)close(service.signal_fd);

	return status;
}


int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "config",       required_argument, NULL, 'c' },
		{ "check-config", no_argument,       NULL, 'k' },
		{ "version",      no_argument,       NULL, 'V' },
		{ "help",         no_argument,       NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config = NULL;
	bool only_check = false;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (opt) {

		case 'c':
			config = optarg;
			break;

		case 'k':
			only_check = true;
			break;

		case 'V':
			(void)re_printf("%H", version_print, "callbridged");
			return EXIT_SUCCESS;

		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;

		default:
			usage(stderr);
			return EXIT_BAD_INPUT;
		}
	}

	if (!config || optind < argc) {
		(void)fputs("callbridged: want -c FILE\n\n", stderr);
		usage(stderr);
		return EXIT_BAD_INPUT;
	}

	limits_set();
	if (libre_init())
		return EXIT_FAILURE;
	(void)fd_setsize(LOOP_FDS);
	dbg_init(DBG_EMERG, DBG_NONE);     /* we have a log of our own */

	status = only_check ? check(config) : run(config);

	libre_close();

	return status;
}
