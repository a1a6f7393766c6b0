/**
 * @file record.c  What is written down about a call, before it is answered
 */
#include <stdio.h>
#include <sys/time.h>

#include "bridge/base/log.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/trace.h"
#include "call_core.h"
#include "cause.h"


static int64_t wall_ms(void)
{
	struct timeval tv;

	(void)gettimeofday(&tv, NULL);

	return (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000;
}


/** Lengths come from the monotonic clock: a clock step must not make a call
    longer or shorter */
static int64_t now_ms(const struct call *call)
{
	return call->rec.start_ms +
		(int64_t)((clock_us() - call->start_us) / 1000);
}


static void tell(struct call *call)
{
	++call->rec.version;
	call->calls->recordh(&call->rec, call->calls->arg);
}


static void record_init(struct call_record *rec, const struct route *route)
{
	char id[33];

	token_random(id, 32);
	memset(rec, 0, sizeof(*rec));
	str_ncpy(rec->id, id, sizeof(rec->id));
	rec->start_ms = wall_ms();
	rec->direction = route->direction;
	rec->state = CALL_TRYING;
	str_ncpy(rec->caller_name, route->caller.name,
		 sizeof(rec->caller_name));

	/* both as Teams has them: one number for one person in all records */
	if (route->direction == CALL_FROM_PBX && route->callee[0]) {
		str_ncpy(rec->caller, route->caller.number,
			 sizeof(rec->caller));
		str_ncpy(rec->callee, route->callee, sizeof(rec->callee));
	}
	else {
		str_ncpy(rec->caller, route->caller_raw, sizeof(rec->caller));
		str_ncpy(rec->callee, route->callee_raw, sizeof(rec->callee));
	}

	if (route->acc) {
		const struct user *user = account_user(route->acc);

		str_ncpy(rec->tenant, account_tenant(route->acc)->tenant,
			 sizeof(rec->tenant));
		str_ncpy(rec->pbx, user->pbx, sizeof(rec->pbx));
		str_ncpy(rec->upn, user->upn, sizeof(rec->upn));
	}
	else if (route->trunk) {
		str_ncpy(rec->tenant, trunk_tenant(route->trunk),
			 sizeof(rec->tenant));
	}
}


void record_start(struct call *call, const struct route *route)
{
	struct call_side *to, *from;

	record_init(&call->rec, route);
	call->start_us = clock_us();

	from = route->direction == CALL_FROM_TEAMS ?
		&call->rec.teams : &call->rec.pbxside;
	to = route->direction == CALL_FROM_TEAMS ?
		&call->rec.pbxside : &call->rec.teams;

	str_ncpy(from->number, route->caller_raw, sizeof(from->number));
	str_ncpy(to->number, route->callee, sizeof(to->number));

	tell(call);
}


void record_refused(struct calls *calls, const struct route *route,
		    const struct sip_msg *msg)
{
	struct call_record rec;
	struct call_side *from;

	record_init(&rec, route);
	from = route->direction == CALL_FROM_TEAMS ? &rec.teams : &rec.pbxside;
	re_snprintf(from->callid, sizeof(from->callid), "%r", &msg->callid);
	rec.state = CALL_ENDED;
	rec.end_ms = rec.start_ms;
	rec.scode = route->scode;
	rec.version = 1;
	str_ncpy(rec.reason, route->reason, sizeof(rec.reason));
	str_ncpy(rec.advice, route->advice, sizeof(rec.advice));
	str_ncpy(rec.ended_by, "bridge", sizeof(rec.ended_by));

	info("call", rec.id, "%s -> %s refused: %u %s", rec.caller, rec.callee,
	     rec.scode, rec.reason);
	calls->recordh(&rec, calls->arg);

	if (calls->conf.trace) {
		trace_tag(calls->conf.trace, from->callid, rec.id);
		if (route->acc)
			trace_tag(calls->conf.trace, from->callid,
				  account_aor(route->acc));
	}
}


/** Remember which Call-IDs belong to the call, for traces */
static void tag(struct call *call, const struct leg *leg,
		struct call_side *side)
{
	struct trace *trace = call->calls->conf.trace;

	if (!leg || !str_cmp(side->callid, leg_callid(leg)))
		return;

	str_ncpy(side->callid, leg_callid(leg), sizeof(side->callid));
	if (!trace)
		return;

	trace_tag(trace, side->callid, call->rec.id);
	trace_tag(trace, side->callid, account_aor(call->acc));
}


static void callids(struct call *call)
{
	tag(call, call->legv[SIDE_TEAMS], &call->rec.teams);
	tag(call, call->legv[SIDE_PBX], &call->rec.pbxside);
}


static void quality(struct call *call, enum side side)
{
	struct call_side *cs = side == SIDE_TEAMS ?
		&call->rec.teams : &call->rec.pbxside;
	struct stream_stats st;
	double loss;

	if (!call->stream)
		return;

	stream_stats(call->stream, side, &st);
	cs->rx_packets = st.rx_packets;
	cs->tx_packets = st.tx_packets;
	cs->rx_lost = st.rx_lost;
	cs->jitter_us = st.jitter_us;
	cs->rtt_us = st.rtt_us;

	if (!st.rx_packets)
		return;

	loss = 1000.0 * (double)st.rx_lost /
		(double)(st.rx_packets + st.rx_lost);
	cs->mos = quality_mos(st.rtt_us / 2000.0 + 2 * st.jitter_us / 1000.0,
			      loss, cs->codec);
}


void record_ringing(struct call *call)
{
	callids(call);
	call->rec.state = CALL_RINGING;
	if (!call->rec.ring_ms)
		call->rec.ring_ms = now_ms(call);

	info("call", call->rec.id, "rings");
	tell(call);
}


void record_answered(struct call *call, const char *codec)
{
	callids(call);
	call->rec.state = CALL_ANSWERED;
	call->rec.answer_ms = now_ms(call);
	call->rec.scode = 200;
	/* passed through, so it is the same on both sides */
	str_ncpy(call->rec.teams.codec, codec, sizeof(call->rec.teams.codec));
	str_ncpy(call->rec.pbxside.codec, codec,
		 sizeof(call->rec.pbxside.codec));

	info("call", call->rec.id, "answered");
	tell(call);
}


void record_ended(struct call *call, const char *by, uint16_t scode,
		  const char *reason, const char *advice)
{
	struct call_record *rec = &call->rec;

	callids(call);
	quality(call, SIDE_TEAMS);
	quality(call, SIDE_PBX);

	rec->state = CALL_ENDED;
	rec->end_ms = now_ms(call);
	rec->scode = scode;
	str_ncpy(rec->ended_by, by, sizeof(rec->ended_by));
	str_ncpy(rec->reason, reason, sizeof(rec->reason));
	str_ncpy(rec->advice, advice, sizeof(rec->advice));

	info("call", rec->id, "%s -> %s ended by %s: %u %s", rec->caller,
	     rec->callee, by, scode, reason);
	tell(call);
}
