/**
 * @file bucket.h  A token bucket: how many a second, and how many at once
 *
 * `burst` may go after a quiet time, then `per_second`. Whoever asks brings
 * the rate along, which may change between two questions.
 */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

enum { BUCKET_TOKEN = 1000 };      /* thousandths: a turn                  */

struct bucket {
	uint64_t filled_ms;        /* when it was looked at                */
	uint64_t tokens;           /* thousandths                          */
};


static inline void bucket_init(struct bucket *bucket, uint32_t burst,
			       uint64_t now_ms)
{
	bucket->filled_ms = now_ms;
	bucket->tokens    = (uint64_t)burst * BUCKET_TOKEN;
}


/** What is above `burst` whole turns is the beginning of the next one */
static inline void bucket_fill(struct bucket *bucket, uint32_t per_second,
			       uint32_t burst, uint64_t now_ms)
{
	const uint64_t full = (uint64_t)burst * BUCKET_TOKEN +
		BUCKET_TOKEN - 1;

	/* per_second tokens a second are so many thousandths a ms */
	bucket->tokens += (now_ms - bucket->filled_ms) * per_second;
	if (bucket->tokens > full)
		bucket->tokens = full;

	bucket->filled_ms = now_ms;
}


/** @param keep  Turns that are others' */
static inline bool bucket_has(const struct bucket *bucket, uint32_t keep)
{
	return bucket->tokens >= ((uint64_t)keep + 1) * BUCKET_TOKEN;
}


/** One turn. @return false if there is none */
static inline bool bucket_take(struct bucket *bucket, uint32_t keep)
{
	if (!bucket_has(bucket, keep))
		return false;

	bucket->tokens -= BUCKET_TOKEN;

	return true;
}

#endif
