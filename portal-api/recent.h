/**
 * @file recent.h  Answers of the last moment, for all who ask the same
 *
 * A page asks how things are whenever something has happened, and many pages
 * are open. What has to be counted for that is counted for the first of them;
 * who asks soon after, or meanwhile, has the same answer. Nothing takes an
 * answer back: it is over when its time is.
 */
#ifndef PORTAL_RECENT_H
#define PORTAL_RECENT_H

struct recent;                     /* recent_alloc/recent_free */

/**
 * @param ms  How long before it was asked for an answer may have been begun
 *
 * @return 0, ENOMEM
 */
int recent_alloc(struct recent **rp, unsigned ms);

/** Nobody may use it any more. NULL is fine */
void recent_free(struct recent *r);

/** Works the answer out. Called without a lock, in the thread that asks.
    @param textp  Takes the answer, of malloc(). @return 0, errno */
typedef int (recent_make_h)(char **textp, void *arg);

/**
 * An answer. Any thread may ask; it waits while another one works out what it
 * may have
 *
 * @param key    What is asked, and whatever else the answer depends on:
 *               whose it is
 * @param h      Called if there is none. What fails is told this caller alone
 * @param textp  Takes the answer, to be freed by free()
 *
 * @return 0, ENOMEM, or what the handler returned
 */
int recent_get(struct recent *r, const char *key, recent_make_h *h, void *arg,
	       char **textp);

#endif
