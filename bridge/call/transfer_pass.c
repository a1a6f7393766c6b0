/**
 * @file transfer_pass.c  A transfer that Teams asks for, done by the PBX
 *
 * The PBX gets a REFER of ours: to the target in its own domain and number
 * form, and after a consultation with the other dialog's ids as the PBX knows
 * them (RFC 3891), for it knows us as one phone with two calls.
 */
#include "bridge/base/log.h"
#include "bridge/sip/dialog.h"
#include "pbx-templates/number.h"
#include "policy.h"
#include "transfer_core.h"


static int mode(const struct transfer *tf)
{
	const struct pbx *pbx = tf->call->pbx;

	return tf->replaces ? pbx->transfer.attended : pbx->transfer.blind;
}


bool transfer_may_dial(const struct transfer *tf)
{
	return tf->side == SIDE_PBX || !tf->target[0] ||
		!tf->call->legv[SIDE_PBX] || mode(tf) != PBX_TRANSFER_REFER;
}


/** Instead of the PBX, where the profile wants it. @return 0 if begun */
static int fall_back(struct transfer *tf)
{
	return mode(tf) == PBX_TRANSFER_AUTO ? transfer_bridge(tf) : ENOSYS;
}


static void silent_h(void *arg)
{
	struct transfer *tf = arg;

	if (!tf->heard) {
		info("call", tf->call->rec.id, "the PBX tells nothing of the "
		     "transfer: doing it ourselves");
		if (!fall_back(tf))
			return;
	}

	transfer_failed(tf, 408, "Request Timeout");
}


/** <sip:1002@pbx?Replaces=...>, the dialog as the PBX knows it */
static int refer_to_consulted(const struct transfer *tf, char *buf,
			      size_t size)
{
	const struct call *peer = transfer_peer(tf);
	const struct dialog *dlg;
	char replaces[512];
	struct pl user, val;

	if (!peer || !peer->legv[SIDE_PBX] ||
	    !leg_is_established(peer->legv[SIDE_PBX]))
		return ENOENT;

	dlg = leg_dialog(peer->legv[SIDE_PBX]);
	if (re_snprintf(replaces, sizeof(replaces),
			"%s;to-tag=%s;from-tag=%s", dialog_callid(dlg),
			dialog_remote_tag(dlg), dialog_local_tag(dlg)) < 0)
		return EOVERFLOW;

	pl_set_str(&user, peer->rec.pbxside.number);
	pl_set_str(&val, replaces);

	return re_snprintf(buf, size, "<sip:%H@%s?Replaces=%H>",
			   uri_user_escape, &user, tf->call->pbx->sip_domain,
			   uri_header_escape, &val) < 0 ? EOVERFLOW : 0;
}


static int refer_to_number(const struct transfer *tf, char *buf, size_t size)
{
	const struct call *call = tf->call;
	struct number num;
	struct pl pl;

	if (number_to_pbx(&num, call->pbx, policy_country(call->acc),
			  tf->target))
		return EINVAL;

	pl_set_str(&pl, num.text);

	return re_snprintf(buf, size, "<sip:%H@%s>", uri_user_escape, &pl,
			   call->pbx->sip_domain) < 0 ? EOVERFLOW : 0;
}


int transfer_pass(struct transfer *tf)
{
	struct call *call = tf->call;
	char refer_to[1024], hdrs[256];
	int err;

	if (!call->pbx->supports_refer || mode(tf) == PBX_TRANSFER_BRIDGE ||
	    !call->legv[SIDE_PBX])
		return ENOSYS;

	if (tf->peer[0])
		err = refer_to_consulted(tf, refer_to, sizeof(refer_to));
	else if (tf->target[0] && !tf->replaces)
		err = refer_to_number(tf, refer_to, sizeof(refer_to));
	else
		err = ENOSYS;
	if (err)
		return err;

	re_snprintf(hdrs, sizeof(hdrs), "Referred-By: <%s>\r\n",
		    account_aor(call->acc));
	err = leg_refer(call->legv[SIDE_PBX], refer_to, hdrs);
	if (err)
		return err;

	tf->state = TRANSFER_PASSED;
	transfer_timer(tf, 1000ull * call->pbx->transfer.notify_wait_s,
		       silent_h);
	story_way(call, TRANSFER_BY_PBX, transfer_peer(tf));
	if (!tf->peer[0])
		story_expect(call, tf->target);

	return 0;
}


void transfer_notified(struct leg *leg, uint16_t scode, bool refused,
		       bool last, void *arg)
{
	struct call *call = arg;
	struct transfer *tf = call->transfer;

	if (!tf || tf->state != TRANSFER_PASSED ||
	    leg != call->legv[SIDE_PBX])
		return;

	if (scode >= 200 && scode < 300) {
		transfer_done(tf);
		return;
	}

	tf->heard = tf->heard || !refused;
	if (!last && scode < 200) {
		transfer_timer(tf, 1000ull * call->pbx->call.answer_limit_s,
			       silent_h);
		if (scode > 100)
			transfer_tell(tf, scode, "Ringing", false);
		return;
	}

	wheel_cancel(&tf->tmr);
	if (refused) {
		info("call", call->rec.id, "the PBX does not transfer (%u)",
		     scode);
		if (!fall_back(tf))
			return;
	}

	transfer_failed(tf, scode >= 300 ? scode : 503, "Transfer Failed");
}
