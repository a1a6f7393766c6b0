/**
 * @file caller.h  Calls from the PBX side, made at a given rate
 *
 * A call is INVITE with a G.711 offer, ACK, a time of talk, and BYE. It goes
 * to the contact that the called user registered, or to one fixed target.
 */
#ifndef LOAD_CALLER_H
#define LOAD_CALLER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "wire.h"

struct caller;
struct registrar;
struct voice;

/** Put a datagram on the PBX's SIP port */
typedef void (caller_send_h)(const struct sockaddr_in *dst, const char *p,
			     size_t l, void *arg);

struct caller_conf {
	const struct registrar *registrar;     /* borrowed               */
	struct voice *voice;                   /* borrowed               */
	unsigned first, users;                 /* who is called in turn  */
	struct sockaddr_in laddr;              /* the PBX's SIP port     */
	const struct sockaddr_in *target;      /* NULL: users' contacts  */
	caller_send_h *sendh;
	void *arg;
};

struct caller_job {
	unsigned calls;
	double rate;               /* calls a second                     */
	unsigned hold_ms;          /* of talk, unless `stay`             */
	bool stay;                 /* until caller_hangup()              */
};

struct caller_stats {
	unsigned begun, answered, ended;
	unsigned failed;           /* refused, or no answer at all       */
	unsigned dropped;          /* the other side sent BYE            */
	unsigned scode;            /* of the last refusal                */
	uint64_t first_us, last_us;    /* first INVITE, last end         */
	uint32_t *ring_us;         /* INVITE to 180, of `ringing` calls  */
	unsigned ringing;
};

/** @return 0, ENOMEM */
int caller_alloc(struct caller **cp, const struct caller_conf *conf);
void caller_free(struct caller *c);

/** Begin a job; the one before is over. @return 0, ENOMEM */
int caller_begin(struct caller *c, const struct caller_job *job);

/** End every call that still is */
void caller_hangup(struct caller *c);

/** A message came to the PBX's port that is not a REGISTER */
void caller_message(struct caller *c, const struct wire *msg,
		    const struct sockaddr_in *from);

/** Some milliseconds have passed */
void caller_tick(struct caller *c);

/** All calls of the job are answered or have failed */
bool caller_is_up(const struct caller *c);

/** All calls of the job are over */
bool caller_is_over(const struct caller *c);

const struct caller_stats *caller_stats(const struct caller *c);

#endif
