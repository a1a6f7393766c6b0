/**
 * @file history.h  Who redirected a call before it came here
 *
 * Read from History-Info (RFC 7044, as Teams sends it) or Diversion (RFC
 * 5806, as PBXs send it), written as either (RFC 7544 tells how one becomes
 * the other).
 */
#ifndef CALL_HISTORY_H
#define CALL_HISTORY_H

#include "bridge/base/libre.h"

enum { HISTORY_MAX = 8 };

/** A party that the call was for before it was sent on */
struct redirecting {
	char number[64];           /* user part, unescaped                  */
	char name[96];             /* UTF-8, "" none                        */
	uint16_t cause;            /* RFC 4458: 302 unconditional, 486 busy,
				      408 no answer, 480, 487 deflected, 503
				      not reachable, 404 not known          */
	bool hidden;               /* wants not to be shown                 */
};

struct history {
	struct redirecting v[HISTORY_MAX];     /* the first called first    */
	size_t c;                  /* kept                                  */
	size_t count;              /* ... of so many                        */
};

/** Read from a request; c is 0 if it was not redirected */
void history_read(struct history *history, const struct sip_msg *msg);

/** The party that sent the call here; NULL: not redirected */
const struct redirecting *history_last(const struct history *history);

/**
 * Diversion headers, the latest first, or nothing. Libre %H handlers; the
 * numbers are as they shall stand
 */
struct history_print {
	const struct history *history;
	const char *host;          /* of their URIs                         */
	const char *target;        /* number that is called now             */
};

int history_print_diversion(struct re_printf *pf,
			    const struct history_print *hp);
int history_print_info(struct re_printf *pf, const struct history_print *hp);

#endif
