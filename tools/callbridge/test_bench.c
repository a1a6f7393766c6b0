/**
 * @file test_bench.c  Programs that are started for a test, and end with it
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/base/program.h"
#include "testplans/roster.h"
#include "test_cli.h"

extern char **environ;


enum { PROGRAMS = 2, READY_MS = 15000, STOP_MS = 10000, TICK_MS = 20 };


struct bench {
	pid_t pidv[PROGRAMS];
	size_t c;
};


static bool has_ended(pid_t pid, unsigned ms)
{
	for (unsigned left = ms / TICK_MS + 1; left; left--) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		(void)poll(NULL, 0, TICK_MS);
	}

	return false;
}


static void bench_destructor(void *arg)
{
	struct bench *bench = arg;

	for (size_t i = 0; i < bench->c; i++)
		(void)kill(bench->pidv[i], SIGTERM);

	for (size_t i = 0; i < bench->c; i++) {
		if (has_ended(bench->pidv[i], STOP_MS))
			continue;
		(void)kill(bench->pidv[i], SIGKILL);
		(void)waitpid(bench->pidv[i], NULL, 0);
	}
}


static int spawn(struct bench *bench, const char *name, const char *config,
		 const char *log)
{
	char path[PATH_MAX], option[] = "--config", *file = NULL;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid;
	int err;

	program_find(path, sizeof(path), name);
	err = str_dup(&file, config);
	if (err)
		return err;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	/* Ctrl-C at the terminal is ours alone: calls end first */
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null",
					       O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY |
					       O_CREAT | O_TRUNC, 0600);
	(void)posix_spawn_file_actions_adddup2(&actions, 1, 2);

	{
		char *const argv[] = {path, option, file, NULL};

		err = posix_spawnp(&pid, path, &actions, &attr, argv,
				   environ);
	}

	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	mem_deref(file);

	if (err)
		term_error("%s cannot be started: %m", path, err);
	else
		bench->pidv[bench->c++] = pid;

	return err;
}


static bool answers(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good;

	str_ncpy(sun.sun_path, path, sizeof(sun.sun_path));
	good = fd >= 0 && !connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	if (fd >= 0)
		(void)close(fd);

	return good;
}


static int program_start(struct bench *bench, const char *name,
			 const char *config, const char *socket,
			 const char *folder)
{
	char log[PATH_MAX];

	if (!config) {
		term_error("the roster says that %s is to be started, but not"
			   " with which config", name);
		return EINVAL;
	}

	if (answers(socket)) {
		term_error("%s runs already: somebody answers at %s", name,
			   socket);
		return EALREADY;
	}

	(void)re_snprintf(log, sizeof(log), "%s/%s.log", folder, name);
	if (spawn(bench, name, config, log))
		return ENOENT;

	for (unsigned i = 0; i < READY_MS / TICK_MS; i++) {
		if (answers(socket))
			return 0;

		if (waitpid(bench->pidv[bench->c - 1], NULL, WNOHANG) > 0) {
			--bench->c;
			break;
		}
		(void)poll(NULL, 0, TICK_MS);
	}

	term_error("%s does not run: see %s", name, log);

	return ETIMEDOUT;
}


int test_bench_start(struct bench **benchp, const struct roster *roster,
		     const char *socket, const char *folder)
{
	struct bench *bench = mem_zalloc(sizeof(*bench), bench_destructor);
	int err = 0;

	if (!bench)
		return EXIT_BAD;

	if (roster->teams.start)
		err = program_start(bench, "teams-sim", roster->teams.config,
				    roster->teams.control, folder);
	if (!err && roster->bridge.start)
		err = program_start(bench, "callbridged",
				    roster->bridge.config, socket, folder);

	if (err)
		mem_deref(bench);
	else
		*benchp = bench;

	return err ? EXIT_BAD : EXIT_GOOD;
}
