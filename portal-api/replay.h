/**
 * @file replay.h  Creations that may be asked for again (Idempotency-Key)
 *
 * In a worker.
 */
#ifndef PORTAL_REPLAY_H
#define PORTAL_REPLAY_H

#include "api.h"

enum { REPLAY_HASH_SIZE = 65 };

/**
 * Was this request answered before? Then it is again
 *
 * @param hash  Takes what tells it from others, for replay_keep()
 *
 * @return true if it has been answered, also when its key is wrong
 */
bool replay(struct request *rq, char hash[REPLAY_HASH_SIZE]);

/** Remember what it is answered with, for 24 hours; nothing without a key.
    @return 0, or as store_answer_keep() */
int replay_keep(struct request *rq, const char *hash, const char *location,
		struct json_t *body);

#endif
