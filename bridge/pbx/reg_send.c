/**
 * @file reg_send.c  A registration: what goes out (RFC 3261 section 10.2)
 */
#include "bridge/base/log.h"
#include "bridge/sip/health.h"
#include "bridge/sip/msg.h"
#include "contact.h"
#include "reg_core.h"


enum {
	HOLD_SPREAD_MS = 60000,
	FULL_MS       = 60000,     /* no seat is free: looked for again    */
	CONTACTS      = 1024,      /* octets of Contact and Expires        */
};


/** A port or a connection of its own */
bool reg_is_alone(const struct reg *reg)
{
	const struct site *site = reg->conf.site;

	return reg->conf.lsnr || (site->tp != SIP_TRANSP_UDP &&
		site->pbx->contact.connection == PBX_CONNECTION_PER_USER);
}


void reg_hop(const struct reg *reg, struct hop *hop)
{
	const struct site *site = reg->conf.site;

	const struct redirect *moved = reg_moved(reg);

	site_hop(site, hop);
	hop->flow = reg_flow(reg);

	/* Another address of the PBX answers, this one does not */
	if (hop->flow && site->placec > 1 &&
	    health_is_down(site->health, site->tp, flow_peer(hop->flow)))
		hop->flow = NULL;

	if (reg->conf.lsnr)
		hop->lsnrv[site->tp] = reg->conf.lsnr;
	hop->alone = reg_is_alone(reg);

	if (moved) {
		struct sa sa;

		hop->host = moved->host;
		hop->port = moved->port;
		hop->tls_name = sa_set_str(&sa, moved->host, 0) ? NULL :
			site->pbx->sip_domain;
	}
}


/** Contact, and with it what is taken back; none where bindings are asked
    for (RFC 3261 section 10.2.3) */
static int join_binding(char *buf, size_t size, const struct reg *reg)
{
	const char *stale = reg->rare ? reg->rare->stale : NULL;
	char number[MSG_NUMBER];

	if (reg->fetching) {
		*buf = '\0';
		return 0;
	}

	return msg_join(buf, size, "Contact: ", reg_contact(reg), "\r\n",
			stale ? "Contact: " : "", stale ? stale : "",
			stale ? ";expires=0\r\n" : "", "Expires: ",
			msg_number(number, reg->asked_s), "\r\n", NULL);
}


static int join_head(char *buf, size_t size, const struct reg *reg)
{
	const char *aor = reg->conf.aor;
	char binding[CONTACTS];
	int err;

	err = join_binding(binding, sizeof(binding), reg);
	if (err)
		return err;

	return msg_join(buf, size, "From: <", aor, ">;tag=", reg->tag,
			"\r\nTo: <", aor, ">\r\nCall-ID: ", reg->callid,
			"\r\n", binding,
			reg->said_path ? "Supported: path\r\n" : "",
			"Allow: " POOL_ALLOW "\r\n", NULL);
}


static int join_ruri(char *buf, size_t size, const struct reg *reg)
{
	const struct redirect *moved = reg_moved(reg);

	if (!moved || !moved->target)
		return msg_join(buf, size, "sip:", reg_pbx(reg)->sip_domain,
				NULL);

	return re_snprintf(buf, size, "%H", redirect_uri_print, moved) < 0 ?
		EOVERFLOW : 0;
}


int reg_send(struct reg *reg, uint32_t expires_s)
{
	const struct pbx *pbx = reg_pbx(reg);
	struct request_param prm = { .method = "REGISTER" };
	char ruri[300], head[1536];
	int err;

	reg->asked_s   = expires_s;
	reg->said_path = pbx->registration.path || reg->conf.site->path;

	err = join_ruri(ruri, sizeof(ruri), reg);
	if (!err)
		err = join_head(head, sizeof(head), reg);
	if (err)
		return err;

	prm.ruri        = ruri;
	prm.head        = head;
	prm.cseq        = &reg->cseq;
	prm.digest      = reg->digest;
	prm.reuse_nonce = pbx->registration.reuse_nonce;
	prm.user_agent  = pbx->user_agent;
	reg_hop(reg, &prm.hop);

	/* By address, so that a refresh goes back to a preferred server; the
	   transport finds its connection by itself. But a connection of our
	   own is found by nobody else */
	if (!prm.hop.alone)
		prm.hop.flow = NULL;

	reg->sent_ms = wheel_now(reg_wheel(reg));

	return request_send(&reg->req, reg->conf.site->conf->stack, &prm,
			    reg_answer_h, reg);
}


