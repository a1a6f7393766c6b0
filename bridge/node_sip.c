/**
 * @file node_sip.c  Where a bridge listens, with which certificates, to whom
 */
#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/tape.h"
#include "bridge/call/calls.h"
#include "bridge/model/own_name.h"
#include "bridge/pbx/pool.h"
#include "bridge/sip/hep.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/resolve.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "bridge/sip/tlsctx.h"
#include "bridge/sip/trace.h"
#include "bridge/sip/transp.h"
#include "bridge/teams/trunk.h"
#include "config.h"
#include "node_core.h"


enum { DNS_PORT_MAX = 8 };


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


/** Those of a PBX are known, or they were not admitted */
static void source_h(const struct listener *lsnr, const struct sa *peer,
		     struct stack_source *src, void *arg)
{
	const struct node *node = arg;

	if (lsnr == node->teams_lsnr)
		src->known = trunks_is_known(node->trunks, peer);
	else
		pool_source(node->pool, peer, src);
}


/* --- addresses and certificates --- */


int node_address(struct sa *sa, const char *address,
		 const struct config *conf, const char *field,
		 struct errors *errs)
{
	if (sa_set_str(sa, address, 0)) {
		node_error(errs, conf, field, "want an IP address of this "
			   "machine, found \"%s\"", address);
		return EBADMSG;
	}

	/* Contact and descriptions need an address that a peer can reach */
	if (sa_is_any(sa) && net_default_source_addr_get(sa_af(sa), sa)) {
		node_error(errs, conf, field, "%s stands for the address of "
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
int node_names_check(const struct tlsctx *ctx, const struct config *conf,
		     struct errors *errs)
{
	const char *carrier = config_node(conf)->teams.carrier;
	char own[OWN_NAME_SIZE];
	const struct le *le;
	int err = 0;

	if (carrier && !tlsctx_has_name(ctx, carrier)) {
		node_error(errs, conf, "teams.carrier",
			   "the certificate does not hold the carrier's "
			   "name %s", carrier);
		err = EBADMSG;
	}

	for (le = list_head(config_tenants(conf)); le; le = le->next) {
		const struct tenant *tenant = le->data;
		const char *name = own_name(
			&config_node(conf)->teams.own_names,
			tenant->teams.fqdn, own);

		if (!name || tlsctx_has_name(ctx, name))
			continue;

		node_error(errs, conf, "teams.certificate",
			   "the certificate does not hold the name %s of "
			   "tenant %s", name, tenant->tenant);
		err = EBADMSG;
	}

	return err;
}


bool node_has_teams(const struct nodeconf *node)
{
	return node->teams.certificate != NULL;
}


int node_tls_load(struct node *node, struct errors *errs)
{
	const struct nodeconf *nc = config_node(node->conf);
	int err = 0;

	if (node_has_teams(nc)) {
		err = teams_tls(&node->teams_tls, node->conf, errs);
		if (!err)
			err = node_names_check(node->teams_tls, node->conf,
					       errs);
	}

	if (!err)
		err = sip_tls(&node->sip_tls, node->conf, errs);

	return err;
}


/* --- listening --- */


static int listen_on(struct node *node, struct listener **lsnrp,
		     const struct listener_conf *conf, const char *field,
		     struct errors *errs)
{
	int err = listener_alloc(lsnrp, node->stack, conf);

	if (err)
		node_error(errs, node->conf, field,
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

	err = node_address(&conf.laddr, nc->sip.address, node->conf,
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

	if (!node_has_teams(nc)) {
		warning("node", "", "teams.certificate is not set: no calls "
			"to and from Teams, only registrations");
		return 0;
	}

	err = node_address(&conf.laddr, nc->teams.address, node->conf,
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
			node_error(errs, node->conf, "dns.servers", "want "
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
			node_error(errs, node->conf, "dns.hosts", "want an "
				   "address for %s, found \"%s\"",
				   host->name, host->address);
			return EBADMSG;
		}
		err = resolver_host_add(node->resolver, host->name, &sa);
	}

	return err;
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


int node_sip_start(struct node *node, struct errors *errs)
{
	const struct nodeconf *nc = config_node(node->conf);
	const struct stack_conf conf = {
		.wheel    = node->wheel,
		.software = "Callbridge/" CALLBRIDGE_VERSION,
		.handshakes = (uint32_t)nc->teams.handshakes,
		.handshakes_source = (uint32_t)nc->teams.handshakes_source,
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
	stack_source_set(node->stack, source_h);

	err = resolver_start(node, errs);
	if (!err)
		err = listen_pbx(node, errs);
	if (!err)
		err = listen_teams(node, errs);

	return err;
}
