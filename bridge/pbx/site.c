/**
 * @file site.c  One PBX as the pool sees it
 */
#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/sip/health.h"
#include "bridge/sip/resolve.h"
#include "bridge/sip/routes.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/tlsctx.h"
#include "alive.h"
#include "site.h"


enum {
	SILENT_AFTER = 2,          /* registrations without an answer      */
	PROBE_MS     = 20000,      /* between probes, half as much again at
				      random                               */
	RESOLVE_MS   = 300000,
	HOUR_MS      = 3600000,
	NEXT_MS      = 8000,       /* silence, before another address of the
				      PBX is tried                         */
	FETCH_MS     = 5000,
	COUNT_MS     = 2000,       /* the log counts who registered        */
	BAN_MS       = 600000,     /* from a refusal to the silence: within
				      what fail2ban counts in              */
};


static const enum sip_transp transpv[] = {
	[PBX_UDP] = SIP_TRANSP_UDP,
	[PBX_TCP] = SIP_TRANSP_TCP,
	[PBX_TLS] = SIP_TRANSP_TLS,
};


static void resolve_start(void *arg);


static void destructor(void *data)
{
	struct site *site = data;

	wheel_cancel(&site->resolve_tmr);
	wheel_cancel(&site->registered_tmr);
	alive_close(site);
	pacer_close(&site->pacer);
	list_unlink(&site->le);
	mem_deref(site->resolve);
	mem_deref(site->health);
	mem_deref(site->routes);
	mem_deref(site->pbx);
	mem_deref(site->tenant);
	mem_deref(site->host);
	mem_deref(site->tls);
}


static bool is_address(const char *host)
{
	struct sa sa;

	return !sa_set_str(&sa, host, 0);
}


static void resolved_h(int err, const struct resolved *v, size_t c,
		       void *arg)
{
	struct site *site = arg;

	site->resolve = mem_deref(site->resolve);

	if (!err)
		site->placec = c;

	for (size_t i = 0; !err && i < c; i++)
		site_learn(site, &v[i].addr);
}


/** Every now and then: a PBX may call from any address that its name has */
static void resolve_start(void *arg)
{
	struct site *site = arg;

	if (!site->resolve)
		(void)resolve(&site->resolve, site->conf->resolver,
			      site->host, site->port, site->tp, resolved_h,
			      site);

	wheel_start(stack_wheel(site->conf->stack), &site->resolve_tmr,
		    RESOLVE_MS, resolve_start, site);
}


static void addresses_start(struct site *site)
{
	struct sa sa;

	if (!sa_set_str(&sa, site->host, 0))
		site_learn(site, &sa);
	else if (site->conf->resolver)
		wheel_start(stack_wheel(site->conf->stack),
			    &site->resolve_tmr, 0, resolve_start, site);
}


static int trust_alloc(struct site *site, struct errors *errs)
{
	static const enum tls_verify verifyv[] = {
		[PBX_VERIFY_FULL]  = TLS_VERIFY_FULL,
		[PBX_VERIFY_CHAIN] = TLS_VERIFY_CHAIN,
		[PBX_VERIFY_NONE]  = TLS_VERIFY_NONE,
	};
	const struct pbx *pbx = site->pbx;
	const struct tlsctx_conf conf = {
		.ca_file = pbx->tls.ca_file,
		.verify  = verifyv[pbx->tls.verify],
	};

	/* The listener's trust is the public authorities, checked in full */
	if (site->tp != SIP_TRANSP_TLS ||
	    (!pbx->tls.ca_file && pbx->tls.verify == PBX_VERIFY_FULL))
		return 0;

	return tlsctx_alloc(&site->tls, &conf, errs, NULL);
}


int site_alloc(struct site **sitep, const struct pool_conf *conf,
	       const char *tenant, struct pbx *pbx, site_silent_h *silenth,
	       site_flow_h *flowh, void *arg, struct errors *errs)
{
	struct site *site;
	char host[256];
	int err;

	site = mem_zalloc(sizeof(*site), destructor);
	if (!site)
		return ENOMEM;

	site->conf    = conf;
	site->pbx     = mem_ref(pbx);
	site->away    = pbx->away;
	site->tp      = transpv[pbx->protocol];
	site->silenth = silenth;
	site->flowh   = flowh;
	site->arg     = arg;
	pacer_init(&site->pacer, stack_wheel(conf->stack),
		   (uint32_t)pbx->registration.per_second,
		   (uint32_t)pbx->registration.burst);

	err = pbx_host(pbx, host, sizeof(host), &site->port);
	if (err || !conf->lsnrv[site->tp]) {
		errors_add(errs, NULL, "pbx", err ?
			   "%s: %s: neither sip_proxy nor sip_domain says"
			   " where it is" :
			   "%s: %s: the node has no port for the protocol of"
			   " this PBX (sip.udp_port, tcp_port, tls_port)",
			   tenant, pbx->name);
		err = EBADMSG;
		goto out;
	}

	err  = str_dup(&site->host, host);
	err |= str_dup(&site->tenant, tenant);
	err |= health_alloc(&site->health, stack_wheel(conf->stack));
	if (err) {
		err = ENOMEM;
		goto out;
	}

	/* A proxy given as address has the certificate of the domain */
	if (is_address(site->host) && !is_address(site->pbx->sip_domain))
		site->tls_name = site->pbx->sip_domain;

	err = trust_alloc(site, errs);
	if (err)
		goto out;

	addresses_start(site);
	alive_probe_start(site);

 out:
	if (err)
		mem_deref(site);
	else
		*sitep = site;

	return err;
}


