/**
 * @file mwisub.c  Message waiting asked for (RFC 3842, RFC 6665)
 *
 *   RESTING -> ASKING -> STANDING -> ASKING ...
 *                 |-> REFUSED
 */
#include <assert.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/parse.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "mwisub.h"


enum {
	EXPIRES_S    = 3600,
	EXPIRES_MIN_S = 60,
	EXPIRES_MAX_S = 86400,
	FIRST_MS     = 500,        /* up to twice that, after registering  */
	AGAIN_MS     = 1000,
	SLOW_MS      = 300000,
};


enum state { RESTING, ASKING, STANDING, REFUSED };

#define BIT(state) (1u << (state))

static const unsigned successors[] = {
	[RESTING]  = BIT(ASKING) | BIT(RESTING),
	[ASKING]   = BIT(STANDING) | BIT(RESTING) | BIT(REFUSED),
	[STANDING] = BIT(ASKING) | BIT(RESTING) | BIT(REFUSED),
	[REFUSED]  = 0,
};


struct mwisub {
	struct stack *stack;       /* borrowed                             */
	const char *aor;           /* borrowed                             */
	struct dialog *half;       /* owned: before there is one           */
	struct dialog *dlg;        /* owned, NULL: none yet                */
	struct request *req;       /* owned, ASKING                        */
	struct wheel_tmr tmr;      /* RESTING, STANDING: when to ask       */
	mwisub_param_h *paramh;
	mwisub_notify_h *notifyh;
	void *arg;
	uint32_t expires_s;        /* asked for                            */
	enum state state;
};


static void ask(void *arg);


static void set_state(struct mwisub *sub, enum state next)
{
	assert(successors[sub->state] & BIT(next));

	wheel_cancel(&sub->tmr);
	sub->state = next;
}


static void destructor(void *data)
{
	struct mwisub *sub = data;

	wheel_cancel(&sub->tmr);
	mem_deref(sub->req);
	mem_deref(sub->half);
	mem_deref(sub->dlg);
}


static void wait_for(struct mwisub *sub, uint64_t ms)
{
	wheel_start(stack_wheel(sub->stack), &sub->tmr,
		    ms + rand_u32() % (ms + 1), ask, sub);
}


/** Without a dialog: from the start, after that time and as long again */
static void rest(struct mwisub *sub, uint64_t ms)
{
	sub->req  = mem_deref(sub->req);
	sub->half = mem_deref(sub->half);
	sub->dlg  = mem_deref(sub->dlg);
	set_state(sub, RESTING);
	wait_for(sub, ms);
}


static void refused(struct mwisub *sub, const char *words)
{
	info("mwi", sub->aor, "the PBX takes no subscription (%s): what it"
	     " sends by itself is shown", words);

	sub->req  = mem_deref(sub->req);
	sub->half = mem_deref(sub->half);
	sub->dlg  = mem_deref(sub->dlg);
	set_state(sub, REFUSED);
}


/** Subscription-State (RFC 6665 section 4.1.3): is it the end? */
static bool is_terminated(const struct sip_msg *msg, struct pl *reason)
{
	struct pl state = msg_hdr_value(msg, SIP_HDR_SUBSCRIPTION_STATE);
	const char *end = pl_strchr(&state, ';');
	struct pl params = PL("");

	if (end) {
		params.p = end;
		params.l = (size_t)(state.p + state.l - end);
		state.l  = (size_t)(end - state.p);
	}
	while (state.l && strchr(" \t", state.p[state.l - 1]))
		--state.l;

	if (parse_param(&params, "reason", reason))
		*reason = (struct pl)PL("");

	return !pl_strcasecmp(&state, "terminated");
}


static void notified(struct dialog *dlg, struct strans *st,
		     const struct sip_msg *msg, void *arg)
{
	struct mwisub *sub = arg;
	struct pl reason;
	(void)dlg;

	if (pl_strcmp(&msg->met, "NOTIFY")) {
		strans_rejectf(st, 405, "Method Not Allowed",
			       "Allow: NOTIFY\r\n");
		return;
	}

	strans_reject(st, 200, "OK");
	sub->notifyh(msg, sub->arg);

	if (sub->state != STANDING || !is_terminated(msg, &reason))
		return;

	if (!pl_strcasecmp(&reason, "rejected") ||
	    !pl_strcasecmp(&reason, "noresource"))
		refused(sub, "terminated");
	else
		rest(sub, AGAIN_MS);
}


