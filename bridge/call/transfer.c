/**
 * @file transfer.c  REFER from a peer: taken, reported on, ended
 *
 * RFC 3515, 3892 (Referred-By), 4488 (no reports wanted), 5589; Microsoft,
 * "Direct Routing: SIP protocol". The old leg stays until the new one is
 * answered; who transferred ends it by BYE after our NOTIFY of success, and
 * after REST_MS we do.
 */
#include "bridge/base/log.h"
#include "bridge/sip/dialog.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "policy.h"
#include "transfer_core.h"


enum {
	REST_MS       = 5000,      /* for the peers' BYE after success      */
	HEADER_MAX    = 4096,
	TRANSFERS_MAX = 16,        /* of one call: more of them is a circle */
};


static void destructor(void *arg)
{
	struct transfer *tf = arg;

	wheel_cancel(&tf->tmr);
	mem_deref(tf->old);
	mem_deref(tf->fresh);
	mem_deref(tf->refer_to);
	mem_deref(tf->replaces);
	mem_deref(tf->referred_by);
}


void transfer_timer(struct transfer *tf, uint64_t ms, void (*h)(void *arg))
{
	wheel_start(stack_wheel(tf->call->calls->conf.stack), &tf->tmr, ms, h,
		    tf);
}


struct call *transfer_peer(const struct transfer *tf)
{
	struct le *le;

	for (le = list_head(&tf->call->calls->calll); le; le = le->next) {
		struct call *call = le->data;

		if (tf->peer[0] && !str_cmp(call->rec.id, tf->peer))
			return call;
	}

	return NULL;
}


/** The leg that hears how it goes, NULL if it has left */
static struct leg *referrer(const struct transfer *tf)
{
	if (tf->old || tf->joined)
		return tf->old;

	return tf->call->legv[tf->side];
}


void transfer_tell(struct transfer *tf, uint16_t scode, const char *reason,
		   bool last)
{
	struct leg *leg = referrer(tf);

	if (leg && !tf->quiet)
		(void)leg_refer_notify(leg, scode, reason, last);
}


void transfer_drop(struct transfer *tf)
{
	tf->call->transfer = NULL;
	mem_deref(tf);
}


void transfer_failed(struct transfer *tf, uint16_t scode, const char *reason)
{
	struct call *call = tf->call;
	const bool alone = !call->legv[tf->side];

	info("call", call->rec.id, "transfer failed: %u %s", scode, reason);
	story_outcome(call, scode);
	transfer_tell(tf, scode, reason, true);
	transfer_wait_end(tf);
	transfer_drop(tf);

	/* the one who transferred has left already: nobody to go back to */
	if (alone)
		call_end(call, "bridge", 480, "Transfer failed");
}


static void rest_h(void *arg)
{
	struct transfer *tf = arg;
	struct call *call = tf->call;
	struct call *peer = transfer_peer(tf);
	const bool passed = !tf->joined;

	if (tf->old)
		leg_hangup(tf->old, 0, NULL, "Reason: Q.850;cause=16\r\n");

	transfer_drop(tf);

	/* by the PBX: all of our legs are over */
	if (passed && peer)
		call_end(peer, "bridge", 200, "Transferred");
	if (passed)
		call_end(call, "bridge", 200, "Transferred");
}


void transfer_done(struct transfer *tf)
{
	struct call *call = tf->call;

	tf->state = TRANSFER_DONE;
	str_ncpy(call->rec.transferred_to, tf->target[0] ? tf->target :
		 "Teams", sizeof(call->rec.transferred_to));
	info("call", call->rec.id, "transferred to %s",
	     call->rec.transferred_to);
	story_outcome(call, 200);
	transfer_tell(tf, 200, "OK", true);
	transfer_timer(tf, REST_MS, rest_h);
}


/* --- a REFER comes in --- */


static int verbatim(char **dst, const struct pl *val)
{
	if (val->l >= HEADER_MAX || pl_strchr(val, '\r') ||
	    pl_strchr(val, '\n'))
		return EBADMSG;

	return pl_strdup(dst, val);
}


