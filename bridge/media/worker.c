/**
 * @file worker.c  One media thread: its loop, its sockets, its rings
 *
 * The loop rests a little. With a hundred calls a packet comes each 100 us;
 * to wake for every one costs more than to carry it. So a worker with enough
 * to do does not wait for the next packet but sleeps QUANTUM_US whenever all
 * sockets are empty, and carries together what has come in the meantime. Under
 * full load they never are, and with few packets it waits for each as usual.
 * The packet path knows nothing of it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/ring.h"
#include "bridge/base/thread.h"
#include "relay.h"
#include "worker.h"


enum {
	COMMANDS     = 4096,
	NOTICES      = 4096,
	BATCH        = 256,        /* events of one round                  */
	QUANTUM_US   = 700,        /* the longest delay we add; 1 ms is
				      allowed (threat model, RTP loss)     */
	BUSY_PACKETS = 2000,       /* a second: from here on it pays       */
	RATE_US      = 100000,     /* the packet rate is looked at so often */
	RETRY_MS     = 20,         /* the owner does not take its notices  */
	WAIT_MAX_MS  = 60000,
	NTP_OFFSET   = 0x83aa7e80, /* 1900 to 1970 [s]; fits unsigned      */
};


struct worker {
	struct media_conf conf;
	pthread_t thread;
	bool started;
	int epfd;                  /* owned                                */
	struct ring *commands;     /* owned; owner to worker               */
	struct ring *notices;      /* owned; worker to owner               */
	struct wheel *wheel;       /* owned                                */
	struct list relayl;        /* struct relay, being relayed          */
	struct list endedl;        /* struct relay, notice not yet given   */
	atomic_bool stop;
	uint64_t now_us;
	uint64_t ntp_us;           /* unix time at monotonic 0 [us]        */
	uint32_t random;
	uint64_t rate_us;          /* when counting began                  */
	unsigned packets;          /* since then                           */
	bool busy;                 /* resting pays                         */
	bool sweep;                /* a relay has its `ending` flag up     */
	struct metric *dropped;
	_Alignas(16) uint8_t buf[RELAY_BUF];
};


const struct media_conf *worker_conf(const struct worker *worker)
{
	return &worker->conf;
}


struct wheel *worker_wheel(struct worker *worker)
{
	return worker->wheel;
}


uint64_t worker_now(const struct worker *worker)
{
	return worker->now_us;
}


uint64_t worker_ntp(const struct worker *worker)
{
	const uint64_t us = worker->ntp_us + worker->now_us;
	const uint64_t s = us / 1000000 + (uint32_t)NTP_OFFSET;

	return s << 32 | ((us % 1000000) << 32) / 1000000;
}


/** xorshift (Marsaglia) */
uint32_t worker_random(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 17;
	worker->random ^= worker->random << 5;

	return worker->random;
}


void worker_tell(struct worker *worker, struct relay *relay,
		 const struct stream_event *event)
{
	const struct notice notice = { .relay = relay, .event = *event };

	if (ring_push(worker->notices, &notice))
		metric_add(worker->dropped, 1);
}


int worker_listen(struct worker *worker, struct sock *sock)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = sock };

	if (epoll_ctl(worker->epfd, EPOLL_CTL_ADD, sock->fd, &ev) < 0)
		return errno;

	return 0;
}


static void end(struct worker *worker, struct relay *relay)
{
	relay_end(relay);
	list_unlink(&relay->le);
	list_append(&worker->endedl, &relay->le, relay);
}


/** Give ended relays back: their ports must rest, so no notice may be lost */
static void give_back(struct worker *worker)
{
	while (worker->endedl.head) {
		struct relay *relay = worker->endedl.head->data;
		const struct notice notice = { .relay = relay,
					       .ended = true };

		list_unlink(&relay->le);
		if (ring_push(worker->notices, &notice)) {
			list_prepend(&worker->endedl, &relay->le, relay);
			return;
		}
	}
}


static void obey(struct worker *worker, const struct command *cmd)
{
	switch (cmd->type) {

	case COMMAND_OPEN:
		list_append(&worker->relayl, &cmd->relay->le, cmd->relay);
		if (relay_open(cmd->relay))
			warning("media", "", "a stream's sockets cannot be "
				"watched");
		break;

	case COMMAND_CHANGE:
		relay_apply(cmd->relay, cmd->side, cmd->change);
		mem_deref(cmd->change);
		break;

	case COMMAND_DTMF:
		digits_send(&cmd->relay->sidev[cmd->side], cmd->digit,
			    cmd->pt, cmd->duration_ms);
		break;

	case COMMAND_DTMF_TOLD:
		digits_told(&cmd->relay->sidev[cmd->side], cmd->digit,
			    cmd->duration_ms);
		break;

	case COMMAND_PLAY:
		relay_play(cmd->relay, cmd->side, cmd->player);
		break;

	case COMMAND_TAPE:
		cmd->relay->tape = cmd->tape;
		break;

	case COMMAND_END:
		end(worker, cmd->relay);
		break;

	case COMMAND_STOP:
		break;
	}
}


static void obey_all(struct worker *worker)
{
	struct command cmd;

	ring_bell_clear(worker->commands);
	while (ring_pop(worker->commands, &cmd))
		obey(worker, &cmd);
}


void worker_sweep(struct worker *worker)
{
	worker->sweep = true;
}


/** End what is flagged. Commands first: older ones may name such a relay */
static void sweep(struct worker *worker)
{
	struct le *le;

	worker->sweep = false;
	obey_all(worker);

	for (le = worker->relayl.head; le;) {
		struct relay *relay = le->data;

		le = le->next;
		if (atomic_load(&relay->ending))
			end(worker, relay);
	}
}


