/**
 * @file node.c  Wires the rooms together
 */
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "bridge/call/calls.h"
#include "bridge/call/music.h"
#include "bridge/media/media.h"
#include "bridge/pbx/pool.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/transp.h"
#include "bridge/store/journal.h"
#include "bridge/store/live.h"
#include "bridge/teams/trunk.h"
#include "config.h"
#include "keeper.h"
#include "lease.h"
#include "node.h"
#include "node_core.h"
#include "portal-api/portal.h"


enum {
	GATHER_MS    = 128,        /* statuses for the journal wait so long */
	DRAIN_END_MS = 4000,       /* for the last BYEs and un-REGISTERs    */
	SILENCE_S    = 30,         /* told that often, at most              */
};


void node_error(struct errors *errs, const struct config *conf,
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

	const bool news = live_reg(node->live, st);

	/* what another node does is for that one to tell */
	if (st->away || st->waits)
		return;

	/* a refresh like all before it is nothing to remember; who queues was
	   shown before */
	if (!news && st->state != REG_QUEUED)
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


/** How a running call goes is no news for the journal */
static void live_h(const struct call_record *rec, void *arg)
{
	struct node *node = arg;

	live_call(node->live, rec);
}


/* --- starting --- */


static void media_h(int flags, void *arg)
{
	struct node *node = arg;
	(void)flags;

	media_dispatch(node->media);
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


static int public_get(struct sa *sa, const char *address)
{
	sa_init(sa, AF_INET);

	return address ? sa_set_str(sa, address, 0) : 0;
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

	err = node_address(&conf.pbx_laddr, nc->sip.address, node->conf,
			   "sip.address", errs);
	conf.teams_laddr = conf.pbx_laddr;
	if (!err && node_has_teams(nc))
		err = node_address(&conf.teams_laddr, nc->teams.address,
				   node->conf, "teams.address", errs);
	if (err)
		return err;

	if (public_get(&conf.pbx_public, nc->sip.public_address) ||
	    public_get(&conf.teams_public, nc->teams.public_address)) {
		node_error(errs, node->conf, "public_address",
			   "want an IP address");
		return EBADMSG;
	}

	return calls_alloc(&node->calls, &conf, record_h, node);
}


static int state_start(struct node *node, struct errors *errs)
{
	const char *dir = config_node(node->conf)->state_dir;
	int err;

	if (mkdir(dir, 0700) && errno != EEXIST) {
		node_error(errs, node->conf, "state_dir", "cannot make %s: "
			   "%s", dir, strerror(errno));
		return EBADMSG;
	}

	err = journal_open(&node->journal, dir);
	if (err) {
		node_error(errs, node->conf, "state_dir", "cannot write in "
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


int node_check(const char *path, struct errors *errs)
{
	struct node *node;
	int err;

	node = mem_zalloc(sizeof(*node), NULL);
	if (!node)
		return ENOMEM;

	err = config_load(&node->conf, path, errs);
	if (!err)
		err = node_tls_load(node, errs);

	mem_deref(node->teams_tls);
	mem_deref(node->sip_tls);
	mem_deref(node->conf);
	music_close();
	mem_deref(node);

	return err;
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

	/* who left may have told something still */
	wheel_cancel(&node->gather_tmr);

	/* the journal is written to its end before it is taken over */
	mem_deref(node->journal);
	keeper_close(node->keeper);
	lease_close(node->lease);
	mem_deref(node->leases);
	mem_deref(node->news);
	live_free(node->live);

	node_clock_stop(node);
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
	node->soon_fd = -1;
	node->conf = mem_ref(conf);
	err = str_dup(&node->path, path);
	if (!err)
		err = node_tls_load(node, errs);
	if (!err)
		err = node_clock_start(node);
	if (!err)
		err = state_start(node, errs);
	if (!err)
		err = node_sip_start(node, errs);
	if (!err)
		err = media_start(node);
	if (!err)
		err = sides_start(node);
	if (!err)
		err = calls_start(node, errs);
	if (!err)
		err = node_keeper_open(node, errs);
	if (!err)
		err = node_portal_start(node, errs);
	if (!err)
		err = node_keeper_start(node);
	if (err)
		goto out;

	node_certs_watch(node);
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
