/**
 * @file run_process.c  The program that goes through a test
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/program.h"
#include "run_process.h"

extern char **environ;


enum { FILE_FD = 3, LOCK_FD = 4, FDS = 5, ABOVE = 16 };

/** Descriptors while it is started; -1: none */
struct fds {
	int inv[2], outv[2], file, lock;
};


static void pipe_end_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}


static void fds_close(struct fds *f)
{
	pipe_end_close(&f->inv[0]);
	pipe_end_close(&f->inv[1]);
	pipe_end_close(&f->outv[0]);
	pipe_end_close(&f->outv[1]);
	pipe_end_close(&f->file);
	pipe_end_close(&f->lock);
}


/** Out of the way of the numbers that the child wants. @return 0, errno */
static int fd_raise(int *fd)
{
	const int high = *fd < 0 ? -1 : fcntl(*fd, F_DUPFD_CLOEXEC, ABOVE);

	if (high < 0)
		return errno;

	(void)close(*fd);
	*fd = high;

	return 0;
}


static int text_open(int *fd, const char *text)
{
	const size_t l = strlen(text);
	size_t n = 0;

	*fd = memfd_create("test", MFD_CLOEXEC);
	if (*fd < 0)
		return errno;

	while (n < l) {
		const ssize_t done = write(*fd, text + n, l - n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? errno : EIO;
		n += (size_t)done;
	}

	return 0;
}


static int lock_open(int *fd, const char *folder, int flags)
{
	char path[PATH_MAX];

	if (re_snprintf(path, sizeof(path), "%s/lock", folder) < 0)
		return ENAMETOOLONG;

	*fd = open(path, flags | O_CLOEXEC, 0600);

	return *fd < 0 ? errno : 0;
}


static int fds_open(struct fds *f, const char *folder, const char *text)
{
	int err = 0;

	*f = (struct fds){ {-1, -1}, {-1, -1}, -1, -1 };

	if (pipe2(f->inv, O_CLOEXEC) || pipe2(f->outv, O_CLOEXEC))
		err = errno;
	if (!err)
		err = text_open(&f->file, text);
	if (!err)
		err = lock_open(&f->lock, folder, O_RDWR | O_CREAT);
	if (!err && flock(f->lock, LOCK_EX | LOCK_NB))
		err = errno;
	if (!err)
		err = fd_raise(&f->inv[0]);
	if (!err)
		err = fd_raise(&f->outv[1]);
	if (!err)
		err = fd_raise(&f->file);
	if (!err)
		err = fd_raise(&f->lock);
	if (!err && (fcntl(f->inv[1], F_SETFL, O_NONBLOCK) ||
		     fcntl(f->outv[0], F_SETFL, O_NONBLOCK)))
		err = errno;

	return err;
}


static int actions_add(posix_spawn_file_actions_t *a, const struct fds *f,
		       const char *log)
{
	int err;

	err = posix_spawn_file_actions_adddup2(a, f->inv[0], STDIN_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(a, f->outv[1],
						       STDOUT_FILENO);
	if (!err)
		err = posix_spawn_file_actions_addopen(a, STDERR_FILENO, log,
						       O_WRONLY | O_CREAT |
						       O_TRUNC, 0600);
	if (!err)
		err = posix_spawn_file_actions_adddup2(a, f->file, FILE_FD);
	if (!err)
		err = posix_spawn_file_actions_adddup2(a, f->lock, LOCK_FD);

	/* a socket of ours that lives on in it would keep our port */
	return err ? err : posix_spawn_file_actions_addclosefrom_np(a, FDS);
}


static int spawn(pid_t *pid, const struct fds *f, const char *log,
		 const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	char path[PATH_MAX];
	int err;

	program_find(path, sizeof(path), "callbridge");
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
				       POSIX_SPAWN_SETSIGMASK |
				       POSIX_SPAWN_SETSIGDEF);

	err = actions_add(&actions, f, log);
	if (!err)
		err = posix_spawnp(pid, path, &actions, &attr,
				   (char *const *)(uintptr_t)argv, environ);

	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);

	return err;
}


int run_process_start(struct run_process *p, const char *folder,
		      const char *const *argv, const char *text)
{
	char log[PATH_MAX];
	struct fds fds;
	pid_t pid;
	int err;

	if (re_snprintf(log, sizeof(log), "%s/log", folder) < 0)
		return ENAMETOOLONG;

	err = fds_open(&fds, folder, text);
	if (!err)
		err = spawn(&pid, &fds, log, argv);
	if (!err) {
		p->pid = pid;
		p->in  = fds.inv[1];
		p->out = fds.outv[0];
		fds.inv[1] = fds.outv[0] = -1;
	}
	fds_close(&fds);

	return err;
}


bool run_process_ended(struct run_process *p)
{
	pid_t pid;

	if (!p->pid)
		return true;

	do
		pid = waitpid(p->pid, NULL, WNOHANG);
	while (pid < 0 && errno == EINTR);

	if (!pid)
		return false;

	p->pid = 0;

	return true;
}


void run_process_kill(const struct run_process *p, bool hard)
{
	if (p->pid)
		(void)kill(p->pid, hard ? SIGKILL : SIGTERM);
}


void run_process_close(struct run_process *p)
{
	pipe_end_close(&p->in);
	pipe_end_close(&p->out);
}


bool run_process_is_left(const char *folder)
{
	bool left;
	int fd;

	if (lock_open(&fd, folder, O_RDWR))
		return false;

	left = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
	(void)close(fd);

	return left;
}


/** Has it this file open? As far as we may see */
static bool has_open(const char *pid, const char *file)
{
	char path[PATH_MAX], link[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	(void)re_snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;

	while (!found && (entry = readdir(dir))) {
		ssize_t n;

		(void)re_snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid,
				  entry->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		found = !strcmp(link, file);
	}
	(void)closedir(dir);

	return found;
}


void run_process_kill_left(const char *folder)
{
	char path[PATH_MAX], whole[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	if (re_snprintf(path, sizeof(path), "%s/lock", folder) < 0 ||
	    !realpath(path, whole))
		return;

	dir = opendir("/proc");
	if (!dir)
		return;

	while ((entry = readdir(dir))) {
		const int pid = atoi(entry->d_name);

		if (pid > 1 && pid != getpid() &&
		    has_open(entry->d_name, whole))
			(void)kill(pid, SIGKILL);
	}
	(void)closedir(dir);
}