/** Replaces among the headers of a URI (RFC 3261 section 19.1.1), unescaped */
static int replaces_of(char **dst, const struct pl *headers)
{
	struct pl val = PL_INIT;
	const char *p;

	if (re_regex(headers->p, headers->l, "[?&]1Replaces=[^&]+", NULL,
		     &val))
		return 0;

	if (val.l >= HEADER_MAX || re_sdprintf(dst, "%H",
					       uri_header_unescape, &val))
		return EBADMSG;

	for (p = *dst; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return EBADMSG;
	}

	return 0;
}


/** Split Refer-To into what is called and whom that replaces */
static int target_read(struct transfer *tf, const struct pl *uri)
{
	const char *quest = pl_strchr(uri, '?');
	struct pl bare = *uri, headers = PL_INIT, method;
	int err;

	if (quest) {
		bare.l = (size_t)(quest - uri->p);
		headers.p = quest;
		headers.l = uri->l - bare.l;
	}

	/* RFC 3515 section 2.1: another request than INVITE is meant */
	if (!msg_param_decode(&bare, "method", &method) &&
	    pl_strcasecmp(&method, "INVITE"))
		return ENOTSUP;

	err = verbatim(&tf->refer_to, &bare);
	if (!err)
		err = replaces_of(&tf->replaces, &headers);
	if (callerid_user(tf->target, sizeof(tf->target), &bare))
		tf->target[0] = '\0';

	return err;
}


static int transfer_alloc(struct transfer **tfp, struct call *call,
			  enum side side, const struct sip_msg *msg)
{
	const struct pl to = msg_hdr_value(msg, SIP_HDR_REFER_TO);
	const struct pl by = msg_hdr_value(msg, SIP_HDR_REFERRED_BY);
	const struct pl sub = msg_value(msg, "Refer-Sub");
	struct pl dname, uri, params;
	struct transfer *tf;
	int err;

	err = msg_nameaddr(&to, &dname, &uri, &params);
	if (err)
		return err;

	tf = mem_zalloc(sizeof(*tf), destructor);
	if (!tf)
		return ENOMEM;

	tf->call = call;
	tf->side = side;
	tf->quiet = sub.l >= 5 &&
		!pl_strcasecmp(&(struct pl){sub.p, 5}, "false");
	err = target_read(tf, &uri);
	if (!err && pl_isset(&by))
		err = verbatim(&tf->referred_by, &by);

	if (err)
		mem_deref(tf);
	else
		*tfp = tf;

	return err;
}


/** Is the target the very one who would be transferred? */
static bool goes_back(const struct transfer *tf)
{
	const struct call_record *rec = &tf->call->rec;
	const struct user *user = account_user(tf->call->acc);

	if (!tf->target[0] || tf->replaces || tf->call->twin)
		return false;

	if (tf->side == SIDE_PBX)
		return !str_cmp(tf->target, user->sip_username) ||
			!str_cmp(tf->target, user->number);

	return !str_cmp(tf->target, rec->direction == CALL_FROM_PBX ?
			rec->caller : rec->callee);
}


/** Two calls of one customer that may be joined */
static bool may_join(const struct call *call, const struct call *peer)
{
	return call != peer && call->twin != peer &&
		call->state == CALL_ANSWERED && peer->state == CALL_ANSWERED &&
		!peer->transfer &&
		!str_cmp(call->rec.tenant, peer->rec.tenant) &&
		!str_cmp(call->rec.pbx, peer->rec.pbx);
}


/** The consultation call, if Refer-To names one of ours */
static void peer_find(struct transfer *tf)
{
	const struct call *peer;
	enum side side;
	struct pl val;

	if (!tf->replaces)
		return;

	pl_set_str(&val, tf->replaces);
	peer = replaces_find(tf->call->calls, &val, &side);
	if (peer && side == tf->side && may_join(tf->call, peer))
		str_ncpy(tf->peer, peer->rec.id, sizeof(tf->peer));
}


int transfer_begin(struct transfer *tf)
{
	int err = ENOSYS;

	if (tf->side == SIDE_TEAMS)
		err = transfer_pass(tf);
	if (err && transfer_may_dial(tf))
		err = transfer_bridge(tf);

	return err;
}


