/**
 * @file options.c  What load is asked to do
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"


enum { EXIT_BAD_INPUT = 2 };

enum word {
	PBX = 1, TEAMS, TARGET, CERTIFICATE, KEY, CA, ROUTE, PID_FILE, FIRST,
	USERS, REGISTER, AGAIN, STAY, WAIT_SIGNAL, REUSE, EXPIRES, WARM_UP,
	CALLS, MEDIA, RATE, HOLD, SECONDS, DEADLINE, HELP,
};


static const char help[] =
"Usage: load [OPTION...]\n"
"\n"
"A PBX and Microsoft Teams in one process, with as many users and calls as\n"
"asked for, to load a bridge between the two. Says \"ready\" on stderr once\n"
"it listens, then does its phases in order, and prints one line of JSON.\n"
"\n"
"Who it is\n"
"  --pbx ADDRESS:PORT    the PBX's SIP over UDP         [127.0.0.10:5060]\n"
"  --teams ADDRESS:PORT  Teams' SIP over TLS; up to 3 times\n"
"                                                       [127.0.0.61:5061]\n"
"  --certificate FILE, --key FILE   Teams' certificate\n"
"  --ca FILE             whose certificates the bridge may show\n"
"  --route HOST          host of Teams' Record-Route\n"
"                                      [sip-du-a-eu.pstnhub.microsoft.com]\n"
"  --target ADDRESS:PORT call +4420794NNNNN there, not the users' contacts\n"
"  --first N, --users N  user names are N, N+1, ...; passwords secret-N\n"
"                                                       [10001, 1000]\n"
"  --reuse-nonce         take a nonce more than once\n"
"  --expires SECONDS     that a registration is granted [3600]\n"
"\n"
"What it does\n"
"  --register N          wait until N users are registered\n"
"  --again               and until as many requests more are granted; says\n"
"                        \"again\" on stderr when it begins to wait\n"
"  --wait-signal         then says \"registered\" on stderr and goes on when\n"
"                        SIGUSR1 comes\n"
"  --stay SECONDS        and look whether they stay so\n"
"  --warm-up N           calls that do not count\n"
"  --calls N             calls, answered, held and ended\n"
"  --media N             calls that stay, for --seconds with voice both ways\n"
"  --rate R              calls a second                 [100]\n"
"  --hold SECONDS        of talk in --calls             [1]\n"
"  --seconds S           of voice; 0: none              [5]\n"
"\n"
"  --pid-file FILE       will hold the bridge's process id: no call is made\n"
"                        before; its CPU time and memory are told\n"
"  --deadline SECONDS    of each phase                  [60]\n"
"  --help                this text\n"
"\n"
"Exit status: 0 done, 1 a phase did not end in time, 2 bad input.\n";


static const struct option optionv[] = {
	{ "pbx",         required_argument, NULL, PBX },
	{ "teams",       required_argument, NULL, TEAMS },
	{ "target",      required_argument, NULL, TARGET },
	{ "certificate", required_argument, NULL, CERTIFICATE },
	{ "key",         required_argument, NULL, KEY },
	{ "ca",          required_argument, NULL, CA },
	{ "route",       required_argument, NULL, ROUTE },
	{ "pid-file",    required_argument, NULL, PID_FILE },
	{ "first",       required_argument, NULL, FIRST },
	{ "users",       required_argument, NULL, USERS },
	{ "register",    required_argument, NULL, REGISTER },
	{ "again",       no_argument,       NULL, AGAIN },
	{ "wait-signal", no_argument,       NULL, WAIT_SIGNAL },
	{ "stay",        required_argument, NULL, STAY },
	{ "reuse-nonce", no_argument,       NULL, REUSE },
	{ "expires",     required_argument, NULL, EXPIRES },
	{ "warm-up",     required_argument, NULL, WARM_UP },
	{ "calls",       required_argument, NULL, CALLS },
	{ "media",       required_argument, NULL, MEDIA },
	{ "rate",        required_argument, NULL, RATE },
	{ "hold",        required_argument, NULL, HOLD },
	{ "seconds",     required_argument, NULL, SECONDS },
	{ "deadline",    required_argument, NULL, DEADLINE },
	{ "help",        no_argument,       NULL, HELP },
	{ NULL, 0, NULL, 0 },
};


__attribute__((noreturn))
static void bad(const char *what, const char *found)
{
	(void)fprintf(stderr, "load: %s%s%s (try --help)\n", what,
		      found ? ", found " : "", found ? found : "");
	exit(EXIT_BAD_INPUT);
}


static double number(const char *text, double min, double max)
{
	char *end;
	const double n = strtod(text, &end);

	if (end == text || *end || !(n >= min && n <= max)) {
		char want[64];

		(void)snprintf(want, sizeof(want), "want a number of %g..%g",
			       min, max);
		bad(want, text);
	}

	return n;
}


static void address(struct sockaddr_in *sin, const char *text)
{
	char buf[64];
	char *colon;

	(void)snprintf(buf, sizeof(buf), "%s", text);
	colon = strrchr(buf, ':');
	if (colon)
		*colon = '\0';

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	if (!colon || inet_pton(AF_INET, buf, &sin->sin_addr) != 1)
		bad("want ADDRESS:PORT", text);
	sin->sin_port = htons((uint16_t)number(colon + 1, 1, 65535));
}


static unsigned whole(const char *text)
{
	return (unsigned)number(text, 0, 1000000);
}


static void take(struct options *opt, enum word which, const char *arg)
{
	switch (which) {

	case PBX:         address(&opt->pbx, arg);             break;
	case CERTIFICATE: opt->certificate = arg;              break;
	case KEY:         opt->key = arg;                      break;
	case CA:          opt->ca_file = arg;                  break;
	case ROUTE:       opt->route = arg;                    break;
	case PID_FILE:    opt->pid_file = arg;                 break;
	case FIRST:       opt->first = whole(arg);             break;
	case USERS:       opt->users = (unsigned)number(arg, 1, 1e6); break;
	case REGISTER:    opt->bind = whole(arg);              break;
	case AGAIN:       opt->again = true;                   break;
	case WAIT_SIGNAL: opt->wait_signal = true;             break;
	case STAY:        opt->stay_s = whole(arg);            break;
	case REUSE:       opt->reuse_nonce = true;             break;
	case EXPIRES:     opt->expires_s = whole(arg);         break;
	case WARM_UP:     opt->warm_up = whole(arg);           break;
	case CALLS:       opt->calls = whole(arg);             break;
	case MEDIA:       opt->media = whole(arg);             break;
	case RATE:        opt->rate = number(arg, 0.1, 100000); break;
	case HOLD:        opt->hold_ms = (unsigned)
				(number(arg, 0, 3600) * 1000); break;
	case SECONDS:     opt->seconds = whole(arg);           break;
	case DEADLINE:    opt->deadline_s = whole(arg);        break;

	case TEAMS:
		if (opt->teamsc == 3)
			bad("want --teams at most 3 times", NULL);
		address(&opt->teamsv[opt->teamsc++], arg);
		break;

	case TARGET:
		address(&opt->target, arg);
		opt->has_target = true;
		break;

	case HELP:
		(void)fputs(help, stdout);
		exit(EXIT_SUCCESS);
	}
}


void options_read(struct options *opt, int argc, char *argv[])
{
	int which;

	*opt = (struct options){
		.route = "sip-du-a-eu.pstnhub.microsoft.com",
		.first = 10001, .users = 1000, .expires_s = 3600,
		.rate = 100, .hold_ms = 1000, .seconds = 5, .deadline_s = 60,
	};
	address(&opt->pbx, "127.0.0.10:5060");

	while ((which = getopt_long(argc, argv, "", optionv, NULL)) != -1) {
		if (which == '?')
			exit(EXIT_BAD_INPUT);
		take(opt, (enum word)which, optarg);
	}

	if (optind < argc)
		bad("unknown word", argv[optind]);
	if (opt->bind > opt->users)
		opt->users = opt->bind;
	if (!opt->certificate || !opt->key || !opt->ca_file)
		bad("want --certificate, --key and --ca", NULL);
	if (!opt->teamsc)
		address(&opt->teamsv[opt->teamsc++], "127.0.0.61:5061");
}
