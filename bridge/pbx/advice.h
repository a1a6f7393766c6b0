/**
 * @file advice.h  What a failed registration means, in plain words
 *
 * The catalogue of what PBXs answer as one table: what was seen ->
 * reason (the published texts), advice, and what to do next.
 */
#ifndef PBX_ADVICE_H
#define PBX_ADVICE_H

#include <stdbool.h>
#include <stdint.h>

struct pbx;

enum advice_action {
	ADVICE_RETRY,              /* once more at once, then back off      */
	ADVICE_BACK_OFF,           /* 30 s, doubling up to 30 min           */
	ADVICE_SLOW,               /* the same from 5 min on                */
	ADVICE_STOP,               /* until somebody edits or asks for it   */
};

struct advice {
	char reason[128];          /* "Unable to resolve URI" ...           */
	char text[512];            /* what it usually is, what to do        */
	enum advice_action action;
};

/**
 * @param err     errno of request_h, 0 when there was an answer
 * @param scode   Final answer, 0 if none
 * @param words   The PBX's reason phrase, "" if none
 * @param why     request_why() or digest's, ""
 * @param waited_s  Seconds waited, for "No response received after N seconds"
 * @param rejected  Credentials were refused after a fresh challenge
 */
void advice_make(struct advice *adv, const struct pbx *pbx, int err,
		 uint16_t scode, const char *words, const char *why,
		 unsigned waited_s, bool rejected);

/** Silence that came after refusals */
void advice_banned(struct advice *adv, const char *host);

/** Not answered: the PBX asks for a proof in another realm */
void advice_realm(struct advice *adv, const char *asked, const char *ours,
		  bool configured);

/** Not sent, so that the PBX does not ban us */
void advice_held(struct advice *adv, unsigned failures_per_hour);

/** Not sent, for as many are registered as the profile allows */
void advice_full(struct advice *adv, int64_t max);

/** 200, but our contact is not among the bindings, these are ("": none) */
void advice_unlisted(struct advice *adv, const char *rivals);

/** Add where a 3xx points to */
void advice_add_target(struct advice *adv, const char *target);

#endif
