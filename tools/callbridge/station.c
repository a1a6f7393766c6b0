/**
 * @file station.c  A phone of the command line's own
 */
#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "bridge/model/nodeconf.h"
#include "bridge/pbx/pool.h"
#include "bridge/sip/compat.h"
#include "bridge/sip/resolve.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "bridge/sip/tlsctx.h"
#include "bridge/sip/transp.h"
#include "cli.h"
#include "station.h"


enum {
	TICK_MS    = 5,
	T1_MS      = 250,          /* half of the RFC's: 16 s until nobody
				      answered                             */
	VERDICT_MS = 20 * 1000,
	SERVERS    = 8,
};


struct station {
	struct wheel *wheel;       /* owned, as all below */
	struct stack *stack;
	struct resolver *resolver;
	struct tlsctx *tls;
	struct listener *lsnrv[SIP_TRANSPC];
	struct pool *pool;
	struct loop_fd tick;
	int tick_fd;
	struct wheel_tmr limit_tmr;
	struct reg_status *st;     /* of the one who asks, or NULL */
	bool ending;
};


static bool interrupted;


static void signal_h(int sig)
{
	(void)sig;

	interrupted = true;
	re_cancel();
}


int station_init(void)
{
	int err;

	err = libre_init();
	if (err) {
		term_error("%m", err);
		return err;
	}

	(void)signal(SIGPIPE, SIG_IGN);

	/* what happened is told by the status */
	return log_open("/dev/null", LOG_TEXT, LOG_WARNING_LEVEL);
}


void station_close(void)
{
	log_close();
	libre_close();
}


static void destructor(void *data)
{
	struct station *station = data;

	wheel_cancel(&station->limit_tmr);
	mem_deref(station->pool);
	for (size_t i = 0; i < SIP_TRANSPC; i++)
		mem_deref(station->lsnrv[i]);
	mem_deref(station->resolver);
	mem_deref(station->stack);
	mem_deref(station->tls);
	loop_close(&station->tick);
	if (station->tick_fd >= 0)
		(void)close(station->tick_fd);
	mem_deref(station->wheel);
}