/** To be renewed well before its end */
static void standing(struct mwisub *sub, const struct sip_msg *msg)
{
	uint32_t s;

	if (!msg_hdr_uint(msg, SIP_HDR_EXPIRES, &s) || s > sub->expires_s)
		s = sub->expires_s;
	if (s < EXPIRES_MIN_S)
		s = EXPIRES_MIN_S;

	set_state(sub, STANDING);
	wait_for(sub, (uint64_t)s * 400);
}


static void accepted(struct mwisub *sub, const struct sip_msg *msg)
{
	if (sub->dlg) {
		(void)dialog_update(sub->dlg, msg);
		standing(sub, msg);
		return;
	}

	if (dialog_fork(&sub->dlg, sub->half, msg)) {
		rest(sub, SLOW_MS);
		return;
	}

	sub->half = mem_deref(sub->half);
	dialog_handler_set(sub->dlg, notified, sub);
	standing(sub, msg);
}


/** @return true if a longer time than the last one is asked for now */
static bool longer(struct mwisub *sub, const struct sip_msg *msg)
{
	uint32_t min_s;

	if (!msg_hdr_uint(msg, SIP_HDR_MIN_EXPIRES, &min_s) ||
	    min_s <= sub->expires_s || min_s > EXPIRES_MAX_S)
		return false;

	sub->expires_s = min_s;

	return true;
}


static void answered(int err, const struct sip_msg *msg, void *arg)
{
	struct mwisub *sub = arg;
	char words[64] = "";

	if (msg && msg->scode < 200)
		return;

	sub->req = mem_deref(sub->req);

	if (err) {
		rest(sub, SLOW_MS);
		return;
	}

	(void)re_snprintf(words, sizeof(words), "%u %r", msg->scode,
			  &msg->reason);

	switch (msg->scode) {

	case 403:
	case 404:
	case 405:
	case 415:
	case 489:
	case 501:
	case 603:
		refused(sub, words);
		break;

	case 423:
		rest(sub, longer(sub, msg) ? AGAIN_MS : SLOW_MS);
		break;

	case 481:
		rest(sub, AGAIN_MS);       /* the PBX forgot it */
		break;

	default:
		if (msg->scode < 300)
			accepted(sub, msg);
		else
			rest(sub, SLOW_MS);
		break;
	}
}


static int half_make(struct mwisub *sub)
{
	struct dialog_param prm;

	memset(&prm, 0, sizeof(prm));
	prm.local_uri  = sub->aor;
	prm.remote_uri = sub->aor;
	prm.target     = sub->aor;
	sub->paramh(&prm, sub->arg);

	sub->half = mem_deref(sub->half);

	return dialog_alloc(&sub->half, sub->stack, &prm);
}


static void ask(void *arg)
{
	struct mwisub *sub = arg;
	char hdrs[160];

	if (!sub->dlg && half_make(sub)) {
		rest(sub, SLOW_MS);
		return;
	}

	(void)re_snprintf(hdrs, sizeof(hdrs), "Event: message-summary\r\n"
			  "Accept: application/simple-message-summary\r\n"
			  "Expires: %u\r\n", sub->expires_s);

	set_state(sub, ASKING);
	if (dialog_request(&sub->req, sub->dlg ? sub->dlg : sub->half,
			   "SUBSCRIBE", hdrs, NULL, NULL, answered, sub))
		rest(sub, SLOW_MS);
}


int mwisub_alloc(struct mwisub **subp, struct stack *stack, const char *aor,
		 mwisub_param_h *paramh, mwisub_notify_h *notifyh, void *arg)
{
	struct mwisub *sub;

	if (!subp || !stack || !aor || !paramh || !notifyh)
		return EINVAL;

	sub = mem_zalloc(sizeof(*sub), destructor);
	if (!sub)
		return ENOMEM;

	sub->stack     = stack;
	sub->aor       = aor;
	sub->paramh    = paramh;
	sub->notifyh   = notifyh;
	sub->arg       = arg;
	sub->expires_s = EXPIRES_S;
	wait_for(sub, FIRST_MS);

	*subp = sub;

	return 0;
}
