/**
 * @file alive.c  Keepalives to a PBX, and what they tell
 */
#include "bridge/base/log.h"
#include "bridge/sip/health.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/stun.h"
#include "bridge/sip/transp.h"
#include "alive.h"


enum {
	ANSWER_MS    = 5000,       /* for an OPTIONS                       */
	MISSES_MAX   = 2,          /* in a row, then the PBX is gone       */
	PROBE_MS     = 20000,      /* between looks at who is down         */
	PROBES_MAX   = 4,          /* under way                            */
	CALLID_DIGITS = 20,
	TAG_DIGITS   = 8,
	HEAD         = 768,
};


/** One flow that is kept open */
struct alive {
	struct le le;              /* in the site's list                   */
	struct site *site;         /* borrowed: parent                     */
	struct flow *flow;         /* ref                                  */
	struct flow_watch watch;
	struct wheel_tmr tmr;
	struct request *req;       /* owned: an OPTIONS                    */
	struct stun_ask ask;
	struct sa mapped;          /* unset: not known                     */
	uint32_t cseq;
	unsigned misses;           /* in a row                             */
	bool heard;                /* it answers this kind of keepalive    */
	bool stun;                 /* STUN, not OPTIONS                    */
	char callid[CALLID_DIGITS + 1], tag[TAG_DIGITS + 1];
};

/** An OPTIONS to an address that is down */
struct probe {
	struct le le;              /* in the site's list of the same       */
	struct site *site;         /* borrowed: parent                     */
	struct request *req;       /* owned                                */
	enum sip_transp tp;
	struct sa addr;
	uint32_t cseq;
};


static struct wheel *wheel_of(const struct site *site)
{
	return stack_wheel(site->conf->stack);
}


/* ------------------------------------------------------------------ */
/* OPTIONS                                                             */


static int options_send(struct request **reqp, const struct site *site,
			const struct hop *hop, const char *callid,
			const char *tag, uint32_t *cseq, request_h *h,
			void *arg)
{
	const char *domain = site->pbx->sip_domain;
	char ruri[270], head[HEAD];
	struct request_param prm = {
		.method = "OPTIONS", .ruri = ruri, .head = head,
		.cseq = cseq, .hop = *hop,
		.user_agent = site->pbx->user_agent,
	};

	(void)re_snprintf(ruri, sizeof(ruri), "sip:%s", domain);
	if (re_snprintf(head, sizeof(head), "From: <sip:%s>;tag=%s\r\n"
			"To: <sip:%s>\r\nCall-ID: %s\r\n"
			"Accept: application/sdp\r\n", domain, tag, domain,
			callid) < 0)
		return EOVERFLOW;

	return request_send(reqp, site->conf->stack, &prm, h, arg);
}


/* ------------------------------------------------------------------ */
/* A flow                                                              */


static void alive_destructor(void *data)
{
	struct alive *alive = data;

	list_unlink(&alive->le);
	wheel_cancel(&alive->tmr);
	stun_forget(&alive->ask);
	flow_unwatch(&alive->watch);
	mem_deref(alive->req);
	mem_deref(alive->flow);
}


/** Its connection has closed: users that need it open another */
static void closed(struct flow *flow, int err, void *arg)
{
	(void)flow;

	if (err)
		mem_deref(arg);
}


/** The PBX has gone without a word, or a firewall on the way forgot us */
static void lost(struct alive *alive)
{
	struct site *site = alive->site;
	struct flow *flow = alive->flow;

	warning("pbx", site->pbx->name, "%s: %J does not answer keepalives",
		site->tenant, flow_peer(flow));

	health_failed(site->health, flow_transp(flow), flow_peer(flow));
	alive->misses = 0;
	alive->heard  = false;

	if (flow_transp(flow) != SIP_TRANSP_UDP)
		flow_close(flow);          /* its users register anew */
	else
		site->flowh(site, flow, NULL, site->arg);
}


static void missed(struct alive *alive)
{
	/* who never answered one may just not know the method */
	if (++alive->misses >= MISSES_MAX && alive->heard)
		lost(alive);
}


static void options_answered(int err, const struct sip_msg *msg, void *arg)
{
	struct alive *alive = arg;

	if (msg && msg->scode < 200)
		return;

	alive->req = mem_deref(alive->req);

	if (!err) {
		alive->heard  = true;
		alive->misses = 0;
	}
	else if (err == ETIMEDOUT) {
		missed(alive);
	}
}


static void options_ask(struct alive *alive)
{
	struct hop hop;

	if (alive->req)
		return;

	memset(&hop, 0, sizeof(hop));
	hop.flow      = alive->flow;
	hop.answer_ms = ANSWER_MS;

	(void)options_send(&alive->req, alive->site, &hop, alive->callid,
			   alive->tag, &alive->cseq, options_answered, alive);
}


static void stun_answered(const struct sa *mapped, void *arg)
{
	struct alive *alive = arg;
	struct site *site = alive->site;
	const bool moved = sa_isset(&alive->mapped, SA_ALL) &&
		!sa_cmp(&alive->mapped, mapped, SA_ALL);

	alive->heard  = true;
	alive->misses = 0;
	alive->mapped = *mapped;

	if (!moved)
		return;

	info("pbx", site->pbx->name, "%s: the PBX sees us at %J now",
	     site->tenant, mapped);
	site->flowh(site, alive->flow, mapped, site->arg);
}