static void tick_h(int flags, void *arg)
{
	struct station *station = arg;
	uint64_t n;
	(void)flags;

	if (read(station->tick_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		wheel_advance(station->wheel, clock_ms());
}


static int wheel_run(struct station *station)
{
	const struct itimerspec every = {
		.it_interval.tv_nsec = TICK_MS * 1000000L,
		.it_value.tv_nsec    = TICK_MS * 1000000L,
	};
	int err;

	err = wheel_alloc(&station->wheel, clock_ms());
	if (err)
		return err;

	station->tick_fd = timerfd_create(CLOCK_MONOTONIC,
					  TFD_NONBLOCK | TFD_CLOEXEC);
	if (station->tick_fd < 0 ||
	    timerfd_settime(station->tick_fd, 0, &every, NULL))
		return errno;

	return loop_listen(&station->tick, station->tick_fd, FD_READ, tick_h,
			   station);
}


static void status_h(const struct reg_status *st, void *arg)
{
	struct station *station = arg;

	if (!station->st || station->ending || st->removed)
		return;

	*station->st = *st;
	if (st->state != REG_QUEUED && st->state != REG_OFF)
		re_cancel();
}


static void limit_h(void *arg)
{
	(void)arg;

	re_cancel();
}


static void incoming_h(struct strans *st, const struct sip_msg *msg, void *arg)
{
	struct station *station = arg;

	/* a PBX's qualify, or its news of a mailbox */
	if (!pool_request(station->pool, st, msg))
		strans_reject(st, 480, "Only trying");
}


static bool admit_h(const struct listener *lsnr, const struct sa *peer,
		    void *arg)
{
	const struct station *station = arg;
	(void)lsnr;

	return pool_admits(station->pool, peer);
}


static int resolver_open(struct station *station, const struct nodeconf *conf)
{
	struct sa srvv[SERVERS];
	size_t n = 0;
	int err;

	for (size_t i = 0; i < conf->dns.servers.c && n < SERVERS; i++)
		if (!nodeconf_address(&srvv[n], conf->dns.servers.v[i], 53))
			++n;

	err = resolver_alloc(&station->resolver, station->wheel, srvv, n);

	for (struct le *le = list_head(&conf->dns.hosts); le && !err;
	     le = le->next) {
		const struct nodeconf_host *host = le->data;
		struct sa sa;

		if (!nodeconf_address(&sa, host->address, 0))
			err = resolver_host_add(station->resolver, host->name,
						&sa);
	}

	return err;
}


static int listen_all(struct station *station, const struct nodeconf *conf)
{
	struct listener_conf lc = {
		.name = "pbx", .host = conf->sip.public_address,
	};
	int err;

	err = sa_set_str(&lc.laddr, conf->sip.address, 0);
	if (!err && sa_is_any(&lc.laddr))
		err = net_default_source_addr_get(sa_af(&lc.laddr),
						  &lc.laddr);
	if (err) {
		term_error("want an address of this machine in sip.address:"
			   " %s is none, or there is no default route",
			   conf->sip.address);
		return err;
	}

	for (int tp = SIP_TRANSP_UDP; tp <= SIP_TRANSP_TLS && !err; tp++) {
		sa_set_port(&lc.laddr, 0);
		lc.tp  = (enum sip_transp)tp;
		lc.tls = tp == SIP_TRANSP_TLS ? station->tls : NULL;
		err = listener_alloc(&station->lsnrv[tp], station->stack, &lc);
		if (err)
			term_error("cannot listen on %s: %m",
				   conf->sip.address, err);
	}

	return err;
}


static int sip_open(struct station *station, const struct nodeconf *conf)
{
	const struct stack_conf sc = {
		.wheel    = station->wheel,
		.software = "Callbridge/" CALLBRIDGE_VERSION,
		.timers   = { .t1_ms = T1_MS },
	};
	const struct tlsctx_conf tc = { .verify = TLS_VERIFY_FULL };
	struct errors *errs = NULL;
	int err;

	err = errors_alloc(&errs);
	if (!err)
		err = tlsctx_alloc(&station->tls, &tc, errs, NULL);
	if (err)
		term_errors(errs);
	mem_deref(errs);

	if (!err)
		err = stack_alloc(&station->stack, &sc);
	if (err)
		return err;

	stack_handlers_set(station->stack, incoming_h, admit_h, station);

	err = resolver_open(station, conf);

	return err ? err : listen_all(station, conf);
}


int station_alloc(struct station **stationp, const struct nodeconf *conf)
{
	struct pool_conf pc = { .spread = false };
	struct station *station;
	int err;

	station = mem_zalloc(sizeof(*station), destructor);
	if (!station)
		return ENOMEM;

	station->tick_fd = -1;

	err = wheel_run(station);
	if (!err)
		err = sip_open(station, conf);
	if (!err) {
		pc.stack    = station->stack;
		pc.resolver = station->resolver;
		memcpy(pc.lsnrv, station->lsnrv, sizeof(pc.lsnrv));
		err = pool_alloc(&station->pool, &pc, status_h, station);
	}

	if (err)
		mem_deref(station);
	else
		*stationp = station;

	return err;
}


static void gone_h(void *arg)
{
	(void)arg;

	re_cancel();
}


/** Run the loop until somebody cancels it, with Ctrl-C as one of them */
static int run(void)
{
	struct sigaction act = { .sa_handler = signal_h }, old;
	int err;

	(void)sigaction(SIGINT, &act, &old);
	err = re_main(NULL);
	(void)sigaction(SIGINT, &old, NULL);

	return interrupted ? EINTR : err;
}


int station_register(struct station *station, const struct list *tenantl,
		     struct reg_status *st)
{
	struct errors *errs = NULL;
	int err;

	memset(st, 0, sizeof(*st));
	st->state = REG_QUEUED;
	station->st = st;
	interrupted = false;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = pool_apply(station->pool, tenantl, errs);
	if (err)
		term_errors(errs);
	mem_deref(errs);
	if (err)
		return err;

	wheel_start(station->wheel, &station->limit_tmr, VERDICT_MS, limit_h,
		    station);
	err = run();
	wheel_cancel(&station->limit_tmr);

	/* also when interrupted: a binding that is left behind evicts the
	   user's real phone, or rings nowhere */
	station->ending = true;
	pool_unregister_all(station->pool, gone_h, station);
	(void)run();
	station->st = NULL;

	return err;
}
