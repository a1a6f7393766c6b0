/**
 * @file cmd_test_run.c  callbridge test run, compare
 */
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "testplans/plan.h"
#include "testplans/report.h"
#include "testplans/roster.h"
#include "testplans/run.h"
#include "events.h"
#include "test_cli.h"


enum { WORDS = 32, PLANS = 32 };

#define ROSTER_DEFAULT "roster.yaml"


struct options {
	const char *roster, *cases, *tags, *repeat, *times, *folder;
	const char *resume, *tenant, *pbx;
	struct test_files files;
	bool keep, events, node;
};

/** A list on the command line: parted by commas */
struct words {
	char *text;                /* owned */
	const char *v[WORDS];
	size_t c;
};

struct session {
	char socket[PATH_MAX];     /* of the service */
	char folder[PATH_MAX];     /* of recordings and logs */
	int pipe[2];               /* says that the run has ended */
	bool events;               /* for a program, not for a person */
	bool alone;                /* nobody answers any more */
	bool asking;               /* a question waits for an answer */
	bool choice;               /* yes or no, not done */
	pthread_mutex_t lock;      /* of these two */
};

static struct run *volatile current;       /* for the signal handler */
static volatile sig_atomic_t led;          /* a program has started us */


static void on_signal(int sig)
{
	(void)sig;

	if (current)
		run_cancel(current);
	if (led)
		events_end_soon();
}


static void words_clear(struct words *words)
{
	mem_deref(words->text);
}


static int words_read(struct words *words, const char *name, const char *text)
{
	char *save = NULL;

	memset(words, 0, sizeof(*words));
	if (!text)
		return 0;

	if (str_dup(&words->text, text))
		return ENOMEM;

	for (char *p = strtok_r(words->text, ",", &save); p;
	     p = strtok_r(NULL, ",", &save)) {
		if (words->c == WORDS) {
			term_error("--%s: want at most %d", name, WORDS);
			return EINVAL;
		}
		words->v[words->c++] = p;
	}

	return 0;
}


/* Reading what is wanted */


static void tell_plans(const char *name)
{
	char known[64];
	const char *near = plan_nearest(known, sizeof(known), name);

	if (near)
		term_error("there is no plan \"%s\": did you mean \"%s\"?",
			   name, near);
	else
		term_error("there is no plan \"%s\"; see `callbridge test"
			   " list`", name);
}


/** A name of the house's, or a file */
static int plan_get(struct plan **planp, const char *name)
{
	const bool file = test_is_file(name);
	struct errors *errs;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = file ? plan_load(planp, name, errs) : plan_find(planp, name,
							      errs);
	if (err == ENOENT && !file)
		tell_plans(name);
	else if (err)
		term_refusal(errs, name, err);

	mem_deref(errs);

	return err;
}


static int roster_get(struct roster **rosterp, const char *path)
{
	struct errors *errs;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = roster_load(rosterp, path, errs);
	if (err)
		term_refusal(errs, path, err);
	if (err == ENOENT)
		term_error("`callbridge test init` writes a roster");

	mem_deref(errs);

	return err;
}


static int number_get(uint32_t *value, const char *name, const char *text,
		      long max)
{
	long n;

	if (!text)
		return 0;

	if (options_number(name, text, 1, max, &n))
		return EINVAL;

	*value = (uint32_t)n;

	return 0;
}


/* The run's events */


static int fetch(bool post, const char *path, char **text, size_t *size,
		 void *arg)
{
	const struct session *session = arg;

	return test_fetch(session->socket, post, path, text, size);
}


static void event(const struct run_event *ev, void *arg)
{
	struct session *session = arg;

	if (session->events)
		events_run(ev);
	else
		test_screen_event(ev);

	if (ev->type == RUN_EV_QUESTION) {
		(void)pthread_mutex_lock(&session->lock);
		session->asking = true;
		session->choice = ev->choice;
		(void)pthread_mutex_unlock(&session->lock);
	}

	if (ev->type == RUN_EV_END) {
		const ssize_t n = write(session->pipe[1], "e", 1);

		(void)n;
	}
}


static void answer_take(struct session *session, struct run *run)
{
	enum run_answer answer;
	char note[RUN_NOTE_SIZE];
	bool choice;

	(void)pthread_mutex_lock(&session->lock);
	choice = session->choice;
	(void)pthread_mutex_unlock(&session->lock);

	if (!test_answer_read(choice, &answer, note, sizeof(note)) &&
	    session->events) {
		session->alone = true;
		run_cancel(run);
		events_end_soon();
		return;
	}

	(void)pthread_mutex_lock(&session->lock);
	session->asking = false;
	(void)pthread_mutex_unlock(&session->lock);

	run_answer(run, answer, note);
}


