/**
 * @file loopmark.h  A call that comes back
 *
 * Max-Forwards ends a loop after seventy rounds. Our own mark ends it at the
 * second: each INVITE that we send names, in a header that proxies let pass,
 * which users and directions it went through here.
 */
#ifndef CALL_LOOPMARK_H
#define CALL_LOOPMARK_H

#include "bridge/base/libre.h"

enum { LOOPMARK_MAX = 5 };         /* passes of one call                    */

/** Did the request go this way before, or too often at all? */
bool loopmark_is_loop(const struct sip_msg *msg, const char *way);

/** The header for the INVITE that goes on. A libre %H handler */
struct loopmark {
	const struct sip_msg *msg; /* that came in                          */
	const char *way;           /* user and direction                    */
};

int loopmark_print(struct re_printf *pf, const struct loopmark *mark);

#endif
