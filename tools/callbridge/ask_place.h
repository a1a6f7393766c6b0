/**
 * @file ask_place.h  Where the service is that is asked
 */
#ifndef CALLBRIDGE_ASK_PLACE_H
#define CALLBRIDGE_ASK_PLACE_H

#include <limits.h>

#include "cli.h"
#include "portal-api/sync/web.h"

struct ask_place {
	char path[PATH_MAX];       /* of its socket, or its URL             */
	struct web_conf conf;      /* refers to path                        */
	const char *bearer;        /* borrowed of the command line, NULL    */
	char *url;                 /* owned: of what is asked for           */
};

/**
 * By its socket here, or by a URL and a token from elsewhere
 *
 * @param target  Path and query
 *
 * @return 0, then mem_deref(place->url) is due; EINVAL (told), ENOMEM
 */
int ask_place(const struct cli *cli, struct ask_place *place,
	      const char *target);

/** There is no answer: one line says why */
void ask_tell_silence(const struct ask_place *place,
		      const struct web_reply *reply);

#endif
