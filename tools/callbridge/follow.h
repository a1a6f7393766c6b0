/**
 * @file follow.h  Looking on at a test that runs at the service
 */
#ifndef CALLBRIDGE_FOLLOW_H
#define CALLBRIDGE_FOLLOW_H

#include "cli.h"

struct json_t;

/** Something was told (docs/api.md). @param json  Borrowed */
typedef void (follow_event_h)(const struct json_t *json, void *arg);

/**
 * Listen until it is over
 *
 * Events that were told before come first. A connection that breaks is made
 * again. Questions are answered from standard input by who sits there, if
 * nobody else does. Ctrl-C stops the test; once more, and it is left alone.
 *
 * @param id  Of the test
 *
 * @return EXIT_GOOD it is over and its report can be fetched; EXIT_BAD (told)
 */
int follow(const struct cli *cli, const char *id, follow_event_h *eventh,
	   void *arg);

#endif
