/**
 * @file kills.h  Somebody who imports the journal, and is killed at it
 */
#ifndef TEST_STORE_KILLS_H
#define TEST_STORE_KILLS_H

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"


/** Imports little by little and says so each time */
static inline void import_child(const struct world *w, size_t lines,
				int fd)
{
	struct store *st;
	size_t c;

	if (store_open(&st, w->url, false, NULL, w->errs))
		_exit(1);

	do {
		if (store_import(st, "n1", w->folder, lines, &c))
			_exit(2);
		if (write(fd, "x", 1) != 1)
			_exit(3);
	} while (c);

	for (;;)
		(void)pause();
}


/** Kill it right after its nth word, whatever it is doing by then. A child
    must not share the server's connection: the world's store is closed
    @param lines  That it takes over at once */
static inline void import_and_kill(const struct world *w, size_t lines,
				   unsigned n)
{
	int fdv[2], status;
	char word;
	pid_t pid;

	assert_int_equal(pipe(fdv), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		import_child(w, lines, fdv[1]);

	(void)close(fdv[1]);
	while (n--)
		assert_int_equal(read(fdv[0], &word, 1), 1);

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(fdv[0]);
}

#endif
