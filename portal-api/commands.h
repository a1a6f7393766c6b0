/**
 * @file commands.h  What the bridge is asked to do, until its outcome is told
 *
 * The portal's thread has all of it but the outcomes, which come from any
 * thread and wait behind a lock until the bell is heard.
 */
#ifndef PORTAL_COMMANDS_H
#define PORTAL_COMMANDS_H

#include <stdint.h>

struct commands;                   /* commands_alloc/commands_free */
struct event_base;
struct portal;
struct portal_command;
struct request;

/** @return 0, ENOMEM */
int commands_alloc(struct commands **cp, struct portal *portal,
		   struct event_base *base);

/** Hand one on; the request is answered when its outcome is known
    @param cmd  Without its portal and id */
void commands_begin(struct commands *c, struct request *rq,
		    struct portal_command *cmd);

/** An outcome, as of portal_reply(). From any thread; the bell is to be rung.
    Without memory the time limit answers */
void commands_tell(struct commands *c, uint64_t id, int err,
		   const char *text);

/** Answer those whose outcome was told */
void commands_answer(struct commands *c);

/** Answer all that still wait: the service ends */
void commands_end(struct commands *c);

/** NULL is fine */
void commands_free(struct commands *c);

#endif
