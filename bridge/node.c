/**
 * @file node.c  Wires the rooms together
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/tape.h"
#include "bridge/base/version.h"
#include "bridge/base/wheel.h"
#include "bridge/call/calls.h"
#include "bridge/call/music.h"
#include "bridge/media/media.h"
#include "bridge/model/own_name.h"
#include "bridge/pbx/pool.h"
#include "bridge/sip/compat.h"
#include "bridge/sip/hep.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/resolve.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "bridge/sip/tlsctx.h"
#include "bridge/sip/trace.h"
#include "bridge/sip/transp.h"
#include "bridge/store/journal.h"
#include "bridge/store/live.h"
#include "bridge/teams/trunk.h"
#include "about.h"
#include "config.h"
#include "keeper.h"
#include "lease.h"
#include "lender.h"
#include "node.h"
#include "reach.h"
#include "portal-api/portal.h"


enum {
	TICK_MS      = 4,          /* timers so close fire together; divides
				      the steps of those who wait for each
				      other (pacer.c, wheel.c)              */
	GATHER_MS    = 32,         /* statuses for the journal wait so long */
	SOON_ROUNDS  = 3,          /* in one tick                           */
	DRAIN_END_MS = 4000,       /* for the last BYEs and un-REGISTERs    */
	SILENCE_S    = 30,         /* told that often, at most              */
	CERT_CHECK_MS = 3600 * 1000,
	ABOUT_MS     = 2000,
	CERT_WARN_S  = 30 * 86400,
	DNS_PORT_MAX = 8,
};

/** What the queue to the SIP thread brings */
enum { COMMAND, QUIET, WISH };


struct node {
	char *path;                /* owned: the configuration file         */
	struct config *conf;       /* owned                                 */
	struct wheel *wheel;       /* owned, as all below                   */
	struct trace *trace;
	struct tapes *tapes;       /* voice that somebody asked to keep     */
	struct hep *hep;           /* NULL: no collector                    */
	struct stack *stack;
	struct resolver *resolver;
	struct tlsctx *teams_tls, *sip_tls;
	struct listener *teams_lsnr;
	struct listener *lsnrv[SIP_TRANSPC];
	struct media *media;
	struct pool *pool;
	struct trunks *trunks;
	struct calls *calls;
	struct journal *journal;
	struct live *live;
	struct portal *portal;
	struct keeper *keeper;
	struct lease *lease;       /* which PBXs are ours                   */
	struct list tenantl;       /* struct tenant: of files and store    */
	struct mqueue *commands;   /* from the portal's thread              */
	struct mqueue *news;       /* from the keeper's                     */
	struct mqueue *leases;     /* from the lease's                      */
	struct loop_fd tick, media_fd;
	int tick_fd;
	struct wheel_tmr drain_tmr, cert_tmr, gather_tmr, about_tmr;
	uint64_t wake_ms;          /* when the wheel wants to be advanced   */
	bool ticking;              /* timers are being fired                */
	bool stopping;
	bool ending;
};


static void field_error(struct errors *errs, const struct config *conf,
			const char *field, const char *fmt, ...)
{
	struct place place;
	char buf[512];
	va_list ap;

	config_place(conf, field, &place);

	va_start(ap, fmt);
	(void)re_vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	errors_add(errs, &place, field, "%s", buf);
}


/* --- what goes out: status and records --- */


static void gathered_h(void *arg)
{
	struct node *node = arg;

	(void)journal_flush(node->journal);
}


/** What was given to the journal is written soon, when others wake us too */
static void gather(struct node *node)
{
	if (!wheel_is_running(&node->gather_tmr))
		wheel_start(node->wheel, &node->gather_tmr, GATHER_MS -
			    wheel_now(node->wheel) % GATHER_MS, gathered_h,
			    node);
}


static void reg_status_h(const struct reg_status *st, void *arg)
{
	struct node *node = arg;

	/* a refresh like all before it is nothing to remember; what another
	   node does is for that one to tell */
	if (!live_reg(node->live, st) || st->away)
		return;

	(void)journal_reg(node->journal, st);
	gather(node);
}


static void trunk_status_cb(const struct trunk_status *st, void *arg)
{
	struct node *node = arg;

	if (!live_trunk(node->live, st))
		return;

	(void)journal_trunk(node->journal, st);
	gather(node);
}


static void record_h(const struct call_record *rec, void *arg)
{
	struct node *node = arg;

	(void)journal_call(node->journal, rec);
	live_call(node->live, rec);
}


/* --- what comes in --- */


static void request_in_h(struct strans *st, const struct sip_msg *msg,
			 void *arg)
{
	struct node *node = arg;
	const bool teams = trunks_is_from(node->trunks, msg);

	if (!pl_strcmp(&msg->met, "INVITE"))
		calls_request(node->calls, st, msg);
	else if (teams ? !trunks_request(node->trunks, st, msg) :
		 !pool_request(node->pool, st, msg))
		strans_reject(st, 405, "Method Not Allowed");
}


