/**
 * @file causes.h  Why calls failed
 */
#ifndef PORTAL_CAUSES_H
#define PORTAL_CAUSES_H

#include <stdint.h>

struct json_t;
struct request;

/**
 * The newest 1,000 calls that failed, those with the same cause together,
 * most first. In a worker. Each record is read, so the answer is good for all
 * who ask within some seconds (recent.h)
 *
 * @param key      Whose it is, as of recent_get()
 * @param from_ms  That began since
 * @param listp    Takes [{"what", "advice", "count", "call"}]: words, and the
 *                 id of the newest of them; what was there is let go of
 *
 * @return 0, ENOMEM, or of the store
 */
int causes_find(struct request *rq, const char *key, int64_t from_ms,
		struct json_t **listp);

#endif