/**
 * Receive one datagram. The socket stays ready while there are more: to read
 * until EAGAIN would cost one call more for each packet of a voice stream.
 */
static void receive(struct worker *worker, struct sock *sock)
{
	struct sa src;
	ssize_t n;

	src.len = sizeof(src.u);
	n = recvfrom(sock->fd, worker->buf, sizeof(worker->buf), MSG_TRUNC,
		     &src.u.sa, &src.len);
	if (n < 0)
		return;

	worker->packets++;
	relay_receive(sock, worker->buf, (size_t)n, &src);
}


static void measure_rate(struct worker *worker)
{
	const uint64_t us = worker->now_us - worker->rate_us;

	if (us < RATE_US)
		return;

	worker->busy = (uint64_t)worker->packets * 1000000 / us
		>= BUSY_PACKETS;
	worker->packets = 0;
	worker->rate_us = worker->now_us;
}


static void rest(const struct worker *worker)
{
	const uint64_t until_us = worker->now_us + QUANTUM_US;
	const struct timespec ts = {
		.tv_sec  = (time_t)(until_us / 1000000),
		.tv_nsec = (long)(until_us % 1000000) * 1000,
	};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}


static int wait_ms(const struct worker *worker)
{
	const uint64_t next = wheel_next(worker->wheel);

	if (worker->endedl.head)
		return RETRY_MS;

	return next < WAIT_MAX_MS ? (int)next : (int)WAIT_MAX_MS;
}


static bool commanded(const struct epoll_event *evv, int n)
{
	for (int i = 0; i < n; i++) {
		if (!evv[i].data.ptr)
			return true;
	}

	return false;
}


static void run_round(struct worker *worker)
{
	struct epoll_event evv[BATCH];
	int n;

	n = epoll_wait(worker->epfd, evv, BATCH,
		       worker->busy ? 0 : wait_ms(worker));
	worker->now_us = clock_us();

	/* Commands alone: one may end a relay that has a packet in this round,
	   and another may be what that packet needs. It is ready once more */
	if (commanded(evv, n)) {
		obey_all(worker);
	}
	else {
		for (int i = 0; i < n; i++)
			receive(worker, evv[i].data.ptr);
	}

	wheel_advance(worker->wheel, worker->now_us / 1000);

	if (worker->sweep)
		sweep(worker);

	give_back(worker);
	measure_rate(worker);

	if (worker->busy && n <= 0)
		rest(worker);
}


static void *run(void *arg)
{
	struct worker *worker = arg;

	/* default slack of 50 us would lengthen each rest */
	(void)prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);

	while (!atomic_load(&worker->stop))
		run_round(worker);

	obey_all(worker);
	while (worker->relayl.head)
		end(worker, worker->relayl.head->data);

	return NULL;
}


static void stop(struct worker *worker)
{
	const struct command cmd = { .type = COMMAND_STOP };
	struct notice notice;

	/* A full ring has rung already, and the flag is seen after it */
	atomic_store(&worker->stop, true);
	(void)ring_push(worker->commands, &cmd);
	(void)pthread_join(worker->thread, NULL);

	while (ring_pop(worker->notices, &notice)) {
		if (notice.ended)
			mem_deref(notice.relay);
	}

	while (worker->endedl.head) {
		struct relay *relay = worker->endedl.head->data;

		list_unlink(&relay->le);
		mem_deref(relay);
	}
}


static void destructor(void *data)
{
	struct worker *worker = data;

	if (worker->started)
		stop(worker);

	if (worker->epfd >= 0)
		(void)close(worker->epfd);
	mem_deref(worker->commands);
	mem_deref(worker->notices);
	mem_deref(worker->wheel);
}


static int start(struct worker *worker, unsigned index)
{
	char name[16];
	int err;

	(void)snprintf(name, sizeof(name), "media-%u", index);
	err = thread_start(&worker->thread, name, run, worker);
	worker->started = !err;

	return err;
}


static int init(struct worker *worker)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct timespec ts;
	int err;

	worker->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epfd < 0)
		return errno;

	worker->now_us = clock_us();
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	worker->ntp_us = (uint64_t)ts.tv_sec * 1000000 +
		(uint64_t)ts.tv_nsec / 1000 - worker->now_us;
	worker->random = (uint32_t)worker->now_us | 1;

	err = ring_alloc(&worker->commands, sizeof(struct command), COMMANDS);
	if (!err)
		err = ring_alloc(&worker->notices, sizeof(struct notice),
				 NOTICES);
	if (!err)
		err = wheel_alloc(&worker->wheel, worker->now_us / 1000);
	if (err)
		return err;

	if (epoll_ctl(worker->epfd, EPOLL_CTL_ADD, ring_fd(worker->commands),
		      &ev) < 0)
		return errno;

	return 0;
}


int worker_alloc(struct worker **workerp, unsigned index,
		 const struct media_conf *conf)
{
	struct worker *worker;
	int err;

	worker = mem_zalloc(sizeof(*worker), destructor);
	if (!worker)
		return ENOMEM;

	worker->epfd    = -1;
	worker->conf    = *conf;
	worker->dropped = metric_counter("callbridge_media_events_lost_total",
					 NULL, "Media events nobody took");

	err = init(worker);
	if (!err)
		err = start(worker, index);

	if (err)
		mem_deref(worker);
	else
		*workerp = worker;

	return err;
}


int worker_send(struct worker *worker, const struct command *cmd)
{
	return ring_push(worker->commands, cmd) ? ENOBUFS : 0;
}


bool worker_receive(struct worker *worker, struct notice *notice)
{
	return ring_pop(worker->notices, notice);
}


int worker_bell(const struct worker *worker)
{
	return ring_fd(worker->notices);
}


void worker_bell_clear(struct worker *worker)
{
	ring_bell_clear(worker->notices);
}
