/**
 * @file node_portal.c  The portal of a bridge, and what it asks for
 */
#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "bridge/call/calls.h"
#include "bridge/pbx/pool.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/transp.h"
#include "about.h"
#include "config.h"
#include "inbox.h"
#include "keeper.h"
#include "lease.h"
#include "lender.h"
#include "node_core.h"
#include "reach.h"
#include "portal-api/portal.h"


enum { ABOUT_MS = 2000 };


/** What the inbox of the SIP thread brings */
enum { COMMAND, QUIET, WISH };


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


/** The node ends before it could do what it was told */
static void dropped_h(int id, void *data, void *arg)
{
	(void)arg;

	if (id == WISH)
		wish_grant(data, NULL);
	else
		mem_deref(data);
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
	err = inbox_push(node->commands, COMMAND, copy);
	if (err)
		mem_deref(copy);

	return err ? EAGAIN : 0;
}


/** Runs in the portal's thread, likewise */
static void quiet_push(struct portal_quiet *quiet, void *arg)
{
	struct node *node = arg;

	if (inbox_push(node->commands, QUIET, quiet))
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
		.node = config_node(node->conf),
	};

	reach_read(&reach, node);
	lease_about(node->lease, about_text(&about));
	wheel_start(node->wheel, &node->about_tmr, ABOUT_MS, about_h, node);
}


int node_portal_start(struct node *node, struct errors *errs)
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
			.own_names = nc->teams.own_names,
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

	err = inbox_alloc(&node->commands, command_h, dropped_h, node);
	if (err)
		return err;

	err = portal_start_or_warn(node, &conf, errs);
	if (err && !errors_count(errs))
		node_error(errs, node->conf, conf.address ? "portal"
			   : "control", "cannot serve %s: %s",
			   path, err == EADDRINUSE ? "another "
			   "callbridged is running with it, or the port is"
			   " in use" : strerror(err));
	if (!err && lease_is_shared(node->lease))
		about_h(node);

	return err ? EBADMSG : 0;
}
