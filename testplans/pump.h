/**
 * @file pump.h  Waiting for conditions while sockets are read
 *
 * A run does one thing after the other: it tells somebody to do something,
 * then waits until a condition holds. While it waits, whatever comes in is
 * read here. Another thread may post a token, or stop the waiting.
 */
#ifndef TESTPLANS_PUMP_H
#define TESTPLANS_PUMP_H

#include "bridge/base/libre.h"

struct pump;

enum { PUMP_SOURCES = 16, PUMP_FINE_MS = 10 };

/** Something is there to be read */
typedef void (pump_read_h)(void *arg);

/** @return true when there is nothing more to wait for */
typedef bool (pump_done_h)(void *arg);

int  pump_alloc(struct pump **pumpp);

/** @return 0, ENOSPC too many sources */
int  pump_add(struct pump *pump, int fd, pump_read_h *readh, void *arg);
void pump_remove(struct pump *pump, int fd);

/**
 * Read what comes until a condition holds. It is tested after whatever came,
 * and every PUMP_FINE_MS
 *
 * @param ms  At most so long
 *
 * @return 0, ETIMEDOUT, ECANCELED after pump_cancel()
 */
int  pump_until(struct pump *pump, uint64_t ms, pump_done_h *doneh,
		void *arg);

/** Go on for so long. @return 0, ECANCELED */
int  pump_for(struct pump *pump, uint64_t ms);

/** No wait lasts any longer. From any thread and from signal handlers */
void pump_cancel(struct pump *pump);
bool pump_is_cancelled(const struct pump *pump);

/** Waits work again, for cleaning up after a cancel; once and for all */
void pump_linger(struct pump *pump);

/** Post a token. From any thread */
void pump_post(struct pump *pump, char token);

/** Take the last token that was posted, 0 if none */
char pump_token(struct pump *pump);

/**
 * How late this thread was woken at worst, since this was asked last: a
 * machine that is so busy is a bad judge of voice
 */
uint32_t pump_late_ms(struct pump *pump);

/** Monotonic clock */
uint64_t pump_ms(void);

#endif