static bool admit_h(const struct listener *lsnr, const struct sa *peer,
		    void *arg)
{
	const struct node *node = arg;

	if (lsnr == node->teams_lsnr)
		return trunks_admit(node->trunks, peer);

	return pool_admits(node->pool, peer);
}


/** The kernel's timer fires when the wheel has something to do, and not
    before */
static void tick_set(const struct node *node)
{
	const uint64_t at_ms = (node->wake_ms + TICK_MS - 1) / TICK_MS
		* TICK_MS;
	struct itimerspec at = { .it_value.tv_sec = 0 };

	if (!node->wake_ms) {
		at.it_value.tv_nsec = 1;           /* of the past */
	}
	else if (node->wake_ms != UINT64_MAX) {
		at.it_value.tv_sec  = (time_t)(at_ms / 1000);
		at.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000;
	}

	(void)timerfd_settime(node->tick_fd, TFD_TIMER_ABSTIME, &at, NULL);
}


static void wake_h(uint64_t at_ms, void *arg)
{
	struct node *node = arg;

	node->wake_ms = at_ms;
	if (!node->ticking)
		tick_set(node);
}


/** What shall happen at once does not wait for the next turn of the loop if
    it is a timer that wants it */
static void tick_h(int flags, void *arg)
{
	struct node *node = arg;
	unsigned rounds = 0;
	uint64_t n;
	(void)flags;

	if (read(node->tick_fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;

	node->ticking = true;
	do {
		wheel_advance(node->wheel, clock_ms());
	}
	while (!node->wake_ms && ++rounds < SOON_ROUNDS);
	node->ticking = false;

	tick_set(node);
}


static void media_h(int flags, void *arg)
{
	struct node *node = arg;
	(void)flags;

	media_dispatch(node->media);
}


/* --- starting --- */


static int address_get(struct sa *sa, const char *address,
		       const struct config *conf, const char *field,
		       struct errors *errs)
{
	if (sa_set_str(sa, address, 0)) {
		field_error(errs, conf, field, "want an IP address of this "
			    "machine, found \"%s\"", address);
		return EBADMSG;
	}

	/* Contact and descriptions need an address that a peer can reach */
	if (sa_is_any(sa) && net_default_source_addr_get(sa_af(sa), sa)) {
		field_error(errs, conf, field, "%s stands for the address of "
			    "the default route, and this machine has none: "
			    "want the address itself", address);
		return EBADMSG;
	}

	return 0;
}


static int teams_tls(struct tlsctx **ctxp, const struct config *config,
		     struct errors *errs)
{
	const struct nodeconf *node = config_node(config);
	const struct tlsctx_conf conf = {
		.certificate = node->teams.certificate,
		.key         = node->teams.key,
		.ca_file     = node->teams.ca_file,
		.verify      = TLS_VERIFY_FULL,
		.ask_client  = true,
		.peer_namev  = (const char *const *)node->teams.peer_names.v,
		.peer_namec  = node->teams.peer_names.c,
		.allow_no_client_cert = node->teams.allow_no_client_cert,
	};
	struct place place;

	config_place(config, "teams.certificate", &place);

	return tlsctx_alloc(ctxp, &conf, errs, &place);
}


static int sip_tls(struct tlsctx **ctxp, const struct config *config,
		   struct errors *errs)
{
	const struct nodeconf *node = config_node(config);
	const struct tlsctx_conf conf = {
		.certificate = node->sip.certificate,
		.key         = node->sip.key,
		.verify      = TLS_VERIFY_FULL,
	};
	struct place place;

	config_place(config, "sip.certificate", &place);

	return tlsctx_alloc(ctxp, &conf, errs, &place);
}


/** Each tenant's name must stand in the certificate, or Teams refuses it */
static int names_check(const struct tlsctx *ctx, const struct config *conf,
		       struct errors *errs)
{
	const char *carrier = config_node(conf)->teams.carrier;
	char own[OWN_NAME_SIZE];
	const struct le *le;
	int err = 0;

	if (carrier && !tlsctx_has_name(ctx, carrier)) {
		field_error(errs, conf, "teams.carrier",
			    "the certificate does not hold the carrier's "
			    "name %s", carrier);
		err = EBADMSG;
	}

	for (le = list_head(config_tenants(conf)); le; le = le->next) {
		const struct tenant *tenant = le->data;
		const char *name = own_name(&config_node(conf)->teams.own_names,
					    tenant->teams.fqdn, own);

		if (!name || tlsctx_has_name(ctx, name))
			continue;

		field_error(errs, conf, "teams.certificate",
			    "the certificate does not hold the name %s of "
			    "tenant %s", name, tenant->tenant);
		err = EBADMSG;
	}

	return err;
}


static bool has_teams(const struct nodeconf *node)
{
	return node->teams.certificate != NULL;
}


static int tls_load(struct node *node, struct errors *errs)
{
	const struct nodeconf *nc = config_node(node->conf);
	int err = 0;

	if (has_teams(nc)) {
		err = teams_tls(&node->teams_tls, node->conf, errs);
		if (!err)
			err = names_check(node->teams_tls, node->conf, errs);
	}

	if (!err)
		err = sip_tls(&node->sip_tls, node->conf, errs);

	return err;
}


int node_check(const char *path, struct errors *errs)
{
	struct node *node;
	int err;

	node = mem_zalloc(sizeof(*node), NULL);
	if (!node)
		return ENOMEM;

	err = config_load(&node->conf, path, errs);
	if (!err)
		err = tls_load(node, errs);

	mem_deref(node->teams_tls);
	mem_deref(node->sip_tls);
	mem_deref(node->conf);
	music_close();
	mem_deref(node);

	return err;
}


static int listen_on(struct node *node, struct listener **lsnrp,
		     const struct listener_conf *conf, const char *field,
		     struct errors *errs)
{
	int err = listener_alloc(lsnrp, node->stack, conf);

	if (err)
		field_error(errs, node->conf, field,
			    "cannot listen on %s %J: %s",
			    sip_transp_name(conf->tp), &conf->laddr,
			    strerror(err));

	return err ? EBADMSG : 0;
}


static int listen_pbx(struct node *node, struct errors *errs)
{
	static const char *const fields[] = {
		[SIP_TRANSP_UDP] = "sip.udp_port",
		[SIP_TRANSP_TCP] = "sip.tcp_port",
		[SIP_TRANSP_TLS] = "sip.tls_port",
	};
	const struct nodeconf *nc = config_node(node->conf);
	const int64_t ports[] = {
		[SIP_TRANSP_UDP] = nc->sip.udp_port,
		[SIP_TRANSP_TCP] = nc->sip.tcp_port,
		[SIP_TRANSP_TLS] = nc->sip.tls_port,
	};
	struct listener_conf conf = {
		.name = "pbx",
		.host = nc->sip.public_address,
	};
	size_t i;
	int err = 0;

	err = address_get(&conf.laddr, nc->sip.address, node->conf,
			  "sip.address", errs);

	for (i = 0; i < RE_ARRAY_SIZE(ports) && !err; i++) {
		if (!ports[i])
			continue;

		sa_set_port(&conf.laddr, (uint16_t)ports[i]);
		conf.tp = (enum sip_transp)i;
		conf.tls = i == SIP_TRANSP_TLS ? node->sip_tls : NULL;
		err = listen_on(node, &node->lsnrv[i], &conf, fields[i], errs);
	}

	return err;
}


static int listen_teams(struct node *node, struct errors *errs)
{
	const struct nodeconf *nc = config_node(node->conf);
	struct listener_conf conf = {
		.name = "teams",
		.tp   = SIP_TRANSP_TLS,
		.tls  = node->teams_tls,
		.host = nc->teams.public_address,
	};
	int err;

	if (!has_teams(nc)) {
		warning("node", "", "teams.certificate is not set: no calls "
			"to and from Teams, only registrations");
		return 0;
	}

	err = address_get(&conf.laddr, nc->teams.address, node->conf,
			  "teams.address", errs);
	if (err)
		return err;

	sa_set_port(&conf.laddr, (uint16_t)nc->teams.port);

	return listen_on(node, &node->teams_lsnr, &conf, "teams.port", errs);
}


static int resolver_start(struct node *node, struct errors *errs)
{
	const struct nodeconf *nc = config_node(node->conf);
	struct sa srvv[DNS_PORT_MAX];
	size_t i, n = 0;
	struct le *le;
	int err = 0;

	for (i = 0; i < nc->dns.servers.c && n < RE_ARRAY_SIZE(srvv); i++) {
		const char *text = nc->dns.servers.v[i];

		if (nodeconf_address(&srvv[n], text, 53)) {
			field_error(errs, node->conf, "dns.servers", "want "
				    "ADDRESS or ADDRESS:PORT, found \"%s\"",
				    text);
			return EBADMSG;
		}
		++n;
	}

	err = resolver_alloc(&node->resolver, node->wheel, srvv, n);

	for (le = list_head(&nc->dns.hosts); le && !err; le = le->next) {
		const struct nodeconf_host *host = le->data;
		struct sa sa;

		if (nodeconf_address(&sa, host->address, 0)) {
			field_error(errs, node->conf, "dns.hosts", "want an "
				    "address for %s, found \"%s\"",
				    host->name, host->address);
			return EBADMSG;
		}
		err = resolver_host_add(node->resolver, host->name, &sa);
	}

	return err;
}


static int public_get(struct sa *sa, const char *address)
{
	sa_init(sa, AF_INET);

	return address ? sa_set_str(sa, address, 0) : 0;
}


/** How a running call goes is no news for the journal */
static void live_h(const struct call_record *rec, void *arg)
{
	struct node *node = arg;

	live_call(node->live, rec);
}


static int calls_start(struct node *node, struct errors *errs)
{
	const struct nodeconf *nc = config_node(node->conf);
	struct calls_conf conf = {
		.stack  = node->stack,
		.media  = node->media,
		.pool   = node->pool,
		.trunks = node->trunks,
		.trace  = node->trace,
		.tapes  = node->tapes,
		.node   = nc,
		.liveh  = live_h,
	};
	int err;

	err = address_get(&conf.pbx_laddr, nc->sip.address, node->conf,
			  "sip.address", errs);
	conf.teams_laddr = conf.pbx_laddr;
	if (!err && has_teams(nc))
		err = address_get(&conf.teams_laddr, nc->teams.address,
				  node->conf, "teams.address", errs);
	if (err)
		return err;

	if (public_get(&conf.pbx_public, nc->sip.public_address) ||
	    public_get(&conf.teams_public, nc->teams.public_address)) {
		field_error(errs, node->conf, "public_address",
			    "want an IP address");
		return EBADMSG;
	}

	return calls_alloc(&node->calls, &conf, record_h, node);
}


/** How often silence is told: about each half a minute, and so that the limit
    is met */
static uint32_t silence_step_ms(uint32_t limit_s)
{
	const uint32_t steps = (limit_s + SILENCE_S - 1) / SILENCE_S;

	return limit_s * 1000 / (steps ? steps : 1);
}


static int media_start(struct node *node)
{
	const struct nodeconf *nc = config_node(node->conf);
	const struct media_conf conf = {
		.workers  = (unsigned)nc->media.workers,
		.port_min = (uint16_t)nc->media.port_min,
		.port_max = (uint16_t)nc->media.port_max,
		.silence_ms = silence_step_ms(nc->media.silence_limit_s),
		.dscp     = 46,
	};
	int err;

	err = media_alloc(&node->media, &conf);
	if (err)
		return err;

	return loop_listen(&node->media_fd, media_fd(node->media), FD_READ,
			   media_h, node);
}


/** Copies of messages to a collector, if there is one */
static int hep_start(struct node *node)
{
	const struct nodeconf *nc = config_node(node->conf);
	const struct hep_conf conf = {
		.collector  = nc->hep.collector,
		.tcp        = nc->hep.protocol == NODECONF_HEP_TCP,
		.capture_id = (uint32_t)nc->hep.capture_id,
		.password   = nc->hep.password,
	};
	int err;

	if (!nc->hep.collector)
		return 0;

	err = hep_alloc(&node->hep, &conf);
	if (!err)
		stack_hep_set(node->stack, node->hep);

	return err;
}


static int sip_start(struct node *node, struct errors *errs)
{
	const struct nodeconf *nc = config_node(node->conf);
	const struct stack_conf conf = {
		.wheel    = node->wheel,
		.software = "Callbridge/" CALLBRIDGE_VERSION,
	};
	int err;

	err = trace_alloc(&node->trace, (size_t)nc->trace.memory_mb << 20);
	if (!err)
		err = tapes_alloc(&node->tapes,
				  (size_t)nc->trace.voice_mb << 20);
	if (!err)
		err = stack_alloc(&node->stack, &conf);
	if (err)
		return err;

	stack_trace_set(node->stack, node->trace);
	err = hep_start(node);
	if (err)
		return err;

	stack_handlers_set(node->stack, request_in_h, admit_h, node);

	err = resolver_start(node, errs);
	if (!err)
		err = listen_pbx(node, errs);
	if (!err)
		err = listen_teams(node, errs);

	return err;
}


static int sides_start(struct node *node)
{
	struct pool_conf pc = {
		.stack    = node->stack,
		.resolver = node->resolver,
		.spread   = true,
	};
	const struct trunks_conf tc = {
		.stack    = node->stack,
		.resolver = node->resolver,
		.lsnr     = node->teams_lsnr,
		.node     = config_node(node->conf),
	};
	int err;

	memcpy(pc.lsnrv, node->lsnrv, sizeof(pc.lsnrv));
	err = pool_alloc(&node->pool, &pc, reg_status_h, node);
	if (!err)
		err = trunks_alloc(&node->trunks, &tc, trunk_status_cb, node);

	return err;
}


static int wheel_run(struct node *node)
{
	int err;

	err = wheel_alloc(&node->wheel, clock_ms());
	if (err)
		return err;

	/* a timer of the kernel's, not of libre's: those of old versions
	   follow the wall clock and stop when it is set back */
	node->tick_fd = timerfd_create(CLOCK_MONOTONIC,
				       TFD_NONBLOCK | TFD_CLOEXEC);
	if (node->tick_fd < 0)
		return errno;

	wheel_wake_set(node->wheel, wake_h, node);

	return loop_listen(&node->tick, node->tick_fd, FD_READ, tick_h, node);
}


static int apply(struct node *node, struct errors *errs)
{
	int err;

	lease_mark(node->lease, &node->tenantl);
	err = pool_apply(node->pool, &node->tenantl, errs);
	if (!err && node->teams_lsnr)
		err = trunks_apply(node->trunks, &node->tenantl);

	return err;
}


static bool is_named(const struct list *tenantl, const char *name)
{
	for (struct le *le = list_head(tenantl); le; le = le->next) {
		const struct tenant *tenant = le->data;

		if (!strcmp(tenant->tenant, name))
			return true;
	}

	return false;
}


/** Does this tenant make room for the news? */
static bool is_over(const struct tenant *tenant,
		    const struct keeper_news *news)
{
	if (!tenant->stored)
		return news->conf && !strings_has(news->same,
						  tenant->tenant);

	return strings_has(news->gone, tenant->tenant) ||
		is_named(&news->tenantl, tenant->tenant);
}


/** A name that the certificate lacks is this tenant's trouble alone */
static void names_warn(const struct node *node, const struct list *tenantl)
{
	char own[OWN_NAME_SIZE];

	for (struct le *le = list_head(tenantl); le; le = le->next) {
		const struct tenant *tenant = le->data;
		const char *name = own_name(
			&config_node(node->conf)->teams.own_names,
			tenant->teams.fqdn, own);

		if (node->teams_tls && name &&
		    !tlsctx_has_name(node->teams_tls, name))
			warning("node", tenant->tenant, "the certificate"
				" towards Teams does not hold the name %s:"
				" Teams will not take calls from it", name);
	}
}


static void list_move(struct list *to, struct list *from)
{
	struct le *le;

	while ((le = list_head(from))) {
		list_unlink(le);
		list_append(to, le, le->data);
	}
}


/** Go by the news: all of them, or stay as we were */
static int news_apply(struct node *node, struct keeper_news *news,
		      struct errors *errs)
{
	struct list overl = LIST_INIT, stayl = LIST_INIT;
	struct le *le;
	size_t newc;
	int err;

	while ((le = list_head(&node->tenantl))) {
		list_unlink(le);
		list_append(is_over(le->data, news) ? &overl : &stayl, le,
			    le->data);
	}

	names_warn(node, &news->tenantl);
	if (news->conf)
		config_take_tenants(news->conf, &news->tenantl);

	newc = list_count(&news->tenantl);
	list_move(&node->tenantl, &stayl);
	list_move(&node->tenantl, &news->tenantl);

	err = apply(node, errs);
	if (err) {
		while (newc--) {
			le = list_tail(&node->tenantl);
			list_unlink(le);
			list_append(&news->tenantl, le, le->data);
		}
		list_move(&node->tenantl, &overl);
	}

	list_flush(&overl);

	return err;
}


/** The portal shows which certificates are in use, and when they end */
static void certs_tell(const struct node *node)
{
	struct tlsctx_about about;
	int err;

	err = tlsctx_about(node->teams_tls, &about);
	portal_certificate(node->portal, PORTAL_USE_TEAMS,
			   err ? NULL : &about);
	err = tlsctx_about(node->sip_tls, &about);
	portal_certificate(node->portal, PORTAL_USE_PBX, err ? NULL : &about);
}


static void cert_check_h(void *arg)
{
	struct node *node = arg;
	int64_t left_s;

	certs_tell(node);
	if (node->teams_tls) {
		left_s = tlsctx_expires_s(node->teams_tls);
		if (left_s < CERT_WARN_S)
			warning("node", "", "the certificate towards Teams "
				"ends in %u days: renew it",
				(unsigned)(left_s / 86400));
	}

	wheel_start(node->wheel, &node->cert_tmr, CERT_CHECK_MS, cert_check_h,
		    node);
}


/* --- the portal's commands --- */


static void quiet_take(struct node *node, struct portal_quiet *quiet)
{
	const int err = calls_quiet_set(node->calls, quiet->tenant,
					quiet->scode, &quiet->upns,
					quiet->valid_s);

	if (err)
		warning("node", quiet->tenant, "who does not want to be"
			" disturbed cannot be kept: %m", err);

	mem_deref(quiet);
}


static void command_h(int id, void *data, void *arg)
{
	struct portal_command *cmd = data;
	struct node *node = arg;
	int err;

	if (id == QUIET) {
		quiet_take(node, data);
		return;
	}

	if (id == WISH) {
		wish_grant(data, &node->tenantl);
		return;
	}

	switch (cmd->type) {

	case PORTAL_RELOAD:
		err = keeper_reload(node->keeper, cmd->portal, cmd->id);
		if (!err)
			goto out;  /* the news will answer */
		break;

	case PORTAL_RETRY: {
		struct account *acc = pool_find_upn(node->pool, cmd->tenant,
						    cmd->upn);

		err = acc ? account_register_now(acc) : ENOENT;
		break;
	}

	default:
		err = ENOSYS;
		break;
	}

	portal_reply(cmd->portal, cmd->id, err, "");

 out:
	mem_deref(cmd);
}


/** Runs in the portal's thread: the value changes owner */
static int command_push(const struct portal_command *cmd, void *arg)
{
	struct node *node = arg;
	struct portal_command *copy;
	int err;

	copy = mem_alloc(sizeof(*copy), NULL);
	if (!copy)
		return ENOMEM;

	*copy = *cmd;
	err = mqueue_push(node->commands, COMMAND, copy);
	if (err)
		mem_deref(copy);

	return err ? EAGAIN : 0;
}


/** Runs in the portal's thread, likewise */
static void quiet_push(struct portal_quiet *quiet, void *arg)
{
	struct node *node = arg;

	if (mqueue_push(node->commands, QUIET, quiet))
		mem_deref(quiet);
}


/** In a worker of the portal's */
static int password_ask(char **passwordp, const char *tenant,
			const char *upn, void *arg)
{
	struct node *node = arg;

	return wish_password(passwordp, node->commands, WISH, tenant, upn);
}


/** In any thread of the portal's */
static void store_changed(void *arg)
{
	struct node *node = arg;

	keeper_nudge(node->keeper);
}


/** A portal that nobody asked for by name does not keep calls from being
    made; one that was configured is to be there */
static int portal_start_or_warn(struct node *node, struct portal_conf *conf,
				struct errors *errs)
{
	struct place place;
	int err;

	err = portal_start(&node->portal, conf, errs);
	config_place(node->conf, "portal", &place);
	if (err != EADDRINUSE || !conf->address || place.line)
		return err;

	/* is it the control socket that is in use, or the port? */
	conf->address = NULL;
	err = portal_start(&node->portal, conf, errs);
	if (!err)
		warning("node", "", "the portal has no port of its own: port"
			" %u is in use; set portal.port", conf->port);

	return err;
}


/** Where PBXs and Teams meet us */
static void reach_read(struct portal_reach *reach, const struct node *node)
{
	const struct listener *pbx = NULL;

	for (size_t i = 0; i < RE_ARRAY_SIZE(node->lsnrv) && !pbx; i++)
		pbx = node->lsnrv[i];

	reach_set(reach, config_node(node->conf),
		  pbx ? listener_laddr(pbx) : NULL, node->teams_lsnr ?
		  listener_laddr(node->teams_lsnr) : NULL);
}


/** Others are told how this node stands */
static void about_h(void *arg)
{
	struct node *node = arg;
	struct portal_reach reach;
	const struct about about = {
		.url = portal_url(node->portal), .reach = &reach,
		.live = node->live, .calls = calls_count(node->calls),
	};

	reach_read(&reach, node);
	lease_about(node->lease, about_text(&about));
	wheel_start(node->wheel, &node->about_tmr, ABOUT_MS, about_h, node);
}


static int portal_run(struct node *node, struct errors *errs)
{
	const struct nodeconf *nc = config_node(node->conf);
	char path[512];
	struct portal_conf conf = {
		.socket_path = path,
		.live        = node->live,
		.trace       = node->trace,
		.tapes       = node->tapes,
		.state_dir   = nc->state_dir,
		.commandh    = command_push,
		.arg         = node,
		.software    = "Callbridge/" CALLBRIDGE_VERSION,
		.changedh    = store_changed,
		.quieth      = quiet_push,
		.passwordh   = password_ask,
		.store_url   = keeper_url(node->keeper),
		.key_file    = keeper_key_file(node->keeper),
		.templates   = nc->templates,
		.address     = nc->portal.port ? nc->portal.address : NULL,
		.port        = (uint16_t)nc->portal.port,
		.certificate = nc->portal.certificate,
		.key         = nc->portal.key,
		.url         = nc->portal.url,
		.conns       = (unsigned)nc->portal.conns,
		.conns_source = (unsigned)nc->portal.conns_source,
		.config      = keeper_path(node->keeper),
		.tests = {
			.at_once     = (unsigned)nc->tests.at_once,
			.question_ms = nc->tests.question_s * 1000,
			.teams_sim   = nc->tests.teams_sim,
		},
		.oidc = {
			.issuer        = nc->portal.oidc.issuer,
			.client_id     = nc->portal.oidc.client_id,
			.client_secret = nc->portal.oidc.client_secret,
			.claim         = nc->portal.oidc.claim,
			.title         = nc->portal.oidc.title,
			.ca_file       = nc->portal.oidc.ca_file,
		},
		.node = keeper_node(node->keeper),
		.microsoft = {
			.login_url = nc->microsoft.login_url,
			.graph_url = nc->microsoft.graph_url,
			.ca_file   = nc->microsoft.ca_file,
			.carrier   = nc->teams.carrier,
			.presence_s = nc->microsoft.presence_s,
			.port      = nc->teams.port,
		},
	};
	int err;

	reach_read(&conf.reach, node);
	if (nc->control)
		str_ncpy(path, nc->control, sizeof(path));
	else
		re_snprintf(path, sizeof(path), "%s/control.sock",
			    nc->state_dir);

	err = mqueue_alloc(&node->commands, command_h, node);
	if (err)
		return err;

	err = portal_start_or_warn(node, &conf, errs);
	if (err && !errors_count(errs))
		field_error(errs, node->conf, conf.address ? "portal"
			    : "control", "cannot serve %s: %s",
			    path, err == EADDRINUSE ? "another "
			    "callbridged is running with it, or the port is"
			    " in use" : strerror(err));
	if (!err && lease_is_shared(node->lease))
		about_h(node);

	return err ? EBADMSG : 0;
}


static int state_start(struct node *node, struct errors *errs)
{
	const char *dir = config_node(node->conf)->state_dir;
	int err;

	if (mkdir(dir, 0700) && errno != EEXIST) {
		field_error(errs, node->conf, "state_dir", "cannot make %s: "
			    "%s", dir, strerror(errno));
		return EBADMSG;
	}

	err = journal_open(&node->journal, dir);
	if (err) {
		field_error(errs, node->conf, "state_dir", "cannot write in "
			    "%s: %s", dir, strerror(err));
		return EBADMSG;
	}

	err = live_alloc(&node->live);
	if (err)
		return err;

	err = journal_recover(node->journal, node->live);
	if (err)
		warning("node", "", "the journal cannot be read: %m", err);

	return 0;
}


/* --- news of the keeper --- */


/** Certificates that were read again */
struct certs {
	struct tlsctx_files *teams, *sip;      /* owned, NULL: taken */
};


static void certs_destructor(void *data)
{
	struct certs *certs = data;

	mem_deref(certs->teams);
	mem_deref(certs->sip);
}


/** In the keeper's thread: the authorities that all trust are a hundred
    files, and read for 30 ms */
static int certs_read(void **morep, struct errors *errs, void *arg)
{
	const struct node *node = arg;
	struct certs *certs = mem_zalloc(sizeof(*certs), certs_destructor);
	int err;

	if (!certs)
		return ENOMEM;

	err = node->teams_tls ? tlsctx_read(&certs->teams, node->teams_tls,
					    errs) : 0;
	if (!err)
		err = tlsctx_read(&certs->sip, node->sip_tls, errs);

	if (err)
		mem_deref(certs);
	else
		*morep = certs;

	return err;
}


/** A configuration that was read again, checked against what runs */
static int reloaded(struct node *node, const struct config *conf,
		    struct certs *certs, struct errors *errs)
{
	int err = 0;

	if (node->teams_tls)
		err = names_check(node->teams_tls, conf, errs);
	if (err)
		return err;

	if (certs->teams)
		tlsctx_take(node->teams_tls, certs->teams);
	tlsctx_take(node->sip_tls, certs->sip);
	certs->teams = certs->sip = NULL;

	return 0;
}


static void news_tell(const struct node *node, const struct keeper_news *news,
		      int err)
{
	char text[4096];

	if (err && (news->conf || news->err))
		warning("node", "", "reload refused, nothing was changed: %H",
			errors_print, news->errs);
	else if (err)
		warning("node", "", "a change in the store cannot be gone by:"
			" %H", errors_print, news->errs);
	else if (news->conf)
		info("node", "", "reloaded: %u tenants",
		     list_count(&node->tenantl));
	else
		info("node", "", "the store has changed: %u tenants",
		     list_count(&node->tenantl));

	if (!err && news->conf &&
	    !fields_equal(&nodeconf_fields, config_node(node->conf),
			  config_node(news->conf)))
		warning("node", "", "settings of the node itself have "
			"changed: they hold from the next start");

	if (!news->asker)
		return;

	(void)re_snprintf(text, sizeof(text), "%H", errors_print, news->errs);
	portal_reply(news->asker, news->asked, err, err ? text : "");
}


/** Read while we refused what was read before it: once more */
static bool is_behind(struct node *node, const struct keeper_news *news)
{
	return !news->err && news->conf && keeper_is_refused(node->keeper) &&
		!keeper_reload(node->keeper, news->asker, news->asked);
}


static void news_h(int id, void *data, void *arg)
{
	struct node *node = arg;
	struct keeper_news *news;
	(void)id;
	(void)data;

	while ((news = keeper_take(node->keeper))) {
		int err = news->err;

		if (!keeper_news_some(news) || is_behind(node, news)) {
			mem_deref(news);
			continue;
		}

		if (!err && news->conf) {
			err = reloaded(node, news->conf, news->more,
				       news->errs);
			certs_tell(node);
		}
		if (!err)
			err = news_apply(node, news, news->errs);
		if (err && news->conf)
			keeper_refused(node->keeper);

		news_tell(node, news, err);
		mem_deref(news);
	}
}


/** In the keeper's thread */
static void news_ring(void *arg)
{
	struct node *node = arg;

	(void)mqueue_push(node->news, 0, NULL);
}


/* --- news of the leases --- */


static void leases_h(int id, void *data, void *arg)
{
	struct errors *errs = NULL;
	struct node *node = arg;
	(void)id;
	(void)data;

	if (!errors_alloc(&errs) && apply(node, errs))
		warning("node", "", "PBXs cannot be taken over: %H",
			errors_print, errs);
	mem_deref(errs);
}


/** In the lease's thread */
static void leases_ring(void *arg)
{
	struct node *node = arg;

	(void)mqueue_push(node->leases, 0, NULL);
}


static int lease_run(struct node *node, struct errors *errs)
{
	const struct lease_conf conf = {
		.url       = keeper_url(node->keeper),
		.node      = keeper_node(node->keeper),
		.state_dir = config_node(node->conf)->state_dir,
		.software  = "Callbridge/" CALLBRIDGE_VERSION,
	};
	int err;

	err = mqueue_alloc(&node->leases, leases_h, node);

	return err ? err : lease_open(&node->lease, &conf,
				      config_tenants(node->conf), errs);
}


static int keeper_run(struct node *node, struct errors *errs)
{
	struct keeper_news *news;
	int err;

	err = mqueue_alloc(&node->news, news_h, node);
	if (!err)
		err = keeper_open(&node->keeper, node->path, node->conf,
				  errs);
	if (!err)
		err = lease_run(node, errs);
	if (err)
		return err;

	news = keeper_first(node->keeper, errs);
	if (!news)
		return EBADMSG;

	config_take_tenants(node->conf, &node->tenantl);
	err = news_apply(node, news, errs);
	mem_deref(news);

	return err ? err : lease_start(node->lease, leases_ring, node);
}


static void destructor(void *arg)
{
	struct node *node = arg;
	size_t i;

	portal_stop(node->portal);
	mem_deref(node->commands);
	wheel_cancel(&node->drain_tmr);
	wheel_cancel(&node->cert_tmr);
	wheel_cancel(&node->about_tmr);

	mem_deref(node->calls);
	mem_deref(node->trunks);
	mem_deref(node->pool);
	loop_close(&node->media_fd);
	mem_deref(node->media);

	mem_deref(node->teams_lsnr);
	for (i = 0; i < RE_ARRAY_SIZE(node->lsnrv); i++)
		mem_deref(node->lsnrv[i]);
	mem_deref(node->resolver);
	mem_deref(node->stack);
	mem_deref(node->teams_tls);
	mem_deref(node->sip_tls);
	mem_deref(node->hep);
	mem_deref(node->trace);
	mem_deref(node->tapes);

	/* the journal is written to its end before it is taken over */
	mem_deref(node->journal);
	keeper_close(node->keeper);
	lease_close(node->lease);
	mem_deref(node->leases);
	mem_deref(node->news);
	live_free(node->live);

	loop_close(&node->tick);
	if (node->tick_fd >= 0)
		(void)close(node->tick_fd);
	mem_deref(node->wheel);
	list_flush(&node->tenantl);
	mem_deref(node->conf);
	mem_deref(node->path);
}


int node_start(struct node **nodep, const char *path, struct config *conf,
	       struct errors *errs)
{
	struct node *node;
	int err;

	node = mem_zalloc(sizeof(*node), destructor);
	if (!node)
		return ENOMEM;

	node->tick_fd = -1;
	node->conf = mem_ref(conf);
	err = str_dup(&node->path, path);
	if (!err)
		err = tls_load(node, errs);
	if (!err)
		err = wheel_run(node);
	if (!err)
		err = state_start(node, errs);
	if (!err)
		err = sip_start(node, errs);
	if (!err)
		err = media_start(node);
	if (!err)
		err = sides_start(node);
	if (!err)
		err = calls_start(node, errs);
	if (!err)
		err = keeper_run(node, errs);
	if (!err)
		err = portal_run(node, errs);
	if (!err)
		err = keeper_start(node->keeper, news_ring, certs_read,
				   node);
	if (err)
		goto out;

	cert_check_h(node);
	info("node", "", "Callbridge " CALLBRIDGE_VERSION " is running with "
	     "%u tenants", list_count(&node->tenantl));

 out:
	if (err)
		mem_deref(node);
	else
		*nodep = node;

	return err;
}


int node_reload(struct node *node)
{
	return keeper_reload(node->keeper, NULL, 0);
}


/* --- stopping --- */


static void end_h(void *arg)
{
	(void)arg;

	re_cancel();
}


static void unregistered_h(void *arg)
{
	struct node *node = arg;

	/* the last BYE and un-REGISTER have been sent; their answers are
	   waited for as long as transactions live, but not for ever */
	wheel_start(node->wheel, &node->drain_tmr,
		    stack_transactions(node->stack) ? 500 : 0, end_h, node);
}


static void drained_h(void *arg)
{
	struct node *node = arg;

	node->ending = true;
	wheel_start(node->wheel, &node->drain_tmr, DRAIN_END_MS, end_h, node);
	pool_unregister_all(node->pool, unregistered_h, node);
}


static void drain_over_h(void *arg)
{
	struct node *node = arg;

	/* ends with drained_h() when the last call has gone */
	calls_end_all(node->calls, "The bridge stops");
}


void node_stop(struct node *node, unsigned drain_s)
{
	if (node->ending) {
		re_cancel();
		return;
	}

	if (node->stopping) {
		drain_over_h(node);
		return;
	}

	node->stopping = true;
	info("node", "", "stopping: %zu calls are running",
	     calls_count(node->calls));

	lease_drain(node->lease);
	portal_drain(node->portal);
	wheel_start(node->wheel, &node->drain_tmr, (uint64_t)drain_s * 1000,
		    drain_over_h, node);
	calls_drain(node->calls, drained_h, node);
}