static uint32_t wanted_s(const struct reg *reg)
{
	const uint32_t expires_s = reg_pbx(reg)->registration.expires_s;
	const uint32_t min_s = reg->conf.site->min_expires_s;

	return expires_s > min_s ? expires_s : min_s;
}


/** The pacer's turn, or once more at once */
void reg_try(struct reg *reg)
{
	int err;

	err = reg_send(reg, wanted_s(reg));
	if (err) {
		pacer_back(&reg->conf.site->pacer);
		reg_failed(reg, err, NULL, "", false);
	}
}


bool reg_contact_settle(struct reg *reg, const struct sa *mapped,
			bool bound)
{
	struct rare *rare;
	char *moved;

	if (reg_pbx(reg)->contact.address != PBX_ADDRESS_LEARNT ||
	    !sa_isset(mapped, SA_ALL) ||
	    contact_is_at(reg_contact(reg), mapped))
		return false;

	rare = reg_rare(reg);
	if (!rare || contact_move(&moved, reg->conf.contact, mapped))
		return false;

	if (bound) {
		mem_deref(rare->stale);
		rare->stale = NULL;
		(void)str_dup(&rare->stale, reg_contact(reg));
	}

	mem_deref(rare->contact);
	rare->contact = moved;
	info("reg", reg->conf.aor, "the PBX sees us at %J", mapped);

	return true;
}


/** Not now, so that the PBX's budget of failures lasts */
static void hold_back(struct reg *reg, uint64_t patience_ms)
{
	struct advice advice;

	pacer_back(&reg->conf.site->pacer);
	advice_held(&advice, (unsigned)
		    reg_pbx(reg)->registration.failures_per_hour);
	reg_failure_set(reg, 0, NULL, "not sent", &advice);
	reg_wait(reg, patience_ms + token_number() % HOLD_SPREAD_MS);
	reg_state_set(reg, REG_RED);
}


/** The PBX's licence has no more */
static void keep_out(struct reg *reg)
{
	struct advice advice;

	pacer_back(&reg->conf.site->pacer);
	advice_full(&advice, reg_pbx(reg)->registration.max);
	reg_failure_set(reg, 0, NULL, "not sent", &advice);
	reg_wait(reg, FULL_MS + rand_u32() % (FULL_MS / 4));
	reg_state_set(reg, REG_QUEUED);
}


/** @return false: as many are registered as may be */
static bool seat_take(struct reg *reg)
{
	struct site *site = reg->conf.site;
	const int64_t max = site->pbx->registration.max;

	if (!max || reg->seated)
		return true;

	if (site->seatc >= max)
		return false;

	++site->seatc;
	reg->seated = true;

	return true;
}


/** Before a renewal: is it still we whom the PBX has there? */
static bool is_fetch_due(const struct reg *reg)
{
	return reg->state == REG_GREEN && !reg->failurec &&
		reg_is_bound(reg) && site_may_fetch(reg->conf.site);
}


void reg_attempt(void *arg)
{
	struct reg *reg = arg;
	const struct redirect *moved = reg_moved(reg);
	const uint64_t patience_ms = reg->insist ? 0 :
		site_patience(reg->conf.site, reg->proven);

	reg_phase_set(reg, SENDING);
	reg->insist = false;

	if (patience_ms) {
		hold_back(reg, patience_ms);
		return;
	}

	if (!seat_take(reg)) {
		keep_out(reg);
		return;
	}

	reg_lapse_watch(reg);
	reg->roundc = 0;
	if (moved && moved->once)
		reg->rare->moved = mem_deref(reg->rare->moved);
	if (!reg_is_alone(reg))
		(void)reg_contact_settle(reg, &reg->conf.site->mapped,
					 reg_is_bound(reg));

	reg->fetching = is_fetch_due(reg);
	if (reg->fetching && reg_send(reg, 0))
		reg->fetching = false;
	if (!reg->fetching)
		reg_try(reg);
}
