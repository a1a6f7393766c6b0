/**
 * @file events.h  What happens, for the program that started us
 */
#ifndef CALLBRIDGE_EVENTS_H
#define CALLBRIDGE_EVENTS_H

#include "cli.h"

struct json_t;
struct run_event;

/** One line of JSON to stdout. @param json  Taken */
void events_line(struct json_t *json);

/** What happens in a test (docs/testplans.md) */
void events_run(const struct run_event *ev);

/** End for good if putting everything back takes too long. For signal
    handlers too */
void events_end_soon(void);

/** SIGTERM when stdin ends, for who reads nothing from it. @return 0, errno
    of pthread_create(3) */
int events_leash(void);

#endif
