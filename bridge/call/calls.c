/**
 * @file calls.c  All calls of a node
 */
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/sip/strans.h"
#include "call_core.h"


static void destructor(void *arg)
{
	struct calls *calls = arg;

	list_flush(&calls->calll);
}


int calls_alloc(struct calls **callsp, const struct calls_conf *conf,
		calls_record_h *recordh, void *arg)
{
	struct calls *calls;

	calls = mem_zalloc(sizeof(*calls), destructor);
	if (!calls)
		return ENOMEM;

	calls->conf = *conf;
	calls->recordh = recordh;
	calls->arg = arg;
	*callsp = calls;

	return 0;
}


static void refuse(struct calls *calls, struct strans *st,
		   struct route *route, const struct sip_msg *msg)
{
	record_refused(calls, route, msg);
	strans_reject(st, route->scode, route->reason);
}


void calls_request(struct calls *calls, struct strans *st,
		   const struct sip_msg *msg)
{
	struct route route;

	route_find(calls, &route, msg);

	if (calls->draining && !route.scode) {
		route.scode  = 503;
		route.reason = "Service Unavailable";
		route.advice = "The bridge is stopping and takes no new "
			"calls.";
	}

	if (route.scode)
		refuse(calls, st, &route, msg);
	else if (route.direction == CALL_FROM_TEAMS ||
		 !replaces_request(calls, &route, st, msg))
		(void)call_start(calls, &route, st, msg);
}


size_t calls_count(const struct calls *calls)
{
	return list_count(&calls->calll);
}


void calls_drain(struct calls *calls, calls_done_h *doneh, void *arg)
{
	calls->draining = true;

	if (list_isempty(&calls->calll)) {
		doneh(arg);
		return;
	}

	calls->doneh = doneh;
	calls->done_arg = arg;
}


void calls_end_all(struct calls *calls, const char *why)
{
	struct le *le;

	while ((le = list_head(&calls->calll)))
		call_end(le->data, "bridge", 503, why);
}
