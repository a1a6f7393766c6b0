/**
 * @file trunks.c  The trunks to Teams
 */
#include <jansson.h>

#include "bridge/base/libre.h"
#include "bridge/store/live.h"
#include "api.h"


struct ask {
	struct request *rq;
	struct listing *list;
};


static int trunk_list(const struct trunk_status *st, void *arg)
{
	const struct ask *ask = arg;

	if (!query_matches(ask->rq, "tenant", st->tenant))
		return 0;

	return listing_add(ask->list, trunk_status_json(st));
}


void trunks_get(struct request *rq)
{
	static const char *const memberv[] = { "tenant", "fqdn", "proxy",
					       "up", "since_s", "rtt_ms" };
	struct ask ask = {.rq = rq, .list = listing_begin(rq, "trunks")};

	if (!ask.list || !listing_sort(ask.list, memberv,
				       RE_ARRAY_SIZE(memberv)))
		return;

	listing_end(ask.list, live_trunk_apply(portal_conf(rq->portal)->live,
					       trunk_list, &ask));
}
