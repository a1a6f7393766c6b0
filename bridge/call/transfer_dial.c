/**
 * @file transfer_dial.c  A transfer that we carry out, by a new leg or none
 *
 * Refer-To and Referred-By go out as they came: to Teams byte for byte, for
 * they hold long, case-sensitive parameters (Microsoft, "Direct Routing: SIP
 * protocol"); to a PBX as the phone would send them (RFC 3892, 5589).
 */
#include "bridge/base/log.h"
#include "cause.h"
#include "transfer_core.h"


enum {
	URI_MAX  = 4096,
	HDRS_MAX = 2 * 4096 + 128,
};


static void fresh_progress_h(struct leg *leg, const struct sip_msg *msg,
			     const struct desc *answer, void *arg)
{
	struct transfer *tf = arg;
	(void)leg;
	(void)msg;
	(void)answer;

	if (!tf->rung)
		transfer_tell(tf, 180, "Ringing", false);
	tf->rung = true;
}


static void old_close_h(struct leg *leg, const struct leg_end *end, void *arg)
{
	struct transfer *tf = arg;
	(void)leg;
	(void)end;

	transfer_drop(tf);
}


/** The new leg or call is in: nothing is left but the old leg's BYE */
static void old_rests(struct transfer *tf, struct leg *old)
{
	static const struct leg_handlers old_handlers = {
		.closeh = old_close_h,
	};

	tf->old = old;
	tf->joined = true;
	transfer_done(tf);
	if (tf->old)
		leg_handlers_set(tf->old, &old_handlers, tf);
	else
		transfer_drop(tf);
}


static void fresh_answer_h(struct leg *leg, const struct sip_msg *msg,
			   const struct desc *answer, void *arg)
{
	struct transfer *tf = arg;
	struct call *call = tf->call;
	(void)msg;
	(void)answer;

	tf->fresh = NULL;
	call->keyv[tf->side] = tf->key;
	old_rests(tf, join_swap(call, tf->side, leg));
}


static int dial(struct transfer *tf);


/**
 * The consulted one still rings, or is gone: then Replaces is refused (RFC
 * 3891 section 3), and the target is called as by a blind transfer
 *
 * @return 0 if it is
 */
static int again_without(struct transfer *tf, uint16_t scode)
{
	if (!tf->replaces || tf->side != SIDE_PBX || !tf->call->hops ||
	    (scode != 481 && scode != 420))
		return ENOTSUP;

	info("call", tf->call->rec.id, "%u to Replaces: calling the target "
	     "without", scode);
	tf->replaces = mem_deref(tf->replaces);

	return dial(tf);
}


static void fresh_close_h(struct leg *leg, const struct leg_end *end,
			  void *arg)
{
	struct transfer *tf = arg;
	char reason[128];
	const uint16_t scode = end->scode ? end->scode : 503;

	re_snprintf(reason, sizeof(reason), "%s", cause_find(scode)->reason);
	tf->fresh = NULL;
	if (!again_without(tf, scode)) {
		mem_deref(leg);
		return;
	}

	transfer_failed(tf, scode, reason);
	mem_deref(leg);
}


/** What the new leg is offered: what the one that stays speaks, with a key
    of its own, for its contexts begin at ROC 0 */
static bool offer_make(struct transfer *tf, struct desc *offer)
{
	struct call *call = tf->call;
	const struct far far = call_far(call, tf->side);
	const struct desc_crypto kept = call->keyv[tf->side];
	bool good;

	if (!far.leg)
		return false;

	voice_key_new(call, tf->side);
	good = voice_offer(call, tf->side, leg_remote(far.leg), offer);
	offer->dir = DESC_SENDRECV;
	tf->key = call->keyv[tf->side];
	call->keyv[tf->side] = kept;

	return good;
}


static void from_teams(const struct transfer *tf, char *buf, size_t size)
{
	const struct call *call = tf->call;
	struct pl party;

	pl_set_str(&party, call->rec.direction == CALL_FROM_PBX ?
		   call->rec.teams.number : call->rec.callee);
	re_snprintf(buf, size, "sip:%H@%s:%u;user=phone", uri_user_escape,
		    &party, trunk_fqdn(call->trunk), trunk_port(call->trunk));
}


