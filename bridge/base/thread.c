/**
 * @file thread.c  A thread of the service
 */
#include <signal.h>

#include "thread.h"


int thread_start(pthread_t *thread, const char *name, void *(*mainh)(void *),
		 void *arg)
{
	sigset_t all, old;
	int err;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, mainh, arg);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);

	if (!err)
		(void)pthread_setname_np(*thread, name);

	return err;
}