static void take(struct transfer *tf, struct leg *leg, struct strans *st)
{
	strans_rejectf(st, 202, "Accepted", "Contact: %s\r\n%s",
		       dialog_contact(leg_dialog(leg)), tf->quiet ?
		       "Refer-Sub: false\r\nSupported: norefersub\r\n" : "");
	transfer_tell(tf, 100, "Trying", false);
}


/** What a Teams user may not call, nobody is transferred to by that user. At
    the PBX its own rules say so */
static bool is_allowed(const struct transfer *tf, struct verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	if (tf->side == SIDE_TEAMS && tf->target[0] && !tf->peer[0])
		(void)policy_judge(tf->call->acc, tf->target, verdict);

	return !verdict->scode;
}


void transfer_referred(struct leg *leg, struct strans *st,
		       const struct sip_msg *msg, void *arg)
{
	struct call *call = arg;
	const enum side side = call_side_of(call, leg);
	const uint32_t before = call->rec.transferc +
		call->rec.transfers_dropped;
	struct verdict verdict;
	struct transfer *tf;
	bool waits;

	if (call->transfer || call->state != CALL_ANSWERED) {
		strans_reject(st, 491, "Request Pending");
		return;
	}

	if (transfer_alloc(&tf, call, side, msg)) {
		strans_reject(st, 400, "Bad Refer-To");
		return;
	}

	call->transfer = tf;
	peer_find(tf);
	waits = !tf->peer[0] && transfer_wait(tf);
	leg_refer_taken(leg, msg);
	info("call", call->rec.id, "%s transfers to %s%s", leg_side(leg),
	     tf->target[0] ? tf->target : "another Teams party",
	     tf->replaces ? ", after a consultation" : "");
	story_asked(call, side, tf->replaces ? TRANSFER_ATTENDED :
		    TRANSFER_BLIND, tf->target[0] ? tf->target : "Teams");
	take(tf, leg, st);

	if (goes_back(tf) || before >= TRANSFERS_MAX || !call->hops)
		transfer_failed(tf, 482, "Loop Detected");
	else if (!is_allowed(tf, &verdict))
		transfer_failed(tf, verdict.scode, verdict.reason);
	else if (waits)
		transfer_wait_begins(tf);
	else if (transfer_begin(tf))
		transfer_failed(tf, 503, "Service Unavailable");
}


/* --- ends --- */


/** A leg that the PBX took over goes by itself. Some end it without a word
    instead of telling success (NetSapiens before 43.2) */
static bool pbx_took_it(struct transfer *tf, const struct leg_end *end)
{
	struct call *call = tf->call;

	if (end->why != LEG_BYE || tf->heard ||
	    !leg_refer_accepted(call->legv[SIDE_PBX]))
		return false;

	info("call", call->rec.id, "the PBX ended its leg after REFER: "
	     "taken as done");
	call->legv[SIDE_PBX] = mem_deref(call->legv[SIDE_PBX]);
	transfer_done(tf);

	return true;
}


bool transfer_left(struct call *call, enum side side,
		   const struct leg_end *end)
{
	struct transfer *tf = call->transfer;
	struct far far;

	if (transfer_wait_left(call, side, end))
		return true;

	if (!tf || tf->state == TRANSFER_DONE)
		return false;

	if (tf->state == TRANSFER_PASSED && side == SIDE_PBX)
		return pbx_took_it(tf, end);

	if (side != tf->side)
		return false;

	/* the one who transferred hung up early: the rest goes on */
	info("call", call->rec.id, "the transferor left before the end");
	call->legv[side] = mem_deref(call->legv[side]);
	far = call_far(call, side);
	if (tf->state != TRANSFER_PASSED && far.leg)
		sounds_wait(far.call, far.side);

	return true;
}


void transfer_end(struct call *call)
{
	struct transfer *tf = call->transfer;

	if (!tf)
		return;

	/* a BYE without a word would look like our fault */
	if (tf->state != TRANSFER_DONE) {
		story_outcome(call, 487);
		transfer_tell(tf, 487, "Request Terminated", true);
	}

	if (tf->fresh)
		leg_hangup(tf->fresh, 0, NULL, NULL);
	if (tf->old)
		leg_hangup(tf->old, 0, NULL, "Reason: Q.850;cause=16\r\n");

	transfer_wait_end(tf);
	transfer_drop(tf);
}
