/**
 * @file worker.h  One media thread: its loop, its sockets, its rings
 *
 * Who calls what: worker_alloc(), worker_send(), worker_receive() and
 * worker_bell() are the owner's; the rest is for the worker's own thread.
 */
#ifndef MEDIA_WORKER_H
#define MEDIA_WORKER_H

#include "bridge/base/wheel.h"
#include "media.h"

struct relay;
struct player;
struct tape;
struct relay_change;
struct sock;
struct worker;                     /* a libre memory object */

enum command_type { COMMAND_OPEN, COMMAND_CHANGE, COMMAND_DTMF,
		    COMMAND_DTMF_TOLD, COMMAND_PLAY, COMMAND_TAPE,
		    COMMAND_END, COMMAND_STOP };

/** From the owner to the worker */
struct command {
	enum command_type type;
	struct relay *relay;
	unsigned side;
	struct relay_change *change;   /* CHANGE: changes its owner        */
	struct player *player;     /* PLAY: changes its owner          */
	struct tape *tape;         /* TAPE: changes its owner          */
	char digit; uint8_t pt; uint32_t duration_ms;
};

/** From the worker to the owner */
struct notice {
	struct relay *relay;
	bool ended;                /* last of it: the relay is the owner's */
	struct stream_event event;
};

/** Start a thread. @return 0, ENOMEM, errno. The destructor stops it, ends
    every relay left and frees it */
int worker_alloc(struct worker **workerp, unsigned index,
		 const struct media_conf *conf);

/** @return 0, ENOBUFS the ring is full */
int worker_send(struct worker *worker, const struct command *cmd);

bool worker_receive(struct worker *worker, struct notice *notice);
int  worker_bell(const struct worker *worker);
void worker_bell_clear(struct worker *worker);

const struct media_conf *worker_conf(const struct worker *worker);
struct wheel *worker_wheel(struct worker *worker);

/** Monotonic time of this round [us] */
uint64_t worker_now(const struct worker *worker);

/** The same as 32.32 NTP time. Set by the wall clock once at the start: a
    clock that jumps later does not spoil round trip times */
uint64_t worker_ntp(const struct worker *worker);

/** For spreading timers, not for secrets */
uint32_t worker_random(struct worker *worker);

/** Tell the owner; dropped and counted when it does not listen */
void worker_tell(struct worker *worker, struct relay *relay,
		 const struct stream_event *event);

/** A relay's `ending` flag was seen: end such ones after this round */
void worker_sweep(struct worker *worker);

int  worker_listen(struct worker *worker, struct sock *sock);

#endif