/** What a PBX can be asked to call; numbers of tel: URIs in its domain */
static int pbx_uri(const struct transfer *tf, char *buf, size_t size)
{
	struct pl number, uri;

	pl_set_str(&uri, tf->refer_to);
	if (uri.l > 4 && !pl_strcasecmp(&(struct pl){uri.p, 4}, "sip:"))
		return uri.l < size ? pl_strcpy(&uri, buf, size) : EOVERFLOW;

	if (!tf->target[0])
		return EINVAL;

	pl_set_str(&number, tf->target);

	return re_snprintf(buf, size, "sip:%H@%s", uri_user_escape, &number,
			   tf->call->pbx->sip_domain) < 0 ? EOVERFLOW : 0;
}


static void headers(const struct transfer *tf, char *buf, size_t size)
{
	buf[0] = '\0';

	if (tf->referred_by)
		re_snprintf(buf, size, "Referred-By: %s\r\n",
			    tf->referred_by);

	/* Teams refuses Replaces; its own parameters say the same */
	if (tf->replaces && tf->side == SIDE_PBX)
		re_snprintf(buf + str_len(buf), size - str_len(buf),
			    "Require: replaces\r\nReplaces: %s\r\n",
			    tf->replaces);
}


static int dial(struct transfer *tf)
{
	static const struct leg_handlers fresh_handlers = {
		.progressh = fresh_progress_h,
		.answerh   = fresh_answer_h,
		.closeh    = fresh_close_h,
	};
	struct call *call = tf->call;
	struct leg_conf conf;
	struct leg_dial prm;
	char contact[256], from[320], uri[URI_MAX], hdrs[HDRS_MAX];
	struct desc offer;
	size_t i;
	int err = 0;

	memset(&prm, 0, sizeof(prm));
	prm.ruri = tf->refer_to;
	if (tf->side == SIDE_TEAMS) {
		from_teams(tf, from, sizeof(from));
	}
	else {
		str_ncpy(from, account_aor(call->acc), sizeof(from));
		prm.from_name = account_user(call->acc)->name;
		err = pbx_uri(tf, uri, sizeof(uri));
		prm.ruri = uri;
	}

	if (err)
		return err;
	if (!offer_make(tf, &offer))
		return EPROTO;

	route_again(call, tf->side, &conf, contact, sizeof(contact));
	for (i = 0; i < conf.hopc; i++)
		conf.hopv[i].max_forwards = call->hops;
	--call->hops;

	headers(tf, hdrs, sizeof(hdrs));
	prm.to_uri = prm.ruri;
	prm.from_uri = from;
	prm.hdrs = hdrs;
	prm.offer = &offer;
	tf->state = TRANSFER_DIALLING;
	story_way(call, TRANSFER_BY_BRIDGE, NULL);
	if (tf->target[0])
		story_expect(call, tf->target);

	err = leg_dial(&tf->fresh, &conf, &prm, &fresh_handlers, tf);
	if (!err)
		record_trace(call, tf->fresh);

	return err;
}


static int join(struct transfer *tf)
{
	struct call *call = tf->call;
	struct call *peer = transfer_peer(tf);
	struct leg *old, *consulted;
	int err;

	if (!peer || !peer->legv[tf->side])
		return ENOENT;

	err = join_calls(call, tf->side, peer, tf->side);
	if (err)
		return err;

	story_way(call, TRANSFER_BY_JOIN, peer);
	old = call->legv[tf->side];
	consulted = peer->legv[tf->side];
	call->legv[tf->side] = NULL;
	peer->legv[tf->side] = NULL;

	/* as RFC 3891 has it for a dialog that was replaced */
	leg_hangup(consulted, 0, NULL, "Reason: Q.850;cause=16\r\n");
	mem_deref(consulted);
	old_rests(tf, old);

	return 0;
}


int transfer_bridge(struct transfer *tf)
{
	if (tf->peer[0] && !join(tf))
		return 0;

	/* it has answered already: not to be rung again */
	return tf->waited ? EPROTO : dial(tf);
}