static void stun_ask(struct alive *alive)
{
	if (stun_is_pending(&alive->ask))
		missed(alive);

	(void)stun_send_request(&alive->ask, alive->flow, stun_answered,
				alive);
}


/** Whether somebody beside us and the table of connections holds it */
static bool is_used(const struct alive *alive)
{
	const uint32_t ours = alive->watch.flow ? 3 : 1;

	return mem_nrefs(alive->flow) > ours;
}


static void turn(void *arg);


static void wait_turn(struct alive *alive)
{
	const uint64_t s = alive->site->pbx->registration.keepalive_s;

	wheel_start(wheel_of(alive->site), &alive->tmr,
		    s * 10 * (80 + rand_u32() % 21), turn, alive);
}


static void turn(void *arg)
{
	struct alive *alive = arg;

	if (!is_used(alive) && !alive->req) {
		mem_deref(alive);
		return;
	}

	wait_turn(alive);
	if (alive->stun)
		stun_ask(alive);
	else
		options_ask(alive);
}


static void alive_start(struct site *site, struct flow *flow, bool stun)
{
	struct alive *alive;

	for (struct le *le = site->alivel.head; le; le = le->next) {
		alive = le->data;
		if (alive->flow == flow)
			return;
	}

	alive = mem_zalloc(sizeof(*alive), alive_destructor);
	if (!alive)
		return;

	alive->site = site;
	alive->flow = mem_ref(flow);
	alive->stun = stun;
	token_random(alive->callid, CALLID_DIGITS);
	token_random(alive->tag, TAG_DIGITS);
	list_append(&site->alivel, &alive->le, alive);
	if (flow_transp(flow) != SIP_TRANSP_UDP)
		flow_watch(&alive->watch, flow, closed, alive);
	wait_turn(alive);
}


void alive_keep(struct site *site, struct flow *flow)
{
	const struct pbx *pbx = site->pbx;
	const bool udp = flow_transp(flow) == SIP_TRANSP_UDP;

	if (!pbx->registration.keepalive_s)
		return;

	switch (pbx->registration.keepalive_by) {

	case PBX_KEEPALIVE_OPTIONS:
		alive_start(site, flow, false);
		break;

	case PBX_KEEPALIVE_STUN:
		if (udp) {
			alive_start(site, flow, true);
			break;
		}
		/* fallthrough */
	case PBX_KEEPALIVE_CRLF:
		(void)flow_keepalive(flow, pbx->registration.keepalive_s,
				     false);
		break;

	default:
		break;
	}
}


/* ------------------------------------------------------------------ */
/* Addresses that are down                                             */


static void probe_destructor(void *data)
{
	struct probe *probe = data;

	list_unlink(&probe->le);
	mem_deref(probe->req);
}


static void probe_answered(int err, const struct sip_msg *msg, void *arg)
{
	struct probe *probe = arg;
	struct site *site = probe->site;

	if (msg && msg->scode < 200)
		return;

	if (err)
		health_failed(site->health, probe->tp, &probe->addr);
	else if (health_answered(site->health, probe->tp, &probe->addr))
		info("pbx", site->pbx->name, "%s: %J answers again",
		     site->tenant, &probe->addr);

	mem_deref(probe);
}


static void probe_send(struct site *site, enum sip_transp tp,
		       const struct sa *addr)
{
	char host[64], callid[CALLID_DIGITS + 1], tag[TAG_DIGITS + 1];
	struct probe *probe;
	struct hop hop;

	probe = mem_zalloc(sizeof(*probe), probe_destructor);
	if (!probe)
		return;

	probe->site = site;
	probe->tp   = tp;
	probe->addr = *addr;
	list_append(&site->probel, &probe->le, probe);

	token_random(callid, CALLID_DIGITS);
	token_random(tag, TAG_DIGITS);
	(void)re_snprintf(host, sizeof(host), "%j", addr);

	site_hop(site, &hop);
	hop.health    = NULL;      /* judged here */
	hop.host      = host;
	hop.port      = sa_port(addr);
	hop.answer_ms = ANSWER_MS;
	if (!hop.tls_name)
		hop.tls_name = site->host;

	if (options_send(&probe->req, site, &hop, callid, tag, &probe->cseq,
			 probe_answered, probe))
		mem_deref(probe);
}


static void probe_turn(void *arg)
{
	struct site *site = arg;
	enum sip_transp tp;
	size_t at = 0;
	struct sa addr;

	alive_probe_start(site);

	if (site->placec < 2)
		return;            /* there is no other that were better */

	while (list_count(&site->probel) < PROBES_MAX &&
	       health_next_down(site->health, &at, &tp, &addr))
		if (tp == site->tp)
			probe_send(site, tp, &addr);
}


void alive_probe_start(struct site *site)
{
	wheel_start(wheel_of(site), &site->probe_tmr,
		    PROBE_MS + rand_u32() % (PROBE_MS / 4), probe_turn, site);
}


void alive_close(struct site *site)
{
	wheel_cancel(&site->probe_tmr);
	list_flush(&site->probel);
	list_flush(&site->alivel);
}
