/**
 * @file run_live.h  What a test that runs tells, to whoever looks on
 *
 * Who comes late is told all that was before. For the portal's thread.
 */
#ifndef PORTAL_RUN_LIVE_H
#define PORTAL_RUN_LIVE_H

#include <stdint.h>

struct json_t;
struct request;
struct run_live;                   /* a libre memory object */

/** @return 0, ENOMEM */
int run_live_alloc(struct run_live **lp);

/** A line that the program has told; what is no event is left out */
void run_live_line(struct run_live *live, const char *line);

/** The same, of our own. @param json  Taken; its "event" is the name */
void run_live_tell(struct run_live *live, struct json_t *json);

/** Answer a request with all of it, and with what follows */
void run_live_stream(struct run_live *live, struct request *rq);

/** Now and then: send signs of life, close who does not read */
void run_live_tick(struct run_live *live);

/** Number of the question that waits for an answer, 0: none */
uint32_t run_live_question(const struct run_live *live);

/** For how long it has waited */
uint64_t run_live_waits_ms(const struct run_live *live);

/** It has been answered */
void run_live_answered(struct run_live *live);

#endif