void site_hop(const struct site *site, struct hop *hop)
{
	memset(hop, 0, sizeof(*hop));

	hop->resolver = site->conf->resolver;
	hop->host     = site->host;
	hop->port     = site->port;
	hop->tp       = site->tp;
	hop->tls      = site->tls;
	hop->failover_503 = true;
	hop->next_ms  = NEXT_MS;
	hop->health   = site->health;
	hop->lsnrv[site->tp] = site->conf->lsnrv[site->tp];

	/* What does not fit into a datagram (RFC 3261 section 18.1.1) */
	if (site->tp == SIP_TRANSP_UDP)
		hop->lsnrv[SIP_TRANSP_TCP] =
			site->conf->lsnrv[SIP_TRANSP_TCP];

	hop->tls_name = site->tls_name;
}


void site_learn(struct site *site, const struct sa *addr)
{
	if (!sa_isset(addr, SA_ADDR) || site_has(site, addr))
		return;

	site->addrv[site->addr_next] = *addr;
	site->addr_next = (site->addr_next + 1) % SITE_ADDRS;
	if (site->addrc < SITE_ADDRS)
		++site->addrc;
}


bool site_has(const struct site *site, const struct sa *addr)
{
	for (size_t i = 0; i < site->addrc; i++)
		if (sa_cmp(&site->addrv[i], addr, SA_ADDR))
			return true;

	return false;
}


void site_answered(struct site *site)
{
	const bool silent = site_is_silent(site);

	site->silence = 0;
	site->banned  = false;

	if (!silent)
		return;

	info("pbx", site->pbx->name, "%s: answers again", site->tenant);
	pacer_silent_set(&site->pacer, false, 0);
	site->silenth(site, false, site->arg);
}


void site_unanswered(struct site *site)
{
	const bool silent = site_is_silent(site);
	const uint64_t now = wheel_now(stack_wheel(site->conf->stack));

	if (!site->silence++)
		site->banned = site->refused_ms &&
			now - site->refused_ms < BAN_MS;

	if (!site_is_silent(site))
		return;

	if (!silent)
		warning("pbx", site->pbx->name, "%s: silent; one user at a"
			" time asks until it answers", site->tenant);

	pacer_silent_set(&site->pacer, true,
			 PROBE_MS + token_number() % (PROBE_MS / 2));
	if (!silent)
		site->silenth(site, true, site->arg);
}


/** The budget as one moment: every failure moves it by its share of an hour,
    and it is used up while it lies an hour ahead */
static uint64_t share_ms(const struct site *site)
{
	return HOUR_MS / (uint64_t)site->pbx->registration.failures_per_hour;
}


void site_refused(struct site *site)
{
	const uint64_t now = wheel_now(stack_wheel(site->conf->stack));

	if (site->spent_ms < now)
		site->spent_ms = now;

	site->spent_ms += share_ms(site);
	site->refused_ms = now;
	++site->refusedc;
}


static void tell_registered(void *arg)
{
	struct site *site = arg;

	info("pbx", site->pbx->name, "%s: %u %s registered", site->tenant,
	     site->registeredc, site->registeredc == 1 ? "user" : "users");
	site->registeredc = 0;
}


void site_registered(struct site *site)
{
	if (!site->registeredc++)
		wheel_start(stack_wheel(site->conf->stack),
			    &site->registered_tmr, COUNT_MS, tell_registered,
			    site);
}


void site_accepted(struct site *site)
{
	site->refusedc = 0;
}


uint64_t site_patience(const struct site *site, bool proven)
{
	const uint64_t now = wheel_now(stack_wheel(site->conf->stack));
	const uint64_t next = site->spent_ms + share_ms(site);

	if (proven && site->refusedc <
	    (uint64_t)site->pbx->registration.failures_per_hour)
		return 0;

	return next > now + HOUR_MS ? next - now - HOUR_MS : 0;
}


bool site_is_banned(const struct site *site)
{
	return site->banned;
}


bool site_is_silent(const struct site *site)
{
	return site->silence >= SILENT_AFTER;
}


bool site_may_fetch(struct site *site)
{
	const uint64_t now = wheel_now(stack_wheel(site->conf->stack));

	if (!site->pbx->registration.fetch_bindings || site->no_fetch ||
	    (site->fetch_ms && now - site->fetch_ms < FETCH_MS))
		return false;

	site->fetch_ms = now;

	return true;
}


struct routes *site_routes(struct site *site, const struct sip_msg *msg)
{
	struct routes *routes;

	if (service_routes_read(&routes, msg) == EBADMSG)
		warning("pbx", site->pbx->name, "%s: a Service-Route that"
			" cannot be followed is left out", site->tenant);

	if (!routes)
		return NULL;

	if (!routes_equal(routes, site->routes)) {
		mem_deref(site->routes);
		site->routes = mem_ref(routes);
	}

	mem_deref(routes);

	return mem_ref(site->routes);
}
