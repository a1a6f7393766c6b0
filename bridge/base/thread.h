/**
 * @file thread.h  A thread of the service
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/**
 * Start a thread that takes no signal: those are read by the program's loop
 *
 * @param name   As top(1) and a debugger show it; at most 15 octets
 * @param mainh  What it does
 *
 * @return 0, or errno of pthread_create(3)
 */
int thread_start(pthread_t *thread, const char *name, void *(*mainh)(void *),
		 void *arg);

#endif
