/**
 * @file run_process.h  The program that goes through a test
 *
 * A child of the service: what happens to it happens to no call. It tells
 * what it does as lines of JSON (`callbridge test run --events`), is answered
 * by lines, and ends when its stdin does, also when the service is killed.
 */
#ifndef PORTAL_RUN_PROCESS_H
#define PORTAL_RUN_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct run_process {
	pid_t pid;
	int in;                    /* what is written there it reads; owned */
	int out;                   /* what it tells; owned, non-blocking    */
};

/**
 * Start `callbridge`, as it lies beside the service, else as the PATH has it
 *
 * @param p       Takes it
 * @param folder  It is there; takes the file `log`, and a file `lock` that is
 *                locked (flock) until the program and all it has started have
 *                ended
 * @param argv    Its words, the last one NULL; argv[0] counts
 * @param text    What it finds at RUN_PROCESS_FILE: nothing of it is on disk
 *
 * @return 0, errno
 */
#define RUN_PROCESS_FILE "/dev/fd/3"
int run_process_start(struct run_process *p, const char *folder,
		      const char *const *argv, const char *text);

/** Has it ended? Waits for nothing */
bool run_process_ended(struct run_process *p);

/** SIGTERM, or SIGKILL; nothing if it has ended */
void run_process_kill(const struct run_process *p, bool hard);

/** Close what is open of it */
void run_process_close(struct run_process *p);

/** Does something still run that was started in this folder? */
bool run_process_is_left(const char *folder);

/** Whatever that is: SIGKILL. A telephone of a program that crashed has
    nobody else to end it. May wait for the disk */
void run_process_kill_left(const char *folder);

#endif
