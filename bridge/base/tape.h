/**
 * @file tape.h  The voice of a call, kept for a while because somebody asked
 *
 * A tape is one block of memory, made before, that a stream's packets are
 * copied into as they came, decrypted, and as they went, before they were
 * encrypted. It is filled from the front and never again from there: so one
 * thread writes and any may read, without a lock. It ends with its time or its
 * room, whichever is first. What was pressed is masked in telephone events,
 * for digits may be PINs.
 *
 * `struct tapes` has those of a node: what was asked for, and tapes of so
 * much memory at most; in memory alone, never in a file. Its functions may be
 * called in any thread; a lock is held for moments.
 */
#ifndef BASE_TAPE_H
#define BASE_TAPE_H

#include "libre.h"

enum {
	TAPE_SIDES       = 2,
	TAPE_SECONDS_MAX = 600,
	TAPE_KEPT_S      = 900,    /* after its time is over                */
};

struct tape;
struct tapes;

struct tape_packet {
	uint64_t time_us;          /* wall clock, microseconds since 1970   */
	unsigned side;
	bool tx;                   /* true: we sent it                      */
	struct sa local, peer;
	const uint8_t *p;          /* RTP; borrowed from the tape           */
	size_t size;
};

/** @param limit  Octets of all tapes together; 0: nothing is ever kept */
int tapes_alloc(struct tapes **tapesp, size_t limit);
/* mem_deref(tapes) when no tape is in anybody's hands any more */

/** Is anything ever kept? */
bool tapes_are_on(const struct tapes *tapes);

/**
 * Keep the voice of a call, or of each call of a user, from now on
 *
 * @param tenant   Whose
 * @param subject  A call's id, or a user's Microsoft name
 * @param seconds  1..TAPE_SECONDS_MAX, from now on
 *
 * @return 0, ENOTSUP nothing is kept at this node, EINVAL, EAGAIN too much is
 *         asked for already
 */
int tapes_order(struct tapes *tapes, const char *tenant, const char *subject,
		uint32_t seconds);

/** Is the voice of exactly this subject asked for? A call that runs takes
    notice within a second or so: until then there is no tape of it */
bool tapes_are_asked(struct tapes *tapes, const char *tenant,
		     const char *subject);

/** Stop, and throw away what there is of the subject. @return 0, ENOENT */
int tapes_cancel(struct tapes *tapes, const char *tenant,
		 const char *subject);

/**
 * A tape for a call that runs, if it is asked for and has none
 *
 * @param localv  Our addresses
 * @param left_s  Takes how long it runs
 *
 * @return tape, to be let go by tape_unref(); NULL: none
 */
struct tape *tapes_take(struct tapes *tapes, const char *tenant,
			const char *id, const char *upn,
			const struct sa localv[TAPE_SIDES], uint32_t *left_s);

/** What is over for TAPE_KEPT_S goes. To be called now and then */
void tapes_sweep(struct tapes *tapes);

/** The i-th tape of a call or user, counted from 0, oldest first; NULL none.
    To be let go by tape_unref() */
struct tape *tapes_find(struct tapes *tapes, const char *tenant,
			const char *subject, size_t i);

/** Let go; the last one to do so wipes it. Any thread. NULL is fine */
void tape_unref(struct tape *tape);

/**
 * Keep a packet; for the one thread that writes
 *
 * @param digit   Where in the packet a digit stands, that is masked; 0: there
 *                is none
 * @param now_us  Monotonic
 */
void tape_add(struct tape *tape, unsigned side, bool tx,
	      const struct sa *peer, const uint8_t *p, size_t size,
	      size_t digit, uint64_t now_us);

/** The packet at *at, which begins with 0 and is moved on. In any thread.
    @return false: no more, so far */
bool tape_next(const struct tape *tape, size_t *at, struct tape_packet *pkt);

#endif
