/**
 * @file record.c  What is written down about a call, before it is answered
 */
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/trace.h"
#include "call_core.h"
#include "codecs.h"
#include "cause.h"
#include "failure.h"
#include "negotiate.h"


/** Lengths come from the monotonic clock: a clock step must not make a call
    longer or shorter */
static int64_t now_ms(const struct call *call)
{
	return call->rec.start_ms +
		(int64_t)((clock_us() - call->start_us) / 1000);
}


void record_tell(struct call *call)
{
	++call->rec.version;
	call->calls->recordh(&call->rec, call->calls->arg);
}


void record_note(struct call *call, enum call_topic topic,
		 enum call_where where, const char *fmt, ...)
{
	char text[CALL_DECISION_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	call_record_note(&call->rec, (uint32_t)((clock_us() -
			 call->start_us) / 1000), topic, where, text);
}


/** What was decided before there was a call */
static void notes_take(struct call_record *rec, const struct route *route)
{
	for (size_t i = 0; i < route->notec; i++)
		call_record_note(rec, 0, route->notev[i].topic,
				 route->notev[i].where, route->notev[i].text);
}


static struct call_side *side_of(struct call_record *rec, enum side side)
{
	return side == SIDE_TEAMS ? &rec->teams : &rec->pbxside;
}


static void record_init(struct call_record *rec, const struct route *route)
{
	char id[33];

	token_random(id, 32);
	memset(rec, 0, sizeof(*rec));
	str_ncpy(rec->id, id, sizeof(rec->id));
	rec->start_ms = clock_wall_ms();
	rec->direction = route->direction;
	rec->state = CALL_TRYING;
	str_ncpy(rec->caller_name, route->caller.name,
		 sizeof(rec->caller_name));

	str_ncpy(rec->caller_raw, route->caller_raw, sizeof(rec->caller_raw));
	str_ncpy(rec->callee_raw, route->callee_raw, sizeof(rec->callee_raw));
	str_ncpy(rec->callee_sent, route->callee, sizeof(rec->callee_sent));
	if (route->callee[0])
		str_ncpy(rec->caller_sent, route->caller.number,
			 sizeof(rec->caller_sent));
	notes_take(rec, route);

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

	story_begin(call, route);
	str_ncpy(from->number, route->caller_raw, sizeof(from->number));
	str_ncpy(to->number, route->callee, sizeof(to->number));

	record_tell(call);
}


/** What a failure means goes into the record */
static void explain(struct call_record *rec, const struct failure_in *in)
{
	struct failure failure;

	failure_explain(&failure, in);
	if (rec->result == CALL_RUNNING)
		rec->result = failure.result;
	str_ncpy(rec->failed_side, call_where_name(failure.side),
		 sizeof(rec->failed_side));
	str_ncpy(rec->what, failure.what, sizeof(rec->what));
	str_ncpy(rec->advice, failure.advice, sizeof(rec->advice));
	str_ncpy(rec->field, failure.field, sizeof(rec->field));
}


void record_refused(struct calls *calls, const struct route *route,
		    const struct sip_msg *msg)
{
	const struct failure_in in = {
		.direction = route->direction,
		.by     = CALL_AT_BRIDGE,
		.scode  = route->scode,
		.words  = route->reason,
		.given  = route->advice,
		.pbx    = route->acc ? account_pbx(route->acc) : NULL,
		.callee = route->callee[0] ? route->callee :
			route->callee_raw,
		.user   = route->acc ? account_user(route->acc)->upn : "",
	};
	struct call_record rec;
	struct call_side *from;

	record_init(&rec, route);
	from = route->direction == CALL_FROM_TEAMS ? &rec.teams : &rec.pbxside;
	re_snprintf(from->callid, sizeof(from->callid), "%r", &msg->callid);
	str_ncpy(from->number, route->caller_raw, sizeof(from->number));
	from->scode = route->scode;
	rec.state = CALL_ENDED;
	rec.end_ms = rec.start_ms;
	rec.scode = route->scode;
	rec.version = 1;
	str_ncpy(rec.reason, route->reason, sizeof(rec.reason));
	str_ncpy(rec.ended_by, "bridge", sizeof(rec.ended_by));
	explain(&rec, &in);
	tally_ended(&rec);

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


void record_trace(const struct call *call, const struct leg *leg)
{
	struct trace *trace = call->calls->conf.trace;

	if (!trace)
		return;

	trace_tag(trace, leg_callid(leg), call->rec.id);
	trace_tag(trace, leg_callid(leg), account_aor(call->acc));
}


/** Remember which Call-IDs belong to the call */
static void tag(struct call *call, const struct leg *leg,
		struct call_side *side)
{
	if (!leg || !str_cmp(side->callid, leg_callid(leg)))
		return;

	str_ncpy(side->callid, leg_callid(leg), sizeof(side->callid));
	record_trace(call, leg);
}


static void callids(struct call *call)
{
	tag(call, call->legv[SIDE_TEAMS], &call->rec.teams);
	tag(call, call->legv[SIDE_PBX], &call->rec.pbxside);
}


static void quality(struct call *call, enum side side)
{
	struct call_side *cs = side_of(&call->rec, side);
	const struct call_side before = *cs;
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
	cs->peer_lost_permille = st.peer_lost_permille;
	cs->dscp = media_dscp(call->calls->conf.media);
	tally_voice(side, &before, cs);

	if (!st.rx_packets)
		return;

	/* what came too late to be heard is lost, too */
	loss = 1000.0 * (double)(st.rx_lost + st.rx_discarded) /
		(double)(st.rx_packets + st.rx_lost);
	cs->mos = quality_mos(st.rtt_us / 2000.0 + 2 * st.jitter_us / 1000.0,
			      loss, cs->codec);
}


void record_watch(struct call *call)
{
	quality(call, SIDE_TEAMS);
	quality(call, SIDE_PBX);
	call->calls->conf.liveh(&call->rec, call->calls->arg);
}


/** Names of a description's formats, voice first. libre %H handler */
static int print_formats(struct re_printf *pf, const struct desc *desc)
{
	int err = 0;

	for (size_t i = 0; desc && i < desc->formatc; i++)
		err |= re_hprintf(pf, "%s%s", i ? " " : "",
				  !str_casecmp(desc->formatv[i].name,
					       "telephone-event") ? "DTMF" :
				  desc->formatv[i].name);

	return err;
}


/** How each side's voice was agreed */
static void media_decided(struct call *call)
{
	const enum side from = caller_side(call), to = other(from);

	record_note(call, CALL_CODEC, where_of(from), "offers %H",
		    print_formats, leg_remote(call->legv[from]));
	record_note(call, CALL_CODEC, where_of(to), "answers %H",
		    print_formats, leg_remote(call->legv[to]));

	for (enum side side = 0; side < SIDES; side++) {
		struct call_side *cs = side_of(&call->rec, side);

		if (!call->secure[side] ||
		    call->keyv[side].suite == SUITE_NONE)
			continue;

		str_ncpy(cs->srtp, desc_suite_name(call->keyv[side].suite),
			 sizeof(cs->srtp));
		record_note(call, CALL_SECURITY, where_of(side), "SRTP %s",
			    cs->srtp);
	}
}


/** Each side's codec; the same where voice is passed on */
static void codecs_decided(struct call *call, const struct desc *caller)
{
	const enum side from = caller_side(call), to = other(from);
	struct leg *callee = call->legv[to];
	const struct desc_format *own = codecs_voice(NULL, caller);
	const struct desc_format *theirs =
		codecs_voice(leg_local(callee), leg_remote(callee));
	struct call_side *cs = side_of(&call->rec, from);

	if (!own)
		return;

	/* of several that the callee has, the caller's is used */
	if (!theirs || codecs_has(leg_remote(callee), own))
		theirs = own;

	str_ncpy(cs->codec, own->name, sizeof(cs->codec));
	cs = side_of(&call->rec, to);
	str_ncpy(cs->codec, theirs->name, sizeof(cs->codec));

	if (theirs != own)
		record_note(call, CALL_CODEC, CALL_AT_BRIDGE,
			    "translates between %s and %s", own->name,
			    theirs->name);
}


void record_ringing(struct call *call)
{
	callids(call);
	call->rec.state = CALL_RINGING;
	if (!call->rec.ring_ms)
		call->rec.ring_ms = now_ms(call);

	info("call", call->rec.id, "rings");
	record_tell(call);
}


void record_answered(struct call *call, const struct desc *caller)
{
	callids(call);
	call->rec.state = CALL_ANSWERED;
	call->rec.answer_ms = now_ms(call);
	call->rec.scode = call->rec.teams.scode = 200;
	call->rec.pbxside.scode = 200;
	call->watched_us = clock_us();
	codecs_decided(call, caller);
	media_decided(call);

	info("call", call->rec.id, "answered");
	record_tell(call);
}


/** Statuses of both legs' INVITEs: the one that came, the one passed on */
static void codes(struct call *call, const struct ending *ending)
{
	struct call_record *rec = &call->rec;
	const enum side caller = caller_side(call);

	if (ending->at != CALL_AT_BRIDGE) {
		struct call_side *cs = side_of(rec,
			ending->at == CALL_AT_TEAMS ? SIDE_TEAMS : SIDE_PBX);

		cs->q850 = ending->q850;
		if (!rec->answer_ms)
			cs->scode = ending->scode;
	}

	if (!rec->answer_ms)
		side_of(rec, caller)->scode = ending->passed;
}


static void failed(struct call *call, const struct ending *ending)
{
	struct call_record *rec = &call->rec;
	const struct failure_in in = {
		.direction = rec->direction,
		.by     = ending->at,
		.scode  = ending->err ? 0 : ending->scode == 200 ? 487 :
			ending->scode,
		.q850   = ending->q850,
		.err    = ending->err,
		.rung   = rec->ring_ms != 0,
		.answered = rec->answer_ms != 0,
		.words  = ending->passed / 100 == 3 ? "redirect passed on" :
			ending->reason,
		.pbx    = call->pbx,
		.callee = rec->callee_sent,
		.user   = rec->upn,
	};

	explain(rec, &in);
}


void record_ended(struct call *call, const struct ending *ending)
{
	struct call_record *rec = &call->rec;
	const char *by = call_where_name(ending->by);

	callids(call);
	quality(call, SIDE_TEAMS);
	quality(call, SIDE_PBX);

	rec->state = CALL_ENDED;
	rec->end_ms = now_ms(call);
	rec->scode = ending->scode;
	if (rec->answer_ms)
		rec->result = CALL_GOOD;
	str_ncpy(rec->ended_by, by, sizeof(rec->ended_by));
	str_ncpy(rec->reason, ending->reason, sizeof(rec->reason));
	codes(call, ending);

	if (!rec->answer_ms)
		record_note(call, CALL_SIGNAL, ending->at, "%u %s -> %u",
			    ending->scode, ending->reason, ending->passed);
	else
		record_note(call, CALL_SIGNAL, ending->at, "%s",
			    ending->reason);

	/* a call that was answered has failed only if nobody hung up */
	if (!rec->answer_ms || ending->scode != 200)
		failed(call, ending);

	tally_ended(rec);
	qos_tell(call);
	info("call", rec->id, "%s -> %s ended by %s: %u %s", rec->caller,
	     rec->callee, by, rec->scode, rec->reason);
	record_tell(call);
}
