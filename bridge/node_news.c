/**
 * @file node_news.c  What the keeper and the lease tell: customers that came,
 *                    changed or went, certificates, PBXs to serve
 */
#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/model/own_name.h"
#include "bridge/pbx/pool.h"
#include "bridge/sip/tlsctx.h"
#include "bridge/teams/trunk.h"
#include "config.h"
#include "keeper.h"
#include "lease.h"
#include "node_core.h"
#include "portal-api/portal.h"


enum {
	CERT_CHECK_MS = 3600 * 1000,
	CERT_WARN_S   = 30 * 86400,
};


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


void node_certs_watch(void *arg)
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

	wheel_start(node->wheel, &node->cert_tmr, CERT_CHECK_MS,
		    node_certs_watch, node);
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
		err = node_names_check(node->teams_tls, conf, errs);
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


int node_keeper_open(struct node *node, struct errors *errs)
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


int node_keeper_start(struct node *node)
{
	return keeper_start(node->keeper, news_ring, certs_read, node);
}
