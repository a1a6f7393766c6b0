/**
 * @file sessions.h  Who is signed in, and who tries too often
 *
 * Kept in memory: a session ends with the service. Any thread may ask.
 */
#ifndef PORTAL_SESSIONS_H
#define PORTAL_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/store/store.h"

struct request;
struct sessions;                   /* sessions_alloc/sessions_free */

enum { SESSION_TEXT = 44 };        /* 32 octets of chance, base64url */

/** What whoever has signed in is told */
struct session_news {
	char id[SESSION_TEXT];     /* for the cookie */
	char csrf[SESSION_TEXT];
	int64_t expires_ms;
};

/** @return 0, ENOMEM */
int  sessions_alloc(struct sessions **sp);
void sessions_free(struct sessions *s);

/** Somebody has signed in. @return 0, ENOMEM, EIO no chance to be had */
int sessions_add(struct sessions *s, const struct store_grant *grant,
		 struct session_news *news);

/** Whose session is it, by the request's cookie? It counts as used */
bool sessions_find(struct sessions *s, const struct request *rq,
		   struct store_grant *grant);

/** What was told when the request's session began. @return false: none */
bool sessions_news(struct sessions *s, const struct request *rq,
		   struct session_news *news);

/** Does the request bring its session's CSRF text? */
bool sessions_csrf_is(struct sessions *s, const struct request *rq);

/** End the request's session */
void sessions_end(struct sessions *s, const struct request *rq);

/** End all of an admin, but for the request's own (NULL: none) */
void sessions_end_all(struct sessions *s, const char *name,
		      const struct request *but);

/**
 * May somebody try to sign in as this admin, from this address?
 *
 * Five failures of either are free; after each one more the wait is twice as
 * long, 1 s to 15 minutes.
 *
 * @return 0, or seconds to wait
 */
unsigned sessions_wait(struct sessions *s, const char *name,
		       const char *address);

/** How it went */
void sessions_tried(struct sessions *s, const char *name,
		    const char *address, bool good);

/**
 * May somebody at this address see what needs no sign-in? Counts it
 *
 * @return 0, or seconds to wait: it was 60 times in this minute
 */
unsigned sessions_view(struct sessions *s, const char *address);

/** A one-time code, good for an hour; a new one ends the one before.
    @return 0, EIO */
int sessions_code_make(struct sessions *s, char code[SESSION_TEXT]);

/** Is it that one? Then it is used up */
bool sessions_code_take(struct sessions *s, const char *code);

/** 256 bits of chance as text. @return 0, EIO */
int sessions_chance(char text[SESSION_TEXT]);

/** Name of the cookie */
const char *sessions_cookie(const struct request *rq);

#endif
