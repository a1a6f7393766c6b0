/**
 * @file postgres.h  A PostgreSQL server for one test program
 *
 * In a folder of its own, on a Unix socket there, by a user without rights:
 * the server refuses to be run by root.
 */
#ifndef TEST_POSTGRES_H
#define TEST_POSTGRES_H

#include <glob.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>


enum { NOBODY = 65534, POSTGRES_DEADLINE_S = 60 };

static char postgres_bin[256];     /* folder of its programs */
static char postgres_folder[64];
static pid_t postgres_pid;


/** @return false if it is not installed */
static inline bool postgres_find(void)
{
	glob_t found;

	if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found))
		return false;

	(void)snprintf(postgres_bin, sizeof(postgres_bin), "%s",
		       found.gl_pathv[found.gl_pathc - 1]);
	*strrchr(postgres_bin, '/') = '\0';
	globfree(&found);

	return true;
}


static inline void postgres_write(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(126);
	(void)close(fd);
}


/** Where root is root in its own namespace alone there is no other user: a
    namespace further in makes one of it */
static inline void postgres_become_nobody(void)
{
	if (geteuid())
		return;

	if (!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY))
		return;

	if (unshare(CLONE_NEWUSER))
		_exit(125);
	postgres_write("/proc/self/uid_map", "65534 0 1");
}


/** @param line  The program and its arguments, a blank between them */
static inline pid_t postgres_spawn(const char *line)
{
	char words[512], path[320], log[96];
	char *argv[24] = { NULL }, *save = NULL;
	const pid_t pid = fork();
	size_t argc = 0;
	int fd;

	if (pid)
		return pid;

	(void)snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok_r(words, " ", &save); word && argc < 23;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;

	/* its programs find each other by the path of the first */
	(void)snprintf(path, sizeof(path), "%s/%s", postgres_bin, argv[0]);
	argv[0] = path;
	(void)snprintf(log, sizeof(log), "%s/log", postgres_folder);

	postgres_become_nobody();
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 ||
	    chdir(postgres_folder))
		_exit(127);

	(void)execv(path, argv);
	_exit(127);
}


static inline void postgres_tell_log(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "tail -n 20 %s/log >&2",
		       postgres_folder);
	if (system(command))
		return;
}


/** Wait until it takes connections */
static inline bool postgres_is_up(void)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	const time_t end = time(NULL) + POSTGRES_DEADLINE_S;
	char line[256], path[96];

	(void)snprintf(path, sizeof(path), "%s/data/postmaster.pid",
		       postgres_folder);

	while (time(NULL) < end && !waitpid(postgres_pid, NULL, WNOHANG)) {
		FILE *f = fopen(path, "r");
		bool ready = false;

		while (f && fgets(line, sizeof(line), f))
			ready |= !strncmp(line, "ready", 5);
		if (f)
			(void)fclose(f);
		if (ready)
			return true;

		(void)nanosleep(&pause, NULL);
	}

	return false;
}


/** @param url  Takes what store_open() wants. @return false if it failed */
static inline bool postgres_start(char *url, size_t size)
{
	char line[512];
	int status;

	(void)snprintf(postgres_folder, sizeof(postgres_folder),
		       "/tmp/callbridge-postgres-XXXXXX");
	if (!mkdtemp(postgres_folder))
		return false;

	if (!geteuid() && chown(postgres_folder, NOBODY, NOBODY))
		(void)chmod(postgres_folder, 0777);

	(void)snprintf(line, sizeof(line), "initdb -D %s/data -A trust"
		       " -U callbridge -E UTF8 --no-locale -N",
		       postgres_folder);
	if (waitpid(postgres_spawn(line), &status, 0) < 0 || status) {
		postgres_tell_log();
		return false;
	}

	(void)snprintf(line, sizeof(line), "postgres -D %s/data -k %s"
		       " -c listen_addresses= -c fsync=off",
		       postgres_folder, postgres_folder);
	postgres_pid = postgres_spawn(line);
	if (!postgres_is_up()) {
		postgres_tell_log();
		return false;
	}

	(void)snprintf(url, size, "postgresql://callbridge@/postgres?host=%s",
		       postgres_folder);

	return true;
}


static inline void postgres_stop(void)
{
	if (postgres_pid) {
		(void)kill(postgres_pid, SIGQUIT);
		(void)waitpid(postgres_pid, NULL, 0);
	}

	if (*postgres_folder)
		(void)nftw(postgres_folder, folder_entry, 8,
			   FTW_DEPTH | FTW_PHYS);
}

#endif
