/**
 * @file calls.c  All calls of a node
 */
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "call_core.h"
#include "dnd.h"


static void destructor(void *arg)
{
	struct calls *calls = arg;

	watch_stop(calls);
	list_flush(&calls->calll);
	mem_deref(calls->policies);
	mem_deref(calls->dnd);
	list_flush(&calls->expectl);
}


int calls_alloc(struct calls **callsp, const struct calls_conf *conf,
		calls_record_h *recordh, void *arg)
{
	struct calls *calls;
	int err;

	calls = mem_zalloc(sizeof(*calls), destructor);
	if (!calls)
		return ENOMEM;

	err = policies_alloc(&calls->policies);
	if (!err)
		err = dnd_alloc(&calls->dnd);
	if (err) {
		mem_deref(calls);
		return err;
	}

	calls->conf = *conf;
	calls->recordh = recordh;
	calls->arg = arg;
	watch_start(calls);
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

	/* goes on with a call that there is, also while draining */
	if (replaces_request(calls, st, msg))
		return;

	route_find(calls, &route, msg);

	if (calls->draining && !route.scode) {
		route.scode  = 503;
		route.reason = "Service Unavailable";
		route.advice = "The bridge is stopping and takes no new "
			"calls.";
	}

	if (!route.scode)
		(void)route_enter(calls, &route);

	if (route.scode)
		refuse(calls, st, &route, msg);
	else
		(void)call_start(calls, &route, st, msg);

	mem_deref(route.seat);
}


int calls_quiet_set(struct calls *calls, const char *tenant, uint16_t scode,
		    const struct strings *upns, uint32_t valid_s)
{
	return dnd_set(calls->dnd, tenant, scode, upns,
		       wheel_now(stack_wheel(calls->conf.stack)) +
		       (uint64_t)valid_s * 1000);
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