/** Until the run has ended; a person's answers go to it */
static void attend(struct session *session, struct run *run)
{
	struct pollfd fdv[] = {
		{.fd = session->pipe[0], .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};

	for (;;) {
		bool asking;

		(void)pthread_mutex_lock(&session->lock);
		asking = session->asking;
		(void)pthread_mutex_unlock(&session->lock);

		/* Nobody is listened to who was not asked: what stdin holds
		   may be for the program that comes after us. A program
		   that has started us says by its end that we may end too */
		asking |= session->events;
		asking &= !session->alone;
		(void)poll(fdv, asking ? 2 : 1, asking ? -1 : 100);

		if (fdv[0].revents)
			return;

		if (asking && fdv[1].revents) {
			fdv[1].revents = 0;
			answer_take(session, run);
		}
	}
}


/* Folders */


static int folder_make(struct session *session, const struct options *opts)
{
	const char *tmp = getenv("TMPDIR");

	if (opts->folder) {
		str_ncpy(session->folder, opts->folder,
			 sizeof(session->folder));
		if (mkdir(opts->folder, 0700) && errno != EEXIST) {
			term_error("%s: %m", opts->folder, errno);
			return errno;
		}
		return 0;
	}

	(void)re_snprintf(session->folder, sizeof(session->folder),
			  "%s/callbridge-test-XXXXXX", tmp && *tmp ? tmp :
			  "/tmp");
	if (!mkdtemp(session->folder)) {
		term_error("%s: %m", session->folder, errno);
		return errno;
	}

	return 0;
}


/** Captures lie beside the page: report.html and report-captures/ */
static int captures_make(char *path, size_t size, const char *html)
{
	const char *dot;

	path[0] = '\0';
	if (!html)
		return 0;

	dot = strrchr(html, '.');
	(void)re_snprintf(path, size, "%b-captures", html, dot &&
			  !strchr(dot, '/') ? (size_t)(dot - html) :
			  strlen(html));

	if (mkdir(path, 0755) && errno != EEXIST) {
		term_error("%s: %m", path, errno);
		return errno;
	}

	return 0;
}


static int file_remove(const char *path, const struct stat *st, int type,
		       struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;

	return remove(path);
}


static void folder_remove(const struct session *session,
			  const struct options *opts, int status)
{
	if (opts->events)
		return;            /* whoever started us sees to it */

	if (opts->keep || opts->folder || status != EXIT_GOOD)
		(void)printf("recordings and logs: %s\n", session->folder);
	else
		(void)nftw(session->folder, file_remove, 8, FTW_DEPTH |
			   FTW_PHYS);
}


/* All of it */


static int perform(struct run_conf *conf, struct session *session,
		   const struct options *opts)
{
	struct sigaction act = {.sa_handler = on_signal}, old_int, old_term;
	struct errors *errs;
	struct run *run = NULL;
	json_t *report;
	int err, status;

	err = errors_alloc(&errs);
	if (err)
		return EXIT_BAD;

	err = run_start(&run, conf, errs);
	if (err) {
		term_refusal(errs, "the test cannot be started", err);
		mem_deref(errs);
		return EXIT_BAD;
	}

	current = run;
	led     = session->events;
	if (led)
		(void)signal(SIGPIPE, SIG_IGN);
	(void)sigaction(SIGINT, &act, &old_int);
	(void)sigaction(SIGTERM, &act, &old_term);

	attend(session, run);
	(void)run_wait(run, &report);

	(void)sigaction(SIGINT, &old_int, NULL);
	(void)sigaction(SIGTERM, &old_term, NULL);
	current = NULL;

	status = test_summary(report, session->events);
	if (test_files_write(&opts->files, report))
		status = EXIT_BAD;

	json_decref(report);
	mem_deref(run);
	mem_deref(errs);

	return status;
}


static int session_run(const struct cli *cli, struct run_conf *conf,
		       const struct roster *roster,
		       const struct options *opts)
{
	struct session session = {.lock = PTHREAD_MUTEX_INITIALIZER,
				  .events = opts->events};
	struct cli own = *cli;
	struct bench *bench = NULL;
	char captures[PATH_MAX];
	int status = EXIT_BAD;

	if (roster->bridge.config && !cli->socket && !cli->config)
		own.config = roster->bridge.config;

	if (node_socket(&own, session.socket, sizeof(session.socket)) ||
	    captures_make(captures, sizeof(captures), opts->files.html) ||
	    folder_make(&session, opts))
		return EXIT_BAD;

	if (pipe2(session.pipe, O_CLOEXEC)) {
		term_error("%m", errno);
		return EXIT_BAD;
	}

	conf->roster   = roster;
	conf->folder   = session.folder;
	conf->captures = *captures ? captures : NULL;
	conf->tenant   = opts->tenant;
	conf->fetchh   = fetch;
	conf->eventh   = event;
	conf->arg      = &session;

	if (!test_bench_start(&bench, roster, session.socket,
			      session.folder))
		status = perform(conf, &session, opts);

	mem_deref(bench);
	(void)close(session.pipe[0]);
	(void)close(session.pipe[1]);
	(void)rmdir(captures);     /* if it is empty */
	folder_remove(&session, opts, status);

	return status;
}


static int resume_get(json_t **reportp, const char *path)
{
	char why[512];

	*reportp = NULL;
	if (!path)
		return 0;

	if (report_load(reportp, path, why, sizeof(why))) {
		term_error("%s", why);
		return EBADMSG;
	}

	return 0;
}


/** What is of no use at the service is not left out in silence */
static int options_check(const struct options *opts)
{
	const struct { const char *name; bool given, node; } v[] = {
		{"roster", opts->roster, false},
		{"folder", opts->folder, false}, {"keep", opts->keep, false},
		{"events", opts->events, false}, {"pbx", opts->pbx, true},
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		if (!v[i].given || v[i].node == opts->node)
			continue;

		term_error("test: --%s %s with --on-node", v[i].name,
			   v[i].node ? "goes only" : "does not go");
		return EINVAL;
	}

	return 0;
}


int test_run(const struct cli *cli, int argc, char *argv[])
{
	struct options opts = {0};
	const struct opt optv[] = {
		{"roster", &opts.roster, NULL}, {"case", &opts.cases, NULL},
		{"tag", &opts.tags, NULL}, {"repeat", &opts.repeat, NULL},
		{"times", &opts.times, NULL}, {"json", &opts.files.json, NULL},
		{"junit", &opts.files.junit, NULL},
		{"html", &opts.files.html, NULL},
		{"folder", &opts.folder, NULL},
		{"resume", &opts.resume, NULL}, {"keep", NULL, &opts.keep},
		{"tenant", &opts.tenant, NULL}, {"events", NULL, &opts.events},
		{"on-node", NULL, &opts.node}, {"pbx", &opts.pbx, NULL},
		{NULL, NULL, NULL},
	};
	struct run_conf conf = {.repeat = 1, .scale = 100};
	struct choice *ch = &conf.choice;
	struct words cases = {NULL, {NULL}, 0}, tags = {NULL, {NULL}, 0};
	struct plan *planv[PLANS] = {NULL};
	const char *namev[PLANS];
	size_t planc = 0;
	struct roster *roster = NULL;
	json_t *resume = NULL;
	int status = EXIT_BAD;

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, 0, PLANS) || options_check(&opts) ||
	    number_get(&conf.repeat, "repeat", opts.repeat, 1000) ||
	    number_get(&conf.scale, "times", opts.times, 100) ||
	    words_read(&cases, "case", opts.cases) ||
	    words_read(&tags, "tag", opts.tags))
		goto out;

	for (int i = 1; i < argc || (argc == 1 && i == 1); i++)
		namev[planc++] = argc == 1 ? "confidence" : argv[i];

	if (opts.node) {
		const struct test_order order = {
			.tenant = opts.tenant, .pbx = opts.pbx,
			.planv = namev, .planc = planc,
			.casev = cases.v, .casec = cases.c,
			.tagv = tags.v, .tagc = tags.c,
			.resume = opts.resume,
			.times = conf.scale, .repeat = conf.repeat,
			.files = opts.files,
		};

		status = test_node_run(cli, &order);
		goto out;
	}

	if (roster_get(&roster, opts.roster ? opts.roster : ROSTER_DEFAULT) ||
	    resume_get(&resume, opts.resume))
		goto out;

	for (; ch->planc < planc; ch->planc++)
		if (plan_get(&planv[ch->planc], namev[ch->planc]))
			goto out;

	ch->planv  = planv;
	ch->casev  = cases.v;
	ch->casec  = cases.c;
	ch->tagv   = tags.v;
	ch->tagc   = tags.c;
	conf.resume = resume;

	status = session_run(cli, &conf, roster, &opts);

 out:
	for (size_t i = 0; i < ch->planc; i++)
		mem_deref(planv[i]);
	json_decref(resume);
	mem_deref(roster);
	words_clear(&tags);
	words_clear(&cases);

	return status;
}


int test_compare(int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};
	json_t *old = NULL, *now = NULL;
	char why[512];
	int status = EXIT_BAD;

	if (options_read(optv, &argc, argv) ||
	    options_argc(argc, argv, 2, 2))
		return EXIT_BAD;

	if (report_load(&old, argv[1], why, sizeof(why)) ||
	    report_load(&now, argv[2], why, sizeof(why)))
		term_error("%s", why);
	else
		status = report_compare(term_out(), old, now) ? EXIT_FAILING
			: EXIT_GOOD;

	json_decref(old);
	json_decref(now);

	return status;
}
